import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createReadStream } from 'node:fs';
import type { Socket } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { detectCompression, STREAM_CHUNK_BYTES } from '../formats/index.ts';
import { keptBundle, startChild, streamToFile } from '../system/index.ts';
import { FRAME, FrameSender, readFrames } from './frames.ts';
import { findInflater, type Inflater, inflateInto, LayerRefused } from './inflater.ts';
import { NO_CLAIM } from './layer.ts';
import {
  INFLATER_LAYER_MIN_BYTES,
  INFLATER_LAYERS_MAX,
  INVENTORY_MAX_BYTES,
  LAYER_RESULT_MAX_BYTES,
  WORKER_HEAP_MIB,
  WORKER_TIMEOUT_MS,
  WORKER_YOUNG_MIB,
} from './limits.ts';
import { plainProgram } from './plain-program.ts';
import type { ScanOrder, WorkerAnswer } from './worker.ts';
import { WorkerFailure } from './worker-failure.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface ConfinedOptions {
  /** @default the worker of this checkout; tests put another in its place */
  readonly program?: string;
  /** @default 15 minutes */
  readonly timeoutMs?: number;
  /** @default 768 */
  readonly heapMib?: number;
  readonly signal?: AbortSignal;
  /** Null: no other process inflates. @default igzip where it can be confined */
  readonly inflater?: Inflater | null;
  /** Smaller layers are inflated by the worker itself. @default 4 MiB */
  readonly inflateFromBytes?: number;
}

export interface ConfinedInput {
  readonly order: ScanOrder;
  /** For each layer of the order: the stored result when it is known, else its bytes. */
  readonly layers: readonly (() => Uint8Array | AsyncIterable<Uint8Array>)[];
  /** Called with the result of each layer that was read, in order. */
  readonly onLayer: (index: number, result: Uint8Array) => void;
}

/**
 * Runs one scan in a process of its own that may read its own program and nothing else: Node's permission model refuses
 * files, network, child processes, workers, add-ons and FFI; the environment says nothing; heap and time are bounded.
 *
 * @throws WorkerFailure for a crash, a timeout, garbage, or content that cannot be read
 */
export async function runConfined(input: ConfinedInput, options: ConfinedOptions = {}): Promise<WorkerAnswer> {
  const channels = await planChannels(input, options);
  const child = spawnConfined(options.program ?? 'scan-worker.ts', {
    ...(options.heapMib === undefined ? {} : { heapMib: options.heapMib }),
    channels: channels.size,
    // A scan is done before V8's best code pays, which costs an eighth of it (measured). The loops that see every byte are
    // programs of their own (secrets/machine/), which this does not change.
    flags: ['--max-opt=2'],
  });
  const timeoutMs = options.timeoutMs ?? WORKER_TIMEOUT_MS;
  let failure: WorkerFailure | null = null;
  let refused: WorkerAnswer | null = null;
  const stop = (reason: WorkerFailure): void => {
    failure ??= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => {
    stop(new WorkerFailure('worker.timeout', `the scan took longer than ${timeoutMs} ms`));
  }, timeoutMs);
  const onAbort = (): void => stop(new WorkerFailure('worker.aborted', 'the scan was stopped'));
  if (options.signal?.aborted === true) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const ended = waitForEnd(child);
  const complaint = collectComplaint(child);
  try {
    const feeding = feed(child, input, channels).catch((error: unknown) => {
      if (error instanceof LayerRefused) {
        const { code, message, layer } = error;
        refused = { kind: 'incomplete', code, message, layer };
        child.kill('SIGKILL');
        return;
      }
      const message = error instanceof Error ? error.message : String(error);
      stop(new WorkerFailure('content.unreadable', message, { cause: error }));
    });
    const answer = await readAnswer(child, input).catch((error: unknown) => {
      stop(new WorkerFailure('worker.garbage', 'the scan worker answered garbage', { cause: error }));
      return null;
    });
    // Whatever it still does, it has nothing more to say.
    if (answer) child.kill('SIGKILL');
    child.stdin.destroy();
    await Promise.all([feeding, ended]);
    if (failure) throw failure;
    // What the worker found wrong came first: it is why the inflater could not go on.
    if (!answer && refused) return refused;
    if (!answer) throw new WorkerFailure('worker.crashed', `the scan worker ended early: ${await complaint}`);
    return answer;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

/**
 * A program that may read its own code and use its three standard streams.
 *
 * @param name of one of our programs, or the path of another
 */
export function spawnConfined(
  name: string,
  {
    heapMib = WORKER_HEAP_MIB,
    channels = 0,
    flags = [],
  }: { readonly heapMib?: number; readonly channels?: number; readonly flags?: readonly string[] } = {},
): ChildProcessWithoutNullStreams {
  const isOurs = !isAbsolute(name);
  const source = isOurs ? join(ROOT, 'src/programs', name) : name;
  const bundle = name === 'scan-worker.ts' ? keptBundle('scan-worker') : null;
  const plain = bundle ?? (isOurs ? plainProgram(source, ROOT) : null);
  const program = plain?.program ?? source;
  const code = plain ? [plain.folder] : [`${ROOT}src`, program];
  return startChild(
    process.execPath,
    [
      '--permission',
      // One library: the TOML reader, loaded when the first such lock file is met.
      ...[...code, `${ROOT}package.json`, `${ROOT}node_modules/smol-toml`].map((path) => `--allow-fs-read=${path}`),
      `--max-old-space-size=${heapMib}`,
      `--max-semi-space-size=${WORKER_YOUNG_MIB}`,
      `--min-semi-space-size=${WORKER_YOUNG_MIB}`,
      ...flags,
      '--no-warnings',
      program,
    ],
    // Each thread of V8 has an arena of glibc's of its own otherwise, of 3 MiB each here, for no speed.
    {
      cwd: '/',
      env: { MALLOC_ARENA_MAX: '1' },
      stdio: ['pipe', 'pipe', 'pipe', ...Array.from({ length: channels }, () => 'pipe' as const)],
    },
  ) as ChildProcessWithoutNullStreams;
}

/**
 * Inflates a gzip or zstd file into a new one, in a child with the worker's rights: none.
 *
 * @throws Error that says why, when the bytes are broken, a bomb, or the disk is full; the new file is then of no use
 */
export async function inflateConfined(from: string, to: string, options: { signal?: AbortSignal } = {}): Promise<void> {
  const child = spawnConfined('scan-inflate.ts');
  const onAbort = (): boolean => child.kill('SIGKILL');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const complaint = collectComplaint(child);
  const ended = waitForEnd(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), WORKER_TIMEOUT_MS);
  try {
    // EPIPE: the child has given up, and says why itself.
    const feeding = pipeline(createReadStream(from, { highWaterMark: STREAM_CHUNK_BYTES }), child.stdin).catch(
      () => undefined,
    );
    await streamToFile(to, [child.stdout], { exclusive: true });
    await Promise.all([feeding, ended]);
    if (child.exitCode !== 0) throw new Error(await complaint);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
  }
}

export function waitForEnd(child: ChildProcessWithoutNullStreams): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
}

interface Channels {
  readonly inflater: Inflater;
  /** Descriptor of the worker by number of the layer. */
  readonly byLayer: ReadonlyMap<number, number>;
  readonly size: number;
}

const NO_CHANNELS = { inflater: null, byLayer: new Map<number, number>(), size: 0 };
const FIRST_CHANNEL = 3;

/** Large layers are inflated by a child of their own, straight into the worker. */
async function planChannels(
  { order }: ConfinedInput,
  { inflater: chosen, inflateFromBytes = INFLATER_LAYER_MIN_BYTES }: ConfinedOptions,
): Promise<Channels | typeof NO_CHANNELS> {
  const large = order.layers.flatMap(({ claim, known }, index) =>
    claim !== NO_CLAIM && !known && claim.sizeBytes >= inflateFromBytes ? [index] : [],
  );
  if (large.length === 0 || chosen === null) return NO_CHANNELS;
  const inflater = chosen ?? (await findInflater());
  if (!inflater) return NO_CHANNELS;
  const byLayer = new Map(large.slice(0, INFLATER_LAYERS_MAX).map((layer, at) => [layer, FIRST_CHANNEL + at]));
  return { inflater, byLayer, size: byLayer.size };
}

/** The first piece of a stream, and the whole stream; `end` sets free what the source holds, however much of it was taken. */
async function withFirst(
  source: AsyncIterable<Uint8Array>,
): Promise<{ first: Uint8Array; whole: AsyncGenerator<Uint8Array>; end: () => Promise<void> }> {
  const pieces = source[Symbol.asyncIterator]();
  const { done, value } = await pieces.next();
  const first: Uint8Array = done ? new Uint8Array(0) : value;
  async function* whole(): AsyncGenerator<Uint8Array> {
    if (done) return;
    yield first;
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
  }
  return {
    first,
    whole: whole(),
    end: async () => {
      await pieces.return?.();
    },
  };
}

async function feed(
  child: ChildProcessWithoutNullStreams,
  input: ConfinedInput,
  { inflater, byLayer }: Channels | typeof NO_CHANNELS,
): Promise<void> {
  const { stdin } = child;
  const frames = new FrameSender(stdin);
  await frames.send(FRAME.order, Buffer.from(JSON.stringify(input.order)));
  for (const [index, open] of input.layers.entries()) {
    const content = open();
    if (content instanceof Uint8Array) {
      await frames.send(FRAME.known, content);
      continue;
    }
    const { first, whole, end } = await withFirst(content);
    try {
      const claim = input.order.layers[index]?.claim ?? NO_CLAIM;
      const channel = byLayer.get(index);
      if (inflater && channel !== undefined && claim !== NO_CLAIM && detectCompression(first) === 'gzip') {
        await frames.send(FRAME.channel, Uint8Array.of(channel));
        await inflateInto(child.stdio[channel] as unknown as Socket, inflater, whole, claim);
        await frames.send(FRAME.channelEnd, new Uint8Array(0));
        continue;
      }
      for await (const piece of whole) {
        if (!frames.isOpen) return;
        await frames.send(FRAME.piece, piece);
      }
      await frames.send(FRAME.layerEnd, new Uint8Array(0));
    } finally {
      await end();
    }
  }
}

async function readAnswer(child: ChildProcessWithoutNullStreams, input: ConfinedInput): Promise<WorkerAnswer | null> {
  const fresh = input.order.layers.flatMap(({ known }, index) => (known ? [] : [index]));
  for await (const { type, body } of readFrames(child.stdout, Math.max(LAYER_RESULT_MAX_BYTES, INVENTORY_MAX_BYTES))) {
    if (type === FRAME.answer) return JSON.parse(Buffer.from(body).toString()) as WorkerAnswer;
    const index = type === FRAME.layer ? fresh.shift() : undefined;
    if (index === undefined) throw new Error(`the scan worker sent frame ${type}`);
    input.onLayer(index, body.slice());
  }
  return null;
}

/** The last words on standard error, for the report; bounded because the worker may be captured. */
export async function collectComplaint(child: ChildProcessWithoutNullStreams): Promise<string> {
  let text = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (chunk: string) => {
    if (text.length < 4000) text += chunk;
  });
  await waitForEnd(child);
  const lines = text.split('\n').map((line) => line.trim());
  const line =
    lines.find((one) => /^(?:\w*Error\b|FATAL ERROR)/.test(one)) ??
    lines.find((one) => /^the (?:\w+ )?stream /.test(one)) ??
    `exit code ${child.exitCode}, signal ${child.signalCode}`;
  return line.slice(0, 300);
}
