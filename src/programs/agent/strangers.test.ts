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

test('a container in which somebody has a session open keeps its name and its image', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-proc-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const id = 'c'.repeat(64);
  const store = join(root, 'store', 'overlay-containers');
  const show = async (pid: string, namespace: string, command: readonly string[], cgroup: string): Promise<void> => {
    await mkdir(join(root, pid, 'ns'), { recursive: true });
    await symlink(`pid:[${namespace}]`, join(root, pid, 'ns', 'pid'));
    await symlink(`mnt:[${namespace}]`, join(root, pid, 'ns', 'mnt'));
    await writeFile(join(root, pid, 'status'), 'Name:\tx\nUid:\t0\t0\t0\t0\n');
    await writeFile(join(root, pid, 'cmdline'), command.map((word) => `${word}\0`).join(''));
    await writeFile(join(root, pid, 'cgroup'), `0::${cgroup}\n`);
    await writeFile(join(root, pid, 'stat'), `${pid} (x) S 1 ${'0 '.repeat(17)}77 0\n`);
  };
  const userdata = join(store, id, 'userdata');
  await mkdir(userdata, { recursive: true });
  const metadata = JSON.stringify({ 'image-name': 'localhost/shop:1' });
  await writeFile(join(store, 'containers.json'), JSON.stringify([{ id, names: ['shop'], metadata }]));
  await show('self', '1', ['x'], '/x');
  await show('4000200', '1', ['/usr/bin/conmon', '-c', id, '-u', id, '-b', userdata], '/x');
  await show('4000201', '1', ['/usr/bin/conmon', '-c', id, '-u', 's', '-b', join(userdata, 'a1b2'), '-e'], '/x');
  await show('4000202', '2', ['sleep', '60'], `/libpod-${id}`);
  const found = await findStrangers({ isOwn: () => false, makers: new Set(), node: '/nowhere' }, root);
  assert.deepEqual(
    found.map(({ engine, name, image }) => [engine, name, image]),
    [['podman', 'shop', 'localhost/shop:1']],
  );
});

test('an ordinary user’s container is called as its monitor says, unless that is the platform’s name or another’s', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-proc-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const show = async (pid: string, ppid: number, namespace: string, command: string, cgroup = '/x'): Promise<void> => {
    await mkdir(join(root, pid, 'ns'), { recursive: true });
    await symlink(`pid:[${namespace}]`, join(root, pid, 'ns', 'pid'));
    await symlink(`mnt:[${namespace}]`, join(root, pid, 'ns', 'mnt'));
    await writeFile(join(root, pid, 'status'), 'Name:\tx\nUid:\t1000\t0\t0\t0\n');
    await writeFile(
      join(root, pid, 'cmdline'),
      command
        .split(' ')
        .map((word) => `${word}\0`)
        .join(''),
    );
    await writeFile(join(root, pid, 'cgroup'), `0::${cgroup}\n`);
    await writeFile(join(root, pid, 'stat'), `${pid} (x) S ${ppid} ${'0 '.repeat(17)}${pid} 0\n`);
  };
  const [mine, ours, others] = ['a', 'b', 'c'].map((sign) => sign.repeat(64)) as [string, string, string];
  const store = join(root, 'store', 'overlay-containers');
  await mkdir(join(store, mine, 'userdata'), { recursive: true });
  await writeFile(join(store, 'containers.json'), JSON.stringify([{ id: mine, names: ['shop'] }]));
  const monitor = (id: string) => `conmon -c ${id} -b ${join(store, id, 'userdata')}`;
  await show('self', 1, '1', 'x');
  await show('4000300', 1, '1', monitor(mine));
  await show('4000301', 4_000_300, '2', 'sleep 1');
  await show('4000302', 1, '1', monitor(ours));
  await show('4000303', 4_000_302, '3', 'sleep 2');
  await show('4000304', 1, '1', monitor(others));
  await show('4000305', 4_000_304, '4', 'sleep 3');
  // A monitor of nobody's says how others' container is called.
  await writeFile(
    join(store, 'containers.json'),
    JSON.stringify([mine, others].map((id) => ({ id, names: ['shop'] }))),
  );
  // Younger than who claims to be it.
  await show('4000306', 1, '5', 'sleep 4', `/libpod-${others}`);
  // By a control group of a user's own making it is the platform's.
  await show('4000307', 1, '6', 'sleep 5', `/user.slice/user-1000.slice/user@1000.service/libpod-${ours}.scope`);
  await show('4000308', 1, '7', 'sleep 6', `/machine.slice/libpod-${ours}.scope`);
  const found = await findStrangers({ isOwn: (id) => id === ours, makers: new Set(), node: '/nowhere' }, root);
  assert.deepEqual(
    found.map(({ id, name, pid }) => [id, name, pid]).sort((a, b) => Number(a[2]) - Number(b[2])),
    [
      [mine, 'shop', 4_000_301],
      ['ns-3', null, 4_000_303],
      ['ns-4', null, 4_000_305],
      [others, null, 4_000_306],
      ['ns-6', null, 4_000_307],
    ],
  );
});
