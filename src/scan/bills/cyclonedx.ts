import type { Json } from '../../system/index.ts';
import { isOpen } from '../here.ts';
import type { MalwareFinding } from '../malware/result.ts';
import type { Inventory, UnnamedArchive } from '../package.ts';
import type { Finding, ScanReport } from '../report.ts';
import { type BillPackage, type BillSubject, billPackages, billUuid, imagePurl, TOOL } from './bill.ts';
import { joinedExpression, licenceExpression, licenceId } from './licences.ts';

export type CycloneDxVersion = '1.6' | '1.7';

type Document = { [key: string]: Json };

/**
 * The inventory as a CycloneDX bill of materials in JSON (cyclonedx.org/docs/1.6/json). Equal inventories of the same
 * subject, read at the same time, give the same bytes.
 */
export function toCycloneDx(inventory: Inventory, subject: BillSubject, version: CycloneDxVersion = '1.6'): Document {
  const root = rootOf(subject);
  const system = systemOf(inventory);
  const components = [
    ...(system === null ? [] : [system]),
    ...billPackages(inventory).map(toComponent),
    ...(inventory.archives ?? []).map(toFile),
  ];
  return {
    ...headOf(`urn:uuid:${billUuid(subject, inventory)}`, version),
    metadata: metadataOf(subject, root),
    components,
    dependencies: [
      { ref: root['bom-ref'] ?? '', dependsOn: components.map((one) => one['bom-ref'] ?? '') },
      ...components.map((one) => ({ ref: one['bom-ref'] ?? '' })),
    ],
  };
}

/** Findings with what is to be done about each, as a CycloneDX document of vulnerabilities (1.6, "VEX"). */
export function toCycloneDxVex(
  report: ScanReport,
  inventory: Inventory,
  subject: BillSubject,
  version: CycloneDxVersion = '1.6',
): Document {
  const bill = toCycloneDx(inventory, subject, version);
  // What is said of one package is not said of another: an analysis is of one saying.
  const groups = [...Map.groupBy(report.findings, sayingOf).values()];
  const seen = new Map<string, number>();
  const vulnerabilities = groups.map((all) => {
    const id = all[0]?.id ?? '';
    const place = (seen.get(id) ?? 0) + 1;
    seen.set(id, place);
    return toVulnerability(all, place === 1 ? '' : `#${place}`);
  });
  return {
    ...bill,
    // CWE 506 is "embedded malicious code": what reads such a document must not take an image with it for clean.
    vulnerabilities: [
      ...vulnerabilities,
      ...report.malware.findings.map((one, at) => toMalicious(one, at, rootOf(subject))),
    ],
    properties: [{ name: 'darsena:malware', value: report.malware.state }],
  };
}

function toMalicious({ engine, signature, path, layer }: MalwareFinding, at: number, root: Document): Document {
  return {
    'bom-ref': `malware:${at}`,
    id: signature,
    source: { name: engine },
    ratings: [{ severity: 'critical' }],
    cwes: [506],
    description: `${engine} found ${signature} in ${path}`,
    analysis: { state: 'exploitable', response: ['update'], detail: 'build the image again without this file' },
    affects: [{ ref: root['bom-ref'] ?? '' }],
    properties: [
      { name: 'darsena:path', value: path },
      { name: 'darsena:layer', value: layer },
    ],
  };
}

function headOf(serialNumber: string, version: CycloneDxVersion): Document {
  return {
    $schema: `http://cyclonedx.org/schema/bom-${version}.schema.json`,
    bomFormat: 'CycloneDX',
    specVersion: version,
    serialNumber,
    version: 1,
  };
}

function rootOf(subject: BillSubject): Document {
  const purl = imagePurl(subject);
  const isImage = subject.kind !== 'files';
  return {
    'bom-ref': `${isImage ? 'image' : 'files'}:${subject.digest}`,
    type: isImage ? 'container' : 'application',
    name: subject.reference ?? subject.digest,
    version: subject.digest,
    ...(purl === null ? {} : { purl }),
  };
}

function metadataOf(subject: BillSubject, root: Document): Document {
  return {
    timestamp: subject.createdAt,
    lifecycles: [{ phase: 'post-build' }],
    tools: { components: [{ type: 'application', name: TOOL.name, publisher: TOOL.vendor }] },
    component: root,
  };
}

function systemOf({ distribution }: Inventory): Document | null {
  if (!distribution) return null;
  const { id, version, name } = distribution;
  return {
    'bom-ref': `os:${id}-${version}`,
    type: 'operating-system',
    name: id,
    ...(version === '' ? {} : { version }),
    description: name,
  };
}

function toComponent({ purl, found, licences, places }: BillPackage): Document {
  const slash =
    found.type === 'maven' ? found.name.indexOf(':') : found.name.startsWith('@') ? found.name.indexOf('/') : -1;
  const parted = licences.length === 0 ? {} : { licenses: toLicences(licences) };
  const source = found.source
    ? [{ name: 'darsena:source', value: `${found.source.name} ${found.source.version}` }]
    : [];
  const module = found.module === undefined ? [] : [{ name: 'darsena:module', value: found.module }];
  const layers = [...new Set(places.map(({ layer }) => layer))].map((value) => ({ name: 'darsena:layer', value }));
  return {
    'bom-ref': purl,
    type: 'library',
    ...(slash < 0 ? {} : { group: found.name.slice(0, slash) }),
    name: found.name.slice(slash + 1),
    version: found.version,
    ...(found.sha1 === undefined ? {} : { hashes: [{ alg: 'SHA-1', content: found.sha1 }] }),
    ...parted,
    purl,
    properties: [...layers, ...source, ...module],
    evidence: {
      occurrences: places.map(({ path, layer }) => ({ location: path, additionalContext: `layer ${layer}` })),
    },
  };
}

/** An archive that is there and has no name: whoever knows its checksum can say what it is. */
function toFile({ path, inside, sha1, layer }: UnnamedArchive): Document {
  const name = inside === undefined ? path : `${path}!/${inside}`;
  return {
    'bom-ref': `file:${name}`,
    type: 'file',
    name,
    hashes: [{ alg: 'SHA-1', content: sha1 }],
    properties: [{ name: 'darsena:layer', value: layer }],
  };
}

/** Ids where all are ids, else one expression, else names: a wrong id or expression would make the document invalid. */
function toLicences(licences: readonly string[]): Json[] {
  const ids = licences.map(licenceId);
  if (ids.every((id) => id !== null)) return [...new Set(ids)].map((id) => ({ license: { id } }));
  const expression = joinedExpression(licences);
  if (expression !== null) return [{ expression }];
  return licences.map((text) => {
    const id = licenceId(text);
    return { license: id === null ? { name: licenceExpression(text) ?? text } : { id } };
  });
}

const RATING_METHOD: Readonly<Record<string, string>> = {
  '2.0': 'CVSSv2',
  '3.0': 'CVSSv3',
  '3.1': 'CVSSv31',
  '4.0': 'CVSSv4',
};

function sayingOf({ id, vex, exception }: Finding): string {
  return JSON.stringify([id, vex?.status ?? null, vex?.document ?? null, exception?.id ?? null]);
}

function toVulnerability(findings: readonly Finding[], suffix: string): Document {
  const first = findings[0] as Finding;
  const ratings = first.cvssVectors.map(({ source, version, vector, score }) => ({
    source: { name: source },
    ...(score === null ? {} : { score }),
    severity: first.severity,
    ...(RATING_METHOD[version] === undefined ? {} : { method: RATING_METHOD[version] }),
    vector,
  }));
  const fixes = [
    ...new Set(
      findings.flatMap(({ package: one, fixedVersion }) => (fixedVersion ? [`${one.name} ${fixedVersion}`] : [])),
    ),
  ];
  return {
    'bom-ref': `finding:${first.id}${suffix}`,
    id: first.id,
    ...(first.url === null ? {} : { source: { url: first.url } }),
    ...(first.aliases.length === 0
      ? {}
      : { references: first.aliases.map((id) => ({ id, source: { name: id.split('-')[0] ?? id } })) }),
    ratings:
      ratings.length > 0
        ? ratings
        : [{ ...(first.cvss === null ? {} : { score: first.cvss }), severity: first.severity }],
    ...(first.title === '' ? {} : { description: first.title }),
    ...(fixes.length === 0 ? {} : { recommendation: `upgrade to ${fixes.join(', ')}` }),
    analysis: analysisOf(first, fixes.length > 0),
    affects: [...Map.groupBy(findings, ({ package: one }) => one.purl)].map(([purl, all]) => ({
      ref: purl,
      versions: [
        {
          version: all[0]?.package.version ?? '',
          status: isOpen(first) ? 'affected' : 'unaffected',
        },
      ],
    })),
    properties: [
      { name: 'darsena:risk', value: first.risk },
      { name: 'darsena:decision', value: first.decision },
      { name: 'darsena:kev', value: String(first.kev) },
      ...(first.epss === null ? [] : [{ name: 'darsena:epss', value: String(first.epss) }]),
    ],
  };
}

/** OpenVEX's words for why something is not affected, in CycloneDX's. */
const JUSTIFICATIONS: Readonly<Record<string, string>> = {
  component_not_present: 'code_not_present',
  vulnerable_code_not_present: 'code_not_present',
  vulnerable_code_not_in_execute_path: 'code_not_reachable',
  vulnerable_code_cannot_be_controlled_by_adversary: 'protected_by_mitigating_control',
  inline_mitigations_already_exist: 'protected_by_mitigating_control',
};
const STATES = {
  not_affected: 'not_affected',
  affected: 'exploitable',
  fixed: 'resolved',
  under_investigation: 'in_triage',
} as const;

function analysisOf({ vex, exception, decisionReason }: Finding, hasFix: boolean): Document {
  if (vex) {
    const justification = vex.status === 'not_affected' ? JUSTIFICATIONS[vex.justification ?? ''] : undefined;
    return {
      state: STATES[vex.status],
      ...(justification === undefined ? {} : { justification }),
      detail: vex.statement ?? `${vex.author} says so in ${vex.document}`,
    };
  }
  if (exception) {
    return {
      state: 'exploitable',
      response: ['will_not_fix'],
      detail: `${exception.reason} (until ${exception.expiresAt})`,
    };
  }
  return { state: 'in_triage', ...(hasFix ? { response: ['update'] } : {}), detail: decisionReason.en };
}
