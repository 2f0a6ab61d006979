import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * The full figures: every test against real parts, and every unit test that has more to do, with DARSENA_SOAK=1, one file
 * after the other, each in a process of its own so that one that dies does not end the others. What `npm run soak` runs;
 * takes hours.
 * `-- PATTERN` runs the files whose path contains the pattern. DARSENA_SEED chooses other random tries.
 */
const ROOT = resolve(import.meta.dirname, '..');
const pattern = process.argv[2] ?? '';
const hasMore = (file: string): boolean => readFileSync(join(ROOT, file), 'utf8').includes('DARSENA_SOAK');
const files = [
  ...globSync('src/**/*.test.ts', { cwd: ROOT }).filter(hasMore),
  ...globSync('test/real/*.test.ts', { cwd: ROOT }),
].filter((file) => file.includes(pattern));
if (files.length === 0) {
  console.error(`no test file's path contains "${pattern}"`);
  process.exit(2);
}
const failed: string[] = [];
for (const file of files.sort()) {
  const started = performance.now();
  const code = await new Promise<number | null>((done, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--test', join(ROOT, file)], {
      cwd: ROOT,
      env: { ...process.env, DARSENA_SOAK: '1' },
      stdio: 'inherit',
    });
    child.on('error', reject).on('exit', done);
  });
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${file} ${Math.round((performance.now() - started) / 1000)} s`);
  if (code !== 0) failed.push(file);
}
console.log(`${files.length - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);
