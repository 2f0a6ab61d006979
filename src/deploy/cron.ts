/** Schedules of CronJobs: five fields (minute, hour, day of month, month, day of week) in a time zone, or `@daily` and the like. */

export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Vixie's rule: with both days given, either suffices. */
  readonly eitherDay: boolean;
}

const NAMED: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Null when it is no schedule. */
export function parseCron(text: string): CronSchedule | null {
  const parts = (NAMED[text.trim().toLowerCase()] ?? text).trim().split(/\s+/);
  const [minute, hour, day, month, weekday] = parts;
  if (parts.length !== 5 || !minute || !hour || !day || !month || !weekday) return null;
  const minutes = parseField(minute, 0, 59, []);
  const hours = parseField(hour, 0, 23, []);
  const days = parseField(day, 1, 31, []);
  const months = parseField(month, 1, 12, MONTHS);
  const weekdays = parseField(weekday, 0, 7, WEEKDAYS);
  if (minutes === null || hours === null || days === null || months === null || weekdays === null) return null;
  // Sunday is 0 and 7.
  if (weekdays.delete(7)) weekdays.add(0);
  return { minutes, hours, days, months, weekdays, eitherDay: !isAny(day) && !isAny(weekday) };
}

function isAny(field: string): boolean {
  return field.startsWith('*') || field.startsWith('?');
}

function parseField(text: string, least: number, most: number, names: readonly string[]): Set<number> | null {
  const values = new Set<number>();
  for (const part of text.toLowerCase().split(',')) {
    const match = /^(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,2}))?$/.exec(part);
    if (match === null) return null;
    const [, first = '', last, step] = match;
    const any = first === '*' || first === '?';
    const from = any ? least : readValue(first, least, most, names);
    // A start with a step and without an end runs to the end of the field.
    const to = last !== undefined ? readValue(last, least, most, names) : any || step !== undefined ? most : from;
    const by = step === undefined ? 1 : Number(step);
    if (from === null || to === null || from > to || by === 0 || (any && last !== undefined)) return null;
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return values;
}

function readValue(text: string, least: number, most: number, names: readonly string[]): number | null {
  const named = names.indexOf(text);
  if (named >= 0) return named + (names === MONTHS ? 1 : 0);
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A 29 February on one weekday comes every 28 years (40 over a century); nothing comes later than this. */
const SEARCH_DAYS = 366 * 41;

/**
 * The first time after `afterMs` that the schedule names in the zone, as Unix milliseconds; null when it never comes
 * (31 February). An hour that the clock skips is passed over; of one that comes twice, both are taken.
 */
export function nextCronTime(schedule: CronSchedule, afterMs: number, timeZone: string): number | null {
  const read = wallClock(timeZone);
  let at = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  for (let jumps = 0; jumps < SEARCH_DAYS + 10_000; jumps++) {
    const { month, day, weekday, hour, minute } = read(at);
    if (!schedule.months.has(month) || !isDay(schedule, day, weekday)) {
      // To shortly before the next midnight; the hour around it is walked, because clocks change there in some zones.
      at += Math.max(MINUTE_MS, Math.min(DAY_MS, (23 - hour) * 60 * MINUTE_MS + (60 - minute) * MINUTE_MS));
    } else if (!schedule.hours.has(hour)) {
      at += (60 - minute) * MINUTE_MS;
    } else if (!schedule.minutes.has(minute)) {
      at += MINUTE_MS;
    } else {
      return at;
    }
  }
  return null;
}

function isDay(schedule: CronSchedule, day: number, weekday: number): boolean {
  const byDay = schedule.days.has(day);
  const byWeekday = schedule.weekdays.has(weekday);
  return schedule.eitherDay ? byDay || byWeekday : byDay && byWeekday;
}

interface Wall {
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

function wallClock(timeZone: string): (atMs: number) => Wall {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (atMs) => {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
    for (const { type, value } of format.formatToParts(atMs)) parts[type] = value;
    return {
      month: Number(parts.month),
      day: Number(parts.day),
      weekday: WEEKDAYS.indexOf((parts.weekday ?? '').toLowerCase()),
      hour: Number(parts.hour),
      minute: Number(parts.minute),
    };
  };
}

/** Whether the platform knows the zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
