import { Readable } from 'node:stream';
import { Agent, type Dispatcher, request as send } from 'undici';
import { createDigester, type Digest, digestAlgorithm, digestOf, isDigest, MANIFEST_BYTES_MAX } from '../oci/index.ts';
import { type Clock, systemClock } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { REMOTE_IDLE_MS, REMOTE_JSON_BYTES_MAX, REMOTE_REDIRECTS_MAX } from './limits.ts';

/** A registry that may be talked to. Nothing outside the list is ever contacted. */
export interface RemoteRegistry {
  /** `name` or `name:port`, as in image names. */
  readonly host: string;
  /** Plain HTTP only where somebody asked for it by name. Default https. */
  readonly scheme?: 'https' | 'http';
  readonly credentials?: { readonly name: string; readonly secret: string };
  /** Other hosts that issue its tokens: they get the credentials as well. Default none. */
  readonly tokenHosts?: readonly string[];
  /** Other hosts that its blobs may be redirected to: they get no credentials. Default none. */
  readonly storageHosts?: readonly string[];
  /** PEM of a CA of its own. Default the system's. */
  readonly ca?: string;
}

export interface RemoteManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

const ACCEPTED = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

interface Sending {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly path: string;
  readonly scope: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew when the request has to be sent again with a token. */
  readonly body?: () => Dispatcher.DispatchOptions['body'];
}

/**
 * Reads from and writes to other registries. Every byte that comes in is checked against its digest on the way, every
 * answer is bounded, and requests and credentials go to listed hosts only.
 */
export class RegistryClient {
  readonly #remotes: ReadonlyMap<string, RemoteRegistry>;
  readonly #agents = new Map<string, Agent>();
  readonly #tokens = new Map<string, { token: string; untilMs: number }>();
  readonly #clock: Clock;

  constructor(options: { readonly registries: readonly RemoteRegistry[]; readonly clock?: Clock }) {
    this.#remotes = new Map(options.registries.map((remote) => [remote.host, remote]));
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws Fault registry.remote-host, .remote-refused, .remote-unreachable, .digest-mismatch, .manifest-too-large */
  async getManifest(host: string, repository: string, reference: string): Promise<RemoteManifest> {
    const path = `/v2/${repository}/manifests/${reference}`;
    const scope = `repository:${repository}:pull`;
    const answer = await this.#send(host, { method: 'GET', path, scope, headers: { accept: ACCEPTED } });
    await expectStatus(host, answer, [200], `manifest ${repository} ${reference}`);
    const bytes = await readBounded(answer.body, MANIFEST_BYTES_MAX);
    const stated = headerOf(answer, 'docker-content-digest');
    const expected = isDigest(reference) ? reference : stated !== null && isDigest(stated) ? stated : null;
    const digest = digestOf(bytes, expected === null ? 'sha256' : digestAlgorithm(expected));
    if (expected !== null && digest !== expected)
      throw registryFault('registry.digest-mismatch', { expected, actual: digest });
    const mediaType = (headerOf(answer, 'content-type') ?? '').split(';', 1)[0]?.trim() ?? '';
    return { digest, mediaType, bytes };
  }

  /** The bytes of a blob: the end is reached only when size and digest are as expected. */
  async *getBlob(
    host: string,
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
  ): AsyncGenerator<Uint8Array> {
    const path = `/v2/${repository}/blobs/${blob.digest}`;
    const scope = `repository:${repository}:pull`;
    const answer = await this.#follow(host, await this.#send(host, { method: 'GET', path, scope }));
    await expectStatus(host, answer, [200], `blob ${repository} ${blob.digest}`);
    const digester = createDigester(digestAlgorithm(blob.digest));
    let received = 0;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      received += chunk.byteLength;
      if (received > blob.size) break;
      digester.update(chunk);
      yield chunk;
    }
    if (received !== blob.size) {
      throw registryFault('registry.size-mismatch', { expected: blob.size, actual: received });
    }
    const actual = digester.digest();
    if (actual !== blob.digest) throw registryFault('registry.digest-mismatch', { expected: blob.digest, actual });
  }

  async hasBlob(host: string, repository: string, digest: Digest): Promise<boolean> {
    const path = `/v2/${repository}/blobs/${digest}`;
    const answer = await this.#send(host, { method: 'HEAD', path, scope: `repository:${repository}:pull` });
    await answer.body.dump();
    if (answer.statusCode === 404) return false;
    // A redirect to the storage also says that it is there.
    if (answer.statusCode === 200 || answer.statusCode === 307) return true;
    throw refused(host, `blob ${repository} ${digest}`, answer.statusCode, '');
  }

  /** Uploads a blob unless it is there. @param source gives its bytes from the start each time it is called */
  async putBlob(
    host: string,
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    source: () => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    if (await this.hasBlob(host, repository, blob.digest)) return;
    const scope = `repository:${repository}:pull,push`;
    const start = await this.#send(host, { method: 'POST', path: `/v2/${repository}/blobs/uploads/`, scope });
    await expectStatus(host, start, [202], `upload to ${repository}`);
    await start.body.dump();
    const location = this.#locationOf(host, start);
    location.searchParams.set('digest', blob.digest);
    const answer = await this.#send(host, {
      method: 'PUT',
      path: `${location.pathname}${location.search}`,
      scope,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
      body: () => Readable.from(source()),
    });
    await expectStatus(host, answer, [201], `blob ${blob.digest}`);
    await answer.body.dump();
  }

  /** @returns the digest that the manifest now has there */
  async putManifest(
    host: string,
    repository: string,
    reference: string,
    bytes: Uint8Array,
    mediaType: string,
  ): Promise<Digest> {
    const answer = await this.#send(host, {
      method: 'PUT',
      path: `/v2/${repository}/manifests/${reference}`,
      scope: `repository:${repository}:pull,push`,
      headers: { 'content-type': mediaType },
      body: () => bytes,
    });
    await expectStatus(host, answer, [201], `manifest ${repository} ${reference}`);
    await answer.body.dump();
    return digestOf(bytes, isDigest(reference) ? digestAlgorithm(reference) : 'sha256');
  }

  /** All tags, page by page; at most `max`. */
  async listTags(host: string, repository: string, max = 10_000): Promise<string[]> {
    const tags: string[] = [];
    let path: string | null = `/v2/${repository}/tags/list?n=1000`;
    while (path !== null && tags.length < max) {
      const answer: Dispatcher.ResponseData = await this.#send(host, {
        method: 'GET',
        path,
        scope: `repository:${repository}:pull`,
      });
      await expectStatus(host, answer, [200], `tags of ${repository}`);
      const value: unknown = JSON.parse((await readBounded(answer.body, REMOTE_JSON_BYTES_MAX)).toString());
      const page: unknown = isObject(value) ? value['tags'] : null;
      if (Array.isArray(page)) tags.push(...page.filter((tag) => typeof tag === 'string'));
      const next: string | undefined = /^<([^>]+)>; *rel="?next"?/.exec(headerOf(answer, 'link') ?? '')?.[1];
      path = next === undefined ? null : this.#sameHost(host, next);
    }
    return tags.slice(0, max);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  /** Sends a request, and once more with a token when the registry asks for one. Redirects are left to the caller. */
  async #send(host: string, sending: Sending): Promise<Dispatcher.ResponseData> {
    const remote = this.#remote(host);
    const key = `${host} ${sending.scope}`;
    const kept = this.#tokens.get(key);
    const authorization =
      kept !== undefined && kept.untilMs > this.#clock.now().getTime() ? `Bearer ${kept.token}` : undefined;
    const first = await this.#request(remote, originOf(remote), sending, authorization);
    if (first.statusCode !== 401) return first;
    const challenge = headerOf(first, 'www-authenticate') ?? '';
    await first.body.dump();
    const answer = await this.#answerChallenge(remote, challenge, sending.scope);
    return answer === null ? first : this.#request(remote, originOf(remote), sending, answer);
  }

  async #request(
    remote: RemoteRegistry,
    origin: string,
    sending: Sending,
    authorization?: string,
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await send(`${origin}${sending.path}`, {
        method: sending.method,
        dispatcher: this.#agent(remote),
        headersTimeout: REMOTE_IDLE_MS,
        bodyTimeout: REMOTE_IDLE_MS,
        headers: { ...sending.headers, ...(authorization === undefined ? {} : { authorization }) },
        ...(sending.body === undefined ? {} : { body: sending.body() ?? null }),
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw registryFault('registry.remote-unreachable', { host: remote.host, why }, { cause: error });
    }
  }

  /** The Authorization header that answers a challenge, or null when there is nothing to show. */
  async #answerChallenge(remote: RemoteRegistry, challenge: string, scope: string): Promise<string | null> {
    const { credentials } = remote;
    const basic =
      credentials === undefined
        ? null
        : `Basic ${Buffer.from(`${credentials.name}:${credentials.secret}`).toString('base64')}`;
    if (/^basic\b/i.test(challenge)) return basic;
    const realm = /\brealm="([^"]+)"/.exec(challenge)?.[1];
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm)) return null;
    const url = new URL(realm);
    const isListed = url.host === remote.host || (remote.tokenHosts ?? []).includes(url.host);
    const isSafe = url.protocol === 'https:' || (remote.scheme === 'http' && url.host === remote.host);
    if (!isListed || !isSafe || url.username !== '') {
      const why = `its tokens come from ${url.protocol}//${url.host}, which is not listed for it`;
      throw registryFault('registry.remote-redirect', { host: remote.host, why });
    }
    const service = /\bservice="([^"]*)"/.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', scope);
    const sending: Sending = { method: 'GET', path: `${url.pathname}${url.search}`, scope };
    const answer = await this.#request(remote, url.origin, sending, basic ?? undefined);
    await expectStatus(remote.host, answer, [200], 'a token');
    const value: unknown = JSON.parse((await readBounded(answer.body, REMOTE_JSON_BYTES_MAX)).toString());
    const fields = isObject(value) ? value : {};
    const token = fields['token'] ?? fields['access_token'];
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return null;
    const life = typeof fields['expires_in'] === 'number' ? fields['expires_in'] : 60;
    // Half of its life, so that a clock that differs does not matter.
    this.#tokens.set(`${remote.host} ${scope}`, { token, untilMs: this.#clock.now().getTime() + life * 500 });
    return `Bearer ${token}`;
  }

  /** Follows redirects of a blob to listed storage hosts, over https and without credentials. */
  async #follow(host: string, answer: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    const remote = this.#remote(host);
    let current = answer;
    let base = `${originOf(remote)}/`;
    for (let hops = 0; [301, 302, 303, 307, 308].includes(current.statusCode); hops++) {
      const location = headerOf(current, 'location') ?? '';
      await current.body.dump();
      if (hops >= REMOTE_REDIRECTS_MAX || !URL.canParse(location, base)) {
        throw registryFault('registry.remote-redirect', { host, why: 'too many redirects or none that can be read' });
      }
      const url = new URL(location, base);
      const isListed = url.host === host || (remote.storageHosts ?? []).includes(url.host);
      const isSafe = url.protocol === 'https:' || (remote.scheme === 'http' && url.host === host);
      if (!isListed || !isSafe) {
        const why = `${url.protocol}//${url.host} is not listed for it`;
        throw registryFault('registry.remote-redirect', { host, why });
      }
      base = url.href;
      current = await this.#request(remote, url.origin, {
        method: 'GET',
        path: `${url.pathname}${url.search}`,
        scope: '',
      });
    }
    return current;
  }

  #locationOf(host: string, answer: Dispatcher.ResponseData): URL {
    const base = `${originOf(this.#remote(host))}/`;
    const location = headerOf(answer, 'location') ?? '';
    if (!URL.canParse(location, base) || new URL(location, base).host !== host) {
      throw registryFault('registry.remote-redirect', { host, why: 'the upload would continue at another host' });
    }
    return new URL(location, base);
  }

  #sameHost(host: string, link: string): string {
    const base = `${originOf(this.#remote(host))}/`;
    const url = URL.canParse(link, base) ? new URL(link, base) : null;
    if (url === null || url.host !== host) {
      throw registryFault('registry.remote-redirect', { host, why: 'the next page is at another host' });
    }
    return `${url.pathname}${url.search}`;
  }

  #remote(host: string): RemoteRegistry {
    const remote = this.#remotes.get(host);
    if (remote === undefined) throw registryFault('registry.remote-host', { host });
    return remote;
  }

  #agent(remote: RemoteRegistry): Agent {
    const known = this.#agents.get(remote.host);
    if (known !== undefined) return known;
    const connect = { timeout: 10_000, ...(remote.ca === undefined ? {} : { ca: remote.ca }) };
    const agent = new Agent({ connect, connections: 8, maxHeaderSize: 32 * 1024 });
    this.#agents.set(remote.host, agent);
    return agent;
  }
}

function originOf(remote: RemoteRegistry): string {
  return `${remote.scheme ?? 'https'}://${remote.host}`;
}

function headerOf(answer: Dispatcher.ResponseData, name: string): string | null {
  const value = answer.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

async function expectStatus(
  host: string,
  answer: Dispatcher.ResponseData,
  wanted: readonly number[],
  action: string,
): Promise<void> {
  if (wanted.includes(answer.statusCode)) return;
  // What it said helps the reader; how much of it is bounded and it is shown as data, never as markup.
  const text = (await readBounded(answer.body, REMOTE_JSON_BYTES_MAX)).toString();
  const message = /"message":"([^"\\]{1,300})/.exec(text)?.[1];
  throw refused(host, action, answer.statusCode, message === undefined ? '' : `: ${message}`);
}

function refused(host: string, action: string, status: number, message: string): Error {
  return registryFault('registry.remote-refused', { host, action, status, message });
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
