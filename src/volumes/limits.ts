/** Classes and repositories of an installation: people name each of them. */
export const CLASSES_MAX = 100;
export const REPOSITORIES_MAX = 100;
/** Schedules of one project: above what a minute's look can go through without being seen. */
export const SCHEDULES_MAX = 500;
/** Copies of one claim: what a retention of years of months, weeks and days comes to, several times over. */
export const COPIES_MAX = 1_000;
/** Failed backups of one claim: enough to see since when, and why. */
export const FAILED_KEPT = 50;

/** Hosts are asked this often what their volumes hold. */
export const LOOK_EVERY_MS = 60_000;
/** Who asks for volumes gets what was seen no longer ago than this, if the host says it in time. */
export const FRESH_MS = 3_000;
export const LOOK_WAIT_MS = 2_000;
/** Counting a volume of millions of files takes seconds of a disk: what was counted stands so long. */
export const COUNT_EVERY_MS = 300_000;
export const COUNT_TIMEOUT_MS = 60_000;
/** A file system that does not answer a simple question so long is away. A NAS on a busy network answers in tenths. */
export const PROBE_MS = 5_000;

/** A server that has not answered a mount so long is away; the attempt is given up. A SAN's login takes seconds of it. */
export const MOUNT_MS = 30_000;
/** A pod waits so long for a mount that is on its way, and then says that it does: what others need goes on meanwhile. */
export const MOUNT_WAIT_MS = 4_000;
/** After a failure the same answer is given for so long: a server that is away is not asked by every pod. */
export const MOUNT_AGAIN_MS = 10_000;

/** Containers are not held longer than this for a copy: what they serve would be given up as dead. */
export const FREEZE_MS = 300_000;
/** A backup of a terabyte over a slow line; what takes longer is cut off and said. */
export const BACKUP_MS = 12 * 3_600_000;
/** Copying within one machine. */
export const COPY_MS = 6 * 3_600_000;

/** Share of a claim's size, or of its file system, from which on it is full in practice: most databases stop before. */
export const FULL_SHARE = 0.95;
export const NEARLY_SHARE = 0.85;
/** A restore leaves at least this of a large disk to everything else; of a small one, what keeps it from being full. */
export const ROOM_KEPT_BYTES = 2 ** 30;

/** Another host takes a claim over only when its lease was seen without a sign of life for so long. */
export const LEASE_MS = 30_000;
/** A holder that could not renew for so long ends its own pods: before anybody else may take the claim. */
export const LEASE_LOST_MS = 20_000;
export const LEASE_RENEW_MS = 5_000;

/** Bytes of what a tool said that are shown to people. */
export const TOOL_WORDS_MAX = 400;

/** Control answers in milliseconds; who gets no answer does not format, and asks again with the next attempt. */
export const FORMAT_WAIT_MS = 10_000;
/** Devices that one host may be granted to format: an honest one has a few. */
export const FORMATS_MAX = 200;
