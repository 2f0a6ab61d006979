import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import type { AdvisoryStore, ImportOutcome } from './store.ts';
import { updateAdvisories } from './update.ts';

export interface AdvisoryRoutesParts {
  readonly store: AdvisoryStore;
  /** HTTPS addresses that `update` fetches. */
  readonly urls: readonly string[];
  /** Called after the advisories have changed: images are judged again. */
  readonly changed: (outcome: ImportOutcome, actor: string) => Promise<void>;
}

const IMPORT_TYPE = 'application/octet-stream';

export function registerAdvisoryRoutes(app: ApiApp, { store, urls, changed }: AdvisoryRoutesParts): void {
  app.route({
    method: 'GET',
    url: '/api/v1/advisories',
    config: { action: 'advisories.read' },
    schema: {},
    handler: async () => ({ items: await store.sources(), revision: (await store.current()).revision }),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/advisories/update',
    config: { action: 'advisories.update' },
    schema: { body: z.object({ force: z.boolean().optional() }).optional() },
    handler: async (request) => {
      const outcome = await updateAdvisories(store, urls, { force: request.body?.force ?? false });
      await changed(outcome, request.principal.actor);
      return outcome;
    },
  });

  // The body is the file as it is (NDJSON, JSON or CSV, also gzip or zstd) and flows into the import without being kept.
  void app.register(async (plain) => {
    const scope = plain as unknown as ApiApp;
    scope.addContentTypeParser(IMPORT_TYPE, (_request, payload, done) => done(null, payload));
    scope.route({
      method: 'POST',
      url: '/api/v1/advisories/import',
      config: { action: 'advisories.update' },
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        querystring: z.object({ name: z.string().min(1).max(200), force: z.stringbool().optional() }),
      },
      handler: async (request) => {
        const { name, force } = request.query;
        const outcome = await store.import([{ name, open: () => request.body as Readable }], { force: force ?? false });
        await changed(outcome, request.principal.actor);
        return outcome;
      },
    });
  });
}
