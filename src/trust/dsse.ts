import { readingReason, trustFault } from './errors.ts';
import { BUNDLE_BYTES_MAX, ENVELOPE_SIGNATURES_MAX } from './limits.ts';

/** Dead Simple Signing Envelope (secure-systems-lab/dsse, protocol.md): bytes, their type, and signatures over both. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly { readonly keyid: string; readonly sig: Uint8Array }[];
}

/** The envelope as JSON writes it: standard base64 with padding. */
export interface SerializedEnvelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** What is really signed: the pre-authentication encoding, `DSSEv1 len type len payload`. Lengths are in bytes. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const typeBytes = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${typeBytes.length} `, 'latin1'),
    typeBytes,
    Buffer.from(` ${payload.length} `, 'latin1'),
    payload,
  ]);
}

export function serializeEnvelope(envelope: Envelope): SerializedEnvelope {
  return {
    payloadType: envelope.payloadType,
    payload: Buffer.from(envelope.payload).toString('base64'),
    signatures: envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig).toString('base64') })),
  };
}

/**
 * Reads an envelope from parsed JSON.
 * @throws Fault trust.bundle-unreadable
 */
export function readEnvelope(value: unknown): Envelope {
  if (!isRecord(value)) throw unreadable('expected a DSSE envelope, got no object');
  const { payloadType, payload, signatures } = value;
  if (typeof payloadType !== 'string' || payloadType === '') throw unreadable('the envelope names no payloadType');
  if (!Array.isArray(signatures) || signatures.length === 0) throw unreadable('the envelope carries no signature');
  if (signatures.length > ENVELOPE_SIGNATURES_MAX) {
    throw unreadable(`expected at most ${ENVELOPE_SIGNATURES_MAX} signatures in an envelope, got ${signatures.length}`);
  }
  return {
    payloadType,
    payload: readBase64(payload, 'payload'),
    signatures: signatures.map((signature: unknown) => {
      if (!isRecord(signature)) throw unreadable('expected a signature object in the envelope');
      const { keyid } = signature;
      if (keyid !== undefined && typeof keyid !== 'string') throw unreadable('expected keyid to be text');
      return { keyid: keyid ?? '', sig: readBase64(signature['sig'], 'sig') };
    }),
  };
}

/** Strict base64: `Buffer.from` skips what it does not know, which would let two texts mean the same bytes. */
export function readBase64(value: unknown, field: string): Uint8Array {
  if (typeof value !== 'string' || value === '') throw unreadable(`expected base64 in ${field}`);
  if (value.length > BUNDLE_BYTES_MAX) throw unreadable(`${field} is longer than ${BUNDLE_BYTES_MAX} characters`);
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) throw unreadable(`${field} is not base64`);
  return Buffer.from(value, 'base64');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(reason: string): Error {
  return trustFault('trust.bundle-unreadable', { reason: readingReason(reason) });
}
