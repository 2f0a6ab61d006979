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

/** Bytes of a trusted_root.json: the public one is below 10 kB with years of history in it. */
export const TRUSTED_ROOT_BYTES_MAX = 1024 * 1024;

/** Authorities or logs of one kind in a trusted root; the public one has four in its largest list. */
export const AUTHORITIES_MAX = 64;

/** Certificates of one chain, the leaf not counted: Fulcio's has two. */
export const CHAIN_LENGTH_MAX = 8;

/** Bytes of one certificate or chain that are read at all: a Fulcio leaf is below 1 kB, an RSA-4096 one below 4 (V5). */
export const CERTIFICATE_BYTES_MAX = 32 * 1024;

/** Log entries and time stamps in one bundle; honest ones have one or two of each. */
export const LOG_ENTRIES_MAX = 16;

/** Bytes of an RFC 3161 answer, whole chain included. */
export const TIMESTAMP_BYTES_MAX = 64 * 1024;

/** Hashes of an inclusion proof: a log of 2^63 entries needs 63. */
export const PROOF_HASHES_MAX = 64;

/** Signatures under a checkpoint: the log's and its witnesses'. */
export const CHECKPOINT_SIGNATURES_MAX = 32;

/** Signatures that are remembered to hold, of one trusted root: about 100 bytes each. */
export const SIGNATURE_MEMO_MAX = 4096;

/** Certificates that are remembered as proven, of one trusted root: about 4 kB each. */
export const PROVEN_CERTIFICATES_MAX = 1024;

/** A signer's clock may run this far ahead of ours. */
export const CLOCK_SKEW_MS = 5 * 60_000;

/** Bytes of a claim in the cosign 2 layout, and of one annotation beside it; honest ones are some hundred. */
export const SIMPLE_SIGNING_BYTES_MAX = 64 * 1024;

/** Bytes of a Notation signature: payload, chain and time stamp of an honest one are some 10 kB. */
export const NOTATION_BYTES_MAX = 256 * 1024;

/** Bytes of a trust policy: with the public trusted root inside it is some 12 kB. */
export const POLICY_BYTES_MAX = 1024 * 1024;

/** Bytes of a request that stores a signature: one bundle, in base64. */
export const ATTACH_BYTES_MAX = Math.ceil(BUNDLE_BYTES_MAX * 1.4);

/** Bytes of one file of TUF metadata: Sigstore's largest root is below 10 kB. */
export const TUF_METADATA_BYTES_MAX = 512 * 1024;

/** Roots that may follow each other in one update: Sigstore had a dozen in five years. */
export const TUF_ROOT_ROTATIONS_MAX = 64;

/** Signatures and keys of one role. */
export const TUF_SIGNATURES_MAX = 64;

/** Targets of one mirror; Sigstore's has some twenty. */
export const TUF_TARGETS_MAX = 4096;

/** Bytes of an answer of Fulcio, Rekor or a time stamp authority; honest ones are some 10 kB. */
export const SERVICE_ANSWER_BYTES_MAX = 1024 * 1024;
