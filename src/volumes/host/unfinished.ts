import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomic } from '../../system/index.ts';

/** Being filled, or whole while nobody is known yet who knows of it. */
type State = 'filling' | 'filled';

const written = z.record(z.string(), z.enum(['filling', 'filled']));

/**
 * Volumes that are being filled with a copy, by name: written down before they are made, so that an agent that ends meanwhile
 * takes away at its next start what nobody could name otherwise.
 */
export class Unfinished {
  readonly #file: string;
  #known: Map<string, State> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  async stateOf(volume: string): Promise<State | undefined> {
    return (await this.#read()).get(volume);
  }

  async filling(): Promise<string[]> {
    return [...(await this.#read())].flatMap(([volume, state]) => (state === 'filling' ? [volume] : []));
  }

  /** @param state null: it is somebody's by now, or gone */
  async set(volume: string, state: State | null): Promise<void> {
    const known = await this.#read();
    if ((known.get(volume) ?? null) === state) return;
    if (state === null) known.delete(volume);
    else known.set(volume, state);
    const write = this.#last.then(() =>
      writeFileAtomic(this.#file, JSON.stringify(Object.fromEntries(known)), { mode: 0o600 }),
    );
    this.#last = write.catch(() => undefined);
    await write;
  }

  async #read(): Promise<Map<string, State>> {
    if (this.#known !== null) return this.#known;
    let found: Map<string, State>;
    try {
      found = new Map(Object.entries(written.parse(JSON.parse(await readFile(this.#file, 'utf8')))));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      found = new Map();
    }
    this.#known ??= found;
    return this.#known;
  }
}
