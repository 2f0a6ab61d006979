import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import { type Clock, Fault, type Json, openDatabase, systemClock } from '../../system/index.ts';
import { machineFacts } from '../facts.ts';
import type { HostTables } from '../machines.ts';
import { hostMigrations } from '../migrations.ts';
import { type KubeApi, kubeApi } from './kube-api.ts';
import { KubernetesNodes } from './kubernetes.ts';
import { type RebootGround, Reboots } from './reboots.ts';

interface SimulatedPod {
  readonly name: string;
  readonly app: string;
  readonly kind: 'ReplicaSet' | 'DaemonSet' | 'mirror' | 'none';
  uid: string;
  node: string;
  /** Looks until it is gone; null: it stays. */
  leaving: number | null;
  /** Looks until it is ready. */
  starting: number;
}

/**
 * The API of a cluster as far as a drain asks it, written from its documentation (nodes, pods by field selector in pages,
 * policy/v1 Eviction with preconditions, PodDisruptionBudgets with minAvailable): what is evicted ends after a while, and its
 * controller starts another on a node that takes pods.
 */
class Cluster implements KubeApi {
  readonly cluster = 'main';
  readonly nodes = new Map<
    string,
    { unschedulable: boolean; annotations: Record<string, string>; isReady: boolean; boot?: string }
  >();
  readonly pods: SimulatedPod[] = [];
  /** Least ready pods of an app. */
  readonly budgets = new Map<string, number>();
  readonly calls: string[] = [];
  /** The fewest ready pods that an app ever had. */
  readonly least = new Map<string, number>();
  refused = 0;
  #next = 0;

  add(node: string, app: string, kind: SimulatedPod['kind'] = 'ReplicaSet'): void {
    const uid = `uid-${++this.#next}`;
    this.pods.push({ name: `${app}-${this.#next}`, app, kind, uid, node, leaving: null, starting: 0 });
  }

  ready(app: string): number {
    return this.pods.filter((pod) => pod.app === app && pod.leaving === null && pod.starting === 0).length;
  }

  /** Time passes. */
  step(): void {
    for (const pod of [...this.pods]) {
      if (pod.starting > 0) pod.starting--;
      if (pod.leaving === null || --pod.leaving > 0) continue;
      this.pods.splice(this.pods.indexOf(pod), 1);
    }
    for (const app of this.budgets.keys()) {
      this.least.set(app, Math.min(this.least.get(app) ?? Number.POSITIVE_INFINITY, this.ready(app)));
    }
  }

  async call(method: string, path: string, body?: Json): Promise<{ status: number; body: Json }> {
    this.calls.push(`${method} ${path}`);
    const { pathname, searchParams } = new URL(path, 'https://cluster');
    const parts = pathname.split('/');
    if (pathname === '/api/v1/nodes')
      return { status: 200, body: { items: [...this.nodes.keys()].map((one) => this.#say(one)) } };
    if (parts[3] === 'nodes') return this.#node(method, parts[4] ?? '', body);
    if (pathname === '/api/v1/pods') {
      const on = /^spec\.nodeName=(.+)$/.exec(searchParams.get('fieldSelector') ?? '')?.[1];
      const from = Number(searchParams.get('continue') ?? 0);
      const all = this.pods.filter(({ node }) => node === on).sort((a, b) => (a.name < b.name ? -1 : 1));
      const more = from + 2 < all.length ? { continue: String(from + 2) } : {};
      return { status: 200, body: { metadata: more, items: all.slice(from, from + 2).map(sayPod) } };
    }
    if (parts[7] === 'eviction' && method === 'POST') return this.#evict(parts[6] ?? '', body);
    return { status: 404, body: { kind: 'Status', message: 'the server could not find the requested resource' } };
  }

  #say(node: string): Json {
    const one = this.nodes.get(node);
    return {
      metadata: { name: node, annotations: { ...one?.annotations } },
      spec: one?.unschedulable === true ? { unschedulable: true } : {},
      status: {
        conditions: [{ type: 'Ready', status: one?.isReady === true ? 'True' : 'Unknown' }],
        nodeInfo: { bootID: one?.boot ?? `boot of ${node}` },
      },
    };
  }

  #node(method: string, name: string, body?: Json): { status: number; body: Json } {
    const node = this.nodes.get(name);
    if (node === undefined) return { status: 404, body: { message: `nodes "${name}" not found` } };
    if (method === 'PATCH') {
      const { metadata, spec } = body as {
        metadata: { annotations: Record<string, string | null> };
        spec: { unschedulable: boolean };
      };
      node.unschedulable = spec.unschedulable;
      for (const [key, value] of Object.entries(metadata.annotations)) {
        if (value === null) delete node.annotations[key];
        else node.annotations[key] = value;
      }
    }
    return { status: 200, body: this.#say(name) };
  }

  #evict(name: string, body?: Json): { status: number; body: Json } {
    const pod = this.pods.find((one) => one.name === name);
    if (pod === undefined) return { status: 404, body: { message: `pods "${name}" not found` } };
    const { deleteOptions } = body as { deleteOptions: { preconditions: { uid: string } } };
    if (deleteOptions.preconditions.uid !== pod.uid) return { status: 409, body: { message: 'Precondition failed' } };
    if (pod.leaving === null && this.ready(pod.app) <= (this.budgets.get(pod.app) ?? 0)) {
      this.refused++;
      return { status: 429, body: { message: "Cannot evict pod as it would violate the pod's disruption budget." } };
    }
    if (pod.leaving === null) {
      pod.leaving = 2;
      const free = [...this.nodes].filter(([, { unschedulable, isReady }]) => !unschedulable && isReady);
      const [target] = free[this.#next % Math.max(1, free.length)] ?? [];
      if (target !== undefined) {
        this.add(target, pod.app);
        const made = this.pods.at(-1);
        if (made !== undefined) made.starting = 3;
      }
    }
    return { status: 201, body: { kind: 'Status', status: 'Success' } };
  }
}

function sayPod({ name, uid, kind, leaving }: SimulatedPod): Json {
  return {
    metadata: {
      ...{ name, namespace: 'shop', uid },
      annotations: kind === 'mirror' ? { 'kubernetes.io/config.mirror': 'x' } : {},
      deletionTimestamp: leaving === null ? null : '2026-01-05T12:00:00Z',
      ...(kind === 'ReplicaSet' || kind === 'DaemonSet' ? { ownerReferences: [{ kind, controller: true }] } : {}),
    },
    status: { phase: 'Running' },
  };
}

function simulated() {
  const cluster = new Cluster();
  for (const name of ['n1', 'n2', 'n3']) {
    cluster.nodes.set(name, { unschedulable: false, annotations: {}, isReady: true });
    for (const app of ['web', 'web', 'db']) cluster.add(name, app);
    cluster.add(name, 'logs', 'DaemonSet');
    cluster.add(name, 'etcd', 'mirror');
  }
  cluster.budgets.set('web', 5);
  cluster.budgets.set('db', 2);
  let nowMs = Date.parse('2026-01-05T12:00:00Z');
  const ticks = { on: (): void => undefined };
  const clock: Clock = {
    ...systemClock,
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    async sleep() {
      nowMs += 1_000;
      cluster.step();
      ticks.on();
    },
  };
  const make = (bootOf: (host: string) => string | null) => new KubernetesNodes([cluster], clock, bootOf);
  const nodes = make((host) => (host === 'stranger' ? 'other' : `boot of ${host.replace('host-', 'n')}`));
  return { cluster, clock, nodes, ticks, make };
}

async function drain({ nodes, clock }: ReturnType<typeof simulated>, host: string): Promise<void> {
  for (let rounds = 0; (await nodes.pods(host)).length > 0; rounds++) {
    assert.ok(rounds < 200, 'the drain ends');
    await clock.sleep(1_000);
  }
}

test('a node is cordoned and emptied within the budgets of its pods, and given back when it is ready', async () => {
  const ground = simulated();
  const { cluster, nodes } = ground;
  assert.deepEqual(await nodes.nodeOf('host-1'), { cluster: 'main', node: 'n1' });
  assert.equal(await nodes.nodeOf('stranger'), null);
  assert.equal(await nodes.empty('host-1', 'restart r1'), true);
  assert.equal(cluster.nodes.get('n1')?.unschedulable, true);
  await drain(ground, 'host-1');
  assert.deepEqual(
    cluster.pods.filter(({ node }) => node === 'n1').map(({ kind }) => kind),
    ['DaemonSet', 'mirror'],
  );
  assert.ok(cluster.refused > 0, 'budgets held it up');
  assert.deepEqual([cluster.least.get('web'), cluster.least.get('db')], [5, 2]);
  // Begun anew, as after a control that died: it was this very restart that took it out.
  assert.equal(await nodes.empty('host-1', 'restart r1'), true);
  const node = cluster.nodes.get('n1');
  if (node !== undefined) node.isReady = false;
  let looks = 0;
  ground.ticks.on = () => {
    if (++looks === 3 && node !== undefined) node.isReady = true;
  };
  await nodes.serve('host-1', 'restart r1');
  assert.deepEqual([node?.unschedulable, node?.annotations, looks], [false, {}, 3]);
});

test('what somebody else cordoned stays so, a pod that nothing makes anew stops it first, and refusals are said', async () => {
  const ground = simulated();
  const { cluster, nodes } = ground;
  cluster.nodes.set('n2', { unschedulable: true, annotations: {}, isReady: true });
  assert.equal(await nodes.empty('host-2', 'restart r1'), false);
  await nodes.serve('host-2', 'restart r1');
  assert.equal(cluster.nodes.get('n2')?.unschedulable, true);
  cluster.add('n3', 'alone', 'none');
  await assert.rejects(nodes.empty('host-3', 'restart r1'), { code: 'host.node-unmanaged', message: /shop\/alone/ });
  assert.equal(cluster.nodes.get('n3')?.unschedulable, false);
  const answer = cluster.call.bind(cluster);
  cluster.call = async (method, path, body) =>
    method === 'PATCH' ? { status: 403, body: { message: 'forbidden' } } : answer(method, path, body);
  await assert.rejects(nodes.empty('host-1', 'r'), { code: 'host.cluster-refused', message: /403/ });
  cluster.call = async () => ({ status: 503, body: { message: 'etcd is starting' } });
  await assert.rejects(nodes.empty('host-1', 'r'), { code: 'host.cluster-silent', message: /503 etcd is starting/ });
  cluster.call = async () => ({ status: 200, body: { items: 'none' } });
  await assert.rejects(nodes.empty('host-1', 'r'), { code: 'host.cluster-silent' });
});

test('a host that was not asked about is looked for, whoever else is no node; one of the same name elsewhere is not it', async () => {
  const { cluster, nodes, make } = simulated();
  assert.equal(await nodes.nodeOf('stranger'), null);
  assert.deepEqual(await nodes.nodeOf('host-2'), { cluster: 'main', node: 'n2' });
  // The machine n3 of another owner, and the one that is known by its start.
  assert.equal(await make(() => 'another start').nodeOf('n3'), null);
  assert.deepEqual(await make(() => 'boot of n1').nodeOf('n3'), { cluster: 'main', node: 'n1' });
  const node = cluster.nodes.get('n3');
  if (node !== undefined) node.boot = '';
  assert.deepEqual(
    await make(() => 'another start').nodeOf('n3'),
    { cluster: 'main', node: 'n3' },
    'it tells no start',
  );
});

test('a node is given back in the start that its host tells, by a control that knows nothing of it, when its cluster answers', async () => {
  const { cluster, nodes, make, ticks } = simulated();
  await nodes.empty('host-1', 'restart r1');
  // The machine is back; its kubelet still stands as it was before, and then the API of the cluster is away for a while.
  const later = make(() => 'second boot');
  const node = cluster.nodes.get('n1');
  const answer = cluster.call.bind(cluster);
  const silent = () => new Fault('host.cluster-silent', { kind: 'unavailable', en: { what: '' }, es: { what: '' } });
  let looks = 0;
  let isAway = false;
  cluster.call = async (...asked) => {
    if (isAway) throw silent();
    return answer(...asked);
  };
  ticks.on = () => {
    looks++;
    isAway = looks >= 3 && looks < 8;
    if (looks === 10 && node !== undefined) node.boot = 'second boot';
  };
  await later.serve('host-1', 'restart r1');
  assert.deepEqual([looks, node?.unschedulable, node?.annotations], [10, false, {}]);

  ticks.on = () => undefined;
  isAway = true;
  await assert.rejects(nodes.serve('host-1', 'restart r1'), { code: 'host.cluster-silent' }, 'not for ever');
});

test('a pod that nothing makes anew and that came last is not taken away, and a list without an end is none', async () => {
  const { cluster, nodes } = simulated();
  await nodes.empty('host-1', 'restart r1');
  cluster.add('n1', 'alone', 'none');
  await assert.rejects(nodes.pods('host-1'), { code: 'host.node-unmanaged', message: /shop\/alone/ });
  assert.ok(cluster.pods.every(({ leaving }) => leaving === null));
  const items = Array.from({ length: 5_000 }, (_, at) => ({ metadata: { name: `x${at}` } }));
  cluster.call = async () => ({ status: 200, body: { items, metadata: { continue: 'more' } } });
  await assert.rejects(nodes.nodeOf('host-3'), { code: 'host.cluster-silent' });
});

test('an API is spoken to as the token says, over HTTPS that one authority vouches for, or not at all', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kube-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [caFile, tokenFile] = [join(folder, 'ca.pem'), join(folder, 'token')];
  const ask = (server = 'https://127.0.0.1:1') =>
    kubeApi({ name: 'main', server, caFile, tokenFile }).call('GET', '/api/v1/nodes');
  const isSilent = { code: 'host.cluster-silent' };
  await assert.rejects(ask(), isSilent, 'no files');
  writeFileSync(caFile, '');
  writeFileSync(tokenFile, 'secret-token\n');
  await assert.rejects(ask(), { ...isSilent, message: /ca\.pem is empty/ });
  writeFileSync(caFile, 'PEM');
  await assert.rejects(ask('http://127.0.0.1:1'), { ...isSilent, message: /no https address/ });
  writeFileSync(tokenFile, 'secret-token\nsecond');
  await assert.rejects(ask(), (error: Error) => {
    assert.match(error.message, /no token in one line/);
    assert.doesNotMatch(error.message, /secret-token/);
    return true;
  });
});

test('three nodes are started again one after the other, with a budget that never breaks and proof of each', async (t) => {
  const opened = await openDatabase<HostTables>('sqlite::memory:', hostMigrations);
  t.after(() => opened.close());
  const ground = simulated();
  const { cluster, clock, nodes, ticks } = ground;
  const boots = new Map(['host-1', 'host-2', 'host-3'].map((host) => [host, 1]));
  let down: { host: string; left: number } | null = null;
  ticks.on = () => {
    if (down === null || --down.left > 0) return;
    const node = cluster.nodes.get(down.host.replace('host-', 'n'));
    if (node !== undefined) node.isReady = true;
    boots.set(down.host, (boots.get(down.host) ?? 0) + 1);
    down = null;
  };
  const ports: RebootGround = {
    isHere: (host) => down?.host !== host,
    empty: (host, reason) => nodes.empty(host, reason),
    pods: (host) => nodes.pods(host),
    serve: (host, reason) => nodes.serve(host, reason),
    async order(host) {
      const name = host.replace('host-', 'n');
      assert.ok(!cluster.pods.some(({ node, kind }) => node === name && kind === 'ReplicaSet'), 'it was empty before');
      down = { host, left: 5 };
      const node = cluster.nodes.get(name);
      if (node !== undefined) node.isReady = false;
      throw new Fault('host.lost', { kind: 'unavailable', en: { what: '' }, es: { what: '' } });
    },
  };
  const reboots = new Reboots({
    ...{ db: opened.db as unknown as Kysely<never>, clock, ground: ports },
    machines: {
      hosts: () => [...boots.keys()],
      facts: (host) =>
        machineFacts.parse({
          bootId: `boot-${boots.get(host)}`,
          kernel: { release: boots.get(host) === 1 ? '6.1.1' : '6.1.2' },
        }),
    },
  });
  for (const host of boots.keys()) await reboots.reboot({ rollout: 'r', host, wanted: '6.1.2' }, () => true);
  const proofs = await reboots.proofs('r');
  assert.deepEqual(
    proofs.map(({ host, releaseAfter, servedAt }) => [host, releaseAfter, servedAt !== null]),
    [...boots.keys()].map((host) => [host, '6.1.2', true]),
  );
  assert.ok([...cluster.nodes.values()].every(({ unschedulable }) => !unschedulable));
  assert.deepEqual([cluster.least.get('web'), cluster.least.get('db')], [5, 2]);
});
