import { constants } from 'node:fs';
import { lstat, open, stat } from 'node:fs/promises';
import { runCommand } from '../../../system/index.ts';
import { engineFault } from './errors.ts';
import type { VolumeTouches } from './volume-touches.ts';

/** Large volumes take their time; one of millions of files is told by OnRootMismatch to be left alone. */
const CHANGE_TIMEOUT_MS = 300_000;

/** Runs a program where the numbers of files are those that containers see: as root, or in the account's own namespace. */
export type RunWithNumbers = (
  program: string,
  words: readonly string[],
  options: { readonly timeoutMs: number },
) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;

/**
 * Gives a volume to a group, as Kubernetes does: the group may write, and new files belong to it. Links in the volume
 * are changed themselves and never followed.
 * @throws Fault engine.failed
 */
export async function giveToGroup(
  path: string,
  { group, onlyWhenRootDiffers }: { readonly group: number; readonly onlyWhenRootDiffers: boolean },
  touches: Pick<VolumeTouches, 'run'>,
  run: RunWithNumbers = runCommand,
): Promise<void> {
  const ask = async (program: string, words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(program, words, { timeoutMs: CHANGE_TIMEOUT_MS });
    if (code !== 0) throw engineFault('engine.failed', { operation: 'fsGroup', why: stderr.slice(0, 300) });
    return stdout;
  };
  // A file system that does not answer is noticed here, before a program hangs on it.
  const root = await touches.run(path, () => lstat(path));
  if (onlyWhenRootDiffers && (root.mode & 0o2070) === 0o2070) {
    const owner = await ask('stat', ['--format=%g', '--', path]);
    if (Number(owner) === group) return;
  }
  await ask('chgrp', ['--recursive', '--no-dereference', '-P', String(group), '--', path]);
  await ask('find', [path, '-xdev', '-type', 'f', '-exec', 'chmod', 'g+rw', '--', '{}', '+']);
  await ask('find', [path, '-xdev', '-type', 'd', '-exec', 'chmod', 'g+rwxs', '--', '{}', '+']);
}

/** Lets every container of a pod write to its emptyDir, whoever each runs as, like in Kubernetes. */
export async function openToAll(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { mode } = await folder.stat();
    if ((mode & 0o777) !== 0o777) await folder.chmod((mode & 0o7000) | 0o777);
  } finally {
    await folder.close();
  }
}

/** Bytes that a folder takes on its disk. */
export async function folderBytes(path: string): Promise<number> {
  const { code, stdout } = await runCommand('du', ['--summarize', '--one-file-system', '--block-size=1', '--', path], {
    timeoutMs: 30_000,
  });
  // What a workload removes meanwhile makes du complain; what it counted is still told.
  const bytes = Number.parseInt(stdout, 10);
  return code === 0 || bytes > 0 ? bytes : 0;
}

/** Bytes of a file; none where it is not. */
export async function fileBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
