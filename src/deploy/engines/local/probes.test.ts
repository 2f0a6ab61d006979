import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProbeAction, ProbeSpec } from '../../model.ts';
import type { InsideEngine } from './engine.ts';
import { askHttp, isListening, Prober, type ProbeTarget, realProbes } from './probes.ts';
import { SimulatedClock, sampleContainer } from './simulation.ts';

test('a probe that goes on failing in other words each time is told at once, then now and then; that it passes again at once', async () => {
  const clock = new SimulatedClock();
  let changes = 0;
  let asked = 0;
  let isWell = false;
  const prober = new Prober({
    clock,
    ask: async () => {
      asked += 1;
      return isWell ? { kind: 'success' } : { kind: 'failure', text: `error ${asked} at ${clock.now().toISOString()}` };
    },
    onChange: () => {
      changes += 1;
    },
  });
  const livenessProbe: ProbeSpec = {
    action: { kind: 'tcp', port: 80 },
    ...{ initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 10_000 },
  };
  const container = sampleContainer({ startupProbe: null, readinessProbe: null, livenessProbe });
  const startedAtMs = clock.now().getTime();
  prober.sync([{ containerId: 'c', container, startedAtMs, adopted: false, endpoint: async () => null }]);
  await clock.advance(1_000);
  const state = () => prober.health().get('c')?.probes?.[0];
  assert.match(state()?.why ?? '', /^error 1 /);
  await clock.advance(10 * 60_000);
  assert.ok(asked > 500, `${asked} questions`);
  assert.ok(changes <= 25, `${changes} changes were told of ${asked} answers`);
  assert.doesNotMatch(state()?.why ?? '', /^error 1 /);
  isWell = true;
  await clock.advance(2_000);
  assert.deepEqual([state()?.state, state()?.why], ['passing', null]);
  prober.stop();
});

test('a probe goes on counting when the clock is set back', async () => {
  const clock = new SimulatedClock();
  const prober = new Prober({ clock, ask: async () => ({ kind: 'failure', text: 'no' }), onChange: () => undefined });
  const livenessProbe: ProbeSpec = {
    action: { kind: 'tcp', port: 80 },
    ...{ initialDelaySeconds: 5, periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 },
  };
  const container = sampleContainer({ startupProbe: null, readinessProbe: null, livenessProbe });
  const startedAtMs = clock.now().getTime();
  const target = { container, startedAtMs, adopted: false, endpoint: async () => null };
  prober.sync([{ ...target, containerId: 'before' }]);
  await clock.advance(6_000);
  clock.setMs = -7_200_000;
  // Started, as far as its engine can say, in two hours.
  prober.sync([
    { ...target, containerId: 'before' },
    { ...target, containerId: 'after' },
  ]);
  await clock.advance(30_000);
  const failed = (id: string): boolean => prober.health().get(id)?.failed != null;
  assert.deepEqual([failed('before'), failed('after')], [true, true]);
  prober.stop();
});

test('a probe asks for the path and with the headers that stand in the manifest, whatever letters they have', async (t) => {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask = async (path: string, headers: { name: string; value: string }[] = []): Promise<IncomingMessage> => {
    const action = { kind: 'http' as const, port, path, scheme: 'HTTP' as const, headers };
    const outcome = await askHttp({ host: '127.0.0.1', port }, action, 60_000, AbortSignal.timeout(60_000));
    assert.deepEqual(outcome, { kind: 'success' });
    return seen.at(-1) as IncomingMessage;
  };
  assert.equal((await ask('/')).headers['user-agent'], 'darsena-probe');
  assert.equal((await ask('healthz')).url, '/healthz');
  assert.equal((await ask('/a b/ñ?q=1 2')).url, '/a%20b/%C3%B1?q=1%202');
  const custom = await ask('/', [
    { name: 'Host', value: 'shop.example' },
    { name: 'X-Many', value: 'one' },
    { name: 'x-many', value: 'two' },
    { name: 'user-agent', value: 'mine' },
    { name: '__proto__', value: 'plain' },
    { name: 'Connection', value: 'keep-alive' },
  ]);
  const { rawHeaders: raw } = custom;
  const of = (wanted: string): string[] =>
    raw.flatMap((name, index) => (index % 2 === 0 && name.toLowerCase() === wanted ? [raw[index + 1] ?? ''] : []));
  assert.deepEqual(
    [of('host'), of('x-many'), of('user-agent'), of('__proto__'), of('connection')],
    [['shop.example'], ['one', 'two'], ['mine'], ['plain'], ['close']],
  );
});

test('who listens in a network for others is told from who listens for itself, and from who is away', async (t) => {
  const open = async (host: string): Promise<number> => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, host, done));
    t.after(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  const { pid } = process;
  assert.equal(await isListening({ pid, port: await open('0.0.0.0') }), true);
  assert.equal(await isListening({ pid, port: await open('127.0.0.1') }), false);
  assert.equal(await isListening({ pid, port: 1 }), false);
  assert.equal(await isListening({ pid: 2 ** 22 + 1, port: 1 }), null);
});

test('a probe that nobody answers says so after its time, and leaves no connection behind', async (t) => {
  // A server that is stopped, with its queue full: a connection to it waits for minutes.
  const source = `const s = require('node:net').createServer().listen(
    { port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))`;
  const server = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const held: Socket[] = [];
  t.after(() => {
    server.kill('SIGKILL');
    for (const one of held) one.destroy();
  });
  const port = Number(String((await once(server.stdout, 'data'))[0]));
  server.kill('SIGSTOP');
  for (let i = 0; i < 4; i++) held.push(connect({ host: '127.0.0.1', port }).on('error', () => undefined));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  /** Connections that wait for their first answer: TCP_SYN_SENT in proc_pid_net(5). */
  const waiting = async (): Promise<number> => {
    const lines = (await readFile('/proc/self/net/tcp', 'latin1')).split('\n').map((line) => line.trim().split(/\s+/));
    return lines.filter(([, , remote = '', state]) => remote.endsWith(suffix) && state === '02').length;
  };
  while ((await waiting()) === 0) await delay(20);
  const before = await waiting();
  const inside = { exec: () => assert.fail('nothing is executed') } as unknown as InsideEngine;
  const ask = realProbes(inside, async () => false);
  const target = { containerId: 'c', endpoint: async () => ({ host: '127.0.0.1', port }) } as unknown as ProbeTarget;
  const actions: ProbeAction[] = [
    { kind: 'http', port, path: '/', scheme: 'HTTP', headers: [] },
    { kind: 'http', port, path: '/', scheme: 'HTTPS', headers: [] },
    { kind: 'tcp', port },
    { kind: 'grpc', port, service: '' },
  ];
  const timings = { initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1 };
  const outcomes = await Promise.all(
    actions.map((action) => {
      const probe = { action, ...timings, successThreshold: 1, failureThreshold: 3 };
      return ask(target, probe, new AbortController().signal);
    }),
  );
  assert.deepEqual(
    outcomes,
    actions.map(() => ({ kind: 'failure', text: 'no answer within 1 s' })),
  );
  await delay(50);
  assert.equal(await waiting(), before);
});
