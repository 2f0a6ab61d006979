import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileBytes } from './files.ts';

test('a file that cannot be opened is told to who reads it, however late', async () => {
  const bytes = readFileBytes('/nowhere/at all');
  await new Promise((resolve) => setTimeout(resolve, 10));
  await assert.rejects(bytes.next(), { code: 'ENOENT' });
});
