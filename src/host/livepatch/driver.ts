import type { Text } from '../../system/index.ts';

/** A live patch as a driver sees it in force. */
export interface PatchState {
  readonly name: string;
  /** `transition`: tasks are still in the old code, or still in the new one on the way back. */
  readonly state: 'on' | 'off' | 'transition';
  readonly cves: readonly string[];
}

/** What a driver is asked to bring into force. The in-kernel driver needs the module, vendors' tools fetch their own. */
export interface PatchOrder {
  readonly name: string;
  /** The signed module; null for drivers that fetch it by themselves. */
  readonly module: Uint8Array | null;
  /** GNU build ids of the kernels that it was made for. */
  readonly buildIds: readonly string[];
  readonly cves: readonly string[];
  /** Digest of the artifact that it came from. */
  readonly digest: string | null;
}

/**
 * One way to mend a running kernel. A driver never leaves a machine half-way unknown: after each call the state is what
 * `list` says, and what was begun is written down before it is done.
 */
export interface LivePatchDriver {
  readonly kind: 'livepatch' | 'kpatch' | 'kernelcare' | 'canonical-livepatch';
  /** Null: it can be used here; else why not. */
  unusable(): Promise<Text | null>;
  list(): Promise<readonly PatchState[]>;
  /** Answers when the patch is fully in force. @throws Fault host.patch-… */
  apply(order: PatchOrder): Promise<void>;
  /** Answers when none of it is left. @throws Fault host.patch-… */
  revert(name: string): Promise<void>;
}

/** The machine that is mended: its files and programs. The agent's own, or a virtual one in the laboratory. */
export interface PatchHost {
  /** Null when it is not there. */
  read(path: string): Promise<string | null>;
  /** @throws Error with the kernel's errno as `code` when it refuses */
  write(path: string, text: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  /** Puts a file where only root reads and changes it. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
  run(file: string, args: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
  sleep(ms: number): Promise<void>;
  /**
   * Does the work while no other program of this machine does such work: the agent and a command line may be told the same
   * at the same moment. Null: another one still does. Absent: there is no other.
   */
  alone?<T>(work: () => Promise<T>): Promise<T | null>;
  nowMs(): number;
  /** Hexadecimal GNU build id of the running kernel. */
  buildId(): Promise<string | null>;
}
