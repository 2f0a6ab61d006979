/**
 * Registry figures beside Debian's docker-registry (distribution 2.8), alternating in one run, medians of the rounds.
 * Ours signs in, asks the verdict and states facts; theirs runs without any of it. Both without TLS unless a line says so.
 * Run: ./darsena-node test/bench/registry.bench.ts [rounds] [--only manifest|blob|push|small|mixed]
 */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, statfsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pool, request } from 'undici';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { runCommand } from '../../src/system/index.ts';
import { type Ground, openGround, type Subject } from './registry-ground.ts';

const { values: flags, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true });
const ROUNDS = Number(positionals[0] ?? 5);
const LOAD_SECONDS = 3;
const CONNECTIONS = 32;
/** Our small content gets its files after five seconds. */
const SETTLED_MS = 7000;
const MB = 1_000_000;
const BLOB_BYTES = 130 * MB;
const PUSH_BYTES = 100 * MB;

/** CPU seconds (user and system) of a process and its threads; proc(5), /proc/pid/stat fields 14 and 15. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const READS = [
  ['blob', 1, false],
  ['blob TLS', 1, true],
  ['blob, 2 readers', 2, false],
  ['blob TLS, 2 readers', 2, true],
] as const;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Bytes that nobody stored before, cheap to make. */
function fresh(size: number): Buffer {
  const bytes = Buffer.alloc(size, randomBytes(Math.min(size, 1 << 20)));
  bytes.set(randomBytes(Math.min(32, size)));
  return bytes;
}

/** As podman and docker push: POST begins, PUT sends. */
async function pushBlob(subject: Subject, pool: Pool, repository: string, bytes: Uint8Array): Promise<void> {
  const start = await pool.request({
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/`,
    headers: subject.headers,
  });
  await start.body.dump();
  const location = new URL(String(start.headers['location']), subject.origin);
  location.searchParams.set('digest', digestOf(bytes));
  const put = await pool.request({
    method: 'PUT',
    path: location.pathname + location.search,
    headers: { ...subject.headers, 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  const text = await put.body.text();
  if (put.statusCode !== 201) throw new Error(`${subject.name}: ${put.statusCode} ${text}`);
}

async function prepare(subject: Subject): Promise<string> {
  const pool = new Pool(subject.origin, { connections: 1 });
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
  const layers = Array.from({ length: 8 }, (_, index) => Buffer.from(`layer ${index}`));
  const blob = Buffer.alloc(BLOB_BYTES, 'x');
  for (const bytes of [config, ...layers]) await pushBlob(subject, pool, 'bench/web', bytes);
  await pushBlob(subject, pool, 'bench/big', blob);
  const describe = (bytes: Buffer, mediaType: string) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: describe(config, MEDIA_TYPE.config),
    layers: layers.map((bytes) => describe(bytes, MEDIA_TYPE.layerGzip)),
  };
  const put = await request(`${subject.origin}/v2/bench/web/manifests/latest`, {
    method: 'PUT',
    headers: { ...subject.headers, 'content-type': MEDIA_TYPE.manifest },
    body: JSON.stringify(manifest),
  });
  if (put.statusCode !== 201) throw new Error(`${subject.name}: ${await put.body.text()}`);
  await put.body.dump();
  await pool.close();
  return digestOf(blob);
}

type Note = (key: string, value: number) => void;

async function manifest(subject: Subject, origin: string, note: Note, key: string): Promise<void> {
  const cpu = cpuSeconds(subject.pid);
  const headers = Object.entries({ ...subject.headers, accept: MEDIA_TYPE.manifest });
  const wrk = await runCommand(
    'wrk',
    [
      '-t1',
      `-c${CONNECTIONS}`,
      `-d${LOAD_SECONDS}s`,
      '--latency',
      ...headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      `${origin}/v2/bench/web/manifests/latest`,
    ],
    { timeoutMs: LOAD_SECONDS * 1000 + 10_000 },
  );
  if (wrk.code !== 0 || /Non-2xx/.test(wrk.stdout)) throw new Error(`${subject.name}: ${wrk.stdout}${wrk.stderr}`);
  const requests = Number(/(\d+) requests in/.exec(wrk.stdout)?.[1]);
  const [, p99 = '0', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(wrk.stdout) ?? [];
  note(`${key}/s`, Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk.stdout)?.[1]));
  if (key === 'manifest') note(`${key}/cpu`, requests / Math.max(cpuSeconds(subject.pid) - cpu, 0.01));
  note(`${key} p99`, Number(p99) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1));
}

function curlHeaders(subject: Subject): string[] {
  return Object.entries(subject.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
}

async function curl(args: readonly string[]): Promise<number> {
  const done = await runCommand('curl', ['-sS', '-f', '-o', '/dev/null', '-w', '%{time_total}', ...args], {
    timeoutMs: 120_000,
  });
  if (done.code !== 0) throw new Error(`curl: ${done.stderr}`);
  return Number(done.stdout);
}

/** One reader after another, or two at once: megabytes a second in all, and CPU seconds a blob. */
async function blob(
  ground: Ground,
  subject: Subject,
  digest: string,
  note: Note,
  { key, readers, isTls }: { key: string; readers: number; isTls: boolean },
): Promise<void> {
  const pid = isTls ? subject.tlsPid : subject.pid;
  const url = `${isTls ? subject.tlsOrigin : subject.origin}/v2/bench/big/blobs/${digest}`;
  const cpu = cpuSeconds(pid);
  const times: number[] = [];
  const reads = 4;
  for (let n = 0; n < reads; n++) {
    const one = (): Promise<number> => curl([...curlHeaders(subject), '--cacert', ground.caFile, url]);
    times.push(Math.max(...(await Promise.all(Array.from({ length: readers }, one)))));
  }
  note(key, (BLOB_BYTES * readers) / MB / median(times));
  note(`${key} cpu`, (cpuSeconds(pid) - cpu) / (reads * readers));
}

/** One request's body from a file by curl, which takes less of the shared cores than a client in JavaScript. */
async function push(ground: Ground, subject: Subject, note: Note): Promise<void> {
  const bytes = fresh(PUSH_BYTES);
  const file = join(ground.folder, 'pushed');
  await writeFile(file, bytes);
  const digest = digestOf(bytes);
  const start = await request(`${subject.origin}/v2/bench/big/blobs/uploads/`, {
    method: 'POST',
    headers: subject.headers,
  });
  await start.body.dump();
  const location = new URL(String(start.headers['location']), subject.origin);
  location.searchParams.set('digest', digest);
  const cpu = cpuSeconds(subject.pid);
  const seconds = await curl([
    ...curlHeaders(subject),
    '-H',
    'Expect:',
    '-H',
    'Content-Type: application/octet-stream',
    '-T',
    file,
    String(location),
  ]);
  note('push', PUSH_BYTES / MB / seconds);
  note('push cpu', cpuSeconds(subject.pid) - cpu);
}

/** One connection that says as little as HTTP needs: the clients share the cores with what is measured. */
class LeanConnection {
  readonly #socket: Socket;
  #answer = '';
  #answered: (text: string) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(origin: string) {
    const { hostname, port } = new URL(origin);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => {
      this.#answer += text;
      // Uploads are answered without a body.
      if (this.#answer.endsWith('\r\n\r\n')) this.#answered(this.#answer);
    });
    this.#socket.on('error', (error) => this.#failed(error));
    this.#socket.on('close', () => this.#failed(new Error('the connection was closed')));
  }

  /** @returns the head of the answer, whose status is as expected */
  async ask(head: string, body: Uint8Array | null, status: number): Promise<string> {
    this.#answer = '';
    const answer = await new Promise<string>((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      if (body === null) this.#socket.write(`${head}\r\n`);
      else {
        this.#socket.cork();
        this.#socket.write(`${head}\r\n`);
        this.#socket.write(body);
        this.#socket.uncork();
      }
    });
    if (!answer.startsWith(`HTTP/1.1 ${status} `)) throw new Error(answer);
    return answer;
  }

  end(): void {
    this.#failed = () => undefined;
    this.#socket.destroy();
  }
}

/** POST begins, PUT sends, over and over from several clients. */
async function small(
  subject: Subject,
  note: Note,
  key: string,
  shape: { size: number; clients: number; count: number },
) {
  const blobs = Array.from({ length: shape.count }, () => {
    const bytes = fresh(shape.size);
    return { bytes, digest: digestOf(bytes) };
  });
  const fields = Object.entries({ ...subject.headers, host: '127.0.0.1' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const common = fields.join('');
  const post = `POST /v2/bench/small/blobs/uploads/ HTTP/1.1\r\n${common}content-length: 0\r\n`;
  const latencies: number[] = [];
  const cpu = cpuSeconds(subject.pid);
  const started = performance.now();
  await Promise.all(
    Array.from({ length: shape.clients }, async () => {
      const connection = new LeanConnection(subject.origin);
      for (let blob = blobs.pop(); blob !== undefined; blob = blobs.pop()) {
        const at = performance.now();
        const began = await connection.ask(post, null, 202);
        const location = /\r\nlocation: (?:http:\/\/[^/]+)?(\S+)/i.exec(began)?.[1] ?? '';
        const path = `${location}${location.includes('?') ? '&' : '?'}digest=${blob.digest}`;
        const put = `PUT ${path} HTTP/1.1\r\n${common}content-type: application/octet-stream\r\ncontent-length: ${blob.bytes.length}\r\n`;
        await connection.ask(put, blob.bytes, 201);
        latencies.push(performance.now() - at);
      }
      connection.end();
    }),
  );
  note(key, shape.count / ((performance.now() - started) / 1000));
  // Until what came is in its files: that belongs to the cost of a push, and not into the other's turn.
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  note(`${key} cpu`, ((cpuSeconds(subject.pid) - cpu) * 1000) / shape.count);
  latencies.sort((a, b) => a - b);
  note(`${key} p99`, latencies[Math.floor(latencies.length * 0.99)] ?? 0);
}

/** After zot's benchmark `zb`: sizes and directions mixed, two clients. Operations a second, each size's share fixed. */
async function mixed(subject: Subject, note: Note): Promise<void> {
  const cases: readonly [name: string, pullShare: number, sizes: readonly number[], count: number][] = [
    ['pull 1 MB', 1, [MB], 40],
    ['pull 10 MB', 1, [10 * MB], 12],
    ['pull 20 % 1 MB, 70 % 10 MB, 10 % 100 MB', 1, [MB, MB, ...Array(7).fill(10 * MB), 100 * MB], 10],
    ['push 10 MB', 0, [10 * MB], 6],
    ['push 1, 10 and 100 MB in turn', 0, [MB, 10 * MB, 100 * MB], 3],
    ['75 % pull, 25 % push, 1 MB', 0.75, [MB], 32],
    ['75 % pull, 25 % push, 10 MB', 0.75, [10 * MB], 12],
  ];
  const pool = new Pool(subject.origin, { connections: 2, pipelining: 1 });
  const stored = new Map<number, string>();
  for (const size of [MB, 10 * MB, 100 * MB]) {
    const bytes = fresh(size);
    await pushBlob(subject, pool, 'bench/small', bytes);
    stored.set(size, digestOf(bytes));
  }
  for (const [name, pullShare, sizes, count] of cases) {
    let next = 0;
    const started = performance.now();
    const client = async (): Promise<void> => {
      for (let n = next++; n < count; n = next++) {
        const size = sizes[n % sizes.length] ?? MB;
        if (n % 4 < pullShare * 4) {
          const path = `/v2/bench/small/blobs/${stored.get(size)}`;
          const answer = await pool.request({ method: 'GET', path, headers: subject.headers });
          if (answer.statusCode !== 200) throw new Error(`${subject.name}: ${answer.statusCode}`);
          await answer.body.dump({ limit: size + 1 });
        } else await pushBlob(subject, pool, 'bench/small', fresh(size + randomInt(1000)));
      }
    };
    await Promise.all([client(), client()]);
    note(`zb: ${name}`, count / ((performance.now() - started) / 1000));
  }
  await pool.close();
}

const ground = await openGround();
const subjects = [ground.ours, ...(ground.theirs === null ? [] : [ground.theirs])];
const figures = new Map<string, Map<string, number[]>>();
const noting =
  (subject: Subject): Note =>
  (key, value) => {
    const row = figures.get(key) ?? new Map<string, number[]>();
    figures.set(key, row);
    row.set(subject.name, [...(row.get(subject.name) ?? []), value]);
  };
const wanted = (name: string): boolean => flags.only === undefined || flags.only === name;
try {
  const digests: string[] = [];
  for (const subject of subjects) digests.push(await prepare(subject));
  for (let round = 0; round < ROUNDS; round++) {
    await ground.renew();
    for (const subject of wanted('manifest') ? subjects : []) {
      await manifest(subject, subject.origin, noting(subject), 'manifest');
      await manifest(subject, subject.tlsOrigin, noting(subject), 'manifest TLS');
    }
    for (const [index, subject] of (wanted('blob') ? subjects : []).entries()) {
      for (const [key, readers, isTls] of READS) {
        await blob(ground, subject, digests[index] ?? '', noting(subject), { key, readers, isTls });
      }
    }
    for (const subject of wanted('push') ? subjects : []) await push(ground, subject, noting(subject));
    for (const subject of wanted('small') ? subjects : []) {
      await small(subject, noting(subject), '1 MB c2', { size: MB, clients: 2, count: 60 });
      await small(subject, noting(subject), '10 KB c4', { size: 10_000, clients: 4, count: 800 });
    }
    for (const subject of wanted('mixed') ? subjects : []) await mixed(subject, noting(subject));
  }
} finally {
  await ground.end();
}
const kind = execFileSync('stat', ['-f', '-c', '%T', '/tmp']).toString().trim();
const free = Math.round((statfsSync('/tmp').bavail * statfsSync('/tmp').bsize) / 1e9);
console.log(
  `Node ${process.version}; ${ground.version}; ${kind}, ${free} GB free; median of ${ROUNDS} alternating rounds`,
);
const UNITS: readonly [pattern: RegExp, unit: string, better: 'up' | 'down'][] = [
  [/^manifest.*\/s$/, 'req/s', 'up'],
  [/\/cpu$/, 'req per CPU s', 'up'],
  [/ p99$/, 'ms', 'down'],
  [/^(blob.*|push) cpu$/, 'CPU s', 'down'],
  [/ cpu$/, 'CPU ms each', 'down'],
  [/^(blob|push)/, 'MB/s', 'up'],
  [/./, 'a second', 'up'],
];
for (const [key, row] of figures) {
  const [ours, theirs] = [median(row.get('ours') ?? []), median(row.get('theirs') ?? [])];
  const [, unit, better] = UNITS.find(([pattern]) => pattern.test(key)) ?? [/./, '', 'up'];
  const ratio = theirs === 0 ? '' : `  ${(better === 'up' ? ours / theirs : theirs / ours).toFixed(2)}× better`;
  console.log(`${key.padEnd(48)} ${ours.toFixed(2).padStart(10)} : ${theirs.toFixed(2).padStart(10)} ${unit}${ratio}`);
}
