import type {
  Deadline,
  Finding,
  FleetAnswer,
  ListedPackage,
  PackagePage,
  ScanChanges,
  ScanReport,
  ScanRuleFile,
  TriedRules,
  VexRecord,
} from '../api/types.ts';
import type { MockData } from './mock-data.ts';

const HOUR_MS = 3_600_000;
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();

export const VEX_DOCUMENTS: readonly VexRecord[] = [
  {
    ...{ id: 'vex-1', format: 'openvex', document: 'https://example.org/vex/2026-1', author: 'Example Security Team' },
    ...{ claims: 3, state: 'waiting', uploadedBy: 'user:luis', uploadedAt: inHours(-5), approver: null },
  },
  {
    ...{ id: 'vex-2', format: 'csaf', document: 'RHSA-2026:1234', author: 'Example Linux Product Security' },
    ...{ claims: 128, state: 'approved', uploadedBy: 'user:luis', uploadedAt: inHours(-400), approver: 'user:ana' },
  },
];

export const RULE_FILES: readonly ScanRuleFile[] = [
  {
    ...{ id: 'rules-3', kind: 'secrets', version: 2, entries: 254, state: 'active', uploadedBy: 'user:ana' },
    refused: [
      {
        rule: 'acme-session',
        why: {
          en: 'rule "acme-session": RE2 knows no such group (look-around and back references do not exist) at 14',
          es: 'regla "acme-session": RE2 no conoce ese grupo en 14 (no hay miradas adelante o atrás ni referencias atrás)',
        },
      },
    ],
    uploadedAt: inHours(-3),
  },
  {
    ...{ id: 'rules-2', kind: 'baseline', version: 1, entries: 12, state: 'active', uploadedBy: 'user:luis' },
    ...{ refused: [], uploadedAt: inHours(-30) },
  },
  {
    ...{ id: 'rules-1', kind: 'secrets', version: 1, entries: 251, state: 'replaced', uploadedBy: 'user:ana' },
    ...{ refused: [], uploadedAt: inHours(-300) },
  },
];

export const TRIED: TriedRules = {
  ...{ of: 'project', rules: 254, refused: [] },
  findings: [
    {
      ...{ rule: 'aws-access-token', severity: 'critical', line: 3, column: 14 },
      title: { en: 'AWS access key', es: 'Clave de acceso de AWS' },
    },
    {
      ...{ rule: 'acme-token', severity: 'high', line: 7, column: 9 },
      title: { en: 'acme-token', es: 'acme-token' },
    },
  ],
};

export function mockDeadlines(data: MockData, project: string | null): Deadline[] {
  const [web, api] = data.images;
  if (web === undefined || api === undefined || (project !== null && project !== 'tienda')) return [];
  const place = { project: 'tienda', environment: 'prod', since: inHours(-40), overAt: null };
  return [
    {
      ...{ ...place, digest: api.digest, finding: 'GHSA-xvch-5gv4-984h', package: 'pkg:npm/minimist@0.0.8' },
      ...{ decision: 'act', due: inHours(-3), overAt: inHours(-3), reasons: [] },
    },
    {
      ...{ ...place, digest: web.digest, finding: 'CVE-2026-3055', package: 'pkg:deb/debian/openssl@3.0.15' },
      ...{ decision: 'attend', due: inHours(52), reasons: [] },
    },
    {
      ...{ ...place, environment: 'pre', digest: web.digest, finding: null, package: null, decision: null },
      due: inHours(110),
      reasons: [
        {
          en: 'a critical vulnerability that has a fix: zlib1g 1:1.2.13 (CVE-2026-4100 → 1:1.3)',
          es: 'una vulnerabilidad crítica que tiene corrección: zlib1g 1:1.2.13 (CVE-2026-4100 → 1:1.3)',
        },
      ],
    },
  ];
}

export function mockChanges(findings: readonly Finding[]): ScanChanges {
  const version = (name: string, one: string) => ({ type: 'deb', name, version: one });
  return {
    previous: `sha256:${'ab'.repeat(32)}`,
    appeared: findings.slice(0, 2),
    gone: findings.slice(2, 4),
    packages: {
      added: [version('libexpat1', '2.6.4-1')],
      removed: [version('perl-base', '5.36.0-7')],
      changed: [{ ...version('openssl', '3.0.17-1~deb12u2'), from: '3.0.15-1~deb12u1' }],
    },
  };
}

export function mockPackages(
  findings: readonly Finding[],
  layers: ScanReport['layers'],
  query: URLSearchParams,
): PackagePage {
  const layer = layers[0]?.digest ?? `sha256:${'00'.repeat(32)}`;
  const made = (type: string, index: number): ListedPackage => ({
    ...{ type, name: `${type === 'deb' ? 'lib' : ''}example-${index}`, version: `1.${index}.0`, source: null },
    ...{ purl: `pkg:${type}/example-${index}@1.${index}.0`, licences: index % 3 === 0 ? [] : ['MIT'], findings: 0 },
    path: type === 'deb' ? 'var/lib/dpkg/status' : `srv/api/node_modules/example-${index}/package.json`,
    layer,
  });
  const broken = findings.map(
    ({ package: one }): ListedPackage => ({
      ...{ type: one.type, name: one.name, version: one.version, purl: one.purl, source: null, licences: ['ISC'] },
      ...{ path: (one.path ?? '').replace(/^\//, ''), layer: one.layer ?? layer, findings: 1 },
    }),
  );
  const all = [
    ...new Map(
      [...broken, ...Array.from({ length: 60 }, (_, index) => made(index % 2 === 0 ? 'deb' : 'npm', index))].map(
        (one) => [`${one.purl} ${one.path}`, one],
      ),
    ).values(),
  ];
  const byType: Record<string, number> = {};
  for (const { type } of all) byType[type] = (byType[type] ?? 0) + 1;
  const [match, type, wanted] = ['match', 'type', 'layer'].map((name) => query.get(name) ?? '');
  const items = all.filter(
    (one) =>
      one.name.includes(match ?? '') && (type === '' || one.type === type) && (wanted === '' || one.layer === wanted),
  );
  return { items, next: null, matching: items.length, byType };
}

export function mockWhere(data: MockData, finding: string): FleetAnswer {
  const packages = [{ name: 'openssl', version: '3.0.15-1~deb12u1', fixedVersion: '3.0.17-1~deb12u2' }];
  const isKnown = /^(CVE|GHSA)-/i.test(finding);
  const images = isKnown ? data.images.slice(0, 6) : [];
  return {
    ...{ finding, aliases: isKnown ? ['DSA-5999-1', 'CVE-2026-3055'] : [], images: images.length, running: 1 },
    items: images.map(({ digest, project, repository, tags }, index) => ({
      ...{ digest, risk: index < 2 ? 'act-now' : 'high', packages },
      places: [{ project, repository, tags }],
      workloads: index === 0 ? [{ project, environment: 'prod', name: 'web', replicas: 3 }] : [],
    })),
  };
}
