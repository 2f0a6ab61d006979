import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Fault, type Json, systemClock } from '../system/index.ts';
import { readDocuments, startsPods } from './document.ts';
import { judgeDocument } from './manifest.ts';
import { readPolicy } from './policy.ts';
import { PRESETS_FOLDER, readPolicies, selectPolicy } from './presets.ts';
import type { Verdict } from './verdict.ts';

const policies = new Map((await readPolicies(PRESETS_FOLDER)).map((policy) => [policy.name, policy]));
const select = (name: string) => selectPolicy((one) => policies.get(one) ?? null, name);

function rulesOf(text: string): string[] {
  return readDocuments(text).flatMap((document) =>
    judgeDocument(document, select('prod'), systemClock).verdict.reasons.map(
      (reason) => `${document.name} ${reason.rule}`,
    ),
  );
}

function decide(text: string, policy: string): Verdict['decision'][] {
  return readDocuments(text).map((document) => judgeDocument(document, select(policy), systemClock).verdict.decision);
}

function rowsOf<Row>(data: string, file: string): Row[] {
  const text = gunzipSync(readFileSync(join(data, 'posture', file))).toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line): Row => JSON.parse(line));
}

test('every kind that starts pods is found, also in a list and behind other documents', () => {
  const pod = 'containers: [{ name: a, image: x }]';
  const template = `template: { spec: { ${pod} } }`;
  const text = `
kind: ConfigMap
metadata: { name: c }
---
{ kind: Pod, metadata: { name: p }, spec: { ${pod} } }
---
kind: List
items:
  - { kind: CronJob, metadata: { name: cj }, spec: { jobTemplate: { spec: { ${template} } } } }
  - { kind: DaemonSet, metadata: { name: ds }, spec: { ${template} } }
`;
  assert.deepEqual(
    readDocuments(text)
      .filter(({ kind }) => startsPods(kind))
      .map(({ kind, name, line }) => `${kind} ${name} ${line}`),
    ['Pod p 5', 'CronJob cj 9', 'DaemonSet ds 10'],
  );
  const rules = rulesOf(text);
  for (const name of ['p', 'cj', 'ds']) assert.ok(rules.includes(`${name} runs-as-root`), name);
});

test('a workload whose pods cannot be found is not passed over', () => {
  for (const spec of ['{ template: oops }', '{}', 'null', '{ template: { spec: { containers: [] } } }']) {
    assert.throws(
      () => rulesOf(`{ kind: Deployment, metadata: { name: d }, spec: ${spec} }`),
      (error: unknown) => error instanceof Fault && error.code === 'admit.manifest-unreadable',
    );
  }
});

/** One pod in each way that a kind can hold it. */
const KINDS: readonly (readonly [string, (pod: Json) => Json])[] = [
  ['Pod', (pod) => ({ kind: 'Pod', ...(pod as object) }) as Json],
  ['PodTemplate', (pod) => ({ kind: 'PodTemplate', template: pod })],
  ...['Deployment', 'ReplicaSet', 'ReplicationController', 'StatefulSet', 'DaemonSet', 'Job'].map(
    (kind) => [kind, (pod: Json): Json => ({ kind, spec: { template: pod } })] as const,
  ),
  ['CronJob', (pod) => ({ kind: 'CronJob', spec: { jobTemplate: { spec: { template: pod } } } })],
  ['List', (pod) => ({ kind: 'List', items: [{ kind: 'Deployment', spec: { template: pod } }] })],
  ['Rollout', (pod) => ({ kind: 'Rollout', spec: { template: pod } })],
  ['Workflow', (pod) => ({ kind: 'Workflow', spec: { steps: [{ run: pod }] } })],
];

test('every container of every path of every kind is judged (A1)', () => {
  const fine = {
    image: 'registry.example/a:1',
    securityContext: {
      ...{ allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
  const bad: readonly Record<string, Json>[] = [
    { privileged: true },
    { capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } },
    { runAsUser: 0 },
    { procMount: 'Unmasked' },
    { seccompProfile: { type: 'Unconfined' } },
  ];
  const policy = select('pod-security-restricted');
  let [asked, missed] = [0, 0];
  for (const [, wrap] of KINDS) {
    for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
      for (const [place, context] of [...bad, {}].entries()) {
        // The last is the good one: it has to pass, so that "refuse everything" is no answer.
        const isBad = place < bad.length;
        const sinner = {
          ...fine,
          name: 'sinner',
          restartPolicy: 'Always',
          securityContext: { ...fine.securityContext, ...context },
        };
        const others = { containers: [{ ...fine, name: 'main' }] };
        const lists =
          list === 'containers' ? { containers: [...others.containers, sinner] } : { ...others, [list]: [sinner] };
        const metadata = { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z' };
        const text = JSON.stringify(wrap({ metadata, spec: lists }));
        const refused = readDocuments(text).some(
          (document) => judgeDocument(document, policy, systemClock).verdict.decision === 'refuse',
        );
        asked += 1;
        if (refused !== isBad) missed += 1;
      }
    }
  }
  assert.deepEqual([asked >= 200, missed], [true, 0]);
});

test('no way of writing a field of security makes it another (A2)', () => {
  const wrong: readonly string[] = [
    ...[
      'runAsUser: 0',
      'runAsUser: "0"',
      'runAsUser: 4294967296',
      'runAsUser: -1',
      'runAsUser: 0.5',
      'runAsUser: 1e99',
    ],
    ...[
      'runAsUser: true',
      'runAsUser: [1000]',
      'runAsUser: {}',
      'runAsUser: 0x0',
      'runAsUser: 2147483648',
      'runAsUser: -0',
    ],
    ...['runAsNonRoot: "true"', 'runAsNonRoot: 1', 'runAsNonRoot: false', 'privileged: "false"', 'privileged: 1'],
    ...['capabilities: { drop: ALL }', 'seccompProfile: RuntimeDefault', 'allowPrivilegeEscalation: "false"'],
  ];
  assert.equal(wrong.length, 20);
  const pod = (field: string): string => {
    const usual = ['runAsNonRoot: true', 'allowPrivilegeEscalation: false', 'capabilities: { drop: [ALL] }'];
    const rest = [...usual, 'seccompProfile: { type: RuntimeDefault }'].filter(
      (one) => one.split(':')[0] !== field.split(':')[0],
    );
    return `{ kind: Pod, metadata: { name: p }, spec: { containers: [{ name: a, image: i, securityContext: { ${[...rest, field].join(', ')} } }] } }`;
  };
  assert.deepEqual(decide(pod('runAsUser: 1000'), 'pod-security-restricted'), ['allow']);
  for (const field of wrong) assert.deepEqual(decide(pod(field), 'pod-security-restricted'), ['refuse'], field);
});

test('what is too large or too deep is refused, and quickly (A3)', () => {
  const started = process.cpuUsage();
  assert.throws(() => readDocuments(`kind: Pod\nspec: ${'x'.repeat(5 * 1024 * 1024)}`), /limit is/);
  assert.throws(() => readDocuments('['.repeat(10_000)), /deeper/);
  const placed = (spec: Json) => ({
    ...{ apiVersion: 'v1', kind: 'Pod', name: 'p', namespace: '', line: 1 },
    object: { kind: 'Pod', spec },
  });
  const ports = Array.from({ length: 20_000 }, (_, index) => ({ containerPort: index }));
  const wide = placed({ containers: [{ name: 'a', image: 'i', ports }] });
  assert.equal(judgeDocument(wide, select('pod-security-baseline'), systemClock).verdict.decision, 'refuse');
  const many = placed({ containers: Array.from({ length: 101 }, () => ({ name: 'a', image: 'i' })) });
  assert.throws(
    () => judgeDocument(many, select('pod-security-baseline'), systemClock),
    (error: unknown) => error instanceof Fault && error.code === 'admit.manifest-unreadable',
  );
  const { user } = process.cpuUsage(started);
  assert.ok(user < 2_000_000, `${user / 1000} ms`);
});

/** A pod that the standard restricted accepts in every version, with changes. */
function podWith(change: {
  readonly spec?: Json;
  readonly container?: Json;
  readonly context?: Json;
  readonly annotations?: Json;
}): string {
  const context = {
    ...{ allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
    ...{ seccompProfile: { type: 'RuntimeDefault' } },
    ...(change.context as object | undefined),
  };
  const container = { name: 'a', image: 'i', securityContext: context, ...(change.container as object | undefined) };
  const metadata = { name: 'p', annotations: change.annotations ?? {} };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [container], ...(change.spec as object | undefined) },
  });
}

type Change = Parameters<typeof podWith>[0];
const sysctl = (name: string): Change => ({ spec: { securityContext: { sysctls: [{ name, value: '1' }] } } });
const volume = (source: Json): Change => ({ spec: { volumes: [{ name: 'v', ...(source as object) }] } });
const windows = (context: Json): Change => ({
  ...{ context: { seccompProfile: null, allowPrivilegeEscalation: null, capabilities: null, ...(context as object) } },
  spec: { os: { name: 'windows' } },
});
const NEVER = 'never';

/**
 * What pods may ask for, and from which version of each standard on; `!` before a version: up to before it, `|`: or. Facts: the versioned
 * checks of kubernetes/pod-security-admission (1.37).
 */
const STANDARD: readonly (readonly [what: string, change: Change, baseline: string, restricted: string])[] = [
  ['nothing', {}, '1.0', '1.0'],
  [
    'null everywhere',
    {
      context: { privileged: null, procMount: null, seLinuxOptions: null },
      spec: { volumes: null, hostNetwork: null, securityContext: null },
    },
    '1.0',
    '1.0',
  ],
  [
    'empty lists',
    { spec: { volumes: [], initContainers: [], ephemeralContainers: [] }, container: { ports: [], env: [] } },
    '1.0',
    '1.0',
  ],
  ['a host namespace', { spec: { hostPID: true } }, NEVER, NEVER],
  ['privileged', { context: { privileged: true } }, NEVER, NEVER],
  ['a usual capability', { context: { capabilities: { drop: ['ALL'], add: ['CHOWN'] } } }, '1.0', '!1.22'],
  ['NET_BIND_SERVICE', { context: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } } }, '1.0', '1.0'],
  ['NET_RAW', { context: { capabilities: { drop: ['ALL'], add: ['NET_RAW'] } } }, NEVER, NEVER],
  ['a capability in the wrong case', { context: { capabilities: { drop: ['ALL'], add: ['chown'] } } }, NEVER, NEVER],
  ['a capability with its prefix', { context: { capabilities: { drop: ['ALL'], add: ['CAP_CHOWN'] } } }, NEVER, NEVER],
  ['capabilities kept', { context: { capabilities: { drop: ['NET_RAW'] } } }, '1.0', '!1.22'],
  ['drop all in lower case', { context: { capabilities: { drop: ['all'] } } }, '1.0', '!1.22'],
  ['a folder of the host', volume({ hostPath: { path: '/' } }), NEVER, NEVER],
  ['a folder of the host that says nothing', volume({ hostPath: {} }), NEVER, NEVER],
  ['a volume of two kinds', volume({ emptyDir: {}, hostPath: { path: '/' } }), NEVER, NEVER],
  ['a volume with a name only', volume({}), '1.0', '1.0'],
  ['NFS', volume({ nfs: { server: 's', path: '/' } }), '1.0', NEVER],
  ['an image as volume', volume({ image: { reference: 'i' } }), '1.0', '1.0'],
  ['a claim', volume({ persistentVolumeClaim: { claimName: 'c' } }), '1.0', '1.0'],
  ['a port of the host', { container: { ports: [{ containerPort: 1, hostPort: 80 }] } }, NEVER, NEVER],
  ['port 0 of the host', { container: { ports: [{ containerPort: 1, hostPort: 0 }] } }, '1.0', '1.0'],
  ['a probe of another host', { container: { livenessProbe: { httpGet: { host: 'h', port: 1 } } } }, '!1.34', '!1.34'],
  [
    'a probe by TCP of another host',
    { container: { startupProbe: { tcpSocket: { host: 'h', port: 1 } } } },
    '!1.34',
    '!1.34',
  ],
  [
    'a hook to another host',
    { container: { lifecycle: { preStop: { httpGet: { host: 'h', port: 1 } } } } },
    '!1.34',
    '!1.34',
  ],
  ['a probe with an empty host', { container: { readinessProbe: { httpGet: { host: '', port: 1 } } } }, '1.0', '1.0'],
  ['/proc uncovered', { context: { procMount: 'Unmasked' } }, NEVER, NEVER],
  [
    '/proc uncovered in a user namespace',
    { context: { procMount: 'Unmasked' }, spec: { hostUsers: false } },
    '1.35',
    NEVER,
  ],
  ['/proc as usual', { context: { procMount: 'Default' } }, '1.0', '1.0'],
  ['an SELinux type', { context: { seLinuxOptions: { type: 'container_init_t', level: 's0' } } }, '1.0', '1.0'],
  ['the SELinux type of engines', { context: { seLinuxOptions: { type: 'container_engine_t' } } }, '1.31', '1.31'],
  ['another SELinux type', { spec: { securityContext: { seLinuxOptions: { type: 'spc_t' } } } }, NEVER, NEVER],
  ['an SELinux user', { context: { seLinuxOptions: { user: 'u' } } }, NEVER, NEVER],
  ['seccomp off', { context: { seccompProfile: { type: 'Unconfined' } } }, '!1.19', '!1.19'],
  [
    'seccomp off for the pod',
    { spec: { securityContext: { seccompProfile: { type: 'Unconfined' } } } },
    '!1.19',
    '!1.19',
  ],
  ['seccomp unsaid', { context: { seccompProfile: null } }, '1.0', '!1.19'],
  [
    'seccomp said by the pod',
    {
      context: { seccompProfile: null },
      spec: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'x' } } },
    },
    '1.0',
    '1.0',
  ],
  [
    'seccomp off by annotation',
    { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' } },
    '1.19',
    '1.19',
  ],
  [
    'seccomp off by annotation of a container',
    { annotations: { 'container.seccomp.security.alpha.kubernetes.io/a': 'unconfined' } },
    '1.19',
    '1.19',
  ],
  [
    'an annotation of no container',
    { annotations: { 'container.seccomp.security.alpha.kubernetes.io/b': 'unconfined' } },
    '1.0',
    '1.0',
  ],
  ['AppArmor off', { context: { appArmorProfile: { type: 'Unconfined' } } }, NEVER, NEVER],
  [
    'AppArmor off by annotation',
    { annotations: { 'container.apparmor.security.beta.kubernetes.io/a': 'unconfined' } },
    NEVER,
    NEVER,
  ],
  [
    'an AppArmor profile by annotation',
    { annotations: { 'container.apparmor.security.beta.kubernetes.io/a': 'localhost/x' } },
    '1.0',
    '1.0',
  ],
  ['a safe sysctl', sysctl('kernel.shm_rmid_forced'), '1.0', '1.0'],
  ['a sysctl of 1.27', sysctl('net.ipv4.ip_local_reserved_ports'), '1.27', '1.27'],
  ['a sysctl of 1.29', sysctl('net.ipv4.tcp_fin_timeout'), '1.29', '1.29'],
  ['a sysctl of 1.32', sysctl('net.ipv4.tcp_rmem'), '1.32', '1.32'],
  ['a sysctl of 1.37', sysctl('net.ipv4.tcp_notsent_lowat'), '1.37', '1.37'],
  ['another sysctl', sysctl('kernel.core_pattern'), NEVER, NEVER],
  ['a HostProcess', { context: { windowsOptions: { hostProcess: true } } }, NEVER, NEVER],
  ['privileges gained', { context: { allowPrivilegeEscalation: true } }, '1.0', '!1.8'],
  ['privileges unsaid', { context: { allowPrivilegeEscalation: null } }, '1.0', '!1.8'],
  ['root not ruled out', { context: { runAsNonRoot: null } }, '1.0', NEVER],
  [
    'root ruled out by the pod',
    { context: { runAsNonRoot: null }, spec: { securityContext: { runAsNonRoot: true } } },
    '1.0',
    '1.0',
  ],
  ['root allowed by the pod', { spec: { securityContext: { runAsNonRoot: false } } }, '1.0', NEVER],
  [
    'root in a user namespace',
    { context: { runAsNonRoot: false, runAsUser: 0 }, spec: { hostUsers: false } },
    '1.0',
    '1.35',
  ],
  ['root in the namespace of the host', { context: { runAsNonRoot: false }, spec: { hostUsers: true } }, '1.0', NEVER],
  ['user 0', { context: { runAsUser: 0 } }, '1.0', '!1.23'],
  ['user 0 of the pod', { spec: { securityContext: { runAsUser: 0 } } }, '1.0', '!1.23'],
  ['Windows with nothing of Linux', windows({}), '1.0', '!1.8|1.25'],
  ['Windows, but root', windows({ runAsNonRoot: null }), '1.0', NEVER],
];

test('the Pod Security Standards say of every version what Kubernetes says, wherever the container stands', () => {
  // Those at which a check changes, and their neighbours.
  const versions = [0, 7, 8, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37];
  const isIn = (ranges: string, minor: number): boolean =>
    ranges.split('|').some((from) => {
      if (from === NEVER) return false;
      const limit = Number(from.replace(/^!?1\./, ''));
      return from.startsWith('!') ? minor < limit : minor >= limit;
    });
  const wrong: string[] = [];
  for (const [what, change, baseline, restricted] of STANDARD) {
    const pod = JSON.parse(podWith(change)) as { spec: Record<string, Json> };
    const good = (JSON.parse(podWith({})) as { spec: { containers: Json[] } }).spec.containers;
    const own = pod.spec['containers'] ?? null;
    const isOfPod = change.container === undefined && change.context === undefined;
    const lists = isOfPod ? ['containers'] : ['containers', 'initContainers', 'ephemeralContainers'];
    for (const list of lists) {
      const spec = { ...pod.spec, containers: good, [list]: own };
      // The good container is of the same system: of Windows it has to say as little.
      if (list !== 'containers' && what.startsWith('Windows')) continue;
      const [document] = readDocuments(JSON.stringify({ ...pod, spec }));
      assert.ok(document);
      for (const minor of versions) {
        for (const [level, from] of [
          ['baseline', baseline],
          ['restricted', restricted],
        ] as const) {
          const { decision } = judgeDocument(document, select(`pod-security-${level}@1.${minor}`), systemClock).verdict;
          const wanted = isIn(from, minor) ? 'allow' : 'refuse';
          if (decision !== wanted) wrong.push(`${what} in ${list}, ${level}@1.${minor}: ${decision}`);
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
});

const ADMISSION_POLICY = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: replicas.example.com }
spec:
  failurePolicy: Fail
  paramKind: { apiVersion: v1, kind: ConfigMap }
  matchConstraints:
    resourceRules:
      - { apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments] }
    objectSelector: { matchExpressions: [{ key: tier, operator: NotIn, values: [test] }] }
  matchConditions:
    - { name: not-system, expression: "!object.metadata.name.startsWith('system-')" }
  variables:
    - { name: containers, expression: object.spec.template.spec.containers }
    - { name: images, expression: "variables.containers.map(c, c.image)" }
    - { name: unused, expression: object.spec.nowhere.atAll }
  validations:
    - expression: object.spec.replicas <= int(params.data.most)
      messageExpression: "'at most ' + params.data.most + ' replicas, got ' + string(object.spec.replicas)"
    - expression: variables.images.all(i, i.matches('^registry[.]example/'))
      message: images come from registry.example
    - expression: >-
        variables.containers.all(c, !has(c.resources) || quantity(c.resources.limits.memory).isLessThan(quantity('1Gi')))
    - expression: "sets.contains(['a', 'b'], variables.containers.map(c, c.name)) && cidr('10.0.0.0/8').containsIP('10.1.2.3')"
  auditAnnotations: [{ key: replicas, valueExpression: "string(object.spec.replicas)" }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: replicas }
spec: { policyName: replicas.example.com, validationActions: [Deny], paramRef: { name: limits, parameterNotFoundAction: Deny } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: limits }
data: { most: "3" }
`;

test('a ValidatingAdmissionPolicy loads as it is and says what Kubernetes would', () => {
  const policy = readPolicy(ADMISSION_POLICY, 'vap.yaml');
  const container = { name: 'a', image: 'registry.example/a:1', resources: { limits: { memory: '512Mi' } } };
  const deployment = (changes: Record<string, Json>, containers: Json = [container]): string =>
    JSON.stringify({
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
      spec: { replicas: 2, template: { spec: { containers } } },
      ...changes,
    });
  const say = (text: string, one = policy) =>
    readDocuments(text).map((document) => judgeDocument(document, one, systemClock).verdict)[0];
  assert.equal(say(deployment({}))?.decision, 'allow');
  const many = deployment({ spec: { replicas: 9, template: { spec: { containers: [container] } } } });
  assert.deepEqual(
    say(many)?.reasons.map(({ message }) => message.en),
    ['at most 3 replicas, got 9'],
  );
  const refusals: Json[] = [
    { ...container, image: 'docker.io/a' },
    { ...container, resources: { limits: { memory: '2Gi' } } },
    { ...container, name: 'c' },
    { ...container, resources: {} },
  ];
  for (const bad of refusals) assert.equal(say(deployment({}, [bad]))?.decision, 'refuse', JSON.stringify(bad));
  // What it does not speak of: another kind, another label, a condition that does not hold.
  assert.equal(say(many.replace('"Deployment"', '"StatefulSet"'))?.decision, 'allow');
  assert.equal(say(many.replace('"name":"web"', '"name":"web","labels":{"tier":"test"}'))?.decision, 'allow');
  assert.equal(say(many.replace('"name":"web"', '"name":"system-web"'))?.decision, 'allow');
  const limitless = readPolicy(ADMISSION_POLICY.replace('kind: ConfigMap }', 'kind: Limits }'), 'vap.yaml');
  assert.match(say(deployment({}), limitless)?.reasons[0]?.message.en ?? '', /not in the file: Limits limits/);
  const audited = readPolicy(ADMISSION_POLICY.replace('[Deny], paramRef', '[Audit], paramRef'), 'vap.yaml');
  assert.equal(say(many, audited)?.decision, 'warn');
  for (const [from, to] of [
    ['object.spec.replicas <=', 'authorizer.group("").check() ||'],
    ['variables.images.all(', 'variables.images.every('],
  ] as const) {
    assert.throws(() => readPolicy(ADMISSION_POLICY.replace(from, to), 'vap.yaml'), Fault, to);
  }
});

// The outside judges below are data that nobody here wrote; without them the tests say so and do nothing.
const data = process.env['DARSENA_TEST_DATA'];
const skip = data === undefined ? 'DARSENA_TEST_DATA is not set: the cases are not here' : false;

test('the Pod Security Standards of 1.30 say what Kubernetes says, of all cases', { skip }, () => {
  const rows = rowsOf<{ level: string; expect: string; name: string; manifest: string }>(
    data ?? '',
    'pod-security-standards-v1.30.ndjson.gz',
  );
  assert.equal(rows.length, 128);
  for (const { level, expect, name, manifest } of rows) {
    const wanted = expect === 'pass' ? 'allow' : 'refuse';
    assert.deepEqual(decide(manifest, `pod-security-${level}@1.30`), [wanted], `${level} ${name}`);
  }
});

interface KyvernoTest {
  readonly test: string;
  readonly resources: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly results: readonly {
    readonly policy: string;
    readonly rule: string;
    readonly kind?: string;
    readonly resources: readonly string[];
    readonly result: string;
    readonly patchedResources?: string;
    readonly generatedResource?: string;
  }[];
}

test('the equals of the Kyverno policies say what those say, of all resources', { skip }, () => {
  let results = 0;
  for (const row of rowsOf<KyvernoTest>(data ?? '', 'kyverno-tests.ndjson.gz')) {
    const documents = row.resources.flatMap((file) => readDocuments(row.files[file] ?? ''));
    for (const expected of row.results) {
      for (const resource of expected.resources) {
        const name = resource.split('/').at(-1);
        const document = documents.find((one) => one.name === name && one.kind === (expected.kind ?? one.kind));
        assert.ok(document, `${row.test} ${resource}`);
        const { outcomes } = judgeDocument(document, select(expected.policy), systemClock);
        const rule = expected.rule.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('--', '-');
        const named = outcomes.filter((outcome) => outcome.rule?.id === rule);
        // One rule of Kyverno can be a whole standard; then all of ours speak.
        const said = named.length === 0 ? outcomes : named;
        const isWhole = /^(?:baseline|restricted)/.test(expected.rule);
        assert.ok(named.length > 0 || isWhole, `${expected.policy} has no rule ${rule}`);
        const words = new Set(said.map(({ result }) => result));
        const got = words.has('fail') || words.has('error') ? 'fail' : words.has('pass') ? 'pass' : 'skip';
        assert.equal(got, expected.result, `${expected.policy} ${expected.rule} ${resource}`);
        const completion = said.find((one) => one.completion !== null)?.completion ?? null;
        const made = expected.generatedResource ?? expected.patchedResources;
        if (made !== undefined) {
          const [wanted] = readDocuments(row.files[made] ?? '');
          assert.ok(isPartOf(completion, wanted?.object ?? null), `${expected.policy} ${expected.rule} makes ${made}`);
        }
        results += 1;
      }
    }
  }
  assert.equal(results, 1025);
});

/** Whether everything in `part` is in `whole`. */
function isPartOf(part: Json, whole: Json): boolean {
  if (typeof part !== 'object' || part === null) return part === whole;
  if (typeof whole !== 'object' || whole === null || Array.isArray(part) !== Array.isArray(whole)) return false;
  const inside: Readonly<Record<string, Json>> = { ...whole } as Record<string, Json>;
  return Object.entries(part).every(([name, value]) => isPartOf(value, inside[name] ?? null));
}
