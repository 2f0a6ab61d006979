import type { Json } from '../../system/index.ts';
import type { Inventory } from '../package.ts';
import { type BillSubject, billPackages, billUuid, imagePurl, TOOL, wholeSeconds } from './bill.ts';
import { joinedExpression } from './licences.ts';

type Element = { [key: string]: Json };

/** The inventory as SPDX 3.0.1 in JSON-LD (spdx.github.io/spdx-spec/v3.0.1). Deterministic as `toCycloneDx` is. */
export function toSpdx3(inventory: Inventory, subject: BillSubject): { [key: string]: Json } {
  const base = `urn:uuid:${billUuid(subject, inventory)}`;
  const creationInfo = '_:creation';
  const element = (type: string, id: string, more: Element): Element => ({
    type,
    spdxId: `${base}#${id}`,
    creationInfo,
    ...more,
  });
  const author = element('SoftwareAgent', 'agent', { name: TOOL.vendor });
  const tool = element('Tool', 'tool', { name: TOOL.name });
  const [algorithm = '', hashValue = ''] = subject.digest.split(':');
  const purl = imagePurl(subject);
  const root = element('software_Package', 'subject', {
    name: subject.reference ?? subject.digest,
    software_packageVersion: subject.digest,
    software_primaryPurpose: subject.kind === 'files' ? 'application' : 'container',
    verifiedUsing: [{ type: 'Hash', algorithm, hashValue }],
    ...(purl === null ? {} : { software_packageUrl: purl }),
  });
  const { distribution } = inventory;
  const system = distribution
    ? [
        element('software_Package', 'system', {
          name: distribution.id,
          ...(distribution.version === '' ? {} : { software_packageVersion: distribution.version }),
          description: distribution.name,
          software_primaryPurpose: 'operatingSystem',
        }),
      ]
    : [];
  const expressions = new Map<string, { licence: Element; packages: string[] }>();
  const packages = billPackages(inventory).map(({ purl: own, found, licences, places }, index) => {
    const id = `package-${index + 1}`;
    const expression = joinedExpression(licences);
    if (expression !== null) {
      const known = expressions.get(expression) ?? {
        licence: element('simplelicensing_LicenseExpression', `licence-${expressions.size + 1}`, {
          simplelicensing_licenseExpression: expression,
        }),
        packages: [],
      };
      known.packages.push(`${base}#${id}`);
      expressions.set(expression, known);
    }
    return element('software_Package', id, {
      name: found.name,
      software_packageVersion: found.version,
      software_packageUrl: own,
      software_sourceInfo: [
        ...places.map(({ path, layer }) => `found in ${path} of layer ${layer}`),
        ...(found.source ? [`built from ${found.source.name} ${found.source.version}`] : []),
        // Words that are no expression stand here: as a licence they would be wrong.
        ...(expression === null && licences.length > 0 ? [`states the licences ${licences.join(', ')}`] : []),
      ].join('; '),
      ...(found.sha1 === undefined
        ? {}
        : { verifiedUsing: [{ type: 'Hash', algorithm: 'sha1', hashValue: found.sha1 }] }),
    });
  });
  const ids = (elements: readonly Element[]): Json[] => elements.map(({ spdxId }) => spdxId ?? '');
  const contained = [...system, ...packages];
  const relations = [
    ...(contained.length === 0
      ? []
      : [
          element('Relationship', 'contains', {
            from: root['spdxId'] ?? '',
            relationshipType: 'contains',
            completeness: 'complete',
            to: ids(contained),
          }),
        ]),
    ...[...expressions.values()].flatMap(({ licence, packages: all }, index) =>
      all.map((from, at) =>
        element('Relationship', `declares-${index + 1}-${at + 1}`, {
          from,
          relationshipType: 'hasDeclaredLicense',
          to: ids([licence]),
        }),
      ),
    ),
  ];
  const content = [root, ...contained, ...[...expressions.values()].map(({ licence }) => licence), ...relations];
  const bill = element('software_Sbom', 'bill', {
    rootElement: ids([root]),
    element: ids(content),
    software_sbomType: ['analyzed'],
  });
  const document = element('SpdxDocument', 'document', {
    name: subject.reference ?? subject.digest,
    rootElement: ids([bill]),
    element: ids([author, tool, bill, ...content]),
    profileConformance: ['core', 'software', 'simpleLicensing'],
  });
  return {
    '@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld',
    '@graph': [
      {
        type: 'CreationInfo',
        '@id': creationInfo,
        specVersion: '3.0.1',
        created: wholeSeconds(subject.createdAt),
        createdBy: ids([author]),
        createdUsing: ids([tool]),
      },
      author,
      tool,
      document,
      bill,
      ...content,
    ],
  };
}
