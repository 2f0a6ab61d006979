import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { startTestRegistry } from '../../src/registry/test-registry.ts';

/** A layer of 10 GB with DARSENA_SOAK=1; 300 MB otherwise, which shows growth as well. */
const LARGE_BYTES = process.env['DARSENA_SOAK'] === '1' ? 10_000_000_000 : 300_000_000;
const GROWTH_BYTES_MAX = 80_000_000;
const [, , mode, folderArgument] = process.argv;

if (mode === '--serve' && folderArgument !== undefined) {
  const server = await startTestRegistry({
    root: join(folderArgument, 'content'),
    database: `sqlite:${join(folderArgument, 'registry.db')}`,
  });
  process.stdout.write(
    `${JSON.stringify({ url: server.url, port: server.port, authorization: server.basic('ana') })}\n`,
  );
} else {
  describe('transfers', () => {
    let folder: string;
    let child: ChildProcess;
    let url: string;
    let port: number;
    let authorization: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'registry-transfers-'));
      child = spawn(process.execPath, [import.meta.filename, '--serve', folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(String(data))));
      ({ url, port, authorization } = JSON.parse(line) as { url: string; port: number; authorization: string });
    });
    after(async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    });

    const ask = (method: string, path: string, body?: Buffer, headers: Record<string, string> = {}) =>
      fetch(path.startsWith('http') ? path : `${url}/v2/tienda/web/${path}`, {
        method,
        headers: { authorization, ...headers },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      });
    const rss = (): number =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024;

    it('a push cut in the middle goes on from what arrived; a pull cut in the middle goes on with Range', async () => {
      const bytes = randomBytes(6_000_000);
      const digest = digestOf(bytes);
      const start = await ask('POST', 'blobs/uploads/');
      const location = start.headers.get('location') ?? '';
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          const head = `PATCH ${location} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: ${bytes.length}\r\n\r\n`;
          socket.write(head);
          socket.write(bytes.subarray(0, 2_500_000), () => setTimeout(() => socket.destroy(), 200));
        });
        socket.on('close', () => resolve());
      });
      let arrived = 0;
      for (let tries = 0; tries < 50 && arrived === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const status = await ask('GET', `${url}${location}`);
        assert.equal(status.status, 204);
        const range = status.headers.get('range') ?? '';
        arrived = range === '0-0' ? 0 : Number(range.split('-')[1]) + 1;
      }
      assert.ok(arrived > 0 && arrived <= 2_500_000, `${arrived} bytes arrived`);
      const rest = await ask('PATCH', `${url}${location}`, bytes.subarray(arrived), {
        'content-range': `${arrived}-${bytes.length - 1}`,
      });
      assert.equal(rest.status, 202, await rest.text());
      assert.equal((await ask('PUT', `${url}${location}?digest=${digest}`)).status, 201);

      const first: Buffer[] = [];
      let etag = '';
      await new Promise<void>((resolve, reject) => {
        const get = httpRequest(`${url}/v2/tienda/web/blobs/${digest}`, { headers: { authorization } }, (answer) => {
          etag = answer.headers.etag ?? '';
          let bytesRead = 0;
          answer.on('data', (piece: Buffer) => {
            first.push(piece);
            bytesRead += piece.byteLength;
            if (bytesRead > 1_000_000) get.destroy();
          });
          answer.on('error', () => resolve());
          answer.on('close', () => resolve());
        });
        get.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve() : reject(error)));
        get.end();
      });
      const had = Buffer.concat(first);
      assert.ok(had.byteLength > 1_000_000 && had.byteLength < bytes.byteLength);
      const more = await ask('GET', `blobs/${digest}`, undefined, {
        range: `bytes=${had.byteLength}-`,
        'if-range': etag,
      });
      assert.equal(more.status, 206);
      assert.deepEqual(Buffer.concat([had, Buffer.from(await more.arrayBuffer())]), bytes);
    });

    it('a chart and an artifact of no known type are kept and found as what they are', async () => {
      const config = Buffer.from('{"name":"tienda","version":"1.2.3"}');
      const chart = randomBytes(20_000);
      for (const bytes of [config, chart, Buffer.from('{}')]) {
        assert.equal((await ask('POST', `blobs/uploads/?digest=${digestOf(bytes)}`, bytes)).status, 201);
      }
      const describeBytes = (bytes: Buffer, mediaType: string) => ({
        mediaType,
        digest: digestOf(bytes),
        size: bytes.length,
      });
      const helm = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE.manifest,
          config: describeBytes(config, 'application/vnd.cncf.helm.config.v1+json'),
          layers: [describeBytes(chart, 'application/vnd.cncf.helm.chart.content.v1.tar+gzip')],
        }),
      );
      const free = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE.manifest,
          artifactType: 'application/x-anything',
          config: describeBytes(Buffer.from('{}'), MEDIA_TYPE.empty),
          layers: [describeBytes(chart, 'text/plain')],
          subject: describeBytes(helm, MEDIA_TYPE.manifest),
        }),
      );
      for (const [tag, bytes] of [
        ['1.2.3', helm],
        ['free', free],
      ] as const) {
        const put = await ask('PUT', `manifests/${tag}`, bytes, { 'content-type': MEDIA_TYPE.manifest });
        assert.equal(put.status, 201, await put.text());
        assert.deepEqual(Buffer.from(await (await ask('GET', `manifests/${tag}`)).arrayBuffer()), bytes);
      }
      const list = (await (await ask('GET', `referrers/${digestOf(helm)}`)).json()) as {
        manifests: { artifactType: string }[];
      };
      assert.deepEqual(
        list.manifests.map((one) => one.artifactType),
        ['application/x-anything'],
      );
    });

    it(`a layer of ${LARGE_BYTES / 1e6} MB goes in and out while memory grows by less than ${GROWTH_BYTES_MAX / 1e6} MB`, async (t) => {
      const piece = randomBytes(1_000_000);
      const pieces = LARGE_BYTES / piece.byteLength;
      const hasher = createHash('sha256');
      for (let n = 0; n < pieces; n++) hasher.update(piece);
      const digest = `sha256:${hasher.digest('hex')}`;
      // What the process takes once, for buffers and compiled code, is not growth.
      const warm = randomBytes(20_000_000);
      await ask('POST', `blobs/uploads/?digest=${digestOf(warm)}`, warm);
      await (await ask('GET', `blobs/${digestOf(warm)}`)).arrayBuffer();
      const before = rss();
      let highest = before;
      const watch = setInterval(() => {
        highest = Math.max(highest, rss());
      }, 50);
      try {
        const { location } = Object.fromEntries((await ask('POST', 'blobs/uploads/')).headers);
        const status = await new Promise<number | undefined>((resolve, reject) => {
          const put = httpRequest(
            `${url}${location}?digest=${digest}`,
            { method: 'PUT', headers: { authorization, 'content-length': LARGE_BYTES } },
            (answer) => answer.resume().on('end', () => resolve(answer.statusCode)),
          );
          put.on('error', reject);
          let sent = 0;
          const more = (): void => {
            while (sent < pieces) {
              sent += 1;
              if (!put.write(piece)) {
                put.once('drain', more);
                return;
              }
            }
            put.end();
          };
          more();
        });
        assert.equal(status, 201);
        const back = createHash('sha256');
        const answer = await ask('GET', `blobs/${digest}`);
        assert.ok(answer.body !== null);
        for await (const part of answer.body) back.update(part);
        assert.equal(`sha256:${back.digest('hex')}`, digest);
      } finally {
        clearInterval(watch);
      }
      const growth = highest - before;
      t.diagnostic(`${Math.round(before / 1e6)} MB before, at most ${Math.round(growth / 1e6)} MB more`);
      assert.ok(growth < GROWTH_BYTES_MAX, `memory grew by ${growth} bytes`);
    });
  });
}
