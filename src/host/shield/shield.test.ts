import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import type { KernelAdvisory } from '../../advisories/index.ts';
import { type Operations, silentStep } from '../../progress/index.ts';
import { Fault, openDatabase, systemClock } from '../../system/index.ts';
import {
  defineSigner,
  generateKeyFile,
  localSigner,
  makeBundle,
  NO_SIGNATURES,
  openKeyFile,
  readPublicKey,
  type TrustPolicy,
} from '../../trust/index.ts';
import { type MachineFacts, machineFacts } from '../facts.ts';
import type { PatchHost } from '../livepatch/driver.ts';
import type { PatchTrust } from '../patches/patches.ts';
import { judgeMachine } from '../truth.ts';
import { SHIELD, UNSTOPPABLE } from './feed.ts';
import { packFeed, readFeed, SHIELD_REPOSITORY, SHIPPED_FEED, writeFeed } from './feed-file.ts';
import { HostFeed } from './host-feed.ts';
import { type ContainerShut, findShield, SHIELD_RECORDS, ShieldKeeper } from './keeper.ts';
import { type SeccompProfile, tightenProfile } from './seccomp.ts';
import { Shields, type ShieldTask } from './shields.ts';

/** A machine of files; `refusing` paths are not written. */
function machine(files: Record<string, string>, loaded: readonly string[] = []) {
  const disk = new Map(Object.entries(files));
  const refusing = new Set<string>();
  const modules = new Set(loaded);
  const lines = () => [...modules].map((name) => `${name} 1 0 - Live 0x0`).join('\n');
  const host: PatchHost = {
    read: async (path) => (path === '/proc/modules' ? lines() : (disk.get(path) ?? null)),
    async write(path, text) {
      if (refusing.has(path)) throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      disk.set(path, text);
    },
    list: async () => [],
    put: async (path, bytes) => void disk.set(path, Buffer.from(bytes).toString()),
    remove: async (path) => void disk.delete(path),
    async run(file, args) {
      if (file === 'rmmod') modules.delete(args[0] ?? '');
      return { code: 0, output: file === 'sh' ? 'chromium\nchromium\npodman\n' : '' };
    },
    sleep: async () => undefined,
    nowMs: () => 0,
    buildId: async () => null,
  };
  return { disk, host, refusing, modules, keeper: new ShieldKeeper(host, () => '2026-11-22T00:00:00.000Z') };
}

const USERNS = '/proc/sys/user/max_user_namespaces';

test('each entry names itself once, in both languages, with CVEs, a cost and sources; nothing is both stopped and unstoppable', () => {
  assert.equal(new Set(SHIELD.map(({ id }) => id)).size, SHIELD.length);
  for (const { id, title, cost, cves, sources, controls } of SHIELD) {
    assert.ok(title.en !== title.es && cost.en !== cost.es && sources.length > 0 && controls.length > 0, id);
    assert.ok(cves.length > 0 && cves.every((cve) => /^CVE-\d{4}-\d{4,9}$/.test(cve)), id);
    assert.equal(new Set(cves).size, cves.length, id);
  }
  for (const { cve } of UNSTOPPABLE) {
    assert.throws(
      () => findShield(cve),
      (error) => error instanceof Fault && error.code === 'host.shield-unknown' && /live patch/.test(error.message),
    );
  }
  assert.equal(findShield('cve-2022-0185').id, 'user-namespaces');
});

test('an entry is set, kept for the next start and taken back to what stood before; what cannot be set leaves nothing', async () => {
  const one = machine({ [USERNS]: '7812' });
  const set = await one.keeper.apply('user-namespaces');
  assert.deepEqual(
    set.probes.map(({ before, after }) => [before, after]),
    [['open', 'closed']],
  );
  assert.equal(one.disk.get(USERNS), '0');
  assert.equal(one.disk.get('/etc/sysctl.d/60-darsena-shield-user-namespaces.conf'), 'user.max_user_namespaces = 0\n');
  // Again keeps what stood there before the first time.
  await one.keeper.apply('user-namespaces');
  const undone = await one.keeper.undo('user-namespaces');
  assert.deepEqual(
    undone.probes.map(({ after }) => after),
    ['open'],
  );
  assert.deepEqual([...one.disk], [[USERNS, '7812']]);
  assert.deepEqual((await one.keeper.undo('user-namespaces')).probes.length, 1);

  const refused = machine({ [USERNS]: '7812' });
  refused.refusing.add(USERNS);
  await assert.rejects(refused.keeper.apply('user-namespaces'), { code: 'host.shield-refused' });
  refused.refusing.delete(USERNS);
  await refused.keeper.restore();
  assert.deepEqual([...refused.disk], [[USERNS, '7812']]);
  await assert.rejects(machine({}).keeper.apply('bpf'), { code: 'host.shield-idle' });
});

test('modules are kept out and unloaded; an agent killed in the middle ends what it began', async () => {
  const one = machine({}, ['tipc', 'ext4']);
  const set = await one.keeper.apply('CVE-2022-0435');
  assert.deepEqual(
    set.probes.map(({ before, after }) => [before, after]),
    [['open', 'closed']],
  );
  assert.deepEqual([...one.modules], ['ext4']);
  assert.match(one.disk.get('/etc/modprobe.d/darsena-shield-tipc.conf') ?? '', /^install tipc \/bin\/false$/m);
  const record = `${SHIELD_RECORDS}/tipc.json`;
  one.disk.set(record, (one.disk.get(record) ?? '').replace('"on"', '"setting"'));
  one.disk.delete('/etc/modprobe.d/darsena-shield-tipc.conf');
  await one.keeper.restore();
  assert.match(one.disk.get(record) ?? '', /"on"/);
  one.disk.set(record, (one.disk.get(record) ?? '').replace('"on"', '"leaving"'));
  await one.keeper.restore();
  assert.deepEqual([...one.disk], []);
});

test('containers that run are kept from sockets and rings by the kernel where it can, and else only from their next start', async () => {
  let now = { families: [] as readonly number[], rings: false };
  const shut: ContainerShut = {
    keepFromContainers(order) {
      now = order;
      return { means: 'bpf-lsm' };
    },
    standing: () => ({ means: 'bpf-lsm', modules: false, ...now, refused: { modules: 0, sockets: 0, rings: 0 } }),
  };
  const one = machine({ '/proc/sys/kernel/io_uring_disabled': '0' }, ['af_alg']);
  const keeper = new ShieldKeeper(one.host, () => '2026-01-01T00:00:00Z', undefined, shut);
  const set = await keeper.apply('af-alg');
  assert.deepEqual(set.running, { means: 'bpf-lsm', why: null });
  assert.deepEqual(
    set.probes.map(({ before, after }) => [before, after]),
    [
      ['open', 'closed'],
      ['later', 'closed'],
    ],
  );
  await keeper.apply('io-uring');
  assert.deepEqual(now, { families: [38], rings: true });
  // An agent that starts anew after a restart of the machine tells the kernel again.
  now = { families: [], rings: false };
  await keeper.restore();
  assert.deepEqual(now, { families: [38], rings: true });
  await keeper.undo('af-alg');
  assert.deepEqual(now, { families: [], rings: true });
  const refusing = { ...shut, keepFromContainers: () => ({ why: 'no BPF' }), standing: () => null };
  const other = new ShieldKeeper(one.host, () => '', undefined, refusing);
  const later = await other.apply('af-alg');
  assert.deepEqual([later.running, later.probes[1]?.after], [{ means: null, why: 'no BPF' }, 'later']);
  // A kernel without a question before rings says so of rings, and families are shut as they would be without it.
  const older: ContainerShut = {
    keepFromContainers({ families, rings }) {
      now = { families, rings: false };
      return rings ? { why: 'no rings' } : { means: 'bpf-lsm' };
    },
    standing: shut.standing,
  };
  const third = new ShieldKeeper(one.host, () => '', undefined, older);
  assert.deepEqual((await third.apply('io-uring')).running, { means: null, why: 'no rings' });
  assert.deepEqual((await third.apply('af-alg')).running, { means: 'bpf-lsm', why: null });
});

test('what it would break is told without a change', async () => {
  const one = machine({ [USERNS]: '7812' });
  const { would } = await one.keeper.tryOut('user-namespaces');
  assert.deepEqual(
    would.map(({ en }) => en.split(' ')[0]),
    ['chromium', 'podman'],
  );
  assert.deepEqual([...one.disk], [[USERNS, '7812']]);
});

test('containers keep every call that they had but those denied, and no family slips through another rule', async () => {
  const profile: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [
      { names: ['read', 'socket', 'socketcall', 'io_uring_setup'], action: 'SCMP_ACT_ALLOW', args: [] },
      { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 2, value: 9, op: 'SCMP_CMP_NE' }] },
      { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 16, op: 'SCMP_CMP_NE' }] },
      { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 22, args: [{ index: 0, value: 16, op: 'SCMP_CMP_EQ' }] },
    ],
  };
  const afAlg = { kind: 'seccomp', families: [38], calls: ['io_uring_setup'] } as const;
  const { syscalls } = tightenProfile(profile, [afAlg]);
  const families = (kind: string) =>
    syscalls
      .filter(({ names, action }) => names?.includes('socket') && action === kind)
      .map(({ args }) => args?.[0]?.value);
  assert.ok(!families('SCMP_ACT_ALLOW').includes(38));
  assert.ok(families('SCMP_ACT_ALLOW').includes(1) && families('SCMP_ACT_ALLOW').includes(2));
  assert.deepEqual(families('SCMP_ACT_ERRNO'), []);
  for (const { names, action, args } of syscalls) {
    if (action !== 'SCMP_ACT_ALLOW') continue;
    assert.ok(!names?.includes('io_uring_setup') && !names?.includes('socketcall'));
    // Every rule that lets a socket through says which family it is for.
    if (names?.includes('socket')) assert.equal(args?.[0]?.op, 'SCMP_CMP_EQ');
  }
  // libseccomp refuses a rule beside the same or a wider one.
  const stated = syscalls
    .filter(({ names, action }) => names?.includes('socket') && action === 'SCMP_ACT_ALLOW')
    .map(({ args }) => args?.map(({ index, value }) => `${index}=${value}`).join(' '));
  assert.equal(new Set(stated).size, stated.length);
  assert.deepEqual(syscalls[0]?.names, ['read']);
  assert.deepEqual(tightenProfile(profile, []), profile);
  // A profile of what is forbidden: what it forbids stays so, and what is asked for is forbidden beside it.
  const forbidding: SeccompProfile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['reboot'], action: 'SCMP_ACT_ERRNO' },
      { names: ['socket'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 16, op: 'SCMP_CMP_EQ' }] },
    ],
  };
  const beside = tightenProfile(forbidding, [afAlg]).syscalls;
  assert.deepEqual(beside.slice(0, 2), forbidding.syscalls);
  assert.deepEqual(
    beside.slice(2).map(({ names, action, args }) => [names?.join(' '), action, args?.[0]?.value]),
    [
      ['io_uring_setup socketcall', 'SCMP_ACT_ERRNO', undefined],
      ['socket', 'SCMP_ACT_ERRNO', 38],
    ],
  );
  const one = machine({ '/proc/sys/kernel/io_uring_disabled': '0' });
  await one.keeper.apply('io-uring');
  assert.equal((await one.keeper.seccomp())[0]?.calls[0], 'io_uring_setup');
  await one.keeper.undo('io-uring');
  assert.deepEqual(await one.keeper.seccomp(), []);
});

const advisory = (id: string, files: readonly string[]): KernelAdvisory => ({
  ...{ id, files, title: id, severity: 'high', cvss: 7.8, kev: false, epss: null },
  ...{ introduced: ['5.0'], mainline: true, free: [], fixes: [], stable: [] },
});
const factsOf = (more: object): MachineFacts =>
  machineFacts.parse({ kernel: { release: '6.1.50', upstream: '6.1.50' }, ...more });

test('what the platform shut is mitigated since then; what was shut by itself is not reachable; what was only ordered is neither', () => {
  const nft = advisory('CVE-2024-26809', ['net/netfilter/nft_set_pipapo.c']);
  const alg = advisory('CVE-2026-31431', ['crypto/algif_aead.c']);
  const other = advisory('CVE-2024-99999', ['net/netfilter/nft_set_pipapo.c']);
  const states = (more: object) =>
    judgeMachine(factsOf(more), [nft, alg, other]).map(({ state, since }) =>
      since === null ? state : `${state} ${since}`,
    );
  const shut = { sysctls: { 'user.max_user_namespaces': '0' } };
  const shields = [{ id: 'user-namespaces', since: '2026-11-22', state: 'on' }];
  assert.deepEqual(states({}), ['exposed', 'exposed', 'exposed']);
  assert.deepEqual(states(shut), ['not-reachable', 'exposed', 'exposed']);
  assert.deepEqual(states({ ...shut, shields }), ['mitigated 2026-11-22', 'exposed', 'exposed']);
  assert.deepEqual(states({ shields }), ['exposed', 'exposed', 'exposed'], 'a record is no proof');
  const names = ['af_alg', 'algif_aead', 'algif_hash', 'algif_rng', 'algif_skcipher'];
  const blocked = names.map((name) => ({ name, by: '/etc/modprobe.d/darsena-shield-af-alg.conf' }));
  const kept = { modules: { loaded: [], blocked }, shields: [{ id: 'af-alg', since: '2026-11-22', state: 'on' }] };
  assert.equal(states(kept)[1], 'mitigated 2026-11-22');
  assert.equal(states({ modules: { loaded: [{ name: 'algif_hash' }], blocked } })[1], 'exposed');
});

test('a fault without a record of the kernel’s own authority is judged by what the distribution says of it', () => {
  const statement = (affected: boolean) => ({ affected, fixedVersion: '6.1.76-1', source: 'debian', url: null });
  const statements: NonNullable<Parameters<typeof judgeMachine>[2]> = new Map([
    ['CVE-2024-1086', { ...statement(true), kev: true, epss: 0.8 }],
    ['CVE-2022-0185', { ...statement(false), kev: false, epss: null }],
    ['DSA-1-1', { ...statement(true), kev: false, epss: null }],
  ]);
  const found = judgeMachine(factsOf({}), [], statements);
  assert.deepEqual(
    found.map(({ cve, state, reason, kev, fixedIn }) => [cve, state, reason, kev, fixedIn]),
    [
      ['CVE-2024-1086', 'exposed', 'distribution', true, '6.1.76-1'],
      ['CVE-2022-0185', 'not-affected', 'distribution', false, '6.1.76-1'],
    ],
  );
  const shut = judgeMachine(factsOf({ sysctls: { 'user.max_user_namespaces': '0' } }), [], statements);
  assert.equal(shut[0]?.state, 'not-reachable');
});

test('a shield that no fault of the running kernel needs is withdrawn by itself, one with a fault that nobody knows is not', async (t) => {
  const opened = await openDatabase<Record<string, never>>('sqlite::memory:', []);
  t.after(() => opened.close());
  const asked: string[] = [];
  const facts: string[] = [];
  const results: unknown[] = [];
  const shields = [
    { id: 'tipc', since: 'then', state: 'on' },
    { id: 'n-gsm', since: 'then', state: 'on' },
    { id: 'bpf', since: 'then', state: 'setting' },
  ];
  const made = new Shields({
    db: opened.db as unknown as Kysely<never>,
    journal: {
      committed: () => undefined,
      async record(_tx, fact) {
        facts.push(fact.kind);
        return { ...fact, id: '', at: '', digest: null };
      },
    },
    operations: {
      async start(_request: unknown, work: Parameters<Operations['start']>[1]) {
        results.push(await work({ id: 'o', signal: new AbortController().signal, step: () => silentStep }));
        return { operation: { id: 'o' } };
      },
    } as unknown as Operations,
    machines: {
      shieldChanged: () => undefined,
      facts: () => factsOf({ shields }),
      answer: async () => ({
        ...{ host: 'h', kernel: factsOf({}).kernel, summary: null },
        data: { state: 'data', advisories: 2, updatedAt: null, isOld: false, isAhead: false, revision: '1' },
        cves: ['CVE-2021-43267', 'CVE-2022-0435'].map((cve) => ({
          ...{ cve, state: 'not-affected', reason: 'fixed-upstream', evidence: [], title: '', severity: 'high' },
          ...{ cvss: null, kev: false, epss: null, fixedIn: null, since: null },
        })),
      }),
    },
    ...FEEDLESS,
    async recorded() {
      const one = { project: 'shop', workload: 'vm', container: 'main', calls: ['read'], families: [1, 40] };
      return [one, { ...one, workload: 'web', families: [2] }];
    },
    modulesOf: () => [{ module: 'vsock', workloads: ['shop/dev/vm'] }],
    async run(_host: string, task: ShieldTask) {
      if (task.change !== 'feed') asked.push(`${task.change} ${task.entry}`);
      return { would: [] };
    },
  });
  const states = new Map((await made.states('h')).map(({ id, state }) => [id, state]));
  assert.deepEqual(
    ['tipc', 'n-gsm', 'bpf', 'vsock'].map((id) => states.get(id)),
    ['fixed', 'on', 'setting', 'off'],
  );
  await made.tidy('h');
  await made.change('h', 'apply', 'CVE-2025-21756', 'ana');
  await made.change('h', 'try', 'vsock', 'ana');
  await assert.rejects(made.change('h', 'apply', 'CVE-2022-0847', 'ana'), { code: 'host.shield-unknown' });
  assert.deepEqual(asked, ['undo tipc', 'apply vsock', 'try vsock']);
  const { would } = results.at(-1) as { would: { en: string }[] };
  assert.deepEqual(
    would.map(({ en }) => en),
    [
      'would have broken: shop/vm (main), which was recorded calling socket(40)',
      'would have broken: users of the module vsock, seen in use on h (shop/dev/vm)',
    ],
  );
  assert.deepEqual(facts, ['shield.withdrawn', 'shield.set']);
});

/** A platform without a feed of its own. */
const FEEDLESS = {
  store: {
    find: async () => null,
    async *blob() {
      yield Buffer.alloc(0);
    },
    putBlob: async () => undefined,
    putManifest: async () => undefined,
  },
  trust: {} as PatchTrust,
  restart: async () => [],
};

const made = generateKeyFile('ecdsa-p256', 'a passphrase');
const security = {
  signer: localSigner(openKeyFile(made.privatePem, 'a passphrase')),
  trusted: defineSigner({
    ...{ name: 'security', uses: ['image'] },
    identity: { kind: 'key', publicKey: readPublicKey(made.publicPem), trustedRoot: null },
  }),
};
const feedOf = (number: number): Buffer =>
  writeFeed({ ...SHIPPED_FEED, number, entries: SHIPPED_FEED.entries.filter(({ id }) => id === 'tipc') });
const signed = async (bytes: Uint8Array) => ({
  ...NO_SIGNATURES,
  bundles: [
    await makeBundle(security.signer, 'image', { digest: packFeed(bytes).digest, repository: SHIELD_REPOSITORY }, {}),
  ],
});

test('a host takes a feed that its own trust policy names a signer of, never an older one, and goes by it', async () => {
  const one = machine({});
  const feed = new HostFeed(one.host, '/instance/agent');
  const parts = {
    trust: { signers: [security.trusted], repositoryBinding: 'required' } as TrustPolicy,
    clock: systemClock,
  };
  const newer = feedOf(100);
  await assert.rejects(feed.take(newer, NO_SIGNATURES, parts), { code: 'host.shield-feed-untrusted' });
  await assert.rejects(feed.take(feedOf(101), await signed(newer), parts), { code: 'host.shield-feed-untrusted' });
  assert.deepEqual(await feed.take(newer, await signed(newer), parts), { number: 100 });
  const older = feedOf(99);
  await assert.rejects(feed.take(older, await signed(older), parts), { code: 'host.shield-feed-old' });
  const again = new HostFeed(one.host, '/instance/agent');
  assert.equal((await again.open()).number, 100, 'kept over a start of the agent');
  const other = new HostFeed(one.host, '/other/agent');
  assert.equal((await other.open()).number, SHIPPED_FEED.number, 'another instance believes others');
  // An entry that the new one lacks is still taken back, by what was written down.
  const path = `${SHIELD_RECORDS}/n-gsm.json`;
  one.disk.set(path, JSON.stringify({ id: 'n-gsm', since: 'then', state: 'on', before: [] }));
  const keeper = new ShieldKeeper(
    one.host,
    () => '',
    () => again.standing,
  );
  await assert.rejects(keeper.apply('n-gsm'), { code: 'host.shield-unknown' });
  await keeper.undo('n-gsm');
  assert.equal(one.disk.has(path), false);
});

test('a feed sets numbers, keeps out modules and denies calls, and can say nothing else', () => {
  const given = JSON.parse(feedOf(5).toString()) as { entries: Record<string, unknown>[] };
  const withControl = (control: unknown): Buffer =>
    Buffer.from(JSON.stringify({ ...given, entries: [{ ...given.entries[0], controls: [control] }] }));
  for (const control of [
    { kind: 'sysctl', name: 'kernel.core_pattern', set: '|/tmp/x', closed: ['1'] },
    { kind: 'sysctl', name: '../../etc/passwd', set: '1', closed: ['1'] },
    { kind: 'module', names: ['x /bin/sh'] },
    { kind: 'seccomp', families: [99], calls: [] },
    { kind: 'run', command: 'id' },
  ]) {
    assert.throws(
      () => readFeed(withControl(control)),
      (error) => error instanceof Fault && error.code === 'host.shield-feed',
      JSON.stringify(control),
    );
  }
  assert.equal(readFeed(feedOf(5)).number, 5);
});
