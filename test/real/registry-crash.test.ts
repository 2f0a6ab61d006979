import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { Agent, fetch, type RequestInit, type Response } from 'undici';
import { journalMigrations } from '../../src/journal/index.ts';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { progressMigrations } from '../../src/progress/index.ts';
import { type RegistryTables, registryMigrations } from '../../src/registry/index.ts';
import { startTestRegistry } from '../../src/registry/test-registry.ts';
import { openDatabase } from '../../src/system/index.ts';

/** R9 asks for 500 rounds; a slice runs by default, the whole with DARSENA_SOAK=1. DARSENA_ROUNDS says how many otherwise. */
const ROUNDS = Number(process.env['DARSENA_ROUNDS'] ?? (process.env['DARSENA_SOAK'] === '1' ? 500 : 6));
/** T1 asks for 1,000. */
const WRITE_ROUNDS = Number(process.env['DARSENA_ROUNDS'] ?? (process.env['DARSENA_SOAK'] === '1' ? 1000 : 4));
const CLIENTS = 16;
const [, , mode, folderArgument] = process.argv;

interface Serving {
  /** With connections of its own: none that an earlier kill left dead is used for a later server on the same port. */
  readonly ask: (path: string, init: RequestInit) => Promise<Response>;
  /** SIGKILL, if it lives; ends when it and its connections are gone. */
  readonly kill: () => Promise<void>;
}

async function serve(folder: string): Promise<Serving> {
  const child = spawn(process.execPath, [import.meta.filename, '--serve', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (data) => resolve(String(data)));
    child.once('exit', (code) => reject(new Error(`the registry ended with ${code} before it listened`)));
  });
  const { url, authorization } = JSON.parse(line) as { url: string; authorization: string };
  const agent = new Agent();
  const exited = once(child, 'exit');
  return {
    ask: (path, init) =>
      fetch(`${url}${path}`, { ...init, dispatcher: agent, headers: { authorization, ...init.headers } }),
    async kill() {
      child.kill('SIGKILL');
      await exited;
      await agent.destroy();
    },
  };
}

async function push(serving: Serving, bytes: Buffer, tag: string): Promise<boolean> {
  const ask = (method: string, path: string, type: string, body?: Buffer) =>
    serving.ask(path, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    });
  try {
    // Small content in one piece, as it shares a commit with others; large in two.
    const half = bytes.byteLength < 64_000 ? 0 : bytes.byteLength >> 1;
    const start = await ask('POST', '/v2/tienda/crash/blobs/uploads/', 'application/octet-stream');
    const location = start.headers.get('location') ?? '';
    if (half > 0) await ask('PATCH', location, 'application/octet-stream', bytes.subarray(0, half));
    const blob = digestOf(bytes);
    const put = await ask('PUT', `${location}?digest=${blob}`, 'application/octet-stream', bytes.subarray(half));
    if (put.status !== 201) return false;
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: { mediaType: MEDIA_TYPE.config, digest: blob, size: bytes.byteLength },
      layers: [],
    };
    const path = `/v2/tienda/crash/manifests/${tag}`;
    const tagged = await ask('PUT', path, MEDIA_TYPE.manifest, Buffer.from(JSON.stringify(manifest)));
    return tagged.status === 201;
  } catch {
    return false; // The server was killed: nothing was promised.
  }
}

async function digestOfFile(path: string): Promise<string> {
  const hasher = createHash('sha256');
  for await (const chunk of createReadStream(path)) hasher.update(chunk as Buffer);
  return hasher.digest('hex');
}

/**
 * What must hold at any instant, looked at from outside after the kill.
 * @param read files that were read before, by their inode and time of change: they are not read again
 */
async function checkStore(folder: string, read: Set<string>): Promise<number> {
  const base = join(folder, 'content/blobs/sha256');
  const files = new Set<string>();
  for (const shard of await readdir(base)) {
    for (const name of await readdir(join(base, shard))) {
      const path = join(base, shard, name);
      const { ino, size, ctimeNs } = await stat(path, { bigint: true });
      const state = `${name} ${ino} ${size} ${ctimeNs}`;
      if (!read.has(state)) assert.equal(await digestOfFile(path), name, 'a file under a digest has that digest');
      read.add(state);
      files.add(`sha256:${name}`);
    }
  }
  const opened = await openDatabase<RegistryTables>(`sqlite:${join(folder, 'registry.db')}`, [
    ...journalMigrations,
    ...progressMigrations,
    ...registryMigrations,
  ]);
  try {
    const blobs = await opened.db.selectFrom('registry_blobs').select('digest').execute();
    const intake = await opened.db.selectFrom('registry_intake').selectAll().execute();
    for (const { digest, bytes } of intake) {
      const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      assert.equal(actual, digest, 'small content without a file has that digest');
      files.add(digest);
    }
    for (const { digest } of blobs) assert.ok(files.has(digest), `the row ${digest} has its file or its bytes`);
    const dangling = await opened.db
      .selectFrom('registry_tags as t')
      .leftJoin('registry_manifests as m', (join_) =>
        join_.onRef('m.repository_id', '=', 't.repository_id').onRef('m.digest', '=', 't.digest'),
      )
      .select('t.name')
      .where('m.digest', 'is', null)
      .execute();
    assert.deepEqual(dangling, [], 'every tag has its manifest');
  } finally {
    await opened.close();
  }
  return files.size;
}

if (mode === '--serve' && folderArgument !== undefined) {
  const server = await startTestRegistry({
    root: join(folderArgument, 'content'),
    database: `sqlite:${join(folderArgument, 'registry.db')}`,
  });
  // What writes by itself, beside what clients write.
  const collect = (): void => {
    server.registry
      .collectGarbage()
      .then(() =>
        server.registry.settings.change(
          'tienda',
          `p-${Date.now() % 50}`,
          { immutableTags: ['v*'] },
          { actor: 'user:ana' },
        ),
      )
      .then(
        () => setTimeout(collect, 5),
        (error: unknown) => process.stderr.write(`${String(error)}\n`),
      );
  };
  collect();
  process.stdout.write(`${JSON.stringify({ url: server.url, authorization: server.basic('ana') })}\n`);
} else {
  describe('SIGKILL of the registry', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'registry-crash-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    it(`R9: ${CLIENTS} clients push the same and different content, killed at random ${ROUNDS} times: one correct file or none, no acknowledged push lost, no repair`, async (t) => {
      const promised = new Map<string, { readonly text: string; readonly round: number }>();
      const read = new Set<string>();
      /** Asks for what was acknowledged since a round. */
      const areThere = async ({ ask }: Serving, since: number): Promise<void> => {
        const get = (path: string): Promise<Response> => ask(`/v2/tienda/crash/${path}`, {});
        for (const [tag, { text, round }] of promised) {
          if (round < since) continue;
          const manifest = await get(`manifests/${tag}`);
          assert.equal(manifest.status, 200, `${tag} was acknowledged`);
          const { config } = (await manifest.json()) as { config: { digest: string } };
          const blob = await get(`blobs/${config.digest}`);
          assert.equal((await blob.text()).slice(0, text.length), text);
        }
      };
      for (let round = 0; round <= ROUNDS; round++) {
        const serving = await serve(folder);
        try {
          // All of it at the end.
          await areThere(serving, round === ROUNDS ? 0 : round - 5);
          if (round === ROUNDS) break;
          const same = Buffer.alloc(400_000, `round ${round} `);
          // After so many acknowledgements, so that a slow machine is killed in the middle of work as well.
          const enough = promised.size + randomInt(0, CLIENTS);
          let last: NodeJS.Timeout | undefined;
          const kill = (afterMs: number): void => {
            last ??= setTimeout(() => void serving.kill(), afterMs);
          };
          const late = setTimeout(() => kill(0), 4000);
          const pushes = Array.from({ length: CLIENTS }, async (_, client) => {
            const text = client % 2 === 0 ? `round ${round} ` : `round ${round} client ${client} `;
            const bytes = client % 2 === 0 ? same : Buffer.alloc(client % 4 === 1 ? 3000 : 200_000, text);
            const tag = `r${round}c${client}`;
            if (await push(serving, bytes, tag)) promised.set(tag, { text, round });
            if (promised.size >= enough) kill(randomInt(0, 20));
          });
          await Promise.all(pushes);
          clearTimeout(late);
          clearTimeout(last);
        } finally {
          await serving.kill();
        }
        await checkStore(folder, read);
      }
      // Once more without remembering: what was good has stayed good.
      await checkStore(folder, new Set());
      assert.ok(promised.size > 0, 'nothing was acknowledged, so nothing was tried');
      t.diagnostic(`${promised.size} of ${ROUNDS * CLIENTS} pushes were acknowledged before a kill; none was lost`);
    });

    it(`T1: killed at random ${WRITE_ROUNDS} times while tags are made, moved and deleted, images deleted, content collected: what was acknowledged is what stands, and the database is whole`, async (t) => {
      /** Of each client's tag: the digest that the last acknowledged write left (null: none), and what was under way. */
      const stands = new Map<string, { known: string | null; underWay: string | null | undefined }>();
      let acknowledged = 0;
      for (let round = 0; round <= WRITE_ROUNDS; round++) {
        const serving = await serve(folder);
        const ask = (method: string, path: string, body?: Buffer, type = 'application/octet-stream') =>
          serving.ask(`/v2/tienda/writes/${path}`, {
            method,
            headers: { 'content-type': type },
            ...(body === undefined ? {} : { body: new Uint8Array(body) }),
          });
        try {
          for (const [tag, state] of stands) {
            const head = await ask('HEAD', `manifests/${tag}`);
            const found = head.status === 200 ? head.headers.get('docker-content-digest') : null;
            const allowed = [state.known, ...(state.underWay === undefined ? [] : [state.underWay])];
            assert.ok(allowed.includes(found), `${tag} names ${found}, acknowledged was ${state.known}`);
            stands.set(tag, { known: found, underWay: undefined });
          }
          if (round === WRITE_ROUNDS) break;
          let isOver = false;
          const clients = Array.from({ length: 8 }, async (_, client) => {
            const tag = `t${client}`;
            const state = stands.get(tag) ?? { known: null, underWay: undefined };
            stands.set(tag, state);
            for (let n = 0; !isOver; n++) {
              try {
                if (state.known !== null && n % 3 === 2) {
                  state.underWay = null;
                  // Its tag goes with an image.
                  const gone = await ask('DELETE', `manifests/${n % 2 === 0 ? tag : state.known}`);
                  if (gone.status !== 202) continue;
                  state.known = null;
                } else {
                  const config = Buffer.from(`{"round":${round},"client":${client},"n":${n}}`);
                  if ((await ask('POST', `blobs/uploads/?digest=${digestOf(config)}`, config)).status !== 201) continue;
                  const manifest = Buffer.from(
                    JSON.stringify({
                      schemaVersion: 2,
                      mediaType: MEDIA_TYPE.manifest,
                      config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
                      layers: [],
                    }),
                  );
                  state.underWay = digestOf(manifest);
                  if ((await ask('PUT', `manifests/${tag}`, manifest, MEDIA_TYPE.manifest)).status !== 201) continue;
                  state.known = digestOf(manifest);
                }
                state.underWay = undefined;
                acknowledged += 1;
              } catch {
                return; // Killed.
              }
            }
          });
          // After so many acknowledgements, so that a slow machine is killed in the middle of work as well.
          const enough = acknowledged + randomInt(5, 60);
          const late = performance.now() + 4000;
          while (acknowledged < enough && performance.now() < late) {
            await new Promise((resolve) => setTimeout(resolve, randomInt(1, 20)));
          }
          isOver = true;
          await serving.kill();
          await Promise.all(clients);
        } finally {
          await serving.kill();
        }
        const database = new DatabaseSync(join(folder, 'registry.db'));
        assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
        database.close();
      }
      await checkStore(folder, new Set());
      assert.ok(acknowledged > 0);
      t.diagnostic(`${acknowledged} writes were acknowledged in ${WRITE_ROUNDS} rounds; each of them stood`);
    });
  });
}
