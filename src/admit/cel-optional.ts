import { type Environment, Optional } from '@marcbachmann/cel-js';

/**
 * Optional entries of CEL's lists and maps, `[?value]` and `{?key: value}`, which the library does not read: an entry is
 * there when its value is. They are written as calls of these two functions before the text is parsed; the mark tells
 * such an entry from a list's own optional value.
 */
const WHOLE = { list: 'entriesThatAre', map: 'membersThatAre' } as const;
const ENTRY = 'thisIfItIs';

/** Names that a text gets by this; written by hand they do the same. */
export const OPTIONAL_FUNCTIONS: readonly string[] = [WHOLE.list, WHOLE.map, ENTRY];

/** A name of a field in back quotes, ``labels.`app.kubernetes.io/name` ``: written as one that the library reads. */
const QUOTED = 'nameInQuotes_';

/** The field that a name means, whether it was in back quotes or not. */
export function fieldName(written: string): string {
  return written.startsWith(QUOTED) ? Buffer.from(written.slice(QUOTED.length), 'hex').toString() : written;
}

class Maybe {
  readonly value: Optional;

  constructor(value: Optional) {
    this.value = value;
  }
}

/** A text with its optional entries written as calls, and where each of its characters stood before. */
export interface Rewritten {
  readonly text: string;
  readonly offsetOf: (offset: number) => number;
}

interface Opened {
  readonly bracket: string;
  /** Whether it is a literal: an index, a call or an expression in brackets has no optional entries. */
  readonly literal: 'list' | 'map' | null;
  readonly start: number;
  hasOptional: boolean;
  /** `key`: of an optional member the colon is still to come; `value`: an entry is being wrapped. */
  entry: 'key' | 'value' | null;
}

/** Strings with their prefixes and comments, which are passed over; whatever else, character by character. */
const TOKENS =
  /\/\/[^\n]*|[rR]?[bB]?[rR]?(?:"""(?:\\[\s\S]|[^\\])*?"""|'''(?:\\[\s\S]|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|`[A-Za-z0-9_.\-/ ]+`|[A-Za-z_][A-Za-z0-9_]*|\s+|[\s\S]/g;

/** A text without such entries comes back as it is. */
export function rewriteOptionalEntries(text: string): Rewritten {
  const added: { readonly at: number; readonly text: string; readonly removes: number }[] = [];
  const add = (at: number, words: string, removes = 0): void => void added.push({ at, text: words, removes });
  const open: Opened[] = [];
  const endEntry = (inside: Opened, at: number): void => {
    if (inside.entry === 'value') add(at, ')');
    inside.entry = null;
  };
  /** The last thing that was no space: after a value a bracket is an index or a call. */
  let before = '';
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token.trim() === '' || token.startsWith('//')) continue;
    // A string that never ends: no expression, and from each of its quotes on all the rest would be read again.
    if (token === '"' || token === "'") break;
    const inside = open.at(-1);
    if (token.startsWith('`') && (before === '.' || before === '?')) {
      add(index, QUOTED + Buffer.from(token.slice(1, -1)).toString('hex'), token.length);
    }
    if (token === '[' || token === '{' || token === '(') {
      const isAfterValue = /[\w)\]}"']$/.test(before) && before !== 'in';
      const literal = token === '(' || isAfterValue ? null : token === '[' ? 'list' : 'map';
      open.push({ bracket: token, literal, start: index, hasOptional: false, entry: null });
    } else if (inside !== undefined && (token === ']' || token === '}' || token === ')')) {
      endEntry(inside, index);
      open.pop();
      if (inside.hasOptional && inside.literal !== null) {
        add(inside.start, `${WHOLE[inside.literal]}(`);
        add(index + 1, ')');
      }
    } else if (inside !== undefined && token === ',') {
      endEntry(inside, index);
    } else if (token === '?' && inside != null && inside.literal !== null && [',', inside.bracket].includes(before)) {
      inside.hasOptional = true;
      inside.entry = inside.literal === 'list' ? 'value' : 'key';
      add(index, inside.literal === 'list' ? `${ENTRY}(` : '', 1);
    } else if (token === ':' && inside?.entry === 'key') {
      inside.entry = 'value';
      add(index + 1, `${ENTRY}(`);
    }
    before = token;
  }
  if (added.length === 0) return { text, offsetOf: (offset) => offset };
  added.sort((a, b) => a.at - b.at);
  let result = '';
  let from = 0;
  const places: { readonly now: number; readonly was: number }[] = [{ now: 0, was: 0 }];
  for (const { at, text: words, removes } of added) {
    result += text.slice(from, at) + words;
    from = at + removes;
    places.push({ now: result.length, was: from });
  }
  result += text.slice(from);
  return {
    text: result,
    offsetOf(offset) {
      const place = places.findLast(({ now }) => now <= offset) ?? { now: 0, was: 0 };
      return Math.min(place.was + offset - place.now, text.length);
    },
  };
}

export function registerOptionalEntries(environment: Environment): void {
  const sync = { async: false } as const;
  const isThere = (entry: unknown): boolean => !(entry instanceof Maybe) || entry.value.hasValue();
  environment.registerType('cel.Entry', Maybe as never);
  const contentOf = (entry: unknown): unknown => (entry instanceof Maybe ? entry.value.value() : entry);
  environment.registerFunction(
    `${ENTRY}(dyn): dyn`,
    (value: unknown) => {
      if (!(value instanceof Optional)) throw new TypeError('expected an optional value after ?');
      return new Maybe(value);
    },
    sync,
  );
  environment.registerFunction(
    `${WHOLE.list}(list): list<dyn>`,
    (entries: unknown[]) => entries.filter(isThere).map(contentOf),
    sync,
  );
  environment.registerFunction(
    `${WHOLE.map}(map): map<dyn, dyn>`,
    (members: ReadonlyMap<unknown, unknown> | Record<string, unknown>) => {
      const all = members instanceof Map ? [...members] : Object.entries(members);
      return new Map(all.filter(([, value]) => isThere(value)).map(([key, value]) => [key, contentOf(value)]));
    },
    sync,
  );
}
