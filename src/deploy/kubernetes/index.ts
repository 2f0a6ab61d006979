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
export { type ExplainedField, explainField, listFields } from './explain.ts';
export { KINDS, KINDS_REFUSED } from './kinds.ts';
export { pinTranslation } from './pin.ts';
export { parseQuantity } from './quantity.ts';
export { type TranslateOptions, type Translation, translateManifests } from './translate.ts';
