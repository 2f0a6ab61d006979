import { FormatError } from '../../formats/index.ts';
import type { Analyser } from '../analyser.ts';
import { LANGUAGE_SAMPLES } from './test-samples-languages.ts';
import { OS_SAMPLES } from './test-samples-os.ts';

/** A file that an analyser understands: what its fuzzing starts from. */
export interface AnalyserSample {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** By the name of the analyser; a test wants some of each and that they tell something. */
export const SAMPLES: Readonly<Record<string, readonly AnalyserSample[]>> = {
  ...OS_SAMPLES,
  ...LANGUAGE_SAMPLES,
};

/** As the worker reads a file: in pieces that are gone after the call. */
export function readSample(analyser: Analyser, { path, bytes }: AnalyserSample): string {
  const file = { path, sizeBytes: bytes.length, mode: 0o755 };
  if (!analyser.wants(file)) return 'not wanted';
  try {
    const reader = analyser.read(file);
    const half = bytes.length >> 1;
    for (const piece of [new Uint8Array(bytes.subarray(0, half)), new Uint8Array(bytes.subarray(half))]) {
      if (!reader.write(piece)) return 'nothing more is wanted';
      piece.fill(0);
    }
    const evidence = reader.end();
    return evidence === null ? 'nothing' : JSON.stringify(evidence);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}
