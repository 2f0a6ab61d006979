import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EvidenceFile } from '../../respond/evidence/format.ts';
import { EVIDENCE_DEPTH_MAX, EVIDENCE_FILES_MAX } from '../../respond/evidence/limits.ts';
import type { Instance } from '../setup/instance.ts';
import { keepFiles, memoryMounts, sanitize, sweepEvidence } from './evidence.ts';
import { readLayer } from './layer-changes.ts';
import { ownContainerIds } from './own-container.ts';
import { describeProcess, isOfContainer, namesOf, readSockets, socketAddress } from './process-facts.ts';

test('what a CRI server runs for the platform is no container of strangers', async () => {
  const container = { ...{ id: 'c'.repeat(64), name: 'c', labels: {}, image: 'i', state: 'running' as const }, pid: 7 };
  const pod = { ...{ id: 'b'.repeat(64), name: 'p', labels: {}, createdAtMs: 0, infra: null } };
  const times = { startedAtMs: 0, exitedAtMs: null, exitCode: null };
  const engine = { list: async () => [{ ...pod, containers: [{ ...container, ...times }] }] };
  const instance = { name: 'x', cri: { socket: '/nowhere' } } as Instance;
  assert.deepEqual([...(await ownContainerIds(instance, engine))], [pod.id, container.id]);
});

test('no value of an environment is in what the engine or the kernel says of a container', async () => {
  assert.deepEqual(namesOf('PASSWORD=geheim\0A=b=c\0\0=x\0plain\0A=d'), ['A', 'PASSWORD']);
  const told = sanitize({
    ...{ Id: 'c', Config: { Env: ['PASSWORD=geheim'], CreateCommand: ['podman', '-e', 'PASSWORD=geheim'], User: '1' } },
    HostConfig: { Annotations: { token: 'geheim' }, Privileged: false },
  });
  assert.doesNotMatch(JSON.stringify(told), /geheim/);
  assert.match(JSON.stringify(told), /PASSWORD/);
  const own = await describeProcess(process.pid);
  assert.ok(own !== null);
  assert.ok(own.environmentNames.includes('PATH'));
  assert.ok(own.openFiles.length > 2);
  assert.doesNotMatch(JSON.stringify(own.environmentNames), /\//);
});

test('addresses of sockets are read in the byte order of the kernel', () => {
  assert.equal(socketAddress('0100007F:1F90'), '127.0.0.1:8080');
  assert.equal(socketAddress('00000000000000000000000001000000:0016'), '[::1]:22');
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1',
  ].join('\n');
  assert.deepEqual(readSockets('tcp', table, new Map([['4242', [7]]])), [
    {
      protocol: 'tcp',
      local: '127.0.0.1:8080',
      remote: '0.0.0.0:0',
      state: 'listen',
      uid: 1000,
      inode: '4242',
      pids: [7],
    },
  ]);
});

test('changed files are told and copied, and a link to a file of the host is a link, never that file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-layer-'));
  try {
    const [upper, lower] = [join(folder, 'upper'), join(folder, 'lower')];
    await mkdir(join(upper, 'etc'), { recursive: true });
    await mkdir(join(lower, 'etc'), { recursive: true });
    await writeFile(join(lower, 'etc/passwd'), 'root');
    await writeFile(join(upper, 'etc/passwd'), 'root2');
    await writeFile(join(upper, 'new'), 'malware');
    await symlink('/etc/shadow', join(upper, 'shadow'));
    const copied = new Map<string, string>();
    const copy = (path: string, bytes: Buffer) => copied.set(path, bytes.toString()).size > 0;
    const { changes, cut } = await readLayer(upper, [lower], {
      copyFiles: true,
      over: new AbortController().signal,
      copy,
    });
    assert.deepEqual(
      changes.map(({ path, change, kind, target }) => [path, change, kind, target]),
      [
        ['/etc/passwd', 'changed', 'file', null],
        ['/new', 'added', 'file', null],
        ['/shadow', 'added', 'symlink', '/etc/shadow'],
      ],
    );
    assert.deepEqual(
      [...copied],
      [
        ['etc/passwd', 'root2'],
        ['new', 'malware'],
      ],
    );
    assert.equal(cut, null);
    const late = await readLayer(upper, [lower], { copyFiles: true, over: AbortSignal.abort(), copy });
    assert.deepEqual([late.changes.length, late.cut], [0, 'the container was not kept stopped any longer']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('files in memory are those of a whole tmpfs: neither the kernel’s own nor what the platform put there', () => {
  const line = (root: string, mount: string, kind: string) =>
    `36 35 98:0 ${root} ${mount} rw,noatime master:1 - ${kind} ${kind} rw`;
  const mounts = [
    line('/', '/', 'overlay'),
    line('/', '/dev', 'tmpfs'),
    line('/', '/dev/shm', 'tmpfs'),
    line('/', '/tmp', 'tmpfs'),
    line('/secret', '/run/secret', 'tmpfs'),
    line('/', '/proc/acpi', 'tmpfs'),
    line('/', '/sys/firmware', 'tmpfs'),
  ];
  assert.deepEqual(memoryMounts(mounts.join('\n')), ['/dev/shm', '/tmp']);
});

test('no path leads the reader out through a link, and what cannot be read hides nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-layer-'));
  const ways = { copyFiles: true, over: new AbortController().signal, copy: () => true };
  try {
    await mkdir(join(folder, 'outside/secret'), { recursive: true });
    await writeFile(join(folder, 'outside/secret/key'), 'geheim');
    const root = join(folder, 'root');
    await mkdir(join(root, 'tmp'), { recursive: true });
    await symlink(join(folder, 'outside'), join(root, 'shm'));
    await assert.rejects(readLayer(root, [], { ...ways, within: '/shm/secret' }), { code: 'ENOTDIR' });
    await assert.rejects(readLayer(root, [], { ...ways, within: '/shm' }), { code: 'ENOTDIR' });
    await mkdir(join(root, 'tmp', ...Array.from({ length: EVIDENCE_DEPTH_MAX + 2 }, () => 'd')), { recursive: true });
    // A name that is no UTF-8.
    await writeFile(Buffer.concat([Buffer.from(join(root, 'tmp/z')), Buffer.from([0xff])]), 'malware');
    const { changes, cut } = await readLayer(root, [], { ...ways, within: '/tmp' });
    assert.match(cut ?? '', /deeper/);
    assert.equal(changes.length, EVIDENCE_DEPTH_MAX + 2);
    assert.deepEqual([changes.at(-1)?.path, changes.at(-1)?.bytes, changes.at(-1)?.copied], ['/z\ufffd', 7, true]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('each path is in an archive once, and what a container has leaves room for the lists of it', () => {
  const files: EvidenceFile[] = [];
  const { keep, copy } = keepFiles(files);
  assert.ok(copy('executables/a', 'one program'));
  assert.ok(copy('executables/a', 'one program'), 'that runs twice');
  assert.ok(!copy('executables/a', 'another of its name'));
  assert.ok(!copy('x'.repeat(5_000), ''));
  let copied = 1;
  while (copy(`files/${copied}`, '')) copied++;
  assert.ok(copied < EVIDENCE_FILES_MAX);
  keep('changes.json', '[]');
  assert.equal(files.length, copied + 1);
  for (let one = files.length; one < EVIDENCE_FILES_MAX; one++) keep(`lists/${one}`, '');
  assert.throws(() => keep('more.json', ''), RangeError);
});

test('archives that an agent could not send go at its next start, and who is still stopped stays written down', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-evidence-'));
  t.after(() => rm(folder, { recursive: true }));
  await sweepEvidence(join(folder, 'none'));
  for (const name of ['01a2.tar.gz', '01a2.pcap', `${'ab'.repeat(32)}.frozen`])
    await writeFile(join(folder, name), 'x');
  await sweepEvidence(folder);
  assert.deepEqual(await readdir(folder), [`${'ab'.repeat(32)}.frozen`]);
});

test('the process of the engine beside a container is none of it', () => {
  const id = 'c'.repeat(64);
  assert.ok(isOfContainer(`0::/machine.slice/libpod-${id}.scope/container`, id));
  assert.ok(!isOfContainer(`0::/machine.slice/libpod-conmon-${id}.scope`, id));
  assert.ok(!isOfContainer('0::/user.slice', id));
});
