import { type JsonObject, objectsOf, textOf, textsOf } from '../feeds/feed.ts';
import type { KernelFix, KernelRecord, KernelRun } from '../record.ts';

/** Files of one record: the longest fixes of the whole kernel touch some hundred. */
const FILES_MAX = 1_000;
const RELEASE = /^\d+(?:\.\d+){1,3}$/;

/**
 * What the kernel's numbering authority says in `affected` of a CVE record: a product by commits (unaffected unless
 * listed), which also names the runs of stable branches that got the fault by a backport, and one by releases (affected
 * unless listed): the first release with it, then the first free one of each branch. Null for records of others.
 */
export function readKernelRecord(id: string, affected: readonly JsonObject[]): KernelRecord | null {
  const ours = affected.filter(
    (one) => textOf(one['vendor']) === 'Linux' && /git\.kernel\.org/.test(textOf(one['repo']) ?? ''),
  );
  if (ours.length === 0) return null;
  const files = new Set(ours.flatMap((one) => textsOf(one['programFiles'])).slice(0, FILES_MAX));
  const introduced: string[] = [];
  const free: KernelRun[] = [];
  const stable: KernelRun[] = [];
  const found: { branch: string | null; release: string }[] = [];
  const commits: string[] = [];
  let mainline = false;
  for (const product of ours) {
    const isAffected = product['defaultStatus'] === 'affected';
    const versions = objectsOf(product['versions']);
    if (isAffected && versions.length > 0) mainline = true;
    for (const one of versions) {
      const version = textOf(one['version']) ?? '';
      const below = textOf(one['lessThan']);
      const upTo = textOf(one['lessThanOrEqual']);
      const type = textOf(one['versionType']);
      if (type === 'git') {
        if (below !== null && /^[0-9a-f]{40}$/.test(below)) commits.push(below.slice(0, 12));
        continue;
      }
      if (!RELEASE.test(version) && version !== '0') continue;
      if (one['status'] === 'affected') {
        if (type === null) introduced.push(version);
        // From 0 on it is what the product by releases says as well, and there with its branches.
        else if (below !== null && version !== '0' && RELEASE.test(below)) stable.push({ from: version, to: below });
      } else if (below !== null && RELEASE.test(below)) {
        free.push({ from: version, to: below });
      } else if (upTo === '*') {
        found.push({ branch: null, release: version });
      } else if (upTo?.endsWith('.*')) {
        found.push({ branch: upTo.slice(0, -2), release: version });
      }
    }
  }
  // Commits and fixes stand in the same order, where both are complete.
  const isPaired = commits.length === found.length;
  const fixes: KernelFix[] = found.map((fix, index) => ({
    ...fix,
    commit: isPaired ? (commits[index] ?? null) : null,
  }));
  if (!mainline && stable.length === 0) return null;
  return { id, files: [...files], introduced, mainline, free, fixes, stable };
}
