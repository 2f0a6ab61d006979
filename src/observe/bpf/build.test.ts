import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, compilerVersion, TARGETS, VERSION_FILE } from './build.ts';

function missingCompiler(): string | false {
  try {
    const here = compilerVersion();
    const then = readFileSync(VERSION_FILE, 'utf8');
    return here === then ? false : `the committed objects were built with another compiler: ${then.trim()}`;
  } catch (error) {
    return `no compiler: ${error instanceof Error ? error.message : ''}`;
  }
}

test('the committed BPF objects are what the sources give', { skip: missingCompiler() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-bpf-'));
  try {
    for (const processor of Object.keys(TARGETS)) {
      const output = join(folder, `${processor}.o`);
      compile(processor, output);
      const committed = readFileSync(join(import.meta.dirname, `sensor.${processor}.bpf.o`));
      assert.ok(committed.equals(readFileSync(output)), `sensor.${processor}.bpf.o differs: npm run build:bpf`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
