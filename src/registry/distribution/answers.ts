import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault, isDiskFull, type Json, type Text } from '../../system/index.ts';
import { type RegistryFaultCode, registryFault } from '../errors.ts';
import { DRAIN_BYTES_MAX, FULL_DRAIN_BYTES_MAX, WARNING_CHARACTERS_MAX, WARNINGS_BYTES_MAX } from '../limits.ts';
import type { RemoteFaultCode } from '../remotes/errors.ts';

/** The closed list of distribution-spec 1.1, "Error Codes". */
type ErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS';

/** How each fault is said in the language of this API; faults of other routes never get here. */
const ANSWERS: Partial<Record<RegistryFaultCode | RemoteFaultCode, readonly [status: number, code: ErrorCode]>> = {
  'registry.name-invalid': [400, 'NAME_INVALID'],
  'registry.repository-unknown': [404, 'NAME_UNKNOWN'],
  'registry.digest-invalid': [400, 'DIGEST_INVALID'],
  'registry.digest-mismatch': [400, 'DIGEST_INVALID'],
  'registry.size-mismatch': [400, 'SIZE_INVALID'],
  'registry.blob-too-large': [413, 'SIZE_INVALID'],
  'registry.blob-unknown': [404, 'BLOB_UNKNOWN'],
  'registry.upload-unknown': [404, 'BLOB_UPLOAD_UNKNOWN'],
  'registry.upload-busy': [409, 'BLOB_UPLOAD_INVALID'],
  'registry.upload-invalid': [400, 'BLOB_UPLOAD_INVALID'],
  'registry.upload-out-of-order': [416, 'BLOB_UPLOAD_INVALID'],
  'registry.range-invalid': [416, 'SIZE_INVALID'],
  'registry.manifest-invalid': [400, 'MANIFEST_INVALID'],
  'registry.manifest-too-large': [413, 'SIZE_INVALID'],
  'registry.manifest-unknown': [404, 'MANIFEST_UNKNOWN'],
  'registry.manifest-blob-unknown': [404, 'MANIFEST_BLOB_UNKNOWN'],
  'registry.tag-invalid': [400, 'MANIFEST_INVALID'],
  'registry.page-invalid': [400, 'UNSUPPORTED'],
  'registry.sign-in-needed': [401, 'UNAUTHORIZED'],
  'registry.sign-in-throttled': [429, 'TOOMANYREQUESTS'],
  'registry.too-many-requests': [429, 'TOOMANYREQUESTS'],
  'registry.token-request-invalid': [400, 'UNSUPPORTED'],
  'registry.not-allowed': [403, 'DENIED'],
  'registry.tag-exists': [403, 'DENIED'],
  'registry.held': [403, 'DENIED'],
  'registry.refused': [403, 'DENIED'],
  'registry.blob-unused': [403, 'DENIED'],
  'registry.in-use': [403, 'DENIED'],
  'registry.tag-immutable': [403, 'DENIED'],
  'registry.quota-exceeded': [403, 'DENIED'],
  'registry.blob-referenced': [405, 'UNSUPPORTED'],
  'registry.unsupported': [405, 'UNSUPPORTED'],
  'registry.address-unknown': [404, 'UNSUPPORTED'],
  'registry.address-invalid': [400, 'NAME_INVALID'],
  'registry.disk-full': [507, 'UNSUPPORTED'],
  'registry.internal': [500, 'UNSUPPORTED'],
  // A mirror could not give what is not here. 404 only where the source itself says that there is none.
  'registry.remote-missing': [404, 'MANIFEST_UNKNOWN'],
  'registry.remote-address': [502, 'DENIED'],
  'registry.remote-redirect': [502, 'DENIED'],
  'registry.remote-refused': [502, 'DENIED'],
  'registry.remote-unreachable': [504, 'UNSUPPORTED'],
  // RFC 5842 section 7.2, read by the client of the mirror that asked.
  'registry.remote-loop': [508, 'DENIED'],
  'remote.unknown': [502, 'UNSUPPORTED'],
  'remote.offline': [504, 'UNSUPPORTED'],
  'remote.not-for-project': [403, 'DENIED'],
  'remote.secret-locked': [502, 'UNSUPPORTED'],
  'mirror.read-only': [405, 'UNSUPPORTED'],
  'mirror.too-large': [403, 'DENIED'],
};

/** The response of a failure, or null when it is not one of ours: then it is a defect or a failed part. */
export function describeFailure(error: unknown): { status: number; code: ErrorCode; message: string; detail: Json } {
  const fault = error instanceof Fault ? error : isDiskFull(error) ? registryFault('registry.disk-full') : null;
  const answer = fault === null ? undefined : ANSWERS[fault.code as RegistryFaultCode | RemoteFaultCode];
  if (fault === null || answer === undefined) return describeFailure(registryFault('registry.internal'));
  const { what, why, remedy } = fault.text('en');
  const message = [what, why === undefined ? '' : `: ${why}`, remedy === undefined ? '' : `; ${remedy}`].join('');
  return { status: answer[0], code: answer[1], message, detail: fault.details ?? { ...fault.params } };
}

export function sendFailure(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    // Half of an answer is out: cutting the connection is the only honest way to say that the rest is missing.
    response.destroy();
    return;
  }
  const { status, code, message, detail } = describeFailure(error);
  if (status === 429 && error instanceof Fault) response.setHeader('Retry-After', String(error.params['seconds'] ?? 1));
  const send = (): void => sendJson(request, response, status, { errors: [{ code, message, detail }] });
  const isFull = status === 507 || (error instanceof Fault && error.code === 'registry.quota-exceeded');
  if (isFull && unread(request)) {
    sendAfterRest(request, response, send);
    return;
  }
  hangUpAfter(request, response);
  send();
}

function unread(request: IncomingMessage): boolean {
  return !request.complete && !request.readableEnded && !request.destroyed;
}

/** Answers when the rest of the body was read: an answer in the middle of a large one would be lost with the connection. */
function sendAfterRest(request: IncomingMessage, response: ServerResponse, send: () => void): void {
  response.setHeader('Connection', 'close');
  let drained = 0;
  let sent = false;
  const once = (): void => {
    if (!sent) send();
    sent = true;
  };
  request.on('data', (chunk: Buffer) => {
    drained += chunk.byteLength;
    if (drained > FULL_DRAIN_BYTES_MAX) once();
  });
  request.on('end', once);
  request.on('error', () => response.destroy());
  request.resume();
}

export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: Json,
  mediaType = 'application/json',
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'Content-Type': mediaType, 'Content-Length': body.byteLength });
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/**
 * The `Warning` headers of distribution-spec 1.1 "Warnings": code 299, no agent, no date, at most 4,096 bytes in all.
 * Headers are ASCII, so the English text goes out.
 */
export function warningHeaders(warnings: readonly Text[]): string[] {
  const headers: string[] = [];
  let bytes = 0;
  for (const { en } of warnings) {
    const plain = en.replace(/[^\x20-\x7e]/g, '?').slice(0, WARNING_CHARACTERS_MAX);
    const header = `299 - "${plain.replace(/["\\]/g, '\\$&')}"`;
    bytes += header.length;
    if (bytes > WARNINGS_BYTES_MAX) break;
    headers.push(header);
  }
  return headers;
}

/** An answer without a body. */
export function sendEmpty(response: ServerResponse, status: number, headers: Record<string, string | number>): void {
  response.writeHead(status, { 'Content-Length': 0, ...headers });
  response.end();
}

/** A refused upload may still be sending; read a bounded rest so that the client sees the answer, then hang up. */
function hangUpAfter(request: IncomingMessage, response: ServerResponse): void {
  if (!unread(request)) {
    // What came as a whole and was left half-way would stand before the next request of the connection.
    request.resume();
    return;
  }
  response.setHeader('Connection', 'close');
  let drained = 0;
  request.on('data', (chunk: Buffer) => {
    drained += chunk.byteLength;
    if (drained > DRAIN_BYTES_MAX) request.socket.destroy();
  });
  request.on('error', () => response.destroy());
  request.resume();
}
