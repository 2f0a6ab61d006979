/** What repeats with every start of a program is told once in an hour. */
const AGAIN_MS = 3_600_000;
/** Beyond so many the longest untold is forgotten; a name may have 4 KB. */
const KNOWN_MAX = 512;

export class Seldom {
  readonly #told = new Map<string, number>();

  /** Whether it is to be told now. */
  admits(what: string, nowMs: number): boolean {
    const toldMs = this.#told.get(what);
    // The clock may be set back: that keeps nothing quiet for longer.
    if (toldMs !== undefined && Math.abs(nowMs - toldMs) < AGAIN_MS) return false;
    this.#told.delete(what);
    this.#told.set(what, nowMs);
    const [oldest] = this.#told.keys();
    if (this.#told.size > KNOWN_MAX && oldest !== undefined) this.#told.delete(oldest);
    return true;
  }
}
