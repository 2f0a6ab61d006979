import type {
  Comparison,
  EnvironmentAssurance,
  HostExceptions,
  SiteState,
  WorkloadEvent,
  WorkloadRevision,
  WorkloadUse,
} from '../api/types.ts';

/** Answers about what runs and how two places differ, with the shapes of the control program's. */
const DIGESTS = ['a', 'b'].map((letter) => `sha256:${letter.repeat(64)}`);
const image = (name: string, index: number): string =>
  `registry.darsena.internal/tienda/${name}@${DIGESTS[index] ?? ''}`;

export function mockComparison(from: string, to: string): Comparison {
  const place = (text: string) => {
    const [name = 'dev', number = '14'] = text.split('@');
    const isProd = name === 'prod';
    return {
      ...{ name, class: isProd ? ('production' as const) : ('development' as const), policy: isProd ? 'prod' : 'dev' },
      ...{ approvals: isProd ? 1 : 0, release: { id: `release-${number}`, number: Number(number) } },
    };
  };
  return {
    from: place(from),
    to: place(to),
    workloads: [
      {
        ...{ name: 'api', state: 'differs' },
        from: { replicas: 1, images: [{ container: 'api', image: image('api', 0) }] },
        to: { replicas: 2, images: [{ container: 'api', image: image('api', 1) }] },
      },
      {
        ...{ name: 'web', state: 'same' },
        from: { replicas: 2, images: [{ container: 'web', image: image('web', 0) }] },
        to: { replicas: 2, images: [{ container: 'web', image: image('web', 0) }] },
      },
      { name: 'worker', state: 'only-from', from: { replicas: 1, images: [] }, to: null },
    ],
    settings: [
      { kind: 'ConfigMap', name: 'settings', key: 'LOG_LEVEL', state: 'differs' },
      { kind: 'Secret', name: 'keys', key: 'session', state: 'only-to' },
    ],
    documents: [
      {
        ...{ kind: 'Deployment', name: 'api', state: 'differs' },
        lines: [
          { op: '@', text: '5' },
          { op: ' ', text: 'spec:' },
          { op: '-', text: '  replicas: 1' },
          { op: '+', text: '  replicas: 2' },
          { op: ' ', text: '  template:' },
          { op: ' ', text: '    spec:' },
          { op: ' ', text: '      containers:' },
          { op: '-', text: `        - { name: api, image: ${image('api', 0)} }` },
          { op: '+', text: `        - { name: api, image: ${image('api', 1)} }` },
        ],
      },
      {
        ...{ kind: 'Secret', name: 'keys', state: 'differs' },
        lines: [
          { op: ' ', text: 'stringData:' },
          { op: '-', text: '  session: (hidden 8d1f0a77c2)' },
          { op: '+', text: '  session: (hidden 41b0e35d9a)' },
        ],
      },
    ],
    same: 7,
  };
}

export function mockHistory(): WorkloadRevision[] {
  return [14, 12, 9].map((release, index) => ({
    ...{
      release,
      state: index === 0 ? 'available' : 'superseded',
      specHash: `hash-${release}`,
      replicas: 2 - (index % 2),
    },
    ...{ paused: false, images: [image('web', index % 2)], current: index === 0, createdBy: 'user:ana' },
    createdAt: new Date(Date.now() - (index * 30 + 2) * 3_600_000).toISOString(),
  }));
}

const DAY_MS = 24 * 3_600_000;

export function mockAssurance(): EnvironmentAssurance[] {
  const day = (ago: number): string => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10);
  const byDay = Array.from({ length: 21 }, (_, index) => ({
    day: day(20 - index),
    watchedSeconds: index === 20 ? 30_000 : 86_400,
    downSeconds: index === 12 ? 780 : 0,
  }));
  const watchedSeconds = byDay.reduce((sum, one) => sum + one.watchedSeconds, 0);
  const volumes = { restored: 1, failedAt: null, oldestBackupAt: new Date(Date.now() - 5 * 3_600_000).toISOString() };
  return [
    {
      ...{ environment: 'dev', class: 'development', objective: null, days: 30, served: null, watchedSeconds: 0 },
      ...{ downSeconds: 0, allowedSeconds: null, maintenanceSeconds: 0, missed: null, byDay: [], down: [] },
      images: { total: 0, signed: 0 },
      volumes: { total: 0, encrypted: 0, backedUp: 0, restored: 0, failedAt: null, oldestBackupAt: null },
    },
    {
      ...{ environment: 'prod', class: 'production', objective: 99.95, days: 30, watchedSeconds, byDay },
      ...{ served: (1 - 780 / watchedSeconds) * 100, downSeconds: 780, maintenanceSeconds: 1_260 },
      ...{ allowedSeconds: Math.round(watchedSeconds * 0.0005), missed: false },
      down: [{ workload: 'worker', downSeconds: 780 }],
      images: { total: 3, signed: 3 },
      volumes: { total: 2, encrypted: 2, backedUp: 2, ...volumes },
    },
  ];
}

export function mockEvents(): WorkloadEvent[] {
  const at = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
  const event = (minutes: number, trouble: boolean, en: string, es: string, count = 1): WorkloadEvent => ({
    ...{ kind: 'phase', trouble, replica: 'web-1', text: { en, es }, count },
    ...{ firstAt: at(minutes + count), lastAt: at(minutes) },
  });
  return [
    event(1, false, 'now available, 2 of 2 ready', 'ahora disponible, 2 de 2 listas'),
    event(1, false, 'tienda-dev-web-2 is ready', 'tienda-dev-web-2 está lista'),
    event(
      2,
      true,
      'web was started again after exit code 137',
      'web se inició de nuevo tras terminar con código 137',
      3,
    ),
    event(3, true, 'the liveness probe of web fails: HTTP 503', 'la sonda de vida de web falla: HTTP 503', 12),
    event(40, false, 'tienda-dev-web-1 was made', 'se creó tienda-dev-web-1'),
  ];
}

export function mockSite(): SiteState {
  return {
    settings: {
      ...{ name: 'madrid', addresses: ['192.0.2.10', '2001:db8::10'], port: 443 },
      dns: { host: 'ns1.example.org', port: 53, zones: ['example.org'], keyName: 'darsena' },
    },
    ...{ problem: null, drained: false },
    hosts: [
      {
        ...{ host: 'www.example.org', path: '/healthz', seconds: 30 },
        addresses: [
          { address: '192.0.2.10', up: true, why: null },
          { address: '2001:db8::10', up: false, why: { en: 'ECONNREFUSED', es: 'ECONNREFUSED' } },
        ],
        sites: [
          { site: 'bilbao', addresses: ['198.51.100.1'], state: 'silent' },
          { site: 'madrid', addresses: ['192.0.2.10', '2001:db8::10'], state: 'up' },
        ],
        answers: ['192.0.2.10'],
        ...{ stays: false, toldAt: new Date(Date.now() - 12_000).toISOString(), problem: null },
      },
    ],
  };
}

const STARTED_MS = Date.now();

export function mockUse(): WorkloadUse {
  const seconds = (Date.now() - STARTED_MS) / 1000;
  return {
    at: new Date().toISOString(),
    items: ['web-1', 'web-2'].map((replica, index) => ({
      ...{ replica, container: 'web', id: `${index}`.repeat(64) },
      cpuNanos: (seconds * 0.12 + Math.sin(seconds / 7) * 0.3 + 1) * 1e9,
      memoryBytes: 48_000_000 + Math.round(Math.sin(seconds / 11) * 4_000_000),
      memoryLimitBytes: 128_000_000,
      ...{ receivedBytes: 4_200_000, sentBytes: 18_900_000, processes: 5 },
    })),
  };
}

export const MOCK_LOG = `2026-11-22T09:12:03Z listening on 8080
2026-11-22T09:12:09Z GET / 200 4 ms
2026-11-22T09:12:11Z GET /productos 200 7 ms
2026-11-22T09:12:15Z POST /pedidos 201 12 ms
`;

export function mockHostExceptions(hosts: readonly string[]): HostExceptions {
  const [host = 'vm'] = hosts;
  const issue = (cve: string, en: string, es: string, exception: string | null) => ({
    ...{ cve, title: { en, es }, program: 'runc', version: '1.1.5+ds1-1+deb12u1', exception },
  });
  return {
    hosts: [
      {
        host,
        issues: [
          issue(
            'CVE-2025-31133',
            'masked paths are replaced and lead out of the container',
            'las rutas ocultadas se sustituyen y sacan del contenedor',
            'exception-1',
          ),
          issue(
            'CVE-2025-52565',
            'the mount of /dev/console leads out of the container',
            'el montaje de /dev/console saca del contenedor',
            null,
          ),
        ],
      },
    ],
    items: [
      {
        ...{ id: 'exception-2', host, cves: ['CVE-2025-52565'], reason: 'the package of Debian has no fix yet' },
        ...{ author: 'user:bea', approver: null, expiresAt: '2026-12-22T00:00:00.000Z', state: 'waiting' },
      },
      {
        ...{ id: 'exception-1', host, cves: ['CVE-2025-31133'], reason: 'no image of strangers runs here' },
        ...{ author: 'user:ana', approver: 'user:bea', expiresAt: '2027-01-15T00:00:00.000Z', state: 'active' },
      },
    ],
  };
}
