import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NODE = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e'];
const HERE = JSON.stringify(new URL('index.ts', import.meta.url).href);

test('a log on a disk that is full ends nothing', async () => {
  const script = `
    import { createLog } from ${HERE};
    const log = createLog('test');
    log.info({}, 'one');
    log.error({}, 'two');
    process.stderr.write('here still');
  `;
  const { stderr } = await run('sh', ['-c', 'exec "$@" >/dev/full', 'sh', process.execPath, ...NODE, script], {
    timeout: 60_000,
  });
  assert.equal(stderr, 'here still');
});

test('what was cut when there was no room harms no line after it, and how many were lost is said', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-log-'));
  t.after(() => rm(folder, { recursive: true }));
  // A pipe that nobody empties takes a part of a line that is longer than it.
  const script = `
    import { closeSync, openSync, constants, readSync } from 'node:fs';
    import { createLog } from ${HERE};
    closeSync(1);
    if (openSync(process.argv[1], constants.O_RDWR | constants.O_NONBLOCK) !== 1) throw new Error('not as output');
    const log = createLog('test');
    log.info({}, 'x'.repeat(1_100_000));
    const taken = Buffer.alloc(2_000_000);
    const take = () => taken.toString('utf8', 0, readSync(1, taken));
    const cut = take();
    log.info({}, 'after');
    process.stderr.write(JSON.stringify([cut.endsWith('x'), ...take().split('\\n')]));
  `;
  await run('mkfifo', [join(folder, 'pipe')]);
  const { stderr } = await run(process.execPath, [...NODE, script, join(folder, 'pipe')], { timeout: 60_000 });
  const [isCut, rest, lost, after, end] = JSON.parse(stderr);
  assert.deepEqual([isCut, rest, end], [true, '', '']);
  assert.equal(JSON.parse(lost).lost, 1);
  assert.equal(JSON.parse(after).msg, 'after');
});
