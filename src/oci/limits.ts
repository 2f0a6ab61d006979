/** distribution-spec 1.1 "Pushing Manifests": registries should accept 4 MiB; we accept no more. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** Real images stay below 130 layers (overlayfs stops at 500 lower folders); more is an attack on the reader's time. */
export const LAYERS_MAX = 512;
/** An index lists platforms or artifacts; 4 MiB of descriptors hold about this many. */
export const INDEX_ENTRIES_MAX = 10_000;
/** No layer is larger than 1 TiB; sizes above 2^53 cannot be said exactly in JSON. */
export const CONTENT_BYTES_MAX = 2 ** 40;
/** A manifest nests three objects deep; 32 leaves room for annotations of artifacts. */
export const MANIFEST_DEPTH_MAX = 32;
/** distribution-spec 1.1 "Pulling manifests": repository name plus host stay below 255 characters. */
export const NAME_LENGTH_MAX = 255;
