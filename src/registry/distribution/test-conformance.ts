import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Dispatcher, request } from 'undici';
import { type Digest, digestOf, MEDIA_TYPE } from '../../oci/index.ts';

/**
 * The cases of the official conformance suite (distribution-spec v1.1.1), each under its official name and in the
 * official order, said again in our own words: the suite itself is a Go program. Requests go out as its client sends
 * them: each one first without credentials, then again with what the 401 asked for.
 */
export interface ConformanceTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly repository: string;
  /** A second repository, that blobs are mounted to. */
  readonly other: string;
  readonly name?: string;
  readonly secret?: string;
  readonly dispatcher?: Dispatcher;
}

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
  readonly header: (name: string) => string;
  readonly json: () => unknown;
}

interface Asked {
  readonly body?: Uint8Array;
  readonly headers?: Record<string, string>;
  readonly query?: Record<string, string>;
}

const OCTETS = { 'content-type': 'application/octet-stream' };
const AS_MANIFEST = { 'content-type': MEDIA_TYPE.manifest };
const NOT_A_REFERENCE = '.INVALID_MANIFEST_NAME';
const NOTE = 'org.opencontainers.conformance.test';
const MISSING = digestOf(Buffer.from('hello world'));

/** The official client: no credentials at first, then those that the challenge asks for. */
export async function askAsClient(
  target: ConformanceTarget,
  method: string,
  path: string,
  asked: Asked = {},
): Promise<Answer> {
  const url = new URL(path, target.origin);
  for (const [key, value] of Object.entries(asked.query ?? {})) url.searchParams.set(key, value);
  const first = await send(target, method, url, asked);
  if (first.status !== 401) return first;
  const authorization = await authorizationFor(target, first.header('www-authenticate'));
  return send(target, method, url, { ...asked, headers: { ...asked.headers, authorization } });
}

async function send(target: ConformanceTarget, method: string, url: URL, asked: Asked): Promise<Answer> {
  const answer = await request(url, {
    method: method as Dispatcher.HttpMethod,
    headers: { 'user-agent': 'conformance', ...asked.headers },
    ...(asked.body === undefined ? {} : { body: Buffer.from(asked.body) }),
    ...(target.dispatcher === undefined ? {} : { dispatcher: target.dispatcher }),
  });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  return {
    status: answer.statusCode,
    bytes,
    header: (name) => String(answer.headers[name] ?? ''),
    json: () => JSON.parse(bytes.toString()),
  };
}

async function authorizationFor(target: ConformanceTarget, challenge: string): Promise<string> {
  const basic = `Basic ${Buffer.from(`${target.name}:${target.secret}`).toString('base64')}`;
  if (!/bearer/i.test(challenge)) return basic;
  const part = (name: string): string => new RegExp(`${name}="(.+?)"`).exec(challenge)?.[1] ?? '';
  const url = new URL(part('realm'));
  url.searchParams.set('service', part('service'));
  if (part('scope') !== '') url.searchParams.set('scope', part('scope'));
  const answer = await send(target, 'GET', url, { headers: { authorization: basic, accept: 'application/json' } });
  assert.equal(answer.status, 200, `the token endpoint answered ${answer.status}`);
  return `Bearer ${(answer.json() as { token: string }).token}`;
}

interface TagList {
  readonly tags: string[];
}

interface ReferrerList {
  readonly manifests: { digest: string; annotations?: Record<string, string> }[];
}

/**
 * Defines the whole suite against a registry; call inside a test file. `target` is asked when the tests run.
 * @param lacks official names of cases that this registry is known not to pass, with the reason
 * @returns the official names in the order of this list, for comparison with the official one
 */
export function defineConformance(target: () => ConformanceTarget, lacks: ReadonlyMap<string, string> = new Map()) {
  const names: string[] = [];
  const context = (name: string, body: () => void): void => {
    names.push(`Context("${name}"`);
    describe(name, body);
  };
  const specify = (name: string, body: () => Promise<void>): void => {
    names.push(`Specify("${name}"`);
    const reason = lacks.get(name);
    if (reason === undefined) it(name, body);
    else it(name, { skip: reason }, body);
  };
  /** Named by the suite, but only one of a pair can run against one registry. */
  const leaveOut = (name: string): void => {
    names.push(`Specify("${name}"`);
  };

  const at = (path: string): string => (path.startsWith('/') ? path : `/v2/${target().repository}/${path}`);
  const ask = (method: string, path: string, asked: Asked = {}) => askAsClient(target(), method, at(path), asked);
  /** As the official client does: scheme and host of a Location are dropped. */
  const locationOf = (answer: Answer): string => {
    const url = new URL(answer.header('location'), target().origin);
    return url.pathname + url.search;
  };
  const isDone = (answer: Answer, ...others: number[]): void => {
    const fine = (answer.status >= 200 && answer.status < 300) || others.includes(answer.status);
    assert.ok(fine, `${answer.status} ${answer.bytes}`);
  };
  const isStatus = (answer: Answer, ...statuses: number[]): void => {
    assert.ok(statuses.includes(answer.status), `${answer.status}, not ${statuses.join(' or ')}: ${answer.bytes}`);
  };

  const pushBlob = async (bytes: Uint8Array): Promise<void> => {
    const start = await ask('POST', 'blobs/uploads/');
    const put = await ask('PUT', locationOf(start), {
      query: { digest: digestOf(bytes) },
      headers: OCTETS,
      body: bytes,
    });
    isDone(put);
  };
  const pushManifest = async (bytes: Uint8Array, reference: string, type: string = MEDIA_TYPE.manifest) => {
    const put = await ask('PUT', `manifests/${reference}`, { headers: { 'content-type': type }, body: bytes });
    isDone(put);
    return put;
  };
  const remove = async (path: string, ...others: number[]): Promise<void> => {
    isDone(await ask('DELETE', path), 405, ...others);
  };

  // Content of its own for each workflow, so that one workflow's teardown takes nothing from another.
  const indented = (value: object): Buffer => Buffer.from(JSON.stringify(value, null, '\t'));
  const descriptor = (bytes: Uint8Array, mediaType: string) => ({
    mediaType,
    size: bytes.byteLength,
    digest: digestOf(bytes),
  });
  const config = (): Buffer =>
    indented({
      author: randomBytes(8).toString('hex'),
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [] },
    });
  const layer = gzipSync(Buffer.alloc(1024));
  const imageOf = (configBytes: Buffer, layers: readonly Buffer[], withType = true): Buffer =>
    indented({
      schemaVersion: 2,
      ...(withType ? { mediaType: MEDIA_TYPE.manifest } : {}),
      config: {
        ...descriptor(configBytes, MEDIA_TYPE.config),
        data: configBytes.toString('base64'),
        newUnspecifiedField: Buffer.from('hello world').toString('base64'),
      },
      layers: layers.map((bytes) => descriptor(bytes, MEDIA_TYPE.layerGzip)),
    });
  const workflows = Array.from({ length: 5 }, () => {
    const bytes = config();
    return { config: bytes, image: imageOf(bytes, [layer]) };
  });
  const workflow = (index: number): { config: Buffer; image: Buffer } => {
    const found = workflows[index];
    assert.ok(found !== undefined);
    return found;
  };

  describe('Pull', () => {
    const first = workflow(0);
    const second = { config: config() };
    const secondImage = imageOf(second.config, [layer]);
    const images = [first.image, secondImage];
    context('Setup', () => {
      specify('Populate registry with test blob', () => pushBlob(first.config));
      specify('Populate registry with test blob', () => pushBlob(second.config));
      specify('Populate registry with test layer', () => pushBlob(layer));
      specify('Populate registry with test manifest', async () => {
        await pushManifest(first.image, 'tagtest0');
      });
      specify('Populate registry with test manifest', async () => {
        await pushManifest(secondImage, digestOf(secondImage));
      });
      specify('Get tag name from environment', async () => {
        const list = await ask('GET', 'tags/list');
        assert.ok((list.json() as TagList).tags.includes('tagtest0'));
      });
    });
    context('Pull blobs', () => {
      specify('HEAD request to nonexistent blob should result in 404 response', async () => {
        isStatus(await ask('HEAD', `blobs/${MISSING}`), 404);
      });
      specify('HEAD request to existing blob should yield 200', async () => {
        const head = await ask('HEAD', `blobs/${digestOf(first.config)}`);
        isStatus(head, 200);
        assert.equal(head.header('docker-content-digest'), digestOf(first.config));
        assert.equal(head.header('content-length'), String(first.config.byteLength));
      });
      specify('GET nonexistent blob should result in 404 response', async () => {
        isStatus(await ask('GET', `blobs/${MISSING}`), 404);
      });
      specify('GET request to existing blob URL should yield 200', async () => {
        const get = await ask('GET', `blobs/${digestOf(first.config)}`);
        isStatus(get, 200);
        assert.deepEqual(get.bytes, first.config);
      });
    });
    context('Pull manifests', () => {
      specify('HEAD request to nonexistent manifest should return 404', async () => {
        isStatus(await ask('HEAD', `manifests/${NOT_A_REFERENCE}`), 404);
      });
      for (const [index, image] of images.entries()) {
        specify(`HEAD request to manifest[${index}] path (digest) should yield 200 response`, async () => {
          const head = await ask('HEAD', `manifests/${digestOf(image)}`, { headers: { accept: MEDIA_TYPE.manifest } });
          isStatus(head, 200);
          assert.equal(head.header('docker-content-digest'), digestOf(image));
        });
      }
      specify('HEAD request to manifest path (tag) should yield 200 response', async () => {
        const head = await ask('HEAD', 'manifests/tagtest0', { headers: { accept: MEDIA_TYPE.manifest } });
        isStatus(head, 200);
        assert.equal(head.header('docker-content-digest'), digestOf(first.image));
      });
      specify('GET nonexistent manifest should return 404', async () => {
        isStatus(await ask('GET', `manifests/${NOT_A_REFERENCE}`), 404);
      });
      for (const [index, image] of images.entries()) {
        specify(`GET request to manifest[${index}] path (digest) should yield 200 response`, async () => {
          const get = await ask('GET', `manifests/${digestOf(image)}`, { headers: { accept: MEDIA_TYPE.manifest } });
          isStatus(get, 200);
          assert.deepEqual(get.bytes, image);
        });
      }
      specify('GET request to manifest path (tag) should yield 200 response', async () => {
        const get = await ask('GET', 'manifests/tagtest0', { headers: { accept: MEDIA_TYPE.manifest } });
        isStatus(get, 200);
        assert.equal(get.header('content-type'), MEDIA_TYPE.manifest);
        assert.deepEqual(get.bytes, first.image);
      });
    });
    context('Error codes', () => {
      specify('400 response body should contain OCI-conforming JSON message', async () => {
        const put = await ask('PUT', 'manifests/sha256:totallywrong', {
          headers: AS_MANIFEST,
          body: Buffer.from('blablabla'),
        });
        isStatus(put, 400, 404);
        if (put.status !== 400) return;
        const [error] = (put.json() as { errors: { code: string; message: string }[] }).errors;
        assert.ok(error !== undefined);
        assert.match(error.code, /^(DIGEST|MANIFEST|NAME)_INVALID$/);
        assert.equal(typeof error.message, 'string');
      });
    });
    context('Teardown', () => {
      for (const [index, image] of images.entries()) {
        specify(`Delete manifest[${index}] created in setup`, () => remove(`manifests/${digestOf(image)}`));
      }
      for (const [index, { config: bytes }] of [first, second].entries()) {
        specify(`Delete config[${index}] blob created in setup`, () => remove(`blobs/${digestOf(bytes)}`, 404));
      }
      specify('Delete layer blob created in setup', () => remove(`blobs/${digestOf(layer)}`, 404));
      for (const [index, image] of images.entries()) {
        // The suite has each of these twice, before and after the blobs, and runs one of the two.
        specify(`Delete manifest[${index}] created in setup`, () => remove(`manifests/${digestOf(image)}`, 404));
      }
    });
  });

  describe('Push', () => {
    const streamed = randomBytes(42);
    const chunked = randomBytes(42);
    const { config: pushed, image } = workflow(1);
    const noLayers = imageOf(pushed, [], false);
    let last: Answer;
    let began: Answer;
    const uploadsOfOther = (): string => `/v2/${target().other}/blobs/uploads/`;

    context('Setup', () => {
      // Empty in the official suite as well.
    });
    context('Blob Upload Streamed', () => {
      specify('PATCH request with blob in body should yield 202 response', async () => {
        const start = await ask('POST', 'blobs/uploads/');
        last = await ask('PATCH', locationOf(start), { headers: OCTETS, body: streamed });
        isStatus(last, 202);
      });
      specify('PUT request to session URL with digest should yield 201 response', async () => {
        const put = await ask('PUT', locationOf(last), { query: { digest: digestOf(streamed) }, headers: OCTETS });
        isStatus(put, 201);
        assert.match(put.header('location'), new RegExp(`/blobs/${digestOf(streamed)}$`));
      });
    });
    context('Blob Upload Monolithic', () => {
      const whole = config();
      specify('GET nonexistent blob should result in 404 response', async () => {
        isStatus(await ask('GET', `blobs/${MISSING}`), 404);
      });
      specify('POST request with digest and blob should yield a 201 or 202', async () => {
        last = await ask('POST', 'blobs/uploads/', {
          query: { digest: digestOf(whole) },
          headers: OCTETS,
          body: whole,
        });
        isStatus(last, 201, 202);
        assert.notEqual(last.header('location'), '');
      });
      specify('GET request to blob URL from prior request should yield 200 or 404 based on response code', async () => {
        isStatus(await ask('GET', `blobs/${digestOf(whole)}`), last.status === 201 ? 200 : 404);
      });
      specify('POST request should yield a session ID', async () => {
        last = await ask('POST', 'blobs/uploads/');
        isStatus(last, 202);
        assert.notEqual(last.header('location'), '');
      });
      specify('PUT upload of a blob should yield a 201 Response', async () => {
        const put = await ask('PUT', locationOf(last), {
          query: { digest: digestOf(pushed) },
          headers: OCTETS,
          body: pushed,
        });
        isStatus(put, 201);
        assert.notEqual(put.header('location'), '');
      });
      specify('GET request to existing blob should yield 200 response', async () => {
        isStatus(await ask('GET', `blobs/${digestOf(pushed)}`), 200);
      });
      specify('PUT upload of a layer blob should yield a 201 Response', () => pushBlob(layer));
      specify('GET request to existing layer should yield 200 response', async () => {
        isStatus(await ask('GET', `blobs/${digestOf(layer)}`), 200);
      });
    });
    context('Blob Upload Chunked', () => {
      const chunk = (start: number, end: number): Asked => ({
        headers: { ...OCTETS, 'content-range': `${start}-${end - 1}` },
        body: chunked.subarray(start, end),
      });
      specify('Out-of-order blob upload should return 416', async () => {
        const start = await ask('POST', 'blobs/uploads/', { headers: { 'content-length': '0' } });
        assert.notEqual(start.header('location'), '');
        isStatus(await ask('PATCH', locationOf(start), chunk(21, 42)), 416);
      });
      specify('PATCH request with first chunk should return 202', async () => {
        began = await ask('POST', 'blobs/uploads/', { headers: { 'content-length': '0' } });
        last = await ask('PATCH', locationOf(began), chunk(0, 21));
        isStatus(last, 202);
        assert.equal(last.header('range'), '0-20');
      });
      specify('Retry previous blob chunk should return 416', async () => {
        isStatus(await ask('PATCH', locationOf(began), chunk(0, 21)), 416);
      });
      specify('Get on stale blob upload should return 204 with a range and location', async () => {
        last = await ask('GET', locationOf(began));
        isStatus(last, 204);
        assert.equal(last.header('range'), '0-20');
        assert.notEqual(last.header('location'), '');
      });
      specify('PATCH request with second chunk should return 202', async () => {
        last = await ask('PATCH', locationOf(last), chunk(21, 42));
        isStatus(last, 202);
        assert.notEqual(last.header('location'), '');
      });
      specify('PUT request with digest should return 201', async () => {
        const put = await ask('PUT', locationOf(last), {
          query: { digest: digestOf(chunked) },
          headers: { ...OCTETS, 'content-length': '0' },
        });
        isStatus(put, 201);
        assert.deepEqual((await ask('GET', `blobs/${digestOf(chunked)}`)).bytes, chunked);
      });
    });
    context('Cross-Repository Blob Mount', () => {
      specify('Cross-mounting of a blob without the from argument should yield session id', async () => {
        const post = await ask('POST', uploadsOfOther(), { query: { mount: MISSING } });
        isStatus(post, 202);
        assert.notEqual(post.header('location'), '');
      });
      specify("POST request to mount another repository's blob should return 201 or 202", async () => {
        last = await ask('POST', uploadsOfOther(), {
          query: { mount: digestOf(streamed), from: target().repository },
        });
        isStatus(last, 201, 202);
      });
      specify('GET request to test digest within cross-mount namespace should return 200', async () => {
        assert.equal(last.status, 201, 'the blob was mounted, not begun as an upload');
        assert.equal(locationOf(last), `/v2/${target().other}/blobs/${digestOf(streamed)}`);
        const get = await ask('GET', locationOf(last));
        isStatus(get, 200);
        assert.deepEqual(get.bytes, streamed);
      });
      specify('Cross-mounting of nonexistent blob should yield session id', async () => {
        const post = await ask('POST', uploadsOfOther(), { query: { mount: MISSING, from: target().repository } });
        isStatus(post, 202);
        assert.ok(locationOf(post).startsWith(uploadsOfOther()));
      });
      // The suite runs one of these two: ours is a registry without automatic discovery, which would cross tenants.
      leaveOut('Cross-mounting without from, and automatic content discovery enabled should return a 201');
      specify('Cross-mounting without from, and automatic content discovery disabled should return a 202', async () => {
        isStatus(await ask('POST', uploadsOfOther(), { query: { mount: digestOf(streamed) } }), 202);
      });
    });
    context('Manifest Upload', () => {
      specify('GET nonexistent manifest should return 404', async () => {
        isStatus(await ask('GET', `manifests/${NOT_A_REFERENCE}`), 404);
      });
      specify('PUT should accept a manifest upload', async () => {
        for (const tag of ['test0', 'test1', 'test2', 'test3']) {
          const put = await pushManifest(image, tag);
          isStatus(put, 201);
          assert.notEqual(put.header('location'), '');
        }
      });
      specify('Registry should accept a manifest upload with no layers', async () => {
        isStatus(await pushManifest(noLayers, 'emptylayer'), 201);
      });
      specify('GET request to manifest URL (digest) should yield 200 response', async () => {
        const get = await ask('GET', `manifests/${digestOf(image)}`, { headers: { accept: MEDIA_TYPE.manifest } });
        isStatus(get, 200);
        assert.deepEqual(get.bytes, image);
      });
    });
    context('Teardown', () => {
      specify('Delete manifest created in tests', async () => {
        await remove(`manifests/${digestOf(image)}`);
        await remove(`manifests/${digestOf(noLayers)}`);
      });
      specify('Delete config blob created in tests', () => remove(`blobs/${digestOf(pushed)}`, 404));
      specify('Delete layer blob created in setup', () => remove(`blobs/${digestOf(layer)}`, 404));
      specify('Delete manifest created in tests', () => remove(`manifests/${digestOf(image)}`, 404));
    });
  });

  describe('Content Discovery', () => {
    const tagged = workflow(2);
    const absent = workflow(3);
    const subject = workflow(4);
    const empty = Buffer.from('{}');
    const contents = { a: Buffer.from('bytes of reference a'), b: Buffer.from('bytes of reference b') };
    const types = { a: 'application/vnd.test.bagel', b: 'application/vnd.test.croissant' };
    /** One whose config says what it is, and one that says it by itself. */
    const referrer = (kind: 'a' | 'b', says: 'config' | 'layer', of: Buffer, note: string | null): Buffer =>
      indented({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        ...(says === 'layer' ? { artifactType: types[kind] } : {}),
        config: says === 'layer' ? descriptor(empty, MEDIA_TYPE.empty) : descriptor(contents[kind], types[kind]),
        layers: [says === 'layer' ? descriptor(contents[kind], types[kind]) : descriptor(empty, MEDIA_TYPE.empty)],
        subject: descriptor(of, MEDIA_TYPE.manifest),
        ...(note === null ? {} : { annotations: { [NOTE]: note } }),
      });
    const aByConfig = referrer('a', 'config', subject.image, 'test config a');
    const aByLayer = referrer('a', 'layer', subject.image, 'test layer a');
    const bByConfig = referrer('b', 'config', subject.image, 'test config b');
    const bByLayer = referrer('b', 'layer', subject.image, 'test layer b');
    const ofAbsent = referrer('b', 'layer', absent.image, null);
    const list = indented({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.index,
      artifactType: 'application/vnd.test.stand',
      manifests: [descriptor(aByConfig, MEDIA_TYPE.manifest), descriptor(aByLayer, MEDIA_TYPE.manifest)],
      subject: descriptor(subject.image, MEDIA_TYPE.manifest),
      annotations: { [NOTE]: 'test index' },
    });
    const notes = new Map<Digest, string>([
      [digestOf(aByConfig), 'test config a'],
      [digestOf(aByLayer), 'test layer a'],
      [digestOf(bByConfig), 'test config b'],
      [digestOf(bByLayer), 'test layer b'],
      [digestOf(list), 'test index'],
    ]);
    const all = [list, tagged.image, subject.image, aByConfig, aByLayer, bByConfig, bByLayer, ofAbsent];
    let tags: string[] = [];
    const tagsOf = async (query: Record<string, string> = {}): Promise<string[]> => {
      const answer = await ask('GET', 'tags/list', { query });
      isStatus(answer, 200);
      return (answer.json() as TagList).tags;
    };
    const referrersOf = async (digest: string, query: Record<string, string> = {}) => {
      const answer = await ask('GET', `referrers/${digest}`, { query });
      isStatus(answer, 200);
      assert.equal(answer.header('content-type'), MEDIA_TYPE.index);
      return { answer, manifests: (answer.json() as ReferrerList).manifests };
    };
    const isNoted = (manifests: ReferrerList['manifests']): void => {
      for (const { digest, annotations } of manifests) {
        assert.deepEqual(annotations, { [NOTE]: notes.get(digest as Digest) });
      }
    };

    context('Setup', () => {
      specify('Populate registry with test blob', () => pushBlob(tagged.config));
      specify('Populate registry with test layer', () => pushBlob(layer));
      specify('Populate registry with test tags', async () => {
        for (const tag of ['test0', 'test1', 'test2', 'test3']) await pushManifest(tagged.image, tag);
      });
      specify('Populate registry with test tags (no push)', async () => {
        assert.equal((await tagsOf()).length, 4);
      });
      specify('References setup', async () => {
        await pushBlob(empty);
        await pushBlob(contents.a);
        const refersTo = async (bytes: Buffer, of: Buffer, type: string = MEDIA_TYPE.manifest): Promise<void> => {
          const put = await pushManifest(bytes, digestOf(bytes), type);
          assert.equal(put.header('oci-subject'), digestOf(of));
        };
        // Before the image that they speak of is there, and after.
        await refersTo(aByConfig, subject.image);
        await refersTo(aByLayer, subject.image);
        await refersTo(list, subject.image, MEDIA_TYPE.index);
        await pushBlob(subject.config);
        await pushBlob(layer);
        await pushManifest(subject.image, 'tagtest0');
        await pushBlob(contents.b);
        await refersTo(bByConfig, subject.image);
        await refersTo(bByLayer, subject.image);
        await refersTo(ofAbsent, absent.image);
      });
    });
    context('Test content discovery endpoints (listing tags)', () => {
      specify('GET request to list tags should yield 200 response', async () => {
        tags = await tagsOf();
        assert.deepEqual(tags, ['tagtest0', 'test0', 'test1', 'test2', 'test3']);
      });
      specify('GET number of tags should be limitable by `n` query parameter', async () => {
        assert.deepEqual(await tagsOf({ n: '2' }), tags.slice(0, 2));
      });
      specify('GET start of tag is set by `last` query parameter', async () => {
        assert.deepEqual(await tagsOf({ n: '2', last: tags[1] ?? '' }), tags.slice(2, 4));
      });
    });
    context('Test content discovery endpoints (listing references)', () => {
      specify('GET request to nonexistent blob should result in empty 200 response', async () => {
        assert.deepEqual((await referrersOf(MISSING)).manifests, []);
      });
      specify('GET request to existing blob should yield 200', async () => {
        const { manifests } = await referrersOf(digestOf(subject.image));
        assert.deepEqual(new Set(manifests.map((one) => one.digest)), new Set(notes.keys()));
        isNoted(manifests);
      });
      specify('GET request to existing blob with filter should yield 200', async () => {
        const { answer, manifests } = await referrersOf(digestOf(subject.image), { artifactType: types.a });
        assert.equal(answer.header('oci-filters-applied'), 'artifactType');
        assert.equal(manifests.length, 2);
        isNoted(manifests);
      });
      specify('GET request to missing manifest should yield 200', async () => {
        const { manifests } = await referrersOf(digestOf(absent.image));
        assert.deepEqual(
          manifests.map((one) => one.digest),
          [digestOf(ofAbsent)],
        );
      });
    });
    context('Teardown', () => {
      specify('Delete created manifest & associated tags', async () => {
        for (const bytes of all) await remove(`manifests/${digestOf(bytes)}`, 404);
      });
      specify('Delete config blob created in tests', () => remove(`blobs/${digestOf(tagged.config)}`, 404));
      specify('Delete layer blob created in setup', () => remove(`blobs/${digestOf(layer)}`, 404));
      specify('Delete created manifest & associated tags', async () => {
        for (const bytes of all) await remove(`manifests/${digestOf(bytes)}`, 404);
      });
      specify('References teardown', async () => {
        for (const bytes of [subject.config, contents.a, contents.b, empty]) {
          await remove(`blobs/${digestOf(bytes)}`, 404);
        }
      });
    });
  });

  describe('Content Management', () => {
    const { config: managed, image } = workflow(3);
    let count = 0;
    context('Setup', () => {
      specify('Populate registry with test config blob', () => pushBlob(managed));
      specify('Populate registry with test layer', () => pushBlob(layer));
      specify('Populate registry with test tag', async () => {
        await pushManifest(image, 'tagtest0');
      });
      specify('Check how many tags there are before anything gets deleted', async () => {
        const answer = await ask('GET', 'tags/list');
        isStatus(answer, 200);
        count = (answer.json() as TagList).tags.length;
      });
    });
    context('Manifest delete', () => {
      specify(
        'DELETE request to manifest tag should return 202, unless tag deletion is disallowed (400/405)',
        async () => {
          isStatus(await ask('DELETE', 'manifests/tagtest0'), 202, 400, 405);
        },
      );
      specify('DELETE request to manifest (digest) should yield 202 response unless already deleted', async () => {
        isStatus(await ask('DELETE', `manifests/${digestOf(image)}`), 202, 404);
      });
      specify(
        'GET request to deleted manifest URL should yield 404 response, unless delete is disallowed',
        async () => {
          isStatus(await ask('GET', `manifests/${digestOf(image)}`), 404);
        },
      );
      specify('GET request to tags list should reflect manifest deletion', async () => {
        const answer = await ask('GET', 'tags/list');
        isStatus(answer, 200);
        assert.ok((answer.json() as TagList).tags.length < count);
      });
    });
    context('Blob delete', () => {
      specify('DELETE request to blob URL should yield 202 response', async () => {
        for (const bytes of [managed, layer]) isStatus(await ask('DELETE', `blobs/${digestOf(bytes)}`), 202);
      });
      specify('GET request to deleted blob URL should yield 404 response', async () => {
        isStatus(await ask('GET', `blobs/${digestOf(managed)}`), 404);
      });
    });
    context('Teardown', () => {
      // Empty in the official suite as well.
    });
  });
  return names;
}
