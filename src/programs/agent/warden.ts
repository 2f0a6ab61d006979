import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type Log, startChild } from '../../system/index.ts';
import type { FromWarden, ToWarden, WardenWord } from '../warden/messages.ts';

const RESTART_MS = [200, 1_000, 5_000] as const;
/** A warden that lived this long failed for a new reason. */
const HEALTHY_MS = 60_000;
/** It says every second that it lives; one that does not is ended, and the kernel lets everything go that waited. */
const SILENT_MS = 5_000;
const LINE_LENGTH_MAX = 1024 * 1024;

const text = z.string().max(65_536);
const pid = z.number().int().min(0).max(0x7fff_ffff);
const fromWarden = z.discriminatedUnion('type', [
  z.object({ type: z.literal('alive') }),
  z.object({ type: z.literal('ready'), why: text.nullable() }),
  z.object({
    type: z.literal('guarded'),
    containerId: z.string().max(64),
    why: text.nullable(),
    drift: text.nullable(),
  }),
  z.object({
    ...{ type: z.literal('met'), containerId: z.string().max(64), rule: z.number().int().min(0), path: text },
    ...{
      act: z.enum(['exec', 'open']),
      outcome: z.enum(['blocked', 'reported']),
      late: z.boolean(),
      at: z.iso.datetime(),
    },
    process: z.object({
      pid,
      ppid: pid,
      name: text,
      exe: text,
      cmdline: text,
      cwd: text,
      uid: z.number().int().min(0),
    }),
    ancestors: z.array(z.object({ pid, name: text, exe: text, cmdline: text })).max(64),
  }),
]);

export interface WardenOptions {
  readonly log: Log;
  /** Program and arguments. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly onMessage: (message: FromWarden) => void;
  /** It is no more; what it guarded is not guarded until it is ready again. */
  readonly onGone: () => void;
}

/** Keeps a warden running while anything is to be asked of one. It ends with this process: its standard input closes. */
export class Warden {
  readonly #options: WardenOptions;
  #child: ChildProcess | null = null;
  #words: readonly WardenWord[] = [];
  #failures = 0;
  #heardMs = 0;
  #watch: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: WardenOptions) {
    this.#options = options;
  }

  /** What is to be guarded from now on; without anything there is no warden. */
  set(words: readonly WardenWord[]): void {
    this.#words = words;
    if (words.length === 0) {
      this.#end();
      return;
    }
    if (this.#child === null) {
      if (this.#again === undefined) this.#start();
    } else this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #start(): void {
    this.#again = undefined;
    if (this.#isClosed || this.#words.length === 0) return;
    const { argv, environment, log } = this.#options;
    const [file = '', ...args] = argv;
    const startedMs = performance.now();
    this.#heardMs = startedMs;
    let child: ChildProcessWithoutNullStreams;
    try {
      child = startChild(file, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd: '/', env: { ...environment } });
    } catch (error) {
      log.error({ err: error }, 'the warden could not be started');
      this.#startAgain(startedMs);
      return;
    }
    this.#child = child;
    child.stdin.on('error', () => child.kill('SIGKILL'));
    child.on('error', (error) => log.error({ err: error }, 'the warden could not be started'));
    child.stderr.on('data', (chunk: Buffer) => log.warn({ said: chunk.toString('utf8').slice(0, 500) }, 'the warden'));
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(child, line));
    this.#watch = setInterval(() => {
      if (performance.now() - this.#heardMs > SILENT_MS) child.kill('SIGKILL');
    }, 1_000);
    this.#watch.unref();
    child.once('close', () => {
      if (this.#child !== child) return;
      this.#child = null;
      clearInterval(this.#watch);
      this.#options.onGone();
      this.#startAgain(startedMs);
    });
    this.#tell();
  }

  #startAgain(startedMs: number): void {
    this.#failures = performance.now() - startedMs > HEALTHY_MS ? 0 : this.#failures + 1;
    const wait = RESTART_MS[Math.min(this.#failures, RESTART_MS.length - 1)];
    this.#again = setTimeout(() => this.#start(), wait);
    this.#again.unref();
  }

  #hear(child: ChildProcess, line: string): void {
    if (this.#child !== child) return;
    this.#heardMs = performance.now();
    let value: unknown = null;
    try {
      value = line.length > LINE_LENGTH_MAX ? null : JSON.parse(line);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    const message = fromWarden.safeParse(value).data;
    if (message === undefined) this.#options.log.warn({}, 'the warden sent something that cannot be read');
    else if (message.type !== 'alive') this.#options.onMessage(message);
  }

  #tell(): void {
    const message: ToWarden = { type: 'guards', guards: this.#words };
    this.#child?.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #end(): void {
    clearTimeout(this.#again);
    this.#again = undefined;
    clearInterval(this.#watch);
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.stdin?.end();
    // One that does not end holds what it guarded as before, and nobody listens to it any more.
    const late = setTimeout(() => child.kill('SIGKILL'), SILENT_MS);
    late.unref();
    child.once('close', () => clearTimeout(late));
  }
}

/**
 * Rights of the warden: to be asked by the kernel, to see the mounts and files of containers, and to keep
 * writers waiting while a file is compared; nothing else of root's. It goes
 * before others when all want the processors: programs wait for its answer.
 */
export function wardenArguments(code: string, node: string, pins: string): string[] {
  return [
    ...[
      ...['nice', '-n', '-14'],
      'setpriv',
      '--bounding-set=-all,+sys_admin,+sys_ptrace,+dac_read_search,+lease',
      '--inh-caps=-all',
      '--no-new-privs',
      '--',
    ],
    ...[node, '--disable-warning=ExperimentalWarning', '--max-old-space-size=64', '--max-semi-space-size=1'],
    join(code, 'src', 'programs', 'warden.ts'),
    pins,
  ];
}
