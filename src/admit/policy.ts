import { FormatError, parseYaml, sayFormatError, type YamlDocument, type YamlPath } from '../formats/index.ts';
import { DECISIONS } from '../scan/index.ts';
import { fillTemplate, type Json, type Text } from '../system/index.ts';
import { DOORS, type Door } from './admission.ts';
import type { DirectScope } from './cel-direct.ts';
import { type PolicyValue, toPolicyValue } from './document.ts';
import { admitFault } from './errors.ts';
import {
  type CompiledExpression,
  compileCondition,
  compileDocument,
  compileSubjects,
  type Scope,
  type Subject,
} from './expression.ts';
import { isForeignPolicy, readForeignPolicies } from './kubernetes-policies.ts';
import type { FindStandard } from './kyverno-policy.ts';
import {
  DEADLINE_HOURS_MAX,
  PARAMS_MAX,
  POLICY_BYTES_MAX,
  POLICY_RULES_MAX,
  USES_DEPTH_MAX,
  USES_MAX,
  VALID_HOURS_MAX,
} from './limits.ts';
import { spanishOfProblem } from './problem-words.ts';

export type Effect = 'warn' | 'refuse';

/** What a rule that cannot be evaluated does at a door: `closed` refuses, `open` warns. */
export type FailMode = 'closed' | 'open';

/** A policy that was read, checked and compiled. Frozen data and pure functions: it may be used from anywhere. */
export interface Policy {
  readonly name: string;
  readonly version: string;
  readonly description: Text;
  /** The doors it answers at; at any other it refuses. */
  readonly doors: Readonly<Partial<Record<Door, FailMode>>>;
  /** Hours for which its verdicts may be used again without asking. */
  readonly validHours: number;
  /** Hours in which findings of running images are to be gone, by decision; null: as is usual for the class. */
  readonly deadlines: Readonly<Partial<Record<(typeof DECISIONS)[number], number>>> | null;
  /** What becomes of restarts of what runs when a deadline has passed; new releases are refused then in any case. */
  readonly restarts: 'allow' | 'refuse';
  readonly params: readonly PolicyParam[];
  /** The rules with the values that the parameters have, those of other policies that it takes in among them. */
  readonly rules: readonly PolicyRule[];
  /** All rules, of every version, before parameters have values: what `withParams` starts from. */
  readonly template: readonly PolicyRule[];
  /** Names of the policies that it takes in. */
  readonly uses: readonly string[];
  /** How many policies in policies it is deep. */
  readonly depth: number;
  /** The document as it was written. */
  readonly source: string;
  /** What it does here that its author may not expect; it is used all the same. */
  readonly warnings?: readonly PolicyWarning[];
}

/** One thing about a policy that is right, and that its author should know. */
export interface PolicyWarning {
  readonly line: number;
  readonly column: number;
  readonly text: Text;
}

/** What can be set where a policy is used; expressions see it as `params.NAME`. */
export interface PolicyParam {
  readonly name: string;
  readonly description: Text;
  /** Also says the type: a value has to be of the same. */
  readonly value: Json;
}

export interface PolicyRule {
  readonly id: string;
  readonly doors: readonly Door[];
  readonly effect: Effect;
  /** The condition or list as written. */
  readonly expression: string;
  readonly message: Text;
  readonly remedy: Text | null;
  /** What it reads: facts about the image, each document, or each pod. */
  readonly scope: Scope;
  /** Only documents of these kinds; null: of any. */
  readonly kinds: readonly string[] | null;
  /** What it does where it cannot be evaluated; absent: what the door says. */
  readonly onFailure?: FailMode;
  /** Whether it speaks of a document at all, where that is known before an expression runs; absent: it does. */
  readonly concerns?: (values: Record<string, unknown>) => boolean;
  /** Only where this holds. */
  readonly match: ((values: Record<string, unknown>) => boolean) | null;
  /** Versions of a standard, `1.19`: from this one on, and up to before that one. */
  readonly since: string | null;
  readonly until: string | null;
  /** What its expressions see as `params`. */
  readonly params: ReadonlyMap<string, PolicyValue>;
  /** `match` and `evaluate` over a pod as it was written, for what is plain (cel-direct.ts); absent: only those. */
  readonly direct?: {
    readonly match: ((scope: DirectScope) => boolean) | null;
    readonly evaluate: (scope: DirectScope) => readonly (Subject | null)[];
  };
  /** What it costs: nodes, and how deep lists are walked in lists. */
  readonly cost: { readonly nodes: number; readonly loops: number };
  /** A document that it adds beside what matches, or a part that it puts in; such a rule never speaks against anything. */
  readonly completes: {
    readonly as: 'adds' | 'patch';
    readonly evaluate: (values: Record<string, unknown>) => Json;
  } | null;
  /** The subjects it speaks against now; one without a name for a plain condition; none when it is content. */
  readonly evaluate: (values: Record<string, unknown>) => readonly (Subject | null)[];
}

/** One thing that is wrong with a policy document. */
export interface PolicyProblem {
  readonly line: number;
  readonly column: number;
  readonly rule: string | null;
  readonly reason: string;
  /** The same in Spanish, where it is known. */
  readonly spanish?: string;
}

/** More mistakes than this are told after these were mended. */
const PROBLEMS_TOLD = 8;

/**
 * Reads a policy. Every mistake is found at once, each with its place; a policy with one is not used at all.
 * @param name how to call the document in errors, such as its file name
 * @param find another policy by name, for `uses`
 * @throws Fault admit.policy-invalid with all problems in `details`
 */
export function readPolicy(text: string, name: string, find: FindPolicy = () => null): Policy {
  const problems: PolicyProblem[] = [];
  const policy = compilePolicy(text, problems, find);
  const [first] = problems;
  if (policy !== null && first === undefined) return policy;
  const said = (one: PolicyProblem, language: 'en' | 'es'): string => {
    const rule = one.rule ? `${language === 'es' ? 'regla' : 'rule'} "${one.rule}": ` : '';
    const reason = language === 'en' ? one.reason : (one.spanish ?? spanishOfProblem(one.reason));
    return `${one.line}:${one.column} ${rule}${reason}`;
  };
  const all = (language: 'en' | 'es', empty: string, more: string): string =>
    first === undefined
      ? empty
      : problems
          .slice(0, PROBLEMS_TOLD)
          .map((one) => said(one, language))
          .join('; ') + (left > 0 ? more : '');
  const left = problems.length - PROBLEMS_TOLD;
  const en = all('en', 'it is empty', ` (and ${left} more)`);
  const es = all('es', 'está vacía', ` (y ${left} más)`);
  throw admitFault(
    'admit.policy-invalid',
    { policy: name, reason: { en, es } },
    { details: problems.map((problem) => ({ ...problem })) },
  );
}

/** @returns null when there is no such policy */
export type FindPolicy = (name: string) => Policy | null;

/**
 * The policy with other values for its parameters.
 * @throws RangeError for a parameter that it does not have; TypeError for a value of another type
 */
export function withParams(policy: Policy, values: Readonly<Record<string, Json>>): Policy {
  const known = new Map(policy.params.map((param) => [param.name, param.value]));
  for (const [name, value] of Object.entries(values)) {
    const usual = known.get(name);
    if (usual === undefined) {
      const names = [...known.keys()].join(', ');
      throw new RangeError(
        `policy ${policy.name} has no parameter "${name}"; ${names === '' ? 'it has none' : `it has ${names}`}`,
      );
    }
    if (kindOf(value) !== kindOf(usual))
      throw new TypeError(`parameter ${name}: expected ${kindOf(usual)}, got ${kindOf(value)}`);
    if (name === VERSION_PARAM && value !== 'latest' && !VERSION.test(String(value).replace(/^v/, ''))) {
      throw new TypeError(
        `parameter ${name}: expected a version such as 1.27, or latest, got ${JSON.stringify(value)}`,
      );
    }
    known.set(name, value);
  }
  const own = new Map([...known].map(([name, value]) => [name, toPolicyValue(value)]));
  const version = minorOf(String(known.get(VERSION_PARAM) ?? 'latest'));
  const rules = policy.template.filter(
    ({ since, until }) => version >= minorOf(since ?? '1.0') && (until === null || version < minorOf(until)),
  );
  const params = policy.params.map((param) => ({ ...param, value: known.get(param.name) ?? param.value }));
  return { ...policy, params, rules: rules.map((rule) => (rule.params.size > 0 ? rule : { ...rule, params: own })) };
}

/** The parameter that `since` and `until` of rules are compared with. */
const VERSION_PARAM = 'version';
const VERSION = /^1\.(\d{1,3})$/;

/** 27 for `1.27` and `v1.27`; `latest` is newer than every version. */
function minorOf(version: string): number {
  const minor = VERSION.exec(version.replace(/^v/, ''))?.[1];
  return minor === undefined ? Number.POSITIVE_INFINITY : Number(minor);
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'a list';
  return value === null
    ? 'null'
    : ({ string: 'text', number: 'a number', boolean: 'true or false' }[typeof value as string] ?? 'an object');
}

function compilePolicy(text: string, problems: PolicyProblem[], find: FindPolicy): Policy | null {
  let document: YamlDocument;
  try {
    if (isForeignPolicy(text)) return readForeignPolicies(text, problems, standardsOf(find));
    document = parseYaml(text, { maxBytes: POLICY_BYTES_MAX, maxDepth: 12 });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    problems.push({
      line: error.position?.line ?? 1,
      column: error.position?.column ?? 1,
      rule: null,
      reason: error.message,
      spanish: sayFormatError(error).es,
    });
    return null;
  }
  const reader = new PolicyReader(document, problems, find);
  return reader.policy(text);
}

/** The Pod Security Standards that policies of Kyverno name are those that come with the platform. */
function standardsOf(find: FindPolicy): FindStandard {
  return (level, version) => {
    const standard = find(`pod-security-${level}`);
    return standard === null ? null : withParams(standard, { version }).rules;
  };
}

/** Walks the document, noting what is wrong and going on, so that one run shows everything. */
class PolicyReader {
  readonly #document: YamlDocument;
  readonly #problems: PolicyProblem[];
  readonly #find: FindPolicy;
  #rule: string | null = null;

  constructor(document: YamlDocument, problems: PolicyProblem[], find: FindPolicy) {
    this.#document = document;
    this.#problems = problems;
    this.#find = find;
  }

  policy(source: string): Policy {
    const value = this.#object(
      this.#document.value,
      [],
      [
        ...[
          'name',
          'version',
          'description',
          'doors',
          'validHours',
          'deadlines',
          'restarts',
          'params',
          'uses',
          'rules',
        ],
      ],
    );
    const doors = this.#doors(value['doors']);
    const validHours = value['validHours'] ?? 168;
    if (typeof validHours !== 'number' || !(validHours > 0 && validHours <= VALID_HOURS_MAX)) {
      this.#problem(['validHours'], `expected hours from 1 to ${VALID_HOURS_MAX}, got ${JSON.stringify(validHours)}`);
    }
    const known = Object.keys(doors) as Door[];
    const params = this.#params(value['params']);
    const used = this.#uses(value['uses'], known);
    const own = this.#rules(value['rules'] ?? (used.rules.length > 0 ? [] : undefined), known, used.rules);
    const policy: Policy = {
      name: this.#name(value['name'], ['name']),
      version: this.#string(value['version'], ['version']),
      description: this.#text(value['description'], ['description']),
      doors,
      validHours: Number(validHours),
      deadlines: this.#deadlines(value['deadlines']),
      restarts: this.#restarts(value['restarts']),
      params,
      template: [...used.rules, ...own],
      rules: [],
      uses: used.names,
      depth: used.depth,
      source,
    };
    return withParams(policy, {});
  }

  #params(value: Json | undefined): PolicyParam[] {
    if (value === undefined) return [];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#problem(['params'], 'expected names with value and description');
      return [];
    }
    const entries = Object.entries(value);
    if (entries.length > PARAMS_MAX) this.#problem(['params'], `expected at most ${PARAMS_MAX}, got ${entries.length}`);
    return entries.slice(0, PARAMS_MAX).map(([name, param]) => {
      const path = ['params', name];
      if (!/^[a-z][A-Za-z0-9]{0,62}$/.test(name)) this.#problem(path, 'expected letters and digits');
      const { value: usual, description } = this.#object(param, path, ['value', 'description']);
      if (usual === undefined || usual === null) this.#problem([...path, 'value'], 'expected a value');
      return { name, value: usual ?? '', description: this.#text(description, [...path, 'description']) };
    });
  }

  /** The rules of the policies that this one takes in, with their parameters set. */
  #uses(value: Json | undefined, doors: readonly Door[]): { rules: PolicyRule[]; names: string[]; depth: number } {
    const taken: { rules: PolicyRule[]; names: string[]; depth: number } = { rules: [], names: [], depth: 0 };
    if (value === undefined) return taken;
    if (!Array.isArray(value) || value.length > USES_MAX) {
      this.#problem(['uses'], `expected a list of at most ${USES_MAX} policies`);
      return taken;
    }
    for (const [index, item] of value.entries()) {
      const path = ['uses', index];
      const use = this.#object(item, path, ['policy', 'with', 'effect', 'except']);
      const name = this.#string(use['policy'], [...path, 'policy']);
      const found = this.#find(name);
      if (found === null) {
        this.#problem([...path, 'policy'], `there is no policy "${name}"`);
        continue;
      }
      if (found.depth >= USES_DEPTH_MAX) this.#problem(path, `policies in policies more than ${USES_DEPTH_MAX} deep`);
      taken.names.push(name);
      taken.depth = Math.max(taken.depth, found.depth + 1);
      taken.rules.push(...this.#take(found, use, path, doors));
    }
    return taken;
  }

  #take(policy: Policy, use: Record<string, Json>, path: YamlPath, doors: readonly Door[]): PolicyRule[] {
    const { effect } = use;
    if (effect !== undefined && effect !== 'warn' && effect !== 'refuse') {
      this.#problem([...path, 'effect'], `expected warn or refuse, got ${JSON.stringify(effect)}`);
    }
    const except = this.#except(use['except'], [...path, 'except'], policy);
    let bound = policy;
    // Without values of its own the versions stay open: this policy's own parameter decides them.
    const isBound = use['with'] !== undefined;
    if (isBound) {
      try {
        bound = withParams(policy, this.#anyObject(use['with'] ?? null, [...path, 'with']));
      } catch (error) {
        if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
        this.#problem([...path, 'with'], error.message);
      }
    }
    return (isBound ? bound.rules : bound.template).flatMap((rule) => {
      const ends = except.get(rule.id);
      const until = ends === undefined ? rule.until : earlier(ends, rule.until);
      if (until !== null && minorOf(until) <= minorOf(rule.since ?? '1.0')) return [];
      const kept = rule.doors.filter((door) => doors.includes(door));
      const open = isBound ? { since: null, until: null } : { until };
      if (isBound && ends !== undefined) return [];
      return [
        { ...rule, ...open, doors: kept, effect: effect === 'warn' || effect === 'refuse' ? effect : rule.effect },
      ];
    });
  }

  /** Rules that are not taken: `- some-rule`, or from a version on: `- { rule: some-rule, since: "1.19" }`. */
  #except(value: Json | undefined, path: YamlPath, policy: Policy): Map<string, string> {
    const except = new Map<string, string>();
    if (value === undefined) return except;
    if (!Array.isArray(value)) {
      this.#problem(path, 'expected a list of rules');
      return except;
    }
    for (const [index, item] of value.entries()) {
      const isName = typeof item === 'string';
      const from = isName ? { rule: item, since: '1.0' } : this.#object(item, [...path, index], ['rule', 'since']);
      const rule = String(from['rule'] ?? '');
      if (!policy.template.some(({ id }) => id === rule)) {
        this.#problem([...path, index], `policy ${policy.name} has no rule "${rule}"`);
      }
      except.set(rule, this.#minor(from['since'], [...path, index, 'since']) ?? '1.0');
    }
    return except;
  }

  #minor(value: Json | undefined, path: YamlPath): string | null {
    if (value === undefined) return null;
    if (typeof value === 'string' && VERSION.test(value)) return value;
    this.#problem(path, `expected a version as text, such as "1.19", got ${JSON.stringify(value)}`);
    return null;
  }

  #anyObject(value: Json, path: YamlPath): Record<string, Json> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    this.#problem(path, 'expected names with values');
    return {};
  }

  #deadlines(value: Json | undefined): Policy['deadlines'] {
    if (value === undefined) return null;
    const entries = Object.entries(this.#object(value, ['deadlines'], DECISIONS));
    for (const [decision, hours] of entries) {
      if (typeof hours !== 'number' || !(hours > 0 && hours <= DEADLINE_HOURS_MAX)) {
        const reason = `expected hours from 1 to ${DEADLINE_HOURS_MAX}, got ${JSON.stringify(hours)}`;
        this.#problem(['deadlines', decision], reason);
      }
    }
    return Object.fromEntries(entries.map(([decision, hours]) => [decision, Number(hours)]));
  }

  #restarts(value: Json | undefined): Policy['restarts'] {
    if (value === 'refuse') return value;
    if (value !== undefined && value !== 'allow') {
      this.#problem(['restarts'], `expected allow or refuse, got ${JSON.stringify(value)}`);
    }
    return 'allow';
  }

  #doors(value: Json | undefined): Partial<Record<Door, FailMode>> {
    const doors: Partial<Record<Door, FailMode>> = {};
    for (const [door, mode] of Object.entries(this.#object(value ?? null, ['doors'], DOORS))) {
      if (mode !== 'closed' && mode !== 'open') {
        this.#problem(['doors', door], `expected closed or open on failure, got ${JSON.stringify(mode)}`);
        continue;
      }
      doors[door as Door] = mode;
    }
    if (Object.keys(doors).length === 0) this.#problem(['doors'], 'the policy answers at no door');
    return doors;
  }

  #rules(value: Json | undefined, doors: readonly Door[], used: readonly PolicyRule[]): PolicyRule[] {
    if (!Array.isArray(value) || (value.length === 0 && used.length === 0)) {
      this.#problem(['rules'], 'expected a list of rules');
      return [];
    }
    if (value.length > POLICY_RULES_MAX) {
      this.#problem(['rules'], `expected at most ${POLICY_RULES_MAX} rules, got ${value.length}`);
      return [];
    }
    const seen = new Map(used.map((rule) => [rule.id, [rule]]));
    return value.map((rule, index) => {
      const read = this.#readRule(rule, ['rules', index], doors);
      const same = seen.get(read.id) ?? [];
      // One control of a standard may be asked in another way from a version on.
      if (same.some((one) => overlap(one, read))) {
        this.#problem(['rules', index, 'id'], `rule "${read.id}" is there twice`);
      }
      seen.set(read.id, [...same, read]);
      this.#rule = null;
      return read;
    });
  }

  #readRule(value: Json, path: YamlPath, doors: readonly Door[]): PolicyRule {
    const named = typeof value === 'object' && value !== null && !Array.isArray(value) ? value['id'] : null;
    this.#rule = typeof named === 'string' ? named : null;
    const rule = this.#object(value, path, RULE_MEMBERS);
    const id = this.#name(rule['id'], [...path, 'id']);
    const isCompletion = rule['adds'] !== undefined || rule['patch'] !== undefined;
    const effect = rule['effect'] ?? (isCompletion ? 'warn' : undefined);
    if (effect !== 'warn' && effect !== 'refuse') {
      this.#problem([...path, 'effect'], `expected warn or refuse, got ${JSON.stringify(effect ?? null)}`);
    }
    const message = this.#text(rule['message'], [...path, 'message']);
    const remedy = rule['remedy'] === undefined ? null : this.#text(rule['remedy'], [...path, 'remedy']);
    return {
      id,
      doors: this.#ruleDoors(rule['doors'], [...path, 'doors'], doors),
      effect: effect === 'warn' ? 'warn' : 'refuse',
      message,
      remedy,
      since: this.#minor(rule['since'], [...path, 'since']),
      until: this.#minor(rule['until'], [...path, 'until']),
      params: new Map(),
      kinds: this.#kinds(rule['kinds'], [...path, 'kinds']),
      ...this.#expressions(rule, path),
    };
  }

  #kinds(value: Json | undefined, path: YamlPath): readonly string[] | null {
    if (value === undefined) return null;
    const isList =
      Array.isArray(value) && value.length > 0 && value.every((kind) => typeof kind === 'string' && kind !== '');
    if (!isList) this.#problem(path, 'expected a list of kinds, such as [Service, Ingress]');
    return isList ? (value as string[]) : null;
  }

  #ruleDoors(value: Json | undefined, path: YamlPath, doors: readonly Door[]): readonly Door[] {
    if (value === undefined) return doors;
    if (!Array.isArray(value) || value.length === 0 || !value.every((door) => doors.includes(door as Door))) {
      this.#problem(path, `expected some of the doors of the policy (${doors.join(', ')})`);
      return doors;
    }
    return value as Door[];
  }

  #expressions(
    rule: Record<string, Json>,
    path: YamlPath,
  ): Pick<PolicyRule, 'expression' | 'evaluate' | 'scope' | 'match' | 'cost' | 'completes' | 'direct'> {
    const said = EXPRESSIONS.filter((field) => rule[field] !== undefined);
    const [field] = said;
    const none = {
      expression: '',
      evaluate: () => [null],
      scope: 'facts',
      match: null,
      cost: { nodes: 0, loops: 0 },
      completes: null,
    } as const;
    if (field === undefined || said.length > 1) {
      this.#problem(path, 'expected one of "when" (true or false), "each" (a list), "adds" or "patch" (a document)');
      return none;
    }
    const text = rule[field];
    if (typeof text !== 'string') {
      this.#problem([...path, field], 'expected an expression as text');
      return none;
    }
    const { match } = rule;
    const matches =
      match === undefined ? null : this.#compiled(compileCondition(String(match)), [...path, 'match'], 'match');
    const shared = (compiled: { readonly scope: Scope; readonly nodes: number; readonly loops: number }) => ({
      expression: text,
      scope: wider(compiled.scope, matches?.scope ?? 'facts'),
      match: matches?.evaluate ?? null,
      cost: {
        nodes: compiled.nodes + (matches?.nodes ?? 0),
        loops: Math.max(compiled.loops, matches?.loops ?? 0),
      },
    });
    /** Both or neither: what is asked first of the library would be asked of it twice. */
    const directly = <Answer>(
      direct: ((scope: DirectScope) => Answer) | null,
      subjects: (answer: Answer) => readonly (Subject | null)[],
    ): Pick<PolicyRule, 'direct'> => {
      if (direct === null || (matches !== null && matches.direct === null)) return {};
      return { direct: { match: matches?.direct ?? null, evaluate: (scope) => subjects(direct(scope)) } };
    };
    const place = [...path, field];
    if (field === 'when') {
      const compiled = this.#compiled(compileCondition(text), place, field);
      if (compiled === null) return none;
      const { evaluate, direct } = compiled;
      return {
        ...{ ...shared(compiled), evaluate: (values) => (evaluate(values) ? [null] : []), completes: null },
        ...directly(direct, (holds) => (holds ? [null] : [])),
      };
    }
    if (field === 'each') {
      const compiled = this.#compiled(compileSubjects(text), place, field);
      if (compiled === null) return none;
      const { evaluate, direct } = compiled;
      return { ...shared(compiled), evaluate, completes: null, ...directly(direct, (subjects) => subjects) };
    }
    const compiled = this.#compiled(compileDocument(text), place, field);
    if (compiled === null) return none;
    const completes = { as: field, evaluate: compiled.evaluate };
    return { ...shared(compiled), scope: wider(shared(compiled).scope, 'document'), evaluate: () => [], completes };
  }

  #compiled<Value>(
    compiled: CompiledExpression<Value>,
    path: YamlPath,
    field: string,
  ): Extract<CompiledExpression<Value>, { ok: true }> | null {
    if (compiled.ok) return compiled;
    const { reason, offset } = compiled.problem;
    this.#problem(path, `${reason} (character ${offset + 1} of "${field}")`);
    return null;
  }

  #text(value: Json | undefined, path: YamlPath): Text {
    if (value === undefined) {
      this.#problem(path, 'expected { en: "…", es: "…" }; it is missing');
      return { en: '', es: '' };
    }
    const text = this.#object(value ?? null, path, ['en', 'es']);
    return { en: this.#string(text['en'], [...path, 'en']), es: this.#string(text['es'], [...path, 'es']) };
  }

  #name(value: Json | undefined, path: YamlPath): string {
    const name = this.#string(value, path);
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
      this.#problem(path, `expected lower-case letters, digits and dashes, got ${JSON.stringify(name)}`);
    }
    return name;
  }

  #string(value: Json | undefined, path: YamlPath): string {
    if (typeof value === 'string' && value.trim() !== '' && value.length <= 2000) return value.trim();
    if (typeof value === 'number') return String(value);
    this.#problem(path, 'expected text');
    return '';
  }

  #object(value: Json, path: YamlPath, members: readonly string[]): Record<string, Json> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#problem(path, `expected ${members.join(', ')}`);
      return {};
    }
    for (const name of Object.keys(value)) {
      if (!members.includes(name))
        this.#problem([...path, name], `"${name}" is not known here; expected ${members.join(', ')}`);
    }
    return Object.fromEntries(
      members.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name] ?? null]),
    );
  }

  #problem(path: YamlPath, reason: string): void {
    // What is missing has no line of its own: the name of the member says which it is.
    const member = path
      .filter((part, index) => typeof part === 'string' && !(index === 0 && part === 'rules'))
      .join('.');
    const said = reason.startsWith('expected ') && member !== '' ? `${member}: ${reason}` : reason;
    this.#problems.push({ ...this.#document.locate(path), rule: this.#rule, reason: said });
  }
}

const EXPRESSIONS = ['when', 'each', 'adds', 'patch'] as const;
const RULE_MEMBERS = [
  ...['id', 'doors', 'kinds', 'match', 'since', 'until'],
  ...[...EXPRESSIONS, 'effect', 'message', 'remedy'],
];

const SCOPES: readonly Scope[] = ['facts', 'document', 'pod'];

function wider(a: Scope, b: Scope): Scope {
  return SCOPES[Math.max(SCOPES.indexOf(a), SCOPES.indexOf(b))] ?? 'pod';
}

function earlier(a: string, b: string | null): string {
  return b === null || minorOf(a) < minorOf(b) ? a : b;
}

/** Whether two rules of one name hold in the same version. */
function overlap(a: PolicyRule, b: PolicyRule): boolean {
  const starts = Math.max(minorOf(a.since ?? '1.0'), minorOf(b.since ?? '1.0'));
  const ends = Math.min(
    a.until === null ? Number.POSITIVE_INFINITY : minorOf(a.until),
    b.until === null ? Number.POSITIVE_INFINITY : minorOf(b.until),
  );
  return starts < ends;
}

/** The message for one subject; `{name}` of a parameter is its value. */
export function fillMessage(text: Text, label: string, params: ReadonlyMap<string, PolicyValue> = new Map()): Text {
  const values = Object.fromEntries([...params].map(([name, value]) => [name, wordsOf(value)]));
  return {
    en: fillTemplate(text.en, { ...values, subject: label }),
    es: fillTemplate(text.es, { ...values, subject: label }),
  };
}

function wordsOf(value: PolicyValue): string {
  if (Array.isArray(value)) return value.length === 0 ? '—' : value.map(wordsOf).join(', ');
  return value instanceof Map ? '…' : String(value);
}
