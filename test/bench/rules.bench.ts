/**
 * Events through the compiled rules: Falco's stable and incubating rules (with DARSENA_TEST_DATA) or the shipped ones.
 *
 * - Rules over synthetic open and exec records in memory laid out as the kernel writes them, beside one function per rule, which is
 *   what an engine without folding by event type does.
 * - All of user space: rings of such records through the sensor's own loop (ring, process table, container, rules).
 * - Beside sysdig, over the same recording: rules alone, reading alone, whole processes, with the matches of both.
 *
 *   ./darsena-node test/bench/rules.bench.ts [records|space|sysdig …]   only these parts, otherwise all
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { compileFilters, foldFilter } from '../../src/detect/compile.ts';
import { liveFields, RuleEngine } from '../../src/detect/engine.ts';
import type { Filter, Operand } from '../../src/detect/filter-ast.ts';
import { parseFilter } from '../../src/detect/filter-parser.ts';
import { RuleReplay } from '../../src/detect/replay.ts';
import { readShippedRules } from '../../src/detect/shipped-rules.ts';
import {
  HEADER,
  KernelEvent,
  OPEN,
  PathNames,
  RECORD,
  type Surroundings,
  unknownProcess,
} from '../../src/events/index.ts';
import { ScapEvent } from '../../src/events/scap/event.ts';
import { EVENT_TYPES, scapFields } from '../../src/events/scap/index.ts';
import { Machine } from '../../src/events/scap/machine.ts';
import { EVENT_BLOCKS, readState } from '../../src/events/scap/recording.ts';
import { makeExec, makeOpen } from '../../src/observe/made-records.ts';
import { RingReader } from '../../src/observe/ring.ts';
import { type EventSource, Watcher } from '../../src/observe/watcher.ts';
import type { RingMemory } from '../../src/system/native.ts';

const parts = new Set(process.argv.slice(2));
const isAsked = (part: 'records' | 'space' | 'sysdig'): boolean => parts.size === 0 || parts.has(part);
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
if (isAsked('records')) {
  run((one) => engine.match(one), 100_000);
  run(oneByOne, 10_000);
  const folded = run((one) => engine.match(one), EVENTS);
  const flat = run(oneByOne, EVENTS / 10);
  console.log(
    `folded by event type: ${folded.toFixed(0)} ns CPU an event = ${(1000 / folded).toFixed(2)} M events/s/core (goal 150 ns for all of user space)`,
  );
  console.log(`one function a rule:  ${flat.toFixed(0)} ns CPU an event; ratio ${(flat / folded).toFixed(1)}x`);
}

/** Rings as the kernel's, full of records; each lap hands out the same ones again. */
class FullRing implements RingMemory {
  readonly data: ArrayBuffer;
  readonly sizeBytes: number;
  readonly consumer = new BigUint64Array(1);
  readonly producer = new BigUint64Array(1);
  records = 0;

  constructor(sizeBytes: number, makeRecord: (index: number) => Buffer | null) {
    this.sizeBytes = sizeBytes;
    this.data = new ArrayBuffer(2 * sizeBytes);
    const bytes = Buffer.from(this.data);
    let at = 0;
    for (;;) {
      const record = makeRecord(this.records);
      const room = ((record?.length ?? 0) + RING_HEADER_BYTES + 7) & ~7;
      if (record === null || at + room > sizeBytes) break;
      bytes.writeUInt32LE(record.length, at);
      record.copy(bytes, at + RING_HEADER_BYTES);
      at += room;
      this.records++;
    }
    // What is left over is a record that was thrown away.
    if (at < sizeBytes) bytes.writeUInt32LE((sizeBytes - at - RING_HEADER_BYTES) | RING_DISCARDED, at);
  }

  fill(): void {
    if (this.records > 0) this.producer[0] = (this.producer[0] ?? 0n) + BigInt(this.sizeBytes);
  }
}

const RING_HEADER_BYTES = 8;
const RING_DISCARDED = 0x4000_0000;
/** What the programs of this machine have: some forty names and a kilobyte and a half. */
const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
const ACTING = 64;
const CGROUPS = 8;
const FIRST_CGROUP = 0x1_0000_1234n;

/** What one event costs from the ring to the verdict, with so many programs started among a hundred events. */
function wholeCost(rules: RuleEngine, programsAmongHundred: number): number {
  let timeNs = 0;
  const header = (pid: number, name: string) => ({
    ...{ timeNs, pid, ppid: FIRST_PID, uid: 0, gid: 0, loginUid: 0xffff_ffff, tty: 0, session: 1, innerPid: pid, name },
    ...{ cgroup: FIRST_CGROUP + BigInt(pid % CGROUPS), startedNs: 5_000_000_000 + pid },
  });
  const folders = ['/app/index-', '/usr/lib/lib', '/var/cache/item-', '/etc/locale-'];
  const opens = new FullRing(8 << 20, (i) => {
    timeNs = i * 1_000;
    const file = Math.floor(paths.length * ((i % 997) / 997) ** 3);
    const about = { path: `${folders[file % folders.length]}${file}`, flags: 0, mode: 0o100644, inode: 5 };
    const record = makeOpen(header(FIRST_PID + (i % ACTING), 'node'), about);
    record.writeInt32LE(5, OPEN.result);
    return record;
  });
  const step = programsAmongHundred === 0 ? 0 : (100_000 * (100 - programsAmongHundred)) / 100 / programsAmongHundred;
  const programs = new FullRing(1 << 20, (i) => {
    timeNs = i * step;
    if (step === 0 || timeNs > opens.records * 1_000) return null;
    const program = {
      ...{ path: '/usr/bin/ls', cwd: '/srv', argv: ['ls', '-l', `/tmp/${i}`], parentName: 'node' },
      // As the kernel's program does: only where a rule asks for it.
      ...(rules.asksEnvironment ? { environment } : {}),
    };
    return makeExec(header(living[i % living.length]?.pid ?? FIRST_PID, 'ls'), program);
  });
  const containerId = (cgroup: bigint): string => `${cgroup}`.padStart(64, 'a');
  const source: EventSource = {
    ...{ processRing: new RingReader(programs), openRing: new RingReader(opens), containerId },
    setIgnored: () => undefined,
  };
  let held = 0;
  const watcher = new Watcher(source, (one) => {
    if (rules.match(one) !== null) held++;
  });
  const place = { name: 'web', project: 'p', environment: 'dev', workload: 'web', pod: 'web-1', container: 'web' };
  watcher.tell(
    Array.from({ length: CGROUPS }, (_, i) => {
      return { ...place, id: containerId(FIRST_CGROUP + BigInt(i)), image: 'r/p/web:1', digest: null };
    }),
  );
  const lap = (): void => {
    opens.fill();
    programs.fill();
    while (watcher.drain()) {
      // as much as there is
    }
  };
  for (let i = 0; i < 4; i++) lap();
  const before = watcher.handled;
  const start = process.cpuUsage();
  while (watcher.handled - before < EVENTS) lap();
  const used = process.cpuUsage(start);
  if (held > 0) throw new Error('none of these acts is an attack');
  return ((used.user + used.system) * 1000) / (watcher.handled - before);
}

const FIRST_PID = 5_000_000; // more than the kernel gives
/** Programs that are there: what a rule asks /proc of them, it is answered. */
const living = Array.from({ length: 32 }, () => spawn('sleep', ['3600'], { stdio: 'ignore' }));
process.on('exit', () => {
  for (const child of living) child.kill();
});
const shipped = RuleEngine.load(readShippedRules());
if (isAsked('space'))
  for (const [name, rules] of [
    ['these rules', engine],
    ['the shipped rules', shipped],
  ] as const) {
    const [opens, mixed] = [0, 3].map((share) => spreadOf(Array.from({ length: 3 }, () => wholeCost(rules, share))));
    console.log(
      `all of user space, ${name}: opens alone ${opens} ns CPU an event, with 3 programs started among 100 events ${mixed} ns (goal 150, floor 300)`,
    );
  }

const HOLDING = ['evt.type = openat and fd.name startswith /etc', 'evt.type = execve and proc.name in (ls, sh)'];
/** A recording of so many events is read in some seconds by either side. */
const REPEATS = 1_440;
const ROUNDS = 5;

/**
 * Beside sysdig (Debian 0.29.3): both read the same recording, repeated, and try the same rules, macros put in, those that
 * cannot concern an event left out by its type. CPU seconds, alternating, median and spread of the rounds.
 *
 * sysdig cannot hold events and try them again, so its rules are the difference of two whole processes, with and without them; they
 * are most of what it does, so the difference is steady. Ours are a small part: they are timed by themselves, over the
 * events of the recording as they stand decoded in memory, one after the other and again from the first. What the difference of
 * whole processes says is told beside it.
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
    const sweep = sweepOf(readFileSync(capture), filters);
    sweep();
    const rounds = Array.from({ length: ROUNDS }, () => ({
      theirs: sysdig(nested),
      mine: ours(scripts.filters),
      theirRead: sysdig('evt.num=0'),
      myRead: ours('none'),
      mySweep: sweep(),
    }));
    const [first] = rounds;
    if (first === undefined) throw new Error('no round');
    const [events = 0] = JSON.parse(first.myRead.lines.at(-1) ?? '[]') as number[];
    const per = (seconds: number): number => (seconds * 1e9) / events;
    const theirs = rounds.map((one) => per(one.theirs.cpu));
    const mine = rounds.map((one) => per(one.mine.cpu));
    const theirRead = rounds.map((one) => per(one.theirRead.cpu));
    const myRead = rounds.map((one) => per(one.myRead.cpu));
    const inside = rounds.map(({ myRead }) => (JSON.parse(myRead.lines.at(-1) ?? '[]') as number[])[1] ?? 0).map(per);
    const theirRules = rounds.map((one) => per(one.theirs.cpu - one.theirRead.cpu));
    const myRules = rounds.map((one) => one.mySweep);
    const difference = rounds.map((one) => per(one.mine.cpu - one.myRead.cpu));
    const ratio = (above: number[], below: number[]): string => `${(median(above) / median(below)).toFixed(1)}x`;
    const same = first.theirs.lines.join() === first.mine.lines.join();
    console.log(
      `beside ${version.stdout.trim()}, load ${loadavg()[0]?.toFixed(0)}: ${events} recorded events, ${rules.length} rules; ` +
        `${first.theirs.lines.length} events match there, ${first.mine.lines.length} here, ${same ? 'the same' : 'NOT THE SAME'}`,
    );
    console.log(
      `rules alone: ${spreadOf(theirRules)} ns CPU an event there, ${spreadOf(myRules)} here: ratio ${ratio(theirRules, myRules)} (goal 8, floor 3); by the difference of whole processes ${spreadOf(difference)} here`,
    );
    console.log(
      `reading alone: ${spreadOf(theirRead)} ns CPU an event there, ${spreadOf(inside)} here, with start of the process ${spreadOf(myRead)}: ratio ${ratio(theirRead, inside)} and ${ratio(theirRead, myRead)}`,
    );
    console.log(
      `whole process: ${spreadOf(theirs)} ns CPU an event there, ${spreadOf(mine)} here: ratio ${ratio(theirs, mine)}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The events of a recording, decoded, each with the process and the descriptor as they were when it happened. The function that is
 * answered tries all of them many times and says what one try costs in ns CPU.
 */
function sweepOf(file: Buffer, filters: readonly Filter[]): () => number {
  const bytes = file[0] === 0x1f ? gunzipSync(file) : file;
  const machine = new Machine();
  const events: ScapEvent[] = [];
  for (let at = 0, number = 0; at + 8 <= bytes.length; at += bytes.readUInt32LE(at + 4)) {
    const [type, end] = [bytes.readUInt32LE(at), at + bytes.readUInt32LE(at + 4) - 4];
    const form = EVENT_BLOCKS[type];
    if (form === undefined) {
      readState(machine, type, bytes.subarray(at + 8, end));
      continue;
    }
    const event = new ScapEvent(machine);
    if (!event.load(bytes, at + 8, end, form, ++number) || event.type.name === 'procinfo') continue;
    machine.follow(event);
    event.thread = event.thread === null ? null : { ...event.thread };
    event.descriptor = event.descriptor === null ? null : { ...event.descriptor };
    events.push(event);
  }
  const replay = RuleReplay.load([{ file: 'rules.yaml', text: rulesOf(filters.map(filterText)) }]);
  return () => {
    let tries = 0;
    const start = process.cpuUsage();
    while (tries < SWEEP_EVENTS) {
      for (const event of events) replay.try(event);
      tries += events.length;
    }
    const used = process.cpuUsage(start);
    return ((used.user + used.system) * 1000) / tries;
  };
}

const SWEEP_EVENTS = 10_000_000;

function rulesOf(texts: readonly string[]): string {
  return JSON.stringify(
    texts.map((condition, i) => ({ rule: `r${i}`, desc: 'd', condition, output: 'o', priority: 'INFO' })),
  );
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

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
}

/** Median, and from where to where. */
function spreadOf(list: readonly number[]): string {
  return `${median(list).toFixed(0)} (${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)})`;
}

/** Our side as a process of its own: numbers of the events that any rule holds for; without rules, how many events and CPU seconds. */
function childProgram(): string {
  const room = join(import.meta.dirname, '..', '..', 'src');
  return `import { readFileSync } from 'node:fs';
const { readScap, recordingChunks } = await import(${JSON.stringify(join(room, 'events/scap/index.ts'))});
const { RuleReplay } = await import(${JSON.stringify(join(room, 'detect/replay.ts'))});
const [file, wanted] = process.argv.slice(2);
const texts = wanted === 'none' ? [] : JSON.parse(readFileSync(wanted, 'utf8'));
const rules = texts.map((text, place) => ({ rule: 'r' + place, desc: 'd', condition: text, output: 'o', priority: 'INFO' }));
const replay = RuleReplay.load([{ file: 'rules.yaml', text: JSON.stringify(rules) }]);
const found = [];
let events = 0;
const start = process.cpuUsage();
await readScap(recordingChunks(file), (event) => {
  events++;
  if (texts.length > 0 && replay.try(event).length > 0) found.push(event.number);
});
const used = process.cpuUsage(start);
console.log(wanted === 'none' ? JSON.stringify([events, (used.user + used.system) / 1e6]) : found.join('\\n'));
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

for (const child of living) child.kill();
if (isAsked('sysdig')) await besideSysdig();
