import type { Writable } from 'node:stream';

/**
 * The bytes of an interactive session (exec, logs) between the command line and the agent; control passes them on
 * unread. A frame: one byte kind, four bytes length (big-endian), payload.
 */
export const FRAME = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  resize: 3,
  exit: 4,
  fault: 5,
  stdinEnd: 6,
  /** Of an attached container: the name of a signal for its first process. */
  signal: 7,
  /** Of a forwarded connection, see mux.ts. */
  open: 8,
  data: 9,
  end: 10,
  close: 11,
  credit: 12,
} as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** Signals that a terminal passes on; stopping for good is for whoever may deploy. */
export const SIGNALS: readonly string[] = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'WINCH'];

/** A terminal sends small pieces; a larger frame is no frame of ours. */
const FRAME_BYTES_MAX = 1024 * 1024;
const HEAD_BYTES = 5;

export function encodeFrame(kind: FrameKind, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, HEAD_BYTES);
  return frame;
}

/** Takes bytes as they come and gives whole frames. @throws RangeError when the stream holds no frames of ours */
export function createFrameReader(onFrame: (kind: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEAD_BYTES) {
      const bytes = rest.readUInt32BE(1);
      if (bytes > FRAME_BYTES_MAX) throw new RangeError(`session frame of ${bytes} bytes, at most ${FRAME_BYTES_MAX}`);
      if (rest.length < HEAD_BYTES + bytes) return;
      const kind = rest.readUInt8(0);
      const payload = rest.subarray(HEAD_BYTES, HEAD_BYTES + bytes);
      rest = rest.subarray(HEAD_BYTES + bytes);
      onFrame(kind, payload);
    }
  };
}

export interface SessionFrame {
  readonly kind: number;
  readonly payload: Buffer;
}

/** The frames of a stream, no faster than they are taken. @throws RangeError when the stream holds no frames of ours */
export async function* readFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<SessionFrame> {
  const ready: SessionFrame[] = [];
  const read = createFrameReader((kind, payload) => ready.push({ kind, payload }));
  for await (const chunk of stream) {
    read(chunk);
    yield* ready.splice(0);
  }
}

/** Writes, and waits while more than `most` bytes are on their way. A stream that is gone takes nothing. */
export async function writeWhole(stream: Writable, bytes: Uint8Array, most = 1024 * 1024): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return;
  if (stream.write(bytes) || stream.writableLength < most) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      resolve();
    };
    stream.on('drain', go);
    stream.on('close', go);
  });
}
