import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Kysely } from 'kysely';
import {
  AdvisoryDatabase,
  type AdvisoryInput,
  AdvisoryStore,
  inputsOf,
  type PackageQuery,
} from '../../src/advisories/index.ts';
import { type JournalTables, journalMigrations } from '../../src/journal/index.ts';
import { Scans, type ScanTables, scanMigrations } from '../../src/scan/index.ts';
import type { Inventory, InventoryPackage } from '../../src/scan/package.ts';
import { keepMatched } from '../../src/scan/rematch.ts';
import { scanRevision } from '../../src/scan/revision.ts';
import { rematchInventory } from '../../src/scan/scan.ts';
import { writeInventory, writeReport } from '../../src/scan/store.ts';
import { openDatabase, systemClock } from '../../src/system/index.ts';

/**
 * Run: DARSENA_TEST_DATA=… ./darsena-node --disable-warning=ExperimentalWarning test/bench/advisories.bench.ts [images]
 *
 * The database of all feeds given: how long it takes to open, to answer about a package that it was not asked before, and
 * to match stored inventories again after a feed changed. Inventories have the shape of real images: one of a few base
 * systems (40 to 240 packages of a distribution) below and an application (60 to 180 packages of npm, PyPI or Go) above, no two
 * the same.
 */

const data = process.env['DARSENA_TEST_DATA'];
if (!data) throw new Error('DARSENA_TEST_DATA is not set');
const IMAGES = Number(process.argv[2] ?? 10_000);
const folder = mkdtempSync(join(tmpdir(), 'darsena-bench-'));
/** DARSENA_BENCH_DATABASE names another one for the images, such as postgres://… */
const url = process.env['DARSENA_BENCH_DATABASE'] ?? `sqlite:${join(folder, 'scans.db')}`;
const say = (name: string, value: string): void => console.log(`${name.padEnd(58)} ${value}`);
const digestOf = (number: number): `sha256:${string}` => `sha256:${number.toString(16).padStart(64, '0')}`;

/** A fixed sequence, so that two runs have the same images. */
let seed = 42;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed % below;
};

try {
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}`);
  const store = new AdvisoryStore(join(folder, 'advisories'), systemClock);
  const start = performance.now();
  const { imported } = await store.import(await inputsOf(join(data, 'advisories')), { skipUnknown: true });
  const records = imported.reduce((sum, one) => sum + one.records, 0);
  say(`compile ${imported.length} sources, ${records} records`, `${((performance.now() - start) / 1000).toFixed(1)} s`);
  const path = join(folder, 'advisories', 'advisories.db');
  say('size', `${(statSync(path).size / 1e6).toFixed(1)} MB`);

  const opened: number[] = [];
  for (let run = 0; run < 20; run++) {
    const from = performance.now();
    const database = AdvisoryDatabase.open(path);
    database.match({ type: 'npm', name: 'lodash', version: '4.17.0', source: null, distribution: null });
    opened.push(performance.now() - from);
    database.close();
  }
  opened.sort((a, b) => a - b);
  say('open and answer once, median of 20 (worst)', `${opened[10]?.toFixed(2)} ms (${opened[19]?.toFixed(2)} ms)`);

  const bases = await makeBases();
  const inventories = Array.from({ length: 200 }, (_, number) => makeInventory(bases, number));
  const queries = inventories.flatMap(({ packages, distribution }) =>
    packages.map(({ type, name, version, source }): PackageQuery => ({ type, name, version, source, distribution })),
  );
  const distinct = [...new Map(queries.map((one) => [JSON.stringify(one), one])).values()];
  const cold = AdvisoryDatabase.open(path);
  let from = process.cpuUsage();
  const cpuMicros = (): number => {
    const { user, system } = process.cpuUsage(from);
    return user + system;
  };
  let findings = 0;
  for (const query of distinct) findings += cold.match(query).length;
  const perPackage = cpuMicros() / distinct.length;
  say(
    `match, never asked before: ${distinct.length} packages, ${findings} findings`,
    `${perPackage.toFixed(1)} µs CPU a package`,
  );
  from = process.cpuUsage();
  for (const query of queries) cold.match(query);
  say(`match, known: ${queries.length} packages`, `${(cpuMicros() / queries.length).toFixed(2)} µs CPU a package`);
  cold.close();

  await rematch(store, bases);
} finally {
  rmSync(folder, { recursive: true });
}

async function rematch(store: AdvisoryStore, bases: readonly InventoryPackage[][]): Promise<void> {
  const { db, close } = await openDatabase<ScanTables & JournalTables>(url, [...journalMigrations, ...scanMigrations]);
  const journal = { record: async (_tx: unknown, fact: object) => fact, committed: () => undefined } as never;
  const scans = new Scans({ db, advisories: store, journal, clock: systemClock });
  const advisories = await store.current();
  let packages = 0;
  const PAGE = 50;
  for (let first = 0; first < IMAGES; first += PAGE) {
    await db.transaction().execute(async (tx) => {
      const one = tx as unknown as Kysely<ScanTables>;
      for (let number = first; number < Math.min(first + PAGE, IMAGES); number++) {
        const inventory = makeInventory(bases, number);
        packages += inventory.packages.length;
        const digest = digestOf(number);
        const report = rematchInventory(inventory, { manifestDigest: digest, advisories, clock: systemClock });
        const analysers = scanRevision();
        await writeInventory(one, digest, inventory, { analysers, takenAt: report.scannedAt });
        await writeReport(one, report, advisories.revision);
        await keepMatched(one, { digest, analysers, inventory, advisories });
      }
    });
  }
  say(`stored inventories, ${Math.round(packages / IMAGES)} packages each`, `${IMAGES}`);
  const [{ questions }] = (await db
    .selectFrom('scan_asked')
    .select(({ fn }) => fn.countAll<number>().as('questions'))
    .execute()) as [{ questions: number }];
  say('different questions that they ask', String(questions));
  for (const table of ['scan_inventories', 'scan_reports'] as const) {
    const { bytes } = await db
      .selectFrom(table)
      .select(({ fn }) => fn.sum<number>(fn('length', ['body'])).as('bytes'))
      .executeTakeFirstOrThrow();
    say(`  ${table}`, `${(Number(bytes) / IMAGES / 1e3).toFixed(0)} KB each`);
  }
  if (url.startsWith('sqlite:'))
    say('size of the database', `${(statSync(join(folder, 'scans.db')).size / 1e9).toFixed(1)} GB`);
  await store.import([feedOf('second.ndjson', [['npm', 'nobody-has-this']])]);
  await measure('a feed changed what no image has', scans);
  await store.import([feedOf('one-more.ndjson', [['npm', bases[3]?.[0]?.name ?? '']])]);
  await measure('a feed changed one package', scans);
  const scored = [...new Set((await cvesOf(bases)).map((cve) => `${cve},0.0321,0.5`))];
  await store.import(
    [
      textInput(
        'epss_scores.csv',
        `#model_version:v1,score_date:2026-11-01T00:00:00Z\ncve,epss,percentile\n${scored.join('\n')}\n`,
      ),
    ],
    { force: true },
  );
  await measure(`EPSS changed all ${scored.length} scores`, scans);
  const common = bases
    .slice(0, 3)
    .flatMap((base, system): [string, string][] =>
      base.slice(0, 3).map(({ name }) => [system === 2 ? 'Alpine:v3.11' : 'AlmaLinux:9', name]),
    );
  await store.import([feedOf('everywhere.ndjson', common)]);
  await measure('a feed has three new issues for every image', scans);
  await close();
}

async function measure(name: string, scans: Scans): Promise<void> {
  const cpu = process.cpuUsage();
  // How long a request would have waited meanwhile.
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const from = performance.now();
  const { images, changed, added } = await scans.rematchAll();
  const seconds = (performance.now() - from) / 1000;
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  say(
    `re-match: ${name} (${images} images, ${changed.length} with news, ${added} issues)`,
    `${seconds.toFixed(1)} s, CPU ${((user + system) / 1e6).toFixed(1)} s, others wait p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms, worst ${(delay.max / 1e6).toFixed(0)} ms; load ${loadavg()[0]?.toFixed(1)}`,
  );
}

function feedOf(name: string, subjects: readonly (readonly [ecosystem: string, name: string])[]): AdvisoryInput {
  const records = subjects.map(([ecosystem, subject]) => ({
    id: `BENCH-${subject}`,
    modified: '2026-09-01T00:00:00Z',
    affected: [
      { package: { ecosystem, name: subject }, ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }] }] },
    ],
  }));
  return textInput(name, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

function textInput(name: string, text: string): AdvisoryInput {
  return {
    name,
    open: async function* () {
      yield Buffer.from(text);
    },
  };
}

/** Every CVE that the images have. */
async function cvesOf(bases: readonly InventoryPackage[][]): Promise<string[]> {
  const database = AdvisoryDatabase.open(join(folder, 'advisories', 'advisories.db'));
  const cves = bases.flatMap((_, number) => {
    const { packages, distribution } = makeInventory(bases, number);
    return packages.flatMap(({ type, name, version, source }) =>
      database.match({ type, name, version, source, distribution }).map(({ id }) => id),
    );
  });
  database.close();
  return cves.filter((id) => id.startsWith('CVE-'));
}

/** Packages of a few systems and ecosystems, with names that the feeds know and many that they do not. */
async function makeBases(): Promise<InventoryPackage[][]> {
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(join(folder, 'advisories', 'advisories.db'), { readOnly: true });
  const names = (ecosystem: string, limit: number): string[] =>
    db
      .prepare('SELECT DISTINCT name FROM affected WHERE ecosystem = ? ORDER BY name LIMIT ?')
      .all(ecosystem, limit)
      .map((row) => String(row['name']));
  const known = {
    rpm: names('AlmaLinux:9', 4000),
    apk: names('Alpine:v3.11#src', 200),
    npm: names('npm', 400),
    pypi: names('PyPI', 800),
    golang: names('Go', 800),
  };
  db.close();
  const make = (type: keyof typeof known, count: number, share: number, version: () => string): InventoryPackage[] =>
    Array.from({ length: count }, (_, index) => {
      const pool = known[type];
      const isKnown = random(100) < share && pool.length > 0;
      const name = isKnown ? (pool[random(pool.length)] ?? '') : `${type}-package-${random(20_000)}`;
      const at = version();
      return {
        type,
        name,
        version: at,
        architecture: type === 'rpm' ? 'x86_64' : null,
        source: type === 'apk' ? { name, version: at } : null,
        licences: ['MIT'],
        purl: `pkg:${type}/${name}@${at}`,
        path: `app/${type}/${index}/package`,
        layer: digestOf(index % 8),
      };
    });
  const number = (): string => `${random(20)}.${random(20)}.${random(10)}`;
  const rpmVersion = (): string => `${200 + random(50)}.${random(20)}.${random(10)}-${random(20)}.el9`;
  return [
    make('rpm', 140, 60, rpmVersion),
    make('rpm', 240, 60, rpmVersion),
    make('apk', 40, 50, () => `${number()}-r0`),
    ...Array.from({ length: 60 }, (_, kind) =>
      make(
        (['npm', 'pypi', 'golang'] as const)[kind % 3] ?? 'npm',
        60 + random(120),
        8,
        kind % 3 === 2 ? () => `v${number()}` : number,
      ),
    ),
  ];
}

function makeInventory(bases: readonly InventoryPackage[][], image: number): Inventory {
  const system = image % 3;
  const application = bases[3 + (image % 60)] ?? [];
  // Every application differs a little from others of its kind.
  const own = application.map((one, index) =>
    index % 20 === image % 20 ? { ...one, version: `${one.version.split('.')[0]}.${image}.0` } : one,
  );
  return {
    distribution:
      system === 2
        ? { id: 'alpine', version: '3.11.3', name: 'Alpine' }
        : { id: 'almalinux', version: '9.4', name: 'AlmaLinux' },
    packages: [...(bases[system] ?? []), ...own],
    layers: Array.from({ length: 8 }, (_, index) => ({
      digest: digestOf(index),
      diffId: digestOf(index),
      sizeBytes: 1,
      uncompressedBytes: 1,
      entries: 1,
      packages: 1,
    })),
    notices: [],
    secrets: [],
  };
}
