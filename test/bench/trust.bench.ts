/**
 * Trust figures: verification of a signature beside the bare cryptography and beside sigstore-js, CPU seconds of this
 * process, alternating A B, median of the rounds; a verdict of the prod preset; alert to stored alert on SQLite on disk.
 * Run: DARSENA_TEST_DATA=… ./darsena-node test/bench/trust.bench.ts [rounds]
 */
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { type Admission, type FindingFacts, judge, PRESETS_FOLDER, readPolicies } from '../../src/admit/index.ts';
import { describeWorkload } from '../../src/admit/workload.ts';
import { Journal, type JournalTables, journalMigrations } from '../../src/journal/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { Respond, type RespondTables, readAlert, respondMigrations } from '../../src/respond/index.ts';
import { newId, openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import {
  defineSigner,
  generateSigningKey,
  type PublicKey,
  readBundle,
  readPublicKey,
  readTrustedRoot,
  SignatureMemo,
  signImage,
  verifyByCertificate,
  verifyImage,
} from '../../src/trust/index.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

/** CPU microseconds of one run of `work`, both taken in turns so that a busy machine hits both. */
function compare(times: number, ours: () => unknown, theirs: () => unknown): { ours: number; theirs: number } {
  const cpu = (work: () => unknown): number => {
    const start = process.cpuUsage();
    for (let i = 0; i < times; i++) work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / times;
  };
  cpu(ours);
  cpu(theirs);
  const rounds = Array.from({ length: ROUNDS }, () => ({ ours: cpu(ours), theirs: cpu(theirs) }));
  return { ours: median(rounds.map((round) => round.ours)), theirs: median(rounds.map((round) => round.theirs)) };
}

function report(title: string, { ours, theirs }: { ours: number; theirs: number }, anchor: string): void {
  console.log(
    `${title}: ${ours.toFixed(0)} µs, ${anchor} ${theirs.toFixed(0)} µs, ratio ${(ours / theirs).toFixed(3)}`,
  );
}

function benchManagedKey(): void {
  const { key } = generateSigningKey(randomBytes(32));
  const digest = digestOf(Buffer.from('image'));
  const bundle = signImage(key, { digest, repository: 'tienda/web' });
  // A key that remembers nothing: each time it is the whole work.
  const bare = createPublicKey(key.publicKeyPem);
  const forgetful: PublicKey = {
    ...readPublicKey(key.publicKeyPem),
    verify: (data, signature) => verify('sha256', data, bare, signature),
  };
  const identity = { kind: 'key', publicKey: forgetful, trustedRoot: null } as const;
  const trust = {
    signers: [defineSigner({ name: 'k', uses: ['image'], identity })],
    repositoryBinding: 'required',
  } as const;
  const image = { digest, repository: 'tienda/web', bundles: [bundle], trust, clock: systemClock };
  const data = randomBytes(400);
  const signature = key.sign(data);
  const publicKey = createPublicKey(key.publicKeyPem);
  const result = compare(
    300,
    () => verifyImage(image),
    () => verify('sha256', data, publicKey, signature),
  );
  report('verify a managed-key bundle, whole verdict', result, 'bare P-256 verification');
}

async function benchKeyless(folder: string): Promise<void> {
  const bytes = await readFile(join(folder, 'sigstore-conformance/happy-path-intoto-in-dsse-v3/bundle.sigstore.json'));
  const rootBytes = await readFile(join(folder, 'public-good-trusted_root.json'));
  const root = readTrustedRoot(rootBytes);
  const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(rootBytes.toString())));
  const verifier = new Verifier(material);
  const { version } = createRequire(import.meta.url)('@sigstore/verify/package.json') as { version: string };
  const theirs = () => verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bytes.toString()))));
  const now = Date.now();
  // Cold: nothing of any bundle is remembered; the trusted root is read, as theirs is.
  const cold = () => verifyByCertificate(readBundle(bytes), null, forgetful(root), { now });
  report('verify a keyless bundle, cold', compare(100, cold, theirs), `@sigstore/verify ${version}`);
  const cached = () => verifyByCertificate(readBundle(bytes), null, root, { now });
  report('verify a keyless bundle, chain cached', compare(100, cached, theirs), `@sigstore/verify ${version}`);
}

function forgetful(root: ReturnType<typeof readTrustedRoot>): ReturnType<typeof readTrustedRoot> {
  return { ...root, memo: new SignatureMemo(), proven: new Map() };
}

async function benchJudge(): Promise<void> {
  const prod = (await readPolicies(PRESETS_FOLDER)).find((policy) => policy.name === 'prod');
  if (prod === undefined) throw new Error('the prod preset is not there');
  const finding: FindingFacts = {
    ...{ key: 'CVE-1', label: 'p 1', kind: 'vulnerability', severity: 'medium', package: 'p', version: '1' },
    ...{ fixable: true, fixedVersion: '2', exploited: false, score: 5, epss: 0.1 },
    ...{ decision: 'track', overdue: false, due: '' },
  };
  const admission = (findings: number): Admission => ({
    image: { digest: 'sha256:a', repository: 'a/b', project: 'a', tags: [], ageDays: 1, sizeBytes: 1 },
    scan: {
      ...{
        state: 'complete',
        at: '',
        packages: 1,
        hasAdvisories: true,
        sparseAdvisories: false,
        malware: 'clean',
        advisoriesAgeDays: 1,
      },
      findings: Array.from({ length: findings }, () => finding),
    },
    signatures: {
      imageVerified: true,
      imageSigners: [],
      provenanceVerified: true,
      provenanceSigners: [],
      unmetDemands: [],
    },
    workload: describeWorkload('Deployment', 'w', { containers: [{ name: 'c' }] }, () => ({ user: '1', uid: null })),
    environment: { name: 'prod', class: 'production', runs: false },
    statements: [],
    documents: [],
  });
  const at = new Date().toISOString();
  const ask = (facts: Admission) =>
    judge({
      id: 'i',
      at,
      door: 'start',
      policy: prod,
      admission: facts,
      exceptions: [],
      specHash: null,
      running: null,
    });
  const [none, many] = [admission(0), admission(1000)];
  const result = compare(
    200,
    () => ask(many),
    () => ask(none),
  );
  console.log(
    `judge with the prod preset (${prod.rules.length} rules): ${result.theirs.toFixed(0)} µs, with 1,000 findings ${result.ours.toFixed(0)} µs`,
  );
}

async function benchIngest(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-bench-'));
  const opened = await openDatabase<RespondTables & JournalTables>(`sqlite:${join(folder, 'bench.db')}`, [
    ...journalMigrations,
    ...respondMigrations,
  ]);
  const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  const journal = new Journal({
    db: opened.db as never,
    clock: systemClock,
    log: silentLog,
    checkpointKeyPem,
    keyId: 'b',
  });
  const respond = new Respond({
    ...{ db: opened.db as never, journal, clock: systemClock, log: silentLog },
    responder: { kill: async () => 'gone' },
  });
  const raw = (container: number) => ({
    ...{ id: newId(), at: new Date().toISOString(), kernelTimeNs: 1, rule: 'Terminal shell in container' },
    ...{ priority: 'notice', tags: ['shell'], output: 'A shell', outputFields: { 'proc.name': 'sh' } },
    container: {
      ...{ id: `c${container}`, name: 'w', project: 'p', environment: 'dev', workload: 'w', pod: 'w', container: 'w' },
      ...{ image: 'p/w', digest: `sha256:${'a'.repeat(64)}` },
    },
    process: {
      ...{ pid: 3, ppid: 2, name: 'sh', exe: '/bin/sh', cmdline: 'sh', cwd: '/', uid: 0, tty: 1 },
      startedAt: new Date().toISOString(),
    },
    ancestors: [{ pid: 2, name: 'conmon', exe: '/usr/bin/conmon', cmdline: 'conmon' }],
    source: { kind: 'rule', file: 'r.yaml', line: 1 },
  });
  const times: number[] = [];
  for (let i = 0; i < 1100; i++) {
    const wire = raw(i % 10);
    const start = performance.now();
    await respond.ingest(readAlert(wire), 'host1');
    if (i >= 100) times.push(performance.now() - start);
    await systemClock.sleep(1); // alerts come one by one; the chain of facts is written in between
  }
  console.log(
    `alert read, grouped and stored durably: p50 ${median(times).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms (goal for exec to stored alert: 1 and 10)`,
  );
  const batch = Array.from({ length: 1000 }, (_, i) => readAlert(raw(1000 + (i % 10))));
  const start = performance.now();
  await respond.ingestAll(batch, 'host1');
  console.log(
    `a spool of 1,000 alerts in one transaction: ${(1_000_000 / (performance.now() - start)).toFixed(0)} alerts/s`,
  );
  await journal.close();
  await opened.close();
  await rm(folder, { recursive: true });
}

benchManagedKey();
const data = process.env['DARSENA_TEST_DATA'];
if (data === undefined) console.log('verify a keyless bundle: left out, DARSENA_TEST_DATA is not set');
else await benchKeyless(join(data, 'signatures'));
await benchJudge();
await benchIngest();
