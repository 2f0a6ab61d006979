import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { randomFrom } from '../../../test/fuzz.ts';
import { BaselineError, readBaseline } from './baseline.ts';
import { configTexts, scanConfigTexts } from './image-config.ts';
import { ENCODED_DEPTH_MAX, LOOKAHEAD_BYTES, SECRETS_PER_FILE_MAX } from './limits.ts';
import { ownSecretRules, readKnowledge, readOwnRules } from './own-rules.ts';
import { LinearPattern, PatternError } from './pattern/pattern.ts';
import { RuleFileError, readRuleFile } from './rule-file.ts';
import { SecretScanner } from './scanner.ts';
import { PlainSearch, vectorSearch } from './search.ts';
import { SHIPPED_FILES, SHIPPED_RULES } from './shipped.ts';
import { compileWords } from './words.ts';

const RULES = new URL('../../../rules/secrets/', import.meta.url);
const scanner = new SecretScanner(SHIPPED_RULES.load(), null);
const sources = { shipped: SHIPPED_RULES.load, read: () => '' };
/** No token of anybody: drawn for this test. */
const TOKEN = 'ghp_Zk3mQ9vX2bL7wT4nR8cY1dF6gH5jS0aPuEiO';

function rulesIn(text: string, path = 'app/settings.txt', by = scanner): string[] {
  return by.scanText(path, text).map(({ rule }) => rule);
}

test('the list of rule files is the folder, ids are unique, and every pattern is RE2', () => {
  assert.deepEqual([...SHIPPED_FILES].sort(), readdirSync(RULES).sort());
  const ids = SHIPPED_RULES.load().rules.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.length >= 220);
});

test('patterns find what RE2 finds: leftmost, in order of preference, with groups', () => {
  const table: [pattern: string, text: string, match: string | null, group?: string][] = [
    ['a|ab', 'xab', 'a'],
    ['(?:a|ab)(?:c|bcd)', 'abcd', 'abcd'],
    ['a+?', 'aaa', 'a'],
    ['(?U)a+', 'aaa', 'a'],
    ['x*', 'baaa', ''],
    ['\\bfoo\\b', 'xfoo foo', 'foo'],
    ['(?i)KEY=([a-z]{3})$', 'a key=AbC', 'key=AbC', 'AbC'],
    ['(?m)^b(.)$', 'a\nbc\nd', 'bc', 'c'],
    ['(?s)a.b', 'a\nb', 'a\nb'],
    ['a.b', 'a\nb', null],
    ['(?:^){2}(a{0,2}?)+b', 'aab', 'aab', 'a'],
    ['[[:alpha:]_-]+[^\\W\\d]', '12ab_c3', 'ab_c'],
    ['\\Qa.b\\E', 'aXb a.b', 'a.b'],
    ['\\x{e9}t\\xe9', 'été', 'été'],
    ['(?P<one>a)|(b)', 'b', 'b', 'b'],
    ['\\Aab\\z', 'ab', 'ab'],
    ['(?i:s)ecret', 'Secret', 'Secret'],
  ];
  for (const [source, text, expected, group] of table) {
    const pattern = new LinearPattern(source);
    const bytes = Buffer.from(text);
    const stretch = { bytes, isStart: true, isEnd: true };
    const match = pattern.find(stretch, 0, bytes.length);
    assert.equal(match && bytes.subarray(match.start, match.end).toString(), expected, source);
    if (match === null || group === undefined) continue;
    const slots = [...(pattern.groupsOf(stretch, match) ?? [])].slice(2);
    const taken = slots.findIndex((place) => place >= 0);
    assert.equal(bytes.subarray(slots[taken], slots[taken + 1]).toString(), group, source);
  }
  for (const wrong of ['(a', 'a)', '*a', '(?=a)', '(?<!a)b', '(a)\\1', 'a{1001}', '[z-a]', '\\p{Nope}', '(?x)a']) {
    assert.throws(() => new LinearPattern(wrong), PatternError, wrong);
  }
  assert.throws(() => new LinearPattern('(?:(?:a{1000}){1000})'), PatternError);
});

test('a credential is found wherever the borders of chunks fall, with its line and column', () => {
  const text = `${'first line\n'.repeat(40)}  token: "${TOKEN}"\n${'x'.repeat(3 * LOOKAHEAD_BYTES)}\n`;
  const bytes = Buffer.from(text);
  const whole = scanner.scanText('a.yaml', text);
  assert.deepEqual(
    whole.map(({ rule, line, column }) => [rule, line, column]),
    [['github-pat', 41, 11]],
  );
  for (const size of [1, 7, 441, 452, 463, 5000, bytes.length]) {
    const reader = scanner.open('a.yaml', bytes.length);
    for (let at = 0; at < bytes.length; at += size) assert.ok(reader.write(bytes.subarray(at, at + size)));
    assert.deepEqual(reader.end(), whole, `chunks of ${size} bytes`);
    if (size === 1) break;
  }
  for (const size of [441, 452, 463, 20_000]) {
    const reader = scanner.open('a.yaml', null);
    for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
    assert.deepEqual(reader.end(), whole, `chunks of ${size} bytes of a text of unknown length`);
  }
});

test('binary files are left after their first bytes; key stores are known by their name', () => {
  const reader = scanner.open('usr/bin/tool', 100);
  assert.equal(reader.write(Buffer.from(`\x7fELF\0\0${TOKEN}`)), false);
  // Also when the border of a piece falls before what tells it.
  const cut = scanner.open('usr/bin/tool', 5000);
  assert.equal(cut.write(Buffer.from(`x ${TOKEN} ${Buffer.from(`k: ${TOKEN}`).toString('base64')} `)), true);
  assert.equal(cut.write(Buffer.from('\0')), false);
  const store = scanner.open('etc/ssl/server.p12', 100);
  assert.equal(store.write(Buffer.from([0x30, 0, 0, 1])), true);
  assert.deepEqual(
    store.end().map(({ rule }) => rule),
    ['pkcs12-file'],
  );
});

test('a file full of credentials is bounded', () => {
  assert.equal(rulesIn(`${TOKEN}\n`.repeat(2 * SECRETS_PER_FILE_MAX)).length, SECRETS_PER_FILE_MAX);
});

test('no finding holds the value, and a fingerprint without a key tells nothing about it', () => {
  const [a] = scanner.scanText('a.txt', `k: ${TOKEN}`);
  const [b] = scanner.scanText('a.txt', `k: ${TOKEN.replace('Zk3', 'Zk4')}`);
  assert.match(a?.fingerprint ?? '', /^p-[0-9a-f]{32}$/);
  assert.equal(a?.fingerprint, b?.fingerprint);
  const keyed = new SecretScanner(SHIPPED_RULES.load(), Buffer.alloc(32, 7));
  const [c] = keyed.scanText('a.txt', `k: ${TOKEN}`);
  const [d] = keyed.scanText('other/place.txt', `\n\n${TOKEN}`);
  const [e] = new SecretScanner(SHIPPED_RULES.load(), Buffer.alloc(32, 8)).scanText('a.txt', `k: ${TOKEN}`);
  assert.match(c?.fingerprint ?? '', /^v-[0-9a-f]{32}$/);
  assert.equal(c?.fingerprint, d?.fingerprint);
  assert.notEqual(c?.fingerprint, e?.fingerprint);
  assert.ok(!JSON.stringify([a, b, c, d, e]).includes(TOKEN.slice(4, 20)));
});

test('configuration: environment, labels, command and history are looked at', () => {
  const texts = configTexts({
    config: {
      Env: ['PATH=/bin', `GITHUB_TOKEN=${TOKEN}`],
      Labels: { note: `use ${TOKEN}` },
      Entrypoint: ['/run', '--token', TOKEN],
    },
    history: [{ created_by: 'COPY . /' }, { created_by: `RUN |1 T=${TOKEN} /bin/sh -c make` }, null],
  });
  assert.deepEqual(
    scanConfigTexts(scanner, texts).map(({ source, path, layer }) => [source, path, layer]),
    [
      ['config-env', 'GITHUB_TOKEN', null],
      ['config-label', 'note', null],
      ['config-command', 'Entrypoint', null],
      ['config-history', 'history 2', null],
    ],
  );
  assert.deepEqual(configTexts({ config: { Env: 7, Labels: ['x'] }, history: 'x' }), []);
});

test("gitleaks' files load: extend, disabled rules, allow-lists, entropy, groups, paths, required company", () => {
  const rules = readRuleFile(
    `title = "ours"
[extend]
useDefault = true
disabledRules = ["github-pat"]
[allowlist]
paths = ['''(^|/)testdata/''']
[[allowlists]]
targetRules = ["inner-token"]
stopwords = ["sample"]
[[rules]]
id = "inner-token"
description = "Token of ours"
regex = '''(?i)inner[_-](\\w{4})-([a-z0-9]{12})'''
secretGroup = 2
entropy = 2.5
keywords = ["inner"]
[[rules.allowlists]]
condition = "AND"
regexTarget = "line"
regexes = ['''# public''']
paths = ['''\\.pub$''']
[[rules]]
id = "with-user"
regex = '''pin=([0-9]{6})'''
keywords = ["pin="]
[[rules.required]]
id = "user"
withinLines = 2
[[rules]]
id = "user"
regex = '''user=([a-z]{3,20})'''
skipReport = true
[[rules]]
id = "vault-file"
path = '''(^|/)\\.vault-pass$'''
[[rules]]
id = "npm-access-token"
entropy = 7.5
`,
    sources,
  );
  const own = new SecretScanner(rules, null);
  const find = (text: string, path?: string): string[] => rulesIn(text, path, own);
  assert.deepEqual(find(`x ${TOKEN}`), []);
  assert.deepEqual(find('Inner_abcd-a1b2c3d4e5f6'), ['inner-token']);
  assert.deepEqual(find('inner_abcd-a1b2c3d4e5f6', 'app/testdata/x'), []);
  assert.deepEqual(find('inner_abcd-aaaaaaaaaaaa'), []);
  assert.deepEqual(find('inner_abcd-sample123456'), []);
  assert.deepEqual(find('inner_abcd-a1b2c3d4e5f6 # gitleaks:allow'), []);
  assert.deepEqual(find('inner_abcd-a1b2c3d4e5f6 # public'), ['inner-token']);
  assert.deepEqual(find('inner_abcd-a1b2c3d4e5f6 # public', 'a.pub'), []);
  assert.deepEqual(find('pin=123456'), []);
  assert.deepEqual(find('user=anna\npin=123456'), ['with-user']);
  assert.deepEqual(find('user=anna\n\n\n\npin=123456'), []);
  assert.deepEqual(find('nothing', 'home/.vault-pass'), ['vault-file']);
  assert.deepEqual(find('npm_Zk3mQ9vX2bL7wT4nR8cY1dF6gH5jS0aPuEiO'), []);

  for (const [text, message] of [
    ['[[rules]]\nid="a"\nregex="(?=a)"', /rule "a": RE2 knows no such group/],
    ['[[rules]]\nid="a"', /neither regex nor path/],
    ['[[rules]]\nregex="a"', /no id/],
    ['[[rules]]\nid="a"\nregex="a"\n[[rules]]\nid="a"\nregex="b"', /two rules "a"/],
    ['[extend]\nurl="https://example.org/x.toml"', /not followed/],
    ['[[rules]]\nid="a"\nregex="a"\nentropy="high"', /expected a number/],
  ] as const) {
    assert.throws(
      () => readRuleFile(text, sources),
      (error: unknown) => error instanceof RuleFileError && message.test(error.message),
    );
  }
});

test('a rule that no linear search can hold is refused by name, and the rest of the file loads', () => {
  const own = ownSecretRules(
    `[extend]
useDefault = true
url = "https://example.org/rules.toml"
[[rules]]
id = "looks-ahead"
regex = '''(?=a)b'''
[[rules]]
id = "ours"
regex = '''ours_[a-z]{8}'''
[[rules]]
id = "ours"
regex = '''twice'''
[[rules]]
id = "bare"
[[allowlists]]
regexes = ['''(?!x)y''']
`,
    null,
  );
  assert.deepEqual(
    own.refused.map(({ rule }) => rule),
    ['extend.url', 'ours', 'the allow-list', 'looks-ahead', 'bare'],
  );
  assert.match(own.refused[3]?.why ?? '', /RE2 knows no such group/);
  assert.equal(own.rules, SHIPPED_RULES.load().rules.length + 1);
  assert.deepEqual(rulesIn('x ours_abcdefgh', 'a', new SecretScanner(own.load(), null)), ['ours']);
  assert.notEqual(own.revision, SHIPPED_RULES.revision);
});

test('baselines: reports of gitleaks and detect-secrets, ignore files, fingerprints; values in them do not count', () => {
  const secret = { rule: 'github-pat', path: 'srv/.env', line: 2, fingerprint: `p-${'a'.repeat(32)}` };
  const table: [text: string, covers: boolean][] = [
    [JSON.stringify([{ RuleID: 'github-pat', File: './srv/.env', StartLine: 2, Secret: 'x', Commit: '' }]), true],
    [JSON.stringify([{ RuleID: 'github-pat', File: 'srv/.env', StartLine: 3 }]), false],
    [JSON.stringify([{ RuleID: 'other', File: 'srv/.env', StartLine: 2 }]), false],
    [JSON.stringify({ version: '1.5.0', results: { 'srv/.env': [{ type: 'Secret Keyword', line_number: 2 }] } }), true],
    [JSON.stringify({ version: '1.5.0', results: { 'srv/env': [{ line_number: 2 }] } }), false],
    [JSON.stringify({ secrets: [{ fingerprint: secret.fingerprint }] }), true],
    ['# known\n\nsrv/.env:github-pat:2\n', true],
    ['0123abcd0123abcd:/srv/.env:github-pat:2', true],
    ['srv/.env:github-pat:1', false],
    [`p-${'a'.repeat(32)}`, true],
    ['', false],
  ];
  for (const [text, covers] of table) assert.equal(readBaseline(text).covers(secret), covers, text);
  for (const wrong of ['nothing', '{}', '[{"RuleID": 1}]', '[[]', '{"a"']) {
    assert.throws(() => readBaseline(wrong), BaselineError, wrong);
  }
});

test('texts in UTF-16 and in Base64, however deep, are read where they begin; what is no text in Base64 is passed by', () => {
  const text = `first\n  token: "${TOKEN}"\n`;
  for (const bytes of [
    Buffer.from(`\ufeff${text}`, 'utf16le'),
    Buffer.from(text, 'utf16le'),
    Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  ]) {
    for (const size of [bytes.length, 64, 333]) {
      const reader = scanner.open('a.reg', bytes.length);
      for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
      assert.deepEqual(
        reader.end().map(({ rule, line }) => [rule, line]),
        [['github-pat', 2]],
      );
    }
  }
  const encode = (value: string): string => Buffer.from(value).toString('base64');
  const once = encode(`password: ${TOKEN}`);
  const yaml = `kind: Settings\ndata:\n  a: ${once}\n  b: ${encode(`{"auths":{"r":{"auth":"${once}"}}}`)}\n`;
  const whole = scanner.scanText('s.yaml', yaml).map(({ rule, line, column }) => [rule, line, column]);
  assert.deepEqual(whole, [
    ['github-pat', 3, 6],
    ['github-pat', 4, 6],
  ]);
  const bytes = Buffer.from(yaml);
  for (const size of [7, 23, 24, 25, 40, 61]) {
    const reader = scanner.open('s.yaml', null);
    for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
    assert.deepEqual(
      reader.end().map(({ rule, line, column }) => [rule, line, column]),
      whole,
      `chunks of ${size}`,
    );
  }
  let deep = `password: ${TOKEN}`;
  for (let depth = 0; depth <= ENCODED_DEPTH_MAX; depth++) deep = encode(deep);
  assert.deepEqual(rulesIn(`x: ${deep}`), []);
  assert.deepEqual(rulesIn(`${randomBytes(3000).toString('base64')}\n`.repeat(3)), []);
  const [found] = scanner.scanText('a', once);
  assert.ok(!JSON.stringify(found).includes(TOKEN.slice(4, 16)));
});

test('what only looks like a credential is told apart by the name before it, its words and its line', () => {
  const uuid = '3f2b8c1e-5d7a-4e90-8b16-0c9d2e4f7a65';
  const noise = 'q7Rk2Vx9Tn4Lw8Zc3Bs6Hy1D';
  const credentials = [
    `shop_api_token = "${noise}"`,
    `the_secret_do_not_commit = ${noise}`,
    `env.get("api_token", "${uuid}")`,
    `client_secret: ${uuid}`,
    `authorization = "${noise}"`,
    `public_url=x;api_key=${noise}`,
  ];
  const others = [
    `public_key = "${noise}"`,
    `primaryKey=${noise}`,
    `csrf-token=${noise}`,
    `issuerKeyHash=${noise}`,
    `credentials_id: "${uuid}"`,
    `key_vault_name: "web21${noise}"`,
    `registry_access_id: ${uuid}`,
    'RegEnumKey = win32api.RegEnumKey',
    'KeyPair = X25519.KeyPair',
    'ssa.OpAMD64Key,\nssa.OpAMD64VROUNDPS128,',
    `import { one_Key1, other_Key2 } from '../chains/consts_3f2b8c1e/index'`,
    `sashakey,v1.2.3,h1:${'aB3d'.repeat(10)}x1Y=`,
  ];
  for (const text of credentials) assert.deepEqual(rulesIn(text, 'x.conf'), ['generic-api-key'], text);
  for (const text of others) assert.deepEqual(rulesIn(text, 'x.conf'), [], text);
  // A file of text is where people put them.
  assert.deepEqual(rulesIn(credentials[0] ?? '', 'root/passwords.txt'), ['generic-api-key']);
  const wrapped = `EAAA${'d'.repeat(30)}Q7/x+9${'A1b2'.repeat(9)}`;
  assert.deepEqual(rulesIn(wrapped, 'x.b64'), []);
});

test('labelled samples: every true one is found by its rule, and no false one', (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  if (!data) return t.skip('DARSENA_TEST_DATA is not set');
  const lines = gunzipSync(readFileSync(`${data}/secrets/gitleaks-samples.ndjson.gz`))
    .toString()
    .trim()
    .split('\n');
  const missed: string[] = [];
  const alarms: string[] = [];
  for (const line of lines) {
    const { rule, kind, text_b64: text } = JSON.parse(line) as { rule: string; kind: string; text_b64: string };
    const path = rule === 'nuget-config-password' ? 'nuget.config' : 'file.txt';
    const found = rulesIn(Buffer.from(text, 'base64').toString(), path);
    if (kind === 'tp' && !found.includes(rule)) missed.push(rule);
    // One false sample differs from a true one by its path alone, which the data does not give.
    if (kind === 'fp' && found.includes(rule) && rule !== 'nuget-config-password') alarms.push(rule);
  }
  assert.deepEqual({ missed, alarms }, { missed: [], alarms: [] });
});

test('places that are looked at together are told apart as one by one, also when states have to be forgotten', () => {
  const random = randomFrom(7);
  const pieces = ['key', 'key-', 'ab', '=', ' ', '"', '0123456789', 'Zz', '.', '\n', 'é'];
  for (const source of [
    'key-[a-z0-9]{4,60}=',
    '\\bkey\\b.{0,160}?[ ]"[^"]{3,}"',
    'key(?:.{0,30}?[a-z]{1,9}){1,5}\\.$',
  ]) {
    const pattern = new LinearPattern(source);
    for (let round = 0; round < 6; round++) {
      const text = Buffer.from(Array.from({ length: 1500 }, () => pieces[random(pieces.length)]).join(''));
      const stretch = { bytes: text, isStart: true, isEnd: round % 2 === 0 };
      const places: number[] = [];
      for (let at = text.indexOf('key'); at >= 0; at = text.indexOf('key', at + 1)) places.push(at);
      const kept = pattern.sieve(stretch, places);
      const matching = places.filter((place) => pattern.find(stretch, place, place) !== null);
      assert.deepEqual(
        kept.filter((place) => matching.includes(place)),
        matching,
        source,
      );
      assert.ok(kept.every((place) => places.includes(place)));
    }
  }
  const hopeless = Buffer.from('key-"'.repeat(2000));
  const places = Array.from({ length: 2000 }, (_, index) => index * 5);
  const left = new LinearPattern('key-[a-z]{4}').sieve({ bytes: hopeless, isStart: true, isEnd: true }, places);
  assert.ok(left.length <= 4, `${left.length} of 2000 are left`);
});

test('words are found where they stand, whether a text comes whole, in two pieces, or byte by byte', () => {
  const random = randomFrom(7);
  const sets = [
    ['ab', 'abab', 'key', 'baab', 'a-very-long-word-of-thirty-bytes', 'b'],
    ['ab', 'key', 'baab', 'a-very-long-word-of-thirty-bytes'],
    ['abab', 'baab', 'bk-y', 'a-very-long-word-of-thirty-bytes', 'ñandú'],
    [],
  ];
  for (const words of sets) {
    const table = compileWords(words.map((word) => [word, word] as const));
    for (const search of [new PlainSearch(table, []), vectorSearch(table, [])]) {
      assert.ok(search, 'this machine has vectors');
      for (const length of [0, 1, 3, 4, 5, 1023, 5000]) {
        const letters = 'abABkey-';
        const text = Buffer.from(Array.from({ length }, () => letters.charCodeAt(random(letters.length))));
        for (const place of [250, 1200, 2480, 3745])
          if (place + 32 < length) text.write('a-very-LONG-word-of-thirty-bytes', place);
        if (length > 6) text.write('ñandú', length - 7);
        const lower = text.toString('latin1').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
        const expected = words.flatMap((word) => {
          const bytes = Buffer.from(word).toString('latin1');
          return Array.from({ length }, (_, at) => at)
            .filter((at) => lower.startsWith(bytes, at))
            .map((at) => ({ word, end: at + bytes.length }));
        });
        // In the order of their ends, and of those that end together the longest first.
        expected.sort((a, b) => a.end - b.end || b.word.length - a.word.length);
        const found = (pieces: readonly Buffer[]) => {
          const cursor = { state: 0 };
          const places: { word: string; end: number }[] = [];
          let seen = 0;
          for (const piece of pieces) {
            search.take(piece);
            search.words(cursor, seen, (word, end) => places.push({ word, end }));
            seen += piece.length;
          }
          return places;
        };
        const name: string = `${search.constructor.name}, ${length} bytes, ${words}`;
        assert.deepEqual(found([text]), expected, name);
        assert.deepEqual(found(Array.from(text, (_, at) => text.subarray(at, at + 1))), expected, name);
        assert.deepEqual(found([text.subarray(0, length >> 1), text.subarray(length >> 1)]), expected, name);
      }
    }
  }
});

test('what a pattern needs narrows where it is tried, and loses nothing that trying it everywhere finds', () => {
  const random = randomFrom(11);
  const { rules, allowances } = readRuleFile(
    `[[rules]]
id = "address"
regex = '(?i)\\b(?:https?|ftp)(?:\\+[a-z]{2,9})?://[^\\s:/@]{0,64}:([^\\s:/@]{6,128})@[a-z]'
[[rules]]
id = "command"
regex = '\\bcurl\\b.{0,160}?[ \\t\\n](?:-U|--user)(?:[a-z]{0,2}[0-9]{0,2}) ?"([a-z:]{3,20})"'
[[rules]]
id = "number"
regex = '(?i)\\b(\\d{15,16}(?:\\||%)[0-9a-z]{8,12})\\b'
[[rules]]
id = "late-number"
regex = '[xy]{1,3}([a-f]{9})z'
[[rules]]
id = "office"
regex = 'https://[a-z0-9]{1,60}\\.office\\.test/[a-z]{8}'
`,
    sources,
  );
  const needs = new Map(rules.map((rule) => [rule.id, rule]));
  assert.deepEqual(
    needs.get('address')?.company.map(({ literals }) => literals.join()),
    ['@', ':'],
  );
  assert.deepEqual(needs.get('command')?.company, [
    { literals: ['-u'], minBefore: 5, maxBefore: 166 },
    { literals: ['"'], minBefore: 11, maxBefore: 197 },
  ]);
  assert.equal(needs.get('number')?.run?.length, 15);
  assert.deepEqual(needs.get('late-number')?.run?.bytes.length, 6);
  assert.deepEqual(needs.get('office')?.anchor?.literals, ['.office.test/']);
  const narrow = new SecretScanner({ rules, allowances }, null);
  const everywhere = new SecretScanner(
    { rules: rules.map((rule) => ({ ...rule, anchor: null, company: [], run: null, keywords: [] })), allowances },
    null,
  );
  const pieces = [
    'http://',
    'HTTPS://',
    'ftp+ab://',
    'user',
    ':',
    '@',
    'abcdef',
    '/',
    ' ',
    '\n',
    'curl',
    ' -U',
    ' --user "a:bc"',
  ];
  pieces.push(
    '"',
    '1234567',
    '12345678',
    '%',
    '|',
    '0a1b2c3d',
    'x',
    'yy',
    'fedcba',
    'z',
    'https://ab',
    '.office.test/',
    'é',
  );
  let found = 0;
  for (let round = 0; round < 400; round++) {
    const text = Array.from({ length: 1 + random(400) }, () => pieces[random(pieces.length)]).join('');
    const places = (by: SecretScanner) =>
      by.scanText('a', text).map(({ rule, line, column }) => `${rule} ${line} ${column}`);
    const expected = places(everywhere);
    assert.deepEqual(places(narrow), expected, JSON.stringify(text));
    const pieced = narrow.open('a', null);
    const bytes = Buffer.from(text);
    const size = 1 + random(50);
    for (let at = 0; at < bytes.length; at += size) pieced.write(bytes.subarray(at, at + size));
    assert.deepEqual(
      pieced.end().map(({ rule, line, column }) => `${rule} ${line} ${column}`),
      expected,
      `${size}: ${JSON.stringify(text)}`,
    );
    found += expected.length;
  }
  assert.ok(found > 200, `${found} found`);
});

test('a pattern and a keyword with letters beyond ASCII find what they name', () => {
  const own = readRuleFile(
    `[[rules]]
id = "by-name"
regex = 'contraseña\\s*=\\s*([a-z0-9]{8})'
[[rules]]
id = "by-name-and-keyword"
regex = 'contraseña\\s*=\\s*([a-z0-9]{8})'
keywords = ["Contraseña"]
[[rules]]
id = "by-other-keyword"
regex = 'contraseña\\s*=\\s*([a-z0-9]{8})'
keywords = ["clave añadida"]
`,
    sources,
  );
  const beyond = new SecretScanner(own, null);
  assert.deepEqual(rulesIn('contraseña = abcd1234', 'a', beyond), ['by-name', 'by-name-and-keyword']);
  assert.equal(rulesIn('# clave añadida\ncontraseña = abcd1234', 'a', beyond).length, 3);
});

test('a credential far down a text of many pieces is told with its line', () => {
  const line = 'nothing of interest in this line\n';
  const text = Buffer.from(`${line.repeat(9000)}token = "${TOKEN}"\n${line.repeat(4000)}`);
  const lines = [1000, 65_536, text.length].map((size) => {
    const reader = scanner.open('srv/settings.conf', text.length);
    for (let at = 0; at < text.length; at += size) reader.write(text.subarray(at, at + size));
    return reader.end().map(({ rule, line: number, column }) => `${rule} ${number} ${column}`);
  });
  assert.match(lines[0]?.join() ?? '', /github-pat 9001 10/);
  assert.deepEqual(lines[1], lines[0]);
  assert.deepEqual(lines[2], lines[0]);
});

test('rules that a source brings along lead to no file outside of it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-rules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const source = join(folder, 'source');
  mkdirSync(source);
  const rule = '[[rules]]\nid = "its"\nregex = "its_[a-z]{8}"\n';
  for (const place of [folder, source]) writeFileSync(join(place, 'more.toml'), rule);
  symlinkSync(join(folder, 'more.toml'), join(source, 'link.toml'));
  const own = join(source, '.gitleaks.toml');
  const extending = (path: string): string => {
    writeFileSync(own, `[extend]\npath = ${JSON.stringify(path)}\n`);
    return own;
  };
  assert.equal(readOwnRules(extending('more.toml'), source).rules, 1);
  for (const path of ['../more.toml', join(folder, 'more.toml'), 'link.toml', '/dev/zero']) {
    assert.throws(() => readOwnRules(extending(path), source), /outside/, path);
  }
  assert.equal(readOwnRules(extending('../more.toml')).rules, 1, 'who names a file himself may name any');
  // The same holds of the list of known credentials that a source brings along.
  assert.throws(() => readKnowledge(join(source, 'link.toml'), source, 1000), /outside/);
  assert.throws(() => readKnowledge(source, source, 1000), /is no file/);
  assert.throws(() => readKnowledge(own, source, 3), /the limit is 3/);
  assert.match(readKnowledge(own, source, 1000), /extend/);
});
