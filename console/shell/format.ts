import { useMemo, useSyncExternalStore } from 'react';
import type { Language } from './catalogue.ts';
import { useLanguage } from './language.tsx';

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Decimal units, as registries and disks are counted: 1 MB is 1,000,000 bytes. */
export function formatBytes(language: Language, bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  // English writes "819 byte" where every other unit has its symbol.
  if (unit === 0) return `${new Intl.NumberFormat(language).format(bytes)} B`;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: BYTE_UNITS[unit] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

function formatTenths(language: Language, value: number): string {
  return new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);
}

/** < 0.1 s, 0.8 s, 12 s, 3 min 5 s, 2 h 10 min; with a comma in Spanish. */
export function formatDuration(language: Language, ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 0.1) return `< ${formatTenths(language, 0.1)} s`;
  if (seconds < 9.95) return `${formatTenths(language, seconds)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

export function formatRelative(language: Language, at: string, nowMs: number): string {
  const seconds = (Date.parse(at) - nowMs) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) < size) continue;
    // Short Spanish months are "m", which everybody reads as minutes.
    const style = unit === 'month' || unit === 'year' ? 'long' : 'short';
    const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style });
    return format.format(Math.trunc(seconds / size), unit);
  }
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' }).format(0, 'second');
}

export function formatInstant(language: Language, at: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(at));
}

export function formatClock(language: Language, at: string): string {
  return new Intl.DateTimeFormat(language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  }).format(new Date(at));
}

/** `sha256:3f2a91c0b7d4…`: enough to tell digests apart at a glance. */
export function shortDigest(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return hex.length > 12 ? `${algorithm}:${hex.slice(0, 12)}` : digest;
}

/** One timer for every relative time on the page. */
const TICK_MS = 10_000;
const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribeToTime(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribeToTime, () => now);
}

export interface Formats {
  readonly bytes: (bytes: number) => string;
  readonly number: (value: number) => string;
  readonly percent: (share: number) => string;
  /** With exactly one digit after the comma, as scores are written. */
  readonly tenths: (value: number) => string;
  readonly duration: (ms: number) => string;
  readonly instant: (at: string) => string;
  readonly clock: (at: string) => string;
}

export function useFormats(): Formats {
  const { language } = useLanguage();
  return useMemo(() => {
    const number = new Intl.NumberFormat(language);
    const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
    return {
      bytes: (bytes) => formatBytes(language, bytes),
      number: (value) => number.format(value),
      percent: (share) => percent.format(share),
      tenths: (value) => formatTenths(language, value),
      duration: (ms) => formatDuration(language, ms),
      instant: (at) => formatInstant(language, at),
      clock: (at) => formatClock(language, at),
    };
  }, [language]);
}
