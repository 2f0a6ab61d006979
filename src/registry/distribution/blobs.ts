import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type Digest, isDigest } from '../../oci/index.ts';
import { registryFault } from '../errors.ts';
import { CHUNK_BYTES } from '../limits.ts';
import type { Registry } from '../registry.ts';
import { sendEmpty } from './answers.ts';
import { readingOf } from './reading.ts';
import type { Session } from './sign-in.ts';

/** A client's text as a digest. @throws Fault registry.digest-invalid */
export function requireDigest(text: string | null): Digest {
  if (text === null || !isDigest(text))
    throw registryFault('registry.digest-invalid', { digest: (text ?? '').slice(0, 160) });
  return text;
}

/** HEAD and GET of a blob, with one byte range (RFC 9110 section 14). */
export async function answerBlob(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  session: Session,
  repository: string,
  digest: Digest,
): Promise<void> {
  const isHead = request.method === 'HEAD';
  // Who may push asks whether a blob is here before sending it again; that tells no content.
  if (!isHead || !session.maySign(repository)) {
    const held = registry.quarantine.admitBlob(repository, digest, readingOf(response, session, repository));
    if (held !== undefined) await held;
  }
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    ETag: `"${digest}"`,
    // Content never changes under its digest, but who may read it does.
    'Cache-Control': 'private, max-age=0, must-revalidate',
  };
  if (isHead) {
    const size = await registry.content.blobSize(repository, digest);
    if (size === null) throw registryFault('registry.blob-unknown', { digest, repository });
    response.writeHead(200, { ...headers, 'Content-Length': size });
    response.end();
    return;
  }
  const { file, sizeBytes } = await registry.content.openBlob(repository, digest);
  try {
    if (matchesEtag(request, headers.ETag)) {
      sendNotModified(response, headers.ETag);
      return;
    }
    const range = requestedRange(request, headers.ETag, sizeBytes);
    if (range === 'outside') {
      response.setHeader('Content-Range', `bytes */${sizeBytes}`);
      throw registryFault('registry.range-invalid', { size: sizeBytes });
    }
    const { start, end } = range ?? { start: 0, end: sizeBytes };
    response.writeHead(range === null ? 200 : 206, {
      ...headers,
      'Content-Length': end - start,
      ...(range === null ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${sizeBytes}` }),
    });
    await sendFile(response, file, start, end);
  } finally {
    await file.close();
  }
}

/** RFC 9110 section 13.1.2: a list, compared weakly. The caller has checked that the thing exists and may be read. */
export function matchesEtag(request: IncomingMessage, etag: string): boolean {
  const wanted = request.headers['if-none-match'];
  if (wanted === undefined) return false;
  return wanted.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

/** RFC 9110 section 15.4.5: no body, and no length of one. */
export function sendNotModified(response: ServerResponse, etag: string): void {
  response.writeHead(304, { ETag: etag, 'Cache-Control': 'private, max-age=0, must-revalidate' });
  response.end();
}

async function sendFile(response: ServerResponse, file: FileHandle, start: number, end: number): Promise<void> {
  if (start === end) {
    response.end();
    return;
  }
  await pipeline(
    file.createReadStream({ start, end: end - 1, highWaterMark: CHUNK_BYTES, autoClose: false }),
    response,
  );
}

/** `[start, end)` of a single range; null for the whole; several ranges or another unit are answered as the whole. */
function requestedRange(
  request: IncomingMessage,
  etag: string,
  size: number,
): { start: number; end: number } | null | 'outside' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(request.headers.range ?? '');
  const ifRange = request.headers['if-range'];
  if (match === null || (ifRange !== undefined && ifRange !== etag)) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') {
    const count = Number(last);
    return count === 0 || size === 0 ? 'outside' : { start: Math.max(0, size - count), end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return null;
  return start >= size ? 'outside' : { start, end };
}

export function sendBlobCreated(response: ServerResponse, repository: string, digest: Digest): void {
  sendEmpty(response, 201, { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest });
}
