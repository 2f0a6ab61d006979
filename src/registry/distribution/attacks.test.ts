import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { HELD, SECRET, startTestRegistry, type TestRegistry } from '../test-registry.ts';

let server: TestRegistry;

before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());
beforeEach(() => {
  server.fallback = { allow: true };
  server.verdicts.clear();
  server.revoked.clear();
});

interface Asked {
  readonly as?: string | null;
  readonly authorization?: string;
  readonly body?: NonNullable<RequestInit['body']>;
  readonly headers?: Record<string, string>;
}

async function ask(method: string, path: string, asked: Asked = {}) {
  const authorization = asked.authorization ?? (asked.as === null ? undefined : server.basic(asked.as ?? 'ana'));
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(authorization === undefined ? {} : { authorization }), ...asked.headers },
    ...(asked.body === undefined ? {} : { body: asked.body }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const code = (): string => JSON.parse(bytes.toString()).errors[0].code;
  const message = (): string => JSON.parse(bytes.toString()).errors[0].message;
  return { status: response.status, bytes, code, message, header: (name: string) => response.headers.get(name) ?? '' };
}

/** A request exactly as written; fetch would tidy its path. */
async function askRaw(path: string): Promise<number> {
  const socket = connect(server.port, '127.0.0.1');
  const headers = `Host: x\r\nAuthorization: ${server.basic('ana')}\r\nConnection: close\r\n\r\n`;
  socket.end(Buffer.from(`GET ${path} HTTP/1.1\r\n${headers}`, 'latin1'));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

async function pushBlob(repository: string, bytes: Buffer, as = 'ana'): Promise<void> {
  const put = await ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, { body: bytes, as });
  assert.equal(put.status, 201, put.bytes.toString());
}

const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const empty = Buffer.from('{}');
const descriptor = (bytes: Buffer, mediaType: string) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});
const image = (extra: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: descriptor(config, MEDIA_TYPE.config),
      layers: [],
      ...extra,
    }),
  );

async function putManifest(repository: string, reference: string, body: Buffer, type: string = MEDIA_TYPE.manifest) {
  return ask('PUT', `/v2/${repository}/manifests/${reference}`, { body, headers: { 'content-type': type } });
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(server.root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('content that is not what it says', () => {
  it('R1: a blob with the wrong digest is refused and nothing of it is stored', async () => {
    const bytes = Buffer.from('these bytes');
    const before = await filesIn('blobs');
    const wrong = digestOf(Buffer.from('other bytes'));
    for (const digest of [wrong, digestOf(Buffer.from('other bytes'), 'sha512')]) {
      const post = await ask('POST', `/v2/tienda/web/blobs/uploads/?digest=${digest}`, { body: bytes });
      assert.deepEqual([post.status, post.code()], [400, 'DIGEST_INVALID']);
    }
    for (const digest of [digestOf(bytes).toUpperCase(), 'md5:d41d8cd98f00b204e9800998ecf8427e', 'sha256:', 'x', '']) {
      const put = await ask('POST', `/v2/tienda/web/blobs/uploads/?digest=${digest}`, { body: bytes });
      assert.deepEqual([put.status, put.code()], [400, 'DIGEST_INVALID'], digest);
    }
    const start = await ask('POST', '/v2/tienda/web/blobs/uploads/');
    const put = await ask('PUT', `${start.header('location')}?digest=${wrong}`, { body: bytes });
    assert.deepEqual([put.status, put.code()], [400, 'DIGEST_INVALID']);
    assert.equal((await ask('GET', start.header('location'))).status, 404);
    assert.deepEqual(await filesIn('blobs'), before);
    assert.deepEqual(await filesIn('uploads'), []);
  });

  it('sha512 content is accepted under its digest, also when the upload began as another', async () => {
    const bytes = Buffer.from('long digests');
    const digest = digestOf(bytes, 'sha512');
    const start = await ask('POST', '/v2/tienda/web/blobs/uploads/');
    const patch = await ask('PATCH', start.header('location'), { body: bytes });
    assert.equal((await ask('PUT', `${patch.header('location')}?digest=${digest}`)).status, 201);
    assert.deepEqual((await ask('GET', `/v2/tienda/web/blobs/${digest}`)).bytes, bytes);
  });

  it('R2: a manifest that does not match its reference, or names content that is missing or of another size', async () => {
    await pushBlob('tienda/web', config);
    const mismatch = await putManifest('tienda/web', digestOf(Buffer.from('no')), image());
    assert.deepEqual([mismatch.status, mismatch.code()], [400, 'DIGEST_INVALID']);
    const missing = await putManifest(
      'tienda/web',
      't',
      image({ layers: [descriptor(Buffer.from('never pushed'), MEDIA_TYPE.layer)] }),
    );
    assert.deepEqual([missing.status, missing.code()], [404, 'MANIFEST_BLOB_UNKNOWN']);
    const size = image({ config: { ...descriptor(config, MEDIA_TYPE.config), size: 5 } });
    const sized = await putManifest('tienda/web', 't', size);
    assert.deepEqual([sized.status, sized.code()], [400, 'MANIFEST_INVALID']);
    assert.equal((await ask('HEAD', '/v2/tienda/web/manifests/t')).status, 404);
  });

  it('R3: a manifest with two meanings is refused (CVE-2021-41190)', async () => {
    await pushBlob('tienda/web', config);
    const text = image().toString();
    for (const [name, body, type] of [
      ['manifests beside layers', image({ manifests: [] }).toString(), MEDIA_TYPE.manifest],
      ['another Content-Type', text, MEDIA_TYPE.index],
      ['a type of nobody', text, 'application/json'],
      ['duplicate keys', text.replace('{', '{"layers":[],'), MEDIA_TYPE.manifest],
      ['byte-order mark', `\ufeff${text}`, MEDIA_TYPE.manifest],
      ['trailing bytes', `${text}{}`, MEDIA_TYPE.manifest],
      ['a size above 2^53', text.replace(/"size":\d+/, '"size":9007199254740993'), MEDIA_TYPE.manifest],
      ['schema 1', text.replace('"schemaVersion":2', '"schemaVersion":1'), MEDIA_TYPE.manifest],
    ] as const) {
      const put = await putManifest('tienda/web', 'two', Buffer.from(body), type);
      assert.deepEqual([put.status, put.code()], [400, 'MANIFEST_INVALID'], name);
    }
    const large = await putManifest('tienda/web', 'two', Buffer.alloc(4 * 1024 * 1024 + 1, ' '));
    assert.deepEqual([large.status, large.code()], [413, 'SIZE_INVALID']);
  });
});

describe('the boundary between projects', () => {
  const secret = Buffer.from('content of tienda that carla must not see');
  const digest = digestOf(secret);

  it('R4: another project gets no byte of a blob: by digest, mount, referrers or range', async () => {
    await pushBlob('tienda/web', secret);
    for (const [method, path, headers] of [
      ['GET', `/v2/tienda/web/blobs/${digest}`, {}],
      ['HEAD', `/v2/tienda/web/blobs/${digest}`, {}],
      ['GET', `/v2/tienda/web/blobs/${digest}`, { range: 'bytes=0-3' }],
      ['GET', `/v2/tienda/web/referrers/${digest}`, {}],
      ['GET', '/v2/tienda/web/tags/list', {}],
      ['GET', '/v2/tienda/never-made/tags/list', {}],
    ] as const) {
      const get = await ask(method, path, { as: 'carla', headers });
      assert.equal(get.status, 403, `${method} ${path}`);
      assert.equal(get.bytes.includes('content'), false);
    }
    for (const headers of [{}, { range: 'bytes=0-3' }]) {
      const own = await ask('GET', `/v2/otro/web/blobs/${digest}`, { as: 'carla', headers });
      assert.equal(own.status, 404);
    }
    const mount = await ask('POST', `/v2/otro/web/blobs/uploads/?mount=${digest}&from=tienda/web`, { as: 'carla' });
    assert.equal(mount.status, 202);
    assert.equal((await ask('HEAD', `/v2/otro/web/blobs/${digest}`, { as: 'carla' })).status, 404);
  });

  it('R4: a manifest of one project cannot be completed with the content of another', async () => {
    const stolen = image({ layers: [descriptor(secret, MEDIA_TYPE.layer)] });
    await pushBlob('otro/web', config, 'carla');
    const put = await ask('PUT', '/v2/otro/web/manifests/t', {
      as: 'carla',
      body: stolen,
      headers: { 'content-type': MEDIA_TYPE.manifest },
    });
    assert.deepEqual([put.status, put.code()], [404, 'MANIFEST_BLOB_UNKNOWN']);
  });

  it('R7: what was deleted is served nowhere that it is not linked', async () => {
    const bytes = Buffer.from('here today');
    await pushBlob('tienda/a', bytes);
    const path = `/blobs/${digestOf(bytes)}`;
    const mount = () => ask('POST', `/v2/tienda/b/blobs/uploads/?mount=${digestOf(bytes)}&from=tienda/a`);
    assert.equal((await mount()).status, 201);
    assert.equal((await ask('DELETE', `/v2/tienda/a${path}`)).status, 202);
    assert.equal((await ask('GET', `/v2/tienda/a${path}`)).status, 404);
    assert.equal((await ask('GET', `/v2/tienda/b${path}`)).status, 200);
    assert.equal((await ask('DELETE', `/v2/tienda/b${path}`)).status, 202);
    assert.equal((await mount()).status, 202);
    assert.equal((await ask('HEAD', `/v2/tienda/b${path}`)).status, 404);
  });

  it('a reader may not push or delete', async () => {
    for (const [method, path] of [
      ['POST', '/v2/tienda/web/blobs/uploads/'],
      ['PUT', '/v2/tienda/web/manifests/t'],
      ['DELETE', '/v2/tienda/web/manifests/t'],
      ['DELETE', `/v2/tienda/web/blobs/${digest}`],
    ] as const) {
      const denied = await ask(method, path, { as: 'beto' });
      assert.deepEqual([denied.status, denied.code()], [403, 'DENIED'], `${method} ${path}`);
    }
  });

  it('R8: an upload belongs to the one who began it, in its repository', async () => {
    const start = await ask('POST', '/v2/tienda/web/blobs/uploads/');
    const location = start.header('location');
    const id = location.split('/').at(-1) ?? '';
    const tampered = `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
    assert.equal((await ask('PATCH', location, { as: 'root', body: 'x' })).status, 404);
    assert.equal((await ask('GET', location, { as: 'root' })).status, 404);
    assert.equal((await ask('DELETE', location, { as: 'root' })).status, 404);
    assert.equal((await ask('PATCH', `/v2/tienda/other/blobs/uploads/${id}`, { body: 'x' })).status, 404);
    assert.equal((await ask('PATCH', `/v2/tienda/web/blobs/uploads/${tampered}`, { body: 'x' })).status, 404);
    assert.equal((await ask('DELETE', location)).status, 204);
    assert.equal((await ask('GET', location)).code(), 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('names and addresses', () => {
  it('R8: no name leaves the store, whatever it is written as', async () => {
    const before = await filesIn('.');
    const hostile = [
      '..',
      '%2e%2e',
      '%2E%2E%2F',
      '..%2f..%2fetc%2fpasswd',
      '%00',
      'a%00b',
      '%c0%ae%c0%ae',
      '\u00e1',
      'A',
      'a//b',
      '.hidden',
      '-a',
      'a'.repeat(300),
      'a/./b',
      '%',
      '%zz',
      'a\\b',
      '~root',
    ];
    for (const name of hostile) {
      for (const path of [
        `/v2/${name}/manifests/latest`,
        `/v2/tienda/${name}/manifests/latest`,
        `/v2/tienda/${name}/blobs/${digestOf(empty)}`,
        `/v2/tienda/${name}/tags/list`,
        `/v2/tienda/web/manifests/${name}`,
        `/v2/tienda/web/blobs/${name}`,
        `/v2/tienda/web/blobs/uploads/${name}`,
      ]) {
        const status = await askRaw(path);
        assert.ok(status === 400 || status === 403 || status === 404, `${path}: ${status}`);
      }
    }
    assert.deepEqual(await filesIn('.'), before);
  });

  it('a name without a project is no repository', async () => {
    const post = await ask('POST', '/v2/web/blobs/uploads/', { as: 'root' });
    assert.deepEqual([post.status, post.code()], [400, 'NAME_INVALID']);
  });

  it('a repository may be named like the words of the API', async () => {
    const bytes = Buffer.from('odd place');
    await pushBlob('tienda/blobs/uploads/manifests', bytes);
    assert.equal((await ask('GET', `/v2/tienda/blobs/uploads/manifests/blobs/${digestOf(bytes)}`)).status, 200);
  });

  it('R6: with deletion off every DELETE of content is 405', async () => {
    const other = await startTestRegistry({ handler: { deletes: false } });
    try {
      for (const path of [
        'manifests/t',
        `manifests/${digestOf(empty)}`,
        `blobs/${digestOf(empty)}`,
        'blobs/uploads/x',
      ]) {
        const response = await fetch(`${other.url}/v2/tienda/web/${path}`, {
          method: 'DELETE',
          headers: { authorization: other.basic('ana') },
        });
        assert.equal(response.status, 405, path);
        await response.body?.cancel();
      }
    } finally {
      await other.close();
    }
  });

  it('unknown addresses and methods are refused in the words of the specification', async () => {
    assert.equal((await ask('GET', '/v2/_search')).code(), 'UNSUPPORTED');
    assert.equal((await ask('POST', '/v2/_catalog')).status, 405);
    assert.equal((await ask('POST', '/v2/tienda/web/manifests/t')).status, 405);
    assert.equal((await ask('GET', '/v2/tienda/web/tags/list?n=-1')).status, 400);
    assert.equal((await ask('GET', '/v2/tienda/web/referrers/latest')).code(), 'DIGEST_INVALID');
  });
});

describe('ranges', () => {
  const bytes = Buffer.from('0123456789');
  const path = `/v2/tienda/range/blobs/${digestOf(bytes)}`;

  it('answers one range, the whole for several, 416 outside', async () => {
    await pushBlob('tienda/range', bytes);
    for (const [range, status, body] of [
      ['bytes=2-4', 206, '234'],
      ['bytes=7-', 206, '789'],
      ['bytes=-3', 206, '789'],
      ['bytes=0-99', 206, '0123456789'],
      ['bytes=0-1,4-5', 200, '0123456789'],
      ['bytes=4-2', 200, '0123456789'],
      ['lines=1-2', 200, '0123456789'],
    ] as const) {
      const get = await ask('GET', path, { headers: { range } });
      assert.deepEqual([get.status, get.bytes.toString()], [status, body], range);
    }
    const outside = await ask('GET', path, { headers: { range: 'bytes=10-' } });
    assert.deepEqual([outside.status, outside.header('content-range')], [416, 'bytes */10']);
    const fresh = await ask('GET', path, { headers: { 'if-none-match': `"${digestOf(bytes)}"` } });
    assert.equal(fresh.status, 304);
  });

  it('the empty blob can be pushed, read and deleted', async () => {
    const nothing = Buffer.alloc(0);
    await pushBlob('tienda/range', nothing);
    const get = await ask('GET', `/v2/tienda/range/blobs/${digestOf(nothing)}`);
    assert.deepEqual([get.status, get.bytes.byteLength], [200, 0]);
  });
});

describe('signing in', () => {
  const token = async (as: string, ...scopes: string[]): Promise<string> => {
    const query = new URLSearchParams([
      ['service', 'test'],
      ...scopes.map((scope) => ['scope', scope] as [string, string]),
    ]);
    const answer = await ask('GET', `/v2/token?${query}`, { as });
    assert.equal(answer.status, 200);
    return `Bearer ${JSON.parse(answer.bytes.toString()).token}`;
  };

  it('there is no anonymous access, and the challenge says where to go and for what', async () => {
    const ping = await ask('GET', '/v2/', { as: null });
    assert.equal(ping.status, 401);
    assert.equal(ping.header('www-authenticate'), `Bearer realm="${server.url}/v2/token",service="test"`);
    const get = await ask('GET', '/v2/tienda/web/manifests/t', { as: null });
    assert.match(get.header('www-authenticate'), /,scope="repository:tienda\/web:pull"$/);
    const post = await ask('POST', '/v2/tienda/web/blobs/uploads/', { as: null });
    assert.match(post.header('www-authenticate'), /,scope="repository:tienda\/web:pull,push"$/);
    assert.equal((await ask('GET', '/v2/token', { as: null })).status, 401);
    assert.equal((await ask('GET', '/v2/token?username=ana&password=x', { as: null })).status, 401);
  });

  it('a token is good for what was asked and allowed, and says so when it is not', async () => {
    const reader = await token('beto', 'repository:tienda/web:pull,push');
    assert.equal((await ask('GET', '/v2/', { authorization: reader })).status, 200);
    const push = await ask('POST', '/v2/tienda/web/blobs/uploads/', { authorization: reader });
    assert.deepEqual([push.status, push.code()], [403, 'DENIED']);
    const elsewhere = await ask('GET', '/v2/tienda/other/tags/list', { authorization: reader });
    assert.equal(elsewhere.status, 401);
    assert.match(elsewhere.header('www-authenticate'), /error="insufficient_scope"/);
    assert.equal((await ask('GET', '/v2/tienda/web/tags/list', { authorization: reader })).status, 200);
  });

  it('POST with a form gives a token as well', async () => {
    const body = new URLSearchParams({ grant_type: 'password', username: 'ana', password: SECRET, service: 'test' });
    const answer = await ask('POST', '/v2/token', { as: null, body });
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.bytes.toString()).expires_in, 300);
  });

  it('mounting with a token needs pull on the source in that token', async () => {
    const bytes = Buffer.from('mount me');
    await pushBlob('tienda/from', bytes);
    const path = `/v2/tienda/to/blobs/uploads/?mount=${digestOf(bytes)}&from=tienda/from`;
    const narrow = await token('ana', 'repository:tienda/to:pull,push');
    assert.equal((await ask('POST', path, { authorization: narrow })).status, 202);
    const wide = await token('ana', 'repository:tienda/to:pull,push', 'repository:tienda/from:pull');
    assert.equal((await ask('POST', path, { authorization: wide })).status, 201);
  });

  it('a changed, foreign or expired token is no token', async () => {
    const good = await token('ana', 'repository:tienda/web:pull');
    const [head = '', payload = '', mac = ''] = good.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, k: 'platform' })).toString('base64url');
    for (const text of [
      `${head}.${forged}.${mac}`,
      `${head}.${payload}.${mac.slice(0, -2)}`,
      `${head}.${payload}.`,
      `${head}.${payload}`,
      'Bearer drt1.',
      'Bearer drt1.e30.e30',
    ]) {
      assert.equal((await ask('GET', '/v2/', { authorization: text })).status, 401, text);
    }
  });

  it('W: what was revoked ends at the next request, token and password alike', async () => {
    const bearer = await token('beto', 'repository:tienda/web:pull');
    assert.equal((await ask('GET', '/v2/tienda/web/tags/list', { authorization: bearer })).status, 200);
    assert.equal((await ask('GET', '/v2/tienda/web/tags/list', { as: 'beto' })).status, 200);
    server.revoked.add('id-beto');
    assert.equal((await ask('GET', '/v2/tienda/web/tags/list', { authorization: bearer })).status, 401);
    assert.equal((await ask('GET', '/v2/tienda/web/tags/list', { as: 'beto' })).status, 401);
  });

  it('guessing gets slower: after ten failures the address has to wait, also with the right password', async () => {
    const other = await startTestRegistry();
    const sign = async (secret: string) => {
      const authorization = `Basic ${Buffer.from(`ana:${secret}`).toString('base64')}`;
      const response = await fetch(`${other.url}/v2/`, { headers: { authorization } });
      await response.body?.cancel();
      if (response.status === 429) assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
      return response.status;
    };
    try {
      for (let n = 0; n < 10; n++) assert.equal(await sign(`guess ${n}`), 401);
      assert.equal(await sign('guess 10'), 429);
      assert.equal(await sign(SECRET), 429);
    } finally {
      await other.close();
    }
  });
});

describe('quarantine', () => {
  const put = async (repository: string, tag: string, extra: object = {}): Promise<string> => {
    await pushBlob(repository, config);
    await pushBlob(repository, empty);
    const bytes = image(extra);
    const answer = await putManifest(repository, tag, bytes);
    assert.equal(answer.status, 201, answer.bytes.toString());
    return digestOf(bytes);
  };

  it('a held image is refused with the reason and the way out; its scanner passes, and who pushed it reads its manifest', async () => {
    const digest = await put('tienda/held', '1');
    server.fallback = HELD;
    const path = '/v2/tienda/held/manifests/1';
    const get = await ask('GET', path, { as: 'beto' });
    assert.deepEqual([get.status, get.code()], [403, 'DENIED']);
    assert.match(get.message(), /not scanned yet; darsena image wait tienda\/held:1/);
    assert.equal((await ask('HEAD', path, { as: 'beto' })).status, 403);
    assert.equal((await ask('GET', `/v2/tienda/held/manifests/${digest}`, { as: 'beto' })).status, 403);
    assert.equal((await ask('HEAD', path, { as: 'ana' })).status, 200);
    // Signing tools read the manifest of what they sign (goharbor/harbor#22650); its content stays held.
    assert.equal((await ask('GET', path, { as: 'ana' })).status, 200);
    assert.equal((await ask('GET', `/v2/tienda/held/blobs/${digestOf(config)}`, { as: 'ana' })).status, 403);
    assert.equal((await ask('GET', path, { as: 'eye' })).status, 200);
    server.verdicts.set(digest, { allow: true });
    assert.equal((await ask('GET', path, { as: 'beto' })).status, 200);
  });

  it('an image cannot walk around by calling itself an artifact or having a subject', async () => {
    const subject = descriptor(Buffer.from('nothing that is here'), MEDIA_TYPE.manifest);
    await put('tienda/sly', 'a', { artifactType: 'application/vnd.example.sbom' });
    await put('tienda/sly', 'b', { subject });
    server.fallback = HELD;
    assert.equal((await ask('GET', '/v2/tienda/sly/manifests/a', { as: 'beto' })).status, 403);
    assert.equal((await ask('GET', '/v2/tienda/sly/manifests/b', { as: 'beto' })).status, 403);
  });

  it('signatures and SBOMs follow their subject, also through another artifact; charts and indexes pass', async () => {
    const held = await put('tienda/follow', '1');
    const artifact = (subject: object | null) => ({
      artifactType: 'application/vnd.example.sbom',
      config: descriptor(empty, MEDIA_TYPE.empty),
      layers: [descriptor(empty, MEDIA_TYPE.empty)],
      ...(subject === null ? {} : { subject }),
    });
    const sbom = artifact({ mediaType: MEDIA_TYPE.manifest, digest: held, size: image().byteLength });
    const sbomDigest = await put('tienda/follow', 'sbom', sbom);
    const size = image(sbom).byteLength;
    await put('tienda/follow', 'sig', artifact({ mediaType: MEDIA_TYPE.manifest, digest: sbomDigest, size }));
    await put('tienda/follow', 'chart', artifact(null));
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [] };
    assert.equal(
      (await putManifest('tienda/follow', 'index', Buffer.from(JSON.stringify(index)), MEDIA_TYPE.index)).status,
      201,
    );
    server.fallback = HELD;
    const status = async (tag: string) =>
      (await ask('GET', `/v2/tienda/follow/manifests/${tag}`, { as: 'beto' })).status;
    assert.deepEqual(
      [await status('sbom'), await status('sig'), await status('chart'), await status('index')],
      [403, 403, 200, 200],
    );
  });

  it('a gate that fails holds', async () => {
    await put('tienda/broken', '1');
    server.verdicts.get = () => {
      throw new Error('the verdicts are away');
    };
    try {
      const get = await ask('GET', '/v2/tienda/broken/manifests/1', { as: 'beto' });
      assert.deepEqual([get.status, get.code()], [403, 'DENIED']);
    } finally {
      Reflect.deleteProperty(server.verdicts, 'get');
    }
  });
});

describe('facts', () => {
  it('states a push with its tag, a pull with its count, a removal with its tags', async () => {
    await pushBlob('tienda/facts', config);
    const bytes = image({ annotations: { for: 'facts' } });
    const digest = digestOf(bytes);
    await putManifest('tienda/facts', 'v1', bytes);
    for (let n = 0; n < 3; n++) await ask('GET', '/v2/tienda/facts/manifests/v1', { as: 'beto' });
    await ask('GET', '/v2/tienda/facts/manifests/v1', { as: 'eye' });
    await server.registry.pulls.flush();
    server.inUse.add(digest);
    const kept = await ask('DELETE', `/v2/tienda/facts/manifests/${digest}`);
    assert.deepEqual([kept.status, kept.code()], [403, 'DENIED']);
    server.inUse.clear();
    assert.equal((await ask('DELETE', `/v2/tienda/facts/manifests/${digest}`)).status, 202);
    await server.journal.settled();
    const facts = await server.journal.query({ projects: ['tienda'], digest, limit: 10, order: 'oldest' });
    assert.deepEqual(
      facts.map(({ kind, actor, subject }) => [kind, actor, subject]),
      [
        ['image.pushed', 'user:ana', 'tienda/facts:v1'],
        ['image.pulled', 'user:beto', 'tienda/facts:v1'],
        ['image.deleted', 'user:ana', `tienda/facts@${digest}`],
      ],
    );
    assert.equal((facts.at(1)?.body as { count: number } | undefined)?.count, 3);
    const pushed = server.pushed.find((one) => one.digest === digest);
    assert.deepEqual([pushed?.project, pushed?.repository, pushed?.tag], ['tienda', 'tienda/facts', 'v1']);
  });
});
