import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Clock, Fault, systemClock } from '../system/index.ts';
import type { AdvisoryDatabase, PackageQuery } from './database.ts';
import { FEEDS } from './feeds/index.ts';
import { parseNpmRange } from './npm-range.ts';
import { orderingOf } from './orderings/index.ts';
import { isInside, toIntervals } from './ranges.ts';
import { parseRequirement } from './requirements.ts';
import { type AdvisoryInput, AdvisoryStore, compileAdvisories, inputsOf } from './store.ts';
import { configuredUrls, updateAdvisories } from './update.ts';

const inputOf = (name: string, bytes: Uint8Array | string): AdvisoryInput => ({
  name,
  open: async function* () {
    yield Buffer.from(bytes);
  },
});

const ndjson = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');

const record = (id: string, name: string, fixed: string, more: object = {}): object => ({
  id,
  modified: '2026-03-01T00:00:00Z',
  affected: [
    { package: { ecosystem: 'npm', name }, ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed }] }] },
  ],
  ...more,
});

const npm = (name: string, version: string): PackageQuery => ({
  type: 'npm',
  name,
  version,
  source: null,
  distribution: null,
});

const compile = async (...inputs: AdvisoryInput[]): Promise<AdvisoryDatabase> =>
  (await compileAdvisories(inputs, systemClock)).database;

async function withStore(run: (store: AdvisoryStore, folder: string) => Promise<void>, clock: Clock = systemClock) {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-advisories-'));
  try {
    await run(new AdvisoryStore(folder, clock), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
  return 'accepted';
}

test('events become intervals, whatever their order, and versions fall inside or outside', () => {
  type Row = [string, object[], string[], string[]];
  const table: Row[] = [
    ['one fix', [{ introduced: '0' }, { fixed: '2.0.0' }], ['0.0.1', '1.9.9', '2.0.0-rc.1'], ['2.0.0', '3.0.0']],
    ['no fix', [{ introduced: '1.0.0' }], ['1.0.0', '99.0.0'], ['0.9.0']],
    ['last affected', [{ introduced: '0' }, { last_affected: '1.5.0' }], ['1.5.0'], ['1.5.1']],
    [
      'two branches',
      [{ introduced: '2.0.0' }, { fixed: '2.1.0' }, { introduced: '1.0.0' }, { fixed: '1.4.0' }],
      ['1.3.9', '2.0.5'],
      ['1.4.0', '1.9.0', '2.1.0'],
    ],
    [
      'fixed and introduced again',
      [{ introduced: '0' }, { fixed: '1.0.0' }, { introduced: '2.0.0' }],
      ['0.5.0', '2.5.0'],
      ['1.5.0'],
    ],
    ['a limit', [{ introduced: '1.0.0' }, { limit: '2.0.0' }], ['1.5.0'], ['2.0.0']],
    ['no version at all', [{ introduced: '0' }], ['1.0.0'], ['not-a-version']],
  ];
  const ordering = orderingOf('npm');
  assert.ok(ordering);
  for (const [name, events, inside, outside] of table) {
    const intervals = toIntervals(events, ordering);
    const isAffected = (version: string): boolean =>
      intervals.some((interval) => isInside(version, interval, ordering));
    for (const version of inside) assert.ok(isAffected(version), `${name}: ${version} is affected`);
    for (const version of outside) assert.ok(!isAffected(version), `${name}: ${version} is not affected`);
  }
});

test('npm ranges are read as node-semver reads them', () => {
  const table: [string, string[], string[]][] = [
    ['<=1.0.2', ['0.1.0', '1.0.2'], ['1.0.3']],
    ['>=1.0.0 <2.1.3 || 3.x', ['1.0.0', '2.1.2', '3.9.9'], ['2.1.3', '4.0.0']],
    ['> 1.2', ['1.3.0'], ['1.2.9']],
    ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0']],
    ['^1.2.3 || ~2.1.0', ['1.9.0', '2.1.9'], ['2.2.0']],
    ['1.2.3 - 2.3', ['1.2.3', '2.3.9'], ['2.4.0']],
    ['*', ['0.0.1', '9.9.9'], []],
    ['=4.17.4', ['4.17.4'], ['4.17.5', '4.17.3']],
    ['<99.999.99999', ['1.0.0'], []],
    ['>=5.0.3 >=4.2.1', ['5.0.3'], ['5.0.1', '4.2.1']],
    ['<5.0.3 >=5.0.0 <6', ['5.0.0'], ['5.0.3', '4.0.0']],
  ];
  const ordering = orderingOf('npm');
  assert.ok(ordering);
  for (const [range, inside, outside] of table) {
    const intervals = parseNpmRange(range);
    assert.ok(intervals, range);
    const isAffected = (version: string): boolean =>
      intervals.some((interval) => isInside(version, interval, ordering));
    for (const version of inside) assert.ok(isAffected(version), `${range} holds ${version}`);
    for (const version of outside) assert.ok(!isAffected(version), `${range} does not hold ${version}`);
  }
  assert.equal(parseNpmRange('latest'), null);
});

test('what one image says of its distribution is no answer to another that names it alike', async () => {
  const affected = [
    {
      package: { ecosystem: 'Arch Linux', name: 'a' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '2-1' }] }],
    },
  ];
  const database = await compile(
    inputOf('arch.ndjson', ndjson({ id: 'ASA-1', modified: '2026-03-01T00:00:00Z', affected })),
  );
  const asked = (distribution: PackageQuery['distribution']): PackageQuery => ({
    ...{ type: 'alpm', name: 'a', version: '1-1', source: null },
    distribution,
  });
  const seen = (query: PackageQuery) => [database.match(query).map(({ id }) => id), database.coverage(query)];
  assert.deepEqual(seen(asked({ id: 'rebuild', version: '1' })), [[], 'no-data']);
  assert.deepEqual(seen(asked({ id: 'rebuild', version: '1', idLike: ['arch'] })), [['ASA-1'], 'partial']);
  assert.deepEqual(seen(asked({ id: 'constructor', version: '1' })), [[], 'no-data']);
  assert.deepEqual(seen({ ...asked(null), type: 'constructor' }), [[], 'no-data']);
});

test('packages of Julia are judged by the advisories of Julia', async () => {
  const affected = [
    {
      package: { ecosystem: 'Julia', name: 'HTTP' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.10.17' }] }],
    },
  ];
  const database = await compile(
    inputOf('julia.ndjson', ndjson({ id: 'JLSEC-2025-1', modified: '2026-03-01T00:00:00Z', affected })),
  );
  const ids = (version: string): string[] =>
    database.match({ type: 'julia', name: 'HTTP', version, source: null, distribution: null }).map(({ id }) => id);
  assert.deepEqual([ids('1.10.16'), ids('1.10.17-rc1'), ids('1.10.17')], [['JLSEC-2025-1'], ['JLSEC-2025-1'], []]);
});

test('a version without an operator is itself for gems and packages of PHP, and all that is compatible for Cargo', () => {
  assert.deepEqual(parseRequirement('0.25.4'), { introduced: '0.25.4', fixed: null, lastAffected: '0.25.4' });
  assert.deepEqual(parseRequirement('0.25.4', '^'), { introduced: '0.25.4', fixed: '0.26.0-0', lastAffected: null });
  assert.deepEqual(parseRequirement('=0.25.4', '^'), { introduced: '0.25.4', fixed: null, lastAffected: '0.25.4' });
});

test('advisories of one issue under several names are one finding, withdrawn ones none', async () => {
  const database = await compile(
    inputOf(
      'a.ndjson',
      ndjson(
        record('GHSA-1', 'thing', '2.0.0', {
          aliases: ['CVE-1'],
          summary: 'From GitHub',
          database_specific: { severity: 'MODERATE' },
        }),
        record('CVE-1', 'thing', '2.0.1', { summary: 'From the CVE list' }),
        record('GHSA-2', 'thing', '3.0.0', { withdrawn: '2026-01-01T00:00:00Z' }),
        record('GHSA-3', 'thing', '3.0.0', {
          severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N' }],
        }),
        record('GHSA-4', 'other', '3.0.0'),
      ),
    ),
    inputOf(
      'kev.json',
      JSON.stringify({
        catalogVersion: '1',
        dateReleased: '2026-02-01T00:00:00Z',
        vulnerabilities: [{ cveID: 'CVE-1', dateAdded: '2026-01-01' }],
      }),
    ),
    inputOf(
      'epss.csv',
      '#model_version:v1,score_date:2026-02-01T00:00:00+0000\ncve,epss,percentile\nCVE-1,0.93,0.99\n',
    ),
  );
  const [first, second, ...none] = database.match(npm('thing', '1.0.0'));
  assert.deepEqual(
    [first?.id, first?.aliases, first?.fixedVersion, first?.severity, first?.kev, first?.epss, first?.title],
    ['CVE-1', ['GHSA-1'], '2.0.1', 'medium', true, 0.93, 'From the CVE list'],
  );
  assert.deepEqual([second?.id, second?.cvss, second?.severity, second?.kev], ['GHSA-3', 7.5, 'high', false]);
  assert.deepEqual(none, []);
  assert.deepEqual(database.match(npm('thing', '3.0.0')), []);
  assert.deepEqual(database.match(npm('unheard-of', '1.0.0')), []);
});

test('packages of a distribution are judged by its own release, by source package', async () => {
  const debian = (release: string, fixed: string) => ({
    package: { ecosystem: `Debian:${release}`, name: 'openssl' },
    ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed }] }],
  });
  const database = await compile(
    inputOf(
      'debian.ndjson',
      ndjson({
        id: 'CVE-1',
        modified: '2026-01-01T00:00:00Z',
        affected: [debian('12', '3.0.11-1~deb12u2'), debian('11', '1.1.1n-0+deb11u5')],
      }),
    ),
  );
  const query = (version: string, release: string, id = 'debian'): PackageQuery => ({
    type: 'deb',
    name: 'libssl3',
    version: '9',
    source: { name: 'openssl', version },
    distribution: { id, version: release },
  });
  assert.equal(database.match(query('3.0.11-1~deb12u1', '12')).length, 1);
  assert.equal(database.match(query('3.0.11-1~deb12u1', '12.4')).length, 1);
  assert.equal(database.match(query('3.0.11-1~deb12u2', '12')).length, 0);
  assert.equal(database.match(query('1.1.1n-0+deb11u4', '11')).length, 1);
  assert.deepEqual(
    ['12', '11', '13', ''].map((release) => database.coverage(query('1', release))),
    ['partial', 'partial', 'no-data', 'no-data'],
  );
  assert.equal(database.coverage(query('1', '12', 'ubuntu')), 'no-data');
});

test("Debian's tracker is read: open, resolved, never affected", async () => {
  const tracker = {
    zlib: {
      'CVE-2023-1': {
        description: 'Overflow. More.',
        releases: { bookworm: { status: 'resolved', fixed_version: '1:1.2.13.dfsg-1', urgency: 'not yet assigned' } },
      },
      'CVE-2023-2': {
        releases: {
          bookworm: { status: 'open', urgency: 'unimportant' },
          trixie: { status: 'resolved', fixed_version: '0' },
        },
      },
    },
  };
  const database = await compile(inputOf('tracker.json', JSON.stringify(tracker, null, 1)));
  const match = (version: string, release: string) =>
    database.match({
      type: 'deb',
      name: 'zlib',
      version,
      source: null,
      distribution: { id: 'debian', version: release },
    });
  assert.deepEqual(
    match('1:1.2.11', '12').map(({ id, fixedVersion, severity }) => [id, fixedVersion, severity]),
    [
      ['CVE-2023-1', '1:1.2.13.dfsg-1', 'unknown'],
      ['CVE-2023-2', null, 'low'],
    ],
  );
  assert.deepEqual(
    match('1:1.2.13.dfsg-1', '12').map(({ id }) => id),
    ['CVE-2023-2'],
  );
  assert.deepEqual(match('1:1.2.13.dfsg-1', '13'), []);
});

test('S9: a faulty, older, cut or foreign feed leaves what was there, and no file behind', async () => {
  await withStore(async (store, folder) => {
    const good = ndjson(...Array.from({ length: 10 }, (_, index) => record(`GHSA-${index}`, 'thing', '2.0.0')));
    await store.import([inputOf('npm.ndjson', good)]);
    const { revision } = await store.current();
    const older = good.replaceAll('2026-03', '2025-03');
    const cases: [string, AdvisoryInput, string][] = [
      ['a line cut', inputOf('npm.ndjson', good.slice(0, -20)), 'advisories.unreadable'],
      ['gzip cut', inputOf('npm.ndjson.gz', gzipSync(good).subarray(0, -10)), 'advisories.unreadable'],
      ['older', inputOf('npm.ndjson', older), 'advisories.older'],
      ['much smaller', inputOf('npm.ndjson', ndjson(record('GHSA-0', 'thing', '2.0.0'))), 'advisories.shrunk'],
      [
        'nothing usable',
        inputOf('npm.ndjson', ndjson(record('GHSA-0', 'thing', '2.0.0', { withdrawn: 'x' }))),
        'advisories.unreadable',
      ],
      ['no feed', inputOf('hello.json', '{"hello":"world"}'), 'advisories.unknown-format'],
      ['no JSON', inputOf('npm.json', 'hello'), 'advisories.unknown-format'],
      ['empty', inputOf('npm.json', ''), 'advisories.unknown-format'],
    ];
    for (const [name, input, code] of cases) {
      assert.equal(await codeOf(store.import([inputOf('more.ndjson', good), input])), code, name);
      const database = await store.current();
      assert.equal(database.revision, revision, name);
      assert.equal(database.match(npm('thing', '1.0.0')).length, 10, name);
    }
    const failing: AdvisoryInput = {
      name: 'npm.ndjson',
      open: async function* () {
        yield Buffer.from(good);
        throw new Error('connection lost');
      },
    };
    assert.equal(await codeOf(store.import([failing])), 'advisories.unreadable');
    assert.deepEqual(readdirSync(folder), ['advisories.db']);
    await store.import([inputOf('npm.ndjson', older)], { force: true });
    assert.equal((await store.sources())[0]?.updatedAt, '2025-03-01T00:00:00.000Z');
  });
});

test('a large database is cleared, sealed, copied and taken over in a thread, with the same outcome and the same refusals', async () => {
  await withStore(async (_, folder) => {
    const store = new AdvisoryStore(join(folder, 'own'), systemClock, { heavyFromBytes: 0 });
    await store.import([
      inputOf('one.json', JSON.stringify([record('GHSA-1', 'a', '2.0.0')])),
      inputOf('two.ndjson', ndjson(record('GHSA-2', 'b', '2.0.0'))),
    ]);
    const copy = join(folder, 'copy.db');
    const copied = await store.snapshot(copy);
    const newer = record('GHSA-3', 'a', '2.0.0', { modified: '2026-04-01T00:00:00Z' });
    const { revision } = await store.import([inputOf('one.json', JSON.stringify([newer]))]);
    assert.notEqual(copied?.revision, revision);
    const idsOf = async (name: string): Promise<string[]> =>
      (await store.current()).match(npm(name, '1.0.0')).map(({ id }) => id);
    assert.deepEqual([await idsOf('a'), await idsOf('b')], [['GHSA-3'], ['GHSA-2']]);
    assert.notEqual((await store.current()).coverage(npm('a', '1')), 'no-data');

    assert.equal(await codeOf(store.adopt(copy)), 'advisories.older');
    assert.deepEqual(await idsOf('a'), ['GHSA-3']);
    await store.adopt(copy, { force: true });
    assert.deepEqual([await idsOf('a'), await idsOf('b')], [['GHSA-1'], ['GHSA-2']]);
    assert.deepEqual(readdirSync(join(folder, 'own')), ['advisories.db']);
  });
});

test('an import replaces its own source and keeps the others; another process sees it', async () => {
  await withStore(async (store, folder) => {
    const other = new AdvisoryStore(folder, systemClock);
    assert.equal((await other.current()).coverage(npm('a', '1')), 'no-data');
    await store.import([
      inputOf('one.json', JSON.stringify([record('GHSA-1', 'a', '2.0.0')])),
      inputOf('two.ndjson', ndjson(record('GHSA-2', 'b', '2.0.0'))),
    ]);
    await store.import([inputOf('one.json.gz', gzipSync(JSON.stringify(record('GHSA-3', 'a', '2.0.0'), null, 2)))]);
    const database = await other.current();
    assert.deepEqual(
      database.match(npm('a', '1.0.0')).map(({ id }) => id),
      ['GHSA-3'],
    );
    assert.deepEqual(
      database.match(npm('b', '1.0.0')).map(({ id }) => id),
      ['GHSA-2'],
    );
    assert.deepEqual(
      (await other.sources()).map(({ name, records }) => [name, records]),
      [
        ['one', 1],
        ['two', 1],
      ],
    );
  });
});

test('a folder gives its feeds; OSV files of one record are one source', async () => {
  await withStore(async (store, folder) => {
    const feeds = join(folder, '..', `feeds-${process.pid}`);
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(feeds, 'npm'), { recursive: true });
    try {
      writeFileSync(
        join(feeds, 'npm', 'GHSA-aaaa-bbbb-cccc.json'),
        JSON.stringify(record('GHSA-aaaa-bbbb-cccc', 'a', '2.0.0'), null, 2),
      );
      writeFileSync(join(feeds, 'npm', 'CVE-2026-9.json'), JSON.stringify(record('CVE-2026-9', 'a', '2.0.0')));
      writeFileSync(join(feeds, 'whole.ndjson.gz'), gzipSync(ndjson(record('GHSA-1', 'b', '2.0.0'))));
      writeFileSync(join(feeds, 'README.md'), '# nothing\n');
      const { imported, unknown } = await store.import(await inputsOf(feeds), { skipUnknown: true });
      assert.deepEqual(
        imported.map(({ name, records }) => [name.replace(/\d+/, 'N'), records]),
        [
          ['whole', 1],
          ['feeds-N', 2],
        ],
      );
      assert.equal(unknown.length, 1);
      // Another kind of record among them is a source of its own, and its files do not take each other's place.
      mkdirSync(join(feeds, '2024'));
      for (const id of ['CVE-2026-81', 'CVE-2026-82']) {
        const notice = {
          document: { csaf_version: '2.0', publisher: { name: 'SUSE Product Security Team' }, tracking: { id } },
          product_tree: {
            branches: [
              { product: { product_id: 'p', name: 'SUSE Linux Enterprise Server 15 SP5' } },
              { product: { product_id: 'openssl-3-3.0.8-1.2', name: 'openssl-3-3.0.8-1.2' } },
            ],
            relationships: [
              {
                full_product_name: { product_id: 'p:openssl' },
                product_reference: 'openssl-3-3.0.8-1.2',
                relates_to_product_reference: 'p',
              },
            ],
          },
          vulnerabilities: [{ cve: id, product_status: { fixed: ['p:openssl'] } }],
        };
        writeFileSync(join(feeds, '2024', `suse-su-2026_${id.slice(-2)}-1.json`), JSON.stringify(notice));
      }
      const both = await store.import(await inputsOf(feeds), { skipUnknown: true });
      assert.deepEqual(
        both.imported.map(({ name, records }) => [name.replace(/\d+/, 'N'), records]),
        [
          ['whole', 1],
          ['csaf-suse-product-security-team', 2],
          ['feeds-N', 2],
        ],
      );
    } finally {
      rmSync(feeds, { recursive: true });
    }
  });
});

test('the zip exports of OSV are imported', async (t) => {
  const script = `import zipfile,sys,io
b=io.BytesIO()
z=zipfile.ZipFile(b,"w",zipfile.ZIP_DEFLATED)
z.writestr("GHSA-1.json", sys.argv[1])
z.writestr("GHSA-2.json", sys.argv[2])
z.close()
sys.stdout.buffer.write(b.getvalue())`;
  const [one, two] = [record('GHSA-1', 'a', '2.0.0'), record('GHSA-2', 'a', '3.0.0')].map((row) => JSON.stringify(row));
  const made = spawnSync('python3', ['-c', script, one ?? '', two ?? '']);
  if (made.status !== 0) return t.skip('python3 is not installed');
  const database = await compile(inputOf('npm/all.zip', made.stdout));
  assert.deepEqual(
    database.match(npm('a', '1.0.0')).map(({ id }) => id),
    ['GHSA-1', 'GHSA-2'],
  );
  await withStore(async (store) => {
    await store.import([inputOf('npm/all.zip', made.stdout)]);
    assert.deepEqual(
      (await store.sources()).map(({ name }) => name),
      ['npm'],
    );
    const cut = inputOf('all.zip', made.stdout.subarray(0, -40));
    assert.equal(await codeOf(store.import([cut])), 'advisories.unknown-format');
  });
});

test('updates take configured HTTPS addresses only', async () => {
  await withStore(async (store) => {
    assert.deepEqual(configuredUrls({ DARSENA_ADVISORY_URLS: ' https://a/x.json  https://b/y ' }), [
      'https://a/x.json',
      'https://b/y',
    ]);
    assert.equal(await codeOf(updateAdvisories(store, configuredUrls({}))), 'advisories.no-urls');
    assert.equal(await codeOf(updateAdvisories(store, ['http://127.0.0.1:1/x.json'])), 'advisories.fetch-failed');
    assert.equal(await codeOf(updateAdvisories(store, ['nonsense'])), 'advisories.fetch-failed');
  });
});

test('the list of feeds is the folder', () => {
  const files = readdirSync(join(import.meta.dirname, 'feeds')).filter((name) => !/^(index|feed)\.ts$/.test(name));
  assert.deepEqual(files.sort(), FEEDS.map(({ name }) => `${name}.ts`).sort());
});

test('published feeds are imported and answer what they say of themselves', async (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  if (!data) return t.skip('DARSENA_TEST_DATA is not set');
  const folder = join(data, 'advisories');
  const { database, outcome } = await compileAdvisories(await inputsOf(folder), systemClock, { skipUnknown: true });
  const names = outcome.imported.map(({ name }) => name);
  for (const name of ['almalinux', 'bitnami', 'cisa-kev', 'epss', 'go-vulndb', 'nodejs-security-wg', 'pypa'])
    assert.ok(names.includes(name), name);
  // Every version that a PyPI record lists by name is affected; every version it calls fixed is free of that record.
  const rows = gunzipSync(readFileSync(join(folder, 'pypa.osv.ndjson.gz')))
    .toString()
    .trimEnd()
    .split('\n');
  let affected = 0;
  for (const line of rows.filter((_, index) => index % 20 === 0)) {
    const row = JSON.parse(line);
    if (row.withdrawn) continue;
    for (const {
      package: { ecosystem, name },
      versions = [],
    } of row.affected) {
      if (ecosystem !== 'PyPI') continue;
      for (const version of versions.slice(0, 3)) {
        const found = database.match({ type: 'pypi', name, version, source: null, distribution: null });
        assert.ok(
          found.some(({ id, aliases }) => id === row.id || aliases.includes(row.id)),
          `${row.id} of ${name} ${version}`,
        );
        affected++;
      }
    }
  }
  assert.ok(affected > 100);
});
