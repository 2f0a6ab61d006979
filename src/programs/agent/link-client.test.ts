import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../network/index.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { LINK_PROTOCOL } from '../link/protocol.ts';
import { ControlLink } from './link-client.ts';
import { Tasks } from './tasks.ts';

test('what control asked for ends when control is gone: nobody waits for it, and nobody would know what became of it', async (t) => {
  const authority = createAuthority({ name: 'link test', clock: systemClock });
  const own = issueServerCertificate(authority, { names: ['localhost'], addresses: ['127.0.0.1'] });
  const server = createServer({ cert: own.certificatePem, key: own.privateKeyPem });
  const asked = Promise.withResolvers<{ cut: () => void }>();
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${LINK_PROTOCOL}\r\n\r\n`);
    asked.resolve({ cut: () => socket.destroy() });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const ended = Promise.withResolvers<unknown>();
  const tasks = new Tasks({
    run: async (_task, { signal }) => {
      signal.addEventListener('abort', () => ended.resolve(signal.reason));
      return await new Promise(() => undefined);
    },
    send: () => undefined,
    log: silentLog,
  });
  const link = new ControlLink({
    address: {
      ...{ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca: authority.certificatePem },
      ...{ cert: own.certificatePem, key: own.privateKeyPem },
    },
    log: silentLog,
    onMessage: () => undefined,
    onConnected: () => undefined,
    onLost: () => tasks.cancelAll(),
  });
  const running = link.run();
  t.after(async () => {
    link.close();
    await running;
  });
  const { cut } = await asked.promise;
  tasks.start('1', { kind: 'host-reboot' } as never);
  cut();
  assert.match(String(await ended.promise), /control went away/);
});
