import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { PROFILE_SECONDS_MAX } from '../limits.ts';
import type { Profiles } from './profiles.ts';

const project = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const environment = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/);
const workload = z.string().regex(/^[a-z0-9.-]{1,63}$/);
const params = z.object({ project, workload });
const seconds = z.number().int().min(1).max(PROFILE_SECONDS_MAX);
const test = z.array(z.string().min(1).max(4_096)).min(1).max(100).nullable().default(null);

export function registerProfileRoutes(
  app: ApiApp,
  profiles: Profiles,
  /** The environment that is meant when none is named. */
  firstEnvironment: (project: string) => Promise<string>,
): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/profiles',
    config: { action: 'workload.read' },
    schema: { params: z.object({ project }), querystring: z.object({ workload: workload.optional() }) },
    handler: async ({ params, query }) => ({ items: await profiles.list(params.project, query.workload ?? null) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/workloads/:workload/profile',
    config: { action: 'release.create' },
    schema: {
      params,
      querystring: z.object({ environment: environment.optional() }),
      body: z.discriminatedUnion('step', [
        z.strictObject({ step: z.literal('record'), seconds: seconds.default(60) }),
        z.strictObject({ step: z.literal('try'), seconds: seconds.default(10), test }),
        z.strictObject({ step: z.literal('unroot'), seconds: seconds.default(10), test }),
      ]),
    },
    handler: async ({ params, query, body, principal }, reply) => {
      const place = { ...params, environment: query.environment ?? (await firstEnvironment(params.project)) };
      const { step, ...order } = body;
      const operation =
        step === 'record'
          ? await profiles.record({ ...place, ...order }, principal)
          : await profiles[step]({ test: null, ...place, ...order }, principal);
      void reply.code(202);
      return { operation: operation.id };
    },
  });
  const schema = { params, querystring: z.object({ environment: environment.optional() }) };
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/workloads/:workload/profile',
    config: { action: 'release.create' },
    schema,
    handler: async ({ params, query, principal }) => {
      const place = { ...params, environment: query.environment ?? (await firstEnvironment(params.project)) };
      return { items: await profiles.apply(place, principal) };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/workloads/:workload/profile',
    config: { action: 'release.create' },
    schema,
    handler: async ({ params, query, principal }) => {
      const place = { ...params, environment: query.environment ?? (await firstEnvironment(params.project)) };
      return { items: await profiles.withdraw(place, principal) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/roots',
    config: { action: 'workload.read' },
    schema: { params: z.object({ project }) },
    handler: async ({ params }) => ({ items: await profiles.roots(params.project) }),
  });
}
