import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../system/index.ts';
import { hashPodSpec, type PodSpec, type WantedState } from '../../model.ts';
import { WANTED_REPLICAS_MAX, WANTED_TEXT_MAX } from './limits.ts';
import { containerOrder } from './orders.ts';
import { checkComposition, parseWantedState } from './wanted-reader.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const content = `sha256:${'c'.repeat(64)}`;

const POD: PodSpec = {
  labels: { app: 'web', 'app.kubernetes.io/name': 'web' },
  annotations: { 'example.org/note': 'two\nlines' },
  initContainers: [],
  containers: [
    {
      name: 'web',
      image: `registry.darsena.internal/tienda/web@${digest}`,
      command: ['sh', '-c'],
      args: ['sleep 1'],
      workingDir: '/srv',
      env: [
        { name: 'A', source: { kind: 'value', value: 'x\ny' } },
        { name: 'B', source: { kind: 'content', content, key: 'some.key' } },
        { name: 'C', source: { kind: 'field', path: 'metadata.name' } },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      resources: { cpuLimitMillis: 500, cpuRequestMillis: null, memoryLimitBytes: 1 << 27, memoryRequestBytes: null },
      mounts: [{ volume: 'settings', path: '/etc/settings', readOnly: true }],
      startupProbe: null,
      readinessProbe: {
        action: {
          kind: 'http',
          port: 8080,
          path: '/ready?x=1',
          scheme: 'HTTP',
          headers: [{ name: 'Host', value: 'a' }],
        },
        initialDelaySeconds: 0,
        periodSeconds: 1,
        timeoutSeconds: 1,
        successThreshold: 1,
        failureThreshold: 3,
      },
      livenessProbe: null,
      security: {
        runAsUser: null,
        runAsGroup: null,
        runAsNonRoot: true,
        readOnlyRootFilesystem: false,
        allowPrivilegeEscalation: false,
        capabilitiesAdd: ['NET_BIND_SERVICE'],
        capabilitiesDrop: ['ALL'],
      },
    },
  ],
  volumes: [
    { kind: 'content', name: 'settings', content, files: [{ key: 'some.key', path: 'sub/some.key', mode: 0o644 }] },
    { kind: 'scratch', name: 'tmp' },
    { kind: 'claim', name: 'data', claim: 'data', readOnly: false },
  ],
  terminationGraceSeconds: 30,
};

const GOOD: WantedState = {
  revision: 7,
  workloads: [
    {
      key: { project: 'tienda', environment: 'dev', name: 'web' },
      specHash: hashPodSpec(POD),
      pod: POD,
      generation: 3,
      replicas: 2,
      minReadySeconds: 0,
      strategy: { kind: 'rolling', maxSurge: '25%', maxUnavailable: 0 },
      progressDeadlineSeconds: 600,
      previous: {
        specHash: hashPodSpec({ ...POD, terminationGraceSeconds: 1 }),
        pod: { ...POD, terminationGraceSeconds: 1 },
      },
    },
  ],
  services: [
    {
      project: 'tienda',
      environment: 'dev',
      name: 'web',
      selector: { app: 'web' },
      ports: [{ name: null, port: 80, targetPort: 'http', protocol: 'TCP' }],
    },
  ],
  routes: [
    {
      project: 'tienda',
      environment: 'dev',
      ingress: 'web',
      host: 'shop.example',
      path: '/',
      pathType: 'Prefix',
      service: 'web',
      servicePort: 80,
    },
  ],
  volumes: [
    { project: 'tienda', environment: 'dev', claim: 'data', accessModes: ['ReadWriteOnce'], requestedBytes: 1024 },
  ],
  policies: [
    {
      project: 'tienda',
      environment: 'dev',
      name: 'api',
      selector: { matchLabels: { app: 'api' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['back'] }] },
      ingress: [
        {
          peers: [
            { kind: 'pods', pods: { matchLabels: {}, matchExpressions: [] }, namespaces: null },
            { kind: 'block', cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] },
          ],
          ports: [{ protocol: 'TCP', port: 'http', endPort: null }],
        },
      ],
      egress: [{ peers: [{ kind: 'name', pattern: '*.debian.org' }], ports: [] }],
    },
  ],
  contents: { [content]: { kind: 'secret', name: 'settings', data: { 'some.key': 'eA==' } } },
};

type Path = readonly (string | number)[];

/** A copy with another value at a path; the hashes of its specs made right again, as a signer that lies would. */
function withValue(path: Path, value: unknown): unknown {
  const copy = structuredClone(GOOD) as unknown as Record<string, unknown>;
  let at: Record<string | number, unknown> = copy;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  at[path.at(-1) ?? ''] = value;
  if (path[2] === 'pod' && path.length > 3) {
    const [workload] = copy['workloads'] as { specHash: string; pod: PodSpec }[];
    if (workload !== undefined) workload.specHash = hashAnything(workload.pod);
  }
  return copy;
}

/** Some of what is tried has no JSON and so no hash. */
function hashAnything(pod: PodSpec): string {
  try {
    return hashPodSpec(pod);
  } catch {
    return digest;
  }
}

function isRefused(value: unknown): boolean {
  try {
    parseWantedState(value);
    return false;
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'deploy.wanted-unreadable', String(error));
    return true;
  }
}

test('a wanted state passes whole, and through JSON', () => {
  assert.deepEqual(parseWantedState(GOOD), GOOD);
  assert.deepEqual(parseWantedState(JSON.parse(JSON.stringify(GOOD))), GOOD);
});

const container: Path = ['workloads', 0, 'pod', 'containers', 0];
const ATTACKS: readonly { readonly what: string; readonly path: Path; readonly value: unknown }[] = [
  { what: 'a project that climbs', path: ['workloads', 0, 'key', 'project'], value: '../../etc' },
  { what: 'a project with a slash', path: ['workloads', 0, 'key', 'project'], value: 'a/b' },
  { what: 'an environment with a line end', path: ['workloads', 0, 'key', 'environment'], value: 'dev\nx' },
  { what: 'a workload that ends a line', path: ['workloads', 0, 'key', 'name'], value: 'web\n' },
  { what: 'a name longer than a host name', path: ['workloads', 0, 'key', 'name'], value: 'a'.repeat(64) },
  { what: 'a hash that is a path', path: ['workloads', 0, 'specHash'], value: 'sha256:../../../x' },
  { what: 'a hash of something else', path: ['workloads', 0, 'specHash'], value: digest },
  { what: 'a previous spec under a wrong hash', path: ['workloads', 0, 'previous', 'specHash'], value: digest },
  { what: 'more replicas than any host has', path: ['workloads', 0, 'replicas'], value: WANTED_REPLICAS_MAX + 1 },
  { what: 'a fraction of a replica', path: ['workloads', 0, 'replicas'], value: 1.5 },
  { what: 'a negative generation', path: ['workloads', 0, 'generation'], value: -1 },
  { what: 'an allowance that is no percentage', path: ['workloads', 0, 'strategy', 'maxSurge'], value: '25%; rm' },
  { what: 'an unknown field', path: ['workloads', 0, 'privileged'], value: true },
  { what: 'an unknown field of a container', path: [...container, 'privileged'], value: true },
  { what: 'an image by tag', path: [...container, 'image'], value: 'tienda/web:latest' },
  { what: 'an image that is an option', path: [...container, 'image'], value: `--root@${digest}` },
  { what: 'a mount that climbs', path: [...container, 'mounts', 0, 'path'], value: '/etc/../..' },
  { what: 'a mount with a colon', path: [...container, 'mounts', 0, 'path'], value: '/etc:rw' },
  { what: 'a zero byte in a word', path: [...container, 'args', 0], value: 'a\0b' },
  {
    what: 'a word longer than the kernel takes',
    path: [...container, 'args', 0],
    value: 'a'.repeat(WANTED_TEXT_MAX + 1),
  },
  { what: 'a variable with an equals sign', path: [...container, 'env', 0, 'name'], value: 'LD_PRELOAD=/x' },
  { what: 'a key that climbs', path: [...container, 'env', 1, 'source', 'key'], value: '..' },
  { what: 'a port out of range', path: [...container, 'ports', 0, 'port'], value: 70_000 },
  { what: 'a capability in small letters', path: [...container, 'security', 'capabilitiesAdd', 0], value: 'sys_admin' },
  {
    what: 'a probe that splits a request',
    path: [...container, 'readinessProbe', 'action', 'path'],
    value: '/\r\nHost: x',
  },
  {
    what: 'a header that splits a request',
    path: [...container, 'readinessProbe', 'action', 'headers', 0, 'value'],
    value: 'a\r\nb: c',
  },
  { what: 'a probe that never pauses', path: [...container, 'readinessProbe', 'periodSeconds'], value: 0 },
  { what: 'a volume that climbs', path: ['workloads', 0, 'pod', 'volumes', 0, 'name'], value: '../../../root' },
  { what: 'a file that climbs', path: ['workloads', 0, 'pod', 'volumes', 0, 'files', 0, 'path'], value: 'a/../../b' },
  {
    what: 'a file from the root',
    path: ['workloads', 0, 'pod', 'volumes', 0, 'files', 0, 'path'],
    value: '/etc/shadow',
  },
  { what: 'a set-uid file', path: ['workloads', 0, 'pod', 'volumes', 0, 'files', 0, 'mode'], value: 0o4755 },
  { what: 'a claim that climbs', path: ['workloads', 0, 'pod', 'volumes', 2, 'claim'], value: '../x' },
  {
    what: 'a volume of the host',
    path: ['workloads', 0, 'pod', 'volumes', 1],
    value: { kind: 'host', name: 'x', path: '/' },
  },
  { what: 'a pod without containers', path: ['workloads', 0, 'pod', 'containers'], value: [] },
  {
    what: 'a service that is a line of hosts',
    path: ['services', 0, 'name'],
    value: 'web 10.0.0.1\n127.0.0.1 localhost',
  },
  { what: 'a host that ends its line of configuration', path: ['routes', 0, 'host'], value: 'a\n  stats socket /x' },
  { what: 'a route that ends its line of configuration', path: ['routes', 0, 'path'], value: '/\nuse_backend x' },
  { what: 'content that is not base64', path: ['contents', content, 'data', 'some.key'], value: '%%%' },
  { what: 'content under no hash', path: ['contents', '../x'], value: { kind: 'config', name: 'x', data: {} } },
  { what: 'contents that are a list', path: ['contents'], value: [] },
  { what: 'a workload twice', path: ['workloads', 1], value: GOOD.workloads[0] },
  { what: 'no services', path: ['services'], value: undefined },
];

for (const { what, path, value } of ATTACKS) {
  test(`${what} is refused`, () => assert.ok(isRefused(withValue(path, value))));
}

/** Every place in a value, the value itself left out. */
function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, one]) =>
    placesOf(one, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length === 0 ? inner : [path, ...inner];
}

/** Values that belong nowhere: each is the wrong type, out of every bound, or hostile wherever a name is wanted. */
const NOWHERE: readonly unknown[] = [
  undefined,
  { toString: 1 },
  [[[]]],
  Number.NaN,
  -1,
  1e300,
  '../..\0\n',
  '\u202ename',
  'x'.repeat(WANTED_TEXT_MAX + 1),
];
/** Where anything printable, or nothing, may stand. */
const FREE = /annotations|args|command|\.value$/;

test('nothing that belongs nowhere passes at any place, and a refusal is always a fault', () => {
  let tried = 0;
  for (const path of placesOf(GOOD)) {
    for (const value of NOWHERE) {
      if (typeof value === 'string' && value.length < 100 && FREE.test(path.join('.'))) continue;
      // What a host kept from an earlier version has no policies.
      if (value === undefined && path.join('.') === 'policies') continue;
      assert.ok(isRefused(withValue(path, value)), `${path.join('.')} = ${JSON.stringify(value)?.slice(0, 60)}`);
      tried++;
    }
  }
  assert.ok(tried > 500);
});

test('what is no object at all is refused', () => {
  for (const value of [null, undefined, 5, 'x', [], [GOOD], JSON.stringify(GOOD)]) assert.ok(isRefused(value));
});

test('a release that no host would follow is found out before it is written', () => {
  const { workloads, services, routes, volumes, contents } = GOOD;
  const composition = { workloads, services, routes, volumes, contents };
  checkComposition(composition);
  const [route] = routes;
  assert.ok(route);
  assert.throws(() => checkComposition({ ...composition, routes: [{ ...route, path: '/a\nb' }] }), {
    code: 'deploy.wanted-unreadable',
  });
});

test('a folder of the kernel to start in keeps one container from its start, and not a host from all that control wants (D3)', () => {
  const inFolder = (workingDir: string): PodSpec => ({
    ...POD,
    containers: POD.containers.map((one) => ({ ...one, workingDir, env: [], mounts: [] })),
  });
  const [workload] = GOOD.workloads;
  assert.ok(workload !== undefined);
  const pod = inFolder('/proc/self/fd/7');
  assert.doesNotThrow(() =>
    parseWantedState({ ...GOOD, workloads: [{ ...workload, pod, specHash: hashPodSpec(pod) }] }),
  );
  const orderIn = (workingDir: string): string | null => {
    const [container] = inFolder(workingDir).containers;
    assert.ok(container !== undefined);
    const identity = { key: workload.key, specHash: workload.specHash, replica: 0, generation: 1 };
    const attempt = { role: 'main', attempt: 0, failures: 0 } as const;
    return containerOrder('test', identity as never, POD, container, attempt, {} as never, () => '').workingDir;
  };
  assert.equal(orderIn('/srv'), '/srv');
  assert.equal(orderIn('/procs'), '/procs');
  for (const folder of ['/proc/self/fd/7', '/sys', '//dev/fd/7', '/./proc/1'])
    assert.throws(() => orderIn(folder), { code: 'engine.refused', message: /folder of the kernel/ }, folder);
});
