import { closeSync, fdatasync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Log, syncFolder } from '../../system/index.ts';

const flushFile = promisify(fdatasync);

/** A file that has grown so far is not written to any more; it goes when control has stored all that is in it. */
const FILE_BYTES = 4 * 1024 * 1024;
/** One alert that control does not take keeps its file: what is still needed of the oldest moves on. */
const FILES_MAX = 64;
/** Written and flushed together, or one alert: a flood is not to hold up what reads it. */
const BYTES_AT_ONCE = 1024 * 1024;
const RETRY_MS = 1_000;
const NAME = /^alerts-(\d{1,15})\.ndjson$/;

interface Identified {
  readonly id: string;
}

interface LogFile {
  readonly number: number;
  /** Of alerts that are needed still. */
  readonly ids: Set<string>;
  /** Undefined: not written to any more. */
  descriptor: number | undefined;
  bytes: number;
}

/**
 * What must outlive the agent and its machine, on this machine's disk: a line of JSON each in files that only grow, flushed
 * together with whatever came meanwhile. What is forgotten stays in its file until nothing in it is needed; after a start it
 * may come once more, so whoever takes it must know it by its id.
 */
export class AlertLog<T extends Identified> {
  readonly #folder: string;
  readonly #log: Log;
  /** Not on disk yet, or in a file that is to go. */
  readonly #pending = new Map<string, T>();
  readonly #places = new Map<string, LogFile>();
  /** Oldest first; the last one may be written to. */
  readonly #files: LogFile[] = [];
  /** No number comes again: a file that could not be removed, or read, keeps its own. */
  #lastNumber = 0;
  #writing: Promise<boolean> | null = null;
  #retry: NodeJS.Timeout | undefined;

  private constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** @param read null for what is none; such a line is left out and told, and so is a file that cannot be read */
  static async open<T extends Identified>(
    folder: string,
    read: (value: unknown) => T | null,
    says: Log,
  ): Promise<{ readonly log: AlertLog<T>; readonly alerts: readonly T[] }> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const log = new AlertLog<T>(folder, says);
    const alerts = new Map<string, T>();
    const numbers = (await readdir(folder)).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
    for (const number of numbers.sort((a, b) => a - b)) {
      log.#lastNumber = number;
      const file: LogFile = { number, ids: new Set(), descriptor: undefined, bytes: 0 };
      const kept = await log.#readFile(file, read);
      // Whoever mends the disk finds it where it was.
      if (kept === null) continue;
      log.#files.push(file);
      for (const alert of kept) {
        alerts.set(alert.id, alert);
        log.#place(alert.id, file);
      }
      if (file.ids.size === 0) log.#remove(file);
    }
    return { log, alerts: [...alerts.values()] };
  }

  /** How many are not on disk yet. */
  get pending(): number {
    return this.#pending.size;
  }

  add(alert: T): void {
    this.#pending.set(alert.id, alert);
    if (this.#retry === undefined) void this.#writeOn();
  }

  /** It is needed no more. */
  forget(id: string): void {
    this.#pending.delete(id);
    const file = this.#places.get(id);
    this.#places.delete(id);
    this.#unplace(id, file);
  }

  /** Resolves when all that was added is on disk. @returns false where that was not to be had */
  async settled(): Promise<boolean> {
    if (this.#pending.size > 0) await this.#writeOn();
    return this.#pending.size === 0;
  }

  /**
   * Gives back the room of what is not needed.
   * @param alertOf what is still needed, by its id
   */
  tidy(alertOf: (id: string) => T | undefined): void {
    if (this.#writing !== null) return;
    const last = this.#files.at(-1);
    if (last?.descriptor !== undefined && last.ids.size === 0 && last.bytes > 0) this.#empty(last, last.descriptor);
    const [oldest] = this.#files;
    if (oldest === undefined || this.#files.length <= FILES_MAX) return;
    for (const id of [...oldest.ids]) {
      const alert = alertOf(id);
      if (alert === undefined) this.forget(id);
      else this.#pending.set(id, alert);
    }
    void this.#writeOn();
  }

  /** @returns whether all that was added is on disk */
  async close(): Promise<boolean> {
    const isWhole = await this.settled();
    clearTimeout(this.#retry);
    for (const file of [...this.#files]) this.#end(file);
    return isWhole;
  }

  #empty(file: LogFile, descriptor: number): void {
    try {
      ftruncateSync(descriptor, 0);
      file.bytes = 0;
    } catch (error) {
      this.#log.warn({ err: error }, 'a file of alerts that nobody needs could not be emptied');
      this.#end(file);
    }
  }

  #writeOn(): Promise<boolean> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<boolean> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    while (this.#pending.size > 0) {
      try {
        await this.#write();
      } catch (error) {
        this.#log.error(
          { err: error, alerts: this.#pending.size },
          'writing alerts to disk failed; they stay in memory',
        );
        this.#retry = setTimeout(() => void this.#writeOn(), RETRY_MS);
        this.#retry.unref();
        return false;
      }
    }
    return true;
  }

  async #write(): Promise<void> {
    const { file, descriptor } = await this.#writable();
    const batch: T[] = [];
    let text = '';
    for (const alert of this.#pending.values()) {
      if (text.length >= BYTES_AT_ONCE) break;
      text += `${JSON.stringify(alert)}\n`;
      batch.push(alert);
    }
    const lines = Buffer.from(text);
    try {
      for (let written = 0; written < lines.length; )
        written += writeSync(descriptor, lines, written, lines.length - written, file.bytes + written);
      await flushFile(descriptor);
    } catch (error) {
      // What the kernel could not write it calls written from now on (fsync(2), "EIO"): another file is begun.
      try {
        ftruncateSync(descriptor, file.bytes);
      } catch (cause) {
        this.#log.warn({ err: cause }, 'a file of alerts keeps a line that is not whole');
      }
      this.#end(file);
      throw error;
    }
    file.bytes += lines.length;
    for (const alert of batch) {
      // Control may have taken it meanwhile.
      if (this.#pending.delete(alert.id)) this.#place(alert.id, file);
    }
  }

  async #writable(): Promise<{ readonly file: LogFile; readonly descriptor: number }> {
    const last = this.#files.at(-1);
    if (last?.descriptor !== undefined && last.bytes < FILE_BYTES) return { file: last, descriptor: last.descriptor };
    if (last !== undefined) this.#end(last);
    const file: LogFile = { number: this.#lastNumber + 1, ids: new Set(), descriptor: undefined, bytes: 0 };
    const descriptor = openSync(this.#path(file), 'wx', 0o600);
    this.#lastNumber = file.number;
    file.descriptor = descriptor;
    this.#files.push(file);
    try {
      await syncFolder(this.#folder);
    } catch (error) {
      // Its lines would be on disk, and its name might not.
      this.#end(file);
      throw error;
    }
    return { file, descriptor };
  }

  async #readFile(file: LogFile, read: (value: unknown) => T | null): Promise<T[] | null> {
    let text: string;
    try {
      text = await readFile(this.#path(file), 'utf8');
    } catch (error) {
      this.#log.error({ err: error, file: this.#path(file) }, 'a file of alerts cannot be read; it stays where it is');
      return null;
    }
    // What follows the last line's end was being written when the machine stopped: nobody was told that it is kept.
    const lines = text.split('\n').slice(0, -1);
    const alerts = lines.flatMap((line) => {
      try {
        return read(JSON.parse(line)) ?? [];
      } catch {
        return [];
      }
    });
    if (alerts.length < lines.length)
      this.#log.error({ file: this.#path(file), lines: lines.length - alerts.length }, 'kept alerts cannot be read');
    return alerts;
  }

  #place(id: string, file: LogFile): void {
    const before = this.#places.get(id);
    this.#places.set(id, file);
    file.ids.add(id);
    if (before !== file) this.#unplace(id, before);
  }

  #unplace(id: string, file: LogFile | undefined): void {
    file?.ids.delete(id);
    if (file?.ids.size === 0 && file.descriptor === undefined) this.#remove(file);
  }

  /** Nothing more is written to it. */
  #end(file: LogFile): void {
    const { descriptor } = file;
    // Closed it is also where that fails (close(2)), and its number may be another file's.
    file.descriptor = undefined;
    try {
      if (descriptor !== undefined) closeSync(descriptor);
    } catch (error) {
      this.#log.warn({ err: error, file: this.#path(file) }, 'a file of alerts could not be closed');
    }
    if (file.ids.size === 0) this.#remove(file);
  }

  #remove(file: LogFile): void {
    const place = this.#files.indexOf(file);
    if (place < 0) return;
    this.#files.splice(place, 1);
    try {
      unlinkSync(this.#path(file));
    } catch (error) {
      this.#log.warn({ err: error, file: this.#path(file) }, 'a file of alerts that nobody needs could not be removed');
    }
  }

  #path({ number }: LogFile): string {
    return join(this.#folder, `alerts-${number}.ndjson`);
  }
}
