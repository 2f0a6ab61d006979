import { FormatError, parseStrictJson } from '../formats/index.ts';
import type { Json } from '../system/index.ts';
import { OverBudget, spendMembers, tooLarge } from './cel-budget.ts';
import { callFunction, isFunction, type JmesArgument } from './jmespath-functions.ts';
import { isObject, isSameJson, isTruthy } from './jmespath-values.ts';
import { EVALUATION_VALUE_MAX, KUBERNETES_CHARACTERS_MAX, KUBERNETES_DEPTH_MAX } from './limits.ts';

/** A query that was read. @throws RangeError for a value that it cannot be asked of; null where nothing is found */
export type JmesPath = (value: Json) => Json;

type Comparator = '==' | '!=' | '<' | '<=' | '>' | '>=';

type Node =
  | { readonly is: 'current' }
  | { readonly is: 'field'; readonly name: string }
  | { readonly is: 'literal'; readonly value: Json }
  | { readonly is: 'index'; readonly at: number }
  | { readonly is: 'slice'; readonly parts: readonly (number | null)[] }
  /** `then` is asked of what `of` gives; a pipe ends projections, a dot does not. */
  | { readonly is: 'then' | 'or' | 'and'; readonly of: Node; readonly next: Node }
  | { readonly is: 'compare'; readonly by: Comparator; readonly of: Node; readonly next: Node }
  | { readonly is: 'not' | 'flatten' | 'reference'; readonly of: Node }
  | { readonly is: 'each' | 'values'; readonly of: Node; readonly next: Node }
  | { readonly is: 'filter'; readonly of: Node; readonly next: Node; readonly by: Node }
  | { readonly is: 'list'; readonly items: readonly Node[] }
  | { readonly is: 'object'; readonly entries: readonly (readonly [string, Node])[] }
  | { readonly is: 'call'; readonly name: string; readonly args: readonly Node[] };

type TokenKind = 'name' | 'quoted' | 'number' | 'literal' | 'sign' | 'end';
interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly value: Json;
  readonly offset: number;
}

/**
 * Reads a query of JMESPath (https://jmespath.org/specification.html); its functions are those of the specification and those
 * that Kyverno adds.
 * @throws RangeError with the place for what is no query
 */
export function compileJmesPath(text: string): JmesPath {
  // What a document says may stand in it: a long one must not pass for one that finds nothing.
  if (text.length > KUBERNETES_CHARACTERS_MAX)
    throw new OverBudget(`the query is longer than ${KUBERNETES_CHARACTERS_MAX}`);
  const parser = new Parser(readTokens(text));
  const node = parser.whole();
  return (value) => ask(node, value);
}

/** Signs, the longest first. */
const SIGNS = ['[?', '[]', '||', '&&', '==', '!=', '<=', '>=', ...'[]{}().,:*@&|!<>'];

function readTokens(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const push = (kind: TokenKind, length: number, value: Json = null): void => {
    tokens.push({ kind, text: text.slice(at, at + length), value, offset: at });
    at += length;
  };
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^\s+/.exec(rest)?.[0].length ?? 0;
    if (space > 0) {
      at += space;
      continue;
    }
    const name = /^[A-Za-z_][\w]*/.exec(rest)?.[0];
    const number = /^-?\d+/.exec(rest)?.[0];
    if (name !== undefined) push('name', name.length, name);
    else if (number !== undefined) push('number', number.length, Number(number));
    else if (rest.startsWith('"')) pushQuoted(rest, at, push);
    else if (rest.startsWith("'")) pushRaw(rest, at, push);
    else if (rest.startsWith('`')) pushLiteral(rest, at, push);
    else {
      const sign = SIGNS.find((one) => rest.startsWith(one));
      if (sign === undefined) throw wrong(at, `${JSON.stringify(rest[0])} is not known in a query`);
      push('sign', sign.length);
    }
  }
  tokens.push({ kind: 'end', text: '', value: null, offset: text.length });
  return tokens;
}

type Push = (kind: TokenKind, length: number, value?: Json) => void;

function pushQuoted(rest: string, at: number, push: Push): void {
  const written = /^"(?:\\.|[^"\\])*"/s.exec(rest)?.[0];
  if (written === undefined) throw wrong(at, 'the quotation mark is not closed');
  push('quoted', written.length, jsonOf(written, at));
}

function pushRaw(rest: string, at: number, push: Push): void {
  const written = /^'(?:\\.|[^'\\])*'/s.exec(rest)?.[0];
  if (written === undefined) throw wrong(at, 'the quotation mark is not closed');
  push('literal', written.length, written.slice(1, -1).replaceAll(/\\(['\\])/g, '$1'));
}

function pushLiteral(rest: string, at: number, push: Push): void {
  const written = /^`(?:\\.|[^`\\])*`/s.exec(rest)?.[0];
  if (written === undefined) throw wrong(at, 'the back quote is not closed');
  const inside = written.slice(1, -1).replaceAll('\\`', '`').trim();
  // Texts without quotation marks were allowed once, and are still written.
  const isJson = /^(?:[[{"]|-?\d|true$|false$|null$)/.test(inside);
  push('literal', written.length, isJson ? jsonOf(inside, at) : inside);
}

function jsonOf(text: string, at: number): Json {
  try {
    return parseStrictJson(Buffer.from(text));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw wrong(at, error.message);
  }
}

function wrong(offset: number, reason: string): RangeError {
  return new RangeError(`${reason} (character ${offset + 1} of the query)`);
}

/** How strongly what follows binds. */
const BINDS: Readonly<Record<string, number>> = {
  ...{ '|': 1, '||': 2, '&&': 3 },
  ...{ '==': 5, '!=': 5, '<': 5, '<=': 5, '>': 5, '>=': 5 },
  ...{ '[]': 9, '*': 20, '[?': 21, '.': 40, '!': 45, '{': 50, '[': 55, '(': 60 },
};
const PROJECTION_ENDS = 10;
const CURRENT: Node = { is: 'current' };

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Node {
    const node = this.#expression(0);
    if (this.#token.kind !== 'end') throw this.#wrong('expected the end of the query');
    return node;
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #wrong(reason: string): RangeError {
    return wrong(this.#token.offset, `${reason}, got ${JSON.stringify(this.#token.text)}`);
  }

  #next(): Token {
    const token = this.#token;
    this.#at += 1;
    return token;
  }

  #isSign(text: string): boolean {
    return this.#token.kind === 'sign' && this.#token.text === text;
  }

  #expect(sign: string): void {
    if (!this.#isSign(sign)) throw this.#wrong(`expected ${sign}`);
    this.#at += 1;
  }

  #expression(binds: number): Node {
    this.#depth += 1;
    if (this.#depth > KUBERNETES_DEPTH_MAX) throw this.#wrong(`nested deeper than ${KUBERNETES_DEPTH_MAX}`);
    let left = this.#first();
    while (this.#token.kind === 'sign' && binds < (BINDS[this.#token.text] ?? 0)) left = this.#after(left);
    this.#depth -= 1;
    return left;
  }

  #first(): Node {
    const token = this.#next();
    switch (token.kind) {
      case 'literal':
        return { is: 'literal', value: token.value };
      case 'quoted':
        return { is: 'field', name: String(token.value) };
      case 'name':
        return this.#isSign('(') ? this.#call(token) : { is: 'field', name: token.text };
      case 'sign':
        return this.#firstSign(token);
      default:
        this.#at -= 1;
        throw this.#wrong('expected an expression');
    }
  }

  #firstSign({ text }: Token): Node {
    switch (text) {
      case '@':
        return CURRENT;
      case '&':
        return { is: 'reference', of: this.#expression(0) };
      case '!':
        return { is: 'not', of: this.#expression(BINDS['!'] ?? 0) };
      case '*':
        return { is: 'values', of: CURRENT, next: this.#projected(BINDS['*'] ?? 0) };
      case '[]':
        return this.#flatten(CURRENT);
      case '[?':
        return this.#filter(CURRENT);
      case '{':
        return this.#object();
      case '[':
        return this.#token.kind === 'number' || this.#isSign(':') || this.#isStarred()
          ? this.#bracket(CURRENT)
          : this.#list();
      case '(': {
        const inside = this.#expression(0);
        this.#expect(')');
        // What is in brackets is whole: a projection in it ends there.
        return { is: 'then', of: inside, next: CURRENT };
      }
      default:
        this.#at -= 1;
        throw this.#wrong('expected an expression');
    }
  }

  /** `[*]`, and no list whose first member begins with a star. */
  #isStarred(): boolean {
    const after = this.#tokens[this.#at + 1];
    return this.#isSign('*') && after?.kind === 'sign' && after.text === ']';
  }

  #after(left: Node): Node {
    const { text } = this.#next();
    switch (text) {
      case '|':
        return { is: 'then', of: left, next: this.#expression(BINDS['|'] ?? 0) };
      case '||':
        return { is: 'or', of: left, next: this.#expression(BINDS['||'] ?? 0) };
      case '&&':
        return { is: 'and', of: left, next: this.#expression(BINDS['&&'] ?? 0) };
      case '[]':
        return this.#flatten(left);
      case '[?':
        return this.#filter(left);
      case '[':
        return this.#bracket(left);
      case '.':
        if (!this.#isSign('*')) return { is: 'then', of: left, next: this.#dotted(BINDS['.'] ?? 0) };
        this.#at += 1;
        return { is: 'values', of: left, next: this.#projected(BINDS['.'] ?? 0) };
      case '==':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return { is: 'compare', by: text, of: left, next: this.#expression(BINDS[text] ?? 0) };
      default:
        this.#at -= 1;
        throw this.#wrong('expected an operator');
    }
  }

  /** What may stand after a dot. */
  #dotted(binds: number): Node {
    const { kind } = this.#token;
    if (kind === 'name' || kind === 'quoted' || this.#isSign('*')) return this.#expression(binds);
    if (this.#isSign('[')) {
      this.#at += 1;
      return this.#list();
    }
    if (this.#isSign('{')) {
      this.#at += 1;
      return this.#object();
    }
    throw this.#wrong('expected a name, [ or {');
  }

  /** What is asked of each member of a projection. */
  #projected(binds: number): Node {
    if (this.#token.kind !== 'sign' || (BINDS[this.#token.text] ?? 0) < PROJECTION_ENDS) return CURRENT;
    if (this.#isSign('[') || this.#isSign('[?')) return this.#expressionOfCurrent(binds);
    if (!this.#isSign('.')) throw this.#wrong('expected . or [');
    this.#at += 1;
    return this.#dotted(binds);
  }

  /** An expression that begins with brackets, of each member. */
  #expressionOfCurrent(binds: number): Node {
    let left: Node = CURRENT;
    while (this.#token.kind === 'sign' && binds < (BINDS[this.#token.text] ?? 0)) left = this.#after(left);
    return left;
  }

  #flatten(left: Node): Node {
    return { is: 'each', of: { is: 'flatten', of: left }, next: this.#projected(BINDS['[]'] ?? 0) };
  }

  #filter(left: Node): Node {
    const by = this.#expression(0);
    this.#expect(']');
    const next = this.#isSign('[]') ? CURRENT : this.#projected(BINDS['[?'] ?? 0);
    return { is: 'filter', of: left, by, next };
  }

  #bracket(left: Node): Node {
    if (this.#isSign('*')) {
      this.#at += 1;
      this.#expect(']');
      return { is: 'each', of: left, next: this.#projected(BINDS['*'] ?? 0) };
    }
    const parts: (number | null)[] = [null];
    while (!this.#isSign(']')) {
      if (this.#isSign(':') && parts.length < 3) parts.push(null);
      else if (this.#token.kind === 'number' && parts.at(-1) === null)
        parts[parts.length - 1] = Number(this.#token.value);
      else throw this.#wrong('expected a number or ]');
      this.#at += 1;
    }
    this.#expect(']');
    const [at] = parts;
    if (parts.length === 1) {
      if (at === null || at === undefined) throw this.#wrong('expected a number');
      return { is: 'then', of: left, next: { is: 'index', at } };
    }
    if (parts[2] === 0) throw this.#wrong('expected a step other than 0');
    const sliced: Node = { is: 'then', of: left, next: { is: 'slice', parts } };
    return { is: 'each', of: sliced, next: this.#projected(BINDS['*'] ?? 0) };
  }

  #list(): Node {
    const items = [this.#expression(0)];
    while (this.#isSign(',')) {
      this.#at += 1;
      items.push(this.#expression(0));
    }
    this.#expect(']');
    return { is: 'list', items };
  }

  #object(): Node {
    const entries: [string, Node][] = [];
    for (;;) {
      const { kind, text, value } = this.#next();
      if (kind !== 'name' && kind !== 'quoted') throw this.#wrong('expected a name');
      this.#expect(':');
      entries.push([kind === 'name' ? text : String(value), this.#expression(0)]);
      if (!this.#isSign(',')) break;
      this.#at += 1;
    }
    this.#expect('}');
    return { is: 'object', entries };
  }

  #call({ text: name, offset }: Token): Node {
    if (!isFunction(name)) throw wrong(offset, `the function ${name} is not known here`);
    this.#expect('(');
    const args: Node[] = [];
    while (!this.#isSign(')')) {
      args.push(this.#expression(0));
      if (!this.#isSign(',')) break;
      this.#at += 1;
    }
    this.#expect(')');
    return { is: 'call', name, args };
  }
}

function ask(node: Node, value: Json): Json {
  spendMembers(4);
  switch (node.is) {
    case 'current':
      return value;
    case 'field':
      return memberOf(value, node.name);
    case 'literal':
      return node.value;
    case 'index':
      return Array.isArray(value) ? (value.at(node.at) ?? null) : null;
    case 'slice':
      return Array.isArray(value) ? sliceOf(value, node.parts) : null;
    case 'then':
      return ask(node.next, ask(node.of, value));
    case 'or': {
      const first = orNothing(node.of, value);
      return isTruthy(first) ? first : ask(node.next, value);
    }
    case 'and': {
      const first = ask(node.of, value);
      return isTruthy(first) ? ask(node.next, value) : first;
    }
    case 'not':
      return !isTruthy(orNothing(node.of, value));
    case 'compare':
      return compare(node.by, ask(node.of, value), ask(node.next, value));
    case 'flatten':
      return flatten(ask(node.of, value));
    case 'each':
      return projected(ask(node.of, value), node.next);
    case 'values': {
      const whole = ask(node.of, value);
      return isObject(whole) ? projected(Object.values(whole), node.next) : null;
    }
    case 'filter': {
      const list = ask(node.of, value);
      if (!Array.isArray(list)) return null;
      return projected(
        list.filter((one) => isTruthy(orNothing(node.by, one))),
        node.next,
      );
    }
    case 'list':
      return node.items.map((item) => ask(item, value));
    case 'object':
      return Object.fromEntries(node.entries.map(([name, one]) => [name, ask(one, value)]));
    case 'call':
      return callFunction(
        node.name,
        node.args.map((one) => argumentOf(one, value)),
      );
    case 'reference':
      throw new RangeError('& stands only before what is handed to a function');
  }
}

/** `a || b` is b also where a cannot be asked of this value, as in Kyverno: its fields are often not there. */
function orNothing(node: Node, value: Json): Json {
  try {
    return ask(node, value);
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith('expected ')) return null;
    throw error;
  }
}

function argumentOf(node: Node, value: Json): JmesArgument {
  return node.is === 'reference' ? (one) => ask(node.of, one) : ask(node, value);
}

function memberOf(value: Json, name: string): Json {
  return isObject(value) && Object.hasOwn(value, name) ? (value[name] ?? null) : null;
}

function projected(list: Json, next: Node): Json {
  if (!Array.isArray(list)) return null;
  return list.map((one) => askMember(next, one)).filter((one) => one !== null);
}

/** What a projection asks of one member: one that has not what is named is left out before a function sees it, as in Kyverno. */
function askMember(node: Node, value: Json): Json {
  if (node.is !== 'then') return ask(node, value);
  const of = askMember(node.of, value);
  return of === null ? null : ask(node.next, of);
}

function flatten(list: Json): Json {
  if (!Array.isArray(list)) return null;
  const members = list.reduce<number>((sum, one) => sum + (Array.isArray(one) ? one.length : 1), 0);
  spendMembers(members);
  if (members > EVALUATION_VALUE_MAX) throw tooLarge();
  return list.flatMap((one) => (Array.isArray(one) ? one : [one]));
}

function sliceOf(list: readonly Json[], [from = null, to = null, by = null]: readonly (number | null)[]): Json {
  const step = by ?? 1;
  const clamp = (at: number): number => {
    const placed = at < 0 ? at + list.length : at;
    const [low, high] = step < 0 ? [-1, list.length - 1] : [0, list.length];
    return Math.min(Math.max(placed, low), high);
  };
  const start = from === null ? (step < 0 ? list.length - 1 : 0) : clamp(from);
  const end = to === null ? (step < 0 ? -1 : list.length) : clamp(to);
  const taken: Json[] = [];
  for (let at = start; step < 0 ? at > end : at < end; at += step) taken.push(list[at] ?? null);
  return taken;
}

function compare(by: Comparator, a: Json, b: Json): Json {
  if (by === '==') return isSameJson(a, b);
  if (by === '!=') return !isSameJson(a, b);
  if (typeof a !== 'number' || typeof b !== 'number') return null;
  if (by === '<') return a < b;
  if (by === '<=') return a <= b;
  return by === '>' ? a > b : a >= b;
}
