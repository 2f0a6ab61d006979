/**
 * What two parts beside detection cost: the warden, which the kernel asks before a program starts or a file opens in a guarded
 * container, for each question to it and for the program that waits; and the keeping of a host's events, for each event that is
 * kept (by the sensor, which packs, and by the agent, which compresses and writes) and for each that is more than its
 * container's share. The warden needs root, podman, runc, busybox-static and gcc.
 *
 *   ./darsena-node test/bench/guards.bench.ts [seconds of each turn]
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  HEADER,
  KernelEvent,
  OPEN,
  PathNames,
  RECORD,
  type Surroundings,
  unknownProcess,
} from '../../src/events/index.ts';
import type { ContainerGuard } from '../../src/prevent/guard.ts';
import { KeptEvents } from '../../src/programs/agent/kept-events.ts';
import { EventKeeper } from '../../src/programs/sensor/keeper.ts';
import type { FromWorker } from '../../src/programs/sensor/messages.ts';
import { systemClock } from '../../src/system/index.ts';
import { Ground, missingParts } from '../real/observe-ground.ts';

const seconds = Number(process.argv[2] ?? 3);
const ROUNDS = 3;
const WARDEN = join(import.meta.dirname, '..', '..', 'src', 'programs', 'warden.ts');

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`;

await wardenCost();
await keeperCost();

/** Nanoseconds that all threads of a process had the processor. */
function cpuNs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, one) => sum + one, 0);
}

async function wardenCost(): Promise<void> {
  const why = missingParts() || (spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc');
  if (why !== false) return console.log(`the warden cannot be measured here: ${why}`);
  const ground = new Ground();
  const warden = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WARDEN], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const program = join(ground.folder, 'flood');
    execFileSync('gcc', ['-O2', '-static', '-Wall', '-Werror', join(import.meta.dirname, 'flood.c'), '-o', program]);
    const container = ground.startContainer('sleep', '100000');
    ground.podman('cp', program, `${container}:/flood`);
    const pid = Number(ground.podman('inspect', '-f', '{{.State.Pid}}', container));
    const said: { type: string; why?: string | null }[] = [];
    createInterface({ input: warden.stdout }).on('line', (line) => said.push(JSON.parse(line)));
    const heard = async (type: string, times: number): Promise<void> => {
      while (said.filter((one) => one.type === type).length < times) await once(warden.stdout, 'data');
      const refused = said.find((one) => one.type === type && typeof one.why === 'string');
      if (refused !== undefined) throw new Error(`the warden: ${refused.why}`);
    };
    await heard('ready', 1);
    const guard: ContainerGuard = {
      ...{ containerId: container, except: ['/flood'], whenLate: 'allow', drift: 0, commands: [] },
      rules: [
        { policy: 'p', part: 'drift', effect: 'act' },
        { policy: 'p', part: 'file', effect: 'act' },
      ],
      files: [{ pattern: '/etc/secret', kind: 'path', rule: 1 }],
    };
    let turns = 0;
    const ask = async (isOn: boolean, files: readonly number[]): Promise<void> => {
      const words = isOn ? [{ guard, pid, drift: true, vouch: false, commands: [], files }] : [];
      warden.stdin.write(`${JSON.stringify({ type: 'guards', guards: words })}\n`);
      if (isOn) await heard('guarded', ++turns);
      else await new Promise((resolve) => setTimeout(resolve, 200));
    };
    for (const kind of ['exec', 'open'] as const) {
      const waits: { bare: number[]; asked: number[]; cpu: number[] } = { bare: [], asked: [], cpu: [] };
      for (let round = 0; round < ROUNDS; round++) {
        for (const isOn of [false, true]) {
          await ask(isOn, kind === 'open' ? [0] : []);
          const before = cpuNs(warden.pid ?? 0);
          const [made = 0, , took = 0] = (
            await ground.podmanOutput('exec', container, '/flood', kind, '0', String(seconds), '1')
          )
            .split(' ')
            .map(Number);
          waits[isOn ? 'asked' : 'bare'].push((took * 1e6) / made);
          if (isOn) waits.cpu.push((cpuNs(warden.pid ?? 0) - before) / made / 1e3);
        }
      }
      const what = kind === 'exec' ? 'a program of the image started and waited for' : 'a file opened and closed';
      console.log(
        `warden, ${what}: ${median(waits.bare).toFixed(1)} µs by the clock, ${median(waits.asked).toFixed(1)} µs asked about; ` +
          `${median(waits.cpu).toFixed(1)} µs of the warden's processor time each; ${load()}`,
      );
    }
  } finally {
    warden.kill('SIGKILL');
    await ground.close();
  }
}

/** Events as the kernel writes them, of many containers, so that none has more than its share. */
async function keeperCost(): Promise<void> {
  const RECORDS = 4_096;
  const RECORD_BYTES = 256;
  const SHARE = 4_000;
  const EVENTS = 400_000;
  const memory = new ArrayBuffer(RECORDS * RECORD_BYTES);
  const bytes = Buffer.from(memory);
  for (let i = 0; i < RECORDS; i++) {
    const at = i * RECORD_BYTES;
    const path = `${['index', 'lib', 'cache', 'locale'][i % 4]}-${Math.floor(2_000 * ((i % 997) / 997) ** 3)}\0app\0srv\0`;
    bytes.writeUInt16LE(RECORD.openat, at);
    bytes.writeUInt32LE(OPEN.bytes + path.length, at + HEADER.length);
    bytes.writeUInt32LE(100 + (i % 50), at + HEADER.pid);
    bytes.writeBigUInt64LE(BigInt(i) * 1_000_000n, at + HEADER.time);
    bytes.writeUInt32LE(path.length, at + OPEN.path_length);
    bytes.write(path, at + OPEN.bytes, 'latin1');
  }
  const known = Array.from({ length: 50 }, (_, i) => ({
    ...unknownProcess(100 + i, 1, 'node'),
    ...{ exe: 'node', exePath: '/usr/bin/node', args: ['server.js', `--port=${8_000 + i}`], ppid: 1 },
  }));
  const around: Surroundings = {
    parentOf: () => undefined,
    processOf: () => undefined,
    userName: () => null,
    groupName: () => null,
    ask: () => null,
    wallOffsetNs: Date.now() * 1e6,
    bootOffsetNs: 0,
  };
  const containers = Array.from({ length: EVENTS / SHARE }, (_, i) => ({
    ...{ id: i.toString(16).padStart(64, '0'), name: `web-${i}`, project: 'p', environment: 'dev', workload: 'web' },
    ...{ pod: `web-${i}`, container: 'web', image: 'r/p/web:1', digest: `sha256:${'a'.repeat(64)}` },
  }));
  const event = new KernelEvent(memory, around, new PathNames());
  const onTheWay = new Int32Array(new SharedArrayBuffer(4));
  const feed = (keeper: EventKeeper, place: (n: number) => number): number => {
    keeper.flush(Date.now());
    const start = process.cpuUsage();
    for (let n = 0; n < EVENTS; n++) {
      event.load((n % RECORDS) * RECORD_BYTES);
      event.process = known[n % 50] ?? known[0] ?? unknownProcess(1, 1);
      event.container = containers[place(n)] ?? null;
      keeper.take(event);
    }
    keeper.end();
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1e3) / EVENTS;
  };
  const [kept, refused, written]: [number[], number[], number[]] = [[], [], []];
  let bodies = 0;
  let onDisk = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const said: Extract<FromWorker, { type: 'kept' }>[] = [];
    const keeper = new EventKeeper((message) => {
      if (message.type === 'kept') said.push(message);
      Atomics.store(onTheWay, 0, 0);
    }, onTheWay);
    const one = feed(keeper, (n) => Math.floor(n / SHARE));
    const events = said.reduce((sum, batch) => sum + batch.events, 0);
    if (events !== EVENTS) throw new Error(`${events} of ${EVENTS} were packed`);
    const other = feed(keeper, () => 0);
    const folder = mkdtempSync(join(tmpdir(), 'darsena-kept-'));
    try {
      const log = { info: () => undefined, warn: console.error, error: console.error, debug: () => undefined };
      const store = await KeptEvents.open({ folder, clock: systemClock, log: log as never });
      const start = process.cpuUsage();
      for (const batch of said) {
        store.add(batch);
        await store.settled();
      }
      const { user, system } = process.cpuUsage(start);
      if (round > 0) written.push(((user + system) * 1e3) / EVENTS);
      onDisk = store.bytes / EVENTS;
      bodies = (said.reduce((sum, { body }) => sum + body.length, 0) * 3) / 4 / EVENTS;
    } finally {
      rmSync(folder, { recursive: true });
    }
    if (round === 0) continue; // the compiler has seen it
    kept.push(one);
    refused.push(other);
  }
  console.log(
    `keeper: ${median(kept).toFixed(0)} ns of the sensor's processor time an event that is kept, ${median(refused).toFixed(0)} ns one that is more than the share; ` +
      `${median(written).toFixed(0)} ns of the agent's to compress and write it; ${bodies.toFixed(0)} bytes packed, ${onDisk.toFixed(1)} on disk; ${load()}`,
  );
}
