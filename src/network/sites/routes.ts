import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { type Sites, siteHostShape, siteShape } from './sites.ts';

export function registerSiteRoutes(app: ApiApp, sites: Sites): void {
  const host = z.string().max(253);
  app.route({
    method: 'GET',
    url: '/api/v1/site',
    config: { action: 'host.read' },
    schema: {
      tags: ['network'],
      summary: 'This site, the hosts that it shares with others, and what DNS tells of them',
    },
    handler: async () => sites.state(),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/site',
    config: { action: 'platform.admin' },
    schema: { tags: ['network'], summary: 'Set name and addresses of this site, and the DNS server', body: siteShape },
    handler: async (request) => {
      await sites.set(request.body, request.principal.actor);
      return sites.state();
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/site/hosts/:host',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Share a host with other sites by DNS',
      params: z.object({ host }),
      body: siteHostShape,
    },
    handler: async (request) => {
      await sites.addHost(request.params.host.toLowerCase(), request.body, request.principal.actor);
      // Nobody waits for the DNS server: how it went is in the state.
      void sites.tick();
      return sites.state();
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/site/hosts/:host',
    config: { action: 'platform.admin' },
    schema: { tags: ['network'], summary: 'Take a host of this site out of DNS', params: z.object({ host }) },
    handler: async (request) => {
      await sites.removeHost(request.params.host.toLowerCase(), request.principal.actor);
      return sites.state();
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/site/drained',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Take this site out of DNS before its maintenance, or bring it back',
      body: z.strictObject({ drained: z.boolean() }),
    },
    handler: async (request) => {
      await sites.drain(request.body.drained, request.principal.actor);
      void sites.tick();
      return sites.state();
    },
  });
}
