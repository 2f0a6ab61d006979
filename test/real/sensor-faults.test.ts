import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, suite, test } from 'node:test';
import { systemClock } from '../../src/system/index.ts';
import { eventually, FaultGround, missingPart } from './faults-ground.ts';
import { missingParts as missingKernelParts } from './observe-ground.ts';

// What breaks between the kernel and control while alerts come, against a real instance.

const skip = (await missingPart()) || missingKernelParts();
/** Started again at once, it has its rules to compile; on a busy machine that takes more than the second it takes alone. */
const BLIND_MS = 5_000;
const RULE = 'Package manager run in a container';
const IS_SOAK = process.env['DARSENA_SOAK'] === '1';

suite('faults between the kernel and control', { skip, timeout: 300_000 }, () => {
  const ground = new FaultGround();

  interface Status {
    readonly parts: readonly { name: string; state: string; detail: { en: string } | null }[];
  }
  const part = async (name: string) => {
    const { stdout } = await ground.darsena('status', '--json');
    return (JSON.parse(stdout) as Status).parts.find((one) => one.name === name);
  };

  /** Identities of the alerts on control's disk. */
  function stored(): string[] {
    // Control that was killed puts its log in order when it starts: that is waited for.
    const db = new DatabaseSync(ground.files.control.database, { readOnly: true, timeout: 10_000 });
    try {
      const rows = db.prepare('SELECT id FROM respond_alerts WHERE rule = ?').all(RULE) as { id: string }[];
      return rows.map(({ id }) => id);
    } finally {
      db.close();
    }
  }

  async function containerId(): Promise<string> {
    const filters = ['--filter', `label=darsena.instance=${ground.name}`, '--filter', 'label=darsena.role=main'];
    const [id] = (await ground.podman('ps', '--quiet', '--no-trunc', ...filters)).split('\n');
    assert.ok(id);
    return id;
  }

  /** So many starts of a program that a rule names, at a steady pace, in a container of the instance. */
  async function acts(times: number, pauseMs: number): Promise<void> {
    const busybox = '/bin/busybox';
    const loop = `i=0; while [ $i -lt ${times} ]; do /tmp/apt-get 2>/dev/null; ${busybox} usleep ${pauseMs * 1000}; i=$((i+1)); done`;
    const script = `${busybox} mkdir -p /tmp; ${busybox} ln -sf ${busybox} /tmp/apt-get; ${loop}; true`;
    await ground.podman('exec', '--user', '0', await containerId(), busybox, 'sh', '-c', script);
  }

  before(async () => {
    await ground.open();
    await ground.deploys();
    await eventually(
      () => part('sensor'),
      (sensor) => sensor?.state === 'ok',
      10_000,
    );
  });
  after(() => ground.close());

  test('no alert is lost or doubled when agent and control are killed while they come', async () => {
    const before_ = stored().length;
    const acting = acts(120, 40);
    for (const program of ['agent', 'control', 'agent', 'control']) {
      await systemClock.sleep(900);
      await ground.kill(program);
    }
    await acting;
    const ids = await eventually(
      async () => stored().slice(before_),
      (found) => found.length >= 120,
      40_000,
    );
    await systemClock.sleep(1_000);
    assert.equal(stored().length - before_, 120);
    assert.equal(new Set(ids).size, 120);
  });

  test('a killed sensor is soon back, and the audit log says from when to when nothing was watched', async () => {
    await systemClock.sleep(11_000); // long enough alive to be started again at once
    const old = await ground.pid('sensor');
    assert.ok(old !== null);
    const killedAt = Date.now();
    await ground.kill('sensor');
    const { items } = await eventually(
      async () => {
        const { stdout } = await ground.darsena('audit', 'list', '--kind', 'sensor.blind', '--json');
        return JSON.parse(stdout) as { items: { body: { from: string; to: string }; actor: string }[] };
      },
      (found) => found.items.some(({ body }) => Date.parse(body.from) >= killedAt - 5),
      10_000,
    );
    const [gap] = items;
    assert.ok(gap);
    const blindMs = Date.parse(gap.body.to) - killedAt;
    assert.ok(blindMs < BLIND_MS, `blind for ${blindMs} ms`);
    assert.match(gap.actor, /^agent:/);
    const before_ = stored().length;
    await acts(1, 1);
    await eventually(
      async () => stored().length,
      (found) => found > before_,
      5_000,
    );
  });

  /** What the platform said of itself, by rule, since `from`. */
  function said(rule: string, from: number): { output: string; at: string }[] {
    const db = new DatabaseSync(ground.files.control.database, { readOnly: true, timeout: 10_000 });
    try {
      const rows = db.prepare('SELECT body FROM respond_alerts WHERE rule = ?').all(rule) as { body: string }[];
      return rows.map(({ body }) => JSON.parse(body)).filter(({ at }) => Date.parse(at) >= from);
    } finally {
      db.close();
    }
  }
  const waitFor = (rule: string, from: number, within = 60_000): Promise<{ output: string; at: string }[]> =>
    eventually(
      async () => said(rule, from),
      (found) => found.length > 0,
      within,
    );

  test('what this kernel does not let the sensor see is an alert of the first start, with what the status says', async (t) => {
    const detail = (await part('sensor'))?.detail?.en ?? null;
    t.diagnostic(`the status says: ${detail}`);
    if (detail === null) return assert.deepEqual(said('Sensor does not see everything', 0), []);
    const [first, ...more] = await waitFor('Sensor does not see everything', 0);
    assert.match(first?.output ?? '', /^On this host the sensor does not see: /);
    t.diagnostic(first?.output ?? '');
    // Programs were ended and started again until here: it was not said with each.
    assert.deepEqual(more, []);
  });

  test('a sensor that is held up for seconds says how late it judged; nothing is lost', async (t) => {
    const pid = await ground.pid('sensor');
    const [from, before_] = [Date.now(), stored().length];
    assert.ok(pid !== null);
    process.kill(pid, 'SIGSTOP');
    try {
      await acts(3, 1);
      await systemClock.sleep(4_000);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const [lag] = await waitFor('Sensor lags', from);
    t.diagnostic(lag?.output ?? '');
    const seconds = Number(/up to ([\d.]+) s late/.exec(lag?.output ?? '')?.[1]);
    assert.ok(seconds >= 4, `${seconds} s`);
    await eventually(
      async () => stored().length - before_,
      (count) => count === 3,
      60_000,
    );
    assert.equal(await ground.pid('sensor'), pid, 'it went on by itself');
  });

  test('a sensor that somebody stops is told of, ended and back, and what happened meanwhile is judged', {
    skip: IS_SOAK ? false : 'a soak',
  }, async (t) => {
    const pid = await ground.pid('sensor');
    const [from, before_] = [Date.now(), stored().length];
    assert.ok(pid !== null);
    process.kill(pid, 'SIGSTOP');
    await acts(3, 1);
    const [silent] = await waitFor('Sensor does not answer', from);
    t.diagnostic(`${silent?.output}: ${Date.parse(silent?.at ?? '') - from} ms after it was stopped`);
    await waitFor('Sensor ended from outside', from);
    await eventually(
      async () => stored().length - before_,
      (count) => count === 3,
      60_000,
    );
    assert.notEqual(await ground.pid('sensor'), pid);
    const { stdout } = await ground.darsena('audit', 'list', '--kind', 'sensor.blind', '--json');
    const { items } = JSON.parse(stdout) as { items: { body: { from: string; to: string; kept: boolean } }[] };
    const gap = items.find(({ body }) => Date.parse(body.to) > from);
    assert.ok(gap !== undefined, stdout);
    t.diagnostic(JSON.stringify(gap.body));
  });

  test('a host that does not follow control says why: in the status, and to whoever waits for a roll-out', async () => {
    const path = join(ground.files.agent.folder, 'identity.json');
    const identity = await readFile(path, 'utf8');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const verdictKeyPem = publicKey.export({ type: 'spki', format: 'pem' });
    await writeFile(path, JSON.stringify({ ...JSON.parse(identity), verdictKeyPem }));
    await ground.kill('agent');
    const agent = await eventually(
      () => part('agent'),
      (one) => one?.state === 'degraded',
      15_000,
    );
    assert.match(agent?.detail?.en ?? '', /no signature by one of the .* keys that are trusted for it/);
    await ground.change('never\n');
    const { code, stderr } = await ground.deploy();
    assert.notEqual(code, 0);
    assert.match(stderr, /no signature by one of the/);
    await writeFile(path, identity);
    await ground.kill('agent');
    await eventually(
      () => part('agent'),
      (one) => one?.state === 'ok',
      15_000,
    );
    await ground.deploys();
  });
});
