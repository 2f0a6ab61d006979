import { createHash } from 'node:crypto';
import { Fault } from '../../../system/index.ts';
import type { OutputPiece } from './engine.ts';

/** How far into a log the first bytes that came are looked for. */
const MISSED_BYTES_MAX = 1024 * 1024;

/**
 * What a process says to somebody who joined it before it began, whole. Podman's monitor gives only what comes after it has
 * noticed that somebody is there, and on a busy machine that is after the first bytes, or after the end; Podman itself stops
 * giving as soon as an input is refused. The log, which the monitor writes first, has all of it: what is missing before the
 * first bytes is told before them, what is missing at the end after the process has ended.
 * @param log from the beginning on, as far as it is now
 * @param ended resolves when the process has ended and its log has the last of it
 */
export async function* madeWhole(
  pieces: AsyncIterable<OutputPiece>,
  log: () => AsyncIterable<OutputPiece>,
  ended: () => Promise<unknown>,
): AsyncGenerator<OutputPiece> {
  const told = { stdout: new Told(), stderr: new Told() };
  const tell = (piece: OutputPiece): OutputPiece => {
    told[piece.stream].add(piece.bytes);
    return piece;
  };
  for await (const piece of pieces) {
    if (told[piece.stream].bytes === 0) {
      const bytes = await missedBefore(log(), piece);
      if (bytes.length > 0) yield tell({ stream: piece.stream, bytes });
    }
    yield tell(piece);
  }
  await ended();
  yield* missedAfter(log(), told);
}

/** Bytes of one stream that were handed on, in order. */
export class Told {
  bytes = 0;
  readonly #hash = createHash('sha256');

  add(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#hash.update(bytes);
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

async function missedBefore(log: AsyncIterable<OutputPiece>, first: OutputPiece): Promise<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let missed: Buffer | null = null;
  try {
    // Read to its end: Podman does not notice a reader that leaves.
    for await (const { stream, bytes } of log) {
      if (stream !== first.stream || missed !== null || held.length > MISSED_BYTES_MAX) continue;
      held = Buffer.concat([held, bytes]);
      const at = held.indexOf(first.bytes);
      if (at >= 0) missed = held.subarray(0, at);
    }
  } catch (error) {
    // What came is told in any case; its log can only add to it.
    if (!(error instanceof Fault)) throw error;
  }
  return missed ?? Buffer.alloc(0);
}

/** The rest of each stream whose log begins as what was told; one that was turned over meanwhile says nothing of it. */
async function* missedAfter(
  log: AsyncIterable<OutputPiece>,
  told: Readonly<Record<OutputPiece['stream'], Told>>,
): AsyncGenerator<OutputPiece> {
  const seen = { stdout: new Told(), stderr: new Told() };
  const differs = new Set<OutputPiece['stream']>();
  try {
    for await (const { stream, bytes } of log) {
      const [mine, its] = [told[stream], seen[stream]];
      if (differs.has(stream)) continue;
      const known = bytes.subarray(0, Math.max(0, mine.bytes - its.bytes));
      const rest = bytes.subarray(known.length);
      its.add(known);
      if (rest.length === 0) continue;
      if (its.digest() === mine.digest()) yield { stream, bytes: rest };
      else differs.add(stream);
    }
  } catch (error) {
    if (!(error instanceof Fault) || told.stdout.bytes + told.stderr.bytes === 0) throw error;
  }
}
