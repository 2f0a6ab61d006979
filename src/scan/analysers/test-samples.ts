import { OS_SAMPLES } from './test-samples-os.ts';

/** A file that an analyser understands: what its fuzzing starts from. */
export interface AnalyserSample {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** By the name of the analyser; a test wants some of each and that they tell something. */
export const SAMPLES: Readonly<Record<string, readonly AnalyserSample[]>> = {
  ...OS_SAMPLES,
  npm: [
    text('app/node_modules/a/package.json', '{"name":"a","version":"1.0.0","license":"MIT"}'),
    text(
      'app/package-lock.json',
      '{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"},"node_modules/b":{"name":"@c/d","version":"2.0.0"}}}',
    ),
    text(
      'old/package-lock.json',
      '{"dependencies":{"a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0"}}}}}',
    ),
  ],
};

export function text(path: string, content: string): AnalyserSample {
  return { path, bytes: Buffer.from(content) };
}
