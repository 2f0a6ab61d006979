import { z } from 'zod';
import { type ApiApp, visibleProjects } from '../../access/index.ts';
import { isRepositoryName, projectOf } from '../../oci/index.ts';
import { viewOperation } from '../../progress/index.ts';
import { languageOf } from '../../system/index.ts';
import type { MirrorInput, Mirrors } from './mirrors.ts';
import type { RemoteInput, Remotes } from './remotes.ts';

/** Tags of a mirror in one answer. */
const TAGS_SHOWN_MAX = 1000;

const name = z.object({ name: z.string().max(60) });
const texts = z.array(z.string().max(255)).max(50);
const remoteFields = {
  credentials: z
    .object({ name: z.string().max(200), secret: z.string().max(10_000) })
    .nullable()
    .optional(),
  ca: z.string().max(65_536).nullable().optional(),
  repositories: texts.optional(),
  projects: texts.optional(),
  networks: texts.optional(),
  tokenHosts: texts.optional(),
  storageHosts: texts.optional(),
  offline: z.boolean().optional(),
};
const mirrorFields = {
  upstream: z.string().max(255).optional(),
  pullThrough: z.boolean().optional(),
  repositories: texts.optional(),
  tags: texts.optional(),
  platforms: texts.optional(),
  referrers: z.boolean().optional(),
  newest: z.number().int().nullable().optional(),
  everySeconds: z.number().int().nullable().optional(),
  freshSeconds: z.number().int().optional(),
  sizeMaxBytes: z.number().int().optional(),
};
/** `project/name`: the project is in the path, so that the right is asked for it. */
const mirrorPath = z.object({ project: z.string().max(128), name: z.string().max(128) });

/** Remote registries and what is mirrored from them. */
export function registerRemoteRoutes(
  app: ApiApp,
  parts: {
    readonly remotes: Remotes;
    readonly mirrors: Mirrors;
    /** What uses a remote besides mirrors, as people read it. */
    readonly usersOf: (remote: string) => Promise<readonly string[]>;
  },
): void {
  const { remotes, mirrors } = parts;

  app.route({
    method: 'GET',
    url: '/api/v1/remotes',
    config: { action: 'platform.admin' },
    handler: async () => ({ items: await remotes.list() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/remotes',
    config: { action: 'platform.admin' },
    schema: { body: z.object({ name: z.string().max(60), url: z.string().max(300), ...remoteFields }) },
    handler: async (request, reply) => {
      const { name: chosen, ...input } = request.body;
      return reply.code(201).send(await remotes.create(chosen, given<RemoteInput>(input), request.principal.actor));
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/remotes/:name',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request) => ({
      ...(await remotes.read(request.params.name)),
      users: await usersOf(request.params.name),
    }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/remotes/:name',
    config: { action: 'platform.admin' },
    schema: { params: name, body: z.object({ url: z.string().max(300).optional(), ...remoteFields }) },
    handler: async (request) =>
      remotes.change(request.params.name, given<RemoteInput>(request.body), request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/remotes/:name',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request, reply) => {
      const { name: removed } = request.params;
      await remotes.remove(removed, await usersOf(removed), request.principal.actor);
      void reply.code(204);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/remotes/:name/check',
    config: { action: 'platform.admin' },
    schema: { params: name },
    handler: async (request) => remotes.check(request.params.name),
  });

  app.route({
    method: 'GET',
    url: '/api/v1/mirrors',
    config: { action: 'image.read' },
    handler: async (request) => {
      const visible = visibleProjects(request.principal, 'image.read');
      return { items: mirrors.list().filter(({ project }) => visible === '*' || visible.includes(project)) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/mirrors',
    config: { action: 'repository.manage' },
    schema: {
      params: z.object({ project: z.string().max(128) }),
      body: z.object({ name: z.string().max(128), remote: z.string().max(60), ...mirrorFields }),
    },
    handler: async (request, reply) => {
      const { name: chosen, remote, ...input } = request.body;
      const prefix = `${request.params.project}/${chosen}`;
      const made = await mirrors.create(prefix, remote, given<MirrorInput>(input), request.principal.actor);
      return reply.code(201).send(made);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/mirrors/:name',
    config: { action: 'image.read' },
    schema: { params: mirrorPath },
    handler: async (request) => {
      const prefix = prefixOf(request.params);
      return { ...mirrors.read(prefix), mirrored: await mirrors.tagsOf(prefix, TAGS_SHOWN_MAX) };
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/mirrors/:name',
    config: { action: 'repository.manage' },
    schema: { params: mirrorPath, body: z.object(mirrorFields) },
    handler: async (request) =>
      mirrors.change(prefixOf(request.params), given<MirrorInput>(request.body), request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/mirrors/:name',
    config: { action: 'repository.manage' },
    schema: { params: mirrorPath },
    handler: async (request, reply) => {
      await mirrors.remove(prefixOf(request.params), request.principal.actor);
      void reply.code(204);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/mirrors/:name/sync',
    config: { action: 'repository.manage' },
    schema: { params: mirrorPath },
    handler: async (request, reply) => {
      const { operation } = await mirrors.sync(prefixOf(request.params), request.principal.actor);
      return reply.code(202).send(viewOperation(operation, languageOf(request.headers['accept-language'])));
    },
  });

  async function usersOf(remote: string): Promise<string[]> {
    const mirroring = mirrors.list().filter((one) => one.remote === remote);
    return [...mirroring.map(({ prefix }) => `mirror ${prefix}`), ...(await parts.usersOf(remote))];
  }
}

function prefixOf(params: { readonly project: string; readonly name: string }): string {
  const prefix = `${params.project}/${params.name}`;
  return isRepositoryName(prefix) && projectOf(prefix) === params.project ? prefix : '';
}

/** Without the members that were not given, so that they leave what is there. */
export function given<T extends object>(input: { readonly [K in keyof T]?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as T;
}
