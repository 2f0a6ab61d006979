import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alert } from '../../detect/index.ts';
import { type Log, writeFileAtomic } from '../../system/index.ts';

/** What the agent needs to know of an alert: its name. */
export type SpooledAlert = Pick<Alert, 'id'>;

/** Alerts kept for control while it is away; above it the newest are refused and counted, never lost in silence. */
const ALERTS_MAX = 50_000;
/** An alert is on its way this long before it is worth a file: control usually answers within a millisecond or two. */
const GRACE_MS = 250;
const RESEND_MS = 5_000;

interface SpoolOptions {
  readonly log: Log;
  readonly send: (alert: SpooledAlert, stations: readonly number[]) => void;
  /** Whether what was sent before is still on its way: then nothing is sent on top of it, and sent again later. */
  readonly isBehind: () => boolean;
}

/**
 * Alerts until control has stored them. One that control does not take at once is written to disk, so that it survives
 * the agent; it is sent again until control says that it is stored (storing is idempotent by id).
 */
export class AlertSpool {
  readonly #folder: string;
  readonly #log: Log;
  readonly #waiting = new Map<string, { alert: SpooledAlert; onDisk: boolean; timer: NodeJS.Timeout | undefined }>();
  readonly #send: (alert: SpooledAlert, stations: readonly number[]) => void;
  readonly #isBehind: () => boolean;
  readonly #resender: NodeJS.Timeout;
  refused = 0;

  private constructor(folder: string, options: SpoolOptions) {
    this.#folder = folder;
    this.#log = options.log;
    this.#send = options.send;
    this.#isBehind = options.isBehind;
    this.#resender = setInterval(() => this.resend(), RESEND_MS);
    this.#resender.unref();
  }

  static async open(folder: string, options: SpoolOptions): Promise<AlertSpool> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const spool = new AlertSpool(folder, options);
    for (const name of (await readdir(folder)).filter((one) => one.endsWith('.json')).sort()) {
      const alert = JSON.parse(await readFile(join(folder, name), 'utf8')) as SpooledAlert;
      spool.#waiting.set(alert.id, { alert, onDisk: true, timer: undefined });
    }
    return spool;
  }

  /** @param stations see link/stations.ts; only the first sending tells them, a later one says nothing of the way */
  add(alert: SpooledAlert, stations: readonly number[]): void {
    if (this.#waiting.size >= ALERTS_MAX) {
      this.refused += 1;
      this.#log.error({ refused: this.refused }, 'the alert spool is full; an alert was not kept');
      return;
    }
    const timer = setTimeout(() => void this.#keep(alert.id), GRACE_MS);
    this.#waiting.set(alert.id, { alert, onDisk: false, timer });
    if (!this.#isBehind()) this.#send(alert, stations);
  }

  stored(id: string): void {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#waiting.delete(id);
    if (entry.onDisk) void rm(join(this.#folder, `${id}.json`), { force: true });
  }

  /** Sends everything that waits once more: after a reconnection, and now and then. */
  resend(): void {
    for (const { alert, timer } of this.#waiting.values()) {
      if (this.#isBehind()) return;
      if (timer === undefined) this.#send(alert, []);
    }
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** Writes what is only in memory: before the agent ends. */
  async close(): Promise<void> {
    clearInterval(this.#resender);
    await Promise.all([...this.#waiting.keys()].map((id) => this.#keep(id)));
  }

  async #keep(id: string): Promise<void> {
    const entry = this.#waiting.get(id);
    if (entry === undefined || entry.onDisk) return;
    clearTimeout(entry.timer);
    entry.timer = undefined;
    try {
      await writeFileAtomic(join(this.#folder, `${id}.json`), JSON.stringify(entry.alert), { mode: 0o600 });
      entry.onDisk = true;
      // Control may have taken it while the file was written.
      if (!this.#waiting.has(id)) await rm(join(this.#folder, `${id}.json`), { force: true });
    } catch (error) {
      this.#log.error({ err: error, alert: id }, 'writing an alert to the spool failed; it stays in memory');
    }
  }
}
