import type { Json } from './text.ts';

/**
 * The canonical form of a JSON value (RFC 8785 for the values we use: keys sorted by UTF-16 code units, no spaces,
 * numbers as ECMAScript writes them), so that equal values have equal hashes and signatures.
 * @throws TypeError for a number that JSON cannot say.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON: expected a finite number, got ${value}`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
  return `{${members.join(',')}}`;
}
