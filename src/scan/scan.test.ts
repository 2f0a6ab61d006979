import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { AdvisoryDatabase, type AdvisoryInput, compileAdvisories } from '../advisories/index.ts';
import type { TarInput } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import { systemClock } from '../system/index.ts';
import { LANGUAGE_SAMPLES } from './analysers/test-samples-languages.ts';
import type { LocalImage } from './archive.ts';
import { fileCache } from './file-cache.ts';
import { describeHere } from './here.ts';
import type { Inventory } from './package.ts';
import { toHtml } from './reports/html.ts';
import { summaryOf } from './reports/words.ts';
import { type LayerCache, noLayerCache, rematchInventory, scanImage } from './scan.ts';
import { BOOKWORM, dpkgStatus, imageOf, mergeHere, npmManifest, packLayer } from './test-image.ts';

const text = (path: string, content: string): TarInput => ({ path, content: Buffer.from(content) });
const status = (packages: Record<string, string>): TarInput => text('var/lib/dpkg/status', dpkgStatus(packages));

const RECORDS = [
  {
    id: 'DSA-1',
    modified: '2026-01-02T00:00:00Z',
    upstream: ['CVE-2026-1'],
    summary: 'Overflow in libx',
    affected: [
      {
        package: { ecosystem: 'Debian:12', name: 'libx' },
        ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '1.2-3' }] }],
      },
    ],
  },
  {
    id: 'GHSA-a',
    modified: '2026-01-03T00:00:00Z',
    aliases: ['CVE-2026-2'],
    summary: 'Pollution in old-thing',
    severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
    affected: [
      {
        package: { ecosystem: 'npm', name: 'old-thing' },
        ranges: [{ type: 'SEMVER', events: [{ introduced: '1.0.0' }, { fixed: '1.4.2' }] }],
      },
    ],
  },
];

/** Enough advisories of other packages for silence to mean something. */
function manyRecords(): object[] {
  return ['Debian:12', 'npm'].flatMap((ecosystem) =>
    Array.from({ length: 100 }, (_, n) => ({
      id: `X-${ecosystem}-${n}`,
      modified: '2026-01-01T00:00:00Z',
      affected: [
        { package: { ecosystem, name: `other-${n}` }, ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }] }] },
      ],
    })),
  );
}

async function compile(records: readonly object[] = RECORDS): Promise<AdvisoryDatabase> {
  const input: AdvisoryInput = {
    name: 'test.ndjson',
    open: async function* () {
      yield Buffer.from(records.map((record) => JSON.stringify(record)).join('\n'));
    },
  };
  return (await compileAdvisories([input], systemClock)).database;
}

const scan = async (image: LocalImage, cache: LayerCache = noLayerCache, advisories?: AdvisoryDatabase) =>
  scanImage({ ...image, advisories: advisories ?? (await compile()), cache, clock: systemClock });

const NOTHING_HERE: Parameters<typeof describeHere>[1] = {
  places: [],
  vex: new Map(),
  exceptionOf: () => null,
  deadlineOf: () => null,
  base: null,
};

const versions = (inventory: Inventory | null): string[] =>
  (inventory?.packages ?? []).map(({ name, version }) => `${name} ${version}`);

test('an image is read across layers and compressions, and judged', async () => {
  const image = imageOf([
    await packLayer([
      text('usr/lib/os-release', BOOKWORM),
      { path: 'etc/os-release', kind: 'symlink', linkTarget: '../usr/lib/os-release' },
    ]),
    await packLayer([status({ libx: '1.2-2', liby: '1' })], zstdCompressSync),
    await packLayer([npmManifest('old-thing', '1.4.1'), npmManifest('@scope/fine', '2.0.0')], (tar) => tar),
  ]);
  const { report, inventory } = await scan(image);
  assert.equal(report.incomplete, null);
  assert.equal(report.complete, true);
  assert.deepEqual(report.distribution, { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' });
  assert.deepEqual(
    inventory?.packages.map(({ purl }) => purl),
    [
      'pkg:deb/debian/libx@1.2-2?arch=amd64&distro=debian-12',
      'pkg:deb/debian/liby@1?arch=amd64&distro=debian-12',
      'pkg:npm/%40scope/fine@2.0.0',
      'pkg:npm/old-thing@1.4.1',
    ],
  );
  assert.deepEqual(report.packagesByType, { deb: 2, npm: 2 });
  assert.deepEqual(
    report.layers.map(({ packages }) => packages),
    [0, 2, 2],
  );
  assert.deepEqual(report.advisories.coverage, { deb: 'partial', npm: 'partial' });
  assert.equal(report.summary.state, 'findings');
  assert.deepEqual(
    report.findings.map(({ id, aliases, fixedVersion, severity, cvss, risk, package: { name, path } }) => ({
      id,
      aliases,
      fixedVersion,
      severity,
      cvss,
      risk,
      name,
      path,
    })),
    [
      {
        id: 'CVE-2026-2',
        aliases: ['GHSA-a'],
        fixedVersion: '1.4.2',
        severity: 'critical',
        cvss: 9.8,
        risk: 'high',
        name: 'old-thing',
        path: 'app/node_modules/old-thing/package.json',
      },
      {
        id: 'CVE-2026-1',
        aliases: ['DSA-1'],
        fixedVersion: '1.2-3',
        severity: 'unknown',
        cvss: null,
        risk: 'unknown',
        name: 'libx',
        path: 'var/lib/dpkg/status',
      },
    ],
  );
});

test('without data for a type of package the answer is never clean', async () => {
  const image = imageOf([
    await packLayer([text('etc/os-release', BOOKWORM), status({ liby: '1' }), npmManifest('fine', '1.0.0')]),
  ]);
  const { report: clean, inventory } = await scan(image);
  assert.ok(inventory);
  const judge = (advisories: AdvisoryDatabase) =>
    rematchInventory(inventory, { manifestDigest: image.manifestDigest, advisories, clock: systemClock });
  // A handful of records is an excerpt: nothing was found in it, and that is not clean.
  assert.deepEqual([clean.summary.state, clean.advisories.coverage], ['unknown', { deb: 'partial', npm: 'partial' }]);
  assert.equal(judge(await compile([...RECORDS, ...manyRecords()])).summary.state, 'clean');
  const nothing = judge(AdvisoryDatabase.empty());
  assert.deepEqual([nothing.summary.state, nothing.complete], ['unknown', true]);
  const onlyNpm = judge(await compile(RECORDS.slice(1)));
  assert.deepEqual(
    [onlyNpm.summary.state, onlyNpm.advisories.coverage],
    ['unknown', { deb: 'no-data', npm: 'partial' }],
  );
  const bare = (await scan(imageOf([await packLayer([text('hello', 'world')])]))).report;
  assert.deepEqual([bare.summary.state, bare.packages], ['unknown', 0]);
});

test('where nobody looked for packages the report says so: no score, no word of clean, and no result for who looks', async (t) => {
  const image = imageOf([
    await packLayer([status({ libx: '1.2-2' }), text('srv/.env', `token="ghp_${'a1B2'.repeat(9)}"`)]),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'darsena-scan-'));
  t.after(() => rm(folder, { recursive: true }));
  const environment = { XDG_CACHE_HOME: folder };
  const advisories = await compile([...RECORDS, ...manyRecords()]);
  const request = { ...image, advisories, clock: systemClock };
  for (const time of ['read', 'kept']) {
    const cache = fileCache({ environment, packages: false });
    const { report } = await scanImage({ ...request, cache, packages: 'off' });
    const { complete, withoutPackages, packages, score, summary } = report;
    assert.deepEqual(
      [complete, withoutPackages, packages, score, summary.state],
      [true, true, 0, null, 'unknown'],
      time,
    );
    assert.match(summaryOf(report).en, /packages were not looked for/, time);
    assert.match(summaryOf(report).es, /no se buscaron paquetes/, time);
    const page = toHtml(report, await mergeHere([]), 'x', 'en');
    assert.doesNotMatch(page, /0 packages|risk, 0 to 100/, time);
    assert.equal(describeHere(report, NOTHING_HERE).score, null, time);
  }
  const whole = await scanImage({ ...request, cache: fileCache({ environment }) });
  assert.deepEqual([whole.report.packages, whole.report.withoutPackages], [1, undefined]);
  assert.ok((whole.report.score ?? 0) > 0);
});

test('a package counts only while its file is there (S6)', async () => {
  const base = await packLayer([
    text('etc/os-release', BOOKWORM),
    status({ a: '1', b: '1' }),
    npmManifest('left', '1.0.0'),
    npmManifest('right', '1.0.0'),
  ]);
  const table: [string, TarInput[], string[]][] = [
    ['status replaced', [status({ a: '2' })], ['a 2', 'left 1.0.0', 'right 1.0.0']],
    ['status whited out', [text('var/lib/dpkg/.wh.status', '')], ['left 1.0.0', 'right 1.0.0']],
    ['an opaque folder', [text('app/node_modules/.wh..wh..opq', '')], ['a 1', 'b 1']],
    ['a folder whited out', [text('app/node_modules/.wh.left', '')], ['a 1', 'b 1', 'right 1.0.0']],
    ['a file in the place of a folder', [text('app', '')], ['a 1', 'b 1']],
    [
      'a hard link keeps it',
      [
        {
          path: 'copy/node_modules/left/package.json',
          kind: 'hardlink',
          linkTarget: 'app/node_modules/left/package.json',
        },
        text('.wh.app', ''),
      ],
      ['a 1', 'b 1', 'left 1.0.0'],
    ],
    [
      'dpkg moved behind a link',
      [
        text('var/lib/.wh.dpkg', ''),
        { path: 'var/lib/dpkg', kind: 'symlink', linkTarget: '/usr/lib/dpkg' },
        text('usr/lib/dpkg/status', dpkgStatus({ c: '3' })),
      ],
      ['c 3', 'left 1.0.0', 'right 1.0.0'],
    ],
  ];
  for (const [name, entries, expected] of table) {
    assert.deepEqual(versions(await mergeHere([base, await packLayer(entries)])), expected, name);
  }
});

test('a database that is reached under a name nobody reads is incomplete, not empty', async () => {
  const image = imageOf([
    await packLayer([
      text('opt/state', dpkgStatus({ a: '1' })),
      { path: 'var/lib/dpkg/status', kind: 'symlink', linkTarget: '/opt/state' },
    ]),
  ]);
  const { report } = await scan(image);
  assert.equal(report.complete, false);
  assert.match(report.incomplete?.en ?? '', /var\/lib\/dpkg\/status/);
});

test('layers that were read before are not read again', async () => {
  const stored = new Map<string, Uint8Array>();
  const cache: LayerCache = {
    get: async (digest) => stored.get(digest) ?? null,
    put: async (digest, _diffId, result) => void stored.set(digest, result),
  };
  const base = await packLayer([text('etc/os-release', BOOKWORM), status({ a: '1' }), npmManifest('left', '1.0.0')]);
  const opened: Digest[] = [];
  const watched = (image: LocalImage): LocalImage => ({
    ...image,
    content: {
      open: (digest) => {
        opened.push(digest);
        return image.content.open(digest);
      },
    },
  });
  const first = await scan(watched(imageOf([base])), cache);
  const second = await scan(
    watched(imageOf([base, await packLayer([npmManifest('more', '1.0.0'), text('app/node_modules/.wh.left', '')])])),
    cache,
  );
  assert.equal(opened.length, 2);
  assert.deepEqual(versions(first.inventory), ['a 1', 'left 1.0.0']);
  assert.deepEqual(versions(second.inventory), ['a 1', 'more 1.0.0']);
  assert.deepEqual(
    second.report.layers.map(({ cached }) => cached),
    [true, false],
  );
  for (const [digest, bytes] of stored) stored.set(digest, bytes.subarray(0, bytes.length / 2));
  assert.equal((await scan(imageOf([base]), cache)).report.complete, false, 'a broken cache is not believed');
});

test('a stored inventory is judged again by new advisories', async () => {
  const image = imageOf([await packLayer([npmManifest('fine', '1.0.0')])]);
  const { inventory } = await scan(image);
  assert.ok(inventory);
  const advisories = await compile([
    ...RECORDS,
    {
      ...RECORDS[1],
      id: 'GHSA-b',
      aliases: [],
      affected: [{ package: { ecosystem: 'npm', name: 'fine' }, versions: ['1.0.0'] }],
    },
  ]);
  const report = rematchInventory(inventory, { manifestDigest: image.manifestDigest, advisories, clock: systemClock });
  assert.deepEqual(
    report.findings.map(({ id }) => id),
    ['GHSA-b'],
  );
});

test('every analyser finds in the confined worker what it finds outside', async () => {
  const entries = Object.entries(LANGUAGE_SAMPLES).flatMap(([name, samples]) =>
    samples.map(({ path, bytes }) => ({ path: `${name}/${path}`, content: bytes, mode: 0o755 })),
  );
  const layer = await packLayer(entries);
  const { inventory, report } = await scan(imageOf([layer]));
  assert.equal(report.incomplete, null);
  const outside = await mergeHere([layer]);
  assert.deepEqual(
    inventory?.packages.map(({ purl }) => purl),
    outside.packages.map(({ purl }) => purl),
  );
  assert.ok(outside.packages.length > 25);
});

test('a broken package.json is a notice; the rest is still known', async () => {
  const image = imageOf([
    await packLayer([npmManifest('left', '1.0.0'), text('app/node_modules/bad/package.json', '{"name":')]),
  ]);
  const { report, inventory } = await scan(image);
  assert.equal(report.complete, true);
  assert.deepEqual(
    inventory?.notices.map(({ path }) => path),
    ['app/node_modules/bad/package.json'],
  );
});

const DPKG_FIELDS = ['db:Status-Abbrev', 'Package', 'Version', 'Architecture', 'source:Package', 'source:Version'];

test('the packages of this machine are what dpkg-query lists', async (t) => {
  if (spawnSync('dpkg-query', ['--version']).status !== 0) return t.skip('dpkg-query is not installed');
  const listed = execFileSync('dpkg-query', ['-W', '-f', `${DPKG_FIELDS.map((field) => `$\{${field}}`).join('|')}\n`], {
    encoding: 'utf8',
  });
  const expected = listed
    .trim()
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([state = '']) => !/^.[nc]/.test(state))
    .map((fields) => fields.slice(1).join(' '));
  const image = imageOf([
    await packLayer([{ path: 'var/lib/dpkg/status', content: readFileSync('/var/lib/dpkg/status') }]),
  ]);
  const { inventory } = await scan(image);
  const found = inventory?.packages.map(({ name, version, architecture, source }) =>
    [name, version, architecture, source?.name ?? name, source?.version ?? version].join(' '),
  );
  assert.deepEqual(found?.sort(), expected.sort());
});
