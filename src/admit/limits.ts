/** Characters of one CEL expression; the longest of the presets has 200. */
export const EXPRESSION_CHARACTERS_MAX = 2000;

/** Nodes of one parsed expression and its nesting. Evaluation time follows the nodes times the lists they walk. */
export const EXPRESSION_NODES_MAX = 300;
export const EXPRESSION_DEPTH_MAX = 24;

/** `exists` in `exists` walks a list for each element of another; a third level is never needed and costs cubes. */
export const COMPREHENSION_DEPTH_MAX = 2;

/**
 * The same of an expression of a ValidatingAdmissionPolicy. Those of the published collections reach 4,000 characters and three
 * levels; what they cost over a document is bounded by EVALUATION_STEPS_MAX as everywhere.
 */
export const KUBERNETES_CHARACTERS_MAX = 16_384;
export const KUBERNETES_NODES_MAX = 3_000;
export const KUBERNETES_DEPTH_MAX = 64;
export const KUBERNETES_COMPREHENSION_DEPTH_MAX = 4;

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

/** Vulnerabilities that one exception of a host names; the run-times of Debian 12 have some dozens. */
export const HOST_EXCEPTION_CVES_MAX = 200;

/** Hours of a deadline, at most: a year. */
export const DEADLINE_HOURS_MAX = 24 * 366;

/** Values of one document that expressions see. Kubernetes stores objects of at most 1.5 MiB; real ones have some hundreds. */
export const DOCUMENT_NODES_MAX = 50_000;

/** Documents of one question: a release has some dozens. */
export const DOCUMENTS_MAX = 500;

/** `runAsUser` and ports are 32-bit integers with a sign in Kubernetes, and never negative. */
export const INT32_MAX = 2_147_483_647;

/**
 * Steps that one rule may take over one document, estimated before it runs: nodes of the expression times what its lists can
 * give, and counted while it runs. Ten million take about a second; rules over real manifests stay below a hundred thousand.
 */
export const EVALUATION_STEPS_MAX = 10_000_000;

/** Steps of all rules of one question together: nobody waits longer than some seconds for what a document makes of a policy. */
export const QUESTION_STEPS_MAX = 3 * EVALUATION_STEPS_MAX;

/** Characters of a text, or members of a list, that an expression may make: a whole document has at most 1.5 MiB. */
export const EVALUATION_VALUE_MAX = 2 * 1024 * 1024;

/** Other policies that one may take in, and how deep. */
export const USES_MAX = 40;
export const USES_DEPTH_MAX = 4;

/** Parameters of one policy. */
export const PARAMS_MAX = 40;

/** Compiled regular expressions that are kept. */
export const PATTERNS_KEPT_MAX = 500;

/** Revisions of policies that one answer lists. */
export const STORED_POLICIES_MAX = 500;

/** Characters of one recorded admission, packed: an image with 5,000 findings takes near 300,000. */
export const RECORD_BYTES_MAX = 1_000_000;

/** Days for which what was judged is kept to try policies on, and how many at most: near 1 GB if each were an image with many findings. */
export const RECORD_DAYS = 90;
export const RECORDS_MAX = 20_000;

/** What one trial asks, a few milliseconds each, and how many changes of each kind it lists. */
export const REPLAYED_MAX = 5_000;
export const REPLAY_LISTED_MAX = 200;

/** Answers about manifests that one policy keeps by their digest. */
export const TESTED_KEPT_MAX = 500;

/** How long a verdict waits for a lock that another process holds on the database: who asks is answered within 100 ms. */
export const LOCKED_MS = 60;

/** How long a verdict waits for each answer of PostgreSQL, which may be on another machine: a stopped one refuses in this time. */
export const SILENT_MS = 2_000;

/** Bytes of what a `messageExpression` says; of a longer one the usual message stands, as in Kubernetes. */
export const MESSAGE_BYTES_MAX = 5 * 1024;
