import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  AdvisoryStore,
  changelogInput,
  compileAdvisories,
  mirrorChangelogs,
  ORDERINGS,
  type PackageChangelog,
  type PackageQuery,
} from '../../src/advisories/index.ts';
import { systemClock } from '../../src/system/index.ts';

const isSoak = process.env['DARSENA_SOAK'] === '1';

/** A fixed sequence: a failure can be seen again. */
function sequence(start: number): (below: number) => number {
  let seed = start;
  return (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
}

const feed = (count: number, day: string): Buffer =>
  gzipSync(
    Array.from({ length: count }, (_, index) =>
      JSON.stringify({
        id: `GHSA-${index}`,
        modified: `2026-03-${day}T00:00:00Z`,
        affected: [
          {
            package: { ecosystem: 'npm', name: `thing-${index}` },
            ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }] }],
          },
        ],
      }),
    ).join('\n'),
  );

const IMPORT = `
import { createReadStream } from 'node:fs';
import { AdvisoryStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/advisories/index.ts'))};
import { systemClock } from ${JSON.stringify(join(import.meta.dirname, '../../src/system/index.ts'))};
const [folder, file] = process.argv.slice(1);
console.log('ready');
await new AdvisoryStore(folder, systemClock).import([{ name: 'npm.ndjson.gz', open: () => createReadStream(file) }]);
`;

test('S9: an import killed at any moment, cut or older leaves the whole old database or the whole new one', async (t) => {
  const runs = isSoak ? 100 : 6;
  const folder = mkdtempSync(join(tmpdir(), 'darsena-s9-'));
  const random = sequence(9);
  try {
    const [old, next, older] = [join(folder, 'old.gz'), join(folder, 'next.gz'), join(folder, 'older.gz')];
    writeFileSync(old, feed(3000, '10'));
    writeFileSync(next, feed(4000, '11'));
    writeFileSync(older, feed(3000, '09'));
    const place = join(folder, 'advisories');
    const query = (index: number): PackageQuery => ({
      type: 'npm',
      name: `thing-${index}`,
      version: '1.0.0',
      source: null,
      distribution: null,
    });
    let took = 0;
    let replaced = 0;
    for (let run = 0; run < runs; run++) {
      rmSync(place, { recursive: true, force: true });
      const store = new AdvisoryStore(place, systemClock);
      const open = (bytes: Buffer) =>
        async function* () {
          yield bytes;
        };
      await store.import([{ name: 'npm.ndjson.gz', open: open(feed(3000, '10')) }]);
      const kind = run % 3;
      if (kind === 0) {
        const child = spawn(
          process.execPath,
          ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', IMPORT, place, next],
          { stdio: ['ignore', 'pipe', 'ignore'] },
        );
        await new Promise((resolve) => child.stdout.once('data', resolve));
        // The first one runs to its end and says how long that is.
        const from = performance.now();
        const ended = new Promise((resolve) => child.once('exit', resolve));
        if (run > 0) {
          await sleep((random(1000) / 1000) * took * 1.1);
          child.kill('SIGKILL');
        }
        await ended;
        if (run === 0) took = performance.now() - from;
      } else {
        const whole = feed(kind === 1 ? 4000 : 3000, kind === 1 ? '11' : '09');
        const bytes = kind === 1 ? whole.subarray(0, random(whole.length - 1)) : whole;
        await assert.rejects(store.import([{ name: 'npm.ndjson.gz', open: open(bytes) }]));
      }
      const after = new AdvisoryStore(place, systemClock);
      const [source] = await after.sources();
      const database = await after.current();
      const isNew = source?.records === 4000;
      if (isNew) replaced++;
      assert.ok(isNew || source?.records === 3000, `run ${run}: ${source?.records}`);
      assert.equal(database.match(query(2999)).length, 1, `run ${run}`);
      assert.equal(database.match(query(3999)).length, isNew ? 1 : 0, `run ${run}`);
      if (kind !== 0) assert.deepEqual(readdirSync(place), ['advisories.db'], `run ${run}`);
    }
    t.diagnostic(`${runs} runs, ${replaced} ended before they were killed`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('random versions are ordered as dpkg, rpm and packaging order them', (t) => {
  const random = sequence(4);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const version = (parts: readonly string[], separators: readonly string[], tails: readonly string[]): string => {
    let text = pick(['', '', '1:']) + String(random(3));
    for (let count = random(5); count > 0; count--) text += pick(separators) + pick(parts);
    return text + pick(tails);
  };
  const signOf = (name: string, a: string, b: string): number =>
    Math.sign(ORDERINGS.find((one) => one.name === name)?.compare(a, b) ?? Number.NaN);
  const count = isSoak ? 3000 : 150;

  if (spawnSync('dpkg', ['--version']).status === 0) {
    for (let pair = 0; pair < count / 3; pair++) {
      const make = () =>
        version(['0', '1', '10', 'a', 'rc1', 'git12'], ['.', '~', '+', ''], ['', '-1', '-1+deb12u1', '-1~bpo1']);
      const [a, b] = [make(), make()];
      const order =
        ['lt', 'eq', 'gt'].findIndex((word) => spawnSync('dpkg', ['--compare-versions', a, word, b]).status === 0) - 1;
      assert.equal(signOf('deb', a, b), order, `dpkg: ${a} against ${b}`);
    }
    t.diagnostic(`dpkg: ${Math.ceil(count / 3)} pairs`);
  } else t.diagnostic('dpkg is not installed');

  const hasRpm = spawnSync('rpm', ['--eval', '1']).status === 0;
  if (hasRpm) {
    for (let pair = 0; pair < count; pair++) {
      const make = () =>
        version(['0', '1', '10', 'a', 'rc1', 'git12'], ['.', '~', '^', '_', ''], ['']).replace(/^1:/, '');
      const [a, b] = [make(), make()];
      const { stdout } = spawnSync('rpm', ['--eval', `%{lua:print(rpm.vercmp('${a}', '${b}'))}`], { encoding: 'utf8' });
      assert.equal(signOf('rpm', a, b), Number(stdout.trim()), `rpm: ${a} against ${b}`);
    }
    t.diagnostic(`rpm: ${count} pairs`);
  } else t.diagnostic('rpm is not installed');

  const script = `import sys
from packaging.version import Version
for line in sys.stdin:
    a, b = map(Version, line.split())
    print((a > b) - (a < b))`;
  const make = () =>
    `${random(3)}.${random(12)}${pick(['', 'a1', 'b2', 'rc1'])}${pick(['', '.post1'])}${pick(['', '.dev1', '.dev2'])}${pick(['', '+a.1', '+2'])}`;
  const pairs = Array.from({ length: count }, () => [make(), make()] as const);
  const answered = spawnSync('python3', ['-c', script], {
    input: pairs.map((pair) => `${pair.join(' ')}\n`).join(''),
    encoding: 'utf8',
  });
  if (answered.status !== 0) return t.diagnostic('python3 with packaging is not installed');
  for (const [index, order] of answered.stdout.trim().split('\n').entries()) {
    const [a = '', b = ''] = pairs[index] ?? [];
    assert.equal(signOf('pypi', a, b), Number(order), `packaging: ${a} against ${b}`);
  }
  t.diagnostic(`packaging: ${count} pairs`);
});

test("changelogs of newer packages on this machine's Debian mirror become advisories, labelled partial", async (t) => {
  if (spawnSync('apt-get', ['--version']).status !== 0) return t.skip('apt-get is not installed');
  const signal = AbortSignal.timeout(isSoak ? 600_000 : 20_000);
  const taken: PackageChangelog[] = [];
  try {
    for await (const one of mirrorChangelogs({ signal })) {
      taken.push(one);
      if (taken.length >= (isSoak ? 60 : 3)) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (taken.length === 0) return t.skip('the mirror has nothing newer, or cannot be reached');
  const { database, outcome } = await compileAdvisories([changelogInput(taken)], systemClock).catch(
    (error: unknown) => {
      if (/no record that can be used/.test(String(error))) return { database: null, outcome: null };
      throw error;
    },
  );
  if (!database) return t.skip('the newer packages name no CVE');
  const records = outcome.imported[0]?.records ?? 0;
  t.diagnostic(`${taken.length} packages, ${records} CVEs: ${taken.map(({ source }) => source).join(' ')}`);
  assert.equal(database.sources(systemClock)[0]?.isPartial, true);
  const distribution = { id: 'debian', version: taken[0]?.release ?? '' };
  assert.equal(database.coverage({ type: 'deb', distribution }), 'partial');
  const found = taken.flatMap(({ source }) =>
    database.match({ type: 'deb', name: source, version: '0~', source: null, distribution }),
  );
  assert.ok(found.every(({ id, fixedVersion }) => id.startsWith('CVE-') && fixedVersion !== null));
});
