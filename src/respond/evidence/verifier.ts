import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

/** The verifier as one file of JavaScript that needs nothing of the platform. */
export async function standAloneVerifier(): Promise<string> {
  const source = await readFile(join(import.meta.dirname, 'stand-alone.ts'), 'utf8');
  const text = stripTypeScriptTypes(source);
  return `${text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()}\n`;
}
