/**
 * Bounds how many alerts one rule may raise in one container: a program that does the forbidden in a loop must not fill the memory
 * of the sensor or bury the other alerts. What is held back is counted, and told with the statistics.
 */

/** Alerts at once, then a second: far above what a person reads, far below what a loop makes. */
export const BURST = 1_000;
export const PER_SECOND = 100;
/** Pairs of rule and container looked at; the longest unused is forgotten first. */
export const PAIRS_MAX = 4_096;

interface Bucket {
  tokens: number;
  filledMs: number;
}

export class Throttle {
  readonly #buckets = new Map<string, Bucket>();
  /** Alerts held back since the start, by rule. */
  readonly heldBack: Record<string, number> = {};

  /** Whether this alert may go. */
  admits(rule: string, container: string, nowMs: number): boolean {
    const key = JSON.stringify([rule, container]);
    const bucket = this.#buckets.get(key) ?? { tokens: BURST, filledMs: nowMs };
    bucket.tokens = Math.min(BURST, bucket.tokens + ((nowMs - bucket.filledMs) * PER_SECOND) / 1_000);
    bucket.filledMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > PAIRS_MAX) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) {
      this.heldBack[rule] = (this.heldBack[rule] ?? 0) + 1;
      return false;
    }
    bucket.tokens--;
    return true;
  }
}
