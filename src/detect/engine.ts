/** The rules at work: files in, alerts out. */
import {
  CONTENT_WAYS,
  EVENT_NAMES,
  fieldArgument,
  fieldReader,
  fieldType,
  HEADER,
  type KernelEvent,
  manyKind,
  normalizeField,
  ONLY_CONTENT,
  ONLY_DONE,
  observedEvents,
  RECORD,
  rawArgumentType,
} from '../events/index.ts';
import { type Alert, describeProcess, newAlertId, timeText } from './alert.ts';
import { compileFilters, foldFilter } from './compile.ts';
import { type Filter, FilterError } from './filter-ast.ts';
import { fieldsOf, fieldsOfOperand, hostNamesOf } from './filter-fields.ts';
import { withGivenNames } from './given-names.ts';
import { ALL_NODES_MAX, HOST_NAMES_MAX } from './limits.ts';
import { subjectsOf } from './live-subjects.ts';
import { compileOutput, type Output } from './output.ts';
import { type Finding, parseRuleFile, type RuleItem } from './rule-file.ts';
import { atOnce, countNodes, type Rule, resolvingRules } from './rules.ts';
import { TimedRule } from './timing.ts';
import type { FieldSource } from './transforms.ts';
import { type ActiveTuning, activateTuning, EVERYWHERE, type RuleScope, scopeFilter, type Tuning } from './tuning.ts';

/** A rule that is tried on more of the types costs with every event. */
const MANY_TYPES_SHARE = 0.6;

/** The fields of the live sensor. */
export const liveFields: FieldSource<KernelEvent> = {
  normalize: normalizeField,
  type: (name, argument = null) =>
    name === 'evt.rawarg' && argument !== null ? rawArgumentType(argument) : fieldType(name),
  argument: fieldArgument,
  many: manyKind,
  reader: fieldReader,
};

export interface RuleState {
  readonly rule: Rule;
  /** Why it does not run, or null when it does. */
  readonly offReason: string | null;
  /** Events of the rule that this sensor does not produce. */
  readonly unseenEvents: readonly string[];
}

export interface RuleText {
  readonly file: string;
  readonly text: string;
  /** Where its rules count; everywhere without it. */
  readonly scope?: RuleScope;
}

/** A loaded set of rules. Loading never throws for what is wrong in a file: it is told in `findings`. */
export class RuleEngine {
  readonly states: readonly RuleState[];
  readonly findings: readonly Finding[];
  /** By type of event: the conditions that may hold for it, and from its first event on their function. */
  readonly #conditions: readonly (readonly (Filter | true)[])[];
  readonly #compiled: (((event: KernelEvent) => number[] | null) | undefined)[] = [];
  /** The conditions of a type each by itself; made when one of them failed. */
  readonly #apart = new Map<number, readonly (((event: KernelEvent) => number[] | null) | null)[]>();
  readonly #ruleIndex: readonly (readonly Entry[])[];
  readonly #timed: readonly (TimedRule<KernelEvent> | null)[];
  readonly #outputs: readonly Output<KernelEvent>[];
  /** By the place of the rule. */
  readonly #tunings: readonly (readonly ActiveTuning[])[];
  /** Whether a rule about programs that start asks for the environment they start with. */
  readonly asksEnvironment: boolean;
  /** Calls whose bytes rules ask for, by Falco's names. */
  readonly contentEvents: ReadonlySet<string>;
  /** Names of hosts that rules at work compare addresses with, to be looked up. */
  readonly hostNames: readonly string[];
  /** Rules that failed while they were compiled or tried, and how: the others go on without them. */
  readonly failed = new Map<string, string>();
  /** How often each tuning kept an alert back. */
  readonly tuned = new Map<string, number>();

  private constructor(
    states: readonly RuleState[],
    findings: readonly Finding[],
    tunings: ReadonlyMap<string, readonly ActiveTuning[]>,
    { conditions, ruleIndex }: ByEvent,
  ) {
    this.states = states;
    this.findings = findings;
    this.hostNames = [
      ...new Set(
        states
          .filter(({ offReason }) => offReason === null)
          .flatMap(({ rule }) => entriesOf(rule).flatMap(({ filter }) => hostNamesOf(filter))),
      ),
    ].slice(0, HOST_NAMES_MAX);
    this.#tunings = states.map(({ rule }) => tunings.get(rule.name) ?? []);
    this.#outputs = states.map((state) => compileOutput(state.rule.output, liveFields));
    this.#timed = states.map(({ rule }) => (rule.timing === null ? null : new TimedRule(rule.timing, liveFields)));
    this.#conditions = conditions;
    this.#ruleIndex = ruleIndex;
    this.contentEvents = new Set(
      EVENT_NAMES.filter(
        (name, type) =>
          CONTENT_WAYS.has(name) &&
          ((conditions[type] ?? []).some((one) => one !== true && asksContent(one)) ||
            (ruleIndex[type] ?? []).some(({ rule }) => CONTENT_FIELDS.some((field) => this.#tells(rule, field)))),
      ),
    );
    this.asksEnvironment =
      (conditions[RECORD.exec] ?? []).some((one) => one !== true && asks(one, ENVIRONMENT)) ||
      (ruleIndex[RECORD.exec] ?? []).some(({ rule }) => this.#tells(rule, ENVIRONMENT));
  }

  /** Whether the rule has the field in its sentence, or counts by it. */
  #tells(rule: number, field: string): boolean {
    if (this.#outputs[rule]?.fields.has(field) === true) return true;
    const timing = this.states[rule]?.rule.timing ?? null;
    const counted = timing === null ? [] : [...timing.by, timing.first, timing.distinct];
    return counted.some((one) => one !== null && fieldsOfOperand(one, liveFields).some(({ name }) => name === field));
  }

  /**
   * Reads rule files in their order; later ones may change what earlier ones said. A file with a scope uses the lists and
   * macros of those without, and adds rules of its own: what is known harmless in one place is said by a tuning.
   */
  static load(files: readonly RuleText[], tunings: readonly Tuning[] = []): RuleEngine {
    return atOnce(RuleEngine.loading(files, tunings));
  }

  /** The same with pauses, none of them after more work than one file or one rule is: who reads events goes on in between. */
  static *loading(files: readonly RuleText[], tunings: readonly Tuning[] = []): Generator<void, RuleEngine> {
    const all: Finding[] = [];
    const parsed: { file: string; items: readonly RuleItem[]; scope: RuleScope }[] = [];
    for (const { file, text, scope } of files) {
      const { items, findings } = parseRuleFile(file, text);
      all.push(...findings);
      parsed.push({ file, items, scope: scope ?? EVERYWHERE });
      yield;
    }
    const common = parsed.filter(({ scope }) => scope.project === null).flatMap(({ items }) => items);
    const resolved = yield* resolvingRules(common, liveFields);
    all.push(...resolved.findings);
    const rules = [...resolved.rules];
    const everywhere = new Set(rules.map(({ name }) => name));
    const words = common.filter(({ kind }) => kind === 'list' || kind === 'macro');
    for (const { file, items, scope } of parsed) {
      if (scope.project === null) continue;
      const own = yield* resolvingRules([...words, ...items], liveFields, file);
      all.push(...own.findings.filter((finding) => finding.file === file));
      for (const rule of own.rules) {
        if (!everywhere.has(rule.name)) {
          rules.push(scopeRule(rule, scope));
          continue;
        }
        const message = 'a rule of this name counts everywhere';
        const hint = 'give it another name, or tune the one that is there';
        all.push({ severity: 'error', code: 'LOAD_ERR_VALIDATE', message, ...rule.place, item: rule.name, hint });
      }
    }
    const states: RuleState[] = [];
    const byEvent: ByEvent = { conditions: EVENT_NAMES.map(() => []), ruleIndex: EVENT_NAMES.map(() => []) };
    for (const rule of boundRules(rules, all)) {
      const folded = foldForEvents(rule);
      const state = judgeRule(rule, folded, all);
      const place = states.push(state) - 1;
      if (state.offReason === null) {
        folded.forEach((entries, type) => {
          for (const { filter, step } of entries) {
            byEvent.conditions[type]?.push(filter);
            byEvent.ruleIndex[type]?.push({ rule: place, step });
          }
        });
      }
      yield;
    }
    warnOfNames(states, all);
    const active = yield* activatingTunings(tunings, all);
    return new RuleEngine(states, all, active, byEvent);
  }

  /**
   * Files with mistakes left out: one that a new version reads more strictly must not take those beside it out of force. Where one
   * of them breaks a file that is to be kept, only those to be kept are loaded.
   */
  static loadSound(files: readonly RuleText[], kept: ReadonlySet<string>, tunings: readonly Tuning[] = []): RuleEngine {
    return atOnce(RuleEngine.loadingSound(files, kept, tunings));
  }

  /** The same with pauses. */
  static *loadingSound(
    files: readonly RuleText[],
    kept: ReadonlySet<string>,
    tunings: readonly Tuning[] = [],
  ): Generator<void, RuleEngine> {
    let sound = files;
    for (;;) {
      const engine = yield* RuleEngine.loading(sound, tunings);
      const wrong = new Set(
        engine.findings.flatMap(({ severity, file }) => (severity === 'error' && file !== TUNINGS ? [file] : [])),
      );
      if (wrong.size === 0) return engine;
      const left = sound.filter(({ file }) => kept.has(file) || !wrong.has(file));
      if (left.length === sound.length)
        return yield* RuleEngine.loading(
          files.filter(({ file }) => kept.has(file)),
          tunings,
        );
      sound = left;
    }
  }

  get hasErrors(): boolean {
    return this.findings.some((finding) => finding.severity === 'error');
  }

  /** Whether any rule looks at events of the type; an event nobody looks at needs no process facts. */
  watches(type: number): boolean {
    return (this.#conditions[type]?.length ?? 0) > 0;
  }

  /** Falco's names of the events that some rule looks at. */
  get watchedEvents(): ReadonlySet<string> {
    return new Set(EVENT_NAMES.filter((name, type) => name !== '' && this.watches(type)));
  }

  /** The rules that hold, or null: the hot path, no memory is taken when none does. */
  match(event: KernelEvent): number[] | null {
    try {
      return (this.#compiled[event.type] ?? this.#compile(event.type))(event);
    } catch {
      return this.#matchApart(event);
    }
  }

  /** Most events that rules name never come to a host: only those that do are compiled, each in some milliseconds. */
  #compile(type: number): (event: KernelEvent) => number[] | null {
    const conditions = this.#conditions[type] ?? [];
    const match = conditions.length === 0 ? never : this.#compileSound(type, conditions);
    this.#compiled[type] = match;
    return match;
  }

  /** One rule must not end what all of them watch with: whichever cannot be compiled is told of, and never holds. */
  #compileSound(type: number, conditions: readonly (Filter | true)[]): (event: KernelEvent) => number[] | null {
    try {
      return compileFilters(conditions, liveFields, subjectsOf(type));
    } catch {
      const sound = this.#apartOf(type).map((one, index) => one !== null && (conditions[index] ?? false));
      return compileFilters(sound, liveFields, subjectsOf(type));
    }
  }

  /** Each condition by itself; null is one that cannot be compiled. */
  #apartOf(type: number): readonly (((event: KernelEvent) => number[] | null) | null)[] {
    const known = this.#apart.get(type);
    if (known !== undefined) return known;
    const made = (this.#conditions[type] ?? []).map((condition, index) => {
      try {
        return compileFilters([condition], liveFields);
      } catch (error) {
        this.fail(type, index, error);
        return null;
      }
    });
    this.#apart.set(type, made);
    return made;
  }

  /** An event on which some rule fails is still judged by the others; the rule itself is tried again with the next one. */
  #matchApart(event: KernelEvent): number[] | null {
    const held: number[] = [];
    this.#apartOf(event.type).forEach((holds, index) => {
      try {
        if (holds !== null && holds(event) !== null) held.push(index);
      } catch (error) {
        this.fail(event.type, index, error);
      }
    });
    return held.length === 0 ? null : held;
  }

  /** Notes that the rule with this place among those of the type failed. */
  fail(type: number, index: number, error: unknown): void {
    const entry = this.#ruleIndex[type]?.[index];
    const name = entry === undefined ? undefined : this.states[entry.rule]?.rule.name;
    if (name !== undefined) this.failed.set(name, error instanceof Error ? error.message : String(error));
  }

  /** Whether what `match` answered is an alert: a rule over time may want more events first. To be asked once an event. */
  fires(event: KernelEvent, held: number): boolean {
    const entry = this.#ruleIndex[event.type]?.[held];
    if (entry === undefined) return true;
    const wallMs = event.wallTimeNs / 1e6;
    const tuning = this.#tunings[entry.rule]?.find((one) => wallMs < one.untilMs && one.holds(event));
    if (tuning !== undefined) {
      this.tuned.set(tuning.id, (this.tuned.get(tuning.id) ?? 0) + 1);
      return false;
    }
    const timed = this.#timed[entry.rule] ?? null;
    return timed === null || timed.take(event, entry.step, wallMs);
  }

  /** The name of a rule that `match` answered for an event of the type. */
  ruleName(type: number, held: number): string {
    const index = this.#ruleIndex[type]?.[held]?.rule;
    const state = index === undefined ? undefined : this.states[index];
    if (state === undefined) throw new RangeError(`no rule ${held} for events of type ${type}`);
    return state.rule.name;
  }

  /** The alert of one rule that `match` answered. The place of the rule is in `match`'s numbering for the event's type. */
  makeAlert(event: KernelEvent, held: number): Alert {
    const index = this.#ruleIndex[event.type]?.[held]?.rule;
    const state = index === undefined ? undefined : this.states[index];
    const output = index === undefined ? undefined : this.#outputs[index];
    if (state === undefined || output === undefined)
      throw new RangeError(`no rule ${held} for events of type ${event.type}`);
    const { rule } = state;
    const { text, fields, isCut } = output.format(event);
    const truncated = isCut || event.isCut;
    return {
      id: newAlertId(),
      at: timeText(event.wallTimeNs),
      kernelTimeNs: event.u64(HEADER.time),
      rule: rule.name,
      priority: rule.priority,
      tags: rule.tags,
      output: truncated ? `${text}${CUT_WORD}` : text,
      outputFields: fields,
      container: event.container,
      ...describeProcess(event),
      source: { kind: 'rule', file: rule.place.file, line: rule.place.line },
      ...(truncated ? { truncated } : {}),
    };
  }
}

/** Behind a sentence that does not say all: a receiver that shows nothing else shows this. */
const CUT_WORD = ' (truncated)';

/** The file that mistakes in exceptions are told of: such an exception is left out. */
const TUNINGS = 'tunings';

const never = (): null => null;

const ENVIRONMENT = 'proc.env';

/** What a call moved; the fields that tell of it. */
const CONTENT_FIELDS = ['evt.buffer', 'evt.buffer.b64'] as const;

export function asksContent(filter: Filter): boolean {
  return CONTENT_FIELDS.some((field) => asks(filter, field));
}

function asks(filter: Filter, field: string): boolean {
  return fieldsOf(filter, liveFields).some(({ name }) => name === field);
}

/** Leaves out the rules with which the conditions become too large together. */
function boundRules(rules: readonly Rule[], findings: Finding[]): readonly Rule[] {
  let nodes = 0;
  return rules.filter((rule) => {
    nodes += entriesOf(rule).reduce((sum, { filter }) => sum + countNodes(filter), 0);
    if (nodes <= ALL_NODES_MAX) return true;
    const message = `the conditions of all rules together are larger than ${ALL_NODES_MAX} comparisons with their macros`;
    findings.push({ severity: 'error', code: 'LOAD_ERR_COMPILE_CONDITION', message, ...rule.place, item: rule.name });
    return false;
  });
}

function* activatingTunings(
  tunings: readonly Tuning[],
  findings: Finding[],
): Generator<void, Map<string, ActiveTuning[]>> {
  const byRule = new Map<string, ActiveTuning[]>();
  for (const tuning of tunings) {
    yield;
    try {
      const active = activateTuning(tuning, liveFields);
      const before = byRule.get(tuning.rule);
      if (before === undefined) byRule.set(tuning.rule, [active]);
      else before.push(active);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      const place = { file: TUNINGS, line: 1, column: error.at + 1, item: tuning.rule };
      findings.push({ severity: 'error', code: 'LOAD_ERR_COMPILE_CONDITION', message: error.message, ...place });
    }
  }
  return byRule;
}

function scopeRule(rule: Rule, scope: RuleScope): Rule {
  const { timing } = rule;
  const after = timing?.after.map((step) => ({ ...step, filter: scopeFilter(step.filter, scope) }));
  return {
    ...rule,
    filter: scopeFilter(rule.filter, scope),
    timing: timing === null || after === undefined ? timing : { ...timing, after },
  };
}

/** A condition of a rule in the function of an event type: its own (null), or a step that comes before. */
interface Entry {
  readonly rule: number;
  readonly step: number | null;
}

/** All conditions of a rule. The own one stands before the steps: one event does not count twice. */
export function entriesOf(rule: Rule): { readonly filter: Filter; readonly step: number | null }[] {
  const steps = rule.timing?.after.map(({ filter }, step) => ({ filter, step })) ?? [];
  return [{ filter: rule.filter, step: null }, ...steps.reverse()];
}

/** By type of event: the conditions that may hold for it, and whose they are. */
interface ByEvent {
  readonly conditions: readonly (Filter | true)[][];
  readonly ruleIndex: readonly Entry[][];
}

interface Folded {
  readonly filter: Filter | true;
  readonly step: number | null;
}

/** What of a rule's conditions is left for each type of event. */
function foldForEvents(rule: Rule): readonly (readonly Folded[])[] {
  const entries = entriesOf(rule).map(({ filter, step }) => ({ filter: withGivenNames(filter), step }));
  return EVENT_NAMES.map((name) =>
    name === ''
      ? []
      : entries.flatMap(({ filter, step }) => {
          const folded = foldForEvent(filter, name);
          const isUnseen = ONLY_CONTENT.has(name) && (folded === true || folded === false || !asksContent(folded));
          return folded === false || isUnseen ? [] : [{ filter: folded, step }];
        }),
  );
}

function foldForEvent(filter: Filter, name: string): Filter | boolean {
  const known = {
    'evt.type': name,
    'syscall.type': name === 'procexit' ? null : name,
    'evt.dir': '<',
    'evt.source': 'syscall',
    ...(ONLY_DONE.has(name) ? { 'evt.failed': false } : {}),
    ...(name === 'execve' ? { 'evt.res': 'SUCCESS', 'evt.rawres': 0 } : {}),
  };
  return foldFilter(filter, known, liveFields);
}

/** Rules whose names of hosts are beyond what is looked up say so: those would never be found. */
function warnOfNames(states: readonly RuleState[], findings: Finding[]): void {
  const names = new Set<string>();
  for (const { rule, offReason } of states) {
    if (offReason !== null) continue;
    for (const { filter } of entriesOf(rule)) for (const name of hostNamesOf(filter)) names.add(name);
    if (names.size <= HOST_NAMES_MAX) continue;
    const message = `names of hosts are looked up for at most ${HOST_NAMES_MAX} in all rules together; the rest of this one are never met`;
    findings.push({ severity: 'warning', code: 'LOAD_UNOBSERVED', message, ...rule.place, item: rule.name });
  }
}

/** Decides whether a rule can run here, and tells why not. */
function judgeRule(rule: Rule, byType: readonly (readonly Folded[])[], findings: Finding[]): RuleState {
  const warn = (code: Finding['code'], message: string): void => {
    findings.push({ severity: 'warning', code, message, ...rule.place, item: rule.name });
  };
  const off = (code: Finding['code'], reason: string): RuleState => {
    if (rule.enabled) warn(code, `the rule is switched off: ${reason}`);
    return { rule, offReason: rule.enabled ? reason : 'disabled by its file', unseenEvents };
  };
  const named = namedEvents(rule.filter);
  const forContent = (name: string): boolean =>
    ONLY_CONTENT.has(name) && (byType[EVENT_NAMES.indexOf(name)] ?? []).length > 0;
  const unseenEvents = named.filter((name) => !isObserved(name) && !forContent(name));
  const held = byType.filter((filters) => filters.length > 0);
  const folded = new Set(held.flatMap((filters) => filters.map(({ filter }) => filter)));
  if (folded.size === 0) {
    const alike = named.filter((name) => Object.hasOwn(ALIKE, name)).map((name) => `${name} is told as ${ALIKE[name]}`);
    const asksOutcome = fieldsOf(rule.filter, liveFields).some(({ name }) => OUTCOMES.has(name));
    const onlyDone = asksOutcome ? named.filter((name) => ONLY_DONE.has(ALIKE[name] ?? name)) : [];
    const done = onlyDone.length === 0 ? [] : [`of ${onlyDone.join(', ')} only what was done is told, not what failed`];
    return unseenEvents.length === 0
      ? off('LOAD_NO_EVTTYPE', ['its condition can never hold', ...alike, ...done].join('; '))
      : off('LOAD_UNOBSERVED', `events ${unseenEvents.join(', ')} are not observed`);
  }
  const missing = new Set<string>();
  for (const filter of folded) {
    if (filter === true) continue;
    for (const { name, argument } of fieldsOf(filter, liveFields)) {
      if (fieldReader(name, argument) === undefined) missing.add(argument === null ? name : `${name}[${argument}]`);
    }
  }
  const asking = EVENT_NAMES.filter((_, type) =>
    (byType[type] ?? []).some(({ filter }) => filter !== true && asksContent(filter)),
  );
  if (asking.length > 0 && !asking.some((name) => CONTENT_WAYS.has(name)))
    missing.add(`evt.buffer of ${asking.join(', ')}`);
  if (missing.size > 0) return off('LOAD_UNKNOWN_FILTER', `fields ${[...missing].join(', ')} are not observed`);
  if (!rule.enabled) return { rule, offReason: 'disabled by its file', unseenEvents };
  if (unseenEvents.length > 0)
    warn('LOAD_UNOBSERVED', `events ${unseenEvents.join(', ')} of the rule are not observed`);
  if (rule.warnsOfTypes && held.length > observedEvents().length * MANY_TYPES_SHARE) {
    const why = named.length === 0 ? 'names no event type' : 'leaves nearly every event type';
    warn('LOAD_NO_EVTTYPE', `the condition ${why}, so it is tried on every event`);
  }
  const unseen = compileOutput(rule.output, liveFields).unseen;
  if (unseen.length > 0) warn('LOAD_UNKNOWN_FILTER', `fields ${unseen.join(', ')} of the output are not observed`);
  return { rule, offReason: null, unseenEvents };
}

const OUTCOMES: ReadonlySet<string> = new Set(['evt.failed', 'evt.res', 'evt.rawres']);
const OBSERVED: ReadonlySet<string> = new Set(observedEvents());
/** Falco's names of what comes under another. */
const ALIKE: Readonly<Record<string, string>> = {
  execveat: 'execve',
  umount: 'umount2',
};

/** Whether this sensor tells of such events, under this name or another. */
export function isObserved(name: string): boolean {
  return OBSERVED.has(name) || (Object.hasOwn(ALIKE, name) && OBSERVED.has(ALIKE[name] ?? ''));
}

/** Every event name that the condition compares the type with. */
export function namedEvents(filter: Filter): string[] {
  const names = new Set<string>();
  const visit = (one: Filter): void => {
    if (one.kind === 'and' || one.kind === 'or') one.children.forEach(visit);
    if (one.kind === 'not') visit(one.child);
    if (one.kind !== 'check' || one.left.kind !== 'field') return;
    if (one.left.name !== 'evt.type' && one.left.name !== 'syscall.type') return;
    for (const value of one.right.kind === 'list' ? one.right.items : [one.right]) {
      if (value.kind === 'value') names.add(value.text);
    }
  };
  visit(filter);
  return [...names];
}
