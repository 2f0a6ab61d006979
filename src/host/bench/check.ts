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
  /** How `--fix` mends it; none: that is for a person to decide. */
  readonly fixes: readonly Fix[];
}

/** A change that is safe to make by itself and can be taken back. */
export type Fix =
  | { readonly kind: 'mode'; readonly path: string; readonly mode: number }
  | { readonly kind: 'owner'; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string };

export const text = (en: string, es: string): Text => ({ en, es });

export const SECTIONS = [
  'host',
  'engine',
  'files',
  'images',
  'containers',
  'operations',
  'swarm',
  'enterprise',
  'community',
  'kernel',
] as const;

const SECTION_OF: Readonly<Record<string, (typeof SECTIONS)[number]>> = {
  '1': 'host',
  '2': 'engine',
  '3': 'files',
  '4': 'images',
  '5': 'containers',
  '6': 'operations',
  '7': 'swarm',
  '8': 'enterprise',
  C: 'community',
};

/** A result with its section by its number; a remedy only for what fails. */
export function finish(one: {
  readonly id: string;
  readonly title: Text;
  readonly remedy: Text | null;
  readonly state: CheckState;
  readonly evidence: readonly Text[];
  readonly subjects?: readonly string[];
  readonly fixes?: readonly Fix[];
}): CheckResult {
  const { id, title, remedy, state, evidence, subjects = [], fixes = [] } = one;
  const section = SECTION_OF[id.split('.')[0] ?? ''] ?? 'host';
  return {
    id,
    section,
    title,
    state,
    evidence,
    remedy: state === 'fail' ? remedy : null,
    subjects,
    fixes: state === 'fail' ? fixes : [],
  };
}
