import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Me, Role } from '../api/types.ts';
import type { Language } from './catalogue.ts';
import { useLanguage } from './language.tsx';

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

/** Changes the language here at once, keeps it with the account, and reads again what the platform says in words. */
export function useChooseLanguage(): (language: Language) => Promise<void> {
  const client = useQueryClient();
  const { setLanguage } = useLanguage();
  return async (language) => {
    setLanguage(language);
    // The browser keeps the choice in any case: an account that cannot be reached loses nothing.
    await api.post('/me/language', { language }).catch(() => undefined);
    await client.invalidateQueries();
  };
}
