import { createReadStream } from 'node:fs';
import { inflateUnknown, peekStream } from '../../formats/index.ts';
import { CAPTURE_BYTES_MAX, CAPTURE_MAGIC } from './format.ts';
import { isCapture } from './read.ts';

/** The uncompressed bytes of a recording of ours; null when the file is something else. @throws FormatError beyond its limit */
export async function openCapture(path: string): Promise<AsyncIterable<Uint8Array> | null> {
  const plain = inflateUnknown(createReadStream(path), { maxOutputBytes: CAPTURE_BYTES_MAX });
  const { start, chunks } = await peekStream(plain, CAPTURE_MAGIC.length);
  if (isCapture(start)) return chunks;
  await chunks.return(undefined);
  return null;
}
