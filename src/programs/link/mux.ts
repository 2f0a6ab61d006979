import { Duplex } from 'node:stream';
import { encodeFrame, FRAME, readFrames, writeWhole } from './session.ts';

/**
 * Many connections over one session. Each side may send a connection no more than its reader has asked for (credit), so
 * that one that is not read holds up no other.
 *
 *     open    channel (4 bytes, big-endian), port (2)     from the side that connects
 *     data    channel, bytes
 *     end     channel                                     no more data in this direction
 *     close   channel, reason in UTF-8 (may be empty)
 *     credit  channel, bytes (4)                          so many more may be sent
 */

/** What may be on its way on one connection: more than a fast line holds at 20 ms. */
export const WINDOW_BYTES = 256 * 1024;
/** A browser opens some ten connections to a place. */
export const CHANNELS_MAX = 256;
/** One piece of data, so that connections take turns. */
const PIECE_BYTES = 64 * 1024;
const REASON_BYTES_MAX = 500;

export class Mux {
  readonly #stream: Duplex;
  readonly #accept: ((port: number, channel: Duplex) => void) | null;
  readonly #channels = new Map<number, Channel>();
  #last = 0;

  /** @param accept takes what the other side opens; null: it may open nothing */
  constructor(stream: Duplex, accept: ((port: number, channel: Duplex) => void) | null) {
    this.#stream = stream;
    this.#accept = accept;
    // Each connection may wait for the stream, with a listener for its going on and one for its end.
    stream.setMaxListeners(4 * CHANNELS_MAX);
  }

  /** A new connection to a port at the other side; an error on it is the other side's reason. */
  open(port: number): Duplex {
    if (this.#channels.size >= CHANNELS_MAX) throw new RangeError(`more than ${CHANNELS_MAX} connections at a time`);
    this.#last += 1;
    const channel = this.#make(this.#last);
    const payload = Buffer.alloc(6);
    payload.writeUInt32BE(this.#last, 0);
    payload.writeUInt16BE(port, 4);
    this.#stream.write(encodeFrame(FRAME.open, payload));
    return channel;
  }

  /** Carries everything until the session ends; then every connection ends. @throws RangeError for what is no frame */
  async run(onOther: (kind: number, payload: Buffer) => void = () => undefined): Promise<void> {
    try {
      for await (const { kind, payload } of readFrames(this.#stream as AsyncIterable<Buffer>)) {
        if (kind < FRAME.open || kind > FRAME.credit) onOther(kind, payload);
        else this.#take(kind, payload);
      }
    } finally {
      for (const channel of this.#channels.values()) channel.destroy();
      this.#channels.clear();
    }
  }

  #take(kind: number, payload: Buffer): void {
    if (payload.length < 4) throw new RangeError('a frame without a channel');
    const id = payload.readUInt32BE(0);
    const rest = payload.subarray(4);
    if (kind === FRAME.open) {
      if (this.#accept === null || rest.length !== 2 || this.#channels.has(id)) throw new RangeError('a strange open');
      if (this.#channels.size >= CHANNELS_MAX) {
        // Those that ended over there may be ending here: one too many is refused, and the others go on.
        void this.#sender(id)(FRAME.close, Buffer.from(`more than ${CHANNELS_MAX} connections at a time`));
        return;
      }
      this.#accept(rest.readUInt16BE(0), this.#make(id));
      return;
    }
    // What crosses with its end on the way is for nobody any more.
    const channel = this.#channels.get(id);
    if (channel === undefined) return;
    if (kind === FRAME.data) channel.receive(rest);
    else if (kind === FRAME.end) channel.push(null);
    else if (kind === FRAME.credit && rest.length === 4) channel.allow(rest.readUInt32BE(0));
    else if (kind === FRAME.close) {
      const reason = rest.toString('utf8');
      channel.closedByOther = true;
      channel.destroy(reason === '' ? undefined : new Error(reason));
    }
  }

  #sender(id: number): Send {
    return (kind, body) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(id, 0);
      return writeWhole(this.#stream, encodeFrame(kind, Buffer.concat([head, body])));
    };
  }

  #make(id: number): Channel {
    const channel = new Channel(this.#sender(id));
    this.#channels.set(id, channel);
    channel.once('close', () => this.#channels.delete(id));
    return channel;
  }
}

type Send = (
  kind: typeof FRAME.data | typeof FRAME.end | typeof FRAME.close | typeof FRAME.credit,
  body: Buffer,
) => Promise<void>;

class Channel extends Duplex {
  readonly #send: Send;
  /** What may still be sent. */
  #credit = WINDOW_BYTES;
  /** What the other side may still send. */
  #granted = WINDOW_BYTES;
  /** Taken from the other side and not yet granted again. */
  #owed = 0;
  #wake: (() => void) | null = null;
  closedByOther = false;

  constructor(send: Send) {
    super({ allowHalfOpen: true, highWaterMark: PIECE_BYTES });
    this.#send = send;
  }

  /** @throws RangeError when the other side sends more than it may */
  receive(bytes: Buffer): void {
    this.#granted -= bytes.length;
    if (this.#granted < 0) throw new RangeError('more data than was asked for');
    this.#owed += bytes.length;
    if (this.push(bytes)) this.#grant();
  }

  allow(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  override _read(): void {
    this.#grant();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sendAll(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send(FRAME.end, Buffer.alloc(0)).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#wake?.();
    const isOver = this.readableEnded && this.writableFinished;
    const reason = Buffer.from(error?.message ?? '').subarray(0, REASON_BYTES_MAX);
    if (!this.closedByOther && !isOver) void this.#send(FRAME.close, reason);
    done(error);
  }

  async #sendAll(chunk: Buffer): Promise<void> {
    let rest = chunk;
    while (rest.length > 0 && !this.destroyed) {
      if (this.#credit === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
        continue;
      }
      const piece = rest.subarray(0, Math.min(rest.length, this.#credit, PIECE_BYTES));
      this.#credit -= piece.length;
      rest = rest.subarray(piece.length);
      await this.#send(FRAME.data, piece);
    }
  }

  #grant(): void {
    if (this.#owed === 0 || this.destroyed) return;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#owed, 0);
    this.#granted += this.#owed;
    this.#owed = 0;
    void this.#send(FRAME.credit, bytes);
  }
}
