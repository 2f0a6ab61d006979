import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hangUp } from './kill.ts';

test('a process is ended with all below it, also with what another of its threads began', async (t) => {
  const begin = `const { pid } = require('node:child_process').spawn('sleep', ['300'], { stdio: 'ignore' }); console.log(pid);`;
  const program = `${begin} new (require('node:worker_threads').Worker)(${JSON.stringify(`${begin} setInterval(() => 0, 1000)`)}, { eval: true });`;
  const parent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  const children: number[] = [];
  t.after(() => {
    for (const pid of [...children, parent.pid ?? 0]) if (pid > 1 && existsSync(`/proc/${pid}`)) process.kill(pid, 9);
  });
  let said = '';
  parent.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const until = async (what: string, is: () => boolean): Promise<void> => {
    for (const end = performance.now() + 60_000; !is(); await delay(20))
      assert.ok(performance.now() < end, `${what}: ${said}`);
  };
  await until('both begin', () => said.trim().split('\n').filter(Boolean).length === 2);
  children.push(...said.trim().split('\n').map(Number));
  // Every path of a cgroup has a stroke in it: all that is below counts as in the container.
  await hangUp(parent.pid ?? 0, '/');
  for (const pid of children) await until(`${pid} ends`, () => !existsSync(`/proc/${pid}`));
});
