import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../access/index.ts';
import { type BuildSecrets, readSourceFacts, type SourceFacts, sourceQuery } from '../build/index.ts';
import type { RouteOptions } from '../network/index.ts';
import { type Operation, viewOperation } from '../progress/index.ts';
import type { WorkloadChange } from './change-words.ts';
import { convertCompose, explainComposeField } from './compose/index.ts';
import { RUN } from './composition.ts';
import type { Deployments, Maintenance, Promotion } from './deployments.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { deployFault } from './errors.ts';
import { explainField, reportManifest } from './kubernetes/index.ts';
import { REPORT_BODY_MAX, REPORT_FILES_MAX, REPORT_TEXT_MAX } from './limits.ts';
import { type Controller, formatKey } from './model.ts';

export interface PublishedRoute {
  /** A website by its host and path, or a port that carries TCP. */
  readonly kind: 'http' | 'tcp';
  readonly host: string;
  readonly url: string;
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  /** Whose pods serve it, by name: those that the labels of the service select. */
  readonly workloads: readonly string[];
  readonly path: string;
  readonly options: RouteOptions;
}

/** The work behind the routes: long, so each starts an operation that is watched. Wired in programs/. */
export interface Releases {
  deploy(request: {
    readonly project: string;
    readonly environment: string;
    readonly createBases: boolean;
    /** The commit that the source is, without changes; null: it is none. */
    readonly commit: string | null;
    readonly facts: SourceFacts;
    /** Only this percentage of the requests goes to it until it is promoted; null: all. */
    readonly canary: number | null;
    readonly source: AsyncIterable<Uint8Array>;
    readonly by: Principal;
  }): Promise<Operation>;
  promote(request: {
    readonly project: string;
    readonly from: string | null;
    readonly to: string;
    readonly by: Principal;
  }): Promise<Operation>;
  /** Carries out what was approved. */
  approved(promotion: Promotion): Promise<Operation>;
  /** Ends a trial. */
  trial(request: {
    readonly project: string;
    readonly environment: string;
    readonly how: 'promote' | 'abort';
    readonly by: Principal;
  }): Promise<Operation>;
  /** Changes one workload by hand. */
  change(request: {
    readonly project: string;
    /** Null: the first one. */
    readonly environment: string | null;
    readonly change: WorkloadChange;
    readonly by: Principal;
  }): Promise<Operation>;
  rollback(request: {
    readonly project: string;
    readonly environment: string;
    readonly to: number | null;
    readonly by: Principal;
  }): Promise<Operation>;
}

const project = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const environment = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/);
const workload = z.string().regex(/^[a-z0-9.-]{1,63}$/);
const number = z.coerce.number().int().min(1);

export function registerDeployRoutes(
  app: ApiApp,
  options: {
    readonly deployments: Deployments;
    readonly releases: Releases;
    /** What is published, as people open it. */
    readonly routes: () => Promise<readonly PublishedRoute[]>;
    readonly secrets: BuildSecrets;
  },
): void {
  const { deployments, releases, routes, secrets } = options;
  app.addContentTypeParser('application/x-tar', (_request, payload, done) => done(null, payload));

  app.route({
    method: 'GET',
    url: '/api/v1/projects',
    config: { action: 'project.read' },
    handler: async (request) => ({ items: await deployments.listProjects(request.principal) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project',
    config: { action: 'project.read' },
    schema: { params: z.object({ project }) },
    handler: async (request) => deployments.readProject(request.params.project),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads',
    config: { action: 'workload.read' },
    schema: { params: z.object({ project }), querystring: z.object({ environment: environment.optional() }) },
    handler: async (request) =>
      describeAll(deployments.statuses(request.principal, request.params.project, request.query.environment)),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/events',
    config: { action: 'workload.read' },
    schema: { params: z.object({ project, workload }), querystring: z.object({ environment: environment.optional() }) },
    handler: async (request) => {
      const { project, workload: name } = request.params;
      const known = (await deployments.environments(project)).map((one) => one.name);
      const place = request.query.environment ?? known[0] ?? '';
      const items = await deployments.events.list({ project, environment: place, name });
      const exists = deployments.statuses(null, project, place).some(({ key }) => key.name === name);
      // One that is gone has its events for a while.
      if (!exists && items.length === 0) {
        const names = deployments.statuses(null, project, place).map(({ key }) => key.name);
        const params = { name, project, environment: place || '—', known: names.length === 0 ? '—' : names.join(', ') };
        throw deployFault('deploy.workload-unknown', params);
      }
      return { items };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/workloads',
    config: { action: 'workload.read' },
    handler: async (request) => describeAll(deployments.statuses(request.principal)),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/releases',
    config: { action: 'release.read' },
    schema: { params: z.object({ project }), querystring: z.object({ environment: environment.optional() }) },
    handler: async (request) => ({
      items: await deployments.listReleases(request.params.project, request.query.environment),
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/deploys',
    // Not release.create: the first deploy of a project that does not exist yet asks for project.create instead.
    config: { action: 'any' },
    schema: {
      params: z.object({ project }),
      querystring: z.object({
        environment,
        createBases: z.enum(['0', '1']).default('0'),
        canary: z.coerce.number().int().min(1).max(99).optional(),
        ...sourceQuery,
      }),
    },
    handler: async (request, reply) => {
      const { principal: by, params, query } = request;
      const exists = await deployments.projectExists(params.project);
      const needed = exists ? 'release.create' : 'project.create';
      if (!may(by, needed, params.project)) {
        throw accessFault('access.not-allowed', { name: by.name, action: needed, place: params.project });
      }
      const operation = await releases.deploy({
        project: params.project,
        environment: query.environment,
        createBases: query.createBases === '1',
        commit: query.dirty === '1' ? null : (query.commit ?? null),
        facts: readSourceFacts(query, secrets, { ...params, actor: by.actor }),
        canary: query.canary ?? null,
        source: request.body as AsyncIterable<Uint8Array>,
        by,
      });
      return reply.code(202).send(viewOperation(operation, 'en'));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/environments/:environment/rollback',
    config: { action: 'release.read' },
    schema: { params: z.object({ project, environment }) },
    handler: async ({ params }) => ({
      items: await deployments.returnTargets(params.project, params.environment),
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/environments/:environment/rollback',
    config: { action: 'release.create' },
    schema: { params: z.object({ project, environment }), body: z.object({ to: number.optional() }) },
    handler: async (request, reply) => {
      const { principal: by, params, body } = request;
      const operation = await releases.rollback({ ...params, to: body.to ?? null, by });
      return reply.code(202).send(viewOperation(operation, 'en'));
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/workloads/:workload/change',
    config: { action: 'release.create' },
    schema: {
      params: z.object({ project, workload }),
      querystring: z.object({ environment: environment.optional() }),
      body: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('scale'), replicas: z.number().int().min(0).max(1_000) }),
        z.strictObject({ kind: z.enum(['restart', 'pause', 'resume']) }),
      ]),
    },
    handler: async ({ principal: by, params, query, body }, reply) => {
      const at = new Date().toISOString();
      const named = { workload: params.workload };
      const change: WorkloadChange =
        body.kind === 'scale'
          ? { ...named, ...body }
          : body.kind === 'restart'
            ? { ...named, kind: body.kind, at }
            : { ...named, kind: body.kind };
      const operation = await releases.change({
        project: params.project,
        environment: query.environment ?? null,
        change,
        by,
      });
      return reply.code(202).send(viewOperation(operation, 'en'));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/workloads/:workload/history',
    config: { action: 'release.read' },
    schema: { params: z.object({ project, workload }), querystring: z.object({ environment: environment.optional() }) },
    handler: async ({ params, query }) => {
      const place = query.environment ?? (await deployments.environments(params.project))[0]?.name ?? '';
      return { environment: place, items: await deployments.workloadHistory(params.project, place, params.workload) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/environments/:environment/canary',
    config: { action: 'release.create' },
    schema: { params: z.object({ project, environment }), body: z.object({ how: z.enum(['promote', 'abort']) }) },
    handler: async (request, reply) => {
      const { principal: by, params, body } = request;
      const operation = await releases.trial({ ...params, how: body.how, by });
      return reply.code(202).send(viewOperation(operation, 'en'));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/host/maintenance',
    config: { action: 'host.read' },
    handler: async (request) => describeMaintenance(await deployments.maintenance(), request.principal),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/host/maintenance',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        draining: z.boolean(),
        disregardBudgets: z.boolean().default(false),
        reason: z.string().max(500).default(''),
      }),
    },
    handler: async (request) => {
      const { body, principal } = request;
      return describeMaintenance(await deployments.setMaintenance(body, principal.actor), principal);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/host/maintenance',
    config: { action: 'platform.admin' },
    handler: async ({ principal }) =>
      describeMaintenance(await deployments.setMaintenance(null, principal.actor), principal),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/kubernetes/fields',
    config: { action: 'any' },
    schema: { querystring: z.object({ field: z.string().min(1).max(500) }) },
    handler: async (request) => ({
      items: [...explainField(request.query.field), ...explainComposeField(request.query.field)],
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kubernetes/report',
    config: { action: 'any' },
    bodyLimit: REPORT_BODY_MAX,
    schema: {
      body: z.object({
        files: z
          .array(z.object({ path: z.string().max(500), text: z.string().max(REPORT_TEXT_MAX) }))
          .min(1)
          .max(REPORT_FILES_MAX),
      }),
    },
    handler: async (request) => ({ items: request.body.files.map((file) => reportManifest(file)) }),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/compose/convert',
    config: { action: 'any' },
    bodyLimit: REPORT_BODY_MAX,
    schema: {
      body: z.object({
        files: z
          .array(z.object({ path: z.string().max(500), text: z.string().max(REPORT_TEXT_MAX) }))
          .min(1)
          .max(REPORT_FILES_MAX),
        // Which of them are the Compose file and what changes it; the first alone without.
        compose: z.array(z.string().max(500)).max(REPORT_FILES_MAX).optional(),
        variables: z.record(z.string().max(200), z.string().max(65_536)).default({}),
        profiles: z.array(z.string().max(100)).max(100).default([]),
        project: project.optional(),
      }),
    },
    handler: async (request) => {
      const { files, compose, variables, profiles, project: name } = request.body;
      const texts = new Map(files.map(({ path, text }) => [path, text]));
      return convertCompose({
        files: compose ?? [files[0]?.path ?? ''],
        read: (path) => texts.get(path) ?? null,
        variables,
        profiles,
        project: name ?? null,
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/promotions',
    config: { action: 'release.read' },
    schema: { params: z.object({ project }) },
    handler: async (request) => ({ items: await deployments.listPromotions(request.params.project) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/promotions/:id',
    config: { action: 'release.read' },
    schema: { params: z.object({ project, id: z.string().max(40) }) },
    handler: async (request) => deployments.readPromotion(request.params.project, request.params.id),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/promotions',
    config: { action: 'promotion.request' },
    schema: { params: z.object({ project }), body: z.object({ from: environment.optional(), to: environment }) },
    handler: async (request, reply) => {
      const { from, to } = request.body;
      const { principal: by, params } = request;
      const operation = await releases.promote({ project: params.project, from: from ?? null, to, by });
      return reply.code(202).send(viewOperation(operation, 'en'));
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/promotions/:id/decision',
    config: { action: 'promotion.approve' },
    schema: {
      params: z.object({ project, id: z.string().max(40) }),
      body: z.object({ decision: z.enum(['approve', 'reject']), comment: z.string().max(2_000).optional() }),
    },
    handler: async (request) => {
      const { decision, comment } = request.body;
      const { project: name, id } = request.params;
      // A decision is carried out at once, and nothing may be made now.
      if (decision === 'approve') await deployments.refuseInMaintenance();
      const promotion = await deployments.decide(name, id, request.principal, decision, comment ?? null);
      const operation = promotion.state === 'approved' ? await releases.approved(promotion) : null;
      return { promotion, operation: operation === null ? null : viewOperation(operation, 'en') };
    },
  });

  /** What hosts still run, and what waits for what: whole only for who may see every project. */
  function describeMaintenance(maintenance: Maintenance | null, reader: Principal): object {
    const statuses = deployments.statuses(reader);
    const waiting = statuses.flatMap(({ key, conditions }) =>
      conditions
        // While it is emptied, that nothing new is made is what was asked for.
        .filter(({ type }) => type === 'eviction-waits' || (type === 'cordoned' && maintenance?.draining !== true))
        .map(({ type, text, since }) => ({ ...key, type, text, since })),
    );
    const pods = statuses.flatMap(({ key, replicas }) =>
      replicas
        .filter(({ phase }) => phase !== 'succeeded' && phase !== 'failed')
        .map(({ name, phase }) => ({ ...key, pod: name, phase })),
    );
    return { maintenance, pods, waiting };
  }

  async function describeAll(statuses: readonly WorkloadStatus[]): Promise<{ items: object[] }> {
    const [published, controllers, labels] = await Promise.all([
      routes(),
      deployments.controllers(),
      deployments.labels(),
    ]);
    return {
      items: statuses.map((status) => ({
        ...describeWorkload(status, published, controllers),
        labels: labels.get(formatKey(status.key)) ?? {},
      })),
    };
  }
}

const KINDS: Readonly<Record<Controller['kind'], string>> = {
  ...{ daemon: 'DaemonSet', ordered: 'StatefulSet', job: 'Job', cron: 'CronJob' },
};

/**
 * A workload as the API shows it.
 * @param controllers by `formatKey`; what is not in it keeps replicas that are all alike
 */
export function describeWorkload(
  status: WorkloadStatus,
  published: readonly PublishedRoute[],
  controllers: ReadonlyMap<string, Controller>,
): object {
  const { key, generation, replicas, ...rest } = status;
  const controller = controllers.get(formatKey(key));
  const images = new Map(
    replicas.flatMap((replica) => replica.containers.map((container) => [container.image, container.digest])),
  );
  return {
    ...rest,
    project: key.project,
    environment: key.environment,
    name: key.name,
    kind: generation === RUN ? 'Run' : controller === undefined ? 'Deployment' : KINDS[controller.kind],
    ...(controller?.kind === 'cron' ? { schedule: `${controller.schedule} ${controller.timeZone}`.trim() } : {}),
    release: generation === RUN ? null : generation,
    replicas,
    image: [...images].map(([repository, digest]) => ({
      repository: repository.split('@')[0] ?? repository,
      digest,
    })),
    endpoints: published
      .filter(
        (route) =>
          route.project === key.project && route.environment === key.environment && route.workloads.includes(key.name),
      )
      .map(({ url }) => ({ url })),
  };
}

/**
 * The running container that `exec` or `logs` means: the named replica and container, else the first ready replica and
 * its first container.
 * @throws Fault deploy.workload-unknown, deploy.replica-unknown, deploy.replica-missing
 */
export function findContainer(
  statuses: readonly WorkloadStatus[],
  wanted: {
    readonly project: string;
    readonly environment: string;
    readonly workload: string;
    readonly container?: string;
    readonly replica?: string;
    /** One that has ended will do, where none runs. */
    readonly ended?: boolean;
    /** One that waits to be joined will do as well. */
    readonly waiting?: boolean;
  },
): {
  readonly containerId: string;
  readonly container: string;
  readonly replica: string;
  readonly digest: string | null;
} {
  const status = statuses.find((one) => one.key.name === wanted.workload && one.key.environment === wanted.environment);
  if (status === undefined) {
    const known = statuses.filter((one) => one.key.environment === wanted.environment).map((one) => one.key.name);
    throw deployFault('deploy.workload-unknown', {
      name: wanted.workload,
      project: wanted.project,
      environment: wanted.environment,
      known: known.length === 0 ? '—' : known.join(', '),
    });
  }
  if (wanted.replica !== undefined && !status.replicas.some(({ name }) => name === wanted.replica))
    throw deployFault('deploy.replica-unknown', {
      name: `${wanted.project}/${wanted.workload}`,
      replica: wanted.replica.slice(0, 100),
      project: wanted.project,
      environment: wanted.environment,
      known: status.replicas.map(({ name }) => name).join(', ') || '—',
    });
  const replicas = [...status.replicas].sort((one, other) => Number(other.ready) - Number(one.ready));
  for (const replica of replicas) {
    if (wanted.replica !== undefined && replica.name !== wanted.replica) continue;
    const usable = replica.containers.filter(
      ({ state }) =>
        state === 'running' ||
        (wanted.ended === true && state === 'exited') ||
        (wanted.waiting === true && state === 'created'),
    );
    const running = usable.toSorted(
      (one, other) => Number(other.state === 'running') - Number(one.state === 'running'),
    );
    const found = wanted.container === undefined ? running[0] : running.find((one) => one.name === wanted.container);
    if (found !== undefined) {
      return { containerId: found.id, container: found.name, replica: replica.name, digest: found.digest };
    }
  }
  throw deployFault('deploy.replica-missing', {
    name: `${wanted.project}/${wanted.workload}`,
    project: wanted.project,
    container: wanted.container === undefined ? '' : ` ${wanted.container}`,
  });
}
