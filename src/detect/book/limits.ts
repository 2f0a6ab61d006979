/** What hosts are given must fit into one message, and into the sensor's memory. */

/** All files of one's own together; Falco's three have 190 KB. */
export const RULE_TEXT_BYTES_MAX = 1024 * 1024;
export const RULE_FILES_MAX = 200;
/** More exceptions than this are no tuning: the rule is wrong. */
export const TUNINGS_MAX = 2_000;
export const CONDITION_LENGTH_MAX = 4_096;
/** Tunings that have ended and are still shown. */
export const ENDED_TUNINGS_SHOWN = 200;
