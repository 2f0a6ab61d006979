export { parseUlimit, ULIMIT_NAMES, type Ulimit } from '../ulimits.ts';
export { saidBy } from './check.ts';
export {
  applyOverlays,
  type ManifestDocument,
  type ManifestFile,
  type ManifestProblem,
  mergePatch,
  type Overlay,
  type ProblemKind,
  readManifests,
  toOverlay,
} from './documents.ts';
export { manifestFault, refuseProblems } from './errors.ts';
export { type ExplainedField, explainField, listFields, listUndecided, suggestField } from './explain.ts';
export { KINDS, KINDS_REFUSED } from './kinds/index.ts';
export { OPENAPI_VERSIONS } from './openapi/index.ts';
export { pinTranslation } from './pin.ts';
export { parseQuantity } from './quantity.ts';
export { type FieldNote, type FieldReport, type RuntimesOfHost, remarkRecords, reportManifest } from './report.ts';
export { type TranslateOptions, type Translation, translateManifests } from './translate.ts';
