import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerOf } from '../../../system/index.ts';
import { engineFault } from './errors.ts';
import { ANSWER_BYTES_MAX, ERROR_TEXT_MAX } from './limits.ts';
import { PatientSocket } from './patient-socket.ts';

/** Version of the libpod API that is asked for: Podman 4.0 and later serve it, 5.x included. */
const API = '/v4.0.0/libpod';

export interface LibpodRequest {
  /** What is being done, for errors: a noun or `verb noun`, never with a secret. */
  readonly operation: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the first byte of the answer, and again for the body. Infinity for a stream that may stay silent. */
  readonly timeoutMs: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /** Answers besides 2xx that are an outcome and not an error. */
  readonly accept?: readonly number[];
}

export interface LibpodAnswer {
  readonly status: number;
  /** The parsed body; null when it was empty. */
  readonly json: unknown;
}

/** One instance speaks to one Podman service over its unix socket. Every answer is bounded in bytes and in time. */
export class LibpodClient {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @throws Fault engine.* */
  async ask(method: string, path: string, options: LibpodRequest): Promise<LibpodAnswer> {
    const response = await this.#open(method, path, options);
    const text = await this.#readBody(response, options);
    const status = response.statusCode ?? 0;
    const json = parseBody(text, options.operation, status);
    if ((status >= 200 && status < 300) || options.accept?.includes(status)) return { status, json };
    throw failureOf(options.operation, status, json, text);
  }

  /** The body as it comes; the caller reads or destroys it. The time limit ends with the first byte of the answer. */
  async stream(method: string, path: string, options: LibpodRequest): Promise<IncomingMessage> {
    const response = await this.#open(method, path, options);
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || options.accept?.includes(status)) return response;
    const text = await this.#readBody(response, options);
    throw failureOf(options.operation, status, parseBody(text, options.operation, status), text);
  }

  /** Sends a body as it comes; an answer before its end is what counts. @throws Fault engine.* */
  async send(
    path: string,
    body: AsyncIterable<Uint8Array>,
    contentType: string,
    options: LibpodRequest,
  ): Promise<void> {
    const sent = httpRequest({
      socketPath: this.#socketPath,
      path: `${API}${path}`,
      method: 'PUT',
      agent: false,
      headers: { Host: 'libpod', 'Content-Type': contentType },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    sent.setTimeout(options.timeoutMs, () => sent.destroy(timeoutOf(options)));
    const answered = answerOf(sent);
    pipeline(Readable.from(body), sent).catch((error: unknown) => {
      // What breaks on the way to it is why nothing was answered; a refusal has been answered by then.
      sent.destroy(error instanceof Error ? error : new Error(String(error)));
    });
    const response = await answered.catch((error: unknown) => {
      throw this.#connectionFault(error);
    });
    const text = await this.#readBody(response, options);
    const status = response.statusCode ?? 0;
    if (status < 200 || status >= 300) {
      throw failureOf(options.operation, status, parseBody(text, options.operation, status), text);
    }
  }

  /** Turns the connection into a raw two-way stream, as attach and exec do. */
  async hijack(path: string, options: LibpodRequest): Promise<{ stream: Duplex; head: Buffer }> {
    return await new Promise((resolve, reject) => {
      const sent = this.#send('POST', path, options, { Connection: 'Upgrade', Upgrade: 'tcp' });
      const timer = setTimeout(() => sent.destroy(timeoutOf(options)), options.timeoutMs);
      sent.once('upgrade', (_response, socket, head) => {
        clearTimeout(timer);
        resolve({ stream: socket, head });
      });
      sent.once('response', (response) => {
        clearTimeout(timer);
        this.#readBody(response, options).then((text) => {
          const status = response.statusCode ?? 0;
          reject(failureOf(options.operation, status, parseBody(text, options.operation, status), text));
        }, reject);
      });
      sent.once('error', (error) => {
        clearTimeout(timer);
        reject(this.#connectionFault(error));
      });
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, options: LibpodRequest, more: Record<string, string> = {}): ClientRequest {
    const body = options.body === undefined ? null : Buffer.from(JSON.stringify(options.body));
    const sent = httpRequest({
      socketPath: this.#socketPath,
      path: `${API}${path}`,
      method,
      ...(more['Upgrade'] === undefined
        ? { agent: this.#agent }
        : { createConnection: () => PatientSocket.open({ path: this.#socketPath }) }),
      headers: {
        Host: 'libpod',
        ...(body === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }),
        ...options.headers,
        ...more,
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    sent.end(body ?? undefined);
    return sent;
  }

  async #open(method: string, path: string, options: LibpodRequest): Promise<IncomingMessage> {
    const sent = this.#send(method, path, options);
    const timer = startTimer(() => sent.destroy(timeoutOf(options)), options.timeoutMs);
    try {
      return await answerOf(sent);
    } catch (error) {
      throw options.signal?.aborted ? options.signal.reason : this.#connectionFault(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #readBody(response: IncomingMessage, options: LibpodRequest): Promise<string> {
    const maxBytes = options.maxBytes ?? ANSWER_BYTES_MAX;
    const timer = setTimeout(() => response.destroy(timeoutOf(options)), options.timeoutMs);
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > maxBytes) {
          response.destroy();
          throw engineFault('engine.answer-invalid', {
            operation: options.operation,
            why: `more than ${maxBytes} bytes`,
          });
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#connectionFault(error);
    } finally {
      clearTimeout(timer);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #connectionFault(error: unknown): unknown {
    if (!(error instanceof Error) || error.name === 'Fault' || error.name === 'AbortError') return error;
    const why = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    return engineFault('engine.unavailable', { socket: this.#socketPath, why }, { cause: error });
  }
}

function startTimer(end: () => void, ms: number): NodeJS.Timeout | undefined {
  return Number.isFinite(ms) ? setTimeout(end, ms) : undefined;
}

function timeoutOf(options: LibpodRequest): Error {
  return engineFault('engine.timeout', { operation: options.operation, seconds: options.timeoutMs / 1000 });
}

function parseBody(text: string, operation: string, status: number): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (status >= 400) return null;
    throw engineFault('engine.answer-invalid', { operation, why: 'it is not JSON' }, { cause });
  }
}

/** libpod errors are `{cause, message, response}`; starting a pod answers `{Errs: [...]}`. */
function failureOf(operation: string, status: number, json: unknown, text: string): Error {
  const why = errorText(json) ?? (text.slice(0, ERROR_TEXT_MAX) || `HTTP ${status}`);
  // The words in which Podman sums up what run-times say of a program that does not start (libpod/define/errors.go).
  if (why.includes('OCI runtime attempted to invoke a command that was not found'))
    return engineFault('engine.command-missing', { operation, why });
  if (why.includes('OCI permission denied')) return engineFault('engine.command-unusable', { operation, why });
  // Podman takes ranges for namespaces of users from those of one name; nobody has to have given that one any.
  if (why.includes('not enough unused IDs in user namespace')) {
    return engineFault('engine.lacks', {
      operation,
      why: 'no sub-ids are left for one more user namespace, of which each takes 1024; as root they are those of a user "containers": useradd --system containers && usermod --add-subuids 1000000-2048575 --add-subgids 1000000-2048575 containers',
      porque:
        'no quedan sub-ids para otro espacio de nombres de usuario, de los que cada uno toma 1024; con root son los de un usuario "containers": useradd --system containers && usermod --add-subuids 1000000-2048575 --add-subgids 1000000-2048575 containers',
    });
  }
  // Of a pod's network, and of a container's pod, Podman says so as an error of its own.
  if (status === 404 || (status === 500 && /network not found|no such pod/.test(why)))
    return engineFault('engine.not-found', { operation, why });
  if (status === 409 || (status === 500 && /already (in use|exists)/.test(why))) {
    return engineFault(/already (in use|exists)/.test(why) ? 'engine.exists' : 'engine.refused', { operation, why });
  }
  if (status === 400) return engineFault('engine.refused', { operation, why });
  return engineFault('engine.failed', { operation, why });
}

function errorText(json: unknown): string | null {
  if (typeof json !== 'object' || json === null) return null;
  if ('Errs' in json && Array.isArray(json.Errs)) return json.Errs.map(String).join('; ').slice(0, ERROR_TEXT_MAX);
  if ('message' in json && typeof json.message === 'string') return json.message.slice(0, ERROR_TEXT_MAX);
  return null;
}
