import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import type { Principal } from '../../access/index.ts';
import { type ContainerProfile, narrowSecurity, type WorkloadStatus } from '../../deploy/index.ts';
import type { Operations } from '../../progress/index.ts';
import { silentStep } from '../../progress/index.ts';
import { type Json, openDatabase, systemClock } from '../../system/index.ts';
import { hostMigrations } from '../migrations.ts';
import { narrowProfile } from '../shield/seccomp.ts';
import { addUse, type ProfileTask, type RecordedUse, readStatedProfiles } from './profile.ts';
import { type ProfileGround, Profiles } from './profiles.ts';
import { rootNeeds, withoutRoot } from './root.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const PLACE = { project: 'shop', workload: 'web', container: 'main', calls: [], families: [], capabilities: null };

function use(change: Partial<RecordedUse> = {}): RecordedUse {
  return {
    ...{ id: 'c1', project: 'shop', environment: 'dev', workload: 'web', container: 'main', image: 'shop/web' },
    ...{ digest: DIGEST, calls: ['read', 'socket'], families: [2], capabilities: [10] },
    ...{ fromStart: false, foreign: false, written: [{ path: '/var/lib/app/log', uid: 0 }] },
    ...change,
  };
}

test('recordings add up, and never forget: what was called once stays, what one kernel hides is not known', () => {
  const one = addUse(null, use(), PLACE);
  const two = addUse(one, use({ calls: ['write'], capabilities: [0], fromStart: true, families: [10] }), PLACE);
  assert.deepEqual(two.calls, ['read', 'socket', 'write']);
  assert.deepEqual(two.families, [2, 10]);
  assert.deepEqual(two.capabilities, ['CHOWN', 'NET_BIND_SERVICE']);
  assert.equal(two.fromStart, true);
  assert.equal(two.recorded, 2);
  assert.equal(addUse(two, use({ capabilities: null }), PLACE).capabilities, null);
  assert.equal(addUse(two, use({ foreign: true }), PLACE).foreign, true);
});

test('a narrowed filter allows what was seen and what a run-time needs to begin, under the conditions of before', () => {
  const engine = {
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read', 'socket', 'execve', 'mkdir', 'io_uring_setup'], action: 'SCMP_ACT_ALLOW' },
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
    ],
  };
  const narrow = narrowProfile(engine, { names: ['read', 'socket', 'reboot'], families: [1, 2] });
  const rules = narrow.syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');
  const names = new Set(rules.flatMap(({ names = [] }) => names));
  assert.deepEqual([...names].sort(), ['clone', 'execve', 'read', 'socket']);
  assert.equal(rules.find(({ names = [] }) => names.includes('clone'))?.args?.length, 1, 'its condition stays');
  const families = rules.filter(({ names = [] }) => names.includes('socket')).map(({ args }) => args?.[0]?.value);
  assert.deepEqual(families, [1, 2]);
  assert.deepEqual(narrow['archMap'], [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }]);
  // One that lets everything through becomes a list.
  const open = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO' }] };
  const closed = narrowProfile(open, { names: ['read', 'write'], families: [] });
  assert.equal(closed.defaultAction, 'SCMP_ACT_ERRNO');
  assert.ok(!closed.syscalls.some(({ names = [] }) => names.includes('read')));
});

test('narrowing never adds: unused rights are dropped by name, and those that were dropped stay so', () => {
  const security = {
    ...{ runAsUser: null, runAsGroup: null, runAsNonRoot: false, readOnlyRootFilesystem: false },
    ...{ allowPrivilegeEscalation: true, capabilitiesAdd: ['SYS_NICE', 'NET_ADMIN'], capabilitiesDrop: ['KILL'] },
  };
  const profile: ContainerProfile = { ...PLACE, calls: ['read'], families: [], capabilities: ['NET_ADMIN', 'CHOWN'] };
  const narrowed = narrowSecurity(security, profile);
  assert.deepEqual(narrowed.capabilitiesAdd, ['NET_ADMIN']);
  assert.ok(narrowed.capabilitiesDrop.includes('KILL') && narrowed.capabilitiesDrop.includes('SETUID'));
  assert.ok(!narrowed.capabilitiesDrop.includes('CHOWN'));
  assert.deepEqual(narrowSecurity(security, { ...profile, capabilities: [] }).capabilitiesDrop, ['ALL']);
  assert.deepEqual(narrowSecurity(security, { ...profile, capabilities: null }).capabilitiesDrop, ['KILL']);
});

test('a root container’s needs are read from what it did, and become a manifest without root', () => {
  const body = addUse(
    null,
    use({
      capabilities: [0, 6, 7, 10, 13],
      written: [
        ...['/data/n', '/tmp/x', '/var/cache/nginx/a/b', '/var/cache/nginx/c', '/etc/app/conf'].map((path) => ({
          path,
          uid: 0,
        })),
        { path: '/srv/by-another', uid: 33 },
      ],
    }),
    PLACE,
  );
  const needs = rootNeeds(body, ['/data']);
  assert.deepEqual(needs.capabilities, ['NET_RAW']);
  assert.equal(needs.lowPorts, true);
  assert.deepEqual(needs.scratch, ['/var/cache/nginx']);
  assert.deepEqual(needs.volumes, ['/data']);
  assert.deepEqual(needs.inImage, ['/etc/app']);
  const container = { name: 'main', image: 'web', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const manifest: Json = {
    kind: 'Deployment',
    spec: { template: { spec: { containers: [container, { name: 'other' }], volumes: [{ name: 'data' }] } } },
  };
  const changed = JSON.parse(JSON.stringify(withoutRoot(manifest, [needs]))) as {
    spec: { template: { spec: { securityContext: Json; volumes: Json[]; containers: Record<string, Json>[] } } };
  };
  const { securityContext, volumes, containers } = changed.spec.template.spec;
  assert.deepEqual(securityContext, {
    fsGroup: 10001,
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
  });
  assert.deepEqual(volumes, [{ name: 'data' }, { name: 'main-scratch-0', emptyDir: {} }]);
  assert.deepEqual(containers[0]?.['securityContext'], {
    ...{ runAsUser: 10001, runAsGroup: 10001, runAsNonRoot: true, allowPrivilegeEscalation: false },
    capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
  });
  assert.equal(containers[1]?.['securityContext'], undefined);
  assert.equal(JSON.stringify(manifest).includes('10001'), false, 'the given one is not touched');
});

test('what is signed is read strictly: a capability or call that there is not makes the statement say nothing', () => {
  const one = { ...PLACE, calls: ['read'], families: [2], capabilities: ['KILL'] };
  assert.equal(readStatedProfiles({ profiles: [one] }).length, 1);
  assert.deepEqual(readStatedProfiles({ profiles: [{ ...one, capabilities: ['EVERYTHING'] }] }), []);
  assert.deepEqual(readStatedProfiles({ profiles: [{ ...one, calls: ['read; rm'] }] }), []);
  assert.deepEqual(readStatedProfiles(null), []);
});

/** A host whose copies become ready, or end, and whose recordings are given. */
async function ground() {
  const { db } = await openDatabase<never>('sqlite::memory:', hostMigrations);
  const state = {
    copies: [] as { name: string; profiles: readonly ContainerProfile[] }[],
    there: new Set<string>(),
    ends: false,
    stated: [] as ContainerProfile[],
    edited: [] as Json[],
    uses: [use()],
    tasks: [] as string[],
    exitCode: 0,
    diesAt: null as ProfileTask['step'] | null,
    /** Happens while the narrowed copy runs. */
    during: async (): Promise<void> => undefined,
  };
  const workload = { recorded: '' };
  const made: ProfileGround = {
    containers: async () => [
      { container: 'main', repository: 'shop/web', digest: DIGEST, runsAsRoot: true, mounts: [] },
    ],
    deployed: async () => [],
    async copy({ name, profiles, edit }) {
      state.edited.push(edit?.(MANIFEST) ?? null);
      state.copies.push({ name, profiles });
      state.there.add(name);
      if (profiles.length > 0) await state.during();
      return null;
    },
    async removeCopy(_project, _environment, name) {
      state.there.delete(name);
    },
    status: (_project, _environment, name) =>
      state.there.has(name)
        ? ({
            ...{ ready: 1, conditions: [] },
            replicas: [
              {
                ...{ ready: true, restarts: 0, containers: [{ id: 'c'.repeat(64) }] },
                lastExit: state.ends && state.copies.length > 1 ? { code: 159, at: '' } : null,
              },
            ],
          } as unknown as WorkloadStatus)
        : undefined,
    async run(task: ProfileTask) {
      state.tasks.push(task.step);
      if (task.step === state.diesAt) throw new Error('died');
      if (task.step === 'begin') workload.recorded = task.workload;
      if (task.step === 'test') return { exitCode: state.exitCode, output: 'said' };
      const uses = state.uses.map((one) => ({ ...one, workload: workload.recorded }));
      return task.step === 'begin' ? null : (JSON.parse(JSON.stringify({ uses, writtenLeftOut: 0 })) as Json);
    },
    async state(_image, change) {
      state.stated = [...change(state.stated)];
    },
  };
  const facts: string[] = [];
  const results: Promise<unknown>[] = [];
  const profiles = new Profiles({
    db,
    journal: {
      async record(_tx: Kysely<never>, { kind }: { kind: string }) {
        facts.push(kind);
        return null;
      },
      committed: () => undefined,
    } as never,
    operations: {
      async start(_request: unknown, work: Parameters<Operations['start']>[1]) {
        const result = work({ id: 'o', signal: new AbortController().signal, step: () => silentStep });
        results.push(result);
        result.catch(() => undefined);
        return { operation: { id: 'o' } };
      },
    } as unknown as Operations,
    clock: { ...systemClock, sleep: async () => undefined, monotonicMs: fastClock() },
    ground: made,
  });
  return { db, state, facts, profiles, last: () => results.at(-1) };
}

/** Each look at it is a quarter of a second. */
function fastClock(): () => number {
  let ms = 0;
  return () => {
    ms += 250;
    return ms;
  };
}

const MANIFEST: Json = {
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'main', image: 'shop/web' }] },
};

const BY = { actor: 'user:ana' } as Principal;
const ORDER = { project: 'shop', environment: 'dev', workload: 'web', seconds: 2, test: ['true'] };

test('a profile is applied only when a copy that may nothing else passed; copies are always taken away', async () => {
  const one = await ground();
  await one.profiles.record(ORDER, BY);
  await one.last();
  assert.equal((await one.profiles.list('shop'))[0]?.state, 'recorded');
  await assert.rejects(one.profiles.apply(ORDER, BY), { code: 'host.profile-unproven' });

  one.state.ends = true;
  await one.profiles.try(ORDER, BY);
  await assert.rejects(async () => one.last(), { code: 'host.profile-failed' });
  assert.equal((await one.profiles.list('shop'))[0]?.state, 'failed');
  assert.equal(one.state.there.size, 0);

  one.state.ends = false;
  one.state.copies.length = 0;
  await one.profiles.try(ORDER, BY);
  await one.last();
  assert.deepEqual(
    one.state.copies.map(({ profiles }) => profiles.length),
    [0, 1],
    'the second copy is the narrowed one',
  );
  assert.equal(one.state.there.size, 0);
  await one.profiles.apply(ORDER, BY);
  assert.deepEqual(
    one.state.stated.map(({ workload, calls }) => [workload, calls]),
    [['web', ['read', 'socket']]],
  );
  await one.profiles.withdraw(ORDER, BY);
  assert.deepEqual(one.state.stated, []);
  assert.deepEqual(one.facts, [
    ...['profile.recorded', 'profile.tried', 'profile.tried', 'profile.applied', 'profile.withdrawn'],
  ]);
  await one.db.destroy();
});

test('a manifest without root is written, tried in a copy and shown with what the copy said, also where it does not work', async () => {
  const one = await ground();
  await assert.rejects(one.profiles.unroot(ORDER, BY), { code: 'host.profile-unrecorded' });
  await one.profiles.record(ORDER, BY);
  await one.last();
  for (const exitCode of [0, 1]) {
    one.state.exitCode = exitCode;
    await one.profiles.unroot(ORDER, BY);
    const result = (await one.last()) as { passed: boolean; why: { en: string } | null; yaml: string; manifest: Json };
    assert.equal(result.passed, exitCode === 0);
    assert.match(result.why?.en ?? '', exitCode === 0 ? /^$/ : /the test ended with 1: said/);
    assert.match(result.yaml, /runAsUser: 10001\n[\s\S]*runAsNonRoot: true/);
    assert.deepEqual(one.state.edited.at(-1), result.manifest);
    assert.equal(one.state.there.size, 0);
  }
  assert.deepEqual(one.facts.slice(1), ['root.tried', 'root.tried']);
  await one.db.destroy();
});

test('what was recorded so far is kept at each look, and a container is counted once', async () => {
  const one = await ground();
  await one.profiles.record(ORDER, BY);
  await one.last();
  assert.ok(one.state.tasks.filter((step) => step === 'read').length > 0);
  assert.equal((await one.profiles.list('shop'))[0]?.recorded, 1);
  // Control dies in the middle: the end is never asked for.
  one.state.uses = [use({ calls: ['read', 'socket', 'mount'] })];
  one.state.diesAt = 'end';
  await one.profiles.record(ORDER, BY);
  await assert.rejects(async () => one.last(), /died/);
  assert.ok((await one.profiles.list('shop'))[0]?.calls.includes('mount'));
  await one.db.destroy();
});

test('a profile that stands is taken from its image whatever was recorded or tried after it, and more is not applied untried', async () => {
  const one = await ground();
  await one.profiles.try(ORDER, BY);
  await one.last();
  await one.profiles.apply(ORDER, BY);
  one.state.uses = [use({ calls: ['read', 'socket', 'mount'] })];
  await one.profiles.record(ORDER, BY);
  await one.last();
  const [grown] = await one.profiles.list('shop');
  assert.equal(grown?.state, 'recorded');
  assert.ok(grown?.appliedAt !== null);
  await assert.rejects(one.profiles.apply(ORDER, BY), { code: 'host.profile-unproven' });
  assert.deepEqual(one.state.stated[0]?.calls, ['read', 'socket']);
  await one.profiles.withdraw(ORDER, BY);
  assert.deepEqual(one.state.stated, []);
  assert.equal((await one.profiles.list('shop'))[0]?.appliedAt, null);
  await one.db.destroy();
});

test('what was recorded while a copy was tried is not taken for tried', async () => {
  const one = await ground();
  await one.profiles.record(ORDER, BY);
  await one.last();
  one.state.during = async () => {
    one.state.uses = [use({ calls: ['read', 'socket', 'mount'] })];
    await one.profiles.record(ORDER, BY);
    await one.last();
  };
  await one.profiles.try(ORDER, BY);
  const trial = one.last();
  await trial;
  for (let at = 0; at < 100 && (await one.profiles.list('shop'))[0]?.trial === null; at++)
    await new Promise(setImmediate);
  const [grown] = await one.profiles.list('shop');
  assert.deepEqual([grown?.state, grown?.trial?.passed, grown?.calls.includes('mount')], ['recorded', true, true]);
  await assert.rejects(one.profiles.apply(ORDER, BY), { code: 'host.profile-unproven' });
  one.state.during = async () => undefined;
  await one.profiles.try(ORDER, BY);
  await one.last();
  assert.equal((await one.profiles.list('shop'))[0]?.state, 'passed');
  await one.db.destroy();
});

test('a test that fails fails the copy; what cannot be told apart is never narrowed', async () => {
  const one = await ground();
  one.state.exitCode = 3;
  await one.profiles.try(ORDER, BY);
  await assert.rejects(async () => one.last(), { code: 'host.copy-failed' });
  assert.equal(one.state.there.size, 0);
  assert.equal(one.state.tasks.at(-1), 'end', 'the recording ends with its copy');
  one.state.exitCode = 0;
  one.state.uses = [use({ foreign: true })];
  await one.profiles.try(ORDER, BY);
  await assert.rejects(async () => one.last(), { code: 'host.profile-foreign' });
  await one.db.destroy();
});
