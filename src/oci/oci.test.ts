import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, formatReference, MEDIA_TYPE, parseDigest, parseManifest, parseReference } from './index.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const descriptor = { mediaType: MEDIA_TYPE.config, digest, size: 2 };
const image = { schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, config: descriptor, layers: [descriptor] };

test('parseReference() reads and writes every form', () => {
  for (const [text, registry, repository, tag, by] of [
    ['tienda/web', null, 'tienda/web', null, null],
    ['tienda/web:1.2', null, 'tienda/web', '1.2', null],
    [`tienda/web@${digest}`, null, 'tienda/web', null, digest],
    [`localhost:5000/a/b:t@${digest}`, 'localhost:5000', 'a/b', 't', digest],
    ['registry.darsena.internal/base/debian-12', 'registry.darsena.internal', 'base/debian-12', null, null],
  ] as const) {
    assert.deepEqual(parseReference(text), { registry, repository, tag, digest: by });
    assert.equal(formatReference(parseReference(text)), text);
  }
});

test('parseReference() refuses names that could leave their place or mean something else', () => {
  for (const text of [
    '',
    'A/b',
    '../a',
    'a/../b',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:b c',
    'a@sha256:1',
    'a b',
    `a/${'b'.repeat(300)}`,
    '-a',
    'host.x:99999999/a',
  ]) {
    assert.throws(() => parseReference(text), { code: 'oci.reference-invalid' }, text);
  }
});

test('parseDigest() accepts the registered algorithms in lower case only', () => {
  assert.equal(parseDigest(digest), digest);
  assert.equal(digestOf(Buffer.from('')), 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  for (const text of [
    `sha256:${'A'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    'sha256:aa',
    `${digest}\n`,
    `${digest}/..`,
  ]) {
    assert.throws(() => parseDigest(text), { code: 'oci.digest-invalid' }, text);
  }
});

test('parseManifest() reads an image, an index and an artifact', () => {
  assert.equal(parseManifest(bytes(image), MEDIA_TYPE.manifest).kind, 'manifest');
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [{ ...descriptor, platform: { architecture: 'amd64', os: 'linux' } }],
  };
  assert.equal(parseManifest(bytes(index), MEDIA_TYPE.index).kind, 'index');
  const artifact = parseManifest(bytes({ ...image, artifactType: 'a/b', subject: descriptor }));
  assert.equal(artifact.subject?.digest, digest);
});

test('parseManifest() refuses a body with two meanings (CVE-2021-41190)', () => {
  for (const [name, body, type] of [
    ['manifests and layers', { ...image, manifests: [] }, MEDIA_TYPE.manifest],
    ['another Content-Type', image, MEDIA_TYPE.index],
    [
      'duplicate keys',
      `{"schemaVersion":2,"schemaVersion":2,"mediaType":"${MEDIA_TYPE.manifest}","config":${JSON.stringify(descriptor)},"layers":[]}`,
      undefined,
    ],
    ['byte-order mark', `\ufeff${JSON.stringify(image)}`, undefined],
    ['trailing bytes', `${JSON.stringify(image)}x`, undefined],
    ['size of 2^53', { ...image, config: { ...descriptor, size: 2 ** 53 } }, undefined],
    ['negative size', { ...image, config: { ...descriptor, size: -1 } }, undefined],
    ['digest in upper case', { ...image, config: { ...descriptor, digest: digest.toUpperCase() } }, undefined],
    ['schema 1', { ...image, schemaVersion: 1 }, undefined],
    ['no layers', { schemaVersion: 2, config: descriptor }, undefined],
  ] as const) {
    assert.throws(() => parseManifest(bytes(body), type), { code: 'oci.manifest-invalid' }, name);
  }
});
