import type { ClientRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { answerOf, type Clock, type Log, systemClock } from '../../system/index.ts';
import { type LineChannel, openLineChannel } from '../link/lines.ts';
import { LINK_PROTOCOL, SESSION_PROTOCOL, serializeFault, type ToAgent, type ToControl } from '../link/protocol.ts';
import { readToAgent, UnreadableMessage } from '../link/reader.ts';

const RETRY_FIRST_MS = 200;
const RETRY_LAST_MS = 5_000;
/** Control pings every 5 s; after four missed ones the connection is dead, whatever TCP believes. */
const SILENCE_MS = 20_000;
const CONNECT_MS = 10_000;
const BEHIND_BYTES = 4 * 1024 * 1024;

export interface ControlAddress {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The agent's side of the connection to control: dials, keeps dialling, and hands every message on in order. */
export class ControlLink {
  #address: ControlAddress;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #onMessage: (message: ToAgent) => void;
  readonly #onConnected: () => void;
  readonly #onLost: (() => void) | undefined;
  #channel: LineChannel<ToControl> | undefined;
  readonly #stop = new AbortController();

  constructor(options: {
    readonly address: ControlAddress;
    readonly log: Log;
    readonly clock?: Clock;
    readonly onMessage: (message: ToAgent) => void;
    readonly onConnected: () => void;
    /** A connection that stood has ended. @default nobody is told */
    readonly onLost?: () => void;
  }) {
    this.#address = options.address;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#onMessage = options.onMessage;
    this.#onConnected = options.onConnected;
    this.#onLost = options.onLost;
  }

  get connected(): boolean {
    return this.#channel !== undefined;
  }

  /** Whether control, or the network, takes less than is sent: what can wait should. */
  get behind(): boolean {
    return (this.#channel?.behindBytes ?? 0) > BEHIND_BYTES;
  }

  send(message: ToControl): void {
    this.#channel?.send(message);
  }

  /** Runs until `close()`. */
  async run(): Promise<void> {
    let wait = RETRY_FIRST_MS;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#connectOnce(() => {
          wait = RETRY_FIRST_MS;
        });
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn(
          { err: error instanceof Error ? error.message : error, retryMs: wait },
          'control is not in reach',
        );
      }
      try {
        await this.#clock.sleep(wait, signal);
      } catch {
        // Aborted: closing.
        return;
      }
      wait = Math.min(wait * 2, RETRY_LAST_MS);
    }
  }

  /** Who this host is from the next connection on; the one that stands goes on. */
  renew({ cert, key }: Pick<ControlAddress, 'cert' | 'key'>): void {
    this.#address = { ...this.#address, cert, key };
  }

  /** Opens the byte stream of a session that control asked for. */
  openSession(session: string): Promise<Duplex> {
    return upgrade(this.#address, `/agent/v1/session/${session}`, SESSION_PROTOCOL);
  }

  /** The bytes of a source bundle that control holds for this host. */
  async *download(id: string): AsyncIterable<Uint8Array> {
    const request = dial(this.#address, `/agent/v1/source/${id}`, {});
    request.end();
    const response = await answerOf(request);
    // As slowly as it is taken here; that control's machine has gone is asked of TCP.
    response.socket.setTimeout(0);
    response.socket.setKeepAlive(true, SILENCE_MS);
    if (response.statusCode !== 200) {
      response.resume();
      throw new Error(`control answered ${response.statusCode} for the source ${id}`);
    }
    yield* response as AsyncIterable<Uint8Array>;
  }

  close(): void {
    this.#stop.abort();
    this.#channel?.close();
  }

  /** Null for what is no message of ours: it is answered where somebody waits, and nothing of it is done. */
  #read(value: unknown): ToAgent | null {
    try {
      return readToAgent(value);
    } catch (error) {
      if (!(error instanceof UnreadableMessage)) throw error;
      const { type, id, message } = error;
      this.#log.error({ type, reason: message }, 'control sent something that cannot be read');
      if (type === 'wanted') this.send({ type: 'wanted-refused', why: { en: message, es: message } });
      else if (type === 'task' && id !== null) {
        this.send({ type: 'task-failed', id, fault: serializeFault(error, 'agent.task-unreadable') });
      }
      return null;
    }
  }

  async #connectOnce(opened: () => void): Promise<void> {
    const stream = await upgrade(this.#address, '/agent/v1/link', LINK_PROTOCOL);
    let lastHeard = this.#clock.monotonicMs();
    const watchdog = setInterval(() => {
      if (this.#clock.monotonicMs() - lastHeard > SILENCE_MS) stream.destroy(new Error('control is silent'));
    }, SILENCE_MS / 4);
    const channel = openLineChannel<ToControl>(stream, (value) => {
      lastHeard = this.#clock.monotonicMs();
      const message = this.#read(value);
      if (message === null) return;
      if (message.type === 'ping') channel.send({ type: 'pong' });
      else this.#onMessage(message);
    });
    this.#channel = channel;
    opened();
    this.#log.info({ host: this.#address.host, port: this.#address.port }, 'connected to control');
    this.#onConnected();
    try {
      const error = await channel.closed;
      if (error !== null) throw error;
    } finally {
      clearInterval(watchdog);
      this.#channel = undefined;
      this.#onLost?.();
    }
  }
}

function dial(address: ControlAddress, path: string, headers: Record<string, string>): ClientRequest {
  const { host, port, ca, cert, key } = address;
  const request = httpsRequest({
    host,
    port,
    path,
    ca,
    cert,
    key,
    headers,
    agent: false,
    timeout: CONNECT_MS,
    servername: 'localhost',
  });
  request.once('timeout', () => request.destroy(new Error(`control did not answer within ${CONNECT_MS} ms`)));
  return request;
}

async function upgrade(address: ControlAddress, path: string, protocol: string): Promise<Duplex> {
  const request = dial(address, path, { connection: 'Upgrade', upgrade: protocol });
  request.end();
  return new Promise((resolve, reject) => {
    request.once('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      // Who it is handed to listens for itself, a moment later.
      socket.on('error', () => socket.destroy());
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once('response', (response) => {
      response.resume();
      reject(new Error(`control answered ${response.statusCode} instead of opening ${protocol}`));
    });
    request.on('error', reject);
  });
}
