/** Images named in one export or found in one import. */
export const ARCHIVE_IMAGES_MAX = 500;
/** Entries of an archive: each image has some tens of blobs. */
export const ARCHIVE_ENTRIES_MAX = 100_000;
/** A whole archive: what a large disk for carrying things holds; without a bound one request could fill any disk. */
export const ARCHIVE_BYTES_MAX = 1024 ** 4;
/** `oci-layout` is one line. */
export const LAYOUT_BYTES_MAX = 1024;
/** Tags named to somebody who said none. */
export const TAGS_SAID_MAX = 20;
