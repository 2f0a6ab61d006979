/** Denied packages: what the scanner knows of an image decides which of its programs a container of it may start. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AdvisoryStore } from '../../src/advisories/index.ts';
import { type Journal, type JournalTables, journalMigrations } from '../../src/journal/index.ts';
import type { Digest } from '../../src/oci/index.ts';
import {
  compileGuard,
  PackagesByImage,
  PackagesInImages,
  type PreventionOrder,
  PreventPolicies,
  type PreventTables,
  preventMigrations,
} from '../../src/prevent/index.ts';
import { packagesOfImages } from '../../src/programs/control/denied-packages.ts';
import { openImagePath, Scans, type ScanTables, scanMigrations } from '../../src/scan/index.ts';
import { openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { Ground, missingParts } from './observe-ground.ts';

const skip = missingParts();
const WAIT_MS = 60_000;

describe('packages that may not run', { skip }, () => {
  let ground: Ground;
  let folder: string;
  let opened: Awaited<ReturnType<typeof openDatabase<ScanTables & PreventTables & JournalTables>>>;
  let scans: Scans;
  let inImages: PackagesInImages;
  let policies: PreventPolicies;
  const digests = new Map<string, Digest>();

  const journal: Pick<Journal, 'record' | 'committed'> = {
    record: async (_tx, fact) => ({ ...fact, id: '1', at: '', digest: fact.digest ?? null }),
    committed: () => undefined,
  };

  /** An image in which dpkg says that these files are this package's, and the scan of it. */
  async function make(name: string, files: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const root = mkdtempSync(join(folder, 'root-'));
    const put = (path: string, text: string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    put('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n');
    const status = Object.keys(files).map(
      (one) => `Package: ${one}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n`,
    );
    put('var/lib/dpkg/status', status.join('\n'));
    for (const [one, paths] of Object.entries(files)) {
      put(`var/lib/dpkg/info/${one}.list`, `${['/.', ...paths].join('\n')}\n`);
      for (const path of paths) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        copyFileSync('/bin/busybox', join(root, path));
      }
    }
    // Debian's way to a name that several packages offer.
    mkdirSync(join(root, 'etc/alternatives'), { recursive: true });
    symlinkSync('/usr/bin/nc.openbsd', join(root, 'etc/alternatives/nc'));
    symlinkSync('/etc/alternatives/nc', join(root, 'usr/bin/nc'));
    put('app/node_modules/left-pad/package.json', '{"name":"left-pad","version":"1.3.0"}');
    put('app/node_modules/left-pad/index.js', '');
    ground.makeImageOf(name, root);
    const archive = join(folder, `${digests.size}.tar`);
    ground.podman('save', '--format', 'oci-archive', '-o', archive, name);
    const image = await openImagePath(archive);
    const report = await scans.scan({ ...image, project: 'tienda', actor: 'test', subject: name });
    assert.ok(report.complete, JSON.stringify(report.summary));
    digests.set(name, image.manifestDigest);
  }

  before(async () => {
    ground = new Ground();
    folder = mkdtempSync(join(tmpdir(), 'darsena-packages-'));
    const migrations = [...journalMigrations, ...scanMigrations, ...preventMigrations];
    opened = await openDatabase<ScanTables & PreventTables & JournalTables>('sqlite::memory:', migrations);
    const db = opened.db as never;
    scans = new Scans({ db, journal, clock: systemClock, advisories: new AdvisoryStore(folder, systemClock) });
    inImages = new PackagesInImages({ db, clock: systemClock, log: silentLog, images: packagesOfImages(scans) });
    policies = new PreventPolicies({
      ...{ db, journal: journal as never, clock: systemClock },
      ...{ changed: () => undefined, images: inImages },
    });
    await policies.open();
    await make('localhost/darsena-packages:denied', { 'netcat-openbsd': ['/usr/bin/nc.openbsd'] });
    // The same path belongs to a package that nobody denies.
    await make('localhost/darsena-packages:other', { 'acme-probe': ['/usr/bin/nc.openbsd'] });
    await ground.startSensor({ rules: [], scope: 'instance' });
  });
  after(async () => {
    await ground?.close();
    await opened?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const NAMES = ['denied', 'other'] as const;
  const digestOf = (name: (typeof NAMES)[number]): Digest =>
    digests.get(`localhost/darsena-packages:${name}`) ?? assert.fail(name);

  async function order(mode: 'dry-run' | 'enforce'): Promise<PreventionOrder> {
    const match = 'match: { projects: [tienda] }';
    await policies.apply(`name: no-tools\nmode: ${mode}\n${match}\npackages: [netcat*, pkg:npm/left-pad]`, 'user:ana');
    const running = new Map(NAMES.map((name) => [digestOf(name), 'tienda/web']));
    await inImages.look(
      policies.list().map(({ policy }) => policy),
      running,
    );
    return policies.order();
  }

  test('a program of a denied package is told in a trial and does not run in force; the same path of another package does', async () => {
    const containers = NAMES.map((name) => {
      const id = ground.startContainerOf(`localhost/darsena-packages:${name}`);
      return { name, id, facts: { ...ground.describe(id), digest: digestOf(name) } };
    });
    const of = (name: string): string => containers.find((one) => one.name === name)?.id ?? assert.fail(name);
    ground.agent.send({ type: 'containers', containers: containers.map(({ facts }) => facts) });
    let told = 0;
    const guard = async (mode: 'dry-run' | 'enforce'): Promise<void> => {
      const { policies: all, packages } = await order(mode);
      const guards = NAMES.flatMap((name) => {
        const container = { id: of(name), project: 'tienda', environment: 'dev', workload: 'web', image: 'tienda/web' };
        const one = compileGuard(
          all,
          { ...container, digest: digestOf(name), labels: {} },
          new PackagesByImage(packages),
        );
        assert.match(one?.rules[0]?.gap?.en ?? '', /left-pad@1\.3\.0: an interpreter reads its files/, name);
        return one === null ? [] : [one];
      });
      ground.agent.send({ type: 'guards', guards });
      const place = told++;
      await ground.agent.waitFor(
        () => ground.agent.messages.filter(({ type }) => type === 'guarded')[place],
        WAIT_MS,
        `the guards to be set; the sensor said: ${ground.sensorErrors}`,
      );
    };
    const run = (name: string): Record<string, number> => {
      const act = (path: string): string => `${path} --help 2>/dev/null; echo ${path} $?`;
      const line = [act('/usr/bin/nc.openbsd'), act('/usr/bin/nc'), act('/bin/busybox')].join('; ');
      const said = ground.podman('exec', of(name), 'sh', '-c', line);
      return Object.fromEntries(
        [...said.matchAll(/^(\/\S+) (\d+)$/gm)].map(([, path = '', code]) => [path, Number(code)]),
      );
    };
    const free = run('denied');
    await guard('dry-run');
    assert.deepEqual(run('denied'), free, 'a trial prevents nothing');
    const met = (outcomes: readonly string[]) => () =>
      ground.agent.alerts.find(
        ({ container, rule, tags }) =>
          container?.id === of('denied') && rule === 'Denied package' && outcomes.some((one) => tags.includes(one)),
      );
    const seen = (): string =>
      JSON.stringify(ground.agent.alerts.map(({ rule, tags }) => [rule, tags])).slice(0, 2_000);
    const trial = await ground.agent.waitFor(met(['reported']), WAIT_MS, `what was only told; there are ${seen()}`);
    assert.match(trial.output, /^Denied package: "\/usr\/bin\/nc\.openbsd" of pkg:deb\/debian\/netcat-openbsd@1\.0-1/);
    await guard('enforce');
    const forced = run('denied');
    // Killed (128 + 9), or refused before (126) where this kernel lets a program answer.
    for (const path of ['/usr/bin/nc.openbsd', '/usr/bin/nc'])
      assert.ok([137, 126].includes(forced[path] ?? 0), `${path}: ${JSON.stringify(forced)}`);
    assert.equal(forced['/bin/busybox'], free['/bin/busybox'], 'what nobody denied goes on');
    const alert = await ground.agent.waitFor(met(['killed', 'blocked']), WAIT_MS, `what was prevented; ${seen()}`);
    assert.equal(alert.outputFields['fd.name'], '/usr/bin/nc.openbsd');
    assert.deepEqual(run('other'), free, 'the same path, of another package');
    assert.ok(!ground.agent.alerts.some(({ container }) => container?.id === of('other')), seen());
  });
});
