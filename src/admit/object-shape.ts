import type { Json } from '../system/index.ts';
import type { Report } from './admission-policy.ts';

/**
 * What a part of a written object has to be. A member that is not named, or a list that is none, is no matter of taste: an
 * exclusion of which a name is misspelt would exclude everything, and a match that is no list would speak of nothing.
 */
export type ObjectShape =
  | 'any'
  | 'text'
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: ObjectShape }
  | { readonly members: Readonly<Record<string, ObjectShape>> };

/** Reports all that is not as the shape says; what is null is not there. @returns whether it is all as the shape says */
export function checkShape(
  value: Json | undefined,
  shape: ObjectShape,
  path: readonly (string | number)[],
  report: Report,
): boolean {
  if (value === null || value === undefined || shape === 'any') return true;
  const wrong = (expected: string): false => {
    report([...path], `expected ${expected}, got ${JSON.stringify(value).slice(0, 60)}`);
    return false;
  };
  if (shape === 'text') return typeof value === 'string' || wrong('text');
  if ('oneOf' in shape) {
    const isKnown = typeof value === 'string' && shape.oneOf.includes(value);
    return isKnown || wrong(shape.oneOf.join(', '));
  }
  if ('listOf' in shape) {
    if (!Array.isArray(value)) return wrong('a list');
    return value.map((one, index) => checkShape(one, shape.listOf, [...path, index], report)).every(Boolean);
  }
  if (typeof value !== 'object' || Array.isArray(value)) return wrong('an object');
  const known = Object.keys(shape.members);
  const said = Object.entries(value).map(([name, inner]) => {
    const own = Object.hasOwn(shape.members, name) ? shape.members[name] : undefined;
    if (own !== undefined) return checkShape(inner, own, [...path, name], report);
    report([...path, name], `${name} is not known here; expected ${known.join(', ')}`);
    return false;
  });
  return said.every(Boolean);
}

const TEXTS: ObjectShape = { listOf: 'text' };

/** A selector of labels. */
export const SELECTOR: ObjectShape = {
  members: {
    matchLabels: 'any',
    matchExpressions: {
      listOf: {
        members: {
          ...{ key: 'text', values: TEXTS },
          operator: { oneOf: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
        },
      },
    },
  },
};

const FILTER = {
  resources: {
    members: {
      ...{ kinds: TEXTS, name: 'text', names: TEXTS, namespaces: TEXTS, annotations: 'any' },
      ...{ selector: SELECTOR, namespaceSelector: SELECTOR },
      operations: { listOf: { oneOf: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] } },
    },
  },
  ...{ subjects: { listOf: 'any' }, roles: TEXTS, clusterRoles: TEXTS },
} satisfies Readonly<Record<string, ObjectShape>>;

/** `match` and `exclude` of a rule of Kyverno. */
export const KYVERNO_FILTER: ObjectShape = {
  members: { ...FILTER, any: { listOf: { members: FILTER } }, all: { listOf: { members: FILTER } } },
};

/** What Kubernetes takes as `matchConstraints` of a policy, and as `matchResources` of its binding. */
const RESOURCE_RULES: ObjectShape = {
  listOf: {
    members: {
      ...{ apiGroups: TEXTS, apiVersions: TEXTS, resources: TEXTS, resourceNames: TEXTS },
      operations: { listOf: { oneOf: ['*', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT'] } },
      scope: { oneOf: ['*', 'Cluster', 'Namespaced'] },
    },
  },
};
export const MATCH_RESOURCES: ObjectShape = {
  members: {
    ...{ resourceRules: RESOURCE_RULES, excludeResourceRules: RESOURCE_RULES },
    ...{ objectSelector: SELECTOR, namespaceSelector: SELECTOR },
    matchPolicy: { oneOf: ['Exact', 'Equivalent'] },
  },
};

/** What a policy does with what is not as it says. */
export const VALIDATION_ACTIONS: ObjectShape = { listOf: { oneOf: ['Deny', 'Warn', 'Audit'] } };
