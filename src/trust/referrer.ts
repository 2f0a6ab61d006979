import { type Descriptor, type Digest, digestOf, type Manifest, MEDIA_TYPE } from '../oci/index.ts';
import { COSIGN_SIGNATURE_ANNOTATION, SIMPLE_SIGNING_MEDIA_TYPE, type SimpleSigning } from './cosign.ts';
import { BUNDLE_BYTES_MAX } from './limits.ts';
import { BUNDLE_MEDIA_TYPE, readBundle } from './sigstore/bundle.ts';
import { readStatement, STATEMENT_PAYLOAD_TYPE } from './statement.ts';

/** A bundle as an OCI artifact that refers to its image: what the registry has to store, blobs first. */
export interface Referrer {
  readonly manifestBytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly blobs: readonly { readonly digest: Digest; readonly bytes: Uint8Array; readonly mediaType: string }[];
}

/** What a bundle states, told outside of it (cosign, BUNDLE_SPEC.md); nobody signs this, so it only helps to find. */
export const PREDICATE_ANNOTATION = 'dev.sigstore.bundle.predicateType';

const EMPTY_CONFIG = Buffer.from('{}');
const EMPTY_DESCRIPTOR = { mediaType: MEDIA_TYPE.empty, digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length };

/**
 * Wraps a bundle as a referrer of `subject` (image-spec 1.1 "guidelines for artifact usage"; cosign's bundle
 * specification for the annotations, by which clients tell signatures from attestations without fetching them).
 */
export function toReferrer(
  bundle: Uint8Array,
  subject: Descriptor,
  options: { readonly createdAt?: Date } = {},
): Referrer {
  const bundleDigest = digestOf(bundle);
  const manifestBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      artifactType: BUNDLE_MEDIA_TYPE,
      config: EMPTY_DESCRIPTOR,
      layers: [{ mediaType: BUNDLE_MEDIA_TYPE, digest: bundleDigest, size: bundle.length }],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations: {
        ...contentAnnotations(bundle),
        ...(options.createdAt === undefined
          ? {}
          : { 'org.opencontainers.image.created': options.createdAt.toISOString() }),
      },
    }),
  );
  return {
    manifestBytes,
    mediaType: MEDIA_TYPE.manifest,
    digest: digestOf(manifestBytes),
    blobs: [
      { digest: EMPTY_DESCRIPTOR.digest, bytes: EMPTY_CONFIG, mediaType: MEDIA_TYPE.empty },
      { digest: bundleDigest, bytes: bundle, mediaType: BUNDLE_MEDIA_TYPE },
    ],
  };
}

/**
 * A document about an image as a referrer of it, such as a bill of materials. Nothing signs it here: a statement names
 * its digest. The same document beside the same image is the same referrer.
 */
export function toDocumentReferrer(document: Uint8Array, mediaType: string, subject: Descriptor): Referrer {
  const layer = { mediaType, digest: digestOf(document), size: document.length };
  const manifestBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      artifactType: mediaType,
      config: EMPTY_DESCRIPTOR,
      layers: [layer],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    }),
  );
  return {
    manifestBytes,
    mediaType: MEDIA_TYPE.manifest,
    digest: digestOf(manifestBytes),
    blobs: [
      { digest: EMPTY_DESCRIPTOR.digest, bytes: EMPTY_CONFIG, mediaType: MEDIA_TYPE.empty },
      { digest: layer.digest, bytes: document, mediaType },
    ],
  };
}

/**
 * A signature in the cosign 2 layout: one more layer of the artifact at its tag. The config is an image's, as cosign 2
 * writes it; readers look at the layers alone.
 * @param standing layers of the artifact that is there already
 */
export function toSimpleSigningArtifact(signing: SimpleSigning, standing: readonly Descriptor[]): Referrer {
  const layer = {
    mediaType: SIMPLE_SIGNING_MEDIA_TYPE,
    digest: digestOf(signing.payload),
    size: signing.payload.length,
    annotations: { ...signing.annotations, [COSIGN_SIGNATURE_ANNOTATION]: signing.signature },
  };
  const isThere = standing.some(
    (one) => one.digest === layer.digest && one.annotations?.[COSIGN_SIGNATURE_ANNOTATION] === signing.signature,
  );
  const layers = isThere ? standing : [...standing, layer];
  const config = Buffer.from(
    JSON.stringify({
      architecture: '',
      os: '',
      config: {},
      rootfs: { type: 'layers', diff_ids: layers.map((one) => one.digest) },
    }),
  );
  const manifestBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.length },
      layers,
    }),
  );
  return {
    manifestBytes,
    mediaType: MEDIA_TYPE.manifest,
    digest: digestOf(manifestBytes),
    blobs: [
      { digest: digestOf(config), bytes: config, mediaType: MEDIA_TYPE.config },
      { digest: layer.digest, bytes: signing.payload, mediaType: SIMPLE_SIGNING_MEDIA_TYPE },
    ],
  };
}

/** The blob that holds the bundle of a referrer, or null when the referrer is something else or too large to be one. */
export function bundleLayer(referrer: Manifest): Descriptor | null {
  const isBundle = referrer.artifactType?.startsWith('application/vnd.dev.sigstore.bundle') === true;
  const layer = referrer.layers[0];
  return isBundle && layer !== undefined && layer.size <= BUNDLE_BYTES_MAX ? layer : null;
}

function contentAnnotations(bytes: Uint8Array): Record<string, string> {
  const { content } = readBundle(bytes);
  if (content.kind === 'message') return { 'dev.sigstore.bundle.content': 'message-signature' };
  return {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    ...(content.payloadType === STATEMENT_PAYLOAD_TYPE
      ? { [PREDICATE_ANNOTATION]: readStatement(content.payload).predicateType }
      : {}),
  };
}
