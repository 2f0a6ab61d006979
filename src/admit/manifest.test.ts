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
    ['Pod p 5', 'CronJob cj 7', 'DaemonSet ds 7'],
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
  const audited = readPolicy(ADMISSION_POLICY.replace('[Deny], paramRef', '[Audit], paramRef'), 'vap.yaml');
  assert.equal(say(many, audited)?.decision, 'warn');
  for (const [from, to] of [
    ['object.spec.replicas <=', 'authorizer.group("").check() ||'],
    ['kind: ConfigMap }', 'kind: Limits }'],
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
