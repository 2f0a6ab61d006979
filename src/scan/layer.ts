import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  cleanTarPath,
  detectCompression,
  FormatError,
  inflate,
  peekStream,
  type TarEntry,
  TarReader,
  type TarSink,
} from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import type { LayerEntry } from '../oci/layers.ts';
import type { Analyser, Evidence, FileHead } from './analyser.ts';
import { LISTING_MAX_BYTES, OWNED_MAX_BYTES } from './limits.ts';
import { ListingWriter } from './listing.ts';
import type { OwnedFiles } from './owned.ts';

/** What the image says of one of its layers. */
export interface LayerClaim {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly sizeBytes: number;
}

/** For bytes that nobody has made a claim about, as those of a folder: their digest is what they turn out to have. */
export const NO_CLAIM = 'none';

/** What reading one layer told. Depends on the bytes of the layer and the analysers only, so it is kept by digest. */
export interface LayerResult {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly sizeBytes: number;
  readonly uncompressedBytes: number;
  readonly entries: number;
  readonly found: readonly FileEvidence[];
  /** Which package brought which files; see `readOwned`. */
  readonly owned: readonly OwnedList[];
  /** There were more than are kept. */
  readonly ownedCut: boolean;
  /** All names of the layer; see `readListing`. */
  readonly listing: Uint8Array;
}

/** The files that one database or list of the layer tells of. */
export interface OwnedList {
  readonly analyser: string;
  readonly ordinal: number;
  readonly files: OwnedFiles;
}

export interface FileEvidence {
  readonly analyser: string;
  readonly ordinal: number;
  readonly path: string;
  readonly evidence: Evidence;
}

/** The layer is not what the image says; nothing learned from it may be used. */
export class LayerMismatch extends Error {
  readonly code = 'layer.mismatch';
}

/**
 * Reads a layer in one pass: inflate, both digests, tar, and the files that analysers want. Nothing is written anywhere.
 * Answers only after the whole layer proved to be the one that was claimed.
 *
 * @param source a piece need be valid only until the next is asked for
 * @param limits what the layer may inflate to, and how many entries it may have
 * @throws LayerMismatch when size, digest or diffID differ; FormatError when it cannot be read within limits
 */
export async function analyseLayer(
  source: AsyncIterable<Uint8Array>,
  claim: LayerClaim | typeof NO_CLAIM,
  analysers: readonly Analyser[],
  limits: { readonly maxBytes: number; readonly maxEntries: number },
): Promise<LayerResult> {
  const claimed = claim === NO_CLAIM ? null : claim;
  const { start, chunks } = await peekStream(source, 4);
  const compression = detectCompression(start);
  // What was never compressed has one digest, and hashing is most of reading it.
  const isOne = compression === 'none' && algorithmOf(claimed?.digest) === algorithmOf(claimed?.diffId);
  const compressed = isOne ? null : hasherFor(claimed?.digest);
  const reading = readLayer(claim, analysers, limits);
  let sizeBytes = 0;
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      if (claimed && sizeBytes > claimed.sizeBytes) throw longerThan(claimed);
      compressed?.update(chunk);
      // An inflater takes the next while it still has this one.
      yield compression === 'none' ? chunk : chunk.slice();
    }
  }
  for await (const chunk of inflate(hashed(), compression, { maxOutputBytes: limits.maxBytes })) reading.write(chunk);
  const digest = compressed && digestFrom(claimed?.digest, compressed.digest('hex'));
  return reading.finish({ digest, sizeBytes });
}

/** One layer as it flows by inflated. */
export interface LayerReading {
  /** @param chunk valid only during the call */
  write(chunk: Uint8Array): void;
  /** @param stored what the bytes were before they were inflated, as whoever read them saw it; null: they were the same */
  finish(stored: { readonly digest: Digest | null; readonly sizeBytes: number }): LayerResult;
}

/**
 * The part of `analyseLayer` behind the inflating.
 *
 * @throws what `analyseLayer` throws, in both of its methods
 */
export function readLayer(
  claim: LayerClaim | typeof NO_CLAIM,
  analysers: readonly Analyser[],
  limits: { readonly maxBytes: number; readonly maxEntries: number },
): LayerReading {
  const claimed = claim === NO_CLAIM ? null : claim;
  const uncompressed = hasherFor(claimed?.diffId);
  const listing = new ListingWriter();
  const found: FileEvidence[] = [];
  const owned = new OwnedLists();
  const pick = pickerOf(analysers);
  const reader = new TarReader(
    (entry) => {
      const path = cleanEntry(entry);
      if (entry.kind !== 'file') return null;
      const file = { path, sizeBytes: entry.sizeBytes, mode: entry.mode & 0o7777 };
      return joinSinks(
        pick(file).flatMap((analyser) => openFile(analyser, file, entry.ordinal, { found, owned }) ?? []),
      );
    },
    { maxEntries: limits.maxEntries },
  );

  function cleanEntry(entry: TarEntry): string {
    const path = cleanTarPath(entry.path);
    if (path === null) throw climbing(entry.path, 'climbs out of the root');
    const linkTarget = entry.kind === 'hardlink' ? cleanTarPath(entry.linkTarget) : entry.linkTarget;
    if (linkTarget === null) throw climbing(entry.path, 'is a hard link out of the root');
    const { sizeBytes, mode, capabilities } = entry;
    listing.add(path, { kind: kindOf(entry), linkTarget, sizeBytes, mode, capabilities });
    return path;
  }

  let uncompressedBytes = 0;
  return {
    write: (chunk) => {
      uncompressedBytes += chunk.length;
      uncompressed.update(chunk);
      reader.write(chunk);
    },
    finish: (stored) => {
      reader.end();
      const diffId = digestFrom(claimed?.diffId, uncompressed.digest('hex'));
      const { sizeBytes } = stored;
      const seen: LayerClaim = { digest: stored.digest ?? diffId, diffId, sizeBytes };
      if (claimed) {
        requireStored(seen, claimed);
        requireEqual('diffID', seen.diffId, claimed.diffId);
      }
      return {
        ...seen,
        uncompressedBytes,
        entries: reader.entries,
        found,
        owned: owned.lists,
        ownedCut: owned.isCut,
        listing: listing.finish(),
      };
    },
  };
}

/** @throws LayerMismatch when the bytes of a layer are not those that the image names */
export function requireStored(
  stored: { readonly digest: Digest; readonly sizeBytes: number },
  claim: LayerClaim,
): void {
  requireEqual('size', stored.sizeBytes, claim.sizeBytes);
  requireEqual('digest', stored.digest, claim.digest);
}

export function longerThan({ sizeBytes }: LayerClaim): LayerMismatch {
  return new LayerMismatch(`the layer has more than the ${sizeBytes} bytes that the manifest states`);
}

function requireEqual(what: string, actual: string | number, expected: string | number): void {
  if (actual !== expected) throw new LayerMismatch(`the layer has the ${what} ${actual}, expected ${expected}`);
}

function algorithmOf(digest: Digest | undefined): 'sha256' | 'sha512' {
  return digest?.startsWith('sha512:') ? 'sha512' : 'sha256';
}

function hasherFor(digest: Digest | undefined) {
  return createHash(algorithmOf(digest));
}

/** Compared with what was expected; where nothing was, it is what it is. */
function digestFrom(expected: Digest | undefined, hex: string): Digest {
  return `${algorithmOf(expected)}:${hex}` as Digest;
}

function climbing(path: string, why: string): FormatError {
  return new FormatError('tar.name', `tar entry ${JSON.stringify(path.slice(0, 200))} ${why}`);
}

function kindOf(entry: TarEntry): LayerEntry['kind'] {
  switch (entry.kind) {
    case 'file':
    case 'directory':
    case 'symlink':
    case 'hardlink':
      return entry.kind;
    case 'character-device':
    case 'block-device':
    case 'fifo':
      return 'other';
  }
}

/** What is kept of owned files, as long as there is room. */
class OwnedLists {
  readonly lists: OwnedList[] = [];
  isCut = false;
  #bytesLeft = OWNED_MAX_BYTES;

  add(list: OwnedList): void {
    this.#bytesLeft -= list.files.bytes.length;
    if (this.#bytesLeft < 0) this.isCut = true;
    else this.lists.push(list);
  }
}

function openFile(
  analyser: Analyser,
  file: FileHead,
  ordinal: number,
  { found, owned }: { found: FileEvidence[]; owned: OwnedLists },
): TarSink | null {
  const report = (evidence: Evidence): void => {
    let kept = evidence;
    if (evidence.kind === 'packages' && evidence.owned) {
      const { owned: files, ...rest } = evidence;
      if (files.bytes.length > 0) owned.add({ analyser: analyser.name, ordinal, files });
      // A list of files alone tells nothing of packages.
      if (rest.packages.length === 0) return;
      kept = rest;
    }
    found.push({ analyser: analyser.name, ordinal, path: file.path, evidence: kept });
  };
  if (file.sizeBytes > analyser.maxFileBytes) {
    report({ kind: 'unreadable', reason: `it has ${file.sizeBytes} bytes, the limit is ${analyser.maxFileBytes}` });
    return null;
  }
  const reader = analyser.read(file);
  let isOpen = true;
  const guarded = <T>(run: () => T): T | null => {
    if (!isOpen) return null;
    try {
      return run();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      isOpen = false;
      report({ kind: 'unreadable', reason: error.message });
      return null;
    }
  };
  return {
    write: (chunk) => {
      if (guarded(() => reader.write(chunk)) === false) isOpen = false;
    },
    end: () => {
      const evidence = guarded(() => reader.end());
      if (evidence) report(evidence);
    },
  };
}

function joinSinks(sinks: readonly TarSink[]): TarSink | null {
  if (sinks.length <= 1) return sinks[0] ?? null;
  return {
    write: (chunk) => {
      for (const sink of sinks) sink.write(chunk);
    },
    end: () => {
      for (const sink of sinks) sink.end();
    },
  };
}

const NOBODY: readonly Analyser[] = [];
const EXECUTE_BITS = 0o111;

/** A few map look-ups a file decide for nearly all of them that nobody wants it. Analysers come in their own order. */
export function pickerOf(analysers: readonly Analyser[]): (file: FileHead) => readonly Analyser[] {
  const byFile = indexBy(analysers, ({ fileNames }) => fileNames);
  const byFolder = indexBy(analysers, ({ folderNames }) => folderNames);
  const bySuffix = indexBy(analysers, ({ suffixes }) => suffixes ?? []);
  const lastSuffixes = new Set([...bySuffix.keys()].map((suffix) => suffix.slice(suffix.lastIndexOf('.'))));
  const always = analysers.filter(({ every }) => every === 'file');
  const executables = analysers.filter(({ every }) => every !== undefined);
  return (file) => {
    const { path } = file;
    const slash = path.lastIndexOf('/');
    const folder = slash < 0 ? '' : path.slice(path.lastIndexOf('/', slash - 1) + 1, slash);
    const name = path.slice(slash + 1);
    const named = byFile.get(name);
    const inFolder = byFolder.get(folder);
    let ended: readonly Analyser[] | undefined;
    const lastDot = name.lastIndexOf('.');
    if (lastDot >= 0 && lastSuffixes.has(name.slice(lastDot))) {
      for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
        const found = bySuffix.get(name.slice(dot));
        if (found) ended = ended ? [...ended, ...found] : found;
      }
    }
    const general = (file.mode & EXECUTE_BITS) === 0 ? always : executables;
    if (!named && !inFolder && !ended && general.length === 0) return NOBODY;
    const chosen: Analyser[] = [];
    for (const some of [named, inFolder, ended, general]) {
      for (const analyser of some ?? NOBODY)
        if (!chosen.includes(analyser) && analyser.wants(file)) chosen.push(analyser);
    }
    return chosen;
  };
}

function indexBy(
  analysers: readonly Analyser[],
  keysOf: (analyser: Analyser) => readonly string[],
): ReadonlyMap<string, readonly Analyser[]> {
  const index = new Map<string, Analyser[]>();
  for (const analyser of analysers) {
    for (const key of keysOf(analyser)) index.set(key, [...(index.get(key) ?? []), analyser]);
  }
  return index;
}

/**
 * Bytes to keep a result under the digest of its layer: the length of the first part, then two parts, each compressed.
 * The first is evidence and listing, the second the owned files, which a scan need not inflate. The reader trusts them no
 * more than the layer itself.
 */
export function encodeLayerResult(result: LayerResult): Uint8Array {
  const { listing, owned, ...rest } = result;
  const first = deflateRawSync(withHead(rest, [listing]), { level: 1 });
  const heads = owned.map(({ analyser, ordinal, files }) => [analyser, ordinal, files.type, files.bytes.length]);
  const lists = owned.map(({ files }) => files.bytes);
  const second = owned.length === 0 ? new Uint8Array(0) : deflateRawSync(withHead(heads, lists), { level: 1 });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(first.length);
  return Buffer.concat([length, first, second]);
}

/** The part of a stored result that holds evidence and listing, still compressed. */
export function firstPart(stored: Uint8Array): Uint8Array {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const end = bytes.length < 4 ? -1 : 4 + bytes.readUInt32BE(0);
  if (end < 4 || end > bytes.length) throw new FormatError('inflate.corrupt', 'the stored result of a layer is cut');
  return bytes.subarray(4, end);
}

/**
 * The owned files are inflated when they are first asked for.
 *
 * @throws FormatError when the stored bytes are broken
 */
export function decodeLayerResult(stored: Uint8Array): LayerResult {
  try {
    const first = firstPart(stored);
    const { head, body } = readHead(inflateRawSync(first, { maxOutputLength: LISTING_MAX_BYTES }));
    const rest = head as Omit<LayerResult, 'listing' | 'owned'>;
    let owned: readonly OwnedList[] | null = null;
    return {
      ...rest,
      listing: body,
      get owned() {
        owned ??= decodeOwned(stored.subarray(4 + first.length));
        return owned;
      },
    };
  } catch (cause) {
    throw new FormatError('inflate.corrupt', 'the stored result of a layer cannot be read', { cause });
  }
}

function decodeOwned(second: Uint8Array): readonly OwnedList[] {
  if (second.length === 0) return [];
  try {
    const { head, body } = readHead(inflateRawSync(second, { maxOutputLength: 2 * OWNED_MAX_BYTES }));
    let at = 0;
    return (head as [string, number, string, number][]).map(([analyser, ordinal, type, length]) => {
      at += length;
      return { analyser, ordinal, files: { type, bytes: body.subarray(at - length, at) } };
    });
  } catch (cause) {
    throw new FormatError('inflate.corrupt', 'the stored list of owned files cannot be read', { cause });
  }
}

function withHead(head: unknown, bodies: readonly Uint8Array[]): Uint8Array {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, ...bodies]);
}

function readHead(whole: Buffer): { head: unknown; body: Uint8Array } {
  const length = whole.readUInt32BE(0);
  return { head: JSON.parse(whole.subarray(4, 4 + length).toString()), body: whole.subarray(4 + length) };
}
