import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDigest, isTag, MANIFEST_BYTES_MAX, MEDIA_TYPE } from '../../oci/index.ts';
import { registryFault } from '../errors.ts';
import { PAGE_MAX } from '../limits.ts';
import type { Reference } from '../manifests.ts';
import type { Registry } from '../registry.ts';
import type { ReadonlyQuery } from './address.ts';
import { sendEmpty, sendJson, warningHeaders } from './answers.ts';
import { matchesEtag, requireDigest, sendNotModified } from './blobs.ts';
import { readBody } from './body.ts';
import type { KeptAnswer } from './kept-answers.ts';
import { readingOf } from './reading.ts';
import type { Session } from './sign-in.ts';
import { bringManifest, bringReferrers } from './upstream.ts';

/** HEAD and GET: what a tag or digest names, unless quarantine holds it. */
export async function answerManifest(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  text: string,
  keep: (answer: KeptAnswer) => void = () => undefined,
): Promise<void> {
  // A text that can be neither tag nor digest names nothing; asking for it is no error of form.
  const reference: Reference | null = isDigest(text) ? { digest: text } : isTag(text) ? { tag: text } : null;
  const notes = reference === null ? [] : await bringManifest(request, response, registry, session, repository, text);
  const manifest = reference === null ? null : await registry.manifests.find(repository, reference);
  if (manifest === null) {
    throw registryFault('registry.manifest-unknown', { repository, reference: text.slice(0, 160) });
  }
  const isHead = request.method === 'HEAD';
  const { caller } = session;
  const verdicts = await registry.quarantine.admit(manifest, text, readingOf(response, session, repository));
  const warnings = notes.length === 0 ? verdicts : [...notes, ...verdicts];
  const etag = `"${manifest.digest}"`;
  if (matchesEtag(request, etag)) {
    sendNotModified(response, etag);
    return;
  }
  const headers = [
    'Content-Type',
    manifest.mediaType,
    'Content-Length',
    String(manifest.bytes.byteLength),
    'Docker-Content-Digest',
    manifest.digest,
    'ETag',
    etag,
    'Cache-Control',
    'private, max-age=0, must-revalidate',
    ...warningHeaders(warnings).flatMap((value) => ['Warning', value]),
  ];
  response.writeHead(200, headers);
  if (isHead) {
    response.end();
    return;
  }
  // As a string, header and body leave in one write; latin1 gives back exactly the bytes.
  const { buffer, byteOffset, byteLength } = manifest.bytes;
  const body = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  response.end(body, 'latin1');
  if (caller.kind === 'scanner' || caller.kind === 'platform') return;
  const pull = { actor: caller.actor, repository, reference: text, digest: manifest.digest };
  registry.pulls.add(pull.actor, pull.repository, pull.reference, pull.digest);
  keep({ headers, body, pull });
}

/** PUT by tag or digest. */
export async function putManifest(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  text: string,
): Promise<void> {
  const reference: Reference = text.includes(':') ? { digest: requireDigest(text) } : { tag: text };
  // Parameters such as charset do not change which document it is.
  const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim();
  const bytes = await readBody(request, MANIFEST_BYTES_MAX);
  const put = await registry.manifests.put(repository, bytes, mediaType, {
    reference,
    by: session.caller,
    mayMoveTag: session.mayMoveTag(repository),
  });
  sendEmpty(response, 201, {
    Location: `/v2/${repository}/manifests/${put.digest}`,
    'Docker-Content-Digest': put.digest,
    ...(put.subject === null ? {} : { 'OCI-Subject': put.subject }),
  });
}

/** DELETE of a tag, or of a manifest with all its tags. */
export async function deleteManifest(
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  text: string,
): Promise<void> {
  if (text.includes(':')) await registry.manifests.delete(repository, requireDigest(text), session.caller);
  else await registry.manifests.deleteTag(repository, text, session.caller);
  sendEmpty(response, 202, {});
}

/** Tags in pages: `n` and `last` (distribution-spec 1.1 "Listing Tags"). */
export async function answerTags(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  repository: string,
  query: ReadonlyQuery,
): Promise<void> {
  const limit = pageSize(query);
  const last = query.get('last');
  const page = await registry.manifests.listTags(repository, { limit, ...(last === null ? {} : { last }) });
  if (page.next !== null) {
    const next = new URLSearchParams({ n: String(limit), last: page.next });
    response.setHeader('Link', `</v2/${repository}/tags/list?${next}>; rel="next"`);
  }
  sendJson(request, response, 200, { name: repository, tags: [...page.items] });
}

/** Repositories that the caller may see, in pages as the distribution project has them ("Listing Repositories"). */
export async function answerCatalogue(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  query: ReadonlyQuery,
): Promise<void> {
  const limit = pageSize(query);
  const found: string[] = [];
  for await (const name of registry.manifests.repositoriesAfter(query.get('last') ?? '')) {
    if (!session.maySee(name)) continue;
    found.push(name);
    if (found.length > limit) break;
  }
  const repositories = found.slice(0, limit);
  const last = repositories.at(-1);
  if (found.length > limit && last !== undefined) {
    const next = new URLSearchParams({ n: String(limit), last });
    response.setHeader('Link', `</v2/_catalog?${next}>; rel="next"`);
  }
  sendJson(request, response, 200, { repositories });
}

function pageSize(query: ReadonlyQuery): number {
  const n = query.get('n');
  if (n !== null && !/^\d{1,9}$/.test(n)) throw registryFault('registry.page-invalid', { n: n.slice(0, 40) });
  return n === null ? PAGE_MAX : Math.min(Number(n), PAGE_MAX);
}

/** The referrers of a digest as an index, filtered and in pages (distribution-spec 1.1 "Listing Referrers"). */
export async function answerReferrers(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  repository: string,
  text: string,
  query: ReadonlyQuery,
): Promise<void> {
  const digest = requireDigest(text);
  const artifactType = query.get('artifactType');
  const last = query.get('last');
  const notes = await bringReferrers(request, response, registry, repository, digest);
  if (notes.length > 0) response.setHeader('Warning', warningHeaders(notes));
  const page = await registry.manifests.listReferrers(repository, digest, {
    ...(artifactType === null ? {} : { artifactType }),
    ...(last === null ? {} : { last }),
  });
  if (artifactType !== null) response.setHeader('OCI-Filters-Applied', 'artifactType');
  if (page.next !== null) {
    const next = new URLSearchParams({ ...(artifactType === null ? {} : { artifactType }), last: page.next });
    response.setHeader('Link', `</v2/${repository}/referrers/${digest}?${next}>; rel="next"`);
  }
  const manifests = page.items.map(({ annotations, ...descriptor }) => ({
    ...descriptor,
    ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
  }));
  sendJson(request, response, 200, { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }, MEDIA_TYPE.index);
}
