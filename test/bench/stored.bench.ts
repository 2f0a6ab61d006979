/**
 * From a program that starts in a container to its alert on control's disk: sensor and control as they ship, the agent's own parts
 * between them, as control itself counts it by station on the one CLOCK_MONOTONIC. Goal (performance.md 3): p50 at most 1 ms, p99 at most
 * 10 ms on an idle machine. Needs root, BPF, podman, runc, busybox-static and gcc.
 *
 *   ./darsena-node --disable-warning=ExperimentalWarning test/bench/stored.bench.ts [programs] [milliseconds between them …]
 */
import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { writeRules } from '../real/observe-ground.ts';
import { HostGround, missingHostParts } from './host-ground.ts';

const why = missingHostParts();
if (why !== false) {
  console.log(`cannot be measured here: ${why}`);
  process.exit(0);
}
const programs = Number(process.argv[2] ?? 600);
const pauses = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [5, 50];
const STORED_MS = 30_000;

interface Status {
  readonly detection: {
    readonly alerts: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly stations: readonly { readonly name: string; readonly p50Ms: number; readonly p99Ms: number }[];
  } | null;
}

for (const pause of pauses) {
  // Each its own, because control tells of its last thousand.
  const host = await HostGround.start((ground) => [
    writeRules(
      ground,
      '- rule: Marked\n  desc: d\n  condition: evt.type = execve and proc.exepath = /tmp/busybox-mark\n' +
        '  output: "%proc.args %container.name"\n  priority: INFO\n',
    ),
  ]);
  try {
    const { control, ground, container, token } = host;
    const wait = `/bin/busybox usleep ${pause * 1000}`;
    const loop = `n=0; while [ $n -lt ${programs} ]; do /tmp/busybox-mark true; ${wait}; n=$((n+1)); done`;
    await ground.podmanLater('exec', container, 'sh', '-c', `cp /bin/busybox /tmp/busybox-mark; ${loop}`);
    const ask = async (): Promise<Status['detection']> =>
      (await control.does('GET', '/api/v1/status', token)).json<Status>().detection;
    let figures = await ask();
    for (let waited = 0; (figures?.alerts ?? 0) < Math.min(programs, 1_000) && waited < STORED_MS; waited += 200) {
      await setTimeout(200);
      figures = await ask();
    }
    if (figures === null) throw new Error(`no alert came: ${ground.sensorErrors}`);
    const { alerts, p50Ms, p99Ms, stations } = figures;
    console.log(
      `exec -> alert on control's disk, ${alerts} of ${programs} programs, ${pause} ms between them, load ${loadavg()[0]?.toFixed(1)}: ` +
        `p50 ${p50Ms.toFixed(2)} ms (goal 1), p99 ${p99Ms.toFixed(2)} ms (goal 10)`,
    );
    for (const { name, p50Ms: half, p99Ms: most } of stations)
      console.log(`  ${name.padEnd(10)} + p50 ${half.toFixed(3)} ms, p99 ${most.toFixed(3)} ms`);
  } finally {
    await host.close();
  }
}
process.exit(0);
