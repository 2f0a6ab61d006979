import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alert } from '../../detect/index.ts';
import { type Log, writeFileAtomic } from '../../system/index.ts';
import { AlertLog } from './alert-log.ts';

/** What the agent needs to know of an alert is its name; the rest it uses where it is there, to tell like from unlike. */
export type SpooledAlert = Pick<Alert, 'id'> &
  Partial<Pick<Alert, 'rule' | 'priority' | 'tags' | 'container' | 'output' | 'count'>>;

/** Alerts kept for control while it is away; above it they are summed until there is room. */
const ALERTS_MAX = 50_000;
/** Of them those that are not on disk yet: in a flood more come than the disk takes, and the rest is summed. */
const IN_MEMORY_MAX = 2_000;
/** Control usually answers within a millisecond or two: two flushes of one disk at once would hold up each other. */
const GRACE_MS = 10;
const RESEND_MS = 5_000;
/** What control has not answered for so long is said once more on the same connection. */
const UNANSWERED_MS = 4_000;
/** Sums leave this often; a host has some hundred pairs of rule and container that speak at once. */
const SUM_EVERY_MS = 1_000;
const SUMS_MAX = 4_096;
/** Where there are more pairs, rules that are told apart still. */
const RULES_SUMMED_MAX = 512;
/** Ids of what was summed, the last of them: as many as the sensor may say twice. */
const SUMMED_KNOWN_MAX = 20_000;
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
  /** Until it is worth the disk. */
  readonly grace: NodeJS.Timeout | undefined;
  sentMs: number;
}

/** Alerts alike that came faster than they could be kept: the first of them, and how many. */
interface Sum {
  readonly alert: SpooledAlert;
  count: number;
  /** Whether others than those of its rule and container may be in it. */
  readonly isMixed?: boolean;
}

/**
 * Alerts until control has stored them. One that control does not take at once is written to this machine's disk, so that who
 * cuts the power after the deed does not cut the alert; it is sent again until control says that it is stored (storing is
 * idempotent by id). What comes faster than that is summed by rule and container: the first alert of each, with the number that
 * it stands for. None is dropped.
 */
export class AlertSpool {
  readonly #folder: string;
  readonly #log: Log;
  readonly #disk: AlertLog<SpooledAlert>;
  readonly #waiting = new Map<string, Waiting>();
  /** Of them those that are not worth the disk yet. */
  readonly #fresh = new Set<string>();
  readonly #sums = new Map<string, Sum>();
  readonly #send: (alert: SpooledAlert, stations: readonly number[]) => void;
  readonly #isBehind: () => boolean;
  readonly #resender: NodeJS.Timeout;
  readonly #summer: NodeJS.Timeout;
  /** The sensor says an alert twice when it does not know whether the first word arrived. */
  readonly #summed = new Set<string>();
  #telling: Promise<void> | null = null;
  /** What of the sums is on disk, as it was written. */
  #sumsOnDisk = '';
  #isFlooded = false;

  private constructor(folder: string, disk: AlertLog<SpooledAlert>, options: SpoolOptions) {
    this.#folder = folder;
    this.#log = options.log;
    this.#disk = disk;
    this.#send = options.send;
    this.#isBehind = options.isBehind;
    this.#resender = setInterval(() => {
      this.#resend(UNANSWERED_MS);
      this.#disk.tidy((id) => this.#waiting.get(id)?.alert);
    }, RESEND_MS);
    this.#resender.unref();
    this.#summer = setInterval(() => {
      this.#telling ??= this.#tellSums().finally(() => {
        this.#telling = null;
      });
    }, SUM_EVERY_MS);
    this.#summer.unref();
  }

  static async open(folder: string, options: SpoolOptions): Promise<AlertSpool> {
    const { log: disk, alerts } = await AlertLog.open(folder, readSpooled, options.log);
    const spool = new AlertSpool(folder, disk, options);
    for (const alert of alerts)
      spool.#waiting.set(alert.id, { alert, grace: undefined, sentMs: Number.NEGATIVE_INFINITY });
    await spool.#adopt();
    await spool.#readSums();
    return spool;
  }

  /** Earlier programs kept a file for each alert. */
  async #adopt(): Promise<void> {
    const adopted: string[] = [];
    for (const name of (await readdir(this.#folder)).filter((one) => one.endsWith('.json')).sort()) {
      const path = join(this.#folder, name);
      try {
        const alert = readSpooled(JSON.parse(await readFile(path, 'utf8')));
        if (alert === null) throw new TypeError('it is no alert');
        adopted.push(path);
        if (this.#waiting.has(alert.id)) continue;
        this.#waiting.set(alert.id, { alert, grace: undefined, sentMs: Number.NEGATIVE_INFINITY });
        this.#disk.add(alert);
      } catch (error) {
        this.#log.error({ err: error, file: path }, 'an alert of before cannot be read; its file stays where it is');
      }
    }
    if (await this.#disk.settled()) for (const path of adopted) await rm(path, { force: true });
  }

  /** @param stations see link/stations.ts; only the first sending tells them, a later one says nothing of the way */
  add(alert: SpooledAlert, stations: readonly number[]): void {
    if (this.#waiting.has(alert.id) || this.#summed.has(alert.id)) return;
    if (this.#inMemory >= IN_MEMORY_MAX || this.#waiting.size >= ALERTS_MAX) this.#sum(alert);
    else this.#take(alert, stations);
  }

  stored(id: string): void {
    const entry = this.#waiting.get(id);
    if (entry === undefined) return;
    this.#waiting.delete(id);
    if (this.#fresh.delete(id)) clearTimeout(entry.grace);
    else this.#disk.forget(id);
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
    await this.#telling;
    this.#keepAll();
    // What left its sum and is not on disk is there as that sum still.
    if ((await this.#disk.close()) || this.#sumsOnDisk === '') await this.#writeSums();
  }

  #take(alert: SpooledAlert, stations: readonly number[]): void {
    const grace = setTimeout(() => this.#keep(alert.id), GRACE_MS);
    this.#waiting.set(alert.id, { alert, grace, sentMs: performance.now() });
    this.#fresh.add(alert.id);
    if (!this.#isBehind()) this.#send(alert, stations);
  }

  #keep(id: string): void {
    const entry = this.#waiting.get(id);
    if (entry === undefined || !this.#fresh.delete(id)) return;
    clearTimeout(entry.grace);
    this.#disk.add(entry.alert);
  }

  #keepAll(): void {
    for (const id of [...this.#fresh]) this.#keep(id);
  }

  get #inMemory(): number {
    return this.#fresh.size + this.#disk.pending;
  }

  #sum(alert: SpooledAlert): void {
    if (!this.#isFlooded)
      this.#log.warn({ waiting: this.#waiting.size }, 'alerts come faster than control takes them; they are summed');
    this.#isFlooded = true;
    this.#summed.add(alert.id);
    for (const oldest of this.#summed) {
      if (this.#summed.size <= SUMMED_KNOWN_MAX) break;
      this.#summed.delete(oldest);
    }
    const own = JSON.stringify([alert.rule, alert.priority, alert.tags, alert.container?.id]);
    const byRule = JSON.stringify([alert.rule, alert.priority]);
    // Of more pairs than are told apart the newest are summed by their rule alone, and then by how bad they are.
    const hasRoom = (one: string, most: number): boolean => this.#sums.has(one) || this.#sums.size < most;
    const key = hasRoom(own, SUMS_MAX)
      ? own
      : hasRoom(byRule, SUMS_MAX + RULES_SUMMED_MAX)
        ? byRule
        : JSON.stringify([alert.priority]);
    const sum = this.#sums.get(key);
    const by = countOf(alert);
    // What stands for several containers is none's: it is told of the host.
    if (sum === undefined && key !== own)
      this.#sums.set(key, { alert: { ...alert, container: null }, count: by, isMixed: true });
    else if (sum === undefined) this.#sums.set(key, { alert, count: by });
    else sum.count = Math.min(sum.count + by, COUNT_MAX);
  }

  /** Sums go the way of every alert as soon as there is room; until then they are on disk with what they count. */
  async #tellSums(): Promise<void> {
    if (this.#sums.size === 0) {
      this.#isFlooded = false;
      // What could not be taken from there the last time, because the disk did not take its alerts.
      if (this.#sumsOnDisk !== '' && (await this.#disk.settled())) await this.#writeSums();
      return;
    }
    if (this.#waiting.size < ALERTS_MAX) {
      for (const [key, { alert, count, isMixed }] of this.#sums) {
        if (this.#inMemory >= IN_MEMORY_MAX + SUMS_MAX) break;
        this.#sums.delete(key);
        this.#take(wordsOf(alert, count, isMixed), []);
      }
      // What was on disk as a sum is there as an alert, or stored, before the sum is taken from there.
      if (this.#sumsOnDisk !== '') {
        this.#keepAll();
        if (!(await this.#disk.settled())) return;
      }
    }
    await this.#writeSums();
  }

  #resend(unansweredMs: number): void {
    const now = performance.now();
    for (const entry of this.#waiting.values()) {
      if (this.#isBehind()) return;
      if (now - entry.sentMs < unansweredMs) continue;
      entry.sentMs = now;
      this.#send(entry.alert, []);
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
      // One that is waiting had just left its sum.
      for (const [key, sum] of JSON.parse(text) as [string, Sum][])
        if (!this.#waiting.has(sum.alert.id)) this.#sums.set(key, sum);
      this.#sumsOnDisk = text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.error({ err: error }, 'summed alerts of before cannot be read');
    }
  }
}

/** Written by this very program. */
function readSpooled(value: unknown): SpooledAlert | null {
  const isOne = typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
  return isOne ? (value as SpooledAlert) : null;
}

function countOf({ count }: SpooledAlert): number {
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 1;
}

/** The first of them, which says how many it stands for. */
function wordsOf(alert: SpooledAlert, count: number, isMixed = false): SpooledAlert {
  if (count === countOf(alert)) return alert;
  const like = isMixed ? 'of any container' : 'alike';
  const output = `${typeof alert.output === 'string' ? alert.output : ''} (and ${count - 1} more ${like} in a flood)`;
  return { ...alert, count, output };
}
