import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CALL,
  type ContainerFacts,
  EVENT_NAMES,
  EXE_FLAG,
  KernelEvent,
  PathNames,
  type ProcessFacts,
  RECORD,
  unknownProcess,
} from '../events/index.ts';
import { RuleEngine } from './engine.ts';
import { readShippedRules } from './shipped-rules.ts';

const RULE = 'Network connection became the terminal of a program';
const DUP2 = EVENT_NAMES.indexOf('dup2');
const AF_INET = 2;
const CONTAINER: ContainerFacts = {
  ...{ id: 'c'.repeat(64), name: 'web', project: 'p', environment: 'e', workload: 'web', pod: 'web' },
  ...{ container: 'web', image: 'registry/p/web:1', digest: null },
};

const engine = RuleEngine.load(readShippedRules());

function program(file: string, words: readonly string[], name = file.slice(file.lastIndexOf('/') + 1)): ProcessFacts {
  const [exe = '', ...args] = words;
  return { ...unknownProcess(7, 1, name), exe, exePath: file, args };
}

function isTold(type: number, process: ProcessFacts, localPort: number, parent?: ProcessFacts): boolean {
  const memory = new ArrayBuffer(1_024);
  const bytes = Buffer.from(memory);
  bytes.writeUInt16LE(type, 0);
  if (type === DUP2) {
    bytes.writeUInt16LE(AF_INET, CALL.family);
    bytes.writeUInt16LE(1, CALL.is_socket);
    bytes.writeUInt16LE(localPort, CALL.local_port);
  }
  const around = {
    ...{ parentOf: (one: ProcessFacts) => (one === process ? parent : undefined), processOf: () => undefined },
    ...{ userName: () => null, groupName: () => null, ask: () => null, wallOffsetNs: 1.7e18, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(memory, around, new PathNames());
  event.load(0);
  event.process = process;
  event.container = CONTAINER;
  return (engine.match(event) ?? []).some((held) => engine.ruleName(type, held) === RULE);
}

test('a server of the image that takes connections as its input is not told, however busybox was called', () => {
  const servers = [
    program('/bin/busybox', ['busybox', 'httpd', '-f', '-p', '8080']),
    program('/bin/busybox', ['/bin/busybox', 'httpd']),
    program('/bin/busybox', ['httpd', '-f'], 'httpd'),
    program('/bin/busybox-extras', ['busybox-extras', 'httpd', '-f']),
    program('/bin/httpd', ['/bin/httpd', '-f']),
    program('/usr/sbin/inetutils-inetd', ['/usr/sbin/inetd'], 'inetd'),
  ];
  for (const server of servers) assert.equal(isTold(DUP2, server, 8_080), false, server.exePath);
});

test('shells that are bound to a port or call back are told, whatever they call themselves', () => {
  const acts = [
    program('/bin/busybox', ['busybox', 'nc', '-l', '-p', '4444', '-e', '/bin/sh']),
    program('/bin/busybox', ['nc', 'httpd', '4444', '-p', '1000', '-e', '/bin/sh']),
    program('/bin/busybox', ['busybox', 'httpdx']),
    // One file with many names is what the first word says.
    program('/bin/httpd', ['nc', '-l', '-p', '4444', '-e', '/bin/sh'], 'httpd'),
    program('/usr/bin/perl', ['perl', 'x.pl'], 'httpd'),
    program('/usr/bin/perl', ['httpd'], 'httpd'),
    { ...program('/tmp/httpd', ['httpd']), exeFlags: EXE_FLAG.upperLayer },
  ];
  for (const act of acts) assert.equal(isTold(DUP2, act, 4_444), true, [act.exe, ...act.args].join(' '));
  const httpd = program('/bin/busybox', ['busybox', 'httpd', '-f']);
  assert.equal(isTold(DUP2, httpd, 40_000), true, 'a connection that it opened itself');
});

test('a bare shell that a server starts for each connection is told, and its scripts are not', () => {
  const server = program('/bin/busybox', ['tcpsvd', '0', '4444', 'sh'], 'tcpsvd');
  const starts = (words: readonly string[], name: string): boolean =>
    isTold(RECORD.exec, program('/bin/busybox', words, name), 0, server);
  assert.equal(starts(['sh'], 'sh'), true);
  assert.equal(starts(['sh', '-i'], 'sh'), true);
  assert.equal(starts(['busybox', 'sh'], 'busybox'), true);
  assert.equal(starts(['/bin/sh', '/srv/answer'], 'answer'), false);
  assert.equal(starts(['sh', '/srv/answer'], 'sh'), false);
  const shell = program('/bin/busybox', ['sh'], 'sh');
  assert.equal(isTold(RECORD.exec, shell, 0, program('/bin/busybox', ['sh'], 'sh')), false);
});
