import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import {
  BoundParts,
  ContentFiles,
  LABEL,
  purgeInstance,
  Reconciler,
  realProbes,
  type WorkloadStatus,
} from '../../src/deploy/engines/local/index.ts';
import { listFields, readManifests, translateManifests } from '../../src/deploy/kubernetes/index.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { type Json, silentLog, systemClock } from '../../src/system/index.ts';
import { type Ground, missingParts, openGround, wanted } from './deploy-ground.ts';

// Every field that the manual calls enforced, from the manifest to what is seen of it inside a container or on the host.

const ROOT = join(import.meta.dirname, '..', '..');
const ROLES = ['containers[]', 'initContainers[]'] as const;
const of = (...fields: string[]): string[] => ROLES.flatMap((role) => fields.map((field) => `${role}.${field}`));
const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;
const ofProbes = (...fields: string[]): string[] =>
  of(...PROBES.flatMap((probe) => fields.map((field) => `${probe}.${field}`)));
const ofHooks = (...fields: string[]): string[] =>
  of(...['postStart', 'preStop'].flatMap((hook) => fields.map((field) => `lifecycle.${hook}.${field}`)));

/** Fields of a pod's specification by the observation of this file that shows them at work. */
const OBSERVED = {
  'command, arguments, folder and image': of('name', 'image', 'command', 'args', 'workingDir'),
  environment: of(
    ...['env[].name', 'env[].value', 'envFrom[].prefix'],
    ...['configMapKeyRef', 'secretKeyRef'].flatMap((from) =>
      ['name', 'key', 'optional'].map((part) => `env[].valueFrom.${from}.${part}`),
    ),
    ...['configMapRef', 'secretRef'].flatMap((from) => [`envFrom[].${from}.name`, `envFrom[].${from}.optional`]),
    ...[
      'fieldRef.fieldPath',
      ...['containerName', 'resource', 'divisor'].map((part) => `resourceFieldRef.${part}`),
    ].map((part) => `env[].valueFrom.${part}`),
  ),
  'limits of the cgroup': of('resources.limits', 'resources.requests'),
  'user, rights and filters of a container': of(
    ...['runAsUser', 'runAsGroup', 'runAsNonRoot', 'readOnlyRootFilesystem', 'allowPrivilegeEscalation'].map(
      (name) => `securityContext.${name}`,
    ),
    ...['capabilities.add', 'capabilities.drop', 'seccompProfile.type'].map((name) => `securityContext.${name}`),
  ),
  'mounts and files of volumes': [
    ...of('volumeMounts[].name', 'volumeMounts[].mountPath', 'volumeMounts[].readOnly'),
    'volumes[].name',
    ...['name', 'defaultMode', 'optional', 'items[].key', 'items[].path', 'items[].mode'].map(
      (part) => `volumes[].configMap.${part}`,
    ),
    ...['secretName', 'defaultMode', 'optional', 'items[].key', 'items[].path', 'items[].mode'].map(
      (part) => `volumes[].secret.${part}`,
    ),
    ...['configMap', 'secret'].flatMap((kind) =>
      ['name', 'optional', 'items[].key', 'items[].path', 'items[].mode'].map(
        (part) => `volumes[].projected.sources[].${kind}.${part}`,
      ),
    ),
    'volumes[].projected.defaultMode',
    'volumes[].downwardAPI.defaultMode',
    ...['volumes[].downwardAPI', 'volumes[].projected.sources[].downwardAPI'].flatMap((place) =>
      [
        ...['path', 'mode', 'fieldRef.fieldPath'],
        ...['containerName', 'resource', 'divisor'].map((part) => `resourceFieldRef.${part}`),
      ].map((part) => `${place}.items[].${part}`),
    ),
    'volumes[].persistentVolumeClaim.claimName',
    'volumes[].persistentVolumeClaim.readOnly',
  ],
  'standard input and terminal': of('stdin', 'tty'),
  ports: of('ports[].containerPort', 'ports[].name', 'ports[].protocol'),
  'what probes ask': ofProbes(
    ...['exec.command', 'httpGet.path', 'httpGet.port', 'httpGet.scheme', 'httpGet.httpHeaders[].name'],
    ...['httpGet.httpHeaders[].value', 'tcpSocket.port', 'grpc.port', 'grpc.service'],
  ),
  'when probes ask': ofProbes('initialDelaySeconds', 'periodSeconds', 'successThreshold'),
  'what failing probes do': [
    ...ofProbes('timeoutSeconds', 'failureThreshold'),
    ...of('startupProbe.terminationGracePeriodSeconds', 'livenessProbe.terminationGracePeriodSeconds'),
  ],
  hooks: [
    ...ofHooks('exec.command', 'sleep.seconds', 'httpGet.path', 'httpGet.port', 'httpGet.scheme'),
    ...ofHooks('httpGet.httpHeaders[].name', 'httpGet.httpHeaders[].value'),
    ...of('lifecycle.stopSignal'),
    'terminationGracePeriodSeconds',
  ],
  'init containers and sidecars': ['initContainers[].restartPolicy'],
  'what a pod says for its containers': [
    ...['runAsUser', 'runAsGroup', 'runAsNonRoot', 'seccompProfile.type', 'supplementalGroups', 'fsGroupChangePolicy'],
    ...['sysctls[].name', 'sysctls[].value'],
  ].map((name) => `securityContext.${name}`),
  'names of a pod': [
    ...['hostname', 'hostAliases[].ip', 'hostAliases[].hostnames', 'dnsConfig.nameservers', 'dnsConfig.searches'],
    ...['dnsConfig.options[].name', 'dnsConfig.options[].value', 'shareProcessNamespace'],
  ],
  'what runs to its end': ['restartPolicy', 'activeDeadlineSeconds'],
  'profiles that this host has not': [...ROLES.map((role) => `${role}.securityContext`), 'securityContext'].flatMap(
    (place) => [
      `${place}.appArmorProfile.localhostProfile`,
      ...['user', 'role', 'type', 'level'].map((part) => `${place}.seLinuxOptions.${part}`),
    ],
  ),
} as const satisfies Record<string, readonly string[]>;

/** Of a pod's specification: seen by a test of another file, by its title. */
const ELSEWHERE: readonly (readonly [fields: RegExp, file: string, title: string])[] = [
  [/^subdomain$/, 'deploy-podman.test.ts', 'ordered pods, jobs, sidecars, hooks, groups'],
  [/resizePolicy\[\]\./, 'deploy-podman.test.ts', 'a running container is given other limits'],
];

/** Of a pod's specification: there is nothing to see, and why. */
const UNSEEN: readonly (readonly [fields: RegExp, why: string])[] = [
  [/appArmorProfile\.type$/, 'its one value says what the engine does by itself'],
  [/^affinity\.|^topologySpreadConstraints|^nodeSelector/, 'one host: it holds for every pod, whatever is written'],
  [/^os(?:\.name)?$/, 'its one value is what hosts are'],
  [/^imagePullSecrets/, 'the registry of the platform is asked with a token of its own; nothing is done with the name'],
];

const POD_SPEC =
  /^(?:Pod\.spec|(?:Deployment|StatefulSet|DaemonSet|Job)\.spec\.template\.spec|CronJob\.spec\.jobTemplate\.spec\.template\.spec)\./;

/** Enforced fields of a pod's specification that hold values, not other fields. */
function enforcedLeaves(): string[] {
  const enforced = listFields().flatMap(({ path, treatment }) =>
    treatment === 'enforced' && POD_SPEC.test(path) ? [path.replace(POD_SPEC, '')] : [],
  );
  const all = [...new Set(enforced)];
  return all.filter((field) => !all.some((other) => other.startsWith(`${field}.`) || other.startsWith(`${field}[]`)));
}

test('every enforced field of a pod is seen at work, by this file or another, or it is said why not', async () => {
  const rows = new Set<string>(Object.values(OBSERVED).flat());
  const leaves = enforcedLeaves();
  const open = leaves.filter(
    (field) => !rows.has(field) && ![...ELSEWHERE, ...UNSEEN].some(([fields]) => fields.test(field)),
  );
  assert.deepEqual(open, [], 'fields that no row speaks of');
  const gone = [...rows].filter((field) => !leaves.includes(field));
  assert.deepEqual(gone, [], 'rows of fields that are not enforced');
  for (const [fields, file, title] of ELSEWHERE) {
    assert.ok(
      leaves.some((field) => fields.test(field)),
      String(fields),
    );
    assert.ok((await readFile(join(ROOT, 'test/real', file), 'utf8')).includes(title), `${file}: ${title}`);
  }
  for (const [fields] of UNSEEN)
    assert.ok(
      leaves.some((field) => fields.test(field)),
      String(fields),
    );
});

const SOAK = process.env['DARSENA_SOAK'] === '1';
const skip = missingParts() ?? (existsSync('/usr/bin/nsenter') ? false : 'needs nsenter');
/** What a container writes down of itself, a line a fact. */
const TELL = [
  'T=/facts/$ME',
  'exec > $T.part',
  'echo "zero=$0"; echo "one=$1"; echo "two=$2"; echo "pwd=$(pwd)"',
  'echo "uid=$(id -u)"; echo "gid=$(id -g)"; echo "groups=$(id -G)"; echo "host=$(hostname)"',
  'grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\\t " | tr ":" "="',
  'echo "input=$(readlink /proc/self/fd/0)"',
  'for f in $(find /volumes -type f 2>/dev/null | sort); do echo "file:$f=$(stat -c %a $f) $(tr "\\n" "|" < $f)"; done',
  'touch /tmp/x 2>/dev/null && echo "root=rw" || echo "root=ro"',
  'touch /volumes/claim-ro/x 2>/dev/null && echo "claim-ro=rw" || echo "claim-ro=ro"',
  'touch /volumes/claim-half/x 2>/dev/null && echo "claim-half=rw" || echo "claim-half=ro"',
  'env | grep -E "^(PLAIN|NESTED|FROM_|NO_|POD_|CPU|MEMORY|C_|colour|token)" | sed "s/^/env:/"',
  'for g in memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares; do echo "group:$g=$(cat /sys/fs/cgroup/$g 2>/dev/null)"; done',
  'mv $T.part $T',
].join('\n');
const IDLE = 'trap "exit 0" TERM USR1; while :; do sleep 1 & wait $!; done';

interface Session {
  readonly reconciler: Reconciler;
  readonly status: Map<string, WorkloadStatus>;
}

suite('fields of a pod on real containers', { skip, timeout: 900_000 }, () => {
  let ground: Ground;
  let session: Session;
  const done = new Set<string>();
  const manifests = new Map<string, Json>();
  let revision = 0;

  before(async () => {
    ground = await openGround('fd');
    const status = new Map<string, WorkloadStatus>();
    const reconciler = new Reconciler({
      instance: ground.instance,
      engine: ground.engine,
      clock: systemClock,
      log: silentLog,
      gate: { check: async () => ({ allow: true }) },
      askProbe: realProbes(ground.engine, async () => false),
      contents: new ContentFiles(join(ground.folder, 'contents')),
      parts: new BoundParts(join(ground.folder, 'parts')),
      onStatus: (one) => status.set(one.key.name, one),
      onGone: (key) => status.delete(key.name),
      node: { node: 'here', capacity: { cpuMillis: 4000, memoryBytes: 1 << 30 } },
    });
    reconciler.start();
    session = { reconciler, status };
  });
  after(async () => {
    manifests.clear();
    try {
      apply();
      // Some wait out a grace of an hour; what ends by itself meanwhile is no failure.
      await ground.podman('kill', '--all').catch(() => undefined);
      await until('nothing is left', async () => (await ground.engine.list()).length === 0);
    } finally {
      await session.reconciler.stop();
      await purgeInstance(ground.engine, ground.instance, { volumes: true });
      await ground.close();
    }
  });

  /** Has hosts run what the manifests say by now. */
  function apply(...changed: { kind: string; metadata: { name: string } }[]): void {
    for (const one of changed) manifests.set(`${one.kind} ${one.metadata.name}`, one as unknown as Json);
    const text = [...manifests.values()].map((one) => JSON.stringify(one)).join('\n---\n');
    const { documents, problems: unread } = readManifests([{ path: 'fields.yaml', text }]);
    const { translation, problems } = translateManifests(documents, {
      ...{ project: 'shop', environment: 'dev', contentKey: null },
    });
    assert.deepEqual([...unread, ...problems], []);
    assert.ok(translation);
    revision += 1;
    const { workloads, services, volumes, contents } = translation;
    session.reconciler.setWanted(
      wanted({
        ...{ revision, services, volumes, contents },
        workloads: workloads.map((one) => ({ ...one, generation: 1, previous: null })),
      }),
    );
  }

  async function until(what: string, check: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
    const begin = performance.now();
    while (!(await check())) {
      if (performance.now() - begin > seconds * 1000)
        throw new Error(`not within ${seconds} s: ${what}; ${JSON.stringify([...session.status.values()], null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  const reaches = (name: string, phase: WorkloadStatus['phase']): Promise<void> =>
    until(`${name} is ${phase}`, () => session.status.get(name)?.phase === phase);
  /** The newest attempt of a container. */
  const containerOf = (name: string, container: string) =>
    session.status
      .get(name)
      ?.replicas[0]?.containers.filter((one) => one.name === container)
      .sort((one, other) => other.attempt - one.attempt)[0];

  /** The folder of an emptyDir on this host. */
  async function scratchOf(pod: string, volume: string): Promise<string> {
    const found = (await ground.engine.listVolumes()).find(
      ({ name, labels }) =>
        name.endsWith(`-scratch-${volume}`) && labels[LABEL.scratchOf]?.includes(`-${pod}-`) === true,
    );
    assert.ok(found, `the volume ${volume} of ${pod}`);
    return found.path;
  }

  async function claimOf(claim: string): Promise<string> {
    const found = (await ground.engine.listVolumes()).find(({ labels }) => labels[LABEL.claim] === claim);
    assert.ok(found, claim);
    return found.path;
  }

  /** What a container told of itself. */
  async function factsOf(pod: string, container: string): Promise<ReadonlyMap<string, string>> {
    const path = join(await scratchOf(pod, 'facts'), container);
    await until(`${container} of ${pod} told`, () => existsSync(path));
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  }

  /** One observation of the table: what it shows must hold for the fields that it is written beside. */
  function observe(name: keyof typeof OBSERVED, run: () => Promise<void>): Promise<void> {
    return test(name, async () => {
      await run();
      done.add(name);
    });
  }

  const IMAGE = (): string => ground.image;
  const FACTS = { name: 'facts', mountPath: '/facts' };
  const POD = (name: string, spec: object, more: object = {}) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      strategy: { type: 'Recreate' },
      template: { metadata: { labels: { app: name, tier: 'front' }, annotations: { note: 'said' }, ...more }, spec },
    },
  });

  /** A container with a value in every field that needs no server. */
  const full = (name: string, tail: string) => ({
    name,
    image: IMAGE(),
    command: ['sh', '-c', `${TELL}\n${tail}`, 'zero'],
    args: ['one $(PLAIN)', '$$(PLAIN)'],
    workingDir: '/bin',
    stdin: true,
    env: [
      { name: 'ME', value: name },
      { name: 'PLAIN', value: 'plain' },
      { name: 'NESTED', value: '<$(PLAIN)>' },
      { name: 'FROM_CONFIG', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
      { name: 'NO_CONFIG', valueFrom: { configMapKeyRef: { name: 'gone', key: 'x', optional: true } } },
      { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
      { name: 'NO_SECRET', valueFrom: { secretKeyRef: { name: 'keys', key: 'gone', optional: true } } },
      { name: 'POD_SPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'POD_TIER', valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
      { name: 'POD_NOTE', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } },
      { name: 'POD_NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      {
        name: 'MEMORY',
        valueFrom: { resourceFieldRef: { containerName: 'other', resource: 'requests.memory', divisor: '1Mi' } },
      },
    ],
    envFrom: [
      { prefix: 'C_', configMapRef: { name: 'settings' } },
      { configMapRef: { name: 'gone', optional: true } },
      { secretRef: { name: 'keys' } },
      { secretRef: { name: 'gone', optional: true } },
    ],
    resources: { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '250m', memory: '32Mi' } },
    securityContext: {
      ...{ runAsUser: 1234, runAsGroup: 2345, runAsNonRoot: true, readOnlyRootFilesystem: true },
      ...{ allowPrivilegeEscalation: false, seccompProfile: { type: 'RuntimeDefault' } },
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    },
    volumeMounts: [
      FACTS,
      ...['config', 'secret', 'some', 'none', 'mixed', 'about', 'claim', 'claim-ro', 'claim-half'].map((volume) => ({
        name: volume === 'claim-half' ? 'claim' : volume,
        mountPath: `/volumes/${volume}`,
        ...(volume === 'claim-half' ? { readOnly: true } : {}),
      })),
    ],
  });
  const ABOUT = (mode: number) => [
    { path: 'tier', mode, fieldRef: { fieldPath: "metadata.labels['tier']" } },
    { path: 'cpu', resourceFieldRef: { containerName: 'other', resource: 'limits.cpu', divisor: '1m' } },
  ];
  const VOLUMES = [
    { name: 'facts', emptyDir: {} },
    { name: 'config', configMap: { name: 'settings', defaultMode: 0o444 } },
    { name: 'secret', secret: { secretName: 'keys', defaultMode: 0o444 } },
    { name: 'none', configMap: { name: 'gone', optional: true } },
    {
      name: 'some',
      projected: {
        defaultMode: 0o444,
        sources: [
          { configMap: { name: 'settings', items: [{ key: 'size', path: 'in/size', mode: 0o555 }] } },
          { secret: { name: 'keys', items: [{ key: 'token', path: 'in/token', mode: 0o545 }] } },
          { configMap: { name: 'gone', optional: true } },
          { secret: { name: 'gone', optional: true } },
          { downwardAPI: { items: ABOUT(0o554) } },
        ],
      },
    },
    { name: 'mixed', configMap: { name: 'settings', items: [{ key: 'colour', path: 'deep/colour', mode: 0o544 }] } },
    { name: 'about', downwardAPI: { defaultMode: 0o444, items: ABOUT(0o554) } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'claim-ro', persistentVolumeClaim: { claimName: 'data', readOnly: true } },
  ];
  const TWICE = { secretName: 'keys', optional: false, items: [{ key: 'token', path: 'a/b', mode: 0o544 }] };
  const CONTENT = [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { colour: 'green', size: 'L' } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { token: 's3cr3t' } },
    ...['data', 'given'].map((name) => ({
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name } },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
    })),
  ];
  const other = () => ({
    ...{ name: 'other', image: IMAGE(), command: ['sh', '-c', IDLE] },
    resources: { limits: { cpu: '300m', memory: '48Mi' }, requests: { memory: '16Mi' } },
  });
  const NAMES = ['setup', 'side', 'main'] as const;

  test('a pod with a value in every field comes up, beside one with none', async () => {
    apply(
      ...CONTENT,
      POD('full', {
        initContainers: [full('setup', ':'), { ...full('side', IDLE), restartPolicy: 'Always' }],
        containers: [{ ...full('main', IDLE), tty: true }, other()],
        volumes: VOLUMES,
      }),
      POD('bare', {
        containers: [
          {
            ...{ name: 'main', image: IMAGE(), command: ['sh', '-c', `ME=main\n${TELL}\n${IDLE}`] },
            volumeMounts: [FACTS, { name: 'twice', mountPath: '/volumes/twice' }],
          },
        ],
        volumes: [
          { name: 'facts', emptyDir: {} },
          { name: 'twice', secret: TWICE },
        ],
      }),
    );
    for (const name of ['full', 'bare']) await reaches(name, 'available');
  });

  const eachFact = async (
    check: (fact: (name: string) => string | undefined, container: string) => void,
  ): Promise<void> => {
    for (const name of NAMES) {
      const facts = await factsOf('full', name);
      check((fact) => facts.get(fact), name);
    }
  };

  observe('command, arguments, folder and image', async () => {
    await eachFact((fact, name) => {
      assert.deepEqual(
        [fact('zero'), fact('one'), fact('two'), fact('pwd')],
        ['zero', 'one plain', '$(PLAIN)', '/bin'],
        name,
      );
    });
    const bare = await factsOf('bare', 'main');
    assert.equal(bare.get('pwd'), '/');
    const running = session.status.get('full')?.replicas[0]?.containers ?? [];
    assert.deepEqual(running.map(({ name }) => name).sort(), ['main', 'other', 'setup', 'side']);
    for (const { digest } of running) assert.equal(digest, IMAGE().split('@')[1]);
  });

  observe('environment', async () => {
    await eachFact((fact, name) => {
      const said = (...names: string[]): (string | undefined)[] => names.map((one) => fact(`env:${one}`));
      assert.deepEqual(
        said('PLAIN', 'NESTED', 'FROM_CONFIG', 'FROM_SECRET'),
        ['plain', '<plain>', 'green', 's3cr3t'],
        name,
      );
      assert.deepEqual(said('NO_CONFIG', 'NO_SECRET'), [undefined, undefined], name);
      assert.deepEqual(
        said('POD_SPACE', 'POD_TIER', 'POD_NOTE', 'POD_NODE'),
        ['shop-dev', 'front', 'said', 'here'],
        name,
      );
      assert.deepEqual(said('CPU', 'MEMORY'), ['500', '16'], name);
      assert.deepEqual(said('C_colour', 'C_size', 'colour', 'token'), ['green', 'L', undefined, 's3cr3t'], name);
    });
  });

  observe('limits of the cgroup', async () => {
    const facts = await ground.engine.facts();
    if (facts.limitsMissing !== null) return assert.ok(facts.limitsMissing.en.length > 0);
    for (const name of ['side', 'main']) {
      const id = containerOf('full', name)?.id ?? '';
      const [inspected] = JSON.parse(await ground.podman('inspect', id)) as {
        HostConfig: { Memory: number; MemoryReservation: number; CpuQuota: number; CpuShares: number };
      }[];
      const { Memory, MemoryReservation, CpuQuota, CpuShares } = inspected?.HostConfig ?? {};
      assert.deepEqual([Memory, MemoryReservation, CpuQuota, CpuShares], [64 << 20, 32 << 20, 50_000, 256], name);
    }
    if (facts.cgroupVersion !== 1) return;
    await eachFact((fact, name) => {
      const read = ['memory/memory.limit_in_bytes', 'cpu/cpu.cfs_quota_us', 'cpu/cpu.shares'];
      assert.deepEqual(
        read.map((one) => fact(`group:${one}`)),
        [String(64 << 20), '50000', '256'],
        name,
      );
    });
  });

  observe('user, rights and filters of a container', async () => {
    await eachFact((fact, name) => {
      assert.deepEqual([fact('uid'), fact('gid'), fact('root')], ['1234', '2345', 'ro'], name);
      // include/uapi/linux/capability.h: CAP_NET_BIND_SERVICE is bit 10, and nothing else is left.
      assert.deepEqual([fact('CapBnd'), fact('NoNewPrivs'), fact('Seccomp')], ['0000000000000400', '1', '2'], name);
    });
    const bare = await factsOf('bare', 'main');
    const said = ['uid', 'gid', 'root', 'NoNewPrivs', 'Seccomp'].map((one) => bare.get(one));
    assert.deepEqual(said, ['0', '0', 'rw', '0', '2'], 'what is not written is as it is without');
    assert.notEqual(bare.get('CapBnd'), '0000000000000400');
    const asRoot = (name: string, role: object) => POD(name, role);
    const nobody = { image: IMAGE(), command: ['sh', '-c', IDLE], securityContext: { runAsNonRoot: true } };
    const plain = { name: 'main', image: IMAGE(), command: ['sh', '-c', IDLE] };
    apply(
      asRoot('root-main', { containers: [{ name: 'main', ...nobody }] }),
      asRoot('root-side', {
        initContainers: [{ name: 'side', ...nobody, restartPolicy: 'Always' }],
        containers: [plain],
      }),
      asRoot('root-pod', { securityContext: { runAsNonRoot: true }, containers: [plain] }),
    );
    for (const name of ['root-main', 'root-side', 'root-pod']) {
      await until(
        `${name} is refused`,
        () => session.status.get(name)?.conditions.some(({ text }) => /runAsNonRoot/.test(text.en)) === true,
      );
      assert.equal(session.status.get(name)?.ready, 0);
      manifests.delete(`Deployment ${name}`);
    }
    apply();
  });

  observe('mounts and files of volumes', async () => {
    const files = {
      '/volumes/config/colour': '444 green',
      '/volumes/config/size': '444 L',
      '/volumes/secret/token': '444 s3cr3t',
      '/volumes/some/in/size': '555 L',
      '/volumes/some/in/token': '545 s3cr3t',
      '/volumes/some/tier': '554 front',
      '/volumes/some/cpu': '444 300',
      '/volumes/mixed/deep/colour': '544 green',
      '/volumes/about/tier': '554 front',
      '/volumes/about/cpu': '444 300',
    };
    await eachFact((fact, name) => {
      for (const [path, text] of Object.entries(files)) assert.equal(fact(`file:${path}`), text, `${name} ${path}`);
      assert.equal(fact('file:/volumes/mixed/size'), undefined);
      assert.deepEqual([fact('claim-ro'), fact('claim-half')], ['ro', 'ro'], name);
    });
    const bare = await factsOf('bare', 'main');
    assert.equal(bare.get('file:/volumes/twice/a/b'), '544 s3cr3t');
    const id = containerOf('full', 'main')?.id ?? '';
    const inside = await ground.engine.exec(
      id,
      ['sh', '-c', 'ls -A /volumes/none; touch /facts/all && grep " /volumes/claim " /proc/mounts | cut -d " " -f 4'],
      60_000,
      AbortSignal.timeout(60_000),
    );
    assert.match(
      inside.output,
      /^rw/,
      'the optional source is an empty folder, and the claim without a word is writable',
    );
    assert.ok((await stat(await claimOf('data'))).isDirectory());
    assert.equal((await stat(await scratchOf('full', 'facts'))).mode & 0o777, 0o777);
  });

  observe('standard input and terminal', async () => {
    const inputs = new Map<string, string>();
    for (const name of NAMES) inputs.set(name, (await factsOf('full', name)).get('input') ?? '');
    assert.match(inputs.get('main') ?? '', /^\/dev\/(?:pts\/\d+|console)$/);
    assert.match(inputs.get('side') ?? '', /^pipe:/);
    assert.match(inputs.get('setup') ?? '', /^pipe:/);
    assert.equal((await factsOf('bare', 'main')).get('input'), '/dev/null');
  });

  let server: ChildProcess | null = null;
  const asked: { at: number; kind: string; name: string; header: string | null; afterMs?: number }[] = [];
  const tell = (name: string, how: 'ok' | 'fail' | 'hang'): void => void server?.stdin?.write(`${name} ${how}\n`);
  const requestsOf = (kind: string, name: string) => asked.filter((one) => one.kind === kind && one.name === name);

  /** Probes of one container: what each asks is the container and its own name. */
  const asks = (name: string, [startup, readiness, liveness]: readonly [string, string, string]) => {
    const action = (how: string, probe: string): object => {
      const path = `${name}.${probe}`;
      const httpGet = { path: `/${path}`, httpHeaders: [{ name: 'X-Probe', value: path }] };
      if (how === 'http') return { httpGet: { ...httpGet, port: name.endsWith('0') ? 'web' : 8080 } };
      if (how === 'https') return { httpGet: { ...httpGet, port: 8443, scheme: 'HTTPS' } };
      if (how === 'grpc') return { grpc: { port: 9000, service: path } };
      if (how === 'tcp') return { tcpSocket: { port: { startup: 7001, readiness: 7002, liveness: 7003 }[probe] } };
      return { exec: { command: ['sh', '-c', `echo $(date +%s) >> /facts/${path}; ! [ -e /facts/fail.${path} ]`] } };
    };
    const times = { initialDelaySeconds: 1, periodSeconds: 1, timeoutSeconds: 2 };
    const grace = { terminationGracePeriodSeconds: 1 };
    return {
      startupProbe: { ...action(startup, 'startup'), ...times, ...grace, failureThreshold: 60 },
      readinessProbe: { ...action(readiness, 'readiness'), ...times, successThreshold: 2, failureThreshold: 2 },
      livenessProbe: { ...action(liveness, 'liveness'), ...times, ...grace, failureThreshold: 2 },
    };
  };
  const WAYS = [
    ['http', 'exec', 'tcp'],
    ['exec', 'tcp', 'http'],
    ['tcp', 'http', 'exec'],
    ['grpc', 'https', 'grpc'],
    ['https', 'grpc', 'https'],
  ] as const;
  /** Sidecars begin one after the other: two of them here, all in a soak. */
  const indexesOf = (role: string): number[] =>
    WAYS.flatMap((_, index) => (role === 'a' || SOAK || index % 4 === 0 ? [index] : []));
  const probed = (role: string, index: number) => ({
    name: `${role}${index}`,
    image: IMAGE(),
    command: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'],
    volumeMounts: [FACTS],
    ...asks(`${role}${index}`, WAYS[index] ?? WAYS[0]),
    ...(index > 0
      ? {}
      : {
          ports: [
            { name: 'web', containerPort: 8080 },
            { name: 'same', containerPort: 5353, protocol: 'UDP' },
            { name: 'plain', containerPort: 5353, protocol: 'TCP' },
          ],
        }),
  });

  test('a server stands in the network of a pod whose containers are asked in every way', async () => {
    const wait = { name: 'wait', image: IMAGE(), volumeMounts: [FACTS] };
    apply({
      ...POD('asked', {
        terminationGracePeriodSeconds: 3600,
        initContainers: [
          { ...wait, command: ['sh', '-c', 'until [ -e /facts/go ]; do sleep 0.1; done'] },
          ...indexesOf('b').map((index) => ({ ...probed('b', index), restartPolicy: 'Always' })),
        ],
        containers: WAYS.map((_, index) => probed('a', index)),
        volumes: [{ name: 'facts', emptyDir: {} }],
      }),
    });
    await until('its network', () => containerOf('asked', 'wait')?.state === 'running');
    const pid = containerOf('asked', 'wait')?.pid ?? 0;
    const authority = createAuthority({ name: 'fields', clock: systemClock });
    const { certificatePem, privateKeyPem } = issueServerCertificate(authority, { names: ['pod'], addresses: [] });
    const [certificate, key] = [join(ground.folder, 'pod.pem'), join(ground.folder, 'pod.key')];
    await writeFile(certificate, certificatePem);
    await writeFile(key, privateKeyPem, { mode: 0o600 });
    const program = join(import.meta.dirname, 'fields-server.ts');
    const words = [
      `--net=/proc/${pid}/ns/net`,
      '--',
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      program,
    ];
    server = spawn('nsenter', [...words, certificate, key], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (server.stdout === null) throw new Error('no output');
    createInterface({ input: server.stdout }).on('line', (line) => asked.push(JSON.parse(line)));
    await until('the server listens', () => asked.some(({ kind }) => kind === 'listening'));
    await writeFile(join(await scratchOf('asked', 'facts'), 'go'), '');
    await reaches('asked', 'available');
  });
  after(() => void server?.kill('SIGKILL'));

  observe('what probes ask', async () => {
    const facts = await scratchOf('asked', 'facts');
    for (const role of ['a', 'b'])
      for (const index of indexesOf(role))
        for (const [at, probe] of (['startup', 'readiness', 'liveness'] as const).entries()) {
          const name = `${role}${index}.${probe}`;
          const how = WAYS[index]?.[at];
          if (how === 'exec') await until(name, () => existsSync(join(facts, name)));
          else if (how === 'tcp') await until(name, () => requestsOf('tcp', String(7001 + at)).length > 0);
          else if (how === 'grpc') await until(name, () => requestsOf('grpc', name).length > 0);
          else
            await until(name, () => requestsOf(how?.toUpperCase() ?? '', name).some(({ header }) => header === name));
        }
  });

  observe('ports', async () => {
    // The probes of the first containers were asked at the port that has that name, in either role.
    for (const role of ['a', 'b']) assert.ok(requestsOf('HTTP', `${role}0.startup`).length > 0);
    apply({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'asked' } },
      spec: {
        selector: { app: 'asked' },
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'same' },
          { name: 'web', port: 80, targetPort: 'web' },
        ],
      },
    } as { kind: string; metadata: { name: string } });
    assert.throws(() => {
      const clash = probed('a', 0);
      apply(
        POD('clash', { containers: [clash, { ...clash, name: 'twin' }], volumes: [{ name: 'facts', emptyDir: {} }] }),
      );
    });
    manifests.delete('Deployment clash');
    apply();
  });

  observe('when probes ask', async () => {
    const facts = await scratchOf('asked', 'facts');
    for (const role of ['a', 'b'])
      for (const index of indexesOf(role)) {
        const name = `${role}${index}`;
        const { id = '' } = containerOf('asked', name) ?? {};
        const observed = (await ground.engine.list())
          .flatMap(({ containers }) => containers)
          .find((one) => one.id === id);
        const startedAt = observed?.startedAtMs ?? 0;
        for (const [at, probe] of PROBES.entries()) {
          const how = WAYS[index]?.[at];
          if (how === 'tcp') continue;
          const path = `${name}.${probe.replace('Probe', '')}`;
          const times =
            how === 'exec'
              ? (await readFile(join(facts, path), 'utf8'))
                  .trim()
                  .split('\n')
                  .map((line) => Number(line) * 1000)
              : requestsOf(how === 'grpc' ? 'grpc' : (how?.toUpperCase() ?? ''), path).map((one) => one.at);
          // Lists tell whole seconds of a start, and so does date: a second more or less.
          assert.ok(
            (times[0] ?? 0) >= startedAt + 1_000 - (how === 'exec' ? 1_000 : 0),
            `${path} began ${times[0]}, container ${startedAt}`,
          );
          if (probe === 'readinessProbe') assert.ok(times.length >= 2, `${path}: ready after two successes`);
          const gaps = times.slice(1).map((time, place) => time - (times[place] ?? 0));
          if (how !== 'exec') for (const gap of gaps) assert.ok(gap >= 900, `${path} was asked after ${gap} ms`);
        }
      }
  });

  observe('what failing probes do', async () => {
    const facts = await scratchOf('asked', 'facts');
    const attemptOf = (name: string): number => containerOf('asked', name)?.attempt ?? -1;
    const ready = () => session.status.get('asked')?.ready ?? 0;
    // Readiness: two failures in a row, of which each is given up after its time; nothing is started anew.
    for (const [name, kind] of [
      ['a2.readiness', 'HTTP'] as const,
      ...(SOAK ? [['b3.readiness', 'HTTPS'] as const] : []),
    ]) {
      const before = requestsOf(kind, name).length;
      tell(name, 'hang');
      await until(`${name} takes the pod out`, () => ready() === 0);
      await until(`${name} is given up`, () => requestsOf('gave-up', name).length >= 2);
      assert.ok(requestsOf(kind, name).length >= before + 2, `${name}: not before two failures`);
      for (const { afterMs = 0 } of requestsOf('gave-up', name))
        assert.ok(afterMs >= 1_900, `${name} given up after ${afterMs} ms`);
      tell(name, 'ok');
      await until(`${name} brings it back`, () => ready() === 1);
    }
    assert.equal(attemptOf('a2'), 0);
    // Liveness: two failures, then an end with the grace of the probe; with that of the pod it would take an hour.
    for (const [name, kind] of [
      ['a1', 'HTTP'] as const,
      ['b4', 'HTTPS'] as const,
      ...(SOAK ? [['a3', 'grpc'] as const] : []),
    ]) {
      const begin = requestsOf(kind, `${name}.liveness`).length;
      tell(`${name}.liveness`, 'fail');
      await until(`${name} is started anew`, () => attemptOf(name) > 0);
      assert.ok(requestsOf(kind, `${name}.liveness`).length >= begin + 2, `${name}: not before two failures`);
      tell(`${name}.liveness`, 'ok');
    }
    // A startup probe that goes on failing ends what it is asked about, as often as it may fail.
    const slow = (name: string, role: object) => ({
      ...{
        name,
        image: IMAGE(),
        command: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'],
        volumeMounts: [FACTS],
      },
      startupProbe: {
        exec: { command: ['sh', '-c', `echo x >> /facts/${name}; sleep 30`] },
        ...{ periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2, terminationGracePeriodSeconds: 1 },
      },
      ...role,
    });
    apply(
      POD('slow', {
        terminationGracePeriodSeconds: 3600,
        initContainers: [slow('side', { restartPolicy: 'Always' })],
        containers: [{ name: 'main', image: IMAGE(), command: ['sh', '-c', IDLE] }],
        volumes: [{ name: 'facts', emptyDir: {} }],
      }),
      POD('slower', {
        terminationGracePeriodSeconds: 3600,
        containers: [slow('main', {})],
        volumes: [{ name: 'facts', emptyDir: {} }],
      }),
    );
    for (const [pod, name] of [
      ['slow', 'side'],
      ['slower', 'main'],
    ] as const) {
      await until(`${pod} is started anew`, () => (containerOf(pod, name)?.attempt ?? 0) > 0);
      const tries = (await readFile(join(await scratchOf(pod, 'facts'), name), 'utf8')).trim().split('\n').length;
      assert.ok(tries >= 2, `${pod}: ${tries} tries`);
    }
    assert.deepEqual(
      (await readdir(facts)).filter((name) => name.startsWith('fail.')),
      [],
    );
    for (const name of ['slow', 'slower']) manifests.delete(`Deployment ${name}`);
    apply();
  });

  observe('hooks', async () => {
    const hooked = (name: string, kind: 'exec' | 'http' | 'sleep' | 'signal') => {
      const get = (when: string) => ({
        httpGet: {
          path: `/${name}.${when}`,
          port: 8080,
          scheme: 'HTTP',
          httpHeaders: [{ name: 'X-Probe', value: `${name}.${when}` }],
        },
      });
      const write = (when: string) => ({ exec: { command: ['sh', '-c', `date +%s > /claim/${name}.${when}`] } });
      const lifecycle = {
        exec: { postStart: write('begun'), preStop: write('ended') },
        http: { postStart: get('begun'), preStop: get('ended') },
        sleep: { postStart: { sleep: { seconds: 2 } }, preStop: { sleep: { seconds: 2 } } },
        signal: { stopSignal: 'SIGUSR1' },
      }[kind];
      const script = [
        `date +%s > /claim/${name}.start`,
        `trap "echo usr1 > /claim/${name}.signal; date +%s > /claim/${name}.end; exit 0" USR1`,
        `trap "echo term > /claim/${name}.signal; date +%s > /claim/${name}.end; exit 0" TERM`,
        'while :; do sleep 0.1; done',
      ].join('\n');
      return {
        ...{ name, image: IMAGE(), command: ['sh', '-c', script], lifecycle },
        volumeMounts: [FACTS, { name: 'claim', mountPath: '/claim' }],
      };
    };
    const kinds = ['exec', 'http', 'sleep', 'signal'] as const;
    const deaf = {
      ...{ name: 'deaf', image: IMAGE(), volumeMounts: [{ name: 'claim', mountPath: '/claim' }] },
      command: [
        'sh',
        '-c',
        'trap "date +%s > /claim/deaf.term" TERM; while :; do date +%s > /claim/deaf.last; sleep 0.1; done',
      ],
    };
    const web = {
      ...{ name: 'web', image: IMAGE(), volumeMounts: [FACTS], restartPolicy: 'Always' },
      command: ['sh', '-c', 'until [ -e /facts/go ]; do sleep 0.1; done; while :; do sleep 1; done'],
      startupProbe: { exec: { command: ['test', '-e', '/facts/go'] }, periodSeconds: 1, failureThreshold: 600 },
    };
    apply(
      POD('hooks', {
        terminationGracePeriodSeconds: 4,
        initContainers: [web, ...kinds.map((kind) => ({ ...hooked(`side-${kind}`, kind), restartPolicy: 'Always' }))],
        containers: [...kinds.map((kind) => hooked(`main-${kind}`, kind)), deaf],
        volumes: [
          { name: 'facts', emptyDir: {} },
          { name: 'claim', persistentVolumeClaim: { claimName: 'given' } },
        ],
      }),
    );
    await until('its network', () => containerOf('hooks', 'web')?.state === 'running');
    const pid = containerOf('hooks', 'web')?.pid ?? 0;
    const seen: { name: string; header: string | null; kind: string }[] = [];
    const words = [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '--disable-warning=ExperimentalWarning'];
    const pair = [join(ground.folder, 'pod.pem'), join(ground.folder, 'pod.key')];
    const own = spawn('nsenter', [...words, join(import.meta.dirname, 'fields-server.ts'), ...pair], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      createInterface({ input: own.stdout }).on('line', (line) => seen.push(JSON.parse(line)));
      await until('the server listens', () => seen.some(({ kind }) => kind === 'listening'));
      await writeFile(join(await scratchOf('hooks', 'facts'), 'go'), '');
      await reaches('hooks', 'available');
      const claim = await claimOf('given');
      const time = async (name: string): Promise<number> => Number(await readFile(join(claim, name), 'utf8'));
      for (const role of ['main', 'side']) {
        assert.ok((await time(`${role}-exec.begun`)) >= (await time(`${role}-exec.start`)), role);
        assert.ok(
          seen.some(({ name, header }) => name === `${role}-http.begun` && header === name),
          role,
        );
      }
      // A sidecar begins when the hook of the one before is done.
      assert.ok((await time('side-signal.start')) - (await time('side-sleep.start')) >= 2);
      manifests.delete('Deployment hooks');
      const begin = Math.floor(Date.now() / 1000);
      apply();
      await until('it is gone', async () => !(await ground.engine.list()).some(({ name }) => name.includes('-hooks-')));
      for (const role of ['main', 'side']) {
        assert.ok((await time(`${role}-exec.ended`)) >= begin, role);
        assert.ok(
          seen.some(({ name, header }) => name === `${role}-http.ended` && header === name),
          role,
        );
        assert.ok((await time(`${role}-sleep.end`)) - begin >= 2, `${role}: two seconds before its end`);
        assert.equal((await readFile(join(claim, `${role}-signal.signal`), 'utf8')).trim(), 'usr1', role);
        assert.equal((await readFile(join(claim, `${role}-exec.signal`), 'utf8')).trim(), 'term', role);
      }
      assert.ok((await time('deaf.last')) - (await time('deaf.term')) >= 2, 'who does not end has the whole grace');
    } finally {
      own.kill('SIGKILL');
    }
  });

  observe('init containers and sidecars', async () => {
    const setup = containerOf('full', 'setup');
    assert.equal(setup?.state, 'exited', 'it is waited for');
    assert.equal(containerOf('full', 'side')?.state, 'running', 'it stays beside the others');
  });

  observe('what a pod says for its containers', async () => {
    const claim = await claimOf('data');
    const own = (name: string, spec: object) =>
      POD(name, {
        containers: [
          {
            ...{ name: 'main', image: IMAGE(), command: ['sh', '-c', `ME=main\n${TELL}\n${IDLE}`] },
            volumeMounts: [FACTS, { name: 'data', mountPath: '/data' }],
          },
          { name: 'twin', image: IMAGE(), command: ['sh', '-c', IDLE] },
        ],
        volumes: [
          { name: 'facts', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
          { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
        ],
        ...spec,
      });
    const securityContext = {
      ...{ runAsUser: 3333, runAsGroup: 3334, runAsNonRoot: true, supplementalGroups: [5555], fsGroup: 4444 },
      seccompProfile: { type: 'RuntimeDefault' },
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '81' }],
    };
    await writeFile(join(claim, 'kept'), '');
    apply(own('always', { securityContext: { ...securityContext, fsGroupChangePolicy: 'Always' } }));
    await reaches('always', 'available');
    const facts = await factsOf('always', 'main');
    assert.deepEqual([facts.get('uid'), facts.get('gid'), facts.get('Seccomp')], ['3333', '3334', '2']);
    assert.deepEqual((facts.get('groups') ?? '').split(' ').sort(), ['3334', '4444', '5555']);
    const port = await ground.engine.exec(
      containerOf('always', 'main')?.id ?? '',
      ['sh', '-c', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; touch /data/mine && stat -c %g /data/mine'],
      60_000,
      AbortSignal.timeout(60_000),
    );
    assert.equal(port.output, '81\n4444\n', 'files that it makes in the volume are of the group');
    const group = async (): Promise<number> => (await stat(join(claim, 'kept'))).gid;
    assert.equal(await group(), 4444);
    await chown(join(claim, 'kept'), 0, 0);
    manifests.delete('Deployment always');
    apply(own('mismatch', { securityContext: { ...securityContext, fsGroupChangePolicy: 'OnRootMismatch' } }));
    await reaches('mismatch', 'available');
    assert.equal(await group(), 0, 'the folder is of the group already, so nothing in it is looked at');
    manifests.delete('Deployment mismatch');
    apply();
  });

  observe('names of a pod', async () => {
    const script = `ME=main\n${TELL}\n${IDLE}`;
    apply(
      POD('named', {
        hostname: 'caller',
        hostAliases: [{ ip: '192.0.2.7', hostnames: ['legacy.example', 'old.example'] }],
        dnsConfig: {
          ...{ nameservers: ['192.0.2.53'], searches: ['shop.example'] },
          options: [{ name: 'ndots', value: '3' }, { name: 'rotate' }],
        },
        shareProcessNamespace: true,
        containers: [
          { name: 'main', image: IMAGE(), command: ['sh', '-c', script], volumeMounts: [FACTS] },
          { name: 'twin', image: IMAGE(), command: ['sh', '-c', `: the-other-one; ${IDLE}`] },
        ],
        volumes: [{ name: 'facts', emptyDir: {} }],
      }),
    );
    await reaches('named', 'available');
    assert.equal((await factsOf('named', 'main')).get('host'), 'caller');
    const read = async (name: string, look: string): Promise<string> => {
      const id = containerOf(name, 'main')?.id ?? '';
      return (await ground.engine.exec(id, ['sh', '-c', look], 60_000, AbortSignal.timeout(60_000))).output;
    };
    const files = await read('named', 'cat /etc/hosts /etc/resolv.conf');
    assert.match(files, /^192\.0\.2\.7\s+legacy\.example\s+old\.example$/m);
    assert.match(files, /^nameserver 192\.0\.2\.53$/m);
    assert.match(files, /^search shop\.example$/m);
    assert.match(files, /^options .*ndots:3.*rotate|^options .*rotate.*ndots:3/m);
    assert.doesNotMatch(await read('bare', 'cat /etc/hosts /etc/resolv.conf'), /192\.0\.2|shop\.example|ndots/);
    const processes = 'cat /proc/[0-9]*/cmdline | tr "\\0" " "';
    assert.match(await read('named', processes), /the-other-one/);
    manifests.delete('Deployment named');
    apply();
  });

  observe('what runs to its end', async () => {
    const once = (name: string, spec: object, script: string) => ({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
      spec: {
        containers: [{ name: 'main', image: IMAGE(), command: ['sh', '-c', script], volumeMounts: [FACTS] }],
        volumes: [{ name: 'facts', emptyDir: {} }],
        ...spec,
      },
    });
    const tries = 'echo x >> /facts/tries; [ $(wc -l < /facts/tries) -ge 2 ]';
    apply(
      once('never', { restartPolicy: 'Never' }, tries),
      once('on-failure', { restartPolicy: 'OnFailure' }, tries),
      once(
        'always-pod',
        { restartPolicy: 'Always' },
        'echo x >> /facts/tries; [ $(wc -l < /facts/tries) -ge 2 ] && sleep 3600',
      ),
      once('late', { restartPolicy: 'Never', activeDeadlineSeconds: 2 }, 'sleep 3600'),
    );
    await reaches('never', 'failed');
    await reaches('on-failure', 'completed');
    await until('always-pod runs again', () => (containerOf('always-pod', 'main')?.attempt ?? 0) > 0);
    await reaches('late', 'failed');
    assert.match(session.status.get('late')?.conditions[0]?.text.en ?? '', /2 s|deadline/i);
    for (const name of ['never', 'on-failure', 'always-pod', 'late']) manifests.delete(`Pod ${name}`);
    apply();
  });

  observe('profiles that this host has not', async () => {
    const { securityModules = [] } = await ground.engine.facts();
    const plain = { name: 'main', image: IMAGE(), command: ['sh', '-c', IDLE] };
    const armour = { appArmorProfile: { type: 'Localhost', localhostProfile: 'darsena-none' } };
    const label = { seLinuxOptions: { user: 'system_u', role: 'system_r', type: 'container_t', level: 's0:c1,c2' } };
    const cases = (
      [
        ['armour', 'apparmor', armour, /AppArmor/],
        ['label', 'selinux', label, /SELinux/],
      ] as const
    ).flatMap(([name, module, securityContext, said]) => {
      if (securityModules.includes(module)) return [];
      const side = { ...plain, name: 'side', restartPolicy: 'Always', securityContext };
      return [
        { said, manifest: POD(`${name}-main`, { containers: [{ ...plain, securityContext }] }) },
        { said, manifest: POD(`${name}-side`, { initContainers: [side], containers: [plain] }) },
        { said, manifest: POD(`${name}-pod`, { securityContext, containers: [plain] }) },
      ];
    });
    apply(...cases.map(({ manifest }) => manifest));
    for (const { manifest, said } of cases) {
      const { name } = manifest.metadata;
      await until(
        `${name} is not started, and says what its host lacks`,
        () => session.status.get(name)?.conditions.some(({ text }) => said.test(text.en)) === true,
      );
      manifests.delete(`Deployment ${name}`);
    }
    apply();
  });

  test('all of it was observed', () => {
    assert.deepEqual([...done].sort(), Object.keys(OBSERVED).sort());
  });
});
