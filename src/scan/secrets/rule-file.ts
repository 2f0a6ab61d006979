import { type Json, parseToml } from '../../formats/index.ts';
import type { Text } from '../../system/index.ts';
import { EXTENDS_MAX, RULE_FILE_MAX_BYTES, RULES_MAX } from './limits.ts';
import { LinearPattern } from './pattern/pattern.ts';
import type { RequiredRule, SecretAllowance, SecretRule, SecretRules } from './rules.ts';
import { SECRET_SEVERITIES, type SecretSeverity } from './secret.ts';

/** A rule file that cannot be used, and where in it. */
export class RuleFileError extends Error {}

/** A rule file before it is joined with what it extends: what it leaves out is null. */
interface RuleFile {
  readonly extend: { readonly useDefault: boolean; readonly path: string | null; readonly disabled: readonly string[] };
  readonly rules: readonly PartialRule[];
  readonly allowances: readonly SecretAllowance[];
}

interface PartialRule {
  readonly id: string;
  readonly title: Text | null;
  readonly severity: SecretSeverity | null;
  readonly regex: string | null;
  readonly path: string | null;
  readonly secretGroup: number;
  readonly entropy: number;
  readonly keywords: readonly string[];
  readonly allowances: readonly SecretAllowance[];
  readonly required: readonly RequiredRule[];
  readonly skipReport: boolean;
}

export interface RuleFileSources {
  /** The rules that ship, for `useDefault`. */
  readonly shipped: () => SecretRules;
  /** Reads the file that `extend.path` names. Nothing is ever fetched for `extend.url`. */
  readonly read: (path: string) => string;
  /**
   * Told of each rule or allow-list that cannot be used, and why: a pattern that no linear search can hold, as one with
   * lookahead. The rest loads. @default one that cannot be used is an error
   */
  readonly refused?: (what: string, why: string) => void;
}

/**
 * Reads rules in gitleaks' format (its README, "Configuration"): `extend`, rules, allow-lists for all or for one rule.
 * Commits in allow-lists mean nothing here, where there are no commits, and are passed over.
 *
 * @throws RuleFileError; FormatError when it is no TOML
 */
export function readRuleFile(text: string, sources: RuleFileSources): SecretRules {
  return resolve(parseRuleFile(text, sources), sources, 0);
}

/** Does one thing; where somebody hears of what is refused, goes on without it. */
function attempt<T>(what: string, { refused }: RuleFileSources, run: () => T): T[] {
  try {
    return [run()];
  } catch (error) {
    if (!refused || !(error instanceof RuleFileError)) throw error;
    refused(what, error.message);
    return [];
  }
}

function nameOf(rule: Table): string {
  return typeof rule['id'] === 'string' ? rule['id'].slice(0, 100) : '?';
}

/** Rules of several files with one name each, as one set: what ships lies in a file a kind of service. */
export function joinRuleFiles(texts: readonly string[]): SecretRules {
  const all = texts.map((text) => readRuleFile(text, NO_SOURCES));
  return { rules: all.flatMap(({ rules }) => rules), allowances: all.flatMap(({ allowances }) => allowances) };
}

const NO_SOURCES: RuleFileSources = {
  shipped: () => {
    throw new RuleFileError('the rules that ship extend nothing');
  },
  read: () => {
    throw new RuleFileError('the rules that ship extend nothing');
  },
};

function resolve(file: RuleFile, sources: RuleFileSources, depth: number): SecretRules {
  if (depth > EXTENDS_MAX) throw new RuleFileError(`rule files extend each other more than ${EXTENDS_MAX} times`);
  const { useDefault, path, disabled } = file.extend;
  let base: SecretRules = { rules: [], allowances: [] };
  if (useDefault) base = sources.shipped();
  else if (path !== null) base = resolve(parseRuleFile(sources.read(path), sources), sources, depth + 1);
  const kept = base.rules.filter(({ id }) => !disabled.includes(id));
  const own = new Map(file.rules.map((rule) => [rule.id, rule]));
  const changed = kept.map((rule) => {
    const change = own.get(rule.id);
    own.delete(rule.id);
    return change === undefined ? rule : (attempt(rule.id, sources, () => changeRule(rule, change))[0] ?? rule);
  });
  const added = [...own.values()].flatMap((rule) => attempt(rule.id, sources, () => finishRule(rule)));
  const rules = [...changed, ...added];
  if (rules.length > RULES_MAX) throw new RuleFileError(`there are ${rules.length} rules, the limit is ${RULES_MAX}`);
  return { rules, allowances: [...base.allowances, ...file.allowances] };
}

/** A rule of the file with the id of one that it extends: what it states counts, lists grow. */
function changeRule(rule: SecretRule, change: PartialRule): SecretRule {
  const regex = change.regex ?? rule.regex;
  return {
    ...rule,
    title: change.title ?? rule.title,
    severity: change.severity ?? rule.severity,
    regex,
    ...needsOf(rule.id, regex),
    path: change.path ?? rule.path,
    secretGroup: change.secretGroup || rule.secretGroup,
    entropy: change.entropy || rule.entropy,
    keywords: [...new Set([...rule.keywords, ...change.keywords])],
    allowances: [...rule.allowances, ...change.allowances],
    required: [...rule.required, ...change.required],
    skipReport: change.skipReport || rule.skipReport,
  };
}

function finishRule(rule: PartialRule): SecretRule {
  if (rule.regex === null && rule.path === null) {
    throw new RuleFileError(`rule ${JSON.stringify(rule.id)} has neither regex nor path`);
  }
  return {
    ...rule,
    title: rule.title ?? { en: rule.id, es: rule.id },
    severity: rule.severity ?? 'high',
    ...needsOf(rule.id, rule.regex),
  };
}

function needsOf(id: string, regex: string | null): Pick<SecretRule, 'anchor' | 'company' | 'run'> {
  if (regex === null) return { anchor: null, company: [], run: null };
  return compile(regex, `rule ${JSON.stringify(id)}`).needs;
}

function compile(regex: string, where: string): LinearPattern {
  try {
    return new LinearPattern(regex);
  } catch (cause) {
    throw new RuleFileError(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

type Table = { readonly [key: string]: Json };

function parseRuleFile(text: string, sources: RuleFileSources): RuleFile {
  const root = parseToml(text, { maxBytes: RULE_FILE_MAX_BYTES });
  const extend = tableOf(root['extend'], 'extend');
  attempt('extend.url', sources, () => {
    if (extend['url']) throw new RuleFileError('extend.url is not followed; save the file and name it in extend.path');
  });
  const ids = new Set<string>();
  const rules = tablesOf(root['rules'], 'rules').flatMap((table) =>
    attempt(nameOf(table), sources, () => {
      const rule = readRule(table);
      if (ids.has(rule.id)) throw new RuleFileError(`there are two rules ${JSON.stringify(rule.id)}`);
      ids.add(rule.id);
      return rule;
    }),
  );
  return {
    extend: {
      useDefault: extend['useDefault'] === true || extend['usedefault'] === true,
      path: textOf(extend['path'], 'extend.path'),
      disabled: textsOf(extend['disabledRules'] ?? extend['disabledrules'], 'extend.disabledRules'),
    },
    rules,
    allowances: attempt('the allow-list', sources, () => readAllowances(root, 'the allow-list')).flat(),
  };
}

function readRule(rule: Table): PartialRule {
  const id = textOf(rule['id'], 'rules.id');
  if (!id) throw new RuleFileError('a rule has no id');
  const where = `rule ${JSON.stringify(id)}`;
  const description = textOf(rule['description'], `${where}: description`);
  const severity = textOf(rule['severity'], `${where}: severity`);
  if (severity !== null && !SECRET_SEVERITIES.some((one) => one === severity)) {
    throw new RuleFileError(`${where}: severity ${JSON.stringify(severity)}, expected ${SECRET_SEVERITIES.join(', ')}`);
  }
  const path = textOf(rule['path'], `${where}: path`);
  if (path) compile(path, `${where}: path`);
  return {
    id,
    title: description
      ? { en: description, es: textOf(rule['descriptionEs'], `${where}: descriptionEs`) ?? description }
      : null,
    severity: severity as SecretSeverity | null,
    regex: textOf(rule['regex'], `${where}: regex`) || null,
    path: path || null,
    secretGroup: numberOf(rule['secretGroup'], `${where}: secretGroup`),
    entropy: numberOf(rule['entropy'], `${where}: entropy`),
    keywords: textsOf(rule['keywords'], `${where}: keywords`).map((keyword) => keyword.toLowerCase()),
    allowances: readAllowances(rule, where),
    required: tablesOf(rule['required'], `${where}: required`).map((one) => ({
      id: textOf(one['id'], `${where}: required.id`) ?? '',
      withinLines: one['withinLines'] === undefined ? null : numberOf(one['withinLines'], where),
      withinColumns: one['withinColumns'] === undefined ? null : numberOf(one['withinColumns'], where),
    })),
    skipReport: rule['skipReport'] === true,
  };
}

/** `[allowlist]` of older files and `[[allowlists]]` of newer ones. */
function readAllowances(table: Table, where: string): SecretAllowance[] {
  const one = table['allowlist'] === undefined ? [] : [tableOf(table['allowlist'], `${where}: allowlist`)];
  return [...one, ...tablesOf(table['allowlists'], `${where}: allowlists`)].map((list) => {
    const condition = (textOf(list['condition'], where) ?? 'or').toLowerCase();
    const target = (textOf(list['regexTarget'], where) || 'secret').toLowerCase();
    if (!['or', '||', 'and', '&&'].includes(condition)) {
      throw new RuleFileError(`${where}: condition ${JSON.stringify(condition)}, expected OR or AND`);
    }
    if (target !== 'secret' && target !== 'match' && target !== 'line') {
      throw new RuleFileError(`${where}: regexTarget ${JSON.stringify(target)}, expected secret, match or line`);
    }
    const patterns = (key: string): string[] => {
      const found = textsOf(list[key], `${where}: ${key}`);
      for (const pattern of found) compile(pattern, `${where}: ${key}`);
      return found;
    };
    return {
      paths: patterns('paths'),
      regexes: patterns('regexes'),
      stopwords: textsOf(list['stopwords'], `${where}: stopwords`).map((word) => word.toLowerCase()),
      // `withName` is ours; other readers pass over it.
      target: target === 'match' && list['withName'] === true ? 'named' : target,
      condition: condition === 'and' || condition === '&&' ? 'and' : 'or',
      targetRules: textsOf(list['targetRules'], `${where}: targetRules`),
    };
  });
}

function tableOf(value: Json | undefined, where: string): Table {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new RuleFileError(`${where}: expected a table`);
}

function tablesOf(value: Json | undefined, where: string): Table[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new RuleFileError(`${where}: expected a list of tables`);
  return value.map((one) => tableOf(one, where));
}

function textOf(value: Json | undefined, where: string): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string') return value;
  throw new RuleFileError(`${where}: expected a text`);
}

function textsOf(value: Json | undefined, where: string): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[];
  throw new RuleFileError(`${where}: expected a list of texts`);
}

function numberOf(value: Json | undefined, where: string): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && value >= 0) return value;
  throw new RuleFileError(`${where}: expected a number`);
}
