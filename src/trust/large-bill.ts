import { createHash } from 'node:crypto';
import { type Digest, isDigest } from '../oci/index.ts';
import { canonicalJson, type Json } from '../system/index.ts';
import { fullRepository } from './statement.ts';

/** Bytes of a bill of materials inside its statement: in base64 it must still be a bundle that verifiers read. */
export const STATED_BILL_BYTES_MAX = 2_900_000;

/** Bytes of a bill that lies beside the image and is stated by its digest: some hundred thousand packages. */
export const BILL_BYTES_MAX = 64 * 1024 * 1024;

export const BILL_MEDIA_TYPE = 'application/vnd.cyclonedx+json';

const DOCUMENT_SCHEME = 'oci://';

/** A bill as it is stored: without its date and serial number, so that what has not changed is stored once. */
export function billBytes(bill: Json): Buffer {
  return Buffer.from(canonicalJson(withoutDate(bill)));
}

/**
 * What is stated of a bill that is too large for a statement: a CycloneDX document about the same image whose one
 * reference names the whole by place and SHA-256 (cyclonedx.org/docs/1.6/json, externalReferences of type "bom").
 * @param document the artifact beside the image that holds `bytes`
 */
export function outlineOf(bill: Json, repository: string, document: Digest, bytes: Uint8Array): Json {
  return {
    bomFormat: 'CycloneDX',
    specVersion: memberOf(bill, 'specVersion') ?? '1.6',
    version: 1,
    metadata: { component: memberOf(memberOf(bill, 'metadata'), 'component') ?? null },
    externalReferences: [
      {
        type: 'bom',
        url: `${DOCUMENT_SCHEME}${fullRepository(repository)}@${document}`,
        comment: `${BILL_MEDIA_TYPE}, ${bytes.length} bytes, the one layer of this artifact`,
        hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(bytes).digest('hex') }],
      },
    ],
  };
}

/** The artifact that an outline names; null for a bill that was stated whole. */
export function documentOf(predicate: Json): Digest | null {
  const references = memberOf(predicate, 'externalReferences');
  const url = memberOf(Array.isArray(references) ? references[0] : undefined, 'url');
  const digest = typeof url === 'string' && url.startsWith(DOCUMENT_SCHEME) ? url.slice(url.lastIndexOf('@') + 1) : '';
  return isDigest(digest) ? digest : null;
}

/** Of a CycloneDX document all but when it was made and its serial number. */
export function withoutDate(bill: Json): Json {
  if (typeof bill !== 'object' || bill === null || Array.isArray(bill)) return bill;
  const { serialNumber: _serialNumber, metadata, ...rest } = bill;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return rest;
  const { timestamp: _timestamp, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
}
