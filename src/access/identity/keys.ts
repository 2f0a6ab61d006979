import { createLocalJWKSet, errors, type JWK, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../system/index.ts';
import { accessFault } from '../errors.ts';
import {
  DISCOVERY_BYTES_MAX,
  ISSUER_MS_MAX,
  KEYS_BYTES_MAX,
  KEYS_KEPT_MS,
  KEYS_MAX,
  KEYS_REFETCH_MS,
} from '../limits.ts';
import { fetchDocument } from './fetch.ts';

/** Where an issuer's keys come from. */
export interface KeySource {
  readonly id: string;
  readonly name: string;
  /** The `iss` of its tokens, to the letter. */
  readonly url: string;
  /** Set by an administrator where discovery does not lead there. */
  readonly jwksUrl: string | null;
  /** Given by an administrator where the issuer cannot be asked; then nothing is fetched. */
  readonly jwks: string | null;
  readonly caPem: string | null;
  readonly networks: readonly string[];
}

interface Kept {
  readonly find: JWTVerifyGetKey;
  readonly fetchedMs: number;
}

/**
 * The public keys of issuers, each issuer's apart: a key id of one means nothing at another. Kept for an hour; a key id
 * that is not among them is looked for again, at most twice a minute. Without fresh keys nobody is believed.
 */
export class IssuerKeys {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #kept = new Map<string, Kept>();
  readonly #triedMs = new Map<string, number>();
  readonly #fetching = new Map<string, Promise<Kept>>();

  constructor(clock: Clock, timeoutMs = ISSUER_MS_MAX) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Forgets an issuer that was changed or removed. */
  forget(id: string): void {
    this.#kept.delete(id);
    this.#triedMs.delete(id);
    this.#fetching.delete(id);
  }

  /**
   * How a token's key is found: by the key id and algorithm of its header, among this issuer's keys. Keys and addresses
   * that the token itself brings (`jwk`, `jku`, `x5c`, `x5u`) are not looked at (distribution CVE-2025-24976).
   * @throws Fault access.issuer-unavailable
   */
  finder(source: KeySource): JWTVerifyGetKey {
    return async (header, token) => {
      const kept = await this.#fresh(source);
      try {
        return await kept.find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || source.jwks !== null || !this.#mayTry(source)) throw error;
        // The issuer may have a new key since.
        return (await this.#fetch(source)).find(header, token);
      }
    };
  }

  async #fresh(source: KeySource): Promise<Kept> {
    const kept = this.#kept.get(source.id);
    if (kept !== undefined && this.#clock.monotonicMs() - kept.fetchedMs < KEYS_KEPT_MS) return kept;
    const running = this.#fetching.get(source.id);
    if (running !== undefined) return running;
    if (!this.#mayTry(source)) {
      const why = `they could not be had a moment ago; the next try is ${KEYS_REFETCH_MS / 1000} s after the last`;
      throw accessFault('access.issuer-unavailable', { issuer: source.name, why });
    }
    return this.#fetch(source);
  }

  #mayTry(source: KeySource): boolean {
    const tried = this.#triedMs.get(source.id);
    return (
      source.jwks !== null ||
      tried === undefined ||
      this.#fetching.has(source.id) ||
      this.#clock.monotonicMs() - tried >= KEYS_REFETCH_MS
    );
  }

  /** Many tokens at once cause one question. */
  #fetch(source: KeySource): Promise<Kept> {
    const running = this.#fetching.get(source.id);
    if (running !== undefined) return running;
    this.#triedMs.set(source.id, this.#clock.monotonicMs());
    const fetching = readKeys(source, this.#timeoutMs)
      .then((find): Kept => {
        const kept = { find, fetchedMs: this.#clock.monotonicMs() };
        // Not when the issuer was changed or removed meanwhile.
        if (this.#fetching.get(source.id) === fetching) this.#kept.set(source.id, kept);
        return kept;
      })
      .catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw accessFault('access.issuer-unavailable', { issuer: source.name, why }, { cause });
      })
      .finally(() => {
        if (this.#fetching.get(source.id) === fetching) this.#fetching.delete(source.id);
      });
    this.#fetching.set(source.id, fetching);
    return fetching;
  }
}

async function readKeys(source: KeySource, timeoutMs: number): Promise<JWTVerifyGetKey> {
  if (source.jwks !== null) return createLocalJWKSet({ keys: readKeySet(JSON.parse(source.jwks)) });
  const reach = { caPem: source.caPem, networks: source.networks, timeoutMs };
  const url = source.jwksUrl === null ? await discover(source, reach) : new URL(source.jwksUrl);
  return createLocalJWKSet({ keys: readKeySet(await fetchDocument(url, { ...reach, bytesMax: KEYS_BYTES_MAX })) });
}

/** OpenID Connect Discovery 1.0, section 4: the document names the issuer to the letter, and where its keys are. */
async function discover(source: KeySource, reach: Omit<Parameters<typeof fetchDocument>[1], 'bytesMax'>): Promise<URL> {
  const base = source.url.replace(/\/$/, '');
  const document = await fetchDocument(new URL(`${base}/.well-known/openid-configuration`), {
    ...reach,
    bytesMax: DISCOVERY_BYTES_MAX,
  });
  const { issuer, jwks_uri: keys } = (document ?? {}) as { issuer?: unknown; jwks_uri?: unknown };
  if (issuer !== source.url)
    throw new Error(`its discovery document is of another issuer: ${String(issuer).slice(0, 200)}`);
  if (typeof keys !== 'string' || !URL.canParse(keys))
    throw new Error('its discovery document names no address of keys');
  const url = new URL(keys);
  if (url.host !== new URL(source.url).host) {
    throw new Error(`its keys are at another host, ${url.host}; an administrator can name that address`);
  }
  return url;
}

/**
 * The public signature keys of a set (RFC 7517). Secret keys (`oct`) are left out, so that no key of a set can ever be
 * used for HMAC.
 * @throws Error for what is no set of keys, or too many
 */
export function readKeySet(document: unknown): JWK[] {
  const { keys } = (document ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('it is no set of keys (RFC 7517)');
  if (keys.length > KEYS_MAX) throw new Error(`it has more than ${KEYS_MAX} keys`);
  return keys.filter(
    (key): key is JWK =>
      typeof key === 'object' &&
      key !== null &&
      ['RSA', 'EC', 'OKP'].includes((key as JWK).kty ?? '') &&
      !('d' in key) &&
      ((key as JWK).use === undefined || (key as JWK).use === 'sig'),
  );
}
