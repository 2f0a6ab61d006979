import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../system/index.ts';
import { admitFault } from './errors.ts';
import { type FindPolicy, type Policy, readPolicy, withParams } from './policy.ts';

/** The folder of the policies that come with the platform. */
export const PRESETS_FOLDER = join(import.meta.dirname, '../../rules/policies');

/** Inside that folder: policies to take rules from, several in a file. */
const LIBRARY = 'library';

/**
 * Reads every policy of a folder, by name; those of its library first, because the others may take rules from them.
 * @throws Fault admit.policy-invalid for the first document that cannot be used
 */
export async function readPolicies(folder: string): Promise<Policy[]> {
  const known = new Map<string, Policy>();
  for (const { file, text } of [...(await readFiles(join(folder, LIBRARY))), ...(await readFiles(folder))]) {
    const policy = readPolicy(text, file, (name) => known.get(name) ?? null);
    known.set(policy.name, policy);
  }
  return [...known.values()];
}

/** Each document of each file, its lines where they are in the file. */
async function readFiles(folder: string): Promise<{ file: string; text: string }[]> {
  const files = (await readdir(folder).catch(ignoreMissing)).filter((file) => file.endsWith('.yaml')).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return files.flatMap((file, index) => {
    let line = 0;
    return (texts[index] ?? '').split(/^---\n/m).map((text) => {
      const placed = '\n'.repeat(line) + text;
      line += text.split('\n').length;
      return { file, text: placed };
    });
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): string[] {
  // A folder of one's own needs no library.
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** Versions of policies that were chosen before, so that the same one is the same object. */
const versions = new WeakMap<Policy, Map<string, Policy>>();

/**
 * A policy by the name that people give: `prod`, `pod-security-restricted@1.27`.
 * @param values of its parameters
 * @throws Fault admit.policy-unknown, admit.param-invalid
 */
export function selectPolicy(find: FindPolicy, name: string, values: Readonly<Record<string, Json>> = {}): Policy {
  const [base = '', version] = name.split('@', 2);
  const policy = find(base);
  if (policy === null) throw admitFault('admit.policy-unknown', { policy: base });
  const isPlain = Object.keys(values).length === 0;
  if (isPlain && version === undefined) return policy;
  const known = isPlain ? versions.get(policy)?.get(name) : undefined;
  if (known !== undefined) return known;
  try {
    const chosen = withParams(policy, { ...values, ...(version === undefined ? {} : { version }) });
    // There are some dozens of versions of a policy, and as many entries at most.
    if (isPlain) versions.set(policy, (versions.get(policy) ?? new Map<string, Policy>()).set(name, chosen));
    return chosen;
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    throw admitFault('admit.param-invalid', { policy: base, reason: error.message });
  }
}
