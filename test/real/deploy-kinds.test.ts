import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { get as getSecure } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import {
  BoundParts,
  ContentFiles,
  LABEL,
  type ObservedPod,
  PodmanEngine as Podman,
  type PodmanEngine,
  purgeInstance,
  Reconciler,
  readPodIdentity,
  readUsage,
  realProbes,
  type ServiceEndpoints,
  type WorkloadStatus,
} from '../../src/deploy/engines/local/index.ts';
import { listFields, readManifests, type Translation, translateManifests } from '../../src/deploy/kubernetes/index.ts';
import type { WantedState, WantedWorkload } from '../../src/deploy/model.ts';
import {
  type Authority,
  createAuthority,
  Edge,
  issueServerCertificate,
  issueWildcardCertificate,
  NameServer,
  ResolverUpstream,
} from '../../src/network/index.ts';
import { publishedOf } from '../../src/programs/agent/edge.ts';
import { type Clock, silentLog, systemClock } from '../../src/system/index.ts';
import { type Ground, missingParts, openGround, wanted } from './deploy-ground.ts';

// Every field that the manual calls enforced or emulated, of every kind but what stands inside of a pod (deploy-fields.test.ts):
// from the manifest to what is seen of it on real containers, at a real HAProxy, in real rules.

const ROOT = join(import.meta.dirname, '..', '..');
const of = (place: string, ...fields: string[]): string[] => fields.map((field) => `${place}.${field}`);
const JOBS = ['Job.spec', 'CronJob.spec.jobTemplate.spec'] as const;
const RULE_FIELDS = [
  ...of('podSelector', 'matchLabels'),
  ...of('podSelector.matchExpressions[]', 'key', 'operator', 'values'),
  ...of('namespaceSelector', 'matchLabels'),
  ...of('namespaceSelector.matchExpressions[]', 'key', 'operator', 'values'),
  ...of('ipBlock', 'cidr', 'except'),
];
const SCALING_RULES = of('policies[]', 'type', 'value', 'periodSeconds').concat(
  ...['selectPolicy', 'stabilizationWindowSeconds', 'tolerance'],
);

/** Fields by the observation of this file that shows them at work. */
const OBSERVED = {
  'roll-outs of a Deployment': of(
    'Deployment.spec',
    ...['replicas', 'strategy.type', 'strategy.rollingUpdate.maxSurge', 'strategy.rollingUpdate.maxUnavailable'],
    ...['minReadySeconds', 'progressDeadlineSeconds', 'paused'],
  ),
  'pods that have an order, and one on each host': [
    ...of(
      'StatefulSet.spec',
      ...['replicas', 'serviceName', 'podManagementPolicy', 'ordinals.start', 'minReadySeconds'],
      ...[
        'updateStrategy.type',
        'updateStrategy.rollingUpdate.partition',
        'updateStrategy.rollingUpdate.maxUnavailable',
      ],
      ...of('persistentVolumeClaimRetentionPolicy', 'whenDeleted', 'whenScaled'),
      ...of('volumeClaimTemplates[]', 'apiVersion', 'kind', 'metadata.name', 'spec.accessModes', 'spec.volumeMode'),
    ),
    ...of('DaemonSet.spec', 'minReadySeconds', 'updateStrategy.type'),
    ...of('DaemonSet.spec.updateStrategy.rollingUpdate', 'maxSurge', 'maxUnavailable'),
  ],
  jobs: JOBS.flatMap((place) =>
    of(
      place,
      ...['completions', 'parallelism', 'backoffLimit', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished', 'suspend'],
      ...['completionMode', 'backoffLimitPerIndex', 'maxFailedIndexes', 'podFailurePolicy.rules[].action'],
      ...of('podFailurePolicy.rules[].onExitCodes', 'operator', 'values', 'containerName'),
      ...of('successPolicy.rules[]', 'succeededIndexes', 'succeededCount'),
      'template.spec.activeDeadlineSeconds',
    ),
  ),
  schedules: of(
    'CronJob.spec',
    ...['schedule', 'timeZone', 'concurrencyPolicy', 'startingDeadlineSeconds', 'suspend'],
    ...['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'],
  ),
  'names and ports of services': of(
    'Service.spec',
    ...['selector', 'clusterIP', 'clusterIPs', 'publishNotReadyAddresses', 'ipFamilyPolicy', 'ipFamilies'],
    ...of('ports[]', 'name', 'port', 'targetPort', 'protocol'),
  ),
  'what the edge publishes': [
    ...of('Service.spec', 'type', 'sessionAffinity', 'loadBalancerSourceRanges', 'ports[].nodePort'),
    ...of('Ingress.spec', 'rules[].host', 'tls[].hosts'),
    ...of('Ingress.spec.rules[].http.paths[]', 'path', 'pathType'),
    ...['Ingress.spec.defaultBackend', 'Ingress.spec.rules[].http.paths[].backend'].flatMap((place) =>
      of(place, 'service.name', 'service.port.number', 'service.port.name'),
    ),
  ],
  'ways that policies open': of(
    'NetworkPolicy.spec',
    ...of('podSelector', 'matchLabels'),
    ...of('podSelector.matchExpressions[]', 'key', 'operator', 'values'),
    'policyTypes',
    ...(['ingress[].from', 'egress[].to'] as const).flatMap((side) => of(`${side}[]`, ...RULE_FIELDS)),
    ...['ingress', 'egress'].flatMap((side) => of(`${side}[].ports[]`, 'port', 'endPort', 'protocol')),
  ),
  'contents and claims': [
    ...of('ConfigMap', 'data', 'binaryData', 'immutable'),
    ...of('Secret', 'data', 'stringData', 'type', 'immutable'),
    ...of('PersistentVolumeClaim.spec', 'accessModes', 'volumeMode'),
  ],
  'replicas that follow usage': of(
    'HorizontalPodAutoscaler.spec',
    ...['scaleTargetRef.kind', 'scaleTargetRef.name', 'scaleTargetRef.apiVersion', 'minReplicas', 'maxReplicas'],
    'metrics[].type',
    ...of('metrics[].resource', 'name', 'target.type', 'target.averageUtilization', 'target.averageValue'),
    ...of('metrics[].containerResource', 'name', 'container', 'target.type'),
    ...of('metrics[].containerResource.target', 'averageUtilization', 'averageValue'),
    ...['scaleUp', 'scaleDown'].flatMap((way) => of(`behavior.${way}`, ...SCALING_RULES)),
  ),
  'resources that follow usage': of(
    'VerticalPodAutoscaler.spec',
    ...['targetRef.kind', 'targetRef.name', 'targetRef.apiVersion'],
    ...of('updatePolicy', 'updateMode', 'minReplicas'),
    ...of('updatePolicy.evictionRequirements[]', 'resources', 'changeRequirement'),
    ...of('resourcePolicy.containerPolicies[]', 'containerName', 'mode', 'controlledResources', 'controlledValues'),
    ...of('resourcePolicy.containerPolicies[].minAllowed', 'cpu', 'memory'),
    ...of('resourcePolicy.containerPolicies[].maxAllowed', 'cpu', 'memory'),
  ),
  'a host that is drained': of(
    'PodDisruptionBudget.spec',
    ...['minAvailable', 'maxUnavailable', 'unhealthyPodEvictionPolicy', 'selector.matchLabels'],
    ...of('selector.matchExpressions[]', 'key', 'operator', 'values'),
  ),
} as const satisfies Record<string, readonly string[]>;

/** Seen by a test of another file, by its title. */
const ELSEWHERE: readonly (readonly [fields: RegExp, file: string, title: string])[] = [
  [/\.(?:apiVersion|kind)$/, 'src/deploy/kubernetes/kubernetes.test.ts', 'every problem of every file is told at once'],
  [
    /metadata\.namespace$|^Namespace\.metadata\.name$/,
    'src/deploy/kubernetes/kubernetes.test.ts',
    'every kind of workload becomes the model',
  ],
  [
    /^(?:Deployment|StatefulSet|DaemonSet)\.spec\.selector\.matchLabels$/,
    'src/deploy/kubernetes/kubernetes.test.ts',
    'would not own its pods',
  ],
  [
    /^[A-Za-z]+\.metadata\.(?:labels|annotations)$/,
    'src/admit/admission-policy.test.ts',
    'what a policy does not speak of is not refused for being too long for it',
  ],
  [/template\.metadata\.(?:labels|annotations)$/, 'test/real/deploy-fields.test.ts', "metadata.annotations['note']"],
  [
    /\.podReplacementPolicy$/,
    'src/deploy/engines/local/plan-kinds.test.ts',
    'nothing takes the place of one that still ends',
  ],
  [
    /^Ingress\.metadata\.annotations\.darsena\/sticky$/,
    'test/real/network-edge.test.ts',
    'a client stays with its replica',
  ],
  [/annotations\.darsena\/rate-limit$/, 'test/real/network-edge.test.ts', 'who asks too often is answered 429'],
  [
    /annotations\.darsena\/(?:deny-(?:paths|methods|agents|networks)|allow-(?:methods|networks))$/,
    'test/real/network-edge.test.ts',
    'denied paths are denied in every disguise, and nothing else is',
  ],
  [
    /annotations\.darsena\/(?:body-limit|answer-timeout)$/,
    'test/real/network-edge.test.ts',
    'long bodies, unmeasured ones, long headers and slow answers have their ends',
  ],
  [/annotations\.darsena\/quiet-timeout$/, 'test/real/network-edge.test.ts', 'closed when it is silent for too long'],
  [
    /^Service\.metadata\.annotations\.darsena\/(?:proxy-protocol|tls)$/,
    'test/real/network-edge.test.ts',
    'a TCP service has its port, its clients and its address',
  ],
  [
    /^Service\.spec\.ports\[\]\.appProtocol$/,
    'test/real/network-edge.test.ts',
    'a gRPC call reaches its service over HTTP/2',
  ],
  [
    /spec\.resources\.requests\.storage$/,
    'test/real/storage-lab.test.ts',
    'is kept within its size by the kernel, grows in place',
  ],
  [/spec\.storageClassName$/, 'test/real/storage-lab.test.ts', 'an NFS export is mounted as it must be'],
  [
    /^[A-Za-z]+\.status$|\.volumeClaimTemplates\[\]\.status$/,
    'src/deploy/kubernetes/from-cluster.test.ts',
    'what kubectl get -o yaml writes of every kind is deployed as it is',
  ],
  [
    /\.metadata\.(?:creationTimestamp|deletion[A-Za-z]+|generation|managedFields\[\].*|resourceVersion|selfLink|uid)$/,
    'src/deploy/kubernetes/from-cluster.test.ts',
    'each record of a server is told of once, with how it is treated, and nothing of it is refused',
  ],
  [
    /\.metadata\.ownerReferences\[\]\./,
    'src/deploy/kubernetes/from-cluster.test.ts',
    'what a controller made is left out where its owner is there, and stands by itself where it is not',
  ],
];

/** There is nothing to see, and why. */
const UNSEEN: readonly (readonly [fields: RegExp, why: string])[] = [
  [/\.metadata\.name$/, 'by it everything here is found'],
  [
    /(?:[tT]emplate)\.metadata\.generateName$/,
    'nothing acts on it, here as in Kubernetes: pods are named after their workload',
  ],
  [
    /volumeClaimTemplates\[\]\.metadata\.(?:labels|annotations|namespace)$/,
    'policies read the StatefulSet whole; a volume has no such',
  ],
  [
    /\.jobTemplate\.metadata\.(?:labels|annotations)$/,
    'policies read the CronJob whole; the job between it and its pods is none here',
  ],
  [/\.revisionHistoryLimit$/, 'releases are the history: how many old pods are kept is none, whatever is written'],
  [
    /^Service\.spec\.(?:internalTrafficPolicy|externalTrafficPolicy|trafficDistribution)$/,
    'one host: it holds for every connection, whatever is written',
  ],
  [
    /^Ingress\.metadata\.annotations\.(?!darsena\/)/,
    'what kubectl, Helm and others wrote down for themselves: it steers nothing',
  ],
  [/^ServiceAccount\./, 'a name without rights'],
  [/^Namespace\./, 'the environment takes its place'],
];

const POD_SPEC =
  /^(?:Pod\.|(?:Deployment|StatefulSet|DaemonSet|Job)\.spec\.template\.spec|CronJob\.spec\.jobTemplate\.spec\.template\.spec)/;

/** Fields that hold values, not other fields, and are not refused. */
function takenLeaves(): string[] {
  const taken = listFields().flatMap(({ path, treatment }) =>
    treatment !== 'refused' && (!POD_SPEC.test(path) || /Job\.spec.*template\.spec\.activeDeadlineSeconds$/.test(path))
      ? [path]
      : [],
  );
  return taken.filter((field) => !taken.some((one) => one.startsWith(`${field}.`) || one.startsWith(`${field}[]`)));
}

test('every field of the kinds around a pod is seen at work, by this file or another, or it is said why not', async () => {
  const rows = new Set<string>(Object.values(OBSERVED).flat());
  const leaves = takenLeaves();
  assert.ok(leaves.length > 200, String(leaves.length));
  const open = leaves.filter(
    (field) => !rows.has(field) && ![...ELSEWHERE, ...UNSEEN].some(([fields]) => fields.test(field)),
  );
  assert.deepEqual(open, [], 'fields that no row speaks of');
  const gone = [...rows].filter((field) => !leaves.includes(field));
  assert.deepEqual(gone, [], 'rows of fields that are not taken');
  for (const [fields, file, title] of ELSEWHERE) {
    assert.ok(
      leaves.some((field) => !rows.has(field) && fields.test(field)),
      String(fields),
    );
    assert.ok((await readFile(join(ROOT, file), 'utf8')).includes(title), `${file}: ${title}`);
  }
  for (const [fields] of UNSEEN)
    assert.ok(
      leaves.some((field) => !rows.has(field) && fields.test(field)),
      String(fields),
    );
});

const SOAK = process.env['DARSENA_SOAK'] === '1';
const skip =
  missingParts() ??
  (existsSync('/usr/sbin/haproxy') ? (existsSync('/usr/bin/nsenter') ? false : 'needs nsenter') : 'needs haproxy');
const MIB = 1024 * 1024;

/** A clock that can be put forward: what takes minutes in life is waited for in a moment. */
class LeapingClock implements Clock {
  #aheadMs = 0;
  #standsAtMs: number | null = null;

  now(): Date {
    return new Date((this.#standsAtMs ?? Date.now()) + this.#aheadMs);
  }

  /** Goes on by leaps alone from now on, just after the next full minute. */
  stand(): void {
    this.#standsAtMs = (Math.floor(Date.now() / 60_000) + 1) * 60_000 + 1_000;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  leap(ms: number): void {
    this.#aheadMs += ms;
  }
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [member: string]: unknown;
}

/** An environment of its own: manifests in, real pods out, and every status on the way kept. */
class Stage {
  readonly clock = new LeapingClock();
  readonly engine: PodmanEngine;
  readonly status = new Map<string, WorkloadStatus>();
  readonly history = new Map<string, { readonly atMs: number; readonly status: WorkloadStatus }[]>();
  services: readonly ServiceEndpoints[] = [];
  translation: Translation | null = null;
  readonly #instance: string;
  readonly #reconciler: Reconciler;
  readonly #manifests = new Map<string, Manifest>();
  readonly #former = new Map<string, Pick<WantedWorkload, 'specHash' | 'pod'>>();
  #more: Partial<WantedState> = {};
  #revision = 0;

  constructor(ground: Ground, name: string, names?: NameServer) {
    this.#instance = `${ground.instance}${name}`;
    this.engine = new Podman({ socketPath: ground.socketPath, instance: this.#instance });
    this.#reconciler = new Reconciler({
      instance: this.#instance,
      engine: this.engine,
      clock: this.clock,
      log: silentLog,
      gate: { check: async () => ({ allow: true }) },
      askProbe: realProbes(this.engine, async () => false),
      contents: new ContentFiles(join(ground.folder, `contents-${name}`)),
      parts: new BoundParts(join(ground.folder, `parts-${name}`)),
      onStatus: (one) => {
        this.status.set(one.key.name, one);
        const kept = this.history.get(one.key.name) ?? [];
        this.history.set(one.key.name, [...kept, { atMs: Date.now(), status: one }]);
      },
      onGone: (key) => this.status.delete(key.name),
      onEndpoints: async (services) => {
        this.services = services;
      },
      readUsage,
      node: { node: 'here', capacity: { cpuMillis: 4_000, memoryBytes: 1 << 30 } },
      ...(names === undefined ? {} : { names }),
    });
    this.#reconciler.start();
  }

  get reconciler(): Reconciler {
    return this.#reconciler;
  }

  /** Has the host run what the manifests say by now. */
  apply(...changed: readonly Manifest[]): void {
    for (const one of changed) this.#manifests.set(`${one.kind} ${one.metadata.name}`, one);
    const text = [...this.#manifests.values()].map((one) => JSON.stringify(one)).join('\n---\n');
    const { documents, problems: unread } = readManifests([{ path: 'kinds.yaml', text }]);
    const { translation, problems } = translateManifests(documents, {
      ...{ project: 'shop', environment: 'dev', contentKey: null },
    });
    assert.deepEqual([...unread, ...problems], []);
    assert.ok(translation);
    this.translation = translation;
    this.#revision += 1;
    const { workloads, services, volumes, contents, policies, budgets } = translation;
    this.#reconciler.setWanted(
      wanted({
        ...{ revision: this.#revision, services, volumes, contents, policies, budgets },
        workloads: workloads.map((one): WantedWorkload => {
          const former = this.#former.get(one.key.name);
          const previous = former === undefined || former.specHash === one.specHash ? null : former;
          return { ...one, generation: this.#revision, previous };
        }),
        ...this.#more,
      }),
    );
  }

  /** What was rolled out by now is what a later version follows. */
  settle(): void {
    for (const { key, specHash, pod } of this.translation?.workloads ?? [])
      this.#former.set(key.name, { specHash, pod });
    this.history.clear();
  }

  drop(...names: readonly string[]): void {
    for (const name of names) this.#manifests.delete(name);
    this.apply();
  }

  set(more: Partial<WantedState>): void {
    this.#more = more;
    this.apply();
  }

  leap(seconds: number): void {
    this.clock.leap(seconds * 1_000);
    this.apply();
  }

  async until(what: string, check: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
    const begin = performance.now();
    while (!(await check())) {
      if (performance.now() - begin > seconds * 1_000) {
        const said = [...this.status.values()].map(({ key, phase, ready, conditions, replicas, job }) => ({
          ...{ name: key.name, phase, ready, job, says: conditions.map(({ text }) => text.en) },
          replicas: replicas.map((one) => `${one.name} ${one.phase} ${one.ready}`),
        }));
        throw new Error(`not within ${seconds} s: ${what}; ${JSON.stringify(said, null, 1)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  reaches(phase: WorkloadStatus['phase'], ...names: readonly string[]): Promise<void> {
    return this.until(`${names.join(', ')}: ${phase}`, () =>
      names.every((name) => this.status.get(name)?.phase === phase),
    );
  }

  async pods(name: string): Promise<ObservedPod[]> {
    const all = await this.engine.list();
    return all.filter(({ labels }) => labels[LABEL.workload] === name).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The newest version of a workload, by the hash of its pods. */
  hashOf(name: string): string {
    return this.translation?.workloads.find(({ key }) => key.name === name)?.specHash ?? '';
  }

  /** The versions of its pods in the order of their names: 'old' is any but the newest. */
  async versions(name: string): Promise<string[]> {
    const newest = this.hashOf(name);
    return (await this.pods(name)).map(({ labels }) => (readPodIdentity(labels)?.specHash === newest ? 'new' : 'old'));
  }

  statuses(name: string): readonly WorkloadStatus[] {
    return (this.history.get(name) ?? []).map(({ status }) => status);
  }

  runningIn(name: string, container = 'main', replica = 0): { readonly id: string; readonly pid: number } {
    const found = this.status
      .get(name)
      ?.replicas[replica]?.containers.find((one) => one.name === container && one.state === 'running');
    assert.ok(found?.pid, `${container} of ${name} runs`);
    return { id: found.id, pid: found.pid };
  }

  async exec(name: string, script: string, container = 'main', replica = 0): Promise<string> {
    const { id } = this.runningIn(name, container, replica);
    const said = await this.engine.exec(id, ['sh', '-c', script], 60_000, AbortSignal.timeout(60_000));
    return said.output.trim();
  }

  async folderOf(claim: string): Promise<string> {
    const find = async () => (await this.engine.listVolumes()).find(({ labels }) => labels[LABEL.claim] === claim);
    await this.until(`the volume of ${claim}`, async () => (await find()) !== undefined);
    return (await find())?.path ?? '';
  }

  async claims(): Promise<string[]> {
    return (await this.engine.listVolumes()).flatMap(({ labels }) => labels[LABEL.claim] ?? []).sort();
  }

  async close(): Promise<void> {
    try {
      this.#manifests.clear();
      this.#more = {};
      this.apply();
      await this.until('nothing is left', async () => (await this.engine.list()).length === 0);
    } finally {
      await this.#reconciler.stop();
      await purgeInstance(this.engine, this.#instance, { volumes: true });
      this.engine.close();
    }
  }
}

/** Somebody inside the network of a pod. */
class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #last = 0;

  constructor(pid: number) {
    const words = [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '--disable-warning=ExperimentalWarning'];
    this.#child = spawn('nsenter', [...words, join(import.meta.dirname, 'kinds-peer.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
      const { id, result } = JSON.parse(line) as { id: number; result: unknown };
      this.#waiting.get(id)?.(result);
    });
    this.#child.once('exit', (code, signal) => {
      for (const answer of this.#waiting.values()) answer(`the helper ended: ${code ?? signal}`);
    });
  }

  ask(order: object): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((done) => {
      this.#waiting.set(id, done);
      this.#child.stdin?.write(`${JSON.stringify({ id, ...order })}\n`);
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

suite('kinds on real containers', { skip, timeout: 900_000, concurrency: 3 }, () => {
  let ground: Ground;
  const observed = new Set<string>();

  before(async () => {
    assert.deepEqual([...observed].sort(), Object.keys(OBSERVED).sort(), 'all of it is observed');
    ground = await openGround('kd');
  });
  after(async () => {
    await ground?.close();
  });

  /** One observation of the table, in an environment of its own: what it shows must hold for the fields that it is written beside. */
  function observe(
    name: keyof typeof OBSERVED,
    run: (stage: Stage, t: { diagnostic(text: string): void }) => Promise<void>,
  ): void {
    observed.add(name);
    test(name, async (t) => {
      const stage = new Stage(ground, String(Object.keys(OBSERVED).indexOf(name)));
      try {
        await run(stage, t);
      } finally {
        await stage.close();
      }
    });
  }

  const main = (script: string, more: object = {}): object => ({
    ...{ name: 'main', image: ground.image, command: ['sh', '-c', script] },
    ...more,
  });
  const IDLE = 'exec sleep 3600';
  /** Ready when it listens, a moment after its start. */
  const serving = (version: string, seconds = 0.5): object =>
    main(`: ${version}; sleep ${seconds}; exec httpd -f -p 8080`, {
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    });
  const template = (name: string, container: object, more: object = {}, labels: object = {}): object => ({
    metadata: { labels: { app: name, ...labels } },
    spec: { terminationGracePeriodSeconds: 0, containers: [container], ...more },
  });
  const workload = (kind: string, name: string, container: object, spec: object, pod: object = {}, labels = {}) => ({
    ...{ apiVersion: 'apps/v1', kind, metadata: { name } },
    spec: { selector: { matchLabels: { app: name } }, ...spec, template: template(name, container, pod, labels) },
  });
  const service = (name: string, spec: object) => ({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  });
  const claim = (name: string, spec: object = {}) => ({
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name } },
    spec: {
      ...{ accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem' },
      resources: { requests: { storage: '1Mi' } },
      ...spec,
    },
  });
  const going = (one: WorkloadStatus) => one.replicas.filter(({ phase }) => phase !== 'stopping');
  /** How long the former version was kept beside the new one, of which the start is known. */
  function keptMs(stage: Stage, name: string): number {
    const newest = stage.hashOf(name);
    const seen = stage.history.get(name) ?? [];
    const started = seen
      .flatMap(({ status }) => status.replicas)
      .find(({ specHash, startedAt }) => specHash === newest && startedAt !== null)?.startedAt;
    const left = seen.find(
      ({ status }) => going(status).length > 0 && going(status).every((one) => one.specHash === newest),
    );
    return (left?.atMs ?? 0) - Date.parse(started ?? '');
  }

  observe('roll-outs of a Deployment', async (stage) => {
    const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    });
    const versions = (version: string, paused: boolean) => [
      workload('Deployment', 'one-more', serving(version), { replicas: 3, ...rolling(1, 0) }),
      workload('Deployment', 'all-more', serving(version), { replicas: 2, ...rolling('100%', '0%') }),
      workload('Deployment', 'two-less', serving(version), { replicas: 3, ...rolling(0, 2) }),
      workload('Deployment', 'anew', serving(version), { replicas: 2, strategy: { type: 'Recreate' } }),
      workload('Deployment', 'calm', serving(version), { ...rolling(1, 0), minReadySeconds: 4 }),
      workload('Deployment', 'held', serving(version), { ...rolling(1, 0), paused }),
      workload('Deployment', 'late', version === 'two' ? serving('two', 3_600) : serving(version), {
        ...{ ...rolling(1, 0), progressDeadlineSeconds: 5 },
      }),
    ];
    const names = ['one-more', 'all-more', 'two-less', 'anew', 'calm', 'held', 'late'];
    stage.apply(...versions('one', false));
    await stage.reaches('available', ...names);
    assert.equal((await stage.pods('one-more')).length, 3);
    stage.settle();
    stage.apply(...versions('two', true));
    await stage.reaches('rolled-back', 'late');
    await stage.reaches('available', ...names.slice(0, 5));
    // What was replaced may take a moment to be gone.
    for (const name of names.slice(0, 5))
      await stage.until(`${name} is new`, async () => (await stage.versions(name)).every((one) => one === 'new'));
    const oneMore = stage.statuses('one-more');
    assert.ok(Math.max(...oneMore.map((one) => going(one).length)) <= 4);
    assert.ok(Math.min(...oneMore.map(({ ready }) => ready)) >= 3);
    assert.equal(Math.max(...stage.statuses('all-more').map((one) => going(one).length)), 4, 'as many again at once');
    const twoLess = stage.statuses('two-less');
    assert.ok(Math.max(...twoLess.map((one) => going(one).length)) <= 3);
    assert.equal(Math.min(...twoLess.map(({ ready }) => ready)), 1, 'two away at once, and no more');
    for (const { replicas } of stage.statuses('anew'))
      assert.ok(new Set(replicas.map(({ specHash }) => specHash)).size <= 1, 'never two versions at once');
    assert.ok(keptMs(stage, 'calm') >= 4_000, `${keptMs(stage, 'calm')} ms`);
    assert.deepEqual(await stage.versions('held'), ['old']);
    assert.deepEqual(await stage.versions('late'), ['old'], 'the former one serves');
    stage.apply(...versions('two', false).filter(({ metadata }) => metadata.name === 'held'));
    await stage.until('it goes on', async () => (await stage.versions('held')).join() === 'new');
  });

  observe('pods that have an order, and one on each host', async (stage) => {
    const mounts = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const data = {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
      spec: {
        ...{ accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem' },
        resources: { requests: { storage: '1Mi' } },
      },
    };
    const db = (version: string, partition: number, replicas = 3) =>
      workload(
        'StatefulSet',
        'db',
        { ...serving(`${version}; hostname >> /data/who`), ...mounts },
        {
          ...{ replicas, serviceName: 'db', ordinals: { start: 2 }, podManagementPolicy: 'OrderedReady' },
          ...{ minReadySeconds: 1, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } } },
          persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
          volumeClaimTemplates: [data],
        },
      );
    // Nobody is ready before all are there.
    const gate = 'until [ -e /gate/open ]; do sleep 0.1; done';
    const gated = (version: string) => ({
      ...serving(`${version}; ${gate}`),
      volumeMounts: [{ name: 'gate', mountPath: '/gate' }],
    });
    const parallel = (version: string) =>
      workload(
        'StatefulSet',
        'par',
        gated(version),
        {
          ...{ replicas: 3, podManagementPolicy: 'Parallel' },
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } },
        },
        { volumes: [{ name: 'gate', persistentVolumeClaim: { claimName: 'gate' } }] },
      );
    const byHand = (kind: string, name: string, version: string) =>
      workload(kind, name, serving(version), { updateStrategy: { type: 'OnDelete' } });
    const daemon = (name: string, version: string, rollingUpdate: object, spec: object = {}) =>
      workload('DaemonSet', name, serving(version), {
        updateStrategy: { type: 'RollingUpdate', rollingUpdate },
        ...spec,
      });
    const others = (version: string) => [
      parallel(version),
      byHand('StatefulSet', 'still', version),
      byHand('DaemonSet', 'rest', version),
      daemon('beside', version, { maxSurge: 1, maxUnavailable: 0 }, { minReadySeconds: 3 }),
      daemon('after', version, { maxUnavailable: 1 }),
    ];
    const names = ['par', 'still', 'rest', 'beside', 'after'];
    stage.apply(service('db', { clusterIP: 'None' }), claim('gate'), db('one', 0), ...others('one'));
    await stage.until('all at once', async () => (await stage.pods('par')).length === 3);
    assert.equal(stage.status.get('par')?.ready ?? 0, 0);
    await writeFile(join(await stage.folderOf('gate'), 'open'), '');
    await stage.reaches('available', 'db', ...names);
    const slots = (one: WorkloadStatus): string[] => one.replicas.map(({ name }) => name.slice(-4)).sort();
    assert.deepEqual(slots(stage.status.get('db') as WorkloadStatus), ['db-2', 'db-3', 'db-4']);
    for (const { replicas } of stage.statuses('db')) {
      for (const { name } of replicas) {
        const before = replicas.filter((one) => one.name < name);
        assert.ok(
          before.every((one) => one.ready),
          'each waits for those before it',
        );
      }
    }
    const startOf = (slot: string): number =>
      Date.parse(stage.status.get('db')?.replicas.find(({ name }) => name.endsWith(slot))?.startedAt ?? '');
    assert.ok(startOf('db-3') - startOf('db-2') >= 1_000, 'a second after the one before was ready');
    for (const name of ['rest', 'beside', 'after']) assert.equal((await stage.pods(name)).length, 1, name);
    assert.deepEqual(await stage.claims(), ['data-db-2', 'data-db-3', 'data-db-4', 'gate']);
    stage.settle();

    stage.apply(db('two', 4), ...others('two'));
    await stage.until('the last one alone', async () => (await stage.versions('db')).join() === 'old,old,new');
    await stage.reaches('available', 'db', ...names);
    assert.equal(Math.min(...stage.statuses('par').map(({ ready }) => ready)), 1, 'two away at once, and no more');
    assert.ok(
      stage.statuses('beside').every(({ ready }) => ready >= 1),
      'never without one',
    );
    assert.ok(keptMs(stage, 'beside') >= 3_000, `${keptMs(stage, 'beside')} ms`);
    assert.ok(
      stage.statuses('after').every((one) => going(one).length <= 1),
      'never two',
    );
    for (const name of ['still', 'rest']) {
      assert.deepEqual(await stage.versions(name), ['old'], name);
      await ground.podman('pod', 'rm', '--force', '--time', '0', (await stage.pods(name))[0]?.name ?? '');
    }
    for (const name of ['still', 'rest'])
      await stage.until(`${name}: removed by hand`, async () => (await stage.versions(name)).join() === 'new');

    stage.apply(db('two', 0));
    await stage.until('all of it', async () => (await stage.versions('db')).join() === 'new,new,new');
    await stage.reaches('available', 'db');
    stage.apply(db('two', 0, 1));
    await stage.until('one is left', async () => (await stage.pods('db')).length === 1);
    stage.drop('StatefulSet db', 'Service db');
    await stage.until('none is left', async () => !stage.status.has('db') && (await stage.pods('db')).length === 0);
    assert.deepEqual(await stage.claims(), ['data-db-2', 'data-db-3', 'data-db-4', 'gate'], 'data stays');
    stage.apply(service('db', { clusterIP: 'None' }), db('two', 0, 1));
    await stage.reaches('available', 'db');
    const who = await readFile(join(await stage.folderOf('data-db-2'), 'who'), 'utf8');
    assert.deepEqual(who.trim().split('\n'), ['db-2', 'db-2', 'db-2'], 'the same volume each time');
  });

  interface JobCase {
    readonly name: string;
    readonly spec: object;
    readonly script: string;
    readonly pod?: object;
    readonly end: 'succeeded' | RegExp;
    readonly look?: (stage: Stage, name: string, told: readonly string[]) => Promise<void> | void;
  }
  const INDEXED = { completionMode: 'Indexed' };
  const onExit = (action: string, operator: string, values: readonly number[]) => ({
    podFailurePolicy: { rules: [{ action, onExitCodes: { containerName: 'main', operator, values } }] },
  });
  /** Each tells its tries into a file; `$I` is its index. */
  const JOB_CASES: readonly JobCase[] = [
    {
      ...{
        name: 'some-at-once',
        spec: { completions: 4, parallelism: 2 },
        script: 'until [ $(wc -l < /out/$ME) -ge 2 ]; do sleep 0.1; done; sleep 0.5',
        end: 'succeeded',
      },
      look: (stage, name, told) => {
        assert.equal(told.length, 4);
        assert.equal(Math.max(...stage.statuses(name).map(({ job }) => job?.active ?? 0)), 2);
      },
    },
    {
      ...{ name: 'each-index', spec: { completions: 3, parallelism: 3, ...INDEXED }, script: 'true', end: 'succeeded' },
      look: (_stage, _name, told) => assert.deepEqual([...told].sort(), ['0', '1', '2']),
    },
    {
      ...{ name: 'tried-again', spec: { backoffLimit: 1 }, script: 'exit 3', end: /backoffLimit is 1/ },
      look: (_stage, _name, told) => assert.equal(told.length, 2),
    },
    {
      ...{ name: 'index-given-up', script: '[ $I = 1 ]', end: /1 indexes failed/ },
      spec: { completions: 2, parallelism: 1, backoffLimitPerIndex: 0, ...INDEXED },
      look: (_stage, _name, told) => assert.deepEqual(told, ['0', '1'], 'the others go on'),
    },
    {
      ...{ name: 'too-many-indexes', script: 'exit 1', end: /1 indexes failed, and 0 may/ },
      spec: { completions: 3, parallelism: 1, backoffLimitPerIndex: 0, maxFailedIndexes: 0, ...INDEXED },
      look: (_stage, _name, told) => assert.equal(told.length, 1),
    },
    {
      ...{ name: 'given-up-by-code', script: 'exit 42', end: /code 42/ },
      spec: { backoffLimit: 5, ...onExit('FailJob', 'In', [41, 42]) },
    },
    {
      ...{ name: 'given-up-by-others', script: 'exit 8', end: /code 8/ },
      spec: { backoffLimit: 5, ...onExit('FailJob', 'NotIn', [9]) },
    },
    {
      ...{ name: 'not-counted', script: '[ $(wc -l < /out/$ME) -ge 2 ] || exit 9', end: 'succeeded' },
      spec: { backoffLimit: 0, ...onExit('Ignore', 'In', [9]) },
    },
    {
      ...{ name: 'counted', script: 'exit 5', end: /backoffLimit is 0/ },
      spec: { backoffLimit: 0, ...onExit('Count', 'In', [5]) },
    },
    {
      ...{ name: 'index-by-code', script: 'exit 7', end: /1 indexes failed/ },
      spec: { completions: 1, backoffLimitPerIndex: 5, ...INDEXED, ...onExit('FailIndex', 'In', [7]) },
      look: (_stage, _name, told) => assert.equal(told.length, 1),
    },
    {
      ...{ name: 'enough', script: '[ $I = 1 ] || exec sleep 3600', end: 'succeeded' },
      spec: {
        ...{ completions: 3, parallelism: 3, ...INDEXED },
        successPolicy: { rules: [{ succeededIndexes: '1-2', succeededCount: 1 }] },
      },
      look: (stage, name) =>
        stage.until('the others are ended', async () =>
          (await stage.pods(name)).every(({ containers }) => containers.every(({ state }) => state === 'exited')),
        ),
    },
    { name: 'too-late', spec: { activeDeadlineSeconds: 2 }, script: IDLE, end: /not done within 2 s/ },
    {
      ...{ name: 'pod-too-late', script: IDLE, pod: { activeDeadlineSeconds: 2 }, end: /not done within 2 s/ },
      spec: { activeDeadlineSeconds: 3_600, backoffLimit: 3 },
    },
    {
      ...{ name: 'cleared-away', spec: { ttlSecondsAfterFinished: 1 }, script: 'true', end: 'succeeded' },
      look: (stage, name) => stage.until('its pods go', async () => (await stage.pods(name)).length === 0),
    },
  ];

  const jobSpec = ({ name, spec, script, pod }: JobCase, more: object = {}) => ({
    ...{ ...spec, ...more },
    template: template(
      name,
      main(`ME=${name}; I=$JOB_COMPLETION_INDEX; echo "\${I:-x}" >> /out/$ME; ${script}`, {
        volumeMounts: [{ name: 'out', mountPath: '/out' }],
      }),
      {
        restartPolicy: 'Never',
        volumes: [{ name: 'out', persistentVolumeClaim: { claimName: 'out' } }],
        ...pod,
      },
    ),
  });
  const HELD: JobCase = { name: 'held', spec: {}, script: 'true', end: 'succeeded' };

  async function judge(stage: Stage, cases: readonly JobCase[]): Promise<void> {
    const out = await stage.folderOf('out');
    for (const { name, end, look } of cases) {
      const saying = (): string =>
        stage.status
          .get(name)
          ?.conditions.map(({ text }) => text.en)
          .join() ?? '';
      await stage.until(`${name} ends`, () => {
        const { job, phase } = stage.status.get(name) ?? {};
        if (end !== 'succeeded') return end.test(saying());
        return phase === 'completed' || (phase === 'scheduled' && job?.active === 0 && (job?.succeeded ?? 0) > 0);
      });
      const told = (await readFile(join(out, name), 'utf8')).trim().split('\n');
      await look?.(stage, name, told);
    }
  }

  observe('jobs', async (stage, t) => {
    // The same by hand and by schedule: a run of a schedule is a job. All of both under soak, by turns otherwise.
    const cron = new Stage(ground, 'cron');
    const first = Math.floor(Math.random() * 3);
    const turn = JOB_CASES.filter((_, index) => SOAK || index % 3 === first);
    t.diagnostic(`by schedule: ${turn.map(({ name }) => name).join(' ')}`);
    try {
      const suspended = (suspend: boolean) => ({
        ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'held' } },
        spec: jobSpec(HELD, { suspend }),
      });
      stage.apply(
        claim('out'),
        suspended(true),
        ...JOB_CASES.map((one) => ({
          ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: one.name } },
          spec: jobSpec(one),
        })),
      );
      const due = new Date(cron.clock.now().getTime() + 60_000);
      const scheduled = (one: JobCase, more: object = {}) => ({
        ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: one.name } },
        spec: {
          schedule: `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`,
          jobTemplate: { spec: jobSpec(one, more) },
        },
      });
      cron.apply(claim('out'), scheduled(HELD, { suspend: true }), ...turn.map((one) => scheduled(one)));
      await cron.reaches('scheduled', ...turn.map(({ name }) => name));
      cron.leap(60);
      await judge(stage, JOB_CASES);
      await judge(cron, turn);
      assert.equal(stage.status.get('held')?.phase, 'suspended');
      for (const one of [stage, cron]) assert.deepEqual(await one.pods('held'), []);
      stage.apply(suspended(false));
      cron.apply(scheduled(HELD));
      await stage.reaches('completed', 'held');
      await judge(stage, [HELD]);
    } finally {
      await cron.close();
    }
  });

  observe('schedules', async (stage) => {
    stage.clock.stand();
    const cron = (name: string, schedule: string, script: string, spec: object = {}) => ({
      ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name } },
      spec: {
        ...{ schedule, timeZone: 'Etc/UTC', ...spec },
        jobTemplate: {
          spec: { backoffLimit: 0, template: template(name, main(script), { restartPolicy: 'Never' }) },
        },
      },
    });
    const at = (minutes: number, zone: string): string => {
      const parts = new Intl.DateTimeFormat('en-GB', {
        timeZone: zone,
        hour: '2-digit',
        minute: '2-digit',
        hourCycle: 'h23',
      })
        .format(new Date(stage.clock.now().getTime() + minutes * 60_000))
        .split(':');
      return `${Number(parts[1])} ${Number(parts[0])} * * *`;
    };
    const rest = (suspend: boolean) => cron('rest', at1, 'true', { suspend });
    const at1 = at(1, 'Etc/UTC');
    stage.apply(
      cron('here', at(1, 'Europe/Madrid'), 'true', { timeZone: 'Europe/Madrid' }),
      cron('elsewhere', at(1, 'Europe/Madrid'), 'true', { timeZone: 'Asia/Tokyo' }),
      cron('beside', '* * * * *', IDLE, { concurrencyPolicy: 'Allow' }),
      cron('alone', '* * * * *', IDLE, { concurrencyPolicy: 'Forbid' }),
      cron('instead', '* * * * *', IDLE, { concurrencyPolicy: 'Replace' }),
      cron('well', '* * * * *', 'true', { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 3 }),
      cron('badly', '* * * * *', 'exit 1', { successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 }),
      cron('made-up-for', at(3, 'Etc/UTC'), 'true'),
      cron('missed', at(3, 'Etc/UTC'), 'true', { startingDeadlineSeconds: 20 }),
      rest(true),
    );
    const names = ['here', 'elsewhere', 'beside', 'alone', 'instead', 'well', 'badly', 'made-up-for', 'missed'];
    await stage.reaches('scheduled', ...names);
    const runs = async (name: string): Promise<string[]> => (await stage.pods(name)).map((pod) => pod.name);
    const ran = (name: string, count: number): Promise<void> =>
      stage.until(`${name}: ${count}`, async () => (await runs(name)).length === count);
    stage.leap(60);
    for (const name of ['here', 'beside', 'alone', 'instead', 'well', 'badly']) await ran(name, 1);
    await stage.until(
      'both ended',
      () => stage.status.get('well')?.job?.succeeded === 1 && stage.status.get('badly')?.job?.failed === 1,
    );
    const [replaced] = await runs('instead');
    const wells = new Set(await runs('well'));
    stage.leap(60);
    await ran('beside', 2);
    await stage.until('another in its place', async () => {
      const [only, more] = await runs('instead');
      return only !== replaced && only !== undefined && more === undefined;
    });
    for (const name of ['well', 'badly']) {
      await stage.until(`${name}: the last one alone is kept`, async () => {
        const [only, more] = await runs(name);
        return (
          only !== undefined && more === undefined && !wells.has(only) && stage.status.get(name)?.job?.active === 0
        );
      });
    }
    assert.equal((await runs('alone')).length, 1, 'one at a time');
    // As if this host had been away for half a minute at the time of it.
    stage.leap(90);
    await ran('made-up-for', 1);
    for (const name of ['elsewhere', 'missed', 'rest']) assert.deepEqual(await runs(name), [], name);
    stage.apply(rest(false));
    await ran('rest', 1);
  });

  observe('names and ports of services', async (_stage) => {
    const names = new NameServer({
      upstream: new ResolverUpstream(() => []),
      log: silentLog,
      open: async () => undefined,
    });
    const stage = new Stage(ground, 'names', names);
    const peers: Peer[] = [];
    try {
      const listening = (name: string, ports: readonly object[], more: object = {}) =>
        workload('Deployment', name, main(IDLE, { ports, ...more }), {}, { hostname: name, subdomain: 'all' });
      const ports = [
        { name: 'http', containerPort: 8080 },
        { name: 'ask', containerPort: 9053, protocol: 'UDP' },
      ];
      const never = { readinessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1 } };
      stage.apply(
        listening('web', ports),
        listening('slow', ports, never),
        listening('caller', []),
        service('web', {
          ports: [
            { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' },
            { name: 'plain', port: 8081, targetPort: 8080 },
            { name: 'ask', port: 53, targetPort: 'ask', protocol: 'UDP' },
          ],
          ...{ clusterIP: '', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] },
        }),
        service('both', { selector: { app: 'web' }, ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] }),
        service('ready', { selector: { app: 'slow' } }),
        service('known', { selector: { app: 'slow' }, publishNotReadyAddresses: true }),
        service('all', { selector: { app: 'web' }, clusterIP: 'None', clusterIPs: ['None'] }),
      );
      await stage.reaches('available', 'web', 'caller');
      await stage.until(
        'the slow one runs',
        () => stage.status.get('slow')?.replicas[0]?.containers[0]?.state === 'running',
      );
      const host = /nameserver (\S+)/.exec(await stage.exec('caller', 'cat /etc/resolv.conf'))?.[1] ?? '';
      const [web, caller] = ['web', 'caller'].map((name) => new Peer(stage.runningIn(name).pid)) as [Peer, Peer];
      peers.push(web, caller);
      await web.ask({ do: 'listen', name: 'web', ports: [8080], udp: [9053] });
      const full = (name: string): string => `${name}.shop-dev.svc.cluster.local`;
      const placeOf = async (name: string) => {
        const [pod] = await stage.pods(name);
        assert.ok(pod);
        return stage.engine.locatePod(pod);
      };
      const { address, segment } = await placeOf('web');
      const six = segment?.six?.address;
      const ask = (how: 'a' | 'aaaa' | 'srv', name: string) => caller.ask({ do: how, host, name });
      const srv = async (name: string): Promise<unknown> => {
        const found = await ask('srv', name);
        return Array.isArray(found) ? found.map((one) => `${one.name}:${one.port}`) : found;
      };
      await stage.until(
        'the name',
        async () => JSON.stringify(await ask('a', full('web'))) === JSON.stringify([address]),
      );
      assert.deepEqual(await srv(`_http._tcp.${full('web')}`), [`web.${full('web')}:80`]);
      assert.deepEqual(await srv(`_ask._udp.${full('web')}`), [`web.${full('web')}:53`]);
      assert.equal(await srv(`_none._tcp.${full('web')}`), 'ENOTFOUND');
      assert.deepEqual(await ask('a', `web.${full('all')}`), [address], 'a pod of a headless service by its own name');
      assert.deepEqual(await ask('a', full('known')), [(await placeOf('slow')).address]);
      assert.equal(await ask('a', full('ready')), 'ENODATA');
      assert.equal(await ask('aaaa', full('web')), 'ENODATA');
      assert.deepEqual(await ask('aaaa', full('both')), six === undefined ? 'ENODATA' : [six]);
      // Each port means the one behind it, by its name or its number; what has no service is as it is.
      for (const port of [80, 8081, 8080]) {
        const said = await caller.ask({ do: 'get', host: address, ports: [port], path: `/${port}` });
        assert.match(String(said), new RegExp(`^web .* /${port}$`));
      }
      assert.deepEqual(await caller.ask({ do: 'udp', host: address, ports: [8082], udp: [53, 54] }), ['udp 53']);
      assert.deepEqual(
        stage.services
          .filter(({ service: name }) => name === 'web')
          .map(({ port, portName, endpoints }) => [port, portName, endpoints.length]),
        [
          [80, 'http', 1],
          [8081, 'plain', 1],
          [53, 'ask', 1],
        ],
      );
    } finally {
      for (const peer of peers) peer.end();
      names.close();
      await stage.close();
    }
  });

  observe('ways that policies open', async (stage) => {
    const PORTS = [8080, 9000, 9001, 9002, 9005, 9006];
    const UDP = [9100, 9101];
    const labels: Record<string, object> = {
      db: { tier: 'data' },
      // Taken out by an expression: what governs db does not govern it.
      old: { app: 'db', tier: 'data', legacy: 'yes' },
      web: { guest: 'yes' },
      cron: { guest: 'yes' },
      out: { tier: 'data' },
    };
    const all = Object.keys(labels);
    const pods = all.map((name) => ({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name, ...labels[name] } } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [main(IDLE, { ports: [{ name: 'http', containerPort: 8080 }] })],
      },
    }));
    stage.apply(...pods);
    await stage.reaches('available', ...all);
    const peers = new Map(all.map((name) => [name, new Peer(stage.runningIn(name).pid)]));
    try {
      const addresses = new Map<string, string>();
      for (const name of all) {
        const [pod] = await stage.pods(name);
        assert.ok(pod);
        addresses.set(name, (await stage.engine.locatePod(pod)).address);
        await peers.get(name)?.ask({ do: 'listen', name, ports: PORTS, udp: UDP });
      }
      const network = `${addresses.get('web')?.split('.').slice(0, 3).join('.')}.0/24`;
      const expressions = (...parts: readonly (readonly [string, string, ...string[]])[]) => ({
        matchExpressions: parts.map(([key, operator, ...values]) => ({
          key,
          operator,
          ...(values.length === 0 ? {} : { values }),
        })),
      });
      const dev = { namespaceSelector: { matchLabels: { environment: 'dev' } } };
      const rules = (side: 'from' | 'to') => [
        {
          [side]: [{ podSelector: expressions(['app', 'In', 'web', 'none']), ...dev }],
          ports: [{ port: 'http' }, { port: 9000, endPort: 9001 }, { protocol: 'UDP', port: 9100 }],
        },
        { [side]: [{ namespaceSelector: expressions(['environment', 'In', 'prod']) }] },
        {
          [side]: [{ ipBlock: { cidr: network, except: [`${addresses.get('cron')}/32`] } }],
          ports: [{ protocol: 'TCP', port: 9005 }],
        },
        { [side]: [{ podSelector: { matchLabels: { app: 'cron' } } }], ports: [{ port: 9002 }] },
        {
          [side]: [
            { podSelector: expressions(['guest', 'Exists'], ['app', 'NotIn', 'web'], ['none', 'DoesNotExist']) },
          ],
          ports: [{ port: 9006 }],
        },
      ];
      const policy = (name: string, app: string, types: object) => ({
        ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name } },
        spec: {
          podSelector: {
            matchLabels: { tier: 'data' },
            ...expressions(
              ['app', 'In', app],
              ['legacy', 'DoesNotExist'],
              ['tier', 'NotIn', 'front'],
              ['app', 'Exists'],
            ),
          },
          ...types,
        },
      });
      stage.apply(
        policy('in', 'db', { policyTypes: ['Ingress'], ingress: rules('from') }),
        policy('out', 'out', { policyTypes: ['Egress'], egress: rules('to') }),
      );
      const reached = async (from: string, to: string): Promise<string> =>
        String(await peers.get(from)?.ask({ do: 'tcp', host: addresses.get(to), ports: PORTS, udp: UDP }));
      const everything = [...PORTS.map((port) => `tcp ${port}`), ...UDP.map((port) => `udp ${port}`)].join();
      const web = 'tcp 8080,tcp 9000,tcp 9001,tcp 9005,udp 9100';
      const ways: readonly (readonly [from: string, to: string, expected: string])[] = [
        ['web', 'db', web],
        ['cron', 'db', 'tcp 9002,tcp 9006'],
        ['out', 'web', web],
        ['out', 'cron', 'tcp 9002,tcp 9006'],
        ['web', 'old', everything],
        ['db', 'web', everything],
        ['cron', 'out', everything],
      ];
      for (const [from, to, expected] of ways) {
        let last = '';
        await stage
          .until(
            `from ${from} to ${to}: ${expected}`,
            async () => {
              last = await reached(from, to);
              return last === expected;
            },
            60,
          )
          .catch((cause: Error) => assert.fail(`${cause.message.slice(0, 200)}; last ${last}`));
      }
    } finally {
      for (const peer of peers.values()) peer.end();
    }
  });

  observe('contents and claims', async (stage) => {
    const binary = Buffer.from([0, 255, 10, 128]);
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const contents = (greeting: string) => [
      {
        ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shop.settings' }, immutable: true },
        ...{ data: { greeting }, binaryData: { raw: binary.toString('base64') } },
      },
      {
        ...{
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'login' },
          type: 'kubernetes.io/basic-auth',
          immutable: false,
        },
        ...{ data: { username: base64('ann'), password: base64('shadowed') }, stringData: { password: 's3cr3t' } },
      },
    ];
    const script = 'while :; do cat /config/greeting > /both/now; sleep 0.2; done';
    const reader = workload(
      'Deployment',
      'reader',
      main(script, {
        volumeMounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'login', mountPath: '/login' },
          { name: 'both', mountPath: '/both' },
          { name: 'read', mountPath: '/read' },
          { name: 'memory', mountPath: '/memory' },
        ],
        securityContext: { runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true },
      }),
      { strategy: { type: 'Recreate' } },
      {
        securityContext: { fsGroup: 4444 },
        volumes: [
          { name: 'config', configMap: { name: 'shop.settings' } },
          { name: 'login', secret: { secretName: 'login' } },
          { name: 'both', persistentVolumeClaim: { claimName: 'both' } },
          { name: 'read', persistentVolumeClaim: { claimName: 'read' } },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
        ],
      },
    );
    stage.apply(
      ...contents('hello'),
      reader,
      claim('both', { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] }),
      claim('read', { accessModes: ['ReadOnlyMany'] }),
    );
    await stage.reaches('available', 'reader');
    const look = 'cat /config/greeting; echo; od -An -tx1 /config/raw; cat /login/username; echo; cat /login/password';
    assert.deepEqual(
      (await stage.exec('reader', look)).split('\n').map((line) => line.trim()),
      ['hello', '00 ff 0a 80', 'ann', 's3cr3t'],
    );
    const write = (path: string): string => `touch ${path}/x 2>/dev/null && echo rw || echo ro`;
    assert.deepEqual((await stage.exec('reader', `${write('/both')}; ${write('/read')}`)).split('\n'), ['rw', 'ro']);
    assert.ok((await stat(await stage.folderOf('both'))).isDirectory());
    // Files that it makes in memory are of the group of its volumes, which is one of its own.
    assert.equal(
      await stage.exec(
        'reader',
        'id -G; stat -c "%a %g" /memory; touch /memory/x && stat -c "%u %g" /memory/x; grep " /memory " /proc/mounts | cut -d" " -f3',
      ),
      ['1000 4444', '2777 4444', '1000 4444', 'tmpfs'].join('\n'),
    );
    // What runs keeps its content; another one is another version.
    const before = stage.runningIn('reader').id;
    const hash = stage.hashOf('reader');
    stage.settle();
    stage.apply(...contents('goodbye'));
    assert.notEqual(stage.hashOf('reader'), hash);
    await stage.until(
      'the new version',
      async () =>
        (await stage.versions('reader')).join() === 'new' && stage.status.get('reader')?.phase === 'available',
    );
    assert.notEqual(stage.runningIn('reader').id, before);
    assert.equal(await stage.exec('reader', 'cat /config/greeting'), 'goodbye');
  });

  observe('what the edge publishes', async (stage) => {
    const domain = 'kinds.localhost';
    const folder = await mkdtemp('/var/tmp/darsena-kinds-');
    const authority = createAuthority({ name: 'kinds test', clock: systemClock, domains: [domain, 'example'] });
    const peers: Peer[] = [];
    const edge = await openEdge(folder, authority, domain);
    try {
      const [loud, open, node] = [await freePort(), await freePort(), await freeNodePort()];
      const servers = (name: string, replicas: number) =>
        workload('Deployment', name, main(IDLE, { ports: [{ name: 'http', containerPort: 8080 }] }), { replicas });
      const http = [{ name: 'http', port: 80, targetPort: 'http' }];
      const published = (name: string, spec: object) => service(name, { selector: { app: 'one' }, ...spec });
      const to = (name: string, port: object) => ({ service: { name, port } });
      const path = (at: string, pathType: string, backend: object) => ({ path: at, pathType, backend });
      stage.apply(
        servers('one', 2),
        servers('two', 1),
        service('one', { ports: http }),
        service('two', { ports: http }),
        published('loyal', {
          type: 'LoadBalancer',
          ports: [{ port: loud, targetPort: 8080 }],
          sessionAffinity: 'ClientIP',
          loadBalancerSourceRanges: ['127.0.0.0/29'],
        }),
        published('any', { type: 'LoadBalancer', ports: [{ port: open, targetPort: 8080 }], sessionAffinity: 'None' }),
        published('numbered', { type: 'NodePort', ports: [{ port: 81, targetPort: 8080, nodePort: node }] }),
        {
          ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'shop' } },
          spec: {
            tls: [{ hosts: ['a.example'] }],
            defaultBackend: to('two', { name: 'http' }),
            rules: [
              {
                host: 'a.example',
                http: {
                  paths: [
                    path('/exact', 'Exact', to('one', { number: 80 })),
                    path('/under', 'Prefix', to('one', { name: 'http' })),
                    path('/under/two', 'Prefix', to('two', { number: 80 })),
                  ],
                },
              },
              { host: '*.w.example', http: { paths: [path('/', 'Prefix', to('one', { number: 80 }))] } },
            ],
          },
        },
        {
          ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'last' } },
          spec: { defaultBackend: to('one', { number: 80 }) },
        },
      );
      await stage.reaches('available', 'one', 'two');
      for (const [name, replica] of [
        ['one', 0],
        ['one', 1],
        ['two', 0],
      ] as const) {
        const peer = new Peer(stage.runningIn(name, 'main', replica).pid);
        peers.push(peer);
        await peer.ask({ do: 'listen', name: `${name}-${replica}`, ports: [8080] });
      }
      const places = (name: string): number =>
        stage.services.find((one) => one.service === name)?.endpoints.length ?? 0;
      await stage.until('all are reachable', () => places('one') === 2 && places('two') === 1 && places('any') === 2);
      const { routes = [], listeners = [] } = stage.translation ?? {};
      const { services } = stage;
      assert.deepEqual(
        await edge.edge.apply(publishedOf({ routes, listeners, services, domain, denials: [], proxies: [] })),
        [],
      );
      const ask = (host: string, at = '/'): Promise<string> => edge.ask(host, at);
      const table: readonly (readonly [host: string, at: string, expected: RegExp])[] = [
        ['a.example', '/exact', /^one-\d a.example \/exact$/],
        ['a.example', '/exact/', /^two-0/],
        ['a.example', '/exactly', /^two-0/],
        ['a.example', '/under', /^one-/],
        ['a.example', '/under/one', /^one-/],
        ['a.example', '/underground', /^two-0/],
        ['a.example', '/under/two/x', /^two-0/],
        ['a.example', '/', /^two-0 a.example \/$/],
        ['b.w.example', '/any', /^one-/],
        ['b.c.w.example', '/', /Nothing published here/],
        [`two-shop-dev.${domain}`, '/', /^two-0/],
        [`one-shop-dev.${domain}`, '/', /^one-/],
        [`numbered-shop-dev.${domain}`, '/', /Nothing published here/],
      ];
      for (const [host, at, expected] of table) assert.match(await ask(host, at), expected, `${host}${at}`);
      // The certificate of a host where there is one, the platform's own elsewhere.
      assert.equal(await edge.certificateOf('a.example'), 'a.example');
      assert.equal(await edge.certificateOf('b.w.example'), `*.${domain}`);
      const who = async (port: number, from = '127.0.0.1'): Promise<string> =>
        (await plain(port, from)).split(' ')[0] ?? '';
      const asked = async (port: number): Promise<Set<string>> =>
        new Set(await Promise.all(Array.from({ length: 8 }, () => who(port))));
      assert.equal((await asked(loud)).size, 1, 'one client, one replica');
      assert.deepEqual([...(await asked(open))].sort(), ['one-0', 'one-1']);
      assert.deepEqual([...(await asked(node))].sort(), ['one-0', 'one-1']);
      assert.equal(await who(loud, '127.0.0.9'), '', 'from elsewhere nobody');
      assert.match(await who(open, '127.0.0.9'), /^one-/);
    } finally {
      for (const peer of peers) peer.end();
      await edge.edge.stop(1_000);
      await rm(folder, { recursive: true, force: true });
    }
  });

  const hog = (name: string, mebibytes: number, more: object = {}): object =>
    main(`dd if=/dev/zero of=/dev/shm/x bs=1M count=${mebibytes} 2>/dev/null; : ${name}; ${IDLE}`, more);
  const autoscaler = (name: string, spec: object) => ({
    ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name } },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, ...spec },
  });
  /** Lets an autoscaler look: its clock is put forward, and it is waited for until it has decided. */
  async function decided(stage: Stage, seconds: number): Promise<void> {
    stage.leap(seconds);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }

  observe('replicas that follow usage', async (stage) => {
    const resource = (name: string, target: object) => ({ type: 'Resource', resource: { name, target } });
    const inside = (name: string, target: object) => ({
      ...{ type: 'ContainerResource', containerResource: { name, container: 'main', target } },
    });
    const average = (averageValue: string) => ({ type: 'AverageValue', averageValue });
    const share = (averageUtilization: number) => ({ type: 'Utilization', averageUtilization });
    const pods = (value: number, periodSeconds = 60) => ({ type: 'Pods', value, periodSeconds });
    const percent = (value: number, periodSeconds = 60) => ({ type: 'Percent', value, periodSeconds });
    const requests = { resources: { requests: { memory: '20Mi', cpu: '10m' } } };
    const deployment = (name: string, container: object) => workload('Deployment', name, container, {});
    const waits = { stabilizationWindowSeconds: 0 };
    stage.apply(
      // By one a minute up to three; by half, after five minutes, down to two.
      deployment('slowly', hog('slowly', 20)),
      autoscaler('slowly', {
        ...{ minReplicas: 2, maxReplicas: 3, metrics: [resource('memory', average('5Mi'))] },
        behavior: {
          scaleUp: { ...waits, policies: [pods(1), percent(100)], selectPolicy: 'Min' },
          scaleDown: {
            stabilizationWindowSeconds: 300,
            policies: [percent(50), pods(1)],
            selectPolicy: 'Max',
            tolerance: 0.2,
          },
        },
      }),
      // At once to all that may be; never down.
      deployment('at-once', hog('at-once', 20, requests)),
      autoscaler('at-once', {
        ...{ maxReplicas: 3, metrics: [inside('memory', share(10))] },
        behavior: { scaleUp: { policies: [percent(900)] }, scaleDown: { ...waits, selectPolicy: 'Disabled' } },
      }),
      // Twice what is meant, and that is let be.
      deployment('near', hog('near', 20, requests)),
      autoscaler('near', {
        ...{ maxReplicas: 3, metrics: [inside('memory', average('12Mi')), resource('memory', share(60))] },
        behavior: { scaleUp: { tolerance: 1.5 } },
      }),
      // Not before it was so for ten minutes.
      deployment('patient', hog('patient', 20)),
      autoscaler('patient', {
        ...{ maxReplicas: 2, metrics: [resource('memory', average('5Mi'))] },
        behavior: { scaleUp: { stabilizationWindowSeconds: 600 } },
      }),
      deployment(
        'busy',
        main('while :; do :; done', { resources: { limits: { cpu: '100m' }, requests: { cpu: '10m' } } }),
      ),
      autoscaler('busy', { maxReplicas: 2, metrics: [resource('cpu', share(1))] }),
    );
    const names = ['slowly', 'at-once', 'near', 'patient', 'busy'];
    const wanted = (name: string): number => stage.status.get(name)?.horizontal?.replicas ?? 0;
    await stage.reaches('available', ...names);
    assert.equal(wanted('slowly'), 2, 'minReplicas');
    // Past its first minutes, in which what a start takes of the processor does not count.
    await decided(stage, 400);
    const steps: string[] = [];
    const step = async (seconds: number): Promise<void> => {
      await decided(stage, seconds);
      steps.push(names.map((name) => `${name} ${wanted(name)}`).join(', '));
    };
    await stage.until('a first decision', async () => {
      await step(16);
      return wanted('at-once') === 3 && wanted('busy') === 2;
    });
    await stage.until('one a minute', async () => {
      await step(61);
      return wanted('slowly') === 3;
    });
    assert.equal(wanted('near'), 1, steps.join('\n'));
    await stage.until('after ten minutes', async () => {
      await step(61);
      return wanted('patient') === 2;
    });
    await step(61);
    assert.deepEqual(names.map(wanted), [3, 3, 1, 2, 2], steps.join('\n'));
    await stage.until(
      'the third serves',
      () => stage.status.get('slowly')?.ready === 3 && stage.status.get('at-once')?.ready === 3,
    );
    for (const name of ['slowly', 'at-once']) {
      for (const replica of [0, 1, 2]) await stage.exec(name, 'rm -f /dev/shm/x', 'main', replica);
    }
    await step(16);
    assert.equal(wanted('slowly'), 3, 'it may come back within five minutes');
    await stage.until('down to two', async () => {
      await step(150);
      return wanted('slowly') === 2;
    });
    await step(400);
    assert.deepEqual([wanted('slowly'), wanted('at-once')], [2, 3], steps.join('\n'));
  });

  observe('resources that follow usage', async (stage) => {
    const vertical = (
      name: string,
      updatePolicy: object,
      containerPolicies: readonly object[] = [],
      kind = 'Deployment',
    ) => ({
      ...{ apiVersion: 'autoscaling.k8s.io/v1', kind: 'VerticalPodAutoscaler', metadata: { name } },
      spec: {
        targetRef: { apiVersion: 'apps/v1', kind, name },
        ...{ updatePolicy, resourcePolicy: { containerPolicies } },
      },
    });
    const small = { resources: { requests: { memory: '32Mi', cpu: '10m' }, limits: { memory: '64Mi', cpu: '100m' } } };
    const two = (name: string, replicas = 1) => workload('Deployment', name, main(IDLE, small), { replicas });
    const least = (memory: string) => [{ containerName: '*', minAllowed: { memory } }];
    stage.apply(
      two('only-said'),
      vertical('only-said', { updateMode: 'Off' }),
      two('for-new'),
      vertical('for-new', { updateMode: 'Initial' }, least('400Mi')),
      two('anew', 2),
      vertical('anew', { updateMode: 'Recreate' }, least('400Mi')),
      two('too-few'),
      vertical('too-few', { updateMode: 'Recreate', minReplicas: 2 }),
      two('one-enough'),
      vertical('one-enough', { updateMode: 'Recreate', minReplicas: 1 }),
      two('not-up', 2),
      vertical('not-up', {
        updateMode: 'Recreate',
        evictionRequirements: [{ resources: ['memory', 'cpu'], changeRequirement: 'TargetLowerThanRequests' }],
      }),
      workload(
        'Deployment',
        'in-place',
        main(IDLE, small),
        {},
        {
          containers: ['main', 'left', 'request', 'most'].map((name) => ({ ...main(IDLE, small), name })),
        },
      ),
      vertical('in-place', { updateMode: 'InPlaceOrRecreate' }, [
        { containerName: 'main', controlledResources: ['memory'], minAllowed: { memory: '200Mi', cpu: '50m' } },
        { containerName: 'left', mode: 'Off' },
        { containerName: 'request', controlledValues: 'RequestsOnly' },
        {
          containerName: 'most',
          mode: 'Auto',
          maxAllowed: { memory: '48Mi', cpu: '15m' },
          minAllowed: { cpu: '12m' },
          controlledValues: 'RequestsAndLimits',
        },
      ]),
      workload('DaemonSet', 'each', main(IDLE, small), {}),
      vertical('each', { updateMode: 'InPlace' }, [], 'DaemonSet'),
    );
    const names = ['only-said', 'for-new', 'anew', 'too-few', 'one-enough', 'not-up', 'in-place', 'each'];
    await stage.reaches('available', ...names);
    const podsOf = async (name: string): Promise<string[]> => (await stage.pods(name)).map(({ id }) => id);
    const before = new Map<string, string[]>();
    for (const name of names) before.set(name, await podsOf(name));
    /** What the kernel holds it to: a limit of memory in MiB and one of the processor in thousandths. */
    const limits = async (name: string, container = 'main'): Promise<string> => {
      const all = stage.status.get(name)?.replicas[0]?.containers;
      const found = all?.find((one) => one.name === container && one.state === 'running');
      if (found?.pid === undefined || found.pid === null) return 'none runs';
      const { id, pid } = found;
      const usage = await readUsage({ id, pid });
      const quota = await quotaOf(pid).catch((error: NodeJS.ErrnoException) => {
        // What was reported a moment ago may have ended since.
        if (error.code === 'ENOENT' || error.code === 'ESRCH') return 'ended';
        throw error;
      });
      return `${Math.round((usage?.memoryLimitBytes ?? 0) / MIB)} ${quota}`;
    };
    for (let look = 0; look < 2; look++) await decided(stage, 61);
    // Twice what is requested stays twice: a recommendation is 250 MiB for a pod at least, and 25 thousandths.
    await stage.until('changed in place', async () => {
      await decided(stage, 16);
      return (await limits('in-place')) === '400 100';
    });
    await stage.until('changed in place', async () => (await limits('in-place', 'most')) === '96 120');
    assert.equal(await limits('in-place', 'left'), '64 100');
    assert.equal(await limits('in-place', 'request'), '64 100');
    const given = stage.status.get('in-place')?.vertical?.containers.find(({ name }) => name === 'request')?.given;
    assert.ok((given?.memoryBytes ?? 0) > 32 * MIB && (given?.memoryBytes ?? 0) <= 64 * MIB, JSON.stringify(given));
    await stage.until('in place alone', async () => (await limits('each')) === '500 250');
    const renewed = async (name: string): Promise<boolean> => {
      const now = await podsOf(name);
      return now.length === before.get(name)?.length && now.every((id) => !before.get(name)?.includes(id));
    };
    for (const name of ['anew', 'one-enough'])
      await stage.until(`${name} has new pods`, async () => {
        await decided(stage, 16);
        return (await renewed(name)) && stage.status.get(name)?.phase === 'available';
      });
    await stage.until('anew has what is recommended', async () => (await limits('anew')) === '800 250');
    for (const name of ['only-said', 'for-new', 'too-few', 'not-up', 'in-place', 'each'])
      assert.deepEqual(await podsOf(name), before.get(name), name);
    for (const name of ['only-said', 'for-new', 'too-few', 'not-up']) assert.equal(await limits(name), '64 100', name);
    assert.ok(
      (stage.status.get('only-said')?.vertical?.containers[0]?.target.memoryBytes ?? 0) >= 250 * MIB,
      'it is said',
    );
    await ground.podman('pod', 'rm', '--force', '--time', '0', (await stage.pods('for-new'))[0]?.name ?? '');
    await stage.until('it is made anew with more', async () => {
      const one = stage.status.get('for-new')?.replicas[0]?.containers[0];
      return (
        one?.state === 'running' &&
        !before.get('for-new')?.includes((await podsOf('for-new'))[0] ?? '') &&
        (await limits('for-new')) === '800 250'
      );
    });
  });

  observe('a host that is drained', async (stage) => {
    const budget = (name: string, spec: object) => ({
      ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name } },
      spec: { selector: { matchLabels: { app: name } }, ...spec },
    });
    const plain = (name: string, container: object = main(IDLE)) =>
      workload('Deployment', name, container, { replicas: 2 }, {}, { tier: 'front' });
    const never = main(IDLE, { readinessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1, failureThreshold: 1 } });
    const expressions = [
      { key: 'app', operator: 'In', values: ['one-away', 'none'] },
      { key: 'app', operator: 'NotIn', values: ['free'] },
      { key: 'tier', operator: 'Exists' },
      { key: 'gone', operator: 'DoesNotExist' },
    ];
    stage.apply(
      ...['free', 'both-stay', 'half-stays', 'one-away'].map((name) => plain(name)),
      ...['sick-stay', 'sick-go'].map((name) => plain(name, never)),
      budget('both-stay', { minAvailable: 2 }),
      budget('half-stays', { minAvailable: '50%' }),
      budget('one-away', { maxUnavailable: 1, selector: { matchExpressions: expressions } }),
      budget('sick-stay', { minAvailable: 1, unhealthyPodEvictionPolicy: 'IfHealthyBudget' }),
      budget('sick-go', { minAvailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' }),
    );
    await stage.reaches('available', 'free', 'both-stay', 'half-stays', 'one-away');
    await stage.until('the sick run', () =>
      ['sick-stay', 'sick-go'].every(
        (name) => stage.status.get(name)?.replicas.filter(({ phase }) => phase === 'running').length === 2,
      ),
    );
    stage.set({ maintenance: { draining: true, disregardBudgets: false } });
    const left = async (name: string): Promise<number> => (await stage.pods(name)).length;
    for (const name of ['free', 'sick-go']) await stage.until(`${name} is gone`, async () => (await left(name)) === 0);
    for (const name of ['half-stays', 'one-away'])
      await stage.until(`${name}: one is left`, async () => (await left(name)) === 1);
    for (const name of ['both-stay', 'half-stays', 'one-away', 'sick-stay']) {
      const says = (): string =>
        stage.status
          .get(name)
          ?.conditions.map(({ text }) => text.en)
          .join() ?? '';
      await stage.until(`${name} says what keeps it`, () =>
        says().includes(`the PodDisruptionBudget ${name} keeps it`),
      );
    }
    for (const [name, count] of [
      ['both-stay', 2],
      ['half-stays', 1],
      ['one-away', 1],
      ['sick-stay', 2],
    ] as const)
      assert.equal(await left(name), count, name);
  });
});

/** A limit of the processor in thousandths of one. */
async function quotaOf(pid: number): Promise<number> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const own = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
  if (own === undefined) {
    const [quota, period] = (await readFile(`/sys/fs/cgroup${/^0::(.*)$/m.exec(groups)?.[1]}/cpu.max`, 'utf8')).split(
      ' ',
    );
    return (Number(quota) / Number(period)) * 1_000;
  }
  const read = async (name: string): Promise<number> =>
    Number(await readFile(`/sys/fs/cgroup/cpu${own}/${name}`, 'utf8'));
  return ((await read('cpu.cfs_quota_us')) / (await read('cpu.cfs_period_us'))) * 1_000;
}

/** A real HAProxy that only this test has. */
async function openEdge(folder: string, authority: Authority, domain: string) {
  await chmod(folder, 0o755);
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'haproxy'], { encoding: 'utf8' }));
  const user = { uid: id('-u'), gid: id('-g') };
  const [run, etc] = [join(folder, 'run'), join(folder, 'etc')];
  await mkdir(run, { mode: 0o700 });
  await mkdir(etc, { mode: 0o750 });
  await chown(run, user.uid, user.gid);
  await chown(etc, 0, user.gid);
  const ports = { https: await freePort(), http: await freePort() };
  const certificate = issueServerCertificate(authority, { names: ['a.example'] });
  const edge = new Edge({
    ...{ ports, user, run, folder: etc, logFile: join(folder, 'edge.log'), clock: systemClock, log: silentLog },
    certificate: issueWildcardCertificate(authority, { domain }),
    own: [{ id: 'a', ...certificate }],
  });
  await edge.start();
  const request = (host: string, path: string): Promise<{ body: string; names: string }> =>
    new Promise((done, refuse) => {
      const options = { host: '127.0.0.1', port: ports.https, servername: host, path, headers: { host }, agent: false };
      getSecure({ ...options, ca: authority.certificatePem, checkServerIdentity: () => undefined }, (response) => {
        const { subject } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate();
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () => done({ body, names: String(subject.CN) }));
      }).once('error', refuse);
    });
  return {
    edge,
    ask: async (host: string, path: string): Promise<string> => (await request(host, path)).body,
    certificateOf: async (host: string): Promise<string> => (await request(host, '/')).names,
  };
}

/** What a TCP port says to a plain request from an address of this host; nothing where it is closed. */
function plain(port: number, localAddress: string): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port, localAddress }, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('data', (bytes) => (text += bytes.toString('utf8')));
    socket.on('error', () => undefined).on('close', () => done(text.split('\r\n\r\n').at(-1) ?? ''));
  });
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Of the range of Kubernetes. */
async function freeNodePort(): Promise<number> {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2_768);
    const server = createTcpServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
