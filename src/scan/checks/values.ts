import type { Json } from '../../system/index.ts';

export type Members = Readonly<Record<string, Json>>;

const NONE: Members = {};

/** The members of an object; of anything else none. */
export function members(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : NONE;
}

export function items(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

export function texts(value: Json | undefined): string[] {
  return items(value).flatMap((item) => (typeof item === 'string' ? [item] : []));
}

export function isSet(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** A switch that opens something: anything that is not plainly off is on, so that `"true"` does not slip by. */
export function isOn(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== false;
}
