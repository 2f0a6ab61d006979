import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type CliApi,
  type CliConnection,
  Fault,
  type Json,
  type Language,
  type Problem,
  ProblemReply,
  type ServerEvent,
} from '../../system/index.ts';
import { cliFault } from './errors.ts';

/** A JSON reply that the CLI holds whole: the longest list page and scan report are below it by far. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;
/** One event: a whole operation with its steps. */
const EVENT_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Nothing at all for this long, not even a heartbeat (each 15 s on streams), means the other side is gone. */
const SILENCE_MS = 60_000;

const BASE = '/api/v1';

type Body = { readonly json: unknown } | { readonly stream: AsyncIterable<Uint8Array>; readonly contentType: string };

/** The REST client of the CLI: mutual TLS with the instance's own authority pinned and nothing else trusted. */
export class ApiClient implements CliApi {
  readonly #connection: () => Promise<CliConnection>;
  readonly #language: Language;
  readonly #signal: AbortSignal;
  #agent: Agent | null = null;

  constructor(options: { connection: () => Promise<CliConnection>; language: Language; signal: AbortSignal }) {
    this.#connection = options.connection;
    this.#language = options.language;
    this.#signal = options.signal;
  }

  get<T>(path: string): Promise<T> {
    return this.#json<T>('GET', path);
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#json<T>('POST', path, { json: body ?? {} });
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('PUT', path, { json: body });
  }

  delete<T>(path: string): Promise<T> {
    return this.#json<T>('DELETE', path);
  }

  upload<T>(
    path: string,
    body: AsyncIterable<Uint8Array>,
    options: { contentType: string; method?: 'POST' | 'PUT' },
  ): Promise<T> {
    return this.#json<T>(options.method ?? 'POST', path, { stream: body, contentType: options.contentType });
  }

  async *download(path: string): AsyncIterable<Uint8Array> {
    const response = await this.#send('GET', path, undefined, '*/*');
    yield* response;
  }

  async stream(
    path: string,
    onEvent: (event: ServerEvent) => boolean | undefined | Promise<boolean | undefined>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const response = await this.#send('GET', path, undefined, 'text/event-stream');
    const end = (): unknown => response.destroy();
    signal?.addEventListener('abort', end, { once: true });
    try {
      for await (const event of parseEvents(response)) {
        if ((await onEvent(event)) === false) return;
      }
    } catch (error) {
      if (signal?.aborted !== true) throw await this.#explain(error);
    } finally {
      signal?.removeEventListener('abort', end);
      response.destroy();
    }
  }

  connection(): Promise<CliConnection> {
    return this.#connection();
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #json<T>(method: string, path: string, body?: Body): Promise<T> {
    const response = await this.#send(method, path, body, 'application/json');
    const text = await readText(response, path);
    if (text === '') return null as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw cliFault('cli.strange-reply', { path, reason: 'it is not JSON' }, { cause });
    }
  }

  /** Sends and answers the reply's head; a reply other than 2xx is thrown. */
  async #send(method: string, path: string, body: Body | undefined, accept: string): Promise<IncomingMessage> {
    this.#signal.throwIfAborted();
    const { url, tls, headers } = await this.#connection();
    // A command that works on this machine alone starts without a client.
    const { Agent, request } = await import('node:https');
    this.#agent ??= new Agent({ ...tls, keepAlive: true, minVersion: 'TLSv1.3' });
    const call = request(new URL(BASE + path, url), {
      method,
      agent: this.#agent,
      signal: this.#signal,
      headers: {
        accept,
        'accept-language': this.#language,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'json' in body ? 'application/json' : body.contentType }),
      },
    });
    call.setTimeout(SILENCE_MS, () => call.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
    let sendFailure: unknown;
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      call.once('response', resolve);
      call.once('error', reject);
    });
    if (body === undefined) call.end();
    else if ('json' in body) call.end(JSON.stringify(body.json));
    else {
      // A server that refuses answers before it has read all; its answer is what counts, not the broken pipe.
      pipeline(Readable.from(body.stream), call).catch((error: unknown) => {
        sendFailure = error;
      });
    }
    const response = await answered.catch(async (error: unknown) => {
      throw await this.#explain(sendFailure instanceof Fault ? sendFailure : error);
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw new ProblemReply(readProblem(status, path, await readText(response, path)));
  }

  async #explain(error: unknown): Promise<unknown> {
    if (this.#signal.aborted) return this.#signal.reason;
    if (error instanceof Fault || error instanceof ProblemReply) return error;
    const { url } = await this.#connection();
    return explainFailure(url, error as NodeJS.ErrnoException);
  }
}

/** What a broken connection means to the person: `cli.untrusted` or `cli.unreachable`. */
export function explainFailure(url: string, error: NodeJS.ErrnoException): Fault {
  const { code = '', message } = error;
  // X509 verify codes of OpenSSL as Node spells them
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code)) {
    return cliFault('cli.untrusted', { url, reason: code }, { cause: error });
  }
  return cliFault('cli.unreachable', { url, reason: message || code }, { cause: error });
}

/** A problem document, or what stands in for one when something before the platform answered. */
export function readProblem(status: number, path: string, text: string): Problem {
  const value = text.startsWith('{') ? parseProblem(text) : null;
  if (typeof value?.title === 'string' && typeof value.code === 'string' && typeof value.kind === 'string') {
    return { type: 'about:blank', status, params: {}, ...value } as Problem;
  }
  return cliFault('cli.strange-reply', { path, reason: `HTTP ${status} without a problem document` }).toProblem('en');
}

function parseProblem(text: string): Partial<Problem> | null {
  try {
    return JSON.parse(text) as Partial<Problem>;
  } catch {
    return null;
  }
}

/** Server-sent events of a body (HTML Living Standard, section 9.2.6); comments are heartbeats. */
export async function* parseEvents(body: AsyncIterable<Uint8Array>): AsyncIterable<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id: string | null = null;
  let event = 'message';
  let data: string[] = [];
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > EVENT_CHARACTERS_MAX)
      throw cliFault('cli.strange-reply', { path: 'events', reason: 'an event is too long' });
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { id, event, data: JSON.parse(data.join('\n')) as Json };
        event = 'message';
        data = [];
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') data.push(value);
      else if (field === 'event') event = value;
      else if (field === 'id') id = value;
    }
  }
}

async function readText(response: IncomingMessage, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) {
      response.destroy();
      throw cliFault('cli.strange-reply', { path, reason: `it is larger than ${REPLY_BYTES_MAX} bytes` });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
