import { createContext, Script } from 'node:vm';

/** One true input of a parser, from which broken ones are made. */
export interface FuzzSample {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface FuzzOptions {
  readonly samples: readonly FuzzSample[];
  /** Reads one input and says in a word or two what came of it; expected refusals are answers too, whatever is thrown is a defect. */
  readonly read: (input: FuzzSample) => string;
  readonly seed: number;
  /** Stops after as many inputs, or after this time of the processor. */
  readonly inputs?: number;
  readonly budgetMs: number;
}

export interface FuzzReport {
  readonly inputs: number;
  /** Different answers: a growing corpus of inputs that led somewhere new, as coverage would steer it. */
  readonly answers: number;
  readonly slowestMs: number;
}

/** CPU time that one small input may take; more is a hang. */
const HANG_MS = 1000;
/** An endless loop is interrupted after this, however busy the machine is; setting the alarm costs, so one serves a batch. */
const STOP_MS = 60_000;
const BATCH = 256;
const CORPUS_MAX = 4000;
const INPUT_BYTES_MAX = 256 * 1024;

/**
 * Feeds a parser with mutated samples. Inputs whose answer was not seen before become samples themselves, so mutations
 * pile up along the ways through the parser. The same seed gives the same inputs.
 *
 * @throws the first defect, with the input in base64 and its mutations' seed
 */
export function fuzz({ samples, read, seed, inputs = Number.POSITIVE_INFINITY, budgetMs }: FuzzOptions): FuzzReport {
  const random = randomFrom(seed);
  const corpus = [...samples];
  const answers = new Set<string>();
  // Of the processor: a busy machine tries as much as an idle one.
  const began = process.threadCpuUsage();
  const isOver = (): boolean => {
    const { user, system } = process.threadCpuUsage(began);
    return (user + system) / 1000 >= budgetMs;
  };
  let tried = 0;
  let slowestMs = 0;
  let input = samples[0] as FuzzSample;
  const tryNext = (): void => {
    const base = corpus[random(corpus.length)] as FuzzSample;
    const other = corpus[random(corpus.length)] as FuzzSample;
    input = { path: base.path, bytes: mutate(base.bytes, other.bytes, random) };
    tried++;
    const before = process.threadCpuUsage();
    const answer = read(input);
    const { user, system } = process.threadCpuUsage(before);
    const tookMs = (user + system) / 1000;
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > HANG_MS) throw new Error(`it takes ${Math.round(tookMs)} ms`);
    const shape = answer.replace(/\d+/g, '0').slice(0, 200);
    if (answers.has(shape)) return;
    answers.add(shape);
    if (corpus.length < CORPUS_MAX) corpus.push(input);
  };
  const tryMany = interruptible(() => {
    for (let count = 0; count < BATCH && tried < inputs && !isOver(); count++) tryNext();
  });
  while (tried < inputs && !isOver()) {
    try {
      tryMany();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${describe(input, seed, tried)} is a defect: ${why}`, { cause });
    }
  }
  return { inputs: tried, answers: answers.size, slowestMs: Math.round(slowestMs) };
}

/** Runs a function where an endless loop can be stopped: code that a script has called is, whatever it is in. */
function interruptible(run: () => void): () => void {
  const context = createContext({ run });
  const script = new Script('run()');
  return () => {
    script.runInContext(context, { timeout: STOP_MS });
  };
}

function describe({ path, bytes }: FuzzSample, seed: number, count: number): string {
  const text = Buffer.from(bytes.subarray(0, 4096)).toString('base64');
  return `${path} (seed ${seed}, input ${count}, ${bytes.length} bytes, ${text})`;
}

/** Numbers below a bound by xorshift32: enough for choosing, and the same everywhere. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Values at which numbers in formats turn over. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const TEXTS = [
  '\n',
  '\n\n',
  ':',
  '"',
  '{',
  '}',
  '[',
  ']',
  '\0',
  '\\',
  '=',
  '%',
  '../',
  '-1',
  '1e999',
  '\ud800',
  '<',
  '>',
  '&a',
  '*a',
];

/** One to eight changes of bytes, numbers, pieces or length. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: (below: number) => number): Buffer {
  let data = Buffer.from(bytes);
  for (let left = 1 + random(8); left > 0; left--) {
    const at = random(data.length + 1);
    const length = Math.min(1 + random(1 << random(12)), data.length - at);
    switch (random(10)) {
      case 0:
        if (at < data.length) data[at] = (data[at] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        if (at < data.length) data[at] = random(256);
        break;
      case 2:
        if (at + 4 <= data.length) data.writeUInt32BE(EDGES[random(EDGES.length)] ?? 0, at);
        break;
      case 3:
        if (at + 4 <= data.length) data.writeUInt32LE(EDGES[random(EDGES.length)] ?? 0, at);
        break;
      case 4:
        if (at + 2 <= data.length) data.writeUInt16BE((EDGES[random(EDGES.length)] ?? 0) & 0xffff, at);
        break;
      case 5:
        data = data.subarray(0, at);
        break;
      case 6:
        data = Buffer.concat([data.subarray(0, at), data.subarray(at + length)]);
        break;
      case 7: {
        const from = random(other.length + 1);
        data = Buffer.concat([data.subarray(0, at), other.subarray(from, from + length), data.subarray(at)]);
        break;
      }
      case 8: {
        const piece = data.subarray(at, at + length);
        const copies = Array.from({ length: 1 + random(1 << random(8)) }, () => piece);
        data = Buffer.concat([data.subarray(0, at), ...copies, data.subarray(at)]);
        break;
      }
      default:
        data = Buffer.concat([data.subarray(0, at), Buffer.from(TEXTS[random(TEXTS.length)] ?? ''), data.subarray(at)]);
    }
    if (data.length > INPUT_BYTES_MAX) data = data.subarray(0, INPUT_BYTES_MAX);
  }
  // A copy of its own, so that a parser that reads beyond its bytes does not find the next one's.
  return Buffer.from(new Uint8Array(data).buffer);
}
