/**
 * exec → alert received on the agent's socket, on the real kernel with a real container. Both ends read CLOCK_MONOTONIC. Needs root,
 * BPF, podman and busybox-static. Goal (performance.md 3): p50 ≤ 1 ms, p99 ≤ 10 ms when idle.
 *
 *   ./darsena-node test/bench/sensor.bench.ts [number of execs]
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { Ground, missingParts, writeRules } from '../real/observe-ground.ts';

const why = missingParts();
if (why !== false) {
  console.log(`skipped: ${why}`);
  process.exit(0);
}
const wanted = Number(process.argv[2] ?? 1_000);
const PAUSE_MS = 5;
const ground = new Ground();
try {
  const rules = writeRules(
    ground,
    '- rule: Marked\n  desc: d\n  condition: evt.type = execve and proc.exepath = /tmp/busybox-mark\n' +
      '  output: "%proc.args %container.name"\n  priority: INFO\n',
  );
  const container = ground.startContainer();
  await ground.startSensor({ rules: [rules], scope: 'all' });
  ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
  const load = loadavg()[0];
  const pause = `/bin/busybox usleep ${PAUSE_MS * 1000}`;
  const loop = `n=0; while [ $n -lt ${wanted} ]; do /tmp/busybox-mark true; ${pause}; n=$((n+1)); done`;
  await ground.podmanLater('exec', container, 'sh', '-c', `cp /bin/busybox /tmp/busybox-mark; ${loop}`);
  await ground.agent.waitFor(() => (ground.agent.arrivals.length >= wanted ? true : undefined), 10_000, 'all alerts');
  const times = ground.agent.arrivals.map((one) => one.afterMs).sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(2);
  console.log(`exec -> alert on the socket: ${times.length} execs, load ${load?.toFixed(1)}`);
  console.log(
    `p50 ${at(0.5)} ms (${Number(at(0.5)).toFixed(2)}x goal), p90 ${at(0.9)} ms, p99 ${at(0.99)} ms (${(Number(at(0.99)) / 10).toFixed(2)}x goal), max ${at(1)} ms`,
  );
  const rollup = readFileSync(`/proc/${ground.sensorPid}/smaps_rollup`, 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]);
  const own = kilobytes('Private_Clean') + kilobytes('Private_Dirty');
  console.log(
    `memory: PSS ${(kilobytes('Pss') / 1024).toFixed(1)} MB (goal 80), of its own ${(own / 1024).toFixed(1)} MB`,
  );
} finally {
  await ground.close();
}
