import type { NamedText, XmlRecord } from '../documents.ts';
import type { FeedItem } from '../record.ts';

/** One kind of source. It reads documents that came from a file or an address, and knows nothing of either. */
export interface Feed {
  /** Also the name of its file. */
  readonly name: string;
  /** The source's name when there is just one such feed in the world; null: it is named after its file. */
  readonly sourceName: string | null;
  /** A name from the first document, where the file's says nothing. */
  nameOf?(document: unknown): string | null;
  /** It knows only some issues, so that silence means nothing. @default false */
  readonly isPartial?: boolean;
  /** Days after which its age is worth an alarm. @default 7 */
  readonly maxAgeDays?: number;
  /** Whether a document (see `readDocuments`) is of this feed. */
  recognises(document: unknown): boolean;
  /** Of a feed whose documents are each for themselves. */
  read?(document: unknown): Iterable<FeedItem>;
  /** Of a feed whose documents need each other: a reader for one import. */
  start?(): FeedReader;
}

export interface FeedReader {
  read(document: unknown): Iterable<FeedItem>;
  /** Once, after the last document. */
  end?(): Iterable<FeedItem>;
}

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isXml(value: unknown): value is XmlRecord {
  return isObject(value) && isObject(value['xml']) && Array.isArray(value['xml']['children']);
}

export function isNamedText(value: unknown): value is NamedText {
  return isObject(value) && typeof value['path'] === 'string' && typeof value['text'] === 'string';
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

/** Every CVE that a text names, in order, once. */
export function cvesIn(text: string): string[] {
  return [...new Set(text.match(/\bCVE-\d{4}-\d{1,9}\b/g) ?? [])];
}

/** The first web address of a list. */
export function firstUrl(links: readonly unknown[]): string | null {
  return links.find((link): link is string => typeof link === 'string' && /^https?:\/\//.test(link)) ?? null;
}
