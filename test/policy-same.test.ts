import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asAsked, podsOf, toDocument } from '../src/admit/document.ts';
import { describeWorkload } from '../src/admit/workload.ts';
import { readManifests, saidBy, translateManifests } from '../src/deploy/kubernetes/index.ts';
import { workloadFacts } from '../src/deploy/workload-facts.ts';

// What `darsena policy test` asks is what a deploy asks: the one reads facts from the YAML, the other from what will run.

const CONTAINERS: readonly string[] = [
  '{ name: a, image: web }',
  '{ name: a, image: web, ports: [{ containerPort: 8080 }, { containerPort: 53, protocol: UDP }] }',
  '{ name: a, image: web, securityContext: { capabilities: { add: [CAP_NET_BIND_SERVICE], drop: [all] } } }',
  '{ name: a, image: web, securityContext: { capabilities: { add: [NET_BIND_SERVICE], drop: [ALL] } } }',
  '{ name: a, image: web, securityContext: { runAsUser: 0 } }',
  '{ name: a, image: web, securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true } }',
  '{ name: a, image: web, securityContext: { runAsUser: null, allowPrivilegeEscalation: null, capabilities: {} } }',
  '{ name: a, image: web, securityContext: { privileged: false, seccompProfile: { type: RuntimeDefault } } }',
  '{ name: a, image: web, resources: { limits: { cpu: 500m, memory: 64Mi } } }',
  '{ name: a, image: web, resources: { limits: { cpu: "0", memory: 0 } } }',
  '{ name: a, image: web, resources: { limits: { cpu: 0m, memory: 0Mi } } }',
  '{ name: a, image: web, resources: { limits: { cpu: 1, memory: 1e6 } } }',
  '{ name: a, image: web, resources: {}, ports: [] }',
  '{ name: a, image: web, readinessProbe: { httpGet: { port: 80 } }, livenessProbe: { exec: { command: [x] } } }',
];

const PODS: readonly string[] = [
  'containers: [ C ]',
  'hostNetwork: false, hostPID: false, containers: [ C ]',
  'securityContext: { runAsUser: 1000, runAsNonRoot: true }, containers: [ C ]',
  'securityContext: { runAsUser: 0 }, containers: [ C, { name: b, image: api } ]',
  'initContainers: [{ name: i, image: web, resources: { limits: { memory: 1Mi } } }], containers: [ C ]',
  'initContainers: [{ name: s, image: api, restartPolicy: Always }], containers: [ C ]',
];

const SELECTED = 'metadata: { name: w }\nspec: { selector: { matchLabels: { app: w } }, ';
const LIMITED = '"nofile=1024:2048, core=0; a: memlock=-1, nofile=65536"';
const LABELLED = `metadata: { labels: { app: w }, annotations: { darsena/ulimits: ${LIMITED} } }`;
const KINDS: Readonly<Record<string, (pod: string) => string>> = {
  Pod: (pod) =>
    `apiVersion: v1\nkind: Pod\nmetadata: { name: w, annotations: { darsena/ulimits: ${LIMITED} } }\nspec: { ${pod} }\n`,
  Deployment: (pod) =>
    `apiVersion: apps/v1\nkind: Deployment\n${SELECTED}template: { ${LABELLED}, spec: { ${pod} } } }\n`,
  StatefulSet: (pod) =>
    `apiVersion: apps/v1\nkind: StatefulSet\n${SELECTED}serviceName: w, template: { ${LABELLED}, spec: { ${pod} } } }\n`,
  DaemonSet: (pod) =>
    `apiVersion: apps/v1\nkind: DaemonSet\n${SELECTED}template: { ${LABELLED}, spec: { ${pod} } } }\n`,
  Job: (pod) =>
    `apiVersion: batch/v1\nkind: Job\nmetadata: { name: w }\nspec: { template: { spec: { restartPolicy: Never, ${pod} } } }\n`,
  CronJob: (pod) =>
    `apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: w }\nspec: { schedule: "* * * * *", jobTemplate: { spec: { template: { spec: { restartPolicy: Never, ${pod} } } } } }\n`,
};

test('a policy is told the same of a workload where it is only tried as at a deploy', () => {
  let compared = 0;
  for (const [kind, write] of Object.entries(KINDS)) {
    for (const pod of PODS) {
      for (const container of CONTAINERS) {
        const text = write(pod.replace(/\bC\b/, container));
        const { documents } = readManifests([{ path: 'w.yaml', text }]);
        const place = { project: 'p', environment: 'dev', contentKey: 'k' };
        const { translation, problems } = translateManifests(documents, place);
        // What is refused when it is read is judged by no policy.
        if (translation === null || problems.length > 0) continue;
        const [workload] = translation.workloads;
        const [document] = documents;
        assert.ok(workload !== undefined && document !== undefined, text);
        const asked = asAsked(toDocument(document.value), saidBy);
        const [found] = podsOf(asked);
        const user = () => ({ user: '', uid: null });
        const tried = describeWorkload(asked.kind, asked.name, found?.spec ?? null, user, found?.metadata);
        const deployed = workloadFacts(workload.key.name, kind, workload.pod, () => '');
        const sorted = (facts: typeof tried) => ({
          ...facts,
          containers: facts.containers.toSorted((a, b) => a.key.localeCompare(b.key)),
        });
        assert.deepEqual(sorted(tried), sorted(deployed), text);
        compared += 1;
      }
    }
  }
  assert.ok(compared > 280, String(compared));
});

test('a policy sees of a Secret where it is only tried what it sees at a deploy: names, and nothing of what they hold', () => {
  const text =
    'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { a: c2VjcmV0 }\nstringData: { b: secret }\n';
  const [document] = readManifests([{ path: 's.yaml', text }]).documents;
  const { object } = asAsked(toDocument(document?.value ?? null), saidBy);
  assert.deepEqual(object, {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } },
    ...{ data: { a: '' }, stringData: { b: '' } },
  });
});
