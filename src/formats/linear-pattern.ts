/**
 * Patterns that run in time proportional to the text, whatever the text. V8 has such an engine (experimental, flag `l`); it is
 * asked for here and nowhere else. What it cannot do is refused when the pattern is read, never tried on a text: an attacker
 * writes the texts that patterns run on.
 */
import { setFlagsFromString } from 'node:v8';
/** Characters of a regular expression. */
export const PATTERN_LENGTH_MAX = 4096;

let enabled = false;

/** A pattern over whole texts. Throws `RangeError` when it cannot be run in linear time or is no pattern at all. */
export function linearPattern(source: string): RegExp {
  if (source.length > PATTERN_LENGTH_MAX * 4)
    throw new RangeError(`the pattern is longer than ${PATTERN_LENGTH_MAX} characters`);
  return compile(`^(?:${source})$`, 'ls');
}

/** A pattern that is looked for anywhere in a text, all places of it; how long it is, its maker has bounded. */
export function linearSearch(source: string): RegExp {
  return compile(source, 'lg');
}

function compile(pattern: string, flags: string): RegExp {
  if (!enabled) {
    setFlagsFromString('--enable-experimental-regexp-engine');
    enabled = true;
  }
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    // V8 shows the pattern as it was made for it, which nobody wrote: only the reason behind it is told.
    const said = error instanceof Error ? error.message : String(error);
    throw new RangeError(`no regular expression: ${said.slice(said.lastIndexOf(': ') + 1).trim()}`);
  }
}
