import { z } from 'zod';
import { type ApiApp, visibleProjects } from '../../access/index.ts';
import { networkFault } from '../errors.ts';
import { CHAIN_BYTES_MAX, EDGE_PROXIES_MAX, KEY_BYTES_MAX } from '../limits.ts';
import type { ServedCertificates } from './served.ts';
import type { EdgeSettingsOfAll } from './settings.ts';

const id = z.string().regex(/^[0-9a-f]{16}$/);

export function registerServedRoutes(
  app: ApiApp,
  parts: {
    readonly served: ServedCertificates;
    readonly readSettings: () => Promise<EdgeSettingsOfAll>;
    readonly writeSettings: (settings: EdgeSettingsOfAll, actor: string) => Promise<void>;
  },
): void {
  const { served } = parts;
  app.route({
    method: 'GET',
    url: '/api/v1/certificates',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary: 'Certificates that the edge serves beside the platform’s own, first to end first',
    },
    handler: async (request) => {
      const visible = visibleProjects(request.principal, 'workload.read');
      const all = await served.list();
      return { items: all.filter(({ project }) => project === null || visible === '*' || visible.includes(project)) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/certificates/:id',
    config: { action: 'workload.read' },
    schema: { tags: ['network'], summary: 'One certificate with its chain; never its key', params: z.object({ id }) },
    handler: async (request) => {
      const found = await served.read(request.params.id);
      const visible = visibleProjects(request.principal, 'workload.read');
      if (found.project !== null && visible !== '*' && !visible.includes(found.project))
        throw networkFault('network.certificate-unknown', { id: request.params.id });
      return found;
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/certificates',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Add a certificate of the institution: chain and key in PEM; one of the same names is replaced',
      body: z.strictObject({
        chain: z.string().max(CHAIN_BYTES_MAX),
        key: z.string().max(KEY_BYTES_MAX),
        project: z.string().max(40).nullable().default(null),
      }),
    },
    handler: async (request, reply) => reply.code(201).send(await served.add(request.body, request.principal.actor)),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/certificates/:id',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Serve a certificate no longer; its key is forgotten',
      params: z.object({ id }),
    },
    handler: async (request) => {
      await served.remove(request.params.id, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/edge/settings',
    config: { action: 'platform.admin' },
    schema: { tags: ['network'], summary: 'What holds for the whole edge: balancers in front of it' },
    handler: async () => parts.readSettings(),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/edge/settings',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['network'],
      summary: 'Set the networks of balancers in front, whose PROXY protocol is believed',
      body: z.strictObject({ proxies: z.array(z.string().max(64)).max(EDGE_PROXIES_MAX) }),
    },
    handler: async (request) => {
      await parts.writeSettings(request.body, request.principal.actor);
      return parts.readSettings();
    },
  });
}
