import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../access/index.ts';
import type { Deployments } from './deployments.ts';
import { QUOTA_AMOUNTS, type Quotas } from './quota.ts';

const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const positive = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const limits = z.strictObject({
  most: z.partialRecord(z.enum(QUOTA_AMOUNTS), amount).default({}),
  defaults: z
    .strictObject({
      cpuRequestMillis: positive.exactOptional(),
      cpuLimitMillis: positive.exactOptional(),
      memoryRequestBytes: positive.exactOptional(),
      memoryLimitBytes: positive.exactOptional(),
    })
    .default({}),
  containerMost: z
    .strictObject({ cpuMillis: positive.exactOptional(), memoryBytes: positive.exactOptional() })
    .default({}),
});
const params = z.object({ project: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/) });
const querystring = z.object({
  environment: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/)
    .optional(),
});

export function registerQuotaRoutes(app: ApiApp, quotas: Quotas, deployments: Deployments): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/quotas',
    config: { action: 'project.read' },
    schema: { params },
    handler: async ({ params: { project } }) => ({ items: await quotas.list(project) }),
  });
  // Who deploys must not set the limits of deploys: these ask for the platform's own right, which the administrator of
  // one project has in that project alone.
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/quotas',
    config: { action: 'platform.admin' },
    schema: { params, querystring, body: limits },
    handler: async ({ params: { project }, query: { environment }, body, principal }) => {
      requirePlatform(principal);
      // Limits of a project whose name was mistyped would limit nothing, and nobody would know.
      if (environment === undefined) await deployments.readProject(project);
      else await deployments.readEnvironment(project, environment);
      await quotas.set(project, environment ?? null, body, principal.actor);
      return { items: await quotas.list(project) };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/quotas',
    config: { action: 'platform.admin' },
    schema: { params, querystring },
    handler: async ({ params: { project }, query: { environment }, principal }) => {
      requirePlatform(principal);
      await quotas.set(project, environment ?? null, null, principal.actor);
      return { items: await quotas.list(project) };
    },
  });
}

/** @throws Fault access.not-allowed */
function requirePlatform({ name, grants }: Principal): void {
  const action = 'platform.admin';
  if (!may({ grants }, action, null)) throw accessFault('access.not-allowed', { name, action, place: 'the platform' });
}
