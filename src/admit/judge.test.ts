import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Admission,
  type Door,
  type Exception,
  type FindingFacts,
  judge,
  mayHaveGrace,
  NO_SCAN,
  NO_WORKLOAD,
  type Policy,
  PRESETS_FOLDER,
  type Running,
  readPolicies,
  readPolicy,
} from './index.ts';
import { describeWorkload } from './workload.ts';

const policies = new Map((await readPolicies(PRESETS_FOLDER)).map((policy) => [policy.name, policy]));

function preset(name: string): Policy {
  const policy = policies.get(name);
  assert.ok(policy, `preset ${name}`);
  return policy;
}

const minimist: FindingFacts = {
  key: 'CVE-2020-7598',
  label: 'minimist 0.0.8 (CVE-2020-7598, fixed in 0.2.1)',
  kind: 'vulnerability',
  severity: 'high',
  package: 'minimist',
  version: '0.0.8',
  fixable: true,
  fixedVersion: '0.2.1',
  exploited: false,
  score: 7.5,
  epss: 0.01,
  decision: 'track',
  overdue: false,
  due: '',
};

const goodPod = {
  securityContext: { runAsUser: 1000 },
  containers: [
    {
      name: 'web',
      image: 'registry.darsena.internal/tienda/web',
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { port: 8080 } },
      securityContext: { allowPrivilegeEscalation: false },
      resources: { limits: { memory: '128Mi', cpu: '500m' } },
    },
  ],
};

const good: Admission = {
  image: {
    digest: `sha256:${'a'.repeat(64)}`,
    repository: 'tienda/web',
    project: 'tienda',
    tags: ['1.0'],
    ageDays: 0,
    sizeBytes: 1,
  },
  scan: {
    state: 'complete',
    at: '2026-11-21T00:00:00Z',
    packages: 100,
    hasAdvisories: true,
    sparseAdvisories: false,
    malware: 'clean',
    advisoriesAgeDays: 1,
    findings: [],
  },
  signatures: {
    imageVerified: true,
    imageSigners: ['release'],
    provenanceVerified: true,
    provenanceSigners: ['builder'],
    unmetDemands: [],
  },
  workload: describeWorkload('Deployment', 'web', goodPod, () => ({ user: '', uid: null })),
  environment: { name: 'prod', class: 'production', runs: false },
  host: { known: true, issues: [] },
  statements: [],
  documents: [],
};

function ask(
  policy: string | Policy,
  admission: Admission,
  door: Door = 'start',
  exceptions: Exception[] = [],
  running: Running | null = null,
) {
  return judge({
    id: 'id',
    at: '2026-11-21T12:00:00.000Z',
    door,
    policy: typeof policy === 'string' ? preset(policy) : policy,
    admission,
    exceptions,
    running,
    specHash: 'spec',
  });
}

function rules(verdict: ReturnType<typeof judge>): string[] {
  return verdict.reasons.map((reason) => `${reason.rule} ${reason.effect}`);
}

const bad: Admission = {
  ...good,
  scan: { ...good.scan, findings: [minimist] },
  signatures: {
    imageVerified: false,
    imageSigners: [],
    provenanceVerified: false,
    provenanceSigners: [],
    unmetDemands: [],
  },
};

test('an image and workload without fault are allowed by both presets', () => {
  for (const name of ['dev', 'prod']) {
    const verdict = ask(name, good);
    assert.deepEqual([verdict.decision, verdict.reasons], ['allow', []]);
  }
});

test('dev lets a known-vulnerable package pass with a warning, prod refuses it with every reason', () => {
  assert.deepEqual(
    [ask('dev', bad).decision, rules(ask('dev', bad))],
    ['warn', ['high-vulnerability warn', 'image-unsigned warn', 'provenance-missing warn']],
  );
  const verdict = ask('prod', bad);
  assert.equal(verdict.decision, 'refuse');
  assert.deepEqual(rules(verdict), ['high-vulnerability refuse', 'image-unsigned refuse', 'provenance-missing refuse']);
  assert.equal(verdict.reasons[0]?.subject, minimist.label);
  assert.match(verdict.reasons[0]?.message.es ?? '', /minimist 0\.0\.8/);
  assert.equal(verdict.expiresAt, '2026-11-24T12:00:00.000Z');
});

test('what is not known is never clean', () => {
  const missing = ask('prod', { ...good, scan: NO_SCAN });
  assert.deepEqual(rules(missing), ['scan-missing refuse']);
  assert.equal(ask('dev', { ...good, scan: NO_SCAN }).decision, 'warn');
  const noData = { ...good, scan: { ...good.scan, hasAdvisories: false, advisoriesAgeDays: -1 } };
  assert.deepEqual(rules(ask('prod', noData)), ['advisories-missing refuse']);
  for (const name of ['dev', 'prod']) {
    assert.equal(ask(name, { ...good, scan: { ...good.scan, state: 'failed' } }).decision, 'refuse');
  }
});

test('malware is refused everywhere; that nobody looked for it is said before production', () => {
  const evil = { ...minimist, kind: 'malware', key: 'Eicar', label: 'Eicar (clamav) in srv/a' } as const;
  const unseen: Admission = { ...good, scan: { ...good.scan, malware: 'not-scanned' } };
  const test: Admission = { ...unseen, environment: { name: 'test', class: 'development', runs: false } };
  for (const name of ['dev', 'prod']) {
    const found: Admission = { ...good, scan: { ...good.scan, malware: 'found', findings: [evil] } };
    assert.deepEqual(rules(ask(name, found)), ['malware refuse']);
    assert.deepEqual(rules(ask(name, unseen)), ['malware-not-scanned warn']);
    assert.deepEqual(rules(ask(name, test)), []);
  }
});

test('images stand on bases of the catalogue where that is asked for, and what is not known is none', () => {
  const demand = (bases: string): Policy =>
    readPolicy(
      `name: t\nversion: "1"\ndescription: { en: t, es: t }\ndoors: { start: closed }\nuses: [{ policy: image-requirements, with: { bases: ${bases}, scannedHours: 100000 } }]\n`,
      't',
      (name) => policies.get(name) ?? null,
    );
  const on = (base: string | undefined): Admission => ({
    ...good,
    image: { ...good.image, ...(base === undefined ? {} : { base }) },
  });
  const rows: [string, string | undefined, string[]][] = [
    ['["*"]', undefined, []],
    ['[catalogue]', 'base/debian-12', []],
    ['[catalogue]', '', ['from-base-catalogue refuse']],
    ['[catalogue]', undefined, ['from-base-catalogue refuse']],
    ['[base/debian-13]', 'base/debian-12', ['from-base-catalogue refuse']],
    ['[base/debian-13, base/debian-12]', 'base/debian-12', []],
    ['[]', 'base/debian-12', ['from-base-catalogue refuse']],
  ];
  for (const [bases, base, wanted] of rows) assert.deepEqual(rules(ask(demand(bases), on(base))), wanted, bases);
});

test('prod refuses every way to the host, each with its container', () => {
  const pod = {
    hostNetwork: true,
    hostPID: 'false',
    volumes: [{ hostPath: { path: '/' } }],
    containers: [
      { name: 'a', securityContext: { privileged: true, capabilities: { add: ['cap_sys_admin'] } } },
      {
        name: 'b',
        securityContext: { runAsUser: 1000, seccompProfile: { type: 'Unconfined' } },
        ports: [{ containerPort: 1 }],
      },
    ],
    initContainers: [{ name: 'i' }],
    ephemeralContainers: [{ name: 'e' }],
  };
  const workload = describeWorkload('Deployment', 'x', pod, () => ({ user: '', uid: null }));
  assert.equal(workload.hostPid, true);
  const verdict = ask('prod', { ...good, workload });
  const refusals = verdict.reasons.filter((reason) => reason.effect === 'refuse');
  assert.deepEqual(
    refusals.map((reason) => `${reason.rule}:${reason.subject ?? ''}`),
    [
      'privileged:a',
      'runs-as-root:i (init)',
      'runs-as-root:e (ephemeral)',
      'host-namespaces:',
      'host-path:/',
      'added-capabilities:a',
      'seccomp-unconfined:b',
      'memory-unlimited:a',
      'memory-unlimited:b',
      'memory-unlimited:i (init)',
      'memory-unlimited:e (ephemeral)',
      'readiness-missing:b',
    ],
  );
});

test('no way of writing uid 0 is taken for another user (A2)', () => {
  const user = (context: unknown, image = { user: '', uid: null as number | null }) =>
    describeWorkload('Pod', 'x', { containers: [{ name: 'c', securityContext: context as never }] }, () => image)
      .containers[0]?.runsAsRoot;
  for (const runAsUser of [0, '0', -1, 2 ** 32, 2 ** 32 - 1, 1.5, '1000', true, []])
    assert.equal(user({ runAsUser }), true);
  for (const name of ['', '0', '0:1000', 'root', 'toor', '00', '4294967296']) {
    assert.equal(user({}, { user: name, uid: null }), true, name);
  }
  assert.equal(user({}, { user: 'node', uid: 0 }), true);
  assert.equal(user({}, { user: 'node', uid: 1000 }), false);
  assert.equal(user({}, { user: '1000:0', uid: null }), false);
  assert.equal(user({ runAsUser: 1 }, { user: 'root', uid: 0 }), false);
});

test('a policy sees the limits of processes of each container, and none where none were known yet', () => {
  const policy = readPolicy(
    `
name: t
version: "1"
description: { en: t, es: t }
doors: { start: closed }
rules:
  - id: many-files
    each: workload.containers.filter(c, c.ulimits.exists(u, u.name == 'nofile' && (u.hard == -1 || u.hard > 65536)))
    effect: refuse
    message: { en: "too many files: {subject}", es: "demasiados archivos: {subject}" }
`,
    't',
  );
  const asks = (written: string | null): Admission => {
    const metadata = written === null ? null : { annotations: { 'darsena/ulimits': written } };
    const workload = describeWorkload('Deployment', 'web', goodPod, () => ({ user: '', uid: null }), metadata);
    return { ...good, workload };
  };
  const [first = ''] = asks(null).workload.containers.map(({ key }) => key);
  const rows: [string | null, boolean][] = [
    [null, false],
    ['nofile=65536', false],
    ['nofile=1024:65537', true],
    ['nofile=-1', true],
    [`nofile=-1; ${first}: nofile=1024`, false],
    [`nofile=1024; ${first}: nofile=unlimited`, true],
    ['nproc=-1', false],
    ['nofile: all of them', true],
  ];
  for (const [written, refused] of rows) {
    assert.deepEqual(rules(ask(policy, asks(written))), refused ? ['many-files refuse'] : [], String(written));
    for (const name of ['dev', 'prod']) assert.equal(ask(name, asks(written)).decision, 'allow', String(written));
  }
  const { containers, ...rest } = good.workload;
  const before = { ...good, workload: { ...rest, containers: containers.map(({ ulimits: _later, ...one }) => one) } };
  assert.deepEqual(rules(ask(policy, before as unknown as Admission)), []);
});

test('a rule that cannot be evaluated refuses, or warns at a door that fails open', () => {
  const broken = {
    ...good,
    scan: { ...good.scan, findings: [{ ...minimist, severity: null }] },
  } as unknown as Admission;
  assert.deepEqual(rules(ask('prod', broken)), ['facts-malformed refuse']);
  const noScan = { ...good, scan: null } as unknown as Admission;
  assert.deepEqual(rules(ask('dev', noScan)), ['facts-malformed refuse']);
  const source = (mode: string) => `
name: t
version: "1"
description: { en: t, es: t }
doors: { start: ${mode} }
rules:
  - { id: fails, when: "1 / (image.ageDays - image.ageDays) > 0", effect: warn, message: { en: a, es: a } }
`;
  assert.deepEqual(rules(ask(readPolicy(source('closed'), 't'), good)), ['fails refuse']);
  assert.deepEqual(rules(ask(readPolicy(source('open'), 't'), good)), ['fails warn']);
  assert.deepEqual(rules(ask(readPolicy(source('open'), 't'), good, 'pull')), ['door-not-covered refuse']);
});

test('an exception turns one refusal of one image into a warning, only with a second person and in time (I6)', () => {
  const exception: Exception = {
    id: 'e1',
    project: 'tienda',
    environment: 'prod',
    rule: 'high-vulnerability',
    subject: 'CVE-2020-7598',
    package: null,
    digest: good.image.digest,
    repository: null,
    revokedAt: null,
    revokedBy: null,
    reason: 'not reachable',
    author: 'user:ana',
    approver: 'user:eva',
    createdAt: '2026-11-01T00:00:00Z',
    expiresAt: '2026-12-01T00:00:00Z',
  };
  const only = { ...good, scan: bad.scan };
  const decide = (change: Partial<Exception>) => ask('prod', only, 'start', [{ ...exception, ...change }]).decision;
  assert.equal(decide({}), 'warn');
  assert.deepEqual(ask('prod', only, 'start', [exception]).reasons[0]?.exception?.id, 'e1');
  const useless: Partial<Exception>[] = [
    { approver: null },
    { approver: 'user:ana' },
    { expiresAt: '2026-11-21T12:00:00.000Z' },
    { expiresAt: 'never' },
    { digest: `sha256:${'b'.repeat(64)}` },
    { project: 'banco' },
    { environment: 'dev' },
    { rule: 'image-unsigned' },
    { subject: 'CVE-2020-7599' },
  ];
  for (const change of useless) assert.equal(decide(change), 'refuse', JSON.stringify(change));
});

test('reasons are given once each and bounded, and what is cut still refuses', () => {
  const findings = Array.from({ length: 500 }, (_, index) => ({
    ...minimist,
    key: `CVE-${index}`,
    label: `p ${index}`,
  }));
  const verdict = ask('prod', { ...good, scan: { ...good.scan, findings: [...findings, ...findings] } });
  assert.equal(verdict.reasons.length, 201);
  assert.match(verdict.reasons[200]?.message.en ?? '', /300 more/);
  assert.equal(verdict.decision, 'refuse');
  const tooMany = Array.from({ length: 20_001 }, () => ({ ...minimist, severity: 'low' }));
  assert.deepEqual(rules(ask('dev', { ...good, scan: { ...good.scan, findings: tooMany } })), [
    'facts-malformed refuse',
  ]);
});

test('at push nothing is asked that can only be known later', () => {
  const pushed = { ...good, scan: NO_SCAN, signatures: bad.signatures, workload: NO_WORKLOAD };
  assert.deepEqual(ask('prod', pushed, 'push').reasons, []);
});

test('an image in quarantine is refused whatever policy, exception or deadline say', () => {
  const quarantine = { en: 'incident 7', es: 'incidente 7' };
  const running: Running = { restart: true, until: '2030-01-01T00:00:00.000Z' };
  for (const door of ['push', 'start'] as const) {
    const { decision, reasons } = judge({
      ...{ id: 'id', at: '2026-11-21T12:00:00.000Z', door, policy: preset('dev'), admission: good },
      ...{ exceptions: [], running, specHash: null, quarantine },
    });
    assert.equal(decision, 'refuse');
    assert.deepEqual(
      [reasons[0]?.rule, reasons[0]?.message, reasons[0]?.exception],
      ['image-quarantined', quarantine, null],
    );
    assert.equal(mayHaveGrace({ reasons }), false);
  }
});
