import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { ApiFailure, api, apiPath } from './client.ts';
import type {
  AdvisorySource,
  AuditVerification,
  Base,
  Fact,
  Host,
  Image,
  ImageDetail,
  Incident,
  IncidentDetail,
  LayerFiles,
  List,
  Me,
  Operation,
  OperationSummary,
  Overview,
  Policy,
  Project,
  Promotion,
  PullHistory,
  Release,
  Repository,
  Route,
  ScanReport,
  Signature,
  Status,
  Token,
  User,
  Verdict,
  Volume,
  WorkloadStatus,
} from './types.ts';

async function listOf<T>(path: string): Promise<readonly T[]> {
  return (await api.get<List<T>>(path)).items;
}

/** An object that may be missing: `null` instead of a failure. */
async function maybe<T>(path: string): Promise<T | null> {
  try {
    return await api.get<T>(path);
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return null;
    throw error;
  }
}

export const FACTS_PER_PAGE = 100;

export interface PullQuestion {
  readonly repository: string;
  readonly digest: string;
  readonly by: 'hour' | 'day';
  readonly count: number;
}

export interface FactFilter {
  readonly kind: string;
  readonly project: string;
}

/** One entry for each thing the console reads; the first word of the key is what live events invalidate. */
export const queries = {
  me: () => queryOptions({ queryKey: ['me'], queryFn: () => api.get<Me>('/me'), retry: false }),
  status: () => queryOptions({ queryKey: ['status'], queryFn: () => api.get<Status>('/status') }),
  overview: () => queryOptions({ queryKey: ['overview'], queryFn: () => api.get<Overview>('/overview') }),
  projects: () => queryOptions({ queryKey: ['projects'], queryFn: () => listOf<Project>('/projects') }),
  project: (project: string) =>
    queryOptions({ queryKey: ['projects', project], queryFn: () => api.get<Project>(apiPath(['projects', project])) }),
  workloads: (project: string) =>
    queryOptions({
      queryKey: ['workloads', project],
      queryFn: () => listOf<WorkloadStatus>(apiPath(['projects', project, 'workloads'])),
    }),
  releases: (project: string) =>
    queryOptions({
      queryKey: ['releases', project],
      queryFn: () => listOf<Release>(apiPath(['projects', project, 'releases'])),
    }),
  promotions: (project: string) =>
    queryOptions({
      queryKey: ['promotions', project],
      queryFn: () => listOf<Promotion>(apiPath(['projects', project, 'promotions'])),
    }),
  routes: () => queryOptions({ queryKey: ['routes'], queryFn: () => listOf<Route>('/routes') }),
  volumes: () => queryOptions({ queryKey: ['volumes'], queryFn: () => listOf<Volume>('/volumes') }),
  images: (project: string) =>
    queryOptions({
      queryKey: ['images', project],
      queryFn: () => listOf<Image>(apiPath(['projects', project, 'images'])),
    }),
  image: (project: string, digest: string) =>
    queryOptions({
      queryKey: ['images', project, digest],
      queryFn: () => api.get<ImageDetail>(apiPath(['projects', project, 'images', digest])),
    }),
  scan: (project: string, digest: string) =>
    queryOptions({
      queryKey: ['images', project, digest, 'scan'],
      queryFn: () => maybe<ScanReport>(apiPath(['projects', project, 'images', digest, 'scan'])),
    }),
  signatures: (project: string, digest: string) =>
    queryOptions({
      queryKey: ['images', project, digest, 'signatures'],
      queryFn: () => listOf<Signature>(apiPath(['projects', project, 'images', digest, 'signatures'])),
    }),
  verdicts: (project: string, digest: string) =>
    queryOptions({
      queryKey: ['images', project, digest, 'verdicts'],
      queryFn: () => listOf<Verdict>(apiPath(['projects', project, 'verdicts'], { digest })),
    }),
  layerFiles: (project: string, digest: string, layer: string, match: string, order: 'archive' | 'largest') =>
    infiniteQueryOptions({
      queryKey: ['layer-files', project, layer, match, order],
      queryFn: ({ pageParam }) =>
        api.get<LayerFiles>(
          apiPath(['projects', project, 'images', digest, 'layers', layer, 'files'], {
            match,
            order,
            after: pageParam,
          }),
        ),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next,
      // A layer never changes: its digest is its name.
      staleTime: Number.POSITIVE_INFINITY,
    }),
  pulls: (project: string, question: PullQuestion) =>
    queryOptions({
      queryKey: ['images', project, 'pulls', question],
      queryFn: () => api.get<PullHistory>(apiPath(['projects', project, 'pulls'], { ...question })),
    }),
  repositories: (project: string) =>
    queryOptions({
      queryKey: ['images', project, 'repositories'],
      queryFn: () => listOf<Repository>(apiPath(['projects', project, 'repositories'])),
    }),
  advisories: () => queryOptions({ queryKey: ['advisories'], queryFn: () => listOf<AdvisorySource>('/advisories') }),
  policies: () => queryOptions({ queryKey: ['policies'], queryFn: () => listOf<Policy>('/policies') }),
  bases: () => queryOptions({ queryKey: ['bases'], queryFn: () => listOf<Base>('/bases') }),
  operations: () => queryOptions({ queryKey: ['operations'], queryFn: () => listOf<OperationSummary>('/operations') }),
  operation: (id: string) =>
    queryOptions({ queryKey: ['operation', id], queryFn: () => api.get<Operation>(apiPath(['operations', id])) }),
  incidents: () => queryOptions({ queryKey: ['incidents'], queryFn: () => listOf<Incident>('/incidents') }),
  incident: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number],
      queryFn: () => api.get<IncidentDetail>(apiPath(['incidents', number])),
    }),
  hosts: () => queryOptions({ queryKey: ['hosts'], queryFn: () => listOf<Host>('/hosts') }),
  facts: (filter: FactFilter, before: string | null) =>
    queryOptions({
      queryKey: ['facts', filter, before],
      queryFn: () => listOf<Fact>(apiPath(['audit', 'facts'], { ...filter, before, limit: FACTS_PER_PAGE })),
    }),
  verification: () =>
    queryOptions({
      queryKey: ['verification'],
      queryFn: () => api.get<AuditVerification>('/audit/verify'),
      enabled: false,
    }),
  users: () => queryOptions({ queryKey: ['users'], queryFn: () => listOf<User>('/users') }),
  tokens: () => queryOptions({ queryKey: ['tokens'], queryFn: () => listOf<Token>('/tokens') }),
};
