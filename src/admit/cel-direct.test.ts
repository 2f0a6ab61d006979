import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../system/index.ts';
import { UNSURE } from './cel-direct.ts';
import { type PodTemplate, toDirectPod, toPodValues } from './document.ts';
import { compileCondition, compileSubjects } from './expression.ts';
import { PRESETS_FOLDER, readPolicies } from './presets.ts';

/** Numbers from a seed, the same in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NAMES = [
  ...['securityContext', 'privileged', 'capabilities', 'add', 'drop', 'runAsUser', 'runAsNonRoot', 'seccompProfile'],
  ...['type', 'ports', 'hostPort', 'containerPort', 'image', 'name', 'hostNetwork', 'hostPID', 'hostUsers', 'volumes'],
  ...[
    'hostPath',
    'emptyDir',
    'annotations',
    'labels',
    'app',
    'lifecycle',
    'preStop',
    'httpGet',
    'host',
    'os',
    'sysctls',
  ],
  ...[
    'seLinuxOptions',
    'user',
    'role',
    'procMount',
    'appArmorProfile',
    'allowPrivilegeEscalation',
    'resources',
    'limits',
  ],
  ...['container.apparmor.security.beta.kubernetes.io/a', 'seccomp.security.alpha.kubernetes.io/pod', '1', '__proto__'],
  ...['constructor', 'livenessProbe', 'tcpSocket', 'initContainers', 'readOnlyRootFilesystem', 'cpu', 'memory'],
];
const LEAVES: readonly Json[] = [
  ...[null, true, false, 0, 1, -1, 65_534, 2 ** 53, 0.5, '', 'ALL', 'all', 'NET_RAW', 'NET_BIND_SERVICE', 'root'],
  ...[
    'RuntimeDefault',
    'Localhost',
    'Unconfined',
    'Default',
    'localhost/x',
    'windows',
    'nginx:latest',
    'kernel.msgmax',
  ],
];

/** Something that could stand in a manifest, mostly of the type that the name wants and sometimes of another. */
function anything(pick: (below: number) => number, depth: number): Json {
  const kind = pick(10);
  if (depth <= 0 || kind < 4) return LEAVES[pick(LEAVES.length)] ?? null;
  if (kind < 6) return Array.from({ length: pick(3) }, () => anything(pick, depth - 1));
  const entries = Array.from({ length: pick(5) }, (): [string, Json] => [
    NAMES[pick(NAMES.length)] ?? '',
    anything(pick, depth - 1),
  ]);
  return Object.fromEntries(entries);
}

/** What is usual, with parts of it replaced, removed or added. */
function aPod(pick: (below: number) => number): PodTemplate {
  const context = (): Json => ({
    ...{ runAsNonRoot: pick(2) === 0, runAsUser: pick(3) * 1000, allowPrivilegeEscalation: pick(2) === 0 },
    capabilities: { drop: [['ALL'], ['all'], [], ['NET_RAW', 'ALL']][pick(4)] ?? [], add: pick(2) ? ['CHOWN'] : [] },
    seccompProfile: { type: ['RuntimeDefault', 'Unconfined', 'Localhost'][pick(3)] ?? '' },
  });
  const container = (): Json => ({
    ...{ name: `c${pick(3)}`, image: ['a/b:1', 'tiller', 'docker.io/x', 'x:latest'][pick(4)] ?? '' },
    ...(pick(2) ? { securityContext: context() } : {}),
    ...(pick(2) ? { ports: [{ containerPort: 80, hostPort: pick(2) * 80 }] } : {}),
    ...(pick(3) ? {} : { readinessProbe: { httpGet: { host: pick(2) ? 'x' : '', port: 1 } } }),
  });
  const spec: Json = {
    containers: [container(), ...(pick(2) ? [container()] : [])],
    ...(pick(2) ? { initContainers: [container()] } : {}),
    ...(pick(2) ? { securityContext: context() } : {}),
    ...(pick(2) ? { volumes: [{ name: 'v', [pick(2) ? 'hostPath' : 'emptyDir']: {} }] } : {}),
    ...(pick(3) ? {} : { hostNetwork: pick(2) === 0, hostUsers: pick(2) === 0, os: { name: 'windows' } }),
  };
  const metadata: Json =
    pick(4) === 0 ? null : { labels: { app: 'x' }, annotations: { [NAMES[pick(NAMES.length)] ?? '']: 'localhost/x' } };
  const pod = { metadata, spec };
  for (let changes = pick(4); changes > 0; changes -= 1) {
    let node: Json = pick(8) === 0 ? metadata : spec;
    for (let down = pick(4); down > 0; down -= 1) {
      const inside: Exclude<Json, string | number | boolean | null>[] = (
        Array.isArray(node) ? node : Object.values(node ?? {})
      ).filter(
        (one): one is Exclude<Json, string | number | boolean | null> => typeof one === 'object' && one !== null,
      );
      node = inside[pick(Math.max(1, inside.length))] ?? node;
    }
    if (Array.isArray(node)) node.push(anything(pick, 2));
    else if (typeof node === 'object' && node !== null) {
      const names = Object.keys(node);
      const name = pick(2) === 0 && names.length > 0 ? names[pick(names.length)] : NAMES[pick(NAMES.length)];
      Object.defineProperty(node, name ?? '', {
        ...{ value: anything(pick, 2), enumerable: true, configurable: true, writable: true },
      });
    }
  }
  return pod;
}

/** What one of the two ways says of a pod. */
function said(ask: () => unknown): string {
  try {
    return JSON.stringify(ask());
  } catch (error) {
    return error === UNSURE ? 'unsure' : 'error';
  }
}

test('every rule about pods says of a pod as it was written what the library says of it, or that it is not sure', async () => {
  const policies = await readPolicies(PRESETS_FOLDER);
  const rules = policies.flatMap(({ name, template }) =>
    template.flatMap((rule) =>
      rule.direct === undefined ? [] : [{ name: `${name}/${rule.id}`, rule, ...rule.direct }],
    ),
  );
  assert.ok(rules.length > 100, `${rules.length} rules are read directly`);
  const pick = random(7);
  const counts = { same: 0, unsure: 0, against: 0 };
  for (let round = 0; round < 3_000; round += 1) {
    const pod = aPod(pick);
    let from: ReturnType<typeof toDirectPod>;
    try {
      from = toDirectPod(pod);
    } catch (error) {
      assert.throws(() => toPodValues(pod), { message: (error as Error).message });
      continue;
    }
    const values = { ...toPodValues(pod) };
    const start = pick(rules.length);
    for (const { name, rule, match, evaluate } of [...rules, ...rules].slice(start, start + 25)) {
      for (const [direct, library] of [
        [match === null ? null : () => match(from), () => rule.match?.(values)],
        [() => evaluate(from), () => rule.evaluate(values)],
      ] as const) {
        if (direct === null) continue;
        const ours = said(direct);
        if (ours === 'unsure') counts.unsure += 1;
        else assert.equal(ours, said(library), `${name} of ${JSON.stringify(pod)}`);
        if (ours !== 'unsure') counts.same += 1;
        if (ours !== '[]' && ours !== 'true' && ours !== 'false' && ours !== 'unsure') counts.against += 1;
      }
    }
  }
  assert.ok(counts.same > 20_000 && counts.against > 2_000 && counts.unsure < counts.same / 10, JSON.stringify(counts));
});

test('what is not plain is left to the library: other types, numbers that are no integers, members of no object, too many members', () => {
  const metadata: Json = { labels: { a: 'x' } };
  const spec: Json = { containers: [{ name: 'a', n: 1.5, big: 2 ** 60, l: [1, 'a'], t: 'x' }] };
  const from = toDirectPod({ metadata, spec });
  const ask = (text: string): string => {
    const compiled = text.startsWith('[') || text.includes('.filter') ? compileSubjects(text) : compileCondition(text);
    assert.ok(compiled.ok, text);
    const { direct } = compiled;
    return direct === null ? 'library' : said(() => direct(from));
  };
  const one = 'containers.exists(c, ';
  assert.equal(ask(`${one}c.n == 1)`), 'unsure');
  assert.equal(ask(`${one}c.big > 1)`), 'unsure');
  assert.equal(ask(`${one}c.t == 1)`), 'unsure');
  assert.equal(ask(`${one}c.missing == 'x')`), 'unsure');
  assert.equal(ask(`${one}c.t.?inner.hasValue())`), 'unsure');
  assert.equal(ask(`${one}c.l.exists(x, x == 'a'))`), 'unsure');
  assert.equal(ask(`${one}'a' in c.l)`), 'unsure');
  assert.equal(ask(`${one}c.t)`), 'unsure');
  assert.equal(ask(`${one}c.t == 'x' || c.missing == 'x')`), 'true');
  assert.equal(ask(`${one}c.?missing.?deeper.hasValue())`), 'false');
  assert.equal(ask(`${one}has(c.t) && !has(c.constructor))`), 'true');
  assert.equal(ask(`${one}c.t.matches('x'))`), 'library');
  assert.equal(ask('pod.metadata.labels.exists(k, pod.metadata.labels[k] == params.x)'), 'library');
  const wide: Json = { containers: [{ name: 'a', l: Array.from({ length: 400 }, () => 'x') }] };
  const compiled = compileCondition('containers.exists(c, c.l.exists(a, c.l.exists(b, a != b)))');
  assert.equal(compiled.ok, false, 'three levels are too many in any case');
  const two = compileCondition('pod.spec.containers[0].l.exists(a, a != a)');
  assert.ok(two.ok);
  assert.equal(
    said(() => two.direct?.(toDirectPod({ metadata, spec: wide }))),
    'unsure',
    'lists are not asked by number',
  );
});
