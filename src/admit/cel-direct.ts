import type { ASTNode } from '@marcbachmann/cel-js';
import type { Json } from '../system/index.ts';

/**
 * What an expression about pods reads: parts of the document as they were written, not converted. A member that is null is
 * not there, as for the API.
 */
export interface DirectScope {
  readonly pod: Json;
  readonly containers: readonly Json[];
  readonly contexts: readonly Json[];
}

/** Gives what an expression gives, or throws `UNSURE` where only the library knows. */
export type DirectExpression = (scope: DirectScope) => Json;

/** Thrown for whatever is not plain: the expression is then asked of the library, and its word counts. */
export const UNSURE = Symbol('unsure');

/** Beyond so many members walked the library counts what it costs, and stops it. */
const STEPS_MAX = 100_000;

const ABSENT = Symbol('absent');
type Value = Json | typeof ABSENT;
/** A part of an expression over the values of its variables: the roots of the scope, then those of lists being walked. */
type Part = (variables: Json[], from: DirectScope) => Value;
type Members = Readonly<Record<string, Json>>;
type Names = readonly string[];

let steps = 0;

/**
 * Compiles an expression that was parsed and checked to functions over the document itself, at a tenth of what the library
 * takes for each. It knows the few forms that rules about pods are written in. Null: this expression has others. What it
 * answers is what the library would: whatever is of a type that the form is not for is left to that.
 */
export function compileDirect(ast: ASTNode): DirectExpression | null {
  try {
    const part = compile(ast, []);
    if (part.optional) return null;
    return (scope) => {
      steps = 0;
      return sure(part.run([], scope));
    };
  } catch (error) {
    if (error === UNKNOWN) return null;
    throw error;
  }
}

const UNKNOWN = Symbol('unknown');

interface Compiled {
  readonly run: Part;
  /** It may be absent, and asks whether it is come next. */
  readonly optional: boolean;
}

function compile(node: ASTNode, names: Names): Compiled {
  switch (node.op) {
    case 'value':
      return plain(constant(literal(node.args)));
    case 'list':
      return plain(
        constant((node.args as ASTNode[]).map((one) => (one.op === 'value' ? literal(one.args) : unknown()))),
      );
    case 'id':
      return plain(variable(String(node.args), names));
    case '.':
    case '[]': {
      const [holder, key] = fieldOf(node, names);
      return holder.optional ? optionalField(holder.run, key) : plain(field(holder.run, key));
    }
    case '.?':
    case '[?]': {
      const [holder, key] = fieldOf(node, names);
      return optionalField(holder.run, key);
    }
    case '!_': {
      const run = value(node.args as ASTNode, names);
      return plain((variables, from) => !bool(run(variables, from)));
    }
    case '&&':
    case '||': {
      const [left, right] = both(node, names);
      const ends = node.op === '||';
      return plain((variables, from) => {
        const first = bool(left(variables, from));
        return first === ends ? ends : bool(right(variables, from));
      });
    }
    case '==':
    case '!=': {
      const [left, right] = both(node, names);
      const wanted = node.op === '==';
      return plain((variables, from) => isSame(left(variables, from), right(variables, from)) === wanted);
    }
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const [left, right] = both(node, names);
      const holds = COMPARED[node.op];
      return plain((variables, from) => holds(whole(left(variables, from)), whole(right(variables, from))));
    }
    case 'in': {
      const [left, list] = node.args as [ASTNode, ASTNode];
      if (list.op !== 'list') {
        const [one, several] = both(node, names);
        return plain((variables, from) => {
          const found = text(one(variables, from));
          return textsOf(several(variables, from)).includes(found);
        });
      }
      const among = compile(list, names).run([], NOTHING) as Json[];
      if (!among.every((one) => typeof one === 'string')) return unknown();
      const texts = new Set(among as string[]);
      const run = value(left, names);
      return plain((variables, from) => texts.has(text(run(variables, from))));
    }
    case '?:': {
      const [asked, yes, no] = (node.args as [ASTNode, ASTNode, ASTNode]).map((one) => value(one, names));
      if (asked === undefined || yes === undefined || no === undefined) return unknown();
      return plain((variables, from) => (bool(asked(variables, from)) ? yes : no)(variables, from));
    }
    case 'map':
      return (node.args as unknown[]).length === 0 ? plain(constant({})) : unknown();
    case 'call':
      return plain(has(node, names));
    case 'rcall':
      return method(node, names);
    default:
      return unknown();
  }
}

const COMPARED = {
  '<': (left: number, right: number) => left < right,
  '<=': (left: number, right: number) => left <= right,
  '>': (left: number, right: number) => left > right,
  '>=': (left: number, right: number) => left >= right,
} as const;
const TEXTS = {
  startsWith: (whole: string, part: string) => whole.startsWith(part),
  endsWith: (whole: string, part: string) => whole.endsWith(part),
  contains: (whole: string, part: string) => whole.includes(part),
} as const;

const NOTHING: DirectScope = { pod: null, containers: [], contexts: [] };

function unknown(): never {
  throw UNKNOWN;
}

function plain(run: Part): Compiled {
  return { run, optional: false };
}

function value(node: ASTNode, names: Names): Part {
  const part = compile(node, names);
  return part.optional ? unknown() : part.run;
}

function both(node: ASTNode, names: Names): [Part, Part] {
  const [left, right] = node.args as [ASTNode, ASTNode];
  return [value(left, names), value(right, names)];
}

function constant(of: Json): Part {
  return () => of;
}

function literal(of: unknown): Json {
  if (typeof of === 'string' || typeof of === 'boolean') return of;
  const number = typeof of === 'bigint' ? Number(of) : Number.NaN;
  return Number.isSafeInteger(number) ? number : unknown();
}

function variable(name: string, names: Names): Part {
  const at = names.lastIndexOf(name);
  if (at >= 0) return (variables) => variables[at] as Json;
  switch (name) {
    case 'pod':
      return (_, { pod }) => pod;
    case 'containers':
      return (_, { containers }) => containers as Json;
    case 'contexts':
      return (_, { contexts }) => contexts as Json;
    default:
      return unknown();
  }
}

/** What a member is taken from, and the text of its name. */
function fieldOf(node: ASTNode, names: Names): [Compiled, Part] {
  const [holder, key] = node.args as [ASTNode, ASTNode | string];
  const isNamed = typeof key === 'string';
  return [compile(holder, names), isNamed ? constant(key) : value(key, names)];
}

function field(holder: Part, key: Part): Part {
  return (variables, from) => {
    const found = memberOf(holder(variables, from), text(key(variables, from)));
    return found === ABSENT ? unsure() : found;
  };
}

function optionalField(holder: Part, key: Part): Compiled {
  const run: Part = (variables, from) => {
    const of = holder(variables, from);
    return of === ABSENT ? ABSENT : memberOf(of, text(key(variables, from)));
  };
  return { run, optional: true };
}

function has(node: ASTNode, names: Names): Part {
  const [name, [asked, ...more]] = node.args as [string, ASTNode[]];
  if (name !== 'has' || asked?.op !== '.' || more.length > 0) return unknown();
  const [holder, key] = asked.args as [ASTNode, string];
  const run = value(holder, names);
  return (variables, from) => memberOf(run(variables, from), key) !== ABSENT;
}

function method(node: ASTNode, names: Names): Compiled {
  const [name, receiver, args] = node.args as [string, ASTNode, ASTNode[]];
  const of = compile(receiver, names);
  const [first, second] = args;
  switch (name) {
    case 'orValue': {
      if (!of.optional || first === undefined) return unknown();
      const otherwise = value(first, names);
      return plain((variables, from) => {
        const found = of.run(variables, from);
        return found === ABSENT ? otherwise(variables, from) : found;
      });
    }
    case 'hasValue':
      return of.optional ? plain((variables, from) => of.run(variables, from) !== ABSENT) : unknown();
    case 'startsWith':
    case 'endsWith':
    case 'contains': {
      if (of.optional || first === undefined) return unknown();
      const part = value(first, names);
      const asks = TEXTS[name];
      return plain((variables, from) => asks(text(of.run(variables, from)), text(part(variables, from))));
    }
    case 'filter':
    case 'exists':
    case 'all':
      return of.optional || first?.op !== 'id' || second === undefined
        ? unknown()
        : plain(walk(name, of.run, compileInner(String(first.args), second, names), names.length));
    default:
      return unknown();
  }
}

function compileInner(name: string, node: ASTNode, names: Names): Part {
  return value(node, [...names, name]);
}

/** A list, or the names of an object, member by member. */
function walk(name: 'filter' | 'exists' | 'all', list: Part, asked: Part, at: number): Part {
  const ask = (member: Json, variables: Json[], from: DirectScope): boolean => {
    steps += 1;
    if (steps > STEPS_MAX) unsure();
    variables[at] = member;
    return bool(asked(variables, from));
  };
  if (name === 'filter')
    return (variables, from) => membersOf(sure(list(variables, from))).filter((one) => ask(one, variables, from));
  const ends = name === 'exists';
  return (variables, from) => {
    for (const one of membersOf(sure(list(variables, from)))) if (ask(one, variables, from) === ends) return ends;
    return !ends;
  };
}

function membersOf(list: Json): readonly Json[] {
  if (Array.isArray(list)) return list;
  const members = objectOf(list);
  return Object.keys(members).filter((name) => members[name] !== null && members[name] !== undefined);
}

function memberOf(of: Value, name: string): Value {
  const members = objectOf(of);
  if (!Object.hasOwn(members, name)) return ABSENT;
  return members[name] ?? ABSENT;
}

function objectOf(of: Value): Members {
  return typeof of === 'object' && of !== null && !Array.isArray(of) ? (of as Members) : unsure();
}

function bool(of: Value): boolean {
  return typeof of === 'boolean' ? of : unsure();
}

function text(of: Value): string {
  return typeof of === 'string' ? of : unsure();
}

function whole(of: Value): number {
  return typeof of === 'number' && Number.isSafeInteger(of) ? of : unsure();
}

function textsOf(of: Value): readonly string[] {
  if (!Array.isArray(of)) return unsure();
  steps += of.length;
  if (steps > STEPS_MAX || !of.every((one) => typeof one === 'string')) return unsure();
  return of;
}

function sure(of: Value): Json {
  return of === ABSENT ? unsure() : (of as Json);
}

/** Texts, whole numbers and truths among themselves; anything else is the library's to compare. */
function isSame(left: Value, right: Value): boolean {
  const isPlain =
    typeof left === typeof right &&
    (typeof left === 'string' ||
      typeof left === 'boolean' ||
      (typeof left === 'number' && Number.isSafeInteger(left) && Number.isSafeInteger(right)));
  return isPlain ? left === right : unsure();
}

function unsure(): never {
  throw UNSURE;
}
