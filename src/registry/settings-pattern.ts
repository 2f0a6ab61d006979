import { PATTERN_CHARACTERS_MAX } from './limits.ts';

const PATTERN = /^[A-Za-z0-9._/*-]+$/;

/** A pattern of names: letters, digits and `. _ - /`, with `*` for anything but `/`, `**` for anything at all. */
export function isNamePattern(text: string): boolean {
  return text.length <= PATTERN_CHARACTERS_MAX && PATTERN.test(text) && !text.includes('***');
}

/**
 * Whether a pattern matches a whole name. Walked with the set of places that may be reached so far, so that hostile
 * patterns cost their length times the name's and never more (no backtracking).
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const tokens = pattern.match(/\*\*|./gs) ?? [];
  const isWild = (token: string | undefined): boolean => token === '*' || token === '**';
  let reached = new Set<number>([0]);
  const skipWild = (places: Set<number>): Set<number> => {
    for (const place of places) if (isWild(tokens[place])) places.add(place + 1);
    return places;
  };
  skipWild(reached);
  for (const character of name) {
    const next = new Set<number>();
    for (const place of reached) {
      const token = tokens[place];
      if (token === '**' || (token === '*' && character !== '/')) next.add(place);
      else if (token === character) next.add(place + 1);
    }
    reached = skipWild(next);
    if (reached.size === 0) return false;
  }
  return reached.has(tokens.length);
}

/** Most specific first: a plain name, then by how much of the pattern is literal; `**` is last. */
export function compareSpecificity(a: string, b: string): number {
  const isPlain = (pattern: string): boolean => !pattern.includes('*');
  if (isPlain(a) !== isPlain(b)) return isPlain(a) ? -1 : 1;
  const literal = (pattern: string): number => pattern.replaceAll('*', '').length;
  const deep = (pattern: string): number => (pattern.includes('**') ? 1 : 0);
  return literal(b) - literal(a) || deep(a) - deep(b) || (a < b ? -1 : a > b ? 1 : 0);
}
