import { z } from 'zod';
import { type ApiApp, may, type Principal, personBehind, requirePerson } from '../../access/index.ts';
import { requireActionRight } from '../action-rights.ts';
import { respondFault } from '../errors.ts';
import type { Incident } from '../incident.ts';
import { POLICY_BYTES_MAX } from '../limits.ts';
import type { Respond } from '../respond.ts';
import { readPlaybook } from './playbook.ts';
import type { Playbooks } from './playbooks.ts';

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/);
const number = z.coerce.number().int().min(1).max(0x7fff_ffff);
const id = z.uuid();

export function registerPlaybookRoutes(
  app: ApiApp,
  parts: { readonly respond: Respond; readonly playbooks: Playbooks },
): void {
  const { respond, playbooks } = parts;
  app.route({
    method: 'GET',
    url: '/api/v1/playbooks',
    config: { action: 'policy.read' },
    schema: { tags: ['incidents'], summary: 'Playbooks in force' },
    handler: async () => ({ items: playbooks.list() }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/playbooks',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['incidents'],
      summary: 'Put a playbook in force',
      body: z.strictObject({ source: z.string().max(POLICY_BYTES_MAX) }),
    },
    handler: async ({ body, principal }) => playbooks.apply(body.source, personBehind(principal), principal.actor),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/playbooks/check',
    config: { action: 'policy.read' },
    schema: {
      tags: ['incidents'],
      summary: 'Every mistake of a playbook with its line, or its steps; nothing is put in force',
      body: z.strictObject({ source: z.string().max(POLICY_BYTES_MAX) }),
    },
    handler: async ({ body }) => ({ playbook: readPlaybook(body.source) }),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/playbooks/:name',
    config: { action: 'platform.admin' },
    schema: { tags: ['incidents'], summary: 'Take a playbook out of force', params: z.object({ name }) },
    handler: async (request) => {
      await playbooks.remove(request.params.name, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/playbooks/:name/preview',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'What each step of a playbook would do about an incident now',
      params: z.object({ name }),
      querystring: z.object({ incident: number }),
    },
    handler: async (request) => {
      await visible(request.principal, request.query.incident);
      return { items: await playbooks.preview(request.params.name, request.query.incident) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/incidents/:number/playbooks',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Runs of playbooks about an incident, newest first',
      params: z.object({ number }),
    },
    handler: async (request) => {
      await visible(request.principal, request.params.number);
      return { items: await playbooks.runs(request.params.number) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/incidents/:number/playbooks',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Run a playbook about an incident',
      params: z.object({ number }),
      body: z.strictObject({ playbook: name }),
    },
    handler: async (request) => {
      const { principal, params, body } = request;
      const incident = await visible(principal, params.number);
      // Who starts it orders each of its steps, but for those that somebody else has to agree to.
      requireActionRight(principal, incident, 'notify');
      for (const step of playbooks.named(body.playbook).playbook.steps)
        if (!step.approve) requireActionRight(principal, incident, step.do);
      return playbooks.start(body.playbook, incident.number, principal.actor, personBehind(principal));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/playbook-runs/:id',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'A run of a playbook, step by step', params: z.object({ id }) },
    handler: async (request) => {
      const run = await playbooks.run(request.params.id);
      await visible(request.principal, run.incident);
      return run;
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/playbook-runs/:id/answer',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Agree to the step that a run waits with, or decline it',
      params: z.object({ id }),
      body: z.strictObject({ approve: z.boolean() }),
    },
    handler: async (request) => {
      const { principal, params, body } = request;
      const run = await playbooks.run(params.id);
      const incident = await visible(principal, run.incident);
      requireActionRight(principal, incident, 'notify');
      if (body.approve) requirePerson(principal);
      // Who agrees does it, as with an action that a policy asks for.
      if (body.approve) for (const kind of await playbooks.asked(run)) requireActionRight(principal, incident, kind);
      return playbooks.answer(params.id, body, principal.actor);
    },
  });

  async function visible(principal: Principal, wanted: number): Promise<Incident> {
    const incident = await respond.incident(wanted);
    if (!may(principal, 'incident.read', incident.project))
      throw respondFault('respond.incident-unknown', { number: wanted });
    return incident;
  }
}
