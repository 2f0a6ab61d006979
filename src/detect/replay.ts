/** Rules over a recording: what would have been found. */
import { type ScapEvent, scapFields } from '../events/scap/index.ts';
import { compileFilters, foldFilter } from './compile.ts';
import { entriesOf, type RuleText } from './engine.ts';
import type { Filter } from './filter-ast.ts';
import { fieldsOf } from './filter-fields.ts';
import { compileOutput, type Output } from './output.ts';
import { type Finding, parseRuleFile } from './rule-file.ts';
import { type Priority, type Rule, resolveRules } from './rules.ts';
import { TimedRule } from './timing.ts';

/** What a rule found in a recording. */
export interface ReplayAlert {
  /** RFC 3339 with nanoseconds. */
  readonly at: string;
  /** As sysdig counts events of the recording, from 1. */
  readonly eventNumber: number;
  readonly eventType: string;
  readonly rule: string;
  readonly priority: Priority;
  readonly tags: readonly string[];
  readonly output: string;
  readonly outputFields: Readonly<Record<string, string | number | boolean | null>>;
}

export interface ReplayRule {
  readonly rule: Rule;
  /** Why it does not run, or null when it does. */
  readonly offReason: string | null;
}

const NONE: readonly ReplayAlert[] = [];
/** More than any architecture has. */
const SYSCALLS_MAX = 4_096;

interface Compiled {
  readonly match: (event: ScapEvent) => number[] | null;
  readonly rules: readonly { readonly rule: number; readonly step: number | null }[];
}

/**
 * Rules compiled for recordings. As Falco does today, rules look at the end of each call and at events that are no calls;
 * with `enters` also at the beginning of calls, as older recorders and their rules did.
 */
export class RuleReplay {
  readonly rules: readonly ReplayRule[];
  readonly findings: readonly Finding[];
  readonly #outputs: readonly Output<ScapEvent>[];
  readonly #enters: boolean;
  #timed: readonly (TimedRule<ScapEvent> | null)[] = [];
  /** By the number of the event; made when the first such event comes. */
  readonly #compiled: (Compiled | null | undefined)[] = [];
  /** Of calls without an event of their own, whose beginning and end have the numbers 0 and 1, by the number of the call. */
  readonly #compiledCalls: readonly (Compiled | null | undefined)[][] = [[], []];

  private constructor(rules: readonly ReplayRule[], findings: readonly Finding[], enters: boolean) {
    this.rules = rules;
    this.findings = findings;
    this.#outputs = rules.map(({ rule }) => compileOutput(rule.output, scapFields));
    this.#enters = enters;
    this.begin();
  }

  /** Before each recording: what rules over time remember is of one. */
  begin(): void {
    this.#timed = this.rules.map(({ rule }) => (rule.timing === null ? null : new TimedRule(rule.timing, scapFields)));
  }

  /** Reads rule files in their order. It never throws for what is wrong in a file: that is told in `findings`. */
  static load(files: readonly RuleText[], { enters = false }: { readonly enters?: boolean } = {}): RuleReplay {
    const parsed = files.map(({ file, text }) => parseRuleFile(file, text));
    const { rules, findings } = resolveRules(
      parsed.flatMap((one) => one.items),
      scapFields,
    );
    const judged = rules.map((rule) => ({ rule, offReason: whyOff(rule) }));
    return new RuleReplay(judged, [...parsed.flatMap((one) => one.findings), ...findings], enters);
  }

  get hasErrors(): boolean {
    return this.findings.some(({ severity }) => severity === 'error');
  }

  /** The alerts of one event, in the order of the rules. */
  try(event: ScapEvent): readonly ReplayAlert[] {
    if (!this.#enters && event.type.isSyscall && !event.type.isExit) return NONE;
    const compiled = this.#compiledFor(event);
    if (compiled === null) return NONE;
    const held = compiled.match(event);
    return held === null ? NONE : this.#alertsOf(event, compiled, held);
  }

  #alertsOf(event: ScapEvent, compiled: Compiled, held: readonly number[]): ReplayAlert[] {
    return held.flatMap((place) => {
      const entry = compiled.rules[place];
      const index = entry?.rule;
      const timed = index === undefined ? null : (this.#timed[index] ?? null);
      if (entry !== undefined && timed !== null && !timed.take(event, entry.step, Number(event.timeNs) / 1e6))
        return [];
      const rule = index === undefined ? undefined : this.rules[index]?.rule;
      const output = index === undefined ? undefined : this.#outputs[index];
      if (rule === undefined || output === undefined) return [];
      const { text, fields } = output.format(event);
      return {
        at: event.timeText,
        eventNumber: event.number,
        eventType: event.name,
        rule: rule.name,
        priority: rule.priority,
        tags: rule.tags,
        output: text,
        outputFields: fields,
      };
    });
  }

  #compiledFor(event: ScapEvent): Compiled | null {
    const { number } = event.type;
    if (number > 1) {
      const compiled = this.#compiled[number];
      if (compiled !== undefined) return compiled;
      const made = this.#compile(event);
      this.#compiled[number] = made;
      return made;
    }
    const calls = this.#compiledCalls[number] ?? [];
    // A call that nobody knows has the same name as any other such.
    const call = Math.min(event.integer('ID') ?? 0, SYSCALLS_MAX);
    const compiled = calls[call];
    if (compiled !== undefined) return compiled;
    const made = this.#compile(event);
    calls[call] = made;
    return made;
  }

  #compile(event: ScapEvent): Compiled | null {
    const direction = event.type.isExit ? '<' : '>';
    const known = {
      'evt.type': event.name,
      'syscall.type': event.type.isSyscall ? event.name : null,
      // Events that are no calls have no end; rules that ask for one mean them too.
      'evt.dir': event.type.isSyscall ? direction : '<',
      'evt.source': 'syscall',
    };
    const filters: (Filter | true)[] = [];
    const rules: { rule: number; step: number | null }[] = [];
    this.rules.forEach(({ rule, offReason }, index) => {
      if (offReason !== null) return;
      for (const { filter, step } of entriesOf(rule)) {
        const folded = foldFilter(filter, known, scapFields);
        if (folded === false) continue;
        filters.push(folded);
        rules.push({ rule: index, step });
      }
    });
    return filters.length === 0 ? null : { match: compileFilters(filters, scapFields), rules };
  }
}

function whyOff(rule: Rule): string | null {
  if (!rule.enabled) return 'disabled by its file';
  const missing = fieldsOf(rule.filter, scapFields)
    .filter(({ name, argument }) => scapFields.reader(name, argument) === undefined)
    .map(({ name, argument }) => (argument === null ? name : `${name}[${argument}]`));
  return missing.length === 0 ? null : `fields ${[...new Set(missing)].join(', ')} are not in recordings`;
}
