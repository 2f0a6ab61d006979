import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FormatError } from '../../formats/index.ts';
import { RULE_FILE_MAX_BYTES } from './limits.ts';
import { RuleFileError, readRuleFile } from './rule-file.ts';
import type { SecretRuleSource, SecretRules } from './rules.ts';
import { SHIPPED_RULES } from './shipped.ts';

/** A rule or allow-list of somebody's file that is not used. */
export interface RefusedRule {
  readonly rule: string;
  readonly why: string;
}

/** Rules of somebody's own, read and checked. */
export interface OwnSecretRules extends SecretRuleSource {
  readonly rules: number;
  readonly refused: readonly RefusedRule[];
}

/**
 * Reads a file in gitleaks' format. What it refuses by rule is in `refused`; what is no such file at all is an error.
 *
 * @param read gives the file that `extend.path` names; null: it may name none
 * @param base the rules that `extend.useDefault` means
 * @throws RuleFileError, FormatError
 */
export function ownSecretRules(
  text: string,
  read: ((path: string) => string) | null,
  base: SecretRuleSource = SHIPPED_RULES,
): OwnSecretRules {
  const refused: RefusedRule[] = [];
  const parts = [text];
  const rules: SecretRules = readRuleFile(text, {
    shipped: () => base.load(),
    read: (path) => {
      if (read === null)
        throw new RuleFileError('extend.path names a file that is not here; give all rules in one file');
      const more = read(path);
      parts.push(more);
      return more;
    },
    refused: (rule, why) => refused.push({ rule, why }),
  });
  const revision = createHash('sha256')
    .update([base.revision, ...parts].join('\0'))
    .digest('hex')
    .slice(0, 16);
  return { revision, load: () => rules, rules: rules.rules.length, refused };
}

/** The same of a file on this machine; `extend.path` counts from its folder. */
export function readOwnRules(path: string): OwnSecretRules {
  return ownSecretRules(readText(path), (other) => readText(resolve(dirname(path), other)));
}

function readText(path: string): string {
  const bytes = readFileSync(path);
  if (bytes.length > RULE_FILE_MAX_BYTES) {
    throw new RuleFileError(`${path} has ${bytes.length} bytes, the limit is ${RULE_FILE_MAX_BYTES}`);
  }
  return bytes.toString('utf8');
}

/** Whether an error is about the file, and not about us. */
export function isRuleFileError(error: unknown): error is Error {
  return error instanceof RuleFileError || error instanceof FormatError || (error instanceof Error && 'code' in error);
}
