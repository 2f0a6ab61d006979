import { createFrame, processTarget } from './frame.ts';

/**
 * `darsena scan` alone, for its bundle.
 *
 * @returns the exit code
 */
export function runScanCli(argv: readonly string[]): Promise<number> {
  const frame = createFrame({
    environment: process.env,
    target: processTarget(),
    commands: [{ words: ['scan'], add: async (cli) => (await import('../../scan/commands.ts')).scanCommands(cli) }],
  });
  return frame.run(argv);
}
