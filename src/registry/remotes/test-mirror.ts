import { randomBytes } from 'node:crypto';
import { createVault } from '../../access/index.ts';
import { type Digest, digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { Operations } from '../../progress/index.ts';
import { type Clock, silentLog, systemClock } from '../../system/index.ts';
import { SECRET, startTestRegistry, type TestRegistry } from '../test-registry.ts';
import { Mirrors } from './mirrors.ts';
import { Remotes } from './remotes.ts';
import type { RemoteDatabase } from './store.ts';

/** A registry that may talk to others, as control wires it. */
export interface TestMirror extends TestRegistry {
  readonly remotes: Remotes;
  readonly mirrors: Mirrors;
  readonly operations: Operations;
}

export async function startTestMirror(
  options: Parameters<typeof startTestRegistry>[0] & { readonly clock?: Clock } = {},
): Promise<TestMirror> {
  const server = await startTestRegistry(options);
  const { registry, journal } = server;
  const clock = options.clock ?? systemClock;
  const db = registry.db as unknown as RemoteDatabase;
  const operations = new Operations({ db: registry.db as never, clock, log: silentLog });
  const vault = createVault(randomBytes(32));
  const remotes = new Remotes({ db, journal, vault, clock, instance: registry.instanceId });
  const mirrors = new Mirrors({ db, journal, operations, registry, remotes, clock, log: silentLog });
  await mirrors.open();
  registry.useUpstream(mirrors);
  const { close } = server;
  return Object.assign(server, {
    remotes,
    mirrors,
    operations,
    close: async () => {
      await remotes.close();
      await close();
    },
  });
}

/** Lets a registry of tests ask another one. */
export async function connect(to: TestMirror, name: string, from: TestRegistry): Promise<void> {
  await to.remotes.create(
    name,
    { url: from.url, credentials: { name: 'root', secret: SECRET }, networks: ['127.0.0.0/8'] },
    'user:root',
  );
}

export function descriptorOf(
  bytes: Uint8Array,
  mediaType: string,
): { mediaType: string; digest: Digest; size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** Puts an image of its own into a registry; the same `text` gives the same digest. */
export async function putImage(
  { registry }: TestRegistry,
  repository: string,
  tag: string | null,
  text: string,
  extra: object = {},
): Promise<Digest> {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', text }));
  const layer = Buffer.from(`layer of ${text}`.repeat(100));
  for (const bytes of [config, layer]) await registry.putBlob(repository, bytes, digestOf(bytes));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: descriptorOf(config, MEDIA_TYPE.config),
      layers: [descriptorOf(layer, MEDIA_TYPE.layer)],
      ...extra,
    }),
  );
  return registry.putManifest(repository, manifest, MEDIA_TYPE.manifest, tag === null ? {} : { tag });
}

/** A signature, SBOM or the like that refers to a digest. */
export async function putReferrer(
  { registry }: TestRegistry,
  repository: string,
  subject: { readonly digest: Digest; readonly size: number },
  text: string,
): Promise<Digest> {
  const empty = Buffer.from('{}');
  const layer = Buffer.from(text);
  for (const bytes of [empty, layer]) await registry.putBlob(repository, bytes, digestOf(bytes));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      artifactType: 'application/vnd.example.sbom',
      config: descriptorOf(empty, MEDIA_TYPE.empty),
      layers: [descriptorOf(layer, 'text/plain')],
      subject: { mediaType: MEDIA_TYPE.manifest, ...subject },
    }),
  );
  return registry.putManifest(repository, manifest, MEDIA_TYPE.manifest);
}

/** Puts an index over images that are there. */
export async function putIndex(
  { registry }: TestRegistry,
  repository: string,
  tag: string,
  images: readonly { readonly digest: Digest; readonly platform: string }[],
): Promise<Digest> {
  const manifests = await Promise.all(
    images.map(async ({ digest, platform }) => {
      const stored = await registry.resolve(repository, digest);
      const [os = '', architecture = ''] = platform.split('/');
      return {
        mediaType: MEDIA_TYPE.manifest,
        digest,
        size: stored?.bytes.byteLength ?? 0,
        platform: { os, architecture },
      };
    }),
  );
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }));
  return registry.putManifest(repository, index, MEDIA_TYPE.index, { tag });
}

/** Time that a test moves. */
export class MovedClock implements Clock {
  #movedMs = 0;
  now(): Date {
    return new Date(Date.now() + this.#movedMs);
  }
  monotonicMs(): number {
    return performance.now() + this.#movedMs;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(Math.min(ms, 10), signal);
  }
  move(seconds: number): void {
    this.#movedMs += seconds * 1000;
  }
}
