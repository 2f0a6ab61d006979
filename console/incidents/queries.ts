import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { listOf } from '../api/queries.ts';
import type {
  Incident,
  IncidentCase,
  List,
  PlannedStep,
  PlaybookRun,
  SavedFilter,
  StoredPlaybook,
} from '../api/types.ts';

/** What is not the platform's is told by its host and, where it is a container, by the beginning of its id. */
export const placeOf = ({ project, workload, host, containerId }: Incident) =>
  project === null
    ? [host, containerId?.slice(0, 12)].filter((part) => part != null).join(' · ')
    : `${project}/${workload ?? '—'}`;

/** What the platform narrows the queue by; an empty one is not asked. */
export interface QueueFilter {
  readonly state: string;
  readonly priority: string;
  readonly owner: string;
  readonly text: string;
}

const QUEUE_PAGE = 200;

/** What only the pages of incidents ask: kept out of what every page loads first. */
export const caseQueries = {
  queue: (filter: QueueFilter) =>
    infiniteQueryOptions({
      queryKey: ['incidents', 'queue', filter],
      queryFn: ({ pageParam }) =>
        api.get<List<Incident>>(apiPath(['incidents'], { ...filter, before: pageParam, limit: QUEUE_PAGE })),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next ?? null,
      // Another filter is another list; until it has come, the former stands.
      placeholderData: (former) => former,
    }),
  /** Who wrote what acts by itself: they do not agree to it. */
  responsePolicies: () =>
    queryOptions({
      queryKey: ['response-policies'],
      queryFn: () => listOf<{ policy: { name: string }; author: string }>('/response/policies'),
    }),
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
  incidentPeople: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number, 'people'],
      queryFn: () => listOf<{ name: string }>(apiPath(['incidents', number, 'people'])),
    }),
  incidentFilters: () =>
    queryOptions({ queryKey: ['incident-filters'], queryFn: () => listOf<SavedFilter>('/incident-filters') }),
  incidentCase: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number, 'comments'],
      queryFn: () => api.get<IncidentCase>(apiPath(['incidents', number, 'comments'])),
    }),
};
