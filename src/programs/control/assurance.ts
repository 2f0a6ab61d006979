import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import type { Availability, Deployments, EnvironmentAvailability, PinnedImage } from '../../deploy/index.ts';
import { isMet, type Trust } from '../../trust/index.ts';
import type { ClaimRecord, Copies, Copy, Volumes } from '../../volumes/index.ts';

/** What is stated of an environment, and what is measured of that. */
export interface EnvironmentAssurance extends EnvironmentAvailability {
  /** Of the release that should run: its images, and those of them with a signature that the trust policy accepts. */
  readonly images: { readonly total: number; readonly signed: number };
  readonly volumes: {
    readonly total: number;
    /** They lie encrypted, under a key of their own. */
    readonly encrypted: number;
    readonly backedUp: number;
    /** Of a backup of theirs all came back as it was, when a restore was last tried. */
    readonly restored: number;
    /** The last trial of a restore that found something else, RFC 3339; null: none did. */
    readonly failedAt: string | null;
    /** The oldest of their newest backups, RFC 3339: what would be lost reaches back to it. Null: one has none, or there is none. */
    readonly oldestBackupAt: string | null;
  };
}

const DAYS_DEFAULT = 30;
const DAYS_MAX = 400;

export interface AssuranceParts {
  readonly availability: Pick<Availability, 'read'>;
  readonly deployments: Pick<Deployments, 'readProject' | 'currentRelease'>;
  readonly trust: Pick<Trust, 'verify'>;
  readonly volumes: Pick<Volumes, 'list'>;
  readonly copies: Pick<Copies, 'list'>;
}

/** @throws Fault deploy.project-unknown */
export async function readAssurance(
  { availability, deployments, trust, volumes, copies }: AssuranceParts,
  project: string,
  days: number,
): Promise<EnvironmentAssurance[]> {
  await deployments.readProject(project);
  const [environments, claims, made] = await Promise.all([
    availability.read(project, days),
    volumes.list([project]),
    copies.list(project),
  ]);
  const signed = async ({ repository, digest }: PinnedImage): Promise<boolean> =>
    isMet(await trust.verify(repository, digest), 'image');
  return Promise.all(
    environments.map(async (one) => {
      const release = await deployments.currentRelease(project, one.environment);
      const images = release?.release.digests ?? [];
      const verdicts = await Promise.all(images.map(signed));
      const mine = claims.filter(({ environment, removal }) => environment === one.environment && removal === null);
      return {
        ...one,
        images: { total: images.length, signed: verdicts.filter(Boolean).length },
        volumes: volumesOf(mine, made),
      };
    }),
  );
}

function volumesOf(claims: readonly ClaimRecord[], made: readonly Copy[]): EnvironmentAssurance['volumes'] {
  const backups = claims.map(({ environment, claim }) =>
    made.filter(
      (copy) =>
        copy.kind === 'backup' && copy.state === 'done' && copy.environment === environment && copy.claim === claim,
    ),
  );
  const trials = backups.map((of) => newest(of.flatMap(({ verified }) => (verified === null ? [] : [verified]))));
  const failed = trials.flatMap((trial) => (trial?.same === false ? [trial.at] : []));
  const newestBackups = backups.map((of) => newest(of.map(({ createdAt }) => ({ at: createdAt })))?.at ?? null);
  const oldest = newestBackups.includes(null) ? null : (newestBackups.toSorted()[0] ?? null);
  return {
    total: claims.length,
    encrypted: claims.filter(({ sealed }) => sealed).length,
    backedUp: backups.filter((of) => of.length > 0).length,
    restored: trials.filter((trial) => trial?.same === true).length,
    failedAt: failed.toSorted().at(-1) ?? null,
    oldestBackupAt: oldest,
  };
}

function newest<T extends { readonly at: string }>(all: readonly T[]): T | null {
  return all.reduce<T | null>((last, one) => (last === null || one.at > last.at ? one : last), null);
}

export function registerAssuranceRoutes(app: ApiApp, parts: AssuranceParts): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/assurance',
    config: { action: 'project.read' },
    schema: {
      params: z.object({ project: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/) }),
      querystring: z.object({ days: z.coerce.number().int().min(1).max(DAYS_MAX).default(DAYS_DEFAULT) }),
    },
    handler: async ({ params: { project }, query: { days } }) => ({ items: await readAssurance(parts, project, days) }),
  });
}
