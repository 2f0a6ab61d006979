/** Facts chained in one transaction: long enough to catch up fast, short enough not to hold the database. */
export const CHAIN_BATCH_MAX = 500;
/** A signed checkpoint at least each so many facts, or after so long when there is something new. */
export const CHECKPOINT_FACTS = 1_000;
export const CHECKPOINT_MS = 60_000;
/** Facts given by one request of the API. */
export const FACTS_PAGE_MAX = 500;
