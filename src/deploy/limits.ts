/** Files of one question about manifests. */
export const REPORT_FILES_MAX = 100;

/** Characters of one manifest: etcd, which would hold it in a cluster, takes 1.5 MiB. */
export const REPORT_TEXT_MAX = 1_572_864;

/** Bytes of one question about files: one of the largest, each of its characters escaped in JSON, and others beside it. */
export const REPORT_BODY_MAX = 4 * REPORT_TEXT_MAX;

/** Runs of a project that are kept, going on or ended: each is a part of what every host is sent. */
export const RUNS_MAX = 100;

/**
 * Characters of all arguments and variables of a run together, as Linux takes of one argument (MAX_ARG_STRLEN): each run is a
 * part of what every host is sent, and that is bounded as a whole.
 */
export const RUN_WORDS_MAX = 131_072;

/** Who leaves a run to itself is answered when it has begun, or after so long; how often that is looked at. */
export const RUN_BEGIN_MS = 20_000;
export const RUN_LOOK_MS = 100;

/** Characters of a run's command that lists and the audit log keep. */
export const RUN_COMMAND_SHOWN = 4_096;

/** An ended run that nobody removed is removed after a week. */
export const RUN_KEPT_MS = 7 * 24 * 3_600_000;

/** Who started a run to join it has so long to do that; after it the run is ended. Images may have to be brought first. */
export const RUN_JOIN_MS = 120_000;

/** After the end of a joined run its output stays so long for a connection that comes late. */
export const RUN_READ_MS = 10_000;

/** As docker stops: asked, and ten seconds later forced. */
export const RUN_STOP_SECONDS = 10;

/** What happened to the pods of one workload: as much as a person reads through. */
export const EVENTS_OF_A_WORKLOAD_MAX = 200;
/** Runs come and go under new names; of so many workloads the pods that were told of last are remembered. */
export const KNOWN_WORKLOADS_MAX = 10_000;

/** Older than a week it explains nothing that runs. */
export const EVENTS_KEPT_MS = 7 * 24 * 3_600_000;

/** How long environments serve is looked at this often, written down every fourth time, and kept for a year and a month. */
export const AVAILABILITY_LOOK_MS = 15_000;
export const AVAILABILITY_WRITE_MS = 60_000;
export const AVAILABILITY_KEPT_DAYS = 400;

/** A look that comes later than this says nothing of the time before it. */
export const AVAILABILITY_GAP_MS = 60_000;

/** Changes of the policy of an environment that are shown, newest first. */
export const POLICY_CHANGES_SHOWN = 50;
