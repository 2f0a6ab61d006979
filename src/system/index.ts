export {
  type AddressGuard,
  guardAddresses,
  networkProblem,
  type ResolveName,
  ServerAddresses,
} from './address-guard.ts';
export { AgeClock, type ClockDoubt, clockDoubtText, timeOfAges } from './age-clock.ts';
export { answerOf } from './answer.ts';
export { canonicalJson } from './canonical.ts';
export {
  type CliApi,
  type CliAsk,
  type CliColumn,
  type CliConnection,
  type CliPrint,
  type CliProgram,
  type OperationView,
  ProblemReply,
  type ServerEvent,
  type StepView,
} from './cli.ts';
export { type Clock, isDue, systemClock } from './clock.ts';
export { type CommandOptions, type CommandResult, commandFault, runCommand, startChild } from './command.ts';
export {
  binaryType,
  type DatabaseKind,
  databaseFault,
  type Migration,
  type OpenedDatabase,
  openDatabase,
} from './database/database.ts';
export { type DatabaseReport, databasePlace, inspectPostgres } from './database/inspect.ts';
export { withPatience } from './database/patience.ts';
export { isDiskFull } from './disk-full.ts';
export {
  defineFaults,
  EXIT_CODE,
  Fault,
  type FaultKind,
  type FaultMaker,
  type FaultParams,
  type FaultSpec,
  type FaultText,
  HTTP_STATUS,
  type Problem,
  sayFault,
} from './fault.ts';
export { fileReason, readFileBytes, streamToFile, syncFolder, writeFileAtomic } from './files.ts';
export { continueIds, newId } from './id.ts';
export { describeIssue, describeIssues, expected } from './issue-words.ts';
export { keptBundle } from './kept-bundle.ts';
export { type DiffLine, diffLines } from './line-diff.ts';
export { createLog, type Log, silentLog } from './log.ts';
export { PATCH_LOCK } from './patch-lock.ts';
export { whenClosed } from './streams.ts';
export { renderTemplate, templateFault } from './template.ts';
export { fillTemplate, type Json, type Language, languageOf, type Text } from './text.ts';
