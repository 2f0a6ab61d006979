/** Live tail and recordings: events that somebody looks at now. Nobody looks most of the time, and then it costs one comparison. */
import { FilterError, type LiveFilter, readLiveFilter } from '../../detect/live.ts';
import {
  type Activity,
  CapturePacker,
  type ContainerFacts,
  describeActivity,
  type KernelEvent,
} from '../../events/index.ts';
import type { FromWorker, WatchOrder } from './messages.ts';

/** What is seen is handed on this often; nobody reads faster. */
export const FLUSH_MS = 100;
/** Events a second for one who looks; more is counted and not shown. A burst may have a second's share at once. */
const PER_SECOND = 12_000;
/** Who looks at the same time on one host. */
const WATCHES_MAX = 16;
/** Characters of one batch of lines: a frame of the session has a mebibyte, and a character up to three bytes. */
const BATCH_LENGTH_MAX = 256 * 1024;
/** Batches on their way to the agent: when it does not keep up, events are dropped here and counted. */
const ON_THE_WAY_MAX = 8;

interface Watch {
  readonly order: WatchOrder;
  readonly filter: LiveFilter;
  readonly lines: Activity[];
  readonly packer: CapturePacker;
  /** Events a second, and at once. */
  readonly most: number;
  length: number;
  seen: number;
  dropped: number;
  left: number;
}

export class ActivityWatches {
  readonly #watches = new Map<string, Watch>();
  readonly #say: (message: FromWorker) => void;
  /** How many batches the main thread has not taken yet; it counts down. */
  readonly #onTheWay: Int32Array;
  #flushedMs = Date.now();

  constructor(say: (message: FromWorker) => void, onTheWay: Int32Array) {
    this.#say = say;
    this.#onTheWay = onTheWay;
  }

  get isEmpty(): boolean {
    return this.#watches.size === 0;
  }

  /** Falco's names of events that are asked for by name. */
  get events(): ReadonlySet<string> {
    return new Set([...this.#watches.values()].flatMap(({ filter }) => [...filter.events]));
  }

  /** Those of them whose bytes are asked for. */
  get contentEvents(): ReadonlySet<string> {
    return new Set([...this.#watches.values()].flatMap(({ filter }) => [...filter.contentEvents]));
  }

  /** What a watch asks for by name and no sensor tells. */
  unseenOf(id: string): readonly string[] {
    return this.#watches.get(id)?.filter.unseenEvents ?? [];
  }

  /** Answers why not, or null. */
  start(order: WatchOrder): string | null {
    if (this.#watches.size >= WATCHES_MAX) return `${WATCHES_MAX} others look at this host already`;
    try {
      const filter = readLiveFilter(order.filter);
      if (filter.asksArguments && !order.arguments) return 'its condition asks for arguments';
      const most = Math.min(order.most ?? PER_SECOND, PER_SECOND);
      const empty = { lines: [], packer: new CapturePacker(), length: 0, seen: 0, dropped: 0, most, left: most };
      this.#watches.set(order.id, { order, filter, ...empty });
      return null;
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      return error.message;
    }
  }

  stop(id: string | null): void {
    if (id === null) this.#watches.clear();
    else this.#watches.delete(id);
  }

  take(event: KernelEvent): void {
    for (const watch of this.#watches.values()) {
      if (!isInScope(watch.order, event.container) || !watch.filter.holds(event)) continue;
      watch.seen++;
      if (watch.left < 1) watch.dropped++;
      else {
        watch.left--;
        this.#keep(watch, event);
      }
    }
  }

  /** Hands on what was seen, when it is time. */
  flush(nowMs: number): void {
    const passed = nowMs - this.#flushedMs;
    if (passed < FLUSH_MS && passed >= 0) return;
    this.#flushedMs = nowMs;
    for (const watch of this.#watches.values()) {
      watch.left = Math.min(watch.most, watch.left + (watch.most * Math.max(passed, 0)) / 1_000);
      if (watch.seen > 0) this.#send(watch);
    }
  }

  #keep(watch: Watch, event: KernelEvent): void {
    if (watch.order.form === 'records') {
      watch.packer.add(event);
      if (watch.packer.isFull) this.#send(watch);
      return;
    }
    const line = describeActivity(event, watch.order.arguments);
    watch.lines.push(line);
    watch.length += lengthOf(line);
    if (watch.length >= BATCH_LENGTH_MAX) this.#send(watch);
  }

  #send(watch: Watch): void {
    const { order, seen } = watch;
    const isBehind = Atomics.load(this.#onTheWay, 0) >= ON_THE_WAY_MAX;
    const lines = watch.lines.splice(0);
    const records = watch.packer.isEmpty ? null : watch.packer.pack();
    watch.length = 0;
    // What the main thread has no room for is told with the next batch.
    if (isBehind) {
      watch.dropped = seen;
      return;
    }
    const dropped = watch.dropped;
    watch.seen = 0;
    watch.dropped = 0;
    Atomics.add(this.#onTheWay, 0, 1);
    const body = order.form === 'records' ? JSON.stringify(records?.toString('base64') ?? '') : JSON.stringify(lines);
    this.#say({ type: 'activity', watch: order.id, seen, dropped, body });
  }
}

function isInScope({ projects, environment, workload }: WatchOrder, container: ContainerFacts | null): boolean {
  if (projects !== null && (container?.project == null || !projects.includes(container.project))) return false;
  if (environment !== null && container?.environment !== environment) return false;
  return workload === null || container?.workload === workload;
}

/** About: names and numbers of a line take some three hundred. */
function lengthOf({ exe, about, arguments: given, process, parent }: Activity): number {
  return 400 + exe.length + process.length + parent.length + (about?.length ?? 0) + (given?.length ?? 0);
}
