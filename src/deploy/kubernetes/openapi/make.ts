/**
 * Makes fields.json, the names and types of every field of the kinds that the platform speaks of, from the OpenAPI
 * description that Kubernetes ships (api/openapi-spec/swagger.json) and the resource definition of the vertical pod
 * autoscaler (deploy/vpa-v1-crd-gen.yaml). Both come with the Go modules of their projects:
 *
 *   go mod download -json k8s.io/kubernetes@v1.36.3
 *   go mod download -json k8s.io/autoscaler/vertical-pod-autoscaler@v1.8.1
 *   ./darsena-node src/deploy/kubernetes/openapi/make.ts KUBERNETES-FOLDER AUTOSCALER-FOLDER
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseYaml } from '../../../formats/index.ts';
import type { Json } from '../../../system/index.ts';

type Members = { readonly [name: string]: Json };

/** Kind, apiVersion, definition. */
const KINDS: readonly (readonly [string, string, string])[] = [
  ['Pod', 'v1', 'io.k8s.api.core.v1.Pod'],
  ['Deployment', 'apps/v1', 'io.k8s.api.apps.v1.Deployment'],
  ['StatefulSet', 'apps/v1', 'io.k8s.api.apps.v1.StatefulSet'],
  ['DaemonSet', 'apps/v1', 'io.k8s.api.apps.v1.DaemonSet'],
  ['Job', 'batch/v1', 'io.k8s.api.batch.v1.Job'],
  ['CronJob', 'batch/v1', 'io.k8s.api.batch.v1.CronJob'],
  ['Service', 'v1', 'io.k8s.api.core.v1.Service'],
  ['Ingress', 'networking.k8s.io/v1', 'io.k8s.api.networking.v1.Ingress'],
  ['NetworkPolicy', 'networking.k8s.io/v1', 'io.k8s.api.networking.v1.NetworkPolicy'],
  ['ConfigMap', 'v1', 'io.k8s.api.core.v1.ConfigMap'],
  ['Secret', 'v1', 'io.k8s.api.core.v1.Secret'],
  ['PersistentVolumeClaim', 'v1', 'io.k8s.api.core.v1.PersistentVolumeClaim'],
  ['HorizontalPodAutoscaler', 'autoscaling/v2', 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler'],
  ['PodDisruptionBudget', 'policy/v1', 'io.k8s.api.policy.v1.PodDisruptionBudget'],
  ['ServiceAccount', 'v1', 'io.k8s.api.core.v1.ServiceAccount'],
  ['Namespace', 'v1', 'io.k8s.api.core.v1.Namespace'],
];
const AUTOSCALER = ['VerticalPodAutoscaler', 'autoscaling.k8s.io/v1'] as const;

const [kubernetes = '', autoscaler = ''] = process.argv.slice(2);
const swagger = JSON.parse(await readFile(join(kubernetes, 'api/openapi-spec/swagger.json'), 'utf8')) as Members;
const described = swagger['definitions'] as Members;
const crd = parseYaml(await readFile(join(autoscaler, 'deploy/vpa-v1-crd-gen.yaml'), 'utf8').then(lastDocument)).value;

const definitions: Record<string, Record<string, string>> = {};
for (const [, , name] of KINDS) define(name);
defineInline(AUTOSCALER[0], autoscalerSchema(crd));

const table = {
  kubernetes: versionOf(kubernetes),
  verticalPodAutoscaler: versionOf(autoscaler),
  kinds: Object.fromEntries([
    ...KINDS.map(([kind, apiVersion, name]) => [kind, [apiVersion, shortName(name)]]),
    [AUTOSCALER[0], [AUTOSCALER[1], AUTOSCALER[0]]],
  ]),
  definitions,
};
await writeFile(join(import.meta.dirname, 'fields.json'), `${JSON.stringify(table, null, 2)}\n`);

function versionOf(folder: string): string {
  return /@v([0-9.]+)/.exec(folder)?.[1] ?? 'unknown';
}

function shortName(name: string): string {
  return name.split('.').at(-1) ?? name;
}

/** One definition as field → type, and those it refers to. What the server writes (`status`) is not followed. */
function define(name: string): void {
  const short = shortName(name);
  if (short in definitions) return;
  const fields: Record<string, string> = {};
  definitions[short] = fields;
  const schema = described[name] as Members;
  const required = (schema['required'] ?? []) as string[];
  for (const [field, value] of Object.entries((schema['properties'] ?? {}) as Members)) {
    const type = typeOf(value as Members);
    fields[field] = required.includes(field) ? `${type}!` : type;
  }
}

function typeOf(schema: Members): string {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = reference.replace('#/definitions/', '');
    const scalar = described[name] as Members;
    // Quantity, IntOrString, Time and FieldsV1 are values, not maps of fields.
    if (scalar['properties'] === undefined) return shortName(name);
    if (name.endsWith('Status')) return 'object';
    define(name);
    return shortName(name);
  }
  if (schema['type'] === 'array') return `[]${typeOf(schema['items'] as Members)}`;
  const more = schema['additionalProperties'];
  if (typeof more === 'object' && more !== null) return `{}${typeOf(more as Members)}`;
  return String(schema['type'] ?? 'object');
}

function lastDocument(text: string): string {
  return text.split(/^---$/m).find((part) => /name: verticalpodautoscalers\./.test(part)) ?? '';
}

function autoscalerSchema(document: Json): Members {
  const versions = ((document as Members)['spec'] as Members)['versions'] as Members[];
  const current = versions.find(({ name }) => name === 'v1') as Members;
  return (current['schema'] as Members)['openAPIV3Schema'] as Members;
}

/** A resource definition holds its types inside each other: each gets a name by its place. */
function defineInline(name: string, schema: Members): string {
  const fields: Record<string, string> = {};
  definitions[name] = fields;
  const required = (schema['required'] ?? []) as string[];
  for (const [field, value] of Object.entries((schema['properties'] ?? {}) as Members)) {
    const inner = value as Members;
    const place = `${name}${field[0]?.toUpperCase()}${field.slice(1)}`;
    const type = field === 'metadata' ? 'ObjectMeta' : field === 'status' ? 'object' : inlineType(place, inner);
    fields[field] = required.includes(field) ? `${type}!` : type;
  }
  return name;
}

function inlineType(place: string, schema: Members): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'Quantity';
  if (schema['properties'] !== undefined) return defineInline(place, schema);
  if (schema['type'] === 'array') return `[]${inlineType(place.replace(/s$/, ''), schema['items'] as Members)}`;
  const more = schema['additionalProperties'];
  if (typeof more === 'object' && more !== null) return `{}${inlineType(place, more as Members)}`;
  return String(schema['type'] ?? 'object');
}
