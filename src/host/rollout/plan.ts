import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HOSTS_MAX, ROLLOUT_WINDOWS_MAX } from '../limits.ts';

const clockTime = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/);

/** When hosts may be changed. A window whose end comes before its beginning ends on the next day. */
export const maintenanceWindow = z.object({
  /** 0 Sunday … 6 Saturday: the day on which it begins. */
  days: z.array(z.number().int().min(0).max(6)).min(1).max(7),
  from: clockTime,
  to: clockTime,
  /** An IANA name, such as Europe/Madrid. */
  zone: z.string().max(60).default('UTC').refine(isZone, 'no time zone of that name'),
});

export type MaintenanceWindow = z.infer<typeof maintenanceWindow>;

/** What a roll-out asks of every host, and how far it may go wrong. */
export const rolloutRules = z.object({
  /** Hosts of the first ring: so many, one by one the first that meet the patch. */
  canaries: z.number().int().min(1).max(1_000).default(1),
  /** Share of the hosts that the second ring reaches to. */
  share: z.number().min(0.01).max(1).default(0.1),
  /** How long each host is watched before it counts as well. */
  soakSeconds: z.number().int().min(0).max(604_800).default(600),
  /** A workload or sensor that turned bad after the patch may take so long to come back. */
  patienceSeconds: z.number().int().min(0).max(86_400).default(60),
  /** A host that does not answer for so long counts as lost. */
  lostSeconds: z.number().int().min(1).max(604_800).default(900),
  concurrency: z.number().int().min(1).max(1_000).default(50),
  /** Hosts of the rings after the canaries that may fail before everything stops, as a share of the ring. */
  failuresShare: z.number().min(0).max(1).default(0.01),
  /** Takes the patch out everywhere when it stops by itself. */
  rollBack: z.boolean().default(true),
  windows: z.array(maintenanceWindow).max(ROLLOUT_WINDOWS_MAX).default([]),
});

export type RolloutRules = z.infer<typeof rolloutRules>;

export interface Ring {
  readonly name: 'canary' | 'share' | 'all';
  readonly hosts: readonly string[];
  readonly failuresMax: number;
}

export interface RolloutPlan {
  readonly id: string;
  readonly patch: string;
  readonly digest: string;
  /** Absent: a live patch is brought in. Else hosts are started again: on which kernel, null for the newest of each. */
  readonly restart?: { readonly kernel: string | null };
  readonly rules: RolloutRules;
  readonly rings: readonly Ring[];
}

/**
 * Parts hosts into rings: canaries, a share, all the others. Which host comes first is decided by a hash of the patch and
 * the host's name, so that the same hosts are not the canaries of every patch, and the same plan comes out again.
 */
export function planRings(hosts: readonly string[], digest: string, rules: RolloutRules): Ring[] {
  const place = (host: string): string => createHash('sha256').update(`${digest} ${host}`).digest('hex');
  const ordered = [...new Set(hosts)]
    .slice(0, HOSTS_MAX)
    .map((host) => ({ host, place: place(host) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ host }) => host);
  const canaries = Math.min(rules.canaries, ordered.length);
  const reach = Math.max(canaries, Math.ceil(ordered.length * rules.share));
  const ring = (name: Ring['name'], from: number, to: number): Ring => ({
    name,
    hosts: ordered.slice(from, to),
    // One canary that fails is reason enough.
    failuresMax: name === 'canary' ? 0 : Math.floor((to - from) * rules.failuresShare),
  });
  return [ring('canary', 0, canaries), ring('share', canaries, reach), ring('all', reach, ordered.length)].filter(
    (one) => one.hosts.length > 0,
  );
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Whether hosts may be changed at this moment. No windows: always. */
export function isOpen(windows: readonly MaintenanceWindow[], atMs: number): boolean {
  if (windows.length === 0) return true;
  return windows.some(({ days, from, to, zone }) => {
    const { day, minute } = localTime(zone, atMs);
    const [begin, end] = [minuteOf(from), minuteOf(to)];
    if (begin < end) return days.includes(day) && minute >= begin && minute < end;
    return (days.includes(day) && minute >= begin) || (days.includes((day + 6) % 7) && minute < end);
  });
}

function localTime(zone: string, atMs: number): { day: number; minute: number } {
  let format = FORMATS.get(zone);
  if (format === undefined) {
    const fields = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...fields });
    FORMATS.set(zone, format);
  }
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const minute = Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
  return { day: DAYS.indexOf(parts.get('weekday') ?? ''), minute };
}

function minuteOf(text: string): number {
  const [hours = '0', minutes = '0'] = text.split(':');
  return Number(hours) * 60 + Number(minutes);
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false; // RangeError: there is no such zone
  }
}
