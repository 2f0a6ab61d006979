import type { Json } from '../system/index.ts';
import { compileJmesPath, type JmesPath } from './jmespath.ts';
import { isObject, wordOf } from './jmespath-values.ts';
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
      return [wordOf(written), substitute(one, resolve)];
    }),
  );
}

/** What was found stands in a text as its number between two of these until all is found, so that it is never read as text of the policy. */
const HELD = /\0(\d+)\0/g;

function inText(text: string, resolve: Resolve): Json {
  if (text.includes('\0')) throw new RangeError('a text of a policy has a NUL');
  const found: Json[] = [];
  const ask = (variable: string): Json => resolve(inQuery(insideOf(variable), found));
  let filled = text;
  for (let round = 0; ; round += 1) {
    const [first] = filled.match(VARIABLE) ?? [];
    if (first === undefined) {
      return filled.replaceAll('\\{{', '{{').replace(HELD, (_, at: string) => wordOf(found[Number(at)] ?? null));
    }
    if (round >= ROUNDS_MAX) throw new RangeError('variables stand in variables too deep');
    if (filled.trim() === first) return ask(first);
    filled = filled.replace(VARIABLE, (variable) => `\0${found.push(ask(variable)) - 1}\0`);
  }
}

/** A query with what was found for the variables in it, each as a value of the quotation marks that it stands in. */
function inQuery(query: string, found: readonly Json[]): string {
  let open = '';
  // Within back quotes stands JSON, whose texts have quotation marks of their own.
  let isInText = false;
  return query.replace(/\0(\d+)\0|\\.|['"`]/gs, (part, at: string | undefined) => {
    if (at !== undefined) return asValue(found[Number(at)] ?? null, open === '`' && isInText ? '`"' : open);
    if (open === '') open = part.startsWith('\\') ? '' : part;
    else if (part === open) open = '';
    else if (part === '"') isInText = !isInText;
    if (open === '') isInText = false;
    return part;
  });
}

/**
 * A value as it may stand in a query: what a document says must not end the quotation marks that it stands in.
 * @throws RangeError where it stands in none and is more than a name
 */
function asValue(value: Json, open: string): string {
  const words = wordOf(value);
  const quoted = JSON.stringify(words);
  const isName = /^[\w.-]*$/.test(words);
  switch (open) {
    case "'":
      return words.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
    case '"':
      return quoted.slice(1, -1);
    case '`"':
      return quoted.slice(1, -1).replaceAll('`', '\\`');
    case '`':
      return (isName || typeof value !== 'string' ? words : quoted).replaceAll('`', '\\`');
    default:
      if (isName) return words;
      throw new RangeError(`expected a name in a query, got ${JSON.stringify(words.slice(0, 60))}`);
  }
}
