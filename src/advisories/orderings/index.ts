import { deb } from './deb.ts';
import type { Ordering } from './ordering.ts';
import { pypi } from './pypi.ts';
import { rpm } from './rpm.ts';
import { semver } from './semver.ts';

/** Every ordering. A test compares the list with the folder. */
export const ORDERINGS: readonly Ordering[] = [deb, semver, pypi, rpm];

const byEcosystem = new Map(
  ORDERINGS.flatMap((ordering) => ordering.ecosystems.map((name) => [name, ordering] as const)),
);

/** The ordering of "Debian:12" or "npm"; null for an ecosystem that only matches versions by name. */
export function orderingOf(ecosystem: string): Ordering | null {
  return byEcosystem.get(ecosystem.split(':')[0] ?? '') ?? null;
}
