import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRepositoryPattern, matchesGlob, PATTERN_WILDCARDS_MAX } from './index.ts';

test('patterns of repositories match the documented names and nothing else', () => {
  const table: [string, string, boolean][] = [
    ['tienda/web', 'tienda/web', true],
    ['tienda/web', 'tienda/web2', false],
    ['tienda/web', 'tienda/web/inner', false],
    ['tienda/*', 'tienda/web', true],
    ['tienda/*', 'tienda/', true],
    ['tienda/*', 'tienda/a/b', false],
    ['tienda/**', 'tienda/a/b', true],
    ['tienda/**', 'tienda2/a', false],
    ['tienda/**', 'otro/tienda/a', false],
    ['tienda/web-*', 'tienda/web-a', true],
    ['tienda/web-*', 'tienda/web', false],
    ['tienda/*/api', 'tienda/team/api', true],
    ['tienda/*/api', 'tienda/a/b/api', false],
    ['tienda/a.b', 'tienda/axb', false],
    ['tienda/a.*', 'tienda/axb', false],
    ['*', 'a/b', false],
    ['**', 'a/b', true],
    ['**/api', 'tienda/a/api', true],
    ['**/api', 'api', false],
    ['tienda/**/api', 'tienda/api', false],
    ['t*a/w*b', 'tienda/web', true],
    ['t*a/w*b', 'tienda/x/web', false],
    ['tienda/w', 'TIENDA/w', false],
  ];
  for (const [pattern, name, expected] of table) {
    assert.equal(matchesGlob(pattern, name), expected, `${pattern} ${name}`);
  }
});

test('what is no pattern: other characters, too long, too many wildcards', () => {
  for (const text of [
    '',
    '/a',
    'A/b',
    'a b',
    'a\0',
    'a(b)',
    'a***',
    `${'a'.repeat(256)}`,
    '*/'.repeat(PATTERN_WILDCARDS_MAX + 1),
    'a+b',
    'a|b',
    '^a$',
  ]) {
    assert.equal(isRepositoryPattern(text), false, text.slice(0, 20));
  }
  for (const text of ['a', '*', '**', 'tienda/team-*/x.y_z/**', '*/'.repeat(PATTERN_WILDCARDS_MAX)]) {
    assert.equal(isRepositoryPattern(text), true, text);
  }
});

test('no pattern makes matching slow', () => {
  for (const piece of ['*a', '**a']) {
    const pattern = piece.repeat(PATTERN_WILDCARDS_MAX);
    assert.equal(isRepositoryPattern(pattern), true);
    const started = performance.now();
    for (let n = 0; n < 200; n += 1) assert.equal(matchesGlob(pattern, `${'a'.repeat(254)}b`), false);
    assert.ok(performance.now() - started < 1_000);
  }
});
