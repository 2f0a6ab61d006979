import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { createFleet } from '../../src/programs/control/fleet.ts';
import { askedOf, FLEET_MIGRATIONS, fillFleet, runningOf } from '../../src/programs/control/test-fleet.ts';
import { listImages, listRepositories, readImage } from '../../src/registry/images.ts';
import { PEOPLE, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import { openDatabase, runCommand } from '../../src/system/index.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** Unit tests of what speaks to the database, run once more against PostgreSQL; the others only with DARSENA_SOAK=1. */
const THERE = ['remotes/mirrors', 'remotes/watches'];
const ALSO_THERE = ['archive/archive', 'settings', 'quota', 'retention', 'scrub', 'quarantine'];
const versions = '/usr/lib/postgresql';
const bin = existsSync(versions) ? join(versions, readdirSync(versions).sort().at(-1) ?? '', 'bin') : null;

/** PostgreSQL refuses to run as root, so its files and process belong to its own user. */
function postgresIds(): { uid: number; gid: number } | null {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));
    return process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : null;
  } catch {
    return null;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const ids = postgresIds();
const skip = bin === null || ids === null ? 'needs PostgreSQL from Debian and root (to run it as its own user)' : false;

describe('the registry on PostgreSQL', { skip }, () => {
  let folder: string;
  let postgres: ChildProcess;
  let url: string;
  let server: TestRegistry;
  const caller = PEOPLE.get('ana') ?? assert.fail();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registry-postgres-'));
    const { uid, gid } = ids ?? assert.fail();
    await chown(folder, uid, gid);
    const data = join(folder, 'data');
    // A locale with its own idea of order: pages of tags must not follow it.
    const options = [
      '-D',
      data,
      '-U',
      'test',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale-provider=icu',
      '--icu-locale=es',
      '--no-sync',
    ];
    execFileSync(join(bin ?? '', 'initdb'), options, { uid, gid, stdio: 'ignore', cwd: folder });
    const port = await freePort();
    postgres = spawn(
      join(bin ?? '', 'postgres'),
      ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
      { uid, gid, stdio: 'ignore', cwd: folder },
    );
    url = `postgres://test@127.0.0.1:${port}`;
    for (let attempt = 0; ; attempt++) {
      try {
        server = await startTestRegistry({ database: `${url}/postgres` });
        break;
      } catch (error) {
        if (attempt > 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  });

  after(async () => {
    await server?.close();
    const ended = new Promise((resolve) => postgres.once('exit', resolve));
    postgres.kill('SIGINT');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
  const layer = Buffer.from('a layer');
  const describeBytes = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  });
  const image = (n: number): Buffer =>
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: describeBytes(config, MEDIA_TYPE.config),
        layers: [describeBytes(layer, MEDIA_TYPE.layer)],
        annotations: { n: String(n) },
      }),
    );
  const ask = (method: string, path: string, body?: Buffer, type = 'application/octet-stream') =>
    fetch(`${server.url}/v2/tienda/web/${path}`, {
      method,
      headers: { authorization: server.basic('ana'), 'content-type': type },
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    });

  it('sixteen clients push the same content at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (const bytes of [config, layer]) {
          assert.equal((await ask('POST', `blobs/uploads/?digest=${digestOf(bytes)}`, bytes)).status, 201);
        }
        return (await ask('PUT', 'manifests/same', image(0), MEDIA_TYPE.manifest)).status;
      }),
    );
    assert.deepEqual([...new Set(answers)], [201]);
    assert.deepEqual(Buffer.from(await (await ask('GET', 'manifests/same')).arrayBuffer()), image(0));
  });

  it('pages tags in byte order, whatever the locale of the database', async () => {
    for (const tag of ['b', 'B', 'a', '_x', '1']) {
      assert.equal((await ask('PUT', `manifests/${tag}`, image(1), MEDIA_TYPE.manifest)).status, 201);
    }
    const { tags } = (await (await ask('GET', 'tags/list')).json()) as { tags: string[] };
    assert.deepEqual(tags, ['1', 'B', '_x', 'a', 'b', 'same']);
    const page = (await (await ask('GET', 'tags/list?n=2&last=B')).json()) as { tags: string[] };
    assert.deepEqual(page.tags, ['_x', 'a']);
  });

  it('lists images and repositories with numbers as numbers', async () => {
    const { items } = await listImages(server.registry, 'tienda', caller);
    assert.equal(items.length, 2);
    assert.equal(items[0]?.sizeBytes, config.byteLength + layer.byteLength);
    const [repository] = await listRepositories(server.registry, 'tienda');
    assert.deepEqual([repository?.images, repository?.tags], [2, 6]);
    const detail = await readImage(server.registry, 'tienda', digestOf(image(0)), caller);
    assert.equal(detail.config?.architecture, 'amd64');
  });

  it('collects while pushes go on, and states the facts', async () => {
    const left = Buffer.from('left over');
    await ask('POST', `blobs/uploads/?digest=${digestOf(left)}`, left);
    const [collected] = await Promise.all([
      new Promise((resolve) => setTimeout(resolve, 20)).then(() => server.registry.collectGarbage({ graceMs: 0 })),
      ...[2, 3, 4].map((n) => ask('PUT', `manifests/t${n}`, image(n), MEDIA_TYPE.manifest)),
    ]);
    assert.equal(collected.blobs, 1);
    assert.equal((await ask('GET', `blobs/${digestOf(layer)}`)).status, 200);
    assert.equal((await ask('DELETE', `manifests/${digestOf(image(0))}`)).status, 202);
    await server.journal.settled();
    const facts = await server.journal.query({ projects: '*', digest: digestOf(image(0)), limit: 50 });
    const kinds = new Set(facts.map((fact) => fact.kind));
    // Pulls are stated a moment later, together.
    kinds.delete('image.pulled');
    assert.deepEqual([...kinds].sort(), ['image.deleted', 'image.pushed']);
  });

  it('keeps quota, immutable tags, retention, graces and the scrub right under pushes at the same moment', async () => {
    const { registry } = server;
    const by = { actor: 'user:root' };
    await registry.settings.change('apretado', '**', { quotaBytes: 50_000, immutableTags: ['v*'] }, by);
    const put = async (n: number): Promise<boolean> => {
      const bytes = Buffer.alloc(4000, `${n} `);
      try {
        await registry.putBlob(`apretado/r${n % 4}`, bytes, digestOf(bytes));
        return true;
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'registry.quota-exceeded');
        return false;
      }
    };
    const stored = await Promise.all(Array.from({ length: 40 }, (_, n) => put(n)));
    assert.equal(stored.filter(Boolean).length, 12);
    assert.equal((await registry.quotas.usage('apretado')).usedBytes, 48_000);

    await registry.settings.change('fijo', '**', { immutableTags: ['v*'] }, by);
    const config = Buffer.from('{}');
    await registry.putBlob('fijo/web', config, digestOf(config));
    const putTag = async (n: number): Promise<boolean> => {
      const manifest = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
        layers: [],
        annotations: { n: String(n) },
      };
      try {
        await registry.putManifest('fijo/web', Buffer.from(JSON.stringify(manifest)), MEDIA_TYPE.manifest, {
          tag: 'v1',
        });
        return true;
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'registry.tag-immutable');
        return false;
      }
    };
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => putTag(n)));
    assert.equal(made.filter(Boolean).length, 1);

    const grace = {
      project: 'fijo',
      digest: digestOf(config),
      environment: null,
      until: '2030-01-01T00:00:00.000Z',
      reasons: [{ en: 'a', es: 'b' }],
    };
    await Promise.all(Array.from({ length: 10 }, () => registry.graces.begin(grace)));
    assert.equal((await registry.graces.list('fijo')).length, 1);

    await registry.settings.change(
      'fijo',
      '**',
      { immutableTags: null, retention: [{ tags: ['**'], keepNewest: 0, keepPushedDays: null, keepPulledDays: null }] },
      by,
    );
    const preview = await registry.retention.preview('fijo');
    assert.deepEqual([preview.removals.length, preview.removals[0]?.tags], [1, ['v1']]);
    assert.deepEqual(await registry.retention.run('fijo', 'platform'), { tags: 1, images: 1, skipped: 0 });
    const scrubbed = await registry.scrub.run({ bytesPerSecond: 1e12 });
    assert.deepEqual([scrubbed.phase, scrubbed.found], [null, 0]);
    assert.ok((await registry.status()).content.blobs >= 12);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await registry.collectGarbage({ graceMs: 0 });
    assert.equal((await registry.quotas.usage('apretado')).usedBytes, 0);
  });

  it('answers there where a finding runs; over 10,000 images with DARSENA_SOAK=1', async (t) => {
    const admin = new pg.Client(`${url}/postgres`);
    await admin.connect();
    await admin.query('create database fleet');
    await admin.end();
    const { db, close } = await openDatabase<never>(`${url}/fleet`, FLEET_MIGRATIONS);
    try {
      const images = process.env['DARSENA_SOAK'] === '1' ? 10_000 : 200;
      const digests = await fillFleet(db, { images, findings: 20 });
      const deployments = runningOf([{ digest: digests[1] ?? '', project: 'p1', replicas: 1 }]);
      const fleet = createFleet({ db, deployments });
      await fleet.where(askedOf('CVE-2026-0001', {}));
      const start = performance.now();
      const answer = await fleet.where(askedOf('GHSA-0001', { limit: 50 }));
      t.diagnostic(`${images} images: ${(performance.now() - start).toFixed(1)} ms`);
      assert.deepEqual([answer.images, answer.running, answer.items.length], [images / 2 - 1, 1, 50]);
      assert.equal(answer.items[0]?.digest, digests[1]);
      const next = await fleet.where(askedOf('CVE-2026-0001', { limit: 50, after: answer.next }));
      const seen = [...answer.items, ...next.items].map(({ digest }) => digest);
      assert.equal(new Set(seen).size, seen.length);
      assert.equal((await fleet.where(askedOf('CVE-2026-0001', { projects: ['p0'] }))).images, 0);
    } finally {
      await close();
    }
  });

  it('mirrors, watches and replication do there what they do on SQLite', async (t) => {
    const names = process.env['DARSENA_SOAK'] === '1' ? [...THERE, ...ALSO_THERE] : THERE;
    const files = names.map((name) => `src/registry/${name}.test.ts`);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { code, stdout, stderr } = await runCommand(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=tap', ...files],
      { cwd: ROOT, env: { ...env, DARSENA_TEST_POSTGRES: url }, timeoutMs: 120_000 },
    );
    const failures = stdout.split(/^(?= *not ok)/m).slice(1);
    assert.equal(code, 0, `${failures.join('\n').slice(0, 8000)}${stderr.slice(0, 2000)}`);
    t.diagnostic(`${/^# pass (\d+)/m.exec(stdout)?.[1]} tests of ${files.length} files`);
  });
});
