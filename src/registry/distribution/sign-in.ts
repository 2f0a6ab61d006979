import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Action,
  accessFault,
  FailureThrottle,
  type Identity,
  may,
  type Principal,
  RateLimit,
} from '../../access/index.ts';
import { projectOf } from '../../oci/index.ts';
import { type Clock, Fault, whenClosed } from '../../system/index.ts';
import { registryFault } from '../errors.ts';
import {
  ANONYMOUS_BURST,
  ANONYMOUS_PER_SECOND,
  PUBLIC_CHECK_MS,
  SIGN_IN_KEPT_MS,
  SIGN_INS_KEPT_MAX,
} from '../limits.ts';
import type { Caller, Credentials, RegistryAccess } from '../ports.ts';
import { CATALOGUE, type Grant, type RegistryAction, type RegistryToken, type RegistryTokens } from '../tokens.ts';
import type { Address } from './address.ts';

/** `unknown`: a registry token that was not made for this repository; another token may well be. */
export type Permission = 'granted' | 'refused' | 'unknown';

/** Who asks in one request, and what they may do. */
export interface Session {
  readonly caller: Caller;
  permission(action: RegistryAction, repository: string): Permission;
  /** Whether this may list repositories at all, and whether a repository belongs into its list. */
  mayList(): Permission;
  maySee(repository: string): boolean;
  /** Whether a tag that is there may be made to name another digest; pushing alone does not include it. */
  mayMoveTag(repository: string): boolean;
  /** Whether the caller may push, and so sign, whatever this token was made for. */
  maySign(repository: string): boolean;
}

const ACTIONS: Readonly<Record<RegistryAction, Action>> = {
  pull: 'image.pull',
  push: 'image.push',
  delete: 'image.delete',
};

export function mayInRepository(principal: Principal, action: RegistryAction, repository: string): boolean {
  return may(principal, ACTIONS[action], projectOf(repository), repository);
}

/** A session with the rights of the principal as they are now, cut down by what a registry token was made for. */
function sessionOf(principal: Principal, grants: readonly Grant[] | null): Session {
  return {
    caller: principal,
    permission: (action, repository) => {
      const asked = grants === null ? 'granted' : permissionOf(grants, action, repository);
      if (asked === 'granted' && mayInRepository(principal, action, repository)) return 'granted';
      // Who has not signed in may do so, and then be allowed.
      return asked === 'unknown' || principal.kind === 'anonymous' ? 'unknown' : 'refused';
    },
    mayList: () => (grants === null ? 'granted' : permissionOf(grants, 'pull', CATALOGUE)),
    maySee: (repository) => may(principal, 'image.read', projectOf(repository), repository),
    mayMoveTag: (repository) => may(principal, 'image.move-tag', projectOf(repository), repository),
    maySign: (repository) => mayInRepository(principal, 'push', repository),
  };
}

/** What a client shows: credentials of the platform, or a refresh token that the registry gave it. */
export type Shown = Credentials | { readonly kind: 'refresh'; readonly token: string };

/** What is asked, as far as signing in depends on it. */
export interface Wanted {
  readonly address: Exclude<Address, { kind: 'token' }>;
  readonly action: RegistryAction;
  readonly response: ServerResponse;
}

const NOBODY: Principal = {
  id: 'anonymous',
  actor: 'anonymous',
  kind: 'anonymous',
  name: 'anonymous',
  grants: [],
  tokenId: null,
};

/** Reads the Authorization header into a session: a registry token, a platform token, or a name with a secret. */
export class SignIn {
  readonly #access: RegistryAccess;
  readonly #tokens: RegistryTokens;
  readonly #clock: Clock;
  readonly #throttle: FailureThrottle;
  readonly #anonymousFlow: RateLimit;
  readonly #sourceOf: (request: IncomingMessage) => string;
  readonly #isPublic: (repository: string) => boolean | Promise<boolean>;
  /** Who showed what, by a keyed hash; the secret itself is not kept. */
  readonly #kept = new Map<string, { who: Identity; untilMs: number }>();
  readonly #keptKey = randomBytes(32);
  /** Transfers that rest on their repository being open to everybody. */
  readonly #public = new Set<{ readonly repository: string; readonly response: ServerResponse }>();
  #publicSweep: NodeJS.Timeout | undefined;

  constructor(parts: {
    access: RegistryAccess;
    tokens: RegistryTokens;
    clock: Clock;
    sourceOf: (request: IncomingMessage) => string;
    /** Whether anybody may pull from the repository, by its settings of now. */
    isPublic: (repository: string) => boolean | Promise<boolean>;
  }) {
    this.#access = parts.access;
    this.#tokens = parts.tokens;
    this.#clock = parts.clock;
    this.#throttle = new FailureThrottle(parts.clock);
    this.#anonymousFlow = new RateLimit(parts.clock, { burst: ANONYMOUS_BURST, perSecond: ANONYMOUS_PER_SECOND });
    this.#sourceOf = parts.sourceOf;
    this.#isPublic = parts.isPublic;
  }

  /**
   * Who asks in this request, with the rights of now. Without credentials only a repository that is open to everybody
   * answers, and only to reading by name or digest.
   * @throws Fault registry.sign-in-needed, .sign-in-throttled, .too-many-requests
   */
  async open(request: IncomingMessage, wanted: Wanted): Promise<Session> {
    const header = authorizationOf(request);
    const repositories = publicPlace(wanted);
    if (header === undefined) {
      const nobody = await this.anonymous(request, repositories);
      if (isTransfer(request, wanted)) this.#holdPublic(wanted);
      return sessionOf(nobody, null);
    }
    const bearer = bearerOf(header);
    const token = bearer !== null && this.#tokens.claims(bearer) ? this.#readToken(request, bearer) : null;
    if (token?.who.id === NOBODY.id) {
      const nobody = await this.anonymous(request, repositories);
      if (isTransfer(request, wanted)) this.#holdPublic(wanted);
      return sessionOf(nobody, token.grants);
    }
    const found =
      token === null
        ? await this.authenticate(request, credentialsOf(request, header))
        : await this.#current(request, token.who);
    const principal = repositories.length === 0 ? found : await this.withPublic(found, repositories);
    if (isTransfer(request, wanted)) {
      this.#hold(principal, wanted);
      // It rests on what everybody may.
      if (principal !== found) this.#holdPublic(wanted);
    }
    return sessionOf(principal, token?.grants ?? null);
  }

  /**
   * Nobody in particular, who may pull from those of the repositories that are open to everybody.
   * @throws Fault registry.sign-in-needed when none is, .too-many-requests
   */
  async anonymous(request: IncomingMessage, repositories: readonly string[]): Promise<Principal> {
    const principal = await this.withPublic(NOBODY, repositories);
    if (principal.grants.length === 0) throw needed(request, 'no credentials came with the request');
    const waitMs = this.#anonymousFlow.take(this.#sourceOf(request));
    if (waitMs > 0) throw registryFault('registry.too-many-requests', { seconds: Math.ceil(waitMs / 1000) });
    return principal;
  }

  /** The principal with what everybody may: nobody has less for having signed in. */
  async withPublic(principal: Principal, repositories: readonly string[]): Promise<Principal> {
    let grants = principal.grants;
    for (const repository of repositories) {
      if (mayInRepository(principal, 'pull', repository)) continue;
      const answer = this.#isPublic(repository);
      const isPublic = typeof answer === 'boolean' ? answer : await answer;
      if (isPublic) {
        const project = projectOf(repository);
        grants = [...grants, { role: 'image.pull', project, repositories: [repository] }];
      }
    }
    return grants === principal.grants ? principal : { ...principal, grants };
  }

  /** Checks credentials, slowing down whoever guesses. @throws Fault registry.sign-in-needed, .sign-in-throttled */
  async authenticate(request: IncomingMessage, shown: Shown): Promise<Principal> {
    const source = this.#sourceOf(request);
    const key = this.#keyOf(shown, source);
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonicMs()) {
      return this.#current(request, kept.who);
    }
    const waitMs = this.#throttle.waitMs(source);
    if (waitMs > 0) throw registryFault('registry.sign-in-throttled', { seconds: Math.ceil(waitMs / 1000) });
    try {
      const principal =
        shown.kind === 'refresh'
          ? await this.#refreshed(request, shown.token)
          : await this.#access.authenticate(shown, source);
      this.#throttle.succeeded(source);
      this.#keep(key, principal);
      return principal;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.kind === 'limited') {
        const seconds = Number(error.params['seconds'] ?? 60);
        throw registryFault('registry.sign-in-throttled', { seconds }, { cause: error });
      }
      if (error.kind !== 'unauthenticated') throw error;
      this.#throttle.failed(source);
      throw needed(request, 'the name, password or token is wrong', error);
    }
  }

  #readToken(request: IncomingMessage, text: string): RegistryToken {
    const token = this.#tokens.read(text);
    if (token === null) throw needed(request, 'the registry token has expired or was not made here');
    return token;
  }

  /** A refresh token of ours; some clients also keep a token of the platform in its place. */
  async #refreshed(request: IncomingMessage, text: string): Promise<Principal> {
    if (!this.#tokens.isRefresh(text)) {
      return this.#access.authenticate({ kind: 'bearer', token: text }, this.#sourceOf(request));
    }
    const who = this.#tokens.readRefresh(text);
    const principal = who === null ? null : await this.#access.current(who);
    if (principal === null) throw accessFault('access.token-invalid');
    return principal;
  }

  /** A transfer takes as long as it takes; when the right it began with goes, it is cut. */
  #hold(principal: Principal, { address, action, response }: Wanted): void {
    if (!('repository' in address)) return;
    const { repository } = address;
    const unwatch = this.#access.watch(principal, (now) => {
      if (now !== null && mayInRepository(now, action, repository)) return;
      // Still allowed as anybody is: the repository is open to everybody.
      if (now !== null && action === 'pull' && this.#isPublic(repository) === true) return;
      response.destroy();
    });
    whenClosed(response, unwatch);
  }

  /** A transfer that rests on the repository being open to everybody is cut when it is not any more. */
  #holdPublic({ address, response }: Wanted): void {
    if (!('repository' in address)) return;
    const held = { repository: address.repository, response };
    this.#public.add(held);
    this.#publicSweep ??= setInterval(() => this.#cutClosed(), PUBLIC_CHECK_MS).unref();
    whenClosed(response, () => {
      this.#public.delete(held);
      if (this.#public.size > 0) return;
      clearInterval(this.#publicSweep);
      this.#publicSweep = undefined;
    });
  }

  #cutClosed(): void {
    for (const { repository, response } of this.#public) {
      Promise.resolve(this.#isPublic(repository))
        // What cannot be read is not open.
        .catch(() => false)
        .then((isPublic) => {
          if (!isPublic) response.destroy();
        });
    }
  }

  /** Who it is by now: what was taken away since ends here, whatever was derived from it. */
  async #current(request: IncomingMessage, who: Identity): Promise<Principal> {
    const answer = this.#access.current(who);
    const principal = answer instanceof Promise ? await answer : answer;
    if (principal === null) throw needed(request, 'the account or token was taken away');
    return principal;
  }

  /** With the source: what was good from one place may not be from another. */
  #keyOf(shown: Shown, source: string): string {
    const text =
      shown.kind === 'basic'
        ? `basic\0${source}\0${shown.name}\0${shown.secret}`
        : `${shown.kind}\0${source}\0${shown.token}`;
    return createHmac('sha256', this.#keptKey).update(text).digest('base64');
  }

  #keep(key: string, principal: Principal): void {
    this.#kept.delete(key);
    this.#kept.set(key, { who: principal, untilMs: this.#clock.monotonicMs() + SIGN_IN_KEPT_MS });
    if (this.#kept.size <= SIGN_INS_KEPT_MAX) return;
    const oldest = this.#kept.keys().next().value;
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

/**
 * The repository that the request reads by name or digest, as a list of one; none for anything else: who has not signed
 * in never writes, and is not shown what tags there are.
 */
function publicPlace({ address, action }: Wanted): readonly string[] {
  const isReading = address.kind === 'manifest' || address.kind === 'blob' || address.kind === 'referrers';
  return isReading && action === 'pull' ? [address.repository] : [];
}

/** Requests that carry content, and so may last. */
function isTransfer({ method, headers }: IncomingMessage, { address }: Wanted): boolean {
  if (address.kind === 'blob') return method === 'GET';
  // What says that it has no body, as the start of an upload does, is over at once.
  return (address.kind === 'upload' || address.kind === 'uploads') && headers['content-length'] !== '0';
}

function permissionOf(grants: readonly Grant[], action: RegistryAction, repository: string): Permission {
  for (const grant of grants) {
    if (grant.repository !== repository) continue;
    if (grant.granted.includes(action)) return 'granted';
    if (grant.asked.includes(action)) return 'refused';
  }
  return 'unknown';
}

/** The Authorization header; one with an empty name and secret, which clients without credentials send, is none. */
export function authorizationOf({ headers }: IncomingMessage): string | undefined {
  const header = headers.authorization;
  return header === undefined || /^basic +Og==$/i.test(header) ? undefined : header;
}

/** The credentials of a header that is not a registry token. @throws Fault registry.sign-in-needed */
export function credentialsOf(request: IncomingMessage, header: string): Credentials {
  const bearer = bearerOf(header);
  if (bearer !== null) return { kind: 'bearer', token: bearer };
  const encoded = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header)?.[1];
  const pair = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = pair.indexOf(':');
  if (colon < 0) throw needed(request, 'the Authorization header is neither Basic nor Bearer');
  return { kind: 'basic', name: pair.slice(0, colon), secret: pair.slice(colon + 1) };
}

function bearerOf(header: string): string | null {
  return /^bearer +(\S+)$/i.exec(header)?.[1] ?? null;
}

function needed(request: IncomingMessage, why: string, cause?: unknown): Fault {
  return registryFault('registry.sign-in-needed', { why, host: hostOf(request) }, cause === undefined ? {} : { cause });
}

/** The host the client used, for addresses it can use again; a text that is no host falls back to the name. */
export function hostOf(request: IncomingMessage): string {
  const host = request.headers.host ?? '';
  return /^[A-Za-z0-9.-]+(?::[0-9]{1,5})?$|^\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?$/.test(host) ? host : 'localhost';
}
