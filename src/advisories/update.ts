import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import { Fault, ServerAddresses } from '../system/index.ts';
import { advisoryFault } from './errors.ts';
import {
  CHECKSUM_FILE_MAX_BYTES,
  FETCH_REDIRECTS_MAX,
  FETCH_RETRY_MS,
  FETCH_TIMEOUT_MS,
  RETRY_AFTER_MAX_MS,
} from './limits.ts';
import { checkOpenPgp, NotSigned, type OpenPgpCheck } from './openpgp.ts';
import type {
  AdvisoryInput,
  AdvisoryStore,
  FetchedMark,
  ImportedSource,
  ImportOptions,
  ImportOutcome,
} from './store.ts';

export interface UpdateOptions extends ImportOptions {
  readonly signal?: AbortSignal;
  /** Of each address, before it is fetched. */
  readonly onAddress?: (url: string, index: number, total: number) => void;
  /** Who opens connections, for tests. */
  readonly dispatcher?: Dispatcher;
  /** Pauses between tries, in milliseconds. @default FETCH_RETRY_MS */
  readonly retryMs?: readonly number[];
  /** OpenPGP keys of publishers, for addresses that ask for a signature: armoured, or paths of keyrings. @default none */
  readonly pgpKeys?: readonly string[];
}

export interface UpdateOutcome extends ImportOutcome {
  /** Addresses whose servers have nothing newer. */
  readonly unchanged: readonly string[];
  /** Addresses that could not be taken; the others were. */
  readonly failed: readonly { readonly url: string; readonly fault: Fault }[];
}

/**
 * Fetches feeds and imports them, each for itself: one that fails leaves the others. Only HTTPS addresses that the
 * operator has configured; a redirect may not leave HTTPS. What did not change since is not sent again.
 *
 * An address may end in demands, joined by `&`: `#sha256=HEX` (the digest it must have), `#checksum=FILE` (the digest stands
 * there), `#signature=FILE` (a detached OpenPGP signature by one of the `pgpKeys`) with `signer=FINGERPRINT`. FILE is an
 * ending of the same address when it begins with a dot, else a reference from it.
 *
 * @throws Fault advisories.no-urls; when nothing could be taken, the fault of the first
 */
export async function updateAdvisories(
  store: AdvisoryStore,
  urls: readonly string[],
  options: UpdateOptions = {},
): Promise<UpdateOutcome> {
  if (urls.length === 0) throw advisoryFault('advisories.no-urls');
  const imported: ImportedSource[] = [];
  const unchanged: string[] = [];
  const failed: { url: string; fault: Fault }[] = [];
  let { revision } = await store.current();
  for (const [index, url] of urls.entries()) {
    options.signal?.throwIfAborted();
    options.onAddress?.(url, index, urls.length);
    try {
      const mark = options.force ? null : await store.fetchedMark(url);
      const outcome = await store.import([new RemoteFeed(url, mark, options)], options);
      imported.push(...outcome.imported);
      revision = outcome.revision;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.code === 'advisories.unchanged') unchanged.push(url);
      else failed.push({ url, fault: error });
    }
  }
  const [first] = failed;
  if (first && imported.length === 0 && unchanged.length === 0) throw first.fault;
  return { imported, unknown: [], revision, unchanged, failed };
}

/** The addresses of DARSENA_ADVISORY_URLS, separated by spaces. */
export function configuredUrls(environment: Readonly<Record<string, string | undefined>>): string[] {
  return (environment['DARSENA_ADVISORY_URLS'] ?? '').split(/\s+/).filter((url) => url !== '');
}

class RemoteFeed implements AdvisoryInput {
  readonly name: string;
  readonly #url: string;
  readonly #mark: FetchedMark | null;
  readonly #options: UpdateOptions;
  #fetched: FetchedMark | null = null;

  constructor(url: string, mark: FetchedMark | null, options: UpdateOptions) {
    this.#url = url;
    this.#mark = mark;
    this.#options = options;
    this.name = nameOf(url);
  }

  fetched(): FetchedMark | null {
    return this.#fetched;
  }

  /** Bytes are handed on as they come; a checksum that is wrong at the end makes the import fail, so nothing of them stays. */
  async *open(): AsyncGenerator<Uint8Array> {
    const url = this.#url.split('#')[0] ?? '';
    try {
      const expected = await this.#expectedDigest(url);
      const signed = await this.#signature(url);
      const headers: Record<string, string> = {};
      if (this.#mark?.etag) headers['if-none-match'] = this.#mark.etag;
      if (this.#mark?.lastModified) headers['if-modified-since'] = this.#mark.lastModified;
      const answer = await this.#get(url, headers);
      if (answer.statusCode === 304) {
        await answer.body.dump();
        throw advisoryFault('advisories.unchanged', { url });
      }
      const hash = createHash('sha256');
      for await (const chunk of signed === null ? answer.body : checkOpenPgp(answer.body, signed)) {
        hash.update(chunk);
        yield chunk;
      }
      const actual = hash.digest('hex');
      if (expected !== null && actual !== expected)
        throw advisoryFault('advisories.checksum', { url, actual, expected });
      const header = (name: string): string | null => {
        const value = answer.headers[name];
        return typeof value === 'string' ? value : null;
      };
      this.#fetched = { url: this.#url, etag: header('etag'), lastModified: header('last-modified') };
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      if (cause instanceof NotSigned)
        throw advisoryFault('advisories.signature', { url, why: cause.message }, { cause });
      const why = cause instanceof Error ? cause.message : String(cause);
      throw advisoryFault('advisories.fetch-failed', { url, why }, { cause });
    }
  }

  async #expectedDigest(url: string): Promise<string | null> {
    const pinned = this.#demand('sha256');
    if (pinned !== null) return pinned.toLowerCase();
    const place = this.#demand('checksum');
    if (place === null) return null;
    const text = (await this.#small(besides(url, place), 'checksum')).toString('latin1');
    const found = digestIn(text, basename(new URL(url).pathname));
    if (found === null) throw new Error('its checksum file holds no SHA-256 of it');
    return found;
  }

  /** A demand that cannot be met is no reason to go without. */
  async #signature(url: string): Promise<OpenPgpCheck | null> {
    const place = this.#demand('signature');
    const signer = this.#demand('signer')?.replaceAll(' ', '').toUpperCase() ?? null;
    if (place === null) {
      if (signer !== null) throw new NotSigned('its address names a signer and no signature');
      return null;
    }
    const { pgpKeys: keys = [] } = this.#options;
    if (keys.length === 0) throw new NotSigned('no key of its publisher is given');
    return { signature: await this.#small(besides(url, place), 'signature'), keys, signer };
  }

  #demand(name: string): string | null {
    const value = new URLSearchParams(this.#url.split('#')[1] ?? '').get(name);
    return value === '' ? null : value;
  }

  async #small(url: string, what: string): Promise<Buffer> {
    const { body } = await this.#get(url, {}).catch((cause: unknown) => {
      throw new Error(`its ${what} is missing: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    });
    const parts: Buffer[] = [];
    let length = 0;
    for await (const chunk of body) {
      const part = Buffer.from(chunk);
      length += part.length;
      if (length > CHECKSUM_FILE_MAX_BYTES) throw new Error(`its ${what} file is too long`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** Tries again after what may pass: a broken connection, 429 and 5xx. */
  async #get(url: string, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
    const pauses = this.#options.retryMs ?? FETCH_RETRY_MS;
    for (let attempt = 0; ; attempt++) {
      const pause = pauses[attempt];
      try {
        const answer = await this.#follow(url, headers);
        if (answer.statusCode === 200 || answer.statusCode === 304) return answer;
        await answer.body.dump();
        const isPassing = answer.statusCode === 429 || answer.statusCode >= 500;
        if (!isPassing || pause === undefined) throw new Final(`the server answered ${answer.statusCode}`);
        const asked = Number(answer.headers['retry-after']) * 1000;
        await sleep(Math.min(asked > 0 ? asked : pause, RETRY_AFTER_MAX_MS), null, signalOf(this.#options));
      } catch (error) {
        if (error instanceof Final || pause === undefined || this.#options.signal?.aborted) throw error;
        await sleep(pause, null, signalOf(this.#options));
      }
    }
  }

  async #follow(url: string, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
    let at = new URL(url);
    const addresses = new ServerAddresses(at);
    for (let redirects = 0; redirects <= FETCH_REDIRECTS_MAX; redirects++) {
      const dispatcher = wayTo(at, addresses) ?? this.#options.dispatcher;
      const answer = await request(at, {
        headers,
        headersTimeout: FETCH_TIMEOUT_MS,
        bodyTimeout: FETCH_TIMEOUT_MS,
        ...signalOf(this.#options),
        ...(dispatcher ? { dispatcher } : {}),
      });
      const { location } = answer.headers;
      const isMoved = answer.statusCode > 300 && answer.statusCode < 400 && answer.statusCode !== 304;
      if (!isMoved || typeof location !== 'string') return answer;
      await answer.body.dump();
      at = new URL(location, at);
    }
    throw new Final(`more than ${FETCH_REDIRECTS_MAX} redirects`);
  }
}

/** Of addresses that a redirect named. */
let elsewhere: Agent | null = null;

/** Null: the address is the administrator's own. @throws Final where a redirect leads inside, or away from https */
function wayTo(at: URL, addresses: ServerAddresses): Dispatcher | null {
  try {
    const { lookup } = addresses.connection(at);
    if (lookup === undefined) return null;
    elsewhere ??= new Agent({ connect: { lookup } });
    return elsewhere;
  } catch (error) {
    throw new Final(error instanceof Error ? error.message : String(error));
  }
}

/** `.sha256` behind the address, or a file that stands beside it. */
function besides(url: string, place: string): string {
  return place.startsWith('.') && !place.startsWith('./') && !place.startsWith('../')
    ? `${url}${place}`
    : new URL(place, url).href;
}

/** Of a list as sha256sum writes it the line of this file; else the only digest there is. */
function digestIn(text: string, name: string): string | null {
  const lines = [...text.matchAll(/^\s*([0-9a-f]{64})(?:\s+[* ]?(\S.*?))?\s*$/gim)];
  const named = lines.find(([, , file]) => file !== undefined && basename(file) === name);
  // BSD's form: SHA256 (file) = digest
  const bsd = [...text.matchAll(/^SHA256 \((.+)\) = ([0-9a-f]{64})$/gim)].find(
    ([, file]) => basename(file ?? '') === name,
  );
  const all = new Set((text.match(/\b[0-9a-f]{64}\b/gi) ?? []).map((one) => one.toLowerCase()));
  return (named?.[1] ?? bsd?.[2] ?? (all.size === 1 ? [...all][0] : undefined))?.toLowerCase() ?? null;
}

/** An answer that another try would not change. */
class Final extends Error {}

function signalOf({ signal }: UpdateOptions): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

function nameOf(url: string): string {
  try {
    return new URL(url).pathname;
  } catch (cause) {
    throw advisoryFault('advisories.fetch-failed', { url, why: 'it is no address' }, { cause });
  }
}
