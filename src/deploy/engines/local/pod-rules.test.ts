import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { PodRules } from './pod-rules.ts';

/** Stands in for nsenter: 7 is a process whose network is gone, 9 one at which the shell itself is ended, once. */
const NSENTER = `#!/bin/sh
pid=$2
case $pid in
  7) echo 'reassociate to namespace: No such process' >&2; exit 1 ;;
  9) if [ ! -e "$ENDED" ]; then : >"$ENDED"; kill -KILL "$PPID"; exit 0; fi ;;
esac
case $5 in
  --json) echo "{\\"of\\":$pid,\\"table\\":\\"$9\\"}" ;;
  -f) if [ "$6" = - ]; then cat; else cat "$6"; fi >"$LOADED/$pid" ;;
esac
`;

async function open(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-nft-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'nsenter'), NSENTER);
  await chmod(join(folder, 'nsenter'), 0o755);
  const set: Record<string, string> = {
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    TMPDIR: folder,
    LOADED: folder,
    ENDED: join(folder, 'ended'),
  };
  const before = Object.keys(set).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, set);
  const rules = new PodRules(false);
  t.after(() => {
    rules.close();
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  const ours = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('darsena-rules-'));
  return { folder, rules, ours };
}

test('rules of many pods are loaded and read through one shell, each answered with its own', async (t) => {
  const { folder, rules, ours } = await open(t);
  const pids = Array.from({ length: 12 }, (_, index) => 100 + index);
  const done = await Promise.all(
    pids.flatMap((pid) => [
      rules.run(pid, { load: `add rule ${pid}\n'; exit 1; "$(id)` }),
      rules.run(pid, { list: 'darsena_policy' }),
    ]),
  );
  for (const [index, pid] of pids.entries()) {
    assert.equal(await readFile(join(folder, `${pid}`), 'utf8'), `add rule ${pid}\n'; exit 1; "$(id)`);
    assert.deepEqual(done[index * 2], { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(JSON.parse(done[index * 2 + 1]?.stdout ?? ''), { of: pid, table: 'darsena_policy' });
  }
  const [own = ''] = await ours();
  assert.deepEqual(
    (await readdir(join(folder, own))).filter((name) => name !== 'err'),
    [],
    'nothing is left of what is done',
  );
});

test('what nft says of a failure is told, and nothing but a number and a plain word goes through the shell', async (t) => {
  const { rules } = await open(t);
  const failed = await rules.run(7, { load: 'x' });
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /No such process/);
  assert.equal((await rules.run(8, { load: 'x' })).code, 0, 'the next one is answered');
  for (const [pid, table] of [
    [8, 'a b'],
    [8, '$(id)'],
    [8, 'a\n1 1'],
    [-1, 'a'],
    [1.5, 'a'],
    [Number.NaN, 'a'],
  ] as const)
    await assert.rejects(rules.run(pid, { list: table }), TypeError);
});

test('a shell that is ended in the middle loses nothing, and one that is closed leaves nothing behind', async (t) => {
  const { folder, rules, ours } = await open(t);
  const [ended, behind] = await Promise.all([rules.run(9, { load: 'nine' }), rules.run(10, { load: 'ten' })]);
  assert.deepEqual([ended.code, behind.code], [0, 0]);
  assert.ok(existsSync(join(folder, 'ended')));
  assert.deepEqual(
    [await readFile(join(folder, '9'), 'utf8'), await readFile(join(folder, '10'), 'utf8')],
    ['nine', 'ten'],
  );
  assert.equal((await rules.run(11, { list: 'darsena_policy' })).code, 0, 'another shell is begun');
  rules.close();
  for (let tries = 0; (await ours()).length > 0; tries++) {
    assert.ok(tries < 600, `left behind: ${(await ours()).join(' ')}`);
    await delay(100);
  }
});
