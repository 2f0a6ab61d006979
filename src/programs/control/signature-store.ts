import type { Descriptor, Digest } from '../../oci/index.ts';
import { parseManifest } from '../../oci/index.ts';
import type { Registry } from '../../registry/index.ts';
import { bundleLayer, type Referrer, type SignatureStore } from '../../trust/index.ts';

/** The registry as trust asks it: where signatures lie beside their images. */
export function signatureStore(
  registry: () => Registry,
  repositoriesOf: SignatureStore['repositoriesOf'],
): SignatureStore {
  return {
    repositoriesOf,
    async describe(repository, digest): Promise<Descriptor | null> {
      const stored = await registry().resolve(repository, digest);
      return stored === null ? null : { mediaType: stored.mediaType, digest: stored.digest, size: stored.bytes.length };
    },
    async bundlesOf(repository, digest, limit): Promise<readonly Uint8Array[]> {
      const bundles: Uint8Array[] = [];
      for (const referrer of await registry().listReferrers(repository, digest)) {
        if (bundles.length >= limit) break;
        const stored = await registry().resolve(repository, referrer.digest);
        const manifest = stored === null ? null : parseManifest(stored.bytes);
        const layer = manifest?.kind === 'manifest' ? bundleLayer(manifest) : null;
        if (layer !== null) bundles.push(await readWhole(registry().openBlob(layer.digest)));
      }
      return bundles;
    },
    async putReferrer(repository: string, referrer: Referrer, actor: string): Promise<void> {
      for (const blob of referrer.blobs) await registry().putBlob(repository, blob.bytes, blob.digest as Digest);
      await registry().putManifest(repository, referrer.manifestBytes, referrer.mediaType, { actor });
    },
  };
}

/** The size is bounded by `bundleLayer`, and the store checks what it gives. */
async function readWhole(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
