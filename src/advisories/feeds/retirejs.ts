import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type AffectedPackage, type FeedItem, severityOfWord } from '../record.ts';
import {
  type Feed,
  type FeedReader,
  firstUrl,
  isObject,
  type JsonObject,
  objectsOf,
  textOf,
  textsOf,
  titleOf,
} from './feed.ts';

/**
 * retire.js's repositories of JavaScript libraries: what is wrong with them in which versions. A library has its name here
 * and, where it is published there, its name at npm.
 */
export const retirejs: Feed = {
  name: 'retirejs',
  sourceName: 'retirejs',
  recognises: isRepository,
  start: () => new RepositoryReader(),
};

/** The repository holds the same libraries in several forms (jsrepository.json, -v5.json …): each issue counts once. */
class RepositoryReader implements FeedReader {
  readonly #known = new Set<string>();

  *read(document: unknown): Generator<FeedItem> {
    if (!isRepository(document)) return;
    for (const [name, library] of Object.entries(document)) {
      if (!isObject(library) || name === 'retire-example') continue;
      for (const [index, one] of objectsOf(library['vulnerabilities']).entries()) {
        const key = JSON.stringify([name, one['atOrAbove'], one['below'], one['identifiers']]);
        if (this.#known.has(key)) continue;
        this.#known.add(key);
        yield readVulnerability(name, textOf(library['npmname']), one, index);
      }
    }
  }
}

function isRepository(value: unknown): value is JsonObject {
  if (!isObject(value) || !isObject(value['jquery'] ?? value['angular'])) return false;
  // What npmrepository.json says stands in every feed of npm too, and better.
  return Object.values(value).some((library) => isObject(library) && isObject(library['extractors']));
}

function readVulnerability(library: string, npmName: string | null, value: JsonObject, index: number): FeedItem {
  const identifiers = isObject(value['identifiers']) ? value['identifiers'] : {};
  const cves = textsOf(identifiers['CVE']);
  const ghsa = textOf(identifiers['githubID']);
  const below = textOf(value['below']);
  const from = textOf(value['atOrAbove']);
  if (below === null && from === null) return { kind: 'skipped' };
  const [id, ...aliases] = [...cves, ...(ghsa === null ? [] : [ghsa])];
  const affected = (ecosystem: string, name: string): AffectedPackage => ({
    ecosystem,
    name,
    intervals: [{ introduced: from, fixed: below, lastAffected: null }],
    versions: [],
    unaffected: textsOf(value['excludes']).map((one) => ({ introduced: one, fixed: null, lastAffected: one })),
  });
  return {
    kind: 'advisory',
    record: {
      id:
        id ??
        `RETIREJS-${library}-${textOf(identifiers['retid']) ?? textOf(identifiers['bug']) ?? textOf(identifiers['issue']) ?? index}`,
      aliases,
      modified: null,
      title: titleOf(textOf(identifiers['summary']), TITLE_MAX_LENGTH),
      url: firstUrl(textsOf(value['info'])),
      severity: severityOfWord(value['severity']),
      cvss: null,
      cvssVector: null,
      affected: [affected('JavaScript', library), ...(npmName === null ? [] : [affected('npm', npmName)])],
    },
  };
}
