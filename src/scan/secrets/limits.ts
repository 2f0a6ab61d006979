const KIB = 1024;

/** Bytes kept of what came before, so that no credential is cut by the border of a chunk: an RSA key of 16384 bits has 13 KiB. */
export const LOOKBACK_BYTES = 20 * KIB;
/** A place that may begin a credential is looked at when this much follows it, or the file ends. */
export const LOOKAHEAD_BYTES = 16 * KIB;
/** A file with NUL among its first bytes is no text: what git and grep look at. */
export const BINARY_PROBE_BYTES = 8000;
/** Findings of one file; a list of test tokens is no better known with more of them. */
export const SECRETS_PER_FILE_MAX = 200;
/** Findings of one image: what a report, a policy and a person can hold. */
export const SECRETS_MAX = 10_000;
/** Rules of one rule set; the largest public one has near 230. */
export const RULES_MAX = 2000;
/** A rule file: gitleaks' own has 120 KiB. */
export const RULE_FILE_MAX_BYTES = 4 * KIB * KIB;
/** Rule files that extend each other; gitleaks stops at two. */
export const EXTENDS_MAX = 4;
/** A line is kept to this length for allow-lists that look at it. */
export const LINE_MAX_BYTES = 4 * KIB;
