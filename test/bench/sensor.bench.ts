/**
 * exec → alert received on the agent's socket, on the real kernel with a real container. Both ends read CLOCK_MONOTONIC. Needs root,
 * BPF, podman and busybox-static. Goal (performance.md 3): p50 ≤ 1 ms, p99 ≤ 10 ms when idle.
 *
 *   ./darsena-node test/bench/sensor.bench.ts [number of execs]
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Ground, missingParts, SHIPPED_RULES, writeRules } from '../real/observe-ground.ts';

const why = missingParts();
if (why !== false) {
  console.log(`skipped: ${why}`);
  process.exit(0);
}
const wanted = Number(process.argv[2] ?? 1_000);
const PAUSE_MS = 5;
const IDLE_MS = 3_000;
/** The sensor gives back what it has free every few seconds. */
const TRIMMED_MS = 10_000;
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
} finally {
  await ground.close();
}

const second = new Ground();
try {
  const container = second.startContainer();
  await second.startSensor({ rules: [SHIPPED_RULES], scope: 'all' });
  second.agent.send({ type: 'containers', containers: [second.describe(container)] });
  await setTimeout(IDLE_MS);
  tellMemory('idle, shipped rules', second.sensorPid);
  const loop = `n=0; while [ $n -lt ${wanted} ]; do /bin/busybox true; /bin/busybox cat /etc/passwd; n=$((n+1)); done`;
  await second.podmanLater('exec', container, 'sh', '-c', loop);
  tellMemory(`after ${2 * wanted} programs`, second.sensorPid);
  await setTimeout(TRIMMED_MS);
  tellMemory('some time later', second.sensorPid);
} finally {
  await second.close();
}

/** Pages of Node itself are shared with every other program that runs from the same file: a part of them counts. */
function tellMemory(when: string, pid: number): void {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024;
  const own = megabytes('Private_Clean') + megabytes('Private_Dirty');
  console.log(
    `memory of sensor and detector, ${when}: PSS ${megabytes('Pss').toFixed(1)} MB (goal 90), of its own ${own.toFixed(1)} MB, RSS ${megabytes('Rss').toFixed(1)} MB`,
  );
}
