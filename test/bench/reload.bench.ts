/**
 * New rules under way: the shipped ones, Falco's stable and incubating files (with DARSENA_TEST_DATA), rules of forty projects of
 * their own and a hundred tunings are read again and again by a sensor whose containers make 100,000 calls a second. Goal
 * (performance.md 2): at most 200 ms from the order to the answer, and no event lost. What is lost is the kernel's own count, and what
 * was handled must be what is left. Needs root, BPF, podman, runc, busybox-static and gcc for the second part.
 *
 *   DARSENA_TEST_DATA=… ./darsena-node test/bench/reload.bench.ts [reloads] [events a second]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RuleEngine } from '../../src/detect/engine.ts';
import { readShippedRules } from '../../src/detect/shipped-rules.ts';
import { observedEvents } from '../../src/events/index.ts';
import { Ground, missingParts, SHIPPED_RULES } from '../real/observe-ground.ts';

const reloads = Number(process.argv[2] ?? 20);
const rate = Number(process.argv[3] ?? 100_000);
const PROJECTS = 40;
const TUNINGS = 100;
const PAUSE_MS = 500;
const GOAL_MS = 200;
const data = process.env['DARSENA_TEST_DATA'];
const falco = ['falco_rules.yaml', 'falco-incubating_rules.yaml']
  .map((file) => join(data ?? '', 'rules', 'falco', file))
  .filter((file) => data !== undefined && existsSync(file))
  .map((path) => ({ file: path, text: readFileSync(path, 'utf8') }));

if (falco.length < 2) {
  console.log('left out: it needs the rules of Falco, whose words those of projects use (DARSENA_TEST_DATA)');
  process.exit(0);
}

const own = Array.from({ length: PROJECTS }, (_, i) => ({
  file: `project-${i}.yaml`,
  text:
    `- rule: Own ${i}\n  desc: d\n  condition: spawned_process and proc.name = tool${i} and not proc.pname in (init, tini)\n` +
    `  output: "%proc.cmdline %container.name"\n  priority: WARNING\n`,
  scope: { project: `p${i}`, environment: i % 2 === 0 ? null : 'prod' },
}));
const shipped = readShippedRules();
const all = RuleEngine.load([...shipped, ...falco, ...own]);
const names = all.states.map(({ rule }) => rule.name);
const tunings = Array.from({ length: TUNINGS }, (_, i) => ({
  ...{
    id: `t${i}`,
    rule: names[i % names.length] ?? '',
    project: `p${i % PROJECTS}`,
    environment: null,
    workload: 'web',
  },
  ...{ condition: `proc.name = known${i} or fd.name startswith /data/${i}/`, until: null },
}));

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
}
const about = (list: readonly number[]): string =>
  `${median(list).toFixed(0)} ms (${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)})`;

const wall: number[] = [];
for (let n = 0; n < 7; n++) {
  const start = performance.now();
  const engine = RuleEngine.load([...shipped, ...falco, ...own], tunings);
  wall.push(performance.now() - start);
  if (engine.hasErrors) throw new Error(JSON.stringify(engine.findings.filter(({ severity }) => severity === 'error')));
}
const on = all.states.filter(({ offReason }) => offReason === null).length;
console.log(
  `${on} rules of ${shipped.length + falco.length + own.length} files and ${TUNINGS} tunings for ${observedEvents().length} kinds of events, ` +
    `load ${loadavg()[0]?.toFixed(1)}: read the first time ${wall[0]?.toFixed(0)} ms, again ${about(wall.slice(1))} (goal ${GOAL_MS})`,
);

const why = missingParts() || (spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc');
if (why !== false) {
  console.log(`in a sensor at work it cannot be measured here: ${why}`);
  process.exit(0);
}

interface Stats {
  readonly events: number;
  readonly seen: Readonly<Record<string, number>>;
  readonly lost: Readonly<Record<string, number>>;
}

const ground = new Ground();
try {
  const program = join(ground.folder, 'flood');
  execFileSync('gcc', ['-O2', '-static', '-Wall', '-Werror', join(import.meta.dirname, 'flood.c'), '-o', program]);
  const container = ground.startContainer('sleep', '100000');
  ground.podman('cp', program, `${container}:/flood`);
  // A rule must ask for the call, or the kernel would not send it.
  const killed = {
    file: 'kill.yaml',
    text: '- rule: Killed\n  desc: d\n  condition: evt.type = kill and evt.arg.sig = SIGKILL and proc.name = nobody\n  output: "%proc.name"\n  priority: INFO\n',
  };
  const files = [...shipped, ...falco, killed];
  await ground.startSensor({ rules: [SHIPPED_RULES], scope: 'instance' });
  const { agent } = ground;
  agent.send({ type: 'containers', containers: [ground.describe(container)] });
  const reload = async (revision: string): Promise<number> => {
    const start = performance.now();
    agent.send({ type: 'rules', files, own, tunings, revision });
    const answer = await agent.waitFor(
      () => agent.messages.find((one) => one.type === 'rules' && one['revision'] === revision),
      60_000,
      () => `the answer to ${revision}; ${ground.sensorErrors}`,
    );
    if (answer['accepted'] !== true) throw new Error(JSON.stringify(answer['findings']));
    return performance.now() - start;
  };
  await reload('first');
  const seconds = Math.ceil((reloads * (PAUSE_MS + GOAL_MS)) / 1_000) + 5;
  const acting = ground.podmanOutput('exec', container, '/flood', 'call', String(rate), String(seconds), '1');
  await setTimeout(3_000);
  const times: number[] = [];
  for (let n = 0; n < reloads; n++) {
    times.push(await reload(`r${n}`));
    await setTimeout(PAUSE_MS);
  }
  const made = (await acting)
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line.split(' ')[0]), 0);
  await ground.stopSensor(); // its last words have every count
  const stats = agent.messages.findLast(({ type }) => type === 'stats') as unknown as Stats | undefined;
  if (stats === undefined) throw new Error(`the sensor said nothing: ${ground.sensorErrors}`);
  const total = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((sum, n) => sum + n, 0);
  const exact = total(stats.seen) - total(stats.lost) === stats.events;
  console.log(
    `in a sensor with ${(made / seconds / 1_000).toFixed(0)},000 calls a second, load ${loadavg()[0]?.toFixed(1)}: ${reloads} reloads, ` +
      `order to answer ${about(times)} (goal ${GOAL_MS}); ${made} calls made, ${stats.seen['kill']} counted by the kernel, ` +
      `${total(stats.lost)} events lost (goal 0); seen - lost ${exact ? '=' : 'IS NOT'} handled (${stats.events})`,
  );
} finally {
  await ground.close();
}
