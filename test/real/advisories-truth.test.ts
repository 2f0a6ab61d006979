import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  type AdvisoryDatabase,
  compileAdvisories,
  inputsOf,
  orderingOf,
  type PackageQuery,
} from '../../src/advisories/index.ts';
import { systemClock } from '../../src/system/index.ts';

/**
 * Published feeds are asked about the very versions they speak of: what a record calls affected must be found under its
 * id, what it calls fixed must not. The rates are printed; CI takes every fortieth record, DARSENA_SOAK=1 all of them.
 */

const data = process.env['DARSENA_TEST_DATA'];
const EVERY = process.env['DARSENA_SOAK'] === '1' ? 1 : 40;

interface Osv {
  readonly id: string;
  readonly withdrawn?: string;
  readonly aliases?: readonly string[];
  readonly affected?: readonly {
    readonly package: { readonly ecosystem: string; readonly name: string };
    readonly ranges?: readonly { readonly type: string; readonly events: readonly Record<string, string>[] }[];
    readonly versions?: readonly string[];
  }[];
}

class Tally {
  readonly #missed: string[] = [];
  readonly #false: string[] = [];
  positives = 0;
  negatives = 0;

  affected(found: boolean, what: string): void {
    this.positives++;
    if (!found) this.#missed.push(what);
  }

  free(found: boolean, what: string): void {
    this.negatives++;
    if (found) this.#false.push(what);
  }

  judge(t: { diagnostic(message: string): void }, name: string): void {
    const recall = 1 - this.#missed.length / Math.max(1, this.positives);
    const silence = 1 - this.#false.length / Math.max(1, this.negatives);
    t.diagnostic(
      `${name}: ${this.positives} affected, ${(recall * 100).toFixed(2)} % found; ${this.negatives} fixed, ${(silence * 100).toFixed(2)} % silent`,
    );
    if (process.env['DARSENA_SOAK'] === '1')
      for (const one of [...this.#missed.slice(0, 10), ...this.#false.slice(0, 10)]) t.diagnostic(one);
    assert.ok(this.positives > 10, `${name} was hardly asked: ${this.positives}`);
    assert.ok(recall >= 0.99, `${name} misses: ${this.#missed.slice(0, 5).join(', ')}`);
    assert.ok(silence >= 0.995, `${name} says wrongly: ${this.#false.slice(0, 5).join(', ')}`);
  }
}

describe('published feeds say what they say of themselves', {
  skip: data ? false : 'DARSENA_TEST_DATA is not set',
}, () => {
  const folder = join(data ?? '', 'advisories');
  let database: AdvisoryDatabase;

  before(async () => {
    ({ database } = await compileAdvisories(await inputsOf(folder), systemClock, { skipUnknown: true }));
  });

  const rows = (file: string): Record<string, unknown>[] =>
    gunzipSync(readFileSync(join(folder, file)))
      .toString()
      .trimEnd()
      .split('\n')
      .filter((_, index) => index % EVERY === 0)
      .map((line) => JSON.parse(line));

  const names = (query: PackageQuery): Set<string> =>
    new Set(database.match(query).flatMap(({ id, aliases }) => [id, ...aliases]));

  const plain = (type: string, name: string, version: string): PackageQuery => ({
    type,
    name,
    version,
    source: null,
    distribution: null,
  });

  const OSV_FILES: readonly [string, (ecosystem: string, name: string, version: string) => PackageQuery | null][] = [
    ['pypa', (ecosystem, name, version) => (ecosystem === 'PyPI' ? plain('pypi', name, version) : null)],
    ['go-vulndb', (ecosystem, name, version) => (ecosystem === 'Go' ? plain('golang', name, `v${version}`) : null)],
    ['bitnami', (_ecosystem, name, version) => plain('bitnami', name, version)],
    [
      'almalinux',
      (ecosystem, name, version) => ({
        ...plain('rpm', name, version),
        distribution: { id: 'almalinux', version: `${ecosystem.split(':')[1]}.4` },
      }),
    ],
  ];

  for (const [file, ask] of OSV_FILES) {
    test(file, (t) => {
      const tally = new Tally();
      for (const row of rows(`${file}.osv.ndjson.gz`) as unknown as Osv[]) {
        if (row.withdrawn !== undefined) continue;
        for (const { package: subject, ranges = [], versions = [] } of row.affected ?? []) {
          const has = (version: string): boolean | null => {
            const query = ask(subject.ecosystem, subject.name, version);
            return query === null ? null : names(query).has(row.id);
          };
          const say = (version: string): string => `${row.id} ${subject.name} ${version}`;
          for (const version of versions.filter((_, index) => index % 11 === 0)) {
            const found = has(version);
            if (found !== null) tally.affected(found, say(version));
          }
          const ordering = orderingOf(subject.ecosystem);
          const events = ranges.filter(({ type }) => type !== 'GIT').flatMap((range) => range.events);
          const introduced = new Set(events.flatMap((event) => event['introduced'] ?? []));
          for (const event of events) {
            const [inside, outside] = [event['introduced'] ?? event['last_affected'], event['fixed']];
            if (inside !== undefined && inside !== '0') {
              const found = has(inside);
              // "fixed 1.2, introduced 1.2" and ranges that end before they begin say nothing.
              const isEmpty = events.some((one) => (ordering?.compare(one['fixed'] ?? '', inside) ?? 1) === 0);
              if (found !== null && !isEmpty) tally.affected(found, say(inside));
            }
            if (outside === undefined || introduced.has(outside) || versions.includes(outside)) continue;
            // "~" sorts before everything: the same package just before its fix.
            if (file === 'almalinux' && !/^kernel.*-(?:headers|devel|doc|abi-)/.test(subject.name)) {
              const before = outside.replace(/^((?:\d+:)?[^-]+)-/, '$1~-');
              tally.affected(has(before) === true, say(before));
            }
            const isInAnother =
              ranges.length > 1 ||
              (row.affected ?? []).filter(({ package: other }) => other.name === subject.name).length > 1;
            const found = isInAnother ? null : has(outside);
            if (found !== null) tally.free(found, say(outside));
          }
        }
      }
      tally.judge(t, file);
    });
  }

  test('rustsec', (t) => {
    const tally = new Tally();
    for (const { path, text } of rows('rustsec.raw.ndjson.gz') as { path: string; text: string }[]) {
      if (path.startsWith('rust/') || /^withdrawn/m.test(text)) continue;
      const id = /^id = "(.+)"/m.exec(text)?.[1] ?? '';
      const name = /^package = "(.+)"/m.exec(text)?.[1] ?? '';
      const patched = /^patched = \[([^\]]*)\]/m.exec(text)?.[1] ?? '';
      const simple = /^"\s*>=\s*([\d.]+)\s*"$/.exec(patched.trim())?.[1];
      const unaffected = /^unaffected = \[([^\]]*)\]/m.exec(text)?.[1] ?? '';
      if (simple === undefined || unaffected.trim() !== '') continue;
      tally.free(names(plain('cargo', name, simple)).has(id), `${id} ${name} ${simple}`);
      const before = `${simple}-alpha.1`;
      tally.affected(names(plain('cargo', name, before)).has(id), `${id} ${name} ${before}`);
    }
    tally.judge(t, 'rustsec');
  });

  test('ruby-advisory-db', (t) => {
    const tally = new Tally();
    for (const row of rows('ruby-advisory-db.ndjson.gz')) {
      const gem = String(row['gem']);
      const id = row['cve'] ? `CVE-${row['cve']}` : row['ghsa'] ? `GHSA-${row['ghsa']}` : `OSVDB-${row['osvdb']}`;
      for (const patched of (row['patched_versions'] as string[] | undefined) ?? []) {
        const version = /^(?:>=|~>)\s*([\d.]+)$/.exec(patched)?.[1];
        if (version === undefined) continue;
        tally.free(names(plain('gem', gem, version)).has(id), `${id} ${gem} ${version}`);
        const isBranch = row['unaffected_versions'] !== undefined;
        if (!isBranch)
          tally.affected(names(plain('gem', gem, `${version}.pre`)).has(id), `${id} ${gem} ${version}.pre`);
      }
    }
    tally.judge(t, 'ruby-advisory-db');
  });

  test('php-security-advisories', (t) => {
    const tally = new Tally();
    for (const row of rows('php-security-advisories.ndjson.gz')) {
      const name = String(row['reference']).slice('composer://'.length);
      const branches = Object.values(row['branches'] as Record<string, { versions: string[] }>).map(
        (one) => one.versions,
      );
      const cve = row['cve'] as string | null;
      const id = cve?.startsWith('CVE-') ? cve : `PHPSA-${String(row['path']).replace(/\.ya?ml$/, '')}`;
      const has = (version: string): boolean => names(plain('composer', name, version)).has(id);
      const starts = new Set(branches.flat().flatMap((one) => /^>=(.+)$/.exec(one)?.[1] ?? []));
      for (const versions of branches) {
        for (const one of versions) {
          const [, operator, version = ''] = /^(>=|<=|<)(.+)$/.exec(one) ?? [];
          if (operator === '<' && !starts.has(version) && branches.length === 1)
            tally.free(has(version), `${row['path']} ${version}`);
          if (operator === '>=' || operator === '<=') tally.affected(has(version), `${row['path']} ${version}`);
        }
      }
    }
    tally.judge(t, 'php-security-advisories');
  });

  test('nodejs-security-wg, core: the fixed version is free, the one before it is not', (t) => {
    const tally = new Tally();
    for (const row of rows('nodejs-security-wg.ndjson.gz').filter(({ set }) => set === 'core')) {
      const id = (row['cve'] as string[] | undefined)?.[0];
      if (id === undefined) continue;
      for (const [, major, minor, patch] of String(row['patched'] ?? '').matchAll(/\^(\d+)\.(\d+)\.(\d+)/g)) {
        if (!new RegExp(`(?:^|[ |])${major}\\.x`).test(String(row['vulnerable']))) continue;
        tally.free(
          names(plain('generic', 'node', `${major}.${minor}.${patch}`)).has(id),
          `${id} ${major}.${minor}.${patch}`,
        );
        if (patch !== '0') {
          const before = `${major}.${minor}.${Number(patch) - 1}`;
          tally.affected(names(plain('generic', 'node', before)).has(id), `${id} ${before}`);
        }
      }
    }
    tally.judge(t, 'node');
  });
});
