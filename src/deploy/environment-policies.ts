import type { Kysely, Selectable } from 'kysely';
import { type Principal, personBehind, requirePerson } from '../access/index.ts';
import type { Journal } from '../journal/index.ts';
import { type Clock, newId } from '../system/index.ts';
import { deployFault } from './errors.ts';
import { POLICY_CHANGES_SHOWN } from './limits.ts';
import type { EnvironmentClass } from './project-file.ts';
import { type DeployTables, type EnvironmentRow, findEnvironment, listEnvironments } from './store.ts';

/** One change of the policy of an environment, or one that waits for a second person. */
export interface PolicyChange {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
  /** `superseded`: another one was asked for before anybody decided. */
  readonly state: 'waiting' | 'applied' | 'rejected' | 'superseded';
  readonly requestedBy: string;
  /** The person behind it: whom the second one must not be. */
  readonly requester: string;
  readonly requestedAt: string;
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
}

export interface EnvironmentPolicy {
  readonly project: string;
  readonly environment: string;
  readonly class: EnvironmentClass;
  readonly policy: string;
  /** Whether the next deploy’s project file may name another one. */
  readonly followsFile: boolean;
  readonly waiting: PolicyChange | null;
  /** Newest first, the one that waits among them. */
  readonly changes: readonly PolicyChange[];
}

export interface EnvironmentPoliciesOptions {
  readonly db: Kysely<DeployTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** @throws Fault admit.policy-unknown, admit.param-invalid: an environment is never left to a policy that nobody can ask */
  readonly check: (policy: string) => void;
  /** Told after an environment has another policy. */
  readonly changed: (project: string) => void;
}

/**
 * Which policy judges an environment that exists. A project file decides it once, at the first deploy, and for what is not
 * production again at each; from then on it is an administrator's to exchange. For production a second person agrees,
 * whichever way the change goes: which of two policies asks for less cannot be read from them.
 */
export class EnvironmentPolicies {
  readonly #options: EnvironmentPoliciesOptions;

  constructor(options: EnvironmentPoliciesOptions) {
    this.#options = options;
  }

  /** @throws Fault deploy.environment-unknown */
  async read(project: string, environment: string): Promise<EnvironmentPolicy> {
    const { db } = this.#options;
    const row = await requireEnvironment(db, project, environment);
    const changes = await changesOf(db, project, environment);
    return {
      ...{ project, environment, class: row.class as EnvironmentClass, policy: row.policy },
      followsFile: row.class !== 'production' && row.policy_set !== 1,
      waiting: changes.find(({ state }) => state === 'waiting') ?? null,
      changes,
    };
  }

  /**
   * Gives an environment another policy, or for production asks for it. The policy that it has takes a change that waits back.
   * @param policy null: the project file says it again from the next deploy on
   * @throws Fault deploy.environment-unknown, admit.policy-unknown, deploy.policy-of-file
   */
  async set(
    place: { readonly project: string; readonly environment: string },
    policy: string | null,
    reason: string,
    by: Principal,
  ): Promise<EnvironmentPolicy> {
    const { db, journal, clock, check } = this.#options;
    const { project, environment } = place;
    if (policy !== null) check(policy);
    const outcome = await db.transaction().execute(async (tx) => {
      const row = await requireEnvironment(tx, project, environment);
      const isProduction = row.class === 'production';
      if (policy === null && isProduction) throw deployFault('deploy.policy-of-file', { project, environment });
      const after = policy ?? row.policy;
      const isSame = after === row.policy;
      const superseded = await tx
        .updateTable('deploy_policy_changes')
        .set({ state: 'superseded', decided_by: by.actor, decided_at: clock.now().toISOString() })
        .where('project', '=', project)
        .where('environment', '=', environment)
        .where('state', '=', 'waiting')
        .returningAll()
        .execute();
      for (const one of superseded.map(toChange))
        await journal.record<DeployTables>(tx, factOf('environment.policy-withdrawn', one, by.actor));
      const policySet = policy === null ? 0 : 1;
      if (isSame && (isProduction || (row.policy_set ?? 0) === policySet)) return 'same';
      const waits = isProduction;
      const now = clock.now().toISOString();
      const change: PolicyChange = {
        ...{ id: newId(clock), project, environment, before: row.policy, after, reason },
        ...{ state: waits ? 'waiting' : 'applied', requestedBy: by.actor, requester: personBehind(by) },
        ...{ requestedAt: now, decidedBy: waits ? null : by.actor, decidedAt: waits ? null : now },
      };
      await tx.insertInto('deploy_policy_changes').values(toRow(change)).execute();
      if (!waits) await give(tx, change, policySet);
      const kind = waits ? 'environment.policy-requested' : 'environment.policy-changed';
      await journal.record<DeployTables>(tx, {
        ...factOf(kind, change, by.actor),
        body: { ...factOf(kind, change, by.actor).body, followsFile: policy === null },
      });
      return waits || isSame ? 'same' : 'changed';
    });
    journal.committed();
    if (outcome === 'changed') this.#options.changed(project);
    return this.read(project, environment);
  }

  /**
   * The second person agrees to the change that waits, or anybody who may takes it away.
   * @param seen the change that the person was shown
   * @throws Fault deploy.policy-not-waiting; deploy.policy-own for who asked for it; access.person-needed
   */
  async decide(
    place: { readonly project: string; readonly environment: string },
    seen: string,
    decision: 'approve' | 'reject',
    by: Principal,
  ): Promise<EnvironmentPolicy> {
    const { db, journal, clock, check } = this.#options;
    const { project, environment } = place;
    if (decision === 'approve') requirePerson(by);
    await db.transaction().execute(async (tx) => {
      await requireEnvironment(tx, project, environment);
      const found = (await changesOf(tx, project, environment)).find(({ id }) => id === seen);
      if (found?.state !== 'waiting') throw deployFault('deploy.policy-not-waiting', { project, environment });
      if (decision === 'approve' && found.requester === by.actor)
        throw deployFault('deploy.policy-own', { name: by.name, project, environment });
      // It may have been asked for when the policy was still there.
      if (decision === 'approve') check(found.after);
      const decided: PolicyChange = {
        ...found,
        state: decision === 'approve' ? 'applied' : 'rejected',
        ...{ decidedBy: by.actor, decidedAt: clock.now().toISOString() },
      };
      const { numUpdatedRows } = await tx
        .updateTable('deploy_policy_changes')
        .set({ state: decided.state, decided_by: decided.decidedBy, decided_at: decided.decidedAt })
        .where('id', '=', seen)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      if (Number(numUpdatedRows) === 0) throw deployFault('deploy.policy-not-waiting', { project, environment });
      if (decision === 'approve') await give(tx, decided, 1);
      const kind = decision === 'approve' ? 'environment.policy-changed' : 'environment.policy-rejected';
      await journal.record<DeployTables>(tx, factOf(kind, decided, by.actor));
    });
    journal.committed();
    if (decision === 'approve') this.#options.changed(project);
    return this.read(project, environment);
  }

  /** Where a policy judges, or would once a change that waits is agreed to: its text is not anybody's to change alone there. */
  async using(name: string): Promise<{ project: string; environment: string; class: EnvironmentClass }[]> {
    const { db } = this.#options;
    const rows = await db.selectFrom('deploy_environments').select(['project', 'name', 'class', 'policy']).execute();
    const waiting = await db
      .selectFrom('deploy_policy_changes')
      .select(['project', 'environment', 'after'])
      .where('state', '=', 'waiting')
      .execute();
    const isIt = (policy: string): boolean => policy.split('@', 1)[0] === name;
    return rows
      .filter(
        (row) =>
          isIt(row.policy) ||
          waiting.some((one) => one.project === row.project && one.environment === row.name && isIt(one.after)),
      )
      .map((row) => ({ project: row.project, environment: row.name, class: row.class as EnvironmentClass }));
  }
}

/** @throws Fault deploy.environment-unknown */
async function requireEnvironment(db: Kysely<DeployTables>, project: string, name: string): Promise<EnvironmentRow> {
  const row = await findEnvironment(db, project, name);
  if (row !== undefined) return row;
  const known = (await listEnvironments(db, project)).map((one) => one.name).join(', ') || '—';
  throw deployFault('deploy.environment-unknown', { project, environment: name, known });
}

async function changesOf(db: Kysely<DeployTables>, project: string, environment: string): Promise<PolicyChange[]> {
  const rows = await db
    .selectFrom('deploy_policy_changes')
    .selectAll()
    .where('project', '=', project)
    .where('environment', '=', environment)
    .orderBy('id', 'desc')
    .limit(POLICY_CHANGES_SHOWN)
    .execute();
  return rows.map(toChange);
}

/** @param policySet 1: project files leave it alone from then on */
async function give(tx: Kysely<DeployTables>, change: PolicyChange, policySet: 0 | 1): Promise<void> {
  await tx
    .updateTable('deploy_environments')
    .set({ policy: change.after, policy_set: policySet })
    .where('project', '=', change.project)
    .where('name', '=', change.environment)
    .execute();
}

function factOf(kind: string, change: PolicyChange, actor: string) {
  const { project, environment, before, after, reason, requestedBy } = change;
  return {
    kind,
    project,
    actor,
    subject: `${project}/${environment}`,
    body: { change: change.id, environment, before, after, reason, requestedBy },
  };
}

function toRow(change: PolicyChange): DeployTables['deploy_policy_changes'] {
  const { requestedBy, requestedAt, decidedBy, decidedAt, ...same } = change;
  return {
    ...same,
    requested_by: requestedBy,
    requested_at: requestedAt,
    decided_by: decidedBy,
    decided_at: decidedAt,
  };
}

function toChange(row: Selectable<DeployTables['deploy_policy_changes']>): PolicyChange {
  const { id, project, environment, before, after, reason, requester } = row;
  return {
    ...{ id, project, environment, before, after, reason, requester },
    state: row.state as PolicyChange['state'],
    ...{ requestedBy: row.requested_by, requestedAt: row.requested_at },
    ...{ decidedBy: row.decided_by, decidedAt: row.decided_at },
  };
}
