import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deployOperation } from '../../console/dev/mock-data.ts';
import { type ConsoleGround, missingConsoleParts, openConsole, type Visit, visit } from './console-ground.ts';

const missing = missingConsoleParts();

/** Runs in the page: its frames, and the tasks that kept it from answering for longer than 50 ms, as the browser counts them. */
const WATCH = `(async (lastingMs) => {
  const longTasks = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration));
  });
  observer.observe({ type: 'longtask' });
  let frames = 0;
  for (const until = performance.now() + lastingMs; performance.now() < until; frames += 1)
    await new Promise((resolve) => requestAnimationFrame(resolve));
  observer.disconnect();
  return { frames, longTasks, text: document.querySelector('.live-counts')?.textContent ?? '' };
})`;

describe('the live console', { skip: missing ?? false, timeout: 240_000 }, () => {
  let ground: ConsoleGround;
  before(async () => {
    ground = await openConsole();
  });
  after(() => ground.close());

  async function withVisit(options: Parameters<typeof visit>[1], act: (visitor: Visit) => Promise<void>) {
    const visitor = await visit(ground, options);
    try {
      await act(visitor);
      assert.deepEqual(visitor.troubles, []);
    } finally {
      await visitor.close();
    }
  }

  function makeFact({ mock }: Visit, step: number, subject = `tienda/live:${step}`) {
    const newest = mock.data.facts[0];
    assert.ok(newest);
    return {
      ...newest,
      seq: newest.seq + step,
      id: `live-${step}`,
      at: new Date().toISOString(),
      kind: 'image.pushed',
      actor: 'user:ana',
      subject,
    };
  }

  /** The real server holds the fact before it tells it; so does the stand-in. */
  function tell(visitor: Visit, fact: ReturnType<typeof makeFact>) {
    const { mock } = visitor;
    mock.data.overview = { ...mock.data.overview, changes: [fact, ...mock.data.overview.changes].slice(0, 20) };
    mock.emit('fact', fact, fact.seq);
  }

  async function waitForStream({ page }: Visit) {
    await page.waitForResponse((response) => response.url().includes('/api/v1/events'));
    await page.waitForTimeout(150);
  }

  test('a fact appears the moment it happens', () =>
    withVisit({}, async (visitor) => {
      const { page, mock } = visitor;
      const stream = waitForStream(visitor);
      await page.goto(mock.url);
      await stream;
      tell(visitor, makeFact(visitor, 1));
      await page.getByText('tienda/live:1').waitFor();
    }));

  test('ten thousand events a second do not hold up the page, and what is not shown is counted', (t) =>
    withVisit({}, async (visitor) => {
      const { page, mock } = visitor;
      await page.goto(`${mock.url}/live?q=flood`);
      await page.getByText(/\d not shown/).waitFor();
      t.diagnostic(JSON.stringify(await page.evaluate(`${WATCH}(1500)`)));
      assert.ok((await page.getByRole('log').getByRole('row').count()) <= 201);
      await page.getByRole('button', { name: 'Hold still' }).click();
      // From then on it is held: what came before the click may have been shown after it.
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      const first = page.getByRole('log').getByRole('row').nth(1);
      const held = await first.textContent();
      await page.waitForTimeout(500);
      assert.equal(await first.textContent(), held);
      await page.getByRole('button', { name: 'Go on' }).click();
      await first.filter({ hasNotText: held ?? '' }).waitFor();
    }));

  test('rows gather behind a count while the reader is further down, and the list does not move', () =>
    withVisit({ height: 500 }, async (visitor) => {
      const { page, mock } = visitor;
      const stream = waitForStream(visitor);
      await page.goto(`${mock.url}/audit`);
      await stream;
      const row = page.getByRole('row', { name: /4196/ });
      await row.waitFor();
      // Two frames later the page knows that it was scrolled.
      await page.evaluate(
        'new Promise((done) => { window.scrollTo(0, 300); requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))); })',
      );
      const before = await row.boundingBox();
      for (let step = 1; step <= 14; step += 1) tell(visitor, makeFact(visitor, step));
      await page.getByRole('button', { name: '14 new' }).waitFor();
      assert.deepEqual(await row.boundingBox(), before);
      // As a hand does: Playwright's own click first scrolls to where a sticky element stood (Chromium 156), and so to the top.
      const button = await page.getByRole('button', { name: '14 new' }).boundingBox();
      assert.ok(button !== null && button.y >= 0 && button.y + button.height <= 500, 'the count is in sight');
      await page.mouse.click(button.x + button.width / 2, button.y + button.height / 2);
      await page.getByText('tienda/live:14').waitFor();
    }));

  test('a deploy shows its steps moving until it is done', () =>
    withVisit({}, async ({ page, mock }) => {
      const operation = deployOperation(0.2);
      mock.data.operations = [operation];
      await page.goto(`${mock.url}/operations/${operation.id}`);
      await page.getByText('Push to the registry').waitFor();
      assert.equal(await page.getByText(/62 MB of 62 MB/).count(), 0);
      mock.data.operations = [deployOperation(0.25)];
      await page.getByText(/31 MB of 62 MB/).waitFor();
      mock.data.operations = [deployOperation(1)];
      await page.locator('.page-title').getByText('done').waitFor();
      await page.getByRole('link', { name: 'https://web-tienda-dev.localhost' }).waitFor();
    }));

  test('replicas tick in place', () =>
    withVisit({}, async (visitor) => {
      const { page, mock } = visitor;
      const stream = waitForStream(visitor);
      await page.goto(`${mock.url}/projects/tienda/workloads`);
      await stream;
      const row = page.getByRole('row', { name: /worker/ }).last();
      await row.getByText('1/2').waitFor();
      const worker = mock.data.workloads.find((item) => item.name === 'worker' && item.environment === 'prod');
      mock.emit('workload', { ...worker, ready: 2, phase: 'available' });
      await row.getByText('2/2').waitFor();
      await row.getByText('available').waitFor();
    }));

  test('an event that only says that something changed makes the page read it again', () =>
    withVisit({}, async (visitor) => {
      const { page, mock } = visitor;
      const stream = waitForStream(visitor);
      await page.goto(`${mock.url}/projects/tienda/workloads`);
      await stream;
      const row = page.getByRole('row', { name: /worker/ }).last();
      await row.getByText('1/2').waitFor();
      mock.data.workloads = mock.data.workloads.map((item) => ({ ...item, ready: item.wanted, phase: 'available' }));
      mock.emit('workload', { key: { project: 'tienda', environment: 'prod', name: 'worker' }, ready: 2 });
      mock.emit('status', {});
      await row.getByText('2/2').waitFor();
    }));

  test('a lost connection is said, and resumes after the last fact without a gap', () =>
    withVisit({}, async (visitor) => {
      const { page, mock } = visitor;
      const stream = waitForStream(visitor);
      await page.goto(mock.url);
      await stream;
      tell(visitor, makeFact(visitor, 1));
      await page.getByText('tienda/live:1').waitFor();
      const resumed = page.waitForRequest(
        (request) =>
          request.url().includes('/events') &&
          (request.url().includes('after=4210') || request.headers()['last-event-id'] === '4210'),
        { timeout: 20_000 },
      );
      mock.dropStreams(true);
      await page.getByText(/Connection lost/).waitFor();
      // What happened while nobody listened is found when the page reads again.
      const missed = makeFact(visitor, 2, 'tienda/missed');
      mock.data.overview = { ...mock.data.overview, changes: [missed, ...mock.data.overview.changes] };
      await resumed;
      mock.dropStreams(false);
      await page.getByText(/Connection lost/).waitFor({ state: 'hidden', timeout: 20_000 });
      await page.getByText('tienda/missed').waitFor();
    }));

  test('a thousand facts a second leave the page usable', (t) =>
    withVisit({}, async (visitor) => {
      const { page, mock } = visitor;
      const stream = waitForStream(visitor);
      await page.goto(`${mock.url}/audit`);
      await stream;
      await page.getByRole('row', { name: /4196/ }).waitFor();
      await page.evaluate(`
        window.longTasks = [];
        new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => Math.round(entry.duration)))).observe({ type: 'longtask' });
      `);
      let step = 0;
      for (let tick = 0; tick < 30; tick += 1) {
        for (let each = 0; each < 100; each += 1) {
          step += 1;
          const fact = makeFact(visitor, step);
          mock.emit('fact', fact, fact.seq);
        }
        await page.waitForTimeout(100);
      }
      await page.getByText(`tienda/live:${step}`, { exact: true }).waitFor();
      const tasks = await page.evaluate<number[]>('window.longTasks');
      t.diagnostic(`${step} facts in about 3 s: ${tasks.length} tasks over 50 ms, longest ${Math.max(0, ...tasks)} ms`);
    }));
});
