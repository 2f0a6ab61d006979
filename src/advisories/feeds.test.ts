import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { MockAgent } from 'undici';
import { packTar, XmlReader } from '../formats/index.ts';
import { digestOf } from '../oci/index.ts';
import { Fault, systemClock } from '../system/index.ts';
import { packAdvisories, receiveArtifact } from './artifact.ts';
import type { AdvisoryDatabase, PackageQuery } from './database.ts';
import { readDocuments } from './documents.ts';
import { OvalReader } from './feeds/oval.ts';
import { rustsec } from './feeds/rustsec.ts';
import { type AdvisoryInput, AdvisoryStore, compileAdvisories } from './store.ts';
import { updateAdvisories } from './update.ts';

const input = (name: string, text: string | Uint8Array): AdvisoryInput => ({
  name,
  open: async function* () {
    yield Buffer.from(text);
  },
});

const compile = async (...inputs: [string, string | Uint8Array][]): Promise<AdvisoryDatabase> =>
  (
    await compileAdvisories(
      inputs.map(([name, text]) => input(name, text)),
      systemClock,
    )
  ).database;

const osPackage = (
  type: string,
  name: string,
  version: string,
  distribution: string,
  more: Partial<PackageQuery> = {},
): PackageQuery => {
  const [id = '', release = ''] = distribution.split(' ');
  return { type, name, version, source: null, distribution: { id, version: release }, ...more };
};

const ids = (database: AdvisoryDatabase, query: PackageQuery): string[] =>
  database
    .match(query)
    .map(({ id }) => id)
    .sort();

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
  return 'accepted';
}

const osv = (id: string, affected: object[], more: object = {}): string =>
  `${JSON.stringify({ id, modified: '2026-03-01T00:00:00Z', affected, ...more })}\n`;

const range = (ecosystem: string, name: string, ...events: object[]): object => ({
  package: { ecosystem, name },
  ranges: [{ type: 'ECOSYSTEM', events }],
});

test('a notice of a distribution is as many findings as it fixes issues, each found by its own id and by that of the notice', async () => {
  const database = await compile([
    'alma.ndjson',
    osv('ALSA-2025:1', [range('AlmaLinux:9', 'firefox', { introduced: '0' }, { fixed: '128.12.0-1.el9_6' })], {
      related: ['CVE-2025-1', 'CVE-2025-2'],
      summary: 'Important: firefox security update',
    }),
  ]);
  const found = database.match(osPackage('rpm', 'firefox', '128.11.0-1.el9_6', 'almalinux 9.6'));
  assert.deepEqual(
    found.map(({ id, aliases, severity, fixedVersion }) => [id, aliases, severity, fixedVersion]),
    [
      ['CVE-2025-1', ['ALSA-2025:1'], 'high', '128.12.0-1.el9_6'],
      ['CVE-2025-2', ['ALSA-2025:1'], 'high', '128.12.0-1.el9_6'],
    ],
  );
  assert.deepEqual(ids(database, osPackage('rpm', 'firefox', '128.12.0-1.el9_6', 'almalinux 9.6')), []);
});

test('packages of a module stream are judged by that stream alone', async () => {
  const fix = (version: string) => `1:${version}-1.module_el8.10.0+3700+abc`;
  const database = await compile([
    'alma.ndjson',
    osv('ALSA-16', [range('AlmaLinux:8', 'nodejs', { introduced: '0' }, { fixed: fix('16.20.2') })], {
      related: ['CVE-2023-16'],
      summary: 'Important: nodejs:16 security update',
    }) +
      osv('ALSA-18', [range('AlmaLinux:8', 'nodejs', { introduced: '0' }, { fixed: fix('18.17.1') })], {
        related: ['CVE-2023-18'],
        summary: 'Important: nodejs:18 security update',
      }) +
      osv('ALSA-0', [range('AlmaLinux:8', 'nodejs', { introduced: '0' }, { fixed: '1:10.24.0-1.el8' })], {
        related: ['CVE-2021-10'],
      }),
  ]);
  const ask = (version: string, module: string | null): string[] =>
    ids(database, osPackage('rpm', 'nodejs', version, 'almalinux 8.10', { module }));
  assert.deepEqual(ask(fix('16.20.1'), 'nodejs:16:8100020240101:abc'), ['CVE-2023-16']);
  assert.deepEqual(ask(fix('16.20.2'), 'nodejs:16'), []);
  assert.deepEqual(ask(fix('16.20.2'), null), [], 'the stream is told by the version');
  assert.deepEqual(ask(fix('18.17.0'), 'nodejs:18'), ['CVE-2023-18']);
  assert.deepEqual(ask('1:10.23.0-1.el8', null), ['CVE-2021-10'], 'what is of no stream is judged by what is of none');
});

test('headers, documentation and tools of the kernel are no kernel', async () => {
  const open = { introduced: '0' };
  const database = await compile([
    'kernels.ndjson',
    osv('CVE-2026-1', [
      range('Debian:12', 'linux', open),
      range('Debian:12', 'linux-pam', open),
      range('AlmaLinux:9', 'kernel-headers', open),
      range('AlmaLinux:9', 'kernel-core', open),
      range('Alpine:v3.20', 'linux-headers', open),
    ]),
  ]);
  const deb = (name: string, source: string): number =>
    ids(database, osPackage('deb', name, '6.1.1-1', 'debian 12', { source: { name: source, version: '6.1.1-1' } }))
      .length;
  assert.deepEqual(
    [
      deb('linux-libc-dev', 'linux'),
      deb('linux-headers-6.1.0-1-amd64', 'linux'),
      deb('linux-image-6.1.0-1-amd64', 'linux'),
      deb('libpam0g', 'linux-pam'),
      deb('linux', 'linux'),
    ],
    [0, 0, 1, 1, 1],
  );
  const rpm = (name: string): number => ids(database, osPackage('rpm', name, '5.14.0-1.el9', 'almalinux 9')).length;
  assert.deepEqual([rpm('kernel-headers'), rpm('kernel-core')], [0, 1]);
  assert.deepEqual(ids(database, osPackage('apk', 'linux-headers', '6.6-r0', 'alpine 3.20.1')), []);
});

test("a CVE that was taken back is no finding, an alias leads to the CVE, and the distribution's word stands beside CVSS", async () => {
  const vector = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';
  const vector4 = 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N';
  const nvd = {
    format: 'NVD_CVE',
    timestamp: '2026-03-02T00:00:00.000',
    vulnerabilities: [
      { cve: { id: 'CVE-2026-1', vulnStatus: 'Rejected', lastModified: '2026-03-01T00:00:00.000' } },
      {
        cve: {
          id: 'CVE-2026-2',
          vulnStatus: 'Analyzed',
          lastModified: '2026-03-01T00:00:00.000',
          descriptions: [{ lang: 'en', value: 'Overflow in zlib. More.' }],
          metrics: {
            cvssMetricV31: [{ type: 'Primary', cvssData: { vectorString: vector } }],
            cvssMetricV40: [{ type: 'Secondary', cvssData: { vectorString: vector4 } }],
          },
        },
      },
    ],
  };
  const database = await compile(
    ['nvd.json', JSON.stringify(nvd, null, 1)],
    [
      'tracker.json',
      JSON.stringify({
        zlib: {
          'CVE-2026-1': { releases: { bookworm: { status: 'open', urgency: 'low' } } },
          'CVE-2026-2': {
            releases: { bookworm: { status: 'open', urgency: 'low', nodsa: 'Minor', nodsa_reason: 'ignored' } },
          },
        },
      }),
    ],
    [
      'npm.ndjson',
      osv('GHSA-aaaa', [range('npm', 'a', { introduced: '0' })], { aliases: ['CVE-2026-2'] }) +
        osv('GHSA-bbbb', [range('npm', 'b', { introduced: '0' })], { aliases: ['GHSA-aaaa'] }),
    ],
  );
  const [zlib, ...none] = database.match(
    osPackage('deb', 'zlib1g', '1', 'debian 12', { source: { name: 'zlib', version: '1' } }),
  );
  assert.deepEqual(none, []);
  assert.deepEqual(
    [zlib?.id, zlib?.severity, zlib?.severitySource, zlib?.cvss, zlib?.cvssVector, zlib?.title, zlib?.status],
    ['CVE-2026-2', 'low', 'debian-tracker', 9.8, vector, 'Overflow in zlib.', 'will-not-fix'],
  );
  assert.deepEqual(
    zlib?.ratings.map(({ source, cvss, vector: one }) => [source, cvss, one?.slice(0, 8) ?? null]),
    [
      ['debian-tracker', null, null],
      ['nvd', 9.8, 'CVSS:3.1'],
      ['nvd', 9.3, 'CVSS:4.0'],
    ],
  );
  const [aliased] = database.match({ type: 'npm', name: 'b', version: '1.0.0', source: null, distribution: null });
  assert.deepEqual([aliased?.id, aliased?.cvss, aliased?.severitySource], ['CVE-2026-2', 9.8, 'nvd']);
});

test("Alpine's, Wolfi's and Debian's lists are read in their own forms", async () => {
  const yaml = `---
distroversion: v3.20
reponame: main
urlprefix: https://dl-cdn.alpinelinux.org/alpine
apkurl: "{{urlprefix}}"
packages:
  - pkg:
      name: openssl
      secfixes:
        3.3.1-r1:
          - CVE-2024-1 CVE-2024-2
        3.3.0-r0:
          - CVE-2024-1 (+)
        "0":
          - CVE-2024-3
`;
  const wolfi = JSON.stringify({
    apkurl: 'x',
    urlprefix: 'https://packages.wolfi.dev',
    reponame: 'os',
    packages: [{ pkg: { name: 'openssl', secfixes: { '3.3.2-r0': ['CVE-2024-9', 'GHSA-aaaa-bbbb-cccc'] } } }],
  });
  const list = `[29 Mar 2023] DSA-5380-1 zlib - security update
\t{CVE-2023-1 CVE-2023-2}
\t[bookworm] - zlib 1:1.2.13-2
\t[bullseye] - zlib <not-affected> (later)
[28 Mar 2023] DLA-1-1 xen - end of life
\t{CVE-2023-3}
\t[bookworm] - xen <end-of-life>
`;
  const database = await compile(['main.yaml', yaml], ['security.json', wolfi], ['DSA/list', list]);
  const alpine = (version: string): string[] =>
    ids(database, osPackage('apk', 'libssl3', version, 'alpine 3.20.3', { source: { name: 'openssl', version } }));
  assert.deepEqual(
    [alpine('3.2.9-r0'), alpine('3.3.0-r0'), alpine('3.3.1-r1')],
    [['CVE-2024-1', 'CVE-2024-2'], ['CVE-2024-2'], []],
  );
  const wolfiQuery = osPackage('apk', 'openssl', '3.3.1-r9', 'wolfi 20230201');
  assert.deepEqual(ids(database, wolfiQuery), ['CVE-2024-9', 'GHSA-aaaa-bbbb-cccc']);
  assert.equal(ids(database, { ...wolfiQuery, distribution: { id: 'chainguard', version: '1' } }).length, 2);
  assert.deepEqual(ids(database, osPackage('deb', 'zlib', '1:1.2.13-1', 'debian 12')), ['CVE-2023-1', 'CVE-2023-2']);
  assert.deepEqual(ids(database, osPackage('deb', 'zlib', '1:1.2.13-2', 'debian 12')), []);
  const [xen] = database.match(osPackage('deb', 'xen', '4.17', 'debian 12'));
  assert.deepEqual([xen?.id, xen?.status, xen?.fixedVersion], ['CVE-2023-3', 'will-not-fix', null]);
  assert.equal(database.coverage(osPackage('deb', 'x', '1', 'debian 12')), 'partial');
});

const OVAL = `<?xml version="1.0"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5">
<generator><oval:timestamp xmlns:oval="x">2026-03-01T00:00:00</oval:timestamp></generator>
<definitions>
 <definition id="oval:com.oracle.elsa:def:1" class="patch"><metadata><title>ELSA-2026-1: openssl security update (IMPORTANT)</title>
  <affected family="unix"><platform>Oracle Linux 9</platform></affected>
  <reference source="elsa" ref_id="ELSA-2026-1" ref_url="https://linux.oracle.com/errata/ELSA-2026-1.html"/>
  <reference source="CVE" ref_id="CVE-2026-5" ref_url="https://x"/>
  <advisory><severity>IMPORTANT</severity><issued date="2026-02-01"/></advisory></metadata>
  <criteria operator="AND"><criterion test_ref="t:9" comment="Oracle Linux 9 is installed"/>
   <criteria operator="OR"><criterion test_ref="t:1"/></criteria></criteria></definition>
 <definition id="oval:com.ubuntu.noble:def:2" class="patch"><metadata><title>USN-1-1 -- curl vulnerability</title>
  <affected family="unix"><platform>Ubuntu 24.04 LTS</platform></affected>
  <reference source="USN" ref_id="USN-1-1" ref_url="https://ubuntu.com/security/notices/USN-1-1"/>
  <advisory><severity>Medium</severity><issued date="2026-02-03"/><cve href="https://ubuntu.com/security/CVE-2026-6">CVE-2026-6</cve></advisory></metadata>
  <criteria><criterion test_ref="t:2"/></criteria></definition>
</definitions>
<tests><linux:rpminfo_test xmlns:linux="l" id="t:1"><linux:object object_ref="o:1"/><linux:state state_ref="s:1"/></linux:rpminfo_test>
 <linux:dpkginfo_test xmlns:linux="l" id="t:2"><linux:object object_ref="o:2"/><linux:state state_ref="s:2"/></linux:dpkginfo_test></tests>
<objects><linux:rpminfo_object xmlns:linux="l" id="o:1"><linux:name>openssl-libs</linux:name></linux:rpminfo_object>
 <linux:dpkginfo_object xmlns:linux="l" id="o:2"><linux:name var_ref="v:1" var_check="at least one"/></linux:dpkginfo_object></objects>
<states><linux:rpminfo_state xmlns:linux="l" id="s:1"><linux:evr datatype="evr_string" operation="less than">1:3.0.7-28.0.1.el9_4</linux:evr></linux:rpminfo_state>
 <linux:dpkginfo_state xmlns:linux="l" id="s:2"><linux:evr datatype="debian_evr_string" operation="less than">0:8.5.0-2ubuntu10.4</linux:evr></linux:dpkginfo_state></states>
<variables><constant_variable id="v:1"><value>curl</value><value>libcurl4t64</value></constant_variable></variables>
</oval_definitions>`;

const UPDATEINFO = `<?xml version="1.0"?><updates><update type="security" from="x"><id>ALAS2023-2026-1</id><title>kernel</title>
<issued date="2026-02-01"/><updated date="2026-02-02"/><severity>important</severity>
<references><reference href="https://x" id="CVE-2026-7" type="cve"/></references>
<pkglist><collection><name>Amazon Linux 2023</name><package name="curl" epoch="0" version="8.5.0" release="1.amzn2023.0.4" arch="x86_64"/></collection></pkglist></update>
<update type="security"><id>RLSA-2026:2</id><title>Moderate: nodejs:18 security update</title><issued date="2026-02-01"/><severity>Moderate</severity>
<references><reference href="https://y" id="CVE-2026-8" type="cve"/></references>
<pkglist><collection><module name="nodejs" stream="18" version="1" context="c" arch="x86_64"/><package name="nodejs" epoch="1" version="18.20.4" release="1.module+el8.10.0+1+abc" arch="x86_64"/></collection></pkglist></update></updates>`;

test('OVAL of Oracle and Ubuntu, and updateinfo of Amazon and Rocky Linux', async () => {
  const pack = (program: string): Buffer => {
    const { stdout, status } = spawnSync(program, ['-c'], { input: OVAL });
    assert.equal(status, 0);
    return stdout;
  };
  await assert.rejects(compile(['oval.xml.bz2', pack('bzip2').subarray(0, -20)]), /bzip2 cannot unpack it/);
  await assert.rejects(compile(['oval.xml.xz', pack('xz').subarray(0, -20)]), /xz cannot unpack it/);
  await compile(['oval.xml.xz', pack('xz')]);
  const database = await compile(['oval.xml.bz2', pack('bzip2')], ['updateinfo.xml.gz', gzipSync(UPDATEINFO)]);
  const oracle = (version: string): string[] => ids(database, osPackage('rpm', 'openssl-libs', version, 'ol 9.4'));
  assert.deepEqual([oracle('1:3.0.7-27.el9'), oracle('1:3.0.7-28.0.1.el9_4')], [['CVE-2026-5'], []]);
  const ubuntu = (version: string): string[] => ids(database, osPackage('deb', 'libcurl4t64', version, 'ubuntu 24.04'));
  assert.deepEqual([ubuntu('8.5.0-2ubuntu10.3'), ubuntu('8.5.0-2ubuntu10.4')], [['CVE-2026-6'], []]);
  const amazon = (version: string): string[] => ids(database, osPackage('rpm', 'curl', version, 'amzn 2023'));
  assert.deepEqual([amazon('8.5.0-1.amzn2023.0.3'), amazon('8.5.0-1.amzn2023.0.4')], [['CVE-2026-7'], []]);
  const rocky = (module: string): string[] =>
    ids(database, osPackage('rpm', 'nodejs', '1:18.19.0-1.module+el8.10.0+1+abc', 'rocky 8.10', { module }));
  assert.deepEqual([rocky('nodejs:18'), rocky('nodejs:20')], [['CVE-2026-8'], []]);
});

const OVAL_BY_CVE = `<?xml version="1.0"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"><definitions>
 <definition id="oval:org.opensuse.security:def:1" class="vulnerability"><metadata><title>CVE-2026-21</title>
  <affected family="unix"><platform>SUSE Linux Enterprise Server 15 SP5</platform><platform>SUSE Linux Enterprise Server 15 SP6</platform></affected>
  <reference ref_id="Mitre CVE-2026-21" ref_url="https://x" source="CVE"/><reference ref_id="SUSE-SU-2026:1-1" ref_url="https://y" source="SUSE-SU"/>
  <advisory><severity>Important</severity></advisory></metadata>
  <criteria operator="OR">
   <criteria operator="AND">
    <criteria operator="OR"><criterion test_ref="t:0" comment="SUSE Linux Enterprise Desktop 15 SP5 is installed"/><criterion test_ref="t:0" comment="SUSE Linux Enterprise Server 15 SP5 is installed"/></criteria>
    <criteria operator="OR"><criterion test_ref="t:1" comment="libx-1.0-5.1 is installed"/></criteria></criteria>
   <criteria operator="AND"><criterion test_ref="t:0" comment="SUSE Linux Enterprise Server 15 SP6 is installed"/>
    <criteria operator="OR"><criterion test_ref="t:2" comment="libx-1.0-6.1 is installed"/><criterion test_ref="t:3" comment="liby is affected"/>
     <criterion test_ref="t:4" comment="libz is not affected"/></criteria></criteria>
   <criteria operator="AND"><criterion test_ref="t:0" comment="SUSE Manager Server 4.3 is installed"/><criterion test_ref="t:3" comment="liby is affected"/></criteria>
  </criteria></definition>
 <definition id="oval:com.ubuntu.jammy:def:2" class="vulnerability"><metadata><title>CVE-2026-22 on Ubuntu 22.04 LTS (jammy) - medium</title>
  <affected family="unix"><platform>Ubuntu 22.04 LTS</platform></affected>
  <reference ref_id="CVE-2026-22" ref_url="https://ubuntu.com/security/CVE-2026-22" source="CVE"/><reference ref_id="USN-9-1" ref_url="https://z" source="USN"/>
  <advisory><severity>Medium</severity></advisory></metadata>
  <criteria><extend_definition definition_ref="x" comment="Ubuntu 22.04 LTS (jammy) is installed."/><criteria operator="OR">
   <criterion test_ref="t:5" comment="(CVE-2026-22) glibc package in jammy is affected and needs fixing."/>
   <criterion test_ref="t:6" comment="(CVE-2026-22) zlib package in jammy is affected, but a decision has been made to defer addressing it (note: '2026')."/>
   <criterion test_ref="t:7" comment="(CVE-2026-22) curl package in jammy, while related to the CVE in some way, a decision has been made to ignore this issue."/>
   <criterion test_ref="t:8" comment="(CVE-2026-22) bash package in jammy is affected and may need fixing."/>
   <criterion test_ref="t:9" comment="(CVE-2026-22) vim package in jammy was vulnerable but has been fixed (note: '2:8.2-3')."/></criteria></criteria></definition>
</definitions>
<tests>${[1, 2, 3, 4].map((n) => `<rpminfo_test id="t:${n}"><object object_ref="o:${n}"/><state state_ref="s:${n}"/></rpminfo_test>`).join('')}
 ${[5, 6, 7, 8].map((n) => `<dpkginfo_test id="t:${n}"><object object_ref="o:${n}"/></dpkginfo_test>`).join('')}
 <dpkginfo_test id="t:9"><object object_ref="o:9"/><state state_ref="s:9"/></dpkginfo_test></tests>
<objects>${['libx', 'libx', 'liby', 'libz'].map((name, n) => `<rpminfo_object id="o:${n + 1}"><name>${name}</name></rpminfo_object>`).join('')}
 ${[5, 6, 7, 8, 9].map((n) => `<dpkginfo_object id="o:${n}"><name var_ref="v:${n}"/></dpkginfo_object>`).join('')}</objects>
<states><rpminfo_state id="s:1"><evr operation="less than">0:1.0-5.1</evr></rpminfo_state><rpminfo_state id="s:2"><evr operation="less than">0:1.0-6.1</evr></rpminfo_state>
 <rpminfo_state id="s:3"><evr operation="greater than">0:0-0</evr></rpminfo_state><rpminfo_state id="s:4"><version operation="equals">0</version></rpminfo_state>
 <dpkginfo_state id="s:9"><evr operation="less than">2:8.2-3</evr></dpkginfo_state></states>
<variables>${['libc6', 'zlib1g', 'curl', 'bash', 'vim'].map((name, n) => `<constant_variable id="v:${n + 5}"><value>${name}</value></constant_variable>`).join('')}</variables>
</oval_definitions>`;

test('a document of one line is looked at once however it comes in pieces, and one of many lines is bounded too', async () => {
  const products = Array.from({ length: 80_000 }, (_, index) => `AppStream:päckage${index}-0:1.el8 ${'x'.repeat(60)}`);
  const bytes = Buffer.from(JSON.stringify({ document: { csaf_version: '2.0' }, products }));
  async function* pieces(size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const before = process.cpuUsage();
  const documents = [];
  for await (const one of readDocuments(pieces(1021))) documents.push(one);
  const [document, ...others] = documents;
  const { user } = process.cpuUsage(before);
  assert.ok(user < 5_000_000, `${user / 1e6} s for ${bytes.length} bytes`);
  assert.deepEqual((document as { products: string[] }).products, products);
  assert.deepEqual(others, []);
  const lines = [];
  for await (const one of readDocuments(Readable.from([Buffer.from('{"a":1}\n{"b"'), Buffer.from(':2}\n\n{"c":3}')]))) {
    lines.push(one);
  }
  assert.deepEqual(lines, [{ a: 1 }, { b: 2 }, { c: 3 }]);
});

const OVAL_EXCERPT = `<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"><definitions>
 <definition id="oval:com.redhat.rhsa:def:1" class="patch"><metadata><title>RHSA-2026:1: bind security update (Important)</title>
  <affected><platform>Red Hat Enterprise Linux 9</platform></affected><reference ref_id="RHSA-2026:1"/><reference ref_id="CVE-2026-41"/></metadata>
  <criteria operator="AND"><criterion test_ref="t:1" comment="Red Hat Enterprise Linux 9 is installed"/>
   <criterion test_ref="t:2" comment="bind-libs is earlier than 32:9.16.23-18.el9_4.1"/></criteria></definition>
 <definition id="oval:org.debian:def:2" class="vulnerability"><metadata><title>CVE-2026-42</title>
  <affected><platform>Debian GNU/Linux 12</platform></affected><reference ref_id="CVE-2026-42"/></metadata>
  <criteria operator="AND"><criterion test_ref="t:3" comment="Debian 12 is installed"/>
   <criterion test_ref="t:4" comment="krb5 DPKG is earlier than 1.20.1-2+deb12u1"/></criteria></definition>
 <definition id="oval:com.oracle.elsa:def:3" class="patch"><metadata><title>ELSA-2026-43: openssl security update</title>
  <affected><platform>Oracle Linux 8</platform></affected><reference ref_id="ELSA-2026-43"/><reference ref_id="CVE-2026-43"/></metadata>
  <criteria operator="AND"><criterion test_ref="t:5" comment="Oracle Linux 8 is installed"/>
   <criterion test_ref="t:6" comment="openssl-libs is earlier than 2:1.1.1k-12.ksplice1.el8_9"/></criteria></definition>
 <definition id="oval:com.oracle.elsa:def:4" class="patch"><metadata><title>ELSA-2026-44: gnutls security update</title>
  <affected><platform>Oracle Linux 8</platform></affected><reference ref_id="ELSA-2026-44"/><reference ref_id="CVE-2026-44"/></metadata>
  <criteria operator="AND"><criterion test_ref="t:7" comment="Oracle Linux 8 is installed"/>
   <criterion test_ref="t:8" comment="gnutls is earlier than 10:3.6.16-8.el8_fips"/></criteria></definition>
</definitions></oval_definitions>`;

test('an excerpt of OVAL without its tests is read by its words; Debian names sources; builds for Ksplice and FIPS are their own', async () => {
  const database = await compile(['oval.xml', OVAL_EXCERPT]);
  const found = (type: string, name: string, version: string, on: string, more: Partial<PackageQuery> = {}): string[] =>
    ids(database, osPackage(type, name, version, on, more));
  assert.deepEqual(found('rpm', 'bind-libs', '32:9.16.23-18.el9_4', 'rhel 9.4'), ['CVE-2026-41']);
  assert.deepEqual(found('rpm', 'bind-libs', '32:9.16.23-18.el9_4.1', 'rhel 9.4'), []);
  const krb5 = (version: string) => ({ source: { name: 'krb5', version } });
  assert.deepEqual(found('deb', 'libkrb5-3', '1.20.1-2', 'debian 12', krb5('1.20.1-2')), ['CVE-2026-42']);
  assert.deepEqual(found('deb', 'libkrb5-3', '1.20.1-2+deb12u1+b1', 'debian 12', krb5('1.20.1-2+deb12u1')), []);
  const oracle = (name: string, version: string): string[] => found('rpm', name, version, 'ol 8.9');
  assert.deepEqual(oracle('openssl-libs', '1:1.1.1k-9.el8_7'), []);
  assert.deepEqual(oracle('openssl-libs', '2:1.1.1k-11.ksplice1.el8_9'), ['CVE-2026-43']);
  assert.deepEqual(oracle('gnutls', '3.6.16-7.el8'), []);
  assert.deepEqual(oracle('gnutls', '10:3.6.16-7.el8_fips'), ['CVE-2026-44']);
});

test('rubysec names flaws of Ruby itself, and MinimOS publishes as Wolfi does', async () => {
  const engine =
    'engine: ruby\ncve: 2026-51\nurl: https://x\ntitle: t\ndate: 2026-01-01\npatched_versions:\n- "~> 3.2.9"\n- ">= 3.3.5"\n';
  const minimos = JSON.stringify({
    apkurl: 'x',
    urlprefix: 'https://packages.mini.dev',
    reponame: 'os',
    packages: [{ pkg: { name: 'brotli', secfixes: { '1.0.9-r0': ['CVE-2026-52'] } } }],
  });
  const database = await compile(['CVE-2026-51.yml', engine], ['security.json', minimos]);
  const ruby = (version: string): string[] =>
    ids(database, { type: 'generic', name: 'ruby', version, source: null, distribution: null });
  assert.deepEqual(
    [ruby('3.2.8'), ruby('3.2.9'), ruby('3.3.4'), ruby('3.3.5')],
    [['CVE-2026-51'], [], ['CVE-2026-51'], []],
  );
  assert.deepEqual(ids(database, osPackage('apk', 'brotli', '1.0.8-r9', 'minimos 20250101')), ['CVE-2026-52']);
});

test('an advisory of RustSec is known by its head, and a text of blank lines alone costs nothing', () => {
  const recognises = (text: string): boolean => rustsec.recognises({ path: 'RUSTSEC-2026-0001.md', text });
  assert.ok(recognises('```toml \r\n# a comment\n\n \t\n[advisory]\n'));
  assert.ok(!recognises('```toml\nother = 1\n[advisory]\n'));
  // Each way to part these lines tried once would take until the end of the world.
  assert.ok(!recognises(`\`\`\`toml\n${'\n'.repeat(1000)}x`));
});

test('answers of the interfaces of osv.dev, GitHub and FIRST are read as their files are', async () => {
  const answer = {
    vulns: [
      JSON.parse(osv('PYSEC-2026-1', [range('PyPI', 'jinja2', { introduced: '0' }, { fixed: '3.1.6' })])) as object,
    ],
  };
  const github = {
    ghsa_id: 'GHSA-aaaa-bbbb-cccc',
    cve_id: 'CVE-2026-71',
    summary: 'Prototype pollution in a',
    severity: 'high',
    html_url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
    updated_at: '2026-03-01T00:00:00Z',
    withdrawn_at: null,
    cvss_severities: { cvss_v3: { vector_string: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }, cvss_v4: null },
    vulnerabilities: [
      {
        package: { ecosystem: 'npm', name: 'a' },
        vulnerable_version_range: '>= 1.0.0, < 1.2.3',
        first_patched_version: '1.2.3',
      },
      { package: { ecosystem: 'npm', name: 'a' }, vulnerable_version_range: '<= 0.9.4', first_patched_version: null },
      { package: { ecosystem: 'other', name: 'a' }, vulnerable_version_range: '< 9' },
      // What no table of ours may take for a word of its own, and what would be read for hours.
      { package: { ecosystem: 'constructor', name: 'a' }, vulnerable_version_range: '< 9' },
      { package: { ecosystem: 'npm', name: 'a' }, vulnerable_version_range: '<'.repeat(10 ** 6) },
    ],
  };
  const withdrawn = { ...github, ghsa_id: 'GHSA-dddd-eeee-ffff', cve_id: null, withdrawn_at: '2026-03-02T00:00:00Z' };
  const other = { package: { ecosystem: 'npm', name: 'b' }, vulnerable_version_range: '< 2' };
  const odd = {
    ...github,
    ghsa_id: 'GHSA-eeee-ffff-gggg',
    cve_id: null,
    severity: 'constructor',
    vulnerabilities: [other],
  };
  const scores = {
    status: 'OK',
    data: [{ cve: 'CVE-2026-71', epss: '0.912340000', percentile: '0.99', date: '2026-03-01' }],
  };
  const database = await compile(
    ['query.json', JSON.stringify(answer)],
    ['page-1.json', JSON.stringify([github, withdrawn])],
    ['page-2.json', JSON.stringify([odd])],
    ['epss.json', JSON.stringify(scores)],
  );
  const npm = (version: string) =>
    database.match({ type: 'npm', name: 'a', version, source: null, distribution: null });
  assert.deepEqual(
    npm('1.1.0').map(({ id, severity, cvss, fixedVersion, epss }) => [id, severity, cvss, fixedVersion, epss]),
    [['CVE-2026-71', 'high', 7.5, '1.2.3', 0.91234]],
  );
  assert.deepEqual([npm('0.9.4').length, npm('0.9.5').length, npm('1.2.3').length], [1, 0, 0]);
  const found = database.match({ type: 'npm', name: 'b', version: '1.0.0', source: null, distribution: null });
  assert.deepEqual(
    found.map(({ id, severity }) => [id, severity]),
    [['GHSA-eeee-ffff-gggg', 'high']],
    'by its score',
  );
  const pypi = { type: 'pypi', name: 'Jinja2', version: '3.1.5', source: null, distribution: null };
  assert.deepEqual(ids(database, pypi), ['PYSEC-2026-1']);
});

test('OVAL that names too much is refused, and what is kept of it lets the text go', () => {
  const xml = new XmlReader((name) => ['definition', 'rpminfo_test'].includes(name)).write(OVAL_BY_CVE);
  const readWith = (limits: { parts: number; criterions: number }) => {
    const reader = new OvalReader({ worded: 0, ...limits });
    for (const one of xml) Array.from(reader.read({ xml: one }));
  };
  assert.throws(() => readWith({ parts: 1, criterions: 100 }), /more than 1 parts/);
  assert.throws(() => readWith({ parts: 100, criterions: 1 }), /more than 1 criterions/);
  readWith({ parts: 100, criterions: 100 });
});

test('OVAL by vulnerability: each platform with its own versions, and what is affected without a fix', async () => {
  const database = await compile(['oval.xml', OVAL_BY_CVE]);
  const suse = (name: string, version: string, release: string) =>
    database
      .match(osPackage('rpm', name, version, `sles ${release}`))
      .map(({ id, fixedVersion }) => [id, fixedVersion]);
  assert.deepEqual(suse('libx', '1.0-5.1', '15.5'), [], 'what the next service pack needs is nothing to this one');
  assert.deepEqual(suse('libx', '1.0-4.1', '15.5'), [['CVE-2026-21', '1.0-5.1']]);
  assert.deepEqual(suse('libx', '1.0-5.1', '15.6'), [['CVE-2026-21', '1.0-6.1']]);
  assert.deepEqual(suse('liby', '9-1', '15.6'), [['CVE-2026-21', null]]);
  assert.deepEqual([suse('liby', '9-1', '15.5'), suse('libz', '1-1', '15.6')], [[], []]);
  const ubuntu = (name: string, version = '1') =>
    database
      .match(osPackage('deb', name, version, 'ubuntu 22.04'))
      .map(({ id, status, fixedVersion }) => [id, status, fixedVersion]);
  assert.deepEqual(ubuntu('libc6'), [['CVE-2026-22', 'affected', null]]);
  assert.deepEqual(ubuntu('zlib1g'), [['CVE-2026-22', 'fix-deferred', null]]);
  assert.deepEqual(ubuntu('curl'), [['CVE-2026-22', 'will-not-fix', null]]);
  assert.deepEqual(ubuntu('bash'), [['CVE-2026-22', 'under-investigation', null]]);
  assert.deepEqual(
    [ubuntu('vim', '2:8.2-2'), ubuntu('vim', '2:8.2-3')],
    [[['CVE-2026-22', 'affected', '2:8.2-3']], []],
  );
});

test('CSAF that names packages by file and module stream is of packages, not of modules', async () => {
  const file = 'ruby-libs-2.7.8-139.module+el8.8.0+1+ab.x86_64.rpm-ruby:2.7';
  const document = {
    document: {
      csaf_version: '2.0',
      category: 'csaf_security_advisory',
      title: 'ruby:2.7 security update',
      publisher: { name: 'Red Hat Product Security' },
      tracking: { id: 'RHSA-2026:60', status: 'final', current_release_date: '2026-03-01T00:00:00Z' },
    },
    product_tree: {
      branches: [
        {
          category: 'product_name',
          name: 'AppStream',
          product: {
            product_id: 'AppStream-8',
            name: 'AppStream',
            product_identification_helper: { cpe: 'cpe:/a:redhat:enterprise_linux:8::appstream' },
          },
        },
        {
          category: 'product_version',
          name: file,
          product: {
            product_id: file,
            name: file,
            product_identification_helper: {
              purl: 'pkg:rpm/redhat/ruby-libs@2.7.8-139.module%2Bel8.8.0%2B1%2Bab?arch=x86_64&rpmmod=ruby:2.7:8080020230427102918:63b34585',
            },
          },
        },
      ],
      relationships: [
        {
          category: 'default_component_of',
          full_product_name: { product_id: `AppStream-8:${file}`, name: file },
          product_reference: file,
          relates_to_product_reference: 'AppStream-8',
        },
      ],
    },
    vulnerabilities: [{ cve: 'CVE-2026-60', product_status: { fixed: [`AppStream-8:${file}`] } }],
  };
  const database = await compile(['rhsa.json', JSON.stringify(document)]);
  const found = (version: string, module: string): string[] =>
    ids(database, osPackage('rpm', 'ruby-libs', version, 'rhel 8.8', { module }));
  const [older, fixed] = ['2.7.8-138.module+el8.8.0+1+ab', '2.7.8-139.module+el8.8.0+1+ab'];
  assert.deepEqual(
    [found(older, 'ruby:2.7'), found(fixed, 'ruby:2.7'), found(older, 'ruby:3.1')],
    [['CVE-2026-60'], [], []],
  );
});

test("CSAF of Red Hat's newer feed: an open flaw stays open with later versions; withdrawn and harmless ones are silent", async () => {
  const source = (name: string, at: string) => ({
    category: 'product_version',
    name,
    product: {
      name,
      product_id: `${name}-${at}`,
      product_identification_helper: { purl: `pkg:rpm/redhat/${name}@${at}?arch=src` },
    },
  });
  const host = 'red_hat_enterprise_linux_10';
  const document = (id: string, more: object, status = 'final') =>
    JSON.stringify({
      document: {
        csaf_version: '2.0',
        category: 'csaf_vex',
        publisher: { name: 'Red Hat' },
        tracking: { id, status },
      },
      product_tree: {
        branches: [
          {
            category: 'product_name',
            name: host,
            product: {
              name: host,
              product_id: host,
              product_identification_helper: { cpe: 'cpe:/o:redhat:enterprise_linux:10' },
            },
          },
          source('nss', '3.101.0-1.el10'),
          source('zlib', '1-1.el10'),
        ],
        relationships: ['nss-3.101.0-1.el10', 'zlib-1-1.el10'].map((name) => ({
          full_product_name: { name, product_id: `${host}:${name}` },
          product_reference: name,
          relates_to_product_reference: host,
        })),
      },
      vulnerabilities: [
        {
          cve: id,
          product_status: { known_affected: [`${host}:nss-3.101.0-1.el10`, `${host}:zlib-1-1.el10`] },
          ...more,
        },
      ],
    });
  const harmless = { scores: [{ cvss_v3: { baseScore: 0.0 }, products: [`${host}:zlib-1-1.el10`] }] };
  const lines = [document('CVE-2026-31', harmless), document('CVE-2026-32', {}, 'deleted')];
  const database = await compile(['csaf.ndjson', `${lines.join('\n')}\n`]);
  const found = (name: string, version: string, of: string) =>
    database
      .match({ ...osPackage('rpm', name, version, 'rhel 10.1'), source: { name: of, version } })
      .map(({ id }) => id);
  assert.deepEqual(found('nss-util', '3.112.0-4.el10', 'nss'), ['CVE-2026-31']);
  assert.deepEqual(found('zlib-devel', '1-1.el10', 'zlib'), []);
});

test('CSAF: fixed, never to be fixed, and products of other support are told apart', async () => {
  const product = (id: string, purl: string) => ({
    category: 'product_version',
    name: id,
    product: { name: id, product_id: id, product_identification_helper: { purl } },
  });
  const platform = (id: string, cpe: string) => ({
    category: 'product_name',
    name: id,
    product: { name: id, product_id: id, product_identification_helper: { cpe } },
  });
  const joined = (left: string, right: string) => ({
    category: 'default_component_of',
    full_product_name: { name: `${left}:${right}`, product_id: `${left}:${right}` },
    product_reference: right,
    relates_to_product_reference: left,
  });
  const document = {
    document: {
      csaf_version: '2.0',
      category: 'csaf_vex',
      title: 'curl: overflow',
      publisher: { name: 'Red Hat Product Security' },
      tracking: { id: 'CVE-2026-9', current_release_date: '2026-03-01T00:00:00Z' },
      aggregate_severity: { text: 'Moderate' },
    },
    product_tree: {
      branches: [
        {
          category: 'vendor',
          name: 'Red Hat',
          branches: [
            platform('BaseOS-9', 'cpe:/o:redhat:enterprise_linux:9::baseos'),
            platform('EUS-9', 'cpe:/o:redhat:rhel_eus:9.2::baseos'),
            platform('red_hat_enterprise_linux_8', 'cpe:/o:redhat:enterprise_linux:8'),
            product('curl-0:7.76.1-31.el9.x86_64', 'pkg:rpm/redhat/curl@7.76.1-31.el9?arch=x86_64'),
            product('curl-0:7.76.1-23.el9_2.x86_64', 'pkg:rpm/redhat/curl@7.76.1-23.el9_2?arch=x86_64'),
            { category: 'product_version', name: 'curl', product: { name: 'curl', product_id: 'curl' } },
          ],
        },
      ],
      relationships: [
        joined('BaseOS-9', 'curl-0:7.76.1-31.el9.x86_64'),
        joined('EUS-9', 'curl-0:7.76.1-23.el9_2.x86_64'),
        joined('red_hat_enterprise_linux_8', 'curl'),
      ],
    },
    vulnerabilities: [
      {
        cve: 'CVE-2026-9',
        title: 'curl: overflow',
        product_status: {
          fixed: ['BaseOS-9:curl-0:7.76.1-31.el9.x86_64', 'EUS-9:curl-0:7.76.1-23.el9_2.x86_64'],
          known_affected: ['red_hat_enterprise_linux_8:curl'],
        },
        remediations: [{ category: 'no_fix_planned', details: 'x', product_ids: ['red_hat_enterprise_linux_8:curl'] }],
        scores: [{ cvss_v3: { vectorString: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N' }, products: [] }],
        threats: [{ category: 'impact', details: 'Moderate' }],
      },
    ],
  };
  const database = await compile(['cve-2026-9.json', JSON.stringify(document, null, 1)]);
  const at = (version: string, release: string) =>
    database
      .match(osPackage('rpm', 'curl', version, `rhel ${release}`))
      .map(({ id, status, fixedVersion, severity }) => [id, status, fixedVersion, severity]);
  assert.deepEqual(at('7.76.1-29.el9', '9.4'), [['CVE-2026-9', 'affected', '7.76.1-31.el9', 'medium']]);
  assert.deepEqual(at('7.76.1-31.el9', '9.4'), []);
  assert.deepEqual(at('7.61.1-34.el8', '8.10'), [['CVE-2026-9', 'will-not-fix', null, 'medium']]);
});

test('programs without a package: the word of their own project stands against that of others', async () => {
  const core = {
    set: 'core',
    file: '1',
    cve: ['CVE-2026-11'],
    vulnerable: '20.x || 22.x',
    patched: '^20.11.1 || ^22.2.0',
    severity: 'high',
  };
  const database = await compile(
    ['nodejs.ndjson', `${JSON.stringify(core)}\n`],
    [
      'bitnami.ndjson',
      osv('BIT-node-1', [range('Bitnami', 'node', { introduced: '20.0.0' }, { last_affected: '20.11.1' })], {
        aliases: ['CVE-2026-11'],
      }) +
        osv('BIT-node-2', [range('Bitnami', 'node', { introduced: '0' }, { fixed: '21.0.0' })], {
          aliases: ['CVE-2026-12'],
        }),
    ],
  );
  const node = (version: string): string[] =>
    ids(database, { type: 'generic', name: 'node', version, source: null, distribution: null });
  assert.deepEqual(
    [node('20.11.0'), node('20.11.1'), node('22.1.0'), node('22.2.0')],
    [['CVE-2026-11', 'CVE-2026-12'], ['CVE-2026-12'], ['CVE-2026-11'], []],
  );
});

test('updates ask only for news, try again, check what the feed says of itself, and one that fails leaves the others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-update-'));
  const agent = new MockAgent();
  agent.disableNetConnect();
  try {
    const store = new AdvisoryStore(folder, systemClock);
    const pool = agent.get('https://feeds.example');
    const good = osv('GHSA-1', [range('npm', 'a', { introduced: '0' })]);
    const options = { dispatcher: agent, retryMs: [1, 1] };
    const digest = digestOf(Buffer.from(good)).slice('sha256:'.length);

    pool.intercept({ path: '/a.ndjson' }).reply(503, 'busy');
    pool.intercept({ path: '/a.ndjson' }).reply(200, good, { headers: { etag: '"1"' } });
    pool.intercept({ path: '/b.ndjson' }).reply(404, 'no');
    pool.intercept({ path: '/c.ndjson.sha256' }).reply(200, `${digest}  c.ndjson\n`);
    pool.intercept({ path: '/c.ndjson' }).reply(200, `${good} `);
    const urls = [
      'https://feeds.example/a.ndjson',
      'https://feeds.example/b.ndjson',
      'https://feeds.example/c.ndjson#checksum=.sha256',
    ];
    const first = await updateAdvisories(store, urls, options);
    assert.deepEqual(
      [first.imported.map(({ name }) => name), first.failed.map(({ fault }) => fault.code)],
      [['a'], ['advisories.fetch-failed', 'advisories.checksum']],
    );

    // What the administrator wrote may be inside; where the feed sends on to may not.
    const moves = ['https://169.254.169.254/a', 'https://[::1]/a', 'https://localhost:1/a', 'http://feeds.example/a'];
    for (const location of moves) {
      pool.intercept({ path: '/m.ndjson' }).reply(302, '', { headers: { location } });
      await assert.rejects(
        updateAdvisories(store, ['https://feeds.example/m.ndjson'], { ...options, retryMs: [] }),
        /not of the public Internet|expected an https/,
        location,
      );
    }

    pool.intercept({ path: '/a.ndjson', headers: { 'if-none-match': '"1"' } }).reply(304, '');
    const second = await updateAdvisories(store, urls.slice(0, 1), options);
    assert.deepEqual([second.imported, second.unchanged, second.revision], [[], urls.slice(0, 1), first.revision]);
    agent.assertNoPendingInterceptors();
  } finally {
    await agent.close();
    rmSync(folder, { recursive: true });
  }
});

test('a feed whose publisher signs it is taken only with a good signature by the key that is believed', async (t) => {
  const missing = ['gpg', 'gpgv'].find((program) => spawnSync(program, ['--version']).status !== 0);
  if (missing !== undefined) return t.skip(`${missing} is not installed`);
  const folder = mkdtempSync(join(tmpdir(), 'darsena-pgp-'));
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o700 });
  const gpg = (args: readonly string[], input?: string): Buffer => {
    const all = ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args];
    const { status, stdout, stderr } = spawnSync('gpg', all, { input });
    assert.equal(status, 0, stderr.toString());
    return stdout;
  };
  const agent = new MockAgent();
  agent.disableNetConnect();
  try {
    for (const who of ['publisher', 'stranger'])
      gpg(['--quick-generate-key', `${who}@example`, 'ed25519', 'sign', '1d']);
    const keyOf = (who: string): string => gpg(['--armor', '--export', `${who}@example`]).toString();
    const printOf = (who: string): string =>
      /^fpr:+([0-9A-F]{40}):/m.exec(gpg(['--with-colons', '--list-keys', `${who}@example`]).toString())?.[1] ?? '';
    const feed = osv('GHSA-1', [range('npm', 'a', { introduced: '0' })]);
    const sign = (who: string): Buffer => gpg(['--armor', '--detach-sign', '--local-user', `${who}@example`], feed);
    const [good, strange] = [sign('publisher'), sign('stranger')];
    const inside = (how: '--sign' | '--clearsign'): Buffer => gpg([how, '--local-user', 'publisher@example'], feed);
    const store = new AdvisoryStore(join(folder, 'store'), systemClock);
    const pool = agent.get('https://feeds.example');
    let tries = 0;
    const ask = async (
      signature: Buffer | number,
      { body = feed, keys = [keyOf('publisher')], demands = 'signature=.asc' },
    ): Promise<string> => {
      const [status, said] = typeof signature === 'number' ? [signature, ''] : [200, signature];
      // A folder a try: some refusals come before anything is fetched.
      const place = `/${tries++}/a.ndjson`;
      pool.intercept({ path: `${place}.asc` }).reply(status, said);
      pool.intercept({ path: place }).reply(200, body);
      const options = { dispatcher: agent, retryMs: [], pgpKeys: keys, force: true };
      const url = `https://feeds.example${place}#${demands}`;
      const outcome = await updateAdvisories(store, [url], options).catch((error: unknown) => error);
      return outcome instanceof Fault ? `${outcome.code}: ${outcome.toProblem('en').detail}` : 'taken';
    };
    const pinned = (who: string): string => `signature=.asc&signer=${printOf(who)}`;
    const path = join(folder, 'ring.gpg');
    writeFileSync(path, gpg(['--export']));
    const refused = 'advisories.signature';
    for (const [expected, one] of [
      [`${refused}.*none of the given keys`, () => ask(strange, {})],
      [`${refused}.*it was changed`, () => ask(good, { body: `${feed} ` })],
      [`${refused}.*no key of its publisher`, () => ask(good, { keys: [] })],
      [`${refused}.*no OpenPGP public key`, () => ask(good, { keys: ['-----BEGIN PGP PUBLIC KEY BLOCK-----'] })],
      [`${refused}.*no signature`, () => ask(Buffer.from('nonsense'), {})],
      // Something else that the publisher signed, with its signature around it, says nothing about the feed.
      [`${refused}.*no signature`, () => ask(inside('--sign'), { body: `${feed} ` })],
      [`${refused}.*no signature`, () => ask(inside('--clearsign'), { body: `${feed} ` })],
      [`${refused}.*names a signer`, () => ask(good, { demands: `signer=${printOf('publisher')}` })],
      [`${refused}.*not [0-9A-F]{40} signed it`, () => ask(good, { keys: [path], demands: pinned('stranger') })],
      ['advisories.fetch-failed.*signature is missing', () => ask(404, {})],
    ] as const) {
      assert.match(await one(), new RegExp(expected, 's'));
    }
    assert.equal((await store.sources()).length, 0, 'nothing of what was refused stays');
    assert.equal(await ask(good, {}), 'taken');
    assert.equal(await ask(good, { keys: [path], demands: pinned('publisher') }), 'taken');
  } finally {
    spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
    await agent.close();
    rmSync(folder, { recursive: true });
  }
});

test('of a list of checksums the line of the file counts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-sums-'));
  const agent = new MockAgent();
  agent.disableNetConnect();
  try {
    const store = new AdvisoryStore(folder, systemClock);
    const pool = agent.get('https://feeds.example');
    const feed = osv('GHSA-1', [range('npm', 'a', { introduced: '0' })]);
    const [right, wrong] = [digestOf(Buffer.from(feed)).slice('sha256:'.length), '0'.repeat(64)];
    const lists: readonly (readonly [string, string])[] = [
      [`${wrong}  b.ndjson\n${right} *./a.ndjson\n`, 'taken'],
      [`SHA256 (b.ndjson) = ${wrong}\nSHA256 (a.ndjson) = ${right}\n`, 'taken'],
      [`${right}  b.ndjson\n${wrong}  a.ndjson\n`, 'advisories.checksum'],
      [`${right}  b.ndjson\n${wrong}  c.ndjson\n`, 'advisories.fetch-failed'],
    ];
    for (const [list, expected] of lists) {
      pool.intercept({ path: '/x/SHA256SUMS' }).reply(200, list);
      pool.intercept({ path: '/x/a.ndjson' }).reply(200, feed);
      const options = { dispatcher: agent, retryMs: [], force: true };
      const url = 'https://feeds.example/x/a.ndjson#checksum=SHA256SUMS';
      const outcome = await updateAdvisories(store, [url], options).catch((error: unknown) => error);
      assert.equal(outcome instanceof Fault ? outcome.code : 'taken', expected, list);
    }
  } finally {
    await agent.close();
    rmSync(folder, { recursive: true });
  }
});

test('S9: an exported database is taken only whole, signed and not older', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-artifact-'));
  try {
    const [home, away] = [join(folder, 'home'), join(folder, 'away')];
    const publisher = new AdvisoryStore(home, systemClock);
    await publisher.import([input('npm.ndjson', osv('GHSA-1', [range('npm', 'a', { introduced: '0' })]))]);
    const packed = await packAdvisories(publisher, home);
    assert.ok(packed);
    const layer = readFileSync(packed.layer.path);
    rmSync(packed.layer.path);
    const bundle = Buffer.from('a signature');
    const referrer = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: packed.mediaType,
        artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: packed.config.digest, size: 2 },
        layers: [
          { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', digest: digestOf(bundle), size: bundle.length },
        ],
        subject: {
          mediaType: packed.mediaType,
          digest: digestOf(packed.manifestBytes),
          size: packed.manifestBytes.length,
        },
      }),
    );
    const archiveOf = async (layerBytes: Uint8Array): Promise<Buffer> => {
      const blob = (bytes: Uint8Array, digest = digestOf(bytes)) => ({
        path: `blobs/${digest.replace(':', '/')}`,
        bytes,
      });
      const entry = (bytes: Uint8Array) => ({
        mediaType: packed.mediaType,
        digest: digestOf(bytes),
        size: bytes.length,
      });
      const index = {
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [entry(packed.manifestBytes), entry(referrer)],
      };
      const parts: Uint8Array[] = [];
      const files = [
        { path: 'oci-layout', bytes: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
        { path: 'index.json', bytes: Buffer.from(JSON.stringify(index)) },
        blob(packed.manifestBytes),
        blob(referrer),
        blob(packed.config.bytes),
        blob(bundle),
        blob(layerBytes, packed.layer.digest),
      ];
      for await (const part of packTar(
        files.map(({ path, bytes }) => ({ path, content: bytes, mode: 0o644 })) as never,
      ))
        parts.push(part);
      return Buffer.concat(parts);
    };
    const whole = await archiveOf(layer);
    const store = new AdvisoryStore(away, systemClock);
    const take = async (bytes: Uint8Array, isBelieved = true, force = false): Promise<unknown> => {
      const source = async function* () {
        yield bytes;
      };
      const path = await receiveArtifact(away, source(), (digest, bundles) => {
        assert.deepEqual([digest, bundles.map(String)], [digestOf(packed.manifestBytes), ['a signature']]);
        return isBelieved;
      });
      return store.adopt(path, { force }).finally(() => rmSync(path));
    };
    const flipped = Buffer.from(layer);
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
    const cases: [string, () => Promise<unknown>, string][] = [
      ['unsigned', () => take(whole, false), 'advisories.unsigned'],
      ['cut', () => take(whole.subarray(0, whole.length - 2048)), 'advisories.artifact-invalid'],
      ['one bit changed', async () => take(await archiveOf(flipped)), 'advisories.artifact-invalid'],
      ['no archive', () => take(Buffer.from('hello')), 'advisories.artifact-invalid'],
      ['empty', () => take(Buffer.alloc(0)), 'advisories.artifact-invalid'],
    ];
    for (const [name, run, code] of cases) assert.equal(await codeOf(run()), code, name);
    assert.equal((await store.sources()).length, 0);
    await take(whole);
    const query: PackageQuery = { type: 'npm', name: 'a', version: '1.0.0', source: null, distribution: null };
    assert.deepEqual(ids(await store.current(), query), ['GHSA-1']);

    // What is newer here stays: the archive is older now.
    const newer = osv('GHSA-2', [range('npm', 'a', { introduced: '0' })]).replace('2026-03', '2026-04');
    await store.import([
      input('npm.ndjson', newer),
      input('own.ndjson', osv('GHSA-3', [range('npm', 'a', { introduced: '0' })])),
    ]);
    assert.equal(await codeOf(take(whole)), 'advisories.older');
    assert.deepEqual(ids(await store.current(), query), ['GHSA-2', 'GHSA-3']);
    await take(whole, true, true);
    assert.deepEqual(
      ids(await store.current(), query),
      ['GHSA-1', 'GHSA-3'],
      'forced, and sources of this machine stay',
    );
    writeFileSync(join(away, '.import-dead.db'), 'x');
    assert.deepEqual(readdirSync(away).sort(), ['.import-dead.db', 'advisories.db']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
