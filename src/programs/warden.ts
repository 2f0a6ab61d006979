/**
 * The warden: the kernel asks it before a program starts or a file opens in a guarded container (fanotify). A child of the agent,
 * which tells it by standard input what is forbidden where; it says on standard output what it met. When it ends, for whatever
 * reason, the kernel lets everything go that waited.
 *
 *   setpriv --bounding-set=-all,+sys_admin,+sys_ptrace,+dac_read_search,+lease … node src/programs/warden.ts [PINS]
 *
 * PINS: where the sensor's programs stay in the kernel, which are told what copies have the bytes of the image.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { MessageChannel, Worker } from 'node:worker_threads';
import { Doorbell, openFanotify } from '../system/native.ts';
import type { FromWarden, ToWarden } from './warden/messages.ts';
import { DEADLINE_MS, responseOf, SLOT, SLOTS } from './warden/slot.ts';

const LOOK_MS = 50;
const ALIVE_MS = 1_000;
/** A worker that does not go on after its question was answered for it, or that holds none and does nothing. */
const STUCK_MS = 3_000;
/** In the place of a question that was answered here. */
const TAKEN = -2;

const tell = (message: FromWarden): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

// Whoever opens a file to write while it is compared waits, and the kernel says so: without a handler that would end this program.
process.on('SIGIO', () => undefined);
const held = openFanotify();
if ('fd' in held) guard(held.fd);
else {
  tell({ type: 'ready', why: `fanotify_init: ${held.reason}` });
  process.exitCode = 3;
}

function guard(group: number): void {
  const slot = new Int32Array(new SharedArrayBuffer(SLOTS * 4));
  Atomics.store(slot, SLOT.fd, -1);
  const doorbell = new Doorbell();
  const channel = new MessageChannel();
  const worker = new Worker(new URL('./warden/worker.ts', import.meta.url), {
    workerData: { port: channel.port2, group, doorbell: doorbell.fd, slot, pins: process.argv[2] ?? null },
    transferList: [channel.port2],
    // Descriptors of native calls are closed by the thread that opened them.
    trackUnmanagedFds: false,
    resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4 },
  });
  channel.port1.on('message', tell);
  worker.on('error', (error) => {
    process.stderr.write(`${JSON.stringify({ level: 'error', msg: String(error) })}\n`);
    end();
  });
  worker.on('exit', end);

  let seen = { fd: -1, sinceMs: 0, atMs: 0 };
  let beat = { count: 0, atMs: 0 };
  let aliveMs = 0;
  const watch = setInterval(() => {
    const now = performance.now();
    const [fd, sinceMs] = [Atomics.load(slot, SLOT.fd), Atomics.load(slot, SLOT.sinceMs)];
    // The clocks of the two threads differ: how long a question stands is counted here.
    if (fd === -1 || fd !== seen.fd || sinceMs !== seen.sinceMs) seen = { fd, sinceMs, atMs: now };
    else if (now - seen.atMs > STUCK_MS) end();
    else if (
      fd !== TAKEN &&
      now - seen.atMs > DEADLINE_MS &&
      Atomics.compareExchange(slot, SLOT.fd, fd, TAKEN) === fd
    ) {
      writeSync(group, responseOf(fd, Atomics.load(slot, SLOT.late)));
      seen = { fd: TAKEN, sinceMs, atMs: now };
    }
    // It looks up every second; before its first look nothing is marked, and nobody waits.
    const count = Atomics.load(slot, SLOT.beats);
    if (count !== beat.count) beat = { count, atMs: now };
    else if (count !== 0 && now - beat.atMs > STUCK_MS) end();
    if (now - aliveMs > ALIVE_MS) {
      aliveMs = now;
      tell({ type: 'alive' });
    }
  }, LOOK_MS);
  watch.unref();

  createInterface({ input: process.stdin })
    .on('line', (line) => {
      channel.port1.postMessage(JSON.parse(line) as ToWarden);
      doorbell.ring();
    })
    // The agent went away: whoever starts next begins anew.
    .on('close', end);
  tell({ type: 'ready', why: null });
}

/** At once: the kernel answers what is open with yes. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
