import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSqliteTable, type TarInput } from '../../src/formats/index.ts';
import { ANALYSERS } from '../../src/scan/analysers/index.ts';
import { findOwners } from '../../src/scan/owners.ts';
import { mergeHere, packLayer, readHere } from '../../src/scan/test-image.ts';

/** One source with an epoch, and three packages: one with more files than a page of any database holds. */
const SPEC = `
Name: alpha
Version: 1.2.3
Release: 4.el9
Epoch: 2
Summary: x
License: MIT AND BSD-3-Clause
Vendor: Example Project
BuildArch: noarch
%description
x
%package -n beta
Summary: y
License: GPL-2.0-or-later
%description -n beta
y
%package -n gamma
Version: 20240101~git
Release: 1
Epoch: 0
Summary: z
%description -n gamma
z
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/beta/deep
for name in $(seq 500); do echo $name > %{buildroot}/usr/share/beta/deep/file$name; done
for name in alpha gamma; do echo x > %{buildroot}/usr/bin/$name; done
%files
/usr/bin/alpha
%files -n beta
/usr/share/beta
%files -n gamma
/usr/bin/gamma
`;

const FORMAT = ['NAME', '|EPOCH?{%{EPOCH}:}|', 'VERSION', 'RELEASE', 'ARCH', 'LICENSE', 'SOURCERPM', 'VENDOR']
  .map((tag) => (tag.startsWith('|') ? `%${tag}` : `%{${tag}}`))
  .join('\\t');

function rpm(args: readonly string[]): string {
  return execFileSync('rpm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function truthOf(place: readonly string[]): string[] {
  return rpm([...place, '-qa', '--qf', `${FORMAT}\\n`])
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name, epoch, version, release, arch, licence, source, vendor] = line.split('\t');
      return [name, `${epoch === '0:' ? '' : epoch}${version}-${release}`, arch, licence, source, vendor].join(' ');
    })
    .sort();
}

test('rpm: packages, sources and files of real databases are those that rpm names', async (t) => {
  if (spawnSync('rpmbuild', ['--version']).status !== 0) return t.skip('rpm is not installed');
  const place = mkdtempSync(join(tmpdir(), 'darsena-rpm-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  writeFileSync(join(place, 'alpha.spec'), SPEC);
  const top = ['--define', `_topdir ${place}`, '--define', '_build_id_links none'];
  execFileSync('rpmbuild', ['-bb', '--quiet', ...top, join(place, 'alpha.spec')], { stdio: 'ignore' });
  const built = readdirSync(join(place, 'RPMS/noarch')).map((name) => join(place, 'RPMS/noarch', name));
  assert.equal(built.length, 3);

  const root = join(place, 'sqlite');
  mkdirSync(join(root, 'var/lib/rpm'), { recursive: true });
  const at = (folder: string, backend: string): string[] => [
    '--root',
    folder,
    '--define',
    '_dbpath /var/lib/rpm',
    '--define',
    `_db_backend ${backend}`,
  ];
  rpm([...at(root, 'sqlite'), '--install', '--nodeps', '--noscripts', ...built]);
  const sqlite = readFileSync(join(root, 'var/lib/rpm/rpmdb.sqlite'));
  await compare(sqlite, 'rpmdb.sqlite', at(root, 'sqlite'));

  const suse = join(place, 'ndb');
  mkdirSync(join(suse, 'var/lib/rpm'), { recursive: true });
  // Debian builds its rpm without this one.
  if (
    spawnSync('rpm', [...at(suse, 'ndb'), '--initdb'], { encoding: 'utf8' }).stderr.includes('invalid %_db_backend')
  ) {
    t.diagnostic('this rpm writes no ndb');
  } else {
    rpm([...at(suse, 'ndb'), '--install', '--nodeps', '--noscripts', ...built]);
    await compare(readFileSync(join(suse, 'var/lib/rpm/Packages.db')), 'Packages.db', at(suse, 'ndb'));
  }

  if (!existsSync('/usr/bin/db5.3_load')) return t.diagnostic('db5.3-util is not installed: no Berkeley DB');
  const old = join(place, 'berkeley');
  mkdirSync(join(old, 'var/lib/rpm'), { recursive: true });
  const file = join(old, 'var/lib/rpm/Packages');
  for (const pageSize of [512, 4096]) {
    rmSync(file, { force: true });
    execFileSync('db5.3_load', [file], { input: dumpOf(sqlite, pageSize) });
    // rpm itself reads what was loaded: it is a database as it used to be.
    await compare(readFileSync(file), 'Packages', at(old, 'bdb_ro'));
  }
});

async function compare(content: Uint8Array, name: string, place: readonly string[]): Promise<void> {
  const paths = rpm([...place, '-qal'])
    .split('\n')
    .filter((path) => path !== '' && path !== '/usr/share/beta' && path !== '/usr/share/beta/deep');
  const files = paths.map((path): TarInput => ({ path: path.slice(1), content: Buffer.from('x') }));
  const layer = await packLayer([{ path: `var/lib/rpm/${name}`, content }, ...files]);
  const { packages } = await mergeHere([layer]);
  const told = packages.map(({ name: own, version, architecture, licences, vendor }) => {
    const source = 'alpha-1.2.3-4.el9.src.rpm';
    return [own, version, architecture, licences.join(), source, vendor].join(' ');
  });
  assert.deepEqual(told.sort(), truthOf(place), name);
  assert.deepEqual(
    packages.map(({ name: own, source }) => [own, source]),
    [
      ['alpha', null],
      ['beta', { name: 'alpha', version: '2:1.2.3-4.el9' }],
      ['gamma', { name: 'alpha', version: '1.2.3-4.el9' }],
    ],
  );
  const owners = findOwners([await readHere(layer)], ANALYSERS, paths);
  assert.equal(owners.length, 502);
  const ownerOf = (path: string): string => (path.startsWith('/usr/bin/') ? path.slice(9) : 'beta');
  for (const { path, packages: found } of owners) {
    assert.deepEqual(
      found.map((one) => one.name),
      [ownerOf(path)],
      path,
    );
  }
}

/** What db_load reads: keys and values in hexadecimal. */
function dumpOf(sqlite: Uint8Array, pageSize: number): string {
  const hex = (bytes: Uint8Array): string => ` ${Buffer.from(bytes).toString('hex')}`;
  const key = (number: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(number);
    return bytes;
  };
  const rows = [...readSqliteTable(sqlite, 'Packages')];
  const lines = rows.flatMap(({ rowid, values }) => [hex(key(rowid)), hex(values[1] as Uint8Array)]);
  const head = ['VERSION=3', 'format=bytevalue', 'type=hash', `db_pagesize=${pageSize}`, 'HEADER=END'];
  return `${[...head, hex(key(0)), hex(key(rows.length)), ...lines, 'DATA=END'].join('\n')}\n`;
}
