/** Containers that the platform did not start: found by hosts, told once, allowed by people or stopped by rule. */
import type { Kysely, Selectable } from 'kysely';
import { z } from 'zod';
import type { Alert } from '../detect/index.ts';
import type { Journal } from '../journal/index.ts';
import { type Clock, Fault, type Log, newId, timeOfAges } from '../system/index.ts';
import { preventFault } from './errors.ts';
import { matchesPattern, shortId } from './guard.ts';
import {
  ALLOWED_MAX,
  GONE_KEPT_DAYS,
  GONE_KEPT_MAX,
  GONE_SHOWN,
  STRANGER_TEXT_MAX,
  STRANGERS_MAX,
  TOLD_AT_ONCE,
  TOLD_EVERY_MS,
} from './limits.ts';
import type { PreventTables } from './migrations.ts';

const text = z.string().max(STRANGER_TEXT_MAX);

/** What a host says of a container that the platform did not start. */
export const strangerShape = z.strictObject({
  /** The engine's id, or the name of what has none. */
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/),
  engine: z.enum(['podman', 'docker', 'containerd', 'cri-o', 'runc', 'crun', 'unknown']),
  name: text.nullable(),
  image: text.nullable(),
  /** Of its first process; 0 when only its events were seen. */
  pid: z.number().int().min(0).max(0x7fff_ffff),
  /** Of that process, in clock ticks since the start of the machine. */
  started: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  uid: z.number().int().min(0).max(0xffff_ffff),
  command: text,
  cgroup: text,
});
export type Stranger = z.infer<typeof strangerShape>;
export const strangersShape = z.array(strangerShape).max(STRANGERS_MAX);

export interface KeptStranger extends Stranger {
  readonly host: string;
  readonly foundAt: string;
  readonly goneAt: string | null;
  readonly stoppedAt: string | null;
  readonly stoppedBy: string | null;
  /** How the last try to stop it ended. */
  readonly outcome: string | null;
  /** The entry that allows it. */
  readonly allowedBy: Allowed | null;
}

/** What else may run; at least one of image and name. */
export interface Allowed {
  readonly id: string;
  readonly image: string | null;
  readonly name: string | null;
  readonly host: string | null;
  readonly reason: string;
  readonly until: string | null;
  readonly author: string;
  readonly at: string;
}

/** What is stopped; without any, all are reported only. */
export interface StopRule {
  readonly id: string;
  readonly host: string | null;
  /** Only on hosts that run a pod of such an environment. */
  readonly environment: string | null;
  readonly image: string | null;
  readonly name: string | null;
  readonly reason: string;
  readonly author: string;
  readonly at: string;
}

export interface StrangersOptions {
  readonly db: Kysely<PreventTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly raise: (alert: Alert, host: string) => Promise<void>;
  /** Ends it; answers what was done. @throws the host's Fault */
  readonly stop: (host: string, stranger: Stranger) => Promise<string>;
  /** The environments whose pods a host runs. */
  readonly environmentsOn: (host: string) => readonly string[];
}

const RULE = 'Container not started by the platform';

export class Strangers {
  readonly #options: StrangersOptions;
  #allowed: readonly Allowed[] = [];
  #stops: readonly StopRule[] = [];
  #turn: Promise<void> = Promise.resolve();
  readonly #stopping = new Set<string>();
  /** How many of a host may be told singly now. */
  readonly #room = new Map<string, { left: number; atMs: number }>();

  constructor(options: StrangersOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { db } = this.#options;
    this.#allowed = await db.selectFrom('prevent_allowed').selectAll().orderBy('id').execute();
    this.#stops = await db.selectFrom('prevent_stops').selectAll().orderBy('id').execute();
  }

  allowed(): readonly Allowed[] {
    return this.#allowed;
  }

  stops(): readonly StopRule[] {
    return this.#stops;
  }

  /** The whole set of a host, one word after the other. */
  take(host: string, found: readonly Stranger[]): Promise<void> {
    const mine = this.#turn.then(() => this.#take(host, found));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** Those that are there first, then the last that went. */
  async list(): Promise<KeptStranger[]> {
    const { db } = this.#options;
    const here = await db.selectFrom('prevent_strangers').selectAll().where('gone_at', 'is', null).execute();
    const gone = await db
      .selectFrom('prevent_strangers')
      .selectAll()
      .where('gone_at', 'is not', null)
      .orderBy('gone_at', 'desc')
      .limit(GONE_SHOWN)
      .execute();
    return [...here, ...gone].map((row) => this.#show(row));
  }

  /** Lets some run. @throws Fault prevent.allowed-full, prevent.allowed-past */
  async allow(wanted: Omit<Allowed, 'id' | 'author' | 'at'>, author: string): Promise<Allowed> {
    const { db, journal, clock } = this.#options;
    if (this.#allowed.length >= ALLOWED_MAX) throw preventFault('prevent.allowed-full', { most: ALLOWED_MAX });
    if (wanted.until !== null && Date.parse(wanted.until) <= clock.now().getTime())
      throw preventFault('prevent.allowed-past', { until: wanted.until });
    const entry: Allowed = { id: newId(clock), ...wanted, author, at: clock.now().toISOString() };
    const { image, name, host, reason, until } = entry;
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('prevent_allowed').values(entry).execute();
      await journal.record<PreventTables>(tx, {
        ...{
          kind: 'container.foreign-allowed',
          project: null,
          actor: author,
          subject: image ?? name ?? '',
          digest: null,
        },
        body: { image, name, host, reason, until },
      });
    });
    journal.committed();
    await this.open();
    return entry;
  }

  /** @throws Fault prevent.allowed-unknown */
  async disallow(id: string, actor: string): Promise<void> {
    await this.#removeEntry('prevent_allowed', this.#allowed, id, actor, 'container.foreign-disallowed');
  }

  /** @throws Fault prevent.allowed-full */
  async addStop(wanted: Omit<StopRule, 'id' | 'author' | 'at'>, author: string): Promise<StopRule> {
    const { db, journal, clock } = this.#options;
    if (this.#stops.length >= ALLOWED_MAX) throw preventFault('prevent.allowed-full', { most: ALLOWED_MAX });
    const rule: StopRule = { id: newId(clock), ...wanted, author, at: clock.now().toISOString() };
    const { host, environment, image, name, reason } = rule;
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('prevent_stops').values(rule).execute();
      await journal.record<PreventTables>(tx, {
        ...{
          kind: 'container.foreign-stop-set',
          project: null,
          actor: author,
          subject: host ?? 'all hosts',
          digest: null,
        },
        body: { host, environment, image, name, reason },
      });
    });
    journal.committed();
    await this.open();
    await this.#stopDue();
    return rule;
  }

  /** @throws Fault prevent.allowed-unknown */
  async removeStop(id: string, actor: string): Promise<void> {
    await this.#removeEntry('prevent_stops', this.#stops, id, actor, 'container.foreign-stop-ended');
  }

  /** Stops one by order. @throws Fault prevent.stranger-unknown, prevent.stranger-allowed; the host's */
  async stop(id: string, actor: string): Promise<KeptStranger> {
    const here = (await this.list()).filter((one) => one.goneAt === null && one.id.startsWith(id));
    const [only] = here;
    if (only === undefined || here.length !== 1) throw preventFault('prevent.stranger-unknown', { id });
    if (only.allowedBy !== null) {
      const { reason, id: entry } = only.allowedBy;
      throw preventFault('prevent.stranger-allowed', { id: shortId(only.id), reason, entry });
    }
    await this.#stop(only, actor, null);
    return (await this.list()).find((one) => one.id === only.id && one.host === only.host) ?? only;
  }

  /** What was allowed until now counts again: asked now and then. */
  async tick(): Promise<void> {
    const { db, clock } = this.#options;
    await this.#stopDue();
    const before = new Date(timeOfAges(clock).getTime() - GONE_KEPT_DAYS * 86_400_000).toISOString();
    await db.deleteFrom('prevent_strangers').where('gone_at', '<', before).execute();
    const oldest = await db
      .selectFrom('prevent_strangers')
      .select('gone_at')
      .where('gone_at', 'is not', null)
      .orderBy('gone_at', 'desc')
      .offset(GONE_KEPT_MAX)
      .limit(1)
      .executeTakeFirst();
    if (oldest?.gone_at == null) return;
    await db.deleteFrom('prevent_strangers').where('gone_at', '<=', oldest.gone_at).execute();
  }

  async #take(host: string, found: readonly Stranger[]): Promise<void> {
    const { db, journal, clock } = this.#options;
    const at = clock.now().toISOString();
    // What is gone is another when it comes again: those of a busy host's last days are not read at each of its words.
    const rows = await db
      .selectFrom('prevent_strangers')
      .selectAll()
      .where('host', '=', host)
      .where('gone_at', 'is', null)
      .execute();
    const known = new Map(rows.map((row) => [row.id, row]));
    const fresh: Stranger[] = [];
    const room = this.#roomOf(host);
    await db.transaction().execute(async (tx) => {
      for (const stranger of found) {
        const row = known.get(stranger.id);
        const isSame = row !== undefined && (JSON.parse(row.facts) as Stranger).started === stranger.started;
        if (row !== undefined && isSame) continue;
        await tx.deleteFrom('prevent_strangers').where('host', '=', host).where('id', '=', stranger.id).execute();
        const empty = { gone_at: null, stopped_at: null, stopped_by: null, outcome: null };
        await tx
          .insertInto('prevent_strangers')
          .values({ host, id: stranger.id, facts: JSON.stringify(stranger), found_at: at, ...empty })
          .execute();
        fresh.push(stranger);
        if (fresh.length > room) continue;
        const { engine, name, image, uid, command } = stranger;
        await journal.record<PreventTables>(tx, {
          ...{ kind: 'container.foreign-found', project: null, actor: `agent:${host}`, digest: null },
          ...{ subject: shortId(stranger.id), body: { host, engine, name, image, uid, command } },
        });
      }
      if (fresh.length > room) {
        await journal.record<PreventTables>(tx, {
          ...{ kind: 'container.foreign-found', project: null, actor: `agent:${host}`, digest: null },
          ...{ subject: `+${fresh.length - room}`, body: { host, more: fresh.length - room } },
        });
      }
      const here = new Set(found.map(({ id }) => id));
      for (const row of rows) {
        if (here.has(row.id)) continue;
        await tx
          .updateTable('prevent_strangers')
          .set({ gone_at: at })
          .where('host', '=', host)
          .where('id', '=', row.id)
          .execute();
      }
    });
    journal.committed();
    this.#useRoom(host, Math.min(fresh.length, room));
    for (const stranger of fresh.slice(0, room)) {
      if (this.#allowing(host, stranger) !== null) continue;
      await this.#options.raise(alertOf(stranger, this.#stopRule(host, stranger) !== null, clock.now()), host);
    }
    const rest = fresh.slice(room).filter((stranger) => this.#allowing(host, stranger) === null);
    const [first] = rest;
    if (first !== undefined)
      await this.#options.raise(
        alertOf(first, this.#stopRule(host, first) !== null, clock.now(), rest.length - 1),
        host,
      );
    await this.#stopDue();
  }

  /** Whoever may start containers on a host could otherwise fill the journal with them. */
  #roomOf(host: string): number {
    const nowMs = this.#options.clock.now().getTime();
    const { left, atMs } = this.#room.get(host) ?? { left: TOLD_AT_ONCE, atMs: nowMs };
    const filled = Math.min(TOLD_AT_ONCE, left + Math.max(0, nowMs - atMs) / TOLD_EVERY_MS);
    this.#room.set(host, { left: filled, atMs: nowMs });
    return Math.floor(filled);
  }

  #useRoom(host: string, count: number): void {
    const room = this.#room.get(host);
    if (room !== undefined) room.left -= count;
  }

  async #stopDue(): Promise<void> {
    if (this.#stops.length === 0) return;
    for (const one of await this.list()) {
      if (one.goneAt !== null || one.allowedBy !== null || one.pid === 0) continue;
      const rule = this.#stopRule(one.host, one);
      if (rule === null) continue;
      await this.#stop(one, `rule:${rule.id}`, rule).catch((error: unknown) =>
        this.#options.log.warn({ err: error, container: one.id }, 'a container of others could not be stopped'),
      );
    }
  }

  async #stop(one: KeptStranger, actor: string, rule: StopRule | null): Promise<void> {
    const { db, journal, clock, stop } = this.#options;
    const key = `${one.host} ${one.id}`;
    if (this.#stopping.has(key)) return;
    this.#stopping.add(key);
    let outcome: string;
    let failure: unknown = null;
    try {
      const { host, foundAt: _f, goneAt: _g, stoppedAt: _s, stoppedBy: _b, outcome: _o, allowedBy: _a, ...facts } = one;
      outcome = await stop(host, facts);
    } catch (error) {
      failure = error;
      outcome =
        error instanceof Fault ? `failed: ${error.text('en').why ?? error.message}` : `failed: ${String(error)}`;
    } finally {
      this.#stopping.delete(key);
    }
    // A rule that fails again and again is written down once for each new reason.
    if (failure !== null && one.outcome === outcome) throw failure;
    await db.transaction().execute(async (tx) => {
      await tx
        .updateTable('prevent_strangers')
        .set({ outcome, ...(failure === null ? { stopped_at: clock.now().toISOString(), stopped_by: actor } : {}) })
        .where('host', '=', one.host)
        .where('id', '=', one.id)
        .execute();
      await journal.record<PreventTables>(tx, {
        ...{ kind: failure === null ? 'container.foreign-stopped' : 'container.foreign-stop-failed', project: null },
        ...{ actor, subject: shortId(one.id), digest: null },
        body: { host: one.host, name: one.name, image: one.image, outcome, rule: rule?.reason ?? null },
      });
    });
    journal.committed();
    if (failure !== null) throw failure;
  }

  async #removeEntry(
    table: 'prevent_allowed' | 'prevent_stops',
    entries: readonly { readonly id: string; readonly reason: string }[],
    id: string,
    actor: string,
    kind: string,
  ): Promise<void> {
    const { db, journal } = this.#options;
    const found = entries.filter((one) => one.id.startsWith(id) || one.id.endsWith(id));
    const [entry] = found;
    if (entry === undefined || found.length !== 1) throw preventFault('prevent.allowed-unknown', { id });
    await db.transaction().execute(async (tx) => {
      await tx.deleteFrom(table).where('id', '=', entry.id).execute();
      await journal.record<PreventTables>(tx, {
        ...{ kind, project: null, actor, subject: entry.id, digest: null, body: { reason: entry.reason } },
      });
    });
    journal.committed();
    await this.open();
  }

  #allowing(host: string, { image, name }: Stranger): Allowed | null {
    const now = this.#options.clock.now().getTime();
    const found = this.#allowed.find(
      (entry) =>
        (entry.until === null || Date.parse(entry.until) > now) &&
        fits(entry.host, host) &&
        fits(entry.image, image) &&
        fits(entry.name, name),
    );
    return found ?? null;
  }

  #stopRule(host: string, { image, name }: Stranger): StopRule | null {
    const found = this.#stops.find(
      (rule) =>
        fits(rule.host, host) &&
        fits(rule.image, image) &&
        fits(rule.name, name) &&
        (rule.environment === null ||
          this.#options.environmentsOn(host).some((one) => matchesPattern(rule.environment ?? '', one))),
    );
    return found ?? null;
  }

  #show(row: Selectable<PreventTables['prevent_strangers']>): KeptStranger {
    const facts = JSON.parse(row.facts) as Stranger;
    return {
      ...facts,
      ...{ host: row.host, foundAt: row.found_at, goneAt: row.gone_at, stoppedAt: row.stopped_at },
      ...{ stoppedBy: row.stopped_by, outcome: row.outcome, allowedBy: this.#allowing(row.host, facts) },
    };
  }
}

/** What nobody named is anything; what is not known is nothing. */
function fits(pattern: string | null, value: string | null): boolean {
  return pattern === null || (value !== null && matchesPattern(pattern, value));
}

/** @param more containers that it speaks of beside this one */
function alertOf(stranger: Stranger, stops: boolean, now: Date, more = 0): Alert {
  const { id, engine, name, image, pid, uid, command, cgroup } = stranger;
  const what = [engine, name, image].filter(Boolean).join(' ');
  const output = `${RULE}: ${what === '' ? shortId(id) : what}${stops ? '; it is stopped by rule' : ''}${more > 0 ? `; and ${more} more` : ''}`;
  return {
    ...{ id: newId(), at: now.toISOString(), kernelTimeNs: 0, rule: RULE, priority: 'warning' },
    // No tactic of MITRE: all containers of others on one host are one story.
    ...{ tags: ['foreign', 'T1610'], output: output.replaceAll(/\p{Cc}/gu, '?') },
    outputFields: {
      ...{ 'container.id': id, 'container.name': name, 'container.image': image, 'container.engine': engine },
      'container.cgroup': cgroup,
    },
    container: null,
    process: {
      ...{ pid, ppid: 0, name: command.split(' ')[0]?.split('/').at(-1) ?? '', exe: command.split(' ')[0] ?? '' },
      ...{ cmdline: command, cwd: '', uid, tty: 0, startedAt: null },
    },
    ancestors: [],
    source: { kind: 'rule', file: 'foreign', line: 0 },
  };
}
