import { FormatError } from '../../formats/index.ts';
import { PACKAGE_TEXT_MAX } from '../limits.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws FormatError when the text is not one JSON object */
export function readJsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch (cause) {
    throw new FormatError('json.syntax', cause instanceof Error ? cause.message.slice(0, 200) : 'not JSON', { cause });
  }
  if (!isObject(value)) throw new FormatError('json.syntax', 'expected an object');
  return value;
}

/** The members of a JSON list that are objects; none when it is no list. */
export function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The members of a JSON object that are objects; none when it is no object. */
export function* objectsOf(value: unknown): Generator<[string, JsonObject]> {
  if (!isObject(value)) return;
  for (const [key, one] of Object.entries(value)) if (isObject(one)) yield [key, one];
}

/** Licences as manifests state them: a text, an object with `type` or `name`, or a list of those. */
export function readLicences(licence: unknown): string[] {
  const all = Array.isArray(licence) ? licence : [licence];
  return all
    .map((one: unknown) => (isObject(one) ? (one['type'] ?? one['name']) : one))
    .filter((one): one is string => typeof one === 'string' && one !== '' && one.length <= PACKAGE_TEXT_MAX)
    .slice(0, 8);
}

/** Takes away the commas before a closing bracket, which bun writes and JSON does not allow; strings are left alone. */
export function withoutTrailingCommas(text: string): string {
  const parts: string[] = [];
  let from = 0;
  let comma = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) continue;
    if ((code === 0x7d || code === 0x5d) && comma >= 0) {
      parts.push(text.slice(from, comma));
      from = comma + 1;
    }
    comma = code === 0x2c ? at : -1;
    if (code === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text[at] === '\\') at++;
    }
  }
  return parts.join('') + text.slice(from);
}
