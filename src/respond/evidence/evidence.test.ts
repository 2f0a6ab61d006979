import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { packTar, readTar, type TarInput } from '../../formats/index.ts';
import { Journal, journalMigrations } from '../../journal/index.ts';
import { Fault, type Json, openDatabase, runCommand, silentLog, systemClock } from '../../system/index.ts';
import { generateSigningKey, readPublicKey, type SignedRecord, signRecord } from '../../trust/index.ts';
import { respondMigrations } from '../migrations.ts';
import type { RespondTables } from '../store.ts';
import { type EvidenceOrder, EvidenceStore, type EvidenceTaker } from './evidence.ts';
import { type EvidenceManifest, MANIFEST_TYPE } from './format.ts';
import { standAloneVerifier } from './verifier.ts';
import { verifyEvidence } from './verify.ts';

const containerId = 'c'.repeat(64);
const TARGET = {
  ...{ host: 'host1', containerId, incident: 7, project: 'tienda', environment: 'dev', workload: 'web', digest: null },
};
const HOW = { actor: 'user:ana', reason: 'because', keepPaused: false, copyFiles: true, packetSeconds: 0 };
const newKey = () => generateSigningKey(Buffer.alloc(32, 1)).key;
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** A host that signs what a test lets it send. */
class FakeHost implements EvidenceTaker {
  key = newKey();
  known = this.key.publicKeyPem;
  /** What is changed before it is signed, and what is sent instead of what was signed. */
  change: (manifest: EvidenceManifest) => EvidenceManifest = (manifest) => manifest;
  send: (bytes: Buffer) => Buffer = (bytes) => bytes;
  paths = ['processes.txt'];

  async take(host: string, order: EvidenceOrder, receive: (bytes: Readable) => Promise<void>): Promise<Json> {
    const file = Buffer.from('sh -c id\n');
    const bytes = gzipSync(await bytesOf(packTar(this.paths.map((path) => ({ path, content: file })))));
    const manifest: EvidenceManifest = {
      ...{ version: 1, id: order.id, instance: 'test', host, containerId: order.containerId, incident: order.incident },
      ...{ requestedBy: order.requestedBy, reason: order.reason, startedAt: '2026-11-22T10:00:00.000Z' },
      endedAt: '2026-11-22T10:00:01.000Z',
      freeze: { frozen: true, milliseconds: 20, pausedBefore: false, leftPaused: false, why: null },
      parts: [{ part: 'processes', state: 'whole', why: null }],
      archive: { sha256: hash(bytes), bytes: bytes.length },
      files: this.paths.map((path) => ({ path, bytes: file.length, sha256: hash(file) })),
    };
    await receive(Readable.from([this.send(bytes)]));
    return signRecord(this.key, MANIFEST_TYPE, this.change(manifest) as unknown as Json) as unknown as Json;
  }

  hostKey(): string {
    return this.known;
  }
}

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-evidence-'));
  folders.push(folder);
  const opened = await openDatabase<RespondTables>('sqlite::memory:', [...journalMigrations, ...respondMigrations]);
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  const host = new FakeHost();
  const key = newKey();
  const parts = { db: opened.db, journal, clock: systemClock, taker: host, key, instance: 'test' };
  const options = { ...parts, folder: join(folder, 'kept') };
  const store = new EvidenceStore(options);
  await store.recover();
  const exported = async (id: string): Promise<string> => {
    const path = join(folder, `${id}.tar`);
    await writeFile(path, await bytesOf((await store.export(id, 'user:eva')).bytes));
    return path;
  };
  return { opened, journal, store, host, key, folder, exported, options };
}

const hasCode = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

test('evidence is kept as the host signed it, and whoever exports it finds who had it in hands', async () => {
  const { opened, journal, store, host, key, exported } = await open();
  const taken = await store.take(TARGET, HOW, { incident: { number: 7 } });
  await store.read(taken.id.slice(0, 20), 'user:luis');
  const path = await exported(taken.id);
  const keys = { control: readPublicKey(key.publicKeyPem), host: readPublicKey(host.known) };
  const found = await verifyEvidence(path, keys);
  assert.deepEqual(
    found.custody.steps.map(({ what, actor }) => `${what} ${actor}`),
    ['taken user:ana', 'read user:luis', 'exported user:eva'],
  );
  assert.deepEqual([found.files, found.pinned, found.receipt.takenBy], [1, { control: true, host: true }, 'user:ana']);
  assert.deepEqual((await verifyEvidence(path, { control: null, host: null })).pinned, { control: false, host: false });
  await journal.settled();
  const facts = await journal.query({ projects: ['tienda'], order: 'oldest', limit: 10 });
  assert.deepEqual(
    facts.map(({ kind }) => kind),
    ['evidence.taken', 'evidence.read', 'evidence.exported'],
  );
  await opened.close();
});

test('a receipt of a former key is signed anew when it goes out, one of a stolen key goes out as it is', async () => {
  const { opened, store, key, options } = await open();
  const { id } = await store.take(TARGET, HOW, { incident: null });
  const next = newKey();
  const receiptWith = async (believed: readonly string[]) => {
    const believedKeys = async () => believed.map((pem) => readPublicKey(pem));
    const { bytes } = await new EvidenceStore({ ...options, key: next, believedKeys }).export(id, 'user:eva');
    for await (const { entry, bytes: content } of readTar(Readable.from([await bytesOf(bytes)])))
      if (entry.path === 'control.json')
        return (JSON.parse(Buffer.from(content).toString()) as SignedRecord).signatures.map(({ keyid }) => keyid);
    return null;
  };
  assert.deepEqual(await receiptWith([next.publicKeyPem, key.publicKeyPem]), [next.id]);
  assert.deepEqual(await receiptWith([next.publicKeyPem]), [key.id]);
  await opened.close();
});

test('no byte of an exported archive can be another: headers, padding and the end of it included', async () => {
  const { opened, store, key, folder, exported } = await open();
  const pins = { control: readPublicKey(key.publicKeyPem), host: null };
  const { id } = await store.take(TARGET, HOW, { incident: null });
  const whole = await readFile(await exported(id));
  const path = join(folder, 'changed.tar');
  await writeFile(path, whole);
  await verifyEvidence(path, pins);
  const every = process.env['DARSENA_SOAK'] === '1' ? 1 : 97;
  for (let at = 0; at < whole.length; at += every) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    await writeFile(path, changed);
    await assert.rejects(
      verifyEvidence(path, pins),
      (error) => hasCode('evidence.altered')(error) || hasCode('evidence.unreadable')(error),
      `byte ${at}`,
    );
  }
  await writeFile(path, Buffer.concat([whole, Buffer.alloc(512)]));
  await assert.rejects(verifyEvidence(path, pins), hasCode('evidence.altered'), 'a longer end');
  await opened.close();
});

test('one byte, one file or one signature of an exported archive that is another is found', async () => {
  const { opened, store, key, folder, exported } = await open();
  const control = readPublicKey(key.publicKeyPem);
  const { id } = await store.take(TARGET, HOW, { incident: null });
  const entries = new Map<string, Buffer>();
  for await (const { entry, bytes } of readTar(Readable.from([await readFile(await exported(id))])))
    entries.set(entry.path, Buffer.from(bytes));
  const verify = async (
    change: (files: Map<string, Buffer>) => void,
    pins = { control, host: null } as Parameters<typeof verifyEvidence>[1],
  ) => {
    const files = new Map(entries);
    change(files);
    const path = join(folder, 'changed.tar');
    await writeFile(
      path,
      await bytesOf(packTar([...files].map(([name, content]) => ({ path: name, content, mode: 0o400 })))),
    );
    return verifyEvidence(path, pins);
  };
  const inner = async (content: string, name = 'processes.txt') =>
    gzipSync(await bytesOf(packTar([{ path: name, content: Buffer.from(content) }])));
  await verify(() => undefined);
  const forged = [await inner('sh -c ls\n'), await inner('sh -c id\n', 'other.txt')];
  for (const archive of forged)
    await assert.rejects(
      verify((files) => files.set('evidence.tar.gz', archive)),
      hasCode('evidence.altered'),
    );
  await assert.rejects(
    verify((files) => files.set('context.json', Buffer.from('{}'))),
    hasCode('evidence.altered'),
  );
  await assert.rejects(
    verify((files) => files.set('note.txt', Buffer.from('x'))),
    hasCode('evidence.altered'),
  );
  await assert.rejects(
    verify((files) => files.delete('custody.json')),
    hasCode('evidence.altered'),
  );
  // A record of one kind is not taken for another, whoever signed it.
  await assert.rejects(
    verify((files) => files.set('custody.json', entries.get('control.json') ?? Buffer.alloc(0))),
    hasCode('evidence.altered'),
  );
  // A forger who signs everything anew with keys of his own is found by whoever brings the platform's key.
  const stranger = readPublicKey(newKey().publicKeyPem);
  await assert.rejects(
    verify(() => undefined, { control: stranger, host: null }),
    hasCode('evidence.altered'),
  );
  await assert.rejects(
    verify(() => undefined, { control, host: stranger }),
    hasCode('evidence.altered'),
  );
  await opened.close();
});

test('whoever has only the stand-alone verifier and the key finds the same, and the name of the file that is damaged', async () => {
  const { opened, store, key, folder, exported } = await open();
  const { id } = await store.take(TARGET, HOW, { incident: null });
  const bytes = await readFile(await exported(id));
  const [program, pem, tar] = ['verify.mjs', 'control.pem', 'evidence.tar'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(program, await standAloneVerifier());
  await writeFile(pem, key.publicKeyPem);
  const check = async (changed: Buffer, words = [tar, pem]): Promise<{ code: number; said: string }> => {
    await writeFile(tar, changed);
    const { code, stdout, stderr } = await runCommand(process.execPath, [program, ...words], {
      timeoutMs: 60_000,
      cwd: folder,
      env: {},
    });
    return { code, said: stdout + stderr };
  };
  const good = await check(bytes);
  assert.equal(good.code, 0, good.said);
  assert.match(good.said, /1 files as they were signed/);
  assert.match((await check(bytes, [tar])).said, /the keys are those in the archive/);
  const stranger = join(folder, 'stranger.pem');
  await writeFile(stranger, newKey().publicKeyPem);
  assert.equal((await check(bytes, [tar, stranger])).code, 4);
  const names: string[] = [];
  for await (const { entry } of readTar(Readable.from([bytes]))) {
    names.push(entry.path);
    const at = entry.offsetBytes + Math.floor(entry.sizeBytes / 2);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const { code, said } = await check(changed);
    // A key that the caller brought counts in the place of that in the archive, which is compared all the same.
    assert.equal(code, 4, `${entry.path}: ${said}`);
    assert.ok(said.startsWith(entry.path), `${entry.path}: ${said}`);
    await assert.rejects(verifyEvidence(tar, { control: readPublicKey(key.publicKeyPem), host: null }), (error) => {
      assert.ok(error instanceof Fault && error.code === 'evidence.altered');
      const { what, why } = error.text('en');
      // What the reader of bundles says of a signature is its own.
      if (!/Sigstore/.test(why ?? ''))
        assert.notEqual(error.text('es').why, why, 'the reason is told in both languages');
      return what.startsWith(entry.path);
    });
    const cut = await check(bytes.subarray(0, at));
    assert.equal(cut.code, 4, cut.said);
    const why = await verifyEvidence(tar, { control: readPublicKey(key.publicKeyPem), host: null }).catch(
      (error: Fault) => error.text('es').why ?? '',
    );
    assert.doesNotMatch(String(why), /breaks off|archive/);
  }
  assert.ok(names.includes('evidence.tar.gz') && names.length === 8);
  // What stands between the files and behind them was signed by nobody, and could say anything.
  for await (const { entry } of readTar(Readable.from([bytes]))) {
    const end = entry.offsetBytes + entry.sizeBytes;
    if (end % 512 === 0) continue;
    const changed = Buffer.from(bytes);
    changed[end] = 7;
    assert.equal((await check(changed)).code, 4, `behind ${entry.path}`);
  }
  assert.equal((await check(Buffer.concat([bytes, Buffer.alloc(10_240)]))).code, 4);
  const dated = Buffer.from(bytes);
  // A time of change of 1 s, and its sum.
  dated.write('1', 146);
  dated.write(`${(Number.parseInt(bytes.subarray(148, 154).toString(), 8) + 1).toString(8).padStart(6, '0')}`, 148);
  const answer = await check(dated);
  assert.equal(answer.code, 4, answer.said);
  await opened.close();
});

test('the stand-alone verifier reads names that somebody made to mislead, and keeps within what was signed', async () => {
  const { opened, store, host, key, folder, exported } = await open();
  const [program, pem, tar] = [join(folder, 'verify.mjs'), join(folder, 'control.pem'), join(folder, 'evidence.tar')];
  await writeFile(program, await standAloneVerifier());
  await writeFile(pem, key.publicKeyPem);
  const check = async (bytes: Buffer): Promise<{ code: number; said: string }> => {
    await writeFile(tar, bytes);
    const { code, stdout, stderr } = await runCommand(process.execPath, [program, tar, pem], {
      timeoutMs: 60_000,
      cwd: folder,
      env: {},
    });
    return { code, said: stdout + stderr };
  };
  const taken = async (): Promise<Buffer> => {
    const { id } = await store.take(TARGET, HOW, { incident: null });
    return readFile(await exported(id));
  };
  host.paths = [`layer/${'x'.repeat(120)}\n17 path=other.txt\n`, '../../etc/passwd', '__proto__', 'a\u202eb'];
  const named = await check(await taken());
  assert.equal(named.code, 0, named.said);
  assert.match(named.said, /4 files as they were signed/);

  host.paths = ['a.txt', 'b.txt'];
  host.change = (manifest) => ({ ...manifest, files: [0, 0].flatMap((at) => manifest.files[at] ?? []) });
  const hidden = await check(await taken());
  assert.equal(hidden.code, 4, hidden.said);
  assert.match(hidden.said, /files that the host did not name/);
  host.change = (manifest) => manifest;

  const entries: TarInput[] = [];
  for await (const { entry, bytes } of readTar(Readable.from([await taken()])))
    entries.push({
      path: entry.path,
      content: entry.path === 'evidence.tar.gz' ? gzipSync(Buffer.alloc(8 * 1024 * 1024)) : Buffer.from(bytes),
    });
  const swollen = await check(await bytesOf(packTar(entries)));
  assert.equal(swollen.code, 4, swollen.said);
  assert.match(swollen.said, /^evidence\.tar\.gz .*cannot be unpacked/);
  await opened.close();
});

test('a host whose word is not its own, or of something else, leaves nothing behind', async () => {
  const { opened, store, host, folder } = await open();
  const refused = () => assert.rejects(store.take(TARGET, HOW, null), hasCode('evidence.not-believed'));
  host.send = (bytes) => Buffer.concat([bytes, Buffer.from('x')]);
  await refused();
  host.send = (bytes) => bytes;
  host.change = (manifest) => ({ ...manifest, containerId: 'd'.repeat(64) });
  await refused();
  // What a list of evidence could not show, whoever signed it.
  host.change = (manifest) => ({ ...manifest, files: null }) as unknown as EvidenceManifest;
  await refused();
  host.change = (manifest) => manifest;
  host.known = newKey().publicKeyPem;
  await refused();
  assert.deepEqual(await store.list({ projects: '*', limit: 10 }), []);
  assert.deepEqual(await readdir(join(folder, 'kept')), []);
  await opened.close();
});

test('what is deleted is gone, and what it was, who deleted it and why stays', async () => {
  const { opened, store, folder } = await open();
  const { id } = await store.take(TARGET, HOW, null);
  await store.delete(id, 'user:eva', 'no longer needed');
  assert.deepEqual(await readdir(join(folder, 'kept')), []);
  assert.equal(await store.usedBytes(), 0);
  const [left] = await store.list({ projects: ['tienda'], limit: 10 });
  assert.equal(left?.manifest.files[0]?.path, 'processes.txt');
  await assert.rejects(store.export(id, 'user:ana'), hasCode('evidence.deleted'));
  await assert.rejects(store.delete(id, 'user:ana', 'x'), hasCode('evidence.deleted'));
  assert.deepEqual(await store.list({ projects: ['other'], limit: 10 }), []);
  await assert.rejects(store.find('%'), hasCode('evidence.unknown'));
  await opened.close();
});

test('T2: whichever statement fails, or the stream breaks, no evidence is half there, and the next one is whole', async () => {
  for (let failing = 1; ; failing++) {
    const { opened, folder, options } = await open();
    let statements = 0;
    let isArmed = true;
    const db = opened.db.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (isArmed && ++statements === failing) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
        return result;
      },
    });
    const store = new EvidenceStore({ ...options, db });
    const failed = await store.take(TARGET, HOW, {}).then(
      () => null,
      (error: unknown) => error,
    );
    isArmed = false;
    const kept = await readdir(join(folder, 'kept'));
    assert.equal(kept.length, failed === null ? 1 : 0, `statement ${failing}: ${kept}`);
    if (failed === null) {
      await opened.close();
      break;
    }
    // What came before it wrote anything is told as it is; the rest with the way out.
    if (failing > 1) assert.ok(hasCode('evidence.disk-full')(failed), `statement ${failing}: ${failed}`);
    const next = await store.take(TARGET, HOW, {});
    assert.deepEqual(await readdir(join(folder, 'kept')), [`${next.id}.tar.gz`]);
    await opened.close();
  }
  const { opened, host, folder, store } = await open();
  const take = host.take.bind(host);
  host.take = (name, order, receive) =>
    take(name, order, async () => {
      await receive(
        Readable.from(
          (async function* () {
            yield Buffer.from('half');
            throw new Error('the host is gone');
          })(),
        ),
      );
    });
  await assert.rejects(store.take(TARGET, HOW, {}), /gone/);
  assert.deepEqual(await readdir(join(folder, 'kept')), []);
  host.take = take;
  await store.take(TARGET, HOW, {});
  await opened.close();
});
