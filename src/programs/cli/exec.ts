import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type CliProgram, defineFaults, type Problem, ProblemReply } from '../../system/index.ts';
import { reviveFault, SESSION_PROTOCOL, type SerializedFault } from '../link/protocol.ts';
import { createFrameReader, encodeFrame, FRAME } from '../link/session.ts';

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
});

interface SessionOptions {
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
    .option('-T, --no-tty', t({ en: 'no terminal', es: 'sin terminal' }))
    .description(
      t({
        en: 'run a command in a running container; recorded, and watched by the rules',
        es: 'ejecutar una orden en un contenedor en marcha; queda registrada y las reglas la vigilan',
      }),
    )
    .option('--env <environment>', t({ en: 'environment (the first one)', es: 'entorno (el primero)' }))
    .option(
      '-c, --container <name>',
      t({ en: 'container of the pod (the first one)', es: 'contenedor del pod (el primero)' }),
    )
    .option('--replica <name>', t({ en: 'replica (the first ready one)', es: 'réplica (la primera lista)' }))
    .action(async (workload: string, command: string[], options: SessionOptions & { tty: boolean }) => {
      // The shell's own words: `exec tienda/web -- sh` asks for a terminal whether or not this side has one, as the
      // program inside decides by it how to behave; -T turns it off.
      const session = { ...parseWorkload(workload), ...options, kind: 'exec', command, tty: options.tty } as const;
      cli.exit(await runSession(cli, session));
    });
}

/** What a workload wrote, as `logs project/workload` shows it. */
export async function showWorkloadLogs(
  cli: CliProgram,
  workload: string,
  options: SessionOptions & { readonly follow: boolean; readonly lines: number },
): Promise<void> {
  const { lines: tail, ...rest } = options;
  cli.exit(await runSession(cli, { ...parseWorkload(workload), ...rest, kind: 'logs', tail }));
}

type Session = { readonly project: string; readonly workload: string } & SessionOptions &
  (
    | { readonly kind: 'exec'; readonly command: readonly string[]; readonly tty: boolean }
    | { readonly kind: 'logs'; readonly follow: boolean; readonly tail: number }
  );

function parseWorkload(name: string): { project: string; workload: string } {
  const match = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) throw execFault('cli.workload-name', { name });
  return { project: match[1], workload: match[2] };
}

/** Joins this terminal to the session. @returns the exit code of the command inside */
async function runSession(cli: CliProgram, session: Session): Promise<number> {
  const name = `${session.project}/${session.workload}`;
  const { stdin, stdout, stderr } = process;
  const stream = await openSession(cli, session);
  const usesTerminal = session.kind === 'exec' && session.tty && stdin.isTTY === true;
  const sendSize = (): void => {
    stream.write(encodeFrame(FRAME.resize, JSON.stringify({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 })));
  };
  let code: number | null = null;
  let fault: SerializedFault | null = null;
  const read = createFrameReader((kind, payload) => {
    if (kind === FRAME.stdout) stdout.write(payload);
    else if (kind === FRAME.stderr) stderr.write(payload);
    else if (kind === FRAME.exit) code = (JSON.parse(payload.toString('utf8')) as { code: number }).code;
    else if (kind === FRAME.fault) fault = JSON.parse(payload.toString('utf8')) as SerializedFault;
  });
  const onInput = (chunk: Buffer): void => {
    stream.write(encodeFrame(FRAME.stdin, chunk));
  };
  const onInputEnd = (): void => {
    stream.write(encodeFrame(FRAME.stdinEnd));
  };
  stream.on('data', read);
  if (session.kind === 'exec') {
    stdin.on('data', onInput);
    stdin.on('end', onInputEnd);
  }
  if (usesTerminal) {
    stdin.setRawMode(true);
    stdout.on('resize', sendSize);
  }
  const abort = (): void => {
    stream.destroy();
  };
  if (!usesTerminal) cli.signal.addEventListener('abort', abort, { once: true });
  try {
    await once(stream, 'close');
  } finally {
    cli.signal.removeEventListener('abort', abort);
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
    throw execFault('cli.session-lost', { name });
  }
  return code;
}

async function openSession(cli: CliProgram, session: Session): Promise<Duplex> {
  const { url, tls, headers } = await cli.api.connection();
  const query = new URLSearchParams({ kind: session.kind });
  for (const key of ['env', 'container', 'replica'] as const) {
    const value = session[key];
    if (value !== undefined) query.set(key, value);
  }
  if (session.kind === 'exec') {
    query.set('command', JSON.stringify(session.command));
    query.set('tty', session.tty ? '1' : '0');
    query.set('columns', String(process.stdout.columns ?? 80));
    query.set('rows', String(process.stdout.rows ?? 24));
  } else {
    query.set('follow', session.follow ? '1' : '0');
    query.set('tail', String(session.tail));
  }
  const address = new URL(`/api/v1/projects/${session.project}/workloads/${session.workload}/session?${query}`, url);
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
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('response', (response) => {
      readProblem(response).then((problem) => reject(new ProblemReply(problem)), reject);
    });
    request.once('error', reject);
  });
}

async function readProblem(response: IncomingMessage): Promise<Problem> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Problem;
}
