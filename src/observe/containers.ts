import type { ContainerFacts } from '../events/index.ts';
import { CGROUPS_MAX, STRANGERS_MAX, WAIT_FIRST_MS, WAIT_MS } from './limits.ts';

/** A power of two. */
const RECENT_PLACES = 64;

/**
 * Where a container stands with us: told by the agent, waited for, given up (its events pass with the id alone), not ours; or it only
 * has the name of one of ours, and is of the host.
 */
export type Standing = 'known' | 'awaited' | 'unknown' | 'foreign' | 'feigned';

export interface Slot {
  readonly cgroup: bigint;
  readonly id: string;
  /** Null: of the host. */
  facts: ContainerFacts | null;
  standing: Standing;
  readonly deadlineMs: number;
  /** Other containers within whose cgroups it stands, by their names; null: there are none. */
  readonly above: readonly string[] | null;
}

/** Where the engine put a container that has begun: numbers of its cgroups in the hierarchies that are looked at; 0 is not known. */
export interface OwnPlace {
  readonly unified: bigint;
  readonly pids: bigint;
}

/** How a cgroup came to the name of its container, as the kernel's programs saw it. */
export interface CgroupName {
  /** The cgroup that has the name; the process may be below it. */
  readonly named: bigint;
  /** Others than root could have made it. */
  readonly isOpen: boolean;
  /** Another container's name stands above. */
  readonly isNested: boolean;
}

/** What the kernel's programs are told of cgroups. */
export interface CgroupSwitch {
  /** Switches a cgroup's events off and on. */
  setIgnored(cgroup: bigint, id: string, ignored: boolean): void;
  /** Names of which containers are ours from now on, and where they began; what stands in for the programs knows nobody's. */
  setOwn?(places: ReadonlyMap<string, OwnPlace>): void;
  nameOf?(cgroup: bigint): CgroupName | null;
  /** It is looked at anew at the next event. */
  forget?(cgroup: bigint): void;
}

/** The map cgroup → container → workload. The agent gives the whole set each time. */
export class ContainerRegister {
  readonly #switch: CgroupSwitch;
  readonly #onlyTold: boolean;
  readonly #slots = new Map<number, Slot>();
  readonly #told = new Map<string, ContainerFacts>();
  #places: ReadonlyMap<string, OwnPlace> = new Map();
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

  /**
   * Replaces the whole set.
   *
   * @param places where the engine put those that have begun
   */
  tell(containers: readonly ContainerFacts[], nowMs: number, places: ReadonlyMap<string, OwnPlace> = new Map()): void {
    this.#lastToldMs = nowMs;
    this.#told.clear();
    this.#isWhole = containers.length <= CGROUPS_MAX;
    for (const container of containers) {
      if (this.#told.size >= CGROUPS_MAX) break;
      this.#told.set(container.id, container);
    }
    this.#places = places;
    this.#switch.setOwn?.(new Map([...places].filter(([id]) => this.#told.has(id))));
    for (const [key, slot] of this.#slots) {
      const facts = this.#told.get(slot.id);
      if (facts === undefined) {
        // From now on the kernel knows the names of ours: what was looked at before, and stands within one, may be of that one.
        const mayBeOurs = slot.above !== null && (slot.above.length === 0 || this.#isWithinOurs(slot));
        if (mayBeOurs && slot.standing !== 'unknown') this.#drop(key, slot, 'unknown');
      } else if (slot.standing === 'known' || this.#isItsOwn(slot)) {
        if (slot.standing === 'foreign') this.#switch.setIgnored(slot.cgroup, slot.id, false);
        slot.facts = facts;
        slot.standing = 'known';
      } else if (places.has(slot.id)) this.#drop(key, slot, 'feigned');
    }
  }

  #isWithinOurs({ above }: Slot): boolean {
    return above?.some((id) => this.#told.has(id)) === true;
  }

  /** Names are free to who may make cgroups: it is where the engine put it, or where only root can have made it. */
  #isItsOwn(slot: Slot): boolean {
    const name = this.#switch.nameOf?.(slot.cgroup) ?? null;
    if (name === null || (!name.isOpen && !name.isNested)) return true;
    const place = this.#places.get(slot.id);
    return place !== undefined && (name.named === place.unified || name.named === place.pids);
  }

  /** What waits of it goes on as that; the next event finds out anew whose it is. */
  #drop(key: number, slot: Slot, standing: 'unknown' | 'feigned'): void {
    slot.standing = standing;
    if (standing === 'feigned') slot.facts = null;
    this.#slots.delete(key);
    this.#recentKeys.fill(-1);
    this.#switch.forget?.(slot.cgroup);
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

  /** @param readAbove the other containers by whose names the acting process stands in this one; none where it is gone */
  add(key: number, cgroup: bigint, id: string, nowMs: number, readAbove: () => readonly string[] = () => []): Slot {
    const facts = this.#told.get(id);
    const wait = this.#lastToldMs === -1 ? WAIT_FIRST_MS : WAIT_MS;
    const slot: Slot = {
      cgroup,
      id,
      facts: unknownContainer(id),
      standing: 'awaited',
      deadlineMs: nowMs + wait,
      above: this.#switch.nameOf?.(cgroup)?.isNested === true ? readAbove() : null,
    };
    // One of ours that has not begun, by what is told of it, is waited for where its name alone says nothing.
    if (facts !== undefined && this.#isItsOwn(slot)) {
      slot.facts = facts;
      slot.standing = 'known';
    } else if (facts === undefined && this.#isWithinOurs(slot)) {
      // It was looked at before the kernel knew whose the name above is.
      slot.standing = 'unknown';
      this.#switch.forget?.(cgroup);
      return slot;
    }
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
    for (const [key, slot] of this.#slots) {
      if (slot.standing !== 'awaited' || nowMs < slot.deadlineMs) continue;
      // The name is ours, and the engine has put nothing there.
      if (this.#told.has(slot.id)) this.#drop(key, slot, 'feigned');
      // Of more than are known by name none is taken for a stranger's: its events pass with its number alone.
      else if (this.#onlyTold && this.#isWhole && this.#lastToldMs !== -1) {
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
