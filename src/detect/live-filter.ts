/** A condition by itself over what happens now: what live tail and recordings show. */
import { ARGUMENT_FIELDS, type KernelEvent } from '../events/index.ts';
import { compileFilters } from './compile.ts';
import { liveFields, namedEvents } from './engine.ts';
import { FilterError } from './filter-ast.ts';
import { fieldsOf } from './filter-fields.ts';
import { readTuningCondition } from './tuning.ts';

export interface LiveFilter {
  holds(event: KernelEvent): boolean;
  /** Falco's names of the events it asks for by name. */
  readonly events: ReadonlySet<string>;
  /** Whether it asks for what only some may see: a condition on a command line tells it letter by letter. */
  readonly asksArguments: boolean;
}

/**
 * @param text in the rules' language, without macros; empty is everything
 * @throws FilterError when it is none, or asks for what this sensor does not see
 */
export function readLiveFilter(text: string): LiveFilter {
  if (text.trim() === '') return { holds: () => true, events: new Set(), asksArguments: false };
  const filter = readTuningCondition(text, liveFields);
  const fields = fieldsOf(filter, liveFields);
  for (const { name, argument, at } of fields) {
    if (liveFields.reader(name, argument) === undefined)
      throw new FilterError(`no sensor sees ${argument === null ? name : `${name}[${argument}]`}`, at);
  }
  const match = compileFilters([filter], liveFields);
  return {
    holds: (event) => match(event) !== null,
    events: new Set(namedEvents(filter)),
    asksArguments: fields.some(({ name }) => ARGUMENT_FIELDS.has(name)),
  };
}
