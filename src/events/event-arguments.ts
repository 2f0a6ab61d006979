/** Arguments of events by their names: which there are, and of which type they are where they are compared as they come. */
import { CALLS } from './calls.ts';
import type { FieldType } from './field-types.ts';
import { EVENT_TYPES } from './scap/event-types.ts';

/** Beside those of recordings and of the calls that this sensor tells: how it was done, what a name server was asked, who was born. */
const OWN = ['via', 'question', 'qtype', 'mode', 'status', 'child'];
let names: ReadonlySet<string> | undefined;

/** Every name that `evt.arg` and `evt.rawarg` may have after their dot. */
export function eventArgumentNames(): ReadonlySet<string> {
  names ??= new Set([
    ...EVENT_TYPES.flatMap(({ parameters }) => parameters.map(({ name }) => name)),
    ...CALLS.flatMap((call) => Object.keys(call.arguments)),
    ...OWN,
  ]);
  return names;
}

/** The arguments of the newest event of that name where it ends, in their order. */
export function argumentsInOrder(event: string): readonly string[] {
  const named = EVENT_TYPES.filter(({ name }) => name === event);
  return (named.findLast(({ isExit }) => isExit) ?? named.at(-1))?.parameters.map(({ name }) => name) ?? [];
}

/** A raw argument has the type that the first event with one of its name gives it. */
export function rawArgumentType(argument: string): FieldType {
  types ??= new Map(
    EVENT_TYPES.flatMap(({ parameters }) => parameters.map(({ name, type }) => [name, type] as const)).reverse(),
  );
  const type = types.get(argument);
  if (type === 'text' || type === 'path' || type === 'relpath') return 'text';
  return type === 'bytes' || type === 'address' || type === 'tuple' ? 'bytes' : 'number';
}
let types: Map<string, string> | undefined;
