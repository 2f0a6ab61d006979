/** More wildcards than this nobody means; it also bounds the work of one match. */
export const PATTERN_WILDCARDS_MAX = 8;

/** The characters of repository names, and `*`: part of one word of the path, `**`: any number of words. */
const PATTERN = /^[a-z0-9*][a-z0-9._*/-]{0,254}$/;

export function isRepositoryPattern(text: string): boolean {
  return PATTERN.test(text) && (text.match(/\*+/g) ?? []).length <= PATTERN_WILDCARDS_MAX && !text.includes('***');
}

/** Whether the whole name fits the pattern: `*` stands for part of one word of the path, `**` crosses slashes. */
export function matchesRepository(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  return compile(pattern).test(name);
}

/** Few patterns are asked often: those of the tokens in use. */
const COMPILED_MAX = 500;
const compiled = new Map<string, RegExp>();

function compile(pattern: string): RegExp {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const source = pattern
    .split(/(\*+)/)
    .map((piece) => (piece === '*' ? '[^/]*' : piece.startsWith('*') ? '.*' : piece.replaceAll(/[.]/g, '\\.')))
    .join('');
  const made = new RegExp(`^${source}$`);
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  compiled.set(pattern, made);
  return made;
}
