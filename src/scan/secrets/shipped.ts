import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as RuleFile from './rule-file.ts';
import type { SecretRuleSource, SecretRules } from './rules.ts';

const FOLDER = fileURLToPath(new URL('../../../rules/secrets/', import.meta.url));

/** The files of rules/secrets. A test compares the list with the folder. */
export const SHIPPED_FILES = [
  'keys.toml',
  'clouds.toml',
  'code.toml',
  'messages.toml',
  'money.toml',
  'services.toml',
  'generic.toml',
] as const;

let texts: readonly string[] | null = null;
let shipped: SecretRules | null = null;
let revision: string | null = null;

function readTexts(): readonly string[] {
  texts ??= SHIPPED_FILES.map((name) => readFileSync(FOLDER + name, 'utf8'));
  return texts;
}

/** The rules that come with the platform. */
export const SHIPPED_RULES: SecretRuleSource = {
  get revision() {
    revision ??= createHash('sha256').update(readTexts().join('\0')).digest('hex').slice(0, 16);
    return revision;
  },
  load: () => {
    // With the patterns' compiler behind it, and asked for by few commands.
    const { joinRuleFiles } = createRequire(import.meta.url)('./rule-file.ts') as typeof RuleFile;
    shipped ??= joinRuleFiles(readTexts());
    return shipped;
  },
};
