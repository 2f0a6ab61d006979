/**
 * What the sensor costs a program that it watches and that does nothing remarkable: redis answering redis-benchmark, three ways in
 * turns: nothing in the kernel; our sensor with the shipped rules, this host in its scope; two programs on raw sys_enter and
 * sys_exit that look the call up in a table of wanted ones and find it unwanted, which is the least that such an agent does for
 * each call. Goal (performance.md 3): our loss at most 0.25 of theirs, and at most 3 %.
 *
 * Requests a second say little beside other work; processor time of both programs for a request says the same on a loaded machine.
 * Needs root, BPF, podman, runc, busybox-static, and `apt-get install redis-server redis-tools`; x86-64.
 *
 *   ./darsena-node test/bench/sensor-redis.bench.ts [rounds] [requests]
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { DynamicLibrary } from 'node:ffi';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeDescriptor } from '../../src/system/native.ts';
import { Ground, missingParts, SHIPPED_RULES } from '../real/observe-ground.ts';

function missing(): string | false {
  for (const tool of ['redis-server', 'redis-benchmark'])
    if (spawnSync(tool, ['--version']).status !== 0) return `needs ${tool}: apt-get install redis-server redis-tools`;
  if (process.arch !== 'x64') return 'the raw programs read registers of x86-64';
  return missingParts();
}
const why = missing();
if (why !== false) {
  console.log(`cannot be measured here: ${why}`);
  process.exit(0);
}
const rounds = Number(process.argv[2] ?? 5);
const requests = Number(process.argv[3] ?? 200_000);
const CLIENTS = 50;
const WAYS = ['bare', 'ours', 'raw'] as const;
type Way = (typeof WAYS)[number];

interface Measured {
  readonly perSecond: number;
  /** Of server and client together, for a request, in microseconds. */
  readonly cpu: number;
}

// include/uapi/linux/bpf.h
const [RAW_TRACEPOINT, ARRAY, CALLS] = [17, 2, 512];
const [LOOKUP, PROBE_READ_KERNEL] = [1, 113];
/** Where pt_regs of x86-64 has the number of the call. */
const ORIG_AX = 120;

/** One instruction of BPF: operation, registers, offset, number. */
function code(...instructions: readonly (readonly [number, number, number, number, number])[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([operation, target, source, offset, number], index) => {
    bytes[index * 8] = operation;
    bytes[index * 8 + 1] = target | (source << 4);
    bytes.writeInt16LE(offset, index * 8 + 2);
    bytes.writeInt32LE(number, index * 8 + 4);
  });
  return bytes;
}

/** Hangs both programs on; answers what takes them away. */
function attachRaw(): () => void {
  const bpf = new DynamicLibrary('libbpf.so.1').getFunctions({
    bpf_map_create: { arguments: ['i32', 'string', 'u32', 'u32', 'u32', 'pointer'], return: 'i32' },
    bpf_prog_load: { arguments: ['i32', 'string', 'string', 'buffer', 'u64', 'pointer'], return: 'i32' },
    bpf_raw_tracepoint_open: { arguments: ['string', 'i32'], return: 'i32' },
  });
  const checked = (what: string, fd: number): number => {
    if (fd < 0) throw new Error(`${what}: ${fd}`);
    return fd;
  };
  const wanted = checked('the table of calls', bpf.bpf_map_create(ARRAY, 'wanted', 4, 1, CALLS, 0n));
  const lookUp = [
    [0x63, 10, 2, -4, 0], // the number of the call onto the stack
    [0x18, 1, 1, 0, wanted],
    [0x00, 0, 0, 0, 0],
    [0xbf, 2, 10, 0, 0],
    [0x07, 2, 0, 0, -4],
    [0x85, 0, 0, 0, LOOKUP],
    [0x15, 0, 0, 1, 0], // not in the table
    [0x71, 1, 0, 0, 0], // whether anybody wants it
    [0xb7, 0, 0, 0, 0],
    [0x95, 0, 0, 0, 0],
  ] as const;
  const programs = [
    ['sys_enter', code([0x79, 2, 1, 8, 0], ...lookUp)],
    [
      'sys_exit',
      code(
        [0x79, 3, 1, 0, 0], // the registers
        [0x07, 3, 0, 0, ORIG_AX],
        [0xbf, 1, 10, 0, 0],
        [0x07, 1, 0, 0, -16],
        [0xb7, 2, 0, 0, 8],
        [0x85, 0, 0, 0, PROBE_READ_KERNEL],
        [0x79, 2, 10, -16, 0],
        ...lookUp,
      ),
    ],
  ] as const;
  const open = [wanted];
  for (const [name, bytes] of programs) {
    const program = checked(
      `the program on ${name}`,
      bpf.bpf_prog_load(RAW_TRACEPOINT, name, 'GPL', bytes, BigInt(bytes.length / 8), 0n),
    );
    open.push(program, checked(name, bpf.bpf_raw_tracepoint_open(name, program)));
  }
  return () => {
    for (const fd of open.reverse()) closeDescriptor(fd);
  };
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(fields[0]) / 1e9;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const port = await freePort();
/** Without threads of its own, so that its first thread's time is all of it. */
const settings = ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'];
const redis: ChildProcess = spawn('redis-server', settings, { stdio: 'ignore', cwd: '/' });
const redisPid = redis.pid ?? 0;

function benchmark(count: number): Measured {
  const line = 'TIMEFORMAT="%U %S"; time "$@"';
  const args = [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-t',
    'get',
    '-n',
    String(count),
    '-c',
    String(CLIENTS),
    '--csv',
  ];
  const before = cpuSeconds(redisPid);
  const { stdout, stderr, status } = spawnSync('bash', ['-c', line, 'bash', 'redis-benchmark', ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`redis-benchmark: ${stderr}`);
  const [user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  const perSecond = Number(/"GET","([\d.]+)"/.exec(stdout)?.[1]);
  return { perSecond, cpu: ((user + system + cpuSeconds(redisPid) - before) * 1e6) / count };
}

async function inTheWay(way: Way): Promise<Measured> {
  if (way === 'bare') return benchmark(requests);
  if (way === 'raw') {
    const detach = attachRaw();
    try {
      await sleep(200);
      return benchmark(requests);
    } finally {
      detach();
    }
  }
  await ground.startAgain();
  try {
    await sleep(500);
    return benchmark(requests);
  } finally {
    await ground.endSensor();
  }
}

const ground = new Ground();
const found = new Map<Way, Measured[]>(WAYS.map((way) => [way, []]));
try {
  await ground.startSensor({ rules: [SHIPPED_RULES], scope: 'all', host: true });
  await ground.endSensor();
  for (let tries = 0; spawnSync('redis-cli', ['-p', String(port), 'ping']).status !== 0; tries++) {
    if (tries > 100) throw new Error('redis does not answer');
    await sleep(100);
  }
  benchmark(requests / 4);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < WAYS.length; turn++) {
      const way = WAYS[(round + turn) % WAYS.length] ?? 'bare';
      found.get(way)?.push(await inTheWay(way));
    }
  }
} finally {
  redis.kill('SIGKILL');
  await ground.close();
}

const median = (way: Way, key: keyof Measured): number =>
  (found.get(way) ?? []).map((one) => one[key]).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
const version = execFileSync('redis-server', ['--version'], { encoding: 'utf8' }).split(' ')[2];
console.log(
  `redis ${version}, GET of ${CLIENTS} clients, ${rounds} rounds of ${requests}, medians, load ${loadavg()[0]?.toFixed(1)}`,
);
for (const [key, unit] of [
  ['perSecond', 'requests a second'],
  ['cpu', 'µs of processor time a request'],
] as const) {
  const [bare, ours, raw] = WAYS.map((way) => median(way, key));
  const loss = (one = 0): number => (key === 'cpu' ? one / (bare ?? 1) - 1 : 1 - one / (bare ?? 1)) * 100;
  const digits = key === 'cpu' ? 2 : 0;
  console.log(
    `${unit}: bare ${bare?.toFixed(digits)}, ours ${ours?.toFixed(digits)} (${loss(ours).toFixed(1)} % lost, goal 3), raw ${raw?.toFixed(digits)} ` +
      `(${loss(raw).toFixed(1)} % lost): ratio ${(loss(ours) / loss(raw)).toFixed(2)} (goal 0.25, floor 0.5)`,
  );
}
