import { queryOptions } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import type { IncidentCase, PlannedStep, PlaybookRun, SavedFilter, StoredPlaybook } from '../api/types.ts';

/** What only the pages of incidents ask: kept out of what every page loads first. */
export const caseQueries = {
  playbooks: () => queryOptions({ queryKey: ['playbooks'], queryFn: () => listOf<StoredPlaybook>('/playbooks') }),
  playbookRuns: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number, 'playbooks'],
      queryFn: () => listOf<PlaybookRun>(apiPath(['incidents', number, 'playbooks'])),
    }),
  playbookPreview: (name: string, incident: number) =>
    queryOptions({
      queryKey: ['incidents', String(incident), 'playbook', name],
      queryFn: () => listOf<PlannedStep>(apiPath(['playbooks', name, 'preview'], { incident })),
    }),
  incidentFilters: () =>
    queryOptions({ queryKey: ['incident-filters'], queryFn: () => listOf<SavedFilter>('/incident-filters') }),
  incidentCase: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number, 'comments'],
      queryFn: () => api.get<IncidentCase>(apiPath(['incidents', number, 'comments'])),
    }),
};
