/**
 * Bounds how many alerts one rule may raise in one container: a program that does the forbidden in a loop must not fill the memory
 * of the sensor or bury the other alerts. What is held back is counted: the next alert that goes stands for it, or when none
 * comes, the last one once more.
 */
import type { Alert } from '../../detect/index.ts';
import { newId } from '../../system/id.ts';

/** Alerts at once, then a second: far above what a person reads, far below what a loop makes. */
export const BURST = 1_000;
export const PER_SECOND = 100;
/** Pairs of rule and container looked at; the longest unused is forgotten first. */
export const PAIRS_MAX = 4_096;
/** A pair that was not heard of for so long is over for now. */
const QUIET_MS = 1_000;

interface Bucket {
  tokens: number;
  filledMs: number;
  /** Held back since the last one went. */
  held: number;
  /** The one that used the last of its room. */
  last: Alert | null;
}

export class Throttle {
  readonly #buckets = new Map<string, Bucket>();
  /** Alerts held back since the start, by rule. */
  readonly heldBack: Record<string, number> = {};

  /** How many this alert stands for, itself and what was held back before it; 0: it is held back. */
  admits(rule: string, container: string, nowMs: number): number {
    const key = JSON.stringify([rule, container]);
    const bucket = this.#buckets.get(key) ?? { tokens: BURST, filledMs: nowMs, held: 0, last: null };
    // The clock may be set back, which takes no room away: the next alert would be held back without a flood.
    bucket.tokens = Math.min(BURST, bucket.tokens + (Math.max(0, nowMs - bucket.filledMs) * PER_SECOND) / 1_000);
    bucket.filledMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > PAIRS_MAX) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) {
      this.heldBack[rule] = (this.heldBack[rule] ?? 0) + 1;
      bucket.held += 1;
      return 0;
    }
    bucket.tokens--;
    const stands = bucket.held + 1;
    bucket.held = 0;
    return stands;
  }

  /** The alert that was let go, with what it stands for. */
  told(rule: string, container: string, alert: Alert, stands: number): Alert {
    const bucket = this.#buckets.get(JSON.stringify([rule, container]));
    // Only one that used the last room is followed by others that are held back.
    if (bucket !== undefined) bucket.last = bucket.tokens < 1 ? alert : null;
    return standingFor(alert, stands);
  }

  /** What was held back and nothing followed: the last alert of each once more, for those after it. */
  *leftovers(nowMs: number): Generator<Alert> {
    for (const bucket of this.#buckets.values()) {
      if (bucket.held === 0 || bucket.last === null || Math.abs(nowMs - bucket.filledMs) < QUIET_MS) continue;
      const { last, held } = bucket;
      bucket.held = 0;
      yield standingFor({ ...last, id: newId(), at: new Date(bucket.filledMs).toISOString() }, held);
    }
  }
}

function standingFor(alert: Alert, stands: number): Alert {
  if (stands === 1) return alert;
  return { ...alert, count: stands, output: `${alert.output} (one of ${stands} alike in a flood)` };
}
