import { Readable } from 'node:stream';
import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal, visibleProjects } from '../../access/index.ts';
import { projectOf } from '../../oci/index.ts';
import { type Operations, viewOperation } from '../../progress/index.ts';
import { type Json, languageOf, newId } from '../../system/index.ts';
import type { Registry } from '../registry.ts';
import { isPlatform } from '../remotes/copy.ts';
import { planExport } from './export.ts';
import { ReceivedArchive } from './import.ts';
import { ARCHIVE_IMAGES_MAX } from './limits.ts';
import { ARCHIVE_TYPE, readImageName } from './names.ts';

const many = z.union([z.string().max(400), z.array(z.string().max(400)).max(ARCHIVE_IMAGES_MAX)]);

/** Images out of the registry as one archive, and in again. */
export function registerArchiveRoutes(
  app: ApiApp,
  parts: {
    readonly registry: Registry;
    readonly operations: Operations;
    /** Where archives lie while they are read. */
    readonly folder: string;
    readonly exported: (images: readonly { repository: string; digest: string }[], actor: string) => Promise<void>;
  },
): void {
  const { registry, operations, folder } = parts;

  app.route({
    method: 'GET',
    url: '/api/v1/archives',
    // Images of several projects go into one archive: the right is asked for each of them.
    config: { action: 'any' },
    schema: {
      querystring: z.object({
        image: many,
        referrers: z.enum(['0', '1']).default('1'),
        platform: z.union([z.string().max(60), z.array(z.string().max(60)).max(20)]).optional(),
      }),
    },
    handler: async (request, reply) => {
      const { principal } = request;
      const wanted = listOf(request.query.image).map(readImageName);
      const platforms = listOf(request.query.platform).filter(isPlatform);
      for (const { repository } of wanted) requireRight(principal, 'image.pull', repository);
      const plan = await planExport(registry, wanted, {
        referrers: request.query.referrers === '1',
        platforms,
        admit: async (manifest, reference) => {
          const reading = { caller: principal, maySign: () => false, gone: () => AbortSignal.abort() };
          await registry.quarantine.admit(manifest, reference, reading);
        },
      });
      await parts.exported(plan.images, principal.actor);
      return reply
        .header('content-type', ARCHIVE_TYPE)
        .header('darsena-content-bytes', plan.contentBytes)
        .send(Readable.from(plan.bytes));
    },
  });

  app.register(async (scope) => {
    scope.addContentTypeParser(ARCHIVE_TYPE, (_request, payload, done) => done(null, payload));
    (scope as unknown as ApiApp).route({
      method: 'POST',
      url: '/api/v1/archives',
      // Where its images go stands in the archive: the right is asked for each of them before anything is stored.
      config: { action: 'any' },
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: { querystring: z.object({ as: z.string().max(400).optional() }) },
      handler: async (request, reply) => {
        const { principal } = request;
        const mayPush = visibleProjects(principal, 'image.push');
        if (mayPush !== '*' && mayPush.length === 0 && !principal.grants.some(({ repositories }) => repositories)) {
          throw accessFault('access.not-allowed', { name: principal.name, action: 'image.push', place: 'any project' });
        }
        const as = request.query.as ?? null;
        const archive = await ReceivedArchive.receive(folder, newId(), request.body as AsyncIterable<Uint8Array>);
        const { operation } = await operations.start(
          {
            kind: 'import',
            project: null,
            environment: null,
            actor: principal.actor,
            title: { en: 'Import an archive of images', es: 'Importar un archivo de imágenes' },
          },
          async ({ step, signal }) => {
            try {
              const result = await archive.store(registry, {
                caller: principal,
                as,
                may: (action, repository) => may(principal, action, projectOf(repository), repository),
                step: step({ en: 'Verify and store', es: 'Verificar y guardar' }),
                signal,
              });
              return result as unknown as Json;
            } finally {
              await archive.remove();
            }
          },
        );
        return reply.code(202).send(viewOperation(operation, languageOf(request.headers['accept-language'])));
      },
    });
  });
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

function requireRight(principal: Principal, action: 'image.pull', repository: string): void {
  if (may(principal, action, projectOf(repository), repository)) return;
  throw accessFault('access.not-allowed', { name: principal.name, action, place: repository });
}
