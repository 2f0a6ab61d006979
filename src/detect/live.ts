/** What tries rules on events as they come, without the pages of rules and what reads them. */
export { type Alert, type AlertAncestor, type AlertProcess, describeProcess, selfAlert } from './alert.ts';
export { RuleEngine, type RuleState, type RuleText } from './engine.ts';
export { FilterError } from './filter-ast.ts';
export { type LiveFilter, readLiveFilter } from './live-filter.ts';
export { escapeControls } from './output.ts';
export type { Finding, FindingCode } from './rule-file.ts';
export { PRIORITIES, type Priority } from './rules.ts';
export type { RuleScope, Tuning } from './tuning.ts';
