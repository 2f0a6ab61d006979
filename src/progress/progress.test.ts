import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { defineFaults, openDatabase, silentLog, systemClock } from '../system/index.ts';
import { Operations, type ProgressTables, progressMigrations } from './index.ts';

const request = {
  kind: 'deploy',
  project: 'tienda',
  environment: 'dev',
  actor: 'user:ana',
  title: { en: 'Deploy', es: 'Desplegar' },
};
const fault = defineFaults({ 'test.refused': { kind: 'refused', en: { what: 'no' }, es: { what: 'no' } } });

async function open(t: TestContext) {
  const opened = await openDatabase<ProgressTables>('sqlite::memory:', progressMigrations);
  t.after(opened.close);
  return { db: opened.db, operations: new Operations({ db: opened.db, clock: systemClock, log: silentLog }) };
}

test('an operation keeps its steps, ends done, and a late reader sees all of it', async (t) => {
  const { operations } = await open(t);
  const { finished } = await operations.start(request, async ({ step }) => {
    const build = step({ en: 'Build', es: 'Construir' });
    build.step({ en: 'layer', es: 'capa' }).done();
    build.update({ done: 1, total: 2, unit: 'layers' });
    build.done();
    return { address: 'x' };
  });
  const { id } = await finished;
  const read = await operations.read(id);
  assert.equal(read.state, 'done');
  assert.deepEqual(read.result, { address: 'x' });
  assert.equal(read.steps.length, 2);
  assert.equal(read.steps[1]?.parent, read.steps[0]?.id);
});

test('the end of an operation is told once, after it was written down, however long the writing takes', async (t) => {
  const { db, operations } = await open(t);
  const told: string[] = [];
  operations.subscribe(({ state }) => told.push(state));
  let writeOn: () => void = () => undefined;
  const { finished } = await operations.start(request, async ({ step }) => {
    step({ en: 'Build', es: 'Construir' }).update({ done: 1 });
    // Somebody else's transaction holds the database when it ends.
    const held = new Promise<void>((resolve) => {
      writeOn = resolve;
    });
    void db.transaction().execute(() => held);
    return null;
  });
  await systemClock.sleep(250);
  assert.deepEqual(told, []);
  writeOn();
  await finished;
  assert.deepEqual(told, ['done']);
});

test('an end that a full disk does not take is read as it was, and written when there is room', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { db, operations } = await open(t);
  const { finished } = await operations.start(request, async () => {
    await db.schema.alterTable('progress_operations').renameTo('away').execute();
    throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
  });
  const { id, state, problem } = await finished;
  assert.deepEqual([state, problem?.en.code, problem?.en.status], ['failed', 'progress.disk-full', 507]);
  assert.equal((await operations.read(id)).state, 'failed');
  await db.schema.alterTable('away').renameTo('progress_operations').execute();
  const stored = async () => (await db.selectFrom('progress_operations').select('state').execute())[0]?.state;
  assert.equal(await stored(), 'running');
  t.mock.timers.tick(5_000);
  t.mock.timers.reset();
  for (let tries = 0; tries < 600 && (await stored()) !== 'failed'; tries += 1) await systemClock.sleep(100);
  assert.equal(await stored(), 'failed');
  assert.equal((await operations.read(id)).state, 'failed');
});

test('a refusal by policy is told as one, with its problem in both languages', async (t) => {
  const { operations } = await open(t);
  const { finished } = await operations.start(request, async ({ step }) => {
    step({ en: 'Judge', es: 'Juzgar' });
    throw fault('test.refused');
  });
  const ended = await finished;
  assert.equal(ended.state, 'refused');
  assert.equal(ended.problem?.es.code, 'test.refused');
  assert.equal(ended.steps[0]?.state, 'failed');
});

test('what a crash cut short is marked interrupted at the next start', async (t) => {
  const { db, operations } = await open(t);
  let release: () => void = () => undefined;
  const { operation, finished } = await operations.start(
    request,
    () =>
      new Promise((resolve) => {
        release = () => resolve(null);
      }),
  );
  const next = new Operations({ db, clock: systemClock, log: silentLog });
  await next.recover();
  assert.equal((await next.read(operation.id)).state, 'interrupted');
  release();
  await finished;
});

test('cancel() ends the work through its signal', async (t) => {
  const { operations } = await open(t);
  const { operation, finished } = await operations.start(request, ({ signal }) =>
    systemClock.sleep(60_000, signal).then(() => null),
  );
  operations.cancel(operation.id, 'user:ana');
  assert.equal((await finished).state, 'cancelled');
});
