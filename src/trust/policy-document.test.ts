import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { Fault, type Json, systemClock } from '../system/index.ts';
import { checkSuccessor, compileHostPolicy, type HostPolicy, TRUST_DOCUMENT_TYPE } from './host-policy.ts';
import {
  attest,
  compileDocument,
  defineSigner,
  generateSigningKey,
  isMet,
  readPublicKey,
  readTrustDocument,
  type SignatureVerdict,
  signImage,
  signRecord,
  type TrustDocument,
  verifyImage,
} from './index.ts';

const master = randomBytes(32);
const release = generateSigningKey(master).key;
const security = generateSigningKey(master).key;
const admin = generateSigningKey(master).key;
const digest = digestOf(Buffer.from('image'));
const repository = 'tienda/web';

const POLICY = `
version: 1
signers:
  - { name: release, uses: [image], repositories: ["tienda/**"], key: ${JSON.stringify(release.publicKeyPem)} }
  - { name: security, uses: [image, approval], key: ${JSON.stringify(security.publicKeyPem)} }
rules:
  - { repositories: ["tienda/*"], image: { count: 2, of: [release, security] } }
`;

function judge(text: string, bundles: readonly Uint8Array[], where = repository, now = new Date()): SignatureVerdict {
  const trust = compileDocument(readTrustDocument(text), []);
  return verifyImage({ digest, repository: where, bundles, trust, clock: { ...systemClock, now: () => now } });
}

test('two of release and security means both, and one who signs twice is one', () => {
  const byRelease = signImage(release, { digest, repository });
  const bySecurity = signImage(security, { digest, repository });
  const other = attest(security, 'approval', { digest, repository }, {});
  assert.equal(isMet(judge(POLICY, [byRelease, byRelease]), 'image'), false);
  assert.equal(isMet(judge(POLICY, [byRelease, other]), 'image'), false);
  const both = judge(POLICY, [byRelease, bySecurity]);
  assert.equal(isMet(both, 'image'), true);
  assert.deepEqual(both.demands[0], {
    ...{ use: 'image', count: 2, of: ['release', 'security'] },
    ...{ environments: null, signers: ['release', 'security'], met: true, needed: true },
  });
});

test('a signed image copied elsewhere passes only where a rule names the place it came from', () => {
  const copied = signImage(release, { digest, repository: 'registry.example/acme/web' });
  const rule = (more: string) => POLICY.replace('image: { count: 2, of: [release, security] }', more);
  assert.deepEqual(
    judge(rule('image: { count: 1 }'), [copied]).refused.map((one) => one.code),
    ['other-repository'],
  );
  assert.equal(isMet(judge(rule('alsoBoundTo: ["registry.example/acme/*"]'), [copied]), 'image'), true);
  assert.equal(isMet(judge(rule('alsoBoundTo: ["registry.example/other/*"]'), [copied]), 'image'), false);
  assert.equal(isMet(judge(rule('binding: ignored'), [copied]), 'image'), true);
});

test('a key outside its time, and a revoked one, count for nothing and the reason names the time (V4)', () => {
  const bundle = signImage(security, { digest, repository: 'x/y' });
  for (const [bound, at, code] of [
    ['validFrom: "2026-01-01T00:00:00Z"', '2016-01-01T00:00:00Z', 'signer-not-valid-now'],
    ['validUntil: "2026-01-01T00:00:00Z"', '2036-01-01T00:00:00Z', 'signer-not-valid-now'],
    ['revokedAt: "2026-01-01T00:00:00Z"', '2025-01-01T00:00:00Z', 'signer-revoked'],
  ] as const) {
    const text = POLICY.replace('name: security,', `name: security, ${bound},`);
    const [refused] = judge(text, [bundle], 'x/y', new Date(at)).refused;
    assert.equal(refused?.code, code);
    assert.match(refused?.reason.es ?? '', /20[0-9]{2}-01-01/);
  }
});

test('every mistake of a document is named at once', () => {
  const wrong = (text: string): string => {
    try {
      readTrustDocument(text);
    } catch (error) {
      if (error instanceof Fault) return error.message;
      throw error;
    }
    return '';
  };
  const inSpanish = (text: string): string => {
    try {
      readTrustDocument(text);
    } catch (error) {
      if (error instanceof Fault) return error.text('es').why ?? '';
      throw error;
    }
    return '';
  };
  assert.equal(inSpanish('version: 2'), 'version: se esperaba uno de 1');
  assert.match(inSpanish(POLICY.replace('count: 2', 'count: 3')), /3 de 2 no se puede cumplir nunca/);
  assert.match(inSpanish(POLICY.replace('name: security', 'name: release')), /otro firmante tiene este nombre/);
  assert.match(
    inSpanish('version: 1\nsigners: [{ name: x, uses: [image] }]'),
    /se esperaba uno de key, keyless y notation/,
  );
  assert.match(wrong('version: 2'), /version/);
  assert.match(wrong('version: 1\nsigner: []'), /signer/);
  assert.match(wrong(POLICY.replace('count: 2', 'count: 3')), /3 of 2 can never be met/);
  assert.match(wrong(POLICY.replace('name: security', 'name: release')), /another signer has this name/);
  assert.match(wrong(POLICY.replace('uses: [image],', 'uses: [image], logs: 1,')), /need a root/);
  const keyless =
    'version: 1\nsigners: [{ name: ci, uses: [image], keyless: { issuer: "https://i", subject: "*", root: none } }]';
  assert.match(wrong(keyless), /root none is not among the roots/);
});

test('a host follows no policy that its administrators did not sign, and none that is older', () => {
  const administrators = { count: 1, keys: [admin.publicKeyPem] };
  const first: TrustDocument = { version: 1, administrators };
  const next: TrustDocument = { version: 1 };
  const policy = (version: number, document: TrustDocument, by?: typeof admin): HostPolicy => ({
    ...{ version, document, keys: [] },
    signatures: by === undefined ? [] : [signRecord(by, TRUST_DOCUMENT_TYPE, document as unknown as Json)],
  });
  const standing = policy(2, first);
  const refuses = (candidate: HostPolicy, code: string) =>
    assert.throws(
      () => checkSuccessor(standing, candidate),
      (error: unknown) => error instanceof Fault && error.code === code,
    );
  checkSuccessor(null, standing);
  checkSuccessor(standing, policy(3, first));
  refuses(policy(3, next), 'trust.policy-unsigned');
  refuses(policy(3, next, release), 'trust.policy-unsigned');
  refuses({ ...policy(3, first, admin), document: next }, 'trust.policy-unsigned');
  refuses(policy(1, next, admin), 'trust.policy-changed');
  checkSuccessor(standing, policy(3, next, admin));
});

test('where administrators are named, a key that only control believes does not count at a host', () => {
  const own = defineSigner({
    ...{ name: 'builder:a', uses: ['image'] },
    identity: { kind: 'key', publicKey: readPublicKey(release.publicKeyPem), trustedRoot: null },
  });
  const key = {
    name: 'slipped-in',
    uses: ['image'],
    repositories: ['**'],
    publicKeyPem: security.publicKeyPem,
  } as const;
  const keys = [{ ...key, validFrom: null, validUntil: null, revokedAt: null }];
  const named = { count: 1, keys: [admin.publicKeyPem] };
  const names = (document: TrustDocument): string[] =>
    compileHostPolicy({ version: 1, document, signatures: [], keys }, pins, new Map()).signers.map((one) => one.name);
  const pins = { own: [own], control: [readPublicKey(admin.publicKeyPem)] };
  assert.deepEqual(names({ version: 1 }), ['builder:a', 'slipped-in']);
  // Of control only the key that was pinned when the host joined, for what is control's to say.
  assert.deepEqual(names({ version: 1, administrators: named }), ['builder:a', 'control']);
  const led = compileHostPolicy(
    { version: 1, document: { version: 1, administrators: named }, signatures: [], keys },
    pins,
    new Map(),
  );
  assert.deepEqual(led.signers[1]?.uses, ['scan', 'sbom', 'approval']);
});

test('a policy that is no YAML is refused by name, in both languages', () => {
  assert.throws(
    () => readTrustDocument('signers: ['),
    (error: unknown) =>
      error instanceof Fault &&
      error.code === 'trust.policy-invalid' &&
      /el YAML no se puede leer: falta el cierre \]/.test(error.text('es').why ?? error.text('es').what) &&
      !/falta/.test(error.message),
  );
});
