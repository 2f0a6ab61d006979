import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { LogLine, LogOptions } from '../engine.ts';
import { LOG_LINE_BYTES_MAX } from '../limits.ts';
import { fileBytes } from '../volume-folders.ts';

/** Bytes of a container's log before it is turned over; the previous file is kept until the next turn. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;
const READ_BYTES = 64 * 1024;
/** While nothing comes: as fast as somebody reading along would notice. */
const FOLLOW_MS = 150;

/**
 * Lines of a log file as CRI servers write it: time, stream, `F` for a whole line or `P` for a part of one, and the text
 * (kubernetes/design-proposals, "CRI logging").
 * @param hasEnded whether nothing more will be written
 */
export async function* readLog(
  path: string,
  options: LogOptions,
  hasEnded: () => Promise<boolean>,
): AsyncGenerator<LogLine> {
  const since = options.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(options.since);
  const until = options.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(options.until);
  const last: LogLine[] = [];
  const { tail, follow, signal } = options;
  // All that is there is read before the last lines of it are known; what comes later is passed on at once.
  let isTailing = tail !== undefined;
  let file = await openLog(path);
  let at = 0;
  let rest = Buffer.alloc(0);
  const parts = new Map<LogLine['stream'], string>();
  let isLeaving = false;
  // A server tells an end as soon as it knows of it, and may still have the last lines to write: followed until none come.
  let isQuiet = follow !== true;
  try {
    for (;;) {
      if (signal?.aborted) return;
      const ended = follow === true ? await hasEnded() : true;
      const from = at;
      file ??= await openLog(path);
      for (let chunk = await readAt(file, at); chunk.length > 0; chunk = await readAt(file, at)) {
        at += chunk.length;
        const text = Buffer.concat([rest, chunk]);
        const end = text.lastIndexOf(0x0a) + 1;
        rest = text.length - end > LOG_LINE_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(text.subarray(end));
        for (const raw of text.subarray(0, end).toString('utf8').split('\n')) {
          const line = joined(raw, parts);
          if (line === null) continue;
          const atMs = Date.parse(line.time);
          if (atMs < since) continue;
          if (atMs > until) return;
          if (!isTailing) yield line;
          else {
            last.push(line);
            if (last.length > (tail ?? 0)) last.shift();
          }
        }
      }
      if (isTailing) {
        isTailing = false;
        yield* last;
      }
      if (isLeaving) {
        await file?.close();
        file = null;
        at = 0;
        rest = Buffer.alloc(0);
        isLeaving = false;
        continue;
      }
      if (ended && isQuiet) return;
      isQuiet = follow !== true || (ended && at === from);
      await delay(FOLLOW_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      // What was written to the former one meanwhile is read before it is left.
      isLeaving = await turnedOver(path, file);
    }
  } finally {
    await file?.close();
  }
}

/**
 * Turns a log over that has grown too long; the server opens the new one when it is told. What `reopen` fails with is thrown,
 * and the log keeps its name then.
 */
export async function turnLog(path: string, reopen: () => Promise<void>): Promise<void> {
  const { size } = (await sizeOf(path)) ?? { size: 0 };
  if (size < LOG_BYTES_MAX) return;
  await rename(path, `${path}.1`);
  try {
    await reopen();
  } catch (error) {
    // Without a new file the server writes on to the former: it keeps its name, so that it is found too long again.
    if ((await sizeOf(path)) === null) await rename(`${path}.1`, path);
    throw error;
  }
}

/** Bytes of a log and of what was turned over last. */
export async function logBytes(path: string): Promise<number> {
  return (await fileBytes(path)) + (await fileBytes(`${path}.1`));
}

async function openLog(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    // Nothing was written yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function readAt(file: FileHandle | null, at: number): Promise<Buffer> {
  if (file === null) return Buffer.alloc(0);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, at);
  return buffer.subarray(0, bytesRead);
}

async function turnedOver(path: string, file: FileHandle | null): Promise<boolean> {
  if (file === null) return false;
  const now = await sizeOf(path);
  return now !== null && now.ino !== (await file.stat()).ino;
}

async function sizeOf(path: string): Promise<{ readonly size: number; readonly ino: number } | null> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** A whole line; null for a part of one, which is kept until its end comes. */
function joined(raw: string, parts: Map<LogLine['stream'], string>): LogLine | null {
  const match = /^(\S+) (stdout|stderr) ([FP])(?::\S*)? (.*)$/s.exec(raw);
  if (match === null) return null;
  const [, time = '', stream = 'stdout', tag, text = ''] = match as unknown as [
    string,
    string,
    LogLine['stream'],
    string,
    string,
  ];
  const whole = (parts.get(stream) ?? '') + text;
  if (tag === 'P' && whole.length < LOG_LINE_BYTES_MAX) {
    parts.set(stream, whole);
    return null;
  }
  parts.delete(stream);
  return { stream, time, line: whole, ...(tag === 'P' ? { goesOn: true } : {}) };
}
