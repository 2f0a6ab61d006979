import type { Json } from '../../system/index.ts';
import type { Inventory } from '../package.ts';
import { type BillSubject, billPackages, billUuid, imagePurl, TOOL, wholeSeconds } from './bill.ts';
import { joinedExpression } from './licences.ts';

/** The inventory as SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3). Deterministic as `toCycloneDx` is. */
export function toSpdx2(inventory: Inventory, subject: BillSubject): { [key: string]: Json } {
  const uuid = billUuid(subject, inventory);
  const names = new Map<string, string>();
  const reference = (text: string): string => {
    const known = names.get(text) ?? `LicenseRef-${names.size + 1}`;
    names.set(text, known);
    return known;
  };
  const rootId = 'SPDXRef-Subject';
  const purl = imagePurl(subject);
  const root = {
    SPDXID: rootId,
    name: subject.reference ?? subject.digest,
    versionInfo: subject.digest,
    ...NOTHING_SAID,
    licenseDeclared: 'NOASSERTION',
    checksums: [checksumOf(subject.digest)],
    primaryPackagePurpose: subject.kind === 'files' ? 'APPLICATION' : 'CONTAINER',
    ...(purl === null ? {} : { externalRefs: [purlReference(purl)] }),
  };
  const { distribution } = inventory;
  const system = distribution
    ? [
        {
          SPDXID: 'SPDXRef-OperatingSystem',
          name: distribution.id,
          ...(distribution.version === '' ? {} : { versionInfo: distribution.version }),
          description: distribution.name,
          ...NOTHING_SAID,
          licenseDeclared: 'NOASSERTION',
          primaryPackagePurpose: 'OPERATING_SYSTEM',
        },
      ]
    : [];
  const packages = billPackages(inventory).map(({ purl: own, found, licences, places }, index) => ({
    SPDXID: `SPDXRef-Package-${index + 1}`,
    name: found.name,
    versionInfo: found.version,
    ...NOTHING_SAID,
    licenseDeclared:
      joinedExpression(licences) ?? (licences.length === 0 ? 'NOASSERTION' : licences.map(reference).join(' AND ')),
    ...(found.sha1 === undefined ? {} : { checksums: [{ algorithm: 'SHA1', checksumValue: found.sha1 }] }),
    sourceInfo: [
      ...places.map(({ path, layer }) => `found in ${path} of layer ${layer}`),
      ...(found.source ? [`built from ${found.source.name} ${found.source.version}`] : []),
    ].join('; '),
    externalRefs: [purlReference(own)],
  }));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: subject.reference ?? subject.digest,
    documentNamespace: `urn:uuid:${uuid}`,
    creationInfo: { created: wholeSeconds(subject.createdAt), creators: [`Tool: ${TOOL.name}`] },
    documentDescribes: [rootId],
    packages: [root, ...system, ...packages],
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', rootId),
      ...[...system, ...packages].map(({ SPDXID }) => relation(rootId, 'CONTAINS', SPDXID)),
    ],
    ...(names.size === 0
      ? {}
      : {
          hasExtractedLicensingInfos: [...names].map(([text, licenseId]) => ({
            licenseId,
            name: text.slice(0, 200),
            extractedText: text,
          })),
        }),
  };
}

const NOTHING_SAID = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
} as const;

function purlReference(purl: string): Json {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl };
}

function checksumOf(digest: string): Json {
  const [algorithm = '', checksumValue = ''] = digest.split(':');
  return { algorithm: algorithm.toUpperCase(), checksumValue };
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string): Json {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}
