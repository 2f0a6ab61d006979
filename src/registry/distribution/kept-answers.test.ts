import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { HELD, startTestRegistry, type TestRegistry } from '../test-registry.ts';

let server: TestRegistry;
const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const image = (name: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
      layers: [],
      annotations: { name },
    }),
  );

const tokens = new Map<string, string>();

/** Only answers to tokens of the registry are kept. */
async function tokenOf(as: string): Promise<string> {
  const known = tokens.get(as);
  if (known !== undefined) return known;
  const answer = await fetch(`${server.url}/v2/token?scope=repository:tienda/kept:pull,push,delete`, {
    headers: { authorization: server.basic(as) },
  });
  const { token } = (await answer.json()) as { token: string };
  tokens.set(as, token);
  return token;
}

async function ask(method: string, path: string, body?: Buffer, as = 'beto') {
  const response = await fetch(`${server.url}/v2/tienda/kept/${path}`, {
    method,
    headers: { authorization: `Bearer ${await tokenOf(as)}`, 'content-type': MEDIA_TYPE.manifest },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, type: response.headers.get('content-type') };
}

before(async () => {
  server = await startTestRegistry({ keepAnswers: true, handler: { headers: { 'x-every': 'answer' } } });
  await server.registry.putBlob('tienda/kept', config, digestOf(config));
});
after(() => server.close());

describe('kept answers', () => {
  it('120 tag moves and deletions with readers beside: every answer is what stands when it is given', async () => {
    for (let round = 0; round < 120; round++) {
      const bytes = image(`round ${round}`);
      assert.equal((await ask('PUT', 'manifests/moving', bytes, 'ana')).status, 201);
      const answers = await Promise.all([1, 2, 3].map(() => ask('GET', 'manifests/moving')));
      assert.deepEqual([...new Set(answers.map((answer) => answer.text))], [bytes.toString()]);
      if (round % 20 !== 0) continue;
      assert.equal((await ask('DELETE', `manifests/${digestOf(bytes)}`, undefined, 'ana')).status, 202);
      assert.equal((await ask('GET', 'manifests/moving')).status, 404);
      assert.equal((await ask('GET', `manifests/${digestOf(bytes)}`)).status, 404);
    }
  });

  it('each person has answers of their own, and none when the project is not theirs', async () => {
    await ask('PUT', 'manifests/own', image('own'), 'ana');
    for (const as of ['beto', 'beto', 'ana', 'carla', 'carla']) {
      assert.equal((await ask('GET', 'manifests/own', undefined, as)).status, as === 'carla' ? 403 : 200, as);
    }
    assert.equal((await ask('GET', 'manifests/own')).type, MEDIA_TYPE.manifest);
  });

  it('a revocation and a verdict that no write tells of count within a second; every answer has the common headers', async () => {
    await ask('PUT', 'manifests/late', image('late'), 'ana');
    const first = await fetch(`${server.url}/v2/tienda/kept/manifests/late`, {
      headers: { authorization: server.basic('beto') },
    });
    assert.equal(first.headers.get('x-every'), 'answer');
    assert.equal((await ask('GET', 'manifests/late')).status, 200);
    server.fallback = HELD;
    await new Promise((resolve) => setTimeout(resolve, 520));
    assert.equal((await ask('GET', 'manifests/late')).status, 403);
    server.fallback = { allow: true };
    assert.equal((await ask('GET', 'manifests/late')).status, 200);
    server.revoked.add('id-beto');
    await new Promise((resolve) => setTimeout(resolve, 520));
    assert.equal((await ask('GET', 'manifests/late')).status, 401);
    server.revoked.clear();
  });

  it('a kept answer is a recorded pull like any other', async () => {
    const bytes = image('counted');
    await ask('PUT', 'manifests/counted', bytes, 'ana');
    for (let n = 0; n < 20; n++) assert.equal((await ask('GET', 'manifests/counted')).status, 200);
    await server.registry.pulls.flush();
    await server.journal.settled();
    const facts = await server.journal.query({ projects: '*', digest: digestOf(bytes), limit: 50 });
    const pulls = facts.filter((fact) => fact.kind === 'image.pulled');
    const counts = pulls.map((fact) => Number((fact.body as { count: number }).count));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      20,
    );
  });
});
