import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { ProbeSpec } from '../../model.ts';
import { askHttp, isListening, Prober } from './probes.ts';
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
