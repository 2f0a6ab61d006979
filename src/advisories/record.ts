/** CVSS's words, and `unknown` when nobody has said. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'none' | 'unknown';

/** A run of affected versions; null ends are open. `fixed` is outside of it, `lastAffected` inside. */
export interface VersionInterval {
  readonly introduced: string | null;
  readonly fixed: string | null;
  readonly lastAffected: string | null;
}

export interface AffectedPackage {
  /** As OSV names it: npm, PyPI, Go, "Debian:12". */
  readonly ecosystem: string;
  readonly name: string;
  readonly intervals: readonly VersionInterval[];
  /** Versions that are affected by name. */
  readonly versions: readonly string[];
}

/** What every feed is turned into. Withdrawn records do not come this far. */
export interface AdvisoryRecord {
  readonly id: string;
  /** Other names of the same issue. */
  readonly aliases: readonly string[];
  /** RFC 3339; null when the feed does not say. */
  readonly modified: string | null;
  readonly title: string;
  readonly url: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly cvssVector: string | null;
  readonly affected: readonly AffectedPackage[];
}

/** One thing that a feed says. */
export type FeedItem =
  | { readonly kind: 'advisory'; readonly record: AdvisoryRecord }
  | {
      readonly kind: 'kev';
      readonly cve: string;
      readonly addedAt: string;
      readonly dueAt: string | null;
      readonly ransomware: boolean;
    }
  | { readonly kind: 'epss'; readonly cve: string; readonly score: number; readonly cvss: number | null }
  /** When the feed as a whole was made. */
  | { readonly kind: 'updated'; readonly at: string }
  /** A record that was left out on purpose: withdrawn, or about something that cannot be matched. */
  | { readonly kind: 'skipped' };

/** CVSS v3.1 section 5: qualitative severity rating scale. */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'none';
}

const WORDS: Readonly<Record<string, Severity>> = {
  critical: 'critical',
  high: 'high',
  important: 'high',
  medium: 'medium',
  moderate: 'medium',
  low: 'low',
  unimportant: 'low',
  negligible: 'low',
  none: 'none',
};

/** The severity words of GitHub, Red Hat, Ubuntu and Debian. */
export function severityOfWord(word: unknown): Severity {
  return typeof word === 'string' ? (WORDS[word.toLowerCase().replace(/\*+$/, '')] ?? 'unknown') : 'unknown';
}
