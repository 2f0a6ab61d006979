import { request } from 'undici';
import { advisoryFault } from './errors.ts';
import { FETCH_REDIRECTS_MAX, FETCH_TIMEOUT_MS } from './limits.ts';
import type { AdvisoryInput, AdvisoryStore, ImportOptions, ImportOutcome } from './store.ts';

/**
 * Fetches feeds and imports them. Only HTTPS addresses that the operator has configured; a redirect may not leave HTTPS.
 *
 * @throws Fault advisories.no-urls, advisories.fetch-failed and the faults of an import
 */
export function updateAdvisories(
  store: AdvisoryStore,
  urls: readonly string[],
  options: ImportOptions = {},
): Promise<ImportOutcome> {
  if (urls.length === 0) throw advisoryFault('advisories.no-urls');
  return store.import(urls.map(urlInput), options);
}

/** The addresses of DARSENA_ADVISORY_URLS, separated by spaces. */
export function configuredUrls(environment: Readonly<Record<string, string | undefined>>): string[] {
  return (environment['DARSENA_ADVISORY_URLS'] ?? '').split(/\s+/).filter((url) => url !== '');
}

function urlInput(url: string): AdvisoryInput {
  return { name: new URL(url).pathname, open: () => fetchBytes(url) };
}

async function* fetchBytes(url: string): AsyncGenerator<Uint8Array> {
  try {
    let at = new URL(url);
    for (let redirects = 0; redirects <= FETCH_REDIRECTS_MAX; redirects++) {
      if (at.protocol !== 'https:') throw new Error(`expected an https: address, got ${at.protocol}`);
      const { statusCode, headers, body } = await request(at, {
        headersTimeout: FETCH_TIMEOUT_MS,
        bodyTimeout: FETCH_TIMEOUT_MS,
      });
      if (statusCode === 200) {
        yield* body;
        return;
      }
      await body.dump();
      const { location } = headers;
      if (statusCode < 300 || statusCode > 399 || typeof location !== 'string') {
        throw new Error(`the server answered ${statusCode}`);
      }
      at = new URL(location, at);
    }
    throw new Error(`more than ${FETCH_REDIRECTS_MAX} redirects`);
  } catch (cause) {
    throw advisoryFault(
      'advisories.fetch-failed',
      { url, why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}
