/** Go refuses counts above this as well. */
export const REPEAT_MAX = 1000;
/** Groups within groups; real patterns stay below ten. */
export const DEPTH_MAX = 100;
/** Instructions of one compiled pattern; the largest public rule needs about 3,000. Each byte costs at most this many steps. */
export const PROGRAM_MAX = 20_000;
/** A pattern as text; the longest public one has about 3,000 characters. */
export const PATTERN_MAX_LENGTH = 20_000;
/** States of one automaton that are kept; then it begins anew. A rule meets some hundred in real files. */
export const STATES_MAX = 1500;
/** The same by what they hold: threads of all states kept. */
export const STATE_THREADS_MAX = 200_000;
/** Instruction-and-place pairs that finding the groups of one match may visit; 4 MiB of marks. */
export const GROUP_MARKS_MAX = 2 ** 25;
/** Texts that a pattern's anchor may stand for. */
export const ANCHOR_LITERALS_MAX = 64;
