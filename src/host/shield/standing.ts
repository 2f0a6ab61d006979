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

/** Entries of the feed that stand on a machine, by what is seen there and not by what was once ordered. */
export function standingShields(facts: MachineFacts): StandingShield[] {
  return SHIELD.flatMap((entry) => {
    const how = entry.controls.map((control) => closedBy(control, facts)).find((one) => one !== null);
    if (how === undefined || how === null) return [];
    const since = facts.shields.find(({ id, state }) => id === entry.id && state === 'on')?.since ?? null;
    return [{ entry, how, since }];
  });
}
