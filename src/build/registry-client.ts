/** What a build asks of the platform's registry, spoken over distribution-spec 1.1 with Bearer tokens. */
import { Agent, type Dispatcher, request } from 'undici';
import { type Digest, digestOf, isDigest, MEDIA_TYPE, type ParsedManifest, parseManifest } from '../oci/index.ts';
import { buildFault } from './errors.ts';
import { REGISTRY_ANSWER_BYTES_MAX } from './limits.ts';

/** Where a build pulls from and pushes to, and as whom. The password is a token of the platform. */
export interface BuildRegistry {
  /** What image names say, `registry.darsena.internal`. */
  readonly name: string;
  /** Where it listens: `host:port`. Its certificate must name this host. */
  readonly address: string;
  readonly caPem: string;
  readonly credentials: { readonly username: string; readonly password: string } | null;
}

export interface StoredManifest {
  readonly digest: Digest;
  readonly manifest: ParsedManifest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

type Body = Uint8Array | AsyncIterable<Uint8Array>;

const ACCEPT = [MEDIA_TYPE.manifest, MEDIA_TYPE.index, MEDIA_TYPE.dockerManifest, MEDIA_TYPE.dockerList].join(', ');

export class RegistryClient {
  readonly #registry: BuildRegistry;
  readonly #dispatcher: Agent;
  readonly #signal: AbortSignal | undefined;
  readonly #tokens = new Map<string, string>();

  constructor(registry: BuildRegistry, signal?: AbortSignal) {
    this.#registry = registry;
    this.#signal = signal;
    this.#dispatcher = new Agent({ connect: { ca: registry.caPem }, bodyTimeout: 120_000, headersTimeout: 120_000 });
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  /** The manifest behind a tag or digest, checked against its digest; null when there is none. */
  async findManifest(repository: string, reference: string): Promise<StoredManifest | null> {
    const answer = await this.#send(repository, 'pull', 'GET', `/v2/${repository}/manifests/${reference}`, {
      headers: { accept: ACCEPT },
    });
    const bytes = await readAnswer(answer);
    if (answer.statusCode === 404) return null;
    if (answer.statusCode !== 200) throw refusal('read', `${repository}:${reference}`, answer.statusCode, bytes);
    const mediaType = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
    const digest = digestOf(bytes);
    if (isDigest(reference) && digest !== reference) {
      throw buildFault('build.registry-answer', {
        action: 'read',
        subject: `${repository}@${reference}`,
        status: 200,
        reason: `content with the digest ${digest}`,
      });
    }
    return { digest, manifest: parseManifest(bytes, mediaType), mediaType, sizeBytes: bytes.length };
  }

  /** A small blob, checked against its digest; null when there is none. @throws Fault build.registry-answer */
  async readBlob(repository: string, digest: Digest): Promise<Buffer | null> {
    const answer = await this.#send(repository, 'pull', 'GET', `/v2/${repository}/blobs/${digest}`);
    const bytes = await readAnswer(answer);
    if (answer.statusCode === 404) return null;
    const subject = `${repository}@${digest}`;
    if (answer.statusCode !== 200) throw refusal('read', subject, answer.statusCode, bytes);
    if (digestOf(bytes) === digest) return bytes;
    const reason = `other content, or more than ${REGISTRY_ANSWER_BYTES_MAX} bytes`;
    throw buildFault('build.registry-answer', { action: 'read', subject, status: 200, reason });
  }

  async hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const answer = await this.#send(repository, 'pull,push', 'HEAD', `/v2/${repository}/blobs/${digest}`);
    await answer.body.dump();
    return answer.statusCode === 200;
  }

  /**
   * Uploads a blob while it is made: its digest is asked for when the last byte has been sent.
   * @throws Fault build.registry-answer
   */
  async uploadBlob(repository: string, body: Body, digest: () => Digest): Promise<void> {
    const started = await this.#send(repository, 'pull,push', 'POST', `/v2/${repository}/blobs/uploads/`);
    const refused = await readAnswer(started);
    if (started.statusCode !== 202) throw refusal('accept an upload to', repository, started.statusCode, refused);
    const sent = await this.#send(repository, 'pull,push', 'PATCH', this.#location(started), {
      headers: { 'content-type': 'application/octet-stream' },
      body,
    });
    const answer = await readAnswer(sent);
    if (sent.statusCode !== 202) throw refusal('take the bytes of', repository, sent.statusCode, answer);
    const location = this.#location(sent);
    const separator = location.includes('?') ? '&' : '?';
    const finished = await this.#send(
      repository,
      'pull,push',
      'PUT',
      `${location}${separator}digest=${encodeURIComponent(digest())}`,
      { headers: { 'content-length': '0' } },
    );
    const last = await readAnswer(finished);
    if (finished.statusCode !== 201) throw refusal('store a blob of', repository, finished.statusCode, last);
  }

  async putManifest(repository: string, reference: string, mediaType: string, bytes: Uint8Array): Promise<Digest> {
    const answer = await this.#send(repository, 'pull,push', 'PUT', `/v2/${repository}/manifests/${reference}`, {
      headers: { 'content-type': mediaType },
      body: bytes,
    });
    const text = await readAnswer(answer);
    if (answer.statusCode !== 201) throw refusal('store', `${repository}:${reference}`, answer.statusCode, text);
    return digestOf(bytes);
  }

  async #send(
    repository: string,
    actions: string,
    method: Dispatcher.HttpMethod,
    path: string,
    options: { headers?: Record<string, string>; body?: Body } = {},
  ): Promise<Dispatcher.ResponseData> {
    const scope = `repository:${repository}:${actions}`;
    const attempt = (token: string | undefined): Promise<Dispatcher.ResponseData> =>
      request(`https://${this.#registry.address}${path}`, {
        method,
        dispatcher: this.#dispatcher,
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
        headers: { ...options.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        ...(options.body === undefined ? {} : { body: options.body as Buffer }),
      });
    const answer = await attempt(this.#tokens.get(scope));
    const challenge = answer.headers['www-authenticate'];
    // A body that flowed cannot flow again; uploads start with a POST that has fetched the token already.
    if (answer.statusCode !== 401 || typeof challenge !== 'string' || isStream(options.body)) return answer;
    await answer.body.dump();
    this.#tokens.set(scope, await this.#fetchToken(challenge, scope));
    return attempt(this.#tokens.get(scope));
  }

  async #fetchToken(challenge: string, scope: string): Promise<string> {
    const parameters = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]]));
    const realm = parameters.get('realm');
    const { credentials, address } = this.#registry;
    // The realm is asked on the registry's own address only: a token never goes where an answer points.
    const url = new URL(realm ?? '', `https://${address}`);
    const target = new URL(`${url.pathname}${url.search}`, `https://${address}`);
    target.searchParams.set('service', parameters.get('service') ?? '');
    target.searchParams.set('scope', scope);
    const answer = await request(target, {
      dispatcher: this.#dispatcher,
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      headers:
        credentials === null
          ? {}
          : {
              authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`,
            },
    });
    const bytes = await readAnswer(answer);
    if (answer.statusCode !== 200) throw refusal('give a token for', scope, answer.statusCode, bytes);
    const body = JSON.parse(bytes.toString()) as { token?: string; access_token?: string };
    return body.token ?? body.access_token ?? '';
  }

  #location(answer: Dispatcher.ResponseData): string {
    const location = new URL(String(answer.headers['location'] ?? ''), `https://${this.#registry.address}`);
    return `${location.pathname}${location.search}`;
  }
}

function isStream(body: Body | undefined): boolean {
  return body !== undefined && !(body instanceof Uint8Array);
}

async function readAnswer(answer: Dispatcher.ResponseData): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += (chunk as Buffer).length;
    if (bytes > REGISTRY_ANSWER_BYTES_MAX) {
      answer.body.destroy();
      break;
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function refusal(action: string, subject: string, status: number, body: Buffer): Error {
  return buildFault('build.registry-answer', {
    action,
    subject,
    status,
    reason: body.toString('utf8').slice(0, 300) || 'no reason',
  });
}
