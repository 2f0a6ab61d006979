import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { writeCborHead } from '../formats/index.ts';
import { type Digest, digestOf } from '../oci/index.ts';
import { type Json, systemClock } from '../system/index.ts';
import {
  attest,
  defineSigner,
  generateSigningKey,
  isMet,
  type NotationSignature,
  readPublicKey,
  readTrustedRoot,
  type SignatureVerdict,
  type SimpleSigning,
  verifyImage,
  writeSimpleSigning,
} from './index.ts';
import { NOTATION_PAYLOAD_TYPE } from './notation.ts';
import { reasonInWords } from './reason-words.ts';
import { type LeafOptions, makePair, TestSigstore } from './sigstore/test-instance.ts';

const digest = digestOf(Buffer.from('image'));
const repository = 'tienda/web';
const sigstore = new TestSigstore();

test('a keyless signature in the layout of cosign 2 counts with its log entry, and not with another’s', () => {
  const ask = (signing: SimpleSigning): SignatureVerdict => {
    const trustedRoot = readTrustedRoot(sigstore.trustedRoot());
    const identity = {
      kind: 'certificate',
      issuer: 'https://issuer.test',
      subject: 'ana@example.org',
      trustedRoot,
    } as const;
    const signers = [defineSigner({ name: 'ana', uses: ['image'], identity })];
    const trust = { signers, repositoryBinding: 'required' } as const;
    return verifyImage({ digest, repository, bundles: [], simpleSignings: [signing], trust, clock: systemClock });
  };
  const pair = makePair();
  const payload = writeSimpleSigning({ repository, digest });
  const signature = sign('sha256', payload, pair.privateKey);
  const pem = `-----BEGIN CERTIFICATE-----\n${sigstore
    .certify(pair)
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END CERTIFICATE-----\n`;
  const bundleOf = (hash: string): string => {
    const body = {
      ...{ apiVersion: '0.0.1', kind: 'hashedrekord' },
      spec: {
        data: { hash: { algorithm: 'sha256', value: hash } },
        signature: {
          content: signature.toString('base64'),
          publicKey: { content: Buffer.from(pem).toString('base64') },
        },
      },
    };
    const entry = sigstore.record(body, 'hashedrekord', '0.0.1') as {
      readonly logIndex: string;
      readonly logId: { readonly keyId: string };
      readonly integratedTime: string;
      readonly inclusionPromise: { readonly signedEntryTimestamp: string };
      readonly canonicalizedBody: string;
    };
    return JSON.stringify({
      SignedEntryTimestamp: entry.inclusionPromise.signedEntryTimestamp,
      Payload: {
        ...{
          body: entry.canonicalizedBody,
          integratedTime: Number(entry.integratedTime),
          logIndex: Number(entry.logIndex),
        },
        logID: Buffer.from(entry.logId.keyId, 'base64').toString('hex'),
      },
    });
  };
  const signing = (bundle: string): SimpleSigning => ({
    ...{ payload, signature: signature.toString('base64') },
    annotations: { 'dev.sigstore.cosign/certificate': pem, 'dev.sigstore.cosign/bundle': bundle },
  });
  const good = ask(signing(bundleOf(digestOf(payload).slice(7))));
  assert.equal(isMet(good, 'image'), true, JSON.stringify(good.refused));
  assert.deepEqual(
    good.accepted.map((one) => [one.format, one.logged]),
    [['cosign', true]],
  );
  assert.equal(ask(signing(bundleOf(digestOf(Buffer.from('x')).slice(7)))).refused[0]?.code, 'log-wrong');
  assert.equal(ask(signing('')).refused[0]?.code, 'log-wrong');
  assert.equal(ask(signing('{}')).refused[0]?.code, 'unreadable');
});

const NOW = new Date();
const pair = makePair();
const chainOf = (options: LeafOptions): Buffer[] => [
  sigstore.certify(pair, { until: NOW.getTime() + 3_600_000, name: 'release', ...options }),
  sigstore.intermediate.certificate,
  sigstore.authority.certificate,
];
const target = (wanted: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      targetArtifact: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: wanted, size: 5 },
    }),
  );

interface NotationOptions {
  readonly leaf?: LeafOptions;
  readonly digest?: string;
  readonly expiry?: Date;
  readonly critical?: readonly string[];
  readonly signedBy?: ReturnType<typeof makePair>;
}

function jws(options: NotationOptions = {}): NotationSignature {
  const head: Record<string, Json> = {
    ...{ alg: 'ES256', cty: NOTATION_PAYLOAD_TYPE, 'io.cncf.notary.signingScheme': 'notary.x509' },
    ...{
      crit: [...(options.critical ?? ['io.cncf.notary.signingScheme'])],
      'io.cncf.notary.signingTime': NOW.toISOString(),
    },
    ...(options.expiry === undefined ? {} : { 'io.cncf.notary.expiry': options.expiry.toISOString() }),
  };
  const [first, second] = [Buffer.from(JSON.stringify(head)), target(options.digest ?? digest)].map((part) =>
    part.toString('base64url'),
  );
  const key = { key: (options.signedBy ?? pair).privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const envelope = {
    ...{ payload: second, protected: first },
    header: { x5c: chainOf(options.leaf ?? {}).map((one) => one.toString('base64')) },
    signature: sign('sha256', Buffer.from(`${first}.${second}`), key).toString('base64url'),
  };
  return { mediaType: 'application/jose+json', bytes: Buffer.from(JSON.stringify(envelope)) };
}

function cose(options: NotationOptions = {}): NotationSignature {
  const text = (value: string): Buffer =>
    Buffer.concat([writeCborHead(3, Buffer.byteLength(value)), Buffer.from(value)]);
  const bytes = (value: Uint8Array): Buffer => Buffer.concat([writeCborHead(2, value.length), value]);
  const list = (...items: Buffer[]): Buffer => Buffer.concat([writeCborHead(4, items.length), ...items]);
  const map = (...items: Buffer[]): Buffer => Buffer.concat([writeCborHead(5, items.length / 2), ...items]);
  const epoch = (at: Date): Buffer =>
    Buffer.concat([writeCborHead(6, 1), writeCborHead(0, Math.floor(at.getTime() / 1000))]);
  const head = map(
    ...[writeCborHead(0, 1), writeCborHead(1, 6)], // alg: -7
    ...[writeCborHead(0, 2), list(...(options.critical ?? ['io.cncf.notary.signingScheme']).map(text))],
    ...[writeCborHead(0, 3), text(NOTATION_PAYLOAD_TYPE)],
    ...[text('io.cncf.notary.signingScheme'), text('notary.x509')],
    ...[text('io.cncf.notary.signingTime'), epoch(NOW)],
    ...(options.expiry === undefined ? [] : [text('io.cncf.notary.expiry'), epoch(options.expiry)]),
  );
  const payload = target(options.digest ?? digest);
  const key = { key: (options.signedBy ?? pair).privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signed = list(text('Signature1'), bytes(head), bytes(new Uint8Array()), bytes(payload));
  const chain = list(...chainOf(options.leaf ?? {}).map(bytes));
  const message = list(
    bytes(head),
    map(writeCborHead(0, 33), chain),
    bytes(payload),
    bytes(sign('sha256', signed, key)),
  );
  return { mediaType: 'application/cose', bytes: Buffer.concat([writeCborHead(6, 18), message]) };
}

function askNotation(
  signature: NotationSignature,
  subject = 'CN=release',
  binding: 'required' | 'ignored' = 'ignored',
): SignatureVerdict {
  const pem = `-----BEGIN CERTIFICATE-----\n${sigstore.authority.certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const identity = { kind: 'x509', authorities: [pem], subject } as const;
  const trust = {
    signers: [defineSigner({ name: 'partner', uses: ['image'], identity })],
    repositoryBinding: binding,
  } as const;
  return verifyImage({ digest, repository, bundles: [], notations: [signature], trust, clock: systemClock });
}

test('Notation’s JWS and COSE signatures count under their authority and subject, where binding is given up', () => {
  for (const make of [jws, cose]) {
    const good = askNotation(make());
    assert.equal(isMet(good, 'image'), true, JSON.stringify(good.refused));
    assert.equal(good.accepted[0]?.format, 'notation');
    assert.equal(
      isMet(
        askNotation(
          make({
            critical: ['io.cncf.notary.signingScheme', 'io.cncf.notary.expiry'],
            expiry: new Date(Date.now() + 60_000),
          }),
        ),
        'image',
      ),
      true,
    );
    const cases: readonly [SignatureVerdict, string][] = [
      [askNotation(make(), 'CN=release', 'required'), 'not-bound'],
      [askNotation(make(), 'CN=other'), 'signature-wrong'],
      [askNotation(make(), 'CN=release, O=Example'), 'signature-wrong'],
      [askNotation(make({ digest: digestOf(Buffer.from('other')) })), 'other-image'],
      [askNotation(make({ signedBy: makePair() })), 'signature-wrong'],
      [askNotation(make({ expiry: new Date(Date.now() - 60_000) })), 'time-wrong'],
      [askNotation(make({ leaf: { from: Date.now() - 7_200_000, until: Date.now() - 3_600_000 } })), 'time-wrong'],
      [askNotation(make({ critical: ['io.cncf.notary.verificationPlugin'] })), 'unreadable'],
      [askNotation({ ...make(), mediaType: 'text/plain' }), 'unreadable'],
    ];
    for (const [index, [verdict, code]] of cases.entries()) {
      assert.equal(isMet(verdict, 'image'), false);
      assert.equal(verdict.refused[0]?.code, code, `${make.name} ${index}: ${verdict.refused[0]?.reason.en}`);
    }
  }
});

test('what the Notary Project’s own library signed counts: every algorithm in both envelopes, and not what ran out or asks for more', async () => {
  const file = new URL('notation-foreign.json', import.meta.url);
  const foreign = JSON.parse(await readFile(file, 'utf8')) as {
    readonly digest: Digest;
    readonly authority: string;
    readonly signatures: readonly { name: string; mediaType: string; bytes: string; holds: boolean }[];
  };
  const identity = {
    kind: 'x509',
    authorities: [foreign.authority],
    subject: 'CN=release, O=Example, ST=Madrid',
  } as const;
  const trust = {
    signers: [defineSigner({ name: 'partner', uses: ['image'], identity })],
    repositoryBinding: 'ignored',
  } as const;
  assert.equal(foreign.signatures.length, 18);
  for (const { name, mediaType, bytes, holds } of foreign.signatures) {
    const notations = [{ mediaType, bytes: Buffer.from(bytes, 'base64') }];
    const verdict = verifyImage({
      ...{ digest: foreign.digest, repository, bundles: [], notations, trust, clock: systemClock },
    });
    assert.equal(isMet(verdict, 'image'), holds, `${mediaType} ${name}: ${verdict.refused[0]?.reason.en}`);
  }
});

test('a root that a stranger put into the chain is no root of ours', () => {
  const stranger = new TestSigstore();
  const signature = jws();
  const envelope = JSON.parse(Buffer.from(signature.bytes).toString()) as { header: { x5c: string[] } };
  const theirs = makePair();
  envelope.header.x5c = [
    stranger.certify(theirs, { name: 'release' }),
    stranger.intermediate.certificate,
    stranger.authority.certificate,
  ].map((one) => one.toString('base64'));
  const forged = { ...signature, bytes: Buffer.from(JSON.stringify(envelope)) };
  assert.match(askNotation(forged).refused[0]?.reason.en ?? '', /not issued by an authority/);
});

test('every cut and every changed byte of a COSE signature is refused and never thrown', () => {
  const { mediaType, bytes } = cose();
  for (let at = 0; at < bytes.length; at += 5) {
    assert.equal(isMet(askNotation({ mediaType, bytes: bytes.subarray(0, at) }), 'image'), false);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    const verdict = askNotation({ mediaType, bytes: changed });
    assert.equal(verdict.accepted.length + verdict.refused.length, 1);
  }
});

test('an attestation in the layout of cosign 2 is held to its envelope: every other byte, signature and image refuses', () => {
  const key = generateSigningKey(Buffer.alloc(32, 1)).key;
  const stranger = generateSigningKey(Buffer.alloc(32, 1)).key;
  const identity = { kind: 'key', publicKey: readPublicKey(key.publicKeyPem), trustedRoot: null } as const;
  const trust = {
    signers: [defineSigner({ name: 'ci', uses: ['provenance'], identity })],
    repositoryBinding: 'required',
  } as const;
  const envelopeBy = (by: typeof key, image = { digest, repository }): Buffer => {
    const bundle = JSON.parse(Buffer.from(attest(by, 'provenance', image, {})).toString()) as { dsseEnvelope: Json };
    return Buffer.from(JSON.stringify(bundle.dsseEnvelope));
  };
  const ask = (payload: Buffer, signature = ''): SignatureVerdict =>
    verifyImage({
      ...{ digest, repository, bundles: [], trust, clock: systemClock },
      simpleSignings: [{ payload, signature, annotations: {} }],
    });
  const good = envelopeBy(key);
  assert.equal(isMet(ask(good), 'provenance'), true, JSON.stringify(ask(good).refused));
  const parsed = JSON.parse(good.toString()) as { signatures: Json[] };
  const bad: [string, Buffer, string?][] = [
    ['signed by somebody else', envelopeBy(stranger)],
    ['of another image', envelopeBy(key, { digest: digestOf(Buffer.from('other')), repository })],
    ['of another repository', envelopeBy(key, { digest, repository: 'tienda/api' })],
    [
      'with two signatures',
      Buffer.from(JSON.stringify({ ...parsed, signatures: [...parsed.signatures, ...parsed.signatures] })),
    ],
    ['without a signature', Buffer.from(JSON.stringify({ ...parsed, signatures: [] }))],
    ['of another payload type', Buffer.from(JSON.stringify({ ...parsed, payloadType: 'text/plain' }))],
    ['cut', good.subarray(0, good.length - 9)],
    ['empty', Buffer.alloc(0)],
    ['taken for a signature of the image', good, Buffer.from('x').toString('base64')],
  ];
  for (const [name, payload, signature] of bad) {
    const { accepted, refused } = ask(payload, signature);
    assert.deepEqual([accepted.length, refused.length], [0, 1], name);
  }
});

test('whatever a reader refuses for, a person reads in Spanish as well', async () => {
  const folders = ['.', 'sigstore', 'signing'].map((name) => new URL(`${name}/`, import.meta.url));
  const untold: string[] = [];
  // Those of keys in tokens stand in both languages where they are found.
  for (const folder of folders) {
    for (const name of (await readdir(folder)).filter((one) => /^(?!.*test|token\b).*\.ts$/.test(one))) {
      const source = await readFile(new URL(name, folder), 'utf8');
      const said =
        /(?:unreadable\(|\bfailed\([\w.]+, |\b(?:wrong|broken|refused)\(|Doubt\('(?:certificate-rules|sct-wrong|stamp-wrong)',)\s*(['"`])((?:(?!\1).)+)\1/g;
      for (const [, quote = '', text = ''] of source.matchAll(said)) {
        // What is filled in stands for itself: a word, or a number.
        const reason = quote === '`' ? text.replaceAll(/\$\{[^}]*\}/g, '1') : text;
        if (reasonInWords(reason).es === reason) untold.push(`${name}: ${reason}`);
      }
    }
  }
  assert.deepEqual(untold, []);
  const broken = verifyImage({
    ...{ digest, repository, bundles: [Buffer.from('{"mediaType": ')], clock: systemClock },
    trust: { signers: [], repositoryBinding: 'required' },
  });
  assert.match(broken.refused[0]?.reason.es ?? '', /^no se puede leer: JSON no está bien escrito/);
});
