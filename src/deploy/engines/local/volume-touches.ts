import { dirname } from 'node:path';
import type { Clock, Text } from '../../../system/index.ts';
import { volumeFault } from '../../../volumes/index.ts';
import { Lanes } from './lanes.ts';
import { TOUCH_MS, TOUCHES_MAX } from './limits.ts';

/**
 * Lets this process itself touch folders of volumes, a few at a time. A NAS that is away holds the thread that asks it until it
 * is back, whatever the storage was asked a moment before; Node has four such threads, for all that the agent does with
 * files. So at most two of them can be held, and who comes to a place that holds one already is told so at once.
 */
export class VolumeTouches {
  readonly #clock: Clock;
  readonly #lanes = new Lanes(TOUCHES_MAX);
  /** Places of which touches are overdue: how many, and why the first of them is. */
  readonly #held = new Map<string, { readonly touches: number; readonly why: Text }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param volume the folder of a volume @throws Fault volume.place-away, and what the work throws */
  async run<T>(volume: string, work: () => Promise<T>): Promise<T> {
    const place = dirname(volume);
    this.#refuse(place);
    const answer = Promise.withResolvers<T>();
    answer.promise.catch(() => undefined);
    let isOver = false;
    let isBegun = false;
    // A touch keeps its lane until the kernel lets it go, however long ago its caller was told.
    const begun = this.#lanes.run(async () => {
      if (isOver) return;
      this.#refuse(place);
      isBegun = true;
      const mine = work();
      mine.then(answer.resolve, answer.reject);
      await mine.catch(() => undefined);
    });
    begun.catch(answer.reject);
    const inTime = new AbortController();
    const late = this.#clock.sleep(TOUCH_MS, inTime.signal).then(
      () => true,
      () => false,
    );
    const isLate = await Promise.race([
      late,
      answer.promise.then(
        () => false,
        () => false,
      ),
    ]);
    inTime.abort();
    if (!isLate) return await answer.promise;
    isOver = true;
    const why = isBegun ? HELD : BEHIND;
    const known = this.#held.get(place);
    this.#held.set(place, { touches: (known?.touches ?? 0) + 1, why: known?.why ?? why });
    void begun.finally(() => this.#release(place)).catch(() => undefined);
    throw away(place, why);
  }

  #refuse(place: string): void {
    const held = this.#held.get(place);
    if (held !== undefined) throw away(place, held.why);
  }

  #release(place: string): void {
    const { touches = 1, why = HELD } = this.#held.get(place) ?? {};
    if (touches === 1) this.#held.delete(place);
    else this.#held.set(place, { touches: touches - 1, why });
  }
}

const SECONDS = TOUCH_MS / 1000;
const HELD: Text = {
  en: `it has held a thread of the agent for more than ${SECONDS} s`,
  es: `retiene un hilo del agente desde hace más de ${SECONDS} s`,
};
const BEHIND: Text = {
  en: `other storage that does not answer has held the agent's threads for more than ${SECONDS} s`,
  es: `otro almacenamiento que no responde retiene los hilos del agente desde hace más de ${SECONDS} s`,
};

function away(place: string, why: Text): Error {
  return volumeFault('volume.place-away', { place, why });
}
