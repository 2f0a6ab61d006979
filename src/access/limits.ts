/** A login code from `up`: long enough to walk to a browser, short enough that a scroll-back leaks nothing. */
export const CODE_MINUTES = 10;
/** A console session and a command line's certificate: one working day. */
export const SESSION_HOURS = 12;
/** NIST SP 800-63B section 5.1.1.2: at least 8 (we ask 10), at least 64 accepted, no composition rules. */
export const PASSWORD_LENGTH_MIN = 10;
export const PASSWORD_LENGTH_MAX = 256;
/** OWASP password storage cheat sheet, argon2id: 19 MiB, two passes, one lane. */
export const ARGON2 = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 } as const;
/** Failed logins per name before it rests, and how long. */
export const LOGIN_FAILURES_MAX = 10;
export const LOGIN_REST_MS = 60_000;
/** Names kept in the failure table; older ones fall out. */
export const LOGIN_NAMES_MAX = 10_000;
/** A stream is cut this long after its login was ended: the answer to who ended it still leaves. */
export const STREAM_END_MS = 200;
/** A token lives at most a year. */
export const TOKEN_DAYS_MAX = 365;
/**
 * How long an answer about a principal is believed without asking the database again. Changes of this process end it at
 * once; those of another one, beside the same database, within this time (W3 asks for a second).
 */
export const PRESENT_KEPT_MS = 500;
/** Principals kept so; beyond it all are asked anew. */
export const PRESENT_MAX = 5_000;
/** How often open streams are checked for a credential that has run out. */
export const STREAM_CHECK_MS = 500;
/** Failed sign-ins from one address before it has to wait; people mistype, programs repeat. */
export const FAILURES_FREE = 10;
/** The wait doubles with each failure from one second up to this. */
export const FAILURE_WAIT_MS_MAX = 60_000;
/** Failures are forgotten after this long without another. */
export const FAILURES_FORGOTTEN_MS = 15 * 60_000;
/** Addresses remembered with failures; the oldest are dropped, so that memory stays bounded under a flood. */
export const FAILURE_SOURCES_MAX = 10_000;
/** Rights of one robot or trust rule, and the repositories they are for. */
export const RIGHTS_MAX = 10;
export const REPOSITORIES_MAX = 50;
export const ROBOT_NAME_MAX = 40;
export const ROBOTS_MAX = 500;
/** What a workload gets for the token of its issuer: long enough for a push, short enough to lose. */
export const WORKLOAD_MINUTES_MAX = 15;
/** A token of an issuer: those of GitHub, GitLab and Kubernetes have one to four KiB. */
export const ISSUER_TOKEN_BYTES_MAX = 16 * 1024;
/** RFC 7519 section 4.1.4 speaks of "no more than a few minutes" of leeway for clocks; one is plenty. */
export const CLOCK_SKEW_S = 60;
/** An issuer's token that lives longer than this is no workload's: Kubernetes projects them for an hour. */
export const ISSUER_TOKEN_AGE_S_MAX = 24 * 3600;
/** A discovery document has some dozen members; a set of keys a handful of keys of one KiB. */
export const DISCOVERY_BYTES_MAX = 64 * 1024;
export const KEYS_BYTES_MAX = 256 * 1024;
export const KEYS_MAX = 100;
/** An issuer that does not answer in this time is away, and nobody is believed in its name. */
export const ISSUER_MS_MAX = 5_000;
/** Keys are asked for again after this long, so that one that an issuer took back ends here too. */
export const KEYS_KEPT_MS = 3_600_000;
/** A key that is not known is looked for again at most this often, however many tokens name it. */
export const KEYS_REFETCH_MS = 30_000;
/** Issuers of an instance, trust rules of a project, claims of a rule. */
export const ISSUERS_MAX = 50;
export const TRUST_RULES_MAX = 200;
export const CLAIMS_MAX = 20;
export const CLAIM_CHARACTERS_MAX = 500;
/** Refused workloads that are written to the audit log: anybody may be refused, and nobody may fill it. */
export const REFUSALS_RECORDED = { burst: 60, perSecond: 0.5 };

/** How long a request waits for each answer of the database about who sends it. While that says nothing, nobody has rights. */
export const ASKED_MS = 5_000;
