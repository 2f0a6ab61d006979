import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import { type Clock, newId } from '../../system/index.ts';
import { respondFault } from '../errors.ts';
import type { Incident } from '../incident.ts';
import { COMMENTS_MAX, FILTERS_MAX, LINKS_MAX } from '../limits.ts';
import type { RespondTables } from '../store.ts';

export interface Comment {
  readonly id: string;
  readonly at: string;
  readonly author: string;
  readonly text: string;
}

/** Which incidents somebody wants to see, under a name of their own. */
export interface SavedFilter {
  readonly name: string;
  readonly query: {
    readonly state?: string;
    readonly project?: string;
    readonly environment?: string;
    readonly priority?: string;
    /** `me`, or somebody's name. */
    readonly owner?: string;
    readonly text?: string;
  };
}

/** What people who work on incidents write down beside them. Comments are not changed and not taken away: they are facts. */
export class Casework {
  readonly #db: Kysely<RespondTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;

  constructor(parts: {
    readonly db: Kysely<RespondTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
  }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  /** Oldest first. */
  async comments(incident: number): Promise<Comment[]> {
    return this.#db
      .selectFrom('respond_comments')
      .select(['id', 'at', 'author', 'text'])
      .where('incident', '=', incident)
      .orderBy('id')
      .limit(COMMENTS_MAX)
      .execute();
  }

  /** @throws Fault respond.too-many-comments */
  async comment(incident: Incident, text: string, author: string): Promise<Comment> {
    const comment = { id: newId(this.#clock), at: this.#clock.now().toISOString(), author, text };
    if ((await this.comments(incident.number)).length >= COMMENTS_MAX)
      throw respondFault('respond.too-many-comments', { most: COMMENTS_MAX, number: incident.number });
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .insertInto('respond_comments')
        .values({ ...comment, incident: incident.number })
        .execute();
      await this.#record(tx, 'incident.commented', incident, author, { comment: comment.id, text });
    });
    this.#journal.committed();
    return comment;
  }

  /** The numbers of incidents that belong together with one. */
  async links(incident: number): Promise<number[]> {
    const rows = await this.#db
      .selectFrom('respond_links')
      .selectAll()
      .where((where) => where.or([where('one', '=', incident), where('other', '=', incident)]))
      .limit(LINKS_MAX)
      .execute();
    return rows.map(({ one, other }) => (one === incident ? other : one)).sort((a, b) => a - b);
  }

  /** Twice is once. @throws Fault respond.link-impossible */
  async link(incident: Incident, other: Incident, author: string): Promise<void> {
    const [number, with_] = [incident.number, other.number];
    const known = await this.links(number);
    if (known.includes(with_)) return;
    // Of both: what is beyond the bound of one would not be shown there, nor taken away again.
    if (number === with_ || known.length >= LINKS_MAX || (await this.links(with_)).length >= LINKS_MAX)
      throw respondFault('respond.link-impossible', { number, most: LINKS_MAX });
    const at = this.#clock.now().toISOString();
    await this.#db.transaction().execute(async (tx) => {
      const { numInsertedOrUpdatedRows: inserted } = await tx
        .insertInto('respond_links')
        .values({ one: Math.min(number, with_), other: Math.max(number, with_), author, at })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      // Somebody else linked them a moment ago.
      if (inserted === 0n) return;
      await this.#record(tx, 'incident.linked', incident, author, { with: with_ });
    });
    this.#journal.committed();
  }

  async unlink(incident: Incident, other: number, author: string): Promise<void> {
    if (!(await this.links(incident.number)).includes(other)) return;
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .deleteFrom('respond_links')
        .where('one', '=', Math.min(incident.number, other))
        .where('other', '=', Math.max(incident.number, other))
        .execute();
      await this.#record(tx, 'incident.unlinked', incident, author, { with: other });
    });
    this.#journal.committed();
  }

  /** A person's own, by name. */
  async filters(owner: string): Promise<SavedFilter[]> {
    const rows = await this.#db
      .selectFrom('respond_filters')
      .selectAll()
      .where('owner', '=', owner)
      .orderBy('name')
      .execute();
    return rows.map(({ name, query }) => ({ name, query: JSON.parse(query) as SavedFilter['query'] }));
  }

  /** @throws Fault respond.too-many-filters */
  async saveFilter(owner: string, { name, query }: SavedFilter): Promise<void> {
    const others = (await this.filters(owner)).filter((one) => one.name !== name);
    if (others.length >= FILTERS_MAX) throw respondFault('respond.too-many-filters', { most: FILTERS_MAX });
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_filters').where('owner', '=', owner).where('name', '=', name).execute();
      await tx
        .insertInto('respond_filters')
        .values({ owner, name, query: JSON.stringify(query) })
        .execute();
    });
  }

  async removeFilter(owner: string, name: string): Promise<void> {
    await this.#db.deleteFrom('respond_filters').where('owner', '=', owner).where('name', '=', name).execute();
  }

  async #record(
    tx: Kysely<RespondTables>,
    kind: string,
    { number, project, digest }: Incident,
    actor: string,
    body: Record<string, string | number>,
  ): Promise<void> {
    await this.#journal.record<RespondTables>(tx, {
      ...{ kind, project, actor, subject: `incident ${number}`, digest },
      body: { incident: number, ...body },
    });
  }
}
