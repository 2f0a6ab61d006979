/** Events as people watch them live: who did what, to what, and how it ended. */
import { commandLine, type KernelEvent } from './event.ts';
import { fieldReader } from './fields.ts';
import { EVENT_NAMES, RECORD } from './layout.ts';

export interface Activity {
  /** RFC 3339, milliseconds. */
  readonly at: string;
  /** Falco's name of the event. */
  readonly type: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  readonly pid: number;
  readonly process: string;
  readonly parent: string;
  readonly exe: string;
  readonly uid: number;
  /** The file, address or child that it is about. */
  readonly about: string | null;
  readonly result: string | null;
  /** Command lines and arguments of calls; null for who may not see them. */
  readonly arguments: string | null;
}

/** Longer texts are cut: a line on a screen has some two hundred. */
const TEXT_LENGTH_MAX = 1_024;

/** Fields that tell what was on a command line, in the environment or in the arguments of a call: there passwords stand. */
export const ARGUMENT_FIELDS: ReadonlySet<string> = new Set([
  ...['proc.args', 'proc.cmdline', 'proc.pcmdline', 'proc.acmdline', 'proc.exeline', 'proc.env', 'proc.aenv'],
  // A length, asked for step by step, tells of a password as well.
  'proc.cmdlenargs',
  ...['evt.args', 'evt.arg', 'evt.rawarg', 'evt.info', 'evt.buffer', 'evt.buffer.b64'],
]);

const readName = fieldReader('fd.name', null);
const readPath = fieldReader('fs.path.name', null);
const readArguments = fieldReader('evt.args', null);
const readResult = fieldReader('evt.res', null);

/** @param withArguments whether whoever looks may see them */
export function describeActivity(event: KernelEvent, withArguments: boolean): Activity {
  const { process, container } = event;
  return {
    at: new Date(Math.floor(event.wallTimeNs / 1e6)).toISOString(),
    type: EVENT_NAMES[event.type] ?? '',
    project: container?.project ?? null,
    environment: container?.environment ?? null,
    workload: container?.workload ?? null,
    pod: container?.pod ?? null,
    container: container?.container ?? container?.name ?? container?.id.slice(0, 12) ?? null,
    pid: process.pid,
    process: cut(process.name),
    parent: cut(event.surroundings.parentOf(process)?.name ?? process.parentName),
    exe: cut(process.exePath),
    uid: process.uid,
    about: aboutOf(event),
    result: textOf(readResult?.(event) ?? null),
    arguments: withArguments ? argumentsOf(event) : null,
  };
}

function aboutOf(event: KernelEvent): string | null {
  if (event.type === RECORD.exec) return cut(event.process.exePath);
  if (event.type === RECORD.fork) return textOf(fieldReader('evt.arg', 'pid')?.(event) ?? null);
  if (event.type === RECORD.exit) return null;
  return textOf(readName?.(event) ?? readPath?.(event) ?? null);
}

function argumentsOf(event: KernelEvent): string | null {
  if (event.type === RECORD.exec) return cut(commandLine(event.process));
  if (event.type === RECORD.fork || event.type === RECORD.exit) return null;
  return textOf(readArguments?.(event) ?? null);
}

function textOf(value: unknown): string | null {
  return value === null || value === '' ? null : cut(String(value));
}

function cut(text: string): string {
  return text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text;
}
