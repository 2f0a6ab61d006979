import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Fault, type Json, systemClock } from '../system/index.ts';
import { readDocuments, startsPods } from './document.ts';
import { judgeDocument } from './manifest.ts';
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
