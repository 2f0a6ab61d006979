/** A condition by itself over what happens now: what live tail and recordings show. */
import { ARGUMENT_FIELDS, CONTENT_WAYS, type KernelEvent } from '../events/index.ts';
import { compileFilters } from './compile.ts';
import { asksContent, isObserved, liveFields, namedEvents } from './engine.ts';
import { FilterError } from './filter-ast.ts';
import { fieldsOf } from './filter-fields.ts';
import { withGivenNames } from './given-names.ts';
import { readTuningCondition } from './tuning.ts';

export interface LiveFilter {
  holds(event: KernelEvent): boolean;
  /** Falco's names of the events it asks for by name. */
  readonly events: ReadonlySet<string>;
  /** Those of them whose bytes it asks for. */
  readonly contentEvents: ReadonlySet<string>;
  /** What it asks for by name and no sensor tells. */
  readonly unseenEvents: readonly string[];
  /** Whether it asks for what only some may see: a condition on a command line tells it letter by letter. */
  readonly asksArguments: boolean;
}

/**
 * @param text in the rules' language, without macros; empty is everything
 * @throws FilterError when it is none, or asks for what this sensor does not see
 */
export function readLiveFilter(text: string): LiveFilter {
  if (text.trim() === '')
    return { holds: () => true, events: new Set(), contentEvents: new Set(), unseenEvents: [], asksArguments: false };
  const filter = withGivenNames(readTuningCondition(text, liveFields));
  const fields = fieldsOf(filter, liveFields);
  for (const { name, argument, at } of fields) {
    if (liveFields.reader(name, argument) === undefined)
      throw new FilterError(`no sensor sees ${argument === null ? name : `${name}[${argument}]`}`, at);
  }
  const match = compileFilters([filter], liveFields);
  const events = namedEvents(filter);
  const moving = events.filter((name) => CONTENT_WAYS.has(name));
  // Who asks for bytes and names no call means whichever moves them.
  const contentEvents = new Set(asksContent(filter) ? (moving.length > 0 ? moving : CONTENT_WAYS.keys()) : []);
  return {
    holds: (event) => match(event) !== null,
    events: new Set([...events, ...contentEvents]),
    contentEvents,
    unseenEvents: events.filter((name) => !isObserved(name) && !contentEvents.has(name)),
    asksArguments: fields.some(({ name }) => ARGUMENT_FIELDS.has(name)),
  };
}
