import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { PATCH_UPLOAD_MAX_BYTES } from '../limits.ts';
import { patchMetadata } from './artifact.ts';
import type { KernelPatches } from './patches.ts';

const name = z.string().regex(/^[A-Za-z0-9_]{1,55}$/);
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

export function registerPatchRoutes(app: ApiApp, patches: KernelPatches): void {
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/patches',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({
      items: (await patches.list()).map((patch) => {
        const { inForce, fitting } = patches.places(patch);
        return { ...patch, inForce: inForce.length, fitting: fitting.length };
      }),
    }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/patches',
    config: { action: 'platform.admin' },
    bodyLimit: PATCH_UPLOAD_MAX_BYTES,
    schema: { body: z.object({ about: patchMetadata, module: base64, bundle: base64.nullable().default(null) }) },
    handler: async ({ body: { about, module, bundle }, principal }, reply) => {
      const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
      const signature = bundle === null ? null : bytes(bundle);
      void reply.code(201);
      return patches.push(about, bytes(module), { bundle: signature, actor: principal.actor });
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/patches/:name',
    config: { action: 'host.read' },
    schema: { params: z.object({ name }) },
    handler: async ({ params }) => {
      const patch = await patches.show(params.name);
      return { ...patch, ...patches.places(patch) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/hosts/:name/kernel/patches',
    config: { action: 'platform.admin' },
    schema: {
      params: z.object({ name: z.string().max(253) }),
      body: z.object({ patch: name, change: z.enum(['apply', 'rollback']) }),
    },
    handler: async ({ params, body, principal }, reply) => {
      void reply.code(202);
      return patches.change(params.name, body.change, body.patch, principal.actor);
    },
  });
}
