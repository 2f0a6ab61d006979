import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { silentStep } from '../../progress/index.ts';
import type { ModuleUse } from './module-use.ts';

const hosts = z.array(z.string().max(253)).max(1_000).default([]);
const keep = z
  .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/))
  .max(1_000)
  .default([]);
const names = (list: readonly string[]): string[] => list.map((one) => one.replaceAll('-', '_'));
const listed = z
  .string()
  .max(10_000)
  .optional()
  .transform((text) => (text ?? '').split(',').filter(Boolean));

export function registerModuleRoutes(app: ApiApp, modules: ModuleUse): void {
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/modules',
    config: { action: 'host.read' },
    schema: { querystring: z.object({ hosts: listed }) },
    handler: async ({ query }) => ({ items: modules.list(query.hosts) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/modules/proposal',
    config: { action: 'host.read' },
    schema: { querystring: z.object({ hosts: listed, keep: listed }) },
    handler: ({ query }) => modules.propose(query.hosts, names(query.keep)),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/modules',
    config: { action: 'platform.admin' },
    schema: { body: z.object({ hosts, keep, change: z.enum(['trial', 'enforce', 'undo']) }) },
    handler: async ({ body, principal }, reply) => {
      void reply.code(202);
      return modules.order({ ...body, keep: names(body.keep) }, principal.actor);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/kernel/modules',
    config: { action: 'host.read' },
    schema: { params: z.object({ name: z.string().max(253) }) },
    handler: ({ params: { name } }) => modules.standing(name, silentStep),
  });
}
