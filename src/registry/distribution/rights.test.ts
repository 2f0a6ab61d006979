import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { accessFault, type Grant, type Principal } from '../../access/index.ts';
import { digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { startTestRegistry, type TestRegistry } from '../test-registry.ts';

let server: TestRegistry;

before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());

interface Asked {
  readonly as: string;
  readonly body?: NonNullable<RequestInit['body']>;
  readonly headers?: Record<string, string>;
}

async function ask(method: string, path: string, { as, body, headers = {} }: Asked) {
  const response = await fetch(`${server.url}/v2/${path}`, {
    method,
    headers: { authorization: server.basic(as), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const error = (): { code: string; message: string } => JSON.parse(bytes.toString()).errors[0];
  return { status: response.status, bytes, error, location: response.headers.get('location') ?? '' };
}

const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const descriptor = (bytes: Buffer, mediaType: string) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});
const image = (variant: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: descriptor(config, MEDIA_TYPE.config),
      layers: [],
      annotations: { variant },
    }),
  );
const index = (children: readonly Buffer[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.index,
      manifests: children.map((child) => descriptor(child, MEDIA_TYPE.manifest)),
    }),
  );

async function pushConfig(repository: string, as: string): Promise<void> {
  const put = await ask('POST', `${repository}/blobs/uploads/?digest=${digestOf(config)}`, { as, body: config });
  assert.equal(put.status, 201, put.bytes.toString());
}
const putManifest = (
  repository: string,
  reference: string,
  body: Buffer,
  as: string,
  type: string = MEDIA_TYPE.manifest,
) => ask('PUT', `${repository}/manifests/${reference}`, { as, body, headers: { 'content-type': type } });

/** Numbers from a seed, so that a failing try can be played again alone. */
function* seeded(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}

describe('making a tag is not moving one', () => {
  it('R5: who may only create never changes an existing tag, whatever is pushed and however it is named', async () => {
    const repository = 'tienda/moves';
    await pushConfig(repository, 'ana');
    const children = [image('child a'), image('child b')];
    for (const child of children) await putManifest(repository, digestOf(child), child, 'ana');
    const tags = ['latest', 'v1', 'V1', '1.0.0', 'main', 'sha256-abc.sig', '_', 'multi'];
    for (const tag of tags) {
      const made =
        tag === 'multi'
          ? await putManifest(repository, tag, index(children), 'ana', MEDIA_TYPE.index)
          : await putManifest(repository, tag, image(`first ${tag}`), 'ana');
      assert.equal(made.status, 201, tag);
    }
    const named = new Map<string, string>();
    for (const tag of tags) named.set(tag, (await server.registry.resolve(repository, tag))?.digest ?? '');
    const numbers = seeded(20_261_122);
    const next = (below: number): number => numbers.next().value % below;
    let tries = 0;
    for (let round = 0; tries < 500; round += 1) {
      const tag = tags[next(tags.length)] ?? 'latest';
      const other = tags[next(tags.length)] ?? 'v1';
      // A new image, an existing child, an index over existing children, or what another tag names.
      const [body, type] = (
        [
          [image(`round ${round}`), MEDIA_TYPE.manifest],
          [children[next(2)] ?? config, MEDIA_TYPE.manifest],
          [index([image(`round ${round}`)]), MEDIA_TYPE.index],
          [image(`first ${other}`), MEDIA_TYPE.manifest],
        ] as const
      )[next(4)] ?? [config, MEDIA_TYPE.manifest];
      if (digestOf(body) === named.get(tag)) continue;
      tries += 1;
      const put = await putManifest(repository, tag, body, 'dora', type);
      assert.deepEqual([put.status, put.error().code], [403, 'DENIED'], `round ${round}: ${tag}`);
      assert.match(put.error().message, /robot:dora may not move tienda\/moves:.*image\.move-tag/);
      // By digest: other bytes than the digest says are refused, whoever pushes them.
      if (tries % 10 !== 0) continue;
      const forged = await putManifest(repository, named.get(tag) ?? '', image(`forged ${round}`), 'dora');
      assert.deepEqual([forged.status, forged.error().code], [400, 'DIGEST_INVALID']);
    }
    for (const tag of tags) assert.equal((await server.registry.resolve(repository, tag))?.digest, named.get(tag), tag);
  });

  it('a refused move leaves nothing behind: neither manifest nor fact', async () => {
    const repository = 'tienda/traceless';
    await pushConfig(repository, 'ana');
    await putManifest(repository, 'latest', image('one'), 'ana');
    const other = image('two');
    assert.equal((await putManifest(repository, 'latest', other, 'dora')).status, 403);
    assert.equal(await server.registry.resolve(repository, digestOf(other)), null);
    await server.journal.settled();
    const facts = await server.journal.query({ projects: '*', digest: digestOf(other), limit: 10 });
    assert.deepEqual(facts, []);
  });

  it('the same digest again is no move, and a new tag is none; who may move, moves', async () => {
    const repository = 'tienda/again';
    await pushConfig(repository, 'dora');
    assert.equal((await putManifest(repository, 'v1', image('x'), 'dora')).status, 201);
    assert.equal((await putManifest(repository, 'v1', image('x'), 'dora')).status, 201);
    assert.equal((await putManifest(repository, 'v2', image('x'), 'dora')).status, 201);
    assert.equal((await putManifest(repository, 'v1', image('y'), 'ana')).status, 201);
    assert.equal((await server.registry.resolve(repository, 'v1'))?.digest, digestOf(image('y')));
  });

  it('of many creators of one tag at the same moment one wins, and nobody moves it', async () => {
    const repository = 'tienda/race';
    await pushConfig(repository, 'dora');
    for (let round = 0; round < 10; round += 1) {
      const bodies = Array.from({ length: 8 }, (_, n) => image(`race ${round} ${n}`));
      const answers = await Promise.all(bodies.map((body) => putManifest(repository, `t${round}`, body, 'dora')));
      const winner = answers.findIndex(({ status }) => status === 201);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array.from({ length: 7 }, () => 403)]);
      const stored = await server.registry.resolve(repository, `t${round}`);
      assert.equal(stored?.digest, digestOf(bodies[winner] ?? config));
    }
  });

  it('who may push and move may not delete, by tag, digest or blob', async () => {
    const repository = 'tienda/elsa-app';
    await pushConfig(repository, 'elsa');
    const bytes = image('keep');
    assert.equal((await putManifest(repository, 'v1', bytes, 'elsa')).status, 201);
    assert.equal((await putManifest(repository, 'v1', image('moved'), 'elsa')).status, 201);
    for (const path of ['manifests/v1', `manifests/${digestOf(bytes)}`, `blobs/${digestOf(config)}`]) {
      for (const as of ['elsa', 'dora']) {
        const denied = await ask('DELETE', `${repository}/${path}`, { as });
        assert.deepEqual([denied.status, denied.error().code], [403, 'DENIED'], `${as} ${path}`);
      }
    }
  });
});

describe('rights for some repositories', () => {
  it('end at the pattern: no pull, push, list or mount beside it', async () => {
    await pushConfig('tienda/private', 'ana');
    await putManifest('tienda/private', 'v1', image('private'), 'ana');
    await pushConfig('tienda/elsa-web', 'elsa');
    assert.equal((await putManifest('tienda/elsa-web', 'v1', image('hers'), 'elsa')).status, 201);
    assert.equal((await ask('GET', 'tienda/elsa-web/manifests/v1', { as: 'elsa' })).status, 200);
    for (const [method, path] of [
      ['GET', 'tienda/private/manifests/v1'],
      ['GET', 'tienda/private/tags/list'],
      ['GET', `tienda/private/blobs/${digestOf(config)}`],
      ['POST', 'tienda/private/blobs/uploads/'],
      ['GET', 'tienda/elsa/manifests/v1'],
      ['GET', 'tienda/elsa-web/inner/manifests/v1'],
      ['GET', 'otro/elsa-web/manifests/v1'],
    ] as const) {
      assert.equal((await ask(method, path, { as: 'elsa' })).status, 403, `${method} ${path}`);
    }
    const from = 'from=tienda/private';
    const mount = await ask('POST', `tienda/elsa-new/blobs/uploads/?mount=${digestOf(config)}&${from}`, { as: 'elsa' });
    assert.equal(mount.status, 202);
    assert.equal((await ask('HEAD', `tienda/elsa-new/blobs/${digestOf(config)}`, { as: 'elsa' })).status, 404);
  });
});

describe('every role at every road', () => {
  /** What the manual says; the test asks for everything else too, and wants none of it. */
  const table: Readonly<Record<string, readonly string[]>> = {
    admin: ['pull', 'push', 'move', 'delete'],
    developer: ['pull', 'push', 'move'],
    analyst: ['pull'],
    approver: [],
    auditor: [],
    puller: ['pull'],
    pusher: ['pull', 'push'],
    publisher: ['pull', 'push', 'move'],
    deleter: ['pull', 'delete'],
    builder: ['pull', 'push', 'move'],
    host: ['pull'],
    'image.push': ['push'],
    'image.delete': ['delete'],
    'image.read': [],
  };

  it('W1: only the documented answers are given; in another project, and to nobody, none', async () => {
    const principalOf = (role: string, project: string): Principal => ({
      id: `${role}@${project}`,
      actor: `robot:${role}`,
      kind: 'robot',
      name: role,
      grants: [{ role: role as Grant['role'], project }],
      tokenId: null,
    });
    const matrix = await startTestRegistry({
      handler: {
        access: {
          authenticate: async (credentials) => {
            if (credentials.kind !== 'basic') throw accessFault('access.token-invalid');
            return principalOf(credentials.name, credentials.secret);
          },
          current: ({ id }) => principalOf(...(id.split('@') as [string, string])),
          watch: () => () => undefined,
        },
      },
    });
    const { registry } = matrix;
    const repository = 'tienda/web';
    const blob = Buffer.from('a blob of its own');
    try {
      const request = async (method: string, path: string, who: string | null, body?: Buffer) => {
        const response = await fetch(`${matrix.url}/v2/${repository}/${path}`, {
          method,
          headers: {
            'content-type': MEDIA_TYPE.manifest,
            ...(who === null ? {} : { authorization: `Basic ${Buffer.from(who).toString('base64')}` }),
          },
          ...(body === undefined ? {} : { body: new Uint8Array(body) }),
        });
        await response.body?.cancel();
        return response.status;
      };
      let asked = 0;
      for (const [role, may] of Object.entries(table)) {
        for (const project of ['tienda', 'otro', null]) {
          const who = project === null ? null : `${role}:${project}`;
          await registry.putBlob(repository, config, digestOf(config));
          await registry.putBlob(repository, blob, digestOf(blob));
          await registry.putManifest(repository, image('here'), MEDIA_TYPE.manifest, { tag: 'here' });
          const roads: [string, string, string, Buffer?][] = [
            ['pull', 'GET', 'manifests/here'],
            ['pull', 'HEAD', `manifests/${digestOf(image('here'))}`],
            ['pull', 'GET', `blobs/${digestOf(config)}`],
            ['pull', 'GET', 'tags/list'],
            ['pull', 'GET', `referrers/${digestOf(image('here'))}`],
            ['push', 'POST', 'blobs/uploads/'],
            ['push', 'POST', `blobs/uploads/?digest=${digestOf(blob)}`, blob],
            ['push', 'PUT', `manifests/new-${asked}`, image('here')],
            ['push', 'PUT', `manifests/${digestOf(image('here'))}`, image('here')],
            ['move', 'PUT', 'manifests/here', image(`moved ${asked}`)],
            ['delete', 'DELETE', 'manifests/here'],
            ['delete', 'DELETE', `blobs/${digestOf(blob)}`],
            ['delete', 'DELETE', `manifests/${digestOf(image('here'))}`],
          ];
          for (const [needs, method, path, body] of roads) {
            const status = await request(method, path, who, body);
            const allowed = project === 'tienda' && may.includes(needs);
            const expected = allowed ? status < 300 : status === (project === null ? 401 : 403);
            assert.ok(expected, `${role} of ${project}: ${method} ${path} answered ${status}`);
            asked += 1;
          }
        }
      }
      assert.equal(asked, Object.keys(table).length * 3 * 13);
    } finally {
      await matrix.close();
    }
  });
});

describe('the list of repositories', () => {
  const list = async (as: string, query = '') => {
    const response = await fetch(`${server.url}/v2/_catalog${query}`, { headers: { authorization: server.basic(as) } });
    const { repositories } = (await response.json()) as { repositories: string[] };
    return { repositories, link: response.headers.get('link') };
  };

  it('has what the caller may see and nothing else, in pages and in byte order', async () => {
    const empty = Buffer.from('{}');
    for (const name of ['tienda/catalogue-b', 'tienda/catalogue-a', 'tienda/elsa-1', 'otro/catalogue']) {
      await server.registry.putBlob(name, empty, digestOf(empty));
      const manifest = { schemaVersion: 2, config: descriptor(empty, MEDIA_TYPE.config), layers: [] };
      await server.registry.putManifest(name, Buffer.from(JSON.stringify(manifest)), MEDIA_TYPE.manifest);
    }
    const all = (await list('root')).repositories;
    assert.ok(all.includes('otro/catalogue') && all.includes('tienda/catalogue-a'));
    assert.deepEqual(all, all.toSorted());
    assert.deepEqual(
      (await list('carla')).repositories,
      all.filter((name) => name.startsWith('otro/')),
    );
    const elsa = (await list('elsa')).repositories;
    assert.deepEqual(
      elsa,
      all.filter((name) => name.startsWith('tienda/elsa-')),
    );
    assert.deepEqual(
      (await list('beto')).repositories,
      all.filter((name) => name.startsWith('tienda/')),
    );
    const paged: string[] = [];
    for (let query: string | undefined = '?n=2'; query !== undefined; ) {
      const page = await list('ana', query);
      assert.ok(page.repositories.length <= 2);
      paged.push(...page.repositories);
      query = /<\/v2\/_catalog(\?[^>]+)>; rel="next"/.exec(page.link ?? '')?.[1];
    }
    assert.deepEqual(
      paged,
      all.filter((name) => name.startsWith('tienda/')),
    );
    assert.deepEqual(await list('ana', '?n=0'), { repositories: [], link: null });
  });

  it('is asked for by its own scope: a token for something else, or for nothing shown, does not open it', async () => {
    const nobody = await fetch(`${server.url}/v2/_catalog`);
    assert.equal(nobody.status, 401);
    assert.match(nobody.headers.get('www-authenticate') ?? '', /scope="registry:catalog:\*"/);
    const tokenFor = async (
      scope: string,
      headers: Record<string, string> = { authorization: server.basic('beto') },
    ) => {
      const answer = await fetch(`${server.url}/v2/token?scope=${encodeURIComponent(scope)}`, { headers });
      return ((await answer.json()) as { token?: string }).token ?? '';
    };
    const status = async (token: string): Promise<number> =>
      (await fetch(`${server.url}/v2/_catalog`, { headers: { authorization: `Bearer ${token}` } })).status;
    assert.equal(await status(await tokenFor('registry:catalog:*')), 200);
    assert.equal(await status(await tokenFor('repository:tienda/web:pull')), 401);
    assert.equal(await tokenFor('registry:catalog:*', {}), '');
    const pull = await fetch(`${server.url}/v2/tienda/catalogue-a/tags/list`, {
      headers: { authorization: `Bearer ${await tokenFor('registry:catalog:*')}` },
    });
    assert.equal(pull.status, 401, 'and opens nothing else');
  });
});
