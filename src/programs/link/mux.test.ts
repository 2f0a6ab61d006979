import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { packTar, type TarInput, TarReader } from '../../formats/index.ts';
import { checkCopied, staysInside } from './copied.ts';
import { CHANNELS_MAX, Mux, WINDOW_BYTES } from './mux.ts';
import { encodeFrame, FRAME, readFrames } from './session.ts';

async function ends(t: TestContext): Promise<{ here: Socket; there: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const here = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
  const [there] = (await once(server, 'connection')) as [Socket];
  t.after(() => {
    here.destroy();
    there.destroy();
    server.close();
  });
  return { here, there };
}

/** By events: a loop over a stream closes its other direction too. */
async function heard(channel: Duplex): Promise<string> {
  const pieces: Buffer[] = [];
  channel.on('data', (piece: Buffer) => pieces.push(piece));
  await once(channel, 'end');
  return Buffer.concat(pieces).toString('utf8');
}

test('mux: a connection that nobody reads holds up no other, and takes no more than its window', async (t) => {
  const { here, there } = await ends(t);
  const accepted = new Map<number, Duplex>();
  const far = new Mux(there, (port, channel) => accepted.set(port, channel));
  const near = new Mux(here, null);
  void far.run().catch(() => undefined);
  void near.run().catch(() => undefined);
  const stuck = near.open(1);
  const lively = near.open(2);
  stuck.on('error', () => undefined);
  const huge = Buffer.alloc(4 * WINDOW_BYTES, 'a');
  stuck.write(huge);
  lively.end('what is said on the second one');
  while (!accepted.has(2)) await once(there, 'data');
  assert.equal(await heard(accepted.get(2) as Duplex), 'what is said on the second one');
  accepted.get(2)?.end('and its answer');
  assert.equal(await heard(lively), 'and its answer');
  // It goes on where it was, once it is read.
  let taken = 0;
  for await (const chunk of accepted.get(1) as AsyncIterable<Buffer>) {
    taken += chunk.length;
    if (taken === huge.length) break;
  }
  assert.equal(taken, huge.length);
});

test('mux: a side that sends more than it was asked for, or opens what it may not, ends the session', async (t) => {
  const head = Buffer.from([0, 0, 0, 1]);
  const open = Buffer.concat([head, Buffer.from([0, 80])]);
  const attacks = [
    [
      encodeFrame(FRAME.open, open),
      ...Array.from({ length: 5 }, () =>
        encodeFrame(FRAME.data, Buffer.concat([head, Buffer.alloc(WINDOW_BYTES / 4)])),
      ),
    ],
    [encodeFrame(FRAME.open, open), encodeFrame(FRAME.open, open)],
    [encodeFrame(FRAME.open, head)],
    [encodeFrame(FRAME.data, Buffer.from([1]))],
  ];
  for (const frames of attacks) {
    const { here, there } = await ends(t);
    const mux = new Mux(there, (_port, channel) => channel.on('error', () => undefined));
    for (const frame of frames) here.write(frame);
    await assert.rejects(mux.run(), RangeError);
  }
  const { here, there } = await ends(t);
  here.write(encodeFrame(FRAME.open, open));
  await assert.rejects(new Mux(there, null).run(), /strange open/);
});

test('mux: a connection too many is refused by itself, and the others go on', async (t) => {
  const { here, there } = await ends(t);
  const mux = new Mux(there, (_port, channel) => channel.on('error', () => undefined));
  for (let id = 1; id <= CHANNELS_MAX + 1; id++) {
    const payload = Buffer.alloc(6);
    payload.writeUInt32BE(id, 0);
    payload.writeUInt16BE(80, 4);
    here.write(encodeFrame(FRAME.open, payload));
  }
  const running = mux.run().catch(() => undefined);
  const { value } = await readFrames(here as AsyncIterable<Buffer>).next();
  assert.deepEqual([value?.kind, value?.payload.readUInt32BE(0)], [FRAME.close, CHANNELS_MAX + 1]);
  here.destroy();
  await running;
});

test('mux: why a connection could not be made reaches who asked for it', async (t) => {
  const { here, there } = await ends(t);
  const far = new Mux(there, (_port, channel) => {
    channel.on('error', () => undefined);
    channel.destroy(new Error('nobody listens'));
  });
  const near = new Mux(here, null);
  void far.run().catch(() => undefined);
  void near.run().catch(() => undefined);
  const [error] = (await once(near.open(80), 'error')) as [Error];
  assert.equal(error.message, 'nobody listens');
});

async function judge(...entries: TarInput[]): Promise<TarInput[]> {
  const check = checkCopied();
  const passed: TarInput[] = [];
  const reader = new TarReader((entry) => {
    const input = check(entry);
    if (input !== null) passed.push(input);
    return null;
  });
  for await (const chunk of packTar(entries)) reader.write(chunk);
  reader.end();
  return passed;
}

test('copy: no entry leads out of the folder, and no copied file makes anybody somebody else', async () => {
  for (const path of ['../etc/passwd', '/etc/passwd', 'a/../../b']) {
    await assert.rejects(judge({ path }), /leads out of the folder/);
  }
  await assert.rejects(judge({ path: 'a', kind: 'hardlink', linkTarget: '/etc/shadow' }), /hard link/);
  await assert.rejects(judge({ path: 'a', kind: 'hardlink', linkTarget: '../x' }), /hard link/);
  const [file] = await judge({ path: 'su', mode: 0o4755 });
  assert.equal(file?.mode, 0o755);
  assert.equal(staysInside('a/b', '../c'), true);
  for (const target of ['/etc', '../../c', '..', '']) assert.equal(staysInside('a/b', target), target === '..');
  assert.equal(staysInside('b', '..'), false);
  assert.equal(staysInside('a/b', '../c/./d'), true);
  assert.equal(staysInside('x/l', 'k/../../y'), false, 'k may be a link to the top');
});

test('mux: the streams of a broken line end with it', async () => {
  const line = new PassThrough();
  const mux = new Mux(line, null);
  const running = mux.run();
  const channel = mux.open(80);
  const closed = once(channel, 'close');
  line.destroy();
  await running.catch(() => undefined);
  await closed;
});
