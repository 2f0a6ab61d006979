import { z } from 'zod';
import { type ApiApp, requirePerson } from '../access/index.ts';
import type { Clock } from '../system/index.ts';
import { type HostException, type HostExceptions, hostExceptionState } from './host-exceptions.ts';
import { HOST_EXCEPTION_CVES_MAX } from './limits.ts';

const id = z.object({ id: z.string().max(36) });

/** Exceptions from what stands against the run-times of hosts: for administrators, and two of them. */
export function registerHostExceptionRoutes(app: ApiApp, exceptions: HostExceptions, clock: Clock): void {
  const show = (one: HostException) => ({ ...one, state: hostExceptionState(one, clock.now()) });
  app.route({
    method: 'GET',
    url: '/api/v1/host-exceptions',
    config: { action: 'host.read' },
    schema: { tags: ['policies'], summary: 'Known vulnerabilities of hosts’ run-times, and the exceptions from them' },
    handler: async () => ({
      items: (await exceptions.list()).map(show),
      hosts: (await exceptions.hosts()).map(({ host, issues }) => ({
        host,
        issues: issues.map(({ exception, ...issue }) => ({ ...issue, exception: exception?.id ?? null })),
      })),
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/host-exceptions',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['policies'],
      summary: 'Ask for an exception for a host’s run-times; another administrator has to approve it',
      body: z.object({
        host: z.string().min(1).max(253),
        /** Without it all that the host is exposed to now, and nothing that becomes known later. */
        cves: z
          .array(z.string().regex(/^CVE-\d{4}-\d{4,9}$/))
          .max(HOST_EXCEPTION_CVES_MAX)
          .nullable()
          .default(null),
        reason: z.string().min(10).max(2000),
        expiresAt: z.iso.datetime(),
      }),
    },
    handler: async (request, reply) => {
      // Two administrators: what one asks for by a token of theirs they could agree to themselves.
      requirePerson(request.principal);
      void reply.code(201);
      return show(await exceptions.request(request.body, request.principal.actor));
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/host-exceptions/:id/approve',
    config: { action: 'platform.admin' },
    schema: { tags: ['policies'], summary: 'Approve a host’s exception that somebody else asked for', params: id },
    handler: async ({ params, principal }) => {
      requirePerson(principal);
      return show(await exceptions.approve(params.id, principal.actor));
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/host-exceptions/:id/revoke',
    config: { action: 'platform.admin' },
    schema: { tags: ['policies'], summary: 'Take a host’s exception back, or refuse one that waits', params: id },
    handler: async ({ params, principal }) => show(await exceptions.revoke(params.id, principal.actor)),
  });
}
