import { parsePurl } from '../../formats/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { Finding, FindingVex, VexStatus } from '../report.ts';

/** What a document says of one vulnerability in some products, whatever its format. */
export interface VexClaim {
  /** CVE and every other name given. */
  readonly ids: readonly string[];
  readonly status: VexStatus;
  readonly justification: string | null;
  readonly statement: string | null;
  readonly products: readonly VexProduct[];
  readonly at: string | null;
}

/** An image, a package, or a package in an image. Never neither: such a claim would speak of everything. */
export interface VexProduct {
  /** Digest of the image; null: in whatever image it is. */
  readonly image: string | null;
  /** purl of the package; null: the whole image. */
  readonly purl: string | null;
}

export interface VexDocument {
  readonly format: FindingVex['format'];
  readonly id: string;
  readonly author: string;
  readonly at: string;
  readonly claims: readonly VexClaim[];
}

/** Whether a claim speaks of a finding in an image. Whatever is in doubt does not match. */
export function speaksOf(
  claim: VexClaim,
  finding: Pick<Finding, 'id' | 'aliases' | 'package'>,
  digest: Digest,
): boolean {
  const names = [finding.id, ...finding.aliases];
  if (!claim.ids.some((id) => names.includes(id))) return false;
  return claim.products.some(({ image, purl }) => {
    if (image === null && purl === null) return false;
    return (image === null || image === digest) && (purl === null || isSamePackage(purl, finding.package.purl));
  });
}

/** The same type, namespace and name; a version and qualifiers only where the claim gives them. */
function isSamePackage(claimed: string, found: string): boolean {
  const [a, b] = [parsePurl(claimed), parsePurl(found)];
  if (a === null || b === null) return false;
  return (
    a.type === b.type &&
    (a.namespace ?? '') === (b.namespace ?? '') &&
    a.name === b.name &&
    (a.version === null || a.version === b.version) &&
    Object.entries(a.qualifiers).every(
      ([key, value]) => IGNORED_QUALIFIERS.has(key) || (b.qualifiers[key] ?? '') === value,
    )
  );
}

/** Where a package was fetched from does not make it another one. */
const IGNORED_QUALIFIERS = new Set(['repository_url', 'download_url', 'vcs_url', 'checksum', 'file_name']);

/** The product that an identifier names: an image by its digest, or a package by its purl. Null: neither. */
export function productOf(identifier: string): VexProduct | null {
  const digest = /sha256:[0-9a-f]{64}/.exec(safeDecode(identifier))?.[0];
  const purl = parsePurl(identifier);
  if (purl !== null && purl.type !== 'oci' && purl.type !== 'docker') return { image: null, purl: identifier };
  return digest === undefined ? null : { image: digest, purl: null };
}

function safeDecode(text: string): string {
  return text.replaceAll(/%3a/gi, ':');
}
