export {
  createDigester,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
} from './digest.ts';
export { ociFault } from './errors.ts';
export { MANIFEST_BYTES_MAX } from './limits.ts';
export {
  type Descriptor,
  type Index,
  type Manifest,
  MEDIA_TYPE,
  type ParsedManifest,
  type Platform,
  parseManifest,
  refuseRewritten,
} from './manifest.ts';
export { isRepositoryPattern, matchesGlob, PATTERN_WILDCARDS_MAX } from './pattern.ts';
export {
  formatReference,
  type ImageReference,
  isRepositoryName,
  isTag,
  parseReference,
  projectOf,
  REGISTRY_NAME,
} from './reference.ts';
