/** Actions that run at the same time: measured best for libpod, whose per-container locks serialise the rest. */
export const ACTIONS_IN_FLIGHT_MAX = 4;

/** A container list entry is about 1.5 KB; this is room for some 20,000 of them. */
export const LIST_BYTES_MAX = 32 * 1024 * 1024;

/** Any other answer of the engine: an inspect of a container with a long environment stays far below. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** An error text of the engine that is worth showing. */
export const ERROR_TEXT_MAX = 500;

/** The engine answers a list in 10 ms; a stall longer than this is treated as an engine that is away. */
export const LIST_TIMEOUT_MS = 10_000;

/**
 * What Podman is, asked once in the life of an agent. It runs the package manager for each of its helpers and takes the lock
 * of every container of the machine: half a second at rest, well over ten on a machine that has just started or is busy, and
 * to give up and ask again would only add to it.
 */
export const FACTS_TIMEOUT_MS = 120_000;

/** Creating and starting wait for mounts, cgroups and the OCI runtime. */
export const ACTION_TIMEOUT_MS = 60_000;

/** Pulling a large image through the loopback registry. */
export const PULL_TIMEOUT_MS = 600_000;

/** Output of a probe command that is kept for its message; Kubernetes keeps 10 KB. */
export const PROBE_OUTPUT_BYTES_MAX = 10 * 1024;

/** One log line; the k8s-file driver splits at 32 KB itself. */
export const LOG_LINE_BYTES_MAX = 64 * 1024;

/** One message of a command's streams: servers send what they read at once, some 32 KB. */
export const STREAM_FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** A copy that moves nothing for so long is over. */
export const COPY_SILENCE_MS = 60_000;

/** Processes of one container that are shown, and files that differ from its image: beyond it nobody reads them. */
export const PROCESSES_SHOWN_MAX = 5_000;
export const CHANGES_SHOWN_MAX = 20_000;

/** Look again even when no event said so: an event can be lost when the engine restarts. */
export const RESYNC_MS = 10_000;

/** Events that come together are looked at together. */
export const EVENT_GATHER_MS = 15;

/**
 * As above while actions are in flight: most events are theirs; of what is more pressing, such as a probe or the end of one
 * action, several come together; and while more actions wait for their turn, nothing could be begun for what is seen. The more there is
 * to list the seldomer it is listed: at most a twentieth of the time is taken from the actions.
 */
export const BUSY_GATHER_MS = { events: 400, pressing: 150, full: 1_000, looks: 20 } as const;

/** Folders of volumes that the agent itself touches at once: Node has four threads for files, and a NAS may hold each it gets. */
export const TOUCHES_MAX = 2;

/** A folder of a volume that has not answered by then is away; to find and mount a part of one takes hundredths of a second. */
export const TOUCH_MS = 15_000;

/** How long the engine may be away before workloads say so. */
export const ENGINE_ALARM_MS = 30_000;

/** Waits between tries while the engine is away. */
export const ENGINE_BACKOFF_MS = { first: 250, most: 15_000 } as const;

/** Kubernetes: a crash is restarted at once, then after 10 s, 20 s … 300 s; a run of 10 minutes forgets the past. */
export const RESTART_BACKOFF_MS = { first: 10_000, most: 300_000, forgetAfter: 600_000 } as const;

/** A start that was refused is asked about again after this, or at once when the wanted state changes. */
export const REFUSED_RETRY_MS = 30_000;

/** Between taking a pod out of the names and telling it to stop: clients in the middle of resolving a name. */
export const DRAIN_TIMEOUT_MS = 2_000;

/** After a start of the agent: how long to wait for first probe answers of containers that already run. */
export const ADOPT_PROBE_MS = 2_000;
/** After a start of the agent: how long to wait, before anything else, for an edge that learns where nobody is any more. */
export const VISITORS_MS = 10_000;

/** Workloads, services, routes or volumes of one host: far above what it can run (an engine starts ten pods a second). */
export const WANTED_ITEMS_MAX = 5_000;

/** Replicas of one workload on one host. */
export const WANTED_REPLICAS_MAX = 1_000;

/** Containers of one pod, and as many before them. */
export const WANTED_CONTAINERS_MAX = 64;

/** ConfigMaps and Secrets, with those of the specs before. */
export const WANTED_CONTENTS_MAX = 10_000;

/** Labels, annotations, or keys of a ConfigMap: Kubernetes bounds them by 1 MiB in all. */
export const WANTED_ENTRIES_MAX = 4_096;

/** Words of a command. */
export const WANTED_COMMAND_WORDS_MAX = 4_096;

/** Characters of one argument or value: the kernel takes 128 KiB for one (execve(2), MAX_ARG_STRLEN). */
export const WANTED_TEXT_MAX = 131_072;

/** Ten years: longer waits are no waits. */
export const WANTED_SECONDS_MAX = 315_360_000;
