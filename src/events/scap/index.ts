export type { ScapEvent } from './event.ts';
export { EVENT_TYPES } from './event-types.ts';
export { scapFields } from './fields.ts';
export { recordingChunks } from './file.ts';
export { readScap } from './recording.ts';
