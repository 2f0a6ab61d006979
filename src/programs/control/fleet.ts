import type { Kysely, SelectQueryBuilder } from 'kysely';
import type { Deployments } from '../../deploy/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { RegistryTables } from '../../registry/index.ts';
import {
  type Fleet,
  type FleetAnswer,
  type FleetImage,
  type FleetQuestion,
  findingsNamed,
  namesOfFinding,
  type RiskClass,
  type ScanTables,
} from '../../scan/index.ts';

/** Of watched images of other registries; the registry keeps the whole table. */
interface WatchedTables {
  registry_watched_images: { repository: string; tag: string; digest: string; image: string | null };
}

type Tables = ScanTables & RegistryTables & WatchedTables;
type Row = { digest: string; risk: string; packages: string };
type Running = ReadonlyMap<string, FleetImage['workloads']>;

/** Digests that run are bound by what hosts can run; more than this in one query is no fleet that one control serves. */
const RUNNING_MAX = 5_000;

export interface FleetParts {
  readonly db: Kysely<never>;
  readonly deployments: Pick<Deployments, 'statuses'>;
}

/** Findings by image, joined with where images lie (registry, watches) and with what hosts say that they run. */
export function createFleet({ db: untyped, deployments }: FleetParts): Fleet {
  const db = untyped as unknown as Kysely<Tables>;
  return {
    async where(question: FleetQuestion): Promise<FleetAnswer> {
      const findings = await findingsNamed(db, question.finding);
      const aliases = new Set((await Promise.all(findings.map((one) => namesOfFinding(db, one)))).flat());
      for (const one of findings) aliases.add(one);
      aliases.delete(question.finding);
      const running = runningDigests(deployments, question.projects);
      const digests = [...running.keys()].slice(0, RUNNING_MAX);
      const visible = imagesWith(db, findings, question.projects);

      const countOf = async (query: typeof visible): Promise<number> => {
        const row = await query
          .clearSelect()
          .select((builder) => builder.fn.count('f.digest').distinct().as('count'))
          .executeTakeFirst();
        return Number(row?.count ?? 0);
      };
      const runningRows =
        digests.length === 0 ? [] : await visible.where('f.digest', 'in', digests).orderBy('f.digest').execute();
      const runningImages = merge(runningRows);
      const first = question.after === null ? runningImages : [];
      const room = question.limit - first.length;
      let rest: Row[] = [];
      if (!question.running && room > 0) {
        let query = visible.orderBy('f.digest').limit(room + 1);
        if (digests.length > 0) query = query.where('f.digest', 'not in', digests);
        if (question.after !== null) query = query.where('f.digest', '>', question.after);
        rest = merge(await query.execute());
      }
      // Running images all come with the first page: there are few, and they are what was asked for.
      const page = [...first, ...rest.slice(0, Math.max(0, room))];
      const last = rest[room - 1];
      const places = await placesOf(
        db,
        page.map(({ digest }) => digest),
        question.projects,
      );
      return {
        finding: question.finding,
        aliases: [...aliases].sort(),
        images: question.running ? runningImages.length : await countOf(visible),
        running: runningImages.length,
        items: page.map(({ digest, risk, packages }) => ({
          digest: digest as Digest,
          risk: risk as RiskClass,
          packages: JSON.parse(packages) as FleetImage['packages'],
          places: places.get(digest) ?? [],
          workloads: running.get(digest) ?? [],
        })),
        next: rest.length > room && last !== undefined ? last.digest : null,
      };
    },
  };
}

/** One image may be found under several ids of one question; its packages are listed once each. */
function merge(rows: readonly Row[]): Row[] {
  const byDigest = new Map<string, Row>();
  for (const row of rows) {
    const known = byDigest.get(row.digest);
    byDigest.set(row.digest, known ? { ...known, packages: joined(known.packages, row.packages) } : row);
  }
  return [...byDigest.values()];
}

function joined(a: string, b: string): string {
  const all = [...(JSON.parse(a) as FleetImage['packages']), ...(JSON.parse(b) as FleetImage['packages'])];
  return JSON.stringify([...new Map(all.map((one) => [`${one.purl}\0${one.path}`, one])).values()]);
}

function imagesWith(
  db: Kysely<Tables>,
  findings: readonly string[],
  projects: FleetQuestion['projects'],
): SelectQueryBuilder<Tables & { f: ScanTables['scan_found'] }, 'f', Row> {
  // Reports outlive their images; what is nowhere any more is not part of the fleet.
  return db
    .selectFrom('scan_found as f')
    .select(['f.digest', 'f.risk', 'f.packages'])
    .where('f.finding', 'in', findings)
    .where((eb) => {
      const stored = eb.selectFrom('registry_manifests as m').select('m.digest').whereRef('m.digest', '=', 'f.digest');
      if (projects === '*') {
        const watched = eb
          .selectFrom('registry_watched_images as w')
          .select((w) => w.fn.coalesce('w.image', 'w.digest').as('digest'));
        return eb.or([eb.exists(stored), eb('f.digest', 'in', watched)]);
      }
      return eb.exists(
        stored
          .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
          .where('r.project', 'in', projects.length === 0 ? [''] : projects),
      );
    });
}

function runningDigests(deployments: FleetParts['deployments'], projects: FleetQuestion['projects']): Running {
  const running = new Map<string, FleetImage['workloads'][number][]>();
  for (const { key, replicas } of deployments.statuses(null)) {
    if (projects !== '*' && !projects.includes(key.project)) continue;
    const counts = new Map<string, number>();
    for (const { containers } of replicas) {
      const digests = containers.filter(({ state }) => state !== 'exited').map(({ digest }) => digest);
      for (const digest of new Set(digests)) if (digest !== null) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    for (const [digest, count] of counts) {
      const { project, environment, name } = key;
      running.set(digest, [...(running.get(digest) ?? []), { project, environment, name, replicas: count }]);
    }
  }
  return running;
}

async function placesOf(
  db: Kysely<Tables>,
  digests: readonly string[],
  projects: FleetQuestion['projects'],
): Promise<ReadonlyMap<string, FleetImage['places']>> {
  if (digests.length === 0) return new Map();
  let query = db
    .selectFrom('registry_manifests as m')
    .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
    .leftJoin('registry_tags as t', (join) =>
      join.onRef('t.repository_id', '=', 'm.repository_id').onRef('t.digest', '=', 'm.digest'),
    )
    .select(['m.digest', 'r.project', 'r.name', 't.name as tag'])
    .where('m.digest', 'in', digests)
    .orderBy('r.name')
    .orderBy('t.name');
  if (projects !== '*') query = query.where('r.project', 'in', projects.length === 0 ? [''] : projects);
  const rows: { digest: string; project: string; name: string; tag: string | null }[] = await query.execute();
  if (projects === '*') {
    const watched = await db
      .selectFrom('registry_watched_images')
      .select((eb) => ['repository', 'tag', eb.fn.coalesce('image', 'digest').as('scanned')])
      .where((eb) => eb(eb.fn.coalesce('image', 'digest'), 'in', digests))
      .orderBy('repository')
      .orderBy('tag')
      .execute();
    // Other registries' repositories belong to no project.
    for (const { scanned, repository, tag } of watched)
      rows.push({ digest: scanned, project: '', name: repository, tag });
  }
  const places = new Map<string, { project: string; repository: string; tags: string[] }[]>();
  for (const { digest, project, name, tag } of rows) {
    const list = places.get(digest) ?? [];
    places.set(digest, list);
    const place = list.find(({ repository }) => repository === name);
    if (!place) list.push({ project, repository: name, tags: tag === null ? [] : [tag] });
    else if (tag !== null) place.tags.push(tag);
  }
  return places;
}
