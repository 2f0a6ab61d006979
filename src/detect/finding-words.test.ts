import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { RuleEngine } from './engine.ts';
import { FilterError } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import { inBothLanguages, sayEscaped, sayFinding, sayMistake, spanishOfFinding } from './finding-words.ts';

const TEXT = "(`[^`]*`|'(?:[^'\\\\]|\\\\.)*')";
/** Where a sentence for people stands in these files. */
const PLACES = [
  `(?:FilterError|RangeError|\\brefuse|\\bfail)\\(\\s*${TEXT}`,
  `(?:#error|#warn|#report)\\(\\s*(?:'(?:error|warning)',\\s*)?(?:'LOAD_\\w+',\\s*)?${TEXT}`,
  `\\b(?:off|warn)\\(\\s*(?:'LOAD_\\w+',\\s*)?${TEXT}`,
  `\\bwarn\\(\\s*${TEXT},\\s*${TEXT}`,
  `\\b(?:message|hint|wrong)(?:: string)?(?: =|:)\\s*${TEXT}`,
  `\\bhint: string = ${TEXT}`,
  `\\brefuse\\(\\s*${TEXT},\\s*${TEXT}`,
].map((place) => new RegExp(place, 'g'));

/** Put together of parts that are told elsewhere, or a fault of the program. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  ...['a number in code must be finite', 'no rule 7 for events of type 7', 'no rule 7 for events of type text'],
  ...['the condition 7, so it is tried on every event', '7; found 7', '7, found "7"'],
  ...['expected a field, a transformer7 a quoted string7', '"7" takes ${least === most ? least : '],
]);

test('every sentence about rules and conditions has its Spanish, and none of a stranger’s words takes long', async () => {
  const root = resolve(import.meta.dirname, '..');
  const missing = new Set<string>();
  let seen = 0;
  for (const path of globSync(['detect/*.ts', 'formats/re2*.ts'], { cwd: root })) {
    if (/test|commands|finding-words|errors\.ts|recorded-events|shipped-rules/.test(path)) continue;
    const source = await readFile(join(root, path), 'utf8');
    for (const place of PLACES) {
      for (const [, ...told] of source.matchAll(place)) {
        for (const one of told) {
          const sentence = one
            .slice(1, -1)
            .replaceAll(/\$\{UNKNOWN_EVENT\}/g, 'unknown type of event ')
            .replaceAll(/\$\{type\}/g, 'text')
            .replaceAll(/\$\{[^}]+\}/g, '7')
            .replaceAll('\\\\', '\\');
          if (!sentence.includes(' ') || ELSEWHERE.has(sentence)) continue;
          seen++;
          if (spanishOfFinding(sentence) === null) missing.add(`${path}: ${sentence}`);
        }
      }
    }
  }
  assert.ok(seen > 130, `found ${seen} sentences`);
  assert.deepEqual([...missing], []);

  for (const hostile of ['a "'.repeat(1_300), '; found "'.repeat(400), 'exception "'.repeat(350), '"'.repeat(3_999)]) {
    const before = process.cpuUsage();
    spanishOfFinding(hostile);
    assert.ok(process.cpuUsage(before).user < 500_000, hostile.slice(0, 20));
  }
});

test('findings of a file and mistakes of a condition are told in both languages, strangers’ words as they are', () => {
  const text = `
- list: shells
  items: [sh]
- rule: A
  desc: d
  condition: evt.type = open and proc.nam = sh
  output: x
  priority: INFO
- rule: B
  desc: d
  condition: evt.type = open and (fd.name = x
  output: x
  priority: HIGH
- rule: C
  desc: d
  condition: evt.type = open and fd.dev > 0
  output: x
  priority: INFO
  exceptions:
    - {name: "a {1} $1", fields: [proc.name], comps: [nosuch], values: [[x]]}
`;
  const engine = RuleEngine.load([{ file: 'r.yaml', text }]);
  const findings = engine.findings.map(inBothLanguages);
  assert.deepEqual(
    findings.map(({ spanish, spanishHint }) => [spanish, spanishHint]),
    [
      [
        '"HIGH" no es una prioridad; se espera una de emergency, alert, critical, error, warning, notice, informational, debug',
        undefined,
      ],
      ['excepción "a {1} $1": "nosuch" no es una comparación', undefined],
      ['campo desconocido: "proc.nam"', '¿quería decir "proc.name"?'],
      ['no se usa esta lista', undefined],
      ['la regla queda apagada: los campos fd.dev no se observan', undefined],
    ],
    JSON.stringify(findings, null, 1),
  );
  const off = engine.states.find(({ rule }) => rule.name === 'C')?.offReason ?? '';
  assert.deepEqual(sayFinding(off), { en: 'fields fd.dev are not observed', es: 'los campos fd.dev no se observan' });

  const wrong = (condition: string): FilterError => {
    try {
      parseFilter(condition);
    } catch (error) {
      if (error instanceof FilterError) return error;
      throw error;
    }
    throw new Error(`"${condition}" is well formed`);
  };
  assert.equal(
    sayMistake(wrong('proc.name = a && fd.name = b')).es,
    'texto inesperado: se esperaba "and", "or" o el final; se encontró "&& fd.name = b"; se escribe "and"',
  );
  assert.equal(sayMistake(wrong('(proc.name = a')).es, 'se esperaba ")"; la condición termina ahí');
  assert.equal(sayEscaped(wrong('proc.name = a \u001b[31m')).es.includes('\u001b'), false);
  // What nobody foresaw is better told in English than not at all.
  assert.deepEqual(sayFinding('words of nobody'), { en: 'words of nobody', es: 'words of nobody' });
  const yaml = RuleEngine.load([{ file: 'r.yaml', text: '- rule: "a\n' }]).findings.map(inBothLanguages);
  assert.notEqual(yaml[0]?.spanish, yaml[0]?.message, 'what the reader of YAML says in Spanish stays');
});

test('sentences put together of parts have their Spanish as a whole', () => {
  const said = [
    ['proc.name', 'se esperaba un operador como "=", "in", "contains" o "exists"; la condición termina ahí'],
    ['tolower(1a) = b', 'se esperaba el ")" que cierra "tolower("; se encontró "a) = b"'],
    [
      'join(+, (a)) = b',
      'se esperaba un campo, un transformador, un texto entre comillas o una lista; se encontró "+, (a)) = b"',
    ],
  ] as const;
  for (const [condition, spanish] of said) {
    assert.throws(
      () => parseFilter(condition),
      (error) => error instanceof FilterError && sayFinding(error.message).es === spanish,
      condition,
    );
  }
  for (const [sentence, spanish] of [
    ['"proc.aname[…]" takes a number, found "x"', '"proc.aname[…]" lleva un número; se encontró "x"'],
    ['"concat" takes at least 2 arguments', '"concat" lleva al menos 2 argumentos'],
    [
      'the condition names no event type, so it is tried on every event',
      'la condición no nombra ningún tipo de evento, así que se prueba con cada evento',
    ],
  ] as const)
    assert.equal(spanishOfFinding(sentence), spanish);
});
