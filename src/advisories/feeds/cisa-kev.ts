import { type Feed, isObject, objectsOf, textOf, timeOf } from './feed.ts';

/** CISA's Known Exploited Vulnerabilities catalogue. */
export const cisaKev: Feed = {
  name: 'cisa-kev',
  sourceName: 'cisa-kev',
  maxAgeDays: 3,
  recognises: (document) =>
    isObject(document) && typeof document['catalogVersion'] === 'string' && Array.isArray(document['vulnerabilities']),
  *read(document) {
    if (!isObject(document)) return;
    const released = timeOf(document['dateReleased']);
    if (released) yield { kind: 'updated', at: released };
    for (const entry of objectsOf(document['vulnerabilities'])) {
      const cve = textOf(entry['cveID']);
      if (!cve) continue;
      yield {
        kind: 'kev',
        cve,
        addedAt: textOf(entry['dateAdded']) ?? '',
        dueAt: textOf(entry['dueDate']),
        ransomware: entry['knownRansomwareCampaignUse'] === 'Known',
      };
    }
  },
};
