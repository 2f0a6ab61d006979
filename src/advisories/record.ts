/** CVSS's words, and `unknown` when nobody has said. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'none' | 'unknown';

/** What the maintainers of the package do about it. */
export type AdvisoryStatus = 'affected' | 'will-not-fix' | 'fix-deferred' | 'under-investigation';

/** A run of versions; null ends are open. `introduced` is inside of it (but for `isAfter`), `fixed` outside, `lastAffected` inside. */
export interface VersionInterval {
  readonly introduced: string | null;
  readonly fixed: string | null;
  readonly lastAffected: string | null;
  /** The run begins just above `introduced`. @default false */
  readonly isAfter?: boolean;
}

export interface AffectedPackage {
  /** As OSV names it: npm, PyPI, Go, "Debian:12". */
  readonly ecosystem: string;
  readonly name: string;
  readonly intervals: readonly VersionInterval[];
  /** Versions that are affected by name. */
  readonly versions: readonly string[];
  /** Runs that are free of it whatever `intervals` say: fixed branches. Each begins with its fix. */
  readonly unaffected?: readonly VersionInterval[];
  /** Whether `name` and the versions are those of what people install, or of what that was built from. @default by ecosystem */
  readonly level?: 'binary' | 'source';
  /** The rpm module stream it speaks of, 'nodejs:18'. */
  readonly module?: string | null;
  /** @default 'affected' */
  readonly status?: AdvisoryStatus;
}

/** What every feed is turned into. Withdrawn records do not come this far. */
export interface AdvisoryRecord {
  readonly id: string;
  /** Other names of the same issue. */
  readonly aliases: readonly string[];
  /** A notice (DSA, ALSA, USN) that fixes several issues at once names them here; each is a finding of its own. */
  readonly issues?: readonly string[];
  /** RFC 3339; null when the feed does not say. */
  readonly modified: string | null;
  readonly title: string;
  readonly url: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly cvssVector: string | null;
  /** A CVSS 4 vector kept beside that of version 3. */
  readonly cvss4Vector?: string | null;
  readonly affected: readonly AffectedPackage[];
}

/** What is known of an issue whatever it affects. */
export interface IssueDetails {
  readonly id: string;
  readonly title: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly cvssVector: string | null;
  readonly cvss4Vector: string | null;
  /** Taken back by who gave the number. */
  readonly isRejected: boolean;
  /** RFC 3339. */
  readonly modified: string | null;
}

/** A run of kernel releases, as numbers compare: `from` inside, `to` outside. */
export interface KernelRun {
  readonly from: string;
  readonly to: string;
}

/** A fix in one branch of the kernel. */
export interface KernelFix {
  /** '6.1' of 6.1.83, '2.6.32' of 2.6.32.27; null: the main line. */
  readonly branch: string | null;
  /** The first release that has it. */
  readonly release: string;
  /** The commit in that branch, 12 digits; null when the record does not tell which of its commits it is. */
  readonly commit: string | null;
}

/** What the kernel's own numbering authority says of one CVE (CVE JSON 5, by commits and by releases). */
export interface KernelRecord {
  readonly id: string;
  /** Files that the fix changed, as paths in the kernel's tree. */
  readonly files: readonly string[];
  /** Releases of the main line in which it came; empty: it was always there, or came in stable branches alone. */
  readonly introduced: readonly string[];
  /** Whether the main line had it in any release. */
  readonly mainline: boolean;
  /** Runs of releases without it though they lie behind its introduction: taken out, and brought in again. */
  readonly free: readonly KernelRun[];
  readonly fixes: readonly KernelFix[];
  /** Runs of a stable branch that had it though the main line of that time did not. */
  readonly stable: readonly KernelRun[];
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
  | { readonly kind: 'issue'; readonly details: IssueDetails; readonly kernel?: KernelRecord }
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
  const known = typeof word === 'string' ? word.slice(0, 20).toLowerCase().replace(/\*+$/, '') : '';
  return (Object.hasOwn(WORDS, known) ? WORDS[known] : undefined) ?? 'unknown';
}
