import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { unknownProcess } from '../events/index.ts';
import { ImagePrograms, layersIn } from './image-programs.ts';
import { COMPARED_BYTES_A_SECOND, COMPARED_BYTES_MAX } from './limits.ts';

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
  const programs = new ImagePrograms(() => {
    asked += 1;
    return layers;
  });
  chmodSync(own, 0o700);
  assert.equal(programs.has(facts(), 5), true);
  assert.equal(programs.has(facts(), 5), true);
  assert.equal(asked, 1);
  writeFileSync(own, 'somebody’s\n');
  assert.equal(programs.has(facts(), 5), false);
});

test('what is not sure is not the image’s', (t) => {
  const { layers, own, base, facts } = ground(t);
  const has = (one: ReturnType<typeof facts>, mounts: typeof layers | null = layers) =>
    new ImagePrograms(() => mounts).has(one, 5);
  assert.equal(has(facts()), true);
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
  const programs = new ImagePrograms(
    () => layers,
    () => now,
  );
  const bytes = COMPARED_BYTES_MAX / 4 + 1;
  for (const path of [own, join(base, 'app/tool')]) truncateSync(path, bytes);
  assert.equal(programs.has(facts(), 1), true);
  assert.equal(programs.has(facts(), 2), false, 'there is time for less than two');
  assert.equal(programs.has(facts(), 1), true, 'what is known needs none');
  now += (1_000 * 2 * bytes) / COMPARED_BYTES_A_SECOND;
  assert.equal(programs.has(facts(), 2), true);
});

test('the layers are read as the kernel writes them', () => {
  const line = (options: string) =>
    `22 1 0:20 / /proc rw - proc proc rw\n30 22 0:40 / / rw,relatime - overlay overlay ${options}\n`;
  assert.deepEqual(layersIn(line('rw,lowerdir=/s/l/A:/s/l/B,upperdir=/s/x/diff,workdir=/s/x/work')), {
    upper: '/s/x/diff',
    lower: ['/s/l/A', '/s/l/B'],
  });
  assert.deepEqual(layersIn(line('rw,lowerdir=/s\\040s/l\\134:A:/b,upperdir=/u')), {
    upper: '/u',
    lower: ['/s s/l:A', '/b'],
  });
  assert.deepEqual(layersIn(line('rw,lowerdir+=/a,lowerdir+=/b,upperdir=/u'))?.lower, ['/a', '/b']);
  for (const other of ['rw,lowerdir=l/A:l/B,upperdir=x/diff', 'rw,lowerdir=/a', ''])
    assert.equal(layersIn(line(other)), null);
  assert.equal(layersIn('30 22 8:1 / / rw - ext4 /dev/sda1 rw\n'), null);
});
