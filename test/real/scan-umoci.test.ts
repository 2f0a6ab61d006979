import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AdvisoryDatabase } from '../../src/advisories/index.ts';
import type { TarInput } from '../../src/formats/index.ts';
import { digestHex, digestOf } from '../../src/oci/index.ts';
import { noLayerCache, openImagePath, scanImage } from '../../src/scan/index.ts';
import { dpkgStatus, imageOf, packLayer } from '../../src/scan/test-image.ts';
import { systemClock } from '../../src/system/index.ts';

const status = (packages: Record<string, string>, path = 'var/lib/dpkg/status'): TarInput => ({
  path,
  content: Buffer.from(dpkgStatus(packages)),
});
const link = (path: string, linkTarget: string): TarInput => ({ path, kind: 'symlink', linkTarget });
const hard = (path: string, linkTarget: string): TarInput => ({ path, kind: 'hardlink', linkTarget });
const empty = (path: string): TarInput => ({ path });
const folder = (path: string): TarInput => ({ path, kind: 'directory' });

const BASE = [folder('var'), folder('var/lib'), folder('var/lib/dpkg'), status({ a: '1', b: '1' })];

/** Images whose truth depends on how layers are merged. */
const IMAGES: readonly [string, TarInput[][]][] = [
  ['one layer', [BASE]],
  ['replaced', [BASE, [status({ a: '2' })]]],
  ['whited out', [BASE, [empty('var/lib/dpkg/.wh.status')]]],
  [
    'folder whited out and made again',
    [BASE, [empty('var/lib/.wh.dpkg')], [folder('var/lib/dpkg'), status({ c: '1' })]],
  ],
  ['opaque folder', [BASE, [folder('var/lib/dpkg'), empty('var/lib/dpkg/.wh..wh..opq')]]],
  ['opaque mark after a new file', [BASE, [status({ d: '1' }), empty('var/lib/dpkg/.wh..wh..opq')]]],
  [
    'written through a link of a lower layer',
    [
      [folder('usr'), folder('usr/dpkg'), folder('var'), folder('var/lib'), link('var/lib/dpkg', '/usr/dpkg')],
      [status({ e: '1' })],
    ],
  ],
  [
    'written through a relative link',
    [
      [folder('usr'), folder('usr/dpkg'), folder('var'), folder('var/lib'), link('var/lib/dpkg', '../../usr/dpkg')],
      [status({ f: '1' })],
    ],
  ],
  [
    'hard link whose first name is gone',
    [
      BASE,
      [folder('k'), folder('k/dpkg'), hard('k/dpkg/status', 'var/lib/dpkg/status'), empty('var/lib/.wh.dpkg')],
      [folder('var/lib/dpkg'), hard('var/lib/dpkg/status', 'k/dpkg/status')],
    ],
  ],
  ['a file in the place of the folder', [BASE, [empty('var/lib/dpkg')], [folder('var/lib/dpkg'), status({ g: '1' })]]],
];

const PACKAGE_LINE = ['Package', 'Version'].map((field) => `$\{${field}}`).join(' ');

/** dpkg-query is not in a chroot: an absolute link would lead it to the folders of this machine. */
function adminFolderOf(name: string): string {
  return name.startsWith('written through a link') ? 'usr/dpkg' : 'var/lib/dpkg';
}

test('S6: packages of merged layers are those of umoci unpack and dpkg-query', async (t) => {
  if (spawnSync('umoci', ['--version']).status !== 0) return t.skip('umoci is not installed');
  if (spawnSync('dpkg-query', ['--version']).status !== 0) return t.skip('dpkg-query is not installed');
  const place = mkdtempSync(join(tmpdir(), 'darsena-umoci-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  for (const [index, [name, layers]] of IMAGES.entries()) {
    const packed = await Promise.all(layers.map((entries) => packLayer(entries)));
    const image = imageOf(packed);
    const layout = join(place, `layout-${index}`);
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    for (const bytes of [image.manifestBytes, image.configBytes, ...packed.map((layer) => layer.bytes)]) {
      writeFileSync(join(layout, 'blobs/sha256', digestHex(digestOf(bytes))), bytes);
    }
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const descriptor = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: image.manifestDigest,
      size: image.manifestBytes.length,
      annotations: { 'org.opencontainers.image.ref.name': 'x' },
    };
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));

    const bundle = join(place, `bundle-${index}`);
    const rootless = process.getuid?.() === 0 ? [] : ['--rootless'];
    execFileSync('umoci', ['unpack', ...rootless, '--image', `${layout}:x`, bundle], { stdio: 'pipe' });
    const listed = spawnSync(
      'dpkg-query',
      [
        `--admindir=${bundle}/rootfs/${adminFolderOf(name)}`,
        '-W',
        '-f',
        `${PACKAGE_LINE}
`,
      ],
      { encoding: 'utf8' },
    );
    const expected = listed.stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .sort();

    const { report, inventory } = await scanImage({
      ...(await openImagePath(layout)),
      advisories: AdvisoryDatabase.empty(),
      cache: noLayerCache,
      clock: systemClock,
    });
    assert.equal(report.incomplete, null, name);
    assert.deepEqual(inventory?.packages.map((one) => `${one.name} ${one.version}`).sort(), expected, name);
  }
});
