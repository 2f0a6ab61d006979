import type { IncomingMessage, ServerResponse } from 'node:http';
import { digestAlgorithm, isDigest } from '../../oci/index.ts';
import { registryFault } from '../errors.ts';
import { SMALL_BLOB_BYTES } from '../limits.ts';
import { isOurRepository } from '../names.ts';
import type { Registry } from '../registry.ts';
import type { ReadonlyQuery } from './address.ts';
import { sendEmpty } from './answers.ts';
import { requireDigest, sendBlobCreated } from './blobs.ts';
import { passBody, readBody, statedLength } from './body.ts';
import type { Session } from './sign-in.ts';

/**
 * POST: starts an upload; with `digest` the body is the whole blob; with `mount` and `from` a blob of another repository
 * is linked when the caller may pull it there. Whatever keeps it from being linked, a plain upload begins, so that the
 * answer does not tell whether the other repository or its blob exists.
 */
export async function startUpload(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  query: ReadonlyQuery,
): Promise<void> {
  const owner = session.caller.id;
  const whole = query.get('digest');
  if (whole !== null) {
    const digest = requireDigest(whole);
    if (isSmall(request)) {
      await registry.content.putSmall(repository, owner, await readBody(request, SMALL_BLOB_BYTES), digest);
      sendBlobCreated(response, repository, digest);
      return;
    }
    const id = await registry.content.beginUpload(repository, owner);
    try {
      await registry.content.receiveUpload(repository, owner, id, passBody(request), {
        algorithm: digestAlgorithm(digest),
        digest,
        statedBytes: statedLength(request),
      });
    } catch (error) {
      // Nobody else knows this upload's id, so nobody could resume it.
      await registry.content.dropUpload(repository, owner, id);
      throw error;
    }
    sendBlobCreated(response, repository, digest);
    return;
  }
  const mount = query.get('mount');
  const from = query.get('from');
  if (mount !== null && from !== null && isDigest(mount) && isOurRepository(from)) {
    const isMounted =
      session.permission('pull', from) === 'granted' &&
      (await registry.quarantine.mayReadBlob(from, mount, session.caller)) &&
      (await registry.content.mountBlob(from, repository, mount, owner));
    if (isMounted) {
      sendBlobCreated(response, repository, mount);
      return;
    }
  }
  const id = await registry.content.beginUpload(repository, owner);
  sendUpload(response, 202, repository, id, 0);
}

/** PATCH: the next chunk. With Content-Range it must start where the upload ends; without, it is a stream. */
export async function continueUpload(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  id: string,
): Promise<void> {
  const options = chunkOptions(request);
  const received = await registry.content.appendUpload(repository, session.caller.id, id, passBody(request), options);
  sendUpload(response, 202, repository, id, received);
}

/** PUT: the last chunk, if any, and the digest of the whole. */
export async function finishUpload(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  id: string,
  query: ReadonlyQuery,
): Promise<void> {
  const digest = requireDigest(query.get('digest'));
  const owner = session.caller.id;
  const fresh = isSmall(request) ? registry.content.freshUpload(repository, owner, id) : null;
  if (fresh !== null) {
    await registry.content.putSmall(repository, owner, await readBody(request, SMALL_BLOB_BYTES), digest, fresh);
    sendBlobCreated(response, repository, digest);
    return;
  }
  if (statedLength(request) === 0) await registry.content.finishUpload(repository, owner, id, { digest });
  else {
    const options = { ...chunkOptions(request), algorithm: digestAlgorithm(digest), digest };
    await registry.content.receiveUpload(repository, owner, id, passBody(request), options);
  }
  sendBlobCreated(response, repository, digest);
}

/** Whether the body is a whole blob small enough to share a commit with others. */
function isSmall(request: IncomingMessage): boolean {
  const length = statedLength(request);
  return length !== undefined && length <= SMALL_BLOB_BYTES && request.headers['content-range'] === undefined;
}

/** GET: how far the upload is, for a client that lost its connection. */
export async function answerUploadStatus(
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  id: string,
): Promise<void> {
  const received = await registry.content.uploadedBytes(repository, session.caller.id, id);
  sendUpload(response, 204, repository, id, received);
}

export async function cancelUpload(
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  id: string,
): Promise<void> {
  await registry.content.cancelUpload(repository, session.caller.id, id);
  sendEmpty(response, 204, {});
}

function chunkOptions(request: IncomingMessage): { statedBytes: number | undefined; offset?: number } {
  const offset = chunkStart(request);
  return { statedBytes: statedLength(request), ...(offset === undefined ? {} : { offset }) };
}

/** `Content-Range: <start>-<end>`, both inclusive and without a unit (distribution-spec 1.1 "Pushing a blob in chunks"). */
function chunkStart(request: IncomingMessage): number | undefined {
  const text = request.headers['content-range'];
  if (text === undefined) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(text);
  if (match === null) throw registryFault('registry.upload-invalid', { why: 'Content-Range is not <start>-<end>' });
  const [start, end] = [Number(match[1]), Number(match[2])];
  const length = statedLength(request);
  if (length !== undefined && end - start + 1 !== length) {
    const why = `Content-Range covers ${end - start + 1} bytes, Content-Length says ${length}`;
    throw registryFault('registry.upload-invalid', { why });
  }
  return start;
}

function sendUpload(
  response: ServerResponse,
  status: 202 | 204,
  repository: string,
  id: string,
  received: number,
): void {
  const headers = {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    // "0-0" also for an empty upload, as every registry answers: a range has no way to say "none".
    Range: `0-${Math.max(0, received - 1)}`,
    'Docker-Upload-UUID': id,
    'Cache-Control': 'no-store',
  };
  // RFC 9110 section 8.6: a 204 has no Content-Length.
  response.writeHead(status, status === 204 ? headers : { ...headers, 'Content-Length': 0 });
  response.end();
}
