import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { FormatError, packTar, sayFormatError, TarReader } from '../../formats/index.ts';
import { Fault, readFileBytes, type Text } from '../../system/index.ts';
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
    throw evidenceFault('evidence.unreadable', { file: path, why: reasonOf(error) }, { cause: error });
  }
}

async function verify(path: string, pins: EvidencePins): Promise<VerifiedEvidence> {
  const outer = await readOuter(path);
  const text = (name: string): string => {
    const found = outer.texts.get(name);
    if (found === undefined) throw altered(name, MISSING);
    return found;
  };
  const controlKey = pins.control ?? keyIn(PART.controlKey, text(PART.controlKey));
  const hostKey = pins.host ?? keyIn(PART.hostKey, text(PART.hostKey));
  const receipt = signed<EvidenceReceipt>(PART.receipt, text(PART.receipt), controlKey, RECEIPT_TYPE);
  const custody = signed<CustodyRecord>(PART.custody, text(PART.custody), controlKey, CUSTODY_TYPE);
  const manifest = readManifest(signed<unknown>(PART.manifest, text(PART.manifest), hostKey, MANIFEST_TYPE));
  if (hostKey.id !== receipt.hostKey)
    throw altered(PART.hostKey, {
      en: 'control took it under another key of the host',
      es: 'el control la tomó con otra clave del host',
    });

  same(PART.manifest, sha256(text(PART.manifest)), receipt.manifest);
  same(PART.context, sha256(text(PART.context)), receipt.context);
  const inner = await readInner(path, outer.archive);
  if (outer.archive.sha256 !== receipt.archive) nameDamage(manifest, inner);
  same(PART.archive, outer.archive.sha256, receipt.archive);
  same(PART.archive, outer.archive.sha256, manifest.archive.sha256);
  if (inner.error !== null) throw inner.error;
  if (custody.id !== receipt.id || manifest.id !== receipt.id)
    throw altered(PART.custody, { en: 'it speaks of other evidence', es: 'habla de otra evidencia' });
  compareFiles(manifest, inner.files);
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
}

/** What the host gathered, as far as it could be unpacked. */
interface Inner {
  /** Path to hash. */
  readonly files: ReadonlyMap<string, string>;
  readonly error: Error | null;
}

async function readOuter(path: string): Promise<Outer> {
  const texts = new Map<string, string>();
  const inner = { hash: createHash('sha256'), from: -1, bytes: 0 };
  let last = '';
  const reader = new TarReader((entry) => {
    last = entry.path;
    if (entry.path === PART.archive) {
      Object.assign(inner, { from: entry.offsetBytes, bytes: entry.sizeBytes });
      return { write: (piece) => inner.hash.update(piece), end: () => undefined };
    }
    if (!(Object.values(PART) as string[]).includes(entry.path))
      throw altered(entry.path, { en: 'nobody signed it', es: 'nadie lo firmó' });
    if (texts.has(entry.path)) throw altered(entry.path, TWICE);
    const most = entry.path === PART.context ? EVIDENCE_CONTEXT_BYTES_MAX : EVIDENCE_TEXT_BYTES_MAX;
    if (entry.sizeBytes > most) throw new RangeError(`${entry.path} is too large`);
    const pieces: Uint8Array[] = [];
    return {
      write: (piece) => pieces.push(piece.slice()),
      end: () => texts.set(entry.path, Buffer.concat(pieces).toString('utf8')),
    };
  });
  const whole = createHash('sha256');
  for await (const piece of readFileBytes(path)) {
    whole.update(piece);
    try {
      reader.write(piece);
    } catch (error) {
      throw broken(last, error);
    }
  }
  try {
    reader.end();
  } catch (error) {
    throw broken(last, error);
  }
  if (inner.bytes === 0) throw altered(PART.archive, MISSING);
  const { from, bytes } = inner;
  return {
    texts,
    sha256: whole.digest('hex'),
    archive: { sha256: inner.hash.digest('hex'), from, bytes },
  };
}

/** A file that begins as an archive of ours and breaks off, or is damaged, says where; any other file is none. */
function broken(last: string, error: unknown): unknown {
  if (error instanceof Fault || last === '') return error;
  const { en, es } = reasonOf(error);
  return altered(last, {
    en: `the archive breaks off in it or after it (${en})`,
    es: `el archivo se corta en él o después (${es})`,
  });
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
  const content = readFileBytes(path, { start: from, end: from + bytes - 1 });
  const anew = createHash('sha256');
  for await (const piece of packTar(exportedEntries(texts, { content, sizeBytes: bytes }))) anew.update(piece);
  if (anew.digest('hex') !== found)
    throw altered(path, {
      en: 'it has bytes beside its files that the platform did not write',
      es: 'tiene bytes junto a sus archivos que la plataforma no escribió',
    });
}

/** Unpacks what the host gathered, keeping nothing but the hashes; what cannot be unpacked to its end says so. */
async function readInner(path: string, { from, bytes }: Outer['archive']): Promise<Inner> {
  const files = new Map<string, string>();
  try {
    await unpack(createReadStream(path, { start: from, end: from + bytes - 1 }), files);
    return { files, error: null };
  } catch (error) {
    return { files, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** The archive is not the one that was signed: the first file of it that is another, where it can still be told. */
function nameDamage(manifest: EvidenceManifest, { files, error }: Inner): void {
  if (error instanceof Fault) throw error;
  for (const { path, sha256: wanted } of manifest.files) {
    const found = files.get(path);
    if (found !== undefined && found !== wanted) throw altered(`${PART.archive}: ${path}`, otherHash(found, wanted));
  }
  if (error === null) return;
  const read = manifest.files.filter(({ path }) => files.has(path)).length;
  const next = manifest.files.find(({ path }) => !files.has(path))?.path;
  const { en, es } = reasonOf(error);
  throw altered(PART.archive, {
    en: `it cannot be unpacked beyond ${read} of ${manifest.files.length} files, at ${next ?? 'its end'} (${en})`,
    es: `no se puede desempaquetar más allá de ${read} de ${manifest.files.length} archivos, en ${next ?? 'su final'} (${es})`,
  });
}

async function unpack(compressed: Readable, files: Map<string, string>): Promise<void> {
  const reader = new TarReader(
    (entry) => {
      if (files.has(entry.path)) throw altered(entry.path, TWICE);
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
}

function compareFiles(manifest: EvidenceManifest, files: ReadonlyMap<string, string>): void {
  const named = new Set<string>();
  for (const { path, sha256: wanted } of manifest.files) {
    const found = files.get(path);
    if (found === undefined) throw altered(path, MISSING);
    same(path, found, wanted);
    named.add(path);
  }
  for (const path of files.keys())
    if (!named.has(path)) throw altered(path, { en: 'the host did not name it', es: 'el host no lo nombró' });
}

function keyIn(file: string, pem: string): PublicKey {
  try {
    return readPublicKey(pem);
  } catch (cause) {
    throw evidenceFault(
      'evidence.altered',
      { file, why: { en: 'it is no public key', es: 'no es una clave pública' } },
      { cause },
    );
  }
}

function signed<T>(file: string, text: string, key: PublicKey, type: string): T {
  try {
    const record = verifyRecord(text, [key], type) as unknown as T;
    if (isAsWritten(text, key.id)) return record;
    throw altered(file, {
      en: 'it is not written as the one who signed it writes it',
      es: 'no está escrito como lo escribe quien lo firmó',
    });
  } catch (error) {
    if (error instanceof Fault && error.code === 'evidence.altered') throw error;
    throw evidenceFault('evidence.altered', { file, why: reasonOf(error) }, { cause: error });
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
  if (found !== wanted) throw altered(file, otherHash(found, wanted));
}

function altered(file: string, why: Text): Error {
  return evidenceFault('evidence.altered', { file, why });
}

const MISSING: Text = { en: 'it is missing', es: 'falta' };
const TWICE: Text = { en: 'it is there twice', es: 'está dos veces' };

function otherHash(found: string, wanted: string): Text {
  return { en: `its SHA-256 is ${found}, signed was ${wanted}`, es: `su SHA-256 es ${found}; se firmó ${wanted}` };
}

/** Why something could not be read, in both languages where there are words for it. */
function reasonOf(error: unknown): Text {
  if (error instanceof FormatError) return sayFormatError(error);
  if (error instanceof Fault) {
    const say = (language: 'en' | 'es'): string => error.text(language).why ?? error.text(language).what;
    return { en: say('en'), es: say('es') };
  }
  const said = error instanceof Error ? error.message : String(error);
  return { en: said, es: said };
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
