import { existsSync } from 'node:fs';
import { arch } from 'node:os';

/** Names of Go, which images use, for what Node calls otherwise. */
const NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
/** Names of QEMU for what images call otherwise. */
const EMULATORS: Readonly<Record<string, string>> = {
  ...{ amd64: 'x86_64', arm64: 'aarch64', '386': 'i386' },
};

/** The architecture of this host, as images write it. */
export function ownArchitecture(): string {
  return NAMES[arch()] ?? arch();
}

/** Whether the kernel hands programs of that architecture to an emulator (binfmt_misc; Documentation/admin-guide/binfmt-misc.rst). */
export function hasEmulator(architecture: string): boolean {
  return existsSync(`/proc/sys/fs/binfmt_misc/qemu-${EMULATORS[architecture] ?? architecture}`);
}
