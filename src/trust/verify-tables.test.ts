import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { type Clock, Fault, systemClock } from '../system/index.ts';
import {
  defineSigner,
  generateSigningKey,
  isMet,
  readPublicKey,
  readTrustedRoot,
  type SignatureVerdict,
  signImage,
  type TrustedSigner,
  verifyImage,
  writeSimpleSigning,
} from './index.ts';
import { type LeafOptions, type RootValidity, TestSigstore } from './sigstore/test-instance.ts';
import { type BundleParts, keylessBundle } from './test-keyless.ts';

const HOUR = 3_600_000;
const YEARS = 365 * 24 * HOUR;
const image = { digest: digestOf(Buffer.from('image')), repository: 'tienda/web' };
const IDENTITY = { issuer: 'https://issuer.test', subject: 'ana@example.org' };
/** Of the instance too: this file may be loaded minutes before its tests run. */
const now = Date.now();
const iso = (at: number): string => new Date(at).toISOString();
const seconds = (at: number): number => Math.floor(at / 1000);

interface TimeRow {
  readonly sigstore?: TestSigstore;
  readonly bundle?: BundleParts;
  readonly root?: RootValidity;
  readonly signer?: Partial<TrustedSigner>;
  readonly clock?: number;
}

/** Of the instance that most rows share: making one costs four keys. */
const shared = new TestSigstore({ now: () => now });

function judgeKeyless({ sigstore = shared, bundle = {}, root = {}, signer = {}, clock }: TimeRow): SignatureVerdict {
  const identity = {
    kind: 'certificate',
    ...IDENTITY,
    trustedRoot: readTrustedRoot(sigstore.trustedRoot(root)),
  } as const;
  return verifyImage({
    ...{ ...image, bundles: [keylessBundle(sigstore, image, bundle)], clock: clockAt(clock) },
    trust: {
      signers: [defineSigner({ name: 'ana', uses: ['image'], identity, ...signer })],
      repositoryBinding: 'required',
    },
  });
}

function clockAt(at: number | undefined): Clock {
  return at === undefined ? systemClock : { ...systemClock, now: () => new Date(at) };
}

const { key } = generateSigningKey(Buffer.alloc(32, 3));

/** A signature by a key file: no time of its own, so today's date decides. */
function judgeKey(
  signer: Partial<TrustedSigner>,
  clock?: number,
  layout: 'bundle' | 'cosign' = 'bundle',
): SignatureVerdict {
  const identity = { kind: 'key', publicKey: readPublicKey(key.publicKeyPem), trustedRoot: null } as const;
  const payload = writeSimpleSigning(image);
  const signed =
    layout === 'bundle'
      ? { bundles: [signImage(key, image)] }
      : { bundles: [], simpleSignings: [{ payload, signature: Buffer.from(key.sign(payload)).toString('base64') }] };
  return verifyImage({
    ...{ ...image, ...signed, clock: clockAt(clock) },
    trust: {
      signers: [defineSigner({ name: 'release', uses: ['image'], identity, ...signer })],
      repositoryBinding: 'required',
    },
  });
}

const root = (valid: RootValidity, bundle: BundleParts = {}) => judgeKeyless({ root: valid, bundle });
const authority = (
  valid: NonNullable<ConstructorParameters<typeof TestSigstore>[0]>['valid'],
  bundle: BundleParts = {},
) =>
  judgeKeyless({ sigstore: new TestSigstore({ now: () => now, ...(valid === undefined ? {} : { valid }) }), bundle });
const leaf = (options: LeafOptions, more: BundleParts = {}) => judgeKeyless({ bundle: { leaf: options, ...more } });

/** Forty ways in which something was not valid when it was signed, or is not now. */
const TIMES: Readonly<Record<string, () => SignatureVerdict>> = {
  'leaf ended an hour before': () => leaf({ from: now - 2 * HOUR, until: now - HOUR }),
  'leaf ended a second before': () =>
    leaf({ from: now - HOUR, until: now - 2000 }, { integratedTime: seconds(now) - 1 }),
  'leaf ended ten years ago': () => leaf({ from: now - 10 * YEARS }),
  'leaf begins in an hour': () => leaf({ from: now + HOUR }),
  'leaf begins a second after': () => leaf({ from: now + 3000 }, { integratedTime: seconds(now) }),
  'leaf begins in ten years': () => leaf({ from: now + 10 * YEARS }),
  'leaf ends before it begins': () => leaf({ from: now, until: now - HOUR }),
  'leaf ended before the time stamp': () => leaf({}, { stampAt: now + 20 * 60_000 }),
  'leaf begins after the time stamp': () => leaf({}, { stampAt: now - 2 * HOUR }),
  'leaf ended before the log’s time, not the stamp’s': () =>
    leaf({ from: now - HOUR, until: now - HOUR / 2 }, { stampAt: now - HOUR + 60_000 }),
  'intermediate ended a minute before': () => authority({ intermediate: { until: now - 60_000 } }),
  'intermediate ended ten years ago': () =>
    authority({ intermediate: { from: now - 11 * YEARS, until: now - 10 * YEARS } }),
  'intermediate begins in an hour': () => authority({ intermediate: { from: now + HOUR } }),
  'root ended a minute before': () => authority({ root: { until: now - 60_000 } }),
  'root begins in an hour': () => authority({ root: { from: now + HOUR } }),
  'stamper ended a minute before': () => authority({ stamper: { until: now - 60_000 } }, { stampAt: now }),
  'stamper begins in an hour': () => authority({ stamper: { from: now + HOUR } }, { stampAt: now }),
  'stamp authority ended a minute before': () => authority({ stamps: { until: now - 60_000 } }, { stampAt: now }),
  'stamp authority begins in an hour': () => authority({ stamps: { from: now + HOUR } }, { stampAt: now }),
  'stamp of ten years ago': () => leaf({}, { stampAt: now - 10 * YEARS }),
  'stamp of ten years ahead': () => leaf({}, { stampAt: now + 10 * YEARS }),
  'root no longer trusts the authority': () => root({ authority: { from: now - 2 * HOUR, until: now - HOUR } }),
  'root trusts the authority later': () => root({ authority: { from: now + HOUR } }),
  'root no longer trusts the stamps': () =>
    root({ stamps: { from: now - 2 * HOUR, until: now - HOUR } }, { stampAt: now }),
  'root trusts the stamps later': () => root({ stamps: { from: now + HOUR } }, { stampAt: now }),
  'root no longer trusts the log': () => root({ log: { from: now - 2 * HOUR, until: now - HOUR } }),
  'root trusts the log later': () => root({ log: { from: now + HOUR } }),
  'root no longer trusts the certificate log': () =>
    root({ certificateLog: { from: now - 2 * HOUR, until: now - HOUR } }),
  'root trusts the certificate log later': () => root({ certificateLog: { from: now + HOUR } }),
  'certificate logged ten years ago': () => leaf({ sctAt: now - 10 * YEARS }),
  'log entry of ten years ago': () => leaf({}, { integratedTime: seconds(now - 10 * YEARS) }),
  'log entry of ten years ahead': () => leaf({}, { integratedTime: seconds(now + 10 * YEARS) }),
  'clock ten years behind': () => judgeKeyless({ clock: now - 10 * YEARS }),
  'clock an hour behind': () => judgeKeyless({ clock: now - HOUR }),
  'identity believed from next year': () => judgeKeyless({ signer: { validFrom: iso(now + YEARS) } }),
  'identity believed until last year': () => judgeKeyless({ signer: { validUntil: iso(now - YEARS) } }),
  'identity revoked': () => judgeKeyless({ signer: { revokedAt: iso(now + YEARS) } }),
  'key believed from next year': () => judgeKey({ validFrom: iso(now + YEARS) }),
  'key believed until last year': () => judgeKey({ validUntil: iso(now - YEARS) }),
  'key revoked': () => judgeKey({ revokedAt: iso(now) }),
  'key believed until next year, clock ten years ahead': () =>
    judgeKey({ validUntil: iso(now + YEARS) }, now + 10 * YEARS),
  'key believed from last year, clock ten years behind': () =>
    judgeKey({ validFrom: iso(now - YEARS) }, now - 10 * YEARS),
  'key believed until last year, layout of cosign 2': () => judgeKey({ validUntil: iso(now - YEARS) }, now, 'cosign'),
  'key believed from next year, layout of cosign 2': () => judgeKey({ validFrom: iso(now + YEARS) }, now, 'cosign'),
};

test('V4: leaf, authorities, time stamps, logs, keys and clock outside their time are refused, and the reason names the time', () => {
  assert.ok(Object.keys(TIMES).length >= 40);
  const accepted: string[] = [];
  for (const [what, ask] of Object.entries(TIMES)) {
    const verdict = ask();
    if (isMet(verdict, 'image')) accepted.push(what);
    const [refused] = verdict.refused;
    for (const language of ['en', 'es'] as const)
      assert.match(refused?.reason[language] ?? '', /\b(19|20)\d\d-\d\d-\d\d/, `${what}: ${refused?.reason[language]}`);
    assert.notEqual(refused?.reason.en, refused?.reason.es, what);
  }
  assert.deepEqual(accepted, []);
  // What is honest counts, and still does in ten years: when it was signed is proven. A key without bounds has no time.
  const signed = Date.now();
  for (const clock of [signed, signed + 10 * YEARS]) {
    assert.equal(isMet(judgeKeyless({ clock, bundle: { stampAt: signed } }), 'image'), true);
    assert.equal(isMet(judgeKey({}, clock), 'image'), true);
  }
});

const WORKFLOW = 'https://git.test/acme/web/.github/workflows/build.yml@refs/heads/main';
const ANY_REPOSITORY = 'https://git.test/acme/*/.github/workflows/build.yml@refs/heads/main';
const email = (address: string): LeafOptions => ({ subject: { email: address } });
const uri = (text: string): LeafOptions => ({ subject: { uri: text } });

/** What a certificate says, the subject that the policy names, and whether that is the same; null: no policy says that. */
const IDENTITIES: readonly (readonly [LeafOptions, string, boolean | null])[] = [
  // In full, and not as a part of something longer.
  [email('ana@example.org'), 'ana@example.org', true],
  [email('ana@example.org.evil.test'), 'ana@example.org', false],
  [email('xana@example.org'), 'ana@example.org', false],
  [email('eva+ana@example.org'), 'ana@example.org', false],
  [email('ana@example.org '), 'ana@example.org', false],
  [email(' ana@example.org'), 'ana@example.org', false],
  [email('ana@example.or'), 'ana@example.org', false],
  [email('na@example.org'), 'ana@example.org', false],
  [email('ana@example.org,eva@example.org'), 'ana@example.org', false],
  [email('ana@example.org\neva@example.org'), 'ana@example.org', false],
  [email('ana@example.org\u0000.evil.test'), 'ana@example.org', false],
  [email('ana@sub.example.org'), 'ana@example.org', false],
  [email('eva@example.org'), 'ana@example.org', false],
  [email('ana%40example.org'), 'ana@example.org', false],
  [email('"ana"@example.org'), 'ana@example.org', false],
  [email('ana@example.org?x=1'), 'ana@example.org', false],
  // A pattern is no regular expression: nothing else than * has a meaning.
  [email('ana@exampleXorg'), 'ana@example.org', false],
  [email('anb@example.org'), 'an.@example.org', false],
  [email('ana@example.org'), 'an.@example.org', false],
  [email('ana@example.org'), '^ana@example.org$', false],
  [email('ana@example.org'), '(ana|eva)@example.org', false],
  [email('ana@example.org'), '[a-z]+@example.org', false],
  [email('ana@example.org'), 'an?a@example.org', false],
  [email('ana@example.org'), 'ana@example\\.org', false],
  [email('ana@example.org'), '.+@example.org', false],
  [uri(WORKFLOW), 'https://git.test/acme/.+', false],
  [uri(WORKFLOW), '^https://git.test/acme/web', false],
  [uri(WORKFLOW), 'https://git.test/acme/(web|api)/.github/workflows/build.yml@refs/heads/main', false],
  // Case counts, and so do letters that only look the same.
  [email('Ana@example.org'), 'ana@example.org', false],
  [email('ana@Example.org'), 'ana@example.org', false],
  [email('ANA@EXAMPLE.ORG'), 'ana@example.org', false],
  [email('аna@example.org'), 'ana@example.org', false],
  [uri(WORKFLOW.replace('acme', 'Acme')), WORKFLOW, false],
  [uri(WORKFLOW.replace('git.test', 'GIT.test')), WORKFLOW, false],
  [uri(WORKFLOW.replace('https', 'HTTPS')), WORKFLOW, false],
  [uri(WORKFLOW), WORKFLOW.replace('main', 'Main'), false],
  // Only this issuer, in full.
  [{ ...email('ana@example.org'), issuer: 'https://issuer.test/' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'https://issuer.test.evil.test' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'https://evil.test/https://issuer.test' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'http://issuer.test' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'https://ISSUER.test' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'https://issuer.test:443' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'issuer.test' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: 'https://other.test' }, 'ana@example.org', false],
  [{ ...email('ana@example.org'), issuer: '' }, 'ana@example.org', false],
  [{ ...uri(WORKFLOW), issuer: 'https://other.test' }, WORKFLOW, false],
  [{ ...uri(WORKFLOW), issuer: 'https://other.test' }, ANY_REPOSITORY, false],
  // An address is no URI that looks like it, and the other way round.
  [uri('mailto:ana@example.org'), 'ana@example.org', false],
  [uri('ana@example.org'), 'ana@example.org', false],
  [uri('https://example.org/ana@example.org'), 'ana@example.org', false],
  [uri('https://ana@example.org'), 'ana@example.org', false],
  [email('https://ana@example.org'), 'https://ana@example.org', false],
  [email(WORKFLOW), WORKFLOW, false],
  [email('mailto:ana@example.org'), 'mailto:ana@example.org', true],
  [uri('mailto:ana@example.org'), 'mailto:ana@example.org', false],
  [uri('https://ana@example.org'), 'https://ana@example.org', true],
  // A workflow in full.
  [uri(WORKFLOW), WORKFLOW, true],
  [uri(`${WORKFLOW}-2`), WORKFLOW, false],
  [uri(`${WORKFLOW}/`), WORKFLOW, false],
  [uri(`${WORKFLOW}?x`), WORKFLOW, false],
  [uri(`${WORKFLOW}#x`), WORKFLOW, false],
  [uri(`https://evil.test/?${WORKFLOW}`), WORKFLOW, false],
  [uri(`https://evil.test/${WORKFLOW}`), WORKFLOW, false],
  [uri(WORKFLOW.replace('git.test', 'git.test.evil.test')), WORKFLOW, false],
  [uri(WORKFLOW.replace('git.test', 'evil.test@git.test')), WORKFLOW, false],
  [uri(WORKFLOW.replace('git.test', 'git.test:443')), WORKFLOW, false],
  [uri(WORKFLOW.replace('https', 'http')), WORKFLOW, false],
  [uri(WORKFLOW.replace('heads', 'tags')), WORKFLOW, false],
  [uri(WORKFLOW.replace('build.yml', 'build.yaml')), WORKFLOW, false],
  [uri(WORKFLOW.replace('acme', 'acme-evil')), WORKFLOW, false],
  [uri(WORKFLOW.replace('/web/', '/%77eb/')), WORKFLOW, false],
  [uri(WORKFLOW.replace('/web/', '//web/')), WORKFLOW, false],
  [uri(WORKFLOW.replace('/web/', '/x/../web/')), WORKFLOW, false],
  // * is a part of one segment.
  [uri(WORKFLOW), ANY_REPOSITORY, true],
  [uri(WORKFLOW.replace('web', 'api')), ANY_REPOSITORY, true],
  [uri(WORKFLOW.replace('web', 'web/x')), ANY_REPOSITORY, false],
  [uri(WORKFLOW.replace('/web/', '/')), ANY_REPOSITORY, false],
  [uri(WORKFLOW.replace('web', 'a\u0000b')), ANY_REPOSITORY, false],
  [uri(WORKFLOW.replace('web', 'a\nb')), ANY_REPOSITORY, false],
  [uri(WORKFLOW.replace('main', 'evil')), ANY_REPOSITORY, false],
  [uri(WORKFLOW.replace('acme', 'evil')), ANY_REPOSITORY, false],
  [uri(WORKFLOW), 'https://git.test/acme/w*/.github/workflows/build.yml@refs/heads/main', true],
  [uri(WORKFLOW), 'https://git.test/acme/x*/.github/workflows/build.yml@refs/heads/main', false],
  [uri(WORKFLOW), 'https://git.test/acme/web/.github/workflows/*@refs/heads/main', true],
  [
    uri(WORKFLOW.replace('main', 'main/x')),
    'https://git.test/acme/web/.github/workflows/build.yml@refs/heads/*',
    false,
  ],
  [uri(WORKFLOW.replace('main', 'next')), 'https://git.test/acme/web/.github/workflows/build.yml@refs/heads/*', true],
  [uri(WORKFLOW), 'https://git.test/acme/*', false],
  [email('ana@example.org'), '*@example.org', true],
  [email('ana@example.org.evil.test'), '*@example.org', false],
  [email('ana@evil.test/@example.org'), '*@example.org', false],
  [email('ana@evil.test'), '*@example.org', false],
  [uri('ana@example.org'), '*@example.org', false],
  // What would believe strangers is no policy.
  [email('ana@example.org'), '*', null],
  [email('ana@example.org'), '', null],
  [email('ana@example.org'), '*@*', null],
  [email('ana@example.org'), '*@*.*', null],
  [email('ana@example.org'), 'ana@*', null],
  [email('ana@example.org'), 'ana@*.org', null],
  [email('ana@example.org'), 'ana@example.*', null],
  [email('ana@example.org'), '**', null],
  [uri(WORKFLOW), 'https://*', null],
  [uri(WORKFLOW), 'https://*/acme/web/.github/workflows/build.yml@refs/heads/main', null],
  [uri(WORKFLOW), 'https://*.test/acme/web/.github/workflows/build.yml@refs/heads/main', null],
  [uri(WORKFLOW), 'https://git.test/**', null],
];

test('V7: an identity is exactly what is documented: in full, with case, its own kind, * within a segment, never everybody', () => {
  const rows = new Set(IDENTITIES.map((row) => JSON.stringify(row)));
  assert.ok(rows.size === IDENTITIES.length && rows.size >= 100, `${rows.size} of ${IDENTITIES.length} rows differ`);
  const wrong: string[] = [];
  const trustedRoot = readTrustedRoot(shared.trustedRoot());
  for (const [leafOptions, subject, expected] of IDENTITIES) {
    const seen = (() => {
      try {
        const identity = { kind: 'certificate', issuer: IDENTITY.issuer, subject, trustedRoot } as const;
        const signers = [defineSigner({ name: 'ana', uses: ['image'], identity })];
        const bundles = [keylessBundle(shared, image, { leaf: leafOptions })];
        const trust = { signers, repositoryBinding: 'required' } as const;
        return isMet(verifyImage({ ...image, bundles, trust, clock: systemClock }), 'image');
      } catch (error) {
        if (error instanceof Fault && error.code === 'trust.identity-pattern') return null;
        throw error;
      }
    })();
    if (seen !== expected) wrong.push(`${JSON.stringify(leafOptions)} under ${subject}: ${seen}, not ${expected}`);
  }
  assert.deepEqual(wrong, []);
});
