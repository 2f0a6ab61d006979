import type { IncomingMessage, ServerResponse } from 'node:http';
import { INSTANCE_HEADER } from '../client.ts';
import { registryFault } from '../errors.ts';
import { IDLE_MS } from '../limits.ts';
import { isOurRepository } from '../names.ts';
import type { RegistryAccess } from '../ports.ts';
import type { Registry } from '../registry.ts';
import { CATALOGUE, type RegistryAction, RegistryTokens } from '../tokens.ts';
import { type Address, parseAddress, type ReadonlyQuery } from './address.ts';
import { describeFailure, sendFailure, sendJson } from './answers.ts';
import { answerBlob, requireDigest } from './blobs.ts';
import { type AnswerPlace, KeptAnswers } from './kept-answers.ts';
import {
  answerCatalogue,
  answerManifest,
  answerReferrers,
  answerTags,
  deleteManifest,
  putManifest,
} from './manifests.ts';
import { hostOf, type Session, SignIn } from './sign-in.ts';
import { answerToken } from './token.ts';
import { answerUploadStatus, cancelUpload, continueUpload, finishUpload, startUpload } from './uploads.ts';
import { refusePush } from './upstream.ts';

export interface RegistryHandlerOptions {
  readonly registry: Registry;
  readonly access: RegistryAccess;
  /** At least 32 secret bytes of this instance, the same after a restart. */
  readonly serverKey: Uint8Array;
  /** The instance's name: tokens of one instance are no good at another. */
  readonly service: string;
  /** Who a request comes from, for slowing down guesses; default the peer's address. Behind a proxy, say how to know. */
  readonly sourceOf?: (request: IncomingMessage) => string;
  /**
   * Changes with every write to the database (`OpenedDatabase.writes`): answers are kept while it stays the same. Without
   * it, or when it says null, each request is answered anew.
   */
  readonly writes?: () => number | null;
  /** Headers of every answer, such as Strict-Transport-Security. */
  readonly headers?: Readonly<Record<string, string>>;
  /** False: DELETE is refused everywhere with 405. Default true. */
  readonly deletes?: boolean;
}

interface Parts {
  readonly registry: Registry;
  readonly signIn: SignIn;
  readonly tokens: RegistryTokens;
  readonly service: string;
  readonly deletes: boolean;
  readonly kept: KeptAnswers;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * The distribution API (OCI distribution-spec 1.1) for `/v2/` on bare node:http: measured, a framework costs a third of
 * the requests. The server it is mounted in must not limit the whole time of a request (`requestTimeout: 0`): a layer
 * of gigabytes takes long; a connection that stands still is ended here.
 */
export function createRegistryHandler(
  options: RegistryHandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { registry, access, serverKey, service, deletes = true } = options;
  const sourceOf = options.sourceOf ?? ((request) => request.socket.remoteAddress ?? '');
  const tokens = new RegistryTokens(serverKey, service, registry.clock);
  const signIn = new SignIn({
    access,
    tokens,
    clock: registry.clock,
    sourceOf,
    isPublic: (repository) =>
      registry.settings.known(repository)?.anonymousPull ??
      registry.settings.of(repository).then(({ anonymousPull }) => anonymousPull),
  });
  const kept = new KeptAnswers(options.writes ?? (() => null), registry.pulls);
  const headers = Object.entries(options.headers ?? {});
  const parts: Parts = { registry, signIn, tokens, service, deletes, kept, headers };
  return (request, response) => {
    // Once per connection: it costs more than it looks.
    if (request.socket.timeout !== IDLE_MS) request.setTimeout(IDLE_MS);
    const place = kept.answer(request, response);
    if (place === 'answered') return;
    for (const [name, value] of headers) response.setHeader(name, value);
    answer(request, response, parts, place).catch((error: unknown) => fail(request, response, error, parts));
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  parts: Parts,
  place: AnswerPlace,
): Promise<void> {
  const { registry, signIn, tokens } = parts;
  const { address, query } = parseAddress(request.url ?? '');
  if (address.kind === 'token') {
    return answerToken(request, response, { query, signIn, tokens, now: registry.clock.now() });
  }
  const action = actionOf(request.method ?? '', address, parts.deletes);
  const challenge = (): string => challengeFor(request, address, action, query, parts.service);
  const session = await signIn.open(request, { address, action, response }).catch((error: unknown) => {
    // Docker looks for this header before it believes that it talks to a registry.
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    response.setHeader('WWW-Authenticate', challenge());
    throw error;
  });
  if (address.kind === 'ping') {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    // So that a mirror finds out that it was pointed at itself.
    response.setHeader(INSTANCE_HEADER, registry.instanceId);
    return sendJson(request, response, 200, {});
  }
  const isList = address.kind === 'catalogue';
  const permission = isList ? session.mayList() : session.permission(action, address.repository);
  if (permission === 'refused') {
    throw registryFault('registry.not-allowed', {
      actor: session.caller.actor,
      action,
      repository: isList ? CATALOGUE : address.repository,
    });
  }
  if (permission === 'unknown') {
    response.setHeader('WWW-Authenticate', `${challenge()},error="insufficient_scope"`);
    const why = isList
      ? 'the token was not made for the list of repositories'
      : `the token was not made for ${action} in ${address.repository}`;
    throw registryFault('registry.sign-in-needed', { why, host: hostOf(request) });
  }
  if (isList) return answerCatalogue(request, response, registry, session, query);
  if (action === 'push') refusePush(registry, address.repository);
  return serve(request, response, parts, session, address, query, place);
}

function serve(
  request: IncomingMessage,
  response: ServerResponse,
  parts: Parts,
  session: Session,
  address: Exclude<Address, { kind: 'ping' | 'token' | 'catalogue' }>,
  query: ReadonlyQuery,
  place: AnswerPlace,
): Promise<void> {
  const { registry } = parts;
  const { repository } = address;
  switch (address.kind) {
    case 'blob': {
      const digest = requireDigest(address.digest);
      if (request.method !== 'DELETE') return answerBlob(request, response, registry, session, repository, digest);
      return registry.content.deleteBlob(repository, digest).then(() => {
        response.writeHead(202, { 'Content-Length': 0 });
        response.end();
      });
    }
    case 'uploads':
      return startUpload(request, response, registry, session, repository, query);
    case 'upload':
      switch (request.method) {
        case 'PATCH':
          return continueUpload(request, response, registry, session, repository, address.id);
        case 'PUT':
          return finishUpload(request, response, registry, session, repository, address.id, query);
        case 'DELETE':
          return cancelUpload(response, registry, session, repository, address.id);
        default:
          return answerUploadStatus(response, registry, session, repository, address.id);
      }
    case 'manifest':
      switch (request.method) {
        case 'PUT':
          return putManifest(request, response, registry, session, repository, address.reference);
        case 'DELETE':
          return deleteManifest(response, registry, session, repository, address.reference);
        default:
          return answerManifest(request, response, registry, session, repository, address.reference, (answer) =>
            parts.kept.keep(place, { ...answer, headers: [...parts.headers.flat(), ...answer.headers] }),
          );
      }
    case 'tags':
      return answerTags(request, response, registry, repository, query);
    case 'referrers':
      return answerReferrers(request, response, registry, repository, address.digest, query);
  }
}

/** What each method of each address needs; a method that is not here is not supported there. */
const NEEDS: Readonly<Record<Exclude<Address['kind'], 'token'>, Readonly<Record<string, RegistryAction>>>> = {
  ping: { GET: 'pull', HEAD: 'pull' },
  catalogue: { GET: 'pull', HEAD: 'pull' },
  blob: { GET: 'pull', HEAD: 'pull', DELETE: 'delete' },
  uploads: { POST: 'push' },
  // Cancelling an upload of one's own is part of pushing.
  upload: { GET: 'push', PATCH: 'push', PUT: 'push', DELETE: 'push' },
  manifest: { GET: 'pull', HEAD: 'pull', PUT: 'push', DELETE: 'delete' },
  tags: { GET: 'pull', HEAD: 'pull' },
  referrers: { GET: 'pull', HEAD: 'pull' },
};

function actionOf(method: string, address: Exclude<Address, { kind: 'token' }>, deletes: boolean): RegistryAction {
  const action = Object.hasOwn(NEEDS[address.kind], method) ? NEEDS[address.kind][method] : undefined;
  if (action === undefined || (method === 'DELETE' && !deletes)) {
    throw registryFault('registry.unsupported', { method: method.slice(0, 20) });
  }
  return action;
}

/**
 * RFC 6750 challenge with the scopes that the request needs, as the distribution project's token authentication asks: of
 * its repository, and of the one that a blob is to be mounted from.
 */
function challengeFor(
  request: IncomingMessage,
  address: Address,
  action: RegistryAction,
  query: ReadonlyQuery,
  service: string,
): string {
  const scheme = 'encrypted' in request.socket ? 'https' : 'http';
  const realm = `Bearer realm="${scheme}://${hostOf(request)}/v2/token",service="${service}"`;
  if (address.kind === 'catalogue') return `${realm},scope="${CATALOGUE}:*"`;
  if (!('repository' in address)) return realm;
  const scopes = [`repository:${address.repository}:${action === 'push' ? 'pull,push' : action}`];
  const from = address.kind === 'uploads' && query.get('mount') !== null ? query.get('from') : null;
  if (from !== null && isOurRepository(from)) scopes.push(`repository:${from}:pull`);
  return `${realm},scope="${scopes.join(' ')}"`;
}

function fail(request: IncomingMessage, response: ServerResponse, error: unknown, parts: Parts): void {
  if (request.destroyed && !request.complete) {
    // The client went away in the middle; what arrived of an upload is kept for its return.
    response.destroy();
    return;
  }
  const { status } = describeFailure(error);
  if (status >= 500) parts.registry.log.error({ err: error, method: request.method }, 'a registry request failed');
  sendFailure(request, response, error);
}
