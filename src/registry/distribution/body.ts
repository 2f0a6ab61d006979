import type { IncomingMessage } from 'node:http';
import { registryFault } from '../errors.ts';
import { LET_GO_BYTES } from '../limits.ts';

/** The bytes of a request as they come. Stopping half-way leaves the connection open, so that an answer can be sent. */
export function streamBody(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

/**
 * The same for content that goes to a file. Each piece is gone when the next one is asked for: left to the garbage
 * collection, pieces outside the heap make V8 collect all of it every few dozen megabytes (measured: a third of the CPU
 * of a push).
 */
export async function* passBody(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  for await (const piece of streamBody(request)) {
    yield piece;
    const { buffer, byteLength } = piece;
    // Only a large piece with memory of its own, as node:http makes them: smaller ones may share theirs.
    if (byteLength >= LET_GO_BYTES && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) {
      buffer.transfer(0);
    }
  }
}

/** The whole body. @throws Fault registry.manifest-too-large beyond `maxBytes`, without reading the rest */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = () => registryFault('registry.manifest-too-large', { maximum: maxBytes });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of streamBody(request)) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces, bytes);
}

/** The stated length of the body; undefined when it is sent in chunks. */
export function statedLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}
