import { type Feed, isObject, textOf, timeOf } from './feed.ts';

/** FIRST's EPSS table (cve,epss,percentile after a line "#model_version:…,score_date:…"), and tables that join it with CVSS. */
export const epss: Feed = {
  name: 'epss',
  sourceName: 'epss',
  maxAgeDays: 3,
  recognises: (document) =>
    typeof document === 'string' && /(?:^|,)cve(?:,|$)/i.test(document) && /(?:^|,)epss(?:,|$)/i.test(document),
  *read(document) {
    if (!isObject(document)) return;
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
  },
};
