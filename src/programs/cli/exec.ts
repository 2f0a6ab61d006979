import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type CliProgram, defineFaults, type Problem, ProblemReply, whenClosed } from '../../system/index.ts';
import { reviveFault, SESSION_PROTOCOL, type SerializedFault } from '../link/protocol.ts';
import { encodeFrame, FRAME, readFrames, writeWhole } from '../link/session.ts';

export const execFault = defineFaults({
  'cli.workload-name': {
    kind: 'invalid',
    en: { what: '"{name}" names no workload', why: 'expected project/workload, such as tienda/web' },
    es: { what: '"{name}" no nombra una carga de trabajo', why: 'se esperaba proyecto/carga, como tienda/web' },
  },
  'cli.session-lost': {
    kind: 'unavailable',
    en: {
      what: 'the session with {name} was cut',
      why: 'the connection ended before the command did',
      remedy: 'darsena ps',
    },
    es: { what: 'la sesión con {name} se cortó', why: 'la conexión terminó antes que la orden', remedy: 'darsena ps' },
  },
  'cli.count': {
    kind: 'invalid',
    en: { what: '"{text}" is no number', why: 'expected a whole number from {least} to {most}' },
    es: { what: '"{text}" no es un número', why: 'se esperaba un número entero de {least} a {most}' },
  },
  'cli.time': {
    kind: 'invalid',
    en: { what: '"{text}" is no time', why: 'expected 10m, 2h, 2026-11-22T10:00:00Z or seconds since 1970' },
    es: { what: '"{text}" no es un tiempo', why: 'se esperaba 10m, 2h, 2026-11-22T10:00:00Z o segundos desde 1970' },
  },
});

export interface Place {
  readonly project: string;
  readonly workload: string;
}

/** Which container of a workload is meant; the flags of every command that looks inside one. */
export interface WhichContainer {
  readonly env?: string;
  readonly container?: string;
  readonly replica?: string;
}

/** `exec`: a stream of bytes to and from a container, through control and the host's agent. */
export function execCommands(cli: CliProgram): void {
  const { program, t } = cli;
  program
    .command('exec')
    .argument('<workload>', 'project/workload')
    .argument('<command...>')
    .option('-i, --interactive', t({ en: 'pass on standard input', es: 'pasar la entrada estándar' }))
    .option(
      '-t, --tty',
      t({ en: 'with a terminal (when this side has one)', es: 'con terminal (si este lado tiene uno)' }),
    )
    .option('-T, --no-tty', t({ en: 'no terminal', es: 'sin terminal' }))
    .option('-e, --variable <NAME=value>', t({ en: 'environment variable', es: 'variable de entorno' }), collect, [])
    .option('-u, --user <user>', t({ en: 'as this user: 1000, 1000:100', es: 'como este usuario: 1000, 1000:100' }))
    .option('-w, --workdir <folder>', t({ en: 'in this folder', es: 'en esta carpeta' }))
    .option('--env-file <file>', t({ en: 'variables from a file', es: 'variables de un archivo' }), collect, [])
    .description(
      t({
        en: 'run a command in a running container; recorded, and watched by the rules',
        es: 'ejecutar una orden en un contenedor en marcha; queda registrada y las reglas la vigilan',
      }),
    )
    .option(
      '--env <environment>',
      t({
        en: 'environment (the first one); NAME=value is a variable, as in docker',
        es: 'entorno (el primero); NOMBRE=valor es una variable, como en docker',
      }),
      collect,
      [],
    )
    .option(
      '-c, --container <name>',
      t({ en: 'container of the pod (the first one)', es: 'contenedor del pod (el primero)' }),
    )
    .option('--replica <name>', t({ en: 'replica (the first ready one)', es: 'réplica (la primera lista)' }))
    .action(async (workload: string, command: string[], flags: ExecFlags) => {
      const { user, workdir, env, envFile } = flags;
      const environment = env.findLast((value) => !value.includes('='));
      const variable = [...env.filter((value) => value.includes('=')), ...flags.variable];
      const fromFiles = (await Promise.all(envFile.map(readVariables))).flat();
      const { env: _env, ...rest } = flags;
      const options = { ...rest, ...(environment === undefined ? {} : { env: environment }) };
      const query = new URLSearchParams({ kind: 'exec', command: JSON.stringify(command) });
      const tty = wantsTerminal(options);
      query.set('tty', tty ? '1' : '0');
      for (const { name, value } of [...fromFiles, ...variablesOf(variable)])
        query.append('variable', `${name}=${value}`);
      if (user !== undefined) query.set('user', user);
      if (workdir !== undefined) query.set('workdir', workdir);
      addWhich(query, options);
      const isInteractive = options.interactive === true || tty || process.stdin.isTTY !== true;
      cli.exit(await runSession(cli, parseWorkload(workload), query, { tty, input: isInteractive, signals: false }));
    });
}

interface ExecFlags extends Omit<WhichContainer, 'env'> {
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly variable: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
}

/** As asked; unasked, when a person sits at both ends of this side. */
export function wantsTerminal(options: { readonly tty?: boolean; readonly interactive?: boolean }): boolean {
  if (options.tty !== undefined) return options.tty;
  return options.interactive !== true && process.stdin.isTTY === true && process.stdout.isTTY === true;
}

export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** `-e NAME` passes on this side's own value, as docker does: a name that is not set here is not set there. */
export function variablesOf(words: readonly string[]): { name: string; value: string }[] {
  return words.flatMap((word) => {
    const at = word.indexOf('=');
    if (at >= 0) return [{ name: word.slice(0, at), value: word.slice(at + 1) }];
    const value = process.env[word];
    return value === undefined ? [] : [{ name: word, value }];
  });
}

/** `10m`, `2h30m`, seconds since 1970 or a date, as docker and podman take it. @throws Fault cli.time */
export function parseTime(text: string, now: Date): string {
  const span = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  if (span !== null) {
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = span.slice(1).map((part) => Number(part ?? 0));
    return new Date(now.getTime() - (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000).toISOString();
  }
  const time = new Date(/^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : text);
  if (Number.isNaN(time.getTime())) throw execFault('cli.time', { text });
  return time.toISOString();
}

export function addWhich(query: URLSearchParams, which: WhichContainer): void {
  for (const key of ['env', 'container', 'replica'] as const) {
    const value = which[key];
    if (value !== undefined) query.set(key, value);
  }
}

/** What a workload wrote, as `logs project/workload` shows it. */
export async function showWorkloadLogs(
  cli: CliProgram,
  workload: string,
  options: WhichContainer & {
    readonly follow: boolean;
    readonly lines: number | 'all';
    readonly since?: string;
    readonly until?: string;
    readonly timestamps: boolean;
  },
): Promise<void> {
  const query = new URLSearchParams({ kind: 'logs', follow: options.follow ? '1' : '0' });
  if (options.lines !== 'all') query.set('tail', String(options.lines));
  const now = new Date();
  if (options.since !== undefined) query.set('since', parseTime(options.since, now));
  if (options.until !== undefined) query.set('until', parseTime(options.until, now));
  addWhich(query, options);
  const strip = options.timestamps ? {} : { show: withoutTime };
  cli.exit(
    await runSession(cli, parseWorkload(workload), query, { tty: false, input: false, signals: false, ...strip }),
  );
}

/** A frame of logs is one line that begins with its time. */
function withoutTime(line: Buffer): Buffer {
  return line.subarray(line.indexOf(0x20) + 1);
}

export function parseWorkload(name: string): Place {
  const match = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) throw execFault('cli.workload-name', { name });
  return { project: match[1], workload: match[2] };
}

/** What this side does with a session. */
interface SessionUse {
  /** The other side has a terminal: this one is made raw, and its size goes over. */
  readonly tty: boolean;
  readonly input: boolean;
  /** Signals to this command go to the process at the other side instead of ending the session. */
  readonly signals: boolean;
  readonly show?: (piece: Buffer) => Buffer;
}

/** Joins this terminal to the session. @returns the exit code of the command inside */
export async function runSession(
  cli: CliProgram,
  place: Place,
  query: URLSearchParams,
  use: SessionUse,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  if (use.tty) {
    query.set('columns', String(stdout.columns ?? 80));
    query.set('rows', String(stdout.rows ?? 24));
  }
  const stream = await openSession(cli, place, query);
  const usesTerminal = use.tty && stdin.isTTY === true;
  const sendSize = (): void => {
    stream.write(encodeFrame(FRAME.resize, JSON.stringify({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 })));
  };
  let code: number | null = null;
  let fault: SerializedFault | null = null;
  const show = use.show ?? ((piece: Buffer) => piece);
  const listen = async (): Promise<void> => {
    for await (const { kind, payload } of readFrames(stream as AsyncIterable<Buffer>)) {
      if (kind === FRAME.stdout) await writeWhole(stdout, show(payload));
      else if (kind === FRAME.stderr) await writeWhole(stderr, show(payload));
      else if (kind === FRAME.exit) code = (JSON.parse(payload.toString('utf8')) as { code: number }).code;
      else if (kind === FRAME.fault) fault = JSON.parse(payload.toString('utf8')) as SerializedFault;
    }
  };
  let last = 0x0a;
  const onInput = (chunk: Buffer): void => {
    last = chunk.at(-1) ?? last;
    // Typed faster than it is read over there: this side stops reading until it is not.
    if (stream.write(encodeFrame(FRAME.stdin, chunk))) return;
    stdin.pause();
    stream.once('drain', () => stdin.resume());
  };
  const onInputEnd = (): void => {
    // A terminal has no end of its own: what is piped into one ends as typed (Ctrl-D, twice behind half a line).
    if (use.tty && use.input) stream.write(encodeFrame(FRAME.stdin, last === 0x0a ? '\u0004' : '\u0004\u0004'));
    stream.write(encodeFrame(FRAME.stdinEnd));
  };
  if (use.input) {
    stdin.on('data', onInput);
    stdin.on('end', onInputEnd);
  } else if (query.get('kind') !== 'logs') onInputEnd();
  if (usesTerminal) {
    stdin.setRawMode(true);
    stdout.on('resize', sendSize);
  }
  const abort = (): void => {
    if (use.signals) stream.write(encodeFrame(FRAME.signal, 'INT'));
    else stream.destroy();
  };
  const pass = (name: NodeJS.Signals) => (): void => {
    stream.write(encodeFrame(FRAME.signal, name.slice(3)));
  };
  const passed = (['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const).map((name) => ({ name, handler: pass(name) }));
  if (!usesTerminal) cli.signal.addEventListener('abort', abort, { once: true });
  if (use.signals) for (const { name, handler } of passed) process.on(name, handler);
  const closed = new Promise<void>((resolve) => whenClosed(stream, resolve));
  try {
    await listen().catch((error: unknown) => {
      // Destroyed by Ctrl-C, or cut: the exit code tells which.
      if (error instanceof RangeError) throw error;
    });
    stream.destroy();
    await closed;
  } finally {
    cli.signal.removeEventListener('abort', abort);
    for (const { name, handler } of passed) process.off(name, handler);
    stdin.off('data', onInput);
    stdin.off('end', onInputEnd);
    stdout.off('resize', sendSize);
    if (usesTerminal) stdin.setRawMode(false);
    stdin.pause();
    stdin.unref?.();
  }
  if (fault !== null) throw reviveFault(fault);
  if (code === null) {
    if (cli.signal.aborted) return 130;
    throw execFault('cli.session-lost', { name: `${place.project}/${place.workload}` });
  }
  return code;
}

export async function openSession(cli: CliProgram, place: Place, query: URLSearchParams): Promise<Duplex> {
  const { url, tls, headers } = await cli.api.connection();
  const address = new URL(`/api/v1/projects/${place.project}/workloads/${place.workload}/session?${query}`, url);
  const request = httpsRequest(address, {
    ...tls,
    minVersion: 'TLSv1.3',
    agent: false,
    headers: {
      connection: 'Upgrade',
      upgrade: SESSION_PROTOCOL,
      ...headers,
      'accept-language': cli.language,
    },
  });
  request.end();
  return new Promise((resolve, reject) => {
    request.once('upgrade', (_response, socket, head) => {
      // A line that is cut is seen by who reads; it ends the session, and tells it so.
      socket.on('error', () => socket.destroy());
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('response', (response) => {
      readProblem(response).then((problem) => reject(new ProblemReply(problem)), reject);
    });
    request.on('error', reject);
  });
}

async function readProblem(response: IncomingMessage): Promise<Problem> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Problem;
}

/** `NAME=value` a line, `#` before a remark, as docker reads it. */
export async function readVariables(path: string): Promise<{ name: string; value: string }[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    // A folder is opened and then not read, which names no path.
    throw Object.assign(cause, { path });
  });
  const lines = text.split(/\r?\n/);
  return variablesOf(lines.map((line) => line.trimStart()).filter((line) => line !== '' && !line.startsWith('#')));
}

/** A whole number. @throws Fault cli.count */
export function readCount(text: string, most = 1_000_000, least = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least || Number(text) > most)
    throw execFault('cli.count', { text: text.slice(0, 40), least, most });
  return Number(text);
}
