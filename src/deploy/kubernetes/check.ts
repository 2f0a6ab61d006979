import type { Json, Text } from '../../system/index.ts';
import {
  type FieldPath,
  isObject,
  type ManifestDocument,
  type ManifestProblem,
  type ProblemKind,
  problemAt,
} from './documents.ts';
import { KINDS, kindOf, whyRefused } from './kinds/index.ts';
import { parseQuantity } from './quantity.ts';
import { ENFORCED, type Field, type Kind, type Shape, type Treatment } from './schema.ts';
import { nearestName } from './suggest.ts';
import { FORMER_FIELDS } from './versions.ts';

/** Judges every field of one document; gives its kind when that is known, and all problems at once. */
export function checkDocument(document: ManifestDocument): {
  kind: Kind | null;
  problems: ManifestProblem[];
  /** Every field that is written and known, with what happens to it. */
  fields: CheckedField[];
  /** Without what is written and says nothing. */
  said: ManifestDocument;
} {
  const check = new Check(document);
  const kind = check.findKind();
  if (kind !== null) check.walk(document.value, kind.shape, []);
  return {
    kind,
    problems: check.problems,
    fields: check.fields,
    // Members of lists stay where they stand, so that they are found in the file.
    said: { value: saidOf(document.value, false), locate: (path) => document.locate(path) },
  };
}

/**
 * A document as an author would have written it: without what says nothing, and without what servers recorded in it.
 * What is of no known kind stays whole.
 */
export function saidBy(value: Json): Json {
  return saidOf(value, true);
}

function saidOf(value: Json, withoutItems: boolean): Json {
  const { kind: written, apiVersion } = isObject(value) ? value : {};
  if (typeof written !== 'string') return value;
  const kind = kindOf(written, typeof apiVersion === 'string' ? apiVersion : '');
  if (kind === null) return value;
  return withoutUnset(value, kind.shape, { document: value, withoutItems });
}

/** Whether a server kept this object: an author gives it neither a uid nor a time at which it was made. */
export function isRecord(document: Json): boolean {
  const { metadata } = isObject(document) ? document : {};
  return (
    isObject(metadata) &&
    ['uid', 'resourceVersion', 'creationTimestamp'].some((name) => {
      const written = metadata[name];
      return typeof written === 'string' && written !== '';
    })
  );
}

function isRecorded(value: Json, { recorded }: Field, document: Json): boolean {
  if (recorded === undefined || (recorded.marked && !isRecord(document))) return false;
  return recorded.is === undefined || recorded.is(value, document);
}

type ObjectShape = Extract<Shape, { kind: 'object' }>;

/**
 * Whether Kubernetes reads a field as one that is not there: null everywhere; an empty text or 0 where these are no values of
 * the field. Programs that write manifests put such fields everywhere (`creationTimestamp: null`, `status: {}`, `nodePort: 0`).
 * In a map whose names are the author's (annotations, node labels) what stands there is there, also as an empty text.
 */
function isUnset(value: Json, { shape, treatment, recorded }: Field, { rest }: ObjectShape): boolean {
  if (rest !== undefined) return value === null && shape.kind === 'quantity';
  if (value === null) return true;
  const wholly = recorded !== undefined && recorded.is === undefined && !recorded.marked;
  if (wholly && value === 0) return true;
  if (wholly || treatment.kind === 'refused') return value === '' || isEmpty(value);
  if (shape.kind === 'choice') return value === '' && !shape.values.includes('');
  if (shape.kind === 'text')
    return (
      value === '' &&
      shape.emptyIsMeant !== true &&
      (shape.pattern?.test('') === false || shape.accepts?.('') === false)
    );
  if (shape.kind === 'integer' || shape.kind === 'port')
    return shape.none !== undefined && (value === shape.none || (shape.kind === 'port' && value === ''));
  return false;
}

/** A list or a map with nothing in it, however deep. */
function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every((inner) => inner === null || isEmpty(inner));
}

/** A copy without the fields that say nothing; lists and maps of the author's keep all that is in them. */
function withoutUnset(value: Json, shape: Shape, of: { document: Json; withoutItems: boolean }): Json {
  if (shape.kind === 'list' && Array.isArray(value)) {
    const kept = of.withoutItems ? value.filter((item) => shape.recorded?.is(item) !== true) : value;
    return kept.map((item) => withoutUnset(item, shape.item, of));
  }
  if (!isObject(value)) return value;
  if (shape.kind === 'map') {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, withoutUnset(inner, shape.value, of)]),
    );
  }
  if (shape.kind !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const field = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
      if (field === undefined) return [[name, inner]];
      if (isUnset(inner, field, shape) || isRecorded(inner, field, of.document)) return [];
      return [[name, withoutUnset(inner, field.shape, of)]];
    }),
  );
}

/** Judges a value by a shape that is no kind of Kubernetes; `owner` is whose fields they are, for messages. */
export function checkShape(
  document: ManifestDocument,
  shape: Shape,
  owner: string,
): { problems: ManifestProblem[]; fields: CheckedField[] } {
  const check = new Check(document, owner);
  check.walk(document.value, shape, []);
  return { problems: check.problems, fields: check.fields };
}

export interface CheckedField {
  readonly path: FieldPath;
  readonly treatment: Treatment;
  /** Left aside: as the record of a server, or as a value that asks for nothing. */
  readonly aside?: 'record' | 'nothing';
  /** Part of what is left aside, which is told of once. */
  readonly within?: true;
}

class Check {
  readonly problems: ManifestProblem[] = [];
  readonly fields: CheckedField[] = [];
  readonly #document: ManifestDocument;
  readonly #owner: string;

  constructor(document: ManifestDocument, owner = 'Kubernetes') {
    this.#document = document;
    this.#owner = owner;
  }

  findKind(): Kind | null {
    const { value } = this.#document;
    if (Array.isArray(value)) {
      this.#report([], 'wrong-value', {
        en: 'a list of objects is no manifest, for kubectl neither: write apiVersion: v1, kind: List and the objects as its items, or part them with ---',
        es: 'una lista de objetos no es un manifiesto, tampoco para kubectl: escribir apiVersion: v1, kind: List y los objetos en items, o separarlos con ---',
      });
      return null;
    }
    if (!isObject(value)) {
      this.#report(
        [],
        'wrong-value',
        expected('a map with apiVersion and kind', 'un mapa con apiVersion y kind', value),
      );
      return null;
    }
    const { kind: written, apiVersion } = value;
    if (typeof written !== 'string') {
      this.#report(['kind'], 'missing-field', { en: 'kind is missing', es: 'falta kind' });
      return null;
    }
    const version = typeof apiVersion === 'string' ? apiVersion : '';
    const known = kindOf(written, version);
    if (known !== null) return known;
    const why = whyRefused(written, version);
    if (why !== null) {
      this.#report(['kind'], 'refused', {
        en: `${written} is refused: ${why.en}`,
        es: `${written} se rechaza: ${why.es}`,
      });
      return null;
    }
    const near = nearestName(
      written,
      KINDS.map(({ kind }) => kind),
    );
    this.#report(['kind'], 'unknown-kind', {
      en: `there is no kind ${quote(written)}${near === null ? '' : `; ${near} is near`}; what only a controller in a Kubernetes cluster reads has no effect here: leave it out`,
      es: `no existe el tipo ${quote(written)}${near === null ? '' : `; ${near} se parece`}; lo que solo lee un controlador de un clúster de Kubernetes aquí no tiene efecto: omitirlo`,
    });
    return null;
  }

  walk(value: Json, shape: Shape, path: FieldPath): void {
    switch (shape.kind) {
      case 'object':
        this.#walkObject(value, shape, path);
        return;
      case 'list':
        this.#walkList(value, shape, path);
        return;
      case 'map':
        this.#walkMap(value, shape, path);
        return;
      case 'text':
        this.#walkText(value, shape, path);
        return;
      case 'choice':
        this.#walkChoice(value, shape, path);
        return;
      case 'integer':
        if (typeof value !== 'number' || !Number.isInteger(value) || value < shape.least || value > shape.most) {
          const range = shape.least === shape.most ? String(shape.least) : `${shape.least} … ${shape.most}`;
          this.#wrong(path, `a whole number, ${range}`, `un número entero, ${range}`, value);
        }
        return;
      case 'boolean':
        if (typeof value !== 'boolean') this.#wrong(path, 'true or false', 'true o false', value);
        return;
      case 'quantity':
        if ((typeof value !== 'string' && typeof value !== 'number') || parseQuantity(value) === null) {
          const example = shape.of === 'cpu' ? '500m, 2' : '64Mi, 1G';
          this.#wrong(path, `a quantity (${example})`, `una cantidad (${example})`, value);
        }
        return;
      case 'allowance':
        if (!isCount(value, 0, 1_000) && !(typeof value === 'string' && /^(?:100|[0-9]{1,2})%$/.test(value))) {
          this.#wrong(path, 'a number of pods or a percentage', 'un número de pods o un porcentaje', value);
        }
        return;
      case 'port':
        if (!isCount(value, 1, 65_535) && !(typeof value === 'string' && /^(?=.*[a-z])[-a-z0-9]{1,15}$/.test(value))) {
          this.#wrong(
            path,
            'a port number or the name of a port',
            'un número de puerto o el nombre de un puerto',
            value,
          );
        }
        return;
      case 'anything':
        return;
    }
  }

  #walkText(value: Json, shape: Extract<Shape, { kind: 'text' }>, path: FieldPath): void {
    const shown = shape.hidden ? '***' : value;
    if (typeof value !== 'string') {
      const hint = typeof value === 'number' || typeof value === 'boolean' ? 'quotes' : undefined;
      this.#wrong(path, 'text', 'texto', shown, hint);
    } else if (shape.pattern?.test(value) === false || shape.accepts?.(value) === false) {
      this.#wrong(path, shape.meaning?.en ?? 'another text', shape.meaning?.es ?? 'otro texto', shown);
    }
  }

  #walkObject(value: Json, shape: ObjectShape, path: FieldPath): void {
    if (!isObject(value)) {
      this.#wrong(path, 'a map', 'un mapa', value);
      return;
    }
    for (const [name, inner] of Object.entries(value)) {
      const field = Object.hasOwn(shape.fields, name) ? shape.fields[name] : shape.rest;
      const inside = [...path, name];
      if (field === undefined) this.#unknown(inside, name, shape);
      else this.#walkField(inner, field, shape, inside);
    }
    for (const [name, field] of Object.entries(shape.fields)) {
      if (!field.required || (Object.hasOwn(value, name) && !isUnset(value[name] ?? null, field, shape))) continue;
      const missing = field.missing ?? { en: `${name} is missing`, es: `falta ${name}` };
      this.#report([...path, name], 'missing-field', missing);
    }
    if (shape.oneOf !== undefined) {
      const { oneOf } = shape;
      const isWritten = (name: string): boolean => {
        const field = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
        return field !== undefined && Object.hasOwn(value, name) && !isUnset(value[name] ?? null, field, shape);
      };
      const written = oneOf.filter(isWritten);
      const others = Object.entries(value).filter(
        ([name]) => Object.hasOwn(shape.fields, name) && shape.fields[name]?.treatment.kind === 'refused',
      );
      const refusedOther = others.some(([name]) => isWritten(name));
      // An empty map of another kind is not none: Kubernetes would ask what is missing in it.
      const isNone = shape.orNone === true && others.every(([, inner]) => inner === null);
      if (written.length > 1 || (written.length === 0 && !refusedOther && !isNone)) {
        this.#report(path, written.length > 1 ? 'conflict' : 'missing-field', {
          en: `exactly one of ${oneOf.join(', ')} is needed, there ${written.length > 1 ? `are ${written.join(', ')}` : 'is none'}`,
          es: `se necesita exactamente uno de ${oneOf.join(', ')}, ${written.length > 1 ? `hay ${written.join(', ')}` : 'no hay ninguno'}`,
        });
      }
    }
  }

  #walkField(value: Json, field: Field, holder: ObjectShape, path: FieldPath): void {
    // Nothing is said by it, and nothing happens because of it, as in Kubernetes.
    if (isUnset(value, field, holder)) {
      this.fields.push({ path, treatment: ENFORCED });
      this.#carry(value, { ...field, treatment: ENFORCED }, path);
      return;
    }
    if (field.recorded !== undefined && isRecorded(value, field, this.#document.value)) {
      this.#leave(value, field.recorded.how, path, field.recorded.of);
      return;
    }
    if (field.treatment.kind === 'refused') {
      const harmless = field.harmless ?? [];
      // Written with the value that holds here anyway: it is what happens.
      if (harmless.some((one) => one === value)) {
        this.fields.push({ path, treatment: ENFORCED });
        return;
      }
      this.fields.push({ path, treatment: field.treatment });
      const { why } = field.treatment;
      this.#report(path, 'refused', { en: `refused: ${why.en}`, es: `rechazado: ${why.es}` });
      return;
    }
    this.fields.push({ path, treatment: field.treatment });
    if (field.shape.kind === 'anything') this.#carry(value, field, path);
    else this.walk(value, field.shape, path);
  }

  /** Everything in a value that is taken whole has its decision. */
  #carry(value: Json, { treatment }: Pick<Field, 'treatment'>, path: FieldPath, within?: true): void {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#carry(item, { treatment }, [...path, index], within);
    } else if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) {
        this.fields.push({ path: [...path, name], treatment, ...(within === undefined ? {} : { within }) });
        this.#carry(inner, { treatment }, [...path, name], within);
      }
    }
  }

  /** What a server recorded is told of once, however much it is. */
  #leave(value: Json, how: Text, path: FieldPath, aside: 'record' | 'nothing' = 'record'): void {
    const treatment: Treatment = { kind: 'emulated', how };
    this.fields.push({ path, treatment, aside });
    this.#carry(value, { treatment }, path, true);
  }

  #walkList(value: Json, shape: Extract<Shape, { kind: 'list' }>, path: FieldPath): void {
    if (!Array.isArray(value)) {
      this.#wrong(path, 'a list', 'una lista', value);
      return;
    }
    if (value.length < (shape.least ?? 0)) this.#wrong(path, 'at least one entry', 'al menos una entrada', value);
    const seen = new Set<Json>();
    for (const [index, item] of value.entries()) {
      if (shape.recorded?.is(item)) {
        this.#leave(item, shape.recorded.how, [...path, index]);
        continue;
      }
      this.walk(item, shape.item, [...path, index]);
      const key = shape.uniqueBy === undefined || !isObject(item) ? undefined : item[shape.uniqueBy];
      if (key === undefined || shape.uniqueBy === undefined) continue;
      if (seen.has(key)) {
        this.#report([...path, index, shape.uniqueBy], 'conflict', {
          en: `${quote(key)} is there twice`,
          es: `${quote(key)} aparece dos veces`,
        });
      }
      seen.add(key);
    }
  }

  #walkMap(value: Json, shape: Extract<Shape, { kind: 'map' }>, path: FieldPath): void {
    if (!isObject(value)) {
      this.#wrong(path, 'a map', 'un mapa', value);
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      if (!shape.key.test(key)) this.#wrong([...path, key], shape.keyMeaning.en, shape.keyMeaning.es, key);
      this.walk(inner, shape.value, [...path, key]);
    }
  }

  #walkChoice(value: Json, shape: Extract<Shape, { kind: 'choice' }>, path: FieldPath): void {
    if (typeof value === 'string' && shape.values.includes(value)) return;
    const known = typeof value === 'string' && Object.hasOwn(shape.refused, value) ? shape.refused[value] : undefined;
    const why = typeof value === 'string' ? (known ?? shape.others) : undefined;
    if (why !== undefined) {
      this.#report(path, 'refused', {
        en: `${quote(value)} is refused: ${why.en}`,
        es: `${quote(value)} se rechaza: ${why.es}`,
      });
      return;
    }
    const values = shape.values.join(', ');
    this.#wrong(
      path,
      shape.values.length > 1 ? `one of ${values}` : values,
      shape.values.length > 1 ? `uno de ${values}` : values,
      value,
    );
  }

  #unknown(path: FieldPath, name: string, shape: ObjectShape): void {
    const { kind } = isObject(this.#document.value) ? this.#document.value : {};
    const formerly = typeof kind === 'string' && Object.hasOwn(FORMER_FIELDS, kind) ? FORMER_FIELDS[kind] : undefined;
    if (formerly !== undefined && Object.hasOwn(formerly, name)) {
      this.#report(path, 'unknown-field', formerly[name] ?? { en: '', es: '' });
      return;
    }
    const near = nearestName(name, Object.keys(shape.fields));
    this.#report(path, 'unknown-field', {
      en: `${this.#owner} has no field ${quote(name)} here${near === null ? '' : `; ${near} is near`}`,
      es: `${this.#owner} no tiene aquí un campo ${quote(name)}${near === null ? '' : `; ${near} se parece`}`,
    });
  }

  #wrong(path: FieldPath, en: string, es: string, value: Json, hint?: 'quotes'): void {
    const text = expected(en, es, value);
    const quotes = hint === 'quotes';
    this.#report(path, 'wrong-value', {
      en: quotes ? `${text.en}; put it in quotes` : text.en,
      es: quotes ? `${text.es}; ponerlo entre comillas` : text.es,
    });
  }

  #report(path: FieldPath, kind: ProblemKind, text: Text): void {
    this.problems.push(problemAt(this.#document, path, kind, text));
  }
}

function expected(en: string, es: string, value: Json): Text {
  return { en: `expected ${en}, got ${quote(value)}`, es: `se esperaba ${es}, hay ${quote(value)}` };
}

function isCount(value: Json, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

/** A value as people wrote it, short. */
function quote(value: Json): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : '[…]';
  if (isObject(value)) return '{…}';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
