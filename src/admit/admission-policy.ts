import { createHash } from 'node:crypto';
import { parseManifests } from '../formats/index.ts';
import type { Json, Text } from '../system/index.ts';
import type { Door } from './admission.ts';
import { madeFrom, type PolicyValue, toPolicyValue } from './document.ts';
import { compileKubernetes, type Declared, type KubernetesExpression } from './expression.ts';
import { MESSAGE_BYTES_MAX, POLICY_BYTES_MAX, POLICY_RULES_MAX } from './limits.ts';
import { checkShape, MATCH_RESOURCES, VALIDATION_ACTIONS } from './object-shape.ts';
import type { Effect, FailMode, PolicyRule } from './policy.ts';

/** Doors at which documents are judged. */
export const DOCUMENT_DOORS: readonly Door[] = ['ci', 'start', 'promote'];

const LIST = { listOf: 'any' } as const;

/** Characters of the name of a policy, as in policies of our own. */
const POLICY_NAME_MAX = 63;

export interface WrittenObject {
  readonly object: Members;
  readonly locate: (path: readonly (string | number)[]) => { readonly line: number; readonly column: number } | null;
}

/** The objects of a text, those of a List one by one. */
export function readObjects(text: string): WrittenObject[] {
  return parseManifests(text, { maxBytes: POLICY_BYTES_MAX }).objects.map(({ value, locate }) => ({
    object: members(value),
    locate: (path) => locate([...path]),
  }));
}

export type Members = Readonly<Record<string, Json>>;
export type PolicyMap = ReadonlyMap<string, PolicyValue>;
export type Report = (path: (string | number)[], reason: string) => void;
/** Tells what is right and may not be expected. */
export type Warn = (path: (string | number)[], text: Text) => void;

/** One binding: where the policy is in force, what it does there, and with which parameters. */
interface Binding {
  readonly effect: Effect;
  readonly matchResources: Members;
  /** With the namespace of each; null: of any, or of none. */
  readonly params: readonly { readonly value: PolicyValue; readonly namespace: string | null }[];
  /** The object of parameters that it names and that is not there, where that refuses; null: nothing is missing. */
  readonly missing: string | null;
  /** The same, where nothing is asked then. */
  readonly missed?: string;
  /** What to call what is not in the namespace of the object, where the binding leaves the namespace to it. */
  readonly ofObject?: { readonly named: string; readonly refuses: boolean };
}

/** Whether an object is a policy in CEL: of Kubernetes, or the one of Kyverno that is written as that. */
export function isAdmissionObject({ apiVersion, kind }: Members): boolean {
  if (kind === 'ValidatingAdmissionPolicy') return true;
  const isOfKyverno = String(apiVersion).startsWith('policies.kyverno.io/');
  return isOfKyverno && (kind === 'ValidatingPolicy' || kind === 'NamespacedValidatingPolicy');
}

/** What one policy of a text comes to. */
export interface ReadRules {
  readonly name: string;
  readonly description: string;
  readonly mode: FailMode;
  readonly rules: readonly PolicyRule[];
}

/**
 * Reads a ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) with its bindings and the objects of its parameters
 * where they stand in the same text. Each validation becomes a rule, one for each binding. What starts is a CREATE: there is
 * no old object, and a rule for other operations alone never applies. What a controller would make of an object is asked
 * about as well: a policy for pods is asked about the pod of a Deployment.
 */
export function readAdmissionPolicy(
  policy: Members,
  objects: readonly Members[],
  report: Report,
  warn: Warn,
): ReadRules {
  const spec = members(policy['spec']);
  const fullName = String(members(policy['metadata'])['name'] ?? '');
  const name = nameOf(fullName);
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name))
    report(['metadata', 'name'], `expected a name, got ${JSON.stringify(name)}`);
  const isOfKyverno = policy['kind'] !== 'ValidatingAdmissionPolicy';
  if (isOfKyverno && members(spec['evaluation'])['mode'] === 'JSON')
    report(['spec', 'evaluation', 'mode'], 'expected Kubernetes: what starts is an object of Kubernetes');
  checkShape(spec['matchConstraints'], MATCH_RESOURCES, ['spec', 'matchConstraints'], report);
  checkShape(spec['failurePolicy'], { oneOf: ['Fail', 'Ignore'] }, ['spec', 'failurePolicy'], report);
  for (const list of ['matchConditions', 'variables', 'validations', 'validationActions'])
    checkShape(spec[list], list === 'validationActions' ? VALIDATION_ACTIONS : LIST, ['spec', list], report);
  const bindings = isOfKyverno ? [bindingOf(spec)] : readBindings(spec, fullName, objects);
  const scene = { ...readScene(spec, report, !isOfKyverno), ...(isOfKyverno ? inNamespaceOf(policy) : {}) };
  if (!isOfKyverno) warnOf(spec, fullName, objects, bindings, warn);
  const validations = items(spec['validations']);
  if (
    validations.length * bindings.length > POLICY_RULES_MAX ||
    (validations.length === 0 && items(spec['auditAnnotations']).length === 0)
  )
    report(['spec', 'validations'], `expected validations, at most ${POLICY_RULES_MAX} with their bindings`);
  const rules = validations.slice(0, POLICY_RULES_MAX).flatMap((one, index): PolicyRule[] => {
    const validation = readValidation(members(one), ['spec', 'validations', index], report, scene);
    if (validation === null) return [];
    return bindings.map((binding, at) => {
      const id = [name, index + 1, ...(bindings.length > 1 ? [at + 1] : [])].join('-');
      return toRule(id.slice(-POLICY_NAME_MAX).replace(/^[^a-z]+/, ''), name, [validation], binding, scene);
    });
  });
  const mode = spec['failurePolicy'] === 'Ignore' ? 'open' : 'closed';
  const description = members(members(policy['metadata'])['annotations'])['description'];
  return { name, description: String(description ?? `${String(policy['kind'])} ${name}`), mode, rules };
}

/** What a policy of Kubernetes does here, and its author may not expect. */
function warnOf(
  spec: Members,
  name: string,
  objects: readonly Members[],
  bindings: readonly Binding[],
  warn: Warn,
): void {
  const { paramKind, matchConstraints, failurePolicy } = spec;
  if (bindingsOf(name, objects).length === 0)
    warn(['spec'], {
      en: 'no binding of it is in the file: it refuses wherever it is asked, where Kubernetes would ask it nowhere',
      es: 'en el archivo no hay ninguna vinculación suya: rechaza dondequiera que se le pregunte, y Kubernetes no le preguntaría en ninguna parte',
    });
  for (const { missing, missed } of bindings) {
    if (missing !== null)
      warn(['spec', 'paramKind'], {
        en: `the parameters that a binding names are not in the file (${missing}): everything that the policy speaks of is refused`,
        es: `los parámetros que nombra una vinculación no están en el archivo (${missing}): se rechaza todo de lo que habla la política`,
      });
    if (missed !== undefined)
      warn(['spec', 'paramKind'], {
        en: `the parameters that a binding names are not in the file (${missed}): by its parameterNotFoundAction nothing is asked there`,
        es: `los parámetros que nombra una vinculación no están en el archivo (${missed}): por su parameterNotFoundAction ahí no se pregunta nada`,
      });
  }
  if (paramKind !== undefined && bindings.some(({ params }) => params === NO_PARAMS))
    warn(['spec', 'paramKind'], {
      en: `it has parameters (${String(members(paramKind)['kind'])}) and no binding in the file names them: params is null`,
      es: `tiene parámetros (${String(members(paramKind)['kind'])}) y ninguna vinculación del archivo los nombra: params es null`,
    });
  const rules = items(members(matchConstraints)['resourceRules']).map(members);
  const isAskedAbout = (rule: Members): boolean =>
    items(rule['operations']).some((one) => one === 'CREATE' || one === '*') &&
    items(rule['resources']).some((one) => one === '*/*' || !String(one).includes('/'));
  if (rules.length > 0 && !rules.some(isAskedAbout))
    warn(['spec', 'matchConstraints'], {
      en: 'it speaks of no object that is made (CREATE): nobody asks it here, and it refuses nothing',
      es: 'no habla de ningún objeto que se crea (CREATE): aquí nadie le pregunta, y no rechaza nada',
    });
  const written = [...items(spec['validations']), ...items(spec['matchConditions']), ...items(spec['variables'])];
  if (written.some((one) => /\bauthorizer\s*\./.test(String(members(one)['expression']))))
    warn(['spec'], {
      en: `it asks who may do what in a cluster (authorizer), which nobody answers here: where that counts, its failurePolicy decides (${failurePolicy === 'Ignore' ? 'Ignore: a warning' : 'Fail: refused'})`,
      es: `pregunta quién puede hacer qué en un clúster (authorizer), y aquí nadie lo responde: donde eso cuenta decide su failurePolicy (${failurePolicy === 'Ignore' ? 'Ignore: una advertencia' : 'Fail: se rechaza'})`,
    });
}

/** A NamespacedValidatingPolicy of Kyverno speaks of its own namespace alone. */
function inNamespaceOf(policy: Members): Pick<SceneOf, 'speaksOf'> {
  if (policy['kind'] !== 'NamespacedValidatingPolicy') return {};
  const own = String(members(policy['metadata'])['namespace'] ?? 'default');
  return { speaksOf: (_, namespace) => namespace !== null && nameOfNamespace(namespace) === own };
}

/** A policy of Kyverno says itself what its bindings would say. */
function bindingOf(spec: Members): Binding {
  const actions = items(spec['validationActions']);
  const effect = actions.length === 0 || actions.includes('Deny') ? 'refuse' : 'warn';
  return { effect, matchResources: {}, params: NO_PARAMS, missing: null };
}

/** A rule of Kyverno whose `validate.cel` is written as the validations of a policy of Kubernetes. */
export function readCelRule(given: {
  readonly id: string;
  readonly name: string;
  readonly effect: Effect;
  readonly rule: Members;
  readonly path: readonly (string | number)[];
  readonly objects: readonly Members[];
  readonly report: Report;
  readonly speaksOf: NonNullable<SceneOf['speaksOf']>;
}): PolicyRule | null {
  const { id, name, effect, rule, path, objects, report, speaksOf } = given;
  const at = [...path, 'validate', 'cel'];
  const cel = members(members(rule['validate'])['cel']);
  const spoken = members(rule['validate'])['message'];
  const scene = readScene(
    { variables: cel['variables'] ?? [], matchConditions: rule['celPreconditions'] ?? [] },
    (inner, reason) => {
      const [, kind, ...rest] = inner;
      report(kind === 'matchConditions' ? [...path, 'celPreconditions', ...rest] : [...at, ...inner.slice(1)], reason);
    },
  );
  const validations = items(cel['expressions']).flatMap((one, index) => {
    const written = { ...(spoken === undefined ? {} : { message: spoken }), ...members(one) };
    return readValidation(written, [...at, 'expressions', index], report, scene) ?? [];
  });
  if (validations.length === 0) {
    report([...at, 'expressions'], 'expected expressions');
    return null;
  }
  const found = findParams(cel, members(cel['paramRef']), objects);
  return toRule(id, name, validations, { effect, matchResources: {}, ...found }, { ...scene, speaksOf });
}

/** Names of Kubernetes reach 253 characters and have dots; of a longer one the end is a hash of all of it. */
export function nameOf(written: string): string {
  const name = written.replaceAll('.', '-');
  if (name.length <= POLICY_NAME_MAX) return name;
  const hash = createHash('sha256').update(written).digest('hex').slice(0, 8);
  return `${name.slice(0, POLICY_NAME_MAX - 9)}-${hash}`;
}

/** What all validations of a policy share: where they are asked, and the variables that they see. */
interface SceneOf {
  readonly matchConstraints: Members;
  readonly conditions: readonly KubernetesExpression[];
  readonly variables: readonly { readonly name: string; readonly compiled: KubernetesExpression }[];
  /** What expressions may name, those that may ask the authorizer and those that may not; null: whatever there is. */
  readonly declaredAt: (authorizer: boolean) => Declared | null;
  /** Conditions of Kubernetes see no namespace. */
  readonly isOfKubernetes: boolean;
  /** What else an object has to be; absent: nothing. */
  readonly speaksOf?: (object: PolicyMap, namespace: PolicyMap | null) => boolean;
}

interface Validation {
  readonly expression: string;
  readonly compiled: KubernetesExpression;
  readonly message: string;
  readonly worded: KubernetesExpression | null;
}

function compileAt(
  expression: Json | undefined,
  path: (string | number)[],
  report: Report,
  types: readonly string[] | null = null,
  declared: Declared | null = null,
): KubernetesExpression | null {
  if (typeof expression !== 'string') {
    report(path, 'expected an expression as text');
    return null;
  }
  const compiled = compileKubernetes(expression, types, declared);
  if (compiled.ok) return compiled;
  report(path, `${compiled.problem.reason} (character ${compiled.problem.offset + 1})`);
  return null;
}

/** @param isOfKubernetes whether it has to be as Kubernetes takes it; Kyverno has more to name */
function readScene(spec: Members, report: Report, isOfKubernetes = false): SceneOf {
  const params = spec['paramKind'] !== undefined;
  const before: string[] = [];
  const declaredAt = (authorizer: boolean): Declared | null =>
    isOfKubernetes ? { params, authorizer, variables: [...before] } : null;
  const variables = items(spec['variables']).flatMap((one, index) => {
    const { name, expression } = members(one);
    const compiled = compileAt(expression, ['spec', 'variables', index, 'expression'], report, null, declaredAt(true));
    before.push(String(name));
    return compiled === null ? [] : [{ name: String(name), compiled }];
  });
  const conditions = items(spec['matchConditions']).flatMap((one, index) => {
    const path = ['spec', 'matchConditions', index, 'expression'];
    const compiled = compileAt(members(one)['expression'], path, report, ['bool', 'dyn'], declaredAt(true));
    return compiled === null ? [] : [compiled];
  });
  for (const [index, one] of items(spec['auditAnnotations']).entries()) {
    const path = ['spec', 'auditAnnotations', index, 'valueExpression'];
    compileAt(members(one)['valueExpression'], path, report, ['string', 'null', 'dyn'], declaredAt(false));
  }
  return { matchConstraints: members(spec['matchConstraints']), conditions, variables, declaredAt, isOfKubernetes };
}

/** What Kubernetes takes as the status of its answer. */
const REASONS: readonly string[] = ['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge'];

function readValidation(
  validation: Members,
  at: (string | number)[],
  report: Report,
  scene: SceneOf,
): Validation | null {
  const { expression, message, messageExpression, reason } = validation;
  if (reason !== undefined && reason !== null && !REASONS.includes(String(reason)))
    report([...at, 'reason'], `expected ${REASONS.join(', ')}, got ${JSON.stringify(reason).slice(0, 60)}`);
  const compiled = compileAt(expression, [...at, 'expression'], report, ['bool', 'dyn'], scene.declaredAt(true));
  const worded =
    messageExpression === undefined
      ? null
      : compileAt(messageExpression, [...at, 'messageExpression'], report, ['string', 'dyn'], scene.declaredAt(false));
  if (compiled === null) return null;
  const usual = String(message ?? `failed expression: ${String(expression)}`).trim();
  return { expression: String(expression), compiled, message: usual, worded };
}

/** One rule of all validations that it is given: a policy of Kubernetes has a rule for each, a rule of Kyverno several. */
function toRule(
  id: string,
  name: string,
  validations: readonly Validation[],
  binding: Binding,
  scene: SceneOf,
): PolicyRule {
  const { conditions, variables, matchConstraints, isOfKubernetes, speaksOf = () => true } = scene;
  const asked = (all: Record<string, unknown>): boolean =>
    isAsked(conditions, isOfKubernetes ? { ...all, namespaceObject: null } : all);
  /** The object and what is made from it, where policy and binding speak of it. */
  const matched = (object: PolicyMap, namespace: PolicyMap | null): PolicyMap[] =>
    [object, ...madeFrom(object)].filter(
      (one) =>
        [matchConstraints, binding.matchResources].every((rules) => isMatched(one, rules, namespace)) &&
        speaksOf(one, namespace),
    );
  /** With each parameter; each is a question of its own. */
  const scenesOf = (values: Record<string, unknown>): Record<string, unknown>[] => {
    const object = values['object'] as PolicyMap;
    const namespace = namespaceOf(object, values);
    if (binding.missing !== null)
      throw new RangeError(`the parameters that its binding names are not in the file: ${binding.missing}`);
    return matched(object, namespace).flatMap((one) =>
      paramsIn(binding, one, namespace).map((params) => sceneFor(one, params, namespace, variables)),
    );
  };
  return {
    ...{ id, doors: DOCUMENT_DOORS, effect: binding.effect },
    expression: validations.map(({ expression }) => expression).join('\n'),
    ...{ message: same('{subject}'), remedy: null, scope: 'document', kinds: null },
    ...{ since: null, until: null, params: new Map(), completes: null },
    // Counted while they run: an estimate of lists in lists would refuse workloads with some hundred variables.
    cost: { nodes: 0, loops: 0 },
    concerns: (values) => {
      const object = values['object'] as PolicyMap;
      return matched(object, namespaceOf(object, values)).length > 0;
    },
    match: (values) => askEach(scenesOf(values), (all) => (asked(all) ? [all] : [])).length > 0,
    evaluate: (values) =>
      askEach(scenesOf(values), (all) =>
        asked(all)
          ? validations.flatMap(({ compiled, worded, message }) =>
              isTrue(compiled.evaluate(all))
                ? []
                : [{ key: name, label: words(worded, all) ?? message, package: null }],
            )
          : [],
      ),
  };
}

/**
 * The parameters for an object: those that a binding leaves to its namespace are the ones there, as in Kubernetes.
 * @throws RangeError where there are none and that refuses
 */
function paramsIn({ params, ofObject }: Binding, object: PolicyMap, namespace: PolicyMap | null): PolicyValue[] {
  const here = namespace === null ? null : nameOfNamespace(namespace);
  const found = params.filter((one) => one.namespace === null || one.namespace === here);
  if (found.length === 0 && params.length > 0 && ofObject?.refuses === true) {
    const where = here === null ? `${String(object.get('kind'))}, which is in no namespace` : String(here);
    throw new RangeError(`the parameters that its binding names are not there for ${where}: ${ofObject.named}`);
  }
  return found.map(({ value }) => value);
}

/**
 * Asks about each scene by itself, as Kubernetes does about each object and parameter: where one fails, what was found in
 * another stands all the same, also where `failurePolicy` lets failures be. @throws what failed, where nothing was found
 */
function askEach<One>(
  scenes: readonly Record<string, unknown>[],
  ask: (scene: Record<string, unknown>) => readonly One[],
): One[] {
  let failure: unknown = null;
  const found = scenes.flatMap((scene) => {
    try {
      return ask(scene);
    } catch (error) {
      failure ??= error;
      return [];
    }
  });
  if (failure !== null && found.length === 0) throw failure;
  return found;
}

/**
 * Whether all conditions hold. One that is false decides, also beside one that fails: only where none is false does a failure
 * count, as in Kubernetes.
 */
function isAsked(conditions: readonly KubernetesExpression[], values: Record<string, unknown>): boolean {
  let failure: unknown = null;
  for (const condition of conditions) {
    try {
      if (!isTrue(condition.evaluate(values))) return false;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== null) throw failure;
  return true;
}

function isTrue(answer: unknown): boolean {
  if (typeof answer !== 'boolean') throw new TypeError(`expected true or false, got ${typeof answer}`);
  return answer;
}

function sceneFor(
  object: PolicyMap,
  params: PolicyValue,
  namespace: PolicyMap | null,
  variables: SceneOf['variables'],
): Record<string, unknown> {
  const known = new Map<string, unknown>();
  const placed = withUsual(namespace === null ? object : inNamespace(object, nameOfNamespace(namespace)));
  const all: Record<string, unknown> = {
    ...{ object: placed, oldObject: null, params, request: requestOf(placed), namespaceObject: namespace },
    variables: known,
  };
  for (const variable of variables) {
    try {
      known.set(variable.name, variable.compiled.evaluate(all));
    } catch {
      // Kubernetes evaluates a variable when it is used: one that is not must not fail the rest, one that is, is missing.
    }
  }
  return all;
}

/** What a policy without parameters is asked with, once. */
const NO_PARAMS: Binding['params'] = [{ value: null, namespace: null }];

function bindingsOf(name: string, objects: readonly Members[]): Members[] {
  return objects
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
    .map((binding) => members(binding['spec']))
    .filter(({ policyName }) => policyName === undefined || policyName === name);
}

/** The bindings of the policy in the same text; without one it refuses everywhere. */
function readBindings(spec: Members, name: string, objects: readonly Members[]): Binding[] {
  const written = bindingsOf(name, objects);
  const own: readonly Members[] = written.length === 0 ? [{ validationActions: ['Deny'] }] : written;
  return own.map((bound) => ({
    effect: items(bound['validationActions']).includes('Deny') ? 'refuse' : 'warn',
    matchResources: members(bound['matchResources']),
    ...findParams(spec, members(bound['paramRef']), objects),
  }));
}

/**
 * The parameters that a binding names, by name or by labels. Of a policy that has none, and of a binding that names none, they
 * are null, as in Kubernetes.
 */
function findParams(
  spec: Members,
  paramRef: Members,
  objects: readonly Members[],
): Pick<Binding, 'params' | 'missing' | 'missed' | 'ofObject'> {
  const { kind } = members(spec['paramKind']);
  const { name, namespace, selector, parameterNotFoundAction } = paramRef;
  if (spec['paramKind'] === undefined || (name === undefined && selector === undefined))
    return { params: NO_PARAMS, missing: null };
  const found = objects.filter((one) => {
    const metadata = members(one['metadata']);
    if (one['kind'] !== kind || (namespace !== undefined && (metadata['namespace'] ?? namespace) !== namespace))
      return false;
    if (selector === undefined) return metadata['name'] === name;
    return isSelected(new Map(Object.entries(members(metadata['labels']))), members(selector));
  });
  const isMissing = found.length === 0 && parameterNotFoundAction !== 'Allow';
  const named = `${String(kind)}${name === undefined ? '' : ` ${String(name)}`}`;
  return {
    params: found.map((one) => {
      const own = members(one['metadata'])['namespace'];
      return { value: toPolicyValue(one), namespace: namespace === undefined && typeof own === 'string' ? own : null };
    }),
    ...(namespace === undefined ? { ofObject: { named, refuses: parameterNotFoundAction !== 'Allow' } } : {}),
    missing: isMissing ? named : null,
    ...(found.length === 0 && !isMissing ? { missed: named } : {}),
  };
}

/** What `messageExpression` gives; null, as in Kubernetes, when it fails or says nothing. */
function words(expression: KubernetesExpression | null, values: Record<string, unknown>): string | null {
  if (expression === null) return null;
  try {
    const text = expression.evaluate(values);
    if (typeof text !== 'string') return null;
    const said = text.trim();
    return said === '' || said.includes('\n') || Buffer.byteLength(said) > MESSAGE_BYTES_MAX ? null : said;
  } catch {
    // The usual message stands in; the validation itself has been answered.
    return null;
  }
}

function toMap(entries: Readonly<Record<string, PolicyValue>>): PolicyMap {
  return new Map(Object.entries(entries));
}

/** An environment of a project is what a namespace is in Kubernetes. Null: the object belongs to none. */
export function namespaceOf(object: PolicyMap, values: Record<string, unknown>): PolicyMap | null {
  if (CLUSTER_KINDS.has(String(object.get('kind')))) return null;
  const environment = members(values['environment'] as Json);
  const project = String(members(values['image'] as Json)['project'] ?? '');
  const environmentName = String(environment['name'] ?? '');
  const metadata = object.get('metadata');
  const written = metadata instanceof Map ? metadata.get('namespace') : undefined;
  const isPlaced = environmentName !== '';
  const name = isPlaced ? `${project}-${environmentName}` : String(written ?? 'default');
  const labels: Record<string, PolicyValue> = { 'kubernetes.io/metadata.name': name };
  if (isPlaced) {
    labels['darsena.project'] = project;
    labels['darsena.environment'] = environmentName;
    labels['darsena.class'] = String(environment['class'] ?? '');
  }
  return toMap({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: toMap({ name, labels: toMap(labels) }),
  });
}

const CLUSTER_KINDS: ReadonlySet<string> = new Set([
  ...['Namespace', 'Node', 'PersistentVolume', 'StorageClass', 'ClusterRole', 'ClusterRoleBinding'],
  ...['CustomResourceDefinition', 'PriorityClass', 'IngressClass', 'RuntimeClass', 'GatewayClass', 'APIService'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'ValidatingWebhookConfiguration'],
  ...['MutatingWebhookConfiguration', 'CSIDriver', 'CSINode', 'VolumeAttachment', 'CertificateSigningRequest'],
  ...['FlowSchema', 'PriorityLevelConfiguration', 'VolumeAttributesClass', 'DeviceClass', 'ResourceSlice'],
]);

export function nameOfNamespace(namespace: PolicyMap): PolicyValue {
  const metadata = namespace.get('metadata');
  return metadata instanceof Map ? (metadata.get('name') ?? '') : '';
}

const USUAL: Readonly<Record<string, readonly [string, PolicyValue]>> = {
  ...{ Deployment: ['replicas', 1n], StatefulSet: ['replicas', 1n], ReplicaSet: ['replicas', 1n] },
  ...{ ReplicationController: ['replicas', 1n], Service: ['type', 'ClusterIP'] },
};

/** The API fills in what an object leaves open before policies are asked; this is what policies compare most. */
export function withUsual(object: PolicyMap): PolicyMap {
  const kind = String(object.get('kind'));
  const [name, value] = (Object.hasOwn(USUAL, kind) ? USUAL[kind] : undefined) ?? ['', null];
  const spec = object.get('spec');
  if (name === '' || !(spec instanceof Map) || spec.has(name)) return object;
  return new Map(object).set('spec', new Map(spec).set(name, value));
}

/** The API writes the namespace of a request into an object that names none, before policies are asked. */
export function inNamespace(object: PolicyMap, namespace: PolicyValue): PolicyMap {
  const metadata = object.get('metadata');
  if (!(metadata instanceof Map) || metadata.has('namespace')) return object;
  return new Map(object).set('metadata', new Map(metadata).set('namespace', namespace));
}

function requestOf(object: PolicyMap): PolicyMap {
  const [group, version] = groupOf(String(object.get('apiVersion') ?? ''));
  const kind = String(object.get('kind') ?? '');
  const metadata = object.get('metadata');
  const get = (member: string): PolicyValue => (metadata instanceof Map ? (metadata.get(member) ?? '') : '');
  const kindOf = toMap({ group, version, kind });
  const resource = toMap({ group, version, resource: resourcesOf(kind)[0] ?? '' });
  return toMap({
    ...{ operation: 'CREATE', kind: kindOf, requestKind: kindOf, resource, requestResource: resource },
    ...{ subResource: '', requestSubResource: '', name: get('name'), namespace: get('namespace'), dryRun: false },
    ...{ uid: '', options: new Map() },
    userInfo: toMap({ username: '', uid: '', groups: [], extra: new Map() }),
  });
}

export function groupOf(apiVersion: string): [string, string] {
  const at = apiVersion.indexOf('/');
  return at < 0 ? ['', apiVersion] : [apiVersion.slice(0, at), apiVersion.slice(at + 1)];
}

/** Groups of which Kubernetes serves one object in several versions: a rule for one speaks of the others, unless `Exact`. */
const EQUIVALENT: Readonly<Record<string, readonly string[]>> = { autoscaling: ['v1', 'v2'] };

/** Whether an object is one that `matchConstraints` or `matchResources` speaks of; without rules it is. */
function isMatched(object: PolicyMap, constraints: Members, namespace: PolicyMap | null): boolean {
  const [group, version] = groupOf(String(object.get('apiVersion') ?? ''));
  const resources = resourcesOf(String(object.get('kind') ?? ''));
  const metadata = object.get('metadata');
  const name = metadata instanceof Map ? metadata.get('name') : undefined;
  const isExact = constraints['matchPolicy'] === 'Exact';
  const equals = EQUIVALENT[group] ?? [];
  const says = (list: Json | undefined, value: string): boolean =>
    items(list).some((one) => one === '*' || one === value);
  const isOne = (rule: Members): boolean =>
    says(rule['apiGroups'], group) &&
    // Policies of Kyverno may leave versions out.
    (rule['apiVersions'] === undefined ||
      says(rule['apiVersions'], version) ||
      (!isExact && equals.some((other) => says(rule['apiVersions'], other)))) &&
    says(rule['operations'], 'CREATE') &&
    (rule['scope'] === undefined ||
      rule['scope'] === '*' ||
      rule['scope'] === (namespace === null ? 'Cluster' : 'Namespaced')) &&
    (items(rule['resourceNames']).length === 0 || items(rule['resourceNames']).includes(String(name))) &&
    // `pods/exec` and the like are other questions than the start of a pod.
    items(rule['resources']).some((one) => one === '*' || one === '*/*' || resources.includes(String(one)));
  const rules = items(constraints['resourceRules']).map(members);
  const excluded = items(constraints['excludeResourceRules']).map(members);
  return (
    (constraints['resourceRules'] === undefined || rules.some(isOne)) &&
    !excluded.some(isOne) &&
    isSelected(labelsOf(object), members(constraints['objectSelector'])) &&
    isInNamespace(namespace, members(constraints['namespaceSelector']))
  );
}

/** Where no environment is known a selector of them says nothing: the policy is asked. */
function isInNamespace(namespace: PolicyMap | null, selector: Members): boolean {
  if (namespace === null) return true;
  const labels = labelsOf(namespace);
  return !labels.has('darsena.environment') || isSelected(labels, selector);
}

export function labelsOf(object: PolicyMap): ReadonlyMap<string, unknown> {
  const metadata = object.get('metadata');
  const labels = metadata instanceof Map ? metadata.get('labels') : undefined;
  return labels instanceof Map ? labels : new Map();
}

/** How resources of a kind may be called: NetworkPolicy is `networkpolicies`, Ingress `ingresses`, Pod `pods`. */
function resourcesOf(kind: string): string[] {
  const one = kind.toLowerCase();
  if (one.endsWith('y')) return [`${one.slice(0, -1)}ies`, `${one}s`];
  return one.endsWith('s') ? [`${one}es`, one] : [`${one}s`];
}

export function isSelected(labels: ReadonlyMap<string, unknown>, selector: Members): boolean {
  const exact = Object.entries(members(selector['matchLabels'])).every(([name, value]) => labels.get(name) === value);
  return (
    exact &&
    items(selector['matchExpressions'])
      .map(members)
      .every(({ key, operator, values }) => {
        const value = labels.get(String(key));
        const isIn = value !== undefined && items(values).includes(String(value));
        if (operator === 'In') return isIn;
        if (operator === 'NotIn') return !isIn;
        return operator === 'Exists' ? value !== undefined : value === undefined;
      })
  );
}

export function same(text: string): Text {
  return { en: text, es: text };
}

export function members(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

export function items(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
