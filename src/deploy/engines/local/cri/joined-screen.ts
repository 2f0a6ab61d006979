import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../../../system/index.ts';
import type { OutputPiece } from '../engine.ts';
import { Told } from '../made-whole.ts';

const LINE_END = Buffer.from('\r\n');
/** A server writes its log a moment after it hands a line on. */
const LOOKS_MAX = 20;
const LOOK_MS = 50;

/**
 * What a terminal says to somebody who joins it while it runs: what its log has so far at once, then what the server hands
 * on, and after the end what it did not. A server begins to hand on a moment after it was asked to, and of what a program
 * says meanwhile some comes twice and some not at all: the first bytes are found in the log.
 * @param log its pieces from the beginning on; a log has no line that has not ended yet
 * @param isOver whether the container has ended
 * @param unheard bytes that the log had before the server was asked: none of them is handed on
 */
export async function* joinedScreen(
  handed: AsyncIterable<OutputPiece>,
  log: (follow: boolean) => AsyncIterable<OutputPiece>,
  isOver: () => Promise<boolean>,
  unheard: number,
): AsyncGenerator<OutputPiece> {
  const told = new Told();
  const tell = (bytes: Buffer): OutputPiece => {
    told.add(bytes);
    return { stream: 'stdout', bytes };
  };
  const before = await readAll(log(false));
  if (before.length > 0) yield tell(before);
  let again: number | null = null;
  try {
    for await (const { bytes } of handed) {
      let fresh = bytes;
      if (again === null) {
        const { at, missed } = await placed(bytes, { told: before.length, unheard }, log);
        again = Math.max(0, before.length - at);
        if (missed.length > 0) yield tell(missed);
      }
      if (again > 0) {
        fresh = bytes.subarray(again);
        again -= bytes.length - fresh.length;
      }
      if (fresh.length > 0) yield tell(fresh);
    }
  } catch (error) {
    if (!(error instanceof Fault) || !(await isOver())) throw error;
  }
  if (!(await isOver())) return;
  // Whoever tells the end of a line does not tell whether there was one at the end of all.
  const all = await readAll(log(true));
  const rest = all.subarray(told.bytes);
  const known = new Told();
  known.add(all.subarray(0, told.bytes));
  if (rest.length > 0 && !rest.equals(LINE_END) && known.digest() === told.digest())
    yield { stream: 'stdout', bytes: rest };
}

/** Where the first bytes that were handed on are, and what the log has before them that was not told. */
async function placed(
  first: Buffer,
  { told, unheard }: { readonly told: number; readonly unheard: number },
  log: (follow: boolean) => AsyncIterable<OutputPiece>,
): Promise<{ readonly at: number; readonly missed: Buffer }> {
  const isLine = first.includes(LINE_END);
  for (let look = 1; ; look += 1) {
    const all = await readAll(log(false));
    const at = beginningOf(first, all, unheard);
    // Of a line that was handed on the log has the beginning soon.
    if (at < all.length || !isLine || look >= LOOKS_MAX) return { at, missed: all.subarray(told, Math.max(told, at)) };
    await delay(LOOK_MS);
  }
}

/** Where in the log it begins, as far as the log goes; at its end when it has nothing of it. */
function beginningOf(first: Buffer, all: Buffer, from: number): number {
  for (let at = from; at <= all.length; at += 1) {
    const shared = Math.min(first.length, all.length - at);
    if (all.compare(first, 0, shared, at, at + shared) === 0) return at;
  }
  return all.length;
}

export async function readAll(pieces: AsyncIterable<OutputPiece>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { bytes } of pieces) parts.push(bytes);
  return Buffer.concat(parts);
}
