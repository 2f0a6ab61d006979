import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runCommand } from './command.ts';

const run = promisify(execFile);
const NODE = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e'];
const HERE = JSON.stringify(new URL('index.ts', import.meta.url).href);

test('without a descriptor left a program is refused with the reason, and the process goes on', async () => {
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { runCommand } from ${HERE};
    const held = [];
    try { for (;;) held.push(openSync('/dev/null')); } catch {}
    const said = await runCommand('true', [], { timeoutMs: 1000 }).catch((error) => error.code);
    for (const one of held) closeSync(one);
    setImmediate(() => console.log(said));
  `;
  const { stdout } = await run('prlimit', ['--nofile=80:80', process.execPath, ...NODE, script]);
  assert.equal(stdout.trim(), 'EMFILE');
});

test('a time-out also ends the wait for output that a runaway grandchild holds open', async () => {
  const running = runCommand('sh', ['-c', 'setsid sleep 30 & echo $!'], {
    timeoutMs: 200,
    onLine: (line) => (pid = line),
  });
  let pid = '';
  await assert.rejects(running, { code: 'system.command-timeout' });
  // It is there still: nobody waited for it.
  process.kill(Number(pid), 'SIGKILL');
});
