import type { Journal } from '../journal/index.ts';
import { type Digest, projectOf } from '../oci/index.ts';
import { type Clock, type Log, type Text, timeOfAges } from '../system/index.ts';
import type { DigestsInUse } from './ports.ts';
import type { PullRecorder } from './pulls.ts';
import { countUsage } from './quota.ts';
import { planRetention, type Removal, type RepositoryContents, type RetentionPlan } from './retention.ts';
import { isImmutableTag, type RepositorySettingsStore } from './settings.ts';
import type { ManifestKind, RegistryDatabase } from './store.ts';

/** What retention would remove from a project, or has removed. */
export interface RetentionReport {
  readonly project: string;
  readonly at: string;
  readonly removals: readonly Removal[];
  readonly kept: RetentionPlan['kept'];
  /** Content of what goes; what stays images use as well stays stored. */
  readonly sizeBytes: number;
}

export interface RetentionOutcome {
  readonly tags: number;
  readonly images: number;
  /** Planned and not done, because something changed in between: the next run looks again. */
  readonly skipped: number;
}

/** Looks at repositories, says what their rules would remove, and removes it. */
export class Retention {
  readonly #db: RegistryDatabase;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #settings: RepositorySettingsStore;
  readonly #inUse: DigestsInUse;
  readonly #pulls: Pick<PullRecorder, 'flush'>;
  readonly #onRemoved: () => void;

  constructor(parts: {
    db: RegistryDatabase;
    clock: Clock;
    log: Log;
    journal: Pick<Journal, 'record' | 'committed'>;
    settings: RepositorySettingsStore;
    inUse: DigestsInUse;
    pulls: Pick<PullRecorder, 'flush'>;
    onRemoved: () => void;
  }) {
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#journal = parts.journal;
    this.#settings = parts.settings;
    this.#inUse = parts.inUse;
    this.#pulls = parts.pulls;
    this.#onRemoved = parts.onRemoved;
  }

  /** What a run would remove now; changes nothing. */
  async preview(project: string, repository?: string): Promise<RetentionReport> {
    const removals: Removal[] = [];
    const kept = { byRule: 0, inUse: 0, immutable: 0 };
    for await (const plan of this.#plans(project, repository)) {
      removals.push(...plan.removals);
      kept.byRule += plan.kept.byRule;
      kept.inUse += plan.kept.inUse;
      kept.immutable += plan.kept.immutable;
    }
    const sizeBytes = removals.reduce((sum, one) => sum + one.sizeBytes, 0);
    return { project, at: this.#clock.now().toISOString(), removals, kept, sizeBytes };
  }

  /**
   * Removes what the rules let go, each group in a transaction of its own with its facts, one repository after another.
   * @param options.progress told after each group
   */
  async run(
    project: string,
    actor: string,
    options: { readonly signal?: AbortSignal; readonly progress?: (done: number, total: number) => void } = {},
  ): Promise<RetentionOutcome> {
    const outcome = { tags: 0, images: 0, skipped: 0 };
    let done = 0;
    let total = 0;
    for await (const plan of this.#plans(project)) {
      total += plan.removals.length;
      for (const removal of plan.removals) {
        options.signal?.throwIfAborted();
        if (await this.#remove(removal, plan.at, actor)) {
          outcome.tags += removal.tags.length;
          outcome.images += removal.manifests.length;
        } else {
          outcome.skipped += 1;
          this.#log.info({ repository: removal.repository, digest: removal.digest }, 'retention left what has changed');
        }
        done += 1;
        options.progress?.(done, total);
        // Requests come first: between groups the event loop is theirs.
        await this.#clock.sleep(0);
      }
    }
    return outcome;
  }

  async *#plans(project: string, only?: string): AsyncGenerator<RetentionPlan & { readonly at: string }> {
    await this.#pulls.flush();
    let query = this.#db.selectFrom('registry_repositories').select(['id', 'name']).where('project', '=', project);
    if (only !== undefined) query = query.where('name', '=', only);
    for (const { id, name } of await query.orderBy('name').execute()) {
      const { retention, immutableTags } = await this.#settings.of(name);
      if (retention.length === 0) continue;
      const now = this.#clock.now();
      const contents = await this.#read(id, { repository: name, rules: retention, immutableTags });
      yield {
        at: now.toISOString(),
        ...planRetention(contents, { inUse: await this.#inUse.list(), now: timeOfAges(this.#clock) }),
      };
    }
  }

  async #read(
    repositoryId: string,
    known: Pick<RepositoryContents, 'repository' | 'rules' | 'immutableTags'>,
  ): Promise<RepositoryContents> {
    const manifests = await this.#db
      .selectFrom('registry_manifests')
      .select(['digest', 'kind', 'subject_digest', 'pushed_at', 'content_bytes'])
      .where('repository_id', '=', repositoryId)
      .orderBy('digest')
      .execute();
    const named = await this.#db
      .selectFrom('registry_manifest_content')
      .select(['manifest_digest', 'content_digest'])
      .where('repository_id', '=', repositoryId)
      .where('role', '=', 'manifest')
      .execute();
    const tags = await this.#db
      .selectFrom('registry_tags')
      .select(['name', 'digest', 'updated_at'])
      .where('repository_id', '=', repositoryId)
      .orderBy('name')
      .execute();
    const pulls = await this.#db
      .selectFrom('registry_pulls')
      .select(({ fn }) => ['digest', fn.max('last_at').as('last_at')])
      .where('repository', '=', known.repository)
      .groupBy('digest')
      .execute();
    const pulledAt = new Map(pulls.map((row) => [row.digest, row.last_at]));
    const children = new Map<string, Digest[]>();
    for (const row of named) {
      children.set(row.manifest_digest, [...(children.get(row.manifest_digest) ?? []), row.content_digest as Digest]);
    }
    return {
      ...known,
      manifests: manifests.map((row) => ({
        digest: row.digest as Digest,
        kind: row.kind as ManifestKind,
        subject: row.subject_digest as Digest | null,
        children: children.get(row.digest) ?? [],
        pushedAt: row.pushed_at,
        lastPulledAt: pulledAt.get(row.digest) ?? null,
        sizeBytes: Number(row.content_bytes),
      })),
      tags: tags.map((row) => ({ name: row.name, digest: row.digest as Digest, updatedAt: row.updated_at })),
    };
  }

  /** False when anything of the group is not as it was looked at: a tag moved, a new tag, in use by now. */
  async #remove(removal: Removal, plannedAt: string, actor: string): Promise<boolean> {
    const { repository, digest, manifests } = removal;
    const used = await this.#inUse.list();
    if (used.has(digest) || manifests.some((one) => used.has(one))) return false;
    const settings = await this.#settings.of(repository);
    if (removal.tags.some((tag) => isImmutableTag(settings, tag))) return false;
    const isDone = await this.#db.transaction().execute(async (tx) => {
      const row = await tx
        .selectFrom('registry_repositories')
        .select('id')
        .where('name', '=', repository)
        .executeTakeFirst();
      if (row === undefined) return false;
      if (!(await stillStands(tx, row.id, removal, plannedAt))) return false;
      await this.#removeRows(tx, row.id, removal);
      await this.#record(tx, removal, actor);
      return true;
    });
    if (!isDone) return false;
    this.#journal.committed();
    this.#onRemoved();
    return true;
  }

  async #removeRows(
    tx: RegistryDatabase,
    repositoryId: string,
    { repository, tags, manifests }: Removal,
  ): Promise<void> {
    if (tags.length > 0) {
      await tx
        .deleteFrom('registry_tags')
        .where('repository_id', '=', repositoryId)
        .where('name', 'in', [...tags])
        .execute();
    }
    if (manifests.length === 0) return;
    await tx
      .deleteFrom('registry_manifest_content')
      .where('repository_id', '=', repositoryId)
      .where('manifest_digest', 'in', [...manifests])
      .execute();
    const removed = await tx
      .deleteFrom('registry_manifests')
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', [...manifests])
      .returning(({ fn }) => fn<number>('length', ['bytes']).as('size_bytes'))
      .execute();
    const bytes = removed.reduce((sum, one) => sum + Number(one.size_bytes), 0);
    await countUsage(tx, projectOf(repository), -bytes, null);
  }

  async #record(tx: RegistryDatabase, { repository, digest, tags, manifests, why }: Removal, actor: string) {
    const fact = { project: projectOf(repository), actor };
    const retention: Text = { en: why.en, es: why.es };
    if (manifests.length === 0) {
      for (const tag of tags) {
        await this.#journal.record(tx, {
          ...fact,
          kind: 'image.untagged',
          subject: `${repository}:${tag}`,
          digest,
          body: { repository, tag, retention },
        });
      }
      return;
    }
    for (const one of manifests) {
      await this.#journal.record(tx, {
        ...fact,
        kind: 'image.deleted',
        subject: `${repository}@${one}`,
        digest: one,
        body: { repository, tags: one === digest ? [...tags] : [], retention },
      });
    }
  }
}

/** Whether the tags name what they named, and nothing came since the plan that needs what goes. */
async function stillStands(
  tx: RegistryDatabase,
  repositoryId: string,
  { digest, tags, manifests }: Removal,
  plannedAt: string,
): Promise<boolean> {
  const going = new Set<string>(manifests.length === 0 ? [digest] : manifests);
  const named = await tx
    .selectFrom('registry_tags')
    .select(['name', 'digest'])
    .where('repository_id', '=', repositoryId)
    .where((where) =>
      where.or([where('digest', 'in', [...going]), ...(tags.length === 0 ? [] : [where('name', 'in', [...tags])])]),
    )
    .execute();
  const known = new Set(tags);
  const moved = named.some((row) => known.has(row.name) && !going.has(row.digest));
  const added = manifests.length > 0 && named.some((row) => !known.has(row.name));
  if (moved || added || named.filter((row) => known.has(row.name)).length !== known.size) return false;
  if (manifests.length === 0) return true;
  // What came since and needs an image that goes: an index that names it, a signature that speaks of it.
  const parents = await tx
    .selectFrom('registry_manifest_content as c')
    .innerJoin('registry_manifests as m', (join) =>
      join.onRef('m.repository_id', '=', 'c.repository_id').onRef('m.digest', '=', 'c.manifest_digest'),
    )
    .select('m.digest')
    .where('c.repository_id', '=', repositoryId)
    .where('c.role', '=', 'manifest')
    .where('c.content_digest', 'in', [...manifests])
    .where('m.pushed_at', '>=', plannedAt)
    .execute();
  const speaking = await tx
    .selectFrom('registry_manifests')
    .select('digest')
    .where('repository_id', '=', repositoryId)
    .where('subject_digest', 'in', [...manifests])
    .where('pushed_at', '>=', plannedAt)
    .execute();
  return [...parents, ...speaking].every((row) => going.has(row.digest));
}
