/**
 * The spine's figures on a running instance with the example deployed (as root):
 *   ./darsena-node test/bench/spine.bench.ts [instance] [execs]
 * Console reachable after a stop and a start, idle memory, kernel event → stored alert, desired state → running.
 * Prints figures; never fails for one.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';

const ROOT = resolve(import.meta.dirname, '../..');
const instance = process.argv[2] ?? 'darsena';
const execs = Number(process.argv[3] ?? 60);
const database = join('/var/lib/darsena', instance, 'control', 'darsena.db');

if (process.argv[4] === 'watch') {
  // Looks at the table five times a millisecond and notes when each alert is there: the commit is what makes it visible.
  const db = new DatabaseSync(database, { readOnly: true });
  const next = db.prepare('SELECT rowid, body FROM respond_alerts WHERE rowid > ? ORDER BY rowid');
  let last = (db.prepare('SELECT coalesce(max(rowid), 0) AS last FROM respond_alerts').get() as { last: number }).last;
  const until = process.hrtime.bigint() + BigInt(Number(process.argv[5])) * 1_000_000n;
  const delays: number[] = [];
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (process.hrtime.bigint() < until && delays.length < execs) {
    for (const row of next.all(last) as { rowid: number; body: string }[]) {
      const seen = process.hrtime.bigint();
      last = row.rowid;
      const { kernelTimeNs } = JSON.parse(row.body) as { kernelTimeNs: number | string };
      delays.push(Number(seen - BigInt(kernelTimeNs)) / 1e6);
    }
    Atomics.wait(pause, 0, 0, 0.2);
  }
  process.stdout.write(JSON.stringify(delays));
  process.exit(0);
}

function cli(args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(join(ROOT, 'darsena'), ['--instance', instance, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`darsena ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(2);
}

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

// 1. Console reachable after `up` on a prepared machine.
cli(['down', '--yes']);
const begun = performance.now();
const up = spawnSync(join(ROOT, 'darsena'), ['--instance', instance, 'up', '--yes', '--json'], { encoding: 'utf8' });
const port = (JSON.parse(up.stdout) as { ports: { console: number } }).ports.console;
while (!(await reachable(port))) await new Promise((done) => setTimeout(done, 20));
console.log(
  `console reachable ${((performance.now() - begun) / 1000).toFixed(1)} s after \`up\` was called (goal ≤ 5 s)`,
);

// 2. Memory when nothing happens.
await new Promise((done) => setTimeout(done, 20_000));
const status = JSON.parse(cli(['status', '--json'])) as {
  memoryBytes?: number;
  parts: { name: string; memoryBytes: number | null }[];
};
const bytes = status.memoryBytes ?? status.parts.reduce((sum, part) => sum + (part.memoryBytes ?? 0), 0);
console.log(`idle memory (PSS) ${(bytes / 1e6).toFixed(0)} MB (goal ≤ 300, floor 400, moonshot 200)`);

// 3. exec in a container → alert stored, both on CLOCK_MONOTONIC.
const workloads = JSON.parse(cli(['ps', '--json'])) as { items: { replicas: { containers: { id: string }[] }[] }[] };
const container = workloads.items.flatMap((one) => one.replicas).flatMap((one) => one.containers)[0]?.id;
if (container === undefined) throw new Error('nothing runs; first: darsena deploy examples/tienda');
const watcher = spawnWatcher();
await new Promise((done) => setTimeout(done, 500));
// One session that starts a watched program again and again: an engine's own exec would cost more than what is measured.
const loop = `i=0; while [ $i -lt ${execs} ]; do apt-get --version >/dev/null; sleep 0.05; i=$((i+1)); done`;
spawnSync('podman', ['exec', container, '/bin/sh', '-c', loop], { stdio: 'ignore' });
const delays = await watcher;
console.log(
  `exec → stored alert, ${delays.length} of ${execs}: p50 ${percentile(delays, 0.5)} ms, p99 ${percentile(delays, 0.99)} ms (goal p50 ≤ 1, p99 ≤ 10 when idle)`,
);

function spawnWatcher(): Promise<number[]> {
  const worker = new Worker(import.meta.filename, {
    argv: [instance, String(execs), 'watch', String(execs * 200 + 5_000)],
    stdout: true,
  });
  return new Promise((done, failed) => {
    let text = '';
    worker.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    worker.on('error', failed);
    worker.on('exit', () => done(JSON.parse(text === '' ? '[]' : text) as number[]));
  });
}
