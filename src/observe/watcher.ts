/** The reading loop: rings to events, in the order of time, each with its process and container. */
import { type ContainerFacts, HEADER, KernelEvent, PathNames, type ProcessFacts } from '../events/index.ts';
import { type CgroupSwitch, ContainerRegister, type OwnPlace, type Slot } from './containers.ts';
import type { Comparison } from './image-programs.ts';
import { BATCH_RECORDS_MAX, WAITING_BYTES_MAX, WAITING_EVENTS_MAX } from './limits.ts';
import type { RecordRing } from './made-records.ts';
import { containerOf, containersAbove } from './proc.ts';
import { ProcessTable } from './process-table.ts';

/** Records read before their room goes back to the kernel: one less than a power of two. */
const RELEASE_MASK = 255;

/** Where records come from: the programs in the kernel, or what stands in for them. */
export interface EventSource extends CgroupSwitch {
  /** Programs, processes and connections; and what there is more of. Both in the order of time. */
  readonly processRing: RecordRing;
  readonly openRing: RecordRing;
  /** The id of the container a cgroup belongs to, or null. */
  containerId(cgroup: bigint): string | null;
}

/** Called for each event. The event is only valid during the call. */
export type EventHandler = (event: KernelEvent) => void;

interface WaitingEvent {
  /** Whose facts are awaited. */
  readonly slot: Slot;
  readonly event: KernelEvent;
  readonly bytes: number;
}

export interface WatcherOptions {
  /** Only containers that the agent names. Default: all of them. */
  readonly onlyTold?: boolean;
  /** What is of the host is handled too, where it was taken for a container's at first. Default: it is not. */
  readonly hostToo?: boolean;
  /** Compares large programs with those of their image beside the reading, and tells with `compared`. Default: nobody does. */
  readonly compareLater?: (comparison: Comparison) => void;
}

export class Watcher {
  readonly #probe: EventSource;
  readonly #handler: EventHandler;
  readonly #processes: ProcessTable;
  readonly #paths = new PathNames();
  readonly #containers: ContainerRegister;
  readonly #hostToo: boolean;
  readonly #processEvent: KernelEvent;
  readonly #openEvent: KernelEvent;
  readonly #waiting: WaitingEvent[] = [];
  #waitingBytes = 0;
  /** Of what happened earlier no sensor could have been told sooner. */
  readonly #beganNs = monotonicNs();
  #worstLagNs = 0;
  #handled = 0;
  /** Events that were judged before word of their container came, because too many waited. */
  hurried = 0;

  constructor(probe: EventSource, handler: EventHandler, options: WatcherOptions = {}) {
    this.#probe = probe;
    this.#handler = handler;
    this.#processes = new ProcessTable(options.compareLater);
    this.#containers = new ContainerRegister(probe, options.onlyTold === true);
    this.#hostToo = options.hostToo === true;
    this.#processEvent = new KernelEvent(probe.processRing.data, this.#processes, this.#paths);
    this.#openEvent = new KernelEvent(probe.openRing.data, this.#processes, this.#paths);
    this.#processes.seed();
  }

  get handled(): number {
    return this.#handled;
  }

  get processCount(): number {
    return this.#processes.size;
  }

  /** A process, also of one that has just ended, then those above it; empty when nothing is known. */
  lineage(pid: number, most: number): ProcessFacts[] {
    const found: ProcessFacts[] = [];
    let next = this.#processes.lastOf(pid);
    while (next !== undefined && found.length <= most) {
      found.push(next);
      next = this.#processes.parentOf(next);
    }
    return found;
  }

  /** Containers that nobody named and that are none of ours, since the last call. */
  strangers(): string[] {
    return this.#containers.strangers.splice(0);
  }

  /** How long the event that waited longest since the last call had waited in its ring. */
  takeLagMs(): number {
    const worst = this.#worstLagNs;
    this.#worstLagNs = 0;
    return worst / 1e6;
  }

  /** @param places where the engine put those that have begun */
  tell(containers: readonly ContainerFacts[], places?: ReadonlyMap<string, OwnPlace>): void {
    this.#containers.tell(containers, Date.now(), places);
    this.#judgeWaiting();
  }

  /** The answer to a comparison that was asked for. */
  compared(id: number, isSame: boolean): void {
    if (this.#processes.compared(id, isSame)) this.#judgeWaiting();
  }

  learnNames(names: ReadonlyMap<string, readonly string[]>): void {
    this.#processes.learnNames(names);
  }

  /** What the agent said of a container, or null. */
  toldOf(id: string): ContainerFacts | null {
    return this.#containers.toldOf(id) ?? null;
  }

  /** Handles what is in the rings, at most one batch; answers whether there may be more. */
  drain(): boolean {
    const { processRing, openRing } = this.#probe;
    let more = true;
    for (let n = 0; n < BATCH_RECORDS_MAX; n++) {
      const first = processRing.peek();
      const second = openRing.peek();
      if (first === -1 && second === -1) {
        more = false;
        break;
      }
      const process = second === -1 || (first !== -1 && this.#isEarlier(first, second));
      const event = process ? this.#processEvent : this.#openEvent;
      if (process) this.#take(event, processRing, first);
      else this.#take(event, openRing, second);
      if (n === 0) this.#noteLag(event.u64(HEADER.time));
      // Their room is wanted again while the rest is read.
      if ((n & RELEASE_MASK) === RELEASE_MASK) this.#release();
    }
    this.#release();
    return more;
  }

  /** Once in a while: clocks, and events whose container nobody named. */
  tick(): void {
    this.#processes.adjustClocks();
    this.#containers.settle(Date.now());
    this.#judgeWaiting();
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  #release(): void {
    this.#probe.processRing.release();
    this.#probe.openRing.release();
  }

  #isEarlier(first: number, second: number): boolean {
    // The window is moved twice; that costs less than a second way of reading a number.
    this.#processEvent.load(first);
    this.#processEvent.number--;
    this.#openEvent.load(second);
    this.#openEvent.number--;
    return this.#processEvent.u64(HEADER.time) <= this.#openEvent.u64(HEADER.time);
  }

  #take(event: KernelEvent, ring: RecordRing, at: number): void {
    event.load(at);
    event.number = ++this.#handled;
    const process = this.#processes.follow(event);
    event.process = process;
    const slot = this.#slotOf(event);
    event.container = slot?.facts ?? null;
    if (slot === undefined) this.#handler(event);
    else if (slot.standing === 'awaited' || this.#isUndecided(event, slot)) this.#wait(event, slot, process, ring, at);
    else if (this.#passes(event, slot)) this.#handler(event);
    ring.advance();
  }

  #passes(event: KernelEvent, { standing }: Slot): boolean {
    if (standing === 'feigned') return this.#hostToo;
    if (standing !== 'foreign') return true;
    // As the kernel judges it from now on: what has the host's own mounts in sight is in no container, whatever its cgroup is called.
    if (!this.#hostToo || !this.#processes.seesHost(event)) return false;
    event.container = null;
    return true;
  }

  /** The rings are read in the order of time: the first of a batch waited longest. */
  #noteLag(timeNs: number): void {
    if (timeNs < this.#beganNs) return;
    this.#worstLagNs = Math.max(this.#worstLagNs, monotonicNs() - timeNs);
  }

  #isUndecided(event: KernelEvent, slot: Slot): boolean {
    return slot.standing !== 'foreign' && this.#processes.isUndecided(event, slot.facts?.id ?? '');
  }

  #slotOf(event: KernelEvent): Slot | undefined {
    const key = event.u64(HEADER.cgroup);
    if (key === 0) return undefined;
    const known = this.#containers.find(key);
    if (known !== undefined) return known;
    const cgroup = event.big(HEADER.cgroup);
    const pid = event.u32(HEADER.pid);
    const id = this.#probe.containerId(cgroup) ?? containerOf(pid) ?? `cgroup-${cgroup}`;
    return this.#containers.add(key, cgroup, id, Date.now(), () => containersAbove(pid, id));
  }

  /** Keeps a copy of the record until word of its container comes. */
  #wait(event: KernelEvent, slot: Slot, process: ProcessFacts, ring: RecordRing, at: number): void {
    const bytes = event.u32(HEADER.length);
    if (this.#waiting.length >= WAITING_EVENTS_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      this.hurried++;
      this.#handler(event);
      return;
    }
    const copy = new KernelEvent(ring.data.slice(at, at + bytes), this.#processes, this.#paths);
    copy.load(0);
    copy.number = event.number;
    copy.process = process;
    this.#waiting.push({ slot, event: copy, bytes });
    this.#waitingBytes += bytes;
  }

  #judgeWaiting(): void {
    if (this.#waiting.length === 0) return;
    const still: WaitingEvent[] = [];
    for (const one of this.#waiting.splice(0)) {
      one.event.container = one.slot.facts;
      if (one.slot.standing === 'awaited' || this.#isUndecided(one.event, one.slot)) {
        still.push(one);
        continue;
      }
      this.#waitingBytes -= one.bytes;
      if (this.#passes(one.event, one.slot)) this.#handler(one.event);
    }
    this.#waiting.push(...still);
  }
}

/** CLOCK_MONOTONIC, by which the kernel's records are stamped. */
function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}
