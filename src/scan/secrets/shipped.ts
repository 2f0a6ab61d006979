import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keptBundle } from '../../system/index.ts';
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
    shipped ??= keptRules() ?? readRules();
    return shipped;
  },
};

function readRules(): SecretRules {
  // With the patterns' compiler behind it, and asked for by few commands.
  const { joinRuleFiles } = createRequire(import.meta.url)('./rule-file.ts') as typeof RuleFile;
  return joinRuleFiles(readTexts());
}

const KEPT_FILE = 'secret-rules.json';

/** Reading the rules takes longer than all else that a scan does before it begins, so what comes of it lies in its bundle. */
export function keepShippedRules(folder: string): void {
  const kept = { revision: SHIPPED_RULES.revision, rules: readRules() };
  writeFileSync(join(folder, KEPT_FILE), JSON.stringify(kept), { mode: 0o644 });
}

/** A bundle is as old as no source of it, and so is what its sources made of these texts. */
function keptRules(): SecretRules | null {
  try {
    const folder = keptBundle('scan-cli')?.folder;
    if (folder === undefined) return null;
    const kept = JSON.parse(readFileSync(join(folder, KEPT_FILE), 'utf8')) as { revision: string; rules: SecretRules };
    return kept.revision === SHIPPED_RULES.revision ? kept.rules : null;
  } catch {
    return null;
  }
}
