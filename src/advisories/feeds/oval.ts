import { childOf, descendantsOf, FormatError, type XmlElement } from '../../formats/index.ts';
import { OVAL_LIMITS, TITLE_MAX_LENGTH } from '../limits.ts';
import {
  type AdvisoryRecord,
  type AdvisoryStatus,
  type AffectedPackage,
  type FeedItem,
  severityOfWord,
} from '../record.ts';
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

/** A definition while its tests are still to come: its record, and what has to be looked up of each criterion. */
interface Definition {
  readonly record: Omit<AdvisoryRecord, 'affected'>;
  readonly isVulnerability: boolean;
  /** The module stream that the words of a criterion name, and the one of its title. */
  readonly module: string | null;
  readonly titled: string | null;
  /** Numbers of tests, of lists of ecosystems, and of what comments say; a file has millions of criterions. */
  readonly tests: Uint32Array;
  readonly places: Uint32Array;
  readonly comments: Uint8Array;
}

interface Test {
  object: string | null;
  state: string | null;
}

/** What a comment says of a package without a fix. */
interface CommentWords {
  /** With a state that any version meets. */
  readonly isAffected: boolean;
  /** Without a state. */
  readonly status: AdvisoryStatus | null;
}

/** Numbers for things that are named again and again, by their key. */
class Numbered<T> {
  readonly #numbers = new Map<string, number>();
  readonly #things: T[] = [];

  of(key: string, thing: () => T): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#things.length;
      // A part of a text keeps all of the text: of a file of 300 MB nothing would ever be let go.
      this.#numbers.set(copyOf(key), number);
      this.#things.push(thing());
    }
    return number;
  }

  at(number: number): T | undefined {
    return this.#things[number];
  }
}

function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** Exported for tests, with other limits. */
export class OvalReader implements FeedReader {
  readonly #limits: typeof OVAL_LIMITS;
  #parts = 0;
  #criterions = 0;
  readonly #definitions: Definition[] = [];
  /** Of tests: the ids of their object and state, filled in when they come. */
  readonly #tests = new Numbered<Test>();
  /** What criterions say of their tests in words, for tests that a part of a feed may lack. */
  readonly #worded = new Map<number, { readonly name: string; readonly fixed: string }>();
  readonly #places = new Numbered<readonly string[]>();
  readonly #comments = new Numbered<CommentWords>();
  /** Of objects: names of packages, or the id of a variable that holds them. */
  readonly #objects = new Map<string, { readonly name: string; readonly variable: string | null }>();
  readonly #fixes = new Map<string, string>();
  /** States that any version meets. */
  readonly #anyVersion = new Set<string>();
  readonly #streams = new Map<string, string>();
  readonly #variables = new Map<string, readonly string[]>();

  constructor(limits: typeof OVAL_LIMITS = OVAL_LIMITS) {
    this.#limits = limits;
  }

  /** @throws FormatError `xml.size` */
  *read(document: unknown): Generator<FeedItem> {
    if (!isXml(document)) return;
    const { xml } = document;
    if (++this.#parts > this.#limits.parts) {
      throw new FormatError('xml.size', `OVAL has more than ${this.#limits.parts} parts`);
    }
    const id = copyOf(xml.attributes['id'] ?? '');
    if (xml.name === 'definition') {
      if (!/^(?:patch|vulnerability)$/.test(xml.attributes['class'] ?? '')) return;
      const definition = this.#keep(xml);
      if (definition === null) yield { kind: 'skipped' };
      else this.#definitions.push(definition);
    } else if (xml.name === 'generator') {
      const at = timeOf(childOf(xml, 'timestamp')?.text.trim());
      if (at) yield { kind: 'updated', at };
    } else if (/^(?:rpminfo|dpkginfo|rpmverifyfile|textfilecontent54)_test$/.test(xml.name)) {
      const test = this.#test(this.#testNumber(id));
      test.object = copyOf(childOf(xml, 'object')?.attributes['object_ref'] ?? '');
      const state = childOf(xml, 'state')?.attributes['state_ref'];
      test.state = state === undefined ? null : copyOf(state);
    } else if (/^(?:rpminfo|dpkginfo)_object$/.test(xml.name)) {
      const name = childOf(xml, 'name');
      const variable = name?.attributes['var_ref'];
      const own = { name: copyOf(name?.text.trim() ?? ''), variable: variable === undefined ? null : copyOf(variable) };
      this.#objects.set(id, own);
    } else if (/^(?:rpminfo|dpkginfo)_state$/.test(xml.name)) {
      const evr = childOf(xml, 'evr');
      if (evr?.attributes['operation'] === 'less than') this.#fixes.set(id, copyOf(evr.text.trim()));
      if (evr?.attributes['operation'] === 'greater than' && /^(?:0:)?0(?:-0)?$/.test(evr.text.trim())) {
        this.#anyVersion.add(id);
      }
    } else if (xml.name === 'textfilecontent54_object') {
      // Red Hat: "\[nodejs\][\w\W]*", with the stream in the state.
      this.#objects.set(id, { name: copyOf(childOf(xml, 'pattern')?.text ?? ''), variable: null });
    } else if (xml.name === 'textfilecontent54_state') {
      const [, stream] = /stream\\?s?\*?=\\?s?\*?([\w.]+)/.exec(childOf(xml, 'text')?.text ?? '') ?? [];
      if (stream) this.#streams.set(id, copyOf(stream));
    } else if (xml.name === 'constant_variable') {
      this.#variables.set(
        id,
        [...descendantsOf(xml, 'value')].map(({ text }) => copyOf(text.trim())),
      );
    }
  }

  *end(): Generator<FeedItem> {
    for (const definition of this.#definitions) yield this.#readDefinition(definition);
  }

  #testNumber(id: string): number {
    return this.#tests.of(id, () => ({ object: null, state: null }));
  }

  #test(number: number): Test {
    return this.#tests.at(number) ?? { object: null, state: null };
  }

  /** Null when nothing in it can be affected. */
  #keep(element: XmlElement): Definition | null {
    const metadata = childOf(element, 'metadata');
    const criteria = childOf(element, 'criteria');
    if (!metadata || !criteria) return null;
    const title = childOf(metadata, 'title')?.text.trim() ?? '';
    const platforms = [...descendantsOf(metadata, 'platform')].map(({ text }) => text);
    const stated = [...new Set(platforms.flatMap((platform) => ecosystemOf(platform, title) ?? []))];
    const isVulnerability = element.attributes['class'] === 'vulnerability';
    const [tests, places, comments]: [number[], number[], number[]] = [[], [], []];
    for (const { criterion, ecosystems } of criterionsOf(criteria, stated, title)) {
      const { test_ref: test = '', comment = '' } = criterion.attributes;
      if (++this.#criterions > this.#limits.criterions) {
        throw new FormatError('xml.size', `OVAL has more than ${this.#limits.criterions} criterions`);
      }
      const number = this.#testNumber(test);
      tests.push(number);
      const [, name, fixed] = EARLIER.exec(comment) ?? [];
      if (name !== undefined && fixed !== undefined && this.#worded.size < this.#limits.worded)
        this.#worded.set(number, { name: copyOf(name), fixed: copyOf(fixed) });
      places.push(this.#places.of(ecosystems.join('\n'), () => ecosystems.map(copyOf)));
      const words: CommentWords = { isAffected: / is affected$/.test(comment), status: statusOf(comment) };
      comments.push(this.#comments.of(`${words.isAffected} ${words.status}`, () => words));
    }
    if (tests.length === 0) return null;
    // Copied as a whole: see `Numbered`.
    const record = JSON.parse(JSON.stringify(recordOf(element, metadata, title))) as Definition['record'];
    const [module, titled] = [moduleNamed(criteria), streamIn(title)].map((one) => (one === null ? null : copyOf(one)));
    return {
      ...{ record, isVulnerability, module: module ?? null, titled: titled ?? null },
      ...{ tests: Uint32Array.from(tests), places: Uint32Array.from(places), comments: Uint8Array.from(comments) },
    };
  }

  #readDefinition({ record, isVulnerability, tests, places, comments, ...named }: Definition): FeedItem {
    const affected = new Map<string, AffectedPackage>();
    const module = named.module ?? this.#moduleOf(tests) ?? named.titled;
    for (const [index, number] of tests.entries()) {
      const { object, state } = this.#test(number);
      const names = this.#namesOf(object ?? '');
      const worded = names.length === 0 ? this.#worded.get(number) : undefined;
      if (object === null && worded === undefined) continue;
      const fixed = worded?.fixed ?? this.#fixes.get(state ?? '') ?? null;
      const open = fixed === null && isVulnerability ? this.#openStatus(state, comments[index] ?? 0) : null;
      if (fixed === null && open === null) continue;
      for (const name of worded ? [worded.name] : names) {
        for (const ecosystem of this.#places.at(places[index] ?? 0) ?? []) {
          affected.set(`${ecosystem} ${name} ${fixed}`, {
            ecosystem,
            name,
            // Debian names what it builds packages from, the others name packages.
            level: ecosystem.startsWith('Debian:') ? 'source' : 'binary',
            intervals: [{ introduced: null, fixed: fixed?.replace(/^0:/, '') ?? null, lastAffected: null }],
            versions: [],
            module: module !== null && fixed !== null && /\.module[_+]/.test(fixed) ? module : null,
            ...(open === null ? {} : { status: open }),
          });
        }
      }
    }
    if (affected.size === 0) return { kind: 'skipped' };
    return { kind: 'advisory', record: { ...record, affected: [...affected.values()] } };
  }

  /** What is said of a package without a fix; null: nothing, or that it is not affected. */
  #openStatus(state: string | null, comment: number): AdvisoryStatus | null {
    const words = this.#comments.at(comment);
    if (state !== null) return this.#anyVersion.has(state) && words?.isAffected ? 'affected' : null;
    return words?.status ?? null;
  }

  #namesOf(object: string): readonly string[] {
    const found = this.#objects.get(object);
    if (!found) return [];
    if (found.variable !== null) return this.#variables.get(found.variable) ?? [];
    return found.name === '' ? [] : [found.name];
  }

  /** The stream that a test asks for; the words of a criterion come first, see `moduleNamed`. */
  #moduleOf(tests: Uint32Array): string | null {
    if (this.#streams.size === 0) return null;
    for (const number of tests) {
      const { object, state } = this.#test(number);
      const found = this.#streams.get(state ?? '');
      const [, module] = /\\\[([\w.+-]+)\\\]/.exec(this.#objects.get(object ?? '')?.name ?? '') ?? [];
      if (found !== undefined && module !== undefined) return `${module}:${found}`;
    }
    return null;
  }
}

/** All of a record but what is affected, which tests say. */
function recordOf(element: XmlElement, metadata: XmlElement, title: string): Definition['record'] {
  const references = [...descendantsOf(metadata, 'reference')];
  const named = references.map(({ attributes }) => attributes['ref_id'] ?? '').join(' ');
  const cves = cvesIn(`${named} ${[...descendantsOf(metadata, 'cve')].map(({ text }) => text).join(' ')} ${title}`);
  const isVulnerability = element.attributes['class'] === 'vulnerability';
  const id =
    references
      .map(({ attributes }) => attributes['ref_id'] ?? '')
      // A definition of one vulnerability names all notices about it; SUSE writes "Mitre CVE-…" as well.
      .find((one) => !isVulnerability && !/\bCVE-\d/.test(one) && one !== '') ??
    cves[0] ??
    element.attributes['id'] ??
    '';
  const vectors = [...descendantsOf(metadata, 'cve')].map(
    ({ attributes }) => attributes['cvss3']?.replace(/^[\d.]+\//, '') ?? null,
  );
  const scores = bestScores(cves.length === 1 ? vectors : []);
  const word = childOf(childOf(metadata, 'advisory'), 'severity')?.text.trim();
  const dates = [...descendantsOf(metadata, 'updated'), ...descendantsOf(metadata, 'issued')];
  return {
    id,
    aliases: [],
    issues: id.startsWith('CVE-') ? [] : cves,
    modified: timeOf(dates[0]?.attributes['date']),
    title: title.slice(0, TITLE_MAX_LENGTH) || id,
    url:
      references.map(({ attributes }) => attributes['ref_url'] ?? '').find((url) => url.startsWith('https://')) ?? null,
    severity: severityOfWord(word) === 'unknown' ? severityOf(scores) : severityOfWord(word),
    ...scores,
  };
}

/** Oracle and Red Hat: "Module nodejs:18 is enabled". */
function moduleNamed(criteria: XmlElement): string | null {
  for (const { attributes } of descendantsOf(criteria, 'criterion')) {
    const [, name, stream] = /^Module (\S+):(\S+) is enabled$/.exec(attributes['comment'] ?? '') ?? [];
    if (name !== undefined) return `${name}:${stream}`;
  }
  return null;
}

function statusOf(comment: string): AdvisoryStatus | null {
  const [, status] = UBUNTU_WORDS.find(([words]) => words.test(comment)) ?? [];
  return status ?? null;
}

/** Red Hat, Oracle and Debian: "bind-devel is earlier than 30:9.3.3-8.el5", "krb5 DPKG is earlier than 1.10.1". */
const EARLIER = /^(\S{1,200})(?: DPKG)? is earlier than (\d\S{0,200})$/;

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
