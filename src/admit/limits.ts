/** Characters of one CEL expression; the longest of the presets has 200. */
export const EXPRESSION_CHARACTERS_MAX = 2000;

/** Nodes of one parsed expression and its nesting. Evaluation time follows the nodes times the lists they walk. */
export const EXPRESSION_NODES_MAX = 300;
export const EXPRESSION_DEPTH_MAX = 24;

/** `exists` in `exists` walks a list for each element of another; a third level is never needed and costs cubes. */
export const COMPREHENSION_DEPTH_MAX = 2;

/** Rules of one policy. */
export const POLICY_RULES_MAX = 200;

/** Bytes of one policy document. */
export const POLICY_BYTES_MAX = 256 * 1024;

/** Findings that are judged. An image with more is not judged in part: it is refused. Real ones stay below 5,000. */
export const FINDINGS_MAX = 20_000;

/** Reasons that one rule gives one by one; the rest is one reason with their number, so that a verdict stays readable. */
export const REASONS_PER_RULE_MAX = 200;

/** Containers of one workload, init and ephemeral ones counted. */
export const CONTAINERS_MAX = 100;

/** Hours for which a verdict may be used again without asking, at most: a week covers a control plane that is away. */
export const VALID_HOURS_MAX = 24 * 31;

/** Days for which an exception may be granted, at most. */
export const EXCEPTION_DAYS_MAX = 180;

/** Hours of a deadline, at most: a year. */
export const DEADLINE_HOURS_MAX = 24 * 366;
