import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type DiffLine, diffLines } from '../system/index.ts';
import { type ComparedRelease, compareReleases } from './comparison.ts';
import type { Environment, Release } from './deployments.ts';

const PROJECT = `project: tienda
images: {}
manifests: [k]
environments:
  dev: { policy: dev, class: development }
  prod:
    policy: prod
    class: production
    approvals: 1
    overlays:
      - { kind: Deployment, name: web, merge: { spec: { replicas: 3 } } }
`;

const MANIFEST = (color: string, secret: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  template: { spec: { containers: [{ name: web, image: tienda/web }] } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { color: ${color}, size: big }
---
apiVersion: v1
kind: Secret
metadata:
  name: keys
  annotations: { kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"token":"${secret}"}}' }
stringData: { token: ${secret} }
`;

function side(environment: Environment, number: number, digest: string, manifest: string): ComparedRelease {
  const container = { name: 'web', image: `registry.darsena.internal/tienda/web@sha256:${digest.repeat(64)}` };
  const workload = { key: { name: 'web' }, replicas: environment.name === 'prod' ? 3 : 1 };
  return {
    environment,
    release: { id: `r${number}`, number, state: 'available', createdAt: '', createdBy: 'user:ana' } as Release,
    source: { projectFile: PROJECT, manifests: [{ path: 'k/a.yaml', text: manifest }] },
    composition: {
      workloads: [{ ...workload, pod: { initContainers: [], containers: [container] } }],
    } as unknown as ComparedRelease['composition'],
  };
}

const DEV: Environment = { name: 'dev', class: 'development', policy: 'dev', approvals: 0 };
const PROD: Environment = { name: 'prod', class: 'production', policy: 'prod', approvals: 1 };
const mark = (value: string): string => createHash('sha256').update(value).digest('hex').slice(0, 8);

test('two environments differ by images, replicas, keys of settings and policy, and no Secret is told', () => {
  const from = side(DEV, 7, 'a', MANIFEST('red', 'hunter2'));
  const to = side(PROD, 2, 'b', MANIFEST('blue', 'hunter3'));
  const found = compareReleases(from, to, mark);
  assert.deepEqual(
    [found.from.policy, found.to.policy, found.to.approvals, found.from.release.number],
    ['dev', 'prod', 1, 7],
  );
  assert.deepEqual(
    found.workloads.map(({ name, state, from: a, to: b }) => [name, state, a?.replicas, b?.replicas]),
    [['web', 'differs', 1, 3]],
  );
  assert.deepEqual(found.settings, [
    { kind: 'ConfigMap', name: 'settings', key: 'color', state: 'differs' },
    { kind: 'Secret', name: 'keys', key: 'token', state: 'differs' },
  ]);
  const deployment = found.documents.find(({ kind }) => kind === 'Deployment');
  const said = (op: DiffLine['op']) =>
    deployment?.lines.filter((line) => line.op === op).map(({ text }) => text.trim()) ?? [];
  assert.deepEqual(said('-')[0], 'replicas: 1');
  assert.deepEqual(said('+')[0], 'replicas: 3');
  assert.ok(said('+').some((text) => text.includes(`@sha256:${'b'.repeat(64)}`)));
  assert.ok(!JSON.stringify(found).includes('hunter'));
  const same = compareReleases(from, from, mark);
  assert.deepEqual([same.documents, same.settings, same.same, same.workloads[0]?.state], [[], [], 3, 'same']);
});

test('a comparison of lines gives both texts back, is the shortest for small changes, and is bounded', () => {
  const texts = [
    '',
    'a\n',
    'a\nb\nc\n',
    'b\nc\nd\n',
    'x\nb\ny\nc\n',
    Array.from({ length: 40 }, (_, i) => `${i}\n`).join(''),
  ];
  const restore = (lines: readonly DiffLine[], op: '-' | '+', whole: string): string => {
    const source = whole.split('\n');
    let at = 0;
    const out = lines.flatMap((one) => {
      if (one.op === '@') {
        const skipped = source.slice(at, at + Number(one.text));
        at += Number(one.text);
        return skipped;
      }
      if (one.op !== ' ' && one.op !== op) return [];
      at += 1;
      return [one.text];
    });
    return out.length === 0 ? '' : `${out.join('\n')}\n`;
  };
  for (const a of texts) {
    for (const b of texts) {
      const lines = diffLines(a, b);
      if (a === b) assert.deepEqual(lines, []);
      else assert.deepEqual([restore(lines, '-', a), restore(lines, '+', b)], [a, b]);
    }
  }
  assert.deepEqual(
    diffLines('a\nb\nc\n', 'a\nx\nc\n').map(({ op, text }) => op + text),
    [' a', '-b', '+x', ' c'],
  );
  const budget = { changes: 3 };
  assert.equal(diffLines('a\nb\n', 'a\nc\n', budget).length, 3);
  assert.deepEqual(
    diffLines('a\nb\n', 'a\nc\n', budget).map(({ op, text }) => op + text),
    ['-a', '-b', '+a', '+c'],
    'what is left of it is too little for the shortest way',
  );
  assert.deepEqual(diffLines('a\n', 'a\n', budget), []);
  const long = (word: string): string => Array.from({ length: 6_000 }, (_, i) => `${word}${i}\n`).join('');
  assert.equal(diffLines(long('a'), long('b')).length, 12_000);
});
