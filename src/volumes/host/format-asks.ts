import type { Clock } from '../../system/index.ts';
import { FORMAT_WAIT_MS } from '../limits.ts';
import type { FormatAnswer, FormatAsk } from '../task.ts';

/** Whether this host may give a device its file system. Null: control has not said so in time. */
export type AskFormat = (ask: FormatAsk) => Promise<FormatAnswer | null>;

/** Questions of this host whether it may format a device, and what control answers. */
export class FormatAsks {
  readonly #send: (ask: FormatAsk) => void;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<(answer: FormatAnswer) => void>>();

  constructor(options: { readonly send: (ask: FormatAsk) => void; readonly clock: Clock }) {
    this.#send = options.send;
    this.#clock = options.clock;
  }

  readonly ask: AskFormat = async (ask) => {
    const waiting = this.#waiting.get(ask.device) ?? new Set();
    this.#waiting.set(ask.device, waiting);
    const over = new AbortController();
    let tell: (answer: FormatAnswer) => void = () => undefined;
    const answered = new Promise<FormatAnswer>((resolve) => {
      tell = resolve;
    });
    waiting.add(tell);
    try {
      this.#send(ask);
      const late = this.#clock.sleep(FORMAT_WAIT_MS, over.signal).then(
        () => null,
        () => null,
      );
      return await Promise.race([answered, late]);
    } finally {
      over.abort();
      waiting.delete(tell);
      if (waiting.size === 0) this.#waiting.delete(ask.device);
    }
  };

  answered(answer: FormatAnswer): void {
    for (const tell of this.#waiting.get(answer.device) ?? []) tell(answer);
  }
}
