import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { findTests, UNIT_TESTS, unitTestRuns } from './unit.ts';

/**
 * All set-up and all tests: what `npm test` runs. As root it installs the Debian packages that the tests against real
 * parts need; otherwise it says which, and those tests skip with their reason.
 * `-- --only PATTERN` runs the test files whose path contains the pattern.
 */

const ROOT = resolve(import.meta.dirname, '..');

/** What the platform itself needs comes by `darsena up`; these are the peers and tools of the tests. */
const PACKAGES = [
  'podman',
  'buildah',
  'skopeo',
  'softhsm2',
  'opensc',
  'umoci',
  'runc',
  'runsc',
  'containerd',
  'containernetworking-plugins',
  'catatonit',
  'netavark',
  'aardvark-dns',
  'uidmap',
  'slirp4netns',
  'fuse-overlayfs',
  'nftables',
  'iptables',
  'haproxy',
  'knot',
  'pebble',
  'mmdebstrap',
  'debian-archive-keyring',
  'libbpf1',
  'libbpf-dev',
  'libelf-dev',
  'zlib1g-dev',
  'libnss-myhostname',
  'busybox-static',
  'strace',
  'clamav-daemon',
  'yara',
  'gpg',
  'gpgv',
  'chromium',
  'postgresql',
  'docker-registry',
  'rpm',
  'restic',
  'gocryptfs',
  'xfsprogs',
  'btrfs-progs',
  'db5.3-util',
  'curl',
  'git',
  'util-linux',
  'bsdutils',
  'iproute2',
  'openssl',
  'qemu-system-x86',
  'cpio',
  'kmod',
  'isal',
  'gcc-12',
  'make',
  'clang',
  'llvm',
];

/** What pods of an ordinary account need. udev opens them to everybody; a machine without it leaves them to root. */
const DEVICES = ['/dev/net/tun', '/dev/fuse'];
const FOR_ALL = 0o666;

const { values } = parseArgs({ options: { only: { type: 'string' } } });

installPackages();
openDevices();
step('npm', ['run', 'build:console', '--silent'], 'the console could not be built');
if (values.only === undefined) {
  step(process.execPath, [join(ROOT, 'test', 'check.ts'), 'types'], 'types do not fit');
  step(process.execPath, [join(ROOT, 'test', 'check.ts'), 'lint'], 'lint found something');
}

/**
 * The tests against real parts wait more than they work, so several lanes of them run at the same time; the files of a lane
 * run one after another. A file belongs to the lane that names the longest beginning of its path.
 */
const STAGES: readonly (readonly (readonly string[])[])[] = [
  [
    // Of the tests with instances these count all images of the machine, or take the usual ports: one at a time.
    ['test/real/setup-', 'test/real/faults-', 'test/real/cli-'],
    [
      'test/real/rootless-',
      'test/journeys/registry',
      'test/journeys/spine',
      'test/journeys/store',
      'test/real/build-tienda',
      'test/real/network-',
    ],
    ['test/real/build-', 'test/real/deploy-'],
  ],
  // A browser gives up what it loads when a network comes or goes, as with each pod's.
  [['test/real/console-', 'test/journeys/console'], ['test/']],
  // They hold bounds on the clock (a right is gone within a second, a program is back within two), want a kernel without
  // other people's events, or look at the rules and networks of the whole machine.
  [
    [
      'test/real/access-',
      'test/real/cli-mutual',
      'test/real/measure-',
      'test/real/observe-',
      'test/real/sensor-',
      'test/real/setup-purge',
    ],
  ],
];

/** More files than these do not fail because of what ran beside them. */
const AGAIN_MAX = 4;
const REASON_CHARS_MAX = 1_500;

const secondsOf = new Map<string, number>();
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const unitBegan = performance.now();
await Promise.all(unitTestRuns(wantedTests(UNIT_TESTS), 'spec').map(({ args, env }) => runUnitTests(args, env)));
console.log(`unit tests: ${((performance.now() - unitBegan) / 1000).toFixed(0)} s`);
const failures: Failure[] = [];
for (const [index, lanes] of lanesOf(wantedTests(['test/real/*.test.ts', 'test/journeys/*.test.ts'])).entries()) {
  const began = performance.now();
  await runLanes(lanes);
  console.log(`stage ${index + 1}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
}
await runFailedAgain();
printSlowest();
printFailures();
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

/** The files of each lane of each stage. */
function lanesOf(files: readonly string[]): string[][][] {
  const beginnings = STAGES.flat(2);
  const nameOf = (file: string): string | undefined =>
    // The longest: what names a few files goes before what names the rest.
    beginnings.filter((beginning) => file.startsWith(beginning)).sort((a, b) => b.length - a.length)[0];
  return STAGES.map((lanes) =>
    lanes.map((names) => files.filter((file) => names.includes(nameOf(file) ?? ''))).filter(({ length }) => length > 0),
  );
}

/** All lanes at the same time. The first prints as it goes, what the others print comes when each is done. */
async function runLanes([first, ...others]: readonly string[][]): Promise<void> {
  if (first === undefined) return;
  const held = others.map(async (files) => {
    const output = new PassThrough();
    const printed: Buffer[] = [];
    output.on('data', (chunk: Buffer) => printed.push(chunk));
    await runTests(files, output);
    return Buffer.concat(printed);
  });
  const began = performance.now();
  const ended = async (lane: Promise<unknown>, files: readonly string[]): Promise<string> => {
    await lane;
    return `lane of ${files[0]}: ${((performance.now() - began) / 1000).toFixed(0)} s`;
  };
  const lanes = [ended(runTests(first), first), ...held.map((lane, index) => ended(lane, others[index] ?? []))];
  await lanes[0];
  for (const printed of held) process.stdout.write(await printed);
  for (const line of lanes) console.log(await line);
}

function wantedTests(patterns: readonly string[]): string[] {
  return findTests(patterns).filter((file) => values.only === undefined || file.includes(values.only));
}

/** Counts from the summary that the reporter closes with; a process that ends without one has failed. */
async function runUnitTests(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], env });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((ended, reject) => {
    child.once('error', reject);
    child.once('close', ended);
  });
  const text = Buffer.concat(output).toString();
  process.stdout.write(text);
  const count = (name: string): number => Number(new RegExp(`^ℹ ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  total.passed += count('pass');
  total.skipped += count('skipped');
  total.failed += count('fail') + count('cancelled');
  if (code !== 0 && count('fail') + count('cancelled') === 0) total.failed += 1;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Failure {
  readonly file: string;
  readonly name: string;
  readonly reason: string;
}

async function runTests(files: readonly string[], output: Writable = process.stdout): Promise<void> {
  const { counts, failed } = await runFiles(files, output);
  failures.push(...failed);
  for (const name of ['passed', 'failed', 'skipped'] as const) total[name] += counts[name];
}

/**
 * A file that failed beside others is run once more, alone, and that is said: what fails then as well is broken, what does
 * not depends on what else the machine did, which is a fault of the test or of the platform all the same.
 */
async function runFailedAgain(): Promise<void> {
  const files = [...new Set(failures.map(({ file }) => file))];
  if (files.length === 0 || files.length > AGAIN_MAX) return;
  for (const file of files) {
    console.log(`once more, alone: ${file}`);
    const { counts, failed } = await runFiles([file]);
    const before = failures.filter((one) => one.file === file);
    if (failed.length > 0 || counts.passed === 0) continue;
    total.failed -= before.length;
    total.passed += before.length;
    for (const { name, reason } of before) console.log(`UNSTEADY ${file}: ${name}, passed alone; before: ${reason}`);
    failures.splice(0, failures.length, ...failures.filter((one) => one.file !== file));
  }
}

function printFailures(): void {
  for (const { file, name, reason } of failures) console.log(`FAILED ${file}: ${name}\n${reason}`);
}

async function runFiles(
  files: readonly string[],
  output: Writable = process.stdout,
): Promise<{ readonly counts: Counts; readonly failed: readonly Failure[] }> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failed: Failure[] = [];
  if (files.length === 0) return { counts, failed };
  const stream = run({
    files: files.map((file) => join(ROOT, file)),
    concurrency: 1,
    // A file that hangs is a failure with its name, not a run without an end.
    timeout: 10 * 60_000,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  stream.on('test:pass', (event) => {
    if (event.skip !== undefined) counts.skipped += 1;
    else if (event.details.type !== 'suite') counts.passed += 1;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    counts.failed += 1;
    const { cause } = event.details.error;
    const reason = (cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)).slice(0, REASON_CHARS_MAX);
    failed.push({ file: event.file === undefined ? '?' : relative(ROOT, event.file), name: event.name, reason });
  });
  stream.on('test:summary', ({ file, duration_ms }) => {
    if (file !== undefined) secondsOf.set(relative(ROOT, file), duration_ms / 1000);
  });
  stream.compose(new spec()).pipe(output, { end: false });
  await new Promise<void>((done, reject) => {
    stream.once('end', done);
    stream.once('error', reject);
  });
  return { counts, failed };
}

function printSlowest(): void {
  const slowest = [...secondsOf].sort(([, one], [, other]) => other - one).slice(0, 40);
  for (const [file, seconds] of slowest) console.log(`${seconds.toFixed(1).padStart(7)} s  ${file}`);
}

function installPackages(): void {
  const query = spawnSync('dpkg', ['--list', ...PACKAGES], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200' },
  });
  if (query.error !== undefined) {
    console.log('not a Debian system: tests that miss a program will skip and say so');
    return;
  }
  const there = new Set([...query.stdout.matchAll(/^ii\s+([^\s:]+)/gm)].map((match) => match[1]));
  const missing = PACKAGES.filter((name) => !there.has(name));
  if (missing.length === 0) return;
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  if (process.geteuid?.() !== 0) {
    console.log(`some tests will skip; for all of them, as root: apt-get ${install.join(' ')}`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  step('apt-get', ['update', '--quiet'], 'apt-get update failed', env);
  step('apt-get', ['--quiet', ...install], 'the packages of the tests could not be installed', env);
}

/** The tests run as an ordinary account, too. */
function openDevices(): void {
  if (process.geteuid?.() !== 0) return;
  for (const path of DEVICES) {
    const device = statSync(path, { throwIfNoEntry: false });
    if (device === undefined || (device.mode & FOR_ALL) === FOR_ALL) continue;
    chmodSync(path, FOR_ALL);
    console.log(`${path} is open to ordinary accounts now, as udev has it`);
  }
}

function step(file: string, args: readonly string[], failure: string, env: NodeJS.ProcessEnv = process.env): void {
  const { status } = spawnSync(file, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env });
  if (status === 0) return;
  console.error(failure);
  process.exit(1);
}
