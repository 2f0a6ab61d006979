import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests } from './manifests.ts';

const valuesOf = (text: string): unknown[] => parseManifests(text).objects.map(({ value }) => value);

test('JSON is read as kubectl reads it: one value after another, indented by tabs or not', () => {
  const one = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } };
  const two = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'b', note: 'a\tb {} "q"' } };
  for (const gap of ['', '\n', ' ', '\n---\n', '\r\n\r\n']) {
    assert.deepEqual(valuesOf(`${JSON.stringify(one)}${gap}${JSON.stringify(two, null, '\t')}`), [one, two], gap);
  }
  assert.deepEqual(valuesOf(`\ufeff${JSON.stringify(two, null, '\t')}\n`), [two]);
  const { objects } = parseManifests(`${JSON.stringify(one)}\n\n  ${JSON.stringify(two, null, 2)}`);
  assert.deepEqual(objects[1]?.locate(['metadata', 'name']), { line: 7, column: 5 });
  assert.deepEqual(objects[1]?.position, { line: 3, column: 3 });
});

test('JSON that is cut or followed by something else is an error with its place', () => {
  for (const text of ['{"a": 1}{"b": ', '{"a": 1} x', '{"a": 1,,}\n{"b": 2}'])
    assert.throws(() => parseManifests(text), { code: 'yaml.syntax' }, text);
  assert.throws(() => parseManifests('{}'.repeat(501)), { code: 'yaml.document-limit' });
});

test('the items of a List, and of what the API answers for many, are objects of their own', () => {
  const pods = {
    apiVersion: 'v1',
    kind: 'PodList',
    metadata: { resourceVersion: '1' },
    items: [{ metadata: { name: 'a' } }, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'b' } }],
  };
  const a = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } };
  const b = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'b' } };
  assert.deepEqual(valuesOf(JSON.stringify(pods)), [a, b]);
  assert.deepEqual(valuesOf(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [pods, b] })), [a, b, b]);
  const sets = { apiVersion: 'apps/v1', kind: 'DeploymentList', items: [{ metadata: { name: 'w' } }] };
  assert.deepEqual(valuesOf(JSON.stringify(sets)), [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'w' } },
  ]);
  assert.deepEqual(valuesOf('apiVersion: v1\nkind: List\nitems: []\n'), []);
  // A kind of somebody that has items and is no list.
  const menu = { apiVersion: 'x.io/v1', kind: 'Menu', items: [1] };
  assert.deepEqual(valuesOf(JSON.stringify(menu)), [menu]);
});

test('lists within lists and millions of brackets end in time', () => {
  let nested: unknown = { kind: 'Pod' };
  for (let depth = 0; depth < 10; depth++) nested = { kind: 'List', items: [nested] };
  assert.equal(parseManifests(JSON.stringify(nested)).objects.length, 1);
  assert.throws(() => parseManifests('{"a":'.repeat(150_000)), { name: 'FormatError' });
  assert.throws(() => parseManifests('{"'.repeat(300_000)), { name: 'FormatError' });
});
