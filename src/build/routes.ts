import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../access/index.ts';
import { isRepositoryName } from '../oci/index.ts';
import { type Operation, viewOperation } from '../progress/index.ts';
import { expected } from '../system/index.ts';
import type { SourceCommit } from './image.ts';
import { BUILD_LABELS_MAX } from './limits.ts';
import type { BuildSecrets, BuildSecretValues } from './secrets.ts';

/** One image from its source to the registry: built, signed, scanned. Long, so it is an operation. Wired in programs/. */
export interface Builds {
  build(request: BuildOrder): Promise<Operation>;
}

export interface BuildOrder {
  /** `tienda/web` */
  readonly repository: string;
  readonly tags: readonly string[];
  readonly containerfile: string | null;
  readonly target: string | null;
  readonly args: Readonly<Record<string, string>>;
  readonly platform: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly facts: SourceFacts;
  readonly source: AsyncIterable<Uint8Array>;
  readonly by: Principal;
}

/** What the sender says of a source beside its bytes. */
export interface SourceFacts {
  readonly commit: SourceCommit | null;
  /** Seconds since 1970 for all time stamps; null: 0. */
  readonly sourceDateEpoch: number | null;
  readonly secrets: BuildSecretValues;
}

const project = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
const many = <T extends z.ZodType>(shape: T) =>
  z.preprocess((value) => (value === undefined ? [] : [value].flat()), shape);
const pairs = (name: RegExp) => z.array(z.string().max(4096).regex(name)).max(BUILD_LABELS_MAX);

/** Query of every route that takes a source. */
export const sourceQuery = {
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/)
    .optional(),
  commitTime: z.iso.datetime().optional(),
  repository: z.string().max(2048).optional(),
  dirty: z.enum(['0', '1']).default('0'),
  sourceDateEpoch: z.coerce.number().int().min(0).max(0xffff_ffff).optional(),
  /** As `POST …/build-secrets` answered it. */
  secrets: z
    .string()
    .regex(/^[0-9a-f-]{36}$/)
    .optional(),
};

const query = z.object(sourceQuery);

export function readSourceFacts(
  asked: z.infer<typeof query>,
  secrets: BuildSecrets,
  owner: { readonly project: string; readonly actor: string },
): SourceFacts {
  const { commit, commitTime, repository, dirty, sourceDateEpoch } = asked;
  return {
    commit:
      commit === undefined
        ? null
        : { id: commit, time: commitTime ?? '', repository: repository ?? null, dirty: dirty === '1' },
    sourceDateEpoch: sourceDateEpoch ?? null,
    secrets: asked.secrets === undefined ? {} : secrets.take(asked.secrets, owner),
  };
}

export function registerBuildRoutes(
  app: ApiApp,
  parts: { readonly builds: Builds; readonly secrets: BuildSecrets },
): void {
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/build-secrets',
    config: { action: 'release.create' },
    schema: {
      tags: ['images'],
      summary: 'Bring the secrets of one build: kept in memory for ten minutes, and used once',
      params: z.object({ project }),
      body: z.strictObject({ secrets: z.record(z.string().max(80), z.base64()) }),
    },
    handler: async (request, reply) => {
      const { params, body, principal } = request;
      return reply.code(201).send({ id: parts.secrets.put(body.secrets, { ...params, actor: principal.actor }) });
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/builds',
    config: { action: 'release.create' },
    schema: {
      tags: ['images'],
      summary: 'Build an image: the source as a tar in the body; answers an operation',
      params: z.object({ project }),
      querystring: z.object({
        ...sourceQuery,
        image: z
          .string()
          .max(200)
          .refine((text) => isRepositoryName(`p/${text}`), expected('IMAGE', 'IMAGEN')),
        tag: many(z.array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)).max(20)),
        containerfile: z.string().max(4096).optional(),
        target: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/)
          .optional(),
        arg: many(pairs(/^[A-Za-z_][A-Za-z0-9_./-]{0,127}=/)),
        label: many(pairs(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}=/)),
        platform: z.string().max(60).optional(),
        noCache: z.enum(['0', '1']).default('0'),
      }),
    },
    handler: async (request, reply) => {
      const { params, query: asked, principal: by } = request;
      const repository = `${params.project}/${asked.image}`;
      // What is built is pushed under its tags: who may not move a tag there must not do so by a build.
      for (const action of ['image.push', 'image.move-tag'] as const) {
        if (!may(by, action, params.project, repository))
          throw accessFault('access.not-allowed', { name: by.name, action, place: repository });
      }
      const operation = await parts.builds.build({
        repository,
        tags: asked.tag,
        containerfile: asked.containerfile ?? null,
        target: asked.target ?? null,
        args: pairsOf(asked.arg),
        platform: asked.platform ?? null,
        labels: pairsOf(asked.label),
        noCache: asked.noCache === '1',
        facts: readSourceFacts(asked, parts.secrets, { ...params, actor: by.actor }),
        source: request.body as AsyncIterable<Uint8Array>,
        by,
      });
      return reply.code(202).send(viewOperation(operation, 'en'));
    },
  });
}

function pairsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
}
