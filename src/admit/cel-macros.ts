import { type ASTNode, type Environment, Optional } from '@marcbachmann/cel-js';
import { spendMembers } from './cel-budget.ts';
import { sortByKeys } from './cel-lists.ts';

/** What a macro is given by the library and may ask of it; the library's own types leave these open. */
interface Scope {
  forkWithVariable(name: string, type: unknown): Overlay;
}
interface Overlay extends Scope {
  reuse(parent: Scope): Overlay;
  setIterValue(value: unknown, evaluator: Evaluator): Overlay;
}
interface Checker {
  check(node: ASTNode, scope: Scope): CheckedType;
  getType(name: string): CheckedType;
  createError(code: string, message: string, node: ASTNode): Error;
}
interface CheckedType {
  readonly kind: string;
  isDynOrBool(): boolean;
  readonly keyType?: CheckedType;
  readonly valueType?: CheckedType;
}
interface Evaluator {
  run(node: ASTNode, scope: Scope): unknown;
}
/** What a node keeps for the library, which the library's types leave out. */
interface Changeable {
  setMeta(name: string, value: unknown): void;
}
interface Call {
  readonly ast: ASTNode;
  readonly args: readonly ASTNode[];
  readonly receiver: ASTNode;
}

/** What becomes of the members, one by one; `done` ends the walk. */
interface Walk {
  step(key: unknown, value: unknown, answer: unknown): void;
  readonly done?: () => boolean;
  readonly result: () => unknown;
  /** Whether an error of one member is set aside while others may still decide. */
  readonly isLenient?: boolean;
}

/**
 * Macros of CEL’s extension for comprehensions with two variables, and of optional values, that the library has not.
 * `list.all(i, v, …)`, `map.all(k, v, …)` and the rest: index and member of a list, key and value of a map.
 */
export function registerMacros(environment: Environment): void {
  const quantifiers: readonly [string, () => Walk][] = [
    [
      'all',
      () =>
        quantifier(
          (count, seen) => count === seen,
          (answer) => !answer,
        ),
    ],
    [
      'exists',
      () =>
        quantifier(
          (count) => count > 0,
          (answer) => answer,
        ),
    ],
    [
      'exists_one',
      () =>
        quantifier(
          (count) => count === 1,
          () => false,
          false,
        ),
    ],
    [
      'existsOne',
      () =>
        quantifier(
          (count) => count === 1,
          () => false,
          false,
        ),
    ],
  ];
  for (const [name, walk] of quantifiers) {
    environment.registerFunction(`list.${name}(ast, ast, ast): bool`, (call: Call) => walkWithTwo(call, 'bool', walk));
  }
  const transforms: readonly [string, string, () => Walk][] = [
    ['transformList', 'list<dyn>', toList],
    ['transformMap', 'map<dyn, dyn>', toMap],
    ['transformMapEntry', 'map<dyn, dyn>', toMapOfEntries],
  ];
  for (const [name, type, walk] of transforms) {
    const expand = (call: Call): object => walkWithTwo(call, type, walk);
    environment.registerFunction(`list.${name}(ast, ast, ast): ${type}`, expand);
    environment.registerFunction(`list.${name}(ast, ast, ast, ast): ${type}`, expand);
  }
  environment.registerFunction('list.existsOne(ast, ast): bool', existsOne);
  environment.registerFunction('list.sortBy(ast, ast): list<dyn>', sortBy);
  environment.registerFunction('optional.optMap(ast, ast): optional<dyn>', (call: Call) => mapOptional(call, false));
  environment.registerFunction('optional.optFlatMap(ast, ast): optional<dyn>', (call: Call) => mapOptional(call, true));
}

/** @param ends whether an answer decides the rest */
function quantifier(
  result: (count: number, seen: number) => boolean,
  ends: (answer: boolean) => boolean,
  isLenient = true,
): Walk {
  let [count, seen, over] = [0, 0, false];
  return {
    step: (_key, _value, answer) => {
      if (typeof answer !== 'boolean') throw new TypeError(`expected true or false, got ${typeof answer}`);
      seen += 1;
      if (answer) count += 1;
      over = ends(answer);
    },
    done: () => over,
    result: () => result(count, seen),
    isLenient,
  };
}

function toList(): Walk {
  const list: unknown[] = [];
  return { step: (_key, _value, answer) => void list.push(answer), result: () => list };
}

function toMap(): Walk {
  const map = new Map<unknown, unknown>();
  return { step: (key, _value, answer) => void map.set(key, answer), result: () => map };
}

function toMapOfEntries(): Walk {
  const map = new Map<unknown, unknown>();
  return {
    step: (_key, _value, answer) => {
      for (const [name, value] of entriesOf(answer)) {
        if (map.has(name)) throw new RangeError(`the key ${String(name)} is there twice`);
        map.set(name, value);
      }
    },
    result: () => map,
  };
}

function entriesOf(value: unknown): [unknown, unknown][] {
  spendMembers(Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0);
  if (Array.isArray(value)) return value.map((one, index): [unknown, unknown] => [BigInt(index), one]);
  if (value instanceof Map) return [...value];
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.entries(value);
  throw new TypeError('expected a list or a map');
}

function nameOf(node: ASTNode | undefined): string {
  if (node?.op === 'id' && typeof node.args === 'string') return node.args;
  throw new TypeError('expected the name of a variable');
}

function walkWithTwo({ ast, args, receiver }: Call, type: string, start: () => Walk): object {
  const [first, second] = [nameOf(args[0]), nameOf(args[1])];
  const filter = args.length === 4 ? args[2] : undefined;
  const body = args.at(-1);
  if (body === undefined) throw new TypeError('expected an expression');
  let outer: Overlay | null = null;
  let inner: Overlay | null = null;
  return {
    ast,
    async: false,
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      const over = checker.check(receiver, scope);
      const dyn = checker.getType('dyn');
      if (!['list', 'map', 'dyn'].includes(over.kind))
        throw checker.createError('invalid_comprehension_range', 'expected a list or a map', receiver);
      const key = over.kind === 'list' ? checker.getType('int') : (over.keyType ?? dyn);
      outer = scope.forkWithVariable(first, key);
      inner = outer.forkWithVariable(second, over.valueType ?? dyn);
      for (const node of [filter, type === 'bool' ? body : undefined]) {
        const answer = node === undefined ? undefined : checker.check(node, inner);
        if (node !== undefined && answer?.isDynOrBool() === false)
          throw checker.createError('invalid_condition_type', 'expected true or false', node);
      }
      if (type !== 'bool') checker.check(body, inner);
      return checker.getType(type);
    },
    evaluate(evaluator: Evaluator, _macro: unknown, scope: Scope) {
      if (outer === null || inner === null) throw new TypeError('the expression was not checked');
      const members = entriesOf(evaluator.run(receiver, scope));
      const walk = start();
      let failed: unknown = null;
      for (const [key, value] of members) {
        const at = inner.reuse(outer.reuse(scope).setIterValue(key, evaluator)).setIterValue(value, evaluator);
        try {
          if (filter !== undefined && evaluator.run(filter, at) !== true) continue;
          walk.step(key, value, evaluator.run(body, at));
        } catch (error) {
          if (walk.isLenient !== true) throw error;
          failed ??= error;
        }
        if (walk.done?.() === true) return walk.result();
      }
      if (failed !== null) throw failed;
      return walk.result();
    },
  };
}

/** `value.optMap(v, expression)`: what the expression makes of a value that is there. */
function mapOptional({ ast, args, receiver }: Call, isFlat: boolean): object {
  const name = nameOf(args[0]);
  const body = args[1];
  if (body === undefined) throw new TypeError('expected an expression');
  let inner: Overlay | null = null;
  return {
    ast,
    async: false,
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      const over = checker.check(receiver, scope);
      if (!['optional', 'dyn'].includes(over.kind))
        throw checker.createError('optional_expected', 'expected an optional value', receiver);
      inner = scope.forkWithVariable(name, over.valueType ?? checker.getType('dyn'));
      checker.check(body, inner);
      return checker.getType('optional');
    },
    evaluate(evaluator: Evaluator, _macro: unknown, scope: Scope) {
      const value = evaluator.run(receiver, scope);
      if (!(value instanceof Optional)) throw new TypeError('expected an optional value');
      if (inner === null || !value.hasValue()) return Optional.none();
      const made = evaluator.run(body, inner.reuse(scope).setIterValue(value.value(), evaluator));
      if (!isFlat) return Optional.of(made);
      if (!(made instanceof Optional)) throw new TypeError('expected an optional value');
      return made;
    },
  };
}

/** `list.existsOne(e, …)`, the newer name of `exists_one`: members of a list, keys of a map. */
function existsOne({ ast, args, receiver }: Call): object {
  const name = nameOf(args[0]);
  const body = args[1];
  if (body === undefined) throw new TypeError('expected an expression');
  let inner: Overlay | null = null;
  return {
    ast,
    async: false,
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      const over = checker.check(receiver, scope);
      const dyn = checker.getType('dyn');
      if (!['list', 'map', 'dyn'].includes(over.kind))
        throw checker.createError('invalid_comprehension_range', 'expected a list or a map', receiver);
      inner = scope.forkWithVariable(name, (over.kind === 'list' ? over.valueType : over.keyType) ?? dyn);
      if (!checker.check(body, inner).isDynOrBool())
        throw checker.createError('invalid_condition_type', 'expected true or false', body);
      return checker.getType('bool');
    },
    evaluate(evaluator: Evaluator, _macro: unknown, scope: Scope) {
      const over = evaluator.run(receiver, scope);
      const walk = quantifier(
        (count) => count === 1,
        () => false,
        false,
      );
      for (const [key, value] of entriesOf(over)) {
        if (inner === null) throw new TypeError('the expression was not checked');
        const at = inner.reuse(scope).setIterValue(Array.isArray(over) ? value : key, evaluator);
        walk.step(key, value, evaluator.run(body, at));
      }
      return walk.result();
    },
  };
}

/** `list.sortBy(e, key)`. */
function sortBy({ ast, args, receiver }: Call): object {
  const name = nameOf(args[0]);
  const key = args[1];
  if (key === undefined) throw new TypeError('expected an expression');
  let inner: Overlay | null = null;
  return {
    ast,
    async: false,
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      const over = checker.check(receiver, scope);
      if (!['list', 'dyn'].includes(over.kind))
        throw checker.createError('invalid_comprehension_range', 'expected a list', receiver);
      inner = scope.forkWithVariable(name, over.valueType ?? checker.getType('dyn'));
      checker.check(key, inner);
      return over.kind === 'list' ? over : checker.getType('list<dyn>');
    },
    evaluate(evaluator: Evaluator, _macro: unknown, scope: Scope) {
      const list = evaluator.run(receiver, scope);
      if (inner === null || !Array.isArray(list)) throw new TypeError('expected a list');
      const over = inner;
      const keys = list.map((one: unknown) => evaluator.run(key, over.reuse(scope).setIterValue(one, evaluator)));
      return sortByKeys(list, keys);
    },
  };
}

/** `a`, `a.b.?c`: what the library's own `has` takes. */
function isPathOfNames(node: ASTNode): boolean {
  if (node.op === '.' || node.op === '.?') return isPathOfNames(node.args[0]);
  return node.op === 'id';
}

/** Nothing is known of the members of an empty literal; the library finds too many operators for them, and stops. */
export function openEmpty(node: ASTNode): void {
  const isEmpty = (node.op === 'list' || node.op === 'map') && node.args.length === 0;
  if (!isEmpty) return;
  const type = node.op === 'list' ? 'list<dyn>' : 'map<dyn, dyn>';
  const make = node.op === 'list' ? () => [] : () => new Map();
  (node as unknown as Changeable).setMeta('check', (checker: Checker) => checker.getType(type));
  (node as unknown as Changeable).setMeta('evaluate', make);
}

/** `has` of the library asks only fields of fields of a variable; after this it asks fields of whatever has fields. */
export function askAnywhere(node: Extract<ASTNode, { op: 'call' }>): void {
  const [asked] = node.args[1];
  if (asked?.op !== '.' || isPathOfNames(asked)) return;
  const [holder] = asked.args;
  (node as unknown as Changeable).setMeta('macro', {
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      checker.check(holder, scope);
      return checker.getType('bool');
    },
    evaluate: (evaluator: Evaluator, _ast: unknown, scope: Scope) =>
      hasField(evaluator.run(holder, scope), asked.args[1]),
  });
}

function hasField(holder: unknown, name: string): boolean {
  if (holder instanceof Optional) return holder.hasValue() && hasField(holder.value(), name);
  if (holder instanceof Map) return holder.has(name);
  const isPlain = typeof holder === 'object' && holder !== null && Object.getPrototypeOf(holder) === Object.prototype;
  if (!isPlain) throw new TypeError(`has: expected something with fields, to ask for ${name}`);
  return Object.hasOwn(holder, name);
}
