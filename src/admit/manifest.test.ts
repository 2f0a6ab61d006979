import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Fault, systemClock } from '../system/index.ts';
import { PRESETS_FOLDER, readPolicies } from './index.ts';
import { findWorkloads, judgeManifest } from './manifest.ts';

const prod = (await readPolicies(PRESETS_FOLDER)).find((policy) => policy.name === 'prod');

function rulesOf(text: string): string[] {
  assert.ok(prod);
  return findWorkloads(text).flatMap((workload) =>
    judgeManifest(workload, prod, systemClock).reasons.map((reason) => `${workload.name} ${reason.rule}`),
  );
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
    findWorkloads(text).map(({ kind, name, line }) => `${kind} ${name} ${line}`),
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

// The outside judge: Pods of the Kubernetes Pod Security Standards that "baseline" forbids. Our rules are fewer, so this
// only holds what both speak of; the rest is told.
test('what the baseline standard forbids and prod has a rule for is refused', (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  if (data === undefined) return t.skip('DARSENA_TEST_DATA is not set: the Pod Security Standards are not here');
  const file = join(data, 'posture/pod-security-standards-v1.30.ndjson.gz');
  const rows = gunzipSync(readFileSync(file))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const shared = new Set([
    'privileged',
    'host-namespaces',
    'host-path',
    'host-port',
    'added-capabilities',
    'seccomp-unconfined',
  ]);
  const counts = { pass: 0, passWithout: 0, fail: 0, failWith: 0 };
  const missed: string[] = [];
  for (const row of rows) {
    if (row.level !== 'baseline') continue;
    const hits = rulesOf(row.manifest).filter((rule) => shared.has(rule.split(' ')[1] ?? ''));
    if (row.expect === 'pass') {
      counts.pass += 1;
      if (hits.length === 0) counts.passWithout += 1;
    } else {
      counts.fail += 1;
      if (hits.length > 0) counts.failWith += 1;
      else missed.push(row.name ?? row.path ?? '?');
    }
  }
  t.diagnostic(
    `refused ${counts.failWith} of ${counts.fail} that baseline forbids; no such rule spoke in ${counts.passWithout} of ${counts.pass} that it allows`,
  );
  t.diagnostic(`without a rule here: ${missed.join(', ')}`);
  assert.ok(counts.failWith > 0);
});
