/** What people have from `helm template` and `kustomize build`: hooks, comments, empty documents, services of every form. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifests, remarkRecords, reportManifest, translateManifests } from './index.ts';

const HOOKED = (kind: string, name: string, hook: string, spec: string): string =>
  `---
# Source: shop/templates/${name}.yaml
apiVersion: ${kind === 'Job' ? 'batch/v1' : 'v1'}
kind: ${kind}
metadata:
  name: ${name}
  annotations:
    "helm.sh/hook": ${hook}
    "helm.sh/hook-weight": "-5"
    "helm.sh/hook-delete-policy": before-hook-creation
${spec}
`;
const POD = 'spec: { restartPolicy: Never, containers: [{ name: c, image: shop/c }] }';
const JOB = `spec: { template: { ${POD} } }`;
const WEB = `---
# Source: shop/templates/empty.yaml
---
# Source: shop/templates/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web  \t
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: shop/web, ports: [{ containerPort: 80 }] }] }
---
null
`;

function translate(text: string) {
  const read = readManifests([{ path: 'rendered.yaml', text }]);
  assert.deepEqual(read.problems, []);
  return translateManifests(read.documents, { project: 'shop', environment: 'dev', contentKey: null });
}

function notes(text: string, language: 'en' | 'es' = 'en'): string[] {
  return reportManifest({ path: 'rendered.yaml', text }).notes.map(
    ({ line, field, treatment, text: said }) => `${line} ${field} ${treatment} ${said[language]}`,
  );
}

test('hooks that Helm makes at another time are left out, and told of', () => {
  const others = ['test', 'test-success', 'test-failure', 'pre-delete', 'post-delete', 'pre-rollback', 'post-rollback'];
  const text = [
    WEB,
    ...others.map((hook, index) => HOOKED('Pod', `check-${index}`, hook, POD)),
    HOOKED('Job', 'both', '"post-delete, pre-rollback"', JOB),
    HOOKED('Service', 'web', 'test', 'spec: {}'),
  ].join('');
  const { translation, problems } = translate(text);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    translation?.workloads.map(({ key }) => key.name),
    ['web'],
  );
  assert.deepEqual(translation?.services, []);
  const said = remarkRecords([{ path: 'rendered.yaml', text }]).map(({ en }) => en);
  assert.equal(said.length, 1);
  assert.match(
    said[0] ?? '',
    /^rendered\.yaml: left out, as hooks of Helm .*: Pod check-0 \(test\), .*Job both \(post-/,
  );
  assert.match(remarkRecords([{ path: 'rendered.yaml', text }])[0]?.es ?? '', /se omiten, por ser hooks de Helm/);
  assert.match(
    notes(text).join('\n'),
    /metadata\.annotations\['helm\.sh\/hook'\] emulated Pod check-0 is left out: a hook of Helm \(test\)/,
  );
  assert.match(notes(text, 'es').join('\n'), /Pod check-0 se omite: un hook de Helm \(test\)/);
});

test('hooks of an install and of an upgrade come with the rest, which is told', () => {
  for (const hook of [
    'pre-install',
    'post-install',
    'pre-install,pre-upgrade',
    '"post-install,post-delete"',
    'crd-install',
  ]) {
    const text = WEB + HOOKED('Job', 'migrate', hook, JOB);
    const names = translate(text).translation?.workloads.map(({ key }) => key.name);
    assert.deepEqual(names, ['web', 'migrate'], hook);
    assert.match(notes(text).join('\n'), /Job migrate: a hook of Helm .* in no order/, hook);
    assert.match(remarkRecords([{ path: 'rendered.yaml', text }])[0]?.es ?? '', /Job migrate: un hook de Helm/, hook);
  }
  // Nothing is said there, or nothing that is a hook.
  for (const hook of ['""', '","', '[test]', 'null']) {
    const read = readManifests([{ path: 'a.yaml', text: HOOKED('Pod', 'p', hook, POD) }]);
    assert.deepEqual([read.documents.length, read.untimely.length], [1, 0], hook);
  }
});

test('annotations of Helm on an Ingress steer no controller', () => {
  const text = `${WEB}---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { helm.sh/resource-policy: keep, helm.sh/hook: post-install, helm.sh/hook-weight: "1" } }
spec: { defaultBackend: { service: { name: web, port: { number: 80 } } } }
`;
  assert.deepEqual(translate(text).problems, []);
});

test('what charts ask of other edges is refused with what does it here, and taken where it holds anyway', () => {
  const said = (annotation: string, language: 'en' | 'es' = 'en'): string =>
    notes(
      `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { ${annotation} } }
spec: { defaultBackend: { service: { name: web, port: { number: 80 } } } }
`,
      language,
    )
      .filter((note) => note.includes('refused'))
      .join();
  assert.match(said('nginx.ingress.kubernetes.io/proxy-body-size: 50m'), /that is darsena\/body-limit/);
  assert.match(said('nginx.ingress.kubernetes.io/proxy-body-size: 50m', 'es'), /eso es darsena\/body-limit/);
  assert.match(said('kubernetes.io/tls-acme: "true"'), /darsena certificate; leave it out/);
  assert.match(said('kubernetes.io/ingress.class: nginx'), /leave it out, or write darsena/);
  assert.match(said('nginx.ingress.kubernetes.io/ssl-redirect: "false"'), /without exception/);
  assert.match(said('nginx.ingress.kubernetes.io/rewrite-target: /'), /has no such annotation/);
  for (const holds of [
    'nginx.ingress.kubernetes.io/ssl-redirect: "true"',
    'nginx.ingress.kubernetes.io/force-ssl-redirect: "true"',
    'kubernetes.io/tls-acme: "false"',
    'kubernetes.io/ingress.class: darsena',
  ])
    assert.equal(said(holds), '', holds);
});

test('a headless Service goes without ports, and no other', () => {
  const service = (spec: string): string =>
    `${WEB}---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ${spec} }\n`;
  const headless = translate(service('clusterIP: None, selector: { app: web }'));
  assert.deepEqual(headless.problems, []);
  assert.deepEqual(headless.translation?.services, [
    { project: 'shop', environment: 'dev', name: 'web', selector: { app: 'web' }, ports: [] },
  ]);
  const problems = (spec: string): string[] =>
    translate(service(spec)).problems.map(({ field, kind, text }) => `${field} ${kind} ${text.en}`);
  for (const spec of [
    'selector: { app: web }',
    'selector: { app: web }, ports: []',
    'selector: { app: web }, type: NodePort',
  ])
    assert.deepEqual(problems(spec), [
      'spec.ports missing-field ports is missing; only a headless Service (clusterIP: None) goes without',
    ]);
  for (const spec of [
    'ports: [{ port: 80 }]',
    'ports: [{ port: 80 }], selector: {}',
    'ports: [{ port: 80 }], selector: null',
  ])
    assert.match(problems(spec).join(), /^spec\.selector missing-field selector is missing/);
  // What it lacks besides is no fault of an ExternalName.
  const outer = translate(service('type: ExternalName, externalName: db.example.org')).problems;
  assert.deepEqual(
    outer.map(({ field, kind }) => `${field} ${kind}`),
    ['spec.type refused', 'spec.externalName refused'],
  );
});

test('an affinity to nodes of Linux holds on every host, and any other is refused', () => {
  const affinity = (terms: string): string[] =>
    translate(`apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: ${terms} } } }
  containers: [{ name: c, image: shop/c }]
`).problems.map(({ kind }) => kind);
  const os = (rest: string): string => `{ matchExpressions: [{ key: kubernetes.io/os, ${rest} }] }`;
  const disk = '{ matchExpressions: [{ key: disk, operator: In, values: [ssd] }] }';
  for (const terms of [
    `[${os('operator: In, values: [linux]')}]`,
    `[${os('operator: In, values: [windows, linux]')}]`,
    `[${os('operator: NotIn, values: [windows]')}]`,
    `[${os('operator: Exists')}]`,
    // One of the terms is enough, as in Kubernetes.
    `[${disk}, ${os('operator: In, values: [linux]')}]`,
    '[{ matchExpressions: [{ key: beta.kubernetes.io/os, operator: In, values: [linux] }] }]',
  ])
    assert.deepEqual(affinity(terms), [], terms);
  for (const terms of [
    `[${disk}]`,
    '[{}]',
    '[{ matchExpressions: [] }]',
    `[${os('operator: In, values: [windows]')}]`,
    `[${os('operator: NotIn, values: [linux]')}]`,
    `[${os('operator: In, values: []')}]`,
    `[${os('operator: DoesNotExist')}]`,
    '[{ matchExpressions: [{ key: kubernetes.io/os, operator: In, values: [linux] }, { key: disk, operator: In, values: [ssd] }] }]',
    '[{ matchExpressions: [{ key: kubernetes.io/os, operator: In, values: [linux] }], matchFields: [{ key: metadata.name, operator: In, values: [n] }] }]',
  ])
    assert.deepEqual(affinity(terms), ['refused'], terms);
  const selector = (label: string): number =>
    translate(
      `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { nodeSelector: { ${label} }, containers: [{ name: c, image: shop/c }] }`,
    ).problems.length;
  assert.deepEqual(
    ['beta.kubernetes.io/os: linux', 'kubernetes.io/os: linux', 'beta.kubernetes.io/os: windows'].map(selector),
    [0, 0, 1],
  );
});
