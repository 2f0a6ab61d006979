import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFormatError } from './error-words.ts';
import { FormatError } from './errors.ts';
import { parseYamlDocuments, writeYaml, type YamlOptions } from './yaml.ts';

const errorOf = (text: string, options: YamlOptions = { scalars: 'kubernetes' }): FormatError => {
  try {
    parseYamlDocuments(text, options);
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error;
  }
  return assert.fail(`accepted: ${text}`);
};

const codeOf = ({ cause }: FormatError): string => (cause as { code?: string } | undefined)?.code ?? '';

/** A text, the code of the library that it brings forth, its place, and what is said in Spanish. */
const FAULTS: readonly (readonly [text: string, code: string, place: string, spanish: RegExp])[] = [
  ['a: &x 1\nb: &y *x', 'ALIAS_PROPS', '2:7', /un alias \(\*nombre\) no puede llevar/],
  ['a: & 1', 'BAD_ALIAS', '1:4', /falta el nombre del ancla/],
  ['a: * 1', 'BAD_ALIAS', '1:4', /falta el nombre del alias tras \*/],
  ['a: &x 1\nb: *x:', 'BAD_ALIAS', '2:6', /es ambiguo/],
  ['%YAML 9.9 x\n---\na: 1', 'BAD_DIRECTIVE', '1:1', /%YAML lleva exactamente una parte/],
  ['%TAG x\n---\na: 1', 'BAD_DIRECTIVE', '1:1', /%TAG lleva exactamente dos partes/],
  ['%YAML 9.9\n---\na: 1', 'BAD_DIRECTIVE', '1:7', /no se admite la versión 9\.9/],
  ['%FOO bar\n---\na: 1', 'BAD_DIRECTIVE', '1:1', /no existe la directiva %FOO/],
  ['a: "C:\\dir"', 'BAD_DQ_ESCAPE', '1:7', /no existe el escape \\d/],
  ['a:\n  b: 1\n c: 2\n', 'BAD_INDENT', '3:1', /todas las claves de un mapa deben empezar en la misma columna/],
  ['a:\n  - b\n- d', 'BLOCK_AS_IMPLICIT_KEY', '3:1', /una lista no puede ser la clave/],
  ['a: |\n b\nc: [1,\n2\n', 'BAD_INDENT', '', /falta el cierre \]/],
  ['a: @b', 'BAD_SCALAR_START', '1:4', /no puede empezar por @/],
  ['a: `b`', 'BAD_SCALAR_START', '1:4', /no puede empezar por `/],
  ['a: %b', 'BAD_SCALAR_START', '1:4', /no puede empezar por %/],
  ['a: b: c', 'BLOCK_AS_IMPLICIT_KEY', '1:4', /un segundo «: » dentro de un valor/],
  ['a: [\n  - b\n]', 'BLOCK_IN_FLOW', '2:3', /dentro de \[ \] o \{ \} no puede haber listas con guiones/],
  [`${'k'.repeat(1030)}: 1`, 'KEY_OVER_1024_CHARS', '1:1', /más de 1024 caracteres/],
  ['a: "b"#c', 'MISSING_CHAR', '1:7', /antes de # falta un espacio/],
  ['a: [b c: d]e', 'UNEXPECTED_TOKEN', '1:12', /sobra algo/],
  ['a: {b: 1 c: 2}', 'BLOCK_IN_FLOW', '1:8', /¿falta una coma o el cierre/],
  ['a: ["b" "c"]', 'MISSING_CHAR', '1:9', /falta una coma/],
  ['[a, b', 'MISSING_CHAR', '1:6', /falta el cierre \]/],
  ['a: {b: 1', 'BAD_INDENT', '1:9', /falta el cierre \}/],
  ['a: 1\nb\nc: 2', 'MISSING_CHAR', '2:1', /faltan los dos puntos y un espacio tras una clave/],
  ['- a\nb\n', 'UNEXPECTED_TOKEN', '2:1', /sobra algo/],
  ['a: "b', 'MISSING_CHAR', '1:6', /faltan las comillas de cierre \("\)/],
  ["a: 'b", 'MISSING_CHAR', '1:6', /faltan las comillas de cierre \('\)/],
  ['--- a: 1', 'MISSING_CHAR', '1:5', /no puede empezar en la línea de ---/],
  ['a: &x - b', 'UNEXPECTED_TOKEN', '1:7', /una lista con guiones/],
  ['a:\n  "b\n  c": d', 'MULTILINE_IMPLICIT_KEY', '2:3', /una clave debe estar en una sola línea/],
  ['a\nb: 1', 'MULTILINE_IMPLICIT_KEY', '1:1', /una clave debe estar en una sola línea/],
  ['a: &x &y b', 'MULTIPLE_ANCHORS', '1:7', /como máximo un ancla/],
  ['a: !x !y b', 'MULTIPLE_TAGS', '1:7', /como máximo una etiqueta/],
  ['a:\n\tb: 1\n', 'TAB_AS_INDENT', '2:1', /un tabulador en el sangrado/],
  ['a: !Ref b', 'TAG_RESOLVE_FAILED', '1:4', /no se conoce la etiqueta !Ref/],
  ['a: !!binary gA==', 'TAG_RESOLVE_FAILED', '1:4', /se espera base64 de un texto/],
  ['a: !!set {b}', 'TAG_RESOLVE_FAILED', '1:4', /no se conoce la etiqueta/],
  ['a: .inf', 'TAG_RESOLVE_FAILED', '1:4', /\.inf no es un número/],
  ['a: !! b', 'TAG_RESOLVE_FAILED', '1:4', /no tiene nombre/],
  ['a: !e!x b', 'TAG_RESOLVE_FAILED', '1:4', /no se conoce la etiqueta !e!x/],
  ['a: [, b]', 'UNEXPECTED_TOKEN', '1:5', /coma/],
  ['a: [b,, c]', 'UNEXPECTED_TOKEN', '1:7', /coma/],
  ["a: 'it's'", 'UNEXPECTED_TOKEN', '1:8', /¿faltan unas comillas/],
  ['a: "b" c', 'UNEXPECTED_TOKEN', '1:8', /sobra algo tras el final de un valor/],
  ['a: |x\n b', 'UNEXPECTED_TOKEN', '1:5', /tras \| o > sobra algo/],
  ['a: - b', 'UNEXPECTED_TOKEN', '1:4', /la línea que sigue a su clave/],
  ['}', 'UNEXPECTED_TOKEN', '1:1', /aquí no puede haber esto: \}/],
];

test('whatever is wrong with YAML is said in Spanish with its place, without a word of the library', () => {
  const provoked = new Set<string>();
  for (const [text, code, place, spanish] of FAULTS) {
    const error = errorOf(text);
    const { line = 0, column = 0 } = error.position ?? {};
    const { es } = describeFormatError(error);
    const shown = `${JSON.stringify(text.slice(0, 40))} ${codeOf(error)} ${line}:${column} ${error.message} | ${es}`;
    if (code !== '') assert.equal(codeOf(error), code, shown);
    if (place !== '') assert.equal(`${line}:${column}`, place, shown);
    assert.match(error.spanish ?? '', spanish, shown);
    assert.match(es, /\(línea \d+, columna \d+\)$/, shown);
    assert.doesNotMatch(es, /\b(?:the|must|with|and|cannot|Unexpected|Missing|Implicit|Nested|Invalid)\b/, shown);
    provoked.add(codeOf(error));
  }
  const codes = [
    ...['ALIAS_PROPS', 'BAD_ALIAS', 'BAD_DIRECTIVE', 'BAD_DQ_ESCAPE', 'BAD_INDENT', 'BAD_SCALAR_START'],
    ...['BLOCK_AS_IMPLICIT_KEY', 'BLOCK_IN_FLOW', 'KEY_OVER_1024_CHARS', 'MISSING_CHAR', 'MULTILINE_IMPLICIT_KEY'],
    ...['MULTIPLE_ANCHORS', 'MULTIPLE_TAGS', 'TAB_AS_INDENT', 'TAG_RESOLVE_FAILED', 'UNEXPECTED_TOKEN'],
  ];
  for (const code of codes) assert.ok(provoked.has(code), `${code} was not provoked`);
});

test('what this room itself refuses of YAML is said in Spanish too', () => {
  const cases: readonly (readonly [text: string, spanish: RegExp, options?: YamlOptions])[] = [
    ['a: 1\na: 2', /nombra la clave "a" dos veces/],
    ['? [a]\n: 1', /una lista o un mapa como clave/],
    ['a: {null: 1}', /una clave sin nombre/],
    ['a: *b', /no tiene un ancla &b antes del alias \*b/],
    ['a: 1\nb: x\u0007y', /un carácter de control \(U\+0007\)/],
    ['['.repeat(200), /está anidado a más de 64 niveles/],
    ['--- 1\n'.repeat(501), /más de 500 documentos/],
    ['a: {<<: text}', /toma con << algo que no es un mapa/],
    ['x: &a {p: 1}\na:\n  p: 2\n  <<: *a', /tiene << después de otras claves/],
    [`a: ${'x'.repeat(1024 * 1024)}`, /tiene \d+ bytes; el límite es/],
    ['a: {{ .Values.name }}', /es una plantilla y todavía no es YAML/],
    ['a:\n{{- if .Values.on }}\n  b: 1\n{{- end }}', /es una plantilla y todavía no es YAML/],
  ];
  for (const [text, spanish, options] of cases)
    assert.match(errorOf(text, options).spanish ?? '', spanish, text.slice(0, 40));
  const { position } = errorOf('a: 1\nb: x\u0007y');
  assert.deepEqual(position, { line: 2, column: 5 });
  assert.deepEqual(errorOf('x: 1\ny: *b').position, { line: 2, column: 4 });
});

test('what other readers take is taken: a bracket below its key, line ends of Windows and of old Macs, the mark before a text', () => {
  const read = (text: string): unknown[] =>
    parseYamlDocuments(text, { scalars: 'kubernetes' }).map(({ value }) => value);
  assert.deepEqual(read('a: [\n  1\n]\nb: {\n  c: 2\n}\n'), [{ a: [1], b: { c: 2 } }]);
  // As Go's reader: nothing between quotes or brackets has to be indented.
  assert.deepEqual(read("a:\n  b: 'x\n  y'\n  c: [1,\n2\n  ]\n  d: {e: 'x\nz'}\n"), [
    { a: { b: 'x y', c: [1, 2], d: { e: 'x z' } } },
  ]);
  assert.throws(() => read("a: 'x\n---\nb: 1\n"), { code: 'yaml.syntax' });
  assert.throws(() => read('a: [1,\n---\nb: 2]\n'), { code: 'yaml.syntax' });
  assert.deepEqual(read('a: 1\r\nb: |\r\n  x\r\n  y\r\n'), [{ a: 1, b: 'x\ny\n' }]);
  assert.deepEqual(read('a: 1\rb: 2\r'), [{ a: 1, b: 2 }]);
  assert.deepEqual(read('\ufeffa: 1\nb: 2\n'), [{ a: 1, b: 2 }]);
  assert.deepEqual(read('\ufeff- 1\n- 2\n'), [[1, 2]]);
  assert.deepEqual(read('a: 1\n---\n\ufeffb: 2\n'), [{ a: 1 }, { b: 2 }]);
});

test('scalars of a manifest are what kubectl makes of them', () => {
  const [{ value } = { value: null }] = parseYamlDocuments(
    '[y, n, Y, N, oN, 0b11, 1_000, 0X1F, -0x1F, 0O17, 0_7, 1_, _1, 1_0.5, 1e400, 1e3, 08, !!binary aGk=, !!float 3, !!timestamp 2024-01-01]',
    { scalars: 'kubernetes' },
  );
  const [yes, no] = [true, false];
  assert.deepEqual(value, [
    ...[yes, no, yes, no, 'oN', 3, 1000, 31, -31, 15, 7, 1, '_1', 10.5, '1e400', 1000, 8],
    ...['hi', 3, '2024-01-01'],
  ]);
});

test('what is written as YAML is the same when Kubernetes reads it', () => {
  const texts = [
    'y',
    'N',
    'yes',
    'Off',
    'true',
    'null',
    '~',
    '',
    '0644',
    '0b11',
    '1_000',
    '0X1F',
    '1e400',
    '.inf',
    '12:30',
    '<<',
  ];
  const value = {
    list: texts,
    map: Object.fromEntries(texts.filter((text) => text !== '<<').map((text) => [`${text}`, text])),
    numbers: [1, 0, -1.5, true, false, null],
  };
  assert.deepEqual(
    parseYamlDocuments(writeYaml(value), { scalars: 'kubernetes' }).map((one) => one.value),
    [value],
  );
});
