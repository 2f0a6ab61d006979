/** Looks after the sensor itself: its programs in the kernel, and the files that it runs from. */
import { statSync } from 'node:fs';

const LOOK_MS = 1_000;

export interface Tampering {
  readonly kind: 'detached' | 'replaced';
  readonly names: readonly string[];
}

export class Guard {
  readonly #missing: () => readonly string[];
  readonly #files: ReadonlyMap<string, string>;
  readonly #told = new Set<string>();
  #lookedMs = 0;

  /**
   * @param missing names of what somebody took away in the kernel
   * @param files whose replacement is told, once each
   */
  constructor(missing: () => readonly string[], files: readonly string[]) {
    this.#missing = missing;
    this.#files = new Map(files.map((file) => [file, identityOf(file)]));
  }

  /** What is new since the last look; at most once a second. */
  look(nowMs: number): Tampering[] {
    // Setting the clock back must not close these eyes.
    if (Math.abs(nowMs - this.#lookedMs) < LOOK_MS) return [];
    this.#lookedMs = nowMs;
    const replaced = [...this.#files].filter(([file, was]) => identityOf(file) !== was).map(([file]) => file);
    return [this.#news('detached', this.#missing()), this.#news('replaced', replaced)].filter(
      ({ names }) => names.length > 0,
    );
  }

  #news(kind: Tampering['kind'], names: readonly string[]): Tampering {
    const fresh = names.filter((name) => !this.#told.has(`${kind} ${name}`));
    for (const name of fresh) this.#told.add(`${kind} ${name}`);
    return { kind, names: fresh };
  }
}

/** Which file it is and whether it was written; a file that is gone is another one. */
function identityOf(file: string): string {
  const facts = statSync(file, { throwIfNoEntry: false });
  return facts === undefined ? 'gone' : `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeMs}:${facts.ctimeMs}`;
}
