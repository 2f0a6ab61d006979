import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand, writeFileAtomic } from '../../system/index.ts';
import { readBuildId } from '../gather.ts';
import type { PatchHost } from './driver.ts';

const RUN_MS = 120_000;
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
  nowMs: () => performance.now(),
  async buildId() {
    return readBuildId(await orNull(readFile('/sys/kernel/notes')));
  },
};

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
