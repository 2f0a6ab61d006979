import type { SecretRuleSource, SecretRules } from '../secrets/rules.ts';
import { SHIPPED_RULES } from '../secrets/shipped.ts';
import type { RuleFiles } from './rule-files.ts';

/** The rules for credentials as they are now: somebody's own, or those that ship. */
export class CurrentSecretRules implements SecretRuleSource {
  readonly #files: Pick<RuleFiles, 'secretRules'>;
  #rules: SecretRuleSource = SHIPPED_RULES;

  constructor(files: Pick<RuleFiles, 'secretRules'>) {
    this.#files = files;
  }

  get revision(): string {
    return this.#rules.revision;
  }

  load(): SecretRules {
    return this.#rules.load();
  }

  /** To be called at the start and after each change. */
  async refresh(): Promise<void> {
    this.#rules = (await this.#files.secretRules()) ?? SHIPPED_RULES;
  }
}
