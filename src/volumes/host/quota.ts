import { createHash } from 'node:crypto';
import { Fault, type Text } from '../../system/index.ts';
import type { MountHost } from './mount-host.ts';

export type Limit = { readonly enforced: true } | { readonly enforced: false; readonly why: Text };

const SET_MS = 60_000;

interface Mount {
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/**
 * Keeps a folder within a size by the project quota of its file system (ext4, XFS), where it was mounted with it. What a
 * file system does not keep is said, never pretended. Whoever has CAP_SYS_RESOURCE is above quotas (kernel, fs/quota/dquot.c,
 * ignore_hardlimit): containers do not have it unless a policy lets them.
 */
export async function limitFolder(
  host: Pick<MountHost, 'read' | 'run'>,
  path: string,
  bytes: number,
  volume: string,
): Promise<Limit> {
  const mount = mountOf((await host.read('/proc/self/mountinfo')) ?? '', path);
  if (mount === null || !hasProjectQuota(mount)) {
    const type = mount?.type ?? '?';
    return {
      enforced: false,
      why: {
        en: `its file system (${type}) is not mounted with project quotas (prjquota)`,
        es: `su sistema de archivos (${type}) no está montado con cuotas de proyecto (prjquota)`,
      },
    };
  }
  const id = String(projectId(volume));
  const blocks = String(Math.ceil(bytes / 1024));
  try {
    // The number goes to what is there already and, by the P of its folder, to whatever comes to be in it. A folder that has
    // it is not walked again: by then a workload may be in it.
    const known = await host.run('lsattr', ['-d', '-p', '--', path], { timeoutMs: SET_MS });
    const numbering = [
      ['chattr', '-R', '-f', '-p', id, '--', path],
      ['chattr', '-R', '-f', '+P', '--', path],
      ['chattr', '+P', '-p', id, '--', path],
    ] as const;
    for (const [program, ...words] of [
      ...(known.code === 0 && hasProject(known.stdout, id) ? [] : numbering),
      ['setquota', '-P', id, '0', blocks, '0', '0', mount.point],
    ] as const) {
      const { code, stderr } = await host.run(program, words, { timeoutMs: SET_MS });
      // chattr -R complains of links and sockets, which have no such number, and of files, which hand nothing on.
      if (code !== 0 && words[0] !== '-R') return notSet(`${program}: ${stderr.trim().slice(0, 200)}`);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return notSet(error.text('en').what, error.text('es').what);
  }
  return { enforced: true };
}

/** lsattr(1) with -p: the number, the letters, the path. */
export function hasProject(line: string, id: string): boolean {
  const [, number, letters] = /^\s*(\d+)\s+(\S+)\s/.exec(line) ?? [];
  return number === id && letters?.includes('P') === true;
}

function notSet(en: string, es = en): Limit {
  return { enforced: false, why: { en, es } };
}

/** The mount that a path lies on (proc_pid_mountinfo(5)): the last of those with the longest way. */
export function mountOf(mountinfo: string, path: string): Mount | null {
  let best: Mount | null = null;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const point = before?.split(' ')[4]?.replaceAll('\\040', ' ');
    const [type, , options = ''] = after?.split(' ') ?? [];
    if (point === undefined || type === undefined) continue;
    const holds = path === point || path.startsWith(point === '/' ? '/' : `${point}/`);
    if (!holds || (best !== null && point.length < best.point.length)) continue;
    best = { point, type, options: [...options.split(','), ...(before?.split(' ')[5]?.split(',') ?? [])] };
  }
  return best;
}

/** mount(8): ext4 says `prjquota`, XFS `prjquota` or `pquota`. */
export function hasProjectQuota({ type, options }: Mount): boolean {
  return (type === 'ext4' || type === 'xfs') && options.some((option) => option === 'prjquota' || option === 'pquota');
}

/** A number of 31 bits, above those that people give by hand. */
export function projectId(volume: string): number {
  const number = createHash('sha256').update(volume).digest().readUInt32BE(0);
  return 1_000_000 + (number % 2_000_000_000);
}
