import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiApp } from '../access/index.ts';
import { registerRunRoutes } from './run-routes.ts';

type Handler = (request: object, reply: object) => Promise<unknown>;

/** What the host says of the run, at one look after the other; the last word stands. */
function asked(looks: readonly (object | null)[], joined: boolean) {
  const run = { project: 'tienda', environment: 'dev', name: 'night' };
  const seen = { looks: 0 };
  const deployments = {
    statuses() {
      const look = looks[Math.min(seen.looks, looks.length - 1)] ?? null;
      seen.looks += 1;
      return look === null ? [] : [{ key: run, conditions: [], replicas: [], ...look }];
    },
    isWanted: async () => seen.looks < looks.length,
  };
  const handlers: Handler[] = [];
  const app = {
    route: ({ url, method, handler }: { url: string; method: string; handler: Handler }) => {
      if (method === 'POST' && url.endsWith('/runs')) handlers.push(handler);
    },
  };
  registerRunRoutes(app as unknown as ApiApp, { deployments, runs: {}, starter: { run: async () => run } } as never);
  const principal = { actor: 'user:ana', name: 'ana', grants: [{ role: 'admin', project: '*' }] };
  const answer = handlers[0]?.(
    { params: { project: 'tienda' }, body: { name: 'night', image: 'tienda/web', joined }, principal },
    { code: () => ({ send: (body: unknown) => body }) },
  );
  return { answer, seen };
}

const container = (state: string) => ({ replicas: [{ containers: [{ state }] }] });

test('a run that is left to itself is answered when it has begun, and one that is joined at once', async () => {
  for (const state of ['running', 'exited']) {
    const { answer, seen } = asked([null, container('created'), container(state)], false);
    assert.deepEqual(await answer, { project: 'tienda', environment: 'dev', name: 'night' });
    assert.equal(seen.looks, 3);
  }
  const joined = asked([null], true);
  await joined.answer;
  assert.equal(joined.seen.looks, 0);
});

test('a run that does not start says why, and one that is gone already is no mistake', async () => {
  const text = { en: 'the program is not in the image', es: 'el programa no está en la imagen' };
  const refused = asked([null, { conditions: [{ type: 'start-failed', text }] }], false);
  await assert.rejects(refused.answer as Promise<unknown>, {
    code: 'deploy.not-started',
    message: /tienda\/night did not start: the program is not in the image/,
  });
  const gone = asked([container('created'), null], false);
  await gone.answer;
  assert.equal(gone.seen.looks, 2);
});
