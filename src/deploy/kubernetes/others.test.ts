import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportManifest } from './report.ts';

/** What a deploy would say of a text, a line each. */
function say(text: string, language: 'en' | 'es' = 'en'): string[] {
  return reportManifest({ path: 'a.yaml', text }).notes.map(
    ({ line, field, treatment, text: said }) => `${line} ${field} ${treatment} ${said[language]}`,
  );
}

const pod = (name: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: c, image: i}]}\n`;

test('a list of objects without a kind is refused with the way out, and lists of the API are taken', () => {
  assert.match(
    say('- apiVersion: v1\n  kind: Pod\n').join(),
    /^1 {2}wrong a list of objects is no manifest, .* kind: List/,
  );
  assert.match(say('[]', 'es').join(), /kind: List y los objetos en items/);
  const list = {
    apiVersion: 'v1',
    kind: 'PodList',
    items: [{ metadata: { name: 'a' }, spec: { containers: [{ name: 'c', image: 'i' }] } }],
  };
  assert.deepEqual(say(JSON.stringify(list)), []);
  assert.equal(reportManifest({ path: 'a.json', text: JSON.stringify(list) }).documents, 1);
  assert.match(
    say(JSON.stringify({ ...list, itemz: 1 })).join(),
    /itemz wrong a PodList has apiVersion, kind, metadata and items/,
  );
  assert.match(say('apiVersion: v1\nkind: List\n').join(), /items wrong items is missing/);
  assert.match(say('kind: List\nitems: []\n').join(), /apiVersion is missing/);
});

test('what is not there is told where it stands, in both languages, whatever way the text is broken', () => {
  assert.match(
    say(`${pod('a')}---\napiVersion: v1\n kind: Pod\n`, 'es').join(),
    /^6 {2}wrong el YAML no se puede leer: .* corregir el sangrado de la línea siguiente/,
  );
  assert.match(say(`${pod('a')}---\n\tkind: Pod\n`, 'es').join(), /un tabulador en el sangrado/);
  assert.match(
    say('apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n').join(),
    /^4 .* is a template/,
  );
});

const VERSIONS: readonly (readonly [kind: string, version: string, says: RegExp])[] = [
  ...['extensions/v1beta1', 'apps/v1beta1', 'apps/v1beta2'].map(
    (version) => ['Deployment', version, /write apiVersion: apps\/v1, with spec\.selector/] as const,
  ),
  ...['apps/v1beta1', 'apps/v1beta2'].map(
    (version) => ['StatefulSet', version, /apps\/v1, with spec\.selector/] as const,
  ),
  ...['extensions/v1beta1', 'apps/v1beta2'].map(
    (version) => ['DaemonSet', version, /apps\/v1, with spec\.selector/] as const,
  ),
  ['CronJob', 'batch/v1beta1', /write apiVersion: batch\/v1, with the same fields/],
  ['Ingress', 'extensions/v1beta1', /networking\.k8s\.io\/v1, where spec\.backend is spec\.defaultBackend/],
  ['Ingress', 'networking.k8s.io/v1beta1', /each path needs a pathType/],
  ['NetworkPolicy', 'extensions/v1beta1', /networking\.k8s\.io\/v1, with the same fields/],
  ['PodDisruptionBudget', 'policy/v1beta1', /policy\/v1, .* an empty selector/],
  ['HorizontalPodAutoscaler', 'autoscaling/v2beta1', /autoscaling\/v2, where targetAverageUtilization/],
  ['HorizontalPodAutoscaler', 'autoscaling/v2beta2', /autoscaling\/v2, with the same fields/],
  ['VerticalPodAutoscaler', 'autoscaling.k8s.io/v1beta2', /autoscaling\.k8s\.io\/v1, with the same fields/],
];

test('a version that Kubernetes removed is refused with the one to write and what changed in its fields', () => {
  for (const [kind, version, says] of VERSIONS) {
    const text = `apiVersion: ${version}\nkind: ${kind}\nmetadata: {name: a}\nspec: {}\n`;
    const line = say(text).find((one) => one.startsWith('1 apiVersion refused')) ?? '';
    assert.match(line, says, `${kind} ${version}: ${say(text).join('; ')}`);
    assert.notEqual(
      say(text, 'es').find((one) => one.startsWith('1 apiVersion')),
      line,
    );
  }
  const ingress = `apiVersion: networking.k8s.io/v1beta1
kind: Ingress
metadata: {name: a}
spec:
  backend: {serviceName: a, servicePort: 80}
  rules:
    - host: a.example.org
      http: {paths: [{path: /, backend: {serviceName: a, servicePort: 80}}]}
`;
  const said = say(ingress).join('\n');
  assert.match(said, /5 spec\.backend wrong it is of an earlier version; now it is written spec\.defaultBackend/);
  assert.match(said, /backend\.serviceName wrong .* service\.name/);
  assert.match(said, /pathType is missing/);
  assert.match(
    say('apiVersion: apps/v3\nkind: Deployment\nmetadata: {name: a}\nspec: {}').join(),
    /expected apps\/v1, got "apps\/v3"/,
  );
});

test('autoscaling/v1, which Kubernetes still serves, is read as the v2 that it stands for', () => {
  const scaler = (rest: string, annotations = ''): string =>
    `apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a${annotations}}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 1\n  maxReplicas: 4\n${rest}`;
  assert.deepEqual(say(scaler('  targetCPUUtilizationPercentage: 50\n')), []);
  assert.deepEqual(say(scaler('')), []);
  const wrong = say(scaler('  targetCPUUtilizationPercentage: many\n'));
  assert.equal(wrong.length, 1);
  assert.match(wrong[0] ?? '', /^8 .*expected a whole number.*got "many"/);
  assert.match(say(scaler('  behavior: {}\n')).join(), /1 apiVersion refused .* autoscaling\/v2/);
  assert.match(
    say(scaler('', ", annotations: {autoscaling.alpha.kubernetes.io/metrics: '[]'}")).join(),
    /1 apiVersion refused/,
  );
});

test('a kind that is not taken has its reason, whoever reads it elsewhere', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['rbac.authorization.k8s.io/v1', 'ClusterRole', /darsena member/],
    ['v1', 'ResourceQuota', /darsena quota set/],
    ['gateway.networking.k8s.io/v1', 'HTTPRoute', /reads an Ingress/],
    ['gateway.networking.k8s.io/v1', 'Gateway', /reads an Ingress/],
    ['networking.istio.io/v1', 'Gateway', /no service mesh/],
    ['argoproj.io/v1alpha1', 'Rollout', /darsena deploy, promote/],
    ['argoproj.io/v1alpha1', 'CronWorkflow', /a CronJob: write that/],
    ['kubelet.config.k8s.io/v1beta1', 'KubeletConfiguration', /the file of another tool/],
    ['skaffold/v4beta1', 'Config', /the file of another tool/],
    ['gateway.networking.k8s.io/v1alpha2', 'TCPRoute', /type LoadBalancer or NodePort/],
    ['coordination.k8s.io/v1', 'Lease', /elect a leader/],
    ['serving.knative.dev/v1', 'Service', /write a Deployment/],
    ['apps.openshift.io/v1', 'DeploymentConfig', /write a Deployment/],
    ['projectcalico.org/v3', 'NetworkPolicy', /networking\.k8s\.io\/v1/],
    ['cert-manager.io/v1', 'Certificate', /darsena certificate/],
    ['kustomize.config.k8s.io/v1beta1', 'Kustomization', /kubectl kustomize/],
    ['acid.zalan.do/v1', 'postgresql', /is read by a controller .* a StatefulSet/],
    ['kafka.strimzi.io/v1beta2', 'Kafka', /is read by a controller/],
  ];
  for (const [apiVersion, kind, says] of cases) {
    const said = say(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\nspec: {x: 1}\n`);
    assert.equal(said.length, 1, said.join('; '));
    assert.match(said[0] ?? '', says);
    assert.match(said[0] ?? '', /^2 kind refused /);
  }
  assert.match(say('apiVersion: apps/v1\nkind: Deploymnet\n').join(), /no kind "Deploymnet"; Deployment is near/);
});

test('what Kubernetes takes though it is seldom written is taken', () => {
  const deployment = (pod: string): string =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {name: x, namespace: z, labels: {a: b}}\n    spec: ${pod}\n`;
  // A template's own name, one port under two names, a volume with a name alone, and `all` as run-times read it.
  assert.deepEqual(
    say(
      deployment(
        '{containers: [{name: c, image: i, ports: [{name: a, containerPort: 80}, {name: b, containerPort: 80}], volumeMounts: [{name: v, mountPath: /v}], securityContext: {capabilities: {drop: [all]}}}], volumes: [{name: v}]}',
      ),
    ).filter((line) => !line.includes(' emulated ')),
    [],
  );
  const of = (volume: string): string =>
    say(
      deployment(`{containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [${volume}]}`),
    )
      .filter((line) => !line.includes(' emulated '))
      .join();
  assert.equal(of('{name: v, nfs: null}'), '');
  // An empty kind of volume is none that anybody meant, and no emptyDir.
  for (const kind of ['hostPath: {}', 'ephemeral: {}', 'csi: {driver: null}'])
    assert.match(of(`{name: v, ${kind}}`), /exactly one of configMap, /, kind);
  assert.match(of('{name: v, constructor: {}}'), /has no field "constructor"/);
  const two =
    '{containers: [{name: c, image: i, ports: [{containerPort: 80}]}, {name: d, image: i, ports: [{containerPort: 80}]}]}';
  assert.match(say(deployment(two)).join(), /80\/TCP is there twice/);
  const ingress = (path: string): string[] =>
    say(
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: a.example.org, http: {paths: [{path: ${path}, pathType: ImplementationSpecific, backend: {service: {name: a, port: {number: 80}}}}]}}]}\n`,
    ).filter((line) => !line.includes(' emulated '));
  assert.deepEqual(ingress('/shop'), []);
  assert.match(ingress('/*').join(), /a pattern of another controller/);
});
