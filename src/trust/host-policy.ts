import { canonicalJson, type Json } from '../system/index.ts';
import { trustFault } from './errors.ts';
import { type PublicKey, readPublicKey } from './key.ts';
import { defineSigner, type TrustedSigner, type TrustPolicy } from './policy.ts';
import { checkTrustDocument, compileDocument, type RootCache, type TrustDocument } from './policy-document.ts';
import { type SignedRecord, verifyRecord } from './record.ts';
import { SIGNATURE_USES, type SignatureUse } from './statement.ts';

/** What a trust policy is called where its administrators sign it, and where control sends it to a host. */
export const TRUST_DOCUMENT_TYPE = 'application/vnd.darsena.trust-policy.v1+json';
export const HOST_POLICY_TYPE = 'application/vnd.darsena.host-trust.v1+json';

/** What control sends hosts of the trust policy; signed by control as a record of HOST_POLICY_TYPE. */
export interface HostPolicy {
  readonly version: number;
  readonly document: TrustDocument;
  /** The administrators' own signatures over the document. */
  readonly signatures: readonly SignedRecord[];
  /** Keys that control believes: those of builders and those that people added one by one. */
  readonly keys: readonly HostKey[];
}

export interface HostKey {
  readonly name: string;
  readonly uses: readonly SignatureUse[];
  readonly repositories: readonly string[];
  readonly publicKeyPem: string;
  readonly validFrom: string | null;
  readonly validUntil: string | null;
  readonly revokedAt: string | null;
  /** It signs approvals for people whom it authenticated. */
  readonly vouches?: boolean;
}

/**
 * How many of the administrators that a document names have signed another document.
 * @param signatures records of TRUST_DOCUMENT_TYPE whose value is the document
 */
export function countAdministrators(
  standing: TrustDocument,
  document: TrustDocument,
  signatures: readonly SignedRecord[],
): { readonly wanted: number; readonly seen: number } {
  const { administrators } = standing;
  if (administrators === undefined) return { wanted: 0, seen: 0 };
  const text = canonicalJson(document as Json);
  const signers = administrators.keys
    .map((pem) => readPublicKey(pem, 'administrator'))
    .filter((key) => signatures.some((record) => signsDocument(record, key, text)));
  return { wanted: administrators.count, seen: new Set(signers.map((key) => key.id)).size };
}

function signsDocument(record: SignedRecord, key: ReturnType<typeof readPublicKey>, text: string): boolean {
  try {
    return canonicalJson(verifyRecord(record, [key], TRUST_DOCUMENT_TYPE)) === text;
  } catch {
    return false; // a record that this key did not sign says nothing about the others
  }
}

/**
 * Whether a host may follow `next` after `standing`: it is no older, and those whom the standing one names as its
 * administrators signed the change. A host that has none yet takes the first it is sent.
 * @throws Fault trust.policy-unsigned, trust.policy-changed, trust.policy-invalid
 */
export function checkSuccessor(standing: HostPolicy | null, next: HostPolicy): void {
  checkTrustDocument(next.document);
  if (standing === null) return;
  if (next.version < standing.version) {
    throw trustFault('trust.policy-changed', { expected: standing.version, version: next.version });
  }
  const isSame = canonicalJson(next.document as Json) === canonicalJson(standing.document as Json);
  const { wanted, seen } = countAdministrators(standing.document, next.document, next.signatures);
  if (!isSame && seen < wanted) throw trustFault('trust.policy-unsigned', { count: wanted, seen });
}

/**
 * What a host believes: its own builder, with the keys that it signed with before; the document's signers; and control's
 * keys, unless administrators are named, because then nobody but them says who is believed. Of control itself only the
 * key counts then that was pinned when the host joined, and those that it named itself to follow it, for what is
 * control's to say. A key that control revoked counts for nothing, whose ever it is.
 */
export function compileHostPolicy(
  policy: HostPolicy | null,
  { own, control }: { readonly own: readonly TrustedSigner[]; readonly control: readonly PublicKey[] },
  cache: RootCache,
): TrustPolicy {
  if (policy === null) return { signers: own, repositoryBinding: 'required', rules: [] };
  const told = policy.keys.map((key) => ({ ...key, publicKey: readPublicKey(key.publicKeyPem, key.name) }));
  /** Control's word that a key counts no more, or only until then, is followed whoever else leads: it believes nobody more. */
  const endOf = ({ id }: PublicKey): Pick<HostKey, 'revokedAt' | 'validUntil'> => {
    const { revokedAt = null, validUntil = null } = told.find(({ publicKey }) => publicKey.id === id) ?? {};
    return { revokedAt, validUntil };
  };
  const isOwn = ({ id }: PublicKey): boolean => own.some((signer) => keyOf(signer)?.id === id);
  const isLed = policy.document.administrators !== undefined;
  const believed = isLed
    ? control.map((publicKey) => ({ ...pinnedControl(publicKey), ...endOf(publicKey), publicKey }))
    : told.filter(({ publicKey }) => !isOwn(publicKey));
  const keys = believed.map(
    ({ publicKey, name, repositories, validFrom, validUntil, revokedAt, vouches = false, uses }) =>
      defineSigner({
        ...{ name, repositories, validFrom, validUntil, revokedAt, vouches },
        uses: uses.filter((use) => SIGNATURE_USES.includes(use)),
        identity: { kind: 'key', publicKey, trustedRoot: null },
      }),
  );
  const mine = own.map((signer) => {
    const key = keyOf(signer);
    return key === null ? signer : { ...signer, ...endOf(key) };
  });
  return compileDocument(policy.document, [...mine, ...keys], cache);
}

function keyOf({ identity }: TrustedSigner): PublicKey | null {
  return identity.kind === 'key' ? identity.publicKey : null;
}

/** What control may say of an image at all; never that it is signed, built or permitted by somebody else. */
function pinnedControl({ pem }: PublicKey): HostKey {
  return {
    ...{ name: 'control', uses: ['scan', 'sbom', 'approval'], repositories: ['**'], publicKeyPem: pem, vouches: true },
    ...{ validFrom: null, validUntil: null, revokedAt: null },
  };
}
