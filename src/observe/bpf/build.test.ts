import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, compilerVersion, SOURCES, TARGETS, VERSION_FILE } from './build.ts';

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
    for (const [source, processor] of SOURCES.flatMap((one) =>
      Object.keys(TARGETS).map((two) => [one, two] as const),
    )) {
      const output = join(folder, `${source}.${processor}.o`);
      compile(source, processor, output);
      const name = `${source}.${processor}.bpf.o`;
      const committed = readFileSync(join(import.meta.dirname, name));
      assert.ok(committed.equals(readFileSync(output)), `${name} differs: npm run build:bpf`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
