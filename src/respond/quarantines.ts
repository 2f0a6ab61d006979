import type { Kysely, Selectable } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Clock, newId, type Text } from '../system/index.ts';
import type { RespondTables } from './store.ts';

/** An image of a project that nobody gets while an incident is looked into. */
export interface QuarantinedImage {
  readonly project: string;
  readonly digest: string;
  readonly incident: number | null;
  readonly actor: string;
  readonly reason: string | null;
  readonly at: string;
}

/** Images that are not pulled or started, whatever policies say. Asked at every door, so it answers from memory. */
export class Quarantines {
  readonly #db: Kysely<RespondTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  /** By project and digest; each incident holds for itself. */
  readonly #standing = new Map<string, readonly QuarantinedImage[]>();

  constructor(parts: { db: Kysely<RespondTables>; journal: Pick<Journal, 'record' | 'committed'>; clock: Clock }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  async open(): Promise<void> {
    const rows = await this.#db
      .selectFrom('respond_quarantines')
      .selectAll()
      .where('released_at', 'is', null)
      .execute();
    for (const row of rows) {
      const key = keyOf(row.project, row.digest);
      this.#standing.set(key, [...(this.#standing.get(key) ?? []), toImage(row)]);
    }
  }

  /** Why nobody may have it, or null. */
  reason(project: string, digest: string): Text | null {
    const [found] = this.#standing.get(keyOf(project, digest)) ?? [];
    if (found === undefined) return null;
    const { incident, actor } = found;
    const of = incident === null ? { en: '', es: '' } : { en: `incident ${incident}: `, es: `incidente ${incident}: ` };
    return {
      en: `${of.en}${actor} put the image into quarantine`,
      es: `${of.es}${actor} puso la imagen en cuarentena`,
    };
  }

  list(projects: '*' | readonly string[]): QuarantinedImage[] {
    return [...this.#standing.values()].flat().filter(({ project }) => projects === '*' || projects.includes(project));
  }

  /** Twice for the same incident is once. */
  async add(image: Omit<QuarantinedImage, 'at'>): Promise<void> {
    const key = keyOf(image.project, image.digest);
    const standing = this.#standing.get(key) ?? [];
    if (standing.some(({ incident }) => incident === image.incident)) return;
    const row = { ...image, id: newId(this.#clock), at: this.#clock.now().toISOString(), released_at: null };
    await this.#db.transaction().execute(async (tx) => {
      await tx.insertInto('respond_quarantines').values(row).execute();
      await this.#record(tx, 'image.quarantined', row, image.actor, image.reason);
    });
    // Asked anew: another incident may have put it there, or let it go, meanwhile.
    this.#standing.set(key, [...(this.#standing.get(key) ?? []), toImage(row)]);
    this.#journal.committed();
  }

  /**
   * Ends what one incident holds; what another holds stays.
   * @returns the incidents that hold the image still
   */
  async release(
    { project, digest, incident }: Pick<QuarantinedImage, 'project' | 'digest' | 'incident'>,
    actor: string,
    reason: string | null,
  ): Promise<readonly (number | null)[]> {
    const key = keyOf(project, digest);
    const others = (): QuarantinedImage[] => (this.#standing.get(key) ?? []).filter((one) => one.incident !== incident);
    const standing = (this.#standing.get(key) ?? []).find((one) => one.incident === incident);
    if (standing === undefined) return others().map((one) => one.incident);
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .updateTable('respond_quarantines')
        .set({ released_at: this.#clock.now().toISOString() })
        .where('project', '=', project)
        .where('digest', '=', digest)
        .where('incident', incident === null ? 'is' : '=', incident)
        .where('released_at', 'is', null)
        .execute();
      await this.#record(tx, 'image.quarantine-ended', standing, actor, reason);
    });
    const left = others();
    if (left.length === 0) this.#standing.delete(key);
    else this.#standing.set(key, left);
    this.#journal.committed();
    return left.map((one) => one.incident);
  }

  async #record(
    tx: Kysely<RespondTables>,
    kind: string,
    { project, digest, incident }: Pick<QuarantinedImage, 'project' | 'digest' | 'incident'>,
    actor: string,
    reason: string | null,
  ): Promise<void> {
    const subject = incident === null ? digest : `incident ${incident}`;
    await this.#journal.record<RespondTables>(tx, {
      kind,
      project,
      actor,
      subject,
      digest,
      body: { incident, reason },
    });
  }
}

function keyOf(project: string, digest: string): string {
  return `${project} ${digest}`;
}

function toImage(row: Selectable<RespondTables['respond_quarantines']>): QuarantinedImage {
  const { project, digest, incident, actor, reason, at } = row;
  return { project, digest, incident, actor, reason, at };
}
