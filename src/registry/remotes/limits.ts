/** A name with realm, service, scope and error is a few hundred characters. */
export const REMOTE_CHALLENGE_LENGTH_MAX = 4096;
/** Requests that change nothing are sent this often before a remote registry counts as down. */
export const REMOTE_TRIES_MAX = 3;
/** The pause before the second try; it doubles with each further one, up to the longest, also when the remote asks for more. */
export const REMOTE_PAUSE_MS = 100;
export const REMOTE_PAUSE_MS_MAX = 30_000;
/** A transfer of gigabytes over a bad line is cut some times; one that is cut more often goes nowhere. */
export const REMOTE_RESUMES_MAX = 20;
/** Below a modem's rate a remote only holds our connection and our disk. Asked after the first minute. */
export const REMOTE_RATE_BYTES_MIN = 1024;
/** Pages of a list; each has a thousand names, so that a remote which never says "last page" ends here. */
export const REMOTE_PAGES_MAX = 200;
/** `Darsena-Via`: sixteen hex digits an instance, and no sensible chain of mirrors is longer than a handful. */
export const VIA_LENGTH_MAX = 512;
/** Texts of a definition: a name as in commands, lists of patterns and hosts. */
export const REMOTE_LIST_MAX = 50;
/** A PEM file of a CA with its intermediates is below 20 KiB. */
export const REMOTE_CA_LENGTH_MAX = 64 * 1024;
/** Referrers of one image that are brought along (signatures, SBOMs, attestations); V5 of the reliability plan: at most a hundred count. */
export const REFERRERS_BROUGHT_MAX = 100;
/** Their bytes for one image: SBOMs reach tens of MiB. */
export const REFERRERS_BYTES_MAX = 256 * 1024 * 1024;
/** One image of a mirror, unless its definition says otherwise. */
export const IMAGE_BYTES_DEFAULT = 20 * 1024 ** 3;
/** Layers of one image that are fetched at the same time. */
export const LAYERS_AT_ONCE = 3;
/** A tag of a mirror is believed this long before the source is asked again. */
export const FRESH_SECONDS_DEFAULT = 3600;
/** "The source does not have it" is believed for this long: long enough for a storm of pulls, short enough for a person. */
export const ABSENT_MS = 30_000;
export const ABSENT_NAMES_MAX = 10_000;
/** A source that could not be reached is not waited for again by the next pull, for so long. */
export const DOWN_MS = 15_000;
/** The first pull through a mirror waits so long for scan and verdict; then it is answered as held, and a later pull finds it. */
export const VERDICT_WAIT_MS = 5 * 60_000;
export const VERDICT_POLL_MS = 250;
/** Tags of one repository, and repositories of one catalogue, that a sync looks at. */
export const SYNC_TAGS_MAX = 10_000;
export const SYNC_REPOSITORIES_MAX = 1000;
/** A schedule below this asks the source more often than images are made. */
export const EVERY_SECONDS_MIN = 60;
export const EVERY_SECONDS_MAX = 31 * 86_400;
/** Images of one watched registry that are looked at; beyond it the newest tags of each repository come first. */
export const WATCHED_IMAGES_MAX = 500;
/** Images of one index that are looked into; official images have about ten. */
export const WATCHED_PLATFORMS_MAX = 20;
/** Tags of one watched repository. */
export const WATCHED_TAGS_MAX = 50;
/** An image's configuration is a few KiB; history of very long builds reaches hundreds. */
export const FOREIGN_CONFIG_BYTES_MAX = 4 * 1024 * 1024;
/** Findings about copies shown in one answer. */
export const COPIES_SHOWN_MAX = 1000;
/** Entries of one replication queue that are taken at a time. */
export const REPLICATION_BATCH = 50;
/** The pause after a failed try doubles from a few seconds up to this. */
export const REPLICATION_PAUSE_MS = 5000;
export const REPLICATION_PAUSE_MS_MAX = 3_600_000;
/** An image that is still held is asked for again after this long. */
export const REPLICATION_HELD_MS = 15_000;
/** Entries that ended stay for people to read. */
export const REPLICATION_KEPT_MS = 7 * 86_400_000;
/** Entries shown of a queue. */
export const REPLICATION_SHOWN_MAX = 200;
