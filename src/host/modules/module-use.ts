import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { Journal } from '../../journal/index.ts';
import { matchesGlob } from '../../oci/index.ts';
import type { Operations, StepHandle } from '../../progress/index.ts';
import { type Clock, Fault, type Json, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { MODULE_LOADS_MAX, MODULE_LOG_SHOWN, MODULE_TELL_MS, MODULE_WORKLOADS_MAX, MODULES_MAX } from '../limits.ts';
import type { HostTables, Machines } from '../machines.ts';
import type { ModuleStanding, ModuleTask } from './keeper.ts';
import { keptFor } from './kept.ts';

const name = z.string().regex(/^[A-Za-z0-9_]{1,64}$/);
/** What an agent says of its modules, read before it is believed. */
export const moduleSight = z.object({
  bootId: z.string().max(64),
  modules: z.array(z.object({ name, isUsed: z.boolean() })).max(MODULES_MAX),
  events: z
    .array(z.object({ module: name, change: z.enum(['load', 'unload']), by: z.string().max(64) }))
    .max(MODULE_LOADS_MAX),
  blind: z.string().max(1_000).nullable(),
});

const standing = z.object({
  mode: z.enum(['off', 'trial', 'enforce']),
  since: z.string().max(64).nullable(),
  onDisk: z.number().int().min(0),
  kept: z.number().int().min(0),
  spared: z.number().int().min(0),
  wouldBlock: z
    .array(z.object({ module: name, times: z.number().int().min(0), last: z.string().max(64) }))
    .max(MODULE_LOG_SHOWN),
  lsm: z.array(z.string().max(64)).max(100),
  kernel: z.object({
    means: z.enum(['bpf-lsm', 'bpf-return']).nullable(),
    why: z.string().max(2_000).nullable(),
    refused: z.number().int().min(0),
  }),
});

/** One module over the hosts that were asked about. */
export interface ModuleUseView {
  readonly module: string;
  /** Hosts where it was ever seen, and where it was in use. */
  readonly hosts: number;
  readonly usedOn: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** Starts of machines with it. */
  readonly boots: number;
  /** Loads that the kernel told of. */
  readonly loads: number;
  /** Workloads that had started since the look before the one in which it was first seen or first in use. */
  readonly workloads: readonly string[];
}

/** What an allow-list would be for a group of hosts, and what it would bring. */
export interface ModuleProposal {
  readonly hosts: readonly string[];
  /** Since when all of them are looked at; null: one of them never was. */
  readonly observedSince: string | null;
  readonly allow: readonly { readonly module: string; readonly why: 'used' | 'loaded' | 'asked' }[];
  /** Modules on disk of the group, and those that no host would load any more. */
  readonly onDisk: number;
  readonly keptOut: number;
  readonly keptForSecurity: readonly string[];
  /** Kernel CVEs that no longer could be reached, over the hosts: the largest number on one host, and their ids. */
  readonly unreachable: { readonly most: number; readonly cves: readonly string[] };
  /** There are no kernel advisories: the number above says nothing. */
  readonly isBlind: boolean;
}

interface Seen {
  firstAt: string;
  lastAt: string;
  usedAt: string | null;
  bootId: string;
  boots: number;
  loads: number;
  workloads: string[];
}

export interface ModuleUseOptions {
  readonly db: Kysely<never>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Pick<Operations, 'start'>;
  readonly clock: Clock;
  readonly machines: Pick<Machines, 'facts' | 'hosts' | 'ifBlocked'>;
  readonly run: (
    host: string,
    task: ModuleTask,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal },
  ) => Promise<Json>;
}

/** Which modules the hosts of the platform use, over time, starts and workloads; and what keeps the others out. */
export class ModuleUse {
  readonly #options: ModuleUseOptions;
  readonly #db: Kysely<HostTables>;
  readonly #seen = new Map<string, Map<string, Seen>>();

  constructor(options: ModuleUseOptions) {
    this.#options = options;
    this.#db = options.db as unknown as Kysely<HostTables>;
  }

  /** Reads what was seen before this program started. */
  async open(): Promise<void> {
    for (const row of await this.#db.selectFrom('host_module_use').selectAll().execute()) {
      this.#of(row.host).set(row.module, {
        ...{ firstAt: row.first_at, lastAt: row.last_at, usedAt: row.used_at, bootId: row.boot_id },
        ...{ boots: row.boots, loads: row.loads, workloads: JSON.parse(row.workloads) as string[] },
      });
    }
  }

  /**
   * Takes what a host's agent saw.
   * @param started workloads with a pod that started there since the look before
   */
  async take(host: string, value: unknown, started: readonly string[]): Promise<void> {
    const sight = moduleSight.parse(value);
    const now = this.#options.clock.now().toISOString();
    const seen = this.#of(host);
    const loads = new Map<string, number>();
    for (const { module, change } of sight.events) {
      if (change === 'load') loads.set(module, (loads.get(module) ?? 0) + 1);
    }
    const here = new Map(sight.modules.map((one) => [one.name, one.isUsed]));
    const changed: [string, Seen][] = [];
    for (const module of new Set([...here.keys(), ...loads.keys()])) {
      const before = seen.get(module);
      // What was asked for and is gone again was used by whoever asked.
      const isUsed = here.get(module) ?? true;
      const isNew = before === undefined || (isUsed && before.usedAt === null);
      // A host that makes names up fills no more than a kernel could.
      if (before === undefined && seen.size + changed.length >= MODULES_MAX) continue;
      const isOtherBoot = before?.bootId !== sight.bootId;
      const added = loads.get(module) ?? 0;
      const isStale = before !== undefined && Date.parse(now) - Date.parse(before.lastAt) >= MODULE_TELL_MS / 2;
      if (!isNew && !isOtherBoot && added === 0 && !isStale) continue;
      const workloads = isNew || added > 0 ? [...(before?.workloads ?? []), ...started] : (before?.workloads ?? []);
      changed.push([
        module,
        {
          firstAt: before?.firstAt ?? now,
          lastAt: now,
          usedAt: isUsed ? now : (before?.usedAt ?? null),
          bootId: sight.bootId,
          boots: (before?.boots ?? 0) + (isOtherBoot ? 1 : 0),
          loads: (before?.loads ?? 0) + added,
          workloads: [...new Set(workloads)].slice(0, MODULE_WORKLOADS_MAX),
        },
      ]);
    }
    if (changed.length === 0) return;
    await this.#db.transaction().execute(async (tx) => {
      for (const [module, one] of changed) {
        const row = {
          ...{ first_at: one.firstAt, last_at: one.lastAt, used_at: one.usedAt, boot_id: one.bootId },
          ...{ boots: one.boots, loads: one.loads, workloads: JSON.stringify(one.workloads) },
        };
        await tx
          .insertInto('host_module_use')
          .values({ host, module, ...row })
          .onConflict((conflict) => conflict.columns(['host', 'module']).doUpdateSet(row))
          .execute();
      }
    });
    for (const [module, one] of changed) seen.set(module, one);
  }

  /** Modules over the hosts whose names match; none given: all. */
  list(patterns: readonly string[]): ModuleUseView[] {
    const found = new Map<string, { -readonly [K in keyof ModuleUseView]: ModuleUseView[K] }>();
    for (const host of this.#hosts(patterns)) {
      for (const [module, one] of this.#of(host)) {
        const view = found.get(module);
        const used = one.usedAt === null ? 0 : 1;
        if (view === undefined) {
          const { firstAt, lastAt, boots, loads, workloads } = one;
          found.set(module, { module, hosts: 1, usedOn: used, firstAt, lastAt, boots, loads, workloads });
          continue;
        }
        view.hosts++;
        view.usedOn += used;
        view.boots += one.boots;
        view.loads += one.loads;
        if (one.firstAt < view.firstAt) view.firstAt = one.firstAt;
        if (one.lastAt > view.lastAt) view.lastAt = one.lastAt;
        view.workloads = [...new Set([...view.workloads, ...one.workloads])].slice(0, MODULE_WORKLOADS_MAX);
      }
    }
    return [...found.values()].sort((a, b) => b.usedOn - a.usedOn || (a.module < b.module ? -1 : 1));
  }

  /**
   * The allow-list that follows from what was seen on a group of hosts.
   * @param keep names to keep beside it
   * @throws Fault host.modules-nowhere when no host of the platform matches
   */
  async propose(patterns: readonly string[], keep: readonly string[]): Promise<ModuleProposal> {
    const hosts = this.#hosts(patterns);
    if (hosts.length === 0) throw hostFault('host.modules-nowhere', { hosts: patterns.join(', ') });
    const allow = new Map<string, 'used' | 'loaded' | 'asked'>(keep.map((one) => [one, 'asked']));
    let since: string | null = '';
    for (const host of hosts) {
      const seen = this.#of(host);
      const first = [...seen.values()].map(({ firstAt }) => firstAt).sort()[0] ?? null;
      for (const [module, { usedAt }] of seen) {
        if (allow.get(module) !== 'used') allow.set(module, usedAt === null ? 'loaded' : 'used');
      }
      // Whoever began last to be looked at bounds what is known of all.
      if (first === null) since = null;
      else if (since !== null && first > since) since = first;
      for (const { name: module } of this.#options.machines.facts(host).modules.loaded ?? []) {
        if (!allow.has(module)) allow.set(module, 'loaded');
      }
    }
    const onDisk = new Set<string>();
    const keptOut = new Set<string>();
    const safe = new Set<string>();
    let most = 0;
    let isBlind = false;
    const cves = new Set<string>();
    // Hosts of one build share their list, and so the answer.
    const known = new Set<readonly string[] | null>();
    for (const host of hosts) {
      const { available } = this.#options.machines.facts(host).modules;
      if (known.has(available)) continue;
      known.add(available);
      const out: string[] = [];
      for (const module of available ?? []) {
        onDisk.add(module);
        const why = keptFor(module, null);
        if (why === 'security') safe.add(module);
        if (why === null && !allow.has(module)) out.push(module);
      }
      for (const module of out) keptOut.add(module);
      const gone = await this.#options.machines.ifBlocked(host, out);
      if (gone === null) isBlind = true;
      else if (gone.length > most) most = gone.length;
      for (const cve of gone ?? []) cves.add(cve);
    }
    return {
      hosts,
      observedSince: since === '' ? null : since,
      allow: [...allow].map(([module, why]) => ({ module, why })).sort((a, b) => (a.module < b.module ? -1 : 1)),
      ...{ onDisk: onDisk.size, keptOut: keptOut.size, keptForSecurity: [...safe].sort() },
      unreachable: { most, cves: [...cves].sort() },
      isBlind,
    };
  }

  /** Asks one host how it stands. @throws Fault host.unknown, host.away, host.modules-none */
  async standing(host: string, step: StepHandle): Promise<ModuleStanding> {
    this.#options.machines.facts(host);
    return this.#ask(host, { kind: 'kernel-modules', change: 'status', allow: [] }, { step });
  }

  /** Tries, enforces or takes back the allow-list of a group, host by host. @throws Fault host.modules-nowhere */
  async order(
    {
      hosts: patterns,
      change,
      keep,
    }: { hosts: readonly string[]; change: 'trial' | 'enforce' | 'undo'; keep: readonly string[] },
    actor: string,
  ): Promise<{ operation: string }> {
    const { hosts, allow } = await this.propose(patterns, keep);
    const names = allow.map(({ module }) => module);
    const title: Text = {
      en: `Modules of ${hosts.length} hosts: ${change}`,
      es: `Módulos de ${hosts.length} hosts: ${ORDERS[change]}`,
    };
    const request = { kind: 'kernel-modules', project: null, environment: null, actor, title };
    const { operation } = await this.#options.operations.start(request, async (context) => {
      const items: { [key: string]: Json }[] = [];
      const failed: { host: string; why: string }[] = [];
      for (const host of hosts) {
        const step = context.step({ en: host, es: host });
        const task: ModuleTask = { kind: 'kernel-modules', change, allow: change === 'undo' ? [] : names };
        try {
          const found = await this.#ask(host, task, { step, signal: context.signal });
          await this.#record(FACTS[change], host, actor, { kept: found.kept, onDisk: found.onDisk });
          items.push({ host, ...(found as unknown as { [key: string]: Json }) });
          step.done();
        } catch (error) {
          // A host that is away or has no modules must not keep the others from their list.
          if (!(error instanceof Fault) || hosts.length === 1) throw error;
          const { what, why } = error.text('en');
          step.fail({ en: what, es: error.text('es').what });
          failed.push({ host, why: why === undefined ? what : `${what}: ${why}` });
        }
      }
      return { items, failed };
    });
    return { operation: operation.id };
  }

  async #ask(
    host: string,
    task: ModuleTask,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal },
  ): Promise<ModuleStanding> {
    return standing.parse(await this.#options.run(host, task, options));
  }

  #hosts(patterns: readonly string[]): string[] {
    const all = this.#options.machines.hosts();
    return all.filter((host) => patterns.length === 0 || patterns.some((one) => matchesGlob(one, host))).sort();
  }

  #of(host: string): Map<string, Seen> {
    let seen = this.#seen.get(host);
    if (seen === undefined) {
      seen = new Map();
      this.#seen.set(host, seen);
    }
    return seen;
  }

  async #record(kind: string, subject: string, actor: string, body: Json): Promise<void> {
    const { journal } = this.#options;
    await this.#db.transaction().execute((tx) => journal.record(tx, { kind, project: null, subject, actor, body }));
    journal.committed();
  }
}

const ORDERS = { trial: 'probar', enforce: 'imponer', undo: 'deshacer' } as const;
const FACTS = { trial: 'modules.tried', enforce: 'modules.enforced', undo: 'modules.freed' } as const;
