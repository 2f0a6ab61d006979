import type { FileTree } from '../../oci/layers.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { isObject, objectsIn, objectsOf, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName } from '../reading/paths.ts';
import { collectText } from './text.ts';

const COMPONENTS = '.bitnami_components.json';
const BILL = /(?:^|\/)opt\/bitnami\/(?:[^/]+\/)?\.spdx-[^/]+\.spdx$/;

/**
 * Components of Bitnami's images: an SPDX bill in the folder of each, or in older images one list of all (bitnami/vulndb,
 * "How to consume this CVE feed"). Versions carry Bitnami's revision: '18.17.0-2'.
 */
export const bitnami: Analyser = {
  name: 'bitnami',
  version: 1,
  fileNames: [COMPONENTS],
  folderNames: [],
  suffixes: ['.spdx'],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) => BILL.test(path) || path.endsWith(`opt/bitnami/${COMPONENTS}`),
  read: ({ path }) => collectText(baseName(path) === COMPONENTS ? readComponents : readBill),
  counts: ({ path, evidence }, tree) =>
    baseName(path) !== COMPONENTS ||
    evidence.kind !== 'packages' ||
    evidence.packages.every(({ name }) => !hasBill(name, tree)),
};

/** Whether the bill of a component is in the image, which says more than anything else. */
export function hasBill(component: string, tree: FileTree): boolean {
  return tree.lookup(`opt/bitnami/${component}/.spdx-${component}.spdx`)?.content != null;
}

/** Modules of languages that a bill names as well are installed, and told by their own files. */
function readBill(text: string): Evidence | null {
  const packages = new PackageList('bitnami');
  for (const { externalRefs, licenseDeclared } of objectsIn(readJsonObject(text)['packages'])) {
    const purl = objectsIn(externalRefs).find(({ referenceType }) => referenceType === 'purl')?.['referenceLocator'];
    const [, name, version] = /^pkg:bitnami\/([^@?#/]{1,200})@([^?#]{1,200})/.exec(String(purl)) ?? [];
    const licences = typeof licenseDeclared === 'string' && /^[\w.+-]+$/.test(licenseDeclared) ? [licenseDeclared] : [];
    packages.add(name, version, { licences: licences.filter((one) => one !== 'NOASSERTION' && one !== 'NONE') });
  }
  return packages.evidence();
}

function readComponents(text: string): Evidence | null {
  const packages = new PackageList('bitnami');
  for (const [name, component] of objectsOf(readJsonObject(text))) {
    if (isObject(component)) packages.add(name, component['version']);
  }
  return packages.evidence();
}
