/**
 * Events through the compiled rules: Falco's stable and incubating rules (with DARSENA_TEST_DATA) or the shipped ones, over
 * synthetic open and exec records in memory laid out as the kernel writes them. Compared in the same run with one function per
 * rule, which is what an engine without folding by event type does.
 *
 *   ./darsena-node test/bench/rules.bench.ts
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileFilters } from '../../src/detect/compile.ts';
import { liveFields, RuleEngine } from '../../src/detect/engine.ts';
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
