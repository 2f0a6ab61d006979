export { progressFault } from './errors.ts';
export {
  createStep,
  type Operation,
  type OperationState,
  type Step,
  type StepHandle,
  type StepState,
  type StepUpdate,
  silentStep,
  type Unit,
} from './operation.ts';
export { type OperationContext, type OperationRequest, Operations } from './operations.ts';
export { type ProgressTables, progressMigrations } from './store.ts';
