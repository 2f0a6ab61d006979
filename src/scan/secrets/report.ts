import type { SecretRuleSource } from './rules.ts';
import { type ImageSecret, SECRET_SEVERITIES, type SecretFinding } from './secret.ts';

/** What was found, in words of the rules of today; worst first, what is still there before what was removed. */
export function describeSecrets(secrets: readonly ImageSecret[], source: SecretRuleSource): SecretFinding[] {
  if (secrets.length === 0) return [];
  const byId = new Map(source.load().rules.map((rule) => [rule.id, rule]));
  return secrets
    .map((secret): SecretFinding => {
      const { title = { en: secret.rule, es: secret.rule }, severity = 'high' } = byId.get(secret.rule) ?? {};
      return { ...secret, title, severity };
    })
    .sort(byUrgency);
}

function byUrgency(a: SecretFinding, b: SecretFinding): number {
  const worse = SECRET_SEVERITIES.indexOf(b.severity) - SECRET_SEVERITIES.indexOf(a.severity);
  if (worse !== 0) return worse;
  if (a.removed !== b.removed) return a.removed ? 1 : -1;
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.line - b.line;
}
