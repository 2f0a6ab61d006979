import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  localPatchHost,
  type SeccompProfile,
  ShieldKeeper,
  type ShieldTask,
  tightenProfile,
} from '../../host/index.ts';
import { type Clock, type Json, writeFileAtomic } from '../../system/index.ts';

/** Where Podman's own filter lies, as containers-common puts it: the administrator's before the package's. */
const PROFILES = ['/etc/containers/seccomp.json', '/usr/share/containers/seccomp.json'];

export function shieldKeeper(clock: Clock): ShieldKeeper {
  return new ShieldKeeper(localPatchHost, () => clock.now().toISOString());
}

/** Does what control asks about one entry of the feed; what that is stands in this host's own code. */
export async function changeShield(task: ShieldTask, keeper: ShieldKeeper): Promise<Json> {
  const found = task.change === 'try' ? await keeper.tryOut(task.entry) : await keeper[task.change](task.entry);
  return JSON.parse(JSON.stringify(found)) as Json;
}

/**
 * The filter that a container starts with while the shield denies system calls: the one that it would have had, less those.
 * Null: as it is. A filter that cannot be read is no start: a container without any would have more than before.
 */
export async function shieldProfile(keeper: ShieldKeeper, folder: string, own: string | null): Promise<string | null> {
  const controls = await keeper.seccomp();
  if (controls.length === 0) return null;
  const profile = JSON.parse(await readProfile(own === null ? PROFILES : [own])) as SeccompProfile;
  const text = JSON.stringify(tightenProfile(profile, controls));
  const path = join(folder, `${createHash('sha256').update(text).digest('hex').slice(0, 32)}.json`);
  await writeFileAtomic(path, text, { mode: 0o644 });
  return path;
}

async function readProfile(paths: readonly string[]): Promise<string> {
  for (const [at, path] of paths.entries()) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || at === paths.length - 1) throw error;
    }
  }
  throw new Error('no filter is named');
}
