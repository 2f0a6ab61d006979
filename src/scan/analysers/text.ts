import type { Evidence, FileReader } from '../analyser.ts';

/** Collects a small file whole. The worker has already bounded its size. */
export function collectBytes(read: (bytes: Buffer) => Evidence | null): FileReader {
  const parts: Uint8Array[] = [];
  return {
    write: (chunk) => {
      parts.push(Buffer.from(chunk));
      return true;
    },
    end: () => read(Buffer.concat(parts)),
  };
}

/** Collects a small file and reads it as UTF-8. */
export function collectText(read: (text: string) => Evidence | null): FileReader {
  return collectBytes((bytes) => read(new TextDecoder().decode(bytes)));
}
