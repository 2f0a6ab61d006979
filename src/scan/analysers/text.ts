import type { Evidence, FileReader } from '../analyser.ts';

/** Collects a small file and reads it as UTF-8. The worker has already bounded its size. */
export function collectText(read: (text: string) => Evidence | null): FileReader {
  const parts: Uint8Array[] = [];
  return {
    write: (chunk) => {
      parts.push(chunk.slice());
    },
    end: () => read(new TextDecoder().decode(Buffer.concat(parts))),
  };
}
