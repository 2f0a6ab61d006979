import { COMMANDS } from './cli/commands.ts';
import { createFrame, processTarget } from './cli/frame.ts';

const frame = createFrame({ environment: process.env, target: processTarget(), commands: COMMANDS });
process.exitCode = await frame.run(process.argv.slice(2));
