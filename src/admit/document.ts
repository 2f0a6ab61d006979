import { parseManifests } from '../formats/index.ts';
import type { Json } from '../system/index.ts';
import type { DirectScope } from './cel-direct.ts';
import { CONTAINERS_MAX, DOCUMENT_NODES_MAX, INT32_MAX } from './limits.ts';

/** One Kubernetes object, as it was written. */
export interface PolicyDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly object: Json;
}

/** A document with its place in a file. */
export interface PlacedDocument extends PolicyDocument {
  /** The line of the file where it starts. */
  readonly line: number;
}

/** What pods are made from: metadata and spec of a Pod, or of the template in what starts them. */
export interface PodTemplate {
  readonly metadata: Json;
  readonly spec: Json;
}

/** Where each kind of Kubernetes keeps its pod; the empty path is the object itself. */
const POD_PATHS: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ['template'],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** A list within a list within a list is no manifest that a person wrote. */
const LIST_DEPTH_MAX = 3;

/**
 * Reads every object of a manifest, those in `List` objects too.
 * @throws FormatError with the position when the YAML cannot be read
 */
export function readDocuments(text: string): PlacedDocument[] {
  return parseManifests(text).objects.flatMap(({ value, position }) => documentsOf(value, position.line, 0));
}

/** The description of one object; what is not text is empty. */
export function toDocument(value: Json): PolicyDocument {
  const metadata = membersOf(membersOf(value)['metadata']);
  const text = (member: Json | undefined): string => (typeof member === 'string' ? member : '');
  const { apiVersion, kind } = membersOf(value);
  return {
    apiVersion: text(apiVersion),
    kind: text(kind),
    name: text(metadata['name']) || text(metadata['generateName']),
    namespace: text(metadata['namespace']),
    object: value,
  };
}

/**
 * A document as every policy is asked about it, at a deploy and where one is only tried: without what says nothing, and of a
 * Secret the names of its entries and nothing of what they hold.
 * @param said the object without what its kind reads as not being there
 */
export function asAsked<Document extends PolicyDocument>(document: Document, said: (object: Json) => Json): Document {
  const object = said(document.object);
  return { ...document, ...toDocument(document.kind === 'Secret' ? withoutSecrets(object) : object) };
}

function withoutSecrets(value: Json): Json {
  const object = membersOf(value);
  const hidden = (name: 'data' | 'stringData') => {
    const entries = object[name];
    return entries === undefined
      ? {}
      : { [name]: Object.fromEntries(Object.keys(membersOf(entries)).map((key) => [key, ''])) };
  };
  return { ...object, ...hidden('data'), ...hidden('stringData') };
}

/**
 * All pods that an object starts; none for an object that starts none. An object of a kind that starts pods has one even
 * when it is not where it has to be: its spec is null then, which no policy accepts. In a kind that is not known, whatever
 * holds a list `containers` of objects counts: a Rollout or a Service of Knative starts pods as well.
 */
export function podsOf({ kind, object }: PolicyDocument): PodTemplate[] {
  const path = Object.hasOwn(POD_PATHS, kind) ? POD_PATHS[kind] : undefined;
  if (path === undefined) return searchPods(object);
  const holder = membersOf(path.reduce<Json>((node, member) => membersOf(node)[member] ?? null, object));
  return [{ metadata: holder['metadata'] ?? null, spec: holder['spec'] ?? null }];
}

/**
 * What controllers of Kubernetes make of an object, as policies for those kinds see it: the ReplicaSet of a Deployment, the Job
 * of a CronJob, and the Pod of whatever has a template. Each says what it was made from, in the order in which they are made.
 * None of a Pod, and none of a kind that is not known.
 */
export function madeFrom(object: ReadonlyMap<string, PolicyValue>): ReadonlyMap<string, PolicyValue>[] {
  const kind = object.get('kind');
  const path = typeof kind === 'string' && Object.hasOwn(POD_PATHS, kind) ? POD_PATHS[kind] : undefined;
  if (path === undefined || path.length === 0) return [];
  if (kind === 'Deployment') {
    const set = makeOf(object, 'apps/v1', 'ReplicaSet', replicaSetOf(object));
    return [set, makeOf(set, 'v1', 'Pod', at(set, path))];
  }
  if (kind === 'CronJob') {
    const job = makeOf(object, 'batch/v1', 'Job', mapOf(at(object, ['spec', 'jobTemplate'])));
    return [job, makeOf(job, 'v1', 'Pod', at(job, ['spec', 'template']))];
  }
  return [makeOf(object, 'v1', 'Pod', at(object, path))];
}

function at(object: ReadonlyMap<string, PolicyValue>, place: readonly string[]): PolicyValue | undefined {
  return place.reduce<PolicyValue | undefined>((node, member) => mapOf(node).get(member), object);
}

/** One object that the controller of its owner makes of a template, with a name, a place and that owner. */
function makeOf(
  owner: ReadonlyMap<string, PolicyValue>,
  apiVersion: string,
  kind: string,
  holder: PolicyValue | undefined,
): ReadonlyMap<string, PolicyValue> {
  const template = mapOf(holder);
  const own = mapOf(owner.get('metadata'));
  const metadata = new Map(mapOf(template.get('metadata')));
  const name = own.get('name') ?? '';
  const prefix = `${typeof name === 'string' ? name : ''}-`;
  // The API makes a name of the prefix before policies are asked.
  metadata.set('generateName', prefix).set('name', `${prefix}00000`);
  const namespace = own.get('namespace');
  if (namespace !== undefined) metadata.set('namespace', namespace);
  const reference: [string, PolicyValue][] = [
    ['apiVersion', owner.get('apiVersion') ?? ''],
    ['kind', owner.get('kind') ?? ''],
    ['name', name],
    ['uid', ''],
    ['controller', true],
    ['blockOwnerDeletion', true],
  ];
  metadata.set('ownerReferences', [new Map(reference)]);
  const entries: [string, PolicyValue][] = [
    ['apiVersion', apiVersion],
    ['kind', kind],
    ['metadata', metadata],
  ];
  return new Map([...entries, ['spec', template.get('spec') ?? new Map()]]);
}

/** A ReplicaSet has the labels of its pods, and of the Deployment what speaks of them. */
function replicaSetOf(deployment: ReadonlyMap<string, PolicyValue>): PolicyValue {
  const spec = mapOf(deployment.get('spec'));
  const kept = ['replicas', 'selector', 'minReadySeconds', 'template'].flatMap((name): [string, PolicyValue][] => {
    const value = spec.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const labels = mapOf(at(deployment, ['spec', 'template', 'metadata'])).get('labels');
  const metadata: PolicyValue = new Map(labels === undefined ? [] : [['labels', labels]]);
  return new Map<string, PolicyValue>([
    ['metadata', metadata],
    ['spec', new Map(kept)],
  ]);
}

function mapOf(value: PolicyValue | undefined): ReadonlyMap<string, PolicyValue> {
  return value instanceof Map ? value : new Map();
}

/** Whether objects of the kind start pods, as far as the kind says. */
export function startsPods(kind: string): boolean {
  return Object.hasOwn(POD_PATHS, kind);
}

/** As deep as the document goes, which its reader has bounded; a pod in a pod counts as well. */
function searchPods(value: Json): PodTemplate[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(searchPods);
  const spec = membersOf(value['spec']);
  const lists = [spec['containers'], spec['initContainers'], spec['ephemeralContainers']];
  const isPod = lists.some((list) => Array.isArray(list) && list.some((one) => membersOf(one)['image'] !== undefined));
  const own = isPod ? [{ metadata: value['metadata'] ?? null, spec: value['spec'] ?? null }] : [];
  return [...own, ...Object.values(value).flatMap(searchPods)];
}

function documentsOf(value: Json, line: number, depth: number): PlacedDocument[] {
  const { items, kind } = membersOf(value);
  if (Array.isArray(items) && depth < LIST_DEPTH_MAX)
    return items.flatMap((item) => documentsOf(item, line, depth + 1));
  return typeof kind === 'string' ? [{ ...toDocument(value), line }] : [];
}

type Members = Readonly<Record<string, Json>>;

function membersOf(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** What an expression sees of a document. */
export type PolicyValue =
  | string
  | boolean
  | bigint
  | number
  | null
  | readonly PolicyValue[]
  | ReadonlyMap<string, PolicyValue>;

/**
 * A document as expressions see it: objects as maps, so that a member called `constructor` is a member and nothing else;
 * whole numbers as integers; members that are null left out, as the Kubernetes API does.
 * @throws RangeError for a document with more values than are judged
 */
export function toPolicyValue(value: Json): PolicyValue {
  let left = DOCUMENT_NODES_MAX;
  const convert = (node: Json): PolicyValue => {
    left -= 1;
    if (left < 0) throw new RangeError(`expected at most ${DOCUMENT_NODES_MAX} values in a document`);
    if (typeof node === 'number') return Number.isInteger(node) && Math.abs(node) < INT64_END ? BigInt(node) : node;
    if (typeof node !== 'object' || node === null) return node;
    if (Array.isArray(node)) return node.map(convert);
    const map = new Map<string, PolicyValue>();
    for (const name of Object.keys(node)) {
      const member = node[name];
      if (member !== null && member !== undefined) map.set(name, convert(member));
    }
    return map;
  };
  return convert(value);
}

export interface PodValues {
  /** `metadata` and `spec`, both always there. */
  readonly pod: PolicyValue;
  /** Every container of every list, with its `role`: `init`, `main` or `ephemeral`. */
  readonly containers: readonly PolicyValue[];
  /** The pod itself, named `pod`, and its containers: all that has a `securityContext`. */
  readonly contexts: readonly PolicyValue[];
}

const LISTS = [
  ['initContainers', 'init'],
  ['containers', 'main'],
  ['ephemeralContainers', 'ephemeral'],
] as const;

/**
 * A pod as expressions see it.
 * @throws TypeError when a field that security rests on is not of the type that Kubernetes gives it, or no container is
 *   there: such a pod is not judged in part
 */
export function toPodValues({ metadata, spec }: PodTemplate): PodValues {
  checkPod({ metadata, spec });
  const specValue = toPolicyValue(spec) as ReadonlyMap<string, PolicyValue>;
  const containers = LISTS.flatMap(([list, role]) =>
    ((specValue.get(list) ?? []) as readonly ReadonlyMap<string, PolicyValue>[]).map((container) =>
      new Map(container).set('role', role),
    ),
  );
  if (containers.length === 0) throw new TypeError('expected at least one container in spec.containers');
  if (containers.length > CONTAINERS_MAX) {
    throw new RangeError(`expected at most ${CONTAINERS_MAX} containers, got ${containers.length}`);
  }
  const podContext = new Map<string, PolicyValue>([
    ['name', 'pod'],
    ['role', 'pod'],
  ]);
  const context = specValue.get('securityContext');
  if (context !== undefined) podContext.set('securityContext', context);
  const pod = new Map<string, PolicyValue>([
    ['metadata', toPolicyValue(metadata ?? {})],
    ['spec', specValue],
  ]);
  return { pod, containers, contexts: [podContext, ...containers] };
}

/**
 * A pod as it was written, for expressions that read it so: as `toPodValues` has it, and refused alike.
 * @throws TypeError, RangeError as `toPodValues`
 */
export function toDirectPod({ metadata, spec }: PodTemplate): DirectScope {
  checkPod({ metadata, spec });
  const members = membersOf(spec);
  const containers = LISTS.flatMap(([list, role]) =>
    ((members[list] ?? []) as readonly Members[]).map((container): Json => ({ ...container, role })),
  );
  if (containers.length === 0) throw new TypeError('expected at least one container in spec.containers');
  if (containers.length > CONTAINERS_MAX) {
    throw new RangeError(`expected at most ${CONTAINERS_MAX} containers, got ${containers.length}`);
  }
  const ofPod: Json = { name: 'pod', role: 'pod', securityContext: members['securityContext'] ?? null };
  return { pod: { metadata: metadata ?? {}, spec }, containers, contexts: [ofPod, ...containers] };
}

/** Whole numbers from here on have no 64 bits. */
const INT64_END = 2 ** 63;

/** The type of a field, as far as policies lean on it. */
type Shape =
  | 'string'
  | 'bool'
  | 'int32'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly fields: Readonly<Record<string, Shape>> };

const OBJECT: Shape = { fields: {} };
const SECURITY: Readonly<Record<string, Shape>> = {
  runAsUser: 'int32',
  runAsGroup: 'int32',
  runAsNonRoot: 'bool',
  seLinuxOptions: { fields: { type: 'string', user: 'string', role: 'string', level: 'string' } },
  seccompProfile: { fields: { type: 'string', localhostProfile: 'string' } },
  appArmorProfile: { fields: { type: 'string', localhostProfile: 'string' } },
  windowsOptions: { fields: { hostProcess: 'bool' } },
};
const ACTION: Readonly<Record<string, Shape>> = {
  httpGet: { fields: { host: 'string' } },
  tcpSocket: { fields: { host: 'string' } },
};
const CONTAINER: Shape = {
  fields: {
    name: 'string',
    image: 'string',
    ports: { list: { fields: { hostPort: 'int32', containerPort: 'int32' } } },
    env: { list: OBJECT },
    volumeMounts: { list: OBJECT },
    resources: { fields: { limits: OBJECT, requests: OBJECT } },
    livenessProbe: { fields: ACTION },
    readinessProbe: { fields: ACTION },
    startupProbe: { fields: ACTION },
    lifecycle: { fields: { postStart: { fields: ACTION }, preStop: { fields: ACTION } } },
    securityContext: {
      fields: {
        ...SECURITY,
        privileged: 'bool',
        allowPrivilegeEscalation: 'bool',
        readOnlyRootFilesystem: 'bool',
        procMount: 'string',
        capabilities: { fields: { add: { list: 'string' }, drop: { list: 'string' } } },
      },
    },
  },
};
const POD_SPEC: Shape = {
  fields: {
    hostNetwork: 'bool',
    hostPID: 'bool',
    hostIPC: 'bool',
    hostUsers: 'bool',
    os: { fields: { name: 'string' } },
    volumes: { list: { fields: { name: 'string' } } },
    securityContext: {
      fields: { ...SECURITY, sysctls: { list: { fields: { name: 'string', value: 'string' } } } },
    },
    containers: { list: CONTAINER },
    initContainers: { list: CONTAINER },
    ephemeralContainers: { list: CONTAINER },
  },
};
const METADATA: Shape = { fields: { annotations: { map: 'string' }, labels: { map: 'string' } } };

/** What is of another type, and where; null: nothing. The place is put together on the way back, of what is wrong alone. */
type Wrong = { readonly at: string; readonly say: (path: string) => string } | null;
type Check = (value: Json) => Wrong;

/** What is null or not there is not looked at. */
function checkOf(shape: Shape): Check {
  const wrong = (value: Json, expected: string): Wrong => ({
    at: '',
    say: (path) => `expected ${path} to be ${expected}, got ${brief(value)}`,
  });
  if (shape === 'string') return (value) => (typeof value === 'string' ? null : wrong(value, 'text'));
  if (shape === 'bool') return (value) => (typeof value === 'boolean' ? null : wrong(value, 'true or false'));
  if (shape === 'int32') {
    // The API refuses other numbers: 2^32 would wrap to 0, -1 means "unchanged" to setuid(2).
    return (value) =>
      typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > INT32_MAX
        ? wrong(value, `a whole number from 0 to ${INT32_MAX}`)
        : null;
  }
  if ('list' in shape) {
    const check = checkOf(shape.list);
    return (value) => {
      if (!Array.isArray(value)) return wrong(value, 'a list');
      for (const [index, item] of value.entries()) {
        if (item === null) return { at: `[${index}]`, say: (path) => `expected ${path} to be there` };
        const found = check(item);
        if (found !== null) return { ...found, at: `[${index}]${found.at}` };
      }
      return null;
    };
  }
  const isObject = (value: Json): value is { [key: string]: Json } =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if ('map' in shape) {
    const check = checkOf(shape.map);
    return (value) => {
      if (!isObject(value)) return wrong(value, 'an object');
      for (const name of Object.keys(value)) {
        const member = value[name] ?? null;
        const found = member === null ? null : check(member);
        if (found !== null) return { ...found, at: `["${name.slice(0, 80)}"]${found.at}` };
      }
      return null;
    };
  }
  const checks = Object.entries(shape.fields).map(([name, inner]) => ({ name, check: checkOf(inner) }));
  return (value) => {
    if (!isObject(value)) return wrong(value, 'an object');
    for (const { name, check } of checks) {
      const member = Object.hasOwn(value, name) ? (value[name] ?? null) : null;
      const found = member === null ? null : check(member);
      if (found !== null) return { ...found, at: `.${name}${found.at}` };
    }
    return null;
  };
}

const CHECK_SPEC = checkOf(POD_SPEC);
const CHECK_METADATA = checkOf(METADATA);

/** @throws TypeError naming the first field that is of another type, or that there is no spec */
function checkPod({ metadata, spec }: PodTemplate): void {
  if (spec === null) throw new TypeError('expected spec to be there');
  const inSpec = CHECK_SPEC(spec);
  if (inSpec !== null) throw new TypeError(inSpec.say(`spec${inSpec.at}`));
  const inMetadata = metadata === null ? null : CHECK_METADATA(metadata);
  if (inMetadata !== null) throw new TypeError(inMetadata.say(`metadata${inMetadata.at}`));
}

function brief(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
