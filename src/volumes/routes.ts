import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal, visibleProjects } from '../access/index.ts';
import type { Copies } from './copies.ts';
import { ACCESS_MODES, type ClaimKey, ENVIRONMENT_KINDS } from './model.ts';
import { KEEP_DEFAULT } from './retention.ts';
import { driver } from './task.ts';
import type { Volumes } from './volumes.ts';

const projectName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const environmentName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/);
const claimName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/);
const plainName = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
const project = z.object({ project: projectName });
const claim = z.object({ project: projectName, environment: environmentName, claim: claimName });
const named = z.object({ name: plainName });
const copy = z.object({ project: projectName, id: z.string().max(64) });
const days = z.number().int().min(0).max(366);

const reclaim = z.strictObject({
  policy: z.enum(['retain', 'delete']),
  afterHours: z
    .number()
    .int()
    .min(0)
    .max(24 * 3_660)
    .default(24),
});
const storageClass = z.strictObject({
  driver,
  reclaim: reclaim.prefault({ policy: 'retain' }),
  accessModes: z
    .array(z.enum(ACCESS_MODES))
    .min(1)
    .max(4)
    .default([...ACCESS_MODES]),
  environments: z.array(z.enum(ENVIRONMENT_KINDS)).max(20).default([]),
  maxBytes: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).nullable().default(null),
  isDefault: z.boolean().default(false),
  // A kind that is misspelt is refused: its volumes would lie open without a word.
  encrypt: z
    .array(z.enum(['*', ...ENVIRONMENT_KINDS]))
    .max(20)
    .default([]),
});
const keep = z.strictObject({
  last: days.min(1).default(KEEP_DEFAULT.last),
  daily: days.default(KEEP_DEFAULT.daily),
  weekly: days.default(KEEP_DEFAULT.weekly),
  monthly: days.default(KEEP_DEFAULT.monthly),
});
const secret = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[\x21-\x7e]+$/);

export function registerVolumeRoutes(app: ApiApp, volumes: Volumes, copies: Copies): void {
  app.route({
    method: 'GET',
    url: '/api/v1/storage-classes',
    config: { action: 'policy.read' },
    schema: {},
    handler: async () => ({ items: await volumes.classes() }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/storage-classes/:name',
    config: { action: 'platform.admin' },
    schema: { params: named, body: storageClass },
    handler: async ({ params: { name }, body, principal }) => volumes.setClass({ name, ...body }, principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/storage-classes/:name',
    config: { action: 'platform.admin' },
    schema: { params: named },
    handler: async ({ params: { name }, principal }) => {
      await volumes.removeClass(name, principal.actor);
      return { items: await volumes.classes() };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/storage-devices',
    config: { action: 'policy.read' },
    schema: {},
    handler: async () => ({ items: await volumes.formats() }),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/storage-devices/:id',
    config: { action: 'platform.admin' },
    schema: { params: z.object({ id: z.string().regex(/^[0-9a-f]{16}$/) }) },
    handler: async ({ params: { id }, principal }) => {
      requirePlatform(principal);
      await volumes.releaseFormat(id, principal.actor);
      return { items: await volumes.formats() };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/volumes',
    config: { action: 'workload.read' },
    schema: {},
    handler: async ({ principal }) => ({ items: await volumes.list(visibleProjects(principal, 'workload.read')) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/volumes',
    config: { action: 'workload.read' },
    schema: { params: project },
    handler: async ({ params }) => ({ items: await volumes.list([params.project]) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/volumes/:environment/:claim',
    config: { action: 'workload.read' },
    schema: { params: claim },
    handler: async ({ params }) => ({
      ...(await volumes.show(params)),
      copies: await copies.list(params.project, params),
      schedule: (await copies.schedules(params.project)).find((one) => isSame(one, params)) ?? null,
    }),
  });
  // What takes data away, or may, asks for the administrator of the project; who deploys must not be enough.
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/volumes/:environment/:claim/reclaim',
    config: { action: 'platform.admin' },
    schema: { params: claim, body: reclaim },
    handler: async ({ params, body, principal }) => volumes.setReclaim(params, body, principal.actor),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/volumes/:environment/:claim/host',
    config: { action: 'platform.admin' },
    schema: { params: claim, body: z.strictObject({ host: z.string().regex(/^[a-zA-Z0-9.-]{1,200}$/) }) },
    handler: async ({ params, body: { host }, principal }) => {
      requirePlatform(principal);
      return volumes.move(params, host, principal.actor);
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/volumes/:environment/:claim',
    config: { action: 'platform.admin' },
    schema: { params: claim },
    handler: async ({ params, principal }, reply) => {
      void reply.code(202);
      return { operation: (await volumes.remove(params, principal.actor)).id };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/volumes/:environment/:claim/snapshots',
    config: { action: 'release.create' },
    schema: { params: claim },
    handler: async ({ params, principal }, reply) => {
      const { operation, id } = await copies.make(params, { kind: 'snapshot' }, principal.actor);
      void reply.code(202);
      return { operation: operation.id, id };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/volumes/:environment/:claim/backups',
    config: { action: 'release.create' },
    schema: { params: claim, body: z.strictObject({ repository: plainName.nullable().default(null) }).prefault({}) },
    handler: async ({ params, body: { repository }, principal }, reply) => {
      const { operation, id } = await copies.make(params, { kind: 'backup', repository }, principal.actor);
      void reply.code(202);
      return { operation: operation.id, id };
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/volumes/:environment/:claim/schedule',
    config: { action: 'release.create' },
    schema: {
      params: claim,
      body: z.strictObject({
        repository: plainName.nullable().default(null),
        cron: z.string().min(1).max(100),
        keep: keep.prefault({}),
        verifyDays: days.default(7),
      }),
    },
    handler: async ({ params, body, principal }) => copies.setSchedule(params, body, principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/volumes/:environment/:claim/schedule',
    config: { action: 'release.create' },
    schema: { params: claim },
    handler: async ({ params, principal }) => {
      await copies.removeSchedule(params, principal.actor);
      return { items: await copies.schedules(params.project) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/backups',
    config: { action: 'workload.read' },
    schema: {
      params: project,
      querystring: z.object({ environment: environmentName.optional(), claim: claimName.optional() }),
    },
    handler: async ({ params, query: { environment, claim: one } }) => ({
      items: await copies.list(params.project, {
        ...(environment === undefined ? {} : { environment }),
        ...(one === undefined ? {} : { claim: one }),
      }),
    }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/backups/:id',
    config: { action: 'workload.read' },
    schema: { params: copy },
    handler: async ({ params: { project: owner, id } }) => copies.show(owner, id),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/backups/:id/restore',
    config: { action: 'release.create' },
    schema: {
      params: copy,
      body: z.strictObject({
        claim: claimName,
        environment: environmentName.exactOptional(),
        class: plainName.exactOptional(),
      }),
    },
    handler: async ({ params: { project: owner, id }, body, principal }, reply) => {
      void reply.code(202);
      return { operation: (await copies.restore(owner, id, body, principal.actor)).id };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/backups/:id/verify',
    config: { action: 'release.create' },
    schema: { params: copy },
    handler: async ({ params: { project: owner, id }, principal }, reply) => {
      void reply.code(202);
      return { operation: (await copies.verify(owner, id, principal.actor)).id };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/backups/:id',
    config: { action: 'platform.admin' },
    schema: { params: copy },
    handler: async ({ params: { project: owner, id }, principal }, reply) => {
      void reply.code(202);
      return { operation: (await copies.remove(owner, id, principal.actor)).id };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/backup-schedules',
    config: { action: 'workload.read' },
    schema: { params: project },
    handler: async ({ params }) => ({ items: await copies.schedules(params.project) }),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/backup-repositories',
    config: { action: 'policy.read' },
    schema: {},
    handler: async () => ({ items: await copies.repositories() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/backup-repositories',
    config: { action: 'platform.admin' },
    schema: {
      body: z.strictObject({
        name: plainName,
        location: z.string().max(1_100),
        password: secret.exactOptional(),
        user: z.strictObject({ name: z.string().min(1).max(200), password: secret }).exactOptional(),
      }),
    },
    handler: async ({ body, principal }, reply) => {
      void reply.code(202);
      return { operation: (await copies.addRepository(body, principal.actor)).id };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/backup-repositories/:name/key',
    config: { action: 'platform.admin' },
    schema: { params: named },
    handler: async ({ params: { name }, principal }) => copies.repositoryKey(name, principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/backup-repositories/:name',
    config: { action: 'platform.admin' },
    schema: { params: named },
    handler: async ({ params: { name }, principal }) => {
      await copies.removeRepository(name, principal.actor);
      return { items: await copies.repositories() };
    },
  });
}

function isSame(one: ClaimKey, other: ClaimKey): boolean {
  return one.environment === other.environment && one.claim === other.claim;
}

/** Which host writes is the platform's matter, not one project's. @throws Fault access.not-allowed */
function requirePlatform({ name, grants }: Principal): void {
  const action = 'platform.admin';
  if (!may({ grants }, action, null)) throw accessFault('access.not-allowed', { name, action, place: 'the platform' });
}
