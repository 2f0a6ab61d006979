import type { Duplex } from 'node:stream';
import type { ContainerEngine, ExecSession } from '../../deploy/engines/local/index.ts';
import type { Log } from '../../system/index.ts';
import { serializeFault } from '../link/protocol.ts';
import { readTerminalSize } from '../link/reader.ts';
import { createFrameReader, encodeFrame, FRAME } from '../link/session.ts';
import { hangUp } from './kill.ts';

/** A terminal nobody reads must not fill the agent's memory: above this the process inside waits. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Runs a command in a container and joins it to the stream that control opened: frames in, frames out, then the exit code. */
export async function runExecSession(
  stream: Duplex,
  engine: ContainerEngine,
  order: {
    readonly containerId: string;
    readonly command: readonly string[];
    readonly tty: boolean;
    readonly size: { columns: number; rows: number } | null;
  },
  log: Log,
): Promise<void> {
  try {
    const session = await engine.execAttach({
      containerId: order.containerId,
      command: order.command,
      terminal: order.tty,
      env: order.tty ? { TERM: 'xterm-256color' } : {},
    });
    if (order.size !== null) await session.resize(order.size.columns, order.size.rows);
    const read = createFrameReader((kind, payload) => {
      if (kind === FRAME.stdin) session.stream.write(payload);
      else if (kind === FRAME.stdinEnd) session.stream.end();
      else if (kind === FRAME.resize) {
        const { columns, rows } = readTerminalSize(JSON.parse(payload.toString('utf8')));
        session.resize(columns, rows).catch((error: unknown) => log.warn({ err: error }, 'resizing a terminal failed'));
      }
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
      } catch (error) {
        log.warn({ err: error }, 'a session sent what is no frame');
        stream.destroy();
      }
    });
    stream.on('close', () => {
      session.stream.destroy();
      // A command outlives its connection in a container; nobody would see it any more, or may have lost the right to it.
      endCommand(session, order.containerId).catch((error: unknown) =>
        log.warn({ err: error }, 'a command whose terminal is gone could not be ended'),
      );
    });
    for await (const chunk of session.stream as AsyncIterable<Buffer>)
      await writeWhole(stream, encodeFrame(FRAME.stdout, chunk));
    stream.write(encodeFrame(FRAME.exit, JSON.stringify({ code: await session.exitCode() })));
    stream.end();
  } catch (error) {
    stream.write(encodeFrame(FRAME.fault, JSON.stringify(serializeFault(error, 'agent.internal'))));
    stream.end();
  }
}

async function endCommand(session: ExecSession, containerId: string): Promise<void> {
  const pid = await session.runningPid();
  if (pid !== null) await hangUp(pid, containerId);
}

/** The log lines of a container as frames, with their own stream each. */
export async function runLogSession(
  stream: Duplex,
  engine: ContainerEngine,
  order: { readonly containerId: string; readonly follow: boolean; readonly tail: number | null },
): Promise<void> {
  const stop = new AbortController();
  stream.on('close', () => stop.abort());
  stream.resume();
  try {
    const options = { follow: order.follow, signal: stop.signal, ...(order.tail === null ? {} : { tail: order.tail }) };
    for await (const line of engine.logs(order.containerId, options)) {
      const kind = line.stream === 'stderr' ? FRAME.stderr : FRAME.stdout;
      await writeWhole(stream, encodeFrame(kind, `${line.time} ${line.line}\n`));
    }
    stream.write(encodeFrame(FRAME.exit, JSON.stringify({ code: 0 })));
    stream.end();
  } catch (error) {
    if (stop.signal.aborted) return;
    stream.write(encodeFrame(FRAME.fault, JSON.stringify(serializeFault(error, 'agent.internal'))));
    stream.end();
  }
}

async function writeWhole(stream: Duplex, bytes: Buffer): Promise<void> {
  if (stream.destroyed) return;
  if (stream.write(bytes) || stream.writableLength < BACKLOG_BYTES_MAX) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      resolve();
    };
    stream.on('drain', go);
    stream.on('close', go);
  });
}
