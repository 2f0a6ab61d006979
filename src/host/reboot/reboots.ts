import type { Kysely } from 'kysely';
import { type Clock, Fault } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import type { MachineFacts } from '../facts.ts';
import { REBOOT_BACK_MS, REBOOT_DRAIN_MS, REBOOT_EXPECTED_MS, REBOOT_GO_MS, REBOOT_POLL_MS } from '../limits.ts';
import type { HostTables, Machines } from '../machines.ts';
import { newestKernel } from './kernels.ts';

/** What a host is asked: to start again, if it is still in the start that control knows of. */
export interface RebootTask {
  readonly kind: 'host-reboot';
  readonly bootId: string;
}

/** The engine and the hosts, as a reboot in order needs them. */
export interface RebootGround {
  isHere(host: string): boolean;
  /**
   * Asks that no new pod is made on the host and that those there stop in order, within their budgets. Again is no change.
   * @returns whether it was in service before
   */
  empty(host: string, reason: string): Promise<boolean>;
  /** Pods that still run there; what has to be asked to go, pod by pod, is asked by this. */
  pods(host: string): readonly string[] | Promise<readonly string[]>;
  /** Takes the host into service again. */
  serve(host: string, reason: string): Promise<void>;
  order(host: string, task: RebootTask): Promise<void>;
}

/** What is known of one host of a reboot in order: the proof that it came back as it should. */
export interface RebootProof {
  readonly host: string;
  readonly releaseBefore: string;
  readonly bootBefore: string;
  /** The kernel that it had to come back on. */
  readonly expected: string;
  readonly begunAt: string;
  /** No pod ran any more. */
  readonly emptyAt: string | null;
  readonly orderedAt: string | null;
  /** It answered from another start of the machine. */
  readonly backAt: string | null;
  readonly releaseAfter: string | null;
  readonly bootAfter: string | null;
  /** It serves again; that its workloads became ready is what the roll-out then waits for. */
  readonly servedAt: string | null;
}

/** One host of the plan: what runs, what waits on disk. */
export interface RebootNeed {
  readonly host: string;
  readonly release: string;
  /** The newest kernel of its flavour on disk; null: it is not known what is there. */
  readonly newest: string | null;
  readonly isNeeded: boolean;
  readonly because: readonly string[];
  readonly uptimeSeconds: number | null;
  readonly livePatches: readonly string[];
}

type Row = HostTables['host_reboots'];

/**
 * Starts hosts again, one at a time each: empty, order, wait until it is back from another start, look at the kernel, serve
 * again. Each step is written down after it is done, and a control that starts anew goes on from there: no host is started
 * twice for one roll-out, and none stays out of service.
 */
export class Reboots {
  readonly #db: Kysely<HostTables>;
  readonly #clock: Clock;
  readonly #machines: Pick<Machines, 'facts' | 'hosts'>;
  readonly #ground: RebootGround;

  constructor(options: {
    readonly db: Kysely<never>;
    readonly clock: Clock;
    readonly machines: Pick<Machines, 'facts' | 'hosts'>;
    readonly ground: RebootGround;
  }) {
    this.#db = options.db as unknown as Kysely<HostTables>;
    this.#clock = options.clock;
    this.#machines = options.machines;
    this.#ground = options.ground;
  }

  /** Which hosts need a start, those first. */
  needs(): RebootNeed[] {
    return this.#machines
      .hosts()
      .map((host) => needOf(host, this.#machines.facts(host)))
      .sort((a, b) => Number(b.isNeeded) - Number(a.isNeeded) || (a.host < b.host ? -1 : 1));
  }

  /** It was told to start again and is not back, and not for so long that it is lost. */
  async isStarting(host: string): Promise<boolean> {
    const since = new Date(this.#clock.now().getTime() - REBOOT_EXPECTED_MS).toISOString();
    const row = await this.#db
      .selectFrom('host_reboots')
      .select('host')
      .where('host', '=', host)
      .where('back_at', 'is', null)
      .where('ordered_at', '>', since)
      .executeTakeFirst();
    return row !== undefined;
  }

  async proofs(rollout: string): Promise<RebootProof[]> {
    const rows = await this.#db
      .selectFrom('host_reboots')
      .selectAll()
      .where('rollout', '=', rollout)
      .orderBy('begun_at')
      .execute();
    return rows.map((row) => ({
      ...{ host: row.host, releaseBefore: row.release_before, bootBefore: row.boot_before, expected: row.expected },
      ...{ begunAt: row.begun_at, emptyAt: row.empty_at, orderedAt: row.ordered_at, backAt: row.back_at },
      ...{ releaseAfter: row.release_after, bootAfter: row.boot_after, servedAt: row.served_at },
    }));
  }

  /**
   * Answers when the host is back, on the kernel that was expected, and serves again.
   * @param wanted the kernel to come back on; null: the newest on its disk
   * @param goesOn whether it may still be told to start again
   * @throws Fault host.reboot-blind, host.reboot-drain, host.reboot-stays, host.reboot-left, host.reboot-kernel; what the host answers
   */
  async reboot(
    { rollout, host, wanted }: { readonly rollout: string; readonly host: string; readonly wanted: string | null },
    goesOn: () => boolean,
  ): Promise<void> {
    let row = await this.#row(rollout, host, wanted);
    const reason = `restart ${rollout}`;
    try {
      if (this.#facts(host).bootId === row.boot_before) row = await this.#send(row, reason, goesOn);
      row = await this.#awaitBack(row);
    } catch (error) {
      // A host that is away keeps its place; whatever else went wrong, workloads go on where they are.
      if (!(error instanceof Fault && (error.code === 'host.lost' || error.code === 'host.away'))) {
        // Where it is not known yet, the order to empty it may have come through without its answer.
        if ((await this.#row(rollout, host, wanted)).was_serving !== 0) await this.#ground.serve(host, reason);
      }
      throw error;
    }
    if (row.was_serving === 1) await this.#ground.serve(host, reason);
    row = await this.#write(row, { served_at: this.#now() });
    if (row.release_after !== row.expected) {
      throw hostFault('host.reboot-kernel', { host, seen: row.release_after ?? '?', wanted: row.expected });
    }
  }

  async #send(row: Row, reason: string, goesOn: () => boolean): Promise<Row> {
    const { host } = row;
    const was = await this.#ground.empty(host, reason);
    // Whether it served before is known only the first time: afterwards it is this roll-out itself that took it out.
    let now =
      row.empty_at === null && row.was_serving === null ? await this.#write(row, { was_serving: was ? 1 : 0 }) : row;
    const endMs = this.#clock.monotonicMs() + REBOOT_DRAIN_MS;
    for (let left = await this.#ground.pods(host); left.length > 0; left = await this.#ground.pods(host)) {
      if (!goesOn()) throw hostFault('host.reboot-left', { host });
      if (this.#clock.monotonicMs() >= endMs) {
        throw hostFault('host.reboot-drain', {
          host,
          pods: left.slice(0, 5).join(', '),
          minutes: REBOOT_DRAIN_MS / 60_000,
        });
      }
      await this.#clock.sleep(REBOOT_POLL_MS);
    }
    if (!goesOn()) throw hostFault('host.reboot-left', { host });
    const at = this.#now();
    now = await this.#write(now, { empty_at: now.empty_at ?? at, ordered_at: at });
    try {
      await this.#ground.order(host, { kind: 'host-reboot', bootId: now.boot_before });
    } catch (error) {
      // It went down before it could answer, which is what was asked.
      if (!(error instanceof Fault && error.code === 'host.lost')) throw error;
    }
    return now;
  }

  /** Whatever becomes of the others: what was told to start again is waited for, for a day. */
  async #awaitBack(row: Row): Promise<Row> {
    const { host } = row;
    const sinceMs = this.#clock.monotonicMs();
    let hasGone = false;
    for (;;) {
      const isHere = this.#ground.isHere(host);
      const { bootId, kernel } = this.#facts(host);
      if (isHere && bootId !== row.boot_before) {
        return this.#write(row, { back_at: this.#now(), release_after: kernel.release, boot_after: bootId });
      }
      hasGone ||= !isHere;
      if (!hasGone && this.#clock.monotonicMs() - sinceMs >= REBOOT_GO_MS) {
        throw hostFault('host.reboot-stays', { host, minutes: REBOOT_GO_MS / 60_000 });
      }
      if (this.#clock.monotonicMs() - sinceMs >= REBOOT_BACK_MS) throw hostFault('host.reboot-left', { host });
      await this.#clock.sleep(REBOOT_POLL_MS);
    }
  }

  async #row(rollout: string, host: string, wanted: string | null): Promise<Row> {
    const known = await this.#db
      .selectFrom('host_reboots')
      .selectAll()
      .where('rollout', '=', rollout)
      .where('host', '=', host)
      .executeTakeFirst();
    if (known !== undefined) return known;
    const { bootId, kernel } = this.#facts(host);
    if (bootId === null) throw hostFault('host.reboot-blind', { host });
    const row: Row = {
      ...{ rollout, host, boot_before: bootId, release_before: kernel.release, begun_at: this.#now() },
      expected: wanted ?? newestKernel(kernel.release, kernel.installed) ?? kernel.release,
      ...{ was_serving: null, empty_at: null, ordered_at: null, back_at: null },
      ...{ release_after: null, boot_after: null, served_at: null },
    };
    await this.#db.insertInto('host_reboots').values(row).execute();
    return row;
  }

  async #write(row: Row, change: Partial<Row>): Promise<Row> {
    await this.#db
      .updateTable('host_reboots')
      .set(change)
      .where('rollout', '=', row.rollout)
      .where('host', '=', row.host)
      .execute();
    return { ...row, ...change };
  }

  #facts(host: string): MachineFacts {
    return this.#machines.facts(host);
  }

  #now(): string {
    return this.#clock.now().toISOString();
  }
}

export function needOf(host: string, facts: MachineFacts): RebootNeed {
  const { release, installed } = facts.kernel;
  const newest = newestKernel(release, installed);
  const isBehind = newest !== null && newest !== release;
  return {
    ...{ host, release, newest, isNeeded: facts.reboot.isRequired || isBehind },
    because: [...facts.reboot.because, ...(isBehind ? [newest] : [])],
    uptimeSeconds: facts.uptimeSeconds,
    livePatches: facts.livePatches.filter(({ enabled }) => enabled).map(({ name }) => name),
  };
}
