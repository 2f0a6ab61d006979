import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { readTar } from '../../formats/index.ts';
import { Fault, type Json } from '../../system/index.ts';
import { checkClaims } from '../claims.ts';
import { containerOrder, resolveEnv } from '../engines/local/orders.ts';
import { checkComposition, parseWantedState } from '../engines/local/wanted-reader.ts';
import type { WantedRoute } from '../model.ts';
import { checkDocument } from './check.ts';
import { formatPath } from './documents.ts';
import {
  applyOverlays,
  explainField,
  listFields,
  listUndecided,
  type ManifestProblem,
  mergePatch,
  parseQuantity,
  pinTranslation,
  readManifests,
  refuseProblems,
  reportManifest,
  saidBy,
  suggestField,
  type Translation,
  toOverlay,
  translateManifests,
} from './index.ts';

const OPTIONS = { project: 'shop', environment: 'dev', contentKey: null };

function translate(...texts: string[]): { translation: Translation | null; problems: ManifestProblem[] } {
  const read = readManifests(texts.map((text, index) => ({ path: `k8s/${index}.yaml`, text })));
  const { translation, problems } = translateManifests(read.documents, OPTIONS);
  return { translation, problems: [...read.problems, ...problems] };
}

const say = (problems: readonly ManifestProblem[]): string[] =>
  problems.map(({ line, column, kind, field }) => `${line}:${column} ${kind} ${field}`);

const SHOP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { tier: front } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  progressDeadlineSeconds: 30
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 5
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: RuntimeDefault } }
      initContainers:
        - { name: prepare, image: shop/web, command: [sh, -c, "echo hi"] }
      containers:
        - name: web
          image: shop/web
          args: ["--greeting", "$(GREETING)"]
          env:
            - { name: WHO, value: world }
            - { name: GREETING, value: "hello $(WHO) $$(WHO) $(NOBODY)" }
            - { name: TOKEN, valueFrom: { secretKeyRef: { name: keys, key: token } } }
            - { name: NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
          envFrom: [{ prefix: CFG_, configMapRef: { name: settings } }]
          ports: [{ name: http, containerPort: 8080 }]
          resources: { requests: { cpu: 50m, memory: 32Mi }, limits: { cpu: "0.5", memory: 64Mi } }
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 2 }
          livenessProbe: { exec: { command: ["true"] } }
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          volumeMounts:
            - { name: settings, mountPath: /etc/shop }
            - { name: data, mountPath: /data }
            - { name: tmp, mountPath: /tmp }
      volumes:
        - { name: settings, configMap: { name: settings, items: [{ key: color, path: theme/color, mode: 0444 }] } }
        - { name: data, persistentVolumeClaim: { claimName: data } }
        - { name: tmp, emptyDir: {} }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec:
  rules:
    - http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { color: blue }
---
apiVersion: v1
kind: Secret
metadata: { name: keys }
stringData: { token: s3cr3t }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
`;

test('translateManifests() turns a whole application into the model', () => {
  const { translation, problems } = translate(SHOP);
  assert.deepEqual(problems, []);
  assert.ok(translation);
  const [web] = translation.workloads;
  assert.equal(web?.replicas, 2);
  assert.deepEqual(web?.strategy, { kind: 'rolling', maxSurge: 1, maxUnavailable: 0 });
  assert.equal(web?.progressDeadlineSeconds, 30);
  const [main] = web?.pod.containers ?? [];
  assert.deepEqual(main?.resources, {
    cpuLimitMillis: 500,
    cpuRequestMillis: 50,
    memoryLimitBytes: 64 << 20,
    memoryRequestBytes: 32 << 20,
  });
  assert.deepEqual(main?.readinessProbe?.action, {
    kind: 'http',
    port: 8080,
    path: '/ready',
    scheme: 'HTTP',
    headers: [],
  });
  assert.equal(main?.readinessProbe?.failureThreshold, 3);
  assert.equal(main?.security.runAsUser, 1000);
  assert.equal(web?.pod.initContainers[0]?.security.runAsNonRoot, true);
  assert.deepEqual(web?.pod.volumes[0], {
    kind: 'content',
    name: 'settings',
    content: Object.entries(translation.contents).find(([, { name }]) => name === 'settings')?.[0],
    files: [{ key: 'color', path: 'theme/color', mode: 0o444 }],
  });
  assert.deepEqual(translation.routes, [
    {
      project: 'shop',
      environment: 'dev',
      ingress: 'web',
      host: null,
      path: '/',
      pathType: 'Prefix',
      service: 'web',
      servicePort: 'http',
    },
  ]);
  assert.equal(translation.volumes[0]?.requestedBytes, 2 ** 30);
});

test('the environment of a container is resolved as Kubernetes does it', () => {
  const { translation } = translate(SHOP);
  const web = translation?.workloads[0];
  const main = web?.pod.containers[0];
  assert.ok(translation && web && main);
  const env = resolveEnv(main, { key: web.key, specHash: web.specHash, slot: 0 }, web.pod, translation.contents);
  assert.deepEqual(env, {
    CFG_color: 'blue',
    WHO: 'world',
    GREETING: 'hello world $(WHO) $(NOBODY)',
    TOKEN: 's3cr3t',
    NAMESPACE: 'shop-dev',
  });
});

test('the spec hash follows images and contents, and not replicas', () => {
  const hash = (text: string): string => translate(text).translation?.workloads[0]?.specHash ?? 'none';
  assert.equal(hash(SHOP), hash(SHOP.replace('replicas: 2', 'replicas: 5')));
  assert.notEqual(hash(SHOP), hash(SHOP.replace('color: blue', 'color: red')));
  assert.notEqual(hash(SHOP), hash(SHOP.replace('s3cr3t', 'other')));
  const { translation } = translate(SHOP);
  assert.ok(translation);
  const pinned = pinTranslation(translation, new Map([['shop/web', 'shop/web@sha256:aa']]));
  assert.notEqual(pinned.workloads[0]?.specHash, hash(SHOP));
  assert.equal(pinned.workloads[0]?.pod.initContainers[0]?.image, 'shop/web@sha256:aa');
});

test('every problem of every file is told at once, each with its line, column and path', () => {
  const { translation, problems } = translate(
    SHOP.replace('replicas: 2', 'replicas: two')
      .replace('terminationGracePeriodSeconds: 5', 'hostNetwork: true')
      .replace('claimName: data', 'claimName: date')
      .replace('periodSeconds: 2', 'periodSecond: 2'),
    'kind: Deploymint\nmetadata: { name: x }\n',
    'apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: { name: y }\n',
    'apiVersion: v1\nkind: [\n',
  );
  assert.equal(translation, null);
  assert.deepEqual(say(problems), [
    '3:1 syntax ',
    '6:3 wrong-value spec.replicas',
    '13:7 refused spec.template.spec.hostNetwork',
    '29:68 unknown-field spec.template.spec.containers[0].readinessProbe.periodSecond',
    '1:1 unknown-kind kind',
    '2:1 refused kind',
  ]);
  assert.match(problems[3]?.text.en ?? '', /periodSeconds is near/);
  assert.match(problems[4]?.text.es ?? '', /Deployment se parece/);
  assert.throws(
    () => refuseProblems(problems),
    (error) => error instanceof Fault && error.code === 'manifest.invalid' && (error.details as Json[]).length === 6,
  );
});

test('references that lead nowhere are told with what is near', () => {
  const { problems } = translate(
    SHOP.replace('claimName: data', 'claimName: dato')
      .replace('terminationGracePeriodSeconds: 5', 'hostNetwork: true')
      .replace('key: token', 'key: tokens')
      .replace('configMapRef: { name: settings }', 'configMapRef: { name: setting }')
      .replace('- { name: tmp, mountPath: /tmp }', '- { name: tpm, mountPath: /tmp }')
      .replace('targetPort: http', 'targetPort: htpp')
      .replace('port: { name: http } } }', 'port: { number: 81 } } }')
      .replace('port: http }, periodSeconds', 'port: https }, periodSeconds'),
  );
  assert.equal(problems[0]?.field, 'spec.template.spec.hostNetwork');
  const nowhere = problems.slice(1);
  assert.ok(
    nowhere.every(({ kind }) => kind === 'missing-target'),
    JSON.stringify(nowhere),
  );
  assert.deepEqual(nowhere.map(({ text }) => text.en.split('; ')[1] ?? '-').sort(), [
    '-',
    'data is near',
    'http is near',
    'it has http',
    'settings is near',
    'tmp is near',
    'token is near',
  ]);
});

test('what would open the host, or would be dropped in silence, is refused', () => {
  const refusedSpecs: readonly [string, string][] = [
    ['hostPID: true', 'spec.hostPID'],
    ['hostIPC: true', 'spec.hostIPC'],
    ['nodeName: other', 'spec.nodeName'],
    ['volumes: [{ name: v, hostPath: { path: / } }]', 'spec.volumes[0].hostPath'],
    ['securityContext: { supplementalGroupsPolicy: Strict }', 'spec.securityContext.supplementalGroupsPolicy'],
    ['nodeSelector: { disktype: ssd }', 'spec.nodeSelector.disktype'],
    ['automountServiceAccountToken: true', 'spec.automountServiceAccountToken'],
  ];
  const pod = (spec: string, inner = ''): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  ${spec}\n  containers: [{ name: c, image: i${inner} }]\n`;
  for (const [spec, field] of refusedSpecs) {
    assert.deepEqual(
      translate(pod(spec)).problems.map((one) => `${one.kind} ${one.field}`),
      [`refused ${field}`],
      spec,
    );
  }
  const refusedContainers: readonly [string, string][] = [
    ['securityContext: { privileged: true }', 'securityContext.privileged'],
    ['securityContext: { seccompProfile: { type: Unconfined } }', 'securityContext.seccompProfile.type'],
    ['ports: [{ containerPort: 80, hostPort: 80 }]', 'ports[0].hostPort'],
    ['terminationMessagePath: /x', 'terminationMessagePath'],
    ['imagePullPolicy: Never', 'imagePullPolicy'],
    ['stdinOnce: true', 'stdinOnce'],
  ];
  for (const [container, field] of refusedContainers) {
    const { problems } = translate(pod('hostPID: false', `, ${container}`));
    assert.deepEqual(
      problems.map((one) => `${one.kind} ${one.field}`),
      [`refused spec.containers[0].${field}`],
      container,
    );
  }
});

test('no other spelling, unknown field or annotation opens the host: refused, or without any effect on what is started (D4)', () => {
  const pod = (metadata: string, spec: string, inner: string): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: p${metadata} }\nspec: { ${spec}containers: [{ name: c, image: "i@sha256:${'a'.repeat(64)}"${inner} }] }\n`;
  const inSpec = [
    ...['HostNetwork: true', 'hostnetwork: true', 'host_network: true', 'network_mode: host', 'hostNetwork: "true"'],
    ...[
      'hostNetwork: yes',
      'hostPID: 1',
      'hostpid: true',
      'pid: host',
      'ipc: host',
      'hostIPC: on',
      'hostUsers: "true"',
    ],
    ...['userns: host', 'userns_mode: host', 'privileged: true', 'securityContext: { privileged: true }'],
    ...[
      'security_context: { privileged: true }',
      'SecurityContext: {}',
      'volumes: [{ name: v, hostpath: { path: / } }]',
    ],
    ...[
      'volumes: [{ name: v, HostPath: { path: / } }]',
      'volumes: [{ name: v, bind: { source: / } }]',
      'devices: [/dev/kmsg]',
    ],
    ...['volumes: [{ name: v, hostPath: { path: /, type: "" }, emptyDir: {} }]', 'containers: [], containers: []'],
    ...[
      'ephemeralcontainers: []',
      'runtimeClass: runc-root',
      'securityContext: { sysctls: [{ name: kernel.core_pattern, value: x }] }',
    ],
  ];
  const inContainer = [
    ...[
      'privileged: true',
      'Privileged: true',
      'securitycontext: { privileged: true }',
      'securityContext: { Privileged: true }',
    ],
    ...[
      'securityContext: { privileged: "true" }',
      'securityContext: { privileged: yes }',
      'securityContext: { privileged: 1 }',
    ],
    ...[
      'capAdd: [SYS_ADMIN]',
      'cap_add: [ALL]',
      'capabilities: { add: [ALL] }',
      'securityContext: { capabilities: { Add: [ALL] } }',
    ],
    ...[
      'securityContext: { capabilities: { add: ALL } }',
      'devices: ["/dev/mem"]',
      'volumeDevices: [{ name: d, devicePath: /dev/sda }]',
    ],
    ...[
      'binds: ["/:/host"]',
      'volumes: ["/:/host"]',
      'volumeMounts: [{ name: v, mountPath: /h, hostPath: / }]',
      'pid: host',
    ],
    ...[
      'securityContext: { seccompProfile: { Type: Unconfined } }',
      'security_opt: ["seccomp=unconfined"]',
      'userns_mode: host',
    ],
    ...[
      'securityContext: { procMount: unmasked }',
      'securityContext: { appArmorProfile: { type: unconfined } }',
      'ulimits: []',
    ],
    ...[
      'securityContext: { seccompProfile: { type: unconfined } }',
      'extra_hosts: [a]',
      'cgroup_parent: /',
      'oci_runtime: /bin/sh',
    ],
    ...[
      'securityContext: { windowsOptions: { hostProcess: true } }',
      'image: j, image: k',
      'workingDir: /proc/self/fd/7',
    ],
  ];
  const annotations = [
    ...[
      'io.podman.annotations.privileged: "TRUE"',
      'io.podman.annotations.userns: host',
      'io.podman.annotations.pids-limit: "-1"',
    ],
    ...[
      'run.oci.keep_original_groups: "1"',
      'run.oci.handler: krun',
      'run.oci.hooks.stdout: /x',
      'run.oci.seccomp_fail_unknown_syscall: "0"',
    ],
    ...[
      'org.systemd.property.ExecStartPost: "\'x\'"',
      'io.kubernetes.cri-o.Devices: /dev/sda',
      'io.kubernetes.cri-o.userns-mode: host',
    ],
    ...[
      'seccomp.security.alpha.kubernetes.io/pod: unconfined',
      'container.seccomp.security.alpha.kubernetes.io/c: unconfined',
    ],
    ...[
      'io.podman.annotations.seccomp: unconfined',
      'io.podman.annotations.label: "disable"',
      'bind-mount-options: /:z',
    ],
    ...[
      'io.podman.annotations.cpuset/c: "0"',
      'io.podman.annotations.volumes-from/c: other',
      'darsena.pre-stop: "{}"',
      'darsena.instance: x',
    ],
  ];
  const cases: readonly (readonly [metadata: string, spec: string, inner: string])[] = [
    ...inSpec.map((one) => ['', `${one}, `, ''] as const),
    ...inContainer.map((one) => ['', '', `, ${one}`] as const),
    ...annotations.map((one) => [`, annotations: { ${one} }`, '', ''] as const),
  ];
  assert.ok(cases.length >= 60, `${cases.length} cases`);
  const started = (text: string): unknown => {
    const read = readManifests([{ path: 'p.yaml', text }]);
    if (read.problems.length > 0) return 'refused';
    const { translation } = translateManifests(read.documents, OPTIONS);
    const [made] = translation?.workloads ?? [];
    const [container] = made?.pod.containers ?? [];
    if (made === undefined || container === undefined) return 'refused';
    const identity = { key: made.key, specHash: 'sha256:x', slot: 0 };
    const attempt = { attempt: 0, role: 'main', failures: 0 } as const;
    // Of the pod itself the engine is told nothing by its annotations: they are what a container may read of itself.
    return [
      { ...made.pod, annotations: {} },
      containerOrder('i', identity, made.pod, container, attempt, {}, () => ''),
    ];
  };
  const plain = started(pod('', '', ''));
  assert.notEqual(plain, 'refused');
  for (const one of cases) {
    const [metadata, spec, inner] = one;
    const said = started(pod(metadata, spec, inner));
    if (metadata === '') assert.equal(said, 'refused', one.join(''));
    else if (said !== 'refused') assert.deepEqual(said, plain, one.join(''));
  }
});

test('a Secret with a wrong value is refused without showing it', () => {
  const { problems } = translate(
    'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { pin: 987654 }\ndata: { a: "hunter2!" }\n',
  );
  assert.equal(problems.length, 2);
  assert.doesNotMatch(JSON.stringify(problems), /987654|hunter2/);
});

test('overlays change one environment and point at their own lines', () => {
  const { documents } = readManifests([{ path: 'base.yaml', text: SHOP }]);
  const overlays = readManifests([
    {
      path: 'prod.yaml',
      text: 'kind: Deployment\nmetadata: { name: web }\nspec:\n  replicas: none\n  progressDeadlineSeconds: null\n---\nkind: Deployment\nmetadata: { name: wed }\n',
    },
  ]).documents.map(toOverlay);
  const merged = applyOverlays(
    documents,
    overlays.flatMap((one) => one ?? []),
  );
  assert.match(merged.problems[0]?.text.en ?? '', /Deployment wed, which no manifest has; there is Deployment web/);
  const { problems } = translateManifests(merged.documents, OPTIONS);
  assert.deepEqual(
    problems.map(({ file, line, field }) => `${file}:${line} ${field}`),
    ['prod.yaml:4 spec.replicas'],
  );
});

test('mergePatch() follows the examples of RFC 7396, appendix A', () => {
  const table: readonly [string, string, string][] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    ['{}', '{"__proto__":{"x":1}}', '{"__proto__":{"x":1}}'],
  ];
  for (const [target, patch, result] of table) {
    assert.equal(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch))), result, `${target} + ${patch}`);
  }
});

test('parseQuantity() reads what Kubernetes reads', () => {
  const table: readonly [string | number, number | null][] = [
    ['500m', 0.5],
    ['2', 2],
    [1.5, 1.5],
    ['64Mi', 67_108_864],
    ['1G', 1e9],
    ['1e3', 1000],
    ['100k', 100_000],
    ['.5', 0.5],
    ['-1', null],
    ['1 Gi', null],
    ['64mb', null],
    ['', null],
    ['Infinity', null],
    ['1ki', null],
    // Beyond what a number holds exactly: as much as there can be.
    ['9007199254740993Ki', Number.MAX_SAFE_INTEGER],
    ['1Ei', Number.MAX_SAFE_INTEGER],
    ['1E', Number.MAX_SAFE_INTEGER],
    ['7Pi', 7 * 2 ** 50],
  ];
  for (const [written, value] of table) assert.equal(parseQuantity(written), value, String(written));
});

test('two services that want different things of one port of a pod are refused', () => {
  const second = `---\napiVersion: v1\nkind: Service\nmetadata: { name: other }\nspec: { selector: { app: web }, ports: [{ port: 80, targetPort: 9090 }] }\n`;
  const { problems } = translate(SHOP + second);
  assert.deepEqual(
    problems.map(({ kind, field }) => `${kind} ${field}`),
    ['conflict spec.ports[0].port'],
  );
});

test('every field of Kubernetes has a decision, and every refusal and emulation says why in both languages', () => {
  assert.deepEqual(listUndecided(), []);
  const fields = listFields();
  assert.ok(fields.length > 5_000, String(fields.length));
  for (const { path, treatment, note } of fields) {
    // Of an enforced field something is said only where servers write into it as well.
    if (treatment !== 'enforced' || note !== null) assert.ok(note?.en && note.es && note.en !== note.es, path);
  }
  const limit = explainField('deployment.spec.template.spec.containers[0].resources.limits.memory');
  assert.equal(limit[0]?.treatment, 'emulated');
  assert.ok(explainField('Service.spec').length > 10);
  // What a refused field takes with it says so.
  const [term] = explainField('pod.spec.volumes.gcePersistentDisk.pdName');
  assert.equal(term?.within, 'Pod.spec.volumes[].gcePersistentDisk');
  assert.deepEqual(explainField('pod.spec.containrs'), []);
  assert.equal(suggestField('pod.spec.containrs'), 'Pod.spec.containers');
});

const KINDS_TEXT = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: shop }
spec:
  replicas: 2
  serviceName: db
  selector: { matchLabels: { app: db } }
  ordinals: { start: 1 }
  updateStrategy: { rollingUpdate: { partition: 2 } }
  volumeClaimTemplates:
    - { metadata: { name: data }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }
  template:
    metadata: { labels: { app: db } }
    spec:
      initContainers:
        - { name: proxy, image: i, restartPolicy: Always, startupProbe: { grpc: { port: 9000 } } }
      containers:
        - name: db
          image: i
          volumeMounts: [{ name: data, mountPath: /data, subPathExpr: $(POD) }]
          env: [{ name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }, { name: CPU, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }]
          resources: { limits: { cpu: 1500m } }
          lifecycle: { preStop: { exec: { command: [stop] } }, postStart: { sleep: { seconds: 1 } } }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: None, publishNotReadyAddresses: true, selector: { app: db }, ports: [{ port: 5432 }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  completions: 3
  parallelism: 2
  completionMode: Indexed
  podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { operator: In, values: [42] } }] }
  template: { metadata: {}, spec: { restartPolicy: Never, containers: [{ name: c, image: i }] } }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: "30 2 * * mon-fri"
  timeZone: Europe/Madrid
  jobTemplate: { spec: { template: { spec: { restartPolicy: OnFailure, containers: [{ name: c, image: i }] } } } }
---
apiVersion: v1
kind: Pod
metadata: { name: task }
spec: { restartPolicy: Never, containers: [{ name: c, image: i }] }
`;

test('every kind of workload becomes the model', () => {
  const { translation, problems } = translate(KINDS_TEXT);
  assert.deepEqual(problems, []);
  const of = (name: string) => translation?.workloads.find(({ key }) => key.name === name);
  assert.deepEqual(of('db')?.controller, { kind: 'ordered', start: 1, parallel: false, partition: 2 });
  assert.equal(of('db')?.pod.subdomain, 'db');
  assert.deepEqual(of('db')?.pod.initContainers[0]?.startupProbe?.action, { kind: 'grpc', port: 9000, service: '' });
  assert.deepEqual(
    translation?.volumes.map(({ claim }) => claim),
    ['data-db-1', 'data-db-2'],
  );
  assert.ok(translation);
  const pinned = pinTranslation(translation, new Map([['i', `r/i@sha256:${'a'.repeat(64)}`]]));
  const db = pinned.workloads.find(({ key }) => key.name === 'db');
  assert.ok(db);
  const order = containerOrder(
    't',
    { key: db.key, specHash: db.specHash, slot: 1, ordered: true },
    db.pod,
    db.pod.containers[0] as never,
    { role: 'main', attempt: 0, failures: 0 },
    {},
    () => '',
  );
  assert.equal(order.env['POD'], 'db-1');
  assert.equal(order.env['CPU'], '2');
  assert.equal(order.mounts[0]?.part, 'db-1');
  assert.deepEqual(order.mounts[0]?.source, { kind: 'volume', volume: 't-shop-dev-data-db-1' });
  const once = of('once')?.controller;
  assert.ok(once?.kind === 'job' && once.indexed && once.completions === 3);
  assert.equal(of('nightly')?.controller?.kind, 'cron');
  assert.ok(of('task')?.controller?.kind === 'job');
  // What a host would be sent passes its reader as it is.
  const wanted = { revision: 1, ...pinned };
  parseWantedState({
    ...wanted,
    workloads: wanted.workloads.map((one) => ({ ...one, generation: 1, previous: null })),
  });
  assert.match(
    translate(KINDS_TEXT.replace('30 2 * * mon-fri', '61 2 * * *')).problems[0]?.text.en ?? '',
    /is no schedule/,
  );
  assert.deepEqual(say(translate(KINDS_TEXT.replace('{ name: once }', '{ name: once, namespace: other }')).problems), [
    '33:25 conflict metadata.namespace',
  ]);
});

test('what Kubernetes would not take, or what would never do what it says, is told at its place', () => {
  const job = (more: string, restart = 'Never'): string =>
    `apiVersion: batch/v1\nkind: Job\nmetadata: { name: j }\nspec: { completionMode: Indexed, completions: 3, ${more}, template: { spec: { restartPolicy: ${restart}, containers: [{ name: c, image: i }] } } }\n`;
  const rule = (text: string): string => job(`backoffLimitPerIndex: 1, podFailurePolicy: { rules: [${text}] }`);
  const object = (kind: string, more: string): string =>
    `apiVersion: v1\nkind: ${kind}\nmetadata: { name: a.b }\n${more}\n`;
  const service = (more: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { selector: { app: db }, ${more} }\n---\n${KINDS_TEXT}`;
  const port = 'ports: [{ port: 1 }]';
  const deployment = (labels: string, more: string): string =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec: { ${more} selector: { matchLabels: { app: d } }, template: { metadata: { labels: ${labels} }, spec: { containers: [{ name: c, image: i }] } } }\n`;
  const cases: readonly (readonly [text: string, problems: string])[] = [
    [job('backoffLimitPerIndex: 1', 'OnFailure'), 'conflict spec.backoffLimitPerIndex'],
    [job('maxFailedIndexes: 1'), 'conflict spec.maxFailedIndexes'],
    [
      job('podFailurePolicy: { rules: [{ action: FailIndex, onExitCodes: { operator: In, values: [1] } }] }'),
      'conflict spec.podFailurePolicy.rules[0].action',
    ],
    [
      rule('{ action: FailJob, onExitCodes: { operator: In, values: [0, 1] } }'),
      'wrong-value spec.podFailurePolicy.rules[0].onExitCodes.values',
    ],
    [job('successPolicy: { rules: [{}] }'), 'missing-field spec.successPolicy.rules[0]'],
    [
      job('successPolicy: { rules: [{ succeededIndexes: 1-3 }] }'),
      'wrong-value spec.successPolicy.rules[0].succeededIndexes',
    ],
    [
      job('successPolicy: { rules: [{ succeededIndexes: "0,2", succeededCount: 3 }] }'),
      'wrong-value spec.successPolicy.rules[0].succeededCount',
    ],
    [object('ConfigMap', 'data: { a: x }\nbinaryData: { a: eA== }'), 'conflict binaryData.a'],
    [object('ConfigMap', 'data: { ..a: x }'), "wrong-value data['..a']"],
    [object('ConfigMap', 'data: { a: x }'), ''],
    [object('Secret', 'type: kubernetes.io/tls\nstringData: { tls.crt: x }'), 'missing-field data'],
    [object('Secret', 'type: kubernetes.io/tls\nstringData: { tls.crt: x, tls.key: z }'), ''],
    [object('Secret', 'type: kubernetes.io/basic-auth\nstringData: { password: z }'), ''],
    [object('Secret', 'type: constructor\nstringData: { password: z }'), ''],
    [
      object('Secret', 'type: kubernetes.io/dockerconfigjson\nstringData: { .dockerconfigjson: hush }'),
      'missing-field data',
    ],
    [object('Secret', 'type: kubernetes.io/dockerconfigjson\nstringData: { .dockerconfigjson: "{}" }'), ''],
    [service('ports: [{ port: 1, name: a }, { port: 1, name: b }]'), 'conflict spec.ports[1].port'],
    [service('ports: [{ port: 1, name: a }, { port: 2, name: a }]'), 'conflict spec.ports[1].name'],
    [service('ports: [{ port: 1, name: a }, { port: 1, name: b, protocol: UDP }]'), ''],
    [service(`${port}, clusterIP: 10.0.0.1`), 'refused spec.clusterIP'],
    [service(`${port}, clusterIP: None, clusterIPs: [None], ipFamilies: [IPv4]`), ''],
    [service(`${port}, ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv4, IPv6]`), ''],
    [service(`${port}, ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6, IPv4]`), 'refused spec.ipFamilies'],
    [service(`${port}, ipFamilies: [IPv6]`), 'refused spec.ipFamilies'],
    [
      'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: p }\nspec: { minAvailable: 1, selector: { matchExpressions: [{ key: a, operator: In }] } }\n',
      'wrong-value spec.selector.matchExpressions[0].values',
    ],
    [deployment('{ app: other }', ''), 'conflict spec.selector.matchLabels.app'],
    [deployment('{ app: d }', 'minReadySeconds: 60, progressDeadlineSeconds: 60,'), 'conflict spec.minReadySeconds'],
  ];
  for (const [text, expected] of cases) {
    const { problems } = translate(text);
    assert.equal(problems.map(({ kind, field }) => `${kind} ${field}`).join(', '), expected, text.slice(0, 300));
    assert.ok(problems.every((one) => !`${one.text.en}${one.text.es}`.includes('hush')));
  }
  const strange = translate(deployment('{ app: other }', '')).problems[0]?.text.en;
  assert.match(strange ?? '', /would not own its pods/);
  const own = translate(job('backoffLimitPerIndex: 1')).translation?.workloads[0]?.controller;
  assert.ok(own?.kind === 'job' && own.backoffLimit === 2_147_483_647, 'with a limit for each index there is no other');
});

test('the items of a List are documents of their own, at their own lines', () => {
  const { problems, translation } = translate(
    'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: { name: c }\n    dada: {}\n',
  );
  assert.equal(translation, null);
  assert.deepEqual(say(problems), ['7:5 unknown-field dada']);
});

test('a report counts every field that is written and says how or why for each that is not enforced', () => {
  const report = reportManifest({
    path: 'pod.yaml',
    text: 'apiVersion: v1\nkind: Pod\nmetadata: { name: p, annotations: { a: b } }\nspec:\n  hostPID: true\n  containers: [{ name: c, image: i, imagee: j }]\n',
  });
  assert.deepEqual(
    report.notes.map(({ line, treatment, field }) => `${line} ${treatment} ${field}`),
    ['3 emulated metadata.annotations', '5 refused spec.hostPID', '6 wrong spec.containers[0].imagee'],
  );
  assert.deepEqual([report.enforced, report.emulated, report.refused], [8, 1, 1]);
});

test('a report says of values what a deploy would hold against them, whatever else stands in other files', () => {
  const say = (text: string): string[] =>
    reportManifest({ path: 'x.yaml', text })
      .notes.filter(({ treatment }) => treatment === 'wrong')
      .map(({ line, field }) => `${line} ${field}`);
  const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: net }
spec:
  podSelector: {}
  egress:
    - to:
        - ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8] }
        - ipBlock: { cidr: 0.0.0.0/0, except: ["fc00::/7"] }
        - ipBlock: { cidr: 10.0.0.0/8, except: [11.0.0.0/8, nonsense] }
`;
  assert.deepEqual(say(policy), [
    '9 spec.egress[0].to[1].ipBlock.except[0]',
    '10 spec.egress[0].to[2].ipBlock.except[0]',
    '10 spec.egress[0].to[2].ipBlock.except[1]',
  ]);
  const job = 'apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: c }\nspec:\n  schedule: "99 * * * *"\n';
  const pod =
    'containers: [{ name: a, image: i, env: [{ name: A, valueFrom: { secretKeyRef: { name: s, key: k } } }] }]';
  assert.deepEqual(say(`${job}  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, ${pod} } } } }\n`), [
    '5 spec.schedule',
  ]);
  // What it refers to may be elsewhere, and is asked for at the deploy alone.
  assert.deepEqual(say(`apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { ${pod} }\n`), []);
});

test('kinds are explained by the names that kubectl has for them', () => {
  for (const [written, meant] of [
    ['svc.spec.type', 'Service.spec.type'],
    ['pods.spec.hostNetwork', 'Pod.spec.hostNetwork'],
    ['ingresses.spec', 'Ingress.spec'],
    ['netpol.spec.egress[0].ports', 'NetworkPolicy.spec.egress[].ports'],
    ['networkpolicies', 'NetworkPolicy.metadata'],
    ['hpa.spec.behavior', 'HorizontalPodAutoscaler.spec.behavior'],
    ['sa', 'ServiceAccount.metadata'],
  ] as const)
    assert.ok(
      explainField(written).some(({ path }) => path === meant),
      written,
    );
  assert.deepEqual(explainField('nothings.spec'), []);
});

/** As programs write manifests: every field that a type has, most of them with nothing in it. */
const WRITTEN_BY_PROGRAMS = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: zero, namespace: "", labels: {}, annotations: null }
spec:
  replicas: 1
  minReadySeconds: 0
  paused: false
  strategy: { type: "" }
  selector: { matchLabels: { app: z } }
  template:
    metadata: { labels: { app: z }, creationTimestamp: null }
    spec:
      restartPolicy: ""
      dnsPolicy: ""
      schedulerName: ""
      serviceAccountName: ""
      serviceAccount: ""
      hostname: ""
      subdomain: ""
      nodeName: ""
      priorityClassName: ""
      hostNetwork: false
      hostPID: false
      hostIPC: false
      nodeSelector: {}
      tolerations: []
      affinity: {}
      securityContext: {}
      imagePullSecrets: []
      volumes:
      - name: c
        configMap: { name: conf, defaultMode: 0644, optional: false, items: [] }
      - name: e
        emptyDir: { medium: "", sizeLimit: 0 }
      containers:
      - name: z
        image: t/z:1
        imagePullPolicy: ""
        workingDir: ""
        terminationMessagePath: ""
        terminationMessagePolicy: ""
        command: []
        args: null
        env:
        - { name: A, value: "" }
        - { name: B }
        envFrom: []
        ports:
        - { containerPort: 80, hostPort: 0, protocol: "", hostIP: "", name: "" }
        volumeMounts:
        - { name: c, mountPath: /c, subPath: "", readOnly: false, mountPropagation: null }
        - { name: e, mountPath: /e, subPathExpr: "" }
        resources: { limits: {}, requests: null }
        securityContext: {}
        lifecycle: {}
        readinessProbe: { httpGet: { path: "", port: 80, scheme: "", host: "" }, periodSeconds: 0, timeoutSeconds: 0, successThreshold: 0, failureThreshold: 0, initialDelaySeconds: 0 }
status: {}
---
apiVersion: v1
kind: Service
metadata: { name: zero }
spec:
  type: ""
  clusterIP: ""
  externalIPs: []
  externalName: ""
  sessionAffinity: ""
  loadBalancerIP: ""
  loadBalancerClass: null
  healthCheckNodePort: 0
  externalTrafficPolicy: ""
  selector: { app: z }
  ports: [ { port: 80, targetPort: 0, nodePort: 0, name: "", protocol: "", appProtocol: null } ]
status: { loadBalancer: {} }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: conf }
data: null
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: pvc }
spec: { accessModes: [ReadWriteOnce], volumeName: "", volumeMode: "", resources: { requests: { storage: 1Gi } } }
status: {}
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: cj }
spec:
  schedule: "0 3 * * *"
  concurrencyPolicy: ""
  suspend: false
  timeZone: null
  startingDeadlineSeconds: null
  jobTemplate:
    metadata: { creationTimestamp: null }
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [ { name: a, image: t/z:1, resources: {} } ]
`;

test('what says nothing to Kubernetes says nothing here: null, empty texts, zeros and empty parts that programs write', () => {
  const { translation, problems } = translate(WRITTEN_BY_PROGRAMS);
  assert.deepEqual(
    problems.map(({ line, field, text }) => `${line} ${field}: ${text.en}`),
    [],
  );
  assert.equal(reportManifest({ path: 'x', text: WRITTEN_BY_PROGRAMS }).refused, 0);
  const plain = translate(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: zero }
spec:
  selector: { matchLabels: { app: z } }
  template:
    metadata: { labels: { app: z } }
    spec:
      volumes: [{ name: c, configMap: { name: conf, defaultMode: 420, items: [] } }, { name: e, emptyDir: { sizeLimit: 0 } }]
      containers:
      - name: z
        image: t/z:1
        env: [{ name: A, value: "" }, { name: B }]
        ports: [{ containerPort: 80 }]
        volumeMounts: [{ name: c, mountPath: /c }, { name: e, mountPath: /e }]
        readinessProbe: { httpGet: { port: 80 } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: conf }
`);
  assert.deepEqual(plain.problems, []);
  const mine = translation?.workloads.find(({ key }) => key.name === 'zero');
  assert.deepEqual(mine, plain.translation?.workloads[0]);
  // What has a meaning when it is empty keeps it, and what is missing is not said by nothing.
  const claim =
    'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: p }\nspec: { accessModes: [ReadWriteOnce], storageClassName: "", resources: { requests: { storage: 1Gi } } }';
  assert.match(translate(claim).problems[0]?.text.en ?? '', /leave it out for the default/);
  assert.match(translate(claim.replace('name: p', 'name: ""')).problems[0]?.text.en ?? '', /name is missing/);
  const port = 'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 80, nodePort: 1 }] }';
  assert.match(translate(port).problems[0]?.text.en ?? '', /30000/);
});

test('an empty text, list or 0 that means something is not taken for nothing', () => {
  const ingress = (annotation: string, path = '/'): string => `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: i, annotations: { ${annotation} } }
spec: { rules: [{ host: a.example, http: { paths: [{ path: "${path}", pathType: Prefix, backend: { service: { name: s, port: { number: 80 } } } }] } }] }
`;
  const fields = (text: string): string[] =>
    translate(text).problems.flatMap(({ kind, field }) => (kind === 'missing-target' ? [] : [`${kind} ${field}`]));
  // Without a value it would let everybody in whom it was to keep out.
  for (const name of ['allow-networks', 'deny-networks', 'allow-methods', 'rate-limit']) {
    for (const value of ['""', 'null'])
      assert.deepEqual(fields(ingress(`darsena/${name}: ${value}`)), [
        `wrong-value metadata.annotations['darsena/${name}']`,
      ]);
  }
  assert.deepEqual(fields(ingress('nginx.example/auth: ""')), [`refused metadata.annotations['nginx.example/auth']`]);
  assert.deepEqual(fields(ingress('', '')), ['wrong-value spec.rules[0].http.paths[0].path']);
  const pod = (more: string, container = ''): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { ${more}, containers: [{ name: c, image: i${container} }] }\n`;
  assert.deepEqual(fields(pod('nodeSelector: { example.org/fast: "" }')), [
    `refused spec.nodeSelector['example.org/fast']`,
  ]);
  const podOf = (text: string) => {
    const { translation, problems } = translate(text);
    assert.deepEqual(problems, []);
    return translation?.workloads[0]?.pod ?? assert.fail('a workload');
  };
  const config = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: m }\ndata: { a: "1", b: "2" }\n';
  const { volumes } = podOf(
    pod(
      'volumes: [{ name: m, configMap: { name: m, items: [], defaultMode: 0 } }, { name: e, emptyDir: { sizeLimit: 0 } }]',
    ) + config,
  );
  const files = ['a', 'b'].map((key) => ({ key, path: key, mode: 0 }));
  assert.deepEqual(volumes[0]?.kind === 'content' && volumes[0].files, files);
  assert.deepEqual(volumes[1], { kind: 'scratch', name: 'e' });
  const limits = (written: string) =>
    podOf(pod('terminationGracePeriodSeconds: 0', `, resources: { limits: ${written} }`)).containers[0]?.resources;
  const none = { cpuLimitMillis: null, cpuRequestMillis: 0, memoryLimitBytes: null, memoryRequestBytes: null };
  assert.deepEqual(limits('{ cpu: 0, memory: "0" }'), none);
  assert.deepEqual(limits('{ cpu: null, memory: null }'), { ...none, cpuRequestMillis: null });
  assert.equal(podOf(pod('terminationGracePeriodSeconds: 0')).terminationGraceSeconds, 0);
  const rolling = (kind: string, written: string): string =>
    `apiVersion: apps/v1\nkind: ${kind}\nmetadata: { name: w }\nspec: { updateStrategy: { rollingUpdate: ${written} }, selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: b } }, spec: { containers: [{ name: c, image: i }] } } }\n`;
  const strategy = { kind: 'rolling', maxSurge: 0, maxUnavailable: 1 };
  assert.deepEqual(translate(rolling('DaemonSet', '{ maxSurge: 0 }')).translation?.workloads[0]?.strategy, strategy);
  assert.deepEqual(fields(rolling('DaemonSet', '{ maxSurge: 0, maxUnavailable: 0% }')), [
    'conflict spec.updateStrategy.rollingUpdate',
  ]);
  assert.deepEqual(fields(rolling('StatefulSet', '{ maxUnavailable: 0 }')), [
    'conflict spec.updateStrategy.rollingUpdate.maxUnavailable',
  ]);
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { selector: { a: b }, ports: [{ port: 80, targetPort: "" }] }\n';
  const { services } =
    translate(rolling('DaemonSet', '{}'), service).translation ?? assert.fail('an empty targetPort is the port');
  assert.equal(services[0]?.ports[0]?.targetPort, 80);
});

test('who asks whether a field is there sees none that says nothing', () => {
  const value = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { a: '' } } },
    spec: { serviceAccountName: '', containers: [{ name: 'c', image: 'i', env: [{ name: 'A', value: '' }] }] },
  };
  const { serviceAccountName: _none, ...spec } = value.spec;
  assert.deepEqual(saidBy(value), { ...value, spec });
  assert.deepEqual(saidBy({ kind: 'Rollout', spec: '' }), { kind: 'Rollout', spec: '' });
});

test('a run-time that no host has is refused with the reason of each host, when hosts are asked', () => {
  const text =
    'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  runtimeClassName: gvisor\n  containers: [{ name: c, image: i }]\n';
  const missing = { en: 'the program runsc is not installed', es: 'el programa runsc no está instalado' };
  const host = (name: string, why: typeof missing | null) => ({ name, runtimes: [{ name: 'runsc', missing: why }] });
  const say = (hosts: Parameters<typeof reportManifest>[1]) => {
    const { notes, refused } = reportManifest({ path: 'pod.yaml', text }, hosts);
    return [refused, ...notes.map(({ line, treatment }) => `${line} ${treatment}`)];
  };
  assert.deepEqual(say(null), [0, '5 emulated']);
  assert.deepEqual(say([host('a', missing), host('b', null)]), [0, '5 emulated']);
  assert.deepEqual(say([host('a', missing)]), [1, '5 refused']);
  assert.deepEqual(say([]), [1, '5 refused']);
  const { notes } = reportManifest({ path: 'pod.yaml', text }, [host('a', missing), host('b', missing)]);
  assert.match(notes[0]?.text.es ?? '', /^ningún host lo tiene: a: el programa runsc .*; b: /);
});

test('no field of the given Kubernetes examples is dropped in silence', async (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  if (data === undefined) return t.skip('DARSENA_TEST_DATA is not set');
  const archive = gunzipSync(await readFile(join(data, 'workloads/kubernetes-examples.tar.gz')));
  let files = 0;
  for await (const { entry, bytes } of readTar(Readable.from([archive]))) {
    if (entry.kind !== 'file') continue;
    const { path } = entry;
    const file = { path, text: Buffer.from(bytes).toString('utf8') };
    const report = reportManifest(file);
    files++;
    const { documents } = readManifests([file]);
    if (documents.length === 0) assert.ok(report.notes.length > 0 || /^(?:\s*(?:#.*)?\n?)*$/.test(file.text), path);
    for (const document of documents) {
      const { kind, fields, problems } = checkDocument(document);
      if (kind === null) {
        assert.ok(problems.length > 0, path);
        continue;
      }
      const decided = new Set(fields.map((field) => formatPath(field.path)));
      const whole = new Set(
        fields.filter((field) => field.treatment.kind === 'refused').map(({ path: at }) => formatPath(at)),
      );
      const wrong = new Set(problems.map(({ field }) => field));
      for (const at of writtenPaths(document.value)) {
        const ways = at.map((_, end) => formatPath(at.slice(0, end + 1)));
        assert.ok(
          decided.has(ways.at(-1) ?? '') ||
            ways.some((way) => wrong.has(way) || whole.has(way) || (decided.has(way) && FREE_NAMES.test(way))),
          `${path}: nothing is said of ${ways.at(-1)}`,
        );
      }
    }
  }
  assert.equal(files, 142);
});

/** The paths of all members of maps in a document. */
function* writtenPaths(value: Json, above: readonly (string | number)[] = []): Iterable<(string | number)[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Array.isArray(value) ? [...value.entries()] : Object.entries(value)) {
    const path = [...above, name];
    if (typeof name === 'string') yield path;
    yield* writtenPaths(inner, path);
  }
}

/** Maps of free names: the decision of the map is that of its keys. */
const FREE_NAMES = /(?:^|\.)(?:labels|annotations|data|stringData|binaryData|matchLabels|selector)$/;

const POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: api
  annotations:
    darsena/egress-names: api.example.org:443, *.debian.org
spec:
  podSelector:
    matchLabels: { app: api }
    matchExpressions: [{ key: tier, operator: In, values: [back] }]
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector: { matchLabels: { app: web } }
          namespaceSelector: { matchLabels: { environment: dev } }
        - ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] }
      ports: [{ port: http }, { port: 8000, endPort: 8100, protocol: UDP }]
`;

test('a network policy reaches the model whole, and what is wrong in it is said at its place', () => {
  const { translation, problems } = translate(POLICY);
  assert.deepEqual(problems, []);
  const name = (pattern: string, ports: object[]): object => ({ peers: [{ kind: 'name', pattern }], ports });
  assert.deepEqual(translation?.policies, [
    {
      project: 'shop',
      environment: 'dev',
      name: 'api',
      selector: { matchLabels: { app: 'api' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['back'] }] },
      ingress: [
        {
          peers: [
            {
              kind: 'pods',
              pods: { matchLabels: { app: 'web' }, matchExpressions: [] },
              namespaces: { matchLabels: { environment: 'dev' }, matchExpressions: [] },
            },
            { kind: 'block', cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] },
          ],
          ports: [
            { protocol: 'TCP', port: 'http', endPort: null },
            { protocol: 'UDP', port: 8000, endPort: 8100 },
          ],
        },
      ],
      egress: [
        name('api.example.org', [
          { protocol: 'TCP', port: 443, endPort: null },
          { protocol: 'UDP', port: 443, endPort: null },
        ]),
        name('*.debian.org', []),
      ],
    },
  ]);
  const wrong: [string, string, string][] = [
    ['operator: In, values: [back]', 'operator: In', 'spec.podSelector.matchExpressions[0].values'],
    ['operator: In, values: [back]', 'operator: Exists, values: [x]', 'spec.podSelector.matchExpressions[0].values'],
    ['[Ingress, Egress]', '[Ingress]', 'spec.policyTypes'],
    ['10.1.0.0/16', '11.0.0.0/16', 'spec.ingress[0].from[1].ipBlock.except[0]'],
    ['10.0.0.0/8', '10.0.0.0/80', 'spec.ingress[0].from[1].ipBlock.cidr'],
    ['endPort: 8100', 'endPort: 80', 'spec.ingress[0].ports[1].endPort'],
    ['api.example.org:443', 'api.example.org:http', "metadata.annotations['darsena/egress-names']"],
    ['api.example.org:443', '10.0.0.1:443', "metadata.annotations['darsena/egress-names']"],
    ['api.example.org:443', '10.0.0.1;drop', "metadata.annotations['darsena/egress-names']"],
  ];
  for (const [before, after, field] of wrong) {
    const found = translate(POLICY.replace(before, after)).problems.map((problem) => problem.field);
    assert.ok(found.includes(field), `${after}: ${found.join(', ')}`);
  }
});

test('a network policy without types governs what comes, and what goes only with a rule for it', () => {
  const policy = (spec: string) => {
    const text = `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: a }\nspec: { podSelector: {}${spec} }`;
    const [one] = translate(text).translation?.policies ?? [];
    return { ingress: one?.ingress, egress: one?.egress };
  };
  assert.deepEqual(policy(''), { ingress: [], egress: null });
  assert.deepEqual(policy(', egress: []'), { ingress: [], egress: null });
  assert.deepEqual(policy(', policyTypes: [], egress: []'), { ingress: [], egress: null });
  assert.deepEqual(policy(', policyTypes: [Ingress, Egress], egress: []'), { ingress: [], egress: [] });
  assert.deepEqual(policy(', egress: [{}]').egress?.length, 1);
  assert.deepEqual(policy(', policyTypes: [Egress]'), { ingress: null, egress: [] });
  assert.deepEqual(policy(', policyTypes: []'), { ingress: [], egress: null }, 'an empty list says as little as none');
  assert.deepEqual(policy(', ingress: [{}]'), { ingress: [{ peers: [], ports: [] }], egress: null });
});

const SCALED = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: shop/web, resources: { requests: { cpu: 100m } } }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  maxReplicas: 5
  metrics:
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: 60 } }
  behavior:
    scaleUp: { tolerance: 0.05, policies: [{ type: Pods, value: 1, periodSeconds: 30 }] }
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: { name: web }
spec:
  targetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  updatePolicy: { updateMode: InPlaceOrRecreate }
  resourcePolicy:
    containerPolicies:
      - { containerName: web, controlledResources: [memory], maxAllowed: { memory: 1Gi } }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec:
  maxUnavailable: 30%
  selector: { matchLabels: { app: web } }
`;

test('autoscalers and budgets reach the model with their defaults, and a host takes them', () => {
  const { translation, problems } = translate(SCALED);
  assert.deepEqual(say(problems), []);
  assert.ok(translation);
  const [workload] = translation.workloads;
  assert.deepEqual(workload?.horizontal, {
    name: 'web',
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [{ resource: 'cpu', container: null, target: { kind: 'utilization', percent: 60 } }],
    scaleUp: {
      stabilizationSeconds: 0,
      select: 'Max',
      policies: [{ kind: 'Pods', value: 1, periodSeconds: 30 }],
      tolerance: 0.05,
    },
    scaleDown: {
      stabilizationSeconds: 300,
      select: 'Max',
      policies: [{ kind: 'Percent', value: 100, periodSeconds: 15 }],
      tolerance: 0.1,
    },
  });
  assert.equal(workload?.vertical?.mode, 'in-place-or-recreate');
  // Without a rule for every other container, those are scaled without bounds (autoscaling.k8s.io/v1).
  assert.deepEqual(
    workload?.vertical?.policies.map(({ container, cpu, memory }) => [container, cpu, memory]),
    [
      ['web', null, { least: null, most: 2 ** 30 }],
      [null, { least: null, most: null }, { least: null, most: null }],
    ],
  );
  const [budget] = translation.budgets;
  assert.deepEqual(budget, {
    project: 'shop',
    environment: 'dev',
    name: 'web',
    selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
    keeps: { kind: 'unavailable', amount: '30%' },
    unhealthyAlways: false,
  });
  const digest = `sha256:${'a'.repeat(64)}`;
  checkComposition(pinTranslation(translation, new Map([['shop/web', `registry.internal/shop/web@${digest}`]])));
});

test('scaling that cannot work is told: no request, no target, two that change the same', () => {
  const said = (problems: readonly ManifestProblem[]): string[] => problems.map(({ text }) => text.en);
  const broken = SCALED.replace('cpu: 100m', 'memory: 1Gi').replace('[memory]', '[cpu]');
  assert.ok(said(translate(broken).problems).some((text) => text.includes('has no resources.requests.cpu')));
  assert.ok(said(translate(broken).problems).some((text) => text.includes('changes cpu too')));
  const lost = SCALED.replaceAll('kind: Deployment, name: web', 'kind: Deployment, name: wep');
  assert.equal(said(translate(lost).problems).filter((text) => text.includes('there is no Deployment wep')).length, 2);
  const foreign = SCALED.replace('- type: Resource', '- type: External');
  assert.ok(said(translate(foreign).problems).some((text) => text.includes('figures of other systems')));
});

const EDGE = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: shop/web }] } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  sessionAffinity: ClientIP
  ports: [{ port: 80, appProtocol: kubernetes.io/h2c }]
---
apiVersion: v1
kind: Service
metadata: { name: db, annotations: { darsena/proxy-protocol: v2, example.org/kept: 'yes' } }
spec:
  type: LoadBalancer
  selector: { app: web }
  loadBalancerSourceRanges: [10.0.0.0/8]
  ports: [{ port: 5432 }]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { darsena/rate-limit: 20/s, darsena/deny-paths: '/admin, *.php' } }
spec:
  tls: [{ hosts: [www.shop.example] }]
  rules:
    - host: '*.shop.example'
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
`;

test('what no rule of an Ingress takes goes to its defaultBackend, under its hosts and its published name', () => {
  const routesOf = (spec: string): { routes: string[]; problems: string[] } => {
    const { translation, problems } = translate(EDGE.replace(/ {2}tls:[\s\S]*$/, spec));
    const routes = (translation?.routes ?? []).map(
      (one) => `${one.host} ${one.path} ${one.pathType} ${one.servicePort}`,
    );
    return { routes, problems: problems.map(({ field, kind }) => `${kind} ${field}`) };
  };
  const backend = '{ service: { name: web, port: { number: 80 } } }';
  const path = (where: string) => `{ paths: [{ path: ${where}, pathType: Prefix, backend: ${backend} }] }`;
  const last = `  defaultBackend: ${backend}\n`;
  assert.deepEqual(routesOf(last), { routes: ['null / Prefix 80'], problems: [] });
  assert.deepEqual(
    routesOf(`${last}  rules: [{ host: a.example, http: ${path('/x')} }, { host: b.example }]\n`).routes,
    ['a.example /x Prefix 80', 'null / Prefix 80', 'a.example / Prefix 80', 'b.example / Prefix 80'],
  );
  const whole = `${last}  rules: [{ host: a.example, http: ${path('/')} }, { http: ${path('/')} }]\n`;
  assert.deepEqual(routesOf(whole).routes, ['a.example / Prefix 80', 'null / Prefix 80'], 'none is there twice');
  assert.deepEqual(routesOf('  rules: []\n').problems, ['missing-field spec']);
  assert.deepEqual(routesOf('  rules: [{ host: a.example }]\n').problems, ['missing-field spec.rules[0].http']);
  assert.deepEqual(routesOf('  defaultBackend: { service: { name: wb, port: { number: 80 } } }\n').problems, [
    'missing-target spec.defaultBackend.service.name',
  ]);
  assert.deepEqual(routesOf('  defaultBackend: { service: { name: web, port: { number: 81 } } }\n').problems, [
    'missing-target spec.defaultBackend.service.port',
  ]);
  const resource = '  defaultBackend: { resource: { apiGroup: k8s.example, kind: Bucket, name: b } }\n';
  assert.ok(routesOf(resource).problems.includes('refused spec.defaultBackend.resource'));
});

test('what an Ingress and a Service say of the edge is carried to it, and what it does not know is refused at its place', () => {
  const { translation, problems } = translate(EDGE);
  assert.deepEqual(problems, []);
  assert.deepEqual(translation?.routes[0]?.options, {
    ...{ sticky: 'address', h2c: true, rate: { requests: 20, seconds: 1 }, denyPaths: ['/admin', '*.php'] },
  });
  const [listener] = translation?.listeners ?? [];
  assert.deepEqual(
    [listener?.port, listener?.servicePort, listener?.sources, listener?.sendProxy, listener?.sticky],
    [5432, 5432, ['10.0.0.0/8'], true, false],
  );
  const wrong: readonly (readonly [string, string, string])[] = [
    ['20/s', '20 a second', "metadata.annotations['darsena/rate-limit']"],
    ["'/admin, *.php'", "'/admin }'", "metadata.annotations['darsena/deny-paths']"],
    ['darsena/rate-limit', 'darsena/rate-limits', "metadata.annotations['darsena/rate-limits']"],
    [
      'darsena/rate-limit',
      'nginx.ingress.kubernetes.io/limit-rps',
      "metadata.annotations['nginx.ingress.kubernetes.io/limit-rps']",
    ],
    ['darsena/proxy-protocol', 'darsena/proxy', "metadata.annotations['darsena/proxy']"],
    ['v2', 'v1', "metadata.annotations['darsena/proxy-protocol']"],
    ['10.0.0.0/8', '10.0.0.0/80', 'spec.loadBalancerSourceRanges[0]'],
    ['port: 5432', 'port: 443', 'spec.ports[0].port'],
    ['port: 5432', 'port: 53, protocol: UDP', 'spec.ports[0].protocol'],
    ['port: 5432', 'port: 5432, nodePort: 30000', 'spec.ports[0].nodePort'],
    ['type: LoadBalancer', 'type: ClusterIP', "metadata.annotations['darsena/proxy-protocol']"],
    ["'*.shop.example'", "'*.*.example'", 'spec.rules[0].host'],
    ['path: /,', "path: '/a b',", 'spec.rules[0].http.paths[0].path'],
    ['hosts: [www.shop.example]', 'secretName: tls', 'spec.tls[0].secretName'],
  ];
  for (const [before, after, field] of wrong) {
    const found = translate(EDGE.replace(before, after)).problems.map((problem) => problem.field);
    assert.ok(found.includes(field), `${after}: ${found.join(', ')}`);
  }
  const node = (more: string): number | undefined =>
    translate(
      EDGE.replace('type: LoadBalancer', 'type: NodePort')
        .replace('  loadBalancerSourceRanges: [10.0.0.0/8]\n', '')
        .replace('port: 5432', `port: 5432${more}`),
    ).translation?.listeners?.[0]?.port;
  assert.equal(node(', nodePort: 31000'), 31_000);
  const [first = 0, second] = [node(''), node('')];
  assert.ok(first >= 30_000 && first === second, 'one that stays');
});

test('no project takes the host or the port of another, nor a name below the published domain that is not its own', () => {
  const route = (project: string, host: string | null): WantedRoute => ({
    ...{ project, environment: 'dev', ingress: 'web', host, path: '/', service: 'web', servicePort: 80 },
    pathType: 'Prefix',
  });
  const listener = (project: string, port: number) => ({
    ...{ project, environment: 'dev', service: 'db', servicePort: 1, port, sources: [] },
    ...{ sticky: false, sendProxy: false, tls: false },
  });
  const wanted = {
    routes: [
      ...[route('banco', 'www.banco.example'), route('banco', null), route('a-b', null)],
      route('banco', '*.all.example'),
    ],
    listeners: [listener('banco', 5432)],
  };
  const claim = (host: string | null, port = 9000, service = 'db'): string => {
    try {
      checkClaims({
        ...{ project: 'b', environment: 'dev', wanted, domain: 'd.localhost', platformPorts: [8443] },
        places: ['b', 'banco', 'a-b', 'new-b'].map((project) => ({ project, environment: 'dev' })),
        composition: { routes: [route('b', host)], listeners: [{ ...listener('b', port), service }] },
        ownersOf: (name) => (name.endsWith('.vault.example') ? ['banco'] : name === 'own.all.example' ? ['b'] : []),
      });
      return 'ok';
    } catch (error) {
      assert.ok(error instanceof Fault);
      return error.code;
    }
  };
  assert.equal(claim(null), 'ok');
  assert.equal(claim('shop.b.example'), 'ok');
  assert.equal(claim('other-b-dev.d.localhost'), 'ok');
  assert.equal(claim('www.banco.example'), 'deploy.host-taken');
  assert.equal(claim('x.vault.example'), 'deploy.host-taken');
  assert.equal(claim('shop.all.example'), 'deploy.host-taken', 'below the wildcard of another');
  assert.equal(claim('own.all.example'), 'ok', 'its certificate was given to this project');
  assert.equal(claim('*.banco.example'), 'deploy.host-taken', 'it would take paths that www leaves');
  assert.equal(claim('a.shop.all.example'), 'ok', 'a wildcard is for one label');
  assert.equal(claim('web-a-b-dev.d.localhost'), 'deploy.host-taken', 'the name of the project a-b');
  assert.equal(
    claim('pay-new-b-dev.d.localhost'),
    'deploy.host-taken',
    'the name of new-b, which published nothing yet',
  );
  for (const host of [
    'web-b-prod.d.localhost',
    '-b-dev.d.localhost',
    'web-banco-dev.d.localhost',
    'd.localhost',
    '*.d.localhost',
    'a.web-b-dev.d.localhost',
  ])
    assert.equal(claim(host), 'deploy.host-foreign', host);
  assert.equal(claim(null, 8443), 'deploy.port-taken');
  assert.equal(claim(null, 5432), 'deploy.port-taken');
  assert.equal(claim(null, 9000, 'd'.repeat(63)), 'network.name-too-long');
});
