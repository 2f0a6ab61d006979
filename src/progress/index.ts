export { progressFault } from './errors.ts';
export {
  createStep,
  type Operation,
  type OperationState,
  type OperationView,
  type Step,
  type StepHandle,
  type StepState,
  type StepUpdate,
  silentStep,
  type Unit,
  viewOperation,
} from './operation.ts';
export { type OperationContext, type OperationRequest, Operations } from './operations.ts';
export { type ProgressTables, progressMigrations } from './store.ts';
