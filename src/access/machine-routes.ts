import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { expected, Fault } from '../system/index.ts';
import type { Access } from './access.ts';
import { isRole, type Role } from './action.ts';
import { accessFault } from './errors.ts';
import type { ApiApp } from './http.ts';
import type { WorkloadIdentity } from './identity/identity.ts';
import { WORKLOAD_USER } from './identity/sign-in.ts';
import {
  CLAIM_CHARACTERS_MAX,
  CLAIMS_MAX,
  ISSUER_TOKEN_BYTES_MAX,
  KEYS_BYTES_MAX,
  REPOSITORIES_MAX,
  RIGHTS_MAX,
  ROBOT_NAME_MAX,
  TOKEN_DAYS_MAX,
  WORKLOAD_MINUTES_MAX,
} from './limits.ts';
import type { Robots } from './robots.ts';
import type { FailureThrottle } from './throttle.ts';

/** RFC 8693 section 2.1: what a token exchange is called, and the kinds of tokens it may begin with. */
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_TYPES = ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:id_token'] as const;
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const project = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const programName = z
  .string()
  .max(ROBOT_NAME_MAX)
  .regex(/^[a-z0-9][a-z0-9._-]*$/);
const userName = z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/);
const inProject = z.object({ project });
const named = inProject.extend({ name: programName });
const rights = {
  rights: z.array(z.string().max(40)).min(1).max(RIGHTS_MAX),
  repositories: z.array(z.string().min(1).max(255)).max(REPOSITORIES_MAX).default([]),
};
const issuerName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/);

/** Members and robots of projects, and the workloads of others that projects trust. */
export function registerMachineRoutes(
  app: ApiApp,
  parts: {
    readonly access: Access;
    readonly robots: Robots;
    readonly identity: WorkloadIdentity;
    readonly throttle: FailureThrottle;
  },
): void {
  const { access, robots, identity, throttle } = parts;

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/members',
    config: { action: 'project.read' },
    schema: { params: inProject },
    handler: async (request) => ({ items: await access.listMembers(request.params.project) }),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/members/:name',
    config: { action: 'member.manage' },
    schema: {
      params: inProject.extend({ name: userName }),
      body: z.object({
        roles: z
          .array(
            z
              .string()
              .refine(isRole, expected('a role', 'un rol'))
              .transform((role) => role as Role),
          )
          .min(1)
          .max(5),
      }),
    },
    handler: async (request) => {
      const { project: of, name } = request.params;
      await access.changeMember(of, name, request.body.roles, request.principal);
      return { project: of, name, roles: request.body.roles };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/members/:name',
    config: { action: 'member.manage' },
    schema: { params: inProject.extend({ name: userName }) },
    handler: async (request) => {
      await access.changeMember(request.params.project, request.params.name, [], request.principal);
      return {};
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/robots',
    config: { action: 'robot.manage' },
    schema: { params: inProject },
    handler: async (request) => ({ items: await robots.list(request.params.project) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/robots',
    config: { action: 'robot.manage' },
    schema: {
      params: inProject,
      body: z.strictObject({ name: programName, ...rights, days: z.number().int().min(1).max(TOKEN_DAYS_MAX) }),
    },
    handler: async (request) => robots.create({ project: request.params.project, ...request.body }, request.principal),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/robots/:name/rotate',
    config: { action: 'robot.manage' },
    schema: { params: named },
    handler: async (request) => robots.rotate(request.params.project, request.params.name, request.principal),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/robots/:name/state',
    config: { action: 'robot.manage' },
    schema: { params: named, body: z.object({ state: z.enum(['active', 'disabled']) }) },
    handler: async (request) =>
      robots.setState(request.params.project, request.params.name, request.body.state, request.principal),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/robots/:name',
    config: { action: 'robot.manage' },
    schema: { params: named },
    handler: async (request) => {
      await robots.delete(request.params.project, request.params.name, request.principal);
      return {};
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/workload-identity/issuers',
    // Who writes a trust rule needs the names; there is no secret in them.
    config: { action: 'policy.read' },
    handler: async () => ({ items: await identity.listIssuers() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/workload-identity/issuers',
    config: { action: 'platform.admin' },
    schema: {
      body: z.strictObject({
        name: issuerName,
        url: z.string().max(500),
        audience: z.string().min(1).max(500),
        jwksUrl: z.string().max(500).nullable().default(null),
        jwks: z.string().max(KEYS_BYTES_MAX).nullable().default(null),
        caPem: z.string().max(100_000).nullable().default(null),
        networks: z.array(z.string().max(50)).max(20).default([]),
        reuse: z.boolean().default(false),
      }),
    },
    handler: async (request) => identity.addIssuer(request.body, request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/workload-identity/issuers/:name',
    config: { action: 'platform.admin' },
    schema: { params: z.object({ name: issuerName }) },
    handler: async (request) => {
      await identity.removeIssuer(request.params.name, request.principal.actor);
      return {};
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/trust-rules',
    config: { action: 'robot.manage' },
    schema: { params: inProject },
    handler: async (request) => ({ items: await identity.listRules(request.params.project) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/trust-rules',
    config: { action: 'robot.manage' },
    schema: {
      params: inProject,
      body: z.strictObject({
        name: programName,
        issuer: issuerName,
        claims: z
          .array(z.strictObject({ claim: z.string().max(100), value: z.string().max(CLAIM_CHARACTERS_MAX) }))
          .max(CLAIMS_MAX),
        ...rights,
        minutes: z.number().int().min(1).max(WORKLOAD_MINUTES_MAX).default(WORKLOAD_MINUTES_MAX),
      }),
    },
    handler: async (request) =>
      identity.addRule({ project: request.params.project, ...request.body }, request.principal),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/projects/:project/trust-rules/:name',
    config: { action: 'robot.manage' },
    schema: { params: named },
    handler: async (request) => {
      await identity.removeRule(request.params.project, request.params.name, request.principal.actor);
      return {};
    },
  });

  // RFC 8693 asks with a form; JSON with the same members is taken as well. A form is read by this route alone.
  app.register(async (scope) => {
    const form = scope.withTypeProvider<ZodTypeProvider>();
    form.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    });
    form.route({
      method: 'POST',
      url: '/api/v1/workload-identity/token',
      config: { action: 'public' },
      schema: {
        body: z.object({
          grant_type: z.literal(TOKEN_EXCHANGE).default(TOKEN_EXCHANGE),
          subject_token: z.string().min(1).max(ISSUER_TOKEN_BYTES_MAX),
          subject_token_type: z.enum(JWT_TYPES).default(JWT_TYPES[0]),
          requested_token_type: z.literal(ACCESS_TOKEN).optional(),
          project: project.optional(),
        }),
      },
      handler: async (request, reply) => {
        const source = request.ip;
        const waitMs = throttle.waitMs(source);
        if (waitMs > 0) throw accessFault('access.too-many-tries', { seconds: Math.ceil(waitMs / 1000) });
        const { subject_token: token, project: of = null } = request.body;
        const issued = await identity.exchange(token, { project: of, source }).catch((error: unknown) => {
          // An issuer that is away is not the client's fault.
          if (error instanceof Fault && error.kind === 'unauthenticated') throttle.failed(source);
          throw error;
        });
        throttle.succeeded(source);
        void reply.header('cache-control', 'no-store');
        return {
          access_token: issued.secret,
          issued_token_type: ACCESS_TOKEN,
          token_type: 'Bearer',
          expires_in: Math.max(0, Math.floor((Date.parse(issued.expiresAt) - Date.now()) / 1000)),
          expires_at: issued.expiresAt,
          /** For the user name of a container client, with the token as its password. */
          login: WORKLOAD_USER,
          name: issued.name,
          grants: issued.grants,
        };
      },
    });
  });
}
