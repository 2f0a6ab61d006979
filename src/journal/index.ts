export type { ChainedFact, Fact, NewFact } from './fact.ts';
export { type AuditVerdict, ChainVerifier, Journal, type JournalOptions } from './journal.ts';
export { FACTS_PAGE_MAX } from './limits.ts';
export { journalMigrations } from './migrations.ts';
export type { FactQuery, JournalTables } from './store.ts';
