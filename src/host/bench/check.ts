import type { Text } from '../../system/index.ts';

/** `not-determinable`: it can be asked, and this machine does not let it be seen. */
export const CHECK_STATES = ['fail', 'not-determinable', 'pass', 'not-applicable'] as const;
export type CheckState = (typeof CHECK_STATES)[number];

/** What a check came to on one machine. */
export interface CheckResult {
  /** '5.5' of the container benchmark; 'kernel.CONFIG_BUG'; 'host.…'. */
  readonly id: string;
  readonly section: string;
  readonly title: Text;
  readonly state: CheckState;
  readonly evidence: readonly Text[];
  readonly remedy: Text | null;
  /** What fails it, by name: containers, images, files. */
  readonly subjects: readonly string[];
  /** How `--fix` mends it; null: that is for a person to decide. */
  readonly fix: Fix | null;
}

/** A change that is safe to make by itself and can be taken back. */
export type Fix =
  | { readonly kind: 'mode'; readonly path: string; readonly mode: number }
  | { readonly kind: 'owner'; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string };

export const text = (en: string, es: string): Text => ({ en, es });
