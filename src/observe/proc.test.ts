import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { programOf, readProcess } from './proc.ts';

test('a program whose file is gone keeps its path, and a name that only looks like it stays', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'programs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const running = async (name: string): Promise<{ pid: number; path: string }> => {
    const path = join(folder, name);
    copyFileSync('/bin/sleep', path);
    const child = spawn(path, ['60'], { stdio: 'ignore' });
    await once(child, 'spawn');
    t.after(() => child.kill('SIGKILL'));
    const pid = child.pid ?? 0;
    while (readlinkSync(`/proc/${pid}/exe`) !== path) await sleep(5);
    return { pid, path };
  };
  const plain = await running('plain');
  assert.deepEqual(programOf(plain.pid), { path: plain.path, isDeleted: false });
  unlinkSync(plain.path);
  assert.deepEqual(programOf(plain.pid), { path: plain.path, isDeleted: true });
  assert.equal(readProcess(plain.pid)?.exePath, plain.path);

  const odd = await running('odd (deleted)');
  assert.deepEqual(programOf(odd.pid), { path: odd.path, isDeleted: false });
  unlinkSync(odd.path);
  assert.deepEqual(programOf(odd.pid), { path: odd.path, isDeleted: true });
  // Another file takes the place.
  copyFileSync('/bin/sleep', plain.path);
  copyFileSync('/bin/sleep', `${plain.path} (deleted)`);
  assert.deepEqual(programOf(plain.pid), { path: plain.path, isDeleted: true });
});
