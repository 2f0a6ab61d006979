/** Follows prevention policies on this host: who of its guards takes what, how strong that is, and what they meet. */
import type { HookReach, KernelReach } from '../../observe/index.ts';
import {
  type ContainerGuard,
  compileGuard,
  type Denied,
  type GuardedContainer,
  type GuardedPart,
  type HostPrevention,
  isDriftForKernel,
  isForKernel,
  type Means,
  PackagesByImage,
  type Part,
  POLICIES_MAX,
  type PreventionOrder,
  type PreventPolicy,
  preventionAlert,
  type Reach,
  type Strength,
} from '../../prevent/index.ts';
import type { Text } from '../../system/index.ts';
import { monotonicNs } from '../link/stations.ts';
import type { FromWarden, WardenMet, WardenWord } from '../warden/messages.ts';
import type { SensorContainer } from './sensor-server.ts';
import type { SpooledAlert } from './spool.ts';

export interface PreventionParts {
  /** Tells the sensor; it answers with `kernelReaches`. */
  readonly setGuards: (guards: readonly ContainerGuard[]) => void;
  readonly setWarden: (words: readonly WardenWord[]) => void;
  readonly raise: (alert: SpooledAlert) => void;
  readonly tell: (state: HostPrevention) => void;
  /** Of the pod that a container belongs to. */
  readonly labelsOf: (container: SensorContainer) => Readonly<Record<string, string>>;
}

/** As many as control reads. */
const PARTS_TOLD_MAX = POLICIES_MAX * 40;
const ORDER: readonly Strength[] = ['blocks', 'kills', 'reports', 'nothing'];
const NO_SENSOR: Text = { en: 'no sensor runs', es: 'no hay ningún sensor en marcha' };
const BY_LINK: Text = {
  en: 'by the name of a link (busybox) a command is not known to the warden',
  es: 'por el nombre de un enlace (busybox) el guardián no reconoce una orden',
};
const TOO_MANY: Text = {
  en: 'the policies of this container have more entries than a host takes',
  es: 'las políticas de este contenedor tienen más entradas de las que toma un host',
};
const NO_WARDEN: Text = { en: 'the warden is not ready yet', es: 'el guardián todavía no está listo' };

export class Prevention {
  readonly #parts: PreventionParts;
  #order: PreventionOrder | null = null;
  #packages = new PackagesByImage([]);
  #containers: ReadonlyMap<string, SensorContainer> = new Map();
  #guards: ReadonlyMap<string, ContainerGuard> = new Map();
  #kernel: KernelReach | null = null;
  /** Null: it is ready, or was not needed yet. */
  #wardenWhy: Text | null = null;
  readonly #drift = new Map<string, string>();
  #told = '';
  #wardenTold = '';

  constructor(parts: PreventionParts) {
    this.#parts = parts;
  }

  /** Policies as control names them. */
  follow(order: PreventionOrder): void {
    this.#order = order;
    this.#packages = new PackagesByImage(order.packages);
    this.#guard();
  }

  setContainers(containers: readonly SensorContainer[]): void {
    this.#containers = new Map(containers.map((container) => [container.id, container]));
    this.#guard();
  }

  kernelReaches(reach: KernelReach | null): void {
    this.#kernel = reach;
    this.#askWarden();
    this.#tell();
  }

  hear(message: FromWarden): void {
    if (message.type === 'ready') {
      this.#wardenWhy = message.why === null ? null : { en: message.why, es: message.why };
    } else if (message.type === 'guarded') {
      if (message.drift === null) this.#drift.delete(message.containerId);
      else this.#drift.set(message.containerId, message.drift);
    } else if (message.type === 'met') this.#met(message);
    this.#tell();
  }

  wardenGone(): void {
    // What it said itself before it ended is the better reason.
    this.#wardenWhy ??= NO_WARDEN;
    this.#tell();
  }

  /** What control is told, also when it comes back. */
  get state(): HostPrevention {
    const best = (hook: HookReach | undefined): Reach => {
      const fan: Reach = { strength: 'blocks', means: 'fanotify', why: null };
      if (hook?.means === 'bpf-lsm' || hook?.means === 'bpf-return')
        return { strength: 'blocks', means: hook.means, why: null };
      if (this.#wardenWhy === null) return fan;
      if (hook?.means === 'bpf-signal')
        return { strength: 'kills', means: 'bpf-signal', why: both(hook.why ?? '', this.#wardenWhy) };
      return { strength: 'nothing', means: null, why: both(hook?.why ?? NO_SENSOR.en, this.#wardenWhy) };
    };
    return {
      revision: this.#order?.revision ?? null,
      exec: best(this.#kernel?.exec),
      open: best(this.#kernel?.open),
      policies: this.#strengths(),
    };
  }

  #guard(): void {
    const policies: readonly PreventPolicy[] = this.#order?.policies ?? [];
    const guards = new Map<string, ContainerGuard>();
    for (const container of this.#containers.values()) {
      if (container.pid === null || container.pid === 0 || policies.length === 0) continue;
      const guarded: GuardedContainer = { ...container, labels: this.#parts.labelsOf(container) };
      const guard = compileGuard(policies, guarded, this.#packages);
      if (guard !== null) guards.set(container.id, guard);
    }
    const before = JSON.stringify([...this.#guards]);
    this.#guards = guards;
    for (const id of this.#drift.keys()) if (!guards.has(id)) this.#drift.delete(id);
    if (JSON.stringify([...guards]) !== before) this.#parts.setGuards([...guards.values()]);
    this.#askWarden();
    this.#tell();
  }

  /** What the kernel's own programs cannot block, the warden is asked about. What is only a trial it blocks nowhere. */
  #askWarden(): void {
    const words = [...this.#guards.values()].flatMap((guard): WardenWord[] => {
      const container = this.#containers.get(guard.containerId);
      if (container?.pid == null) return [];
      const places = (list: ContainerGuard['commands'], use: 'exec' | 'open'): number[] =>
        list.flatMap((one, place) => (this.#isWardens(guard, one.rule, isForKernel(one, use), use) ? [place] : []));
      const commands = places(guard.commands, 'exec');
      const files = places(guard.files, 'open');
      const drift = guard.drift !== null && this.#isWardens(guard, guard.drift, isDriftForKernel(guard), 'exec');
      const vouch = guard.drift !== null && isDriftForKernel(guard) && this.#hookOf(guard.containerId, 'exec') !== null;
      if (!drift && !vouch && commands.length + files.length === 0) return [];
      return [{ guard, pid: container.pid, drift, vouch, commands, files }];
    });
    const told = JSON.stringify(words);
    if (told === this.#wardenTold) return;
    this.#wardenTold = told;
    this.#parts.setWarden(words);
  }

  #isWardens(guard: ContainerGuard, rule: number, forKernel: boolean, use: 'exec' | 'open'): boolean {
    const hook = this.#hookOf(guard.containerId, use);
    if (!forKernel || hook === null) return true;
    // The kernel's programs report as well as anybody; where they block, nobody else needs to.
    return guard.rules[rule]?.effect === 'act' && hook === 'bpf-signal';
  }

  #hookOf(containerId: string, use: 'exec' | 'open'): HookReach['means'] {
    if (this.#kernel === null || this.#kernel.left.includes(containerId)) return null;
    return this.#kernel[use].means;
  }

  #strengths(): GuardedPart[] {
    const found = new Map<string, GuardedPart>();
    // A container has a rule for each package that is denied in it.
    const seen = new Map<string, Set<string>>();
    for (const guard of this.#guards.values()) {
      const entries = entriesByRule(guard);
      guard.rules.forEach((rule, place) => {
        const reach: Reach =
          rule.gap === undefined
            ? this.#reachOf(guard, place, rule.part, entries.get(place) ?? [])
            : { strength: 'nothing', means: null, why: rule.gap };
        // What one image lacks is not what another one does.
        const lack = rule.gap?.en ?? '';
        const key = `${rule.policy} ${rule.part} ${reach.strength} ${reach.means} ${lack}`;
        const before = found.get(key);
        const own = seen.get(key) ?? new Set();
        seen.set(key, own.add(guard.containerId));
        found.set(key, { policy: rule.policy, part: rule.part, ...(before ?? reach), containers: own.size });
      });
    }
    return [...found.values()].slice(0, PARTS_TOLD_MAX);
  }

  /** The weakest of what a rule names: a list is as strong as what of it can be got around. */
  #reachOf(guard: ContainerGuard, place: number, part: Part, entries: readonly Entry[]): Reach {
    if (part === 'drift')
      return this.#reach(guard, place, isDriftForKernel(guard), 'exec', this.#drift.get(guard.containerId));
    const weakest = entries
      .map(({ use, one }) => {
        const reach = this.#reach(guard, place, isForKernel(one, use), use);
        return use === 'exec' && isName(one) ? this.#reachOfName(guard, one, reach) : reach;
      })
      .reduce<Reach | null>((weakest, one) => {
        const weaker = weakest === null ? 1 : ORDER.indexOf(one.strength) - ORDER.indexOf(weakest.strength);
        // Of two alike the one that says why.
        return weaker > 0 || (weaker === 0 && weakest?.why === null && one.why !== null) ? one : weakest;
      }, null);
    return weakest ?? { strength: 'nothing', means: null, why: TOO_MANY };
  }

  /** The warden is shown the file that a link leads to, so by a link's name it answers nothing: what is left then counts. */
  #reachOfName(guard: ContainerGuard, one: Denied, reach: Reach): Reach {
    if (reach.means !== 'fanotify') return reach;
    const kills = isForKernel(one, 'exec') && this.#hookOf(guard.containerId, 'exec') === 'bpf-signal';
    if (!kills || guard.rules[one.rule]?.effect !== 'act') return { ...reach, why: BY_LINK };
    return { strength: 'kills', means: 'bpf-signal', why: BY_LINK };
  }

  #reach(guard: ContainerGuard, rule: number, forKernel: boolean, use: 'exec' | 'open', unable?: string): Reach {
    const hook = forKernel ? this.#hookOf(guard.containerId, use) : null;
    const why = this.#kernel?.[use].why ?? NO_SENSOR.en;
    const isAct = guard.rules[rule]?.effect === 'act';
    const wardenWhy = unable === undefined ? this.#wardenWhy : { en: unable, es: unable };
    const of = (strength: Strength, means: Means | null, reason: Text | null = null): Reach => ({
      strength,
      means,
      why: reason,
    });
    if (!isAct) {
      if (hook !== null) return of('reports', 'bpf-report');
      return wardenWhy === null ? of('reports', 'fanotify') : of('nothing', null, wardenWhy);
    }
    if (hook === 'bpf-lsm' || hook === 'bpf-return') return of('blocks', hook);
    if (wardenWhy === null) return of('blocks', 'fanotify');
    return hook === 'bpf-signal' ? of('kills', hook, both(why, wardenWhy)) : of('nothing', null, wardenWhy);
  }

  #met(met: WardenMet): void {
    const rule = this.#guards.get(met.containerId)?.rules[met.rule];
    const container = this.#containers.get(met.containerId);
    if (rule === undefined || container === undefined) return;
    const { pid: _pid, ...facts } = container;
    this.#parts.raise(
      preventionAlert({
        ...{ rule, act: met.act, path: met.path, outcome: met.outcome, container: facts, at: met.at },
        process: { ...met.process, tty: 0, startedAt: null },
        ...{ ancestors: met.ancestors, kernelTimeNs: monotonicNs() },
      }),
    );
  }

  #tell(): void {
    const { state } = this;
    const text = JSON.stringify(state);
    if (text === this.#told) return;
    this.#told = text;
    this.#parts.tell(state);
  }
}

interface Entry {
  readonly use: 'exec' | 'open';
  readonly one: Denied;
}

/** What each rule names. A guard may have hundreds of rules over a thousand entries. */
function entriesByRule(guard: ContainerGuard): ReadonlyMap<number, readonly Entry[]> {
  const found = new Map<number, Entry[]>();
  for (const [use, list] of [
    ['exec', guard.commands],
    ['open', guard.files],
  ] as const)
    for (const one of list) {
      const before = found.get(one.rule);
      if (before === undefined) found.set(one.rule, [{ use, one }]);
      else before.push({ use, one });
    }
  return found;
}

/** Whether an entry is asked of the name alone that a program is called by. */
function isName({ kind, pattern }: Denied): boolean {
  return kind === 'name' || (kind === 'glob' && !pattern.startsWith('/'));
}

function both(en: string, warden: Text): Text {
  return { en: `${en}; ${warden.en}`, es: `${en}; ${warden.es}` };
}
