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
