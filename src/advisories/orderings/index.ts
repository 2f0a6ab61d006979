import { alpm } from './alpm.ts';
import { apk } from './apk.ts';
import { composer } from './composer.ts';
import { deb } from './deb.ts';
import { gem } from './gem.ts';
import { go } from './go.ts';
import { loose } from './loose.ts';
import { maven } from './maven.ts';
import { nuget } from './nuget.ts';
import type { Ordering } from './ordering.ts';
import { pypi } from './pypi.ts';
import { rpm } from './rpm.ts';
import { semver } from './semver.ts';

/** Every ordering. A test compares the list with the folder. */
export const ORDERINGS: readonly Ordering[] = [
  alpm,
  apk,
  composer,
  deb,
  gem,
  go,
  loose,
  maven,
  nuget,
  pypi,
  rpm,
  semver,
];

const byEcosystem = new Map(
  ORDERINGS.flatMap((ordering) => ordering.ecosystems.map((name) => [name, ordering] as const)),
);

/** The ordering of "Debian:12" or "npm"; null for an ecosystem that only matches versions by name. */
export function orderingOf(ecosystem: string): Ordering | null {
  const end = ecosystem.search(/[:#]/);
  return byEcosystem.get(end < 0 ? ecosystem : ecosystem.slice(0, end)) ?? null;
}
