import type { Json } from '../../system/index.ts';

export type Variables = Readonly<Record<string, string>>;

/** A variable that is wanted and not there, or text that is no reference. */
export class InterpolationError extends Error {}

/** References within defaults of references; people write one or two. */
const DEPTH_MAX = 20;

/**
 * Replaces `$NAME` and `${NAME…}` as the Compose Specification has it (section 12): `:-` and `-` a default, `:?` and `?` an
 * error, `:+` and `+` another text when it is set; with a colon an empty variable counts as unset. `$$` is a dollar sign.
 * @param missing told of each variable that has neither value nor default: it is empty then
 * @throws InterpolationError
 */
export function interpolate(text: string, variables: Variables, missing: (name: string) => void): string {
  return new Reader(text, variables, missing).whole();
}

class Reader {
  readonly #text: string;
  readonly #variables: Variables;
  readonly #missing: (name: string) => void;
  #at = 0;

  constructor(text: string, variables: Variables, missing: (name: string) => void) {
    this.#text = text;
    this.#variables = variables;
    this.#missing = missing;
  }

  whole(): string {
    return this.#until(null, 0, true);
  }

  /** Text up to the brace that closes, or to the end. `live`: what is not used is read, but not asked for. */
  #until(close: '}' | null, depth: number, live: boolean): string {
    if (depth > DEPTH_MAX) throw new InterpolationError('references are nested too deep');
    let result = '';
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? '';
      if (char === close) return result;
      if (char !== '$') {
        result += char;
        this.#at += 1;
        continue;
      }
      result += this.#reference(depth, live);
    }
    if (close !== null) throw new InterpolationError(`"${this.#text}" lacks a closing brace`);
    return result;
  }

  #reference(depth: number, live: boolean): string {
    const rest = this.#text.slice(this.#at + 1);
    if (rest.startsWith('$')) {
      this.#at += 2;
      return '$';
    }
    const plain = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0];
    if (plain !== undefined) {
      this.#at += 1 + plain.length;
      return this.#value(plain, live);
    }
    const head = /^\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?/.exec(rest);
    if (head?.[1] === undefined)
      throw new InterpolationError(`"${this.#text}" holds a $ that names nothing; write $$ for a dollar sign`);
    const [all, name, operator] = head;
    this.#at += 1 + all.length;
    if (operator === undefined) {
      if (this.#text[this.#at] !== '}') throw new InterpolationError(`"${this.#text}" lacks a closing brace`);
      this.#at += 1;
      return this.#value(name, live);
    }
    const value = Object.hasOwn(this.#variables, name) ? this.#variables[name] : undefined;
    const isSet = value !== undefined && !(operator.startsWith(':') && value === '');
    const usesOther = operator.endsWith('+') ? isSet : !isSet;
    const other = this.#until('}', depth + 1, live && usesOther);
    this.#at += 1;
    if (operator.endsWith('+')) return isSet ? other : '';
    if (isSet) return value ?? '';
    if (operator.endsWith('?') && live)
      throw new InterpolationError(`${name} is needed${other === '' ? '' : `: ${other}`}`);
    return other;
  }

  #value(name: string, live: boolean): string {
    if (Object.hasOwn(this.#variables, name)) return this.#variables[name] ?? '';
    if (live) this.#missing(name);
    return '';
  }
}

/** Every text of a tree; names of members stay as they are. `onError` is told where a text cannot be read. */
export function interpolateTree(
  value: Json,
  variables: Variables,
  tell: { readonly missing: (name: string) => void; readonly wrong: (path: (string | number)[], why: string) => void },
  path: (string | number)[] = [],
): Json {
  if (typeof value === 'string') {
    if (!value.includes('$')) return value;
    try {
      return interpolate(value, variables, tell.missing);
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      tell.wrong(path, error.message);
      return value;
    }
  }
  if (Array.isArray(value)) return value.map((item, index) => interpolateTree(item, variables, tell, [...path, index]));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, interpolateTree(inner, variables, tell, [...path, name])]),
    );
  }
  return value;
}

/** Lines of `.env` and `env_file`: `NAME=value`, comments, quotes; single-quoted text is taken as it is. */
export function parseEnvFile(text: string, variables: Variables): Record<string, string> {
  const result: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:=\s*(.*))?$/.exec(line);
    if (match?.[1] === undefined || /^\s*#/.test(line)) continue;
    const [, name, written] = match;
    if (written === undefined) {
      const passed = variables[name];
      if (passed !== undefined) result[name] = passed;
      continue;
    }
    const single = /^'([^']*)'/.exec(written);
    const double = /^"((?:[^"\\]|\\.)*)"/.exec(written);
    if (single !== null) result[name] = single[1] ?? '';
    else {
      const raw = double === null ? written.replace(/\s#.*$/, '').trim() : unescapeText(double[1] ?? '');
      try {
        result[name] = interpolate(raw, { ...variables, ...result }, () => undefined);
      } catch (error) {
        if (!(error instanceof InterpolationError)) throw error;
        result[name] = raw;
      }
    }
  }
  return result;
}

function unescapeText(text: string): string {
  return text.replace(/\\(.)/g, (_all, char: string) => ({ n: '\n', r: '\r', t: '\t' })[char] ?? char);
}

/** Words of a command line in the quotes of a shell, without its other powers: what Compose does with a text. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote === "'" ? char !== "'" : false) word = (word ?? '') + char;
    else if (char === '\\' && quote !== "'") {
      at += 1;
      word = (word ?? '') + (text[at] ?? '');
    } else if (quote !== null) {
      if (char === quote) quote = null;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return words;
}
