import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RuleEngine } from '../../detect/index.ts';
import type { ReplayAlert } from '../../detect/replay.ts';
import { replayCapture } from '../../detect/replay-capture.ts';
import { tryFilters } from '../../detect/try-filters.ts';
import { CaptureWriter, readCapture } from '../../events/capture/index.ts';
import {
  type ContainerFacts,
  HEADER,
  KernelEvent,
  OPEN,
  PathNames,
  type ProcessFacts,
  RECORD,
  type Surroundings,
  unknownProcess,
} from '../../events/index.ts';
import { readFromSensor } from '../agent/sensor-reader.ts';
import { ActivityWatches, FLUSH_MS } from './activity.ts';
import type { FromWorker, WatchOrder } from './messages.ts';

type Batch = Extract<FromWorker, { type: 'activity' }>;

const shell: ProcessFacts = { ...unknownProcess(40, 400, 'sh'), exe: 'sh', exePath: '/bin/sh', args: ['-c', 'cat x'] };
const reader: ProcessFacts = {
  ...unknownProcess(41, 500, 'cat'),
  ...{ ppid: 40, parentStartedNs: 400, parentName: 'sh', exe: 'cat', exePath: '/bin/cat' },
  args: ['--password=secret', '/etc/shadow'],
};
const surroundings: Surroundings = {
  parentOf: (process) => (process === reader ? shell : undefined),
  processOf: () => undefined,
  userName: (uid) => (uid === 0 ? 'root' : null),
  groupName: () => null,
  ask: () => null,
  wallOffsetNs: 1_700_000_000_000_000_000,
  bootOffsetNs: 0,
};
const paths = new PathNames();
const web: ContainerFacts = {
  ...{ id: 'a'.repeat(64), name: 'web', project: 'tienda', environment: 'dev', workload: 'web', pod: 'web-1' },
  ...{ container: 'web', image: 'tienda/web:1', digest: null },
};

/** `open` of a file by a process, as the kernel writes it. */
function opened(path: string, process = reader, container: ContainerFacts | null = web): KernelEvent {
  const name = Buffer.from(`${path.split('/').filter(Boolean).reverse().join('\0')}\0`);
  const record = Buffer.alloc(OPEN.bytes + Math.ceil(name.length / 8) * 8);
  record.writeUInt16LE(RECORD.openat, HEADER.type);
  record.writeUInt32LE(record.length, HEADER.length);
  record.writeUInt32LE(process.pid, HEADER.pid);
  record.writeInt32LE(3, OPEN.result);
  record.writeUInt32LE(name.length, OPEN.path_length);
  name.copy(record, OPEN.bytes);
  const event = new KernelEvent(Uint8Array.from(record).buffer, surroundings, paths);
  event.load(0);
  event.process = process;
  event.container = container;
  return event;
}

function watch(change: Partial<WatchOrder>) {
  const batches: Batch[] = [];
  const onTheWay = new Int32Array(new SharedArrayBuffer(4));
  const watches = new ActivityWatches((message) => {
    if (message.type === 'activity') batches.push(message);
  }, onTheWay);
  const order: WatchOrder = {
    ...{ id: 'one', projects: null, environment: null, workload: null, filter: '', arguments: true, form: 'lines' },
    ...change,
  };
  const why = watches.start(order);
  const flush = () => watches.flush(Date.now() + FLUSH_MS * 2);
  const lines = () => batches.flatMap(({ body }) => JSON.parse(body) as { about: string; arguments: string | null }[]);
  return { watches, batches, onTheWay, why, flush, lines };
}

test('who looks sees events of their projects that the condition holds for, and nobody else’s', () => {
  const { watches, flush, lines } = watch({ projects: ['tienda'], workload: 'web', filter: 'fd.name startswith /etc' });
  watches.take(opened('/etc/shadow'));
  watches.take(opened('/usr/lib/x'));
  watches.take(opened('/etc/shadow', reader, { ...web, project: 'other' }));
  watches.take(opened('/etc/shadow', reader, null));
  flush();
  assert.deepEqual(
    lines().map(({ about }) => about),
    ['/etc/shadow'],
  );
  watches.stop('one');
  assert.equal(watches.isEmpty, true);
});

test('without the right, neither a line nor a condition tells what was on a command line', () => {
  const { watches, batches, flush } = watch({ arguments: false });
  watches.take(opened('/etc/shadow'));
  flush();
  assert.doesNotMatch(JSON.stringify(batches), /secret/);
  for (const filter of [
    ...['proc.cmdline contains s', 'proc.aname = x or proc.acmdline[1] contains s', 'evt.arg.name = x'],
    ...['tolower(proc.args) contains s', 'proc.name = val(proc.cmdline)', 'proc.cmdlenargs > 3'],
    ...[
      'darsena.parent.cmdline contains s',
      'proc.env[TOKEN] startswith s',
      'proc.aargs contains s',
      'evt.buffer contains s',
      'evt.type = read and len(evt.buffer) > 3',
      'evt.type = write and evt.buffer.b64 startswith c',
      'proc.aargs[1] contains s',
    ],
  ])
    assert.match(watch({ arguments: false, filter }).why ?? '', /arguments/, filter);
  assert.notEqual(watch({ filter: 'proc.nmae = x' }).why, null);
});

test('what is too much is dropped and counted, and takes no memory', () => {
  const { watches, batches, onTheWay, flush, lines } = watch({});
  const event = opened('/etc/shadow');
  // Nobody takes the batches: eight are on their way, everything after them is only counted.
  for (let n = 0; n < 200_000; n++) watches.take(event);
  flush();
  assert.ok(batches.length <= 8, `${batches.length} batches`);
  const told = lines().length;
  assert.ok(told <= 12_000, `${told} lines`);
  Atomics.store(onTheWay, 0, 0);
  watches.flush(Date.now() + FLUSH_MS * 4);
  const [seen, dropped] = [0, 1].map((which) =>
    batches.reduce((sum, batch) => sum + (which === 0 ? batch.seen : batch.dropped), 0),
  );
  assert.equal(seen, 200_000);
  assert.equal(dropped, 200_000 - told);
});

test('who has room for less is shown less, and all the rest is counted', () => {
  const { watches, batches, flush, lines } = watch({ most: 200 });
  for (let n = 0; n < 5_000; n++) watches.take(opened('/etc/shadow'));
  flush();
  assert.equal(lines().length, 200);
  assert.deepEqual([batches[0]?.seen, batches[0]?.dropped], [5_000, 4_800]);
  const all = watch({ most: 1_000_000 });
  for (let n = 0; n < 20_000; n++) all.watches.take(opened('/etc/shadow'));
  all.flush();
  assert.ok(all.lines().length <= 12_000, 'not more than anybody is shown');
});

test('the agent takes a batch only from who says what it is', () => {
  const batch = { type: 'activity', watch: 'one', seen: 2, dropped: 1, body: [] };
  assert.deepEqual(readFromSensor(batch), batch);
  for (const change of [{ body: undefined }, { body: 7 }, { dropped: 3 }, { seen: -1 }, { seen: 1.5 }, { watch: 1 }])
    assert.equal(readFromSensor({ ...batch, ...change }), null, JSON.stringify(change));
});

async function* bytesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
}

function recordedFile(): Buffer {
  const { watches, batches, flush } = watch({ form: 'records' });
  for (const path of ['/etc/shadow', '/etc/passwd', '/etc/shadow']) watches.take(opened(path));
  flush();
  const writer = new CaptureWriter();
  const head = writer.begin({
    ...{ version: 1, host: 'h', startedAt: '2026-01-01T00:00:00.000Z', filter: '', projects: null },
    ...{ environment: null, workload: null, by: 'user:admin' },
  });
  const parts = batches.map(({ body, seen, dropped }) =>
    writer.batch(Buffer.from(JSON.parse(body) as string, 'base64'), { seen, dropped }),
  );
  return Buffer.concat([head, ...parts, writer.end({ endedAt: '2026-01-01T00:00:01.000Z', why: 'time' }).bytes]);
}

test('rules find in a recording what they find live, with processes, ancestors and containers', async () => {
  const text = `- rule: Shadow read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow and proc.pname = sh and darsena.workload = web
  output: read by %proc.cmdline of %proc.aname[1] as %user.name in %container.id
  priority: WARNING
`;
  const found = { events: 0, alerts: [] as ReplayAlert[] };
  await replayCapture(bytesOf(recordedFile()), RuleEngine.load([{ file: 'r', text }]), found);
  const { alerts } = found;
  assert.equal(found.events, 3);
  assert.deepEqual(
    alerts.map(({ eventNumber }) => eventNumber),
    [1, 3],
  );
  assert.match(alerts[0]?.output ?? '', /^read by cat --password=secret \/etc\/shadow of sh as root in a{12}/);
});

test('of a sealed recording that was cut or changed nothing is told, also of what stands before that', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sealed-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'act.dcap');
  const whole = recordedFile();
  writeFileSync(path, whole);
  assert.equal((await tryFilters(path, ['evt.num > 0'])).events, 3);
  writeFileSync(path, whole.subarray(0, -10));
  await assert.rejects(tryFilters(path, ['evt.num > 0']), { code: 'capture.corrupt' });
});

test('a recording that was cut or changed anywhere is refused, and so is one that lies about its lengths', async () => {
  const whole = recordedFile();
  const { sha256, end } = await readCapture(bytesOf(whole), () => undefined);
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.equal(end.events, 3);
  const refused = { name: 'FormatError', code: 'capture.corrupt' };
  for (const length of [10, 40, whole.length - 40, whole.length - 1])
    await assert.rejects(
      readCapture(bytesOf(whole.subarray(0, length)), () => undefined),
      refused,
    );
  for (let at = 0; at < whole.length; at += 7) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    await assert.rejects(
      readCapture(bytesOf(changed), () => undefined),
      refused,
      `byte ${at}`,
    );
  }
});
