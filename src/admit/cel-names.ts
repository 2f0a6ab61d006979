import { Optional } from '@marcbachmann/cel-js';
import { parseReference } from '../oci/index.ts';
import type { AddFunction } from './cel-kubernetes.ts';

/** A version by semver.org. */
export class Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly before: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], before: readonly string[]) {
    this.numbers = numbers;
    this.before = before;
  }
}

const NUMBER = '(0|[1-9]\\d{0,18})';
const IDENTIFIERS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const SEMVER = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`);

/** @throws RangeError for what is no version */
function parseVersion(text: string): Version {
  const [, major = '', minor = '', patch = '', before = ''] = SEMVER.exec(text) ?? [];
  const parts = before === '' ? [] : before.split('.');
  if (major === '' || parts.some((part) => /^0\d+$/.test(part)))
    throw new RangeError(`${JSON.stringify(text.slice(0, 60))} is no semantic version`);
  return new Version([BigInt(major), BigInt(minor), BigInt(patch)], parts);
}

/** `v1.0` is `1.0.0` and `01.1.1` is `1.1.1`. @throws RangeError */
function parseLooseVersion(text: string): Version {
  const parts = text.replace(/^v/, '').split('.');
  const numbers = [...parts.slice(0, 2), ...(parts.length > 2 ? [parts.slice(2).join('.')] : [])].map((part) =>
    part.replace(/^0+(?=\d)/, ''),
  );
  if (numbers.length < 3 && /[+-]/.test(numbers.at(-1) ?? ''))
    throw new RangeError('a short version cannot have a pre-release or build');
  while (numbers.length < 3) numbers.push('0');
  return parseVersion(numbers.join('.'));
}

/** By semver.org 2.0.0, section 11: what comes before a release is older, numbers are older than words. */
function compareVersions(a: Version, b: Version): bigint {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1n : 1n;
  }
  if (a.before.length === 0 || b.before.length === 0) {
    return a.before.length === b.before.length ? 0n : a.before.length === 0 ? 1n : -1n;
  }
  for (const [index, part] of a.before.entries()) {
    const other = b.before[index];
    if (other === undefined) return 1n;
    if (part === other) continue;
    const [isNumber, isOtherNumber] = [/^\d+$/.test(part), /^\d+$/.test(other)];
    if (isNumber && isOtherNumber) return BigInt(part) < BigInt(other) ? -1n : 1n;
    if (isNumber !== isOtherNumber) return isNumber ? -1n : 1n;
    return part < other ? -1n : 1n;
  }
  return a.before.length === b.before.length ? 0n : -1n;
}

/** -1, 0 or 1 for two versions, short ones too. @throws RangeError for what is no version */
export function compareVersionTexts(a: string, b: string): number {
  return Number(compareVersions(parseLooseVersion(a), parseLooseVersion(b)));
}

/** A kind of text with a name, and what is wrong with one that is not of it. */
export class TextFormat {
  readonly problems: (text: string) => readonly string[];

  constructor(problems: (text: string) => readonly string[]) {
    this.problems = problems;
  }
}

function byPattern(pattern: RegExp, most: number, what: string): TextFormat {
  return new TextFormat((text) => [
    ...(text.length > most ? [`must be no more than ${most} characters`] : []),
    ...(pattern.test(text) ? [] : [what]),
  ]);
}

/** Names are made of a prefix and something random: its last dash may stand at the end. */
function asPrefix({ problems }: TextFormat): TextFormat {
  return new TextFormat((text) => problems(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -1)}a` : text));
}

const LABEL = byPattern(
  /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/,
  63,
  'must be a label of RFC 1123: a-z, 0-9 and -, no dash at an end',
);
const SUBDOMAIN = byPattern(
  /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/,
  253,
  'must be a subdomain of RFC 1123: labels parted by dots',
);
const OLD_LABEL = byPattern(
  /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/,
  63,
  'must be a label of RFC 1035: it begins with a letter',
);
const NAME_PART = byPattern(
  /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
  63,
  'must be letters, digits, -, _ and ., with a letter or digit at each end',
);
const VALUE = byPattern(
  /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/,
  63,
  'must be empty, or letters, digits, -, _ and ., with a letter or digit at each end',
);
const QUALIFIED = new TextFormat((text) => {
  const [first = '', second, ...more] = text.split('/');
  if (more.length > 0) return ['must be a name, with at most one prefix before a slash'];
  if (second === undefined) return NAME_PART.problems(first);
  return [...SUBDOMAIN.problems(first), ...NAME_PART.problems(second)];
});
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})$/;

const FORMATS: Readonly<Record<string, TextFormat>> = {
  dns1123Label: LABEL,
  dns1123Subdomain: SUBDOMAIN,
  dns1035Label: OLD_LABEL,
  qualifiedName: QUALIFIED,
  dns1123LabelPrefix: asPrefix(LABEL),
  dns1123SubdomainPrefix: asPrefix(SUBDOMAIN),
  dns1035LabelPrefix: asPrefix(OLD_LABEL),
  labelValue: VALUE,
  uri: new TextFormat((text) =>
    URL.canParse(text) || /^\/[^\s]*$/.test(text) ? [] : ['must be an absolute URI or path'],
  ),
  uuid: byPattern(
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
    36,
    'does not match the UUID format',
  ),
  byte: new TextFormat((text) =>
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && text !== ''
      ? []
      : ['invalid base64'],
  ),
  date: new TextFormat((text) => (DATE.test(text) && isDay(text) ? [] : ['invalid date'])),
  datetime: new TextFormat((text) =>
    TIME.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text)) ? [] : ['invalid datetime'],
  ),
};

/** The 31st of February rolls over in JavaScript. */
function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** `format.dns1123Label()` and `format.named(text)`: the library has no namespaces of functions. */
class FormatNames {}

/** A reference to an image, with what is left open filled in as Kubernetes does it. */
class ImageName {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;

  constructor(text: string) {
    const { registry, repository, tag, digest } = parseReference(text);
    const isHub = registry === null || registry === 'docker.io';
    this.registry = isHub ? 'index.docker.io' : registry;
    this.repository = isHub && !repository.includes('/') ? `library/${repository}` : repository;
    this.digest = digest ?? '';
    // With a digest the tag says nothing.
    this.tag = digest !== null ? '' : (tag ?? 'latest');
  }
}

function isImage(text: string): boolean {
  try {
    return new ImageName(text).repository !== '';
  } catch {
    // Whatever the reader of references has against it: it is none.
    return false;
  }
}

function holds(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      read(text);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  };
}

export const NAME_TYPES = {
  'kubernetes.Semver': Version,
  'kubernetes.NamedFormat': TextFormat,
  'kubernetes.FormatNames': FormatNames,
  'kubernetes.Image': ImageName,
} as const;
export const FORMAT_NAMES = new FormatNames();

/** Functions of Kubernetes’ libraries semver, format and image. */
export function addNameFunctions(add: AddFunction): void {
  const S = 'kubernetes.Semver';
  const read = (text: string, isLoose: boolean): Version => (isLoose ? parseLooseVersion(text) : parseVersion(text));
  add(`semver(string): ${S}`, parseVersion);
  add(`semver(string, bool): ${S}`, read);
  add('isSemver(string): bool', holds(parseVersion));
  add('isSemver(string, bool): bool', (text: string, isLoose: boolean) => holds((one) => read(one, isLoose))(text));
  add(`${S}.major(): int`, ({ numbers }: Version) => numbers[0]);
  add(`${S}.minor(): int`, ({ numbers }: Version) => numbers[1]);
  add(`${S}.patch(): int`, ({ numbers }: Version) => numbers[2]);
  add(`${S}.isLessThan(${S}): bool`, (a: Version, b: Version) => compareVersions(a, b) < 0n);
  add(`${S}.isGreaterThan(${S}): bool`, (a: Version, b: Version) => compareVersions(a, b) > 0n);
  add(`${S}.compareTo(${S}): int`, compareVersions);
  const F = 'kubernetes.NamedFormat';
  for (const [name, one] of Object.entries(FORMATS)) add(`kubernetes.FormatNames.${name}(): ${F}`, () => one);
  add(`kubernetes.FormatNames.named(string): optional<${F}>`, (_: FormatNames, name: string) =>
    Object.hasOwn(FORMATS, name) ? Optional.of(FORMATS[name]) : Optional.none(),
  );
  add(`${F}.validate(string): optional<list<string>>`, ({ problems }: TextFormat, text: string) => {
    const all = [...problems(text)];
    return all.length === 0 ? Optional.none() : Optional.of(all);
  });
  const I = 'kubernetes.Image';
  add(`image(string): ${I}`, (text: string) => new ImageName(text));
  add('isImage(string): bool', isImage);
  add(`${I}.containsDigest(): bool`, ({ digest }: ImageName) => digest !== '');
  add(`${I}.registry(): string`, ({ registry }: ImageName) => registry);
  add(`${I}.repository(): string`, ({ repository }: ImageName) => repository);
  add(`${I}.tag(): string`, ({ tag }: ImageName) => tag);
  add(`${I}.digest(): string`, ({ digest }: ImageName) => digest);
  add(`${I}.identifier(): string`, ({ tag, digest }: ImageName) => (digest === '' ? tag : digest));
}
