import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type KeptQuestion, lastKept, tryKept } from '../../detect/try-kept.ts';
import {
  CALL,
  type ContainerFacts,
  EVENT_NAMES,
  EXEC,
  HEADER,
  KernelEvent,
  PathNames,
  RECORD,
  RECORD_FLAG,
  unknownProcess,
} from '../../events/index.ts';
import { silentLog } from '../../system/index.ts';
import { EventKeeper } from '../sensor/keeper.ts';
import type { FromWorker } from '../sensor/messages.ts';
import { KEPT_DAYS_MAX, KeptEvents } from './kept-events.ts';
import { type KeptBatch, readFromSensor } from './sensor-reader.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-06-01T12:00:00Z');
const RULE = `- rule: Shell
  desc: d
  condition: evt.type = execve and proc.name = bash
  output: shell %proc.name %proc.cmdline
  priority: NOTICE
`;
const question: KeptQuestion = {
  draft: { file: 'draft.yaml', text: RULE, scope: { project: null, environment: null } },
  ...{ rules: [], sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER },
  ...{ projects: null, environment: null, workload: null },
};
/** One for all: it holds room for thousands of names. */
const paths = new PathNames();
const ground = { files: [], tunings: [], deadlineMs: 60_000 };

/** A program started in a container of a project. */
function exec(name: string, atMs: number, project = 'tienda', id = 'a'.repeat(64)): KernelEvent {
  const memory = new ArrayBuffer(EXEC.bytes);
  const view = new DataView(memory);
  view.setUint16(HEADER.type, RECORD.exec, true);
  view.setUint32(HEADER.length, EXEC.bytes, true);
  return eventOf(memory, name, atMs, project, id);
}

const WRITER = unknownProcess(7, 1, 'sh');

/** A call of which somebody asks for the bytes. */
function moving(call: string, atMs: number): KernelEvent {
  const memory = new ArrayBuffer(CALL.bytes + 8);
  const view = new DataView(memory);
  view.setUint16(HEADER.type, EVENT_NAMES.indexOf(call), true);
  view.setUint16(HEADER.flags, RECORD_FLAG.content, true);
  view.setUint32(HEADER.length, CALL.bytes + 8, true);
  const event = eventOf(memory, 'sh', atMs, 'tienda', 'a'.repeat(64));
  event.process = WRITER;
  return event;
}

function eventOf(memory: ArrayBuffer, name: string, atMs: number, project: string, id: string): KernelEvent {
  new DataView(memory).setUint32(HEADER.pid, 7, true);
  const around = {
    ...{ parentOf: () => undefined, processOf: () => undefined, userName: () => null, groupName: () => null },
    ...{ ask: () => null, wallOffsetNs: atMs * 1e6, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(memory, around, paths);
  event.load(0);
  event.process = { ...unknownProcess(7, 1, name), exePath: `/bin/${name}`, args: ['-c', 'id'] };
  const container: ContainerFacts = {
    ...{ id, name: 'c', project, environment: 'dev', workload: 'web', pod: 'web-1', container: 'web' },
    ...{ image: null, digest: null },
  };
  event.container = container;
  return event;
}

/** Batches as the agent reads them from its sensor. */
function keep(events: readonly (readonly KernelEvent[])[]): KeptBatch[] {
  const batches: KeptBatch[] = [];
  const say = (message: FromWorker): void => {
    const read = readFromSensor(JSON.parse(JSON.stringify(message)));
    assert.ok(read !== null && read.type === 'kept');
    batches.push(read);
  };
  const keeper = new EventKeeper(say, new Int32Array(new SharedArrayBuffer(4)));
  for (const group of events) {
    for (const event of group) {
      keeper.flush(event.wallTimeNs / 1e6);
      keeper.take(event);
    }
    keeper.end();
  }
  return batches;
}

async function open(t: TestContext, bytesMax?: { others: number; opens: number }) {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-kept-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let nowMs = START_MS;
  let aheadMs = 0;
  const clock = {
    now: () => new Date(nowMs + aheadMs),
    monotonicMs: () => nowMs,
    sleep: async () => undefined,
    aged: () => new Date(nowMs),
  };
  const reopen = () =>
    KeptEvents.open({ folder, clock, log: silentLog, ...(bytesMax === undefined ? {} : { bytesMax }) });
  const kept = await reopen();
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  /** The clock is set, and is not believed yet where something would be deleted for its age. */
  const set = (ms: number): void => {
    aheadMs = ms;
  };
  return { folder, kept, pass, reopen, set };
}

test('a rule tried on what a host kept finds it in its time and place, and nothing of other projects', async (t) => {
  const { folder, kept } = await open(t);
  const batches = keep([
    [exec('bash', START_MS), exec('ls', START_MS + 1), exec('bash', START_MS + 2, 'otra')],
    [exec('bash', START_MS + 24 * HOUR_MS)],
  ]);
  for (const batch of batches) kept.add(batch);
  await kept.settled();
  const all = tryKept(question, { folder, ...ground });
  assert.deepEqual([all.events, all.missing, all.damaged, all.stoppedAt], [4, 0, 0, null]);
  assert.equal(all.from, new Date(START_MS).toISOString());
  assert.deepEqual(
    all.counts.map(({ project, day, matches }) => [project, day, matches]),
    [
      ['tienda', '2026-06-01', 1],
      ['otra', '2026-06-01', 1],
      ['tienda', '2026-06-02', 1],
    ],
  );
  assert.match(all.examples[0]?.output ?? '', /shell bash/);
  const own = tryKept({ ...question, projects: ['tienda'], sinceMs: START_MS + HOUR_MS }, { folder, ...ground });
  assert.deepEqual([own.events, own.counts.map(({ matches }) => matches)], [1, [1]]);
});

test('a container that floods loses its own events, not those of others, and they are counted', async (t) => {
  const { folder, kept } = await open(t);
  const flood = Array.from({ length: 5_000 }, () => exec('sh', START_MS));
  const batches = keep([[...flood, exec('bash', START_MS, 'tienda', 'b'.repeat(64))]]);
  for (const batch of batches) kept.add(batch);
  await kept.settled();
  const { events, missing, counts } = tryKept(question, { folder, ...ground });
  assert.deepEqual([events, missing, counts.length], [4_001, 1_000, 1]);
  // Who may see one project is not told how much there was of the others, only that not all of it is there.
  const one = tryKept({ ...question, projects: ['otra'] }, { folder, ...ground });
  assert.deepEqual([one.events, one.missing, one.bytes, one.lossy], [0, null, null, true]);
});

test('calls whose bytes are asked for push out nothing else, and a rule on bytes is said to find nothing here', async (t) => {
  const { folder, kept } = await open(t);
  const flood = Array.from({ length: 4_500 }, () => moving('write', START_MS));
  const batches = keep([[...flood, moving('read', START_MS), exec('bash', START_MS)]]);
  for (const batch of batches) kept.add(batch);
  await kept.settled();
  const { events, missing, counts } = tryKept(question, { folder, ...ground });
  assert.deepEqual([events, missing, counts.length], [4_001, 500, 1]);
  const text = RULE.replace('evt.type = execve and proc.name = bash', 'evt.type = write and evt.buffer contains x');
  const onBytes = tryKept(
    { ...question, draft: { file: 'draft.yaml', text, scope: { project: null, environment: null } } },
    { folder, ...ground },
  );
  assert.deepEqual([onBytes.counts.length, onBytes.findings.length], [0, 0]);
  assert.match(onBytes.rules[0]?.off ?? '', /evt\.buffer/);
});

test('the last of one container are told, oldest first, and how many are not among them', async (t) => {
  const { folder, kept } = await open(t);
  const other = 'b'.repeat(64);
  const events = [
    exec('sh', START_MS),
    exec('id', START_MS + 1_000),
    exec('bash', START_MS + 2_000, 'tienda', other),
    exec('cat', START_MS + 3_000),
    exec('late', START_MS + 9_000),
  ];
  const containerId = events[0]?.container?.id ?? '';
  // One batch has one clock.
  for (const batch of keep(events.map((event) => [event]))) kept.add(batch);
  await kept.settled();
  const ask = { containerId, sinceMs: START_MS, untilMs: START_MS + 5_000, most: 10, lengthMax: 100_000 };
  const names = (lines: readonly string[]): string[] =>
    lines.map((line) => (JSON.parse(line) as { process: string }).process);
  const all = lastKept(ask, { folder, deadlineMs: 60_000 });
  assert.deepEqual([names(all.lines), all.left, all.missing, all.damaged], [['sh', 'id', 'cat'], 0, 0, 0]);
  const two = lastKept({ ...ask, most: 2 }, { folder, deadlineMs: 60_000 });
  assert.deepEqual([names(two.lines), two.left], [['id', 'cat'], 1]);
  const none = lastKept({ ...ask, lengthMax: 10 }, { folder, deadlineMs: 60_000 });
  assert.deepEqual([none.lines, none.left], [[], 3]);
});

test('what is too much for the time is answered from its newest back, in order, and it is said from when on', async (t) => {
  const { folder, kept } = await open(t);
  const groups = Array.from({ length: 40 }, (_, group) =>
    Array.from({ length: 50 }, (_, at) => exec(at === 0 ? 'bash' : 'ls', START_MS + group * 5_000)),
  );
  for (const group of groups) {
    for (const batch of keep([group])) kept.add(batch);
    await kept.settled();
  }
  // Five in a row of half a minute: only events that are read in their order make it hold.
  const text = `${RULE}  times: 5\n  within: 25s\n`;
  const draft = { file: 'draft.yaml', text, scope: { project: null, environment: null } };
  let nowMs = 0;
  const slow = (step: number) => () => {
    nowMs += step;
    return nowMs;
  };
  const short = { folder, ...ground, deadlineMs: 200 };
  const some = tryKept({ ...question, draft }, short, slow(4));
  const from = Date.parse(some.completeFrom ?? '');
  const after = groups.flat().filter(({ wallTimeNs }) => wallTimeNs / 1e6 >= from).length;
  assert.deepEqual([some.events, some.stoppedAt, some.from], [after, null, new Date(START_MS).toISOString()]);
  assert.ok(after >= 300 && after < 1_500, `${after}`);
  assert.ok((some.counts[0]?.matches ?? 0) >= 1);
  const whole = tryKept(question, { ...short, deadlineMs: 60_000 }, slow(4));
  assert.deepEqual([whole.events, whole.completeFrom, whole.stoppedAt], [2_000, null, null]);
  // It ends also when nothing of what it reads is asked for.
  for (const projects of [null, ['nadie']]) {
    const { stoppedAt, events } = tryKept({ ...question, projects }, short, slow(500));
    assert.ok(stoppedAt !== null && events < 300, `${events}`);
  }
});

test('what is kept is bounded in bytes and days, and outlives the agent', async (t) => {
  const { folder, kept, pass, reopen, set } = await open(t, { others: 3_000, opens: 3_000 });
  for (let hour = 0; hour < 8; hour++) {
    for (const batch of keep([[exec('bash', START_MS + hour * HOUR_MS)]])) kept.add(batch);
    await kept.settled();
    pass(HOUR_MS);
  }
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const bytes = sizes.reduce((sum, one) => sum + one, 0);
  assert.ok(names.length > 1 && names.length < 8 && bytes <= 3_000 && bytes === kept.bytes, `${names.length} ${bytes}`);
  // The agent was killed while it wrote.
  await appendFile(join(folder, names.sort().at(-1) ?? ''), Buffer.from('dkb1 and no more'));
  const again = await reopen();
  assert.equal(tryKept(question, { folder, ...ground }).events, names.length);
  set(800 * 24 * HOUR_MS);
  await again.tidy();
  assert.equal((await readdir(folder)).length, names.length, 'while the clock is years ahead');
  set(0);
  pass((KEPT_DAYS_MAX + 1) * 24 * HOUR_MS);
  for (const batch of keep([[exec('bash', START_MS)]])) again.add(batch);
  await again.settled();
  assert.equal((await readdir(folder)).length, 1);
  await again.forget();
  assert.deepEqual(await readdir(folder), []);
});

test('a part that rotted is counted and the rest is read', async (t) => {
  const { folder, kept } = await open(t);
  const [first, second] = keep([[exec('bash', START_MS)], [exec('bash', START_MS + 1)]]);
  assert.ok(first !== undefined && second !== undefined);
  kept.add({ ...first, body: Buffer.from('no batch at all').toString('base64') });
  kept.add(second);
  await kept.settled();
  const { damaged, events } = tryKept(question, { folder, ...ground });
  assert.deepEqual([damaged, events], [1, 1]);
});

test('what comes after half a block, a disk without room or a file that is gone is read', async (t) => {
  const { folder, kept, reopen } = await open(t);
  const [first, second, third] = keep([1, 2, 3].map((n) => [exec('bash', START_MS + n)]));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  kept.add(first);
  await kept.settled();
  const [name] = await readdir(folder);
  await appendFile(join(folder, name ?? ''), Buffer.from('dkb1 and no more'));
  const again = await reopen();
  again.add(second);
  await again.settled();
  await symlink('nowhere', join(folder, 'others-1000000000000.kept'));
  const { events, damaged } = tryKept(question, { folder, ...ground });
  assert.deepEqual([events, damaged], [2, 1]);
  await rm(folder, { recursive: true });
  const fresh = await reopen();
  await rm(folder, { recursive: true });
  fresh.add(first);
  await fresh.settled();
  await mkdir(folder);
  fresh.add(third);
  await fresh.settled();
  const after = tryKept(question, { folder, ...ground });
  assert.deepEqual([after.events, after.missing], [1, 1]);
  // Nor does it keep the agent from its start.
  await rm(folder, { recursive: true });
  await writeFile(folder, 'no folder');
  const without = await reopen();
  without.add(first);
  await without.settled();
  assert.equal(without.bytes, 0);
});

test('a file that only changes a rule of others is tried by that rule', async (t) => {
  const { folder, kept } = await open(t);
  for (const batch of keep([[exec('bash', START_MS), exec('bash', START_MS + 1, 'otra')]])) kept.add(batch);
  await kept.settled();
  const text = `- rule: Shell
  condition: and container.id startswith a
  override:
    condition: append
`;
  const draft = { file: 'narrow.yaml', text, scope: { project: null, environment: null } };
  const files = [{ file: 'shipped/a.yaml', text: RULE }];
  const { rules, counts } = tryKept({ ...question, draft }, { folder, ...ground, files });
  assert.deepEqual(
    rules.map(({ name }) => name),
    ['Shell'],
  );
  assert.deepEqual(
    counts.map(({ rule, project }) => [rule, project]),
    [
      ['Shell', 'tienda'],
      ['Shell', 'otra'],
    ],
  );
});
