import type { Json, Text } from '../../system/index.ts';

export type Variables = Readonly<Record<string, string>>;

/** A variable that is wanted and not there, or text that is no reference. */
export class InterpolationError extends Error {
  readonly text: Text;

  constructor(text: Text) {
    super(text.en);
    this.text = text;
  }
}

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
    if (depth > DEPTH_MAX)
      throw new InterpolationError({ en: 'references are nested too deep', es: 'hay demasiadas referencias anidadas' });
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
    if (close !== null) throw this.#unclosed();
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
    if (!rest.startsWith('{')) {
      // `$(date)`, `$1` and a dollar sign by itself are no references to Compose: they stay.
      this.#at += 1;
      return '$';
    }
    const head = /^\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?/.exec(rest);
    if (head?.[1] === undefined)
      throw new InterpolationError({
        en: `"${this.#part()}" names nothing; write $$ for a dollar sign`,
        es: `"${this.#part()}" no nombra nada; escribir $$ para un signo de dólar`,
      });
    const [all, name, operator] = head;
    this.#at += 1 + all.length;
    if (operator === undefined) {
      if (this.#text[this.#at] !== '}') throw this.#unclosed();
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
      throw new InterpolationError({
        en: `${name} is needed${other === '' ? '' : `: ${other}`}`,
        es: `se necesita ${name}${other === '' ? '' : `: ${other}`}`,
      });
    return other;
  }

  #unclosed(): InterpolationError {
    return new InterpolationError({
      en: `"${this.#part()}" lacks a closing brace`,
      es: `a "${this.#part()}" le falta la llave de cierre`,
    });
  }

  /** What a message shows: where a reference begins, and not what stands before it, which may be a password. */
  #part(): string {
    const from = this.#text.lastIndexOf('${', this.#at);
    return this.#text.slice(Math.max(0, from), Math.max(0, from) + 40);
  }

  #value(name: string, live: boolean): string {
    if (Object.hasOwn(this.#variables, name)) return this.#variables[name] ?? '';
    if (live) this.#missing(name);
    return '';
  }
}

/** Every text of a tree; names of members stay as they are. `wrong` is told where a text cannot be read. */
export function interpolateTree(
  value: Json,
  variables: Variables,
  tell: { readonly missing: (name: string) => void; readonly wrong: (path: (string | number)[], why: Text) => void },
  path: (string | number)[] = [],
): Json {
  if (typeof value === 'string') {
    if (!value.includes('$')) return value;
    try {
      return interpolate(value, variables, tell.missing);
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      tell.wrong(path, error.text);
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

/** A line of such a file: a name, then a value; or a name alone, whose value is that of who deploys. */
const ENV_NAME = /(?:export[^\S\n]+)?([\p{L}\p{N}_.\-[\]]+)[^\S\n]*([=:]|\n|$)[^\S\n]*/uy;
const NO_NAME: Text = {
  en: 'a line begins with the name of a variable: letters, digits and _',
  es: 'una línea empieza por el nombre de una variable: letras, dígitos y _',
};
const NO_QUOTE: Text = { en: 'a quote is not closed', es: 'una comilla no se cierra' };
const NO_REFERENCE: Text = {
  en: 'its value has a reference that cannot be read or must be set; write $$ for a dollar sign',
  es: 'su valor tiene una referencia que no se puede leer o debe definirse; escribir $$ para un signo de dólar',
};

/**
 * Lines of `.env` and `env_file` as Compose reads them: `NAME=value`, comments, quotes that may span lines; single-quoted text
 * is taken as it is.
 * @param wrong told of each line that cannot be read; never what stands in it, which may be a secret
 */
export function parseEnvFile(
  text: string,
  variables: Variables,
  wrong: (line: number, why: Text) => void = () => undefined,
): Record<string, string> {
  const result: Record<string, string> = {};
  const tell = (at: number, why: Text): void => wrong(text.slice(0, at).split('\n').length, why);
  const endOfLine = (from: number): number => {
    const end = text.indexOf('\n', from);
    return end < 0 ? text.length : end;
  };
  const put = (name: string, raw: string, start: number): void => {
    try {
      result[name] = interpolate(raw, { ...result, ...variables }, () => undefined);
    } catch (error) {
      if (!(error instanceof InterpolationError)) throw error;
      tell(start, NO_REFERENCE);
    }
  };
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? '')) {
      at += 1;
      continue;
    }
    const start = at;
    if (text[at] === '#') {
      at = endOfLine(at);
      continue;
    }
    ENV_NAME.lastIndex = at;
    const [whole = '', name = '', sign = ''] = ENV_NAME.exec(text) ?? [];
    if (name === '') {
      tell(at, NO_NAME);
      at = endOfLine(at);
      continue;
    }
    at += whole.length;
    if (sign !== '=' && sign !== ':') {
      const passed = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (passed !== undefined) result[name] = passed;
      continue;
    }
    const quote = text[at];
    if (quote !== "'" && quote !== '"') {
      const line = text.slice(at, endOfLine(at));
      at += line.length;
      put(name, (line.split(' #', 1)[0] ?? '').trimEnd(), start);
      continue;
    }
    const end = closingQuote(text, at);
    if (end < 0) {
      tell(start, NO_QUOTE);
      at = endOfLine(at);
      continue;
    }
    const inner = text.slice(at + 1, end).replaceAll(`\\${quote}`, quote);
    at = end + 1;
    if (quote === "'") result[name] = inner;
    else put(name, unescapeText(inner), start);
  }
  return result;
}

/** Where a quote that begins at a place ends; -1: nowhere. */
function closingQuote(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === text[from]) return at;
  }
  return -1;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  // Two dollar signs are one when references are put in.
  $: '$$',
};

function unescapeText(text: string): string {
  return text.replace(/\\([abfnrtv$"\\])/g, (_all, char: string) => ESCAPES[char] ?? char);
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
