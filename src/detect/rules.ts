/** Rule items to rules: lists and macros put in, appends and overrides applied, exceptions turned into conditions. */
import { checkFilter } from './compile.ts';
import { type BinaryOperator, type Filter, FilterError, type Operand } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import { Hints } from './hint.ts';
import { FILTER_NODES_MAX, LIST_ITEMS_MAX } from './limits.ts';
import { compileOutput } from './output.ts';
import { type Finding, type FindingCode, isNested, type Place, type RuleItem, wordOf } from './rule-file.ts';
import { readTiming, type Timing } from './timing.ts';
import { TIMING_KEYS } from './timing-keys.ts';
import { type FieldSource, UNKNOWN_EVENT } from './transforms.ts';
import { warningsOf } from './warnings.ts';

export const PRIORITIES = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'informational',
  'debug',
] as const;
export type Priority = (typeof PRIORITIES)[number];

const MACRO_NAME = /^[a-zA-Z][a-zA-Z0-9_]*$/;
const LIST_NAME = /^[^\s()"'=,]+$/;
const PARTS_WORDS = /[\s()"'=,]/g;
/** A character of nobody's (private use), so that a word with it keeps its length and is no other word. */
const ODD = '\ue000';
/** Every condition is looked through for each of them. */
const ODD_LISTS_MAX = 32;
/** A value that the text of a condition has as it is. */
const PLAIN_VALUE = /^[^\s()"'=,]+$/;

/** The level of the language this reader follows: Falco's engine version of the rule files it was tried with. */
const ENGINE_VERSION = [0, 62, 0] as const;
/** Plugins whose fields are built in here. */
const BUILT_IN_PLUGINS: ReadonlySet<string> = new Set(['container']);

export interface Rule {
  readonly name: string;
  readonly description: string;
  readonly priority: Priority;
  readonly tags: readonly string[];
  readonly output: string;
  readonly filter: Filter;
  /** What the rule asks of time; null when each event counts for itself. */
  readonly timing: Timing | null;
  readonly enabled: boolean;
  /** Whether it shall be told that the rule is tried on events of nearly every type. */
  readonly warnsOfTypes: boolean;
  readonly place: Place;
  readonly conditionPlace: (offset: number) => Place;
}

interface Overrides {
  readonly append: readonly string[];
  readonly replace: readonly string[];
}
const RULE_APPENDS = ['condition', 'output', 'desc', 'tags', 'exceptions'] as const;
/** What an override may do to which key of an item. */
const OVERRIDES: Readonly<Partial<Record<RuleItem['kind'], Overrides>>> = {
  list: { append: ['items'], replace: ['items'] },
  macro: { append: ['condition'], replace: ['condition'] },
  rule: {
    append: RULE_APPENDS,
    replace: [
      ...[...RULE_APPENDS, 'priority', 'enabled', 'warn_evttypes', 'skip-if-unknown-filter'],
      ...['capture', 'capture_duration', 'capture_events', 'capture_filesize'],
      ...TIMING_KEYS,
    ],
  },
};

/** What is of another kind would be left out unsaid. */
const OVERRIDE_VALUES: Readonly<Record<string, string>> = {
  ...{ condition: 'string', output: 'string', desc: 'string', priority: 'string' },
  ...{ enabled: 'boolean', tags: 'list', exceptions: 'list' },
};

const NEEDED = ['condition', 'output', 'desc', 'priority'] as const;
const LIST_COMPARISONS: ReadonlySet<string> = new Set(['in', 'pmatch', 'intersects']);
const COMPARISONS: ReadonlySet<string> = new Set([
  ...LIST_COMPARISONS,
  ...['=', '==', '!=', '<', '<=', '>', '>=', 'exists', 'glob', 'iglob', 'contains', 'icontains', 'bcontains'],
  ...['startswith', 'bstartswith', 'endswith', 'regex'],
]);
const TRANSFORMED = /^(?:tolower|toupper|b64|basename|len|join|concat|getopt|val)\(.*\)$/;
/** Falco's place for what the container plugin adds by itself. */
const CONTAINER_INFO = '%container.info';

interface Draft {
  item: RuleItem;
  /** Pieces of the condition in order, each with its own place. */
  conditions: { text: string; placeIn: (offset: number) => Place }[];
  output: string;
  description: string;
  priority: Priority;
  tags: string[];
  enabled: boolean;
  warnsOfTypes: boolean;
  skipsUnknown: boolean;
  source: string;
  exceptions: ExceptionDraft[];
  timing: Readonly<Record<string, unknown>>;
}

interface ExceptionDraft {
  name: string;
  place: Place;
  /** Undefined when it only adds values to one that is there. */
  fields: unknown;
  comps: unknown;
  values: unknown[];
}

interface MacroDraft {
  item: RuleItem;
  /** Where it comes first, and where it was last changed: it sees macros that came before that. */
  first: number;
  last: number;
  conditions: Draft['conditions'];
  used: boolean;
}

/** As Falco has it a macro that no rule uses is read, and whether there are such fields and values is not asked. */
type Reading = 'checked' | 'read';

interface ListDraft {
  item: RuleItem;
  values: string[];
  used: boolean;
}

interface Resolved {
  readonly rules: Rule[];
  readonly findings: Finding[];
}

/**
 * Puts the items of all files together, in their order. Rules that are wrong are left out, each with a finding.
 *
 * @param about lists and macros of other files are looked at only as far as rules use them
 */
export function resolveRules<Event>(
  items: readonly RuleItem[],
  fields: FieldSource<Event>,
  about: string | null = null,
): Resolved {
  return atOnce(resolvingRules(items, fields, about));
}

/** The same with a pause behind each rule. */
export function* resolvingRules<Event>(
  items: readonly RuleItem[],
  fields: FieldSource<Event>,
  about: string | null = null,
): Generator<void, Resolved> {
  const resolver = new Resolver(fields);
  for (const item of items) resolver.take(item);
  yield;
  return yield* resolver.finish(about);
}

/** Work that may be paused, without a pause. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

class Resolver<Event> {
  readonly #fields: FieldSource<Event>;
  readonly #findings: Finding[] = [];
  readonly #rules = new Map<string, Draft>();
  readonly #macros = new Map<string, MacroDraft>();
  readonly #lists = new Map<string, ListDraft>();
  /** Names of lists that a condition could not name, by what stands for them in its text. */
  readonly #oddLists = new Map<string, string>();
  readonly #builtMacros = new Map<string, Filter | null>();
  readonly #builtLists = new Map<string, readonly string[]>();
  readonly #hints = new Hints();
  #namesOfMacros: readonly string[] | null = null;
  #taken = 0;

  constructor(fields: FieldSource<Event>) {
    this.#fields = fields;
  }

  #report(
    severity: Finding['severity'],
    code: FindingCode,
    message: string,
    place: Place,
    item: string,
    hint?: string,
  ) {
    this.#findings.push({ severity, code, message, ...place, item, ...(hint === undefined ? {} : { hint }) });
  }
  #error(code: FindingCode, message: string, place: Place, item: string, hint?: string): void {
    this.#report('error', code, message, place, item, hint);
  }
  #warn(code: FindingCode, message: string, { place, name }: RuleItem, hint?: string): void {
    this.#report('warning', code, message, place, name, hint);
  }

  take(item: RuleItem) {
    this.#taken++;
    if (item.values['append'] === true) {
      this.#warn('LOAD_DEPRECATED_ITEM', '"append" is the old form', item, 'say it with "override"');
    }
    if (!this.#isSoundOverride(item)) return;
    switch (item.kind) {
      case 'list':
        return this.#takeList(item);
      case 'macro':
        return this.#takeMacro(item);
      case 'rule':
        return this.#takeRule(item);
      case 'required_engine_version':
        return this.#checkEngine(item);
      case 'required_plugin_versions':
        return this.#checkPlugins(item);
    }
  }

  #checkEngine(item: RuleItem) {
    const wanted = wordOf(item.values['required_engine_version']);
    const parts = /^\d+$/.test(wanted) ? [0, Number(wanted), 0] : versionOf(wanted);
    if (parts === null) {
      const hint = 'write it as in 0.43.0';
      return this.#error('LOAD_ERR_YAML_VALIDATE', `"${wanted}" is not a version`, item.place, item.name, hint);
    }
    for (let i = 0; i < 3; i++) {
      const [mine, theirs] = [ENGINE_VERSION[i] ?? 0, parts[i] ?? 0];
      if (mine > theirs) return;
      if (mine < theirs) {
        const message = `the file needs engine version ${wanted}; this is ${ENGINE_VERSION.join('.')}`;
        return this.#error('LOAD_ERR_VALIDATE', message, item.place, item.name);
      }
    }
  }

  #checkPlugins(item: RuleItem) {
    const list = item.values['required_plugin_versions'];
    if (!Array.isArray(list)) {
      const message = '"required_plugin_versions" must be a list';
      return this.#error('LOAD_ERR_YAML_VALIDATE', message, item.place, item.name);
    }
    for (const plugin of list) {
      const wanted = readPlugin(plugin);
      if (!Array.isArray(wanted)) this.#error(wanted.code, wanted.message, item.place, item.name);
      else if (!wanted.some((one) => BUILT_IN_PLUGINS.has(one))) {
        const message = `the plugin "${wanted[0]}" is not there; rules that need its fields are switched off`;
        this.#report('warning', 'LOAD_UNSUPPORTED_PLUGIN', message, item.place, item.name);
      }
    }
  }

  /** What an override names must be there and may be changed so; what is there beside it would be left out unsaid. */
  #isSoundOverride({ kind, values, place, name, placeOf }: RuleItem): boolean {
    const { override } = values;
    const allowed = OVERRIDES[kind];
    if (!isRecord(override) || allowed === undefined) return true;
    const refuse = (message: string, hint?: string, at = place): false => {
      this.#error('LOAD_ERR_YAML_VALIDATE', message, at, name, hint);
      return false;
    };
    if (values['append'] === true)
      return refuse('"append" and "override" exclude each other', 'say it with "override"');
    for (const [key, mode] of Object.entries(override)) {
      const at = placeOf('override', key);
      if (mode !== 'append' && mode !== 'replace')
        return refuse(`override of "${key}" must be append or replace`, undefined, at);
      if (!allowed.replace.includes(key) && !allowed.append.includes(key))
        return refuse(`"${key}" cannot be overridden`, undefined, at);
      if (!allowed[mode].includes(key)) return refuse(`"${key}" cannot be appended to`, 'use "replace"', at);
      const value = values[key] ?? null;
      if (value === null) return refuse(`the override names "${key}", which is not given`, undefined, at);
      const wanted = OVERRIDE_VALUES[key];
      if (wanted !== undefined && (Array.isArray(value) ? 'list' : typeof value) !== wanted)
        return refuse(`"${key}" must be a ${wanted}`, undefined, placeOf(key));
    }
    const unsaid = allowed.replace.find((key) => values[key] !== undefined && !Object.hasOwn(override, key));
    if (unsaid !== undefined && !(TIMING_KEYS as readonly string[]).includes(unsaid))
      return refuse(
        `"${unsaid}" is given, and the override does not name it`,
        'say append or replace',
        placeOf(unsaid),
      );
    return true;
  }

  /** A list or macro that is replaced may be the first of its name. */
  #onlyReplaces(item: RuleItem): boolean {
    const { override } = item.values;
    return isRecord(override) && Object.values(override).every((mode) => mode === 'replace');
  }

  /** Whether a repeated item adds to the earlier one, key by key. */
  #mode(item: RuleItem, key: string): 'append' | 'replace' | null {
    const { override, append } = item.values;
    if (isRecord(override)) {
      const mode = override[key];
      if (mode === undefined) return null;
      if (mode === 'append' || mode === 'replace') return mode;
      this.#error('LOAD_ERR_VALIDATE', `override of "${key}" must be append or replace`, item.place, item.name);
      return null;
    }
    return append === true ? 'append' : null;
  }

  #changesEarlier(item: RuleItem): boolean {
    return isRecord(item.values['override']) || item.values['append'] === true;
  }

  #takeList(item: RuleItem) {
    const items = item.values['items'];
    if (!Array.isArray(items) || items.some((one) => typeof one === 'object')) {
      return this.#error(
        'LOAD_ERR_YAML_VALIDATE',
        'a list needs "items", a list of plain values',
        item.placeOf('items'),
        item.name,
      );
    }
    if (!LIST_NAME.test(item.name)) {
      const message = 'the name of this list has characters that part the words of a condition';
      this.#warn('LOAD_INVALID_LIST_NAME', message, item, 'use letters, digits and "_"');
      if (this.#oddLists.size < ODD_LISTS_MAX) this.#oddLists.set(item.name.replace(PARTS_WORDS, ODD), item.name);
    }
    const values = items.map((one) => (one === null ? '' : wordOf(one)));
    const earlier = this.#lists.get(item.name);
    if (this.#changesEarlier(item) && !(earlier === undefined && this.#onlyReplaces(item))) {
      if (earlier === undefined) {
        return this.#error(
          'LOAD_ERR_VALIDATE',
          'there is no earlier list of this name to change',
          item.place,
          item.name,
        );
      }
      earlier.values = this.#mode(item, 'items') === 'append' ? [...earlier.values, ...values] : values;
      return;
    }
    this.#lists.set(item.name, { item, values, used: false });
  }

  #takeMacro(item: RuleItem) {
    const text = item.values['condition'];
    if (typeof text !== 'string' || text === '') {
      return this.#error('LOAD_ERR_YAML_VALIDATE', 'a macro needs "condition"', item.placeOf('condition'), item.name);
    }
    if (!MACRO_NAME.test(item.name)) {
      this.#warn('LOAD_INVALID_MACRO_NAME', 'a condition cannot name this macro', item, 'use letters, digits and "_"');
    }
    const piece = { text, placeIn: (offset: number) => item.placeIn('condition', offset) };
    const earlier = this.#macros.get(item.name);
    if (this.#changesEarlier(item) && !(earlier === undefined && this.#onlyReplaces(item))) {
      if (earlier === undefined) {
        return this.#error(
          'LOAD_ERR_VALIDATE',
          'there is no earlier macro of this name to change',
          item.place,
          item.name,
        );
      }
      const adds = this.#mode(item, 'condition') === 'append';
      earlier.conditions = adds ? [...earlier.conditions, piece] : [piece];
      earlier.last = this.#taken;
      return;
    }
    const first = earlier?.first ?? this.#taken;
    this.#macros.set(item.name, { item, conditions: [piece], used: false, first, last: this.#taken });
  }

  #takeRule(item: RuleItem) {
    const earlier = this.#rules.get(item.name);
    const { values } = item;
    if (this.#changesEarlier(item)) {
      if (earlier === undefined) {
        return this.#error(
          'LOAD_ERR_VALIDATE',
          'there is no earlier rule of this name to change',
          item.place,
          item.name,
        );
      }
      return this.#changeRule(earlier, item);
    }
    if (NEEDED.every((key) => values[key] === undefined)) {
      if (typeof values['enabled'] !== 'boolean') {
        const message =
          'a rule needs "condition", "output", "desc" and "priority", or "enabled" to switch an earlier one';
        return this.#error('LOAD_ERR_YAML_VALIDATE', message, item.place, item.name);
      }
      if (earlier === undefined) {
        return this.#error(
          'LOAD_ERR_VALIDATE',
          'there is no earlier rule of this name to switch',
          item.place,
          item.name,
        );
      }
      this.#warn('LOAD_DEPRECATED_ITEM', '"enabled" alone is the old form', item, 'say it with "override"');
      earlier.enabled = values['enabled'];
      return;
    }
    for (const key of NEEDED) {
      if (typeof values[key] !== 'string' || values[key] === '') {
        return this.#error('LOAD_ERR_YAML_VALIDATE', `a rule needs "${key}"`, item.placeOf(key), item.name);
      }
    }
    const priority = this.#priority(item);
    if (priority === null) return;
    if (values['tags'] !== undefined && !Array.isArray(values['tags'])) {
      return this.#error('LOAD_ERR_YAML_VALIDATE', '"tags" must be a list', item.placeOf('tags'), item.name);
    }
    const source = typeof values['source'] === 'string' ? values['source'] : 'syscall';
    if (earlier !== undefined && earlier.source !== source) {
      const message = 'the rule is there already with another source';
      return this.#error('LOAD_ERR_VALIDATE', message, item.place, item.name);
    }
    const exceptions = this.#exceptions(item).filter((one) => this.#checkException(one, item, source));
    this.#rules.set(item.name, {
      item,
      conditions: [{ text: String(values['condition']), placeIn: (offset) => item.placeIn('condition', offset) }],
      output: String(values['output']).trim(),
      description: String(values['desc']).trim(),
      priority,
      tags: texts(values['tags']),
      enabled: values['enabled'] !== false,
      warnsOfTypes: values['warn_evttypes'] !== false,
      skipsUnknown: values['skip-if-unknown-filter'] === true,
      source,
      exceptions,
      timing: values,
    });
  }

  /** The priority that an item gives, or null when it is none; asked of every rule, also where its events are not observed. */
  #priority(item: RuleItem): Priority | null {
    const given = String(item.values['priority']);
    const word = given.toLowerCase();
    const priority = PRIORITIES.find((one) => one === word || (word === 'info' && one === 'informational'));
    if (priority !== undefined) return priority;
    const message = `"${given}" is not a priority; expected one of ${PRIORITIES.join(', ')}`;
    const hint = this.#hints.for({ name: word, known: PRIORITIES });
    this.#error('LOAD_ERR_YAML_VALIDATE', message, item.placeOf('priority'), item.name, hint);
    return null;
  }

  #changeRule(rule: Draft, item: RuleItem) {
    const isOldForm = item.values['append'] === true;
    // Of an old append everything else is left out, for Falco as well.
    const values = isOldForm ? pick(item.values, ['condition', 'exceptions']) : item.values;
    const condition = values['condition'];
    if (isOldForm && condition === undefined && values['exceptions'] === undefined) {
      const message = 'an appended rule needs "condition" or "exceptions"';
      this.#error('LOAD_ERR_VALIDATE', message, item.place, item.name);
      return;
    }
    if (typeof condition === 'string') {
      const piece = { text: condition, placeIn: (offset: number) => item.placeIn('condition', offset) };
      const adds = this.#mode(item, 'condition') === 'append';
      rule.conditions = adds ? [...rule.conditions, piece] : [piece];
    }
    for (const key of ['output', 'desc'] as const) {
      const text = values[key];
      if (typeof text !== 'string') continue;
      const target = key === 'desc' ? 'description' : 'output';
      rule[target] = this.#mode(item, key) === 'append' ? `${rule[target]} ${text.trim()}` : text.trim();
    }
    if (Array.isArray(values['tags'])) {
      const tags = texts(values['tags']);
      rule.tags = this.#mode(item, 'tags') === 'append' ? [...rule.tags, ...tags] : tags;
    }
    if (typeof values['priority'] === 'string') rule.priority = this.#priority(item) ?? rule.priority;
    if (typeof values['enabled'] === 'boolean') rule.enabled = values['enabled'];
    if (typeof values['warn_evttypes'] === 'boolean') rule.warnsOfTypes = values['warn_evttypes'];
    if (values['skip-if-unknown-filter'] !== undefined) rule.skipsUnknown = values['skip-if-unknown-filter'] === true;
    if (TIMING_KEYS.some((key) => values[key] !== undefined)) rule.timing = { ...rule.timing, ...values };
    if (values['exceptions'] !== undefined) {
      const adds = this.#mode(item, 'exceptions') === 'append';
      const given = this.#exceptions(item);
      if (adds) for (const one of given) this.#addException(rule, one, item);
      else rule.exceptions = given.filter((one) => this.#checkException(one, item, rule.source));
    }
  }

  #addException(rule: Draft, one: ExceptionDraft, item: RuleItem): void {
    const same = rule.exceptions.find((other) => other.name === one.name);
    if (one.values.length === 0) {
      const message = `nothing is appended to the exception "${one.name}"`;
      this.#warn('LOAD_APPEND_NO_VALUES', message, item, 'give "values"');
    }
    const added = (['fields', 'comps'] as const).find((key) => one[key] !== undefined);
    const wrong =
      same === undefined
        ? one.values.length === 0 && 'a new one needs "values"'
        : added !== undefined && `"${added}" of an exception cannot be appended to, only values`;
    if (wrong !== false) {
      const message = `exception "${one.name}": ${wrong}`;
      this.#error('LOAD_ERR_VALIDATE', message, one.place, item.name);
    } else if (same !== undefined) same.values.push(...one.values);
    else if (this.#checkException(one, item, rule.source)) rule.exceptions.push(one);
  }

  /** What an exception says of itself, whether it has values or not. */
  #checkException({ name, place, fields, comps }: ExceptionDraft, item: RuleItem, source: string): boolean {
    const refuse = (message: string, hint?: string, code: FindingCode = 'LOAD_ERR_VALIDATE'): false => {
      this.#error(code, `exception "${name}": ${message}`, place, item.name, hint);
      return false;
    };
    if (fields === undefined || fields === null) {
      // Of one that is appended Falco asks only when it puts them together.
      const code = this.#mode(item, 'exceptions') === 'append' ? 'LOAD_ERR_VALIDATE' : 'LOAD_ERR_YAML_VALIDATE';
      return refuse('"fields" must be a field or a list of fields', undefined, code);
    }
    const isTuple = Array.isArray(fields);
    if (isTuple && comps !== undefined && (!Array.isArray(comps) || comps.length !== fields.length))
      return refuse('"fields" and "comps" differ in length');
    if (!isTuple && comps !== undefined && !LIST_COMPARISONS.has(wordOf(comps)))
      return refuse('a single field is compared by "in", "pmatch" or "intersects"', 'make "fields" a list');
    const unknown = Array.isArray(comps) ? comps.find((one) => !COMPARISONS.has(wordOf(one))) : undefined;
    if (unknown !== undefined) return refuse(`"${wordOf(unknown)}" is no comparison`);
    if (source !== 'syscall') return true;
    for (const field of isTuple ? fields : [fields]) {
      try {
        this.#fieldOf(field);
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        return refuse(error.message, error.hintOf(this.#hints));
      }
    }
    return true;
  }

  /** A field, or what a transformer makes of one. @throws FilterError */
  #fieldOf(text: unknown): Operand {
    const parsed = parseFilter(`${wordOf(text)} exists`);
    if (parsed.kind !== 'exists') throw new FilterError(`"${wordOf(text)}" is not a field`, 0);
    checkFilter(parsed, this.#fields);
    return parsed.left;
  }

  #exceptions(item: RuleItem): ExceptionDraft[] {
    const list = item.values['exceptions'];
    if (list === undefined || list === null) return [];
    if (!Array.isArray(list) || !list.every(isRecord)) {
      const message = '"exceptions" must be a list of named entries';
      this.#error('LOAD_ERR_YAML_VALIDATE', message, item.placeOf('exceptions'), item.name);
      return [];
    }
    const names = list.map((one) => one['name']);
    if (names.some((name) => typeof name !== 'string' || name === '')) {
      const place = item.placeOf(
        'exceptions',
        names.findIndex((name) => typeof name !== 'string' || name === ''),
      );
      this.#error('LOAD_ERR_YAML_VALIDATE', 'an exception needs a "name"', place, item.name);
    }
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      this.#warn('LOAD_EXCEPTION_NAME_NOT_UNIQUE', `two exceptions are called "${wordOf(twice)}"`, item);
    }
    const odd = list.findIndex((one) => (one['values'] ?? []) !== null && !Array.isArray(one['values'] ?? []));
    if (odd !== -1) {
      const message = 'the "values" of an exception must be a list';
      this.#error('LOAD_ERR_YAML_VALIDATE', message, item.placeOf('exceptions', odd, 'values'), item.name);
      return [];
    }
    return list.map((one, index) => ({
      name: wordOf(one['name']),
      place: item.placeOf('exceptions', index),
      fields: one['fields'],
      comps: one['comps'],
      values: Array.isArray(one['values']) ? [...one['values']] : [],
    }));
  }

  *finish(about: string | null): Generator<void, Resolved> {
    const rules: Rule[] = [];
    for (const draft of this.#rules.values()) {
      const rule = this.#finishRule(draft);
      if (rule !== null) rules.push(rule);
      yield;
    }
    for (const [name, macro] of this.#macros) {
      if (macro.used || (about !== null && !macro.conditions.some(({ placeIn }) => placeIn(0).file === about)))
        continue;
      this.#macro(name, [], 'read');
      const mistake = this.#mistakeIn(macro);
      const hint = mistake === null ? undefined : `a rule that used it would be refused: ${mistake}`;
      this.#report('warning', 'LOAD_UNUSED_MACRO', 'the macro is not used', macro.item.place, name, hint);
      yield;
    }
    for (const [name, list] of this.#lists) {
      if (!list.used) this.#report('warning', 'LOAD_UNUSED_LIST', 'the list is not used', list.item.place, name);
    }
    return { rules, findings: this.#findings };
  }

  /** A rule may ask to be left out where a field of it is not known. */
  #forgiveUnknown(said: number, item: RuleItem): void {
    const all = this.#findings.slice(said);
    const own = all.filter(({ severity }) => severity === 'error');
    if (own.length === 0 || !own.every(({ message }) => UNKNOWN.some((start) => message.startsWith(start)))) return;
    this.#findings.splice(said, all.length, ...all.filter((one) => !own.includes(one)));
    for (const { message } of own)
      this.#warn('LOAD_UNKNOWN_FILTER', `the rule is switched off, as it asks for: ${message}`, item);
  }

  #finishRule(draft: Draft): Rule | null {
    const { item } = draft;
    if (draft.source !== 'syscall') {
      const message = `the rule is switched off: events of source "${draft.source}" are not observed`;
      this.#report('warning', 'LOAD_UNKNOWN_SOURCE', message, item.place, item.name);
      return null;
    }
    if (draft.output.includes(CONTAINER_INFO)) {
      const message = `"${CONTAINER_INFO}" adds nothing: an alert has its container by itself`;
      this.#warn('LOAD_DEPRECATED_ITEM', message, item, 'take it away');
      draft.output = draft.output.replaceAll(CONTAINER_INFO, '').trim();
    }
    const said = this.#findings.length;
    try {
      for (const { code, message, at, hint } of compileOutput(draft.output, this.#fields).warnings)
        this.#report('warning', code, message, item.placeIn('output', at), item.name, hint);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      const hint = error.hintOf(this.#hints);
      this.#error('LOAD_ERR_COMPILE_OUTPUT', error.message, item.placeIn('output', error.at), item.name, hint);
      if (draft.skipsUnknown) this.#forgiveUnknown(said, item);
      return null;
    }
    const own = this.#conditions(draft.conditions, item.name);
    if (own === null) {
      if (draft.skipsUnknown) this.#forgiveUnknown(said, item);
      return null;
    }
    if (comparesWithMissing(own)) {
      const hint = 'what is not there equals nothing: ask "exists" instead';
      this.#warn('LOAD_UNSAFE_NA_CHECK', 'the condition compares with "<NA>"', item, hint);
    }
    const exceptions = this.#exceptionFilters(draft);
    if (exceptions === null) return null;
    const placeIn = placeAmong(draft.conditions);
    for (const { code, message, at, hint } of warningsOf(own, this.#fields))
      this.#report('warning', code, message, placeIn(at), item.name, hint);
    for (const { code, message, hint } of exceptions.flatMap((one) => warningsOf(one, this.#fields)))
      this.#report('warning', code, message, item.placeOf('exceptions'), item.name, hint);
    const whole = exceptions.length === 0 ? own : { kind: 'and' as const, children: [own, ...exceptions], at: 0 };
    const first = draft.conditions[0];
    const filter = this.#expanded(whole, placeIn, item.name, []);
    if (filter === null || first === undefined) return null;
    const timing = this.#timing(draft);
    if (timing === undefined) return null;
    return {
      name: item.name,
      description: draft.description,
      priority: draft.priority,
      tags: draft.tags,
      output: draft.output,
      filter,
      timing,
      enabled: draft.enabled,
      warnsOfTypes: draft.warnsOfTypes,
      place: item.place,
      conditionPlace: first.placeIn,
    };
  }

  /** What the rule asks of time; undefined when that is wrong. */
  #timing({ item, timing }: Draft): Timing | null | undefined {
    try {
      return readTiming(timing, this.#fields, (condition) => {
        const filter = this.#withLists(parseFilter(this.#withoutOddNames(condition)));
        checkFilter(filter, this.#fields);
        const whole = this.#expanded(filter, () => item.placeOf('after'), item.name, []);
        if (whole === null) throw new FilterError('a step of "after" names a macro that cannot be used', 0);
        return whole;
      });
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      this.#error('LOAD_ERR_EXTENSION', error.message, item.placeOf('after'), item.name, error.hintOf(this.#hints));
      return undefined;
    }
  }

  /**
   * Parses and checks the pieces of a condition. What is appended goes on with the text before it, so that "or" and "and" bind as in
   * one text: `a or b` and then `and c` is `a or (b and c)`, as it is for Falco.
   */
  #conditions(pieces: Draft['conditions'], name: string, how: Reading = 'checked'): Filter | null {
    try {
      const filter = this.#parsed(pieces);
      if (how === 'checked') checkFilter(filter, this.#fields);
      return filter;
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      this.#error(
        'LOAD_ERR_COMPILE_CONDITION',
        error.message,
        placeAmong(pieces)(error.at),
        name,
        error.hintOf(this.#hints),
      );
      return null;
    }
  }

  #parsed(pieces: Draft['conditions']): Filter {
    return this.#withLists(parseFilter(this.#withoutOddNames(pieces.map(({ text }) => text).join(' '))));
  }

  /** What is wrong with a condition that can be read. */
  #mistakeIn({ conditions }: MacroDraft): string | null {
    try {
      checkFilter(this.#parsed(conditions), this.#fields);
      return null;
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      return error.message;
    }
  }

  /** What a list is called may have blanks in it: each stands as one word then, outside of quotes and of the same length. */
  #withoutOddNames(text: string): string {
    let named = text;
    for (const [word, name] of this.#oddLists) {
      if (!named.includes(name)) continue;
      named = named
        .split(QUOTED)
        .map((part, index) => (index % 2 === 1 ? part : replaceWord(part, name, word)))
        .join('');
    }
    return named;
  }

  /** Names of lists among the values replaced by the lists' items. Falco puts them into the text, so that "=" takes a list of one. */
  #withLists(filter: Filter): Filter {
    switch (filter.kind) {
      case 'and':
      case 'or':
        return { ...filter, children: filter.children.map((child) => this.#withLists(child)) };
      case 'not':
        return { ...filter, child: this.#withLists(filter.child) };
      case 'check': {
        const { right } = filter;
        if (right.kind === 'list') {
          return { ...filter, right: { ...right, items: right.items.flatMap((item) => this.#itemsOf(item)) } };
        }
        if (right.kind !== 'value' || right.quoted) return filter;
        const items = this.#itemsOf(right);
        const [only] = items;
        if (items.length === 1 && only !== undefined) return only === right ? filter : { ...filter, right: only };
        const message = `"${right.text}" is a list of ${items.length} values, and "${filter.operator}" takes one`;
        throw new FilterError(message, right.at, `for one of them: in (${right.text})`);
      }
      default:
        return filter;
    }
  }

  #itemsOf(item: Operand): Operand[] {
    if (item.kind !== 'value' || item.quoted) return [item];
    const name = this.#oddLists.get(item.text) ?? item.text;
    if (!this.#lists.has(name)) return [item];
    return this.#list(name, item.at, []).map((text) => ({ kind: 'value', text, quoted: true, at: item.at }));
  }

  #list(name: string, at: number, within: readonly string[]): readonly string[] {
    const known = this.#builtLists.get(name);
    if (known !== undefined) return known;
    const list = this.#lists.get(name);
    if (list === undefined) return [];
    if (within.includes(name)) throw new FilterError(`the list "${name}" names itself`, at);
    list.used = true;
    const values: string[] = [];
    for (const value of list.values) {
      if (this.#lists.has(value)) values.push(...this.#list(value, at, [...within, name]));
      else values.push(...valuesOf(value));
      if (values.length > LIST_ITEMS_MAX)
        throw new FilterError(`the list "${name}" is longer than ${LIST_ITEMS_MAX}`, at);
    }
    this.#builtLists.set(name, values);
    return values;
  }

  #macro(name: string, within: readonly string[], how: Reading = 'checked'): Filter | null {
    const known = this.#builtMacros.get(name);
    if (known !== undefined) return known;
    const macro = this.#macros.get(name);
    if (macro === undefined) return null;
    macro.used = true;
    this.#builtMacros.set(name, null);
    const own = this.#conditions(macro.conditions, name, how);
    const place = placeAmong(macro.conditions);
    for (const { code, message, at, hint } of own === null || how === 'read' ? [] : warningsOf(own, this.#fields))
      this.#report('warning', code, message, place(at), name, hint);
    const filter = own === null ? null : this.#expanded(own, place, name, [...within, name], how);
    this.#builtMacros.set(name, filter);
    return filter;
  }

  /** Of all files: it is asked for when all of them were taken. */
  #macroNames(): readonly string[] {
    this.#namesOfMacros ??= [...this.#macros.keys()];
    return this.#namesOfMacros;
  }

  /** Macros put in; null when one of them is missing or wrong. */
  #expanded(
    filter: Filter,
    placeIn: (offset: number) => Place,
    item: string,
    within: readonly string[],
    how: Reading = 'checked',
  ): Filter | null {
    let nodes = 0;
    let whole = true;
    const fail = (message: string, at: number, hint?: string): void => {
      whole = false;
      this.#error('LOAD_ERR_VALIDATE', message, placeIn(at), item, hint);
    };
    const expand = (one: Filter): Filter => {
      switch (one.kind) {
        case 'and':
        case 'or':
          return { ...one, children: one.children.map(expand) };
        case 'not':
          return { ...one, child: expand(one.child) };
        case 'macro': {
          if (within.includes(one.name)) {
            fail(`the macro "${one.name}" names itself`, one.at);
            return one;
          }
          const macro = this.#macros.get(one.name);
          const outer = within.at(-1);
          const seen = outer === undefined ? undefined : this.#macros.get(outer);
          if (macro !== undefined && seen !== undefined && macro.first >= seen.last) {
            const place = `${macro.item.place.file}:${macro.item.place.line}`;
            const hint = `it is defined later, at ${place}; a macro sees those before it`;
            fail(`the macro "${one.name}" is not defined`, one.at, hint);
            return one;
          }
          if (macro === undefined) {
            const hint = this.#hints.for({ name: one.name, known: this.#macroNames() });
            fail(`the macro "${one.name}" is not defined`, one.at, hint);
            return one;
          }
          const body = this.#macro(one.name, within, how);
          if (body === null) {
            fail(`the macro "${one.name}" is wrong`, one.at);
            return one;
          }
          nodes += countNodes(body);
          if (nodes > FILTER_NODES_MAX) {
            fail(`the condition is larger than ${FILTER_NODES_MAX} comparisons with its macros`, one.at);
            return one;
          }
          return body;
        }
        default:
          return one;
      }
    };
    const expanded = expand(filter);
    return whole ? expanded : null;
  }

  /** One condition for each exception: not any of its tuples. */
  #exceptionFilters(draft: Draft): Filter[] | null {
    const filters: Filter[] = [];
    for (const exception of draft.exceptions) {
      try {
        const written = this.#exceptionFilter(exception);
        if (written === null) continue;
        const filter = this.#withLists(written);
        checkFilter(filter, this.#fields);
        filters.push({ kind: 'not', child: filter, at: 0 });
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        const message = `exception "${exception.name}": ${error.message}`;
        this.#error('LOAD_ERR_VALIDATE', message, exception.place, draft.item.name, error.hintOf(this.#hints));
        return null;
      }
    }
    return filters;
  }

  #exceptionFilter(exception: ExceptionDraft): Filter | null {
    const { fields, comps, values } = exception;
    if (values.length === 0) return null;
    if (!Array.isArray(fields)) {
      if (values.some(Array.isArray)) throw new FilterError('the values of a single field are no lists', 0);
      return this.#exceptionPart(fields, comps ?? 'in', values);
    }
    const operators = Array.isArray(comps) ? comps : fields.map(() => '=');
    if (operators.length !== fields.length) throw new FilterError('"fields" and "comps" differ in length', 0);
    const tuples = values.map((tuple): Filter => {
      if (!Array.isArray(tuple) || tuple.length !== fields.length) {
        throw new FilterError(`a tuple of values must have ${fields.length} members`, 0);
      }
      const children = fields.map((field, i) => this.#exceptionPart(field, operators[i], tuple[i]));
      return { kind: 'and', children, at: 0 };
    });
    return { kind: 'or', children: tuples, at: 0 };
  }

  #exceptionPart(field: unknown, comparison: unknown, value: unknown): Filter {
    const left = this.#fieldOf(field);
    const operator = (comparison === '==' ? '=' : comparison) as BinaryOperator;
    const made = (right: Operand): Filter => ({ kind: 'check', left, operator, quantifier: null, right, at: 0 });
    if (operator === ('exists' as string)) return { kind: 'exists', left, at: 0 };
    if (LIST_COMPARISONS.has(operator)) {
      // "(a, b)" as one text is the list as a condition writes it.
      if (typeof value === 'string' && value.startsWith('(')) return made(sideOf(`in ${value}`));
      const list: unknown[] = Array.isArray(value) ? value : [value];
      if (list.some(isNested)) throw new FilterError('its values must be texts', 0);
      return made({ kind: 'list', items: list.flatMap((one) => operandsOf(wordOf(one))), at: 0 });
    }
    if (isNested(value)) throw new FilterError(`"${wordOf(comparison)}" takes one value`, 0);
    const text = wordOf(value);
    // What a transformer makes of a field; with a blank in it, it is quoted first, and so a text.
    if (TRANSFORMED.test(text) && !text.includes(' ')) return made(sideOf(`= ${text}`));
    const [only, ...more] = operandsOf(text);
    return made(only !== undefined && more.length === 0 ? only : { kind: 'value', text, quoted: true, at: 0 });
  }
}

function comparesWithMissing(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.children.some(comparesWithMissing);
  if (filter.kind === 'not') return comparesWithMissing(filter.child);
  if (filter.kind !== 'check') return false;
  if (filter.left.kind === 'field' && NAMED_MISSING.has(filter.left.name)) return false;
  const values = filter.right.kind === 'list' ? filter.right.items : [filter.right];
  return values.some((one) => one.kind === 'value' && one.text === '<NA>');
}

/** Fields that have this text where there is no name. */
const NAMED_MISSING: ReadonlySet<string> = new Set(['user.name', 'user.loginname', 'group.name']);

/** Comparisons and what joins them; macros are put in by now. */
export function countNodes(filter: Filter): number {
  if (filter.kind === 'and' || filter.kind === 'or') {
    return filter.children.reduce((sum, child) => sum + countNodes(child), 1);
  }
  return filter.kind === 'not' ? 1 + countNodes(filter.child) : 1;
}

/** The right side of a comparison as a condition writes it. @throws FilterError */
function sideOf(test: string): Operand {
  const filter = parseFilter(`evt.type ${test}`);
  if (filter.kind !== 'check') throw new FilterError(`"${test}" is no comparison`, 0);
  return filter.right;
}

/** A quoted text, as a whole. */
const QUOTED = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/s;

/** Wherever it stands between what parts words. */
function replaceWord(text: string, name: string, word: string): string {
  const parts = text.split(name);
  return parts.reduce((whole, part, index) => {
    const [before, after] = [parts[index - 1]?.at(-1) ?? (index === 1 ? '' : ' '), part[0] ?? ''];
    const stands = (before === '' || /[\s(),=]/.test(before)) && (after === '' || /[\s(),=]/.test(after));
    return `${whole}${stands ? word : name}${part}`;
  });
}

/**
 * The values that a text of a list or an exception stands for where Falco puts it into a condition: quotes are taken off, a comma
 * parts two values, and what has a blank is quoted first. What would be no list of values is the text itself.
 */
function operandsOf(text: string): Operand[] {
  if (PLAIN_VALUE.test(text)) return [{ kind: 'value', text, quoted: false, at: 0 }];
  const isBare = text.includes(' ') && !text.startsWith('"') && !text.startsWith("'");
  try {
    const side = sideOf(`in (${isBare ? `"${text}"` : text})`);
    if (text !== '' && side.kind === 'list') return side.items.map((item) => ({ ...item, at: 0 }));
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
  }
  return [{ kind: 'value', text, quoted: true, at: 0 }];
}

function valuesOf(text: string): string[] {
  return operandsOf(text).flatMap((one) => (one.kind === 'value' ? [one.text] : []));
}

/** Names of a plugin and of those that would do instead, or what is wrong with them. */
function readPlugin(plugin: unknown): string[] | { readonly code: FindingCode; readonly message: string } {
  const others = isRecord(plugin) ? plugin['alternatives'] : undefined;
  if (others !== undefined && !Array.isArray(others))
    return { code: 'LOAD_ERR_YAML_VALIDATE', message: '"alternatives" must be a list of plugins' };
  const names: string[] = [];
  for (const one of [plugin, ...(others ?? [])]) {
    const [name, version] = isRecord(one) ? [one['name'], one['version']] : [];
    if (typeof name !== 'string' || typeof version !== 'string')
      return { code: 'LOAD_ERR_YAML_VALIDATE', message: 'a plugin needs "name" and "version"' };
    if (versionOf(version) === null)
      return { code: 'LOAD_ERR_VALIDATE', message: `"${version}" is not a version of the plugin "${name}"` };
    if (names.includes(name))
      return { code: 'LOAD_ERR_VALIDATE', message: `the plugin "${name}" is an alternative of itself` };
    names.push(name);
  }
  return names;
}

/** Three numbers with dots between them, and perhaps more after them. */
function versionOf(text: string): number[] | null {
  const found = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?![\d.])/.exec(text);
  return found === null ? null : found.slice(1).map(Number);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(wordOf) : [];
}

/** As `operandOf` of transforms.ts says it. */
const UNKNOWN = ['unknown field ', UNKNOWN_EVENT];

/** Where a character of the joined pieces stands. */
function placeAmong(pieces: Draft['conditions']): (offset: number) => Place {
  return (offset) => {
    let start = 0;
    for (const [index, piece] of pieces.entries()) {
      if (offset <= start + piece.text.length || index === pieces.length - 1) return piece.placeIn(offset - start);
      start += piece.text.length + 1;
    }
    return { file: '', line: 1, column: 1 };
  };
}

function pick(values: Readonly<Record<string, unknown>>, keys: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => keys.includes(key)));
}
