/** Every name that `evt.type` may be compared with: what this sensor tells, and what recordings of Falco and sysdig hold. */
import { EVENT_NAMES } from './layout.ts';
import { SYSCALL_NAMES } from './scap/event-lines.ts';
import { EVENT_TYPES } from './scap/event-types.ts';

/** Beside events and calls Falco takes these. */
const OTHERS = ['asyncevent', 'pluginevent', 'container', 'notification', 'syscall'];
let names: ReadonlySet<string> | undefined;

export function eventTypeNames(): ReadonlySet<string> {
  names ??= new Set(
    [...EVENT_NAMES, ...SYSCALL_NAMES, ...EVENT_TYPES.map(({ name }) => name), ...OTHERS].filter((name) => name !== ''),
  );
  return names;
}
