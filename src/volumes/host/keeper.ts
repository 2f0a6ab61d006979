import { randomBytes, randomUUID } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { type Clock, Fault, type Json, type Log, newId, sayFault, type Text } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import {
  BACKUP_MS,
  COPY_MS,
  COUNT_EVERY_MS,
  COUNT_TIMEOUT_MS,
  FREEZE_MS,
  FULL_SHARE,
  LEASE_LOST_MS,
  LEASE_RENEW_MS,
  ROOM_KEPT_BYTES,
} from '../limits.ts';
import {
  type ClaimOwner,
  claimVolumeName,
  PART_PREFIX,
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
  VolumeKeys,
  VolumeOrderMessage,
  VolumeTask,
} from '../task.ts';
import type { Exported } from './exports.ts';
import type { AskFormat } from './format-asks.ts';
import { containersOf, Freezer, type Podman, requireDone } from './freeze.ts';
import { Leases } from './leases.ts';
import { Lvm, MOMENTS_FOLDER, type Moment, type Origin } from './lvm.ts';
import { type MountHost, thisHost } from './mount-host.ts';
import { Mounts } from './mounts.ts';
import { BoundedFiles, directFiles, type PlaceFiles } from './place-files.ts';
import {
  isAllowedRepository,
  isBelow,
  Marks,
  readAllowed,
  requireAnswers,
  requireSafeFolder,
  requireSafeTop,
  roomsOf,
} from './places.ts';
import { type Limit, limitFolder } from './quota.ts';
import { Restic } from './restic.ts';
import { type SealedPlace, Seals } from './seals.ts';
import { countTree, hashTree, type Tools, type TreeHash } from './tree.ts';
import { Unfinished } from './unfinished.ts';

export interface HostVolumesOptions {
  readonly instance: string;
  readonly host: string;
  readonly engine: VolumeMaker;
  readonly podman: Podman;
  readonly tools: Tools;
  /** The agent's own folder, 0700. */
  readonly folder: string;
  /** In memory (tmpfs), closed to others: keys lie there while a tool needs them, exports and opened volumes are mounted there. */
  readonly run: string;
  /** Whether this host may give a device its file system. */
  readonly askFormat: AskFormat;
  /** Where file systems are mounted. @default this machine */
  readonly machine?: MountHost;
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

type OrderOf<A extends VolumeOrderMessage['action']> = Extract<VolumeOrderMessage, { action: A }>;

/** A volume whose lease is lost is closed when its pods have ended, which is asked for so often and so many times. */
const CLOSE_AGAIN_MS = 1_000;
const CLOSE_ATTEMPTS = 120;

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
  readonly #mounts: Mounts;
  readonly #seals: Seals;
  readonly #lvm: Lvm;
  readonly #unfinished: Unfinished;
  readonly #machine: MountHost;
  /** Who touches the files of each place that may be away. */
  readonly #files = new Map<string, BoundedFiles>();
  readonly #limits = new Map<string, { readonly bytes: number; readonly limit: Limit }>();
  readonly #counts = new Map<string, { readonly atMs: number; readonly bytes: number | null }>();
  /** What is being done with a volume that nothing else may be done with meanwhile. */
  readonly #busy = new Map<string, Text>();
  /** Open here since before another host may have had them: closed before they are opened anew. */
  readonly #stale = new Set<string>();
  /** Those of which it was asked since this agent began whether pods from before it have them. */
  readonly #adopted = new Set<string>();
  /** Why a pod could not have a volume that another host holds, as it was last told, and in which epoch. */
  readonly #heldElsewhere = new Map<string, { readonly epoch: number; readonly why: Text }>();
  readonly #over = new AbortController();
  /** Copies that are being made, by volume. */
  readonly #copying = new Map<string, number>();
  /** Backups of one volume are made one after the other: they share a folder. */
  readonly #backups = new Map<string, Promise<unknown>>();
  #counting: Promise<void> = Promise.resolve();

  constructor(options: HostVolumesOptions) {
    this.#options = options;
    const { podman, tools, folder, log, host, env, clock, instance } = options;
    this.#freezer = new Freezer({ file: join(folder, 'frozen.json'), podman, log });
    this.#unfinished = new Unfinished(join(folder, 'storage-unfinished.json'));
    const { run, rootless, machine = thisHost(env) } = options;
    this.#machine = machine;
    this.#restic = new Restic({ tools, folder, keys: join(run, 'keys'), host, env });
    this.#mounts = new Mounts({
      ...{ host: machine, folder: exportsFolder(run), devicesFile: join(folder, 'storage-devices.json') },
      ...{ askFormat: options.askFormat, rootless, clock, log },
    });
    this.#seals = new Seals({
      host: { ...machine, run: rootless ? (program, words, more) => tools.run(program, words, more) : machine.run },
      ...{ folder: openedFolder(run), homesFile: join(folder, 'storage-sealed.json'), rootless, log },
    });
    this.#lvm = new Lvm({ host: machine, folder: join(run, MOMENTS_FOLDER), instance, log });
    this.#marks = new Marks(join(folder, 'storage-marks.json'), randomUUID);
    const onLost = (volume: string): void => this.#lost(volume);
    this.#leases = new Leases({ holder: `${host}/${instance}`, clock, log, onLost });
  }

  /** Ends what an agent before this one left half-way. */
  async start(): Promise<void> {
    const { engine, log, instance } = this.#options;
    this.#leases.start();
    try {
      await this.#restic.recover();
      await this.#freezer.recover();
      if (!this.#options.rootless) await this.#lvm.recover();
      const volumes = await engine.listVolumes();
      await this.#closeCopies(volumes);
      for (const { name, labels } of volumes) {
        if (labels[VOLUME_LABEL.instance] === instance && labels[VOLUME_LABEL.passing] !== undefined)
          await this.#discard(name);
      }
      for (const name of await this.#unfinished.filling()) {
        await this.#clear(name);
        log.warn({ volume: name }, 'a volume that was not filled to its end was taken away');
      }
    } catch (error) {
      // What is left is looked for again at the next start; pods do not wait for it.
      log.error({ err: error }, 'what was left of copies could not all be cleared away');
    }
  }

  /** Takes a volume away that was not filled to its end, or that nobody came to know. */
  async #clear(volume: string): Promise<void> {
    await this.#discard(volume);
    await this.#unfinished.set(volume, null);
  }

  /** Encrypted copies that an agent before this one had open while it looked at them: nobody else has use for that. */
  async #closeCopies(volumes: readonly StoredVolume[]): Promise<void> {
    const opened = await this.#seals.opened();
    for (const { name, path } of volumes) {
      if (!opened.has(name) || path === this.#seals.plainOf(name)) continue;
      await this.#seals.close(name);
      await this.#seals.forget(name);
    }
  }

  stop(): void {
    this.#leases.stop();
    this.#over.abort();
    for (const files of this.#files.values()) files.close();
    this.#files.clear();
  }

  /** Keys of volumes that lie encrypted, from control. They are in memory alone, and gone with the agent. */
  setKeys({ keys }: Pick<VolumeKeys, 'keys'>): void {
    this.#seals.setKeys(new Map(keys.map(({ key, secret }) => [this.#nameOf(key), secret])));
  }

  /** A container that is held for a copy is to stay paused when that is over. @returns whether it is held */
  keepPaused(containerId: string, keep: boolean): Promise<boolean> {
    return this.#freezer.keepPaused(containerId, keep);
  }

  /**
   * The folder of a claim, ready to be mounted; null: the engine's own storage. Called before every pod that needs it.
   * @throws Fault: the pod waits and says why
   */
  async prepare(order: ClaimOrder): Promise<string | null> {
    const volume = this.#nameOf(order);
    this.#requireFree(volume);
    // What was filled half-way is nobody's data; what was filled whole is the release's that wants it now.
    if ((await this.#unfinished.stateOf(volume)) === 'filling') await this.#clear(volume);
    else await this.#unfinished.set(volume, null);
    const { place } = order;
    if (place === undefined || (place.driver.kind === 'local' && !place.sealed)) return null;
    const root = place.driver.kind === 'local' ? null : await this.#root(place.driver);
    const files = root === null ? directFiles : this.#filesOf(root);
    if (isExclusive(order)) {
      if (place.host !== null && place.host !== this.#options.host) throw elsewhere(formatClaim(order), place.host);
      // What lies on this host's own disk no other host reaches.
      const wasElsewhere = root !== null && (await this.#acquire(order, root, place.epoch, files));
      if (wasElsewhere && place.sealed) this.#stale.add(volume);
    }
    if (!place.sealed) return await this.#folder(root ?? '', volume);
    if (this.#stale.has(volume)) {
      await this.#seals.close(volume);
      this.#stale.delete(volume);
    }
    const shared = root !== null && !isExclusive(order);
    return await this.#seals.open(volume, {
      home: this.#homeIn(root, volume),
      files,
      bytes: order.requestedBytes,
      shared,
    });
  }

  /**
   * Pods outlive an agent and the lease under which they write does not renew itself: it is taken again, or they are ended,
   * before another host could take it for theirs that are gone.
   */
  #adopt(claim: ClaimOrder, { driver, host, epoch }: ClaimPlace): void {
    if (driver.kind === 'local' || !isExclusive(claim) || (host !== null && host !== this.#options.host)) return;
    const volume = this.#nameOf(claim);
    const { clock, log } = this.#options;
    const untilMs = clock.monotonicMs() + LEASE_LOST_MS;
    const work = async (): Promise<void> => {
      while (this.#leases.epochOf(volume) === null && ((await this.#mountedTimes()).get(volume) ?? 0) > 0) {
        try {
          const root = await this.#root(driver);
          await this.#acquire(claim, root, epoch, this.#filesOf(root));
          return;
        } catch (error) {
          const isHeld = error instanceof Fault && error.code === 'volume.held-elsewhere';
          log.warn({ volume, err: error }, 'the lease of a volume in use could not be taken again');
          // Told until they are gone: at first the agent has not seen its pods yet.
          if (isHeld || clock.monotonicMs() >= untilMs) this.#lost(volume);
        }
        await clock.sleep(LEASE_RENEW_MS, this.#over.signal);
      }
    };
    work().catch((error: unknown) => {
      if (!this.#over.signal.aborted) log.error({ volume, err: error }, 'a lease could not be looked after');
    });
  }

  /** Takes the lease; who looks at the volume reads what its pods wait for. @throws Fault volume.held-elsewhere */
  async #acquire(key: ClaimKey, root: string, epoch: number, files: PlaceFiles): Promise<boolean> {
    const volume = this.#nameOf(key);
    try {
      const wasElsewhere = await this.#leases.acquire(volume, root, epoch, files, formatClaim(key));
      this.#heldElsewhere.delete(volume);
      return wasElsewhere;
    } catch (error) {
      if (error instanceof Fault && error.code === 'volume.held-elsewhere')
        this.#heldElsewhere.set(volume, { epoch, why: sayFault(error) });
      throw error;
    }
  }

  /** Its pods are ended; what shows its files is closed after them, so that nothing is written late that another host has by then. */
  #lost(volume: string): void {
    const { log, onLost } = this.#options;
    onLost(volume);
    this.#stale.add(volume);
    this.#closeLost(volume).catch((error: unknown) => {
      if (this.#over.signal.aborted) return;
      log.error({ volume, err: error }, 'a volume that another host may have is still open here');
    });
  }

  async #closeLost(volume: string): Promise<void> {
    if (!(await this.#seals.isOpen(volume))) return;
    for (let attempt = 1; this.#stale.has(volume); attempt++) {
      const users = await containersOf(this.#options.podman, volume);
      // Who opens it anew here meanwhile has closed it before.
      if (!this.#stale.has(volume)) return;
      if (users.every(({ running }) => !running)) {
        try {
          await this.#seals.close(volume);
          this.#stale.delete(volume);
          return;
        } catch (error) {
          // It is in use as long as a container that has ended is not yet taken away.
          if (attempt >= CLOSE_ATTEMPTS) throw error;
        }
      } else if (attempt >= CLOSE_ATTEMPTS) throw volumeFault('volume.in-use', { volume, count: users.length });
      await this.#options.clock.sleep(CLOSE_AGAIN_MS, this.#over.signal);
    }
  }

  /** Keeps a volume within what was asked for it, where its file system can. A claim that grew gets its new size. */
  async limit(volume: string, path: string, bytes: number): Promise<void> {
    if (bytes === 0 || this.#limits.get(volume)?.bytes === bytes) return;
    const home = path === this.#seals.plainOf(volume) ? await this.#seals.homeOf(volume) : null;
    if (home !== null && (await this.#seals.isImage(home))) {
      // One that is closed grows when it is opened.
      if (await this.#seals.grow(volume, home, bytes)) this.#limits.set(volume, { bytes, limit: { enforced: true } });
      return;
    }
    const limit = this.#options.rootless
      ? ROOTLESS_LIMIT
      : await limitFolder(this.#machine, home ?? path, bytes, volume);
    this.#limits.set(volume, { bytes, limit });
  }

  /** What control says of claims now: sizes that grew take effect without a new pod, and what was given away is let go. */
  async follow(claims: readonly ClaimOrder[]): Promise<void> {
    const sized = new Map<string, number>();
    for (const claim of claims) {
      const volume = this.#nameOf(claim);
      sized.set(volume, claim.requestedBytes);
      const epoch = this.#leases.epochOf(volume);
      if (claim.place === undefined) continue;
      if (!this.#adopted.has(volume) && epoch === null) this.#adopt(claim, claim.place);
      this.#adopted.add(volume);
      if (epoch === null) continue;
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

  /**
   * Does what control asks; every form of it is closed. What it no longer waits for, as when it stopped, leaves no copy that it
   * would not know. @throws Fault
   */
  async run({ order }: VolumeTask, signal: AbortSignal = NEVER): Promise<Json> {
    switch (order.action) {
      case 'look':
        return { looks: (await this.#look(order.claims)) as unknown as Json };
      case 'remove':
        return { ...(await this.#alone(order.key, REMOVING, () => this.#remove(order.key, order.place))) };
      case 'snapshot':
        return { ...(await this.#copyOf(order.key, () => this.#snapshot(order, signal))) };
      case 'drop-snapshot':
        await this.#clear(snapshotVolumeName(this.#owner(order.key), order.id));
        return null;
      case 'fill':
        return { ...(await this.#alone(order.to, RESTORING, () => this.#fill(order, signal))) };
      case 'backup':
        return {
          ...(await this.#copyOf(order.key, () => this.#inTurn(order.key, () => this.#backup(order, signal)))),
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
    // What control asks about it knows.
    for (const { key } of claims) {
      const name = this.#nameOf(key);
      if ((await this.#unfinished.stateOf(name)) === 'filled') await this.#unfinished.set(name, null);
    }
    const volumes = new Map((await this.#options.engine.listVolumes()).map((volume) => [volume.name, volume]));
    const mounted = await this.#mountedTimes();
    const opened = claims.some(({ place }) => place?.sealed === true) ? await this.#seals.opened() : new Set<string>();
    // What lies in one place is asked for together, and the places beside each other: one that is away holds up its own alone.
    const places = new Map<string, { readonly driver: Driver; readonly seen: Seen[] }>();
    for (const { key, place } of claims) {
      const name = this.#nameOf(key);
      const stored = volumes.get(name);
      if (stored !== undefined && !isOf(stored, key)) continue;
      const driver = place?.driver ?? { kind: 'local' };
      // What no pod has needed yet is told of when its place is away, and is nothing otherwise.
      if (stored === undefined && driver.kind === 'local') continue;
      const id = JSON.stringify(driver);
      const group = places.get(id) ?? { driver, seen: [] };
      places.set(id, group);
      const limit = this.#limits.get(name)?.limit ?? NOT_LIMITED;
      const base = { ...key, limit, containers: mounted.get(name) ?? 0 };
      const held = this.#heldElsewhere.get(name);
      group.seen.push({
        name,
        base,
        held: held !== undefined && held.epoch === place?.epoch ? held.why : null,
        path: stored?.path ?? null,
        sealed: place?.sealed === true,
        isOpen: opened.has(name),
      });
    }
    const looks = await Promise.all(
      [...places.values()].map(({ driver, seen }) => this.#lookAt(driver, seen, [...volumes.values()])),
    );
    return looks.flat();
  }

  async #lookAt(driver: Driver, seen: readonly Seen[], volumes: readonly StoredVolume[]): Promise<ClaimLook[]> {
    const away = (trouble: Text) => ({ usedBytes: null, freeBytes: null, totalBytes: null, trouble });
    try {
      const root = driver.kind === 'local' ? null : await this.#root(driver, volumes);
      if (driver.kind === 'export') this.#followSize(driver.name);
      // A closed one is looked at where it lies: it is none the worse for being closed.
      const there = seen.flatMap((one) =>
        one.path === null || one.held !== null
          ? []
          : [{ one, path: one.sealed && !one.isOpen ? this.#homeIn(root, one.name) : one.path }],
      );
      const rooms = await roomsOf(
        root ?? '',
        there.map(({ path }) => path),
      );
      const held = seen.flatMap((one) => (one.held === null ? [] : [{ ...one.base, ...away(one.held) }]));
      const looks = await Promise.all(
        there.map(async ({ one, path }) => {
          try {
            if (one.sealed && !one.isOpen && one.base.containers > 0) throw closed(one.name);
            const room = rooms.get(path) ?? (await requireAnswers(path));
            this.#countSoon(one.name, path);
            return { ...one.base, usedBytes: this.#counts.get(one.name)?.bytes ?? null, ...room, trouble: null };
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
            // What showed its files is gone: its pods get errors until they are begun anew.
            if (one.sealed && one.base.containers > 0) this.#options.onLost(one.name);
            return { ...one.base, ...away(sayFault(error)) };
          }
        }),
      );
      return [...held, ...looks];
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return seen.map(({ base }) => ({ ...base, ...away(sayFault(error)) }));
    }
  }

  /** Beside the look: a SAN that grew takes its time. */
  #followSize(name: string): void {
    const { allowedFile, log } = this.#options;
    readAllowed(allowedFile)
      .then(async ({ exports }) => {
        const one = exports[name];
        if (one !== undefined) await this.#mounts.followSize(name, one);
      })
      .catch((error: unknown) => log.warn({ export: name, err: error }, 'an export could not follow its device'));
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
    // Marked, so that no label counts that is only called like a volume; its value is the platform's, an image's is emptied.
    const parts = '{{range $name, $value := .Config.Labels}}{{if eq $value "1"}}label:{{$name}} {{end}}{{end}}';
    const format = `{{range .Mounts}}{{if eq .Type "volume"}}volume:{{.Name}} {{end}}{{end}}${parts}`;
    const inspected = await this.#options.podman(['inspect', '--type', 'container', '--format', format, ...ids]);
    // One that ended since it was listed makes the command fail; the others are told all the same.
    for (const line of inspected.stdout.split('\n')) {
      const marks = ['volume:', `label:${PART_PREFIX}`];
      const names = line.split(' ').flatMap((word) => {
        const mark = marks.find((one) => word.startsWith(one));
        return mark === undefined ? [] : [word.slice(mark.length)];
      });
      for (const name of new Set(names)) times.set(name, (times.get(name) ?? 0) + 1);
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
    const root = place !== null && place.driver.kind !== 'local' ? await this.#root(place.driver) : null;
    const sealed = place?.sealed === true;
    const path = root !== null || sealed ? this.#homeIn(root, volume) : (stored?.path ?? '');
    // Where the engine has it: what is encrypted is seen elsewhere than where it lies.
    const seenAt = sealed ? this.#seals.plainOf(volume) : path;
    if (stored !== null && (stored.path !== seenAt || (root === null && !sealed && !isOwnStorage(stored))))
      throw volumeFault('volume.still-there', { volume, path: stored.path });
    // The engine may have forgotten a volume whose folder is still there.
    const isThere = path !== '' && !(await this.#isGone(path));
    const proof = { volume, path: stored === null && !isThere ? '' : path };
    let found = { files: 0, bytes: 0 };
    if (stored !== null || isThere) {
      await this.#requireUnused(volume);
      if (sealed) await this.#seals.close(volume);
      if (isThere) found = await countTree(tools, path, COPY_MS);
      // Its folder goes first: as long as the engine knows the volume, what failed is tried again.
      if (root !== null || sealed) await this.#rm(path);
      if (stored !== null) await engine.removeVolume(volume);
      await this.#requireGone(volume, path);
    }
    if (root !== null) await this.#leases.forget(volume, root, this.#filesOf(root));
    if (sealed) await this.#seals.forget(volume);
    this.#limits.delete(volume);
    this.#counts.delete(volume);
    await this.#unfinished.set(volume, null);
    return { ...proof, ...found, how: proof.path === '' ? 'absent' : 'deleted', goneAt: goneAt() };
  }

  async #snapshot(order: OrderOf<'snapshot'>, signal: AbortSignal): Promise<CopyAnswer> {
    const source = await this.#claimed(order.key);
    const home = await this.#sealedHome(source);
    const target = snapshotVolumeName(this.#owner(order.key), order.id);
    await this.#unfinished.set(target, 'filling');
    try {
      const made = await (home === null
        ? this.#snapshotPlain(order, source)
        : this.#snapshotSealed(order.key, order.id, home, order.secret));
      signal.throwIfAborted();
      await this.#unfinished.set(target, null);
      return made;
    } catch (error) {
      await this.#clear(target);
      throw error;
    }
  }

  async #snapshotPlain({ key, id }: OrderOf<'snapshot'>, source: StoredVolume): Promise<CopyAnswer> {
    const volume = this.#nameOf(key);
    const target = await this.#beside(
      source,
      snapshotVolumeName(this.#owner(key), id),
      snapshotLabels(this.#owner(key), id),
    );
    const how = (await this.#canReflink(source.path)) ? 'reflink' : 'copy';
    if (how === 'copy') await this.#requireRoomFor(source.path, target.path);
    const origin = how === 'copy' ? await this.#originOf(source.path) : null;
    const done = await this.#atMoment(volume, origin, async (moment) => {
      await this.#copy(moment.pathOf(source.path), target.path, 'copy');
      return await this.#hash(target.path);
    });
    if (done !== null) return done;
    const { frozenMs } = await this.#freezer.hold(volume, (signal) =>
      this.#copy(source.path, target.path, how, signal),
    );
    return { ...(await this.#hash(target.path)), how, frozenMs };
  }

  /** Of what lies encrypted the encrypted files are copied: nothing readable comes to lie on a disk. */
  async #snapshotSealed(key: ClaimKey, id: string, home: string, brought?: string): Promise<CopyAnswer> {
    const volume = this.#nameOf(key);
    const name = snapshotVolumeName(this.#owner(key), id);
    const secret = brought ?? this.#seals.keyOf(volume);
    if (secret === undefined) throw volumeFault('volume.key-missing', { volume });
    const target = await this.#make(name, snapshotLabels(this.#owner(key), id), join(dirname(home), name));
    await this.#requireRoomFor(home, target.path);
    const { frozenMs } = await this.#freezer.hold(volume, async (signal) => {
      // What programs wrote and the kernel has not yet handed on.
      const sync = await this.#options.tools.run('sync', ['--file-system', '--', this.#seals.plainOf(volume)], {
        timeoutMs: FREEZE_MS,
      });
      requireDone(sync, { en: 'writing the volume out', es: 'terminar de escribir el volumen' }, 'sync');
      await this.#copy(home, target.path, 'auto', signal);
    });
    return {
      ...(await this.#whileOpen(name, target.path, secret, (plain) => this.#hash(plain))),
      how: 'copy',
      frozenMs,
    };
  }

  /** The disk of a volume is that of others too: a copy that does not fit would fill it up before it fails. */
  async #requireRoomFor(source: string, target: string): Promise<void> {
    const words = ['--block-size=1', '--summarize', '--one-file-system', '--', source];
    const held = await this.#options.tools.run('du', words, { timeoutMs: COPY_MS });
    requireDone(held, { en: 'counting the volume', es: 'contar el volumen' }, 'du');
    await requireRoom(Number.parseInt(held.stdout, 10), target, 'volume.snapshot-no-room');
  }

  /** Opens encrypted files that are nobody's volume, and closes them again. */
  async #whileOpen<T>(name: string, home: string, secret: string, work: (plain: string) => Promise<T>): Promise<T> {
    const plain = await this.#seals.open(name, { home, files: directFiles, bytes: 0, shared: false }, secret);
    try {
      return await work(plain);
    } finally {
      await this.#seals.close(name);
      await this.#seals.forget(name);
    }
  }

  /**
   * What is saved is one moment of the volume. Where its file system copies by reference, the workload stands still for that
   * alone; elsewhere everything is sent once while it works on, and what has changed since then while it stands still.
   */
  async #backup(order: OrderOf<'backup'>, signal: AbortSignal): Promise<BackupAnswer> {
    const made = await this.#backUp(order, signal);
    if (signal.aborted) {
      await this.#restic.forget(order.repository, [made.snapshot]);
      signal.throwIfAborted();
    }
    return made;
  }

  async #backUp({ key, id, repository, secret }: OrderOf<'backup'>, stop: AbortSignal): Promise<BackupAnswer> {
    const volume = this.#nameOf(key);
    const source = await this.#claimed(key);
    await this.#openAgain(source, secret);
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
    const origin = running ? await this.#originOf(source.path) : null;
    const done = await this.#atMoment(volume, origin, async (moment) => {
      const path = moment.pathOf(source.path);
      const hashed = await this.#hash(path);
      return { ...hashed, ...(await this.#restic.backup(repository, path, { tags })), path };
    });
    if (done !== null) return done;
    const passTags = [...tags.slice(0, 2), 'first-pass'];
    // One that an agent before this one could not take away keeps its blocks for nobody.
    const left = await this.#restic.tagged(repository, passTags);
    const first = running
      ? await this.#restic.backup(repository, source.path, { tags: [...tags, 'first-pass'], signal: stop })
      : null;
    try {
      const { value, frozenMs } = await this.#freezer.hold(volume, async (signal) => {
        const hashed = await this.#hash(source.path, signal);
        return { ...hashed, ...(await this.#restic.backup(repository, source.path, { tags, signal })) };
      });
      const addedBytes = value.addedBytes + (first?.addedBytes ?? 0);
      return { ...value, addedBytes, path: source.path, how: 'direct', frozenMs };
    } finally {
      await this.#restic.forget(repository, first === null ? left : [...left, first.snapshot]);
    }
  }

  async #originOf(path: string): Promise<Origin | null> {
    return this.#options.rootless ? null : await this.#lvm.originOf(path);
  }

  /**
   * Works on a volume as it is now: its workload stands still while the moment is taken, and goes on while it is read.
   * @returns null: there is no such moment to be had, and the volume is copied as one that does not lie on LVM
   */
  async #atMoment<T>(
    volume: string,
    origin: Origin | null,
    work: (moment: Moment) => Promise<T>,
  ): Promise<(T & { readonly how: 'lvm'; readonly frozenMs: number }) | null> {
    if (origin === null) return null;
    const taken: string[] = [];
    let frozenMs: number;
    try {
      const held = await this.#freezer.hold(volume, async () => {
        taken.push(await this.#lvm.take(origin));
      });
      frozenMs = held.frozenMs;
    } catch (error) {
      for (const name of taken) await this.#lvm.discard(origin, name);
      // A kernel without snapshots, or a volume that takes none.
      if (taken.length > 0 || !(error instanceof Fault) || error.code !== 'volume.tool-failed') throw error;
      this.#options.log.warn({ volume, err: error }, 'no snapshot of its logical volume could be taken');
      return null;
    }
    const [name = ''] = taken;
    const moment = await this.#lvm.open(origin, name, volume);
    try {
      const value = await work(moment);
      await moment.requireWhole();
      return { ...value, how: 'lvm', frozenMs };
    } finally {
      await moment.drop();
    }
  }

  /** Puts a copy into a claim that is not there yet; what does not come back as it was saved is taken away again. */
  async #fill(order: OrderOf<'fill'>, signal: AbortSignal): Promise<CopyAnswer> {
    const { to, place } = order;
    const volume = this.#nameOf(to);
    if ((await this.#ofClaim(to)) !== null) {
      if ((await this.#unfinished.stateOf(volume)) === undefined) throw volumeFault('volume.exists', { volume });
      // Control knows of no such claim, or it would not ask: what was filled for it before, and never wanted, makes room.
      await this.#clear(volume);
    }
    const driver = place?.driver ?? { kind: 'local' };
    const root = driver.kind === 'local' ? null : await this.#root(driver);
    const sealed = place?.sealed === true;
    const home = root !== null || sealed ? this.#homeIn(root, volume) : null;
    // What lies there already is somebody's data; nothing of it is opened, and nothing written beside it.
    if (home !== null && !(await this.#isGone(home))) throw volumeFault('volume.exists', { volume });
    await this.#unfinished.set(volume, 'filling');
    let target: StoredVolume;
    try {
      const labels = volumeLabels(this.#owner(to));
      const files = root === null ? directFiles : this.#filesOf(root);
      target =
        sealed && home !== null
          ? await this.#makeSealed(volume, labels, order, {
              ...{ home, files, bytes: order.requestedBytes },
              shared: order.shared === true && root !== null,
            })
          : await this.#make(volume, labels, home);
    } catch (error) {
      await this.#unfinished.set(volume, null);
      throw error;
    }
    try {
      const filled = await this.#fillNew(order, target, sealed && home !== null ? home : target.path);
      // Nobody waits for it any more, and nobody would know of it.
      signal.throwIfAborted();
      await this.#unfinished.set(volume, 'filled');
      return filled;
    } catch (error) {
      await this.#clear(volume);
      throw error;
    }
  }

  async #fillNew(order: OrderOf<'fill'>, target: StoredVolume, disk: string): Promise<CopyAnswer> {
    const { from, place } = order;
    const volume = target.name;
    await requireRoom(order.bytes, disk);
    await this.limit(volume, target.path, order.requestedBytes);
    if (from.kind === 'snapshot') {
      const name = snapshotVolumeName(this.#owner(from.of), from.id);
      const source = await this.#required(name);
      if (from.secret === undefined) await this.#copy(source.path, target.path, 'auto');
      else await this.#whileOpen(name, source.path, from.secret, (plain) => this.#copy(plain, target.path, 'auto'));
    } else {
      await this.#requireRepository(from.repository);
      await this.#restoreInto(from.repository, from.snapshot, from.path, target, place?.sealed === true);
    }
    const hashed = await this.#hash(target.path);
    if (hashed.tree !== order.tree) {
      throw volumeFault('volume.restored-differs', { copy: volume, found: hashed.tree, expected: order.tree });
    }
    return { ...hashed, how: 'copy', frozenMs: 0 };
  }

  /** A new encrypted claim; what of it cannot be made leaves nothing that a second attempt would take for somebody's data. */
  async #makeSealed(
    volume: string,
    labels: Readonly<Record<string, string>>,
    { secret }: { readonly secret?: string },
    place: SealedPlace,
  ): Promise<StoredVolume> {
    try {
      const folder = await this.#seals.open(volume, place, secret);
      return await this.#options.engine.ensureVolume({ name: volume, labels, folder });
    } catch (error) {
      await this.#seals.close(volume);
      await this.#rm(place.home);
      await this.#seals.forget(volume);
      throw error;
    }
  }

  async #verify({
    repository,
    snapshot,
    path,
    tree,
    bytes,
    sealed = false,
  }: Extract<VolumeOrderMessage, { action: 'verify' }>): Promise<Json> {
    await this.#requireRepository(repository);
    const passing = await this.#make(this.#passingName(), this.#passing(), null);
    return await this.#inPassing(passing, sealed, async (folder) => {
      await requireRoom(bytes, passing.path);
      await this.#restic.restore(repository, snapshot, folder, { fresh: true });
      const hashed = await this.#hash(await this.#restoredIn(folder, path));
      return { ...hashed, same: hashed.tree === tree };
    });
  }

  /** Works in a volume that is taken away again. Where it is to be encrypted, its key is gone with it. */
  async #inPassing<T>(passing: StoredVolume, sealed: boolean, work: (folder: string) => Promise<T>): Promise<T> {
    try {
      if (!sealed) return await work(passing.path);
      return await this.#whileOpen(passing.name, passing.path, randomBytes(32).toString('hex'), work);
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
    sealed: boolean,
  ): Promise<void> {
    const { tools } = this.#options;
    const beside = sealed ? await this.#make(this.#passingName(), this.#passing(), null) : null;
    const passing = beside ?? (await this.#beside(target, this.#passingName(), this.#passing()));
    await this.#inPassing(passing, sealed, async (folder) => {
      // Beside what comes back, so that no name in it can be taken for ours.
      const below = join(folder, 'tree');
      await this.#restic.restore(repository, snapshot, below);
      const restored = await this.#restoredIn(below, path);
      const what = { en: 'moving what was restored', es: 'mover lo restaurado' };
      const act = async (program: string, words: readonly string[], timeoutMs = 10_000): Promise<void> =>
        requireDone(await tools.run(program, words, { timeoutMs }), what, program);
      // Taking files out of a folder changes its time: that is kept aside before.
      const time = join(folder, 'time');
      await act('touch', ['--reference', restored, '--', time]);
      const move = ['-exec', 'mv', '--target-directory', target.path, '--', '{}', '+'];
      await act('find', [restored, '-mindepth', '1', '-maxdepth', '1', ...move], COPY_MS);
      await act('chown', ['--reference', restored, '--', target.path]);
      await act('chmod', ['--reference', restored, '--', target.path]);
      await act('touch', ['--reference', time, '--', target.path]);
    });
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
      // In a process of its own: a NAS that went away since holds that, and no thread of the agent.
      const made = await this.#options.tools.run('mkdir', ['--mode=755', '--', folder], { timeoutMs: 10_000 });
      requireDone(made, { en: 'making the volume', es: 'crear el volumen' }, 'mkdir');
    }
    return await this.#options.engine.ensureVolume({ name, labels, ...(folder === null ? {} : { folder }) });
  }

  /** Takes away a volume that is no claim, or not one yet, with the folder that it lies in. */
  async #discard(name: string): Promise<void> {
    const stored = await this.#find(name);
    if (stored === null) return;
    // A claim that was to lie encrypted and did not come to be.
    const home = await this.#sealedHome(stored);
    if (home !== null) {
      await this.#seals.close(name);
      await this.#rm(home);
      await this.#seals.forget(name);
    }
    // Its folder goes first: as long as the engine knows the volume, what failed is tried again.
    if (home === null && !isOwnStorage(stored) && dirname(stored.path) !== '/' && stored.path.endsWith(`/${name}`))
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

  /** @throws Fault volume.place-refused, volume.place-unsafe, volume.place-away, volume.mount-failed … */
  async #root(driver: Exclude<Driver, { kind: 'local' }>, listed?: readonly StoredVolume[]): Promise<string> {
    const { allowedFile: file } = this.#options;
    const { folders, exports } = await readAllowed(file);
    if (driver.kind === 'export') {
      const one = Object.hasOwn(exports, driver.name) ? exports[driver.name] : undefined;
      if (one === undefined) throw refused(driver.name, 'exports', file);
      return await this.#exportRoot(driver.name, one, listed);
    }
    if (!isBelow(driver.path, folders)) throw refused(driver.path, 'folders', file);
    const root = await requireSafeFolder(driver.path);
    await this.#requireOutside(root, listed);
    await this.#marks.check(root, this.#filesOf(root));
    return root;
  }

  async #exportRoot(name: string, one: Exported, listed?: readonly StoredVolume[]): Promise<string> {
    const root = await this.#mounts.ensure(name, one);
    await requireAnswers(root);
    await requireSafeTop(root, one.kind === 'cifs' ? [one.uid] : []);
    await this.#requireOutside(root, listed);
    await this.#marks.check(root, this.#filesOf(root));
    return root;
  }

  #filesOf(root: string): PlaceFiles {
    const known = this.#files.get(root);
    if (known !== undefined) return known;
    const files = new BoundedFiles(root);
    this.#files.set(root, files);
    return files;
  }

  /** Where a claim lies in a place, or what is encrypted of it; null: on the host's own disk. */
  #homeIn(root: string | null, volume: string): string {
    return join(root ?? join(this.#options.folder, 'sealed'), volume);
  }

  /** Where the encrypted files of an opened volume lie; null: it is not encrypted. */
  async #sealedHome({ name, path }: StoredVolume): Promise<string | null> {
    return path === this.#seals.plainOf(name) ? await this.#seals.homeOf(name) : null;
  }

  /** A volume whose pods have gone may have been closed since, by a restart of the host. */
  async #openAgain(stored: StoredVolume, secret?: string): Promise<void> {
    const home = await this.#sealedHome(stored);
    if (home === null) return;
    await this.#seals.open(stored.name, { home, files: directFiles, bytes: 0, shared: false }, secret);
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
    if (!isAllowedRepository(location, repositories)) throw refused(location, 'repositories', file);
    if (location.startsWith('/')) await this.#requireOutside(await requireSafeFolder(location));
  }

  /** The folder of one volume. Its name holds no slash, and who could put a link there was ruled out by `requireSafeFolder`. */
  async #folder(root: string, volume: string, isNew = false): Promise<string> {
    const path = join(root, volume);
    if (isNew) return path;
    const files = this.#filesOf(root);
    if ((await files.kind(path)) === 'other') {
      const why = { en: 'it is a link or no folder', es: 'es un enlace o no es una carpeta' };
      throw volumeFault('volume.place-unsafe', { place: path, why });
    }
    // Like a volume of the engine: whoever its first container runs as gets it, and others may look into it.
    await files.folder(path, 0o755);
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

const NEVER = new AbortController().signal;

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

/** A copy that fills the disk of the host stops all that runs there. @throws Fault volume.no-room, volume.snapshot-no-room */
async function requireRoom(
  bytes: number,
  folder: string,
  code: 'volume.no-room' | 'volume.snapshot-no-room' = 'volume.no-room',
): Promise<void> {
  const { freeBytes, totalBytes } = await requireAnswers(folder);
  const kept = Math.min(ROOM_KEPT_BYTES, totalBytes * (1 - FULL_SHARE));
  const room = Math.max(0, Math.floor(freeBytes - kept));
  if (bytes > room) throw volumeFault(code, { needed: formatBytes(bytes), room: formatBytes(room) });
}

function refused(place: string, list: 'folders' | 'exports' | 'repositories', file: string): Fault {
  const why = {
    en: `its own list does not name it under "${list}"`,
    es: `su propia lista no lo nombra en "${list}"`,
  };
  return volumeFault('volume.place-refused', { place, why, file });
}

/** Where exports are mounted, and where opened volumes are, below the agent's folder in memory. */
export function exportsFolder(run: string): string {
  return join(run, 'exports');
}
export function openedFolder(run: string): string {
  return join(run, 'opened');
}

interface Seen {
  readonly name: string;
  readonly base: Pick<ClaimLook, 'project' | 'environment' | 'claim' | 'limit' | 'containers'>;
  /** Why its pods wait, where another host holds it. */
  readonly held: Text | null;
  /** Null: no pod has needed it yet. */
  readonly path: string | null;
  readonly sealed: boolean;
  readonly isOpen: boolean;
}

function closed(place: string): Fault {
  const why = { en: 'its encrypted files were closed', es: 'se cerraron sus archivos cifrados' };
  return volumeFault('volume.place-away', { place, why });
}

function elsewhere(volume: string, host: string): Fault {
  const why = { en: `it belongs to the host ${host}`, es: `pertenece al host ${host}` };
  return volumeFault('volume.held-elsewhere', { volume, why });
}

/** Whether its data lies where the engine keeps volumes, and not in a folder of ours. */
function isOwnStorage({ name, path }: StoredVolume): boolean {
  return path.endsWith(`/${name}/_data`);
}
