import type { Json, Text } from './text.ts';

/** What a schema found wrong, as the validator of the API's frame hands it on: zod's issue but for path and message. */
export interface RequestIssue {
  /** zod's issue code. */
  readonly keyword: string;
  /** `/` or `/member/0/name`. */
  readonly instancePath: string;
  readonly message?: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
}

/** For `refine`: what is expected, in both languages. */
export function expected(en: string, es: string): { message: string; params: { es: string } } {
  return { message: `expected ${en}`, params: { es: `se esperaba ${es}` } };
}

/** What is wrong with a request, place by place, in both languages. */
export function describeIssues(issues: readonly RequestIssue[]): Text {
  const said = issues.map((issue) => ({ at: issue.instancePath || '/', text: describeIssue(issue) }));
  const join = (language: keyof Text): string =>
    said
      .map(({ at, text }) => `${at} ${text[language]}`)
      .join('; ')
      .slice(0, WHY_CHARACTERS_MAX);
  return { en: join('en'), es: join('es') };
}

/** Several places may be wrong at once; a person mends one after the other. */
const WHY_CHARACTERS_MAX = 500;

/** What is wrong at one place, without the place. */
export function describeIssue(issue: RequestIssue): Text {
  return WORDS[issue.keyword]?.(issue) ?? { en: issue.message ?? NOT_ALLOWED.en, es: NOT_ALLOWED.es };
}

const NOT_ALLOWED: Text = { en: 'is not allowed here', es: 'no se admite aquí' };

const TYPES: Readonly<Record<string, Text>> = {
  string: { en: 'text', es: 'texto' },
  number: { en: 'a number', es: 'un número' },
  int: { en: 'a whole number', es: 'un número entero' },
  boolean: { en: 'true or false', es: 'true o false' },
  array: { en: 'a list', es: 'una lista' },
  object: { en: 'an object', es: 'un objeto' },
  record: { en: 'an object', es: 'un objeto' },
  null: { en: 'null', es: 'null' },
};

const FORMATS: Readonly<Record<string, Text>> = {
  datetime: { en: 'a date and time (2026-01-31T09:00:00Z)', es: 'una fecha y hora (2026-01-31T09:00:00Z)' },
  date: { en: 'a date (2026-01-31)', es: 'una fecha (2026-01-31)' },
  url: { en: 'a URL', es: 'una URL' },
  email: { en: 'an e-mail address', es: 'una dirección de correo' },
  uuid: { en: 'a UUID', es: 'un UUID' },
  base64: { en: 'base64', es: 'base64' },
};

/** Patterns that people meet, in words. */
const PATTERNS: Readonly<Record<string, Text>> = {
  '/^[a-z][a-z0-9-]{0,62}$/': {
    en: 'a name of lower-case letters, digits and hyphens that begins with a letter',
    es: 'un nombre de letras minúsculas, cifras y guiones que empiece por una letra',
  },
};

/** By zod's issue codes (zod.dev/error-customization). */
const WORDS: Readonly<Record<string, (issue: RequestIssue) => Text>> = {
  invalid_type({ params, message = '' }) {
    // zod tells what came only in its sentence.
    if (message.endsWith('received undefined')) return { en: 'is missing', es: 'falta' };
    return expectedText(TYPES[String(params['expected'])] ?? both(String(params['expected'])));
  },
  too_small: ({ params }) => bounded(params, 'minimum'),
  too_big: ({ params }) => bounded(params, 'maximum'),
  invalid_format({ params }) {
    const format = String(params['format']);
    if (format !== 'regex') return expectedText(FORMATS[format] ?? both(format));
    const known = PATTERNS[String(params['pattern'])];
    if (known !== undefined) return expectedText(known);
    return { en: `does not match ${params['pattern']}`, es: `no se ajusta a ${params['pattern']}` };
  },
  invalid_value({ params }) {
    const values = listed(params['values']);
    return { en: `expected one of ${values}`, es: `se esperaba uno de ${values}` };
  },
  not_multiple_of: ({ params }) =>
    expectedText({
      en: `a multiple of ${params['divisor']}`,
      es: `un múltiplo de ${params['divisor']}`,
    }),
  unrecognized_keys({ params }) {
    const keys = listed(params['keys']);
    return { en: `has members that are not known here: ${keys}`, es: `tiene miembros que aquí no se conocen: ${keys}` };
  },
  invalid_union({ params }) {
    const options = params['options'];
    if (Array.isArray(options)) {
      const values = listed(options);
      return { en: `expected one of ${values}`, es: `se esperaba uno de ${values}` };
    }
    return { en: 'has none of the forms allowed here', es: 'no tiene ninguna de las formas admitidas aquí' };
  },
  invalid_key: () => ({ en: 'is a name that is not allowed here', es: 'es un nombre que no se admite aquí' }),
  custom({ params, message }) {
    const { es } = (params['params'] ?? {}) as { readonly es?: Json };
    return typeof es === 'string' && message !== undefined ? { en: message, es } : NOT_ALLOWED;
  },
};

function bounded(params: RequestIssue['params'], member: 'minimum' | 'maximum'): Text {
  const [bound, isInclusive] = [String(params[member]), params['inclusive'] !== false];
  const least = member === 'minimum';
  const en = isInclusive ? (least ? 'at least' : 'at most') : least ? 'more than' : 'less than';
  const es = isInclusive ? (least ? 'como mínimo' : 'como máximo') : least ? 'más de' : 'menos de';
  switch (params['origin']) {
    case 'string':
      return { en: `expected ${en} ${bound} characters`, es: `se esperaban ${es} ${bound} caracteres` };
    case 'array':
    case 'set':
      return { en: `expected ${en} ${bound} entries`, es: `se esperaban ${es} ${bound} elementos` };
    default:
      return { en: `expected ${en} ${bound}`, es: `se esperaba ${es} ${bound}` };
  }
}

function expectedText({ en, es }: Text): Text {
  return { en: `expected ${en}`, es: `se esperaba ${es}` };
}

function both(text: string): Text {
  return { en: text, es: text };
}

function listed(values: unknown): string {
  return (Array.isArray(values) ? values : []).map((value) => JSON.stringify(value)).join(', ');
}
