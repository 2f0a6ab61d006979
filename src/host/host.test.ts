import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  type AdvisoryDatabase,
  type AdvisoryInput,
  compileAdvisories,
  type KernelAdvisory,
  parseKernelRelease,
} from '../advisories/index.ts';
import { openDatabase, systemClock } from '../system/index.ts';
import { answerKernel, kernelStatements } from './answer.ts';
import { checkKernelConfig } from './bench/kernel-hardening.ts';
import { type MachineFacts, machineFacts, readMachineFacts } from './facts.ts';
import { gatherFacts, sourceOfUbuntu } from './gather.ts';
import { parseKernelConfig } from './kernel-config.ts';
import { type HostTables, Machines } from './machines.ts';
import { hostMigrations } from './migrations.ts';
import { toKernelVex } from './openvex.ts';
import { judgeRuntimes } from './runtimes.ts';
import { SHIELD, type ShieldEntry } from './shield/feed.ts';
import { judgeMachine, type KernelTruth } from './truth.ts';
import { wayOutOf } from './way-out.ts';

const DATA = process.env['DARSENA_TEST_DATA'];
const NO_DATA = 'DARSENA_TEST_DATA is not set';

const advisory = (changes: Partial<KernelAdvisory>): KernelAdvisory => ({
  id: 'CVE-2024-10000',
  title: 'a fault',
  severity: 'unknown',
  cvss: null,
  kev: false,
  epss: null,
  files: ['net/sctp/socket.c'],
  introduced: ['5.13'],
  mainline: true,
  free: [{ from: '0', to: '5.13' }],
  fixes: [
    { branch: '6.1', release: '6.1.83', commit: 'aaaaaaaaaaaa' },
    { branch: null, release: '6.9', commit: 'bbbbbbbbbbbb' },
  ],
  stable: [],
  ...changes,
});

const facts = (release: string, changes: Record<string, unknown> = {}): MachineFacts =>
  machineFacts.parse({ kernel: { release }, ...changes });

const judgeOne = (one: KernelAdvisory, of: MachineFacts): KernelTruth => {
  const [truth] = judgeMachine(of, [one]);
  assert.ok(truth);
  return truth;
};

/** A whole configuration as far as its length goes. */
const config = (lines: string): MachineFacts['config'] =>
  parseKernelConfig(
    `${lines}\n${Array.from({ length: 600 }, (_, index) => `CONFIG_FILL_${index}=y`).join('\n')}`,
    'test',
  );

test('a release is judged by its own branch first: fixed in 6.1.83 says nothing of 6.6, and 6.9 nothing of 6.1', () => {
  const states = ['5.12.19', '5.13', '6.1.82', '6.1.83', '6.6.30', '6.8.12', '6.9', '6.9-rc7', '7.1', '2.6.32'].map(
    (release) => [release, judgeOne(advisory({}), facts(release)).state],
  );
  assert.deepEqual(Object.fromEntries(states), {
    '5.12.19': 'not-affected',
    '5.13': 'exposed',
    '6.1.82': 'exposed',
    '6.1.83': 'not-affected',
    '6.6.30': 'exposed',
    '6.8.12': 'exposed',
    '6.9': 'not-affected',
    '6.9-rc7': 'exposed',
    '7.1': 'not-affected',
    '2.6.32': 'not-affected',
  });
});

test('a number that only names an interface or a starting point is unknown, one that is the release is judged', () => {
  const state = (release: string): string => judgeOne(advisory({}), facts(release)).state;
  const foreign = [
    ...['5.15.0-122-generic', '5.15.0-1070-gke', '6.1.0-13-amd64', '3.16.0-11-amd64', '2.6.32-5-amd64'],
    ...['5.14.0-503.14.1.el9_5.x86_64', '4.18.0-553.rt7.342.el8_10.x86_64', '5.4.17-2136.338.4.2.el8uek.x86_64'],
    ...['5.14.21-150500.55.59-default', '4.12.14-16.139-azure', '6.4.0-150600.23.7-rt', '6.10.5-1-default'],
    ...['5.10.0-136.12.0.86.oe2203sp1.x86_64', '4.19.90-52.22.v2207.ky10.x86_64'],
  ];
  for (const release of foreign) assert.equal(state(release), 'unknown', release);
  const own: readonly (readonly [string, string])[] = [
    ['6.1.82-99.168.amzn2023.x86_64', 'exposed'],
    ['6.1.83-99.168.amzn2023.x86_64', 'not-affected'],
    ['6.12.43+deb13-amd64', 'not-affected'],
    ['6.8.12+bpo-amd64', 'exposed'],
    ['6.8.0-63.fc40.x86_64', 'exposed'],
    ['6.6.30-0-lts', 'exposed'],
    ['6.6.30.1-microsoft-standard-WSL2', 'exposed'],
    ['6.6.30-talos', 'exposed'],
    ['6.11.5-arch1-1', 'not-affected'],
    ['5.12.0-0-lts', 'not-affected'],
  ];
  for (const [release, wanted] of own) assert.equal(state(release), wanted, release);
});

test('a candidate of a distribution is one, and what is no number of a release is not read as a part of it', () => {
  const early = advisory({ fixes: [{ branch: null, release: '6.18', commit: null }] });
  assert.equal(judgeOne(early, facts('6.18.0-0.rc3.251028g.31.fc44.x86_64')).reason, 'release-candidate');
  assert.equal(judgeOne(early, facts('6.18.0-200.fc44.x86_64')).state, 'not-affected');
  for (const text of ['6.1.99999', '6.1.2.3.4', '6', 'abc', '']) assert.equal(parseKernelRelease(text), null, text);
  assert.equal(parseKernelRelease('6.6.87.2-microsoft-standard-WSL2')?.text, '6.6.87.2');
  for (const name of ['6.1.0-rpi7-rpi-v8', '6.8.12-1-pve', '5.4.17-2136.330.7.1.el8uek.x86_64'])
    assert.equal(judgeOne(advisory({}), facts(name)).state, 'unknown', name);
});

test('2.6.N is a release of the main line, and 2.6.N.M one of its stable branch', () => {
  const old = advisory({
    introduced: ['2.6.19'],
    free: [{ from: '0', to: '2.6.19' }],
    fixes: [
      { branch: '2.6.32', release: '2.6.32.27', commit: null },
      { branch: null, release: '2.6.37', commit: null },
    ],
  });
  const state = (release: string): string => judgeOne(old, facts(release)).state;
  assert.deepEqual(['2.6.18.8', '2.6.19', '2.6.32', '2.6.32.26', '2.6.32.27', '2.6.36.4', '2.6.37', '3.0'].map(state), [
    'not-affected',
    'exposed',
    'exposed',
    'exposed',
    'not-affected',
    'exposed',
    'not-affected',
    'not-affected',
  ]);
});

test('a fault that a backport brought into one stable branch is in that branch alone', () => {
  const backported = advisory({
    mainline: false,
    introduced: [],
    free: [],
    fixes: [],
    stable: [
      { from: '5.10.215', to: '5.10.218' },
      { from: '4.14.189', to: '4.15' },
    ],
  });
  const state = (release: string): string => judgeOne(backported, facts(release)).state;
  assert.deepEqual(['5.10.214', '5.10.215', '5.10.218', '5.11', '4.14.300', '4.15.1'].map(state), [
    'not-affected',
    'exposed',
    'not-affected',
    'not-affected',
    'exposed',
    'not-affected',
  ]);
});

test('a fix that was taken back and made again counts from the last one', () => {
  const again = advisory({
    fixes: [
      { branch: '4.14', release: '4.14.303', commit: null },
      { branch: '4.14', release: '4.14.305', commit: null },
      { branch: null, release: '6.2', commit: null },
    ],
    introduced: ['4.5'],
    free: [{ from: '0', to: '4.5' }],
  });
  assert.equal(judgeOne(again, facts('4.14.304')).state, 'exposed');
  assert.match(judgeOne(again, facts('4.14.304')).evidence[0]?.en ?? '', /earlier fix of this branch did not hold/);
  assert.equal(judgeOne(again, facts('4.14.305')).state, 'not-affected');
});

test('a record without the main line’s fix is closed behind the newest branch that has it', () => {
  const open = advisory({ fixes: [{ branch: '5.17', release: '5.17.2', commit: null }] });
  assert.deepEqual(
    ['5.16.1', '5.17.1', '5.17.2', '6.1'].map((release) => judgeOne(open, facts(release)).state),
    ['exposed', 'exposed', 'not-affected', 'not-affected'],
  );
});

test('code that is not built, not there or not for this machine cannot be reached, with the option or module as evidence', () => {
  const reasonOf = (files: readonly string[], changes: Record<string, unknown>): string => {
    const { state, reason } = judgeOne(advisory({ files: [...files] }), facts('6.1.50', changes));
    return `${state} ${reason}`;
  };
  const sctp = ['net/sctp/socket.c'];
  assert.equal(
    reasonOf(sctp, { config: config('CONFIG_NET=y\n# CONFIG_IP_SCTP is not set') }),
    'not-reachable configuration',
  );
  assert.equal(reasonOf(sctp, { config: config('CONFIG_NET=y\nCONFIG_IP_SCTP=y') }), 'exposed release');
  // Nothing is said of an option in an excerpt.
  assert.equal(reasonOf(sctp, { config: parseKernelConfig('CONFIG_NET=y', 'excerpt') }), 'exposed release');
  const asModule = { config: config('CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_INET=y\nCONFIG_IP_SCTP=m') };
  assert.equal(reasonOf(sctp, asModule), 'exposed release');
  assert.equal(
    reasonOf(sctp, { ...asModule, modules: { loaded: [], available: ['xfs'] } }),
    'not-reachable module-absent',
  );
  const there = { loaded: [], available: ['sctp'] };
  assert.equal(reasonOf(sctp, { ...asModule, modules: there }), 'exposed release');
  const blocked = [{ name: 'sctp', by: '/etc/modprobe.d/x.conf' }];
  assert.equal(reasonOf(sctp, { ...asModule, modules: { ...there, blocked } }), 'not-reachable module-blocked');
  const loaded = [{ name: 'sctp' }];
  assert.equal(reasonOf(sctp, { ...asModule, modules: { ...there, blocked, loaded } }), 'exposed release');
  assert.equal(
    reasonOf(sctp, { ...asModule, modules: there, sysctls: { 'kernel.modules_disabled': '1' } }),
    'not-reachable module-blocked',
  );
  assert.equal(reasonOf(['arch/arm64/kvm/arm.c'], {}), 'not-reachable architecture');
  assert.equal(reasonOf(['arch/x86/kvm/x86.c'], {}), 'exposed release');
  assert.equal(
    reasonOf(['io_uring/net.c'], { sysctls: { 'kernel.io_uring_disabled': '2' } }),
    'not-reachable path-closed',
  );
  assert.equal(reasonOf(['io_uring/net.c'], { sysctls: { 'kernel.io_uring_disabled': '1' } }), 'exposed release');
  // One file that can be reached is enough, and a header of the whole kernel always can.
  const off = { config: config('CONFIG_NET=y\n# CONFIG_IP_SCTP is not set') };
  assert.equal(reasonOf([...sctp, 'net/core/sock.c'], off), 'exposed release');
  assert.equal(reasonOf([...sctp, 'include/linux/skbuff.h'], off), 'exposed release');
  const bluetooth = ['net/bluetooth/hci_core.c', 'include/net/bluetooth/hci_core.h'];
  const noBluetooth = { config: config('CONFIG_NET=y\n# CONFIG_BT is not set') };
  assert.equal(reasonOf(bluetooth, noBluetooth), 'not-reachable configuration');
});

test('a changelog that names the fix stands over the number; a live patch and a control over what is open', () => {
  const debian = { source: 'linux', version: '6.1.55-1' };
  const kernel = { release: '6.1.0-13-amd64', upstream: '6.1.55', package: debian };
  const of = (changes: Record<string, unknown>): KernelTruth =>
    judgeOne(advisory({}), machineFacts.parse({ kernel, ...changes }));
  assert.equal(of({}).state, 'exposed');
  assert.equal(of({ fixes: { 'CVE-2024-10000': '6.1.52-1' } }).reason, 'changelog');
  const patch = { name: 'fix1', enabled: true, cves: ['CVE-2024-10000'] };
  assert.equal(of({ livePatches: [patch] }).state, 'live-patched');
  assert.equal(of({ livePatches: [{ ...patch, transition: true }] }).state, 'exposed');
  assert.equal(of({ livePatches: [{ ...patch, enabled: false }] }).state, 'exposed');
  const control = {
    id: 'sctp-off',
    cves: ['CVE-2024-10000'],
    control: 'seccomp socket(SCTP)',
    since: '2026-01-01T00:00:00Z',
  };
  assert.equal(of({ mitigations: [control] }).state, 'mitigated');
  assert.equal(of({ mitigations: [control] }).since, '2026-01-01T00:00:00Z');
  // A distribution whose number is only a name, and of which nothing is known, is unknown and not clean.
  assert.equal(judgeOne(advisory({}), facts('5.14.0-503.el9.x86_64')).state, 'unknown');
  assert.equal(judgeOne(advisory({}), facts('6.1.0-13-amd64')).state, 'unknown');
});

test('without advisories the answer is "no data", never clean', () => {
  const answer = answerKernel(
    facts('6.1.50'),
    { kernel: () => [], sources: () => [], revision: 'none' } as unknown as AdvisoryDatabase,
    systemClock,
  );
  assert.equal(answer.data.state, 'no-data');
  assert.equal(answer.summary, null);
});

test('a clock that is wrong by hours or ten years is said: of the feed’s age, and of each host', async (t) => {
  const updatedAt = '2026-11-20T00:00:00Z';
  const source = { name: 'linux', hasKernel: true, updatedAt, maxAgeDays: 30 };
  const at = (now: string) => {
    const clock = { ...systemClock, now: () => new Date(now) };
    const ageSeconds = Math.max(0, (Date.parse(now) - Date.parse(updatedAt)) / 1000);
    const database = {
      ...{ kernel: () => [advisory({})], statements: () => new Map(), revision: 'one' },
      sources: () => [{ ...source, ageSeconds }],
    } as unknown as AdvisoryDatabase;
    const { isOld, isAhead } = answerKernel(facts('6.1.50'), database, clock).data;
    return { isOld, isAhead };
  };
  assert.deepEqual(at('2026-11-22T00:00:00Z'), { isOld: false, isAhead: false });
  assert.deepEqual(at('2026-11-19T12:00:00Z'), { isOld: false, isAhead: false }, 'another zone');
  assert.deepEqual(at('2016-11-22T00:00:00Z'), { isOld: false, isAhead: true });
  assert.deepEqual(at('2036-11-22T00:00:00Z'), { isOld: true, isAhead: false });

  const opened = await openDatabase<HostTables>('sqlite::memory:', hostMigrations);
  t.after(() => opened.close());
  const none = { kernel: () => [], sources: () => [], revision: 'none' } as unknown as AdvisoryDatabase;
  const clock = { ...systemClock, now: () => new Date('2026-11-22T00:00:00Z') };
  const machines = new Machines({ db: opened.db as never, clock, advisories: async () => none });
  const told: readonly (readonly [string, string | undefined, number | null])[] = [
    ['right', '2026-11-21T23:59:59Z', -1],
    ['behind', '2016-11-24T00:00:00Z', -10 * 365 * 86_400],
    ['ahead', '2026-11-22T05:00:00Z', 5 * 3_600],
    ['silent', undefined, null],
  ];
  for (const [host, gatheredAt] of told) await machines.take(host, { kernel: { release: '6.1.50' }, gatheredAt });
  const views = new Map((await machines.views()).map(({ host, clockOffSeconds }) => [host, clockOffSeconds]));
  for (const [host, , off] of told) assert.equal(views.get(host), off, host);
});

test('facts are gathered from the files of a machine', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'darsena-host-'));
  t.after(() => rmSync(root, { recursive: true }));
  const put = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const note = Buffer.concat([
    Buffer.from('040000001400000003000000', 'hex'),
    Buffer.from('GNU\0'),
    Buffer.alloc(20, 0xab),
  ]);
  put(
    'sys/kernel/notes',
    Buffer.concat([
      Buffer.from('0400000004000000010000004c696e757800000000000000', 'hex').subarray(0, 16),
      Buffer.alloc(4),
      note,
    ]),
  );
  put('proc/sys/kernel/osrelease', '6.1.0-56-amd64\n');
  put('proc/sys/kernel/version', '#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-08-01)\n');
  put('proc/cmdline', 'root=/dev/sda quiet\n');
  put('proc/modules', 'sctp 442368 4 - Live 0x0\nlibcrc32c 16384 1 sctp, Live 0x0\n');
  put(
    'lib/modules/6.1.0-56-amd64/modules.dep',
    'kernel/net/sctp/sctp.ko: kernel/lib/libcrc32c.ko\nkernel/fs/xfs/xfs.ko.xz:\nkernel/lib/libcrc32c.ko:\n',
  );
  put('boot/config-6.1.0-56-amd64', 'CONFIG_NET=y\n# CONFIG_IP_DCCP is not set\nCONFIG_LSM="lockdown,yama"\n');
  put('etc/os-release', 'ID=debian\nVERSION_ID="12"\n');
  put('etc/modprobe.d/off.conf', '# comment\ninstall dccp /bin/false\nblacklist pcspkr\n');
  put('proc/sys/kernel/io_uring_disabled', '2\n');
  put('sys/kernel/livepatch/fix1/enabled', '1\n');
  put('sys/kernel/livepatch/fix1/transition', '0\n');
  put('var/lib/darsena-patches/fix1.json', '{"cves":["CVE-2024-1086"]}');
  put('run/reboot-required', '');
  put('run/reboot-required.pkgs', 'linux-image-amd64\n');
  put(
    'usr/share/doc/linux-image-6.1.0-56-amd64/changelog.Debian.gz',
    gzipSync(
      'linux (6.1.192-2) x; urgency=high\n\n  * net: fix (CVE-2026-1111)\n\nlinux (6.1.190-1) x; urgency=low\n\n  * fs: fix (CVE-2026-2222)\n  * Revert "mm: x (CVE-2026-3333)"\n',
    ),
  );
  put('usr/sbin/runc', '');
  put(
    'usr/share/doc/runc/changelog.Debian.gz',
    gzipSync('runc (1.1.5+ds1-1+deb12u1) x; urgency=high\n\n  * CVE-2024-21626\n'),
  );
  put(
    'var/lib/dpkg/status',
    'Package: runc\nStatus: install ok installed\nVersion: 1.1.5+ds1-1+deb12u1\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n',
  );
  const found = gatherFacts(
    root,
    { release: 'x', version: 'x', machine: 'x86_64', host: 'h' },
    '2026-11-22T00:00:00.000Z',
  );
  assert.equal(found.kernel.buildId, 'ab'.repeat(20));
  assert.equal(found.kernel.upstream, '6.1.192');
  assert.deepEqual(found.kernel.package, { source: 'linux', version: '6.1.192-2' });
  assert.deepEqual(
    found.modules.loaded?.map(({ name, references, usedBy }) => [name, references, usedBy]),
    [
      ['sctp', 4, []],
      ['libcrc32c', 1, ['sctp']],
    ],
  );
  assert.deepEqual(found.modules.available, ['sctp', 'xfs', 'libcrc32c']);
  assert.deepEqual(found.modules.blocked, [{ name: 'dccp', by: '/etc/modprobe.d/off.conf' }]);
  assert.equal(found.config?.options['LSM'], 'lockdown,yama');
  assert.equal(found.sysctls['kernel.io_uring_disabled'], '2');
  assert.deepEqual(found.livePatches[0]?.cves, ['CVE-2024-1086']);
  assert.deepEqual(found.reboot, { isRequired: true, because: ['linux-image-amd64'] });
  assert.deepEqual(found.fixes, { 'CVE-2026-1111': '6.1.192-2', 'CVE-2026-2222': '6.1.190-1' });
  assert.deepEqual(readMachineFacts(JSON.parse(JSON.stringify(found)), 'copy'), found);
  const [runc] = judgeRuntimes(found, null);
  const states = Object.fromEntries((runc?.issues ?? []).map(({ cve, state }) => [cve, state]));
  assert.equal(states['CVE-2019-5736'], 'not-affected');
  assert.equal(states['CVE-2024-21626'], 'not-affected');
  assert.equal(states['CVE-2025-31133'], 'exposed');
});

test('a candidate that Debian or Ubuntu built is judged as one, and not as the release that it is named after', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'darsena-candidate-'));
  t.after(() => rmSync(root, { recursive: true }));
  const put = (path: string, content: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const fixed = advisory({ fixes: [{ branch: null, release: '6.18', commit: null }] });
  const look = () => {
    const identity = { release: '', version: '', machine: 'x86_64', host: 'h' };
    const found = gatherFacts(root, identity, '2026-11-22T00:00:00.000Z');
    return [found.kernel.upstream, judgeOne(fixed, found).reason];
  };
  put('proc/sys/kernel/osrelease', '6.18-rc4-amd64\n');
  put('proc/sys/kernel/version', '#1 SMP PREEMPT_DYNAMIC Debian 6.18~rc4-1~exp1 (2025-11-03)\n');
  assert.deepEqual(look(), ['6.18-rc4', 'release-candidate']);
  put('proc/sys/kernel/version', '#1 SMP PREEMPT_DYNAMIC Debian 6.18.1-1 (2025-12-09)\n');
  assert.deepEqual(look(), ['6.18.1', 'fixed-upstream']);
  put('proc/sys/kernel/osrelease', '6.18.0-3-generic\n');
  put('proc/sys/kernel/version', '#3-Ubuntu SMP PREEMPT_DYNAMIC\n');
  put('proc/version_signature', 'Ubuntu 6.18.0-3.3-generic 6.18.0-rc3\n');
  assert.deepEqual(look(), ['6.18.0-rc3', 'release-candidate']);
});

test('what a distribution says of its own kernels says nothing of one from backports or of another line', () => {
  const saying = (fixedVersion: string) =>
    ({
      statements: () => new Map([['CVE-2024-1', { affected: false, fixedVersion }]]),
      urgencyOf: () => ({ kev: false, epss: null }),
    }) as unknown as AdvisoryDatabase;
  const count = (release: string, version: string, fixed: string, id = 'debian', of = '12') =>
    kernelStatements(
      facts(release, {
        kernel: { release, package: { source: 'linux', version } },
        distribution: { id, version: of, idLike: [] },
      }),
      saying(fixed),
    ).size;
  assert.equal(count('6.1.0-40-amd64', '6.1.153-1', '6.1.140-1'), 1);
  assert.equal(count('6.1.0-40-amd64', '6.1.153-1', '2.6.32-1'), 0, 'nothing was ever mended in 6.1');
  assert.equal(count('6.12.32+bpo-amd64', '6.12.32-1~bpo12+1', '6.12.9-1'), 0);
  assert.equal(count('6.12.48+deb13-amd64', '6.12.48-1', '6.12.9-1'), 0);
  assert.equal(count('6.12.48+deb13-amd64', '6.12.48-1', '6.12.9-1', 'debian', '13'), 1);
  assert.equal(count('6.11.5-1.el9.elrepo.x86_64', '6.11.5-1.el9.elrepo', '5.14.0-427.el9', 'rhel', '9'), 0);
  assert.equal(sourceOfUbuntu('6.8.0-45.45', 'generic'), 'linux');
  assert.equal(sourceOfUbuntu('6.8.0-45.45~22.04.1', 'generic'), 'linux-hwe-6.8');
  assert.equal(sourceOfUbuntu('6.8.0-1012.13', 'aws'), 'linux-aws');
  assert.equal(sourceOfUbuntu('6.8.0-1012.13~22.04.1', 'azure'), 'linux-azure-6.8');
});

test('a kernel of Raspberry Pi OS is not one of Debian’s, which its version would be newer than', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'darsena-pi-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'proc/sys/kernel'), { recursive: true });
  writeFileSync(join(root, 'proc/sys/kernel/osrelease'), '6.6.31+rpt-rpi-v8\n');
  writeFileSync(join(root, 'proc/sys/kernel/version'), '#1 SMP PREEMPT Debian 1:6.6.31-1+rpt1 (2024-05-29)\n');
  const identity = { release: '', version: '', machine: 'aarch64', host: 'h' };
  const { kernel } = gatherFacts(root, identity, '2026-11-22T00:00:00.000Z');
  assert.deepEqual([kernel.package, kernel.upstream], [null, '6.6.31']);
});

test('hardening options are judged as the data of ten kernels judges them', (t) => {
  if (DATA === undefined) return t.skip(NO_DATA);
  const rows = gunzipSync(readFileSync(join(DATA, 'posture', 'kernel-hardening.ndjson.gz')))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Judged);
  for (const { config: name, config_text: configText, checks } of rows) {
    const release = /Linux\/\S+ (\S+)/.exec(configText)?.[1] ?? '';
    const results = checkKernelConfig(readMachineFacts({ kernel: { release }, configText }, name));
    const found = new Map(results.map(({ id, state }) => [id, state]));
    for (const { option_name: option, desired_val: desired, check_result_bool: isGood } of checks) {
      const own = option.replace('CONFIG_', '');
      const id = desired.startsWith('*') ? `kernel.${own}.${desired.slice(1, -1)}` : `kernel.${own}`;
      assert.equal(found.get(id), isGood ? 'pass' : 'fail', `${name} ${id}`);
    }
  }
});

interface Judged {
  readonly config: string;
  readonly config_text: string;
  readonly checks: readonly {
    readonly option_name: string;
    readonly desired_val: string;
    readonly check_result_bool: boolean;
  }[];
}

test('a file of facts that is none is refused with its place', () => {
  for (const [value, why] of [
    [null, /kernel/],
    [{ kernel: { release: 'abc' } }, /no release/],
    [{ kernel: { release: '6.1' }, livePatches: [{ name: 'x' }] }, /enabled/],
    [{ kernel: { release: '6.1' }, fixes: { nonsense: '1' } }, /fixes/],
  ] as const) {
    assert.throws(() => readMachineFacts(value, 'f.json'), { code: 'host.facts-unreadable', message: why });
  }
});

test('hosts of one build are judged once; a question about the fleet counts each and says its way out', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-machines-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const opened = await openDatabase<HostTables>(`sqlite:${join(folder, 'x.db')}`, hostMigrations);
  t.after(() => opened.close());
  const known = advisory({ files: ['net/sctp/socket.c'] });
  const database = {
    kernel: () => [known],
    sources: () => [],
    statements: () => new Map(),
    urgencyOf: () => ({ kev: false, epss: null }),
    revision: 'one',
  } as unknown as AdvisoryDatabase;
  const make = (): Machines =>
    new Machines({ db: opened.db as never, clock: systemClock, advisories: async () => database });
  const machines = make();
  const build = config('CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_INET=y\nCONFIG_IP_SCTP=m');
  const of = (release: string, uptimeSeconds: number, loaded: readonly string[]): unknown => ({
    kernel: { release },
    uptimeSeconds,
    config: build,
    modules: {
      loaded: loaded.map((name, index) => ({ name, references: uptimeSeconds + index })),
      available: ['sctp'],
    },
  });
  assert.equal(await machines.take('a', of('6.1.50', 1, [])), true);
  assert.equal(await machines.take('a', of('6.1.50', 2, [])), false);
  await machines.take('b', of('6.1.50', 3, []));
  await machines.take('c', of('6.1.50', 3, ['sctp']));
  await machines.take('d', of('6.1.99', 3, []));
  assert.equal(await machines.judgeAll(), 3);
  const answer = await machines.where('CVE-2024-10000', 10);
  assert.deepEqual(
    answer.items.map(({ host, state, wayOut }) => [host, state, wayOut?.kind ?? null]),
    [
      ['a', 'exposed', 'block-module'],
      ['b', 'exposed', 'block-module'],
      ['c', 'exposed', 'upgrade'],
      ['d', 'not-affected', null],
    ],
  );
  assert.equal(answer.summary.exposed, 3);
  // What is kept is what is known after a start, each host with its own.
  const again = make();
  await again.open();
  assert.equal(again.facts('c').modules.loaded?.[0]?.references, 3);
  assert.equal((await again.views()).length, 4);
  await assert.rejects(again.where('CVE-2000-1000', 10), { code: 'host.cve-unknown' });
  // One that only the shield knows is told as that, and never as clean.
  const unrecorded = await again.where('CVE-2024-1086', 10);
  assert.deepEqual([unrecorded.summary.unknown, unrecorded.hosts], [4, 4]);
  assert.match(unrecorded.items[0]?.evidence[0]?.en ?? '', /neither the kernel’s own authority/);
  assert.throws(() => again.facts('nobody'), { code: 'host.unknown' });
  await assert.rejects(again.take('a', { kernel: {} }), { code: 'host.facts-unreadable' });
});

test('the way out is the cheapest safe one: a patch for this very build, then the shield, then a restart', () => {
  const buildId = 'ab'.repeat(20);
  const one = advisory({ files: ['net/ipv4/tcp.c'] });
  const of = (changes: Record<string, unknown> = {}): MachineFacts =>
    facts('6.1.50', { kernel: { release: '6.1.50', buildId }, ...changes });
  const truth = judgeOne(one, of());
  const patch = { name: 'fix_tcp', buildIds: [buildId], cves: [one.id] };
  const entry = { ...(SHIELD[0] as ShieldEntry), cves: [one.id] };
  const [control] = entry.controls;
  const sysctls = { [control?.kind === 'sysctl' ? control.name : '']: '1000' };
  const way = (changes: Record<string, unknown>, patches = [patch], shield = [entry]): string | undefined =>
    wayOutOf(truth, one, of(changes), { patches, shield })?.kind;
  assert.equal(way({ sysctls }), 'live-patch');
  assert.equal(way({ sysctls }, [{ ...patch, buildIds: ['cd'.repeat(20)] }]), 'shield', 'for another build');
  assert.equal(way({ sysctls }, [{ ...patch, cves: [] }]), 'shield', 'for another fault');
  assert.equal(way({ sysctls, livePatches: [{ name: 'fix_tcp', enabled: false }] }), 'shield', 'taken out there');
  assert.equal(way({}, []), 'upgrade', 'this kernel has no such switch');
  assert.equal(way({ reboot: { isRequired: true } }, []), 'reboot');
  assert.match(wayOutOf(truth, one, of(), { patches: [patch], shield: [] })?.text.en ?? '', /rollout start fix_tcp/);
});

interface Cna {
  readonly affected: readonly {
    readonly defaultStatus: string;
    readonly versions?: readonly {
      version: string;
      status: string;
      lessThan?: string;
      lessThanOrEqual?: string;
      versionType?: string;
    }[];
  }[];
}

/** The rule of CVE JSON 5 word for word, by a walk over the record: the first entry that holds the version decides. */
function byTheBook(cna: Cna, version: string): boolean {
  const numbers = (text: string): number[] => text.split('.').map(Number);
  const compare = (a: string, b: string): number => {
    const [left, right] = [numbers(a), numbers(b)];
    for (let index = 0; index < 4; index++) {
      const difference = (left[index] ?? 0) - (right[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return cna.affected.some(({ defaultStatus, versions = [] }) => {
    const entry = versions.find((one) => {
      if (one.versionType === 'git') return false;
      // Runs from 0 on have no branch; the other product says the same with branches.
      if (one.lessThan !== undefined && one.status === 'affected' && one.version === '0') return false;
      if (one.lessThan !== undefined) return compare(version, one.version) >= 0 && compare(version, one.lessThan) < 0;
      if (one.lessThanOrEqual === '*') return compare(version, one.version) >= 0;
      if (one.lessThanOrEqual !== undefined) {
        return `${version}.`.startsWith(one.lessThanOrEqual.slice(0, -1)) && compare(version, one.version) >= 0;
      }
      return compare(version, one.version) === 0;
    });
    return (entry?.status ?? (versions.length === 0 ? 'unaffected' : defaultStatus)) === 'affected';
  });
}

/** CVEs where the book and the kernel part: a fix of the branch that did not hold, and a main line's fix left out. */
const APART = new Set([
  'CVE-2021-47295',
  'CVE-2021-47644',
  'CVE-2021-47645',
  'CVE-2021-47124',
  'CVE-2022-50396',
  'CVE-2022-50551',
]);

test('every record of the kernel’s authority says the same of eight kernels as the rule of CVE JSON 5', async (t) => {
  if (DATA === undefined) return t.skip(NO_DATA);
  const packed = readFileSync(join(DATA, 'advisories', 'linux-cna-published.ndjson.gz'));
  // Every twelfth record: the whole takes twelve times as long and finds no more.
  const lines = gunzipSync(packed)
    .toString()
    .trimEnd()
    .split('\n')
    .filter((_, index) => index % 12 === 0);
  const input: AdvisoryInput = {
    name: 'linux-cna.ndjson',
    open: async function* () {
      yield Buffer.from(lines.join('\n'));
    },
  };
  const { database } = await compileAdvisories([input], systemClock);
  const records = new Map(
    lines.map((line) => {
      const record = JSON.parse(line) as { cveMetadata: { cveId: string }; containers: { cna: Cna } };
      return [record.cveMetadata.cveId, record.containers.cna];
    }),
  );
  assert.equal(database.kernel().length, records.size);
  const exposed: Record<string, number> = {};
  for (const release of [
    '2.6.32',
    '3.10.108',
    '4.19.100',
    '5.10.200',
    '5.15.50',
    '6.1.55',
    '6.6.30',
    '6.12.20',
    '6.18.5',
  ]) {
    const truths = judgeMachine(facts(release, { kernel: { release, machine: 'all' } }), database.kernel());
    const wrong = truths.filter(({ cve, state, reason }) => {
      if (reason === 'architecture' || APART.has(cve)) return false;
      return (state === 'exposed') !== byTheBook(records.get(cve) as Cna, release);
    });
    assert.deepEqual(
      wrong.map(({ cve }) => cve),
      [],
      release,
    );
    exposed[release] = truths.filter(({ state }) => state === 'exposed').length;
  }
  assert.ok((exposed['6.1.55'] ?? 0) > (exposed['6.18.5'] ?? 0));

  const vex = toKernelVex(facts('6.1.55'), judgeMachine(facts('6.1.55'), database.kernel()), '2026-11-22T00:00:00Z');
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const { default: formats } = await import('ajv-formats');
  const ajv = new Ajv2020({ strict: false, formats: { iri: true } });
  (formats as unknown as (to: unknown) => void)(ajv);
  const schema = JSON.parse(readFileSync(join(DATA, 'advisories', 'schemas', 'openvex.schema.json'), 'utf8')) as object;
  const validate = ajv.compile(schema);
  assert.ok(validate(vex), JSON.stringify(validate.errors?.slice(0, 3)));
});
