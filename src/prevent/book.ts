import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import type { Clock } from '../system/index.ts';
import { preventFault } from './errors.ts';
import type { PackagesOrder, PreventPolicy } from './guard.ts';
import { POLICIES_MAX } from './limits.ts';
import type { PreventTables } from './migrations.ts';
import { boundedOrders, orderOf } from './packages.ts';
import type { PackagesInImages } from './packages-in-images.ts';
import { readPreventPolicy } from './policy.ts';

export interface StoredPreventPolicy {
  readonly policy: PreventPolicy;
  /** As its author wrote it. */
  readonly source: string;
  readonly author: string;
  readonly at: string;
}

/** What hosts are given. */
export interface PreventionOrder {
  /** Names this set and no other. */
  readonly revision: string;
  readonly policies: readonly PreventPolicy[];
  /** What the packages that policies name are in the images that run. */
  readonly packages: readonly PackagesOrder[];
}

export interface PreventParts {
  readonly db: Kysely<PreventTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** Told after what is in force has changed; resolves when hosts were told all of it. */
  readonly changed: () => void | Promise<void>;
  /** What images have of denied packages. @default no image is looked into */
  readonly images?: Pick<PackagesInImages, 'current'>;
}

/** The prevention policies in force. */
export class PreventPolicies {
  readonly #parts: PreventParts;
  #policies: readonly StoredPreventPolicy[] = [];

  constructor(parts: PreventParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const rows = await this.#parts.db.selectFrom('prevent_policies').selectAll().orderBy('name').execute();
    this.#policies = rows.map(({ source, author, at }) => ({ policy: readPreventPolicy(source), source, author, at }));
  }

  list(): readonly StoredPreventPolicy[] {
    return this.#policies;
  }

  /** @throws Fault prevent.policy-unknown */
  named(name: string): StoredPreventPolicy {
    const found = this.#policies.find(({ policy }) => policy.name === name);
    if (found === undefined) throw preventFault('prevent.policy-unknown', { name });
    return found;
  }

  order(): PreventionOrder {
    const policies = this.#policies.map(({ policy }) => policy);
    const packages = boundedOrders((this.#parts.images?.current() ?? []).map(orderOf));
    const revision = createHash('sha256')
      .update(JSON.stringify([policies, packages]))
      .digest('hex')
      .slice(0, 16);
    return { revision, policies, packages };
  }

  /** In force when this returns; hosts are told at once. @throws Fault prevent.policy-invalid, prevent.policies-full */
  async apply(source: string, author: string): Promise<StoredPreventPolicy> {
    const { db, journal, clock, changed } = this.#parts;
    const policy = readPreventPolicy(source);
    const { name } = policy;
    const others = this.#policies.filter((one) => one.policy.name !== name);
    if (others.length >= POLICIES_MAX) throw preventFault('prevent.policies-full', { most: POLICIES_MAX });
    const stored: StoredPreventPolicy = { policy, source, author, at: clock.now().toISOString() };
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('prevent_policies').where('name', '=', name).execute();
      await tx.insertInto('prevent_policies').values({ name, source, author, at: stored.at }).execute();
      const { mode, drift, commands, files, components, packages } = policy;
      const lists = {
        ...{ commands: [...commands], files: [...files], components: [...components], packages: [...packages] },
      };
      await journal.record<PreventTables>(tx, {
        ...{ kind: 'prevention.applied', project: null, actor: author, subject: `policy ${name}`, digest: null },
        body: { mode, drift, ...lists },
      });
    });
    this.#policies = [...others, stored].sort((a, b) => a.policy.name.localeCompare(b.policy.name, 'en'));
    journal.committed();
    await changed();
    return stored;
  }

  /** @throws Fault prevent.policy-unknown */
  async remove(name: string, actor: string): Promise<void> {
    const { db, journal, changed } = this.#parts;
    this.named(name);
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom('prevent_policies').where('name', '=', name).execute();
      await journal.record<PreventTables>(tx, {
        ...{ kind: 'prevention.removed', project: null, actor, subject: `policy ${name}`, digest: null, body: {} },
      });
    });
    this.#policies = this.#policies.filter(({ policy }) => policy.name !== name);
    journal.committed();
    await changed();
  }
}
