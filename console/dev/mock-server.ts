import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type {
  ForeignRules,
  LayerFile,
  LayerFiles,
  Mirror,
  PullHistory,
  Remote,
  Repository,
  Robot,
  TrustKey,
  TrustPolicy,
  WorkloadRule,
} from '../api/types.ts';
import {
  callProfiles,
  createMockData,
  deployOperation,
  fleetHosts,
  fleetOfCve,
  hostBench,
  hostKernel,
  kernelCves,
  kernelPatches,
  kernelRollouts,
  type MockData,
  moduleProposal,
  moduleUse,
  ROOT_TRIAL,
  rebootPlan,
  rootWorkloads,
  shieldEntries,
  shieldStanding,
  text,
} from './mock-data.ts';
import { mockEnvironmentPolicy, mockPolicyTrial } from './mock-policies.ts';
import {
  mistakesIn,
  mockForeignRules,
  mockPlaybooks,
  mockPolicies,
  mockWouldDo,
  narrowed,
  readPlaybook,
  readPolicy,
} from './mock-response.ts';
import { mockChanges, mockDeadlines, mockPackages, mockWhere, RULE_FILES, TRIED, VEX_DOCUMENTS } from './mock-risk.ts';
import { mockAlerts, mockChecked, mockDrills, mockRule, mockRuleBook, mockRuleFile, mockTried } from './mock-rules.ts';
import { mockStorage } from './mock-storage.ts';
import {
  MOCK_LOG,
  mockAssurance,
  mockComparison,
  mockEvents,
  mockHistory,
  mockHostExceptions,
  mockSite,
  mockUse,
} from './mock-work.ts';

/**
 * Plays the control program for development and for the tests of the console: same addresses, same headers, made-up
 * data. It stands in only for what a browser test cannot have in a second; the real server has its own journeys.
 */
export interface MockServer {
  readonly url: string;
  readonly data: MockData;
  /** Requests that changed something, in order. */
  readonly writes: { method: string; path: string; body: unknown }[];
  /** Sends one live event to every open stream. */
  emit(name: 'fact' | 'operation' | 'workload' | 'status', data: unknown, eventId?: number): void;
  /** Ends every live stream, as a restart of the control program would; `refuse` keeps new ones out. */
  dropStreams(refuse: boolean): void;
  close(): Promise<void>;
}

export interface MockOptions {
  readonly state?: 'fresh' | 'busy';
  readonly port?: number;
  /** Folder of the built console. */
  readonly dist?: string;
  /** Whether the first visitor is already signed in. */
  readonly signedIn?: boolean;
  /** Whether time passes by itself: a fact every few seconds, a deploy that moves. */
  readonly ticking?: boolean;
}

const DIST_DEFAULT = fileURLToPath(new URL('../dist', import.meta.url));
const CODE = 'one-time-code';
const BODY_BYTES_MAX = 1_000_000;
const POLICY =
  "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

type Handler = (context: { params: string[]; body: Record<string, unknown>; query: URLSearchParams }) => unknown;

class MockProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, code: string, title: string, details?: unknown) {
    super(title);
    this.details = details;
    this.status = status;
    this.code = code;
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new MockProblem(404, 'console.not-found', 'this object does not exist');
  return value;
}

const LONG_AGO = '2026-11-01T08:00:00.000Z';
const PEM = '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n';

const TRUST_KEYS: readonly TrustKey[] = [
  ['builder:vm:e8bb23e68096', ['image', 'provenance'], null, false],
  ['control', ['scan', 'verdict'], null, true],
  ['release-2025', ['image'], LONG_AGO, false],
].map(([name, uses, revokedAt, signsHere]) => ({
  id: `key of ${String(name)}`,
  name: name as string,
  uses: uses as string[],
  repositories: ['**'],
  publicKeyPem: PEM,
  algorithm: 'ecdsa-p256',
  createdAt: LONG_AGO,
  validFrom: null,
  validUntil: null,
  revokedAt: revokedAt as string | null,
  signsHere: signsHere as boolean,
}));

const TRUST_POLICY: TrustPolicy = {
  version: 3,
  actor: 'user:ana',
  createdAt: LONG_AGO,
  signatures: [],
  document: {
    version: 1,
    binding: 'required',
    signers: [
      {
        name: 'release',
        uses: ['image'],
        repositories: ['tienda/**'],
        keyless: { issuer: 'https://token.example', subject: 'release@example.org', root: 'ours' },
      },
      { name: 'security', uses: ['image'], key: PEM, validUntil: '2027-01-01T00:00:00.000Z' },
    ],
    rules: [
      { repositories: ['tienda/**'], image: { count: 2, of: ['release', 'security'] }, provenance: { count: 1 } },
    ],
  },
};

const REMOTES: readonly Remote[] = [
  {
    name: 'hub',
    url: 'https://registry.example',
    username: 'ana',
    hasSecret: true,
    repositories: ['library/*'],
    projects: ['*'],
    offline: false,
    createdBy: 'user:ana',
    updatedAt: LONG_AGO,
  },
];

const MIRRORS: readonly Mirror[] = [
  {
    prefix: 'tienda/debian',
    project: 'tienda',
    remote: 'hub',
    upstream: 'library/debian',
    pullThrough: true,
    repositories: [],
    tags: ['12', '13-slim'],
    everySeconds: 86_400,
    createdBy: 'user:ana',
    syncedAt: LONG_AGO,
    syncState: 'failed',
    syncDetail: null,
    nextSyncAt: null,
  },
];

const ROBOTS: readonly Robot[] = [
  {
    id: 'robot',
    project: 'tienda',
    name: 'ci',
    login: 'robot$tienda+ci',
    rights: ['pusher'],
    repositories: ['tienda/web'],
    state: 'active',
    expiresAt: '2027-01-01T00:00:00.000Z',
    createdBy: 'user:ana',
    lastUsedAt: LONG_AGO,
  },
];

const WORKLOAD_RULES: readonly WorkloadRule[] = [
  {
    id: 'rule',
    name: 'main',
    issuer: 'forge',
    claims: [{ claim: 'ref', value: 'refs/heads/main' }],
    rights: ['publisher'],
    repositories: [],
    minutes: 15,
    createdBy: 'user:ana',
  },
];

const LAYER_ENTRIES = 1250;
const LAYER_PAGE = 100;

/** A layer of made-up files, as the scan tells of one. */
function mockLayerFiles(query: URLSearchParams): LayerFiles {
  const match = (query.get('match') ?? '').toLowerCase();
  const all = Array.from({ length: LAYER_ENTRIES }, (_, index): LayerFile => {
    const path = `srv/api/node_modules/package-${Math.floor(index / 9)}/file-${index}.js`;
    return { path, kind: 'file', sizeBytes: (index * 7919) % 90_000, mode: '0644', linkTarget: null };
  });
  all[1] = { path: 'usr/bin/su', kind: 'file', sizeBytes: 71_912, mode: '4755', linkTarget: null };
  all[2] = { path: 'usr/bin/node', kind: 'symlink', sizeBytes: null, mode: '0777', linkTarget: 'nodejs' };
  all[3] = { path: 'etc/old.conf', kind: 'removed', sizeBytes: null, mode: null, linkTarget: null };
  all[4] = { path: 'srv/shared', kind: 'directory', sizeBytes: null, mode: '0777', linkTarget: null };
  const found = all.filter(({ path }) => path.includes(match));
  if (query.get('order') === 'largest') found.sort((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0));
  const after = query.get('after');
  const start = after === null ? 0 : Number(after) + 1;
  const items = found.slice(start, start + LAYER_PAGE);
  const sizeBytes = all.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0);
  return {
    items,
    next: start + LAYER_PAGE < found.length ? String(start + LAYER_PAGE - 1) : null,
    totals:
      after === null
        ? { entries: all.length, files: all.length - 3, sizeBytes, removed: 1, matching: found.length }
        : null,
  };
}

function mockPulls(query: URLSearchParams): PullHistory {
  const by = query.get('by') === 'hour' ? 'hour' : 'day';
  const width = by === 'hour' ? 3_600_000 : 86_400_000;
  const count = Number(query.get('count') ?? 30);
  const last = Math.floor(Date.now() / width) * width;
  const periods = Array.from({ length: count }, (_, index) => ({
    at: new Date(last - (count - 1 - index) * width).toISOString(),
    pulls: Math.round(20 + 18 * Math.sin(index / 2.3)),
  }));
  const total = periods.reduce((sum, one) => sum + one.pulls, 0);
  const lastAt = new Date().toISOString();
  return {
    by,
    from: periods[0]?.at ?? lastAt,
    to: new Date(last + width).toISOString(),
    total,
    lastAt,
    periods,
    actors: [
      { actor: 'agent:vm', pulls: total - 40, lastAt },
      { actor: 'user:ana', pulls: 40, lastAt },
    ],
    images: [],
  };
}

function mockRepositories(data: MockData, project: string): readonly Repository[] {
  const images = data.images.filter((image) => image.project === project);
  return [...new Set(images.map((image) => image.repository))].map((repository) => {
    const own = images.filter((image) => image.repository === repository);
    return {
      repository,
      images: own.length,
      tags: own.reduce((sum, image) => sum + image.tags.length, 0),
      sizeBytes: own.reduce((sum, image) => sum + image.sizeBytes, 0),
      lastPushedAt:
        own
          .map((image) => image.pushedAt)
          .toSorted()
          .at(-1) ?? null,
    };
  });
}

function createRoutes(data: MockData, url: () => string): readonly (readonly [string, RegExp, Handler])[] {
  const list = (items: readonly unknown[]) => ({ items });
  const storage = mockStorage(data);
  const route = (method: string, path: string, handler: Handler) =>
    [method, new RegExp(`^${path.replace(/:\w+/g, '([^/]+)')}$`), handler] as const;
  const incidentOf = (number: string | undefined) =>
    found(data.incidents.find((item) => String(item.number) === number));
  const imageOf = (project: string | undefined, imageDigest: string | undefined) =>
    found(data.images.find((item) => item.project === project && item.digest === imageDigest));
  const response = { policies: mockPolicies(), playbooks: mockPlaybooks() };
  const foreignRules = mockForeignRules();
  const madeNow = () => ({
    ...{ id: randomBytes(6).toString('hex'), author: data.me.actor, at: new Date().toISOString() },
  });
  const checked = (source: string): string => {
    const mistakes = mistakesIn(source);
    if (mistakes.length > 0)
      throw new MockProblem(400, 'respond.policy-invalid', 'the response policy cannot be used', mistakes);
    return source;
  };
  const checkedPolicy = (source: string) => readPolicy(checked(source), data.me.actor);
  const checkedPlaybook = (source: string) => readPlaybook(checked(source), data.me.actor);
  return [
    route('GET', '/me', () => data.me),
    route('POST', '/me/password', ({ body }) => {
      data.password = String(body['password']);
      data.me = { ...data.me, hasPassword: true };
      return {};
    }),
    route('GET', '/status', () => data.status),
    route('GET', '/overview', () => data.overview),
    route('GET', '/projects', () => list(data.projects)),
    route('GET', '/projects/:p', ({ params }) => found(data.projects.find((item) => item.name === params[0]))),
    route('GET', '/projects/:p/workloads', ({ params }) =>
      list(data.workloads.filter((item) => item.project === params[0])),
    ),
    route('GET', '/projects/:p/flows', ({ params }) => list(data.flows.filter((flow) => flow.project === params[0]))),
    route('GET', '/projects/:p/network-policies', () =>
      list(
        data.flows.length === 0
          ? []
          : [
              {
                ...{ environment: 'prod', name: 'payments', selects: ['app=payments'], ingress: null, egress: [] },
                egressNames: ['api.bank.example :443/TCP', '*.debian.org'],
              },
              {
                ...{ environment: 'prod', name: 'pedidos', selects: ['app=pedidos'], egress: [], egressNames: [] },
                ingress: ['app=api :5432/TCP'],
              },
            ],
      ),
    ),
    route('GET', '/projects/:p/access-log', () => list(data.flows.length === 0 ? [] : mockRequests())),
    route('GET', '/site', () => mockSite()),
    route('GET', '/certificates', () =>
      list(
        data.routes.length === 0
          ? []
          : [
              {
                ...{ id: '0123456789abcdef', project: 'tienda', names: ['www.banco.example'], issuer: 'Banco CA' },
                ...{ notAfter: new Date(Date.now() + 12 * 86_400_000).toISOString(), source: 'upload' },
                ...{ addedBy: 'user:ana', state: 'expiring', days: 12 },
              },
            ],
      ),
    ),
    route('POST', '/certificates/orders', () => ({})),
    route('GET', '/certificates/acme', () => ({
      settings: {
        ...{ directory: 'https://acme.example.org/directory', contact: [], ca: null, termsAgreed: true },
        dns: { host: 'ns1.example.org', port: 53, zones: ['example.org'], keyName: 'darsena', waitSeconds: 0 },
      },
    })),
    route('GET', '/certificates/orders', () =>
      list(
        data.routes.length === 0
          ? []
          : [
              {
                ...{ id: 'fedcba9876543210', names: ['example.org', '*.example.org'], state: 'failed' },
                detail: {
                  en: 'the DNS server ns1.example.org:53 did not change the zone example.org: NOTAUTH',
                  es: 'el servidor DNS ns1.example.org:53 no cambió la zona example.org: NOTAUTH',
                },
                nextAt: new Date(Date.now() + 300_000).toISOString(),
              },
            ],
      ),
    ),
    route('GET', '/projects/:p/environments/:e/network-policies/proposal', ({ params }) => ({
      items: data.flows.some((flow) => flow.environment === params[1])
        ? [
            {
              apiVersion: 'networking.k8s.io/v1',
              kind: 'NetworkPolicy',
              metadata: { name: 'api' },
              spec: {
                podSelector: { matchLabels: { app: 'api' } },
                policyTypes: ['Ingress', 'Egress'],
                ingress: [
                  {
                    from: [{ podSelector: { matchLabels: { app: 'web' } } }],
                    ports: [{ protocol: 'TCP', port: 8080 }],
                  },
                ],
                egress: [],
              },
            },
          ]
        : [],
    })),
    route('GET', '/projects/:p/releases', ({ params }) =>
      list(data.releases.filter((item) => item.project === params[0])),
    ),
    route('GET', '/projects/:p/comparison', ({ query }) =>
      mockComparison(query.get('from') ?? '', query.get('to') ?? ''),
    ),
    route('GET', '/projects/:p/environments/:e/policy', ({ params }) => mockEnvironmentPolicy(params[1] ?? '')),
    route('PUT', '/projects/:p/environments/:e/policy', ({ params }) => mockEnvironmentPolicy(params[1] ?? '')),
    route('POST', '/projects/:p/environments/:e/policy/try', ({ body }) => mockPolicyTrial(String(body['policy']))),
    route('POST', '/projects/:p/environments/:e/policy/:decision', ({ params }) => ({
      ...mockEnvironmentPolicy(params[1] ?? ''),
      waiting: null,
    })),
    route('GET', '/projects/:p/assurance', () => list(mockAssurance())),
    route('GET', '/projects/:p/workloads/:w/history', () => list(mockHistory())),
    route('GET', '/projects/:p/workloads/:w/stats', () => mockUse()),
    route('GET', '/projects/:p/workloads/:w/events', () => list(mockEvents())),
    route('GET', '/host-exceptions', () => mockHostExceptions(data.hosts.map(({ name }) => name))),
    route('POST', '/policies/check', ({ body }) => {
      if (String(body['source']).includes('rules:')) return found(data.policies[0]);
      throw new MockProblem(422, 'admit.policy-invalid', 'policy cannot be used');
    }),
    route('GET', '/projects/:p/promotions', ({ params }) =>
      list(data.promotions.filter((item) => item.project === params[0])),
    ),
    route('POST', '/projects/:p/promotions/:id/decision', ({ params, body }) => {
      const promotion = found(data.promotions.find((item) => item.id === params[1]));
      if (body['decision'] === 'approve' && promotion.involved.includes(data.me.actor))
        throw new MockProblem(403, 'access.same-person', 'another person must decide');
      const decision = body['decision'] === 'approve' ? ('approve' as const) : ('reject' as const);
      const changed = {
        ...promotion,
        state: decision === 'approve' ? ('approved' as const) : ('rejected' as const),
        approvals: [{ by: data.me.actor, at: new Date().toISOString(), decision, comment: null }],
      };
      data.promotions = data.promotions.map((item) => (item.id === changed.id ? changed : item));
      return changed;
    }),
    route('POST', '/projects/:p/promotions', () => found(data.operations[0])),
    route('GET', '/projects/:p/environments/:e/rollback', ({ params }) =>
      list(
        data.releases.filter(
          (one) => one.project === params[0] && one.environment === params[1] && one.state === 'superseded',
        ),
      ),
    ),
    route('POST', '/projects/:p/environments/:e/rollback', () => data.operations[0]),
    route('POST', '/projects/:p/environments/:e/canary', () => data.operations[0]),
    route('GET', '/projects/:p/images', ({ params, query }) => {
      const repository = query.get('repository');
      return list(
        data.images.filter(
          (item) => item.project === params[0] && (repository === null || item.repository === repository),
        ),
      );
    }),
    route('GET', '/projects/:p/images/:d', ({ params }) => imageOf(params[0], params[1])),
    route('GET', '/projects/:p/images/:d/scan', ({ params }) =>
      found(data.scans.find((item) => item.digest === params[1])),
    ),
    route('GET', '/projects/:p/images/:d/changes', ({ params }) => {
      const report = data.scans.find((item) => item.digest === params[1]);
      return mockChanges(report?.findings ?? []);
    }),
    route('GET', '/projects/:p/exceptions', () => list(data.exceptions)),
    route('GET', '/projects/:p/vex', () => list(data.exceptions.length === 0 ? [] : VEX_DOCUMENTS)),
    route('POST', '/projects/:p/vex', () => VEX_DOCUMENTS[0]),
    route('GET', '/projects/:p/scan/rules', () => list(data.exceptions.length === 0 ? [] : RULE_FILES)),
    route('PUT', '/projects/:p/scan/:k', () => RULE_FILES[0]),
    route('DELETE', '/projects/:p/scan/:k', () => null),
    route('POST', '/projects/:p/scan/secrets/try', () => TRIED),
    route('GET', '/deadlines', ({ query }) => list(mockDeadlines(data, query.get('project')))),
    route('GET', '/findings/:f/images', ({ params }) => mockWhere(data, params[0] ?? '')),
    route('GET', '/projects/:p/images/:d/packages', ({ params, query }) => {
      const report = data.scans.find((item) => item.digest === params[1]);
      return mockPackages(report?.findings ?? [], report?.layers ?? [], query);
    }),
    route('GET', '/projects/:p/images/:d/package-files', () => ({
      files: ['/usr/lib/x86_64-linux-gnu/libexample.so.1', '/usr/share/doc/example/copyright'],
      total: 214,
    })),
    route('GET', '/projects/:p/images/:d/sbom', ({ params }) => ({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      serialNumber: params[1],
    })),
    route('GET', '/projects/:p/images/:d/layers/:l/files', ({ query }) => mockLayerFiles(query)),
    route('GET', '/projects/:p/quarantine', ({ params, query }) => {
      const image = imageOf(params[0], query.get('reference') ?? '');
      const held = image.quarantine === 'held';
      const reason = { en: 'it is not scanned yet', es: 'todavía no se ha escaneado' };
      return {
        repository: image.repository,
        digest: image.digest,
        quarantine: {
          state: image.quarantine,
          code: image.quarantine === 'released' ? null : 'registry.not-judged',
          reasons: image.quarantine === 'released' ? [] : [reason],
          remedies: [],
          warnings: [],
          progress: held
            ? {
                state: 'scanning',
                place: null,
                queued: 0,
                since: image.pushedAt,
                step: { text: { en: 'layer 2 of 3', es: 'capa 2 de 3' }, done: 31, total: 62 },
                operation: null,
              }
            : null,
        },
      };
    }),
    route('GET', '/projects/:p/repository-settings', ({ params, query }) => ({
      project: params[0],
      repository: query.get('repository'),
      effective: Object.assign(
        { anonymousPull: false, immutableTags: [], retention: [], quotaBytes: null },
        ...data.repositorySettings.map(({ pattern: _p, updatedAt: _a, updatedBy: _b, ...set }) =>
          Object.fromEntries(Object.entries(set).filter(([, value]) => value !== null)),
        ),
      ),
      usage: { usedBytes: 18_900_000_000, quotaBytes: 20_000_000_000 },
      items: data.repositorySettings,
    })),
    route('GET', '/projects/:p/retention', ({ params }) => ({
      project: params[0],
      at: new Date().toISOString(),
      removals: data.images.slice(2, 3).map((image) => ({
        repository: image.repository,
        digest: image.digest,
        tags: image.tags,
        manifests: [image.digest],
        why: {
          en: 'not among the newest 10, not pulled in 30 days',
          es: 'no está entre las 10 más nuevas ni se ha descargado en 30 días',
        },
        sizeBytes: image.sizeBytes,
      })),
      kept: { byRule: 4, inUse: 2, immutable: 1 },
      sizeBytes: data.images[2]?.sizeBytes ?? 0,
    })),
    route('POST', '/projects/:p/retention', () => ({ operation: data.operations[0]?.id })),
    route('GET', '/registry/status', () => ({
      content: { blobs: 214, bytes: 8_300_000_000, manifests: 61, repositories: 7 },
      scrub: { phase: null, readBytes: 8_300_000_000, found: 1, healed: 0, finishedAt: LONG_AGO },
      damages: [
        {
          digest: data.images[0]?.digest,
          content: 'blob',
          kind: 'changed',
          foundAt: LONG_AGO,
          repositories: ['tienda/web'],
          healedAt: null,
          healedFrom: null,
        },
      ],
    })),
    route('PUT', '/projects/:p/repository-settings', ({ query, body }) => {
      const pattern = query.get('pattern') ?? '**';
      const empty = { anonymousPull: null, immutableTags: null, retention: null, quotaBytes: null };
      const next = { ...empty, ...body, pattern, updatedAt: new Date().toISOString(), updatedBy: 'user:ana' };
      data.repositorySettings = [...data.repositorySettings.filter((item) => item.pattern !== pattern), next];
      return next;
    }),
    route('DELETE', '/projects/:p/tags', ({ query }) => {
      data.images = data.images.map((image) =>
        image.repository === query.get('repository')
          ? { ...image, tags: image.tags.filter((tag) => tag !== query.get('tag')) }
          : image,
      );
    }),
    route('GET', '/projects/:p/pulls', ({ query }) => mockPulls(query)),
    route('GET', '/projects/:p/repositories', ({ params }) => list(mockRepositories(data, params[0] ?? ''))),
    route('GET', '/projects/:p/images/:d/signatures', ({ params }) => ({
      items: data.signatures[params[1] ?? ''] ?? [],
      demands: [
        {
          ...mockNamed(data, params[1]),
          use: 'image',
          count: 2,
          of: ['release', 'security'],
          signers: ['release'],
          met: false,
          needed: true,
        },
        {
          ...mockNamed(data, params[1]),
          use: 'provenance',
          count: 1,
          of: null,
          signers: ['darsena-build'],
          met: true,
          needed: false,
        },
      ],
    })),
    route('GET', '/trust/keys', () => list(TRUST_KEYS)),
    route('GET', '/trust/policy', () => TRUST_POLICY),
    route('GET', '/remotes', () => list(REMOTES)),
    route('GET', '/mirrors', () => list(MIRRORS)),
    route('GET', '/watches', () =>
      list([
        {
          name: 'outside',
          remote: 'hub',
          repositories: ['library/*'],
          createdBy: 'user:ana',
          checkedAt: LONG_AGO,
          state: 'done',
          detail: { images: 12, refused: 2, unsigned: 5, problem: null },
          nextAt: '2027-01-01T00:00:00.000Z',
        },
      ]),
    ),
    route('GET', '/watches/:n', ({ params }) => ({
      name: params[0],
      images: [
        {
          repository: 'library/web',
          tag: '1.4.2',
          digest: data.images[0]?.digest,
          changedAt: LONG_AGO,
          checkedAt: LONG_AGO,
          examination: {
            complete: true,
            packages: 214,
            byRisk: { 'act-now': 1, high: 2, medium: 5, low: 9 },
            signers: [],
            decision: 'refuse',
            reasons: [
              {
                en: 'no trusted signature stands for the image',
                es: 'ninguna firma de confianza responde por la imagen',
              },
            ],
          },
          problem: null,
        },
        {
          repository: 'library/debian',
          tag: 'bookworm-20261101-slim',
          digest: data.images[1]?.digest,
          changedAt: LONG_AGO,
          checkedAt: LONG_AGO,
          examination: null,
          problem: { en: 'the registry does not answer', es: 'el registro no responde' },
        },
      ],
    })),
    route('GET', '/replications/:n', ({ params }) => ({
      name: params[0],
      waiting: 1,
      entries: [
        {
          ...{ id: 'b', action: 'put', repository: 'tienda/web', tag: '1.4.3', digest: data.images[0]?.digest },
          ...{ queuedAt: LONG_AGO, nextAt: '2027-01-01T00:00:00.000Z', attempts: 3, state: 'waiting', endedAt: null },
          ...{ bytes: 0, problem: { en: 'the registry does not answer', es: 'el registro no responde' } },
        },
        {
          ...{ id: 'a', action: 'put', repository: 'tienda/api', tag: '2.0', digest: data.images[1]?.digest },
          ...{ queuedAt: LONG_AGO, nextAt: LONG_AGO, attempts: 1, state: 'done', endedAt: LONG_AGO },
          ...{ bytes: 62_000_000, problem: null },
        },
      ],
    })),
    route('GET', '/workload-identity/issuers', () =>
      list([
        {
          name: 'github',
          url: 'https://token.actions.githubusercontent.com',
          audience: 'https://darsena.example',
          createdBy: 'user:ana',
        },
      ]),
    ),
    route('GET', '/copies', () =>
      list([
        {
          id: 'copy',
          kind: 'ours-elsewhere',
          place: 'registry.example/library/web:1.4.2',
          project: 'tienda',
          here: 'tienda/web:1.4.2',
          digest: data.images[0]?.digest,
          detail: { en: 'no replication brings it there', es: 'ninguna replicación la lleva allí' },
          foundAt: LONG_AGO,
        },
      ]),
    ),
    route('GET', '/replications', () =>
      list([
        {
          name: 'second-site',
          remote: 'hub',
          repositories: ['tienda/**'],
          paused: false,
          createdBy: 'user:ana',
          succeededAt: LONG_AGO,
          waiting: 3,
          failing: 1,
          refused: 1,
          lagSeconds: 185,
          problem: { en: 'the registry does not answer', es: 'el registro no responde' },
        },
      ]),
    ),
    route('GET', '/projects/:p/members', () => list([{ name: 'luis', roles: ['developer'], state: 'active' }])),
    route('GET', '/projects/:p/robots', () => list(ROBOTS)),
    route('GET', '/projects/:p/trust-rules', () => list(WORKLOAD_RULES)),
    route('GET', '/projects/:p/verdicts', ({ query }) =>
      list(
        [...data.releases, ...data.promotions]
          .map((item) => item.verdict)
          .filter((verdict) => verdict?.digest === query.get('digest')),
      ),
    ),
    route('GET', '/routes', () => list(data.routes)),
    ...storage.routes(route),
    route('GET', '/advisories', () => list(data.advisories)),
    route('GET', '/policies', () => list(data.policies)),
    route('GET', '/policies/:name/revisions', ({ params }) =>
      list(
        params[0] === 'prod'
          ? [
              {
                ...{ name: 'prod', revision: 2, source: 'name: prod\nversion: "3"', author: 'user:luis' },
                ...{ createdAt: '2026-11-20T10:00:00.000Z', approver: null, state: 'waiting' },
              },
              {
                ...{ name: 'prod', revision: 1, source: 'name: prod', author: 'user:luis' },
                ...{ createdAt: '2026-11-10T10:00:00.000Z', approver: 'user:marta', state: 'active' },
              },
            ]
          : [],
      ),
    ),
    route('POST', '/policies/:name/:decision', ({ params }) => ({
      ...{ name: params[0], revision: 2, source: 'name: prod', author: 'user:luis' },
      ...{ createdAt: '2026-11-20T10:00:00.000Z', approver: data.me.actor, state: 'active' },
    })),
    route('GET', '/policies/:name', ({ params }) => ({
      ...data.policies.find((one) => one.name === params[0]),
      source: 'name: prod',
    })),
    route('GET', '/bases', () => list(data.bases)),
    route('POST', '/bases', () => data.operations[0] ?? deployOperation(0.1)),
    route('GET', '/operations', () => list(data.operations.map(({ steps: _steps, ...summary }) => summary))),
    route('GET', '/operations/:id', ({ params }) =>
      params[0] === ROOT_TRIAL.id
        ? ROOT_TRIAL
        : (storage.operation(params[0]) ?? found(data.operations.find((item) => item.id === params[0]))),
    ),
    route('POST', '/operations/:id/cancel', () => ({})),
    route('GET', '/incidents', ({ query }) => list(narrowed(data.incidents, query, data.me.actor))),
    route('GET', '/incidents/:n', ({ params }) => incidentOf(params[0])),
    route('GET', '/incidents/:n/comments', () => ({
      items: [{ id: 'c1', at: '2026-11-22T10:00:00.000Z', author: 'user:ana', text: 'Looks like the load test.' }],
      links: data.incidents.slice(1, 2),
    })),
    route('GET', '/rules', () => mockRuleBook()),
    route('GET', '/rules/by-name/:n', ({ params }) => mockRule(params[0] ?? '')),
    route('GET', '/rules/files/:n', () => mockRuleFile),
    route('POST', '/rules/check', ({ body }) => mockChecked(String(body['text']))),
    route('POST', '/rules/try', () => mockTried()),
    route('PUT', '/rules/files/:n', () => ({ findings: [] })),
    route('GET', '/alerts', () => list(mockAlerts)),
    route('GET', '/drills', () => mockDrills()),
    route('GET', '/playbooks', () => list(response.playbooks)),
    route('POST', '/playbooks/check', ({ body }) => checkedPlaybook(String(body['source']))),
    route('PUT', '/playbooks', ({ body }) => {
      const stored = checkedPlaybook(String(body['source']));
      const { name } = stored.playbook;
      response.playbooks = [...response.playbooks.filter(({ playbook }) => playbook.name !== name), stored];
      return stored;
    }),
    route('DELETE', '/playbooks/:n', ({ params }) => {
      response.playbooks = response.playbooks.filter(({ playbook }) => playbook.name !== params[0]);
      return {};
    }),
    route('GET', '/response/policies', () => list(response.policies)),
    route('POST', '/response/policies/check', ({ body }) => checkedPolicy(String(body['source']))),
    route('POST', '/response/policies/try', () => mockWouldDo()),
    route('PUT', '/response/policies', ({ body }) => {
      const stored = checkedPolicy(String(body['source']));
      const { name } = stored.policy;
      response.policies = [...response.policies.filter(({ policy }) => policy.name !== name), stored];
      return stored;
    }),
    route('DELETE', '/response/policies/:n', ({ params }) => {
      response.policies = response.policies.filter(({ policy }) => policy.name !== params[0]);
      return {};
    }),
    route('GET', '/response/quarantine', () =>
      list([
        {
          ...{ project: 'tienda', digest: `sha256:${'b'.repeat(64)}`, incident: 7, actor: 'user:ana' },
          ...{ reason: 'tampered', at: '2026-03-02T10:00:00.000Z' },
        },
      ]),
    ),
    route('GET', '/notices/channels', () =>
      list([
        {
          ...{ name: 'pager', kind: 'webhook', host: 'pager.example.com', signed: true, priority: 'warning' },
          ...{ projects: ['tienda'], networks: [], author: 'user:ana', at: '2026-03-02T10:00:00.000Z' },
        },
      ]),
    ),
    route('GET', '/notices/deliveries', () =>
      list([
        {
          ...{ id: 'd1', channel: 'pager', incident: 7, event: 'incident.opened', state: 'pending', attempts: 2 },
          ...{
            at: '2026-03-02T10:00:00.000Z',
            nextAt: '2026-03-02T10:00:10.000Z',
            error: text('the receiver answered 503', 'el receptor respondió 503'),
          },
        },
      ]),
    ),
    route('GET', '/incidents/:n/playbooks', () => list([])),
    route('GET', '/incident-filters', () => list([{ name: 'Mine in pro', query: { environment: 'pro' } }])),
    route('POST', '/incidents/triage', ({ body }) => ({
      items: (body['numbers'] as number[]).map((number) => ({ number, problem: null })),
    })),
    route('GET', '/incidents/:n/actions', () => list(data.offers)),
    route('POST', '/incidents/:n/actions/:id', ({ params }) => {
      const incident = incidentOf(params[0]);
      const actions = incident.actions.map((one) =>
        one.id === params[1] ? { ...one, state: 'queued' as const } : one,
      );
      data.incidents = data.incidents.map((one) => (one.number === incident.number ? { ...incident, actions } : one));
      return {};
    }),
    route('GET', '/evidence', ({ query }) => list(query.get('incident') === '7' ? data.evidence : [])),
    route('GET', '/incidents/:n/people', () => list([{ name: 'ana' }, { name: 'ines' }])),
    route('PUT', '/incidents/:n/owner', ({ params, body }) => {
      const name = body['name'];
      const changed = { ...incidentOf(params[0]), owner: name === null ? null : `user:${name}` };
      data.incidents = data.incidents.map((item) => (item.number === changed.number ? changed : item));
      return { incident: changed };
    }),
    route('POST', '/incidents/:n/reopen', ({ params }) => {
      const changed = { ...incidentOf(params[0]), state: 'acknowledged' as const, owner: data.me.actor };
      data.incidents = data.incidents.map((item) => (item.number === changed.number ? changed : item));
      return { incident: changed };
    }),
    route('POST', '/incidents/:n/respond', ({ params, body }) => {
      const incident = incidentOf(params[0]);
      const states = {
        'kill-container': 'contained',
        isolate: 'contained',
        acknowledge: 'acknowledged',
        close: 'closed',
      } as const;
      const action = body['action'] as keyof typeof states;
      const changed = {
        ...incident,
        state: states[action],
        owner: data.me.actor,
        actions: [
          ...incident.actions,
          {
            id: randomBytes(6).toString('hex'),
            at: new Date().toISOString(),
            actor: data.me.actor,
            action,
            target: `${incident.pod}/${incident.container}`,
            state: 'done' as const,
            reason: null,
            detail: null,
          },
        ],
      };
      data.incidents = data.incidents.map((item) => (item.number === changed.number ? changed : item));
      return { incident: changed, action: { state: 'done', detail: null } };
    }),
    route('GET', '/hosts', () => list(data.hosts)),
    route('GET', '/prevention/policies', () => data.prevention),
    route('GET', '/foreign', () => list(data.foreign)),
    route('GET', '/foreign/rules', () => foreignRules),
    route('POST', '/foreign/allowed', ({ body }) => {
      const entry = { ...(body as Omit<ForeignRules['allowed'][number], 'id' | 'author' | 'at'>), ...madeNow() };
      foreignRules.allowed.push(entry);
      data.foreign = data.foreign.map((one) =>
        one.goneAt === null && (one.image === entry.image || one.name === entry.name)
          ? { ...one, allowedBy: { id: entry.id, reason: entry.reason } }
          : one,
      );
      return entry;
    }),
    route('DELETE', '/foreign/allowed/:id', ({ params }) => {
      foreignRules.allowed = foreignRules.allowed.filter(({ id }) => id !== params[0]);
      data.foreign = data.foreign.map((one) => (one.allowedBy?.id === params[0] ? { ...one, allowedBy: null } : one));
      return {};
    }),
    route('POST', '/foreign/stops', ({ body }) => {
      const rule = { ...(body as Omit<ForeignRules['stops'][number], 'id' | 'author' | 'at'>), ...madeNow() };
      foreignRules.stops.push(rule);
      return rule;
    }),
    route('DELETE', '/foreign/stops/:id', ({ params }) => {
      foreignRules.stops = foreignRules.stops.filter(({ id }) => id !== params[0]);
      return {};
    }),
    route('GET', '/kernel/hosts', () => list(fleetHosts())),
    route('GET', '/kernel/cves/:cve', ({ params }) => fleetOfCve(params[0] ?? '')),
    route('GET', '/kernel/shield', () => list(shieldEntries())),
    route('GET', '/hosts/:h/kernel/shield', () => list(shieldStanding())),
    route('GET', '/kernel/plan', () => list(rebootPlan())),
    route('GET', '/projects/:p/profiles', () => list(callProfiles())),
    route('GET', '/projects/:p/roots', () => list(rootWorkloads())),
    route('POST', '/projects/:p/workloads/:w/profile', () => ({ operation: ROOT_TRIAL.id })),
    route('GET', '/kernel/modules', () => list(moduleUse())),
    route('GET', '/kernel/modules/proposal', () => moduleProposal()),
    route('GET', '/hosts/:h/kernel/modules', () => ({
      mode: 'enforce',
      wouldBlock: [],
      kernel: { means: 'bpf-lsm', why: null, refused: 3 },
    })),
    route('GET', '/bench', () => list(data.hosts.map(({ name }) => ({ host: name, at: hostBench().at })))),
    route('GET', '/hosts/:h/bench', () => hostBench()),
    route('GET', '/kernel/patches', () => list(kernelPatches())),
    route('GET', '/kernel/rollouts', () => list(kernelRollouts())),
    route('GET', '/hosts/:h/kernel', () => hostKernel()),
    route('GET', '/hosts/:h/kernel/cves', () => kernelCves()),
    route('GET', '/audit/facts', ({ query }) =>
      list(
        data.facts.filter(
          (item) =>
            item.kind.startsWith(query.get('kind') ?? '') &&
            (query.get('project') ?? item.project) === item.project &&
            item.subject.includes(query.get('subject') ?? '') &&
            item.seq < Number(query.get('before') ?? Number.POSITIVE_INFINITY),
        ),
      ),
    ),
    route('GET', '/audit/verify', () => data.verification),
    route('GET', '/users', () => list(data.users)),
    route('POST', '/users', ({ body }) => {
      const name = String(body['name']);
      if (data.users.some((item) => item.name === name))
        throw new MockProblem(409, 'access.user-exists', `user ${name} exists already`);
      const user = {
        id: name,
        name,
        state: 'active',
        grants: body['grants'] as MockData['users'][number]['grants'],
        createdAt: new Date().toISOString(),
        lastLoginAt: null,
        hasPassword: false,
      };
      data.users = [...data.users, user];
      return { user, code: 'k7f2-9qhd-x3', url: `${url()}/login#code=k7f2-9qhd-x3` };
    }),
    route('POST', '/users/:name/code', () => ({ code: 'm4r-77', url: `${url()}/login#code=m4r-77` })),
    route('POST', '/me/language', ({ body }) => {
      data.me = { ...data.me, language: body['language'] === 'es' ? 'es' : 'en' };
      return {};
    }),
    route('POST', '/advisories/update', () => ({})),
    route('DELETE', '/users/:name', ({ params }) => {
      data.users = data.users.filter((item) => item.name !== params[0]);
      return {};
    }),
    route('GET', '/tokens', () => list(data.tokens)),
    route('POST', '/tokens', ({ body }) => {
      const token = {
        id: randomBytes(4).toString('hex'),
        name: String(body['name']),
        kind: 'robot',
        grants: [],
        createdAt: new Date().toISOString(),
        expiresAt: null,
        lastUsedAt: null,
      };
      data.tokens = [...data.tokens, token];
      return { ...token, token: 'dars_example_shown_once' };
    }),
    route('DELETE', '/tokens/:id', ({ params }) => {
      data.tokens = data.tokens.filter((item) => item.id !== params[0]);
      return {};
    }),
  ];
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > BODY_BYTES_MAX) throw new MockProblem(413, 'console.too-large', 'the body is too large');
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>);
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
    ...headers,
  });
  response.end(JSON.stringify(value));
}

async function sendFile(response: ServerResponse, dist: string, path: string): Promise<void> {
  const wanted = join(dist, normalize(path));
  const file = wanted.startsWith(dist) && /\.\w+$/.test(wanted) ? wanted : join(dist, 'index.html');
  try {
    const content = await readFile(file);
    response.writeHead(200, {
      'content-type': TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
    });
    response.end(content);
  } catch {
    sendJson(response, 404, { title: 'no such file', code: 'console.no-file', kind: 'not-found' });
  }
}

export async function startMockServer(options: MockOptions = {}): Promise<MockServer> {
  const data = createMockData(options.state ?? 'busy');
  const sessions = new Set<string>();
  const streams = new Set<ServerResponse>();
  const writes: MockServer['writes'] = [];
  const timers: ReturnType<typeof setInterval>[] = [];
  let codeUsed = false;
  let refusing = false;
  let url = '';
  const routes = createRoutes(data, () => url);

  const signIn = (response: ServerResponse, answer: unknown) => {
    const session = randomBytes(16).toString('hex');
    sessions.add(session);
    sendJson(response, 200, answer, { 'set-cookie': `darsena=${session}; Path=/; HttpOnly; SameSite=Strict` });
  };
  const sessionOf = (request: IncomingMessage) => /darsena=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';

  const openStream = (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': open\n\n');
  };

  /** Ten thousand events a second, if the page asks for them with the condition `flood`. */
  const showActivity = (response: ServerResponse, isFlood: boolean, most: number): void => {
    const tell = (event: string, value: object) =>
      response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    tell('watching', { hosts: ['mock'], arguments: true, missing: [] });
    let count = 0;
    const show = () => {
      const seen = isFlood ? 1_000 : 2;
      const events = Array.from({ length: Math.min(seen, most / 10) }, () => {
        count += 1;
        return {
          ...{ at: new Date().toISOString(), type: count % 3 === 0 ? 'execve' : 'openat', project: 'tienda' },
          ...{ environment: 'dev', workload: 'web', pod: 'web-1', container: 'web', pid: 1_000 + (count % 900) },
          ...{ process: 'nginx', parent: 'nginx', exe: '/usr/sbin/nginx', uid: 33, about: `/srv/page-${count}.html` },
          ...{ result: 'SUCCESS', arguments: 'nginx -g daemon off;' },
        };
      });
      tell('activity', { host: 'mock', seen, dropped: seen - events.length + (isFlood ? 7 : 0), events });
    };
    show();
    const timer = isFlood ? setInterval(show, 100) : null;
    response.on('close', () => {
      if (timer !== null) clearInterval(timer);
    });
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const address = new URL(request.url ?? '/', 'http://mock');
    if (!address.pathname.startsWith('/api/v1'))
      return sendFile(response, options.dist ?? DIST_DEFAULT, address.pathname);
    const path = address.pathname.slice('/api/v1'.length);
    const method = request.method ?? 'GET';
    const body = method === 'GET' || method === 'DELETE' ? {} : await readBody(request);
    if (method !== 'GET') {
      if (request.headers['x-darsena'] !== '1')
        throw new MockProblem(403, 'access.no-header', 'the header X-Darsena is missing');
      writes.push({ method, path, body });
    }
    if (method === 'POST' && path === '/session/exchange') {
      if (body['code'] !== CODE || codeUsed)
        throw new MockProblem(401, 'access.code-spent', 'the one-time code is not valid');
      codeUsed = true;
      return signIn(response, { me: data.me, mustSetPassword: true });
    }
    if (method === 'POST' && path === '/session') {
      if (body['name'] !== data.me.name || body['password'] !== data.password) {
        throw new MockProblem(401, 'access.wrong-password', 'name or password is wrong');
      }
      return signIn(response, { me: data.me });
    }
    if (options.signedIn !== true && !sessions.has(sessionOf(request))) {
      throw new MockProblem(401, 'access.unauthenticated', 'not signed in');
    }
    if (method === 'DELETE' && path === '/session') {
      sessions.delete(sessionOf(request));
      return sendJson(response, 200, {});
    }
    if (path === '/events') {
      if (refusing) throw new MockProblem(503, 'console.away', 'the control program restarts');
      openStream(response);
      streams.add(response);
      response.on('close', () => streams.delete(response));
      return;
    }
    if (path === '/activity') {
      openStream(response);
      return showActivity(
        response,
        address.searchParams.get('filter') === 'flood',
        Number(address.searchParams.get('most') ?? 100_000),
      );
    }
    if (/^\/operations\/[^/]+\/events$/.test(path)) return followOperation(response, path.split('/')[2] ?? '');
    if (method === 'GET' && path.endsWith('/logs')) {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
      response.write(MOCK_LOG);
      return;
    }
    for (const [wanted, pattern, handler] of routes) {
      const match = wanted === method ? pattern.exec(path) : null;
      if (match === null) continue;
      const params = match.slice(1).map(decodeURIComponent);
      return sendJson(response, 200, handler({ params, body, query: address.searchParams }) ?? {});
    }
    throw new MockProblem(404, 'console.no-route', `no route ${method} ${path}`);
  };

  const followOperation = (response: ServerResponse, operationId: string) => {
    openStream(response);
    const timer = setInterval(() => {
      const operation = data.operations.find((item) => item.id === operationId);
      if (operation !== undefined) response.write(`event: operation\ndata: ${JSON.stringify(operation)}\n\n`);
      if (operation === undefined || operation.state !== 'running') response.end();
    }, 200);
    response.on('close', () => clearInterval(timer));
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const problem = error instanceof MockProblem ? error : new MockProblem(500, 'console.internal', String(error));
      sendJson(response, problem.status, {
        title: problem.message,
        status: problem.status,
        code: problem.code,
        kind: 'mock',
        ...(problem.details === undefined ? {} : { details: problem.details }),
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const bound = server.address();
  url = `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;

  const emit: MockServer['emit'] = (name, value, eventId) => {
    const head = eventId === undefined ? '' : `id: ${eventId}\n`;
    for (const stream of streams) stream.write(`${head}event: ${name}\ndata: ${JSON.stringify(value)}\n\n`);
  };

  if (options.ticking === true) {
    let share = 0.3;
    timers.push(
      setInterval(() => {
        share = share >= 1 ? 0 : Math.min(1, share + 0.02);
        const operation = deployOperation(share);
        data.operations = data.operations.map((item) => (item.id === operation.id ? operation : item));
        const { steps: _steps, ...summary } = operation;
        emit('operation', summary);
      }, 500),
    );
    timers.push(
      setInterval(() => {
        const newest = data.facts[0];
        if (newest === undefined) return;
        const next = {
          ...newest,
          seq: newest.seq + 1,
          id: `${newest.id}-${newest.seq}`,
          at: new Date().toISOString(),
          kind: 'image.pulled',
          actor: 'agent:host1',
          subject: 'tienda/web:1.4.2',
        };
        data.facts = [next, ...data.facts];
        data.overview = { ...data.overview, changes: data.facts.slice(0, 20) };
        emit('fact', next, next.seq);
      }, 4000),
    );
  }

  return {
    url,
    data,
    writes,
    emit,
    dropStreams(refuse) {
      refusing = refuse;
      for (const stream of streams) stream.destroy();
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const state = process.argv.includes('--fresh') ? 'fresh' : 'busy';
  const mock = await startMockServer({ state, port: 7300, ticking: true });
  console.log(`${mock.url}/login#code=${CODE}   (ana, "${mock.data.password}")`);
}

/** The repository under which a digest's signatures are judged. */
function mockNamed(data: MockData, digest = ''): { readonly repository: string } {
  const image = data.images.find((one) => one.digest === digest);
  return { repository: `registry.darsena.internal/${image?.repository ?? ''}` };
}

function mockRequests(): object[] {
  const request = (secondsAgo: number, path: string, status: number, refused: string | null): object => ({
    ...{ at: new Date(Date.now() - secondsAgo * 1000).toISOString(), kind: 'http', service: 'tienda/prod/web' },
    ...{ client: '203.0.113.7', method: 'GET', host: 'www.banco.example', path, status, durationMs: 12 },
    ...{ bytesIn: 200, bytesOut: 4_000, agent: 'Mozilla/5.0', refused, ended: null },
  });
  return [
    request(40, '/', 200, null),
    request(30, '/cart?', 200, null),
    request(20, '/admin', 403, 'path'),
    request(4, '/api/orders', 502, null),
  ];
}
