import type { Text } from '../../system/index.ts';

/** A flood that goes on is told of once a minute, with all that was lost since the last word. */
const AGAIN_MS = 60_000;
const TYPES_MAX = 5;

/** What is lost must be known: the first loss is told at once, what follows it together. */
export class LossWord {
  readonly #lost = new Map<string, number>();
  #toldMs = Number.NEGATIVE_INFINITY;

  /** @param newly events lost since the last call, by type. @returns a sentence for an alert, or null */
  say(newly: readonly (readonly [type: string, count: number])[], nowMs: number): Text | null {
    for (const [type, count] of newly) this.#lost.set(type, (this.#lost.get(type) ?? 0) + count);
    if (this.#lost.size === 0 || Math.abs(nowMs - this.#toldMs) < AGAIN_MS) return null;
    this.#toldMs = nowMs;
    const most = [...this.#lost].sort(([, one], [, other]) => other - one);
    const total = most.reduce((sum, [, count]) => sum + count, 0);
    const list = most.slice(0, TYPES_MAX).map(([type, count]) => `${type} ${count}`);
    this.#lost.clear();
    const kinds = `${total} (${list.join(', ')}${most.length > TYPES_MAX ? ', …' : ''})`;
    return {
      en: `More events came than could be read; lost: ${kinds}`,
      es: `Llegaron más eventos de los que se podían leer; perdidos: ${kinds}`,
    };
  }
}
