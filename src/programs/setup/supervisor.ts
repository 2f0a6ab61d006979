import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../system/index.ts';
import { endProcess, isRunning, type ProcessId, readPidFile } from './processes.ts';

/** One program to keep running. */
export interface SupervisedProgram {
  readonly name: string;
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** The whole environment of the program. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: string;
  /** The program is not started before this file exists. */
  readonly waitFor?: string;
}

/** TERM → the program's own grace of 10 s in supervise.sh → its KILL; then the shell itself. */
const SUPERVISOR_GRACE_MS = 12_000;

const SCRIPT = join(import.meta.dirname, 'supervise.sh');

/**
 * Makes sure that the program runs under a supervisor. A living supervisor is left alone; a program whose supervisor
 * died is ended first, so that there are never two.
 * @returns true when it was started by this call
 */
export async function superviseProgram(
  folder: string,
  program: SupervisedProgram,
  options: { clock: Clock; script?: string },
): Promise<boolean> {
  const state = await supervisedState(folder, program.name);
  if (state.supervisor !== null) return false;
  if (state.child !== null) await endProcess(state.child, { clock: options.clock, graceMs: SUPERVISOR_GRACE_MS });
  // Made here so that its owner and mode do not depend on the program.
  await (await open(program.log, 'a', 0o640)).close();
  const child = spawn(
    '/bin/sh',
    [
      options.script ?? SCRIPT,
      program.name,
      folder,
      program.log,
      ...(program.waitFor === undefined ? [] : ['--wait', program.waitFor]),
      '--',
      ...program.argv,
    ],
    // detached: setsid(2), so that no terminal of the caller can end it.
    { detached: true, stdio: 'ignore', cwd: '/', env: { ...program.environment } },
  );
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  return true;
}

export async function supervisedState(
  folder: string,
  name: string,
): Promise<{ supervisor: ProcessId | null; child: ProcessId | null }> {
  return {
    supervisor: await readPidFile(join(folder, `${name}.supervisor`)),
    child: await readPidFile(join(folder, `${name}.pid`)),
  };
}

/** Ends a program and its supervisor. @returns true when something ran */
export async function stopProgram(folder: string, name: string, clock: Clock): Promise<boolean> {
  const { supervisor, child } = await supervisedState(folder, name);
  if (supervisor !== null) await endProcess(supervisor, { clock, graceMs: SUPERVISOR_GRACE_MS });
  if (child !== null && (await isRunning(child))) await endProcess(child, { clock, graceMs: SUPERVISOR_GRACE_MS });
  return supervisor !== null || child !== null;
}

/** What a log last said that a person can use, for an error text; empty when there is nothing. */
export async function lastWords(log: string, lines = 2): Promise<string> {
  const text = await readFile(log, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return '';
    throw error;
  });
  return usefulLines(text).slice(-lines).join(' | ').slice(-600);
}

/** Of an ended program's words: no stack, no members of what was thrown, no mark under the source line, no word of the supervisor itself. */
export function usefulLines(text: string): string[] {
  const noise =
    /^\s*at |^\s*\^*\s*$|^Node\.js v|"name":"supervisor"|^\s*[{}]\s*$|^ {2}(?:code|kind|params|details|\[cause\]): .*[{,]?$/;
  return (
    text
      .split('\n')
      // A line of the source, shown above what was thrown there, with its mark below.
      .filter((line, at, all) => !noise.test(line) && !(/^\s+\S/.test(line) && /^\s*\^+\s*$/.test(all[at + 1] ?? '')))
      .map((line) => /^\{.*"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line.trim())
  );
}
