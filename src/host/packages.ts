import { readChangelog } from '../advisories/index.ts';
import { PACKAGE_LIST_MAX_BYTES } from './limits.ts';
import { type Root, remember } from './root.ts';

/** CVEs by the version of the oldest entry that names them; what an entry takes back is not counted. */
export function fixesOf(changelog: string): Record<string, string> {
  const fixes: Record<string, string> = {};
  const kept = changelog.replace(/^.*\b[Rr]evert\b.*$/gm, '');
  for (const { version, cves } of readChangelog(kept)) for (const cve of cves) fixes[cve] = version;
  return fixes;
}

/** dpkg's list of installed packages, of the names asked for. */
export function installedPackages(root: Root, wanted: ReadonlySet<string>): Map<string, string> {
  const path = 'var/lib/dpkg/status';
  return remember(root, path, () => {
    const found = new Map<string, string>();
    for (const block of (root.text(path, PACKAGE_LIST_MAX_BYTES) ?? '').split('\n\n')) {
      const [, name = ''] = /^Package: (\S+)$/m.exec(block.slice(0, 200)) ?? [];
      if (!wanted.has(name) || !/^Status: install ok installed$/m.test(block)) continue;
      found.set(name, /^Version: (\S+)$/m.exec(block)?.[1] ?? '');
    }
    return found;
  });
}
