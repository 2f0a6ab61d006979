import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, Fault, type Json, type Log, newId, type Text } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import {
  BACKUP_MS,
  COPY_MS,
  COUNT_EVERY_MS,
  COUNT_TIMEOUT_MS,
  FREEZE_MS,
  FULL_SHARE,
  ROOM_KEPT_BYTES,
} from '../limits.ts';
import {
  type ClaimOwner,
  claimVolumeName,
  readClaimOwner,
  type StoredVolume,
  snapshotLabels,
  snapshotVolumeName,
  VOLUME_LABEL,
  type VolumeMaker,
  volumeLabels,
} from '../local.ts';
import {
  type ClaimKey,
  type ClaimLook,
  type ClaimPlace,
  type Driver,
  formatBytes,
  formatClaim,
  isExclusive,
} from '../model.ts';
import type {
  BackupAnswer,
  CopyAnswer,
  RemovalProof,
  RepositoryAccess,
  VolumeOrderMessage,
  VolumeTask,
} from '../task.ts';
import { containersOf, Freezer, type Podman, requireDone } from './freeze.ts';
import { Leases } from './leases.ts';
import { isAllowedRepository, isBelow, Marks, readAllowed, requireAnswers, requireSafeFolder } from './places.ts';
import { type Limit, limitFolder } from './quota.ts';
import { Restic } from './restic.ts';
import { countTree, hashTree, type Tools, type TreeHash } from './tree.ts';

export interface HostVolumesOptions {
  readonly instance: string;
  readonly host: string;
  readonly engine: VolumeMaker;
  readonly podman: Podman;
  readonly tools: Tools;
  /** The agent's own folder, 0700. */
  readonly folder: string;
  /** In memory (tmpfs), closed to others: keys lie there while a tool needs them. */
  readonly keys: string;
  /** What this host allows of itself; control cannot write it. */
  readonly allowedFile: string;
  /** For the tools. */
  readonly env: Readonly<Record<string, string>>;
  readonly rootless: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Pods with this volume are to be ended at once: another host may write to it. */
  readonly onLost: (volume: string) => void;
}

/** A claim of a pod that is about to be made. */
export interface ClaimOrder extends ClaimKey {
  readonly accessModes: readonly string[];
  readonly requestedBytes: number;
  readonly place?: ClaimPlace;
}

const NOT_LIMITED: Limit = {
  enforced: false,
  why: {
    en: 'no pod has needed it since the agent started',
    es: 'ningún pod lo ha necesitado desde que arrancó el agente',
  },
};

/** The volumes of one host: where their data lies, what it is, and every copy of it. The one place that acts on them. */
export class HostVolumes {
  readonly #options: HostVolumesOptions;
  readonly #freezer: Freezer;
  readonly #restic: Restic;
  readonly #leases: Leases;
  readonly #marks: Marks;
  readonly #limits = new Map<string, { readonly bytes: number; readonly limit: Limit }>();
  readonly #counts = new Map<string, { readonly atMs: number; readonly bytes: number | null }>();
  /** What is being done with a volume that nothing else may be done with meanwhile. */
  readonly #busy = new Map<string, Text>();
  /** Copies that are being made, by volume. */
  readonly #copying = new Map<string, number>();
  /** Backups of one volume are made one after the other: they share a folder. */
  readonly #backups = new Map<string, Promise<unknown>>();
  #counting: Promise<void> = Promise.resolve();

  constructor(options: HostVolumesOptions) {
    this.#options = options;
    const { podman, tools, folder, log, host, env, clock, instance } = options;
    this.#freezer = new Freezer({ file: join(folder, 'frozen.json'), podman, log });
    this.#restic = new Restic({ tools, folder, keys: options.keys, host, env });
    this.#marks = new Marks(join(folder, 'storage-marks.json'), randomUUID);
    this.#leases = new Leases({ holder: `${host}/${instance}`, clock, log, onLost: options.onLost });
  }

  /** Ends what an agent before this one left half-way. */
  async start(): Promise<void> {
    const { engine, log, instance } = this.#options;
    this.#leases.start();
    try {
      await this.#restic.recover();
      await this.#freezer.recover();
      for (const { name, labels } of await engine.listVolumes()) {
        if (labels[VOLUME_LABEL.instance] === instance && labels[VOLUME_LABEL.passing] !== undefined)
          await this.#discard(name);
      }
    } catch (error) {
      // What is left is looked for again at the next start; pods do not wait for it.
      log.error({ err: error }, 'what was left of copies could not all be cleared away');
    }
  }

  stop(): void {
    this.#leases.stop();
  }

  /**
   * The folder of a claim, ready to be mounted; null: the engine's own storage. Called before every pod that needs it.
   * @throws Fault: the pod waits and says why
   */
  async prepare(order: ClaimOrder): Promise<string | null> {
    const volume = this.#nameOf(order);
    this.#requireFree(volume);
    const { place } = order;
    if (place === undefined || place.driver.kind === 'local') return null;
    const root = await this.#root(place.driver);
    if (isExclusive(order)) {
      if (place.host !== null && place.host !== this.#options.host) throw elsewhere(volume, place.host);
      await this.#leases.acquire(volume, root, place.epoch);
    }
    return await this.#folder(root, volume);
  }

  /** Keeps a volume within what was asked for it, where its file system can. A claim that grew gets its new size. */
  async limit(volume: string, path: string, bytes: number): Promise<void> {
    if (bytes === 0 || this.#limits.get(volume)?.bytes === bytes) return;
    const limit = this.#options.rootless ? ROOTLESS_LIMIT : await limitFolder(path, bytes, volume);
    this.#limits.set(volume, { bytes, limit });
  }

  /** What control says of claims now: sizes that grew take effect without a new pod, and what was given away is let go. */
  async follow(claims: readonly ClaimOrder[]): Promise<void> {
    const sized = new Map<string, number>();
    for (const claim of claims) {
      const volume = this.#nameOf(claim);
      sized.set(volume, claim.requestedBytes);
      const epoch = this.#leases.epochOf(volume);
      if (epoch === null || claim.place === undefined) continue;
      const elsewhere = claim.place.host !== null && claim.place.host !== this.#options.host;
      if (elsewhere || claim.place.epoch > epoch) this.#leases.lose(volume);
    }
    const unlike = [...sized].filter(([volume, bytes]) => this.#limits.get(volume)?.bytes !== bytes);
    if (unlike.length === 0) return;
    const volumes = new Map((await this.#options.engine.listVolumes()).map(({ name, path }) => [name, path]));
    for (const [volume, bytes] of unlike) {
      const path = volumes.get(volume);
      if (path !== undefined) await this.limit(volume, path, bytes);
    }
  }

  /** Does what control asks; every form of it is closed. @throws Fault */
  async run({ order }: VolumeTask): Promise<Json> {
    switch (order.action) {
      case 'look':
        return { looks: (await this.#look(order.claims)) as unknown as Json };
      case 'remove':
        return { ...(await this.#alone(order.key, REMOVING, () => this.#remove(order.key, order.place))) };
      case 'snapshot':
        return { ...(await this.#copyOf(order.key, () => this.#snapshot(order.key, order.id))) };
      case 'drop-snapshot':
        await this.#discard(snapshotVolumeName(this.#owner(order.key), order.id));
        return null;
      case 'fill':
        return { ...(await this.#alone(order.to, RESTORING, () => this.#fill(order))) };
      case 'backup':
        return {
          ...(await this.#copyOf(order.key, () =>
            this.#inTurn(order.key, () => this.#backup(order.key, order.id, order.repository)),
          )),
        };
      case 'verify':
        return await this.#verify(order);
      case 'forget':
        await this.#requireRepository(order.repository);
        await this.#restic.forget(order.repository, order.snapshots);
        return null;
      case 'open-repository':
        await this.#requireRepository(order.repository);
        return { created: await this.#restic.open(order.repository) };
    }
  }

  async #look(claims: Extract<VolumeOrderMessage, { action: 'look' }>['claims']): Promise<ClaimLook[]> {
    const volumes = new Map((await this.#options.engine.listVolumes()).map((volume) => [volume.name, volume]));
    const mounted = await this.#mountedTimes();
    const looks: ClaimLook[] = [];
    for (const { key, place } of claims) {
      const name = this.#nameOf(key);
      const stored = volumes.get(name);
      if (stored === undefined || !isOf(stored, key)) continue;
      const base = { ...key, limit: this.#limits.get(name)?.limit ?? NOT_LIMITED, containers: mounted.get(name) ?? 0 };
      try {
        if (place !== null && place.driver.kind === 'folder') await this.#root(place.driver, [...volumes.values()]);
        const room = await requireAnswers(stored.path);
        this.#countSoon(name, stored.path);
        const usedBytes = this.#counts.get(name)?.bytes ?? null;
        looks.push({ ...base, usedBytes, ...room, trouble: null });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        looks.push({ ...base, usedBytes: null, freeBytes: null, totalBytes: null, trouble: textOf(error) });
      }
    }
    return looks;
  }

  /** How many containers have each volume mounted: one question to the engine for all of them. */
  async #mountedTimes(): Promise<Map<string, number>> {
    const filter = `label=${VOLUME_LABEL.instance}=${this.#options.instance}`;
    const { code, stdout, stderr } = await this.#options.podman([
      ...['ps', '--all', '--no-trunc', '--filter', filter, '--format', '{{.ID}}'],
    ]);
    requireDone({ code, stdout, stderr }, ASKING, 'podman');
    const ids = stdout.split('\n').filter((id) => /^[0-9a-f]{64}$/.test(id));
    const times = new Map<string, number>();
    if (ids.length === 0) return times;
    const format = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}';
    const inspected = await this.#options.podman(['inspect', '--type', 'container', '--format', format, ...ids]);
    // One that ended since it was listed makes the command fail; the others are told all the same.
    for (const line of inspected.stdout.split('\n')) {
      for (const name of new Set(line.split(' ').filter(Boolean))) times.set(name, (times.get(name) ?? 0) + 1);
    }
    return times;
  }

  /** Counts in the background, one volume after the other, and not more often than its figure grows old. */
  #countSoon(name: string, path: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#counts.get(name);
    if (known !== undefined && nowMs - known.atMs < COUNT_EVERY_MS) return;
    this.#counts.set(name, { atMs: nowMs, bytes: known?.bytes ?? null });
    this.#counting = this.#counting.then(async () => {
      const words = ['--summarize', '--one-file-system', '--block-size=1', '--', path];
      try {
        const { stdout } = await this.#options.tools.run('du', words, { timeoutMs: COUNT_TIMEOUT_MS });
        const bytes = Number.parseInt(stdout, 10);
        this.#counts.set(name, { atMs: nowMs, bytes: Number.isNaN(bytes) ? null : bytes });
      } catch (error) {
        this.#counts.set(name, { atMs: nowMs, bytes: null });
        this.#options.log.warn({ volume: name, err: error }, 'a volume could not be counted');
      }
    });
  }

  async #remove(key: ClaimKey, place: ClaimPlace | null): Promise<RemovalProof> {
    const { engine, clock, tools, host } = this.#options;
    const volume = this.#nameOf(key);
    const stored = await this.#ofClaim(key);
    if (place !== null && place.host !== null && place.host !== host) throw elsewhere(volume, place.host);
    const goneAt = (): string => clock.now().toISOString();
    // Asked before anything is taken away: of a storage that is not there nobody can prove anything.
    const root = place !== null && place.driver.kind === 'folder' ? await this.#root(place.driver) : null;
    const path = root === null ? (stored?.path ?? '') : join(root, volume);
    if (stored !== null && (stored.path !== path || (root === null && !isOwnStorage(stored))))
      throw volumeFault('volume.still-there', { volume, path: stored.path });
    // The engine may have forgotten a volume whose folder is still there.
    const isThere = path !== '' && !(await this.#isGone(path));
    const proof = { volume, path: stored === null && !isThere ? '' : path };
    let found = { files: 0, bytes: 0 };
    if (stored !== null || isThere) {
      await this.#requireUnused(volume);
      if (isThere) found = await countTree(tools, path, COPY_MS);
      // Its folder goes first: as long as the engine knows the volume, what failed is tried again.
      if (root !== null) await this.#rm(path);
      if (stored !== null) await engine.removeVolume(volume);
      await this.#requireGone(volume, path);
    }
    if (root !== null) await this.#leases.forget(volume, root);
    this.#limits.delete(volume);
    this.#counts.delete(volume);
    return { ...proof, ...found, how: proof.path === '' ? 'absent' : 'deleted', goneAt: goneAt() };
  }

  async #snapshot(key: ClaimKey, id: string): Promise<CopyAnswer> {
    const volume = this.#nameOf(key);
    const source = await this.#claimed(key);
    const target = await this.#beside(
      source,
      snapshotVolumeName(this.#owner(key), id),
      snapshotLabels(this.#owner(key), id),
    );
    try {
      const how = (await this.#canReflink(source.path)) ? 'reflink' : 'copy';
      const { frozenMs } = await this.#freezer.hold(volume, (signal) =>
        this.#copy(source.path, target.path, how, signal),
      );
      return { ...(await this.#hash(target.path)), how, frozenMs };
    } catch (error) {
      await this.#discard(target.name);
      throw error;
    }
  }

  /**
   * What is saved is one moment of the volume. Where its file system copies by reference, the workload stands still for that
   * alone; elsewhere everything is sent once while it works on, and what has changed since then while it stands still.
   */
  async #backup(key: ClaimKey, id: string, repository: RepositoryAccess): Promise<BackupAnswer> {
    const volume = this.#nameOf(key);
    const source = await this.#claimed(key);
    await this.#requireRepository(repository);
    const tags = [
      `darsena=${this.#options.instance}`,
      `claim=${key.project}/${key.environment}/${key.claim}`,
      `copy=${id}`,
    ];
    if (await this.#canReflink(source.path)) {
      // Always the same name, so that restic knows what it has seen before; no claim can have it.
      const passing = await this.#beside(source, `${volume}_backup`, this.#passing());
      try {
        const { frozenMs } = await this.#freezer.hold(volume, (signal) =>
          this.#copy(source.path, passing.path, 'reflink', signal),
        );
        const hashed = await this.#hash(passing.path);
        const saved = await this.#restic.backup(repository, passing.path, { tags });
        return { ...hashed, ...saved, path: passing.path, how: 'reflink', frozenMs };
      } finally {
        await this.#discard(passing.name);
      }
    }
    const running = (await containersOf(this.#options.podman, volume)).some((one) => one.running);
    const first = running
      ? await this.#restic.backup(repository, source.path, { tags: [...tags, 'first-pass'] })
      : null;
    try {
      const { value, frozenMs } = await this.#freezer.hold(volume, async (signal) => {
        const hashed = await this.#hash(source.path, signal);
        return { ...hashed, ...(await this.#restic.backup(repository, source.path, { tags, signal })) };
      });
      const addedBytes = value.addedBytes + (first?.addedBytes ?? 0);
      return { ...value, addedBytes, path: source.path, how: 'direct', frozenMs };
    } finally {
      if (first !== null) await this.#restic.forget(repository, [first.snapshot]);
    }
  }

  /** Puts a copy into a claim that is not there yet; what does not come back as it was saved is taken away again. */
  async #fill(order: Extract<VolumeOrderMessage, { action: 'fill' }>): Promise<CopyAnswer> {
    const { from, to, place } = order;
    const volume = this.#nameOf(to);
    if ((await this.#ofClaim(to)) !== null) throw volumeFault('volume.exists', { volume });
    const driver = place?.driver ?? { kind: 'local' };
    const folder = driver.kind === 'local' ? null : await this.#folder(await this.#root(driver), volume, true);
    const target = await this.#make(volume, volumeLabels(this.#owner(to)), folder);
    try {
      await requireRoom(order.bytes, target.path);
      await this.limit(volume, target.path, order.requestedBytes);
      if (from.kind === 'snapshot') {
        const source = await this.#required(snapshotVolumeName(this.#owner(from.of), from.id));
        await this.#copy(source.path, target.path, 'auto');
      } else {
        await this.#requireRepository(from.repository);
        await this.#restoreInto(from.repository, from.snapshot, from.path, target);
      }
      const hashed = await this.#hash(target.path);
      if (hashed.tree !== order.tree) {
        throw volumeFault('volume.restored-differs', { copy: volume, found: hashed.tree, expected: order.tree });
      }
      return { ...hashed, how: 'copy', frozenMs: 0 };
    } catch (error) {
      await this.#discard(target.name);
      throw error;
    }
  }

  async #verify({
    repository,
    snapshot,
    path,
    tree,
    bytes,
  }: Extract<VolumeOrderMessage, { action: 'verify' }>): Promise<Json> {
    await this.#requireRepository(repository);
    const passing = await this.#make(this.#passingName(), this.#passing(), null);
    try {
      await requireRoom(bytes, passing.path);
      await this.#restic.restore(repository, snapshot, passing.path);
      const hashed = await this.#hash(await this.#restoredIn(passing.path, path));
      return { ...hashed, same: hashed.tree === tree };
    } finally {
      await this.#discard(passing.name);
    }
  }

  /** restic puts files below their former path: they are moved up from a volume of their own on the same disk. */
  async #restoreInto(
    repository: RepositoryAccess,
    snapshot: string,
    path: string,
    target: StoredVolume,
  ): Promise<void> {
    const { tools } = this.#options;
    const passing = await this.#beside(target, this.#passingName(), this.#passing());
    try {
      // Beside what comes back, so that no name in it can be taken for ours.
      const below = join(passing.path, 'tree');
      await this.#restic.restore(repository, snapshot, below);
      const restored = await this.#restoredIn(below, path);
      const what = { en: 'moving what was restored', es: 'mover lo restaurado' };
      const act = async (program: string, words: readonly string[], timeoutMs = 10_000): Promise<void> =>
        requireDone(await tools.run(program, words, { timeoutMs }), what, program);
      // Taking files out of a folder changes its time: that is kept aside before.
      const time = join(passing.path, 'time');
      await act('touch', ['--reference', restored, '--', time]);
      const move = ['-exec', 'mv', '--target-directory', target.path, '--', '{}', '+'];
      await act('find', [restored, '-mindepth', '1', '-maxdepth', '1', ...move], COPY_MS);
      await act('chown', ['--reference', restored, '--', target.path]);
      await act('chmod', ['--reference', restored, '--', target.path]);
      await act('touch', ['--reference', time, '--', target.path]);
    } finally {
      await this.#discard(passing.name);
    }
  }

  /**
   * The folder that was saved, below the one that it was restored to. What is restored is a workload's or a stranger's: a
   * link in it on the way would lead to the host's own files.
   */
  async #restoredIn(folder: string, path: string): Promise<string> {
    const words = ['--canonicalize-existing', '--zero', '--', folder, join(folder, path)];
    const found = await this.#options.tools.run('realpath', words, { timeoutMs: 10_000 });
    requireDone(found, { en: 'finding what was restored', es: 'encontrar lo restaurado' }, 'realpath');
    const [real = '', restored = ''] = found.stdout.split('\0');
    if (restored === '' || resolve(restored) !== resolve(join(real, path))) {
      const why = { en: 'a link in the backup leads out of it', es: 'un enlace de la copia lleva fuera de ella' };
      throw volumeFault('volume.place-unsafe', { place: path, why });
    }
    return restored;
  }

  async #copy(from: string, to: string, how: 'reflink' | 'copy' | 'auto', signal?: AbortSignal): Promise<void> {
    const reflink = how === 'reflink' ? 'always' : how === 'copy' ? 'never' : 'auto';
    const words = ['--archive', '--one-file-system', `--reflink=${reflink}`, '--no-target-directory', '--', from, to];
    const done = await this.#options.tools.run('cp', words, {
      timeoutMs: signal === undefined ? COPY_MS : FREEZE_MS + 10_000,
      ...(signal === undefined ? {} : { signal }),
    });
    requireDone(done, { en: 'copying the volume', es: 'copiar el volumen' }, 'cp');
  }

  #hash(path: string, signal?: AbortSignal): Promise<TreeHash> {
    const { tools, env } = this.#options;
    return hashTree(tools, path, { timeoutMs: BACKUP_MS, env, ...(signal === undefined ? {} : { signal }) });
  }

  /** Whether the file system shares blocks between files, tried beside the volume where no container sees it. */
  async #canReflink(path: string): Promise<boolean> {
    const { tools } = this.#options;
    const [one, other] = ['a', 'b'].map((name) =>
      join(dirname(path), `.darsena-reflink-${newId(this.#options.clock)}-${name}`),
    );
    if (one === undefined || other === undefined) return false;
    try {
      const made = await tools.run('dd', ['if=/dev/zero', `of=${one}`, 'bs=4096', 'count=1', 'status=none'], {
        timeoutMs: 10_000,
      });
      requireDone(made, { en: 'writing beside the volume', es: 'escribir junto al volumen' }, 'dd');
      const { code } = await tools.run('cp', ['--reflink=always', '--', one, other], { timeoutMs: 10_000 });
      return code === 0;
    } finally {
      await tools.run('rm', ['-f', '--', one, other], { timeoutMs: 10_000 });
    }
  }

  /** A volume that lies where another one lies: what is moved or shared between them stays on one file system. */
  async #beside(one: StoredVolume, name: string, labels: Readonly<Record<string, string>>): Promise<StoredVolume> {
    return await this.#make(name, labels, isOwnStorage(one) ? null : await this.#folder(dirname(one.path), name, true));
  }

  async #make(name: string, labels: Readonly<Record<string, string>>, folder: string | null): Promise<StoredVolume> {
    const there = await this.#find(name);
    // What is made here is new: a claim of this name is somebody's data.
    if (there !== null && readClaimOwner(there.labels) !== null) throw volumeFault('volume.exists', { volume: name });
    await this.#discard(name);
    if (folder !== null) {
      if (!(await this.#isGone(folder))) {
        // Data that this engine does not know, of a host before this one perhaps; what only passes by is ours.
        if (readClaimOwner(labels) !== null) throw volumeFault('volume.exists', { volume: name });
        await this.#rm(folder);
      }
      await mkdir(folder, { mode: 0o755 });
    }
    return await this.#options.engine.ensureVolume({ name, labels, ...(folder === null ? {} : { folder }) });
  }

  /** Takes away a volume that is no claim, or not one yet, with the folder that it lies in. */
  async #discard(name: string): Promise<void> {
    const stored = await this.#find(name);
    if (stored === null) return;
    // Its folder goes first: as long as the engine knows the volume, what failed is tried again.
    if (!isOwnStorage(stored) && dirname(stored.path) !== '/' && stored.path.endsWith(`/${name}`))
      await this.#rm(stored.path);
    await this.#options.engine.removeVolume(name);
  }

  async #rm(path: string): Promise<void> {
    const words = ['--recursive', '--force', '--one-file-system', '--', path];
    const done = await this.#options.tools.run('rm', words, { timeoutMs: COPY_MS });
    requireDone(done, { en: 'removing the volume', es: 'eliminar el volumen' }, 'rm');
  }

  async #isGone(path: string): Promise<boolean> {
    const words = ['!', '-e', path, '-a', '!', '-L', path];
    return (await this.#options.tools.run('test', words, { timeoutMs: 10_000 })).code === 0;
  }

  async #requireGone(volume: string, path: string): Promise<void> {
    if (!(await this.#isGone(path)) || (await this.#find(volume)) !== null)
      throw volumeFault('volume.still-there', { volume, path });
  }

  async #requireUnused(volume: string): Promise<void> {
    const { length: count } = await containersOf(this.#options.podman, volume);
    if (count > 0) throw volumeFault('volume.in-use', { volume, count });
  }

  /** Alone with a volume: no pod is given it meanwhile, and nothing else is done with it. */
  async #alone<T>(key: ClaimKey, what: Text, work: () => Promise<T>): Promise<T> {
    const volume = this.#nameOf(key);
    this.#requireFree(volume);
    if (this.#copying.has(volume)) throw volumeFault('volume.busy', { volume, why: COPYING });
    this.#busy.set(volume, what);
    try {
      return await work();
    } finally {
      this.#busy.delete(volume);
    }
  }

  /** Pods go on beside a copy; whoever takes the volume away does not. */
  async #copyOf<T>(key: ClaimKey, work: () => Promise<T>): Promise<T> {
    const volume = this.#nameOf(key);
    this.#requireFree(volume);
    this.#copying.set(volume, (this.#copying.get(volume) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#copying.get(volume) ?? 1) - 1;
      if (left > 0) this.#copying.set(volume, left);
      else this.#copying.delete(volume);
    }
  }

  async #inTurn<T>(key: ClaimKey, work: () => Promise<T>): Promise<T> {
    const volume = this.#nameOf(key);
    const mine = (this.#backups.get(volume) ?? Promise.resolve()).then(work);
    const ended = mine.catch(() => undefined);
    this.#backups.set(volume, ended);
    try {
      return await mine;
    } finally {
      if (this.#backups.get(volume) === ended) this.#backups.delete(volume);
    }
  }

  /** @throws Fault volume.busy */
  #requireFree(volume: string): void {
    const why = this.#busy.get(volume);
    if (why !== undefined) throw volumeFault('volume.busy', { volume, why });
  }

  /** @throws Fault volume.place-refused, volume.place-unsafe, volume.place-away */
  async #root(driver: Exclude<Driver, { kind: 'local' }>, listed?: readonly StoredVolume[]): Promise<string> {
    const { allowedFile: file } = this.#options;
    const { folders } = await readAllowed(file);
    if (!isBelow(driver.path, folders)) {
      const why = {
        en: 'its own list does not name it under "folders"',
        es: 'su propia lista no lo nombra en "folders"',
      };
      throw volumeFault('volume.place-refused', { place: driver.path, why, file });
    }
    const root = await requireSafeFolder(driver.path);
    await this.#requireOutside(root, listed);
    await this.#marks.check(root);
    return root;
  }

  /** What lies in a volume its workload writes: a place in there could be full of links. @throws Fault volume.place-unsafe */
  async #requireOutside(place: string, listed?: readonly StoredVolume[]): Promise<void> {
    const volumes = listed ?? (await this.#options.engine.listVolumes());
    const holder = volumes.find(({ path }) => path.startsWith('/') && isBelow(place, [path]));
    if (holder === undefined) return;
    const why = { en: `it lies in the volume ${holder.name}`, es: `está dentro del volumen ${holder.name}` };
    throw volumeFault('volume.place-unsafe', { place, why });
  }

  async #requireRepository({ location }: RepositoryAccess): Promise<void> {
    const { allowedFile: file } = this.#options;
    const { repositories } = await readAllowed(file);
    if (!isAllowedRepository(location, repositories)) {
      const why = {
        en: 'its own list does not name it under "repositories"',
        es: 'su propia lista no lo nombra en "repositories"',
      };
      throw volumeFault('volume.place-refused', { place: location, why, file });
    }
    if (location.startsWith('/')) await this.#requireOutside(await requireSafeFolder(location));
  }

  /** The folder of one volume. Its name holds no slash, and who could put a link there was ruled out by `requireSafeFolder`. */
  async #folder(root: string, volume: string, isNew = false): Promise<string> {
    const path = join(root, volume);
    if (isNew) return path;
    const known = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (known !== null && !known.isDirectory()) {
      const why = { en: 'it is a link or no folder', es: 'es un enlace o no es una carpeta' };
      throw volumeFault('volume.place-unsafe', { place: path, why });
    }
    try {
      await mkdir(path);
      // Like a volume of the engine: whoever its first container runs as gets it, and others may look into it.
      await chmod(path, 0o755);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return path;
  }

  async #claimed(key: ClaimKey): Promise<StoredVolume> {
    const stored = await this.#ofClaim(key);
    if (stored === null) throw volumeFault('volume.no-data', { volume: this.#nameOf(key) });
    return stored;
  }

  /** `a/b-c/data` and `a-b/c/data` come out as one name: whose data a volume is, its labels say. */
  async #ofClaim(key: ClaimKey): Promise<StoredVolume | null> {
    const volume = this.#nameOf(key);
    const stored = await this.#find(volume);
    if (stored === null || isOf(stored, key)) return stored;
    const why = { en: 'its name is that of another claim', es: 'su nombre es el de otra petición' };
    throw volumeFault('volume.busy', { volume, why });
  }

  async #required(volume: string): Promise<StoredVolume> {
    const stored = await this.#find(volume);
    if (stored === null) throw volumeFault('volume.no-data', { volume });
    return stored;
  }

  async #find(volume: string): Promise<StoredVolume | null> {
    const own = (await this.#options.engine.listVolumes()).find(({ name }) => name === volume);
    return own?.labels[VOLUME_LABEL.instance] === this.#options.instance ? own : null;
  }

  #owner({ project, environment, claim }: ClaimKey): ClaimOwner {
    return { instance: this.#options.instance, project, environment, claim };
  }

  #nameOf(key: ClaimKey): string {
    return claimVolumeName(this.#owner(key));
  }

  #passingName(): string {
    return `${this.#options.instance}-passing-${newId(this.#options.clock)}`;
  }

  #passing(): Record<string, string> {
    return {
      [VOLUME_LABEL.managed]: 'true',
      [VOLUME_LABEL.instance]: this.#options.instance,
      [VOLUME_LABEL.passing]: 'true',
    };
  }
}

const ROOTLESS_LIMIT: Limit = {
  enforced: false,
  why: {
    en: 'quotas need root, and this platform runs without',
    es: 'las cuotas necesitan root, y esta plataforma funciona sin él',
  },
};
const ASKING: Text = { en: 'asking for containers', es: 'preguntar por contenedores' };
const COPYING: Text = { en: 'it is being copied', es: 'se está copiando' };
const REMOVING: Text = { en: 'it is being removed', es: 'se está eliminando' };
const RESTORING: Text = { en: 'it is being restored', es: 'se está restaurando' };

function isOf({ labels }: StoredVolume, key: ClaimKey): boolean {
  const owner = readClaimOwner(labels);
  return owner !== null && formatClaim(owner) === formatClaim(key);
}

/** A restore that fills the disk of the host stops all that runs there. @throws Fault volume.no-room */
async function requireRoom(bytes: number, folder: string): Promise<void> {
  const { freeBytes, totalBytes } = await requireAnswers(folder);
  const kept = Math.min(ROOM_KEPT_BYTES, totalBytes * (1 - FULL_SHARE));
  const room = Math.max(0, Math.floor(freeBytes - kept));
  if (bytes > room) throw volumeFault('volume.no-room', { needed: formatBytes(bytes), room: formatBytes(room) });
}

function elsewhere(volume: string, host: string): Fault {
  const why = { en: `it belongs to the host ${host}`, es: `pertenece al host ${host}` };
  return volumeFault('volume.held-elsewhere', { volume, why });
}

/** Whether its data lies where the engine keeps volumes, and not in a folder of ours. */
function isOwnStorage({ name, path }: StoredVolume): boolean {
  return path.endsWith(`/${name}/_data`);
}

function textOf(error: Fault): Text {
  const say = (language: 'en' | 'es'): string => {
    const { what, why } = error.text(language);
    return why === undefined ? what : `${what}: ${why}`;
  };
  return { en: say('en'), es: say('es') };
}
