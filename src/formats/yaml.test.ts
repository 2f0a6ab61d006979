import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from './errors.ts';
import { parseYaml, parseYamlDocuments, type YamlOptions } from './yaml.ts';

const codeOf = (text: string, options?: YamlOptions): string => {
  try {
    parseYamlDocuments(text, options);
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error.code;
  }
  return 'accepted';
};

const two = `# a comment
apiVersion: v1
metadata:
  name: web
---
---
kind: Service
spec:
  ports:
    - port: 80
    - {port: 443, name: tls}
`;

test('parseYamlDocuments() gives every document and leaves empty ones out', () => {
  const documents = parseYamlDocuments(two);
  assert.deepEqual(
    documents.map((document) => document.value),
    [
      { apiVersion: 'v1', metadata: { name: 'web' } },
      { kind: 'Service', spec: { ports: [{ port: 80 }, { port: 443, name: 'tls' }] } },
    ],
  );
  assert.deepEqual(parseYamlDocuments(''), []);
  assert.deepEqual(parseYamlDocuments('# nothing\n---\n'), []);
});

test('locate() gives line and column of a path, or of the nearest parent', () => {
  const [first, second] = parseYamlDocuments(two);
  assert.deepEqual(first?.locate(['metadata', 'name']), { line: 4, column: 3 });
  assert.deepEqual(first?.locate(['metadata', 'labels', 'app']), { line: 3, column: 1 });
  assert.deepEqual(second?.position, { line: 7, column: 1 });
  assert.deepEqual(second?.locate(['spec', 'ports', 1, 'name']), { line: 11, column: 19 });
  assert.deepEqual(second?.locate(['spec', 'ports', 0]), { line: 10, column: 7 });
});

test('scalars mean what the reader they are for says', () => {
  const text = 'mode: 0644\non: yes\ntime: 12:30\nbig: 0x1F\nnone: ~\ndate: 2024-01-01\nquoted: "yes"';
  assert.deepEqual(parseYaml(text).value, {
    mode: 644,
    on: 'yes',
    time: '12:30',
    big: 31,
    none: null,
    date: '2024-01-01',
    quoted: 'yes',
  });
  assert.deepEqual(parseYaml(text, { scalars: 'kubernetes' }).value, {
    mode: 420,
    true: true,
    time: '12:30',
    big: 31,
    none: null,
    date: '2024-01-01',
    quoted: 'yes',
  });
});

test('what Docker reads: octal numbers, words for yes and no as text, and tags that the reader asks for', () => {
  const text = 'mode: 0440\non: yes\nkept: !reset [1]\nlist: [a, !reset b]\nid: 123456789012345678\n';
  const read = parseYaml(text, { scalars: 'compose', tags: ['!reset'] });
  assert.deepEqual(read.value, { mode: 288, on: 'yes', kept: [1], list: ['a', 'b'], id: '123456789012345678' });
  assert.deepEqual(read.marks, [
    { tag: '!reset', path: ['kept'] },
    { tag: '!reset', path: ['list', 1] },
  ]);
  assert.throws(() => parseYaml(text, { tags: ['!other'] }), /Unresolved tag: !reset/);
  assert.throws(() => parseYaml('a: !reset 1\nb: !bad 2', { tags: ['!reset'] }), /Unresolved tag: !bad/);
});

test('merge keys are understood only on request', () => {
  const text = 'base: &b {a: 1, b: 2}\nuse:\n  <<: *b\n  b: 3\n';
  assert.deepEqual(parseYaml(text, { mergeKeys: true }).value, { base: { a: 1, b: 2 }, use: { a: 1, b: 3 } });
});

test('refused, each with its code', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
    .split('')
    .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(',')}]`)
    .join('\n')}\n`;
  const cases: [string, string, string][] = [
    ['a key twice', 'a: 1\nb: 2\na: 3\n', 'yaml.syntax'],
    ['a key twice in flow', '{a: 1, "a": 2}', 'yaml.syntax'],
    ['bad indentation', 'a:\n  b: 1\n c: 2\n', 'yaml.syntax'],
    ['a tab as indentation', 'a:\n\tb: 1\n', 'yaml.syntax'],
    ['an unknown tag', 'a: !!python/object:os.system x', 'yaml.syntax'],
    ['a list as a key', '? [a]\n: 1', 'yaml.syntax'],
    ['an alias of nothing', 'a: *b', 'yaml.syntax'],
    ['an alias bomb', bomb, 'yaml.alias-limit'],
    [
      '40,000 aliases',
      `[${Array.from({ length: 40_000 }, (_, n) => `&a${n} x,*a${n}`).join(',')}]`,
      'yaml.alias-limit',
    ],
    ['100,000 flow levels', '['.repeat(100_000), 'yaml.depth'],
    ['100,000 block levels', '- '.repeat(100_000), 'yaml.depth'],
    ['100,000 map levels', '{a: '.repeat(100_000), 'yaml.depth'],
    ['501 documents', '--- 1\n'.repeat(501), 'yaml.document-limit'],
    ['above 1 MiB', `a: ${'x'.repeat(1024 * 1024)}`, 'yaml.size'],
  ];
  for (const [name, text, code] of cases) assert.equal(codeOf(text), code, name);
});

test('depth at the limit is read, above it is refused', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  assert.equal(codeOf(nested(20), { maxDepth: 20 }), 'accepted');
  assert.equal(codeOf(nested(60), { maxDepth: 20 }), 'yaml.depth');
});

test('a faulty text is named with line and column', () => {
  assert.throws(
    () => parseYaml('a: 1\nb: [1, 2\nc: 3\n'),
    (error: unknown) => error instanceof FormatError && error.position !== null && error.position.line >= 2,
  );
});

test('100,000s of keys, quotes or dashes is read or refused in linear time', () => {
  const shapes = [
    Array.from({ length: 12_000 }, (_, index) => `k${index}: 1`).join('\n'),
    '- a\n'.repeat(20_000),
    '"'.repeat(100_000),
    `a: ${'&a '.repeat(20_000)}`,
    `[${'a,'.repeat(40_000)}]`,
    '#\n'.repeat(60_000),
    '? '.repeat(40_000),
    `${'- '.repeat(30)}\n`.repeat(2_000),
  ];
  for (const text of shapes) {
    // Of the processor: on a machine with other work the clock says little.
    const before = process.cpuUsage();
    codeOf(text);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 4_000_000, `${text.slice(0, 12)} took ${(user + system) / 1000} ms`);
  }
});

test('yaml: between double quotes an apostrophe may be escaped where Kubernetes reads it, and nowhere else', () => {
  const text = 'a: "it\\\'s \\"x\\" \\\\\' \\u00e9"\nb: "two\n  lines \\\'y\\\'"\nc: plain\n';
  const { value, locate } = parseYaml(text, { scalars: 'kubernetes' });
  assert.deepEqual(value, { a: `it's "x" \\' é`, b: "two lines 'y'", c: 'plain' });
  assert.equal(locate(['c']).line, 4);
  assert.throws(() => parseYaml(text), /escape/);
  assert.throws(() => parseYaml('a: "\\\' \\q"', { scalars: 'kubernetes' }), /escape/);
});

test('what a map of a manifest takes from another is read as Kubernetes does, or refused where YAML would read it otherwise', () => {
  const text = 'x: &a {p: 1, q: 0644}\na:\n  <<: *a\n  p: 2\nb: {<<: [*a, {z: yes}]}\nc: {p: 1, "<<": text}';
  const { value } = parseYaml(text, { scalars: 'kubernetes' });
  const x = { p: 1, q: 420 };
  assert.deepEqual(value, { x, a: { ...x, p: 2 }, b: { ...x, z: true }, c: { p: 1, '<<': 'text' } });
  const late = 'x: &a {p: 1}\na:\n  p: 2\n  <<: *a';
  const position = { line: 4, column: 3 };
  assert.throws(() => parseYaml(late, { scalars: 'kubernetes' }), { code: 'yaml.syntax', position });
  assert.throws(() => parseYaml('a: {<<: text}', { scalars: 'kubernetes' }), { code: 'yaml.syntax' });
});

test('what maps take from others is bounded, however often and however deep they take it', () => {
  const base = `x: &a {${Array.from({ length: 30_000 }, (_, index) => `k${index}: 1`).join(', ')}}\n`;
  const deep = `${'{<<: '.repeat(40)}*a${'}'.repeat(40)}`;
  for (const scalars of ['kubernetes', 'compose'] as const) {
    const options = { scalars, mergeKeys: true };
    assert.equal(codeOf(`${base}y: {<<: *a}\n`, options), 'accepted');
    assert.equal(codeOf(`${base}y:\n${'- {<<: *a}\n'.repeat(100)}`, options), 'yaml.alias-limit', 'often');
    assert.equal(codeOf(`${base}y: ${deep}\n`, options), 'yaml.alias-limit', 'deep');
    assert.equal(codeOf(`${base}y: {<<: [${'*a, '.repeat(100)}]}\n`, options), 'yaml.alias-limit', 'a list');
    const whole = `x: &a {k: &b {${base.slice(7, -2)}}}\ny:\n${'- {<<: *a}\n'.repeat(100)}`;
    assert.equal(codeOf(whole, options), 'yaml.alias-limit', 'below what is taken');
    assert.notEqual(codeOf('x: &a {<<: *a, k: 1}\n', options), 'accepted', 'itself');
  }
  // Where `<<` means nothing it is a key like others.
  assert.equal(codeOf(`${base}y:\n${'- {<<: *a}\n'.repeat(100)}`), 'accepted');
});
