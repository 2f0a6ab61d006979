export { type Alert, type AlertAncestor, type AlertProcess, SAID_IN_SPANISH, selfAlert } from './alert.ts';
export { RuleEngine, type RuleState, type RuleText } from './engine.ts';
export { FilterError } from './filter-ast.ts';
export { type LiveFilter, readLiveFilter } from './live-filter.ts';
export { escapeControls } from './output.ts';
export type { Finding, FindingCode } from './rule-file.ts';
export { PRIORITIES, type Priority } from './rules.ts';
export { type RulePage, readRulePages, readShippedRules, techniqueOf } from './shipped-rules.ts';
export type { RuleScope, Tuning } from './tuning.ts';
