/**
 * Live activity, from the kernel to who looks: a container opens files so many times a second, the sensor as it ships sees them, the
 * agent's part hands them on over its link, the program control as it ships serves them as server-sent events to four who look (as often as one
 * person may), of which one stops reading. Told are events that came and were counted as not shown, how late they came, processor time and memory of each part.
 * Goals: 10,000 events a second none lost for whoever reads, 99 of 100 within 100 ms more than the 100 that are gathered, a counted gap for
 * whoever does not read, and memory that does not grow by them. Needs root, BPF, podman, runc, busybox-static and gcc.
 *
 *   ./darsena-node --disable-warning=ExperimentalWarning test/bench/live.bench.ts [events a second] [seconds]
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { SHIPPED_RULES } from '../real/observe-ground.ts';
import { HostGround, missingHostParts } from './host-ground.ts';

const why = missingHostParts();
if (why !== false) {
  console.log(`cannot be measured here: ${why}`);
  process.exit(0);
}
const rate = Number(process.argv[2] ?? 10_000);
const seconds = Number(process.argv[3] ?? 20);
const READERS = 4;
const READY_MS = 60_000;

interface Heard {
  readonly events: number;
  readonly seen: number;
  readonly dropped: number;
  readonly bytes: number;
  readonly lateMs: readonly number[];
}

/** Reads on a thread of its own, as a browser does; `pauseMs` of the time it does not read at all. */
const READER = `
const { workerData, parentPort } = require('node:worker_threads');
const { request } = require('node:https');
const { port, ca, token, pauseMs } = workerData;
const heard = { events: 0, seen: 0, dropped: 0, bytes: 0, lateMs: [] };
const sent = request({ host: '127.0.0.1', port, servername: 'localhost', ca, agent: false,
  path: '/api/v1/activity?filter=' + encodeURIComponent('evt.type in (open, openat)'), headers: { authorization: 'Bearer ' + token } }, (response) => {
  if (response.statusCode !== 200) { response.setEncoding('utf8').on('data', (text) => parentPort.postMessage({ error: text })); return; }
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (chunk) => {
    heard.bytes += chunk.length;
    rest += chunk;
    for (let end = rest.indexOf('\\n\\n'); end !== -1; end = rest.indexOf('\\n\\n')) {
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const [, name, data] = /^event: (.*)\\ndata: (.*)$/s.exec(block) ?? [];
      if (name === 'watching') parentPort.postMessage({ watching: true });
      if (name !== 'activity') continue;
      const { seen, dropped, events } = JSON.parse(data);
      heard.seen += seen; heard.dropped += dropped; heard.events += events.length;
      const now = Date.now();
      for (let i = 0; i < events.length; i += 50) heard.lateMs.push(now - Date.parse(events[i].at));
    }
  });
});
sent.on('error', (error) => parentPort.postMessage({ error: String(error) }));
sent.end();
parentPort.on('message', (word) => {
  if (word === 'tell') { parentPort.postMessage({ heard }); sent.destroy(); parentPort.close(); }
  if (word === 'begin') {
    heard.lateMs.length = 0;
    if (pauseMs > 0) { const end = Date.now() + pauseMs; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, end - Date.now()); }
  }
});
`;

class Reader {
  readonly #worker: Worker;
  #said: Record<string, unknown>[] = [];

  constructor(workerData: object) {
    this.#worker = new Worker(READER, { eval: true, workerData });
    this.#worker.on('message', (word: Record<string, unknown>) => this.#said.push(word));
  }

  begin(): void {
    this.#worker.postMessage('begin');
  }

  async word<T>(name: string): Promise<T> {
    const end = performance.now() + READY_MS;
    for (;;) {
      const found = this.#said.find((one) => name in one || 'error' in one);
      if (found !== undefined && 'error' in found) throw new Error(String(found['error']));
      if (found !== undefined) return found[name] as T;
      if (performance.now() > end) throw new Error(`no "${name}" from who looks`);
      await setTimeout(20);
    }
  }

  tell(): Promise<Heard> {
    this.#worker.postMessage('tell');
    return this.word<Heard>('heard');
  }
}

function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10; // at 100 ticks a second (proc(5))
}

function megabytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

const host = await HostGround.start(() => [SHIPPED_RULES]);
try {
  const { control, ground, container, token } = host;
  host.addProgram('flood');
  const looker = { port: control.port, ca: control.caPem, token };
  const readers = Array.from(
    { length: READERS },
    (_, i) => new Reader({ ...looker, pauseMs: i === 0 ? (seconds * 1_000) / 2 : 0 }),
  );
  for (const reader of readers) await reader.word('watching');
  const act = (lasting: number): Promise<string> =>
    ground.podmanOutput('exec', container, '/flood', 'open', String(rate), String(lasting), '1');
  await act(3); // the compiler of JavaScript has seen it all
  for (const reader of readers) reader.begin();
  const parts = { control: control.pid, sensor: ground.sensorPid, 'agent, with who look': process.pid };
  const before = Object.values(parts).map((pid) => ({ cpu: cpuMsOf(pid), memory: megabytesOf(pid) }));
  const most = before.map(({ memory }) => memory);
  const startedMs = performance.now();
  let over = false;
  const acting = act(seconds).then((text) => {
    over = true;
    return text;
  });
  while (!over) {
    Object.values(parts).forEach((pid, i) => {
      most[i] = Math.max(most[i] ?? 0, megabytesOf(pid));
    });
    await setTimeout(100);
  }
  const made = Number((await acting).split(' ')[0]);
  const wallMs = performance.now() - startedMs;
  const used = Object.values(parts).map((pid, i) => ((cpuMsOf(pid) - (before[i]?.cpu ?? 0)) * 100) / wallMs);
  await setTimeout(3_000); // what is on its way
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${(made / seconds / 1_000).toFixed(1)} thousand opens a second for ${seconds} s, ${READERS} look, the first of them does not read for ${seconds / 2} s; load ${load}`,
  );
  for (const [place, reader] of readers.entries()) {
    const { events, seen, dropped, bytes, lateMs } = await reader.tell();
    const late = lateMs.toSorted((a, b) => a - b);
    const at = (share: number): number => late[Math.floor(share * (late.length - 1))] ?? 0;
    console.log(
      `who looks ${place + 1}${place === 0 ? ', slow' : ''}: of ${seen} events ${events} came and ${dropped} are told as not shown${events + dropped === seen ? '' : ' (DOES NOT ADD UP)'}; ` +
        `${(bytes / 1e6).toFixed(0)} MB; from the act to the page p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    );
  }
  Object.keys(parts).forEach((name, i) => {
    console.log(
      `${name}: ${used[i]?.toFixed(1)} % of a core, memory ${before[i]?.memory.toFixed(0)} MB before, at most ${most[i]?.toFixed(0)} MB`,
    );
  });
} finally {
  await host.close();
}
process.exit(0);
