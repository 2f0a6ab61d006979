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
  let pid = 0;
  // A busy machine may take long to begin it; one that begins later has nobody to say so to, and ends.
  for (let timeoutMs = 200; pid === 0; timeoutMs *= 5) {
    assert.ok(timeoutMs < 60_000, 'the grandchild never began');
    const running = runCommand('sh', ['-c', "setsid sh -c 'echo $$; exec sleep 300' &"], {
      timeoutMs,
      onLine: (line) => (pid = Number(line)),
    });
    await assert.rejects(running, { code: 'system.command-timeout' });
  }
  // It is there still: nobody waited for it.
  process.kill(pid, 'SIGKILL');
});
