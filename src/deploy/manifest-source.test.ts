import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { REPORT_TEXT_MAX } from './limits.ts';
import { openNothing, projectOfManifests, readInput, readManifestFile } from './manifest-source.ts';
import { parseProjectFile } from './project-file.ts';

const CONFIG = '# Source: a/templates/c.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\n';
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifest-source-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function* stream(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test('text on standard input is manifests, and anything else the archive that it was', async () => {
  assert.deepEqual(await readInput(stream('---\n', CONFIG)), {
    manifests: { path: 'stdin.yaml', text: `---\n${CONFIG}` },
  });
  const tar = Buffer.alloc(1024);
  tar.write('a.yaml');
  for (const archive of [tar, gzipSync(tar)]) {
    const given = await readInput(stream(archive.subarray(0, 7), archive.subarray(7)));
    assert.ok('archive' in given);
    const chunks: Uint8Array[] = [];
    for await (const chunk of given.archive) chunks.push(chunk);
    assert.deepEqual(Buffer.concat(chunks), archive);
  }
  await assert.rejects(readInput(stream()), { code: 'deploy.input-empty' });
  await assert.rejects(readInput(stream(' \n\n')), { code: 'deploy.input-empty' });
  await assert.rejects(readInput(stream(`${CONFIG}# `, Buffer.from([0xe9, 0x0a]))), { code: 'deploy.input-encoding' });
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(65_536, '#');
  };
  await assert.rejects(readInput(endless()), { code: 'deploy.input-too-large' });
});

test('a file with Kubernetes objects is one, also a broken one; Compose files, folders and others are not', async () => {
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  assert.deepEqual(await readManifestFile(await write('a.YML', CONFIG)), { path: 'a.yml', text: CONFIG });
  const json = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'Pod' }] });
  assert.equal((await readManifestFile(await write('l.json', json)))?.path, 'l.json');
  assert.equal((await readManifestFile(await write('t.yaml', `${CONFIG}data: {{ .Values.x }}\n`)))?.path, 't.yaml');
  assert.equal(await readManifestFile(await write('compose.yaml', 'services:\n  a: { image: x }\n')), null);
  assert.equal(await readManifestFile(await write('broken.yaml', 'services: [\n')), null);
  assert.equal(await readManifestFile(await write('manifests.txt', CONFIG)), null);
  assert.equal(await readManifestFile(join(folder, 'none.yaml')), null);
  await mkdir(join(folder, 'f.yaml'));
  assert.equal(await readManifestFile(join(folder, 'f.yaml')), null);
  const wide = await write('wide.yaml', `${CONFIG}#${'x'.repeat(REPORT_TEXT_MAX)}`);
  await assert.rejects(readManifestFile(wide), { code: 'deploy.input-too-large' });
});

test('manifests alone are a project of the given name, and nothing is packed beside them', async () => {
  const manifests = { path: 'a.yaml', text: CONFIG };
  const file = parseProjectFile(projectOfManifests(manifests, 'shop', './a.yaml'), 'darsena.yaml');
  assert.deepEqual(
    [file.project, file.manifests, Object.keys(file.environments)],
    ['shop', ['a.yaml'], ['dev', 'prod']],
  );
  assert.equal(file.environments['prod']?.approvals, 1);
  assert.throws(() => projectOfManifests(manifests, undefined, './a.yaml'), {
    code: 'deploy.project-unnamed',
    message: /in \.\/a\.yaml/,
  });
  assert.throws(() => projectOfManifests(manifests, 'Shop/x', '-'), { code: 'deploy.name-invalid' });
  const opened = await openNothing();
  assert.ok(existsSync(opened.folder));
  await opened.close();
  assert.ok(!existsSync(opened.folder));
});
