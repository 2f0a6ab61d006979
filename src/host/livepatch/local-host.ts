import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATCH_LOCK, runCommand, startChild, writeFileAtomic } from '../../system/index.ts';
import { readBuildId } from '../gather.ts';
import { TRANSITION_MAX_MS } from '../limits.ts';
import type { PatchHost } from './driver.ts';

const RUN_MS = 120_000;
/** A patch goes in or is turned round within twice the time of a transition. */
const LOCK_SECONDS = Math.ceil((2 * TRANSITION_MAX_MS + 30_000) / 1_000);
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** This machine. Needs root for all that changes something. */
export const localPatchHost: PatchHost = {
  async read(path) {
    return orNull(readFile(path, 'utf8'));
  },
  async write(path, text) {
    await writeFile(path, text);
  },
  async list(path) {
    return ((await orNull(readdir(path))) ?? []).sort();
  },
  async put(path, bytes) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, bytes, { mode: 0o600 });
  },
  async remove(path) {
    await rm(path, { force: true });
  },
  async run(file, args) {
    const { code, stdout, stderr } = await runCommand(file, args, { timeoutMs: RUN_MS, env: ENVIRONMENT });
    return { code, output: stdout + stderr };
  },
  async sleep(ms) {
    await sleep(ms);
  },
  alone: (work) => withLock(PATCH_LOCK, work),
  nowMs: () => performance.now(),
  async buildId() {
    return readBuildId(await orNull(readFile('/sys/kernel/notes')));
  },
};

/**
 * flock(1) holds the lock as long as it lives, and it lives as long as its standard input: the kernel frees the lock however
 * this process ends.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, seconds = LOCK_SECONDS): Promise<T | null> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const holder = startChild(
    'flock',
    ['--exclusive', '--wait', String(seconds), '--conflict-exit-code', '75', path, 'sh', '-c', 'echo held; exec cat'],
    { env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] },
  );
  // EPIPE: it has ended, and its code says why.
  holder.stdin.on('error', () => undefined);
  const ended = new Promise<number | string>((resolve, reject) => {
    holder.once('error', reject);
    holder.once('close', (code, signal) => resolve(code ?? signal ?? 'gone'));
  });
  ended.catch(() => undefined);
  try {
    const code = await Promise.race([new Promise<null>((held) => holder.stdout.once('data', () => held(null))), ended]);
    if (code === 75) return null;
    if (code !== null) throw new Error(`flock ${path}: ${code}`);
    return await work();
  } finally {
    holder.stdin.end();
    await ended.catch(() => undefined);
  }
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
