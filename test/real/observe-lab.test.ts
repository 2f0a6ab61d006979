/** The sensor's programs on Debian's own kernel, in a virtual machine: all of them load, and calls of 32 bits are told. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { callSpecs, calls32, fieldReader, KernelEvent, PathNames, unknownProcess } from '../../src/events/index.ts';
import { buildGuard, LabMachine, labMissing, prepareKernel } from '../lab/lab.ts';

const OBJECT = join(import.meta.dirname, '../../src/observe/bpf/sensor.x64.bpf.o');
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  umount2: 'umount',
  pwrite: 'pwrite64',
  sendfile: 'sendfile64',
};
/** These are hung in by themselves, and none may be refused. */
const PROGRAMS = [
  ...[
    'on_call_32',
    'on_exec',
    'on_fork',
    'on_exit',
    'on_cgroup_removed',
    'on_openat',
    'on_openat2',
    'on_open',
    'on_creat',
  ],
  ...[
    'on_clone_refused',
    'on_clone3_refused',
    'on_connect',
    'on_mode_changed',
    'on_uring_answered',
    'on_uring_overflow',
    'on_question',
  ],
];
const READ = [
  'evt.type',
  'evt.arg.via',
  'evt.rawres',
  'fd.name',
  'fd.type',
  'fs.path.name',
  'fs.path.target',
  'fd.rip',
  'fd.rport',
  'proc.env',
] as const;

function missing(): string | false {
  const lab = labMissing();
  if (lab !== null) return lab;
  return spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc';
}

type Told = Readonly<Record<(typeof READ)[number], unknown>>;

function readRecord(hex: string): Told {
  const bytes = Buffer.from(hex, 'hex');
  const memory = new ArrayBuffer(bytes.length + 16);
  Buffer.from(memory).set(bytes);
  const surroundings = {
    ...{ parentOf: () => undefined, processOf: () => undefined, userName: () => null, groupName: () => null },
    ...{ ask: () => null, wallOffsetNs: 0, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(memory, surroundings, new PathNames());
  event.load(0);
  event.process = unknownProcess(1, 0);
  const read = (field: string): unknown => {
    const [, base = field, argument = null] = /^(evt\.arg)\.(.*)$/.exec(field) ?? [];
    return fieldReader(base, argument)?.(event) ?? null;
  };
  return Object.fromEntries(READ.map((field) => [field, read(field)])) as Told;
}

describe('on a kernel of Debian', { skip: missing(), timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-observe-lab-'));
  let machine: LabMachine;
  let said: string[] = [];
  let told: Told[] = [];
  let through: Told[] = [];

  before(async () => {
    const kernel = prepareKernel();
    const reader = buildGuard(kernel, 'reader');
    assert.ok(reader !== null, 'the reader could not be built');
    const acts = join(folder, 'acts');
    const source = join(import.meta.dirname, 'observe-acts.c');
    execFileSync('gcc', ['-O2', '-static', '-pthread', '-Wall', '-Werror', source, '-o', acts]);
    const entry = (map: string, key: number, value: Buffer): string => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(key);
      return `${map} ${bytes.toString('hex')} ${value.toString('hex')}`;
    };
    const tables = [
      ...callSpecs('x64').map(({ number, spec }) => entry('calls', number, spec)),
      ...calls32().map(({ place, spec }) => entry('calls_32', place, spec)),
      // A few of the calls of 64 bits, so that both are seen beside each other.
      ...['unlink', 'write', 'chmod'].map((name) => `attach sys_exit_${KERNEL_NAMES[name] ?? name}`),
    ];
    machine = await LabMachine.boot(kernel, {
      files: {
        reader: readFileSync(reader),
        acts: readFileSync(acts),
        'sensor.o': readFileSync(OBJECT),
        tables: Buffer.from(`${tables.join('\n')}\n`),
      },
    });
    const address = `x0200${(20_300).toString(16).padStart(4, '0')}7f0000010000000000000000`;
    // unlink; then open, openat, creat, rename, unlink, setuid of 16 bits, socket, connect and kill as programs of 32 bits call them.
    const wide = ['87 /tmp/wide-gone', `90 /tmp/folder ${0o2775}`, `90 /tmp/file ${0o2755}`];
    const narrow = [
      ...['5 /init 0', '295 -100 /init 0', '8 /tmp/made 384', '38 /tmp/made /tmp/moved', '10 /tmp/moved', '23 0'],
      ...['359 2 1 0', `362 6 ${address} 16`, '37 1 0'],
    ];
    const lines = (list: readonly string[]): string => list.map((one) => `${one}\\n`).join('');
    // Once for all: loading takes a while where the processor is emulated.
    const script = [
      ...[
        'chmod +x /reader /acts',
        'ip link set lo up',
        'mount -t tracefs t /sys/kernel/tracing',
        'mkdir /tmp/ring /tmp/folder',
      ],
      ': > /tmp/file; : > /tmp/wide-gone',
      'for i in 0 1 2 3 4 5; do : > /tmp/ring/open-$i; : > /tmp/ring/from-$i; done',
      `printf '${lines(wide)}' > /tmp/wide; printf '${lines(narrow)}' > /tmp/narrow`,
      `echo 'MARK=lab /acts calls < /tmp/wide; /acts calls-32 < /tmp/narrow; /acts ring-control; /acts ring /tmp/ring 6 20000; /acts ring-sends' > /tmp/all`,
      '/reader /sensor.o /tables /bin/sh /tmp/all > /tmp/out 2> /tmp/err',
      "echo code $?; grep -v '^record' /tmp/out; tail -c 3000 /tmp/err; cat /tmp/acts.out; grep '^record' /tmp/out | cut -c8-",
    ].join('\n');
    const { output } = await machine.run(script, 500_000);
    const all = output.split('\n').map((line) => line.trim());
    const isRecord = (line: string): boolean => /^[0-9a-f]{190,}$/.test(line);
    said = all.filter((line) => !isRecord(line));
    told = all.filter(isRecord).map(readRecord);
    through = told.filter((one) => one['evt.arg.via'] === 'io_uring');
  });
  after(async () => {
    await machine?.off();
    rmSync(folder, { recursive: true, force: true });
  });

  test('all programs load and are hung in', () => {
    for (const name of PROGRAMS) assert.ok(said.includes(`attached ${name}`), `${name}: ${said.join('; ')}`);
  });

  test('programs are told with their environment', () => {
    const marked = told.filter((one) => one['evt.type'] === 'execve' && /\bMARK=lab\b/.test(String(one['proc.env'])));
    assert.equal(marked.length, 1, JSON.stringify(told.filter((one) => one['evt.type'] === 'execve')));
  });

  test('calls of 32 bits are told like those of 64', () => {
    assert.deepEqual(
      told
        .filter((one) => one['evt.type'] === 'unlink' && one['fs.path.name'] === '/tmp/wide-gone')
        .map((one) => [one['evt.arg.via'], one['evt.rawres']]),
      [[null, 0]],
      said.join('; '),
    );
    const via = told.filter((one) => one['evt.arg.via'] === '32-bit');
    const seen = via.map((one) =>
      `${one['evt.type']} ${one['fd.name'] ?? one['fs.path.name'] ?? one['fs.path.target'] ?? ''}`.trim(),
    );
    const wanted = [
      'open /init',
      'openat /init',
      'creat /tmp/made',
      'rename /tmp/moved',
      'unlink /tmp/moved',
      'setuid',
      'kill',
    ];
    for (const one of wanted) assert.ok(seen.includes(one), `${one} among ${seen.join('; ')}; ${said.join('; ')}`);
    const connection = via.find((one) => one['evt.type'] === 'connect');
    assert.deepEqual([connection?.['fd.rip'], connection?.['fd.rport']], ['127.0.0.1', 20_300]);
  });

  test('whose rights are changed by a name is told with what it is: a folder, or a file', () => {
    const changed = told.filter((one) => one['evt.type'] === 'chmod');
    assert.deepEqual(
      changed.map((one) => [one['fs.path.name'], one['fd.type']]),
      [
        ['/tmp/folder', 'directory'],
        ['/tmp/file', 'file'],
      ],
      said.join('; '),
    );
  });

  test('bytes into a file that controls the kernel are told through io_uring, however they hide', () => {
    const written = through.filter((one) => /^(?:write|writev|splice)$/.test(String(one['evt.type'])));
    assert.equal(written.length, 9, `${JSON.stringify(written)} ${said.join('; ')}`);
    assert.ok(
      written.every((one) => one['fd.name'] === '/proc/sys/kernel/hostname'),
      JSON.stringify(written),
    );
  });

  test('what is opened, renamed, made and connected through io_uring is told', () => {
    const missing = [0, 1, 2, 3, 4, 5].flatMap((i) => [
      ...(through.some((one) => one['fd.name'] === `/tmp/ring/open-${i}`) ? [] : [`open ${i}`]),
      ...(through.some((one) => one['fs.path.target'] === `/tmp/ring/to-${i}`) ? [] : [`rename ${i}`]),
      ...(through.some((one) => one['fs.path.name'] === `/tmp/ring/made-${i}`) ? [] : [`mkdir ${i}`]),
      ...(through.some((one) => one['evt.type'] === 'connect' && one['fd.rport'] === 20_000 + i)
        ? []
        : [`connect ${i}`]),
    ]);
    assert.deepEqual(missing, [], said.join('; '));
  });

  test('messages through io_uring are told with whom they name', () => {
    const sent = through.filter((one) => /^send/.test(String(one['evt.type'])));
    assert.deepEqual(
      sent.map((one) => [one['evt.type'], one['fd.rip'], one['fd.rport']]),
      [
        ['sendmsg', '127.0.0.1', 20_100],
        ['sendto', '127.0.0.1', 20_101],
        ['sendmsg', '127.0.0.1', 20_102],
      ],
      said.join('; '),
    );
  });
});
