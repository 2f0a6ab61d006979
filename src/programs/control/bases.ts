import { z } from 'zod';
import { type ApiApp, may, PLATFORM } from '../../access/index.ts';
import { BASE_STALE_DAYS, type BaseCatalogue, type BaseEntry, releaseOf } from '../../build/index.ts';
import { isRepositoryName, projectOf } from '../../oci/index.ts';
import { listImages, type Mirrors, type Registry } from '../../registry/index.ts';
import type { Scans } from '../../scan/index.ts';
import { type Clock, expected, type Text } from '../../system/index.ts';

/** Whose images are everybody's to build on. */
const BASE_PROJECT = 'base';
const DAY_MS = 86_400_000;
/** A release near its end is told this early: moving to the next one takes a team weeks. */
const SUPPORT_NOTICE_DAYS = 90;

interface BaseParts {
  readonly registry: Registry;
  readonly scans: Scans;
  readonly mirrors: Mirrors;
  readonly catalogue: BaseCatalogue;
  readonly clock: Clock;
}

/** The base images: who answers for each, where it comes from, how old it is, and until when it gets fixes. */
export function registerBaseRoutes(app: ApiApp, parts: BaseParts): void {
  const { catalogue } = parts;
  app.route({
    method: 'GET',
    url: '/api/v1/bases',
    config: { action: 'base.read' },
    handler: async (request) => {
      const entries = await catalogue.list();
      const own = await listImages(parts.registry, BASE_PROJECT, PLATFORM, { tag: 'latest' });
      const listed = new Map(entries.map((entry) => [entry.repository, entry]));
      const wanted = [
        ...own.items.map(({ repository }) => ({ repository, tag: 'latest', entry: listed.get(repository) ?? null })),
        ...entries
          .filter(({ repository }) => projectOf(repository) !== BASE_PROJECT)
          .filter(({ repository }) => may(request.principal, 'image.read', projectOf(repository), repository))
          .map((entry) => ({ repository: entry.repository, tag: entry.tag, entry })),
      ];
      const items = await Promise.all(
        wanted.map(({ repository, tag, entry }) => describe(parts, repository, tag, entry)),
      );
      return { items: items.filter((item) => item !== null) };
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/bases',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        repository: z.string().max(255).refine(isRepositoryName, expected('PROJECT/IMAGE', 'PROYECTO/IMAGEN')),
        tag: z.string().max(128).optional(),
        owner: z.string().max(200).nullable().optional(),
        staleDays: z.number().int().min(1).max(3650).nullable().optional(),
        supportUntil: z.iso.date().nullable().optional(),
      }),
    },
    handler: async (request, reply) => {
      const { repository, ...said } = request.body;
      await catalogue.set(repository, said, request.principal.actor);
      void reply.code(204);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/bases',
    config: { action: 'platform.admin' },
    schema: { querystring: z.object({ repository: z.string().max(255) }) },
    handler: async (request, reply) => {
      await catalogue.remove(request.query.repository, request.principal.actor);
      void reply.code(204);
    },
  });
}

/** Everything about one base; null when its tag is not here any more. */
async function describe(
  { registry, scans, mirrors, clock }: BaseParts,
  repository: string,
  tag: string,
  entry: BaseEntry | null,
): Promise<object | null> {
  const page = await listImages(registry, projectOf(repository), PLATFORM, { repository, tag, limit: 1 });
  const [image] = page.items;
  if (image === undefined) return null;
  const now = clock.now().getTime();
  const mirror = mirrors.find(repository);
  const known =
    mirror === null
      ? null
      : ((await mirrors.tagsOf(mirror.prefix, 1000)).find((one) => one.repository === repository && one.tag === tag) ??
        null);
  const source =
    mirror === null
      ? { kind: 'built' as const, by: image.pushedBy }
      : {
          kind: 'mirror' as const,
          remote: mirror.remote,
          upstream: mirror.upstream,
          checkedAt: known?.checkedAt ?? null,
          state: known?.state ?? null,
          // The source has another image under this tag than we do.
          differs: known?.digest != null && known.digest !== image.digest,
        };
  const name = projectOf(repository) === BASE_PROJECT ? repository.slice(BASE_PROJECT.length + 1) : repository;
  const release = releaseOf(name);
  const supportUntil = entry?.supportUntil ?? release?.supportUntil ?? null;
  const ageDays = Math.max(0, Math.floor((now - Date.parse(image.pushedAt)) / DAY_MS));
  const warnings: Text[] = [];
  const staleDays = entry?.staleDays ?? BASE_STALE_DAYS;
  if (ageDays > staleDays) {
    warnings.push({
      en: `${ageDays} days old, more than ${staleDays}`,
      es: `tiene ${ageDays} días, más de ${staleDays}`,
    });
  }
  if (source.kind === 'mirror' && source.differs) {
    warnings.push({ en: 'the source has a newer one', es: 'el origen tiene una más nueva' });
  }
  if (source.kind === 'mirror' && source.state === 'gone') {
    warnings.push({ en: 'the source does not have it any more', es: 'el origen ya no la tiene' });
  }
  const daysLeft = supportUntil === null ? null : Math.floor((Date.parse(`${supportUntil}T23:59:59Z`) - now) / DAY_MS);
  if (daysLeft !== null && daysLeft < 0) {
    warnings.push({
      en: `no security fixes since ${supportUntil}`,
      es: `sin correcciones de seguridad desde ${supportUntil}`,
    });
  } else if (daysLeft !== null && daysLeft < SUPPORT_NOTICE_DAYS) {
    warnings.push({
      en: `security fixes end on ${supportUntil}`,
      es: `las correcciones de seguridad acaban el ${supportUntil}`,
    });
  }
  if ((entry?.owner ?? null) === null) {
    warnings.push({ en: 'nobody answers for it', es: 'nadie responde de ella' });
  }
  const report = await scans.report(image.digest);
  return {
    name,
    repository,
    tag,
    release: release?.name ?? name,
    include:
      release === null
        ? []
        : name
            .slice(release.name.length + 1)
            .split('-')
            .filter(Boolean),
    digest: image.digest,
    createdAt: image.pushedAt,
    packages: report?.packages ?? null,
    sizeBytes: image.sizeBytes,
    quarantine: image.quarantine,
    owner: entry?.owner ?? null,
    source,
    ageDays,
    staleDays,
    supportUntil,
    warnings,
  };
}
