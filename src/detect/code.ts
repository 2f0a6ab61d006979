/**
 * JavaScript text that can only be put together from names we made, literals and other such text. A string given as a value
 * becomes a quoted literal; there is no way to hand in code as a string, so nothing that a rule says is ever run as code.
 */
const NAME = /^[a-zA-Z_$][a-zA-Z0-9_$]*$/;

export class Code {
  readonly #text: string;
  private constructor(text: string) {
    this.#text = text;
  }

  static build(parts: readonly string[], values: readonly CodeValue[]): Code {
    return new Code(
      parts.map((part, i) => (i < values.length ? part + literal(values[i] as CodeValue) : part)).join(''),
    );
  }

  /** A name made by us: a letter and a number. */
  static name(prefix: string, index: number): Code {
    const name = `${prefix}${index}`;
    if (!NAME.test(name)) throw new TypeError(`"${name}" is not a name`);
    return new Code(name);
  }

  static join(list: readonly Code[], separator: '&&' | '||' | ',' | ';' | '|' | ''): Code {
    return new Code(list.map((code) => code.#text).join(separator));
  }

  toString(): string {
    return this.#text;
  }
}

export type CodeValue = Code | string | number | boolean | null;

function literal(value: CodeValue): string {
  if (value instanceof Code) return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('a number in code must be finite');
  // JSON leaves the two line separators of Unicode as they are; older engines take them for line ends.
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

/** code`${field} === ${'text'}`: the tag is the only maker. */
export function code(parts: TemplateStringsArray, ...values: CodeValue[]): Code {
  return Code.build(parts, values);
}

export const TRUE = code`true`;
export const FALSE = code`false`;
