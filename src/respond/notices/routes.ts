import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { PAGE_MAX } from '../limits.ts';
import { channelShape, type Notices } from './notices.ts';

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/);

export function registerNoticeRoutes(app: ApiApp, notices: Notices): void {
  app.route({
    method: 'GET',
    url: '/api/v1/notices/channels',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Whom the platform tells of incidents' },
    handler: async () => ({ items: notices.channels() }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/notices/channels',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Set up a channel', body: channelShape },
    handler: async (request) => notices.add(request.body, request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/notices/channels/:name',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Tell it no longer', params: z.object({ name }) },
    handler: async (request) => {
      await notices.remove(request.params.name, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/notices/channels/:name/test',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Send a test now', params: z.object({ name }) },
    handler: async (request) => {
      return { note: await notices.test(request.params.name) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/notices/deliveries',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['incidents'],
      summary: 'What was told, waits or failed, newest first',
      querystring: z.object({ limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50) }),
    },
    handler: async (request) => ({ items: await notices.deliveries(request.query.limit) }),
  });
}
