/**
 * Records of a ring to JavaScript: our reader, which reads them where the kernel wrote them, beside an add-on that calls JavaScript
 * once for each record with an object of three properties (Node-API), as sensors for Node are usually written. Both read the same
 * records and the same three fields of them; then a path of 48 bytes as well. Goal (performance.md 3): at most 0.2 of theirs.
 *
 *   ./darsena-node test/bench/ring.bench.ts [records]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADER, KernelEvent, OPEN, PathNames, RECORD, type Surroundings } from '../../src/events/index.ts';
import { RingReader } from '../../src/observe/ring.ts';

if (spawnSync('gcc', ['--version']).status !== 0) {
  console.log('cannot be measured here: needs gcc');
  process.exit(0);
}
const wanted = Number(process.argv[2] ?? 2_000_000);
const RING_BYTES = 1 << 20;
/** With the eight bytes that the kernel puts before each. */
const STEP = 256;
const RECORDS = RING_BYTES / STEP;
const BEFORE = 8;
const ROUNDS = 5;
const PATHS = 2_000;

interface Row {
  readonly type: number;
  readonly pid: number;
  readonly time: number;
  readonly text: string;
}
interface AddOn {
  read(memory: ArrayBuffer, step: number, count: number, textAt: number, take: (row: Row) => void): void;
}

const folder = mkdtempSync(join(tmpdir(), 'darsena-ring-'));
try {
  const file = join(folder, 'callback.node');
  const source = join(import.meta.dirname, 'ring-callback.c');
  execFileSync('gcc', ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', source, '-o', file]);
  const module = { exports: {} as AddOn };
  process.dlopen(module, file);
  compare(module.exports);
} finally {
  rmSync(folder, { recursive: true });
}

function compare(addOn: AddOn): void {
  const memory = new ArrayBuffer(2 * RING_BYTES);
  const bytes = Buffer.from(memory);
  for (let i = 0; i < RECORDS; i++) {
    const at = i * STEP;
    // Few files come often, as on a host; 48 bytes, leaf first.
    const place = Math.floor(PATHS * ((i % 997) / 997) ** 3);
    const path = `${String(place).padStart(20, 'f')}\0${'d'.repeat(21)}\0srv\0\0`;
    bytes.writeUInt32LE(STEP - BEFORE, at);
    bytes.writeUInt16LE(RECORD.openat, at + BEFORE);
    bytes.writeUInt32LE(STEP - BEFORE, at + BEFORE + HEADER.length);
    bytes.writeBigUInt64LE(BigInt(i) * 1000n, at + BEFORE + HEADER.time);
    bytes.writeUInt32LE(100 + (i % 50), at + BEFORE + HEADER.pid);
    bytes.writeUInt32LE(path.length - 1, at + BEFORE + OPEN.path_length);
    bytes.write(path, at + BEFORE + OPEN.bytes, 'latin1');
  }
  bytes.copy(bytes, RING_BYTES, 0, RING_BYTES); // the second view of the same pages
  const around: Surroundings = {
    parentOf: () => undefined,
    processOf: () => undefined,
    userName: () => null,
    groupName: () => null,
    ask: () => null,
    wallOffsetNs: 0,
    bootOffsetNs: 0,
  };
  const passes = Math.ceil(wanted / RECORDS);
  const positions = { consumer: new BigUint64Array(1), producer: new BigUint64Array(1) };
  const reader = new RingReader({ ...positions, data: memory, sizeBytes: RING_BYTES });
  const event = new KernelEvent(memory, around, new PathNames());
  const ours = (withText: boolean): number => {
    let sum = 0;
    for (let pass = 0; pass < passes; pass++) {
      Atomics.add(positions.producer, 0, BigInt(RING_BYTES));
      for (let at = reader.peek(); at !== -1; at = reader.peek()) {
        event.load(at);
        sum += event.type + event.u32(HEADER.pid) + event.u64(HEADER.time);
        if (withText) sum += event.openPath().text.length;
        reader.advance();
      }
      reader.release();
    }
    return sum;
  };
  const theirs = (withText: boolean): number => {
    let sum = 0;
    const plain = (row: Row): void => {
      sum += row.type + row.pid + row.time;
    };
    const whole = (row: Row): void => {
      // In their favour: the parts of the path are left as they are, from the leaf on.
      sum += row.type + row.pid + row.time + row.text.length;
    };
    for (let pass = 0; pass < passes; pass++)
      addOn.read(memory, STEP, RECORDS, withText ? OPEN.bytes : 0, withText ? whole : plain);
    return sum;
  };
  const perRecord = (work: (withText: boolean) => number, withText: boolean): { ns: number; sum: number } => {
    const start = process.cpuUsage();
    const sum = work(withText);
    const { user, system } = process.cpuUsage(start);
    return { ns: ((user + system) * 1000) / (passes * RECORDS), sum };
  };
  for (const withText of [false, true]) {
    const [mine, other]: [number[], number[]] = [[], []];
    for (let round = 0; round <= ROUNDS; round++) {
      const [one, two] = [perRecord(ours, withText), perRecord(theirs, withText)];
      if (!withText && one.sum !== two.sum) throw new Error(`they did not read the same: ${one.sum}, ${two.sum}`);
      if (round === 0) continue; // the compiler has seen it
      mine.push(one.ns);
      other.push(two.ns);
    }
    const median = (list: number[]): number => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
    const what = withText ? 'three fields and a path of 48 bytes' : 'three fields of the header';
    console.log(
      `${what}, ${passes * RECORDS} records, Node ${process.versions.node} (Node-API ${process.versions['napi']}), CPU each: read in place ${median(mine).toFixed(1)} ns, one Node-API call each ${median(other).toFixed(1)} ns: ` +
        `ratio ${(median(mine) / median(other)).toFixed(3)} (goal 0.2, floor 0.4); load ${loadavg()[0]?.toFixed(1)}`,
    );
  }
}
