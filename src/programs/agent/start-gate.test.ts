import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { signVerdict, type Verdict } from '../../admit/index.ts';
import { type Digest, REGISTRY_NAME } from '../../oci/index.ts';
import { type Clock, silentLog, systemClock } from '../../system/index.ts';
import {
  defineSigner,
  generateSigningKey,
  NO_SIGNATURES,
  packSignatures,
  readPublicKey,
  signImage,
  type TrustPolicy,
} from '../../trust/index.ts';
import { HostStartGate } from './start-gate.ts';

const master = randomBytes(32);
const control = generateSigningKey(master).key;
const builder = generateSigningKey(master).key;
const stranger = generateSigningKey(master).key;
const digest: Digest = `sha256:${'a'.repeat(64)}`;
const other: Digest = `sha256:${'b'.repeat(64)}`;
const repository = 'tienda/web';
const specHash = `sha256:${'1'.repeat(64)}`;

const OWN: TrustPolicy = {
  repositoryBinding: 'required',
  signers: [signerOf('builder', builder.publicKeyPem)],
};

function signerOf(name: string, pem: string) {
  const identity = { kind: 'key', publicKey: readPublicKey(pem), trustedRoot: null } as const;
  return defineSigner({ name, uses: ['image'], identity });
}

const start = {
  workload: { project: 'tienda', environment: 'dev', name: 'web' },
  container: 'web',
  image: `${REGISTRY_NAME}/${repository}@${digest}`,
  imageDigest: digest,
  specHash,
};

function verdict(change: Partial<Verdict> = {}): Verdict {
  return {
    id: '01890000-0000-7000-8000-000000000000',
    at: new Date().toISOString(),
    door: 'start',
    decision: 'allow',
    reasons: [],
    policy: { name: 'prod', version: '1' },
    project: 'tienda',
    environment: 'dev',
    digest,
    specHash,
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    ...change,
  };
}

function gateWith(
  verdicts: readonly Verdict[],
  options: { by?: typeof control; bundles?: Uint8Array[]; clock?: Clock; trust?: TrustPolicy } = {},
) {
  const gate = new HostStartGate({
    clock: options.clock ?? systemClock,
    log: silentLog,
    verdictKeyPem: control.publicKeyPem,
    trust: () => options.trust ?? OWN,
  });
  const bundles = options.bundles ?? [signImage(builder, { digest, repository })];
  gate.setEvidence({
    verdicts: verdicts.map((one) => signVerdict(options.by ?? control, one)),
    signatures: { [`${repository}@${digest}`]: packSignatures({ ...NO_SIGNATURES, bundles }) },
  });
  return gate;
}

const unsignedWarning = {
  rule: 'image-unsigned',
  effect: 'warn' as const,
  message: { en: 'x', es: 'x' },
  remedy: null,
  subject: null,
  exception: null,
};

test('a judged and signed image starts', async () => {
  assert.deepEqual(await gateWith([verdict()]).check(start), { allow: true });
});

test('what control itself could not have allowed does not start', async () => {
  const later: Clock = { ...systemClock, now: () => new Date(Date.now() + 2 * 3_600_000) };
  const cases: [string, HostStartGate][] = [
    ['no verdict at all', gateWith([])],
    ['a verdict signed by somebody else', gateWith([verdict()], { by: stranger })],
    ['a verdict signed by the builder', gateWith([verdict()], { by: builder })],
    ['a verdict that refuses', gateWith([verdict({ decision: 'refuse' })])],
    ['a verdict for another image', gateWith([verdict({ digest: other })])],
    ['a verdict for another specification', gateWith([verdict({ specHash: `sha256:${'2'.repeat(64)}` })])],
    ['a verdict for another environment', gateWith([verdict({ environment: 'prod' })])],
    ['a verdict for another project', gateWith([verdict({ project: 'banco' })])],
    ['a verdict of another door', gateWith([verdict({ door: 'promote' })])],
    ['a verdict that has expired', gateWith([verdict()], { clock: later })],
    ['an unsigned image', gateWith([verdict()], { bundles: [] })],
    [
      'an image signed by somebody else',
      gateWith([verdict()], { bundles: [signImage(stranger, { digest, repository })] }),
    ],
    [
      'a signature of another image',
      gateWith([verdict()], { bundles: [signImage(builder, { digest: other, repository })] }),
    ],
    [
      'a signature under another name',
      gateWith([verdict()], { bundles: [signImage(builder, { digest, repository: 'banco/web' })] }),
    ],
    ['a signature that is no signature', gateWith([verdict()], { bundles: [Buffer.from('{}')] })],
  ];
  for (const [name, gate] of cases) {
    const answer = await gate.check(start);
    assert.equal(answer.allow, false, name);
    assert.ok(!answer.allow && answer.reasons[0] !== undefined && answer.reasons[0].es !== '', name);
  }
});

test('an unsigned image starts only where the signed verdict itself says that this was tolerated', async () => {
  const tolerated = verdict({ decision: 'warn', reasons: [unsignedWarning] });
  assert.deepEqual(await gateWith([tolerated], { bundles: [] }).check(start), { allow: true });
  const other = verdict({ decision: 'warn', reasons: [{ ...unsignedWarning, rule: 'image-old' }] });
  assert.equal((await gateWith([other], { bundles: [] }).check(start)).allow, false);
});

test('a person’s key counts at the start once the host’s policy names it, and two are wanted where it says two', async () => {
  const people: TrustPolicy = {
    ...OWN,
    signers: [...OWN.signers, signerOf('release', stranger.publicKeyPem)],
    rules: [
      {
        ...{ repositories: ['tienda/**'], alsoBoundTo: [], repositoryBinding: null },
        image: { count: 2, of: ['builder', 'release'] },
        provenance: { count: 1, of: null },
      },
    ],
  };
  const [mine, theirs] = [signImage(builder, { digest, repository }), signImage(stranger, { digest, repository })];
  assert.equal((await gateWith([verdict()], { bundles: [theirs] }).check(start)).allow, false);
  assert.equal((await gateWith([verdict()], { bundles: [mine, mine], trust: people }).check(start)).allow, false);
  assert.equal((await gateWith([verdict()], { bundles: [mine, theirs], trust: people }).check(start)).allow, true);
});

test('the started digest is the verified digest: no other image passes beside its evidence, whatever it is called (V3)', async () => {
  const gate = gateWith([verdict(), verdict({ digest: other })]);
  const names = [
    `${REGISTRY_NAME}/${repository}@${digest}`,
    `${REGISTRY_NAME}/${repository}@${other}`,
    `${REGISTRY_NAME}/${repository}:1`,
  ];
  for (let round = 0; round < 60; round += 1) {
    const image: string = names[round % names.length] ?? '';
    const imageDigest: Digest = round % 2 === 0 ? other : digest;
    const { allow } = await gate.check({ ...start, image, imageDigest });
    assert.equal(allow, imageDigest === digest && !image.endsWith(other), `${image} as ${imageDigest}`);
  }
});
