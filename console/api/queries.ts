import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { ApiFailure, api, apiPath } from './client.ts';
import type {
  AccessEntry,
  AdvisorySource,
  AuditVerification,
  Base,
  CallProfile,
  CertificateOrder,
  Comparison,
  CopyFinding,
  Deadline,
  Evidence,
  Exception,
  Fact,
  FleetAnswer,
  Host,
  Image,
  ImageDetail,
  Incident,
  IncidentDetail,
  Issuer,
  LayerFiles,
  List,
  Me,
  Member,
  Mirror,
  NetworkFlow,
  Offer,
  Operation,
  OperationSummary,
  Overview,
  PackageFiles,
  PackagePage,
  Policy,
  PolicyRevision,
  Project,
  Promotion,
  PullHistory,
  QuarantineAnswer,
  RegistryStatus,
  Release,
  Remote,
  Replication,
  ReplicationDetail,
  Repository,
  RetentionPreview,
  Robot,
  RootWorkload,
  Route,
  ScanChanges,
  ScanReport,
  ScanRuleFile,
  ServedCertificate,
  SettingsAnswer,
  ShownPolicy,
  SignatureAnswer,
  SiteState,
  Status,
  Token,
  TrustKey,
  TrustPolicy,
  User,
  Verdict,
  VexRecord,
  Volume,
  Watch,
  WatchDetail,
  WorkloadEvent,
  WorkloadRevision,
  WorkloadRule,
  WorkloadStatus,
  WorkloadUse,
} from './types.ts';

export async function listOf<T>(path: string): Promise<readonly T[]> {
  return (await api.get<List<T>>(path)).items;
}

/** An object that may be missing: `null` instead of a failure. */
export async function maybe<T>(path: string): Promise<T | null> {
  try {
    return await api.get<T>(path);
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return null;
    throw error;
  }
}

export const FACTS_PER_PAGE = 100;
const HELD_MS = 2000;
const IMAGES_PER_PAGE = 200;
/** More rows than that are found by the filter. */
const PACKAGES_PER_PAGE = 300;
/** A project with more images than this is searched by repository. */
const IMAGE_PAGES_MAX = 10;

/** All pages of a project's images, newest first. */
async function imagesOf(project: string, repository: string): Promise<readonly Image[]> {
  const images: Image[] = [];
  let after: string | null = null;
  for (let page = 0; page < IMAGE_PAGES_MAX; page += 1) {
    const path = apiPath(['projects', project, 'images'], { repository, limit: IMAGES_PER_PAGE, after });
    const list: List<Image> = await api.get<List<Image>>(path);
    images.push(...list.items);
    if (list.next === undefined) break;
    after = list.next;
  }
  return images;
}

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
  flows: (project: string) =>
    queryOptions({
      queryKey: ['flows', project],
      queryFn: () => listOf<NetworkFlow>(apiPath(['projects', project, 'flows'])),
      refetchInterval: 30_000,
    }),
  networkPolicies: (project: string) =>
    queryOptions({
      queryKey: ['network-policies', project],
      queryFn: () => listOf<ShownPolicy>(apiPath(['projects', project, 'network-policies'])),
    }),
  accessLog: (project: string) =>
    queryOptions({
      queryKey: ['access-log', project],
      queryFn: () => listOf<AccessEntry>(apiPath(['projects', project, 'access-log'])),
      refetchInterval: 2_000,
      staleTime: 0,
    }),
  /** Nothing tells of a look at the edge or at DNS: asked again as often as a site looks. */
  site: () => queryOptions({ queryKey: ['site'], queryFn: () => api.get<SiteState>('/site'), refetchInterval: 5_000 }),
  certificates: () =>
    queryOptions({ queryKey: ['certificates'], queryFn: () => listOf<ServedCertificate>('/certificates') }),
  certificateOrders: () =>
    queryOptions({
      queryKey: ['certificates', 'orders'],
      queryFn: () => listOf<CertificateOrder>('/certificates/orders'),
      refetchInterval: 10_000,
    }),
  releases: (project: string) =>
    queryOptions({
      queryKey: ['releases', project],
      queryFn: () => listOf<Release>(apiPath(['projects', project, 'releases'])),
    }),
  /** Releases that served and can be returned to, newest first. */
  returnable: (project: string, environment: string) =>
    queryOptions({
      queryKey: ['releases', project, 'returnable', environment],
      queryFn: () => listOf<Release>(apiPath(['projects', project, 'environments', environment, 'rollback'])),
    }),
  comparison: (project: string, from: string, to: string) =>
    queryOptions({
      queryKey: ['comparison', project, from, to],
      queryFn: () => api.get<Comparison>(apiPath(['projects', project, 'comparison'], { from, to })),
    }),
  workloadHistory: (project: string, environment: string, workload: string) =>
    queryOptions({
      queryKey: ['releases', project, 'history', environment, workload],
      queryFn: () =>
        listOf<WorkloadRevision>(apiPath(['projects', project, 'workloads', workload, 'history'], { environment })),
    }),
  workloadUse: (project: string, environment: string, workload: string) =>
    queryOptions({
      queryKey: ['workload-use', project, environment, workload],
      queryFn: () =>
        api.get<WorkloadUse>(apiPath(['projects', project, 'workloads', workload, 'stats'], { environment })),
      refetchInterval: 3_000,
    }),
  workloadEvents: (project: string, environment: string, workload: string) =>
    queryOptions({
      queryKey: ['workload-events', project, environment, workload],
      queryFn: () =>
        listOf<WorkloadEvent>(apiPath(['projects', project, 'workloads', workload, 'events'], { environment })),
    }),
  promotions: (project: string) =>
    queryOptions({
      queryKey: ['promotions', project],
      queryFn: () => listOf<Promotion>(apiPath(['projects', project, 'promotions'])),
    }),
  routes: () => queryOptions({ queryKey: ['routes'], queryFn: () => listOf<Route>('/routes') }),
  volumes: (project: string) =>
    queryOptions({
      queryKey: ['volumes', project],
      queryFn: () => listOf<Volume>(apiPath(['projects', project, 'volumes'])),
    }),
  images: (project: string) =>
    queryOptions({
      queryKey: ['images', project],
      queryFn: () => imagesOf(project, ''),
    }),
  imagesIn: (project: string, repository: string) =>
    queryOptions({
      queryKey: ['images', project, 'in', repository],
      queryFn: () => imagesOf(project, repository),
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
  changes: (project: string, digest: string) =>
    queryOptions({
      queryKey: ['images', project, digest, 'changes'],
      queryFn: () => api.get<ScanChanges>(apiPath(['projects', project, 'images', digest, 'changes'])),
    }),
  packages: (
    project: string,
    digest: string,
    { match, type, layer }: { readonly match: string; readonly type: string; readonly layer: string },
  ) =>
    infiniteQueryOptions({
      queryKey: ['images', project, digest, 'packages', match, type, layer],
      queryFn: ({ pageParam }) =>
        api.get<PackagePage>(
          apiPath(['projects', project, 'images', digest, 'packages'], {
            ...{ match, type, layer },
            ...{ after: pageParam, limit: PACKAGES_PER_PAGE },
          }),
        ),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next,
    }),
  packageFiles: (project: string, digest: string, purl: string, path: string) =>
    queryOptions({
      queryKey: ['package-files', project, digest, purl, path],
      queryFn: () =>
        api.get<PackageFiles>(apiPath(['projects', project, 'images', digest, 'package-files'], { purl, path })),
      // An image never changes: its digest is its name.
      staleTime: Number.POSITIVE_INFINITY,
      retry: false,
    }),
  deadlines: (project: string) =>
    queryOptions({
      queryKey: ['deadlines', project],
      queryFn: () => listOf<Deadline>(apiPath(['deadlines'], { project })),
    }),
  vex: (project: string) =>
    queryOptions({
      queryKey: ['vex', project],
      queryFn: () => listOf<VexRecord>(apiPath(['projects', project, 'vex'])),
    }),
  scanRules: (project: string) =>
    queryOptions({
      queryKey: ['scan-rules', project],
      queryFn: () => listOf<ScanRuleFile>(apiPath(['projects', project, 'scan', 'rules'])),
    }),
  where: (finding: string, running: boolean) =>
    infiniteQueryOptions({
      queryKey: ['images', '', 'where', finding, running],
      queryFn: ({ pageParam }) =>
        api.get<FleetAnswer>(
          apiPath(['findings', finding, 'images'], { running: running ? 'true' : null, after: pageParam }),
        ),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next ?? null,
    }),
  exceptions: (project: string) =>
    queryOptions({
      queryKey: ['exceptions', project],
      queryFn: () => listOf<Exception>(apiPath(['projects', project, 'exceptions'])),
    }),
  signatures: (project: string, digest: string) =>
    queryOptions({
      queryKey: ['images', project, digest, 'signatures'],
      queryFn: () => api.get<SignatureAnswer>(apiPath(['projects', project, 'images', digest, 'signatures'])),
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
  quarantine: (project: string, repository: string, reference: string) =>
    queryOptions({
      queryKey: ['images', project, 'quarantine', repository, reference],
      queryFn: () => api.get<QuarantineAnswer>(apiPath(['projects', project, 'quarantine'], { repository, reference })),
      // Places in the queue and counts of a scan are no facts, so nothing tells of them.
      refetchInterval: (query) => (query.state.data?.quarantine.state === 'held' ? HELD_MS : false),
    }),
  repositorySettings: (project: string, repository: string) =>
    queryOptions({
      queryKey: ['repository-settings', project, repository],
      queryFn: () => api.get<SettingsAnswer>(apiPath(['projects', project, 'repository-settings'], { repository })),
    }),
  /** What holds for the whole project, such as its quota. */
  projectSettings: (project: string) =>
    queryOptions({
      queryKey: ['repository-settings', project],
      queryFn: () => api.get<SettingsAnswer>(apiPath(['projects', project, 'repository-settings'])),
    }),
  retention: (project: string) =>
    queryOptions({
      queryKey: ['images', project, 'retention'],
      queryFn: () => api.get<RetentionPreview>(apiPath(['projects', project, 'retention'])),
    }),
  registryStatus: () =>
    queryOptions({ queryKey: ['images', '', 'status'], queryFn: () => api.get<RegistryStatus>('/registry/status') }),
  advisories: () => queryOptions({ queryKey: ['advisories'], queryFn: () => listOf<AdvisorySource>('/advisories') }),
  policies: () => queryOptions({ queryKey: ['policies'], queryFn: () => listOf<Policy>('/policies') }),
  policy: (name: string) =>
    queryOptions({ queryKey: ['policies', name], queryFn: () => api.get<Policy>(apiPath(['policies', name])) }),
  policyRevisions: (name: string) =>
    queryOptions({
      queryKey: ['policies', name, 'revisions'],
      queryFn: () => listOf<PolicyRevision>(apiPath(['policies', name, 'revisions'])),
    }),
  bases: () => queryOptions({ queryKey: ['bases'], queryFn: () => listOf<Base>('/bases') }),
  operations: () => queryOptions({ queryKey: ['operations'], queryFn: () => listOf<OperationSummary>('/operations') }),
  operation: (id: string) =>
    queryOptions({ queryKey: ['operation', id], queryFn: () => api.get<Operation>(apiPath(['operations', id])) }),
  incidents: () => queryOptions({ queryKey: ['incidents'], queryFn: () => listOf<Incident>('/incidents?limit=200') }),
  incidentOffers: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number, 'actions'],
      queryFn: () => listOf<Offer>(apiPath(['incidents', number, 'actions'])),
    }),
  incidentEvidence: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number, 'evidence'],
      queryFn: () => listOf<Evidence>(`/evidence?incident=${encodeURIComponent(number)}`),
    }),
  incident: (number: string) =>
    queryOptions({
      queryKey: ['incidents', number],
      queryFn: () => api.get<IncidentDetail>(apiPath(['incidents', number])),
    }),
  profiles: (project: string, workload: string) =>
    queryOptions({
      queryKey: ['profiles', project, workload],
      queryFn: () => listOf<CallProfile>(apiPath(['projects', project, 'profiles'], { workload })),
    }),
  roots: (project: string) =>
    queryOptions({
      queryKey: ['profiles', project, 'roots'],
      queryFn: () => listOf<RootWorkload>(apiPath(['projects', project, 'roots'])),
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
  trustKeys: () => queryOptions({ queryKey: ['trust', 'keys'], queryFn: () => listOf<TrustKey>('/trust/keys') }),
  trustPolicy: () =>
    queryOptions({ queryKey: ['trust', 'policy'], queryFn: () => api.get<TrustPolicy>('/trust/policy') }),
  remotes: () => queryOptions({ queryKey: ['remotes'], queryFn: () => listOf<Remote>('/remotes') }),
  mirrors: () => queryOptions({ queryKey: ['mirrors'], queryFn: () => listOf<Mirror>('/mirrors') }),
  watches: () => queryOptions({ queryKey: ['watches'], queryFn: () => listOf<Watch>('/watches') }),
  copies: () => queryOptions({ queryKey: ['watches', 'copies'], queryFn: () => listOf<CopyFinding>('/copies') }),
  replications: () => queryOptions({ queryKey: ['replications'], queryFn: () => listOf<Replication>('/replications') }),
  members: (project: string) =>
    queryOptions({
      queryKey: ['users', 'members', project],
      queryFn: () => listOf<Member>(apiPath(['projects', project, 'members'])),
    }),
  robots: (project: string) =>
    queryOptions({
      queryKey: ['robots', project],
      queryFn: () => listOf<Robot>(apiPath(['projects', project, 'robots'])),
    }),
  workloadRules: (project: string) =>
    queryOptions({
      queryKey: ['robots', project, 'rules'],
      queryFn: () => listOf<WorkloadRule>(apiPath(['projects', project, 'trust-rules'])),
    }),
  issuers: () => queryOptions({ queryKey: ['issuers'], queryFn: () => listOf<Issuer>('/workload-identity/issuers') }),
  watch: (name: string) =>
    queryOptions({ queryKey: ['watches', name], queryFn: () => api.get<WatchDetail>(apiPath(['watches', name])) }),
  replication: (name: string) =>
    queryOptions({
      queryKey: ['replications', name],
      queryFn: () => api.get<ReplicationDetail>(apiPath(['replications', name])),
    }),
  users: () => queryOptions({ queryKey: ['users'], queryFn: () => listOf<User>('/users') }),
  tokens: () => queryOptions({ queryKey: ['tokens'], queryFn: () => listOf<Token>('/tokens') }),
};
