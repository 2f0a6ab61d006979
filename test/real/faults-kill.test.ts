import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runCommand, systemClock } from '../../src/system/index.ts';
import { eventually, FaultGround, missingPart } from './faults-ground.ts';

// What breaks under the platform while it works, against a real instance: workloads go on, the edge goes on, nothing is
// lost or doubled, and the next deploy brings everything to where it should be.

const skip = await missingPart();
const ROUNDS = 8;
/** A program that keeps dying young is started again after up to 5 s. */
const SETTLED_MS = 30_000;

suite('faults under the platform', { skip, timeout: 400_000 }, () => {
  const ground = new FaultGround();
  let releases = 0;

  /** A release that can be told from every other by what it serves. */
  async function change(): Promise<string> {
    releases += 1;
    const content = `release ${releases}`;
    await ground.change(`${content}\n`);
    return content;
  }

  async function mounted(args: readonly string[]): Promise<void> {
    const { code, stderr } = await runCommand('mount', args, { timeoutMs: 30_000 });
    assert.equal(code, 0, stderr);
  }

  async function storeStarts(): Promise<number> {
    const pods = await ground.containers();
    const store = pods.find(({ pod }) => pod.includes('-store-'));
    assert.ok(store !== undefined);
    const { stdout } = await runCommand('cat', [`/proc/${store.pid}/root/data/starts`], { timeoutMs: 30_000 });
    return stdout.trim().split('\n').length;
  }

  /** Exactly the replicas that are wanted: none too many, none of an earlier release. */
  async function converged(content: string): Promise<void> {
    await eventually(
      async () => ({ answer: await ground.get(), pods: await ground.pods() }),
      ({ answer, pods }) => answer.status === 200 && answer.body === content && pods.length === 3,
      SETTLED_MS,
    );
    const pods = await ground.pods();
    assert.equal(pods.filter((pod) => pod.includes('-web-')).length, 2, pods.join(' '));
    assert.equal(pods.filter((pod) => pod.includes('-store-')).length, 1, pods.join(' '));
    assert.equal((await ground.containers()).length, 3);
  }

  before(async () => {
    await ground.open();
    await ground.change('release 0\n');
    await ground.deploys();
    await converged('release 0');
  });
  after(async () => {
    await runCommand('umount', ['--lazy', ground.files.control.blobs], { timeoutMs: 30_000 });
    await ground.close();
  });

  test('while control is away the command line says so, and how to look', async () => {
    assert.equal((await ground.darsena('down')).code, 0);
    const { code, stderr } = await ground.darsena('ps');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /cannot reach the platform at https:\/\/localhost:\d+\n.*because: .*\n.*way out: darsena .*status/,
    );
    assert.equal((await ground.darsena('up', '--yes')).code, 0);
    await converged(`release ${releases}`);
  });

  test('Podman’s service killed in the middle of a deploy delays it, no more', async () => {
    const content = await change();
    const deploying = ground.deploy();
    for (let kills = 0; kills < 3; kills += 1) {
      await systemClock.sleep(700);
      const pid = await ground.serviceOfPodman().catch(() => null);
      if (pid !== null) process.kill(pid, 'SIGKILL');
    }
    const { code, stdout, stderr } = await deploying;
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    await converged(content);
  });

  test('a full disk is said by its name, keeps what runs, and is over when there is room', async () => {
    const { blobs } = ground.files.control;
    const { uid, gid } = ground.instance.users.control;
    const copy = join(ground.home, 'blobs');
    await cp(blobs, copy, { recursive: true, preserveTimestamps: true });
    await mounted(['-t', 'tmpfs', '-o', `size=24m,uid=${uid},gid=${gid},mode=700`, 'tmpfs', blobs]);
    const back = await runCommand('cp', ['-a', `${copy}/.`, blobs], { timeoutMs: 20_000 });
    assert.equal(back.code, 0, back.stderr);
    await runCommand('chown', ['-R', `${uid}:${gid}`, blobs], { timeoutMs: 30_000 });
    const content = await change();
    const ballast = join(ground.project, 'www', 'ballast');
    await writeFile(ballast, randomBytes(32 * 2 ** 20));
    const full = await ground.deploy();
    assert.equal(full.code, 1, full.stdout);
    assert.match(full.stderr, /507|Insufficient Storage|disk of the registry is full/);
    assert.match(full.stderr, /way out: /);
    assert.notEqual((await ground.get()).body, content);
    assert.equal((await ground.get()).status, 200);
    await mounted(['-o', 'remount,size=128m', blobs]);
    await ground.deploys();
    await converged(content);
    // Back to the folder below, with what was added.
    assert.equal((await ground.darsena('down')).code, 0);
    await runCommand('cp', ['-a', `${blobs}/.`, copy], { timeoutMs: 20_000 });
    const unmounted = await runCommand('umount', [blobs], { timeoutMs: 30_000 });
    assert.equal(unmounted.code, 0, unmounted.stderr);
    await runCommand('cp', ['-a', `${copy}/.`, blobs], { timeoutMs: 20_000 });
    await rm(ballast);
    assert.equal((await ground.darsena('up', '--yes')).code, 0);
  });

  test('killed at any moment of a deploy, the next deploy brings everything to its place', async () => {
    const outcomes: string[] = [];
    const starts = await storeStarts();
    for (let round = 0; round < ROUNDS; round += 1) {
      await change();
      const deploying = ground.deploy();
      await systemClock.sleep(randomInt(100, 4_000));
      const program = round % 2 === 0 ? 'control' : 'agent';
      await ground.kill(program);
      const { code, stderr } = await deploying;
      outcomes.push(`${program} ${code} ${stderr.split('\n')[0]}`);
      assert.ok(code === 0 || code === 1, `${code} ${stderr}`);
      assert.doesNotMatch(stderr, /nobody foresaw/);
      await eventually(
        () => ground.darsena('ps', 'mini'),
        (answer) => answer.code === 0,
        SETTLED_MS,
      );
      assert.equal((await ground.get()).status, 200, outcomes.join('\n'));
    }
    await eventually(
      () => ground.partState('agent'),
      (state) => state === 'ok',
      SETTLED_MS,
    );
    const content = await change();
    await ground.deploys();
    await converged(content);
    // The volume is the one it was: every start of its keeper is in it.
    assert.ok((await storeStarts()) > starts);
    const { stdout } = await ground.darsena('release', 'list', 'mini', '--json');
    const { items } = JSON.parse(stdout) as { items: { number: number; state: string }[] };
    const numbers = items.map(({ number }) => number);
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(items[0]?.state, 'available');
    assert.ok(items.slice(1).every(({ state }) => state !== 'rolling-out'));
  });

  test('purge leaves nothing of it', async () => {
    const { code, stderr } = await ground.darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await ground.leftovers(), []);
  });
});
