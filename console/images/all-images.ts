import { useQueries, useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Image, Repository } from '../api/types.ts';

export interface ProjectImage {
  readonly project: string;
  readonly image: Image;
}

export interface ProjectRepository extends Repository {
  readonly project: string;
}

interface Gathered<T> {
  readonly all: readonly T[];
  readonly loading: boolean;
  /** The first list that could not be read. */
  readonly failed: { readonly error: unknown; readonly retry: () => void } | null;
}

function useProjectNames(only: string): readonly string[] {
  const projects = useQuery(queries.projects()).data ?? [];
  return projects.map((project) => project.name).filter((name) => only === '' || name === only);
}

interface ListQuery {
  readonly error: unknown;
  readonly isLoading: boolean;
  readonly refetch: () => unknown;
}

function stateOf(lists: readonly ListQuery[]): Pick<Gathered<never>, 'loading' | 'failed'> {
  const failed = lists.find((list) => list.error !== null);
  return {
    loading: lists.some((list) => list.isLoading),
    failed: failed === undefined ? null : { error: failed.error, retry: () => void failed.refetch() },
  };
}

/** Images of all projects that the reader sees, or of one, newest first. */
export function useAllImages(only = ''): Gathered<ProjectImage> {
  const names = useProjectNames(only);
  const lists = useQueries({ queries: names.map((name) => queries.images(name)) });
  const all = names
    .flatMap((project, index) => (lists[index]?.data ?? []).map((image) => ({ project, image })))
    .sort((a, b) => b.image.pushedAt.localeCompare(a.image.pushedAt));
  return { all, ...stateOf(lists) };
}

/** Repositories of all projects that the reader sees, or of one, by name. */
export function useAllRepositories(only = ''): Gathered<ProjectRepository> {
  const names = useProjectNames(only);
  const lists = useQueries({ queries: names.map((name) => queries.repositories(name)) });
  const all = names.flatMap((project, index) => (lists[index]?.data ?? []).map((one) => ({ ...one, project })));
  return { all, ...stateOf(lists) };
}
