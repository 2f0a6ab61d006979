import assert from 'node:assert/strict';
import { Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { silentStep } from '../../progress/index.ts';
import { newId, silentLog, systemClock } from '../../system/index.ts';
import { Hosts } from './hosts.ts';

const alertOf = (id: string) => ({
  ...{ id, at: new Date().toISOString(), kernelTimeNs: 1, rule: 'R', priority: 'notice', tags: [], output: 'o' },
  ...{ outputFields: {}, container: null, ancestors: [], source: { kind: 'rule', file: 'f', line: 1 } },
  process: {
    ...{ pid: 1, ppid: 0, name: 'a', exe: '/a', cmdline: 'a', cwd: '/', uid: 0, tty: 0, startedAt: null },
  },
});

test('what a host says reaches who deals with it', async () => {
  const heard: string[] = [];
  let arrived = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const hosts = new Hosts({
    clock: systemClock,
    log: silentLog,
    listener: {
      connected: () => undefined,
      away: () => undefined,
      alerts: async () => undefined,
      message: async (_host, { type }) => {
        heard.push(type);
        if (heard.length === 3) arrived();
      },
      flooded: () => undefined,
    },
  });
  const [near, far] = duplexPair();
  hosts.accept('h1', near);
  const refused = { project: 'tienda', environment: 'pro', service: 'web', reason: 'rate', requests: 3 };
  for (const message of [
    { type: 'edge', state: 'ok', detail: null },
    { type: 'edge-refused', items: [{ ...refused, clients: ['192.0.2.1'], paths: ['/'] }] },
    { type: 'flows', flows: [] },
  ])
    far.write(`${JSON.stringify(message)}\n`);
  far.resume();
  await all;
  assert.deepEqual(heard, ['edge', 'edge-refused', 'flows']);
  hosts.close();
});

test('a host that floods waits, is named once, and loses nothing; control holds no more than its bounds', async () => {
  const floods: { alerts: number; bytes: number; messages: number }[] = [];
  const stored: string[] = [];
  let most = 0;
  let release = (): void => undefined;
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hosts = new Hosts({
    clock: systemClock,
    log: silentLog,
    listener: {
      connected: () => undefined,
      away: () => undefined,
      alerts: async (_host, arrived) => {
        await blocked;
        for (const { alert } of arrived) stored.push(alert.id);
      },
      message: async () => undefined,
      flooded: (_host, waiting) => {
        most = Math.max(most, waiting.alerts);
        floods.push({ ...waiting });
      },
    },
  });
  const [near, far] = duplexPair();
  hosts.accept('h1', near);
  const ids = Array.from({ length: 6_000 }, () => newId());
  const sent = (async () => {
    for (const id of ids) {
      if (!far.write(`${JSON.stringify({ type: 'alert', alert: alertOf(id) })}\n`))
        await new Promise((resolve) => far.once('drain', resolve));
    }
  })();
  far.resume();
  while (floods.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 100; n++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stored.length, 0);
  assert.ok(most <= 5_000, `${most} alerts waited`);
  assert.ok(far.writableLength > 0, 'the host is held up');
  release();
  await sent;
  while (stored.length < ids.length) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(stored, ids);
  assert.equal(floods.length, 1);
  hosts.close();
});

test('a host that stands still, and takes no leave, is away', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const state = { nowMs: 0 };
  const told: string[] = [];
  const hosts = new Hosts({
    clock: { ...systemClock, monotonicMs: () => state.nowMs },
    log: silentLog,
    listener: {
      connected: (host) => void told.push(`${host} connected`),
      away: (host) => void told.push(`${host} away`),
      alerts: async () => undefined,
      message: async () => undefined,
      flooded: () => undefined,
    },
  });
  const near = new Duplex({ read: () => undefined, write: (_piece, _how, done) => done() });
  // As a line to a stopped program: what is sent arrives, and nothing is answered, no end either.
  near._final = () => undefined;
  hosts.accept('h1', near);
  state.nowMs = 15_000;
  t.mock.timers.tick(5_000);
  assert.deepEqual(hosts.connected(), ['h1']);
  state.nowMs = 30_000;
  t.mock.timers.tick(5_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(hosts.connected(), []);
  assert.deepEqual(told, ['h1 connected', 'h1 away']);
  assert.equal(hosts.views()[0]?.state, 'away');
  hosts.close();
});

test('what a host was asked is lost with its line, also when the next one comes before the end of that', async () => {
  const hosts = new Hosts({
    clock: systemClock,
    log: silentLog,
    listener: {
      connected: () => undefined,
      away: () => undefined,
      alerts: async () => undefined,
      message: async () => undefined,
      flooded: () => undefined,
    },
  });
  const [first, second] = [duplexPair(), duplexPair()];
  hosts.accept('h1', first[0]);
  const asked = hosts.run({ kind: 'top', containerId: 'c' }, { step: silentStep });
  hosts.accept('h1', second[0]);
  await assert.rejects(asked, { code: 'host.lost' });
  hosts.close();
});
