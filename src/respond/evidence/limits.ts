const MIB = 1024 * 1024;

/** Bytes of what a host sends, compressed: two thirds of a gigabyte of memory maps and files is beyond what anybody reads. */
export const EVIDENCE_ARCHIVE_BYTES_MAX = 256 * MIB;

/** Bytes kept in all. More is refused, never made room for by itself: evidence goes when a person says so. */
export const EVIDENCE_STORE_BYTES_MAX = 4096 * MIB;

/** Files of one archive; the manifest names each and must stay a record (2 MiB). */
export const EVIDENCE_FILES_MAX = 4000;

/** Bytes of their names in the manifest: the container chooses them, and the record must stay one. */
export const EVIDENCE_NAMES_BYTES_MAX = 768 * 1024;

/** Bytes of one name: what a reader of tar takes (PATH_MAX). */
export const EVIDENCE_NAME_BYTES_MAX = 4000;

/** Folders within folders that are walked; each is held open meanwhile. */
export const EVIDENCE_DEPTH_MAX = 100;

/** Bytes of one file that the container changed; larger ones are named and hashed, not copied. */
export const EVIDENCE_FILE_BYTES_MAX = 32 * MIB;

/** Bytes of all files that are copied out of the container's layer. */
export const EVIDENCE_LAYER_BYTES_MAX = 192 * MIB;

/** Bytes of everything in one archive before it is compressed: the agent holds them in memory while the container is stopped. */
export const EVIDENCE_KEPT_BYTES_MAX = 256 * MIB;

/** Bytes of changed files that are read to be hashed: a container that filled its disk must not stay frozen for minutes. */
export const EVIDENCE_HASH_BYTES_MAX = 1024 * MIB;

/** Processes looked at; a fork bomb shows as its first thousand. */
export const EVIDENCE_PROCESSES_MAX = 1000;

/** Open files told of one process. */
export const EVIDENCE_OPEN_FILES_MAX = 4096;

/** Bytes of one file of /proc, of the container's log, of what the engine says of it. */
export const EVIDENCE_TEXT_BYTES_MAX = 4 * MIB;

/** Bytes of what control knew of the incident: two hundred alerts with their command lines have some ten MiB at the most. */
export const EVIDENCE_CONTEXT_BYTES_MAX = 32 * MIB;

/** Milliseconds that a container is stopped at the most to be looked at: within this a service's clients still wait. */
export const EVIDENCE_FREEZE_MS_MAX = 20_000;

/** Seconds for which packets are kept at the most, before the container is stopped, and bytes of them. */
export const EVIDENCE_PACKET_SECONDS_MAX = 30;
export const EVIDENCE_PACKET_BYTES_MAX = 16 * MIB;

/** Milliseconds until a host that does not answer has failed. */
export const EVIDENCE_TIMEOUT_MS = 120_000;

/** Bytes that a verifier unpacks: what compresses a thousandfold was made to. */
export const EVIDENCE_UNPACKED_BYTES_MAX = 1024 * MIB;

/** Pieces of evidence in one answer. */
export const EVIDENCE_PAGE_MAX = 200;
