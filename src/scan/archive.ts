import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { detectCompression, FormatError, parseStrictJson, TarReader } from '../formats/index.ts';
import {
  createDigester,
  type Descriptor,
  type Digest,
  digestHex,
  digestOf,
  isDigest,
  MEDIA_TYPE,
  parseManifest,
} from '../oci/index.ts';
import { scanFault } from './errors.ts';
import { CONFIG_MAX_BYTES } from './limits.ts';
import type { ContentSource } from './scan.ts';

/** An image that lies on disk, ready to be scanned. */
export interface LocalImage {
  readonly manifestBytes: Uint8Array;
  readonly manifestDigest: Digest;
  readonly configBytes: Uint8Array;
  readonly content: ContentSource;
}

/**
 * Opens an image on disk without unpacking it: an OCI layout folder, an oci-archive, or a docker-archive (`podman save`,
 * `docker save`). Of an index with several platforms the one of this machine is taken.
 *
 * @throws Fault scan.archive-unknown
 */
export async function openImagePath(path: string): Promise<LocalImage> {
  try {
    const files = (await stat(path)).isDirectory() ? folderFiles(path) : await archiveFiles(path);
    if (await files.has('index.json')) return await openLayout(files);
    if (await files.has('manifest.json')) return await openDockerArchive(files);
  } catch (cause) {
    throw scanFault(
      'scan.archive-unknown',
      { path, why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
  throw scanFault('scan.archive-unknown', { path, why: 'it has neither index.json nor manifest.json' });
}

/**
 * The same for a file that may be compressed as a whole: it is then inflated into the temporary folder, by a child
 * without rights, because an archive is read in the order of the image and not of the file.
 *
 * @throws Fault scan.archive-unknown
 */
export async function openImageFile(
  path: string,
  signal?: AbortSignal,
): Promise<{ image: LocalImage; close: () => Promise<void> }> {
  if (detectCompression(await readStart(path)) === 'none') {
    return { image: await openImagePath(path), close: async () => undefined };
  }
  const folder = await mkdtemp(join(tmpdir(), 'darsena-archive-'));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const inflated = join(folder, 'image.tar');
    const { inflateConfined } = await import('./confined.ts');
    await inflateConfined(path, inflated, signal ? { signal } : {});
    return { image: await openImagePath(inflated), close };
  } catch (cause) {
    await close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw scanFault('scan.archive-unknown', { path, why }, { cause });
  }
}

/** Files of an image by their name inside of the folder or archive. */
interface ImageFiles {
  has(name: string): Promise<boolean>;
  read(name: string, maxBytes: number): Promise<Uint8Array>;
  stream(name: string): AsyncIterable<Uint8Array>;
}

const SMALL_MAX_BYTES = 4 * 1024 * 1024;

function folderFiles(folder: string): ImageFiles {
  return {
    has: (name) =>
      stat(join(folder, name)).then(
        (found) => found.isFile(),
        () => false,
      ),
    read: async (name, maxBytes) => {
      const { size } = await stat(join(folder, name));
      if (size > maxBytes) throw new FormatError('json.size', `${name} has ${size} bytes, the limit is ${maxBytes}`);
      return await readFile(join(folder, name));
    },
    stream: (name) => readPieces(join(folder, name)),
  };
}

/** One pass notes where each file is; its bytes are read from there later. */
async function archiveFiles(path: string): Promise<ImageFiles> {
  const start = await readStart(path);
  if (detectCompression(start) !== 'none')
    throw new FormatError('tar.unsupported', 'it is compressed; decompress it first');
  const places = new Map<string, { start: number; size: number }>();
  const links = new Map<string, string>();
  const reader = new TarReader((entry) => {
    const name = entry.path.replace(/^\.\//, '');
    if (entry.kind === 'file') places.set(name, { start: entry.offsetBytes, size: entry.sizeBytes });
    // docker save repeats a layer as a link to the first one.
    if (entry.kind === 'symlink') links.set(name, resolveLink(name, entry.linkTarget));
    if (entry.kind === 'hardlink') links.set(name, entry.linkTarget);
    return null;
  });
  for await (const piece of readPieces(path)) reader.write(piece);
  reader.end();
  const placeOf = (name: string): { start: number; size: number } => {
    const place = places.get(name) ?? places.get(links.get(name) ?? '');
    if (!place) throw new FormatError('tar.name', `it has no ${name}`);
    return place;
  };
  const stream = (name: string): AsyncIterable<Uint8Array> => {
    const { start: from, size } = placeOf(name);
    if (size === 0) return Readable.from([]);
    return readPieces(path, { start: from, sizeBytes: size });
  };
  return {
    has: async (name) => places.has(name),
    stream,
    read: async (name, maxBytes) => {
      const { size } = placeOf(name);
      if (size > maxBytes) throw new FormatError('json.size', `${name} has ${size} bytes, the limit is ${maxBytes}`);
      return collect(stream(name));
    },
  };
}

function resolveLink(name: string, target: string): string {
  const parts = name.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

async function readStart(path: string): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

const PIECE_BYTES = 1024 * 1024;

/**
 * Pieces of a file in one buffer that is used again: each is valid until the next is asked for. A stream would allocate
 * every one of them, and the collector then costs more than the reading.
 */
async function* readPieces(path: string, part?: { start: number; sizeBytes: number }): AsyncGenerator<Uint8Array> {
  const handle = await open(path);
  try {
    const buffer = new Uint8Array(PIECE_BYTES);
    let at = part?.start ?? 0;
    let left = part?.sizeBytes ?? Number.POSITIVE_INFINITY;
    while (left > 0) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, left), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part.slice());
  return Buffer.concat(parts);
}

function blobName(digest: Digest): string {
  return `blobs/${digest.slice(0, digest.indexOf(':'))}/${digestHex(digest)}`;
}

/** image-spec 1.1, image-layout.md. */
async function openLayout(files: ImageFiles): Promise<LocalImage> {
  let descriptor: Descriptor | null = null;
  let bytes = await files.read('index.json', SMALL_MAX_BYTES);
  // An index may list an index of platforms.
  for (let depth = 0; depth < 3; depth++) {
    const parsed = parseManifest(bytes, depth === 0 ? MEDIA_TYPE.index : undefined);
    if (parsed.kind === 'manifest') {
      if (!descriptor) break;
      return {
        manifestBytes: bytes,
        manifestDigest: descriptor.digest,
        configBytes: await files.read(blobName(parsed.config.digest), CONFIG_MAX_BYTES),
        content: { open: (digest) => files.stream(blobName(digest)) },
      };
    }
    descriptor = chooseImage(parsed.manifests);
    bytes = await files.read(blobName(descriptor.digest), SMALL_MAX_BYTES);
  }
  throw new FormatError('json.depth', 'its index leads to no image');
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Of several platforms the one of this machine. @throws FormatError when there is none or no choice */
export function chooseImage(manifests: readonly Descriptor[]): Descriptor {
  const images = manifests.filter(({ artifactType, platform }) => !artifactType && platform?.os !== 'unknown');
  const own = ARCHITECTURES[process.arch] ?? process.arch;
  const chosen =
    images.find(({ platform }) => platform?.architecture === own) ?? (images.length === 1 ? images[0] : undefined);
  if (chosen) return chosen;
  const plain = images.filter(({ platform }) => !platform);
  if (plain.length === 1 && plain[0]) return plain[0];
  throw new FormatError(
    'json.syntax',
    images.length === 0 ? 'its index lists no image' : 'its index lists several images',
  );
}

/**
 * `docker save`: manifest.json names a configuration and layers, without sizes or digests of what it holds. A manifest is
 * made from them, so the image is scanned like any other; its digest is that of this manifest.
 */
async function openDockerArchive(files: ImageFiles): Promise<LocalImage> {
  const list = parseStrictJson(await files.read('manifest.json', SMALL_MAX_BYTES), { maxBytes: SMALL_MAX_BYTES });
  const [image, second] = Array.isArray(list) ? list : [];
  if (!image || typeof image !== 'object' || Array.isArray(image))
    throw new FormatError('json.syntax', 'manifest.json lists no image');
  if (second) throw new FormatError('json.syntax', 'manifest.json lists several images');
  const { Config: config, Layers: layers } = image;
  if (typeof config !== 'string' || !Array.isArray(layers) || !layers.every((one) => typeof one === 'string')) {
    throw new FormatError('json.syntax', 'manifest.json lacks Config or Layers');
  }
  const configBytes = await files.read(config, CONFIG_MAX_BYTES);
  const names = new Map<Digest, string>();
  const descriptors: Descriptor[] = [];
  for (const name of layers as string[]) {
    const digester = createDigester();
    let size = 0;
    for await (const chunk of files.stream(name)) {
      digester.update(chunk);
      size += chunk.length;
    }
    const digest = digester.digest();
    names.set(digest, name);
    descriptors.push({ mediaType: MEDIA_TYPE.layer, digest, size });
  }
  const manifestBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(configBytes), size: configBytes.length },
      layers: descriptors,
    }),
  );
  return {
    manifestBytes,
    manifestDigest: digestOf(manifestBytes),
    configBytes,
    content: { open: (digest) => files.stream(names.get(digest) ?? digest) },
  };
}

/** Whether a path names a digest or reference of the platform and not something on disk. */
export async function isOnDisk(path: string): Promise<boolean> {
  if (isDigest(path)) return false;
  return stat(path).then(
    () => true,
    () => false,
  );
}
