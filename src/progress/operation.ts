import { type Clock, type Fault, type Json, type Language, newId, type Problem, type Text } from '../system/index.ts';

export type OperationState = 'running' | 'done' | 'failed' | 'refused' | 'interrupted' | 'cancelled';
export type StepState = 'running' | 'done' | 'failed' | 'waiting';
export type Unit = 'bytes' | 'layers' | 'items';

export interface Step {
  readonly id: string;
  readonly parent: string | null;
  readonly title: Text;
  state: StepState;
  readonly startedAt: string;
  endedAt: string | null;
  done: number | null;
  total: number | null;
  unit: Unit | null;
  detail: Text | null;
  notes: Text[];
}

/** Long work that people watch: kept while it runs and after, so that a reader who comes late sees all of it. */
export interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly actor: string;
  readonly title: Text;
  state: OperationState;
  readonly startedAt: string;
  endedAt: string | null;
  steps: Step[];
  result: Json;
  /** Both languages, because the one who reads it need not be the one who started it. */
  problem: Record<Language, Problem> | null;
}

export interface StepUpdate {
  readonly done?: number;
  readonly total?: number;
  readonly unit?: Unit;
  readonly detail?: Text;
}

/** One step of long work, as the worker holds it. A step that has ended takes no more updates. */
export interface StepHandle {
  step(title: Text): StepHandle;
  update(update: StepUpdate): void;
  note(text: Text): void;
  done(detail?: Text): void;
  fail(detail: Text): void;
}

/** A step that nobody watches: for tests and for work done without a person waiting. */
export const silentStep: StepHandle = {
  step: () => silentStep,
  update: () => undefined,
  note: () => undefined,
  done: () => undefined,
  fail: () => undefined,
};

/** A step of a given operation; `changed` is called after every change. */
export function createStep(
  operation: Operation,
  parent: string | null,
  title: Text,
  clock: Clock,
  changed: () => void,
): StepHandle {
  const step: Step = {
    id: newId(clock),
    parent,
    title,
    state: 'running',
    startedAt: clock.now().toISOString(),
    endedAt: null,
    done: null,
    total: null,
    unit: null,
    detail: null,
    notes: [],
  };
  operation.steps.push(step);
  changed();
  const end = (state: StepState, detail: Text | undefined): void => {
    if (step.endedAt !== null) return;
    step.state = state;
    step.endedAt = clock.now().toISOString();
    if (detail !== undefined) step.detail = detail;
    changed();
  };
  return {
    step: (childTitle) => createStep(operation, step.id, childTitle, clock, changed),
    update(update) {
      if (step.endedAt !== null) return;
      if (update.done !== undefined) step.done = update.done;
      if (update.total !== undefined) step.total = update.total;
      if (update.unit !== undefined) step.unit = update.unit;
      if (update.detail !== undefined) step.detail = update.detail;
      changed();
    },
    note(text) {
      step.notes.push(text);
      changed();
    },
    done: (detail) => end('done', detail),
    fail: (detail) => end('failed', detail),
  };
}

/** How an operation that threw is told: a refusal by policy is not a failure of the platform. */
export function problemOf(fault: Fault): Record<Language, Problem> {
  return { en: fault.toProblem('en'), es: fault.toProblem('es') };
}

/** An operation as one reader sees it: its problem in their language. */
export type OperationView = Omit<Operation, 'problem'> & { readonly problem: Problem | null };

export function viewOperation(operation: Operation, language: Language): OperationView {
  return { ...operation, problem: operation.problem?.[language] ?? null };
}
