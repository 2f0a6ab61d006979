export type { CaptureEnd, CaptureHeader } from './format.ts';
export { openCapture } from './open.ts';
export { type ReadCapture, readCapture } from './read.ts';
export { CaptureWriter } from './seal.ts';
