export { attest, predicateBy, signImage } from './attest.ts';
export { type BelievedKey, type ContainersPolicy, containersPolicy } from './containers-policy.ts';
export {
  COSIGN_SIGNATURE_ANNOTATION,
  cosignAttestationTag,
  cosignSignatureTag,
  ENVELOPE_MEDIA_TYPE,
  ENVELOPE_PREDICATE_ANNOTATION,
  SIMPLE_SIGNING_MEDIA_TYPE,
  type SimpleSigning,
  writeSimpleSigning,
} from './cosign.ts';
export { type DemandVerdict, demandLabel, unmetDemands } from './demands.ts';
export type { SerializedEnvelope } from './dsse.ts';
export { trustFault } from './errors.ts';
export {
  checkSuccessor,
  compileHostPolicy,
  HOST_POLICY_TYPE,
  type HostPolicy,
  TRUST_DOCUMENT_TYPE,
} from './host-policy.ts';
export {
  generateSigningKey,
  keyHint,
  openSigningKey,
  type PublicKey,
  readPublicKey,
  type SealedKey,
  type SigningKey,
} from './key.ts';
export {
  BILL_BYTES_MAX,
  BILL_MEDIA_TYPE,
  billBytes,
  documentOf,
  outlineOf,
  STATED_BILL_BYTES_MAX,
  withoutDate,
} from './large-bill.ts';
export {
  BUNDLE_BYTES_MAX,
  BUNDLE_COUNT_MAX,
  BUNDLE_TOTAL_BYTES_MAX,
  NOTATION_BYTES_MAX,
  SIMPLE_SIGNING_BYTES_MAX,
} from './limits.ts';
export { trustMigrations } from './migrations.ts';
export { NOTATION_ARTIFACT_TYPE, NOTATION_MEDIA_TYPES, type NotationSignature } from './notation.ts';
export { type DemandedUse, defineSigner, type SignerIdentity, type TrustedSigner, type TrustPolicy } from './policy.ts';
export {
  checkTrustDocument,
  compileDocument,
  type RootCache,
  readTrustDocument,
  type TrustDocument,
} from './policy-document.ts';
export { type SignedRecord, signRecord, verifyRecord } from './record.ts';
export { bundleLayer, PREDICATE_ANNOTATION, type Referrer, toReferrer, toSimpleSigningArtifact } from './referrer.ts';
export { registerTrustRoutes, type SignatureView, type TrustPorts } from './routes.ts';
export { openSigner } from './sign-commands.ts';
export { encryptKey, generateKeyFile, localSigner, openKeyFile } from './signing/key-file.ts';
export { keylessSigner, type SigningServices } from './signing/keyless-signer.ts';
export { type KeySigner, makeBundle, type Signer } from './signing/signer.ts';
export { programSigner, readTokenKey, tokenSigner } from './signing/token.ts';
export { BUNDLE_MEDIA_TYPE, type ReadBundle, readBundle } from './sigstore/bundle.ts';
export { SignatureMemo } from './sigstore/signatures.ts';
export { readTrustedRoot, type TrustedRoot } from './sigstore/trusted-root.ts';
export { type BundleProof, type TrustedTime, verifyByCertificate, verifyByKey } from './sigstore/verify.ts';
export { fullRepository, type ImageSubject, PREDICATE_TYPE, predicateUse, type SignatureUse } from './statement.ts';
export type { KeyRecord, TrustTables } from './store.ts';
export {
  NO_SIGNATURES,
  type PackedSignatures,
  packSignatures,
  type StoredSignatures,
  unpackSignatures,
} from './stored.ts';
export { followSuccession, isFormer, signerName } from './succession.ts';
export {
  type Attestation,
  type KeyView,
  type Rotation,
  type SignatureStore,
  type StoredBundle,
  Trust,
  type TrustOptions,
} from './trust.ts';
export {
  type AcceptedSignature,
  type ImageToVerify,
  isMet,
  type RefusedSignature,
  type SignatureVerdict,
  signersOf,
  verifyImage,
} from './verify.ts';
