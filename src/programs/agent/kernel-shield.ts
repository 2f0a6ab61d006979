import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CallList,
  type HostFeed,
  localPatchHost,
  narrowProfile,
  type SeccompProfile,
  ShieldKeeper,
  type ShieldTask,
  tightenProfile,
} from '../../host/index.ts';
import type { KernelShut } from '../../observe/index.ts';
import { type Clock, type Json, writeFileAtomic } from '../../system/index.ts';
import { type TrustPolicy, unpackSignatures } from '../../trust/index.ts';

/** Where Podman's own filter lies, as containers-common puts it: the administrator's before the package's. */
const PROFILES = ['/etc/containers/seccomp.json', '/usr/share/containers/seccomp.json'];

export function shieldKeeper(clock: Clock, feed: HostFeed, shut: KernelShut | null): ShieldKeeper {
  return new ShieldKeeper(
    localPatchHost,
    () => clock.now().toISOString(),
    () => feed.standing,
    shut,
  );
}

/** Does what control asks about one entry of the feed, or takes a newer feed; what that is stands in the feed that this host believes. */
export async function changeShield(
  task: ShieldTask,
  { keeper, feed, trust, clock }: { keeper: ShieldKeeper; feed: HostFeed; trust: TrustPolicy; clock: Clock },
): Promise<Json> {
  if (task.change === 'feed') {
    const bytes = Buffer.from(task.feed, 'base64');
    return feed.take(bytes, unpackSignatures(task.signatures), { trust, clock });
  }
  const found = task.change === 'try' ? await keeper.tryOut(task.entry) : await keeper[task.change](task.entry);
  return JSON.parse(JSON.stringify(found)) as Json;
}

/**
 * The filter that a container starts with: the one that it would have had, less what the shield denies, and of the rest only
 * what the container is narrowed to. Null: as it is. A filter that cannot be read is no start: a container without any would
 * have more than before.
 * @param keeper null: this host has no shield
 */
export async function startFilter(
  keeper: Pick<ShieldKeeper, 'seccomp'> | null,
  folder: string,
  own: string | null,
  calls: CallList | null,
): Promise<string | null> {
  const controls = (await keeper?.seccomp()) ?? [];
  if (controls.length === 0 && calls === null) return null;
  const profile = JSON.parse(await readProfile(own === null ? PROFILES : [own])) as SeccompProfile;
  const narrowed = calls === null ? profile : narrowProfile(profile, calls);
  const text = JSON.stringify(controls.length === 0 ? narrowed : tightenProfile(narrowed, controls));
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
