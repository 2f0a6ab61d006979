import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConformanceResults } from '../../src/deploy/engines/local/test-conformance.ts';
import { debianMissing, LAB_ACCOUNT, makeDisk, prepareDebian } from '../lab/debian.ts';
import { isMirrorAway, type LabKernel, LabMachine, labMissing, MirrorAway, prepareKernel } from '../lab/lab.ts';
import { compareEngine } from './engine-record.ts';
import { makeGuestFiles } from './guest-files.ts';
import type { StorageOutcome } from './storage-guest.ts';

/**
 * The one suite of engines against Podman 5 as Debian 13 has it: cgroup v2 under systemd, crun, netavark with nftables, pasta. It
 * runs inside a virtual machine, as root and as an ordinary account in a session of its own. A slice of it, or with
 * DARSENA_SOAK=1 the whole, compared with what is recorded; then also with the newest Podman of Debian's unstable.
 */

const WHOLE = process.env['DARSENA_SOAK'] === '1';
const SUITES = WHOLE ? ['trixie', 'sid'] : ['trixie'];
/** What differs most from Podman 4 on cgroup v1: how it says what went wrong, groups and networks. */
const HEART = { root: ['names'], rootless: ['limits', 'reach'] };
const PACKAGES = [
  ...['podman', 'crun', 'conmon', 'netavark', 'aardvark-dns', 'passt', 'catatonit', 'nftables', 'iptables', 'apparmor'],
  ...['restic', 'gocryptfs', 'fuse3'],
];
/** Emulated by a machine that has other work as well. */
const WHOLE_MS = 7_200_000;
/** Without a further capability tried. */
const STILL_MS = WHOLE ? 900_000 : 300_000;
const ASK_MS = WHOLE ? 300_000 : 120_000;

const skip: string | false = labMissing() ?? debianMissing() ?? false;
let folder = '';

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'darsena-podman5-'));
  const files = join(folder, 'files');
  await makeGuestFiles(files);
  makeDisk(files, join(folder, 'files.img'), 320);
});
after(() => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

async function boot(suite: string, t: TestContext): Promise<LabMachine | null> {
  const began = performance.now();
  let kernel: LabKernel;
  let disk: string;
  try {
    kernel = prepareKernel();
    disk = prepareDebian(kernel, suite, PACKAGES);
  } catch (error) {
    // Only what is nobody's fault here is no failure: a disk that cannot be made of packages that are there is one.
    if (!(error instanceof MirrorAway)) throw error;
    t.skip(`the kernel or packages of Debian's ${suite} cannot be fetched: ${error.message.slice(-600)}`);
    return null;
  }
  const fetched = performance.now();
  const machine = await LabMachine.bootDisk(kernel, { root: disk, files: join(folder, 'files.img'), memoryMb: 1280 });
  t.after(() => machine.off());
  t.diagnostic(`disk ${Math.round(fetched - began)} ms, start ${Math.round(performance.now() - fetched)} ms`);
  return machine;
}

test('a disk that cannot be made is a failure, and a mirror that is away is none', () => {
  for (const away of [
    'E: Failed to fetch http://deb.debian.org/debian/dists/trixie/InRelease  Temporary failure resolving',
    "E: The repository 'http://mirror trixie Release' does not have a Release file.",
    'W: Failed to fetch http://mirror/x.deb  404  Not Found [IP: 10.0.0.1 80]',
  ])
    assert.equal(isMirrorAway(away), true, away);
  for (const ours of [
    'E: Unable to locate package podmann',
    'mmdebstrap failed: E: unknown option --inclde',
    'The following packages have unmet dependencies: netavark : Depends: aardvark-dns (>= 1.14)',
    'mke2fs failed: Could not allocate block in ext2 filesystem',
  ])
    assert.equal(isMirrorAway(ours), false, ours);
});

interface Outcome {
  readonly machine: { readonly adaptations: readonly string[]; readonly cgroup: string };
  readonly facts: { readonly name: string; readonly version: string; readonly cgroupVersion: 1 | 2 };
  readonly results: ConformanceResults;
}

interface StorageSaid {
  readonly results: StorageOutcome;
}

/** Runs the suite in the machine with these words before it. */
async function conform<T>(
  machine: LabMachine,
  { words, keys, t }: { readonly words: string; readonly keys: readonly string[]; readonly t: TestContext },
): Promise<T> {
  const suite = `${words} /lab/node /lab/suite/guest.mjs /lab/image.tar ${keys.join(' ')}`;
  // Beside the line to the machine, which so can tell how far it has come.
  const begun = await machine.run(
    `rm -f /run/code; { (${suite}\n) >/run/said 2>&1 </dev/null; echo $? >/run/code; } >/dev/null 2>&1 &`,
    ASK_MS,
  );
  assert.equal(begun.code, 0, begun.output);
  // How long it takes is a matter of what else this machine does: it is given up when it gets no further.
  let code = '';
  let heard = '';
  for (let end = performance.now() + STILL_MS; code === '' && performance.now() < end; ) {
    await sleep(3_000);
    const look = 'echo "$(cat /run/code 2>/dev/null):$(wc -l < /run/said)"';
    const [ended = '', now = ''] = (await machine.run(look, ASK_MS)).output.trim().split(':');
    if (now !== heard) end = performance.now() + STILL_MS;
    heard = now;
    code = ended;
  }
  const { output } = await machine.run('cat /run/said', ASK_MS);
  for (const [, key = '', ms = ''] of output.matchAll(/^\{"key":"([^"]+)","ms":(\d+)\}$/gm))
    t.diagnostic(`${key} ${ms} ms`);
  assert.equal(code, '0', `${code || 'got no further'}\n${output.slice(-4_000)}\n${machine.console.slice(-1_000)}`);
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const said: unknown = Object.assign({}, ...lines.map((line): unknown => JSON.parse(line)));
  assert.ok(typeof said === 'object' && said !== null && 'results' in said, output.slice(-2_000));
  return said as T;
}

/** A group as pam_systemd(8) makes one for who signs in: root's, beside that of the account's own systemd. */
const SIGN_IN = `
  group=/sys/fs/cgroup/user.slice/user-${LAB_ACCOUNT.id}.slice
  echo '+memory +cpu +pids' > $group/cgroup.subtree_control && mkdir $group/session-1.scope || exit 1
  echo 0 > $group/session-1.scope/cgroup.procs || exit 1
  exec setpriv --reuid ${LAB_ACCOUNT.id} --regid ${LAB_ACCOUNT.id} --init-groups \\
    env --chdir ${LAB_ACCOUNT.home} HOME=${LAB_ACCOUNT.home} XDG_RUNTIME_DIR=${LAB_ACCOUNT.run}`;

for (const suite of SUITES) {
  test(`Podman of Debian's ${suite} keeps what engines promise, as root and without`, {
    skip,
    timeout: 3 * WHOLE_MS,
  }, async (t) => {
    const machine = await boot(suite, t);
    if (machine === null) return;
    for (const mode of ['root', 'rootless'] as const) {
      const keys = WHOLE ? [] : HEART[mode];
      const outcome: Outcome = await conform<Outcome>(machine, { words: mode === 'root' ? '' : SIGN_IN, keys, t });
      assert.match(outcome.facts.version, suite === 'trixie' ? /^5\./ : /^[5-9]\./);
      assert.equal(outcome.facts.cgroupVersion, 2);
      // Set up by what `up` finds there, an account has limits as root has.
      assert.ok(!outcome.machine.adaptations.includes('rootless-limits'));
      const place = `${suite === 'trixie' ? 'podman5' : 'podman-newest'}-${mode === 'root' ? 'rootful' : 'rootless'}`;
      if (WHOLE) await compareEngine(place, outcome.facts, outcome.results);
      else assert.deepEqual(outcome.results, Object.fromEntries(keys.map((key) => [key, null])));
    }
  });
}

test('volumes in use are saved, tried, restored and removed by Podman 5, as root and without', {
  skip: skip || (WHOLE ? false : 'takes minutes: DARSENA_SOAK=1'),
  timeout: 3 * WHOLE_MS,
}, async (t) => {
  const machine = await boot('trixie', t);
  if (machine === null) return;
  await machine.run('modprobe -a fuse loop dm-crypt', ASK_MS);
  for (const mode of ['root', 'rootless'] as const) {
    const words = mode === 'root' ? '' : SIGN_IN;
    const ended: StorageSaid = await conform<StorageSaid>(machine, { words, keys: ['storage'], t });
    const { results } = ended;
    t.diagnostic(`${mode}: held ${results.heldMs} ms, ${results.how}, ${results.sealedBy}`);
    assert.equal(results.rootless, mode === 'rootless');
  }
});
