export { type KeptGroundPort, registerKeptRoutes } from './kept-routes.ts';
export { checkLiveFilter } from './live.ts';
export { detectMigrations } from './migrations.ts';
export { registerRuleRoutes } from './routes.ts';
export { type DetectTables, RuleBook, type RuleOrder } from './rule-book.ts';
