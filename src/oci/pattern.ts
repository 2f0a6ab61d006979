/** More wildcards than this nobody means. */
export const PATTERN_WILDCARDS_MAX = 8;

/** The characters of repository names, and `*`: part of one word of the path, `**`: any number of words. */
const PATTERN = /^[a-z0-9*][a-z0-9._*/-]{0,254}$/;

export function isRepositoryPattern(text: string): boolean {
  return PATTERN.test(text) && (text.match(/\*+/g) ?? []).length <= PATTERN_WILDCARDS_MAX && !text.includes('***');
}

/**
 * Whether the whole name fits the pattern: `*` stands for part of one word of the path, `**` crosses slashes. Work is at
 * most the length of one times that of the other: a regular expression with as many wildcards would take its power.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  // Which beginnings of the name the pattern, read so far, can stand for: by their length.
  let reached = new Uint8Array(name.length + 1);
  reached[0] = 1;
  for (const piece of pattern.split(/(\*\*?)/)) {
    if (piece === '') continue;
    const next = new Uint8Array(name.length + 1);
    if (piece.startsWith('*')) spread(reached, next, piece === '**' ? null : name);
    else {
      for (let at = 0; at + piece.length <= name.length; at += 1) {
        if (reached[at] === 1 && name.startsWith(piece, at)) next[at + piece.length] = 1;
      }
    }
    reached = next;
  }
  return reached[name.length] === 1;
}

/** From each place reached, every further one; with a name, up to its next slash. */
function spread(reached: Uint8Array, next: Uint8Array, until: string | null): void {
  let open = false;
  for (let at = 0; at < reached.length; at += 1) {
    if (at > 0 && until?.[at - 1] === '/') open = false;
    open ||= reached[at] === 1;
    if (open) next[at] = 1;
  }
}
