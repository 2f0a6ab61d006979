import type { Text } from '../../system/index.ts';
import type { Anchor, RunAnchor } from './pattern/pattern.ts';
import type { SecretSeverity } from './secret.ts';

/** A rule as the worker gets it: plain data, checked, with what its pattern needs found beforehand. */
export interface SecretRule {
  readonly id: string;
  readonly title: Text;
  readonly severity: SecretSeverity;
  /** RE2 syntax; null for a rule that only looks at names. */
  readonly regex: string | null;
  readonly anchor: Anchor | null;
  /** Texts that a match holds further on. */
  readonly company: readonly Anchor[];
  /** Where there is no anchor: bytes of one kind in a row. */
  readonly run: RunAnchor | null;
  /** RE2 syntax; the rule looks only at files whose path matches. */
  readonly path: string | null;
  /** Group of the pattern that is the credential; 0: the first group that took part, or all of the match. */
  readonly secretGroup: number;
  /** Shannon entropy in bits a byte that a credential must exceed; 0: any. */
  readonly entropy: number;
  /** Lower-case texts one of which the text must hold; none: any text. */
  readonly keywords: readonly string[];
  readonly allowances: readonly SecretAllowance[];
  /** Findings of other rules that must be near. */
  readonly required: readonly RequiredRule[];
  /** It only serves as `required` of another. */
  readonly skipReport: boolean;
}

export interface RequiredRule {
  readonly id: string;
  readonly withinLines: number | null;
  readonly withinColumns: number | null;
}

/** What is no finding although a rule matches. */
export interface SecretAllowance {
  readonly paths: readonly string[];
  readonly regexes: readonly string[];
  readonly stopwords: readonly string[];
  /** `named`: the match with the name that it is the end of, as `public_` of `public_key = …`. */
  readonly target: 'secret' | 'match' | 'named' | 'line';
  /** Whether one of its kinds of conditions is enough, or each must hold. */
  readonly condition: 'or' | 'and';
  /** Of allowances for all rules: those it is for; none: every rule. */
  readonly targetRules: readonly string[];
}

export interface SecretRules {
  readonly rules: readonly SecretRule[];
  /** For all rules, or those that they name. */
  readonly allowances: readonly SecretAllowance[];
}

/** Where rules come from. They are read only when somebody looks for something. */
export interface SecretRuleSource {
  /** Changes when the rules do: part of the key under which results of a layer are stored. */
  readonly revision: string;
  load(): SecretRules;
}
