/** Bounds of what is kept in memory about the machine. */

/** Living processes; a container host rarely has more, and one entry is about 1 KB. */
export const PROCESSES_MAX = 32_768;
/**
 * Characters of their command lines and paths together: one may have 4 KB, and who starts programs chooses it. Beyond it
 * the oldest are forgotten, and read again from /proc when they act.
 */
export const PROCESS_TEXT_LENGTH_MAX = 16 * 1024 * 1024;
/** What an argument takes beside its characters. */
export const ARGUMENT_OVERHEAD = 40;
/** Ended processes kept a while, because children and late events ask for them. */
export const ENDED_PROCESSES_MAX = 2_048;
/** Containers remembered by their cgroup; the table in the kernel has as many. */
export const CGROUPS_MAX = 16_384;
/** Events of containers that nobody has told us about yet. */
export const WAITING_EVENTS_MAX = 8_192;
export const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** How long an event waits for word of its container: the agent hears of a start within a second, or at its next look. */
export const WAIT_MS = 5_000;
/** The same while the agent has not said anything yet. */
export const WAIT_FIRST_MS = 10_000;
/** Command lines in /proc are read up to here; the kernel programs cut at the same length. */
export const PROC_TEXT_BYTES_MAX = 4_096;
/** Records handled before the clock, messages and counters get their turn. */
export const BATCH_RECORDS_MAX = 4_096;
/** A user list larger than this is not read. */
export const PASSWD_BYTES_MAX = 1024 * 1024;
/** The environment of a process is read up to here; few have more than a page. */
export const ENVIRONMENT_BYTES_MAX = 32_768;
/** Of the mounts of a process; a line has some hundred, and a host with many containers has thousands of them. */
export const MOUNT_TABLE_BYTES_MAX = 1024 * 1024;
/** Cgroups of the machine while somebody records; the table in the kernel has as many. */
export const RECORDINGS_MAX = 4_096;
/** Containers of others that wait to be told of. */
export const STRANGERS_MAX = 256;
/** Where no BPF program is: records that were made and not judged yet. */
export const FALLBACK_RING_BYTES = 4 * 1024 * 1024;
/** Processes that were looked at within the last second. */
export const FALLBACK_PIDS_MAX = 8_192;
/** Containers whose layers are remembered, and programs of their writable layers that were compared with the image's. */
export const LAYERED_CONTAINERS_MAX = 1_024;
export const COMPARED_PROGRAMS_MAX = 4_096;
/** The list of mounts of a container; one has some dozens. */
export const MOUNTS_BYTES_MAX = 256 * 1024;
/** What is larger is compared beside the reading of events: a megabyte takes half a millisecond, and a hundred a tenth of a second. */
export const COMPARED_AT_ONCE_BYTES = 1024 * 1024;
/** Programs that are compared beside it; what they do waits meanwhile, and no longer than this. */
export const COMPARED_LATER_MAX = 16;
export const COMPARED_LATER_MS = 3_000;
/** What is changed again within a tick of the kernel's clock has the same time of change: an answer so young is not kept. */
export const CHANGED_LATELY_MS = 20;
/**
 * Bytes that are compared at once, and how many more a second: who changes the owner of a large program and starts it again and
 * again must not hold up the reading of events. A program that is not compared is taken for a new one.
 */
export const COMPARED_BYTES_MAX = 512 * 1024 * 1024;
export const COMPARED_BYTES_A_SECOND = 16 * 1024 * 1024;
