import { type Clock, Fault, type OperationView, type StepView, type Text } from '../../system/index.ts';

/** What a running local step may say of itself. */
export interface LocalStep {
  detail(text: Text): void;
  count(done: number, total: number | null, unit: 'bytes' | 'items'): void;
}

/** Steps of work done by this very process, in the same shape as an operation's, so that both are drawn alike. */
export class LocalSteps {
  readonly #clock: Clock;
  readonly #steps: StepView[] = [];
  #state: OperationView['state'] = 'running';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  snapshot(): Pick<OperationView, 'steps' | 'state'> {
    return { steps: this.#steps, state: this.#state };
  }

  async run<T>(title: Text, work: (step: LocalStep) => Promise<T>): Promise<T> {
    const index = this.#steps.length;
    this.#steps.push({
      id: String(index),
      parent: null,
      title,
      state: 'running',
      startedAt: this.#clock.now().toISOString(),
      endedAt: null,
      done: null,
      total: null,
      unit: null,
      detail: null,
      notes: [],
    });
    const change = (part: Partial<StepView>): void => {
      const step = this.#steps[index];
      if (step !== undefined) this.#steps[index] = { ...step, ...part };
    };
    try {
      const result = await work({
        detail: (detail) => change({ detail }),
        count: (done, total, unit) => change({ done, total, unit }),
      });
      change({ state: 'done', endedAt: this.#clock.now().toISOString() });
      return result;
    } catch (error) {
      this.#state = 'failed';
      change({
        state: 'failed',
        endedAt: this.#clock.now().toISOString(),
        ...(error instanceof Fault ? { detail: { en: error.text('en').what, es: error.text('es').what } } : {}),
      });
      throw error;
    }
  }

  finish(): void {
    this.#state = 'done';
  }
}
