import { analysersRevision } from './analysers/versions.ts';
import { SECRETS_VERSION } from './secrets/analyser.ts';
import type { SecretRuleSource } from './secrets/rules.ts';
import { SHIPPED_RULES } from './secrets/shipped.ts';

/** Who reads layers: results that others left are not used, because these would find other things. */
export function scanRevision(rules: SecretRuleSource = SHIPPED_RULES): string {
  return `${analysersRevision()}+secrets.${SECRETS_VERSION}.${rules.revision}`;
}
