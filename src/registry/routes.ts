import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import { type Digest, isDigest, isTag, projectOf } from '../oci/index.ts';
import { expected } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { listImages, listRepositories, readImage, readQuarantine } from './images.ts';
import { IMAGES_PAGE_MAX, PULLS_DAYS_MAX } from './limits.ts';
import { isOurRepository } from './names.ts';
import { readPullHistory } from './pull-history.ts';
import type { Registry } from './registry.ts';
import { registerSettingsRoutes } from './settings-routes.ts';
import { type RegistryWork, registerWorkRoutes } from './work-routes.ts';

const project = z.object({ project: z.string().min(1).max(128) });
const image = project.extend({ digest: z.string().max(160) });
const repositoryName = z.string().max(255).refine(isOurRepository, expected('PROJECT/IMAGE', 'PROYECTO/IMAGEN'));
const tagName = z.string().refine(isTag, expected('a tag', 'una etiqueta'));
const reference = z
  .string()
  .refine((text) => isTag(text) || isDigest(text), expected('a tag or digest', 'una etiqueta o un digest'));

/**
 * What later rooms know about images, such as scans and verdicts; its members are shown beside the registry's own. One
 * answer for each image, in the same order.
 */
export type DescribeImages = (
  images: readonly { readonly project: string; readonly repository: string; readonly digest: Digest }[],
  depth: 'list' | 'detail',
) => Promise<readonly object[]>;

/** The REST part: what people and the console ask about images. Pushes and pulls go over the distribution API. */
export function registerRegistryRoutes(
  app: ApiApp,
  registry: Registry,
  options: { readonly describe?: DescribeImages; readonly work?: RegistryWork } = {},
): void {
  const enrich = async <T extends { repository: string; digest: Digest }>(
    inProject: string,
    images: readonly T[],
    depth: 'list' | 'detail',
  ): Promise<object[]> => {
    const questions = images.map(({ repository, digest }) => ({ project: inProject, repository, digest }));
    const more = options.describe === undefined ? [] : await options.describe(questions, depth);
    return images.map((one, index) => ({ ...more[index], ...one }));
  };

  registerSettingsRoutes(app, registry);
  if (options.work !== undefined) registerWorkRoutes(app, registry, options.work);

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images',
    config: { action: 'image.read', repositoryIn: 'repository' },
    schema: {
      params: project,
      querystring: z.object({
        repository: repositoryName.optional(),
        tag: tagName.optional(),
        limit: z.coerce.number().int().min(1).max(IMAGES_PAGE_MAX).optional(),
        after: z.string().max(300).optional(),
      }),
    },
    handler: async (request) => {
      const { repository, tag, limit, after } = request.query;
      const page = await listImages(registry, request.params.project, request.principal, {
        ...(repository === undefined ? {} : { repository }),
        ...(tag === undefined ? {} : { tag }),
        ...(limit === undefined ? {} : { limit }),
        ...(after === undefined ? {} : { after }),
      });
      const items = await enrich(request.params.project, page.items, 'list');
      return { items, ...(page.next === null ? {} : { next: page.next }) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/images/:digest',
    config: { action: 'image.read' },
    schema: { params: image, querystring: z.object({ repository: repositoryName.optional() }) },
    handler: async (request) => {
      const { project: inProject, digest } = request.params;
      const detail = await readImage(registry, inProject, digest, request.principal, request.query.repository);
      const [shown] = await enrich(inProject, [detail], 'detail');
      return shown;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/quarantine',
    config: { action: 'image.read', repositoryIn: 'repository' },
    schema: { params: project, querystring: z.object({ repository: repositoryName, reference }) },
    handler: (request) => {
      const { repository } = request.query;
      requireProject(repository, request.params.project);
      return readQuarantine(registry, repository, request.query.reference, request.principal);
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/pulls',
    config: { action: 'image.read' },
    schema: {
      params: project,
      querystring: z.object({
        repository: repositoryName.optional(),
        digest: z.string().refine(isDigest, expected('a digest', 'un digest')).optional(),
        by: z.enum(['hour', 'day']).default('day'),
        count: z.coerce.number().int().min(1).max(PULLS_DAYS_MAX).default(30),
      }),
    },
    handler: async (request) => {
      const { repository, digest, by, count } = request.query;
      if (repository !== undefined) requireProject(repository, request.params.project);
      await registry.pulls.flush();
      return readPullHistory(
        registry.db,
        {
          project: request.params.project,
          by,
          count,
          ...(repository === undefined ? {} : { repository }),
          ...(digest === undefined ? {} : { digest: digest as Digest }),
        },
        registry.clock.now(),
      );
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/grace',
    config: { action: 'image.read' },
    schema: { params: project },
    handler: async (request) => ({ items: await registry.graces.list(request.params.project) }),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/repositories',
    config: { action: 'image.read' },
    schema: { params: project },
    handler: async (request) => ({ items: await listRepositories(registry, request.params.project) }),
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/images/:digest',
    config: { action: 'image.delete', repositoryIn: 'repository' },
    schema: { params: image, querystring: z.object({ repository: repositoryName }) },
    handler: async (request, reply) => {
      const { repository } = request.query;
      const { digest } = request.params;
      requireProject(repository, request.params.project);
      if (!isDigest(digest)) throw registryFault('registry.digest-invalid', { digest });
      await registry.manifests.delete(repository, digest, request.principal);
      void reply.code(204);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/tags',
    config: { action: 'image.delete', repositoryIn: 'repository' },
    schema: { params: project, querystring: z.object({ repository: repositoryName, tag: tagName }) },
    handler: async (request, reply) => {
      const { repository, tag } = request.query;
      requireProject(repository, request.params.project);
      await registry.manifests.deleteTag(repository, tag, request.principal);
      void reply.code(204);
    },
  });
}

/** The right was asked for the project in the path, so the repository must be in that project. */
function requireProject(repository: string, asked: string): void {
  if (projectOf(repository) !== asked) throw registryFault('registry.repository-unknown', { repository });
}
