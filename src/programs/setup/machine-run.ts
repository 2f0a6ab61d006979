import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../system/index.ts';
import { type Instance, instanceFiles } from './instance.ts';
import { PROGRAMS_TO_STOP } from './programs.ts';

/**
 * Which run of the machine this is: its start and that of its first process. In a container the kernel goes on while the machine
 * starts anew.
 */
export async function runOfMachine(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  // Hidden from an ordinary user on some machines.
  const first = await readFile('/proc/1/stat', 'utf8').catch(() => '');
  const start = first.slice(first.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return `${boot.trim()} ${start}`;
}

/**
 * Takes away what is only true within one run of the machine: numbers of processes, which are others' by now, and that the edge's
 * configuration is of now. Where the folder is in memory it is gone already; an account without one of its own, and some
 * containers, have it on disk.
 * @returns true when it was of another run
 */
export async function forgetFormerRun(instance: Instance, now?: string): Promise<boolean> {
  const { supervisors, edge, machineRun } = instanceFiles(instance);
  const run = now ?? (await runOfMachine());
  const known = await readFile(machineRun, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (known === run) return false;
  if (known !== null) {
    await rm(edge.current, { force: true });
    for (const program of PROGRAMS_TO_STOP) {
      for (const kind of ['supervisor', 'pid']) await rm(join(supervisors, `${program}.${kind}`), { force: true });
    }
  }
  await writeFileAtomic(machineRun, run);
  return known !== null;
}
