import { fillTemplate, type Json, type Language, type Text } from './text.ts';

/** What an outcome means to the caller; decides the HTTP status and the CLI's exit code. */
export type FaultKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'refused'
  | 'needs'
  | 'limited'
  | 'too-large'
  | 'exhausted'
  | 'unavailable'
  | 'internal';

/** Templates with `{param}` places. `what` failed on what; `why` (value seen, value wanted); `remedy`, the way out. */
export interface FaultText {
  readonly what: string;
  readonly why?: string;
  readonly remedy?: string;
}

export interface FaultSpec {
  readonly kind: FaultKind;
  readonly en: FaultText;
  readonly es: FaultText;
}

export type FaultParams = Readonly<Record<string, string | number>>;

/** What is filled in; a sentence comes in both languages, and the API's `params` carry its English one. */
export type FaultValues = Readonly<Record<string, string | number | Text>>;

export const HTTP_STATUS: Readonly<Record<FaultKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  refused: 403,
  needs: 409,
  limited: 429,
  'too-large': 413,
  exhausted: 507,
  unavailable: 503,
  internal: 500,
};

/** Exit codes that scripts rely on: 0 done, 1 failed, 2 wrong use, 3 needs a decision, 4 refused by policy, 5 not allowed. */
export const EXIT_CODE: Readonly<Record<FaultKind, number>> = {
  invalid: 2,
  unauthenticated: 5,
  forbidden: 5,
  'not-found': 1,
  conflict: 1,
  refused: 4,
  needs: 3,
  limited: 1,
  'too-large': 2,
  exhausted: 1,
  unavailable: 1,
  internal: 1,
};

/** RFC 9457 problem document, with the parts of a fault beside the standard members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  readonly kind: FaultKind;
  readonly remedy?: string;
  readonly params: FaultParams;
  readonly details?: Json;
}

/** An outcome that a person can act on. `code` is from the closed table of its room and is part of the API. */
export class Fault extends Error {
  readonly code: string;
  readonly kind: FaultKind;
  readonly params: FaultParams;
  readonly details: Json;
  readonly #spec: FaultSpec;
  readonly #values: FaultValues;

  constructor(
    code: string,
    spec: FaultSpec,
    values: FaultValues = {},
    options: { cause?: unknown; details?: Json } = {},
  ) {
    const params = inLanguage(values, 'en');
    const text = [spec.en.what, spec.en.why].filter((part) => part !== undefined).join(': ');
    super(fillTemplate(text, params), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.kind = spec.kind;
    this.params = params;
    this.details = options.details ?? null;
    this.#spec = spec;
    this.#values = values;
  }

  text(language: Language): FaultText {
    const template = this.#spec[language];
    const params = inLanguage(this.#values, language);
    return {
      what: fillTemplate(template.what, params),
      ...(template.why === undefined ? {} : { why: fillTemplate(template.why, params) }),
      ...(template.remedy === undefined ? {} : { remedy: fillTemplate(template.remedy, params) }),
    };
  }

  toProblem(language: Language): Problem {
    const text = this.text(language);
    return {
      type: `urn:darsena:fault:${this.code}`,
      title: text.what,
      status: HTTP_STATUS[this.kind],
      ...(text.why === undefined ? {} : { detail: text.why }),
      code: this.code,
      kind: this.kind,
      ...(text.remedy === undefined ? {} : { remedy: text.remedy }),
      params: this.params,
      ...(this.details === null ? {} : { details: this.details }),
    };
  }
}

export type FaultMaker<Code extends string> = ((
  code: Code,
  params?: FaultValues,
  options?: { cause?: unknown; details?: Json },
) => Fault) & { readonly specs: Readonly<Record<Code, FaultSpec>> };

/**
 * Makes the faults of one room from its table of codes; the table stays readable as `.specs` for the manual and tests.
 * @param inWords of a `why` that was said in English only: its sentence in both languages
 */
export function defineFaults<const T extends Record<string, FaultSpec>>(
  specs: T,
  inWords?: (english: string) => Text,
): FaultMaker<keyof T & string> {
  const make = (code: keyof T & string, params?: FaultValues, options?: { cause?: unknown; details?: Json }): Fault => {
    const spec = specs[code];
    if (spec === undefined) throw new TypeError(`fault code "${code}" is not in the table of its room`);
    const why = params?.['why'];
    const said = typeof why === 'string' && inWords !== undefined ? { ...params, why: inWords(why) } : params;
    return new Fault(code, spec, said, options);
  };
  return Object.assign(make, { specs });
}

function inLanguage(values: FaultValues, language: Language): FaultParams {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'object' ? value[language] : value]),
  );
}

/**
 * One sentence for a list or a state: what, and why; where somebody has to allow, install or make something first, also how,
 * since the state goes on until that is done.
 */
export function sayFault(fault: Fault): Text {
  const say = (language: Language): string => {
    const { what, why, remedy } = fault.text(language);
    const sentence = why === undefined ? what : `${what}: ${why}`;
    return remedy !== undefined && (fault.kind === 'needs' || fault.kind === 'refused')
      ? `${sentence}; ${remedy}`
      : sentence;
  };
  return { en: say('en'), es: say('es') };
}
