/** `darsena rules test` on recordings that cannot be read to their end, or not at all. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { tryFilters } from './try-filters.ts';

const root = process.env['DARSENA_TEST_DATA'];
const capture = root === undefined ? '' : join(root, 'detection', 'falco-diff', 'captures', 'connect_localhost.scap');
const skip = capture === '' || !existsSync(capture) ? 'DARSENA_TEST_DATA is not set: no recordings' : false;
const CLI = join(import.meta.dirname, '..', 'programs', 'cli.ts');
const RULES = `- rule: Connected
  desc: d
  condition: evt.type = connect
  output: to %fd.name
  priority: INFO
- rule: Twice
  desc: d
  condition: evt.type = connect
  times: 2
  output: again to %fd.name
  priority: INFO
`;

interface Answer {
  readonly recordings: {
    readonly recording: string;
    readonly events: number;
    readonly cut: string | null;
    readonly alerts: { readonly rule: string }[];
  }[];
}

function run(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'rules', 'test', ...args], {
      env: { ...process.env, LANG: 'C' },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('what was found before a recording is cut is kept, with the place and exit code 1', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const rules = join(folder, 'rules.yaml');
  writeFileSync(rules, RULES);
  const whole = gunzipSync(readFileSync(capture));
  const cut = join(folder, 'cut.scap');
  writeFileSync(cut, whole.subarray(0, -10));
  const { code, stdout, stderr } = await run([cut, '--rules', rules, '--json']);
  assert.equal(code, 1, stderr);
  const [only] = (JSON.parse(stdout) as Answer).recordings;
  assert.equal(only?.events, 8);
  assert.match(only.cut ?? '', /inside a block/);
  assert.deepEqual(
    only.alerts.map(({ rule }) => rule),
    ['Connected'],
  );
  const said = await run([cut, '--filter', 'evt.type = connect']);
  assert.equal(said.code, 1, said.stderr);
  assert.match(`${said.stdout}${said.stderr}`, /cannot be read beyond 8 events/);

  // Of a compressed one the stream itself ends early.
  const packed = join(folder, 'cut.gz');
  writeFileSync(packed, gzipSync(whole).subarray(0, -30));
  const half = await run([packed, '--rules', rules, '--json']);
  assert.equal(half.code, 1, half.stderr);
  assert.ok(((JSON.parse(half.stdout) as Answer).recordings[0]?.events ?? 0) > 0);

  const empty = join(folder, 'empty.scap');
  writeFileSync(empty, '');
  assert.equal((await run([empty, '--rules', rules])).code, 2);
});

test('rules over time begin anew with each recording', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const rules = join(folder, 'rules.yaml');
  writeFileSync(rules, RULES);
  const { stdout, stderr } = await run([capture, capture, '--rules', rules, '--json']);
  const alerts = (JSON.parse(stdout) as Answer).recordings.map((one) => one.alerts.map(({ rule }) => rule));
  assert.deepEqual(alerts[0], alerts[1], stderr);
});

test('a broken recording of either kind is told with both as the way out', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const cut = join(folder, 'night.dcap');
  writeFileSync(cut, gzipSync(Buffer.alloc(1_000, 'x')).subarray(0, -6));
  const { code, stderr } = await run([cut, '--filter', 'evt.num = 1']);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /a \.dcap file of darsena capture, or a \.scap file/);
});

test('a pipe is refused and not waited for', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const pipe = join(folder, 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  for (const rest of [
    ['--filter', 'evt.num = 1'],
    ['--rules', pipe.replace(/pipe$/, 'none.yaml')],
  ]) {
    if (rest[0] === '--rules') writeFileSync(rest[1] ?? '', RULES);
    const { code, stderr } = await run([pipe, ...rest]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /is no file/);
  }
});

test('the lists of users and groups that newer recordings have as events are no events of a condition', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [USER_ADDED, COUNTED, HEADER_BYTES] = [354, 0x216, 26];
  const block = Buffer.alloc(40);
  block.writeUInt32LE(COUNTED, 0);
  block.writeUInt32LE(block.length, 4);
  block.writeUInt32LE(HEADER_BYTES, 26);
  block.writeUInt16LE(USER_ADDED, 30);
  block.writeUInt32LE(block.length, 36);
  const file = join(folder, 'newer.scap');
  writeFileSync(file, Buffer.concat([gunzipSync(readFileSync(capture)), block]));
  const count = async (path: string): Promise<number | undefined> =>
    (await tryFilters(path, ['not proc.name = nobody'])).filters[0]?.events.length;
  assert.equal(await count(file), await count(capture));
});
