import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostName } from '../engines/local/labels.ts';
import { checkComposition } from '../engines/local/wanted-reader.ts';
import { pinTranslation, readManifests, remarkRecords, reportManifest, saidBy, translateManifests } from './index.ts';

/** What `kubectl get -o yaml` of a cluster of 1.36 writes at the head of an object. */
const head = (kind: string, apiVersion: string, name: string, more = ''): string => `
- apiVersion: ${apiVersion}
  kind: ${kind}
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"${apiVersion}","kind":"${kind}","metadata":{"annotations":{},"name":"${name}","namespace":"shop"}}
    creationTimestamp: "2026-09-20T08:14:02Z"
    generation: 3
${more}    name: ${name}
    namespace: shop
    resourceVersion: "48190"
    uid: 7b1e2c3d-4f5a-6b7c-8d9e-0f1a2b3c4d5e`;

const CONTAINER = (name: string, indent: string, mounts = ''): string =>
  `- env:
  - name: POD
    valueFrom:
      fieldRef:
        apiVersion: v1
        fieldPath: metadata.name
  image: shop/web
  imagePullPolicy: IfNotPresent
  livenessProbe:
    failureThreshold: 3
    httpGet:
      path: /live
      port: http
      scheme: HTTP
    periodSeconds: 10
    successThreshold: 1
    timeoutSeconds: 1
  name: ${name}
  ports:
  - containerPort: 8080
    name: http
    protocol: TCP
  resources: {}
  terminationMessagePath: /dev/termination-log
  terminationMessagePolicy: File
  volumeMounts:
  - mountPath: /etc/shop
    name: settings
${mounts}`.replace(/^(?=.)/gm, indent);

const SPEC_END = (indent: string, more = ''): string =>
  `dnsPolicy: ClusterFirst
restartPolicy: Always
schedulerName: default-scheduler
securityContext: {}
serviceAccount: web
serviceAccountName: web
terminationGracePeriodSeconds: 30
${more}volumes:
- configMap:
    defaultMode: 420
    name: settings
  name: settings
`.replace(/^(?=.)/gm, indent);

const OWNER = (kind: string, name: string): string => `    ownerReferences:
    - apiVersion: apps/v1
      blockOwnerDeletion: true
      controller: true
      kind: ${kind}
      name: ${name}
      uid: 06d5c182-5135-4676-9ceb-6b5cc52b9519
`;

const POD_MORE = `enableServiceLinks: true
nodeName: node-1
preemptionPolicy: PreemptLowerPriority
priority: 0
tolerations:
- effect: NoExecute
  key: node.kubernetes.io/not-ready
  operator: Exists
  tolerationSeconds: 300
- effect: NoExecute
  key: node.kubernetes.io/unreachable
  operator: Exists
  tolerationSeconds: 300
`;

const TOKEN = `- name: kube-api-access-lb9mh
  projected:
    defaultMode: 420
    sources:
    - serviceAccountToken:
        expirationSeconds: 3607
        path: token
    - configMap:
        items:
        - key: ca.crt
          path: ca.crt
        name: kube-root-ca.crt
    - downwardAPI:
        items:
        - fieldRef:
            apiVersion: v1
            fieldPath: metadata.namespace
          path: namespace
`;

const POD_STATUS = `
  status:
    conditions:
    - lastProbeTime: null
      lastTransitionTime: "2026-09-20T08:14:09Z"
      observedGeneration: 3
      status: "True"
      type: Ready
    containerStatuses:
    - containerID: containerd://e3fdf6c0c31fb6c1da6ff9640dd372319652209e5fb6a1292cdee94a842f028f
      image: shop/web:latest
      imageID: shop/web@sha256:b1eeaac712d6f2566bfa65b73bc67f303f4675fe2a00728ce5ea9f22728fa146
      lastState: {}
      name: web
      ready: true
      restartCount: 0
      started: true
      state:
        running:
          startedAt: "2026-09-20T08:14:08Z"
      user:
        linux: { gid: 0, supplementalGroups: [0], uid: 0 }
    hostIP: 192.168.49.2
    hostIPs:
    - ip: 192.168.49.2
    phase: Running
    podIP: 10.244.0.28
    podIPs:
    - ip: 10.244.0.28
    qosClass: BestEffort
    startTime: "2026-09-20T08:14:02Z"`;

const podOf = (name: string, more: string): string => `${head('Pod', 'v1', name, more)}
  spec:
    containers:
${CONTAINER('web', '    ', '  - mountPath: /var/run/secrets/kubernetes.io/serviceaccount\n    name: kube-api-access-lb9mh\n    readOnly: true')}
${SPEC_END('    ', POD_MORE)}${TOKEN.replace(/^(?=.)/gm, '    ')}${POD_STATUS}`;

const template = (indent: string, app: string): string =>
  `template:
  metadata:
    annotations:
      kubectl.kubernetes.io/restartedAt: "2026-09-21T10:00:00+02:00"
    creationTimestamp: null
    labels:
      app: ${app}
  spec:
    containers:
${CONTAINER('web', '    ')}
${SPEC_END('    ')}`.replace(/^(?=.)/gm, indent);

const DEPLOYMENT = `${head('Deployment', 'apps/v1', 'web')}
  spec:
    progressDeadlineSeconds: 600
    replicas: 2
    revisionHistoryLimit: 10
    selector:
      matchLabels:
        app: web
    strategy:
      rollingUpdate:
        maxSurge: 25%
        maxUnavailable: 25%
      type: RollingUpdate
${template('    ', 'web')}
  status:
    availableReplicas: 2
    conditions:
    - lastTransitionTime: "2026-09-20T08:14:10Z"
      lastUpdateTime: "2026-09-20T08:14:10Z"
      message: Deployment has minimum availability.
      reason: MinimumReplicasAvailable
      status: "True"
      type: Available
    observedGeneration: 3
    readyReplicas: 2
    replicas: 2
    updatedReplicas: 2`;

const REPLICA_SET = `${head('ReplicaSet', 'apps/v1', 'web-848cf77669', OWNER('Deployment', 'web'))}
  spec:
    replicas: 2
    selector: { matchLabels: { app: web, pod-template-hash: 848cf77669 } }
${template('    ', 'web')}
  status: { replicas: 2 }`;

const POD_LABELS = `    generateName: web-848cf77669-
    labels:
      app: web
      pod-template-hash: 848cf77669
`;
const OWNED_POD = podOf('web-848cf77669-79xt9', `${POD_LABELS}${OWNER('ReplicaSet', 'web-848cf77669')}`);
const LONE_POD = podOf('lone', '    labels:\n      app: lone\n');

const SETTINGS = `${head('ConfigMap', 'v1', 'settings')}
  data:
    color: blue`;

const serviceOf = (name: string, spec: string, annotations = ''): string => `${head('Service', 'v1', name, annotations)}
  spec:
    clusterIP: 10.96.141.22
    clusterIPs:
    - 10.96.141.22
    internalTrafficPolicy: Cluster
    ipFamilies:
    - IPv4
    ipFamilyPolicy: SingleStack
${spec.replace(/^(?=.)/gm, '    ')}
    selector:
      app: web
  status:
    loadBalancer: {}`;

const KINDS: readonly string[] = [
  DEPLOYMENT,
  LONE_POD,
  SETTINGS,
  `${head('StatefulSet', 'apps/v1', 'db')}
  spec:
    persistentVolumeClaimRetentionPolicy:
      whenDeleted: Retain
      whenScaled: Retain
    podManagementPolicy: OrderedReady
    replicas: 1
    revisionHistoryLimit: 10
    selector:
      matchLabels:
        app: db
    serviceName: db
${template('    ', 'db')}
    updateStrategy:
      rollingUpdate:
        partition: 0
      type: RollingUpdate
    volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        creationTimestamp: null
        name: data
      spec:
        accessModes:
        - ReadWriteOnce
        resources:
          requests:
            storage: 1Gi
        volumeMode: Filesystem
      status:
        phase: Pending
  status:
    availableReplicas: 1
    collisionCount: 0
    currentReplicas: 1
    currentRevision: db-5f9c
    observedGeneration: 1
    replicas: 1
    updateRevision: db-5f9c`,
  `${head('Service', 'v1', 'db')}
  spec:
    clusterIP: None
    clusterIPs:
    - None
    internalTrafficPolicy: Cluster
    ipFamilies:
    - IPv4
    ipFamilyPolicy: SingleStack
    ports:
    - port: 8080
      protocol: TCP
      targetPort: 8080
    selector:
      app: db
    sessionAffinity: None
    type: ClusterIP
  status:
    loadBalancer: {}`,
  `${head('PersistentVolumeClaim', 'v1', 'data-db-0', '    finalizers:\n    - kubernetes.io/pvc-protection\n    labels:\n      app: db\n')}
  spec:
    accessModes:
    - ReadWriteOnce
    resources:
      requests:
        storage: 1Gi
    volumeMode: Filesystem
    volumeName: pvc-14456f4a-ee9e-435d-a94f-5a2e820954e9
  status:
    accessModes:
    - ReadWriteOnce
    capacity:
      storage: 1Gi
    phase: Bound`,
  `${head('DaemonSet', 'apps/v1', 'each')}
  spec:
    revisionHistoryLimit: 10
    selector:
      matchLabels:
        app: each
${template('    ', 'each')}
    updateStrategy:
      rollingUpdate:
        maxSurge: 0
        maxUnavailable: 1
      type: RollingUpdate
  status:
    currentNumberScheduled: 1
    desiredNumberScheduled: 1
    numberAvailable: 1
    numberMisscheduled: 0
    numberReady: 1
    observedGeneration: 1
    updatedNumberScheduled: 1`,
  `${head('Job', 'batch/v1', 'once', '    labels:\n      batch.kubernetes.io/controller-uid: 5d1c0e2a-1b2c-4d3e-8f4a-9b0c1d2e3f4a\n      batch.kubernetes.io/job-name: once\n      controller-uid: 5d1c0e2a-1b2c-4d3e-8f4a-9b0c1d2e3f4a\n      job-name: once\n')}
  spec:
    backoffLimit: 6
    completionMode: NonIndexed
    completions: 1
    manualSelector: false
    parallelism: 1
    podReplacementPolicy: TerminatingOrFailed
    selector:
      matchLabels:
        batch.kubernetes.io/controller-uid: 5d1c0e2a-1b2c-4d3e-8f4a-9b0c1d2e3f4a
    suspend: false
    template:
      metadata:
        creationTimestamp: null
        labels:
          batch.kubernetes.io/controller-uid: 5d1c0e2a-1b2c-4d3e-8f4a-9b0c1d2e3f4a
          batch.kubernetes.io/job-name: once
          controller-uid: 5d1c0e2a-1b2c-4d3e-8f4a-9b0c1d2e3f4a
          job-name: once
      spec:
        containers:
        - command: [echo, done]
          image: shop/web
          imagePullPolicy: Always
          name: once
          resources: {}
          terminationMessagePath: /dev/termination-log
          terminationMessagePolicy: File
        dnsPolicy: ClusterFirst
        restartPolicy: Never
        schedulerName: default-scheduler
        securityContext: {}
        terminationGracePeriodSeconds: 30
  status:
    completionTime: "2026-09-20T08:15:02Z"
    ready: 0
    startTime: "2026-09-20T08:14:02Z"
    succeeded: 1
    terminating: 0
    uncountedTerminatedPods: {}`,
  `${head('CronJob', 'batch/v1', 'nightly')}
  spec:
    concurrencyPolicy: Allow
    failedJobsHistoryLimit: 1
    jobTemplate:
      metadata:
        creationTimestamp: null
      spec:
        template:
          metadata:
            creationTimestamp: null
          spec:
            containers:
            - image: shop/web
              imagePullPolicy: Always
              name: nightly
              resources: {}
              terminationMessagePath: /dev/termination-log
              terminationMessagePolicy: File
            dnsPolicy: ClusterFirst
            restartPolicy: OnFailure
            schedulerName: default-scheduler
            securityContext: {}
            terminationGracePeriodSeconds: 30
    schedule: 0 3 * * *
    successfulJobsHistoryLimit: 3
    suspend: false
  status:
    lastScheduleTime: "2026-09-21T03:00:00Z"`,
  serviceOf(
    'web',
    'ports:\n- name: http\n  port: 80\n  protocol: TCP\n  targetPort: http\nsessionAffinity: None\ntype: ClusterIP',
  ),
  serviceOf(
    'node',
    'externalTrafficPolicy: Cluster\nports:\n- nodePort: 31080\n  port: 81\n  protocol: TCP\n  targetPort: 8080\nsessionAffinity: ClientIP\nsessionAffinityConfig:\n  clientIP:\n    timeoutSeconds: 10800\ntype: NodePort',
  ),
  serviceOf(
    'outer',
    'allocateLoadBalancerNodePorts: true\nexternalTrafficPolicy: Local\nhealthCheckNodePort: 31222\nports:\n- nodePort: 31081\n  port: 8443\n  protocol: TCP\n  targetPort: 8080\nsessionAffinity: None\ntype: LoadBalancer',
    '    finalizers:\n    - service.kubernetes.io/load-balancer-cleanup\n',
  ),
  `${head('Ingress', 'networking.k8s.io/v1', 'web')}
  spec:
    rules:
    - host: shop.example.org
      http:
        paths:
        - backend:
            service:
              name: web
              port:
                name: http
          path: /
          pathType: Prefix
  status:
    loadBalancer:
      ingress:
      - ip: 192.168.49.2`,
  `${head('NetworkPolicy', 'networking.k8s.io/v1', 'web')}
  spec:
    podSelector:
      matchLabels:
        app: web
    policyTypes:
    - Ingress`,
  `${head('Secret', 'v1', 'keys')}
  data:
    token: czNjcjN0
  type: Opaque`,
  `${head('HorizontalPodAutoscaler', 'autoscaling/v2', 'web')}
  spec:
    maxReplicas: 4
    metrics:
    - resource:
        name: cpu
        target:
          averageValue: 500m
          type: AverageValue
      type: Resource
    minReplicas: 1
    scaleTargetRef:
      apiVersion: apps/v1
      kind: Deployment
      name: web
  status:
    conditions:
    - lastTransitionTime: "2026-09-20T08:14:17Z"
      message: recommended size matches current size
      reason: ReadyForNewScale
      status: "True"
      type: AbleToScale
    currentMetrics: null
    currentReplicas: 2
    desiredReplicas: 2`,
  `${head('VerticalPodAutoscaler', 'autoscaling.k8s.io/v1', 'db')}
  spec:
    targetRef:
      apiVersion: apps/v1
      kind: StatefulSet
      name: db
    updatePolicy:
      updateMode: "Off"
  status:
    conditions:
    - status: "True"
      type: RecommendationProvided
    recommendation:
      containerRecommendations:
      - containerName: web
        target: { cpu: 25m, memory: 262144k }`,
  `${head('PodDisruptionBudget', 'policy/v1', 'web')}
  spec:
    minAvailable: 1
    selector:
      matchLabels:
        app: web
  status:
    conditions: []
    currentHealthy: 2
    desiredHealthy: 1
    disruptionsAllowed: 1
    expectedPods: 2
    observedGeneration: 1`,
  `${head('ServiceAccount', 'v1', 'web')}
  secrets:
  - name: web-token-x2x9q`,
  `
- apiVersion: v1
  kind: Namespace
  metadata:
    creationTimestamp: "2026-09-20T08:14:02Z"
    labels:
      kubernetes.io/metadata.name: shop
    name: shop
    resourceVersion: "12"
    uid: 7b1e2c3d-4f5a-6b7c-8d9e-0f1a2b3c4d5e
  spec:
    finalizers:
    - kubernetes
  status:
    phase: Active`,
];

const listOf = (items: readonly string[]): string => `apiVersion: v1
items:${items.join('')}
kind: List
metadata:
  resourceVersion: ""
`;

function translate(...texts: string[]) {
  const read = readManifests(texts.map((text, index) => ({ path: `${index}.yaml`, text })));
  const { translation, problems } = translateManifests(read.documents, {
    project: 'shop',
    environment: 'dev',
    contentKey: null,
  });
  const said = [...read.problems, ...problems].map(
    ({ line, kind, field, text }) => `${line} ${kind} ${field} ${text.en}`,
  );
  return { read, translation, said };
}

test('what kubectl get -o yaml writes of every kind is deployed as it is', () => {
  const { translation, said } = translate(listOf(KINDS));
  assert.deepEqual(said, []);
  const one = (name: string) => translation?.workloads.find(({ key }) => key.name === name);
  assert.equal(one('web')?.replicas, 2);
  const lone = one('lone')?.pod;
  assert.deepEqual(
    lone?.volumes.map(({ name }) => name),
    ['settings'],
  );
  assert.deepEqual(
    lone?.containers[0]?.mounts.map(({ path }) => path),
    ['/etc/shop'],
  );
  assert.deepEqual(one('once')?.controller?.kind, 'job');
  assert.deepEqual(
    translation?.listeners?.map(({ service, port }) => `${service} ${port}`),
    ['node 31080', 'outer 8443'],
  );
  assert.deepEqual(
    translation?.volumes.map(({ claim }) => claim),
    ['data-db-0'],
  );
});

test('each record of a server is told of once, with how it is treated, and nothing of it is refused', () => {
  const report = reportManifest({ path: 'all.yaml', text: listOf(KINDS) });
  assert.equal(report.documents, KINDS.length);
  const refused = report.notes.filter(({ treatment }) => treatment !== 'emulated');
  assert.deepEqual(refused, []);
  const told = (field: string): number => report.notes.filter((note) => note.field === field).length;
  assert.equal(told('metadata.uid'), KINDS.length);
  assert.equal(told('spec.clusterIP'), 3);
  assert.equal(told('spec.volumes[1]'), 1);
  assert.equal(told('spec.template.metadata.creationTimestamp'), 0);
  assert.ok(!report.notes.some(({ field }) => field.startsWith('status.')));
  assert.ok(report.notes.every(({ text }) => text.en !== '' && text.es !== '' && text.en !== text.es));
  const [remark, ...others] = remarkRecords([{ path: 'all.yaml', text: listOf(KINDS) }]);
  assert.match(remark?.en ?? '', /^all\.yaml: .*Deployment\.metadata\.creationTimestamp/);
  assert.deepEqual(
    others.map(({ en }) => en.split(': ')[1]),
    ['Pod.spec.enableServiceLinks'],
  );
  assert.deepEqual(
    remarkRecords([{ path: 'own.yaml', text: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }' }]),
    [],
  );
});

test('what a controller made is left out where its owner is there, and stands by itself where it is not', () => {
  const all = translate(listOf([DEPLOYMENT, REPLICA_SET, OWNED_POD, SETTINGS]));
  assert.deepEqual(all.said, []);
  assert.deepEqual(
    all.translation?.workloads.map(({ key }) => key.name),
    ['web'],
  );
  assert.deepEqual(
    all.read.owned.map(({ owner }) => owner),
    ['Deployment web', 'ReplicaSet web-848cf77669'],
  );
  // Across files, and without the ReplicaSet between.
  assert.equal(translate(listOf([DEPLOYMENT, SETTINGS]), listOf([OWNED_POD])).translation?.workloads.length, 1);
  const report = reportManifest({ path: 'all.yaml', text: listOf([DEPLOYMENT, REPLICA_SET, OWNED_POD, SETTINGS]) });
  assert.equal(report.documents, 4);
  assert.equal(report.notes.filter(({ text }) => / is left out: /.test(text.en)).length, 2);
  assert.deepEqual(
    report.notes.filter(({ treatment }) => treatment !== 'emulated'),
    [],
  );
  assert.equal(remarkRecords([{ path: 'all.yaml', text: listOf([DEPLOYMENT, OWNED_POD, SETTINGS]) }]).length, 2);

  const alone = translate(listOf([OWNED_POD, SETTINGS]));
  assert.deepEqual(alone.said, []);
  assert.equal(alone.translation?.workloads[0]?.key.name, 'web-848cf77669-79xt9');
});

test('what nobody makes anew stays, whatever it says of its owner', () => {
  const policy = (name: string): string =>
    `{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: closed, ownerReferences: [{ kind: ${name}, name: web, controller: true }] }, spec: { podSelector: {} } }`;
  for (const kind of ['Deployment', 'NetworkPolicy', 'constructor']) {
    const { translation, said, read } = translate(listOf([DEPLOYMENT, SETTINGS]), policy(kind));
    assert.deepEqual([said, read.owned], [[], []], kind);
    assert.deepEqual(
      translation?.policies.map(({ name }) => name),
      ['closed'],
      kind,
    );
  }
  const own = DEPLOYMENT.replace(
    /^(\s*)name: web$/m,
    '$1name: web\n$1ownerReferences: [{ kind: Deployment, name: web, controller: true }]',
  );
  assert.notEqual(own, DEPLOYMENT);
  assert.equal(translate(listOf([own, SETTINGS])).translation?.workloads.length, 1, 'its own owner');
});

test('what is called like the token of a cluster is left aside only where it is one, or policies would not see it', () => {
  const place = '/var/run/secrets/kubernetes.io/serviceaccount';
  const pod = (volume: string, mount: string) =>
    translate(`
apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  volumes: [{ name: kube-api-access-abcde, ${volume} }]
  containers: [{ name: c, image: i, volumeMounts: [{ name: kube-api-access-abcde, ${mount} }] }]
`);
  const token = 'projected: { sources: [{ serviceAccountToken: { path: token } }] }';
  const { said, translation } = pod(token, `mountPath: ${place}, readOnly: true`);
  assert.deepEqual(said, []);
  const [made] = translation?.workloads ?? [];
  assert.deepEqual([made?.pod.volumes, made?.pod.containers[0]?.mounts], [[], []]);
  for (const [volume, mount] of [
    ['emptyDir: {}', `mountPath: ${place}`],
    ['emptyDir: {}', `mountPath: ${place}, subPath: ../..`],
    [token, 'mountPath: /token'],
  ] as const) {
    const refused = pod(volume, mount);
    assert.equal(refused.translation, null, `${volume} ${mount}`);
    assert.match(
      refused.said.join(),
      /refused spec\.containers\[0\]\.volumeMounts\[0\]\.name .*calls its token/,
      mount,
    );
  }
});

test('what an author writes of these fields is no record, and is refused with its reason', () => {
  const own = (text: string): string[] => translate(text).said.map((one) => one.replace(/^\d+ /, ''));
  const service = (spec: string): string[] =>
    own(`apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }], ${spec} }`);
  assert.match(
    service('selector: { app: a }, clusterIP: 10.96.0.10').join(),
    /spec\.clusterIP .*no address of its own/,
  );
  assert.match(service('type: ClusterIP').join(), /spec\.selector selector is missing: a Service without one/);
  const pod = (spec: string): string =>
    own(
      `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [{ name: c, image: i }], ${spec} }`,
    ).join();
  assert.match(pod('nodeName: node-1'), /refused spec\.nodeName/);
  // Charts write what holds in Kubernetes anyway, and so asks for nothing.
  assert.equal(pod('enableServiceLinks: true'), '');
  assert.match(pod('automountServiceAccountToken: true'), /refused spec\.automountServiceAccountToken/);
  assert.match(
    pod('volumes: [{ name: t, projected: { sources: [{ serviceAccountToken: { path: token } }] } }]'),
    /refused spec\.volumes\[0\]\.projected\.sources\[0\]\.serviceAccountToken/,
  );
  assert.match(
    own(
      'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: d }\nspec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } }, volumeName: mine }',
    ).join(),
    /refused spec\.volumeName/,
  );
  assert.match(
    own('apiVersion: v1\nkind: Pod\nmetadata: { generateName: p- }\nspec: {}').join(),
    /refused metadata\.generateName/,
  );
  assert.deepEqual(
    own('apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: web }\nautomountServiceAccountToken: true'),
    [],
  );
});

test('policies see an object without what another cluster recorded', () => {
  const [document] = translate(listOf([LONE_POD])).read.documents;
  const said = saidBy(document?.value ?? null) as {
    status?: unknown;
    metadata: Record<string, unknown>;
    spec: Record<string, unknown> & { volumes: unknown[] };
  };
  assert.deepEqual(Object.keys(said.metadata).sort(), ['annotations', 'labels', 'name', 'namespace']);
  assert.equal(said.status, undefined);
  assert.equal(said.spec['nodeName'], undefined);
  assert.equal(said.spec.volumes.length, 1);
});

test('limits of processes are said by an annotation, of all containers or of one, and reach the order for the engine', () => {
  const pod = (value: string) =>
    translate(`
apiVersion: v1
kind: Pod
metadata: { name: p, annotations: { darsena/ulimits: "${value}" } }
spec: { initContainers: [{ name: first, image: i }], containers: [{ name: web, image: i }, { name: side, image: i }] }
`);
  const { translation, said } = pod('core=0; web: nofile=1024:2048, core=-1');
  assert.deepEqual(said, []);
  assert.ok(translation);
  const pinned = pinTranslation(translation, new Map([['i', `registry.test/i@sha256:${'0'.repeat(64)}`]]));
  checkComposition(pinned);
  const [made] = pinned.workloads;
  assert.deepEqual(
    [...(made?.pod.initContainers ?? []), ...(made?.pod.containers ?? [])].map(({ ulimits }) => ulimits),
    [
      { core: { soft: 0, hard: 0 } },
      { core: { soft: -1, hard: -1 }, nofile: { soft: 1024, hard: 2048 } },
      { core: { soft: 0, hard: 0 } },
    ],
  );
  assert.match(
    pod('nofile=many').said.join(),
    /wrong-value metadata\.annotations\['darsena\/ulimits'\] expected limits such as/,
  );
  assert.match(pod('wep: nofile=1').said.join(), /missing-target .*no container wep; web is near/);
});

test('names have the length that Kubernetes gives them, up to what the host is asked to run', () => {
  const long = `web-${'x'.repeat(59)}`;
  const config = `settings.${'y'.repeat(60)}.example.org`;
  const { translation, said } = translate(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${long} }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: ${long}
          image: i
          env: [{ name: A, valueFrom: { configMapKeyRef: { name: ${config}, key: a } } }]
---
{ apiVersion: v1, kind: ConfigMap, metadata: { name: ${config} }, data: { a: b } }
---
{ apiVersion: v1, kind: Service, metadata: { name: ${long} }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web.example.org }
spec: { rules: [{ host: web.example.org, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${long}, port: { number: 80 } } } }] } }] }
---
{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: web.example.org }, spec: { podSelector: {} } }
---
{ apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: { name: web.example.org }, spec: { minAvailable: 1, selector: { matchLabels: { app: web } } } }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ${long.slice(0, 52)} }
spec:
  selector: { matchLabels: { app: db } }
  volumeClaimTemplates:
    - { metadata: { name: ${long} }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }
  template:
    metadata: { labels: { app: db } }
    spec: { containers: [{ name: db, image: i, volumeMounts: [{ name: ${long}, mountPath: /data }] }] }
`);
  assert.deepEqual(said, []);
  assert.ok(translation);
  const pinned = pinTranslation(translation, new Map([['i', `registry.test/i@sha256:${'0'.repeat(64)}`]]));
  checkComposition(pinned);
  const identity = {
    key: { project: 'shop', environment: 'dev', name: long },
    specHash: `sha256:${'0'.repeat(64)}`,
    slot: 12,
  };
  assert.equal(hostName(identity).length, 63);
  for (const [kind, apiVersion, name] of [
    ['Deployment', 'apps/v1', `${long}x`],
    ['StatefulSet', 'apps/v1', long.slice(0, 53)],
    ['CronJob', 'batch/v1', long.slice(0, 53)],
  ] as const) {
    const [first = ''] = translate(
      `{ apiVersion: ${apiVersion}, kind: ${kind}, metadata: { name: ${name} }, spec: {} }`,
    ).said;
    assert.match(first, /metadata\.name expected .* at most (?:63|52)/, kind);
  }
});
