import { parseStrictJson } from '../formats/index.ts';
import type { Json } from '../system/index.ts';
import { type Digest, isDigest } from './digest.ts';
import { ociFault } from './errors.ts';
import { CONTENT_BYTES_MAX, INDEX_ENTRIES_MAX, LAYERS_MAX, MANIFEST_BYTES_MAX, MANIFEST_DEPTH_MAX } from './limits.ts';

export const MEDIA_TYPE = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  empty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}

/** image-spec 1.1 descriptor.md; members we do not use are dropped, the stored bytes keep them. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly platform?: Platform;
  /** Places that a foreign layer could be fetched from. Never followed. */
  readonly urls?: readonly string[];
}

/** image-spec 1.1 manifest.md, also Docker schema 2. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject: Descriptor | null;
  readonly annotations: Readonly<Record<string, string>>;
}

/** image-spec 1.1 image-index.md, also Docker's manifest list. */
export interface Index {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly artifactType: string | null;
  readonly manifests: readonly Descriptor[];
  readonly subject: Descriptor | null;
  readonly annotations: Readonly<Record<string, string>>;
}

export type ParsedManifest = Manifest | Index;

type Members = { [key: string]: Json };

const MANIFEST_TYPES: readonly string[] = [MEDIA_TYPE.manifest, MEDIA_TYPE.dockerManifest];
const INDEX_TYPES: readonly string[] = [MEDIA_TYPE.index, MEDIA_TYPE.dockerList];

/**
 * Reads a manifest or an index. One body has one meaning: duplicate keys, a byte-order mark, `manifests` beside
 * `layers`, and a `mediaType` other than the one it came with are refused (CVE-2021-41190).
 * @param mediaType the Content-Type that it came with, when known
 * @throws Fault oci.manifest-invalid
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): ParsedManifest {
  let value: Json;
  try {
    value = parseStrictJson(bytes, { maxBytes: MANIFEST_BYTES_MAX, maxDepth: MANIFEST_DEPTH_MAX });
  } catch (error) {
    throw ociFault(
      'oci.manifest-invalid',
      { why: error instanceof Error ? error.message : 'not JSON' },
      { cause: error },
    );
  }
  const root = members(value, 'the manifest', ROOT_KEYS);
  for (const key of ['fsLayers', 'history']) {
    if (root[key] !== undefined) refuse(`${key}: belongs to the format before schema 2, so it would mean two things`);
  }
  if (root['schemaVersion'] !== 2) refuse(`schemaVersion: expected 2, got ${JSON.stringify(root['schemaVersion'])}`);
  const stated = optionalString(root, 'mediaType');
  if (mediaType !== undefined && stated !== null && stated !== mediaType) {
    refuse(`mediaType: expected the Content-Type ${mediaType}, got ${stated}`);
  }
  const hasManifests = root['manifests'] !== undefined;
  const hasLayers = root['layers'] !== undefined || root['config'] !== undefined;
  if (hasManifests && hasLayers) refuse('it has both manifests and layers, so it would mean two things');
  const type = stated ?? mediaType ?? (hasManifests ? MEDIA_TYPE.index : MEDIA_TYPE.manifest);
  const common = {
    mediaType: type,
    artifactType: optionalString(root, 'artifactType'),
    subject: root['subject'] === undefined ? null : descriptor(root['subject'], 'subject'),
    annotations: annotations(root['annotations'], 'annotations') ?? {},
  };
  if (hasManifests) {
    if (!INDEX_TYPES.includes(type)) refuse(`mediaType: expected an image index, got ${type}`);
    return { kind: 'index', ...common, manifests: descriptors(root['manifests'], 'manifests', INDEX_ENTRIES_MAX) };
  }
  if (!MANIFEST_TYPES.includes(type)) refuse(`mediaType: expected an image manifest, got ${type}`);
  return {
    kind: 'manifest',
    ...common,
    config: descriptor(root['config'], 'config'),
    layers: descriptors(root['layers'], 'layers', LAYERS_MAX),
  };
}

function refuse(why: string): never {
  throw ociFault('oci.manifest-invalid', { why });
}

/** Every key that a reader of manifests knows, at the top, in a descriptor and in its platform. */
const ROOT_KEYS = [
  ...['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'manifests', 'subject', 'annotations'],
  ...['fsLayers', 'history'],
];
const DESCRIPTOR_KEYS = ['mediaType', 'digest', 'size', 'urls', 'annotations', 'data', 'artifactType', 'platform'];
const PLATFORM_KEYS = ['architecture', 'os', 'os.version', 'os.features', 'variant', 'features'];

/**
 * Refuses a key that is a known one written otherwise (`Layers`): programs in Go take it for the known one, so that the
 * engine would run other layers than those that were scanned and signed.
 */
export function refuseRewritten(keys: readonly string[], known: readonly string[], path: string): void {
  for (const key of keys) {
    const rewritten = known.find((one) => one !== key && foldCase(one) === foldCase(key));
    if (rewritten !== undefined) refuse(`${path}: the key ${JSON.stringify(key)} is ${rewritten} written otherwise`);
  }
}

/** As Go's encoding/json compares keys: Unicode simple folding, where the long s is an s and the Kelvin sign a k. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

function members(value: Json | undefined, path: string, known: readonly string[] = []): Members {
  if (value === null || value === undefined || typeof value !== 'object' || Array.isArray(value)) {
    refuse(`${path}: expected an object`);
  }
  refuseRewritten(Object.keys(value), known, path);
  return value;
}

function optionalString(from: Members, key: string): string | null {
  const value = from[key];
  if (value === undefined) return null;
  if (typeof value !== 'string' || value === '') refuse(`${key}: expected a text`);
  return value;
}

function descriptors(value: Json | undefined, path: string, max: number): Descriptor[] {
  if (!Array.isArray(value)) refuse(`${path}: expected a list`);
  if (value.length > max) refuse(`${path}: ${value.length} entries, at most ${max}`);
  return value.map((entry, index) => descriptor(entry, `${path}[${index}]`));
}

function descriptor(value: Json | undefined, path: string): Descriptor {
  const from = members(value, path, DESCRIPTOR_KEYS);
  const { mediaType, digest, size, platform, urls } = from;
  if (typeof mediaType !== 'string' || mediaType === '') refuse(`${path}.mediaType: expected a text`);
  if (typeof digest !== 'string' || !isDigest(digest)) refuse(`${path}.digest: expected sha256: and 64 hex digits`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > CONTENT_BYTES_MAX) {
    refuse(`${path}.size: expected a whole number of bytes`);
  }
  const artifactType = optionalString(from, 'artifactType');
  const notes = annotations(from['annotations'], `${path}.annotations`);
  return {
    mediaType,
    digest,
    size,
    ...(notes === null ? {} : { annotations: notes }),
    ...(artifactType === null ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform: platformOf(platform, `${path}.platform`) }),
    ...(Array.isArray(urls) ? { urls: urls.filter((url) => typeof url === 'string') } : {}),
  };
}

function platformOf(value: Json, path: string): Platform {
  const from = members(value, path, PLATFORM_KEYS);
  const { architecture, os, variant } = from;
  if (typeof architecture !== 'string' || typeof os !== 'string') refuse(`${path}: expected architecture and os`);
  return { architecture, os, ...(typeof variant === 'string' ? { variant } : {}) };
}

function annotations(value: Json | undefined, path: string): Record<string, string> | null {
  if (value === undefined || value === null) return null;
  const entries = Object.entries(members(value, path)).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') refuse(`${path}: the value of ${JSON.stringify(key)} is not a text`);
    return [key, text];
  });
  return Object.fromEntries(entries);
}
