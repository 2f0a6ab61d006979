import { FormatError } from './errors.ts';
import { JSON_LIMITS, type JsonLimits } from './limits.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads JSON that something is signed over or decided by. Two readers must never see two meanings in it, so it refuses
 * what RFC 8259 leaves open: duplicate keys (section 4), a byte order mark and other encodings than UTF-8 (section 8.1),
 * and depth or size beyond the limits (section 9).
 *
 * @throws FormatError with a `json.*` code
 */
export function parseStrictJson(bytes: Uint8Array, limits: Partial<JsonLimits> = {}): Json {
  const { maxBytes, maxDepth } = { ...JSON_LIMITS, ...limits };
  if (bytes.byteLength > maxBytes) {
    throw new FormatError('json.size', `JSON has ${bytes.byteLength} bytes, the limit is ${maxBytes}`);
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new FormatError('json.byte-order-mark', 'JSON starts with a byte order mark, expected none');
  }
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new FormatError('json.encoding', 'JSON is not valid UTF-8', { cause });
  }
  refuseDuplicatesAndDepth(text, maxDepth);
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError('json.syntax', `JSON cannot be read: ${reason}`, { cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * One linear pass that knows just strings, brackets and "a string followed by a colon is a key". It need not check the
 * grammar: `JSON.parse` does that afterwards, so for every text that is accepted both agree on what a key is.
 */
function refuseDuplicatesAndDepth(text: string, maxDepth: number): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
      case 0x5b: // [
        if (open.length >= maxDepth) {
          throw new FormatError('json.depth', `JSON nests deeper than ${maxDepth} levels`, {
            position: positionOf(text, at),
          });
        }
        open.push(text.charCodeAt(at) === 0x7b ? new Set() : null);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (keys && isFollowedByColon(text, end + 1)) {
          const key = readString(text.slice(at, end + 1));
          if (keys.has(key)) {
            throw new FormatError(
              'json.duplicate-key',
              `JSON names the key ${JSON.stringify(key)} twice in one object`,
              {
                position: positionOf(text, at),
              },
            );
          }
          keys.add(key);
        }
        at = end;
        break;
      }
    }
  }
}

/** The first quote with an even number of backslashes before it; searching is native, which base64 of some kB feels. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === COLON) return true;
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
    at++;
  }
  return false;
}

/** `"\u0061"` and `"a"` are the same key. */
function readString(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted; // Not JSON: the parse that follows says so with its place.
  }
}

function positionOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: at - lineStart + 1 };
}
