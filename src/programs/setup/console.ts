import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../system/index.ts';
import { setupFault } from './errors.ts';
import { nodePath } from './programs.ts';
import { usefulLines } from './supervisor.ts';

const BUILD_TIMEOUT_MS = 180_000;
const SKIPPED = new Set(['dist', 'node_modules']);

/** True when the console was never built, or a source of it is newer than what was built. */
export async function consoleIsStale(code: string): Promise<boolean> {
  const root = join(code, 'console');
  const built = await changedAt(join(root, 'dist', 'index.html'));
  const sources = await newest(root);
  // A copy without sources has its console built already, or has none.
  if (sources === 0 || !(await changedAt(join(root, 'index.html')))) return false;
  return built < sources;
}

/** @throws Fault `setup.console-failed` with the bundler's last words */
export async function buildConsole(code: string): Promise<void> {
  const vite = join(code, 'node_modules', 'vite', 'bin', 'vite.js');
  const {
    code: exit,
    stdout,
    stderr,
  } = await runCommand(nodePath(code), [vite, 'build'], {
    cwd: join(code, 'console'),
    timeoutMs: BUILD_TIMEOUT_MS,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/', NO_COLOR: '1' },
  });
  if (exit === 0) return;
  const telling = usefulLines(`${stdout}\n${stderr}`).filter((line) => !/^\d+: <unknown>$/.test(line));
  const from = telling.findIndex((line) => /error/i.test(line));
  throw setupFault('setup.console-failed', {
    reason: telling.slice(Math.max(0, from)).slice(0, 5).join(' | ').slice(0, 400),
  });
}

async function newest(folder: string): Promise<number> {
  let latest = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? await newest(path) : await changedAt(path));
  }
  return latest;
}

async function changedAt(path: string): Promise<number> {
  return stat(path).then(
    (stats) => stats.mtimeMs,
    () => 0,
  );
}
