import { randomBytes } from 'node:crypto';
import { join, relative } from 'node:path';
import { Fault, type Log } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { lastWords } from './devices.ts';
import type { MountHost } from './mount-host.ts';

/** Where moments are mounted, in an agent's folder in memory. */
export const MOMENTS_FOLDER = 'moments';

/** Taking a snapshot flushes the file system; one that is cut short in the middle would leave it held still. */
const CHANGE_MS = 240_000;
const TOOL_MS = 20_000;
/** Below this share of the volume there is no room for what is written while a copy is made. */
const ROOM_SHARE = 0.05;
const NAME = /^darsena-snap-[0-9a-f]{16}$/;

/** A logical volume with a file system that claims lie on. */
export interface Origin {
  readonly group: string;
  readonly volume: string;
  /** Where its file system is mounted. */
  readonly point: string;
  readonly type: string;
  /** What a snapshot of it may take; null: it is thin, and takes what is written. */
  readonly bytes: number | null;
}

/** One moment of a file system, mounted read-only. */
export interface Moment {
  /** Where a path of the file system is seen as it was. */
  pathOf(path: string): string;
  /** @throws Fault volume.tool-failed: more was written meanwhile than there was room for, so that what was read is nothing */
  requireWhole(): Promise<void>;
  drop(): Promise<void>;
}

/**
 * Snapshots of logical volumes (lvmsnapshot, lvcreate(8)): a copy of a volume is one moment of it, and its workload stands
 * still for that moment alone.
 */
export class Lvm {
  readonly #host: MountHost;
  readonly #folder: string;
  readonly #tag: string;
  readonly #log: Log;

  /** @param options.folder where moments are mounted, closed to others */
  constructor(options: {
    readonly host: MountHost;
    readonly folder: string;
    readonly instance: string;
    readonly log: Log;
  }) {
    this.#host = options.host;
    this.#folder = options.folder;
    this.#tag = `darsena.${options.instance}`;
    this.#log = options.log;
  }

  /** The logical volume below a path, if there is one and room for a snapshot beside it. */
  async originOf(path: string): Promise<Origin | null> {
    // By a way through links the snapshot would lead back to what is written now.
    const real = await this.#host.run('realpath', ['--', path], { timeoutMs: TOOL_MS });
    if (real.code !== 0 || real.stdout !== `${path}\n`) return null;
    const mount = lastMount((await this.#host.read('/proc/self/mountinfo')) ?? '', path);
    if (mount === null || !/^\/dev\/(?:mapper\/|[^/]+\/[^/]+$|dm-\d+$)/.test(mount.source)) return null;
    if (!(await this.#host.has('lvs')) || !(await this.#host.has('lvcreate'))) return null;
    const fields = 'vg_name,lv_name,lv_size,vg_free,segtype';
    const words = ['--noheadings', '--nosuffix', '--units', 'b', '--separator', '|', '--options', fields, mount.source];
    const { code, stdout } = await this.#host.run('lvs', words, { timeoutMs: TOOL_MS });
    const [group = '', volume = '', size = '', free = '', kind = ''] = stdout.trim().split('|');
    if (code !== 0 || group === '' || volume === '') return null;
    const found = { group, volume, point: mount.point, type: mount.type };
    if (kind === 'thin') return { ...found, bytes: null };
    // Half of what is free: another copy may be made at the same time.
    const bytes = Math.floor(Math.min(Number(size), Number(free) / 2));
    return bytes >= Number(size) * ROOM_SHARE ? { ...found, bytes } : null;
  }

  /** @throws Fault volume.tool-failed */
  async take({ group, volume, bytes }: Origin): Promise<string> {
    // Before there is one: where this folder is, snapshots are looked for when the instance goes.
    await this.#host.folder(this.#folder);
    const name = `darsena-snap-${randomBytes(8).toString('hex')}`;
    const room = bytes === null ? ['--setactivationskip', 'n'] : ['--size', `${bytes}b`];
    const words = ['--snapshot', '--name', name, ...room, '--addtag', this.#tag, `${group}/${volume}`];
    await this.#do('lvcreate', words, CHANGE_MS);
    return name;
  }

  /**
   * Opens a snapshot that was taken.
   * @param key the same for each copy of one claim, so that its path is
   * @throws Fault volume.tool-failed
   */
  async open(origin: Origin, name: string, key: string): Promise<Moment> {
    const { group, point, type, bytes } = origin;
    const at = join(this.#folder, key);
    const drop = async (): Promise<void> => {
      await this.#tidy('umount', at);
      await this.discard(origin, name);
      await this.#tidy('rmdir', at);
    };
    try {
      await this.#host.folder(at);
      // XFS mounts no second file system of one UUID; ext4 may have to replay its journal, into the snapshot's own room.
      const options = ['ro', 'nosuid', 'nodev', ...(type === 'xfs' ? ['nouuid'] : [])].join(',');
      await this.#do('mount', ['--types', type, '--options', options, '--', `/dev/${group}/${name}`, at], TOOL_MS);
    } catch (error) {
      await drop();
      throw error;
    }
    return {
      pathOf: (path) => join(at, relative(point, path)),
      requireWhole: async () => {
        // A thin one has no room of its own that could run out (lvmthin(7)), and lvs calls it neither whole nor not.
        if (bytes === null) return;
        const words = ['--noheadings', '--options', 'lv_snapshot_invalid', `${group}/${name}`];
        const { code, stdout } = await this.#host.run('lvs', words, { timeoutMs: TOOL_MS });
        if (code === 0 && stdout.trim() === '') return;
        throw toolFailed('lvs', 'more was written meanwhile than the volume group had room for');
      },
      drop,
    };
  }

  /** Takes away what an agent before this one left. */
  async recover(): Promise<void> {
    if (!(await this.#host.has('lvs'))) return;
    const words = ['--noheadings', '--separator', '|', '--options', 'vg_name,lv_name', `@${this.#tag}`];
    const { code, stdout } = await this.#host.run('lvs', words, { timeoutMs: TOOL_MS });
    if (code !== 0) return;
    for (const line of stdout.split('\n')) {
      const [group = '', name = ''] = line.trim().split('|');
      if (!NAME.test(name)) continue;
      const mount = (await this.#host.read('/proc/self/mountinfo')) ?? '';
      for (const one of mount.split('\n')) {
        const at = one.split(' ')[4] ?? '';
        if (at.startsWith(`${this.#folder}/`)) await this.#host.run('umount', ['--', at], { timeoutMs: TOOL_MS });
      }
      await this.discard({ group }, name);
      this.#log.warn({ group, name }, 'a snapshot that a copy left is taken away');
    }
  }

  /** Takes a snapshot away that nobody has open. Never rejects. */
  async discard({ group }: Pick<Origin, 'group'>, name: string): Promise<void> {
    // It is looked for again at the next start; while it stays, every write to the volume costs more.
    const complain = (why: string): void => this.#log.error({ group, name, why }, 'a snapshot could not be taken away');
    try {
      const words = ['--force', '--yes', `${group}/${name}`];
      const { code, stderr } = await this.#host.run('lvremove', words, { timeoutMs: CHANGE_MS });
      if (code !== 0) complain(lastWords(stderr));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      complain(error.message);
    }
  }

  /** What does not work here is tried again at the next start, and must not hide what came before it. */
  async #tidy(program: 'umount' | 'rmdir', at: string): Promise<void> {
    try {
      const { code, stderr } = await this.#host.run(program, ['--', at], { timeoutMs: TOOL_MS });
      if (code !== 0)
        this.#log.warn({ program, at, why: lastWords(stderr) }, 'where a snapshot was opened is not tidy');
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#log.error({ program, at, err: error }, 'where a snapshot was opened is not tidy');
    }
  }

  async #do(program: string, words: readonly string[], timeoutMs: number): Promise<void> {
    const { code, stderr } = await this.#host.run(program, words, { timeoutMs });
    if (code !== 0) throw toolFailed(program, lastWords(stderr) || `exit ${code}`);
  }
}

function toolFailed(tool: string, why: string): Error {
  const what = { en: 'a snapshot of the logical volume', es: 'una instantánea del volumen lógico' };
  return volumeFault('volume.tool-failed', { what, tool, why });
}

/** The mount that a path lies on, if it shows the top of its file system. */
function lastMount(
  mountinfo: string,
  path: string,
): { readonly point: string; readonly source: string; readonly type: string } | null {
  let best: { point: string; source: string; type: string; top: string } | null = null;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const [, , , top = '', point] = before?.split(' ') ?? [];
    const [type, source] = after?.split(' ') ?? [];
    if (point === undefined || type === undefined || source === undefined) continue;
    if (path !== point && !path.startsWith(point === '/' ? '/' : `${point}/`)) continue;
    if (best === null || point.length >= best.point.length) best = { point, source, type, top };
  }
  return best?.top === '/' ? best : null;
}
