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
import { compileFilters, foldFilter } from '../../src/detect/compile.ts';
import { liveFields, RuleEngine } from '../../src/detect/engine.ts';
import type { Filter, Operand } from '../../src/detect/filter-ast.ts';
import { parseFilter } from '../../src/detect/filter-parser.ts';
import { RuleReplay } from '../../src/detect/replay.ts';
import {
  HEADER,
  KernelEvent,
  OPEN,
  PathNames,
  RECORD,
  type Surroundings,
  unknownProcess,
} from '../../src/events/index.ts';
import { EVENT_TYPES, scapFields } from '../../src/events/scap/index.ts';

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
// As many different files as a busy host opens within a second; few of them most of the time.
const paths = Array.from(
  { length: 2_000 },
  (_, i) =>
    [`index-${i}.js\0app\0`, `lib${i}.so.6\0lib\0usr\0`, `${i}.json\0cache\0var\0`, `locale-${i}\0etc\0`][i % 4],
);
for (let i = 0; i < RECORDS; i++) {
  const at = i * RECORD_BYTES;
  const path = paths[Math.floor(paths.length * ((i % 997) / 997) ** 3)] ?? '';
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
const event = new KernelEvent(memory, around, new PathNames());
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

const HOLDING = ['evt.type = openat and fd.name startswith /etc', 'evt.type = execve and proc.name in (ls, sh)'];
/** A recording of so many events is read in some seconds by either side. */
const REPEATS = 480;
const ROUNDS = 3;

/**
 * Beside sysdig (Debian 0.29.3): both read the same recording, repeated, and try the same rules, macros put in, those that
 * cannot concern an event left out by its type. CPU seconds of whole processes, with and without rules; alternating.
 */
async function besideSysdig(): Promise<void> {
  if (data === undefined) return console.log('beside sysdig: DARSENA_TEST_DATA is not set');
  const version = spawnSync('sysdig', ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) return console.log('beside sysdig: it is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'darsena-bench-'));
  try {
    const capture = join(data, 'detection', 'falco-diff', 'captures', 'run_as_user_0_container.scap');
    const file = join(folder, 'long.scap');
    writeFileSync(file, repeated(readFileSync(capture), REPEATS));
    const understood = (text: string): boolean =>
      spawnSync('sysdig', ['-r', capture, '-n', '1', text], { encoding: 'utf8' }).status === 0;
    // What only one of both understands is tried by neither.
    const rules = RuleReplay.load(files).rules.flatMap(({ rule, offReason }) =>
      offReason === null && rule.timing === null && understood(filterText(rule.filter)) ? [rule] : [],
    );
    // Two that hold now and then: nothing in the recording is an attack.
    const filters = [...rules.map(({ filter }) => filter), ...HOLDING.map(parseFilter)];
    const nested = nestByType(filters);
    const scripts = { ours: join(folder, 'ours.ts'), filters: join(folder, 'filters.json') };
    writeFileSync(scripts.filters, JSON.stringify(filters.map(filterText)));
    writeFileSync(scripts.ours, childProgram());
    const sysdig = (filter: string): Measured => measure('sysdig', ['-r', file, '-p', '%evt.num', filter]);
    const ours = (wanted: string): Measured =>
      measure(process.execPath, ['--disable-warning=ExperimentalWarning', scripts.ours, file, wanted]);
    ours(scripts.filters); // fills the cache of compiled sources, as an installed program has it
    const rounds = Array.from({ length: ROUNDS }, () => ({
      theirs: sysdig(nested),
      mine: ours(scripts.filters),
      theirRead: sysdig('evt.num=0'),
      myRead: ours('none'),
    }));
    const cpu = (key: 'theirs' | 'mine' | 'theirRead' | 'myRead'): number =>
      median(rounds.map((round) => round[key].cpu));
    const [first] = rounds;
    if (first === undefined) throw new Error('no round');
    const same = first.theirs.lines.join() === first.mine.lines.join();
    const events = Number(first.myRead.lines.at(-1));
    console.log(
      `beside ${version.stdout.trim()}, load ${loadavg()[0]?.toFixed(0)}: ${events} recorded events, ${rules.length} rules; ` +
        `${first.theirs.lines.length} events match there, ${first.mine.lines.length} here, ${same ? 'the same' : 'NOT THE SAME'}`,
    );
    const per = (seconds: number): string => `${((seconds * 1e9) / events).toFixed(0)} ns`;
    console.log(
      `whole process: ${per(cpu('theirs'))} CPU an event there, ${per(cpu('mine'))} here: ratio ${(cpu('theirs') / cpu('mine')).toFixed(1)}x (goal 8, floor 3)`,
    );
    console.log(
      `rules alone: ${per(cpu('theirs') - cpu('theirRead'))} there, ${per(cpu('mine') - cpu('myRead'))} here: ratio ${((cpu('theirs') - cpu('theirRead')) / (cpu('mine') - cpu('myRead'))).toFixed(1)}x; reading alone ${per(cpu('theirRead'))} and ${per(cpu('myRead'))}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Measured {
  readonly cpu: number;
  readonly lines: readonly string[];
}

/** CPU seconds of a whole process, and the lines it wrote. */
function measure(program: string, args: readonly string[]): Measured {
  const line = 'TIMEFORMAT="%U %S"; time "$@"';
  const { stdout, stderr } = spawnSync('bash', ['-c', line, 'bash', program, ...args], {
    encoding: 'utf8',
    maxBuffer: 1e9,
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'darsena-compile-cache') },
  });
  const [user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  return { cpu: user + system, lines: stdout.split('\n').filter((text) => text !== '') };
}

function median(list: number[]): number {
  return list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
}

/** Our side as a process of its own: numbers of the events that any rule holds for; without rules, how many events there are. */
function childProgram(): string {
  const room = join(import.meta.dirname, '..', '..', 'src');
  return `import { createReadStream, readFileSync } from 'node:fs';
const { readScap } = await import(${JSON.stringify(join(room, 'events/scap/index.ts'))});
const { RuleReplay } = await import(${JSON.stringify(join(room, 'detect/replay.ts'))});
const [file, wanted] = process.argv.slice(2);
const texts = wanted === 'none' ? [] : JSON.parse(readFileSync(wanted, 'utf8'));
const rules = texts.map((text, place) => ({ rule: 'r' + place, desc: 'd', condition: text, output: 'o', priority: 'INFO' }));
const replay = RuleReplay.load([{ file: 'rules.yaml', text: JSON.stringify(rules) }]);
const found = [];
let events = 0;
await readScap(createReadStream(file, { highWaterMark: 1048576 }), (event) => {
  events++;
  if (texts.length > 0 && replay.try(event).length > 0) found.push(event.number);
});
console.log(wanted === 'none' ? events : found.join('\\n'));
`;
}

/** As Falco itself does it: first the type of the event, then the rules that may hold for it. */
function nestByType(filters: readonly Filter[]): string {
  const names = new Set(EVENT_TYPES.filter(({ isExit, isSyscall }) => isExit && isSyscall).map(({ name }) => name));
  const branches = [...names].flatMap((name) => {
    const known = { 'evt.type': name, 'syscall.type': name, 'evt.dir': '<', 'evt.source': 'syscall' };
    const left = filters.map((filter) => foldFilter(filter, known, scapFields)).filter((one) => one !== false);
    const texts = left.map((one) => (one === true ? 'evt.num>0' : filterText(one)));
    return texts.length === 0 ? [] : [`(evt.type=${name} and (${texts.join(' or ')}))`];
  });
  return `evt.dir=< and (${branches.join(' or ')})`;
}

function filterText(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.children.map(filterText).join(` ${filter.kind} `)})`;
    case 'not':
      return `not (${filterText(filter.child)})`;
    case 'exists':
      return `${operandText(filter.left)} exists`;
    case 'check':
      return `${operandText(filter.left)} ${filter.operator} ${operandText(filter.right)}`;
    case 'macro':
      throw new TypeError('macros were put in before');
  }
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
      return operand.argument === null ? operand.name : `${operand.name}[${operand.argument}]`;
    case 'value':
      return `"${operand.text.replaceAll('"', '\\"')}"`;
    case 'list':
      return `(${operand.items.map(operandText).join(', ')})`;
    case 'transform':
      return `${operand.name}(${operand.operands.map(operandText).join(', ')})`;
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
