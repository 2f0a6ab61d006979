import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import type { Drills } from './drills.ts';

const at = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/);

/** @param start begins a drill as an operation that people can follow; answers its number */
export function registerDrillRoutes(
  app: ApiApp,
  parts: { readonly drills: Drills; readonly start: (actor: string) => Promise<string> },
): void {
  const { drills, start } = parts;
  app.route({
    method: 'GET',
    url: '/api/v1/drills',
    config: { action: 'incident.read' },
    schema: { tags: ['incidents'], summary: 'Drills that were made, newest first, and when the next is' },
    handler: async () => ({ items: await drills.list(), plan: await drills.plan() }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/drills/:id',
    config: { action: 'incident.read' },
    schema: { tags: ['incidents'], summary: 'A drill, rule by rule', params: z.object({ id: z.uuid() }) },
    handler: async (request) => drills.read(request.params.id),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/drills',
    config: { action: 'incident.respond' },
    schema: { tags: ['incidents'], summary: 'Make a drill; answers an operation' },
    handler: async (request) => ({ operation: await start(request.principal.actor) }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/drills/plan',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['incidents'],
      summary: 'When a drill is made each day',
      body: z.strictObject({ at: at.nullable() }),
    },
    handler: async (request) => {
      await drills.setPlan(request.body.at, request.principal.actor);
      return drills.plan();
    },
  });
}
