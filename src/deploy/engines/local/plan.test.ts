import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WantedWorkload } from '../../model.ts';
import type { ObservedContainer, ObservedPod } from './engine.ts';
import { formatHosts, ownName, serviceHosts, serviceRedirects } from './hosts.ts';
import { bridgeName, hostName, LABEL, podLabels, podName } from './labels.ts';
import { expandReferences } from './orders.ts';
import {
  type Action,
  EMPTY_MEMORY,
  type Observation,
  type Plan,
  type PlanMemory,
  plan,
  troubleOfSpec,
} from './plan.ts';
import { sampleContainer, sampleState, sampleWorkload } from './simulation.ts';

const NOW_MS = Date.UTC(2030, 0, 1);

function podOf(workload: WantedWorkload, slot: number, more: Partial<ObservedContainer> = {}): ObservedPod {
  const identity = { key: workload.key, specHash: workload.specHash, slot };
  const name = podName('t', identity);
  const labels = podLabels('t', identity, 5);
  return {
    id: `id-${name}`,
    name,
    labels,
    createdAtMs: NOW_MS - 60_000,
    infra: { id: `infra-${name}`, state: 'running', startedAtMs: NOW_MS - 60_000 },
    containers: [
      {
        id: `c-${name}`,
        name: `${name}-main-0`,
        labels: {
          ...labels,
          [LABEL.container]: 'main',
          [LABEL.role]: 'main',
          [LABEL.attempt]: '0',
          [LABEL.failures]: '0',
        },
        image: 'i',
        state: 'running',
        pid: 1,
        startedAtMs: NOW_MS - 60_000,
        exitedAtMs: null,
        exitCode: null,
        ...more,
      },
    ],
  };
}

function run(
  workloads: readonly WantedWorkload[],
  pods: readonly ObservedPod[],
  more: Partial<Observation> = {},
  memory: PlanMemory = EMPTY_MEMORY,
): Plan {
  const observed = { pods, health: new Map(), busy: new Map(), networks: null, ...more };
  return plan('t', sampleState(workloads), observed, memory, NOW_MS);
}

function say(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    if (action.kind === 'create-pod') return `create ${action.pod.slot}`;
    if (action.kind === 'remove-pod') return `remove ${action.pod.name.split('-').pop()}`;
    if (action.kind === 'mend-pod') return `mend ${action.steps.map(({ kind }) => kind).join('+')}`;
    return `remove ${action.network}`;
  });
}

const v1 = sampleWorkload('web', 'v1', { replicas: 3 });
const v2 = sampleWorkload('web', 'v2', { replicas: 3, generation: 2, previous: v1 });
const three = [0, 1, 2].map((slot) => podOf(v1, slot));

test('plan() makes what is missing, and nothing when all is there', () => {
  assert.deepEqual(say(run([v1], []).actions), ['create 0', 'create 1', 'create 2']);
  assert.deepEqual(say(run([v1], three).actions), []);
  assert.equal(run([v1], three).statuses[0]?.phase, 'available');
  assert.deepEqual(say(run([v1], three.slice(1)).actions), ['create 0']);
});

test('plan() is the same for the same arguments', () => {
  assert.deepEqual(run([v2], three), run([v2], three));
});

test('plan() removes the highest replicas first, and all of what is not wanted', () => {
  assert.deepEqual(say(run([{ ...v1, replicas: 1 }], three).actions), ['remove 1', 'remove 2']);
  assert.deepEqual(say(run([{ ...v1, replicas: 0 }], three).actions), ['remove 0', 'remove 1', 'remove 2']);
  assert.deepEqual(say(run([], three).actions), ['remove 0', 'remove 1', 'remove 2']);
  assert.equal(run([{ ...v1, replicas: 0 }], []).statuses[0]?.phase, 'stopped');
});

test('a rolling update goes one by one with maxSurge 1, maxUnavailable 0', () => {
  assert.deepEqual(say(run([v2], three).actions), ['create 0']);
  const young = podOf(v2, 0, { startedAtMs: NOW_MS });
  assert.deepEqual(say(run([v2], [...three, young]).actions), [], 'a pod without probes is given three seconds');
  assert.deepEqual(say(run([v2], [...three, podOf(v2, 0)]).actions), ['remove 2']);
  assert.deepEqual(say(run([v2], [...three.slice(0, 2), podOf(v2, 0)]).actions), ['create 1']);
  assert.deepEqual(
    say(
      run(
        [v2],
        [0, 1, 2].map((slot) => podOf(v2, slot)),
      ).actions,
    ),
    [],
  );
});

test('maxUnavailable lets old replicas go before new ones are there', () => {
  const rolling = { ...v2, strategy: { kind: 'rolling', maxSurge: 0, maxUnavailable: '34%' } } as const;
  assert.deepEqual(say(run([rolling], three).actions), ['remove 2']);
  assert.deepEqual(say(run([rolling], three.slice(0, 2)).actions), ['create 0']);
});

test('old pods that a roll-out counts on are made anew, as after a restart of the machine', () => {
  const v1 = sampleWorkload('web', 'v1', { replicas: 2 });
  const v2 = sampleWorkload('web', 'v2', { replicas: 2, generation: 2, previous: v1 });
  const made = ({ actions }: Plan) =>
    actions.flatMap((action) =>
      action.kind === 'create-pod' ? [action.spec.specHash === v1.specHash ? 'old' : 'new'] : [],
    );
  const begun = run([v2], [podOf(v1, 0), podOf(v1, 1)]);
  assert.deepEqual(made(begun), ['new']);
  const { memory } = begun;
  // None is left: what served comes back, and the trial beside it goes on.
  assert.deepEqual(made(run([v2], [], {}, memory)), ['old', 'old', 'new']);
  assert.deepEqual(made(run([v2], [podOf(v1, 0)], {}, memory)), ['old', 'new']);
  // One of the new version has been available: one old one fewer is needed.
  const key = 'shop/dev/web';
  const known = memory.rollouts[key];
  assert.ok(known);
  const further = { ...memory, rollouts: { [key]: { ...known, bestAvailable: 1 } } };
  assert.deepEqual(made(run([v2], [], {}, further)), ['old', 'new', 'new']);
  // What had no pods gets none.
  assert.deepEqual(made(run([v2], [])), ['new', 'new']);
});

test('percentages round up for surge and down for unavailable', () => {
  const four = sampleWorkload('web', 'v1', { replicas: 4 });
  const next = sampleWorkload('web', 'v2', {
    replicas: 4,
    previous: four,
    strategy: { kind: 'rolling', maxSurge: '30%', maxUnavailable: '30%' },
  });
  assert.deepEqual(
    say(
      run(
        [next],
        [0, 1, 2, 3].map((slot) => podOf(four, slot)),
      ).actions,
    ),
    ['create 0', 'create 1', 'remove 3'],
  );
});

test('Recreate waits until the old version is gone, also while it is being removed', () => {
  const recreate = { ...v2, strategy: { kind: 'recreate' } } as const;
  assert.deepEqual(say(run([recreate], three).actions), ['remove 0', 'remove 1', 'remove 2']);
  const busy = new Map(three.map(({ name }) => [name, { kind: 'remove' } as const]));
  assert.deepEqual(say(run([recreate], three, { busy }).actions), []);
  const coming = { kind: 'create', pod: { key: v1.key, specHash: v1.specHash, slot: 0 } } as const;
  assert.deepEqual(say(run([recreate], [], { busy: new Map([['t-old', coming]]) }).actions), []);
  assert.deepEqual(say(run([recreate], []).actions), ['create 0', 'create 1', 'create 2']);
});

test('a refused version takes nobody away, and the previous one is kept whole', () => {
  const trouble = { kind: 'refused', count: 1, untilMs: NOW_MS + 1000, texts: [{ en: 'no', es: 'no' }] } as const;
  const memory: PlanMemory = { ...EMPTY_MEMORY, troubles: { [troubleOfSpec(v2.key, v2.specHash)]: trouble } };
  const { actions, statuses, nextCheckMs } = run([v2], three.slice(1), {}, memory);
  assert.deepEqual(say(actions), ['create 0']);
  assert.equal(actions[0]?.kind === 'create-pod' && actions[0].spec.specHash, v1.specHash);
  assert.equal(statuses[0]?.phase, 'refused');
  assert.ok(nextCheckMs === null || nextCheckMs <= NOW_MS + 60_000);
  const recreate = { ...v2, previous: null, strategy: { kind: 'recreate' } } as const;
  assert.deepEqual(say(run([recreate], three, {}, memory).actions), []);
});

test('a version that failed to start is tried again, also where the old one must make room for it', () => {
  const past = { kind: 'failed', count: 1, untilMs: NOW_MS - 1, texts: [{ en: 'no', es: 'no' }] } as const;
  const memory: PlanMemory = { ...EMPTY_MEMORY, troubles: { [troubleOfSpec(v2.key, v2.specHash)]: past } };
  const recreate = { ...v2, strategy: { kind: 'recreate' } } as const;
  const tight = { ...v2, strategy: { kind: 'rolling', maxSurge: 0, maxUnavailable: 1 } } as const;
  assert.deepEqual(say(run([recreate], three, {}, memory).actions), ['remove 0', 'remove 1', 'remove 2']);
  assert.deepEqual(say(run([tight], three, {}, memory).actions), ['remove 2']);
  assert.deepEqual(say(run([v2], three, {}, memory).actions), ['create 0']);
});

test('a pod without a running network is replaced', () => {
  const broken = three.map((pod) => ({ ...pod, infra: { id: 'x', state: 'exited', startedAtMs: 1 } as const }));
  assert.deepEqual(say(run([v1], broken).actions), [
    'remove 0',
    'remove 1',
    'remove 2',
    'create 3',
    'create 4',
    'create 5',
  ]);
});

test('who looks is told why a pod goes that no release, number or drain took away, from the moment that it is decided', () => {
  const overfull = new Map([[three[1]?.id ?? '', 'disk'] as const]);
  const leaving = (result: Plan): (string | undefined)[] =>
    result.statuses[0]?.replicas.map((one) => one.leaving?.en) ?? [];
  const result = run([v1], three, { overfull });
  const [, why] = leaving(result);
  assert.match(why ?? '', /ephemeral-storage/);
  const reason = result.actions.find((one) => one.kind === 'remove-pod')?.reason;
  assert.ok(reason !== undefined);
  const busy = new Map([[three[1]?.name ?? '', { kind: 'remove', reason } as const]]);
  assert.deepEqual(leaving(run([v1], three, { busy })), [undefined, why, undefined]);
  assert.deepEqual(leaving(run([{ ...v1, replicas: 1 }], three)), [undefined, undefined, undefined]);
});

test('a paused container is left as it is and not counted as ready', () => {
  const { actions, statuses } = run([v1], [...three.slice(0, 2), podOf(v1, 2, { state: 'paused' })]);
  assert.deepEqual(say(actions), []);
  assert.equal(statuses[0]?.ready, 2);
  assert.equal(statuses[0]?.replicas[2]?.phase, 'paused');
});

test('init containers run one after the other, and main containers after them', () => {
  const workload = sampleWorkload(
    'job',
    'v1',
    {},
    { initContainers: [sampleContainer({ name: 'a' }), sampleContainer({ name: 'b' })] },
  );
  const pod = podOf(workload, 0, { state: 'created', startedAtMs: null });
  const init = (name: string, more: Partial<ObservedContainer>): ObservedContainer => {
    const [main] = pod.containers;
    assert.ok(main);
    return { ...main, id: name, labels: { ...main.labels, [LABEL.container]: name, [LABEL.role]: 'init' }, ...more };
  };
  const withInits = (...inits: ObservedContainer[]): string[] =>
    say(run([workload], [{ ...pod, containers: [...inits, ...pod.containers] }]).actions);
  const done = { state: 'exited', exitCode: 0, exitedAtMs: NOW_MS } as const;
  assert.deepEqual(withInits(init('a', { state: 'running' }), init('b', {})), []);
  assert.deepEqual(withInits(init('a', done), init('b', { state: 'created' })), ['mend start']);
  assert.deepEqual(withInits(init('a', done), init('b', { ...done, exitCode: 1 })), ['mend create']);
  assert.deepEqual(withInits(init('a', done), init('b', done)), ['mend start']);
});

test('pods that are not ours, or whose labels are damaged, are never touched', () => {
  const [pod] = three;
  assert.ok(pod);
  assert.deepEqual(say(run([], [{ ...pod, labels: { ...pod.labels, [LABEL.managed]: 'false' } }]).actions), []);
  assert.deepEqual(say(run([], [{ ...pod, labels: { ...pod.labels, [LABEL.replica]: 'x' } }]).actions), []);
});

test('an empty environment loses its network, a used one keeps it', () => {
  assert.deepEqual(say(run([v1], three, { networks: ['t-shop-dev', 't-shop-old'] }).actions), ['remove t-shop-old']);
});

test('a service name means the ready pods of its own environment, begun by another one for each client', () => {
  const service = { project: 'shop', environment: 'dev', name: 'web', selector: { app: 'web' }, ports: [] };
  const pod = (name: string, environment: string, app: string) => ({
    name,
    project: 'shop',
    environment,
    labels: { app },
    address: name,
  });
  const ready = [pod('a', 'dev', 'web'), pod('b', 'dev', 'web'), pod('c', 'prod', 'web'), pod('d', 'dev', 'api')];
  const seen = new Set<string>();
  for (let client = 0; client < 20; client++) {
    const entries = serviceHosts([service], ready, { name: `client-${client}`, project: 'shop', environment: 'dev' });
    assert.deepEqual(entries.map(({ address }) => address).sort(), ['a', 'b']);
    seen.add(entries[0]?.address ?? '');
  }
  assert.deepEqual([...seen].sort(), ['a', 'b']);
  assert.deepEqual(serviceHosts([service], [], { name: 'x', project: 'shop', environment: 'dev' }), []);
  assert.deepEqual(serviceHosts([service], ready, { name: 'x', project: 'other', environment: 'dev' }), []);
  const file = formatHosts(
    '10.0.0.9',
    'me',
    serviceHosts([service], ready, { name: 'x', project: 'shop', environment: 'dev' }),
  );
  assert.match(file, /^127\.0\.0\.1\tlocalhost$/m);
  assert.match(file, /^a\tweb web\.dev web\.shop-dev /m);
  assert.doesNotMatch(file, /host\.containers\.internal/);
});

test('a pod with a subdomain has its whole name before its own, as `hostname -f` and `hostname -d` ask for it', () => {
  const key = { project: 'shop', environment: 'dev' };
  const own = ownName(key, 'zk-0', { address: '10.0.0.9', subdomain: 'zk-hs' });
  const alias = { address: '192.0.2.7', names: ['legacy.example'] };
  const lines = formatHosts('10.0.0.9', 'zk-0', [...own, alias]).split('\n');
  assert.equal(lines[2], '10.0.0.9\tzk-0.zk-hs.shop-dev.svc.cluster.local zk-0');
  assert.equal(lines[3], '192.0.2.7\tlegacy.example');
  const plain = formatHosts('10.0.0.9', 'web-1', ownName(key, 'web-1', { address: '10.0.0.9', subdomain: undefined }));
  assert.equal(plain.split('\n')[2], '10.0.0.9\tweb-1');
});

test('a service port that differs from its target is redirected, an equal one is not', () => {
  const web = sampleWorkload(
    'web',
    'v1',
    {},
    { containers: [sampleContainer({ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] })] },
  );
  const service = (port: number, targetPort: number | string) => ({
    project: 'shop',
    environment: 'dev',
    name: 'web',
    selector: { app: 'web' },
    ports: [{ name: null, port, targetPort, protocol: 'TCP' } as const],
  });
  assert.deepEqual(serviceRedirects([service(80, 'http')], web), [{ protocol: 'TCP', from: 80, to: 8080 }]);
  assert.deepEqual(serviceRedirects([service(8080, 'http')], web), []);
  assert.deepEqual(serviceRedirects([{ ...service(80, 'http'), environment: 'prod' }], web), []);
});

test('names fit what the kernel allows', () => {
  const identity = {
    key: { project: 'p'.repeat(53), environment: 'e'.repeat(53), name: 'w'.repeat(53) },
    specHash: `sha256:${'a'.repeat(64)}`,
    slot: 999,
  };
  assert.ok(hostName(identity).length <= 63);
  assert.ok(bridgeName('x'.repeat(200)).length <= 15);
  assert.ok(podName('darsena', identity).length < 250);
});

test('expandReferences() follows the Kubernetes rules', () => {
  const table: readonly [string, string][] = [
    ['$(A)', '1'],
    ['$$(A)', '$(A)'],
    ['$(B)', '$(B)'],
    ['x$(A)y$(A)', 'x1y1'],
    ['$A', '$A'],
    ['$$', '$'],
    ['$$(a b) $(a b)', '$(a b) $(a b)'],
    ['$$$(A) $$$$(A)', '$1 $$(A)'],
    ['$(__proto__)', '$(__proto__)'],
  ];
  for (const [written, value] of table) assert.equal(expandReferences(written, { A: '1' }), value);
});

test('a paused roll-out keeps both versions as they are, mends their number, and is never late', () => {
  const paused = { ...v2, paused: true } as const;
  // One of the new version beside two of the former: nothing goes on.
  const half = [podOf(v2, 0), ...three.slice(1)];
  const still = run([paused], half);
  assert.deepEqual(say(still.actions), []);
  assert.ok(still.statuses[0]?.conditions.some(({ type }) => type === 'paused'));
  // One died: the version of which there is more gets it back.
  const lost = run([paused], half.slice(0, 2)).actions[0];
  assert.equal(lost?.kind === 'create-pod' && lost.spec.specHash, v1.specHash);
  // Nothing of the new version was made before the pause: nothing is made of it now.
  const [first, ...more] = run([paused], three.slice(0, 1)).actions;
  assert.equal(first?.kind === 'create-pod' && first.spec.specHash, v1.specHash);
  assert.equal(more.length, 1);
  assert.deepEqual(say(run([{ ...paused, replicas: 1 }], three).actions).length, 1, 'its surge may stay');
  assert.deepEqual(say(run([{ ...paused, replicas: 0 }], three).actions).length, 3);
  const late = { ...EMPTY_MEMORY, rollouts: { ...still.memory.rollouts } };
  for (const one of Object.values(late.rollouts)) assert.equal(one.rolledBack, false);
  const alone = { ...v1, paused: true, previous: null } as const;
  assert.equal(run([alone], three).statuses[0]?.phase, 'available', 'held back from nothing, it serves');
  assert.deepEqual(say(run([alone], []).actions), ['create 0', 'create 1', 'create 2'], 'after a reboot');
});

test('a clock that was set back makes nothing wait until the times from before come again', () => {
  const ahead = NOW_MS + 7_200_000;
  // What runs since "later" has had its time.
  const young = podOf(v2, 0, { startedAtMs: ahead });
  assert.deepEqual(say(run([v2], [...three, young]).actions), ['remove 2']);
  // What ended "later", again and again, is begun at once.
  const ended = { state: 'exited', exitCode: 1, startedAtMs: ahead - 5_000, exitedAtMs: ahead } as const;
  const [, one, two] = three;
  assert.ok(one !== undefined && two !== undefined);
  const crashed = podOf(v1, 0, ended);
  const [main] = crashed.containers;
  assert.ok(main !== undefined);
  const again = { ...crashed, containers: [{ ...main, labels: { ...main.labels, [LABEL.failures]: '4' } }] };
  const mended = run([v1], [again, one, two]);
  assert.deepEqual(say(mended.actions), ['mend create']);
  // An earlier failure forbids no more than the longest pause there is.
  const failed = (untilMs: number): PlanMemory => ({
    ...EMPTY_MEMORY,
    troubles: { [troubleOfSpec(v1.key, v1.specHash)]: { kind: 'failed', count: 1, untilMs, texts: [] } },
  });
  assert.deepEqual(say(run([v1], [], {}, failed(NOW_MS + 60_000)).actions), []);
  assert.deepEqual(say(run([v1], [], {}, failed(ahead)).actions), ['create 0', 'create 1', 'create 2']);
});
