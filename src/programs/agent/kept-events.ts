/** What this host keeps of its last days: files of events, bounded in size and age, for rules that are tried on them. */
import { appendFile, mkdir, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import {
  encodeKeptBlock,
  KEPT_LANES,
  type KeptLane,
  keptFileName,
  readKeptFileName,
} from '../../events/capture/index.ts';
import { type Clock, type Log, timeOfAges } from '../../system/index.ts';
import type { KeptBatch } from './sensor-reader.ts';

/** Of a host: some ten million events; the oldest file of a lane goes when it has more. */
export const KEPT_BYTES_MAX: Readonly<Record<KeptLane, number>> = {
  others: 160 * 1024 * 1024,
  opens: 96 * 1024 * 1024,
};
/** Longer than people ask back, and command lines of people's programs are not kept for ever. */
export const KEPT_DAYS_MAX = 7;
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const FILE_MS_MAX = 3_600_000;
/** Files that are too old are looked for this often. */
const SWEEP_MS = 600_000;
/** Workloads need the disk more than a look back does. */
const DISK_FREE_BYTES_MIN = 1024 * 1024 * 1024;
/** Batches that wait for the disk: a quarter of a mebibyte each. */
const WAITING_MAX = 32;
const DAY_MS = 86_400_000;

const compress = promisify(zstdCompress);

interface KeptFile {
  readonly path: string;
  readonly lane: KeptLane;
  readonly beganMs: number;
  bytes: number;
}

/** The file of a lane that grows. */
interface GrowingFile {
  readonly file: KeptFile;
  /** By the clock that is never set. */
  readonly sinceMs: number;
}

export interface KeptEventsOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: `KEPT_BYTES_MAX`. */
  readonly bytesMax?: Readonly<Record<KeptLane, number>>;
}

export class KeptEvents {
  readonly #options: KeptEventsOptions;
  readonly #bytesMax: Readonly<Record<KeptLane, number>>;
  /** Oldest first. */
  readonly #files: KeptFile[] = [];
  /** Begun by this agent: at the end of one from before there may stand half a block, and what follows that is not read. */
  readonly #growing: Partial<Record<KeptLane, GrowingFile>> = {};
  readonly #missing: Record<KeptLane, number> = { others: 0, opens: 0 };
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;
  #sweptMs = 0;
  #full = false;

  private constructor(options: KeptEventsOptions) {
    this.#options = options;
    this.#bytesMax = options.bytesMax ?? KEPT_BYTES_MAX;
  }

  /** Goes on with what an agent before this one kept. A disk that fails keeps no agent from its start: it is told, and counted. */
  static async open(options: KeptEventsOptions): Promise<KeptEvents> {
    const kept = new KeptEvents(options);
    try {
      await kept.#adopt();
    } catch (error) {
      options.log.warn({ err: error }, 'the events that were kept cannot be looked at');
    }
    return kept;
  }

  async #adopt(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      const read = readKeptFileName(name);
      if (read === null) continue;
      const path = join(folder, name);
      this.#files.push({ ...read, path, bytes: (await stat(path)).size });
    }
    this.#files.sort((one, other) => one.beganMs - other.beganMs);
    await this.#sweep();
  }

  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Keeps a batch. What the disk has no time or room for is counted with the next that it has. */
  add(batch: KeptBatch): void {
    if (this.#waiting >= WAITING_MAX) {
      this.#missing[batch.lane] += batch.events + batch.missing;
      return;
    }
    this.#waiting++;
    this.#writing = this.#writing
      .then(() => this.#write(batch))
      .catch((error: unknown) => {
        this.#missing[batch.lane] += batch.events + batch.missing;
        this.#options.log.warn({ err: error }, 'events could not be kept');
      })
      .finally(() => {
        this.#waiting--;
      });
  }

  /** Resolves when what was given is on disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Removes what is too old, also while nothing comes. To be called now and then. */
  async tidy(): Promise<void> {
    await this.#afterWrites(async () => {
      if (this.#isSweepDue(this.#options.clock.now().getTime())) await this.#sweep();
    });
  }

  /** Forgets everything, as a host wants whose limits do not allow questions. */
  async forget(): Promise<void> {
    await this.#afterWrites(async () => {
      for (const file of [...this.#files]) await this.#remove(file);
    });
  }

  /** One after the other with what is written: files go and come in order. */
  async #afterWrites(act: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(act);
    this.#writing = done.catch(() => undefined);
    await done;
  }

  async #write({ lane, firstMs, lastMs, events, missing, body }: KeptBatch): Promise<void> {
    const nowMs = this.#options.clock.now().getTime();
    if (this.#isSweepDue(nowMs)) await this.#sweep();
    if (this.#full) {
      this.#missing[lane] += events + missing;
      return;
    }
    const packed = await compress(Buffer.from(body, 'base64'), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    const lost = Math.min(missing + this.#missing[lane], 0xffff_ffff);
    const block = encodeKeptBlock({ firstMs, lastMs, events, missing: lost }, packed);
    const file = this.#fileFor(lane, nowMs);
    try {
      await appendFile(file.path, block, { mode: 0o600 });
      file.bytes += block.length;
    } catch (error) {
      delete this.#growing[lane];
      this.#sweptMs = 0; // the next one asks how full the disk is
      // A disk that became full may have taken a part.
      file.bytes = await stat(file.path).then(
        ({ size }) => size,
        () => 0,
      );
      if (file.bytes === 0) await this.#remove(file);
      throw error;
    }
    this.#missing[lane] = 0;
    await this.#bound(lane);
  }

  #fileFor(lane: KeptLane, nowMs: number): KeptFile {
    const sinceMs = this.#options.clock.monotonicMs();
    const growing = this.#growing[lane];
    if (growing !== undefined && growing.file.bytes < FILE_BYTES_MAX && sinceMs - growing.sinceMs < FILE_MS_MAX)
      return growing.file;
    // A clock that went back must not make two files of one name, nor a new one older than what is there.
    const beganMs = Math.max(nowMs, (this.#files.at(-1)?.beganMs ?? 0) + 1);
    const file: KeptFile = { path: join(this.#options.folder, keptFileName(lane, beganMs)), lane, beganMs, bytes: 0 };
    this.#files.push(file);
    this.#growing[lane] = { file, sinceMs };
    return file;
  }

  async #bound(lane: KeptLane): Promise<void> {
    const own = this.#files.filter((one) => one.lane === lane);
    let bytes = own.reduce((sum, one) => sum + one.bytes, 0);
    while (bytes > this.#bytesMax[lane] && own.length > 1) {
      const oldest = own.shift();
      if (oldest === undefined) return;
      bytes -= oldest.bytes;
      await this.#remove(oldest);
    }
  }

  async #sweep(): Promise<void> {
    const nowMs = timeOfAges(this.#options.clock).getTime();
    this.#sweptMs = this.#options.clock.now().getTime();
    for (const file of [...this.#files]) {
      const next = this.#files.find((one) => one.lane === file.lane && one.beganMs > file.beganMs);
      // Its last event is no younger than the file after it, or than an hour after its own begin.
      const endMs = Math.min(next?.beganMs ?? Number.POSITIVE_INFINITY, file.beganMs + FILE_MS_MAX);
      if (endMs < nowMs - KEPT_DAYS_MAX * DAY_MS) await this.#remove(file);
    }
    for (const lane of KEPT_LANES) await this.#bound(lane);
    const { bavail, bsize } = await statfs(this.#options.folder);
    const isFull = bavail * bsize < DISK_FREE_BYTES_MIN;
    if (isFull && !this.#full) this.#options.log.warn({}, 'events are not kept while the disk is nearly full');
    this.#full = isFull;
  }

  #isSweepDue(nowMs: number): boolean {
    return Math.abs(nowMs - this.#sweptMs) >= SWEEP_MS;
  }

  async #remove(file: KeptFile): Promise<void> {
    this.#files.splice(this.#files.indexOf(file), 1);
    if (this.#growing[file.lane]?.file === file) delete this.#growing[file.lane];
    await rm(file.path, { force: true });
  }
}
