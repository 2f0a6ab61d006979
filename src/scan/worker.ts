import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { FormatError } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
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
} from './layer.ts';
import { IMAGE_BYTES_MAX, IMAGE_ENTRIES_MAX, LAYER_RESULT_MAX_BYTES } from './limits.ts';
import type { Inventory } from './package.ts';

/** What the worker is asked: the layers of one image, lowest first, in the order in which they will come. */
export interface ScanOrder {
  readonly layers: readonly {
    readonly claim: LayerClaim | typeof NO_CLAIM;
    /** Its stored result comes instead of its bytes. */
    readonly known: boolean;
  }[];
}

export type WorkerAnswer =
  | { readonly kind: 'inventory'; readonly inventory: Inventory }
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
    const results: LayerResult[] = [];
    let bytesLeft = IMAGE_BYTES_MAX;
    let entriesLeft = IMAGE_ENTRIES_MAX;
    for (const { claim, known } of order.layers) {
      current = claim === NO_CLAIM ? null : claim.digest;
      let result: LayerResult;
      if (known) {
        result = decodeLayerResult((await expect(frames, FRAME.known)).body);
      } else {
        result = await analyseLayer(layerBytes(frames), claim, ANALYSERS, {
          maxBytes: bytesLeft,
          maxEntries: entriesLeft,
        });
        await send(output, FRAME.layer, encodeLayerResult(result));
      }
      bytesLeft -= result.uncompressedBytes;
      entriesLeft -= result.entries;
      results.push(result);
    }
    current = null;
    return { kind: 'inventory', inventory: mergeInventory(results, ANALYSERS) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isKnown =
      error instanceof FormatError || error instanceof LayerMismatch || error instanceof IncompleteInventory;
    return { kind: 'incomplete', code: isKnown ? error.code : 'worker.failed', message: error.message, layer: current };
  }
}

async function expect(frames: AsyncGenerator<Frame>, type: number): Promise<Frame> {
  const next = await frames.next();
  if (next.done) throw new FormatError('tar.truncated', 'the input of the worker ends too early');
  if (next.value.type !== type) throw new Error(`the worker got frame ${next.value.type}, expected ${type}`);
  return next.value;
}

async function* layerBytes(frames: AsyncGenerator<Frame>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await frames.next();
    if (next.done) throw new FormatError('tar.truncated', 'the layer ends too early');
    const { type, body } = next.value;
    if (type === FRAME.layerEnd) return;
    if (type !== FRAME.piece) throw new Error(`the worker got frame ${type} inside a layer`);
    yield body;
  }
}

async function send(output: Writable, type: typeof FRAME.layer | typeof FRAME.answer, body: Uint8Array): Promise<void> {
  output.write(frameHeader(type, body.length));
  if (!output.write(body)) await once(output, 'drain');
}
