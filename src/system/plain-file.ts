/** Files of layers, looked at from the host, where a link of an image or a container would lead to the host's own. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const PIECE_BYTES = 1024 * 1024;
/** Of fcntl.h, on x86 and ARM alike. What it opens is looked at and not begun: a device would begin something, a FIFO would wait. */
export const O_PATH = 0o10000000;

/** A plain file below the folder, with no link on the way there. Throws for anything else. */
export function openPlainFile(folder: string, path: string): number {
  let at = openSync(folder, O_PATH);
  try {
    for (const name of path.split('/').filter((one) => one !== '')) {
      const next = openSync(`/proc/self/fd/${at}/${name}`, O_PATH | constants.O_NOFOLLOW);
      closeSync(at);
      at = next;
    }
    if (!fstatSync(at).isFile()) throw new TypeError('no plain file');
    return openSync(`/proc/self/fd/${at}`, constants.O_RDONLY);
  } finally {
    closeSync(at);
  }
}

/**
 * Compares two open files piece by piece.
 *
 * @param from where to begin; what stands before it was compared already
 * @param goesOn asked before each piece with where it begins; with false the comparison ends there
 * @returns whether they are the same; null when it was ended
 */
export function sameBytes(
  one: number,
  other: number,
  { from = 0, goesOn = () => true }: { readonly from?: number; readonly goesOn?: (at: number) => boolean } = {},
): boolean | null {
  const [a, b] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
  for (let at = from; ; ) {
    if (!goesOn(at)) return null;
    const read = readSync(one, a, 0, PIECE_BYTES, at);
    if (read !== readSync(other, b, 0, PIECE_BYTES, at)) return false;
    if (read === 0) return true;
    if (!a.subarray(0, read).equals(b.subarray(0, read))) return false;
    at += read;
  }
}
