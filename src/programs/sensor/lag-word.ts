import type { Text } from '../../system/index.ts';

/** Events that are judged so late are as good as unseen to whoever would act on them. */
const LAG_MS = 10_000;
/** What a sensor has to catch up with when it begins is no lag. */
const LASTS_MS = 3_000;
const AGAIN_MS = 60_000;

/** When the sensor does not keep up, and loses nothing yet. */
export class LagWord {
  #sinceMs: number | null = null;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** @param lagMs age of the event that was handled last, or 0 when nothing waits. @returns a sentence for an alert, or null */
  say(lagMs: number, nowMs: number): Text | null {
    if (lagMs < LAG_MS) {
      this.#sinceMs = null;
      return null;
    }
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs < LASTS_MS || Math.abs(nowMs - this.#toldMs) < AGAIN_MS) return null;
    this.#toldMs = nowMs;
    const seconds = Math.round(lagMs / 1_000);
    return {
      en: `Events are judged ${seconds} s late: more come than can be read`,
      es: `Los eventos se juzgan con ${seconds} s de retraso: llegan más de los que se pueden leer`,
    };
  }
}
