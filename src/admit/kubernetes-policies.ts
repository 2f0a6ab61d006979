import { FormatError } from '../formats/index.ts';
import {
  DOCUMENT_DOORS,
  isAdmissionObject,
  items,
  members,
  type ReadRules,
  type Report,
  readAdmissionPolicy,
  readObjects,
  same,
  type Warn,
  type WrittenObject,
} from './admission-policy.ts';
import { type FindStandard, isKyvernoObject, readKyvernoPolicy } from './kyverno-policy.ts';
import { POLICY_RULES_MAX } from './limits.ts';
import { checkShape, MATCH_RESOURCES, VALIDATION_ACTIONS } from './object-shape.ts';
import type { Policy, PolicyProblem, PolicyWarning } from './policy.ts';

const KIND =
  /^\s*["']?kind["']?:\s*["']?(?:ValidatingAdmissionPolicy|(?:Namespaced)?ValidatingPolicy|ClusterPolicy)["']?\s*,?\s*$/m;

/** Whether a text is a policy of Kubernetes or of Kyverno and none in our own words: as YAML, as JSON, or in a List. */
export function isForeignPolicy(text: string): boolean {
  if (!/admissionregistration\.k8s\.io\/|ValidatingAdmissionPolicy|kyverno\.io\//.test(text)) return false;
  try {
    return readObjects(text).some(
      ({ object }) =>
        isAdmissionObject(object) || isKyvernoObject(object) || isOfPolicies(String(object['apiVersion'] ?? '')),
    );
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // What is wrong with it is said in the words of the kind that its lines name.
    return KIND.test(text);
  }
}

function reportAt(locate: WrittenObject['locate'], problems: PolicyProblem[]): Report {
  return (path, reason) => {
    const { line, column } = locate(path) ?? { line: 1, column: 1 };
    problems.push({ line, column, rule: null, reason });
  };
}

/** Kinds beside those that are read, and what does their work here. */
const NOT_ASKED: Readonly<Record<string, string>> = {
  MutatingAdmissionPolicy:
    'a MutatingAdmissionPolicy changes objects, and nothing changes what was deployed here: write it so',
  MutatingAdmissionPolicyBinding: 'nothing changes what was deployed here',
  ValidatingWebhookConfiguration: 'no webhook is asked here: write what it demands as a ValidatingAdmissionPolicy',
  MutatingWebhookConfiguration: 'no webhook is asked here, and nothing changes what was deployed: write it so',
};

/** Whether objects of a group say what may be: one that is not read must not be passed over among others. */
function isOfPolicies(apiVersion: string): boolean {
  return /^(?:(?:[a-z]+\.)?kyverno\.io|admissionregistration\.k8s\.io)\//.test(apiVersion);
}

/**
 * Reads the policies of Kubernetes and Kyverno of a text, with the bindings and parameters beside them, as one policy here. It
 * has the name of the first; each rule begins with the name of its own.
 */
export function readForeignPolicies(text: string, problems: PolicyProblem[], standards: FindStandard): Policy | null {
  const written = readObjects(text);
  const objects = written.map(({ object }) => object);
  const uses = new Set<string>();
  const noted: FindStandard = (level, version) => {
    uses.add(`pod-security-${level}`);
    return standards(level, version);
  };
  const warnings: PolicyWarning[] = [];
  const read = written.flatMap(({ object, locate }): ReadRules[] => {
    const report = reportAt(locate, problems);
    const warn: Warn = (path, text) => {
      warnings.push({ ...(locate(path) ?? locate([]) ?? { line: 1, column: 1 }), text });
    };
    if (isAdmissionObject(object)) return [readAdmissionPolicy(object, objects, report, warn)];
    if (isKyvernoObject(object)) return [readKyvernoPolicy(object, objects, report, noted)];
    const { apiVersion, kind } = object;
    if (isOfPolicies(String(apiVersion)) && kind !== 'ValidatingAdmissionPolicyBinding')
      report(
        ['kind'],
        `${NOT_ASKED[String(kind)] ?? `objects of the kind ${String(kind)} are not understood here`}, and none is left out`,
      );
    return [];
  });
  const names = objects.flatMap(({ kind, metadata }) =>
    kind === 'ValidatingAdmissionPolicy' ? [String((metadata as { name?: unknown } | null)?.name ?? '')] : [],
  );
  for (const { object, locate } of written) {
    if (object['kind'] !== 'ValidatingAdmissionPolicyBinding') continue;
    const report = reportAt(locate, problems);
    const { policyName, matchResources, validationActions } = members(object['spec']);
    checkShape(matchResources, MATCH_RESOURCES, ['spec', 'matchResources'], report);
    const isKnown = checkShape(validationActions, VALIDATION_ACTIONS, ['spec', 'validationActions'], report);
    if (isKnown && items(validationActions).length === 0)
      report(['spec', 'validationActions'], 'expected one or more of Deny, Warn, Audit');
    if (items(validationActions).includes('Deny') && items(validationActions).includes('Warn'))
      report(['spec', 'validationActions'], 'Deny and Warn are not taken together, as in Kubernetes');
    if (policyName === undefined || names.includes(String(policyName))) continue;
    report(['spec', 'policyName'], `expected bindings of ${names.join(', ')}, got one of ${String(policyName)}`);
  }
  const [first] = read;
  if (first === undefined) {
    if (problems.length > 0) return null;
    problems.push({
      line: 1,
      column: 1,
      rule: null,
      reason: 'expected a ValidatingAdmissionPolicy or a policy of Kyverno',
    });
    return null;
  }
  // One that may be left unasked and one that may not stay what they are beside each other.
  const mode = read.some((one) => one.mode === 'closed') ? 'closed' : 'open';
  const rules = read.flatMap((one) =>
    one.rules.map((rule) => (one.mode === mode ? rule : { ...rule, onFailure: one.mode })),
  );
  const ids = rules.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) problems.push({ line: 1, column: 1, rule: twice, reason: `rule "${twice}" is there twice` });
  if (rules.length > POLICY_RULES_MAX)
    problems.push({
      line: 1,
      column: 1,
      rule: null,
      reason: `expected at most ${POLICY_RULES_MAX} rules, got ${rules.length}`,
    });
  const description = read.length === 1 ? first.description : read.map(({ name }) => name).join(', ');
  return {
    ...{ name: first.name, version: '1', description: same(description) },
    ...{ validHours: 168, deadlines: null, restarts: 'allow', params: [], uses: [...uses], depth: 0, source: text },
    ...{ doors: Object.fromEntries(DOCUMENT_DOORS.map((door) => [door, mode])), rules, template: rules },
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}
