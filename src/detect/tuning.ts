/** What an institution says of rules beside their files: where a file counts, and what of a rule is no alert here. */
import type { KernelEvent } from '../events/index.ts';
import { checkFilter, compileFilters, foldFilter } from './compile.ts';
import { type Filter, requireNoMacro } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import { withGivenNames } from './given-names.ts';
import type { FieldSource } from './transforms.ts';

/** Where something counts; null is everywhere. An environment is one of a project's. */
export interface RuleScope {
  readonly project: string | null;
  readonly environment: string | null;
}

/** Known harmless: an event that a rule found raises no alert when this holds for it. */
export interface Tuning extends RuleScope {
  readonly id: string;
  /** The name of the rule. */
  readonly rule: string;
  readonly workload: string | null;
  /** In the rules' language, without macros; null is always. */
  readonly condition: string | null;
  /** RFC 3339; null is until somebody takes it back. */
  readonly until: string | null;
}

export const EVERYWHERE: RuleScope = { project: null, environment: null };

/** The filter, for events of this place only. */
export function scopeFilter(filter: Filter, { project, environment }: RuleScope): Filter {
  const checks = [
    ...(project === null ? [] : [equals('darsena.project', project)]),
    ...(environment === null ? [] : [equals('darsena.environment', environment)]),
  ];
  return checks.length === 0 ? filter : { kind: 'and', children: [...checks, filter], at: 0 };
}

function equals(field: string, text: string): Filter {
  return {
    kind: 'check',
    left: { kind: 'field', name: field, argument: null, at: 0 },
    operator: '=',
    quantifier: null,
    right: { kind: 'value', text, quoted: true, at: 0 },
    at: 0,
  };
}

/** Reads the condition of a tuning. @throws FilterError */
export function readTuningCondition<Event>(text: string, fields: FieldSource<Event>): Filter {
  const filter = parseFilter(text);
  checkFilter(filter, fields);
  requireNoMacro(filter);
  return filter;
}

/** A tuning at work. */
export interface ActiveTuning {
  readonly id: string;
  readonly untilMs: number;
  holds(event: KernelEvent): boolean;
}

/** @throws FilterError when its condition is none */
export function activateTuning(tuning: Tuning, fields: FieldSource<KernelEvent>): ActiveTuning {
  const { project, environment, workload, condition } = tuning;
  const parts = [
    ...(workload === null ? [] : [equals('darsena.workload', workload)]),
    ...(condition === null ? [] : [withGivenNames(readTuningCondition(condition, fields))]),
  ];
  const filter: Filter = scopeFilter({ kind: 'and', children: parts, at: 0 }, { project, environment });
  const match = compileFilters([foldFilter(filter, {}, fields)], fields);
  return {
    id: tuning.id,
    untilMs: tuning.until === null ? Number.POSITIVE_INFINITY : Date.parse(tuning.until),
    holds: (event) => match(event) !== null,
  };
}
