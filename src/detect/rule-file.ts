/** A rule file in YAML to plain items with their places. Everything wrong is a finding with file, line and column. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import { sayYamlFault } from '../formats/index.ts';
import { Hints } from './hint.ts';
import { RULE_FILE_BYTES_MAX, YAML_ALIASED_NODES_MAX, YAML_ALIASES_MAX } from './limits.ts';
import { TIMING_KEYS } from './timing-keys.ts';

export type FindingCode =
  | 'LOAD_ERR_FILE_READ'
  | 'LOAD_ERR_YAML_PARSE'
  | 'LOAD_ERR_YAML_VALIDATE'
  | 'LOAD_ERR_COMPILE_CONDITION'
  | 'LOAD_ERR_COMPILE_OUTPUT'
  | 'LOAD_ERR_VALIDATE'
  | 'LOAD_ERR_EXTENSION'
  | 'LOAD_UNKNOWN_SOURCE'
  | 'LOAD_NO_EVTTYPE'
  | 'LOAD_UNKNOWN_FILTER'
  | 'LOAD_UNUSED_MACRO'
  | 'LOAD_UNUSED_LIST'
  | 'LOAD_UNSAFE_NA_CHECK'
  | 'LOAD_DEPRECATED_ITEM'
  | 'LOAD_INVALID_LIST_NAME'
  | 'LOAD_INVALID_MACRO_NAME'
  | 'LOAD_EXCEPTION_NAME_NOT_UNIQUE'
  | 'LOAD_APPEND_NO_VALUES'
  | 'LOAD_UNKNOWN_ITEM'
  | 'LOAD_UNKNOWN_KEY'
  | 'LOAD_COMPILE_CONDITION'
  | 'LOAD_UNSUPPORTED_PLUGIN'
  | 'LOAD_UNOBSERVED';

/** Something to tell about a rule file. Codes are Falco's where it has one. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly code: FindingCode;
  readonly message: string;
  /** The same in Spanish, where it is told to people. */
  readonly spanish?: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The rule, macro or list it is about. */
  readonly item: string | null;
  readonly hint?: string;
  readonly spanishHint?: string;
}

/** A place in a file; `condition` knows where each character of its text stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface RuleItem {
  readonly kind: 'rule' | 'macro' | 'list' | 'required_engine_version' | 'required_plugin_versions';
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly place: Place;
  /** The place of a character of a text value. */
  placeIn(key: string, offset: number): Place;
  /** The place of what stands below a key, as deep as the file has it: keys of maps, places in lists. */
  placeOf(...path: readonly (string | number)[]): Place;
}

/** In the order in which Falco asks for them. */
const KINDS = ['required_engine_version', 'required_plugin_versions', 'list', 'macro', 'rule'] as const;
const CHANGES = ['append', 'override'] as const;
const KEYS: Readonly<Record<RuleItem['kind'], ReadonlySet<string>>> = {
  required_engine_version: new Set(['required_engine_version']),
  required_plugin_versions: new Set(['required_plugin_versions']),
  list: new Set(['list', 'items', ...CHANGES]),
  macro: new Set(['macro', 'condition', ...CHANGES]),
  rule: new Set([
    ...['rule', 'desc', 'condition', 'output', 'priority', 'source', 'enabled', 'tags', 'exceptions'],
    ...['warn_evttypes', 'skip-if-unknown-filter', 'capture', 'capture_duration', 'capture_events', 'capture_filesize'],
    ...CHANGES,
    ...TIMING_KEYS,
  ]),
};
const EXCEPTION_KEYS: ReadonlySet<string> = new Set(['name', 'fields', 'comps', 'values']);
/** What is one text where it is given. */
const TEXTS = ['condition', 'desc', 'output', 'priority', 'source', 'required_engine_version'] as const;
const SWITCHES = ['append', 'enabled', 'warn_evttypes', 'skip-if-unknown-filter', 'capture'] as const;

/** Reads one file; each of its documents is a list of items. */
export function parseRuleFile(file: string, text: string): { items: RuleItem[]; findings: Finding[] } {
  const findings: Finding[] = [];
  if (Buffer.byteLength(text) > RULE_FILE_BYTES_MAX) {
    const message = `the file is larger than ${RULE_FILE_BYTES_MAX} bytes`;
    findings.push({ severity: 'error', code: 'LOAD_ERR_FILE_READ', message, file, line: 1, column: 1, item: null });
    return { items: [], findings };
  }
  // The mark that some editors put before a text is no part of it; before a list the library takes it for a column.
  const reader = new Reader(file, text.startsWith('\ufeff') ? text.slice(1) : text, findings);
  return { items: reader.read(), findings };
}

class Reader {
  readonly #file: string;
  readonly #text: string;
  readonly #findings: Finding[];
  readonly #lines = new LineCounter();
  readonly #values = new Values();
  readonly #hints = new Hints();

  constructor(file: string, text: string, findings: Finding[]) {
    this.#file = file;
    this.#text = text;
    this.#findings = findings;
  }

  #error(code: FindingCode, message: string, place: Place, item: string | null = null, hint?: string): void {
    this.#findings.push({
      ...{ severity: 'error', code, message },
      ...place,
      ...{ item, ...(hint === undefined ? {} : { hint }) },
    });
  }

  #warn(code: FindingCode, message: string, place: Place, item: string | null, hint?: string): void {
    this.#findings.push({
      severity: 'warning',
      code,
      message,
      ...place,
      item,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  #placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  read(): RuleItem[] {
    // Texts stay as they were written: 0600 in a list is no number, and what "yes" means is decided where a switch is asked for.
    const documents = parseAllDocuments(this.#text, {
      lineCounter: this.#lines,
      uniqueKeys: false,
      version: '1.2',
      schema: 'failsafe',
    });
    if (!Array.isArray(documents)) return [];
    for (const error of documents.flatMap(({ errors }) => errors)) {
      const sentence = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
      const { en, es } = sayYamlFault(error.code, sentence);
      const place = this.#placeOf(error.pos[0]);
      this.#findings.push({
        severity: 'error',
        code: 'LOAD_ERR_YAML_PARSE',
        message: en,
        spanish: es,
        ...place,
        item: null,
      });
    }
    return this.#findings.length > 0 ? [] : documents.flatMap((document) => this.#itemsOf(document));
  }

  #itemsOf(document: Document): RuleItem[] {
    const root = document.contents as Node | null;
    if (root === null || isNull(root)) return [];
    if (!isSeq(root)) {
      const message = 'a rule file is a list of items, each beginning with "- "';
      // Values of a Helm chart and maps of configuration have the rules as a text below a name.
      const isInside = isMap(root) && /^[ \t]+- (?:rule|macro|list):/m.test(this.#text);
      const hint = isInside
        ? 'the rules are the text below a name of this file: give them as a file of their own'
        : undefined;
      this.#error('LOAD_ERR_YAML_VALIDATE', message, this.#placeOf(root.range?.[0] ?? 0), null, hint);
      return [];
    }
    return root.items.flatMap((entry) => {
      const node = entry as Node;
      if (isNull(node)) return [];
      const place = this.#placeOf(node.range?.[0] ?? 0);
      if (isAlias(node) || !isMap(node)) {
        this.#error('LOAD_ERR_YAML_VALIDATE', 'expected an item such as "rule:", "macro:" or "list:"', place);
        return [];
      }
      return this.#itemOf(node, document, place) ?? [];
    });
  }

  #itemOf(node: YAMLMap, document: Document, place: Place): RuleItem | null {
    let values: Record<string, unknown>;
    try {
      values = this.#values.read(node, document) as Record<string, unknown>;
    } catch (error) {
      // An alias of an anchor that is not there, or too many of them.
      if (!(error instanceof RangeError)) throw error;
      this.#error('LOAD_ERR_YAML_PARSE', error.message, place);
      return null;
    }
    const kind = KINDS.find((one) => Object.hasOwn(values, one));
    if (kind === undefined) {
      this.#warn('LOAD_UNKNOWN_ITEM', `unknown item with the keys ${Object.keys(values).join(', ')}`, place, null);
      return null;
    }
    const name = kind.startsWith('required') ? kind : values[kind];
    if (typeof name !== 'string' || name === '') {
      this.#error('LOAD_ERR_YAML_VALIDATE', `the name of a ${kind} must be text that is not empty`, place);
      return null;
    }
    this.#checkKeys(node, KEYS[kind], name);
    for (const key of [...TEXTS, ...SWITCHES]) {
      if (!isNested(values[key])) continue;
      const message = `"${key}" must be a text, not a list or a map`;
      this.#error('LOAD_ERR_YAML_VALIDATE', message, this.#placeOfKey(node, key), name);
      return null;
    }
    if (Array.isArray(values['tags']) && values['tags'].some(isNested)) {
      this.#error('LOAD_ERR_YAML_VALIDATE', '"tags" must be a list of texts', this.#placeOfKey(node, 'tags'), name);
      return null;
    }
    for (const key of SWITCHES) {
      if (typeof values[key] !== 'string') continue;
      const said = truthOf(values[key]);
      if (said === null) {
        this.#error('LOAD_ERR_YAML_VALIDATE', `"${key}" must be true or false`, this.#placeOfKey(node, key), name);
        return null;
      }
      values[key] = said;
    }
    return {
      ...{ kind, name, values, place },
      placeIn: (key, offset) => this.#placeIn(node, key, offset, place),
      placeOf: (...path) => this.#placeOfPath(node, path, place),
    };
  }

  /** A key that nobody reads is left out, as Falco does it, but not unsaid. */
  #checkKeys(node: YAMLMap, known: ReadonlySet<string>, item: string): void {
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const text = isScalar(key) ? String(key.value) : '';
      const place = this.#placeOf((key as Node).range?.[0] ?? 0);
      if (seen.has(text)) {
        this.#warn('LOAD_UNKNOWN_KEY', `"${text}" is given twice, and the first one counts`, place, item);
      } else if (!known.has(text)) {
        this.#warn(
          'LOAD_UNKNOWN_KEY',
          `nobody reads the key "${text}"`,
          place,
          item,
          this.#hints.for({ name: text, known }),
        );
      }
      seen.add(text);
      if (text !== 'exceptions' || !isSeq(value)) continue;
      for (const exception of value.items) if (isMap(exception)) this.#checkKeys(exception, EXCEPTION_KEYS, item);
    }
  }

  #pairOf(node: YAMLMap, key: string): Pair | undefined {
    return node.items.find((one) => isScalar(one.key) && one.key.value === key);
  }

  #placeOfKey(node: YAMLMap, key: string): Place {
    return this.#placeOf((this.#pairOf(node, key)?.key as Node | undefined)?.range?.[0] ?? 0);
  }

  #placeOfPath(node: YAMLMap, path: readonly (string | number)[], otherwise: Place): Place {
    let at: unknown = node;
    let place = otherwise;
    for (const step of path) {
      let named: unknown;
      if (isMap(at) && typeof step === 'string') {
        const pair = this.#pairOf(at, step);
        named = pair?.key;
        at = pair?.value;
      } else if (isSeq(at) && typeof step === 'number') {
        at = at.items[step];
        named = at;
      } else return place;
      const start = (named as Node | null | undefined)?.range?.[0];
      if (start === undefined) return place;
      place = this.#placeOf(start);
    }
    return place;
  }

  #placeIn(node: YAMLMap, key: string, offset: number, otherwise: Place): Place {
    const value = this.#pairOf(node, key)?.value;
    return isScalar(value) ? this.#placeOf(sourceOffset(this.#text, value, offset)) : otherwise;
  }
}

/** A list or a map, where a text is wanted. */
export function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** A value as it is named; of a list or a map, which nothing takes for a text, only that it is one. */
export function wordOf(value: unknown): string {
  if (Array.isArray(value)) return '[…]';
  return typeof value === 'object' && value !== null ? '{…}' : String(value);
}

/** Nodes of one file as plain values: texts, nulls, lists and objects without a prototype. */
class Values {
  #document: Document | null = null;
  #targets: ReadonlyMap<unknown, Node> | null = null;
  #aliases = 0;
  #within = 0;
  #aliased = 0;

  /** @throws RangeError */
  read(node: Node, document: Document): unknown {
    if (document !== this.#document) this.#targets = null;
    this.#document = document;
    this.#within = 0;
    return this.#of(node);
  }

  #of(node: unknown): unknown {
    if (this.#within > 0 && ++this.#aliased > YAML_ALIASED_NODES_MAX)
      throw new RangeError('aliases stand for too much');
    if (isAlias(node)) {
      if (++this.#aliases > YAML_ALIASES_MAX) throw new RangeError('too many aliases');
      this.#targets ??= targetsOf(this.#document);
      const target = this.#targets.get(node);
      if (target === undefined) throw new RangeError(`there is no anchor "${node.source}" before its alias`);
      this.#within++;
      const value = this.#of(target);
      this.#within--;
      return value;
    }
    if (isScalar(node)) return isNull(node) ? null : String(node.value);
    if (isSeq(node)) return node.items.map((one) => this.#of(one));
    if (!isMap(node)) return null;
    const values = Object.create(null) as Record<string, unknown>;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (!Object.hasOwn(values, name)) values[name] = this.#of(value);
    }
    return values;
  }
}

/** What each alias stands for, the last of its anchors before it: found in one walk, where each alias by itself takes one. */
function targetsOf(document: Document | null): ReadonlyMap<unknown, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<unknown, Node>();
  visit(document, {
    Node(_key, node) {
      const target = isAlias(node) ? anchors.get(node.source) : undefined;
      if (target !== undefined) targets.set(node, target);
      if (!isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** As YAML's core schema writes "nothing". */
function isNull(node: Node): boolean {
  return (
    isScalar(node) && (node.type ?? 'PLAIN') === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(String(node.value ?? ''))
  );
}

/** The words that Falco's reader of YAML takes for a truth value: in small letters, in capitals, or with one capital. */
function truthOf(text: string): boolean | null {
  const lower = text.toLowerCase();
  const capital = lower.slice(0, 1).toUpperCase() + lower.slice(1);
  if (text !== lower && text !== lower.toUpperCase() && text !== capital) return null;
  if (lower === 'true' || lower === 'yes' || lower === 'on' || lower === 'y') return true;
  return lower === 'false' || lower === 'no' || lower === 'off' || lower === 'n' ? false : null;
}

/**
 * Where a character of a scalar's value stands in the file. Folding and indentation change only blanks, so the n-th character
 * that is not a blank is the same in both; escapes in double quotes may shift the column a little.
 */
function sourceOffset(text: string, scalar: Scalar, offset: number): number {
  const [begin, end] = scalar.range ?? [0, 0];
  const value = typeof scalar.value === 'string' ? scalar.value : '';
  let wanted = 0;
  for (let i = 0; i < offset && i < value.length; i++) if (!/\s/.test(value[i] ?? '')) wanted++;
  let at = begin;
  if (scalar.type === 'BLOCK_FOLDED' || scalar.type === 'BLOCK_LITERAL') at = text.indexOf('\n', begin) + 1;
  else if (scalar.type !== 'PLAIN') at += 1;
  for (; at < end; at++) {
    if (/\s/.test(text[at] ?? '')) continue;
    if (wanted-- === 0) return at;
  }
  return Math.max(begin, end - 1);
}
