import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packTar, type TarInput } from '../../formats/index.ts';
import { copyOut } from './copy.ts';
import { parseTime } from './exec.ts';
import { guardWords } from './frame.ts';
import { createProgram } from './help.ts';
import { parsePorts } from './inside.ts';

const file = (path: string, text: string): TarInput => ({ path, content: Buffer.from(text) });

test('cp: what comes out of a container writes through no link, its own or one that was there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'copy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const outside = join(folder, 'outside');
  const inside = join(folder, 'inside');
  await mkdir(outside);
  await mkdir(inside);
  await writeFile(join(outside, 'kept'), 'as it was');
  const hostile = [
    [{ path: 'x', kind: 'symlink', linkTarget: '../outside' }, file('x/kept', 'new')],
    [{ path: 'd/x', kind: 'symlink', linkTarget: '.' }, file('d/x/y', 'new')],
    [{ path: 'd', kind: 'directory' }, file('d/../../outside/kept', 'new')],
    [{ path: 'h', kind: 'hardlink', linkTarget: 'there/kept' }],
  ] satisfies TarInput[][];
  await symlink(outside, join(inside, 'there'));
  for (const entries of hostile) await copyOut(packTar(entries), '/srv/x', inside).catch(() => undefined);
  await assert.rejects(copyOut(packTar([file('there/kept', 'new')]), '/srv/there', inside), /refused/);
  // A link in place of the file is replaced, not followed.
  await symlink(join(outside, 'kept'), join(inside, 'name'));
  await copyOut(packTar([file('name', 'new')]), '/srv/name', inside);
  assert.equal(await readFile(join(inside, 'name'), 'utf8'), 'new');
  assert.equal((await lstat(join(inside, 'name'))).isSymbolicLink(), false);
  assert.equal(await readFile(join(outside, 'kept'), 'utf8'), 'as it was');
  const told = await copyOut(packTar([{ path: 'l', kind: 'symlink', linkTarget: '/etc' }]), '/l', inside);
  assert.equal(told.notes.length, 1);
});

test('cp: a file that cannot be made or written here is a failure of the copy, and nothing else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'copy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await assert.rejects(copyOut(packTar([file('a', 'A')]), '/srv/a', join(folder, 'missing', 'a')), { code: 'ENOENT' });
  await assert.rejects(copyOut(packTar([file('b'.repeat(300), 'B')]), '/srv/b', folder), { code: 'ENAMETOOLONG' });
});

test('cp: a folder takes the thing in, any other name is its new name', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'copy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const tree = (): AsyncIterable<Uint8Array> =>
    packTar([
      { path: 'conf', kind: 'directory' },
      file('conf/a', 'A'),
      file('conf/empty', ''),
      { path: 'conf/l', kind: 'symlink', linkTarget: 'a' },
      { path: 'conf/h', kind: 'hardlink', linkTarget: 'conf/a' },
    ]);
  const { files, bytes } = await copyOut(tree(), '/srv/conf', folder);
  assert.deepEqual([files, bytes], [4, 1]);
  await copyOut(tree(), '/srv/conf', join(folder, 'other'));
  await copyOut(tree(), '/srv/conf/.', join(folder, 'third'));
  await copyOut(tree(), '/.', join(folder, 'whole'));
  assert.equal(await readFile(join(folder, 'whole', 'conf', 'a'), 'utf8'), 'A', 'the root has no name to leave out');
  for (const name of ['conf', 'other', 'third']) {
    assert.equal(await readFile(join(folder, name, 'h'), 'utf8'), 'A');
    assert.equal(await readFile(join(folder, name, 'empty'), 'utf8'), '');
    assert.equal(await readlink(join(folder, name, 'l')), 'a');
  }
});

test('exec: words behind the workload are the command’s own, with and without --', () => {
  const program = createProgram('en');
  program.option('--instance <name>').option('--json');
  program.command('exec').option('-i').option('-t').option('-e, --variable <pair>').option('-c, --container <name>');
  const cases: readonly [string, string][] = [
    ['exec -it a/web ls -l', 'exec -it a/web -- ls -l'],
    ['exec -e A=1 a/web sh -c x', 'exec -e A=1 a/web -- sh -c x'],
    ['exec a/web --instance n -- ls -l', 'exec a/web --instance n -- ls -l'],
    ['exec a/web -- ls', 'exec a/web -- ls'],
    ['exec a/web git log -- file', 'exec a/web -- git log -- file'],
    ['--instance n exec -c side a/web ls', '--instance n exec -c side a/web -- ls'],
    ['exec a/web', 'exec a/web'],
  ];
  for (const [typed, meant] of cases) assert.equal(guardWords(typed.split(' '), program).join(' '), meant, typed);
  assert.deepEqual(guardWords(['ps', 'list'], program), ['ps', 'list']);
});

test('logs and port-forward: times and ports as docker and kubectl take them', () => {
  const now = new Date('2026-11-22T10:00:00Z');
  assert.equal(parseTime('10m', now), '2026-11-22T09:50:00.000Z');
  assert.equal(parseTime('1h30m', now), '2026-11-22T08:30:00.000Z');
  assert.equal(parseTime('1763800000', now), new Date(1_763_800_000_000).toISOString());
  assert.equal(parseTime('2026-11-22', now), '2026-11-22T00:00:00.000Z');
  assert.throws(() => parseTime('soon', now), /no time/);
  assert.deepEqual(parsePorts('8080'), { here: 8080, there: 8080 });
  assert.deepEqual(parsePorts('9000:80'), { here: 9000, there: 80 });
  assert.deepEqual(parsePorts(':80'), { here: 0, there: 80 });
  for (const wrong of ['', 'a', '1:2:3', '70000', '0', '80:']) assert.throws(() => parsePorts(wrong), /names no ports/);
});
