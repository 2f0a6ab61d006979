import type { Digest } from '../../oci/index.ts';
import type { Text } from '../../system/index.ts';

export const SECRET_SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type SecretSeverity = (typeof SECRET_SEVERITIES)[number];

/** A credential in some text: where it lies and which rule saw it. Its value goes nowhere. */
export interface FoundSecret {
  /** Id of the rule: 'github-pat'. */
  readonly rule: string;
  /** From 1; 1 in a file that has no lines, and for a rule that only looks at the name. */
  readonly line: number;
  /** From 1, in bytes. */
  readonly column: number;
  /** See `fingerprint.ts`: tells the same credential again, and tells nobody its value. */
  readonly fingerprint: string;
}

/** Where in an image a credential was found. */
export type SecretSource = 'file' | 'config-env' | 'config-history' | 'config-label' | 'config-command';

/** A credential of an image and its place. */
export interface ImageSecret extends FoundSecret {
  readonly source: SecretSource;
  /** The file; of the configuration the name of the variable or label, or the number of the history entry: 'history 3'. */
  readonly path: string;
  /** Null for what lies in the configuration. */
  readonly layer: Digest | null;
  /** A later layer removes or replaces the file. It still leaks: who has the image has all of its layers. */
  readonly removed: boolean;
}

/** The same for people. */
export interface SecretFinding extends ImageSecret {
  readonly title: Text;
  readonly severity: SecretSeverity;
}
