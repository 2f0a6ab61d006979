import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { rolloutRules } from './plan.ts';
import type { Rollouts } from './rollouts.ts';

const params = z.object({ id: z.string().max(100) });

export function registerRolloutRoutes(app: ApiApp, rollouts: Rollouts): void {
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/rollouts',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({ items: rollouts.list() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/rollouts',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        patch: z.string().regex(/^[A-Za-z0-9_]{1,55}$/),
        /** Names of hosts, `*` for part of one; none: every host that the patch fits. */
        hosts: z.array(z.string().max(253)).max(1_000).default([]),
        rules: rolloutRules.prefault({}),
      }),
    },
    handler: async ({ body: { patch, hosts, rules }, principal }, reply) => {
      void reply.code(201);
      return rollouts.start({ patch, rules, patterns: hosts }, principal.actor);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/rollouts/:id',
    config: { action: 'host.read' },
    schema: { params },
    handler: async ({ params: { id } }) => rollouts.show(id),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/rollouts/:id/pause',
    config: { action: 'platform.admin' },
    schema: { params },
    handler: async ({ params: { id }, principal }) => rollouts.order(id, 'pause', principal.actor),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/rollouts/:id/resume',
    config: { action: 'platform.admin' },
    schema: { params },
    handler: async ({ params: { id }, principal }) => rollouts.order(id, 'resume', principal.actor),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/rollouts/:id/abort',
    config: { action: 'platform.admin' },
    schema: { params, body: z.object({ rollBack: z.boolean().default(true) }).prefault({}) },
    handler: async ({ params: { id }, body, principal }) => rollouts.order(id, 'abort', principal.actor, body),
  });
}
