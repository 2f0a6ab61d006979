import { FormatError, parseStrictJson } from '../../formats/index.ts';
import { items, type Members, members, textOf, texts } from '../checks/values.ts';
import { scanFault } from '../errors.ts';
import { VEX_CLAIMS_MAX, VEX_MAX_BYTES, VEX_STATEMENT_MAX } from '../limits.ts';
import { VEX_STATUSES, type VexStatus } from '../report.ts';
import { productOf, type VexClaim, type VexDocument, type VexProduct } from './claim.ts';

/**
 * Reads a VEX document: OpenVEX 0.2, CSAF 2.0 with the profile VEX, or CycloneDX with vulnerabilities.
 * @throws Fault scan.vex-invalid
 */
export function readVex(bytes: Uint8Array): VexDocument {
  let root: Members;
  try {
    root = members(parseStrictJson(bytes, { maxBytes: VEX_MAX_BYTES, maxDepth: 64 }));
  } catch (error) {
    if (error instanceof FormatError) throw scanFault('scan.vex-invalid', { why: error.message });
    throw error;
  }
  const document = readRoot(root);
  if (document.claims.length === 0) {
    throw scanFault('scan.vex-invalid', { why: 'it says nothing of a product that can be known by digest or purl' });
  }
  if (document.claims.length > VEX_CLAIMS_MAX) {
    throw scanFault('scan.vex-invalid', {
      why: `it has ${document.claims.length} claims, the limit is ${VEX_CLAIMS_MAX}`,
    });
  }
  return document;
}

function readRoot(root: Members): VexDocument {
  if (textOf(root['@context']).startsWith('https://openvex.dev/ns')) return readOpenVex(root);
  if (root['bomFormat'] === 'CycloneDX') return readCycloneDx(root);
  if (textOf(members(root['document'])['csaf_version']).startsWith('2.')) return readCsaf(root);
  throw scanFault('scan.vex-invalid', { why: 'it is neither OpenVEX nor CSAF nor CycloneDX' });
}

const said = (value: Members[string] | undefined): string | null => {
  const text = textOf(value).trim();
  return text === '' ? null : text.slice(0, VEX_STATEMENT_MAX);
};
const isStatus = (text: string): text is VexStatus => VEX_STATUSES.some((status) => status === text);
const unique = (values: readonly string[]): string[] => [...new Set(values.filter((value) => value !== ''))];

/** openvex.dev, specification 0.2.0. */
function readOpenVex(root: Members): VexDocument {
  const at = textOf(root['last_updated']) || textOf(root['timestamp']);
  const claims = items(root['statements'])
    .map(members)
    .flatMap((statement): VexClaim[] => {
      const status = textOf(statement['status']);
      const vulnerability = statement['vulnerability'];
      const named = members(vulnerability);
      const ids = unique([
        typeof vulnerability === 'string' ? vulnerability : textOf(named['name']),
        ...texts(named['aliases']),
      ]);
      if (!isStatus(status) || ids.length === 0) return [];
      const products = items(statement['products']).flatMap((product): VexProduct[] => {
        const whole = openVexIdentifiers(product);
        const parts = items(members(product)['subcomponents'])
          .flatMap(openVexIdentifiers)
          .filter(({ purl }) => purl !== null);
        if (parts.length === 0) return whole;
        // A part of an image is a package in it; of what else it is a part cannot be told here.
        return whole
          .filter(({ image }) => image !== null)
          .flatMap(({ image }) => parts.map(({ purl }) => ({ image, purl })));
      });
      if (products.length === 0) return [];
      return [
        {
          ids,
          status,
          justification: said(statement['justification']),
          statement:
            said(statement['impact_statement']) ??
            said(statement['action_statement']) ??
            said(statement['status_notes']),
          products,
          at: said(statement['timestamp']),
        },
      ];
    });
  return { format: 'openvex', id: textOf(root['@id']), author: textOf(root['author']), at, claims };
}

function openVexIdentifiers(product: Members[string]): VexProduct[] {
  const named = members(product);
  const purl = members(named['identifiers'])['purl'];
  const hashes = members(named['hashes']);
  const all = [
    ...(typeof product === 'string' ? [product] : []),
    textOf(named['@id']),
    textOf(purl),
    ...(typeof hashes['sha-256'] === 'string' ? [`sha256:${hashes['sha-256']}`] : []),
  ];
  const found = all.flatMap((identifier) => productOf(identifier) ?? []);
  return [...new Map(found.map((one) => [`${one.image} ${one.purl}`, one])).values()];
}

/** CSAF 2.0, section 4.5 (profile VEX). */
function readCsaf(root: Members): VexDocument {
  const document = members(root['document']);
  const tracking = members(document['tracking']);
  const products = csafProducts(members(root['product_tree']));
  const at = textOf(tracking['current_release_date']);
  const claims = items(root['vulnerabilities'])
    .map(members)
    .flatMap((vulnerability) => {
      const ids = unique([
        textOf(vulnerability['cve']),
        ...items(vulnerability['ids']).map((id) => textOf(members(id)['text'])),
      ]);
      const status = members(vulnerability['product_status']);
      const flags = items(vulnerability['flags']).map(members);
      const threats = items(vulnerability['threats']).map(members);
      return CSAF_STATUSES.flatMap(([name, meaning]) =>
        texts(status[name]).flatMap((productId): VexClaim[] => {
          const known = products.get(productId) ?? [];
          if (known.length === 0 || ids.length === 0) return [];
          const speaksOfIt = (one: Members): boolean =>
            texts(one['product_ids']).length === 0 || texts(one['product_ids']).includes(productId);
          const justification = said(flags.find(speaksOfIt)?.['label']);
          const statement = said(threats.find((one) => one['category'] === 'impact' && speaksOfIt(one))?.['details']);
          return [{ ids, status: meaning, justification, statement, products: known, at: null }];
        }),
      );
    });
  return {
    format: 'csaf',
    id: textOf(tracking['id']),
    author: textOf(members(document['publisher'])['name']),
    at,
    claims,
  };
}

const CSAF_STATUSES: readonly (readonly [string, VexStatus])[] = [
  ['known_not_affected', 'not_affected'],
  ['known_affected', 'affected'],
  ['fixed', 'fixed'],
  ['first_fixed', 'fixed'],
  ['under_investigation', 'under_investigation'],
];

/** How deep vendors nest branches: vendor, family, name, version, architecture. */
const BRANCH_DEPTH_MAX = 16;

/** Products by their id; a component within a product is the package in the image. */
function csafProducts(tree: Members): Map<string, VexProduct[]> {
  const found = new Map<string, VexProduct[]>();
  const take = (product: Members): void => {
    const helper = members(product['product_identification_helper']);
    const hashes = items(helper['hashes'])
      .flatMap((hash) => items(members(hash)['file_hashes']))
      .map(members);
    const identifiers = [
      textOf(helper['purl']),
      ...texts(helper['purls']),
      ...hashes.filter(({ algorithm }) => algorithm === 'sha256').map(({ value }) => `sha256:${textOf(value)}`),
    ];
    found.set(
      textOf(product['product_id']),
      identifiers.flatMap((identifier) => productOf(identifier) ?? []),
    );
  };
  const walk = (branches: Members[string] | undefined, depth: number): void => {
    for (const branch of items(branches).map(members)) {
      if (branch['product'] !== undefined) take(members(branch['product']));
      if (depth < BRANCH_DEPTH_MAX) walk(branch['branches'], depth + 1);
    }
  };
  walk(tree['branches'], 0);
  for (const product of items(tree['full_product_names'])) take(members(product));
  for (const relation of items(tree['relationships']).map(members)) {
    const component = found.get(textOf(relation['product_reference'])) ?? [];
    const holder = found.get(textOf(relation['relates_to_product_reference'])) ?? [];
    const images = holder.filter(({ image }) => image !== null);
    const combined =
      images.length === 0 ? component : images.flatMap(({ image }) => component.map(({ purl }) => ({ image, purl })));
    found.set(textOf(members(relation['full_product_name'])['product_id']), combined);
  }
  return found;
}

const CYCLONEDX_STATES: Readonly<Record<string, VexStatus>> = {
  not_affected: 'not_affected',
  false_positive: 'not_affected',
  exploitable: 'affected',
  resolved: 'fixed',
  resolved_with_pedigree: 'fixed',
  in_triage: 'under_investigation',
};

/** CycloneDX 1.4 and later, `vulnerabilities[].analysis`. */
function readCycloneDx(root: Members): VexDocument {
  const metadata = members(root['metadata']);
  const subject = members(metadata['component']);
  const components = new Map<string, VexProduct[]>();
  const take = (component: Members): void => {
    const hashes = items(component['hashes'])
      .map(members)
      .filter(({ alg }) => alg === 'SHA-256');
    const identifiers = [textOf(component['purl']), ...hashes.map(({ content }) => `sha256:${textOf(content)}`)];
    // Hashes of anything but an image are of files.
    const usable =
      component === subject || textOf(component['type']) === 'container' ? identifiers : identifiers.slice(0, 1);
    components.set(
      textOf(component['bom-ref']),
      usable.flatMap((identifier) => productOf(identifier) ?? []),
    );
  };
  take(subject);
  for (const component of items(root['components'])) take(members(component));
  const image = components.get(textOf(subject['bom-ref']))?.find((one) => one.image !== null)?.image ?? null;
  const claims = items(root['vulnerabilities'])
    .map(members)
    .flatMap((vulnerability): VexClaim[] => {
      const analysis = members(vulnerability['analysis']);
      const status = CYCLONEDX_STATES[textOf(analysis['state'])];
      const ids = unique([
        textOf(vulnerability['id']),
        ...items(vulnerability['references']).map((reference) => textOf(members(reference)['id'])),
      ]);
      const products = items(vulnerability['affects']).flatMap((affected) => {
        const reference = textOf(members(affected)['ref']);
        const known = components.get(reference) ?? components.get(reference.split('#').at(-1) ?? '') ?? [];
        const named = known.length > 0 ? known : [productOf(reference)].filter((one) => one !== null);
        return named.map((one) => (one.purl !== null && image !== null ? { image, purl: one.purl } : one));
      });
      if (status === undefined || ids.length === 0 || products.length === 0) return [];
      return [
        {
          ids,
          status,
          justification: said(analysis['justification']),
          statement: said(analysis['detail']),
          products,
          at: said(analysis['lastUpdated']),
        },
      ];
    });
  const authors = items(metadata['authors']).map((one) => textOf(members(one)['name']));
  const supplier = textOf(members(metadata['supplier'])['name']);
  return {
    format: 'cyclonedx',
    id: textOf(root['serialNumber']),
    author: unique([...authors, supplier]).join(', '),
    at: textOf(metadata['timestamp']),
    claims,
  };
}
