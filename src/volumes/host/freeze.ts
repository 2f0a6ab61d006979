import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { type CommandResult, type Log, writeFileAtomic } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { FREEZE_MS, TOOL_WORDS_MAX } from '../limits.ts';
import { partLabel } from '../local.ts';

const listed = z
  .array(z.object({ Id: z.string().regex(/^[0-9a-f]{64}$/), State: z.string() }))
  .nullable()
  .transform((list) => list ?? []);

const STARTED = { en: 'another one has just started', es: 'acaba de iniciarse otro' };

/** Each takes as long as a call of the engine may; after the last one the container stays written down. */
const LET_GO_ATTEMPTS = 5;

/** With control groups v1 a container whose processes fork just then is not frozen (runc: "unable to freeze"). */
const HOLD_ATTEMPTS = 3;

/** Podman's command line, with its environment. */
export type Podman = (args: readonly string[]) => Promise<CommandResult>;

/** The containers that have a volume mounted, running or not. */
export async function containersOf(
  podman: Podman,
  volume: string,
): Promise<{ readonly id: string; readonly running: boolean }[]> {
  const found = new Map<string, { readonly id: string; readonly running: boolean }>();
  // Those that have a part of it alone do not count for the engine: they say so themselves.
  for (const filter of [`volume=${volume}`, `label=${partLabel(volume)}=1`]) {
    const { code, stdout, stderr } = await podman(['ps', '--all', '--filter', filter, '--format', 'json']);
    if (code !== 0) {
      const why = stderr.trim().slice(0, TOOL_WORDS_MAX);
      throw volumeFault('volume.tool-failed', {
        what: { en: 'asking for containers', es: 'preguntar por contenedores' },
        tool: 'podman',
        why,
      });
    }
    // A template's {{.State}} is a sentence in some versions of Podman; the JSON has the word.
    for (const { Id: id, State } of listed.parse(JSON.parse(stdout)))
      found.set(id, { id, running: State === 'running' });
  }
  return [...found.values()];
}

/**
 * Holds all who could write to a volume while something is done with it (the kernel's cgroup freezer), and lets them go
 * whatever happens: who is held is written down first, so that an agent that ends meanwhile lets go at its next start.
 */
export class Freezer {
  readonly #file: string;
  readonly #podman: Podman;
  readonly #log: Log;
  readonly #held = new Set<string>();
  /** Held ones that somebody paused meanwhile: they stay so. */
  readonly #staying = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { readonly file: string; readonly podman: Podman; readonly log: Log }) {
    this.#file = options.file;
    this.#podman = options.podman;
    this.#log = options.log;
  }

  /**
   * Somebody pauses a container that is held for a copy, or lets it go on: what counts is what they said last, once the copy
   * is over. Written down at once, so that an agent that ends meanwhile does not let it go.
   * @returns whether it is held
   */
  async keepPaused(id: string, keep: boolean): Promise<boolean> {
    if (!this.#held.has(id)) return false;
    if (keep) this.#staying.add(id);
    else this.#staying.delete(id);
    await this.#write();
    return true;
  }

  /** Lets go what an agent before this one held. Call once at the start. */
  async recover(): Promise<void> {
    let ids: unknown;
    try {
      ids = JSON.parse(await readFile(this.#file, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const held = Array.isArray(ids) ? ids.filter((id) => typeof id === 'string' && /^[0-9a-f]{64}$/.test(id)) : [];
    for (const id of held) {
      await this.#podman(['unpause', id]);
      this.#log.warn({ container: id }, 'a container that was held for a copy goes on');
    }
    await rm(this.#file, { force: true });
  }

  /**
   * One after the other: two volumes may be those of one container, and the end of the first copy would let it go under the
   * second. What nobody uses waits for nobody.
   * @returns what `work` gave, and for how long containers were held, in ms; 0 when none ran
   * @throws Fault volume.freeze-failed, volume.freeze-long
   */
  async hold<T>(
    volume: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly value: T; readonly frozenMs: number }> {
    if (!(await this.#isUsed(volume))) {
      const value = await work(new AbortController().signal);
      if (await this.#isUsed(volume)) throw volumeFault('volume.freeze-failed', { volume, why: STARTED });
      return { value, frozenMs: 0 };
    }
    const mine = this.#last.then(() => this.#hold(volume, work));
    this.#last = mine.catch(() => undefined);
    return await mine;
  }

  /** Whether a container has it mounted that runs, or that only stands still for another copy. */
  async #isUsed(volume: string): Promise<boolean> {
    const containers = await containersOf(this.#podman, volume);
    return containers.some(({ id, running }) => running || this.#held.has(id));
  }

  async #hold<T>(
    volume: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly value: T; readonly frozenMs: number }> {
    const running = (await containersOf(this.#podman, volume)).filter((one) => one.running);
    const late = new AbortController();
    const began = performance.now();
    for (const { id } of running) this.#held.add(id);
    await this.#write();
    const timer = setTimeout(
      () => late.abort(volumeFault('volume.freeze-long', { volume, seconds: FREEZE_MS / 1000 })),
      FREEZE_MS,
    );
    try {
      for (const { id } of running) {
        let answer = await this.#podman(['pause', id]);
        for (let n = 1; n < HOLD_ATTEMPTS && answer.code !== 0; n++) answer = await this.#podman(['pause', id]);
        if (answer.code !== 0) {
          const why = answer.stderr.trim().slice(0, TOOL_WORDS_MAX);
          throw volumeFault('volume.freeze-failed', { volume, why });
        }
      }
      await this.#requireNoneRuns(volume);
      const value = await work(late.signal);
      await this.#requireNoneRuns(volume);
      return { value, frozenMs: running.length === 0 ? 0 : Math.round(performance.now() - began) };
    } finally {
      clearTimeout(timer);
      for (const { id } of running) await this.#letGo(id);
      await this.#write();
    }
  }

  /** One that starts before or during a copy would write on: it was not there to be held. */
  async #requireNoneRuns(volume: string): Promise<void> {
    const isRunning = (await containersOf(this.#podman, volume)).some((one) => one.running);
    if (isRunning) throw volumeFault('volume.freeze-failed', { volume, why: STARTED });
  }

  /** An engine that does not answer is asked again: nobody else lets the container go. */
  async #letGo(id: string): Promise<void> {
    if (this.#staying.delete(id)) {
      this.#held.delete(id);
      return;
    }
    for (let attempt = 1; attempt <= LET_GO_ATTEMPTS; attempt++) {
      try {
        const { code, stderr } = await this.#podman(['unpause', id]);
        // One that was ended meanwhile is not held any more.
        if (code !== 0)
          this.#log.warn({ container: id, why: stderr.trim().slice(0, 200) }, 'a container was not let go');
        this.#held.delete(id);
        break;
      } catch (error) {
        this.#log.error({ container: id, err: error, attempt }, 'a container could not be let go');
      }
    }
    // Somebody paused it while it was being let go.
    if (this.#staying.delete(id)) await this.#pauseAgain(id);
  }

  async #pauseAgain(id: string): Promise<void> {
    try {
      requireDone(await this.#podman(['pause', id]), { en: 'pausing again', es: 'volver a pausar' }, 'podman');
    } catch (error) {
      this.#log.error({ container: id, err: error }, 'a container that was paused during its copy goes on');
    }
  }

  async #write(): Promise<void> {
    if (this.#held.size === 0) await rm(this.#file, { force: true });
    else
      await writeFileAtomic(this.#file, JSON.stringify([...this.#held].filter((id) => !this.#staying.has(id))), {
        mode: 0o600,
      });
  }
}

/** A fault that a tool's end is, unless it was cut off for a reason of ours. */
export function requireDone(
  { code, stderr }: CommandResult,
  what: { readonly en: string; readonly es: string },
  tool: string,
): void {
  if (code === 0) return;
  const why = stderr.trim().split('\n').slice(-3).join(' ').slice(-TOOL_WORDS_MAX);
  throw volumeFault('volume.tool-failed', { what, tool, why: why === '' ? `exit ${code}` : why });
}
