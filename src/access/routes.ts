import { z } from 'zod';
import { expected } from '../system/index.ts';
import type { Access, CertifyClient, User } from './access.ts';
import { isRole, type Principal, type Role } from './action.ts';
import { accessFault } from './errors.ts';
import { type ApiApp, readCookie, sessionCookie } from './http.ts';
import { CODE_MINUTES, SESSION_HOURS, TOKEN_DAYS_MAX } from './limits.ts';

const name = z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/);
const grant = z.object({
  role: z
    .string()
    .refine(isRole, expected('a role', 'un rol'))
    .transform((role) => role as Role),
  project: z.string().regex(/^(?:\*|[a-z0-9][a-z0-9-]{0,62})$/),
});

export function registerAccessRoutes(
  app: ApiApp,
  options: {
    readonly access: Access;
    readonly instance: string;
    readonly consoleUrl: string;
    /** Signs client certificates, and where they are good: the port for mutual TLS. */
    readonly mutual: { readonly certify: CertifyClient; readonly port: number; readonly authorityPem: string };
  },
): void {
  const { access, instance, consoleUrl, mutual } = options;
  const cookie = sessionCookie(instance);
  const setCookie = (secret: string): string =>
    `${cookie}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${SESSION_HOURS * 3600}`;
  const describe = (user: User) => ({
    id: user.id,
    name: user.name,
    actor: `user:${user.name}`,
    grants: user.grants,
    language: user.language,
    hasPassword: user.hasPassword,
  });
  const describePrincipal = (principal: Principal) => ({
    id: principal.id,
    name: principal.name,
    actor: principal.actor,
    grants: principal.grants,
    language: null,
    hasPassword: false,
  });

  app.route({
    method: 'POST',
    url: '/api/v1/session/exchange',
    config: { action: 'public' },
    schema: { body: z.object({ code: z.string().min(1).max(200) }) },
    handler: async (request, reply) => {
      const { secret, user } = await access.exchangeCode(request.body.code);
      void reply.header('set-cookie', setCookie(secret));
      return { me: describe(user), mustSetPassword: !user.hasPassword };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/session',
    config: { action: 'public' },
    schema: { body: z.object({ name: z.string().max(200), password: z.string().max(1024) }) },
    handler: async (request, reply) => {
      const { secret, user } = await access.login(request.body.name, request.body.password);
      void reply.header('set-cookie', setCookie(secret));
      return { me: describe(user) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/session/certificate',
    config: { action: 'public' },
    schema: {
      body: z.object({
        /** A certificate request in PEM (PKCS #10, P-256); the network room bounds and reads it. */
        request: z.string().max(16 * 1024),
        proof: z.union([
          z.strictObject({ code: z.string().min(1).max(200) }),
          z.strictObject({ name: z.string().max(200), password: z.string().max(1024) }),
          z.strictObject({ token: z.string().min(1).max(512) }),
        ]),
      }),
    },
    handler: async (request) => {
      const { certificatePem, expiresAt, principal } = await access.certify(
        request.body.proof,
        request.body.request,
        mutual.certify,
      );
      return { certificate: certificatePem, expiresAt, port: mutual.port, me: describePrincipal(principal) };
    },
  });
  app.route({
    method: 'GET',
    url: '/ca.pem',
    // A certificate is public; whoever fetches it here compares its fingerprint with one they were told.
    config: { action: 'public' },
    handler: async (_request, reply) => reply.type('application/x-pem-file').send(mutual.authorityPem),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/session',
    config: { action: 'any' },
    handler: async (request, reply) => {
      if (request.principal.tokenId !== null) await access.revokeToken(request.principal.tokenId, request.principal);
      if (readCookie(request.headers.cookie, cookie) !== null) {
        void reply.header('set-cookie', `${cookie}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`);
      }
      return {};
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/me',
    config: { action: 'any' },
    handler: async (request) => {
      const user = await access.describeUser(request.principal.id);
      return user === null ? describePrincipal(request.principal) : describe(user);
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/me/password',
    config: { action: 'any' },
    schema: { body: z.object({ password: z.string().max(1024), current: z.string().max(1024).optional() }) },
    handler: async (request) => {
      const { id, tokenId } = request.principal;
      await access.setPassword(id, request.body.password, request.body.current, tokenId);
      return {};
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/me/language',
    config: { action: 'any' },
    schema: { body: z.object({ language: z.enum(['en', 'es']) }) },
    handler: async (request) => {
      await access.setLanguage(request.principal.id, request.body.language);
      return {};
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/users',
    config: { action: 'user.manage' },
    handler: async () => ({ items: await access.listUsers() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/users',
    config: { action: 'user.manage' },
    schema: { body: z.object({ name, grants: z.array(grant).min(1).max(200) }) },
    handler: async (request) => {
      const user = await access.createUser(request.body.name, request.body.grants, request.principal.actor);
      return { user, ...(await invite(user.name, request.principal.actor)) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/users/:name/code',
    config: { action: 'user.manage' },
    schema: { params: z.object({ name }) },
    handler: async (request) => invite(request.params.name, request.principal.actor),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/users/:name/grants',
    config: { action: 'user.manage' },
    schema: { params: z.object({ name }), body: z.object({ grants: z.array(grant).max(200) }) },
    handler: async (request) => access.changeGrants(request.params.name, request.body.grants, request.principal.actor),
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/users/:name/state',
    config: { action: 'user.manage' },
    schema: { params: z.object({ name }), body: z.object({ state: z.enum(['active', 'disabled']) }) },
    handler: async (request) => access.setState(request.params.name, request.body.state, request.principal.actor),
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/users/:name',
    config: { action: 'user.manage' },
    schema: { params: z.object({ name }) },
    handler: async (request) => {
      await access.removeUser(request.params.name, request.principal.actor);
      return {};
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/tokens',
    config: { action: 'any' },
    handler: async (request) => ({ items: await access.listTokens(request.principal) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/tokens',
    config: { action: 'any' },
    schema: {
      body: z.object({
        name,
        role: grant.shape.role,
        project: grant.shape.project,
        days: z.number().int().min(1).max(TOKEN_DAYS_MAX),
      }),
    },
    handler: async (request) => {
      // A robot does not make robots: a leaked token must not outlive its own revocation.
      if (request.principal.kind !== 'user') {
        throw accessFault('access.not-allowed', { name: request.principal.name, action: 'token.create', place: '*' });
      }
      const { name: tokenName, role, project, days } = request.body;
      const issued = await access.issueRobotToken({
        name: tokenName,
        grant: { role, project },
        days,
        by: request.principal,
      });
      return { token: issued.secret, ...issued.record };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/tokens/:id',
    config: { action: 'any' },
    schema: { params: z.object({ id: z.string().max(100) }) },
    handler: async (request) => {
      await access.revokeToken(request.params.id, request.principal);
      return {};
    },
  });

  async function invite(
    userName: string,
    actor: string,
  ): Promise<{ code: string; url: string; minutes: number; expiresAt: string }> {
    const { code, expiresAt } = await access.issueCode(userName, actor);
    return { code, url: `${consoleUrl}/login#code=${code}`, minutes: CODE_MINUTES, expiresAt };
  }
}
