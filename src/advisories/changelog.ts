import type { AdvisoryInput } from './store.ts';

/** One entry of a Debian changelog (deb-changelog(5)): a version and the CVEs that its changes name. */
export interface ChangelogEntry {
  readonly version: string;
  readonly cves: readonly string[];
}

const HEAD = /^[a-z0-9][a-z0-9+.-]+ \(([^)\s]+)\) /;

/** Entries, newest first, as the changelog has them. */
export function readChangelog(text: string): ChangelogEntry[] {
  const entries: { version: string; cves: Set<string> }[] = [];
  for (const line of text.split('\n')) {
    const [, version] = HEAD.exec(line) ?? [];
    if (version !== undefined) entries.push({ version, cves: new Set() });
    for (const cve of line.match(/\bCVE-\d{4}-\d{4,9}\b/gi) ?? []) entries.at(-1)?.cves.add(cve.toUpperCase());
  }
  return entries.map(({ version, cves }) => ({ version, cves: [...cves] }));
}

/** A source package of one release with the changelog of its newest version. */
export interface PackageChangelog {
  /** `VERSION_ID` of the release, '12'. */
  readonly release: string;
  readonly source: string;
  readonly changelog: string;
}

/**
 * What changelogs tell, as a feed that imports like any other (see feeds/debian-changelog.ts). An entry names what it
 * fixes; what nobody has fixed yet, and what an entry does not name, stays unknown, and the source says so.
 */
export function changelogInput(packages: AsyncIterable<PackageChangelog> | Iterable<PackageChangelog>): AdvisoryInput {
  return {
    name: 'debian-changelog',
    open: async function* () {
      for await (const { release, source, changelog } of packages) {
        // The lowest version that names an issue is the one that fixed it.
        const fixes = new Map<string, string>();
        for (const { version, cves } of readChangelog(changelog)) for (const cve of cves) fixes.set(cve, version);
        const row = { debianChangelog: source, release, fixes: Object.fromEntries(fixes) };
        yield Buffer.from(`${JSON.stringify(row)}\n`);
      }
    },
  };
}
