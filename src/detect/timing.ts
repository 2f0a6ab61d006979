/**
 * Rules over time, an extension of Falco's language in the same file. Beside `condition` a rule may say
 *
 *   within: 5m                    the window of the keys below; from the first event that counts
 *   by: [container.id]            events count together when these fields have the same values
 *   times: 20                     the condition must hold so often
 *   distinct: fd.rip              with `times`: so many different values of the field, not events
 *   after:                        steps that must have come before, in this order
 *     - condition: login_failed
 *       times: 5
 *   first: fd.rip                 only the first event with this value is told; with `learn: 1h` nothing before that much time
 *     has passed since the group was first seen
 *
 * State is bounded; the group that was longest quiet is forgotten first. A rule that fired starts anew for its group.
 */
import { createHash } from 'node:crypto';
import type { FieldValue } from '../events/index.ts';
import { type Filter, FilterError, type Operand } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import {
  TIMED_ALL_VALUES_MAX,
  TIMED_FIELDS_MAX,
  TIMED_GROUPS_MAX,
  TIMED_STEPS_MAX,
  TIMED_TEXT_LENGTH_MAX,
  TIMED_TIMES_MAX,
  TIMED_VALUES_MAX,
} from './limits.ts';
import { wordOf } from './rule-file.ts';
import { TIMING_KEYS } from './timing-keys.ts';
import { type FieldSource, makeReader, typeOfOperand } from './transforms.ts';

export interface TimedStep {
  readonly filter: Filter;
  readonly times: number;
}

export interface Timing {
  readonly withinMs: number;
  readonly by: readonly Operand[];
  readonly times: number;
  readonly distinct: Operand | null;
  readonly after: readonly TimedStep[];
  readonly first: Operand | null;
  readonly learnMs: number;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DAY_MS = 86_400_000;

/** Reads the timing of a rule; null when it has none. `read` makes a step's condition whole. @throws FilterError */
export function readTiming<Event>(
  values: Readonly<Record<string, unknown>>,
  fields: FieldSource<Event>,
  read: (condition: string) => Filter,
): Timing | null {
  if (TIMING_KEYS.every((key) => values[key] === undefined)) return null;
  const { by, after } = values;
  const names = by === undefined ? ['container.id'] : Array.isArray(by) ? by : [by];
  if (names.length > TIMED_FIELDS_MAX) throw new FilterError(`"by" has more than ${TIMED_FIELDS_MAX} fields`, 0);
  const steps = after === undefined ? [] : Array.isArray(after) ? after : [after];
  if (steps.length > TIMED_STEPS_MAX) throw new FilterError(`"after" has more than ${TIMED_STEPS_MAX} steps`, 0);
  const timing: Timing = {
    withinMs: durationOf(values['within'], 'within'),
    by: names.map((name) => fieldOf(name, fields)),
    times: timesOf(values['times']),
    distinct: values['distinct'] === undefined ? null : fieldOf(values['distinct'], fields),
    after: steps.map((step: unknown) => {
      const { condition, times } = (typeof step === 'object' && step !== null ? step : {}) as Record<string, unknown>;
      if (typeof condition !== 'string') throw new FilterError('a step of "after" needs a "condition"', 0);
      return { filter: read(condition), times: timesOf(times) };
    }),
    first: values['first'] === undefined ? null : fieldOf(values['first'], fields),
    learnMs: values['learn'] === undefined ? 0 : durationOf(values['learn'], 'learn'),
  };
  if (timing.first !== null && (timing.after.length > 0 || timing.distinct !== null || timing.times > 1)) {
    throw new FilterError('"first" goes with "by" and "learn" alone', 0);
  }
  return timing;
}

function durationOf(value: unknown, key: string): number {
  if (value === undefined) return DAY_MS;
  const found = /^(\d{1,6})(ms|s|m|h|d)$/.exec(wordOf(value));
  const unit = UNITS[found?.[2] ?? ''];
  if (unit === undefined)
    throw new FilterError(`"${key}" must be a time such as 90s, 5m or 2h, found "${wordOf(value)}"`, 0);
  return Number(found?.[1]) * unit;
}

function timesOf(value: unknown): number {
  if (value === undefined) return 1;
  const times = /^\d{1,9}$/.test(wordOf(value)) ? Number(value) : 0;
  if (times < 1 || times > TIMED_TIMES_MAX)
    throw new FilterError(`"times" must be a whole number from 1 to ${TIMED_TIMES_MAX}`, 0);
  return times;
}

function fieldOf<Event>(name: unknown, fields: FieldSource<Event>): Operand {
  const filter = parseFilter(`${wordOf(name)} exists`);
  if (filter.kind !== 'exists') throw new FilterError(`"${wordOf(name)}" is not a field`, 0);
  typeOfOperand(filter.left, fields);
  return filter.left;
}

interface Group {
  /** When the first event that counts came. */
  sinceMs: number;
  step: number;
  count: number;
  values: Set<string>;
}

/** One rule's memory. */
export class TimedRule<Event> {
  readonly #timing: Timing;
  readonly #by: readonly ((event: Event) => FieldValue)[];
  readonly #value: ((event: Event) => FieldValue) | null;
  readonly #groups = new Map<string, Group>();
  /** In all groups together. */
  #valueCount = 0;

  constructor(timing: Timing, fields: FieldSource<Event>) {
    this.#timing = timing;
    this.#by = timing.by.map((one) => makeReader(one, fields));
    const asked = timing.first ?? timing.distinct;
    this.#value = asked === null ? null : makeReader(asked, fields);
  }

  /** Takes an event for which a step, or with null the rule's own condition, held. Answers whether the rule fires. */
  take(event: Event, step: number | null, nowMs: number): boolean {
    const key = shorten(JSON.stringify(this.#by.map((read) => read(event))));
    const group = this.#group(key, nowMs);
    if (this.#timing.first !== null) return this.#isNew(group, event, nowMs);
    if (step !== null) {
      if (step !== group.step) return false;
      if (++group.count >= (this.#timing.after[step]?.times ?? 1)) {
        group.step++;
        group.count = 0;
      }
      return false;
    }
    if (group.step < this.#timing.after.length) return false;
    if (this.#timing.distinct === null) group.count++;
    else {
      const value = this.#value?.(event) ?? null;
      if (value === null) return false;
      if (group.values.size < TIMED_VALUES_MAX) this.#remember(group, shorten(String(value)));
      group.count = group.values.size;
    }
    if (group.count < this.#timing.times) return false;
    this.#forget(key, group);
    return true;
  }

  #group(key: string, nowMs: number): Group {
    let group = this.#groups.get(key);
    const isOver = group !== undefined && this.#timing.first === null && nowMs - group.sinceMs > this.#timing.withinMs;
    if (group !== undefined && isOver) this.#forget(key, group);
    else this.#groups.delete(key);
    if (group === undefined || isOver) group = { sinceMs: nowMs, step: 0, count: 0, values: new Set() };
    this.#groups.set(key, group);
    if (this.#groups.size > TIMED_GROUPS_MAX) this.#forgetQuietest(group);
    return group;
  }

  #remember(group: Group, value: string): void {
    const before = group.values.size;
    // A copy: a part of a longer text would keep all of it.
    group.values.add(Buffer.from(value).toString());
    this.#valueCount += group.values.size - before;
    while (this.#valueCount > TIMED_ALL_VALUES_MAX && this.#groups.size > 1) this.#forgetQuietest(group);
  }

  /** The group at hand stands last and stays. */
  #forgetQuietest(atHand: Group): void {
    for (const [key, group] of this.#groups) {
      if (group !== atHand) this.#forget(key, group);
      return;
    }
  }

  #forget(key: string, group: Group): void {
    this.#groups.delete(key);
    this.#valueCount -= group.values.size;
  }

  #isNew(group: Group, event: Event, nowMs: number): boolean {
    const value = this.#value?.(event) ?? null;
    if (value === null) return false;
    const text = shorten(String(value));
    if (group.values.has(text)) return false;
    // Beyond the bound everything would look new for ever.
    if (group.values.size >= TIMED_VALUES_MAX) return false;
    this.#remember(group, text);
    return nowMs - group.sinceMs >= this.#timing.learnMs;
  }
}

/** What stands for a text in memory. */
function shorten(text: string): string {
  return text.length <= TIMED_TEXT_LENGTH_MAX ? text : `sha256 ${createHash('sha256').update(text).digest('base64')}`;
}
