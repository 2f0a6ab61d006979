/** Bounds of the rule language. Rule text is written by people, but it may come from anywhere: a file of a project, the web. */

/** A rule file; Falco's largest has 80 KB. */
export const RULE_FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Nesting of parentheses, `not` and transformers; the same cap as Falco's own parser. */
export const FILTER_DEPTH_MAX = 100;
/** Nodes of one condition after its macros are put in; a macro may name another twice, and so grow by powers of two. */
export const FILTER_NODES_MAX = 50_000;
/**
 * Nodes of all conditions together: few lines of macros make each as large as one may be, and each is held once more for every
 * event that it speaks of. Falco's files have a good thousand; a mebibyte of such rules has some twenty times that.
 */
export const ALL_NODES_MAX = 50_000;
/** Rules name dozens; a list of every name known to be bad is no work for a resolver. */
export const HOST_NAMES_MAX = 1_024;
/** Items of a list after the lists it names are put in. */
export const LIST_ITEMS_MAX = 100_000;
/** Comparisons of letters for the hints of one file: at most some fifty milliseconds. One unknown field costs some thousand. */
export const HINT_STEPS_MAX = 6_000_000;
/** Aliases in the YAML of one file: none of the known rule files has one. */
export const YAML_ALIASES_MAX = 1_000;
/** Nodes that the aliases of one file stand for: an alias of aliases grows by powers. */
export const YAML_ALIASED_NODES_MAX = 100_000;
/** Output values longer than this are cut with an ellipsis: one argument may have 4 KB. */
export const OUTPUT_VALUE_LENGTH_MAX = 4096;
/** Ancestors told with an alert. */
export const ALERT_ANCESTORS_MAX = 16;
/** Recorded events as JSON: they are kept in memory while conditions run over them. */
export const RECORDED_EVENTS_MAX = 2_000_000;
export const RECORDED_LINE_BYTES_MAX = 4 * 1024 * 1024;
export const RECORDED_FILE_BYTES_MAX = 512 * 1024 * 1024;
/** Conditions tried at once over a recording. */
export const FILTERS_MAX = 20_000;
/** Rules over time: groups remembered by one rule, values remembered by one group, steps, and how often a step may be asked for. */
export const TIMED_GROUPS_MAX = 4_096;
export const TIMED_VALUES_MAX = 1_024;
/** Values that one rule remembers in all its groups: of 30 containers the most that each may have. */
export const TIMED_ALL_VALUES_MAX = 32_768;
/** Longer texts are remembered by their hash: a path may have 4 KB, and the names are the watched program's to choose. */
export const TIMED_TEXT_LENGTH_MAX = 100;
export const TIMED_STEPS_MAX = 8;
export const TIMED_TIMES_MAX = 10_000;
export const TIMED_FIELDS_MAX = 6;
/** What is read of a recording at a time: smaller pieces cost more than what stands in them. */
export const RECORDING_CHUNK_BYTES = 1024 * 1024;
/** Of rules tried on what a host kept: counts by rule, place and day, examples of each count and of all, and letters of one. */
export const KEPT_COUNTS_MAX = 1_000;
export const KEPT_EXAMPLES_EACH = 5;
export const KEPT_EXAMPLES_MAX = 200;
/** How far back one may ask: a host keeps no more. */
export const KEPT_SECONDS_MAX = 7 * 86_400;
/** Each costs every host up to half a minute of a process that waits for all others. */
export const KEPT_QUESTIONS_MAX = 4;
export const KEPT_OUTPUT_LENGTH_MAX = 1_000;
