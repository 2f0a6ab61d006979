import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AdvisoryStore } from '../../advisories/index.ts';
import { packTar } from '../../formats/index.ts';
import { type Descriptor, type Digest, digestOf } from '../../oci/index.ts';
import { type Operations, silentStep } from '../../progress/index.ts';
import type { RematchOutcome } from '../../scan/index.ts';
import { Fault, silentLog, systemClock } from '../../system/index.ts';
import { attest, generateSigningKey, type SigningKey, toReferrer } from '../../trust/index.ts';
import { AdvisoryPublisher, type AdvisoryPublisherParts } from './advisory-artifact.ts';
import { AdvisoryWork } from './advisory-work.ts';

const HOUR = 3_600_000;

test('policies judge what the advisories answer otherwise, and all where that is not known or the advisories got younger', async () => {
  const [one, two] = ['one', 'two'].map((name) => digestOf(Buffer.from(name))) as [Digest, Digest];
  let nowMs = Date.parse('2026-03-01T00:00:00Z');
  let madeMs = nowMs - HOUR;
  let passes: (readonly Digest[] | Error)[] = [];
  const outcomeOf = (answered: readonly Digest[]): RematchOutcome => ({
    ...{ images: 2, changed: [], added: 0, removed: 0 },
    answered,
  });
  const work = new AdvisoryWork({
    store: { sources: async () => [{ ageSeconds: (nowMs - madeMs) / 1000 }] } as unknown as AdvisoryStore,
    scans: {
      countStale: async () => passes.length,
      rematchAll: async () => {
        const pass = passes.shift();
        // Another change comes while this one is worked through.
        if (passes.length > 0) void work.rematch('user:eva');
        if (pass instanceof Error) throw pass;
        return outcomeOf(pass ?? []);
      },
    },
    operations: {
      start: async (_request: unknown, run: (context: object) => Promise<unknown>) => ({
        finished: run({ signal: new AbortController().signal, step: () => silentStep }).then(
          () => ({ state: 'done', problem: null }),
          () => ({ state: 'failed', problem: null }),
        ),
      }),
    } as unknown as Operations,
    ...{ urls: [], pgpKeys: [], maxAgeDays: null, log: silentLog, publisher: { publish: async () => true } },
    clock: { ...systemClock, now: () => new Date(nowMs) },
    record: async () => undefined,
    changed: async () => undefined,
    imagesWith: async function* () {
      yield* [];
    },
  });
  const rematch = async (...wanted: (readonly Digest[] | Error)[]) => {
    passes = wanted;
    const answered = await work.rematch('user:ana');
    return answered && [...answered];
  };
  assert.deepEqual(await rematch(), [], 'nothing is stale');
  assert.deepEqual(await rematch([one], [two, one]), [one, two]);
  assert.equal(await rematch([one], new Error('the disk is full')), null);
  nowMs += 10 * HOUR;
  madeMs = nowMs;
  assert.deepEqual(await rematch([one]), [one]);
  nowMs += 30 * HOUR;
  madeMs = nowMs;
  assert.equal(await rematch([one]), null, 'they were a day old, which a policy may have refused for');
  assert.deepEqual(await rematch([two]), [two]);
});

test('an archive of advisories opens with the key that is named and no other, and with no statement but a signature', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-artifact-'));
  t.after(() => rm(folder, { recursive: true }));
  const [here, there] = [1, 2].map(() => generateSigningKey(Buffer.alloc(32, 1)).key) as [SigningKey, SigningKey];
  const blobs = new Map<string, Uint8Array>();
  const manifests: Descriptor[] = [];
  const registry: ReturnType<AdvisoryPublisherParts['registry']> = {
    putBlob: async (_, content, digest) => {
      const parts: Uint8Array[] = [];
      for await (const part of content instanceof Uint8Array ? [content] : content) parts.push(part);
      blobs.set(digest, Buffer.concat(parts));
    },
    putManifest: async (_, bytes, mediaType) => {
      const digest = digestOf(bytes);
      blobs.set(digest, bytes);
      manifests.push({ mediaType, digest, size: bytes.length });
      return digest;
    },
  };
  const store = {
    snapshot: async (target: string) => {
      await writeFile(target, 'a database');
      return { revision: 'one', importedAt: '2026-03-01T00:00:00Z' };
    },
    adopt: async () => 'taken',
  } as unknown as AdvisoryStore;
  const publisherOf = (key: SigningKey, believedPems: readonly string[] = []): AdvisoryPublisher =>
    new AdvisoryPublisher({ store, registry: () => registry, key, believedPems, folder });
  async function* archiveOf(of: readonly Descriptor[]): AsyncGenerator<Uint8Array> {
    const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: of };
    yield* packTar([
      { path: 'index.json', content: Buffer.from(JSON.stringify(index)) },
      ...[...blobs].map(([digest, content]) => ({ path: `blobs/${digest.replace(':', '/')}`, content })),
    ]);
  }
  const takenBy = async (by: AdvisoryPublisher, keyPem: string | null, of = manifests): Promise<unknown> =>
    by
      .take(archiveOf(of), { force: false, keyPem })
      .catch((error: unknown) => (error instanceof Fault ? error.code : error));

  await publisherOf(here).publish();
  assert.equal(await takenBy(publisherOf(here), null), 'taken');
  assert.equal(await takenBy(publisherOf(there), null), 'advisories.unsigned');
  assert.equal(await takenBy(publisherOf(there, [here.publicKeyPem]), null), 'taken');
  assert.equal(await takenBy(publisherOf(there), here.publicKeyPem), 'taken');
  assert.equal(await takenBy(publisherOf(here, [here.publicKeyPem]), there.publicKeyPem), 'advisories.unsigned');

  // Control states what it found in whatever somebody pushes, with the same key.
  const subject = manifests.at(-1) as Descriptor;
  const stated = { digest: subject.digest, repository: 'platform/advisories' };
  for (const use of ['scan', 'verdict'] as const) {
    const { manifestBytes, mediaType, blobs: parts } = toReferrer(attest(here, use, stated, {}), subject);
    for (const { digest, bytes } of parts) blobs.set(digest, bytes);
    const digest = await registry.putManifest('', manifestBytes, mediaType);
    const statement = { mediaType, digest, size: manifestBytes.length };
    assert.equal(await takenBy(publisherOf(here), null, [subject, statement]), 'advisories.unsigned', use);
  }
});
