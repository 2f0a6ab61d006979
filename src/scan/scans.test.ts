import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createApi, type Principal } from '../access/index.ts';
import { AdvisoryStore, registerAdvisoryRoutes } from '../advisories/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import { Fault, type Json, openDatabase, silentLog, systemClock } from '../system/index.ts';
import type { OwnersAnswer } from './ask-owners.ts';
import { packAsks, unpackAsks } from './asked.ts';
import { trySecretRules } from './knowledge/try-rules.ts';
import { scanMigrations } from './migrations.ts';
import { comparePackages, listPackages, type PackagePage } from './package-list.ts';
import { Readings } from './readings.ts';
import { registerScanRoutes } from './routes.ts';
import { Scans } from './scans.ts';
import { ownSecretRules } from './secrets/own-rules.ts';
import { SHIPPED_RULES } from './secrets/shipped.ts';
import type { ScanTables } from './store.ts';
import { imageOf, npmManifest, packLayer } from './test-image.ts';

const ANA: Principal = {
  id: '1',
  tokenId: 't',
  actor: 'user:ana',
  kind: 'user',
  name: 'ana',
  grants: [{ role: 'admin', project: '*' }],
};

const record = (id: string, fixed: string): string =>
  `${JSON.stringify({
    id,
    modified: '2026-01-01T00:00:00Z',
    affected: [
      {
        package: { ecosystem: 'npm', name: 'old' },
        ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed }] }],
      },
    ],
  })}\n`;

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('a scan is kept with its fact, judged again when the advisories change, and shown to its project only', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-scans-'));
  const { db, close } = await openDatabase<ScanTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...scanMigrations,
  ]);
  const facts: { kind: string; digest: string | null; body: Json }[] = [];
  try {
    const advisories = new AdvisoryStore(folder, systemClock);
    const journal: Pick<Journal, 'record' | 'committed'> = {
      record: async (_tx, fact) => {
        const kept = { ...fact, id: '1', at: '', digest: fact.digest ?? null };
        facts.push(kept);
        return kept;
      },
      committed: () => undefined,
    };
    const scans = new Scans({ db, advisories, journal, clock: systemClock });
    const links = [
      { kind: 'symlink' as const, path: 'srv/work', linkTarget: '../one' },
      { kind: 'symlink' as const, path: 'one', linkTarget: '/proc/self/fd' },
      { kind: 'symlink' as const, path: 'home', linkTarget: 'srv' },
      { kind: 'symlink' as const, path: 'srv/app', linkTarget: '/usr/app' },
    ];
    const image = imageOf([await packLayer([npmManifest('old', '1.0.0')]), await packLayer(links)]);
    const job = { ...image, project: 'tienda', actor: 'platform', subject: 'tienda/web:1' };

    const first = await scans.scan(job);
    assert.deepEqual([first.summary.state, first.findings.length], ['unknown', 0]);
    assert.deepEqual(
      facts.map(({ kind, digest }) => [kind, digest]),
      [['image.scanned', image.manifestDigest]],
    );

    const owners = await scans.fileOwners(image.manifestDigest, ['/app/node_modules/old/package.json', '/gone']);
    assert.deepEqual(
      owners.files.map(({ realPath, packages }) => [realPath, packages.map(({ purl }) => purl)]),
      [
        ['/app/node_modules/old/package.json', ['pkg:npm/old@1.0.0']],
        [null, []],
      ],
    );
    assert.equal(owners.complete, true);
    const folders = ['/srv/work/7', '/home/work', '/srv/app', '/srv', '/none/work', '/one'];
    const led = await scans.workingFolders(image.manifestDigest, [...folders, '/one']);
    assert.deepEqual(
      led.map(({ id, path, message }) => [id, path, / \((.*)\)$/.exec(message.en)?.[1]]),
      Array.from({ length: 3 }, () => ['image-workdir-kernel', '/one', '/proc/self/fd']),
      'the links of an image are followed to where a manifest has it start (D3)',
    );
    assert.deepEqual(await scans.workingFolders(image.manifestDigest, []), []);
    await assert.rejects(scans.workingFolders(`sha256:${'0'.repeat(64)}`, ['/']), { code: 'scan.not-found' });
    const modules = { purl: 'pkg:npm/old@1.0.0', path: 'app/node_modules/old/package.json' };
    assert.deepEqual(await scans.packageFiles(image.manifestDigest, modules), {
      files: ['/app/node_modules/old/package.json'],
      total: 1,
      complete: true,
    });
    await assert.rejects(scans.packageFiles(image.manifestDigest, { ...modules, path: 'etc/passwd' }), {
      code: 'scan.package-unknown',
    });

    const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => ANA });
    const changes: string[] = [];
    registerAdvisoryRoutes(app, {
      store: advisories,
      urls: [],
      changed: async ({ revision }) => {
        changes.push(revision);
      },
    });
    registerScanRoutes(app, {
      readings: { report: (_project, digest) => scans.report(digest) },
      scans,
      images: { hasImage: async (project, digest) => project === 'tienda' && digest === image.manifestDigest },
      starter: { startScan: async () => ({ operation: 'op-1' }) },
    });
    const headers = { authorization: 'Bearer x' };
    const get = (path: string) => app.inject({ method: 'GET', url: `/api/v1${path}`, headers });
    const imported = await app.inject({
      method: 'POST',
      url: '/api/v1/advisories/import?name=npm.ndjson',
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      payload: record('GHSA-1', '2.0.0'),
    });
    assert.equal(imported.statusCode, 200, imported.body);
    assert.equal(changes.length, 1);
    assert.deepEqual(
      (await get('/advisories')).json().items.map(({ name }: { name: string }) => name),
      ['npm'],
    );

    const path = `/projects/tienda/images/${image.manifestDigest}`;
    const shown = (await get(`${path}/scan`)).json();
    assert.deepEqual(
      [shown.summary.state, shown.findings[0]?.id, shown.findings[0]?.fixedVersion],
      ['findings', 'GHSA-1', '2.0.0'],
    );
    const packages = (await get(`${path}/packages?match=OLD`)).json<PackagePage>();
    assert.deepEqual(
      [packages.items.map(({ purl, findings }) => [purl, findings]), packages.matching, packages.byType, packages.next],
      [[['pkg:npm/old@1.0.0', 1]], 1, { npm: 1 }, null],
    );
    assert.equal((await get(`${path}/packages?type=deb`)).json<PackagePage>().matching, 0);
    const files = await get(`${path}/package-files?${new URLSearchParams(modules)}`);
    assert.equal(files.json<{ total: number }>().total, 1);
    const bill = await get(`${path}/sbom`);
    assert.match(String(bill.headers['content-type']), /cyclonedx/);
    assert.equal(bill.json().components.length, 1);

    const hidden = await get(`/projects/other/images/${image.manifestDigest}/scan`);
    const unknown = await get(`/projects/tienda/images/sha256:${'0'.repeat(64)}/scan`);
    const broken = await get('/projects/tienda/images/latest/scan');
    assert.deepEqual([hidden.statusCode, unknown.statusCode, broken.statusCode], [404, 404, 400]);
    const owned = await get(
      `${path}/owners?path=/app/node_modules/old/index.js&path=app/node_modules/old/package.json`,
    );
    const names = owned.json<OwnersAnswer>().files.map(({ packages }) => packages.map(({ name }) => name));
    assert.deepEqual([owned.statusCode, names], [200, [[], ['old']]]);
    const again = await app.inject({ method: 'POST', url: `/api/v1${path}/rescan`, headers });
    assert.deepEqual([again.statusCode, again.json()], [202, { operation: 'op-1' }]);
    const none = await app.inject({ method: 'POST', url: '/api/v1/advisories/update', headers, payload: {} });
    assert.equal(none.statusCode, 409, none.body);

    const second = await scans.scan({ ...job, content: { open: () => assert.fail('the layers are known') } });
    assert.equal(second.findings.length, 1);

    // News is told once, and only what is new.
    const namesOf = async () => [{ project: 'tienda', subject: 'tienda/web' }];
    assert.equal((await scans.rematchAll({ namesOf })).images, 0, 'judged under these advisories already');
    const more = record('GHSA-1', '2.0.0') + record('GHSA-2', '3.0.0');
    const importAll = (text: string) =>
      advisories.import([{ name: 'npm.ndjson', open: () => bytesOf(text) }], { force: true });
    await importAll(more);
    const news = await scans.rematchAll({ namesOf });
    assert.deepEqual(
      [news.images, news.changed, news.added, news.removed],
      [1, [image.manifestDigest as Digest], 1, 0],
    );
    assert.equal((await scans.rematchAll({ namesOf })).images, 0);
    await importAll(more.replaceAll('"modified":"2026-03', '"modified":"2026-04'));
    const same = await scans.rematchAll({ namesOf });
    assert.deepEqual([same.images, same.changed, same.answered], [1, [], []]);
    await importAll(record('GHSA-2', '3.0.0'));
    const gone = await scans.rematchAll({ namesOf });
    assert.deepEqual([gone.added, gone.removed], [0, 1]);
    const told = facts.filter(({ kind }) => kind === 'image.findings-changed');
    assert.deepEqual(
      told.map(({ body }) => [(body as { added: Json }).added, (body as { removed: Json }).removed]),
      [
        [['GHSA-2'], []],
        [[], ['GHSA-1']],
      ],
    );
    // What only changes details is told to nobody: nothing is opened, and who reads the report sees it.
    const epss = (score: number) => `#model_version:v1\ncve,epss,percentile\nCVE-2026-0001,${score},0.5\n`;
    const importScores = (score: number) =>
      advisories.import([{ name: 'epss.csv', open: () => bytesOf(epss(score)) }], { force: true });
    await importAll(record('CVE-2026-0001', '3.0.0'));
    await scans.rematchAll({ namesOf });
    facts.length = 0;
    await importScores(0.02);
    const written = async () => (await db.selectFrom('scan_reports').select('id').executeTakeFirstOrThrow()).id;
    const before = await written();
    const details = await scans.rematchAll({ namesOf });
    assert.deepEqual([details.images, details.changed, (await written()) === before], [1, [], true]);
    assert.deepEqual(details.answered, [image.manifestDigest], 'a policy may ask for the score');
    assert.equal((await scans.report(image.manifestDigest))?.findings[0]?.epss, 0.02);
    const shownId = await written();
    assert.notEqual(shownId, before, 'it was made anew when it was read');
    assert.equal((await scans.report(image.manifestDigest))?.id, shownId, 'and only once');
    // A score that makes it more urgent is in the index at once.
    await importScores(0.9);
    await scans.rematchAll({ namesOf });
    const { risk } = await db.selectFrom('scan_found').select('risk').executeTakeFirstOrThrow();
    assert.equal(risk, (await scans.report(image.manifestDigest))?.findings[0]?.risk);
    assert.deepEqual(facts, [], 'the issue is the same');

    // What an earlier version stored, and what lost a question, is opened once.
    await db.deleteFrom('scan_asked').execute();
    await importScores(0.8);
    assert.equal((await scans.rematchAll({ namesOf })).images, 1);
    await db.deleteFrom('scan_matched').execute();
    assert.equal(await scans.countStale(), 1);
    await scans.rematchAll({ namesOf });
    assert.deepEqual([await scans.countStale(), facts], [0, []]);
    const asks = { system: 300, always: [1, 127, 128, 70_000], own: [2] };
    assert.deepEqual(unpackAsks(packAsks(asks)), asks);
    await app.close();
  } finally {
    await close();
    rmSync(folder, { recursive: true });
  }
});

test('packages are listed page by page, and compared with the version before', () => {
  const one = (name: string, version: string) => ({
    ...{ type: 'npm', name, version, purl: `pkg:npm/${name}@${version}`, path: `${name}.json`, source: null },
    ...{ licences: [], architecture: null, layer: `sha256:${'a'.repeat(64)}` as Digest },
  });
  const inventory = (...packages: ReturnType<typeof one>[]) => ({
    ...{ distribution: null, packages, layers: [], secrets: [], notices: [] },
  });
  const after = inventory(one('a', '1'), one('b', '2'), one('b', '3'), one('d', '1'));
  const first = listPackages(after, [], { limit: 3 });
  assert.deepEqual([first.items.length, first.next, first.matching], [3, '2', 4]);
  const rest = listPackages(after, [], { limit: 3, after: Number(first.next) });
  assert.deepEqual([rest.items.map(({ name }) => name), rest.next], [['d'], null]);
  const before = inventory(one('a', '1'), one('b', '1'), one('b', '2'), one('c', '1'));
  assert.deepEqual(comparePackages(before, after), {
    added: [{ type: 'npm', name: 'd', version: '1' }],
    removed: [{ type: 'npm', name: 'c', version: '1' }],
    changed: [{ type: 'npm', name: 'b', version: '3', from: '1' }],
  });
});

test('an incomplete scan is kept as such and tried again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-scans-'));
  const { db, close } = await openDatabase<ScanTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...scanMigrations,
  ]);
  try {
    const { privateKey } = generateKeyPairSync('ed25519');
    const checkpointKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const journal = new Journal({ db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'test' });
    const scans = new Scans({ db, advisories: new AdvisoryStore(folder, systemClock), journal, clock: systemClock });
    const image = imageOf([await packLayer([npmManifest('old', '1.0.0')])]);
    const job = { ...image, project: null, actor: 'platform', subject: 'x' };
    const cut = await scans.scan({ ...job, content: { open: () => assert.fail('the disk is gone') } });
    assert.equal(cut.complete, false);
    assert.equal((await scans.report(image.manifestDigest))?.complete, false);
    assert.equal(await scans.billOfMaterials(image.manifestDigest, null), null);
    assert.equal((await scans.scan(job)).complete, true);
    assert.equal((await scans.report(image.manifestDigest))?.complete, true);

    // Advisories that come while an image is read are not missed, neither by its report nor by who asks where an issue is.
    const advisories = new AdvisoryStore(folder, systemClock);
    const racing = new Scans({ db, advisories, journal, clock: systemClock });
    const other = imageOf([
      await packLayer([npmManifest('old', '1.0.0'), { path: 'other', content: Buffer.from('x') }]),
    ]);
    const overtaken = await racing.scan({
      ...{ ...other, project: null, actor: 'platform', subject: 'y' },
      content: {
        open: async function* (digest) {
          await advisories.import([{ name: 'osv', open: () => bytesOf(record('CVE-2026-7', '2.0.0')) }]);
          yield* other.content.open(digest);
        },
      },
    });
    assert.deepEqual(
      overtaken.findings.map(({ id }) => id),
      ['CVE-2026-7'],
    );
    const { found } = await db
      .selectFrom('scan_matched')
      .select(({ fn }) => fn.countAll<number>().as('found'))
      .where('digest', '=', other.manifestDigest)
      .where('advisories', '=', (await advisories.current()).revision)
      .executeTakeFirstOrThrow();
    assert.equal(Number(found), 1);
  } finally {
    await close();
    rmSync(folder, { recursive: true });
  }
});

test('the rules for credentials of a project hold in its own images, and in no other project', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-scans-'));
  const { db, close } = await openDatabase<ScanTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...scanMigrations,
  ]);
  try {
    const journal = { record: async () => ({}) as never, committed: () => undefined };
    const advisories = new AdvisoryStore(folder, systemClock);
    const rules = ownSecretRules('[[rules]]\nid = "its"\nregex = "its_[a-z]{8}"\n', null);
    const scans = new Scans({
      ...{ db, advisories, journal, clock: systemClock },
      projectRules: async (project) => (project === 'tienda' ? rules : null),
    });
    const token = `ghp_${'aB3dE5gH7jK9mN1pQ2sT4vW6xY8zC0fR1uLk'}`;
    const image = imageOf([
      await packLayer([{ path: 'srv/.env', content: Buffer.from(`A=its_abcdefgh\nGITHUB_TOKEN=${token}\n`) }]),
    ]);
    const readings = new Readings({
      ...{ scans, vex: { apply: async () => new Map() }, deadlines: { list: async () => [] } },
      places: async () => [],
      exceptions: async () => () => null,
      newerBase: async () => null,
      previous: async () => null,
    } as unknown as ConstructorParameters<typeof Readings>[0]);
    const found = async (project: string) =>
      (await readings.report(project, image.manifestDigest))?.secrets.map(({ rule, line }) => `${rule} ${line}`);
    await scans.scan({ ...image, project: 'otra', actor: 'platform', subject: 'otra/web:1' });
    assert.deepEqual(await found('tienda'), await found('otra'), 'its rules have not looked yet: those of all count');
    await scans.scan({ ...image, project: 'tienda', actor: 'platform', subject: 'tienda/web:1' });
    assert.deepEqual(await found('tienda'), ['its 1']);
    assert.match(String(await found('otra')), /github.* 2/);
    // Tried on a text: what counts in the project, or rules that nobody has given yet.
    const text = `x\nB=its_abcdefgh ${token}\n`;
    const files = { projectSecretRules: async (project: string) => (project === 'tienda' ? rules : null) };
    const asked = { ...{ base: SHIPPED_RULES, text, path: 'a/b.env' }, rules: null };
    const [its, all, given] = await Promise.all([
      trySecretRules(files, { ...asked, project: 'tienda' }),
      trySecretRules(files, { ...asked, project: 'otra' }),
      trySecretRules(files, { ...asked, project: 'otra', rules: '[[rules]]\nid = "b"\nregex = "(?=a)"\n' }),
    ]);
    assert.deepEqual([its.of, its.findings.map(({ rule, line }) => `${rule} ${line}`)], ['project', ['its 2']]);
    assert.ok(all.of === 'platform' && all.rules > 200 && all.findings.every(({ line }) => line === 2));
    assert.deepEqual([given.of, given.rules, given.refused[0]?.rule], ['given', 0, 'b']);
    assert.match(given.refused[0]?.why.es ?? '', /^regla "b": RE2 no conoce ese grupo/);
    assert.ok(![its, all, given].some((answer) => JSON.stringify(answer).includes(token)), 'no value comes back');
    await assert.rejects(
      trySecretRules(files, { ...asked, project: 'otra', rules: '= no TOML' }),
      (error) =>
        error instanceof Fault && error.code === 'scan.rules-invalid' && error.text('es').why === 'no es TOML válido',
    );
    await assert.rejects(trySecretRules(files, { ...asked, project: 'otra', path: '../x' }), {
      code: 'scan.rules-invalid',
    });
  } finally {
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
});
