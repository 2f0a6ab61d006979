import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import type { Kysely } from 'kysely';
import { accessFault, may, type Principal } from '../../access/index.ts';
import { type Deployments, deployFault, findContainer } from '../../deploy/index.ts';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { silentStep } from '../../progress/index.ts';
import type { Log } from '../../system/index.ts';
import { type HostTask, SESSION_PROTOCOL } from '../link/protocol.ts';
import type { WatchPrincipal } from './events.ts';
import type { Hosts } from './hosts.ts';

const PATH = /^\/api\/v1\/projects\/([a-z0-9-]{1,40})\/workloads\/([a-z0-9.-]{1,63})\/session$/;
/** The arguments of one command line; execve(2) takes more, people do not type it. */
const COMMAND_BYTES_MAX = 32 * 1024;

export interface SessionDoor {
  readonly hosts: Hosts;
  readonly deployments: Deployments;
  readonly journal: Journal;
  readonly db: Kysely<JournalTables>;
  readonly authenticate: (secret: string) => Promise<Principal>;
  /** Who the client certificate names; null at a port that asks for none. */
  readonly authenticateCertificate: (request: IncomingMessage) => Promise<Principal> | null;
  /** Told of the open session, so that it ends with the login. */
  readonly opened: (principal: Principal, stream: Duplex) => void;
  /** Tells when what they may do changes while the session is open. */
  readonly watch: WatchPrincipal;
  readonly log: Log;
}

/**
 * Joins a person's stream with one that the host's agent opens. Who, where and what is recorded before the first byte
 * passes; what they type is not.
 * @throws Fault when it may not be, or there is nothing to join
 */
export async function openSession(door: SessionDoor, request: IncomingMessage, socket: Duplex): Promise<void> {
  const url = new URL(request.url ?? '', 'https://control.invalid');
  const match = PATH.exec(url.pathname);
  if (match?.[1] === undefined || match[2] === undefined || request.headers.upgrade !== SESSION_PROTOCOL) {
    throw accessFault('access.route-unknown', { path: url.pathname.slice(0, 200) });
  }
  const [, project, workload] = match;
  const principal = await (door.authenticateCertificate(request) ?? door.authenticate(bearerOf(request)));
  const kind = url.searchParams.get('kind') === 'logs' ? 'logs' : 'exec';
  const action = kind === 'exec' ? 'workload.exec' : 'workload.read';
  if (!may(principal, action, project))
    throw accessFault('access.not-allowed', { name: principal.name, action, place: project });

  const environment = url.searchParams.get('env') ?? (await door.deployments.environments(project))[0]?.name ?? '';
  const target = findContainer(door.deployments.statuses(null, project), {
    project,
    environment,
    workload,
    ...optional('container', url.searchParams.get('container')),
    ...optional('replica', url.searchParams.get('replica')),
  });
  const { session, stream, forget } = door.hosts.expectSession();
  try {
    const task = taskOf(kind, session, target.containerId, url.searchParams);
    await door.db.transaction().execute((tx) =>
      door.journal.record(tx, {
        kind: kind === 'exec' ? 'workload.exec-opened' : 'workload.logs-read',
        project,
        actor: principal.actor,
        subject: `${project}/${environment}/${workload}`,
        digest: target.digest,
        body: {
          replica: target.replica,
          container: target.container,
          containerId: target.containerId,
          command: task.kind === 'exec' ? [...task.command] : null,
        },
      }),
    );
    door.journal.committed();
    const running = door.hosts.run(task, { step: silentStep });
    const host = await Promise.race([stream, running.then(() => stream)]);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SESSION_PROTOCOL}\r\n\r\n`);
    door.opened(principal, socket);
    join(socket, host, door.log);
    // Whoever loses the right loses the terminal, in the middle of a word if need be.
    const unwatch = door.watch(principal, (now) => {
      if (now !== null && !may(now, action, project)) socket.destroy();
    });
    socket.on('close', unwatch);
    running.catch((error: unknown) => door.log.warn({ err: error }, 'a session ended with an error'));
  } finally {
    forget();
  }
}

function bearerOf(request: IncomingMessage): string {
  const secret = /^Bearer (\S{1,512})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (secret === undefined) throw accessFault('access.login-needed');
  return secret;
}

function taskOf(
  kind: 'exec' | 'logs',
  session: string,
  containerId: string,
  query: URLSearchParams,
): Extract<HostTask, { kind: 'exec' | 'logs' }> {
  if (kind === 'logs') {
    const tail = Number(query.get('tail') ?? Number.NaN);
    return {
      kind,
      session,
      containerId,
      follow: query.get('follow') === '1',
      tail: Number.isSafeInteger(tail) ? tail : null,
    };
  }
  const size = { columns: sizeOf(query.get('columns'), 80), rows: sizeOf(query.get('rows'), 24) };
  const tty = query.get('tty') === '1';
  return { kind, session, containerId, command: commandOf(query.get('command') ?? ''), tty, size: tty ? size : null };
}

function commandOf(text: string): string[] {
  const refuse = () =>
    deployFault('deploy.name-invalid', { name: text.slice(0, 80), expected: 'a command: a list of words' });
  if (Buffer.byteLength(text) > COMMAND_BYTES_MAX) throw refuse();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse();
  }
  if (
    !Array.isArray(value) ||
    value.length === 0 ||
    !value.every((word) => typeof word === 'string' && !word.includes('\0'))
  ) {
    throw refuse();
  }
  return value as string[];
}

function sizeOf(text: string | null, otherwise: number): number {
  const value = Number(text ?? otherwise);
  return Number.isSafeInteger(value) && value > 0 && value < 10_000 ? value : otherwise;
}

function optional<K extends string>(key: K, value: string | null): { [P in K]?: string } {
  return (value === null ? {} : { [key]: value }) as { [P in K]?: string };
}

function join(one: Duplex, other: Duplex, log: Log): void {
  const ended = (error: Error | null | undefined): void => {
    // A terminal that is closed cuts its connection; that is how sessions end.
    if (error != null && (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE')
      log.warn({ err: error }, 'a session was cut');
  };
  // Both ways together hang more listeners on each end than Node.js takes for a leak (10).
  for (const end of [one, other]) end.setMaxListeners(32);
  pipeline(one, other, ended);
  pipeline(other, one, ended);
}
