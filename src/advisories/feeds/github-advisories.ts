import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type AffectedPackage, type FeedItem, severityOfWord } from '../record.ts';
import { parseRequirement } from '../requirements.ts';
import { bestScores, severityOf } from '../scores.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, timeOf, titleOf } from './feed.ts';

/**
 * Global security advisories as GitHub's REST API answers (docs.github.com/rest/security-advisories), a page or one of
 * them: each page is a source of its own, named after its file. GitHub's database as files is OSV.
 */
export const githubAdvisories: Feed = {
  name: 'github-advisories',
  sourceName: null,
  recognises: (document) => {
    const [first] = Array.isArray(document) ? document : [document];
    return isAdvisory(first);
  },
  *read(document) {
    for (const one of Array.isArray(document) ? document : [document]) if (isAdvisory(one)) yield readAdvisory(one);
  },
};

function isAdvisory(value: unknown): value is JsonObject {
  return isObject(value) && /^GHSA-/.test(textOf(value['ghsa_id']) ?? '') && Array.isArray(value['vulnerabilities']);
}

/** GitHub's own words for what OSV calls an ecosystem. */
const ECOSYSTEMS: ReadonlyMap<unknown, string> = new Map(
  Object.entries({
    actions: 'GitHub Actions',
    composer: 'Packagist',
    erlang: 'Hex',
    go: 'Go',
    maven: 'Maven',
    npm: 'npm',
    nuget: 'NuGet',
    pip: 'PyPI',
    pub: 'Pub',
    rubygems: 'RubyGems',
    rust: 'crates.io',
    swift: 'SwiftURL',
  }),
);

function readAdvisory(value: JsonObject): FeedItem {
  const id = textOf(value['ghsa_id']) ?? '';
  const affected = objectsOf(value['vulnerabilities']).flatMap((one) => readAffected(one) ?? []);
  if (textOf(value['withdrawn_at']) !== null || affected.length === 0) return { kind: 'skipped' };
  const cve = textOf(value['cve_id']);
  const ratings = isObject(value['cvss_severities']) ? value['cvss_severities'] : {};
  const scores = bestScores(
    [value['cvss'], ratings['cvss_v3'], ratings['cvss_v4']].map((one) =>
      isObject(one) ? textOf(one['vector_string']) : null,
    ),
  );
  const word = severityOfWord(value['severity']);
  return {
    kind: 'advisory',
    record: {
      id,
      aliases: cve === null ? [] : [cve],
      modified: timeOf(value['updated_at']),
      title: titleOf(textOf(value['summary']), TITLE_MAX_LENGTH) || id,
      url: textOf(value['html_url']),
      severity: word === 'unknown' ? severityOf(scores) : word,
      ...scores,
      affected,
    },
  };
}

/** `vulnerable_version_range` is ">= 1.0, < 1.2.3", "<= 2.0" or "= 0.3.1"; what it cannot say is not guessed. */
function readAffected({ package: subject, vulnerable_version_range: range }: JsonObject): AffectedPackage | null {
  const { ecosystem, name } = isObject(subject) ? subject : {};
  const known = ECOSYSTEMS.get(ecosystem);
  const interval = parseRequirement(textOf(range) ?? '');
  const isWhole = interval?.introduced === null && interval.fixed === null && interval.lastAffected === null;
  if (known === undefined || textOf(name) === null || interval === null || isWhole) return null;
  return { ecosystem: known, name: textOf(name) ?? '', intervals: [interval], versions: [] };
}
