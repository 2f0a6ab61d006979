import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../system/index.ts';
import type { PodSpec } from '../../model.ts';
import { ContentFiles } from './content-files.ts';
import { openChannels } from './cri/channels.ts';
import { CriClient } from './cri/grpc.ts';
import { readLog, turnLog } from './cri/logs.ts';
import { RUNTIME } from './cri/messages.ts';
import { decodeMessage, encodeMessage, WireError } from './cri/protobuf.ts';
import { CriShelf } from './cri/shelf.ts';
import { MemoryEngine } from './memory.ts';
import { findRuntimes, knownRuntimes } from './runtimes.ts';
import { CAPABILITIES, checkConformance } from './test-conformance.ts';

test('the engine in memory keeps what engines promise', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-memory-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const engine = new MemoryEngine({ clock: systemClock });
  const results = await checkConformance(
    { engine, instance: 'dz', image: 'x@sha256:00', credentials: null, folder, runs: false, reopen: () => engine },
    () => undefined,
  );
  const wanted = CAPABILITIES.filter(({ needsProcess }) => !needsProcess).map(({ key }) => [key, null]);
  assert.deepEqual(results, Object.fromEntries(wanted));
});

test('messages of the interface are written as protocol buffers write them, and read back', () => {
  const [asked] = RUNTIME.RunPodSandbox;
  const draft = {
    config: {
      metadata: { name: 'p', uid: 'u', namespace: 'n', attempt: 300 },
      labels: { a: 'b' },
      dns: { servers: ['1', '2'] },
    },
    runtimeHandler: 'runsc',
  };
  const bytes = encodeMessage(asked, draft);
  // Worked out by hand from protobuf.dev, "Encoding".
  const metadata = '0a01701201751a016e20ac02';
  const config = `0a0c${metadata}22060a01310a013232060a0161120162`;
  assert.equal(Buffer.from(bytes).toString('hex'), `0a1e${config}120572756e7363`);
  const read = decodeMessage(asked, bytes);
  assert.equal(read.config?.metadata?.attempt, 300);
  assert.deepEqual(read.config?.labels, { a: 'b' });
  assert.deepEqual(read.config?.dns?.servers, ['1', '2']);
  assert.equal(read.config?.linux, null);
});

test('what is no message is refused, and what a later server adds is skipped', () => {
  const [, answered] = RUNTIME.ContainerStatus;
  const read = (hex: string) => decodeMessage(answered, Buffer.from(hex, 'hex'));
  // Field 200 of any type is nobody's business; exit code 137 and a start in nanoseconds are.
  const status = '2880808080c0c3d0b318388901';
  assert.equal(read(`0a0d${status}`).status?.exitCode, 137);
  assert.equal(read(`c20c036162630a0d${status}`).status?.exitCode, 137);
  for (const broken of ['0a', '0aff', '0a05', '0a020a', '08ff', '0a0338', 'ffffffffffffffffffffff', '0a0438ffffff'])
    assert.throws(() => read(broken), WireError, broken);
  // A member of a map is a member, whatever it is called.
  const [, listed] = RUNTIME.Status;
  const entry = encodeMessage({ key: [1, 'string'], value: [2, 'string'] }, { key: '__proto__', value: 'x' });
  const { info } = decodeMessage(listed, Buffer.concat([Buffer.from([0x12, entry.length]), entry]));
  assert.deepEqual(Object.entries(info), [['__proto__', 'x']]);
  assert.equal(Object.getPrototypeOf(info), Object.prototype);
});

test('a server that ends in the middle, or answers without an end, fails its question and nothing else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-cri-'));
  const answers: ((stream: ServerHttp2Stream) => void)[] = [
    (stream) => stream.session?.destroy(),
    (stream) => stream.close(2),
    // An end without a status, while the question is still on its way.
    (stream) => stream.respond({ ':status': 200 }, { endStream: true }),
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]));
    },
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    },
    (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
    () => undefined,
  ];
  let answer: (typeof answers)[number] | null = null;
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session.on('error', () => undefined)));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    answer?.(stream);
  });
  const socketPath = join(folder, 's');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const client = new CriClient(socketPath);
  t.after(async () => {
    client.close();
    for (const session of sessions) session.destroy();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const command = Array.from({ length: 20 }, () => 'x'.repeat(10_000));
  for (answer of answers) {
    const asked = client.ask('ExecSync', { containerId: 'c', command }, { operation: 'exec', timeoutMs: 300 });
    await assert.rejects(asked, (error: { code?: string }) => /^engine\./.test(error.code ?? ''));
  }
  for (const url of ['', 'no address', 'http://192.0.2.1/x', 'https://127.0.0.1/x', 'http://127.0.0.1.example.org/'])
    await assert.rejects(openChannels(url, 'exec'), { code: 'engine.refused' }, url);
});

test('what is kept beside a CRI server is closed to accounts of the host, and a writing that was cut is no entry', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-shelf-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const shelf = new CriShelf(join(folder, 'cri'));
  const { path } = await shelf.ensureVolume({ name: 'data', labels: {} }, new Date(0));
  await shelf.giveTo('data', null);
  assert.equal((await stat(path)).mode & 0o777, 0o777);
  for (const closed of [join(path, '..'), join(folder, 'cri')]) assert.equal((await stat(closed)).mode & 0o077, 0);
  await shelf.ensureNetwork({ name: 'n', bridge: 'b', labels: {} });
  await writeFile(join(folder, 'cri', 'networks', '.n.json.0a1b2c'), '{"na');
  assert.deepEqual(
    (await shelf.networks()).map(({ name }) => name),
    ['n'],
  );
});

test('a log that cannot be turned over keeps its name, so that it is tried again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-turn-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'log');
  await writeFile(path, 'x');
  await truncate(path, 11 * 1024 * 1024);
  const refuse = async (): Promise<void> => {
    throw new Error('container is not running');
  };
  await assert.rejects(turnLog(path, refuse), /not running/);
  assert.deepEqual(await readdir(folder), ['log']);
  await turnLog(path, () => writeFile(path, 'new'));
  assert.deepEqual((await readdir(folder)).sort(), ['log', 'log.1']);
});

test('a log is followed over its parts, its turn and its end', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-log-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'log');
  const at = '2026-01-01T00:00:00.000000000Z';
  await writeFile(
    path,
    `${at} stdout F one\n${at} stderr P half \n${at} stderr F a line\nno log line\n${at} stdout F \n`,
  );
  const lines: string[] = [];
  let ended = false;
  const reading = (async () => {
    for await (const { stream, line } of readLog(path, { follow: true }, async () => ended))
      lines.push(`${stream} ${line}`);
  })();
  const until = async (count: number): Promise<void> => {
    while (lines.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await until(3);
  await appendFile(path, `${at} stdout F before the turn\n`);
  await rename(path, `${path}.1`);
  await writeFile(path, `${at} stdout F after it\n`);
  await until(5);
  await appendFile(path, `${at} stdout F last\n`);
  ended = true;
  await reading;
  assert.deepEqual(lines, [
    'stdout one',
    'stderr half a line',
    'stdout ',
    'stdout before the turn',
    'stdout after it',
    'stdout last',
  ]);
  const tail: string[] = [];
  for await (const { line } of readLog(path, { tail: 1 }, async () => true)) tail.push(line);
  assert.deepEqual(tail, ['last']);
});

test('a run-time that a host lacks is told with its reason', async () => {
  const known = knownRuntimes(['runc', 'kata-qemu']);
  assert.deepEqual(
    known.map(({ name, handler, missing }) => [name, handler, missing === null]),
    [
      ['runc', 'runc', true],
      ['crun', 'crun', false],
      ['runsc', 'runsc', false],
      ['kata', 'kata-qemu', true],
    ],
  );
  const old = await findRuntimes({
    ...({ cgroupVersion: 1, rootless: false, standard: 'runc', takesAnother: false } as const),
  });
  assert.equal(old.find(({ name }) => name === 'runc')?.missing, null);
  assert.notEqual(old.find(({ name }) => name === 'runsc')?.missing, null);
  assert.match(old.find(({ name }) => name === 'crun')?.missing?.en ?? '', /not installed|cgroup v2/);
});

test('files of ConfigMaps and Secrets are reached by whoever a container runs as, whatever the umask of the agent', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'dz-content-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  const spec: PodSpec = {
    ...{ labels: {}, annotations: {}, initContainers: [], containers: [], terminationGraceSeconds: 1 },
    volumes: [{ kind: 'content', name: 'a', content: 'x', files: [{ key: 'k', path: 'deep/er/file', mode: 0o440 }] }],
    fsGroup: { group: 3000, onlyWhenRootDiffers: false },
  };
  const contents = { x: { kind: 'config' as const, name: 'cm', data: { k: Buffer.from('v').toString('base64') } } };
  const files = new ContentFiles(join(root, 'content'));
  await files.write('pod', spec, contents, () => assert.fail('nothing is composed'));
  const top = files.folder('pod', 'a');
  for (const path of [top, join(top, 'deep'), join(top, 'deep', 'er')])
    assert.equal((await stat(path)).mode & 0o777, 0o755, path);
  const file = await stat(join(top, 'deep', 'er', 'file'));
  assert.equal(file.mode & 0o777, 0o440);
  if (process.getuid?.() === 0) assert.equal(file.gid, 3000);
  assert.equal((await stat(join(root, 'content'))).mode & 0o777, 0o700, 'and by nobody else of the host');
});
