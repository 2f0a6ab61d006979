import { LICENCE_EXCEPTIONS, LICENCE_IDS } from './licence-ids.ts';

const BY_LOWER = new Map([...LICENCE_IDS].map((id) => [id.toLowerCase(), id]));
/** Longer texts are not expressions that anybody wrote by hand. */
const EXPRESSION_MAX = 1_000;
/** The same few statements stand at most packages of an image. */
const KNOWN_MAX = 2_000;
const known = new Map<string, string | null>();

/** The id of the SPDX list that a text is, whatever its letters' case; null for others. */
export function licenceId(text: string): string | null {
  return LICENCE_IDS.has(text) ? text : (BY_LOWER.get(text.trim().toLowerCase()) ?? null);
}

/**
 * A licence expression of ids and LicenseRefs (SPDX 2.3, annex D), spelled as the list spells it; null when it is none.
 * Grammar: or = and *("OR" and); and = one *("AND" one); one = "(" or ")" / id ["+"] ["WITH" exception].
 */
export function licenceExpression(text: string): string | null {
  let expression = known.get(text);
  if (expression === undefined) {
    expression = readExpression(text);
    if (known.size < KNOWN_MAX) known.set(text, expression);
  }
  return expression;
}

function readExpression(text: string): string | null {
  if (text.length > EXPRESSION_MAX) return null;
  const tokens = text.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const written: string[] = [];
  const one = (depth: number): boolean => {
    const token = tokens[at++];
    if (token === undefined || depth > 20) return false;
    if (token === '(') {
      written.push('(');
      if (!list(depth + 1) || tokens[at++] !== ')') return false;
      written.push(')');
      return true;
    }
    const plain = token.endsWith('+') ? token.slice(0, -1) : token;
    const id = licenceId(token) ?? licenceId(plain);
    if (id === null && !/^LicenseRef-[\w.-]+$/.test(token)) return false;
    const plus = id !== null && token.endsWith('+') && !id.endsWith('+') ? '+' : '';
    written.push(id === null ? token : id + plus);
    if (tokens[at]?.toUpperCase() === 'WITH') {
      const exception = tokens[at + 1];
      if (exception === undefined || !LICENCE_EXCEPTIONS.has(exception)) return false;
      written.push('WITH', exception);
      at += 2;
    }
    return true;
  };
  const list = (depth: number): boolean => {
    if (!one(depth)) return false;
    for (let word = tokens[at]?.toUpperCase(); word === 'AND' || word === 'OR'; word = tokens[at]?.toUpperCase()) {
      written.push(word);
      at++;
      if (!one(depth)) return false;
    }
    return true;
  };
  if (!list(0) || at !== tokens.length) return null;
  return written.join(' ').replaceAll('( ', '(').replaceAll(' )', ')');
}

/** Several statements hold together, as packages mean them. @returns null when one of them is no expression */
export function joinedExpression(licences: readonly string[]): string | null {
  const all = licences.map(licenceExpression);
  if (all.length === 0 || all.some((one) => one === null)) return null;
  const unique = [...new Set(all as string[])];
  if (unique.length === 1) return unique[0] ?? null;
  return unique.map((one) => (/ OR /.test(one) && !isEnclosed(one) ? `(${one})` : one)).join(' AND ');
}

/** Whether the first bracket is closed by the last letter. */
function isEnclosed(expression: string): boolean {
  if (!expression.startsWith('(')) return false;
  let depth = 0;
  for (let at = 0; at < expression.length; at++) {
    if (expression[at] === '(') depth++;
    if (expression[at] === ')') depth--;
    if (depth === 0) return at === expression.length - 1;
  }
  return false;
}
