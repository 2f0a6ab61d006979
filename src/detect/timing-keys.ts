/** Keys of a rule over time, which Falco's language does not have. */
export const TIMING_KEYS = ['within', 'by', 'times', 'distinct', 'after', 'first', 'learn'] as const;
