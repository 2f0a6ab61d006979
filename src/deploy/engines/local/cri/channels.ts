import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Duplex } from 'node:stream';
import { items, objectAt, textAt } from '../answers.ts';
import type { OutputPiece } from '../engine.ts';
import { engineFault } from '../errors.ts';
import { ACTION_TIMEOUT_MS, STREAM_FRAME_BYTES_MAX } from '../limits.ts';
import { PatientSocket } from '../patient-socket.ts';

/**
 * The streams of a command or a terminal, as CRI servers serve them at the address that `Exec` and `Attach` answer: a
 * WebSocket (RFC 6455) whose messages begin with the number of their channel (k8s.io/kubelet, cri/streaming/remotecommand).
 * Version 5 can tell that the input has ended, version 4 cannot.
 */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** RFC 6455, section 1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface Channels {
  /** What is written goes to the standard input; destroying it cuts the connection. Nothing is read from it. */
  readonly stream: Duplex;
  readonly output: AsyncIterable<OutputPiece>;
  resize(columns: number, rows: number): void;
  /** After the output has ended. */
  exitCode(): number;
  /** Whether the command has ended, and its result is known. */
  hasResult(): boolean;
  close(): void;
}

/** @throws Fault engine.* */
export async function openChannels(url: string, operation: string): Promise<Channels> {
  const address = URL.parse(url);
  // containerd and CRI-O serve it on the loopback; a server elsewhere would take the session off this host.
  if (address?.protocol !== 'http:' || !['127.0.0.1', 'localhost', '[::1]'].includes(address.hostname))
    throw engineFault('engine.refused', { operation, why: 'its streams are not served on this host' });
  const { socket, protocol, head } = await shakeHands(address, operation);
  if (head.length > 0) socket.unshift(head);
  const canEnd = protocol === PROTOCOLS[0];
  const send = (channel: number, bytes: Uint8Array): boolean =>
    socket.write(maskedFrame(OPCODE.binary, Buffer.concat([Buffer.from([channel]), bytes])));
  let code: number | null = null;

  const stream = new Duplex({
    read() {
      // What the process writes comes as `output`.
    },
    write(chunk: Buffer, _encoding, done) {
      if (send(CHANNEL.stdin, chunk)) done();
      else socket.once('drain', done);
    },
    final(done) {
      if (canEnd) send(CHANNEL.close, Buffer.from([CHANNEL.stdin]));
      done();
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('error', () => stream.destroy());
  socket.once('close', () => stream.destroy());

  async function* output(): AsyncGenerator<OutputPiece> {
    try {
      for await (const { opcode, payload } of readMessages(socket, operation)) {
        // One that asks and does not read the answers gets none.
        if (opcode === OPCODE.ping && !socket.writableNeedDrain) socket.write(maskedFrame(OPCODE.pong, payload));
        if (opcode === OPCODE.close) break;
        if (opcode !== OPCODE.binary && opcode !== OPCODE.text) continue;
        const bytes = payload.subarray(1);
        if (payload[0] === CHANNEL.stdout && bytes.length > 0) yield { stream: 'stdout', bytes };
        if (payload[0] === CHANNEL.stderr && bytes.length > 0) yield { stream: 'stderr', bytes };
        if (payload[0] === CHANNEL.error && bytes.length > 0) code = exitCodeOf(bytes, operation);
      }
    } finally {
      socket.destroy();
    }
  }

  return {
    stream,
    output: output(),
    resize: (columns, rows) => {
      if (!socket.destroyed) send(CHANNEL.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
    },
    exitCode: () => {
      if (code === null) throw engineFault('engine.answer-invalid', { operation, why: 'it ended without a result' });
      return code;
    },
    hasResult: () => code !== null,
    close: () => socket.destroy(),
  };
}

function shakeHands(
  address: URL,
  operation: string,
): Promise<{ readonly socket: Duplex; readonly protocol: string; readonly head: Buffer }> {
  const key = randomBytes(16).toString('base64');
  return new Promise((resolve, reject) => {
    const failed = (why: string, cause?: unknown): void =>
      reject(engineFault('engine.failed', { operation, why }, cause === undefined ? {} : { cause }));
    const [host, port] = [address.hostname.replace(/^\[|\]$/g, ''), Number(address.port || 80)];
    const sent = request(address, {
      createConnection: () => PatientSocket.open({ host, port }),
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': key,
        'Sec-WebSocket-Protocol': PROTOCOLS.join(', '),
      },
    });
    sent.setTimeout(ACTION_TIMEOUT_MS, () =>
      sent.destroy(engineFault('engine.timeout', { operation, seconds: ACTION_TIMEOUT_MS / 1000 })),
    );
    sent.once('error', (error) => (error.name === 'Fault' ? reject(error) : failed(error.message, error)));
    sent.once('response', (response) => {
      failed(`HTTP ${response.statusCode}`);
      // Nobody reads what it says beside, which may have no end.
      response.destroy();
    });
    sent.once('upgrade', (response, socket, head) => {
      const accept = createHash('sha1')
        .update(key + ACCEPT_GUID)
        .digest('base64');
      const protocol = response.headers['sec-websocket-protocol'] ?? '';
      const isKnown = (PROTOCOLS as readonly string[]).includes(protocol);
      if (response.headers['sec-websocket-accept'] !== accept || !isKnown) {
        socket.destroy();
        failed('its streams speak another protocol');
        return;
      }
      socket.setTimeout(0);
      resolve({ socket, protocol, head });
    });
    sent.end();
  });
}

/** What a client sends is masked (RFC 6455, section 5.3). */
function maskedFrame(opcode: number, payload: Uint8Array): Buffer {
  const lengthBytes = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
  const framed = Buffer.alloc(2 + lengthBytes + 4 + payload.length);
  framed[0] = 0x80 | opcode;
  framed[1] = 0x80 | (lengthBytes === 0 ? payload.length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) framed.writeUInt16BE(payload.length, 2);
  if (lengthBytes === 8) framed.writeBigUInt64BE(BigInt(payload.length), 2);
  const mask = randomBytes(4);
  mask.copy(framed, 2 + lengthBytes);
  const at = 6 + lengthBytes;
  for (let index = 0; index < payload.length; index++)
    framed[at + index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0);
  return framed;
}

/** Before a frame that is not masked (RFC 6455, section 5.2). */
const FRAME_HEAD_BYTES_MAX = 10;

interface WebSocketMessage {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Whole messages as they come, no faster than they are read. */
async function* readMessages(socket: Duplex, operation: string): AsyncGenerator<WebSocketMessage> {
  let held: Buffer = Buffer.alloc(0);
  let parts: Buffer[] = [];
  let bytes = 0;
  let begun: number | null = null;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const found = readFrame(held, operation);
      if (found === null) break;
      held = held.subarray(found.bytes);
      const { opcode, payload, final } = found;
      if (opcode >= OPCODE.close) {
        yield { opcode, payload };
        continue;
      }
      if (opcode !== OPCODE.continuation) begun = opcode;
      parts.push(payload);
      // With their heads: parts without anything in them have an end as well.
      bytes += found.bytes;
      if (bytes > STREAM_FRAME_BYTES_MAX + FRAME_HEAD_BYTES_MAX)
        throw engineFault('engine.answer-invalid', { operation, why: 'a message without end' });
      if (!final || begun === null) continue;
      yield { opcode: begun, payload: parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts) };
      parts = [];
      bytes = 0;
      begun = null;
    }
  }
}

function readFrame(
  held: Buffer,
  operation: string,
): { readonly opcode: number; readonly payload: Buffer; readonly final: boolean; readonly bytes: number } | null {
  if (held.length < 2) return null;
  const [first = 0, second = 0] = held;
  const short = second & 0x7f;
  const at = short === 126 ? 4 : short === 127 ? 10 : 2;
  if ((second & 0x80) !== 0) throw engineFault('engine.answer-invalid', { operation, why: 'a masked frame' });
  if (held.length < at) return null;
  const length = short === 126 ? held.readUInt16BE(2) : short === 127 ? Number(held.readBigUInt64BE(2)) : short;
  if (length > STREAM_FRAME_BYTES_MAX)
    throw engineFault('engine.answer-invalid', { operation, why: 'a frame without end' });
  if (held.length < at + length) return null;
  return {
    opcode: first & 0x0f,
    payload: held.subarray(at, at + length),
    final: (first & 0x80) !== 0,
    bytes: at + length,
  };
}

/** The last message: a `Status` of Kubernetes; a failure names the exit code among its causes. */
function exitCodeOf(bytes: Buffer, operation: string): number {
  let status: unknown;
  try {
    status = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw engineFault('engine.answer-invalid', { operation, why: 'its result is not JSON' }, { cause });
  }
  if (textAt(status, 'status') === 'Success') return 0;
  const causes = items(objectAt(status, 'details')['causes']);
  const code = textAt(
    causes.find((cause) => textAt(cause, 'reason') === 'ExitCode'),
    'message',
  );
  if (code !== null && /^\d{1,3}$/.test(code)) return Number(code);
  throw engineFault('engine.failed', { operation, why: (textAt(status, 'message') ?? '').slice(0, 300) });
}
