import {
  type ASTNode,
  TypeError as CelTypeError,
  Environment,
  EvaluationError,
  ParseError,
} from '@marcbachmann/cel-js';
import type { Json } from '../system/index.ts';
import { SCHEMAS } from './admission.ts';
import { meterNode, withinBudget } from './cel-budget.ts';
import { compileDirect, type DirectScope, UNSURE } from './cel-direct.ts';
import { registerKubernetesFunctions } from './cel-kubernetes.ts';
import { askAnywhere, openEmpty } from './cel-macros.ts';
import { fieldName, OPTIONAL_FUNCTIONS, registerOptionalEntries, rewriteOptionalEntries } from './cel-optional.ts';
import { IN_PLACE_OF, registerStandard } from './cel-standard.ts';
import { patternOf, registerTextFunctions } from './cel-text.ts';
import {
  COMPREHENSION_DEPTH_MAX,
  EXPRESSION_CHARACTERS_MAX,
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_NODES_MAX,
  KUBERNETES_CHARACTERS_MAX,
  KUBERNETES_COMPREHENSION_DEPTH_MAX,
  KUBERNETES_DEPTH_MAX,
  KUBERNETES_NODES_MAX,
} from './limits.ts';

/** What is wrong with an expression, and where in its text (characters from 0). */
export interface ExpressionProblem {
  readonly offset: number;
  readonly reason: string;
}

export type CompiledExpression<Value> =
  | {
      readonly ok: true;
      readonly scope: Scope;
      /** What it costs: nodes, and how deep it walks lists in lists. */
      readonly nodes: number;
      readonly loops: number;
      readonly evaluate: (values: Record<string, unknown>) => Value;
      /** The same over a pod as it was written, for what is plain; throws UNSURE for what is not. Null: always `evaluate`. */
      readonly direct: ((scope: DirectScope) => Value) | null;
    }
  | { readonly ok: false; readonly problem: ExpressionProblem };

/** One thing a rule speaks of: the name that exceptions use and the words that people read. */
export interface Subject {
  readonly key: string;
  readonly label: string;
  /** Name and version of the package that a finding is in; null for everything else. */
  readonly package: { readonly name: string; readonly version: string } | null;
  /** The host that an issue of its run-times is about: only an exception of that host covers it. */
  readonly onHost?: string;
}

/**
 * What expressions may call. The list is closed: what is not on it was not looked at. `matches` runs in linear time here
 * (cel-text.ts); `string.split` and the others cost no more than their text is long.
 */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['size', 'has', 'int', 'double', 'string', 'bool', 'type', 'bind'],
  ...['contains', 'startsWith', 'endsWith', 'join', 'split', 'trim', 'lowerAscii', 'upperAscii', 'substring'],
  ...['indexOf', 'lastIndexOf', 'replace', 'charAt', 'reverse', 'matches', 'find', 'findAll'],
  ...['hoursBetween', 'orValue', 'or', 'hasValue', 'value', 'of', 'none'],
  ...['all', 'exists', 'exists_one', 'filter', 'map'],
  ...OPTIONAL_FUNCTIONS,
]);
const COMPREHENSIONS: ReadonlySet<string> = new Set([
  ...['all', 'exists', 'exists_one', 'existsOne', 'filter', 'map'],
  ...['transformList', 'transformMap', 'transformMapEntry'],
]);

/** What an expression reads: facts, a document, or the pod in one. */
export type Scope = 'facts' | 'document' | 'pod';
const POD_VARIABLES: ReadonlySet<string> = new Set(['pod', 'containers', 'contexts']);
const DOCUMENT_VARIABLES: ReadonlySet<string> = new Set(['object']);

const environment = new Environment({
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: EXPRESSION_NODES_MAX, maxDepth: EXPRESSION_DEPTH_MAX },
})
  .registerType('Finding', { fields: SCHEMAS.Finding })
  .registerType('Ulimit', { fields: SCHEMAS.Ulimit })
  .registerType('Container', { fields: SCHEMAS.Container })
  .registerType('HostIssue', { fields: SCHEMAS.HostIssue })
  .registerVariable('door', 'string')
  .registerVariable('now', 'string')
  .registerVariable({ name: 'image', schema: SCHEMAS.image })
  .registerVariable({ name: 'scan', schema: SCHEMAS.scan })
  .registerVariable({ name: 'signatures', schema: SCHEMAS.signatures })
  .registerVariable({ name: 'workload', schema: SCHEMAS.workload })
  .registerVariable({ name: 'environment', schema: SCHEMAS.environment })
  .registerVariable({ name: 'host', schema: SCHEMAS.host })
  .registerVariable('params', 'dyn')
  .registerVariable('object', 'dyn')
  .registerVariable('pod', 'dyn')
  .registerVariable('containers', 'list<dyn>')
  .registerVariable('contexts', 'list<dyn>');
registerTextFunctions(environment);
registerStandard(environment);
registerOptionalEntries(environment);

const VARIABLES_OF_KUBERNETES = ['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables'];
const kubernetes = new Environment({
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: KUBERNETES_NODES_MAX, maxDepth: KUBERNETES_DEPTH_MAX },
});
for (const variable of VARIABLES_OF_KUBERNETES) kubernetes.registerVariable(variable, 'dyn');
registerTextFunctions(kubernetes);
registerStandard(kubernetes);
registerKubernetesFunctions(kubernetes);
registerOptionalEntries(kubernetes);

export type KubernetesExpression = Extract<CompiledExpression<unknown>, { ok: true }>;

/** What an expression of a ValidatingAdmissionPolicy may name where it stands. */
export interface Declared {
  /** Whether the policy has parameters. */
  readonly params: boolean;
  /** Whether it may ask who may do what: messages and notes may not. */
  readonly authorizer: boolean;
  /** The variables that stand before it. */
  readonly variables: readonly string[];
}

/**
 * Compiles an expression of a ValidatingAdmissionPolicy.
 * @param types what it may give; null: true or false, or what is known only when it runs
 * @param declared what it may name; null: whatever there is
 */
export function compileKubernetes(
  text: string,
  types: readonly string[] | null,
  declared: Declared | null = null,
): CompiledExpression<unknown> {
  return compileIn(kubernetes, text, types, { read: (value) => value, readDirect: null }, null, declared);
}

/** Compiles the `when` of a rule: an expression that is true or false. */
export function compileCondition(text: string): CompiledExpression<boolean> {
  return compile(
    text,
    ['bool', 'dyn'],
    (value) => {
      if (typeof value !== 'boolean') throw new TypeError(`expected true or false, got ${typeof value}`);
      return value;
    },
    (value) => (typeof value === 'boolean' ? value : unsure()),
  );
}

/** Compiles the `each` of a rule: an expression that lists findings, containers, parts of a document or texts. */
export function compileSubjects(text: string): CompiledExpression<Subject[]> {
  return compile(
    text,
    ['list<Finding>', 'list<Container>', 'list<HostIssue>', 'list<string>', 'list<dyn>', 'list', 'dyn'],
    (value) => {
      if (!Array.isArray(value)) throw new TypeError('expected a list');
      return value.map(toSubject);
    },
    (value) => (Array.isArray(value) ? value.map(toDirectSubject) : unsure()),
  );
}

function toDirectSubject(item: Json): Subject {
  if (item === null || Array.isArray(item)) return unsure();
  return toSubject(typeof item === 'object' ? new Map(Object.entries(item)) : item);
}

function unsure(): never {
  throw UNSURE;
}

/** Compiles an expression that builds a document. */
export function compileDocument(text: string): CompiledExpression<Json> {
  return compile(text, ['map', 'map<string, dyn>', 'dyn'], toJson);
}

function compile<Value>(
  text: string,
  types: readonly string[],
  read: (value: unknown) => Value,
  readDirect: ((value: Json) => Value) | null = null,
): CompiledExpression<Value> {
  return compileIn(environment, text, types, { read, readDirect }, FUNCTIONS);
}

/** @param functions what it may call; null: whatever the environment has */
function compileIn<Value>(
  environment: Environment,
  text: string,
  types: readonly string[] | null,
  { read, readDirect }: { read: (value: unknown) => Value; readDirect: ((value: Json) => Value) | null },
  functions: ReadonlySet<string> | null,
  declared: Declared | null = null,
): CompiledExpression<Value> {
  const isOurs = functions !== null;
  const most = isOurs ? EXPRESSION_CHARACTERS_MAX : KUBERNETES_CHARACTERS_MAX;
  if (text.length > most)
    return { ok: false, problem: { offset: 0, reason: `expected at most ${most} characters, got ${text.length}` } };
  const written = rewriteOptionalEntries(text);
  const bad = (offset: number, reason: string) =>
    ({ ok: false, problem: { offset: written.offsetOf(offset), reason } }) as const;
  try {
    const parsed = environment.parse(written.text);
    const survey = new Survey(
      functions,
      isOurs ? COMPREHENSION_DEPTH_MAX : KUBERNETES_COMPREHENSION_DEPTH_MAX,
      declared,
    );
    const forbidden = survey.walk(parsed.ast, 0);
    if (forbidden !== null) return bad(forbidden.offset, forbidden.reason);
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new Error('it does not pass the type check');
    const isListed =
      checked.type !== undefined &&
      (types === null || types.some((type) => type === checked.type || isMap(types, checked.type)));
    if (!isListed) return bad(0, `expected ${types?.join(' or ')}, got ${checked.type}`);
    const { scope, nodes, loops } = survey;
    const direct = readDirect === null || scope !== 'pod' ? null : compileDirect(parsed.ast);
    return {
      ...{ ok: true, scope, nodes, loops },
      evaluate: (values) => read(withinBudget(() => parsed(values) as unknown)),
      direct: direct === null || readDirect === null ? null : (from) => readDirect(direct(from)),
    };
  } catch (error) {
    const isPlaced = error instanceof ParseError || error instanceof CelTypeError || error instanceof EvaluationError;
    if (!isPlaced) return bad(0, error instanceof Error ? error.message : String(error));
    return bad(error.range?.start ?? 0, error.summary);
  }
}

function isMap(types: readonly string[], type: string | undefined): boolean {
  return types.includes('map') && type?.startsWith('map<') === true;
}

/** Walks a parsed expression before it is ever run: what it may not do, what it reads, what it can cost. */
class Survey {
  scope: Scope = 'facts';
  nodes = 0;
  loops = 0;
  readonly #functions: ReadonlySet<string> | null;
  readonly #depth: number;
  readonly #declared: Declared | null;
  /** Names that a walk over a list gives to its members: they stand for those, whatever else has the name. */
  readonly #bound = new Set<string>();
  /** What stands to the right of `in`, or beside `==`. */
  readonly #searched = new Set<ASTNode>();

  constructor(functions: ReadonlySet<string> | null, depth: number, declared: Declared | null) {
    this.#functions = functions;
    this.#depth = depth;
    this.#declared = declared;
  }

  walk(node: ASTNode, inside: number): ExpressionProblem | null {
    this.nodes += 1;
    if (node.op === 'in') this.#searched.add(node.args[1]);
    if (node.op === '==' || node.op === '!=') for (const side of node.args) this.#searched.add(side);
    meterNode(node, this.#searched.has(node));
    if (this.#functions === null) openEmpty(node);
    if (node.op === 'id' && typeof node.args === 'string') this.#read(node.args);
    if (node.op === '.' || node.op === '.?') node.args[1] = fieldName(node.args[1]);
    const undeclared = this.#undeclared(node);
    if (undeclared !== null) return { offset: node.start, reason: undeclared };
    if (node.op !== 'call' && node.op !== 'rcall') return this.#all(childrenOf(node.args), inside);
    const name = node.args[0];
    const isPattern = this.#declared !== null && PATTERN_FUNCTIONS.has(name);
    const pattern = isPattern ? wrongPattern(childrenOf(node.args).at(node.op === 'call' ? 0 : 1)) : null;
    if (pattern !== null) return { offset: node.start, reason: pattern };
    if (this.#functions?.has(name) === false) {
      return { offset: node.start, reason: `the function ${name} is not available in policies` };
    }
    const own = node.op === 'rcall' ? IN_PLACE_OF.get(name) : undefined;
    if (own !== undefined) node.args[0] = own;
    if (name === 'has' && node.op === 'call') askAnywhere(node);
    if (COMPREHENSIONS.has(name))
      for (const one of childrenOf(node.args)) if (one.op === 'id') this.#bound.add(String(one.args));
    const loops = inside + (COMPREHENSIONS.has(name) ? 1 : 0);
    this.loops = Math.max(this.loops, loops);
    if (loops > this.#depth) {
      return { offset: node.start, reason: `lists are walked more than ${this.#depth} levels deep` };
    }
    // What is walked is evaluated once; what is asked of its members, once for each.
    const [, receiver, ...rest] = node.op === 'rcall' ? node.args : [null, [], ...node.args.slice(1)];
    return this.#all(childrenOf(receiver), inside) ?? this.#all(childrenOf(rest), loops);
  }

  /** What an expression names that Kubernetes does not know where it stands; null: nothing. */
  #undeclared(node: ASTNode): string | null {
    const declared = this.#declared;
    if (declared === null) return null;
    if (node.op === 'id' && typeof node.args === 'string' && !this.#bound.has(node.args)) {
      if (node.args === 'params' && !declared.params)
        return "undeclared reference to 'params': the policy has no paramKind";
      if (node.args === 'authorizer' && !declared.authorizer)
        return "undeclared reference to 'authorizer': messages and notes cannot ask it";
    }
    if (node.op !== '.' && node.op !== '.?') return null;
    const [holder, field] = node.args as readonly [ASTNode, unknown];
    if (holder.op !== 'id' || typeof holder.args !== 'string' || typeof field !== 'string') return null;
    if (this.#bound.has(holder.args)) return null;
    if (holder.args === 'variables' && !declared.variables.includes(field))
      return `undefined field '${field}': no variable of that name stands before`;
    const fields = Object.hasOwn(FIELDS, holder.args) ? FIELDS[holder.args] : undefined;
    if (fields === undefined || fields.includes(field)) return null;
    return `undefined field '${field}': ${holder.args} has ${fields.join(', ')}`;
  }

  #all(nodes: readonly ASTNode[], inside: number): ExpressionProblem | null {
    for (const node of nodes) {
      const found = this.walk(node, inside);
      if (found !== null) return found;
    }
    return null;
  }

  #read(variable: string): void {
    if (POD_VARIABLES.has(variable)) this.scope = 'pod';
    else if (DOCUMENT_VARIABLES.has(variable) && this.scope === 'facts') this.scope = 'document';
  }
}

/** What Kubernetes gives policies to see of a request and of a namespace. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  request: [
    ...['kind', 'resource', 'subResource', 'requestKind', 'requestResource', 'requestSubResource'],
    ...['name', 'namespace', 'operation', 'userInfo', 'dryRun', 'options'],
  ],
  namespaceObject: ['apiVersion', 'kind', 'metadata', 'spec', 'status'],
};

const PATTERN_FUNCTIONS: ReadonlySet<string> = new Set(['matches', 'find', 'findAll']);

/** Why a pattern that is written out cannot be used; null: it can, or it is known only when it runs. */
function wrongPattern(node: ASTNode | undefined): string | null {
  if (node?.op !== 'value' || typeof node.args !== 'string') return null;
  try {
    patternOf(node.args);
    return null;
  } catch (error) {
    return `invalid pattern: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** Findings, containers and parts of documents come back as maps of their fields. */
function toSubject(item: unknown): Subject {
  if (typeof item === 'string') return { key: item, label: item, package: null };
  if (typeof item === 'bigint' || typeof item === 'number' || typeof item === 'boolean') {
    return { key: String(item), label: String(item), package: null };
  }
  const fields = fieldsOf(item);
  if (fields !== null) {
    const text = (name: string): string | null => {
      const value: unknown = fields.get(name);
      return typeof value === 'string' && value !== '' ? value : null;
    };
    const key = text('key') ?? text('name') ?? text('path') ?? '?';
    const role = text('role');
    const label = text('label') ?? (role === null || role === 'main' || role === 'pod' ? key : `${key} (${role})`);
    const name = text('package');
    const inPackage = name === null ? null : { name, version: text('version') ?? '' };
    const onHost = text('onHost');
    return { key, label, package: inPackage, ...(onHost === null ? {} : { onHost }) };
  }
  throw new TypeError('expected a finding, a container, a part of a document or a text');
}

/** Facts are plain objects, or maps where the library has made them to look at them; documents are maps. */
function fieldsOf(item: unknown): ReadonlyMap<unknown, unknown> | null {
  if (item instanceof Map) return item;
  const isPlain = typeof item === 'object' && item !== null && Object.getPrototypeOf(item) === Object.prototype;
  return isPlain ? new Map(Object.entries(item)) : null;
}

/** @throws TypeError for a value that JSON has not */
function toJson(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(toJson);
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
  if (!(value instanceof Map) && !isPlain) throw new TypeError('expected a document');
  const members: [string, unknown][] = value instanceof Map ? [...value] : Object.entries(value as object);
  return Object.fromEntries(members.map(([name, member]) => [String(name), toJson(member)]));
}
