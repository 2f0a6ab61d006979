import type { Json, Text } from '../../system/index.ts';

/**
 * What the platform does with a field: it does what Kubernetes would (`enforced`), it reaches the same by other means
 * (`emulated`, which are said), or it does not take it (`refused`, with the reason). There is no fourth: none is dropped.
 */
export type Treatment =
  | { readonly kind: 'enforced' }
  | { readonly kind: 'emulated'; readonly how: Text }
  | { readonly kind: 'refused'; readonly why: Text };

export type Shape =
  | {
      readonly kind: 'object';
      readonly fields: Readonly<Record<string, Field>>;
      readonly oneOf?: readonly string[];
      /** None of them is right as well. */
      readonly orNone?: true;
      /** What any other name means, where names are not all known (resources). */
      readonly rest?: Field;
    }
  | {
      readonly kind: 'list';
      readonly item: Shape;
      readonly uniqueBy?: string;
      readonly least?: number;
      /** Which entries a server put there; they are left aside with a remark. */
      readonly recorded?: { readonly how: Text; is(item: Json): boolean };
    }
  | { readonly kind: 'map'; readonly value: Shape; readonly key: RegExp; readonly keyMeaning: Text }
  | {
      readonly kind: 'text';
      readonly pattern?: RegExp;
      /** Where no pattern says it. */
      readonly accepts?: (text: string) => boolean;
      readonly meaning?: Text;
      /** Its value never stands in a message. */
      readonly hidden?: boolean;
      /** An empty text has a meaning of its own, which is not that nothing is written. */
      readonly emptyIsMeant?: boolean;
    }
  | {
      readonly kind: 'choice';
      readonly values: readonly string[];
      readonly refused: Readonly<Record<string, Text>>;
      /** Why no other text is taken, where Kubernetes would take others. */
      readonly others?: Text;
    }
  | {
      readonly kind: 'integer';
      readonly least: number;
      readonly most: number;
      /** What Kubernetes takes for a number that is not written. */
      readonly none?: number;
    }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'quantity'; readonly of: 'cpu' | 'bytes' }
  | { readonly kind: 'allowance' }
  | {
      readonly kind: 'port';
      /** What Kubernetes takes for a port that is not written. */
      readonly none?: number;
    }
  | { readonly kind: 'anything' };

export interface Field {
  readonly shape: Shape;
  readonly treatment: Treatment;
  readonly required: boolean;
  /** A refused field may still be written with the value it has anyway. */
  readonly harmless?: readonly (string | number | boolean | null)[];
  /** When what stands there is no wish of an author but the record of a server, which is left aside with a remark. */
  readonly recorded?: Recorded;
  /** What is said where a required field is missing. */
  readonly missing?: Text;
}

/** Servers write into their objects what became of them; whoever reads one out of a cluster has it in the file. */
export interface Recorded {
  readonly how: Text;
  /** Only in a document that bears the marks of a server (`isRecord`): elsewhere an author means it. */
  readonly marked: boolean;
  /** `nothing`: not the trace of another cluster, but a value that asks for nothing, which an author may not know. */
  readonly of?: 'record' | 'nothing';
  /** Which values are such, where not all are. */
  is?(value: Json, document: Json): boolean;
}

export interface Kind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly shape: Extract<Shape, { kind: 'object' }>;
}

export const ENFORCED: Treatment = { kind: 'enforced' };

export function enforced(shape: Shape): Field {
  return { shape, treatment: ENFORCED, required: false };
}

export function required(shape: Shape): Field {
  return { shape, treatment: ENFORCED, required: true };
}

export function emulated(shape: Shape, how: Text): Field {
  return { shape, treatment: { kind: 'emulated', how }, required: false };
}

export function refused(why: Text, ...harmless: readonly (string | number | boolean | null)[]): Field {
  return { shape: { kind: 'anything' }, treatment: { kind: 'refused', why }, required: false, harmless };
}

/** What only a server writes, whatever its value. */
export function record(how: Text): Field {
  return { ...emulated({ kind: 'anything' }, how), recorded: { how, marked: false } };
}

/** A field that also servers fill in, where `recorded` says which of what stands there is theirs. */
export function orRecord(field: Field, how: Text, recorded: Partial<Omit<Recorded, 'how'>> = {}): Field {
  return { ...field, recorded: { marked: true, ...recorded, how } };
}

/** Many fields that are refused for one reason. */
export function allRefused(why: Text, names: readonly string[]): Record<string, Field> {
  return Object.fromEntries(names.map((name) => [name, refused(why)]));
}

export function object(
  fields: Record<string, Field>,
  oneOf?: readonly string[],
  more: { readonly orNone?: true } = {},
): Extract<Shape, { kind: 'object' }> {
  return oneOf === undefined ? { kind: 'object', fields } : { kind: 'object', fields, oneOf, ...more };
}

/** A map of which some names are known; every other one means `rest`. */
export function withRest(rest: Field, fields: Record<string, Field>): Extract<Shape, { kind: 'object' }> {
  return { kind: 'object', fields, rest };
}

export function list(item: Shape, more: Partial<Omit<Extract<Shape, { kind: 'list' }>, 'kind' | 'item'>> = {}): Shape {
  return { kind: 'list', item, ...more };
}

export function choice(
  values: readonly string[],
  refusedValues: Readonly<Record<string, Text>> = {},
  others?: Text,
): Shape {
  return { kind: 'choice', values, refused: refusedValues, ...(others === undefined ? {} : { others }) };
}

export function integer(least: number, most: number): Shape {
  return { kind: 'integer', least, most };
}

/** A whole number of which Kubernetes takes 0 for one that is not written. */
export function integerOrNone(least: number, most: number): Shape {
  return { kind: 'integer', least, most, none: 0 };
}

export const TEXT: Shape = { kind: 'text' };
export const BOOLEAN: Shape = { kind: 'boolean' };
