import type { ContainerGuard } from '../../prevent/guard.ts';

/** A container to guard: what is forbidden in it, and a process through which its mounts are seen. */
export interface WardenWord {
  readonly guard: ContainerGuard;
  /** Of its main process. */
  readonly pid: number;
  /** Whether programs that are not in the image are asked about here, and not by the kernel's own programs. */
  readonly drift: boolean;
  /**
   * Whether the kernel's own programs are told which copies in the writable layer have the bytes of the image: they know only that
   * a file was copied there.
   */
  readonly vouch: boolean;
  /** Places in `guard.commands` and `guard.files` that are asked about here. */
  readonly commands: readonly number[];
  readonly files: readonly number[];
}

export type ToWarden = { readonly type: 'guards'; readonly guards: readonly WardenWord[] };

export interface WardenMet {
  readonly type: 'met';
  readonly containerId: string;
  readonly rule: number;
  readonly act: 'exec' | 'open';
  readonly outcome: 'blocked' | 'reported';
  readonly path: string;
  /** The answer came too late and was the one that the policy names for that. */
  readonly late: boolean;
  readonly at: string;
  readonly process: {
    readonly pid: number;
    readonly ppid: number;
    readonly name: string;
    readonly exe: string;
    readonly cmdline: string;
    readonly cwd: string;
    readonly uid: number;
  };
  readonly ancestors: readonly {
    readonly pid: number;
    readonly name: string;
    readonly exe: string;
    readonly cmdline: string;
  }[];
}

export type FromWarden =
  | { readonly type: 'ready'; readonly why: string | null }
  /** What of a container is guarded now; `why` names what is not. */
  | {
      readonly type: 'guarded';
      readonly containerId: string;
      readonly why: string | null;
      readonly drift: string | null;
    }
  | WardenMet
  | { readonly type: 'alive' };
