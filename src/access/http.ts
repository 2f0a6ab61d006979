import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import {
  describeIssues,
  EXIT_CODE,
  Fault,
  isDiskFull,
  type Log,
  languageOf,
  newId,
  withPatience,
} from '../system/index.ts';
import { type Action, may, type Principal } from './action.ts';
import { accessFault } from './errors.ts';
import { ASKED_MS } from './limits.ts';
import { type ApiRoute, describeApi } from './openapi.ts';
import { FRAME_WORDS } from './request-words.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the caller must be allowed to do; 'any' = logged in, 'public' = anybody. Every route names one. */
    action?: Action | 'any' | 'public';
    /**
     * The member of the query that names the one repository which the whole answer is about: then a right for some
     * repositories is enough. Only for routes whose handler reads nothing else.
     */
    repositoryIn?: string;
  }
  interface FastifyRequest {
    /** Who asks; set for every route that is not public. */
    principal: Principal;
  }
}

export type ApiApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** JSON bodies are small; sources and advisories come as streams with their own limits. */
const BODY_BYTES_MAX = 1024 * 1024;

/** The cookie of a browser session. Instances share the host name, so each has its own cookie name. */
export function sessionCookie(instance: string): string {
  return `__Host-darsena-${instance}`;
}

export interface ApiOptions {
  readonly instance: string;
  readonly log: Log;
  readonly authenticate: (secret: string) => Promise<Principal>;
  /** Who a request's client certificate names; null at a port that asks for none, where cookies and tokens count. */
  readonly authenticateCertificate?: (request: IncomingMessage) => Promise<Principal> | null;
  /** Told of every answer being given to somebody, so that it can be cut with their login. */
  readonly opened?: (principal: Principal, response: Writable) => void;
}

/**
 * Fastify hands a request without a body to its schema as null (lib/validation.js), which is no value that a default stands for:
 * what was not sent is undefined, so that a route with a body of defaults alone can be asked without one.
 */
const bodilessCompiler: typeof validatorCompiler = (route) => {
  const validate = validatorCompiler(route);
  return route.httpPart === 'body' ? (data) => validate(data ?? undefined) : validate;
};

/**
 * The REST API's frame: authentication, the question `may` for every route, problem documents (RFC 9457) in the
 * caller's language. A route without an action does not start: forgetting the question fails closed.
 */
export function createApi(options: ApiOptions): ApiApp {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: false,
    routerOptions: { maxParamLength: 300 },
  }).withTypeProvider<ZodTypeProvider>() as unknown as ApiApp;
  app.setValidatorCompiler(bodilessCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('principal');

  const routes: ApiRoute[] = [];
  app.addHook('onRoute', (route) => {
    const action = route.config?.action;
    if (action === undefined) throw new TypeError(`route ${String(route.method)} ${route.url} names no action`);
    for (const method of [route.method].flat()) {
      if (method !== 'HEAD') routes.push({ method, url: route.url, action, schema: route.schema ?? {} });
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    const action = request.routeOptions.config?.action;
    if (action === undefined || action === 'public') return;
    request.principal = await withPatience(
      { lockMs: ASKED_MS, answerMs: ASKED_MS },
      async () =>
        await (options.authenticateCertificate?.(request.raw) ??
          options.authenticate(credentialOf(request, options.instance))),
    );
    options.opened?.(request.principal, reply.raw);
    if (action === 'any') return;
    const project = (request.params as { project?: string } | undefined)?.project ?? null;
    const member = request.routeOptions.config?.repositoryIn;
    const repository = member === undefined ? undefined : (request.query as Record<string, unknown>)[member];
    if (!permits(request.principal, action, project, typeof repository === 'string' ? repository : undefined)) {
      throw accessFault('access.not-allowed', {
        name: request.principal.name,
        action,
        place: project ?? 'the platform',
      });
    }
  });
  app.addHook('preValidation', async ({ params, query, body }) => {
    if (![params, query, body].some(holdsNul)) return;
    throw accessFault('access.request-invalid', {
      why: { en: 'a text in it has the character U+0000', es: 'un texto lleva el carácter U+0000' },
    });
  });
  app.setErrorHandler((error, request, reply) => {
    const bodyLimit = request.routeOptions.bodyLimit ?? BODY_BYTES_MAX;
    const fault = toFault(error, { log: options.log, bodyLimit });
    const language = languageOf(request.headers['accept-language']);
    const problem = fault.toProblem(language);
    void reply
      .code(problem.status)
      .header('content-type', 'application/problem+json')
      .serializer(JSON.stringify)
      .send(problem);
  });
  app.setNotFoundHandler({}, (request, reply) => {
    const problem = accessFault('access.route-unknown', { path: request.url.slice(0, 200) }).toProblem(
      languageOf(request.headers['accept-language']),
    );
    void reply.code(404).header('content-type', 'application/problem+json').send(problem);
  });
  let description: object | undefined;
  app.route({
    method: 'GET',
    url: '/api/v1/openapi.json',
    config: { action: 'public' },
    schema: { summary: 'This description of the API (OpenAPI 3.1)' },
    handler: async () => {
      // Made at the first question, when every room has registered its routes.
      description ??= describeApi(routes);
      return description;
    },
  });
  return app;
}

/**
 * A route about one project asks for that project. A list across projects (no `:project` in its URL) is open to those
 * who may see at least one, and cuts itself down with `visibleProjects`; a write without a project is the platform's.
 */
function permits(
  principal: Principal,
  action: Action,
  project: string | null,
  repository: string | undefined,
): boolean {
  if (project !== null || !action.endsWith('.read')) return may(principal, action, project, repository);
  return may(principal, action, null) || principal.grants.some((grant) => may(principal, action, grant.project));
}

/** PostgreSQL keeps no text with a NUL in it, and no word of people, names or manifests has one. Streams of bytes may. */
function holdsNul(value: unknown): boolean {
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' && next.includes('\0')) return true;
    if (!isPlain(next)) continue;
    for (const [key, inner] of Object.entries(next)) {
      if (key.includes('\0')) return true;
      left.push(inner);
    }
  }
  return false;
}

/** What JSON and addresses are read as: of no class, or of one without parents. Not buffers or streams. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function credentialOf(request: FastifyRequest, instance: string): string {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const match = /^Bearer ([\w.~+/=-]{1,512})$/i.exec(header);
    if (match?.[1] === undefined) throw accessFault('access.token-invalid');
    return match[1];
  }
  const secret = readCookie(request.headers.cookie, sessionCookie(instance));
  if (secret === null) throw accessFault('access.login-needed');
  // SameSite=Strict keeps other sites out; the header also keeps out forms of other ports of the same host.
  if (request.method !== 'GET' && request.method !== 'HEAD' && request.headers['x-darsena'] === undefined) {
    throw accessFault('access.cross-site');
  }
  return secret;
}

export function readCookie(header: string | undefined, name: string): string | null {
  for (const part of (header ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2);
    if (key === name && value !== undefined && value !== '') return value;
  }
  return null;
}

function toFault(error: unknown, { log, bodyLimit }: { readonly log: Log; readonly bodyLimit: number }): Fault {
  if (error instanceof Fault) {
    if (EXIT_CODE[error.kind] === 1 && error.kind === 'internal')
      log.error({ err: error, code: error.code }, 'request failed');
    return error;
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    return accessFault('access.request-invalid', { why: describeIssues(error.validation) });
  }
  const { statusCode: status, code = '' } = error as { statusCode?: number; code?: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return accessFault('access.request-too-large', { bytes: bodyLimit });
  if (status !== undefined && status >= 400 && status < 500) {
    const why = FRAME_WORDS[code] ?? (error instanceof Error ? error.message : String(error));
    return accessFault('access.request-invalid', { why });
  }
  const id = newId();
  log.error({ err: error, id }, 'request failed');
  if (isDiskFull(error)) return accessFault('access.disk-full', {}, { cause: error });
  return accessFault('access.internal', { id }, { cause: error });
}
