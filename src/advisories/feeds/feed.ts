import type { FeedItem } from '../record.ts';

/** One kind of source. It reads documents that came from a file or an address, and knows nothing of either. */
export interface Feed {
  /** Also the name of its file. */
  readonly name: string;
  /** The source's name when there is just one such feed in the world; null: it is named after its file. */
  readonly sourceName: string | null;
  /** Whether a JSON document, or the head line of a CSV table (a text), is of this feed. */
  recognises(document: unknown): boolean;
  /** A JSON document, or one line of a CSV table as `{ column: value }`. */
  read(document: unknown): Iterable<FeedItem>;
}

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string' && one !== '') : [];
}

export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A date or time of a feed as RFC 3339 UTC; null when it is none. */
export function timeOf(value: unknown): string | null {
  const text = textOf(value);
  const time = text === null ? Number.NaN : Date.parse(text);
  // Go's feed writes the year 1 where it knows no time.
  return Number.isNaN(time) || time < 0 ? null : new Date(time).toISOString();
}

/** The first sentence or line of a description. */
export function titleOf(text: string | null, max: number): string {
  const line = (text ?? '').trim().split(/\n|(?<=[.!?])\s/)[0] ?? '';
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
