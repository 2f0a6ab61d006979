/**
 * The spine's figures on a running instance with the example deployed (as root):
 *   ./darsena-node --disable-warning=ExperimentalWarning test/bench/spine.bench.ts [instance] [execs] [changes]
 * Console reachable after a stop and a start, memory and processor time when nothing happens, kernel event → stored alert
 * by station, wanted by control → ready known at control against bare calls of the engine. Prints figures; never fails
 * for one. It leaves `tienda/bench`, an environment of idle pods: best on an instance that is purged afterwards.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request } from 'node:https';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { descendants, listProcesses } from '../../src/programs/setup/processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const instance = process.argv[2] ?? 'darsena';
const execs = Number(process.argv[3] ?? 60);
const changes = Number(process.argv[4] ?? 30);
const IDLE_MS = 60_000;
/** Ticks a second of the times in /proc/PID/stat (proc(5)); 100 on every architecture that Linux has left. */
const TICKS = 100;

function cli(args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(join(ROOT, 'darsena'), ['--instance', instance, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`darsena ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
}

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
}

const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`;
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function reachable(port: number): Promise<boolean> {
  const call = request({ host: '127.0.0.1', port, path: '/', rejectUnauthorized: false, timeout: 500 });
  call.end();
  try {
    const [response] = (await once(call, 'response')) as [{ statusCode?: number; resume(): void }];
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}

/** Seconds of processor time of each program with all that it started, by name. */
async function processorSeconds(): Promise<Map<string, number>> {
  const processes = await listProcesses();
  const seconds = new Map<string, number>();
  for (const name of ['control', 'agent', 'sensor', 'edge']) {
    const file = join('/run/darsena', instance, 'supervisors', `${name}.supervisor`);
    const root = Number(readFileSync(file, 'utf8').split(' ')[0]);
    let ticks = 0;
    for (const pid of descendants(root, processes)) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the name in brackets: fields 14 and 15 are user and system time (proc(5)).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    seconds.set(name, ticks / TICKS);
  }
  return seconds;
}

interface Status {
  readonly memoryBytes: number | null;
  readonly parts: readonly { name: string; memoryBytes: number | null }[];
  readonly detection: {
    readonly alerts: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly stations: readonly { name: string; p50Ms: number; p99Ms: number }[];
  } | null;
}
const readStatus = (): Status => JSON.parse(cli(['status', '--json'])) as Status;

// 1. Console reachable after `up` on a prepared machine.
cli(['down', '--yes']);
const begun = performance.now();
const up = spawnSync(join(ROOT, 'darsena'), ['--instance', instance, 'up', '--yes', '--json'], { encoding: 'utf8' });
const port = (JSON.parse(up.stdout) as { ports: { console: number } }).ports.console;
while (!(await reachable(port))) await pause(20);
console.log(
  `console reachable ${((performance.now() - begun) / 1000).toFixed(1)} s after \`up\` was called (goal ≤ 5 s), ${load()}`,
);

// 2. Memory and processor time when nothing happens.
await pause(20_000);
const before = await processorSeconds();
await pause(IDLE_MS);
const after = await processorSeconds();
const shares = [...after].map(([name, seconds]) => {
  const percent = ((seconds - (before.get(name) ?? 0)) * 100_000) / IDLE_MS;
  return { name, percent };
});
const idle = readStatus();
const sizes = idle.parts.map(({ name, memoryBytes }) => `${name} ${((memoryBytes ?? 0) / 1e6).toFixed(0)}`);
console.log(
  `idle memory (PSS) ${((idle.memoryBytes ?? 0) / 1e6).toFixed(0)} MB (${sizes.join(', ')}; goal ≤ 300, moonshot 200)`,
);
console.log(
  `idle processor time over ${IDLE_MS / 1000} s: ${shares.reduce((sum, { percent }) => sum + percent, 0).toFixed(2)} % of one core (${shares
    .map(({ name, percent }) => `${name} ${percent.toFixed(2)}`)
    .join(', ')}), ${load()}`,
);

// 3. exec in a container → alert on control's disk, as control itself counts it on the one CLOCK_MONOTONIC.
interface Workloads {
  readonly items: readonly { image: unknown; replicas: { containers: { id: string; image: string }[] }[] }[];
}
const workloads = JSON.parse(cli(['ps', '--json'])) as Workloads;
const container = workloads.items.flatMap((one) => one.replicas).flatMap((one) => one.containers)[0];
if (container === undefined) throw new Error('nothing runs; first: darsena deploy examples/tienda');
// One session that starts a watched program again and again: an engine's own exec would cost more than what is measured.
const loop = `i=0; while [ $i -lt ${execs} ]; do apt-get --version >/dev/null; sleep 0.05; i=$((i+1)); done`;
spawnSync('podman', ['exec', container.id, '/bin/sh', '-c', loop], { stdio: 'ignore' });
await pause(1_000);
const { detection } = readStatus();
if (detection === null) console.log('exec → stored alert: no alert came; is the sensor running?');
else {
  console.log(
    `exec → alert on control's disk, ${detection.alerts} of ${execs}: p50 ${detection.p50Ms} ms, p99 ${detection.p99Ms} ms (goal p50 ≤ 1, p99 ≤ 10 when idle), ${load()}`,
  );
  for (const { name, p50Ms, p99Ms } of detection.stations) {
    console.log(`  ${name.padEnd(10)} + p50 ${p50Ms.toFixed(3)} ms, p99 ${p99Ms.toFixed(3)} ms`);
  }
}

// 4. One more pod wanted by control → ready known at control, and the same pod by bare calls, in turns.
const folder = mkdtempSync(join(tmpdir(), 'darsena-spine-'));
const socket = join('/run/darsena', instance, 'agent', 'podman.sock');

function engineCall(method: string, path: string, body?: unknown): Promise<{ Id?: string }> {
  return new Promise((done, failed) => {
    const sent = httpRequest(
      { socketPath: socket, method, path: `/v4.0.0/libpod${path}`, headers: { 'Content-Type': 'application/json' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if ((response.statusCode ?? 500) >= 400) failed(new Error(`${path}: ${text}`));
          else done(text.startsWith('{') ? (JSON.parse(text) as { Id?: string }) : {});
        });
      },
    );
    sent.once('error', failed);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What the engine needs for the pod by itself, in ms. */
async function bareChange(image: string, round: number): Promise<number> {
  const pod = `${instance}-bare-${round}`;
  const start = performance.now();
  await engineCall('POST', '/pods/create', {
    name: pod,
    netns: { nsmode: 'bridge' },
    Networks: { [`${instance}-bare`]: {} },
    shared_namespaces: ['net', 'ipc', 'uts'],
  });
  const made = await engineCall('POST', '/containers/create', {
    name: `${pod}-main`,
    pod,
    image,
    entrypoint: ['sleep', '3600'],
    cap_drop: ['ALL'],
  });
  await engineCall('POST', `/containers/${made.Id}/start`);
  const ms = performance.now() - start;
  await engineCall('DELETE', `/pods/${pod}?force=true&timeout=0`);
  return ms;
}

/** From the verdict, after which control writes down what is wanted, to its word that the pod is ready; in ms. */
function ourChange(image: string, round: number): number {
  const name = `single${round}`;
  writeFileSync(join(folder, 'kubernetes', `${name}.yaml`), manifest(name, image));
  const { steps } = JSON.parse(cli(['deploy', folder, '--env', 'bench', '--yes', '--json'])) as {
    steps: { title: { en: string }; endedAt: string }[];
  };
  const ended = (title: string): number => Date.parse(steps.find((step) => step.title.en === title)?.endedAt ?? '');
  return ended(`Roll out ${name}`) - ended('Verdict');
}

function manifest(name: string, image: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{ name: main, image: "${image}", command: ["sleep", "36000"] }]
`;
}

try {
  mkdirSync(join(folder, 'kubernetes'));
  writeFileSync(
    join(folder, 'darsena.yaml'),
    'project: tienda\nmanifests: [kubernetes]\nenvironments:\n  bench: { policy: dev, class: development }\n',
  );
  const pinned = container.image;
  const image = pinned.slice(pinned.indexOf('/') + 1);
  await engineCall('POST', '/networks/create', { name: `${instance}-bare`, driver: 'bridge', dns_enabled: false });
  ourChange(image, 0); // the environment's network and the first words of everything are not counted
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 1; round <= changes; round++) {
    bare.push(await bareChange(pinned, round));
    ours.push(ourChange(image, round));
  }
  const beyond = ours.map((ms, index) => ms - (bare[index] ?? Number.NaN));
  const say = (values: readonly number[]): string =>
    `p50 ${percentile(values, 0.5)}, p99 ${percentile(values, 0.99)} ms`;
  console.log(`one more pod, wanted by control → ready known at control, ${changes} times: ${say(ours)}, ${load()}`);
  console.log(`  the same pod by bare calls of the engine: ${say(bare)}`);
  console.log(`  beyond the engine's own time, pair by pair: ${say(beyond)} (goal p99 ≤ 1000)`);
} finally {
  await engineCall('DELETE', `/networks/${instance}-bare?force=true`);
  rmSync(folder, { recursive: true });
}
