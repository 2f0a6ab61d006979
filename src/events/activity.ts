/** Events as people watch them live: who did what, to what, and how it ended. */
import { type KernelEvent, shownCommandLine } from './event.ts';
import { fieldReader } from './fields.ts';
import { EVENT_NAMES, isFork, RECORD } from './layout.ts';
import { cutText } from './text.ts';

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
  /** A text of it is longer than what is kept. Left out: it is whole. */
  readonly truncated?: true;
}

/** Longer texts are cut: a line on a screen has some two hundred. */
const TEXT_LENGTH_MAX = 1_024;

/** Fields that tell what was on a command line, in the environment or in the arguments of a call: there passwords stand. */
export const ARGUMENT_FIELDS: ReadonlySet<string> = new Set([
  ...[
    'proc.args',
    'proc.cmdline',
    'proc.pcmdline',
    'proc.acmdline',
    'proc.exeline',
    'proc.env',
    'proc.aenv',
    'proc.aargs',
  ],
  'darsena.parent.cmdline',
  // A length, asked for step by step, tells of a password as well.
  'proc.cmdlenargs',
  ...['evt.args', 'evt.arg', 'evt.rawarg', 'evt.info', 'evt.buffer', 'evt.buffer.b64'],
]);

const readName = fieldReader('fd.name', null);
const readPath = fieldReader('evt.abspath', null);
const readArguments = fieldReader('evt.args', null);
const readResult = fieldReader('evt.res', null);
const readChild = fieldReader('evt.arg', 'child');

/** @param withArguments whether whoever looks may see them */
export function describeActivity(event: KernelEvent, withArguments: boolean): Activity {
  const { process, container } = event;
  let isCut = event.isCut;
  const cut = (text: string): string => {
    if (text.length > TEXT_LENGTH_MAX) isCut = true;
    return cutText(text, TEXT_LENGTH_MAX).toWellFormed();
  };
  const orNull = (value: unknown): string | null => {
    const text = String(value ?? '');
    return text === '' ? null : cut(text);
  };
  const activity = {
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
    about: orNull(aboutOf(event)),
    result: orNull(readResult?.(event) ?? null),
    arguments: withArguments ? orNull(argumentsOf(event)) : null,
  };
  return isCut ? { ...activity, truncated: true } : activity;
}

function aboutOf(event: KernelEvent): unknown {
  if (event.type === RECORD.exec) return event.process.exePath;
  if (isFork(event.type)) return readChild?.(event);
  if (event.type === RECORD.exit) return null;
  return readName?.(event) ?? readPath?.(event);
}

function argumentsOf(event: KernelEvent): unknown {
  if (event.type === RECORD.exec) return shownCommandLine(event.process);
  if (isFork(event.type) || event.type === RECORD.exit) return null;
  return readArguments?.(event);
}
