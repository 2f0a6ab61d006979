import type { Clock } from '../system/index.ts';
import { FAILURE_SOURCES_MAX, FAILURE_WAIT_MS_MAX, FAILURES_FORGOTTEN_MS, FAILURES_FREE } from './limits.ts';

interface Failures {
  count: number;
  lastMs: number;
}

/** Slows down guessing: after some failures each further try from the same source has to wait, twice as long each time. */
export class FailureThrottle {
  readonly #clock: Clock;
  readonly #sources = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that the source has to wait before its next try; 0 when it may try now. */
  waitMs(source: string): number {
    const failures = this.#sources.get(source);
    if (failures === undefined) return 0;
    const sinceMs = this.#clock.monotonicMs() - failures.lastMs;
    if (sinceMs > FAILURES_FORGOTTEN_MS) {
      this.#sources.delete(source);
      return 0;
    }
    if (failures.count < FAILURES_FREE) return 0;
    const wait = Math.min(1000 * 2 ** Math.min(failures.count - FAILURES_FREE, 20), FAILURE_WAIT_MS_MAX);
    return Math.max(0, wait - sinceMs);
  }

  failed(source: string): void {
    const count = (this.#sources.get(source)?.count ?? 0) + 1;
    // Set anew, so that the map's order is by last failure and the oldest are dropped first.
    this.#sources.delete(source);
    this.#sources.set(source, { count, lastMs: this.#clock.monotonicMs() });
    if (this.#sources.size <= FAILURE_SOURCES_MAX) return;
    const oldest = this.#sources.keys().next().value;
    if (oldest !== undefined) this.#sources.delete(oldest);
  }

  succeeded(source: string): void {
    this.#sources.delete(source);
  }
}

/** A bounded flow from each source: a burst at once, then so many a second (token bucket). */
export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #sources = new Map<string, { left: number; atMs: number }>();

  constructor(clock: Clock, flow: { readonly burst: number; readonly perSecond: number }) {
    this.#clock = clock;
    this.#burst = flow.burst;
    this.#perSecond = flow.perSecond;
  }

  /** Takes one; the milliseconds to wait when there is none, 0 otherwise. */
  take(source: string): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#sources.get(source);
    const gained = known === undefined ? this.#burst : known.left + ((nowMs - known.atMs) / 1000) * this.#perSecond;
    const left = Math.min(this.#burst, gained);
    // Set anew, so that the oldest sources are dropped first; who was dropped starts with a full burst.
    this.#sources.delete(source);
    this.#sources.set(source, { left: left < 1 ? left : left - 1, atMs: nowMs });
    if (this.#sources.size > FAILURE_SOURCES_MAX) {
      const oldest = this.#sources.keys().next().value;
      if (oldest !== undefined) this.#sources.delete(oldest);
    }
    return left < 1 ? Math.ceil(((1 - left) / this.#perSecond) * 1000) : 0;
  }
}
