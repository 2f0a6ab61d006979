import type { Journal } from '../journal/index.ts';
import { projectOf } from '../oci/index.ts';
import type { Clock } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { SETTINGS_CACHED_MAX, SETTINGS_PATTERNS_MAX } from './limits.ts';
import { compareSpecificity, isNamePattern, matchesPattern } from './settings-pattern.ts';
import type { RegistryDatabase } from './store.ts';

/**
 * What may go of a repository's tags. A rule speaks of the tags that match one of its patterns, or, without patterns, of
 * images that have no tag. Of these it keeps what one of its reasons to keep holds for; what no rule speaks of stays.
 */
export interface RetentionRule {
  /** Patterns of tags; empty: images without a tag. */
  readonly tags: readonly string[];
  /** Keep so many of each repository, the newest by push. */
  readonly keepNewest: number | null;
  /** Keep what was pushed in so many days. */
  readonly keepPushedDays: number | null;
  /** Keep what was pulled in so many days. */
  readonly keepPulledDays: number | null;
}

/** What holds for one repository: every field from the most specific pattern that sets it. */
export interface RepositorySettings {
  /** Anybody may pull, without signing in. */
  readonly anonymousPull: boolean;
  /** Patterns of tags that, once they exist, are never moved or deleted. */
  readonly immutableTags: readonly string[];
  readonly retention: readonly RetentionRule[];
  /** What the whole project may store, in bytes; null: no bound. */
  readonly quotaBytes: number | null;
}

/** What one pattern of a project says; null: nothing, so a less specific pattern decides. */
export interface PatternSettings {
  /** Of repositories, below the project: `web`, `team/*`, `**` for all. */
  readonly pattern: string;
  readonly anonymousPull: boolean | null;
  readonly immutableTags: readonly string[] | null;
  readonly retention: readonly RetentionRule[] | null;
  /** Only of `**`, as a quota is the whole project's. */
  readonly quotaBytes: number | null;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export type SettingsChange = Partial<
  Pick<PatternSettings, 'anonymousPull' | 'immutableTags' | 'retention' | 'quotaBytes'>
>;

export const ALL_REPOSITORIES = '**';

const DEFAULTS: RepositorySettings = { anonymousPull: false, immutableTags: [], retention: [], quotaBytes: null };

/** The settings of repositories: read on every push and pull, so kept in memory until one of them changes. */
export class RepositorySettingsStore {
  readonly #db: RegistryDatabase;
  readonly #clock: Clock;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #projects = new Map<string, readonly PatternSettings[]>();
  readonly #repositories = new Map<string, RepositorySettings>();
  /** Raised by every change: what was read before a change is not kept after it. */
  #changes = 0;

  constructor(parts: { db: RegistryDatabase; clock: Clock; journal: Pick<Journal, 'record' | 'committed'> }) {
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#journal = parts.journal;
  }

  /** What holds for a repository (`project/name`), whether or not it exists yet. */
  async of(repository: string): Promise<RepositorySettings> {
    const known = this.#repositories.get(repository);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const settings = mergeSettings(await this.list(projectOf(repository)), repository);
    if (changes === this.#changes) keep(this.#repositories, repository, settings);
    return settings;
  }

  /** The same without waiting, when it is in memory; undefined: ask `of`. */
  known(repository: string): RepositorySettings | undefined {
    return this.#repositories.get(repository);
  }

  /** The bound of a project in bytes, or null. */
  async quotaOf(project: string): Promise<number | null> {
    const patterns = await this.list(project);
    return patterns.find((one) => one.pattern === ALL_REPOSITORIES)?.quotaBytes ?? null;
  }

  /** Everything that a project sets, the most specific pattern first. */
  async list(project: string): Promise<readonly PatternSettings[]> {
    const known = this.#projects.get(project);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const rows = await this.#db.selectFrom('registry_settings').selectAll().where('project', '=', project).execute();
    const patterns = rows.map(toPattern).sort((a, b) => compareSpecificity(a.pattern, b.pattern));
    if (changes === this.#changes) keep(this.#projects, project, patterns);
    return patterns;
  }

  /** Projects that set a retention somewhere. */
  async projectsWithRetention(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('registry_settings')
      .select('project')
      .distinct()
      .where('retention', 'is not', null)
      .orderBy('project')
      .execute();
    return rows.map((row) => row.project);
  }

  /**
   * Changes what one pattern says: fields that are left out stay, null takes a field back. In force when it returns.
   * @throws Fault registry.settings-invalid
   */
  async change(
    project: string,
    pattern: string,
    change: SettingsChange,
    by: { readonly actor: string },
  ): Promise<PatternSettings> {
    requireValid(pattern, change);
    const now = this.#clock.now().toISOString();
    const changed = await this.#db.transaction().execute(async (tx) => {
      const rows = await tx.selectFrom('registry_settings').selectAll().where('project', '=', project).execute();
      const before = rows.map(toPattern).find((one) => one.pattern === pattern);
      if (before === undefined && rows.length >= SETTINGS_PATTERNS_MAX) {
        throw registryFault('registry.settings-invalid', {
          why: `a project has at most ${SETTINGS_PATTERNS_MAX} patterns`,
        });
      }
      const nothing: PatternSettings = {
        pattern,
        anonymousPull: null,
        immutableTags: null,
        retention: null,
        quotaBytes: null,
        updatedAt: now,
        updatedBy: by.actor,
      };
      const after: PatternSettings = { ...(before ?? nothing), ...change, updatedAt: now, updatedBy: by.actor };
      await tx.deleteFrom('registry_settings').where('project', '=', project).where('pattern', '=', pattern).execute();
      if (!isEmpty(after)) await tx.insertInto('registry_settings').values(toRow(project, after)).execute();
      await this.#journal.record(tx, {
        kind: 'repository.settings-changed',
        project,
        actor: by.actor,
        subject: `${project}/${pattern}`,
        digest: null,
        body: { pattern, before: before === undefined ? null : said(before), after: said(after) },
      });
      return after;
    });
    this.#changes += 1;
    this.#projects.clear();
    this.#repositories.clear();
    this.#journal.committed();
    return changed;
  }
}

/** Whether a tag of a repository may, once it exists, not be moved or deleted. */
export function isImmutableTag(settings: Pick<RepositorySettings, 'immutableTags'>, tag: string): boolean {
  return settings.immutableTags.some((pattern) => matchesPattern(pattern, tag));
}

/** @param patterns the most specific first */
function mergeSettings(patterns: readonly PatternSettings[], repository: string): RepositorySettings {
  const name = repository.slice(repository.indexOf('/') + 1);
  const applying = patterns.filter((one) => matchesPattern(one.pattern, name));
  const first = <K extends 'anonymousPull' | 'immutableTags' | 'retention'>(field: K): RepositorySettings[K] => {
    const setter = applying.find((one) => one[field] !== null);
    return (setter?.[field] ?? DEFAULTS[field]) as RepositorySettings[K];
  };
  return {
    anonymousPull: first('anonymousPull'),
    immutableTags: first('immutableTags'),
    retention: first('retention'),
    quotaBytes: patterns.find((one) => one.pattern === ALL_REPOSITORIES)?.quotaBytes ?? null,
  };
}

function requireValid(pattern: string, change: SettingsChange): void {
  const invalid = (why: string) => registryFault('registry.settings-invalid', { why });
  if (!isNamePattern(pattern)) throw invalid(`"${pattern.slice(0, 100)}" is not a pattern of repository names`);
  if (change.quotaBytes !== undefined && change.quotaBytes !== null && pattern !== ALL_REPOSITORIES) {
    throw invalid('a quota is for the whole project');
  }
  for (const tag of [...(change.immutableTags ?? []), ...(change.retention ?? []).flatMap((rule) => rule.tags)]) {
    if (!isNamePattern(tag)) throw invalid(`"${tag.slice(0, 100)}" is not a pattern of tags`);
  }
  for (const rule of change.retention ?? []) {
    if (rule.keepNewest === null && rule.keepPushedDays === null && rule.keepPulledDays === null) {
      throw invalid('a retention rule says what it keeps: newest, pushed or pulled');
    }
  }
}

function isEmpty({ anonymousPull, immutableTags, retention, quotaBytes }: PatternSettings): boolean {
  return anonymousPull === null && immutableTags === null && retention === null && quotaBytes === null;
}

/** What a pattern says, for the fact. */
function said({ anonymousPull, immutableTags, retention, quotaBytes }: PatternSettings) {
  return {
    anonymousPull,
    immutableTags: immutableTags === null ? null : [...immutableTags],
    retention: retention === null ? null : retention.map((rule) => ({ ...rule, tags: [...rule.tags] })),
    quotaBytes,
  };
}

interface SettingsRow {
  project: string;
  pattern: string;
  anonymous_pull: number | null;
  immutable_tags: string | null;
  retention: string | null;
  quota_bytes: number | null;
  updated_at: string;
  updated_by: string;
}

function toRow(project: string, settings: PatternSettings): SettingsRow {
  const { pattern, anonymousPull, immutableTags, retention, quotaBytes, updatedAt, updatedBy } = settings;
  return {
    project,
    pattern,
    anonymous_pull: anonymousPull === null ? null : anonymousPull ? 1 : 0,
    immutable_tags: immutableTags === null ? null : JSON.stringify(immutableTags),
    retention: retention === null ? null : JSON.stringify(retention),
    quota_bytes: quotaBytes,
    updated_at: updatedAt,
    updated_by: updatedBy,
  };
}

function toPattern(row: SettingsRow): PatternSettings {
  return {
    pattern: row.pattern,
    anonymousPull: row.anonymous_pull === null ? null : row.anonymous_pull === 1,
    immutableTags: row.immutable_tags === null ? null : (JSON.parse(row.immutable_tags) as string[]),
    retention: row.retention === null ? null : (JSON.parse(row.retention) as RetentionRule[]),
    quotaBytes: row.quota_bytes === null ? null : Number(row.quota_bytes),
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}

function keep<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.set(key, value);
  if (cache.size <= SETTINGS_CACHED_MAX) return;
  const oldest = cache.keys().next().value;
  if (oldest !== undefined) cache.delete(oldest);
}
