import type { Descriptor } from '../../oci/index.ts';

/** image-spec 1.1 image-layout.md: what every layout holds. */
export const LAYOUT_FILE = 'oci-layout';
export const INDEX_FILE = 'index.json';
export const LAYOUT_CONTENT = '{"imageLayoutVersion":"1.0.0"}';
/** image-spec 1.1 annotations.md: the name of a descriptor of the index. */
export const NAME_ANNOTATION = 'org.opencontainers.image.ref.name';
/** Where containerd and nerdctl write the full name. */
export const CONTAINERD_NAME_ANNOTATION = 'io.containerd.image.name';

export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** The digest that a path of a layout stands for, as a text; null when the path is none of a blob. */
export function digestOfPath(path: string): string | null {
  const [, algorithm, hex] = /^blobs\/(sha256|sha512)\/([0-9a-f]{64,128})$/.exec(path) ?? [];
  return algorithm === undefined || hex === undefined ? null : `${algorithm}:${hex}`;
}

/** What an entry of the index is called, or null. */
export function nameOf(entry: Descriptor): string | null {
  return entry.annotations?.[CONTAINERD_NAME_ANNOTATION] ?? entry.annotations?.[NAME_ANNOTATION] ?? null;
}
