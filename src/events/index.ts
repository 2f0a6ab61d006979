export { type Activity, ARGUMENT_FIELDS, describeActivity } from './activity.ts';
export { CONTENT_WAYS, callSpecs, ONLY_CONTENT, ONLY_DONE } from './calls.ts';
export { calls32 } from './calls-32.ts';
export { CapturePacker } from './capture/pack.ts';
export { commandLine, KernelEvent, shownCommandLine, unknownProcess } from './event.ts';
export { eventArgumentNames, rawArgumentType } from './event-arguments.ts';
export { eventTypeNames } from './event-type-names.ts';
export type { ContainerFacts, LivingFacts, ProcessFacts, Surroundings } from './facts.ts';
export {
  type FieldArgument,
  type FieldType,
  fieldArgument,
  fieldNames,
  fieldType,
  isComparedByItself,
  normalizeField,
} from './field-types.ts';
export {
  ancestorsOf,
  type FieldReader,
  type FieldValue,
  fieldReader,
  type ManyKind,
  manyKind,
  observedEvents,
  partOfImage,
} from './fields.ts';
export {
  CALL,
  COMM_BYTES,
  CONNECT,
  EVENT_NAMES,
  EXE_FLAG,
  EXEC,
  EXIT,
  FORK,
  HEADER,
  isCall,
  isFork,
  isOpen,
  OPEN,
  RECORD,
  RECORD_FLAG,
  RECORD_TYPES_MAX,
} from './layout.ts';
export { isParent, sameStart, TICK_NS } from './lineage.ts';
export { type HostMount, hostMounts } from './mounts.ts';
export { PATH_PLACES, PathNames } from './path-names.ts';
export { bytesOfText, cutText, decodeText, readText } from './text.ts';
export { CALLS_OF_32_BITS, unseenWords } from './unseen.ts';
