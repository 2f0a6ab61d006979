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
export function requireActionRight(
  principal: Principal,
  { project }: Pick<Incident, 'project'>,
  kind: ActionKind,
): void {
  const right = ACTION_RIGHTS[kind];
  for (const action of right === undefined ? (['incident.respond'] as const) : (['incident.respond', right] as const)) {
    if (may(principal, action, action === 'platform.admin' ? null : project)) continue;
    throw accessFault('access.not-allowed', { name: principal.name, action, place: project ?? 'the platform' });
  }
}
