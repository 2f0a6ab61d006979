import type { HostMount } from './mounts.ts';

/** What is known of a process. Made at exec or fork, or read from /proc for one that was there before the sensor. */
export interface ProcessFacts {
  readonly pid: number;
  /** CLOCK_BOOTTIME, ns; with the pid it names the process for ever. Zero when unknown. */
  readonly startedNs: number;
  readonly ppid: number;
  readonly parentStartedNs: number;
  /** As the kernel calls it: at most 15 bytes. */
  name: string;
  /** The kernel's name of the parent at the time, for when the parent is already gone. */
  readonly parentName: string;
  /** The first argument. */
  readonly exe: string;
  readonly exePath: string;
  /** Without the first. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly loginUid: number;
  readonly tty: number;
  readonly session: number;
  readonly innerPid: number;
  readonly exeFlags: number;
  readonly exeInode: number;
  readonly exeChangedNs: number;
  readonly exeModifiedNs: number;
  readonly capabilities: { readonly inheritable: bigint; readonly permitted: bigint; readonly effective: bigint };
  /** Wall clock of the last exec (or of the start), ns since 1970. */
  readonly execTimeNs: number;
}

/** What a process can be asked while it lives; each is asked for when it is first wanted, and null when the process is gone. */
export interface LivingFacts {
  /** `NAME=value` with a NUL after each, as it was when the program started. */
  readonly environment: string | null;
  /** Whether it is longer than what is read of one. */
  readonly isEnvironmentCut: boolean;
  /** The process group, as the host and as its own pid namespace count. */
  readonly group: number | null;
  readonly innerGroup: number | null;
  /** Its arguments as they are now; many servers write there what a process of theirs does. */
  readonly commandLine: string | null;
  /** Whether the file that it was started from is gone by now; one in memory alone never was there. */
  readonly isProgramDeleted?: boolean;
  /** Whether the file that it was started from, as these facts say, has the bytes that the image has; false when that is not sure. */
  isOfImage(process: ProcessFacts, containerId: string, mountNamespace: number): boolean;
  /** What of the host's files it sees in its container. */
  readonly mounts?: readonly HostMount[] | null;
}

/** What the agent says of a container. Text members of a container nobody told us of are null. */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string | null;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  readonly image: string | null;
  readonly digest: string | null;
}

/** Answers about the neighbourhood of an event. The process table is one; a test or a recording may be another. */
export interface Surroundings {
  /** The parent, or undefined when it was never seen. */
  parentOf(process: ProcessFacts): ProcessFacts | undefined;
  /** The process of that number, or undefined when it was never seen. */
  processOf(pid: number): ProcessFacts | undefined;
  /** The name of a user of the host, or null. */
  userName(uid: number): string | null;
  /** The name of a group of the host, or null. */
  groupName(gid: number): string | null;
  /** Those of the names that rules speak of which lead to the address; a recording knows none. */
  namesOf?(address: string): readonly string[];
  /** What only a living process can be asked; null when it has ended. */
  ask(pid: number): LivingFacts | null;
  /** Wall clock minus CLOCK_MONOTONIC, ns. */
  readonly wallOffsetNs: number;
  /** CLOCK_BOOTTIME minus CLOCK_MONOTONIC, ns. */
  readonly bootOffsetNs: number;
}
