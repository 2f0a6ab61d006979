import type { Kysely, Selectable } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Clock, Fault, newId } from '../system/index.ts';
import type { EnvironmentClass } from './admission.ts';
import { admitFault } from './errors.ts';
import { STORED_POLICIES_MAX } from './limits.ts';
import { type FindPolicy, type Policy, readPolicy } from './policy.ts';
import type { AdmitTables } from './store.ts';

/** One revision of a policy of one's own. */
export interface PolicyRevision {
  readonly name: string;
  /** 1 for the first; counted on over removals. */
  readonly revision: number;
  readonly source: string;
  readonly author: string;
  readonly createdAt: string;
  readonly approver: string | null;
  /** `waiting` for a second person, `active`, `superseded` by a later one, `rejected`, `removed`. */
  readonly state: 'waiting' | 'active' | 'superseded' | 'rejected' | 'removed';
}

/** A port: where policies are in use, answered by who knows environments. */
export interface PolicyUse {
  environmentsUsing(
    name: string,
  ): Promise<readonly { readonly project: string; readonly environment: string; readonly class: EnvironmentClass }[]>;
}

export interface PolicyBookOptions {
  readonly db: Kysely<AdmitTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** The policies that come with the platform. */
  readonly presets: readonly Policy[];
  readonly use: PolicyUse;
  /** Told after what is in force has changed. */
  readonly changed: () => void;
}

/**
 * The policies in force: those that come with the platform, and over them those of one's own, each a row of revisions.
 * A revision of what production is judged by waits for a second person.
 */
export class PolicyBook {
  readonly #options: PolicyBookOptions;
  #policies: readonly Policy[];
  #problems: ReadonlyMap<string, Fault> = new Map();
  #own: ReadonlySet<string> = new Set();

  private constructor(options: PolicyBookOptions) {
    this.#options = options;
    this.#policies = options.presets;
  }

  static async open(options: PolicyBookOptions): Promise<PolicyBook> {
    const book = new PolicyBook(options);
    await book.#load();
    return book;
  }

  policies(): readonly Policy[] {
    return this.#policies;
  }

  find: FindPolicy = (name) => this.#policies.find((policy) => policy.name === name) ?? null;

  /** `preset` comes with the platform; `own` was applied here. */
  originOf(name: string): 'preset' | 'own' {
    return this.#own.has(name) ? 'own' : 'preset';
  }

  /** Policies in force whose text cannot be used any more, such as when one that they take rules from was removed. */
  problems(): ReadonlyMap<string, Fault> {
    return this.#problems;
  }

  /** Newest first; of one policy, or of all. */
  async revisions(name?: string): Promise<PolicyRevision[]> {
    let select = this.#options.db.selectFrom('admit_policies').selectAll();
    if (name !== undefined) select = select.where('name', '=', name);
    return (await select.orderBy('id', 'desc').limit(STORED_POLICIES_MAX).execute()).map(toRevision);
  }

  /**
   * Takes a text in. It is in force at once, or waits for a second person when production is judged by the policy.
   * The text that is in force or waits already changes nothing.
   * @param actor by whom or what it was sent, where that is a token of the author
   * @throws Fault admit.policy-invalid
   */
  async apply(source: string, author: string, actor = author): Promise<PolicyRevision> {
    const { db, journal, clock } = this.#options;
    const policy = readPolicy(source, 'policy', this.find);
    const former = await this.revisions(policy.name);
    const standing = former.find(({ state }) => state === 'active' || state === 'waiting');
    if (standing !== undefined && standing.source === source) return standing;
    const revision: PolicyRevision = {
      name: policy.name,
      revision: (former[0]?.revision ?? 0) + 1,
      source,
      author,
      createdAt: clock.now().toISOString(),
      approver: null,
      state: (await this.#isOfProduction(policy.name)) ? 'waiting' : 'active',
    };
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('admit_policies')
        .set({ state: 'superseded' })
        .where('name', '=', policy.name)
        .where('state', 'in', revision.state === 'active' ? ['active', 'waiting'] : ['waiting'])
        .execute();
      await tx
        .insertInto('admit_policies')
        .values(toRow(newId(clock), revision))
        .execute();
      const kind = revision.state === 'active' ? 'policy.applied' : 'policy.requested';
      await journal.record<AdmitTables>(tx, factOf(kind, revision, actor));
    });
    journal.committed();
    await this.#changed();
    return revision;
  }

  /**
   * The second person agrees, or not, to the revision that waits.
   * @param seen the revision that the person has read; null: whichever waits
   * @throws Fault admit.policy-not-waiting; admit.policy-other when another one waits by now; admit.policy-own for its author
   */
  async decide(
    name: string,
    by: string,
    decision: 'approve' | 'reject',
    seen: number | null = null,
  ): Promise<PolicyRevision> {
    const { db, journal } = this.#options;
    const waiting = (await this.revisions(name)).find(({ state }) => state === 'waiting');
    if (waiting === undefined) throw admitFault('admit.policy-not-waiting', { policy: name });
    if (seen !== null && seen !== waiting.revision)
      throw admitFault('admit.policy-other', { policy: name, seen, revision: waiting.revision });
    if (decision === 'approve' && waiting.author === by) {
      throw admitFault('admit.policy-own', { policy: name, author: waiting.author });
    }
    // It may have been read when another policy was still there.
    if (decision === 'approve') readPolicy(waiting.source, name, this.find);
    const decided: PolicyRevision = {
      ...waiting,
      approver: by,
      state: decision === 'approve' ? 'active' : 'rejected',
    };
    await db.transaction().execute(async (tx) => {
      if (decision === 'approve') {
        await tx
          .updateTable('admit_policies')
          .set({ state: 'superseded' })
          .where('name', '=', name)
          .where('state', '=', 'active')
          .execute();
      }
      const { numUpdatedRows } = await tx
        .updateTable('admit_policies')
        .set({ state: decided.state, approver: by })
        .where('name', '=', name)
        .where('revision', '=', waiting.revision)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      if (Number(numUpdatedRows) === 0) throw admitFault('admit.policy-not-waiting', { policy: name });
      await journal.record<AdmitTables>(
        tx,
        factOf(decision === 'approve' ? 'policy.applied' : 'policy.rejected', decided, by),
      );
    });
    journal.committed();
    await this.#changed();
    return decided;
  }

  /**
   * Takes a policy of one's own out of force; one of its name that came with the platform is in force again.
   * @throws Fault admit.policy-unknown; admit.policy-in-use when an environment would be left without it
   */
  async remove(name: string, actor: string): Promise<PolicyRevision> {
    const { db, journal, presets } = this.#options;
    const active = (await this.revisions(name)).find(({ state }) => state === 'active' || state === 'waiting');
    if (active === undefined) throw admitFault('admit.policy-unknown', { policy: name });
    const users = [
      ...(await this.#options.use.environmentsUsing(name)).map(
        ({ project, environment }) => `${project}/${environment}`,
      ),
      ...this.#policies.filter((policy) => policy.uses.includes(name)).map((policy) => `policy ${policy.name}`),
    ];
    const isPreset = presets.some((policy) => policy.name === name);
    if (users.length > 0 && !isPreset)
      throw admitFault('admit.policy-in-use', { policy: name, users: users.join(', ') });
    // What production is judged by goes back to the text of the platform through a second person only.
    if (isPreset && active.state === 'active' && (await this.#isOfProduction(name))) {
      throw admitFault('admit.policy-in-use', { policy: name, users: users.join(', ') || 'production' });
    }
    const removed: PolicyRevision = { ...active, state: 'removed' };
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('admit_policies')
        .set({ state: 'removed' })
        .where('name', '=', name)
        .where('state', 'in', ['active', 'waiting'])
        .execute();
      await journal.record<AdmitTables>(tx, factOf('policy.removed', removed, actor));
    });
    journal.committed();
    await this.#changed();
    return removed;
  }

  /** `prod` judges production by being its usual policy; any other when an environment names it, or takes it in. */
  async #isOfProduction(name: string): Promise<boolean> {
    const names = new Set([name]);
    // A set is walked on to what is added meanwhile: those that take in a policy that takes this one in are among them.
    for (const one of names) for (const policy of this.#policies) if (policy.uses.includes(one)) names.add(policy.name);
    if (names.has('prod')) return true;
    for (const one of names) {
      const places = await this.#options.use.environmentsUsing(one);
      if (places.some((place) => place.class !== 'development')) return true;
    }
    return false;
  }

  async #changed(): Promise<void> {
    await this.#load();
    this.#options.changed();
  }

  async #load(): Promise<void> {
    const rows = await this.#options.db
      .selectFrom('admit_policies')
      .selectAll()
      .where('state', '=', 'active')
      .orderBy('id')
      .execute();
    const known = new Map(this.#options.presets.map((policy) => [policy.name, policy]));
    const problems = new Map<string, Fault>();
    for (const { name, source } of rows) {
      try {
        known.set(
          name,
          readPolicy(source, name, (one) => known.get(one) ?? null),
        );
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // Nothing stands in for a policy that cannot be read: who asks for it is told, and refused.
        known.delete(name);
        problems.set(name, error);
      }
    }
    this.#policies = [...known.values()];
    this.#problems = problems;
    this.#own = new Set(rows.map(({ name }) => name));
  }
}

function factOf(kind: string, revision: PolicyRevision, actor: string) {
  const { name, author, approver } = revision;
  return {
    kind,
    project: null,
    actor,
    subject: `policy ${name}`,
    body: { policy: name, revision: revision.revision, author, approver, source: revision.source },
  };
}

function toRow(id: string, revision: PolicyRevision): AdmitTables['admit_policies'] {
  const { name, source, author, createdAt, approver, state } = revision;
  return { id, name, revision: revision.revision, source, author, created_at: createdAt, approver, state };
}

function toRevision(row: Selectable<AdmitTables['admit_policies']>): PolicyRevision {
  const { name, source, author, approver } = row;
  return {
    ...{ name, source, author, approver, revision: Number(row.revision), createdAt: row.created_at },
    state: row.state as PolicyRevision['state'],
  };
}
