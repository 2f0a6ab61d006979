import { once } from 'node:events';
import { readSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { FormatError, inflateGuard } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Analyser } from './analyser.ts';
import { ANALYSERS } from './analysers/index.ts';
import { FRAME, type Frame, frameHeader, readFrames } from './frames.ts';
import { IncompleteInventory, mergeInventory } from './inventory.ts';
import {
  analyseLayer,
  decodeLayerResult,
  encodeLayerResult,
  type LayerClaim,
  LayerMismatch,
  type LayerResult,
  NO_CLAIM,
  readLayer,
} from './layer.ts';
import { IMAGE_BYTES_MAX, IMAGE_ENTRIES_MAX, LAYER_RESULT_MAX_BYTES, PACKAGE_FILES_MAX } from './limits.ts';
import { type FileOwners, findFiles, findOwners, type PackageFiles, type PackageKey } from './owners.ts';
import type { Inventory } from './package.ts';
import { secretsAnalyser } from './secrets/analyser.ts';
import { type ConfigText, scanConfigTexts } from './secrets/image-config.ts';
import { SECRETS_MAX } from './secrets/limits.ts';
import type { SecretRules } from './secrets/rules.ts';
import { SecretScanner } from './secrets/scanner.ts';

/** What the worker needs to look for credentials. It has no files, so it gets them. */
export interface SecretsOrder {
  readonly rules: SecretRules;
  /** Key of fingerprints in Base64; see secrets/fingerprint.ts. */
  readonly key: string | null;
  readonly config: readonly ConfigText[];
}

/** What the worker is asked: the layers of one image, lowest first, in the order in which they will come. */
export interface ScanOrder {
  /** Null: all layers are known, and only their names are asked about. */
  readonly secrets: SecretsOrder | null;
  readonly layers: readonly {
    readonly claim: LayerClaim | typeof NO_CLAIM;
    /** Its stored result comes instead of its bytes. */
    readonly known: boolean;
  }[];
  /** Files whose owners are asked for, instead of the inventory. */
  readonly paths?: readonly string[];
  /** The package whose files are asked for, instead of the inventory. */
  readonly filesOf?: PackageKey;
}

export type WorkerAnswer =
  | { readonly kind: 'inventory'; readonly inventory: Inventory }
  /** `isCut`: there were more lists of owned files than are kept. */
  | { readonly kind: 'owners'; readonly owners: readonly FileOwners[]; readonly isCut: boolean }
  | { readonly kind: 'files'; readonly files: PackageFiles | null; readonly isCut: boolean }
  /** `code` is a FormatErrorCode, 'layer.mismatch', 'inventory.incomplete' or 'worker.failed'. */
  | { readonly kind: 'incomplete'; readonly code: string; readonly message: string; readonly layer: Digest | null };

/**
 * The whole life of the confined worker: one image in by frames on `input`, one answer out on `output`. It holds no
 * rights: what it reads are the bytes of strangers.
 */
export async function runScanWorker(input: Readable, output: Writable): Promise<void> {
  const answer = await answerOrder(input, output);
  await send(output, FRAME.answer, Buffer.from(JSON.stringify(answer)));
}

async function answerOrder(input: Readable, output: Writable): Promise<WorkerAnswer> {
  let current: Digest | null = null;
  try {
    const frames = readFrames(input, LAYER_RESULT_MAX_BYTES);
    const order = JSON.parse(Buffer.from((await expect(frames, FRAME.order)).body).toString()) as ScanOrder;
    const scanner = order.secrets && scannerOf(order.secrets);
    const analysers = scanner ? [...ANALYSERS, secretsAnalyser(scanner)] : ANALYSERS;
    const results: LayerResult[] = [];
    let bytesLeft = IMAGE_BYTES_MAX;
    let entriesLeft = IMAGE_ENTRIES_MAX;
    for (const { claim, known } of order.layers) {
      current = claim === NO_CLAIM ? null : claim.digest;
      let result: LayerResult;
      if (known) {
        result = decodeLayerResult((await expect(frames, FRAME.known)).body);
      } else {
        const limits = { maxBytes: bytesLeft, maxEntries: entriesLeft };
        const first = await next(frames);
        result =
          first.type === FRAME.channel && claim !== NO_CLAIM
            ? await readChannel(frames, first.body[0] ?? 0, claim, analysers, limits)
            : await analyseLayer(layerBytes(first, frames), claim, analysers, limits);
        await send(output, FRAME.layer, encodeLayerResult(result));
      }
      bytesLeft -= result.uncompressedBytes;
      entriesLeft -= result.entries;
      results.push(result);
    }
    current = null;
    const isCut = results.some(({ ownedCut }) => ownedCut);
    if (order.filesOf) {
      return { kind: 'files', files: findFiles(results, ANALYSERS, order.filesOf, PACKAGE_FILES_MAX), isCut };
    }
    if (order.paths) {
      return { kind: 'owners', owners: findOwners(results, ANALYSERS, order.paths), isCut };
    }
    const inventory = mergeInventory(results, analysers);
    const inConfig = scanner && order.secrets ? scanConfigTexts(scanner, order.secrets.config) : [];
    const secrets = [...inConfig, ...inventory.secrets].slice(0, SECRETS_MAX);
    return { kind: 'inventory', inventory: { ...inventory, secrets } };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isKnown =
      error instanceof FormatError || error instanceof LayerMismatch || error instanceof IncompleteInventory;
    return { kind: 'incomplete', code: isKnown ? error.code : 'worker.failed', message: error.message, layer: current };
  }
}

function scannerOf({ rules, key }: SecretsOrder): SecretScanner {
  return new SecretScanner(rules, key === null ? null : Buffer.from(key, 'base64'));
}

async function next(frames: AsyncGenerator<Frame>): Promise<Frame> {
  const { done, value } = await frames.next();
  if (done) throw new FormatError('tar.truncated', 'the input of the worker ends too early');
  return value;
}

async function expect(frames: AsyncGenerator<Frame>, type: number): Promise<Frame> {
  const frame = await next(frames);
  if (frame.type !== type) throw new Error(`the worker got frame ${frame.type}, expected ${type}`);
  return frame;
}

/** Bytes taken at once from a channel; the socket behind it holds about a fifth of that. */
const CHANNEL_READ_BYTES = 1024 * 1024;

/**
 * Reads a layer that another process inflates. Blocking reads into one buffer cost half of what a stream does: nothing
 * is allocated, and the worker has nothing else to do.
 */
async function readChannel(
  frames: AsyncGenerator<Frame>,
  channel: number,
  claim: LayerClaim,
  analysers: readonly Analyser[],
  limits: { readonly maxBytes: number; readonly maxEntries: number },
): Promise<LayerResult> {
  const reading = readLayer(claim, analysers, limits);
  const check = inflateGuard({ maxOutputBytes: limits.maxBytes });
  // No Buffer: of one, slice() would not copy, and the next read would change what an analyser kept.
  const buffer = new Uint8Array(CHANNEL_READ_BYTES);
  for (;;) {
    const length = readSync(channel, buffer, 0, buffer.length, null);
    if (length === 0) break;
    const chunk = buffer.subarray(0, length);
    // What the manifest states; the scan holds the bytes to it.
    check(chunk, claim.sizeBytes);
    reading.write(chunk);
  }
  // The scan has seen the bytes before they were inflated: it compares their digest, and ends us when it differs.
  await expect(frames, FRAME.channelEnd);
  return reading.finish(claim);
}

async function* layerBytes(first: Frame, frames: AsyncGenerator<Frame>): AsyncGenerator<Uint8Array> {
  for (let frame = first; frame.type !== FRAME.layerEnd; frame = await next(frames)) {
    if (frame.type !== FRAME.piece) throw new Error(`the worker got frame ${frame.type} inside a layer`);
    yield frame.body;
  }
}

async function send(output: Writable, type: typeof FRAME.layer | typeof FRAME.answer, body: Uint8Array): Promise<void> {
  output.write(frameHeader(type, body.length));
  if (!output.write(body)) await once(output, 'drain');
}
