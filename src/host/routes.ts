import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import type { Machines } from './machines.ts';
import { TRUTH_STATES } from './truth.ts';

const params = z.object({ name: z.string().max(253) });
const cve = z.string().regex(/^CVE-\d{4}-\d{4,9}$/);

export function registerHostRoutes(app: ApiApp, machines: Machines): void {
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/kernel',
    config: { action: 'host.read' },
    schema: { params },
    handler: async ({ params: { name } }) => {
      const { cves: _, ...answer } = await machines.answer(name);
      return { ...answer, facts: machines.facts(name), runtimes: await machines.runtimes(name) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/kernel/cves',
    config: { action: 'host.read' },
    schema: {
      params,
      querystring: z.object({
        state: z.enum(TRUTH_STATES).optional(),
        limit: z.coerce.number().int().min(1).max(100_000).optional(),
      }),
    },
    handler: async ({ params: { name }, query }) => {
      const answer = await machines.answer(name);
      const found = answer.cves.filter(({ state }) => query.state === undefined || state === query.state);
      return { ...answer, cves: query.limit === undefined ? found : found.slice(0, query.limit) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/kernel/vex',
    config: { action: 'host.read' },
    schema: { params },
    handler: ({ params: { name } }) => machines.vex(name),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/hosts',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({ items: await machines.views() }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/cves/:cve',
    config: { action: 'host.read' },
    schema: {
      params: z.object({ cve }),
      querystring: z.object({ limit: z.coerce.number().int().min(1).max(100_000).default(1_000) }),
    },
    handler: ({ params: { cve: id }, query }) => machines.where(id, query.limit),
  });
}
