import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { items, numberAt, objectAt, textAt } from './answers.ts';
import type { ContainerUse, FileChange, LiveSession, LogLine, OutputPiece, ProcessTable } from './engine.ts';
import { engineFault } from './errors.ts';
import { demultiplex } from './frames.ts';
import type { LibpodClient } from './libpod.ts';
import {
  ACTION_TIMEOUT_MS,
  CHANGES_SHOWN_MAX,
  COPY_SILENCE_MS,
  LIST_BYTES_MAX,
  LIST_TIMEOUT_MS,
  PROCESSES_SHOWN_MAX,
} from './limits.ts';
import { madeWhole } from './made-whole.ts';

/** What people ask of one container through the libpod API: its processes, its use, its files, its terminal. */

/** Pieces of a framed stream that conmon makes are 8 KiB; this bounds what a broken one can claim. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
/** Limits from here on mean that there is none: the kernel rounds "unlimited" down to a page. */
const MEMORY_UNLIMITED = 2 ** 60;

/** What waits to be joined begins soon after; nobody looks for longer. */
const RESIZE_MS = 60_000;
const RESIZE_PAUSE_MS = 50;
const RESIZE_AGAIN_MS = [200, 800, 3_000];

/** What a process writes: raw with a terminal, in frames that name the stream without one. */
export async function* outputOf(stream: Duplex, terminal: boolean): AsyncGenerator<OutputPiece> {
  if (terminal) {
    for await (const bytes of stream as AsyncIterable<Buffer>) yield { stream: 'stdout', bytes };
    return;
  }
  yield* demultiplex(stream as AsyncIterable<Buffer>, FRAME_BYTES_MAX);
}

/**
 * Sizes of a terminal, which only a process that runs has: asked again until there is one or its stream is at its end. Podman
 * also takes a size a moment before the run-time hands over the terminal, and then it is lost: what was taken is said again a
 * few times, which is nothing to a terminal that has that size.
 * @param ask whether it was taken; false: there is no such process yet, or no more
 */
export function resizer(
  stream: Duplex,
  ask: (columns: number, rows: number) => Promise<boolean>,
): LiveSession['resize'] {
  let latest = 0;
  return async (columns, rows) => {
    latest += 1;
    const mine = latest;
    const isOver = (): boolean => mine !== latest || stream.destroyed || stream.readableEnded;
    const untilMs = performance.now() + RESIZE_MS;
    for (let pauseMs = RESIZE_PAUSE_MS; !(await ask(columns, rows)); pauseMs = Math.min(pauseMs * 2, 1_000)) {
      await delay(pauseMs);
      if (isOver() || performance.now() > untilMs) return;
    }
    const again = async (): Promise<void> => {
      for (const pauseMs of RESIZE_AGAIN_MS) {
        await delay(pauseMs, undefined, { ref: false });
        if (isOver() || !(await ask(columns, rows))) return;
      }
    };
    // Nobody waits for it: an engine that is away by now, or a process that has ended, has no use for a size.
    again().catch(() => undefined);
  };
}

/**
 * Joins the first process of a container. Podman makes an ended container ready to start when somebody attaches to it, and
 * then it would run again: of such a one its logs are given.
 */
export async function attachTo(
  client: LibpodClient,
  id: string,
  terminal: boolean,
  logs: () => AsyncIterable<LogLine>,
): Promise<LiveSession> {
  const operation = `attach to ${id.slice(0, 12)}`;
  const { json: found } = await client.ask('GET', `/containers/${id}/json`, { operation, timeoutMs: LIST_TIMEOUT_MS });
  const state = objectAt(objectAt({ found }, 'found'), 'State');
  const status = textAt(state, 'Status');
  if (status === 'exited' || status === 'stopped')
    return endedSession(numberAt(state, 'ExitCode') ?? -1, piecesOf(logs(), terminal));
  // What has not begun has written nothing yet, and has no file of logs.
  const query = `logs=${status === 'running'}&stream=true&stdin=true&stdout=true&stderr=true`;
  const { stream, head } = await client.hijack(`/containers/${id}/attach?${query}`, {
    operation,
    timeoutMs: ACTION_TIMEOUT_MS,
  });
  if (head.length > 0) stream.unshift(head);
  const waited = async (): Promise<number> => {
    // The answer is the bare number.
    const { json } = await client.ask('POST', `/containers/${id}/wait?condition=stopped&condition=exited`, {
      operation: `wait for ${id.slice(0, 12)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
    });
    if (typeof json !== 'number') throw engineFault('engine.answer-invalid', { operation, why: 'no exit code' });
    return json;
  };
  let code: Promise<number> | null = null;
  const exitCode = (): Promise<number> => (code ??= waited());
  const output = async function* (): AsyncGenerator<OutputPiece> {
    if (status === 'running') yield* outputOf(stream, terminal);
    else yield* madeWhole(outputOf(stream, terminal), () => writtenBy(client, id), exitCode);
  };
  return {
    stream,
    output: output(),
    resize: resizer(stream, async (columns, rows) => {
      const { status } = await client.ask('POST', `/containers/${id}/resize?h=${rows}&w=${columns}`, {
        operation: 'resize terminal',
        timeoutMs: LIST_TIMEOUT_MS,
        accept: [404, 409],
      });
      // A conflict: it does not run yet, or no more.
      return status !== 409;
    }),
    exitCode,
  };
}

/** What a container's log has, byte for byte: of a line that has not ended yet as far as it goes. */
async function* writtenBy(client: LibpodClient, id: string): AsyncGenerator<OutputPiece> {
  const response = await client.stream('GET', `/containers/${id}/logs?stdout=true&stderr=true`, {
    operation: `logs of ${id.slice(0, 12)}`,
    timeoutMs: ACTION_TIMEOUT_MS,
  });
  yield* demultiplex(response as AsyncIterable<Buffer>, FRAME_BYTES_MAX);
}

/** Log lines as their process wrote them. */
async function* piecesOf(lines: AsyncIterable<LogLine>, terminal: boolean): AsyncGenerator<OutputPiece> {
  const end = terminal ? '\r\n' : '\n';
  for await (const { stream, line } of lines) yield { stream, bytes: Buffer.from(`${line}${end}`) };
}

function endedSession(code: number, output: AsyncIterable<OutputPiece>): LiveSession {
  // Nobody reads its input any more.
  const stream = new PassThrough();
  stream.resume();
  return { stream, output, resize: async () => undefined, exitCode: async () => code };
}

export async function readStats(client: LibpodClient, ids: readonly string[]): Promise<ContainerUse[]> {
  if (ids.length === 0) return [];
  const query = ids.map((id) => `containers=${id}`).join('&');
  const { json } = await client.ask('GET', `/containers/stats?stream=false&${query}`, {
    operation: 'stats',
    timeoutMs: ACTION_TIMEOUT_MS,
    maxBytes: LIST_BYTES_MAX,
    // One that ended meanwhile makes Podman refuse the question as a whole.
    accept: [404, 409, 500],
  });
  return items(objectAt({ json }, 'json')['Stats']).map((one) => {
    const limit = numberAt(one, 'MemLimit') ?? 0;
    return {
      id: textAt(one, 'ContainerID') ?? '',
      cpuNanos: numberAt(one, 'CPUNano') ?? 0,
      memoryBytes: numberAt(one, 'MemUsage') ?? 0,
      memoryLimitBytes: limit > 0 && limit < MEMORY_UNLIMITED ? limit : null,
      receivedBytes: numberAt(one, 'NetInput') ?? 0,
      sentBytes: numberAt(one, 'NetOutput') ?? 0,
      readBytes: numberAt(one, 'BlockInput') ?? 0,
      writtenBytes: numberAt(one, 'BlockOutput') ?? 0,
      processes: numberAt(one, 'PIDs') ?? 0,
    };
  });
}

export async function readProcesses(client: LibpodClient, id: string): Promise<ProcessTable> {
  const { json } = await client.ask('GET', `/containers/${id}/top?stream=false`, {
    operation: `processes of ${id.slice(0, 12)}`,
    timeoutMs: ACTION_TIMEOUT_MS,
  });
  const { Titles: titles, Processes: processes } = objectAt({ json }, 'json');
  if (!Array.isArray(titles) || !Array.isArray(processes)) {
    throw engineFault('engine.answer-invalid', { operation: 'processes', why: 'no table' });
  }
  return {
    titles: titles.map(String),
    processes: processes.slice(0, PROCESSES_SHOWN_MAX).map((row) => (Array.isArray(row) ? row.map(String) : [])),
  };
}

const CHANGES = ['changed', 'added', 'removed'] as const;

export async function readChanges(client: LibpodClient, id: string): Promise<FileChange[]> {
  const { json } = await client.ask('GET', `/containers/${id}/changes`, {
    operation: `changes of ${id.slice(0, 12)}`,
    timeoutMs: ACTION_TIMEOUT_MS,
    maxBytes: LIST_BYTES_MAX,
  });
  return items(json)
    .slice(0, CHANGES_SHOWN_MAX)
    .map((one) => ({ path: textAt(one, 'Path') ?? '', kind: CHANGES[numberAt(one, 'Kind') ?? 0] ?? 'changed' }));
}

export async function openArchive(client: LibpodClient, id: string, path: string): Promise<AsyncIterable<Buffer>> {
  return (await client.stream('GET', `/containers/${id}/archive?path=${encodeURIComponent(path)}`, {
    operation: `copy ${path}`,
    timeoutMs: ACTION_TIMEOUT_MS,
  })) as AsyncIterable<Buffer>;
}

export async function fillArchive(
  client: LibpodClient,
  id: string,
  folder: string,
  tar: AsyncIterable<Uint8Array>,
): Promise<void> {
  await client.send(`/containers/${id}/archive?path=${encodeURIComponent(folder)}`, tar, 'application/x-tar', {
    operation: `copy to ${folder}`,
    timeoutMs: COPY_SILENCE_MS,
  });
}
