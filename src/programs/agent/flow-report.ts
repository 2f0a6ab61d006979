import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { PodFlow } from '../../deploy/engines/local/index.ts';
import type { WorkloadFlow } from '../../network/index.ts';
import { type Log, writeFileAtomic } from '../../system/index.ts';

const toldBefore = z.record(z.string().max(1_000), z.number().int().min(0));

/**
 * Rules count from a pod's start, each address by itself; control adds up. So what is told is what came since it was told
 * last, by this agent or the one before it.
 */
export class FlowReport {
  readonly #read: () => Promise<readonly PodFlow[]>;
  readonly #send: (flows: readonly WorkloadFlow[]) => void;
  readonly #log: Log;
  readonly #file: string;
  #told: ReadonlyMap<string, number> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: {
    readonly read: () => Promise<readonly PodFlow[]>;
    readonly send: (flows: readonly WorkloadFlow[]) => void;
    readonly log: Log;
    /** What was told, where it lasts as long as the counters do: until the machine starts anew. */
    readonly file: string;
  }) {
    this.#file = options.file;
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
    this.#told ??= await this.#toldBefore();
    const told = this.#told;
    const now = new Map<string, number>();
    const read = new Set<string>();
    const sums = new Map<string, WorkloadFlow>();
    for (const { pod, address, flow } of await this.#read()) {
      const { connections, ...way } = flow;
      const { direction, refused, unanswered, protocol, port } = way;
      // Replicas, and both addresses of one, are one way to people and several to the kernel.
      const kept = unanswered === true ? [UNANSWERED] : [];
      const counter = [pod, direction, refused, address, protocol, port, ...kept].join(' ');
      now.set(counter, connections);
      read.add(pod);
      // Fewer than before: the kernel forgot the way and began anew.
      const before = told.get(counter) ?? 0;
      const more = connections >= before ? connections - before : connections;
      if (more === 0) continue;
      const text = JSON.stringify(way);
      sums.set(text, { ...way, connections: more + (sums.get(text)?.connections ?? 0) });
    }
    // Of many pods some are read at a time, and an agent that starts anew has read none: those not seen now may come again.
    const unread = [...told].filter(([counter]) => !read.has(counter.slice(0, counter.indexOf(' '))));
    this.#told = new Map([...unread.slice(-UNREAD_MAX), ...now]);
    const flows = [...sums.values()];
    for (let at = 0; at < flows.length; at += FLOWS_PER_MESSAGE) this.#send(flows.slice(at, at + FLOWS_PER_MESSAGE));
    if (flows.length > 0)
      await writeFileAtomic(this.#file, JSON.stringify(Object.fromEntries(this.#told)), { mode: 0o600 });
  }

  async #toldBefore(): Promise<ReadonlyMap<string, number>> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '{}';
    });
    try {
      return new Map(Object.entries(toldBefore.parse(JSON.parse(text))));
    } catch (error) {
      this.#log.warn({ err: error }, 'what was told of flows cannot be read; they are told anew');
      return new Map();
    }
  }
}

const UNANSWERED = 'unanswered';
/** A line of the link stays well below what the other end reads at most. */
const FLOWS_PER_MESSAGE = 1_000;
/** Pods that are gone are never read again: theirs are forgotten first. */
const UNREAD_MAX = 20_000;
