import { scanFault } from '../errors.ts';
import { findSecretsInText, IncompleteScan } from '../scan.ts';
import { TRY_TIMEOUT_MS } from '../secrets/limits.ts';
import { isRuleFileError, ownSecretRules } from '../secrets/own-rules.ts';
import type { SecretRuleSource } from '../secrets/rules.ts';
import type { SecretFinding } from '../secrets/secret.ts';
import { type RuleFiles, type ToldRefusal, tellRefused } from './rule-files.ts';

/** What rules would find in a text. Values are not in it. */
export interface TriedRules {
  /** Whose rules were tried: those given, the project's own, the platform's. */
  readonly of: 'given' | 'project' | 'platform';
  readonly rules: number;
  /** Rules of it that are not used, with the reason. */
  readonly refused: readonly ToldRefusal[];
  readonly findings: readonly Pick<SecretFinding, 'rule' | 'title' | 'severity' | 'line' | 'column'>[];
}

/** Refused rules that are told; how many there are is seen when the file is given. */
const REFUSED_MAX = 100;

/**
 * Tries rules for credentials on a text, without keeping either.
 *
 * @param asked `rules` null: those that count in the project now; `base`: the platform's
 * @throws Fault scan.rules-invalid
 */
export async function trySecretRules(
  files: Pick<RuleFiles, 'projectSecretRules'>,
  asked: {
    readonly project: string;
    readonly base: SecretRuleSource;
    readonly text: string;
    readonly path: string;
    readonly rules: string | null;
  },
): Promise<TriedRules> {
  const { project, base, text, path } = asked;
  const own = asked.rules === null ? await files.projectSecretRules(project, base) : givenRules(asked.rules, base);
  const rules = own ?? base;
  const found = await findSecretsInText({ path, text }, rules, { timeoutMs: TRY_TIMEOUT_MS }).catch(
    (cause: unknown) => {
      if (!(cause instanceof IncompleteScan)) throw cause;
      throw scanFault('scan.rules-invalid', { name: path, why: cause.reason }, { cause });
    },
  );
  return {
    of: asked.rules !== null ? 'given' : own === null ? 'platform' : 'project',
    rules: rules.load().rules.length,
    refused: tellRefused(own?.refused.slice(0, REFUSED_MAX) ?? []),
    findings: found.map(({ rule, title, severity, line, column }) => ({ rule, title, severity, line, column })),
  };
}

function givenRules(text: string, base: SecretRuleSource): ReturnType<typeof ownSecretRules> {
  try {
    return ownSecretRules(text, null, base);
  } catch (cause) {
    if (!isRuleFileError(cause)) throw cause;
    throw scanFault('scan.rules-invalid', { name: 'rules', why: cause.message }, { cause });
  }
}
