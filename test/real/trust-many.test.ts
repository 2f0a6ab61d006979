/**
 * More signatures than are read (V5), over a real registry: reading stops, nothing counts, memory stays. Seeded slices in
 * CI; DARSENA_SOAK=1 takes 100,000 referrers.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Digest } from '../../src/oci/index.ts';
import { startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import {
  generateKeyFile,
  isMet,
  localSigner,
  makeBundle,
  openKeyFile,
  type Trust,
  toReferrer,
  toSimpleSigningArtifact,
  writeSimpleSigning,
} from '../../src/trust/index.ts';
import { openTrust, putImage } from './trust-ground.ts';

const REFERRERS = process.env['DARSENA_SOAK'] === '1' ? 100_000 : 150;
const MIB = 1024 * 1024;

describe('more signatures than are read', () => {
  let server: TestRegistry;
  let trust: Trust;
  let close: () => Promise<void>;
  const { privatePem, publicPem } = generateKeyFile('ecdsa-p256', 'correct horse');
  const signer = localSigner(openKeyFile(privatePem, 'correct horse'));

  before(async () => {
    server = await startTestRegistry();
    ({ trust, close } = await openTrust(server));
    await trust.addPublicKey(
      { name: 'k', uses: ['image', 'sbom'], repositories: ['**'], publicKeyPem: publicPem },
      'user:ana',
    );
  });
  after(async () => {
    await close?.();
    await server?.close();
  });

  async function attach(digest: Digest, bundle: Uint8Array, createdAt: Date): Promise<void> {
    const subject = await server.registry.resolve('tienda/web', digest);
    assert.ok(subject);
    const referrer = toReferrer(
      bundle,
      { mediaType: subject.mediaType, digest, size: subject.bytes.length },
      { createdAt },
    );
    for (const blob of referrer.blobs) await server.registry.putBlob('tienda/web', blob.bytes, blob.digest as Digest);
    await server.registry.putManifest('tienda/web', referrer.manifestBytes, referrer.mediaType);
  }

  /** @returns the refusal's code, after checking that it came soon and in little memory */
  async function refusedFor(digest: Digest): Promise<string | undefined> {
    const [start, memory] = [performance.now(), process.memoryUsage().rss];
    const verdict = await trust.verify('tienda/web', digest);
    assert.ok(performance.now() - start < 5_000, 'it took longer than five seconds');
    assert.ok(process.memoryUsage().rss - memory < 50 * MIB, 'it took more than 50 MB');
    assert.equal(isMet(verdict, 'image'), false);
    return verdict.refused[0]?.code;
  }

  it(`${REFERRERS} referrers that all are good signatures: none counts`, async () => {
    const digest = await putImage(server, 'tienda/web', 'many');
    const bundle = await makeBundle(signer, 'image', { digest, repository: 'tienda/web' }, {});
    await attach(digest, bundle, new Date(0));
    assert.equal(isMet(await trust.verify('tienda/web', digest), 'image'), true);
    for (let index = 1; index < REFERRERS; index += 1) await attach(digest, bundle, new Date(index * 1000));
    assert.equal(await refusedFor(digest), 'too-many');
  });

  it('attestations of more than 10 MB together: none counts', async () => {
    const digest = await putImage(server, 'tienda/web', 'heavy');
    await attach(digest, await makeBundle(signer, 'image', { digest, repository: 'tienda/web' }, {}), new Date(0));
    for (let index = 0; index < 5; index += 1) {
      const predicate = { bomFormat: 'CycloneDX', padding: 'x'.repeat(1.7 * MIB), index };
      await attach(
        digest,
        await makeBundle(signer, 'sbom', { digest, repository: 'tienda/web' }, predicate),
        new Date(index),
      );
    }
    assert.equal(await refusedFor(digest), 'too-large');
  });

  it('five hundred layers at the tag of cosign 2: none counts', async () => {
    const digest = await putImage(server, 'tienda/web', 'layers');
    const payload = writeSimpleSigning({ repository: 'tienda/web', digest });
    const signature = Buffer.from(await signer.sign(payload)).toString('base64');
    const one = toSimpleSigningArtifact({ payload, signature }, []);
    for (const blob of one.blobs) await server.registry.putBlob('tienda/web', blob.bytes, blob.digest as Digest);
    const [layer] = (JSON.parse(Buffer.from(one.manifestBytes).toString()) as { layers: object[] }).layers;
    const manifest = JSON.parse(Buffer.from(one.manifestBytes).toString()) as { layers: object[] };
    manifest.layers = Array.from({ length: 500 }, () => layer ?? {});
    const tag = `${digest.replace(':', '-')}.sig`;
    await server.registry.putManifest('tienda/web', Buffer.from(JSON.stringify(manifest)), one.mediaType, { tag });
    assert.equal(await refusedFor(digest), 'too-many');
  });
});
