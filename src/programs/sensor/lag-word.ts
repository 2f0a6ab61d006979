import type { Text } from '../../system/index.ts';

/** Whatever is told is told within a second; what waited so long was of no use to whoever would act on it. */
const LAG_MS = 3_000;
const AGAIN_MS = 60_000;

/** When the sensor does not keep up, or was held up, whether or not anything was lost. */
export class LagWord {
  #worstMs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** @param lagMs how long the event that waited longest since the last call had waited. @returns a sentence for an alert, or null */
  say(lagMs: number, nowMs: number): Text | null {
    if (lagMs >= LAG_MS) this.#worstMs = Math.max(this.#worstMs, lagMs);
    if (this.#worstMs === 0 || Math.abs(nowMs - this.#toldMs) < AGAIN_MS) return null;
    this.#toldMs = nowMs;
    const seconds = (this.#worstMs / 1_000).toFixed(1);
    this.#worstMs = 0;
    return {
      en: `Events were judged up to ${seconds} s late: the sensor was held up, or more came than it could read`,
      es: `Hubo eventos juzgados con hasta ${seconds.replace('.', ',')} s de retraso: algo detuvo al sensor, o llegaron más de los que podía leer`,
    };
  }
}
