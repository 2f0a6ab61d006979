import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../access/index.ts';
import { registryFault } from '../errors.ts';
import { SCOPES_MAX, TOKEN_FORM_BYTES_MAX, TOKEN_LIFE_MS } from '../limits.ts';
import { isOurRepository } from '../names.ts';
import type { Credentials } from '../ports.ts';
import type { Grant, RegistryAction, RegistryTokens } from '../tokens.ts';
import type { ReadonlyQuery } from './address.ts';
import { sendJson } from './answers.ts';
import { readBody } from './body.ts';
import { credentialsOf, hostOf, mayInRepository, type SignIn } from './sign-in.ts';

const ACTIONS: readonly RegistryAction[] = ['pull', 'push', 'delete'];

/**
 * The token endpoint of the distribution project's "Token Authentication": GET with Basic or Bearer, or POST with a form
 * (OAuth 2). Answers a token for what was asked and is allowed; being allowed nothing is an answer as well, so that a
 * client can log in.
 */
export async function answerToken(
  request: IncomingMessage,
  response: ServerResponse,
  parts: {
    readonly query: ReadonlyQuery;
    readonly signIn: SignIn;
    readonly tokens: RegistryTokens;
    readonly now: Date;
  },
): Promise<void> {
  const { query, signIn, tokens, now } = parts;
  if (request.method !== 'GET' && request.method !== 'POST') {
    throw registryFault('registry.unsupported', { method: request.method ?? '' });
  }
  const form: ReadonlyQuery =
    request.method === 'POST' ? new URLSearchParams((await readBody(request, TOKEN_FORM_BYTES_MAX)).toString()) : query;
  const principal = await signIn.authenticate(request, credentialsIn(request, form));
  const { token } = tokens.issue(principal, grantsFor(principal, form.getAll('scope')));
  response.setHeader('Cache-Control', 'no-store');
  sendJson(request, response, 200, {
    token,
    access_token: token,
    expires_in: TOKEN_LIFE_MS / 1000,
    issued_at: now.toISOString(),
  });
}

function credentialsIn(request: IncomingMessage, form: ReadonlyQuery): Credentials {
  const header = request.headers.authorization;
  if (header !== undefined) return credentialsOf(request, header);
  const [name, password, refreshToken] = ['username', 'password', 'refresh_token'].map((field) => form.get(field));
  // Only from a body: a secret in a URL ends up in logs.
  if (request.method === 'POST' && typeof name === 'string' && typeof password === 'string') {
    return { kind: 'basic', name, secret: password };
  }
  if (request.method === 'POST' && typeof refreshToken === 'string') return { kind: 'bearer', token: refreshToken };
  throw registryFault('registry.sign-in-needed', {
    why: 'no credentials came with the request',
    host: hostOf(request),
  });
}

/** `repository:<name>:<action>,<action>`, several parted by spaces. What is not understood is not granted. */
function grantsFor(principal: Principal, scopes: readonly string[]): Grant[] {
  const grants: Grant[] = [];
  for (const scope of scopes.flatMap((text) => text.split(' ')).slice(0, SCOPES_MAX)) {
    const [, repository, list] = /^repository:([^:]+):([a-z,*]+)$/.exec(scope) ?? [];
    if (repository === undefined || list === undefined || !isOurRepository(repository)) continue;
    const words = list.split(',');
    const asked = ACTIONS.filter((action) => words.includes(action) || words.includes('*'));
    grants.push({
      repository,
      asked,
      granted: asked.filter((action) => mayInRepository(principal, action, repository)),
    });
  }
  return grants;
}
