import { registryFault } from '../errors.ts';
import { URL_LENGTH_MAX } from '../limits.ts';
import { isOurRepository } from '../names.ts';

/** What a URL of the distribution API names. References and digests are still a client's text here. */
export type Address =
  | { readonly kind: 'ping' }
  | { readonly kind: 'token' }
  | { readonly kind: 'catalogue' }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: string }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: string };

/** Shared by requests without a query; nobody changes it. */
const NO_QUERY: ReadonlyQuery = new URLSearchParams();

export type ReadonlyQuery = Pick<URLSearchParams, 'get' | 'getAll'>;

/** What may stand in a path without an escape in this API; a digest's colon is the one character clients escape. */
const PLAIN_PATH = /^[A-Za-z0-9._/:-]+$/;

/**
 * Reads the path and query of a request. A repository's name may hold the words of the API (`a/blobs/b`), so the path is
 * read from its end. Nothing is unescaped but `%3A`: names have no other need, and what is not unescaped cannot turn
 * into `..`, `/` or NUL.
 * @throws Fault registry.address-invalid, .address-unknown, .name-invalid
 */
export function parseAddress(url: string): { address: Address; query: ReadonlyQuery } {
  if (url.length > URL_LENGTH_MAX) {
    throw registryFault('registry.address-invalid', { why: `more than ${URL_LENGTH_MAX} characters` });
  }
  const mark = url.indexOf('?');
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  const raw = mark < 0 ? url : url.slice(0, mark);
  const path = raw.includes('%') ? raw.replaceAll(/%3a/gi, ':') : raw;
  if (!PLAIN_PATH.test(path)) {
    throw registryFault('registry.address-invalid', { why: 'it has characters that no name here has' });
  }
  return { address: addressOf(path), query };
}

function addressOf(path: string): Address {
  if (path === '/v2/' || path === '/v2') return { kind: 'ping' };
  if (path === '/v2/token') return { kind: 'token' };
  if (path === '/v2/_catalog') return { kind: 'catalogue' };
  if (!path.startsWith('/v2/')) throw registryFault('registry.address-unknown');
  const parts = path.slice('/v2/'.length).split('/');
  const last = parts.at(-1) ?? '';
  const verb = parts.at(-2) ?? '';
  const named = (words: number): string => requireName(parts.slice(0, -words).join('/'));
  if (verb === 'uploads' && parts.at(-3) === 'blobs') {
    const repository = named(3);
    return last === '' ? { kind: 'uploads', repository } : { kind: 'upload', repository, id: last };
  }
  if (verb === 'blobs' && last === 'uploads') return { kind: 'uploads', repository: named(2) };
  if (verb === 'blobs') return { kind: 'blob', repository: named(2), digest: last };
  if (verb === 'manifests') return { kind: 'manifest', repository: named(2), reference: last };
  if (verb === 'referrers') return { kind: 'referrers', repository: named(2), digest: last };
  if (verb === 'tags' && last === 'list') return { kind: 'tags', repository: named(2) };
  throw registryFault('registry.address-unknown');
}

function requireName(name: string): string {
  if (!isOurRepository(name)) throw registryFault('registry.name-invalid', { name: name.slice(0, 300) });
  return name;
}
