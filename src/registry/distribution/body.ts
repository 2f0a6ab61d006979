import type { IncomingMessage } from 'node:http';
import { registryFault } from '../errors.ts';

/** The bytes of a request as they come. Stopping half-way leaves the connection open, so that an answer can be sent. */
export function streamBody(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
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
