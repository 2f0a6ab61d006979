import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { RegistryClient, readVia } from './client.ts';
import { SECRET, startTestRegistry, type TestRegistry } from './test-registry.ts';

let server: TestRegistry;
let client: RegistryClient;

before(async () => {
  server = await startTestRegistry();
  client = clientFor(server.host);
});
after(async () => {
  await client.close();
  await server.close();
});

function clientFor(host: string): RegistryClient {
  const credentials = { name: 'ana', secret: SECRET };
  return new RegistryClient({ host, scheme: 'http', credentials, networks: ['127.0.0.0/8'] });
}

async function* pieces(...bytes: Buffer[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of bytes) all.push(piece);
  return Buffer.concat(all);
}

/** A registry that misbehaves in one way. */
async function withServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (host: string) => Promise<void>,
): Promise<void> {
  const bad = createServer(answer);
  await new Promise<void>((resolve) => bad.listen(0, '127.0.0.1', resolve));
  try {
    await use(`127.0.0.1:${(bad.address() as AddressInfo).port}`);
  } finally {
    bad.closeAllConnections();
    await new Promise((resolve) => bad.close(resolve));
  }
}

const config = Buffer.from('{"architecture":"amd64"}');
const blob = { digest: digestOf(config), size: config.byteLength };

describe('RegistryClient', () => {
  it('pushes and pulls through the token flow, and lists tags', async () => {
    await client.putBlob('tienda/client', blob, () => pieces(config));
    await client.putBlob('tienda/client', blob, () => assert.fail('it is there already'));
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { mediaType: MEDIA_TYPE.config, ...blob },
        layers: [],
      }),
    );
    const digest = await client.putManifest('tienda/client', 'v1', {
      bytes: manifest,
      mediaType: MEDIA_TYPE.manifest,
    });
    const got = await client.getManifest('tienda/client', 'v1');
    assert.deepEqual([got.digest, got.mediaType], [digest, MEDIA_TYPE.manifest]);
    assert.deepEqual(await readAll(client.getBlob('tienda/client', blob)), config);
    assert.deepEqual(await client.listTags('tienda/client', 100), ['v1']);
  });

  it('says what the registry said when it refuses', async () => {
    await assert.rejects(client.getManifest('otro/web', 'v1'), {
      code: 'registry.remote-refused',
      message: /may not pull in otro\/web/,
    });
  });

  it('content that is not its digest, too short or too long does not get through', async () => {
    for (const [body, code] of [
      ['{"architecture":"AMD64"}', 'registry.digest-mismatch'],
      ['short', 'registry.size-mismatch'],
      ['x'.repeat(5000), 'registry.size-mismatch'],
    ] as const) {
      await withServer(
        (_request, response) => response.end(body),
        async (host) => {
          const other = clientFor(host);
          await assert.rejects(readAll(other.getBlob('a/b', blob)), { code });
          await assert.rejects(other.getManifest('a/b', blob.digest), { code: 'registry.digest-mismatch' });
          await other.close();
        },
      );
    }
  });

  it('a redirect to a place that is not listed is not followed, and credentials stay home', async () => {
    const seen: string[] = [];
    await withServer(
      (request, response) => {
        seen.push(`${request.url} ${request.headers.authorization ?? ''}`);
        response.end('secret of the metadata service');
      },
      async (inner) => {
        for (const location of [`http://${inner}/latest/meta-data`, `https://${inner}/x`, 'file:///etc/passwd', '']) {
          await withServer(
            (_request, response) => {
              response.writeHead(307, { location });
              response.end();
            },
            async (host) => {
              const other = clientFor(host);
              await assert.rejects(readAll(other.getBlob('a/b', blob)), { code: 'registry.remote-redirect' });
              await other.close();
            },
          );
        }
        await withServer(
          (_request, response) => {
            response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${inner}/token",service="x"` });
            response.end();
          },
          async (host) => {
            const other = clientFor(host);
            await assert.rejects(other.getManifest('a/b', 'v1'), { code: 'registry.remote-redirect' });
            await other.close();
          },
        );
      },
    );
    assert.deepEqual(seen, []);
  });

  it('an endless manifest is cut at the limit', async () => {
    await withServer(
      (_request, response) => {
        const timer = setInterval(() => response.write(Buffer.alloc(1024 * 1024, ' ')), 1);
        response.on('close', () => clearInterval(timer));
      },
      async (host) => {
        const other = clientFor(host);
        await assert.rejects(other.getManifest('a/b', 'v1'), { code: 'registry.blob-too-large' });
        await other.close();
      },
    );
  });

  it('a blob that is cut goes on by Range where it was, also at a registry without ranges', async () => {
    const bytes = Buffer.from(Array.from({ length: 400_000 }, (_, at) => at % 251));
    const large = { digest: digestOf(bytes), size: bytes.byteLength };
    for (const knowsRanges of [true, false]) {
      const asked: (string | undefined)[] = [];
      await withServer(
        (request, response) => {
          const { range } = request.headers;
          asked.push(range);
          const start = knowsRanges ? Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0) : 0;
          const rest = bytes.subarray(start);
          response.writeHead(start === 0 ? 200 : 206, {
            'content-length': rest.byteLength,
            ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
          });
          if (asked.length > 2) return void response.end(rest);
          return void response.write(rest.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
        },
        async (host) => {
          const other = clientFor(host);
          assert.deepEqual(await readAll(other.getBlob('a/b', large)), bytes);
          await other.close();
        },
      );
      assert.equal(asked.length, 3);
      assert.equal(asked[0], undefined);
      assert.match(asked[1] ?? '', /^bytes=\d{5,6}-$/);
    }
  });

  it('an upload that is cut goes on where the other side says it is', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 253));
    const large = { digest: digestOf(bytes), size: bytes.byteLength };
    const arrived: Buffer[] = [];
    const count = (): number => arrived.reduce((sum, piece) => sum + piece.byteLength, 0);
    let cuts = 0;
    await withServer(
      (request, response) => {
        const location = { location: '/v2/a/b/blobs/uploads/1' };
        if (request.method === 'HEAD') return void response.writeHead(404).end();
        if (request.method === 'POST') return void response.writeHead(202, location).end();
        if (request.method === 'GET') {
          return void response.writeHead(204, { ...location, range: `0-${count() - 1}` }).end();
        }
        if (request.method === 'PUT') {
          const isWhole = digestOf(Buffer.concat(arrived)) === large.digest;
          return void response.writeHead(isWhole ? 201 : 400).end();
        }
        request.on('data', (piece: Buffer) => {
          arrived.push(piece);
          if (cuts > 0 || count() < 100_000) return;
          cuts += 1;
          request.removeAllListeners('data');
          request.socket.destroy();
        });
        request.on('end', () => response.writeHead(202, location).end());
        return undefined;
      },
      async (host) => {
        const other = clientFor(host);
        const offsets: number[] = [];
        const source = async function* (offset: number) {
          offsets.push(offset);
          for (let at = offset; at < bytes.byteLength; at += 10_000) yield bytes.subarray(at, at + 10_000);
        };
        assert.equal(await other.putBlob('a/b', large, source), 'sent');
        assert.equal(offsets.length, 2);
        assert.ok((offsets[1] ?? 0) >= 100_000, String(offsets[1]));
        await other.close();
      },
    );
  });

  it('a busy registry is asked again, a missing name is not, and a loop is told', async () => {
    let answers = 0;
    await withServer(
      (_request, response) => {
        answers += 1;
        response.writeHead(answers < 3 ? 503 : 508).end();
      },
      async (host) => {
        const other = clientFor(host);
        await assert.rejects(other.getManifest('a/b', 'v1'), { code: 'registry.remote-loop' });
        assert.equal(answers, 3);
        await other.close();
      },
    );
    await assert.rejects(client.getManifest('tienda/client', 'v9'), { code: 'registry.remote-missing' });
  });

  it('says through whom a question came', async () => {
    const seen: string[] = [];
    await withServer(
      (request, response) => {
        seen.push(String(request.headers['darsena-via']));
        response.writeHead(404).end();
      },
      async (host) => {
        const other = new RegistryClient(
          { host, scheme: 'http', networks: ['127.0.0.0/8'] },
          { instance: 'aaaaaaaaaaaaaaaa' },
        );
        assert.equal(await other.headManifest('a/b', 'v1', { via: ['bbbbbbbbbbbbbbbb'] }), null);
        await other.close();
      },
    );
    assert.deepEqual(seen, ['bbbbbbbbbbbbbbbb,aaaaaaaaaaaaaaaa']);
    assert.deepEqual(readVia('bbbbbbbbbbbbbbbb, x,aaaaaaaaaaaaaaaa'), ['bbbbbbbbbbbbbbbb', 'aaaaaaaaaaaaaaaa']);
  });
});
