import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Clock, newId } from '../system/index.ts';
import { type Principal, personBehind } from './action.ts';
import { accessFault } from './errors.ts';
import { ROBOTS_MAX, TOKEN_DAYS_MAX } from './limits.ts';
import { describeRights, grantsOf, type ProgramRights } from './rights.ts';
import { hashOf, makeSecret } from './secrets.ts';
import { type AccessTables, findRobot, type RobotRow, readGrants } from './store.ts';

export interface Robot {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  /** For the user name of a container client; its secret is the password. */
  readonly login: string;
  readonly rights: readonly string[];
  readonly repositories: readonly string[];
  readonly state: 'active' | 'disabled' | 'expired';
  readonly expiresAt: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
}

/** A robot with its secret, which is shown this once and kept as a hash only. */
export interface IssuedRobot {
  readonly robot: Robot;
  readonly secret: string;
}

/**
 * Programs that act for a project: a name, rights, repositories, an end. A robot belongs to its project and not to the
 * person who made it; each change of it is in force when the method returns.
 */
export class Robots {
  readonly #db: Kysely<AccessTables>;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #changed: () => void;

  /** @param parts.changed called after each commit that takes or gives rights */
  constructor(parts: { db: Kysely<AccessTables>; journal: Journal; clock: Clock; changed: () => void }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#changed = parts.changed;
  }

  /** @throws Fault access.robot-exists, access.rights-invalid, access.grant-too-wide */
  async create(
    request: { readonly project: string; readonly name: string; readonly days: number } & ProgramRights,
    by: Principal,
  ): Promise<IssuedRobot> {
    const { project, name } = request;
    const now = this.#clock.now();
    const days = Math.min(Math.max(1, request.days), TOKEN_DAYS_MAX);
    const row: RobotRow = {
      id: newId(this.#clock),
      project,
      name,
      grants: JSON.stringify(grantsOf(project, request, by)),
      state: 'active',
      expires_at: new Date(now.getTime() + days * 86_400_000).toISOString(),
      created_by: by.actor,
      created_at: now.toISOString(),
    };
    const secret = await this.#db.transaction().execute(async (tx) => {
      const rows = await tx.selectFrom('access_robots').select('name').where('project', '=', project).execute();
      if (rows.some((other) => other.name === name)) throw accessFault('access.robot-exists', { robot: name, project });
      if (rows.length >= ROBOTS_MAX) {
        throw accessFault('access.rights-invalid', { why: `a project has at most ${ROBOTS_MAX} robots` });
      }
      await tx.insertInto('access_robots').values(row).execute();
      await this.#record(tx, 'robot.created', row, by, {
        ...describeRights(project, readGrants(row.grants)),
        expiresAt: row.expires_at,
      });
      return this.#giveSecret(tx, row, by);
    });
    this.#changed();
    return { robot: this.#describe(row, null), secret };
  }

  async list(project: string): Promise<Robot[]> {
    const rows = await this.#db
      .selectFrom('access_robots as r')
      .leftJoin('access_tokens as t', 't.robot_id', 'r.id')
      .selectAll('r')
      .select('t.last_used_at')
      .where('r.project', '=', project)
      .orderBy('r.name')
      .execute();
    return rows.map((row) => this.#describe(row, row.last_used_at));
  }

  /** A new secret; the former one ends at once. @throws Fault access.robot-unknown */
  async rotate(project: string, name: string, by: Principal): Promise<IssuedRobot> {
    const issued = await this.#change(project, name, async (tx, row) => {
      const secret = await this.#giveSecret(tx, row, by);
      await this.#record(tx, 'robot.rotated', row, by, {});
      return { robot: this.#describe(row, null), secret };
    });
    return issued;
  }

  /** @throws Fault access.robot-unknown */
  async setState(project: string, name: string, state: RobotRow['state'], by: Principal): Promise<Robot> {
    return this.#change(project, name, async (tx, row) => {
      await tx.updateTable('access_robots').set({ state }).where('id', '=', row.id).execute();
      await this.#record(tx, state === 'disabled' ? 'robot.disabled' : 'robot.enabled', row, by, {});
      return this.#describe({ ...row, state }, null);
    });
  }

  /** @throws Fault access.robot-unknown */
  async delete(project: string, name: string, by: Principal): Promise<void> {
    await this.#change(project, name, async (tx, row) => {
      await tx.deleteFrom('access_tokens').where('robot_id', '=', row.id).execute();
      await tx.deleteFrom('access_robots').where('id', '=', row.id).execute();
      await this.#record(tx, 'robot.deleted', row, by, {});
    });
  }

  async #change<T>(
    project: string,
    name: string,
    work: (tx: Kysely<AccessTables>, row: RobotRow) => Promise<T>,
  ): Promise<T> {
    const done = await this.#db.transaction().execute(async (tx) => {
      const row = await findRobot(tx, { project, name });
      if (row === undefined) throw accessFault('access.robot-unknown', { robot: name, project });
      return work(tx, row);
    });
    this.#changed();
    return done;
  }

  async #giveSecret(tx: Kysely<AccessTables>, row: RobotRow, by: Principal): Promise<string> {
    const secret = makeSecret();
    await tx.deleteFrom('access_tokens').where('robot_id', '=', row.id).execute();
    await tx
      .insertInto('access_tokens')
      .values({
        id: newId(this.#clock),
        hash: hashOf(secret),
        kind: 'robot',
        name: `${row.project}/${row.name}`,
        user_id: null,
        owner_id: null,
        robot_id: row.id,
        rule_ids: null,
        grants: null,
        // Who has seen the secret can act by it: where two people have to agree, this is the one behind the robot.
        created_by: personBehind(by),
        created_at: this.#clock.now().toISOString(),
        expires_at: row.expires_at,
        last_used_at: null,
      })
      .execute();
    return secret;
  }

  async #record(
    tx: Kysely<AccessTables>,
    kind: string,
    row: RobotRow,
    by: Principal,
    body: { [key: string]: string | string[] },
  ): Promise<void> {
    const subject = `robot:${row.project}/${row.name}`;
    await this.#journal.record(tx, { kind, project: row.project, actor: by.actor, subject, body });
  }

  #describe(row: RobotRow, lastUsedAt: string | null): Robot {
    const expired = row.expires_at <= this.#clock.now().toISOString();
    return {
      id: row.id,
      project: row.project,
      name: row.name,
      login: `${row.project}+${row.name}`,
      ...describeRights(row.project, readGrants(row.grants)),
      state: row.state === 'active' && expired ? 'expired' : row.state,
      expiresAt: row.expires_at,
      createdBy: row.created_by,
      createdAt: row.created_at,
      lastUsedAt,
    };
  }
}
