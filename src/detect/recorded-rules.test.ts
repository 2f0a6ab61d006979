/** Rule files over Falco's own captures: what its regression tests find there, and do not find, in rules written for this one. */
import assert from 'node:assert/strict';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readScap } from '../events/scap/index.ts';
import { RuleReplay } from './replay.ts';

const root = process.env['DARSENA_TEST_DATA'];
const folder = root === undefined ? null : join(root, 'detection', 'falco-diff', 'captures');
const skip = folder === null || !existsSync(folder) ? 'DARSENA_TEST_DATA is not set: no captures' : false;

const rule = (condition: string, name = 'r', more = ''): string =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o %proc.cmdline\n  priority: WARNING\n${more}`;
const OPEN = 'evt.type = open and proc.name = cat';

/** How often each rule holds in the capture, or the codes of the errors. */
async function counts(
  capture: string,
  texts: readonly string[],
  enters = false,
): Promise<Record<string, number> | string> {
  const replay = RuleReplay.load(
    texts.map((text, i) => ({ file: `${i}.yaml`, text })),
    { enters },
  );
  const errors = replay.findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return errors.map(({ code, line, message }) => `${code} ${line} ${message}`).join('; ');
  const found: Record<string, number> = {};
  await readScap(createReadStream(join(folder ?? '', `${capture}.scap`)), (event) => {
    for (const alert of replay.try(event)) found[alert.rule] = (found[alert.rule] ?? 0) + 1;
  });
  return found;
}

/** cat opens four files; the last is /dev/null. */
const OF_CAT: readonly (readonly [what: string, texts: readonly string[], held: number])[] = [
  ['one rule', [rule(OPEN)], 4],
  ['a name of marks and blanks', [rule(OPEN, `"Open From Cat ($\\\\.*+?()[]{}|^)"`)], 4],
  ['an empty file before it', ['', rule(OPEN)], 4],
  ['an empty file after it', [rule(OPEN), ''], 4],
  ['the end of a path', [rule('evt.type = open and fd.name endswith null')], 1],
  ['a list in brackets', ['- list: cats\n  items: [cat]\n', rule('evt.type = open and proc.name in (cats)')], 4],
  [
    'a list first among values',
    [`- list: cats\n  items: [cat]\n${rule('evt.type = open and proc.name in (cats, dog)')}`],
    4,
  ],
  [
    'a list last among values',
    [`- list: cats\n  items: [cat]\n${rule('evt.type = open and proc.name in (dog,cats)')}`],
    4,
  ],
  [
    'a list in the middle',
    [`- list: cats\n  items: [cat]\n${rule('evt.type = open and proc.name in (dog,  cats , mouse)')}`],
    4,
  ],
  ['a list of one as a value', [`- list: cats\n  items: [cat]\n${rule('evt.type=open and proc.name=cats')}`], 4],
  ['the same with blanks', [`- list: cats\n  items: [cat]\n${rule('proc.name= cats and evt.type=open')}`], 4],
  ['a list of one as a type', [`- list: kinds\n  items: [open]\n${rule('evt.type = kinds and proc.name = cat')}`], 4],
  [
    'a list of one as a beginning',
    [`- list: dirs\n  items: [/dev]\n${rule('evt.type=open and fd.name startswith dirs')}`],
    1,
  ],
  [
    'a list’s name inside a longer word',
    [`- list: cat\n  items: [dog]\n${rule('evt.type=open and proc.name in (cat_x)')}`],
    0,
  ],
  ['a quoted name is no list', [`- list: cat\n  items: [dog]\n${rule('evt.type=open and proc.name in ("cat")')}`], 4],
  ['a bare one is', [`- list: cat\n  items: [dog]\n${rule('evt.type=open and proc.name in (cat)')}`], 0],
  [
    'the later list counts',
    [`- list: l\n  items: [x]\n- list: l\n  items: [cat]\n${rule('evt.type=open and proc.name in (l)')}`],
    4,
  ],
  [
    'a list of lists',
    ['- list: a\n  items: [cat]\n- list: b\n  items: [a, x]\n', rule('evt.type=open and proc.name in (b)')],
    4,
  ],
  [
    'the list inside replaced by a later file',
    [
      `- list: a\n  items: [cat]\n- list: b\n  items: [a]\n${rule('evt.type=open and proc.name in (b)')}`,
      '- list: a\n  items: [dog]\n',
    ],
    0,
  ],
  [
    'a list with a blank in its name',
    [`- list: my cats\n  items: [cat]\n${rule('evt.type=open and proc.name in (my cats)')}`],
    4,
  ],
  [
    'a quoted item with a blank',
    [`- list: l\n  items: ['"cat /dev/null"']\n${rule('evt.type=open and proc.cmdline in (l)')}`],
    4,
  ],
  ['the same unquoted', [`- list: l\n  items: [cat /dev/null]\n${rule('evt.type=open and proc.cmdline in (l)')}`], 4],
  [
    'a comma in an item parts it',
    [`- list: l\n  items: ["dog,cat"]\n${rule('evt.type=open and proc.name in (l)')}`],
    4,
  ],
  [
    'an item that is no value stays text',
    [`- list: l\n  items: ["cat) or evt.type in (open"]\n${rule('evt.type=open and proc.name in (l)')}`],
    0,
  ],
  [
    'the later macro counts',
    [
      `- macro: m\n  condition: proc.name = x\n- macro: m\n  condition: proc.name = cat\n${rule('evt.type=open and m')}`,
    ],
    4,
  ],
  ['the later rule counts', [rule('evt.type=open and proc.name=x'), rule(OPEN)], 4],
  [
    'a macro replaced by a later file',
    [
      `- macro: m\n  condition: proc.name = cat\n${rule('evt.type=open and m')}`,
      '- macro: m\n  condition: proc.name = x\n',
    ],
    0,
  ],
  ['a rule replaced by a later file', [rule(OPEN), rule('evt.type=open and proc.name=x')], 0],
  ['a rule switched off', [rule(OPEN), '- rule: r\n  enabled: false\n'], 0],
  [
    'append: false is a new one',
    [
      `- list: l\n  items: [cat]\n- list: l\n  append: false\n  items: [x]\n${rule('evt.type=open and proc.name in (l)')}`,
    ],
    0,
  ],
  ['any ancestor that is another', [rule('evt.type=open and proc.aname != bash')], 4],
  ['no ancestor of that name', [rule('evt.type=open and not proc.aname = bash')], 0],
  ['one of two ancestors', [rule('evt.type=open and proc.aname in (nothing, emacs)')], 4],
];

test('rule files find in a capture of Falco’s what they find there', { skip }, async () => {
  for (const [what, texts, held] of OF_CAT) {
    const found = await counts('cat_write', texts);
    assert.deepEqual(typeof found === 'string' ? found : Object.values(found), held === 0 ? [] : [held], what);
  }
  const begins = await counts('cat_write', [rule(OPEN), rule('evt.type = execve and proc.name = cat', 'exec')], true);
  assert.deepEqual(begins, { r: 8, exec: 1 });
  const all = await counts('cat_write', [
    rule('evt.type=open and fd.name=/dev/null', 'a'),
    rule('fd.name=/dev/null', 'b'),
  ]);
  assert.deepEqual(all, { a: 1, b: 4 });
  const calls = await counts('syscall', [
    rule('evt.type=madvise', 'a'),
    rule('evt.type=open and fd.name=/dev/null', 'b'),
  ]);
  assert.deepEqual(calls, { a: 2, b: 2 });
  const many = await counts(
    'open-multiple-files',
    Array.from({ length: 13 }, (_, i) => rule(`evt.type=open and fd.name=/tmp/file-${i + 1}`, `open_${i + 1}`)),
  );
  assert.deepEqual(many, Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`open_${i + 1}`, 1])));
});

const exceptions = (text: string): string => rule(OPEN, 'r', `  exceptions:\n${text.replaceAll(/^/gm, '    ')}\n`);
const one = (fields: string, comps: string, values: string): string =>
  exceptions(`- name: e\n  fields: ${fields}\n${comps === '' ? '' : `  comps: ${comps}\n`}  values: ${values}`);

test('exceptions keep back in a capture what they keep back for Falco', { skip }, async () => {
  const kept = [
    one('[proc.name]', '', '[[cat]]'),
    one('[proc.name]', '[contains]', '[[cat]]'),
    one('[proc.name, proc.cmdline]', '', '[[not-cat, x], [cat, "cat /dev/null"]]'),
    one('[proc.name, proc.cmdline]', '', `[[cat, '"cat /dev/null"']]`),
    one('[proc.name, proc.cmdline, proc.pname]', '', '[[cat, cat /dev/null, bash], [cat, cat /dev/null, emacs]]'),
    one('proc.cmdline', 'in', '[cat /dev/zero, "cat /dev/null"]'),
    one('proc.cmdline', '', '[cat /dev/null]'),
    one('[proc.name, proc.cmdline]', '[=, in]', '[[cat, [cat /dev/zero, "cat /dev/null"]]]'),
    one('[proc.name, fd.name]', '[in, startswith]', '[[[dog, cat], /]]'),
    one('[fd.name]', '[pmatch]', '[[[/lib, /etc, /usr, /dev, /lib64]]]'),
    one('[proc.aname]', '[=]', '[[bash]]'),
    `- list: l\n  items: [cat /dev/zero, "cat /dev/null"]\n${one('[proc.name, proc.cmdline]', '[=, in]', '[[cat, (l)]]')}`,
    `- list: l\n  items: [cat /dev/zero, "cat /dev/null"]\n${one('[proc.name, proc.cmdline]', '[=, in]', '[[cat, l]]')}`,
    `- list: l\n  items: [x, cat]\n${one('proc.name', 'in', '[y, l]')}`,
    `- list: l\n  items: [cat]\n${one('[proc.name]', '["="]', '[[l]]')}`,
    `${one('[proc.name]', '', '[[x]]')}- rule: r\n  exceptions:\n    - name: e\n      values: [[cat]]\n  append: true\n`,
    `${rule(OPEN)}- rule: r\n  exceptions:\n    - name: e\n      fields: proc.name\n      values: [cat]\n  append: true\n`,
  ];
  for (const text of kept) assert.deepEqual(await counts('cat_write', [text]), {}, text);
  const not = [
    one('[proc.name]', '', '[[not-cat]]'),
    one('[proc.name, proc.cmdline]', '', '[[cat, cat]]'),
    exceptions('- name: e\n  fields: [proc.name]\n- name: f\n  fields: [proc.name, proc.cmdline]'),
    one('[proc.name]', '', '[["cat) or (evt.type exists"]]'),
  ];
  for (const text of not) assert.deepEqual(await counts('cat_write', [text]), { r: 4 }, text);
});

test('a list where one value is wanted is an error with its place', { skip }, async () => {
  const text = `- list: l\n  items: [a, b]\n${rule('evt.type=open and proc.name = l')}`;
  assert.match(String(await counts('cat_write', [text])), /^LOAD_ERR_COMPILE_CONDITION 5 "l" is a list of 2 values/);
  const none = `- list: l\n  items: []\n${rule('evt.type=open and proc.name = l')}`;
  assert.match(String(await counts('cat_write', [none])), /list of 0 values/);
});

test('a number that clone answers in a container is none of the host, and takes no name there', { skip }, async () => {
  const condition = 'evt.type = setpgid and evt.arg.pgid = 6 and evt.arg.pid = 6';
  assert.deepEqual(await counts('run_as_user_0_container', [rule(condition)], true), { r: 2 });
});
