import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findStrangers } from './strangers.ts';

test('what a program of ours left behind is below it no longer, whoever has its number later', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-proc-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const show = async (pid: string, namespace: string): Promise<void> => {
    await mkdir(join(root, pid, 'ns'), { recursive: true });
    await symlink(`pid:[${namespace}]`, join(root, pid, 'ns', 'pid'));
    await symlink(`mnt:[${namespace}]`, join(root, pid, 'ns', 'mnt'));
    await writeFile(join(root, pid, 'status'), 'Name:\tx\nUid:\t0\t0\t0\t0\n');
    await writeFile(join(root, pid, 'cmdline'), 'x\0');
    await writeFile(join(root, pid, 'cgroup'), '0::/x\n');
  };
  const bear = (pid: string, parent: number): Promise<void> =>
    writeFile(join(root, pid, 'stat'), `${pid} (x) S ${parent} ${'0 '.repeat(17)}77 0\n`);
  await show('self', '1');
  await show('4000050', '1');
  await bear('4000050', 1);
  await show('4000100', '2');
  await bear('4000100', 4_000_050);
  const own = { isOwn: () => false, makers: new Set([4_000_050]), node: '/nowhere' };
  assert.deepEqual(await findStrangers(own, root), []);
  // The parent ended, and its number went to a program of ours that never made this.
  await bear('4000100', 1);
  assert.deepEqual(
    (await findStrangers(own, root)).map(({ id, pid }) => [id, pid]),
    [['ns-2', 4_000_100]],
  );
});
