/** The line to the agent: a unix socket that the agent listens on, one line of JSON a message, tried again for ever. */
import { connect, type Socket } from 'node:net';
import type { FromAgent } from './messages.ts';

/** A set of a thousand containers has half a megabyte. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** An agent that reads slower than this is waited for; alerts stay in the spool meanwhile. */
const BEHIND_BYTES_MAX = 4 * 1024 * 1024;
const RETRY_MS = [100, 200, 500, 1_000, 2_000] as const;

export class Link {
  readonly #path: string;
  readonly #onMessage: (message: FromAgent) => void;
  readonly #onUp: () => void;
  readonly #onDown: () => void;
  readonly #onBad: (reason: string) => void;
  readonly #onDrained: () => void;
  #socket: Socket | null = null;
  #up = false;
  #tries = 0;
  #closed = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    path: string,
    handlers: {
      onMessage: (message: FromAgent) => void;
      /** Connected: what must be known at the start is to be sent. */
      onUp: () => void;
      /** The connection that was up is gone. */
      onDown: () => void;
      /** The agent caught up: what was refused meanwhile is to be sent. */
      onDrained: () => void;
      onBad: (reason: string) => void;
    },
  ) {
    this.#path = path;
    this.#onMessage = handlers.onMessage;
    this.#onUp = handlers.onUp;
    this.#onDown = handlers.onDown;
    this.#onBad = handlers.onBad;
    this.#onDrained = handlers.onDrained;
    this.#dial();
  }

  get isUp(): boolean {
    return this.#up;
  }

  /** Writes when connected and not behind; answers whether it did. */
  write(text: string): boolean {
    if (!this.#up || this.#socket === null || this.#socket.writableLength > BEHIND_BYTES_MAX) return false;
    this.#socket.write(text);
    return true;
  }

  close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    return new Promise((resolve) => {
      if (this.#socket === null || !this.#up) resolve();
      else this.#socket.end(() => resolve());
    });
  }

  #dial(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => {
      this.#up = true;
      this.#tries = 0;
      this.#onUp();
    });
    socket.on('data', (chunk: string) => {
      rest += chunk;
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        this.#hear(line);
      }
      if (rest.length > LINE_BYTES_MAX) {
        this.#onBad('a line of the agent is too long');
        socket.destroy();
      }
    });
    socket.on('drain', () => this.#onDrained());
    socket.on('error', () => socket.destroy()); // 'close' follows and dials again
    socket.on('close', () => {
      const wasUp = this.#up;
      this.#up = false;
      if (this.#closed) return;
      if (wasUp) this.#onDown();
      const wait = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)];
      this.#timer = setTimeout(() => this.#dial(), wait);
    });
  }

  #hear(line: string): void {
    if (line.trim() === '') return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#onBad('a line of the agent is not JSON');
      return;
    }
    if (isFromAgent(message)) this.#onMessage(message);
    else this.#onBad('a message of the agent is of no known type');
  }
}

function isFromAgent(value: unknown): value is FromAgent {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  if (value.type === 'containers') {
    return 'containers' in value && Array.isArray(value.containers) && value.containers.every(isContainerWord);
  }
  if (value.type === 'watch') return 'watch' in value && isWatchOrder(value.watch);
  if (value.type === 'guards') return 'guards' in value && Array.isArray(value.guards) && value.guards.every(isGuard);
  if (value.type === 'unwatch') return 'id' in value && typeof value.id === 'string';
  if (value.type === 'keep') return 'on' in value && typeof value.on === 'boolean';
  if (value.type === 'record') {
    const { id, step } = value as { id?: unknown; step?: unknown };
    return typeof id === 'string' && (step === 'begin' || step === 'read' || step === 'end');
  }
  if (value.type === 'ack') return 'seq' in value && Number.isSafeInteger(value.seq);
  return value.type === 'rules';
}

function isWatchOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const {
    id,
    projects,
    environment,
    workload,
    filter,
    arguments: given,
    form,
    most,
  } = value as Record<string, unknown>;
  const isName = (one: unknown): boolean => one === null || typeof one === 'string';
  return (
    typeof id === 'string' &&
    (projects === null || (Array.isArray(projects) && projects.every((one) => typeof one === 'string'))) &&
    isName(environment) &&
    isName(workload) &&
    typeof filter === 'string' &&
    typeof given === 'boolean' &&
    (form === 'lines' || form === 'records') &&
    (most === undefined || most === null || (Number.isSafeInteger(most) && Number(most) > 0))
  );
}

/** The agent is believed as far as its word has the shape; what the kernel cannot hold is answered as left out. */
function isGuard(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { containerId, rules, commands, files, except } = value as Record<string, unknown>;
  return (
    typeof containerId === 'string' &&
    /^[0-9a-f]{64}$/.test(containerId) &&
    [rules, commands, files, except].every((list) => Array.isArray(list))
  );
}

function isContainerWord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
}
