/** A turn that comes sooner than this after the one before was not worth being woken for. */
const SOON_MS = 0.5;
/** What a program does when it starts comes in a few quick turns: who waits for its alert must not wait for more. */
const QUICK_TURNS_MAX = 16;
/** Fewer events than this in a turn, and the rush is over. */
const RUSH_EVENTS = 4;
const REST_MS = 1;

/**
 * When to read the rings. One event read at once costs as much as hundreds read together: the kernel wakes the reader for the first
 * record after the rings were empty, which costs the acting program as well. So in a rush the reader rests a moment between two
 * turns; the rings hold some ten times of what comes in it.
 */
export class Pace {
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #quick = 0;
  #turnMs = 0;

  /** To be called after each turn. @returns whether it rested */
  rest(events: number, nowMs: number): boolean {
    const isSoon = nowMs - this.#turnMs < SOON_MS;
    this.#turnMs = nowMs;
    if (this.#quick >= QUICK_TURNS_MAX) {
      if (events < RUSH_EVENTS) this.#quick = 0;
    } else this.#quick = isSoon && events > 0 ? this.#quick + 1 : 0;
    if (this.#quick < QUICK_TURNS_MAX) return false;
    Atomics.wait(this.#sleeper, 0, 0, REST_MS);
    return true;
  }
}
