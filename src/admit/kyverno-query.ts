import type { Json } from '../system/index.ts';
import { compileJmesPath, type JmesPath } from './jmespath.ts';
import { isObject } from './jmespath-values.ts';
import { PATTERNS_KEPT_MAX } from './limits.ts';

/** `{{ query }}` in a text, the innermost; a query may have objects in braces. */
const VARIABLE = /(?<!\\)\{\{(?:\{[^{}]*\}|[^{}])*\}\}/g;
const ROUNDS_MAX = 8;

const queries = new Map<string, JmesPath>();

/** A query, kept for the next time. @throws RangeError for what is no query */
export function queryOf(text: string): JmesPath {
  const kept = queries.get(text);
  if (kept !== undefined) return kept;
  const query = compileJmesPath(text);
  // A query may be made from what a document says: what is kept is bounded.
  if (queries.size >= PATTERNS_KEPT_MAX) queries.clear();
  queries.set(text, query);
  return query;
}

/** The queries in a text that are there before anything is put in. */
export function queriesIn(text: string): string[] {
  return (text.match(VARIABLE) ?? []).map(insideOf);
}

function insideOf(variable: string): string {
  return variable.slice(2, -2).trim();
}

/** What a query gives, or null where nothing is found: what to do then differs by the place. */
export type Resolve = (query: string) => Json;

/**
 * A value with its variables filled in. A text that is one variable and nothing else becomes what the variable is; in others
 * it becomes its text.
 * @throws RangeError where a query cannot be asked, or finds nothing and the place wants something
 */
export function substitute(value: Json, resolve: Resolve): Json {
  if (typeof value === 'string') return inText(value, resolve);
  if (Array.isArray(value)) return value.map((one) => substitute(one, resolve));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      const written = name.includes('{{') ? inText(name, resolve) : name;
      return [typeof written === 'string' ? written : JSON.stringify(written), substitute(one, resolve)];
    }),
  );
}

function inText(text: string, resolve: Resolve): Json {
  let filled = text;
  for (let round = 0; ; round += 1) {
    const [first] = filled.match(VARIABLE) ?? [];
    if (first === undefined) return filled.replaceAll('\\{{', '{{');
    if (round >= ROUNDS_MAX) throw new RangeError('variables stand in variables too deep');
    // What a document says is a value and never a query.
    if (filled.trim() === first) return resolve(insideOf(first));
    filled = filled.replace(VARIABLE, (variable, offset: number) => {
      const value = resolve(insideOf(variable));
      const words = typeof value === 'string' ? value : JSON.stringify(value);
      return inPlace(words, filled.slice(0, offset)).replaceAll('{{', '\\{{');
    });
  }
}

/**
 * A value as it may stand in a query around it: what a document says must not end the quotation marks that it stands in.
 * @throws RangeError where it stands in none and is more than a name
 */
function inPlace(words: string, before: string): string {
  const opened = before.lastIndexOf('{{');
  if (opened < 0 || before.indexOf('}}', opened) >= 0) return words;
  const quote = openQuote(before.slice(opened + 2));
  if (quote === "'") return words.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  if (quote === '"') return JSON.stringify(words).slice(1, -1);
  if (quote === '`') return words.replaceAll('`', '\\`');
  if (/^[\w.-]*$/.test(words)) return words;
  throw new RangeError(`expected a name in a query, got ${JSON.stringify(words.slice(0, 60))}`);
}

/** The quotation mark that is open at the end of a text; empty: none. */
function openQuote(text: string): string {
  let open = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (open !== '' && character === '\\') at += 1;
    else if (open === '' && /['"`]/.test(character)) open = character;
    else if (character === open) open = '';
  }
  return open;
}
