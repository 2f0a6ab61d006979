import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Policy, readPolicy } from './policy.ts';

/** The folder of the policies that come with the platform. */
export const PRESETS_FOLDER = join(import.meta.dirname, '../../rules/policies');

/**
 * Reads every policy of a folder, by name.
 * @throws Fault admit.policy-invalid for the first document that cannot be used
 */
export async function readPolicies(folder: string): Promise<Policy[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort();
  return Promise.all(files.map(async (file) => readPolicy(await readFile(join(folder, file), 'utf8'), file)));
}
