import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { answerOf } from './answer.ts';

/** A server that says this to whoever asks, and then does something else to the connection. */
async function serverFor(t: TestContext, says: string, then: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(says);
      setTimeout(() => then(socket), 20);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('a connection that is reset, or ended, in the middle of an answer is told to who reads it', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc';
  for (const cut of [(one: Socket) => void one.resetAndDestroy(), (one: Socket) => void one.end()]) {
    const sent = request({ host: '127.0.0.1', port: await serverFor(t, head, cut), agent: false });
    sent.end();
    const answer = await answerOf(sent);
    await assert.rejects(async () => {
      for await (const _ of answer);
    }, /ECONNRESET|aborted/);
  }
});

test('an answer that changes the protocol unasked is none', async (t) => {
  const says = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const sent = request({ host: '127.0.0.1', port: await serverFor(t, says, () => undefined), agent: false });
  sent.end();
  await assert.rejects(answerOf(sent), /without an answer/);
});
