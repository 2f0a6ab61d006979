import type { Alert, Text } from '../api/types.ts';

interface Scope {
  readonly project: string | null;
  readonly environment: string | null;
}

export interface RuleInForce extends Scope {
  readonly name: string;
  /** What people call it, in their language. */
  readonly title: Text;
  readonly description: string;
  readonly priority: string;
  readonly tags: readonly string[];
  readonly origin: 'shipped' | 'own';
  readonly file: string;
  readonly off: string | null;
  readonly offSpanish: string | null;
}

export interface RuleFinding {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly spanish?: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly hint?: string;
  readonly spanishHint?: string;
}

export interface OwnRuleFile extends Scope {
  readonly name: string;
  readonly author: string;
  readonly appliedAt: string;
  readonly bytes: number;
}

export interface RuleBook {
  readonly items: readonly RuleInForce[];
  readonly files: readonly OwnRuleFile[];
  readonly hosts: readonly { readonly host: string; readonly state: 'in-force' | 'behind' | 'refused' }[];
  readonly findings: readonly RuleFinding[];
}

export interface RulePageText {
  readonly title: string;
  readonly what: string;
  readonly innocent: string;
  readonly first: readonly string[];
  readonly misses: string;
}

export interface RuleTuning extends Scope {
  readonly id: string;
  readonly workload: string | null;
  readonly condition: string | null;
  readonly until: string | null;
  readonly reason: string;
  readonly author: string;
  readonly madeAt: string;
  readonly suppressed: number;
}

export interface RuleDetail extends RuleInForce {
  readonly techniques: readonly { readonly id: string; readonly url: string }[];
  readonly page: { readonly en: RulePageText; readonly es: RulePageText } | null;
  readonly tunings: readonly RuleTuning[];
  readonly changedBy: readonly (Scope & {
    readonly file: string;
    readonly author: string;
    readonly appliedAt: string;
  })[];
}

export interface CheckedRules {
  readonly rules: readonly { readonly name: string; readonly priority: string; readonly off: string | null }[];
  readonly findings: readonly RuleFinding[];
}

interface MatchPlace extends Scope {
  readonly host: string;
  readonly rule: string;
  readonly workload: string | null;
}

/** What a rule would have found in what hosts kept. */
export interface TriedRules extends CheckedRules {
  readonly hosts: readonly {
    readonly host: string;
    readonly why: Text | null;
    readonly from?: string | null;
    readonly opensFrom?: string | null;
    readonly events?: number;
    /** Null: told only to who may see the whole host. */
    readonly missing?: number | null;
    readonly lossy?: boolean;
    readonly damaged?: number;
    readonly completeFrom?: string | null;
    readonly stoppedAt?: string | null;
    readonly milliseconds?: number;
  }[];
  readonly matches: number;
  readonly counts: readonly (MatchPlace & { readonly day: string; readonly matches: number })[];
  readonly examples: readonly (MatchPlace & {
    readonly at: string;
    readonly priority: string;
    readonly output: string;
  })[];
}

export type AlertOfRule = Alert & { readonly incident: number; readonly host: string };
