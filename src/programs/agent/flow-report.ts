import type { PodFlow } from '../../deploy/engines/local/index.ts';
import type { WorkloadFlow } from '../../network/index.ts';
import type { Log } from '../../system/index.ts';

/** Rules count from a pod's start; control adds up. So what is told is what came since it was told last. */
export class FlowReport {
  readonly #read: () => Promise<readonly PodFlow[]>;
  readonly #send: (flows: readonly WorkloadFlow[]) => void;
  readonly #log: Log;
  #told = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: {
    readonly read: () => Promise<readonly PodFlow[]>;
    readonly send: (flows: readonly WorkloadFlow[]) => void;
    readonly log: Log;
  }) {
    this.#read = options.read;
    this.#send = options.send;
    this.#log = options.log;
  }

  start(everyMs: number): void {
    const next = (): void => {
      this.#timer = setTimeout(() => {
        this.tell()
          .catch((error: unknown) => this.#log.warn({ err: error }, 'who talked to whom could not be read'))
          .finally(next);
      }, everyMs);
      this.#timer.unref();
    };
    next();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async tell(): Promise<void> {
    const now = new Map<string, number>();
    const sums = new Map<string, WorkloadFlow>();
    for (const { pod, flow } of await this.#read()) {
      const { connections, ...way } = flow;
      const text = JSON.stringify(way);
      now.set(`${pod} ${text}`, connections);
      // Fewer than before: the kernel forgot the way and began anew.
      const before = this.#told.get(`${pod} ${text}`) ?? 0;
      const more = connections >= before ? connections - before : connections;
      if (more === 0) continue;
      sums.set(text, { ...way, connections: more + (sums.get(text)?.connections ?? 0) });
    }
    this.#told = now;
    const flows = [...sums.values()];
    for (let at = 0; at < flows.length; at += FLOWS_PER_MESSAGE) this.#send(flows.slice(at, at + FLOWS_PER_MESSAGE));
  }
}

/** A line of the link stays well below what the other end reads at most. */
const FLOWS_PER_MESSAGE = 1_000;
