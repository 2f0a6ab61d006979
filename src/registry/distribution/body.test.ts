import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { passBody } from './body.ts';

let server: Server;
let read: (body: IncomingMessage) => Promise<string>;
before(async () => {
  server = createServer((asked, answer) => {
    read(asked).then(
      (text) => answer.end(text),
      (error: unknown) => answer.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
after(() => {
  server.closeAllConnections();
  server.close();
});
const port = (): number => (server.address() as AddressInfo).port;

it('a reader that is slower than the network gets every byte in order, also of an empty body', async () => {
  read = async (body) => {
    const hash = createHash('sha256');
    for await (const piece of passBody(body)) {
      await nextTurn();
      hash.update(piece);
    }
    return hash.digest('hex');
  };
  for (const bytes of [randomBytes(1_000_003), Buffer.alloc(0)]) {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const asked = request({ host: '127.0.0.1', port: port(), method: 'POST' }, async (answer) => {
      resolve(Buffer.concat(await answer.toArray()).toString());
    });
    asked.on('error', reject).end(bytes);
    assert.equal(await promise, createHash('sha256').update(bytes).digest('hex'));
  }
});

it('a body that is cut off is an error for who waits for it and for who is not there yet, and never an end', async () => {
  for (const isThere of [true, false]) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const begun = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    read = async (body) => {
      body.on('close', () => gone.resolve());
      const pieces = passBody(body)[Symbol.asyncIterator]();
      assert.equal((await pieces.next()).value?.byteLength, 10);
      begun.resolve();
      if (!isThere) await gone.promise;
      resolve(
        await pieces.next().then(
          () => 'it ended',
          (error: unknown) => error,
        ),
      );
      return '';
    };
    const socket = connect(port(), '127.0.0.1');
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n${'x'.repeat(10)}`);
    await begun.promise;
    socket.destroy();
    assert.ok((await promise) instanceof Error);
  }
});
