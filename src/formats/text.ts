import { FormatError } from './errors.ts';

/**
 * Bytes of a file that people wrote, as text: UTF-8, or UTF-16 with its mark, as Windows programs write it. What is neither is
 * refused with the place, or its letters were lost.
 *
 * @throws FormatError `text.encoding`
 */
export function decodeText(bytes: Uint8Array): string {
  const wide =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null;
  if (wide !== null) {
    try {
      return new TextDecoder(wide, { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new FormatError('text.encoding', 'the text says that it is UTF-16 and is not; save it as UTF-8', {
        cause,
        spanish: 'el texto dice ser UTF-16 y no lo es; guardarlo como UTF-8',
      });
    }
  }
  if (bytes.byteLength > 1 && (bytes[0] === 0) !== (bytes[1] === 0)) {
    throw new FormatError('text.encoding', 'the text looks like UTF-16 without its mark; save it as UTF-8', {
      spanish: 'el texto parece UTF-16 sin su marca; guardarlo como UTF-8',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const position = placeOfFault(bytes);
    throw new FormatError(
      'text.encoding',
      'the text is not UTF-8 here (as a letter with an accent in another encoding, ISO 8859-1 or Windows-1252); save it as UTF-8',
      {
        cause,
        position,
        spanish:
          'aquí el texto no es UTF-8 (como una letra con acento en otra codificación, ISO 8859-1 o Windows-1252); guardarlo como UTF-8',
      },
    );
  }
}

/** The longest beginning that is UTF-8, found by halves; then what its last line holds. */
function placeOfFault(bytes: Uint8Array): { line: number; column: number } {
  let [good, bad] = [0, bytes.byteLength];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (isTextSoFar(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  const before = new TextDecoder('utf-8').decode(bytes.subarray(0, good), { stream: true });
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

/** A letter may be cut at the end; that is for the rest to say. */
function isTextSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
