import { z } from 'zod';
import { type ApiApp, visibleProjects } from '../../access/index.ts';
import { viewOperation } from '../../progress/index.ts';
import { languageOf } from '../../system/index.ts';
import type { Replications } from './replications.ts';
import { given } from './routes.ts';
import type { Watches } from './watches.ts';

const name = z.object({ name: z.string().max(60) });
const patterns = z.array(z.string().max(255)).max(50);

/** Watched registries, copies that should not exist, and replication to other registries. */
export function registerWatchRoutes(
  app: ApiApp,
  parts: { readonly watches: Watches; readonly replications: Replications },
): void {
  const { watches, replications } = parts;

  app.route({
    method: 'GET',
    url: '/api/v1/watches',
    config: { action: 'audit.read' },
    handler: async () => ({ items: await watches.list() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/watches',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        name: z.string().max(60),
        remote: z.string().max(60),
        repositories: patterns,
        tags: patterns.optional(),
        newest: z.number().int().optional(),
        everySeconds: z.number().int().optional(),
      }),
    },
    handler: async (request, reply) => {
      const { name: chosen, ...input } = request.body;
      const made = await watches.create(
        chosen,
        given<Parameters<Watches['create']>[1]>(input),
        request.principal.actor,
      );
      return reply.code(201).send(made);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/watches/:name',
    config: { action: 'audit.read' },
    schema: { params: name },
    handler: async (request) => ({
      ...(await watches.read(request.params.name)),
      images: await watches.images(request.params.name),
    }),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/watches/:name',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request, reply) => {
      await watches.remove(request.params.name, request.principal.actor);
      void reply.code(204);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/watches/:name/check',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request, reply) => {
      const { operation } = await watches.check(request.params.name, request.principal.actor);
      return reply.code(202).send(viewOperation(operation, languageOf(request.headers['accept-language'])));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/copies',
    config: { action: 'audit.read' },
    schema: { querystring: z.object({ all: z.enum(['0', '1']).default('0') }) },
    handler: async (request) => ({
      items: await watches.copies({
        projects: visibleProjects(request.principal, 'audit.read'),
        all: request.query.all === '1',
      }),
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/copies/check',
    config: { action: 'platform.admin' },
    handler: async (request) => {
      await watches.findCopies();
      return {
        items: await watches.copies({ projects: visibleProjects(request.principal, 'audit.read'), all: false }),
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/replications',
    config: { action: 'platform.admin' },
    handler: async () => ({ items: await replications.list() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/replications',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        name: z.string().max(60),
        remote: z.string().max(60),
        repositories: patterns,
        tags: patterns.optional(),
        deletes: z.boolean().optional(),
      }),
    },
    handler: async (request, reply) => {
      const { name: chosen, ...input } = request.body;
      const made = await replications.create(
        chosen,
        given<Parameters<Replications['create']>[1]>(input),
        request.principal.actor,
      );
      return reply.code(201).send(made);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/replications/:name',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request) => ({
      ...(await replications.read(request.params.name)),
      entries: await replications.entries(request.params.name),
    }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/replications/:name',
    config: { action: 'platform.admin' },
    schema: { params: name, body: z.object({ paused: z.boolean() }) },
    handler: async (request) => replications.pause(request.params.name, request.body.paused, request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/replications/:name',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request, reply) => {
      await replications.remove(request.params.name, request.principal.actor);
      void reply.code(204);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/replications/:name/sync',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request) => {
      await replications.sync(request.params.name);
      return replications.read(request.params.name);
    },
  });
}
