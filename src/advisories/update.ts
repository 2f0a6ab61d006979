import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { Fault } from '../system/index.ts';
import { advisoryFault } from './errors.ts';
import {
  CHECKSUM_FILE_MAX_BYTES,
  FETCH_REDIRECTS_MAX,
  FETCH_RETRY_MS,
  FETCH_TIMEOUT_MS,
  RETRY_AFTER_MAX_MS,
} from './limits.ts';
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
 * An address may end in `#sha256=HEX` (the digest it must have) or `#checksum=SUFFIX` (the digest stands in the file at the
 * same address with that ending).
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
      const headers: Record<string, string> = {};
      if (this.#mark?.etag) headers['if-none-match'] = this.#mark.etag;
      if (this.#mark?.lastModified) headers['if-modified-since'] = this.#mark.lastModified;
      const answer = await this.#get(url, headers);
      if (answer.statusCode === 304) {
        await answer.body.dump();
        throw advisoryFault('advisories.unchanged', { url });
      }
      const hash = createHash('sha256');
      for await (const chunk of answer.body) {
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
      const why = cause instanceof Error ? cause.message : String(cause);
      throw advisoryFault('advisories.fetch-failed', { url, why }, { cause });
    }
  }

  async #expectedDigest(url: string): Promise<string | null> {
    const demand = new URLSearchParams(this.#url.split('#')[1] ?? '');
    const pinned = demand.get('sha256');
    if (pinned !== null) return pinned.toLowerCase();
    const suffix = demand.get('checksum');
    if (suffix === null) return null;
    const { statusCode, body } = await this.#get(`${url}${suffix}`, {});
    if (statusCode !== 200) throw new Error(`its checksum is missing: the server answered ${statusCode}`);
    let text = '';
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString('latin1');
      if (text.length > CHECKSUM_FILE_MAX_BYTES) throw new Error('its checksum file is too long');
    }
    const [digest] = /\b[0-9a-f]{64}\b/i.exec(text) ?? [];
    if (digest === undefined) throw new Error('its checksum file holds no SHA-256');
    return digest.toLowerCase();
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
    const { dispatcher } = this.#options;
    for (let redirects = 0; redirects <= FETCH_REDIRECTS_MAX; redirects++) {
      if (at.protocol !== 'https:') throw new Final(`expected an https: address, got ${at.protocol}`);
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
