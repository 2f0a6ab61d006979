/** Minutes of quiet after which the next alert of a container opens a new incident. */
export const INCIDENT_WINDOW_MINUTES = 30;

/** Alerts of one incident that are kept whole. The rest is counted: ten thousand equal alerts tell no more than a thousand. */
export const INCIDENT_ALERTS_MAX = 1000;

/** Beside them the first of each further rule, priority and tags: a flood of one must not hide another, nor keep a policy from hearing of it. */
export const INCIDENT_RULES_MAX = 200;

/** Alerts that were only counted are known again by their ids, if they come once more: the last so many. */
export const COUNTED_KNOWN_MAX = 50_000;

/** Alerts that one stands for. */
export const ALERT_COUNT_MAX = 2 ** 31 - 1;

/** Alerts shown with an incident; the count says how many there are. */
export const ALERTS_SHOWN_MAX = 200;

/** Nodes of a process tree; a fork bomb shows as its first thousand. */
export const PROCESS_NODES_MAX = 1000;

/** Processes that one kill names. More than this is a case for the container. */
export const KILL_PROCESSES_MAX = 16;

/** Facts read for one timeline. */
export const TIMELINE_FACTS_MAX = 500;

/** Characters of one text of an alert: a command line may have 128 kB, a screen shows far less. */
export const ALERT_TEXT_MAX = 4096;

/** Characters of a name in an alert: rules, containers, images; an image reference with its digest has some 200. */
export const ALERT_NAME_MAX = 300;

/** Tags of a rule: Falco's own rules have ten at most. */
export const ALERT_TAGS_MAX = 100;

/** Values in an output sentence: as many as anybody would read. */
export const ALERT_FIELDS_MAX = 200;

/** Processes above the acting one that an alert names. */
export const ALERT_ANCESTORS_MAX = 64;

/** A process number is a positive 32-bit integer (proc(5), pid_max is far below). */
export const PID_MAX = 0x7fff_ffff;

/** Milliseconds until an action that the host did not answer counts as unknown. */
export const ACTION_TIMEOUT_MS = 20_000;

/** The same for what looks at a container or judges a release. */
export const SLOW_ACTION_TIMEOUT_MS = 150_000;

/** Response policies of a platform: each is asked about every alert. */
export const POLICIES_MAX = 100;

/** Bytes of one response policy; an honest one has some hundred. */
export const POLICY_BYTES_MAX = 32 * 1024;

/** Patterns in one list of a policy, and actions that one policy names. */
export const POLICY_PATTERNS_MAX = 100;
export const POLICY_ACTIONS_MAX = 12;

/** Playbooks of a platform, steps of one, and runs that are shown. */
export const PLAYBOOKS_MAX = 100;
export const PLAYBOOK_STEPS_MAX = 20;
export const PLAYBOOK_RUNS_SHOWN = 100;
/** Runs of one person that have not ended: whoever has twenty open wants an answer, not another run. */
export const PLAYBOOK_RUNS_OPEN_MAX = 20;
/** The same of all policies together for one project: what nobody answers is not to grow without end. */
export const POLICY_RUNS_OPEN_MAX = 200;
/** Of them those about one workload: one that is in an attacker's hands leaves room for the others. */
export const WORKLOAD_RUNS_OPEN_MAX = 50;
/** Runs that have ended, kept to be looked at: so long, and no more than so many. The journal keeps what they did. */
export const PLAYBOOK_RUNS_KEPT_DAYS = 180;
export const PLAYBOOK_RUNS_KEPT_MAX = 5_000;
/** Runs that are driven beside each other; the rest waits in the queue. */
export const PLAYBOOK_RUNS_AT_ONCE = 16;

/** Days and alerts that a policy is tried on: as many as one answer takes some seconds for. */
export const REPLAY_DAYS_MAX = 90;
export const REPLAY_ALERTS_MAX = 20_000;
/** Read and judged at once: some milliseconds in which nobody else is served. */
export const REPLAY_SLICE = 500;

/** Incidents that policies act on at the same time: hosts are asked one thing after the other anyway. */
export const POLICY_INCIDENTS_AT_ONCE = 8;

/** Channels of a platform. */
export const CHANNELS_MAX = 50;

/** Milliseconds that a receiver has to take a notice. */
export const NOTICE_TIMEOUT_MS = 10_000;
/** A receiver of syslog answers nothing: what it was sent is taken when it hung up, or said nothing against it for so long. */
export const SYSLOG_GRACE_MS = 2_000;
export const SYSLOG_LEAVE_MS = 200;

/** The same for a mail server, which may look at the sender for a while before it answers. */
export const MAIL_TIMEOUT_MS = 30_000;
/** What a mail server says in all; an honest one says some hundred bytes. */
export const MAIL_REPLY_BYTES_MAX = 64 * 1024;
/** Recipients of one channel: more are a list, which the mail server keeps. */
export const MAIL_RECIPIENTS_MAX = 20;

/** Notices of one channel sent at the same time: a receiver that answers late holds up no other channel. */
export const DELIVERIES_AT_ONCE = 20;

/** Tries of one notice; with their waits (5 s, 10 s, 20 s … at most an hour) they last for some eight hours: a night. */
export const DELIVERY_ATTEMPTS_MAX = 17;
export const DELIVERY_WAIT_MS_MAX = 3_600_000;

/** Days that what was told is kept to be looked at. */
export const DELIVERIES_KEPT_DAYS = 30;

/** Comments of one incident, and characters of one. */
export const COMMENTS_MAX = 500;
export const COMMENT_LENGTH_MAX = 8_000;
/** Incidents that belong together with one. */
export const LINKS_MAX = 100;
/** Incidents taken on or closed at once: a page of them. */
export const TRIAGE_MAX = 200;
/** Saved filters of one person. */
export const FILTERS_MAX = 50;

/** Incidents or alerts in one answer. */
export const PAGE_MAX = 200;
