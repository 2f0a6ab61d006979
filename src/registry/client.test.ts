import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { RegistryClient } from './client.ts';
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
  return new RegistryClient({ registries: [{ host, scheme: 'http', credentials: { name: 'ana', secret: SECRET } }] });
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
    await client.putBlob(server.host, 'tienda/client', blob, () => pieces(config));
    await client.putBlob(server.host, 'tienda/client', blob, () => assert.fail('it is there already'));
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { mediaType: MEDIA_TYPE.config, ...blob },
        layers: [],
      }),
    );
    const digest = await client.putManifest(server.host, 'tienda/client', 'v1', manifest, MEDIA_TYPE.manifest);
    const got = await client.getManifest(server.host, 'tienda/client', 'v1');
    assert.deepEqual([got.digest, got.mediaType], [digest, MEDIA_TYPE.manifest]);
    assert.deepEqual(await readAll(client.getBlob(server.host, 'tienda/client', blob)), config);
    assert.deepEqual(await client.listTags(server.host, 'tienda/client'), ['v1']);
  });

  it('says what the registry said when it refuses', async () => {
    await assert.rejects(client.getManifest(server.host, 'otro/web', 'v1'), {
      code: 'registry.remote-refused',
      message: /may not pull in otro\/web/,
    });
  });

  it('contacts no host that is not listed', async () => {
    await assert.rejects(client.getManifest('169.254.169.254', 'a/b', 'v1'), { code: 'registry.remote-host' });
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
          await assert.rejects(readAll(other.getBlob(host, 'a/b', blob)), { code });
          await assert.rejects(other.getManifest(host, 'a/b', blob.digest), { code: 'registry.digest-mismatch' });
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
              await assert.rejects(readAll(other.getBlob(host, 'a/b', blob)), { code: 'registry.remote-redirect' });
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
            await assert.rejects(other.getManifest(host, 'a/b', 'v1'), { code: 'registry.remote-redirect' });
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
        await assert.rejects(other.getManifest(host, 'a/b', 'v1'), { code: 'registry.blob-too-large' });
        await other.close();
      },
    );
  });
});
