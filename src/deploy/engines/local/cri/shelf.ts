import { chmod, chown, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../../../system/index.ts';
import type { EngineVolume, NetworkOrder, VolumeOrder } from '../engine.ts';
import { engineFault } from '../errors.ts';
import type { SANDBOX_CONFIG } from './messages.ts';
import type { Draft } from './protobuf.ts';

/** Names become folders: what the platform makes of projects, environments and claims, and nothing that leads elsewhere. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,250}$/;

export type SandboxConfig = Draft<typeof SANDBOX_CONFIG>;

/** What is kept of a pod: CRI servers want its configuration again with each container. */
interface KeptPod {
  readonly config: SandboxConfig;
  readonly network: string;
}

/**
 * What a CRI server does not keep: volumes, networks by name, the hosts files and logs of pods. A folder each, root's
 * alone; the server reads and writes what it was told to mount.
 */
export class CriShelf {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  hostsPath(pod: string): string {
    return join(this.#folder('pods', pod), 'hosts');
  }

  logFolder(pod: string): string {
    return join(this.#folder('pods', pod), 'logs');
  }

  async keepPod(pod: string, kept: KeptPod): Promise<void> {
    await mkdir(this.logFolder(pod), { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(this.#folder('pods', pod), 'pod.json'), JSON.stringify(kept), { mode: 0o600 });
    // Made before any container mounts it, with nothing in it yet.
    await (await open(this.hostsPath(pod), 'a')).close();
    // Whoever a container runs as reads it; the folders above are closed to everybody else.
    await chmod(this.hostsPath(pod), 0o644);
  }

  /** Null: nothing is known of it. */
  async pod(pod: string): Promise<KeptPod | null> {
    const text = await readIfThere(join(this.#folder('pods', pod), 'pod.json'));
    return text === null ? null : (JSON.parse(text) as KeptPod);
  }

  /** Containers have this very file mounted: it is rewritten and never replaced. */
  async writeHosts(pod: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    const file = await open(this.hostsPath(pod), 'r+');
    try {
      await file.write(bytes, 0, bytes.length, 0);
      await file.truncate(bytes.length);
    } finally {
      await file.close();
    }
  }

  async removePod(pod: string): Promise<void> {
    await rm(this.#folder('pods', pod), { recursive: true, force: true, maxRetries: 3 });
  }

  async pods(): Promise<string[]> {
    return await names(join(this.#root, 'pods'));
  }

  async ensureNetwork(order: NetworkOrder): Promise<void> {
    await mkdir(join(this.#root, 'networks'), { recursive: true, mode: 0o700 });
    await writeFileAtomic(`${this.#folder('networks', order.name)}.json`, JSON.stringify(order), { mode: 0o600 });
  }

  async networks(): Promise<NetworkOrder[]> {
    const found = await names(join(this.#root, 'networks'));
    const texts = await Promise.all(found.map((name) => readIfThere(join(this.#root, 'networks', name))));
    return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as NetworkOrder]));
  }

  async removeNetwork(name: string): Promise<void> {
    await rm(`${this.#folder('networks', name)}.json`, { force: true });
  }

  /** Whether pods were made in it, so that it is not taken away below them. */
  async podsIn(network: string): Promise<string[]> {
    const found: string[] = [];
    for (const pod of await this.pods()) if ((await this.pod(pod))?.network === network) found.push(pod);
    return found;
  }

  /** @throws Fault engine.refused when the name is another's */
  async ensureVolume(order: VolumeOrder, now: Date): Promise<EngineVolume> {
    const folder = this.#folder('volumes', order.name);
    const known = await this.volume(order.name);
    if (known !== null) {
      if (Object.entries(order.labels).every(([label, value]) => known.labels[label] === value)) return known;
      const why = 'there is a volume of that name that is another’s';
      throw engineFault('engine.refused', { operation: `volume ${order.name}`, why });
    }
    // As with Podman: who takes volumes away knows by it that the data is the engine's own.
    const path = order.folder ?? join(folder, '_data');
    // The closed folder first: whoever has an account on the host must not reach data that everybody inside may write.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await mkdir(path, { recursive: true, mode: 0o755 });
    const volume: EngineVolume = { name: order.name, labels: order.labels, path, createdAt: now.toISOString() };
    if (order.writers === 'all') await chmod(path, 0o777);
    const written = order.writers === undefined ? { ...volume, isNew: true } : volume;
    await writeFileAtomic(join(folder, 'volume.json'), JSON.stringify(written), { mode: 0o600 });
    return volume;
  }

  async volume(name: string): Promise<EngineVolume | null> {
    const text = await readIfThere(join(this.#folder('volumes', name), 'volume.json'));
    return text === null ? null : (JSON.parse(text) as EngineVolume);
  }

  /**
   * A new volume belongs to the user of the first container that mounts it, as with Podman; where the image says only a
   * name, everybody inside may write to it, as Kubernetes lets them into an emptyDir.
   */
  async giveTo(name: string, owner: { readonly uid: number; readonly gid: number } | null): Promise<void> {
    const file = join(this.#folder('volumes', name), 'volume.json');
    const text = await readIfThere(file);
    if (text === null) return;
    const { isNew, ...volume } = JSON.parse(text) as EngineVolume & { readonly isNew?: true };
    if (isNew !== true) return;
    if (owner !== null) await chown(volume.path, owner.uid, owner.gid);
    else if (volume.path.startsWith(this.#root)) await chmod(volume.path, 0o777);
    await writeFileAtomic(file, JSON.stringify(volume), { mode: 0o600 });
  }

  async volumes(): Promise<EngineVolume[]> {
    const found = await names(join(this.#root, 'volumes'));
    return (await Promise.all(found.map((name) => this.volume(name)))).filter((volume) => volume !== null);
  }

  async removeVolume(name: string): Promise<void> {
    await rm(this.#folder('volumes', name), { recursive: true, force: true, maxRetries: 3 });
  }

  #folder(kind: 'pods' | 'networks' | 'volumes', name: string): string {
    if (!NAME.test(name))
      throw engineFault('engine.refused', { operation: kind, why: `no name: ${name.slice(0, 60)}` });
    return join(this.#root, kind, name);
  }
}

async function names(folder: string): Promise<string[]> {
  try {
    // What an interrupted writing left is no entry.
    return (await readdir(folder)).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
