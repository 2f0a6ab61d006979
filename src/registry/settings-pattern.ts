import { PATTERN_CHARACTERS_MAX } from './limits.ts';

// Names of tags are matched like those of repositories.
export { matchesGlob as matchesPattern } from '../oci/index.ts';

const PATTERN = /^[A-Za-z0-9._/*-]+$/;

/** A pattern of names: letters, digits and `. _ - /`, with `*` for anything but `/`, `**` for anything at all. */
export function isNamePattern(text: string): boolean {
  return text.length <= PATTERN_CHARACTERS_MAX && PATTERN.test(text) && !text.includes('***');
}

/** Most specific first: a plain name, then by how much of the pattern is literal; `**` is last. */
export function compareSpecificity(a: string, b: string): number {
  const isPlain = (pattern: string): boolean => !pattern.includes('*');
  if (isPlain(a) !== isPlain(b)) return isPlain(a) ? -1 : 1;
  const literal = (pattern: string): number => pattern.replaceAll('*', '').length;
  const deep = (pattern: string): number => (pattern.includes('**') ? 1 : 0);
  return literal(b) - literal(a) || deep(a) - deep(b) || (a < b ? -1 : a > b ? 1 : 0);
}
