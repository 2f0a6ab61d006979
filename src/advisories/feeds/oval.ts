import { childOf, descendantsOf, type XmlElement } from '../../formats/index.ts';
import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type AdvisoryStatus, type AffectedPackage, type FeedItem, severityOfWord } from '../record.ts';
import { DEBIAN_RELEASES, UBUNTU_RELEASES } from '../releases.ts';
import { bestScores, severityOf } from '../scores.ts';
import { cvesIn, type Feed, type FeedReader, isXml, timeOf } from './feed.ts';

/**
 * OVAL definitions (oval.mitre.org, 5.x) of Ubuntu, Oracle Linux, SUSE, Red Hat, Amazon Linux and Debian. What says "this
 * package is older than that version" is read, and what says that a package is affected and has no fix: Ubuntu by a test
 * for its being there, SUSE by one for any version. A definition holds names of tests, which come after all definitions.
 */
export const oval: Feed = {
  name: 'oval',
  sourceName: null,
  recognises: (document) =>
    isXml(document) && document.xml.name === 'definition' && childOf(document.xml, 'criteria') !== null,
  start: () => new OvalReader(),
};

interface Definition {
  readonly element: XmlElement;
}

class OvalReader implements FeedReader {
  readonly #definitions: Definition[] = [];
  /** Of tests: the ids of their object and state. */
  readonly #tests = new Map<string, { readonly object: string; readonly state: string | null }>();
  /** Of objects: names of packages, or the id of a variable that holds them. */
  readonly #objects = new Map<string, { readonly name: string; readonly variable: string | null }>();
  readonly #fixes = new Map<string, string>();
  /** States that any version meets. */
  readonly #anyVersion = new Set<string>();
  readonly #streams = new Map<string, string>();
  readonly #variables = new Map<string, readonly string[]>();

  *read(document: unknown): Generator<FeedItem> {
    if (!isXml(document)) return;
    const { xml } = document;
    const id = xml.attributes['id'] ?? '';
    if (xml.name === 'definition') {
      if (/^(?:patch|vulnerability)$/.test(xml.attributes['class'] ?? '')) this.#definitions.push({ element: xml });
    } else if (xml.name === 'generator') {
      const at = timeOf(childOf(xml, 'timestamp')?.text.trim());
      if (at) yield { kind: 'updated', at };
    } else if (/^(?:rpminfo|dpkginfo|rpmverifyfile|textfilecontent54)_test$/.test(xml.name)) {
      const object = childOf(xml, 'object')?.attributes['object_ref'] ?? '';
      this.#tests.set(id, { object, state: childOf(xml, 'state')?.attributes['state_ref'] ?? null });
    } else if (/^(?:rpminfo|dpkginfo)_object$/.test(xml.name)) {
      const name = childOf(xml, 'name');
      this.#objects.set(id, { name: name?.text.trim() ?? '', variable: name?.attributes['var_ref'] ?? null });
    } else if (/^(?:rpminfo|dpkginfo)_state$/.test(xml.name)) {
      const evr = childOf(xml, 'evr');
      if (evr?.attributes['operation'] === 'less than') this.#fixes.set(id, evr.text.trim());
      if (evr?.attributes['operation'] === 'greater than' && /^(?:0:)?0(?:-0)?$/.test(evr.text.trim())) {
        this.#anyVersion.add(id);
      }
    } else if (xml.name === 'textfilecontent54_object') {
      // Red Hat: "\[nodejs\][\w\W]*", with the stream in the state.
      this.#objects.set(id, { name: childOf(xml, 'pattern')?.text ?? '', variable: null });
    } else if (xml.name === 'textfilecontent54_state') {
      const [, stream] = /stream\\?s?\*?=\\?s?\*?([\w.]+)/.exec(childOf(xml, 'text')?.text ?? '') ?? [];
      if (stream) this.#streams.set(id, stream);
    } else if (xml.name === 'constant_variable') {
      this.#variables.set(
        id,
        [...descendantsOf(xml, 'value')].map(({ text }) => text.trim()),
      );
    }
  }

  *end(): Generator<FeedItem> {
    for (const { element } of this.#definitions) yield this.#readDefinition(element);
  }

  #readDefinition(element: XmlElement): FeedItem {
    const metadata = childOf(element, 'metadata');
    const criteria = childOf(element, 'criteria');
    if (!metadata || !criteria) return { kind: 'skipped' };
    const title = childOf(metadata, 'title')?.text.trim() ?? '';
    const references = [...descendantsOf(metadata, 'reference')];
    const platforms = [...descendantsOf(metadata, 'platform')].map(({ text }) => text);
    const stated = [...new Set(platforms.flatMap((platform) => ecosystemOf(platform, title) ?? []))];
    const affected = new Map<string, AffectedPackage>();
    const module = this.#moduleOf(criteria) ?? streamIn(title);
    const isVulnerability = element.attributes['class'] === 'vulnerability';
    for (const { criterion, ecosystems } of criterionsOf(criteria, stated, title)) {
      const test = this.#tests.get(criterion.attributes['test_ref'] ?? '');
      if (!test) continue;
      const fixed = this.#fixes.get(test.state ?? '') ?? null;
      const open = fixed === null && isVulnerability ? this.#openStatus(test.state, criterion) : null;
      if (fixed === null && open === null) continue;
      for (const name of this.#namesOf(test.object)) {
        for (const ecosystem of ecosystems) {
          affected.set(`${ecosystem} ${name} ${fixed}`, {
            ecosystem,
            name,
            level: 'binary',
            intervals: [{ introduced: null, fixed: fixed?.replace(/^0:/, '') ?? null, lastAffected: null }],
            versions: [],
            module: module !== null && fixed !== null && /\.module[_+]/.test(fixed) ? module : null,
            ...(open === null ? {} : { status: open }),
          });
        }
      }
    }
    if (affected.size === 0) return { kind: 'skipped' };
    const named = references.map(({ attributes }) => attributes['ref_id'] ?? '').join(' ');
    const cves = cvesIn(`${named} ${[...descendantsOf(metadata, 'cve')].map(({ text }) => text).join(' ')} ${title}`);
    const id =
      references
        .map(({ attributes }) => attributes['ref_id'] ?? '')
        // A definition of one vulnerability names all notices about it; SUSE writes "Mitre CVE-…" as well.
        .find((one) => !isVulnerability && !/\bCVE-\d/.test(one) && one !== '') ??
      cves[0] ??
      element.attributes['id'] ??
      '';
    const isNotice = !id.startsWith('CVE-');
    const vectors = [...descendantsOf(metadata, 'cve')].map(
      ({ attributes }) => attributes['cvss3']?.replace(/^[\d.]+\//, '') ?? null,
    );
    const scores = bestScores(cves.length === 1 ? vectors : []);
    const word = childOf(childOf(metadata, 'advisory'), 'severity')?.text.trim();
    const dates = [...descendantsOf(metadata, 'updated'), ...descendantsOf(metadata, 'issued')];
    return {
      kind: 'advisory',
      record: {
        id,
        aliases: [],
        issues: isNotice ? cves : [],
        modified: timeOf(dates[0]?.attributes['date']),
        title: title.slice(0, TITLE_MAX_LENGTH) || id,
        url:
          references.map(({ attributes }) => attributes['ref_url'] ?? '').find((url) => url.startsWith('https://')) ??
          null,
        severity: severityOfWord(word) === 'unknown' ? severityOf(scores) : severityOfWord(word),
        ...scores,
        affected: [...affected.values()],
      },
    };
  }

  /** What is said of a package without a fix; null: nothing, or that it is not affected. */
  #openStatus(state: string | null, criterion: XmlElement): AdvisoryStatus | null {
    const comment = criterion.attributes['comment'] ?? '';
    if (state !== null) return this.#anyVersion.has(state) && / is affected$/.test(comment) ? 'affected' : null;
    const [, status] = UBUNTU_WORDS.find(([words]) => words.test(comment)) ?? [];
    return status ?? null;
  }

  #namesOf(object: string): readonly string[] {
    const found = this.#objects.get(object);
    if (!found) return [];
    if (found.variable !== null) return this.#variables.get(found.variable) ?? [];
    return found.name === '' ? [] : [found.name];
  }

  #moduleOf(criteria: XmlElement): string | null {
    for (const { attributes } of descendantsOf(criteria, 'criterion')) {
      const [, name, stream] = /^Module (\S+):(\S+) is enabled$/.exec(attributes['comment'] ?? '') ?? [];
      if (name !== undefined) return `${name}:${stream}`;
      const test = this.#tests.get(attributes['test_ref'] ?? '');
      const found = this.#streams.get(test?.state ?? '');
      const [, module] = /\\\[([\w.+-]+)\\\]/.exec(this.#objects.get(test?.object ?? '')?.name ?? '') ?? [];
      if (found !== undefined && module !== undefined) return `${module}:${found}`;
    }
    return null;
  }
}

/** How Ubuntu says it (ubuntu-cve-tracker, oval_lib.py). */
const UBUNTU_WORDS: readonly (readonly [RegExp, AdvisoryStatus])[] = [
  [/a decision has been made to defer/, 'fix-deferred'],
  [/a decision has been made to ignore/, 'will-not-fix'],
  [/is affected,? (?:and )?(?:needs fixing|An update)|is affected\. An update/, 'affected'],
  [/is affected and may need fixing|is not known|pending evaluation/, 'under-investigation'],
];

/** "SUSE Linux Enterprise Server 15 SP5 is installed": of which platform the packages beside it are. */
const PLATFORM = /^((?:SUSE|openSUSE|Oracle Linux|Red Hat|Amazon Linux)\b.*) is installed$/;

/**
 * Every criterion with the platforms it is about: those that its part of the tree names, since one definition may hold
 * several with other versions each; else those of the whole definition.
 */
function* criterionsOf(
  criteria: XmlElement,
  inherited: readonly string[],
  title: string,
): Generator<{ readonly criterion: XmlElement; readonly ecosystems: readonly string[] }> {
  const platforms: string[] = [];
  const look = (element: XmlElement): boolean => {
    const [, platform] = PLATFORM.exec(element.attributes['comment'] ?? '') ?? [];
    if (platform !== undefined) platforms.push(platform);
    return platform !== undefined;
  };
  const parts: XmlElement[] = [];
  const own: XmlElement[] = [];
  for (const child of criteria.children) {
    if (child.name === 'criterion') {
      if (!look(child)) own.push(child);
    } else if (child.name === 'criteria') {
      // A list of platforms, one of which is enough, stands beside its packages.
      const isList = child.children.length > 0 && child.children.every(({ name }) => name === 'criterion');
      if (!isList || child.children.filter(look).length < child.children.length) parts.push(child);
    }
  }
  const isBoth = criteria.attributes['operator'] !== 'OR';
  const ecosystems =
    platforms.length === 0 || !isBoth
      ? inherited
      : [...new Set(platforms.flatMap((platform) => ecosystemOf(platform, title) ?? []))];
  for (const criterion of own) yield { criterion, ecosystems };
  for (const part of parts) yield* criterionsOf(part, ecosystems, title);
}

function streamIn(title: string): string | null {
  const [, module] = /(?:^|\s)([a-z][\w.+-]*:[a-z]*\d[\w.]*)\s+(?:security|bug|enhancement|update)/i.exec(title) ?? [];
  return module ?? null;
}

/** "Ubuntu 22.04 LTS", "Oracle Linux 9", "Red Hat Enterprise Linux 8", "SUSE Linux Enterprise Server 15 SP5", "openSUSE Leap 15.6". */
function ecosystemOf(platform: string, title: string): string | null {
  const find = (pattern: RegExp): string | undefined => pattern.exec(platform)?.[1];
  const ubuntu =
    find(/^Ubuntu (\d+\.\d+)/) ?? UBUNTU_RELEASES[find(/^Ubuntu (?:.*\()?([a-z]+)\)?$/i)?.toLowerCase() ?? ''];
  if (ubuntu !== undefined) return `Ubuntu:${ubuntu}`;
  const debian = find(/^Debian GNU\/Linux (\S+)/);
  if (debian !== undefined) return `Debian:${DEBIAN_RELEASES[debian] ?? debian.split('.')[0]}`;
  const oracle = find(/^Oracle Linux (\d+)/);
  if (oracle !== undefined) return `Oracle Linux:${oracle}`;
  const redHat = find(/^Red Hat Enterprise Linux (\d+)/);
  if (redHat !== undefined) return /\b(?:EUS|AUS|E4S|TUS)\b/.test(`${platform} ${title}`) ? null : `Red Hat:${redHat}`;
  const amazon = find(/^Amazon Linux (\d+)/);
  if (amazon !== undefined) return `Amazon Linux:${amazon}`;
  const leap = find(/^openSUSE Leap (\d+\.\d+)/);
  if (leap !== undefined) return `openSUSE:${leap}`;
  const [, major, pack] =
    /^SUSE Linux Enterprise (?:Server|Desktop|Module for [\w -]+?) (\d+)(?: SP(\d+))?(?:-LTSS|-ESPOS)?$/.exec(
      platform,
    ) ?? [];
  return major === undefined ? null : `SUSE:${major}.${pack ?? '0'}`;
}
