import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, buildConnector, type Dispatcher, request as send } from 'undici';
import {
  createDigester,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  isRepositoryName,
  isTag,
  MANIFEST_BYTES_MAX,
  parseManifest,
} from '../oci/index.ts';
import { type Clock, Fault, systemClock } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { REMOTE_IDLE_MS, REMOTE_JSON_BYTES_MAX, REMOTE_REDIRECTS_MAX } from './limits.ts';
import { type AddressGuard, createAddressGuard } from './remotes/address-guard.ts';
import {
  REMOTE_CHALLENGE_LENGTH_MAX,
  REMOTE_PAGES_MAX,
  REMOTE_PAUSE_MS,
  REMOTE_PAUSE_MS_MAX,
  REMOTE_RATE_BYTES_MIN,
  REMOTE_RESUMES_MAX,
  REMOTE_TRIES_MAX,
  VIA_LENGTH_MAX,
} from './remotes/limits.ts';

/** A registry that may be talked to, and nothing beside it. */
export interface RemoteRegistry {
  /** `name` or `name:port`, as in image names. */
  readonly host: string;
  /** Plain HTTP only where somebody asked for it by name. Default https. */
  readonly scheme?: 'https' | 'http';
  readonly credentials?: { readonly name: string; readonly secret: string };
  /** Other hosts that issue its tokens: they get the credentials as well. Default none. */
  readonly tokenHosts?: readonly string[];
  /** Other hosts (`name` or `*.domain`) that its blobs may be redirected to: they get no credentials. Default none. */
  readonly storageHosts?: readonly string[];
  /** PEM of a CA of its own. Default the system's. */
  readonly ca?: string;
  /** Private networks (CIDR) that its hosts may stand in. Default none: only public addresses are contacted. */
  readonly networks?: readonly string[];
}

export interface RemoteManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What travels with one question. */
export interface Asking {
  /** Instances that the question came through before it came to us. */
  readonly via?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Names the instances that a request has come through, so that mirrors of each other are found out. */
export const VIA_HEADER = 'darsena-via';
/** Names the instance that answers. */
export const INSTANCE_HEADER = 'darsena-instance';

const ACCEPTED = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** What another try may mend: too many requests, and gateways without the server behind them. */
const PASSING: readonly number[] = [429, 502, 503, 504];
const LOOP = 508;

interface Sending {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly scope: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew when the request has to be sent again with a token. */
  readonly body?: () => Dispatcher.DispatchOptions['body'];
  readonly asking: Asking;
}

/**
 * Reads from and writes to one other registry. Every byte that comes in is checked against its digest on the way, every
 * answer is bounded, and each connection goes to an address that was checked. Credentials go to the registry and to its
 * listed token hosts, whatever its answers say (distribution CVE-2026-33540); the `urls` of layers are never followed.
 */
export class RegistryClient {
  readonly #remote: RemoteRegistry;
  readonly #origin: string;
  readonly #guard: AddressGuard;
  readonly #agent: Agent;
  readonly #tokens = new Map<string, { token: string; untilMs: number }>();
  readonly #clock: Clock;
  readonly #instance: string | null;

  constructor(
    remote: RemoteRegistry,
    options: {
      readonly clock?: Clock;
      /** Our own instance, said in `Darsena-Via`. */
      readonly instance?: string;
      /** How names are resolved. Default the system's way. */
      readonly resolve?: Parameters<typeof createAddressGuard>[2];
    } = {},
  ) {
    this.#remote = remote;
    this.#origin = `${remote.scheme ?? 'https'}://${remote.host}`;
    this.#clock = options.clock ?? systemClock;
    this.#instance = options.instance ?? null;
    this.#guard = createAddressGuard(remote.networks ?? [], remote.host, options.resolve);
    this.#agent = new Agent({
      connect: guardedConnector(this.#guard, remote),
      connections: 8,
      maxHeaderSize: 32 * 1024,
    });
  }

  get host(): string {
    return this.#remote.host;
  }

  /**
   * Whether it is a registry and lets us in.
   * @returns the instance that it says it is, when it is a Dársena
   * @throws Fault registry.remote-refused, .remote-unreachable, .remote-address, .remote-redirect
   */
  async ping(asking: Asking = {}): Promise<{ readonly instance: string | null }> {
    const answer = await this.#send({ method: 'GET', path: '/v2/', scope: '', asking });
    await this.#expect(answer, [200], '/v2/');
    await answer.body.dump();
    return { instance: headerOf(answer, INSTANCE_HEADER) };
  }

  /**
   * @throws Fault registry.remote-missing, .remote-refused, .remote-unreachable, .remote-address, .remote-redirect,
   * .remote-loop, .digest-mismatch, .blob-too-large
   */
  async getManifest(repository: string, reference: string, asking: Asking = {}): Promise<RemoteManifest> {
    const answer = await this.#follow(
      await this.#send({
        method: 'GET',
        path: `/v2/${repository}/manifests/${reference}`,
        scope: pullScope(repository),
        headers: { accept: ACCEPTED },
        asking,
      }),
      asking,
      { accept: ACCEPTED },
    );
    await this.#expect(answer, [200], nameOf(repository, reference));
    const bytes = await readBounded(answer.body, MANIFEST_BYTES_MAX);
    const stated = headerOf(answer, 'docker-content-digest');
    const expected = isDigest(reference) ? reference : stated !== null && isDigest(stated) ? stated : null;
    const digest = digestOf(bytes, expected === null ? 'sha256' : digestAlgorithm(expected));
    if (expected !== null && digest !== expected)
      throw registryFault('registry.digest-mismatch', { expected, actual: digest });
    return { digest, mediaType: mediaTypeOf(answer), bytes };
  }

  /** The digest that a tag has there now; null when there is none. Some registries do not say it: then the manifest is read. */
  async headManifest(repository: string, reference: string, asking: Asking = {}): Promise<Digest | null> {
    const answer = await this.#send({
      method: 'HEAD',
      path: `/v2/${repository}/manifests/${reference}`,
      scope: pullScope(repository),
      headers: { accept: ACCEPTED },
      asking,
    });
    await answer.body.dump();
    if (answer.statusCode === 404) return null;
    const stated = headerOf(answer, 'docker-content-digest');
    if (answer.statusCode === 200 && stated !== null && isDigest(stated)) return stated;
    if (answer.statusCode === 200 || answer.statusCode === 405) {
      return (await this.getManifest(repository, reference, asking)).digest;
    }
    throw this.#refusal(nameOf(repository, reference), answer.statusCode, '');
  }

  /**
   * The bytes of a blob: the end is reached only when size and digest are as expected. A connection that is cut goes on
   * where it was, by Range.
   * @throws as getManifest; registry.size-mismatch, .digest-mismatch
   */
  async *getBlob(
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    asking: Asking = {},
  ): AsyncGenerator<Uint8Array> {
    const digester = createDigester(digestAlgorithm(blob.digest));
    let received = 0;
    let resumes = 0;
    for (;;) {
      const before = received;
      try {
        for await (const chunk of this.#blobFrom(repository, blob.digest, received, asking)) {
          received += chunk.byteLength;
          if (received > blob.size) break;
          digester.update(chunk);
          yield chunk;
        }
        break;
      } catch (error) {
        if (!isCut(error) || ++resumes > REMOTE_RESUMES_MAX) throw error;
        // Without one new byte the next try only costs time.
        if (received === before && resumes > REMOTE_TRIES_MAX) throw error;
        await this.#pause(resumes, asking);
      }
    }
    if (received !== blob.size)
      throw registryFault('registry.size-mismatch', { expected: blob.size, actual: received });
    const actual = digester.digest();
    if (actual !== blob.digest) throw registryFault('registry.digest-mismatch', { expected: blob.digest, actual });
  }

  async hasBlob(repository: string, digest: Digest, asking: Asking = {}): Promise<boolean> {
    const path = `/v2/${repository}/blobs/${digest}`;
    const answer = await this.#send({ method: 'HEAD', path, scope: pullScope(repository), asking });
    await answer.body.dump();
    if (answer.statusCode === 404) return false;
    // A redirect to the storage also says that it is there.
    if (answer.statusCode === 200 || answer.statusCode === 307) return true;
    throw this.#refusal(nameOf(repository, digest), answer.statusCode, '');
  }

  /**
   * Uploads a blob unless it is there. An upload that is cut goes on where the other side says it is.
   * @param source gives its bytes from `offset` on, each time it is called
   */
  async putBlob(
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    source: (offset: number) => AsyncIterable<Uint8Array>,
    asking: Asking = {},
  ): Promise<'sent' | 'present'> {
    if (await this.hasBlob(repository, blob.digest, asking)) return 'present';
    const scope = pushScope(repository);
    const start = await this.#send({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, scope, asking });
    await this.#expect(start, [202], `an upload to ${repository}`);
    await start.body.dump();
    let location = this.#locationOf(start);
    let offset = 0;
    for (let tries = 1; offset < blob.size; tries++) {
      try {
        const from = offset;
        const answer = await this.#send({
          method: 'PATCH',
          path: location,
          scope,
          headers: {
            'content-type': 'application/octet-stream',
            'content-length': String(blob.size - from),
            'content-range': `${from}-${blob.size - 1}`,
          },
          body: () => Readable.from(source(from)),
          asking,
        });
        await this.#expect(answer, [202], `the bytes of ${blob.digest}`);
        await answer.body.dump();
        location = this.#locationOf(answer);
        offset = blob.size;
      } catch (error) {
        if (!isCut(error) || tries > REMOTE_TRIES_MAX) throw error;
        await this.#pause(tries, asking);
        const status = await this.#send({ method: 'GET', path: location, scope, asking });
        await this.#expect(status, [204], `the upload of ${blob.digest}`);
        await status.body.dump();
        const last = /^0-(\d{1,15})$/.exec(headerOf(status, 'range') ?? '')?.[1];
        // "0-0" stands for one byte and, at some registries, for none: sending the first byte again is refused by those.
        const arrived = last === undefined ? 0 : Number(last) + 1;
        offset = arrived <= 1 ? 0 : Math.min(arrived, blob.size);
        location = this.#locationOf(status);
      }
    }
    const end = new URL(location, this.#origin);
    end.searchParams.set('digest', blob.digest);
    const answer = await this.#send({
      method: 'PUT',
      path: `${end.pathname}${end.search}`,
      scope,
      headers: { 'content-length': '0' },
      asking,
    });
    await this.#expect(answer, [201], `blob ${blob.digest}`);
    await answer.body.dump();
    return 'sent';
  }

  /** @returns the digest that the manifest now has there */
  async putManifest(
    repository: string,
    reference: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
    asking: Asking = {},
  ): Promise<Digest> {
    const answer = await this.#send({
      method: 'PUT',
      path: `/v2/${repository}/manifests/${reference}`,
      scope: pushScope(repository),
      headers: { 'content-type': manifest.mediaType },
      body: () => manifest.bytes,
      asking,
    });
    await this.#expect(answer, [201], nameOf(repository, reference));
    await answer.body.dump();
    return digestOf(manifest.bytes, isDigest(reference) ? digestAlgorithm(reference) : 'sha256');
  }

  /** Deletes a tag or a manifest; false when it was not there. */
  async deleteManifest(repository: string, reference: string, asking: Asking = {}): Promise<boolean> {
    const answer = await this.#send({
      method: 'DELETE',
      path: `/v2/${repository}/manifests/${reference}`,
      scope: `repository:${repository}:delete`,
      asking,
    });
    if (answer.statusCode !== 404) await this.#expect(answer, [202], `deleting ${nameOf(repository, reference)}`);
    await answer.body.dump();
    return answer.statusCode !== 404;
  }

  /** Tags in the order of the registry, page by page; at most `max`. Empty when the repository is not there. */
  async listTags(repository: string, max: number, asking: Asking = {}): Promise<string[]> {
    const path = `/v2/${repository}/tags/list?n=1000`;
    return this.#pages(path, pullScope(repository), 'tags', isTag, { max, asking, what: `the tags of ${repository}` });
  }

  /** Repositories, for registries that have the catalogue API (distribution; not part of the OCI specification). */
  async listRepositories(max: number, asking: Asking = {}): Promise<string[]> {
    const options = { max, asking, what: 'the catalogue' };
    return this.#pages('/v2/_catalog?n=1000', 'registry:catalog:*', 'repositories', isRepositoryName, options);
  }

  /**
   * What refers to a digest (distribution-spec 1.1 "Listing Referrers"), by the API or, where there is none, by the tag
   * schema; at most `max`.
   */
  async listReferrers(
    repository: string,
    digest: Digest,
    max: number,
    asking: Asking = {},
  ): Promise<readonly Descriptor[]> {
    const answer = await this.#send({
      method: 'GET',
      path: `/v2/${repository}/referrers/${digest}`,
      scope: pullScope(repository),
      headers: { accept: 'application/vnd.oci.image.index.v1+json' },
      asking,
    });
    let bytes: Uint8Array;
    if (answer.statusCode === 200) bytes = await readBounded(answer.body, MANIFEST_BYTES_MAX);
    else {
      await answer.body.dump();
      // Registries without the API say 404 (or, before 1.1, what they say to any unknown address).
      if (![404, 405, 400].includes(answer.statusCode)) {
        throw this.#refusal(`the referrers of ${digest}`, answer.statusCode, '');
      }
      const tag = digest.replace(':', '-').slice(0, 128);
      const index = await this.getManifest(repository, tag, asking).catch((error: unknown) => {
        if (error instanceof Fault && error.code === 'registry.remote-missing') return null;
        throw error;
      });
      if (index === null) return [];
      bytes = index.bytes;
    }
    const index = parseManifest(bytes);
    return index.kind === 'index' ? index.manifests.slice(0, max) : [];
  }

  /** Lets what runs end, and takes nothing new. */
  async close(): Promise<void> {
    await this.#agent.close();
  }

  /** Cuts what runs. */
  async destroy(): Promise<void> {
    await this.#agent.destroy();
  }

  async *#blobFrom(
    repository: string,
    digest: Digest,
    offset: number,
    asking: Asking,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const first = await this.#send({
      method: 'GET',
      path: `/v2/${repository}/blobs/${digest}`,
      scope: pullScope(repository),
      headers,
      asking,
    });
    const answer = await this.#follow(first, asking, headers);
    await this.#expect(answer, offset === 0 ? [200] : [200, 206], nameOf(repository, digest));
    const range = headerOf(answer, 'content-range') ?? '';
    if (answer.statusCode === 206 && !range.startsWith(`bytes ${offset}-`)) {
      await answer.body.dump();
      throw this.#cut('it went on at another place than asked');
    }
    // A registry that knows no ranges sends all of it again; what we have is passed over.
    let skip = answer.statusCode === 206 ? 0 : offset;
    const length = Number(headerOf(answer, 'content-length') ?? Number.NaN);
    let arrived = 0;
    const started = this.#clock.monotonicMs();
    try {
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        arrived += chunk.byteLength;
        const seconds = (this.#clock.monotonicMs() - started) / 1000;
        if (seconds > REMOTE_IDLE_MS / 1000 && arrived / seconds < REMOTE_RATE_BYTES_MIN) {
          throw registryFault('registry.remote-unreachable', {
            host: this.host,
            why: `it sends fewer than ${REMOTE_RATE_BYTES_MIN} bytes a second`,
          });
        }
        const passed = Math.min(skip, chunk.byteLength);
        skip -= passed;
        if (passed < chunk.byteLength) yield chunk.subarray(passed);
      }
    } catch (error) {
      if (error instanceof Fault || asking.signal?.aborted === true) throw error;
      throw this.#cut(error instanceof Error ? error.message : String(error), error);
    }
    if (arrived < length) throw this.#cut(`it ended after ${arrived} of ${length} bytes`);
  }

  async #pages(
    first: string,
    scope: string,
    member: string,
    isGood: (text: string) => boolean,
    options: { readonly max: number; readonly asking: Asking; readonly what: string },
  ): Promise<string[]> {
    const { max, asking, what } = options;
    const found: string[] = [];
    let path: string | null = first;
    for (let pages = 0; path !== null && found.length < max && pages < REMOTE_PAGES_MAX; pages++) {
      const answer: Dispatcher.ResponseData = await this.#send({ method: 'GET', path, scope, asking });
      if (answer.statusCode === 404 && pages === 0) {
        await answer.body.dump();
        return [];
      }
      await this.#expect(answer, [200], what);
      const page = objectOf(await this.#readJson(answer, what))[member];
      // Names that are none are not shown to anybody, and never become a part of a path.
      if (Array.isArray(page)) found.push(...page.filter((text) => typeof text === 'string' && isGood(text)));
      const next: string | undefined = /^<([^>]+)>; *rel="?next"?/.exec(headerOf(answer, 'link') ?? '')?.[1];
      path = next === undefined ? null : this.#sameHost(next);
    }
    return found.slice(0, max);
  }

  /** Sends a request, and once more with a token when the registry asks for one. Redirects are left to the caller. */
  async #send(sending: Sending): Promise<Dispatcher.ResponseData> {
    const kept = this.#tokens.get(sending.scope);
    const authorization =
      kept !== undefined && kept.untilMs > this.#clock.now().getTime() ? `Bearer ${kept.token}` : this.#basicKnown;
    const own = this.#viaHeader(sending.asking);
    const first = await this.#request(this.#origin, sending, { ...own, ...authorizationOf(authorization) });
    if (first.statusCode !== 401) return this.#refuseLoop(first);
    const challenge = headerOf(first, 'www-authenticate') ?? '';
    const answer = await this.#answerChallenge(challenge, sending);
    if (answer === null || answer === authorization) return first;
    await first.body.dump();
    return this.#refuseLoop(await this.#request(this.#origin, sending, { ...own, authorization: answer }));
  }

  async #refuseLoop(answer: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    if (answer.statusCode !== LOOP) return answer;
    await answer.body.dump();
    throw registryFault('registry.remote-loop', { host: this.host });
  }

  /** Once a registry has asked for Basic, it gets it at once: uploads cannot be sent twice. */
  #basicKnown: string | undefined;

  async #request(
    origin: string,
    sending: Sending,
    headers: Readonly<Record<string, string>>,
  ): Promise<Dispatcher.ResponseData> {
    const literal = new URL(origin).hostname.replace(/^\[|\]$/g, '');
    // An address needs no look-up, so it is checked here.
    const refusal = isIP(literal) === 0 ? null : this.#guard.refusal(literal);
    if (refusal !== null) throw registryFault('registry.remote-address', { host: this.host, why: refusal });
    const mayRepeat = sending.method === 'GET' || sending.method === 'HEAD';
    for (let tries = 1; ; tries++) {
      sending.asking.signal?.throwIfAborted();
      try {
        const answer = await send(`${origin}${sending.path}`, {
          method: sending.method,
          dispatcher: this.#agent,
          headersTimeout: REMOTE_IDLE_MS,
          bodyTimeout: REMOTE_IDLE_MS,
          headers: { 'user-agent': 'darsena', ...sending.headers, ...headers },
          ...(sending.asking.signal === undefined ? {} : { signal: sending.asking.signal }),
          ...(sending.body === undefined ? {} : { body: sending.body() ?? null }),
        });
        if (!mayRepeat || tries >= REMOTE_TRIES_MAX || !PASSING.includes(answer.statusCode)) return answer;
        await answer.body.dump();
        await this.#pause(tries, sending.asking, Number(headerOf(answer, 'retry-after') ?? 0) * 1000);
      } catch (error) {
        if (sending.asking.signal?.aborted === true) throw sending.asking.signal.reason;
        if (error instanceof Fault) throw error;
        if (!mayRepeat || tries >= REMOTE_TRIES_MAX || isSettled(error)) throw this.#cut(messageOf(error), error);
        await this.#pause(tries, sending.asking);
      }
    }
  }

  /** The Authorization header that answers a challenge, or null when there is nothing to show. */
  async #answerChallenge(challenge: string, sending: Sending): Promise<string | null> {
    const { credentials, host, scheme } = this.#remote;
    const basic =
      credentials === undefined
        ? null
        : `Basic ${Buffer.from(`${credentials.name}:${credentials.secret}`).toString('base64')}`;
    if (challenge.length > REMOTE_CHALLENGE_LENGTH_MAX) return null;
    if (/^basic\b/i.test(challenge)) {
      this.#basicKnown = basic ?? undefined;
      return basic;
    }
    const realm = /\brealm="([^"]+)"/.exec(challenge)?.[1];
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm)) return null;
    const url = new URL(realm);
    const isListed = url.host === hostOfOrigin(this.#origin) || (this.#remote.tokenHosts ?? []).includes(url.host);
    const isSafe = url.protocol === 'https:' || (scheme === 'http' && url.origin === this.#origin);
    if (!isListed || !isSafe || url.username !== '' || url.password !== '') {
      const why = `its tokens come from ${url.protocol}//${url.host}, which is not listed for it`;
      throw registryFault('registry.remote-redirect', { host, why });
    }
    const service = /\bservice="([^"]*)"/.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set('service', service);
    if (sending.scope !== '') url.searchParams.set('scope', sending.scope);
    const asked: Sending = {
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      scope: sending.scope,
      asking: sending.asking,
    };
    const answer = await this.#request(url.origin, asked, authorizationOf(basic ?? undefined));
    await this.#expect(answer, [200], 'a token');
    const fields = objectOf(await this.#readJson(answer, 'a token'));
    const token = fields['token'] ?? fields['access_token'];
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return null;
    const life = typeof fields['expires_in'] === 'number' ? fields['expires_in'] : 60;
    // Half of its life, so that a clock that differs does not matter.
    this.#tokens.set(sending.scope, { token, untilMs: this.#clock.now().getTime() + life * 500 });
    return `Bearer ${token}`;
  }

  /** Follows redirects of content to listed storage hosts, over https and without credentials. */
  async #follow(
    first: Dispatcher.ResponseData,
    asking: Asking,
    headers: Readonly<Record<string, string>>,
  ): Promise<Dispatcher.ResponseData> {
    const { host, scheme } = this.#remote;
    let current = first;
    let base = `${this.#origin}/`;
    for (let hops = 0; REDIRECTS.includes(current.statusCode); hops++) {
      const location = headerOf(current, 'location') ?? '';
      await current.body.dump();
      if (hops >= REMOTE_REDIRECTS_MAX || location === '' || !URL.canParse(location, base)) {
        throw registryFault('registry.remote-redirect', { host, why: 'too many redirects or none that can be read' });
      }
      const url = new URL(location, base);
      const isListed = url.origin === this.#origin || isAmong(url.host, this.#remote.storageHosts ?? []);
      const isSafe = url.protocol === 'https:' || (scheme === 'http' && url.origin === this.#origin);
      if (!isListed || !isSafe || url.username !== '' || url.password !== '') {
        const why = `${url.protocol}//${url.host} is not listed for it`;
        throw registryFault('registry.remote-redirect', { host, why });
      }
      base = url.href;
      const sending: Sending = { method: 'GET', path: `${url.pathname}${url.search}`, scope: '', headers, asking };
      current = await this.#request(url.origin, sending, {});
    }
    return current;
  }

  /** The path of an upload; it stays at the registry. */
  #locationOf(answer: Dispatcher.ResponseData): string {
    return this.#sameHost(headerOf(answer, 'location') ?? '', 'the upload would continue at another host');
  }

  #sameHost(link: string, why = 'the next page is at another host'): string {
    const url = link !== '' && URL.canParse(link, this.#origin) ? new URL(link, this.#origin) : null;
    // Behind a proxy a registry may name itself with another scheme; we stay with ours.
    if (url === null || url.host !== hostOfOrigin(this.#origin)) {
      throw registryFault('registry.remote-redirect', { host: this.host, why });
    }
    return `${url.pathname}${url.search}`;
  }

  #viaHeader(asking: Asking): Record<string, string> {
    const chain = [...(asking.via ?? []), ...(this.#instance === null ? [] : [this.#instance])];
    return chain.length === 0 ? {} : { [VIA_HEADER]: chain.join(',') };
  }

  async #expect(answer: Dispatcher.ResponseData, wanted: readonly number[], action: string): Promise<void> {
    if (wanted.includes(answer.statusCode)) return;
    // What it said helps the reader; how much of it is bounded and it is shown as data, never as markup.
    const text = (await readBounded(answer.body, REMOTE_JSON_BYTES_MAX)).toString();
    const message = /"message":"([^"\\]{1,300})/.exec(text)?.[1];
    throw this.#refusal(action, answer.statusCode, message === undefined ? '' : `: ${message}`);
  }

  #refusal(action: string, status: number, message: string): Fault {
    if (status === 404) return registryFault('registry.remote-missing', { host: this.host, action });
    if (PASSING.includes(status) || status === 500) {
      return registryFault('registry.remote-unreachable', { host: this.host, why: `it answered ${status}${message}` });
    }
    return registryFault('registry.remote-refused', { host: this.host, action, status, message });
  }

  #cut(why: string, cause?: unknown): Fault {
    return registryFault('registry.remote-unreachable', { host: this.host, why }, cause === undefined ? {} : { cause });
  }

  async #readJson(answer: Dispatcher.ResponseData, what: string): Promise<unknown> {
    const bytes = await readBounded(answer.body, REMOTE_JSON_BYTES_MAX);
    try {
      return JSON.parse(bytes.toString());
    } catch (error) {
      const why = `${what}: the answer is not JSON`;
      throw registryFault('registry.remote-unreachable', { host: this.host, why }, { cause: error });
    }
  }

  /** Twice as long each time, with a random part, so that many clients do not come back together. */
  async #pause(tries: number, asking: Asking, askedMs = 0): Promise<void> {
    const ms = Math.max(REMOTE_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()), askedMs || 0);
    await sleep(Math.min(ms, REMOTE_PAUSE_MS_MAX), undefined, { signal: asking.signal });
  }
}

/** The instances of a `Darsena-Via` header; what is none is left out. */
export function readVia(header: string | readonly string[] | undefined): string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  return text
    .slice(0, VIA_LENGTH_MAX)
    .split(',')
    .map((id) => id.trim())
    .filter((id) => /^[0-9a-f]{16}$/.test(id));
}

/** Connects only to checked addresses: names by the guard's look-up, and the socket's own end once more. */
function guardedConnector(guard: AddressGuard, remote: RemoteRegistry): buildConnector.connector {
  const connect = buildConnector({
    timeout: 10_000,
    lookup: guard.lookup,
    ...(remote.ca === undefined ? {} : { ca: remote.ca }),
  } as buildConnector.BuildOptions);
  return (options, done) => {
    connect(options, (...result) => {
      const [error, socket] = result;
      if (error !== null) return done(error, null);
      const why = guard.refusal(socket.remoteAddress ?? '');
      if (why === null) return done(null, socket);
      socket.destroy();
      return done(registryFault('registry.remote-address', { host: remote.host, why }), null);
    });
  };
}

function isAmong(host: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern));
}

/** As URLs say it: without a port that is the scheme's own. */
function hostOfOrigin(origin: string): string {
  return new URL(origin).host;
}

function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

function nameOf(repository: string, reference: string): string {
  return isDigest(reference) ? `${repository}@${reference}` : `${repository}:${reference}`;
}

function authorizationOf(authorization: string | undefined): Record<string, string> {
  return authorization === undefined ? {} : { authorization };
}

function isCut(error: unknown): boolean {
  return error instanceof Fault && error.code === 'registry.remote-unreachable';
}

/** Failures that another try does not mend: a name that does not exist, a certificate that is not believed. */
function isSettled(error: unknown): boolean {
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  return code === 'ENOTFOUND' || /CERT|TLS|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER/.test(code);
}

/** OpenSSL's words for a chain that ends at no known authority (openssl-verification-options(1)). */
const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string' && UNKNOWN_AUTHORITY.has(code)) {
    return 'its certificate is of an authority that is not known here: darsena remote change NAME --ca-file FILE';
  }
  return error.message === '' ? String((error as { code?: unknown }).code ?? error.name) : error.message;
}

function mediaTypeOf(answer: Dispatcher.ResponseData): string {
  return (headerOf(answer, 'content-type') ?? '').split(';', 1)[0]?.trim() ?? '';
}

function headerOf(answer: Dispatcher.ResponseData, name: string): string | null {
  const value = answer.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

async function readBounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) throw registryFault('registry.blob-too-large', { maximum: maxBytes });
    pieces.push(piece);
  }
  return Buffer.concat(pieces, bytes);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
