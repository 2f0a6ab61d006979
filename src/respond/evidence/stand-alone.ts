#!/usr/bin/env node
// Checks evidence that the platform Dársena exported, with nothing but Node.js 18 or later: no server, no other file of the platform.
//
//   node verify-evidence.mjs evidence.tar control.pem
//
// Exit code: 0 all is as it was signed; 4 something is not, and its name is said; 2 it could not be read.
// It is written apart from `darsena evidence verify`, so that one finds what the other overlooks. Bring this file and control.pem
// from the platform (`darsena evidence verifier`, `darsena trust keys control --pem`), never from whoever brings the evidence.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const TYPE = 'application/vnd.darsena.evidence.';
const TEXTS = ['README.txt', 'host.json', 'control.json', 'context.json', 'custody.json', 'host.pem', 'control.pem'];
const ARCHIVE = 'evidence.tar.gz';
/** More than the platform puts into one, packed and unpacked: what is larger was made to fill somebody's memory. */
const ARCHIVE_BYTES_MAX = 2 ** 29;
const UNPACKED_BYTES_MAX = 2 ** 30;
/** A file's headers, with the longest name. */
const HEADERS_BYTES_MAX = 16_384;

class Altered extends Error {}

function altered(name: string, why: string): never {
  throw new Altered(`${name} is not what was signed: ${why}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** Records of pax, each behind its own length: a value may hold anything, as whoever was in the container gave files their names. */
function recordsOf(bytes: Uint8Array, name: string): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(32, at);
    const end = blank === -1 ? 0 : at + Number(textOf(bytes.subarray(at, blank)));
    if (!(end > blank) || end > bytes.length || bytes[end - 1] !== 10)
      altered(name, 'what is said of it cannot be read');
    const [, key, value] =
      /^([^=]+)=(.*)$/s.exec(Buffer.from(bytes.subarray(blank + 1, end - 1)).toString('utf8')) ?? [];
    if (key === undefined || value === undefined) altered(name, 'what is said of it cannot be read');
    records.set(key, value);
    at = end;
  }
  return records;
}

/** Files of a tar by their names: ustar, and pax records for long names and sizes. */
function filesOf(tar: Uint8Array, what: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let pax = new Map<string, string>();
  let last = what;
  let at = 0;
  while (at + 512 <= tar.length) {
    const head = tar.subarray(at, at + 512);
    if (head.every((byte) => byte === 0)) {
      if (!tar.subarray(at).every((byte) => byte === 0)) altered(what, 'it has bytes behind its end');
      return files;
    }
    const sum = head.reduce((all, byte, place) => all + (place >= 148 && place < 156 ? 32 : byte), 0);
    if (Number.parseInt(textOf(head.subarray(148, 156)), 8) !== sum)
      altered(last, `damaged in it or after it (byte ${at})`);
    const given = Number.parseInt(textOf(head.subarray(124, 136)), 8);
    const kind = String.fromCharCode(head[156] ?? 0);
    const size = kind === 'x' ? given : Number(pax.get('size') ?? given);
    if (!Number.isSafeInteger(size) || size < 0) altered(last, `a size behind it cannot be read (byte ${at})`);
    const prefix = textOf(head.subarray(345, 500));
    const short = textOf(head.subarray(0, 100));
    const name = pax.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`);
    const from = at + 512;
    if (kind !== 'x') last = name;
    if (from + size > tar.length) altered(last, 'the archive breaks off in it');
    const bytes = tar.subarray(from, from + size);
    if (kind === 'x') {
      pax = recordsOf(bytes, last);
    } else {
      pax = new Map();
      if (kind !== '0' && kind !== '\0') altered(name, 'it is no plain file');
      if (files.has(name)) altered(name, 'it is there twice');
      files.set(name, bytes);
    }
    at = from + Math.ceil(size / 512) * 512;
  }
  return altered(last, 'the archive breaks off behind it');
}

/** The header that the platform writes before a file of this name and size: whatever else stands there says what nobody signed. */
function headOf(name: string, size: number): Buffer {
  const head = Buffer.alloc(512);
  head.write(name);
  for (const [value, at, digits] of [
    [0o400, 100, 7],
    [0, 108, 7],
    [0, 116, 7],
    [size, 124, 11],
    [0, 136, 11],
  ] as const)
    head.write(value.toString(8).padStart(digits, '0'), at);
  head.fill(' ', 148, 156);
  head.write('0', 156);
  head.write('ustar\x0000', 257, 'latin1');
  const sum = head.reduce((all, byte) => all + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}

/** Each byte of the exported archive is of one of its files, or as the platform writes it around them. */
function compareWhole(tar: Uint8Array, files: Map<string, Uint8Array>): void {
  let at = 0;
  const next = (wanted: Uint8Array, what: string): void => {
    if (!Buffer.from(tar.subarray(at, at + wanted.length)).equals(wanted))
      altered(what, `bytes beside it are not as the platform wrote them (byte ${at})`);
    at += wanted.length;
  };
  for (const name of [...TEXTS, ARCHIVE]) {
    const bytes = files.get(name) ?? altered(name, 'it is missing');
    next(headOf(name, bytes.length), name);
    next(bytes, name);
    next(new Uint8Array((512 - (bytes.length % 512)) % 512), name);
  }
  next(new Uint8Array(1024), ARCHIVE);
  if (at !== tar.length) altered(ARCHIVE, 'there are bytes behind it that the platform did not write');
}

/** An envelope says the same with other spaces or ends of base64: here each of its bytes is that of the signer. */
function isAsWritten(text: string, envelope: Envelope): boolean {
  const again = (base64: unknown): boolean =>
    typeof base64 === 'string' && Buffer.from(base64, 'base64').toString('base64') === base64;
  return (
    text === JSON.stringify(envelope) &&
    Object.keys(envelope).sort().join() === 'payload,payloadType,signatures' &&
    Object.keys(envelope.signatures?.[0] ?? {})
      .sort()
      .join() === 'keyid,sig' &&
    again(envelope.payload) &&
    again(envelope.signatures?.[0]?.sig)
  );
}

interface Envelope {
  payloadType?: unknown;
  payload?: unknown;
  signatures?: { sig?: unknown; keyid?: unknown }[];
}

function keyOf(name: string, pem: Uint8Array): KeyObject {
  try {
    return createPublicKey(Buffer.from(pem));
  } catch {
    return altered(name, 'it is no public key');
  }
}

function isOf(key: KeyObject, said: Buffer, signature: Buffer): boolean {
  try {
    return verify('sha256', said, key, signature);
  } catch {
    // A key of another kind.
    return false;
  }
}

/** What a DSSE envelope says, signed by this key. */
// biome-ignore lint/suspicious/noExplicitAny: what is read here is checked value by value
function signed(name: string, bytes: Uint8Array, key: KeyObject, type: string): any {
  const text = Buffer.from(bytes).toString('utf8');
  let envelope: Envelope;
  try {
    envelope = JSON.parse(text);
  } catch {
    return altered(name, 'it is no JSON');
  }
  if (typeof envelope !== 'object' || envelope === null || !Array.isArray(envelope.signatures))
    altered(name, 'it is no signed envelope');
  if (envelope.payloadType !== type) altered(name, `it is a ${String(envelope.payloadType)}, not a ${type}`);
  const payload = Buffer.from(String(envelope.payload), 'base64');
  const said = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const [signature] = envelope.signatures ?? [];
  const sig = Buffer.from(String(signature?.sig), 'base64');
  if (envelope.signatures?.length !== 1 || !isOf(key, said, sig)) altered(name, 'its signature is not of this key');
  if (!isAsWritten(text, envelope)) altered(name, 'it is not written as the one who signed it writes it');
  return JSON.parse(payload.toString('utf8'));
}

function same(name: string, found: string, wanted: unknown): void {
  if (found !== wanted) altered(name, `its SHA-256 is ${found}, signed was ${String(wanted)}`);
}

function check(path: string, pinned: Uint8Array | null): string[] {
  const about = statSync(path);
  if (!about.isFile() || about.size > ARCHIVE_BYTES_MAX)
    throw new RangeError(`${path} is no file, or has more than the ${ARCHIVE_BYTES_MAX} bytes of the largest evidence`);
  const whole = readFileSync(path);
  const outer = filesOf(whole, path);
  const part = (name: string): Uint8Array => outer.get(name) ?? altered(name, 'it is missing');
  for (const name of outer.keys()) if (name !== ARCHIVE && !TEXTS.includes(name)) altered(name, 'nobody signed it');
  const controlKey = keyOf('control.pem', pinned ?? part('control.pem'));
  const hostKey = keyOf('host.pem', part('host.pem'));
  const receipt = signed('control.json', part('control.json'), controlKey, `${TYPE}receipt.v1+json`);
  const custody = signed('custody.json', part('custody.json'), controlKey, `${TYPE}custody.v1+json`);
  const manifest = signed('host.json', part('host.json'), hostKey, `${TYPE}manifest.v1+json`);
  const hostKeyId = sha256(hostKey.export({ type: 'spki', format: 'der' }) as Buffer);
  if (hostKeyId !== receipt.hostKey) altered('host.pem', 'the platform took it under another key of the host');
  if (manifest.id !== receipt.id || custody.id !== receipt.id) altered('custody.json', 'it speaks of other evidence');
  same('host.json', sha256(part('host.json')), receipt.manifest);
  same('context.json', sha256(part('context.json')), receipt.context);
  for (const [name, wanted] of Object.entries(custody.files ?? {})) same(name, sha256(part(name)), wanted);
  const compressed = part(ARCHIVE);
  const signedBytes: number = manifest.files.reduce(
    (all: number, { bytes }: { bytes: number }) => all + bytes + HEADERS_BYTES_MAX,
    HEADERS_BYTES_MAX,
  );
  if (!(signedBytes <= UNPACKED_BYTES_MAX)) altered(ARCHIVE, `the host names more than ${UNPACKED_BYTES_MAX} bytes`);
  let inner: Map<string, Uint8Array>;
  try {
    inner = filesOf(gunzipSync(compressed, { maxOutputLength: signedBytes }), ARCHIVE);
  } catch (error) {
    return altered(ARCHIVE, `it cannot be unpacked (${error instanceof Error ? error.message : String(error)})`);
  }
  const named = new Set<string>();
  for (const { path: name, sha256: wanted } of manifest.files) {
    same(`${ARCHIVE}: ${name}`, sha256(inner.get(name) ?? altered(`${ARCHIVE}: ${name}`, 'it is missing')), wanted);
    named.add(name);
  }
  if (inner.size !== named.size) altered(ARCHIVE, 'it has files that the host did not name');
  for (const wanted of [receipt.archive, manifest.archive.sha256]) same(ARCHIVE, sha256(compressed), wanted);
  compareWhole(whole, outer);
  return [
    `taken ${manifest.startedAt} on ${manifest.host} for ${receipt.takenBy}, container ${manifest.containerId}`,
    ...custody.steps.map(
      (step: { at: string; what: string; actor: string; note: string | null }) =>
        `  ${step.at}  ${step.what}  ${step.actor}${step.note === null ? '' : ` - ${step.note}`}`,
    ),
    `${manifest.files.length} files as they were signed, by the host ${hostKeyId.slice(0, 16)} and the platform`,
  ];
}

/** Nothing of the archive moves the cursor or begins a line. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, '?');
}

const [file, keyFile] = process.argv.slice(2);
if (file === undefined) {
  console.error('node verify-evidence.mjs EVIDENCE.tar control.pem');
  process.exit(2);
}
try {
  for (const line of check(file, keyFile === undefined ? null : readFileSync(keyFile))) console.log(printable(line));
  if (keyFile === undefined)
    console.log(
      'the keys are those in the archive: they prove only that nothing was changed since they signed; name control.pem',
    );
} catch (error) {
  console.error(printable(error instanceof Error ? error.message : String(error)));
  process.exitCode = error instanceof Altered ? 4 : 2;
}
