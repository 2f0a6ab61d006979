import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { SHIELD_FEED_MAX_BYTES } from '../limits.ts';
import type { Shields } from './shields.ts';

const params = z.object({ name: z.string().max(253) });
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

/** @param hosts those that answer now */
export function registerShieldRoutes(app: ApiApp, shields: Shields, hosts: () => readonly string[]): void {
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/shield',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => {
      const { entries, ...feed } = await shields.feed();
      return { items: entries, ...feed };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/shield/feed',
    config: { action: 'host.read' },
    schema: {},
    handler: () => shields.exportFeed(),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/shield/feed',
    config: { action: 'platform.admin' },
    bodyLimit: 4 * SHIELD_FEED_MAX_BYTES,
    schema: { body: z.strictObject({ feed: base64, bundles: z.array(base64).max(20).default([]) }) },
    handler: async ({ body, principal }) => {
      const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
      const {
        entries,
        unstoppable: _,
        ...taken
      } = await shields.takeFeed(bytes(body.feed), body.bundles.map(bytes), hosts(), principal.actor);
      return { ...taken, entries: entries.length };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/kernel/shield',
    config: { action: 'host.read' },
    schema: { params },
    handler: async ({ params: { name } }) => ({ items: await shields.states(name) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/hosts/:name/kernel/shield',
    config: { action: 'platform.admin' },
    schema: {
      params,
      body: z.object({
        entry: z.string().max(100),
        change: z.enum(['apply', 'undo', 'try']),
        restart: z.boolean().default(false),
      }),
    },
    handler: async ({ params: { name }, body, principal }, reply) => {
      void reply.code(202);
      return shields.change(name, body.change, body.entry, principal.actor, body.restart);
    },
  });
}
