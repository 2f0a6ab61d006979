import type { StepHandle, StepUpdate } from '../../progress/index.ts';
import type { CheckProgress } from '../../registry/index.ts';
import type { Clock, Text } from '../../system/index.ts';

/** Scans read whole images; more at a time only wait for each other's processor and disk. */
export const CHECKS_PARALLEL = 2;

/** What a check tells of itself while it runs. */
export interface CheckWatch {
  readonly step: StepHandle;
  judging(): void;
}

interface Check<T> {
  readonly key: string;
  readonly queuedAt: string;
  readonly work: (watch: CheckWatch) => Promise<T>;
  readonly settled: PromiseWithResolvers<T>;
  readonly step: StepHandle;
  operation: string | null;
  state: CheckProgress['state'];
  seen: { text: Text | null; done: number | null; total: number | null } | null;
}

/**
 * The checks of images: one of each image at a time, a few together, the rest in a queue that says its places. Who asks
 * for an image that is being checked gets that check's answer; who waits for it in person goes to the front.
 */
export class CheckQueue<T> {
  readonly #clock: Clock;
  readonly #waiting: Check<T>[] = [];
  readonly #running = new Map<string, Check<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param options.urgent somebody waits for it: ahead of what nobody waits for */
  run(
    key: string,
    work: Check<T>['work'],
    options: { readonly step: StepHandle; readonly urgent: boolean; readonly operation?: string },
  ): Promise<T> {
    const known = this.#find(key);
    if (known !== undefined) {
      if (options.urgent && known.state === 'queued') this.#toFront(known);
      return known.settled.promise;
    }
    const check: Check<T> = {
      key,
      work,
      step: options.step,
      queuedAt: this.#clock.now().toISOString(),
      settled: Promise.withResolvers<T>(),
      operation: options.operation ?? null,
      state: 'queued',
      seen: null,
    };
    if (options.urgent) this.#waiting.unshift(check);
    else this.#waiting.push(check);
    this.#startNext();
    return check.settled.promise;
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /** Whatever stands before ` ${suffix}` in the keys of checks. */
  keys(suffix: string): string[] {
    const all = [...this.#running.keys(), ...this.#waiting.map((check) => check.key)];
    return all.filter((key) => key.endsWith(` ${suffix}`)).map((key) => key.slice(0, -suffix.length - 1));
  }

  progress(key: string): CheckProgress | null {
    const check = this.#find(key);
    if (check === undefined) return null;
    return {
      state: check.state,
      place: check.state === 'queued' ? this.#waiting.indexOf(check) + 1 : null,
      queued: this.#waiting.length,
      since: check.queuedAt,
      step: check.seen === null ? null : { ...check.seen },
      operation: check.operation,
    };
  }

  /** Images being checked and waiting for it. */
  get counts(): { readonly running: number; readonly queued: number } {
    return { running: this.#running.size, queued: this.#waiting.length };
  }

  #find(key: string): Check<T> | undefined {
    return this.#running.get(key) ?? this.#waiting.find((check) => check.key === key);
  }

  #toFront(check: Check<T>): void {
    this.#waiting.splice(this.#waiting.indexOf(check), 1);
    this.#waiting.unshift(check);
  }

  #startNext(): void {
    while (this.#running.size < CHECKS_PARALLEL) {
      const check = this.#waiting.shift();
      if (check === undefined) return;
      this.#running.set(check.key, check);
      check.state = 'scanning';
      const end = (): void => {
        this.#running.delete(check.key);
        this.#startNext();
      };
      const watch: CheckWatch = {
        step: watched(check.step, (update) => {
          check.seen = { ...(check.seen ?? { text: null, done: null, total: null }), ...update };
        }),
        judging: () => {
          check.state = 'judging';
        },
      };
      check.work(watch).then(
        (value) => {
          end();
          check.settled.resolve(value);
        },
        (error: unknown) => {
          end();
          check.settled.reject(error);
        },
      );
    }
  }
}

/** A step whose updates are seen on their way. */
function watched(
  step: StepHandle,
  seen: (update: { text?: Text; done?: number | null; total?: number | null }) => void,
): StepHandle {
  return {
    step: (title) => {
      seen({ text: title, done: null, total: null });
      return watched(step.step(title), seen);
    },
    update: (update: StepUpdate) => {
      seen({
        ...(update.detail === undefined ? {} : { text: update.detail }),
        ...(update.done === undefined ? {} : { done: update.done }),
        ...(update.total === undefined ? {} : { total: update.total }),
      });
      step.update(update);
    },
    note: (text) => step.note(text),
    done: (detail) => step.done(detail),
    fail: (detail) => step.fail(detail),
  };
}
