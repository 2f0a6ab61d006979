import type { Kysely, Selectable } from 'kysely';

export interface DeployTables {
  deploy_projects: { name: string; created_at: string; created_by: string };
  deploy_environments: {
    project: string;
    name: string;
    position: number;
    class: string;
    policy: string;
    approvals: number;
    current_release: string | null;
    stable_release: string | null;
    /** Thousandths of a percent of the time that it should serve; null: nothing was stated. */
    availability_millis: number | null;
    /** 1: an administrator set the policy, and project files do not; null or 0: it is what the project file said. */
    policy_set: number | null;
  };
  /** Changes of the policy of an environment that exists, see environment-policies.ts. */
  deploy_policy_changes: {
    id: string;
    project: string;
    environment: string;
    before: string;
    after: string;
    reason: string;
    state: string;
    requested_by: string;
    /** The person behind `requested_by`. */
    requester: string;
    requested_at: string;
    decided_by: string | null;
    decided_at: string | null;
  };
  /** How long environments and their workloads served, see availability.ts; `workload` is empty for all together, `day` UTC. */
  deploy_availability: {
    project: string;
    environment: string;
    workload: string;
    day: string;
    watched_ms: number;
    served_ms: number;
    full_ms: number;
    maintenance_ms: number;
  };
  deploy_releases: {
    id: string;
    project: string;
    environment: string;
    number: number;
    state: string;
    spec_hash: string;
    digests: string;
    verdict: string | null;
    promoted_from: string | null;
    commit_id: string | null;
    created_at: string;
    created_by: string;
    sealed: Uint8Array;
    /** Percentage of the requests that it gets while it is tried out. */
    canary: number | null;
    /** What was changed of the release before by hand, as JSON; null for a deploy. */
    change: string | null;
    /** Why it failed or went back, as JSON; null for any other. */
    why: string | null;
    /** The people behind who made it and what it was made from, as JSON; null in releases older than the column. */
    authors: string | null;
  };
  /** What people run once beside the releases, see runs.ts. */
  deploy_runs: {
    id: string;
    project: string;
    environment: string;
    name: string;
    state: string;
    image: string;
    digest: string;
    command: string;
    joined: number;
    remove: number;
    created_at: string;
    created_by: string;
    ended_at: string | null;
    exit_code: number | null;
    why: string | null;
    sealed: Uint8Array;
  };
  /** What happened to pods, see workload-events.ts. */
  deploy_events: {
    id: string;
    project: string;
    environment: string;
    workload: string;
    kind: string;
    trouble: number;
    replica: string | null;
    text_en: string;
    text_es: string;
    count: number;
    first_at: string;
    last_at: string;
  };
  /** At most one row: hosts are in maintenance while it is there. */
  deploy_maintenance: {
    id: number;
    draining: number;
    disregard_budgets: number;
    reason: string;
    since: string;
    since_by: string;
  };
  /** `environment` is empty for a project as a whole. */
  deploy_quotas: { project: string; environment: string; limits: string; set_at: string; set_by: string };
  deploy_promotions: {
    id: string;
    project: string;
    from_environment: string;
    to_environment: string;
    source_release: string;
    target_release: string | null;
    state: string;
    required: number;
    decisions: string;
    verdict: string | null;
    requested_at: string;
    requested_by: string;
    /** The person behind `requested_by`; null in promotions older than the column. */
    requester: string | null;
  };
  deploy_revision: { id: number; revision: number };
}

export type DeployDatabase = Kysely<DeployTables>;
export type EnvironmentRow = Selectable<DeployTables['deploy_environments']>;
export type ReleaseRow = Selectable<DeployTables['deploy_releases']>;
export type RunRow = Selectable<DeployTables['deploy_runs']>;
export type PromotionRow = Selectable<DeployTables['deploy_promotions']>;

export function listProjectNames(db: DeployDatabase): Promise<{ name: string; created_at: string }[]> {
  return db.selectFrom('deploy_projects').select(['name', 'created_at']).orderBy('name').execute();
}

export function listEnvironments(db: DeployDatabase, project: string): Promise<EnvironmentRow[]> {
  return db.selectFrom('deploy_environments').selectAll().where('project', '=', project).orderBy('position').execute();
}

export function findEnvironment(
  db: DeployDatabase,
  project: string,
  name: string,
): Promise<EnvironmentRow | undefined> {
  return db
    .selectFrom('deploy_environments')
    .selectAll()
    .where('project', '=', project)
    .where('name', '=', name)
    .executeTakeFirst();
}

export function findRelease(db: DeployDatabase, id: string): Promise<ReleaseRow | undefined> {
  return db.selectFrom('deploy_releases').selectAll().where('id', '=', id).executeTakeFirst();
}

export function listReleases(
  db: DeployDatabase,
  project: string,
  environment: string | undefined,
  limit: number,
): Promise<ReleaseRow[]> {
  let select = db.selectFrom('deploy_releases').selectAll().where('project', '=', project);
  if (environment !== undefined) select = select.where('environment', '=', environment);
  return select.orderBy('id', 'desc').limit(limit).execute();
}

export async function nextReleaseNumber(db: DeployDatabase, project: string, environment: string): Promise<number> {
  const row = await db
    .selectFrom('deploy_releases')
    .select((builder) => builder.fn.max('number').as('last'))
    .where('project', '=', project)
    .where('environment', '=', environment)
    .executeTakeFirst();
  return Number(row?.last ?? 0) + 1;
}

export async function raiseRevision(db: DeployDatabase): Promise<number> {
  const row = await db.selectFrom('deploy_revision').select('revision').where('id', '=', 1).executeTakeFirst();
  const revision = Number(row?.revision ?? 0) + 1;
  await db
    .insertInto('deploy_revision')
    .values({ id: 1, revision })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ revision }))
    .execute();
  return revision;
}

export async function readRevision(db: DeployDatabase): Promise<number> {
  const row = await db.selectFrom('deploy_revision').select('revision').where('id', '=', 1).executeTakeFirst();
  return Number(row?.revision ?? 0);
}
