import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { type Clock, type Json, systemClock } from '../system/index.ts';
import {
  defineSigner,
  generateKeyFile,
  generateSigningKey,
  isMet,
  localSigner,
  makeBundle,
  openKeyFile,
  readPublicKey,
  readTrustedRoot,
  type SignatureVerdict,
  signImage,
  type TrustedSigner,
  verifyImage,
} from './index.ts';
import { makePair, TestSigstore } from './sigstore/test-instance.ts';
import { type BundleParts, keylessBundle } from './test-keyless.ts';

const digest = digestOf(Buffer.from('image'));
const repository = 'tienda/web';
const IDENTITY = { issuer: 'https://issuer.test', subject: 'ana@example.org' };

const keyless = (sigstore: TestSigstore, parts: BundleParts = {}): Uint8Array =>
  keylessBundle(sigstore, { digest, repository }, parts);

function judge(
  sigstore: TestSigstore,
  bundles: readonly Uint8Array[],
  options: {
    readonly identity?: { issuer: string; subject: string };
    readonly clock?: Clock;
    readonly signer?: Partial<TrustedSigner>;
  } = {},
): SignatureVerdict {
  const trustedRoot = readTrustedRoot(sigstore.trustedRoot());
  const identity = { kind: 'certificate', ...(options.identity ?? IDENTITY), trustedRoot } as const;
  const signers = [defineSigner({ name: 'ana', uses: ['image'], identity, ...options.signer })];
  const clock = options.clock ?? systemClock;
  return verifyImage({ digest, repository, bundles, trust: { signers, repositoryBinding: 'required' }, clock });
}

function refusal(verdict: SignatureVerdict): string {
  assert.equal(isMet(verdict, 'image'), false);
  assert.notEqual(verdict.refused[0]?.reason.es, '');
  return `${verdict.refused[0]?.code}: ${verdict.refused[0]?.reason.en}`;
}

test('an honest keyless signature counts, however often it is asked and whatever stands beside it', () => {
  const sigstore = new TestSigstore();
  const bundles = Array.from({ length: 9 }, () => keyless(sigstore, { stampAt: Date.now() }));
  for (const round of [bundles, bundles.slice(3, 4), bundles.toReversed()]) {
    const verdict = judge(sigstore, round);
    assert.deepEqual(verdict.refused, []);
    assert.equal(verdict.accepted.length, round.length);
  }
});

test('a valid log entry that speaks of another artifact, signature or certificate proves nothing (V2)', () => {
  const sigstore = new TestSigstore();
  const other = makePair();
  for (let round = 0; round < 50; round += 1) {
    const logged = [
      { payload: Buffer.from(`another ${round}`) },
      { signature: sign('sha256', Buffer.from(`another ${round}`), other.privateKey) },
      { certificate: sigstore.certify(other) },
      { certificate: other.info },
    ][round % 4];
    assert.match(refusal(judge(sigstore, [keyless(sigstore, { logged: logged ?? {} })])), /^log-wrong: .*another/);
  }
});

test('an entry of the log of another instance, or under another index, is refused (V2)', () => {
  const [sigstore, hostile] = [new TestSigstore(), new TestSigstore()];
  const stolen = JSON.parse(Buffer.from(keyless(hostile)).toString()) as {
    verificationMaterial: { tlogEntries: Json[] };
  };
  const bundle = keyless(sigstore, {
    change: (one) => {
      (one['verificationMaterial'] as Record<string, Json>)['tlogEntries'] = stolen.verificationMaterial.tlogEntries;
    },
  });
  assert.match(refusal(judge(sigstore, [bundle])), /^log-wrong: the transparency log .* is not in the trusted root/);
  const moved = keyless(sigstore, {
    change: (one) => {
      const [entry] = (one['verificationMaterial'] as { tlogEntries: Record<string, Json>[] }).tlogEntries;
      if (entry !== undefined) entry['logIndex'] = '77';
    },
  });
  assert.match(refusal(judge(sigstore, [moved])), /^log-wrong/);
});

test('without a trusted time, a log, a certificate log or its own signature nothing counts', () => {
  const sigstore = new TestSigstore();
  const reasons = [
    refusal(judge(sigstore, [keyless(sigstore, { withoutLog: true })])),
    refusal(judge(sigstore, [keyless(sigstore, { leaf: { withoutSct: true } })])),
    refusal(judge(sigstore, [keyless(sigstore, { leaf: { sctBy: makePair() } })])),
    refusal(judge(sigstore, [keyless(sigstore, { leaf: { usage: '1.3.6.1.5.5.7.3.2' } })])),
    refusal(judge(new TestSigstore(), [keyless(sigstore)])),
  ];
  for (const [index, expected] of [
    /no transparency log/,
    /no proof of a certificate log/,
    /certificate log/,
    /not for signing code/,
    /trusted root/,
  ].entries()) {
    assert.match(reasons[index] ?? '', expected);
  }
});

test('a remembered certificate is remembered for itself alone: its time and identity are asked anew', () => {
  const sigstore = new TestSigstore();
  const trustedRoot = readTrustedRoot(sigstore.trustedRoot());
  const pair = makePair();
  const good = keyless(sigstore, { pair });
  const identity = { kind: 'certificate', ...IDENTITY, trustedRoot } as const;
  const ask = (bundle: Uint8Array, subject = IDENTITY.subject) => {
    const signers = [defineSigner({ name: 'ana', uses: ['image'], identity: { ...identity, subject } })];
    return verifyImage({
      digest,
      repository,
      bundles: [bundle],
      trust: { signers, repositoryBinding: 'required' },
      clock: systemClock,
    });
  };
  assert.equal(isMet(ask(good), 'image'), true);
  assert.equal(isMet(ask(good), 'image'), true);
  assert.match(refusal(ask(good, 'eva@example.org')), /expected eva@example.org/);
  const late = JSON.parse(Buffer.from(good).toString()) as Record<string, Json>;
  const [entry] = (late['verificationMaterial'] as { tlogEntries: Record<string, Json>[] }).tlogEntries;
  if (entry !== undefined) entry['integratedTime'] = String(Number(entry['integratedTime']) + 1);
  assert.match(refusal(ask(Buffer.from(JSON.stringify(late)))), /did not sign this entry and its time/);
  assert.match(refusal(ask(keyless(sigstore, { pair, leaf: { from: Date.now() - 3_600_000 } }))), /time-wrong/);
});

test('a verifier that breaks says no (V6)', () => {
  const { key } = generateSigningKey(Buffer.alloc(32, 7));
  const publicKey = readPublicKey(key.publicKeyPem);
  const broken = {
    ...publicKey,
    verify: () => {
      throw new Error('out of memory');
    },
  };
  const bundles = [signImage(key, { digest, repository })];
  const signers = [
    defineSigner({ name: 'k', uses: ['image'], identity: { kind: 'key', publicKey: broken, trustedRoot: null } }),
  ];
  const verdict = verifyImage({
    digest,
    repository,
    bundles,
    trust: { signers, repositoryBinding: 'required' },
    clock: systemClock,
  });
  assert.match(refusal(verdict), /^internal: the check itself failed, so it does not count: out of memory/);
});

test('random bytes in every part are refused and never thrown (V6)', () => {
  const sigstore = new TestSigstore();
  const honest = Buffer.from(keyless(sigstore, { stampAt: Date.now() })).toString();
  const texts = [...honest.matchAll(/"([A-Za-z0-9+/=]{8,})"/g)].map((match) => match[1] ?? '');
  let refused = 0;
  for (const text of texts) {
    for (const other of [
      '',
      'AAAA',
      Buffer.alloc(64, 0x30).toString('base64'),
      'MIIB',
      `${'QUFB'.repeat(4000)}`,
      text.slice(4),
    ]) {
      const verdict = judge(sigstore, [Buffer.from(honest.replace(text, other))]);
      if (verdict.refused.length > 0) refused += 1;
    }
  }
  assert.ok(refused > texts.length * 4, `${refused} of ${texts.length * 6}`);
});

test('a certificate of a megabyte is not read (V5)', () => {
  const sigstore = new TestSigstore();
  const bundle = keyless(sigstore, {
    change: (one) => {
      (one['verificationMaterial'] as Record<string, Json>)['certificate'] = {
        rawBytes: Buffer.alloc(1_000_000, 0x30).toString('base64'),
      };
    },
  });
  assert.match(refusal(judge(sigstore, [bundle])), /a certificate is larger than/);
});

test('an Ed25519 key and a key that wants a log: without one its signature does not count', async () => {
  const sigstore = new TestSigstore();
  const { privatePem, publicPem } = generateKeyFile('ed25519', 'correct horse');
  const signer = localSigner(openKeyFile(privatePem, 'correct horse'));
  const bundle = await makeBundle(signer, 'image', { digest, repository }, {});
  const trustedRoot = readTrustedRoot(sigstore.trustedRoot());
  const identity = { kind: 'key', publicKey: readPublicKey(publicPem), trustedRoot } as const;
  const ask = (witnesses: { logs: number; times: number }) => {
    const signers = [defineSigner({ name: 'k', uses: ['image'], identity, witnesses })];
    return verifyImage({
      digest,
      repository,
      bundles: [bundle],
      trust: { signers, repositoryBinding: 'required' },
      clock: systemClock,
    });
  };
  assert.equal(isMet(ask({ logs: 0, times: 0 }), 'image'), true);
  assert.match(refusal(ask({ logs: 1, times: 0 })), /in no transparency log/);
  assert.match(refusal(ask({ logs: 0, times: 1 })), /no trusted time/);
});
