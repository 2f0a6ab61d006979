import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import { Fault, openDatabase, systemClock } from '../../system/index.ts';
import { machineFacts } from '../facts.ts';
import type { HostTables } from '../machines.ts';
import { hostMigrations } from '../migrations.ts';
import { simulateRollout } from '../rollout/simulate.ts';
import { newestKernel } from './kernels.ts';
import { needOf, type RebootGround, Reboots } from './reboots.ts';

const lost = (): Fault => new Fault('host.lost', { kind: 'unavailable', en: { what: '' }, es: { what: '' } });

test('the newest kernel on disk is by numbers, and of the flavour that runs', () => {
  const disk = ['6.1.0-9-amd64', '6.1.0-10-amd64', '6.12.1-amd64', '6.1.0-11-cloud-amd64', '5.10.0-99-amd64'];
  assert.equal(newestKernel('6.1.0-9-amd64', disk), '6.1.0-10-amd64');
  assert.equal(newestKernel('6.1.0-9-cloud-amd64', disk), '6.1.0-11-cloud-amd64');
  assert.equal(newestKernel('6.1.0-rt', disk), null);
  const need = (kernel: object, reboot = { isRequired: false, because: [] as string[] }) =>
    needOf('a', machineFacts.parse({ kernel: { release: '6.1.0-9-amd64', ...kernel }, reboot }));
  assert.deepEqual([need({ installed: disk }).isNeeded, need({ installed: disk }).because], [true, ['6.1.0-10-amd64']]);
  assert.equal(need({}).isNeeded, false);
  assert.equal(need({}, { isRequired: true, because: ['linux-image'] }).isNeeded, true);
});

/** A host, and a control that dies when it is told to; what is written outlives it. */
async function ground(t: { after(done: () => unknown): void }) {
  const opened = await openDatabase<HostTables>('sqlite::memory:', hostMigrations);
  t.after(() => opened.close());
  let nowMs = Date.parse('2026-01-05T12:00:00Z');
  const host = {
    boot: 1,
    kernel: '6.1.0-9-amd64',
    next: '6.1.0-10-amd64',
    isHere: true,
    reason: null as string | null,
    pods: ['shop/dev/web-1'],
    starts: 0,
    /** Asleep so often until it is back. */
    downFor: 3,
    refuses: false,
  };
  let callsLeft = Number.POSITIVE_INFINITY;
  const call = (): void => {
    if (--callsLeft < 0) throw new Error('control died');
  };
  const clock = {
    ...systemClock,
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    async sleep() {
      call();
      nowMs += 60_000;
      if (host.reason !== null) host.pods.pop();
      if (!host.isHere && --host.downFor <= 0) {
        host.isHere = true;
        host.boot++;
        host.kernel = host.next;
      }
    },
  };
  const ports: RebootGround = {
    isHere: () => host.isHere,
    async empty(_host, reason) {
      call();
      const was = host.reason;
      host.reason ??= reason;
      return was === null || was === reason;
    },
    pods: () => host.pods,
    async serve(_host, reason) {
      call();
      if (host.reason === reason) host.reason = null;
    },
    async order(_host, { bootId }) {
      call();
      if (host.refuses) throw new Error('refused');
      if (!host.isHere) throw lost();
      if (bootId !== `boot-${host.boot}`) return;
      host.starts++;
      host.isHere = false;
      throw lost();
    },
  };
  const machines = {
    hosts: () => ['a'],
    facts: () =>
      machineFacts.parse({
        bootId: `boot-${host.boot}`,
        kernel: { release: host.kernel, installed: ['6.1.0-9-amd64', '6.1.0-10-amd64'] },
      }),
  };
  const make = (): Reboots =>
    new Reboots({ db: opened.db as unknown as Kysely<never>, clock, machines, ground: ports });
  const run = (goesOn = () => true) => make().reboot({ rollout: 'r', host: 'a', wanted: null }, goesOn);
  return { host, make, run, dieAfter: (calls: number) => (callsLeft = calls) };
}

test('a host is emptied, started, waited for, looked at and given back; the proof says when and on which kernel', async (t) => {
  const { host, make, run } = await ground(t);
  await run();
  assert.deepEqual([host.starts, host.reason, host.pods], [1, null, []]);
  const [proof] = await make().proofs('r');
  assert.deepEqual(
    [proof?.releaseBefore, proof?.expected, proof?.releaseAfter, proof?.bootBefore, proof?.bootAfter],
    ['6.1.0-9-amd64', '6.1.0-10-amd64', '6.1.0-10-amd64', 'boot-1', 'boot-2'],
  );
  const times = [proof?.begunAt, proof?.emptyAt, proof?.backAt, proof?.servedAt];
  assert.deepEqual([...times].sort(), times);
});

test('wherever control dies, the host is started once and serves at the end', async (t) => {
  for (let calls = 0; calls < 12; calls++) {
    const { host, run, dieAfter } = await ground(t);
    dieAfter(calls);
    await run().catch(() => undefined);
    dieAfter(Number.POSITIVE_INFINITY);
    // Asked again until somebody heard the end, as a roll-out does.
    for (let round = 0; round < 5; round++) {
      const isOver = await run().then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof Fault && error.code === 'host.lost', `${error}`);
          return false;
        },
      );
      if (isOver) break;
    }
    assert.deepEqual([host.starts, host.reason, host.kernel], [1, null, '6.1.0-10-amd64'], `after ${calls} calls`);
  }
});

test('what goes wrong leaves no host out of service: budgets, refusals, another kernel, a stop before its turn', async (t) => {
  const stuck = await ground(t);
  Object.defineProperty(stuck.host, 'pods', { get: () => ['shop/dev/web-1'] });
  await assert.rejects(stuck.run(), { code: 'host.reboot-drain', message: /web-1/ });
  assert.deepEqual([stuck.host.starts, stuck.host.reason], [0, null]);

  const refusing = await ground(t);
  refusing.host.refuses = true;
  await assert.rejects(refusing.run(), /refused/);
  assert.equal(refusing.host.reason, null);

  const old = await ground(t);
  old.host.next = '6.1.0-9-amd64';
  await assert.rejects(old.run(), { code: 'host.reboot-kernel' });
  assert.deepEqual([old.host.starts, old.host.reason], [1, null]);

  const stopped = await ground(t);
  await assert.rejects(
    stopped.run(() => false),
    { code: 'host.reboot-left' },
  );
  assert.deepEqual([stopped.host.starts, stopped.host.reason], [0, null]);

  // A person had emptied it before, and gives it back.
  const theirs = await ground(t);
  theirs.host.reason = 'new disk';
  await theirs.run();
  assert.deepEqual([theirs.host.starts, theirs.host.reason], [1, 'new disk']);
});

test('over many hosts with seeded faults and dying control none is started twice, none before its turn, none too many at once', () => {
  const faults = { refuse: 0.01, sicken: 0.01, stumble: 0.05, vanish: 0.01, blink: 0.02, away: 0.05, old: 0.01 };
  const ends = new Map<string, number>();
  const windows = [{ days: [0, 1, 2, 3, 4, 5, 6], from: '22:00', to: '05:00', zone: 'America/Bogota' }];
  for (let seed = 1; seed <= 12; seed++) {
    const { rollout, broken } = simulateRollout({
      ...{ hosts: 100, seed, isRestart: true, faults: { ...faults, deaths: seed % 4 } },
      rules: {
        ...{ canaries: 2, concurrency: 10, rollBack: false, patienceSeconds: 600, lostSeconds: 1_800 },
        failuresShare: seed % 2 === 0 ? 0.3 : 0,
        ...(seed % 3 === 0 ? { windows } : {}),
      },
    });
    assert.deepEqual(broken, [], `seed ${seed}`);
    ends.set(rollout.state, (ends.get(rollout.state) ?? 0) + 1);
  }
  assert.ok((ends.get('done') ?? 0) > 0 && (ends.get('stopped') ?? 0) > 0, JSON.stringify([...ends]));
});

test('five thousand hosts are started again in order, within thirty seconds', (t) => {
  if (process.env['DARSENA_SOAK'] !== '1') return t.skip('DARSENA_SOAK is not set');
  const started = performance.now();
  const { rollout, broken, simulatedMs, events } = simulateRollout({
    ...{ hosts: 5_000, seed: 3, isRestart: true },
    rules: {
      canaries: 5,
      concurrency: 100,
      failuresShare: 0.05,
      rollBack: false,
      patienceSeconds: 600,
      lostSeconds: 1_800,
    },
    faults: { stumble: 0.05, blink: 0.01, away: 0.02, old: 0.005, deaths: 5 },
  });
  const tookMs = performance.now() - started;
  t.diagnostic(`${Math.round(tookMs)} ms for ${(simulatedMs / 3_600_000).toFixed(1)} h and ${events.length} events`);
  assert.deepEqual([rollout.state, broken], ['done', []]);
  assert.ok(tookMs < 30_000, `${tookMs} ms`);
});
