import { parseYamlDocuments } from '../formats/index.ts';
import type { Json, Text } from '../system/index.ts';
import type { Door } from './admission.ts';
import { type PolicyValue, toPolicyValue } from './document.ts';
import { compileKubernetes, type KubernetesExpression } from './expression.ts';
import { POLICY_BYTES_MAX, POLICY_RULES_MAX } from './limits.ts';
import type { Effect, Policy, PolicyProblem, PolicyRule } from './policy.ts';

/** Doors at which documents are judged. */
const DOORS: readonly Door[] = ['ci', 'start', 'promote'];

/** Whether a text is a ValidatingAdmissionPolicy of Kubernetes and no policy in our own words. */
export function isAdmissionPolicy(text: string): boolean {
  return /^kind:\s*["']?ValidatingAdmissionPolicy["']?\s*$/m.test(text);
}

type Members = Readonly<Record<string, Json>>;

/**
 * Reads a ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) with its binding and the object of its parameters
 * where they stand in the same text. Each validation becomes a rule. What starts is a CREATE: there is no old object, and
 * a rule for other operations alone never applies.
 */
export function readAdmissionPolicy(text: string, problems: PolicyProblem[]): Policy | null {
  const documents = parseYamlDocuments(text, { maxBytes: POLICY_BYTES_MAX, scalars: 'kubernetes' });
  const objects = documents.map(({ value }) => members(value));
  const [policy, ...others] = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  const place = documents[policy === undefined ? 0 : objects.indexOf(policy)];
  const report = (path: (string | number)[], reason: string): void => {
    const position = place?.locate(path) ?? { line: 1, column: 1 };
    problems.push({ line: position.line, column: position.column, rule: null, reason });
  };
  if (policy === undefined || others.length > 0) {
    report([], 'expected one ValidatingAdmissionPolicy');
    return null;
  }
  const spec = members(policy['spec']);
  const name = String(members(policy['metadata'])['name'] ?? '').replaceAll('.', '-');
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name))
    report(['metadata', 'name'], `expected a name, got ${JSON.stringify(name)}`);
  const binding = objects.find(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
  const bound = members(binding?.['spec']);
  const actions = items(bound['validationActions']).map(String);
  const effect: Effect = binding === undefined || actions.includes('Deny') ? 'refuse' : 'warn';
  const params = findParams(spec, bound, objects, report);
  const compile = (
    expression: Json | undefined,
    path: (string | number)[],
    isText = false,
  ): KubernetesExpression | null => {
    if (typeof expression !== 'string') {
      report(path, 'expected an expression as text');
      return null;
    }
    const compiled = compileKubernetes(expression, isText ? ['string', 'dyn'] : null);
    if (compiled.ok) return compiled;
    report(path, `${compiled.problem.reason} (character ${compiled.problem.offset + 1})`);
    return null;
  };
  const variables = items(spec['variables']).flatMap((one, index) => {
    const { name: variable, expression } = members(one);
    const compiled = compile(expression, ['spec', 'variables', index, 'expression']);
    return compiled === null ? [] : [{ name: String(variable), compiled }];
  });
  const conditions = items(spec['matchConditions']).flatMap((one, index) => {
    const compiled = compile(members(one)['expression'], ['spec', 'matchConditions', index, 'expression']);
    return compiled === null ? [] : [compiled];
  });
  for (const [index, one] of items(spec['auditAnnotations']).entries()) {
    compile(members(one)['valueExpression'], ['spec', 'auditAnnotations', index, 'valueExpression']);
  }
  const constraints = [members(spec['matchConstraints']), members(bound['matchResources'])];
  const scene = (values: Record<string, unknown>): Record<string, unknown> => {
    const object = values['object'] as ReadonlyMap<string, PolicyValue>;
    const known = new Map<string, unknown>();
    const all: Record<string, unknown> = {
      ...{ object, oldObject: null, params, request: requestOf(object), namespaceObject: new Map(), variables: known },
    };
    for (const variable of variables) {
      try {
        known.set(variable.name, variable.compiled.evaluate(all));
      } catch {
        // Kubernetes evaluates a variable when it is used: one that is not must not fail the rest, one that is, is missing.
      }
    }
    return all;
  };
  const validations = items(spec['validations']);
  if (validations.length === 0 || validations.length > POLICY_RULES_MAX)
    report(['spec', 'validations'], 'expected validations');
  const rules = validations.slice(0, POLICY_RULES_MAX).flatMap((one, index): PolicyRule[] => {
    const validation = members(one);
    const at = ['spec', 'validations', index];
    const compiled = compile(validation['expression'], [...at, 'expression']);
    const worded =
      validation['messageExpression'] === undefined
        ? null
        : compile(validation['messageExpression'], [...at, 'messageExpression'], true);
    if (compiled === null) return [];
    const usual = String(validation['message'] ?? `failed expression: ${String(validation['expression'])}`).trim();
    return [
      {
        id: `${name}-${index + 1}`.slice(-63),
        doors: DOORS,
        effect,
        expression: String(validation['expression']),
        message: same('{subject}'),
        remedy: null,
        scope: 'document',
        kinds: null,
        match: (values) => {
          const all = scene(values);
          const document = values['object'] as ReadonlyMap<string, PolicyValue>;
          return (
            constraints.every((one) => isMatched(document, one)) &&
            conditions.every((one) => one.evaluate(all) === true)
          );
        },
        since: null,
        until: null,
        params: new Map(),
        cost: costOf([compiled, ...conditions, ...variables.map((variable) => variable.compiled)]),
        completes: null,
        evaluate: (values) => {
          const all = scene(values);
          const answer = compiled.evaluate(all);
          if (typeof answer !== 'boolean') throw new TypeError(`expected true or false, got ${typeof answer}`);
          return answer ? [] : [{ key: name, label: words(worded, all) ?? usual, package: null }];
        },
      },
    ];
  });
  const mode = spec['failurePolicy'] === 'Ignore' ? 'open' : 'closed';
  const description = String(
    members(members(policy['metadata'])['annotations'])['description'] ?? `ValidatingAdmissionPolicy ${name}`,
  );
  return {
    ...{
      name,
      version: '1',
      description: same(description),
      validHours: 168,
      deadlines: null,
      restarts: 'allow',
      params: [],
    },
    ...{ doors: Object.fromEntries(DOORS.map((door) => [door, mode])), rules, template: rules, uses: [], depth: 0 },
    source: text,
  };
}

function costOf(expressions: readonly KubernetesExpression[]): PolicyRule['cost'] {
  return {
    nodes: expressions.reduce((sum, { nodes }) => sum + nodes, 0),
    loops: Math.max(...expressions.map(({ loops }) => loops)),
  };
}

/** What `messageExpression` gives; null, as in Kubernetes, when it fails or says nothing. */
function words(expression: KubernetesExpression | null, values: Record<string, unknown>): string | null {
  if (expression === null) return null;
  try {
    const text = expression.evaluate(values);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') ? text : null;
  } catch {
    // The usual message stands in; the validation itself has been answered.
    return null;
  }
}

/** The parameters: an object of the same text that the binding names. */
function findParams(
  spec: Members,
  bound: Members,
  objects: readonly Members[],
  report: (path: (string | number)[], reason: string) => void,
): PolicyValue {
  if (spec['paramKind'] === undefined) return null;
  const { kind } = members(spec['paramKind']);
  const { name } = members(bound['paramRef']);
  const found = objects.find((one) => one['kind'] === kind && members(one['metadata'])['name'] === name);
  if (found !== undefined) return toPolicyValue(found);
  report(['spec', 'paramKind'], `expected the ${String(kind)} that the binding's paramRef names in the same file`);
  return null;
}

function requestOf(object: ReadonlyMap<string, PolicyValue>): PolicyValue {
  const [group, version] = groupOf(String(object.get('apiVersion') ?? ''));
  const metadata = object.get('metadata');
  const get = (member: string): PolicyValue => (metadata instanceof Map ? (metadata.get(member) ?? '') : '');
  const entries: [string, PolicyValue][] = [
    ['operation', 'CREATE'],
    [
      'kind',
      new Map<string, PolicyValue>([
        ['group', group],
        ['version', version],
        ['kind', object.get('kind') ?? ''],
      ]),
    ],
    ['name', get('name')],
    ['namespace', get('namespace')],
    ['dryRun', false],
    [
      'userInfo',
      new Map<string, PolicyValue>([
        ['username', ''],
        ['groups', []],
      ]),
    ],
  ];
  return new Map(entries);
}

function groupOf(apiVersion: string): [string, string] {
  const at = apiVersion.indexOf('/');
  return at < 0 ? ['', apiVersion] : [apiVersion.slice(0, at), apiVersion.slice(at + 1)];
}

/** Whether an object is one that `matchConstraints` or `matchResources` speaks of; without rules it is. */
function isMatched(object: ReadonlyMap<string, PolicyValue>, constraints: Members): boolean {
  const [group, version] = groupOf(String(object.get('apiVersion') ?? ''));
  const kind = String(object.get('kind') ?? '').toLowerCase();
  const says = (list: Json | undefined, value: string): boolean =>
    items(list).some((one) => one === '*' || one === value);
  const isOne = (rule: Members): boolean =>
    says(rule['apiGroups'], group) &&
    says(rule['apiVersions'], version) &&
    says(rule['operations'], 'CREATE') &&
    items(rule['resources']).some((one) => isResource(String(one).split('/')[0] ?? '', kind));
  const rules = items(constraints['resourceRules']).map(members);
  const excluded = items(constraints['excludeResourceRules']).map(members);
  const metadata = object.get('metadata');
  const labels = metadata instanceof Map ? metadata.get('labels') : undefined;
  return (
    (constraints['resourceRules'] === undefined || rules.some(isOne)) &&
    !excluded.some(isOne) &&
    isSelected(labels instanceof Map ? labels : new Map(), members(constraints['objectSelector']))
  );
}

/** `networkpolicies` are of NetworkPolicy, `ingresses` of Ingress, `pods` of Pod. */
function isResource(resource: string, kind: string): boolean {
  return ['*', `${kind}s`, `${kind}es`, `${kind.replace(/y$/, '')}ies`].includes(resource);
}

function isSelected(labels: ReadonlyMap<string, PolicyValue>, selector: Members): boolean {
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

function same(text: string): Text {
  return { en: text, es: text };
}

function members(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function items(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
