import { secondsOf } from './kyverno-amounts.ts';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
/** How Go calls RFC 3339 when it is asked for a time by the form that it has. */
const LAYOUT_OF_RFC_3339 = '2006-01-02T15:04:05Z07:00';
/** Go counts from here what it rounds down to. */
const YEAR_1_MS = Date.parse('0001-01-01T00:00:00Z');

/** A moment, and how far from UTC the clock is that it was written by: what is made of it is written by the same. */
interface Moment {
  readonly ms: number;
  readonly offsetMs: number;
}

function momentOf(text: string): Moment {
  const zone = RFC_3339.exec(text)?.[1];
  const ms = Date.parse(text);
  if (zone === undefined || Number.isNaN(ms)) throw new RangeError('expected a time in RFC 3339');
  const [hours = 0, minutes = 0] = zone === 'Z' ? [] : zone.slice(1).split(':').map(Number);
  return { ms, offsetMs: (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000 };
}

/** @throws RangeError for what is no time in RFC 3339 */
export function timeOf(text: string): number {
  return momentOf(text).ms;
}

/** A time in a form that Go is told: RFC 3339, or, where the form is a number, seconds since 1970. Other forms are not read. */
export function parseTime(layout: string, text: string): string {
  if (/^\d+$/.test(layout)) {
    if (!/^-?\d{1,11}$/.test(text)) throw new RangeError('expected seconds since 1970');
    return written({ ms: Number(text) * 1000, offsetMs: 0 });
  }
  refuseLayout(layout);
  return written(momentOf(text));
}

/** @throws RangeError for a form of times that is not read here: it would be taken for another one */
export function refuseLayout(layout: string): void {
  if (layout !== '' && layout !== LAYOUT_OF_RFC_3339)
    throw new RangeError('expected no layout: times are read in RFC 3339');
}

export function addTime(text: string, span: string): string {
  const { ms, offsetMs } = momentOf(text);
  return written({ ms: ms + spanOf(span) * 1000, offsetMs });
}

/** Down to a multiple of the span. */
export function truncateTime(text: string, span: string): string {
  const { ms, offsetMs } = momentOf(text);
  const by = spanOf(span) * 1000;
  return written({ ms: by > 0 ? ms - ((ms - YEAR_1_MS) % by) : ms, offsetMs });
}

export function utcTime(text: string): string {
  return written({ ms: timeOf(text), offsetMs: 0 });
}

/** The minute, hour, day, month and weekday of a time, by the clock that it was written by. */
export function cronTime(text: string): string {
  const { ms, offsetMs } = momentOf(text);
  const time = new Date(ms + offsetMs);
  const [minute, hour, day] = [time.getUTCMinutes(), time.getUTCHours(), time.getUTCDate()];
  return [minute, hour, day, time.getUTCMonth() + 1, time.getUTCDay()].join(' ');
}

/** Whole seconds, as in Go. @throws RangeError for a time that no calendar has */
function written({ ms, offsetMs }: Moment): string {
  const local = new Date(ms + offsetMs).toISOString().slice(0, 19);
  if (offsetMs === 0) return `${local}Z`;
  const minutes = Math.abs(offsetMs) / 60_000;
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${local}${offsetMs < 0 ? '-' : '+'}${part(Math.floor(minutes / 60))}:${part(minutes % 60)}`;
}

function spanOf(text: string): number {
  const seconds = secondsOf(text);
  if (seconds === null) throw new RangeError('expected a span of time, such as 1h30m');
  return seconds;
}
