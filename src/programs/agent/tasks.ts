import type { StepHandle } from '../../progress/index.ts';
import type { Json, Log, Text } from '../../system/index.ts';
import { type HostTask, serializeFault, type ToControl } from '../link/protocol.ts';

/** How a kind of task is done; throws a Fault for the person who asked. */
export type TaskRunner = (
  task: HostTask,
  context: { readonly step: StepHandle; readonly signal: AbortSignal },
) => Promise<Json>;

/** Tasks that control asked for: each runs beside the others, tells its steps, and ends with a value or a fault. */
export class Tasks {
  readonly #run: TaskRunner;
  readonly #send: (message: ToControl) => void;
  readonly #log: Log;
  readonly #running = new Map<string, AbortController>();

  constructor(options: { readonly run: TaskRunner; readonly send: (message: ToControl) => void; readonly log: Log }) {
    this.#run = options.run;
    this.#send = options.send;
    this.#log = options.log;
  }

  start(id: string, task: HostTask): void {
    const abort = new AbortController();
    this.#running.set(id, abort);
    const steps = new RemoteSteps(id, this.#send);
    this.#run(task, { step: steps.root, signal: abort.signal })
      .then((value) => this.#send({ type: 'task-done', id, value }))
      .catch((error: unknown) => {
        this.#log.warn({ err: error, task: task.kind }, 'a task failed');
        this.#send({ type: 'task-failed', id, fault: serializeFault(error, 'agent.internal') });
      })
      .finally(() => this.#running.delete(id));
  }

  cancel(id: string): void {
    this.#running.get(id)?.abort(new Error('cancelled by control'));
  }

  /** Control went away: what it asked for is not finished in the dark, it asks again. */
  cancelAll(): void {
    for (const abort of this.#running.values()) abort.abort(new Error('control went away'));
  }
}

/** Progress of a task as messages; updates are gathered, because a build can make thousands a second. */
class RemoteSteps {
  readonly #id: string;
  readonly #send: (message: ToControl) => void;
  #last = 0;
  readonly root: StepHandle;

  constructor(id: string, send: (message: ToControl) => void) {
    this.#id = id;
    this.#send = send;
    this.root = this.#handle(0);
  }

  #handle(step: number): StepHandle {
    const id = this.#id;
    let lastUpdateMs = 0;
    return {
      step: (title: Text) => {
        this.#last += 1;
        const child = this.#last;
        this.#send({ type: 'task-step', id, step: { op: 'step', step: child, parent: step, title } });
        return this.#handle(child);
      },
      update: (update) => {
        const now = performance.now();
        const isLast = update.done !== undefined && update.done === update.total;
        if (now - lastUpdateMs < 100 && !isLast) return;
        lastUpdateMs = now;
        this.#send({ type: 'task-step', id, step: { op: 'update', step, update } });
      },
      note: (text) => this.#send({ type: 'task-step', id, step: { op: 'note', step, text } }),
      // The root is control's own step; its end is the end of the task.
      done: (detail) => {
        if (step !== 0) this.#send({ type: 'task-step', id, step: { op: 'done', step, detail: detail ?? null } });
      },
      fail: (detail) => {
        if (step !== 0) this.#send({ type: 'task-step', id, step: { op: 'fail', step, detail } });
      },
    };
  }
}
