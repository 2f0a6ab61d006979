/**
 * Events through the compiled rules: Falco's stable and incubating rules (with DARSENA_TEST_DATA) or the shipped ones, over
 * synthetic open and exec records in memory laid out as the kernel writes them. Compared in the same run with one function per
 * rule, which is what an engine without folding by event type does.
 *
 *   ./darsena-node test/bench/rules.bench.ts
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { compileFilters } from '../../src/detect/compile.ts';
import { liveFields, RuleEngine } from '../../src/detect/engine.ts';
import { tryFilters } from '../../src/detect/try-filters.ts';
import { HEADER, KernelEvent, OPEN, RECORD, type Surroundings, unknownProcess } from '../../src/events/index.ts';

const EVENTS = 1_000_000;
const RECORD_BYTES = 256;
const RECORDS = 4096;
const data = process.env['DARSENA_TEST_DATA'];
const folder =
  data !== undefined && existsSync(join(data, 'rules', 'falco'))
    ? join(data, 'rules', 'falco')
    : join(import.meta.dirname, '..', '..', 'rules', 'detection');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .reverse() // the stable file stands before the incubating one
  .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));

const loadStart = performance.now();
const engine = RuleEngine.load(files);
const loadMs = performance.now() - loadStart;
const on = engine.states.filter((state) => state.offReason === null);
console.log(
  `${on.length} rules of ${folder.split('/').at(-1)}, read and compiled in ${loadMs.toFixed(0)} ms (goal 200)`,
);

const shell = { ...unknownProcess(100, 1, 'bash'), exePath: '/usr/bin/bash', exe: 'bash', args: ['-c', 'x'], ppid: 1 };
const worker = {
  ...unknownProcess(101, 1, 'node'),
  exePath: '/usr/bin/node',
  exe: 'node',
  args: ['server.js'],
  ppid: 100,
};
const around: Surroundings = {
  parentOf: (process) => (process === worker ? shell : undefined),
  processOf: () => undefined,
  userName: () => null,
  groupName: () => null,
  ask: () => null,
  wallOffsetNs: 1.7e18,
  bootOffsetNs: 0,
};
const memory = new ArrayBuffer(RECORDS * RECORD_BYTES);
const bytes = Buffer.from(memory);
const paths = ['index.js\0app\0', 'libc.so.6\0lib\0usr\0', 'data.json\0cache\0var\0', 'passwd\0etc\0'];
for (let i = 0; i < RECORDS; i++) {
  const at = i * RECORD_BYTES;
  const path = paths[i % paths.length] ?? '';
  bytes.writeUInt16LE(i % 16 === 0 ? RECORD.exec : RECORD.openat, at);
  bytes.writeUInt32LE(RECORD_BYTES, at + HEADER.length);
  bytes.writeUInt32LE(101, at + HEADER.pid);
  bytes.write('node', at + HEADER.comm);
  bytes.writeInt32LE(5, at + OPEN.result);
  bytes.writeUInt32LE(0o100644, at + OPEN.mode);
  bytes.writeUInt32LE(path.length, at + OPEN.path_length);
  bytes.write(path, at + OPEN.bytes);
  bytes.writeUInt32LE(path.length, at + OPEN.name_length);
}
const event = new KernelEvent(memory, around);
event.process = worker;
event.container = {
  id: 'a'.repeat(64),
  name: 'web',
  project: 'p',
  environment: 'dev',
  workload: 'web',
  pod: 'web-1',
  container: 'web',
  image: 'r/p/web:1',
  digest: null,
};

function run(match: (event: KernelEvent) => unknown, events: number): number {
  let held = 0;
  const start = process.cpuUsage();
  for (let i = 0; i < events; i++) {
    event.load((i % RECORDS) * RECORD_BYTES);
    if (match(event) !== null) held++;
  }
  const used = process.cpuUsage(start);
  if (held < 0) throw new Error('never');
  return ((used.user + used.system) * 1000) / events;
}

const single = on.map(({ rule }) => compileFilters([rule.filter], liveFields));
const oneByOne = (one: KernelEvent): null => {
  for (const match of single) match(one);
  return null;
};
run((one) => engine.match(one), 100_000);
run(oneByOne, 10_000);
const folded = run((one) => engine.match(one), EVENTS);
const flat = run(oneByOne, EVENTS / 10);
console.log(
  `folded by event type: ${folded.toFixed(0)} ns CPU an event = ${(1000 / folded).toFixed(2)} M events/s/core (goal 150 ns for all of user space)`,
);
console.log(`one function a rule:  ${flat.toFixed(0)} ns CPU an event; ratio ${(flat / folded).toFixed(1)}x`);

/** What the sysdig of 2022 fills otherwise; see recorded-cases.test.ts. */
const OF_2022 =
  /fd\.(name_changed|is_server|dev|port|cport|ip|sport|rport|sip|rip|connected|l4proto|type)\b|group\.gid|nchilds|is_exe_writable/;
const REPEATS = 10;

/**
 * Beside sysdig (Debian 0.29.3): the same recording, repeated, and the same conditions joined by "or" in both; then ours on records in
 * memory as the sensor reads them. CPU seconds of whole processes; ours twice, so that reading the file can be taken off.
 */
async function besideSysdig(): Promise<void> {
  if (data === undefined) return console.log('beside sysdig: DARSENA_TEST_DATA is not set');
  const version = spawnSync('sysdig', ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) return console.log('beside sysdig: it is not installed');
  const captures = join(data, 'detection', 'falco-diff', 'captures');
  const expressions = gunzipSync(readFileSync(join(data, 'detection', 'falco-diff', 'filter-expected.ndjson.gz')))
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { expr: string; error?: string })
    .filter(({ expr, error }) => error === undefined && !OF_2022.test(expr) && expr.length > 120)
    .map(({ expr }) => expr);
  const folder = mkdtempSync(join(tmpdir(), 'darsena-bench-'));
  try {
    const file = join(folder, 'long.scap');
    writeFileSync(file, repeated(readFileSync(join(captures, 'run_as_user_0_container.scap')), REPEATS));
    const joined = expressions.map((one) => `(${one})`).join(' or ');
    const sysdig = (filter: string): { cpu: number; lines: number } => {
      const line = 'TIMEFORMAT="%U %S"; time sysdig -r "$1" -p "%evt.num" "$2" | wc -l';
      const { stdout, stderr } = spawnSync('bash', ['-c', line, 'bash', file, filter], { encoding: 'utf8' });
      const [user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
      return { cpu: user + system, lines: Number(stdout) };
    };
    const ours = async (filters: string[]): Promise<{ cpu: number; lines: number; events: number }> => {
      const start = process.cpuUsage();
      const { filters: found, events } = await tryFilters(file, filters);
      const used = process.cpuUsage(start);
      const lines = new Set(found.flatMap((one) => one.events)).size;
      return { cpu: (used.user + used.system) / 1e6, lines, events };
    };
    const rounds: { theirs: number; mine: number }[] = [];
    let matches = '';
    let events = 0;
    for (let round = 0; round < 2; round++) {
      const [theirs, theirRead] = [sysdig(joined), sysdig('evt.num=0')];
      const [mine, mineRead] = [await ours([joined]), await ours(['evt.num=0'])];
      events = mine.events;
      matches = `${theirs.lines} events match there, ${mine.lines} here`;
      rounds.push({ theirs: theirs.cpu - theirRead.cpu, mine: mine.cpu - mineRead.cpu });
    }
    const median = (list: number[]): number => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
    const [theirs, mine] = [median(rounds.map((one) => one.theirs)), median(rounds.map((one) => one.mine))];
    console.log(
      `beside ${version.stdout.trim()}, load ${loadavg()[0]?.toFixed(0)}: ${events} recorded events, ${expressions.length} conditions; ${matches}`,
    );
    const per = (cpu: number): string => ((cpu * 1e9) / events).toFixed(0);
    console.log(
      `conditions alone: ${per(theirs)} ns CPU an event there, ${per(mine)} ns here on the same recording: ratio ${(theirs / mine).toFixed(1)}x (goal 8)`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The blocks of events so many times; all others once. */
function repeated(file: Buffer, times: number): Buffer {
  const capture = file[0] === 0x1f ? gunzipSync(file) : file;
  const [state, events]: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at + 8 <= capture.length; ) {
    const length = capture.readUInt32LE(at + 4);
    const isEvent = [0x204, 0x208, 0x216, 0x217, 0x221, 0x222].includes(capture.readUInt32LE(at));
    (isEvent ? events : state).push(capture.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat([...state, ...Array.from({ length: times }, () => events).flat()]);
}

await besideSysdig();
