import { spawn } from 'node:child_process';
import { arch } from 'node:os';
import { join, resolve } from 'node:path';
import { findTests, UNIT_TESTS, unitTestRuns } from './unit.ts';

/** The gate before each commit: types, lint, arrows and unit tests; at most a minute. `check.ts NAME…` runs some of them. */

const ROOT = resolve(import.meta.dirname, '..');
const BIOME = join(ROOT, 'node_modules', '@biomejs', `cli-linux-${arch() === 'arm64' ? 'arm64' : 'x64'}`, 'biome');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

interface Command {
  readonly file?: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const CHECKS: Readonly<Record<string, readonly Command[]>> = {
  types: [typesOf('.', 'src'), typesOf('console', 'console')],
  lint: [{ file: BIOME, args: ['check', '--error-on-warnings', '.'] }],
  unit: unitTestRuns(findTests(UNIT_TESTS), 'dot'),
};

/** What was found is kept beside the modules: the next run looks only at what changed and what depends on it. */
function typesOf(project: string, name: string): Command {
  const kept = join(ROOT, 'node_modules', '.cache', `types-${name}.tsbuildinfo`);
  return { args: [TSC, '--noEmit', '-p', project, '--incremental', '--tsBuildInfoFile', kept] };
}

const wanted = process.argv.slice(2);
const names = wanted.length === 0 ? Object.keys(CHECKS) : wanted;
const started = performance.now();
const runs: Promise<boolean>[] = [];
for (const name of names) {
  const commands = CHECKS[name];
  if (commands === undefined) {
    console.error(`there is no check "${name}"; there are ${Object.keys(CHECKS).join(', ')}`);
    process.exit(2);
  }
  for (const command of commands) runs.push(run(name, command));
}
const failed = (await Promise.all(runs)).filter((passed) => !passed).length;
console.log(`${failed === 0 ? 'all checks passed' : `${failed} failed`} in ${seconds(started)}`);
process.exitCode = failed === 0 ? 0 : 1;

async function run(name: string, { file = process.execPath, args, env = process.env }: Command): Promise<boolean> {
  const begun = performance.now();
  const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((resolveCode, reject) => {
    child.once('error', reject);
    child.once('close', resolveCode);
  });
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} ${seconds(begun)}`);
  if (code !== 0) process.stdout.write(Buffer.concat(output));
  return code === 0;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
