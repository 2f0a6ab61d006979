import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Identity } from '../access/index.ts';
import type { Clock } from '../system/index.ts';
import { TOKEN_LIFE_MS, TOKENS_CHECKED_MAX } from './limits.ts';

export type RegistryAction = 'pull' | 'push' | 'delete';

/** What was asked for one repository and what of it was granted. Both are kept: "asked and not granted" is a refusal. */
export interface Grant {
  readonly repository: string;
  readonly asked: readonly RegistryAction[];
  readonly granted: readonly RegistryAction[];
}

/** In the place of a repository: the list of repositories. No repository has such a name. */
export const CATALOGUE = 'registry:catalog';

export interface RegistryToken {
  readonly who: Identity;
  readonly grants: readonly Grant[];
  readonly expiresMs: number;
}

/** Tells a registry token from a platform token, and one version of its layout from the next. */
const PREFIX = 'drt2.';
/** A refresh token says who and until when, and nothing about rights: these are asked at each exchange. */
const REFRESH_PREFIX = 'drr1.';

interface Payload {
  i: string;
  p: string | null;
  v: number | null;
  e: number;
  s: string;
  g: [repository: string, asked: RegistryAction[], granted: RegistryAction[]][];
}

/**
 * Short-lived tokens of the registry: `drt2.<payload>.<mac>`, both base64url, the mac HMAC-SHA256 over everything before
 * it. There is no algorithm to choose and no key in the token (distribution CVE-2025-24976).
 */
export class RegistryTokens {
  readonly #key: Buffer;
  readonly #refreshKey: Buffer;
  readonly #service: string;
  readonly #clock: Clock;
  /** Tokens whose mac was checked, so that a client's next requests cost a look-up. Expiry is asked each time. */
  readonly #checked = new Map<string, RegistryToken>();

  /** @param serverKey at least 32 secret bytes; a key of its own is derived from it */
  constructor(serverKey: Uint8Array, service: string, clock: Clock) {
    if (serverKey.byteLength < 32) throw new RangeError('the server key of the registry needs 32 bytes or more');
    this.#key = Buffer.from(hkdfSync('sha256', serverKey, new Uint8Array(0), 'darsena registry tokens', 32));
    this.#refreshKey = Buffer.from(
      hkdfSync('sha256', serverKey, new Uint8Array(0), 'darsena registry refresh tokens', 32),
    );
    this.#service = service;
    this.#clock = clock;
  }

  issue(who: Identity, grants: readonly Grant[]): { token: string; expiresMs: number } {
    const expiresMs = this.#clock.now().getTime() + TOKEN_LIFE_MS;
    const payload: Payload = {
      i: who.id,
      p: who.tokenId,
      v: who.epoch ?? null,
      e: expiresMs,
      s: this.#service,
      g: grants.map((grant) => [grant.repository, [...grant.asked], [...grant.granted]]),
    };
    const signed = PREFIX + Buffer.from(JSON.stringify(payload)).toString('base64url');
    return { token: `${signed}.${this.#mac(this.#key, signed).toString('base64url')}`, expiresMs };
  }

  /** A token that a client keeps instead of the password and exchanges for registry tokens (OAuth 2, RFC 6749 section 6). */
  issueRefresh(who: Identity, lifeMs: number): string {
    const expiresMs = this.#clock.now().getTime() + lifeMs;
    const payload = { i: who.id, p: who.tokenId, v: who.epoch ?? null, e: expiresMs, s: this.#service };
    const signed = REFRESH_PREFIX + Buffer.from(JSON.stringify(payload)).toString('base64url');
    return `${signed}.${this.#mac(this.#refreshKey, signed).toString('base64url')}`;
  }

  /** Who a refresh token is of; null when it was not made here, was changed or has expired. */
  readRefresh(text: string): Identity | null {
    const payload = this.#payloadOf(text, REFRESH_PREFIX, this.#refreshKey);
    return payload === null || payload.e <= this.#clock.now().getTime() ? null : identityOf(payload);
  }

  isRefresh(text: string): boolean {
    return text.startsWith(REFRESH_PREFIX);
  }

  /** Whether a bearer text claims to be one of ours (and is not a token of the platform). */
  claims(text: string): boolean {
    return text.startsWith(PREFIX);
  }

  /** The token's meaning, or null when it was not made here, was changed or has expired. */
  read(text: string): RegistryToken | null {
    const token = this.#checked.get(text) ?? this.#check(text);
    if (token === null) return null;
    if (token.expiresMs > this.#clock.now().getTime()) return token;
    this.#checked.delete(text);
    return null;
  }

  #check(text: string): RegistryToken | null {
    const payload = this.#payloadOf(text, PREFIX, this.#key);
    if (payload === null) return null;
    const token: RegistryToken = {
      who: identityOf(payload),
      grants: payload.g.map(([repository, asked, granted]) => ({ repository, asked, granted })),
      expiresMs: payload.e,
    };
    this.#checked.set(text, token);
    if (this.#checked.size > TOKENS_CHECKED_MAX) {
      const oldest = this.#checked.keys().next().value;
      if (oldest !== undefined) this.#checked.delete(oldest);
    }
    return token;
  }

  #payloadOf(text: string, prefix: string, key: Buffer): Payload | null {
    const dot = text.lastIndexOf('.');
    if (!text.startsWith(prefix) || dot < prefix.length) return null;
    const signed = text.slice(0, dot);
    const shown = Buffer.from(text.slice(dot + 1), 'base64url');
    const mac = this.#mac(key, signed);
    if (shown.byteLength !== mac.byteLength || !timingSafeEqual(shown, mac)) return null;
    // Ours by its mac, so its shape is ours as well.
    const payload = JSON.parse(Buffer.from(signed.slice(prefix.length), 'base64url').toString()) as Payload;
    return payload.s === this.#service ? payload : null;
  }

  #mac(key: Buffer, text: string): Buffer {
    return createHmac('sha256', key).update(text).digest();
  }
}

function identityOf({ i, p, v }: Payload): Identity {
  return { id: i, tokenId: p, ...(v === null ? {} : { epoch: v }) };
}
