import { once } from 'node:events';
import { readSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { FormatError, inflateGuard } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Analyser } from './analyser.ts';
import { ANALYSERS } from './analysers/index.ts';
import { FRAME, type Frame, frameHeader, readFramesSync } from './frames.ts';
import { IncompleteInventory, inventoryOf, kernelWays, mergeNames, placeSecrets } from './inventory.ts';
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
import type { Inventory, KernelLink } from './package.ts';
import { findRunnable, type Runnable } from './runnable.ts';
import { secretsAnalyser } from './secrets/analyser.ts';
import { type ConfigText, scanConfigTexts } from './secrets/image-config.ts';
import { SECRETS_MAX } from './secrets/limits.ts';
import type { SecretRules } from './secrets/rules.ts';
import { SecretScanner } from './secrets/scanner.ts';
import type { ImageSecret } from './secrets/secret.ts';

/** Whose evidence is told apart from that of the rules of all. */
const OWN_RULES = 'own-secrets';

/** What the worker needs to look for credentials. It has no files, so it gets them. */
export interface SecretsOrder {
  readonly rules: SecretRules;
  /** Key of fingerprints in Base64; see secrets/fingerprint.ts. */
  readonly key: string | null;
  readonly config: readonly ConfigText[];
}

/** What the worker is asked: the layers of one image, lowest first, in the order in which they will come. */
export interface ScanOrder {
  /** Null: nobody looks for any, or all layers are known and only their names are asked about. */
  readonly secrets: SecretsOrder | null;
  /** Rules of a project, which look at the same bytes; what they find is told apart. */
  readonly ownSecrets?: SecretsOrder | null;
  /** The image's WORKDIR, as it is written. */
  readonly workingDir?: string;
  /** Nobody asks for packages: files that tell of them are not read for that. */
  readonly withoutPackages?: boolean;
  readonly layers: readonly {
    readonly claim: LayerClaim | typeof NO_CLAIM;
    /** Its stored result comes instead of its bytes. */
    readonly known: boolean;
  }[];
  /** Files whose owners are asked for, instead of the inventory. */
  readonly paths?: readonly string[];
  /** The package whose files are asked for, instead of the inventory. */
  readonly filesOf?: PackageKey;
  /** Packages of which is asked what of them runs, instead of the inventory. */
  readonly runnableOf?: readonly PackageKey[];
  /** Folders of which is asked where the image's links lead on the way to them, instead of the inventory. */
  readonly waysOf?: readonly string[];
}

export type WorkerAnswer =
  /** `ownSecrets`: what the rules of the project found, where it has some. */
  | { readonly kind: 'inventory'; readonly inventory: Inventory; readonly ownSecrets?: readonly ImageSecret[] }
  /** `isCut`: there were more lists of owned files than are kept. */
  | { readonly kind: 'owners'; readonly owners: readonly FileOwners[]; readonly isCut: boolean }
  | { readonly kind: 'files'; readonly files: PackageFiles | null; readonly isCut: boolean }
  | { readonly kind: 'runnable'; readonly runnable: readonly Runnable[] }
  | { readonly kind: 'ways'; readonly ways: readonly (KernelLink | null)[] }
  /** `code` is a FormatErrorCode, 'layer.mismatch', 'inventory.incomplete' or 'worker.failed'. */
  | { readonly kind: 'incomplete'; readonly code: string; readonly message: string; readonly layer: Digest | null };

/**
 * The whole life of the confined worker: one image in by frames on the descriptor `input`, one answer out on `output`. It
 * holds no rights: what it reads are the bytes of strangers.
 */
export async function runScanWorker(input: number, output: Writable): Promise<void> {
  const answer = await answerOrder(input, output);
  await send(output, FRAME.answer, Buffer.from(JSON.stringify(answer)));
}

async function answerOrder(input: number, output: Writable): Promise<WorkerAnswer> {
  let current: Digest | null = null;
  try {
    const frames = readFramesSync(input, LAYER_RESULT_MAX_BYTES);
    const order = JSON.parse(Buffer.from(expect(frames, FRAME.order).body).toString()) as ScanOrder;
    const scanner = order.secrets && scannerOf(order.secrets);
    const own = order.ownSecrets ? scannerOf(order.ownSecrets) : null;
    const shared = [
      ...(order.withoutPackages === true ? [] : ANALYSERS),
      ...(scanner === null ? [] : [secretsAnalyser(scanner)]),
    ];
    const analysers = own === null ? shared : [...shared, { ...secretsAnalyser(own), name: OWN_RULES }];
    const results: LayerResult[] = [];
    const ownResults: Pick<LayerResult, 'digest' | 'found'>[] = [];
    let bytesLeft = IMAGE_BYTES_MAX;
    let entriesLeft = IMAGE_ENTRIES_MAX;
    for (const { claim, known } of order.layers) {
      current = claim === NO_CLAIM ? null : claim.digest;
      let result: LayerResult;
      if (known) {
        result = decodeLayerResult(expect(frames, FRAME.known).body.slice());
        ownResults.push({ digest: result.digest, found: [] });
      } else {
        const limits = { maxBytes: bytesLeft, maxEntries: entriesLeft };
        const first = next(frames);
        result =
          first.type === FRAME.channel && claim !== NO_CLAIM
            ? readChannel(frames, first.body[0] ?? 0, claim, analysers, limits)
            : await analyseLayer(layerBytes(first, frames), claim, analysers, limits);
        // The result is kept for everybody's images.
        const [mine, ours] = partition(result.found, ({ analyser }) => analyser === OWN_RULES);
        ownResults.push({ digest: result.digest, found: mine });
        result = { ...result, found: ours };
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
    if (order.runnableOf) {
      return { kind: 'runnable', runnable: findRunnable(results, ANALYSERS, order.runnableOf) };
    }
    if (order.waysOf) return { kind: 'ways', ways: kernelWays(results, order.waysOf) };
    if (order.paths) {
      return { kind: 'owners', owners: findOwners(results, ANALYSERS, order.paths), isCut };
    }
    const names = mergeNames(results);
    const inventory = inventoryOf(results, shared, names, order.workingDir);
    const withConfig = (one: SecretScanner | null, { config = [] }: Partial<SecretsOrder>, found: ImageSecret[]) =>
      [...(one === null ? [] : scanConfigTexts(one, config)), ...found].slice(0, SECRETS_MAX);
    const secrets = withConfig(scanner, order.secrets ?? {}, [...inventory.secrets]);
    const told = { kind: 'inventory', inventory: { ...inventory, secrets } } as const;
    if (!own) return told;
    return { ...told, ownSecrets: withConfig(own, order.ownSecrets ?? {}, placeSecrets(ownResults, names.tree)) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isKnown =
      error instanceof FormatError || error instanceof LayerMismatch || error instanceof IncompleteInventory;
    return { kind: 'incomplete', code: isKnown ? error.code : 'worker.failed', message: error.message, layer: current };
  }
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  const parts: [T[], T[]] = [[], []];
  for (const one of all) parts[isFirst(one) ? 0 : 1].push(one);
  return parts;
}

function scannerOf({ rules, key }: SecretsOrder): SecretScanner {
  return new SecretScanner(rules, key === null ? null : Buffer.from(key, 'base64'));
}

function next(frames: Generator<Frame>): Frame {
  const { done, value } = frames.next();
  if (done) throw new FormatError('tar.truncated', 'the input of the worker ends too early');
  return value;
}

function expect(frames: Generator<Frame>, type: number): Frame {
  const frame = next(frames);
  if (frame.type !== type) throw new Error(`the worker got frame ${frame.type}, expected ${type}`);
  return frame;
}

/** Bytes taken at once from a channel; the socket behind it holds about a fifth of that. */
const CHANNEL_READ_BYTES = 1024 * 1024;

/**
 * Reads a layer that another process inflates. Blocking reads into one buffer cost half of what a stream does: nothing
 * is allocated, and the worker has nothing else to do.
 */
function readChannel(
  frames: Generator<Frame>,
  channel: number,
  claim: LayerClaim,
  analysers: readonly Analyser[],
  limits: { readonly maxBytes: number; readonly maxEntries: number },
): LayerResult {
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
  expect(frames, FRAME.channelEnd);
  return reading.finish(claim);
}

async function* layerBytes(first: Frame, frames: Generator<Frame>): AsyncGenerator<Uint8Array> {
  for (let frame = first; frame.type !== FRAME.layerEnd; frame = next(frames)) {
    if (frame.type !== FRAME.piece) throw new Error(`the worker got frame ${frame.type} inside a layer`);
    yield frame.body;
  }
}

async function send(output: Writable, type: typeof FRAME.layer | typeof FRAME.answer, body: Uint8Array): Promise<void> {
  output.write(frameHeader(type, body.length));
  if (!output.write(body)) await once(output, 'drain');
}
