import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  type Digest,
  digestOf,
  isDigest,
  MEDIA_TYPE,
  type ParsedManifest,
  parseManifest,
} from '../../src/oci/index.ts';
import { readConfigFacts } from '../../src/programs/control/image-config.ts';
import { startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';

/** Properties with their full figures under DARSENA_SOAK=1; a seeded slice otherwise. A failure names its seed and try. */
const SOAK = process.env['DARSENA_SOAK'] === '1';
const SEED = Number(process.env['DARSENA_SEED'] ?? 1);
const count = (slice: number, full: number): number => (SOAK ? full : slice);

/** Numbers from a seed, the same on every machine: SHA-256 of seed and position. */
function randomFrom(name: string) {
  let position = 0;
  const next = (): Buffer => createHash('sha256').update(`${SEED} ${name} ${position++}`).digest();
  const below = (n: number): number => next().readUInt32BE(0) % n;
  const pick = <T>(list: readonly T[]): T => {
    const found = list[below(list.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  };
  return { below, pick, bytes: (n: number) => Buffer.concat(Array.from({ length: Math.ceil(n / 32) }, next), n) };
}

let server: TestRegistry;
before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());

async function ask(method: string, path: string, body?: Buffer, type = 'application/octet-stream') {
  const response = await fetch(`${server.url}/v2/${path}`, {
    method,
    headers: { authorization: server.basic('ana'), 'content-type': type },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const code = (): string => (JSON.parse(bytes.toString()) as { errors: { code: string }[] }).errors[0]?.code ?? '';
  return { status: response.status, bytes, code, location: response.headers.get('location') ?? '' };
}

async function stored(): Promise<string[]> {
  const entries = await readdir(server.root, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [`${entry.parentPath}/${entry.name}`] : [])).sort();
}

const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const layer = Buffer.from('a layer');
const descriptor = (bytes: Buffer, mediaType: string) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});
const image = (extra: object = {}): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: descriptor(config, MEDIA_TYPE.config),
    layers: [descriptor(layer, MEDIA_TYPE.layer)],
    ...extra,
  });

describe('content', () => {
  it(`R1: ${count(100, 1000)} blobs that do not match their digest, however they are sent: 400, and nothing is stored`, async () => {
    const random = randomFrom('R1');
    const before = await stored();
    for (let n = 0; n < count(100, 1000); n++) {
      const bytes = random.bytes(random.below(n % 10 === 0 ? 200_000 : 3000));
      const algorithm = random.pick(['sha256', 'sha512'] as const);
      const right = digestOf(bytes, algorithm);
      const [head = '', hex = ''] = right.split(':');
      const flipped = `${head}:${hex.startsWith('0') ? '1' : '0'}${hex.slice(1)}`;
      const wrong = random.pick([
        flipped,
        digestOf(Buffer.concat([bytes, Buffer.from('x')]), algorithm),
        right.toUpperCase(),
        `${head}:${hex.toUpperCase()}A`,
        `${head}:${hex.slice(1)}`,
        `${algorithm === 'sha256' ? 'sha512' : 'sha256'}:${hex}`,
        `md5:${createHash('md5').update(bytes).digest('hex')}`,
        `${right}/../x`,
      ]);
      const query = `?digest=${encodeURIComponent(wrong)}`;
      let answer: Awaited<ReturnType<typeof ask>>;
      if (n % 3 === 0) answer = await ask('POST', `tienda/r1/blobs/uploads/${query}`, bytes);
      else {
        const { location } = await ask('POST', 'tienda/r1/blobs/uploads/');
        const path = location.slice('/v2/'.length);
        const half = n % 3 === 1 ? 0 : bytes.byteLength >> 1;
        if (half > 0) await ask('PATCH', path, bytes.subarray(0, half));
        answer = await ask('PUT', `${path}${query}`, bytes.subarray(half));
        if (!isDigest(wrong)) await ask('DELETE', path);
      }
      assert.deepEqual([answer.status, answer.code()], [400, 'DIGEST_INVALID'], `seed ${SEED}, try ${n}: ${wrong}`);
    }
    assert.deepEqual(await stored(), before);
  });

  it(`R2: ${count(60, 300)} manifests with another digest, missing content or wrong sizes: 400 or 404 in the words of the specification`, async () => {
    const random = randomFrom('R2');
    for (const bytes of [config, layer]) await ask('POST', `tienda/r2/blobs/uploads/?digest=${digestOf(bytes)}`, bytes);
    for (let n = 0; n < count(60, 300); n++) {
      const absent = descriptor(random.bytes(20), MEDIA_TYPE.layer);
      const [text, reference, status, code] = random.pick([
        [image({ n }), digestOf(random.bytes(8)), 400, 'DIGEST_INVALID'],
        [image({ layers: [absent] }), 't', 404, 'MANIFEST_BLOB_UNKNOWN'],
        [image({ config: { ...absent, mediaType: MEDIA_TYPE.config } }), 't', 404, 'MANIFEST_BLOB_UNKNOWN'],
        [
          image({ layers: [{ ...descriptor(layer, MEDIA_TYPE.layer), size: random.below(1000) + 100 }] }),
          't',
          400,
          'MANIFEST_INVALID',
        ],
        [image({ config: { ...descriptor(config, MEDIA_TYPE.config), size: -1 } }), 't', 400, 'MANIFEST_INVALID'],
        [image({ config: { ...descriptor(config, MEDIA_TYPE.config), size: 1.5 } }), 't', 400, 'MANIFEST_INVALID'],
        [image().slice(0, random.below(100) + 1), 't', 400, 'MANIFEST_INVALID'],
      ] as const);
      const put = await ask('PUT', `tienda/r2/manifests/${reference}`, Buffer.from(text), MEDIA_TYPE.manifest);
      assert.deepEqual([put.status, put.code()], [status, code], `seed ${SEED}, try ${n}: ${text.slice(0, 300)}`);
    }
  });
});

describe('one meaning', () => {
  /** As Podman reads it: Go's encoding/json takes any spelling of a key's case, and the last of several. */
  function asGoReads(text: string): { config: unknown; layers: unknown; manifests: unknown } {
    const fold = (key: string): string => key.toUpperCase().toLowerCase();
    const folded = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(folded);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [fold(key), folded(inner)]));
    };
    const root = folded(JSON.parse(text)) as Record<string, unknown>;
    return { config: root['config'], layers: root['layers'], manifests: root['manifests'] };
  }

  const digestsOf = (list: unknown): unknown[] =>
    Array.isArray(list) ? list.map((one: { digest?: unknown }) => one.digest) : [];

  function meaning(parsed: ParsedManifest): unknown {
    return parsed.kind === 'index'
      ? { manifests: parsed.manifests.map((one) => one.digest) }
      : { config: parsed.config.digest, layers: parsed.layers.map((one) => one.digest) };
  }

  it(`R3: ${count(200, 5000)} rewritten manifests: what the registry takes, scanner and verifier read as the engine does`, async () => {
    const random = randomFrom('R3');
    for (const bytes of [config, layer]) await ask('POST', `tienda/r3/blobs/uploads/?digest=${digestOf(bytes)}`, bytes);
    const other = descriptor(config, MEDIA_TYPE.layer);
    const tricks: ((text: string) => string)[] = [
      (text) => text,
      (text) => text.replace('{', `{"Layers":[${JSON.stringify(other)}],`),
      (text) => `${text.slice(0, -1)},"LAYERS":[${JSON.stringify(other)}]}`,
      (text) => `${text.slice(0, -1)},"layer\u017f":[${JSON.stringify(other)}]}`,
      (text) => text.replace('{', '{"layers":[],'),
      (text) => text.replace('"digest"', `"Digest":"${other.digest}","digest"`),
      (text) => `${text.slice(0, -1)},"Config":${JSON.stringify(other)}}`,
      (text) => `${text.slice(0, -1)},"Manifests":[]}`,
      (text) => `${text.slice(0, -1)},"manifests":[]}`,
      (text) => `${text.slice(0, -1)},"fsLayers":[]}`,
      (text) => `\ufeff${text}`,
      (text) => `${text}\n`,
      (text) => `${text}{}`,
      (text) => text.replace(/"size":\d+/, '"size":9007199254740993'),
      (text) => text.replace(/"size":(\d+)/, '"size":$1.0'),
      (text) => text.replace('"mediaType":"application/vnd.oci.image.manifest.v1+json",', ''),
      (text) => text.replace('"layers"', '"l\\u0061yers"'),
      (text) => text.replace('"layers"', '"__proto__":{"layers":[]},"layers"'),
    ];
    let taken = 0;
    for (let n = 0; n < count(200, 5000); n++) {
      let text = image({ annotations: { n: String(n) } });
      for (let tricksLeft = 1 + random.below(2); tricksLeft > 0; tricksLeft--) text = random.pick(tricks)(text);
      const body = Buffer.from(text);
      const put = await ask('PUT', 'tienda/r3/manifests/two', body, MEDIA_TYPE.manifest);
      if (put.status !== 201) {
        assert.deepEqual([put.status, put.code()], [400, 'MANIFEST_INVALID'], text);
        continue;
      }
      taken += 1;
      const found = await server.registry.resolve('tienda/r3', 'two');
      assert.ok(found !== null);
      // The registry knows the Content-Type, the scanner and the verifier only the bytes.
      const atDoor = meaning(parseManifest(body, MEDIA_TYPE.manifest));
      assert.deepEqual(meaning(parseManifest(found.bytes)), atDoor, text);
      const engine = asGoReads(text);
      assert.deepEqual(
        { config: (engine.config as { digest: string }).digest, layers: digestsOf(engine.layers) },
        atDoor,
        `seed ${SEED}, try ${n}: ${text}`,
      );
      assert.equal(engine.manifests, undefined);
    }
    assert.ok(taken > 20, `only ${taken} were taken, so little was compared`);
  });

  it('R3: a configuration whose keys are written otherwise is not read as one thing and run as another', async () => {
    const read = (text: string) =>
      readConfigFacts(
        (async function* () {
          yield Buffer.from(text);
        })(),
      );
    assert.equal((await read('{"config":{"User":"1000"}}')).user, '1000');
    for (const text of [
      '{"config":{"User":"1000","user":"root"}}',
      '{"config":{"USER":"root"}}',
      '{"config":{"User":"1000"},"Config":{"User":"root"}}',
      '{"config":{"U\u017fer":"root"}}',
    ]) {
      await assert.rejects(read(text), /written otherwise/);
    }
  });
});

describe('names', () => {
  /** Many requests on one connection, exactly as written; fetch would tidy their paths. */
  async function statusesOf(paths: readonly string[]): Promise<number[]> {
    const socket: Socket = connect(server.port, '127.0.0.1');
    const authorization = server.basic('ana');
    for (const [index, path] of paths.entries()) {
      const last = index === paths.length - 1 ? 'Connection: close\r\n' : '';
      const lines = `Host: x\r\nAuthorization: ${authorization}\r\n${last}\r\n`;
      socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\n${lines}`, 'latin1'));
    }
    let text = '';
    for await (const chunk of socket) text += (chunk as Buffer).toString('latin1');
    return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
  }

  it(`R8: ${count(2000, 10_000)} hostile names, tags, digests and upload ids: 400, 403 or 404, and no file outside the store`, async () => {
    const random = randomFrom('R8');
    const before = await stored();
    const parts = [
      ...['..', '.', '%2e%2e', '%2E', '%2f', '%5c', '%00', '%0a', '%c0%ae', '%u002e', '~', '\\', 'a', 'tienda', 'web'],
      ...[
        'blobs',
        'uploads',
        'manifests',
        'tags',
        'referrers',
        'sha256:',
        'x'.repeat(300),
        '\u00e1',
        '\u00ff',
        '%',
        '%zz',
      ],
      ...['00000000-0000-7000-8000-000000000000-00000000000000000000000000000000', '/', '//', ';', '@', ':', '*'],
      ...['-', '_', '__', 'A', '%252e%252e', '....', '.hidden', 'con', 'etc/passwd', digestOf(config)],
    ];
    const shapes: ((name: string, reference: string) => string)[] = [
      (name) => `/v2/${name}/tags/list`,
      (name, reference) => `/v2/${name}/manifests/${reference}`,
      (name, reference) => `/v2/tienda/${name}/blobs/${reference}`,
      (_, reference) => `/v2/tienda/web/blobs/${reference}`,
      (_, reference) => `/v2/tienda/web/manifests/${reference}`,
      (name, reference) => `/v2/tienda/${name}/blobs/uploads/${reference}`,
      (_, reference) => `/v2/tienda/web/referrers/${reference}`,
    ];
    const text = (): string =>
      Array.from({ length: 1 + random.below(4) }, () => random.pick(parts)).join(random.pick(['', '/']));
    const tries = count(2000, 10_000);
    for (let asked = 0; asked < tries; ) {
      let paths = Array.from({ length: 50 }, () => random.pick(shapes)(text(), text()));
      while (paths.length > 0) {
        // What node:http itself refuses ends its connection; those behind it are asked on the next one.
        const statuses = await statusesOf(paths);
        assert.ok(statuses.length > 0, `seed ${SEED}: no answer to ${paths[0]}`);
        for (const [index, status] of statuses.entries()) {
          const path = paths[index] ?? '';
          const isList = /^\/v2\/[a-z0-9/._:-]+\/referrers\/sha256:[0-9a-f]{64}$/.test(path) && status === 200;
          // What is left of a name may be the address of another route, which has no GET.
          const isUploads = /\/blobs\/uploads\/?$/.test(path) && status === 405;
          assert.ok([400, 403, 404].includes(status) || isList || isUploads, `seed ${SEED}: ${status} for ${path}`);
        }
        asked += statuses.length;
        paths = paths.slice(statuses.length);
      }
    }
    assert.deepEqual(await stored(), before);
  });
});

describe('deletion', () => {
  it(`R7: ${count(25, 100)} interleavings of push, mount, delete and read: nothing is served where it is not linked`, async () => {
    const random = randomFrom('R7');
    for (let round = 0; round < count(25, 100); round++) {
      const bytes = random.bytes(100);
      const digest: Digest = digestOf(bytes);
      const repositories = ['tienda/r7a', 'tienda/r7b', 'tienda/r7c'];
      const linked = new Set<string>();
      for (let step = 0; step < 14; step++) {
        const repository = random.pick(repositories);
        const from = random.pick(repositories);
        const wasLinked = linked.has(repository);
        switch (random.below(3)) {
          case 0:
            assert.equal((await ask('POST', `${repository}/blobs/uploads/?digest=${digest}`, bytes)).status, 201);
            linked.add(repository);
            break;
          case 1: {
            const mount = await ask('POST', `${repository}/blobs/uploads/?mount=${digest}&from=${from}`);
            assert.equal(mount.status, linked.has(from) ? 201 : 202, `seed ${SEED}, round ${round}, step ${step}`);
            if (mount.status === 201) linked.add(repository);
            break;
          }
          default:
            assert.equal((await ask('DELETE', `${repository}/blobs/${digest}`)).status, wasLinked ? 202 : 404);
            linked.delete(repository);
        }
        for (const one of repositories) {
          const get = await ask('GET', `${one}/blobs/${digest}`);
          assert.equal(get.status, linked.has(one) ? 200 : 404, `seed ${SEED}, round ${round}, step ${step}: ${one}`);
          if (get.status === 200) assert.deepEqual(get.bytes, bytes);
        }
      }
    }
  });
});
