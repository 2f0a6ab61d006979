import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Duplex, duplexPair, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { ApiApp } from '../../access/index.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { encodeFrame, FRAME } from '../link/session.ts';
import { type ActivityParts, registerActivityRoutes } from './activity.ts';

type Handler = (request: object, reply: object) => Promise<void>;

/** The routes over one host whose sensor answers at once and then shows nothing. */
function routes() {
  const handlers = new Map<string, Handler>();
  const streams: Duplex[] = [];
  const farEnds: Duplex[] = [];
  const app = { route: ({ url, handler }: { url: string; handler: Handler }) => void handlers.set(url, handler) };
  const parts = {
    hosts: {
      views: () => [{ name: 'h1', state: 'connected' }],
      only: () => 'h1',
      expectSession() {
        const [near, far] = duplexPair();
        near.on('close', () => far.destroy());
        far.write(encodeFrame(FRAME.stdout, JSON.stringify({ missing: [] })));
        streams.push(near);
        farEnds.push(far);
        return { session: 's', stream: Promise.resolve(near), forget: () => undefined };
      },
      run: () => new Promise(() => undefined),
    },
    journal: { record: async () => undefined, committed: () => undefined },
    db: { transaction: () => ({ execute: (work: (tx: object) => Promise<void>) => work({}) }) },
    ...{ clock: systemClock, log: silentLog, watch: () => () => undefined },
  };
  registerActivityRoutes(app as unknown as ApiApp, parts as unknown as ActivityParts);
  const principal = { actor: 'user:ana', name: 'ana', grants: [{ role: 'admin', project: '*' }] };
  return {
    streams,
    farEnds,
    /** What a client of a live look gets, which reads no more than it is asked to. */
    look(): { readonly raw: PassThrough; readonly done: Promise<void> | undefined } {
      const raw = Object.assign(new PassThrough(), { writeHead: () => undefined });
      const query = { filter: '', seconds: 3_600, bytes: 65_536 };
      return { raw, done: handlers.get('/api/v1/activity')?.({ principal, query }, { raw, hijack: () => undefined }) };
    },
    /** A request whose client has gone away already, or goes when the answer begins. */
    ask(url: string, isGone: boolean): Promise<void> | undefined {
      const raw = Object.assign(new PassThrough(), {
        writeHead: () => {
          if (!isGone) void setImmediate().then(() => raw.destroy());
        },
      });
      if (isGone) raw.destroy();
      const query = { filter: '', seconds: 3_600, bytes: 65_536 };
      return handlers.get(url)?.({ principal, query }, { raw, hijack: () => undefined });
    },
  };
}

test('who went away looks no more, even before the answer began: looks do not run out, and no host goes on showing', async () => {
  const { streams, ask } = routes();
  for (let n = 0; n < 20; n++)
    for (const url of ['/api/v1/activity', '/api/v1/activity/capture']) await ask(url, n % 2 === 0);
  assert.equal(streams.length, 40);
  assert.ok(streams.every(({ destroyed }) => destroyed));
});

/** What a sensor hands on each tenth of a second at ten thousand events a second. */
function batchOf(events: number, first: number, dropped = 0): Buffer {
  const lines = Array.from({ length: events }, (_, i) => ({
    ...{ at: '2026-11-23T00:00:00.000Z', type: 'openat', project: 'p', environment: 'dev', workload: 'w', pod: 'w-1' },
    ...{ container: 'w', pid: first + i, process: 'node', parent: 'sh', exe: '/usr/bin/node', uid: 0 },
    ...{ about: `/srv/data/file-${first + i}`, result: '5', arguments: 'flags=O_RDONLY' },
  }));
  const counts = Buffer.alloc(8);
  counts.writeUInt32BE(events + dropped, 0);
  counts.writeUInt32BE(dropped, 4);
  return encodeFrame(FRAME.data, Buffer.concat([counts, Buffer.from(JSON.stringify(lines))]));
}

/** Reads what a look is told, as it comes, and adds it up. */
function adder(raw: PassThrough) {
  const sum = { seen: 0, dropped: 0, came: 0 };
  let rest = '';
  raw.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      if (!block.startsWith('event: activity')) continue;
      const told = JSON.parse(block.slice(block.indexOf('data: ') + 6)) as {
        seen: number;
        dropped: number;
        events: object[];
      };
      sum.seen += told.seen;
      sum.dropped += told.dropped;
      sum.came += told.events.length;
    }
  });
  return sum;
}

test('ten thousand events a second: who reads gets all of them, who does not gets a counted gap, and control holds little of it', {
  timeout: 120_000,
}, async () => {
  const { farEnds, look } = routes();
  const [quick, slow] = [look(), look()];
  const heard = adder(quick.raw);
  while (farEnds.length < 2) await setImmediate();
  const [batches, each] = [30, 1_000];
  let most = 0;
  for (let n = 0; n < batches; n++) {
    const batch = batchOf(each, n * each);
    for (const far of farEnds) if (!far.write(batch)) await once(far, 'drain');
    while (heard.seen < (n + 1) * each) await setImmediate();
    most = Math.max(most, slow.raw.writableLength + slow.raw.readableLength);
  }
  assert.deepEqual(heard, { seen: batches * each, dropped: 0, came: batches * each });
  assert.ok(most < 2 * 1024 * 1024, `${most} bytes waited for who does not read`);
  // It reads again: what comes next says how many are missing.
  const late = adder(slow.raw);
  while (slow.raw.writableLength + slow.raw.readableLength > 0) await setImmediate();
  for (const far of farEnds) far.write(batchOf(10, batches * each));
  while (late.seen < batches * each + 10) await setImmediate();
  assert.equal(late.seen, batches * each + 10);
  assert.equal(late.came + late.dropped, late.seen);
  assert.ok(late.dropped > 0 && late.came >= each, JSON.stringify(late));
  for (const { raw, done } of [quick, slow]) {
    raw.destroy();
    await done;
  }
});
