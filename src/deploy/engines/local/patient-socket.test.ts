import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { PatientSocket } from './patient-socket.ts';

test('what was sent is read to its end, although the other side takes no more input', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-patient-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const all = Buffer.alloc(300_000, 'x');
  const server = createServer((socket) => {
    socket.pause();
    socket.on('error', () => undefined);
    // It has not read its input: closing tells the other side so, as soon as all is on its way.
    socket.write(all, () => socket.destroy());
  });
  t.after(() => server.close());
  const path = join(folder, 's');
  server.listen(path);
  await once(server, 'listening');
  const socket = PatientSocket.open({ path });
  const input = setInterval(() => socket.writable && socket.write('y\n'.repeat(500)), 1);
  t.after(() => clearInterval(input));
  let bytes = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    await delay(5);
  }
  assert.equal(bytes, all.length);
});

test('where nobody listens it fails as any socket', async () => {
  const socket = PatientSocket.open({ path: '/nowhere/s' });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ENOENT');
});
