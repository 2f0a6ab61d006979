import { createHash, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createZstdCompress } from 'node:zlib';
import { cleanTarPath, FormatError, inflate, readTar, STREAM_CHUNK_BYTES, TarReader } from '../formats/index.ts';
import { type Digest, digestOf, isDigest, MEDIA_TYPE, parseManifest } from '../oci/index.ts';
import { Fault, streamToFile } from '../system/index.ts';
import { advisoryFault } from './errors.ts';
import { ARTIFACT_BYTES_MAX, ARTIFACT_DATABASE_BYTES_MAX, ARTIFACT_SMALL_BYTES_MAX } from './limits.ts';
import type { AdvisoryStore } from './store.ts';

/** The whole compiled database as an OCI artifact: one layer, the file under zstd. */
export const ADVISORIES_TYPE = 'application/vnd.darsena.advisories.v1';
const LAYER_TYPE = `${ADVISORIES_TYPE}.sqlite+zstd`;
const BUNDLE_TYPE = /^application\/vnd\.dev\.sigstore\.bundle/;
const EMPTY = Buffer.from('{}');

export interface PackedAdvisories {
  readonly manifestBytes: Uint8Array;
  readonly mediaType: string;
  readonly config: { readonly digest: Digest; readonly bytes: Uint8Array };
  readonly layer: { readonly digest: Digest; readonly path: string };
}

/** Packs the database of now; the layer lies in `path` until the caller removes it. Null when there is none. */
export async function packAdvisories(store: AdvisoryStore, folder: string): Promise<PackedAdvisories | null> {
  await mkdir(folder, { recursive: true });
  const plain = join(folder, `.pack-${randomBytes(6).toString('hex')}.db`);
  const path = `${plain}.zst`;
  try {
    const snapshot = await store.snapshot(plain);
    if (snapshot === null) return null;
    const hash = createHash('sha256');
    const counted = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    };
    const input = createReadStream(plain, { highWaterMark: STREAM_CHUNK_BYTES });
    await streamToFile(path, [input, createZstdCompress(), counted]);
    const digest = `sha256:${hash.digest('hex')}` as Digest;
    const manifestBytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        artifactType: ADVISORIES_TYPE,
        config: { mediaType: MEDIA_TYPE.empty, digest: digestOf(EMPTY), size: EMPTY.length },
        layers: [{ mediaType: LAYER_TYPE, digest, size: (await stat(path)).size }],
        annotations: {
          'org.opencontainers.image.created': snapshot.importedAt,
          'org.opencontainers.image.version': snapshot.revision,
        },
      }),
    );
    return {
      manifestBytes,
      mediaType: MEDIA_TYPE.manifest,
      config: { digest: digestOf(EMPTY), bytes: EMPTY },
      layer: { digest, path },
    };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await rm(plain, { force: true });
  }
}

/** Whether one of these bundles is a believed signature over that digest. */
export type VerifyBundles = (digest: Digest, bundles: readonly Uint8Array[]) => boolean;

/**
 * Takes an OCI archive with a signed database. Nothing of it is used before the signature over its manifest holds and the
 * digest of its layer is right; what was sent lies in a file of its own meanwhile.
 *
 * @returns a path with the database, for the caller to remove
 * @throws Fault advisories.artifact-invalid, advisories.unsigned
 */
export async function receiveArtifact(
  folder: string,
  source: AsyncIterable<Uint8Array>,
  verify: VerifyBundles,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const archive = join(folder, `.received-${randomBytes(6).toString('hex')}.tar`);
  const layerPath = `${archive}.layer`;
  const database = `${archive}.db`;
  try {
    await streamToFile(archive, [bounded(source, ARTIFACT_BYTES_MAX)]);
    const { layer, manifest, bundles } = await readLayout(archive);
    if (!verify(manifest, bundles))
      throw advisoryFault('advisories.unsigned', { digest: manifest, count: bundles.length });
    await extractBlob(archive, layer, layerPath);
    const limits = { maxOutputBytes: ARTIFACT_DATABASE_BYTES_MAX, maxRatio: 1000 };
    const plain = inflate(createReadStream(layerPath, { highWaterMark: STREAM_CHUNK_BYTES }), 'zstd', limits);
    await streamToFile(database, [plain]);
    return database;
  } catch (cause) {
    await rm(database, { force: true });
    if (cause instanceof Fault && cause.code.startsWith('advisories.')) throw cause;
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  } finally {
    await Promise.all([archive, layerPath].map((path) => rm(path, { force: true })));
  }
}

function invalid(why: string, cause?: unknown): Fault {
  return advisoryFault('advisories.artifact-invalid', { why }, cause === undefined ? {} : { cause });
}

async function* bounded(source: AsyncIterable<Uint8Array>, max: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > max) throw new FormatError('tar.size', `the archive has more than ${max} bytes`);
    yield chunk;
  }
}

/** The advisories' manifest of a layout, the digest of its layer, and the bundles that refer to it. */
async function readLayout(
  archive: string,
): Promise<{ readonly manifest: Digest; readonly layer: Digest; readonly bundles: readonly Uint8Array[] }> {
  const small = new Map<string, Uint8Array>();
  const wants = ({ sizeBytes }: { readonly sizeBytes: number }): boolean => sizeBytes <= ARTIFACT_SMALL_BYTES_MAX;
  const file = createReadStream(archive, { highWaterMark: STREAM_CHUNK_BYTES });
  for await (const { entry, bytes } of readTar(file, wants, { maxEntries: 10_000 })) {
    const path = cleanTarPath(entry.path);
    if (entry.kind === 'file' && path !== null) small.set(path, bytes);
  }
  const blob = (digest: string): Uint8Array => {
    const bytes = small.get(`blobs/${digest.replace(':', '/')}`);
    if (!bytes || !isDigest(digest) || digestOf(bytes) !== digest)
      throw invalid(`the content of ${digest} is missing or changed`);
    return bytes;
  };
  const index = parseManifest(small.get('index.json') ?? new Uint8Array());
  if (index.kind !== 'index') throw invalid('it has no index');
  const read = index.manifests.flatMap(({ digest }) => {
    const parsed = parseManifest(blob(digest));
    return parsed.kind === 'manifest' ? [{ digest, parsed }] : [];
  });
  const found = read.find(({ parsed }) => parsed.artifactType === ADVISORIES_TYPE);
  const layer = found?.parsed.layers[0];
  if (!found || !layer || found.parsed.layers.length !== 1 || layer.mediaType !== LAYER_TYPE) {
    throw invalid('it holds no advisories');
  }
  const bundles = read
    .filter(({ parsed }) => BUNDLE_TYPE.test(parsed.artifactType ?? '') && parsed.subject?.digest === found.digest)
    .flatMap(({ parsed }) => parsed.layers.slice(0, 1).map(({ digest }) => blob(digest)));
  return { manifest: found.digest, layer: layer.digest, bundles };
}

async function extractBlob(archive: string, digest: Digest, target: string): Promise<void> {
  const wanted = `blobs/${digest.replace(':', '/')}`;
  const hash = createHash('sha256');
  const file = openSync(target, 'wx', 0o600);
  try {
    const reader = new TarReader((entry) => {
      if (cleanTarPath(entry.path) !== wanted) return null;
      return {
        write: (chunk) => {
          hash.update(chunk);
          writeSync(file, chunk);
        },
        end: () => undefined,
      };
    });
    for await (const chunk of createReadStream(archive, { highWaterMark: STREAM_CHUNK_BYTES })) reader.write(chunk);
    reader.end();
  } finally {
    closeSync(file);
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw invalid(`the content of ${digest} is missing or changed`);
}
