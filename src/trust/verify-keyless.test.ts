import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { type Clock, type Json, systemClock } from '../system/index.ts';
import { preAuthenticationEncoding } from './dsse.ts';
import {
  BUNDLE_MEDIA_TYPE,
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
import { type LeafOptions, makePair, type Pair, TestSigstore } from './sigstore/test-instance.ts';
import { PREDICATE_TYPE, STATEMENT_PAYLOAD_TYPE, writeStatement } from './statement.ts';

const YEARS = 365 * 86_400_000;
const digest = digestOf(Buffer.from('image'));
const repository = 'tienda/web';
const IDENTITY = { issuer: 'https://issuer.test', subject: 'ana@example.org' };

interface Parts {
  readonly leaf?: LeafOptions;
  readonly pair?: Pair;
  /** Logged in place of what is signed. */
  readonly logged?: {
    readonly payload?: Uint8Array;
    readonly signature?: Uint8Array;
    readonly certificate?: Uint8Array;
  };
  readonly integratedTime?: number;
  readonly stampAt?: number;
  readonly withoutLog?: boolean;
  readonly change?: (bundle: Record<string, Json>) => void;
}

/** A keyless bundle, honest but for what the test says. */
function keyless(sigstore: TestSigstore, parts: Parts = {}, name = repository): Uint8Array {
  const pair = parts.pair ?? makePair();
  const certificate = sigstore.certify(pair, parts.leaf);
  const payload = writeStatement({ digest, repository: name }, PREDICATE_TYPE.image, {});
  const signature = sign('sha256', preAuthenticationEncoding(STATEMENT_PAYLOAD_TYPE, payload), pair.privateKey);
  const { logged = {} } = parts;
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(logged.certificate ?? certificate).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const spec = {
    payloadHash: { algorithm: 'sha256', value: digestOf(logged.payload ?? payload).slice(7) },
    signatures: [
      {
        signature: Buffer.from(logged.signature ?? signature).toString('base64'),
        verifier: Buffer.from(pem).toString('base64'),
      },
    ],
  };
  const entry = sigstore.record({ apiVersion: '0.0.1', kind: 'dsse', spec }, 'dsse', '0.0.1', parts.integratedTime);
  const bundle: Record<string, Json> = {
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: {
      certificate: { rawBytes: certificate.toString('base64') },
      tlogEntries: parts.withoutLog === true ? [] : [entry],
      ...(parts.stampAt === undefined
        ? {}
        : {
            timestampVerificationData: {
              rfc3161Timestamps: [{ signedTimestamp: sigstore.stamp(signature, parts.stampAt).toString('base64') }],
            },
          }),
    },
    dsseEnvelope: {
      payloadType: STATEMENT_PAYLOAD_TYPE,
      payload: Buffer.from(payload).toString('base64'),
      signatures: [{ keyid: '', sig: signature.toString('base64') }],
    },
  };
  parts.change?.(bundle);
  return Buffer.from(JSON.stringify(bundle));
}

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

const at = (now: number): Clock => ({ ...systemClock, now: () => new Date(now) });

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

test('whatever was not valid when it was signed is refused, and the reason names the time (V4)', () => {
  const now = Date.now();
  const sigstore = new TestSigstore();
  const seconds = (time: number): number => Math.floor(time / 1000);
  const cases: readonly [string, SignatureVerdict, RegExp][] = [
    [
      'leaf ended',
      judge(sigstore, [keyless(sigstore, { leaf: { from: now - 3_600_000, until: now - 3_000_000 } })]),
      /time-wrong: .*valid from 20.* signed at 20/,
    ],
    [
      'leaf not begun',
      judge(sigstore, [keyless(sigstore, { leaf: { from: now + 3_600_000 }, integratedTime: seconds(now) })]),
      /time-wrong: .*signed at 20/,
    ],
    ['stamp outside', judge(sigstore, [keyless(sigstore, { stampAt: now - 7_200_000 })]), /time-wrong: .*signed at 20/],
    [
      'signed in the future',
      judge(sigstore, [keyless(sigstore)], { clock: at(now - 10 * YEARS) }),
      /time-wrong: it claims to be signed at 20/,
    ],
    [
      'policy not begun',
      judge(sigstore, [keyless(sigstore)], { signer: { validFrom: new Date(now + YEARS).toISOString() } }),
      /signer-not-valid-now: .*20/,
    ],
    [
      'policy ended',
      judge(sigstore, [keyless(sigstore)], { signer: { validUntil: new Date(now - YEARS).toISOString() } }),
      /signer-not-valid-now: .*20/,
    ],
    [
      'revoked',
      judge(sigstore, [keyless(sigstore)], { signer: { revokedAt: new Date(now + YEARS).toISOString() } }),
      /signer-revoked: .*20/,
    ],
  ];
  for (const [what, verdict, reason] of cases) assert.match(refusal(verdict), reason, what);
  const shortLived = new TestSigstore({ intermediateUntil: now - 60_000 });
  assert.match(
    refusal(judge(shortLived, [keyless(shortLived)])),
    /time-wrong: the certificate of intermediate was valid/,
  );
  const oldStamper = new TestSigstore({ stamperUntil: now - 60_000 });
  assert.match(
    refusal(judge(oldStamper, [keyless(oldStamper, { stampAt: now })])),
    /time-wrong: the certificate of stamper was valid/,
  );
  // Ten years on, the certificate is long over: what counts is when it was signed, and that is proven.
  assert.equal(isMet(judge(sigstore, [keyless(sigstore)], { clock: at(now + 10 * YEARS) }), 'image'), true);
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

test('identities: exactly the documented match (V7)', () => {
  const sigstore = new TestSigstore();
  const workflow = 'https://git.test/acme/web/.github/workflows/build.yml@refs/heads/main';
  const rows: readonly [LeafOptions, string, string, boolean][] = [
    [{ subject: { email: 'ana@example.org' } }, IDENTITY.issuer, 'ana@example.org', true],
    [{ subject: { email: 'Ana@example.org' } }, IDENTITY.issuer, 'ana@example.org', false],
    [{ subject: { email: 'ana@example.org.evil.test' } }, IDENTITY.issuer, 'ana@example.org', false],
    [{ subject: { uri: 'mailto:ana@example.org' } }, IDENTITY.issuer, 'ana@example.org', false],
    [{ subject: { uri: 'ana@example.org' } }, IDENTITY.issuer, 'ana@example.org', false],
    [{ issuer: 'https://issuer.test/' }, IDENTITY.issuer, 'ana@example.org', false],
    [{ issuer: 'https://other.test' }, IDENTITY.issuer, 'ana@example.org', false],
    [{ subject: { uri: workflow } }, IDENTITY.issuer, workflow, true],
    [{ subject: { email: workflow } }, IDENTITY.issuer, workflow, false],
    [
      { subject: { uri: workflow } },
      IDENTITY.issuer,
      'https://git.test/acme/*/.github/workflows/build.yml@refs/heads/main',
      true,
    ],
    [
      { subject: { uri: workflow.replace('web', 'web/x') } },
      IDENTITY.issuer,
      'https://git.test/acme/*/.github/workflows/build.yml@refs/heads/main',
      false,
    ],
    [{ subject: { uri: workflow.replace('main', 'main-2') } }, IDENTITY.issuer, workflow, false],
    [{ subject: { uri: `https://evil.test/?${workflow}` } }, IDENTITY.issuer, workflow, false],
  ];
  for (const [leaf, issuer, subject, expected] of rows) {
    const verdict = judge(sigstore, [keyless(sigstore, { leaf })], { identity: { issuer, subject } });
    assert.equal(isMet(verdict, 'image'), expected, `${JSON.stringify(leaf)} ${subject}`);
  }
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
