import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

/** What a browser asks for beside the protocol itself, so that no other WebSocket is taken for a session. */
export const WEBSOCKET_SUBPROTOCOL = 'darsena-session';

/** RFC 6455 section 1.3: what the server shows that it understood the handshake with. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** RFC 6455 section 5.5: a control frame is short and whole. */
const CONTROL_BYTES_MAX = 125;
const HEAD_BYTES_MAX = 14;
/**
 * Bytes on their way to a page that has not shown them yet: a browser takes messages faster than a terminal draws them,
 * and would hold what a busy command writes in memory. A second of the fastest drawing that was seen.
 */
const UNSHOWN_BYTES_MAX = 1024 * 1024;
/** A page that is told the end closes its side at once; one that does not would keep the connection for as long as it likes. */
const CLOSE_MS = 5_000;
/** One message of ours is cut into frames of this many bytes: a browser holds a whole message before it shows it. */
const SENT_BYTES_MAX = 64 * 1024;

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** RFC 6455 section 7.4.1. */
const CLOSED = { normal: 1000, protocol: 1002 } as const;

/** Whether a request asks for a WebSocket of ours, and by the rules. RFC 6455 section 4.2.1. */
export function asksWebSocket(request: IncomingMessage): boolean {
  const { upgrade, 'sec-websocket-key': key, 'sec-websocket-version': version } = request.headers;
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return (
    upgrade?.toLowerCase() === 'websocket' &&
    version === '13' &&
    /^[A-Za-z0-9+/]{22}==$/.test(key ?? '') &&
    protocols.includes(WEBSOCKET_SUBPROTOCOL)
  );
}

/**
 * Whether the page that asks came from this very server. Cookies alone do not tell: a browser sends them with WebSockets
 * of other pages of the same site too, and asks nobody before it opens one.
 */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  return host !== undefined && origin === `https://${host}`;
}

/**
 * Answers the handshake and gives the bytes that messages carry, both ways; where one message ends has no meaning here.
 * The page says now and then, by a text, how many bytes it has shown since the beginning; who is far behind gets no more
 * until then. Pings are answered; a frame that is none of the protocol's ends the stream with an error.
 */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex): Duplex {
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${WEBSOCKET_SUBPROTOCOL}\r\n\r\n`,
  );
  return new WebSocketBytes(socket);
}

interface Open {
  readonly opcode: number;
  readonly mask: Buffer;
  /** Bytes of the frame that have not come yet. */
  left: number;
  /** Bytes that have come: where the mask goes on. */
  at: number;
  /** Of what is taken whole: a control frame, or how much was shown. */
  readonly isHeld: boolean;
  readonly held: Buffer[];
}

class WebSocketBytes extends Duplex {
  readonly #socket: Duplex;
  #head: Buffer = Buffer.alloc(0);
  #open: Open | null = null;
  /** A message goes on: only then is there a continuation. */
  #inMessage = false;
  #isClosing = false;
  #sentBytes = 0;
  #shownBytes = 0;
  #goOn: (() => void) | null = null;

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let hasRoom = true;
    for (let at = 0; at < chunk.length; at += SENT_BYTES_MAX)
      hasRoom = this.#send(OPCODE.binary, chunk.subarray(at, at + SENT_BYTES_MAX));
    this.#sentBytes += chunk.length;
    const wait = (): void => {
      if (this.#sentBytes - this.#shownBytes > UNSHOWN_BYTES_MAX) this.#goOn = done;
      else done();
    };
    if (hasRoom) wait();
    else this.#socket.once('drain', wait);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #send(opcode: number, payload: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    const { length } = payload;
    const head = length <= CONTROL_BYTES_MAX ? Buffer.alloc(2) : length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
    head.writeUInt8(0x80 | opcode, 0);
    if (head.length === 2) head.writeUInt8(length, 1);
    else if (head.length === 4) {
      head.writeUInt8(126, 1);
      head.writeUInt16BE(length, 2);
    } else {
      head.writeUInt8(127, 1);
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    this.#socket.cork();
    this.#socket.write(head);
    const hasRoom = this.#socket.write(payload);
    this.#socket.uncork();
    return hasRoom;
  }

  #close(code: number): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#send(OPCODE.close, payload);
  }

  /** Says that this side is over and lets the other one answer, for a moment. */
  #end(): void {
    this.#close(CLOSED.normal);
    this.#socket.end();
    const late = setTimeout(() => this.destroy(), CLOSE_MS);
    late.unref();
    this.#socket.once('close', () => clearTimeout(late));
  }

  #refuse(why: string): void {
    this.#close(CLOSED.protocol);
    this.destroy(new RangeError(`not a WebSocket frame of a client: ${why}`));
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.destroyed && !this.#isClosing) {
      if (this.#open === null) rest = this.#takeHead(rest);
      else rest = this.#takePayload(this.#open, rest);
    }
  }

  /** @returns what comes after the head of a frame */
  #takeHead(chunk: Buffer): Buffer {
    const before = this.#head.length;
    const head = Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES_MAX)]);
    this.#head = head;
    if (head.length < 2) return chunk.subarray(chunk.length);
    const [first, second] = [head.readUInt8(0), head.readUInt8(1)];
    const opcode = first & 0x0f;
    const isLast = (first & 0x80) !== 0;
    const short = second & 0x7f;
    const problem = this.#problemOf(first, second);
    if (problem !== null) {
      this.#refuse(problem);
      return chunk.subarray(chunk.length);
    }
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
    const headBytes = 2 + lengthBytes + 4;
    if (head.length < headBytes) return chunk.subarray(chunk.length);
    const length =
      lengthBytes === 8 ? Number(head.readBigUInt64BE(2)) : lengthBytes === 2 ? head.readUInt16BE(2) : short;
    const mask = head.subarray(headBytes - 4, headBytes);
    this.#head = Buffer.alloc(0);
    this.#open = { opcode, mask: Buffer.from(mask), left: length, at: 0, isHeld: isShort(opcode), held: [] };
    if (!this.#open.isHeld) this.#inMessage = !isLast;
    if (length === 0) this.#endFrame(this.#open);
    return chunk.subarray(headBytes - before);
  }

  #problemOf(first: number, second: number): string | null {
    const opcode = first & 0x0f;
    const isLast = (first & 0x80) !== 0;
    if ((first & 0x70) !== 0) return 'an extension that was not agreed on';
    if ((second & 0x80) === 0) return 'not masked';
    if (opcode > OPCODE.pong) return 'an unknown kind';
    if (isShort(opcode)) {
      if (opcode === OPCODE.text && this.#inMessage) return 'a message within another';
      return isLast && (second & 0x7f) <= CONTROL_BYTES_MAX ? null : 'a long one of a short kind';
    }
    if (opcode === OPCODE.continuation) return this.#inMessage ? null : 'a continuation of nothing';
    if (opcode !== OPCODE.binary) return 'an unknown kind';
    return this.#inMessage ? 'a message within another' : null;
  }

  /** Bytes of a message go on as they come, so that the length of a frame holds no memory. */
  #takePayload(open: Open, chunk: Buffer): Buffer {
    const taken = Buffer.from(chunk.subarray(0, open.left));
    for (let index = 0; index < taken.length; index++)
      taken[index] = (taken[index] ?? 0) ^ (open.mask[(open.at + index) % 4] ?? 0);
    open.at += taken.length;
    open.left -= taken.length;
    if (open.isHeld) open.held.push(taken);
    else if (!this.push(taken)) this.#socket.pause();
    if (open.left === 0) this.#endFrame(open);
    return chunk.subarray(taken.length);
  }

  #endFrame(open: Open): void {
    this.#open = null;
    if (open.opcode === OPCODE.text) this.#shown(Buffer.concat(open.held).toString('latin1'));
    // Section 5.5.3 lets pings go unanswered until answers have gone out; who reads none would fill the memory with them.
    if (open.opcode === OPCODE.ping && !this.#socket.writableNeedDrain)
      this.#send(OPCODE.pong, Buffer.concat(open.held));
    if (open.opcode !== OPCODE.close) return;
    this.push(null);
    this.#end();
  }

  #shown(text: string): void {
    const bytes = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(bytes >= this.#shownBytes && bytes <= this.#sentBytes)) {
      this.#refuse('more was shown than was sent');
      return;
    }
    this.#shownBytes = bytes;
    if (this.#goOn === null || this.#sentBytes - bytes > UNSHOWN_BYTES_MAX) return;
    const goOn = this.#goOn;
    this.#goOn = null;
    goOn();
  }
}

function isShort(opcode: number): boolean {
  return opcode === OPCODE.text || opcode >= OPCODE.close;
}
