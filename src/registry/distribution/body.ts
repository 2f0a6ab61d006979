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
  if (request.destroyed) throw cutOff();
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const end = (result: () => void): void => {
      request.off('data', take).off('end', whole).off('close', cut).off('error', reject);
      result();
    };
    const take = (piece: Buffer): void => {
      bytes += piece.byteLength;
      pieces.push(piece);
      if (bytes > maxBytes) end(() => reject(tooLarge()));
    };
    const whole = (): void =>
      end(() => resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, bytes)));
    const cut = (): void => end(() => reject(cutOff()));
    request.on('data', take).on('end', whole).on('close', cut).on('error', reject);
  });
}

function cutOff(): Error {
  return new Error('the connection ended in the middle of the body');
}

/** The stated length of the body; undefined when it is sent in chunks. */
export function statedLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}
