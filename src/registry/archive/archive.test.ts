import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packTar, type TarInput } from '../../formats/index.ts';
import { digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { silentStep } from '../../progress/index.ts';
import { putImage, putIndex, putReferrer } from '../remotes/test-mirror.ts';
import { HELD, PEOPLE, scratchFolder, startTestRegistry, type TestRegistry } from '../test-registry.ts';
import { type ExportOptions, planExport } from './export.ts';
import { ReceivedArchive } from './import.ts';

let from: TestRegistry;
let to: TestRegistry;
let folder: string;
let number = 0;
const ana = PEOPLE.get('ana') ?? assert.fail();

before(async () => {
  from = await startTestRegistry();
  to = await startTestRegistry();
  folder = await mkdtemp(join(scratchFolder(), 'archives-'));
});
after(async () => {
  await from.close();
  await to.close();
  await rm(folder, { recursive: true, force: true });
});

const ALL: ExportOptions = { referrers: true, platforms: [], admit: async () => undefined };

async function exported(images: readonly string[], options: Partial<ExportOptions> = {}): Promise<Buffer> {
  const wanted = images.map((text) => {
    const [repository = '', reference = ''] = text.split(/:(.*)/);
    return { repository, reference };
  });
  const plan = await planExport(from.registry, wanted, { ...ALL, ...options });
  const pieces: Uint8Array[] = [];
  for await (const piece of plan.bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function imported(bytes: Uint8Array, as: string | null = null, mayPush = (_: string) => true) {
  const archive = await ReceivedArchive.receive(
    folder,
    `a${number++}`,
    (async function* () {
      for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
    })(),
  );
  try {
    return await archive.store(to.registry, {
      caller: ana,
      as,
      may: (_action, repository) => mayPush(repository),
      step: silentStep,
    });
  } finally {
    await archive.remove();
  }
}

async function tarOf(entries: readonly TarInput[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of packTar(entries)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

describe('archives', () => {
  it('several images, indexes and what refers to them go out in one archive, the same bytes each time, and in again', async () => {
    const web = await putImage(from, 'tienda/web', '1.0', 'web');
    const size = (await from.registry.resolve('tienda/web', web))?.bytes.byteLength ?? 0;
    const sbom = await putReferrer(from, 'tienda/web', { digest: web, size }, 'sbom');
    const amd = await putImage(from, 'tienda/multi', null, 'amd');
    const arm = await putImage(from, 'tienda/multi', null, 'arm');
    const images = [
      { digest: amd, platform: 'linux/amd64' },
      { digest: arm, platform: 'linux/arm64' },
    ];
    const index = await putIndex(from, 'tienda/multi', 'latest', images);
    const first = await exported(['tienda/web:1.0', 'tienda/multi:latest']);
    assert.deepEqual(digestOf(await exported(['tienda/multi:latest', 'tienda/web:1.0'])), digestOf(first));
    const result = await imported(first);
    assert.deepEqual(result.images.map(({ repository, tag, digest }) => `${repository}:${tag} ${digest}`).sort(), [
      `tienda/multi:latest ${index}`,
      `tienda/web:1.0 ${web}`,
    ]);
    assert.equal(result.referrers, 1);
    assert.equal((await to.registry.resolve('tienda/multi', arm))?.digest, arm);
    assert.deepEqual(
      (await to.registry.listReferrers('tienda/web', web)).map(({ digest }) => digest),
      [sbom],
    );
    const kinds = to.pushed
      .filter((one) => one.repository === 'tienda/web')
      .map(({ kind, principal }) => `${kind} ${principal.actor}`);
    assert.deepEqual(kinds, ['artifact user:ana', 'image user:ana'], 'held like a push, its signatures before it');
    const narrow = await exported(['tienda/multi:latest'], { platforms: ['linux/arm64'] });
    assert.ok(narrow.length < (await exported(['tienda/multi:latest'])).length);
    assert.deepEqual(await readdir(folder), []);
  });

  it('what is held does not leave', async () => {
    await putImage(from, 'tienda/held', '1', 'held');
    from.fallback = HELD;
    const admit: ExportOptions['admit'] = async (manifest, reference) => {
      await from.registry.quarantine.admit(manifest, reference, {
        caller: ana,
        maySign: () => false,
        gone: () => AbortSignal.abort(),
      });
    };
    await assert.rejects(exported(['tienda/held:1'], { admit }), { code: 'registry.held' });
    from.fallback = { allow: true };
    await assert.rejects(exported(['tienda/none:1']), { code: 'registry.image-unknown' });
  });

  it('a name that is none here needs --as, and rights are asked before anything is stored', async () => {
    await putImage(from, 'tienda/name', '2', 'name');
    const bytes = await exported(['tienda/name:2']);
    const renamed = Buffer.from(bytes.toString('latin1').replace('"tienda/name:2"', '"2"            '), 'latin1');
    await assert.rejects(imported(renamed), { code: 'archive.unnamed' });
    assert.equal((await imported(renamed, 'tienda/other')).images[0]?.tag, '2');
    assert.equal((await imported(renamed, 'tienda/other:x')).images[0]?.tag, 'x');
    await assert.rejects(imported(await exported(['tienda/name:2', 'tienda/web:1.0']), 'tienda/both:x'), {
      code: 'archive.as-ambiguous',
    });
    const before = to.pushed.length;
    await assert.rejects(
      imported(await exported(['tienda/name:2', 'tienda/web:1.0']), null, (repository) => repository === 'tienda/web'),
      { code: 'archive.not-allowed' },
    );
    assert.equal(to.pushed.length, before);
  });

  it('hostile archives: refused, with nothing stored', async () => {
    const layout = { path: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') };
    const config = Buffer.from('{"hostile":1}');
    const layer = Buffer.from('hostile layer');
    const of = (bytes: Buffer, mediaType: string, size = bytes.length) => ({
      mediaType,
      digest: digestOf(bytes),
      size,
    });
    const blob = (bytes: Buffer, content = bytes) => ({ path: `blobs/sha256/${digestOf(bytes).slice(7)}`, content });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: of(config, MEDIA_TYPE.config),
        layers: [of(layer, MEDIA_TYPE.layer)],
      }),
    );
    const index = (text: object | string) => ({
      path: 'index.json',
      content: Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)),
    });
    const named = index({
      schemaVersion: 2,
      manifests: [
        {
          ...of(manifest, MEDIA_TYPE.manifest),
          annotations: { 'org.opencontainers.image.ref.name': 'tienda/hostile:1' },
        },
      ],
    });
    const whole = [layout, named, blob(manifest), blob(config), blob(layer)];
    for (const [what, entries, code] of [
      ['no layout', whole.slice(1), 'archive.invalid'],
      ['no index', [layout], 'archive.invalid'],
      ['not JSON', [layout, index('{')], 'archive.invalid'],
      ['duplicate keys', [layout, index('{"schemaVersion":2,"schemaVersion":2,"manifests":[]}')], 'archive.invalid'],
      ['nothing named', [layout, index({ schemaVersion: 2, manifests: [] })], 'archive.invalid'],
      ['a layer missing', whole.slice(0, 4), 'archive.damaged'],
      ['a manifest missing', [layout, named], 'archive.damaged'],
      [
        'another manifest under the name',
        [layout, named, { ...blob(manifest), content: Buffer.from('{"schemaVersion":2}') }],
        'archive.damaged',
      ],
      [
        'another layer of the same size',
        [...whole.slice(0, 4), blob(layer, Buffer.from('HOSTILE layer'))],
        'archive.damaged',
      ],
      ['a layer of another size', [...whole.slice(0, 4), blob(layer, Buffer.from('x'))], 'archive.damaged'],
      ['twice the same name', [...whole, blob(layer)], 'archive.invalid'],
      [
        'a symlink for a layer',
        [...whole.slice(0, 4), { ...blob(layer), kind: 'symlink', linkTarget: '/etc/passwd' }],
        'archive.invalid',
      ],
      [
        'a hard link for the index',
        [layout, { path: 'index.json', kind: 'hardlink', linkTarget: 'oci-layout' }],
        'archive.invalid',
      ],
      [
        'another version',
        [{ ...layout, content: Buffer.from('{"imageLayoutVersion":"2"}') }, ...whole.slice(1)],
        'archive.invalid',
      ],
      [
        'an endless layout file',
        [{ ...layout, content: Buffer.alloc(5000, 32) }, ...whole.slice(1)],
        'archive.too-large',
      ],
    ] as [string, TarInput[], string][]) {
      const bytes = await tarOf(
        entries.map((entry) => (entry.kind === undefined ? entry : { ...entry, content: new Uint8Array(0) })),
      );
      await assert.rejects(imported(bytes), { code }, what);
      assert.equal(await to.registry.resolve('tienda/hostile', '1'), null, what);
    }
    const cut = (await tarOf(whole)).subarray(0, 3000);
    await assert.rejects(imported(cut), { kind: 'invalid' });
    await assert.rejects(imported(Buffer.alloc(2000, 'x')), { code: 'archive.invalid' });
    const climbing = await tarOf([...whole, { path: '../../blobs/sha256/x', content: Buffer.from('out') }]);
    assert.equal((await imported(climbing)).images.length, 1, 'what is no part of the layout is passed over');
    assert.deepEqual(await readdir(folder), []);
  });
});
