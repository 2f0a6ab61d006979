import type { Kysely, Selectable } from 'kysely';
import type { Exception } from './exception.ts';
import { readVerdict, type Verdict } from './verdict.ts';

export interface AdmitTables {
  admit_verdicts: {
    id: string;
    at: string;
    door: string;
    decision: string;
    project: string;
    environment: string | null;
    digest: string;
    spec_hash: string | null;
    policy: string;
    expires_at: string;
    body: string;
  };
  admit_exceptions: {
    id: string;
    project: string;
    environment: string | null;
    rule: string;
    subject: string | null;
    digest: string;
    reason: string;
    author: string;
    approver: string | null;
    created_at: string;
    expires_at: string;
  };
}

export async function insertVerdict(tx: Kysely<AdmitTables>, verdict: Verdict): Promise<void> {
  await tx
    .insertInto('admit_verdicts')
    .values({
      id: verdict.id,
      at: verdict.at,
      door: verdict.door,
      decision: verdict.decision,
      project: verdict.project,
      environment: verdict.environment,
      digest: verdict.digest,
      spec_hash: verdict.specHash,
      policy: verdict.policy.name,
      expires_at: verdict.expiresAt,
      body: JSON.stringify(verdict),
    })
    .execute();
}

/** What to look for; a field left out does not matter, null means "none". */
export interface VerdictQuery {
  readonly project: string;
  readonly digest?: string;
  readonly door?: string;
  readonly environment?: string | null;
  readonly specHash?: string | null;
  readonly limit: number;
}

/** Newest first. */
export async function readVerdicts(db: Kysely<AdmitTables>, query: VerdictQuery): Promise<Verdict[]> {
  let select = db.selectFrom('admit_verdicts').select('body').where('project', '=', query.project);
  if (query.digest !== undefined) select = select.where('digest', '=', query.digest);
  if (query.door !== undefined) select = select.where('door', '=', query.door);
  if (query.environment !== undefined)
    select = select.where('environment', query.environment === null ? 'is' : '=', query.environment);
  if (query.specHash !== undefined)
    select = select.where('spec_hash', query.specHash === null ? 'is' : '=', query.specHash);
  const rows = await select.orderBy('id', 'desc').limit(query.limit).execute();
  return rows.map((row) => readVerdict(JSON.parse(row.body)));
}

export async function insertException(tx: Kysely<AdmitTables>, exception: Exception): Promise<void> {
  await tx
    .insertInto('admit_exceptions')
    .values({
      id: exception.id,
      project: exception.project,
      environment: exception.environment,
      rule: exception.rule,
      subject: exception.subject,
      digest: exception.digest,
      reason: exception.reason,
      author: exception.author,
      approver: exception.approver,
      created_at: exception.createdAt,
      expires_at: exception.expiresAt,
    })
    .execute();
}

export async function readExceptions(
  db: Kysely<AdmitTables>,
  query: { readonly project: string; readonly digest?: string },
): Promise<Exception[]> {
  let select = db.selectFrom('admit_exceptions').selectAll().where('project', '=', query.project);
  if (query.digest !== undefined) select = select.where('digest', '=', query.digest);
  return (await select.orderBy('id', 'desc').execute()).map(toException);
}

/** False when it is not there or somebody approved it before. */
export async function markApproved(
  tx: Kysely<AdmitTables>,
  exception: Pick<Exception, 'id' | 'project'>,
  approver: string,
): Promise<boolean> {
  const result = await tx
    .updateTable('admit_exceptions')
    .set({ approver })
    .where('id', '=', exception.id)
    .where('project', '=', exception.project)
    .where('approver', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

function toException(row: Selectable<AdmitTables['admit_exceptions']>): Exception {
  return {
    id: row.id,
    project: row.project,
    environment: row.environment,
    rule: row.rule,
    subject: row.subject,
    digest: row.digest,
    reason: row.reason,
    author: row.author,
    approver: row.approver,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
