import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

/** What one process has compiled and stripped of types, the next one finds here. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'darsena-tests');

export const UNIT_TESTS = ['src/**/*.test.ts', 'test/*.test.ts'];

/**
 * The processes that run the unit tests, one a core of a small machine. The files of a process share it: to start one for
 * each file takes as much processor time again as the tests themselves.
 *
 * @param reporter a reporter of node:test
 */
export function unitTestRuns(
  files: readonly string[],
  reporter: 'dot' | 'spec',
): { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv }[] {
  const halves = [0, 1]
    .map((half) => files.filter((_, index) => index % 2 === half))
    .filter(({ length }) => length > 0);
  return halves.map((half) => ({
    args: [
      '--disable-warning=ExperimentalWarning',
      '--test',
      '--test-isolation=none',
      '--test-timeout=60000',
      `--test-reporter=${reporter}`,
      ...half,
    ],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
  }));
}

/** Paths of test files, from the root of the checkout. */
export function findTests(patterns: readonly string[]): string[] {
  return globSync([...patterns], { cwd: ROOT }).sort();
}
