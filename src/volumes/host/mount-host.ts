import { access, constants, mkdir, readdir, stat } from 'node:fs/promises';
import {
  type CommandOptions,
  type CommandResult,
  commandFault,
  Fault,
  runCommand,
  writeFileAtomic,
} from '../../system/index.ts';
import { readOwn } from './place-files.ts';

export type MountRun = (
  program: string,
  words: readonly string[],
  options: Pick<CommandOptions, 'timeoutMs' | 'input'>,
) => Promise<CommandResult>;

/** The machine that file systems are mounted on; the laboratory's virtual one, in tests. */
export interface MountHost {
  /** Ends at the time-out whether or not the program does. @throws Fault system.command-missing, system.command-timeout */
  readonly run: MountRun;
  /** Null: it is not there. */
  read(path: string): Promise<string | null>;
  write(path: string, text: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  folder(path: string): Promise<void>;
  owner(path: string): Promise<{ readonly uid: number; readonly mode: number; readonly isFile: boolean } | null>;
  has(program: string): Promise<boolean>;
}

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export function thisHost(env: Readonly<Record<string, string>>): MountHost {
  return {
    run: (program, words, options) =>
      runBounded(() => runCommand(program, words, { ...options, env: { ...env, LC_ALL: 'C' } }), program, options),
    read: readOwn,
    write: (path, text) => writeFileAtomic(path, text, { mode: 0o600 }),
    async list(path) {
      return await readdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
    },
    async folder(path) {
      await mkdir(path, { recursive: true, mode: 0o700 });
    },
    async owner(path) {
      try {
        const found = await stat(path);
        return { uid: found.uid, mode: found.mode, isFile: found.isFile() };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    async has(program) {
      for (const folder of new Set([...(env['PATH'] ?? '').split(':').filter(Boolean), ...FOLDERS])) {
        const found = await access(`${folder}/${program}`, constants.X_OK).then(
          () => true,
          () => false,
        );
        if (found) return true;
      }
      return false;
    },
  };
}

/** A program that waits in the kernel for a server does not end when it is killed: nobody waits for it longer than said. */
async function runBounded(
  run: () => Promise<CommandResult>,
  program: string,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<CommandResult> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), timeoutMs + 500);
  try {
    const running = run();
    running.catch(() => undefined);
    const done = await Promise.race([running, late.promise]);
    if (done === null) throw lateFault(program, timeoutMs);
    return done;
  } finally {
    clearTimeout(timer);
  }
}

function lateFault(file: string, timeoutMs: number): Fault {
  const seconds = timeoutMs / 1000;
  return commandFault('system.command-timeout', { file, seconds });
}

export function isLate(error: unknown): boolean {
  return error instanceof Fault && error.code === 'system.command-timeout';
}
