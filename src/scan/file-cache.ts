import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { analysersRevision } from './analysers/versions.ts';
import { FILE_CACHE_BYTES_MAX } from './limits.ts';
import { scanRevision } from './revision.ts';
import type { LayerCache } from './scan.ts';
import type { SecretRuleSource } from './secrets/rules.ts';
import type { WorkerAnswer } from './worker.ts';

/**
 * What scans without a server learned of layers and images, in the caller's own cache folder: only they can read or
 * change it. A file that is broken or gone is as if it had never been there. Bounded: what was used longest ago goes.
 */
export function fileCache({
  environment = process.env,
  bytesMax = FILE_CACHE_BYTES_MAX,
  secrets = true,
  packages = true,
  rules,
}: {
  environment?: NodeJS.ProcessEnv;
  bytesMax?: number;
  /** Whether credentials are looked for: results without them are others. */
  secrets?: boolean;
  /** Whether packages are: results without them are others too. */
  packages?: boolean;
  /** Which rules look for them. @default those that ship */
  rules?: SecretRuleSource;
} = {}): LayerCache {
  const base = environment['XDG_CACHE_HOME'] || join(environment['HOME'] ?? homedir(), '.cache');
  const folder = join(base, 'darsena', 'scan');
  const whole = secrets ? scanRevision(rules) : `${analysersRevision()}+secrets.off`;
  const revision = packages ? whole : `${whole}+packages.off`;
  const nameOf = (kind: string, parts: readonly string[]): string =>
    join(
      folder,
      `${createHash('sha256')
        .update([revision, ...parts].join('\n'))
        .digest('hex')}.${kind}`,
    );
  const read = async (path: string): Promise<Buffer | null> => {
    try {
      const bytes = await readFile(path);
      const now = new Date();
      // Used now: what the bound removes is by age of this.
      await utimes(path, now, now);
      return bytes;
    } catch {
      // Not there, or not readable: then the layer is read again.
      return null;
    }
  };
  const write = async (path: string, bytes: Uint8Array | string): Promise<void> => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const making = `${path}.${randomBytes(6).toString('hex')}`;
      await writeFile(making, bytes, { mode: 0o600, flag: 'wx' });
      await rename(making, path);
      await bound(folder, bytesMax);
    } catch {
      // A full disk or a folder of somebody else costs time at the next scan, and nothing now.
    }
  };
  return {
    get: (digest, diffId) => read(nameOf('layer', [digest, diffId])),
    put: (digest, diffId, result) => write(nameOf('layer', [digest, diffId]), result),
    getAnswer: async (layers) => {
      const bytes = await read(nameOf('image', layers));
      try {
        return bytes === null ? null : (JSON.parse(bytes.toString()) as WorkerAnswer);
      } catch {
        return null;
      }
    },
    putAnswer: (layers, answer) => write(nameOf('image', layers), JSON.stringify(answer)),
  };
}

async function bound(folder: string, bytesMax: number): Promise<void> {
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name);
      const { size, mtimeMs } = await stat(path);
      return { path, size, mtimeMs };
    }),
  );
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= bytesMax) return;
    await rm(path, { force: true });
    total -= size;
  }
}
