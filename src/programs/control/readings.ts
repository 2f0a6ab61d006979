import type { Kysely } from 'kysely';
import { PLATFORM } from '../../access/index.ts';
import { type Admit, coversImage, EVERY_RULE, type Exception, stateOf } from '../../admit/index.ts';
import type { BaseCatalogue } from '../../build/index.ts';
import type { Composition, Deployments } from '../../deploy/index.ts';
import { collectImages } from '../../deploy/model.ts';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { type Digest, parseReference } from '../../oci/index.ts';
import { listImages, type Registry } from '../../registry/index.ts';
import {
  DEADLINE_HOURS,
  Deadlines,
  type Finding,
  type FindingException,
  type Place,
  type ReadingPorts,
  Readings,
  type RunningImage,
  type ScanReport,
  type Scans,
  type ScanTables,
  type SignedVex,
  VexDocuments,
} from '../../scan/index.ts';
import type { Clock, Log } from '../../system/index.ts';
import type { Trust } from '../../trust/index.ts';
import { BaseFinder } from './base-of.ts';

interface ReadingsParts {
  readonly db: Kysely<ScanTables & JournalTables>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly scans: Scans;
  readonly deployments: Deployments;
  readonly registry: () => Registry;
  readonly trust: () => Trust;
  readonly admit: () => Admit;
  readonly catalogue: BaseCatalogue;
  readonly repositoriesOf: (project: string, digest: Digest) => Promise<string[]>;
  /** The credentials that a project knows and lives with. */
  readonly knownSecrets: NonNullable<ReadingPorts['knownSecrets']>;
  /** `USER` of an image; null when it is not here. */
  readonly userOf: (repository: string, digest: Digest) => Promise<string | null>;
}

/** Capabilities with which a container is not far from the host. */
const HOST_CAPABILITIES: ReadonlySet<string> = new Set([
  ...['ALL', 'SYS_ADMIN', 'SYS_MODULE', 'SYS_PTRACE', 'SYS_RAWIO', 'DAC_READ_SEARCH', 'BPF', 'NET_ADMIN'],
]);
/** Images of one repository that are looked through for the one before. */
const PREVIOUS_AMONG = 200;

/** Where images run is asked for every finding of every list: kept this long. */
const ACTIVE_KEPT_MS = 2000;

/** What the rooms below scan know of an image, for its reports; and the deadlines that follow from it. */
export function createReadings(parts: ReadingsParts) {
  const { db, journal, clock, scans, deployments, admit } = parts;
  const deadlines = new Deadlines({ db, journal, clock });
  const vex = new VexDocuments({ db, journal, clock, signed: signedVex });
  let bases: BaseFinder | null = null;
  let active: { atMs: number; releases: ReturnType<Deployments['activeReleases']> } | null = null;

  const findBases = (): BaseFinder => {
    const { registry, catalogue } = parts;
    bases ??= new BaseFinder({ registry: registry(), scans, catalogue, clock });
    return bases;
  };

  const activeReleases = (): ReturnType<Deployments['activeReleases']> => {
    const nowMs = clock.monotonicMs();
    if (active !== null && nowMs - active.atMs < ACTIVE_KEPT_MS) return active.releases;
    active = { atMs: nowMs, releases: deployments.activeReleases() };
    active.releases.catch(() => {
      active = null;
    });
    return active.releases;
  };

  const readings = new Readings({
    scans,
    vex,
    deadlines,
    places: async (project, digest) => (await allPlaces(project)).get(digest) ?? [],
    exceptions: async (project, digest) => {
      const [given, repositories] = await Promise.all([
        admit().exceptions(project, digest),
        parts.repositoriesOf(project, digest),
      ]);
      const standing = given.filter((one) => ['active', 'expiring'].includes(stateOf(one, clock.now())));
      const here = standing.filter((one) =>
        repositories.some((repository) => coversImage(one, { digest, repository })),
      );
      return (finding) => exceptionOf(finding, here);
    },
    knownSecrets: parts.knownSecrets,
    newerBase: (_project, report) => findBases().newerBase(report),
    previous: async (project, digest) => {
      const [repository] = await parts.repositoriesOf(project, digest);
      if (repository === undefined) return null;
      const { items } = await listImages(parts.registry(), project, PLATFORM, { repository, limit: PREVIOUS_AMONG });
      const at = items.findIndex((item) => item.digest === digest);
      return at < 0 ? null : (items.slice(at + 1).find(({ kind }) => kind === 'image')?.digest ?? null);
    },
  });

  async function signedVex(project: string, digest: Digest): Promise<SignedVex[]> {
    const [repository] = await parts.repositoriesOf(project, digest);
    if (repository === undefined) return [];
    const { accepted } = await parts.trust().verify(repository, digest);
    return accepted
      .filter(({ use }) => use === 'vex')
      .map(({ signer, predicate }) => ({ signer, bytes: Buffer.from(JSON.stringify(predicate)) }));
  }

  /** Every place of a project's images, by digest. */
  async function allPlaces(project: string | null): Promise<Map<Digest, Place[]>> {
    const places = new Map<Digest, Place[]>();
    for (const { release, composition, environment } of await activeReleases()) {
      if (project !== null && release.project !== project) continue;
      for (const [digest, place] of await placesOf(composition, environment, release.project)) {
        places.set(digest, [...(places.get(digest) ?? []), place]);
      }
    }
    return places;
  }

  async function placesOf(
    { workloads, services, routes }: Composition,
    environment: { readonly name: string; readonly class: Place['class'] },
    project: string,
  ): Promise<[Digest, Place][]> {
    const published = new Set(routes.map(({ service }) => service));
    const found: [Digest, Place][] = [];
    for (const { key, pod } of workloads) {
      const serving = services.filter(({ selector }) =>
        Object.entries(selector).every(([name, value]) => pod.labels[name] === value),
      );
      const isPublished = serving.some(({ name }) => published.has(name));
      for (const container of [...pod.initContainers, ...pod.containers]) {
        const { repository, digest } = parseReference(container.image);
        if (digest === null) continue;
        const { runAsUser, capabilitiesAdd } = container.security;
        const user = runAsUser ?? (await parts.userOf(repository, digest));
        const exposure = isPublished ? 'published' : container.ports.length > 0 ? 'internal' : 'none';
        found.push([
          digest,
          {
            project,
            environment: environment.name,
            class: environment.class,
            workload: key.name,
            exposure,
            reachesHost: capabilitiesAdd.some((name) => HOST_CAPABILITIES.has(name.toUpperCase().replace(/^CAP_/, ''))),
            root: user === null || /^(?:|root|0+)(?::|$)/.test(String(user)),
          },
        ]);
      }
    }
    return found;
  }

  /** Sets, moves and ends the deadlines of everything that runs; asked again whenever that or the advisories change. */
  async function updateDeadlines(): Promise<void> {
    const running: RunningImage[] = [];
    for (const { release, composition, environment } of await activeReleases()) {
      const { project } = release;
      const hours = admit().policy(environment.policy).deadlines ?? DEADLINE_HOURS[environment.class];
      const digests = new Set(
        collectImages(composition.workloads).flatMap((image) => parseReference(image).digest ?? []),
      );
      for (const digest of digests) {
        const stored = await scans.report(digest);
        if (!stored?.complete) continue;
        const report = { ...stored, ...(await readings.judgeable(project, stored)) };
        running.push({ project, environment: environment.name, class: environment.class, digest, hours, report });
        // Requests come first: each image gives the event loop back.
        await clock.sleep(0);
      }
    }
    await deadlines.update(running);
  }

  const baseOf = (report: ScanReport): Promise<string | null> => findBases().baseOf(report);
  return { readings, vex, deadlines, updateDeadlines, baseOf };
}

/** The exception that speaks of a finding: by its id or its package, under whatever rule. */
function exceptionOf(finding: Finding, given: readonly Exception[]): FindingException | null {
  const names = [finding.id, ...finding.aliases];
  const found = given.find(
    ({ rule, subject, package: name }) =>
      (subject === null ? rule === EVERY_RULE && name !== null : names.includes(subject)) &&
      (name === null || name === finding.package.name),
  );
  if (found === undefined || found.approver === null) return null;
  const { id, reason, author, approver, expiresAt, repository } = found;
  return { id, scope: repository ?? 'digest', reason, author, approver, expiresAt };
}
