import assert from 'node:assert/strict';
import { type Duplex, duplexPair, PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { ApiApp } from '../../access/index.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { encodeFrame, FRAME } from '../link/session.ts';
import { type ActivityParts, registerActivityRoutes } from './activity.ts';

type Handler = (request: object, reply: object) => Promise<void>;

/** The routes over one host whose sensor answers at once and then shows nothing. */
function routes() {
  const handlers = new Map<string, Handler>();
  const streams: Duplex[] = [];
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
    /** A request whose client has gone away already, or goes when the answer begins. */
    ask(url: string, isGone: boolean): Promise<void> | undefined {
      const raw = Object.assign(new PassThrough(), {
        writeHead: () => {
          if (!isGone) setImmediate(() => raw.destroy());
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
