import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FaultGround, missingPart } from './faults-ground.ts';

const DARSENA = join(import.meta.dirname, '..', '..', 'darsena');
const soak = process.env['DARSENA_SOAK'] === '1' ? false : 'a whole instance for one figure; DARSENA_SOAK=1 runs it';

/** Processes on this machine with the word among their arguments. */
async function processesWith(word: string): Promise<number> {
  let found = 0;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(word) && !line.includes('cli.ts')) found += 1;
  }
  return found;
}

test('W3: a login that ends takes its terminal in a real container within a second, and the command in it', {
  skip: (await missingPart()) || soak,
}, async (t) => {
  const ground = new FaultGround();
  t.after(() => ground.close());
  await ground.open();
  await ground.deploys();
  const word = 'word-that-nothing-else-has';
  const script = `: ${word}; while true; do echo tick; sleep 0.2; done`;
  const args = ['exec', 'mini/web', '--instance', ground.name, '--', 'busybox', 'sh', '-c', script];
  const terminal = spawn(DARSENA, args, {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', HOME: ground.home, LANG: 'C.UTF-8' },
  });
  let output = '';
  for (const stream of [terminal.stdout, terminal.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += String(chunk);
    });
  }
  const ended = new Promise<number>((resolve) => terminal.once('exit', () => resolve(performance.now())));
  for (let n = 0; n < 200 && !output.includes('tick'); n += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.match(output, /tick/);
  assert.ok((await processesWith(word)) > 0);
  const logout = await ground.darsena('logout');
  const answered = performance.now();
  assert.equal(logout.code, 0, logout.stderr);
  const tookMs = (await ended) - answered;
  t.diagnostic(`the terminal ended ${tookMs.toFixed(0)} ms after the answer to logout`);
  assert.ok(tookMs < 1_000, `${tookMs} ms`);
  let left = 1;
  for (let n = 0; n < 30 && left > 0; n += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    left = await processesWith(word);
  }
  assert.equal(left, 0, 'the command goes on in the container');
});
