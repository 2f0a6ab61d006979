import { type Descriptor, type Digest, type Manifest, parseManifest } from '../../oci/index.ts';
import type { Registry } from '../../registry/index.ts';
import { Fault } from '../../system/index.ts';
import {
  BUNDLE_BYTES_MAX,
  BUNDLE_COUNT_MAX,
  BUNDLE_MEDIA_TYPE,
  BUNDLE_TOTAL_BYTES_MAX,
  bundleLayer,
  COSIGN_SIGNATURE_ANNOTATION,
  cosignAttestationTag,
  cosignSignatureTag,
  ENVELOPE_MEDIA_TYPE,
  ENVELOPE_PREDICATE_ANNOTATION,
  NOTATION_ARTIFACT_TYPE,
  NOTATION_BYTES_MAX,
  NOTATION_MEDIA_TYPES,
  type NotationSignature,
  PREDICATE_ANNOTATION,
  predicateUse,
  type Referrer,
  SIMPLE_SIGNING_BYTES_MAX,
  SIMPLE_SIGNING_MEDIA_TYPE,
  type SignatureStore,
  type SignatureUse,
  type SimpleSigning,
  type StoredBundle,
  toSimpleSigningArtifact,
} from '../../trust/index.ts';

/** What is asked of a registry; reading is enough where nothing is signed. */
export type StoredImages = Pick<Registry, 'putBlob' | 'putManifest' | 'removeManifest'> & SignedImages;

/** Where images and what refers to them can be read: our registry, or one elsewhere. */
export interface SignedImages {
  resolve(
    repository: string,
    reference: string,
  ): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest } | null>;
  listReferrers(
    repository: string,
    digest: Digest,
    artifactType?: string,
  ): Promise<readonly { readonly digest: Digest; readonly annotations?: Readonly<Record<string, string>> }[]>;
  openBlob(digest: Digest): AsyncIterable<Uint8Array>;
}

/** The registry as trust asks it: where signatures lie beside their images. */
export function signatureStore(
  registry: () => StoredImages,
  repositoriesOf: SignatureStore['repositoriesOf'],
): SignatureStore {
  const manifestAt = async (repository: string, reference: string): Promise<Manifest | null> => {
    const stored = await registry().resolve(repository, reference);
    const parsed = stored === null ? null : parseManifest(stored.bytes);
    return parsed?.kind === 'manifest' ? parsed : null;
  };
  return {
    repositoriesOf,
    async describe(repository, digest): Promise<Descriptor | null> {
      const stored = await registry().resolve(repository, digest);
      return stored === null ? null : { mediaType: stored.mediaType, digest: stored.digest, size: stored.bytes.length };
    },
    async signaturesOf(repository, digest, uses) {
      const bundles: Uint8Array[] = [];
      const notations: NotationSignature[] = [];
      const simpleSignings: SimpleSigning[] = [];
      let bytes = 0;
      // One more than what is looked at is enough: above that nothing counts.
      const isFull = (): boolean =>
        bundles.length + notations.length + simpleSignings.length > BUNDLE_COUNT_MAX || bytes > BUNDLE_TOTAL_BYTES_MAX;
      const read = async (layer: Descriptor): Promise<Uint8Array> => {
        bytes += layer.size;
        return readWhole(registry().openBlob(layer.digest));
      };
      for (const type of [BUNDLE_MEDIA_TYPE, NOTATION_ARTIFACT_TYPE]) {
        for (const referrer of await registry().listReferrers(repository, digest, type)) {
          if (isFull()) break;
          if (!mayState(referrer.annotations?.[PREDICATE_ANNOTATION], uses)) continue;
          const manifest = await manifestAt(repository, referrer.digest);
          const bundle = manifest === null ? null : bundleLayer(manifest);
          const notation = manifest === null ? null : notationLayer(manifest);
          if (bundle !== null) bundles.push(await read(bundle));
          else if (notation !== null) notations.push({ mediaType: notation.mediaType, bytes: await read(notation) });
        }
      }
      const cosign = await manifestAt(repository, cosignSignatureTag(digest));
      for (const layer of cosign?.layers ?? []) {
        if (isFull()) break;
        const signature = layer.annotations?.[COSIGN_SIGNATURE_ANNOTATION];
        if (layer.mediaType !== SIMPLE_SIGNING_MEDIA_TYPE || signature === undefined) continue;
        const payload = layer.size > SIMPLE_SIGNING_BYTES_MAX ? new Uint8Array() : await read(layer);
        simpleSignings.push({ payload, signature, annotations: layer.annotations ?? {} });
      }
      const attestations = await manifestAt(repository, cosignAttestationTag(digest));
      for (const layer of attestations?.layers ?? []) {
        if (isFull()) break;
        if (layer.mediaType !== ENVELOPE_MEDIA_TYPE) continue;
        if (!mayState(layer.annotations?.[ENVELOPE_PREDICATE_ANNOTATION], uses)) continue;
        const payload = layer.size > BUNDLE_BYTES_MAX ? new Uint8Array() : await read(layer);
        simpleSignings.push({ payload, signature: '', annotations: layer.annotations ?? {} });
      }
      return { bundles, notations, simpleSignings };
    },
    async bundlesStating(repository, digest, predicateType) {
      const found: StoredBundle[] = [];
      for (const referrer of await registry().listReferrers(repository, digest, BUNDLE_MEDIA_TYPE)) {
        if (referrer.annotations?.[PREDICATE_ANNOTATION] !== predicateType) continue;
        if (found.length >= BUNDLE_COUNT_MAX) break;
        const manifest = await manifestAt(repository, referrer.digest);
        const layer = manifest === null ? null : bundleLayer(manifest);
        if (layer !== null)
          found.push({ referrer: referrer.digest, bundle: await readWhole(registry().openBlob(layer.digest)) });
      }
      return found;
    },
    async removeReferrer(repository, referrer, actor): Promise<void> {
      try {
        await registry().removeManifest(repository, referrer, { actor });
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'registry.manifest-unknown') throw error;
      }
    },
    async putReferrer(repository: string, referrer: Referrer, actor: string): Promise<void> {
      for (const blob of referrer.blobs) await registry().putBlob(repository, blob.bytes, blob.digest as Digest);
      await registry().putManifest(repository, referrer.manifestBytes, referrer.mediaType, { actor });
    },
    async putSimpleSigning(repository, digest, signing, actor): Promise<Digest> {
      const tag = cosignSignatureTag(digest);
      const standing = await manifestAt(repository, tag);
      const artifact = toSimpleSigningArtifact(signing, standing?.layers ?? []);
      for (const blob of artifact.blobs) await registry().putBlob(repository, blob.bytes, blob.digest as Digest);
      return registry().putManifest(repository, artifact.manifestBytes, artifact.mediaType, { actor, tag });
    },
  };
}

/**
 * Whether a referrer may be one of these, by what it says of itself. Who lies about it only keeps it from being read.
 */
function mayState(predicateType: string | undefined, uses: readonly SignatureUse[] | undefined): boolean {
  if (uses === undefined || predicateType === undefined) return true;
  const use = predicateUse(predicateType);
  return use === null || uses.includes(use);
}

/** The blob of a Notation signature, or null when the referrer is something else or too large to be one. */
function notationLayer(referrer: Manifest): Descriptor | null {
  const [layer] = referrer.layers;
  const isNotation = NOTATION_MEDIA_TYPES.some((type) => type === layer?.mediaType);
  return isNotation && layer !== undefined && layer.size <= NOTATION_BYTES_MAX ? layer : null;
}

/** The size is bounded by the caller, and the store checks what it gives. */
async function readWhole(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
