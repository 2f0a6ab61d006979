import type { CompiledQuery, Kysely, Selectable } from 'kysely';
import type { Json } from '../system/index.ts';
import type { ChainedFact, Fact } from './fact.ts';

export interface JournalTables {
  journal_facts: {
    id: string;
    seq: number | null;
    at: string;
    kind: string;
    project: string | null;
    actor: string;
    subject: string;
    digest: string | null;
    body: string;
    body_hash: string | null;
    hash: string | null;
  };
  journal_checkpoints: { seq: number; at: string; hash: string; key_id: string; signature: string };
}

type FactRow = Selectable<JournalTables['journal_facts']>;

export interface FactQuery {
  readonly kinds?: readonly string[];
  /** '*' or the projects whose facts may be seen; platform facts (project null) are seen with '*' only. */
  readonly projects: '*' | readonly string[];
  readonly subject?: string;
  readonly digest?: string;
  readonly before?: number;
  readonly after?: number;
  readonly order?: 'newest' | 'oldest';
  readonly limit: number;
}

/** Compiled once: facts are written in the transactions that people wait for. */
export class FactWriter {
  readonly #insert: CompiledQuery;

  constructor(db: Kysely<JournalTables>) {
    const empty = { id: '', seq: null, at: '', kind: '', project: '', actor: '', subject: '', digest: '', body: '' };
    this.#insert = db
      .insertInto('journal_facts')
      .values({ ...empty, body_hash: null, hash: null })
      .compile();
  }

  async insert(tx: Kysely<JournalTables>, fact: Fact): Promise<void> {
    const { id, at, kind, project, actor, subject, digest, body } = fact;
    const parameters = [id, null, at, kind, project, actor, subject, digest, JSON.stringify(body), null, null];
    await tx.executeQuery({ ...this.#insert, parameters });
  }
}

export async function readUnchained(tx: Kysely<JournalTables>, limit: number): Promise<Fact[]> {
  const rows = await tx
    .selectFrom('journal_facts')
    .selectAll()
    .where('seq', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(toFact);
}

/** The greatest id of a fact; null: there is none yet. */
export async function readLastId(db: Kysely<JournalTables>): Promise<string | null> {
  const row = await db.selectFrom('journal_facts').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row?.id ?? null;
}

export async function readHead(tx: Kysely<JournalTables>): Promise<{ seq: number; hash: string } | null> {
  const row = await tx
    .selectFrom('journal_facts')
    .select(['seq', 'hash'])
    .where('seq', 'is not', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : { seq: Number(row.seq), hash: row.hash ?? '' };
}

export async function chainFact(
  tx: Kysely<JournalTables>,
  id: string,
  link: { seq: number; bodyHash: string; hash: string },
): Promise<void> {
  await tx
    .updateTable('journal_facts')
    .set({ seq: link.seq, body_hash: link.bodyHash, hash: link.hash })
    .where('id', '=', id)
    .execute();
}

export async function queryFacts(db: Kysely<JournalTables>, query: FactQuery): Promise<ChainedFact[]> {
  let select = db.selectFrom('journal_facts').selectAll().where('seq', 'is not', null);
  if (query.kinds !== undefined && query.kinds.length > 0) select = select.where('kind', 'in', query.kinds);
  if (query.projects !== '*') {
    if (query.projects.length === 0) return [];
    select = select.where('project', 'in', query.projects);
  }
  if (query.subject !== undefined) select = select.where('subject', '=', query.subject);
  if (query.digest !== undefined) select = select.where('digest', '=', query.digest);
  if (query.before !== undefined) select = select.where('seq', '<', query.before);
  if (query.after !== undefined) select = select.where('seq', '>', query.after);
  const rows = await select
    .orderBy('seq', query.order === 'oldest' ? 'asc' : 'desc')
    .limit(query.limit)
    .execute();
  return rows.map(toChainedFact);
}

export async function insertCheckpoint(
  tx: Kysely<JournalTables>,
  checkpoint: JournalTables['journal_checkpoints'],
): Promise<void> {
  await tx.insertInto('journal_checkpoints').values(checkpoint).execute();
}

export async function readCheckpoints(db: Kysely<JournalTables>): Promise<JournalTables['journal_checkpoints'][]> {
  const rows = await db.selectFrom('journal_checkpoints').selectAll().orderBy('seq').execute();
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

function toFact(row: FactRow): Fact {
  return {
    id: row.id,
    at: row.at,
    kind: row.kind,
    project: row.project,
    actor: row.actor,
    subject: row.subject,
    digest: row.digest,
    body: JSON.parse(row.body) as Json,
  };
}

function toChainedFact(row: FactRow): ChainedFact {
  return { ...toFact(row), seq: Number(row.seq), bodyHash: row.body_hash ?? '', hash: row.hash ?? '' };
}
