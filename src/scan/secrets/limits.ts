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
/** A text that rules are tried on: what a person pastes. */
export const TRY_TEXT_MAX_BYTES = 256 * KIB;
/** Rules of strangers are linear, and two thousand of them on such a text are still done in a few seconds. */
export const TRY_TIMEOUT_MS = 20_000;
/** Each is a process of its own. */
export const TRIES_AT_ONCE_MAX = 2;
/** Rule files that extend each other; gitleaks stops at two. */
export const EXTENDS_MAX = 4;
/** A line is kept to this length for allow-lists that look at it. */
export const LINE_MAX_BYTES = 4 * KIB;
/** A baseline: a report with ten thousand findings of a large repository has near 10 MiB. */
export const BASELINE_MAX_BYTES = 32 * KIB * KIB;
export const BASELINE_ENTRIES_MAX = 200_000;
/** Letters of the shortest text in Base64 that is decoded: 18 bytes, and no credential of a service is shorter. */
export const ENCODED_RUN_MIN = 24;
/** One text in Base64; the configuration of a cluster has some 10 KiB. */
export const ENCODED_RUN_MAX_BYTES = KIB * KIB;
/** All that is decoded of one file. */
export const ENCODED_TOTAL_MAX_BYTES = 4 * KIB * KIB;
/** Base64 inside Base64: a Secret with a docker configuration with a password is three deep. */
export const ENCODED_DEPTH_MAX = 3;
