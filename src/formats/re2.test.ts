import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Re2 } from './re2.ts';

/** Verdicts are Go's (regexp, Unicode 15). */
const FOUND: readonly [pattern: string, text: string, found: readonly string[]][] = [
  // Unicode's categories and scripts, within brackets and without, and what is not of them.
  ['\\pL+', 'añ1😀𝒜x€', ['añ', '𝒜x']],
  ['\\p{Greek}+', 'abΣας9', ['Σας']],
  ['\\p{^Greek}+', 'abΣ9', ['ab', '9']],
  ['\\P{^Greek}+', 'abΣ9', ['Σ']],
  ['[\\p{Lu}\\d]+', 'AbÉ7-', ['A', 'É7']],
  ['[^\\pL\\s]+', 'a 1中-', ['1', '-']],
  ['\\p{Han}{2}', '中文字', ['中文']],
  ['\\p{old_italic}', '\u{10300}', ['\u{10300}']],
  ['\\PN', '٣a', ['a']],
  ['\\p{Any}', '\n😀', ['\n', '😀']],
  // A dot is one character, however many units it has.
  ['^.$', '😀', ['😀']],
  ['^..$', '😀', []],
  ['[😀-😂]', '😁', ['😁']],
  ['😀+', '😀😀', ['😀😀']],
  // Classes by name.
  ['[[:^alpha:]]+', 'a1é-', ['1é-']],
  ['[^[:^digit:]]+', 'a12', ['12']],
  ['[[:punct:]]+', 'a.!b', ['.!']],
  ['[]a]+', 'x]a', [']a']],
  ['[^]a]', ']ab', ['b']],
  ['[a-]+', '-a-b', ['-a-']],
  // Text as it is.
  ['\\Qa.b\\E+', 'a.bbb axb', ['a.bbb']],
  ['\\Q[', '[', ['[']],
  ['\\x{1F600}\\x41\\101\\_', '😀AA_', ['😀AA_']],
  ['a{,2}', 'a{,2}', ['a{,2}']],
  // Flags, for all or for a bracket.
  ['(?i)kΣ', 'Kσ kς', ['Kσ', 'kς']],
  ['(?i)[^k]', 'kKKa', ['a']],
  ['(?i:a)b', 'Ab AB', ['Ab']],
  ['a(?i)b|c', 'aB C', ['aB', 'C']],
  ['(?s)a.b', 'a\nb', ['a\nb']],
  ['a.b', 'a\nb a\rb', ['a\rb']],
  ['(?U)a+', 'aa', ['a', 'a']],
  ['(?U)a+?', 'aa', ['aa']],
  ['(?m)^a$', 'a\na\r\n\u2028a', ['a']],
  ['(?m:^)a$', 'b\na', ['a']],
  ['\\Aa|a\\z', 'aba', ['a', 'a']],
  ['a$', 'a\n', []],
  ['\\bé|\\bx\\b', 'é x', ['x']],
  ['\\s', '\v\u00a0\t', ['\t']],
  // Long repetitions, and what is tried first.
  ['^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$', 'a'.repeat(63), ['a'.repeat(63)]],
  ['^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$', 'a'.repeat(64), []],
  ['^.{1,1000}$', '中'.repeat(1000), ['中'.repeat(1000)]],
  ['^.{1,1000}$', '中'.repeat(1001), []],
  ['(?:a|ab){1,3}?b', 'abab', ['ab', 'ab']],
  ['x*', 'a😀x', ['', '', 'x']],
  ['a*', 'baaac', ['', 'aaa', '']],
  ['(?:|a){2}', 'a', ['', '']],
];

test('patterns find what RE2 finds', () => {
  for (const [pattern, text, found] of FOUND) {
    const one = new Re2(pattern);
    assert.deepEqual(one.findAll(text), found, pattern);
    assert.equal(one.test(text), found.length > 0, pattern);
    assert.equal(one.find(text), found[0] ?? '', pattern);
  }
});

test('what RE2 refuses is refused, and why', () => {
  const refused: readonly [string, RegExp][] = [
    ['a{1001}', /bounds from 0 to 1000/],
    ['a{2,1}', /the lower first/],
    ['a{99999999999}', /bounds from 0 to 1000/],
    [`a{1,${'9'.repeat(90)}}`, /bounds from 0 to 1000/],
    ['(a{40}){40}', /more than 1000 times: \{40\}/],
    ['a**', /two repetitions in a row/],
    ['*a', /nothing to repeat before \*/],
    ['a|*', /nothing to repeat/],
    ['(a', /a closing \) is missing/],
    ['a)', /unexpected \)/],
    ['[a', /a closing \] is missing/],
    ['[b-a]', /ends before it begins/],
    ['[[:word', /a closing \] is missing/],
    ['[[:letter:]]', /the class \[:letter:\] is not known/],
    ['[[:constructor:]]', /is not known/],
    ['\\p{Klingon}', /no category or script/],
    ['\\p{L', /no category or script/],
    ['\\C', /no escape of RE2: \\C/],
    ['\\Z', /no escape of RE2: \\Z/],
    ['\\x{110000}', /no escape of RE2/],
    ['a\\', /a backslash stands at the end/],
    ['(a)\\1', /back-references/],
    ['(?=a)', /look-ahead/],
    ['(?<!a)b', /look-behind/],
    ['(?i', /no bracket of RE2/],
    ['(?x)a', /no bracket of RE2/],
    ['(?P<a-b>c)', /no name of a group/],
    ['\ud800', /not UTF-8/],
    ['('.repeat(1500), /nest deeper/],
    ['\\pL'.repeat(1366), /longer than 4096/],
    // RE2 runs these; what they would cost is more than a text may.
    ['\\w{1000}'.repeat(12), /more than 10000 steps/],
  ];
  for (const [pattern, why] of refused)
    assert.throws(() => new Re2(pattern), { name: 'RangeError', message: why }, pattern);
});

test('what a group found stands in place of a match, in any script', () => {
  const words = (pattern: string, text: string): string =>
    new Re2(pattern).replace(text, (groups) => `<${groups.slice(1).join('|')}>`);
  assert.equal(words('(?P<first>\\w)(\\w)?', 'abc'), '<a|b><c|>');
  assert.equal(words('(é+)|(中)', 'aéé中b'), 'a<éé|><|中>b');
  assert.equal(words('(\\pL)(\\pL)', 'ñé-😀-öü'), '<ñ|é>-😀-<ö|ü>');
  assert.equal(words('(a){2,20}', 'aaab'), '<a>b');
  assert.equal(words('x*', 'é'), '<>é<>');
});

test('a pattern of a thousand scripts and a text of all characters cost little', () => {
  const started = process.cpuUsage();
  const pattern = new Re2('(?i)[\\p{Greek}\\P{Lu}\\pN]+\\p{Han}?'.repeat(100));
  const text = Array.from({ length: 20_000 }, (_, i) => String.fromCodePoint(0x80 + i * 2)).join('');
  assert.equal(pattern.test(text), true);
  assert.equal(new Re2('(?:(?:\\pL*)*\\pN)*!').test('中'.repeat(20_000)), false);
  // Groups in groups cost the engine their square where it tells what they found.
  assert.equal(new Re2(`${'('.repeat(990)}a${')*'.repeat(990)}`).test('a'.repeat(5000)), true);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 5_000_000, `${user + system} µs`);
});
