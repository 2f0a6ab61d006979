import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { signVerdict, type Verdict } from '../../admit/index.ts';
import { type Digest, REGISTRY_NAME } from '../../oci/index.ts';
import { type Clock, silentLog, systemClock } from '../../system/index.ts';
import {
  attest,
  defineSigner,
  generateSigningKey,
  NO_SIGNATURES,
  packSignatures,
  readPublicKey,
  type SignatureUse,
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

function signerOf(name: string, pem: string, uses: readonly SignatureUse[] = ['image'], vouches = false) {
  const identity = { kind: 'key', publicKey: readPublicKey(pem), trustedRoot: null } as const;
  return defineSigner({ name, uses, identity, vouches });
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
    restart: false,
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
    verdictKey: () => readPublicKey(control.publicKeyPem),
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

test('what is added to a running pod starts by its own evidence alone, and by no other', async () => {
  const signed = signVerdict(control, verdict());
  const bundles = [signImage(builder, { digest, repository })];
  const signatures = { [`${repository}@${digest}`]: packSignatures({ ...NO_SIGNATURES, bundles }) };
  const empty = gateWith([]);
  assert.deepEqual(await empty.checkOnce(start, { verdicts: [signed], signatures }), { allow: true });
  assert.equal((await empty.check(start)).allow, false, 'it is kept for nothing else');
  assert.equal((await empty.checkOnce(start, { verdicts: [signed], signatures: {} })).allow, false);
  assert.equal((await gateWith([verdict()]).checkOnce(start, { verdicts: [], signatures })).allow, false);
  const forged = signVerdict(stranger, verdict());
  assert.equal((await empty.checkOnce(start, { verdicts: [forged], signatures })).allow, false);
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
        demands: { image: { count: 2, of: ['builder', 'release'], environments: null } },
      },
    ],
  };
  const [mine, theirs] = [signImage(builder, { digest, repository }), signImage(stranger, { digest, repository })];
  assert.equal((await gateWith([verdict()], { bundles: [theirs] }).check(start)).allow, false);
  assert.equal((await gateWith([verdict()], { bundles: [mine, mine], trust: people }).check(start)).allow, false);
  assert.equal((await gateWith([verdict()], { bundles: [mine, theirs], trust: people }).check(start)).allow, true);
});

/** V3 asks for 1,000; a slice runs by default. */
const RACES = process.env['DARSENA_SOAK'] === '1' ? 1000 : 60;

test('the started digest is the verified digest: no other image passes beside its evidence, whatever it is called (V3)', async () => {
  const gate = gateWith([verdict(), verdict({ digest: other })]);
  const names = [
    `${REGISTRY_NAME}/${repository}@${digest}`,
    `${REGISTRY_NAME}/${repository}@${other}`,
    `${REGISTRY_NAME}/${repository}:1`,
  ];
  for (let round = 0; round < RACES; round += 1) {
    const image: string = names[round % names.length] ?? '';
    const imageDigest: Digest = round % 2 === 0 ? other : digest;
    const { allow } = await gate.check({ ...start, image, imageDigest });
    assert.equal(allow, imageDigest === digest && !image.endsWith(other), `${image} as ${imageDigest}`);
  }
});

const security = generateSigningKey(master).key;
const image = { digest, repository };
const approval = (environment: string | null, more: object = {}) => ({
  ...{ decision: 'approved', what: 'promotion', environment },
  ...more,
});

/** A policy that names all: the builder's provenance, control's scan, an approval where it is for production. */
const ALL: TrustPolicy = {
  repositoryBinding: 'required',
  signers: [
    signerOf('builder', builder.publicKeyPem, ['image', 'provenance']),
    signerOf('control', control.publicKeyPem, ['scan', 'approval'], true),
    signerOf('security', security.publicKeyPem, ['approval']),
  ],
  rules: [
    {
      ...{ repositories: ['tienda/**'], alsoBoundTo: [], repositoryBinding: null },
      demands: {
        image: { count: 1, of: ['builder'], environments: null },
        provenance: { count: 1, of: ['builder'], environments: null },
        scan: { count: 1, of: ['control'], environments: null },
        approval: { count: 1, of: ['security'], environments: ['prod'] },
      },
    },
  ],
};
const EVERYTHING = [
  signImage(builder, image),
  attest(builder, 'provenance', image, {}),
  attest(control, 'scan', image, {}),
  attest(security, 'approval', image, approval('prod')),
];
const inProd = { ...start, workload: { ...start.workload, environment: 'prod' } };

test('a start needs all that the host’s policy names: signature, provenance, scan and, where asked, an approval', async () => {
  const verdicts = [verdict(), verdict({ environment: 'prod' })];
  const ask = (bundles: Uint8Array[], where: typeof start) => gateWith(verdicts, { bundles, trust: ALL }).check(where);
  assert.deepEqual(await ask(EVERYTHING, inProd), { allow: true });
  for (const left of EVERYTHING.keys()) {
    const answer = await ask(EVERYTHING.toSpliced(left, 1), inProd);
    assert.equal(answer.allow, false, `without ${left}`);
    const named = ['image 0/1', 'provenance 0/1', 'scan 0/1', 'approval 0/1'][left] ?? '';
    assert.ok(!answer.allow && answer.reasons[0]?.es.includes(named), named);
  }
  assert.deepEqual(await ask(EVERYTHING.slice(0, 3), start), { allow: true });
});

test('a captured control signs whatever it likes, and still starts nothing that the host’s policy asks others for', async () => {
  const warned = (rule: string) => ({ ...unsignedWarning, rule });
  const generous = verdict({
    environment: 'prod',
    decision: 'warn',
    reasons: ['image-unsigned', 'provenance-missing', 'trust-unmet'].map(warned),
  });
  const [signed = new Uint8Array(), built = new Uint8Array(), scanned = new Uint8Array()] = EVERYTHING;
  const word = (more: object) => attest(control, 'approval', image, approval('prod', more));
  const attempts: [string, Uint8Array[]][] = [
    ['a verdict that forgives everything', []],
    ['control signs the image itself', [signImage(control, image), built, scanned, ...EVERYTHING.slice(3)]],
    [
      'control signs the provenance itself',
      [signed, attest(control, 'provenance', image, {}), scanned, ...EVERYTHING.slice(3)],
    ],
    ['control approves in its own name', [signed, built, scanned, word({})]],
    ['control approves in the name of a key', [signed, built, scanned, word({ approver: { name: 'security' } })]],
    [
      'an approval of another image',
      [signed, built, scanned, attest(security, 'approval', { ...image, digest: other }, approval('prod'))],
    ],
    [
      'an approval for another environment',
      [signed, built, scanned, attest(security, 'approval', image, approval('dev'))],
    ],
    [
      'an exception taken for an approval',
      [signed, built, scanned, attest(security, 'approval', image, approval('prod', { what: 'exception' }))],
    ],
    [
      'a refusal taken for an approval',
      [signed, built, scanned, attest(security, 'approval', image, { decision: 'rejected', environment: 'prod' })],
    ],
    ['an approval that says nothing', [signed, built, scanned, attest(security, 'approval', image, {})]],
    ['the approver’s word about a scan', [signed, built, attest(security, 'scan', image, {}), ...EVERYTHING.slice(3)]],
  ];
  for (const [name, bundles] of attempts) {
    assert.equal((await gateWith([generous], { bundles, trust: ALL }).check(inProd)).allow, false, name);
  }
});

test('approvals that control vouches for are counted by person, and a person’s key cannot vouch for another', async () => {
  const two = (of: string[]): TrustPolicy => ({
    ...ALL,
    rules: [
      {
        ...{ repositories: ['tienda/**'], alsoBoundTo: [], repositoryBinding: null },
        demands: { approval: { count: 2, of, environments: null } },
      },
    ],
  });
  const by = (name: string, key = control) => attest(key, 'approval', image, approval('dev', { approver: { name } }));
  const ask = async (of: string[], bundles: Uint8Array[]) =>
    (await gateWith([verdict()], { bundles: [signImage(builder, image), ...bundles], trust: two(of) }).check(start))
      .allow;
  assert.equal(await ask(['control:*'], [by('ana'), by('beto')]), true);
  assert.equal(await ask(['control:*'], [by('ana'), by('ana')]), false);
  assert.equal(await ask(['control:ana', 'control:carla'], [by('ana'), by('beto')]), false);
  assert.equal(await ask(['control', 'security'], [by('ana'), by('ana', security)]), true);
  assert.equal(await ask(['security', 'security:*'], [by('ana', security), by('beto', security)]), false);
});
