import { engineFault } from './errors.ts';

/** A JSON object of the engine's, of which nothing is known yet. */
export type Answer = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The list an answer should be; null counts as empty, as Go writes an empty slice. */
export function items(value: unknown): Answer[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isObject)) {
    throw engineFault('engine.answer-invalid', { operation: 'list', why: 'expected a list of objects' });
  }
  return value;
}

/** The object under a name; empty when it is not there. */
export function objectAt(value: unknown, name: string): Answer {
  const inner = isObject(value) ? value[name] : null;
  return isObject(inner) ? inner : {};
}

export function textAt(value: unknown, name: string): string | null {
  const inner = isObject(value) ? value[name] : null;
  return typeof inner === 'string' ? inner : null;
}

export function numberAt(value: unknown, name: string): number | null {
  const inner = isObject(value) ? value[name] : null;
  return typeof inner === 'number' ? inner : null;
}
