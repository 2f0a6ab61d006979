import type { Kysely } from 'kysely';
import { type Clock, Fault, isDiskFull, type Json, type Log, newId, type Text } from '../system/index.ts';
import { progressFault } from './errors.ts';
import { createStep, type Operation, problemOf, type StepHandle } from './operation.ts';
import { listOperations, type ProgressTables, readOperation, saveOperation } from './store.ts';

/** Readers are told of a change at most this often: a progress bar needs no more, and a fast build makes thousands. */
const NOTICE_MS = 100;
/** The end of an operation that could not be written down is written again after this. */
const SAVE_AGAIN_MS = 5_000;

export interface OperationRequest {
  readonly kind: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly actor: string;
  readonly title: Text;
}

export interface OperationContext {
  readonly id: string;
  readonly signal: AbortSignal;
  step(title: Text): StepHandle;
}

interface Live {
  readonly operation: Operation;
  readonly abort: AbortController;
  timer: NodeJS.Timeout | undefined;
}

/** Runs long work on the server: it goes on when the one who asked goes away, and anyone allowed can watch it. */
export class Operations {
  readonly #db: Kysely<ProgressTables>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #live = new Map<string, Live>();
  readonly #listeners = new Set<(operation: Operation) => void>();

  constructor(options: { readonly db: Kysely<ProgressTables>; readonly clock: Clock; readonly log: Log }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Marks what a crash cut short. Call once at start. */
  async recover(): Promise<void> {
    for (const operation of await listOperations(this.#db, { projects: '*', state: 'running', limit: 1_000 })) {
      operation.state = 'interrupted';
      operation.endedAt = this.#clock.now().toISOString();
      operation.problem = problemOf(progressFault('progress.interrupted'));
      for (const step of operation.steps) {
        if (step.endedAt === null) {
          step.state = 'failed';
          step.endedAt = operation.endedAt;
        }
      }
      await saveOperation(this.#db, operation);
    }
  }

  /** Starts the work and returns at once; `finished` settles with the ended operation and never rejects. */
  async start(
    request: OperationRequest,
    work: (context: OperationContext) => Promise<Json>,
  ): Promise<{ readonly operation: Operation; readonly finished: Promise<Operation> }> {
    const operation: Operation = {
      id: newId(this.#clock),
      ...request,
      state: 'running',
      startedAt: this.#clock.now().toISOString(),
      endedAt: null,
      steps: [],
      result: null,
      problem: null,
    };
    const live: Live = { operation, abort: new AbortController(), timer: undefined };
    this.#live.set(operation.id, live);
    await saveOperation(this.#db, operation);
    const changed = (): void => this.#changed(live);
    const context: OperationContext = {
      id: operation.id,
      signal: live.abort.signal,
      step: (title) => createStep(operation, null, title, this.#clock, changed),
    };
    const finished = this.#run(live, () => work(context));
    return { operation, finished };
  }

  async #run(live: Live, work: () => Promise<Json>): Promise<Operation> {
    const { operation } = live;
    try {
      operation.result = await work();
      operation.state = 'done';
    } catch (error) {
      const fault =
        error instanceof Fault
          ? error
          : isDiskFull(error)
            ? progressFault('progress.disk-full')
            : progressFault('progress.internal', { why: error instanceof Error ? error.message : String(error) });
      if (fault.kind === 'internal') this.#log.error({ err: error, operation: operation.id }, 'operation failed');
      operation.state = live.abort.signal.aborted ? 'cancelled' : fault.kind === 'refused' ? 'refused' : 'failed';
      operation.problem = problemOf(fault);
      operation.result = fault.details;
    }
    operation.endedAt = this.#clock.now().toISOString();
    for (const step of operation.steps) {
      if (step.endedAt === null) {
        step.state = operation.state === 'done' ? 'done' : 'failed';
        step.endedAt = operation.endedAt;
      }
    }
    // What changed last is told with the end, after that was written down.
    clearTimeout(live.timer);
    await this.#keepEnd(operation);
    clearTimeout(live.timer);
    this.#tell(operation);
    return operation;
  }

  /** What could not be written down, as on a full disk, is read from memory until it was: stored it would run for ever. */
  async #keepEnd(operation: Operation): Promise<void> {
    try {
      await saveOperation(this.#db, operation);
      this.#live.delete(operation.id);
    } catch (error) {
      this.#log.error({ err: error, operation: operation.id }, 'saving the end of an operation failed');
      setTimeout(() => void this.#keepEnd(operation), SAVE_AGAIN_MS).unref();
    }
  }

  /** @throws Fault progress.operation-unknown */
  async read(id: string): Promise<Operation> {
    const operation = this.#live.get(id)?.operation ?? (await readOperation(this.#db, id));
    if (operation === null) throw progressFault('progress.operation-unknown', { id: id.slice(0, 40) });
    return operation;
  }

  async list(query: { projects: '*' | readonly string[]; state?: string; limit: number }): Promise<Operation[]> {
    const stored = await listOperations(this.#db, query);
    return stored.map((operation) => this.#live.get(operation.id)?.operation ?? operation);
  }

  /** Asks the work to stop; what it did before stays as it is. */
  cancel(id: string, actor: string): void {
    this.#live.get(id)?.abort.abort(progressFault('progress.cancelled', { actor }));
  }

  subscribe(listener: (operation: Operation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(live: Live): void {
    if (live.timer !== undefined || live.operation.endedAt !== null) return;
    live.timer = setTimeout(() => {
      live.timer = undefined;
      this.#tell(live.operation);
    }, NOTICE_MS);
  }

  #tell(operation: Operation): void {
    for (const listener of this.#listeners) listener(operation);
  }
}
