import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Action, FailureThrottle, type Identity, may, type Principal } from '../../access/index.ts';
import { projectOf } from '../../oci/index.ts';
import { type Clock, Fault } from '../../system/index.ts';
import { registryFault } from '../errors.ts';
import { SIGN_IN_KEPT_MS, SIGN_INS_KEPT_MAX } from '../limits.ts';
import type { Caller, Credentials, RegistryAccess } from '../ports.ts';
import type { Grant, RegistryAction, RegistryTokens } from '../tokens.ts';

/** `unknown`: a registry token that was not made for this repository; another token may well be. */
export type Permission = 'granted' | 'refused' | 'unknown';

/** Who asks in one request, and what they may do. */
export interface Session {
  readonly caller: Caller;
  permission(action: RegistryAction, repository: string): Permission;
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
      if (asked !== 'granted') return asked;
      return mayInRepository(principal, action, repository) ? 'granted' : 'refused';
    },
    mayMoveTag: (repository) => may(principal, 'image.move-tag', projectOf(repository), repository),
    maySign: (repository) => mayInRepository(principal, 'push', repository),
  };
}

/** Reads the Authorization header into a session: a registry token, a platform token, or a name with a secret. */
export class SignIn {
  readonly #access: RegistryAccess;
  readonly #tokens: RegistryTokens;
  readonly #clock: Clock;
  readonly #throttle: FailureThrottle;
  readonly #sourceOf: (request: IncomingMessage) => string;
  /** Who showed what, by a keyed hash; the secret itself is not kept. */
  readonly #kept = new Map<string, { who: Identity; untilMs: number }>();
  readonly #keptKey = randomBytes(32);

  constructor(parts: {
    access: RegistryAccess;
    tokens: RegistryTokens;
    clock: Clock;
    sourceOf: (request: IncomingMessage) => string;
  }) {
    this.#access = parts.access;
    this.#tokens = parts.tokens;
    this.#clock = parts.clock;
    this.#throttle = new FailureThrottle(parts.clock);
    this.#sourceOf = parts.sourceOf;
  }

  /** @throws Fault registry.sign-in-needed, .sign-in-throttled */
  async open(request: IncomingMessage): Promise<Session> {
    const header = request.headers.authorization;
    if (header === undefined) throw needed(request, 'no credentials came with the request');
    const bearer = bearerOf(header);
    if (bearer !== null && this.#tokens.claims(bearer)) return this.#openToken(request, bearer);
    return sessionOf(await this.authenticate(request, credentialsOf(request, header)), null);
  }

  /** Checks credentials, slowing down whoever guesses. @throws Fault registry.sign-in-needed, .sign-in-throttled */
  async authenticate(request: IncomingMessage, credentials: Credentials): Promise<Principal> {
    const key = this.#keyOf(credentials);
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonicMs()) {
      return this.#current(request, kept.who);
    }
    const source = this.#sourceOf(request);
    const waitMs = this.#throttle.waitMs(source);
    if (waitMs > 0) throw registryFault('registry.sign-in-throttled', { seconds: Math.ceil(waitMs / 1000) });
    try {
      const principal = await this.#access.authenticate(credentials);
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

  async #openToken(request: IncomingMessage, text: string): Promise<Session> {
    const token = this.#tokens.read(text);
    if (token === null) throw needed(request, 'the registry token has expired or was not made here');
    return sessionOf(await this.#current(request, token.who), token.grants);
  }

  /** Who it is by now: what was taken away since ends here, whatever was derived from it. */
  async #current(request: IncomingMessage, who: Identity): Promise<Principal> {
    const answer = this.#access.current(who);
    const principal = answer instanceof Promise ? await answer : answer;
    if (principal === null) throw needed(request, 'the account or token was taken away');
    return principal;
  }

  #keyOf(credentials: Credentials): string {
    const text =
      credentials.kind === 'basic'
        ? `basic\0${credentials.name}\0${credentials.secret}`
        : `bearer\0${credentials.token}`;
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

function permissionOf(grants: readonly Grant[], action: RegistryAction, repository: string): Permission {
  for (const grant of grants) {
    if (grant.repository !== repository) continue;
    if (grant.granted.includes(action)) return 'granted';
    if (grant.asked.includes(action)) return 'refused';
  }
  return 'unknown';
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
