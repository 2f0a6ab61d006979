import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock, Log, Text } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { judgeLease, type Lease, mustLetGo, type Watched } from '../lease.ts';
import { LEASE_RENEW_MS } from '../limits.ts';
import { directFiles, type PlaceFiles } from './place-files.ts';

const leaseFile = z.strictObject({
  holder: z.string().min(1).max(300),
  epoch: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  beat: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
});

interface Held {
  readonly file: string;
  readonly files: PlaceFiles;
  epoch: number;
  renewedMs: number;
  /** The storage has not answered yet. */
  asking: boolean;
}

const WAITS: Readonly<Record<'held' | 'newer-epoch' | 'same-epoch', Text>> = {
  held: {
    en: 'another host holds it and still shows signs of life; it is taken over when those have ended',
    es: 'otro host lo tiene y aún da señales de vida; se tomará cuando estas cesen',
  },
  'newer-epoch': {
    en: 'it was given to another host since',
    es: 'desde entonces se entregó a otro host',
  },
  'same-epoch': {
    en: 'another host holds it',
    es: 'otro host lo tiene',
  },
};

/**
 * The leases that this host holds on claims that one host alone may write to, in files beside the data. Where several hosts
 * reach the same storage, that storage is the one place that both of them see.
 */
export class Leases {
  readonly #holder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onLost: (volume: string) => void;
  readonly #held = new Map<string, Held>();
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: {
    /** Unlike every other that reaches the storage: the host and the instance on it. */
    readonly holder: string;
    readonly clock: Clock;
    readonly log: Log;
    /** Its pods are to be ended at once. */
    readonly onLost: (volume: string) => void;
  }) {
    this.#holder = options.holder;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onLost = options.onLost;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.renew(), LEASE_RENEW_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /**
   * @param root folder of the class, and who touches its files
   * @param shown what people call the volume
   * @returns whether another host had it last
   * @throws Fault volume.held-elsewhere
   */
  async acquire(
    volume: string,
    root: string,
    epoch: number,
    files: PlaceFiles = directFiles,
    shown = volume,
  ): Promise<boolean> {
    const file = fileOf(volume, root);
    await files.folder(dirname(file), 0o700);
    const found = await readLease(file, files);
    const nowMs = this.#clock.monotonicMs();
    const answer = judgeLease(found, { holder: this.#holder, epoch }, this.#watched.get(volume) ?? null, nowMs);
    if (answer.kind === 'wait') {
      if (found !== null) this.#watch(volume, found, nowMs);
      throw volumeFault('volume.held-elsewhere', { volume: shown, why: WAITS[answer.why] });
    }
    await files.write(file, JSON.stringify(answer.lease));
    // Two that found it free at the same moment both wrote: the file says whose word was the last.
    const kept = await readLease(file, files);
    if (kept?.holder !== this.#holder || kept.epoch !== epoch) {
      throw volumeFault('volume.held-elsewhere', { volume: shown, why: WAITS['same-epoch'] });
    }
    this.#watched.delete(volume);
    this.#held.set(volume, { file, files, epoch, renewedMs: this.#clock.monotonicMs(), asking: false });
    return found !== null && found.holder !== this.#holder;
  }

  /** Takes the lease of a volume away that is no more: one of its name begins with the first epoch again. */
  async forget(volume: string, root: string, files: PlaceFiles = directFiles): Promise<void> {
    this.#held.delete(volume);
    this.#watched.delete(volume);
    await files.remove(fileOf(volume, root));
  }

  /** Control says that another host, or a newer epoch, has it now. */
  lose(volume: string): void {
    if (!this.#held.delete(volume)) return;
    this.#log.warn({ volume }, 'the lease of a volume was given to another host');
    this.#onLost(volume);
  }

  epochOf(volume: string): number | null {
    return this.#held.get(volume)?.epoch ?? null;
  }

  /**
   * Renews each lease, and lets go of those that are lost. A storage that does not answer holds neither the others up nor the
   * look at the clock: what was asked of it goes on by itself, and nothing more is asked until it has answered.
   */
  async renew(): Promise<void> {
    await Promise.all([...this.#held].map(([volume, held]) => this.#renewOne(volume, held)));
  }

  async #renewOne(volume: string, held: Held): Promise<void> {
    const self = { holder: this.#holder, epoch: held.epoch };
    const letGo = (found: Lease | null): void => {
      if (this.#held.get(volume) !== held) return;
      if (!mustLetGo(found, self, held.renewedMs, this.#clock.monotonicMs())) return;
      this.#held.delete(volume);
      this.#log.error({ volume }, 'the lease of a volume is lost; its pods are ended');
      this.#onLost(volume);
    };
    letGo(null);
    if (held.asking || this.#held.get(volume) !== held) return;
    held.asking = true;
    const asked = this.#askStorage(volume, held, self)
      .then(letGo)
      .catch((error: unknown) => this.#log.warn({ volume, err: error }, 'the lease of a volume could not be renewed'))
      .finally(() => {
        held.asking = false;
      });
    const over = new AbortController();
    await Promise.race([asked, this.#clock.sleep(LEASE_RENEW_MS, over.signal).catch(() => undefined)]);
    over.abort();
  }

  /** @returns what was found before */
  async #askStorage(
    volume: string,
    held: Held,
    self: { readonly holder: string; readonly epoch: number },
  ): Promise<Lease | null> {
    const found = await readLease(held.file, held.files);
    const nowMs = this.#clock.monotonicMs();
    // It may have been given away, or its volume removed, while the storage took its time.
    if (this.#held.get(volume) === held && !mustLetGo(found, self, nowMs, nowMs)) {
      await held.files.write(held.file, JSON.stringify({ ...self, beat: (found?.beat ?? 0) + 1 }));
      held.renewedMs = nowMs;
    }
    return found;
  }

  #watch(volume: string, lease: Lease, nowMs: number): void {
    const known = this.#watched.get(volume)?.lease;
    if (known?.holder === lease.holder && known.beat === lease.beat) return;
    this.#watched.set(volume, { lease, sinceMs: nowMs });
  }
}

function fileOf(volume: string, root: string): string {
  return join(root, '.darsena-leases', `${volume}.json`);
}

/** Null when there is none. @throws Error when it cannot be read: then nobody may conclude that there is none */
async function readLease(file: string, files: PlaceFiles): Promise<Lease | null> {
  const text = await files.read(file);
  return text === null ? null : leaseFile.parse(JSON.parse(text));
}
