/** The thread that the kernel asks. It answers each question before it looks at the next, and opens nothing by a path but what it compares. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import {
  closeDescriptor,
  Doorbell,
  FANOTIFY,
  markFanotify,
  openPinned,
  Poller,
  writeMapEntry,
} from '../../system/native.ts';
import {
  type Answer,
  Hashes,
  type JudgeTools,
  judgeExec,
  judgeOpen,
  type Layers,
  layersOf,
  Origins,
  readMounts,
} from './judge.ts';
import type { FromWarden, ToWarden, WardenMet, WardenWord } from './messages.ts';
import { ALLOW, DEADLINE_MS, DENY, responseOf, SLOT } from './slot.ts';

const EVENT_BYTES = 24;
const BUFFER_BYTES = 4_096;
const COPY_BYTES = 80;
const IDLE_MS = 1_000;
/** New mounts of a container are looked for this often. */
const MOUNTS_MS = 5_000;
const TEXT_BYTES_MAX = 4_096;
const ANCESTORS_MAX = 8;
const O_PATH_CLOEXEC = 0o12000000;
/** Errors of the group itself (read(2)); every other one is of the file that was asked about. */
const OURS: ReadonlySet<string> = new Set(['EBADF', 'EINVAL', 'EFAULT']);
/** What one container may say of one rule at once, and then a second. */
const TOLD_BURST = 50;

const {
  port,
  group,
  doorbell: bell,
  slot,
  pins,
} = workerData as {
  port: MessagePort;
  group: number;
  doorbell: number;
  slot: Int32Array;
  /** Where the sensor's programs stay in the kernel. */
  pins: string | null;
};
const say = (message: FromWarden): void => port.postMessage(message);

interface Guarded {
  readonly word: WardenWord;
  readonly mask: number;
  readonly layers: Layers | null;
  /** Paths as the warden names them, each with the scope of its mark. */
  readonly marked: Map<string, 'mount' | 'filesystem'>;
}

const guarded = new Map<string, Guarded>();
const hashes = new Hashes();
const origins = new Origins();
const told = new Map<string, { left: number; atMs: number }>();

function maskOf({ drift, vouch, commands, files }: WardenWord): number {
  const exec = drift || vouch || commands.length > 0 ? FANOTIFY.openExecPerm : 0;
  return exec | (files.length > 0 ? FANOTIFY.openPerm : 0);
}

function follow(words: readonly WardenWord[]): void {
  const wanted = new Map(words.map((word) => [word.guard.containerId, word]));
  for (const [id, one] of guarded) {
    const next = wanted.get(id);
    if (next !== undefined && next.pid === one.word.pid && maskOf(next) === one.mask) continue;
    // A container that ended took its marks along.
    for (const [path, scope] of one.marked) markFanotify(group, 'remove', scope, one.mask, path);
    guarded.delete(id);
  }
  for (const word of words) {
    const before = guarded.get(word.guard.containerId);
    if (before !== undefined) guarded.set(word.guard.containerId, { ...before, word });
    else begin(word);
  }
}

function begin(word: WardenWord): void {
  const containerId = word.guard.containerId;
  const mask = maskOf(word);
  let mounts: ReturnType<typeof readMounts>;
  try {
    if (!isInside(word.pid, containerId)) return;
    mounts = readMounts(word.pid);
  } catch {
    return; // it ended meanwhile
  }
  const root = mounts.find(({ path }) => path === '/');
  const layers = root === undefined ? null : layersOf(root);
  // Without layers to compare with everything would be drift, and nothing would run.
  const own: WardenWord = layers === null ? { ...word, drift: false, vouch: false } : word;
  const one: Guarded = { word: own, mask, layers, marked: new Map() };
  guarded.set(containerId, one);
  const why = mark(one, mounts);
  const drift = word.drift && layers === null ? 'the layers of its image cannot be looked into from here' : null;
  say({ type: 'guarded', containerId, why, drift });
}

/** Marks what is not marked yet. @returns why something could not be */
function mark({ word, mask, marked }: Guarded, mounts: ReturnType<typeof readMounts>): string | null {
  const failures: string[] = [];
  for (const { id, path, type } of mounts) {
    const name = path === '/' ? `/proc/${word.pid}/root/.` : `/proc/${word.pid}/root${path}`;
    if (marked.has(name)) continue;
    // The root's own file system is this container's alone: a mark on it holds through every other mount of it as well.
    // Anything else may be the host's, so only the container's way to it is marked.
    const scope = path === '/' && type === 'overlay' ? 'filesystem' : 'mount';
    const why = markMount(name, id, scope, mask);
    if (why === null) marked.set(name, scope);
    else failures.push(`${path}: ${why}`);
  }
  return failures.length === 0 ? null : failures.join('; ').slice(0, 300);
}

/**
 * A link that the container put into the path meanwhile leads from the machine's root, and must not get the machine marked: only
 * what has the number of the container's mount is. O_PATH opens nothing that the kernel would ask about.
 */
function markMount(name: string, id: number, scope: 'mount' | 'filesystem', mask: number): string | null {
  let fd: number;
  try {
    fd = openSync(name, O_PATH_CLOEXEC);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  try {
    const is = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    if (Number(is) !== id) return 'it is another mount by now';
    return markFanotify(group, 'add', scope, mask, `/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

function lookForMounts(): void {
  for (const one of guarded.values()) {
    try {
      mark(one, readMounts(one.word.pid));
    } catch {
      // It ended meanwhile: the agent says so with its next word.
    }
  }
}

function isInside(pid: number, containerId: string): boolean {
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId);
}

/** The guarded container that a process is in; undefined when it is in none: the host's own, or another's. */
function containerOf(pid: number): Guarded | undefined {
  if (guarded.size === 0) return undefined;
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return undefined; // it ended, and nobody waits for the answer
  }
  for (const [id] of text.matchAll(/[0-9a-f]{64}/g)) {
    const found = guarded.get(id);
    if (found !== undefined && !text.includes(`conmon-${id}`)) return found;
  }
  return undefined;
}

function toolsOf({ guard }: WardenWord): JudgeTools {
  return { hashes, origins, vouch: (fd) => vouchFor(guard.containerId, fd) };
}

/** Before the kernel's programs are asked about it: that happens when this has answered. As image_copy of prevent.h. */
function vouchFor(containerId: string, fd: number): void {
  if (pins === null) return;
  const { ino, ctimeNs } = fstatSync(fd, { bigint: true });
  const key = Buffer.alloc(COPY_BYTES);
  key.write(containerId, 0, 64, 'latin1');
  key.writeBigUInt64LE(ino, 64);
  key.writeBigUInt64LE(ctimeNs, 72);
  for (const folder of readdirSync(pins)) {
    const map = openPinned(join(pins, folder, 'map-image_copies'));
    if (map === null) continue;
    writeMapEntry(map, key, Buffer.alloc(4, 1));
    closeDescriptor(map);
  }
}

/** @param untilMs by when what takes time has to be done: others wait behind it */
function answer(fd: number, pid: number, mask: number, untilMs: number): void {
  const one = containerOf(pid);
  if (one === undefined) {
    respond(fd, ALLOW);
    return;
  }
  Atomics.store(slot, SLOT.late, one.word.guard.whenLate === 'deny' ? DENY : ALLOW);
  let path = '';
  let said: Answer = null;
  try {
    path = readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, '');
    said =
      (mask & FANOTIFY.openExecPerm) !== 0
        ? judgeExec(one.word, one.layers, { fd, path }, toolsOf(one.word), untilMs)
        : judgeOpen(one.word, path);
  } catch {
    // What cannot be judged is answered like what comes too late.
    said = { rule: one.word.guard.drift ?? 0, late: true };
  }
  if (said === null) {
    respond(fd, ALLOW);
    return;
  }
  const rule = one.word.guard.rules[said.rule];
  const isAct = rule?.effect === 'act' && (!said.late || one.word.guard.whenLate === 'deny');
  const met: Omit<WardenMet, 'outcome'> = {
    ...{ type: 'met', containerId: one.word.guard.containerId, rule: said.rule, path, late: said.late },
    ...{ act: (mask & FANOTIFY.openExecPerm) !== 0 ? 'exec' : 'open', at: new Date().toISOString() },
    ...describe(pid),
  };
  const wasOurs = respond(fd, isAct ? DENY : ALLOW);
  if (mayTell(met.containerId, met.rule)) say({ ...met, outcome: isAct && wasOurs ? 'blocked' : 'reported' });
}

/** @returns false when the other thread had answered already, because it took too long here */
function respond(fd: number, response: number): boolean {
  const mine = Atomics.compareExchange(slot, SLOT.fd, fd, -1) === fd;
  if (mine) writeSync(group, responseOf(fd, response));
  else Atomics.store(slot, SLOT.fd, -1);
  return mine;
}

function mayTell(containerId: string, rule: number): boolean {
  const key = `${containerId} ${rule}`;
  const now = Date.now();
  const bucket = told.get(key) ?? { left: TOLD_BURST, atMs: now };
  bucket.left = Math.min(TOLD_BURST, bucket.left + (now - bucket.atMs) / 1_000);
  bucket.atMs = now;
  told.set(key, bucket);
  if (told.size > 4_096) told.clear();
  if (bucket.left < 1) return false;
  bucket.left--;
  return true;
}

function describe(pid: number): Pick<WardenMet, 'process' | 'ancestors'> {
  const lineage: (WardenMet['process'] | null)[] = [describeProcess(pid)];
  while (lineage.length <= ANCESTORS_MAX && (lineage.at(-1)?.ppid ?? 0) > 0) {
    lineage.push(describeProcess(lineage.at(-1)?.ppid ?? 0));
  }
  const [own, ...above] = lineage;
  const nobody = { pid, ppid: 0, name: '', exe: '', cmdline: '', cwd: '', uid: 0 };
  return {
    process: own ?? nobody,
    ancestors: above.flatMap((one) =>
      one === null ? [] : [{ pid: one.pid, name: one.name, exe: one.exe, cmdline: one.cmdline }],
    ),
  };
}

function describeProcess(pid: number): WardenMet['process'] | null {
  const link = (name: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/${name}`);
    } catch {
      return ''; // a kernel thread has none
    }
  };
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').slice(0, TEXT_BYTES_MAX);
    return {
      ...{ pid, ppid: number('PPid'), uid: number('Uid'), exe: link('exe'), cwd: link('cwd') },
      name: /^Name:\t(.*)$/m.exec(status)?.[1] ?? '',
      cmdline: words.replaceAll('\0', ' ').trimEnd(),
    };
  } catch {
    return null; // it ended meanwhile
  }
}

function run(): void {
  const doorbell = new Doorbell(bell);
  const poller = new Poller();
  poller.add(group);
  poller.add(doorbell.fd);
  const buffer = Buffer.alloc(BUFFER_BYTES);
  let lookedMs = Date.now();
  for (;;) {
    poller.wait(IDLE_MS);
    Atomics.add(slot, SLOT.beats, 1);
    doorbell.clear();
    for (;;) {
      const received = receiveMessageOnPort(port);
      if (received === undefined) break;
      follow((received.message as ToWarden).guards);
    }
    drain(buffer);
    if (Math.abs(Date.now() - lookedMs) > MOUNTS_MS) {
      lookedMs = Date.now();
      lookForMounts();
    }
  }
}

function drain(buffer: Buffer): void {
  let bytes: number;
  try {
    bytes = readSync(group, buffer, 0, BUFFER_BYTES, null);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN') return;
    if (OURS.has(code)) throw error;
    // A file that cannot be opened, such as a socket: the kernel has answered with no, and goes on with the next.
    return;
  }
  // Everybody in here has waited since it was read: none of them waits for the reading of all programs before its own.
  const untilMs = Date.now() + DEADLINE_MS / 2;
  for (let at = 0; at + EVENT_BYTES <= bytes; ) {
    const length = buffer.readUInt32LE(at);
    const [mask, fd, pid] = [
      Number(buffer.readBigUInt64LE(at + 8)),
      buffer.readInt32LE(at + 16),
      buffer.readInt32LE(at + 20),
    ];
    at += Math.max(length, EVENT_BYTES);
    if (fd < 0) continue; // the queue overflowed: what is lost is allowed by the kernel
    Atomics.store(slot, SLOT.late, ALLOW);
    Atomics.store(slot, SLOT.sinceMs, Math.trunc(performance.now()) | 0);
    Atomics.store(slot, SLOT.fd, fd);
    answer(fd, pid, mask, untilMs);
    closeSync(fd);
    Atomics.add(slot, SLOT.beats, 1);
  }
}

run();
