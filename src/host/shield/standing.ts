import type { MachineFacts } from '../facts.ts';
import { SHIELD, type ShieldControl, type ShieldEntry } from './feed.ts';

/** Whether one control closes its way on the whole host, and how that is seen. Null: it does not. */
export function closedBy(control: ShieldControl, facts: MachineFacts): string | null {
  if (control.kind === 'sysctl') {
    const value = facts.sysctls[control.name];
    return value !== undefined && control.closed.includes(value) ? `${control.name} = ${value}` : null;
  }
  // What containers of the platform may not call says nothing of the rest of the host.
  if (control.kind === 'seccomp') return null;
  const { loaded, blocked } = facts.modules;
  if (loaded === null || loaded.some(({ name }) => control.names.includes(name))) return null;
  const files = control.names.map((name) => blocked.find((one) => one.name === name)?.by);
  return files.every((file) => file !== undefined) ? `${control.names.join(', ')} (${files[0]})` : null;
}

export interface StandingShield {
  readonly entry: ShieldEntry;
  readonly how: string;
  /** RFC 3339: since when the platform set it; null: it was so by itself. */
  readonly since: string | null;
}

/** `given`: closed without the platform; `fixed`: set, and none of its faults is in the running kernel any more. */
export type ShieldState = 'off' | 'given' | 'setting' | 'on' | 'leaving' | 'fixed';

export interface ShieldStanding {
  readonly id: string;
  readonly state: ShieldState;
  readonly since: string | null;
}

/** Where each entry stands on a machine. @param fixed entries that no fault of its kernel needs */
export function shieldStates(
  facts: MachineFacts,
  fixed: ReadonlySet<string>,
  entries: readonly ShieldEntry[] = SHIELD,
): ShieldStanding[] {
  const standing = new Set(standingShields(facts, entries).map(({ entry }) => entry.id));
  const set = new Map(facts.shields.map((one) => [one.id, one]));
  return entries.map(({ id }) => {
    const record = set.get(id);
    if (record === undefined) return { id, state: standing.has(id) ? 'given' : 'off', since: null };
    const state = record.state === 'on' || record.state === 'leaving' ? record.state : 'setting';
    return { id, state: state === 'on' && fixed.has(id) ? 'fixed' : state, since: record.since };
  });
}

/** Entries of the feed that stand on a machine, by what is seen there and not by what was once ordered. */
export function standingShields(facts: MachineFacts, entries: readonly ShieldEntry[] = SHIELD): StandingShield[] {
  return entries.flatMap((entry) => {
    const how = entry.controls.map((control) => closedBy(control, facts)).find((one) => one !== null);
    if (how === undefined || how === null) return [];
    const since = facts.shields.find(({ id, state }) => id === entry.id && state === 'on')?.since ?? null;
    return [{ entry, how, since }];
  });
}
