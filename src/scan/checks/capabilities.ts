/** Capabilities of the kernel by their number (linux/capability.h). */
const NAMES =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
   NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
   SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
   BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`.split(/\s+/);

/** Those of a set: 'NET_RAW'. One that this list does not know is told by its number. */
export function capabilityNames(set: number): string[] {
  const names: string[] = [];
  for (let bit = 0, rest = set; rest > 0; bit++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) names.push(NAMES[bit] ?? `CAP_${bit}`);
  }
  return names;
}

/** Those that a container's programs are given for their work, and that open no way to the host. */
const USUAL: ReadonlySet<string> = new Set(['NET_BIND_SERVICE', 'NET_RAW', 'CHOWN', 'KILL', 'IPC_LOCK']);

export function areUsual(names: readonly string[]): boolean {
  return names.every((name) => USUAL.has(name));
}
