/**
 * A flood of events through the whole sensor: calls that a program really makes, the programs in the kernel, the rings, the
 * reading thread and the shipped rules. What is lost is the kernel's own count, and what was handled must be what is left.
 * Goal (performance.md 3): 0 lost at 500,000 events a second for 60 s with at most 30 % of a core.
 *
 * The acting program takes processor time of its own, with what the sensor's programs add to each call: on a machine with two
 * cores there is one left for the sensor, and for everybody else. Needs root, BPF, podman, runc, busybox-static and gcc.
 *
 *   ./darsena-node test/bench/sensor-flood.bench.ts [call|open] [events a second] [seconds] [processes]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { Ground, missingParts, SHIPPED_RULES, writeRules } from '../real/observe-ground.ts';

const why = missingParts() || (spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc');
if (why !== false) {
  console.log(`cannot be measured here: ${why}`);
  process.exit(0);
}
const kind = process.argv[2] ?? 'call';
const rate = Number(process.argv[3] ?? 500_000);
const seconds = Number(process.argv[4] ?? 60);
const processes = Number(process.argv[5] ?? 1);
/** As the kernel counts what the acting program makes. */
const TYPE = kind === 'open' ? 'openat' : 'kill';
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** Counters are told every five seconds. */
const COUNTED_MS = 20_000;

interface Stats {
  readonly events: number;
  readonly seen: Readonly<Record<string, number>>;
  readonly lost: Readonly<Record<string, number>>;
  readonly lagMs: number;
}

/** Processor time of a process and of its threads, in seconds. */
function cpuOf(pid: number): { readonly all: number; readonly reader: number } {
  const read = (file: string): number => {
    const fields = readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  };
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => read(`/proc/${pid}/task/${thread}/stat`));
  return { all: read(`/proc/${pid}/stat`), reader: Math.max(...threads) };
}

/** What the program says of itself: how many it made, and what one took it. */
function readActs(text: string): { made: number; nsEach: number; seconds: number } {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  const sum = (place: number): number => lines.reduce((total, line) => total + (line[place] ?? 0), 0);
  return {
    made: sum(0),
    nsEach: sum(1) / Math.max(1, sum(0)),
    seconds: Math.max(...lines.map((line) => line[2] ?? 0)),
  };
}

const ground = new Ground();
try {
  const program = join(ground.folder, 'flood');
  execFileSync('gcc', ['-O2', '-static', '-Wall', '-Werror', join(import.meta.dirname, 'flood.c'), '-o', program]);
  const container = ground.startContainer('sleep', '100000');
  ground.podman('cp', program, `${container}:/flood`);
  const act = (perSecond: number, lasting: number): Promise<string> =>
    ground.podmanOutput('exec', container, '/flood', kind, String(perSecond), String(lasting), String(processes));
  const bare = readActs(await act(rate, 2));
  // A rule must ask for the call, or the kernel would not send it.
  const asks =
    '- rule: Killed\n  desc: d\n  condition: evt.type = kill and evt.arg.sig = SIGKILL and proc.name = nobody\n';
  const own = writeRules(ground, `${asks}  output: "%proc.name"\n  priority: INFO\n`);
  await ground.startSensor({ rules: [SHIPPED_RULES, own], scope: 'instance' });
  const { agent } = ground;
  agent.send({ type: 'containers', containers: [ground.describe(container)] });
  const lastStats = (): Stats | undefined =>
    agent.messages.findLast(({ type }) => type === 'stats') as unknown as Stats | undefined;
  await act(rate, 3); // the compiler of JavaScript has seen it all
  const before = await agent.waitFor(
    () => ((lastStats()?.seen[TYPE] ?? 0) > 0 ? lastStats() : undefined),
    COUNTED_MS,
    'the first counters',
  );
  const cpuBefore = cpuOf(ground.sensorPid);
  const startedMs = performance.now();
  const done = readActs(await act(rate, seconds));
  const wallSeconds = (performance.now() - startedMs) / 1e3;
  const cpuAfter = cpuOf(ground.sensorPid);
  const load = loadavg()[0]?.toFixed(1);
  await ground.stopSensor(); // its last words have every count
  const after = lastStats();
  if (after === undefined) throw new Error(`the sensor said nothing: ${ground.sensorErrors}`);
  const total = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((sum, n) => sum + n, 0);
  const seen = (after.seen[TYPE] ?? 0) - (before.seen[TYPE] ?? 0);
  const lost = total(after.lost) - total(before.lost);
  const exact = total(after.seen) - total(after.lost) === after.events;
  const share = (cpuAfter.all - cpuBefore.all) / wallSeconds;
  const events = total(after.seen) - total(before.seen);
  console.log(
    `${kind}: ${(done.made / done.seconds / 1000).toFixed(0)},000 a second for ${done.seconds.toFixed(0)} s (asked ${rate / 1000},000) of ${processes} process(es); ` +
      `${availableParallelism()} cores, load ${load}`,
  );
  console.log(
    `the kernel counted ${seen} (${done.made} made), lost ${lost} = ${((100 * lost) / Math.max(1, events)).toFixed(3)} % (goal 0); ` +
      `seen - lost ${exact ? '=' : 'IS NOT'} handled (${after.events})`,
  );
  console.log(
    `the sensor took ${(share * 100).toFixed(1)} % of a core (goal 30): ${(((cpuAfter.all - cpuBefore.all) * 1e9) / Math.max(1, events)).toFixed(0)} ns an event, ` +
      `${(((cpuAfter.reader - cpuBefore.reader) * 1e9) / Math.max(1, events)).toFixed(0)} of them in the reading thread`,
  );
  console.log(
    `the acting program: ${bare.nsEach.toFixed(0)} ns a call without the sensor, ${done.nsEach.toFixed(0)} with it = ` +
      `${(done.nsEach - bare.nsEach).toFixed(0)} ns more; it took ${((done.nsEach * done.made) / 1e7 / done.seconds).toFixed(0)} % of a core`,
  );
} finally {
  await ground.close();
}
