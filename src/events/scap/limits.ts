const MIB = 1024 * 1024;

/** The process list of a busy host with its environments is near 20 MiB; events are below 64 KiB. */
export const SCAP_BLOCK_MAX_BYTES = 256 * MIB;
/** A recording of an hour on a busy host. */
export const SCAP_MAX_BYTES = 64 * 1024 * MIB;
/** Events are regular: captures shrink to a tenth; 100 leaves room for idle hosts. */
export const SCAP_MAX_RATIO = 500;
/** Threads of one host: the kernel's own limit of pids. */
export const SCAP_THREADS_MAX = 4 * MIB;
/** Descriptors of one process; the kernel's limit of `nofile` is near it. */
export const SCAP_FDS_MAX = MIB;
/** What a container's description may hold. */
export const CONTAINER_JSON_MAX_BYTES = 16 * MIB;
/** Addresses of the recorded machine; a host of many containers has some hundreds. */
export const SCAP_ADDRESSES_MAX = 4_096;
/** Parameters of one event; recorders write 32 at most. */
export const PARAMETERS_MAX = 64;
