import { FormatError, type TextPosition } from './errors.ts';
import type { Json } from './json.ts';
import { YAML_LIMITS, type YamlLimits } from './limits.ts';
import { parseYamlDocuments, type YamlDocument, type YamlPath } from './yaml.ts';

/** A list within a list within a list is no manifest that a person wrote. */
const LIST_DEPTH_MAX = 3;

export interface Manifests {
  /** The objects of the text, those of lists one by one. */
  readonly objects: readonly YamlDocument[];
  /** The lists that they were in. */
  readonly lists: readonly YamlDocument[];
}

/**
 * Reads a text of Kubernetes objects as kubectl does: documents of YAML, or JSON values one after the other. Of a `List`, and of
 * what the API answers for many (`PodList`, `DeploymentList`), the items are read, which need not say what they are there.
 *
 * @throws FormatError with a `yaml.*` code and the position
 */
export function parseManifests(text: string, limits: Partial<YamlLimits> = {}): Manifests {
  const options = { ...limits, scalars: 'kubernetes' } as const;
  const { maxBytes, maxDocuments } = { ...YAML_LIMITS, ...limits };
  const parts = text.length > maxBytes ? null : splitJson(text);
  if (parts !== null && parts.length > maxDocuments) {
    throw new FormatError('yaml.document-limit', `the text has more than ${maxDocuments} JSON objects`, {
      spanish: `el texto tiene más de ${maxDocuments} objetos JSON`,
    });
  }
  const documents =
    parts === null
      ? parseYamlDocuments(text, options)
      : parts.flatMap(({ source, position }) =>
          parseYamlDocuments(source, options).map((document) => moved(document, position)),
        );
  const lists: YamlDocument[] = [];
  // A document that is null says nothing; templates that make none for a value leave such.
  const said = documents.filter(({ value }) => value !== null);
  return { objects: said.flatMap((document) => itemsOf(document, lists, 0)), lists };
}

/** Whether a value is many objects in one: its kind ends with List and it has items, or has none and should. */
export function isListOfObjects(value: Json): value is { [name: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { kind, items } = value;
  if (typeof kind !== 'string' || !/^(?:[A-Z][A-Za-z]*)?List$/.test(kind)) return false;
  return Array.isArray(items) || (kind === 'List' && (items === undefined || items === null));
}

function itemsOf(document: YamlDocument, lists: YamlDocument[], depth: number): YamlDocument[] {
  const { value } = document;
  if (depth >= LIST_DEPTH_MAX || !isListOfObjects(value)) return [document];
  lists.push(document);
  const { kind, apiVersion, items } = value;
  const ofItem = String(kind).slice(0, -'List'.length);
  return (Array.isArray(items) ? items : []).flatMap((item, index) =>
    itemsOf(
      {
        value: ofItem === '' ? item : withKind(item, ofItem, apiVersion),
        position: document.locate(['items', index]),
        locate: (path) => document.locate(['items', index, ...path]),
        marks: [],
      },
      lists,
      depth + 1,
    ),
  );
}

/** The API leaves out in the items of a PodList that they are pods. */
function withKind(item: Json, kind: string, apiVersion: Json | undefined): Json {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  return { ...(apiVersion === undefined ? {} : { apiVersion }), kind, ...item };
}

interface Part {
  readonly source: string;
  readonly position: TextPosition;
}

/**
 * The values of a text that is JSON, each with its place; null when it is none, or a single value without tabs, which YAML reads
 * as it is. JSON may be indented by tabs, which YAML refuses: they become spaces.
 */
function splitJson(written: string): Part[] | null {
  const text = written.startsWith('\ufeff') ? written.slice(1) : written;
  if (!/^\s*\{/.test(text)) return null;
  const parts: Part[] = [];
  let line = 1;
  let lineStart = 0;
  let start = -1;
  let startsAt: TextPosition = { line: 1, column: 1 };
  let depth = 0;
  let tabs = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '\n') {
      line += 1;
      lineStart = at + 1;
    } else if (sign === '\t') tabs = true;
    if (depth === 0 && sign !== '{') {
      if (text.startsWith('---', at) && at === lineStart) at += 2;
      else if (sign !== undefined && !/\s/.test(sign)) return null;
      continue;
    }
    if (sign === '"') {
      const end = endOfString(text, at);
      if (end < 0) return null;
      at = end;
    } else if (sign === '{' || sign === '[') {
      if (depth === 0) {
        start = at;
        startsAt = { line, column: at - lineStart + 1 };
      }
      depth += 1;
    } else if (sign === '}' || sign === ']') {
      depth -= 1;
      if (depth === 0) parts.push({ source: text.slice(start, at + 1), position: startsAt });
    }
  }
  if (depth !== 0 || (parts.length === 1 && !tabs)) return null;
  if (!parts.every(({ source }) => isJson(source))) return null;
  return parts.map(({ source, position }) => ({ source: withoutTabs(source), position }));
}

/** Where a text in double quotes ends; -1 when its line ends before, which JSON does not know. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
    else if (text[at] === '\n') return -1;
  }
  return -1;
}

function isJson(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

/** JSON has no tab inside a text, so each one is between values. */
function withoutTabs(source: string): string {
  return source.replaceAll('\t', ' ');
}

/** A document that was read alone, with its places in the whole text. */
function moved(document: YamlDocument, start: TextPosition): YamlDocument {
  const place = ({ line, column }: TextPosition): TextPosition => ({
    line: line + start.line - 1,
    column: line === 1 ? column + start.column - 1 : column,
  });
  return {
    ...document,
    position: place(document.position),
    locate: (path: YamlPath) => place(document.locate(path)),
  };
}
