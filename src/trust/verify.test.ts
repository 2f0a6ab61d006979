import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type Digest, digestOf, MEDIA_TYPE, parseManifest } from '../oci/index.ts';
import { type Clock, Fault, systemClock } from '../system/index.ts';
import {
  attest,
  bundleLayer,
  defineSigner,
  generateSigningKey,
  type ImageToVerify,
  keyHint,
  readPublicKey,
  type SignatureUse,
  signersOf,
  signImage,
  type TrustedRoot,
  type TrustPolicy,
  toReferrer,
  verifyImage,
} from './index.ts';
import { matchesPattern } from './policy.ts';

const masterKey = randomBytes(32);
const release = generateSigningKey(masterKey).key;
const builder = generateSigningKey(masterKey).key;
const stranger = generateSigningKey(masterKey).key;
const digest = digestOf(Buffer.from('image'));
const otherDigest = digestOf(Buffer.from('another image'));
const repository = 'tienda/web';

function signer(
  name: string,
  pem: string,
  uses: SignatureUse[],
  more: { repositories?: string[]; validUntil?: string } = {},
) {
  return defineSigner({
    name,
    uses,
    identity: { kind: 'key', publicKey: readPublicKey(pem), trustedRoot: null },
    ...more,
  });
}

const trust: TrustPolicy = {
  signers: [
    signer('release', release.publicKeyPem, ['image']),
    signer('builder', builder.publicKeyPem, ['provenance']),
  ],
  repositoryBinding: 'required',
};

function verify(bundles: Uint8Array[], over: Partial<ImageToVerify> = {}) {
  return verifyImage({ digest, repository, bundles, trust, clock: systemClock, ...over });
}

function codes(verdict: ReturnType<typeof verifyImage>): string[] {
  return verdict.refused.map((one) => one.code);
}

test('an image signature and its provenance are accepted, each from its own signer', () => {
  const provenance = { buildDefinition: { buildType: 'urn:test' } };
  const verdict = verify([
    signImage(release, { digest, repository }),
    attest(builder, 'provenance', { digest, repository }, provenance),
  ]);
  assert.deepEqual(verdict.refused, []);
  assert.deepEqual(signersOf(verdict, 'image'), ['release']);
  assert.deepEqual(signersOf(verdict, 'provenance'), ['builder']);
  assert.deepEqual(verdict.accepted[1]?.predicate, provenance);
  assert.equal(verdict.repository, 'registry.darsena.internal/tienda/web');
});

test('a signature for digest X beside image Y is refused (V3)', () => {
  const verdict = verify([signImage(release, { digest: otherDigest, repository })]);
  assert.deepEqual(codes(verdict), ['other-image']);
});

test('a signed image copied to another repository does not pass, unless the policy ignores binding', () => {
  const bundle = signImage(release, { digest, repository: 'otro/web' });
  assert.deepEqual(codes(verify([bundle])), ['other-repository']);
  const lenient = verify([bundle], { trust: { ...trust, repositoryBinding: 'ignored' } });
  assert.deepEqual(signersOf(lenient, 'image'), ['release']);
});

test('the builder cannot stand for an image, nor the release key for provenance', () => {
  const verdict = verify([
    signImage(builder, { digest, repository }),
    attest(release, 'provenance', { digest, repository }, {}),
  ]);
  assert.deepEqual(codes(verdict), ['signer-not-for-this', 'signer-not-for-this']);
  assert.deepEqual(verdict.accepted, []);
});

test('a signer for one repository is not one for another', () => {
  const only = signer('release', release.publicKeyPem, ['image'], {
    repositories: ['registry.darsena.internal/tienda/*'],
  });
  const policy: TrustPolicy = { signers: [only], repositoryBinding: 'required' };
  assert.deepEqual(signersOf(verify([signImage(release, { digest, repository })], { trust: policy }), 'image'), [
    'release',
  ]);
  const elsewhere = { digest, repository: 'banco/web' };
  const verdict = verify([signImage(release, elsewhere)], { trust: policy, repository: 'banco/web' });
  assert.deepEqual(codes(verdict), ['signer-not-for-this']);
});

test('a stranger, a stranger with a forged hint, and an empty trust policy are refused', () => {
  const bundle = signImage(stranger, { digest, repository });
  assert.deepEqual(codes(verify([bundle])), ['signer-unknown']);
  const text = Buffer.from(bundle).toString();
  const forgedHint = Buffer.from(text.replace(keyHint(stranger.id), keyHint(release.id)));
  assert.deepEqual(codes(verify([forgedHint])), ['signature-wrong']);
  const nobody = verify([signImage(release, { digest, repository })], {
    trust: { signers: [], repositoryBinding: 'required' },
  });
  assert.deepEqual(codes(nobody), ['signer-unknown']);
  assert.deepEqual(verify([]).accepted, []);
});

test('a key outside its time is refused and the reason names the time (V4)', () => {
  const old = signer('release', release.publicKeyPem, ['image'], { validUntil: '2026-01-01T00:00:00Z' });
  const broken = { ...old, validUntil: 'soon' };
  assert.throws(() => signer('release', release.publicKeyPem, ['image'], { validUntil: 'soon' }), Fault);
  const clock: Clock = { ...systemClock, now: () => new Date('2036-01-01T00:00:00Z') };
  for (const one of [old, broken]) {
    const verdict = verify([signImage(release, { digest, repository })], {
      trust: { signers: [one], repositoryBinding: 'required' },
      clock,
    });
    assert.deepEqual(codes(verdict), ['signer-not-valid-now']);
    assert.match(verdict.refused[0]?.reason.es ?? '', /2036-01-01/);
  }
});

test('beyond 100 signatures or 10 MB nothing counts (V5)', () => {
  const good = signImage(release, { digest, repository });
  assert.equal(verify(Array.from({ length: 100 }, () => good)).accepted.length, 100);
  const many = verify(Array.from({ length: 101 }, () => good));
  assert.deepEqual([many.accepted.length, codes(many)], [0, ['too-many']]);
  const large = verify([good, Buffer.alloc(10 * 1024 * 1024)]);
  assert.deepEqual([large.accepted.length, codes(large)], [0, ['too-large']]);
});

test('bytes that do not parse are refused and never raise (V6)', () => {
  const good = Buffer.from(signImage(release, { digest, repository })).toString();
  const attacks = [
    '',
    'null',
    '[]',
    '{}',
    '{',
    `\ufeff${good}`,
    good.replace('{', '{"mediaType":"x",'),
    good.replace('"signatures":[', '"signatures":[{"keyid":"","sig":"AAAA"},'),
    good.replace('application/vnd.in-toto+json', 'text/plain'),
    good.replace(/"payload":"[^"]+"/, '"payload":""'),
    good.replace(/"payload":"[^"]+"/, '"payload":"!!!!"'),
    good.replace(/"sig":"[^"]+"/, '"sig":"AAAA"'),
    good.slice(0, -20),
    '['.repeat(100_000),
  ];
  const verdict = verify(attacks.map((attack) => Buffer.from(attack)));
  assert.equal(verdict.accepted.length, 0);
  assert.equal(verdict.refused.length, attacks.length);
});

test('every changed byte of a bundle leaves it refused or unchanged in meaning', () => {
  const good = Buffer.from(signImage(release, { digest, repository }));
  for (let index = 0; index < good.length; index += 3) {
    const changed = Buffer.from(good);
    changed[index] = (changed[index] ?? 0) ^ 0x02;
    const verdict = verify([changed]);
    for (const accepted of verdict.accepted) assert.deepEqual(accepted.predicate, {});
    assert.equal(verdict.accepted.length + verdict.refused.length, 1);
  }
});

test('a cosign 2 signature is accepted with its key and refused with changed bytes', () => {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': 'registry.darsena.internal/tienda/web' },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  const signature = Buffer.from(release.sign(payload)).toString('base64');
  assert.deepEqual(signersOf(verify([], { simpleSignings: [{ payload, signature }] }), 'image'), ['release']);
  const changed = Buffer.from(payload.toString().replace('optional', 'Optional'));
  assert.deepEqual(codes(verify([], { simpleSignings: [{ payload: changed, signature }] })), ['signature-wrong']);
  const other = { digest: otherDigest as Digest };
  assert.deepEqual(codes(verify([], { ...other, simpleSignings: [{ payload, signature }] })), ['other-image']);
});

test('the referrer of a bundle is an artifact manifest with an empty config and the image as subject', () => {
  const bundle = signImage(release, { digest, repository });
  const subject = { mediaType: MEDIA_TYPE.manifest, digest, size: 5 };
  const referrer = toReferrer(bundle, subject, { createdAt: new Date('2026-01-02T03:04:05Z') });
  const manifest = parseManifest(referrer.manifestBytes, referrer.mediaType);
  assert.equal(manifest.kind, 'manifest');
  if (manifest.kind !== 'manifest') return;
  assert.equal(manifest.artifactType, 'application/vnd.dev.sigstore.bundle.v0.3+json');
  assert.equal(manifest.config.mediaType, 'application/vnd.oci.empty.v1+json');
  assert.equal(manifest.subject?.digest, digest);
  assert.equal(manifest.annotations['dev.sigstore.bundle.predicateType'], 'https://sigstore.dev/cosign/sign/v1');
  assert.equal(bundleLayer(manifest)?.digest, digestOf(bundle));
  assert.deepEqual(
    referrer.blobs.map((blob) => blob.digest),
    referrer.blobs.map((blob) => digestOf(blob.bytes)),
  );
});

test('identity patterns match the documented text and nothing else (V7)', () => {
  const rows: [string, string, boolean][] = [
    ['ana@example.org', 'ana@example.org', true],
    ['ana@example.org', 'Ana@example.org', false],
    ['ana@example.org', 'xana@example.org', false],
    ['ana@example.org', 'ana@example.org.evil.net', false],
    ['ana@example.org', 'ana@exampleXorg', false],
    ['https://git.example/org/*/build@refs/heads/main', 'https://git.example/org/a/build@refs/heads/main', true],
    ['https://git.example/org/*/build@refs/heads/main', 'https://git.example/org/a/b/build@refs/heads/main', false],
    ['https://git.example/org/*', 'https://git.example/org/a\n', false],
    ['**', 'registry.darsena.internal/a/b', true],
    ['registry.darsena.internal/a/**', 'registry.darsena.internal/ab/c', false],
    ['a.(b)+*', 'a.(b)+c', true],
  ];
  for (const [pattern, text, expected] of rows)
    assert.equal(matchesPattern(pattern, text), expected, `${pattern} ${text}`);
});

test('an identity that would match everybody is refused when it is defined', () => {
  const trustedRoot = {} as TrustedRoot; // never asked: the patterns are judged first
  const wrong = (error: unknown) => error instanceof Fault && error.code === 'trust.identity-pattern';
  for (const [issuer, subject] of [
    ['', 'ana@example.org'],
    ['https://*', 'ana@example.org'],
    ['https://issuer', '*'],
    ['https://issuer', '*@*.*'],
    ['https://issuer', ''],
    ['https://issuer', 'https://git/**'],
    ['https://issuer', 'https://*.example/org/build'],
    ['https://issuer', 'ana@*.example'],
  ] as const) {
    assert.throws(
      () =>
        defineSigner({ name: 'x', uses: ['image'], identity: { kind: 'certificate', issuer, subject, trustedRoot } }),
      wrong,
    );
  }
});
