import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Me, Role } from '../api/types.ts';

/** The person who is signed in; pages are only drawn once it is known. */
export function useMe(): Me | undefined {
  return useQuery(queries.me()).data;
}

/** Whether the person has one of the roles anywhere. The server decides; this only hides what would be refused. */
export function hasRole(me: Me | undefined, roles: readonly Role[], project?: string): boolean {
  return (
    me?.grants.some(
      (grant) =>
        roles.includes(grant.role) && (project === undefined || grant.project === '*' || grant.project === project),
    ) ?? false
  );
}
