import { z } from 'zod';
import { type ApiApp, type Principal, visibleProjects } from '../../access/index.ts';
import { type Deployments, isAsWanted, type PublishedRoute } from '../../deploy/index.ts';
import { FACTS_PAGE_MAX, type Journal } from '../../journal/index.ts';
import { type Operation, type Operations, progressFault, viewOperation } from '../../progress/index.ts';
import type { Registry } from '../../registry/index.ts';
import type { Respond } from '../../respond/index.ts';
import type { DeadlineQuery, Scans, ShownDeadline } from '../../scan/index.ts';
import { languageOf, type Text } from '../../system/index.ts';
import type { Instance } from '../setup/instance.ts';
import { maySeeOperation } from './events.ts';
import type { Hosts } from './hosts.ts';
import type { Pipeline } from './pipeline.ts';
import type { PlatformStatus } from './status.ts';
import { decisionTodos, type ToDecide } from './to-decide.ts';

export interface PlatformParts {
  readonly instance: Instance;
  readonly status: PlatformStatus;
  readonly hosts: Hosts;
  readonly deployments: Deployments;
  readonly journal: Journal;
  readonly operations: Operations;
  readonly respond: Respond;
  readonly registry: Registry;
  readonly scans: Scans;
  readonly pipeline: Pipeline;
  /** By when what runs has to be better. */
  readonly deadlines: (query: DeadlineQuery) => Promise<readonly ShownDeadline[]>;
  /** Sources of advisories that are older than they may be; null when there is none at all. */
  readonly oldAdvisories: () => Promise<readonly string[] | null>;
  readonly routes: () => Promise<readonly PublishedRoute[]>;
  readonly toDecide: ToDecide;
}

export interface Todo {
  readonly id: string;
  readonly kind: string;
  readonly weight: number;
  readonly text: Text;
  readonly href: string;
  readonly action: Text;
}

/** What belongs to the platform as a whole: status, overview, hosts, operations, audit, published routes, bases. */
export function registerPlatformRoutes(app: ApiApp, parts: PlatformParts): void {
  const { status, hosts, deployments, journal, operations, pipeline } = parts;

  app.route({
    method: 'GET',
    url: '/api/v1/status',
    // `up` asks before anybody is logged in; nothing here is of a project.
    config: { action: 'public' },
    handler: async () => status.describe(hosts.views()),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/overview',
    config: { action: 'any' },
    handler: async (request) => overview(parts, request.principal),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts',
    config: { action: 'host.read' },
    handler: async () => ({
      items: hosts.views().map(({ name, state, lastSeenAt, facts, sensor }) => ({
        name,
        state,
        lastSeenAt,
        kernel: facts?.kernel ?? null,
        engine: facts?.engine ?? null,
        cgroup: facts?.cgroup ?? null,
        adaptations: facts?.adaptations ?? [],
        sensor,
      })),
    }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/routes',
    config: { action: 'workload.read' },
    handler: async (request) => {
      const visible = visibleProjects(request.principal, 'workload.read');
      const statuses = deployments.statuses(request.principal);
      const items = (await parts.routes())
        .filter((route) => visible === '*' || visible.includes(route.project))
        .map((route) => {
          const known = statuses.filter(
            ({ key }) =>
              key.project === route.project &&
              key.environment === route.environment &&
              route.workloads.includes(key.name),
          );
          // A service without pods has none ready; of pods that no host told of yet nothing is known.
          const unknown = known.length < route.workloads.length;
          return { ...route, ready: unknown ? null : known.reduce((sum, { ready }) => sum + ready, 0) };
        });
      return { items };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/operations',
    config: { action: 'any' },
    schema: {
      querystring: z.object({
        state: z.string().max(20).optional(),
        limit: z.coerce.number().int().min(1).max(200).default(50),
      }),
    },
    handler: async (request) => {
      const { state, limit } = request.query;
      const projects = visibleProjects(request.principal, 'project.read');
      const found = await operations.list({ projects, limit, ...(state === undefined ? {} : { state }) });
      const language = languageOf(request.headers['accept-language']);
      return { items: found.map((operation) => ({ ...viewOperation(operation, language), steps: undefined })) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/operations/:id',
    config: { action: 'any' },
    schema: { params: z.object({ id: z.string().max(40) }) },
    handler: async (request) =>
      viewOperation(
        await readOperation(request.principal, request.params.id),
        languageOf(request.headers['accept-language']),
      ),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/operations/:id/cancel',
    config: { action: 'any' },
    schema: { params: z.object({ id: z.string().max(40) }) },
    handler: async (request) => {
      const operation = await readOperation(request.principal, request.params.id);
      if (operation.actor !== request.principal.actor && !isAdministrator(request.principal)) {
        throw progressFault('progress.operation-unknown', { id: operation.id });
      }
      if (operation.state !== 'running')
        throw progressFault('progress.ended', { id: operation.id, state: operation.state });
      operations.cancel(operation.id, request.principal.actor);
      return {};
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/bases',
    config: { action: 'base.create' },
    schema: {
      body: z.object({
        release: z.string().max(60),
        include: z.array(z.string().max(100)).max(200).default([]),
        name: z.string().max(100).optional(),
      }),
    },
    handler: async (request, reply) => {
      const { release, include, name } = request.body;
      return reply
        .code(202)
        .send(await pipeline.createBase({ release, include, name: name ?? null, by: request.principal }));
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/audit/facts',
    config: { action: 'audit.read' },
    schema: {
      querystring: z.object({
        kind: z.string().max(60).optional(),
        project: z.string().max(100).optional(),
        subject: z.string().max(300).optional(),
        digest: z.string().max(160).optional(),
        before: z.coerce.number().int().min(1).optional(),
        limit: z.coerce.number().int().min(1).max(FACTS_PAGE_MAX).default(100),
      }),
    },
    handler: async (request) => {
      const { kind, project, subject, digest, before, limit } = request.query;
      const visible = visibleProjects(request.principal, 'audit.read');
      const projects = project === undefined ? visible : visible === '*' || visible.includes(project) ? [project] : [];
      const items = await journal.query({
        projects,
        limit,
        ...(kind === undefined ? {} : { kinds: [kind] }),
        ...(subject === undefined ? {} : { subject }),
        ...(digest === undefined ? {} : { digest }),
        ...(before === undefined ? {} : { before }),
      });
      const last = items.length === limit ? items.at(-1) : undefined;
      return { items, ...(last === undefined ? {} : { next: String(last.seq) }) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/audit/verify',
    config: { action: 'audit.read' },
    handler: async () => journal.verify(),
  });

  async function readOperation(principal: Principal, id: string): Promise<Operation> {
    const operation = await operations.read(id);
    if (!maySeeOperation(principal, operation)) throw progressFault('progress.operation-unknown', { id });
    return operation;
  }
}

function isAdministrator(principal: Principal): boolean {
  return principal.grants.some((grant) => grant.role === 'admin' && grant.project === '*');
}

/** The three questions: is everything serving, what must I do today, what changed since I last looked. */
async function overview(parts: PlatformParts, principal: Principal): Promise<object> {
  const { deployments, respond, journal, hosts } = parts;
  const statuses = deployments.statuses(principal);
  const degraded = statuses.filter((one) => !isAsWanted(one));
  const todo: Todo[] = [];
  const incidents = await respond.incidents({
    projects: visibleProjects(principal, 'incident.read'),
    states: ['open', 'acknowledged'],
    limit: 20,
  });
  for (const incident of incidents) {
    todo.push({
      id: `incident-${incident.number}`,
      kind: 'incident',
      weight: incident.state === 'open' ? 100 : 80,
      text: {
        en: `Incident ${incident.number}: ${incident.title.en}`,
        es: `Incidente ${incident.number}: ${incident.title.es}`,
      },
      href: `/incidents/${incident.number}`,
      action: { en: 'Look and respond', es: 'Ver y responder' },
    });
  }
  const projects = await deployments.listProjects(principal);
  for (const project of projects) {
    for (const promotion of await deployments.listPromotions(project.name)) {
      if (promotion.state !== 'awaiting-approval') continue;
      const mine = promotion.involved.includes(principal.actor);
      todo.push({
        id: `promotion-${promotion.id}`,
        kind: 'promotion',
        weight: mine ? 20 : 60,
        text: {
          en: `${project.name}: promotion from ${promotion.from} to ${promotion.to} awaits approval${mine ? ' by another person' : ''}`,
          es: `${project.name}: la promoción de ${promotion.from} a ${promotion.to} espera aprobación${mine ? ' de otra persona' : ''}`,
        },
        href: `/projects/${project.name}?promotion=${promotion.id}`,
        action: mine ? { en: 'View', es: 'Ver' } : { en: 'Approve or reject', es: 'Aprobar o denegar' },
      });
    }
  }
  for (const one of degraded) {
    const { project, environment, name } = one.key;
    const text = one.conditions[0]?.text ?? {
      en: `${one.ready} of ${one.wanted} ready`,
      es: `${one.ready} de ${one.wanted} listas`,
    };
    todo.push({
      id: `workload-${project}-${environment}-${name}`,
      kind: 'workload',
      weight: one.phase === 'progressing' ? 30 : 70,
      text: {
        en: `${project}/${name} (${environment}): ${text.en}`,
        es: `${project}/${name} (${environment}): ${text.es}`,
      },
      href: `/projects/${project}/workloads/${environment}/${name}`,
      action: { en: 'Open the workload', es: 'Abrir la carga de trabajo' },
    });
  }
  for (const { name, state, sensor } of hosts.views()) {
    const isBlind = state === 'away' || sensor?.state === 'down';
    if (!isBlind) continue;
    todo.push({
      id: `host-${name}`,
      kind: 'host',
      weight: 90,
      text: {
        en: state === 'away' ? `Host ${name} is away` : `The sensor of ${name} is down: nothing is watched there`,
        es:
          state === 'away' ? `El host ${name} no responde` : `El sensor de ${name} no funciona: ahí no se vigila nada`,
      },
      href: '/hosts',
      action: { en: 'Open the host', es: 'Abrir el host' },
    });
  }
  const names = projects.map(({ name }) => name);
  todo.push(
    ...(await decisionTodos(parts.toDecide, principal, names)),
    ...(await deadlineTodos(parts, principal)),
    ...(await advisoryTodo(parts, principal)),
  );
  const changes = await journal.query({ projects: visibleProjects(principal, 'project.read'), limit: 20 });
  return {
    serving: {
      ok: statuses.length - degraded.length,
      total: statuses.length,
      degraded: degraded.map(({ key, conditions, ready, wanted }) => ({
        project: key.project,
        environment: key.environment,
        workload: key.name,
        text: conditions[0]?.text ?? { en: `${ready} of ${wanted} ready`, es: `${ready} de ${wanted} listas` },
      })),
    },
    todo: todo.sort((one, other) => other.weight - one.weight),
    changes,
  };
}

const DAY_MS = 86_400_000;
/** Deadlines that the overview looks at: those due first. */
const DEADLINES_SEEN_MAX = 1000;
/** What is due later than this is no matter of today. */
const DUE_SOON_MS = 2 * DAY_MS;

/** One line for each place with something that is late or due soon. */
async function deadlineTodos(parts: PlatformParts, principal: Principal): Promise<Todo[]> {
  const projects = visibleProjects(principal, 'image.read');
  const now = Date.now();
  const due = (await parts.deadlines({ projects, limit: DEADLINES_SEEN_MAX })).filter(
    (one) => Date.parse(one.due) < now + DUE_SOON_MS,
  );
  return [...Map.groupBy(due, ({ project, environment }) => `${project}/${environment}`)].map(([place, all]): Todo => {
    const over = all.filter((one) => Date.parse(one.due) <= now);
    const [first] = all;
    const day = (first?.due ?? '').slice(0, 10);
    const names = [...new Set(all.flatMap(({ finding }) => (finding === null ? [] : [finding])))]
      .slice(0, 3)
      .join(', ');
    const about = names === '' ? '' : `: ${names}`;
    const text: Text =
      over.length > 0
        ? {
            en: `${place}: ${over.length} ${over.length === 1 ? 'deadline has' : 'deadlines have'} passed${about}`,
            es: `${place}: ${over.length === 1 ? 'ha vencido 1 plazo' : `han vencido ${over.length} plazos`}${about}`,
          }
        : {
            en: `${place}: ${all.length} ${all.length === 1 ? 'deadline' : 'deadlines'} from ${day} on${about}`,
            es: `${place}: ${all.length === 1 ? '1 plazo' : `${all.length} plazos`} desde el ${day}${about}`,
          };
    return {
      id: `deadline-${place}`,
      kind: 'deadline',
      weight: over.length > 0 ? 95 : 65,
      text,
      href: first === undefined ? '/' : `/projects/${first.project}/images/${first.digest}?tab=plan`,
      action: { en: 'See the upgrades', es: 'Ver las actualizaciones' },
    };
  });
}

/** Old knowledge makes every "nothing was found" worth less. */
async function advisoryTodo(parts: PlatformParts, principal: Principal): Promise<Todo[]> {
  if (!isAdministrator(principal)) return [];
  const old = await parts.oldAdvisories();
  if (old !== null && old.length === 0) return [];
  const names = old === null ? '' : old.slice(0, 3).join(', ');
  return [
    {
      id: 'advisories',
      kind: 'advisories',
      weight: old === null ? 55 : 75,
      text:
        old === null
          ? {
              en: 'There are no advisories: nothing can be said of any package',
              es: 'No hay avisos: no se puede decir nada de ningún paquete',
            }
          : {
              en: `Advisories are old (${names}): newer vulnerabilities are not seen`,
              es: `Hay avisos antiguos (${names}): no se ven las vulnerabilidades más nuevas`,
            },
      href: '/settings/advisories',
      action: { en: 'Update', es: 'Actualizar' },
    },
  ];
}
