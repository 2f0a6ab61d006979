import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { engineFault } from '../errors.ts';
import { ANSWER_BYTES_MAX, ERROR_TEXT_MAX } from '../limits.ts';
import { IMAGES, RUNTIME } from './messages.ts';
import { type Draft, decodeMessage, encodeMessage, type Message, WireError } from './protobuf.ts';

type Runtime = typeof RUNTIME;
type Images = typeof IMAGES;
type Methods = Runtime & Images;

export interface CriRequest {
  /** What is being done, for errors; never with a secret. */
  readonly operation: string;
  readonly timeoutMs: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** A flag and a length stand before each message (gRPC over HTTP2, "Length-Prefixed-Message"). */
const FRAME_BYTES = 5;

/**
 * Speaks gRPC with a CRI server over its unix socket: HTTP/2 without TLS, one connection for all calls, opened again when
 * it was lost. Every answer is bounded in bytes and in time.
 */
export class CriClient {
  readonly #socketPath: string;
  #session: ClientHttp2Session | null = null;
  #isClosed = false;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.destroy();
    this.#session = null;
  }

  /** One question, one answer. @throws Fault engine.* */
  async ask<M extends keyof Methods>(
    method: M,
    draft: Draft<Methods[M][0]>,
    options: CriRequest,
  ): Promise<Message<Methods[M][1]>> {
    for await (const message of this.#messages(method, draft, options)) return message;
    throw engineFault('engine.answer-invalid', { operation: options.operation, why: 'no message' });
  }

  /** One question, answers until somebody ends it. @throws Fault engine.* */
  follow<M extends keyof Methods>(
    method: M,
    draft: Draft<Methods[M][0]>,
    options: CriRequest,
  ): AsyncIterable<Message<Methods[M][1]>> {
    return this.#messages(method, draft, options);
  }

  async *#messages<M extends keyof Methods>(
    method: M,
    draft: Draft<Methods[M][0]>,
    options: CriRequest,
  ): AsyncGenerator<Message<Methods[M][1]>> {
    const { operation, signal, timeoutMs } = options;
    signal?.throwIfAborted();
    const [asked, answered] = ({ ...RUNTIME, ...IMAGES } as Methods)[method];
    const stream = this.#open(method, operation);
    // Whoever reads it is told. Once all was read nobody listens any more, and its end would be the agent's.
    stream.on('error', () => undefined);
    const onAbort = (): void => void stream.destroy(signal?.reason as Error | undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = Number.isFinite(timeoutMs)
      ? setTimeout(
          () => stream.destroy(engineFault('engine.timeout', { operation, seconds: timeoutMs / 1000 })),
          timeoutMs,
        )
      : undefined;
    const status = statusOf(stream);
    try {
      stream.end(frame(encodeMessage(asked, draft as Draft<typeof asked>)));
      for await (const body of framesOf(stream, options.maxBytes ?? ANSWER_BYTES_MAX, operation))
        yield decodeMessage(answered, body) as Message<Methods[M][1]>;
      const { code, text } = await status;
      if (code !== 0) throw failureOf(operation, code, text);
    } catch (error) {
      if (error instanceof WireError)
        throw engineFault('engine.answer-invalid', { operation, why: error.message }, { cause: error });
      throw this.#connectionFault(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      stream.destroy();
    }
  }

  #open(method: keyof Methods, operation: string): ClientHttp2Stream {
    if (this.#isClosed) throw engineFault('engine.unavailable', { socket: this.#socketPath, why: 'closed' });
    const service = method in RUNTIME ? 'RuntimeService' : 'ImageService';
    try {
      return this.#connected().request({
        ':method': 'POST',
        ':path': `/runtime.v1.${service}/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': 'darsena',
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : operation;
      throw engineFault('engine.unavailable', { socket: this.#socketPath, why }, { cause });
    }
  }

  #connected(): ClientHttp2Session {
    const known = this.#session;
    if (known !== null && !known.closed && !known.destroyed) return known;
    const session = connect('http://localhost', { createConnection: () => connectSocket(this.#socketPath) });
    // Each stream tells its own caller; the session itself is only forgotten.
    const forget = (): void => {
      if (this.#session === session) this.#session = null;
    };
    session.on('error', forget).once('close', forget).once('goaway', forget);
    session.unref();
    this.#session = session;
    return session;
  }

  #connectionFault(error: unknown): unknown {
    if (!(error instanceof Error) || error.name === 'Fault' || error.name === 'AbortError') return error;
    // Of a connection that was never made, Node says why in brackets.
    const inner = /\(caused by: (.*)\)$/.exec(error.message)?.[1];
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    const why = inner ?? code;
    return engineFault('engine.unavailable', { socket: this.#socketPath, why }, { cause: error });
  }
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(FRAME_BYTES + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, FRAME_BYTES);
  return framed;
}

async function* framesOf(stream: ClientHttp2Stream, maxBytes: number, operation: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    parts.push(chunk);
    held += chunk.length;
    while (held >= FRAME_BYTES) {
      if (parts[0] === undefined || parts[0].length < FRAME_BYTES) parts = [Buffer.concat(parts)];
      const [head = Buffer.alloc(0)] = parts;
      const length = head.readUInt32BE(1);
      if (head[0] !== 0) throw engineFault('engine.answer-invalid', { operation, why: 'a compressed message' });
      if (length > maxBytes)
        throw engineFault('engine.answer-invalid', { operation, why: `more than ${maxBytes} bytes` });
      if (held < FRAME_BYTES + length) break;
      const whole = Buffer.concat(parts);
      yield whole.subarray(FRAME_BYTES, FRAME_BYTES + length);
      const rest = whole.subarray(FRAME_BYTES + length);
      parts = [rest];
      held = rest.length;
    }
  }
  if (held > 0) throw engineFault('engine.answer-invalid', { operation, why: 'it was cut short' });
}

interface GrpcStatus {
  readonly code: number;
  readonly text: string;
}

/** Stands in the trailers, or in the head of an answer that has no message. */
function statusOf(stream: ClientHttp2Stream): Promise<GrpcStatus> {
  return new Promise((resolve) => {
    const read = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] === undefined) return;
      const text = String(headers['grpc-message'] ?? '');
      resolve({ code: Number(headers['grpc-status']), text: decoded(text) });
    };
    stream.once('response', (headers) => {
      if (headers[':status'] !== 200) resolve({ code: UNKNOWN, text: `HTTP ${String(headers[':status'])}` });
      read(headers);
    });
    stream.once('trailers', read);
    stream.once('close', () => resolve({ code: UNKNOWN, text: 'the answer has no status' }));
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

// Of google.rpc.Code.
const [UNKNOWN, INVALID, DEADLINE, NOT_FOUND, EXISTS, PRECONDITION] = [2, 3, 4, 5, 6, 9];
export const UNIMPLEMENTED = 'unimplemented';
const UNIMPLEMENTED_CODE = 12;

function failureOf(operation: string, code: number, text: string): Error {
  const why = text.slice(0, ERROR_TEXT_MAX) || `gRPC status ${code}`;
  // containerd says so of names in words only.
  if (code === EXISTS || /failed to reserve (?:sandbox|container) name/.test(text))
    return engineFault('engine.exists', { operation, why });
  if (code === NOT_FOUND) return engineFault('engine.not-found', { operation, why });
  if (code === DEADLINE) return engineFault('engine.failed', { operation, why });
  if (code === UNIMPLEMENTED_CODE) return engineFault('engine.refused', { operation, why: UNIMPLEMENTED });
  if (code === INVALID || code === PRECONDITION) return engineFault('engine.refused', { operation, why });
  return engineFault('engine.failed', { operation, why });
}
