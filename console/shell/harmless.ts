/** Controls, ends of lines and marks that turn the direction of writing, in texts that programs in containers wrote. */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Shows them by their numbers: a file name must not look like another one, nor turn the text beside it. */
export function harmless(text: string): string {
  return text.replace(UNSAFE, (sign) => {
    const number = sign.charCodeAt(0).toString(16);
    return number.length > 2 ? `\\u${number.padStart(4, '0')}` : `\\x${number.padStart(2, '0')}`;
  });
}
