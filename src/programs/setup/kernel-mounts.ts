import { statfs } from 'node:fs/promises';
import { runCommand } from '../../system/index.ts';

/** A file system of the kernel that systemd mounts at boot, and a smaller machine may not. */
interface KernelMount {
  readonly type: 'tracefs' | 'bpf';
  readonly folder: string;
  /** include/uapi/linux/magic.h */
  readonly magic: number;
}

/** The sensor finds calls by the first, and what it leaves in the kernel by the second. */
const KERNEL_MOUNTS: readonly KernelMount[] = [
  { type: 'tracefs', folder: '/sys/kernel/tracing', magic: 0x74726163 },
  { type: 'bpf', folder: '/sys/fs/bpf', magic: 0xcafe4a11 },
];
const MOUNT_TIMEOUT_MS = 10_000;

/** Those that this kernel has a place for and that are not there. */
export async function missingKernelMounts(): Promise<KernelMount[]> {
  const missing: KernelMount[] = [];
  for (const mount of KERNEL_MOUNTS) {
    const type = await statfs(mount.folder).then(
      (found) => found.type,
      // A kernel that was built without it has no folder for it.
      () => mount.magic,
    );
    if (type !== mount.magic) missing.push(mount);
  }
  return missing;
}

/**
 * Mounts them as systemd does. Needs CAP_SYS_ADMIN.
 *
 * @returns those that are there now, and the system's words about the first that could not be mounted
 */
export async function mountKernelFilesystems(): Promise<{
  readonly mounted: string[];
  readonly failure: string | null;
}> {
  const mounted: string[] = [];
  let failure: string | null = null;
  for (const { type, folder } of await missingKernelMounts()) {
    const args = ['-t', type, '-o', 'nosuid,nodev,noexec', type, folder];
    const { code, stderr } = await runCommand('mount', args, { timeoutMs: MOUNT_TIMEOUT_MS });
    if (code === 0) mounted.push(folder);
    else failure ??= stderr.trim() || `mount ${type}: ${code}`;
  }
  return { mounted, failure };
}
