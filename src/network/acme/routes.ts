import { z } from 'zod';
import { type ApiApp, visibleProjects } from '../../access/index.ts';
import { CERTIFICATE_NAMES_MAX } from '../limits.ts';
import { acmeShape, type CertificateOrders } from './orders.ts';

export function registerAcmeRoutes(app: ApiApp, orders: CertificateOrders): void {
  app.route({
    method: 'GET',
    url: '/api/v1/certificates/acme',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'The ACME authority and the DNS server of its challenges; null when none is set',
    },
    handler: async () => ({ settings: await orders.settings() }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/certificates/acme',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Set the ACME authority and the DNS server of its challenges',
      body: acmeShape,
    },
    handler: async (request) => ({ settings: await orders.setSettings(request.body, request.principal.actor) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/certificates/orders',
    config: { action: 'workload.read' },
    schema: { tags: ['network'], summary: 'Certificates that are ordered and renewed by ACME' },
    handler: async (request) => {
      const visible = visibleProjects(request.principal, 'workload.read');
      const all = await orders.list();
      return { items: all.filter(({ project }) => project === null || visible === '*' || visible.includes(project)) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/certificates/orders',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Order a certificate by ACME and renew it from then on',
      body: z.strictObject({
        names: z.array(z.string().max(253)).min(1).max(CERTIFICATE_NAMES_MAX),
        project: z.string().max(40).nullable().default(null),
      }),
    },
    handler: async (request, reply) => {
      const order = await orders.add(request.body, request.principal.actor);
      // Nobody waits for it: it takes as long as the authority and its DNS take, and its state says how it went.
      void orders.tick();
      return reply.code(202).send(order);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/certificates/orders/:id',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Renew a certificate no longer; it stays until its end',
      params: z.object({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
    },
    handler: async (request) => {
      await orders.remove(request.params.id, request.principal.actor);
      return {};
    },
  });
}
