import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packTar, readTar, type TarInput } from '../formats/index.ts';
import { Fault } from '../system/index.ts';
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
