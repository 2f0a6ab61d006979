import { createHash, generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { der } from '../../formats/index.ts';
import { canonicalJson, type Json } from '../../system/index.ts';

const { bitString, boolean, context, contextPrimitive, encode, integer } = der;
const { objectIdentifier, octetString, sequence, set, TAG, time, utf8String } = der;

const ECDSA_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const SHA256 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.1'));

export interface Pair {
  readonly privateKey: KeyObject;
  readonly info: Buffer;
}

export interface Issued extends Pair {
  readonly certificate: Buffer;
}

/** How a certificate of a test differs from an honest one; times are milliseconds. */
export interface LeafOptions {
  readonly from?: number;
  readonly until?: number;
  readonly subject?: { readonly email?: string; readonly uri?: string };
  readonly issuer?: string;
  readonly usage?: string;
  /** Common name; Fulcio's leaves have none. */
  readonly name?: string;
  readonly sctAt?: number;
  readonly withoutSct?: boolean;
  readonly sctBy?: Pair;
}

type AuthorityName = 'root' | 'intermediate' | 'stamps' | 'stamper';

/** When the trusted root trusts what, where a test wants another time; milliseconds. */
export type RootValidity = Partial<
  Record<'log' | 'certificateLog' | 'authority' | 'stamps', { readonly from?: number; readonly until?: number }>
>;

const DAY_MS = 86_400_000;

export function makePair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, info: publicKey.export({ format: 'der', type: 'spki' }) };
}

/**
 * A whole small Sigstore for tests: certificate authority with a certificate log, Rekor 1 with a Merkle tree, time stamp
 * authority. It signs whatever it is told, which is what tests of a verifier need.
 */
export class TestSigstore {
  readonly #now: () => number;
  readonly authority: Issued;
  readonly intermediate: Issued;
  readonly stampAuthority: Issued;
  readonly stamper: Issued;
  readonly certificateLog = makePair();
  readonly log = makePair();
  readonly #entries: Buffer[] = [];

  /** @param options.valid where a certificate of the instance differs from a day before to a day after now; ms */
  constructor(
    options: {
      readonly now?: () => number;
      readonly valid?: Partial<Record<AuthorityName, { readonly from?: number; readonly until?: number }>>;
    } = {},
  ) {
    this.#now = options.now ?? Date.now;
    const valid = (name: AuthorityName) => ({
      ...{ name, from: this.#now() - DAY_MS, until: this.#now() + DAY_MS },
      ...options.valid?.[name],
    });
    this.authority = this.#issue({ ...valid('root'), authority: true });
    this.intermediate = this.#issue({
      ...{ ...valid('intermediate'), authority: true, by: this.authority, byName: 'root' },
      usage: '1.3.6.1.5.5.7.3.3',
    });
    this.stampAuthority = this.#issue({ ...valid('stamps'), authority: true });
    this.stamper = this.#issue({
      ...{ ...valid('stamper'), authority: false, by: this.stampAuthority, byName: 'stamps' },
      usage: '1.3.6.1.5.5.7.3.8',
    });
  }

  /** @param valid of the root's own words for each kind of authority, in place of a day before now without an end; ms */
  trustedRoot(valid: RootValidity = {}): Buffer {
    const chain = (...issued: Issued[]): Json => ({
      certificates: issued.map(({ certificate }) => ({ rawBytes: certificate.toString('base64') })),
    });
    const validFor = (kind: keyof RootValidity): Json => {
      const { from = this.#now() - DAY_MS, until } = valid[kind] ?? {};
      const start = new Date(from).toISOString();
      return until === undefined ? { start } : { start, end: new Date(until).toISOString() };
    };
    const log = (pair: Pair, baseUrl: string, kind: keyof RootValidity): Json => ({
      ...{
        baseUrl,
        hashAlgorithm: 'SHA2_256',
        logId: { keyId: hash('sha256', pair.info, 'buffer').toString('base64') },
      },
      publicKey: {
        ...{ rawBytes: pair.info.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256' },
        validFor: validFor(kind),
      },
    });
    const authority = (uri: string, kind: keyof RootValidity, ...issued: Issued[]): Json => ({
      ...{ uri, certChain: chain(...issued), validFor: validFor(kind) },
    });
    return Buffer.from(
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [log(this.log, 'https://rekor.test', 'log')],
        ctlogs: [log(this.certificateLog, 'https://ctfe.test', 'certificateLog')],
        certificateAuthorities: [authority('https://fulcio.test', 'authority', this.intermediate, this.authority)],
        timestampAuthorities: [authority('https://tsa.test', 'stamps', this.stamper, this.stampAuthority)],
      }),
    );
  }

  /** A leaf certificate as Fulcio issues it, ten minutes long. */
  certify(pair: Pair, options: LeafOptions = {}): Buffer {
    const from = options.from ?? this.#now() - 60_000;
    const name =
      options.subject?.uri === undefined
        ? contextPrimitive(1, Buffer.from(options.subject?.email ?? 'ana@example.org'))
        : contextPrimitive(6, Buffer.from(options.subject.uri));
    const plain = {
      ...{
        from,
        until: options.until ?? from + 600_000,
        info: pair.info,
        subject: options.name === undefined ? sequence() : nameOf(options.name),
        issuer: nameOf('intermediate'),
      },
      extensions: [
        extension('2.5.29.15', true, bitString(Uint8Array.of(0x80), 7)),
        extension('2.5.29.37', false, sequence(objectIdentifier(options.usage ?? '1.3.6.1.5.5.7.3.3'))),
        extension('2.5.29.17', true, sequence(name)),
        extension('1.3.6.1.4.1.57264.1.8', false, utf8String(options.issuer ?? 'https://issuer.test')),
      ],
      serial: randomSerial(),
    };
    if (options.withoutSct === true) return signCertificate(toBeSigned(plain), this.intermediate.privateKey);
    const sct = this.#certificateTimestamp(
      toBeSigned(plain),
      options.sctAt ?? from,
      options.sctBy ?? this.certificateLog,
    );
    const extensions = [...plain.extensions, extension('1.3.6.1.4.1.11129.2.4.2', false, octetString(sct))];
    return signCertificate(toBeSigned({ ...plain, extensions }), this.intermediate.privateKey);
  }

  /** Logs a body as Rekor 1 does. */
  record(body: Json, kind: string, version: string, integratedTime: number = Math.floor(this.#now() / 1000)): Json {
    const bytes = Buffer.from(JSON.stringify(body));
    this.#entries.push(bytes);
    const index = this.#entries.length - 1;
    const keyId = hash('sha256', this.log.info, 'buffer');
    const promised = { body: bytes.toString('base64'), integratedTime, logID: keyId.toString('hex'), logIndex: index };
    const leaves = this.#entries.map((entry) => createHash('sha256').update(Uint8Array.of(0)).update(entry).digest());
    const rootHash = treeHash(leaves);
    const note = `rekor.test - 1\n${leaves.length}\n${rootHash.toString('base64')}\n`;
    const noteSignature = Buffer.concat([keyId.subarray(0, 4), sign('sha256', Buffer.from(note), this.log.privateKey)]);
    return {
      ...{ logIndex: String(index), logId: { keyId: keyId.toString('base64') }, kindVersion: { kind, version } },
      integratedTime: String(integratedTime),
      inclusionPromise: {
        signedEntryTimestamp: sign('sha256', Buffer.from(canonicalJson(promised)), this.log.privateKey).toString(
          'base64',
        ),
      },
      inclusionProof: {
        ...{ logIndex: String(index), treeSize: String(leaves.length), rootHash: rootHash.toString('base64') },
        hashes: pathOf(leaves, index).map((one) => one.toString('base64')),
        checkpoint: { envelope: `${note}\n\u2014 rekor.test ${noteSignature.toString('base64')}\n` },
      },
      canonicalizedBody: bytes.toString('base64'),
    };
  }

  /** An RFC 3161 answer over the SHA-256 of `signed`. */
  stamp(signed: Uint8Array, at: number = this.#now()): Buffer {
    return this.stampDigest(hash('sha256', signed, 'buffer'), at);
  }

  stampDigest(digest: Uint8Array, at: number = this.#now()): Buffer {
    const digits = new Date(at)
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replaceAll(/[-:T]/g, '');
    const info = sequence(
      ...[integer(Uint8Array.of(1)), objectIdentifier('1.3.6.1.4.1.57264.2'), sequence(SHA256, octetString(digest))],
      ...[integer(randomSerial()), encode(TAG.generalizedTime, Buffer.from(digits))],
    );
    const attribute = (oid: string, value: Buffer): Buffer => sequence(objectIdentifier(oid), set(value));
    const attributes = [
      attribute('1.2.840.113549.1.9.3', objectIdentifier('1.2.840.113549.1.9.16.1.4')),
      attribute('1.2.840.113549.1.9.4', octetString(hash('sha256', info, 'buffer'))),
      attribute(
        '1.2.840.113549.1.9.16.2.47',
        sequence(sequence(sequence(octetString(hash('sha256', this.stamper.certificate, 'buffer'))))),
      ),
    ].sort(Buffer.compare);
    const signer = sequence(
      ...[integer(Uint8Array.of(1)), sequence(nameOf('stamps'), serialOf(this.stamper.certificate)), SHA256],
      ...[
        context(0, ...attributes),
        ECDSA_SHA256,
        octetString(sign('sha256', set(...attributes), this.stamper.privateKey)),
      ],
    );
    const signedData = sequence(
      ...[integer(Uint8Array.of(3)), set(SHA256)],
      sequence(objectIdentifier('1.2.840.113549.1.9.16.1.4'), context(0, octetString(info))),
      set(signer),
    );
    return sequence(
      sequence(integer(Uint8Array.of(0))),
      sequence(objectIdentifier('1.2.840.113549.1.7.2'), context(0, signedData)),
    );
  }

  #certificateTimestamp(precertificate: Buffer, at: number, log: Pair): Buffer {
    const head = Buffer.alloc(12);
    head.writeBigUInt64BE(BigInt(at), 2); // version 0, certificate_timestamp 0
    head.writeUInt16BE(1, 10); // precert_entry
    const length = Buffer.from([
      precertificate.length >> 16,
      (precertificate.length >> 8) & 0xff,
      precertificate.length & 0xff,
    ]);
    const signed = Buffer.concat([
      head,
      hash('sha256', this.intermediate.info, 'buffer'),
      length,
      precertificate,
      Buffer.alloc(2),
    ]);
    const signature = sign('sha256', signed, log.privateKey);
    const sct = Buffer.concat([
      ...[
        Buffer.alloc(1),
        hash('sha256', log.info, 'buffer'),
        head.subarray(2, 10),
        Buffer.alloc(2),
        Buffer.from([4, 3]),
      ],
      ...[u16(signature.length), signature],
    ]);
    return Buffer.concat([u16(sct.length + 2), u16(sct.length), sct]);
  }

  #issue(options: {
    readonly name: string;
    readonly authority: boolean;
    readonly from: number;
    readonly until: number;
    readonly by?: Issued;
    readonly byName?: string;
    readonly usage?: string;
  }): Issued {
    const pair = makePair();
    const extensions = [
      ...(options.authority ? [extension('2.5.29.19', true, sequence(boolean(true)))] : []),
      extension(
        '2.5.29.15',
        true,
        options.authority ? bitString(Uint8Array.of(0x06), 1) : bitString(Uint8Array.of(0x80), 7),
      ),
      ...(options.usage === undefined ? [] : [extension('2.5.29.37', true, sequence(objectIdentifier(options.usage)))]),
    ];
    const { from, until } = options;
    const names = { subject: nameOf(options.name), issuer: nameOf(options.byName ?? options.name) };
    const body = toBeSigned({ from, until, info: pair.info, ...names, extensions, serial: randomSerial() });
    return { ...pair, certificate: signCertificate(body, (options.by ?? pair).privateKey) };
  }
}

function toBeSigned(options: {
  readonly serial: Buffer;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly from: number;
  readonly until: number;
  readonly info: Buffer;
  readonly extensions: readonly Buffer[];
}): Buffer {
  const { serial, issuer, subject, from, until, info, extensions } = options;
  return sequence(
    ...[context(0, integer(Uint8Array.of(2))), integer(serial), ECDSA_SHA256, issuer],
    ...[sequence(time(new Date(from)), time(new Date(until))), subject, info, context(3, sequence(...extensions))],
  );
}

function signCertificate(body: Buffer, key: KeyObject): Buffer {
  return sequence(body, ECDSA_SHA256, bitString(sign('sha256', body, key)));
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}

function nameOf(text: string): Buffer {
  return sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(text))));
}

function serialOf(certificate: Buffer): Buffer {
  const [body] = der.membersOf(der.decode(certificate), TAG.sequence);
  const serial = body === undefined ? undefined : der.membersOf(body, TAG.sequence)[1];
  return Buffer.from(serial?.whole ?? []);
}

function randomSerial(): Buffer {
  const serial = randomBytes(12);
  serial[0] = 0x40;
  return serial;
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** RFC 9162 section 2.1.1. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length <= 1) return leaves[0] ?? hash('sha256', '', 'buffer');
  const half = split(leaves.length);
  return node(treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}

/** RFC 9162 section 2.1.3.1. */
function pathOf(leaves: readonly Buffer[], index: number): Buffer[] {
  if (leaves.length <= 1) return [];
  const half = split(leaves.length);
  return index < half
    ? [...pathOf(leaves.slice(0, half), index), treeHash(leaves.slice(half))]
    : [...pathOf(leaves.slice(half), index - half), treeHash(leaves.slice(0, half))];
}

function node(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(Uint8Array.of(1)).update(left).update(right).digest();
}

function split(count: number): number {
  return 2 ** Math.ceil(Math.log2(count) - 1);
}
