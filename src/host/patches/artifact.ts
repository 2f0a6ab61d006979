import { z } from 'zod';
import { type Descriptor, type Digest, digestOf, parseManifest } from '../../oci/index.ts';
import { canonicalJson, type Json } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { METADATA_MAX_BYTES, MODULE_MAX_BYTES, PATCH_TESTS_MAX } from '../limits.ts';

/** Where live patches lie in the registry: one tag a patch, its name. */
export const PATCH_REPOSITORY = 'platform/kernel-patches';
export const PATCH_TYPE = 'application/vnd.darsena.kernel-patch.v1+json';
const MODULE_TYPE = 'application/vnd.darsena.kernel-module.v1';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

const text = z.string().min(1).max(500);

/** A look at the running kernel that tells whether a patch does what it should: harmless, and the same on every host. */
const patchTest = z
  .object({
    name: text,
    /** Only what the kernel itself says is read. */
    file: z.string().regex(/^\/(?:proc|sys)\/(?!.*\.\.)[\w./:-]{1,300}$/),
    contains: text.optional(),
    lacks: text.optional(),
  })
  .refine(({ contains, lacks }) => contains !== undefined || lacks !== undefined, 'it needs contains or lacks');

/** What is known of a live patch: patch.json beside its module, and the configuration of its artifact. */
export const patchMetadata = z.object({
  name: z.string().regex(/^[A-Za-z0-9_]{1,55}$/),
  buildIds: z
    .array(z.string().regex(/^[0-9a-f]{16,64}$/))
    .min(1)
    .max(1_000),
  release: z.string().max(200).default(''),
  cves: z
    .array(z.string().regex(/^CVE-\d{4}-\d{4,9}$/))
    .max(10_000)
    .default([]),
  supersedes: z
    .array(z.string().regex(/^[A-Za-z0-9_]{1,55}$/))
    .max(1_000)
    .default([]),
  tests: z.array(patchTest).max(PATCH_TESTS_MAX).default([]),
});

export type PatchMetadata = z.infer<typeof patchMetadata>;
export type PatchTest = PatchMetadata['tests'][number];

export interface PackedPatch {
  readonly digest: Digest;
  readonly manifestBytes: Buffer;
  readonly mediaType: string;
  readonly blobs: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
}

/** A patch as an OCI artifact (image-spec 1.1, "Guidelines for Artifact Usage"): the same patch has the same digest. */
export function packPatch(about: PatchMetadata, module: Uint8Array): PackedPatch {
  const config = Buffer.from(canonicalJson(about as unknown as Json));
  const describe = (mediaType: string, bytes: Uint8Array): Descriptor => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: PATCH_TYPE,
    config: describe(PATCH_TYPE, config),
    layers: [describe(MODULE_TYPE, module)],
  };
  const manifestBytes = Buffer.from(canonicalJson(manifest as unknown as Json));
  const blobs = [
    { digest: manifest.config.digest, bytes: config },
    { digest: manifest.layers[0]?.digest ?? digestOf(module), bytes: module },
  ];
  return { digest: digestOf(manifestBytes), manifestBytes, mediaType: MANIFEST_TYPE, blobs };
}

/** Where the two parts of a patch lie. @throws Fault host.patch-unreadable */
export function readPatchManifest(bytes: Uint8Array, name: string): { config: Descriptor; module: Descriptor } {
  const wrong = (why: string) => hostFault('host.patch-unreadable', { name, why });
  const manifest = parseManifest(bytes);
  if (manifest.kind !== 'manifest' || manifest.config.mediaType !== PATCH_TYPE) throw wrong('it is no live patch');
  const [module, ...more] = manifest.layers;
  if (module === undefined || module.mediaType !== MODULE_TYPE || more.length > 0) throw wrong('it has no one module');
  if (manifest.config.size > METADATA_MAX_BYTES) throw wrong(`its metadata has more than ${METADATA_MAX_BYTES} bytes`);
  if (module.size > MODULE_MAX_BYTES) throw wrong(`its module has more than ${MODULE_MAX_BYTES} bytes`);
  return { config: manifest.config, module };
}

/** @param name what is being read, for the error @throws Fault host.patch-unreadable */
export function readPatchMetadata(bytes: Uint8Array | string, name: string): PatchMetadata {
  let value: unknown;
  try {
    value = JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not JSON';
    throw hostFault('host.patch-unreadable', { name, why }, { cause });
  }
  const read = patchMetadata.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const why = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`;
  throw hostFault('host.patch-unreadable', { name, why });
}
