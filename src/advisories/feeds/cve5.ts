import { readKernelRecord } from '../kernel/read.ts';
import { TITLE_MAX_LENGTH } from '../limits.ts';
import type { FeedItem } from '../record.ts';
import { bestScores, severityOf } from '../scores.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, timeOf, titleOf } from './feed.ts';

/**
 * Records of the CVE list (CVE JSON 5): scores and words, of the numbering authority and of those who add to it. What
 * the Linux kernel's authority says of commits and releases is kept for hosts (see kernel/); it is no package of an image.
 */
export const cve5: Feed = {
  name: 'cve5',
  sourceName: null,
  recognises: (document) => isRecord(document),
  *read(document) {
    if (isRecord(document)) yield readRecord(document);
  },
};

function isRecord(value: unknown): value is JsonObject {
  return isObject(value) && isObject(value['cveMetadata']) && isObject(value['containers']);
}

function readRecord(value: JsonObject): FeedItem {
  const metadata = isObject(value['cveMetadata']) ? value['cveMetadata'] : {};
  const containers = isObject(value['containers']) ? value['containers'] : {};
  const id = textOf(metadata['cveID']) ?? textOf(metadata['cveId']);
  const cna = isObject(containers['cna']) ? containers['cna'] : {};
  if (id === null) return { kind: 'skipped' };
  const metrics = [cna, ...objectsOf(containers['adp'])].flatMap((holder) => objectsOf(holder['metrics']));
  const scores = bestScores(
    metrics.flatMap((metric) =>
      ['cvssV3_1', 'cvssV3_0', 'cvssV4_0'].map((kind) => {
        const score = metric[kind];
        return isObject(score) ? textOf(score['vectorString']) : null;
      }),
    ),
  );
  const english = objectsOf(cna['descriptions']).find(({ lang }) => /^en/.test(textOf(lang) ?? ''));
  const kernel = readKernelRecord(id, objectsOf(cna['affected']));
  return {
    kind: 'issue',
    ...(kernel === null ? {} : { kernel }),
    details: {
      id,
      title:
        textOf(cna['title'])?.slice(0, TITLE_MAX_LENGTH) ??
        (titleOf(textOf(english?.['value']), TITLE_MAX_LENGTH) || null),
      severity: severityOf(scores),
      ...scores,
      isRejected: metadata['state'] === 'REJECTED',
      modified: timeOf(metadata['dateUpdated']),
    },
  };
}
