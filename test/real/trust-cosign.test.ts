/**
 * Real cosign 3 both ways over a real registry: what it signs counts here, what is signed here it verifies; in the bundle
 * format and in the layout of version 2. Needs the network for Debian's package, or DARSENA_COSIGN.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Composition, Promotion } from '../../src/deploy/index.ts';
import { type Digest, MEDIA_TYPE } from '../../src/oci/index.ts';
import { Statements } from '../../src/programs/control/statements.ts';
import { SECRET, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import type { ScanReport, Scans } from '../../src/scan/index.ts';
import { type CommandResult, type Json, runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import {
  generateKeyFile,
  isMet,
  localSigner,
  makeBundle,
  openKeyFile,
  type Trust,
  writeSimpleSigning,
} from '../../src/trust/index.ts';
import { findCosign, openTrust, putImage } from './trust-ground.ts';

const PASSPHRASE = 'correct horse battery';
const NAME = 'registry.darsena.internal/tienda/web';

/** A complete scan without findings, as far as a statement tells of it. */
function scanReport(digest: Digest): ScanReport {
  const report = {
    ...{ id: 'scan', digest, scannedAt: new Date().toISOString(), complete: true, incomplete: null, durationMs: 20 },
    ...{ packages: 3, packagesByType: { deb: 3 }, findings: [], secrets: [], misconfigurations: [] },
    malware: { state: 'clean' },
    summary: { state: 'clean', byRisk: {} },
    advisories: { sources: [], coverage: {} },
  };
  return report as unknown as ScanReport;
}

const work = await mkdtemp(join(tmpdir(), 'trust-cosign-'));
const found = await findCosign(work);
const cosignPath = 'path' in found ? found.path : '';

describe('cosign 3 and this platform verify each other', { skip: 'path' in found ? false : found.missing }, () => {
  let server: TestRegistry;
  let trust: Trust;
  let close: () => Promise<void>;

  const cosign = async (command: string, ...args: string[]): Promise<CommandResult> => {
    const toRegistry = ['--allow-http-registry', '--registry-username', 'ana', '--registry-password', SECRET];
    const isLocal = command === 'generate-key-pair';
    return runCommand(cosignPath, [command, ...(isLocal ? [] : toRegistry), ...args], {
      ...{ timeoutMs: 60_000, cwd: work },
      env: { PATH: process.env['PATH'] ?? '', HOME: work, COSIGN_PASSWORD: PASSPHRASE },
    });
  };
  const sign = (image: string, ...args: string[]) =>
    cosign('sign', '--yes', '--use-signing-config=false', '--tlog-upload=false', ...args, image);
  const at = (repository: string, digest: Digest): string => `${server.host}/${repository}@${digest}`;

  before(async () => {
    server = await startTestRegistry();
    ({ trust, close } = await openTrust(server));
    assert.equal((await cosign('generate-key-pair')).code, 0);
    const publicKeyPem = await readFile(join(work, 'cosign.pub'), 'utf8');
    await trust.addPublicKey(
      { name: 'release', uses: ['image'], repositories: ['tienda/**'], publicKeyPem },
      'user:ana',
    );
    const ours = generateKeyFile('ecdsa-p256', PASSPHRASE);
    await writeFile(join(work, 'ours.key'), ours.privatePem, { mode: 0o600 });
    await writeFile(join(work, 'ours.pub'), ours.publicPem);
    const mine = { name: 'ours', uses: ['image', 'provenance', 'sbom'], repositories: ['tienda/**'] } as const;
    await trust.addPublicKey({ ...mine, publicKeyPem: ours.publicPem }, 'user:ana');
  });

  after(async () => {
    await close?.();
    await server?.close();
    await rm(work, { recursive: true, force: true });
  });

  it('a bundle that cosign made counts where it binds the repository, and not without', async () => {
    const digest = await putImage(server, 'tienda/web', 'bundle');
    const bare = await sign(at('tienda/web', digest), '--key', 'cosign.key');
    assert.equal(bare.code, 0, bare.stderr);
    const unbound = await trust.verify('tienda/web', digest);
    assert.deepEqual([isMet(unbound, 'image'), unbound.refused[0]?.code], [false, 'not-bound']);
    const annotated = await sign(
      at('tienda/web', digest),
      '--key',
      'cosign.key',
      '-a',
      `darsena.internal/repository=${NAME}`,
    );
    assert.equal(annotated.code, 0, annotated.stderr);
    const verdict = await trust.verify('tienda/web', digest);
    assert.equal(isMet(verdict, 'image'), true, JSON.stringify(verdict.refused));
    assert.deepEqual(verdict.demands[0]?.signers, ['release']);
  });

  it('a signature in the layout of version 2 counts under the name it was made for', async () => {
    const digest = await putImage(server, 'tienda/web', 'v2');
    const options = ['--key', 'cosign.key', '--new-bundle-format=false'];
    const elsewhere = await sign(at('tienda/web', digest), ...options);
    assert.equal(elsewhere.code, 0, elsewhere.stderr);
    assert.equal((await trust.verify('tienda/web', digest)).refused[0]?.code, 'other-repository');
    const here = await sign(at('tienda/web', digest), ...options, '--sign-container-identity', NAME);
    assert.equal(here.code, 0, here.stderr);
    const verdict = await trust.verify('tienda/web', digest);
    assert.equal(isMet(verdict, 'image'), true, JSON.stringify(verdict.refused));
    assert.equal(verdict.accepted[0]?.format, 'cosign');
  });

  it('cosign verifies what is signed here, as a bundle and in its older layout, and refuses another key', async () => {
    const digest = await putImage(server, 'tienda/web', 'ours');
    const image = { repository: 'tienda/web', digest };
    const signer = localSigner(openKeyFile(await readFile(join(work, 'ours.key'), 'utf8'), PASSPHRASE));
    await trust.attach(await makeBundle(signer, 'image', image, {}), image, 'user:ana');
    const verify = (key: string, ...args: string[]) =>
      cosign('verify', '--insecure-ignore-tlog', '--key', key, ...args, at('tienda/web', digest));
    const bundle = await verify('ours.pub');
    assert.equal(bundle.code, 0, bundle.stderr);
    assert.notEqual((await verify('cosign.pub')).code, 0);
    const payload = writeSimpleSigning(image);
    const signature = Buffer.from(await signer.sign(payload)).toString('base64');
    await trust.attachSimple({ payload, signature }, image, 'user:ana');
    const older = await verify('ours.pub', '--new-bundle-format=false');
    assert.equal(older.code, 0, older.stderr);
    assert.match(older.stdout, /registry\.darsena\.internal\/tienda\/web/);
    assert.notEqual((await verify('cosign.pub', '--new-bundle-format=false')).code, 0);
  });

  it('cosign verifies an attestation that was made here', async () => {
    const digest = await putImage(server, 'tienda/web', 'attested');
    const image = { repository: 'tienda/web', digest };
    const signer = localSigner(openKeyFile(await readFile(join(work, 'ours.key'), 'utf8'), PASSPHRASE));
    const sbom = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [] };
    await trust.attach(await makeBundle(signer, 'sbom', image, sbom), image, 'user:ana');
    const options = ['--insecure-ignore-tlog', '--key', 'ours.pub', '--type', 'cyclonedx'];
    const seen = await cosign('verify-attestation', ...options, at('tienda/web', digest));
    assert.equal(seen.code, 0, seen.stderr);
  });

  it('what control states of an image, a scan result, a bill of materials and an approval, cosign verifies', async () => {
    const digest = await putImage(server, 'tienda/web', 'stated');
    const key = await trust.ensureKey('control', ['scan', 'sbom', 'approval', 'exception', 'verdict']);
    await writeFile(join(work, 'control.pub'), key.publicKeyPem);
    let bill: Json = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [] };
    const statements = new Statements({
      trust,
      scans: () => ({ billOfMaterials: async () => bill }) as unknown as Scans,
      repositoriesOf: async () => ['tienda/web'],
      ...{ clock: systemClock, log: silentLog },
    });
    const report = scanReport(digest);
    const image = { repository: 'tienda/web', digest };
    await statements.scanned(image, report, { isFresh: true });
    await statements.scanned(image, { ...report, id: 'again' }, { isFresh: true });
    const decision = { by: 'user:beto', at: new Date().toISOString(), decision: 'approve', comment: null } as const;
    const promotion = { id: 'p1', project: 'tienda', from: 'dev', to: 'prod', requestedBy: 'user:ana' };
    const container = { image: `registry.darsena.internal/tienda/web@${digest}` };
    const composition = { workloads: [{ pod: { initContainers: [], containers: [container] } }] };
    for (const certificate of [null, 'ab'.repeat(32)]) {
      await statements.promotionApproved(
        { ...promotion, approvals: [{ ...decision, certificate }] } as unknown as Promotion,
        composition as unknown as Composition,
      );
    }
    const { accepted } = await trust.verify('tienda/web', digest);
    assert.deepEqual(accepted.map(({ use, signer }) => `${use} ${signer}`).sort(), [
      'approval control',
      'sbom control',
      'scan control',
    ]);
    assert.deepEqual(accepted.find(({ use }) => use === 'approval')?.predicate, {
      ...{ decision: 'approved', what: 'promotion', project: 'tienda', environment: 'prod', from: 'dev' },
      approver: { name: 'beto', certificate: 'ab'.repeat(32) },
      ...{ approvedAt: decision.at, comment: '', promotion: 'p1', requestedBy: 'user:ana' },
    });
    for (const type of ['vuln', 'cyclonedx', 'https://darsena.internal/attestation/approval/v1']) {
      const options = ['--insecure-ignore-tlog', '--key', 'control.pub', '--type', type];
      const seen = await cosign('verify-attestation', ...options, at('tienda/web', digest));
      assert.equal(seen.code, 0, `${type}: ${seen.stderr}`);
      const foreign = ['--insecure-ignore-tlog', '--key', 'ours.pub', '--type', type];
      assert.notEqual((await cosign('verify-attestation', ...foreign, at('tienda/web', digest))).code, 0);
    }
    // Too large for a statement: cosign verifies the one that names it.
    bill = {
      ...bill,
      components: Array.from({ length: 30_000 }, (_, n) => ({ type: 'library', name: `${n}`.repeat(30) })),
    };
    await statements.scanned(image, report, { isFresh: true });
    const options = ['--insecure-ignore-tlog', '--key', 'control.pub', '--type', 'cyclonedx'];
    const seen = await cosign('verify-attestation', ...options, at('tienda/web', digest));
    assert.equal(seen.code, 0, seen.stderr);
    const { payload } = JSON.parse(seen.stdout) as { payload: string };
    assert.match(Buffer.from(payload, 'base64').toString(), /"externalReferences":\[\{"comment":|"type":"bom"/);
  });

  it('an attestation at cosign 2’s tag counts under the name it was made for, and only while nobody changed it', async () => {
    const digest = await putImage(server, 'tienda/web', 'att');
    const tag = `${digest.replace(':', '-')}.att`;
    const predicate = join(work, 'slsa.json');
    await writeFile(predicate, JSON.stringify({ buildDefinition: { buildType: 'https://example.org/build' } }));
    const options = ['--yes', '--use-signing-config=false', '--tlog-upload=false', '--new-bundle-format=false'];
    const what = ['--key', 'ours.key', '--type', 'slsaprovenance1', '--predicate', predicate];
    const made = await cosign('attest', ...options, ...what, at('tienda/web', digest));
    assert.equal(made.code, 0, made.stderr);
    // cosign names the address it spoke to: as with signatures, a rule says that this is meant to be here.
    assert.equal((await trust.verify('tienda/web', digest)).refused[0]?.code, 'other-repository');
    const rules = [{ repositories: ['tienda/**'], alsoBoundTo: [`${server.host}/tienda/**`] }];
    const { version } = await trust.policyDocument();
    await trust.setPolicy({ version: 1, rules }, 'user:ana', { expected: version });
    const { accepted, refused } = await trust.verify('tienda/web', digest);
    assert.deepEqual(
      accepted.map(({ use, signer, format }) => [use, signer, format]),
      [['provenance', 'ours', 'cosign']],
      JSON.stringify(refused),
    );
    // The same layer at another image's tag is that image's attestation no more.
    const other = await putImage(server, 'tienda/web', 'att-other');
    const stored = await server.registry.resolve('tienda/web', tag);
    const moved = { tag: tag.replace(digest.slice(7), other.slice(7)) };
    await server.registry.putManifest('tienda/web', stored?.bytes ?? new Uint8Array(), MEDIA_TYPE.manifest, moved);
    assert.deepEqual(
      (await trust.verify('tienda/web', other)).refused.map(({ code }) => code),
      ['other-image'],
    );
    await trust.setPolicy({ version: 1 }, 'user:ana');
  });

  it('key files go both ways: cosign signs with ours, and its own opens here', async () => {
    const digest = await putImage(server, 'tienda/web', 'keys');
    const signed = await sign(
      at('tienda/web', digest),
      '--key',
      'ours.key',
      '-a',
      `darsena.internal/repository=${NAME}`,
    );
    assert.equal(signed.code, 0, signed.stderr);
    assert.deepEqual((await trust.verify('tienda/web', digest)).demands[0]?.signers, ['ours']);
    const theirs = localSigner(openKeyFile(await readFile(join(work, 'cosign.key'), 'utf8'), PASSPHRASE));
    assert.equal(theirs.publicPem, await readFile(join(work, 'cosign.pub'), 'utf8'));
  });
});
