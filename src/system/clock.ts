import { setTimeout as delay } from 'node:timers/promises';

/** Time as a value passed in, so that tests and simulations play it from a seed. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never go back; only differences mean something. */
  monotonicMs(): number;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** The time by which things are old enough to be deleted, of a clock that follows it; asked by `timeOfAges`. */
  aged?(): Date;
}

/** Whether a time has come that is never set further away than this: one that lies beyond was set by a clock that was ahead. */
export function isDue(at: string, longestMs: number, now: Date): boolean {
  const leftMs = Date.parse(at) - now.getTime();
  return leftMs <= 0 || leftMs > longestMs;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};
