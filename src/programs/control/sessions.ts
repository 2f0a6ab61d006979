import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import type { Kysely } from 'kysely';
import { type Action, accessFault, may, type Principal, readCookie } from '../../access/index.ts';
import { type Deployments, deployFault, findContainer, type Runs } from '../../deploy/index.ts';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { silentStep } from '../../progress/index.ts';
import { Fault, type Log, whenClosed } from '../../system/index.ts';
import { SESSION_PROTOCOL, type SessionTask, serializeFault, type TerminalSize } from '../link/protocol.ts';
import { encodeFrame, FRAME } from '../link/session.ts';
import { acceptWebSocket, asksWebSocket, isSameOrigin } from '../link/websocket.ts';
import type { WatchPrincipal } from './events.ts';
import { type Hosts, SESSION_WAIT_MS } from './hosts.ts';

const PATH = /^\/api\/v1\/projects\/([a-z0-9-]{1,40})\/workloads\/([a-z0-9.-]{1,63})\/session$/;
/** The arguments of one command line; execve(2) takes more, people do not type it. */
const COMMAND_BYTES_MAX = 32 * 1024;
/** A first process that is to be joined may have to wait for its image. */
const START_WAIT_MS = 10 * 60_000;
const START_LOOK_MS = 100;
/**
 * Terminals, logs, attached runs and forwarded ports that one person or robot has open at a time, with all their tokens and
 * pages: each is two connections and a process of the engine. A page that follows the logs of a large workload opens some dozens.
 */
export const SESSIONS_OF_ONE_MAX = 64;

/** What tells when a session is over: its connection, or the answer that it is. */
interface Closing {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Who has how many sessions open. */
export class SessionSeats {
  readonly #taken = new Map<string, number>();

  /** Takes a place until the socket has closed. @throws Fault access.too-many-sessions */
  take({ actor, owner = actor }: Pick<Principal, 'actor' | 'owner'>, socket: Closing): void {
    const taken = this.#taken.get(owner) ?? 0;
    if (taken >= SESSIONS_OF_ONE_MAX) throw accessFault('access.too-many-sessions', { max: SESSIONS_OF_ONE_MAX });
    if (socket.destroyed) return;
    this.#taken.set(owner, taken + 1);
    socket.once('close', () => {
      const left = (this.#taken.get(owner) ?? 1) - 1;
      if (left > 0) this.#taken.set(owner, left);
      else this.#taken.delete(owner);
    });
  }
}

export interface SessionDoor {
  readonly hosts: Hosts;
  readonly seats: SessionSeats;
  readonly deployments: Deployments;
  readonly runs: Runs;
  readonly journal: Journal;
  readonly db: Kysely<JournalTables>;
  /** Judges a container that somebody wants to add to a pod, and gives what its host needs to start it. */
  readonly debug: (request: DebugRequest) => Promise<JudgedDebug>;
  /** The name of the cookie that a signed-in browser has. */
  readonly cookie: string;
  readonly authenticate: (secret: string) => Promise<Principal>;
  /** Who the client certificate names; null at a port that asks for none. */
  readonly authenticateCertificate: (request: IncomingMessage) => Promise<Principal> | null;
  /** Told of the open session, so that it ends with the login. */
  readonly opened: (principal: Principal, stream: Duplex) => void;
  /** Tells when what they may do changes while the session is open. */
  readonly watch: WatchPrincipal;
  readonly log: Log;
}

/** What people open over an upgraded connection; copies go over plain requests. */
type Kind = 'exec' | 'logs' | 'attach' | 'debug' | 'forward';

const KINDS: Readonly<Record<Kind, { readonly action: Action; readonly fact: string }>> = {
  exec: { action: 'workload.exec', fact: 'workload.exec-opened' },
  attach: { action: 'workload.exec', fact: 'workload.attached' },
  debug: { action: 'workload.exec', fact: 'workload.debugged' },
  forward: { action: 'workload.exec', fact: 'workload.port-forwarded' },
  logs: { action: 'workload.read', fact: 'workload.logs-read' },
};

/**
 * Joins a person's stream with one that the host's agent opens. Who, where and what is recorded before the first byte
 * passes; what they type is not. A browser asks by a WebSocket and is never shown the answer to one that is refused, so
 * it is told why over the WebSocket.
 * @throws Fault when it may not be, or there is nothing to join
 */
export async function openSession(door: SessionDoor, request: IncomingMessage, socket: Duplex): Promise<void> {
  if (!asksWebSocket(request)) {
    if (request.headers.upgrade !== SESSION_PROTOCOL) throw unknownRoute(request.url ?? '');
    await joinSession(door, request, {
      socket,
      secret: () => bearerOf(request),
      accept: () =>
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SESSION_PROTOCOL}\r\n\r\n`),
    });
    return;
  }
  const { origin = '', cookie } = request.headers;
  if (!isSameOrigin(request)) throw accessFault('access.other-origin', { origin: origin.slice(0, 200) });
  const stream = acceptWebSocket(request, socket);
  stream.on('error', (error) => door.log.debug({ err: error }, 'a terminal of the console was cut'));
  try {
    await joinSession(door, request, {
      socket: stream,
      secret: () => readCookie(cookie, door.cookie) ?? bearerOf(request),
      accept: () => undefined,
    });
  } catch (error) {
    if (!(error instanceof Fault)) door.log.error({ err: error }, 'opening a session failed');
    stream.end(encodeFrame(FRAME.fault, JSON.stringify(serializeFault(error, 'agent.internal'))));
  }
}

async function joinSession(
  door: SessionDoor,
  request: IncomingMessage,
  from: {
    readonly socket: Duplex;
    readonly secret: () => string;
    /** Called once there is something to join. */
    readonly accept: () => void;
  },
): Promise<void> {
  const { socket } = from;
  const url = new URL(request.url ?? '', 'https://control.invalid');
  const match = PATH.exec(url.pathname);
  if (match?.[1] === undefined || match[2] === undefined) throw unknownRoute(url.pathname);
  const [, project, workload] = match;
  const principal = await (door.authenticateCertificate(request) ?? door.authenticate(from.secret()));
  const kind = kindOf(url.searchParams.get('kind'));
  const { action, fact } = KINDS[kind];
  // What is started in a pod is started as a release is.
  const needed: readonly Action[] = kind === 'debug' ? [action, 'release.create'] : [action];
  const mayStill = (who: Pick<Principal, 'grants'>): boolean => needed.every((one) => may(who, one, project));
  for (const one of needed) {
    if (!may(principal, one, project))
      throw accessFault('access.not-allowed', { name: principal.name, action: one, place: project });
  }

  door.seats.take(principal, socket);

  const environment = url.searchParams.get('env') ?? (await door.deployments.environments(project))[0]?.name ?? '';
  const place = { project, environment, workload };
  const find = () =>
    findContainer(door.deployments.statuses(null, project), {
      ...place,
      ...optional('container', url.searchParams.get('container')),
      ...optional('replica', url.searchParams.get('replica')),
      ended: kind === 'logs' || kind === 'attach',
      waiting: kind === 'attach',
    });
  // A run that was started to be joined ends with the last connection to it; waiting for its start counts as one.
  const joined = kind === 'attach' ? await door.runs.join({ project, environment, name: workload }) : null;
  whenClosed(socket, () => joined?.gone());
  const target = kind === 'attach' ? await whenStarted(door, place, find, socket) : find();
  const judged = kind === 'debug' ? await door.debug(debugOf(url.searchParams, place, principal)) : null;
  const { session, stream, forget } = door.hosts.expectSession(judged === null ? SESSION_WAIT_MS : START_WAIT_MS);
  try {
    const size = sizesOf(url.searchParams);
    const task: SessionTask =
      judged === null
        ? taskOf(kind as Exclude<Kind, 'debug'>, session, target.containerId, url.searchParams)
        : { kind: 'debug', session, containerId: target.containerId, size, ...judged.task };
    await door.db.transaction().execute((tx) =>
      door.journal.record(tx, {
        kind: fact,
        project,
        actor: principal.actor,
        subject: `${project}/${environment}/${workload}`,
        digest: target.digest,
        body: {
          replica: target.replica,
          container: target.container,
          containerId: target.containerId,
          command: task.kind === 'exec' ? [...task.command] : judged === null ? null : [...judged.command],
          ...(judged === null ? {} : { image: judged.image, added: judged.digest }),
          ...(task.kind === 'exec' && task.user !== null ? { user: task.user } : {}),
          ...(task.kind === 'forward' ? { ports: [...task.ports] } : {}),
        },
      }),
    );
    door.journal.committed();
    const running = door.hosts.run(task, { step: silentStep });
    const host = await Promise.race([stream, running.then(() => stream)]);
    from.accept();
    door.opened(principal, socket);
    join(socket, host, door.log);
    // Whoever loses the right loses the terminal, in the middle of a word if need be.
    const unwatch = door.watch(principal, (now) => {
      if (now !== null && !mayStill(now)) socket.destroy();
    });
    whenClosed(socket, unwatch);
    running.catch((error: unknown) => door.log.warn({ err: error }, 'a session ended with an error'));
  } finally {
    forget();
  }
}

/** Waits for the first process of what was just asked to run, as long as somebody waits for it. */
async function whenStarted(
  door: SessionDoor,
  place: { readonly project: string; readonly environment: string; readonly workload: string },
  find: () => ReturnType<typeof findContainer>,
  socket: Duplex,
): Promise<ReturnType<typeof findContainer>> {
  const until = performance.now() + START_WAIT_MS;
  for (;;) {
    try {
      return find();
    } catch (error) {
      const status = door.deployments
        .statuses(null, place.project, place.environment)
        .find(({ key }) => key.name === place.workload);
      const trouble = status?.conditions.find(({ type }) => type === 'refused' || type === 'start-failed');
      if (trouble !== undefined) {
        throw deployFault('deploy.not-started', {
          name: place.workload,
          why: trouble.text.en,
          porque: trouble.text.es,
        });
      }
      const isExpected = status !== undefined || (await door.deployments.isWanted(place));
      if (!isExpected || socket.destroyed || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, START_LOOK_MS));
    }
  }
}

function kindOf(text: string | null): Kind {
  return text !== null && Object.hasOwn(KINDS, text) ? (text as Kind) : 'exec';
}

function unknownRoute(path: string): Fault {
  return accessFault('access.route-unknown', { path: path.slice(0, 200) });
}

function bearerOf(request: IncomingMessage): string {
  const secret = /^Bearer (\S{1,512})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (secret === undefined) throw accessFault('access.login-needed');
  return secret;
}

export interface DebugRequest {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly image: string;
  /** Empty: what the image says. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly interactive: boolean;
  readonly by: Principal;
}

export interface JudgedDebug {
  readonly task: Pick<Extract<SessionTask, { kind: 'debug' }>, 'workload' | 'verdicts' | 'signatures'>;
  readonly image: string;
  readonly digest: string;
  readonly command: readonly string[];
}

function debugOf(
  query: URLSearchParams,
  place: { readonly project: string; readonly environment: string; readonly workload: string },
  by: Principal,
): DebugRequest {
  const command = query.get('command') ?? '[]';
  return {
    ...place,
    image: (query.get('image') ?? '').slice(0, 512),
    command: command === '[]' ? [] : commandOf(command),
    env: variablesOf(query.getAll('variable')),
    tty: query.get('tty') === '1',
    interactive: query.get('interactive') === '1',
    by,
  };
}

function sizesOf(query: URLSearchParams): TerminalSize {
  return { columns: sizeOf(query.get('columns'), 80), rows: sizeOf(query.get('rows'), 24) };
}

function taskOf(
  kind: Exclude<Kind, 'debug'>,
  session: string,
  containerId: string,
  query: URLSearchParams,
): Extract<SessionTask, { kind: Exclude<Kind, 'debug'> }> {
  const size = sizesOf(query);
  switch (kind) {
    case 'logs': {
      const tail = Number(query.get('tail') ?? Number.NaN);
      return {
        kind,
        session,
        containerId,
        follow: query.get('follow') === '1',
        tail: Number.isSafeInteger(tail) ? tail : null,
        since: timeOf(query.get('since')),
        until: timeOf(query.get('until')),
      };
    }
    case 'attach':
      return { kind, session, containerId, size };
    case 'forward':
      return { kind, session, containerId, ports: portsOf(query.get('ports') ?? '') };
    case 'exec': {
      const tty = query.get('tty') === '1';
      return {
        kind,
        session,
        containerId,
        command: commandOf(query.get('command') ?? ''),
        tty,
        size: tty ? size : null,
        env: variablesOf(query.getAll('variable')),
        user: matching(query.get('user'), USER, 'a user: a number or a name, with :group if wanted'),
        workingDir: matching(query.get('workdir'), FOLDER, 'an absolute path without .., not below /proc or /dev/fd'),
      };
    }
  }
}

const USER = /^[a-z0-9_][-a-z0-9_.]{0,31}(?::[a-z0-9_][-a-z0-9_.]{0,31})?$/i;
/** Not below /proc, nor /dev/fd, which leads there: the descriptors of the run-time that joins the container (CVE-2024-21626). */
const FOLDER = /^(?!\/+(?:\.\/+)*(?:proc|dev\/+(?:\.\/+)*fd)(?:\/|$))\/(?!(?:.*\/)?\.\.(?:\/|$))[^\0]{0,4095}$/;
const VARIABLE = /^[-._a-zA-Z][-._a-zA-Z0-9]{0,252}$/;
const VARIABLES_MAX = 100;
const PORTS_MAX = 16;

function matching(text: string | null, pattern: RegExp, expected: string): string | null {
  if (text !== null && !pattern.test(text)) throw invalid(text, expected);
  return text;
}

function variablesOf(pairs: readonly string[]): Record<string, string> {
  const bare = pairs.find((pair) => !pair.includes('='));
  if (bare !== undefined) throw invalid(bare, 'NAME=VALUE');
  const parted = pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
  const bytes = pairs.reduce((sum, pair) => sum + Buffer.byteLength(pair), 0);
  const whole = pairs.find((pair) => !pair.includes('='));
  if (whole !== undefined) throw invalid(whole, 'NAME=VALUE');
  if (pairs.length > VARIABLES_MAX || bytes > COMMAND_BYTES_MAX) throw invalid('variables', 'fewer of them');
  for (const [name, value] of parted) {
    if (!VARIABLE.test(name) || value.includes('\0')) throw invalid(name, 'NAME=VALUE');
  }
  return Object.fromEntries(parted);
}

function portsOf(text: string): number[] {
  const ports = text.split(',').map(Number);
  const sound = ports.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535);
  if (!sound || ports.length > PORTS_MAX) throw invalid(text, `up to ${PORTS_MAX} port numbers`);
  return ports;
}

function timeOf(text: string | null): string | null {
  if (text === null) return null;
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw invalid(text, 'a time as 2026-11-22T10:00:00Z');
  return time.toISOString();
}

function commandOf(text: string): string[] {
  const refuse = () => invalid(text, 'a command: a list of words');
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

function invalid(text: string, expected: string): Error {
  return deployFault('deploy.name-invalid', { name: text.slice(0, 80), expected });
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
