import { sql } from 'kysely';
import type { Digest } from '../oci/index.ts';
import { PULLS_DAYS_MAX, PULLS_HOURS_MAX, PULLS_NAMED_MAX } from './limits.ts';
import type { RegistryDatabase } from './store.ts';

export interface PullHistory {
  readonly by: 'hour' | 'day';
  /** Start of the first and end of the last period, UTC. */
  readonly from: string;
  readonly to: string;
  readonly total: number;
  /** Null when nothing was pulled in these periods. */
  readonly lastAt: string | null;
  /** Every period, the quiet ones too, oldest first; `at` is its start. */
  readonly periods: readonly { readonly at: string; readonly pulls: number }[];
  /** Who pulled most, and which images were pulled most. */
  readonly actors: readonly { readonly actor: string; readonly pulls: number; readonly lastAt: string }[];
  readonly images: readonly {
    readonly repository: string;
    readonly digest: Digest;
    readonly pulls: number;
    readonly lastAt: string;
  }[];
}

export interface PullQuestion {
  readonly project: string;
  readonly repository?: string;
  readonly digest?: Digest;
  readonly by: 'hour' | 'day';
  /** Periods up to now, the running one included; bounded by PULLS_HOURS_MAX and PULLS_DAYS_MAX. */
  readonly count: number;
}

const MS = { hour: 3_600_000, day: 86_400_000 } as const;
const MOST = { hour: PULLS_HOURS_MAX, day: PULLS_DAYS_MAX } as const;
const HOUR_CHARACTERS = 13;

/** How often images were pulled, in periods of an hour or a day (UTC) that end now. */
export async function readPullHistory(
  db: RegistryDatabase,
  { project, repository, digest, by, count }: PullQuestion,
  now: Date,
): Promise<PullHistory> {
  const width = MS[by];
  const last = Math.floor(now.getTime() / width) * width;
  const wanted = Math.min(count, MOST[by]);
  const starts = Array.from({ length: wanted }, (_, index) => new Date(last - (wanted - 1 - index) * width));
  const from = starts[0] ?? new Date(last);
  let pulls = db
    .selectFrom('registry_pulls')
    .where('project', '=', project)
    .where('hour', '>=', from.toISOString().slice(0, HOUR_CHARACTERS));
  if (repository !== undefined) pulls = pulls.where('repository', '=', repository);
  if (digest !== undefined) pulls = pulls.where('digest', '=', digest);
  const period = by === 'hour' ? sql<string>`hour` : sql<string>`substr(hour, 1, 10)`;
  const [periods, actors, images] = await Promise.all([
    pulls
      .select(({ fn }) => [period.as('period'), fn.sum<number>('pulls').as('pulls'), fn.max('last_at').as('last_at')])
      .groupBy(period)
      .execute(),
    pulls
      .select(({ fn }) => ['actor', fn.sum<number>('pulls').as('pulls'), fn.max('last_at').as('last_at')])
      .groupBy('actor')
      .orderBy('pulls', 'desc')
      .orderBy('actor')
      .limit(PULLS_NAMED_MAX)
      .execute(),
    pulls
      .select(({ fn }) => [
        'repository',
        'digest',
        fn.sum<number>('pulls').as('pulls'),
        fn.max('last_at').as('last_at'),
      ])
      .groupBy(['repository', 'digest'])
      .orderBy('pulls', 'desc')
      .orderBy('digest')
      .limit(PULLS_NAMED_MAX)
      .execute(),
  ]);
  const counts = new Map(periods.map((row) => [row.period, Number(row.pulls)]));
  const keyLength = by === 'hour' ? HOUR_CHARACTERS : 10;
  const shown = starts.map((start) => {
    const at = start.toISOString();
    return { at, pulls: counts.get(at.slice(0, keyLength)) ?? 0 };
  });
  return {
    by,
    from: from.toISOString(),
    to: new Date(last + width).toISOString(),
    total: shown.reduce((sum, one) => sum + one.pulls, 0),
    lastAt: periods.reduce<string | null>((max, row) => (max === null || row.last_at > max ? row.last_at : max), null),
    periods: shown,
    actors: actors.map((row) => ({ actor: row.actor, pulls: Number(row.pulls), lastAt: row.last_at })),
    images: images.map((row) => ({
      repository: row.repository,
      digest: row.digest as Digest,
      pulls: Number(row.pulls),
      lastAt: row.last_at,
    })),
  };
}
