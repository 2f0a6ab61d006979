import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareFiles } from './compare-files.ts';

test('two files are the same to their last byte, or they are not; what cannot be read is not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-compare-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const open = (name: string, bytes: Buffer): number => {
    writeFileSync(join(folder, name), bytes);
    const fd = openSync(join(folder, name), 'r');
    t.after(() => closeSync(fd));
    return fd;
  };
  const bytes = Buffer.alloc(300_001, 'darsena');
  const [one, same, longer] = [open('one', bytes), open('same', bytes), open('longer', Buffer.concat([bytes, bytes]))];
  const changed = Buffer.from(bytes);
  changed[300_000] = 0;
  assert.equal(await compareFiles(one, same), true);
  assert.equal(await compareFiles(one, open('changed', changed)), false);
  assert.equal(await compareFiles(one, longer), false);
  const gone = openSync(join(folder, 'same'), 'w');
  closeSync(gone);
  assert.equal(await compareFiles(one, gone), false);
});
