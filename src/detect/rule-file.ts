/** A rule file in YAML to plain items with their places. Everything wrong is a finding with file, line and column. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type Scalar } from 'yaml';
import { RULE_FILE_BYTES_MAX, YAML_ALIASES_MAX } from './limits.ts';

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
  | 'LOAD_UNSUPPORTED_PLUGIN'
  | 'LOAD_UNOBSERVED';

/** Something to tell about a rule file. Codes are Falco's where it has one. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly code: FindingCode;
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The rule, macro or list it is about. */
  readonly item: string | null;
  readonly hint?: string;
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
}

const KINDS = ['rule', 'macro', 'list', 'required_engine_version', 'required_plugin_versions'] as const;

export function parseRuleFile(file: string, text: string): { items: RuleItem[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const report = (code: FindingCode, message: string, place: Place, item: string | null = null): void => {
    findings.push({ severity: 'error', code, message, ...place, item });
  };
  const start = { file, line: 1, column: 1 };
  if (Buffer.byteLength(text) > RULE_FILE_BYTES_MAX) {
    report('LOAD_ERR_FILE_READ', `the file is larger than ${RULE_FILE_BYTES_MAX} bytes`, start);
    return { items: [], findings };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2', schema: 'core' });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  for (const error of document.errors) {
    report('LOAD_ERR_YAML_PARSE', error.message.split('\n')[0] ?? 'not YAML', placeOf(error.pos[0]));
  }
  if (findings.length > 0) return { items: [], findings };
  const root = document.contents;
  if (root === null) return { items: [], findings };
  if (!isSeq(root)) {
    report('LOAD_ERR_YAML_VALIDATE', 'a rule file is a list of items, each beginning with "- "', start);
    return { items: [], findings };
  }
  let aliases = 0;
  const items: RuleItem[] = [];
  for (const entry of root.items) {
    const node = entry as Node;
    const place = placeOf(node.range?.[0] ?? 0);
    if (isAlias(node) || !isMap(node)) {
      report('LOAD_ERR_YAML_VALIDATE', 'expected an item such as "rule:", "macro:" or "list:"', place);
      continue;
    }
    if (++aliases > 0 && countAliases(node) > YAML_ALIASES_MAX) {
      report('LOAD_ERR_YAML_VALIDATE', 'too many aliases', place);
      continue;
    }
    let values: Record<string, unknown>;
    try {
      values = node.toJS(document, { maxAliasCount: YAML_ALIASES_MAX }) as Record<string, unknown>;
    } catch (error) {
      // An alias of an anchor that is not there, or too many of them.
      if (!(error instanceof ReferenceError)) throw error;
      report('LOAD_ERR_YAML_PARSE', error.message.split('\n')[0] ?? 'a wrong alias', place);
      continue;
    }
    const kind = KINDS.find((one) => Object.hasOwn(values, one));
    if (kind === undefined) {
      findings.push({
        severity: 'warning',
        code: 'LOAD_UNKNOWN_ITEM',
        message: `unknown item with the keys ${Object.keys(values).join(', ')}`,
        ...place,
        item: null,
      });
      continue;
    }
    const name = kind.startsWith('required') ? kind : values[kind];
    if (typeof name !== 'string' || name === '') {
      report('LOAD_ERR_YAML_VALIDATE', `the name of a ${kind} must be text that is not empty`, place);
      continue;
    }
    items.push({
      kind,
      name,
      values,
      place,
      placeIn: (key, offset) => {
        const pair = node.items.find((one: Pair) => isScalar(one.key) && one.key.value === key);
        return isScalar(pair?.value) ? placeOf(sourceOffset(text, pair.value, offset)) : place;
      },
    });
  }
  return { items, findings };
}

function countAliases(node: Node): number {
  if (isAlias(node)) return 1;
  if (isMap(node)) return node.items.reduce((sum, pair) => sum + countAliases(pair.value as Node), 0);
  if (isSeq(node)) return node.items.reduce((sum: number, item) => sum + countAliases(item as Node), 0);
  return 0;
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
