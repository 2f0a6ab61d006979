import { systemClock } from '../../system/index.ts';
import { setupCommands } from '../setup/index.ts';
import { completionCommands } from './completion.ts';
import type { createFrame } from './frame.ts';
import { operationCommands } from './operations.ts';
import { sessionCommands } from './session.ts';

type CommandMaker = Parameters<typeof createFrame>[0]['commands'][number];

/** Every command there is, in the order in which `darsena --help` shows them; a room's line is added when it lands. */
export const COMMANDS: readonly CommandMaker[] = [
  (cli, frame) => setupCommands(cli, frame.target, systemClock),
  sessionCommands,
  operationCommands,
  completionCommands,
];
