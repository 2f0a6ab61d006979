import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import { useText } from '../shell/language.tsx';
import type { AlertOfRule, CheckedRules, OwnRuleFile, RuleBook, RuleDetail } from './types.ts';

/** Names of rules in the reader's language; one that is not in force any more keeps its own. */
export function useRuleTitle(): (rule: string) => string {
  const text = useText();
  const items = useQuery(ruleQueries.book()).data?.items;
  return (rule) => {
    const known = items?.find(({ name }) => name === rule);
    return known === undefined ? rule : text(known.title);
  };
}

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
