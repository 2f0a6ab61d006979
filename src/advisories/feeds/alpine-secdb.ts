import { TITLE_MAX_LENGTH } from '../limits.ts';
import { apk } from '../orderings/apk.ts';
import type { FeedItem } from '../record.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, textsOf } from './feed.ts';

/** The security databases of Alpine, Wolfi, Chainguard and MinimOS: for each source package which version fixed what. */
export const alpineSecdb: Feed = {
  name: 'alpine-secdb',
  sourceName: null,
  nameOf: (document) => {
    const ecosystem = isSecdb(document) ? ecosystemOf(document) : null;
    if (ecosystem === null || !isSecdb(document)) return null;
    return `${ecosystem.toLowerCase().replace(':', '-')}-secdb-${textOf(document['reponame']) ?? 'main'}`.slice(0, 100);
  },
  recognises: isSecdb,
  *read(document) {
    const ecosystem = isSecdb(document) ? ecosystemOf(document) : null;
    if (ecosystem === null || !isSecdb(document)) return;
    for (const { pkg } of objectsOf(document['packages'])) {
      const name = isObject(pkg) ? textOf(pkg['name']) : null;
      if (name !== null && isObject(pkg) && isObject(pkg['secfixes']))
        yield* readPackage(ecosystem, name, pkg['secfixes']);
    }
  },
};

function isSecdb(value: unknown): value is JsonObject {
  return (
    isObject(value) && textOf(value['urlprefix']) !== null && Array.isArray(value['packages']) && 'apkurl' in value
  );
}

function ecosystemOf(value: JsonObject): string | null {
  const prefix = textOf(value['urlprefix']) ?? '';
  if (/chainguard|cgr\.dev/.test(prefix)) return 'Chainguard';
  if (prefix.includes('wolfi')) return 'Wolfi';
  if (prefix.includes('packages.mini.dev')) return 'MinimOS';
  const release = textOf(value['distroversion']);
  return release === null ? null : `Alpine:${release}`;
}

/** The lowest version that fixes an issue counts; version "0" says that the package never had it. */
function* readPackage(ecosystem: string, name: string, fixes: JsonObject): Generator<FeedItem> {
  const fixOf = new Map<string, string>();
  const never = new Set<string>();
  for (const [version, names] of Object.entries(fixes)) {
    // "CVE-2019-14904 (+)", "CVE-2018-1 CVE-2018-2", "XSA-248 CVE-2017-17566"
    for (const text of textsOf(names)) {
      for (const id of text.match(
        /\b(?:CVE-\d{4}-\d+|GHSA(?:-\w{4}){3}|XSA-\d+|ALPINE-\d+|TROVE-\d{4}-\d+|ZBX-\d+)\b/g,
      ) ?? []) {
        if (version === '0') never.add(id);
        const known = fixOf.get(id);
        if (known === undefined || (apk.compare(version, known) ?? 1) < 0) fixOf.set(id, version);
      }
    }
  }
  for (const [id, fixed] of fixOf) {
    if (never.has(id)) {
      yield { kind: 'skipped' };
      continue;
    }
    yield {
      kind: 'advisory',
      record: {
        id,
        aliases: [],
        modified: null,
        title: `${id} in ${name}`.slice(0, TITLE_MAX_LENGTH),
        url: id.startsWith('CVE-') ? `https://security.alpinelinux.org/vuln/${id}` : null,
        severity: 'unknown',
        cvss: null,
        cvssVector: null,
        affected: [{ ecosystem, name, intervals: [{ introduced: null, fixed, lastAffected: null }], versions: [] }],
      },
    };
  }
}
