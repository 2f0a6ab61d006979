import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import { useSearchParam } from './router.tsx';

/** The environment looked at, from the address; empty for all. */
export function useEnvironment(): [string, (name: string) => void] {
  return useSearchParam('env');
}

export function useEnvironmentNames(): readonly string[] {
  const projects = useQuery(queries.projects()).data ?? [];
  return [...new Set(projects.flatMap((project) => project.environments.map((environment) => environment.name)))];
}
