import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal, visibleProjects } from '../access/index.ts';
import { PRIORITIES } from '../detect/index.ts';
import { type Language, languageOf, type Text } from '../system/index.ts';
import { missingRight, requireActionRight } from './action-rights.ts';
import { ACTIONS } from './actions.ts';
import { priorityRank } from './alert.ts';
import { respondFault } from './errors.ts';
import type { ActionKind, Incident } from './incident.ts';
import { PAGE_MAX } from './limits.ts';
import type { Respond } from './respond.ts';
import { showAction, showDetail, showIncident } from './view.ts';

const limit = z.coerce.number().int().min(1).max(PAGE_MAX).default(50);
const number = z.coerce.number().int().min(1).max(0x7fff_ffff);
const project = z.string().max(200).optional();

export function registerRespondRoutes(app: ApiApp, respond: Respond): void {
  const show = (incident: Incident, language: Language) =>
    showIncident(incident, language, { gone: respond.isGone(incident) });
  app.route({
    method: 'GET',
    url: '/api/v1/incidents',
    config: { action: 'incident.read' },
    schema: {
      tags: ['incidents'],
      summary: 'Incidents of the projects that the caller may see, newest first',
      querystring: z.object({
        state: z.enum(['open', 'acknowledged', 'contained', 'closed', 'unclosed']).optional(),
        project,
        digest: z.string().max(200).optional(),
        environment: project,
        priority: z.enum(PRIORITIES).optional(),
        owner: project,
        text: project,
        before: number.optional(),
        limit,
      }),
    },
    handler: async (request) => {
      const { state, project: wanted, digest, environment, priority, owner, text, before } = request.query;
      const { limit: most } = request.query;
      const items = await respond.incidents({
        projects: visibleProjects(request.principal, 'incident.read'),
        limit: most,
        ...(state === undefined
          ? {}
          : { states: state === 'unclosed' ? ['open', 'acknowledged', 'contained'] : [state] }),
        ...(wanted === undefined ? {} : { project: wanted }),
        ...(digest === undefined ? {} : { digest }),
        ...(environment === undefined ? {} : { environment }),
        ...(priority === undefined ? {} : { rank: priorityRank(priority) }),
        ...(owner === undefined ? {} : { owner: owner === 'me' ? request.principal.actor : owner }),
        ...(text === undefined ? {} : { text }),
        ...(before === undefined ? {} : { before }),
      });
      const last = items.length === most ? items.at(-1) : undefined;
      const language = languageOf(request.headers['accept-language']);
      return {
        items: items.map((incident) => show(incident, language)),
        ...(last === undefined ? {} : { next: String(last.number) }),
      };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/incidents/:number',
    config: { action: 'incident.read' },
    schema: {
      tags: ['incidents'],
      summary: 'An incident with alerts, timeline, process tree and actions',
      params: z.object({ number }),
    },
    handler: async (request) => {
      await visibleIncident(respond, request.principal, request.params.number);
      const detail = await respond.describe(request.params.number);
      return showDetail(detail, languageOf(request.headers['accept-language']), respond.isGone(detail));
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/incidents/:number/respond',
    // The project is the incident's, not in the URL: the handler asks for it.
    config: { action: 'any' },
    schema: {
      tags: ['incidents'],
      summary: 'Take an incident on, act on it, or close it',
      params: z.object({ number }),
      body: z.discriminatedUnion('action', [
        z.object({
          action: z.literal('kill'),
          target: z.enum(['process', 'container']).default('process'),
          reason: z.string().max(2000).nullable().default(null),
        }),
        z.object({
          action: z.enum(ACTIONS.map(({ kind }) => kind) as [ActionKind, ...ActionKind[]]),
          reason: z.string().max(2000).nullable().default(null),
        }),
        z.object({ action: z.literal('acknowledge') }),
        z.object({
          action: z.literal('close'),
          decision: z.enum(['confirmed', 'false-alarm', 'accepted', 'test']).default('confirmed'),
          reason: z.string().max(2000).default(''),
        }),
      ]),
    },
    handler: async (request) => {
      const { principal, body } = request;
      const incident = await visibleIncident(respond, principal, request.params.number);
      if (!may(principal, 'incident.respond', incident.project)) {
        const place = incident.project ?? 'the platform';
        throw accessFault('access.not-allowed', { name: principal.name, action: 'incident.respond', place });
      }
      const { actor } = principal;
      const language = languageOf(request.headers['accept-language']);
      switch (body.action) {
        case 'kill': {
          const action = await respond.kill(incident.number, { what: body.target, reason: body.reason }, actor);
          return {
            incident: show(await respond.incident(incident.number), language),
            action: showAction(action),
          };
        }
        case 'acknowledge':
          return { incident: show(await respond.acknowledge(incident.number, actor), language), action: null };
        case 'close': {
          const { decision, reason } = body;
          const closed = await respond.close(incident.number, { decision, reason }, actor);
          return { incident: show(closed, language), action: null };
        }
        default: {
          requireActionRight(principal, incident, body.action);
          const { action: kind, reason } = body;
          const action = await respond.act(incident.number, { kind, reason }, actor);
          return {
            incident: show(await respond.incident(incident.number), language),
            action: showAction(action),
          };
        }
      }
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/incidents/:number/actions',
    config: { action: 'incident.read' },
    schema: {
      tags: ['incidents'],
      summary: 'What can be done about an incident now, and what each will do',
      params: z.object({ number }),
    },
    handler: async (request) => {
      const { principal } = request;
      const incident = await visibleIncident(respond, principal, request.params.number);
      const offers = await respond.offers(incident.number);
      return {
        items: offers.map((offer) => {
          const right = offer.why === null ? missingRight(principal, incident, offer.kind) : null;
          return right === null ? offer : { ...offer, why: notYours(right) };
        }),
      };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/alerts',
    config: { action: 'incident.read' },
    schema: {
      tags: ['incidents'],
      summary: 'Alerts, newest first',
      querystring: z.object({
        project,
        incident: number.optional(),
        rule: project,
        before: z.uuid().optional(),
        limit,
      }),
    },
    handler: async (request) => {
      const { project: wanted, incident, rule, before, limit: most } = request.query;
      const items = await respond.alerts({
        projects: visibleProjects(request.principal, 'incident.read'),
        limit: most,
        ...(wanted === undefined ? {} : { project: wanted }),
        ...(incident === undefined ? {} : { incident }),
        ...(rule === undefined ? {} : { rule }),
        ...(before === undefined ? {} : { before }),
      });
      const last = items.length === most ? items.at(-1) : undefined;
      return { items, ...(last === undefined ? {} : { next: last.id }) };
    },
  });
}

function notYours(right: string): Text {
  return { en: `it needs the right ${right}`, es: `se necesita el derecho ${right}` };
}

/** An incident of a project that the caller may not see is not there for them. */
async function visibleIncident(respond: Respond, principal: Principal, wanted: number): Promise<Incident> {
  const incident = await respond.incident(wanted);
  if (!may(principal, 'incident.read', incident.project)) {
    throw respondFault('respond.incident-unknown', { number: wanted });
  }
  return incident;
}
