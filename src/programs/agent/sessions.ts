import { connect } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import type { ContainerEngine, ExecSession, LiveSession } from '../../deploy/engines/local/index.ts';
import { packTar, type TarEntry, type TarInput, TarReader } from '../../formats/index.ts';
import type { Json, Log } from '../../system/index.ts';
import { checkCopied, copyFault } from '../link/copied.ts';
import { Mux } from '../link/mux.ts';
import { type HostTask, type SessionTask, serializeFault } from '../link/protocol.ts';
import { readTerminalSize } from '../link/reader.ts';
import { encodeFrame, FRAME, readFrames, SIGNALS, writeWhole } from '../link/session.ts';
import { hangUp } from './kill.ts';

type Task<K extends HostTask['kind']> = Extract<HostTask, { kind: K }>;

/**
 * Joins the stream that control opened with what the task asks for; a fault of it goes back over the stream.
 * @param options.terminal whether the container's first process has a terminal
 */
export async function runSession(
  stream: Duplex,
  engine: ContainerEngine,
  task: SessionTask,
  options: {
    readonly log: Log;
    readonly terminal: boolean;
    /** Told when somebody is joined to a container: one that waits for that is started. */
    readonly joined: (containerId: string) => void;
    /** Makes the container that a debug task asks for; asks the gate first. */
    readonly add: (task: Task<'debug'>) => Promise<AddedContainer>;
  },
): Promise<void> {
  const { log, terminal, joined } = options;
  // Control may cut a session in the middle of a word; that ends the session and nothing else.
  stream.on('error', (error) => log.debug({ err: error }, 'a session was cut'));
  try {
    switch (task.kind) {
      case 'exec':
        await runExec(stream, engine, task, log);
        break;
      case 'attach':
        await runAttach(stream, engine, task, { log, terminal, joined });
        break;
      case 'debug':
        await runDebug(stream, engine, task, { log, add: options.add });
        break;
      case 'logs':
        await runLogs(stream, engine, task);
        break;
      case 'copy-out':
        await runCopyOut(stream, engine, task);
        break;
      case 'copy-in':
        await runCopyIn(stream, engine, task);
        break;
      case 'forward':
        await runForward(stream, engine, task);
        return;
    }
    stream.end();
  } catch (error) {
    if (stream.destroyed) return;
    stream.write(encodeFrame(FRAME.fault, JSON.stringify(serializeFault(error, 'agent.internal'))));
    stream.end();
  }
}

/** Runs a command in a container: frames in, frames out, then the exit code. */
async function runExec(stream: Duplex, engine: ContainerEngine, order: Task<'exec'>, log: Log): Promise<void> {
  const session = await engine.execAttach({
    containerId: order.containerId,
    command: order.command,
    terminal: order.tty,
    env: { ...(order.tty ? { TERM: 'xterm-256color' } : {}), ...order.env },
    ...(order.user === null ? {} : { user: order.user }),
    ...(order.workingDir === null ? {} : { workingDir: order.workingDir }),
    ...(order.size === null ? {} : { size: order.size }),
  });
  onceClosed(stream, () => {
    // A command outlives its connection in a container; nobody would see it any more, or may have lost the right to it.
    endCommand(session, order.containerId).catch((error: unknown) =>
      log.warn({ err: error }, 'a command whose terminal is gone could not be ended'),
    );
  });
  await carry(stream, session, log, null);
}

/** Joins the first process of a container; that its terminal goes does not end it. */
async function runAttach(
  stream: Duplex,
  engine: ContainerEngine,
  order: Task<'attach'>,
  { log, terminal, joined }: Pick<Parameters<typeof runSession>[3], 'log' | 'terminal' | 'joined'>,
): Promise<void> {
  const session = await engine.attach(order.containerId, terminal);
  joined(order.containerId);
  if (terminal) giveSize(session, order.size, log);
  await carry(stream, session, log, (name) => engine.signal(order.containerId, name));
}

/** A container in the pod of another one, for as long as somebody is joined to it. */
async function runDebug(
  stream: Duplex,
  engine: ContainerEngine,
  order: Task<'debug'>,
  { log, add }: Pick<Parameters<typeof runSession>[3], 'log' | 'add'>,
): Promise<void> {
  const { id, terminal, remove } = await add(order);
  let isGone = false;
  const end = async (): Promise<void> => {
    if (isGone) return;
    isGone = true;
    await remove();
  };
  try {
    onceClosed(stream, () => {
      end().catch((error: unknown) => log.warn({ err: error }, 'a container for debugging could not be removed'));
    });
    const session = await engine.attach(id, terminal);
    if (terminal) giveSize(session, order.size, log);
    await engine.startContainer(id);
    await carry(stream, session, log, (name) => engine.signal(id, name));
  } finally {
    await end();
  }
}

export interface AddedContainer {
  readonly id: string;
  readonly terminal: boolean;
  /** Ends it at once and takes it away; may be called again. */
  remove(): Promise<void>;
}

/** Both ways, each no faster than it is read, until the process has ended or the stream is gone. */
async function carry(
  stream: Duplex,
  session: LiveSession,
  log: Log,
  signal: ((name: string) => Promise<void>) | null,
): Promise<void> {
  const listen = async (): Promise<void> => {
    for await (const { kind, payload } of readFrames(stream as AsyncIterable<Buffer>)) {
      if (kind === FRAME.stdin) await writeWhole(session.stream, payload);
      else if (kind === FRAME.stdinEnd) session.stream.end();
      else if (kind === FRAME.resize) {
        giveSize(session, readTerminalSize(JSON.parse(payload.toString('utf8'))), log);
      } else if (kind === FRAME.signal && signal !== null) {
        const name = payload.toString('utf8');
        if (SIGNALS.includes(name)) await signal(name);
      }
    }
  };
  listen().catch((error: unknown) => {
    if (!stream.destroyed) log.warn({ err: error }, 'a session sent what is no frame');
    stream.destroy();
  });
  onceClosed(stream, () => session.stream.destroy());
  // A process that stopped reading closes its input: that is its business, and ends nothing here.
  session.stream.on('error', (error) => log.debug({ err: error }, 'the input of a session ended'));
  for await (const { stream: name, bytes } of session.output)
    await writeWhole(stream, encodeFrame(name === 'stderr' ? FRAME.stderr : FRAME.stdout, bytes));
  stream.write(encodeFrame(FRAME.exit, JSON.stringify({ code: await session.exitCode() })));
}

/** Beside what it says: a process that has not begun has no terminal yet, and gets its size when it has. */
function giveSize(session: LiveSession, size: Task<'attach'>['size'], log: Log): void {
  if (size === null) return;
  session
    .resize(size.columns, size.rows)
    .catch((error: unknown) => log.warn({ err: error }, 'resizing a terminal failed'));
}

/** Also for a stream that was cut while the engine was asked. */
function onceClosed(stream: Duplex, end: () => void): void {
  if (stream.destroyed) end();
  else stream.once('close', end);
}

async function endCommand(session: ExecSession, containerId: string): Promise<void> {
  const pid = await session.runningPid();
  if (pid !== null) await hangUp(pid, containerId);
}

/** The log lines of a container as frames, with their own stream each. */
async function runLogs(stream: Duplex, engine: ContainerEngine, order: Task<'logs'>): Promise<void> {
  const stop = new AbortController();
  onceClosed(stream, () => stop.abort());
  stream.resume();
  const { follow, tail, since, until } = order;
  const options = {
    follow,
    signal: stop.signal,
    ...(tail === null ? {} : { tail }),
    ...(since === null ? {} : { since }),
    ...(until === null ? {} : { until }),
  };
  try {
    for await (const line of engine.logs(order.containerId, options)) {
      const kind = line.stream === 'stderr' ? FRAME.stderr : FRAME.stdout;
      await writeWhole(stream, encodeFrame(kind, `${line.time} ${line.line}\n`));
    }
    stream.write(encodeFrame(FRAME.exit, JSON.stringify({ code: 0 })));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}

async function runCopyOut(stream: Duplex, engine: ContainerEngine, order: Task<'copy-out'>): Promise<void> {
  stream.resume();
  for await (const chunk of await engine.readArchive(order.containerId, order.path)) {
    if (stream.destroyed) return;
    await writeWhole(stream, encodeFrame(FRAME.stdout, chunk));
  }
  stream.write(encodeFrame(FRAME.exit, JSON.stringify({ code: 0 })));
}

async function runCopyIn(stream: Duplex, engine: ContainerEngine, order: Task<'copy-in'>): Promise<void> {
  const frames = readFrames(stream as AsyncIterable<Buffer>);
  const bytes = async function* (): AsyncGenerator<Buffer> {
    // Taken one by one: leaving a loop over them would close the stream that the answer goes over.
    for (let next = await frames.next(); !next.done; next = await frames.next()) {
      const { kind, payload } = next.value;
      if (kind === FRAME.stdinEnd) return;
      if (kind === FRAME.stdin) yield payload;
    }
    // Half a copy must not look like a whole one.
    throw copyFault('copy.cut');
  };
  await engine.writeArchive(order.containerId, order.path, packTar(entriesOf(bytes())));
  stream.write(encodeFrame(FRAME.exit, JSON.stringify({ code: 0 })));
}

type Part = { readonly input: TarInput } | { readonly chunk: Uint8Array } | 'end';

/** The entries of a tar, each checked before the container's engine sees it. */
async function* entriesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarInput> {
  const parts = partsOf(source);
  for (let next = await parts.next(); !next.done; next = await parts.next()) {
    if (next.value === 'end' || !('input' in next.value)) continue;
    const { input } = next.value;
    yield input.kind === 'file' ? { ...input, content: bodyOf(parts) } : input;
  }
}

async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  const parts: Part[] = [];
  const check = checkCopied();
  const reader = new TarReader((entry: TarEntry) => {
    const input = check(entry);
    if (input === null) return null;
    parts.push({ input });
    if (entry.kind !== 'file') return null;
    return { write: (chunk) => parts.push({ chunk: chunk.slice() }), end: () => parts.push('end') };
  });
  for await (const chunk of source) {
    reader.write(chunk);
    yield* parts.splice(0);
  }
  reader.end();
  yield* parts.splice(0);
}

async function* bodyOf(parts: AsyncGenerator<Part>): AsyncGenerator<Uint8Array> {
  for (let next = await parts.next(); !next.done && next.value !== 'end'; next = await parts.next()) {
    if ('chunk' in next.value) yield next.value.chunk;
  }
}

/** Connections to ports of the pod that the container is in. A pod that is replaced has another place: theirs end with it. */
async function runForward(stream: Duplex, engine: ContainerEngine, order: Task<'forward'>): Promise<void> {
  const pod = (await engine.list()).find(({ containers }) => containers.some(({ id }) => id === order.containerId));
  if (pod === undefined) throw copyFault('forward.pod-gone', { container: order.containerId.slice(0, 12) });
  const place = await engine.locatePod(pod);
  const mux = new Mux(stream, (port, channel) => {
    const endpoint = order.ports.includes(port) ? place.endpoint(port) : null;
    if (endpoint === null) {
      channel.on('error', () => undefined);
      channel.destroy(new Error(`port ${port} of the pod cannot be reached from its host`));
      return;
    }
    const socket = connect({ host: endpoint.host, port: endpoint.port, allowHalfOpen: true });
    // Each end of a connection tells the other by ending or by its error; there is nobody else to tell.
    const over = (error: Error | null | undefined): void => {
      if (error != null) channel.destroy(error);
    };
    pipeline(channel, socket, over);
    pipeline(socket, channel, over);
  });
  stream.on('error', () => stream.destroy());
  await mux.run().catch((error: unknown) => {
    stream.destroy();
    if (error instanceof RangeError) throw error;
  });
}

/** What is asked of containers and answered at once. */
export async function answerAbout(
  task: Task<'stats'> | Task<'top'> | Task<'diff'>,
  engine: ContainerEngine,
): Promise<Json> {
  if (task.kind === 'stats') return (await engine.stats(task.containerIds)).map((use) => ({ ...use }));
  if (task.kind === 'top') {
    const { titles, processes } = await engine.processes(task.containerId);
    return { titles: [...titles], processes: processes.map((row) => [...row]) };
  }
  return (await engine.changes(task.containerId)).map((change) => ({ ...change }));
}
