import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { packTar, readTar, type TarInput } from '../formats/index.ts';
import { Fault, systemClock } from '../system/index.ts';
import { parseContainerfile } from './containerfile.ts';
import { BuildWatcher } from './image.ts';
import { BUILD_SECRETS_OF_PROJECT } from './limits.ts';
import { folderInside, gitFault, openSource, readGitAddress } from './open-source.ts';
import { BuildSecrets } from './secrets.ts';
import { checkSource, packSource, type SourceLimits, type SourceSummary } from './source.ts';

async function check(entries: readonly TarInput[], limits: Partial<SourceLimits> = {}): Promise<SourceSummary> {
  const { stream, summary } = checkSource(packTar(entries), limits);
  for await (const chunk of stream) assert.ok(chunk.length > 0);
  return summary();
}

const text = (path: string, content = 'x'): TarInput => ({ path, content: Buffer.from(content) });
const folder = (path: string): TarInput => ({ path, kind: 'directory' });
const link = (path: string, linkTarget: string): TarInput => ({ path, kind: 'symlink', linkTarget });

test('the same files have the same digest whoever packed them, whenever and with whatever owner', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-source-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'src'));
  await mkdir(join(root, '.git'));
  await writeFile(join(root, '.git', 'HEAD'), 'ref');
  await writeFile(join(root, 'src', 'a.js'), 'one');
  await writeFile(join(root, 'src-b'), 'two');
  await chmod(join(root, 'src-b'), 0o700);
  await symlink('src/a.js', join(root, 'start.js'));
  const digestOf = async (): Promise<string> => {
    const { stream, summary } = checkSource(packSource(root));
    for await (const chunk of stream) assert.ok(chunk.length > 0);
    return summary().digest;
  };
  const before = await digestOf();
  await utimes(join(root, 'src', 'a.js'), 1, 1);
  assert.equal(await digestOf(), before);
  const summary = await check([
    { ...folder('src'), mode: 0o700, uid: 7, mtimeSeconds: 99 },
    { ...text('src-b', 'two'), mode: 0o755 },
    { ...text('src/a.js', 'one'), uid: 1000, mtimeSeconds: 5 },
    link('start.js', 'src/a.js'),
  ]);
  assert.equal(summary.digest, before);
  assert.deepEqual([summary.entries, summary.sizeBytes], [4, 6]);
});

test('what passes the check arrives unchanged', async () => {
  const long = 'y'.repeat(100_000);
  const { stream } = checkSource(packTar([folder('a'), text('a/empty', ''), text('a/long', long)]));
  const files = new Map<string, string>();
  for await (const { entry, bytes } of readTar(stream)) files.set(entry.path, Buffer.from(bytes).toString());
  assert.equal(files.get('a/long'), long);
  assert.equal(files.get('a/empty'), '');
});

test('archives that would write or point outside their folder are refused', async () => {
  const hostile: readonly (readonly TarInput[])[] = [
    [text('../evil')],
    [text('/etc/passwd')],
    [folder('a'), text('a/../../evil')],
    [link('a', '/etc')],
    [link('a', '../x')],
    [folder('a'), link('a/b', '../../x')],
    [link('a', 'b'), text('a/x')],
    [text('a'), text('a/x')],
    [text('a'), text('a')],
    [text('b'), text('a')],
    [text('x/y')],
    [text('a'), { path: 'b', kind: 'hardlink', linkTarget: 'a' }],
  ];
  for (const entries of hostile) {
    const names = entries.map(({ path }) => path).join(' ');
    await assert.rejects(
      check(entries),
      (error) => error instanceof Fault && error.code === 'build.source-refused',
      names,
    );
  }
});

test('a source may hold as many files and bytes as the limits say and not one more', async () => {
  await check([text('a'), text('b')], { maxEntries: 2, maxBytes: 2 });
  const tooLarge = (error: unknown): boolean => error instanceof Fault && error.code === 'build.source-too-large';
  await assert.rejects(check([text('a'), text('b'), text('c')], { maxEntries: 2 }), tooLarge);
  await assert.rejects(check([text('a', 'xx'), text('b')], { maxBytes: 2 }), tooLarge);
});

test('an archive that is cut short is refused', async () => {
  async function* cut(): AsyncGenerator<Uint8Array> {
    for await (const chunk of packTar([text('a', 'long enough')])) {
      yield chunk.subarray(0, 515);
      return;
    }
  }
  const { stream } = checkSource(cut());
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk);
  }, Fault);
});

async function digestOfFolder(path: string): Promise<string> {
  const { stream, summary } = checkSource(packSource(path));
  for await (const chunk of stream) assert.ok(chunk.length > 0);
  return summary().digest;
}

async function archiveOf(entries: readonly TarInput[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of packTar(entries)) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}

test('an archive in any order is the source that its folder would be, and is gone afterwards', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-source-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'in', 'b'), { recursive: true });
  await writeFile(join(root, 'in', 'b', 'c'), 'x');
  await writeFile(join(root, 'in', 'a'), 'x');
  await symlink('b/c', join(root, 'in', 'z'));
  const hard: TarInput = { path: './a', kind: 'hardlink', linkTarget: 'b/c' };
  const archive = join(root, 'source.tar.gz');
  await writeFile(archive, await archiveOf([link('z', 'b/c'), text('./b/c'), hard]));
  const opened = await openSource(archive, { input: packTar([]), terminal: false });
  assert.equal(await digestOfFolder(opened.folder), await digestOfFolder(join(root, 'in')));
  assert.equal(opened.commit, null);
  await opened.close();
  assert.equal(existsSync(opened.folder), false);
});

test('folders that everybody may write stay so, as a /tmp with its sticky bit, from a folder and from an archive', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-source-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const modes = { open: 0o777, own: 0o700, shared: 0o2775, tmp: 0o1777 };
  for (const [name, mode] of Object.entries(modes)) {
    await mkdir(join(root, name));
    await chmod(join(root, name), mode);
  }
  const modesOf = async (path: string): Promise<Record<string, string>> => {
    const { stream } = checkSource(packSource(path));
    const found: Record<string, string> = {};
    for await (const { entry } of readTar(stream)) found[entry.path.replace(/\/$/, '')] = entry.mode.toString(8);
    return found;
  };
  const wanted = { open: '777', own: '755', shared: '755', tmp: '1777' };
  assert.deepEqual(await modesOf(root), wanted);
  const input = (async function* () {
    yield await archiveOf(Object.entries(modes).map(([path, mode]) => ({ ...folder(path), mode })));
  })();
  const opened = await openSource('-', { input, terminal: false });
  assert.deepEqual(await modesOf(opened.folder), wanted);
  await opened.close();
});

test('an archive writes nothing outside of its folder, by name or through a link', async (t) => {
  const outside = await mkdtemp(join(tmpdir(), 'darsena-outside-'));
  t.after(() => rm(outside, { recursive: true, force: true }));
  const attacks: readonly (readonly TarInput[])[] = [
    [text('../escape')],
    [text('/tmp/escape')],
    [link('door', outside), text('door/escape')],
    [link('door', outside), link('door/escape', 'x')],
    [{ path: 'copy', kind: 'hardlink', linkTarget: '../../etc/hostname' }],
    [{ path: 'copy', kind: 'hardlink', linkTarget: '/etc/hostname' }],
  ];
  for (const entries of attacks) {
    const bytes = await archiveOf(entries);
    const input = (async function* () {
      yield bytes;
    })();
    await assert.rejects(openSource('-', { input, terminal: false }), { code: 'build.source-refused' });
    assert.equal(existsSync(join(outside, 'escape')), false);
  }
});

test('a branch that a repository does not have is told apart from a repository that cannot be read', () => {
  const url = 'https://git.example.org/shop.git';
  const code = (said: string, ref: string | null = 'v9') => gitFault({ url, ref }, said).code;
  assert.equal(code("fatal: couldn't find remote ref v9"), 'build.git-ref-missing');
  assert.equal(code('fatal: remote error: upload-pack: not our ref 0123'), 'build.git-ref-missing');
  assert.equal(code("fatal: invalid refspec '..v9'"), 'build.git-ref-missing');
  assert.equal(code("fatal: couldn't find remote ref HEAD", null), 'build.git-failed', 'an empty repository');
  assert.equal(code(`fatal: repository '${url}/' not found`), 'build.git-failed');
});

test('repositories are named by https and ssh, with a branch and a folder, and nothing else is fetched', () => {
  assert.deepEqual(readGitAddress('https://git.example.org/shop.git#v1.2:web'), {
    url: 'https://git.example.org/shop.git',
    ref: 'v1.2',
    folder: 'web',
  });
  assert.deepEqual(readGitAddress('git@git.example.org:shop.git'), {
    url: 'git@git.example.org:shop.git',
    ref: null,
    folder: '.',
  });
  assert.equal(readGitAddress('ssh://git@git.example.org:2222/shop.git#main')?.ref, 'main');
  for (const path of ['.', './shop', '/srv/shop', 'shop.tar.gz', '-']) assert.equal(readGitAddress(path), null, path);
  for (const address of [
    'file:///etc',
    'git://git.example.org/shop.git',
    'http://git.example.org/shop.git',
    'ext::sh -c touch% /tmp/x',
    'https://user:secret@git.example.org/shop.git',
    'https://token@git.example.org/shop.git',
    'ssh://-oProxyCommand=x/shop.git',
    'https://git.example.org/shop.git#--upload-pack=x',
    'https://git.example.org/shop.git#main:../..',
    'https://git.example.org/shop.git#main:/etc',
  ]) {
    assert.throws(
      () => readGitAddress(address),
      (error) => error instanceof Fault && error.code === 'build.git-address' && !error.message.includes('secret'),
      address,
    );
  }
});

test('a folder of a repository is none that a link makes of another place', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-checkout-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'at', 'web'), { recursive: true });
  await mkdir(join(root, 'at-home'));
  await symlink('web', join(root, 'at', 'same'));
  await symlink('../at-home', join(root, 'at', 'out'));
  await symlink('/etc', join(root, 'at', 'etc'));
  await writeFile(join(root, 'at', 'file'), 'x');
  const found = async (folder: string) => (await folderInside(join(root, 'at'), folder))?.split('/').at(-1) ?? null;
  assert.deepEqual(await Promise.all(['.', 'web', 'same'].map(found)), ['at', 'web', 'web']);
  for (const folder of ['out', 'etc', 'etc/ssl', 'file', 'none']) assert.equal(await found(folder), null, folder);
});

test('links to one file of an archive fill no disk', async () => {
  const megabyte = 1024 * 1024;
  // Half of them to the file, half to a link before them.
  const links = Array.from({ length: 2048 }, (_, index): TarInput => {
    const path = `l${index}`;
    return { path, kind: 'hardlink', linkTarget: index % 2 === 0 ? 'big' : `l${index - 1}` };
  });
  const archive = await archiveOf([{ path: 'big', content: Buffer.alloc(megabyte) }, ...links]);
  const input = (async function* () {
    yield archive;
  })();
  await assert.rejects(openSource('-', { input, terminal: false }), { code: 'build.source-too-large' });
});

test('secrets of builds are held for one project only so often, and given once to who brought them', () => {
  const secrets = new BuildSecrets(systemClock);
  const put = (project: string) => secrets.put({ a: 'eA==' }, { project, actor: 'ana' });
  const [first = ''] = Array.from({ length: BUILD_SECRETS_OF_PROJECT }, () => put('shop'));
  assert.throws(() => put('shop'), { code: 'build.secret-invalid' });
  put('other');
  assert.throws(() => secrets.take(first, { project: 'other', actor: 'ana' }), { code: 'build.secrets-gone' });
  assert.throws(() => secrets.take(first, { project: 'shop', actor: 'eve' }), { code: 'build.secrets-gone' });
  assert.deepEqual(secrets.take(first, { project: 'shop', actor: 'ana' }), { a: 'eA==' });
  assert.throws(() => secrets.take(first, { project: 'shop', actor: 'ana' }), { code: 'build.secrets-gone' });
});

test('a build is told as a tree of its steps, and what it prints of its secrets is not', () => {
  const file = parseContainerfile('FROM scratch AS a\nRUN one\nFROM scratch\nCOPY --from=a /x /y', {
    file: 'Containerfile',
  });
  const told: string[] = [];
  const handle = (name: string): never =>
    ({
      step: (title: { en: string }) => handle(title.en),
      update: () => undefined,
      note: () => undefined,
      done: (detail?: { en: string }) => told.push(`${name}: ${detail?.en ?? 'done'}`),
      fail: (detail: { en: string }) => told.push(`${name}: FAILED ${detail.en}`),
    }) as never;
  const watcher = new BuildWatcher({ ...file, path: 'Containerfile' }, handle('build'), [
    Buffer.from('//registry.example/:_authToken=s3cr3t-t0ken\n'),
  ]);
  for (const line of [
    '[1/2] STEP 1/2: FROM scratch AS a',
    '[1/2] STEP 2/2: RUN one',
    '--> Using cache 1234',
    '[2/2] STEP 1/2: FROM scratch',
    '[2/2] STEP 2/2: COPY --from=a /x /y',
    'Error: the server refused s3cr3t-t0ken',
  ])
    watcher.take(line);
  const failure = watcher.failure('shop/web', 'error: exit status 1');
  assert.deepEqual(told, [
    '[1/2] FROM scratch AS a: done',
    '[1/2] RUN one: from the cache',
    '[2/2] FROM scratch: done',
    '[2/2] COPY --from=a /x /y: FAILED the server refused ***',
  ]);
  assert.ok(failure instanceof Fault && failure.params['line'] === 4);
  assert.ok(!JSON.stringify(failure).includes('s3cr3t'));
  const many = Array.from({ length: 300 }, (_, index) => `beginning-${index}-of-a-key`).join('\n');
  const alike = new BuildWatcher({ ...file, path: 'Containerfile' }, handle('build'), [Buffer.from(many)]);
  alike.take('Error: beginning-299-of-a-key is no key, beginner');
  assert.equal((alike.failure('shop/web', '') as Fault).params['reason'], '*** is no key, beginner');
});
