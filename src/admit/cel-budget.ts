import type { ASTNode } from '@marcbachmann/cel-js';
import { EVALUATION_STEPS_MAX, EVALUATION_VALUE_MAX } from './limits.ts';

/** The part of a node that the library runs and its types leave out. A node puts another `evaluate` in its place when it first runs. */
interface Runnable {
  evaluate: (evaluator: unknown, node: unknown, scope: unknown) => unknown;
}

/** Members of a list that are compared, or copied, for the price of one node. */
const MEMBERS_PER_STEP = 16;

/** That an evaluation took or made too much: unlike what is merely not found, nothing may stand in for its answer. */
export class OverBudget extends RangeError {}

/** Steps that the evaluation under way may still take. */
let left = Number.POSITIVE_INFINITY;

function spend(steps: number): void {
  left -= steps;
  if (left < 0) throw new OverBudget('it takes too many steps');
}

/** For functions that look at each member of a list, or at lists in lists. */
export function spendMembers(count: number): void {
  spend(count / MEMBERS_PER_STEP);
}

/**
 * Runs an expression whose nodes are metered. It may walk lists that it has made itself, which no estimate from its text and
 * the document sees. Expressions are synchronous, so only one runs at a time.
 * @throws RangeError when it takes more steps or makes a value larger than `EVALUATION_VALUE_MAX`
 */
export function withinBudget<Value>(run: () => Value, steps = EVALUATION_STEPS_MAX): Value {
  const before = left;
  const own = Math.min(before, steps);
  left = own;
  try {
    return run();
  } finally {
    // What was taken inside is taken of what is around it as well.
    left = before - (own - left);
  }
}

/**
 * Counts each time a node runs, before it does, and the size of what it makes.
 * @param isSearched it stands to the right of `in`, which compares a value with each member, or beside `==`
 */
export function meterNode(node: ASTNode, isSearched: boolean): void {
  const runnable = node as unknown as Runnable;
  let { evaluate } = runnable;
  const counts = node.op === '-_' || node.op === '/' || node.op === '+' || node.op === '-';
  const makes = node.op === '+' || node.op === 'call' || node.op === 'rcall';
  // The library makes an object of a map, whose keys are texts whatever was written, and drops some names.
  const entries = node.op === 'map' && node.args.length > 0 ? node.args : null;
  const metered: Runnable['evaluate'] = (evaluator, own, scope) => {
    spend(1);
    if (entries !== null) return mapOf(entries, (part) => runnableOf(part).evaluate(evaluator, part, scope));
    const value = evaluate.call(node, evaluator, own, scope);
    if (counts) checkEnds(value);
    if (makes || isSearched) spendMembers(sizeOf(value));
    else if (isLong(value)) spendMembers(value.length);
    return value;
  };
  Object.defineProperty(node, 'evaluate', {
    get: () => metered,
    set: (next: Runnable['evaluate']) => {
      evaluate = next;
    },
  });
}

const INT64_MAX = 2n ** 63n - 1n;

/** From the first second of year 1 to the last of year 9999, as the specification has it. */
const [FIRST_TIME, LAST_TIME] = [Date.parse('0001-01-01T00:00:00Z'), Date.UTC(9999, 11, 31, 23, 59, 59, 999)];

/** @throws RangeError for a number of more than 64 bits, or a time that is none; the library lets some pass */
function checkEnds(value: unknown): void {
  const isTooLarge = typeof value === 'bigint' && (value > INT64_MAX || value < -INT64_MAX - 1n);
  if (isTooLarge) throw new RangeError('integer overflow');
  if (value instanceof Date && !(value.getTime() >= FIRST_TIME && value.getTime() <= LAST_TIME))
    throw new RangeError('timestamp overflow');
}

function runnableOf(node: ASTNode): Runnable {
  return node as unknown as Runnable;
}

/** @throws RangeError for a key that no map has */
function mapOf(entries: readonly (readonly [ASTNode, ASTNode])[], run: (node: ASTNode) => unknown) {
  const map = new Map<unknown, unknown>();
  for (const [key, value] of entries) {
    const name = run(key);
    if (!['string', 'bigint', 'boolean', 'object'].includes(typeof name) || name === null)
      throw new RangeError('a key of a map is a text, a whole number or a truth');
    map.set(name, run(value));
  }
  return map;
}

/** Texts up to here are looked through in the time of a step. */
const LONG = 256;

/** Whoever takes such a text looks through it, so that naming it costs as much as making it. */
function isLong(value: unknown): value is string | Uint8Array {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length > LONG;
}

/** @throws RangeError for a text or a list that is larger than any of a document */
function sizeOf(value: unknown): number {
  const size = typeof value === 'string' || Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0;
  if (size > EVALUATION_VALUE_MAX) throw tooLarge();
  return size;
}

export function tooLarge(): OverBudget {
  return new OverBudget(`it makes a text or a list of more than ${EVALUATION_VALUE_MAX} members`);
}
