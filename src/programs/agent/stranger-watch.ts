import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Stranger } from '../../prevent/index.ts';
import { defineFaults, type Json, type Log } from '../../system/index.ts';
import { readPidFile } from '../setup/processes.ts';
import { findStrangers, isNameless, stopStranger } from './strangers.ts';

export const strangerFault = defineFaults({
  'agent.stranger-gone': {
    kind: 'not-found',
    en: { what: 'the container {id} is not stopped', why: 'it is not there any more' },
    es: { what: 'el contenedor {id} no se detiene', why: 'ya no está' },
  },
});

/** Found within seconds; one look takes some milliseconds, and on a host with thousands of containers some tenths of a second. */
const LOOK_MS = { least: 2_000, most: 10_000 } as const;
/** So many times as long as the last look took passes before the next one. */
const LOOK_REST = 50;
/** What the sensor saw and was gone before it was looked for is told for so long. */
const SEEN_MS = 60_000;
const SEEN_MAX = 256;
/** One of ours is remembered for so long after its end: longer than the sensor's word of it can take. */
const OWN_MS = 120_000;

export interface StrangerWatchParts {
  /** The instance's folder of supervisors, beside those of the machine's other instances; only root writes there. */
  readonly supervisors: string;
  readonly log: Log;
  /** The ids of the platform's own containers, as the engine has them now. */
  readonly ownIds: () => Promise<ReadonlySet<string>>;
  readonly tell: (found: readonly Stranger[]) => void;
}

/** Looks for containers that the platform did not start, and tells when they are others than before. */
export class StrangerWatch {
  readonly #parts: StrangerWatchParts;
  /** By id, when it was last there: what the sensor gives up on after seconds may have ended and be removed by then. */
  readonly #own = new Map<string, number>();
  #found: readonly Stranger[] = [];
  /** Those without a name at the last look: they are told when they are there at the next one still. */
  #brief: ReadonlySet<string> = new Set();
  readonly #seen = new Map<string, number>();
  #told: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: StrangerWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    const again = (tookMs: number): void => {
      if (this.#isStopped) return;
      const restMs = Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, tookMs * LOOK_REST));
      this.#timer = setTimeout(() => {
        const begin = performance.now();
        void this.#look().finally(() => again(performance.now() - begin));
      }, restMs);
      this.#timer.unref();
    };
    again(0);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Control may not know any more what it was told. */
  tellAgain(): void {
    if (this.#told !== null) this.#parts.tell(this.#all());
  }

  /** Containers whose events the sensor drops, because nobody named them; they may be gone already. */
  sensorSaw(ids: readonly string[]): void {
    for (const id of ids) if (this.#seen.size < SEEN_MAX) this.#seen.set(id, Date.now());
  }

  /** Containers of the platform, as their pods are observed; kept where somebody looks for others. */
  knowOwn(ids: Iterable<string>): void {
    if (this.#timer === undefined) return;
    for (const id of ids) this.#own.set(id, Date.now());
  }

  /** @throws Fault agent.stranger-gone */
  async stopOne(id: string, started: number): Promise<Json> {
    const found = this.#found.find((one) => one.id === id && one.started === started);
    if (found === undefined || (await this.#parts.ownIds()).has(id)) throw strangerFault('agent.stranger-gone', { id });
    const done = await stopStranger(found);
    void this.#look();
    return done;
  }

  async #look(): Promise<void> {
    try {
      const isOwn = (id: string): boolean => {
        const is = this.#own.has(id);
        if (is) this.knowOwn([id]);
        return is;
      };
      // What builds, scans and confines below the platform's programs is in namespaces of its own.
      const makers = new Set([process.pid, ...(await supervisorsBeside(this.#parts.supervisors))]);
      const sighted = await findStrangers({ isOwn, makers, node: process.execPath });
      const nameless = new Set(sighted.filter(isNameless).map(({ id }) => id));
      let found = sighted.filter((one) => !nameless.has(one.id) || this.#brief.has(one.id));
      this.#brief = nameless;
      const isNews = found.some(({ id }) => !this.#found.some((one) => one.id === id));
      if (isNews || [...this.#seen.keys()].some((id) => !this.#own.has(id))) {
        this.knowOwn(await this.#parts.ownIds());
        // By the kernel's word: what a monitor says of itself makes nothing one of ours.
        found = found.filter(({ id, cgroup }) => !(this.#own.has(id) && cgroup.includes(id)));
      }
      this.#found = found;
      for (const [id, atMs] of this.#own) if (Date.now() - atMs > OWN_MS) this.#own.delete(id);
      for (const [id, atMs] of this.#seen) if (this.#own.has(id) || Date.now() - atMs > SEEN_MS) this.#seen.delete(id);
      const all = this.#all();
      const text = JSON.stringify(all);
      // Nothing is told as well, once: control may still hold those that ended while this agent was away.
      if (text === this.#told) return;
      this.#told = text;
      this.#parts.tell(all);
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'containers of others could not be looked for');
    }
  }

  #all(): Stranger[] {
    const here = new Set(this.#found.map(({ id }) => id));
    const gone = [...this.#seen.keys()].filter((id) => !here.has(id) && !this.#own.has(id));
    const nothing = {
      engine: 'unknown',
      name: null,
      image: null,
      pid: 0,
      started: 0,
      uid: 0,
      command: '',
      cgroup: '',
    } as const;
    return [...this.#found, ...gone.map((id) => ({ id, ...nothing }))];
  }
}

/** The processes that keep the programs of this and of other instances running. */
async function supervisorsBeside(own: string): Promise<number[]> {
  const [instances, name] = [dirname(dirname(own)), own.slice(dirname(own).length + 1)];
  const pids: number[] = [];
  for (const instance of await readdir(instances)) {
    const folder = join(instances, instance, name);
    for (const file of await readdir(folder).catch(() => [])) {
      const id = file.endsWith('.supervisor') ? await readPidFile(join(folder, file)) : null;
      if (id !== null) pids.push(id.pid);
    }
  }
  return pids;
}
