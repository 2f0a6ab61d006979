import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import { projectOf } from '../oci/index.ts';
import { expected } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { isOurRepository } from './names.ts';
import type { Registry } from './registry.ts';

/** Long work on the registry's content, answered by whoever runs operations. */
export interface RegistryWork {
  /** @returns the operation to follow: a new one, or the one that does the same work already */
  start(
    work: { readonly kind: 'retention'; readonly project: string } | { readonly kind: 'collection' | 'scrub' },
    actor: string,
  ): Promise<{ readonly operation: string }>;
}

const project = z.object({ project: z.string().min(1).max(128) });

/** What the registry removes and checks by itself: previews, figures, and a start by hand. */
export function registerWorkRoutes(app: ApiApp, registry: Registry, work: RegistryWork): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/retention',
    config: { action: 'image.read' },
    schema: {
      params: project,
      querystring: z.object({
        repository: z
          .string()
          .max(255)
          .refine(isOurRepository, expected('PROJECT/IMAGE', 'PROYECTO/IMAGEN'))
          .optional(),
      }),
    },
    handler: (request) => {
      const { repository } = request.query;
      if (repository !== undefined && projectOf(repository) !== request.params.project) {
        throw registryFault('registry.repository-unknown', { repository });
      }
      return registry.retention.preview(request.params.project, repository);
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/retention',
    config: { action: 'repository.manage' },
    schema: { params: project },
    handler: async (request, reply) => {
      const started = await work.start({ kind: 'retention', project: request.params.project }, request.principal.actor);
      void reply.code(202);
      return started;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/registry/status',
    config: { action: 'host.read' },
    schema: {},
    handler: () => registry.status(),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/registry/collection',
    config: { action: 'platform.admin' },
    schema: {},
    handler: async (request, reply) => {
      void reply.code(202);
      return work.start({ kind: 'collection' }, request.principal.actor);
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/registry/scrub',
    config: { action: 'platform.admin' },
    schema: {},
    handler: async (request, reply) => {
      void reply.code(202);
      return work.start({ kind: 'scrub' }, request.principal.actor);
    },
  });
}
