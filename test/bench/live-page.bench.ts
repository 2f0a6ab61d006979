/**
 * The page of live activity under a real flood: a container opens files so many times a second, the sensor as it ships sees them, and the
 * console as it is built shows them in Chromium. Told are the events that the page says came, its frames, and the tasks that kept it from
 * answering for more than 50 ms, as the browser counts them. Goals: the page is told of all, and no task is longer than 50 ms.
 * Needs root, BPF, podman, runc, busybox-static, gcc, Chromium, and the built console (npm run build:console).
 *
 *   ./darsena-node --disable-warning=ExperimentalWarning test/bench/live-page.bench.ts [events a second] [seconds]
 */
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { SHIPPED_RULES } from '../real/observe-ground.ts';
import { HostGround, missingHostParts } from './host-ground.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const BUILT = join(import.meta.dirname, '../../console/dist/index.html');
const why = missingHostParts() || (existsSync(CHROMIUM) && existsSync(BUILT) ? false : 'no Chromium, or no console');
if (why !== false) {
  console.log(`cannot be measured here: ${why}`);
  process.exit(0);
}
const rate = Number(process.argv[2] ?? 10_000);
const seconds = Number(process.argv[3] ?? 20);
const WARM_SECONDS = 4;

interface Watched {
  readonly frames: number;
  readonly longestFrameMs: number;
  readonly p99FrameMs: number;
  readonly longTasks: readonly number[];
  readonly rates: readonly string[];
  readonly counts: string;
}

/** Runs in the page. */
const WATCH = `(async (lastingMs) => {
  const longTasks = [], rates = [], gaps = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration));
  });
  observer.observe({ type: 'longtask' });
  const began = performance.now();
  let last = began;
  while (last < began + lastingMs) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const now = performance.now();
    gaps.push(now - last);
    if (Math.floor((now - began) / 1000) > Math.floor((last - began) / 1000))
      rates.push(document.querySelector('.live-counts span')?.textContent ?? '');
    last = now;
  }
  observer.disconnect();
  gaps.sort((a, b) => a - b);
  const [longestFrameMs, p99FrameMs] = [gaps.at(-1), gaps[Math.floor(gaps.length * 0.99)]].map((ms) => Math.round(ms ?? 0));
  const counts = document.querySelector('.live-counts')?.textContent ?? '';
  return { frames: gaps.length, longestFrameMs, p99FrameMs, longTasks, rates, counts };
})`;

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the thread's own processor time. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** What each task of the page took of the processor, in milliseconds, longest first: what others took of it does not count. */
function tasksOf(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString('utf8')) as { traceEvents: TraceEvent[] };
  const mains = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return traceEvents
    .filter(({ name, pid, tid }) => /RunTask$/.test(name) && mains.has(`${pid} ${tid}`))
    .map(({ tdur = 0 }) => tdur / 1_000)
    .sort((a, b) => b - a);
}

const host = await HostGround.start(() => [SHIPPED_RULES]);
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
});
try {
  const { control, ground, container, token } = host;
  host.addProgram('flood');
  const context = await browser.newContext({
    ...{ ignoreHTTPSErrors: true, reducedMotion: 'reduce', viewport: { width: 1280, height: 900 } },
    extraHTTPHeaders: { authorization: `Bearer ${token}` },
  });
  await context.addInitScript("localStorage.setItem('darsena.language', 'en')");
  const page = await context.newPage();
  await page.goto(`https://localhost:${control.port}/live?q=${encodeURIComponent('evt.type in (open, openat)')}`);
  await page.getByLabel('New password').fill('a sentence for a bench');
  await page.getByLabel('Repeat the password').fill('a sentence for a bench');
  await page.getByRole('button', { name: 'Save and continue' }).click();
  await page.getByText('Hold still').waitFor({ timeout: 60_000 });
  const acting = ground.podmanOutput(
    ...['exec', container, '/flood', 'open', String(rate), String(seconds + WARM_SECONDS + 2), '1'],
  );
  await setTimeout(WARM_SECONDS * 1_000);
  const load = loadavg()[0]?.toFixed(1);
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
  const told = await page.evaluate<Watched>(`${WATCH}(${seconds * 1_000})`);
  const ownMs = tasksOf(await browser.stopTracing());
  const [made = '', , took = ''] = (await acting).split(' ');
  console.log(`${Math.round(Number(made) / Number(took))} opens a second were made; load ${load}`);
  console.log(`the page said: ${told.rates.join('; ')}; at last: ${told.counts}`);
  console.log(
    `processor time of the page's tasks: the longest ${ownMs
      .slice(0, 5)
      .map((ms) => ms.toFixed(0))
      .join(', ')} ms, of ${ownMs.length}`,
  );
  console.log(
    `${(told.frames / seconds).toFixed(0)} frames a second, of 100 all but one within ${told.p99FrameMs} ms, the longest ${told.longestFrameMs} ms; tasks above 50 ms: ${told.longTasks.length === 0 ? 'none' : told.longTasks.join(', ')}`,
  );
} finally {
  await browser.close();
  await host.close();
}
process.exit(0);
