/**
 * Patterns that run in time proportional to the text, whatever the text. V8 has such an engine (experimental, flag `l`); it is
 * asked for here and nowhere else. What it cannot do is refused when the pattern is read, never tried on a text: an attacker
 * writes the texts that patterns run on.
 */
import { setFlagsFromString } from 'node:v8';
/** Characters of a regular expression. */
export const PATTERN_LENGTH_MAX = 4096;

let enabled = false;

/** A pattern over whole texts. Throws `RangeError` when it cannot be run in linear time or is no pattern at all. */
export function linearPattern(source: string): RegExp {
  return compile(`^(?:${source})$`, source.length, 'ls');
}

/** A pattern that is looked for anywhere in a text, all places of it; as RE2, its `.` does not match the end of a line. */
export function linearSearch(source: string, byLines = false): RegExp {
  return compile(source, source.length, byLines ? 'lgm' : 'lg');
}

function compile(pattern: string, length: number, flags: string): RegExp {
  if (length > PATTERN_LENGTH_MAX * 4)
    throw new RangeError(`the pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
  if (!enabled) {
    setFlagsFromString('--enable-experimental-regexp-engine');
    enabled = true;
  }
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    // V8 shows the pattern as it was made for it, which nobody wrote: only the reason behind it is told.
    const said = error instanceof Error ? error.message : String(error);
    throw new RangeError(`no regular expression: ${said.slice(said.lastIndexOf(': ') + 1).trim()}`);
  }
}

/** An RE2 pattern (https://github.com/google/re2/wiki/Syntax) in the words of JavaScript. */
export function fromRe2(source: string): string {
  if (source.length > PATTERN_LENGTH_MAX)
    throw new RangeError(`the pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
  if (/\(\?(?:[=!]|<[=!])/.test(source)) throw new RangeError('look-ahead and look-behind are not supported');
  if (/\\(?:[1-9]|k<)/.test(source.replaceAll('\\\\', ''))) throw new RangeError('back-references are not supported');
  const plain = source
    .replace(/\(\?P?<\w+>/g, '(')
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$')
    .replace(/\[:(\w+):\]/g, (_, name: string) => posixClass(name));
  const folded = /^\(\?([is]+)\)/.exec(plain);
  if (folded === null) return plain;
  const rest = plain.slice(folded[0].length);
  return folded[1]?.includes('i') === true ? anyCase(rest) : rest;
}

/** The inside of a bracket expression. */
function posixClass(name: string): string {
  const classes: Readonly<Record<string, string>> = {
    alpha: 'a-zA-Z',
    digit: '0-9',
    alnum: 'a-zA-Z0-9',
    upper: 'A-Z',
    lower: 'a-z',
    space: '\\s',
    xdigit: '0-9a-fA-F',
    word: '\\w',
  };
  const found = classes[name];
  if (found === undefined) throw new RangeError(`the class [:${name}:] is not known`);
  return found;
}

/** The linear engine has no "ignore case", so each ASCII letter becomes both of its cases. */
function anyCase(source: string): string {
  let result = '';
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i] ?? '';
    if (c === '\\') {
      result += c + (source[++i] ?? '');
      continue;
    }
    if (c === '[') inClass = true;
    else if (c === ']') inClass = false;
    if (!/[a-zA-Z]/.test(c)) {
      result += c;
      continue;
    }
    const range = inClass ? /^[a-zA-Z]-[a-zA-Z]/.exec(source.slice(i))?.[0] : undefined;
    if (range !== undefined) {
      result += range.toLowerCase() + range.toUpperCase();
      i += 2;
    } else {
      const both = c.toLowerCase() + c.toUpperCase();
      result += inClass ? both : `[${both}]`;
    }
  }
  return result;
}
