import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { packTar, type TarInput } from '../formats/index.ts';
import { type Digest, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { ANALYSERS } from './analysers/index.ts';
import type { LocalImage } from './archive.ts';
import { inventoryOf, mergeNames } from './inventory.ts';
import { analyseLayer, decodeLayerResult, encodeLayerResult, type LayerResult } from './layer.ts';
import type { Inventory } from './package.ts';

/** A layer for tests: its bytes as stored, and what the image says of it. */
export interface TestLayer {
  readonly bytes: Uint8Array;
  readonly diffId: Digest;
}

export async function packLayer(
  entries: readonly TarInput[],
  compress: (tar: Uint8Array) => Uint8Array = (tar) => gzipSync(tar),
): Promise<TestLayer> {
  const parts: Uint8Array[] = [];
  for await (const part of packTar(entries)) parts.push(part);
  return wrapLayer(Buffer.concat(parts), compress);
}

export function wrapLayer(
  tar: Uint8Array,
  compress: (tar: Uint8Array) => Uint8Array = (bytes) => gzipSync(bytes),
): TestLayer {
  return { bytes: compress(tar), diffId: digestOf(tar) };
}

/** An image of layers. `change` lies in the manifest or puts other bytes in place, after everything was digested. */
export function imageOf(
  layers: readonly TestLayer[],
  change: { diffIds?: readonly string[]; stored?: (digest: Digest, bytes: Uint8Array) => Uint8Array } = {},
): LocalImage {
  const diffIds = change.diffIds ?? layers.map(({ diffId }) => diffId);
  const configBytes = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const descriptors = layers.map(({ bytes }) => ({
    mediaType: MEDIA_TYPE.layerGzip,
    digest: digestOf(bytes),
    size: bytes.length,
  }));
  const manifestBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(configBytes), size: configBytes.length },
      layers: descriptors,
    }),
  );
  const stored = new Map<string, Uint8Array>();
  for (const { bytes } of layers) {
    const digest = digestOf(bytes);
    stored.set(digest, change.stored?.(digest, bytes) ?? bytes);
  }
  async function* open(digest: Digest): AsyncGenerator<Uint8Array> {
    const bytes = stored.get(digest);
    if (!bytes) throw new Error(`${digest} is not there`);
    for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
  }
  return { manifestBytes, manifestDigest: digestOf(manifestBytes), configBytes, content: { open } };
}

export const BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';

export function dpkgStatus(packages: Readonly<Record<string, string>>): string {
  return Object.entries(packages)
    .map(
      ([name, version]) => `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`,
    )
    .join('\n');
}

export function npmManifest(name: string, version: string): TarInput {
  return {
    path: `app/node_modules/${name}/package.json`,
    content: Buffer.from(JSON.stringify({ name, version, license: 'MIT' })),
  };
}

/** The same reading and merging without the confined process around it: many images in little time. */
export async function mergeHere(layers: readonly TestLayer[], workingDir = ''): Promise<Inventory> {
  const results = await Promise.all(layers.map(readHere));
  return inventoryOf(results, ANALYSERS, mergeNames(results), workingDir);
}

/** What reading a layer tells, as it comes back from where it is kept. */
export async function readHere({ bytes, diffId }: TestLayer): Promise<LayerResult> {
  const claim = { digest: digestOf(bytes), diffId, sizeBytes: bytes.length };
  const limits = { maxBytes: 2 ** 30, maxEntries: 1000 };
  const result = await analyseLayer(Readable.from([bytes]), claim, ANALYSERS, limits);
  return decodeLayerResult(encodeLayerResult(result));
}
