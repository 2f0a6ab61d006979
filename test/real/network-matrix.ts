import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { BlockList, isIPv4 } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ContainerEngine } from '../../src/deploy/engines/local/engine.ts';
import { ContentFiles, LABEL, Reconciler } from '../../src/deploy/engines/local/index.ts';
import { readNetworkPolicy } from '../../src/deploy/kubernetes/network-policy.ts';
import type { RawNetworkPolicy } from '../../src/deploy/kubernetes/raw.ts';
import { EMPTY_WANTED, hashPodSpec, type WantedWorkload } from '../../src/deploy/model.ts';
import { silentLog, systemClock } from '../../src/system/index.ts';

/**
 * Who reaches whom, as the tests of network policies of Kubernetes ask it (test/e2e/network/netpol): three environments of three
 * pods, each asked from each, at two ports by TCP and UDP. What is expected is worked out here from the manifests, by the words of
 * the API and of our manual, and from nothing of what makes the rules.
 */

const ENVIRONMENTS = ['x', 'y', 'z'] as const;
const PODS = ['a', 'b', 'c'] as const;
const PORTS = [80, 81] as const;
const PROTOCOLS = ['TCP', 'UDP'] as const;
const PROJECT = 'net';
/** For what is open, on a machine that has other work as well, there are many tries. */
const SETTLE_MS = 60_000;
const SILENCE_MS = 700;

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
interface Port {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}
interface Spec {
  readonly podSelector: Selector;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
}
/** A policy in an environment. */
export type Policy = readonly [environment: string, spec: Spec];

interface Place {
  readonly environment: string;
  readonly pod: string;
  readonly address: string;
}

/** The policies of a case; addresses of pods are known only when they run. */
export type Case = readonly [title: string, policies: (at: (place: string) => string) => readonly Policy[]];

const all: Selector = {};
const pod = (name: string): Selector => ({ matchLabels: { pod: name } });
const space = (name: string): Selector => ({ matchLabels: { 'kubernetes.io/metadata.name': `${PROJECT}-${name}` } });
const notIn = (...names: string[]): Selector => ({
  matchExpressions: [
    { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: names.map((name) => `${PROJECT}-${name}`) },
  ],
});
const into = (podSelector: Selector, ...ingress: NonNullable<Spec['ingress']>): Policy => [
  'x',
  { podSelector, policyTypes: ['Ingress'], ingress },
];
const outOf = (podSelector: Selector, ...egress: NonNullable<Spec['egress']>): Policy => [
  'x',
  { podSelector, policyTypes: ['Egress'], egress },
];

/** Named as upstream names them. */
export const CASES: readonly Case[] = [
  ['default-deny-ingress', () => [into(all)]],
  ['default-deny-all', () => [['x', { podSelector: all, policyTypes: ['Ingress', 'Egress'] }]]],
  ['allow traffic from pods within server namespace', () => [into(pod('a'), { from: [{ podSelector: pod('b') }] })]],
  [
    'allow ingress traffic for a target',
    () => [into(all), into(pod('a'), { from: [{ podSelector: all, namespaceSelector: all }] })],
  ],
  ['allow ingress traffic from pods in all namespaces', () => [into(pod('a'), { from: [{ namespaceSelector: all }] })]],
  [
    'allow traffic only from a different namespace',
    () => [into(pod('a'), { from: [{ namespaceSelector: space('y') }] })],
  ],
  [
    'PodSelector with MatchExpressions',
    () => [
      into(pod('a'), {
        from: [{ podSelector: { matchExpressions: [{ key: 'pod', operator: 'In', values: ['b'] }] } }],
      }),
    ],
  ],
  [
    'NamespaceSelector with MatchExpressions',
    () => [into(pod('a'), { from: [{ namespaceSelector: notIn('x', 'z') }] })],
  ],
  [
    'PodSelector or NamespaceSelector',
    () => [into(pod('a'), { from: [{ namespaceSelector: notIn('x') }, { podSelector: pod('b') }] })],
  ],
  [
    'PodSelector and NamespaceSelector',
    () => [into(pod('a'), { from: [{ namespaceSelector: notIn('x'), podSelector: pod('b') }] })],
  ],
  [
    'Multiple PodSelectors and NamespaceSelectors',
    () => [
      into(pod('a'), {
        from: [
          {
            namespaceSelector: notIn('x'),
            podSelector: { matchExpressions: [{ key: 'pod', operator: 'In', values: ['b', 'c'] }] },
          },
        ],
      }),
    ],
  ],
  ['any PodSelectors', () => [into(pod('a'), { from: [{ podSelector: pod('b') }, { podSelector: pod('c') }] })]],
  [
    'a pod in a different namespace',
    () => [into(pod('a'), { from: [{ namespaceSelector: space('y'), podSelector: pod('a') }] })],
  ],
  [
    'Ports',
    () => [into(pod('a'), { from: [{ namespaceSelector: space('y') }], ports: [{ port: 81, protocol: 'TCP' }] })],
  ],
  [
    'multiple, stacked policies with overlapping podSelectors',
    () => [
      into(pod('a'), { from: [{ namespaceSelector: space('y') }], ports: [{ port: 81 }] }),
      into(pod('a'), { from: [{ namespaceSelector: space('y') }], ports: [{ port: 80 }] }),
    ],
  ],
  ['allow-all policy', () => [into(all, {})]],
  ['ingress access on one named port', () => [into(all, { ports: [{ port: 'serve-81-tcp' }] })]],
  [
    'ingress access from namespace on one named port',
    () => [into(pod('a'), { from: [{ namespaceSelector: space('y') }], ports: [{ port: 'serve-80-tcp' }] })],
  ],
  ['egress access on one named port', () => [outOf(all, { ports: [{ port: 'serve-80-tcp' }] })]],
  [
    'a port by the name of the other protocol',
    () => [into(all, { ports: [{ port: 'serve-81-udp', protocol: 'TCP' }] })],
  ],
  ['deny ingress from pods on other namespaces', () => [into(all, { from: [{ podSelector: all }] })]],
  ['deny egress from pods based on PodSelector', () => [outOf(pod('a'))]],
  ['deny egress from all pods in a namespace', () => [outOf(all)]],
  [
    'multiple ingress policies with ingress namespaceSelector matchLabel AND',
    () => [
      into(pod('b'), { from: [{ namespaceSelector: space('y') }] }),
      into(pod('b'), { from: [{ namespaceSelector: space('z') }] }),
    ],
  ],
  [
    'multiple egress policies with egress allow all policy taking precedence',
    () => [outOf(pod('a'), { ports: [{ port: 80 }] }), outOf(pod('a'), {})],
  ],
  [
    'policies to check ingress and egress based on PodSelector',
    () => [into(pod('b'), { from: [{ podSelector: pod('a') }] }), outOf(pod('a'), { to: [{ podSelector: pod('b') }] })],
  ],
  ['egress to a server in CIDR block', (at) => [outOf(pod('a'), { to: [{ ipBlock: { cidr: `${at('x/b')}/32` } }] })]],
  [
    'except clause while egress access to server in CIDR block',
    (at) => [outOf(pod('a'), { to: [{ ipBlock: { cidr: wide(at('x/b')), except: [`${at('x/b')}/32`] } }] })],
  ],
  [
    'CIDR rules of policies that overlap: the allow wins',
    (at) => [
      outOf(pod('a'), { to: [{ ipBlock: { cidr: wide(at('x/b')), except: [`${at('x/b')}/32`] } }] }),
      outOf(pod('a'), { to: [{ ipBlock: { cidr: `${at('x/b')}/32` } }] }),
    ],
  ],
  [
    'ingress from a CIDR block, except one address',
    (at) => [into(pod('a'), { from: [{ ipBlock: { cidr: wide(at('x/b')), except: [`${at('x/c')}/32`] } }] })],
  ],
  ['endPort', () => [into(all, { ports: [{ port: 79, endPort: 80 }] })]],
  ['endPort of UDP, egress', () => [outOf(all, { ports: [{ port: 81, endPort: 65_535, protocol: 'UDP' }] })]],
  ['a policy of UDP alone does not open TCP', () => [into(pod('a'), { ports: [{ port: 80, protocol: 'UDP' }] })]],
  ['a policy of SCTP is not taken for TCP', () => [into(pod('a'), { ports: [{ port: 80, protocol: 'SCTP' }] })]],
  ['SCTP without a port', () => [into(pod('a'), { ports: [{ protocol: 'SCTP' }, { port: 81, protocol: 'UDP' }] })]],
  [
    'egress to another namespace, which must let it in',
    () => [
      outOf(pod('a'), { to: [{ namespaceSelector: space('y'), podSelector: pod('b') }] }),
      ['y', { podSelector: pod('b'), ingress: [{ from: [{ namespaceSelector: space('x') }] }] }],
    ],
  ],
  [
    'policyTypes that are not written: egress rules govern both',
    () => [['x', { podSelector: pod('a'), egress: [{ to: [{ podSelector: pod('b') }] }] }]],
  ],
  [
    'Exists, DoesNotExist and NotIn',
    () => [
      into(
        { matchExpressions: [{ key: 'odd', operator: 'DoesNotExist' }] },
        {
          from: [
            { podSelector: { matchExpressions: [{ key: 'odd', operator: 'Exists' }] } },
            {
              podSelector: {
                matchExpressions: [
                  { key: 'odd', operator: 'NotIn', values: ['yes'] },
                  { key: 'pod', operator: 'In', values: ['b'] },
                ],
              },
            },
          ],
        },
      ),
    ],
  ],
];

/** Every address of the first part, which all pods of a machine share. */
const wide = (address: string): string => `${address.split('.')[0]}.0.0.0/8`;

/** Cases that a seed makes; the same one makes the same again. */
export function seededCase(seed: number): Case {
  let state = seed >>> 0 || 1;
  const below = (count: number): number => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % count;
  };
  const of = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const selector = (): Selector =>
    of<() => Selector>([
      () => all,
      () => pod(of(PODS)),
      () => ({ matchExpressions: [{ key: 'pod', operator: of(['In', 'NotIn']), values: [of(PODS), of(PODS)] }] }),
      () => ({ matchExpressions: [{ key: 'odd', operator: of(['Exists', 'DoesNotExist']) }] }),
    ])();
  const spaces = (): Selector =>
    of<() => Selector>([() => all, () => space(of(ENVIRONMENTS)), () => notIn(of(ENVIRONMENTS))])();
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: below(most + 1) }, make);
  const port = (): Port =>
    of<() => Port>([
      () => ({ port: of(PORTS) }),
      () => ({ port: of(PORTS), protocol: of(['TCP', 'UDP', 'SCTP']) }),
      () => ({ protocol: of(['TCP', 'UDP']) }),
      () => ({ port: 70 + below(11), endPort: 81 + below(3) - below(2), protocol: of(['TCP', 'UDP']) }),
      () => ({ port: `serve-${of(PORTS)}-tcp` }),
      () => ({ port: `serve-${of(PORTS)}-udp`, protocol: 'UDP' }),
    ])();
  const peer = (): ((at: (place: string) => string) => Peer) => {
    const [podSelector, namespaceSelector, place, other] = [selector(), spaces(), of(PODS), of(PODS)];
    const home = of(ENVIRONMENTS);
    return of<(at: (place: string) => string) => Peer>([
      () => ({ podSelector }),
      () => ({ namespaceSelector }),
      () => ({ podSelector, namespaceSelector }),
      (at) => ({ ipBlock: { cidr: `${at(`${home}/${place}`)}/32` } }),
      (at) => ({ ipBlock: { cidr: wide(at(`${home}/${place}`)), except: [`${at(`${home}/${other}`)}/32`] } }),
    ]);
  };
  const rules = () => some(2, () => ({ peers: some(2, peer), ports: some(2, port) }));
  const made = Array.from({ length: 1 + below(4) }, () => ({
    environment: of(ENVIRONMENTS),
    podSelector: selector(),
    policyTypes: of([undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']]),
    ingress: rules(),
    egress: of([undefined, rules()]),
  }));
  return [
    `seed ${seed}`,
    (at) =>
      made.map(
        ({ environment, podSelector, policyTypes, ingress, egress }): Policy => [
          environment,
          {
            podSelector,
            ...(policyTypes === undefined ? {} : { policyTypes }),
            ingress: ingress.map(({ peers, ports }) => ({ from: peers.map((one) => one(at)), ports })),
            ...(egress === undefined
              ? {}
              : { egress: egress.map(({ peers, ports }) => ({ to: peers.map((one) => one(at)), ports })) }),
          },
        ],
      ),
  ];
}

const labelsOf = (name: string): Record<string, string> => ({
  pod: name,
  ...(name === 'b' ? {} : { odd: name === 'a' ? 'yes' : 'no' }),
});

function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === 'In' ? isIn : !isIn;
    })
  );
}

function isIn(address: string, cidr: string): boolean {
  const [net = '', length = ''] = cidr.split('/');
  const block = new BlockList();
  block.addSubnet(net, Number(length), isIPv4(net) ? 'ipv4' : 'ipv6');
  return block.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** @param home the environment of the policy */
function means(peer: Peer, { environment, pod: name, address }: Place, home: string): boolean {
  if (peer.ipBlock !== undefined)
    return isIn(address, peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some((one) => isIn(address, one));
  const labels = { 'kubernetes.io/metadata.name': `${PROJECT}-${environment}`, project: PROJECT, environment };
  const isThere = peer.namespaceSelector === undefined ? environment === home : selects(peer.namespaceSelector, labels);
  return isThere && (peer.podSelector === undefined || selects(peer.podSelector, labelsOf(name)));
}

function opens(ports: readonly Port[] | undefined, protocol: string, port: number): boolean {
  if (ports === undefined || ports.length === 0) return true;
  return ports.some((one) => {
    if ((one.protocol ?? 'TCP') !== protocol) return false;
    if (one.port === undefined) return true;
    if (typeof one.port === 'string') return one.port === `serve-${port}-${protocol.toLowerCase()}`;
    return port >= one.port && port <= (one.endPort ?? one.port);
  });
}

/** What the API says; between environments what our manual adds: closed, but for whom a policy there names. */
function expected(policies: readonly Policy[], from: Place, to: Place, protocol: string, port: number): boolean {
  const of = ({ environment, pod: name }: Place): readonly Policy[] =>
    policies.filter(([home, { podSelector }]) => home === environment && selects(podSelector, labelsOf(name)));
  const types = ({ policyTypes, egress }: Spec): readonly string[] =>
    policyTypes ?? (egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
  const leaving = of(from).filter(([, spec]) => types(spec).includes('Egress'));
  const entering = of(to).filter(([, spec]) => types(spec).includes('Ingress'));
  const isLetOut =
    leaving.length === 0 ||
    leaving.some(([home, { egress = [] }]) =>
      egress.some(
        (rule) =>
          ((rule.to ?? []).length === 0 || rule.to?.some((peer) => means(peer, to, home))) &&
          opens(rule.ports, protocol, port),
      ),
    );
  const isFar = from.environment !== to.environment;
  const isLetIn =
    entering.length === 0
      ? !isFar
      : entering.some(([home, { ingress = [] }]) =>
          ingress.some(
            (rule) =>
              ((rule.from ?? []).length === 0 ||
                // Addresses of pods elsewhere open nothing: an environment is named.
                rule.from?.some((peer) => !(isFar && peer.ipBlock !== undefined) && means(peer, from, home))) &&
              opens(rule.ports, protocol, port),
          ),
        );
  return isLetOut && isLetIn;
}

/** Serves both ports by both protocols, and asks others, in the network of a pod; lines of JSON in and out. */
const ASKER = `
const net = require('node:net'), dgram = require('node:dgram');
for (const port of ${JSON.stringify(PORTS)}) {
  net.createServer((one) => one.on('error', () => one.destroy()).end('here')).listen(port, '0.0.0.0');
  const udp = dgram.createSocket('udp4');
  udp.on('message', (bytes, from) => udp.send(bytes, from.port, from.address));
  udp.bind(port, '0.0.0.0');
}
const tcp = ({ address, port, ms }) => new Promise((done) => {
  const socket = net.connect(port, address);
  const end = (found) => { socket.destroy(); done(found); };
  socket.setTimeout(ms, () => end(false));
  socket.on('error', () => end(false)).on('data', () => end(true)).on('close', () => end(false));
});
const udp = ({ address, port, ms }) => new Promise((done) => {
  const socket = dgram.createSocket('udp4');
  const end = (found) => { clearTimeout(timer); socket.close(); done(found); };
  const timer = setTimeout(end, ms, false);
  socket.on('message', () => end(true)).on('error', () => end(false));
  socket.connect(port, address, () => socket.send('x'));
});
require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const asks = JSON.parse(line);
  console.log(JSON.stringify(await Promise.all(asks.map((one) => (one.protocol === 'TCP' ? tcp : udp)(one)))));
}).on('close', () => process.exit());
console.log('[]');
`;

class Asker {
  readonly #child: ChildProcess;
  readonly #waiting: ((answers: boolean[]) => void)[] = [];
  readonly begun: Promise<unknown>;

  constructor(words: readonly [string, ...string[]]) {
    const [file, ...args] = words;
    this.#child = spawn(file, [...args, process.execPath, '-e', ASKER], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.begun = new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#child.once('exit', (code) => reject(new Error(`who asks in a pod ended: ${code}`)));
    });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.#waiting.shift()?.(JSON.parse(line) as boolean[]),
    );
  }

  async ask(asks: readonly object[]): Promise<boolean[]> {
    this.#child.stdin?.write(`${JSON.stringify(asks)}\n`);
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

export interface MatrixGround {
  readonly engine: ContainerEngine;
  readonly instance: string;
  readonly image: string;
  readonly folder: string;
}

/** Tries the cases on real pods; throws with the ways that are other than expected. */
export async function checkMatrix(
  { engine, instance, image, folder }: MatrixGround,
  cases: readonly Case[],
  report: (text: string) => void,
): Promise<{ readonly cases: number; readonly ways: number }> {
  const running = new Set<string>();
  const reconciler = new Reconciler({
    ...{ instance, engine, clock: systemClock, log: silentLog, gate: { check: async () => ({ allow: true }) } },
    askProbe: async () => ({ kind: 'success' }),
    contents: new ContentFiles(join(folder, 'contents')),
    onStatus: ({ key, replicas }) => {
      if (replicas.some(({ ready }) => ready)) running.add(`${key.environment}/${key.name}`);
    },
  });
  const workloads = ENVIRONMENTS.flatMap((environment) => PODS.map((name) => sleeper(environment, name, image)));
  let revision = 0;
  const want = (policies: readonly Policy[]): void => {
    revision += 1;
    const read = policies.map(([environment, spec], index) => {
      const raw = { metadata: { name: `p${index}` }, spec } as unknown as RawNetworkPolicy;
      const { policy, problems } = readNetworkPolicy(raw, PROJECT, environment);
      assert.deepEqual(problems, []);
      return policy;
    });
    reconciler.setWanted({ ...EMPTY_WANTED, revision, workloads, policies: read });
  };
  const askers = new Map<string, Asker>();
  try {
    reconciler.start();
    want([]);
    await until(
      () => running.size === workloads.length,
      () => `only ${[...running].join(' ')} run`,
    );
    const { rootless } = await engine.facts();
    const places: Place[] = [];
    for (const one of await engine.list()) {
      const environment = one.labels[LABEL.environment] ?? '';
      const name = one.labels[LABEL.workload] ?? '';
      places.push({ environment, pod: name, address: (await engine.locatePod(one)).address });
      const pid = String(one.containers.find(({ state }) => state === 'running')?.pid);
      const user = rootless ? ['--user', '--preserve-credentials'] : [];
      askers.set(`${environment}/${name}`, new Asker(['nsenter', '--target', pid, ...user, '--net']));
    }
    await Promise.all([...askers.values()].map(({ begun }) => begun));
    const at = (wanted: string): string => {
      const found = places.find(({ environment, pod: name }) => `${environment}/${name}` === wanted);
      assert.ok(found, wanted);
      return found.address;
    };
    let ways = 0;
    for (const [title, make] of cases) {
      const policies = make(at);
      want(policies);
      const wrong = async (): Promise<string[]> => {
        const lists = await Promise.all(
          places.map(async (from) => {
            const asks = places
              .filter((to) => to !== from)
              .flatMap((to) => PROTOCOLS.flatMap((protocol) => PORTS.map((port) => ({ to, protocol, port }))));
            const told = await askers
              .get(`${from.environment}/${from.pod}`)
              ?.ask(asks.map(({ to: { address }, protocol, port }) => ({ address, protocol, port, ms: SILENCE_MS })));
            ways += asks.length;
            return asks.flatMap(({ to, protocol, port }, index) => {
              const is = told?.[index] === true;
              if (is === expected(policies, from, to, protocol, port)) return [];
              return [
                `${from.environment}/${from.pod} → ${to.environment}/${to.pod} ${port}/${protocol} is ${is ? 'open' : 'closed'}`,
              ];
            });
          }),
        );
        return lists.flat();
      };
      const begin = performance.now();
      let found = await wrong();
      while (found.length > 0 && performance.now() - begin < SETTLE_MS) {
        await systemClock.sleep(100);
        found = await wrong();
      }
      assert.deepEqual(found, [], `${title}: ${JSON.stringify(policies)}`);
      report(`${title}: ${Math.round(performance.now() - begin)} ms`);
    }
    return { cases: cases.length, ways };
  } finally {
    for (const asker of askers.values()) asker.close();
    await reconciler.stop();
    for (const { id } of await engine.list()) await engine.removePod(id);
    for (const { name, labels } of await engine.listNetworks())
      if (labels[LABEL.instance] === instance) await engine.removeNetwork(name);
  }
}

async function until(check: () => boolean, what: () => string): Promise<void> {
  for (const end = performance.now() + 120_000; !check(); await systemClock.sleep(50))
    assert.ok(performance.now() < end, what());
}

function sleeper(environment: string, name: string, image: string): WantedWorkload {
  const spec = {
    ...{ labels: labelsOf(name), annotations: {}, initContainers: [], volumes: [], terminationGraceSeconds: 0 },
    containers: [
      {
        ...{ name: 'main', image, command: ['sleep', '86400'], args: null, workingDir: null, env: [], mounts: [] },
        ports: PORTS.flatMap((port) =>
          PROTOCOLS.map((protocol) => ({ name: `serve-${port}-${protocol.toLowerCase()}`, port, protocol })),
        ),
        resources: { cpuLimitMillis: null, cpuRequestMillis: null, memoryLimitBytes: null, memoryRequestBytes: null },
        ...{ startupProbe: null, readinessProbe: null, livenessProbe: null },
        security: {
          ...{ runAsUser: null, runAsGroup: null, runAsNonRoot: false, readOnlyRootFilesystem: false },
          ...{ allowPrivilegeEscalation: false, capabilitiesAdd: [], capabilitiesDrop: ['ALL'] },
        },
      },
    ],
  };
  return {
    ...{
      key: { project: PROJECT, environment, name },
      generation: 1,
      specHash: hashPodSpec(spec),
      pod: spec,
      replicas: 1,
    },
    ...{ minReadySeconds: 0, strategy: { kind: 'rolling', maxSurge: 1, maxUnavailable: 0 } as const },
    ...{ progressDeadlineSeconds: 600, previous: null },
  };
}
