/** What the host keeps of its last days: events gathered into batches, bounded by container so that no flood pushes out others. */
import { CapturePacker, EVENT_NAMES, isOpen, type KernelEvent, ONLY_CONTENT, RECORD_FLAG } from '../../events/index.ts';
import type { FromWorker } from './messages.ts';

/** A batch is handed on when it is full, or after so long: small batches repeat their surroundings. */
const KEEP_FLUSH_MS = 10_000;
/** Events a second of one container, and what it may have at once: what starts has some thousands of opens. */
const PER_SECOND = { others: 100, opens: 50 } as const;
const AT_ONCE = 4_000;
/** Recorded for their bytes alone, which are not kept: nothing could be found in them. */
const NOT_KEPT: ReadonlySet<number> = new Set([...ONLY_CONTENT].map((name) => EVENT_NAMES.indexOf(name)));
/** A container that is not remembered begins with a full share. */
const CONTAINERS_MAX = 4_096;
/** Batches on their way to the agent. */
const ON_THE_WAY_MAX = 8;

interface Share {
  left: number;
  atMs: number;
}

class Lane {
  readonly name: 'others' | 'opens';
  readonly packer = new CapturePacker();
  readonly shares = new Map<string, Share>();
  firstMs = 0;
  lastMs = 0;
  events = 0;
  missing = 0;
  beganMs = 0;

  constructor(name: 'others' | 'opens') {
    this.name = name;
  }
}

export class EventKeeper {
  readonly #say: (message: FromWorker) => void;
  readonly #onTheWay: Int32Array;
  readonly #lanes = { others: new Lane('others'), opens: new Lane('opens') };
  /** Whether the agent keeps events: without it they are not gathered. */
  isOn = false;
  #nowMs = 0;

  constructor(say: (message: FromWorker) => void, onTheWay: Int32Array) {
    this.#say = say;
    this.#onTheWay = onTheWay;
  }

  take(event: KernelEvent): void {
    if (NOT_KEPT.has(event.type)) return;
    const lane = isOpen(event.type) ? this.#lanes.opens : this.#lanes.others;
    // What calls move is asked for of each of them: they must not push out what else the container does.
    const share = event.hasFlag(RECORD_FLAG.content) ? ' moving' : '';
    if (!this.#admits(lane, `${event.container?.id ?? ''}${share}`)) {
      lane.missing++;
      return;
    }
    const atMs = event.wallTimeNs / 1e6;
    if (lane.events === 0) {
      lane.firstMs = atMs;
      lane.lastMs = atMs;
      lane.beganMs = this.#nowMs;
    }
    // Events of one batch come nearly in order; its span must hold all of them.
    if (atMs < lane.firstMs) lane.firstMs = atMs;
    if (atMs > lane.lastMs) lane.lastMs = atMs;
    lane.events++;
    lane.packer.add(event);
    if (lane.packer.isFull) this.#send(lane);
  }

  /** Hands on what waited long enough. To be called every second or so: it tells the time too. */
  flush(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const lane of [this.#lanes.others, this.#lanes.opens]) {
      if (lane.events > 0 && Math.abs(nowMs - lane.beganMs) >= KEEP_FLUSH_MS) this.#send(lane);
    }
  }

  /** Hands on all there is. */
  end(): void {
    for (const lane of [this.#lanes.others, this.#lanes.opens]) if (lane.events > 0) this.#send(lane);
  }

  #admits(lane: Lane, container: string): boolean {
    let share = lane.shares.get(container);
    if (share === undefined) {
      if (lane.shares.size >= CONTAINERS_MAX) lane.shares.clear();
      share = { left: AT_ONCE, atMs: this.#nowMs };
      lane.shares.set(container, share);
    }
    if (share.atMs !== this.#nowMs) {
      const passedMs = Math.max(0, this.#nowMs - share.atMs);
      share.left = Math.min(AT_ONCE, share.left + (PER_SECOND[lane.name] * passedMs) / 1_000);
      share.atMs = this.#nowMs;
    }
    if (share.left < 1) return false;
    share.left--;
    return true;
  }

  #send(lane: Lane): void {
    const { firstMs, lastMs, events } = lane;
    const batch = lane.packer.pack();
    lane.events = 0;
    if (Atomics.load(this.#onTheWay, 0) >= ON_THE_WAY_MAX) {
      lane.missing += events;
      return;
    }
    const { missing } = lane;
    lane.missing = 0;
    Atomics.add(this.#onTheWay, 0, 1);
    this.#say({ type: 'kept', lane: lane.name, firstMs, lastMs, events, missing, body: batch.toString('base64') });
  }
}
