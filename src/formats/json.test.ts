import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from './errors.ts';
import { parseStrictJson } from './json.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error.code;
  }
  return 'accepted';
};

test('parseStrictJson() reads what JSON.parse reads', () => {
  for (const text of [
    '{}',
    '[]',
    'null',
    '"a:b"',
    '{"a":{"a":1},"b":["a","a"]}',
    ' {"a" : "b\\"c\\\\"} ',
    '[{"a":1},{"a":2}]',
  ]) {
    assert.deepEqual(parseStrictJson(bytes(text)), JSON.parse(text), text);
  }
});

test('parseStrictJson() refuses what two readers could read in two ways', () => {
  const cases: [string, string | Uint8Array, string][] = [
    ['a key twice', '{"a":1,"a":2}', 'json.duplicate-key'],
    ['a key twice, far apart', '{"a":{"x":[1,2,{"a":1}]},"b":1,"a":2}', 'json.duplicate-key'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":2}', 'json.duplicate-key'],
    ['a key twice, colon far away', '{"a" \n\t :1,"a"  :2}', 'json.duplicate-key'],
    ['a byte order mark', '\ufeff{}', 'json.byte-order-mark'],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), 'json.encoding'],
    ['overlong UTF-8', new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 'json.encoding'],
    ['text after the value', '{} {}', 'json.syntax'],
    ['an unfinished string', '{"a', 'json.syntax'],
    ['a comment', '{/**/}', 'json.syntax'],
    ['nothing', '', 'json.syntax'],
  ];
  for (const [name, input, code] of cases) {
    assert.equal(
      codeOf(() => parseStrictJson(typeof input === 'string' ? bytes(input) : input)),
      code,
      name,
    );
  }
});

test('parseStrictJson() limits: at the limit is read, above it is refused', () => {
  const nested = (depth: number) => bytes('['.repeat(depth) + ']'.repeat(depth));
  assert.equal(
    codeOf(() => parseStrictJson(nested(64))),
    'accepted',
  );
  assert.equal(
    codeOf(() => parseStrictJson(nested(65))),
    'json.depth',
  );
  assert.equal(
    codeOf(() => parseStrictJson(nested(100_000))),
    'json.depth',
  );
  assert.equal(
    codeOf(() => parseStrictJson(bytes('"12345678"'), { maxBytes: 10 })),
    'accepted',
  );
  assert.equal(
    codeOf(() => parseStrictJson(bytes('"123456789"'), { maxBytes: 10 })),
    'json.size',
  );
});

test('parseStrictJson() says where', () => {
  assert.throws(
    () => parseStrictJson(bytes('{\n "a": 1,\n "a": 2}')),
    (error: unknown) => {
      assert.ok(error instanceof FormatError);
      assert.deepEqual(error.position, { line: 3, column: 2 });
      return true;
    },
  );
});

test('a __proto__ key stays data', () => {
  const value = parseStrictJson(bytes('{"__proto__":{"polluted":true}}'));
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});
