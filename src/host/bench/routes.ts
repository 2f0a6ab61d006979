import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { BENCH_REPORT_MAX } from '../limits.ts';
import type { Benches } from './benches.ts';
import { CHECK_STATES } from './check.ts';

const params = z.object({ name: z.string().max(253) });
const check = z.string().min(1).max(200);

export function registerBenchRoutes(app: ApiApp, benches: Benches): void {
  app.route({
    method: 'GET',
    url: '/api/v1/bench',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({ items: await benches.overview() }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/bench/exceptions',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({ items: await benches.acceptances() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/bench/exceptions',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        check,
        /** Null: on every host. */
        host: z.string().max(253).nullable().default(null),
        reason: z.string().min(1).max(2_000),
        /** A day, or a time of RFC 3339. */
        until: z.union([z.iso.date(), z.iso.datetime()]),
      }),
    },
    handler: async ({ body, principal }, reply) => {
      void reply.code(201);
      return benches.accept(body, principal.actor);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/bench/exceptions/:id',
    config: { action: 'platform.admin' },
    schema: { params: z.object({ id: z.string().max(100) }) },
    handler: async ({ params: { id }, principal }, reply) => {
      await benches.revoke(id, principal.actor);
      void reply.code(204);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/bench',
    config: { action: 'host.read' },
    schema: { params, querystring: z.object({ state: z.enum(CHECK_STATES).optional() }) },
    handler: async ({ params: { name }, query: { state } }) => {
      const view = await benches.view(name);
      return { ...view, items: view.items.filter((item) => state === undefined || item.state === state) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/hosts/:name/bench',
    config: { action: 'platform.admin' },
    schema: {
      params,
      body: z.object({
        change: z.enum(['look', 'fix', 'undo']).default('look'),
        /** Ids; none: all. */
        checks: z.array(check).max(BENCH_REPORT_MAX).default([]),
      }),
    },
    handler: async ({ params: { name }, body: { change, checks }, principal }, reply) => {
      void reply.code(202);
      const task = change === 'look' ? ({ kind: 'bench' } as const) : ({ kind: 'bench-fix', change, checks } as const);
      return benches.start(name, task, principal.actor);
    },
  });
}
