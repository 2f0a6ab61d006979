import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import { type Clock, timeOfAges } from '../../system/index.ts';
import { networkFault } from '../errors.ts';
import { EDGE_DENIAL_DAYS_MAX, EDGE_DENIED_MAX, EDGE_LIST_MAX } from '../limits.ts';
import type { SettingsTables } from '../served/settings.ts';
import { DENIED_PATH, isNetwork, type RouteOptions } from './options.ts';

/** What the edge refuses from now on, by decision of a person, whatever the manifests say. */
export interface Denial {
  readonly id: string;
  readonly project: string;
  /** Null: in every environment. */
  readonly environment: string | null;
  /** Null: of every service. */
  readonly service: string | null;
  readonly networks: readonly string[];
  readonly paths: readonly string[];
  readonly reason: string;
  readonly until: string;
  readonly by: string;
  readonly at: string;
}

const DENIALS = 'denials';
const DAY_MS = 86_400_000;
const name = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
const place = z.object({ project: z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?$/) });

export const denialShape = z.strictObject({
  environment: z
    .string()
    .regex(/^[a-z0-9](?:[-a-z0-9]{0,18}[a-z0-9])?$/)
    .nullable()
    .default(null),
  service: name.nullable().default(null),
  networks: z.array(z.string().max(64)).max(EDGE_LIST_MAX).default([]),
  paths: z.array(z.string().max(256)).max(EDGE_LIST_MAX).default([]),
  reason: z.string().min(1).max(500),
  until: z.iso.datetime(),
});

/** The application-level response: networks and paths that the edge refuses for a time, in force within seconds. */
export class Denials {
  readonly #options: {
    readonly db: Kysely<SettingsTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    /** Told after each change: the edge needs the new list. */
    readonly onChange: () => void;
  };
  /** One after the other: each writes the whole list. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly db: Kysely<SettingsTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    readonly onChange: () => void;
  }) {
    this.#options = options;
  }

  /** Those that hold now. */
  async list(): Promise<readonly Denial[]> {
    const now = this.#options.clock.now().getTime();
    return (await this.#all(this.#options.db)).filter(({ until }) => Date.parse(until) > now);
  }

  /** @throws Fault network.denial-invalid */
  async add(project: string, wanted: z.infer<typeof denialShape>, by: string): Promise<Denial> {
    const { clock } = this.#options;
    const now = clock.now();
    const odd =
      wanted.networks.find((text) => !isNetwork(text)) ?? wanted.paths.find((text) => !DENIED_PATH.test(text));
    const lasting = Date.parse(wanted.until) - now.getTime();
    if (odd !== undefined) throw networkFault('network.denial-invalid', { ...ODD, value: odd.slice(0, 80) });
    if (wanted.networks.length + wanted.paths.length === 0) throw networkFault('network.denial-invalid', NOTHING);
    if (lasting <= 0 || lasting > EDGE_DENIAL_DAYS_MAX * DAY_MS) throw networkFault('network.denial-invalid', TIME);
    const denial = { id: randomBytes(8).toString('hex'), project, ...wanted, by, at: now.toISOString() };
    await this.#change('edge.denied', denial, by, (all) => {
      const own = all.filter((one) => one.project === project);
      const entries = [...own, denial].flatMap(({ networks, paths }) => [...networks, ...paths]).length;
      if (entries > EDGE_DENIED_MAX) throw networkFault('network.denial-invalid', MANY);
      return [...all, denial];
    });
    return denial;
  }

  /** @throws Fault network.denial-unknown */
  async remove(project: string, id: string, by: string): Promise<void> {
    const found = (await this.list()).find((one) => one.id === id && one.project === project);
    if (found === undefined) throw networkFault('network.denial-unknown', { id, project });
    await this.#change('edge.denial-ended', found, by, (all) => all.filter((one) => one.id !== id));
  }

  /** Ends what is over, and not before its time for a clock that is ahead for a while; answers whether there was something. */
  async endOver(): Promise<boolean> {
    const now = timeOfAges(this.#options.clock).getTime();
    const over = (await this.#all(this.#options.db)).filter(({ until }) => Date.parse(until) <= now);
    for (const one of over)
      await this.#change('edge.denial-ended', one, 'platform', (all) => all.filter(({ id }) => id !== one.id));
    return over.length > 0;
  }

  #change(
    kind: string,
    denial: Denial,
    actor: string,
    next: (all: readonly Denial[]) => readonly Denial[],
  ): Promise<void> {
    const turn = this.#changing.then(() => this.#write(kind, denial, actor, next));
    this.#changing = turn.catch(() => undefined);
    return turn;
  }

  async #write(
    kind: string,
    denial: Denial,
    actor: string,
    next: (all: readonly Denial[]) => readonly Denial[],
  ): Promise<void> {
    const { db, journal } = this.#options;
    const { project, environment, service, networks, paths, reason, until, id } = denial;
    await db.transaction().execute(async (tx) => {
      const document = JSON.stringify(next(await this.#all(tx)));
      await tx.deleteFrom('network_settings').where('name', '=', DENIALS).execute();
      await tx.insertInto('network_settings').values({ name: DENIALS, document, sealed: null }).execute();
      await journal.record<SettingsTables>(tx, {
        ...{ kind, project, actor, subject: `denial ${id}` },
        body: { environment, service, networks: [...networks], paths: [...paths], reason, until },
      });
    });
    journal.committed();
    this.#options.onChange();
  }

  async #all(db: Kysely<SettingsTables>): Promise<readonly Denial[]> {
    const row = await db.selectFrom('network_settings').selectAll().where('name', '=', DENIALS).executeTakeFirst();
    return row === undefined ? [] : (JSON.parse(row.document) as readonly Denial[]);
  }
}

/** A route's options with what was denied beside them; the manifests' own lists stay in force. */
export function withDenials(
  options: RouteOptions | undefined,
  denials: readonly Pick<Denial, 'networks' | 'paths'>[],
): RouteOptions | undefined {
  const networks = denials.flatMap((one) => one.networks);
  const paths = denials.flatMap((one) => one.paths);
  if (networks.length + paths.length === 0) return options;
  const joined = (own: readonly string[] | undefined, more: readonly string[]) => [
    ...new Set([...more, ...(own ?? [])]),
  ];
  return {
    ...options,
    ...(networks.length === 0 ? {} : { denyNetworks: joined(options?.denyNetworks, networks) }),
    ...(paths.length === 0 ? {} : { denyPaths: joined(options?.denyPaths, paths) }),
  };
}

export function registerDenialRoutes(app: ApiApp, denials: Denials): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/edge-denials',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary: 'What the edge refuses for a project by decision of a person',
      params: place,
    },
    handler: async (request) => ({
      items: (await denials.list()).filter(({ project }) => project === request.params.project),
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/edge-denials',
    config: { action: 'incident.respond' },
    schema: {
      tags: ['network'],
      summary: 'Refuse networks or paths at the edge until a time',
      params: place,
      body: denialShape,
    },
    handler: async (request, reply) =>
      reply.code(201).send(await denials.add(request.params.project, request.body, request.principal.actor)),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/edge-denials/:id',
    config: { action: 'incident.respond' },
    schema: {
      tags: ['network'],
      summary: 'Refuse it no longer',
      params: place.extend({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
    },
    handler: async (request) => {
      await denials.remove(request.params.project, request.params.id, request.principal.actor);
      return {};
    },
  });
}

const ODD = { reason: 'it is no network and no path', motivo: 'no es una red ni una ruta' };
const NOTHING = { value: '-', reason: 'it names no network and no path', motivo: 'no nombra ninguna red ni ruta' };
const TIME = {
  value: '-',
  reason: `its end must be later than now and within ${EDGE_DENIAL_DAYS_MAX} days`,
  motivo: `su fin debe ser posterior a ahora y dentro de ${EDGE_DENIAL_DAYS_MAX} días`,
};
const MANY = {
  value: '-',
  reason: `the project refuses ${EDGE_DENIED_MAX} networks and paths already`,
  motivo: `el proyecto ya rechaza ${EDGE_DENIED_MAX} redes y rutas`,
};
