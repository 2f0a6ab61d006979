import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Digest, isDigest } from '../../oci/index.ts';
import { registryFault } from '../errors.ts';
import { CHUNK_BYTES, SPARE_BUFFERS_MAX } from '../limits.ts';
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
  const { content, sizeBytes } = await registry.content.openBlob(repository, digest);
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
    if (content instanceof Uint8Array) response.end(content.subarray(start, end));
    else await sendFile(response, content, start, end);
  } finally {
    if (!(content instanceof Uint8Array)) await content.close();
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

/**
 * Sends a part of a file through two buffers in turn: one is read while the other is on its way. A stream would take a
 * new buffer for each chunk, and their pages cost more than the copying (measured: three times the CPU).
 */
async function sendFile(response: ServerResponse, file: FileHandle, start: number, end: number): Promise<void> {
  if (start === end) {
    response.end();
    return;
  }
  const gone = Promise.withResolvers<never>();
  const leave = (): void => gone.reject(new Error('the client left before the end of the blob'));
  response.once('close', leave);
  // Raced against below; on its own it would count as unhandled when the client leaves between two writes.
  gone.promise.catch(() => undefined);
  const [first, second] = takeBuffers();
  let [filling, sending] = [first, second];
  let position = start;
  const read = (): Promise<{ bytesRead: number }> =>
    file.read(filling, 0, Math.min(CHUNK_BYTES, end - position), position);
  let reading = read();
  try {
    while (position < end) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) throw new Error(`the file ends at ${position}, before ${end}`);
      position += bytesRead;
      [filling, sending] = [sending, filling];
      const piece = sending.subarray(0, bytesRead);
      const sent = new Promise<void>((resolve, reject) => {
        response.write(piece, (error) => (error == null ? resolve() : reject(error)));
      });
      if (position < end) reading = read();
      await Promise.race([sent, gone.promise]);
    }
    response.off('close', leave);
    response.end();
    // Only now: after a failure the kernel may still be reading from them.
    giveBack([first, second]);
  } finally {
    // The file is closed by the caller, not under a read.
    await reading.catch(() => undefined);
  }
}

type BufferPair = readonly [Buffer, Buffer];
const spareBuffers: BufferPair[] = [];

function takeBuffers(): BufferPair {
  return spareBuffers.pop() ?? [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
}

function giveBack(pair: BufferPair): void {
  if (spareBuffers.length < SPARE_BUFFERS_MAX) spareBuffers.push(pair);
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
