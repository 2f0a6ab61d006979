import { hash } from 'node:crypto';
import { parseStrictJson } from '../../formats/index.ts';
import { AUTHORITIES_MAX, CHAIN_LENGTH_MAX, DOCUMENT_DEPTH_MAX, TRUSTED_ROOT_BYTES_MAX } from '../limits.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { Doubt } from './doubt.ts';
import { bytesOf, type Fields, fieldsOf, instantOf, listOf, optional, required, textOf, unreadable } from './fields.ts';
import type { ProvenCertificates } from './keyless.ts';
import { type CheckedKey, checkedKey, SignatureMemo } from './signatures.ts';

/** Authorities of a Sigstore instance, as `trusted_root.json` lists them. Read once, used often. */
export interface TrustedRoot {
  /** SHA-256 of the file, in hexadecimal: what is remembered is remembered under it. */
  readonly id: string;
  readonly certificateAuthorities: readonly TrustedAuthority[];
  readonly timestampAuthorities: readonly TrustedAuthority[];
  readonly logs: readonly TrustedLog[];
  readonly certificateLogs: readonly TrustedLog[];
  /** What bundles brought, and what held among the root's own certificates. */
  readonly memo: SignatureMemo;
  readonly chainMemo: SignatureMemo;
  readonly proven: ProvenCertificates;
}

export interface TrustedAuthority {
  readonly name: string;
  /** Nearest to the leaf first, the anchor last. */
  readonly certificates: readonly Certificate[];
  readonly valid: Period;
}

export interface TrustedLog {
  readonly name: string;
  /** base64 of the ids it goes by. */
  readonly ids: readonly string[];
  readonly key: CheckedKey;
  readonly valid: Period;
}

/** Milliseconds since 1970; both ends are inside. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

export function covers({ from, until }: Period, at: number): boolean {
  return at >= from && at <= until;
}

/**
 * Reads a trusted_root.json (sigstore protobuf-specs, TrustedRoot).
 * @throws Fault trust.bundle-unreadable when the bytes are none
 */
export function readTrustedRoot(bytes: Uint8Array): TrustedRoot {
  try {
    const json = parseStrictJson(bytes, { maxBytes: TRUSTED_ROOT_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
    const root = fieldsOf(json, 'the trusted root');
    const kind = required(root, 'mediaType', textOf);
    if (!/^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[12]\+json)$/.test(kind)) {
      throw unreadable(`expected a trusted root of version 0.1 or 0.2, got ${kind}`);
    }
    const list = <T>(name: string, read: (value: unknown, where: string) => T): T[] =>
      optional(root, name, listOf(AUTHORITIES_MAX, read)) ?? [];
    return {
      id: hash('sha256', bytes, 'hex'),
      certificateAuthorities: list('certificateAuthorities', readAuthority),
      timestampAuthorities: list('timestampAuthorities', readAuthority),
      logs: list('tlogs', readLog),
      certificateLogs: list('ctlogs', readLog),
      memo: new SignatureMemo(),
      chainMemo: new SignatureMemo(),
      proven: new Map(),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unreadable(`trusted root: ${error instanceof Doubt ? error.text.en : reason}`, error);
  }
}

function readAuthority(value: unknown, where: string): TrustedAuthority {
  const authority = fieldsOf(value, where);
  const chain = required(authority, 'certChain', fieldsOf);
  const certificates = required(chain, 'certificates', listOf(CHAIN_LENGTH_MAX, readRawCertificate));
  if (certificates.length === 0) throw unreadable('an authority lists no certificate');
  return {
    name: optional(authority, 'uri', textOf) ?? '',
    certificates,
    valid: readPeriod(optional(authority, 'validFor', fieldsOf)),
  };
}

export function readRawCertificate(value: unknown, where: string): Certificate {
  return readCertificate(required(fieldsOf(value, where), 'rawBytes', bytesOf));
}

function readLog(value: unknown, where: string): TrustedLog {
  const log = fieldsOf(value, where);
  const publicKey = required(log, 'publicKey', fieldsOf);
  const form = optional(publicKey, 'keyDetails', textOf) === 'PKCS1_RSA_PKCS1V5' ? 'pkcs1' : 'spki';
  const idOf = (name: string): string[] => {
    const id = optional(log, name, fieldsOf);
    return id === null ? [] : [Buffer.from(required(id, 'keyId', bytesOf)).toString('base64')];
  };
  const ids = [...idOf('logId'), ...idOf('checkpointKeyId')];
  if (ids.length === 0) throw unreadable('a log has no id');
  return {
    name: optional(log, 'baseUrl', textOf) ?? '',
    ids,
    key: checkedKey(required(publicKey, 'rawBytes', bytesOf), form),
    valid: readPeriod(optional(publicKey, 'validFor', fieldsOf)),
  };
}

/** Without a bound it is unbounded on that side: a log that is in use has no end yet. */
function readPeriod(period: Fields | null): Period {
  return {
    from: (period === null ? null : optional(period, 'start', instantOf)) ?? Number.NEGATIVE_INFINITY,
    until: (period === null ? null : optional(period, 'end', instantOf)) ?? Number.POSITIVE_INFINITY,
  };
}
