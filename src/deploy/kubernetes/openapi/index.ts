import table from './fields.json' with { type: 'json' };

/** Field → type, as OpenAPI says: `string`, `[]Container`, `{}Quantity`, a definition's name; `!` where it is required. */
export type Definition = Readonly<Record<string, string>>;

/** The releases that the table of fields was made from (`make.ts`). */
export const OPENAPI_VERSIONS = {
  kubernetes: table.kubernetes,
  verticalPodAutoscaler: table.verticalPodAutoscaler,
} as const;

/** By kind: its apiVersion and the name of its definition. */
export const OPENAPI_KINDS: Readonly<Record<string, readonly string[]>> = table.kinds;

const DEFINITIONS: Readonly<Record<string, Definition>> = table.definitions;

/** What a field of this type is made of; null for a plain value. A list or map answers for what is in it. */
export function membersOf(type: string): { readonly fields: Definition; readonly isList: boolean } | null {
  const inner = type.replace(/!$/, '').replace(/^(?:\[\]|\{\})+/, '');
  const fields = Object.hasOwn(DEFINITIONS, inner) ? DEFINITIONS[inner] : undefined;
  return fields === undefined ? null : { fields, isList: type.startsWith('[]') };
}
