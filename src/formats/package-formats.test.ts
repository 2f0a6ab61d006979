import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from './errors.ts';
import { parseToml } from './toml.ts';

// The formats that package managers and compilers write, in one file: a test file is a process.

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error.code;
  }
  return 'accepted';
};

test('parseToml() gives plain JSON values', () => {
  const text = `title = 'a'\nwhen = 1979-05-27\nratio = 1.5\n[[rules]]\nid = "x"\nregex = '''\\d+'''\n[rules.allowlist]\npaths = ["a", "b"]\n`;
  assert.deepEqual(parseToml(text), {
    title: 'a',
    when: '1979-05-27',
    ratio: 1.5,
    rules: [{ id: 'x', regex: '\\d+', allowlist: { paths: ['a', 'b'] } }],
  });
});

test('parseToml() is bounded, says where, and keeps __proto__ data', () => {
  assert.equal(
    codeOf(() => parseToml(`a = ${'['.repeat(100_000)}`)),
    'toml.syntax',
  );
  assert.equal(
    codeOf(() => parseToml(`${'a.'.repeat(100_000)}a = 1`)),
    'toml.depth',
  );
  assert.equal(
    codeOf(() => parseToml('a = 1', { maxBytes: 5 })),
    'accepted',
  );
  assert.equal(
    codeOf(() => parseToml('a = 1', { maxBytes: 4 })),
    'toml.size',
  );
  assert.equal(
    codeOf(() => parseToml('a = 1\na = 2')),
    'toml.syntax',
  );
  assert.throws(() => parseToml('a = 1\nb = ?'), { position: { line: 2, column: 5 } });
  const table = parseToml('[__proto__]\npolluted = true');
  assert.equal(Object.getPrototypeOf(table), Object.prototype);
  assert.equal('polluted' in {}, false);
});
