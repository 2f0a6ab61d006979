import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
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

/**
 * The same of a file on this machine; `extend.path` counts from its folder.
 *
 * @param within the folder that it and what it extends must lie in; null: who named the file trusts it
 */
export function readOwnRules(path: string, within: string | null = null): OwnSecretRules {
  const read = (one: string): string => readKnowledge(one, within, RULE_FILE_MAX_BYTES);
  return ownSecretRules(read(path), (other) => read(resolve(dirname(path), other)));
}

/**
 * The text of a file that tells the scanner something.
 *
 * @param within the folder that it must lie in; null: who named the file trusts it
 * @throws RuleFileError
 */
export function readKnowledge(path: string, within: string | null, maxBytes: number): string {
  if (within !== null) requireInside(path, within);
  const found = statSync(path);
  if (!found.isFile() && within !== null) throw new RuleFileError(`${path} is no file`);
  if (found.size > maxBytes) throw new RuleFileError(`${path} has ${found.size} bytes, the limit is ${maxBytes}`);
  const bytes = readFileSync(path);
  if (bytes.length > maxBytes) throw new RuleFileError(`${path} has ${bytes.length} bytes, the limit is ${maxBytes}`);
  return bytes.toString('utf8');
}

/** What a stranger's source says of itself leads to no file outside of it, to no device and to no pipe. */
function requireInside(path: string, within: string): void {
  const real = realpathSync(path);
  const way = relative(realpathSync(within), real);
  if (way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) {
    throw new RuleFileError(`${path} lies outside of ${within}`);
  }
}

/** Whether an error is about the file, and not about us. */
export function isRuleFileError(error: unknown): error is Error {
  return error instanceof RuleFileError || error instanceof FormatError || (error instanceof Error && 'code' in error);
}
