import { TITLE_MAX_LENGTH } from '../limits.ts';
import type { FeedItem } from '../record.ts';
import { bestScores, severityOf } from '../scores.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, timeOf, titleOf } from './feed.ts';

/** NVD's JSON 2.0 (API pages and yearly files): scores and words for issues that others say where they are. */
export const nvd: Feed = {
  name: 'nvd',
  sourceName: null,
  recognises: isPage,
  *read(document) {
    if (!isPage(document)) return;
    for (const { cve } of objectsOf(document['vulnerabilities'])) if (isObject(cve)) yield readCve(cve);
    const at = timeOf(document['timestamp']);
    if (at) yield { kind: 'updated', at };
  },
};

function isPage(value: unknown): value is JsonObject {
  return isObject(value) && value['format'] === 'NVD_CVE' && Array.isArray(value['vulnerabilities']);
}

function readCve(cve: JsonObject): FeedItem {
  const id = textOf(cve['id']);
  if (id === null) return { kind: 'skipped' };
  const metrics = isObject(cve['metrics']) ? cve['metrics'] : {};
  // NVD's own analysis before that of who gave the number.
  const vectors = ['cvssMetricV31', 'cvssMetricV30', 'cvssMetricV40'].flatMap((kind) => {
    const all = objectsOf(metrics[kind]);
    const own = all.filter(({ type }) => type === 'Primary');
    return own.length > 0 ? own : all;
  });
  const scores = bestScores(
    vectors.map(({ cvssData }) => (isObject(cvssData) ? textOf(cvssData['vectorString']) : null)),
  );
  const english = objectsOf(cve['descriptions']).find(({ lang }) => lang === 'en');
  return {
    kind: 'issue',
    details: {
      id,
      title: titleOf(textOf(english?.['value']), TITLE_MAX_LENGTH) || null,
      severity: severityOf(scores),
      ...scores,
      isRejected: cve['vulnStatus'] === 'Rejected',
      modified: timeOf(cve['lastModified']),
    },
  };
}
