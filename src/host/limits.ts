const MIB = 1024 * 1024;

/** One file of /proc, /sys or /etc; a changelog of the kernel has near 2 MiB packed and 12 MiB unpacked. */
export const FACT_FILE_MAX_BYTES = 8 * MIB;
export const CHANGELOG_MAX_BYTES = 64 * MIB;
/** A build configuration has near 300 KiB and 12,000 options. */
export const CONFIG_MAX_BYTES = 4 * MIB;
export const CONFIG_OPTIONS_MAX = 40_000;
/** Below so many options a text is an excerpt, and what it does not name is not known to be off. */
export const CONFIG_OPTIONS_WHOLE = 500;
/** dpkg's list of a host with 5,000 packages is near 5 MiB. */
export const PACKAGE_LIST_MAX_BYTES = 64 * MIB;
/** Debian's generic kernel has near 4,000 modules. */
export const MODULES_MAX = 20_000;
/** A file of facts, with its configuration, has near half a MiB. */
export const FACTS_MAX_BYTES = 16 * MIB;
/** CVEs that one live patch or vendor's list names. */
export const LIST_MAX = 50_000;
/** A program that is asked for its version answers at once or not at all. */
export const PROGRAM_TIMEOUT_MS = 2_000;
/** Differing facts that one control holds: hosts of one build share all but a few values. */
export const HOSTS_MAX = 100_000;
/** A module; the largest of Debian's kernel have near 10 MiB, and live patches a few hundred KiB. */
export const MODULE_MAX_BYTES = 64 * MIB;
/** Sections of an ELF file; patches built function by function have some thousand. */
export const SECTIONS_MAX = 60_000;
/** The kernel pushes sleeping tasks by itself every 15 s; what still holds a patch after four such turns will go on so. */
export const TRANSITION_MAX_MS = 65_000;
export const TRANSITION_POLL_MS = 100;
/** Compiling one file with the kernel's build takes some seconds. */
export const PATCH_BUILD_MS = 300_000;
/** What is told of a live patch: build ids, CVEs, tests. */
export const METADATA_MAX_BYTES = 1 * MIB;
export const PATCH_TESTS_MAX = 100;
/** A patch on its way to the registry, in base64 with its signature. */
export const PATCH_UPLOAD_MAX_BYTES = 96 * MIB;
/** Patches that a list shows: one for each cumulative state of each build in use. */
export const PATCHES_MAX = 10_000;
/** Answers about the fleet name the patches of a moment ago. */
export const PATCHES_BELIEVED_MS = 10_000;
/** Maintenance windows of one roll-out: one a day of the week, twice. */
export const ROLLOUT_WINDOWS_MAX = 14;
/** What is due in a roll-out is looked at this often; hosts answer in seconds. */
export const ROLLOUT_TICK_MS = 1_000;
/** Checks of one machine: some 540 of engine, containers and kernel. */
export const BENCH_REPORT_MAX = 5_000;
/** Drift that a view shows, the newest. */
export const BENCH_CHANGES_SHOWN = 200;
/** Drift older than this is in the audit log alone. */
export const BENCH_CHANGES_KEPT_MS = 90 * 86_400_000;
/** Hosts that are looked at together by themselves. */
export const BENCH_AT_ONCE = 20;
/** A host is looked at so often by itself; asking its engine about thousands of containers takes seconds. */
export const BENCH_EVERY_MS = 24 * 3_600_000;
/** Hosts that are due are looked for this often. */
export const BENCH_TICK_MS = 600_000;
/** Pods stop in order and within their budgets; what still runs after that is for a person to look at. */
export const REBOOT_DRAIN_MS = 30 * 60_000;
/** A host that was told to start again goes down within this, or it does not. */
export const REBOOT_GO_MS = 5 * 60_000;
/** How long a host that was told to start again is expected to be away: a large server needs some twenty minutes. */
export const REBOOT_EXPECTED_MS = 30 * 60_000;
/** One that is not back by then is looked at by a person. */
export const REBOOT_BACK_MS = 24 * 3_600_000;
export const REBOOT_POLL_MS = 1_000;
/** Feeds write days of their own zone: what is of a later day than tomorrow is not of today. */
export const CLOCK_DAY_MS = 86_400_000;
/** A host's facts are told as soon as they are gathered; a clock that is this far off makes certificates and windows fail. */
export const CLOCK_OFF_SECONDS = 300;
/** A page of pods of Kubernetes has near 5 KiB each. */
export const KUBE_PAGE = 250;
export const KUBE_ANSWER_MAX_BYTES = 16 * MIB;
/** Nodes of a cluster, and pods of one node (110 by default): beyond it something else answers. */
export const KUBE_PODS_MAX = 10_000;
export const KUBE_TIMEOUT_MS = 20_000;
/** That a host is no node is believed for so long. */
export const KUBE_NODES_KEPT_MS = 60_000;
/** A kubelet says so within a minute of its start. */
export const KUBE_READY_MS = 15 * 60_000;
/** Modules are looked at so often: two small files of /proc and /sys. */
export const MODULE_LOOK_MS = 60_000;
/** Modules that are the same as before are told again so often. */
export const MODULE_TELL_MS = 3_600_000;
/** Loads between two looks that are told one by one; the rest shows in the next look. */
export const MODULE_LOADS_MAX = 1_000;
/** Refused loads of a trial that are shown, the most frequent. */
export const MODULE_LOG_SHOWN = 500;
/** Loads that a trial writes down, some 40 bytes each: an unprivileged program can ask for the same module without end. */
export const MODULE_LOG_MAX_BYTES = 4 * 1024 * 1024;
/** Workloads named beside a module. */
export const MODULE_WORKLOADS_MAX = 20;
/** Roll-outs that a list shows, the newest. */
export const ROLLOUTS_SHOWN = 100;
/** A feed of the shield with a thousand entries has near half a MiB. */
export const SHIELD_FEED_MAX_BYTES = 1 * MIB;
/** Hosts that are given a newer feed of the shield at the same time: each takes it in some milliseconds, or not for a while. */
export const FEED_AT_ONCE = 50;
/** Containers of a workload that one recording saw. */
export const PROFILE_USES_MAX = 500;
/** Written files that a profile names; beyond it they are counted. */
export const PROFILE_FILES_MAX = 500;
/** A recording of a week sees what runs once a week. */
export const PROFILE_SECONDS_MAX = 7 * 86_400;
/** What a recording has so far is kept this often: control's death loses no more of it. */
export const PROFILE_KEEP_MS = 30_000;
/** A copy that is not ready by then does not become so. */
export const PROFILE_READY_MS = 180_000;
export const PROFILE_POLL_MS = 250;
/** A command that tries a copy. */
export const PROFILE_TEST_SECONDS = 60;
