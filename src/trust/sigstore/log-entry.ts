import { hash } from 'node:crypto';
import { parseStrictJson } from '../../formats/index.ts';
import { canonicalJson } from '../../system/index.ts';
import { BUNDLE_BYTES_MAX, CHECKPOINT_SIGNATURES_MAX, DOCUMENT_DEPTH_MAX, PROOF_HASHES_MAX } from '../limits.ts';
import { Doubt, timeText } from './doubt.ts';
import { bytesOf, countOf, type Fields, fieldsOf, listOf, optional, required, textOf, unreadable } from './fields.ts';
import { usualHash } from './signatures.ts';
import { covers, type TrustedLog, type TrustedRoot } from './trusted-root.ts';

/** An entry of a transparency log as the bundle carries it (sigstore protobuf-specs, TransparencyLogEntry). */
export interface LogEntry {
  readonly kind: string;
  readonly version: string;
  /** base64 */
  readonly logId: string;
  readonly logIndex: number;
  /** Seconds since 1970; 0 when the log tells no time, as Rekor 2. */
  readonly integratedTime: number;
  readonly promise: Uint8Array | null;
  readonly proof: InclusionProof | null;
  readonly body: Uint8Array;
}

interface InclusionProof {
  readonly index: number;
  readonly treeSize: number;
  readonly rootHash: Uint8Array | null;
  readonly hashes: readonly Uint8Array[];
  readonly checkpoint: string | null;
}

/** What the entry must speak of. */
export interface LoggedContent {
  readonly kind: 'dsse' | 'message';
  readonly signature: Uint8Array;
  /** The certificate, or the SubjectPublicKeyInfo of a managed key, in DER. */
  readonly signer: Uint8Array;
  /** The bytes that the signature is over: the artifact, or the pre-authentication encoding. */
  readonly signed: Uint8Array;
  /** The payload of the envelope; null for a message. */
  readonly payload: Uint8Array | null;
}

/** @throws Fault trust.bundle-unreadable */
export function readLogEntry(value: unknown, where: string): LogEntry {
  const entry = fieldsOf(value, where);
  const kindVersion = required(entry, 'kindVersion', fieldsOf);
  const promise = optional(entry, 'inclusionPromise', fieldsOf);
  return {
    kind: required(kindVersion, 'kind', textOf),
    version: required(kindVersion, 'version', textOf),
    logId: Buffer.from(required(required(entry, 'logId', fieldsOf), 'keyId', bytesOf)).toString('base64'),
    logIndex: optional(entry, 'logIndex', countOf) ?? 0,
    integratedTime: optional(entry, 'integratedTime', countOf) ?? 0,
    promise: promise === null ? null : required(promise, 'signedEntryTimestamp', bytesOf),
    proof: optional(entry, 'inclusionProof', readProof),
    body: required(entry, 'canonicalizedBody', bytesOf),
  };
}

function readProof(value: unknown, where: string): InclusionProof {
  const proof = fieldsOf(value, where);
  const checkpoint = optional(proof, 'checkpoint', fieldsOf);
  return {
    index: optional(proof, 'logIndex', countOf) ?? 0,
    treeSize: optional(proof, 'treeSize', countOf) ?? 0,
    rootHash: optional(proof, 'rootHash', bytesOf),
    hashes: optional(proof, 'hashes', listOf(PROOF_HASHES_MAX, bytesOf)) ?? [],
    checkpoint: checkpoint === null ? null : required(checkpoint, 'envelope', textOf),
  };
}

/**
 * Checks that a trusted log holds the entry and that the entry speaks of this very signature.
 * @returns the log, and the time it vouches for in milliseconds, or null when it vouches for none
 * @throws Doubt log-unknown, log-promise, log-checkpoint, log-inclusion, log-other-entry, log-kind
 */
export function checkLogEntry(
  entry: LogEntry,
  content: LoggedContent,
  root: TrustedRoot,
): { log: TrustedLog; at: number | null } {
  const at = entry.promise === null ? null : entry.integratedTime * 1000;
  const logs = root.logs.filter((log) => log.ids.includes(entry.logId) && (at === null || covers(log.valid, at)));
  const [log] = logs;
  if (log === undefined) throw new Doubt('log-unknown', at === null ? entry.logId : `${entry.logId} (${timeText(at)})`);
  checkBody(entry, content);
  if (entry.promise !== null) checkPromise(entry, entry.promise, logs, root);
  if (entry.proof?.checkpoint != null) checkInclusion(entry, entry.proof, entry.proof.checkpoint, logs, root);
  else if (entry.promise === null) throw new Doubt('log-inclusion');
  return { log, at };
}

/** Rekor 1's signed entry timestamp: over body, time, log and index in canonical JSON. */
function checkPromise(entry: LogEntry, promise: Uint8Array, logs: readonly TrustedLog[], root: TrustedRoot): void {
  const signed = Buffer.from(
    canonicalJson({
      body: Buffer.from(entry.body).toString('base64'),
      integratedTime: entry.integratedTime,
      logID: Buffer.from(entry.logId, 'base64').toString('hex'),
      logIndex: entry.logIndex,
    }),
  );
  if (!logs.some(({ key }) => root.memo.holds(key, usualHash(key), signed, promise))) throw new Doubt('log-promise');
}

function checkInclusion(
  entry: LogEntry,
  proof: InclusionProof,
  checkpoint: string,
  logs: readonly TrustedLog[],
  root: TrustedRoot,
): void {
  const { size, rootHash } = checkCheckpoint(checkpoint, logs, root);
  // Said twice, both must say the same: the proof's own words are signed by nobody.
  if (proof.rootHash !== null && Buffer.compare(proof.rootHash, rootHash) !== 0) throw new Doubt('log-inclusion');
  if (proof.treeSize !== size) throw new Doubt('log-inclusion');
  // Rekor 1 counts over all its trees and signs that number; Rekor 2 has one tree, and nobody signs the number beside it.
  if (entry.promise === null && entry.logIndex !== proof.index) throw new Doubt('log-inclusion');
  const seen = rootFromProof(entry.body, proof.index, size, proof.hashes);
  if (seen === null || Buffer.compare(seen, rootHash) !== 0) throw new Doubt('log-inclusion');
}

/** RFC 9162 section 2.1.3.2, over SHA-256. Null when the proof has not the length that the place asks for. */
function rootFromProof(leaf: Uint8Array, index: number, size: number, hashes: readonly Uint8Array[]): Buffer | null {
  if (index >= size) return null;
  let [place, last] = [index, size - 1];
  let seen = hash('sha256', Buffer.concat([Uint8Array.of(0), leaf]), 'buffer');
  for (const sibling of hashes) {
    if (last === 0 || sibling.length !== 32) return null;
    const isRight = place % 2 === 1 || place === last;
    const pair = isRight ? [sibling, seen] : [seen, sibling];
    seen = hash('sha256', Buffer.concat([Uint8Array.of(1), ...pair]), 'buffer');
    while (isRight && place % 2 === 0 && place !== 0) {
      place /= 2;
      last = Math.floor(last / 2);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? seen : null;
}

/**
 * A signed note (transparency-dev formats, checkpoint): origin, size, root hash; then signatures, of which one must be
 * the log's own. Those of witnesses are passed over.
 */
function checkCheckpoint(
  text: string,
  logs: readonly TrustedLog[],
  root: TrustedRoot,
): { size: number; rootHash: Uint8Array } {
  const wrong = (why: string): Doubt => new Doubt('log-checkpoint', why);
  const split = text.indexOf('\n\n');
  if (split < 0) throw wrong('it carries no signature');
  const note = text.slice(0, split + 1);
  const [origin = '', sizeText = '', hashText = ''] = note.split('\n');
  if (!/^(0|[1-9][0-9]{0,15})$/.test(sizeText)) throw wrong('it names no size');
  const rootHash = Buffer.from(hashText, 'base64');
  if (rootHash.length !== 32 || rootHash.toString('base64') !== hashText) throw wrong('it names no root hash');
  const lines = text.slice(split + 2).split('\n');
  if (lines.pop() !== '' || lines.length === 0) throw wrong('its signatures are cut short');
  if (lines.length > CHECKPOINT_SIGNATURES_MAX) throw wrong('it carries too many signatures');
  const signed = Buffer.from(note);
  const held = lines.some((line) => {
    const match = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line);
    if (match === null) throw wrong('a signature line is not readable');
    const [, name = '', encoded = ''] = match;
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.length < 5) throw wrong('a signature is cut short');
    return logs.some(
      ({ ids, key, name: baseUrl }) =>
        isNameOf(name, origin, baseUrl) &&
        ids.some((id) => Buffer.from(id, 'base64').subarray(0, 4).equals(bytes.subarray(0, 4))) &&
        root.memo.holds(key, usualHash(key), signed, bytes.subarray(4)),
    );
  });
  if (!held) throw wrong('the log itself did not sign it');
  return { size: Number(sizeText), rootHash };
}

/** Rekor 1 writes `host - tree` as origin, Rekor 2 the host; the signature is under the host in both. */
function isNameOf(name: string, origin: string, baseUrl: string): boolean {
  return (origin === name || origin.startsWith(`${name} - `)) && baseUrl.replace(/^https?:\/\//, '').startsWith(name);
}

/** The entry names this signature, this signer and these bytes. */
function checkBody({ kind, version, body }: LogEntry, content: LoggedContent): void {
  const json = parseStrictJson(body, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
  const entry = fieldsOf(json, 'the log entry');
  if (entry['kind'] !== kind || entry['apiVersion'] !== version) throw new Doubt('log-other-entry', 'kind');
  const read = BODIES[`${kind} ${version}`];
  if (read === undefined || (read.over === 'payload' && content.kind !== 'dsse')) {
    throw new Doubt('log-kind', `${kind} ${version}`);
  }
  const logged = read.read(required(entry, 'spec', fieldsOf));
  if (Buffer.compare(logged.signature, content.signature) !== 0) throw new Doubt('log-other-entry', 'signature');
  const bytes = read.over === 'payload' ? content.payload : content.signed;
  if (bytes === null || Buffer.compare(hash(logged.hash, bytes, 'buffer'), logged.digest) !== 0) {
    throw new Doubt('log-other-entry', 'digest');
  }
  if (Buffer.compare(derOf(logged.signer), content.signer) !== 0) throw new Doubt('log-other-entry', 'signer');
}

interface LoggedBody {
  readonly hash: string;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  readonly signer: Uint8Array;
}

/** The entry types of Rekor 1 (`types/*`) and Rekor 2 (rekor-tiles), and whether their digest is of the payload alone. */
const BODIES: Readonly<Record<string, { over: 'payload' | 'signed'; read: (spec: Fields) => LoggedBody }>> = {
  'hashedrekord 0.0.1': {
    over: 'signed',
    read: (spec) => {
      const signature = required(spec, 'signature', fieldsOf);
      return {
        ...readHexHash(required(required(spec, 'data', fieldsOf), 'hash', fieldsOf)),
        signature: required(signature, 'content', bytesOf),
        signer: required(required(signature, 'publicKey', fieldsOf), 'content', bytesOf),
      };
    },
  },
  'hashedrekord 0.0.2': {
    over: 'signed',
    read: (spec) => {
      const record = required(spec, 'hashedRekordV002', fieldsOf);
      return {
        ...readHash(required(record, 'data', fieldsOf)),
        ...readSignature(required(record, 'signature', fieldsOf)),
      };
    },
  },
  'dsse 0.0.1': {
    over: 'payload',
    read: (spec) => {
      const signature = onlyOne(spec);
      return {
        ...readHexHash(required(spec, 'payloadHash', fieldsOf)),
        signature: required(signature, 'signature', bytesOf),
        signer: required(signature, 'verifier', bytesOf),
      };
    },
  },
  'dsse 0.0.2': {
    over: 'payload',
    read: (spec) => {
      const record = required(spec, 'dsseV002', fieldsOf);
      return { ...readHash(required(record, 'payloadHash', fieldsOf)), ...readSignature(onlyOne(record)) };
    },
  },
  'intoto 0.0.2': {
    over: 'payload',
    read: (spec) => {
      const content = required(spec, 'content', fieldsOf);
      const signature = onlyOne(required(content, 'envelope', fieldsOf));
      // Rekor wraps what the envelope holds in base64 once more.
      const twice = required(signature, 'sig', bytesOf);
      return {
        ...readHexHash(required(content, 'payloadHash', fieldsOf)),
        signature: bytesOf(Buffer.from(twice).toString('latin1'), 'sig'),
        signer: required(signature, 'publicKey', bytesOf),
      };
    },
  },
};

function onlyOne(parent: Fields): Fields {
  const [signature, ...more] = required(parent, 'signatures', listOf(16, fieldsOf));
  if (signature === undefined || more.length > 0) throw new Doubt('log-other-entry', 'signature');
  return signature;
}

function readSignature(signature: Fields): Pick<LoggedBody, 'signature' | 'signer'> {
  const verifier = required(signature, 'verifier', fieldsOf);
  const holder = optional(verifier, 'x509Certificate', fieldsOf) ?? required(verifier, 'publicKey', fieldsOf);
  return { signature: required(signature, 'content', bytesOf), signer: required(holder, 'rawBytes', bytesOf) };
}

function readHexHash(value: Fields): Pick<LoggedBody, 'hash' | 'digest'> {
  const algorithm = required(value, 'algorithm', textOf);
  const hex = required(value, 'value', textOf);
  if (!/^sha(256|384|512)$/.test(algorithm) || !/^([0-9a-f]{2}){32,64}$/.test(hex))
    throw unreadable('a log entry has no hash');
  return { hash: algorithm, digest: Buffer.from(hex, 'hex') };
}

function readHash(value: Fields): Pick<LoggedBody, 'hash' | 'digest'> {
  const algorithm = hashName(required(value, 'algorithm', textOf));
  return { hash: algorithm, digest: required(value, 'digest', bytesOf) };
}

/** sigstore protobuf-specs, HashAlgorithm. */
export function hashName(algorithm: string): string {
  const match = /^SHA2_(256|384|512)$/.exec(algorithm);
  if (match === null) throw unreadable(`hash ${algorithm} is not of the SHA-2 family`);
  return `sha${match[1]}`;
}

/** DER, or PEM around it; intoto wraps the PEM in base64 once more. */
function derOf(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes).toString('latin1');
  const inner = /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString('latin1') : text;
  const pem = /^\s*-----BEGIN [A-Z0-9 ]+-----([A-Za-z0-9+/=\s]+)-----END [A-Z0-9 ]+-----\s*$/.exec(inner);
  return pem?.[1] === undefined ? Buffer.from(bytes) : Buffer.from(pem[1], 'base64');
}
