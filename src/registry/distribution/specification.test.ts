import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type DigestAlgorithm, digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import { referrersTag } from '../manifests.ts';
import { startTestRegistry, type TestRegistry } from '../test-registry.ts';

/** What distribution-spec 1.1.1 says and its conformance suite does not ask. */
let server: TestRegistry;
const repository = 'tienda/spec';

before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());
beforeEach(() => {
  server.fallback = { allow: true };
});

async function ask(method: string, path: string, body?: Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/v2/${repository}/${path}`, {
    method,
    headers: { authorization: server.basic('ana'), ...headers },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return {
    status: response.status,
    bytes,
    header: (name: string) => response.headers.get(name),
    code: () => (JSON.parse(bytes.toString()) as { errors: { code: string }[] }).errors[0]?.code,
  };
}

const descriptor = (bytes: Buffer, mediaType: string, algorithm: DigestAlgorithm = 'sha256') => ({
  mediaType,
  digest: digestOf(bytes, algorithm),
  size: bytes.byteLength,
});
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const config = json({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
const empty = Buffer.from('{}');

async function pushBlob(bytes: Buffer, algorithm: DigestAlgorithm = 'sha256'): Promise<void> {
  const put = await ask('POST', `blobs/uploads/?digest=${digestOf(bytes, algorithm)}`, bytes);
  assert.equal(put.status, 201, put.bytes.toString());
}

async function putManifest(bytes: Buffer, reference: string, type: string = MEDIA_TYPE.manifest) {
  return ask('PUT', `manifests/${reference}`, bytes, { 'content-type': type });
}

const image = (extra: object = {}): Buffer =>
  json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: descriptor(config, MEDIA_TYPE.config),
    layers: [],
    ...extra,
  });
const artifact = (extra: object = {}): Buffer =>
  json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    artifactType: 'application/vnd.test.note',
    config: descriptor(empty, MEDIA_TYPE.empty),
    layers: [],
    ...extra,
  });

describe('referrers', () => {
  it('what a client lists at the referrers tag counts too, if it is here and names no other subject', async () => {
    for (const bytes of [config, empty]) await pushBlob(bytes);
    const subject = image({ annotations: { test: 'fallback' } });
    const elsewhere = descriptor(image({ annotations: { test: 'elsewhere' } }), MEDIA_TYPE.manifest);
    const known = artifact({ subject: descriptor(subject, MEDIA_TYPE.manifest), annotations: { n: 'known' } });
    const listed = artifact({ annotations: { n: 'listed' } });
    const foreign = artifact({ subject: elsewhere, annotations: { n: 'foreign' } });
    const absent = artifact({ annotations: { n: 'never pushed' } });
    for (const bytes of [subject, known, listed, foreign]) {
      assert.equal((await putManifest(bytes, digestOf(bytes))).status, 201);
    }
    const index = json({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.index,
      manifests: [known, listed, foreign, absent].map((bytes) => descriptor(bytes, MEDIA_TYPE.manifest)),
    });
    const tag = referrersTag(digestOf(subject));
    assert.equal(tag, digestOf(subject).replace(':', '-'));
    assert.equal((await putManifest(index, tag, MEDIA_TYPE.index)).status, 201);
    const answer = await ask('GET', `referrers/${digestOf(subject)}?artifactType=application/vnd.test.note`);
    const { manifests } = JSON.parse(answer.bytes.toString()) as { manifests: { digest: string }[] };
    assert.deepEqual(manifests.map((one) => one.digest).sort(), [digestOf(known), digestOf(listed)].sort());
    assert.equal(referrersTag(digestOf(subject, 'sha512')).length, 'sha512-'.length + 64);
  });

  it('1,500 referrers come in pages that lose and repeat none', async () => {
    await pushBlob(empty);
    const subject = image({ annotations: { test: 'many' } });
    const one = artifact({ subject: descriptor(subject, MEDIA_TYPE.manifest) });
    assert.equal((await putManifest(one, digestOf(one))).status, 201);
    const { db } = server.registry;
    const row = await db.selectFrom('registry_manifests').selectAll().where('digest', '=', digestOf(one)).execute();
    const others = Array.from({ length: 1499 }, (_, n) => digestOf(Buffer.from(`referrer ${n}`)));
    await db
      .insertInto('registry_manifests')
      .values(others.flatMap((digest) => row.map((columns) => ({ ...columns, digest }))))
      .execute();
    const wanted = new Set<string>([digestOf(one), ...others]);
    const seen: string[] = [];
    for (let next: string | undefined = `referrers/${digestOf(subject)}`; next !== undefined; ) {
      const page = await ask('GET', next);
      const { manifests } = JSON.parse(page.bytes.toString()) as { manifests: { digest: string }[] };
      seen.push(...manifests.map((one) => one.digest));
      next = new RegExp(`^</v2/${repository}/(.*)>; rel="next"$`).exec(page.header('link') ?? '')?.[1];
    }
    assert.equal(seen.length, 1500);
    assert.deepEqual(new Set(seen), wanted);
  });
});

describe('warnings', () => {
  it('what the gate warns of goes out as Warning 299, with a manifest and its HEAD', async () => {
    await pushBlob(config);
    await putManifest(image(), 'warned');
    server.fallback = {
      allow: true,
      warnings: [
        { en: 'the base image ends "soon"', es: '-' },
        { en: 'line\r\nbreak: ñ', es: '-' },
        ...Array.from({ length: 50 }, () => ({ en: 'x'.repeat(1000), es: '-' })),
      ],
    };
    // Somebody else than the pusher, who is told that it arrived without asking the gate.
    const authorization = server.basic('beto');
    for (const method of ['GET', 'HEAD']) {
      const text = (await ask(method, 'manifests/warned', undefined, { authorization })).header('warning') ?? '';
      assert.ok(text.startsWith('299 - "the base image ends \\"soon\\"", 299 - "line??break: ?", 299 - "xxx'), text);
      assert.ok(text.length < 4300, `${text.length} bytes`);
    }
    server.fallback = { allow: true };
    assert.equal((await ask('GET', 'manifests/warned')).header('warning'), null);
  });
});

describe('conditions', () => {
  it('If-None-Match answers 304 for blobs and manifests, weakly and in a list; If-Range guards a range', async () => {
    await pushBlob(config);
    await putManifest(image(), 'etag');
    for (const path of ['manifests/etag', `blobs/${digestOf(config)}`]) {
      const etag = (await ask('GET', path)).header('etag') ?? '';
      for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const answer = await ask('GET', path, undefined, { 'if-none-match': value });
        assert.deepEqual([answer.status, answer.bytes.byteLength], [304, 0], value);
      }
      assert.equal((await ask('GET', path, undefined, { 'if-none-match': '"other"' })).status, 200);
    }
    const blob = `blobs/${digestOf(config)}`;
    const range = (ifRange: string) => ask('GET', blob, undefined, { range: 'bytes=1-3', 'if-range': ifRange });
    assert.equal((await range(`"${digestOf(config)}"`)).status, 206);
    assert.equal((await range('"other"')).status, 200);
  });

  it('If-None-Match says nothing about what may not be read', async () => {
    await putManifest(image(), 'etag');
    server.fallback = { allow: false, code: 'x', reasons: [] };
    const blob = `blobs/${digestOf(config)}`;
    assert.equal((await ask('GET', blob, undefined, { 'if-none-match': '*' })).status, 403);
  });
});

describe('sha512', () => {
  it('works for blobs, manifests, subjects, mounts, ranges and chunked uploads', async () => {
    const layer = Buffer.from('content known by its longer digest');
    const digest = digestOf(layer, 'sha512');
    const start = (await ask('POST', 'blobs/uploads/')).header('location') ?? '';
    const relative = start.slice(`/v2/${repository}/`.length);
    assert.equal((await ask('PATCH', relative, layer.subarray(0, 10))).status, 202);
    assert.equal((await ask('PUT', `${relative}?digest=${digest}`, layer.subarray(10))).status, 201);
    assert.deepEqual((await ask('GET', `blobs/${digest}`)).bytes, layer);
    const part = await ask('GET', `blobs/${digest}`, undefined, { range: 'bytes=-6' });
    assert.deepEqual([part.status, part.bytes.toString()], [206, 'digest']);
    await pushBlob(config, 'sha512');
    const manifest = image({
      config: descriptor(config, MEDIA_TYPE.config, 'sha512'),
      layers: [descriptor(layer, MEDIA_TYPE.layer, 'sha512')],
      subject: descriptor(Buffer.from('absent'), MEDIA_TYPE.manifest, 'sha512'),
    });
    const put = await putManifest(manifest, digestOf(manifest, 'sha512'));
    assert.equal(put.status, 201, put.bytes.toString());
    assert.equal(put.header('docker-content-digest'), digestOf(manifest, 'sha512'));
    assert.equal(put.header('oci-subject'), digestOf(Buffer.from('absent'), 'sha512'));
    assert.deepEqual((await ask('GET', `manifests/${digestOf(manifest, 'sha512')}`)).bytes, manifest);
    const mount = await fetch(`${server.url}/v2/tienda/other/blobs/uploads/?mount=${digest}&from=${repository}`, {
      method: 'POST',
      headers: { authorization: server.basic('ana') },
    });
    assert.equal(mount.status, 201);
  });
});

describe('indexes', () => {
  it('an index of indexes, a sparse one and an empty one are kept as they came', async () => {
    await pushBlob(config);
    await putManifest(image(), 'part');
    const index = (manifests: object[]): Buffer => json({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests });
    const inner = index([descriptor(image(), MEDIA_TYPE.manifest)]);
    const outer = index([
      descriptor(inner, MEDIA_TYPE.index),
      { ...descriptor(Buffer.from('not here'), MEDIA_TYPE.manifest), platform: { architecture: 'arm64', os: 'linux' } },
    ]);
    for (const [tag, bytes] of Object.entries({ inner, outer, none: index([]) })) {
      assert.equal((await putManifest(bytes, tag, MEDIA_TYPE.index)).status, 201);
      const get = await ask('GET', `manifests/${tag}`);
      assert.deepEqual(get.bytes, bytes);
      assert.equal(get.header('content-type'), MEDIA_TYPE.index);
    }
  });
});

describe('error codes', () => {
  it('every code of the specification that this registry can mean has its status', async () => {
    await pushBlob(config);
    const none = digestOf(Buffer.from('nowhere'));
    const id = 'blobs/uploads/00000000-0000-0000-0000-000000000000-00000000000000000000000000000000';
    const seen: [string, number, string | undefined][] = [];
    const note = async (name: string, asked: ReturnType<typeof ask>): Promise<void> => {
      const answer = await asked;
      seen.push([name, answer.status, answer.code()]);
    };
    await note('blob', ask('GET', `blobs/${none}`));
    await note('digest', ask('GET', 'blobs/sha256:short'));
    await note('upload', ask('GET', id));
    await note('mismatch', ask('POST', `blobs/uploads/?digest=${none}`, Buffer.from('other')));
    await note('manifest', ask('GET', `manifests/${none}`));
    await note(
      'manifest blob',
      putManifest(image({ config: { ...descriptor(config, MEDIA_TYPE.config), digest: none } }), 'x'),
    );
    await note('manifest form', putManifest(Buffer.from('{'), 'x'));
    await note('manifest size', putManifest(Buffer.alloc(5_000_000, ' '), 'x'));
    await note('tag', putManifest(image(), '.bad'));
    await note('range', ask('GET', `blobs/${digestOf(config)}`, undefined, { range: 'bytes=9000-' }));
    await note('method', ask('POST', `blobs/${none}`));
    await note('page', ask('GET', 'tags/list?n=-1'));
    await note('name', ask('GET', '../../v2/Ñ/x/tags/list'));
    await note('unknown name', ask('GET', '../nobody/tags/list'));
    const begun = await ask('POST', 'blobs/uploads/');
    const upload = new URL(begun.header('location') ?? '', server.url).pathname.replace(`/v2/${repository}/`, '');
    await note('chunk', ask('PATCH', upload, Buffer.from('x'), { 'content-range': 'all of it' }));
    await note('chunk order', ask('PATCH', upload, Buffer.from('x'), { 'content-range': '7-7' }));
    await note('nobody', ask('GET', 'tags/list', undefined, { authorization: '' }));
    await note('stranger', ask('POST', 'blobs/uploads/', undefined, { authorization: server.basic('beto') }));
    const guess = () => ask('GET', 'tags/list', undefined, { authorization: `Basic ${btoa('nadie:guess')}` });
    for (let tries = 0; tries < 10; tries++) await guess();
    await note('guesses', guess());
    assert.deepEqual(seen, [
      ['blob', 404, 'BLOB_UNKNOWN'],
      ['digest', 400, 'DIGEST_INVALID'],
      ['upload', 404, 'BLOB_UPLOAD_UNKNOWN'],
      ['mismatch', 400, 'DIGEST_INVALID'],
      ['manifest', 404, 'MANIFEST_UNKNOWN'],
      ['manifest blob', 404, 'MANIFEST_BLOB_UNKNOWN'],
      ['manifest form', 400, 'MANIFEST_INVALID'],
      ['manifest size', 413, 'SIZE_INVALID'],
      ['tag', 400, 'MANIFEST_INVALID'],
      ['range', 416, 'SIZE_INVALID'],
      ['method', 405, 'UNSUPPORTED'],
      ['page', 400, 'UNSUPPORTED'],
      ['name', 400, 'NAME_INVALID'],
      ['unknown name', 404, 'NAME_UNKNOWN'],
      ['chunk', 400, 'BLOB_UPLOAD_INVALID'],
      ['chunk order', 416, 'BLOB_UPLOAD_INVALID'],
      ['nobody', 401, 'UNAUTHORIZED'],
      ['stranger', 403, 'DENIED'],
      ['guesses', 429, 'TOOMANYREQUESTS'],
    ]);
  });
});
