import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../system/index.ts';

const CALL_MS = 30_000;
/** A network namespace's file and Podman 4's name of it (libpod/networking_linux.go, rootlessNetNsName). */
const NAME = /^rootless-netns-[0-9a-f]+$/;

/**
 * Takes away what Podman 4 made by half of the namespace in which an ordinary account has its bridges, so that the next pod
 * has it made anew. Asked for only when Podman itself says so: a whole one would take the network of all pods with it.
 * What could not be taken away shows in Podman's next answer.
 * @param env as Podman is asked everywhere else
 */
export async function dropHalfNetwork(env: Readonly<Record<string, string>>): Promise<void> {
  const folder = join(env['XDG_RUNTIME_DIR'] ?? '', 'netns');
  for (const name of (await readdir(folder)).filter((one) => NAME.test(one))) {
    const path = join(folder, name);
    // It is mounted in Podman's own namespace alone. There, too, a file that somebody has mounted upon anew is not removed.
    for (const words of [
      ['umount', '--lazy', path],
      ['rm', '-f', '--', path],
    ])
      await runCommand('podman', ['unshare', ...words], { env: { ...env }, timeoutMs: CALL_MS });
  }
}
