import { z } from 'zod';
import { type ApiApp, may, personBehind, requirePerson, visibleProjects } from '../../access/index.ts';
import { requireActionRight } from '../action-rights.ts';
import { respondFault } from '../errors.ts';
import { POLICY_BYTES_MAX, REPLAY_ALERTS_MAX, REPLAY_DAYS_MAX } from '../limits.ts';
import type { Quarantines } from '../quarantines.ts';
import type { Respond } from '../respond.ts';
import { showAction } from '../view.ts';
import type { ResponsePolicies } from './book.ts';
import { PolicyReplay, readResponsePolicy } from './policy.ts';

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/);
const source = z.string().max(POLICY_BYTES_MAX);

export function registerResponseRoutes(
  app: ApiApp,
  parts: { readonly respond: Respond; readonly policies: ResponsePolicies; readonly quarantines: Quarantines },
): void {
  const { respond, policies, quarantines } = parts;
  app.route({
    method: 'GET',
    url: '/api/v1/response/policies',
    config: { action: 'policy.read' },
    schema: { tags: ['incidents'], summary: 'Response policies: what is done by itself' },
    handler: async () => ({ items: policies.list() }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/response/policies',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Put a response policy in force', body: z.strictObject({ source }) },
    handler: async ({ body, principal }) => policies.apply(body.source, personBehind(principal), principal.actor),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/response/policies/check',
    config: { action: 'policy.read' },
    schema: {
      tags: ['incidents'],
      summary: 'Every mistake of a response policy with its line, or what it says; nothing is put in force',
      body: z.strictObject({ source }),
    },
    handler: async ({ body }) => ({ policy: readResponsePolicy(body.source) }),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/response/policies/:name',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Take a response policy out of force', params: z.object({ name }) },
    handler: async (request) => {
      await policies.remove(request.params.name, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/response/policies/try',
    config: { action: 'incident.read' },
    schema: {
      tags: ['incidents'],
      summary: 'What a response policy would have done about the alerts of the last days',
      body: z.strictObject({ source, days: z.number().int().min(1).max(REPLAY_DAYS_MAX).default(7) }),
    },
    handler: async (request) => {
      const policy = readResponsePolicy(request.body.source);
      const past = new PolicyReplay(policy);
      const visible = visibleProjects(request.principal, 'incident.read');
      let alerts = 0;
      for await (const some of respond.alertsSince(visible, request.body.days)) {
        alerts += some.length;
        past.take(some);
      }
      return {
        name: policy.name,
        alerts,
        /** More alerts than are read: the oldest are left out. */
        cut: alerts >= REPLAY_ALERTS_MAX,
        items: past.found,
      };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/incidents/:number/actions/:id',
    // The project is the incident's, not in the URL: the handler asks for it.
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Approve or decline an action that a policy asks for',
      params: z.object({
        number: z.coerce.number().int().min(1).max(0x7fff_ffff),
        /** The beginning of its id, or what it does. */
        id: z.string().regex(/^[a-z0-9-]{4,36}$/),
      }),
      body: z.strictObject({ approve: z.boolean(), reason: z.string().max(2_000).nullable().default(null) }),
    },
    handler: async (request) => {
      const { principal, params, body } = request;
      const incident = await respond.incident(params.number);
      if (!may(principal, 'incident.read', incident.project))
        throw respondFault('respond.incident-unknown', { number: params.number });
      // Who agrees does it: what they could not order themselves they cannot agree to. Anybody who answers incidents may decline.
      if (body.approve) requirePerson(principal);
      if (!body.approve) requireActionRight(principal, incident, 'notify');
      const { id, kind } = await respond.awaiting(params.number, params.id);
      if (body.approve) requireActionRight(principal, incident, kind);
      // By its whole id: what was asked about is what is done.
      return showAction(await respond.decide(params.number, id, body, principal.actor));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/response/quarantine',
    config: { action: 'incident.read' },
    schema: { tags: ['incidents'], summary: 'Images that nobody gets while an incident is looked into' },
    handler: async (request) => ({
      items: quarantines.list(visibleProjects(request.principal, 'incident.read')),
    }),
  });
}
