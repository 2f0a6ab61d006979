import { createHash } from 'node:crypto';
import type {
  AdvisorySource,
  AuditVerification,
  Base,
  CallProfile,
  Evidence,
  Exception,
  Fact,
  Finding,
  FleetHost,
  FleetOfCve,
  ForeignContainer,
  Host,
  HostBench,
  HostKernel,
  ImageDetail,
  IncidentDetail,
  KernelCves,
  KernelPatch,
  KernelRollout,
  Me,
  ModuleProposal,
  ModuleUse,
  NetworkFlow,
  Offer,
  Operation,
  Overview,
  PatternSettings,
  Policy,
  PreventionStanding,
  Project,
  Promotion,
  RebootNeed,
  Referrer,
  Release,
  Risk,
  RootWorkload,
  Route,
  ScanReport,
  ShieldEntry,
  ShieldStanding,
  Signature,
  Station,
  Status,
  Text,
  Token,
  User,
  Verdict,
  Volume,
  VolumeCopy,
  WorkloadStatus,
} from '../api/types.ts';

/** Everything the mock server answers with. `fresh` is an instance a minute after `up`; `busy` one in the middle of its life. */
export interface MockData {
  me: Me;
  password: string;
  status: Status;
  overview: Overview;
  projects: Project[];
  workloads: WorkloadStatus[];
  flows: NetworkFlow[];
  releases: (Release & { project: string })[];
  promotions: Promotion[];
  images: (ImageDetail & { project: string })[];
  scans: ScanReport[];
  exceptions: Exception[];
  signatures: Record<string, Signature[]>;
  repositorySettings: PatternSettings[];
  operations: Operation[];
  incidents: IncidentDetail[];
  offers: Offer[];
  evidence: Evidence[];
  hosts: Host[];
  facts: Fact[];
  users: User[];
  tokens: Token[];
  advisories: AdvisorySource[];
  policies: Policy[];
  bases: Base[];
  routes: Route[];
  volumes: Volume[];
  prevention: PreventionStanding;
  foreign: ForeignContainer[];
  verification: AuditVerification;
}

const now = Date.now();
export const text = (en: string, es: string): Text => ({ en, es });
export const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();
export const digest = (seed: string): string => `sha256:${createHash('sha256').update(seed).digest('hex')}`;
const id = (seed: string): string => {
  const hex = digest(seed).slice(7);
  return `0199a3c1-${hex.slice(0, 4)}-7${hex.slice(4, 7)}-8${hex.slice(7, 10)}-${hex.slice(10, 22)}`;
};
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

const D = {
  web: digest('tienda/web 1.4.2'),
  webNext: digest('tienda/web 1.5.0'),
  api: digest('tienda/api 2.1.0'),
  worker: digest('tienda/worker 0.9.3'),
  nomina: digest('nomina/app 3.0.1'),
};

function status(busy: boolean): Status {
  const part = (
    name: Status['parts'][number]['name'],
    state: Status['parts'][number]['state'],
    detail: Text | null,
  ) => ({
    name,
    state,
    detail,
    since: ago(busy ? 3 * DAY : 40),
  });
  return {
    instance: 'darsena',
    version: '0.1.0',
    mode: 'root',
    startedAt: ago(busy ? 3 * DAY : 40),
    parts: [
      part('control', 'ok', null),
      part('agent', 'ok', null),
      part(
        'sensor',
        busy ? 'degraded' : 'ok',
        busy
          ? text('212 file events lost in the last hour', '212 eventos de archivo perdidos en la última hora')
          : null,
      ),
      part('edge', 'ok', text('HAProxy 2.6 on ports 80 and 443', 'HAProxy 2.6 en los puertos 80 y 443')),
      part('database', 'ok', text('SQLite, WAL', 'SQLite, WAL')),
      part('engine', 'ok', text('Podman 4.3.1, runc 1.1.5', 'Podman 4.3.1, runc 1.1.5')),
    ],
    adaptations: ADAPTATIONS,
    domain: 'localhost',
    registry: 'registry.darsena.internal',
  };
}

const ADAPTATIONS = [
  {
    code: 'host.cgroup-hybrid',
    text: text(
      'Hybrid cgroups: runc is used instead of crun; memory limits hold, I/O limits do not',
      'Cgroups híbridos: se usa runc en lugar de crun; los límites de memoria se cumplen, los de E/S no',
    ),
  },
  {
    code: 'host.rlimit-nofile',
    text: text(
      'The machine allows 20,000 open files: containers start with that ceiling',
      'La máquina permite 20.000 archivos abiertos: los contenedores arrancan con ese techo',
    ),
  },
  {
    code: 'sensor.no-lsm',
    text: text(
      'The kernel offers no BPF LSM: alerts are raised, a start cannot be blocked in the kernel',
      'El núcleo no ofrece BPF LSM: se generan alertas, pero no se puede bloquear un arranque en el núcleo',
    ),
  },
];

function prevention(busy: boolean): PreventionStanding {
  const late = text(
    'this kernel has no BPF LSM: programs are ended after they begin',
    'este núcleo no tiene BPF LSM: los programas se terminan después de empezar',
  );
  const blocks = { strength: 'blocks', means: 'fanotify', why: null } as const;
  const kills = { strength: 'kills', means: 'bpf_send_signal', why: late } as const;
  return {
    items: busy
      ? [
          {
            policy: { name: 'shop-only-what-is-in-the-image', mode: 'enforce' },
            hosts: [
              {
                host: 'host1',
                parts: [
                  { ...blocks, part: 'drift', containers: 6 },
                  { ...kills, part: 'command', containers: 6 },
                ],
              },
            ],
            packages: [],
          },
          {
            policy: { name: 'no-tools-in-production', mode: 'dry-run' },
            hosts: [],
            packages: [
              {
                ...{ digest: digest('tienda-web'), image: 'tienda/web', unknown: null },
                found: [
                  {
                    purl: 'pkg:deb/debian/netcat-openbsd@1.219-1?arch=amd64&distro=debian-12',
                    ...{ programs: ['/usr/bin/nc.openbsd'], libraries: [], why: null },
                  },
                  {
                    ...{ purl: 'pkg:npm/minimist@1.2.8', programs: [], libraries: [] },
                    why: text('an interpreter reads its files', 'un intérprete lee sus archivos'),
                  },
                ],
              },
            ],
          },
        ]
      : [],
    hosts: [{ host: 'host1', exec: blocks, open: kills }],
  };
}

function foreign(): ForeignContainer[] {
  const one = (seed: string, more: Partial<ForeignContainer>): ForeignContainer => ({
    ...{ host: 'host1', id: digest(seed).slice(7), engine: 'podman', name: seed, image: 'docker.io/library/debian:12' },
    ...{
      command: 'sleep infinity',
      pid: 40_321,
      foundAt: ago(2 * HOUR),
      goneAt: null,
      stoppedAt: null,
      allowedBy: null,
    },
    ...more,
  });
  return [
    one('trial', {}),
    one('monitoring-agent', {
      engine: 'docker',
      allowedBy: { id: id('allowed'), reason: 'the institution’s monitoring' },
    }),
    one('0f5a-miner', { engine: 'runc', name: null, image: null, goneAt: ago(HOUR), stoppedAt: ago(HOUR) }),
  ];
}

function hosts(busy: boolean): Host[] {
  return [
    {
      name: 'host1',
      state: 'connected',
      lastSeenAt: ago(2),
      kernel: { release: '6.18.4-cloud-amd64', version: '#1 SMP PREEMPT_DYNAMIC Debian 6.18.4-1' },
      engine: { name: 'podman', version: '4.3.1', runtime: 'runc 1.1.5', rootless: false },
      cgroup: 'hybrid',
      sensor: {
        state: busy ? 'degraded' : 'ok',
        coverage: {
          programs: ['exec', 'exit', 'open', 'connect'],
          missing: [
            {
              what: 'file writes on NFS',
              why: text(
                'The kernel does not report the path of files on this NFS mount',
                'El núcleo no informa la ruta de los archivos de este montaje NFS',
              ),
            },
          ],
        },
        lost: busy ? { exec: 0, exit: 0, open: 212, connect: 0 } : { exec: 0, exit: 0, open: 0, connect: 0 },
        events: busy ? 48_213_907 : 1204,
      },
      adaptations: ADAPTATIONS,
    },
  ];
}

const POLICIES: Policy[] = [
  {
    name: 'prod',
    version: 3,
    description: text(
      'Production: signed, scanned within a day, nothing to act on now',
      'Producción: firmada, escaneada en el último día, sin nada que pida actuar ya',
    ),
    rules: [
      {
        id: 'signed-by-builder',
        effect: 'refuse',
        message: text(
          'The provenance must be signed by the builder',
          'La procedencia debe estar firmada por el constructor',
        ),
        when: '!signatures.exists(s, s.kind == "provenance" && s.verified)',
      },
      {
        id: 'no-act-now',
        effect: 'refuse',
        message: text('No finding may be of class “act now”', 'Ningún hallazgo puede ser de clase «actuar ya»'),
        when: 'report.byRisk["act-now"] > 0',
      },
      {
        id: 'scan-fresh',
        effect: 'refuse',
        message: text('The scan must be younger than a day', 'El escaneo debe tener menos de un día'),
        when: 'report.ageHours > 24',
      },
      {
        id: 'no-root',
        effect: 'warn',
        message: text('The image should not run as root', 'La imagen no debería ejecutarse como root'),
        when: 'image.user == "" || image.user == "root"',
      },
    ],
  },
  {
    name: 'dev',
    version: 2,
    description: text(
      'Development: everything is said, little is refused',
      'Desarrollo: todo se dice, poco se rechaza',
    ),
    rules: [
      {
        id: 'scanned',
        effect: 'refuse',
        message: text('The image must be scanned', 'La imagen debe estar escaneada'),
        when: 'report == null',
      },
      {
        id: 'no-act-now',
        effect: 'warn',
        message: text('A finding is of class “act now”', 'Un hallazgo es de clase «actuar ya»'),
        when: 'report.byRisk["act-now"] > 0',
      },
    ],
  },
];

function finding(
  findingId: string,
  name: string,
  version: string,
  type: string,
  fixed: string | null,
  risk: Risk,
  severity: Finding['severity'],
  cvss: number | null,
  title: string,
  options: Partial<Finding> = {},
): Finding {
  return {
    id: findingId,
    aliases: [],
    package: {
      purl: `pkg:${type}/${name}@${version}`,
      name,
      version,
      type,
      path: type === 'npm' ? `/srv/api/node_modules/${name}` : '/var/lib/dpkg/status',
      layer: digest(type === 'npm' ? 'layer app' : 'layer base'),
    },
    fixedVersion: fixed,
    severity,
    cvss,
    kev: false,
    epss: null,
    risk,
    title,
    url: `https://osv.dev/vulnerability/${findingId}`,
    decision: severity === 'critical' ? 'attend' : 'track',
    decisionReason: text(
      'no sign of exploitation, needs nobody’s help; it runs in production, published',
      'sin indicios de explotación, no necesita ayuda de nadie; se ejecuta en producción, publicada',
    ),
    cvssVectors: [{ source: 'osv', vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', score: 9.8 }],
    kevDetail: null,
    here: [
      {
        environment: 'prod',
        decision: severity === 'critical' ? 'attend' : 'track',
        reason: text('it runs in production, published', 'se ejecuta en producción, publicada'),
        deadline: severity === 'critical' ? ago(-9 * DAY) : null,
      },
    ],
    exception: null,
    vex: null,
    reason: text(
      'No fix is published and the package is not reachable from outside',
      'No hay corrección publicada y el paquete no es alcanzable desde fuera',
    ),
    ...options,
  };
}

const FINDINGS: Finding[] = [
  finding(
    'GHSA-xvch-5gv4-984h',
    'minimist',
    '0.0.8',
    'npm',
    '1.2.6',
    'act-now',
    'critical',
    9.8,
    'Prototype pollution in minimist',
    {
      aliases: ['CVE-2021-44906'],
      kev: true,
      epss: 0.9123,
      reason: text(
        'Exploited in the wild, reachable from the published route, fixed in 1.2.6',
        'Explotada activamente, alcanzable desde la ruta publicada, corregida en 1.2.6',
      ),
    },
  ),
  finding(
    'GHSA-29mw-wpgm-hmr9',
    'lodash',
    '4.17.20',
    'npm',
    '4.17.21',
    'high',
    'high',
    7.2,
    'Command injection in lodash template',
    {
      aliases: ['CVE-2021-23337'],
      epss: 0.0431,
      reason: text(
        'High severity, a fix exists, the workload is published',
        'Severidad alta, existe corrección, la carga de trabajo está publicada',
      ),
    },
  ),
  finding(
    'DSA-5532-1',
    'openssl',
    '3.0.11-1~deb12u1',
    'deb',
    '3.0.11-1~deb12u2',
    'high',
    'high',
    7.5,
    'OpenSSL: incorrect cipher key and IV length processing',
    {
      aliases: ['CVE-2023-5363'],
      epss: 0.012,
      reason: text(
        'High severity and a fix exists in the distribution',
        'Severidad alta y existe corrección en la distribución',
      ),
    },
  ),
  finding(
    'CVE-2023-45853',
    'zlib1g',
    '1:1.2.13.dfsg-1',
    'deb',
    null,
    'medium',
    'critical',
    9.8,
    'MiniZip heap overflow in zlib',
    {
      epss: 0.006,
      reason: text(
        'Critical by CVSS, but the affected part is not built in Debian',
        'Crítica según CVSS, pero la parte afectada no se compila en Debian',
      ),
    },
  ),
  finding(
    'GHSA-c2qf-rxjj-qqgw',
    'semver',
    '7.3.5',
    'npm',
    '7.5.2',
    'medium',
    'high',
    7.5,
    'Regular expression denial of service in semver',
    {
      aliases: ['CVE-2022-25883'],
      epss: 0.003,
      reason: text('Denial of service only, a fix exists', 'Solo denegación de servicio, existe corrección'),
    },
  ),
  finding(
    'CVE-2022-3715',
    'bash',
    '5.2.15-2+b2',
    'deb',
    '5.2.15-2+b3',
    'medium',
    'high',
    7.8,
    'Heap buffer overflow in valid_parameter_transform',
  ),
  finding(
    'CVE-2024-22365',
    'libpam-modules',
    '1.5.2-6+deb12u1',
    'deb',
    null,
    'low',
    'medium',
    5.5,
    'pam_namespace local denial of service',
  ),
  finding(
    'CVE-2023-4641',
    'passwd',
    '1:4.13+dfsg1-1',
    'deb',
    null,
    'low',
    'medium',
    5.5,
    'Possible password leak during passwd(1) change',
  ),
  finding(
    'CVE-2016-2781',
    'coreutils',
    '9.1-1',
    'deb',
    null,
    'low',
    'medium',
    6.5,
    'Non-privileged session can escape to the parent session in chroot',
  ),
  finding(
    'CVE-2011-3374',
    'apt',
    '2.6.1',
    'deb',
    null,
    'low',
    'low',
    3.7,
    'apt-key does not validate GPG keys correctly',
  ),
  finding(
    'CVE-2025-10911',
    'libxslt1.1',
    '1.1.35-1',
    'deb',
    null,
    'unknown',
    null,
    null,
    'Use after free in key data stored cross-RVT',
    {
      reason: text('No severity is known yet', 'Todavía no se conoce la severidad'),
    },
  ),
];

const SOURCES: AdvisorySource[] = [
  { name: 'osv-debian', kind: 'osv', records: 48_211, updatedAt: ago(5 * HOUR), ageSeconds: 5 * HOUR },
  { name: 'osv-npm', kind: 'osv', records: 21_904, updatedAt: ago(5 * HOUR), ageSeconds: 5 * HOUR },
  { name: 'cisa-kev', kind: 'kev', records: 1390, updatedAt: ago(2 * DAY), ageSeconds: 2 * DAY },
  { name: 'epss', kind: 'epss', records: 281_577, updatedAt: ago(16 * DAY), ageSeconds: 16 * DAY, isOld: true },
];

function countByRisk(findings: readonly Finding[]): Partial<Record<Risk, number>> {
  const counts: Partial<Record<Risk, number>> = {};
  for (const { risk } of findings) counts[risk] = (counts[risk] ?? 0) + 1;
  return counts;
}

const NOT_UNDERSTOOD: Pick<ScanReport, 'notices' | 'unnamedArchives' | 'secretsKnown'> = {
  notices: [
    {
      path: 'srv/api/vendor/reports/lib/charting-all.war',
      reason: text(
        'WEB-INF/lib/broken.jar: zip has no end record; it was cut or is no zip',
        'WEB-INF/lib/broken.jar: el zip está cortado o no es un zip',
      ),
    },
    {
      path: 'usr/local/bin/reporter',
      reason: text(
        'it is packed by UPX: what it was built of cannot be seen',
        'está empaquetado con UPX: no se ve de qué se hizo',
      ),
    },
  ],
  unnamedArchives: 3,
  secretsKnown: 2,
};

function scan(imageDigest: string, findings: readonly Finding[]): ScanReport {
  return {
    id: id(`scan ${imageDigest}`),
    digest: imageDigest,
    scannedAt: ago(3 * HOUR),
    complete: true,
    incomplete: null,
    distribution: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
    packages: 214,
    packagesByType: { deb: 131, npm: 83 },
    findings,
    summary: { state: findings.length === 0 ? 'clean' : 'findings', byRisk: countByRisk(findings) },
    advisories: { sources: SOURCES, coverage: { deb: 'data', npm: 'data', pypi: 'no-data' } },
    durationMs: 1840,
    misconfigurations: [
      {
        id: 'image-root-user',
        severity: 'high',
        message: text('runs as root', 'se ejecuta como root'),
        remedy: text(
          'add USER with a number above 0 to the Containerfile',
          'añadir USER con un número mayor que 0 al Containerfile',
        ),
        path: null,
        line: null,
      },
    ],
    secrets: [],
    ...(findings.length > 3 ? NOT_UNDERSTOOD : {}),
    malware: { state: 'clean', reason: null, files: 8212, findings: [] },
    score: 41.2,
    plan: {
      steps: [
        {
          kind: 'base',
          title: text(
            'build on the base base/debian-12 of 2026-11-20 instead of that of 2026-03-02',
            'construir sobre la base base/debian-12 del 2026-11-20 en vez de la del 2026-03-02',
          ),
          name: 'base/debian-12',
          from: '2026-03-02',
          path: null,
          layer: null,
          line: null,
          removes: { findings: 6, kev: 1 },
          share: 0.82,
        },
        {
          kind: 'package',
          title: text(
            'upgrade lodash 4.17.20 → 4.17.21 in /srv/api/package-lock.json',
            'actualizar lodash 4.17.20 → 4.17.21 en /srv/api/package-lock.json',
          ),
          name: 'lodash',
          from: '4.17.20',
          path: 'srv/api/package-lock.json',
          layer: digest('layer app'),
          line: 'RUN npm ci --omit=dev',
          removes: { findings: 2, kev: 0 },
          share: 0.07,
        },
      ],
      removes: 8,
      of: findings.length,
    },
    layers: [{ digest: digest('layer app'), createdBy: 'RUN npm ci --omit=dev' }],
  };
}

function verdict(imageDigest: string, environment: string, decision: Verdict['decision'], project = 'tienda'): Verdict {
  const refused = decision === 'refuse';
  return {
    id: id(`verdict ${imageDigest} ${environment}`),
    at: ago(2 * HOUR),
    door: refused ? 'promote' : 'start',
    decision,
    reasons: refused
      ? [
          {
            rule: 'no-act-now',
            effect: 'refuse',
            message: text(
              'minimist 0.0.8 is exploited in the wild (GHSA-xvch-5gv4-984h)',
              'minimist 0.0.8 está siendo explotada activamente (GHSA-xvch-5gv4-984h)',
            ),
            remedy: text(
              'Update minimist to 1.2.6 in api/package.json and deploy again',
              'Actualizar minimist a 1.2.6 en api/package.json y desplegar de nuevo',
            ),
            subject: 'pkg:npm/minimist@0.0.8',
          },
          {
            rule: 'no-root',
            effect: 'warn',
            message: text('The image runs as root', 'La imagen se ejecuta como root'),
            remedy: text('Add USER node to the Containerfile', 'Añadir USER node al Containerfile'),
            subject: 'tienda/api',
          },
        ]
      : decision === 'warn'
        ? [
            {
              rule: 'no-act-now',
              effect: 'warn',
              message: text(
                'minimist 0.0.8 is exploited in the wild',
                'minimist 0.0.8 está siendo explotada activamente',
              ),
              remedy: text('Update minimist to 1.2.6', 'Actualizar minimist a 1.2.6'),
              subject: 'pkg:npm/minimist@0.0.8',
            },
          ]
        : [],
    policy: { name: environment === 'prod' ? 'prod' : 'dev', version: environment === 'prod' ? 3 : 2 },
    project,
    environment,
    digest: imageDigest,
    specHash: digest(`spec ${environment}`),
    expiresAt: ago(-6 * HOUR),
  };
}

function thread(
  name: string,
  project: string,
  imageDigest: string,
  states: Partial<Record<Station['kind'], Station['state']>>,
): Station[] {
  const image = `/projects/${project}/images/${imageDigest}`;
  const station = (
    kind: Station['kind'],
    title: Text,
    detail: Text | null,
    at: string | null,
    href: string | null,
  ): Station => ({
    kind,
    state: states[kind] ?? 'ok',
    title,
    detail,
    at,
    href,
  });
  const refused = states.verdict === 'bad';
  return [
    station(
      'commit',
      text('9f3c1e7', '9f3c1e7'),
      text('main, by Ana Ruiz', 'main, de Ana Ruiz'),
      ago(5 * HOUR),
      'https://git.example.org/tienda/commit/9f3c1e7',
    ),
    station(
      'build',
      text('4 layers, 62 MB', '4 capas, 62 MB'),
      text('provenance recorded, 41 s', 'procedencia registrada, 41 s'),
      ago(4 * HOUR),
      `${image}?tab=layers`,
    ),
    station(
      'scan',
      states.scan === 'bad'
        ? text('1 to act on now', '1 para actuar ya')
        : text('Nothing to act on', 'Nada que pida actuar'),
      text('214 packages', '214 paquetes'),
      ago(3 * HOUR),
      `${image}?tab=findings`,
    ),
    station(
      'signatures',
      states.signatures === 'absent' ? text('Not signed', 'Sin firmar') : text('2 of 2 verified', '2 de 2 verificadas'),
      text('builder, ana', 'constructor, ana'),
      ago(3 * HOUR),
      `${image}?tab=signatures`,
    ),
    station(
      'verdict',
      refused ? text('prod refuses', 'prod rechaza') : text('Allowed in dev and prod', 'Permitida en dev y prod'),
      refused ? text('dev warns; 1 reason', 'dev advierte; 1 motivo') : null,
      ago(2 * HOUR),
      `${image}?tab=verdicts`,
    ),
    station(
      'deploy',
      text(`${name} in dev`, `${name} en dev`),
      text('release 14, 2 of 2 ready', 'versión 14, 2 de 2 listas'),
      ago(2 * HOUR),
      `/projects/${project}/workloads/dev/${name}`,
    ),
    station(
      'alerts',
      states.alerts === 'bad' ? text('1 open incident', '1 incidente abierto') : text('None', 'Ninguna'),
      states.alerts === 'bad' ? text('terminal in a container', 'terminal en un contenedor') : null,
      states.alerts === 'bad' ? ago(6 * MINUTE) : null,
      states.alerts === 'bad' ? '/incidents/7' : null,
    ),
  ];
}

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PREDICATE = 'dev.sigstore.bundle.predicateType';

function referrer(
  name: string,
  artifactType: string,
  sizeBytes: number,
  annotations: Record<string, string>,
  referrers: readonly Referrer[] = [],
): Referrer {
  return {
    digest: digest(name),
    artifactType,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    sizeBytes,
    createdAt: ago(3 * HOUR),
    annotations,
    content: [digest(`${name} content`)],
    referrers,
  };
}

function image(
  project: string,
  name: string,
  tag: string,
  imageDigest: string,
  options: Partial<ImageDetail>,
  states: Partial<Record<Station['kind'], Station['state']>>,
): ImageDetail & { project: string } {
  return {
    project,
    repository: `${project}/${name}`,
    digest: imageDigest,
    tags: [tag],
    pushedAt: ago(4 * HOUR),
    pushedBy: 'user:ana',
    sizeBytes: 62_418_204,
    layers: 4,
    quarantine: 'released',
    scan: { state: 'findings', byRisk: { medium: 3, low: 4 } },
    verdicts: [
      { environment: 'dev', door: 'start', decision: 'allow' },
      { environment: 'prod', door: 'start', decision: 'allow' },
    ],
    config: {
      created: ago(4 * HOUR),
      architecture: 'amd64',
      user: 'node',
      entrypoint: ['/usr/bin/node'],
      cmd: ['server.js'],
      env: ['PATH', 'NODE_ENV', 'PORT'],
    },
    layersList: [
      {
        digest: digest('layer base'),
        sizeBytes: 48_204_113,
        createdBy: 'FROM registry.darsena.internal/bases/debian-12@sha256:77ab…',
      },
      { digest: digest('layer deps'), sizeBytes: 11_902_118, createdBy: 'RUN npm ci --omit=dev --offline' },
      { digest: digest('layer app'), sizeBytes: 2_310_422, createdBy: 'COPY . /srv/api' },
      { digest: digest('layer user'), sizeBytes: 1551, createdBy: 'RUN useradd --system node' },
    ],
    quarantineReasons: [],
    referrers: [
      referrer('sbom', 'application/vnd.cyclonedx+json', 84_201, {}, [
        referrer('sbom signature', BUNDLE, 4911, { [PREDICATE]: 'https://sigstore.dev/cosign/sign/v1' }),
      ]),
      referrer('bundle', BUNDLE, 4911, { [PREDICATE]: 'https://sigstore.dev/cosign/sign/v1' }),
      referrer('provenance', BUNDLE, 7210, { [PREDICATE]: 'https://slsa.dev/provenance/v1' }),
      referrer('chart', 'application/vnd.example.notes', 310, {}),
    ],
    thread: thread(name, project, imageDigest, states),
    ...options,
  };
}

function workload(
  project: string,
  environment: string,
  name: string,
  imageDigest: string,
  wanted: number,
  options: Partial<WorkloadStatus> = {},
): WorkloadStatus {
  const ready = options.ready ?? wanted;
  return {
    project,
    environment,
    name,
    kind: 'Deployment',
    specHash: digest(`${project} ${environment} ${name}`),
    phase: 'available',
    ready,
    wanted,
    updated: wanted,
    image: [{ repository: `${project}/${name}`, digest: imageDigest }],
    release: environment === 'prod' ? 9 : 14,
    conditions: [
      {
        type: 'Available',
        since: ago(2 * HOUR),
        text: text(`${ready} of ${wanted} replicas are ready`, `${ready} de ${wanted} réplicas están listas`),
      },
    ],
    endpoints: name === 'worker' ? [] : [{ url: `https://${name}-${project}-${environment}.localhost` }],
    replicas: Array.from({ length: wanted }, (_, index) => ({
      name: `${project}-${environment}-${name}-${index + 1}`,
      podId: digest(`${project}${environment}${name}${index}`).slice(7, 19),
      specHash: digest(`${project} ${environment} ${name}`),
      phase: index < ready ? 'running' : 'waiting',
      ready: index < ready,
      restarts: index < ready ? 0 : 7,
      startedAt: ago(2 * HOUR),
      containers: [
        {
          name,
          id: digest(`c${project}${environment}${name}${index}`).slice(7, 19),
          image: `${project}/${name}`,
          digest: imageDigest,
          state: index < ready ? 'running' : 'exited (1)',
        },
      ],
    })),
    ...options,
  };
}

let seq = 4210;
function fact(kind: string, actor: string, subject: string, secondsAgo: number, options: Partial<Fact> = {}): Fact {
  seq -= 1;
  return {
    seq,
    id: id(`fact ${seq}`),
    at: ago(secondsAgo),
    kind,
    project: 'tienda',
    actor,
    subject,
    digest: null,
    body: { note: `${kind} ${subject}` },
    hash: digest(`fact ${seq}`).slice(7),
    ...options,
  };
}

function busyFacts(): Fact[] {
  return [
    fact('alert.raised', 'agent:host1', 'incident/7', 6 * MINUTE, { digest: D.web }),
    fact('incident.opened', 'platform', 'incident/7', 6 * MINUTE + 1, { digest: D.web }),
    fact('promotion.refused', 'platform', 'tienda dev → prod', 2 * HOUR),
    fact('workload.judged', 'platform', 'tienda/api in prod', 2 * HOUR + 4, { digest: D.api }),
    fact('promotion.requested', 'user:luis', 'tienda dev → prod', 2 * HOUR + 9),
    fact('workload.changed', 'agent:host1', 'tienda/web in dev', 2 * HOUR + 200, { digest: D.web }),
    fact('image.signed', 'user:ana', 'tienda/web:1.4.2', 3 * HOUR, { digest: D.web }),
    fact('image.scanned', 'platform', 'tienda/web:1.4.2', 3 * HOUR + 8, { digest: D.web }),
    fact('image.pushed', 'user:ana', 'tienda/web:1.4.2', 4 * HOUR, { digest: D.web }),
    fact('image.built', 'user:ana', 'tienda/web:1.4.2', 4 * HOUR + 41, { digest: D.web }),
    fact('advisories.updated', 'platform', 'osv-debian', 5 * HOUR, { project: null }),
    fact('session.opened', 'user:ana', 'ana', 5 * HOUR + 30, { project: null }),
    fact('image.pushed', 'robot:ci', 'nomina/app:3.0.1', 9 * HOUR, { project: 'nomina', digest: D.nomina }),
    fact('user.created', 'user:ana', 'luis', DAY, { project: null }),
    fact('base.created', 'user:ana', 'debian-12', 2 * DAY, { project: null }),
  ];
}

function offers(): Offer[] {
  const offer = (kind: string, en: string, es: string, undo: string | null, effect: Text): Offer => ({
    ...{ kind, title: { en, es }, undo, contains: undo !== null, why: null, effect: [effect] },
  });
  return [
    offer('evidence', 'Take evidence', 'Tomar evidencia', null, {
      en: 'this will stop container web 62a10bd82128 for less than 20 s, keep what it is, and let it go on',
      es: 'esto detendrá el contenedor web 62a10bd82128 menos de 20 s, guardará cómo está y lo dejará seguir',
    }),
    offer('isolate', 'Isolate from the network', 'Aislar de la red', 'unisolate', {
      en: 'this will close every way in and out of the pod of container web 62a10bd82128',
      es: 'esto cerrará toda entrada y salida del pod del contenedor web 62a10bd82128',
    }),
  ];
}

function evidence(): Evidence[] {
  return [
    {
      id: '01a202d1-f6bb-72d8-b689-d0b9aab5c58c',
      at: ago(8),
      ...{
        takenBy: 'user:ana',
        reason: null,
        bytes: 8_123,
        deletedAt: null,
        frozen: true,
        milliseconds: 215,
        files: 17,
      },
      parts: [{ part: 'processes', state: 'whole' }],
    },
  ];
}

function incidents(): IncidentDetail[] {
  const bashAlert = {
    id: id('alert 1'),
    at: ago(6 * MINUTE),
    rule: 'Terminal shell in container',
    title: 'Terminal shell in container',
    priority: 'Notice',
    tags: ['maturity_stable', 'container', 'shell', 'mitre_execution', 'T1059'],
    output:
      'A shell was spawned in a container with an attached terminal (evt_type=execve user=root process=sh parent=conmon command=sh terminal=34816 container=web image=tienda/web)',
    outputFields: {
      'proc.name': 'sh',
      'proc.cmdline': 'sh -i',
      'proc.tty': 34_816,
      'user.name': 'root',
      'container.name': 'web',
      'k8s.pod.name': 'tienda-prod-web-1',
    },
    container: { id: '3f1c9a7be210', name: 'web', image: 'tienda/web', digest: D.web },
    process: {
      pid: 4121,
      ppid: 4102,
      name: 'sh',
      exe: '/bin/sh',
      cmdline: 'sh -i',
      cwd: '/srv',
      uid: 0,
      tty: 34_816,
      startedAt: ago(6 * MINUTE),
    },
    ancestors: [
      { pid: 4102, name: 'conmon' },
      { pid: 1, name: 'systemd' },
    ],
  };
  const first: IncidentDetail = {
    number: 7,
    project: 'tienda',
    environment: 'prod',
    workload: 'web',
    containerId: 'c'.repeat(64),
    host: 'host1',
    pod: 'tienda-prod-web-1',
    container: 'web',
    title: 'Terminal shell in container',
    rule: 'Terminal shell in container',
    priority: 'Critical',
    state: 'open',
    openedAt: ago(6 * MINUTE),
    lastAlertAt: ago(4 * MINUTE),
    alerts: 2,
    owner: null,
    digest: D.web,
    alertsList: [
      bashAlert,
      {
        ...bashAlert,
        id: id('alert 2'),
        at: ago(4 * MINUTE),
        rule: 'Read sensitive file untrusted',
        title: 'Sensitive file read',
        priority: 'Warning',
        tags: ['maturity_stable', 'filesystem', 'mitre_credential_access', 'T1555'],
        output:
          'Sensitive file opened for reading by non-trusted program (file=/etc/shadow process=cat command=cat /etc/shadow container=web)',
        outputFields: {
          'fd.name': '/etc/shadow',
          'proc.name': 'cat',
          'proc.cmdline': 'cat /etc/shadow',
          'user.name': 'root',
          'container.name': 'web',
        },
        process: {
          pid: 4133,
          ppid: 4121,
          name: 'cat',
          exe: '/bin/cat',
          cmdline: 'cat /etc/shadow',
          cwd: '/srv',
          uid: 0,
          tty: 34_816,
          startedAt: ago(4 * MINUTE),
        },
      },
    ],
    timeline: [
      {
        at: ago(4 * HOUR + 41),
        kind: 'image.built',
        title: text('tienda/web:1.4.2 built from 9f3c1e7', 'tienda/web:1.4.2 construida desde 9f3c1e7'),
        actor: 'user:ana',
        href: `/projects/tienda/images/${D.web}`,
        digest: D.web,
      },
      {
        at: ago(3 * HOUR),
        kind: 'image.signed',
        title: text('Signed by ana', 'Firmada por ana'),
        actor: 'user:ana',
        href: null,
        digest: D.web,
      },
      {
        at: ago(2 * HOUR + 300),
        kind: 'workload.judged',
        title: text('Allowed in prod by policy prod v3', 'Permitida en prod por la política prod v3'),
        actor: 'platform',
        href: null,
        digest: D.web,
      },
      {
        at: ago(2 * HOUR + 200),
        kind: 'workload.changed',
        title: text('Release 9 rolled out: 2 of 2 replicas ready', 'Versión 9 desplegada: 2 de 2 réplicas listas'),
        actor: 'agent:host1',
        href: '/projects/tienda/workloads/prod/web',
        digest: D.web,
      },
      {
        at: ago(6 * MINUTE + 3),
        kind: 'access.exec',
        title: text('darsena exec tienda/web -- sh', 'darsena exec tienda/web -- sh'),
        actor: 'user:luis',
        href: null,
        digest: null,
      },
      {
        at: ago(6 * MINUTE),
        kind: 'alert.raised',
        title: text('Terminal shell in container: sh -i', 'Terminal shell in container: sh -i'),
        actor: 'agent:host1',
        href: null,
        digest: D.web,
      },
      {
        at: ago(6 * MINUTE),
        kind: 'incident.opened',
        title: text('Incident opened', 'Incidente abierto'),
        actor: 'platform',
        href: null,
        digest: null,
      },
      {
        at: ago(4 * MINUTE),
        kind: 'alert.raised',
        title: text('Read sensitive file untrusted: /etc/shadow', 'Read sensitive file untrusted: /etc/shadow'),
        actor: 'agent:host1',
        href: null,
        digest: D.web,
      },
    ],
    processTree: [
      {
        pid: 4102,
        ppid: 1,
        name: 'conmon',
        cmdline: 'conmon --api-version 1 -c 3f1c9a7be210',
        uid: 0,
        user: 'root',
        startedAt: ago(2 * HOUR),
        alert: false,
        children: [
          {
            pid: 3901,
            ppid: 4102,
            name: 'node',
            cmdline: 'node server.js',
            uid: 999,
            user: 'node',
            startedAt: ago(2 * HOUR),
            alert: false,
            children: [],
          },
          {
            pid: 4121,
            ppid: 4102,
            name: 'sh',
            cmdline: 'sh -i',
            uid: 0,
            user: 'root',
            startedAt: ago(6 * MINUTE),
            alert: true,
            children: [
              {
                pid: 4133,
                ppid: 4121,
                name: 'cat',
                cmdline: 'cat /etc/shadow',
                uid: 0,
                user: 'root',
                startedAt: ago(4 * MINUTE),
                alert: true,
                children: [],
              },
              {
                pid: 4140,
                ppid: 4121,
                name: 'id',
                cmdline: 'id',
                uid: 0,
                user: 'root',
                startedAt: ago(4 * MINUTE - 20),
                alert: false,
                children: [],
              },
            ],
          },
        ],
      },
    ],
    actions: [
      {
        ...{ id: id('action 3'), at: ago(5 * MINUTE), actor: 'policy:stop-shells', action: 'evidence' },
        ...{ target: 'tienda/web', state: 'dry-run', detail: null, reason: 'Terminal shell in container' },
      },
      {
        ...{ id: id('action 4'), at: ago(5 * MINUTE), actor: 'policy:stop-shells', action: 'isolate' },
        ...{ target: 'tienda/web', state: 'awaiting', detail: null, reason: 'Terminal shell in container' },
      },
    ],
  };
  const second: IncidentDetail = {
    ...first,
    number: 6,
    environment: 'dev',
    workload: 'api',
    containerId: 'd'.repeat(64),
    host: 'host1',
    pod: 'tienda-dev-api-1',
    container: 'api',
    title: 'Read sensitive file untrusted',
    rule: 'Read sensitive file untrusted',
    priority: 'Warning',
    state: 'closed',
    openedAt: ago(2 * DAY),
    lastAlertAt: ago(2 * DAY),
    alerts: 1,
    owner: 'user:marta',
    digest: D.api,
    actions: [
      {
        id: id('action 1'),
        at: ago(2 * DAY - 400),
        actor: 'user:marta',
        action: 'kill-container',
        target: 'tienda-dev-api-1/api',
        state: 'done',
        reason: null,
        detail: text(
          'Container ended in 0.2 s; a replacement was ready after 3 s',
          'Contenedor terminado en 0,2 s; el reemplazo estuvo listo a los 3 s',
        ),
      },
      {
        id: id('action 2'),
        at: ago(2 * DAY - 900),
        actor: 'user:marta',
        action: 'close',
        target: '#6',
        state: 'done',
        reason: null,
        detail: text('A backup script read the file', 'Un guion de copia leyó el archivo'),
      },
    ],
  };
  const third: IncidentDetail = {
    ...first,
    number: 5,
    project: 'nomina',
    environment: 'prod',
    workload: 'app',
    containerId: 'e'.repeat(64),
    host: 'host1',
    pod: 'nomina-prod-app-1',
    container: 'app',
    title: 'Drop and execute new binary in container',
    rule: 'Drop and execute new binary in container',
    priority: 'Critical',
    state: 'contained',
    containerGone: true,
    openedAt: ago(5 * DAY),
    lastAlertAt: ago(5 * DAY),
    alerts: 3,
    owner: 'user:marta',
    digest: D.nomina,
  };
  return [first, second, third];
}

/** The steps of a deploy at a point of its way, 0 to 1. */
export function deployOperation(share: number): Operation {
  const titles: readonly (readonly [string, string, string])[] = [
    ['build', 'Build tienda/web', 'Construir tienda/web'],
    ['push', 'Push to the registry', 'Subir al registro'],
    ['scan', 'Scan', 'Escanear'],
    ['sign', 'Sign', 'Firmar'],
    ['judge', 'Judge for dev', 'Juzgar para dev'],
    ['roll', 'Roll out web', 'Desplegar web'],
  ];
  const position = share * titles.length;
  const started = now - 74_000;
  const steps = titles.map(([key, en, es], index) => {
    const state = position >= index + 1 ? 'done' : position >= index ? 'running' : 'waiting';
    const inside = Math.max(0, Math.min(1, position - index));
    return {
      id: `step-${key}`,
      parent: null,
      title: text(en, es),
      state: state as 'done' | 'running' | 'waiting',
      startedAt: state === 'waiting' ? null : new Date(started + index * 12_000).toISOString(),
      endedAt: state === 'done' ? new Date(started + (index + 1) * 11_700).toISOString() : null,
      done: key === 'push' ? Math.round(inside * 62_418_204) : key === 'build' ? Math.round(inside * 4) : null,
      total: key === 'push' ? 62_418_204 : key === 'build' ? 4 : null,
      unit: key === 'push' ? ('bytes' as const) : key === 'build' ? ('layers' as const) : null,
      detail:
        key === 'scan' && state === 'done'
          ? text('214 packages, 11 findings', '214 paquetes, 11 hallazgos')
          : key === 'judge' && state === 'done'
            ? text('warned: 1 reason', 'advertido: 1 motivo')
            : null,
      notes: [],
    };
  });
  const children = [
    { id: 'step-build-1', parent: 'step-build', title: text('FROM bases/debian-12', 'FROM bases/debian-12') },
    {
      id: 'step-build-2',
      parent: 'step-build',
      title: text('RUN npm ci --omit=dev --offline', 'RUN npm ci --omit=dev --offline'),
    },
  ].map((child) => ({
    ...child,
    state: position >= 1 ? ('done' as const) : ('running' as const),
    startedAt: new Date(started).toISOString(),
    endedAt: position >= 1 ? new Date(started + 9000).toISOString() : null,
    done: null,
    total: null,
    unit: null,
    detail: child.id === 'step-build-1' ? text('cached', 'en caché') : null,
    notes: [],
  }));
  const done = share >= 1;
  return {
    id: id('deploy 1'),
    kind: 'deploy',
    project: 'tienda',
    environment: 'dev',
    actor: 'user:ana',
    state: done ? 'done' : 'running',
    startedAt: new Date(started).toISOString(),
    endedAt: done ? new Date().toISOString() : null,
    title: text('Deploy tienda to dev', 'Desplegar tienda en dev'),
    steps: [...steps, ...children],
    result: done ? { release: 'release-13', number: 13, addresses: ['https://web-tienda-dev.localhost'] } : null,
    problem: null,
  };
}

function operations(): Operation[] {
  const running = deployOperation(0.3);
  const ended = (
    key: string,
    kind: string,
    title: Text,
    state: Operation['state'],
    secondsAgo: number,
    lasted: number,
    problem: Operation['problem'] = null,
  ): Operation => ({
    ...deployOperation(1),
    id: id(key),
    kind,
    title,
    state,
    startedAt: ago(secondsAgo),
    endedAt: ago(secondsAgo - lasted),
    problem,
    result: null,
  });
  return [
    running,
    ended(
      'promote',
      'promote',
      text('Promote tienda from dev to prod', 'Promover tienda de dev a prod'),
      'refused',
      2 * HOUR + 9,
      5,
      {
        title: 'prod refuses tienda/api: 1 finding to act on now',
        detail: 'minimist 0.0.8 is exploited in the wild (GHSA-xvch-5gv4-984h)',
        remedy: 'update minimist to 1.2.6 in api/package.json, then: darsena deploy',
        code: 'admit.refused',
        kind: 'refused',
      },
    ),
    ended('deploy 2', 'deploy', text('Deploy tienda to dev', 'Desplegar tienda en dev'), 'done', 4 * HOUR, 71),
    ended('base', 'base', text('Create base image debian-12', 'Crear imagen base debian-12'), 'done', 2 * DAY, 19),
  ];
}

export function createMockData(kind: 'fresh' | 'busy'): MockData {
  const busy = kind === 'busy';
  seq = 4210;
  const facts = busy ? busyFacts() : [fact('host.joined', 'platform', 'host1', 30, { project: null })];
  const environment = (
    name: string,
    level: Project['environments'][number]['class'],
    number: number,
    state: Release['state'],
    ok: number,
    total: number,
  ) => ({
    name,
    class: level,
    policy: name === 'prod' ? 'prod' : 'dev',
    approvals: level === 'production' ? 1 : 0,
    release: { id: id(`release ${name} ${number}`), number, state },
    workloads: { ok, total },
  });
  const projects: Project[] = busy
    ? [
        {
          name: 'tienda',
          createdAt: ago(20 * DAY),
          environments: [
            environment('dev', 'development', 14, 'available', 3, 3),
            environment('prod', 'production', 9, 'available', 2, 3),
          ],
        },
        {
          name: 'nomina',
          createdAt: ago(60 * DAY),
          environments: [
            environment('dev', 'development', 31, 'available', 1, 1),
            environment('pre', 'pre-production', 12, 'rolling-out', 1, 1),
            environment('prod', 'production', 11, 'available', 2, 2),
          ],
        },
      ]
    : [];
  const images = busy
    ? [
        image('tienda', 'web', '1.4.2', D.web, {}, { alerts: 'bad' }),
        image(
          'tienda',
          'api',
          '2.1.0',
          D.api,
          {
            sizeBytes: 71_204_551,
            scan: { state: 'findings', byRisk: countByRisk(FINDINGS) },
            verdicts: [
              { environment: 'dev', door: 'start', decision: 'warn' },
              { environment: 'prod', door: 'promote', decision: 'refuse' },
            ],
          },
          { scan: 'bad', verdict: 'bad' },
        ),
        image('tienda', 'worker', '0.9.3', D.worker, { sizeBytes: 58_110_902 }, {}),
        image(
          'tienda',
          'web',
          '1.5.0',
          D.webNext,
          { quarantine: 'held', scan: null, verdicts: [], pushedAt: ago(40) },
          { scan: 'pending', signatures: 'absent', verdict: 'absent', deploy: 'absent', alerts: 'absent' },
        ),
        image(
          'nomina',
          'app',
          '3.0.1',
          D.nomina,
          { pushedBy: 'robot:ci', sizeBytes: 142_118_400, scan: { state: 'clean', byRisk: {} } },
          {},
        ),
      ]
    : [];
  const workloads = busy
    ? [
        workload('tienda', 'dev', 'web', D.web, 2),
        workload('tienda', 'dev', 'api', D.api, 1),
        workload('tienda', 'dev', 'worker', D.worker, 1),
        workload('tienda', 'prod', 'web', D.web, 2),
        workload('tienda', 'prod', 'api', D.api, 2),
        workload('tienda', 'prod', 'worker', D.worker, 2, {
          ready: 1,
          phase: 'degraded',
          conditions: [
            {
              type: 'Available',
              since: ago(18 * MINUTE),
              text: text(
                '1 of 2 replicas is ready: tienda-prod-worker-2 ended 7 times with code 1',
                '1 de 2 réplicas está lista: tienda-prod-worker-2 terminó 7 veces con código 1',
              ),
            },
          ],
        }),
        workload('nomina', 'dev', 'app', D.nomina, 1),
        workload('nomina', 'pre', 'app', D.nomina, 2, { ready: 1, updated: 1, phase: 'progressing' }),
        workload('nomina', 'prod', 'app', D.nomina, 2),
      ]
    : [];
  const digests = [
    { name: 'web', repository: 'tienda/web', digest: D.web },
    { name: 'api', repository: 'tienda/api', digest: D.api },
    { name: 'worker', repository: 'tienda/worker', digest: D.worker },
  ];
  const release = (
    project: string,
    environmentName: string,
    number: number,
    state: Release['state'],
    secondsAgo: number,
    by: string,
    promoted: Release['promotedFrom'] = null,
  ) => ({
    project,
    id: id(`release ${environmentName} ${number}`),
    number,
    environment: environmentName,
    state,
    digests,
    createdAt: ago(secondsAgo),
    createdBy: by,
    promotedFrom: promoted,
    verdict: verdict(
      D.api,
      environmentName,
      state === 'refused' ? 'refuse' : environmentName === 'prod' ? 'allow' : 'warn',
    ),
    specHash: digest(`spec ${number}`),
    why:
      state === 'rolled-back'
        ? [
            {
              workload: 'web',
              text: text(
                'the readiness probe of web fails: answered 503',
                'la sonda de disponibilidad de web falla: respondió 503',
              ),
            },
            {
              workload: 'web',
              text: text(
                'the new version did not become ready within 60 s; the previous one serves',
                'la versión nueva no estuvo lista en 60 s; sirve la anterior',
              ),
            },
          ]
        : [],
  });
  const promotion = (
    key: string,
    state: Promotion['state'],
    secondsAgo: number,
    options: Partial<Promotion> = {},
  ): Promotion => ({
    id: id(key),
    project: 'tienda',
    from: 'dev',
    to: 'prod',
    state,
    digests,
    requestedBy: 'user:luis',
    requester: 'user:luis',
    involved: ['user:luis'],
    requestedAt: ago(secondsAgo),
    verdict: verdict(D.api, 'prod', state === 'refused' ? 'refuse' : 'allow'),
    approvals: [],
    required: 1,
    releaseId: null,
    ...options,
  });
  return {
    me: {
      id: id('ana'),
      name: 'ana',
      actor: 'user:ana',
      grants: [{ role: 'admin', project: '*' }],
      language: null,
      hasPassword: busy,
    },
    password: 'una frase larga de prueba',
    status: status(busy),
    overview: {
      serving: busy
        ? {
            ok: 16,
            total: 18,
            degraded: [
              {
                project: 'tienda',
                environment: 'prod',
                workload: 'worker',
                text: text(
                  '1 of 2 replicas ready; tienda-prod-worker-2 ended 7 times with code 1',
                  '1 de 2 réplicas listas; tienda-prod-worker-2 terminó 7 veces con código 1',
                ),
              },
              {
                project: 'nomina',
                environment: 'pre',
                workload: 'app',
                text: text('rolling out release 12: 1 of 2 updated', 'desplegando la versión 12: 1 de 2 actualizadas'),
              },
            ],
          }
        : { ok: 0, total: 0, degraded: [] },
      todo: busy
        ? [
            {
              id: 't1',
              kind: 'incident',
              weight: 100,
              text: text(
                'Incident 7: a shell runs in tienda/web in production',
                'Incidente 7: hay un intérprete de órdenes en tienda/web en producción',
              ),
              href: '/incidents/7',
              action: text('Respond', 'Responder'),
            },
            {
              id: 't2',
              kind: 'promotion',
              weight: 70,
              text: text(
                'luis asks to promote tienda from dev to prod; another person must approve',
                'luis solicita promover tienda de dev a prod; debe aprobarlo otra persona',
              ),
              href: '/projects/tienda/promotions',
              action: text('Decide', 'Decidir'),
            },
            {
              id: 't3',
              kind: 'finding',
              weight: 64,
              text: text(
                'minimist 0.0.8 in tienda/api is exploited in the wild; 1.2.6 fixes it',
                'minimist 0.0.8 en tienda/api está siendo explotada activamente; 1.2.6 la corrige',
              ),
              href: `/projects/tienda/images/${D.api}?tab=findings`,
              action: text('See finding', 'Ver hallazgo'),
            },
            {
              id: 't4',
              kind: 'workload',
              weight: 40,
              text: text(
                'tienda/worker in prod restarts every two minutes',
                'tienda/worker en prod se reinicia cada dos minutos',
              ),
              href: '/projects/tienda/workloads/prod/worker',
              action: text('Look', 'Ver'),
            },
            {
              id: 't5',
              kind: 'advisories',
              weight: 20,
              text: text('EPSS data is 16 days old', 'Los datos EPSS tienen 16 días'),
              href: '/settings/advisories',
              action: text('Update', 'Actualizar'),
            },
          ]
        : [],
      changes: facts,
    },
    projects,
    workloads,
    flows: busy ? networkFlows() : [],
    releases: busy
      ? [
          release('tienda', 'dev', 14, 'available', 2 * HOUR + 200, 'user:ana'),
          release('tienda', 'dev', 13, 'superseded', DAY, 'user:ana'),
          release('tienda', 'dev', 12, 'rolled-back', 2 * DAY, 'user:luis'),
          release('tienda', 'prod', 10, 'refused', 2 * HOUR, 'user:luis', { environment: 'dev', number: 14 }),
          release('tienda', 'prod', 9, 'available', 3 * DAY, 'user:luis', { environment: 'dev', number: 11 }),
        ]
      : [],
    promotions: busy
      ? [
          promotion('promotion 3', 'awaiting-approval', 12 * MINUTE),
          promotion('promotion 2', 'refused', 2 * HOUR + 9),
          promotion('promotion 1', 'done', 3 * DAY, {
            approvals: [
              { by: 'user:marta', at: ago(3 * DAY - 600), decision: 'approve', comment: 'Revisado con el equipo' },
            ],
          }),
        ]
      : [],
    images,
    exceptions: busy
      ? [
          {
            id: id('exception 1'),
            rule: '*',
            subject: 'CVE-2026-31789',
            package: 'libxml2',
            digest: null,
            repository: 'tienda/*',
            reason: 'The parser only reads our own files until the base image is renewed',
            author: 'user:ana',
            approver: null,
            expiresAt: ago(-20 * DAY),
            state: 'waiting',
          },
        ]
      : [],
    scans: busy
      ? [
          scan(D.web, FINDINGS.slice(3, 10)),
          scan(D.api, FINDINGS),
          scan(D.worker, FINDINGS.slice(3, 10)),
          scan(D.nomina, []),
        ]
      : [],
    signatures: Object.fromEntries(
      images.map((item) => [
        item.digest,
        item.quarantine === 'held'
          ? []
          : [
              {
                repository: `registry.darsena.internal/${item.repository}`,
                kind: 'provenance',
                signer: 'darsena-build',
                verified: true,
                reason: null,
                at: ago(4 * HOUR),
                bundle: digest('provenance content'),
              },
              {
                repository: `registry.darsena.internal/${item.repository}`,
                kind: 'image',
                signer: 'ana@example.org',
                verified: true,
                reason: null,
                at: ago(3 * HOUR),
                bundle: digest('bundle content'),
              },
              {
                repository: `registry.darsena.internal/${item.repository}`,
                kind: 'image',
                signer: 'unknown key 4c:1f:09',
                verified: false,
                reason: text(
                  'The key is not among those the policy trusts',
                  'La clave no está entre las que la política acepta',
                ),
                at: ago(3 * HOUR),
                bundle: digest('sbom signature content'),
              },
            ],
      ]),
    ),
    repositorySettings: busy
      ? [
          {
            pattern: '**',
            anonymousPull: null,
            immutableTags: ['v*'],
            retention: [
              { tags: ['dev-*'], keepNewest: 10, keepPushedDays: null, keepPulledDays: 30 },
              { tags: [], keepNewest: null, keepPushedDays: 7, keepPulledDays: null },
            ],
            quotaBytes: 20_000_000_000,
            updatedAt: ago(2 * DAY),
            updatedBy: 'user:ana',
          },
        ]
      : [],
    operations: busy ? operations() : [],
    incidents: busy ? incidents() : [],
    offers: offers(),
    evidence: busy ? evidence() : [],
    hosts: hosts(busy),
    facts,
    users: [
      {
        id: id('ana'),
        name: 'ana',
        grants: [{ role: 'admin', project: '*' }],
        createdAt: ago(busy ? 20 * DAY : 40),
        lastLoginAt: ago(5 * HOUR),
        hasPassword: busy,
      },
      ...(busy
        ? [
            {
              id: id('luis'),
              name: 'luis',
              grants: [{ role: 'developer' as const, project: 'tienda' }],
              createdAt: ago(DAY),
              lastLoginAt: ago(3 * HOUR),
              hasPassword: true,
            },
            {
              id: id('marta'),
              name: 'marta',
              grants: [
                { role: 'analyst' as const, project: '*' },
                { role: 'approver' as const, project: 'tienda' },
              ],
              createdAt: ago(12 * DAY),
              lastLoginAt: null,
              hasPassword: false,
            },
          ]
        : []),
    ],
    tokens: busy
      ? [
          {
            id: id('token ci'),
            name: 'ci-nomina',
            kind: 'robot',
            grants: [{ role: 'developer', project: 'nomina' }],
            createdAt: ago(40 * DAY),
            expiresAt: ago(-50 * DAY),
            lastUsedAt: ago(9 * HOUR),
          },
        ]
      : [],
    advisories: busy ? SOURCES : [],
    policies: POLICIES,
    bases: busy
      ? [
          {
            name: 'debian-12',
            release: 'bookworm',
            include: ['nodejs', 'ca-certificates', 'tzdata'],
            digest: digest('base'),
            createdAt: ago(2 * DAY),
            packages: 131,
            sizeBytes: 48_204_113,
          },
        ]
      : [],
    routes: busy
      ? [
          {
            host: 'web-tienda-dev.localhost',
            url: 'https://web-tienda-dev.localhost',
            project: 'tienda',
            environment: 'dev',
            service: 'web',
            ready: 2,
            kind: 'http',
            path: '/',
            options: { sticky: 'cookie', rate: { requests: 100, seconds: 10 }, denyPaths: ['/admin'] },
          },
          {
            host: 'www.banco.example',
            url: 'https://www.banco.example/',
            project: 'tienda',
            environment: 'prod',
            service: 'web',
            ready: 2,
            kind: 'http',
            path: '/',
            options: {},
          },
          {
            host: 'db-tienda-prod.localhost',
            url: 'tcp://db-tienda-prod.localhost:5432',
            project: 'tienda',
            environment: 'prod',
            service: 'db',
            ready: null,
            kind: 'tcp',
            path: ':5432',
            options: { allowNetworks: ['10.0.0.0/8'] },
          },
        ]
      : [],
    prevention: prevention(busy),
    foreign: busy ? foreign() : [],
    volumes: busy
      ? [
          volume('worker-data', { state: 'in-use', sealed: true }),
          volume('uploads', {
            class: 'nas',
            state: 'unavailable',
            why: text(
              'the storage nas cannot be mounted: the server does not answer',
              'el almacenamiento nas no se puede montar: el servidor no responde',
            ),
            look: null,
          }),
          volume('old-cache', {
            state: 'released',
            why: text('no release wants it; its data stays', 'ninguna versión lo pide; sus datos se quedan'),
          }),
        ]
      : [],
    verification: {
      state: 'intact',
      facts: 4209,
      checkpoints: 33,
      firstBad: null,
      head: { seq: 4209, hash: digest('head').slice(7) },
      durationMs: 38,
    },
  };
}

function volume(claim: string, more: Partial<Volume>): Volume {
  return {
    ...{ project: 'tienda', environment: 'prod', claim, class: 'local', state: 'ready', why: null },
    ...{ accessModes: ['ReadWriteOnce'], requestedBytes: 10 * 2 ** 30, host: 'srv-01', epoch: 1, sealed: false },
    reclaim: { policy: 'retain', afterHours: 24 },
    createdAt: ago(20 * DAY),
    look: {
      usedBytes: 3.2 * 2 ** 30,
      freeBytes: 80 * 2 ** 30,
      limit: {
        enforced: false,
        why: text(
          'its file system (ext4) is not mounted with project quotas (prjquota)',
          'su sistema de archivos (ext4) no está montado con cuotas de proyecto (prjquota)',
        ),
      },
      containers: 1,
    },
    ...more,
  };
}

export function volumeCopies(claim: string): VolumeCopy[] {
  const copy = (seed: string, more: Partial<VolumeCopy>): VolumeCopy => ({
    ...{ id: id(`copy ${claim} ${seed}`), project: 'tienda', environment: 'prod', claim, kind: 'backup' },
    ...{ repository: 'nas', state: 'done', bytes: 3.1 * 2 ** 30, files: 4_210, problem: null },
    ...{ createdAt: ago(DAY / 2), verified: null },
    ...more,
  });
  return [
    copy('1', { kind: 'snapshot', repository: null, createdAt: ago(2 * HOUR) }),
    copy('2', { verified: { at: ago(DAY / 3), same: true } }),
    copy('3', {
      ...{ state: 'failed', bytes: null, files: null, createdAt: ago(2 * DAY) },
      problem: text('the backup failed: restic: no space left', 'falló la copia: restic: no space left'),
    }),
  ];
}

function networkFlows(): NetworkFlow[] {
  const flow = (environment: string, workload: string, more: Partial<NetworkFlow>): NetworkFlow => ({
    project: 'tienda',
    environment,
    workload,
    direction: 'out',
    refused: false,
    peer: { kind: 'workload', project: 'tienda', environment, name: 'api' },
    protocol: 'tcp',
    port: 8080,
    connections: 1204,
    firstAt: ago(3 * DAY),
    lastAt: ago(40),
    ...more,
  });
  const outside = (address: string): NetworkFlow['peer'] => ({ kind: 'address', address });
  return ['dev', 'prod'].flatMap((environment) => [
    flow(environment, 'web', {}),
    flow(environment, 'worker', { connections: 88 }),
    flow(environment, 'api', {
      direction: 'in',
      peer: { kind: 'workload', project: 'tienda', environment, name: 'web' },
    }),
    flow(environment, 'worker', { peer: outside('203.0.113.40'), port: 443, connections: 12 }),
    flow(environment, 'web', { peer: outside('198.51.100.7'), port: 4444, refused: true, connections: 3 }),
    flow(environment, 'worker', { peer: outside('192.0.2.25'), port: 25, unanswered: true, connections: 4 }),
    flow(environment, 'web', {
      peer: { kind: 'workload', project: 'nomina', environment, name: 'db' },
      port: 5432,
      refused: true,
      connections: 2,
    }),
  ]);
}

export function hostKernel(): HostKernel {
  return {
    data: { state: 'data', advisories: 14_626, updatedAt: ago(2 * DAY), isOld: false },
    summary: {
      exposed: 2,
      'not-affected': 12_904,
      'not-reachable': 1_702,
      mitigated: 1,
      'live-patched': 3,
      unknown: 14,
    },
    facts: {
      kernel: { buildId: '7f3b1c0a9d5e4f6a8b2c1d0e9f8a7b6c5d4e3f2a', upstream: '6.1.190' },
      lockdown: 'none',
      lsm: ['lockdown', 'capability', 'landlock', 'yama', 'apparmor', 'bpf'],
      modules: { loaded: ['overlay', 'br_netfilter'], available: ['overlay', 'br_netfilter', 'dccp'] },
      livePatches: [{ name: 'darsena_2026_11', enabled: true, transition: false }],
      reboot: { isRequired: true, because: ['/var/run/reboot-required'] },
      cpu: { microcode: '0xa0011d7' },
    },
    runtimes: [
      {
        program: 'runc',
        version: '1.1.5',
        package: '1.1.5+ds1-1+deb12u1',
        issues: [
          {
            cve: 'CVE-2025-31133',
            state: 'exposed',
            title: {
              en: 'masked paths can be replaced by a link',
              es: 'las rutas ocultas se pueden sustituir por un enlace',
            },
            evidence: {
              en: 'the changelog of runc 1.1.5+ds1-1+deb12u1 does not name it',
              es: 'el registro de cambios de runc 1.1.5+ds1-1+deb12u1 no lo nombra',
            },
          },
        ],
      },
    ],
  };
}

export function kernelPatches(): readonly KernelPatch[] {
  const digest = `sha256:${'5c'.repeat(32)}`;
  const doubt = {
    en: 'nobody whom the trust policy names for platform/kernel-patches has signed it',
    es: 'nadie a quien la política de confianza nombre para platform/kernel-patches lo ha firmado',
  };
  return [
    {
      ...{ name: 'nf_tables_2024_1086', digest, cves: ['CVE-2024-1086'], signers: ['kernel-team'] },
      ...{ doubt: null, inForce: 41, fitting: 207 },
    },
    { name: 'draft_fix', digest, cves: [], signers: [], doubt, inForce: 0, fitting: 248 },
  ];
}

export function callProfiles(): readonly CallProfile[] {
  const place = { workload: 'web', container: 'web', digest: '' } as const;
  const seen = { calls: ['accept4', 'epoll_wait', 'read', 'write'], families: [1, 2, 10], capabilities: [] };
  return [{ ...place, ...seen, state: 'applied', fromStart: true, trial: null, appliedAt: '2026-11-20T09:00:00.000Z' }];
}

export function rootWorkloads(): readonly RootWorkload[] {
  const need = { container: 'web', capabilities: ['SYS_NICE'], lowPorts: true };
  const folders = { scratch: ['/var/cache/nginx'], volumes: [], inImage: ['/usr/share/nginx'] };
  return [
    {
      ...{ project: 'tienda', environment: 'prod', workload: 'web', containers: ['web'] },
      needs: [{ ...need, ...folders }],
    },
  ];
}

export const ROOT_TRIAL = {
  ...{ id: 'root-trial', kind: 'root-removal', project: 'tienda', environment: 'prod', actor: 'user:ana' },
  ...{ state: 'done', startedAt: '2026-11-20T09:00:00.000Z', endedAt: '2026-11-20T09:00:20.000Z', steps: [] },
  title: { en: 'Try tienda/web without root in a copy', es: 'Probar tienda/web sin root en una copia' },
  result: {
    passed: false,
    why: {
      en: 'the test ended with 1: bind: permission denied',
      es: 'la prueba terminó con 1: bind: permission denied',
    },
    needs: [
      {
        container: 'web',
        notes: [
          {
            en: 'in the Containerfile: RUN chown -R 10001:10001 /usr/share/nginx',
            es: 'en el Containerfile: RUN chown -R 10001:10001 /usr/share/nginx',
          },
        ],
      },
    ],
    yaml: 'kind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      securityContext:\n        fsGroup: 10001\n',
  },
};

const FLEET_SUMMARY = {
  ...{ exposed: 1_204, unknown: 0, mitigated: 12, 'live-patched': 1, 'not-reachable': 2_310, 'not-affected': 11_099 },
};

export function fleetHosts(): readonly FleetHost[] {
  const one = { release: '6.1.0-56-amd64', rebootRequired: false, livePatches: [], clockOffSeconds: 0 };
  return [
    { ...one, host: 'host1', summary: FLEET_SUMMARY, livePatches: ['fix_nft'] },
    { ...one, host: 'vm', summary: { ...FLEET_SUMMARY, exposed: 67 }, rebootRequired: true, clockOffSeconds: -7_260 },
  ];
}

export function fleetOfCve(cve: string): FleetOfCve {
  const evidence = [{ en: 'release 6.1.55 has it: since 3.15', es: 'la versión 6.1.55 la tiene: desde 3.15' }];
  const text = {
    en: 'bring the live patch fix_nft into force, without a restart: darsena kernel rollout start fix_nft',
    es: 'activar el parche en vivo fix_nft, sin reiniciar: darsena kernel rollout start fix_nft',
  };
  const none = { exposed: 0, unknown: 0, mitigated: 0, 'live-patched': 0, 'not-reachable': 0, 'not-affected': 0 };
  return {
    ...{ cve, title: 'netfilter: nf_tables: reject QUEUE/DROP verdict parameters', hosts: 2 },
    summary: { ...none, exposed: 1, 'live-patched': 1 },
    items: [
      { host: 'vm', state: 'exposed', release: '6.1.55', evidence, wayOut: { kind: 'live-patch', text } },
      { host: 'host1', state: 'live-patched', release: '6.1.0-56-amd64', evidence, wayOut: null },
    ],
  };
}

export function shieldEntries(): readonly ShieldEntry[] {
  return [
    {
      id: 'user-namespaces',
      title: {
        en: 'no user namespaces for those without rights',
        es: 'sin espacios de nombres de usuario para quien no tiene permisos',
      },
      cves: ['CVE-2022-0185', 'CVE-2023-32233', 'CVE-2024-1086'],
      cost: { en: 'rootless containers', es: 'contenedores sin root' },
    },
    {
      id: 'af-alg',
      title: { en: 'no AF_ALG sockets', es: 'sin sockets AF_ALG' },
      cves: ['CVE-2026-31431'],
      cost: { en: 'programs that use libkcapi', es: 'programas que usan libkcapi' },
    },
  ];
}

export function shieldStanding(): readonly ShieldStanding[] {
  return [
    { id: 'user-namespaces', state: 'off', since: null },
    { id: 'af-alg', state: 'on', since: '2026-07-28T09:00:00.000Z' },
  ];
}

export function rebootPlan(): readonly RebootNeed[] {
  return [
    {
      ...{ host: 'almacen-07', release: '6.1.0-55-amd64', newest: '6.1.0-56-amd64', isNeeded: true },
      because: ['linux-image-amd64', '6.1.0-56-amd64'],
    },
  ];
}

export function moduleUse(): readonly ModuleUse[] {
  const since = { boots: 4, firstAt: '2026-07-01T09:00:00.000Z' };
  return [
    { module: 'overlay', usedOn: 1, ...since, workloads: ['tienda/prod/web', 'tienda/prod/api'] },
    { module: 'nf_tables', usedOn: 1, ...since, workloads: [] },
    { module: 'floppy', usedOn: 0, ...since, workloads: [] },
  ];
}

export function moduleProposal(): ModuleProposal {
  return {
    ...{ observedSince: '2026-07-01T09:00:00.000Z', onDisk: 3_921, keptOut: 3_702, isBlind: false },
    unreachable: { most: 412 },
  };
}

export function hostBench(): HostBench {
  const item = { section: 'containers', subjects: [], isMended: false };
  return {
    at: '2026-07-30T01:00:00.000Z',
    summary: { fail: 2, 'not-determinable': 1, pass: 312, 'not-applicable': 71, accepted: 1 },
    items: [
      {
        ...{ ...item, id: '5.12', state: 'fail', isFixable: false, accepted: null },
        title: { en: 'The root file system is read-only', es: 'El sistema de archivos raíz es de solo lectura' },
        evidence: [{ en: 'tienda-web: writable', es: 'tienda-web: se puede escribir' }],
        remedy: { en: 'readOnlyRootFilesystem: true', es: 'readOnlyRootFilesystem: true' },
      },
      {
        ...{ ...item, id: 'sysctl.kernel.kptr_restrict', section: 'kernel:sysctl', state: 'fail', isFixable: true },
        title: {
          en: 'kernel.kptr_restrict is 2: addresses of the kernel are hidden',
          es: 'kernel.kptr_restrict es 2: las direcciones del núcleo se ocultan',
        },
        evidence: [{ en: 'kernel.kptr_restrict = 1', es: 'kernel.kptr_restrict = 1' }],
        remedy: { en: 'sysctl -w kernel.kptr_restrict=2', es: 'sysctl -w kernel.kptr_restrict=2' },
        accepted: null,
      },
      {
        ...{ ...item, id: '5.27', state: 'fail', isFixable: false },
        title: { en: 'Containers have a health check', es: 'Los contenedores tienen una comprobación de salud' },
        evidence: [{ en: 'tienda-db: none', es: 'tienda-db: ninguna' }],
        remedy: null,
        accepted: {
          ...{ id: '01985c6e-0000-7000-8000-000000000002', reason: 'las sondas son de la plataforma' },
          ...{ until: '2027-01-31T00:00:00.000Z', createdBy: 'user:ana' },
        },
      },
    ],
    changes: [{ check: '5.12', from: 'pass', to: 'fail', at: '2026-07-30T01:00:00.000Z' }],
  };
}

export function kernelRollouts(): readonly KernelRollout[] {
  return [
    {
      ...{ id: '01985c6e-0000-7000-8000-000000000001', patch: 'nf_tables_2024_1086', state: 'running', why: null },
      ...{ kind: 'patch', startedAt: '2026-07-30T01:10:00.000Z', isOpen: true },
      rings: [
        { name: 'canary', hosts: 2, phases: { well: 2 } },
        { name: 'share', hosts: 23, phases: { well: 19, watching: 3, absent: 1 } },
        { name: 'all', hosts: 223, phases: { waiting: 223 } },
      ],
      notable: [{ host: 'almacen-07', phase: 'absent', why: null }],
    },
  ];
}

export function kernelCves(): KernelCves {
  return {
    cves: [
      {
        cve: 'CVE-2026-31431',
        state: 'exposed',
        title: 'crypto: algif_aead: bound the length of what is copied back',
        cvss: 7.8,
        kev: true,
        fixedIn: '6.1.192-1',
        evidence: [
          {
            en: 'the module algif_aead is on disk and not blocked',
            es: 'el módulo algif_aead está en el disco y no está bloqueado',
          },
        ],
      },
    ],
  };
}
