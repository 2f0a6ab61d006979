import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from './clock.ts';
import { writeFileAtomic } from './files.ts';
import type { Log } from './log.ts';
import type { Text } from './text.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A clock that is kept right is slewed, or set by less than this. */
const SET_MS_MAX = HOUR_MS;
/** A machine that was off over a week-end says nothing of its clock. */
const OFF_MS_MAX = 3 * DAY_MS;
/** What a clock says for so long, while the platform runs, is believed. */
const BELIEVED_MS = DAY_MS;
/** So much of a doubt, or of an ordinary day, may be forgotten by a power cut. */
const SAVE_MS = 10 * 60_000;

/** The time by which things are old enough to be deleted. A clock that follows it knows of jumps; any other is believed. */
export function timeOfAges(clock: Clock): Date {
  return clock.aged?.() ?? clock.now();
}

/** The clock went ahead at once, and is not believed yet where something would be deleted by its age. */
export interface ClockDoubt {
  readonly aheadMs: number;
}

interface Seen {
  readonly atMs: number;
  readonly doubtedMs: number;
}

/**
 * The system's clock, and beside it the time by which things age: that goes on with what has really passed while the clock
 * jumps, so that one which is years ahead for a while takes nothing away. What the clock says for a day is believed. How far
 * it was is written down: a machine that starts with its clock far ahead of its last time is not believed either.
 */
export class AgeClock implements Clock {
  readonly #path: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #uptimeMs: () => number;
  #steadyMs: number;
  #doubtedMs: number;
  /** How far the clock may go on beyond what has passed: more while nobody looked. */
  #allowedMs: number;
  #upMs: number;
  /** By the clock that never jumps: when it was last looked at. */
  #lookedMs: number;
  #savedMs = Number.NEGATIVE_INFINITY;
  #isDoubted = false;

  private constructor(
    path: string,
    seen: Seen | null,
    { log, clock, uptimeMs }: { readonly log: Log; readonly clock: Clock; readonly uptimeMs: () => number },
  ) {
    this.#path = path;
    this.#log = log;
    this.#clock = clock;
    this.#uptimeMs = uptimeMs;
    this.#steadyMs = seen?.atMs ?? clock.now().getTime();
    this.#doubtedMs = seen?.doubtedMs ?? 0;
    this.#allowedMs = OFF_MS_MAX;
    this.#upMs = uptimeMs();
    this.#lookedMs = clock.monotonicMs();
  }

  /** @param path where it is written down how far the clock was; without such a file the clock is believed as it is */
  static async open(
    path: string,
    { log, clock = systemClock, uptimeMs = readUptimeMs }: { log: Log; clock?: Clock; uptimeMs?: () => number },
  ): Promise<AgeClock> {
    const opened = new AgeClock(path, await readSeen(path, log), { log, clock, uptimeMs });
    await opened.tick();
    return opened;
  }

  now(): Date {
    return this.#clock.now();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  aged(): Date {
    const passedMs = this.#clock.monotonicMs() - this.#lookedMs;
    return new Date(Math.min(this.#clock.now().getTime(), this.#steadyMs + passedMs));
  }

  /** Null while nothing is held back. */
  get doubt(): ClockDoubt | null {
    const aheadMs = this.#clock.now().getTime() - this.aged().getTime();
    return this.#isDoubted && aheadMs > SET_MS_MAX ? { aheadMs } : null;
  }

  /** Looks at the clock: to be called each minute. Never rejects. */
  async tick(): Promise<void> {
    const wasDoubted = this.#isDoubted;
    this.#look();
    if (this.#isDoubted !== wasDoubted) {
      const seconds = Math.round((this.#clock.now().getTime() - this.#steadyMs) / 1000);
      if (this.#isDoubted)
        this.#log.warn({ seconds }, 'the clock of this machine jumped: nothing is deleted by it yet');
      else this.#log.info({}, 'the clock of this machine is believed again');
    } else if (Math.abs(this.#lookedMs - this.#savedMs) < SAVE_MS) return;
    this.#savedMs = this.#lookedMs;
    const seen: Seen = { atMs: Math.round(this.#steadyMs), doubtedMs: Math.round(this.#doubtedMs) };
    try {
      await writeFileAtomic(this.#path, JSON.stringify(seen), { mode: 0o600 });
    } catch (error) {
      this.#log.warn({ err: error }, 'the time of this machine could not be written down');
    }
  }

  #look(): void {
    const upMs = this.#uptimeMs();
    const passedMs = Math.max(0, upMs - this.#upMs);
    this.#upMs = upMs;
    this.#lookedMs = this.#clock.monotonicMs();
    this.#steadyMs += passedMs;
    const nowMs = this.#clock.now().getTime();
    const offMs = nowMs - this.#steadyMs;
    const isNear = offMs >= -SET_MS_MAX && offMs <= this.#allowedMs;
    if (!isNear) this.#doubtedMs += passedMs;
    this.#isDoubted = !isNear && this.#doubtedMs < BELIEVED_MS;
    if (this.#isDoubted) return;
    this.#steadyMs = nowMs;
    this.#doubtedMs = 0;
    this.#allowedMs = SET_MS_MAX;
  }
}

/** What `status` says of it. */
export function clockDoubtText({ aheadMs }: ClockDoubt): Text {
  const days = Math.round(aheadMs / DAY_MS);
  const hours = Math.round(aheadMs / HOUR_MS);
  const [en, es] = days >= 2 ? [`${days} days`, `${days} días`] : [`${hours} hours`, `${hours} horas`];
  return {
    en: `the clock of this machine went ${en} ahead at once: nothing is deleted for its age by that yet; set it right if it is wrong (what it says for a day is believed)`,
    es: `el reloj de esta máquina se adelantó ${es} de golpe: por ahora nada se borra por esa antigüedad; corregirlo si está mal (lo que diga durante un día se cree)`,
  };
}

/** Since the machine started, the time in which it slept included. */
function readUptimeMs(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
}

async function readSeen(path: string, log: Log): Promise<Seen | null> {
  try {
    const { atMs, doubtedMs } = JSON.parse(await readFile(path, 'utf8')) as Partial<Seen>;
    if (Number.isFinite(atMs) && Number.isFinite(doubtedMs))
      return { atMs: Number(atMs), doubtedMs: Number(doubtedMs) };
    log.warn({ path }, 'the time that this machine wrote down cannot be read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ err: error }, 'the time that this machine wrote down cannot be read');
  }
  return null;
}
