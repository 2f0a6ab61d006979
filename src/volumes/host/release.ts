import { join } from 'node:path';
import { Fault, silentLog, systemClock } from '../../system/index.ts';
import { lastWords } from './devices.ts';
import { exportsFolder, openedFolder } from './keeper.ts';
import { Lvm, MOMENTS_FOLDER } from './lvm.ts';
import { isLate, type MountRun, thisHost } from './mount-host.ts';
import { Mounts } from './mounts.ts';
import { readAllowed } from './places.ts';
import { createTools } from './tree.ts';

const UNMOUNT_MS = 30_000;

/**
 * Unmounts all that an instance has mounted for its volumes, before its folders go.
 * @throws Error when something stays mounted: then nothing may be removed there
 */
export async function releaseMounts(options: {
  readonly instance: string;
  /** The agent's folder in memory. */
  readonly run: string;
  /** storage.json of the host. */
  readonly allowedFile: string;
  readonly devicesFile: string;
  readonly env: Readonly<Record<string, string>>;
  readonly rootless: boolean;
  /** So long a server is waited for, at each mount. @default 30 s */
  readonly unmountMs?: number;
}): Promise<void> {
  const { allowedFile, devicesFile, env, rootless, unmountMs = UNMOUNT_MS } = options;
  // As root a program that a server holds in the kernel is not waited for either.
  const run: MountRun = rootless ? createTools(true, env).run : thisHost(env).run;
  if (!rootless) await dropMoments(options.instance, options.run, env);
  const tops = [openedFolder(options.run), exportsFolder(options.run)];
  // Without root nothing was mounted where this process sees it, and what asks Podman would begin a namespace.
  const isAny = (await Promise.all(tops.map((top) => thisHost(env).list(top)))).some((names) => names.length > 0);
  if (!isAny) return;
  const { stdout } = await run('cat', ['/proc/self/mountinfo'], { timeoutMs: UNMOUNT_MS });
  const points = stdout.split('\n').map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '));
  // What was mounted last goes first: an opened volume may lie on an export.
  for (const point of points.filter((at) => tops.some((top) => at.startsWith(`${top}/`))).toReversed()) {
    if ((await unmount(run, ['--', point], unmountMs)) === null) continue;
    // A server that is away would hold it up for ever: what is left of it goes when it may.
    const why = await unmount(run, ['--lazy', '--', point], UNMOUNT_MS);
    if (why !== null) throw new Error(`${point} stays mounted: ${why}`);
  }
  if (!rootless) await leaveDevices(allowedFile, devicesFile, env, options.run);
}

/** Snapshots of logical volumes that an agent left which was killed in the middle of a copy. */
async function dropMoments(instance: string, run: string, env: Readonly<Record<string, string>>): Promise<void> {
  const host = thisHost(env);
  if (!(await host.list(run)).includes(MOMENTS_FOLDER)) return;
  await new Lvm({ host, folder: join(run, MOMENTS_FOLDER), instance, log: silentLog }).recover();
}

/** Null: it is done; else what is in its way. */
async function unmount(run: MountRun, words: readonly string[], timeoutMs: number): Promise<string | null> {
  try {
    const { code, stderr } = await run('umount', words, { timeoutMs });
    return code === 0 ? null : lastWords(stderr);
  } catch (error) {
    if (!isLate(error)) throw error;
    return `no reply within ${timeoutMs / 1000} s`;
  }
}

async function leaveDevices(
  allowedFile: string,
  devicesFile: string,
  env: Readonly<Record<string, string>>,
  run: string,
): Promise<void> {
  const host = thisHost(env);
  for (const mapper of await host.list('/dev/mapper')) {
    // One that another instance has open is in use, and stays.
    if (/^darsena-[0-9a-f]{24}$/.test(mapper))
      await host.run('cryptsetup', ['close', mapper], { timeoutMs: UNMOUNT_MS });
  }
  const mounts = new Mounts({
    ...{ host, folder: exportsFolder(run), devicesFile, rootless: false, clock: systemClock, log: silentLog },
    // It only takes away.
    askFormat: async () => null,
  });
  try {
    for (const [name, one] of Object.entries((await readAllowed(allowedFile)).exports))
      if (one.kind === 'iscsi') await mounts.release(name, one);
  } catch (error) {
    // A list that nobody can read any more names no session that could be ended, and the folders may go all the same.
    if (!(error instanceof Fault)) throw error;
  }
}
