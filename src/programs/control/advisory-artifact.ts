import { rm } from 'node:fs/promises';
import { type AdvisoryArtifacts, type AdvisoryStore, packAdvisories, receiveArtifact } from '../../advisories/index.ts';
import { type Digest, digestOf } from '../../oci/index.ts';
import type { Registry } from '../../registry/index.ts';
import { readFileBytes } from '../../system/index.ts';
import {
  type PublicKey,
  predicateBy,
  readPublicKey,
  type SigningKey,
  signImage,
  toReferrer,
} from '../../trust/index.ts';

/** Where the database of advisories lies in the registry. */
const REPOSITORY = 'platform/advisories';
const TAG = 'latest';

export interface AdvisoryPublisherParts {
  readonly store: AdvisoryStore;
  readonly registry: () => Pick<Registry, 'putBlob' | 'putManifest'>;
  readonly key: SigningKey;
  /** Public keys of other platforms whose archives are believed, in PEM. */
  readonly believedPems: readonly string[];
  /** Where archives lie while they are read. */
  readonly folder: string;
}

/** The advisories as a signed artifact in the platform's own registry, and archives of it taken from elsewhere. */
export class AdvisoryPublisher implements AdvisoryArtifacts {
  readonly image = `${REPOSITORY}:${TAG}`;
  readonly #parts: AdvisoryPublisherParts;

  constructor(parts: AdvisoryPublisherParts) {
    this.#parts = parts;
  }

  get publicKeyPem(): string {
    return this.#parts.key.publicKeyPem;
  }

  /** Puts the database of now into the registry, signed by control; false when there is none. */
  async publish(): Promise<boolean> {
    const { store, registry, key, folder } = this.#parts;
    const packed = await packAdvisories(store, folder);
    if (packed === null) return false;
    try {
      const { config, layer, manifestBytes, mediaType } = packed;
      await registry().putBlob(REPOSITORY, config.bytes, config.digest);
      await registry().putBlob(REPOSITORY, readFileBytes(layer.path), layer.digest);
      const digest = digestOf(manifestBytes);
      const bundle = signImage(key, { digest, repository: REPOSITORY });
      const subject = { mediaType, digest, size: manifestBytes.length };
      const referrer = toReferrer(bundle, subject);
      // The signature first: whoever finds the tag finds it signed.
      for (const blob of referrer.blobs) await registry().putBlob(REPOSITORY, blob.bytes, blob.digest);
      await registry().putManifest(REPOSITORY, referrer.manifestBytes, referrer.mediaType);
      await registry().putManifest(REPOSITORY, manifestBytes, mediaType, { tag: TAG });
      return true;
    } finally {
      await rm(packed.layer.path, { force: true });
    }
  }

  async take(
    archive: AsyncIterable<Uint8Array>,
    { force, keyPem }: { readonly force: boolean; readonly keyPem: string | null },
  ): ReturnType<AdvisoryStore['adopt']> {
    const { store, key, believedPems, folder } = this.#parts;
    // Who names a key wants an archive by that one.
    const pems = keyPem === null ? [key.publicKeyPem, ...believedPems] : [keyPem];
    const keys: PublicKey[] = pems.map((pem) => readPublicKey(pem));
    // What control states of any image that somebody pushed, such as what a scan found in it, is no signature of it.
    const isSignature = (one: PublicKey, bundle: Uint8Array, digest: Digest): boolean =>
      predicateBy(one, bundle, { digest, repository: REPOSITORY }, 'image') !== undefined;
    const database = await receiveArtifact(folder, archive, (digest, bundles) =>
      bundles.some((bundle) => keys.some((one) => isSignature(one, bundle, digest))),
    );
    try {
      return await store.adopt(database, { force });
    } finally {
      await rm(database, { force: true });
    }
  }
}
