export type { CaptureEnd, CaptureHeader } from './format.ts';
export {
  encodeKeptBlock,
  KEPT_LANES,
  type KeptBlock,
  type KeptLane,
  keptBlocks,
  keptFileName,
  readKeptFileName,
} from './kept.ts';
export { openCapture } from './open.ts';
export { eventsOfBatch, type ReadCapture, readCapture } from './read.ts';
export { CaptureWriter } from './seal.ts';
