import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { acceptWebSocket, asksWebSocket, isSameOrigin } from './websocket.ts';

const HEADERS = {
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'darsena-session',
  host: 'h:7443',
  origin: 'https://h:7443',
};
const asked = (headers: object = {}): IncomingMessage => ({ headers: { ...HEADERS, ...headers } }) as IncomingMessage;

/** A frame as a client sends it. RFC 6455 section 5.2. */
function frame(opcode: number, payload: string | Buffer, options: { fin?: boolean; masked?: boolean } = {}): Buffer {
  const { fin = true, masked = true } = options;
  const body = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 250]);
  const length =
    body.length < 126 ? Buffer.from([body.length]) : Buffer.from([126, body.length >> 8, body.length & 0xff]);
  length[0] = (length[0] ?? 0) | (masked ? 0x80 : 0);
  const sent = masked ? body.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : body;
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode]), length, masked ? mask : Buffer.alloc(0), sent]);
}

function open() {
  const out: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      out.push(chunk);
      done();
    },
  });
  const stream = acceptWebSocket(asked(), socket);
  const errors: Error[] = [];
  stream.on('error', (error) => errors.push(error));
  const [head = ''] = out.splice(0).map(String);
  return { head, stream, socket, errors, sent: () => Buffer.concat(out.splice(0)) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('the handshake is that of RFC 6455, for our protocol and for pages of this server alone', () => {
  assert.match(open().head, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  assert.equal(asksWebSocket(asked()), true);
  for (const wrong of [
    { 'sec-websocket-version': '8' },
    { 'sec-websocket-key': 'short' },
    { 'sec-websocket-protocol': 'chat' },
    { upgrade: 'h2c' },
  ])
    assert.equal(asksWebSocket(asked(wrong)), false, JSON.stringify(wrong));
  assert.equal(isSameOrigin(asked()), true);
  for (const origin of ['', 'null', 'https://h', 'http://h:7443', 'https://h:7443.evil', 'https://web.h:7443'])
    assert.equal(isSameOrigin(asked({ origin })), false, origin);
});

test('bytes pass in pieces of any size and over parts of a message; pings are answered between them', async () => {
  const { stream, socket, sent, errors } = open();
  let came = '';
  stream.on('data', (chunk: Buffer) => {
    came += chunk;
  });
  const bytes = Buffer.concat([
    frame(2, 'hello ', { fin: false }),
    frame(9, 'are you there'),
    frame(0, 'x'.repeat(300)),
    frame(2, ' end'),
  ]);
  for (const byte of bytes) socket.push(Buffer.from([byte]));
  await turn();
  assert.equal(came, `hello ${'x'.repeat(300)} end`);
  assert.deepEqual(sent(), Buffer.concat([Buffer.from([0x8a, 13]), Buffer.from('are you there')]));
  stream.write(Buffer.alloc(200, 7));
  assert.deepEqual(sent().subarray(0, 4), Buffer.from([0x82, 126, 0, 200]));
  socket.push(frame(8, Buffer.from([3, 232])));
  await turn();
  assert.deepEqual([...sent()], [0x88, 2, 3, 232]);
  assert.deepEqual(errors, []);
});

test('what is no frame of a client ends the stream with an error, whatever its length says', async () => {
  const wrong: readonly Buffer[] = [
    frame(2, 'x', { masked: false }),
    frame(0, 'continues nothing'),
    frame(3, 'unknown'),
    frame(9, 'x'.repeat(126)),
    frame(9, 'x', { fin: false }),
    Buffer.from([0xc2, 0x81, 0, 0, 0, 0, 0]),
    Buffer.concat([frame(2, 'a', { fin: false }), frame(2, 'b')]),
    frame(1, '5'),
    frame(1, '-1'),
  ];
  for (const bytes of wrong) {
    const { socket, errors } = open();
    socket.push(bytes);
    await turn();
    assert.equal(errors.length, 1, bytes.toString('hex').slice(0, 40));
  }
  // 2^63 bytes are announced: nothing is held for them.
  const { socket, errors } = open();
  socket.push(Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5]));
  await turn();
  assert.deepEqual(errors, []);
});

test('who sends pings and reads no answers is not answered without end', async () => {
  let took = 0;
  // Takes the handshake and nothing else.
  const socket = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      if (took++ === 0) done();
    },
  });
  const stream = acceptWebSocket(asked(), socket);
  const pings = Buffer.concat(Array.from({ length: 1_000 }, () => frame(9, 'x'.repeat(125))));
  for (let round = 0; round < 5; round++) {
    socket.push(pings);
    await turn();
  }
  assert.ok(socket.writableLength < 2 * socket.writableHighWaterMark, `${socket.writableLength}`);
  stream.destroy();
});

test('who is told the end and does not close is let go', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const end of [
    ({ stream }: ReturnType<typeof open>) => void stream.end('bye'),
    ({ socket }: ReturnType<typeof open>) => void socket.push(frame(8, Buffer.from([3, 232]))),
  ]) {
    const opened = open();
    end(opened);
    await turn();
    assert.equal(opened.socket.destroyed, false, 'it may still answer');
    t.mock.timers.tick(60_000);
    await turn();
    assert.equal(opened.socket.destroyed, true);
    assert.deepEqual(opened.errors, []);
  }
});

test('a page that has not shown a megabyte gets no more until it has', async () => {
  const { stream, socket } = open();
  let written = 0;
  const write = (): void => {
    stream.write(Buffer.alloc(512 * 1024), () => {
      written++;
    });
  };
  for (let number = 0; number < 4; number++) write();
  await turn();
  assert.equal(written, 2);
  socket.push(frame(1, String(512 * 1024)));
  await turn();
  assert.equal(written, 3);
  socket.push(frame(1, String(3 * 512 * 1024)));
  await turn();
  assert.equal(written, 4);
});
