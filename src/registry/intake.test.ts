import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestHex, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { type Disk, realDisk } from './blob-files.ts';
import { CommitTogether } from './commit-together.ts';
import { scratchFolder, startTestRegistry, type TestRegistry } from './test-registry.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(scratchFolder(), 'intake-'));
});
after(() => rm(folder, { recursive: true, force: true }));

let count = 0;
/** A registry over a folder and a database of its own, which outlive it. */
function place(): { root: string; database: string } {
  const root = join(folder, String(count++));
  return { root, database: `sqlite:${root}.db` };
}

async function ask(
  server: TestRegistry,
  method: string,
  path: string,
  body?: Buffer,
  type = 'application/octet-stream',
) {
  const response = await fetch(`${server.url}/v2/tienda/web/${path}`, {
    method,
    headers: { authorization: server.basic('ana'), 'content-type': type },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers };
}

/** POST and PUT, as podman pushes. */
async function push(server: TestRegistry, bytes: Buffer): Promise<number> {
  const start = await ask(server, 'POST', 'blobs/uploads/');
  const location = (start.headers.get('location') ?? '').slice('/v2/tienda/web/'.length);
  return (await ask(server, 'PUT', `${location}?digest=${digestOf(bytes)}`, bytes)).status;
}

const pathOf = (root: string, bytes: Buffer): string => {
  const hex = digestHex(digestOf(bytes));
  return join(root, 'blobs/sha256', hex.slice(0, 2), hex);
};

const isHere = async (server: TestRegistry, bytes: Buffer): Promise<void> => {
  const get = await ask(server, 'GET', `blobs/${digestOf(bytes)}`);
  assert.equal(get.status, 200);
  assert.deepEqual(get.bytes, bytes);
};

describe('small pushes', () => {
  it('those that come together share a commit; one that is refused does not take the others with it', async () => {
    const commits: number[] = [];
    const together = new CommitTogether<number>(async (items) => {
      commits.push(items.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (items.includes(-1)) throw new Error('the disk broke');
      return items.map((item) => (item === 13 ? new Error('refused') : null));
    });
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => together.add(n)));
    assert.deepEqual(
      outcomes.flatMap((outcome, n) => (outcome.status === 'rejected' ? [n] : [])),
      [13],
    );
    assert.deepEqual(commits, [100]);
    await assert.rejects(together.add(-1), /the disk broke/);
    await together.add(1);
  });

  it('60 at once are all stored, readable at once, and still there after the registry opens again', async () => {
    const where = place();
    const first = await startTestRegistry(where);
    const contents = Array.from({ length: 60 }, (_, n) => randomBytes(n * 200));
    const statuses = await Promise.all(contents.map((bytes) => push(first, bytes)));
    assert.deepEqual([...new Set(statuses)], [201]);
    for (const bytes of contents) await isHere(first, bytes);
    assert.deepEqual(await readdir(join(where.root, 'uploads')), []);
    await first.close();
    const second = await startTestRegistry(where);
    for (const bytes of contents) await isHere(second, bytes);
    assert.equal((await second.registry.db.selectFrom('registry_intake').select('digest').execute()).length, 0);
    await second.close();
  });

  it('what was acknowledged survives files that a power cut left empty, short or missing', async () => {
    const where = place();
    const first = await startTestRegistry(where);
    const contents = Array.from({ length: 6 }, () => randomBytes(5000));
    for (const bytes of contents) assert.equal(await push(first, bytes), 201);
    // The database as the power cut leaves it: committed, with the rows that no sync has let go yet.
    const rows = await first.registry.db.selectFrom('registry_intake').selectAll().execute();
    assert.equal(rows.length, 6);
    await first.close();
    const between = await startTestRegistry(where);
    await between.registry.db.insertInto('registry_intake').values(rows).execute();
    const [short, empty, missing] = contents.map((bytes) => pathOf(where.root, bytes));
    await truncate(short ?? '', 100);
    await truncate(empty ?? '', 0);
    await rm(missing ?? '');
    const third = await startTestRegistry({ ...where });
    for (const bytes of contents) await isHere(third, bytes);
    await third.close();
    await between.close();
  });
});

/** A disk whose `method` fails at its n-th call, once; `calls` counts, so that a test knows when n is past the end. */
function failing(method: keyof Disk, n: number, code: string): { disk: Disk; calls: () => number } {
  let calls = 0;
  const fails = (): boolean => ++calls === n;
  const error = (): Error => Object.assign(new Error(`${code}: injected`), { code });
  const disk: Disk = {
    ...realDisk,
    [method]: (...args: never[]) => {
      const real = realDisk[method] as (...args: never[]) => unknown;
      if (!fails()) return real(...args);
      return Promise.reject(error());
    },
  };
  return { disk, calls: () => calls };
}

describe('T2: the disk fails at its N-th call, N = 1, 2, … until none is left', () => {
  const large = randomBytes(400_000);
  const small = randomBytes(3000);
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
      layers: [{ mediaType: MEDIA_TYPE.layer, digest: digestOf(large), size: large.byteLength }],
    }),
  );
  const pushAll = async (server: TestRegistry): Promise<{ status: number; bytes: Buffer | null }[]> => {
    const answers = [];
    for (const bytes of [large, small, config]) answers.push({ status: await push(server, bytes), bytes });
    const put = await ask(server, 'PUT', 'manifests/1', manifest, MEDIA_TYPE.manifest);
    return [...answers, { status: put.status, bytes: null }];
  };
  const cases = [
    ...(['write', 'sync', 'rename', 'syncFolder'] as const).map((method) => [method, 'EIO', 500] as const),
    ['write', 'ENOSPC', 507] as const,
  ];
  for (const [method, code, status] of cases) {
    it(`${method} with ${code}: the push says so, nothing false is served, the next push works and lasts`, async () => {
      for (let n = 1; ; n++) {
        const where = place();
        const { disk, calls } = failing(method, n, code);
        // The first calls make the store's own folders, before there is anybody to tell.
        const server = await startTestRegistry({ ...where, disk }).catch(() => null);
        if (server === null) continue;
        try {
          const answers = await pushAll(server);
          for (const answer of answers) {
            assert.ok([201, status, 400, 404].includes(answer.status), `${answer.status} at call ${n}`);
            if (answer.bytes === null) continue;
            if (answer.status === 201) await isHere(server, answer.bytes);
            else assert.equal((await ask(server, 'GET', `blobs/${digestOf(answer.bytes)}`)).status, 404);
          }
          // Past the last call of a push: everything went well.
          if (calls() < n) break;
          const again = (await pushAll(server)).map((answer) => answer.status);
          assert.deepEqual(again, [201, 201, 201, 201]);
        } finally {
          await server.close();
        }
        const reopened = await startTestRegistry(where);
        for (const bytes of [large, small, config]) await isHere(reopened, bytes);
        await reopened.close();
      }
    });
  }

  it('a failed sync of a file that was placed already is not taken for done: the file is written anew', async () => {
    const where = place();
    const first = await startTestRegistry(where);
    const bytes = randomBytes(2000);
    assert.equal(await push(first, bytes), 201);
    const rows = await first.registry.db.selectFrom('registry_intake').selectAll().execute();
    await first.close();
    const between = await startTestRegistry(where);
    await between.registry.db.insertInto('registry_intake').values(rows).execute();
    const before = (await stat(pathOf(where.root, bytes))).ino;
    const { disk } = failing('sync', 1, 'EIO');
    const second = await startTestRegistry({ ...where, disk });
    assert.notEqual((await stat(pathOf(where.root, bytes))).ino, before);
    assert.equal((await second.registry.db.selectFrom('registry_intake').select('digest').execute()).length, 0);
    await isHere(second, bytes);
    await second.close();
    await between.close();
  });
});
