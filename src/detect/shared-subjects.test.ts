import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type ContainerFacts,
  EVENT_NAMES,
  EXEC,
  HEADER,
  KernelEvent,
  OPEN,
  PathNames,
  type ProcessFacts,
  RECORD,
  unknownProcess,
} from '../events/index.ts';
import { compileFilters, foldFilter } from './compile.ts';
import { entriesOf, liveFields, RuleEngine } from './engine.ts';
import type { Filter } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import { subjectsOf } from './live-subjects.ts';

const RULES = join(import.meta.dirname, '..', '..', 'rules', 'detection');
const CHOSEN = [
  'fd.name startswith /etc and proc.name in (cat, sh, vi, nano) and not container.id = host',
  'fd.directory in (/etc, /root, /srv, /bin) or proc.name = sh',
  'evt.is_open_write = true and fd.name pmatch (/etc/passwd, /root/*)',
  'not (proc.name = cat and fd.filename = shadow)',
  'proc.pname = sh and fd.name contains a',
  'container.image.repository endswith web and (fd.name = /etc/shadow or evt.is_open_read = true)',
  'proc.cmdline contains secret and proc.exepath exists',
  'not fd.name exists',
  'fd.num >= 0 and user.uid != 0',
  'evt.num > 0',
  'proc.name != cat and container.name != web',
  // Many times the same: what all share stands in several words of bits.
  ...Array.from({ length: 60 }, (_, i) => `fd.name startswith /etc and proc.name = cat and fd.num >= ${i % 7}`),
];
const PATHS = [
  '/etc/shadow',
  '/etc/passwd',
  '/root/.ssh/id',
  '/srv/app/index.js',
  '/bin/sh',
  '/',
  `/${'a/'.repeat(90)}b`,
];
const NAMES = ['cat', 'sh', 'node', 'vi'];

function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % below;
  };
}

function container(name: string): ContainerFacts {
  const image = `registry/p/${name}:1`;
  return {
    ...{ id: name.repeat(8), name, project: 'p', environment: 'e', workload: name, pod: name },
    container: name,
    image,
    digest: null,
  };
}

test('what events have in common is worked out once, and answers as if it were worked out each time', () => {
  const texts = readdirSync(RULES).map((file) => ({ file, text: readFileSync(join(RULES, file), 'utf8') }));
  const shipped = RuleEngine.load(texts).states.flatMap(({ rule }) => entriesOf(rule).map(({ filter }) => filter));
  const filters = [...CHOSEN.map(parseFilter), ...shipped];
  const memory = new ArrayBuffer(1_024);
  const bytes = Buffer.from(memory);
  const parent = unknownProcess(2, 1, 'sh');
  const around = {
    ...{ parentOf: (one: ProcessFacts) => (one === parent ? undefined : parent), processOf: () => undefined },
    ...{ userName: () => null, groupName: () => null, ask: () => null, wallOffsetNs: 1.7e18, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(memory, around, new PathNames());
  const random = numbers(7);
  let held = 0;
  for (const type of [RECORD.openat, RECORD.exec, RECORD.connect, RECORD.fork]) {
    const known = { 'evt.type': EVENT_NAMES[type] ?? '', 'evt.source': 'syscall', 'evt.dir': '<' };
    const folded = filters
      .map((one) => foldFilter(one, known, liveFields))
      .filter((one): one is Filter | true => one !== false);
    const plain = compileFilters(folded, liveFields);
    const shared = compileFilters(folded, liveFields, subjectsOf(type));
    // Some share a place with another one, and some take another name later.
    const processes = Array.from({ length: 12 }, (_, i) => ({
      ...unknownProcess(100 + (i % 5) * 256 + (i > 8 ? 1 : 0), 1, NAMES[i % 4]),
      ...{ exePath: `/bin/${NAMES[i % 4]}`, exe: 'x', args: i % 3 === 0 ? ['secret'] : [] },
    }));
    const containers = [null, container('web'), container('db'), container('web')];
    for (let round = 0; round < 3_000; round++) {
      bytes.fill(0);
      bytes.writeUInt16LE(type, 0);
      bytes.writeUInt32LE(random(3), HEADER.uid);
      bytes.writeUInt32LE(random(2) * 64, HEADER.cgroup);
      if (type === RECORD.openat) {
        const path = `${(PATHS[random(PATHS.length)] ?? '/').split('/').filter(Boolean).reverse().join('\0')}\0`;
        const length = path === '\0' ? 0 : bytes.write(path, OPEN.bytes);
        bytes.writeUInt32LE(length, OPEN.path_length);
        bytes.writeInt32LE(random(8) - 2, OPEN.result);
        bytes.writeUInt32LE(random(3), OPEN.open_flags);
        bytes.writeUInt32LE(0o100644, OPEN.mode);
      } else if (type === RECORD.exec) bytes.writeUInt32LE(random(3), EXEC.exe_flags);
      event.load(0);
      const process = processes[random(processes.length)];
      assert.ok(process);
      if (random(20) === 0) process.name = NAMES[random(NAMES.length)] ?? '';
      event.process = process;
      event.container = containers[random(containers.length)] ?? null;
      const wanted = plain(event);
      assert.deepEqual(shared(event), wanted, `${known['evt.type']}, round ${round}`);
      held += wanted?.length ?? 0;
    }
  }
  assert.ok(held > 10_000, `only ${held} conditions held`);
});
