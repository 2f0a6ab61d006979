import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventually, FaultGround, missingPart } from './faults-ground.ts';

// How soon a program of the platform that was killed is back, on a machine with nothing else to do, and that nobody who
// asks the edge meanwhile notices.

const BACK_MS = 2_000;
const SETTLED_MS = 30_000;

suite('a killed program of the platform', { skip: await missingPart(), timeout: 200_000 }, () => {
  const ground = new FaultGround();

  /** What the edge answered other than 200 in the time to come. */
  async function watchEdge(forMs: number): Promise<number[]> {
    const odd: number[] = [];
    const until = performance.now() + forMs;
    while (performance.now() < until) {
      const { status } = await ground.get();
      if (status !== 200) odd.push(status);
    }
    return odd;
  }

  before(async () => {
    await ground.open();
    await ground.deploys();
    await eventually(
      async () => ({ answer: await ground.get(), pods: await ground.pods() }),
      ({ answer, pods }) => answer.status === 200 && pods.length === 3,
      SETTLED_MS,
    );
  });
  after(() => ground.close());

  for (const program of ['agent', 'control', 'sensor']) {
    test(`${program} is back within two seconds, and the pods and who asks the edge never notice`, async (t) => {
      const pods = await ground.containers();
      const old = await ground.pid(program);
      if (old === null) return t.skip('the kernel of this machine lets no sensor run');
      const began = performance.now();
      await ground.kill(program);
      const watching = watchEdge(4_000);
      await eventually(
        () => ground.pid(program),
        (pid) => pid !== null && pid !== old,
        BACK_MS,
      );
      t.diagnostic(`back after ${Math.round(performance.now() - began)} ms`);
      assert.deepEqual(await watching, []);
      await eventually(
        () => ground.partState(program),
        (state) => state === 'ok',
        SETTLED_MS,
      );
      assert.deepEqual(await ground.containers(), pods);
    });
  }

  test('the next deploy goes as if nothing had been', async () => {
    await ground.change('after all that\n');
    await ground.deploys();
    await eventually(
      () => ground.get(),
      ({ status, body }) => status === 200 && body === 'after all that',
      SETTLED_MS,
    );
    const { stdout } = await ground.darsena('up', '--yes', '--json');
    assert.deepEqual((JSON.parse(stdout) as { started: string[] }).started, []);
  });
});
