import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import { silentStep } from '../../progress/index.ts';
import { Fault, openDatabase, systemClock } from '../../system/index.ts';
import { Benches } from '../bench/benches.ts';
import type { CheckState } from '../bench/check.ts';
import { checkKernelSwitches } from '../bench/kernel-hardening.ts';
import { type MachineFacts, machineFacts } from '../facts.ts';
import type { PatchHost } from '../livepatch/driver.ts';
import type { HostTables } from '../machines.ts';
import { hostMigrations } from '../migrations.ts';
import { ModuleKeeper, type ModuleShut, type ModuleTask } from './keeper.ts';
import { ModuleUse } from './module-use.ts';
import { ModuleWatch, parseModuleEvents } from './watch.ts';

const DEP = [
  'kernel/net/sctp/sctp.ko.xz: kernel/lib/libcrc32c.ko.xz',
  'kernel/lib/libcrc32c.ko.xz:',
  'kernel/net/tipc/tipc.ko:',
  'kernel/fs/overlayfs/overlay.ko:',
  'kernel/security/keys/trusted-keys/trusted.ko: kernel/drivers/char/tpm/tpm.ko',
  'kernel/drivers/char/tpm/tpm.ko:',
  'kernel/security/odd/odd_guard.ko:',
  'kernel/net/netfilter/nf_tables.ko:',
  'kernel/drivers/net/e1000.ko:',
].join('\n');

/** A machine of files in memory. */
function machine(files: Record<string, string> = {}): PatchHost & { readonly files: Map<string, string> } {
  const all = new Map(
    Object.entries({
      '/proc/sys/kernel/osrelease': '6.1.0\n',
      '/lib/modules/6.1.0/modules.dep': DEP,
      '/proc/modules': 'e1000 100 1 - Live 0x0\n',
      '/proc/sys/kernel/random/boot_id': 'boot-1\n',
      ...files,
    }),
  );
  return {
    files: all,
    read: async (path) => all.get(path) ?? null,
    write: async (path, text) => void all.set(path, text),
    list: async () => [],
    put: async (path, bytes) => void all.set(path, Buffer.from(bytes).toString()),
    remove: async (path) => void all.delete(path),
    run: async () => ({ code: 0, output: '' }),
    sleep: async () => undefined,
    nowMs: () => 0,
    buildId: async () => null,
  };
}

const CONFIG = '/etc/modprobe.d/darsena-modules.conf';
const keptOut = (host: { readonly files: Map<string, string> }): string[] =>
  [...(host.files.get(CONFIG) ?? '').matchAll(/^install (\S+) \/bin\/false$/gm)].map(([, name = '']) => name);

test('the kernel itself is given the list with what it leans on, and lets go of it with the rest; a refusal is said', async () => {
  const orders: unknown[] = [];
  let modules = false;
  const shut: ModuleShut = {
    keepModules(order) {
      orders.push(order);
      modules = order !== null;
      return { means: 'bpf-lsm' };
    },
    standing: () => ({
      ...{ means: 'bpf-lsm', modules, families: [], rings: false },
      refused: { modules: 3, sockets: 0, rings: 0 },
    }),
  };
  const host = machine();
  const keeper = new ModuleKeeper(host, () => '2026-01-01T00:00:00Z', shut);
  const standing = await keeper.apply('enforce', ['sctp']);
  // One module on disk is packed: a program may have to hand it over from its memory.
  const spared = ['nf_tables', 'odd_guard', 'overlay', 'tpm', 'trusted'];
  assert.deepEqual(orders, [{ allowed: ['e1000', 'libcrc32c', ...spared, 'sctp'].sort(), memory: false }]);
  assert.deepEqual(standing.kernel, { means: 'bpf-lsm', why: null, refused: 3 });
  host.files.set('/lib/modules/6.1.0/modules.dep', DEP.replaceAll('.ko.xz', '.ko'));
  await keeper.restore();
  assert.equal((orders.at(-1) as { memory: boolean }).memory, true);
  assert.equal((await keeper.apply('trial', ['sctp'])).kernel.means, null);
  await keeper.undo();
  assert.deepEqual(orders.slice(-2), [null, null]);
  const refusing = new ModuleKeeper(host, () => '', { ...shut, keepModules: () => ({ why: 'no BPF' }) });
  assert.deepEqual((await refusing.apply('enforce', [])).kernel, { means: null, why: 'no BPF', refused: 0 });
});

test('only what nobody needs is kept out: never a security module, whatever its name, nor what is loaded or leaned on', async () => {
  const host = machine();
  const keeper = new ModuleKeeper(host, () => '2026-01-01T00:00:00Z');
  const order: ModuleTask = { kind: 'kernel-modules', change: 'enforce', allow: ['sctp'] };
  const standing = await keeper.do(order);
  assert.deepEqual(keptOut(host), ['tipc']);
  assert.deepEqual([standing.mode, standing.onDisk, standing.kept, standing.spared], ['enforce', 9, 1, 6]);
  await keeper.do({ ...order, allow: [] });
  assert.deepEqual(keptOut(host), ['libcrc32c', 'sctp', 'tipc']);
  // Another kernel has other modules: what is kept out follows them.
  host.files.set('/proc/sys/kernel/osrelease', '6.12.0\n');
  host.files.set('/lib/modules/6.12.0/modules.dep', 'kernel/net/dccp/dccp.ko:\n');
  await keeper.restore();
  assert.deepEqual(keptOut(host), ['dccp']);
  await keeper.undo();
  assert.deepEqual(
    [...host.files.keys()].filter((path) => path.includes('darsena')),
    [],
  );
  assert.equal((await keeper.standing()).mode, 'off');
  host.files.set('/proc/sys/kernel/osrelease', '7.0\n');
  await assert.rejects(keeper.do(order), { code: 'host.modules-none' });
});

test('a trial refuses nothing and tells what would have been refused, the most frequent first', async () => {
  const host = machine();
  const keeper = new ModuleKeeper(host, () => '2026-01-01T00:00:00Z');
  await keeper.do({ kind: 'kernel-modules', change: 'trial', allow: ['sctp'] });
  const config = host.files.get(CONFIG) ?? '';
  assert.match(config, /^install tipc \/bin\/sh \/var\/lib\/darsena-modules\/log-load tipc \$CMDLINE_OPTS$/m);
  assert.doesNotMatch(config, /bin\/false/);
  host.files.set(
    '/var/lib/darsena-modules/would-block.log',
    '2026-01-01T00:00:01Z tipc\n2026-01-01T00:00:02Z dccp\n2026-01-01T00:00:03Z tipc\n',
  );
  assert.deepEqual((await keeper.standing()).wouldBlock, [
    { module: 'tipc', times: 2, last: '2026-01-01T00:00:03Z' },
    { module: 'dccp', times: 1, last: '2026-01-01T00:00:02Z' },
  ]);
});

test('modules that come and go between two looks are seen by the kernel’s own events, where it has them', async () => {
  const blind = new ModuleWatch(machine(), 'x');
  assert.match((await blind.look())?.blind ?? '', /tracefs/);
  const host = machine({
    '/sys/kernel/tracing/available_events': 'module:module_load\n',
    '/sys/kernel/tracing/instances/darsena-modules-x/trace':
      '# tracer: nop\n        modprobe-77      [000] ..... 12.5: module_load: sctp E\n  rm mod-78 [001] d..1. 13.5: module_free: sctp\n',
  });
  const watch = new ModuleWatch(host, 'x');
  assert.deepEqual(await watch.look(), {
    bootId: 'boot-1',
    modules: [{ name: 'e1000', isUsed: true }],
    events: [
      { module: 'sctp', change: 'load', by: 'modprobe' },
      { module: 'sctp', change: 'unload', by: 'rm mod' },
    ],
    blind: null,
  });
  assert.deepEqual((await watch.look())?.events, []);
  assert.deepEqual(parseModuleEvents('x-1 [000] .. 1.0: module_load: ../../x\n'), []);
});

/** Rooms of control over a database in memory. */
async function ground(t: { after(done: () => unknown): void }) {
  const opened = await openDatabase<HostTables>('sqlite::memory:', hostMigrations);
  t.after(() => opened.close());
  let nowMs = Date.parse('2026-01-05T12:00:00Z');
  const facts: { kind: string; subject: string; body: unknown }[] = [];
  const options = {
    db: opened.db as unknown as Kysely<never>,
    clock: { ...systemClock, now: () => new Date(nowMs) },
    journal: {
      committed: () => undefined,
      async record(_tx: unknown, fact: { kind: string; subject: string; body: unknown }) {
        facts.push(fact);
        return { ...fact, id: '', at: '', digest: null } as never;
      },
    },
    operations: { start: () => Promise.reject(new Error('unused')) } as never,
  };
  return { options, facts, pass: (ms: number) => (nowMs += ms) };
}

const available = ['sctp', 'tipc', 'nf_tables', 'e1000', 'overlay'];
const known = machineFacts.parse({ kernel: { release: '6.1.0' }, modules: { loaded: [], available } });

test('a proposal keeps what any host of the group ever used, and says since when all of them are looked at', async (t) => {
  const { options, pass } = await ground(t);
  const machines = {
    facts: () => known,
    hosts: () => ['a1', 'a2', 'b1'],
    ifBlocked: async (_host: string, names: readonly string[]) => (names.includes('tipc') ? ['CVE-2022-0435'] : []),
  };
  const make = () => new ModuleUse({ ...options, machines, run: async () => null });
  const use = make();
  const sight = (bootId: string, modules: string[], loads: string[] = []) => ({
    bootId,
    modules: modules.map((name) => ({ name, isUsed: name !== 'idle' })),
    events: loads.map((module) => ({ module, change: 'load', by: 'modprobe' })),
    blind: null,
  });
  await use.take('a1', sight('x', ['e1000', 'idle']), []);
  assert.equal((await use.propose(['a*'], [])).observedSince, null, 'a2 was never looked at');
  pass(60_000);
  await use.take('a2', sight('y', ['e1000'], ['sctp']), ['shop/dev/web']);
  pass(60_000);
  await use.take('a1', sight('z', ['e1000']), []);
  await assert.rejects(use.take('a1', { ...sight('z', []), modules: [{ name: '../x', isUsed: true }] }, []));
  const again = make();
  await again.open();
  const proposal = await again.propose(['a*'], ['mine']);
  assert.equal(proposal.observedSince, '2026-01-05T12:01:00.000Z');
  assert.deepEqual(
    proposal.allow.map(({ module, why }) => `${module} ${why}`),
    ['e1000 used', 'idle loaded', 'mine asked', 'sctp used'],
  );
  assert.deepEqual([proposal.onDisk, proposal.keptOut, proposal.keptForSecurity], [5, 1, ['nf_tables']]);
  assert.deepEqual(proposal.unreachable, { most: 1, cves: ['CVE-2022-0435'] });
  const rows = new Map(again.list(['a*']).map((row) => [row.module, row]));
  assert.deepEqual([rows.get('e1000')?.hosts, rows.get('e1000')?.boots], [2, 3]);
  assert.deepEqual([rows.get('sctp')?.loads, rows.get('sctp')?.workloads], [1, ['shop/dev/web']]);
  await assert.rejects(again.propose(['c*'], []), { code: 'host.modules-nowhere' });
});

test('a host that is away does not keep the others of its group from their list, and is named', async (t) => {
  const { options, facts } = await ground(t);
  const machines = { facts: () => known, hosts: () => ['a1', 'a2'], ifBlocked: async () => null };
  const results: unknown[] = [];
  const operations = {
    async start(_request: unknown, work: (context: unknown) => Promise<unknown>) {
      results.push(await work({ step: () => silentStep, signal: new AbortController().signal }));
      return { operation: { id: 'o' } };
    },
  } as never;
  const told: string[] = [];
  const use = new ModuleUse({
    ...{ ...options, operations, machines },
    async run(host, task) {
      told.push(`${task.change} ${host} ${task.allow.join(',')}`);
      if (host === 'a1')
        throw new Fault('host.away', { kind: 'unavailable', en: { what: 'away' }, es: { what: 'ausente' } });
      return {
        mode: 'enforce',
        since: null,
        onDisk: 5,
        kept: 2,
        spared: 0,
        wouldBlock: [],
        lsm: [],
        kernel: { means: null, why: null, refused: 0 },
      };
    },
  });
  assert.deepEqual(await use.order({ hosts: [], change: 'enforce', keep: ['sctp'] }, 'user:ana'), { operation: 'o' });
  assert.deepEqual(told, ['enforce a1 sctp', 'enforce a2 sctp']);
  const [result] = results as { items: { host: string }[]; failed: { host: string; why: string }[] }[];
  assert.deepEqual([result?.items.map(({ host }) => host), result?.failed], [['a2'], [{ host: 'a1', why: 'away' }]]);
  assert.deepEqual(
    facts.map(({ kind, subject }) => `${kind} ${subject}`),
    ['modules.enforced a2'],
  );
});

test('what a host answers is kept, drift is a fact, an accepted failure counts again from its day, and nonsense is refused', async (t) => {
  const { options, facts, pass } = await ground(t);
  let answer: unknown = null;
  const check = (id: string, state: CheckState) => ({
    ...{ id, section: 'files', title: { en: id, es: id }, state, evidence: [], remedy: null, subjects: [] },
    fixes: state === 'fail' ? [{ kind: 'mode', path: '/x', mode: 420 }] : [],
  });
  const report = (...results: unknown[]) => ({ results, done: [], refused: [], mended: [] });
  const machines = {
    facts(host: string): MachineFacts {
      if (host !== 'a1') throw new Fault('host.unknown', { kind: 'not-found', en: { what: '' }, es: { what: '' } });
      return known;
    },
  };
  const benches = new Benches({ ...options, machines, run: async () => answer as never });
  await assert.rejects(benches.view('a1'), { code: 'host.bench-none' });
  answer = report(check('3.18', 'fail'), check('5.5', 'pass'));
  await benches.tick(['a1']);
  answer = report(check('3.18', 'fail'), check('5.5', 'fail'));
  await benches.tick(['a1']);
  assert.equal((await benches.view('a1')).summary.fail, 1, 'looked at once a day by itself');
  pass(25 * 3_600_000);
  await benches.tick(['a1']);
  const view = await benches.view('a1');
  assert.deepEqual(
    view.changes.map(({ check: of, from, to }) => [of, from, to]),
    [['5.5', 'pass', 'fail']],
  );
  assert.deepEqual(
    facts.map(({ kind }) => kind),
    ['bench.drifted'],
  );
  const day = { check: '5.5', host: 'a1', reason: 'until the move' };
  await assert.rejects(benches.accept({ ...day, until: '2026-01-01' }, 'user:ana'), {
    code: 'host.exception-incomplete',
  });
  await assert.rejects(benches.accept({ ...day, host: 'c3', until: '2027-01-01' }, 'user:ana'), {
    code: 'host.unknown',
  });
  const made = await benches.accept({ ...day, until: '2026-01-08' }, 'user:ana');
  assert.deepEqual([(await benches.view('a1')).summary.accepted, (await benches.overview())[0]?.summary.fail], [1, 1]);
  pass(48 * 3_600_000);
  assert.equal((await benches.view('a1')).summary.fail, 2, 'its day has come');
  await assert.rejects(benches.revoke(made.id, 'user:ana'), { code: 'host.bench-exception-unknown' });
  const other = await benches.accept({ ...day, host: null, until: '2026-02-01' }, 'user:ana');
  await benches.revoke(other.id, 'user:luis');
  assert.equal((await benches.view('a1')).summary.fail, 2);
  answer = { results: [{ id: 'x' }] };
  pass(48 * 3_600_000);
  await assert.rejects(benches.tick(['a1']), { code: 'host.bench-unreadable' });
});

test('boot line and switches are judged with what the build does by itself, and unknown without its configuration', () => {
  const states = (facts: object): Map<string, CheckState> =>
    new Map(
      checkKernelSwitches(machineFacts.parse({ kernel: { release: '6.12', machine: 'x86_64' }, ...facts })).map(
        ({ id, state }) => [id, state],
      ),
    );
  const build = (options: Record<string, string>) => ({
    config: { source: 'c', options: { X86_64: 'y', ...options } },
  });
  const cases: readonly (readonly [string, string, Record<string, string>, string, CheckState])[] = [
    ['', 'init_on_alloc', { INIT_ON_ALLOC_DEFAULT_ON: 'y' }, 'cmdline', 'pass'],
    ['init_on_alloc=off', 'init_on_alloc', { INIT_ON_ALLOC_DEFAULT_ON: 'y' }, 'cmdline', 'fail'],
    ['init_on_alloc=on', 'init_on_alloc', {}, 'cmdline', 'pass'],
    ['mitigations=auto,nosmt', 'spectre_v2', {}, 'cmdline', 'pass'],
    ['mitigations=auto,nosmt spectre_v2=off', 'spectre_v2', {}, 'cmdline', 'fail'],
    ['quiet', 'spectre_v2', {}, 'cmdline', 'fail'],
    ['spectre_v2=on', 'spectre_v2', {}, 'cmdline', 'pass'],
    ['nokaslr', 'nokaslr', {}, 'cmdline', 'fail'],
    ['quiet -- nokaslr', 'nokaslr', {}, 'cmdline', 'pass'],
    ['slab_nomerge', 'slab_nomerge', {}, 'cmdline', 'pass'],
    ['slab_merge', 'slab_nomerge', { SLAB_MERGE_DEFAULT: 'n' }, 'cmdline', 'fail'],
    ['pti=on nopti', 'pti', {}, 'cmdline', 'fail'],
    ['efi=debug,disable_early_pci_dma', 'efi', { EFI: 'y' }, 'cmdline', 'pass'],
    ['', 'efi', { EFI: 'y' }, 'cmdline', 'fail'],
    ['', 'vm.mmap_rnd_bits', { ARCH_MMAP_RND_BITS_MAX: '32' }, 'sysctl', 'pass'],
    ['', 'vm.mmap_rnd_bits', { ARCH_MMAP_RND_BITS_MAX: '33' }, 'sysctl', 'fail'],
    ['', 'kernel.io_uring_disabled', { IO_URING: 'n' }, 'sysctl', 'pass'],
    ['', 'kernel.io_uring_disabled', { IO_URING: 'y' }, 'sysctl', 'fail'],
    ['', 'net.ipv6.conf.all.accept_ra', {}, 'sysctl', 'not-applicable'],
  ];
  for (const [commandLine, name, options, kind, wanted] of cases) {
    const found = states({ commandLine, sysctls: { 'vm.mmap_rnd_bits': '32' }, ...build(options) });
    assert.equal(found.get(`${kind}.${name}`), wanted, `${commandLine} ${name} ${JSON.stringify(options)}`);
  }
  const blind = states({ commandLine: '', sysctls: { 'vm.mmap_rnd_bits': '32' } });
  assert.equal(blind.get('cmdline.init_on_alloc'), 'not-determinable');
  assert.equal(blind.get('cmdline.page_alloc.shuffle'), 'fail');
  assert.equal(blind.get('sysctl.vm.mmap_rnd_bits'), 'not-determinable');
  assert.equal(states({}).get('sysctl.kernel.dmesg_restrict'), 'not-determinable');
});
