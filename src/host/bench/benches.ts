import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Journal } from '../../journal/index.ts';
import { type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import { type Clock, Fault, type Json, newId, type Text, timeOfAges } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import {
  BENCH_AT_ONCE,
  BENCH_CHANGES_KEPT_MS,
  BENCH_CHANGES_SHOWN,
  BENCH_EVERY_MS,
  BENCH_REPORT_MAX,
} from '../limits.ts';
import type { HostTables, Machines } from '../machines.ts';
import { CHECK_STATES, type CheckState } from './check.ts';
import type { BenchTask } from './host-bench.ts';

const words = z.object({ en: z.string().max(20_000), es: z.string().max(20_000) });
const id = z.string().min(1).max(200);
/** What a host answers, read before it is believed. */
const benchReport = z.object({
  results: z
    .array(
      z.object({
        id,
        section: z.string().max(100),
        title: words,
        state: z.enum(CHECK_STATES),
        evidence: z.array(words).max(1_000),
        remedy: words.nullable(),
        subjects: z.array(z.string().max(5_000)).max(10_000),
        fixes: z.array(z.unknown()).max(10_000),
      }),
    )
    .max(BENCH_REPORT_MAX),
  done: z.array(id).max(BENCH_REPORT_MAX),
  refused: z.array(z.object({ id, why: z.string().max(5_000) })).max(BENCH_REPORT_MAX),
  mended: z.array(id).max(BENCH_REPORT_MAX),
});

/** A failure that somebody accepted for a while. */
export interface BenchAcceptance {
  readonly id: string;
  readonly check: string;
  /** Null: on every host. */
  readonly host: string | null;
  readonly reason: string;
  /** RFC 3339; from then on the check counts again. */
  readonly until: string;
  readonly createdBy: string;
  readonly createdAt: string;
}

export interface BenchItem {
  readonly id: string;
  readonly section: string;
  readonly title: Text;
  readonly state: CheckState;
  readonly evidence: readonly Text[];
  readonly remedy: Text | null;
  readonly subjects: readonly string[];
  /** `--fix` mends it and can take that back. */
  readonly isFixable: boolean;
  /** It was mended by the platform. */
  readonly isMended: boolean;
  readonly accepted: BenchAcceptance | null;
}

export interface BenchView {
  readonly host: string;
  readonly at: string;
  readonly summary: Readonly<Record<CheckState | 'accepted', number>>;
  readonly items: readonly BenchItem[];
  /** The newest first. */
  readonly changes: readonly {
    readonly check: string;
    readonly from: CheckState;
    readonly to: CheckState;
    readonly at: string;
  }[];
}

interface Stored {
  readonly at: string;
  readonly items: readonly Omit<BenchItem, 'accepted'>[];
}

export interface BenchesOptions {
  readonly db: Kysely<never>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Pick<Operations, 'start'>;
  readonly clock: Clock;
  readonly machines: Pick<Machines, 'facts'>;
  readonly run: (
    host: string,
    task: BenchTask,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal },
  ) => Promise<Json>;
}

/** Benchmarks of the platform's hosts: the last look at each, what has drifted, what is accepted until when. */
export class Benches {
  readonly #db: Kysely<HostTables>;
  /** Hosts that do not let themselves be looked at, and when they said so. */
  readonly #refusedMs = new Map<string, number>();
  readonly #options: BenchesOptions;

  constructor(options: BenchesOptions) {
    this.#options = options;
    this.#db = options.db as unknown as Kysely<HostTables>;
  }

  /** @throws Fault host.unknown, host.bench-none */
  async view(host: string): Promise<BenchView> {
    this.#options.machines.facts(host);
    const stored = await this.#stored(host);
    if (stored === null) throw hostFault('host.bench-none', { host });
    const changes = await this.#db
      .selectFrom('host_bench_changes')
      .selectAll()
      .where('host', '=', host)
      .orderBy('at', 'desc')
      .limit(BENCH_CHANGES_SHOWN)
      .execute();
    const accepted = await this.acceptances();
    const items = stored.items.map((item) => ({
      ...item,
      accepted:
        item.state !== 'fail'
          ? null
          : (accepted.find(({ check, host: of }) => check === item.id && (of === null || of === host)) ?? null),
    }));
    return {
      ...{ host, at: stored.at, items, summary: summarise(items) },
      changes: changes.map((row) => ({
        check: row.check_id,
        from: row.state_before as CheckState,
        to: row.state_after as CheckState,
        at: row.at,
      })),
    };
  }

  /** Hosts that were looked at, the worst first. */
  async overview(): Promise<readonly Pick<BenchView, 'host' | 'at' | 'summary'>[]> {
    const accepted = await this.acceptances();
    const sums = ['host', 'at', 'fails', 'passes', 'blind', 'idle'] as const;
    const rows = await this.#db.selectFrom('host_bench').select(sums).execute();
    const failing = new Map<string, ReadonlySet<string>>();
    if (accepted.length > 0) {
      for (const row of await this.#db.selectFrom('host_bench').select(['host', 'failing']).execute()) {
        failing.set(row.host, new Set(JSON.parse(row.failing) as string[]));
      }
    }
    const views = rows.map(({ host, at, fails, passes, blind, idle }) => {
      const own = accepted.filter(
        ({ host: of, check }) => (of === null || of === host) && failing.get(host)?.has(check),
      );
      const count = new Set(own.map(({ check }) => check)).size;
      const rest = { 'not-determinable': blind, pass: passes, 'not-applicable': idle };
      return { host, at, summary: { fail: fails - count, ...rest, accepted: count } };
    });
    return views.sort((a, b) => b.summary.fail - a.summary.fail || (a.host < b.host ? -1 : 1));
  }

  /** Starts a look, a mending or the way back on a host. @throws Fault host.unknown */
  async start(host: string, task: BenchTask, actor: string): Promise<{ operation: string }> {
    this.#options.machines.facts(host);
    const order = task.kind === 'bench' ? 'look' : task.change;
    const title: Text = { en: `Benchmarks of ${host}: ${order}`, es: `Comprobaciones de ${host}: ${ORDERS[order]}` };
    const request = { kind: 'host-bench', project: null, environment: null, actor, title };
    const { operation } = await this.#options.operations.start(request, async (context) => {
      const step = context.step(title);
      const report = await this.#take(host, task, actor, { step, signal: context.signal });
      step.done();
      return report;
    });
    return { operation: operation.id };
  }

  /** Looks at hosts that nobody has looked at for a day. @param hosts those that answer now */
  async tick(hosts: readonly string[]): Promise<void> {
    const nowMs = this.#options.clock.now().getTime();
    const rows = await this.#db.selectFrom('host_bench').select(['host', 'at']).execute();
    const seen = new Map(rows.map(({ host, at }) => [host, Date.parse(at)]));
    const lastMs = (host: string): number => Math.max(seen.get(host) ?? 0, this.#refusedMs.get(host) ?? 0);
    const due = hosts.filter((host) => Math.abs(nowMs - lastMs(host)) >= BENCH_EVERY_MS);
    const failures: unknown[] = [];
    for (let at = 0; at < due.length; at += BENCH_AT_ONCE) {
      const looks = due.slice(at, at + BENCH_AT_ONCE).map(async (host) => {
        try {
          await this.#take(host, { kind: 'bench' }, 'platform', { step: silentStep });
          this.#refusedMs.delete(host);
        } catch (error) {
          // Whose administrator does not want it is asked again tomorrow, like everybody else.
          if (!(error instanceof Fault && error.kind === 'refused')) throw error;
          this.#refusedMs.set(host, nowMs);
        }
      });
      // One that does not answer must not keep the others from being looked at.
      for (const look of await Promise.allSettled(looks)) if (look.status === 'rejected') failures.push(look.reason);
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} hosts could not be looked at`);
  }

  /** Exceptions that hold now. */
  async acceptances(): Promise<BenchAcceptance[]> {
    const now = this.#options.clock.now().toISOString();
    const rows = await this.#db
      .selectFrom('host_bench_exceptions')
      .selectAll()
      .where('until_at', '>', now)
      .where('ended_at', 'is', null)
      .orderBy('until_at')
      .execute();
    return rows.map((row) => ({
      ...{ id: row.id, check: row.check_id, host: row.host, reason: row.reason, until: row.until_at },
      ...{ createdBy: row.created_by, createdAt: row.created_at },
    }));
  }

  /** @throws Fault host.exception-incomplete when its day is not to come */
  async accept(
    { check, host, reason, until }: Pick<BenchAcceptance, 'check' | 'host' | 'reason' | 'until'>,
    actor: string,
  ): Promise<BenchAcceptance> {
    if (host !== null) this.#options.machines.facts(host);
    const now = this.#options.clock.now().toISOString();
    const end = new Date(until).toISOString();
    if (end <= now || reason.trim() === '') throw hostFault('host.exception-incomplete', { id: check });
    const made = { id: newId(this.#options.clock), check, host, reason, until: end, createdBy: actor, createdAt: now };
    await this.#db.transaction().execute(async (tx) => {
      const row = { id: made.id, check_id: check, host, reason, until_at: end, created_by: actor, created_at: now };
      await tx
        .insertInto('host_bench_exceptions')
        .values({ ...row, ended_at: null })
        .execute();
      await this.#record(tx, 'bench.accepted', host ?? 'platform', actor, { check, reason, until: end });
    });
    this.#options.journal.committed();
    return made;
  }

  /** Ends an exception before its day. @throws Fault host.bench-exception-unknown */
  async revoke(exception: string, actor: string): Promise<void> {
    const found = (await this.acceptances()).find((one) => one.id === exception);
    if (found === undefined) throw hostFault('host.bench-exception-unknown', { id: exception });
    await this.#db.transaction().execute(async (tx) => {
      const ended_at = this.#options.clock.now().toISOString();
      await tx.updateTable('host_bench_exceptions').set({ ended_at }).where('id', '=', exception).execute();
      const body = { check: found.check, exception };
      await this.#record(tx, 'bench.acceptance-ended', found.host ?? 'platform', actor, body);
    });
    this.#options.journal.committed();
  }

  async #take(
    host: string,
    task: BenchTask,
    actor: string,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal },
  ): Promise<Json> {
    const answer = benchReport.safeParse(await this.#options.run(host, task, options));
    if (!answer.success) throw hostFault('host.bench-unreadable', { host, why: answer.error.issues[0]?.message ?? '' });
    const { results, done, refused, mended } = answer.data;
    const before = await this.#stored(host);
    const former = new Map((before?.items ?? []).map((item) => [item.id, item.state]));
    const changes = results.flatMap((result) => {
      const from = former.get(result.id);
      return from === undefined || from === result.state ? [] : [{ check: result.id, from, to: result.state }];
    });
    const at = this.#options.clock.now().toISOString();
    const items = results.map(({ fixes, ...item }) => ({
      ...item,
      isFixable: fixes.length > 0,
      isMended: mended.includes(item.id),
    }));
    const failing = items.filter(({ state }) => state === 'fail').map((item) => item.id);
    const count = (state: CheckState): number => items.filter((item) => item.state === state).length;
    const row = {
      ...{ at, body: JSON.stringify(items), fails: failing.length, failing: JSON.stringify(failing) },
      ...{ passes: count('pass'), blind: count('not-determinable'), idle: count('not-applicable') },
    };
    const old = new Date(timeOfAges(this.#options.clock).getTime() - BENCH_CHANGES_KEPT_MS).toISOString();
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .insertInto('host_bench')
        .values({ host, ...row })
        .onConflict((conflict) => conflict.column('host').doUpdateSet(row))
        .execute();
      await tx.deleteFrom('host_bench_changes').where('host', '=', host).where('at', '<', old).execute();
      for (const { check, from, to } of changes) {
        const change = { host, at, check_id: check, state_before: from, state_after: to };
        await tx.insertInto('host_bench_changes').values(change).execute();
      }
      if (changes.length > 0) await this.#record(tx, 'bench.drifted', host, actor, { changes });
      if (task.kind === 'bench-fix') {
        const kind = task.change === 'fix' ? 'bench.mended' : 'bench.undone';
        await this.#record(tx, kind, host, actor, { checks: done, refused });
      }
    });
    this.#options.journal.committed();
    return { summary: { ...summarise(items.map((item) => ({ ...item, accepted: null }))) }, done, refused, changes };
  }

  async #stored(host: string): Promise<Stored | null> {
    const row = await this.#db.selectFrom('host_bench').selectAll().where('host', '=', host).executeTakeFirst();
    return row === undefined ? null : { at: row.at, items: JSON.parse(row.body) as Stored['items'] };
  }

  async #record<T>(tx: Kysely<T>, kind: string, subject: string, actor: string, body: Json): Promise<void> {
    await this.#options.journal.record(tx, { kind, project: null, subject, actor, body });
  }
}

const ORDERS = { look: 'mirar', fix: 'corregir', undo: 'deshacer' } as const;

function summarise(items: readonly Pick<BenchItem, 'state' | 'accepted'>[]): BenchView['summary'] {
  const summary: Record<CheckState | 'accepted', number> = {
    ...{ fail: 0, 'not-determinable': 0, pass: 0, 'not-applicable': 0, accepted: 0 },
  };
  for (const { state, accepted } of items) summary[accepted === null ? state : 'accepted']++;
  return summary;
}
