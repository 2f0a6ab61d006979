import { compareDigits, type Ordering } from './ordering.ts';

/**
 * Alpine's package versions (apk-tools, `apk version --test`): number{.number}[letter]{_suffix[number]}[~commit][-r#].
 * Wolfi and Chainguard use the same tool.
 */
export const apk: Ordering = {
  name: 'apk',
  ecosystems: ['Alpine', 'Wolfi', 'Chainguard', 'Alpaquita', 'BellSoft Hardened Containers', 'MinimOS'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (!left || !right) return null;
    for (let at = 0; ; at++) {
      const one = left[at] ?? END;
      const other = right[at] ?? END;
      if (one.kind === END.kind && other.kind === END.kind) return 0;
      if (one.kind === other.kind) {
        const order = compareParts(one, other);
        if (order !== 0) return order;
        continue;
      }
      // A pre-release is below whatever else could come; otherwise what belongs earlier in a version is the greater.
      if (isPrerelease(one) || isPrerelease(other)) return isPrerelease(one) ? -1 : 1;
      return other.kind - one.kind;
    }
  },
};

interface Part {
  /** In the order in which parts may come: number, letter, suffix, its number, revision, end. */
  readonly kind: number;
  readonly text: string;
}

const [NUMBER, LETTER, SUFFIX, SUFFIX_NUMBER, REVISION] = [1, 2, 3, 4, 5];
const END: Part = { kind: 6, text: '' };
/** Those before the release, then those after it. */
const PRERELEASES = ['alpha', 'beta', 'pre', 'rc'];
const SUFFIXES = [...PRERELEASES, 'cvs', 'svn', 'git', 'hg', 'p'];
const PATTERN = /^(\d+(?:\.\d+)*)([a-z])?((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/;

function parse(text: string): Part[] | null {
  const match = PATTERN.exec(text.trim());
  if (!match) return null;
  const [, numbers = '', letter, suffixes = '', revision] = match;
  const parts: Part[] = numbers.split('.').map((number) => ({ kind: NUMBER, text: number }));
  // Only after the first number do leading zeros make a fraction of it: 1.01 is below 1.1.
  if (parts[0]) parts[0] = { kind: NUMBER, text: parts[0].text.replace(/^0+(?=\d)/, '') };
  if (letter) parts.push({ kind: LETTER, text: letter });
  for (const [, name = '', number = ''] of suffixes.matchAll(/_([a-z]+)(\d*)/g)) {
    parts.push({ kind: SUFFIX, text: name });
    if (number !== '') parts.push({ kind: SUFFIX_NUMBER, text: number });
  }
  if (revision !== undefined) parts.push({ kind: REVISION, text: revision });
  return parts;
}

function isPrerelease({ kind, text }: Part): boolean {
  return kind === SUFFIX && PRERELEASES.includes(text);
}

function compareParts(a: Part, b: Part): number {
  if (a.kind === SUFFIX) return SUFFIXES.indexOf(a.text) - SUFFIXES.indexOf(b.text);
  if (a.kind === LETTER) return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
  const isFraction = (text: string): boolean => a.kind === NUMBER && text.length > 1 && text.startsWith('0');
  if (isFraction(a.text) || isFraction(b.text)) return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
  return compareDigits(a.text, b.text);
}
