export { advisoryCommands } from './commands.ts';
export {
  AdvisoryDatabase,
  type AdvisoryMatch,
  type AdvisoryRating,
  type AdvisorySource,
  type Coverage,
  type PackageQuery,
} from './database.ts';
export { advisoryFault } from './errors.ts';
export { ORDERINGS, orderingOf } from './orderings/index.ts';
export type { AdvisoryStatus, Severity } from './record.ts';
export { type AdvisoryRoutesParts, registerAdvisoryRoutes } from './routes.ts';
export {
  type AdvisoryInput,
  AdvisoryStore,
  compileAdvisories,
  type ImportedSource,
  type ImportOptions,
  type ImportOutcome,
  inputsOf,
} from './store.ts';
export { configuredUrls, updateAdvisories } from './update.ts';
