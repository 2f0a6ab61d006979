/**
 * What the kernel's programs say is what the kernel did: through io_uring, with names that change while they are read, by every
 * spelling of a path, and whatever the load. The programs are read here without a sensor around them; everything that acts is
 * one program of C. `DARSENA_SOAK=1` does it in full.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  callSpecs,
  EVENT_NAMES,
  fieldReader,
  HEADER,
  isFork,
  isOpen,
  KernelEvent,
  ONLY_CONTENT,
  PathNames,
  RECORD,
  RECORD_FLAG,
} from '../../src/events/index.ts';
import { Probe, Watcher } from '../../src/observe/index.ts';
import { PROCESSES_MAX } from '../../src/observe/limits.ts';

const isFull = process.env['DARSENA_SOAK'] === '1';
const SOURCE = join(import.meta.dirname, 'observe-acts.c');
const MARK = 'acts';
/** Nobody's: all processes of its are ended when it is over. */
const BOMB_USER = 64_733;

function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root: BPF programs are loaded';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'the kernel has no BTF';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'needs gcc';
  return false;
}

const CONTROL_CALLS = [
  ...['write', 'writev', 'pwrite', 'pwritev', 'pwritev2', 'sendfile', 'splice', 'copy_file_range'],
] as const;

/** Where the kernel's tracepoint has another name than the call. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  umount2: 'umount',
  pwrite: 'pwrite64',
  sendfile: 'sendfile64',
};
/** What only some calls of these kinds leave a record of, or only while a rule asks for their bytes; other tests make them. */
const NEEDS_MORE: ReadonlySet<string> = new Set([
  ...[...CONTROL_CALLS, 'accept', 'accept4', 'recvfrom', 'recvmsg', 'recvmmsg', 'sendto', 'sendmsg', 'sendmmsg'],
  ...['dns_question', ...ONLY_CONTENT],
]);
/** Arguments with which a call changes nothing where nothing but zeros would: by zeros it is refused, or does nothing. */
const HARMLESS: Readonly<Record<string, string>> = {
  ...{ ptrace: '16 -1', seccomp: '99', kexec_load: '0 99', kexec_file_load: '-1 -1 0 0 65535', sethostname: '0 999' },
  ...{ acct: '1', close_range: '500 600', fchmod: '-1', fchown: '-1', dup: '1', dup2: '1 100', dup3: '1 101' },
};

const WATCHED: ReadonlySet<string> = new Set([
  ...['renameat', 'renameat2', 'mkdirat', 'dns_question', 'dup', 'accept', 'accept4', 'sendto', 'sendmsg', 'sendmmsg'],
  ...['recvmmsg', 'bind', ...CONTROL_CALLS],
]);

interface Seen {
  readonly type: string;
  readonly pid: number;
  readonly exe: string;
  readonly args: string;
  readonly name: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

const ASKED = ['evt.type', 'fd.name', 'fd.ino', 'fs.path.name', 'fs.path.target', 'fd.rport', 'evt.arg.via', 'evt.res'];
const MORE = [
  'evt.arg.question',
  'evt.arg.qtype',
  'evt.arg.addr',
  'fd.rip',
  'fd.num',
  'fd.l4proto',
  'fd.sport',
  'fd.cport',
  'evt.rawres',
  'evt.arg.flags',
  'evt.arg.res',
];
const readers = [...ASKED, ...MORE].map((field) => {
  const [, base = '', argument = null] = /^(evt\.arg)\.(.*)$/.exec(field) ?? [null, field];
  const reader = fieldReader(base, argument);
  assert.ok(reader !== undefined, field);
  return [field, reader] as const;
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** What nobody asks for. */
const ignore = (): void => undefined;

function take(event: KernelEvent): Seen {
  const fields = Object.fromEntries(readers.map(([field, read]) => [field, read(event)]));
  const { pid, exePath, args } = event.process;
  return {
    type: String(fields['evt.type']),
    ...{ pid, exe: exePath, args: args.join(' '), name: fields['fd.name'] as string | null, fields },
  };
}

describe('the programs in the kernel tell the truth', { skip: missing() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-truth-'));
  const acts = join(folder, MARK);
  let probe: Probe;
  let watcher: Watcher;
  let seen: Seen[] = [];
  let onEvent: (event: KernelEvent) => void = ignore;

  before(() => {
    execFileSync('gcc', ['-O2', '-static', '-pthread', '-Wall', '-Werror', SOURCE, '-o', acts]);
    probe = new Probe({ hostToo: true, openRingBytes: 1 << 23, processRingBytes: 1 << 22 });
    // A kernel may run programs of 32 bits and let nothing hang where their calls come by: then it is said.
    assert.deepEqual(
      probe.coverage.missing.filter(({ what }) => !what.includes('32-bit')),
      [],
    );
    assert.deepEqual(probe.watchCalls(WATCHED), []);
    watcher = new Watcher(probe, (event) => onEvent(event));
  });
  after(() => {
    probe.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Lets the program act, then reads what of it was seen; what it wrote is in `output`. */
  function act(args: readonly string[], input = ''): string[] {
    drain();
    seen = [];
    onEvent = (event) => {
      const { exePath } = event.process;
      if (exePath.startsWith(folder) || exePath === 'memfd:hidden') seen.push(take(event));
    };
    const done = spawnSync(acts, args, { input, encoding: 'utf8', maxBuffer: 1 << 26, cwd: folder });
    drain();
    onEvent = ignore;
    assert.equal(done.status, 0, `${args.join(' ')}: ${done.stderr}`);
    return done.stdout.split('\n').slice(0, -1);
  }
  /** The same while this reads on, as a sensor does; nice, because it takes all that there is. */
  async function actAndRead(args: readonly string[], take: (event: KernelEvent) => void): Promise<string> {
    drain();
    onEvent = (event) => {
      if (event.process.exePath === acts) take(event);
    };
    const child = spawn('nice', ['-n', '10', acts, ...args], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    const said = Promise.all([readText(child.stdout), readText(child.stderr)]);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let code: number | null | undefined;
    void ended.then((status) => {
      code = status ?? -1;
    });
    while (code === undefined) {
      drain();
      await setTimeout(2);
    }
    drain();
    onEvent = ignore;
    const [output, errors] = await said;
    assert.equal(code, 0, `${args.join(' ')}: ${errors}`);
    return output;
  }
  function drain(): void {
    while (watcher.drain()) {
      // as much as there is
    }
  }

  test('E3: what is opened, renamed, made and connected through io_uring is seen like the calls, however it hides', (t) => {
    const count = isFull ? 600 : 36;
    const work = join(folder, 'ring');
    mkdirSync(work);
    for (let i = 0; i < count; i++) for (const kind of ['open', 'from']) writeFileSync(join(work, `${kind}-${i}`), '');
    assert.deepEqual(act(['ring', work, String(count), '20000']), ['done']);
    const through = seen.filter(({ fields }) => fields['evt.arg.via'] === 'io_uring');
    const has = (find: (one: Seen) => boolean): number => (through.some(find) ? 0 : 1);
    let [opens, renames, folders, connections] = [0, 0, 0, 0];
    for (let i = 0; i < count; i++) {
      opens += has(({ type, name }) => type === 'openat' && name === join(work, `open-${i}`));
      renames += has(({ type, fields }) => type === 'renameat2' && fields['fs.path.target'] === join(work, `to-${i}`));
      folders += has(({ type, fields }) => type === 'mkdirat' && fields['fs.path.name'] === join(work, `made-${i}`));
      connections += has(({ type, fields }) => type === 'connect' && fields['fd.rport'] === 20_000 + i);
    }
    t.diagnostic(
      `of ${count} each missed: ${opens} opens, ${renames} renames, ${folders} folders, ${connections} connections`,
    );
    assert.deepEqual({ opens, renames, folders, connections }, { opens: 0, renames: 0, folders: 0, connections: 0 });
    // Where the program lets the kernel answer, what it answered is told.
    const refused = through.filter(({ type, fields }) => type === 'connect' && fields['evt.res'] === 'ECONNREFUSED');
    assert.ok(refused.length >= count / 2, `${refused.length} of ${count} connections were told as refused`);
  });

  test('E2: a path that another thread rewrites is told as the kernel used it', (t) => {
    const count = isFull ? 20_000 : 1_000;
    const names = new Map<string, string>();
    for (const letter of ['a', 'b']) {
      const file = join(folder, `race-${letter}`);
      writeFileSync(file, letter);
      names.set(String(statSync(file).ino), file);
    }
    const inodes = act(['opens', folder, String(count)]);
    const opened = seen.filter(
      ({ type, name, fields }) => type === 'openat' && name?.includes('/race-') && Number(fields['fd.num']) >= 0,
    );
    assert.equal(opened.length, inodes.length);
    const wrong = opened.filter(({ name }, index) => name !== names.get(inodes[index] ?? '')).length;
    const both = new Set(inodes).size;
    t.diagnostic(`opens: ${wrong} of ${opened.length} wrong, ${both} files met`);
    assert.equal(wrong, 0);
    for (const letter of ['a', 'b']) copyFileSync(acts, join(folder, `exec-${letter}`));
    const ends = act(['execs', folder, String(isFull ? 1_000 : 60)]).map((line) => line.split(' ').map(Number));
    const started = new Map(
      seen.filter(({ type, args }) => type === 'execve' && args === 'which').map((one) => [one.pid, one.exe]),
    );
    const wrongExecs = ends.filter(
      ([pid = 0, code]) => started.get(pid) !== join(folder, `exec-${code === 1 ? 'a' : 'b'}`),
    );
    t.diagnostic(
      `programs: ${wrongExecs.length} of ${ends.length} wrong, ${new Set(ends.map(([, code]) => code)).size} met`,
    );
    assert.ok(ends.length > 0 && ends.every(([, code]) => code === 1 || code === 2));
    assert.deepEqual(wrongExecs, []);
  });

  test('E4: fifty spellings of one path are one path', (t) => {
    const target = join(folder, 'etc', 'secret');
    mkdirSync(join(folder, 'etc', 'below'), { recursive: true });
    mkdirSync(join(folder, 'mounted'));
    writeFileSync(target, '');
    const etc = join(folder, 'etc');
    const relative = folder.slice(1);
    const plain = [
      target,
      `/${target}`,
      target.replaceAll('/', '//'),
      target.replaceAll('/', '/./'),
      `${etc}/../etc/secret`,
      `${etc}/below/../secret`,
      `/proc/self/root${target}`,
      `/proc/self/root/proc/self/root${target}`,
      `/proc/thread-self/root${target}`,
      `/proc/self/cwd/etc/secret`,
      `/../../..${target}`,
      `${etc}/${'./'.repeat(1_900)}secret`,
      `/dev/../${target}`,
      `/tmp/..${target}`,
      `/proc/self/../../${relative}/etc/secret`,
    ];
    const lines = plain.map((path) => `o\t${path}`);
    for (const path of ['secret', './secret', '../etc/secret', 'below/../secret', './/secret', 'below/.././secret'])
      lines.push(`c\t${etc}\t${path}`, `d\t${etc}\t${path}`, `2\t${etc}\t${path}`);
    lines.push(
      `d\t${etc}/below\t../secret`,
      `2\t/\t${relative}/etc/secret`,
      `d\t/\t${relative}/etc/secret`,
      `d\t/proc/self\troot${target}`,
    );
    for (let i = 0; i < 4; i++)
      lines.push(`s\t${[target, 'etc/secret', etc, '/proc/self/root'][i]}\t${folder}/link-${i}`);
    // Links to a folder and to the root do not open it by themselves.
    lines.push(
      `o\t${folder}/link-2/secret`,
      `o\t${folder}/link-3${target}`,
      `o\t${folder}/link-3/${folder}/link-2/secret`,
    );
    symlinkSync(`${folder}/link-0`, join(folder, 'link-to-link'));
    lines.push(
      `o\t${folder}/link-to-link`,
      `p\t${target}\t-`,
      `p\t${folder}/link-0\t-`,
      `r\t${target}\t${etc}/renamed`,
    );
    lines.push(
      `c\t/proc/self/root${etc}\tsecret`,
      `c\t${folder}/link-2\tsecret`,
      `b\t${etc}\t${folder}/mounted/secret`,
    );
    const inode = statSync(target).ino;
    const results = act(['spell'], `${lines.join('\n')}\n`);
    assert.equal(results.length, lines.length);
    const failed = lines.filter((_, index) => Number(results[index]) < 0);
    assert.deepEqual(failed, []);
    const told = seen.filter(({ fields }) => fields['fd.ino'] === inode);
    const wrong = told.filter(({ name }) => name !== target).map(({ name }) => name);
    t.diagnostic(`${told.length} spellings, ${wrong.length} under another name`);
    assert.ok(told.length >= 50, `${told.length}`);
    assert.deepEqual(wrong, []);
    // Deeper than any name may be long (PATH_MAX is 4,096).
    const deep = join(folder, 'deep');
    mkdirSync(deep);
    act(['deep', deep, '24', '200', 'secret']);
    const bottom = seen.findLast(({ name }) => name?.endsWith('/secret'));
    assert.equal(bottom?.name, join(deep, ...Array<string>(24).fill('d'.repeat(200)), 'secret'));
  });

  test('questions to name servers are told, whichever call sends them', () => {
    const asked = act(['ask']).map((line) => line.split(' ')[0]);
    const questions = seen.filter(({ type }) => type === 'dns_question');
    assert.deepEqual(
      questions.map(({ fields }) => fields['evt.arg.question']),
      asked,
    );
    assert.ok(questions.every(({ fields }) => fields['evt.arg.qtype'] === 'TXT' && fields['fd.l4proto'] === 'udp'));
    assert.deepEqual(new Set(questions.map(({ fields }) => fields['fd.rip'])), new Set(['127.0.0.1', '::1']));
  });

  test('every connection of one request that accepts again and again is told', () => {
    const count = 20;
    const [port] = act(['accepts', String(count)]).map(Number);
    const through = seen.filter(({ type, fields }) => type === 'accept4' && fields['evt.arg.via'] === 'io_uring');
    assert.equal(through.length, count);
    assert.ok(through.every(({ fields }) => fields['fd.sport'] === port && Number(fields['evt.rawres']) >= 0));
    assert.ok(seen.some(({ type }) => type === 'bind'));
  });

  test('bytes into a file that controls the kernel are told, whichever call brings them there, and no others', () => {
    const from = join(folder, 'hostname');
    writeFileSync(from, hostname());
    const said = act(['control', from]).map((line) => line.split(' '));
    const told = seen.filter(({ type }) => (CONTROL_CALLS as readonly string[]).includes(type));
    assert.deepEqual(
      told.map(({ type, name, fields }) => [type, name, String(fields['evt.rawres'])]),
      said
        .map(([type, result]) => [type, '/proc/sys/kernel/hostname', Number(result) < 0 ? undefined : result])
        .map((one, index) => [one[0], one[1], one[2] ?? String(told[index]?.fields['evt.rawres'])]),
    );
    assert.ok(said.filter(([, result]) => Number(result) > 0).length >= 7, said.join('; '));
  });

  test('bytes into such a file through io_uring are told, however they hide', () => {
    const ways = act(['ring-control']);
    const told = seen.filter(({ fields }) => fields['evt.arg.via'] === 'io_uring' && fields['evt.type'] !== 'openat');
    const wanted = ways.filter((way) => !way.includes('other')).map((way) => way.split(' ')[0]);
    assert.deepEqual(
      told.map(({ type, name }) => `${type} ${name}`),
      wanted.map((type) => `${type} /proc/sys/kernel/hostname`),
    );
    // Where an answer is wanted, it is told: the bytes that were written.
    assert.ok(told.filter(({ fields }) => Number(fields['evt.rawres']) > 0).length >= 5, JSON.stringify(told));
  });

  test('messages through io_uring are told with whom they name', () => {
    const ports = act(['ring-sends']).map(Number);
    const told = seen.filter(({ type }) => type === 'sendmsg' || type === 'sendto');
    assert.deepEqual(
      told.map(({ type, fields }) => [type, fields['fd.rip'], fields['fd.rport'], fields['fd.l4proto']]),
      ports.map((port, index) => [index === 1 ? 'sendto' : 'sendmsg', '127.0.0.1', port, 'udp']),
    );
  });

  test('every call of the table is told with what it answered', () => {
    const own = callSpecs('x64').filter(({ name }) => !NEEDS_MORE.has(name));
    try {
      const missing = probe.watchCalls(new Set(own.map(({ name }) => name)));
      assert.deepEqual(missing, []);
      const there = own.filter(({ name }) =>
        existsSync(`/sys/kernel/tracing/events/syscalls/sys_exit_${KERNEL_NAMES[name] ?? name}`),
      );
      const results = act(
        ['calls'],
        there.map(({ name, number }) => `${number} ${HARMLESS[name] ?? ''}\n`).join(''),
      ).map(Number);
      const told = new Map(seen.map((one) => [one.type, one.fields['evt.rawres']]));
      const wrong = there.flatMap(({ name }, index) =>
        told.get(name) === results[index] ? [] : [`${name} answered ${results[index]}, told was ${told.get(name)}`],
      );
      assert.deepEqual(wrong, []);
      assert.ok(there.length >= 85, `${there.length} calls`);
    } finally {
      probe.watchCalls(WATCHED);
    }
  });

  test('processes are told by the call that makes them and its flags; a namespace that is refused with them too', () => {
    const answered = act(['forks']).map(Number);
    const told = seen.filter(({ type }) => ['fork', 'vfork', 'clone', 'clone3'].includes(type));
    const refused = ['CLONE_FS|CLONE_NEWUSER', 'EINVAL'] as const;
    const expected = [
      ['fork', '0'],
      ['vfork', '0'],
      ['clone', 'CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID'],
      ['clone', 'CLONE_NEWNET|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWUSER'],
      ['clone3', 'CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWUSER|CLONE_NEWCGROUP'],
      ['clone', ...refused],
      ['clone3', ...refused],
    ].map(([type, flags, result], index) => [type, flags, result ?? String(answered[index])]);
    assert.deepEqual(
      told.map(({ type, fields }) => [type, fields['evt.arg.flags'], fields['evt.arg.res']]),
      expected,
    );
    assert.deepEqual(
      told.map(({ fields }) => fields['evt.rawres']),
      answered.slice(0, -1),
    );
  });

  test('a program by a descriptor of memory is told with where it came from', () => {
    act(['exec-by-descriptor']);
    const told = seen.findLast(({ type, args }) => type === 'execve' && args === 'child-of descriptor');
    assert.equal(told?.exe, 'memfd:hidden');
  });

  test('messages that go and come several at once are told with their address', () => {
    const [[to, from] = []] = act(['messages']).map((line) => line.split(' ').map(Number));
    const [sent, got] = ['sendmmsg', 'recvmmsg'].map((name) => seen.find(({ type }) => type === name));
    assert.equal(sent?.fields['fd.rport'], to);
    assert.equal(got?.fields['fd.rport'], from);
    assert.deepEqual([sent?.fields['fd.rip'], got?.fields['fd.rip']], ['127.0.0.1', '127.0.0.1']);
  });

  test('E6: an address that names no family hides neither a datagram nor a bind', () => {
    const [port] = act(['no-family']).map(Number);
    const [bound, sent] = ['bind', 'sendto'].map((name) => seen.find(({ type }) => type === name));
    assert.equal(bound?.fields['evt.arg.addr'], `0.0.0.0:${port}`);
    assert.deepEqual([sent?.fields['fd.rip'], sent?.fields['fd.rport']], ['127.0.0.1', port]);
  });

  test('E6: a connection is told with the address that it went to, whatever another thread made of the one that was given', () => {
    const [reached] = act(['connects', '300']).map(Number);
    const told = seen.filter(({ type, fields }) => type === 'connect' && fields['evt.res'] === 'SUCCESS');
    assert.ok(reached !== undefined && reached > 0);
    assert.equal(told.length, reached);
    assert.deepEqual([...new Set(told.map(({ fields }) => fields['fd.rip']))], ['127.0.0.7']);
  });

  test('E6: a number that one process after the other has is each time another process', (t) => {
    const count = isFull ? 2_000 : 100;
    const wrong: string[] = [];
    let [children, known] = [0, 0];
    drain();
    onEvent = (event) => {
      const { process, surroundings } = event;
      if (event.type !== RECORD.exec || process.exePath !== acts || process.args[0] !== 'child-of') return;
      children++;
      const parent = surroundings.parentOf(process);
      if (parent === undefined || parent.args.length === 0) return;
      known++;
      if (parent.args.join(' ') !== `reused ${process.args[1]}`)
        wrong.push(`${process.args[1]}: ${parent.args.join(' ')}`);
    };
    const done = spawnSync(acts, ['reuse', String(count)], { encoding: 'utf8' });
    drain();
    onEvent = ignore;
    assert.equal(done.status, 0, done.stderr);
    t.diagnostic(
      `${done.stdout.trim()} of ${count} had the same number; of ${children} children ${known} parents are known`,
    );
    assert.deepEqual(wrong, []);
    assert.equal(children, count);
    assert.ok(Number(done.stdout) > count / 10, 'the number was not used again');
    assert.ok(known >= count / 2, `${known}`);
  });

  test('E6: many processes, numbers used again and long chains are held in bounded tables, with the right parent', async (t) => {
    const before = watcher.processCount;
    collectGarbage();
    const heapBefore = process.memoryUsage.rss();
    for (let n = 0; n < (isFull ? 20 : 1); n++) act(['children', isFull ? '1000' : '500']);
    const forks = seen.filter(({ type }) => isFork(EVENT_NAMES.indexOf(type))).length;
    assert.ok(watcher.processCount - before < 4_096, `${watcher.processCount - before} more are kept`);
    // Each makes the next; all live at once.
    const depth = isFull ? 1_000 : 200;
    const parents = new Map<number, number>();
    drain();
    onEvent = (event) => {
      if (!event.process.exePath.startsWith(folder)) return;
      if (event.type === RECORD.exit)
        parents.set(event.process.pid, event.surroundings.parentOf(event.process)?.pid ?? 0);
      else if (isFork(event.type)) parents.set(event.u32(HEADER.pid), parents.get(event.u32(HEADER.pid)) ?? 0);
    };
    const done = spawnSync(acts, ['chain', String(depth)], { timeout: 120_000 });
    drain();
    onEvent = ignore;
    assert.equal(done.status, 0);
    assert.ok(parents.size >= depth, `${parents.size} processes of the chain were seen`);
    // A program that begins itself again: one process, and its parent is this one.
    const times = isFull ? 10_000 : 100;
    const pids = new Map<number, number>();
    await actAndRead(['again', String(times)], (event) => {
      const { pid, args } = event.process;
      if (event.type === RECORD.exec && args[0] === 'again') pids.set(pid, (pids.get(pid) ?? 0) + 1);
    });
    assert.deepEqual([...pids.values()], [times + 1]);
    collectGarbage();
    const grownMb = (process.memoryUsage.rss() - heapBefore) / 2 ** 20;
    t.diagnostic(`memory grew by ${grownMb.toFixed(1)} MB`);
    assert.ok(grownMb < 64, `${grownMb} MB`);
    t.diagnostic(`${forks} forks, a chain of ${depth}, one process of ${times} programs; ${watcher.processCount} kept`);
  });

  test('E6: a fork bomb and a chain of programs that all live fill no table, and every parent told is the right one', async (t) => {
    const before = probe.counts();
    collectGarbage();
    const rssBefore = process.memoryUsage.rss();
    const said = { right: 0, adopted: 0, unknown: 0 };
    const wrong: string[] = [];
    let most = 0;
    // What each part was told of who made it stands in its arguments; whoever lost its parent is its taker's.
    const judgeBomb = (event: KernelEvent): void => {
      most = Math.max(most, watcher.processCount);
      const [mode, , own, maker] = event.process.args;
      if (event.type !== RECORD.exec || mode !== 'bomb-part') return;
      const parent = event.surroundings.parentOf(event.process);
      if (parent === undefined || parent.args.length === 0) said.unknown++;
      else if (parent.args[0] === 'bomb') said.adopted++;
      else if (parent.args[2] === maker) said.right++;
      else wrong.push(`${own}, made by ${maker}: ${parent.args.join(' ')}`);
    };
    await actAndRead(['bomb', isFull ? '20000' : '1500', isFull ? '1000' : '100', String(BOMB_USER)], judgeBomb);
    const told = said.right + said.adopted + said.unknown;
    const lost = (type: string): number => (probe.counts().lost[type] ?? 0) - (before.lost[type] ?? 0);
    t.diagnostic(
      `bomb: ${told} programs, ${JSON.stringify(said)}, ${lost('execve')} and ${lost('clone')} lost; at most ${most} processes kept`,
    );
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${told} parents are wrong`);
    assert.ok(told > (isFull ? 1_000 : 10), `${told}`);
    assert.ok(said.right + said.adopted > told / 2, JSON.stringify(said));

    const depth = isFull ? 10_000 : 300;
    let [deepest, above, unknown] = [-1, 0, 0];
    await actAndRead(['deep-part', '0', String(depth)], (event) => {
      most = Math.max(most, watcher.processCount);
      const [mode, number] = event.process.args;
      if (event.type !== RECORD.exec || mode !== 'deep-part') return;
      const parent = event.surroundings.parentOf(event.process);
      if (Number(number) > 0 && parent?.args[1] !== String(Number(number) - 1)) {
        if (parent === undefined || parent.args.length === 0) unknown++;
        else wrong.push(`${number}: ${parent.args.join(' ')}`);
      }
      deepest = Number(number);
      if (deepest < depth) return;
      // From the last up to the first, who is living still.
      let one = parent;
      for (; one?.args[0] === 'deep-part' && one.args[1] === String(depth - 1 - above); above++)
        one = event.surroundings.parentOf(one);
    });
    collectGarbage();
    const grownMb = (process.memoryUsage.rss() - rssBefore) / 2 ** 20;
    t.diagnostic(
      `chain of ${deepest} programs, ${above} found above the last, ${unknown} parents unknown; at most ${most} processes kept; memory grew by ${grownMb.toFixed(1)} MB`,
    );
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} parents are wrong`);
    assert.deepEqual([deepest, above, unknown], [depth, depth, 0]);
    assert.ok(most <= PROCESSES_MAX, `${most} processes were kept`);
    assert.ok(grownMb < 64, `${grownMb} MB`);
  });

  test('a program is told with the environment that it was given, while a rule asks for it, and none is kept', async (t) => {
    const [all, mark] = [fieldReader('proc.env', null), fieldReader('proc.env', 'MARK')];
    assert.ok(all !== undefined && mark !== undefined);
    interface Told {
      readonly all: unknown;
      readonly mark: unknown;
      readonly isInRecord: boolean;
      readonly isCut: boolean;
    }
    const run = (env: Record<string, string>): Told => {
      let found: Told | undefined;
      drain();
      onEvent = (event) => {
        if (event.type !== RECORD.exec || event.process.exePath !== acts) return;
        const isInRecord = event.hasFlag(RECORD_FLAG.environment);
        found = { all: all(event), mark: mark(event), isInRecord, isCut: event.isCut };
        const copy = event.copyRecord();
        assert.ok(!copy.includes('MARK='), 'what is kept of the record has the environment');
        const memory = new ArrayBuffer(copy.length + 8);
        Buffer.from(memory).set(copy);
        const again = new KernelEvent(memory, event.surroundings, new PathNames());
        again.load(0);
        assert.deepEqual([again.execArguments().slice(1), again.execPath()], [event.process.args, acts]);
        assert.equal(again.u32(HEADER.length), copy.length);
      };
      // It has ended when its record is read: /proc does not know it any more.
      assert.equal(spawnSync(acts, ['child-of', 'x'], { env }).status, 0);
      drain();
      onEvent = ignore;
      return found ?? assert.fail('the program was not seen');
    };
    const isAbsent: Told = { all: null, mark: null, isInRecord: false, isCut: false };
    assert.deepEqual(run({ MARK: 'x' }), isAbsent, 'nobody asked for it');
    probe.askEnvironment(true);
    try {
      assert.deepEqual(run({}), { all: '', mark: '', isInRecord: true, isCut: false });
      const hostile = 'a b\nMARK=c\u001b[2J\u202e ñ';
      assert.deepEqual(run({ OTHER: '1 MARK=no', MARK: hostile }), {
        ...{ all: `OTHER=1 MARK=no MARK=${hostile}`, mark: hostile, isInRecord: true, isCut: false },
      });
      for (const length of [1, 2, 3, 4, 5, 4_080, 4_089, 4_090])
        assert.deepEqual(run({ MARK: 'x'.repeat(length) }), {
          ...{ all: `MARK=${'x'.repeat(length)}`, mark: 'x'.repeat(length), isInRecord: true, isCut: false },
        });
      // More than the record has room for, and the program is gone: what is left, and that it is not all.
      const long = run({ FILL: 'x'.repeat(5_000), MARK: 'y' });
      assert.deepEqual(long, { all: `FILL=${'x'.repeat(4_091)}`, mark: null, isInRecord: true, isCut: true });
      // While it lives nothing hides behind what fills the record.
      drain();
      let living: Told | undefined;
      onEvent = (event) => {
        if (event.type === RECORD.exec && event.process.args[0] === 'wait')
          living = { all: String(all(event)).length, mark: mark(event), isInRecord: true, isCut: event.isCut };
      };
      const env = { FILL: 'x'.repeat(5_000), MARK: 'y' };
      const child = spawn(acts, ['wait'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
      const ended = new Promise((resolve) => child.once('close', resolve));
      try {
        for (let n = 0; living === undefined && n < 5_000; n++) {
          await setTimeout(2);
          drain();
        }
      } finally {
        child.stdin.end();
        await ended;
        onEvent = ignore;
      }
      assert.deepEqual(living, { all: 5_012, mark: 'y', isInRecord: true, isCut: false });
      // Nobody reads: what starts is worth more than what it starts with.
      const count = 2_000;
      let [programs, withEnvironment] = [0, 0];
      const lostBefore = probe.counts().lost['execve'] ?? 0;
      onEvent = (event) => {
        if (event.type !== RECORD.exec || event.process.args[0] !== 'again') return;
        programs++;
        if (event.hasFlag(RECORD_FLAG.environment)) withEnvironment++;
      };
      assert.equal(spawnSync(acts, ['again', String(count)], { env: { FILL: 'x'.repeat(4_000) } }).status, 0);
      drain();
      onEvent = ignore;
      t.diagnostic(`of ${programs} programs that nobody read ${withEnvironment} have their environment`);
      assert.deepEqual([programs, (probe.counts().lost['execve'] ?? 0) - lostBefore], [count + 1, 0]);
      assert.ok(withEnvironment > 100 && withEnvironment < programs, `${withEnvironment}`);
    } finally {
      probe.askEnvironment(false);
    }
    assert.deepEqual(run({ MARK: 'x' }), isAbsent);
  });

  test('E1: a flood of a seldom call evicts no program either', (t) => {
    drain();
    const before = probe.counts();
    let marked = 0;
    onEvent = (event) => {
      const { exePath, args } = event.process;
      if (event.type === RECORD.exec && exePath === acts && args[0] === 'again') marked++;
    };
    const script = `${acts} dups 80 & ${acts} dups 80 & ${acts} again 249; wait`;
    assert.equal(spawnSync('sh', ['-c', script]).status, 0);
    drain();
    onEvent = ignore;
    const { seen: all, lost } = probe.counts();
    const grown = (counts: Readonly<Record<string, number>>, then: Readonly<Record<string, number>>, type: string) =>
      (counts[type] ?? 0) - (then[type] ?? 0);
    t.diagnostic(`${grown(all, before.seen, 'dup')} dups, ${grown(lost, before.lost, 'dup')} of them lost`);
    assert.ok(grown(lost, before.lost, 'dup') > 0, 'the rings did not overflow: nothing was shown');
    assert.equal(grown(lost, before.lost, 'execve'), 0);
    assert.equal(marked, 250);
  });

  test('E1: a flood of opens evicts no program from its own ring, and what is lost is counted as the kernel did', (t) => {
    const rounds = isFull ? 40 : 1; // 10,000 marked programs in full
    const thousands = isFull ? 60 : 40;
    // The machine goes on meanwhile: what was read up to a moment lies between two counts around it.
    const readUpTo = () => {
      const [first, , last] = [probe.counts(), drain(), probe.counts()];
      return { first, last, handled: watcher.handled };
    };
    const before = readUpTo();
    let marked = 0;
    let opens = 0;
    onEvent = (event) => {
      // Another run of this test may be at work on the same machine.
      if (event.type === RECORD.exec && event.process.exePath === acts && event.process.args[0] === 'again') marked++;
      else if (isOpen(event.type)) opens++;
    };
    const started = performance.now();
    for (let i = 0; i < rounds; i++) {
      // What nobody reads meanwhile: the ring of opens overflows.
      const script = `${acts} flood /etc/passwd ${thousands} 2 & ${acts} again 249; wait`;
      assert.equal(spawnSync('sh', ['-c', script]).status, 0);
      drain();
    }
    const seconds = (performance.now() - started) / 1e3;
    onEvent = ignore;
    const after = readUpTo();
    const grown = (kind: 'seen' | 'lost', type?: string, [from, to] = [before.first, after.last]): number =>
      Object.entries(to[kind])
        .filter(([name]) => type === undefined || name === type)
        .reduce((sum, [name, count]) => sum + count - (from[kind][name] ?? 0), 0);
    const kept = (from: typeof before.first, to: typeof before.first): number =>
      grown('seen', undefined, [from, to]) - grown('lost', undefined, [from, to]);
    t.diagnostic(
      `${grown('seen')} events in ${seconds.toFixed(1)} s, ${grown('lost')} lost, of them ${grown('lost', 'execve')} programs; ${opens} opens read`,
    );
    assert.equal(marked, rounds * 250);
    assert.equal(grown('lost', 'execve'), 0);
    assert.ok(grown('lost', 'openat') > 0, 'the ring did not overflow: nothing was shown');
    const read = after.handled - before.handled;
    const [least, most] = [kept(before.last, after.first), kept(before.first, after.last)];
    assert.ok(read >= least && read <= most, `${read} read, ${least} to ${most} kept by the kernel's own count`);
  });
});
