import type { FeedItem } from '../record.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, timeOf } from './feed.ts';

/**
 * FIRST's EPSS table (cve,epss,percentile after a line "#model_version:…,score_date:…"), tables that join it with CVSS, and
 * pages of its API (api.first.org/data/v1/epss).
 */
export const epss: Feed = {
  name: 'epss',
  sourceName: 'epss',
  maxAgeDays: 3,
  recognises: (document) =>
    isPage(document) ||
    (typeof document === 'string' && /(?:^|,)cve(?:,|$)/i.test(document) && /(?:^|,)epss(?:,|$)/i.test(document)),
  *read(document) {
    if (isPage(document)) {
      const at = timeOf(objectsOf(document['data'])[0]?.['date']);
      if (at) yield { kind: 'updated', at };
      for (const row of objectsOf(document['data'])) yield* readRow(row);
    } else if (isObject(document)) yield* readRow(document);
  },
};

function isPage(document: unknown): document is JsonObject {
  const [first] = isObject(document) ? objectsOf(document['data']) : [];
  return first !== undefined && textOf(first['cve']) !== null && textOf(first['epss']) !== null;
}

function* readRow(document: JsonObject): Generator<FeedItem> {
  const scoredAt = timeOf(document['score_date']);
  if (scoredAt) yield { kind: 'updated', at: scoredAt };
  const cve = textOf(document['cve']);
  const score = Number(document['epss']);
  if (!cve || textOf(document['epss']) === null || !(score >= 0 && score <= 1)) return;
  const cvss = Number(document['cvss3'] ?? Number.NaN);
  yield {
    kind: 'epss',
    cve,
    score,
    cvss: textOf(document['cvss3']) !== null && cvss >= 0 && cvss <= 10 ? cvss : null,
  };
}
