import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { AdvisoryDatabase } from '../advisories/index.ts';
import { type Clock, canonicalJson, type Json } from '../system/index.ts';
import { answerKernel, type KernelAnswer, kernelStatements } from './answer.ts';
import { hostFault } from './errors.ts';
import { GATHERED_NEVER, type MachineFacts, readMachineFacts } from './facts.ts';
import { toKernelVex } from './openvex.ts';
import { type HostRuntimes, judgeRuntimes, openRuntimes, type RuntimeTruth } from './runtimes.ts';
import { SHIELD, type ShieldEntry } from './shield/feed.ts';
import {
  judgeMachine,
  type KernelTruth,
  summarise,
  TRUTH_STATES,
  type TruthState,
  type TruthSummary,
  withoutRecord,
} from './truth.ts';
import { type HeldPatch, type WayOut, wayOutOf } from './way-out.ts';

export interface HostTables {
  host_facts: { hash: string; body: string };
  host_machines: { host: string; hash: string; own: string; seen_at: string; changed_at: string };
  host_rollouts: { id: string; plan: string; started_at: string; started_by: string };
  host_reboots: {
    rollout: string;
    host: string;
    boot_before: string;
    release_before: string;
    expected: string;
    was_serving: number | null;
    begun_at: string;
    empty_at: string | null;
    ordered_at: string | null;
    back_at: string | null;
    release_after: string | null;
    boot_after: string | null;
    served_at: string | null;
  };
  host_module_use: {
    host: string;
    module: string;
    first_at: string;
    last_at: string;
    used_at: string | null;
    boot_id: string;
    boots: number;
    loads: number;
    workloads: string;
  };
  host_bench: {
    host: string;
    at: string;
    body: string;
    fails: number;
    passes: number;
    blind: number;
    idle: number;
    failing: string;
  };
  host_bench_changes: { host: string; at: string; check_id: string; state_before: string; state_after: string };
  host_bench_exceptions: {
    id: string;
    check_id: string;
    host: string | null;
    reason: string;
    until_at: string;
    created_by: string;
    created_at: string;
    ended_at: string | null;
  };
  host_profiles: {
    project: string;
    workload: string;
    container: string;
    digest: string;
    repository: string;
    body: string;
    state: string;
    recorded_at: string;
    trial: string | null;
    applied_at: string | null;
  };
  host_rollout_events: { rollout: string; sequence: number; at_ms: number; event: string };
}

/** What differs from one host of a build to the next and changes no verdict; it stands with the host. */
interface OwnFacts {
  readonly gatheredAt: string;
  readonly bootId?: string | null;
  readonly uptimeSeconds: number | null;
  readonly references: readonly number[];
}

/** How a host is judged: all hosts with the same facts have the same answer. */
interface Group {
  readonly facts: MachineFacts;
  readonly truths: readonly KernelTruth[];
  readonly byCve: ReadonlyMap<string, KernelTruth>;
  readonly summary: TruthSummary;
  readonly runtimes: readonly RuntimeTruth[];
}

export interface MachineView {
  readonly host: string;
  readonly release: string;
  readonly buildId: string | null;
  readonly seenAt: string;
  readonly changedAt: string;
  /** How far its clock was from the platform's when it last told its facts; null: it did not say when it gathered them. */
  readonly clockOffSeconds: number | null;
  readonly rebootRequired: boolean;
  readonly livePatches: readonly string[];
  /** Null: there are no kernel advisories. */
  readonly summary: TruthSummary | null;
  readonly runtimesExposed: readonly string[];
}

export interface CveAnswer {
  readonly cve: string;
  readonly title: string;
  readonly severity: KernelTruth['severity'];
  readonly cvss: number | null;
  readonly kev: boolean;
  readonly summary: TruthSummary;
  readonly hosts: number;
  readonly items: readonly {
    readonly host: string;
    readonly state: TruthState;
    readonly release: string;
    readonly evidence: KernelTruth['evidence'];
    readonly wayOut: WayOut | null;
  }[];
}

/**
 * The machines of the platform. Each different set of facts is judged once, and again only when the advisories have
 * changed; a question about the fleet reads those answers.
 */
export class Machines {
  readonly #db: Kysely<HostTables>;
  readonly #clock: Clock;
  readonly #advisories: () => Promise<AdvisoryDatabase>;
  readonly #shield: () => readonly ShieldEntry[];
  readonly #patches: () => Promise<readonly HeldPatch[]>;
  readonly #machines = new Map<string, { hash: string; own: OwnFacts; seenAt: string; changedAt: string }>();
  readonly #facts = new Map<string, MachineFacts>();
  #groups = new Map<string, Group>();
  #revision = '';

  constructor(options: {
    readonly db: Kysely<never>;
    readonly clock: Clock;
    readonly advisories: () => Promise<AdvisoryDatabase>;
    /** Entries of the shield, as the platform holds them. @default those that come with it */
    readonly shield?: () => readonly ShieldEntry[];
    /** Live patches that the platform holds and believes. @default none */
    readonly patches?: () => Promise<readonly HeldPatch[]>;
  }) {
    this.#patches = options.patches ?? (async () => []);
    this.#shield = options.shield ?? (() => SHIELD);
    this.#db = options.db as unknown as Kysely<HostTables>;
    this.#clock = options.clock;
    this.#advisories = options.advisories;
  }

  /** Reads what was known before this program started. */
  async open(): Promise<void> {
    for (const { hash, body } of await this.#db.selectFrom('host_facts').selectAll().execute()) {
      this.#facts.set(hash, readMachineFacts(JSON.parse(body), `host_facts ${hash}`));
    }
    for (const row of await this.#db.selectFrom('host_machines').selectAll().execute()) {
      if (!this.#facts.has(row.hash)) continue;
      const own = JSON.parse(row.own) as OwnFacts;
      this.#machines.set(row.host, { hash: row.hash, own, seenAt: row.seen_at, changedAt: row.changed_at });
    }
  }

  /** Takes what a host says of itself; answers whether its kernel, modules or switches are others than before. */
  async take(host: string, value: unknown): Promise<boolean> {
    const { shared, own } = part(readMachineFacts(value, host));
    const body = canonicalJson(shared as unknown as Json);
    const hash = createHash('sha256').update(body).digest('hex');
    const now = this.#clock.now().toISOString();
    const before = this.#machines.get(host);
    const changedAt = before?.hash === hash ? before.changedAt : now;
    const row = { host, hash, own: JSON.stringify(own), seen_at: now, changed_at: changedAt };
    await this.#db.transaction().execute(async (trx) => {
      await trx
        .insertInto('host_facts')
        .values({ hash, body })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .execute();
      await trx
        .insertInto('host_machines')
        .values(row)
        .onConflict((conflict) =>
          conflict.column('host').doUpdateSet({ hash, own: row.own, seen_at: now, changed_at: changedAt }),
        )
        .execute();
      if (before !== undefined && before.hash !== hash && this.#usersOf(before.hash) <= 1) {
        await trx.deleteFrom('host_facts').where('hash', '=', before.hash).execute();
      }
    });
    if (before !== undefined && before.hash !== hash && this.#usersOf(before.hash) <= 1) {
      this.#facts.delete(before.hash);
      this.#groups.delete(before.hash);
    }
    this.#facts.set(hash, shared);
    this.#machines.set(host, { hash, own, seenAt: now, changedAt });
    return before?.hash !== hash;
  }

  /** The entries of the shield are others by now: all is judged anew. */
  shieldChanged(): void {
    this.#groups = new Map();
  }

  /** Names of all that were ever heard of. */
  hosts(): string[] {
    return [...this.#machines.keys()];
  }

  /**
   * Open CVEs of a host that could no longer be reached if these modules were kept out; null: there are no kernel advisories.
   * @throws Fault host.unknown
   */
  async ifBlocked(host: string, names: readonly string[]): Promise<string[] | null> {
    const database = await this.#database();
    if (database.kernel().length === 0) return null;
    const facts = this.facts(host);
    const { byCve } = this.#group(this.#machines.get(host)?.hash ?? '', database);
    const loaded = new Set((facts.modules.loaded ?? []).map(({ name }) => name));
    const more = names.filter((name) => !loaded.has(name)).map((name) => ({ name, by: 'darsena kernel modules' }));
    const modules = { ...facts.modules, blocked: [...facts.modules.blocked, ...more] };
    const at = { ...facts, modules };
    const after = judgeMachine(at, database.kernel(), kernelStatements(facts, database), undefined, this.#shield());
    const isOpen = (state: TruthState | undefined): boolean => state === 'exposed' || state === 'unknown';
    return after.flatMap(({ cve, state }) => (state === 'not-reachable' && isOpen(byCve.get(cve)?.state) ? [cve] : []));
  }

  /** Which kernel each host runs and which live patches are fully in force there; without any judgement, so at once. */
  kernels(): { readonly host: string; readonly buildId: string | null; readonly livePatches: readonly string[] }[] {
    return [...this.#machines].map(([host, { hash }]) => {
      const facts = this.#facts.get(hash);
      const inForce = (facts?.livePatches ?? []).filter(({ enabled, transition }) => enabled && !transition);
      return { host, buildId: facts?.kernel.buildId ?? null, livePatches: inForce.map(({ name }) => name) };
    });
  }

  async views(): Promise<MachineView[]> {
    const database = await this.#database();
    const known = database.kernel().length > 0;
    return [...this.#machines].map(([host, { hash, own, seenAt, changedAt }]) => {
      const { facts, summary, runtimes } = this.#group(hash, database);
      const exposed = runtimes.flatMap(({ program, issues }) =>
        issues.some(({ state }) => state === 'exposed') ? [program] : [],
      );
      return {
        host,
        release: facts.kernel.release,
        buildId: facts.kernel.buildId,
        seenAt,
        changedAt,
        clockOffSeconds: offSeconds(own.gatheredAt, seenAt),
        rebootRequired: facts.reboot.isRequired,
        livePatches: facts.livePatches.filter(({ enabled }) => enabled).map(({ name }) => name),
        summary: known ? summary : null,
        runtimesExposed: exposed,
      };
    });
  }

  /** @throws Fault host.unknown */
  facts(host: string): MachineFacts {
    const machine = this.#machines.get(host);
    const shared = this.#facts.get(machine?.hash ?? '');
    if (machine === undefined || shared === undefined) throw hostFault('host.unknown', { host });
    const { gatheredAt, uptimeSeconds, references, bootId = null } = machine.own;
    const loaded = shared.modules.loaded?.map((one, index) => ({ ...one, references: references[index] ?? 0 })) ?? null;
    return { ...shared, host, gatheredAt, bootId, uptimeSeconds, modules: { ...shared.modules, loaded } };
  }

  /** @throws Fault host.unknown */
  async answer(host: string): Promise<KernelAnswer> {
    return answerKernel(this.facts(host), await this.#database(), this.#clock, this.#shield());
  }

  /** @throws Fault host.unknown */
  async runtimes(host: string): Promise<readonly RuntimeTruth[]> {
    return judgeRuntimes(this.facts(host), await this.#database());
  }

  /** For each host that was ever heard of, its run-times with open CVEs, judged by the distribution of that host. */
  async openRuntimes(): Promise<HostRuntimes[]> {
    const database = await this.#database();
    return [...this.#machines].map(([host, { hash, seenAt }]) => {
      return { host, seenAt, open: openRuntimes(this.#group(hash, database).runtimes) };
    });
  }

  /** @throws Fault host.unknown */
  async vex(host: string): Promise<{ [key: string]: Json }> {
    const facts = this.facts(host);
    const { cves } = await this.answer(host);
    return toKernelVex(facts, cves, this.#clock.now().toISOString());
  }

  /**
   * Which hosts a CVE concerns, exposed ones first, and for each the least that closes it.
   *
   * @throws Fault host.cve-unknown
   */
  async where(cve: string, limit: number): Promise<CveAnswer> {
    const database = await this.#database();
    const recorded = database.kernel().find(({ id }) => id === cve);
    const shield = this.#shield();
    // What the shield knows, or a distribution of these hosts speaks of, is answered: as unknown, where nobody says more.
    const isNamed =
      recorded !== undefined ||
      shield.some(({ cves }) => cves.includes(cve)) ||
      [...this.#machines.values()].some(({ hash }) => this.#group(hash, database).byCve.has(cve));
    if (!isNamed || database.kernel().length === 0) throw hostFault('host.cve-unknown', { cve });
    const advisory = recorded ?? withoutRecord(cve, database.urgencyOf(cve));
    const judged = new Map<Group, KernelTruth | undefined>();
    const truthOf = (group: Group): KernelTruth | undefined => {
      if (recorded !== undefined || group.byCve.has(cve)) return group.byCve.get(cve);
      if (!judged.has(group)) {
        judged.set(group, judgeMachine(group.facts, [advisory], undefined, undefined, shield)[0]);
      }
      return judged.get(group);
    };
    const summary = Object.fromEntries(TRUTH_STATES.map((state) => [state, 0])) as Record<TruthState, number>;
    const found: { host: string; truth: KernelTruth; facts: MachineFacts }[] = [];
    for (const [host, { hash }] of this.#machines) {
      const group = this.#group(hash, database);
      const { facts } = group;
      const truth = truthOf(group);
      if (truth === undefined) continue;
      summary[truth.state]++;
      found.push({ host, truth, facts });
    }
    found.sort(
      (a, b) => TRUTH_STATES.indexOf(a.truth.state) - TRUTH_STATES.indexOf(b.truth.state) || (a.host < b.host ? -1 : 1),
    );
    const means = { patches: await this.#patches(), shield };
    const ways = new Map<KernelTruth, WayOut | null>();
    const items = found.slice(0, limit).map(({ host, truth, facts }) => {
      // Hosts of one build share the answer.
      const known = ways.get(truth);
      const wayOut = known === undefined ? wayOutOf(truth, advisory, facts, means) : known;
      ways.set(truth, wayOut);
      return { host, state: truth.state, release: facts.kernel.release, evidence: truth.evidence, wayOut };
    });
    const { title, severity, cvss, kev } = advisory;
    return { cve, title, severity, cvss, kev, summary, hosts: found.length, items };
  }

  /** Judges every different set of facts by the advisories of now; answers how many there were. */
  async judgeAll(): Promise<number> {
    const database = await this.#database();
    for (const hash of new Set([...this.#machines.values()].map((one) => one.hash))) this.#group(hash, database);
    return this.#groups.size;
  }

  #usersOf(hash: string): number {
    let users = 0;
    for (const machine of this.#machines.values()) if (machine.hash === hash) users++;
    return users;
  }

  async #database(): Promise<AdvisoryDatabase> {
    const database = await this.#advisories();
    if (database.revision !== this.#revision) {
      this.#groups = new Map();
      this.#revision = database.revision;
    }
    return database;
  }

  #group(hash: string, database: AdvisoryDatabase): Group {
    const known = this.#groups.get(hash);
    if (known !== undefined) return known;
    const facts = this.#facts.get(hash) as MachineFacts;
    const statements = kernelStatements(facts, database);
    const truths = judgeMachine(facts, database.kernel(), statements, undefined, this.#shield());
    const group: Group = {
      facts,
      truths,
      byCve: new Map(truths.map((truth) => [truth.cve, truth])),
      summary: summarise(truths),
      runtimes: judgeRuntimes(facts, database),
    };
    this.#groups.set(hash, group);
    return group;
  }
}

/** What verdicts depend on, and the rest. */
function part(facts: MachineFacts): { readonly shared: MachineFacts; readonly own: OwnFacts } {
  const loaded = facts.modules.loaded;
  return {
    shared: {
      ...facts,
      host: null,
      gatheredAt: '',
      bootId: null,
      uptimeSeconds: null,
      modules: {
        ...facts.modules,
        loaded: loaded?.map((one) => ({ ...one, references: 0 })) ?? null,
      },
    },
    own: {
      gatheredAt: facts.gatheredAt,
      bootId: facts.bootId,
      uptimeSeconds: facts.uptimeSeconds,
      references: (loaded ?? []).map(({ references }) => references),
    },
  };
}

function offSeconds(gatheredAt: string, seenAt: string): number | null {
  const off = Math.round((Date.parse(gatheredAt) - Date.parse(seenAt)) / 1000);
  return Number.isNaN(off) || gatheredAt === GATHERED_NEVER ? null : off;
}
