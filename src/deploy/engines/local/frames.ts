import { engineFault } from './errors.ts';

/** Docker's framing of a mixed stream: one byte stream (1 out, 2 error), three zeros, big-endian length, bytes. */
const HEADER_BYTES = 8;

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** @throws Fault engine.answer-invalid when a frame is larger than `maxBytes`. */
export async function* demultiplex(source: AsyncIterable<Buffer>, maxBytes: number): AsyncIterable<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES) {
      const length = rest.readUInt32BE(4);
      if (length > maxBytes) {
        throw engineFault('engine.answer-invalid', { operation: 'stream', why: `a frame of ${length} bytes` });
      }
      if (rest.length < HEADER_BYTES + length) break;
      yield { stream: rest[0] === 2 ? 'stderr' : 'stdout', bytes: rest.subarray(HEADER_BYTES, HEADER_BYTES + length) };
      rest = rest.subarray(HEADER_BYTES + length);
    }
  }
}
