import { engineFault } from './errors.ts';

/** Docker's framing of a mixed stream: one byte stream (1 out, 2 error), three zeros, big-endian length, bytes. */
const HEADER_BYTES = 8;
const NEWLINE = 0x0a;

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** @throws Fault engine.answer-invalid when a frame is larger than `maxBytes`. */
export async function* demultiplex(source: AsyncIterable<Buffer>, maxBytes: number): AsyncIterable<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  let last: Frame['stream'] = 'stdout';
  for await (const chunk of source) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES) {
      // Podman 4.3 replays whole lines of a log with a header that does not count their end.
      if (rest[0] === NEWLINE) {
        yield { stream: last, bytes: rest.subarray(0, 1) };
        rest = rest.subarray(1);
        continue;
      }
      const length = rest.readUInt32BE(4);
      if (length > maxBytes) {
        throw engineFault('engine.answer-invalid', { operation: 'stream', why: `a frame of ${length} bytes` });
      }
      if (rest.length < HEADER_BYTES + length) break;
      last = rest[0] === 2 ? 'stderr' : 'stdout';
      yield { stream: last, bytes: rest.subarray(HEADER_BYTES, HEADER_BYTES + length) };
      rest = rest.subarray(HEADER_BYTES + length);
    }
  }
  if (rest.length > 0 && rest[0] === NEWLINE) yield { stream: last, bytes: rest };
}
