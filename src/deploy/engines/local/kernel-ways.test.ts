import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { refuseKernelWay, refuseLinkInVolume } from './kernel-ways.ts';

async function rootWith(t: TestContext, links: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'darsena-ways-'));
  t.after(() => rm(root, { recursive: true }));
  for (const folder of ['srv/app', 'usr/lib', 'dev/shm', 'proc/self/fd', 'a'])
    await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, 'file'), '');
  for (const [path, target] of Object.entries(links)) await symlink(target, join(root, path));
  return root;
}

test('a folder to work in that links of a running container lead to /proc is refused, by however many (D3)', async (t) => {
  const ring = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`ring${index}`, `ring${(index + 1) % 60}`]),
  );
  const root = await rootWith(t, {
    ...ring,
    work: '/proc/self/fd/7',
    'srv/up': '../../../../proc/self/fd/8',
    one: 'two',
    two: '/three/x',
    three: '/proc/self/fd',
    'dev/fd': '/proc/self/fd',
    home: 'srv',
    back: '/',
    'usr/here': '.',
    mtab: '../proc/self/mounts',
    'srv/a': '/etc/none/../../proc/1/root',
    'a/outside': '/',
  });
  const escapes = [
    ...['/work', '/work/', '/work/sub', '/srv/up', '/one', '/two/7', '/three', '/dev/fd', '/dev/fd/7', '/home/up'],
    ...['/back/work', '/back/back/back/work', '/usr/here/../../work', '/mtab', '//./work', '/srv/../work', '/proc'],
    ...['/proc/self/fd/7', '/a/../proc', '/../../proc/self', '/a/outside/work', '/a/outside/a/outside/one'],
  ];
  for (const folder of escapes)
    await assert.rejects(refuseKernelWay(root, folder, 'exec'), { code: 'engine.refused', message: /proc/ }, folder);
  const plain = ['/', '/srv/app', '/srv', '/home/app', '/usr/here/lib', '/dev/shm', '/dev', '/none/at/all', '/file/x'];
  await mkdir(join(root, 'deep', ...Array(150).fill('d')), { recursive: true });
  await symlink(`/deep/${'d/'.repeat(100)}`, join(root, `deep/${'d/'.repeat(150)}link`));
  await mkdir(join(root, 'deep', ...Array(230).fill('d')), { recursive: true });
  await refuseKernelWay(root, `/deep/${'d/'.repeat(150)}link`, 'exec');
  // Of folders that somebody has made without end as many are opened as a way may have.
  await assert.rejects(refuseKernelWay(root, `/deep/${'d/'.repeat(220)}`, 'exec'), { message: /200 folders deep/ });
  // What is not there, or is followed for ever, the run-time says itself.
  for (const folder of [...plain, '/ring0', '/srv/a', '/processes']) await refuseKernelWay(root, folder, 'exec');
});

test('a folder to work in that lies in a volume is reached over no link', async (t) => {
  const root = await rootWith(t, { link: 'srv', 'srv/work': '/proc/self/fd/7' });
  for (const part of ['/srv/app', 'srv', '', '/', '/srv/none/x']) await refuseLinkInVolume(root, part, 'create');
  for (const part of ['/link/app', '/srv/work', 'link', '/file', '/file/x'])
    await assert.rejects(refuseLinkInVolume(root, part, 'create'), { code: 'engine.refused' }, part);
});
