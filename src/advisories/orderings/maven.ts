import { compareDigits, type Ordering } from './ordering.ts';

/**
 * Maven's versions (maven.apache.org, POM reference, "Version Order Specification"): numbers and words, parted by dots
 * and dashes and wherever digits meet letters; a dash opens a list of lower rank.
 */
export const maven: Ordering = {
  name: 'maven',
  ecosystems: ['Maven'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    return left && right ? compareItems(left, right) : null;
  },
};

/** Digits, a word, or a list below. */
type Item = { readonly number: string } | { readonly word: string } | Item[];

/** Deeper lists say nothing that anybody would mean; it keeps recursion short. */
const DEPTH_MAX = 64;

function parse(text: string): Item[] | null {
  const version = text.trim().toLowerCase();
  if (version === '' || !/^[\w.+~-]+$/.test(version) || !/\d/.test(version)) return null;
  const root: Item[] = [];
  const lists: Item[][] = [root];
  let list = root;
  let start = 0;
  const open = (): void => {
    if (lists.length >= DEPTH_MAX) return;
    const next: Item[] = [];
    list.push(next);
    lists.push(next);
    list = next;
  };
  const add = (end: number, isBeforeNumber: boolean): void => {
    const part = version.slice(start, end);
    if (part === '') list.push({ number: '0' });
    else if (isDigit(part)) list.push({ number: part });
    else list.push({ word: nameOf(part, isBeforeNumber) });
  };
  for (let at = 0; at < version.length; at++) {
    const char = version.charAt(at);
    if (char === '.' || char === '-' || char === '_') {
      add(at, false);
      start = at + 1;
      // A word behind a dot is as one behind a dash: 1.0.RC1 is 1.0-RC1.
      if (char !== '.' || /[^\d._-]/.test(version.charAt(at + 1))) open();
    } else if (at > start && isDigit(char) !== isDigit(version.charAt(at - 1))) {
      add(at, isDigit(char));
      start = at;
      open();
    }
  }
  if (start < version.length) add(version.length, false);
  for (const one of lists.reverse()) dropTrailingNothing(one);
  return root;
}

function isDigit(text: string): boolean {
  const code = text.charCodeAt(0);
  return code >= 0x30 && code <= 0x39;
}

const SHORT: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' };
const ALIASES: Readonly<Record<string, string>> = { ga: '', final: '', release: '', cr: 'rc' };

function nameOf(word: string, isBeforeNumber: boolean): string {
  const name = isBeforeNumber ? (SHORT[word] ?? word) : word;
  return ALIASES[name] ?? name;
}

function dropTrailingNothing(list: Item[]): void {
  for (let at = list.length - 1; at >= 0; at--) {
    const item = list[at];
    if (item === undefined) continue;
    if (isNothing(item)) list.splice(at, 1);
    else if (!Array.isArray(item)) break;
  }
}

function isNothing(item: Item): boolean {
  if (Array.isArray(item)) return item.length === 0;
  return 'number' in item ? compareDigits(item.number, '0') === 0 : item.word === '';
}

/** Words of a known rank; all others come after them, by the alphabet. */
const RANKS = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];

function compareWords(a: string, b: string): number {
  const rank = (word: string): number => (RANKS.includes(word) ? RANKS.indexOf(word) : RANKS.length);
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Numbers before lists before words: 1.1 is above 1-1, which is above 1-sp. */
function rankOf(item: Item): number {
  return Array.isArray(item) ? 1 : 'number' in item ? 2 : 0;
}

function compareItems(a: Item, b: Item): number {
  if (rankOf(a) !== rankOf(b)) return rankOf(a) - rankOf(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let at = 0; at < Math.max(a.length, b.length); at++) {
      const [one, other] = [a[at], b[at]];
      const order =
        one === undefined
          ? other === undefined
            ? 0
            : -compareToNothing(other)
          : other === undefined
            ? compareToNothing(one)
            : compareItems(one, other);
      if (order !== 0) return order;
    }
    return 0;
  }
  if ('number' in a && 'number' in b) return compareDigits(a.number, b.number);
  return 'word' in a && 'word' in b ? compareWords(a.word, b.word) : 0;
}

function compareToNothing(item: Item): number {
  if (!Array.isArray(item)) return 'number' in item ? compareDigits(item.number, '0') : compareWords(item.word, '');
  for (const one of item) {
    const order = compareToNothing(one);
    if (order !== 0) return order;
  }
  return 0;
}
