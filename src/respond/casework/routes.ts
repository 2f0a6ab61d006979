import { z } from 'zod';
import { type ApiApp, may, type Principal } from '../../access/index.ts';
import { PRIORITIES } from '../../detect/index.ts';
import { Fault, languageOf } from '../../system/index.ts';
import { requireActionRight } from '../action-rights.ts';
import { respondFault } from '../errors.ts';
import type { Incident } from '../incident.ts';
import { COMMENT_LENGTH_MAX, TRIAGE_MAX } from '../limits.ts';
import type { Respond } from '../respond.ts';
import { showIncident } from '../view.ts';
import type { Casework } from './casework.ts';

const number = z.coerce.number().int().min(1).max(0x7fff_ffff);
const name = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,59}$/u);
const word = z.string().min(1).max(200);
const commentText = z.string().trim().min(1).max(COMMENT_LENGTH_MAX);

/** What somebody may ask of a list of incidents, and keep under a name. */
const query = z.strictObject({
  state: z.enum(['open', 'acknowledged', 'contained', 'closed', 'unclosed']).optional(),
  project: word.optional(),
  environment: word.optional(),
  priority: z.enum(PRIORITIES).optional(),
  owner: word.optional(),
  text: word.optional(),
});

export function registerCaseworkRoutes(
  app: ApiApp,
  parts: {
    readonly respond: Respond;
    readonly casework: Casework;
    /** Who may work on incidents of a project (null: of hosts), by name. */
    readonly people: (project: string | null) => Promise<readonly string[]>;
  },
): void {
  const { respond, casework } = parts;
  const show = (incident: Incident, languages: string | undefined) =>
    showIncident(incident, languageOf(languages), { gone: respond.isGone(incident) });

  app.route({
    method: 'GET',
    url: '/api/v1/incidents/:number/comments',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'What people wrote down about an incident, and what belongs to it',
      params: z.object({ number }),
    },
    handler: async (request) => {
      const incident = await visible(request.principal, request.params.number);
      const links: object[] = [];
      for (const other of await casework.links(incident.number)) {
        const found = await respond.incident(other);
        // That there is a link says nothing of an incident that the reader may not see.
        if (may(request.principal, 'incident.read', found.project))
          links.push(show(found, request.headers['accept-language']));
      }
      return { items: await casework.comments(incident.number), links };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/incidents/:number/comments',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Write something down about an incident',
      params: z.object({ number }),
      body: z.strictObject({ text: commentText }),
    },
    handler: async (request) => {
      const incident = await worked(request.principal, request.params.number);
      return casework.comment(incident, request.body.text, request.principal.actor);
    },
  });
  const pair = z.object({ number, other: number });
  app.route({
    method: 'PUT',
    url: '/api/v1/incidents/:number/links/:other',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'Say that two incidents belong together', params: pair },
    handler: async ({ principal, params }) => {
      const incident = await worked(principal, params.number);
      await casework.link(incident, await visible(principal, params.other), principal.actor);
      return {};
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/incidents/:number/links/:other',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'Say that two incidents do not belong together', params: pair },
    handler: async ({ principal, params }) => {
      const incident = await worked(principal, params.number);
      await casework.unlink(incident, (await visible(principal, params.other)).number, principal.actor);
      return {};
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/incidents/:number/people',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'Who may work on an incident', params: z.object({ number }) },
    handler: async ({ principal, params }) => {
      const incident = await worked(principal, params.number);
      return { items: (await parts.people(incident.project)).map((name) => ({ name })) };
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/incidents/:number/owner',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Give an incident to somebody who may work on it, or to nobody',
      params: z.object({ number }),
      body: z.strictObject({ name: word.nullable() }),
    },
    handler: async (request) => {
      const { principal, params, body } = request;
      const incident = await worked(principal, params.number);
      const name = body.name?.replace(/^user:/, '') ?? null;
      if (name !== null && !(await parts.people(incident.project)).includes(name))
        throw respondFault('respond.owner-unknown', { number: incident.number, name });
      const owner = name === null ? null : `user:${name}`;
      const given = await respond.assign(incident.number, owner, principal.actor);
      return { incident: show(given, request.headers['accept-language']) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/incidents/:number/reopen',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Go on with an incident that was closed',
      params: z.object({ number }),
      body: z.strictObject({ reason: z.string().trim().min(1).max(2_000) }),
    },
    handler: async (request) => {
      const { principal, params, body } = request;
      const incident = await worked(principal, params.number);
      const open = await respond.reopen(incident.number, body.reason, principal.actor);
      return { incident: show(open, request.headers['accept-language']) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/incidents/triage',
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Take on or close many incidents at once; each is answered by itself',
      body: z.strictObject({
        numbers: z.array(number).min(1).max(TRIAGE_MAX),
        action: z.enum(['acknowledge', 'close']),
        decision: z.enum(['confirmed', 'false-alarm', 'accepted', 'test']).default('confirmed'),
        reason: z.string().max(2_000).default(''),
      }),
    },
    handler: async (request) => {
      const { principal, body } = request;
      const language = languageOf(request.headers['accept-language']);
      const items: object[] = [];
      for (const one of new Set(body.numbers)) {
        try {
          await worked(principal, one);
          const { decision, reason } = body;
          const done =
            body.action === 'acknowledge'
              ? await respond.acknowledge(one, principal.actor)
              : await respond.close(one, { decision, reason }, principal.actor);
          items.push({ number: one, state: done.state, owner: done.owner, problem: null });
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          items.push({ number: one, state: null, owner: null, problem: error.toProblem(language) });
        }
      }
      return { items };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/incident-filters',
    config: { action: 'incident.read' },
    schema: { tags: ['incidents'], summary: 'The caller’s saved filters' },
    handler: async (request) => ({ items: await casework.filters(request.principal.actor) }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/incident-filters',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'Save a filter under a name', body: z.strictObject({ name, query }) },
    handler: async (request) => {
      const { name: wanted, query: asked } = request.body;
      const kept = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
      await casework.saveFilter(request.principal.actor, { name: wanted, query: kept });
      return { name: wanted, query: kept };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/incident-filters/:name',
    config: { action: 'any' },
    schema: { tags: ['incidents'], summary: 'Forget a filter', params: z.object({ name }) },
    handler: async (request) => {
      await casework.removeFilter(request.principal.actor, request.params.name);
      return {};
    },
  });

  async function visible(principal: Principal, wanted: number): Promise<Incident> {
    const incident = await respond.incident(wanted);
    if (!may(principal, 'incident.read', incident.project))
      throw respondFault('respond.incident-unknown', { number: wanted });
    return incident;
  }

  async function worked(principal: Principal, wanted: number): Promise<Incident> {
    const incident = await visible(principal, wanted);
    requireActionRight(principal, incident, 'notify');
    return incident;
  }
}
