import { open } from 'node:fs/promises';
import { detectCompression } from '../../formats/index.ts';

const CHUNK_BYTES = 1024 * 1024;
const MAGIC_BYTES = 4;

/**
 * The bytes of a recording piece by piece, for `readScap`. Each is valid until the next is asked for: new memory for each costs as
 * much as reading it. What is compressed goes through a stream that keeps more than one piece, so there each has its own.
 */
export async function* recordingChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    let memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    let isPlain: boolean | null = null;
    for (;;) {
      const { bytesRead } = await file.read(memory, 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      const piece = memory.subarray(0, bytesRead);
      isPlain ??= bytesRead >= MAGIC_BYTES && detectCompression(piece) === 'none';
      yield piece;
      if (!isPlain) memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    }
  } finally {
    await file.close();
  }
}
