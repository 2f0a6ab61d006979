import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXE_FLAG, unknownProcess } from '../events/index.ts';
import { type Comparison, ImagePrograms, layersIn } from './image-programs.ts';
import { COMPARED_AT_ONCE_BYTES, COMPARED_BYTES_A_SECOND, COMPARED_BYTES_MAX, COMPARED_LATER_MS } from './limits.ts';

function ground(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-layers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const layers = { upper: join(folder, 'upper'), lower: [join(folder, 'l1'), join(folder, 'l2')] };
  for (const layer of [layers.upper, ...layers.lower]) mkdirSync(join(layer, 'app'), { recursive: true });
  const [, base = ''] = layers.lower;
  writeFileSync(join(base, 'app/tool'), 'the image’s\n');
  const own = join(layers.upper, 'app/tool');
  copyFileSync(join(base, 'app/tool'), own);
  /** As the kernel's record says: the number of the file below, the times of the file above. */
  const facts = (path = own) => ({
    ...{ ...unknownProcess(7, 1, 'tool'), exePath: '/app/tool' },
    exeInode: lstatSync(join(base, 'app/tool')).ino,
    exeChangedNs: Number(lstatSync(path, { bigint: true }).ctimeNs),
  });
  return { layers, own, base, facts };
}

test('a copy that has another owner or other rights is the image’s, and remembered as long as it is not changed', (t) => {
  const { layers, own, facts } = ground(t);
  let asked = 0;
  const programs = new ImagePrograms({
    layersOf: () => {
      asked += 1;
      return layers;
    },
  });
  chmodSync(own, 0o700);
  assert.equal(programs.has(facts(), 'c 5'), true);
  assert.equal(programs.has(facts(), 'c 5'), true);
  assert.equal(asked, 1);
  writeFileSync(own, 'somebody’s\n');
  assert.equal(programs.has(facts(), 'c 5'), false);
});

test('what is not sure is not the image’s', (t) => {
  const { layers, own, base, facts } = ground(t);
  const has = (one: ReturnType<typeof facts>, mounts: typeof layers | null = layers) =>
    new ImagePrograms({ layersOf: () => mounts }).has(one, 'c 5');
  assert.equal(has(facts()), true);
  assert.equal(
    has({ ...facts(), exeFlags: EXE_FLAG.upperLayer | EXE_FLAG.writers }),
    false,
    'somebody may write to it',
  );
  assert.equal(has(facts(), null), false, 'a process that ended');
  assert.equal(has({ ...facts(), exeInode: 1 }), false, 'a new file and no copy');
  assert.equal(has({ ...facts(), exeChangedNs: 1e18 }), false, 'another file stood there when it was executed');
  assert.equal(has({ ...facts(), exePath: '/app/other' }), false, 'no file of the image');
  // A layer above took the file away: it left a device node without a number there, and nothing below counts.
  mkdirSync(join(layers.lower[0] ?? '', 'app/tool'));
  assert.equal(has(facts()), false);
  rmSync(join(layers.lower[0] ?? '', 'app/tool'), { recursive: true });
  rmSync(own);
  linkSync(join(base, 'app/tool'), join(base, 'app/more'));
  assert.equal(has(facts(join(base, 'app/more'))), false, 'it is gone');
});

test('comparing has a bound in time, and what is not compared is told', (t) => {
  const { layers, own, base, facts } = ground(t);
  let now = 0;
  const programs = new ImagePrograms({ layersOf: () => layers, nowMs: () => now });
  const bytes = COMPARED_BYTES_MAX / 4 + 1;
  for (const path of [own, join(base, 'app/tool')]) truncateSync(path, bytes);
  assert.equal(programs.has(facts(), 'a 1'), true);
  assert.equal(programs.has(facts(), 'b 1'), false, 'there is time for less than two');
  assert.equal(programs.has(facts(), 'a 1'), true, 'what is known needs none');
  now += (1_000 * 2 * bytes) / COMPARED_BYTES_A_SECOND;
  assert.equal(programs.has(facts(), 'b 1'), true);
});

test('no link of an image or a container leads to the files of the host', (t) => {
  const { layers, base, facts } = ground(t);
  const outside = join(layers.upper, '../outside');
  mkdirSync(outside);
  linkSync(join(base, 'app/tool'), join(outside, 'tool'));
  const has = (one: ReturnType<typeof facts>): boolean => new ImagePrograms({ layersOf: () => layers }).has(one, 'c 5');
  // The image has a link where the container has a folder.
  symlinkSync(outside, join(base, 'led'));
  mkdirSync(join(layers.upper, 'led'));
  const led = join(layers.upper, 'led/tool');
  copyFileSync(join(outside, 'tool'), led);
  assert.equal(has({ ...facts(led), exePath: '/led/tool' }), false);
  // The container puts a link in the place of the folder from which it started the program.
  const kept = join(outside, 'copy/tool');
  mkdirSync(join(outside, 'copy'));
  copyFileSync(join(outside, 'tool'), kept);
  rmSync(join(layers.upper, 'app'), { recursive: true });
  symlinkSync(join(outside, 'copy'), join(layers.upper, 'app'));
  assert.equal(has(facts(kept)), false);
});

test('neither a path that is too long for a name nor links in a circle end the sensor', (t) => {
  const { layers, base, facts } = ground(t);
  const has = (exePath: string): boolean =>
    new ImagePrograms({ layersOf: () => layers }).has({ ...facts(), exePath }, 'c 5');
  assert.equal(has(`/${'deep'.repeat(50)}`.repeat(40)), false);
  symlinkSync('circle', join(base, 'circle'));
  assert.equal(has('/circle/tool'), false);
});

test('the layers of one container are never taken for those of the next one, whose namespace has the same number', (t) => {
  const { layers, facts } = ground(t);
  const programs = new ImagePrograms({ layersOf: () => (isSecond ? layers : { upper: '/none', lower: ['/none'] }) });
  let isSecond = false;
  assert.equal(programs.has(facts(), 'first 5'), false);
  isSecond = true;
  assert.equal(programs.has(facts(), 'second 5'), true);
});

test('the layers are read as the kernel writes them', () => {
  const line = (options: string) =>
    `22 1 0:20 / /proc rw - proc proc rw\n30 22 0:40 / / rw,relatime - overlay overlay ${options}\n`;
  const host = '90 30 0:40 / /storage/merged rw shared:9 - overlay overlay rw\n';
  const read = (options: string) => layersIn(line(options), host);
  assert.deepEqual(read('rw,lowerdir=/s/l/A:/s/l/B,upperdir=/s/x/diff,workdir=/s/x/work'), {
    upper: '/s/x/diff',
    lower: ['/s/l/A', '/s/l/B'],
  });
  assert.deepEqual(read('rw,lowerdir=/s\\040s/l\\134:A:/b,upperdir=/u'), {
    upper: '/u',
    lower: ['/s s/l:A', '/b'],
  });
  assert.deepEqual(read('rw,lowerdir+=/a,lowerdir+=/b,upperdir=/u')?.lower, ['/a', '/b']);
  for (const other of ['rw,lowerdir=l/A:l/B,upperdir=x/diff', 'rw,lowerdir=/a', '']) assert.equal(read(other), null);
  assert.equal(layersIn('30 22 8:1 / / rw - ext4 /dev/sda1 rw\n', host), null);
  // What somebody mounted within the container names folders as they are called there.
  const own = line('rw,lowerdir=/a,upperdir=/u');
  for (const others of ['', '90 30 0:41 / /storage/merged rw - overlay overlay rw\n'])
    assert.equal(layersIn(own, others), null);
});

test('a large program is compared elsewhere; what it does waits until that is over, and no longer than that may take', (t) => {
  const { layers, own, base, facts } = ground(t);
  let now = 0;
  const asked: Comparison[] = [];
  const programs = new ImagePrograms({
    layersOf: () => layers,
    nowMs: () => now,
    compareLater: (comparison) => asked.push(comparison),
  });
  assert.equal(programs.isUndecided(facts(), 'c 5'), false, 'a small one is compared at once');
  assert.equal(programs.has(facts(), 'c 5'), true);
  for (const path of [own, join(base, 'app/tool')]) truncateSync(path, COMPARED_AT_ONCE_BYTES + 1);
  assert.equal(programs.isUndecided(facts(), 'c 5'), true);
  assert.equal(programs.isUndecided(facts(), 'c 5'), true);
  assert.equal(asked.length, 1, 'it is asked for once');
  assert.deepEqual([programs.isComparing, programs.has(facts(), 'c 5')], [true, false]);
  assert.equal(programs.compared(99, true), false);
  assert.equal(programs.compared(asked[0]?.id ?? 0, true), true);
  assert.deepEqual([programs.isUndecided(facts(), 'c 5'), programs.has(facts(), 'c 5')], [false, true]);
  // The answer comes too late, or the file was written meanwhile: it is a new program.
  truncateSync(own, COMPARED_AT_ONCE_BYTES + 1);
  const late = facts();
  assert.equal(programs.isUndecided(late, 'c 5'), true);
  now += COMPARED_LATER_MS;
  assert.deepEqual([programs.isUndecided(late, 'c 5'), programs.has(late, 'c 5')], [false, false]);
  chmodSync(own, 0o700);
  assert.equal(programs.compared(asked[1]?.id ?? 0, true), true);
  assert.equal(programs.has(late, 'c 5'), false);
  assert.equal(programs.isComparing, false);
});
