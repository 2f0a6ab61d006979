import type { IncomingMessage, ServerResponse } from 'node:http';
import { registryFault } from '../errors.ts';
import {
  REFRESH_LIFE_MS,
  REFRESH_LIFE_PROGRAM_MS,
  SCOPES_MAX,
  TOKEN_FORM_BYTES_MAX,
  TOKEN_LIFE_MS,
} from '../limits.ts';
import { isOurRepository } from '../names.ts';
import { CATALOGUE, type Grant, type RegistryAction, type RegistryTokens } from '../tokens.ts';
import type { ReadonlyQuery } from './address.ts';
import { sendJson } from './answers.ts';
import { readBody } from './body.ts';
import { authorizationOf, credentialsOf, hostOf, mayInRepository, type Shown, type SignIn } from './sign-in.ts';

const ACTIONS: readonly RegistryAction[] = ['pull', 'push', 'delete'];

/**
 * The token endpoint of the distribution project's "Token Authentication": GET with Basic or Bearer, or POST with a form
 * (its "OAuth2 Token Authentication"). Answers a token for what was asked and is allowed; being allowed nothing is an
 * answer as well, so that a client can log in. Who shows nothing gets a token for what is open to everybody, if that was
 * asked. A client that asks for it gets a refresh token to keep instead of the password.
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
  const isPost = request.method === 'POST';
  if (request.method !== 'GET' && !isPost)
    throw registryFault('registry.unsupported', { method: request.method ?? '' });
  const form: ReadonlyQuery = isPost
    ? new URLSearchParams((await readBody(request, TOKEN_FORM_BYTES_MAX)).toString())
    : query;
  const asked = askedFor(form.getAll('scope'));
  const repositories = asked.map(({ repository }) => repository).filter((name) => name !== CATALOGUE);
  const shown = credentialsIn(request, form, isPost);
  const principal =
    shown === null
      ? await signIn.anonymous(request, repositories)
      : await signIn.withPublic(await signIn.authenticate(request, shown), repositories);
  const grants = asked.map(({ repository, actions }): Grant => {
    // Whoever signs in may ask for the list of repositories, which has only those that they may see.
    const isOpen = repository === CATALOGUE && shown !== null;
    const granted = actions.filter((action) => isOpen || mayInRepository(principal, action, repository));
    return { repository, asked: actions, granted };
  });
  const { token } = tokens.issue(principal, grants);
  const wantsRefresh = form.get('offline_token') === 'true' || (isPost && form.get('access_type') === 'offline');
  const lifeMs = principal.kind === 'user' ? REFRESH_LIFE_MS : REFRESH_LIFE_PROGRAM_MS;
  response.setHeader('Cache-Control', 'no-store');
  sendJson(request, response, 200, {
    token,
    access_token: token,
    expires_in: TOKEN_LIFE_MS / 1000,
    issued_at: now.toISOString(),
    ...(isPost ? { token_type: 'Bearer', scope: grants.flatMap(grantedScope).join(' ') } : {}),
    ...(wantsRefresh && shown !== null ? { refresh_token: tokens.issueRefresh(principal, lifeMs) } : {}),
  });
}

/** What the client shows; null: nothing at all. Secrets count in a header or a body, never in an address. */
function credentialsIn(request: IncomingMessage, form: ReadonlyQuery, isPost: boolean): Shown | null {
  const header = authorizationOf(request);
  if (header !== undefined) return credentialsOf(request, header);
  if (!isPost) {
    if (form.get('password') === null && form.get('refresh_token') === null) return null;
    const why = 'a secret in an address ends up in logs, so it is not read there';
    throw registryFault('registry.sign-in-needed', { why, host: hostOf(request) });
  }
  const [name, password, refreshToken] = ['username', 'password', 'refresh_token'].map((field) => form.get(field));
  switch (form.get('grant_type')) {
    case 'password':
      if (typeof name === 'string' && typeof password === 'string') return { kind: 'basic', name, secret: password };
      throw registryFault('registry.token-request-invalid', { why: 'username and password are needed' });
    case 'refresh_token':
      if (typeof refreshToken === 'string') return { kind: 'refresh', token: refreshToken };
      throw registryFault('registry.token-request-invalid', { why: 'refresh_token is needed' });
    default:
      throw registryFault('registry.token-request-invalid', {
        why: 'grant_type is password or refresh_token',
      });
  }
}

function grantedScope({ repository, granted }: Grant): string[] {
  if (granted.length === 0) return [];
  return [repository === CATALOGUE ? `${CATALOGUE}:*` : `repository:${repository}:${granted.join(',')}`];
}

/** `repository:<name>:<action>,<action>`, several parted by spaces. What is not understood is not granted. */
function askedFor(scopes: readonly string[]): { repository: string; actions: RegistryAction[] }[] {
  const asked: { repository: string; actions: RegistryAction[] }[] = [];
  for (const scope of scopes.flatMap((text) => text.split(' ')).slice(0, SCOPES_MAX)) {
    if (scope === `${CATALOGUE}:*`) {
      asked.push({ repository: CATALOGUE, actions: ['pull'] });
      continue;
    }
    const [, repository, list] = /^repository:([^:]+):([a-z,*]+)$/.exec(scope) ?? [];
    if (repository === undefined || list === undefined || !isOurRepository(repository)) continue;
    const words = list.split(',');
    asked.push({
      repository,
      actions: ACTIONS.filter((action) => words.includes(action) || words.includes('*')),
    });
  }
  return asked;
}
