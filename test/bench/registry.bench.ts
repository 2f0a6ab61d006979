/**
 * Registry figures beside Debian's docker-registry (distribution 2.8), alternating in one run, medians of the rounds:
 * manifest GET by tag with a registry token (ours with rights, quarantine gate and journal; theirs without any), and
 * push of a 100 MB blob. Run: ./darsena-node test/bench/registry.bench.ts [rounds]
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Agent, Pool, request } from 'undici';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { startTestRegistry } from '../../src/registry/test-registry.ts';
import { runCommand } from '../../src/system/index.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const LOAD_MS = 3000;
const CONNECTIONS = 32;
const PUSH_BYTES = 100 * 1024 * 1024;

interface Subject {
  readonly name: string;
  readonly origin: string;
  readonly headers: Record<string, string>;
  readonly pid: number;
}

/** CPU seconds (user and system) of a process and its threads; proc(5), /proc/pid/stat fields 14 and 15. */
function cpuSeconds(pid: number): number {
  const fields =
    execFileSync('cat', [`/proc/${pid}/stat`])
      .toString()
      .split(') ')[1]
      ?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function pushBlob(
  subject: Subject,
  agent: Agent,
  repository: string,
  bytes: Uint8Array,
  digest = digestOf(bytes),
): Promise<void> {
  const { origin, headers } = subject;
  const start = await request(`${origin}/v2/${repository}/blobs/uploads/`, {
    method: 'POST',
    headers,
    dispatcher: agent,
  });
  await start.body.dump();
  const location = new URL(String(start.headers['location']), origin);
  location.searchParams.set('digest', digest);
  const pieces = function* () {
    for (let at = 0; at < bytes.byteLength; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024);
  };
  const put = await request(location, {
    method: 'PUT',
    dispatcher: agent,
    headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': String(bytes.byteLength) },
    body: bytes.byteLength > 1024 * 1024 ? Readable.from(pieces()) : bytes,
  });
  const text = await put.body.text();
  if (put.statusCode !== 201) throw new Error(`${subject.name}: ${put.statusCode} ${text}`);
}

async function prepare(subject: Subject, agent: Agent): Promise<void> {
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
  const layers = Array.from({ length: 8 }, (_, index) => Buffer.from(`layer ${index}`));
  for (const bytes of [config, ...layers]) await pushBlob(subject, agent, 'bench/web', bytes);
  const describe = (bytes: Buffer, mediaType: string) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: describe(config, MEDIA_TYPE.config),
    layers: layers.map((bytes) => describe(bytes, MEDIA_TYPE.layerGzip)),
  };
  const put = await request(`${subject.origin}/v2/bench/web/manifests/latest`, {
    method: 'PUT',
    dispatcher: agent,
    headers: { ...subject.headers, 'content-type': MEDIA_TYPE.manifest },
    body: JSON.stringify(manifest),
  });
  if (put.statusCode !== 201) throw new Error(`${subject.name}: ${await put.body.text()}`);
  await put.body.dump();
}

interface Load {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly p99Ms: number;
}

/** wrk where it is installed: it takes less of the shared cores than a generator in JavaScript. */
async function loadManifest(subject: Subject): Promise<Load> {
  const cpu = cpuSeconds(subject.pid);
  const wrk = await runCommand(
    'wrk',
    [
      '-t1',
      `-c${CONNECTIONS}`,
      `-d${LOAD_MS / 1000}s`,
      '--latency',
      ...Object.entries({ ...subject.headers, accept: MEDIA_TYPE.manifest }).flatMap(([name, value]) => [
        '-H',
        `${name}: ${value}`,
      ]),
      `${subject.origin}/v2/bench/web/manifests/latest`,
    ],
    { timeoutMs: LOAD_MS + 10_000 },
  ).catch(() => null);
  if (wrk === null || wrk.code !== 0) return loadFromHere(subject);
  if (/Non-2xx/.test(wrk.stdout)) throw new Error(`${subject.name}: ${wrk.stdout}`);
  const requests = Number(/(\d+) requests in/.exec(wrk.stdout)?.[1]);
  const [, p99 = '0', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(wrk.stdout) ?? [];
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk.stdout)?.[1]),
    perCpuSecond: requests / Math.max(cpuSeconds(subject.pid) - cpu, 0.01),
    p99Ms: Number(p99) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1),
  };
}

async function loadFromHere(subject: Subject): Promise<Load> {
  const pool = new Pool(subject.origin, { connections: CONNECTIONS, pipelining: 1 });
  const headers = { ...subject.headers, accept: MEDIA_TYPE.manifest };
  const latencies: number[] = [];
  const cpu = cpuSeconds(subject.pid);
  const started = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() - started < LOAD_MS) {
        const at = performance.now();
        const answer = await pool.request({ method: 'GET', path: '/v2/bench/web/manifests/latest', headers });
        if (answer.statusCode !== 200) throw new Error(`${subject.name}: ${answer.statusCode}`);
        await answer.body.dump();
        latencies.push(performance.now() - at);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const cpuUsed = Math.max(cpuSeconds(subject.pid) - cpu, 0.01);
  await pool.close();
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / seconds,
    perCpuSecond: latencies.length / cpuUsed,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
  };
}

async function push100(subject: Subject, agent: Agent): Promise<{ bytesPerSecond: number; cpu: number }> {
  const bytes = Buffer.alloc(PUSH_BYTES, randomBytes(1024 * 1024));
  bytes.set(randomBytes(32));
  const digest = digestOf(bytes);
  const cpu = cpuSeconds(subject.pid);
  const started = performance.now();
  await pushBlob(subject, agent, 'bench/big', bytes, digest);
  const seconds = (performance.now() - started) / 1000;
  return { bytesPerSecond: PUSH_BYTES / seconds, cpu: cpuSeconds(subject.pid) - cpu };
}

/** Ours in a process of its own, so that its CPU is counted alone. */
async function serveOurs(folder: string): Promise<void> {
  const server = await startTestRegistry({ root: join(folder, 'ours'), database: `sqlite:${join(folder, 'ours.db')}` });
  const scope = ['web', 'big'].map((name) => `scope=repository:bench/${name}:pull,push`).join('&');
  const answer = await fetch(`${server.url}/v2/token?service=test&${scope}`, {
    headers: { authorization: server.basic('root') },
  });
  const { token } = (await answer.json()) as { token: string };
  process.stdout.write(`${JSON.stringify({ origin: server.url, token })}\n`);
  process.stdin.resume().on('end', () => void server.close().then(() => process.exit(0)));
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-bench-'));
  const ours = spawn(process.execPath, [import.meta.filename, '--serve', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) => ours.stdout.once('data', (data) => resolve(String(data))));
  const { origin, token } = JSON.parse(line) as { origin: string; token: string };
  const subjects: Subject[] = [
    { name: 'ours', origin, headers: { authorization: `Bearer ${token}` }, pid: ours.pid ?? 0 },
  ];
  let theirs: ReturnType<typeof spawn> | undefined;
  let version = '';
  try {
    version = execFileSync('docker-registry', ['--version']).toString().trim();
    const port = await freePort();
    const config = join(folder, 'config.yml');
    await writeFile(
      config,
      `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${folder}/theirs}, cache: {blobdescriptor: inmemory}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
    );
    theirs = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    subjects.push({ name: 'theirs', origin: `http://127.0.0.1:${port}`, headers: {}, pid: theirs.pid ?? 0 });
  } catch {
    console.log('docker-registry is not installed (apt-get install docker-registry): figures without ratios');
  }
  const agent = new Agent();
  try {
    for (const subject of subjects) await prepare(subject, agent);
    const figures = new Map<string, number[]>();
    const note = (name: string, value: number) => figures.set(name, [...(figures.get(name) ?? []), value]);
    for (let round = 0; round < ROUNDS; round++) {
      for (const subject of subjects) {
        const load = await loadManifest(subject);
        note(`${subject.name} rps`, load.perSecond);
        note(`${subject.name} rpc`, load.perCpuSecond);
        note(`${subject.name} p99`, load.p99Ms);
      }
      for (const subject of subjects) {
        const push = await push100(subject, agent);
        note(`${subject.name} push`, push.bytesPerSecond / 1e6);
        note(`${subject.name} pushCpu`, push.cpu);
      }
    }
    const of = (name: string) => median(figures.get(name) ?? []);
    console.log(`Node ${process.version}; ${version || 'no anchor'}; median of ${ROUNDS} alternating rounds`);
    for (const [title, key, unit, better] of [
      [`manifest GET by tag, ${CONNECTIONS} connections`, 'rps', 'req/s', 'up'],
      ['manifest GET by tag', 'rpc', 'req per CPU s', 'up'],
      ['manifest GET by tag, p99', 'p99', 'ms', 'down'],
      ['push of a 100 MB blob', 'push', 'MB/s', 'up'],
      ['push of a 100 MB blob, CPU', 'pushCpu', 's', 'down'],
    ] as const) {
      const [a, b] = [of(`ours ${key}`), of(`theirs ${key}`)];
      const ratio = b === 0 ? '' : `, ratio ${(better === 'up' ? a / b : b / a).toFixed(2)}× better`;
      console.log(`${title}: ours ${a.toFixed(2)}, docker-registry ${b.toFixed(2)} ${unit}${ratio}`);
    }
  } finally {
    await agent.close();
    ours.stdin.end();
    theirs?.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === '--serve') await serveOurs(process.argv[3] ?? '');
else await main();
