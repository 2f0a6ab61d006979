import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alert } from '../../detect/index.ts';
import { type Log, writeFileAtomic } from '../../system/index.ts';

/** What the agent needs to know of an alert is its name; the rest it uses where it is there, to tell like from unlike. */
export type SpooledAlert = Pick<Alert, 'id'> &
  Partial<Pick<Alert, 'rule' | 'priority' | 'container' | 'output' | 'count'>>;

/** Alerts kept for control while it is away; above it they are summed until there is room. */
const ALERTS_MAX = 50_000;
/** Of them those that are not on disk yet: in a flood more come than files can be written, and the rest is summed. */
const IN_MEMORY_MAX = 2_000;
/** An alert is on its way this long before it is worth a file: control usually answers within a millisecond or two. */
const GRACE_MS = 250;
const WRITES_AT_ONCE = 8;
const RESEND_MS = 5_000;
/** What control has not answered for so long is said once more on the same connection. */
const UNANSWERED_MS = 4_000;
/** Sums leave this often; a host has some hundred pairs of rule and container that speak at once. */
const SUM_EVERY_MS = 1_000;
const SUMS_MAX = 4_096;
const SUMS_FILE = 'sums';
const COUNT_MAX = 2 ** 31 - 1;

interface SpoolOptions {
  readonly log: Log;
  readonly send: (alert: SpooledAlert, stations: readonly number[]) => void;
  /** Whether what was sent before is still on its way: then nothing is sent on top of it, and sent again later. */
  readonly isBehind: () => boolean;
}

interface Waiting {
  readonly alert: SpooledAlert;
  onDisk: boolean;
  timer: NodeJS.Timeout | undefined;
  sentMs: number;
}

/** Alerts alike that came faster than they could be kept: the first of them, and how many. */
interface Sum {
  readonly alert: SpooledAlert;
  count: number;
}

/**
 * Alerts until control has stored them. One that control does not take at once is written to disk, so that it survives
 * the agent; it is sent again until control says that it is stored (storing is idempotent by id). What comes faster than that
 * is summed by rule and container: the first alert of each, with the number that it stands for. None is dropped.
 */
export class AlertSpool {
  readonly #folder: string;
  readonly #log: Log;
  readonly #waiting = new Map<string, Waiting>();
  readonly #sums = new Map<string, Sum>();
  readonly #send: (alert: SpooledAlert, stations: readonly number[]) => void;
  readonly #isBehind: () => boolean;
  readonly #resender: NodeJS.Timeout;
  readonly #summer: NodeJS.Timeout;
  readonly #toWrite: string[] = [];
  #writing = 0;
  #inMemory = 0;
  /** What of the sums is on disk, as it was written. */
  #sumsOnDisk = '';
  #isFlooded = false;

  private constructor(folder: string, options: SpoolOptions) {
    this.#folder = folder;
    this.#log = options.log;
    this.#send = options.send;
    this.#isBehind = options.isBehind;
    this.#resender = setInterval(() => this.#resend(UNANSWERED_MS), RESEND_MS);
    this.#resender.unref();
    this.#summer = setInterval(() => void this.#tellSums(), SUM_EVERY_MS);
    this.#summer.unref();
  }

  static async open(folder: string, options: SpoolOptions): Promise<AlertSpool> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const spool = new AlertSpool(folder, options);
    for (const name of (await readdir(folder)).filter((one) => one.endsWith('.json')).sort()) {
      const alert = JSON.parse(await readFile(join(folder, name), 'utf8')) as SpooledAlert;
      spool.#waiting.set(alert.id, { alert, onDisk: true, timer: undefined, sentMs: Number.NEGATIVE_INFINITY });
    }
    await spool.#readSums();
    return spool;
  }

  /** @param stations see link/stations.ts; only the first sending tells them, a later one says nothing of the way */
  add(alert: SpooledAlert, stations: readonly number[]): void {
    if (this.#inMemory >= IN_MEMORY_MAX || this.#waiting.size >= ALERTS_MAX) this.#sum(alert);
    else this.#take(alert, stations);
  }

  stored(id: string): void {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#waiting.delete(id);
    if (entry.onDisk) void rm(join(this.#folder, `${id}.json`), { force: true });
    else this.#inMemory -= 1;
  }

  /** Sends everything that waits once more: after a reconnection. */
  resend(): void {
    this.#resend(0);
  }

  /** How many wait, each sum as one. */
  get length(): number {
    return this.#waiting.size + this.#sums.size;
  }

  /** Writes what is only in memory: before the agent ends. */
  async close(): Promise<void> {
    clearInterval(this.#resender);
    clearInterval(this.#summer);
    await Promise.all([...this.#waiting.keys()].map((id) => this.#write(id)));
    await this.#writeSums();
  }

  #take(alert: SpooledAlert, stations: readonly number[]): void {
    const timer = setTimeout(() => this.#keep(alert.id), GRACE_MS);
    this.#waiting.set(alert.id, { alert, onDisk: false, timer, sentMs: performance.now() });
    this.#inMemory += 1;
    if (!this.#isBehind()) this.#send(alert, stations);
  }

  #sum(alert: SpooledAlert): void {
    if (!this.#isFlooded)
      this.#log.warn({ waiting: this.#waiting.size }, 'alerts come faster than control takes them; they are summed');
    this.#isFlooded = true;
    const own = JSON.stringify([alert.rule, alert.priority, alert.container?.id]);
    // Of more pairs than are told apart the newest are summed by their rule alone, and then all together.
    const key =
      [own, JSON.stringify([alert.rule]), ''].find((one) => this.#sums.has(one) || this.#sums.size < SUMS_MAX) ?? '';
    const sum = this.#sums.get(key);
    const by = countOf(alert);
    if (sum === undefined) this.#sums.set(key, { alert, count: by });
    else sum.count = Math.min(sum.count + by, COUNT_MAX);
  }

  /** Sums go the way of every alert as soon as there is room; until then they are on disk with what they count. */
  async #tellSums(): Promise<void> {
    if (this.#sums.size === 0) {
      this.#isFlooded = false;
      return;
    }
    if (this.#waiting.size < ALERTS_MAX) {
      for (const [key, { alert, count }] of this.#sums) {
        if (this.#inMemory >= IN_MEMORY_MAX + SUMS_MAX) break;
        this.#sums.delete(key);
        this.#take(wordsOf(alert, count), []);
      }
    }
    await this.#writeSums();
  }

  #resend(unansweredMs: number): void {
    const now = performance.now();
    for (const entry of this.#waiting.values()) {
      if (this.#isBehind()) return;
      if (entry.timer !== undefined || now - entry.sentMs < unansweredMs) continue;
      entry.sentMs = now;
      this.#send(entry.alert, []);
    }
  }

  /** In its turn: a thousand files at once take longer than one after the other. */
  #keep(id: string): void {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return;
    entry.timer = undefined;
    this.#toWrite.push(id);
    while (this.#writing < WRITES_AT_ONCE && this.#toWrite.length > 0) {
      this.#writing += 1;
      void this.#writeOn().finally(() => {
        this.#writing -= 1;
      });
    }
  }

  async #writeOn(): Promise<void> {
    for (let id = this.#toWrite.shift(); id !== undefined; id = this.#toWrite.shift()) await this.#write(id);
  }

  async #write(id: string): Promise<void> {
    const entry = this.#waiting.get(id);
    if (entry === undefined || entry.onDisk) return;
    clearTimeout(entry.timer);
    entry.timer = undefined;
    try {
      await writeFileAtomic(join(this.#folder, `${id}.json`), JSON.stringify(entry.alert), { mode: 0o600 });
      // Control may have taken it while the file was written.
      if (!this.#waiting.has(id)) await rm(join(this.#folder, `${id}.json`), { force: true });
      else {
        entry.onDisk = true;
        this.#inMemory -= 1;
      }
    } catch (error) {
      this.#log.error({ err: error, alert: id }, 'writing an alert to the spool failed; it stays in memory');
    }
  }

  async #writeSums(): Promise<void> {
    const text = this.#sums.size === 0 ? '' : JSON.stringify([...this.#sums]);
    if (text === this.#sumsOnDisk) return;
    try {
      if (text === '') await rm(join(this.#folder, SUMS_FILE), { force: true });
      else await writeFileAtomic(join(this.#folder, SUMS_FILE), text, { mode: 0o600 });
      this.#sumsOnDisk = text;
    } catch (error) {
      this.#log.error({ err: error, sums: this.#sums.size }, 'writing summed alerts failed; they stay in memory');
    }
  }

  async #readSums(): Promise<void> {
    try {
      const text = await readFile(join(this.#folder, SUMS_FILE), 'utf8');
      for (const [key, sum] of JSON.parse(text) as [string, Sum][]) this.#sums.set(key, sum);
      this.#sumsOnDisk = text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.error({ err: error }, 'summed alerts of before cannot be read');
    }
  }
}

function countOf({ count }: SpooledAlert): number {
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 1;
}

/** The first of them, which says how many it stands for. */
function wordsOf(alert: SpooledAlert, count: number): SpooledAlert {
  if (count === countOf(alert)) return alert;
  const output = `${typeof alert.output === 'string' ? alert.output : ''} (and ${count - 1} more alike in a flood)`;
  return { ...alert, count, output };
}
