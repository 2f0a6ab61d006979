import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstTrigger } from './base-triggers.ts';
import type { RegistryClient, StoredManifest } from './registry-client.ts';

test('what a base has done in whatever is built on it is found in each of its images, and a list in a list hides nothing', async () => {
  const image = (config: string): object => ({ kind: 'manifest', config: { digest: config } });
  const list = (...manifests: string[]): object => ({
    kind: 'index',
    manifests: manifests.map((digest) => ({ digest })),
  });
  const manifests: Readonly<Record<string, object>> = {
    plain: image('plain-config'),
    other: image('other-config'),
    inner: list('other'),
  };
  const configs: Readonly<Record<string, string>> = {
    'plain-config': '{"config":{"OnBuild":null}}',
    'other-config': '{"Config":{"onbuild":["RUN evil"]}}',
  };
  const client = {
    findManifest: async (_: string, digest: string) => {
      const manifest = manifests[digest];
      return manifest === undefined ? null : { manifest };
    },
    readBlob: async (_: string, digest: string) => Buffer.from(configs[digest] ?? '{}'),
  } as unknown as RegistryClient;
  const trigger = (manifest: object | undefined): Promise<string | null> =>
    firstTrigger(client, 'base/a', { manifest } as unknown as StoredManifest);
  assert.equal(await trigger(manifests['plain']), null);
  assert.equal(await trigger(manifests['other']), 'RUN evil');
  assert.equal(await trigger(list('plain', 'missing')), null);
  assert.equal(await trigger(list('plain', 'other')), 'RUN evil');
  assert.equal(await trigger(list('plain', 'inner')), '(a list in a list)');
});
