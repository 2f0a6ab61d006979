import { chmod, chown, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../../../system/index.ts';
import type { ComposedFile, PodSpec, WantedState } from '../../model.ts';
import { engineFault } from './errors.ts';
import { contentAt } from './orders.ts';
import type { RunWithNumbers } from './volume-folders.ts';

const CHANGE_TIMEOUT_MS = 30_000;

/** Where the files of ConfigMap and Secret volumes are kept for the pods of this host. */
export interface ContentStore {
  /** The folder that is mounted for a volume of a pod. */
  folder(pod: string, volume: string): string;
  /** Writes all files of a pod; writing them again changes nothing. */
  write(
    pod: string,
    spec: PodSpec,
    contents: WantedState['contents'],
    composed: (file: ComposedFile) => Buffer,
  ): Promise<void>;
  remove(pod: string): Promise<void>;
  /** Removes what belongs to none of these pods. */
  sweep(pods: ReadonlySet<string>): Promise<void>;
}

/**
 * The files of ConfigMap and Secret volumes, one folder per pod, to be bind-mounted read-only. The root should lie on a
 * tmpfs, so that Secrets never reach a disk; it is closed to everybody else (0700), while inside a container the files
 * have the modes their author asked for, and belong to the pod's group where it has one.
 */
export class ContentFiles implements ContentStore {
  readonly #root: string;
  readonly #runWithNumbers: RunWithNumbers | null;

  /** @param runWithNumbers without root: into the account's namespace; without it no file is given to a group there */
  constructor(root: string, runWithNumbers: RunWithNumbers | null = null) {
    this.#root = root;
    this.#runWithNumbers = runWithNumbers;
  }

  folder(pod: string, volume: string): string {
    return join(this.#root, pod, volume);
  }

  async write(
    pod: string,
    spec: PodSpec,
    contents: WantedState['contents'],
    composed: (file: ComposedFile) => Buffer,
  ): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    await chmod(this.#root, 0o700);
    const group = spec.fsGroup?.group;
    const isRoot = process.getuid?.() === 0;
    const given: string[] = [];
    for (const volume of spec.volumes) {
      if (volume.kind !== 'content' && volume.kind !== 'projected') continue;
      const folder = this.folder(pod, volume.name);
      await openFolders(folder, '');
      const put = async (path: string, bytes: Buffer, mode: number): Promise<void> => {
        await openFolders(folder, dirname(path));
        const isGiven = group !== undefined && (isRoot || this.#runWithNumbers !== null);
        // Kubernetes: a group that is given files may read them whatever mode they were asked with.
        await writeFileAtomic(join(folder, path), bytes, { mode: isGiven ? mode | 0o440 : mode });
        if (isGiven && isRoot) await chown(join(folder, path), 0, group);
        else if (isGiven) given.push(join(folder, path));
      };
      if (volume.kind === 'projected') {
        for (const file of volume.files) {
          if (!isInnerPath(file.path)) {
            throw engineFault('deploy.content-missing', { container: volume.name, reference: file.path });
          }
          await put(file.path, composed(file), file.mode);
        }
        continue;
      }
      const content = contentAt(contents, volume.content, volume.name);
      for (const { key, path, mode } of volume.files) {
        const data = Object.hasOwn(content.data, key) ? content.data[key] : undefined;
        if (data === undefined || !isInnerPath(path)) {
          throw engineFault('deploy.content-missing', {
            container: volume.name,
            reference: `${content.name}, key ${key}`,
          });
        }
        await put(path, Buffer.from(data, 'base64'), mode);
      }
    }
    if (group === undefined || given.length === 0 || this.#runWithNumbers === null) return;
    const words = ['--no-dereference', String(group), '--', ...given];
    const { code, stderr } = await this.#runWithNumbers('chgrp', words, { timeoutMs: CHANGE_TIMEOUT_MS });
    if (code !== 0) throw engineFault('engine.failed', { operation: 'fsGroup', why: stderr.slice(0, 300) });
  }

  async remove(pod: string): Promise<void> {
    if (!isInnerPath(pod)) return;
    await rm(join(this.#root, pod), { recursive: true, force: true });
  }

  /** Removes what no pod uses: left by an agent that ended between making files and making their pod. */
  async sweep(pods: ReadonlySet<string>): Promise<void> {
    let names: string[];
    try {
      names = await readdir(this.#root);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    for (const name of names) if (!pods.has(name)) await this.remove(name);
  }
}

/** Whoever a container runs as goes through them; the agent's own umask would keep everybody but root out. */
async function openFolders(top: string, inner: string): Promise<void> {
  let at = top;
  for (const part of ['', ...inner.split('/')]) {
    at = join(at, part);
    await mkdir(at, { recursive: true });
    await chmod(at, 0o755);
  }
}

/** Below its folder whatever it says: the wanted state comes from another machine. */
function isInnerPath(path: string): boolean {
  return path !== '' && !path.startsWith('/') && path.split('/').every((part) => part !== '..' && part !== '');
}
