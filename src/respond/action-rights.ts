import { type Action, accessFault, may, type Principal } from '../access/index.ts';
import type { ActionKind, Incident } from './incident.ts';

/** What somebody needs beside `incident.respond`, because the action reaches beyond one container. */
const ACTION_RIGHTS: Partial<Readonly<Record<ActionKind, Action>>> = {
  'roll-back': 'release.create',
  'revoke-tokens': 'robot.manage',
  cordon: 'platform.admin',
  uncordon: 'platform.admin',
  drain: 'platform.admin',
  undrain: 'platform.admin',
  snapshot: 'release.create',
};

/**
 * Whether somebody may do this, be it by their own order or by agreeing to a policy's.
 * @throws Fault access.not-allowed
 */
export function requireActionRight(principal: Principal, incident: Pick<Incident, 'project'>, kind: ActionKind): void {
  const action = missingRight(principal, incident, kind);
  if (action === null) return;
  throw accessFault('access.not-allowed', { name: principal.name, action, place: incident.project ?? 'the platform' });
}

/** What somebody lacks to do this, or null. */
export function missingRight(
  principal: Principal,
  { project }: Pick<Incident, 'project'>,
  kind: ActionKind,
): Action | null {
  const right = ACTION_RIGHTS[kind];
  const needed: readonly Action[] = right === undefined ? ['incident.respond'] : ['incident.respond', right];
  return needed.find((action) => !may(principal, action, action === 'platform.admin' ? null : project)) ?? null;
}
