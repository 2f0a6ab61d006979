import type { Kysely } from 'kysely';
import type { Alert } from '../../detect/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { Clock } from '../../system/index.ts';
import { respondFault } from '../errors.ts';
import { POLICIES_MAX } from '../limits.ts';
import type { RespondTables } from '../store.ts';
import { type ResponsePolicy, readResponsePolicy, speaksOf } from './policy.ts';

export interface StoredResponsePolicy {
  readonly policy: ResponsePolicy;
  /** As its author wrote it. */
  readonly source: string;
  readonly author: string;
  readonly at: string;
}

/** The response policies of the platform. Every alert asks it, so it answers from memory. */
export class ResponsePolicies {
  readonly #db: Kysely<RespondTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  #policies: readonly StoredResponsePolicy[] = [];

  constructor(parts: { db: Kysely<RespondTables>; journal: Pick<Journal, 'record' | 'committed'>; clock: Clock }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  async open(): Promise<void> {
    const rows = await this.#db.selectFrom('respond_policies').selectAll().orderBy('name').execute();
    this.#policies = rows.map(({ source, author, at }) => ({ policy: readResponsePolicy(source), source, author, at }));
  }

  list(): readonly StoredResponsePolicy[] {
    return this.#policies;
  }

  /** Those that speak of an alert. */
  speakingOf(alert: Alert): readonly StoredResponsePolicy[] {
    return this.#policies.filter(({ policy }) => speaksOf(policy, alert));
  }

  /**
   * In force when this returns.
   * @param author the person who answers for it, see `personBehind`: agrees to nothing that it asks for
   * @param actor who asked for it, as facts name them
   * @throws Fault respond.policy-invalid, respond.policies-full
   */
  async apply(source: string, author: string, actor = author): Promise<StoredResponsePolicy> {
    const policy = readResponsePolicy(source);
    const { name } = policy;
    const others = this.#policies.filter((one) => one.policy.name !== name);
    if (others.length >= POLICIES_MAX) throw respondFault('respond.policies-full', { most: POLICIES_MAX });
    const stored: StoredResponsePolicy = { policy, source, author, at: this.#clock.now().toISOString() };
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_policies').where('name', '=', name).execute();
      await tx.insertInto('respond_policies').values({ name, source, author, at: stored.at }).execute();
      const body = { mode: policy.mode, do: [...policy.do], run: [...policy.run], approve: [...policy.approve] };
      await this.#record(tx, 'response-policy.applied', name, actor, body);
    });
    this.#policies = [...others, stored].sort((a, b) => a.policy.name.localeCompare(b.policy.name, 'en'));
    this.#journal.committed();
    return stored;
  }

  /** @throws Fault respond.policy-unknown */
  async remove(name: string, actor: string): Promise<void> {
    if (!this.#policies.some(({ policy }) => policy.name === name))
      throw respondFault('respond.policy-unknown', { name });
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_policies').where('name', '=', name).execute();
      await this.#record(tx, 'response-policy.removed', name, actor, {});
    });
    this.#policies = this.#policies.filter(({ policy }) => policy.name !== name);
    this.#journal.committed();
  }

  async #record(
    tx: Kysely<RespondTables>,
    kind: string,
    name: string,
    actor: string,
    body: Record<string, string | string[]>,
  ): Promise<void> {
    await this.#journal.record<RespondTables>(tx, { kind, project: null, actor, subject: `policy ${name}`, body });
  }
}
