import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type KernelEvent, RECORD } from '../events/index.ts';
import { Re2 } from '../formats/re2.ts';
import { checkFilter, compileFilters } from './compile.ts';
import { RuleEngine } from './engine.ts';
import type { FilterError } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import { withGivenNames } from './given-names.ts';
import { Hints } from './hint.ts';
import { FILTER_DEPTH_MAX } from './limits.ts';
import { readLiveFilter } from './live-filter.ts';
import { makeTester } from './operators.ts';
import { compileOutput, escapeControls } from './output.ts';
import { recordedFields } from './recorded-events.ts';
import { parseRuleFile } from './rule-file.ts';
import { portOfService } from './services.ts';
import { readRulePages, readShippedRules, techniqueOf } from './shipped-rules.ts';
import { readTiming, TimedRule } from './timing.ts';

const root = process.env['DARSENA_TEST_DATA'];
const falco = root === undefined ? null : join(root, 'rules', 'falco');
const skip = falco === null || !existsSync(falco) ? 'DARSENA_TEST_DATA is not set: no Falco rules' : false;

const load = (text: string) => RuleEngine.load([{ file: 'test.yaml', text }]);
const rule = (name: string, condition: string, rest = '') =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o %proc.name\n  priority: INFO\n${rest}`;

test("Falco's own rule files load unchanged without an error", { skip }, (t) => {
  const files = ['falco_rules.yaml', 'falco-incubating_rules.yaml'];
  const engine = RuleEngine.load(files.map((file) => ({ file, text: readFileSync(join(falco ?? '', file), 'utf8') })));
  assert.deepEqual(
    engine.findings.filter((finding) => finding.severity === 'error'),
    [],
  );
  const on = engine.states.filter((state) => state.offReason === null).map((state) => state.rule.name);
  t.diagnostic(`${on.length} of ${engine.states.length} rules can run`);
  assert.ok(on.includes('Terminal shell in container') && on.includes('Read sensitive file untrusted'));
  for (const state of engine.states) {
    if (state.offReason === null || !state.rule.enabled) continue;
    const told = engine.findings.some((finding) => finding.item === state.rule.name && finding.message.includes('off'));
    assert.ok(told, `${state.rule.name} is off without a word`);
  }
});

test('the shipped rules load without an error or a warning', () => {
  const folder = join(import.meta.dirname, '..', '..', 'rules', 'detection');
  const files = readdirSync(folder).map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));
  const engine = RuleEngine.load(files);
  assert.deepEqual(engine.findings, []);
  assert.ok(engine.states.every(({ rule, offReason }) => offReason === null || !rule.enabled));
});

test('an error names file, line and column of the condition, folded or not', () => {
  const folded = `- rule: A\n  desc: d\n  condition: >\n    evt.type = execve\n    and proc.nmae = x\n  output: o\n  priority: INFO\n`;
  const [finding] = load(folded).findings;
  assert.deepEqual(
    [finding?.code, finding?.line, finding?.column, finding?.item],
    ['LOAD_ERR_COMPILE_CONDITION', 5, 9, 'A'],
  );
  const [plain] = load(rule('B', 'evt.type = execve and (proc.name')).findings;
  assert.equal(plain?.line, 3);
});

test('a field nobody knows is an error, one that is not observed switches the rule off with a word', () => {
  assert.equal(load(rule('A', 'evt.type = execve and foo.bar = 1')).hasErrors, true);
  const engine = load(rule('B', 'evt.type = connect and evt.buffer contains example.org'));
  assert.equal(engine.hasErrors, false);
  assert.match(engine.states[0]?.offReason ?? '', /evt\.buffer/);
  assert.equal(engine.findings[0]?.item, 'B');
});

test('bytes that calls move are asked for by the call, and what is observed for them alone is not without', () => {
  const contentOf = (condition: string, output = 'o'): string[] => [
    ...RuleEngine.load([{ file: 'f.yaml', text: rule('B', condition).replace(/output: .*/, `output: '${output}'`) }])
      .contentEvents,
  ];
  assert.deepEqual(contentOf('evt.type = recvfrom and evt.buffer bcontains cafebabe'), ['recvfrom']);
  assert.deepEqual(contentOf('evt.type in (read, connect) and (evt.buffer contains x or fd.sport = 1)'), ['read']);
  assert.deepEqual(contentOf('evt.type in (sendto, open)', '%evt.buffer.b64'), ['sendto']);
  assert.deepEqual(contentOf('evt.type = sendto'), []);
  const timed = `${rule('T', 'evt.type = sendto')}  first: evt.buffer\n`;
  assert.deepEqual([...load(timed).contentEvents], ['sendto']);
  const engine = load(rule('B', 'evt.type in (read, open) and fd.name = /x'));
  assert.deepEqual(engine.states[0]?.unseenEvents, ['read']);
  assert.equal(engine.watchedEvents.has('read'), false);
  assert.match(load(rule('C', 'evt.type = read and fd.name = /x')).states[0]?.offReason ?? '', /read are not observed/);
});

test('a name below /proc/self is looked for in what was given as well', () => {
  const shown = (condition: string): string => JSON.stringify(withGivenNames(parseFilter(condition)));
  for (const condition of [
    'fd.name = /proc/self/exe',
    'fd.name startswith /proc/self/fd/',
    'not fd.name in (/etc/passwd, /proc/thread-self/environ)',
    'evt.type = open and (fd.name = /x or fd.name pmatch (/dev/fd))',
  ])
    assert.ok(shown(condition).includes('darsena.fd.given'), condition);
  assert.ok(!shown('not fd.name in (/proc/self/a, /etc/passwd)').includes('"darsena.fd.given"},"right":{"text":"/etc'));
  for (const condition of [
    'fd.name = /proc/selfie',
    'fd.name != /proc/self/exe',
    'fd.name startswith /proc/',
    'proc.cwd = /proc/self',
  ])
    assert.ok(!shown(condition).includes('darsena.fd.given'), condition);
});

test('a mistake is told with its place, its rule and a hint', () => {
  const [finding] = load(rule('A', 'evt.type = execve and proc.nmae = x')).findings;
  assert.equal(finding?.hint, 'did you mean "proc.name"?');
  const macro = '- macro: program_started\n  condition: (evt.type = execve)\n';
  const [unknown] = load(`${macro}${rule('B', 'programme_started and proc.name = x')}`).findings;
  assert.equal(unknown?.hint, 'did you mean "program_started"?');
  const [operator] = load(rule('C', 'evt.type = execve and proc.name like x')).findings;
  assert.match(operator?.message ?? '', /expected an operator/);
  const codes = (text: string) => load(text).findings.map(({ code }) => code);
  assert.ok(codes(rule('D', 'evt.type = execve and proc.name = "<NA>"')).includes('LOAD_UNSAFE_NA_CHECK'));
  assert.ok(
    codes(`${rule('E', 'evt.type = execve')}- rule: E\n  condition: and proc.tty = 0\n  append: true\n`).includes(
      'LOAD_DEPRECATED_ITEM',
    ),
  );
  assert.ok(codes('- list: a b\n  items: [x]\n').includes('LOAD_INVALID_LIST_NAME'));
  assert.ok(codes('- macro: a-b\n  condition: (evt.num = 0)\n').includes('LOAD_INVALID_MACRO_NAME'));
  const twice =
    '  exceptions:\n    - name: e\n      fields: proc.name\n      values: [a]\n    - name: e\n      fields: proc.exe\n      values: [b]\n';
  assert.ok(codes(rule('F', 'evt.type = execve', twice)).includes('LOAD_EXCEPTION_NAME_NOT_UNIQUE'));
});

test('exceptions in all their forms', () => {
  const held = (exceptions: string): boolean =>
    !load(rule('A', 'evt.type = execve', exceptions)).findings.some(({ severity }) => severity === 'error');
  const head = '  exceptions:\n    - name: e\n';
  assert.ok(held(`${head}      fields: proc.name\n      values: [a, b]\n`));
  assert.ok(held(`${head}      fields: [proc.name]\n      values: [[a], [b]]\n`));
  assert.ok(!held(`${head}      fields: proc.name\n      comps: in\n      values: [[a, b], [c]]\n`));
  assert.ok(held(`${head}      fields: [proc.name, proc.exe]\n      values: [[a, /b], [c, /d]]\n`));
  assert.ok(
    held(`${head}      fields: [proc.name, fd.name]\n      comps: [in, startswith]\n      values: [[[a, b], /tmp]]\n`),
  );
  assert.ok(held(`${head}      fields: [proc.name]\n      comps: [pmatch]\n      values: [[[/a, /b]]]\n`));
  assert.ok(held(`${head}      fields: proc.name\n`));
  assert.ok(!held(`${head}      fields: [proc.name, proc.exe]\n      values: [[a]]\n`));
  assert.ok(!held(`${head}      fields: [proc.name, proc.exe]\n      comps: ["="]\n      values: [[a, b]]\n`));
  assert.ok(!held(`${head}      fields: proc.nothing\n      values: [a]\n`));
  assert.ok(!held(`  exceptions:\n    - fields: proc.name\n      values: [a]\n`));
});

test('appends, overrides, switches and exceptions change an earlier rule', () => {
  const engine = load(
    [
      '- list: names\n  items: [a, b]',
      '- list: names\n  items: [c]\n  override:\n    items: append',
      rule(
        'A',
        'evt.type = execve and proc.name in (names)',
        '  exceptions:\n    - name: e\n      fields: [proc.exe, proc.tty]\n      comps: [startswith, "="]\n      values:\n        - [/usr, 0]\n',
      ),
      '- rule: A\n  condition: and proc.tty = 0\n  append: true',
      rule('B', 'evt.type = execve'),
      '- rule: B\n  enabled: false',
    ].join('\n'),
  );
  assert.deepEqual(
    engine.findings.map(({ code }) => code),
    // The appended condition, and the rule that is only switched.
    ['LOAD_DEPRECATED_ITEM', 'LOAD_DEPRECATED_ITEM'],
  );
  const text = JSON.stringify(engine.states[0]?.rule.filter);
  for (const part of ['"c"', 'proc.tty', '"/usr"', '"not"']) assert.ok(text.includes(part), part);
  assert.equal(engine.states[1]?.offReason, 'disabled by its file');
});

test('a macro or list that names itself is an error, not a loop', () => {
  const macro = load(
    `- macro: m\n  condition: (n)\n- macro: n\n  condition: (m)\n${rule('A', 'evt.type = execve and m')}`,
  );
  assert.equal(macro.hasErrors, true);
  const list = load(
    `- list: l\n  items: [k]\n- list: k\n  items: [l]\n${rule('A', 'evt.type = execve and proc.name in (l)')}`,
  );
  assert.equal(list.hasErrors, true);
});

test('macros that double each other end in an error, not in a full memory', () => {
  const lines = ['- macro: m0\n  condition: (proc.name = a)'];
  for (let i = 1; i < 40; i++) lines.push(`- macro: m${i}\n  condition: (m${i - 1} and m${i - 1})`);
  assert.equal(load(`${lines.join('\n')}\n${rule('A', 'evt.type = execve and m39')}`).hasErrors, true);
});

test('nesting is allowed up to the cap and refused beyond', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}a${')'.repeat(depth)}`;
  parseFilter(nested(FILTER_DEPTH_MAX / 2 - 1));
  assert.throws(() => parseFilter(nested(FILTER_DEPTH_MAX)), /nested deeper/);
  assert.throws(() => parseFilter(nested(100_000)), /nested deeper/);
});

test('text of a rule never becomes code', () => {
  const hostile = ['"];process.exit(7);//', "');process.exit(7)//", '\u2028process.exit(7)'];
  for (const text of hostile) {
    const quoted = text.includes('"') ? `'${text.replaceAll("'", "\\'")}'` : `"${text}"`;
    const condition = JSON.stringify(`evt.type = execve and (proc.name = ${quoted} or proc.aname contains ${quoted})`);
    load(rule('A', condition));
  }
});

test('a pattern that cannot be run in linear time is refused', () => {
  for (const pattern of ['(?=a)', '(?<!a)b', '(a)\\\\1', '(?<n>a)\\\\k<n>', '(.*a){1001}', '\\\\C']) {
    assert.equal(
      load(rule('A', JSON.stringify(`evt.type = execve and proc.name regex "${pattern}"`))).hasErrors,
      true,
      pattern,
    );
  }
});

test('what a program calls itself cannot move the cursor or forge a line', () => {
  assert.equal(escapeControls('a\n\u001b[2Jb\u202ec\u0085'), 'a\\x0a\\x1b[2Jb\\u202ec\\x85');
  assert.equal(escapeControls('a\udcffb'), 'a\ufffdb');
});

test('a file that is not a list of items is an error with a place', () => {
  const { findings } = load(rule('A', 'evt.type = execve', '  tags: [*nowhere]\n'));
  assert.deepEqual(
    findings.map(({ code, line }) => [code, line]),
    [['LOAD_ERR_YAML_PARSE', 1]],
  );
  assert.equal(load('a: b').findings[0]?.code, 'LOAD_ERR_YAML_VALIDATE');
  assert.equal(load('- rule: [').findings[0]?.code, 'LOAD_ERR_YAML_PARSE');
  assert.equal(load('- rule: A\n  condition: evt.type = execve').findings[0]?.code, 'LOAD_ERR_YAML_VALIDATE');
});

test('no pattern is slow on a text made to make it slow', () => {
  for (const source of ['(a+)+', '(a|aa)+', '([a-z]+)*=', '(.*a){3}', '(?i)(x+x+)+y', '(a*)*b']) {
    const pattern = new Re2(source, { whole: true, dotIsAll: true });
    // Processor time: others may hold up this process for longer.
    const start = process.cpuUsage();
    pattern.test(`${'a'.repeat(30_000)}!`);
    const { user, system } = process.cpuUsage(start);
    assert.ok(user + system < 200_000, source);
  }
});

test('RE2 spellings mean the same here', () => {
  const whole = (source: string) => new Re2(source, { whole: true, dotIsAll: true });
  assert.ok(whole('(?i)ab[c-d]\\d').test('AbD7'));
  assert.ok(whole('(?P<x>[[:alpha:]]+)-\\z').test('abc-'));
  assert.ok(whole('\\p{Greek}+[[:^alpha:]]\\Q.*\\E.{0,200}').test('αβ1.*\n'));
  assert.ok(!whole('a').test('ab'));
});

test('shell patterns match as a shell would', () => {
  const table: [string, string, boolean][] = [
    ['/home/*/.ssh/*', '/home/ana/.ssh/id', true],
    ['/home/*/.ssh/*', '/home/.ssh/id', false],
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*b*c', 'abxbc', true],
    ['a*bc*c', 'abc', false],
    ['**x', 'yx', true],
    ['?b[c-d]', 'abd', true],
    ['[!a]', 'a', false],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
  ];
  for (const [glob, text, expected] of table)
    assert.equal(makeTester('glob', 'text', glob)(text), expected, `${glob} ${text}`);
});

/** Events of one made-up rule over time: at these seconds, with these fields; `step` null is the rule's own condition. */
function fired(
  timing: Record<string, unknown>,
  events: readonly { readonly at: number; readonly step?: number; readonly event: Record<string, string> }[],
): number[] {
  const fields = recordedFields([{ 'container.id': 'a', 'proc.name': 'a', 'fd.rip': 'a' }]);
  const read = readTiming(timing, fields, parseFilter);
  assert.ok(read);
  const rule = new TimedRule(read, fields);
  return events.filter(({ at, step, event }) => rule.take(event, step ?? null, at * 1_000)).map(({ at }) => at);
}

test('a rule over time fires at the number, within the window, for each group by itself', () => {
  const five = { times: 3, within: '10s', by: ['container.id'] };
  const at = (container: string, ...seconds: number[]) =>
    seconds.map((one) => ({ at: one, event: { 'container.id': container } }));
  assert.deepEqual(fired(five, at('x', 1, 2, 3)), [3]);
  assert.deepEqual(fired(five, at('x', 1, 2, 12, 13, 14)), [14], 'the window begins anew');
  assert.deepEqual(fired(five, [...at('x', 1, 2), ...at('y', 3, 4), ...at('x', 5)]), [5]);
  assert.deepEqual(fired(five, at('x', 1, 2, 3, 4, 5, 6)), [3, 6], 'it starts anew after it fired');
});

test('different values are counted, not events; steps must come in their order; news is told once', () => {
  const names = (...list: string[]) =>
    list.map((name, at) => ({ at, event: { 'container.id': 'x', 'proc.name': name } }));
  assert.deepEqual(
    fired({ times: 3, distinct: 'proc.name', within: '1m' }, names('id', 'id', 'id', 'ps', 'ps', 'w')),
    [5],
  );
  const login = { after: [{ condition: 'proc.name = fail', times: 2 }], within: '1m' };
  const events = (...steps: (number | null)[]) =>
    steps.map((step, at) => ({ at, event: { 'container.id': 'x' }, ...(step === null ? {} : { step }) }));
  assert.deepEqual(fired(login, events(null, 0, null, 0, null)), [4]);
  assert.deepEqual(fired(login, events(0, null, null)), []);
  const rip = (at: number, address: string) => ({ at, event: { 'container.id': 'x', 'fd.rip': address } });
  const first = { first: 'fd.rip', learn: '10s' };
  assert.deepEqual(fired(first, [rip(0, 'a'), rip(5, 'b'), rip(20, 'a'), rip(21, 'c'), rip(22, 'c')]), [21]);
});

test('conditions that macros make large are bounded together, and not only each', () => {
  const macros = Array.from({ length: 12 }, (_, one) => {
    const body = one === 0 ? 'proc.name = a or proc.name = b' : `m${one - 1} or m${one - 1}`;
    return `- macro: m${one}\n  condition: (${body})\n`;
  });
  const rules = Array.from({ length: 50 }, (_, one) => rule(`R${one}`, 'evt.type = execve and m11'));
  const { states, findings } = load([...macros, ...rules].join(''));
  assert.ok(states.length > 3 && states.length < 50, `${states.length}`);
  assert.equal(findings.filter(({ message }) => /all rules together/.test(message)).length, 50 - states.length);
});

test('what a rule over time remembers has a bound: the group that was longest quiet goes, long names are still told apart', () => {
  const timing = { times: 1_000, distinct: 'proc.name', within: '1h' };
  const values = (container: string, count: number, at: number) =>
    Array.from({ length: count }, (_, one) => ({ at, event: { 'container.id': container, 'proc.name': `n${one}` } }));
  const others = Array.from({ length: 33 }, (_, one) => values(`other ${one}`, 999, 2)).flat();
  const last = { at: 3, event: { 'container.id': 'x', 'proc.name': 'one more' } };
  assert.deepEqual(fired(timing, [...values('x', 999, 1), ...others.slice(0, 20_000), last]), [3]);
  assert.deepEqual(fired(timing, [...values('x', 999, 1), ...others, last]), []);
  const long = ['a', 'b', 'b', 'c'].map((end, at) => ({
    at,
    event: { 'container.id': 'x', 'proc.name': `${'/folder'.repeat(500)}${end}` },
  }));
  assert.deepEqual(fired({ times: 3, distinct: 'proc.name' }, long), [3]);
  assert.deepEqual(fired({ first: 'proc.name' }, long), [0, 1, 3]);
});

test('what a rule over time says wrongly is an error of the extension', () => {
  for (const wrong of [
    'within: soon',
    'times: 0',
    'by: [proc.nothing]',
    'after: [{times: 2}]',
    'first: fd.rip\n  times: 3',
    'distinct: nothing',
  ]) {
    const { findings } = load(rule('A', 'evt.type = execve', `  ${wrong}\n`));
    assert.equal(findings.find(({ severity }) => severity === 'error')?.code, 'LOAD_ERR_EXTENSION', wrong);
  }
  assert.equal(load(rule('A', 'evt.type = execve', '  times: 3\n  within: 10s\n')).hasErrors, false);
});

test('a list or a map where a text belongs is a mistake with its place, never a crash', () => {
  const odd = [
    '{a: b}',
    '[{a: b}]',
    '[[x]]',
    '{}',
    '[[[x]]]',
    '[{toString: x, valueOf: y}]',
    '{__proto__: x}',
    'null',
    '[]',
  ];
  const whole: Readonly<Record<string, string>> = {
    ...{ rule: 'S', desc: 'd', condition: 'evt.type = execve', output: 'o', priority: 'NOTICE', enabled: 'true' },
    ...{ tags: '[a]', source: 'syscall', warn_evttypes: 'true', 'skip-if-unknown-filter': 'false', times: '3' },
    ...{ within: '5m', by: '[proc.name]', distinct: 'fd.rip', first: 'proc.name', learn: '1h', after: '[]' },
    ...{ exceptions: '[]', override: '{condition: append}', append: 'false' },
  };
  const exception = { name: 'e', fields: '[proc.name]', comps: '[=]', values: '[[a]]' };
  const begin = '- rule: R\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: NOTICE\n';
  const told = (text: string): boolean => {
    const { findings, hasErrors } = load(begin + text);
    for (const { line, column, message } of findings) assert.ok(line >= 1 && column >= 1 && message !== '', text);
    return hasErrors;
  };
  for (const value of odd) {
    for (const key of Object.keys(whole)) {
      const keys = [...new Set(['rule', 'desc', 'condition', 'output', 'priority', key])];
      told(`- ${keys.map((one) => `${one}: ${one === key ? value : whole[one]}`).join('\n  ')}\n`);
      told(`- rule: R\n  append: true\n  ${key}: ${value}\n`);
      for (const word of ['append', 'replace']) told(`- rule: R\n  ${key}: ${value}\n  override: {${key}: ${word}}\n`);
      told(`- list: L\n  items: [a]\n  ${key}: ${value}\n- macro: M\n  condition: proc.name = x\n  ${key}: ${value}\n`);
    }
    for (const key of ['name', 'fields', 'comps', 'values']) {
      const one = Object.entries({ ...exception, [key]: value }).map(([name, text]) => `${name}: ${text}`);
      for (const start of [begin.replace(' R', ' S'), '- rule: R\n  append: true\n'])
        told(`${start}  exceptions: [{${one.join(', ')}}]\n`);
    }
    told(`- required_engine_version: ${value}\n- required_plugin_versions: ${value}\n- list: L\n  items: ${value}\n`);
  }
  // Of a key given twice the first one counts.
  for (const key of ['desc', 'condition', 'output', 'priority', 'source', 'enabled', 'tags', 'within', 'by'])
    assert.equal(told(begin.replace(' R\n', ` S\n  ${key}: [{a: b}]\n`)), true, key);
});

test('rule files with random damage end in findings with a place, never in a crash', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'rules', 'detection', 'time.yaml'), 'utf8');
  const pieces = [
    '"',
    "'",
    '(',
    ')',
    '[',
    ']',
    '{',
    ' and ',
    ' not ',
    ': ',
    '- ',
    '\n',
    '\t',
    '&a',
    '*a',
    '!!js',
    '\u0000',
    '%',
    '<<',
    '0x',
    '\\',
  ];
  let seed = 20_261_122;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const files = process.env['DARSENA_SOAK'] === '1' ? 10_000 : 150;
  for (let n = 0; n < files; n++) {
    let damaged = text;
    for (let change = random(4) + 1; change > 0; change--) {
      const at = random(damaged.length);
      const piece = random(3) === 0 ? '' : (pieces[random(pieces.length)] ?? '');
      damaged = damaged.slice(0, at) + piece + damaged.slice(at + random(40));
    }
    for (const { line, column, message } of load(damaged).findings) {
      assert.ok(line >= 1 && column >= 1 && message !== '', `file ${n}`);
    }
  }
});

test('each rule of the platform has a page in both languages, and each page its rule', () => {
  const names = RuleEngine.load(readShippedRules()).states.map(({ rule }) => rule.name);
  for (const language of ['en', 'es'] as const) {
    const pages = readRulePages(language);
    assert.deepEqual([...pages.keys()].sort(), [...names].sort());
    // Spanish readers get a name of their own for each; rules themselves are named in English.
    for (const [name, { title }] of pages) assert.equal(title === name, language === 'en', name);
  }
  assert.equal(techniqueOf('T1003.008')?.url, 'https://attack.mitre.org/techniques/T1003/008/');
  assert.equal(techniqueOf('shell'), undefined);
});

test('a file is taken, warned of or refused as Falco does it', () => {
  const base = (more = '', name = 'r') =>
    `- rule: ${name}\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n${more}`;
  const use = '- rule: r\n  desc: d\n  condition: m\n  output: o\n  priority: INFO\n';
  const useL =
    '- rule: r\n  desc: d\n  condition: evt.type = execve and proc.name in (l)\n  output: o\n  priority: INFO\n';
  const ex = (v: string) =>
    `  exceptions:\n    - name: e\n      fields: [proc.cmdline]\n      comps: [contains]\n      values:\n        - [${v}]\n`;
  const cases: readonly (readonly [name: string, text: string, verdict: 'ok' | 'warn' | 'error', on?: number])[] = [
    [
      'priority cannot be appended',
      `${base()}- rule: r\n  priority: WARNING\n  override:\n    priority: append\n`,
      'error',
    ],
    [
      'append and override together',
      `${base()}- rule: r\n  condition: and proc.name = cat\n  append: true\n  override:\n    condition: append\n`,
      'error',
    ],
    [
      'macro override append first',
      '- macro: m\n  condition: or evt.type = open\n  override:\n    condition: append\n- macro: m\n  condition: evt.type = execve\n' +
        use,
      'error',
    ],
    [
      'macro override replace first',
      '- macro: m\n  condition: evt.type = open\n  override:\n    condition: replace\n- macro: m\n  condition: evt.type = execve\n' +
        use,
      'ok',
      1,
    ],
    [
      'macro append first',
      `- macro: m\n  condition: or evt.type = open\n  append: true\n- macro: m\n  condition: evt.type = execve\n${use}`,
      'error',
    ],
    ['list append first', `- list: l\n  items: [a]\n  append: true\n- list: l\n  items: [b]\n${useL}`, 'error'],
    [
      'list override append first',
      `- list: l\n  items: [a]\n  override:\n    items: append\n- list: l\n  items: [b]\n${useL}`,
      'error',
    ],
    [
      'list override replace first',
      `- list: l\n  items: [a]\n  override:\n    items: replace\n- list: l\n  items: [b]\n${useL}`,
      'ok',
      1,
    ],
    [
      'rule override append first',
      `- rule: r\n  condition: and proc.name = cat\n  override:\n    condition: append\n${base()}`,
      'error',
    ],
    [
      'rule override replace first',
      `- rule: r\n  condition: evt.type = open\n  override:\n    condition: replace\n${base()}`,
      'error',
    ],
    [
      'override of a key not given',
      `${base()}- rule: r\n  desc: x\n  override:\n    desc: replace\n    condition: append\n`,
      'error',
    ],
    [
      'override of a key without a value',
      `${base()}- rule: r\n  condition:\n  override:\n    condition: replace\n`,
      'error',
    ],
    ['override of a text by a list', `${base()}- rule: r\n  desc: [x]\n  override:\n    desc: replace\n`, 'error'],
    ['a switch that is a word', `${base()}- rule: r\n  enabled: never\n  override:\n    enabled: replace\n`, 'error'],
    [
      'a key not in override',
      base() +
        '- rule: r\n  desc: x\n  condition: and proc.name = cat\n  priority: WARNING\n  override:\n    desc: replace\n    condition: append\n',
      'error',
    ],
    [
      'enabled named, not given',
      `${base('  enabled: false\n')}- rule: r\n  desc: x\n  override:\n    desc: replace\n    enabled: replace\n`,
      'error',
    ],
    [
      'enabled by override',
      base('  enabled: false\n') +
        '- rule: r\n  desc: x\n  enabled: true\n  override:\n    desc: replace\n    enabled: replace\n',
      'ok',
      1,
    ],
    [
      'partial exception replaced',
      base(ex('a')) +
        '- rule: r\n  exceptions:\n    - name: e\n      values: [[b]]\n  override:\n    exceptions: replace\n',
      'error',
    ],
    [
      'partial exception appended',
      base(ex('a')) +
        '- rule: r\n  exceptions:\n    - name: e\n      values: [[b]]\n  override:\n    exceptions: append\n',
      'ok',
      1,
    ],
    ['switched on alone', `${base('  enabled: false\n')}- rule: r\n  enabled: true\n`, 'warn', 1],
    [
      'append ignores enabled',
      `${base('  enabled: false\n')}- rule: r\n  condition: and proc.name = cat\n  append: true\n  enabled: true\n`,
      'warn',
      0,
    ],
    ['rewritten whole', base('  enabled: false\n') + base('  enabled: true\n'), 'ok', 1],
    ['version semver', `- required_engine_version: 0.26.0\n${base()}`, 'ok', 1],
    ['version number', `- required_engine_version: 26\n${base()}`, 'ok', 1],
    ['version word', `- required_engine_version: seven\n${base()}`, 'error'],
    ['version far', `- required_engine_version: 99.0.0\n${base()}`, 'error'],
    ['unused list', `- list: l\n  items: [a, "b c"]\n${base()}`, 'warn', 1],
    ['unused macro', `- macro: m\n  condition: evt.type = execve\n${base()}`, 'warn', 1],
    ['macro name', `- macro: test-macro\n  condition: evt.type = execve\n${base()}`, 'warn', 1],
    ['list name', `- list: test list\n  items: [a]\n${base()}`, 'warn', 1],
    [
      'exception no values',
      `${base(ex('a'))}- rule: r\n  exceptions:\n    - name: e\n      value: x\n  append: true\n`,
      'warn',
      1,
    ],
    [
      'exception no values override',
      `${base(ex('a'))}- rule: r\n  exceptions:\n    - name: e\n      value: x\n  override:\n    exceptions: append\n`,
      'warn',
      1,
    ],
    [
      'exception twice',
      base(
        ex('a') +
          '    - name: e\n      fields: [proc.cmdline]\n      comps: [endswith]\n      values:\n        - [b]\n',
      ),
      'warn',
      1,
    ],
    ['deprecated append', `${base()}- rule: r\n  condition: and proc.name = cat\n  append: true\n`, 'warn', 1],
    ['output missing', '- rule: r\n  desc: d\n  condition: evt.type = execve\n  priority: INFO\n', 'error'],
    ['priority wrong', base().replace('INFO', 'LOUD'), 'error'],
    ['unknown source', base('  source: nothing\n'), 'warn', 0],
    ['unknown source skipped', base('  source: nothing\n  skip-if-unknown-filter: true\n'), 'warn', 0],
    ['unknown filter', base().replace('evt.type = execve', 'evt.type = execve and no.field = 1'), 'error'],
    [
      'unknown filter skipped',
      base('  skip-if-unknown-filter: true\n').replace('evt.type = execve', 'evt.type = execve and no.field = 1'),
      'warn',
      0,
    ],
    ['unknown key', base('  colour: red\n'), 'warn', 1],
    ['unknown item', `- thing: x\n${base()}`, 'warn', 1],
    [
      'exception fields scalar',
      base('  exceptions:\n    - name: e\n      fields: proc.name\n      comps: in\n      values: [cat, id]\n'),
      'ok',
      1,
    ],
    [
      'exception comps too few',
      base(
        '  exceptions:\n    - name: e\n      fields: [proc.name, proc.pname]\n      comps: [=]\n      values: [[a, b]]\n',
      ),
      'error',
    ],
    [
      'exception values too few',
      base(
        '  exceptions:\n    - name: e\n      fields: [proc.name, proc.pname]\n      comps: [=, =]\n      values: [[a]]\n',
      ),
      'error',
    ],
    [
      'exception field unknown',
      base('  exceptions:\n    - name: e\n      fields: [no.field]\n      values: [[a]]\n'),
      'error',
    ],
    ['exception without name', base('  exceptions:\n    - fields: [proc.name]\n      values: [[a]]\n'), 'error'],
    [
      'exception without comps',
      base('  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: [[a]]\n'),
      'ok',
      1,
    ],
    ['tags replace', `${base('  tags: [a]\n')}- rule: r\n  tags: [b]\n  override:\n    tags: append\n`, 'ok', 1],
    ['empty document', '', 'ok', 0],
    ['plugin version', `- required_plugin_versions:\n  - name: json\n    version: 0.1.0\n${base()}`, 'warn', 1],
    ['rule refers to unknown macro', use, 'error'],
    ['no evt type', base().replace('evt.type = execve', 'proc.name = cat'), 'warn', 1],
  ];
  const wrong = cases.flatMap(([name, text, verdict, on]) => {
    const engine = load(text);
    const got = engine.hasErrors ? 'error' : engine.findings.length > 0 ? 'warn' : 'ok';
    const active = engine.states.filter(({ offReason }) => offReason === null).length;
    const isRight = got === verdict && (on === undefined || got === 'error' || active === on);
    return isRight ? [] : [`${name}: ${got}, ${active} on`];
  });
  assert.deepEqual(wrong, []);
});

test('what is appended binds as if it stood in one text', () => {
  const first = rule('A', 'evt.type = execve or evt.type = open');
  const joined = load(`${first}- rule: A\n  condition: and proc.name = cat\n  override:\n    condition: append\n`);
  const whole = load(rule('A', 'evt.type = execve or evt.type = open and proc.name = cat'));
  const shape = (engine: RuleEngine) =>
    JSON.stringify(engine.states[0]?.rule.filter, (key, value: unknown) => (key === 'at' ? undefined : value));
  assert.equal(shape(joined), shape(whole));
  // A mistake in what was appended is told where it stands; without a word between them the texts are no condition.
  for (const added of ['and proc.nmae = cat', 'proc.name = cat']) {
    const { findings } = load(`${first}- rule: A\n  condition: ${added}\n  override:\n    condition: append\n`);
    assert.deepEqual(
      findings.map(({ code, line }) => [code, line]),
      [['LOAD_ERR_COMPILE_CONDITION', 7]],
    );
  }
});

test('what YAML leaves open is read as Falco reads it', () => {
  const base = rule('A', 'evt.type = execve');
  const verdict = (text: string) => {
    const engine = load(text);
    const on = engine.states.filter(({ offReason }) => offReason === null).length;
    return [engine.findings.map(({ code }) => code).join(' '), on] as const;
  };
  const cases: readonly (readonly [text: string, codes: string, on: number])[] = [
    [`${base}---\n${rule('B', 'evt.type = execve')}`, '', 2],
    [`---\n${base}---\n`, '', 1],
    [`-\n${base}- ~\n`, '', 1],
    [rule('A', 'evt.type = execve', '  enabled: no\n'), '', 0],
    [rule('A', 'evt.type = execve', '  enabled: "False"\n'), '', 0],
    [rule('A', 'evt.type = execve', '  enabled: On\n'), '', 1],
    [rule('A', 'evt.type = execve', '  enabled: fAlse\n'), 'LOAD_ERR_YAML_VALIDATE', 0],
    [rule('A', 'evt.type = execve', '  enabled: 0\n'), 'LOAD_ERR_YAML_VALIDATE', 0],
    [`${base}- rule: A\n  condition: and proc.name = x\n  append: yes\n`, 'LOAD_DEPRECATED_ITEM', 1],
    [`- rule: A\n  append: false\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n`, '', 1],
    [rule('123', 'evt.type = execve'), '', 1],
    [rule('A', 'evt.type = execve', '  desc: again\n'), 'LOAD_UNKNOWN_KEY', 1],
    [rule('A', 'evt.type = execve', '  prority: INFO\n'), 'LOAD_UNKNOWN_KEY', 1],
    [rule('A', 'evt.type = execve', '  capture: true\n  capture_duration: 5000\n  warn_evttypes: false\n'), '', 1],
    [`${base}- rule: A\n  tags: [x]\n  enabled: false\n`, 'LOAD_DEPRECATED_ITEM', 0],
    [`${base}- rule: A\n  tags: [x]\n`, 'LOAD_ERR_YAML_VALIDATE', 1],
    [
      `- macro: m\n  condition: n\n- macro: n\n  condition: evt.type = execve\n${rule('A', 'm')}`,
      'LOAD_ERR_VALIDATE LOAD_ERR_VALIDATE LOAD_UNUSED_MACRO',
      0,
    ],
    [`- macro: n\n  condition: evt.type = execve\n- macro: m\n  condition: n\n${rule('A', 'm')}`, '', 1],
    [rule('A', 'nothing'), 'LOAD_ERR_VALIDATE', 0],
    [`${base}${rule('A', 'evt.type = execve', '  source: k8s_audit\n')}`, 'LOAD_ERR_VALIDATE', 1],
    [
      rule('A', 'evt.type = execve', '  output: x\n').replace('o %proc.name', 'o %container.info'),
      'LOAD_UNKNOWN_KEY LOAD_DEPRECATED_ITEM',
      1,
    ],
    [`- required_engine_version: 0.31\n${base}`, 'LOAD_ERR_YAML_VALIDATE', 1],
    [`- required_engine_version: 0.31.0-alpha\n${base}`, '', 1],
    [`- required_engine_version: 1.0.0\n${base}`, 'LOAD_ERR_VALIDATE', 1],
    [`- required_plugin_versions:\n  - name: json\n${base}`, 'LOAD_ERR_YAML_VALIDATE', 1],
    [`- required_plugin_versions:\n  - name: json\n    version: new\n${base}`, 'LOAD_ERR_VALIDATE', 1],
    [
      `- required_plugin_versions:\n  - name: k8smeta\n    version: 0.1.0\n    alternatives:\n      - name: container\n        version: 0.2.0\n${base}`,
      '',
      1,
    ],
  ];
  for (const [text, codes, on] of cases) assert.deepEqual(verdict(text), [codes, on], text);
  const list = '- list: l\n  items: [0600, 1.0, 0x1F, yes, 1e3]\n';
  const [state] = load(`${list}${rule('A', 'evt.type = execve and proc.name in (l)')}`).states;
  assert.match(JSON.stringify(state?.rule.filter), /"0600".*"1\.0".*"0x1F".*"yes".*"1e3"/);
});

test('aliases of a file are bounded together, however they are spread over its items', () => {
  const codes = (text: string): string[] => [
    ...new Set(parseRuleFile('r.yaml', text).findings.map(({ code }) => code)),
  ];
  const ten = (of: string): string => Array.from({ length: 10 }, () => of).join(', ');
  const levels = ['a', 'b', 'c', 'd', 'e', 'f'];
  const bomb = levels.map((name, at) => `  ${name}: &${name} [${ten(at === 0 ? 'x' : `*${levels[at - 1]}`)}]\n`);
  assert.deepEqual(codes(`- list: l\n${bomb.join('')}`).includes('LOAD_ERR_YAML_PARSE'), true);
  const wide = `- list: w\n  items: &w [${ten(ten(ten('x')))}]\n`;
  const items = (count: number): string =>
    Array.from({ length: count }, (_, at) => `- list: l${at}\n  items: *w\n`).join('');
  assert.deepEqual(codes(wide + items(50)), []);
  assert.deepEqual(codes(wide + items(150)), ['LOAD_ERR_YAML_PARSE']);
  assert.deepEqual(codes(`- list: l\n  items: &l [*l]\n`), ['LOAD_ERR_YAML_PARSE']);
  // Each is found by one walk of the file.
  const many = `- list: m\n  items: [&s x, ${Array.from({ length: 900 }, () => '*s').join(', ')}]\n${rule('A', 'evt.type = execve').repeat(5_000)}`;
  assert.deepEqual(codes(many), []);
});

test('files with mistakes do not take those beside them out of force where nothing of them is at work yet', () => {
  const shipped = { file: 's.yaml', text: `- macro: m\n  condition: evt.type = execve\n${rule('S', 'm')}` };
  const wrong = { file: 'wrong.yaml', text: rule('W', 'evt.type = exceve') };
  const sound = { file: 'sound.yaml', text: rule('G', 'evt.type = execve') };
  const names = (files: readonly { file: string; text: string }[]): string[] =>
    RuleEngine.loadSound(files, new Set(['s.yaml'])).states.map(({ rule: { name } }) => name);
  assert.deepEqual(names([shipped, wrong, sound]), ['S', 'G']);
  const breaks = { file: 'breaks.yaml', text: '- macro: m\n  condition: nothing\n' };
  assert.deepEqual(names([shipped, breaks, sound]), ['S', 'G']);
});

test('an exception is the text of a condition, as for Falco', () => {
  const one = (fields: string, comps: string, values: string) => {
    const engine = load(
      rule(
        'A',
        'evt.type = execve',
        `  exceptions:\n    - name: e\n      fields: ${fields}\n${comps}      values: ${values}\n`,
      ),
    );
    const filter = JSON.stringify(engine.states[0]?.rule.filter ?? null, (key, value: unknown) =>
      key === 'at' ? undefined : value,
    );
    return { codes: engine.findings.map(({ code }) => code).join(' '), filter };
  };
  const equals = '      comps: ["="]\n';
  assert.match(one('[proc.name]', equals, '[["toupper(proc.pname)"]]').filter, /"kind":"transform","name":"toupper"/);
  assert.equal(one('[proc.name]', equals, '[["toupper(proc.pname)"]]').codes, '');
  assert.match(one('[proc.name]', equals, '[["toupper( proc.pname)"]]').filter, /"text":"toupper\( proc.pname\)"/);
  assert.equal(one('[proc.name]', equals, '[["toupper( proc.pname)"]]').codes, 'LOAD_COMPILE_CONDITION');
  assert.equal(one('[proc.name]', equals, '[[proc.pname]]').codes, 'LOAD_COMPILE_CONDITION');
  assert.equal(one('[proc.name]', equals, '[["proc.pname "]]').codes, 'LOAD_COMPILE_CONDITION');
  assert.match(one('["tolower( proc.name)"]', equals, '[[test]]').filter, /"name":"tolower"/);
  assert.match(
    one('[proc.name, fd.name]', '      comps: [in, "="]\n', '[["(a, b)", c]]').filter,
    /"text":"a".*"text":"b"/,
  );
  assert.match(one('[proc.cmdline]', '      comps: [contains]\n', '[[curl 127.0.0.1]]').filter, /"curl 127\.0\.0\.1"/);
  assert.equal(one('proc.name', '      comps: "="\n', '[a]').codes, 'LOAD_ERR_VALIDATE');
  assert.equal(one('proc.name', '      comps: pmatch\n', '[/a]').codes, '');
  assert.equal(one('proc.name', '', 'a').codes, 'LOAD_ERR_YAML_VALIDATE');
  assert.equal(one('[proc.name]', '      comps: [like]\n', '[[a]]').codes, 'LOAD_ERR_VALIDATE');
  assert.equal(one('[proc.nothing]', '', '[]').codes, 'LOAD_ERR_VALIDATE');
  const more = (change: string) =>
    load(
      `${rule('A', 'evt.type = execve', '  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: [[a]]\n')}- rule: A\n  exceptions:\n    - name: ${change}\n  override:\n    exceptions: append\n`,
    )
      .findings.map(({ code }) => code)
      .join(' ');
  assert.equal(more('e\n      values: [[b]]'), '');
  assert.equal(more('e\n      fields: [proc.exe]\n      values: [[b]]'), 'LOAD_ERR_VALIDATE');
  assert.equal(more('f\n      values: [[b]]'), 'LOAD_ERR_VALIDATE');
  assert.equal(more('f\n      fields: [proc.exe]'), 'LOAD_APPEND_NO_VALUES LOAD_ERR_VALIDATE');
});

test('a type of event that nobody knows is an error, and its hint the nearest', () => {
  const [finding] = load(rule('A', 'evt.type = exceve')).findings;
  assert.deepEqual([finding?.code, finding?.hint], ['LOAD_ERR_COMPILE_CONDITION', 'did you mean "execve"?']);
  assert.equal(load(rule('A', 'evt.type in (open, nosuch)')).hasErrors, true);
  const skipped = load(rule('A', 'evt.type = nosuch', '  skip-if-unknown-filter: true\n'));
  assert.deepEqual(
    skipped.findings.map(({ code }) => code),
    ['LOAD_UNKNOWN_FILTER'],
  );
  for (const name of ['statx', 'io_uring_setup', 'procexit', 'container', 'dns_question', 'fchmodat2'])
    assert.equal(load(rule('A', `evt.type = ${name} or evt.type = execve`)).hasErrors, false, name);
});

test('values are what the C library of Falco takes them for', () => {
  const held = (condition: string, event: Readonly<Record<string, string | number>>): boolean | string => {
    const source = recordedFields([event]);
    try {
      const filter = parseFilter(condition);
      checkFilter(filter, source);
      return compileFilters([filter], source)(event) !== null;
    } catch (error) {
      return error instanceof Error ? 'wrong' : '';
    }
  };
  const event = {
    'proc.name': 'A]b-3\\',
    'fd.sport': 22,
    'fd.snet': '10.1.2.3',
    'fd.sip': '10.1.2.3',
    'proc.args': 'aGVsbG8=',
  };
  const cases: readonly (readonly [string, boolean | string])[] = [
    ['proc.name glob "[[:upper:]]*"', true],
    ['proc.name glob "[[:lower:]]*"', false],
    ['proc.name glob "A[]]b*"', true],
    ['proc.name glob "A[!]]b*"', false],
    ['proc.name glob "A[!x]b[-x][[:digit:]]*"', true],
    ["proc.name glob 'A[\\]]b*'", true],
    ['proc.name glob "[[:nothing:]]*"', false],
    ['proc.name iglob "a[[:punct:]]B*"', true],
    ['proc.name glob "[Z-A]*"', false],
    ['proc.name glob "[!Z-A]*"', true],
    ['proc.name glob "[@-B][]-^]b[--.]3*"', true],
    ['proc.name glob "A[[x]*"', false],
    ['proc.name glob "[[:upper:]][^[:alnum:][:space:][:blank:][:cntrl:]][[:print:]]*"', true],
    ['fd.sport = ssh', true],
    ['fd.sport in (http, ssh)', true],
    ['fd.sport > 20', true],
    ['fd.sport = nothing', 'wrong'],
    ['fd.snet = 10.1.2.3', 'wrong'],
    ['fd.snet = "10.0.0.0/8"', true],
    ['fd.sip = "10.0.0.0/8"', 'wrong'],
    ['b64(proc.args) = hello', true],
    ['tolower(proc.name) startswith "a]b"', true],
  ];
  for (const [condition, wanted] of cases) assert.equal(held(condition, event), wanted, condition);
  for (const wrong of ['aGVsbG9=', 'aGVs-G8=', 'a', 'aGVsbG8===', 'not base64 at all'])
    assert.equal(held('b64(proc.args) exists', { 'proc.args': wrong }), false, wrong);
  // The Kelvin sign is no letter k.
  assert.equal(held('proc.name icontains k', { 'proc.name': '\u212a' }), false);
  assert.equal(held('tolower(proc.name) = "\u00c4x"', { 'proc.name': '\u00c4X' }), true);
});

test('A4: a pattern of brackets that never end is read in a moment', () => {
  // Read to its end for each of them, one of these took a second, and a file has hundreds.
  for (const piece of ['[', '[:', '[[:', '[a-', '[!', '[:x:', '[\\]'])
    for (let times = 0; times < 200; times++)
      assert.doesNotThrow(() => makeTester('glob', 'text', piece.repeat(4_000 / piece.length)));
  assert.equal(makeTester('glob', 'text', '[x[:digit:]')('[x5'), false);
  assert.equal(makeTester('glob', 'text', '[x[[:digit:]]')('5'), true);
});

test('A4: names and escapes of JavaScript in the text of a rule stay text, wherever they stand', () => {
  const payloads = [
    ...[
      'constructor',
      '__proto__',
      'prototype',
      'toString',
      'hasOwnProperty',
      'valueOf',
      '__defineGetter__',
      'globalThis',
    ],
    ...[
      '\u0024{globalThis.hacked=1}',
      '`\u0024{globalThis.hacked=1}`',
      '");globalThis.hacked=1;("',
      "');globalThis.hacked=1;('",
    ],
    ...[
      '\\u0022);globalThis.hacked=1;(',
      '\\x22);globalThis.hacked=1;(',
      '\u2028globalThis.hacked=1//',
      '\u2029globalThis.hacked=1//',
    ],
    ...[
      '*/globalThis.hacked=1/*',
      '</script><script>globalThis.hacked=1',
      'e.constructor.constructor("globalThis.hacked=1")()',
    ],
    ...[
      '\\u{22}+globalThis.hacked',
      '\u0000globalThis.hacked=1',
      'process.exit(9)',
      'require("fs")',
      'import("fs")',
      '=>globalThis.hacked=1',
    ],
  ];
  const places: readonly ((payload: string) => string)[] = [
    (one) => rule('A', `evt.type = execve and proc.name = ${one}`),
    (one) => rule('A', JSON.stringify(`evt.type = execve and proc.name = ${JSON.stringify(one)}`)),
    (one) => rule('A', JSON.stringify(`evt.type = execve and proc.env[${one}] exists`)),
    (one) => rule(JSON.stringify(one), JSON.stringify(`evt.type = execve and ${one}.x = 1`)),
    (one) =>
      `- list: ${JSON.stringify(one)}\n  items: [${JSON.stringify(one)}]\n- macro: ${JSON.stringify(one)}\n  condition: evt.type = execve\n`,
    (one) => rule('A', 'evt.type = execve', `  ${JSON.stringify(one)}: 1\n  tags: [${JSON.stringify(one)}]\n`),
    (one) =>
      `- rule: A\n  desc: ${JSON.stringify(one)}\n  condition: evt.type = execve\n  output: ${JSON.stringify(one)}\n  priority: INFO\n`,
    (one) =>
      rule(
        'A',
        'evt.type = execve',
        `  exceptions:\n    - name: ${JSON.stringify(one)}\n      fields: proc.name\n      values: [${JSON.stringify(one)}]\n`,
      ),
  ];
  let tried = 0;
  for (const payload of payloads) {
    for (const place of places) {
      const engine = load(place(payload));
      const names = engine.states.filter(({ offReason }) => offReason === null).length;
      assert.ok(names <= 1 && engine.findings.every(({ line, message }) => line >= 1 && message !== ''), payload);
      // Functions are made when the first event comes: what would be run is run here.
      const source = recordedFields([{ 'proc.name': 'x', 'evt.type': 'execve' }]);
      for (const { rule: made } of engine.states)
        compileFilters([made.filter], source)({ 'proc.name': 'x', 'evt.type': 'execve' });
      tried++;
    }
  }
  assert.ok(tried >= 100);
  assert.equal(Object.hasOwn(globalThis, 'hacked'), false);
  assert.equal(Object.hasOwn(Object.prototype, 'hacked'), false);
});

/** Whether the live engine takes the condition, and what it says where it does not. */
const refusal = (condition: string): string => {
  const [error] = load(rule('A', JSON.stringify(condition))).findings.filter(({ severity }) => severity === 'error');
  return error?.message ?? '';
};

test('fields with a comparison of their own, lists and texts are compared as Falco compares them', () => {
  for (const [condition, message] of [
    ['proc.name regex val(proc.exe)', /takes values only/],
    ['fd.name pmatch val(fd.directory)', /takes values only/],
    ['fd.ip = val(fd.sip)', /"fd\.ip" is compared with values only/],
    ['fd.sip = val(fd.ip)', /"fd\.ip" is compared with values only/],
    ['fd.snet = val(fd.cnet)', /"fd\.snet"/],
    ['fd.port = val(fd.sport)', /"fd\.port"/],
    ['proc.name = val(proc.aname[2])', /"proc\.aname"/],
    ['evt.rawarg.res = val(evt.rawres)', /"evt\.rawarg\.res"/],
    ['toupper(proc.aname) = SH', /"toupper" cannot be used on the field "proc\.aname"/],
    ['evt.buffer icontains x', /cannot be used with bytes/],
    ['fd.types = file', /cannot be used with a list/],
    ['fd.types startswith f', /cannot be used with a list/],
    ["getopt(('-n'), 'n') = n", /cannot be used with a list/],
    ['join(fd.types, (proc.name)) = x', /first argument of "join"/],
    ['concat(fd.types, proc.name) = x', /"concat" takes texts/],
    ['concat(proc.name, ("a", "b")) = x', /"concat" takes texts/],
    ['getopt(("-n"), ("n")) intersects (n)', /second argument of "getopt"/],
    ['join("-", ((proc.name))) = x', /expected a field/],
  ] as const)
    assert.match(refusal(`evt.type = execve and ${condition}`), message, condition);
  for (const condition of [
    'proc.name = val(proc.pname)',
    'fd.cip = val(fd.sip)',
    'fd.types in (file, ipv4)',
    'fd.types intersects (ipv4)',
    'getopt(("-n"), "n")[n] exists',
    'join(",", fd.types) = file',
    'len(fd.types) > 1',
  ])
    assert.equal(refusal(`evt.type = execve and ${condition}`), '', condition);
});

test('of several values one, all or none must satisfy the operator, by what they are', () => {
  const event = {
    'evt.num': 1,
    'fd.types': ['file', 'ipv4'],
    'proc.aname[1]': 'bash',
    'proc.aname[2]': 'init',
    'fd.cip': '10.0.0.1',
    'fd.sip': '10.0.0.2',
    'proc.name': 'cat',
  };
  const fields = recordedFields([event]);
  const holds = (condition: string): boolean => {
    const filter = parseFilter(condition);
    checkFilter(filter, fields);
    return compileFilters([filter], fields)(event) !== null;
  };
  for (const [condition, held] of [
    ['proc.aname != bash', true],
    ['not proc.aname = bash', false],
    ['proc.aname in (init)', true],
    ['fd.ip != 10.0.0.1', false],
    ['fd.ip != 10.0.0.3', true],
    ['fd.types in (file)', false],
    ['fd.types in (file, ipv4, ipv6)', true],
    ['fd.types intersects (ipv4, unix)', true],
    ['getopt(("x"), "n") in (n)', true],
    ['getopt(("-n"), "n") in (n)', true],
    ['getopt(("-n", "-m"), "nm") in (n)', false],
    ['proc.name = allof ()', false],
    ['proc.name != allof ()', false],
    ['proc.name startswith anyof ()', false],
    ['proc.name in ()', false],
  ] as const)
    assert.equal(holds(condition), held, condition);
});

test('an output takes widths, transformers in each other and the longest field; a "%" without a field is an error', () => {
  const output = (text: string): string => {
    const fields = recordedFields([{ 'proc.name': 'cat', 'proc.exepath': '/bin/cat', 'fd.types': ['file', 'ipv4'] }]);
    return compileOutput(text, fields).format({ 'proc.name': 'cat', 'proc.exepath': '/bin/cat', 'fd.types': ['file'] })
      .text;
  };
  assert.equal(output('*%5proc.name|%2proc.name|%proc.names|%proc.name.'), 'cat  |ca|cats|cat.');
  assert.equal(output('%toupper(basename(proc.exepath)) %join("-", (proc.name, "x"))'), 'CAT cat-x');
  assert.equal(output('%fd.types [%proc.name[x]]'), '(file) [cat[x]]');
  for (const [wrong, place, message] of [
    ['100%', 3, /must be followed by a field/],
    ['50% of it', 2, /must be followed by a field/],
    ['%%proc.name', 0, /must be followed by a field/],
    ['%9', 0, /must be followed by a field/],
    ['*a %nothing_of_it', 4, /expected a field/],
    ['%proc.nmae', 1, /unknown field/],
    ['%99999proc.name', 0, /width/],
  ] as const)
    assert.throws(
      () => output(wrong),
      (error: FilterError) => message.test(error.message) && error.at === place,
      wrong,
    );
  const skipped = load(
    rule('A', 'evt.type = execve', '  skip-if-unknown-filter: true\n').replace('proc.name', 'no.field'),
  );
  assert.deepEqual(
    skipped.findings.map(({ code }) => code),
    ['LOAD_UNKNOWN_FILTER'],
  );
});

test('a rule that leaves nearly every type of event is told of, unless it asks not to be', () => {
  const codes = (condition: string, rest = ''): string =>
    load(rule('A', condition, rest))
      .findings.map(({ code }) => code)
      .join(' ');
  for (const condition of [
    'proc.name = cat',
    'evt.type != execve',
    'not evt.type in (execve, open)',
    'evt.type = open or proc.name = x',
  ])
    assert.equal(codes(condition), 'LOAD_NO_EVTTYPE', condition);
  for (const condition of ['evt.type in (execve, open) and proc.name != x', 'not proc.name = x and evt.type = open'])
    assert.equal(codes(condition), '', condition);
  assert.equal(codes('proc.name = cat', '  warn_evttypes: false\n'), '');
  assert.equal(
    codes('proc.name = cat', '- rule: A\n  warn_evttypes: false\n  override:\n    warn_evttypes: replace\n'),
    '',
  );
});

test('A4: hints for a file of nothing but unknown names cost next to nothing, and ordinary files have all of theirs', () => {
  const ordinary = Array.from({ length: 40 }, (_, i) => rule(`R${i}`, 'evt.type = execve and proc.nmae = x')).join('');
  assert.ok(load(ordinary).findings.every(({ hint }) => hint === 'did you mean "proc.name"?'));
  const macros = Array.from(
    { length: 600 },
    (_, i) => `- macro: a_macro_${i}_of_many\n  condition: (proc.name = a${i})\n`,
  );
  const slips = Array.from({ length: 20 }, (_, i) => rule(`R${i}`, `evt.type = execve and a_marco_${i}_of_many`));
  const told = load([...macros, ...slips].join('')).findings.filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    told.map(({ hint }) => hint),
    slips.map((_, i) => `did you mean "a_macro_${i}_of_many"?`),
  );
  const hints = new Hints();
  const known = Array.from({ length: 20_000 }, (_, i) => `a_macro_with_a_rather_long_name_${i}`);
  const begun = process.cpuUsage();
  for (let i = 0; i < 20_000; i++) hints.for({ name: `a_macro_with_a_rather_long_nam_${i}`, known });
  const { user } = process.cpuUsage(begun);
  assert.ok(user < 2_000_000, `${user} microseconds`); // all of them in full would be minutes
});

test('Falco’s warnings of patterns that are plain text', () => {
  const warned = (pattern: string): boolean =>
    load(rule('A', JSON.stringify(`evt.type = execve and proc.name regex ${pattern}`))).findings.some(
      ({ code }) => code === 'LOAD_COMPILE_CONDITION',
    );
  for (const one of ['call', '^call$', '^call', 'call$', '.*call', 'call.*', '.*call.*', '.+call', 'call.?'])
    assert.ok(warned(one), one);
  for (const one of ['call.{1}', 'call\\.*', 'c.*l', 'cal[l]?']) assert.ok(!warned(one), one);
});

test('a file with a mark of its encoding and lines of another system is the same file', () => {
  const text = `${rule('A', 'evt.type = execve')}${rule('B', 'evt.type = open')}`;
  for (const one of [`\ufeff${text}`, text.replaceAll('\n', '\r\n'), `\ufeff${text.replaceAll('\n', '\r\n')}`])
    assert.deepEqual([load(one).findings, load(one).states.map(({ rule: { name } }) => name)], [[], ['A', 'B']]);
});

test('a byte by its number in quotes is that byte; without quotes its letters are compared, and that is warned of', () => {
  const found = (condition: string): string[] =>
    load(rule('A', JSON.stringify(`evt.type in (open, openat) and ${condition}`))).findings.map(
      ({ code, message }) => `${code}: ${message}`,
    );
  const good = [
    `fd.name contains "\\xff"`,
    `fd.name in (/a, "/p\\x80")`,
    `fd.name glob '*\\x1b?'`,
    `fd.name = "/x41"`,
    `fd.name regex "a\\x41.b"`,
  ];
  for (const one of good) assert.deepEqual(found(one), [], one);
  const inBytes = load(rule('A', JSON.stringify('evt.type = write and evt.buffer contains "\\x00\\x90"')));
  assert.deepEqual(
    inBytes.findings.filter(({ severity }) => severity === 'error'),
    [],
  );
  assert.match(found('fd.name = /a\\xff')[0] ?? '', /LOAD_COMPILE_CONDITION.*byte's number/);
  for (const [one, why] of [
    [`fd.name = "/\\x4"`, /two hexadecimal digits/],
    [`fd.name = "/\\x"`, /two hexadecimal digits/],
    [`fd.name = "/\\xfg"`, /two hexadecimal digits/],
    [`fd.name = "/\\x+a"`, /two hexadecimal digits/],
    [`proc.name = '\\x00'`, /NUL/],
    [`proc.name in (a, "b\\x00c")`, /NUL/],
    [`fd.name regex "\\xff"`, /pattern has letters/],
  ] as const)
    assert.match(found(one).join(), why, one);
});

test('ports have the names that /etc/services of Debian gives them', () => {
  for (const [name, port] of [
    ['ssh', 22],
    ['www', 80],
    ['https', 443],
    ['postgresql', 5432],
    ['krb5', 88],
    ['icp', 3130],
    ['http-alt', 8080],
  ] as const)
    assert.equal(portOfService(name), port, name);
  for (const name of ['', 'nothing', 'constructor', '__proto__', '22']) assert.equal(portOfService(name), undefined);
  assert.match(refusal('evt.type = connect and fd.sport = nothing'), /neither a port nor a service/);
  assert.equal(refusal('evt.type = connect and fd.sport in (www, redis)'), '');
});

test('rules are read step by step: no step is more than a file or a rule, and the last one gives all of them', () => {
  const files = [
    ...readShippedRules(),
    ...[1, 2].map((n) => ({
      file: `own-${n}.yaml`,
      text: rule(`Own ${n}`, 'evt.type = execve and proc.name = x'),
      scope: { project: `p${n}`, environment: null },
    })),
  ];
  const whole = RuleEngine.load(files);
  const steps = RuleEngine.loading(files);
  let pauses = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (done !== true) pauses++;
    else {
      assert.deepEqual(
        value.states.map(({ rule: one, offReason }) => [one.name, offReason]),
        whole.states.map(({ rule: one, offReason }) => [one.name, offReason]),
      );
      assert.deepEqual(value.findings, whole.findings);
      break;
    }
  }
  assert.ok(pauses > files.length + 2 * whole.states.length, `${pauses} pauses for ${whole.states.length} rules`);
});

test("a project's file is told what is wrong of its own words, and nothing of everybody's", () => {
  const common = {
    file: 'common.yaml',
    text: '- macro: m\n  condition: proc.name = a\n- macro: unused\n  condition: proc.name = b\n',
  };
  const scope = { project: 'p', environment: null };
  const own = (text: string) => RuleEngine.load([common, { file: 'own.yaml', text, scope }]);
  const said = (engine: RuleEngine) =>
    engine.findings.filter(({ file }) => file === 'own.yaml').map(({ code, item }) => `${code} ${item}`);
  const good = rule('R', 'evt.type = execve and m');
  assert.deepEqual(said(own(good)), []);
  // What it adds to a macro that none of its rules names is read all the same.
  const adds = (condition: string) =>
    `${good}\n- macro: unused\n  condition: ${condition}\n  override: { condition: append }\n`;
  assert.deepEqual(
    said(own(adds('or proc.name ='))).filter((one) => one.startsWith('LOAD_ERR')),
    ['LOAD_ERR_COMPILE_CONDITION unused'],
  );
  assert.deepEqual(
    said(own(adds('or proc.name = c'))).filter((one) => one.startsWith('LOAD_ERR')),
    [],
  );
});

test('a macro that no rule uses is read, and as in Falco its fields and values are not asked about', () => {
  const used = rule('R', 'evt.type = execve');
  const told = (macros: string, rules = used) =>
    load(`${macros}${rules}`).findings.map(({ severity, code, item, hint }) => [severity, code, item, hint]);
  const unused = (mistake?: string) => [
    ['warning', 'LOAD_UNUSED_MACRO', 'm', mistake && `a rule that used it would be refused: ${mistake}`],
  ];
  const macro = (condition: string, name = 'm') => `- macro: ${name}\n  condition: ${condition}\n`;
  assert.deepEqual(told(macro('proc.name = a')), unused());
  assert.deepEqual(told(macro('ka.verb = get')), unused('unknown field "ka.verb"'));
  // As an old file of Falco has it.
  assert.deepEqual(told(macro('(evt.num=>0)')), unused('">0" is not a whole number'));
  assert.deepEqual(told(macro('evt.type = exceve')), unused('unknown type of event "exceve"'));
  // What is deprecated in it is nobody's.
  assert.deepEqual(told(macro('evt.dir = <')), unused());
  // Rules of events that are not observed use none, and the file is good.
  const audit = rule('A', 'm', '  source: k8s_audit\n');
  assert.deepEqual(
    load(`${macro('ka.verb = get')}${audit}`).findings.map(({ code }) => code),
    ['LOAD_UNKNOWN_SOURCE', 'LOAD_UNUSED_MACRO'],
  );
  // What cannot be read, or names what is not there, is refused.
  for (const [condition, code] of [
    ['proc.name =', 'LOAD_ERR_COMPILE_CONDITION'],
    ['proc.name in (', 'LOAD_ERR_COMPILE_CONDITION'],
    ['nobody', 'LOAD_ERR_VALIDATE'],
    ['m', 'LOAD_ERR_VALIDATE'],
  ] as const)
    assert.equal(load(`${macro(condition)}${used}`).findings[0]?.code, code, condition);
  // A rule asks, through another macro as well.
  const through = `${macro('ka.verb = get')}${macro('m', 'n')}${rule('R', 'evt.type = execve and n')}`;
  assert.deepEqual(
    load(through).findings.map(({ code, item }) => [code, item]),
    [
      ['LOAD_ERR_COMPILE_CONDITION', 'm'],
      ['LOAD_ERR_VALIDATE', 'n'],
      ['LOAD_ERR_VALIDATE', 'R'],
    ],
  );
});

test('a priority is asked of every rule, and told where it stands', () => {
  const told = (text: string) =>
    load(text).findings.flatMap(({ severity, code, line, column }) =>
      severity === 'error' ? [[code, line, column]] : [],
    );
  const high = (rest: string) => rule('A', 'evt.type = execve', rest).replace('INFO', 'HIGH');
  assert.deepEqual(told(high('')), [['LOAD_ERR_YAML_VALIDATE', 5, 3]]);
  assert.deepEqual(told(high('  source: k8s_audit\n')), [['LOAD_ERR_YAML_VALIDATE', 5, 3]]);
  const replaced = `${rule('A', 'evt.type = execve')}- rule: A\n  priority: HIGH\n  override:\n    priority: replace\n`;
  assert.deepEqual(told(replaced), [['LOAD_ERR_YAML_VALIDATE', 7, 3]]);
  assert.equal(load(replaced.replace('HIGH', 'Critical')).states[0]?.rule.priority, 'critical');
});

test('a name that is not there is compared with as such, without a word', () => {
  const codes = (condition: string) =>
    load(rule('A', `evt.type = execve and ${condition}`)).findings.map(({ code }) => code);
  for (const field of ['user.name', 'user.loginname', 'group.name'])
    assert.deepEqual(codes(`${field} != "<NA>"`), [], field);
  assert.deepEqual(codes('not proc.pname in ("<NA>", x)'), ['LOAD_UNSAFE_NA_CHECK']);
});

test('fields of tables, of prints and of newer releases are known, and what is not observed is said by name', () => {
  const state = (condition: string) => {
    const engine = load(rule('A', `evt.type = execve and ${condition}`));
    return engine.hasErrors ? 'error' : (engine.states[0]?.offReason ?? 'on');
  };
  for (const field of ['in', 'out', 'file', 'file.in', 'file.out', 'net', 'net.in', 'net.out'])
    assert.equal(state(`evt.buflen.${field} > 10`), 'on');
  for (const field of ['evt.latency.quantized > 1', 'evt.infra.docker.name = x', 'thread.vmsize.b > 1'])
    assert.match(state(field), /are not observed/);
  for (const seen of [
    ...['proc.vpgid.exepath startswith /usr', 'proc.pgid.exepath exists', 'proc.args[0] = -c', 'proc.aargs contains x'],
    ...[
      'proc.aargs[2] = x',
      'proc.cmdnargs > 3',
      'evt.outputtime exists',
      'thread.nametid = sh1',
      'proc.aenv contains x',
    ],
  ])
    assert.equal(state(seen), 'on', seen);
  for (const wrong of ['proc.args[a] = x', 'proc.cmdnargs contains 1', 'fd.proto contains 1', 'mesos.task.name = x'])
    assert.equal(state(wrong), 'error', wrong);
});

test('fields that Falco gives up are warned of in conditions, macros and outputs', () => {
  const told = (text: string) =>
    load(text).findings.flatMap(({ code, item, message }) =>
      code === 'LOAD_DEPRECATED_ITEM' ? [`${item}: ${message}`] : [],
    );
  assert.deepEqual(told(rule('A', 'evt.type = execve and evt.dir = <')), ['A: the field "evt.dir" is deprecated']);
  assert.deepEqual(told(rule('A', 'evt.type = execve and evt.dir = <').replace('%proc.name', '%evt.latency.human')), [
    'A: the field "evt.latency.human" is deprecated',
    'A: the field "evt.dir" is deprecated',
  ]);
  const macro = '- macro: begun\n  condition: (evt.dir = >)\n';
  assert.deepEqual(told(`${macro}${rule('A', 'evt.type = execve and begun')}`), [
    'begun: the field "evt.dir" is deprecated',
  ]);
  // Beside a word about it, what a rule may ask for is still forgiven.
  const skips = rule('A', 'evt.type = execve and evt.dir = < and none.such = 1', '  skip-if-unknown-filter: true\n');
  assert.deepEqual(
    load(skips).findings.map(({ severity }) => severity),
    ['warning'],
  );
});

test('arguments of events are known by name, numbers stand in brackets, and no field takes a hexadecimal one', () => {
  const isTaken = (condition: string): boolean => !load(rule('A', `evt.type = open and ${condition}`)).hasErrors;
  for (const right of [
    ...['evt.arg.name = x', 'evt.arg[1] = x', 'evt.arg[-1] = x', 'evt.rawarg.res < 0', 'evt.rawarg.name contains x'],
    ...['evt.rawarg.data exists', 'evt.arg.via = io_uring', 'thread.cgroup.cpuset = /', 'evt.type.is.open = 1'],
    ...['proc.aname[70000] = x', 'proc.apid[-1] = 1', 'evt.num = " 1"', 'toupper(proc.name) = OPEN'],
  ])
    assert.ok(isTaken(right), right);
  for (const wrong of [
    ...['evt.arg.nmae = x', 'evt.arg[name] = x', 'evt.rawarg[0] = 1', 'evt.rawarg.data = abc', 'evt.rawarg.addr = 1'],
    ...['thread.cgroup[cpu] = /', 'thread.cgroup.a.b = /', 'evt.type.is.opne = 1', 'evt.around[x] = 1'],
    ...['evt.num = 0x1F', 'evt.num < 0xZZ', 'fd.port = 4294967296', 'tolower(evt.type) = opne'],
    ...['proc.name = val(fd.types)', 'fd.types in val(fd.types)'],
  ])
    assert.ok(!isTaken(wrong), wrong);
  const [finding] = load(rule('A', 'evt.type = open and evt.arg.nmae = x')).findings;
  assert.equal(finding?.hint, 'did you mean "name"?');
});

test('a rule that fails on an event takes no other with it', () => {
  const engine = load(
    `${rule('A', 'evt.type = execve and proc.name = x')}${rule('B', 'evt.type = execve and evt.rawres = 0')}`,
  );
  const event = {
    type: RECORD.exec,
    container: null,
    result: () => 0,
    u32: () => 0,
    get process(): never {
      throw new TypeError('of no kind');
    },
  } as unknown as KernelEvent;
  assert.deepEqual(
    engine.match(event)?.map((held) => engine.ruleName(RECORD.exec, held)),
    ['B'],
  );
  assert.deepEqual([...engine.failed], [['A', 'of no kind']]);
});

test('of paths only their parts count, as in Falco, and the root is above everything', () => {
  const holds = (pattern: string, path: string) => makeTester('pmatch', 'path', pattern)(path);
  for (const root of ['/', '//', '']) assert.equal(holds(root, 'curl'), true, root);
  for (const [pattern, path] of [
    ['/c', 'c'],
    ['etc', '/etc/passwd'],
    ['etc/', '/etc/passwd'],
    ['//etc//ssl/', '/etc/ssl/x'],
    ['/c*', '/curl/x'],
    ['/*/ssl', 'etc/ssl'],
    ['/a\\b', '/a\\b/c'],
  ] as const)
    assert.equal(holds(pattern, path), true, `${path} pmatch ${pattern}`);
  for (const [pattern, path] of [
    ['/etc', '/etcx'],
    ['etc', '/usr/etc'],
    ['/etc/ssl', '/etc'],
    ['/*', '/'],
    ['/a\\b', '/ab'],
  ] as const)
    assert.equal(holds(pattern, path), false, `${path} pmatch ${pattern}`);
});

test('a variable of the environment that is not there is empty, and who asks whether it exists is told', () => {
  const told = (condition: string) =>
    load(rule('A', `evt.type = execve and ${condition}`)).findings.map(({ code, line, hint }) => [code, line, hint]);
  assert.deepEqual(told('proc.env[LD_PRELOAD] exists'), [
    ['LOAD_COMPILE_CONDITION', 3, 'proc.env[LD_PRELOAD] != "" asks whether it has a value'],
  ]);
  assert.equal(told('not proc.aenv[A] exists').length, 1);
  for (const good of ['proc.env exists', 'proc.aenv[2] exists', 'proc.env[A] != ""', 'proc.aname[2] exists'])
    assert.deepEqual(told(good), [], good);
});

test('what other languages say otherwise is told in the words of this one', () => {
  const hint = (condition: string) => load(rule('A', JSON.stringify(condition))).findings[0]?.hint;
  assert.equal(hint('evt.type = open AND proc.name = x'), 'it is written "and"');
  assert.equal(hint('evt.type = open || proc.name = x'), 'it is written "or"');
  assert.equal(hint('evt.type = open and proc.name not in (a)'), '"not" stands before the field: not proc.name in (…)');
  assert.equal(hint('evt.type = open and proc.name =~ a'), undefined);
  assert.equal(hint('evt.type = open and proc.name IN (a)'), 'operators have small letters');
  assert.equal(hint('evt.type = open and fd.name is not null'), 'whether a field is there is asked by "exists"');
  assert.equal(
    hint('evt.type = open and proc.cmdline contains a=b'),
    'a value with "=", "," or brackets in it is put in quotes',
  );
  assert.equal(hint('evt.type = open # all of them'), 'a condition has no comments');
  assert.equal(hint('evt.type = open)'), undefined);
  const inside = 'customRules:\n  own.yaml: |-\n    - rule: A\n      desc: d\n';
  assert.match(load(inside).findings[0]?.hint ?? '', /^the rules are the text below a name of this file/);
  assert.equal(load('a: b\n').findings[0]?.hint, undefined);
});

test('a rule that can never hold says under which name such calls are told', () => {
  const reason = (condition: string) => load(rule('A', condition)).states[0]?.offReason;
  assert.equal(reason('evt.type = execveat'), 'its condition can never hold; execveat is told as execve');
  assert.equal(reason('evt.type = execve and evt.dir = >'), 'its condition can never hold');
  assert.equal(reason('evt.type in (execve, execveat)'), null);
});

test('a rule on failures of what is told only when it is done never holds, and says so', () => {
  const reason = (condition: string) => load(rule('A', condition)).states[0]?.offReason;
  const never = (names: string) =>
    `its condition can never hold; of ${names} only what was done is told, not what failed`;
  for (const failed of ['evt.failed = true', 'evt.res != SUCCESS', 'evt.rawres < 0', 'not evt.failed = false'])
    assert.equal(reason(`evt.type = execve and proc.name = x and ${failed}`), never('execve'), failed);
  assert.equal(reason('evt.type in (accept, dup) and evt.failed = true'), never('accept, dup'));
  assert.equal(reason('evt.type in (execve, openat) and evt.failed = true'), null);
  for (const done of ['evt.failed = false', 'evt.res = SUCCESS', 'evt.rawres >= 0'])
    assert.equal(reason(`evt.type = execve and ${done}`), null, done);
});

test('mistakes of exceptions, overrides and keys are told where they stand, with the code that Falco gives them', () => {
  const base = rule('A', 'evt.type = open and proc.name = cat');
  const told = (text: string): string[] =>
    load(text).findings.flatMap(({ severity, code, line, column }) =>
      severity === 'error' ? [`${line}:${column} ${code}`] : [],
    );
  const second = (rest: string): string => `${base}- rule: A\n${rest}`;
  assert.deepEqual(told(`${base}  exceptions:\n    - name: a\n      fields: [proc.name]\n    - name: b\n`), [
    '9:7 LOAD_ERR_YAML_VALIDATE',
  ]);
  assert.deepEqual(told(`${base}  exceptions:\n    - {name: a, fields: [not.there], values: [[x]]}\n`), [
    '7:7 LOAD_ERR_VALIDATE',
  ]);
  assert.deepEqual(told(`${base}  exceptions:\n    - name: a\n      fields: [fd.name]\n      values: x\n`), [
    '9:7 LOAD_ERR_YAML_VALIDATE',
  ]);
  const appended = '  append: true\n  exceptions:\n    - name: b\n      values: [[x]]\n';
  assert.deepEqual(told(second(appended)), ['9:7 LOAD_ERR_VALIDATE']);
  assert.deepEqual(told(second('  append: true\n')), ['6:3 LOAD_ERR_VALIDATE']);
  assert.deepEqual(told(second('  desc: x\n  override:\n    desc: replace\n    condition: append\n')), [
    '10:5 LOAD_ERR_YAML_VALIDATE',
  ]);
  assert.deepEqual(told(second('  desc: x\n  priority: ERROR\n  override:\n    desc: replace\n')), [
    '8:3 LOAD_ERR_YAML_VALIDATE',
  ]);
  assert.deepEqual(told(`${base}  tags: x\n`), ['6:3 LOAD_ERR_YAML_VALIDATE']);
  assert.deepEqual(told('- macro: m\n  condition: ""\n'), ['2:3 LOAD_ERR_YAML_VALIDATE']);
  const [pattern] = load(rule('A', 'evt.type = open and proc.name regex "[a"')).findings;
  assert.equal(pattern?.message, 'a closing ] is missing: [a');
});

test('who looks live is told which events of the condition no sensor tells', () => {
  assert.deepEqual(readLiveFilter('evt.type in (read, open, futex, clone)').unseenEvents, ['read', 'futex']);
  const content = readLiveFilter('evt.buffer contains secret');
  assert.deepEqual(content.unseenEvents, []);
  assert.ok(content.events.has('read') && content.contentEvents.has('recvfrom'));
  assert.deepEqual([...readLiveFilter('evt.type = read and evt.buffer contains x').contentEvents], ['read']);
});
