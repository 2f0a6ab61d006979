import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { packTar, TarReader } from '../../formats/index.ts';
import { Fault } from '../../system/index.ts';
import { type PublicKey, readPublicKey, type SignedRecord, verifyRecord } from '../../trust/index.ts';
import { evidenceFault } from './errors.ts';
import {
  CUSTODY_TYPE,
  type CustodyRecord,
  type EvidenceManifest,
  type EvidenceReceipt,
  EXPORTED_TEXTS,
  type ExportedText,
  exportedEntries,
  MANIFEST_TYPE,
  PART,
  RECEIPT_TYPE,
} from './format.ts';
import {
  EVIDENCE_CONTEXT_BYTES_MAX,
  EVIDENCE_FILES_MAX,
  EVIDENCE_TEXT_BYTES_MAX,
  EVIDENCE_UNPACKED_BYTES_MAX,
} from './limits.ts';
import { readManifest } from './manifest.ts';

export interface VerifiedEvidence {
  readonly manifest: EvidenceManifest;
  readonly receipt: EvidenceReceipt;
  readonly custody: CustodyRecord;
  readonly files: number;
  readonly hostKey: string;
  readonly controlKey: string;
  /** Whether the caller brought the key; else it is the one in the archive, which proves only that nothing was changed since. */
  readonly pinned: { readonly host: boolean; readonly control: boolean };
}

export interface EvidencePins {
  readonly control: PublicKey | null;
  readonly host: PublicKey | null;
}

/**
 * Checks an exported archive without any server: the signatures of host and control, that they speak of each other, and
 * the hash of every file in it.
 * @param pins public keys that the caller trusts, where there are any: then they count and not those in the archive
 * @throws Fault evidence.altered, evidence.unreadable
 */
export async function verifyEvidence(path: string, pins: EvidencePins): Promise<VerifiedEvidence> {
  try {
    return await verify(path, pins);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw evidenceFault(
      'evidence.unreadable',
      { file: path, why: error instanceof Error ? error.message : String(error) },
      { cause: error },
    );
  }
}

async function verify(path: string, pins: EvidencePins): Promise<VerifiedEvidence> {
  const outer = await readOuter(path);
  const text = (name: string): string => {
    const found = outer.texts.get(name);
    if (found === undefined) throw evidenceFault('evidence.unreadable', { file: path, why: `${name} is missing` });
    return found;
  };
  const controlKey = pins.control ?? keyIn(PART.controlKey, text(PART.controlKey));
  const hostKey = pins.host ?? keyIn(PART.hostKey, text(PART.hostKey));
  const receipt = signed<EvidenceReceipt>(PART.receipt, text(PART.receipt), controlKey, RECEIPT_TYPE);
  const custody = signed<CustodyRecord>(PART.custody, text(PART.custody), controlKey, CUSTODY_TYPE);
  const manifest = readManifest(signed<unknown>(PART.manifest, text(PART.manifest), hostKey, MANIFEST_TYPE));
  if (hostKey.id !== receipt.hostKey) throw altered(PART.hostKey, 'control took it under another key of the host');

  same(PART.manifest, sha256(text(PART.manifest)), receipt.manifest);
  same(PART.context, sha256(text(PART.context)), receipt.context);
  same(PART.archive, outer.archive.sha256, receipt.archive);
  same(PART.archive, outer.archive.sha256, manifest.archive.sha256);
  if (custody.id !== receipt.id || manifest.id !== receipt.id)
    throw altered(PART.custody, 'it speaks of other evidence');
  compareFiles(manifest, outer.files);
  for (const [file, wanted] of Object.entries(custody.files ?? {})) same(file, sha256(text(file)), wanted);
  await compareWhole(path, outer, text);
  return {
    manifest,
    receipt,
    custody,
    files: manifest.files.length,
    hostKey: hostKey.id,
    controlKey: controlKey.id,
    // Control names the host's key in what it signs: who pins control need not pin the host.
    pinned: { control: pins.control !== null, host: pins.host !== null || pins.control !== null },
  };
}

interface Outer {
  readonly texts: ReadonlyMap<string, string>;
  readonly archive: { readonly sha256: string; readonly from: number; readonly bytes: number };
  /** Of the file itself. */
  readonly sha256: string;
  /** Of the inner archive: path to hash. */
  readonly files: ReadonlyMap<string, string>;
}

async function readOuter(path: string): Promise<Outer> {
  const texts = new Map<string, string>();
  const inner = { hash: createHash('sha256'), from: -1, bytes: 0 };
  const reader = new TarReader((entry) => {
    if (entry.path === PART.archive) {
      Object.assign(inner, { from: entry.offsetBytes, bytes: entry.sizeBytes });
      return { write: (piece) => inner.hash.update(piece), end: () => undefined };
    }
    if (!(Object.values(PART) as string[]).includes(entry.path)) throw altered(entry.path, 'nobody signed it');
    if (texts.has(entry.path)) throw altered(entry.path, 'it is there twice');
    const most = entry.path === PART.context ? EVIDENCE_CONTEXT_BYTES_MAX : EVIDENCE_TEXT_BYTES_MAX;
    if (entry.sizeBytes > most) throw new RangeError(`${entry.path} is too large`);
    const pieces: Uint8Array[] = [];
    return {
      write: (piece) => pieces.push(piece.slice()),
      end: () => texts.set(entry.path, Buffer.concat(pieces).toString('utf8')),
    };
  });
  const whole = createHash('sha256');
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    whole.update(piece);
    reader.write(piece);
  }
  reader.end();
  if (inner.bytes === 0) throw new RangeError(`${PART.archive} is missing`);
  const { from, bytes } = inner;
  return {
    texts,
    sha256: whole.digest('hex'),
    archive: { sha256: inner.hash.digest('hex'), from, bytes },
    files: await readInner(createReadStream(path, { start: from, end: from + bytes - 1 })),
  };
}

/**
 * Nothing stands between the files, after them, or in what the archive says of them, that the platform did not write: made
 * anew from its parts it is the same, byte for byte.
 */
async function compareWhole(path: string, { archive, sha256: found }: Outer, text: (name: string) => string) {
  const { from, bytes } = archive;
  const texts = Object.fromEntries(EXPORTED_TEXTS.map((name) => [name, text(PART[name])])) as Record<
    ExportedText,
    string
  >;
  const content = createReadStream(path, { start: from, end: from + bytes - 1 }) as AsyncIterable<Buffer>;
  const anew = createHash('sha256');
  for await (const piece of packTar(exportedEntries(texts, { content, sizeBytes: bytes }))) anew.update(piece);
  if (anew.digest('hex') !== found)
    throw altered(path, 'it has bytes beside its files that the platform did not write');
}

/** Unpacks what the host gathered, keeping nothing but the hashes. */
async function readInner(compressed: Readable): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const reader = new TarReader(
    (entry) => {
      if (files.has(entry.path)) throw altered(entry.path, 'it is there twice');
      const hash = createHash('sha256');
      return { write: (piece) => hash.update(piece), end: () => files.set(entry.path, hash.digest('hex')) };
    },
    { maxEntries: EVIDENCE_FILES_MAX * 2 },
  );
  let unpacked = 0;
  await pipeline(compressed, createGunzip(), async (bytes: AsyncIterable<Buffer>) => {
    for await (const piece of bytes) {
      unpacked += piece.length;
      if (unpacked > EVIDENCE_UNPACKED_BYTES_MAX)
        throw new RangeError(`more than ${EVIDENCE_UNPACKED_BYTES_MAX} bytes`);
      reader.write(piece);
    }
  });
  reader.end();
  return files;
}

function compareFiles(manifest: EvidenceManifest, files: ReadonlyMap<string, string>): void {
  const named = new Set<string>();
  for (const { path, sha256: wanted } of manifest.files) {
    const found = files.get(path);
    if (found === undefined) throw altered(path, 'it is missing');
    same(path, found, wanted);
    named.add(path);
  }
  for (const path of files.keys()) if (!named.has(path)) throw altered(path, 'the host did not name it');
}

function keyIn(file: string, pem: string): PublicKey {
  try {
    return readPublicKey(pem);
  } catch (cause) {
    throw evidenceFault('evidence.altered', { file, why: 'it is no public key' }, { cause });
  }
}

function signed<T>(file: string, text: string, key: PublicKey, type: string): T {
  try {
    const record = verifyRecord(text, [key], type) as unknown as T;
    if (!isAsWritten(text, key.id)) throw new TypeError('it is not written as the one who signed it writes it');
    return record;
  } catch (error) {
    const why = error instanceof Fault ? (error.text('en').why ?? error.message) : String(error);
    throw evidenceFault('evidence.altered', { file, why }, { cause: error });
  }
}

/** An envelope says the same with other names of keys, spaces or ends of base64: here each of its bytes is that of the signer. */
function isAsWritten(text: string, keyId: string): boolean {
  const envelope = JSON.parse(text) as SignedRecord;
  const again = (base64: string): string => Buffer.from(base64, 'base64').toString('base64');
  const [signature] = envelope.signatures;
  return (
    text === JSON.stringify(envelope) &&
    Object.keys(envelope).sort().join() === 'payload,payloadType,signatures' &&
    again(envelope.payload) === envelope.payload &&
    envelope.signatures.length === 1 &&
    signature !== undefined &&
    Object.keys(signature).sort().join() === 'keyid,sig' &&
    signature.keyid === keyId &&
    again(signature.sig) === signature.sig
  );
}

function same(file: string, found: string, wanted: string): void {
  if (found !== wanted) throw altered(file, `its SHA-256 is ${found}, signed was ${wanted}`);
}

function altered(file: string, why: string): Error {
  return evidenceFault('evidence.altered', { file, why });
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
