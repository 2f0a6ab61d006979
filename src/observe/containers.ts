import type { ContainerFacts } from '../events/index.ts';
import { CGROUPS_MAX, STRANGERS_MAX, WAIT_FIRST_MS, WAIT_MS } from './limits.ts';

/** A power of two. */
const RECENT_PLACES = 64;

/** Where a container stands with us: told by the agent, waited for, given up (its events pass with the id alone), not ours. */
export type Standing = 'known' | 'awaited' | 'unknown' | 'foreign';

export interface Slot {
  readonly cgroup: bigint;
  readonly id: string;
  facts: ContainerFacts;
  standing: Standing;
  readonly deadlineMs: number;
}

/** Switches a cgroup's events off and on in the kernel. */
export interface CgroupSwitch {
  setIgnored(cgroup: bigint, id: string, ignored: boolean): void;
}

/** The map cgroup → container → workload. The agent gives the whole set each time. */
export class ContainerRegister {
  readonly #switch: CgroupSwitch;
  readonly #onlyTold: boolean;
  readonly #slots = new Map<number, Slot>();
  readonly #told = new Map<string, ContainerFacts>();
  /** Whether all that the agent named are known by name. */
  #isWhole = true;
  #lastToldMs = -1;
  /** Who came a moment ago, by the last bits of its number. */
  readonly #recentKeys = new Float64Array(RECENT_PLACES).fill(-1);
  readonly #recent = new Array<Slot | undefined>(RECENT_PLACES).fill(undefined);
  /** Given up on as not ours; whoever asks takes them away. */
  readonly strangers: string[] = [];

  /** @param onlyTold containers the agent does not name are not ours: their events are dropped in the kernel */
  constructor(cgroupSwitch: CgroupSwitch, onlyTold: boolean) {
    this.#switch = cgroupSwitch;
    this.#onlyTold = onlyTold;
  }

  /** Replaces the whole set. */
  tell(containers: readonly ContainerFacts[], nowMs: number): void {
    this.#lastToldMs = nowMs;
    this.#told.clear();
    this.#isWhole = containers.length <= CGROUPS_MAX;
    for (const container of containers) {
      if (this.#told.size >= CGROUPS_MAX) break;
      this.#told.set(container.id, container);
    }
    for (const slot of this.#slots.values()) {
      const facts = this.#told.get(slot.id);
      if (facts !== undefined) {
        if (slot.standing === 'foreign') this.#switch.setIgnored(slot.cgroup, slot.id, false);
        slot.facts = facts;
        slot.standing = 'known';
      }
    }
  }

  /** What the agent said of a container, or undefined. */
  toldOf(id: string): ContainerFacts | undefined {
    return this.#told.get(id);
  }

  /** The slot of a cgroup, or undefined when it has to be made. */
  find(cgroup: number): Slot | undefined {
    const place = (cgroup >>> 0) & (RECENT_PLACES - 1);
    if (this.#recentKeys[place] === cgroup) return this.#recent[place];
    const slot = this.#slots.get(cgroup);
    if (slot !== undefined) {
      this.#recentKeys[place] = cgroup;
      this.#recent[place] = slot;
    }
    return slot;
  }

  add(key: number, cgroup: bigint, id: string, nowMs: number): Slot {
    const facts = this.#told.get(id);
    const wait = this.#lastToldMs === -1 ? WAIT_FIRST_MS : WAIT_MS;
    const slot: Slot = {
      cgroup,
      id,
      facts: facts ?? unknownContainer(id),
      standing: facts === undefined ? 'awaited' : 'known',
      deadlineMs: nowMs + wait,
    };
    this.#slots.set(key, slot);
    if (this.#slots.size > CGROUPS_MAX) {
      const [oldest] = this.#slots;
      if (oldest !== undefined) {
        this.#slots.delete(oldest[0]);
        this.#recentKeys.fill(-1);
        // Nobody would give up on it any more, and its events would wait for ever.
        if (oldest[1].standing === 'awaited') oldest[1].standing = 'unknown';
      }
    }
    return slot;
  }

  /** Gives up on containers nobody told us of in time. */
  settle(nowMs: number): void {
    for (const slot of this.#slots.values()) {
      if (slot.standing !== 'awaited' || nowMs < slot.deadlineMs) continue;
      // Of more than are known by name none is taken for a stranger's: its events pass with its number alone.
      if (this.#onlyTold && this.#isWhole && this.#lastToldMs !== -1) {
        slot.standing = 'foreign';
        if (this.strangers.length < STRANGERS_MAX && !this.strangers.includes(slot.id)) this.strangers.push(slot.id);
        this.#switch.setIgnored(slot.cgroup, slot.id, true);
      } else slot.standing = 'unknown';
    }
  }
}

export function unknownContainer(id: string): ContainerFacts {
  return {
    id,
    name: null,
    project: null,
    environment: null,
    workload: null,
    pod: null,
    container: null,
    image: null,
    digest: null,
  };
}
