import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import type { AdvisorySource } from './database.ts';
import { advisoryFault } from './errors.ts';
import type { AdvisoryStore, ImportOutcome } from './store.ts';
import { type UpdateOutcome, updateAdvisories } from './update.ts';

/** The database as a signed artifact: who signs and who is believed is answered elsewhere. */
export interface AdvisoryArtifacts {
  /** `PROJECT/IMAGE:TAG` of the newest one in the registry, and the public key that signs it. */
  readonly image: string;
  readonly publicKeyPem: string;
  /** Takes an OCI archive, believing this key; when none is named, the platform's own and configured ones. */
  take(
    archive: AsyncIterable<Uint8Array>,
    options: { readonly force: boolean; readonly keyPem: string | null },
  ): Promise<ImportOutcome>;
}

export interface AdvisoryRoutesParts {
  readonly store: AdvisoryStore;
  /** HTTPS addresses that `update` fetches. */
  readonly urls: readonly string[];
  /** OpenPGP keys that addresses with `#signature=` may be signed with. @default none */
  readonly pgpKeys?: readonly string[];
  /** Called after the advisories have changed: images are judged again. */
  readonly changed: (outcome: ImportOutcome, actor: string) => Promise<void>;
  readonly artifacts?: AdvisoryArtifacts;
}

const IMPORT_TYPE = 'application/octet-stream';

export function registerAdvisoryRoutes(app: ApiApp, parts: AdvisoryRoutesParts): void {
  const { store, urls, pgpKeys = [], changed, artifacts } = parts;
  app.route({
    method: 'GET',
    url: '/api/v1/advisories',
    config: { action: 'advisories.read' },
    schema: {},
    handler: async () => {
      const items = (await store.sources()).map((source) => ({ ...source, isOld: isOld(source) }));
      const artifact = artifacts ? { image: artifacts.image, publicKey: artifacts.publicKeyPem } : null;
      return { items, revision: (await store.current()).revision, artifact };
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/advisories/update',
    config: { action: 'advisories.update' },
    schema: { body: z.object({ force: z.boolean().optional() }).optional() },
    handler: async (request) => {
      const outcome = await updateAdvisories(store, urls, { pgpKeys, force: request.body?.force ?? false });
      if (outcome.imported.length > 0) await changed(outcome, request.principal.actor);
      return viewUpdate(outcome);
    },
  });

  // The body is the file as it is (see the manual for the forms) and flows into the import without being kept.
  void app.register(async (plain) => {
    const scope = plain as unknown as ApiApp;
    scope.addContentTypeParser(IMPORT_TYPE, (_request, payload, done) => done(null, payload));
    scope.route({
      method: 'POST',
      url: '/api/v1/advisories/import',
      config: { action: 'advisories.update' },
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        querystring: z.object({
          name: z.string().min(1).max(200),
          force: z.stringbool().optional(),
          artifact: z.stringbool().optional(),
          key: z.string().max(4000).optional(),
        }),
      },
      handler: async (request) => {
        const { name, force = false, artifact = false, key = null } = request.query;
        const body = request.body as Readable;
        if (artifact && !artifacts) throw advisoryFault('advisories.unknown-format', { source: name });
        const outcome =
          artifact && artifacts
            ? await artifacts.take(body, { force, keyPem: key })
            : await store.import([{ name, open: () => body }], { force });
        if (outcome.imported.length > 0) await changed(outcome, request.principal.actor);
        return outcome;
      },
    });
  });
}

/** Whether the age of a source is worth an alarm. */
export function isOld({ ageSeconds, maxAgeDays }: AdvisorySource): boolean {
  return ageSeconds > maxAgeDays * 86_400;
}

function viewUpdate({ failed, ...outcome }: UpdateOutcome): object {
  return { ...outcome, failed: failed.map(({ url, fault }) => ({ url, problem: fault.toProblem('en') })) };
}
