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
