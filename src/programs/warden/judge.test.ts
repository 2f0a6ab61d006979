import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerGuard } from '../../prevent/guard.ts';
import { Prevention } from '../agent/prevention.ts';
import { Hashes, judgeExec, judgeOpen, Origins } from './judge.ts';
import type { WardenWord } from './messages.ts';

const ID = 'c'.repeat(64);
const GUARD: ContainerGuard = {
  containerId: ID,
  rules: [
    { policy: 'strict', part: 'drift', effect: 'act' },
    { policy: 'strict', part: 'command', effect: 'act' },
    { policy: 'trial', part: 'command', effect: 'report' },
  ],
  drift: 0,
  except: ['/opt/*'],
  commands: [
    { pattern: '0'.repeat(64), kind: 'hash', rule: 1 },
    { pattern: 'nc', kind: 'name', rule: 2 },
  ],
  files: [{ pattern: 'libpcap.so*', kind: 'glob', rule: 2 }],
  whenLate: 'allow',
};
const WORD: WardenWord = { guard: GUARD, pid: 1, drift: true, vouch: false, commands: [0, 1], files: [0] };

const tools = () => ({ hashes: new Hashes(), origins: new Origins() });
const FOREVER = Number.MAX_SAFE_INTEGER;

test('a copy with other rights is of the image as long as nobody changes it, and is vouched for; whoever may be writing is waited for', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-warden-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [lower, upper] = [join(folder, 'lower'), join(folder, 'upper')];
  const own = join(upper, 'tool');
  mkdirSync(lower);
  mkdirSync(upper);
  writeFileSync(join(lower, 'tool'), Buffer.alloc(3 * 1024 * 1024, 'image'));
  copyFileSync(join(lower, 'tool'), own);
  chmodSync(own, 0o700);
  const layers = { upper, lower: [lower] };
  let [isWritten, held, vouched, path] = [false, 0, 0, '/tool'];
  const hold = () => {
    held += isWritten ? 0 : 1;
    return !isWritten;
  };
  const letGo = () => {
    held -= 1;
  };
  const origins = new Origins({ hold, letGo, pathOf: () => path });
  const of = (untilMs = FOREVER) => {
    const fd = openSync(own, 'r');
    try {
      return origins.of(fd, '/tool', layers, untilMs);
    } finally {
      closeSync(fd);
    }
  };
  isWritten = true;
  assert.equal(of(), 'other', 'somebody has it open to write');
  isWritten = false;
  path = '/moved';
  assert.equal(of(), 'other', 'it has another name by now, and another file may have this one');
  path = '/tool';
  assert.equal(of(0), 'late');
  assert.deepEqual([of(), held], ['copy', 0]);
  isWritten = true;
  assert.equal(of(), 'copy', 'it is known');
  isWritten = false;
  const judge = (word: Partial<WardenWord>) => {
    const fd = openSync(own, 'r');
    try {
      const vouch = () => {
        vouched += 1;
      };
      return judgeExec(
        { ...WORD, commands: [], ...word },
        layers,
        { fd, path: '/tool' },
        { ...tools(), origins, vouch },
        FOREVER,
      );
    } finally {
      closeSync(fd);
    }
  };
  assert.deepEqual([judge({}), vouched], [null, 0]);
  assert.deepEqual([judge({ drift: false, vouch: true }), vouched], [null, 1]);
  writeFileSync(own, 'another’s', { flag: 'r+' });
  assert.equal(of(), 'other');
  assert.deepEqual(judge({ vouch: true }), { rule: 0, late: false });
  assert.deepEqual([judge({ drift: false, vouch: true }), vouched], [null, 1], 'the kernel judges it');
  // A link in the layer leads to no file of the host.
  rmSync(join(lower, 'tool'));
  symlinkSync(own, join(lower, 'tool'));
  assert.equal(of(), 'other');
});

test('what is only reported of a program takes nothing from what else forbids it', (t) => {
  const fd = openSync(import.meta.filename, 'r');
  t.after(() => closeSync(fd));
  // No layer has it: it is drift.
  const judge = (path: string, word: WardenWord = WORD, untilMs = Number.MAX_SAFE_INTEGER) =>
    judgeExec(word, { upper: null, lower: ['/proc/1/nowhere'] }, { fd, path }, tools(), untilMs);
  assert.deepEqual(judge('/tmp/nc'), { rule: 0, late: false }, 'a trial names it, and it is not in the image');
  assert.deepEqual(judge('/opt/nc'), { rule: 2, late: false });
  assert.equal(judge('/opt/other'), null);
  assert.deepEqual(judge('/opt/nc', WORD, 0), { rule: 1, late: true }, 'a hash that acts could not be taken in time');
  assert.deepEqual(judge('/tmp/other', WORD, 0), { rule: 0, late: false }, 'drift is known without it');
  const trial = { ...GUARD, rules: GUARD.rules.map((rule) => ({ ...rule, effect: 'report' as const })) };
  assert.deepEqual(judge('/tmp/nc', { ...WORD, guard: trial }), { rule: 2, late: false }, 'by its name first');
  assert.deepEqual(judgeOpen(WORD, '/usr/lib/libpcap.so.1'), { rule: 2, late: false });
  assert.equal(judgeOpen(WORD, '/usr/lib/libc.so.6'), null);
});

const DIGEST = `sha256:${'d'.repeat(64)}`;

test('a command by its name is said to be as strong as what of it a link gets around', () => {
  const container = {
    ...{ id: ID, name: 'web', project: 'tienda', environment: 'pro', workload: 'web', pod: 'p', container: 'web' },
    ...{ image: 'tienda/web:1', digest: null, pid: 7 },
  };
  const prevention = new Prevention({
    ...{ setGuards: () => undefined, setWarden: () => undefined, raise: () => undefined, tell: () => undefined },
    labelsOf: () => ({}),
  });
  const policy = (name: string, command: string) => ({
    ...({
      name,
      mode: 'enforce',
      drift: false,
      except: [],
      commands: [command],
      files: [],
      components: [],
      packages: [],
    } as const),
    match: { projects: ['*'], environments: null, workloads: null, images: null, labels: null },
    whenLate: 'allow' as const,
  });
  prevention.follow({ revision: 'r', packages: [], policies: [policy('by-name', 'nc'), policy('by-path', '/bin/nc')] });
  prevention.setContainers([container]);
  const strengths = () =>
    Object.fromEntries(prevention.state.policies.map(({ policy: of, strength, means }) => [of, [strength, means]]));
  const signal = { means: 'bpf-signal', why: 'no bpf in the list of LSMs' } as const;
  prevention.kernelReaches({ exec: signal, open: signal, left: [] });
  assert.deepEqual(strengths(), { 'by-name': ['kills', 'bpf-signal'], 'by-path': ['blocks', 'fanotify'] });
  const many = Array.from({ length: 6 }, (_, n) => ({
    ...policy(`many-${n}`, 'x'),
    commands: Array.from({ length: 200 }, (_x, m) => `/x${m}`),
  }));
  prevention.follow({ revision: 's', packages: [], policies: many });
  assert.deepEqual(strengths()['many-5'], ['nothing', null]);
  prevention.follow({ revision: 'r', packages: [], policies: [policy('by-name', 'nc'), policy('by-path', '/bin/nc')] });
  prevention.kernelReaches(null);
  assert.deepEqual(strengths()['by-name'], ['blocks', 'fanotify']);
  assert.match(prevention.state.policies[0]?.why?.en ?? '', /link/);
  const lsm = { means: 'bpf-lsm', why: null } as const;
  prevention.kernelReaches({ exec: lsm, open: lsm, left: [] });
  assert.deepEqual(strengths()['by-name'], ['blocks', 'bpf-lsm']);
  // Of packages: as strong as their paths, and beside it what nobody can enforce in this image.
  const gap = { en: 'cannot be enforced because x', es: 'no se puede imponer porque x' };
  const found = [
    { purl: 'pkg:deb/debian/a@1', programs: ['/bin/a'], libraries: ['/lib/a.so'] },
    { purl: 'pkg:deb/debian/b@1', programs: ['/bin/b'], libraries: [] },
  ];
  prevention.follow({
    revision: 'p',
    policies: [{ ...policy('tools', 'x'), commands: [], packages: ['a', 'b'] }],
    packages: [{ policy: 'tools', digest: DIGEST, gap, found }],
  });
  const rows = () => prevention.state.policies.map(({ strength, containers, why }) => [strength, containers, why?.en]);
  assert.deepEqual(rows(), [['nothing', 1, 'cannot be enforced because what is in the image is not known here yet']]);
  prevention.setContainers([{ ...container, digest: DIGEST }]);
  assert.deepEqual(rows(), [
    ['nothing', 1, gap.en],
    ['blocks', 1, undefined],
  ]);
});
