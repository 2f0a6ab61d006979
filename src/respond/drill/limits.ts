/** Milliseconds after the last act within which its alert must have come; an honest one takes some. */
export const DRILL_WAIT_MS = 15_000;
/** Drills that are kept to be looked at: three months of one a day. */
export const DRILLS_KEPT = 100;
/** Minutes after the set time within which a daily drill is still begun: after that it is left for the next day. */
export const DRILL_LATE_MINUTES = 120;
