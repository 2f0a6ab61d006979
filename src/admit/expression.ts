import {
  type ASTNode,
  TypeError as CelTypeError,
  Environment,
  EvaluationError,
  ParseError,
} from '@marcbachmann/cel-js';
import { SCHEMAS } from './admission.ts';
import {
  COMPREHENSION_DEPTH_MAX,
  EXPRESSION_CHARACTERS_MAX,
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_NODES_MAX,
} from './limits.ts';

/** What is wrong with an expression, and where in its text (characters from 0). */
export interface ExpressionProblem {
  readonly offset: number;
  readonly reason: string;
}

export type CompiledExpression<Kind extends 'condition' | 'subjects'> =
  | { readonly ok: true; readonly evaluate: (values: Record<string, unknown>) => ExpressionValue[Kind] }
  | { readonly ok: false; readonly problem: ExpressionProblem };

interface ExpressionValue {
  condition: boolean;
  subjects: Subject[];
}

/** One thing a rule speaks of: the name that exceptions use and the words that people read. */
export interface Subject {
  readonly key: string;
  readonly label: string;
  /** Name and version of the package that a finding is in; null for everything else. */
  readonly package: { readonly name: string; readonly version: string } | null;
}

/**
 * What expressions may call. The list is closed: `matches` would bring regular expressions that can take minutes
 * (V8 backtracks), `dyn` would switch the type check off.
 */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['size', 'has', 'int', 'double', 'string'],
  ...['contains', 'startsWith', 'endsWith', 'join'],
  ...['all', 'exists', 'exists_one', 'filter', 'map'],
]);
const COMPREHENSIONS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

const environment = new Environment({ limits: { maxAstNodes: EXPRESSION_NODES_MAX, maxDepth: EXPRESSION_DEPTH_MAX } })
  .registerType('Finding', { fields: SCHEMAS.Finding })
  .registerType('Container', { fields: SCHEMAS.Container })
  .registerVariable('door', 'string')
  .registerVariable({ name: 'image', schema: SCHEMAS.image })
  .registerVariable({ name: 'scan', schema: SCHEMAS.scan })
  .registerVariable({ name: 'signatures', schema: SCHEMAS.signatures })
  .registerVariable({ name: 'workload', schema: SCHEMAS.workload })
  .registerVariable({ name: 'environment', schema: SCHEMAS.environment });

/** Compiles the `when` of a rule: an expression that is true or false. */
export function compileCondition(text: string): CompiledExpression<'condition'> {
  return compile(text, ['bool'], (value) => {
    if (typeof value !== 'boolean') throw new TypeError(`expected true or false, got ${typeof value}`);
    return value;
  });
}

/** Compiles the `each` of a rule: an expression that lists findings, containers or texts. */
export function compileSubjects(text: string): CompiledExpression<'subjects'> {
  return compile(text, ['list<Finding>', 'list<Container>', 'list<string>'], (value) => {
    if (!Array.isArray(value)) throw new TypeError('expected a list');
    return value.map(toSubject);
  });
}

function compile<Value>(
  text: string,
  types: readonly string[],
  read: (value: unknown) => Value,
): { ok: true; evaluate: (values: Record<string, unknown>) => Value } | { ok: false; problem: ExpressionProblem } {
  const bad = (offset: number, reason: string) => ({ ok: false, problem: { offset, reason } }) as const;
  if (text.length > EXPRESSION_CHARACTERS_MAX) {
    return bad(0, `expected at most ${EXPRESSION_CHARACTERS_MAX} characters, got ${text.length}`);
  }
  try {
    const parsed = environment.parse(text);
    const forbidden = findForbidden(parsed.ast, 0);
    if (forbidden !== null) return bad(forbidden.offset, forbidden.reason);
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new Error('it does not pass the type check');
    if (checked.type === undefined || !types.includes(checked.type)) {
      return bad(0, `expected ${types.join(' or ')}, got ${checked.type}`);
    }
    return { ok: true, evaluate: (values) => read(parsed(values) as unknown) };
  } catch (error) {
    const isOurs = error instanceof ParseError || error instanceof CelTypeError || error instanceof EvaluationError;
    if (!isOurs) return bad(0, error instanceof Error ? error.message : String(error));
    return bad(error.range?.start ?? 0, error.summary);
  }
}

/** Walks the parsed expression before it is ever run. */
function findForbidden(node: ASTNode, comprehensions: number): ExpressionProblem | null {
  let inside = comprehensions;
  if (node.op === 'call' || node.op === 'rcall') {
    const name = node.args[0];
    if (!FUNCTIONS.has(name))
      return { offset: node.start, reason: `the function ${name} is not available in policies` };
    if (COMPREHENSIONS.has(name)) inside += 1;
    if (inside > COMPREHENSION_DEPTH_MAX) {
      return { offset: node.start, reason: `lists are walked more than ${COMPREHENSION_DEPTH_MAX} levels deep` };
    }
  }
  for (const child of childrenOf(node.args)) {
    const found = findForbidden(child, inside);
    if (found !== null) return found;
  }
  return null;
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return isNode(args) ? [args] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** Findings and containers come back as maps of their fields. */
function toSubject(item: unknown): Subject {
  if (typeof item === 'string') return { key: item, label: item, package: null };
  if (item instanceof Map) {
    const name: unknown = item.get('package');
    const version = String(item.get('version') ?? '');
    const inPackage = typeof name === 'string' && name !== '' ? { name, version } : null;
    return { key: String(item.get('key')), label: String(item.get('label')), package: inPackage };
  }
  throw new TypeError('expected a finding, a container or a text');
}
