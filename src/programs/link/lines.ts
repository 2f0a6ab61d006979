import type { Duplex } from 'node:stream';

/** A wanted state with the files of its ConfigMaps is the largest message; more than this is no message of ours. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

export interface LineChannel<Out> {
  send(message: Out): void;
  /** Once what was sent has left; it waits for the other side to take leave as well. */
  close(): void;
  /** At once, whatever the other side does: one that stands still takes no leave. */
  cut(why: Error): void;
  /** What was sent and has not left yet. */
  readonly behindBytes: number;
  /** While held nothing more is read, and the other side's network holds it up. */
  hold(held: boolean): void;
  readonly closed: Promise<Error | null>;
}

/**
 * JSON lines over a stream. `onMessage` gets each parsed value in order; one that is not JSON, or too long, closes the
 * channel: after it nothing on the stream can be trusted to start where it seems to. So does one that `onMessage` throws
 * for.
 *
 * @param onMessage also told how many bytes the message had
 * @param options.behindBytesMax a side that does not read what it is sent is cut when so much waits for it
 */
export function openLineChannel<Out>(
  stream: Duplex,
  onMessage: (message: unknown, bytes: number) => void,
  { behindBytesMax = Number.POSITIVE_INFINITY }: { readonly behindBytesMax?: number } = {},
): LineChannel<Out> {
  let parts: Buffer[] = [];
  let pendingBytes = 0;
  let failure: Error | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    stream.destroy();
  };
  stream.on('data', (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(10, start); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      parts = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.length === 0) continue;
      let message: unknown;
      try {
        message = JSON.parse(line.toString('utf8'));
      } catch (error) {
        fail(new Error('the other side sent a line that is not JSON', { cause: error }));
        return;
      }
      try {
        onMessage(message, line.length);
      } catch (error) {
        fail(new Error('a message of the other side could not be taken', { cause: error }));
        return;
      }
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > LINE_BYTES_MAX)
        fail(new Error(`the other side sent a line longer than ${LINE_BYTES_MAX} bytes`));
    }
  });
  const closed = new Promise<Error | null>((resolve) => {
    stream.on('error', (error: Error) => {
      failure ??= error;
    });
    stream.on('close', () => resolve(failure));
  });
  return {
    send: (message) => {
      if (stream.writableEnded || stream.destroyed) return;
      stream.write(`${JSON.stringify(message)}\n`);
      if (stream.writableLength > behindBytesMax) fail(new Error('the other side does not read what it is sent'));
    },
    close: () => stream.end(),
    cut: fail,
    get behindBytes() {
      return stream.writableLength;
    },
    hold: (held) => {
      if (held) stream.pause();
      else stream.resume();
    },
    closed,
  };
}
