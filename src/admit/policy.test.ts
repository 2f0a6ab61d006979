import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type Json } from '../system/index.ts';
import { PRESETS_FOLDER, readPolicies, readPolicy } from './index.ts';
import { fillMessage } from './policy.ts';

function policyWith(rule: string, head = ''): string {
  return `name: t
version: "1"
description: { en: t, es: t }
doors: { start: closed }
${head}rules:
  - id: one
    ${rule}
    effect: warn
    message: { en: a, es: a }
`;
}

/** The problems of a text that must be refused. */
function problemsOf(text: string): { line: number; rule: string | null; reason: string }[] {
  try {
    readPolicy(text, 'test.yaml');
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'admit.policy-invalid', String(error));
    return error.details as Json as never;
  }
  assert.fail('expected the policy to be refused');
}

test('the sentence of a policy that cannot be used has its first mistakes, each with its place, in both languages', () => {
  const rule = (name: string): string =>
    `  - { id: ${name}, when: "${name}()", effect: warn, message: { en: a, es: a } }\n`;
  const names = Array.from({ length: 10 }, (_, index) => `wrong${index}`);
  const text = `name: x\nversion: "1"\ndescription: { en: a, es: a }\ndoors: { ci: closed }\nrules:\n${names.map(rule).join('')}`;
  assert.throws(
    () => readPolicy(text, 'test.yaml'),
    (error) => {
      assert.ok(error instanceof Fault);
      const [en, es] = (['en', 'es'] as const).map((language) => error.text(language).why ?? '');
      for (const index of [0, 1, 7]) {
        assert.match(en ?? '', new RegExp(`\\d+:\\d+ rule "wrong${index}"`));
        assert.match(es ?? '', new RegExp(`\\d+:\\d+ regla "wrong${index}"`));
      }
      assert.match(en ?? '', / \(and 2 more\)$/);
      assert.match(es ?? '', / \(y 2 más\)$/);
      return true;
    },
  );
});

test('the presets load, and dev and prod have the same rules in the same order', async () => {
  const policies = await readPolicies(PRESETS_FOLDER);
  const names = policies.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const [dev, prod] = ['dev', 'prod'].map((name) => policies.find((policy) => policy.name === name));
  assert.deepEqual(
    dev?.rules.map((rule) => rule.id),
    prod?.rules.map((rule) => rule.id),
  );
  for (const [index, rule] of (dev?.rules ?? []).entries()) {
    // prod is never milder than dev
    assert.ok(!(rule.effect === 'refuse' && prod?.rules[index]?.effect === 'warn'), rule.id);
    assert.notEqual(rule.message.en, rule.message.es);
  }
});

test('a mistake in an expression is found when the policy is read, with rule and line', () => {
  const rows: [string, RegExp][] = [
    ['when: "image.nope == 1"', /No such key: nope/],
    ['when: "secret == 1"', /Unknown variable: secret/],
    ['when: "scan.findings.exists(f, f.sev == \'high\')"', /No such key: sev/],
    ['when: "image.ageDays"', /expected bool or dyn, got int/],
    ['when: "image.ageDays > \'a\'"', /int.*string/],
    ['when: "true &&"', /Unexpected token/],
    ['each: "scan.packages"', /expected list/],
    ['when: ""', /Unexpected/],
    ['when: 5', /as text/],
    ['effectx: 5', /not known here/],
  ];
  for (const [rule, expected] of rows) {
    const problems = problemsOf(policyWith(rule));
    assert.ok(
      problems.some((problem) => expected.test(problem.reason)),
      `${rule}: ${JSON.stringify(problems)}`,
    );
    assert.equal(problems.at(0)?.rule, 'one');
    assert.ok((problems.at(0)?.line ?? 0) >= 6);
  }
});

test('nothing of JavaScript is reached from a policy (A4)', () => {
  const attacks = [
    'constructor',
    'image.constructor',
    'image.__proto__',
    'image["__proto__"]',
    'image.tags.constructor',
    '"".constructor("return process")()',
    'this',
    'globalThis.process',
    'image.toString()',
    '[].map(x, x.constructor)',
    '`1`',
    '\\u0063onstructor',
    'dyn(image).constructor',
    'scan.findings.exists(a, scan.findings.exists(b, scan.findings.exists(c, true)))',
    `${'('.repeat(100)}true${')'.repeat(100)}`,
    `${'!'.repeat(1000)}true`,
    Array.from({ length: 400 }, () => 'true').join(' && '),
    `image.digest == "${'x'.repeat(3000)}"`,
    '1 == 1u',
  ];
  let refused = 0;
  for (const attack of attacks) {
    const text = JSON.stringify(attack);
    for (const place of ['when', 'each', 'adds', 'patch'])
      if (problemsOf(policyWith(`${place}: ${text}`)).length > 0) refused += 1;
    if (problemsOf(policyWith(`when: "true"\n    match: ${text}`)).length > 0) refused += 1;
  }
  // Names and versions are words of a narrow kind, and nothing of them is ever run.
  const names = ['constructor()', '__proto__', '#{process}', '`x`', 'a\u0000b', '../x', 'hasOwnProperty ', 'A'];
  for (const name of names) {
    const text = policyWith('when: "true"');
    if (problemsOf(text.replace('name: t', `name: ${JSON.stringify(name)}`)).length > 0) refused += 1;
    if (problemsOf(text.replace('id: one', `id: ${JSON.stringify(name)}`)).length > 0) refused += 1;
  }
  assert.equal(refused, attacks.length * 5 + names.length * 2);
  assert.ok(refused >= 100, String(refused));
});

test('places of templates are filled with words and never looked up on an object (A4)', () => {
  const message = '{constructor} {__proto__} {toString} {subject} {subject.length}';
  const policy = readPolicy(
    policyWith('each: "image.tags"').replace('en: a, es: a', `en: "${message}", es: "${message}"`),
    't',
  );
  const [rule] = policy.rules;
  assert.ok(rule);
  const said = fillMessage(rule.message, '{constructor}').en;
  assert.ok(!/function|native|\[object/.test(said), said);
});

test('a pattern takes linear time, and one that cannot is an error (A4)', () => {
  const policy = readPolicy(policyWith('when: "image.digest.matches(\'^(a+)+$\')"'), 'test.yaml');
  const started = performance.now();
  const values = (digest: string) => ({
    image: { digest, repository: '', project: '', tags: [], ageDays: 0n, sizeBytes: 0n },
  });
  assert.deepEqual(policy.rules[0]?.evaluate(values('a'.repeat(20_000))), [null]);
  assert.deepEqual(policy.rules[0]?.evaluate(values(`${'a'.repeat(20_000)}b`)), []);
  assert.ok(performance.now() - started < 2000);
  const ahead = readPolicy(policyWith('when: "image.digest.matches(\'(?=a)b\')"'), 'test.yaml');
  assert.throws(() => ahead.rules[0]?.evaluate(values('a')), /look-ahead/);
});

test('a policy that is not whole is refused, and every problem is told at once', () => {
  assert.ok(problemsOf('').length > 0);
  assert.ok(problemsOf('[1, 2').length > 0);
  assert.ok(problemsOf('name: a\nname: b\n').length > 0);
  const problems = problemsOf('name: T T\nversion: ""\ndoors: { window: closed, start: ajar }\nrules: []\nextra: 1\n');
  assert.ok(problems.length >= 6, JSON.stringify(problems));
  assert.ok(problemsOf(policyWith('when: "true"\n    each: "image.tags"')).length > 0);
  assert.ok(problemsOf(policyWith('when: "true"', 'validHours: 100000\n')).length > 0);
  assert.ok(
    problemsOf(`${policyWith('when: "true"')}  - { id: one, when: "true", effect: warn, message: { en: a, es: a } }\n`)
      .length > 0,
  );
});

test('what is wrong with a policy is said in Spanish, and what its expressions say is marked as English', () => {
  const spanish = (text: string): string => {
    try {
      readPolicy(text, 'a.yaml');
    } catch (error) {
      assert.ok(error instanceof Fault);
      return error.text('es').why ?? '';
    }
    return assert.fail('accepted');
  };
  const policy = (rest: string): string =>
    `name: a\nversion: "1"\ndescription: {en: a, es: a}\ndoors: {start: closed}\nrules:\n  - id: one\n    effect: refuse\n    message: {en: a, es: a}\n    remedy: {en: a, es: a}\n${rest}`;
  const cases: readonly (readonly [string, RegExp])[] = [
    ['name: [', /^1:\d+ el YAML no se puede leer: falta el cierre \]/],
    ['', /el YAML está vacío/],
    [policy("    when: 'true'\nvalidHours: 0\n"), /^\d+:1 validHours: se esperaban horas de 1 a \d+, hay 0$/],
    [policy("    when: 'true'\n    effects: x\n"), /regla "one": "effects" no se conoce aquí; se esperaba /],
    [policy('    when: 1 +\n'), /en el carácter \d+ de "when": la expresión termina antes de tiempo/],
    [policy('    when: image.nope == 1\n'), /en el carácter \d+ de "when": no existe la clave nope/],
    [policy('    when: 1 + true\n'), /en el carácter \d+ de "when": el detalle, en inglés: /],
    [
      policy('    other: 1\n'),
      /regla "one": "other" no se conoce aquí; .*; \d+:\d+ regla "one": se esperaba uno de "when"/,
    ],
  ];
  for (const [text, says] of cases) assert.match(spanish(text), says, text);
});
