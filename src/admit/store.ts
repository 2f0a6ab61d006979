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
    /** Empty where the repository says which images. */
    digest: string;
    reason: string;
    author: string;
    approver: string | null;
    created_at: string;
    expires_at: string;
    repository: string | null;
    package: string | null;
    revoked_at: string | null;
    revoked_by: string | null;
    /** When its end was announced. */
    announced_at: string | null;
  };
  admit_host_exceptions: {
    id: string;
    host: string;
    /** A JSON list. */
    cves: string;
    reason: string;
    author: string;
    approver: string | null;
    created_at: string;
    expires_at: string;
    revoked_at: string | null;
    revoked_by: string | null;
    announced_at: string | null;
  };
  admit_policies: {
    id: string;
    name: string;
    revision: number;
    source: string;
    author: string;
    created_at: string;
    approver: string | null;
    state: string;
  };
  /** What was judged, to try policies on. */
  admit_admissions: {
    key: string;
    at: string;
    door: string;
    project: string;
    environment: string | null;
    subject: string;
    digest: string;
    policy: string;
    decision: string;
    /** The facts as gzipped JSON in base64; empty when they were too large. */
    body: string;
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
      digest: exception.digest ?? '',
      repository: exception.repository,
      package: exception.package,
      revoked_at: null,
      revoked_by: null,
      announced_at: null,
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
  // Those of repositories have no digest; which of them speak of the image is seen by its name.
  if (query.digest !== undefined) select = select.where('digest', 'in', [query.digest, '']);
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
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** False when it is not there or was taken back before. */
export async function markRevoked(
  tx: Kysely<AdmitTables>,
  { id, project }: Pick<Exception, 'id' | 'project'>,
  revoked: { readonly at: string; readonly by: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('admit_exceptions')
    .set({ revoked_at: revoked.at, revoked_by: revoked.by })
    .where('id', '=', id)
    .where('project', '=', project)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** Approved exceptions that end before a time and whose end was not announced. */
export async function readEnding(db: Kysely<AdmitTables>, before: string): Promise<Exception[]> {
  const rows = await db
    .selectFrom('admit_exceptions')
    .selectAll()
    .where('announced_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('approver', 'is not', null)
    .where('expires_at', '<=', before)
    .execute();
  return rows.map(toException);
}

export async function markAnnounced(tx: Kysely<AdmitTables>, id: string, at: string): Promise<void> {
  await tx.updateTable('admit_exceptions').set({ announced_at: at }).where('id', '=', id).execute();
}

function toException(row: Selectable<AdmitTables['admit_exceptions']>): Exception {
  return {
    id: row.id,
    project: row.project,
    environment: row.environment,
    rule: row.rule,
    subject: row.subject,
    digest: row.digest === '' ? null : row.digest,
    repository: row.repository,
    package: row.package,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    reason: row.reason,
    author: row.author,
    approver: row.approver,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
