/** A client of ACME (RFC 8555) for DNS-01: an account, an order, its challenges, a certificate. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { request } from 'node:https';
import { z } from 'zod';
import { answerOf, type Clock, ServerAddresses } from '../../system/index.ts';
import { createServerRequest } from '../certificates.ts';
import { networkFault } from '../errors.ts';
import { ACME_ANSWER_BYTES_MAX, ACME_ORDER_MS, ACME_POLLS_MAX, ACME_REQUEST_MS, ACME_WAIT_MS } from '../limits.ts';

export interface AcmeAccount {
  /** Address of the directory, https. */
  readonly directory: string;
  readonly contact: readonly string[];
  /** PEM of the authority that the server's own TLS certificate comes from; null: those that everybody knows. */
  readonly ca: string | null;
  /** PKCS #8 in PEM; ECDSA P-256. */
  readonly keyPem: string;
}

/** Puts the texts of challenges where the authority looks for them, and takes them away again. */
export interface ChallengeDns {
  set(records: readonly { readonly name: string; readonly text: string }[]): Promise<void>;
  clear(records: readonly { readonly name: string; readonly text: string }[]): Promise<void>;
}

const url = z.string().max(2_000).startsWith('https://');
const directoryShape = z.object({ newNonce: url, newAccount: url, newOrder: url });
const status = z.enum(['pending', 'ready', 'processing', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']);
const problem = z.object({ type: z.string().max(300).optional(), detail: z.string().max(4_000).optional() });
const orderShape = z.object({
  status,
  authorizations: z.array(url).max(200),
  finalize: url,
  certificate: url.optional(),
  error: problem.optional(),
});
const authorizationShape = z.object({
  status,
  identifier: z.object({ value: z.string().max(253) }),
  challenges: z
    .array(
      z.object({ type: z.string().max(100), url, token: z.string().max(500).optional(), error: problem.optional() }),
    )
    .max(50),
});

export function createAccountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/**
 * Gets a certificate for names that the account can prove by DNS. Its key is made here and leaves with the answer only.
 * @throws Fault network.acme-failed, network.dns-update-failed
 */
export async function orderCertificate(
  account: AcmeAccount,
  names: readonly string[],
  dns: ChallengeDns,
  options: {
    readonly clock: Clock;
    /** For all of it. @default ACME_ORDER_MS */
    readonly timeoutMs?: number;
  },
): Promise<{ chain: string; key: string }> {
  const session = new Session(account, options.clock, options.timeoutMs ?? ACME_ORDER_MS);
  await session.open();
  const order = await session.newOrder(names);
  const proofs = await session.challenges(order.authorizations);
  const records = proofs.map(({ name, text }) => ({ name, text }));
  try {
    // Inside: of several zones one may be changed before the next one refuses.
    await dns.set(records);
    for (const { challenge } of proofs) await session.post(challenge, {});
    for (const address of order.authorizations) await session.untilAuthorized(address);
  } finally {
    await dns.clear(records);
  }
  const { requestDer, privateKeyPem } = createServerRequest(names);
  await session.post(order.finalize, { csr: Buffer.from(requestDer).toString('base64url') });
  return { chain: await session.certificate(order.address), key: privateKeyPem };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

class Session {
  readonly #account: AcmeAccount;
  readonly #clock: Clock;
  /** An authority that answers just in time again and again, or byte by byte, holds up every other order. */
  readonly #end: AbortSignal;
  readonly #key: KeyObject;
  readonly #jwk: { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };
  #directory: z.infer<typeof directoryShape> | null = null;
  #kid: string | null = null;
  #nonce: string | null = null;

  constructor(account: AcmeAccount, clock: Clock, timeoutMs: number) {
    this.#account = account;
    this.#clock = clock;
    this.#end = AbortSignal.timeout(timeoutMs);
    this.#key = createPrivateKey(account.keyPem);
    const { crv = '', kty = '', x = '', y = '' } = createPublicKey(this.#key).export({ format: 'jwk' });
    // In this order, which is that of the thumbprint (RFC 7638 section 3.2).
    this.#jwk = { crv, kty, x, y };
  }

  /** Reads the directory and makes the account, or finds the one of this key. */
  async open(): Promise<void> {
    const { directory, contact } = this.#account;
    const answer = await this.#send('GET', directory);
    this.#directory = this.#read(directoryShape, answer);
    const made = await this.post(this.#directory.newAccount, {
      termsOfServiceAgreed: true,
      contact: contact.map((address) => `mailto:${address}`),
    });
    this.#kid = headerOf(made, 'location');
  }

  async newOrder(names: readonly string[]): Promise<z.infer<typeof orderShape> & { address: string }> {
    const identifiers = names.map((value) => ({ type: 'dns', value }));
    const answer = await this.post(this.#directory?.newOrder ?? '', { identifiers });
    return { ...this.#read(orderShape, answer), address: headerOf(answer, 'location') };
  }

  /** What has to stand in DNS for those authorizations that are not given yet. */
  async challenges(addresses: readonly string[]): Promise<{ challenge: string; name: string; text: string }[]> {
    const thumbprint = createHash('sha256').update(JSON.stringify(this.#jwk)).digest('base64url');
    const found: { challenge: string; name: string; text: string }[] = [];
    for (const address of addresses) {
      const authorization = this.#read(authorizationShape, await this.post(address, null));
      if (authorization.status === 'valid') continue;
      const challenge = authorization.challenges.find(({ type }) => type === 'dns-01');
      if (challenge?.token === undefined) throw failed(`it offers no dns-01 for ${authorization.identifier.value}`);
      // RFC 8555 section 8.4.
      const text = createHash('sha256').update(`${challenge.token}.${thumbprint}`).digest('base64url');
      found.push({ challenge: challenge.url, name: `_acme-challenge.${authorization.identifier.value}`, text });
    }
    return found;
  }

  async untilAuthorized(address: string): Promise<void> {
    const done = await this.#poll(address, authorizationShape, ({ status: now }) => now !== 'pending');
    if (done.status === 'valid') return;
    const error = done.challenges.find((one) => one.error !== undefined)?.error;
    throw failed(`${done.identifier.value} was not proven: ${error?.detail ?? done.status}`);
  }

  async certificate(order: string): Promise<string> {
    const done = await this.#poll(order, orderShape, ({ status: now }) => now === 'valid' || now === 'invalid');
    if (done.certificate === undefined) throw failed(done.error?.detail ?? `its order is ${done.status}`);
    return (await this.post(done.certificate, null)).body;
  }

  async #poll<T>(address: string, shape: z.ZodType<T>, isOver: (value: T) => boolean): Promise<T> {
    for (let turn = 0; turn < ACME_POLLS_MAX; turn += 1) {
      const value = this.#read(shape, await this.post(address, null));
      if (isOver(value)) return value;
      await this.#clock.sleep(ACME_WAIT_MS);
    }
    throw failed('it did not come to an end in time');
  }

  /** A signed request; null as the body is a signed look (POST-as-GET). A nonce that is refused is fetched anew, a few times. */
  async post(address: string, body: object | null): Promise<Answer> {
    for (let turn = 0; ; turn += 1) {
      this.#nonce ??= headerOf(await this.#send('HEAD', this.#directory?.newNonce ?? ''), 'replay-nonce');
      const who = this.#kid === null ? { jwk: this.#jwk } : { kid: this.#kid };
      const protectedPart = encode(JSON.stringify({ alg: 'ES256', nonce: this.#nonce, url: address, ...who }));
      const payload = body === null ? '' : encode(JSON.stringify(body));
      this.#nonce = null;
      const signature = sign('sha256', Buffer.from(`${protectedPart}.${payload}`), {
        key: this.#key,
        dsaEncoding: 'ieee-p1363',
      });
      const text = JSON.stringify({ protected: protectedPart, payload, signature: signature.toString('base64url') });
      const answer = await this.#send('POST', address, text);
      const nonce = answer.headers['replay-nonce'];
      if (typeof nonce === 'string') this.#nonce = nonce;
      if (answer.status < 400) return answer;
      const { type, detail } = readProblem(answer.body);
      if (turn < 6 && type === 'urn:ietf:params:acme:error:badNonce') continue;
      throw failed(detail ?? type ?? `it answers ${answer.status}`);
    }
  }

  #read<T>(shape: z.ZodType<T>, { body }: Answer): T {
    try {
      return shape.parse(JSON.parse(body));
    } catch (cause) {
      throw failed('its answer is not understood', cause);
    }
  }

  async #send(method: string, address: string, body?: string): Promise<Answer> {
    const { ca, directory } = this.#account;
    try {
      const way = new ServerAddresses(new URL(directory)).connection(new URL(address));
      const asked = request(address, {
        method,
        ...way,
        timeout: ACME_REQUEST_MS,
        signal: this.#end,
        headers: {
          'user-agent': 'darsena',
          ...(body === undefined ? {} : { 'content-type': 'application/jose+json' }),
        },
        ...(ca === null ? {} : { ca }),
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.end(body);
      const answer = await answerOf(asked);
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > ACME_ANSWER_BYTES_MAX) throw new Error('its answer is too long');
        chunks.push(chunk);
      }
      return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString('utf8') };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw failed(this.#end.aborted ? 'the order took longer than it may' : why, error);
    }
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function headerOf(answer: Answer, name: string): string {
  const value = answer.headers[name];
  if (typeof value !== 'string') throw failed(`its answer has no ${name}`);
  return value;
}

function readProblem(body: string): z.infer<typeof problem> {
  try {
    return problem.parse(JSON.parse(body));
  } catch {
    // A refusal without words is told by its number.
    return {};
  }
}

function failed(reason: string, cause?: unknown): Error {
  return networkFault('network.acme-failed', { reason: reason.slice(0, 500) }, cause === undefined ? {} : { cause });
}
