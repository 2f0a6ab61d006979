import { randomBytes } from 'node:crypto';
import { connect, isIP, type Socket } from 'node:net';
import type { Clock, Json, Log } from '../../system/index.ts';

/** A line with a path of 512, a host of 253 and a program's name of 200 characters, escaped, stays below this. */
export const LOG_LINE_BYTES_MAX = 8192;
/** A client may invent a method as long as a header. */
export const LOGGED_METHOD_MAX = 32;
/** What HAProxy keeps for who reads late: some ten thousand lines. */
export const LOG_BYTES_MAX = 4 * 1024 * 1024;
/** Requests that the agent keeps for who asks what was; older ones are gone. */
const ENTRIES_MAX = 2_000;
/** How long the worker that a reload replaced is still listened to: it answers what it had begun. */
const OLD_WORKER_MS = 30_000;
const RETRY_MS = 1_000;
/** ECMA-262: no date is further from 1970. */
const DATE_MS_MAX = 8.64e15;

/** Why the edge answered by itself. */
export const REFUSALS = ['network', 'method', 'agent', 'path', 'rate', 'length'] as const;
export type Refusal = (typeof REFUSALS)[number];

/** One request, or one connection of a TCP service. Queries are never in it: they carry tokens and names of people. */
export interface AccessEntry {
  readonly at: string;
  readonly kind: 'http' | 'tcp';
  /** `project/environment/service`; null when no route was found. */
  readonly service: string | null;
  readonly client: string;
  readonly method: string | null;
  readonly host: string | null;
  /** Without its query; `?` at the end where there was one. */
  readonly path: string | null;
  readonly status: number | null;
  /** Until the last byte; null when it was cut before. */
  readonly durationMs: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly agent: string | null;
  readonly refused: Refusal | null;
  /** How it ended, where it did not end as it should: HAProxy's two letters (its manual, section 8.5). */
  readonly ended: string | null;
}

/** A line of JSON in the words of HAProxy's `log-format` (its manual, section 8.2.6). */
export function logFormat(kind: 'http' | 'tcp'): string {
  const common = `"k":"${kind}","t":%Ts%ms,"c":"%ci","b":"%b","d":%Tt,"i":%U,"o":%B,"e":"%ts"`;
  if (kind === 'tcp') return `{${common}}`;
  const asked =
    '"m":"%[var(txn.log_method)]","h":"%[var(txn.log_host)]","p":"%[var(txn.log_path)]","q":"%[var(txn.log_query)]"';
  return `{${common},${asked},"s":%ST,"a":"%[var(txn.log_agent)]","r":"%[var(txn.refused)]"}`;
}

/** Reads one line; null for what is no line of ours. */
export function readAccessLine(line: string): AccessEntry | null {
  if (line.length > LOG_LINE_BYTES_MAX || !line.startsWith('{')) return null;
  let raw: { readonly [name: string]: Json };
  try {
    raw = JSON.parse(line) as { readonly [name: string]: Json };
  } catch {
    return null;
  }
  const { t, c, k } = raw;
  if (typeof t !== 'number' || Math.abs(t) > DATE_MS_MAX || typeof c !== 'string' || isIP(c) === 0) return null;
  const query = Number(textOf(raw['q']) ?? 0) > 0 ? '?' : '';
  const path = textOf(raw['p']);
  const refused = textOf(raw['r']);
  const ended = textOf(raw['e']);
  return {
    at: new Date(t).toISOString(),
    kind: k === 'tcp' ? 'tcp' : 'http',
    service: serviceOf(textOf(raw['b']) ?? ''),
    client: c,
    method: textOf(raw['m']),
    host: textOf(raw['h']),
    path: path === null ? null : `${path}${query}`,
    status: countOf(raw['s']),
    durationMs: countOf(raw['d']),
    bytesIn: countOf(raw['i']) ?? 0,
    bytesOut: countOf(raw['o']) ?? 0,
    agent: textOf(raw['a']),
    refused: REFUSALS.find((one) => one === refused) ?? null,
    // `--` is a good end, `PR` a refusal that `refused` names better.
    ended: ended === '--' || (refused !== null && ended === 'PR') ? null : ended,
  };
}

/** The names of backends are `s_PROJECT_ENVIRONMENT_SERVICE:PORT`, and more behind a dot. */
function serviceOf(backend: string): string | null {
  const [, project, environment, service] = /^s_([^_]+)_([^_]+)_([^_:]+):/.exec(backend) ?? [];
  return service === undefined ? null : `${project}/${environment}/${service}`;
}

function textOf(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' && value !== '-' ? value : null;
}

function countOf(value: Json | undefined): number | null {
  return typeof value === 'number' && value >= 0 ? value : null;
}

/**
 * Follows what HAProxy logs to its ring, over its run-time socket: each reload makes a worker with a ring of its own. The
 * last requests stay in memory here, and are told to whoever listens.
 */
export class AccessLog {
  readonly #options: {
    readonly socketPath: string;
    readonly clock: Clock;
    readonly log: Log;
  };
  readonly #entries: AccessEntry[] = [];
  /** Names this list: a cursor of an earlier one means nothing. */
  readonly #era = randomBytes(6).toString('hex');
  #taken = 0;
  readonly #listeners = new Set<(entry: AccessEntry) => void>();
  #connection: Socket | null = null;
  #closed = false;

  constructor(options: {
    readonly socketPath: string;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#options = options;
  }

  /** Listens to the worker of now, and to the one before until it has ended what it had begun. */
  follow(): void {
    this.#open('show events access -w\n');
  }

  #open(command: string): void {
    if (this.#closed) return;
    const before = this.#connection;
    if (before !== null) setTimeout(() => before.destroy(), OLD_WORKER_MS).unref();
    const connection = connect({ path: this.#options.socketPath });
    this.#connection = connection;
    connection.unref();
    let held = '';
    connection.setEncoding('utf8');
    connection.on('connect', () => connection.write(command));
    connection.on('data', (chunk: string) => {
      held += chunk;
      const lines = held.split('\n');
      held = (lines.pop() ?? '').slice(-LOG_LINE_BYTES_MAX);
      for (const line of lines) this.#take(line);
    });
    connection.on('error', (error) => this.#options.log.debug({ err: error }, 'the access log of the edge was cut'));
    connection.on('close', () => {
      if (this.#connection !== connection || this.#closed) return;
      this.#connection = null;
      this.#options.clock.sleep(RETRY_MS).then(() => {
        // What the same worker still holds was read.
        if (this.#connection === null) this.#open('show events access -w -n\n');
      });
    });
  }

  /** At most `tail` requests that came after a cursor (or the last ones), oldest first, and the cursor to go on from. */
  read(
    after: string | null,
    tail: number,
    wanted: (entry: AccessEntry) => boolean,
  ): { items: AccessEntry[]; cursor: string } {
    const [era, count] = after?.split('.') ?? [];
    const skip = era === this.#era ? Number(count) - (this.#taken - this.#entries.length) : 0;
    const items = this.#entries.slice(Math.max(0, skip)).filter(wanted);
    return { items: tail <= 0 ? [] : items.slice(-tail), cursor: `${this.#era}.${this.#taken}` };
  }

  /** Tells each further request, until the answer is called. */
  listen(listener: (entry: AccessEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#connection?.destroy();
    this.#listeners.clear();
  }

  #take(line: string): void {
    const entry = readAccessLine(line);
    if (entry === null) return;
    this.#entries.push(entry);
    this.#taken++;
    if (this.#entries.length > ENTRIES_MAX) this.#entries.splice(0, this.#entries.length - ENTRIES_MAX);
    for (const listener of this.#listeners) listener(entry);
  }
}
