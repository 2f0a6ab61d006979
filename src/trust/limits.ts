/** Attestations of one image that are looked at; more is refused, so that 100,000 referrers cannot stall a start (V5). */
export const BUNDLE_COUNT_MAX = 100;

/** Bytes of all attestations of one image together. A scan attestation is the largest honest one, some hundred kB. */
export const BUNDLE_TOTAL_BYTES_MAX = 10 * 1024 * 1024;

/** Bytes of one bundle: the payload is base64 inside JSON, so this leaves room for about 3 MB of statement. */
export const BUNDLE_BYTES_MAX = 4 * 1024 * 1024;

/** Signatures inside one DSSE envelope. Sigstore bundles carry exactly one; rotation of our records may carry two. */
export const ENVELOPE_SIGNATURES_MAX = 16;

/** Bytes of a signed record (a verdict, a wanted state); the largest honest one lists some thousand reasons. */
export const RECORD_BYTES_MAX = 2 * 1024 * 1024;

/** Subjects of one in-toto statement; provenance of a build names one, a release some dozens. */
export const STATEMENT_SUBJECTS_MAX = 1000;

/** Nesting of a signed document. Our deepest, SLSA provenance, needs nine. */
export const DOCUMENT_DEPTH_MAX = 64;
