import type { Json } from '../system/index.ts';
import {
  DOCUMENT_DOORS,
  groupOf,
  inNamespace,
  items,
  labelsOf,
  type Members,
  members,
  nameOf,
  nameOfNamespace,
  namespaceOf,
  type PolicyMap,
  type ReadRules,
  type Report,
  readCelRule,
  same,
  withUsual,
} from './admission-policy.ts';
import { OverBudget, withinBudget } from './cel-budget.ts';
import { madeFrom, type PolicyValue, toPodValues } from './document.ts';
import { atTime } from './jmespath-functions.ts';
import { isObject, wordOf } from './jmespath-values.ts';
import { matchesWildcard } from './kyverno-amounts.ts';
import { operatorOf } from './kyverno-conditions.ts';
import { imageParts } from './kyverno-images.ts';
import { isSpokenOf } from './kyverno-match.ts';
import { matchPattern } from './kyverno-pattern.ts';
import { queriesIn, queryOf, type Resolve, substitute } from './kyverno-query.ts';
import { POLICY_RULES_MAX } from './limits.ts';
import { checkShape, KYVERNO_FILTER, type ObjectShape } from './object-shape.ts';
import type { PolicyRule } from './policy.ts';

const KINDS: readonly string[] = ['ClusterPolicy', 'Policy'];

/** Whether an object is a policy of Kyverno whose rules are read here. */
export function isKyvernoObject({ apiVersion, kind }: Members): boolean {
  return KINDS.includes(String(kind)) && String(apiVersion).startsWith('kyverno.io/');
}

/**
 * Reads a ClusterPolicy or Policy of Kyverno: its rules that validate, each as one rule here with the name it has there.
 * Rules that change, make or remove objects, and those that ask a cluster or a registry, are refused with their place: a
 * policy of which a part is left out is another one. What starts is a CREATE by nobody known, and what a controller would
 * make of an object is asked about with it.
 */
export function readKyvernoPolicy(
  policy: Members,
  objects: readonly Members[],
  report: Report,
  standards: FindStandard,
): ReadRules {
  const metadata = members(policy['metadata']);
  const spec = members(policy['spec']);
  const name = nameOf(String(metadata['name'] ?? ''));
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name))
    report(['metadata', 'name'], `expected a name, got ${JSON.stringify(name)}`);
  checkShape(spec, SPEC, ['spec'], report);
  if (spec['applyRules'] === 'One') report(['spec', 'applyRules'], 'expected All: every rule is asked here');
  const written = items(spec['rules']);
  if (written.length === 0 || written.length > POLICY_RULES_MAX)
    report(['spec', 'rules'], `expected from 1 to ${POLICY_RULES_MAX} rules`);
  const scope: RuleScope = {
    ...{ policy: name, objects, standards, report },
    namespace: policy['kind'] === 'Policy' ? String(metadata['namespace'] ?? 'default') : null,
    action: String(spec['validationFailureAction'] ?? 'Audit'),
  };
  const rules = written.slice(0, POLICY_RULES_MAX).flatMap((one, index) => readRule(members(one), index, scope) ?? []);
  const annotations = members(metadata['annotations']);
  const description = annotations['policies.kyverno.io/description'] ?? annotations['policies.kyverno.io/title'];
  return {
    name,
    description: String(description ?? `${String(policy['kind'])} ${name}`).trim(),
    mode: spec['failurePolicy'] === 'Ignore' ? 'open' : 'closed',
    rules,
  };
}

/** The rules of ours that are one version of a Pod Security Standard; null: it is not here. */
export type FindStandard = (level: 'baseline' | 'restricted', version: string) => readonly PolicyRule[] | null;

interface RuleScope {
  readonly policy: string;
  readonly objects: readonly Members[];
  readonly standards: FindStandard;
  readonly report: Report;
  /** Null: of every namespace. */
  readonly namespace: string | null;
  readonly action: string;
}

const ACTION: ObjectShape = { oneOf: ['Audit', 'Enforce', 'audit', 'enforce'] };

/** What a policy says beside its rules; what decides elsewhere, and is not understood here, is missing on purpose. */
const SPEC: ObjectShape = {
  members: {
    ...{
      rules: { listOf: 'any' },
      applyRules: { oneOf: ['All', 'One'] },
      failurePolicy: { oneOf: ['Fail', 'Ignore'] },
    },
    ...{ validationFailureAction: ACTION, background: 'any', admission: 'any', emitWarning: 'any' },
    ...{ schemaValidation: 'any', webhookTimeoutSeconds: 'any', useServerSideApply: 'any' },
    ...{ generateExisting: 'any', generateExistingOnPolicyUpdate: 'any', mutateExistingOnPolicyUpdate: 'any' },
  },
};

const CONDITION: ObjectShape = { members: { key: 'any', operator: 'any', value: 'any', message: 'any' } };
const CONDITIONS: ObjectShape = { members: { any: { listOf: 'any' }, all: { listOf: 'any' } } };
const BODY = { anyPattern: { listOf: 'any' }, deny: { members: { conditions: 'any' } } } satisfies Record<
  string,
  ObjectShape
>;
const VALIDATE: ObjectShape = {
  members: {
    ...{ ...BODY, message: 'text', pattern: 'any', foreach: { listOf: 'any' }, cel: 'any' },
    ...{ failureAction: ACTION, allowExistingViolations: 'any' },
    podSecurity: {
      members: {
        ...{ level: 'any', version: 'any' },
        exclude: {
          listOf: {
            members: {
              ...{ controlName: 'text', images: { listOf: 'text' }, restrictedField: 'text' },
              values: { listOf: 'any' },
            },
          },
        },
      },
    },
  },
};
const EACH: ObjectShape = {
  members: {
    ...{ ...BODY, list: 'text', pattern: 'any', foreach: { listOf: 'any' } },
    ...{ context: { listOf: 'any' }, preconditions: 'any', elementScope: 'any' },
  },
};
const BODIES: readonly string[] = ['pattern', 'anyPattern', 'deny', 'foreach', 'podSecurity', 'cel'];

const RULE_MEMBERS: readonly string[] = [
  ...['name', 'match', 'exclude', 'context', 'preconditions', 'celPreconditions', 'validate'],
  ...['skipBackgroundRequests', 'reportProperties'],
];
const VALIDATE_MEMBERS: readonly string[] = [
  ...['message', 'pattern', 'anyPattern', 'deny', 'foreach', 'podSecurity', 'cel', 'failureAction'],
  'allowExistingViolations',
];
const FOREACH_MEMBERS: readonly string[] = [
  ...['list', 'context', 'preconditions', 'elementScope', 'pattern', 'anyPattern', 'deny', 'foreach'],
];

/** The rule of ours that a rule of Kyverno is; null where it was reported that it is none. */
function readRule(rule: Members, index: number, scope: RuleScope): PolicyRule | null {
  const { report } = scope;
  const at = ['spec', 'rules', index];
  let isKnown = true;
  const strange = (path: (string | number)[], value: Members, known: readonly string[], what: string): void => {
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      isKnown = false;
      report([...path, name], `${name} is not understood in ${what}; expected ${known.join(', ')}`);
    }
  };
  const validate = members(rule['validate']);
  strange(at, rule, RULE_MEMBERS, 'a rule of Kyverno');
  strange([...at, 'validate'], validate, VALIDATE_MEMBERS, 'validate');
  const eachIn = (list: Json | undefined, path: (string | number)[]): void => {
    for (const [number, one] of items(list).entries()) {
      const here = [...path, 'foreach', number];
      strange(here, members(one), FOREACH_MEMBERS, 'foreach');
      eachIn(members(one)['foreach'], here);
    }
  };
  eachIn(validate['foreach'], [...at, 'validate']);
  if (!isKnown || !isSpeaking(rule, at, report)) return null;
  if (rule['validate'] === undefined) {
    report(at, 'expected validate');
    return null;
  }
  const wrong = checkQueries(rule, at, scope);
  const id = idOf(String(rule['name'] ?? ''));
  if (id === '') report([...at, 'name'], 'expected the name of the rule');
  const action = String(validate['failureAction'] ?? scope.action).toLowerCase();
  const effect = action === 'enforce' ? 'refuse' : 'warn';
  const speaksOf = (object: PolicyMap, namespace: PolicyMap | null): boolean =>
    isOfRule(object, namespace, rule, scope);
  if (validate['cel'] !== undefined) {
    return readCelRule({ id, name: scope.policy, effect, rule, path: at, objects: scope.objects, report, speaksOf });
  }
  const run = wrong ? null : compileRule(rule, at, scope);
  if (run === null) return null;
  return toRule(id, effect, rule, run, speaksOf, scope.policy);
}

/** Whether a rule says what it speaks of, and says it in a form that is read here; what is not is reported. */
function isSpeaking(rule: Members, at: (string | number)[], report: Report): boolean {
  const said = [
    checkShape(rule['match'], KYVERNO_FILTER, [...at, 'match'], report),
    checkShape(rule['exclude'], KYVERNO_FILTER, [...at, 'exclude'], report),
    checkShape(rule['validate'], VALIDATE, [...at, 'validate'], report),
  ];
  if (said.includes(false)) return false;
  const match = members(rule['match']);
  const [any, all] = [items(match['any']), items(match['all'])];
  const filters = any.length > 0 ? any : all.length > 0 ? all : [match];
  const names = (filter: Members): boolean =>
    Object.keys(members(filter['resources'])).length > 0 ||
    ['subjects', 'roles', 'clusterRoles'].some((one) => items(filter[one]).length > 0);
  if (filters.map(members).some(names)) return true;
  report([...at, 'match'], 'expected resources, subjects, roles or clusterRoles: it speaks of nothing');
  return false;
}

/** `requireRunAsNonRoot` is `require-run-as-non-root`. */
function idOf(name: string): string {
  const id = name
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '');
  return id.slice(0, 63);
}

function isOfRule(object: PolicyMap, namespace: PolicyMap | null, rule: Members, scope: RuleScope): boolean {
  const [group, version] = groupOf(String(object.get('apiVersion') ?? ''));
  const metadata = object.get('metadata');
  const text = (member: string): string => {
    const value = metadata instanceof Map ? metadata.get(member) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const place = namespace === null ? '' : String(nameOfNamespace(namespace));
  if (scope.namespace !== null && scope.namespace !== place) return false;
  const labels = namespace === null ? new Map<string, unknown>() : labelsOf(namespace);
  return isSpokenOf(members(rule['match']), members(rule['exclude']), {
    ...{ object, group, version, kind: String(object.get('kind') ?? '') },
    ...{ name: text('name') || text('generateName'), namespace: place },
    namespaceLabels: namespace === null || labels.has('darsena.environment') ? labels : null,
  });
}

/** What a rule says of one object. */
type Answer = { readonly status: 'pass' | 'skip' } | { readonly status: 'fail' | 'error'; readonly message: string };
const PASS: Answer = { status: 'pass' };
const SKIP: Answer = { status: 'skip' };
type Run = (scene: KyvernoScene) => Answer;

/** What queries see, and the object itself. */
interface KyvernoScene {
  readonly context: { readonly [name: string]: Json };
  readonly object: Json;
  /** The member of a list that a pattern in `foreach` is compared with; undefined: the object. */
  readonly element?: Json;
  readonly nesting: number;
  readonly facts: Record<string, unknown>;
}

function toRule(
  id: string,
  effect: PolicyRule['effect'],
  rule: Members,
  run: Run,
  speaksOf: (object: PolicyMap, namespace: PolicyMap | null) => boolean,
  key: string,
): PolicyRule {
  const matched = (values: Record<string, unknown>): PolicyMap[] => {
    const object = values['object'] as PolicyMap;
    const namespace = namespaceOf(object, values);
    const placed = (one: PolicyMap): PolicyMap =>
      withUsual(namespace === null ? one : inNamespace(one, nameOfNamespace(namespace)));
    return [object, ...madeFrom(object)].filter((one) => speaksOf(one, namespace)).map(placed);
  };
  // One object is asked about twice, whether the rule applies and what it says.
  const answers = new WeakMap<object, readonly Answer[]>();
  const ask = (values: Record<string, unknown>): readonly Answer[] => {
    const whole = values['object'] as PolicyMap;
    const known = answers.get(whole);
    if (known !== undefined) return known;
    const time = typeof values['now'] === 'string' ? values['now'] : '';
    const said = atTime(time, () => matched(values).map((one) => askOf(one, run, values)));
    answers.set(whole, said);
    return said;
  };
  return {
    ...{ id, effect, doors: DOCUMENT_DOORS, message: same('{subject}'), remedy: null, scope: 'document', kinds: null },
    ...{ since: null, until: null, params: new Map(), completes: null, cost: { nodes: 0, loops: 0 } },
    expression: JSON.stringify(rule['validate']),
    concerns: (values) => matched(values).length > 0,
    match: (values) => ask(values).some(({ status }) => status !== 'skip'),
    evaluate: (values) => {
      const said = ask(values);
      const failed = said.flatMap((one) => (one.status === 'fail' ? [{ key, label: one.message, package: null }] : []));
      const error = said.find(({ status }) => status === 'error');
      // What was found of one object stands beside what could not be asked of another.
      if (failed.length === 0 && error !== undefined && 'message' in error) throw new RangeError(error.message);
      return failed;
    },
  };
}

/** What took too much is an error of this object alone: what was found of another stands. */
function askOf(object: PolicyMap, run: Run, values: Record<string, unknown>): Answer {
  try {
    return withinBudget(() => run(sceneOf(object, values)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { status: 'error', message: error.message };
  }
}

function toJson(value: PolicyValue): Json {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, one]) => [name, toJson(one as PolicyValue)]));
  if (Array.isArray(value)) return value.map(toJson);
  return value as Json;
}

function sceneOf(map: PolicyMap, facts: Record<string, unknown>): KyvernoScene {
  const object = toJson(map);
  const { apiVersion, kind, metadata } = members(object);
  const [group, version] = groupOf(String(apiVersion ?? ''));
  const own = members(metadata);
  const request = {
    ...{ operation: 'CREATE', object, kind: { group, version, kind: kind ?? '' }, dryRun: false, uid: '', roles: [] },
    ...{ name: own['name'] ?? '', namespace: own['namespace'] ?? '', clusterRoles: [] },
    userInfo: { username: '', groups: [] },
  };
  const context = { request, serviceAccountName: '', serviceAccountNamespace: '', images: imagesOf(object) };
  return { context, object, nesting: 0, facts };
}

/** The parts of the names of all images, by container. */
function imagesOf(object: Json): Json {
  const spec = members(members(object)['spec']);
  const lists = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) => {
    const entries = items(spec[list]).flatMap((one): [string, Json][] => {
      const { name, image } = members(one);
      return typeof image === 'string' ? [[String(name), imageParts(image)]] : [];
    });
    return entries.length === 0 ? [] : [[list, Object.fromEntries(entries)] as const];
  });
  return Object.fromEntries(lists);
}

/** Queries whose text is whole are read now, so that what is wrong with one has its place. */
function checkQueries(value: Json, path: (string | number)[], { report }: RuleScope): boolean {
  let isWrong = false;
  const check = (text: string, at: (string | number)[]): void => {
    try {
      if (!text.includes('{{')) queryOf(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      isWrong = true;
      report(at, error.message);
    }
  };
  const walk = (node: Json, at: (string | number)[]): void => {
    if (typeof node === 'string') {
      for (const text of queriesIn(node)) check(text, at);
      if (/\$\([^ )]*\/[^ )]*\)/.test(node)) {
        isWrong = true;
        report(at, 'references by $(…) are not understood here');
      }
    } else if (Array.isArray(node)) for (const [index, one] of node.entries()) walk(one, [...at, index]);
    else if (isObject(node)) {
      for (const [name, one] of Object.entries(node)) {
        // Expressions of CEL are no queries, and what a person reads is no reference.
        if (name === 'cel' || name === 'celPreconditions' || name === 'message') continue;
        if ((name === 'list' || name === 'jmesPath') && typeof one === 'string') check(one, [...at, name]);
        else walk(one, [...at, name]);
      }
    }
  };
  walk(value, path);
  return isWrong;
}

/** What a rule does, in the order of Kyverno: context, preconditions, validate. */
function compileRule(rule: Members, at: (string | number)[], scope: RuleScope): Run | null {
  const validate = members(rule['validate']);
  const message = String(validate['message'] ?? `rule ${String(rule['name'])} failed`).trim();
  const body = compileBody(validate, [...at, 'validate'], message, scope);
  const enter = compileContext(rule['context'], [...at, 'context'], scope);
  const holds = compileConditions(rule['preconditions'], [...at, 'preconditions'], scope);
  if (body === null || enter === null || holds === null) return null;
  return (scene) =>
    guarded(() => {
      const inside = enter(scene);
      return holds(inside, true) ? body(inside) : SKIP;
    });
}

function guarded(run: () => Answer): Answer {
  try {
    return run();
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return { status: 'error', message: error.message };
  }
}

/** That a query finds nothing, or cannot be asked of what is there: something else may stand for it. */
function isUnanswered(error: unknown): error is RangeError {
  return error instanceof RangeError && !(error instanceof OverBudget);
}

function compileBody(body: Members, at: (string | number)[], message: string, scope: RuleScope): Run | null {
  const { pattern, anyPattern, deny, foreach, podSecurity } = body;
  const [first, second] = BODIES.filter((name) => body[name] !== undefined);
  if (second !== undefined) {
    scope.report([...at, second], `expected one of ${BODIES.join(', ')}, got ${first} and ${second}`);
    return null;
  }
  if (deny !== undefined) return compileDeny(members(deny), at, message, scope);
  if (pattern !== undefined) return (scene) => askPattern(pattern, message, scene);
  for (const [name, list] of Object.entries({ anyPattern, foreach })) {
    if (list === undefined || items(list).length > 0) continue;
    scope.report([...at, name], 'expected a list of one or more');
    return null;
  }
  if (anyPattern !== undefined) return (scene) => askAnyPattern(items(anyPattern), message, scene);
  if (foreach !== undefined) return compileForEach(items(foreach), at, message, scope);
  if (podSecurity !== undefined) return compilePodSecurity(members(podSecurity), at, scope);
  scope.report(at, 'expected pattern, anyPattern, deny, foreach, podSecurity or cel');
  return null;
}

function fail(message: string, detail: string, scene: KyvernoScene): Answer {
  return { status: 'fail', message: `${worded(message, scene)}${detail === '' ? '' : ` (${detail})`}` };
}

/** The message with its variables; as it was written where one of them finds nothing. */
function worded(message: string, scene: KyvernoScene): string {
  try {
    const text = substitute(message, resolverOf(scene, 'needed'));
    return wordOf(text);
  } catch (error) {
    if (error instanceof RangeError) return message;
    throw error;
  }
}

/** `needed`: what finds nothing fails; `empty`: it is an empty text, as in preconditions. */
function resolverOf(scene: KyvernoScene, missing: 'needed' | 'empty'): Resolve {
  return (text) => {
    let found: Json = null;
    try {
      found = queryOf(text)(scene.context);
    } catch (error) {
      if (!isUnanswered(error) || missing === 'needed') throw error;
    }
    if (found !== null) return found;
    if (missing === 'empty') return '';
    throw new RangeError(`{{ ${text.slice(0, 100)} }} finds nothing`);
  };
}

function askPattern(pattern: Json, message: string, scene: KyvernoScene): Answer {
  const filled = substitute(pattern, resolverOf(scene, 'needed'));
  const wrong = matchPattern(scene.element === undefined ? scene.object : scene.element, filled);
  if (wrong === null) return PASS;
  return wrong.isSkip ? SKIP : fail(message, `${wrong.path} ${wrong.why}`, scene);
}

function askAnyPattern(patterns: readonly Json[], message: string, scene: KyvernoScene): Answer {
  const said = patterns.map((pattern) => askPattern(pattern, message, scene));
  if (said.some(({ status }) => status === 'pass')) return PASS;
  return said.find(({ status }) => status === 'fail') ?? SKIP;
}

function compileDeny(deny: Members, at: (string | number)[], message: string, scope: RuleScope): Run | null {
  const holds = compileConditions(deny['conditions'], [...at, 'deny', 'conditions'], scope);
  if (holds === null) return null;
  return (scene) => (holds(scene, false) ? fail(message, '', scene) : PASS);
}

type Holds = (scene: KyvernoScene, isPrecondition: boolean) => boolean;

/** `any` and `all`, a list of these, or a list of conditions, all of which are to hold. Null where it was reported what is wrong. */
function compileConditions(written: Json | undefined, at: (string | number)[], scope: RuleScope): Holds | null {
  if (written === undefined || written === null) return () => true;
  if (Array.isArray(written)) {
    const all = written.map((one, index) => {
      const isGroup = isObject(one) && (one['any'] !== undefined || one['all'] !== undefined);
      return isGroup ? compileConditions(one, [...at, index], scope) : compileCondition(one, [...at, index], scope);
    });
    if (all.includes(null)) return null;
    return (scene, isPrecondition) => all.every((holds) => holds?.(scene, isPrecondition) === true);
  }
  if (!checkShape(written, CONDITIONS, at, scope.report)) return null;
  const { any, all } = members(written);
  const compile = (list: Json | undefined, name: string): (Holds | null)[] =>
    items(list).map((one, index) => compileCondition(one, [...at, name, index], scope));
  const [some, every] = [compile(any, 'any'), compile(all, 'all')];
  if (some.includes(null) || every.includes(null)) return null;
  return (scene, isPrecondition) =>
    (any === undefined || any === null || some.some((holds) => holds?.(scene, isPrecondition) === true)) &&
    every.every((holds) => holds?.(scene, isPrecondition) === true);
}

function compileCondition(written: Json, at: (string | number)[], { report }: RuleScope): Holds | null {
  if (!checkShape(written, CONDITION, at, report)) return null;
  const { key, operator, value } = members(written);
  const test = typeof operator === 'string' ? operatorOf(operator) : null;
  if (test === null) {
    report([...at, 'operator'], `expected an operator of Kyverno, got ${JSON.stringify(operator ?? null)}`);
    return null;
  }
  return (scene, isPrecondition) => {
    const resolve = resolverOf(scene, isPrecondition ? 'empty' : 'needed');
    return test(substitute(key ?? null, resolve), substitute(value ?? null, resolve));
  };
}

type Enter = (scene: KyvernoScene) => KyvernoScene;

/** Variables, and ConfigMaps that stand in the same text. */
function compileContext(written: Json | undefined, at: (string | number)[], scope: RuleScope): Enter | null {
  const entries = items(written).map((one, index) => compileEntry(members(one), [...at, index], scope));
  if (entries.includes(null)) return null;
  return (scene) => entries.reduce<KyvernoScene>((inside, entry) => entry?.(inside) ?? inside, scene);
}

function compileEntry(entry: Members, at: (string | number)[], scope: RuleScope): Enter | null {
  const { name, variable, configMap } = entry;
  const put = (scene: KyvernoScene, value: Json): KyvernoScene => ({
    ...scene,
    context: { ...scene.context, [String(name)]: value },
  });
  if (configMap !== undefined) {
    const wanted = members(configMap);
    const found = scope.objects.find(({ kind, metadata }) => {
      const own = members(metadata);
      return (
        kind === 'ConfigMap' &&
        own['name'] === wanted['name'] &&
        (own['namespace'] ?? wanted['namespace']) === wanted['namespace']
      );
    });
    if (found !== undefined)
      return (scene) => put(scene, { data: found['data'] ?? {}, metadata: found['metadata'] ?? {} });
    scope.report([...at, 'configMap'], `expected the ConfigMap ${String(wanted['name'])} in the same file`);
    return null;
  }
  if (variable === undefined) {
    const other = Object.keys(entry).find((one) => one !== 'name') ?? 'nothing';
    scope.report(at, `${other} asks a cluster or a registry, and nobody answers here; expected variable or configMap`);
    return null;
  }
  const { value, jmesPath, default: usual } = members(variable);
  return (scene) => {
    const needed = resolverOf(scene, 'needed');
    const orUsual = (run: () => Json): Json => {
      try {
        const found = run();
        if (found !== null) return found;
      } catch (error) {
        if (!isUnanswered(error) || usual === undefined) throw error;
      }
      return usual === undefined ? null : substitute(usual, needed);
    };
    const found = orUsual(() => {
      const base = value === undefined ? null : substitute(value, needed);
      if (jmesPath === undefined) return base;
      const query = substitute(jmesPath, needed);
      return queryOf(String(query))(value === undefined ? scene.context : base);
    });
    return put(scene, found);
  };
}

function compileForEach(
  written: readonly Json[],
  at: (string | number)[],
  message: string,
  scope: RuleScope,
): Run | null {
  const parts = written.map((one, index) => {
    const each = members(one);
    const here = [...at, 'foreach', index];
    if (!checkShape(one, EACH, here, scope.report)) return null;
    if (typeof each['list'] !== 'string') {
      scope.report(here, 'expected list: what it is asked of each of');
      return null;
    }
    const body = compileBody(each, here, message, scope);
    const enter = compileContext(each['context'], [...here, 'context'], scope);
    const holds = compileConditions(each['preconditions'], [...here, 'preconditions'], scope);
    if (body === null || enter === null || holds === null) return null;
    const run: Run = (scene) =>
      guarded(() => {
        const inside = enter(scene);
        return holds(inside, true) ? body(inside) : SKIP;
      });
    return { list: String(each['list'] ?? ''), elementScope: each['elementScope'], run };
  });
  if (parts.includes(null)) return null;
  return (scene) => {
    let applied = 0;
    for (const part of parts) {
      if (part === null) continue;
      const said = askEach(part.run, elementsOf(part.list, scene), part.elementScope, scene);
      if (said.answer !== null) return said.answer;
      applied += said.applied;
    }
    return applied === 0 ? SKIP : PASS;
  };
}

/** What is no list is a list of one, and a list that is not there is empty. */
function elementsOf(list: string, scene: KyvernoScene): readonly Json[] {
  try {
    const query = substitute(list, resolverOf(scene, 'needed'));
    const found = typeof query === 'string' ? queryOf(query)(scene.context) : query;
    return Array.isArray(found) ? found : [found];
  } catch (error) {
    if (isUnanswered(error)) return [];
    throw error;
  }
}

/** The first answer that speaks against a member; an error counts where it is that of the last, as in Kyverno. */
function askEach(
  run: Run,
  elements: readonly Json[],
  elementScope: Json | undefined,
  scene: KyvernoScene,
): { answer: Answer | null; applied: number } {
  let applied = 0;
  for (const [index, element] of elements.entries()) {
    if (element === null) continue;
    const { nesting, context } = scene;
    const isScoped = typeof elementScope === 'boolean' ? elementScope : isObject(element);
    const named = { element, elementIndex: index, [`element${nesting}`]: element, [`elementIndex${nesting}`]: index };
    const { element: _, ...outside } = scene;
    const answer = run({
      ...outside,
      ...(isScoped ? { element } : {}),
      context: { ...context, ...named },
      nesting: nesting + 1,
    });
    if (answer.status === 'fail' || (answer.status === 'error' && index === elements.length - 1))
      return { answer, applied };
    if (answer.status === 'pass') applied += 1;
  }
  return { answer: null, applied };
}

/** The controls of the Pod Security Standards as Kyverno names them, and the rules of ours that are they. */
const CONTROLS: Readonly<Record<string, readonly string[]>> = {
  HostProcess: ['windows-host-process'],
  'Host Namespaces': ['host-namespaces'],
  'Privileged Containers': ['privileged'],
  Capabilities: ['capabilities', 'drop-capabilities'],
  'HostPath Volumes': ['host-path-volumes'],
  'Host Ports': ['host-ports'],
  'Host Probes / Lifecycle Hooks': ['host-probes'],
  AppArmor: ['app-armor', 'app-armor-annotations'],
  SELinux: ['selinux'],
  '/proc Mount Type': ['proc-mount', 'proc-mount-default'],
  Seccomp: ['seccomp', 'seccomp-required'],
  Sysctls: ['sysctls'],
  'Volume Types': ['restricted-volumes'],
  'Privilege Escalation': ['privilege-escalation'],
  'Running as Non-root': ['run-as-non-root'],
  'Running as Non-root user': ['run-as-user'],
};

/** A whole standard in one rule, asked by the rules of ours that are that standard. */
function compilePodSecurity(written: Members, at: (string | number)[], scope: RuleScope): Run | null {
  const { level, version, exclude } = written;
  const path = [...at, 'podSecurity'];
  const excluded = items(exclude).map(members);
  for (const [index, { controlName }] of excluded.entries()) {
    if (Object.hasOwn(CONTROLS, String(controlName))) continue;
    scope.report([...path, 'exclude', index, 'controlName'], `expected one of ${Object.keys(CONTROLS).join(', ')}`);
    return null;
  }
  const asked = String(version ?? 'latest').replace(/^v/, '');
  if (!/^(?:latest|1\.\d{1,3})$/.test(asked) || (level !== 'baseline' && level !== 'restricted')) {
    scope.report(path, 'expected the level baseline or restricted, and a version such as v1.30 or latest');
    return null;
  }
  const rules = scope.standards(level, asked);
  if (rules === null) {
    scope.report(path, `the policy pod-security-${level} is not here`);
    return null;
  }
  return (scene) => {
    const { metadata, spec } = members(scene.object);
    const said = rules.flatMap((rule) => {
      const ofRule = excluded.filter(({ controlName }) => CONTROLS[String(controlName)]?.includes(rule.id));
      if (ofRule.some(({ images, restrictedField }) => images === undefined && restrictedField === undefined))
        return [];
      const pod = ofRule.reduce<Json>((left, one) => withoutAllowed(left, one), {
        metadata: metadata ?? null,
        spec: spec ?? null,
      });
      const { metadata: named, spec: kept } = members(pod);
      let values: Record<string, unknown>;
      try {
        values = {
          ...scene.facts,
          ...toPodValues({ metadata: named ?? null, spec: kept ?? null }),
          params: rule.params,
        };
      } catch (error) {
        if (error instanceof TypeError) throw new RangeError(error.message);
        throw error;
      }
      if (rule.match !== null && !rule.match(values)) return [];
      const free = ofRule
        .filter(({ restrictedField }) => restrictedField === undefined)
        .flatMap(({ images }) => freeContainers(spec ?? null, items(images)));
      return rule
        .evaluate(values)
        .flatMap((subject) =>
          free.includes(subject?.key ?? '') ? [] : [`${rule.id}${subject === null ? '' : `: ${subject.label}`}`],
        );
    });
    return said.length === 0
      ? PASS
      : { status: 'fail', message: `pod-security-${level}@${asked}: ${said.slice(0, 20).join(', ')}` };
  };
}

/**
 * The names of containers whose image is one of those that are excluded. What a rule says of the pod itself has the name `pod`:
 * a container that is called so, or as one of another image, is not free by its name.
 */
function freeContainers(spec: Json, images: readonly Json[]): string[] {
  const lists = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) => items(members(spec)[list]));
  const names = (isFree: boolean): string[] =>
    lists.flatMap((one) => {
      const { name, image } = members(one);
      const isExcluded = images.some((pattern) => matchesWildcard(String(pattern), String(image)));
      return isExcluded === isFree ? [String(name)] : [];
    });
  const bound = ['pod', ...names(false)];
  return names(true).filter((name) => !bound.includes(name));
}

/** The pod without the values of a field that an exclusion allows; in containers, of those images alone where it names some. */
function withoutAllowed(pod: Json, { restrictedField, values, images }: Members): Json {
  if (typeof restrictedField !== 'string') return pod;
  const allowed = items(values).map(String);
  const steps = restrictedField
    .split('.')
    .flatMap((part) => (part.endsWith('[*]') ? [part.slice(0, -3), '*'] : [part]));
  const walk = (node: Json, at: number): Json | undefined => {
    const step = steps[at];
    if (step === undefined) {
      if (Array.isArray(node))
        return node.filter((one) => !allowed.some((pattern) => matchesWildcard(pattern, String(one))));
      return allowed.some((pattern) => matchesWildcard(pattern, String(node))) ? undefined : node;
    }
    if (step === '*') {
      if (!Array.isArray(node)) return node;
      return node.flatMap((one) => {
        const { image } = members(one);
        const isOther =
          images !== undefined &&
          image !== undefined &&
          !items(images).some((pattern) => matchesWildcard(String(pattern), String(image)));
        const left = isOther ? one : walk(one, at + 1);
        return left === undefined ? [] : [left];
      });
    }
    if (!isObject(node)) return node;
    const inner = node[step] ?? null;
    if (inner === null) return node;
    const left = walk(inner, at + 1);
    const { [step]: _, ...rest } = node;
    return left === undefined ? rest : { ...rest, [step]: left };
  };
  return walk(pod, 0) ?? pod;
}
