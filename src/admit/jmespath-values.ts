import type { Json } from '../system/index.ts';
import { spendMembers, tooLarge } from './cel-budget.ts';
import { EVALUATION_VALUE_MAX } from './limits.ts';

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What JMESPath calls false: null, false, and what is empty. Numbers are never false. */
export function isTruthy(value: Json): boolean {
  if (value === null || value === false || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/**
 * A value in JSON. A query may make a value that holds another many times over, whose text is far larger than what it is made of.
 * @throws OverBudget for a text that is longer than any of a document
 */
export function jsonText(value: Json): string {
  let characters = 0;
  const walk = (node: Json): void => {
    spendMembers(1);
    characters += typeof node === 'string' ? node.length + 2 : 1;
    if (characters > EVALUATION_VALUE_MAX) throw tooLarge();
    if (Array.isArray(node)) for (const one of node) walk(one);
    else if (isObject(node)) {
      for (const [name, one] of Object.entries(node)) {
        characters += name.length + 4;
        walk(one);
      }
    }
  };
  walk(value);
  return JSON.stringify(value);
}

/** A text as it is, and anything else in JSON. */
export function wordOf(value: Json): string {
  return typeof value === 'string' ? value : jsonText(value);
}

/** Whether two values are the same in all their parts. */
export function isSameJson(a: Json, b: Json): boolean {
  spendMembers(4);
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((one, at) => isSameJson(one, b[at] ?? null));
  if (!isObject(a)) return a === b;
  if (!isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name] ?? null, b[name] ?? null))
  );
}
