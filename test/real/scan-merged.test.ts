import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { TarInput } from '../../src/formats/index.ts';
import { digestHex, digestOf } from '../../src/oci/index.ts';
import { rpmHeader, rpmSqlite } from '../../src/scan/analysers/test-rpm.ts';
import { IncompleteInventory } from '../../src/scan/inventory.ts';
import { imageOf, mergeHere, packLayer, type TestLayer } from '../../src/scan/test-image.ts';
import { randomFrom } from '../fuzz.ts';

/**
 * S6: images of random layers that write, replace, link, hide and empty package databases. The truth is what umoci
 * unpacks, read by dpkg-query, SQLite, or a plain look at the files.
 */
const isSoak = process.env['DARSENA_SOAK'] === '1';
const IMAGES = isSoak ? 500 : 12;

const FOLDERS = [
  'var/lib/dpkg',
  'var/lib/dpkg/status.d',
  'lib/apk/db',
  'usr/lib/apk/db',
  'var/lib/rpm',
  'opt/k',
] as const;
const LINKS: readonly (readonly [string, string])[] = [
  ['var/lib/dpkg', '../../opt/k'],
  ['var/lib/rpm', '../../usr/lib/sysimage/rpm'],
  ['lib', 'usr/lib'],
  ['var/lib/dpkg/status', '../../../opt/k/status'],
];

type Random = (below: number) => number;

/** What a layer writes names packages that no other one does. */
function randomLayer(random: Random, version: number): TarInput[] {
  const entries: TarInput[] = [];
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const status = (name: string): Buffer =>
    Buffer.from(`Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`);
  const apk = (): Buffer => Buffer.from(`P:apk${version}\nV:${version}-r0\nA:x86_64\n\n`);
  const rpm = (): Buffer =>
    rpmSqlite([rpmHeader({ 1000: `rpm${version}`, 1001: String(version), 1002: '1', 1022: 'noarch' })]);
  const steps = 1 + random(4);
  for (let step = 0; step < steps; step++) {
    switch (random(11)) {
      case 0:
      case 1:
        entries.push({ path: 'var/lib/dpkg/status', content: status(`deb${version}`) });
        break;
      case 2:
        entries.push({ path: `var/lib/dpkg/status.d/d${random(3)}`, content: status(`dist${version}`) });
        break;
      case 3:
        entries.push({ path: pick(['lib/apk/db/installed', 'usr/lib/apk/db/installed']), content: apk() });
        break;
      case 4:
        entries.push({ path: 'var/lib/rpm/rpmdb.sqlite', content: rpm() });
        break;
      case 5:
        entries.push({ path: 'opt/k/status', content: status(`kept${version}`) });
        break;
      case 6: {
        const place = pick([...FOLDERS, 'var/lib/dpkg/status', 'lib/apk/db/installed', 'var/lib/dpkg/status.d/d1']);
        const slash = place.lastIndexOf('/');
        entries.push({ path: `${place.slice(0, slash)}/.wh.${place.slice(slash + 1)}` });
        break;
      }
      case 7: {
        const folder = pick(FOLDERS);
        entries.push({ path: folder, kind: 'directory' }, { path: `${folder}/.wh..wh..opq` });
        break;
      }
      case 8: {
        const [path, linkTarget] = pick(LINKS);
        entries.push({ path, kind: 'symlink', linkTarget });
        break;
      }
      case 9:
        entries.push(
          { path: 'srv/status', content: status(`hard${version}`) },
          { path: 'var/lib/dpkg/status', kind: 'hardlink', linkTarget: 'srv/status' },
        );
        break;
      default:
        entries.push({ path: pick(FOLDERS), content: Buffer.from('a file in the place of a folder') });
    }
  }
  return entries;
}

/** Each name once, folders of all names first, and none below something that this layer makes no folder. */
function tidy(entries: readonly TarInput[]): TarInput[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const kept = [...byPath.values()].filter(({ path }) => {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const above = byPath.get(path.slice(0, slash));
      if (above && above.kind !== 'directory') return false;
    }
    return true;
  });
  const hasTarget = (entry: TarInput): boolean =>
    entry.kind !== 'hardlink' || kept.some(({ path }) => path === entry.linkTarget);
  return kept.filter(hasTarget);
}

function unpack(place: string, layers: readonly TestLayer[]): string | null {
  const image = imageOf(layers);
  const layout = join(place, 'layout');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  for (const bytes of [image.manifestBytes, image.configBytes, ...layers.map((layer) => layer.bytes)]) {
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
  const rootless = process.getuid?.() === 0 ? [] : ['--rootless'];
  const { status } = spawnSync('umoci', ['unpack', ...rootless, '--image', `${layout}:x`, join(place, 'bundle')]);
  return status === 0 ? join(place, 'bundle/rootfs') : null;
}

function truthOf(root: string): string[] {
  const lines = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
  const found: string[] = [];
  const isFile = (path: string): boolean => existsSync(join(root, path)) && !readdirOf(join(root, path));
  if (isFile('var/lib/dpkg/status')) {
    const format = ['Package', 'Version'].map((field) => `$\{${field}}`).join(' ');
    const query = ['-W', `--admindir=${join(root, 'var/lib/dpkg')}`, '-f', `${format}\n`];
    found.push(...spawnSync('dpkg-query', query, { encoding: 'utf8' }).stdout.split('\n'));
  }
  for (const name of readdirOf(join(root, 'var/lib/dpkg/status.d')) ?? []) {
    const text = lines(join(root, 'var/lib/dpkg/status.d', name));
    found.push(`${text[0]?.slice(9)} ${text.find((line) => line.startsWith('Version: '))?.slice(9)}`);
  }
  const apk = ['lib/apk/db/installed', 'usr/lib/apk/db/installed'].find((path) => existsSync(join(root, path)));
  const installed = apk === undefined ? [] : lines(join(root, apk));
  if (installed[0]?.startsWith('P:')) found.push(`${installed[0].slice(2)} ${installed[1]?.slice(2)}`);
  const databases = ['var/lib/rpm/rpmdb.sqlite', 'usr/lib/sysimage/rpm/rpmdb.sqlite'].filter(isFile);
  for (const file of new Set(databases.map((path) => realpathSync(join(root, path))))) {
    const database = new DatabaseSync(file, { readOnly: true });
    for (const { blob } of database.prepare('SELECT blob FROM Packages').all()) {
      const text = Buffer.from(blob as Uint8Array).toString('latin1');
      const [, name, version, release] = /(rpm\d+)\0(\d+)\0(\d+)\0noarch/.exec(text) ?? [];
      found.push(`${name} ${version}-${release}`);
    }
    database.close();
  }
  return found.filter((line) => line !== '').sort();
}

function readdirOf(path: string): string[] | null {
  try {
    return readdirSync(path);
  } catch {
    return null;
  }
}

test(`S6: packages of ${IMAGES} random images are those of umoci unpack and dpkg-query`, async (t) => {
  for (const tool of ['umoci', 'dpkg-query']) {
    if (spawnSync(tool, ['--version']).status !== 0) return t.skip(`${tool} is not installed`);
  }
  const seed = Number(process.env['DARSENA_SEED'] ?? 20261122);
  const random = randomFrom(seed);
  let compared = 0;
  let packages = 0;
  let told = 0;
  for (let tries = 0; compared < IMAGES && tries < IMAGES * 10; tries++) {
    const layers: TarInput[][] = Array.from({ length: 1 + random(5) }, (_, index) =>
      tidy(randomLayer(random, tries * 10 + index + 1)),
    );
    const place = mkdtempSync(join(tmpdir(), 'darsena-merged-'));
    try {
      const packed = await Promise.all(layers.map((entries) => packLayer(entries)));
      const root = unpack(place, packed);
      // What umoci refuses is no image: a link below a file, say.
      if (root === null) continue;
      const expected = truthOf(root);
      if (expected.length === 0) continue;
      const inventory = await mergeHere(packed).catch((error: unknown) => {
        if (error instanceof IncompleteInventory) return null;
        throw error;
      });
      if (inventory === null) {
        told++;
        continue;
      }
      const names = inventory.packages.map(({ name, version }) => `${name} ${version}`).sort();
      const shown = layers.map((entries) => entries.map(({ path, kind, linkTarget }) => [path, kind, linkTarget]));
      assert.deepEqual(names, expected, `seed ${seed}, try ${tries}: ${JSON.stringify(shown)}`);
      compared++;
      packages += names.length;
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }
  assert.equal(compared, IMAGES);
  t.diagnostic(`${compared} images, ${packages} packages, ${told} more were told to be incomplete`);
});
