import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { type Clock, systemClock } from '../../system/index.ts';
import { HELD, SECRET, startTestRegistry, type TestRegistry } from '../test-registry.ts';

let server: TestRegistry;
let offsetMs = 0;
const clock: Clock = {
  ...systemClock,
  now: () => new Date(Date.now() + offsetMs),
  monotonicMs: () => performance.now() + offsetMs,
};
const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const image = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
    layers: [],
  }),
);

before(async () => {
  server = await startTestRegistry({ clock });
  for (const repository of ['tienda/open', 'tienda/closed']) {
    await server.registry.putBlob(repository, config, digestOf(config));
    await server.registry.putManifest(repository, image, MEDIA_TYPE.manifest, { tag: 'v1' });
  }
});
after(() => server.close());
beforeEach(async () => {
  offsetMs += 60_000;
  server.revoked.clear();
  server.fallback = { allow: true };
  await server.registry.settings.change('tienda', 'open', { anonymousPull: true }, { actor: 'user:ana' });
});

async function ask(
  method: string,
  path: string,
  authorization?: string,
  body?: NonNullable<RequestInit['body']>,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${server.url}/v2/${path}`, {
    method,
    headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const json = (): Record<string, string> => JSON.parse(text);
  return { status: response.status, text, json, challenge: response.headers.get('www-authenticate') ?? '' };
}
const pull = (repository: string) => `token?service=test&scope=repository:${repository}:pull`;
const form = (fields: Record<string, string>) => new URLSearchParams({ service: 'test', ...fields });

describe('a repository that is open to everybody', () => {
  it('is pulled as clients do it: a challenge, a token for nothing shown, the image', async () => {
    const ping = await ask('GET', '');
    assert.equal(ping.status, 401);
    assert.match(ping.challenge, /^Bearer realm=/);
    const answer = await ask('GET', pull('tienda/open'));
    assert.equal(answer.status, 200);
    assert.equal(answer.json()['refresh_token'], undefined);
    // Clients that were given no name send an empty one; guessing at names is something else.
    for (let at = 0; at < 20; at++) assert.equal((await ask('GET', pull('tienda/open'), 'Basic Og==')).status, 200);
    assert.equal((await ask('GET', pull('tienda/closed'), 'Basic Og==')).status, 401);
    const bearer = `Bearer ${answer.json()['token']}`;
    for (const path of [
      'tienda/open/manifests/v1',
      `tienda/open/manifests/${digestOf(image)}`,
      `tienda/open/blobs/${digestOf(config)}`,
      `tienda/open/referrers/${digestOf(image)}`,
    ]) {
      assert.equal((await ask('GET', path, bearer)).status, 200, path);
      assert.equal((await ask('GET', path)).status, 200, `${path} without a token`);
      assert.equal((await ask('GET', path, 'Basic Og==')).status, 200, `${path} with an empty name and secret`);
    }
  });

  it('and that is all: no push, delete, list or other repository, with any token for nothing shown', async () => {
    const scopes = ['tienda/open:pull,push,delete', 'tienda/closed:pull', 'otro/web:*'];
    const query = scopes.map((scope) => `scope=repository:${scope}`).join('&');
    const bearer = `Bearer ${(await ask('GET', `token?${query}`)).json()['token']}`;
    for (const authorization of [undefined, bearer]) {
      for (const [method, path] of [
        ['GET', ''],
        ['GET', 'tienda/open/tags/list'],
        ['POST', 'tienda/open/blobs/uploads/'],
        ['POST', `tienda/open/blobs/uploads/?mount=${digestOf(config)}&from=tienda/closed`],
        ['PUT', 'tienda/open/manifests/v2'],
        ['DELETE', 'tienda/open/manifests/v1'],
        ['DELETE', `tienda/open/blobs/${digestOf(config)}`],
        ['GET', 'tienda/closed/manifests/v1'],
        ['GET', `tienda/closed/blobs/${digestOf(config)}`],
        ['GET', 'tienda/never/manifests/v1'],
        ['GET', 'otro/web/manifests/v1'],
      ] as const) {
        const body = method === 'PUT' ? image : undefined;
        const refused = await ask(method, path, authorization, body);
        assert.equal(refused.status, 401, `${method} ${path}`);
        assert.match(refused.challenge, /^Bearer realm=/);
      }
    }
    for (const repository of ['tienda/closed', 'tienda/never', 'otro/web']) {
      assert.equal((await ask('GET', pull(repository))).status, 401, repository);
    }
    assert.equal((await ask('GET', 'token?service=test')).status, 401);
  });

  it('is closed again at once, also for tokens that were given before', async () => {
    const bearer = `Bearer ${(await ask('GET', pull('tienda/open'))).json()['token']}`;
    assert.equal((await ask('GET', 'tienda/open/manifests/v1', bearer)).status, 200);
    await server.registry.settings.change('tienda', 'open', { anonymousPull: false }, { actor: 'user:ana' });
    assert.equal((await ask('GET', 'tienda/open/manifests/v1', bearer)).status, 401);
    assert.equal((await ask('GET', 'tienda/open/manifests/v1')).status, 401);
  });

  it('a download under way is cut within a second when it closes, also of who signed in and has no right of their own', async () => {
    // More than the buffers of a loopback connection hold.
    const layer = Buffer.alloc(40_000_000, 'y');
    const description = { mediaType: MEDIA_TYPE.layer, digest: digestOf(layer), size: layer.byteLength };
    await server.registry.putBlob('tienda/open', layer, description.digest);
    const large = { ...(JSON.parse(image.toString()) as object), layers: [description] };
    await server.registry.putManifest('tienda/open', Buffer.from(JSON.stringify(large)), MEDIA_TYPE.manifest);
    const begin = (headers: Record<string, string>) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        request(`${server.url}/v2/tienda/open/blobs/${description.digest}`, { headers }, resolve)
          .on('error', reject)
          .end();
      });
    const { token } = (await ask('GET', pull('tienda/open'))).json();
    const downloads = await Promise.all(
      [{}, { authorization: `Bearer ${token}` }, { authorization: server.basic('carla') }].map(begin),
    );
    for (const answer of downloads) assert.equal(answer.statusCode, 200);
    await server.registry.settings.change('tienda', 'open', { anonymousPull: false }, { actor: 'user:ana' });
    await new Promise((resolve) => setTimeout(resolve, 900));
    for (const answer of downloads) {
      let bytes = 0;
      const reading = async (): Promise<void> => {
        for await (const piece of answer) bytes += (piece as Buffer).byteLength;
      };
      await assert.rejects(reading, { code: 'ECONNRESET' });
      assert.ok(bytes < layer.byteLength, 'what was in the buffers of the connection, and no more');
    }
  });

  it('holds its images back like any other, and its pulls are in the audit as anonymous', async () => {
    assert.equal((await ask('GET', 'tienda/open/manifests/v1')).status, 200);
    await server.registry.pulls.flush();
    await server.journal.settled();
    const facts = await server.journal.query({ projects: ['tienda'], kinds: ['image.pulled'], limit: 50 });
    assert.ok(facts.some((fact) => fact.actor === 'anonymous' && fact.subject.startsWith('tienda/open')));
    server.fallback = HELD;
    assert.equal((await ask('GET', 'tienda/open/manifests/v1')).status, 403);
  });

  it('nobody has less for having signed in, and not more either', async () => {
    const carla = server.basic('carla');
    assert.equal((await ask('GET', 'tienda/open/manifests/v1', carla)).status, 200);
    const bearer = `Bearer ${(await ask('GET', pull('tienda/open'), carla)).json()['token']}`;
    assert.equal((await ask('GET', 'tienda/open/manifests/v1', bearer)).status, 200);
    assert.equal((await ask('GET', 'tienda/open/tags/list', bearer)).status, 403);
    assert.equal((await ask('POST', 'tienda/open/blobs/uploads/', carla)).status, 403);
    assert.equal((await ask('GET', 'tienda/closed/manifests/v1', carla)).status, 403);
  });

  it('is answered at a bounded rate from one address; who signs in is not held up', async () => {
    const other = await startTestRegistry();
    try {
      await other.registry.settings.change('tienda', '**', { anonymousPull: true }, { actor: 'user:ana' });
      const statuses = new Map<number, number>();
      const get = async (headers: Record<string, string>) => {
        const response = await fetch(`${other.url}/v2/tienda/x/manifests/v1`, { headers });
        await response.body?.cancel();
        return response;
      };
      for (let n = 0; n < 230; n += 1) {
        const { status } = await get({});
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      assert.ok((statuses.get(404) ?? 0) >= 200, JSON.stringify([...statuses]));
      assert.ok((statuses.get(429) ?? 0) >= 5, JSON.stringify([...statuses]));
      const late = await get({});
      if (late.status === 429) assert.match(late.headers.get('retry-after') ?? '', /^\d+$/);
      assert.equal((await get({ authorization: other.basic('beto') })).status, 404);
    } finally {
      await other.close();
    }
  });
});

describe('the token endpoint', () => {
  it('gives a refresh token to who asks for one, and takes it instead of the password', async () => {
    const plain = await ask('GET', 'token?service=test', server.basic('ana'));
    assert.equal(plain.json()['refresh_token'], undefined);
    const offline = await ask('GET', 'token?service=test&offline_token=true&client_id=docker', server.basic('ana'));
    const refresh = offline.json()['refresh_token'] ?? '';
    assert.match(refresh, /^drr1\./);
    const scope = 'repository:tienda/closed:pull,push repository:otro/web:pull';
    const body = form({ grant_type: 'refresh_token', refresh_token: refresh, client_id: 'docker', scope });
    const answer = await ask('POST', 'token', undefined, body);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json()['scope'], 'repository:tienda/closed:pull,push');
    assert.equal(answer.json()['token_type'], 'Bearer');
    const bearer = `Bearer ${answer.json()['access_token']}`;
    assert.equal((await ask('GET', 'tienda/closed/manifests/v1', bearer)).status, 200);
    assert.equal((await ask('GET', 'otro/web/manifests/v1', bearer)).status, 403);
  });

  it('POST: password with access_type=offline; what is no grant type is refused', async () => {
    const fields = { grant_type: 'password', username: 'ana', password: SECRET, access_type: 'offline' };
    const answer = await ask('POST', 'token', undefined, form(fields));
    assert.match(answer.json()['refresh_token'] ?? '', /^drr1\./);
    for (const wrong of [
      {},
      { grant_type: 'authorization_code', code: 'x' },
      { grant_type: 'client_credentials' },
      { grant_type: 'password', username: 'ana' },
      { grant_type: 'refresh_token' },
      { username: 'ana', password: SECRET },
    ]) {
      const refused = await ask('POST', 'token', undefined, form(wrong as Record<string, string>));
      assert.equal(refused.status, 400, JSON.stringify(wrong));
    }
  });

  it('W2: a refresh token is nothing else, and nothing else is a refresh token; no secret counts in an address', async () => {
    const offline = await ask(
      'GET',
      'token?offline_token=true&scope=repository:tienda/closed:pull',
      server.basic('ana'),
    );
    const { token = '', refresh_token: refresh = '' } = offline.json();
    assert.equal((await ask('GET', 'tienda/closed/manifests/v1', `Bearer ${refresh}`)).status, 401);
    const swap = (text: string) => form({ grant_type: 'refresh_token', refresh_token: text });
    const [, payload = '', mac = ''] = refresh.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const forge = (change: object) => Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url');
    const forged = `drr1.${forge({ i: 'id-root' })}`;
    for (const text of [
      token,
      `drr1.${payload}.`,
      `drr1.${payload}`,
      `drr1.${payload}.${mac.slice(1)}`,
      `${forged}.${mac}`,
      `${forged}.${createHmac('sha256', '').update(forged).digest('base64url')}`,
      `drr1.${forge({ e: claims.e * 2 })}.${mac}`,
      `drt2.${payload}.${mac}`,
      refresh.replace('drr1.', 'drr1.e30.'),
      'drr1.',
      '',
    ]) {
      assert.equal((await ask('POST', 'token', undefined, swap(text))).status, 401, text.slice(0, 40));
      offsetMs += 120_000;
    }
    for (const query of [
      `refresh_token=${refresh}&grant_type=refresh_token`,
      `username=ana&password=${encodeURIComponent(SECRET)}`,
      `access_token=${token}`,
      `token=${token}`,
    ]) {
      assert.equal((await ask('GET', `token?${query}`)).status, 401, query.slice(0, 30));
      assert.equal((await ask('GET', `tienda/closed/manifests/v1?${query}`)).status, 401, query.slice(0, 30));
    }
  });

  it('W3: a refresh token ends with who it is of, and after a working day', async () => {
    const offline = await ask('GET', 'token?offline_token=true', server.basic('beto'));
    const body = form({ grant_type: 'refresh_token', refresh_token: offline.json()['refresh_token'] ?? '' });
    assert.equal((await ask('POST', 'token', undefined, body)).status, 200);
    server.revoked.add('id-beto');
    assert.equal((await ask('POST', 'token', undefined, body)).status, 401);
    server.revoked.clear();
    assert.equal((await ask('POST', 'token', undefined, body)).status, 200);
    offsetMs += 12 * 3_600_000 + 1;
    assert.equal((await ask('POST', 'token', undefined, body)).status, 401);
  });

  it('W2: a token of another instance is none here', async () => {
    const other = await startTestRegistry({ handler: { service: 'other' } });
    try {
      const headers = { authorization: other.basic('ana') };
      const response = await fetch(`${other.url}/v2/token?offline_token=true`, { headers });
      const { token, refresh_token: refresh } = (await response.json()) as Record<string, string>;
      assert.equal((await ask('GET', '', `Bearer ${token}`)).status, 401);
      const body = form({ grant_type: 'refresh_token', refresh_token: refresh ?? '' });
      assert.equal((await ask('POST', 'token', undefined, body)).status, 401);
    } finally {
      await other.close();
    }
  });

  it('a token made for one scope says insufficient_scope for another', async () => {
    const bearer = `Bearer ${(await ask('GET', pull('tienda/closed'), server.basic('ana'))).json()['token']}`;
    const push = await ask('POST', 'tienda/closed/blobs/uploads/', bearer);
    assert.equal(push.status, 401);
    assert.match(push.challenge, /scope="repository:tienda\/closed:pull,push",error="insufficient_scope"/);
  });
});

describe('what is not yours does not show', () => {
  it('R4: a private blob of another repository by digest, mount, referrers, Range: nothing of it, and no telling delay', async (t) => {
    const secret = Buffer.from('bytes that only tienda has '.repeat(40));
    const there = digestOf(secret);
    await server.registry.putBlob('tienda/closed', secret, there);
    const carla = server.basic('carla');
    const elsewhere = (n: number) => digestOf(Buffer.from(`nobody has this ${n}`));
    const roads = (digest: string): [string, string, Record<string, string>][] => [
      ['GET', `otro/web/blobs/${digest}`, {}],
      ['HEAD', `otro/web/blobs/${digest}`, {}],
      ['GET', `otro/web/blobs/${digest}`, { range: 'bytes=0-9' }],
      ['POST', `otro/web/blobs/uploads/?mount=${digest}&from=tienda/closed`, {}],
      ['POST', `otro/web/blobs/uploads/?mount=${digest}`, {}],
      ['GET', `otro/web/referrers/${digest}`, {}],
    ];
    const took: Record<'there' | 'nowhere', number[]> = { there: [], nowhere: [] };
    const seen = new Map<string, Set<number>>();
    // Six roads and both kinds: 1,008 tries in the soak, 240 otherwise.
    const rounds = process.env['DARSENA_SOAK'] === '1' ? 84 : 20;
    for (let n = 0; n < rounds; n += 1) {
      // The two kinds take turns at going first, so that warming up favours neither.
      const kinds = [
        ['there', there],
        ['nowhere', elsewhere(n)],
      ] as const;
      for (const [kind, digest] of n % 2 === 0 ? kinds : [...kinds].reverse()) {
        for (const [method, path, headers] of roads(digest)) {
          const started = performance.now();
          const answer = await ask(method, path, carla, undefined, headers);
          if (method === 'GET') took[kind].push(performance.now() - started);
          assert.equal(answer.text.includes('only tienda has'), false);
          const road = `${method} ${path.replace(digest, '')} ${headers['range'] ?? ''}`;
          seen.set(road, (seen.get(road) ?? new Set()).add(answer.status));
        }
      }
    }
    assert.deepEqual(
      [...seen.values()].map((statuses) => [...statuses]),
      [[404], [404], [404], [202], [202], [200]],
    );
    // A delay that tells shows in the quick answers as in all others; what else the machine does shows only in slow ones.
    const quartile = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 2] ?? 0;
    const [a, b] = [quartile(took.there), quartile(took.nowhere)];
    t.diagnostic(
      `lower quartile ${a.toFixed(3)} ms where it is, ${b.toFixed(3)} ms where it is not, of ${took.there.length}`,
    );
    assert.ok(Math.abs(a - b) < Math.max(1, 0.5 * Math.max(a, b)), `${a} ms against ${b} ms`);
  });

  it('R6: with deletion off every DELETE is 405, whoever asks and whether or not it is there', async () => {
    const other = await startTestRegistry({ handler: { deletes: false } });
    try {
      await other.registry.putBlob('tienda/web', config, digestOf(config));
      await other.registry.putManifest('tienda/web', image, MEDIA_TYPE.manifest, { tag: 'v1' });
      const start = await fetch(`${other.url}/v2/tienda/web/blobs/uploads/`, {
        method: 'POST',
        headers: { authorization: other.basic('ana') },
      });
      await start.body?.cancel();
      const upload = start.headers.get('location')?.replace('/v2/tienda/web/', '') ?? '';
      for (const as of ['ana', 'root', 'beto', 'dora', null]) {
        for (const path of [
          'manifests/v1',
          'manifests/missing',
          `manifests/${digestOf(image)}`,
          `blobs/${digestOf(config)}`,
          `blobs/${digestOf(image)}`,
          upload,
          'blobs/uploads/guess',
        ]) {
          const response = await fetch(`${other.url}/v2/tienda/web/${path}`, {
            method: 'DELETE',
            headers: as === null ? {} : { authorization: other.basic(as) },
          });
          assert.equal(response.status, 405, `${as} ${path}`);
          const { errors } = (await response.json()) as { errors: { code: string }[] };
          assert.equal(errors[0]?.code, 'UNSUPPORTED');
        }
      }
      assert.equal((await other.registry.resolve('tienda/web', 'v1'))?.digest, digestOf(image));
    } finally {
      await other.close();
    }
  });
});
