import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ApiApp, Principal } from '../../access/index.ts';
import { scanFault } from '../errors.ts';
import type { MalwareScanner } from '../malware/look.ts';
import { TRIES_AT_ONCE_MAX, TRY_TEXT_MAX_BYTES } from '../secrets/limits.ts';
import type { SecretRuleSource } from '../secrets/rules.ts';
import { RULE_FILE_KINDS, RULE_FILE_MAX, type RuleFileKind, type RuleFiles } from './rule-files.ts';
import { trySecretRules } from './try-rules.ts';

export interface KnowledgeRoutesParts {
  readonly files: RuleFiles;
  readonly malware: Pick<MalwareScanner, 'state'>;
  /** The platform's rules for credentials as they are now. */
  readonly secretRules: SecretRuleSource;
  /** Told after a file came or went. @param project null: the platform's */
  readonly changed: (project: string | null, kind: RuleFileKind, actor: string) => Promise<void>;
}

/** What a project may have of its own. */
type ProjectKind = 'baseline' | 'secrets';
interface OfProject {
  readonly params: { readonly project: string };
  readonly principal: Principal;
}
const BODY_TYPE = 'application/octet-stream';
const project = z.string().min(1).max(128);
const kind = z.enum(RULE_FILE_KINDS);
const name = z
  .string()
  .regex(/^[\w.-]{1,100}$/)
  .default('default');

/** What the scanner knows: its engines against malware, and the files that people gave it. */
export function registerKnowledgeRoutes(
  app: ApiApp,
  { files, malware, secretRules, changed }: KnowledgeRoutesParts,
): void {
  let tries = 0;
  app.route({
    method: 'GET',
    url: '/api/v1/scan/engines',
    config: { action: 'advisories.read' },
    schema: {},
    handler: async () => ({ items: await malware.state() }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/scan/rules',
    config: { action: 'advisories.read' },
    schema: {},
    handler: async () => ({ items: await files.list(null) }),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/scan/rules/:kind',
    config: { action: 'advisories.update' },
    schema: { params: z.object({ kind }), querystring: z.object({ name }) },
    handler: async ({ params, query, principal }, reply) => {
      await files.remove(null, params.kind, query.name, principal.actor);
      await changed(null, params.kind, principal.actor);
      return reply.code(204).send();
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/scan/rules',
    config: { action: 'image.read' },
    schema: { params: z.object({ project }) },
    handler: async ({ params }) => ({ items: await files.list(params.project) }),
  });
  const removeOf =
    (of: ProjectKind) =>
    async ({ params, principal }: OfProject, reply: FastifyReply) => {
      await files.remove(params.project, of, 'default', principal.actor);
      await changed(params.project, of, principal.actor);
      return reply.code(204).send();
    };
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/scan/baseline',
    config: { action: 'repository.manage' },
    schema: { params: z.object({ project }) },
    handler: removeOf('baseline'),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/scan/secrets',
    config: { action: 'repository.manage' },
    schema: { params: z.object({ project }) },
    handler: removeOf('secrets'),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/scan/secrets/try',
    config: { action: 'repository.manage' },
    bodyLimit: RULE_FILE_MAX.secrets + 2 * TRY_TEXT_MAX_BYTES,
    schema: {
      params: z.object({ project }),
      body: z.object({
        text: z.string().max(TRY_TEXT_MAX_BYTES),
        path: z
          .string()
          .regex(/^[\w.@+-]{1,100}(?:\/[\w.@+-]{1,100}){0,20}$/)
          .default('example.txt'),
        rules: z.string().max(RULE_FILE_MAX.secrets).nullable().default(null),
      }),
    },
    handler: async ({ params, body }) => {
      if (tries >= TRIES_AT_ONCE_MAX) throw scanFault('scan.try-busy', { max: TRIES_AT_ONCE_MAX });
      tries++;
      try {
        return await trySecretRules(files, { ...body, project: params.project, base: secretRules });
      } finally {
        tries--;
      }
    },
  });
  // The body is the file as it is.
  void app.register(async (plain) => {
    const scope = plain as unknown as ApiApp;
    scope.addContentTypeParser(BODY_TYPE, (_request, payload, done) => done(null, payload));
    scope.route({
      method: 'PUT',
      url: '/api/v1/scan/rules/:kind',
      config: { action: 'advisories.update' },
      bodyLimit: Math.max(...Object.values(RULE_FILE_MAX)),
      schema: {
        params: z.object({ kind: z.enum(['secrets', 'yara', 'hashes', 'jars']) }),
        querystring: z.object({ name }),
      },
      handler: async ({ params, query, body, principal }) => {
        // There is one set of rules for credentials: a second would have to say which of them counts.
        const named = params.kind === 'secrets' ? 'default' : query.name;
        const text = await readBody(body as Readable, params.kind);
        const record = await files.put({ project: null, kind: params.kind, name: named, text }, principal.actor);
        await changed(null, params.kind, principal.actor);
        return record;
      },
    });
    const putOf =
      (of: ProjectKind) =>
      async ({ params, body, principal }: OfProject & { readonly body: unknown }) => {
        const text = await readBody(body as Readable, of);
        const file = { project: params.project, kind: of, name: 'default', text } as const;
        const record = await files.put(file, principal.actor);
        await changed(params.project, of, principal.actor);
        return record;
      };
    scope.route({
      method: 'PUT',
      url: '/api/v1/projects/:project/scan/baseline',
      config: { action: 'repository.manage' },
      bodyLimit: RULE_FILE_MAX.baseline,
      schema: { params: z.object({ project }) },
      handler: putOf('baseline'),
    });
    scope.route({
      method: 'PUT',
      url: '/api/v1/projects/:project/scan/secrets',
      config: { action: 'repository.manage' },
      bodyLimit: RULE_FILE_MAX.secrets,
      schema: { params: z.object({ project }) },
      handler: putOf('secrets'),
    });
  });
}

async function readBody(body: Readable, of: RuleFileKind): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of body) {
    sizeBytes += (part as Buffer).length;
    if (sizeBytes > RULE_FILE_MAX[of]) {
      throw scanFault('scan.rules-invalid', { name: of, why: `it is larger than ${RULE_FILE_MAX[of]} bytes` });
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}
