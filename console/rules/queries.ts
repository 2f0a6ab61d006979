import { queryOptions } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import type { AlertOfRule, CheckedRules, OwnRuleFile, RuleBook, RuleDetail } from './types.ts';

/** What only the pages of rules ask: kept out of what every page loads first. */
export const ruleQueries = {
  book: () => queryOptions({ queryKey: ['rules'], queryFn: () => api.get<RuleBook>('/rules') }),
  rule: (name: string) =>
    queryOptions({
      queryKey: ['rules', 'by-name', name],
      queryFn: () => api.get<RuleDetail>(apiPath(['rules', 'by-name', name])),
    }),
  alerts: (rule: string) =>
    queryOptions({
      queryKey: ['incidents', 'alerts', rule],
      queryFn: () => listOf<AlertOfRule>(apiPath(['alerts'], { rule, limit: 20 })),
    }),
  file: (name: string) =>
    queryOptions({
      queryKey: ['rules', 'files', name],
      queryFn: () => api.get<OwnRuleFile & { readonly text: string }>(apiPath(['rules', 'files', name])),
    }),
  check: (draft: object) =>
    queryOptions({
      queryKey: ['rules', 'check', draft],
      queryFn: () => api.post<CheckedRules>('/rules/check', draft),
      gcTime: 0,
    }),
};
