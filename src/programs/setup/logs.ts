import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Clock, Json } from '../../system/index.ts';
import { printable } from '../cli/print.ts';
import { setupFault } from './errors.ts';
import { type Instance, instanceFiles } from './instance.ts';

export const LOGGED_PROGRAMS = ['control', 'agent', 'sensor', 'edge'] as const;
export type LoggedProgram = (typeof LOGGED_PROGRAMS)[number];

/** Read from the end in one piece: a line of a log is a few hundred bytes. */
const TAIL_BYTES_MAX = 4 * 1024 * 1024;
const FOLLOW_POLL_MS = 250;
const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** @throws Fault `setup.no-program` */
export function loggedProgram(name: string): LoggedProgram {
  const found = LOGGED_PROGRAMS.find((program) => program === name);
  if (found === undefined) throw setupFault('setup.no-program', { name, names: LOGGED_PROGRAMS.join(', ') });
  return found;
}

/**
 * Gives the last lines of a program's log, then, when following, each new one until the signal.
 * @throws Fault `setup.not-owner` when the account may not read it
 */
export async function readLog(
  instance: Instance,
  program: LoggedProgram,
  options: { lines: number; follow: boolean; clock: Clock; signal: AbortSignal; onLine: (line: string) => void },
): Promise<void> {
  const path = instanceFiles(instance).log(program);
  let offset = 0;
  const file = await openLog(path, instance, program);
  if (file !== null) {
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - TAIL_BYTES_MAX);
      const text = await readRange(file, start, size);
      const lines = text.split('\n').slice(0, -1);
      for (const line of options.lines === 0 ? [] : lines.slice(-options.lines)) options.onLine(line);
      offset = start + Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1));
    } finally {
      await file.close();
    }
  }
  while (options.follow && !options.signal.aborted) {
    const size = await stat(path).then(
      (stats) => stats.size,
      () => 0,
    );
    // Rotation empties the file in place.
    if (size < offset) offset = 0;
    const next = size > offset ? await openLog(path, instance, program) : null;
    if (next !== null) {
      try {
        const text = await readRange(next, offset, Math.min(size, offset + TAIL_BYTES_MAX));
        const whole = text.slice(0, text.lastIndexOf('\n') + 1);
        for (const line of whole.split('\n').slice(0, -1)) options.onLine(line);
        offset += Buffer.byteLength(whole);
      } finally {
        await next.close();
      }
    }
    await options.clock.sleep(FOLLOW_POLL_MS, options.signal).catch(() => undefined);
  }
}

/** A JSON line of a program as a person reads it; any other line as it is. */
export function formatLogLine(line: string): string {
  const entry = parseEntry(line);
  if (entry === null) return printable(line);
  const { level, time, name, pid: _pid, msg, ...rest } = entry;
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const words = [
    typeof time === 'number' ? new Date(time).toISOString() : String(time ?? ''),
    (LEVELS[Number(level)] ?? String(level ?? '')).padEnd(5),
    String(name ?? ''),
    String(msg ?? ''),
    ...fields,
  ];
  return printable(words.filter((word) => word !== '').join(' '));
}

function parseEntry(line: string): Record<string, Json> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Record<string, Json>;
  } catch {
    return null;
  }
}

async function openLog(path: string, instance: Instance, program: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === 'EACCES') {
      throw setupFault('setup.not-owner', { name: instance.name, command: `darsena logs ${program}` });
    }
    throw error;
  }
}

async function readRange(file: FileHandle, start: number, end: number): Promise<string> {
  const buffer = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
  return buffer.toString('utf8', 0, bytesRead);
}
